# SPDX-License-Identifier: Apache-2.0
"""Promise 3: in any sliding second at most N begins, for batch, tenant and trunk, whatever the workers do; and while work
waits the limit is used. Instants are Redis's own, as the begin script reserved them, in decreed time."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.support.decreed_fleet import DecreedFleet
from tests.support.engine import Engine, most_in_a_second
from tests.support.mutations import LONG_WAYS
from tests.support.redis_clock import RedisClock
from tests.support.scripts import Scripts

WORKERS = 3
RATES = (1, 7, 13, 30)


FleetOf = Callable[..., DecreedFleet]


@pytest.fixture
def engine(decreed_engine: Engine) -> Engine:
    return decreed_engine


def stall(rng: random.Random) -> float:
    """One turn in six a worker stands still: short, or longer than a slot may be late."""
    return rng.choice((0.0,) * 10 + (0.08, 0.3))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("scope", ("batch", "tenant", "trunk"))
def test_no_sliding_second_holds_more_begins_than_the_limit(engine: Engine, fleet_of: FleetOf, scope: str, rate: int) -> None:
    limits = {"batch": 30, "tenant": 1000, "trunk": 1000, scope: rate}
    engine.trunk("main", cps=limits["trunk"])
    engine.tenant("acme", cps=limits["tenant"])
    for _ in range(1 if scope == "batch" else 3):
        engine.batch("acme", "main", 200, cps=limits["batch"])
    fleet = fleet_of(engine, workers=WORKERS, stall=stall, seed=rate)
    seconds = 4.0 if rate == 1 else 2.5
    fleet.run(seconds)
    assert len(fleet.begins) >= max(2, rate), fleet.released
    assert most_in_a_second(begin.begin_us for begin in fleet.begins) <= rate


@pytest.mark.parametrize("scope", ("batch", "tenant", "trunk"))
def test_a_waiting_limit_is_used(engine: Engine, fleet_of: FleetOf, scope: str) -> None:
    rate = 30
    limits = {"batch": 30, "tenant": 1000, "trunk": 1000, scope: rate}
    engine.trunk("main", cps=limits["trunk"])
    engine.tenant("acme", cps=limits["tenant"])
    for _ in range(1 if scope == "batch" else 4):
        engine.batch("acme", "main", 200, cps=limits["batch"])
    fleet = fleet_of(engine, workers=WORKERS)
    fleet.run(4.0)
    instants = sorted(begin.begin_us for begin in fleet.begins)
    used = (len(instants) - 1) / ((instants[-1] - instants[0]) / 1e6 * rate)
    assert used >= 0.98, (used, fleet.released)


def test_every_limit_holds_when_all_bind_at_once(engine: Engine, fleet_of: FleetOf) -> None:
    engine.trunk("main", cps=25)
    engine.tenant("acme", cps=13)
    engine.tenant("other", cps=20)
    acme = [engine.batch("acme", "main", 100, cps=7) for _ in range(3)]
    engine.batch("other", "main", 200, cps=30)
    fleet = fleet_of(engine, workers=WORKERS, stall=stall)
    fleet.run(4.0)
    mine = [begin for begin in fleet.begins if begin.batch in acme]
    assert most_in_a_second(begin.begin_us for begin in fleet.begins) <= 25
    assert most_in_a_second(begin.begin_us for begin in mine) <= 13
    for batch in acme:
        assert most_in_a_second(begin.begin_us for begin in mine if begin.batch == batch) <= 7


@pytest.mark.parametrize("scope", ("batch", "tenant", "trunk"))
@pytest.mark.parametrize("way", ("straight", "long"))
@pytest.mark.parametrize("rate, begun_before", ((100, 36), (100, 100), (100, 150), (65, 65), (1000, 936), (1000, 2000)))
def test_a_script_begins_all_of_its_calls_whatever_was_begun_in_the_second_before_them(
    engine: Engine, clock: RedisClock, scope: str, way: str, rate: int, begun_before: int
) -> None:
    limits = {"batch": 1000, "tenant": 1000, "trunk": 1000, scope: rate}
    engine.trunk("main", cps=limits["trunk"])
    engine.tenant("acme", cps=limits["tenant"])
    batch = engine.batch("acme", "main", 64, cps=limits["batch"])
    clock.step(1_000_000)
    slots = []
    while len(slots) < 64:
        slots += engine.claim(calls=64 - len(slots)).slots
        clock.step(20_000)
    still = rate - 64  # of those begun before: as many count still as leave room for all of them
    before = [clock.now_us - 1_100_000] * (begun_before - still) + [clock.now_us - 500_000] * still
    name = {"batch": f"b/{batch}", "tenant": "t/acme", "trunk": "k/main"}[scope]
    engine.client.rpush(engine.key(f"begins:{name}"), *before)
    changed = {"call_begin": LONG_WAYS["call_begin"].script()} if way == "long" else {}
    answers = Engine(engine.client, scripts=Scripts(engine.client, changed=changed)).begin(slots, late_ms=60_000)
    assert [answer[0] for answer in answers] == ["begun"] * 64
    assert most_in_a_second([*before[-still:], *(int(answer[1]) for answer in answers)]) <= rate


@pytest.mark.parametrize("before, after", ((2 * 7 + 63, 2 * 7 + 64), (2 * 7 + 64, 7)))
def test_a_log_of_begins_holds_at_most_twice_as_many_as_its_rate_and_64(
    engine: Engine, clock: RedisClock, before: int, after: int
) -> None:
    engine.trunk("main", cps=7)
    engine.tenant("acme")
    engine.batch("acme", "main", 1)
    clock.step(1_000_000)
    slots = engine.claim().slots
    engine.client.rpush(engine.key("begins:k/main"), *range(clock.now_us - 5_000_000, clock.now_us - 5_000_000 + before))
    assert [answer[0] for answer in engine.begin(slots)] == ["begun"]
    assert engine.client.llen(engine.key("begins:k/main")) == after


def test_a_lowered_limit_holds_from_its_change_on(engine: Engine, fleet_of: FleetOf) -> None:
    engine.trunk("main", cps=1000)
    engine.tenant("acme", cps=1000)
    batch = engine.batch("acme", "main", 300, cps=30)
    fleet = fleet_of(engine, workers=WORKERS)
    fleet.run(1.5)
    engine.change(batch, "acme", cps=5)
    changed_us = engine.now_ms() * 1000
    fleet.run(3.0)
    after = [begin.begin_us for begin in fleet.begins if begin.begin_us >= changed_us + 1_000_000]
    assert after and most_in_a_second(after) <= 5


def test_a_raised_limit_is_used_at_once(engine: Engine, fleet_of: FleetOf) -> None:
    engine.trunk("main", cps=1000)
    engine.tenant("acme", cps=1)
    engine.batch("acme", "main", 300, cps=30)
    fleet = fleet_of(engine, workers=WORKERS)
    fleet.run(1.2)
    engine.tenant("acme", how="set", cps=30)
    fleet.wake()
    before = len(fleet.begins)
    fleet.run(2.0)
    assert len(fleet.begins) - before >= 50


def dial_for(engine: Engine, clock: RedisClock, seconds: float, items: int = 12) -> list[int]:
    """When calls were begun, each at its slot, by one worker that also ticks: every second, with so many items."""
    end_us, slots, begun, tick_at_us = clock.now_us + int(seconds * 1e6), [], [], clock.now_us
    while clock.now_us < end_us:
        if clock.now_us >= tick_at_us:
            tick_at_us += 0 if engine.tick(items=items)["more"] else 1_000_000
        slots += engine.claim().slots
        due = [slot for slot in slots if slot.slot_us <= clock.now_us]
        slots = [slot for slot in slots if slot not in due]
        begun += [int(answer[1]) for answer in engine.begin(due) if answer[0] == "begun"] if due else []
        clock.step(20_000)
    return begun


@pytest.fixture(params=(1, 30))
def dialing(request: pytest.FixtureRequest, engine: Engine, clock: RedisClock) -> tuple[int, list[int]]:
    """The rate of a batch that is being dialed, and when its calls were begun."""
    engine.trunk("main", cps=request.param)
    engine.tenant("acme", cps=request.param)
    expires_ms = clock.now_us // 1000 + 86_400_000
    engine.batch("acme", "main", 300, cps=request.param, start_in_ms=-7_200_000, expires_ms=expires_ms)
    begun = dial_for(engine, clock, 2.0)
    assert begun
    return request.param, begun


@pytest.mark.parametrize("back_us", (5_000_000, 3_600_000_000))
def test_a_clock_that_is_set_back_stops_a_batch_for_two_seconds_and_its_rate_holds_by_every_other_clock(
    engine: Engine, clock: RedisClock, dialing: tuple[int, list[int]], back_us: int
) -> None:
    rate, before = dialing
    clock.step(-back_us)
    set_us = clock.now_us
    after = dial_for(engine, clock, 6.0)
    assert after and after[0] <= set_us + 2_100_000 + 1_000_000 // rate
    assert len(after) >= 2 * rate
    assert most_in_a_second([*(at_us - back_us for at_us in before), *after]) <= rate


def test_all_batches_go_on_after_a_clock_was_set_back_also_those_that_expire_at_one_instant(
    engine: Engine, clock: RedisClock
) -> None:
    engine.trunk("main", cps=1000)
    engine.tenant("acme", cps=1000)
    expires_ms = clock.now_us // 1000 + 86_400_000
    batches = [engine.batch("acme", "main", 50, cps=2, expires_ms=expires_ms + (i > 20)) for i in range(30)]
    dial_for(engine, clock, 2.0)
    clock.step(-3_600_000_000)
    cursors = [int(engine.hash(f"batch:{batch}")["cursor"]) for batch in batches]
    dial_for(engine, clock, 4.0, items=7)
    assert all(int(engine.hash(f"batch:{batch}")["cursor"]) > was for batch, was in zip(batches, cursors))
    assert "set_back_from" not in engine.hash("cell")


def test_a_trunk_whose_platform_asked_for_a_pause_is_not_silent_for_as_long_as_a_clock_was_set_back(
    engine: Engine, clock: RedisClock, dialing: tuple[int, list[int]]
) -> None:
    engine.trunk("main", how="set", hold_until_ms=clock.now_us // 1000 + 60_000)
    clock.step(-3_600_000_000)
    assert dial_for(engine, clock, 5.0)
