# SPDX-License-Identifier: Apache-2.0
"""A batch whose calls are refused one after the other for what it asks pauses itself; a call that nobody can make anything of
ends, and holds nobody else up (docs/decisions/0020-poison.md)."""

from __future__ import annotations

import pytest

from tests.support.auditor import audit_cell
from tests.support.engine import CLAIM_CALLS, CLAIM_STEPS, DOUBT_LEASE_MS, HORIZON_US, LEASE_MS, Engine, Slot
from tests.support.waiting import wait_until

MOST = 20
STRIKES = 3


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.trunk("main", cps=1000)
    engine.tenant("acme", cps=1000)
    return engine


def batch_of(cell: Engine, contacts: int = 60) -> str:
    return cell.batch("acme", "main", contacts, cps=1000, on_event="http://127.0.0.1/event")


def refuse(cell: Engine, slot: Slot, outcome: str = "REJECTED", source: str = "answer") -> list[list[str]]:
    """What the worker is told beside the answer."""
    args = cell.finish_args(slot, "final", outcome, source=source, reason="no such agent", provider_id="")
    return [[part.decode() for part in row] for row in cell.scripts.run("call_finish", *args)[1:]]


def begin(cell: Engine, batch: str, n: int) -> list[Slot]:
    return [cell.begin_next(batch) for _ in range(n)]


def state(cell: Engine, batch: str) -> dict[str, str]:
    return cell.hash(f"batch:{batch}")


def test_a_batch_pauses_itself_after_so_many_refusals_in_a_row(cell: Engine) -> None:
    batch = batch_of(cell)
    *early, last = begin(cell, batch, MOST)
    assert [refuse(cell, slot) for slot in early] == [[]] * (MOST - 1)
    assert state(cell, batch)["state"] == "processing"
    assert refuse(cell, last) == [["poison", batch, "no such agent"]]
    fields = state(cell, batch)
    assert (fields["state"], fields["reason"], fields["refusal"]) == ("paused", "poison", "no such agent")
    (event,) = [event for event in cell.events() if event["type"] == "batch.paused"]
    assert (event["reason"], event["error"], event["code"]) == ("poison", "no such agent", "BATCH_REFUSED")
    assert cell.claim().slots == []
    assert audit_cell(cell) == []


def test_a_refusal_that_is_told_again_counts_once(cell: Engine) -> None:
    batch = batch_of(cell)
    slot = cell.begin_next(batch)
    for _ in range(MOST + 1):
        refuse(cell, slot)
    assert state(cell, batch)["refused"] == "1"


@pytest.mark.parametrize("good", ["accepted", "INVALID_NUMBER", "BLOCKED", "COMPLETED"])
def test_one_that_is_taken_or_refused_for_its_number_has_it_count_anew(cell: Engine, good: str) -> None:
    batch = batch_of(cell)
    for slot in begin(cell, batch, MOST - 1):
        refuse(cell, slot)
    slot = cell.begin_next(batch)
    if good == "accepted":
        cell.accept(slot)
    else:
        refuse(cell, slot, good, "callback" if good == "COMPLETED" else "answer")
    assert "refused" not in state(cell, batch)
    for slot in begin(cell, batch, MOST - 1):
        assert refuse(cell, slot) == []
    assert state(cell, batch)["state"] == "processing"
    assert refuse(cell, cell.begin_next(batch)) != []


@pytest.mark.parametrize(("outcome", "source"), [("REJECTED", "callback"), ("UNKNOWN", "deadline"), ("BUSY", "callback")])
def test_what_came_of_calls_that_the_platform_had_taken_does_not_count(cell: Engine, outcome: str, source: str) -> None:
    batch = batch_of(cell)
    for slot in begin(cell, batch, MOST + 5):
        assert refuse(cell, slot, outcome, source) == []
    assert state(cell, batch)["state"] == "processing"


def test_what_is_on_its_way_comes_to_its_end_and_the_tenants_other_batches_go_on(cell: Engine) -> None:
    batch = batch_of(cell)
    *slots, on_the_line = begin(cell, batch, MOST + 1)
    claimed = wait_until(lambda: [slot for slot in cell.claim(calls=5).slots if slot.batch == batch], 10.0, "more are claimed")
    for slot in slots:
        refuse(cell, slot)
    assert {answer for answer in cell.begin(claimed)} == {("released", "batch_paused")}
    assert cell.finish(on_the_line) == "final"
    assert cell.finish(cell.begin_next(batch_of(cell, 3))) == "final"
    assert cell.counters(batch)["succeeded"] == 1


def test_resumed_it_goes_on_and_counts_anew(cell: Engine) -> None:
    batch = batch_of(cell)
    late, *slots = begin(cell, batch, MOST + 1)
    for slot in slots:
        refuse(cell, slot)
    assert refuse(cell, late) == [], "one that was on its way changes nothing"
    assert cell.control(batch, "acme", "resume")[0] == "processing"
    assert not {"refused", "refusal", "reason"} & state(cell, batch).keys()
    for slot in begin(cell, batch, MOST - 1):
        assert refuse(cell, slot) == []
    assert refuse(cell, cell.begin_next(batch)) != []
    assert state(cell, batch)["pauses"] == "2"


def test_a_batch_that_ends_with_its_last_refusal_is_completed(cell: Engine) -> None:
    batch = batch_of(cell, MOST)
    for slot in begin(cell, batch, MOST):
        assert refuse(cell, slot) == []
    assert state(cell, batch)["state"] == "completed"


def test_one_that_its_user_paused_stays_paused_for_that(cell: Engine) -> None:
    batch = batch_of(cell)
    slots = begin(cell, batch, MOST)
    cell.control(batch, "acme", "pause", "user")
    for slot in slots:
        assert refuse(cell, slot) == []
    assert state(cell, batch)["reason"] == "user"


# ---- calls that nobody can make anything of ----


def strike(cell: Engine, slot: Slot, worker: str = "w1") -> list[bytes]:
    return list(cell.scripts.run("call_strike", worker, *slot.ref, "metadata_unreadable"))


def claim_one(cell: Engine, batch: str) -> Slot:
    cell.client.zadd(cell.key(f"batch:{batch}:retry:0"), {"0": 1}, xx=True)
    cell.client.zadd(cell.key("trunks"), {"main": 0})
    cell.client.zadd(cell.key("waiting:k/main"), {"acme": 0}, xx=True)
    cell.client.zadd(cell.key("waiting:f/main/acme"), {f"{batch}/0": 0}, xx=True)
    return wait_until(lambda: cell.claim(calls=1).slots, 10.0, "it is claimed again")[0]


def test_a_call_that_is_struck_three_times_ends_as_failed_and_costs_nothing(cell: Engine) -> None:
    batch = batch_of(cell, 1)
    for turn in range(1, STRIKES):
        slot = claim_one(cell, batch)
        assert strike(cell, slot) == [b"struck"]
        assert strike(cell, slot) == [b"gone"]
        assert cell.state(batch, 0)["phase"] == "due" and cell.state(batch, 0)["o"] == str(turn)
    slot = claim_one(cell, batch)
    assert strike(cell, slot, "w2") == [b"gone"], "only its worker may"
    assert strike(cell, slot) == [b"ended"]
    assert strike(cell, slot) == [b"gone"]
    ended = cell.state(batch, 0)
    assert (ended["phase"], ended["x"], ended["a"]) == ("final", "FAILED", "0")
    assert cell.client.hget(cell.key(f"batch:{batch}:texts:0"), "0:reason") == b"metadata_unreadable"
    assert state(cell, batch)["state"] == "completed" and state(cell, batch)["outcome:FAILED"] == "1"
    assert [event["type"] for event in cell.events()] == ["batch.completed"]
    assert audit_cell(cell) == []


def test_a_batch_of_such_calls_pauses_itself(cell: Engine) -> None:
    batch = batch_of(cell)
    *slots, last = wait_until(lambda: cell.claim(calls=MOST).slots, 10.0, "its calls are claimed")
    assert len(slots) == MOST - 1
    states = cell.key(f"batch:{batch}:state:0")
    for slot in (*slots, last):
        text = cell.client.hget(states, str(slot.ordinal)).decode()
        cell.client.hset(states, str(slot.ordinal), f"{text} o={STRIKES - 1}")
    assert [strike(cell, slot) for slot in slots] == [[b"ended"]] * (MOST - 1)
    assert strike(cell, last) == [b"ended", [b"poison", batch.encode(), b"metadata_unreadable"]]
    assert (state(cell, batch)["state"], cell.counters(batch)["failed"]) == ("paused", MOST)
    assert audit_cell(cell) == []


@pytest.mark.parametrize("record", [None, b"", b"\xff\xff", b"\x08" + b"\xff" * 9])
def test_a_contact_that_is_not_there_or_has_no_number_ends_and_the_next_are_claimed(cell: Engine, record: bytes | None) -> None:
    batch = batch_of(cell, 4)
    contacts = cell.key(f"batch:{batch}:contacts:0")
    for ordinal in ("1", "3"):
        cell.client.hdel(contacts, ordinal) if record is None else cell.client.hset(contacts, ordinal, record)
    begun: list[Slot] = []

    def all_begun() -> bool:
        slots = cell.claim().slots
        begun.extend(slot for slot, answer in zip(slots, cell.begin(slots)) if answer[0] == "begun")
        return len(begun) == 2 and cell.counters(batch)["due"] == 0

    wait_until(all_begun, 10.0, "the others are begun")
    assert {slot.ordinal for slot in begun} == {0, 2}
    assert {cell.state(batch, ordinal)["x"] for ordinal in (1, 3)} == {"FAILED"}
    for slot in begun:
        cell.finish(slot)
    assert state(cell, batch)["state"] == "completed"
    assert cell.counters(batch)["failed"] == 2


def test_a_batch_of_nothing_that_can_be_read_ends_by_its_claims_alone(cell: Engine) -> None:
    batch = batch_of(cell, 300)
    for bucket in range(5):
        cell.client.delete(cell.key(f"batch:{batch}:contacts:{bucket}"))
    args = (CLAIM_CALLS, CLAIM_STEPS, HORIZON_US, LEASE_MS, DOUBT_LEASE_MS)

    def has_ended() -> bool:
        cell.scripts.run("call_claim", "w1", f"r{cell.now_ms()}", *args)
        return state(cell, batch)["state"] == "completed"

    wait_until(has_ended, 10.0, "it ends")
    assert cell.counters(batch)["failed"] == 300
