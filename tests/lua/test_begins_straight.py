# SPDX-License-Identifier: Apache-2.0
"""call_begin takes the ordinary call a straight way and any other a long one. Both write the same.

The states are the same in every run. CARILLON_MODEL_EXAMPLES=N tries N others.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.changes import Change
from tests.support.engine import Engine, Slot, phone_of
from tests.support.mutations import LONG_WAYS
from tests.support.redis_clock import RedisClock
from tests.support.scripts import Scripts
from tests.support.ways import Ways

EXAMPLES = int(os.environ.get("CARILLON_MODEL_EXAMPLES", "0"))
FIRST_SEED = random.randrange(2**32) if EXAMPLES else 0
SEEDS = range(FIRST_SEED, FIRST_SEED + (EXAMPLES or 250))
FIRST_NUMBER = 15551230001
TENANTS, TRUNKS = ("acme", "zeta"), ("main", "side")
# What may stand behind the text of a claimed call beside what it usually has.
MARKS = (" c=2", " f=1", " o=1", " r=60", " new=1", " y=1", " i=4", " x=BUSY")


class Chance(random.Random):
    """Of a cell in which little is unusual, or much."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._unusual = self.choice((0.0, 0.05, 0.2, 0.4))

    def rarely(self) -> bool:
        return self.random() < self._unusual

    def mostly(self, usual: Any, *others: Any) -> Any:
        return self.choice(others) if self.rarely() else usual


def lay_out(engine: Engine, chance: Chance) -> list[str]:
    """A cell with calls to begin."""
    for trunk in TRUNKS:
        engine.trunk(trunk, cps=chance.mostly(1000, 2, 5))
    for tenant in TENANTS:
        engine.tenant(tenant, cps=chance.mostly(1000, 2, 5), **chance.mostly({}, {"available_s": chance.randint(0, 400)}))
    now_ms, batches = engine.now_ms(), []
    for _ in range(chance.randint(1, 4)):
        numbers = [FIRST_NUMBER + n for n in chance.sample(range(100), chance.randint(1, 80))]
        fields = {
            **chance.choice(({}, {"on_event": "http://127.0.0.1/all"})),
            **chance.mostly({}, {"expires_ms": now_ms + chance.randint(100, 900)}),
            **chance.mostly({}, {"hours": f"{now_ms - 9000}-{now_ms + chance.randint(50, 500)}", "hours_until_ms": now_ms + 9000}),
        }
        batches.append(engine.batch(chance.choice(TENANTS), chance.choice(TRUNKS), numbers, cps=chance.mostly(1000, 3, 30), **fields))
    return batches


def spend(engine: Engine, slots: list[Slot], chance: Chance) -> None:
    """Dials that come to nothing, or to something."""
    for slot, answer in zip(slots, engine.begin(slots) if slots else []):
        if answer[0] == "begun" and chance.random() < 0.9:
            what = chance.choice(("retry", "retry", "abort", "ended", "final"))
            if what == "abort":
                engine.abort(slot)
            else:
                engine.finish(slot, what, chance.choice(("BUSY", "NO_ANSWER")), 0 if what == "retry" else None,
                              duration=chance.choice(("", "17", "0.5")))  # fmt: skip


def claim(engine: Engine, clock: RedisClock, chance: Chance) -> list[Slot]:
    """Calls that are claimed: for the first time or again, a few of them no more, or by another."""
    slots: list[Slot] = []
    for _ in range(chance.randint(0, 3)):
        clock.step(100_000)
        spend(engine, engine.claim(calls=chance.randint(1, 30)).slots[:64], chance)
        given_back = engine.claim(calls=3).slots if chance.random() < 0.3 else []
        if given_back:
            engine.release(given_back)
    for _ in range(chance.randint(1, 2)):
        clock.step(100_000)
        slots += engine.claim(chance.mostly("w1", "w2"), calls=chance.randint(1, 40)).slots
    spend(engine, [slot for slot in slots if chance.rarely()][:64], chance)
    if chance.rarely() and slots:
        engine.release([chance.choice(slots)])
    return chance.sample(slots, min(len(slots), 50)) if chance.rarely() else slots[:50]


def disturb_calls(engine: Engine, slots: list[Slot], chance: Chance) -> None:
    client = engine.client
    for slot in (slot for slot in slots if chance.rarely()):
        bucket, tenant = slot.ordinal // 64, engine.hash(f"batch:{slot.batch}")["tenant"]
        number = str(phone_of(slot.record))
        what = chance.choice(("text", "text", "lines", "number", "list", "everybody", "claim"))
        if what == "text":
            key = engine.key(f"batch:{slot.batch}:state:{bucket}")
            client.hset(key, str(slot.ordinal), (client.hget(key, str(slot.ordinal)) or b"").decode() + chance.choice(MARKS))
        elif what == "lines":
            lines = "d=1 o=FAILED e=1763283600123\n" * chance.choice((1, 10, 31, 32))
            client.hset(engine.key(f"batch:{slot.batch}:attempts:{bucket}"), str(slot.ordinal), lines)
        elif what == "number":
            client.hset(engine.key(f"dialing:t/{tenant}"), number, "batch_other/0/1")
        elif what == "claim":
            client.zrem(engine.key("claimed"), f"{slot.member}/w1")
        else:
            client.sadd(engine.key("suppressed" if what == "everybody" else f"suppressed:t/{tenant}"), number)


def disturb_logs(engine: Engine, batches: list[str], chance: Chance) -> None:
    """What was begun lately, and what a clock that was set back left."""
    now_us = engine.now_ms() * 1000
    for log in (*(f"k/{trunk}" for trunk in TRUNKS), *(f"t/{tenant}" for tenant in TENANTS), *(f"b/{batch}" for batch in batches)):
        if chance.rarely():
            begun = sorted(now_us + chance.randint(-1_200_000, chance.choice((0, 60_000, 1_500_000))) for _ in range(chance.randint(1, 8)))
            engine.client.rpush(engine.key(f"begins:{log}"), *begun)


def disturb_rest(engine: Engine, batches: list[str], clock: RedisClock, chance: Chance) -> None:
    batch, now_ms = chance.choice(batches), engine.now_ms()
    fields = engine.hash(f"batch:{batch}")
    if chance.rarely() and fields["state"] in ("pending", "processing"):
        engine.control(batch, fields["tenant"], chance.choice(("pause", "cancel")))
    if chance.rarely():
        engine.trunk("main", "set", state="stopped")
    if chance.rarely():
        engine.tenant("acme", "set", state="stopped")
    for trunk in TRUNKS:
        if chance.rarely():
            until_ms = now_ms + chance.choice((-50, 20, 500, 1000))
            engine.client.hset(engine.key(f"trunk:{trunk}"), chance.choice(("hold_until_ms", "breaker_until_ms")), until_ms)
    if chance.rarely():
        engine.client.hset(engine.key("cell"), mapping=chance.choice((
            {"stopped_ms": now_ms}, {"closed_ms": now_ms, "closed_until": now_ms + 300, "closed_by": "clock"})))  # fmt: skip
    if chance.rarely():
        engine.client.hset(engine.key(f"batch:{batch}"), chance.choice(("live", "expires_ms", "attempts")), "torn")
    if chance.rarely():
        torn = engine.key(chance.choice((f"begins:b/{batch}", f"batch:{batch}:attempts:0", "begins:t/acme", f"batch:{batch}:state:0")))
        engine.client.delete(torn)
        engine.client.set(torn, "of another type")
    clock.step(chance.mostly(chance.randint(0, 240_000), 2_500_000))


def asked(slots: list[Slot], chance: Chance) -> list[Any]:
    """The arguments of the calls, one of them asked for twice at times."""
    again = [slot for slot in slots if chance.rarely()]
    spelled = chance.mostly(str, "0{}".format, "{}.0".format, "{}.0".format)
    callers = chance.choice((("",), ("4930123456",), ("", "4930123456", "4930123457")))
    return [
        word
        for slot in [*slots, *again][:64]
        for word in (slot.batch, spelled(slot.ordinal), slot.dial + chance.mostly(0, 1), chance.mostly(150_000, 60_000, 20), chance.choice(callers))
    ]


WANTED = {b"begun", b"suppressed", b"gone", b"refused"} | {b"released " + reason for reason in (
    b"closed", b"stopped", b"doubt", b"lease", b"late", b"number", b"trunk", b"hold", b"breaker", b"tenant", b"window", b"expired",
    b"rate", b"credits", b"batch_paused", b"batch_cancelling")}  # fmt: skip


def each_state(engine: Engine, clock: RedisClock, ways: Ways) -> Iterator[list[Any]]:
    """What the script answers in each, having been compared."""
    for seed in SEEDS:
        chance = Chance(seed)
        engine.client.flushall()
        batches = lay_out(engine, chance)
        slots = claim(engine, clock, chance)
        disturb_calls(engine, slots, chance)
        disturb_logs(engine, batches, chance)
        disturb_rest(engine, batches, clock, chance)
        if slots:
            yield ways.check("w1", chance.choice((250, 60_000)), 30_000, *asked(slots, chance))[1:]


def test_an_ordinary_call_begins_by_the_straight_way_as_by_the_long_one(decreed_engine: Engine, clock: RedisClock) -> None:
    answers: set[bytes] = set()
    for rows in each_state(decreed_engine, clock, Ways(decreed_engine.client, "call_begin", LONG_WAYS["call_begin"])):
        answers.update(b" ".join(row[: 2 if row[0] == b"released" else 1]) for row in rows)
    assert EXAMPLES or WANTED - answers == set()


# What the straight way asks first, and how it would be without.
ASKED = {
    "who has the claim": (" and lease and lease - now_ms > 0", ""),
    "when the lease ends": ("lease - now_ms > 0", "true"),
    "how late it is": (" and slot_us >= earliest_us", ""),
    "whose number it is": (" and ground.dialing[number] == member", ""),
    "whom nobody may call": (" and not (has_lists and is_listed(ground.tenant, number))", ""),
    "whether it began a moment ago": ("      and not call.states[name] and not", "      and not"),
    "the log of begins": ("begin_us = earliest(ground.logs, slot_us > now_us and slot_us or now_us)", "begin_us = now_us"),
    "when the window closes": ("window_shuts_ms(batch) * 1000 - 1", "math.huge"),
    "how late it will be": ("math.min(NOW_US + late_us, ", "math.min(math.huge, "),
    "whether the cell is closed": ("epoch.closed_until_ms > 0 or ", ""),
    "whether the cell is stopped": (" or epoch.is_stopped or (", " or ("),
    "the state of the batch": (" or (batch.state ~= 'processing' and batch.state ~= 'pending')", ""),
    "the state of the tenant": ("values[1] == 'active' and begins.of(", "begins.of("),
    "that the tenant's credit has a limit": ("tenant.has_limit = values[3] ~= false", "tenant.has_limit = false"),
    "whether the tenant's credit suffices": (" and not (ground.tenant.has_limit and credit.is_short(ground.batch))", ""),
    "the state of the trunk": ("found.state == 'active' and ", ""),
    "the trunk's hold": (" and found.hold_until_ms <= NOW_MS", ""),
    "the trunk's breaker": (" and not found.breaker_until_ms", ""),
    "who it is called from that is asked for in another way": ("\n        caller = caller ~= '' and caller or nil }", " }"),
    "who its first dial is called from": ("call.caller and ' m=' .. call.caller .. rest or rest", "rest"),
    "who a later dial is called from": ("rest and rest_begun(rest, call.caller)", "rest and rest_begun(rest)"),
    "whose call it will be at its platform": ("        placed_put(number, member, at.begin_ms)\n", ""),
    "what else its text says": ("(rest == '' or match(rest, '^ c=%d+$'))", "true"),
    "what else is left of its text": ("rest_begun(rest, call.caller)", "rest_begun(rest, call.caller) or ''"),
    "how many lines there are": (" and #lines < LINES_LONG", ""),
}


@pytest.mark.parametrize("what", ASKED)
def test_a_straight_way_that_asks_less_begins_otherwise(decreed_engine: Engine, clock: RedisClock, what: str) -> None:
    ways = Ways(decreed_engine.client, "call_begin", LONG_WAYS["call_begin"], Change("call_begin", *ASKED[what]))
    with pytest.raises(AssertionError):
        for _ in each_state(decreed_engine, clock, ways):
            pass


@pytest.mark.parametrize("what", ["plain", "expires", "window", "told", "tail"])
def test_a_dial_goes_the_straight_way(cell: Engine, clock: RedisClock, what: str) -> None:
    now_ms = cell.now_ms()
    fields: dict[str, Any] = {"expires": {"expires_ms": now_ms + 60_000}, "told": {"on_event": "http://127.0.0.1/all"},
                              "window": {"hours": f"{now_ms - 1000}-{now_ms + 60_000}", "hours_until_ms": now_ms + 60_000}}.get(what, {})
    if what == "tail":
        cell.client.hset(cell.key("cell"), mapping={"tail_epoch": 1, "tail_ms": now_ms - 90_000})
    batch = cell.batch("acme", "main", 1, **fields)
    text = Change("call_begin", "      call.states[name] = call.state", "      call.again = 'straight'\n      call.states[name] = call.state")
    engine = Engine(cell.client, scripts=Scripts(cell.client, changed={"call_begin": text.script()}))

    def claimed() -> list[Slot]:
        clock.step(1_100_000)
        return engine.claim().slots

    engine.release(claimed())
    for give_back in (engine.abort, lambda slot: engine.finish(slot, "retry", "BUSY", 0), lambda slot: engine.finish(slot)):
        (slot,) = claimed()
        assert [answer[2] for answer in engine.begin([slot])] == ["straight"]
        give_back(slot)
    assert cell.counters(batch)["succeeded"] == 1


@pytest.mark.parametrize("available_s", ["", 7200], ids=["without a limit", "of its tenant's credit"])
@pytest.mark.parametrize("caller", ["", "4930123456"], ids=["with a token", "without"])
def test_first_dials_and_retries_go_the_straight_way(
    decreed_engine: Engine, clock: RedisClock, available_s: object, caller: str
) -> None:
    engine, client = decreed_engine, decreed_engine.client
    engine.trunk("main", cps=1000)
    engine.tenant("acme", cps=1000, available_s=available_s)
    blocked = Change("call_begin", "local function begin_one(i)\n", "local function begin_one()\n  fail('long')\n")
    straight = Engine(client, scripts=Scripts(client, changed={"call_begin": blocked.script()}))
    batch = engine.batch("acme", "main", 1, cps=1000)
    for attempt in (1, 2):
        clock.step(1_000_000)
        (slot,) = engine.claim().slots
        (answer,) = straight.begin([slot], caller=caller)
        assert (answer[0], int(answer[2])) == ("begun", attempt)
        state = engine.state(batch, 0)
        assert (state.get("r"), state.get("m", "")) == ("60" if available_s else None, caller)
        engine.finish(slot, "retry", "BUSY", 0)
