# SPDX-License-Identifier: Apache-2.0
"""call.attempt: one for each charged attempt, written with its outcome, and by nothing else."""

from __future__ import annotations

from tests.support.engine import Engine, Slot
from tests.support.waiting import wait_until

URL = "http://127.0.0.1/attempt"


def begun(engine: Engine, contacts: int = 1, **fields: object) -> Slot:
    engine.trunk("main")
    engine.tenant("acme")
    batch = engine.batch("acme", "main", contacts, cps=30, **{"on_call_attempt": URL, **fields})
    return engine.begin_next(batch)


def again(engine: Engine, slot: Slot) -> Slot:
    return engine.begin_next(slot.batch)


def attempts(engine: Engine) -> list[tuple[str, str, bool]]:
    """(attempt, outcome, whether another follows) of each call.attempt, by the state that it keeps."""
    told = []
    for event in engine.events():
        if event["type"] == "call.attempt":
            assert event["id"] == f"evt_{event['batch']}-{event['call']}-{event['attempt']}-call_attempt"
            state = dict(word.split("=", 1) for word in event["state"].split(" "))
            assert state["a"] == event["attempt"] and ("n" in state) == (state["phase"] == "due")
            told.append((event["attempt"], state["x"], state["phase"] == "due"))
    return told


def test_each_attempt_is_told_once_with_its_outcome_and_what_follows(engine: Engine) -> None:
    slot = begun(engine)
    assert engine.finish(slot, how="retry", outcome="NO_ANSWER", next_in_ms=0) == "due"
    assert engine.finish(again(engine, slot)) == "final"
    assert attempts(engine) == [("1", "NO_ANSWER", True), ("2", "COMPLETED", False)]
    assert [event["type"] for event in engine.events()] == ["call.attempt", "call.attempt", "call.completed", "batch.completed"]
    assert [event["seq"] for event in engine.events()] == ["1", "2", "3", "4"]


def test_its_state_is_that_of_its_end_whatever_came_after(engine: Engine) -> None:
    slot = begun(engine)
    engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=0, provider_id="first", duration="0")
    engine.finish(again(engine, slot), provider_id="second")
    first, second = (event["state"].split(" ") for event in engine.events()[:2])
    assert "p=first" in first and "x=BUSY" in first and "l=1" in first
    assert "p=second" in second and "x=COMPLETED" in second and "l=2" in second


def test_a_result_told_again_writes_no_second_one(engine: Engine) -> None:
    slot = begun(engine, contacts=2)
    engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=60_000)
    assert engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=60_000) == "recorded"
    final = again(engine, slot)
    assert [engine.finish(final), engine.finish(final)] == ["final", "recorded"]
    assert attempts(engine) == [("1", "BUSY", True), ("1", "COMPLETED", False)]


def test_a_call_that_hung_up_is_told_with_its_summary_or_when_the_wait_for_it_is_over(engine: Engine) -> None:
    slot = begun(engine, contacts=2, summary_wait_ms=60_000)
    assert engine.finish(slot, how="ended") == "ended"
    assert attempts(engine) == []
    assert engine.finish(slot, how="retry", outcome="VOICEMAIL", next_in_ms=60_000) == "due"
    assert attempts(engine) == [("1", "VOICEMAIL", True)]

    silent = again(engine, slot)
    engine.client.hset(engine.key(f"batch:{slot.batch}"), "summary_wait_ms", 0)
    engine.finish(silent, how="ended")
    assert wait_until(lambda: engine.tick()["summaries"], 5.0, "the wait passes") == 1
    assert attempts(engine)[1:] == [("1", "COMPLETED", False)]


def test_the_last_attempt_is_told_to_be_the_last_whatever_the_decision_was(engine: Engine) -> None:
    slot = begun(engine, max_attempts=1)
    assert engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=0) == "final"
    assert attempts(engine) == [("1", "BUSY", False)]


def test_a_dial_that_was_given_back_is_no_attempt(engine: Engine) -> None:
    slot = begun(engine, contacts=2)
    assert engine.abort(slot, "THROTTLED", due_in_ms=60_000) == "aborted"
    lost = again(engine, slot)
    engine.recheck(lost, "absent", absent_after_ms=0)
    engine.recheck(lost, "absent", absent_after_ms=0)
    assert engine.counters(slot.batch)["attempts"] == 0
    assert attempts(engine) == []


def test_a_given_back_dial_that_was_placed_after_all_is_told_as_the_attempt_it_becomes(engine: Engine) -> None:
    slot = begun(engine)
    engine.recheck(slot, "absent", absent_after_ms=0)
    engine.recheck(slot, "absent", absent_after_ms=0)
    assert engine.finish(slot, how="retry", outcome="NO_ANSWER", next_in_ms=0, attempts=0) == "due"
    assert attempts(engine) == [("1", "NO_ANSWER", True)]
    assert engine.finish(again(engine, slot)) == "final"
    assert attempts(engine)[1:] == [("2", "COMPLETED", False)]


def test_the_truth_about_an_unknown_that_was_told_is_told_by_the_calls_end_alone(engine: Engine) -> None:
    slot = begun(engine)
    engine.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=60_000)
    assert engine.finish(slot) == "settled"
    assert attempts(engine) == [("1", "UNKNOWN", True)]
    assert [event["type"] for event in engine.events()] == ["call.attempt", "call.completed", "batch.completed"]


def test_a_cancel_ends_what_waits_for_a_retry_without_telling_its_attempt_again(engine: Engine) -> None:
    slot = begun(engine)
    engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=60_000)
    engine.control(slot.batch, "acme", "cancel")
    assert engine.tick()["cut"] == 1
    assert attempts(engine) == [("1", "BUSY", True)]
    assert [event["type"] for event in engine.events()] == ["call.attempt", "call.completed"]


def test_who_did_not_ask_for_attempts_gets_none_and_its_sequence_has_no_gap(engine: Engine) -> None:
    slot = begun(engine, on_call_attempt=None)
    engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=0)
    engine.finish(again(engine, slot))
    assert [(event["type"], event["seq"]) for event in engine.events()] == [("call.completed", "1"), ("batch.completed", "2")]


def test_a_number_that_may_not_be_called_ends_without_an_attempt(engine: Engine) -> None:
    slot = begun(engine, contacts=[15551230001])
    engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=0)
    engine.scripts.run("suppression_change", "acme", "add", 100, 15551230001)
    again_claimed = wait_until(lambda: engine.claim(calls=1).slots, 5.0, "its retry is claimed")
    assert engine.begin(again_claimed) == [("suppressed",)]
    assert attempts(engine) == [("1", "BUSY", True)]
    assert [event["type"] for event in engine.events()] == ["call.attempt", "call.completed", "batch.completed"]
