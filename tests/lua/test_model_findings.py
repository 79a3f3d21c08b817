# SPDX-License-Identifier: Apache-2.0
"""What the model of the scripts (test_model.py) found, each as the shortest sequence that shows it, on a clock that stands
still."""

from __future__ import annotations

import pytest
import redis

from tests.support.auditor import audit
from tests.support.engine import Engine, Slot
from tests.support.fairness import START_US
from tests.support.redis_clock import RedisClock


def begin_one(cell: Engine) -> Slot:
    slot = cell.claim(calls=1).slots[0]
    assert cell.begin([slot])[0][0] == "begun"
    return slot


def test_a_call_released_for_its_rate_gets_no_slot_before_the_rate_admits_it(cell: Engine, clock: RedisClock) -> None:
    """It was handed out and released again and again, with a new dial number each time, until the second had passed."""
    batch = cell.batch("acme", "main", 3, cps=1)
    begin_one(cell)
    clock.step(2_000_000)
    begin_one(cell)  # late by almost a whole interval, which the pace credits to the next slot
    begins_us = [clock.now_us]
    for _ in range(60):
        clock.step(20_000)
        for slot in cell.claim().slots:
            begins_us += [int(answer[1]) for answer in cell.begin([slot]) if answer[0] == "begun"]
    assert begins_us[1:] and 1_000_000 < begins_us[1] - begins_us[0] <= 1_200_000
    assert cell.counters(batch)["dials"] <= 4, "three calls, and one that was released"


def test_a_lease_that_passes_this_very_millisecond_is_not_begun(cell: Engine, clock: RedisClock) -> None:
    """Its concurrency had been given to another claim by then: two calls where one was allowed."""
    cell.tenant("acme", how="set", max_concurrent=1)
    cell.batch("acme", "main", 3, cps=30)
    slot = cell.claim().slots[0]
    clock.stand(slot.slot_us + 2_000_000)
    late_ms = 60_000
    assert cell.scripts.run("call_begin", "w1", late_ms, 30_000, *slot.ref, 150_000, "")[1] == [b"released", b"lease"]


def test_unknown_said_again_changes_nothing(cell: Engine, clock: RedisClock) -> None:
    """It counted as a late truth: the retry that had been claimed meanwhile was taken back."""
    cell.batch("acme", "main", 1)
    slot = begin_one(cell)
    assert cell.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=0) == "due"
    clock.step(200_000)
    newer = cell.claim().slots[0]
    assert cell.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=0) == "recorded"
    assert cell.finish(slot, outcome="UNKNOWN") == "recorded"
    assert cell.begin([newer])[0][0] == "begun"


def test_a_batch_that_fails_while_it_is_cancelled_counts_each_call_once(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    begin_one(cell)
    assert cell.control(batch, "acme", "cancel") == ("cancelling", 4)
    assert cell.control(batch, "acme", "fail", "reason", "CODE") == ("failed", 0)
    assert cell.hash(f"batch:{batch}")["cancelled"] == "4"
    assert cell.counters(batch)["failed"] == 4
    assert audit(cell, ["acme"], ["main"], [batch]) == []


def test_dedupe_keys_of_a_failed_batch_go_too(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    cell.control(batch, "acme", "fail", "reason", "CODE")
    cell.tick()
    assert not cell.client.keys(f"*{batch}:seen*") and not cell.client.keys(f"*{batch}:chunks")


def test_a_creation_that_is_half_removed_takes_no_more_and_is_not_sealed(cell: Engine, clock: RedisClock) -> None:
    """Its total was rounded up to a whole bucket, its chunks were forgotten: it could be filled and sealed with holes."""
    batch = cell.batch("acme", "main", 1, seal=False)
    clock.step(60_001_000)
    for _ in range(4):
        cell.tick(items=1)
        if not cell.client.exists(cell.key(f"batch:{batch}")):
            break
        assert cell.counters(batch)["total"] <= 1
        with pytest.raises(redis.ResponseError, match="ERR_STATE"):
            cell.ingest(batch, 2, [(15551230001, "")])
        for total in (1, 64):
            with pytest.raises(redis.ResponseError, match="ERR_STATE"):
                cell.seal(batch, total)
    cell.tick()
    assert not cell.client.keys(f"*{batch}*")


def test_a_retry_that_was_held_for_its_number_does_not_come_before_its_time(cell: Engine, clock: RedisClock) -> None:
    """A claim looks a horizon ahead: a retry that it found and held was due at once when the number became free."""
    number = 15551230001
    cell.batch("acme", "main", [number], cps=30)
    cell.finish(begin_one(cell), how="retry", outcome="BUSY", next_in_ms=1_150)
    due_us = clock.now_us + 1_150_000
    cell.batch("acme", "main", [number], cps=30)
    clock.step(1_000_000)
    other = begin_one(cell)
    assert cell.claim().slots == []
    cell.finish(other)
    assert [slot.slot_us >= due_us for slot in cell.claim().slots] == [True]


def test_a_trunk_that_is_started_while_it_is_full_goes_on_when_there_is_room(cell: Engine, clock: RedisClock) -> None:
    """It was listed nowhere, and nobody knew that it waited for room."""
    cell.trunk("main", how="set", max_concurrent=2)
    batch = cell.batch("acme", "main", 5, cps=30)
    first = begin_one(cell)
    clock.step(100_000)
    second = begin_one(cell)
    cell.trunk("main", how="set", state="stopped")
    cell.trunk("main", how="set", state="active")
    assert audit(cell, ["acme"], ["main"], [batch]) == []
    clock.step(100_000)
    assert cell.claim().slots == []
    for slot in (first, second):
        cell.finish(slot)
    assert cell.claim().slots


def test_a_lane_that_a_claim_saw_expire_ahead_is_no_fault(cell: Engine, clock: RedisClock) -> None:
    """The audit looked from now, where the claim had looked a horizon ahead."""
    cell.tenant("acme", how="set", cps=30)
    batches = [
        cell.batch("acme", "main", 1, cps=30, priority=9),
        cell.batch("acme", "main", 2, cps=30, expires_ms=START_US // 1000 + 2_500),
    ]
    clock.stand(START_US + 2_499_999)
    assert [slot.batch for slot in cell.claim().slots] == batches[:1]
    assert audit(cell, ["acme"], ["main"], batches) == []


@pytest.mark.parametrize("steps", range(1, 9))
def test_a_claim_out_of_steps_leaves_no_turn_to_a_flow_whose_lane_has_parked(
    cell: Engine, clock: RedisClock, steps: int
) -> None:
    batch = cell.batch("acme", "main", 2, cps=30, max_concurrent=1)
    begin_one(cell)
    clock.step(100_000)
    cell.claim(steps=steps)
    assert audit(cell, ["acme"], ["main"], [batch]) == []


@pytest.mark.parametrize("steps", range(1, 9))
def test_a_claim_out_of_steps_leaves_no_lane_ready_whose_last_call_is_held(
    cell: Engine, clock: RedisClock, steps: int
) -> None:
    batches = [cell.batch("acme", "main", [15551230001], cps=30)]
    begin_one(cell)
    batches.append(cell.batch("acme", "main", [15551230001], cps=30))
    clock.step(100_000)
    cell.claim(steps=steps)
    assert audit(cell, ["acme"], ["main"], batches) == []


@pytest.mark.parametrize("verb", ("pause", "resume"))
def test_a_batch_that_is_being_filled_says_so_to_who_would_stop_or_resume_it(cell: Engine, verb: str) -> None:
    batch = cell.batch("acme", "main", 1, seal=False)
    with pytest.raises(redis.ResponseError, match="ERR_STATE ingesting"):
        cell.control(batch, "acme", verb)
