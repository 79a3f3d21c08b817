# SPDX-License-Identifier: Apache-2.0
"""call_finish and call_accept take the ordinary call a straight way and any other a long one. Both write the same.

The states are the same in every run. CARILLON_MODEL_EXAMPLES=N tries the first N.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.support.changes import Change
from tests.support.engine import Engine, Slot, phone_of
from tests.support.redis_clock import RedisClock
from tests.support.scripts import Scripts
from tests.support.ways import Ways

EXAMPLES = int(os.environ.get("CARILLON_MODEL_EXAMPLES", "0")) or 250
FIRST_NUMBER = 15551230001
HOOK = "http://127.0.0.1/hook"
HOOKS: tuple[dict[str, str | None], ...] = (
    {}, {"on_event": HOOK}, {"on_call_attempt": HOOK}, {"on_call_complete": None, "on_batch_complete": None},
)  # fmt: skip
# What may stand behind the text of a call beside what an accepted one has.
MARKS = (" z=1763283600000", " g=1", " k=500", " y=1", " v=1", " o=1", " f=1", " c=2", " r=60", " i=4", " new=1", " s=5", " u=3")
OUTCOMES = ("COMPLETED", "BUSY", "NO_ANSWER", "VOICEMAIL", "FAILED", "UNKNOWN", "INVALID_NUMBER", "BLOCKED", "REJECTED")
ACCEPTS_LONG = Change("call_accept", "(accept_ordinary(bucket, at) or accept_long(bucket.of_batch.batch, at))",
                      "accept_long(bucket.of_batch.batch, at)")  # fmt: skip
FINISHES_LONG = Change("call_finish", "call and finish_ordinary(call, of_calls[i], at)", "false")


class Chance(random.Random):
    """Of a cell in which little is unusual, or much."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._unusual = self.choice((0.0, 0.03, 0.2))
        self.hows = self.choice((("final",), ("retry",), ("ended", "retry", "final", "final")))

    def rarely(self) -> bool:
        return self.random() < self._unusual

    def mostly(self, usual: Any, *others: Any) -> Any:
        return self.choice(others) if self.rarely() else usual

    def half(self) -> bool:
        return self.random() < 0.5


def lay_out(engine: Engine, chance: Chance) -> list[str]:
    """A cell in which something may be full, waited for, without credit."""
    if chance.rarely():
        engine.client.hset(engine.key("cell"), mapping={"epoch": 3, "tail_epoch": 2, "tail_ms": 1})
    engine.trunk("main", **chance.mostly({}, {"max_concurrent": 3}))
    for tenant in ("acme", "zeta"):
        engine.tenant(tenant, **chance.mostly({}, {"max_concurrent": 3}, {"available_s": 500}))
    batches, now_ms = [], engine.now_ms()
    hours = f"{now_ms - 1000}-{now_ms + 2000} {now_ms + 80_000_000}-{now_ms + 90_000_000}"
    for _ in range(chance.randint(1, 4)):
        numbers = [FIRST_NUMBER + n for n in chance.sample(range(40), chance.randint(1, 8))]
        fields = {**chance.choice(HOOKS), **chance.mostly({}, {"max_concurrent": 2}, {"expires_ms": engine.now_ms() + 3000},
                                                        {"hours": hours, "hours_until_ms": now_ms + 90_000_000})}
        batches.append(engine.batch(chance.choice(("acme", "zeta")), "main", numbers, cps=1000,
                                    max_attempts=chance.randint(1, 3), **fields))  # fmt: skip
    return batches


def ring(engine: Engine, clock: RedisClock, chance: Chance) -> list[Slot]:
    """Calls that are on their way, some for the second time; and some that are not any more."""
    rung: dict[tuple[str, int], Slot] = {}
    rounds = chance.randint(1, 3)
    for last in [False] * (rounds - 1) + [True]:
        clock.step(100_000)
        slots = engine.claim().slots
        caller = chance.choice(("", "4930123456"))
        answers = engine.begin(slots, caller=caller) if slots else []
        begun = [slot for slot, answer in zip(slots, answers) if answer[0] == "begun"]
        rung.update(((slot.batch, slot.ordinal + (1000 if chance.rarely() else 0)), slot) for slot in begun)
        for slot in begun:
            if chance.rarely() if last else chance.half():
                args = engine.finish_args(slot, *chance.choice((("retry", "BUSY", 0), ("ended", "COMPLETED"), ("retry", "UNKNOWN", 50))))
                args[7] = chance.choice(("", 1763283600100))
                engine.finish_many([args])
    return list(rung.values())


def mark(engine: Engine, slot: Slot, chance: Chance) -> None:
    key = engine.key(f"batch:{slot.batch}:state:{slot.ordinal // 64}")
    text = engine.client.hget(key, str(slot.ordinal))
    engine.client.hset(key, str(slot.ordinal), text.decode() + chance.choice(MARKS))


def take_some(engine: Engine, slots: list[Slot], chance: Chance) -> None:
    for slot in slots:
        if not chance.rarely():
            engine.accept(slot, chance.mostly("p1", "p2"), queue_ms=chance.mostly(0, 400))
        if chance.rarely():
            mark(engine, slot, chance)


def disturb(engine: Engine, batches: list[str], slots: list[Slot], chance: Chance) -> None:
    """What others did meanwhile."""
    batch = chance.choice(batches)
    fields = engine.hash(f"batch:{batch}")
    if chance.random() < 0.2 and fields["state"] in ("pending", "processing"):
        engine.control(batch, fields["tenant"], chance.choice(("pause", "cancel")))
    for batch in batches:
        if chance.half():
            field = chance.choice((("refused", 3), ("refused", 19), ("max_concurrent", 1), ("max_concurrent", 1)))
            engine.client.hset(engine.key(f"batch:{batch}"), *field)
    if chance.random() < 0.3:
        engine.client.hset(engine.key("trunk:main"), "held", "full")
    if chance.rarely():
        engine.client.hset(engine.key("cell"), "tail_epoch", 3)
    if chance.random() < 0.2:
        engine.client.zadd(engine.key("parked"), {chance.choice((f"b/{batch}", "t/acme", "h/zeta")): 1})
    for slot in slots:
        if chance.rarely():
            tenant = engine.hash(f"batch:{slot.batch}")["tenant"]
            engine.client.hset(engine.key(f"dialing:t/{tenant}"), str(phone_of(slot.record)), "batch_other/0/1")


def spelled(ordinal: int, chance: Chance) -> int | str:
    """A script takes whatever is a number for one, so that a call may be named twice in different ways."""
    return chance.mostly(ordinal, f"0{ordinal}", f"{ordinal}.0", f" {ordinal}", hex(ordinal))


def result(engine: Engine, slot: Slot, chance: Chance) -> list[Any]:
    how = chance.choice(chance.hows)
    args = engine.finish_args(
        slot, how, chance.choice((*OUTCOMES, "REJECTED", "REJECTED", *OUTCOMES[:3] * 6)),
        chance.randint(-50, 5000) if how == "retry" else chance.mostly(None, 70),
        attempts=slot.attempts + chance.mostly(1, 0), duration=chance.choice(("17", "17", "", "0.5", "none")),
        provider_id=chance.mostly("p1", "", "p3", "with blank"), success=chance.choice(("", "1")),
        reason=chance.choice(("user_hangup", "", "no such\nagent")), recording=chance.choice(("", "http://127.0.0.1/r")),
        summary=chance.choice(("It went well.", "")), source=chance.choice(("callback", "answer", "deadline")),
    )  # fmt: skip
    args[2] += chance.mostly(0, 1, -1)
    args[7] = chance.mostly("", 1763283600123)
    args[8] = chance.mostly(args[8], "")
    args[1] = spelled(slot.ordinal, chance)
    return args


def acceptance(engine: Engine, slot: Slot, chance: Chance) -> list[Any]:
    args: list[Any] = [*slot.ref, chance.mostly("p1", "p2"), engine.now_ms() + chance.choice((10, 60_000, 900_000)), chance.mostly(0, 400)]
    args[2] += chance.mostly(0, 1, -1)
    args[1] = spelled(slot.ordinal, chance)
    return args


def trip(engine: Engine, batches: list[str], slots: list[Slot], chance: Chance) -> None:
    """A breaker that counts, or tries one of the calls; a batch that hangs up."""
    now_ms, trunk = engine.now_ms(), engine.key("trunk:main")
    if chance.rarely():
        engine.client.hset(trunk, "verdicts", f"{now_ms - chance.choice((10, 70_000))} 3 2")
    if chance.rarely():
        engine.client.hset(trunk, mapping={"breaker": "probing", "breaker_until_ms": now_ms + 5000, "breaker_probe": slots[0].member})
    if chance.rarely():
        engine.client.hset(engine.key(f"batch:{chance.choice(batches)}"), "stops_live", 1)


def both_ways(engine: Engine, clock: RedisClock, ways: Ways, ask: Callable[[Engine, Slot, Chance], list[Any]]) -> set[bytes]:
    """All that was answered."""
    answers: set[bytes] = set()
    for seed in range(EXAMPLES):
        chance = Chance(seed)
        engine.client.flushall()
        batches = lay_out(engine, chance)
        slots = ring(engine, clock, chance)
        if ask == result:
            take_some(engine, slots, chance)
        elif slots:
            take_some(engine, [slot for slot in slots if chance.rarely()], chance)
            trip(engine, batches, slots, chance)
        disturb(engine, batches, slots, chance)
        asked = slots + [slot for slot in slots if chance.rarely()]
        if asked:
            reply = ways.check(*(word for slot in asked for word in ask(engine, slot, chance)))
            answers.update(answer for answer in reply if isinstance(answer, bytes))
    return answers


def test_an_acceptance_writes_by_the_straight_way_what_it_writes_by_the_long_one(decreed_engine: Engine, clock: RedisClock) -> None:
    answers = both_ways(decreed_engine, clock, Ways(decreed_engine.client, "call_accept", ACCEPTS_LONG), acceptance)
    assert answers == {b"accepted", b"stop", b"over", b"gone"}


def test_an_ordinary_end_writes_by_the_straight_way_what_it_writes_by_the_long_one(decreed_engine: Engine, clock: RedisClock) -> None:
    answers = both_ways(decreed_engine, clock, Ways(decreed_engine.client, "call_finish", FINISHES_LONG), result)
    assert answers == {b"final", b"ended", b"due", b"settled", b"recorded", b"stale", b"changed", b"gone"}


# What is missed where the straight way of an end leaves it out.
END_GUARDS = (
    ("another dial's", "l ~= dial or ", ""),
    ("decided on an older state", "a ~= attempts or ", ""),
    ("hung up and tried again", "(how ~= 'final' or source == 'deadline' or", "(source == 'deadline' or"),
    ("hung up and given up at its deadline", "(how ~= 'final' or source == 'deadline' or", "(how ~= 'final' or"),
    ("hung up and said to be unknown", " or outcome == 'UNKNOWN'))", "))"),
    ("its older length counted again", " - (was_seconds or 0)", ""),
    ("its older length lost", " or was_duration or '')", " or '')"),
    ("its answer lost", " or was_answered or '')", " or '')"),
    ("what came before it is hung up lost", "if number and l ~= '1' then", "if l ~= '1' then"),
    ("its end not awaited", "    zset.put(KEY_ENDED, member, NOW_MS + (batch.summary_wait_ms or 120000))\n    return 'ended'",
     "    return 'ended'"),
    ("an outcome of the batch", "    or (number and not ORDINARY[outcome])\n", ""),
    ("no end said", " or ended == ''", ""),
    ("more in its text", "left:match('^$') or left:match('^ c=%d+$') or false", "left"),
    ("its credit not charged", "  credit.settle(batch, call)\n  return call.r", "  return call.r"),
    ("its credit charged as if it was over", "number and 'live' or 'ended', seconds", "'ended', seconds"),
    ("its credit charged without its older length", "seconds or was_seconds, outcome", "seconds, outcome"),
    ("its claim's epoch lost", "next_ms or '') .. tail ..", "next_ms or '') .."),
    ("an attempt told that nobody wants", "  if of_batch.tells_attempt then\n    tell_attempt(batch, name, a, text)\n  end\n  if of_batch",
     "  tell_attempt(batch, name, a, text)\n  if of_batch"),
    ("an end told that nobody wants", "  if of_batch.tells_end then\n", "  if true then\n"),
    ("another time beside an end", " or (how ~= 'retry' and next_ms ~= '')", ""),
    ("its texts left", "    drop_older_texts(texts, name)\n  end\n  keep_texts(texts, name", "  end\n  keep_texts(texts, name"),
    ("any provider id", "  if provider_id ~= id and is_provider_id(provider_id)", "  if provider_id ~= id"),
    ("another provider id not said of the number", "      placed_put(number, member, begin_ms:sub(4), id)\n", ""),
    ("whom a retry was called from", "    tail = caller .. tail\n", ""),
    ("whom it was called from, after its end", "if caller and how ~= 'final' then\n    tail", "if caller then\n    tail"),
    ("another's number freed", "if dialing.known[number] == member then", "if true then"),
    ("who waits for the number not woken", "    if not is_calm then\n      number_wake(batch.tenant, number)\n    end\n", ""),
    ("who waits for room not woken", "  if not is_calm then\n    flying_wake(batch)\n", "  if not is_calm then\n"),
    ("who waits for the trunk not seen", "is_calm and not (resource and resource.held == 'full')", "is_calm"),
    ("who waits not seen", "is_calm and not zset.score(KEY_PARKED, parked[i])", "is_calm"),
    ("who came to wait not seen", "is_calm, finish_long = false, finish_long or", "finish_long = finish_long or"),
    ("the batch not ended", "  if batch.live == 0 then\n    batch_check_end(batch)\n  end\n", ""),
    ("refusals counted over good calls", "    batch_forget(batch, 'refused')\n  end\nend\n", "  end\nend\n"),
    ("refusals not seen", "is_calm and not batch.refused", "is_calm"),
    ("finished twice", " or bucket.attempts.changed[name]", ""),
    ("its end still awaited", "    zset.drop(KEY_ENDED, member)\n  end\n  local text", "  end\n  local text"),
    ("still looked up", "batch.live, live[member] = batch.live - 1, false", "batch.live = batch.live - 1"),
    ("a retry in a batch that is cut", "not batch_is_cut(batch) and (batch", "(batch"),
    ("a retry of too many attempts", "tonumber(a) < attempts_of(of_batch, name)", "attempts_of(of_batch, name)"),
    ("a retry in doubt", "return tail == (lost > 0 and ' c=' .. fmt(lost) or '') and", "return"),
    ("a retry not put where it is due", "nil, nil\n    touch_lane(batch)\n", "nil, nil\n"),
)


@pytest.mark.parametrize("old, new", [guard[1:] for guard in END_GUARDS], ids=[guard[0] for guard in END_GUARDS])
def test_a_straight_end_that_leaves_something_out_is_caught(decreed_engine: Engine, clock: RedisClock, old: str, new: str) -> None:
    ways = Ways(decreed_engine.client, "call_finish", FINISHES_LONG, straight=Change("call_finish", old, new))
    with pytest.raises(AssertionError):
        both_ways(decreed_engine, clock, ways, result)


ACCEPT_GUARDS = (
    ("another dial's", "d ~= dial or ", ""),
    ("one that waits there", " or queue_ms ~= '0'", ""),
    ("more in its text", "not is_usual or ", ""),
    ("whose call it is at its platform", "    placed_put(number, member, begin_ms, provider_id)\n", ""),
    ("a breaker that is not closed", "b.until_ms or ", ""),
    ("a breaker that counts", "b.until_ms or b.last_ms or batch", "b.until_ms or batch"),
    ("a batch that hangs up", " or batch.stops_live)\n", ")\n"),
    ("refusals counted over good calls", "  if of_batch.is_quiet then\n    batch_forget(batch, 'refused')\n  end\n", ""),
    ("accepted again as if for the first time", "not state.changed[name] and ", ""),
    ("looked up too late", "math.min(check_ms, hard_ms)", "tonumber(check_ms)"),
)


@pytest.mark.parametrize("old, new", [guard[1:] for guard in ACCEPT_GUARDS], ids=[guard[0] for guard in ACCEPT_GUARDS])
def test_a_straight_acceptance_that_leaves_something_out_is_caught(
    decreed_engine: Engine, clock: RedisClock, old: str, new: str
) -> None:
    ways = Ways(decreed_engine.client, "call_accept", ACCEPTS_LONG, straight=Change("call_accept", old, new))
    with pytest.raises(AssertionError):
        both_ways(decreed_engine, clock, ways, acceptance)


@pytest.mark.parametrize("caller", ["", "4930123456"], ids=["with a token", "without"])
def test_an_ordinary_call_is_accepted_the_straight_way(decreed_engine: Engine, caller: str) -> None:
    engine = decreed_engine
    changed = Change("call_accept", "local call = call_read(batch, tonumber(ARGV[at + 1]))", "fail('long')").script()
    engine.scripts = Scripts(engine.client, changed={"call_accept": changed})
    engine.trunk("main")
    engine.tenant("acme")
    engine.batch("acme", "main", 2, cps=1000)
    usual, waiting = engine.claim().slots
    engine.begin([usual, waiting], caller=caller)
    assert engine.accept(usual) == "accepted"
    with pytest.raises(redis.ResponseError, match="long"):
        engine.accept(waiting, queue_ms=1)


@pytest.mark.parametrize("caller", ["", "4930123456"], ids=["with a token", "without"])
def test_an_ordinary_end_goes_the_straight_way(decreed_engine: Engine, caller: str) -> None:
    engine = decreed_engine
    engine.scripts = Scripts(engine.client, changed={"call_finish": Change("call_finish", "finish_long(at)", "fail('long')").script()})
    engine.trunk("main")
    engine.tenant("acme")
    engine.batch("acme", "main", 2, cps=1000)
    accepted, other = engine.claim().slots
    engine.begin([accepted, other], caller=caller)
    engine.accept(accepted)
    assert engine.finish(accepted) == "final"
    with pytest.raises(redis.ResponseError, match="long"):
        engine.finish(other)
