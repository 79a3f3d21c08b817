# SPDX-License-Identifier: Apache-2.0
"""onEvent: every event of a batch is written, each once, in a sequence without gaps."""

from __future__ import annotations

from tests.support.engine import Engine
from tests.support.waiting import wait_until

ALL = {"on_call_complete": None, "on_batch_complete": None, "on_event": "http://127.0.0.1/all"}


def cell(engine: Engine, contacts: int = 2, **fields: object) -> str:
    engine.trunk("main")
    engine.tenant("acme")
    return engine.batch("acme", "main", contacts, cps=30, **{**ALL, **fields})


def told(engine: Engine) -> list[str]:
    """The types, in the order of their sequence, which has no gap."""
    events = sorted(engine.events(), key=lambda event: int(event["seq"]))
    assert [int(event["seq"]) for event in events] == list(range(1, len(events) + 1))
    assert len({event["id"] for event in events}) == len(events)
    return [event["type"] for event in events]


def test_whoever_wants_all_events_gets_those_of_calls_and_of_the_batch(engine: Engine) -> None:
    batch = cell(engine, contacts=1)
    engine.finish(engine.begin_next(batch), how="retry", outcome="BUSY", next_in_ms=0)
    engine.finish(engine.begin_next(batch))
    assert told(engine) == ["batch.started", "call.attempt", "call.attempt", "call.completed", "batch.completed"]


def test_the_first_begin_starts_a_batch_and_no_later_one(engine: Engine) -> None:
    batch = cell(engine)
    first = engine.begin_next(batch)
    (started,) = engine.events()
    assert (started["type"], started["id"]) == ("batch.started", f"evt_{batch}-batch_started")
    engine.begin([first])
    engine.control(batch, "acme", "pause", "user")
    engine.control(batch, "acme", "resume")
    engine.begin_next(batch)
    assert told(engine) == ["batch.started", "batch.paused"]


def test_a_begin_that_was_forgotten_and_told_again_starts_the_batch_under_the_same_id(engine: Engine) -> None:
    batch = cell(engine)
    slot = wait_until(lambda: engine.claim(calls=1).slots, 5.0, "a call is claimed")[0]
    assert engine.reassert([slot]) == ["restored"]
    assert engine.reassert([slot]) == ["known"]
    (started,) = engine.events()
    assert started["id"] == f"evt_{batch}-batch_started"


def test_each_pause_is_an_event_of_its_own_with_its_reason_and_a_repeated_one_is_none(engine: Engine) -> None:
    batch = cell(engine)
    for reason in ("user", "credits"):
        engine.control(batch, "acme", "pause", reason)
        engine.control(batch, "acme", "pause", "again")
        engine.control(batch, "acme", "resume")
    pauses = engine.events()
    assert [(event["id"], event["reason"]) for event in pauses] == [
        (f"evt_{batch}-1-batch_paused", "user"),
        (f"evt_{batch}-2-batch_paused", "credits"),
    ]
    assert told(engine) == ["batch.paused"] * 2


def test_a_cancel_is_told_when_the_last_call_has_ended(engine: Engine) -> None:
    batch = cell(engine, contacts=3)
    live = engine.begin_next(batch)
    assert engine.control(batch, "acme", "cancel")[0] == "cancelling"
    assert told(engine) == ["batch.started"]
    engine.finish(live)
    assert engine.control(batch, "acme", "cancel")[0] == "cancelled"
    assert told(engine) == ["batch.started", "call.attempt", "call.completed", "batch.cancelled"]
    assert engine.events()[-1]["id"] == f"evt_{batch}-batch_cancelled"


def test_a_cancel_with_nothing_under_way_is_told_at_once(engine: Engine) -> None:
    batch = cell(engine)
    assert engine.control(batch, "acme", "cancel")[0] == "cancelled"
    assert told(engine) == ["batch.cancelled"]


def test_a_failure_is_told(engine: Engine) -> None:
    engine.control(cell(engine), "acme", "fail", "no such agent", "AGENT_NOT_FOUND")
    (failed,) = engine.events()
    assert (failed["type"], failed["error"], failed["code"]) == ("batch.failed", "no such agent", "AGENT_NOT_FOUND")


def test_who_wants_single_events_is_told_of_no_start_pause_or_cancel(engine: Engine) -> None:
    batch = cell(engine, on_event=None, on_batch_complete="http://127.0.0.1/batch")
    engine.begin_next(batch)
    engine.control(batch, "acme", "pause")
    engine.control(batch, "acme", "cancel")
    assert engine.events() == []
