# SPDX-License-Identifier: Apache-2.0
"""Workers from which one guard was taken out, everything else the same: the controls of tests/chaos/test_mutants.py. They show
that a run fails without the guard, and so that the guard is what keeps the promise.

    python3 -m tests.support.mutants fence >build/debug/mutants/fence.c

writes the one source file that differs, for the Makefile to link in the place of the library's: the scripts of common/lua
as they are embedded, or a file of worker/. A text that is not there any more fails the build: whoever changes it says here
what the guard is now.
"""

from __future__ import annotations

import argparse
import functools

from tests.support.changes import Change
from tests.support.scripts import LUA, embed

ROOT = LUA.parents[1]


def _of_the_epoch(script: str) -> Change:
    return Change(script, "closed_until_ms = closed_ms <= NOW_MS and tonumber(values[3]) or 0,", "closed_until_ms = 0,")


# By what is missing. Either scripts or one C file.
MUTANTS: dict[str, tuple[Change, ...]] = {
    # What is told of a call is taken, whatever dial of it and whatever worker it comes from, and however old its lease is.
    "fence": (
        Change("call_begin", "if call.d ~= dial or call.w ~= worker then", "if false then"),
        Change("call_begin", "if not lease or lease <= NOW_MS then", "if false then"),
        Change("call_release", " and call.d == tonumber(ARGV[i + 2]) and call.w == worker then", " then"),
        Change("call_abort", " and call.d == tonumber(ARGV[i + 2]) and (call.w == worker or worker == '-') then", " then"),
        Change("call_accept", "if call.d ~= tonumber(ARGV[at + 2]) or", "if"),
        Change("call_recheck", "if not call or call.l ~= dial then", "if not call then"),
        Change("call_finish", "if not call or not call.l or result.dial > call.l then", "if not call or not call.l then"),
        Change("call_finish", "if result.dial < call.l then", "if false then"),
    ),
    # That a call is on its way is written down with the platform's answer, not before it is asked: until then it is a claim.
    "begin-intent": (
        Change("call_begin", "  zset.put(KEY_LIVE, member, math.min(begin_ms + post_ms, hard_ms))\n", ""),
        Change("call_begin", "  call_move(batch, call, 'begin')\n", ""),
        Change("call_begin", "  zset.drop(KEY_CLAIMED, member .. CLAIM_END)\n  batch.attempts", "  batch.attempts"),
        Change("call_begin", "    if slot_us and lease and", "    if false and lease and"),
        Change(
            "call_accept",
            "  if call.d ~= tonumber(ARGV[at + 2]) or",
            "  if call.phase == 'claimed' and call.d == tonumber(ARGV[at + 2]) then\n"
            "    redis.call('ZREM', KEY_CLAIMED, call_member(batch, call) .. '/' .. call.w)\n"
            "    call_move(batch, call, 'begin')\n"
            "    batches_flush()\n"
            "  end\n"
            "  if call.d ~= tonumber(ARGV[at + 2]) or",
        ),
    ),
    # A create request carries an id that nobody would ask for.
    "request-id": (Change("worker/place.c", "        .token = token,\n", "        .token = token + 1,\n"),),
    # A claim that is asked for again, because its answer was lost, is another claim.
    "claim-request-id": (Change("call_claim", "if stored and stored:match('^%S+') == request then", "if false then"),),
    # After another Redis than before everything goes on at once.
    "grace-period": (_of_the_epoch("call_claim"), _of_the_epoch("call_begin")),
    # That the platform does not know a call is believed the first time.
    "absent-twice": (
        Change("call_recheck", "if call.z and asked_ms - tonumber(call.z) >= absent_after_ms then", "if true then"),
    ),
}


def scripts(name: str) -> dict[str, str]:
    """The texts that the mutant loads, by the script's name; "": those of the worker that has every guard."""

    def changed(script: str, text: str) -> str:
        for change in MUTANTS[name] if name else ():
            if change.where == script:
                text = change.apply(text)
        return text

    return {path.stem: embed().source(path, change=functools.partial(changed, path.stem)) for path in sorted(LUA.glob("*.lua"))}


def code(name: str) -> str:
    """The source file that differs."""
    files = {change.where for change in MUTANTS[name] if change.where.endswith(".c")}
    if not files:
        return str(embed().code(scripts(name)))
    (path,) = files
    text = (ROOT / path).read_text(encoding="utf-8")
    for change in MUTANTS[name]:
        text = change.apply(text)
    return f'#line 1 "{path}"\n{text}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("name", choices=sorted(MUTANTS))
    print(code(parser.parse_args().name), end="")


if __name__ == "__main__":
    main()
