# SPDX-License-Identifier: Apache-2.0
"""Calling windows on a real Redis: held at claim and at begin, for retries too; more hours published in time."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

from tests.support.engine import Engine, Slot
from tests.support.waiting import wait_until

HOUR = 3_600_000
WINDOW = json.dumps({"start": "09:00", "end": "17:00", "timezone": "UTC"})


def hours(engine: Engine, *stretches: tuple[int, int]) -> str:
    """Published hours, from (opens in ms, closes in ms)."""
    now = engine.now_ms()
    return " ".join(f"{now + opens}-{now + closes}" for opens, closes in stretches)


def windowed(engine: Engine, *stretches: tuple[int, int], contacts: int = 5, until_in_ms: int = 100 * HOUR, **fields: Any) -> str:
    engine.trunk("main")
    engine.tenant("acme")
    fields = {"cps": 30, "window": WINDOW, "hours": hours(engine, *stretches), "hours_until_ms": engine.now_ms() + until_in_ms,
              "expires_ms": engine.now_ms() + 1000 * HOUR, **fields}
    return engine.batch("acme", "main", contacts, **fields)


def decree(engine: Engine, batch: str, *stretches: tuple[int, int]) -> list[int]:
    """From now on these are the hours: what waiting for another time would bring. Their openings."""
    text = hours(engine, *stretches)
    engine.client.hset(engine.key(f"batch:{batch}"), "hours", text)
    return [int(part.split("-")[0]) for part in text.split()]


def publish(engine: Engine, batch: str, text: str, until_ms: int, window: str = WINDOW) -> str:
    return engine.scripts.run("batch_hours", batch, window, text, until_ms).decode()


def lane_waits_until(engine: Engine, batch: str) -> int | None:
    score = engine.client.zscore(engine.key("waiting:f/main/acme"), f"{batch}/0")
    return None if score is None else int(score)


def audit(engine: Engine, batch: str) -> list[bytes]:
    return engine.scripts.run("audit", "batch", batch)[2:] + engine.scripts.run("audit", "trunk", "main")[2:]


# ---- at claim ----


def test_nothing_is_claimed_while_the_window_is_closed(engine: Engine) -> None:
    batch = windowed(engine, (-2 * HOUR, -HOUR), (HOUR, 2 * HOUR))
    opening = int(engine.hash(f"batch:{batch}")["hours"].split()[1].split("-")[0])
    assert lane_waits_until(engine, batch) == opening
    claim = engine.claim()
    assert claim.slots == []
    assert claim.next_ms == opening, "the next claim comes with the opening, not by polling"
    assert engine.hash(f"batch:{batch}")["state"] == "pending"
    assert audit(engine, batch) == []


@pytest.mark.parametrize("place", ("waiting", "ready"))
def test_a_lane_whose_window_closed_while_it_was_due_waits_for_the_next_opening(engine: Engine, place: str) -> None:
    batch = windowed(engine, (-HOUR, HOUR), contacts=20)
    if place == "ready":
        engine.client.zadd(engine.key("ready:f/main/acme"), {f"{batch}/0": 1})
        engine.client.zrem(engine.key("waiting:f/main/acme"), f"{batch}/0")
    (opening,) = decree(engine, batch, (HOUR, 2 * HOUR))
    assert engine.claim().slots == []
    assert engine.client.zscore(engine.key("ready:f/main/acme"), f"{batch}/0") is None
    assert lane_waits_until(engine, batch) == opening
    assert audit(engine, batch) == []


def test_the_opening_wakes_the_lane(engine: Engine) -> None:
    batch = windowed(engine, (300, HOUR))
    opening_us = int(engine.hash(f"batch:{batch}")["hours"].split("-")[0]) * 1000
    slots = wait_until(lambda: engine.claim().slots, 5.0, "the window opens")
    assert all(slot.slot_us >= opening_us for slot in slots)
    assert {answer[0] for answer in engine.begin(slots[:1])} == {"begun"}


def test_no_slot_and_no_begin_lies_behind_the_closing(engine: Engine) -> None:
    batch = windowed(engine, (-HOUR, 2000), contacts=200, cps=30)
    closing = int(engine.hash(f"batch:{batch}")["hours"].split("-")[1])
    slots: list[Slot] = []
    begins: list[int] = []
    while engine.now_ms() <= closing:
        claimed = engine.claim().slots
        slots += claimed
        begins += [int(answer[1]) for answer in engine.begin(claimed) if answer[0] == "begun"] if claimed else []
    assert slots and max(slot.slot_us for slot in slots) < closing * 1000
    assert begins and max(begins) < closing * 1000
    assert engine.claim().slots == []


def test_a_batch_starts_at_its_start_whether_its_window_is_open_or_not(engine: Engine) -> None:
    batch = windowed(engine, (HOUR, 2 * HOUR), start_in_ms=200)
    assert engine.hash(f"batch:{batch}")["state"] == "scheduled"
    wait_until(lambda: (engine.claim(), engine.hash(f"batch:{batch}")["state"])[1] == "pending", 5.0, "it has started")
    assert engine.counters(batch)["claimed"] == 0
    assert lane_waits_until(engine, batch) == int(engine.hash(f"batch:{batch}")["hours"].split("-")[0])


# ---- at begin ----


def test_a_claim_whose_window_closed_before_its_begin_is_released_to_the_next_opening_and_nothing_is_charged(
    engine: Engine,
) -> None:
    batch = windowed(engine, (-HOUR, HOUR), contacts=1)
    slot = engine.claim_one()
    (opening,) = decree(engine, batch, (HOUR, 2 * HOUR))
    assert engine.begin([slot]) == [("released", "window")]
    counters = engine.counters(batch)
    assert (counters["due"], counters["claimed"], counters["live"], counters["attempts"]) == (1, 0, 0, 0)
    state = engine.state(batch, slot.ordinal)
    assert (state["phase"], state["a"], int(state["n"])) == ("due", "0", opening)
    assert lane_waits_until(engine, batch) == opening
    for kept in ("begins:k/main", "begins:t/acme", f"begins:b/{batch}", "live", "claimed", "dialing:t/acme"):
        assert not engine.client.exists(engine.key(kept)), kept
    assert audit(engine, batch) == []


def test_a_begin_that_the_rate_puts_behind_the_closing_is_released(engine: Engine) -> None:
    batch = windowed(engine, (-HOUR, HOUR), contacts=1)
    slot = engine.claim_one()
    # The trunk's last begin lies ahead: the next instant that keeps the rate is behind the window's end.
    ahead_us = (engine.now_ms() + 100) * 1000
    engine.client.rpush(engine.key("begins:k/main"), ahead_us)
    closing = ahead_us // 1000 - 20
    engine.client.hset(engine.key(f"batch:{batch}"), "hours", f"1-{closing} {closing + HOUR}-{closing + 2 * HOUR}")
    assert engine.begin([slot]) == [("released", "window")]
    assert int(engine.state(batch, slot.ordinal)["n"]) == closing + HOUR
    assert engine.claim().slots == []


# ---- retries ----


def test_a_retry_that_falls_due_while_the_window_is_closed_waits_for_the_opening(engine: Engine) -> None:
    batch = windowed(engine, (-HOUR, HOUR), contacts=1)
    slot = engine.claim_one()
    assert engine.begin([slot])[0][0] == "begun"
    (opening,) = decree(engine, batch, (HOUR, 2 * HOUR))
    assert engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=0) == "due"
    assert engine.claim().slots == []
    assert lane_waits_until(engine, batch) == opening
    assert audit(engine, batch) == []
    until = int(engine.hash(f"batch:{batch}")["hours_until_ms"])
    assert publish(engine, batch, hours(engine, (-1, HOUR)), until + 1) == "published"
    assert engine.claim_one().ordinal == slot.ordinal


def test_a_retry_later_than_the_opening_waits_for_its_own_time(engine: Engine) -> None:
    batch = windowed(engine, (-HOUR, HOUR), (2 * HOUR, 5 * HOUR), contacts=1)
    slot = engine.claim_one()
    engine.begin([slot])
    engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=3 * HOUR)
    assert lane_waits_until(engine, batch) == int(engine.state(batch, 0)["n"])


def test_a_paused_batch_resumed_outside_its_window_waits_for_the_opening(engine: Engine) -> None:
    batch = windowed(engine, (HOUR, 2 * HOUR))
    engine.control(batch, "acme", "pause", "user")
    assert lane_waits_until(engine, batch) is None
    assert engine.control(batch, "acme", "resume")[0] == "pending"
    assert lane_waits_until(engine, batch) == int(engine.hash(f"batch:{batch}")["hours"].split("-")[0])


# ---- more hours ----


def test_beyond_the_published_hours_nothing_is_dialed_until_more_are_published(engine: Engine) -> None:
    batch = windowed(engine, (-2 * HOUR, -HOUR), until_in_ms=-1)
    assert engine.claim().slots == []
    assert lane_waits_until(engine, batch) is None
    assert audit(engine, batch) == []
    assert publish(engine, batch, hours(engine, (-1000, HOUR)), engine.now_ms() + HOUR) == "published"
    assert engine.claim().slots


def test_hours_are_wanted_before_they_run_out_and_by_one_worker_at_a_time(engine: Engine) -> None:
    batch = windowed(engine, *[(i * HOUR - 1, i * HOUR + 1000) for i in range(16)])
    listed = engine.client.zscore(engine.key("hours"), batch)
    openings = [int(part.split("-")[0]) for part in engine.hash(f"batch:{batch}")["hours"].split()]
    assert listed == openings[8], "half of them are left when more are asked for"
    assert engine.hours_wanted() == []
    engine.client.zadd(engine.key("hours"), {batch: engine.now_ms()})
    expires = engine.hash(f"batch:{batch}")["expires_ms"]
    assert engine.hours_wanted() == [(batch, WINDOW, expires)]
    assert engine.hours_wanted("w2") == []
    lease = engine.client.zscore(engine.key("hours"), batch)
    assert engine.now_ms() < lease <= engine.now_ms() + 10_000, "a worker that died is not waited for"


def test_publishing_again_changes_nothing(engine: Engine) -> None:
    batch = windowed(engine, (HOUR, 2 * HOUR))
    text, until = hours(engine, (HOUR, 3 * HOUR), (9 * HOUR, 10 * HOUR)), engine.now_ms() + 200 * HOUR
    assert publish(engine, batch, text, until) == "published"
    before = engine.hash(f"batch:{batch}"), engine.client.zscore(engine.key("hours"), batch)
    assert publish(engine, batch, text, until) == "known"
    assert publish(engine, batch, hours(engine, (HOUR, 2 * HOUR)), until - 1) == "known", "an older answer comes late"
    assert (engine.hash(f"batch:{batch}"), engine.client.zscore(engine.key("hours"), batch)) == before


def test_hours_of_another_window_or_of_an_ended_batch_are_not_taken(engine: Engine) -> None:
    batch = windowed(engine, (-HOUR, HOUR), contacts=1)
    later = engine.now_ms() + 200 * HOUR
    assert publish(engine, batch, "", later, window="{}") == "gone"
    assert publish(engine, "batch_c0_nothing", "", later) == "gone"
    engine.control(batch, "acme", "cancel")
    assert publish(engine, batch, "", later) == "gone"
    assert engine.client.zcard(engine.key("hours")) == 0


@pytest.mark.parametrize("text", ["5-4", "1-2 2-3", "3-4 1-2", "1-2 x", "1-2-3", "-5-6", " ".join(f"{2 * i}-{2 * i + 1}" for i in range(65))])
def test_hours_that_make_no_sense_are_refused(engine: Engine, text: str) -> None:
    batch = windowed(engine, (-HOUR, HOUR))
    before = engine.hash(f"batch:{batch}")
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        publish(engine, batch, text, engine.now_ms() + 200 * HOUR)
    assert engine.hash(f"batch:{batch}") == before


def test_a_window_that_is_known_to_the_end_is_not_asked_for_again(engine: Engine) -> None:
    batch = windowed(engine, (-HOUR, HOUR), until_in_ms=1000 * HOUR, expires_ms=engine.now_ms() + 999 * HOUR)
    assert engine.client.zscore(engine.key("hours"), batch) is None
    assert audit(engine, batch) == []
