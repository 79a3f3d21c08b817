# SPDX-License-Identifier: Apache-2.0
"""What is not begun by a batch's expiry never is: whatever state the batch and its lane are in, on a real Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.engine import Engine, Slot
from tests.support.waiting import wait_until

HOUR = 3_600_000
CONTACTS = 10


def cell(engine: Engine) -> None:
    engine.trunk("main")
    engine.tenant("acme")


def mortal(engine: Engine, contacts: int = CONTACTS, **fields: Any) -> str:
    return engine.batch("acme", "main", contacts, **{"cps": 30, "expires_ms": engine.now_ms() + HOUR, **fields})


def make_expiry_due(engine: Engine, batch: str) -> None:
    """The batch's expiry is now: what waiting for it would bring."""
    now = engine.now_ms()
    engine.client.hset(engine.key(f"batch:{batch}"), "expires_ms", now)
    engine.client.zadd(engine.key("expiries"), {batch: now})


def state(engine: Engine, batch: str) -> str:
    return engine.hash(f"batch:{batch}")["state"]


def outcomes(engine: Engine, batch: str) -> dict[str, int]:
    return {name[8:]: int(n) for name, n in engine.hash(f"batch:{batch}").items() if name.startswith("outcome:")}


def event_types(engine: Engine) -> list[str]:
    return [event["type"] for event in engine.events()]


def is_sound(engine: Engine, batch: str) -> bool:
    return engine.scripts.run("audit", "batch", batch)[2:] + engine.scripts.run("audit", "trunk", "main")[2:] == []


# ---- every state of a lane ----


def lane_waiting(engine: Engine) -> str:
    return mortal(engine)


def lane_ready(engine: Engine) -> str:
    batch = mortal(engine)
    engine.client.zadd(engine.key("ready:f/main/acme"), {f"{batch}/0": 1})
    engine.client.zrem(engine.key("waiting:f/main/acme"), f"{batch}/0")
    return batch


def lane_parked(engine: Engine) -> str:
    batch = mortal(engine, max_concurrent=1)
    engine.client.zadd(engine.key(f"flying:b/{batch}"), {f"{batch}/0/1": engine.now_ms() + HOUR})
    assert engine.claim().slots == []
    assert engine.client.zcard(engine.key(f"parked:b/{batch}")) == 1
    return batch


def flow_parked(engine: Engine) -> str:
    engine.tenant("acme", how="set", state="stopped")
    batch = mortal(engine)
    assert engine.claim().slots == []
    assert engine.client.zcard(engine.key("parked:t/acme")) == 1
    return batch


def paused(engine: Engine) -> str:
    batch = mortal(engine)
    engine.control(batch, "acme", "pause", "user")
    return batch


def scheduled(engine: Engine) -> str:
    batch = mortal(engine, start_in_ms=HOUR // 2)
    assert state(engine, batch) == "scheduled"
    return batch


def trunk_stopped(engine: Engine) -> str:
    engine.trunk("main", how="set", state="stopped")
    return mortal(engine)


def window_closed(engine: Engine) -> str:
    now = engine.now_ms()
    return mortal(engine, hours=f"{now + HOUR}-{now + 2 * HOUR}", hours_until_ms=now + 9 * HOUR, window="{}")


def window_unknown(engine: Engine) -> str:
    return mortal(engine, hours="", hours_until_ms=1, window="{}")


LANES: list[Callable[[Engine], str]] = [
    lane_waiting, lane_ready, lane_parked, flow_parked, paused, scheduled, trunk_stopped, window_closed, window_unknown,
]


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.__name__)
def test_a_batch_expires_whatever_its_lane_is_at(engine: Engine, lane: Callable[[Engine], str]) -> None:
    cell(engine)
    batch = lane(engine)
    make_expiry_due(engine, batch)
    assert engine.tick()["expired"] == 1
    values = engine.hash(f"batch:{batch}")
    assert (values["state"], values["expired"], values["failed"], values["due"]) == ("completed", str(CONTACTS), str(CONTACTS), "0")
    assert outcomes(engine, batch) == {"EXPIRED": CONTACTS}
    assert event_types(engine) == ["batch.completed"], "and no event for each"
    for key in ("waiting:f/main/acme", "ready:f/main/acme", f"parked:b/{batch}", "expiries", "hours", "ending"):
        assert engine.client.zcard(engine.key(key)) == 0, key
    assert is_sound(engine, batch)
    assert engine.tick()["expired"] == 0
    assert engine.claim().slots == [] and event_types(engine) == ["batch.completed"]


def test_the_tick_comes_back_at_the_expiry(engine: Engine) -> None:
    cell(engine)
    batch = mortal(engine, expires_ms=engine.now_ms() + 400)
    expires = int(engine.hash(f"batch:{batch}")["expires_ms"])
    told = engine.tick()
    if told["expired"] == 0:  # or this machine stood still until then
        assert told["next_ms"] == expires
    wait_until(lambda: (engine.tick(), state(engine, batch))[1] == "completed", 5.0, "it expires")
    assert int(engine.hash(f"batch:{batch}")["expired_ms"]) >= expires


# ---- what is on its way ----


def test_nothing_is_claimed_or_begun_after_the_expiry_though_no_tick_has_come(engine: Engine) -> None:
    cell(engine)
    batch = mortal(engine)
    slot = engine.claim_one()
    make_expiry_due(engine, batch)
    assert engine.claim().slots == []
    assert engine.begin([slot]) == [("released", "expired")]
    assert engine.counters(batch)["attempts"] == 0
    assert engine.client.zcard(engine.key("live")) == 0


def test_no_slot_lies_behind_the_expiry(engine: Engine) -> None:
    cell(engine)
    batch = mortal(engine, contacts=200, expires_ms=engine.now_ms() + 2000)
    expires = int(engine.hash(f"batch:{batch}")["expires_ms"])
    slots: list[Slot] = []
    while engine.now_ms() <= expires:
        slots += engine.claim().slots
    assert slots and max(slot.slot_us for slot in slots) < expires * 1000
    assert engine.claim().slots == []


def test_live_calls_come_to_their_own_end_and_then_the_batch_completes(engine: Engine) -> None:
    cell(engine)
    batch = mortal(engine)
    first, second = engine.begin_one(), engine.begin_one()
    make_expiry_due(engine, batch)
    engine.tick()
    assert (state(engine, batch), outcomes(engine, batch)) == ("processing", {"EXPIRED": CONTACTS - 2})
    assert is_sound(engine, batch)
    assert engine.finish(first) == "final"
    assert engine.finish(second, how="retry", outcome="BUSY", next_in_ms=0) == "final", "it will never be called again"
    assert (state(engine, batch), outcomes(engine, batch)) == ("completed", {"EXPIRED": CONTACTS - 2, "COMPLETED": 1, "BUSY": 1})
    assert event_types(engine) == ["call.completed", "call.completed", "batch.completed"]
    assert is_sound(engine, batch)


def test_retries_that_wait_end_with_their_last_outcome_and_their_event_in_bounded_steps(engine: Engine) -> None:
    cell(engine)
    batch = mortal(engine)
    for _ in range(5):
        engine.finish(engine.begin_one(), how="retry", outcome="BUSY", next_in_ms=HOUR)
    make_expiry_due(engine, batch)
    told = engine.tick(items=4)
    assert told["expired"] == 1 and told["more"] and 0 < told["cut"] < 5
    assert state(engine, batch) == "processing"
    wait_until(lambda: (engine.tick(items=4), state(engine, batch))[1] == "completed", 5.0, "the retries are ended")
    assert outcomes(engine, batch) == {"EXPIRED": CONTACTS - 5, "BUSY": 5}
    assert event_types(engine) == ["call.completed"] * 5 + ["batch.completed"]
    assert is_sound(engine, batch)


def test_claimed_calls_end_expired_uncharged_and_untold(engine: Engine) -> None:
    cell(engine)
    batch = mortal(engine)
    slot = engine.claim_one()
    make_expiry_due(engine, batch)
    engine.tick()
    assert state(engine, batch) == "pending"
    assert engine.begin([slot]) == [("released", "expired")]
    wait_until(lambda: (engine.tick(), state(engine, batch))[1] == "completed", 5.0, "it ends")
    assert outcomes(engine, batch) == {"EXPIRED": CONTACTS}
    assert (engine.counters(batch)["attempts"], event_types(engine)) == (0, ["batch.completed"])


def test_a_dial_given_back_after_the_expiry_is_not_dialed_again(engine: Engine) -> None:
    cell(engine)
    batch = mortal(engine, contacts=1)
    slot = engine.begin_one()
    make_expiry_due(engine, batch)
    engine.tick()
    assert engine.abort(slot) == "aborted"
    wait_until(lambda: (engine.tick(), state(engine, batch))[1] == "completed", 5.0, "it ends")
    assert outcomes(engine, batch) == {"EXPIRED": 1}
    assert is_sound(engine, batch)


# ---- expired, and then cancelled or paused ----


def test_a_cancel_after_the_expiry_counts_nobody_twice(engine: Engine) -> None:
    cell(engine)
    batch = mortal(engine)
    slot = engine.begin_one()
    make_expiry_due(engine, batch)
    engine.tick()
    assert engine.control(batch, "acme", "cancel") == ("cancelling", 0)
    assert is_sound(engine, batch)
    engine.finish(slot)
    assert (state(engine, batch), outcomes(engine, batch)) == ("cancelled", {"EXPIRED": CONTACTS - 1, "COMPLETED": 1})
    assert is_sound(engine, batch)


def test_a_batch_that_fails_while_it_is_cancelled_counts_nobody_twice(engine: Engine) -> None:
    cell(engine)
    batch = mortal(engine)
    engine.begin_one()
    engine.control(batch, "acme", "cancel")
    engine.control(batch, "acme", "fail", "Trunk was removed", "TRUNK_GONE")
    assert outcomes(engine, batch) == {"CANCELLED": CONTACTS - 1}
    assert is_sound(engine, batch)


def test_an_expired_batch_that_is_paused_and_resumed_begins_nothing(engine: Engine) -> None:
    cell(engine)
    batch = mortal(engine)
    slot = engine.begin_one()
    make_expiry_due(engine, batch)
    engine.tick()
    engine.control(batch, "acme", "pause", "user")
    assert engine.control(batch, "acme", "resume")[0] == "processing"
    assert engine.claim().slots == []
    engine.finish(slot)
    assert state(engine, batch) == "completed"


@pytest.mark.parametrize("how", ("cancel", "complete", "fail"))
def test_what_has_ended_awaits_no_expiry(engine: Engine, how: str) -> None:
    cell(engine)
    batch = mortal(engine, contacts=1, hours="", hours_until_ms=1, window="{}") if how != "complete" else mortal(engine, contacts=1)
    assert engine.client.zscore(engine.key("expiries"), batch) is not None
    if how == "complete":
        engine.finish(engine.begin_one())
    else:
        engine.control(batch, "acme", how)
    assert engine.client.zcard(engine.key("expiries")) == engine.client.zcard(engine.key("hours")) == 0


# ---- when it expires ----


def test_a_batch_lives_so_long_from_its_start_unless_it_says_when_it_expires(engine: Engine) -> None:
    cell(engine)
    start = engine.now_ms() + HOUR
    plain = engine.batch("acme", "main", 1, start_ms=start, life_ms=5 * HOUR)
    assert engine.hash(f"batch:{plain}")["expires_ms"] == str(start + 5 * HOUR)
    at_once = engine.batch("acme", "main", 1, life_ms=5 * HOUR)
    values = engine.hash(f"batch:{at_once}")
    assert int(values["expires_ms"]) == int(values["start_ms"]) + 5 * HOUR
    own = engine.batch("acme", "main", 1, start_ms=start, life_ms=5 * HOUR, expires_ms=start + 1)
    assert engine.hash(f"batch:{own}")["expires_ms"] == str(start + 1)
    assert engine.client.zscore(engine.key("expiries"), plain) == start + 5 * HOUR


def test_a_window_that_never_opens_again_expires_what_is_left_with_its_last_closing(engine: Engine) -> None:
    cell(engine)
    now = engine.now_ms()
    batch = mortal(engine, hours=f"{now - HOUR}-{now + 300}", hours_until_ms=now + HOUR, expires_ms=now + HOUR, window="{}")
    assert engine.client.zscore(engine.key("expiries"), batch) == now + 300
    wait_until(lambda: (engine.tick(), state(engine, batch))[1] == "completed", 5.0, "it expires")
    assert outcomes(engine, batch) == {"EXPIRED": CONTACTS}
