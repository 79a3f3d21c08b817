# SPDX-License-Identifier: Apache-2.0
"""Contacts added to a batch that runs already, under a lease that keeps it from ending between two chunks."""

from __future__ import annotations

import pytest
import redis

from tests.support.engine import Engine, Slot
from tests.support.fairness import START_US
from tests.support.redis_clock import RedisClock

LEASE_MS = 5_000


def state(cell: Engine, batch: str) -> str:
    return cell.hash(f"batch:{batch}")["state"]


def call_once(cell: Engine, clock: RedisClock) -> Slot:
    clock.step(100_000)
    (slot,) = cell.claim(calls=1).slots
    assert cell.begin([slot])[0][0] == "begun"
    assert cell.finish(slot) == "final"
    return slot


def test_a_batch_does_not_end_while_it_is_appended_to_and_calls_what_was_added(cell: Engine, clock: RedisClock) -> None:
    batch = cell.batch("acme", "main", 1)
    assert cell.append(batch, "acme", LEASE_MS) == "pending"
    call_once(cell, clock)
    assert state(cell, batch) == "processing" and cell.claim().slots == []
    assert cell.ingest(batch, 2, [(15551230001, "late"), (15551230002, "later")]) == [3, 0, []]
    assert (cell.counters(batch)["total"], cell.counters(batch)["due"]) == (3, 2)
    assert [call_once(cell, clock).ordinal for _ in range(2)] == [1, 2]
    assert state(cell, batch) == "processing"
    assert cell.end_append(batch, "acme") == "completed"
    assert [event["type"] for event in cell.events()] == ["call.completed"] * 3 + ["batch.completed"]


def test_an_appended_chunk_again_changes_nothing_and_answers_the_same(cell: Engine) -> None:
    batch = cell.batch("acme", "main", [15551230001])
    cell.append(batch, "acme", LEASE_MS)
    first = cell.ingest(batch, 2, [(15551230001, ""), (15551230002, "")])
    assert first == [2, 0, [(0, "phone")]]
    assert cell.ingest(batch, 2, [(15551230001, ""), (15551230002, "")]) == [2, 1, [(0, "phone")]]
    assert cell.counters(batch)["due"] == 2
    with pytest.raises(redis.ResponseError, match="ERR_EXISTS"):
        cell.ingest(batch, 2, [(15551230003, "")])


def test_nothing_is_added_without_a_lease_that_holds(cell: Engine, clock: RedisClock) -> None:
    batch = cell.batch("acme", "main", 3)
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        cell.ingest(batch, 2, [(15551230001, "")])
    cell.append(batch, "acme", LEASE_MS)
    clock.step(LEASE_MS * 1000)
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        cell.ingest(batch, 2, [(15551230001, "")])
    assert cell.counters(batch)["total"] == 3


def test_a_lease_that_nobody_renews_passes_and_the_tick_ends_the_batch(cell: Engine, clock: RedisClock) -> None:
    batch = cell.batch("acme", "main", 1)
    cell.append(batch, "acme", LEASE_MS)
    call_once(cell, clock)
    due_ms = cell.tick()["next_ms"]
    assert due_ms == START_US // 1000 + LEASE_MS and state(cell, batch) == "processing"
    clock.stand(due_ms * 1000)
    cell.tick()
    assert state(cell, batch) == "completed"
    assert not cell.client.keys("*appending*")


def test_a_lease_taken_again_is_renewed(cell: Engine, clock: RedisClock) -> None:
    batch = cell.batch("acme", "main", 1)
    cell.append(batch, "acme", LEASE_MS)
    call_once(cell, clock)
    clock.step(LEASE_MS * 1000 - 200_000)
    cell.append(batch, "acme", LEASE_MS)
    clock.step(LEASE_MS * 1000 - 1000)
    cell.tick()
    assert cell.ingest(batch, 2, [(15551230001, "")])[0] == 2


def test_a_batch_ends_after_the_last_of_its_holders(cell: Engine, clock: RedisClock) -> None:
    batch = cell.batch("acme", "main", 1)
    cell.append(batch, "acme", LEASE_MS, holder="one")
    cell.append(batch, "acme", 2 * LEASE_MS, holder="two")
    call_once(cell, clock)
    assert cell.end_append(batch, "acme", holder="one") == "processing"
    assert cell.end_append(batch, "acme", holder="one") == "processing"
    assert cell.end_append(batch, "acme", holder="two") == "completed"


def test_holders_are_bounded_and_those_whose_lease_passed_do_not_count(cell: Engine, clock: RedisClock) -> None:
    batch = cell.batch("acme", "main", 1)
    for i in range(16):
        cell.append(batch, "acme", LEASE_MS, holder=f"holder{i}")
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        cell.append(batch, "acme", LEASE_MS, holder="one_more")
    assert cell.append(batch, "acme", LEASE_MS, holder="holder3") == "pending"
    clock.step(LEASE_MS * 1000)
    assert cell.append(batch, "acme", LEASE_MS, holder="one_more") == "pending"


def test_a_cancelled_batch_ends_at_once_whoever_appends(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1)
    cell.append(batch, "acme", LEASE_MS)
    assert cell.control(batch, "acme", "cancel") == ("cancelled", 1)
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        cell.ingest(batch, 2, [(15551230001, "")])
    assert not cell.client.keys("*appending*")


def test_an_ended_batch_takes_no_lease(cell: Engine, clock: RedisClock) -> None:
    batch = cell.batch("acme", "main", 1)
    call_once(cell, clock)
    with pytest.raises(redis.ResponseError, match="ERR_STATE completed"):
        cell.append(batch, "acme", LEASE_MS)
    assert cell.end_append(batch, "acme") == "completed"


def test_a_creation_under_way_is_appended_to_by_nobody(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1, seal=False)
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        cell.append(batch, "acme", LEASE_MS)


def test_another_tenant_appends_nothing_and_gives_no_lease_back(cell: Engine) -> None:
    cell.tenant("other")
    batch = cell.batch("acme", "main", 1)
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        cell.append(batch, "other", LEASE_MS)
    cell.append(batch, "acme", LEASE_MS)
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        cell.end_append(batch, "other")
    assert cell.ingest(batch, 2, [(15551230001, "")])[0] == 2


def test_a_paused_batch_takes_contacts_and_dials_none(cell: Engine, clock: RedisClock) -> None:
    batch = cell.batch("acme", "main", 1)
    cell.control(batch, "acme", "pause", "user")
    cell.append(batch, "acme", LEASE_MS)
    assert cell.ingest(batch, 2, [(15551230001, "")])[0] == 2
    assert cell.claim().slots == []
    cell.control(batch, "acme", "resume")
    clock.step(100_000)
    assert len(cell.claim().slots) == 2


@pytest.mark.parametrize("lease_ms", (-1, 0, 600_001, "x", "nan"))
def test_a_lease_has_bounds(cell: Engine, lease_ms: object) -> None:
    batch = cell.batch("acme", "main", 1)
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        cell.append(batch, "acme", lease_ms)
