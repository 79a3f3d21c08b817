# SPDX-License-Identifier: Apache-2.0
"""Credit: what a begin reserves, what each end of a dial gives back, when a batch waits for more, and what brings it back."""

from __future__ import annotations

import dataclasses

import pytest
import redis

from tests.lua.test_batch_why import Reason, Why
from tests.support.auditor import audit_cell
from tests.support.engine import Engine
from tests.support.waiting import wait_until

ALL = {"on_call_complete": None, "on_batch_complete": None, "on_event": "http://127.0.0.1/all"}


def cell(engine: Engine, contacts: int = 1, credit: int | str = 1000, **fields: object) -> str:
    engine.trunk("main")
    engine.tenant("acme", available_s=credit)
    return engine.batch("acme", "main", contacts, cps=30, **{"talk_s": 100, **fields})


def credit(engine: Engine, tenant: str = "acme") -> tuple[int | None, int]:
    """What is left, and what is reserved; the audit agrees."""
    assert audit_cell(engine) == []
    fields = engine.hash(f"tenant:{tenant}")
    left = fields.get("available_s")
    return None if left is None else int(left), int(fields.get("reserved_s", 0))


def begin_all(engine: Engine) -> list[tuple[str, ...]]:
    """Begins one call after the other until one is not begun. What each was answered."""
    answers = engine.begin([engine.claim_one()])
    while answers[-1][0] == "begun":
        answers += engine.begin([engine.claim_one()])
    return answers


def state(engine: Engine, batch: str) -> tuple[str, str | None]:
    fields = engine.hash(f"batch:{batch}")
    return fields["state"], fields.get("reason")


def failures(engine: Engine) -> list[dict[str, str]]:
    return [event for event in engine.events() if event["type"] == "batch.failed"]


# ---- what a dial reserves, and what it is charged ----


def test_a_dial_reserves_as_long_as_it_may_talk(engine: Engine) -> None:
    slot = engine.claim_one() if cell(engine) else None
    assert slot and engine.begin([slot])[0][3] == "100"
    assert credit(engine) == (900, 100)


def test_the_last_dial_reserves_what_is_left_and_may_talk_as_long(engine: Engine) -> None:
    batch = cell(engine, contacts=2, credit=170)
    engine.begin_next(batch)
    slot = engine.claim_one()
    assert engine.begin([slot])[0][3] == "70"
    assert engine.begin([slot])[0][3] == "70", "the same begin again answers the same"
    assert credit(engine) == (0, 170)


def test_the_shortest_of_calls_reserves_a_minute(engine: Engine) -> None:
    batch = cell(engine, talk_s=10)
    engine.begin_next(batch)
    assert credit(engine) == (940, 60)


def test_a_tenant_without_a_limit_reserves_nothing(engine: Engine) -> None:
    batch = cell(engine, credit="")
    slot = engine.claim_one()
    assert len(engine.begin([slot])[0]) == 3
    assert "r" not in engine.state(batch, 0)
    engine.finish(slot)
    assert credit(engine) == (None, 0) and "reserved_s" not in engine.hash("tenant:acme")


def test_an_ended_call_is_charged_its_duration_once(engine: Engine) -> None:
    slot = engine.begin_next(cell(engine, contacts=2))
    for answer in ("final", "recorded", "recorded"):
        assert engine.finish(slot, duration="31") == answer
        assert credit(engine) == (969, 0)


@pytest.mark.parametrize("outcome, left", [("BUSY", 1000), ("FAILED", 1000), ("COMPLETED", 900), ("VOICEMAIL", 900)])
def test_without_a_duration_who_may_have_talked_is_charged_what_was_reserved(engine: Engine, outcome: str, left: int) -> None:
    engine.finish(engine.begin_next(cell(engine)), outcome=outcome, duration="")
    assert credit(engine) == (left, 0)


def test_a_retry_is_charged_by_dial(engine: Engine) -> None:
    batch = cell(engine)
    engine.finish(engine.begin_next(batch), how="retry", outcome="VOICEMAIL", next_in_ms=0, duration="7")
    assert credit(engine) == (993, 0)
    slot = engine.begin_next(batch)
    assert credit(engine) == (893, 100)
    engine.finish(slot, duration="5")
    assert credit(engine) == (988, 0)


def test_a_summary_corrects_the_duration_and_charges_nothing_twice(engine: Engine) -> None:
    slot = engine.begin_next(cell(engine))
    engine.finish(slot, how="ended", duration="30")
    assert credit(engine) == (970, 0)
    engine.finish(slot, duration="32")
    assert credit(engine) == (968, 0)


def test_a_call_longer_than_reserved_takes_what_there_is_and_never_more(engine: Engine) -> None:
    batch = cell(engine, contacts=2, credit=210)
    first, second = engine.begin_next(batch), engine.begin_next(batch)
    assert credit(engine) == (10, 200)
    engine.finish(first, duration="105")
    assert credit(engine) == (5, 100)
    engine.finish(second, duration="999")
    assert credit(engine) == (0, 0)


# ---- dials that were not placed, or of which nobody knows ----


def test_a_dial_that_was_not_placed_costs_nothing(engine: Engine) -> None:
    batch = cell(engine)
    engine.abort(engine.begin_next(batch))
    assert credit(engine) == (1000, 0)
    slot = engine.begin_next(batch)
    for _ in range(2):
        engine.recheck(slot, "absent", absent_after_ms=0)
    assert credit(engine) == (1000, 0)


def test_a_dial_given_back_that_was_placed_after_all_is_charged(engine: Engine) -> None:
    batch = cell(engine)
    slot = engine.begin_next(batch)
    engine.abort(slot, due_in_ms=60_000)
    assert engine.finish(slot, duration="12", attempts=0) == "settled"
    assert credit(engine) == (988, 0)


def test_an_unknown_dial_is_charged_what_it_reserved_and_a_late_truth_corrects_it_once(engine: Engine) -> None:
    slot = engine.begin_next(cell(engine))
    engine.finish(slot, outcome="UNKNOWN", duration="")
    assert credit(engine) == (900, 0)
    for answer, duration in (("settled", "40"), ("recorded", "41")):
        assert engine.finish(slot, duration=duration) == answer
        assert credit(engine) == (960, 0)


def test_a_truth_that_finds_the_contact_waiting_for_its_next_attempt_corrects_it_too(engine: Engine) -> None:
    batch = cell(engine)
    slot = engine.begin_next(batch)
    engine.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=60_000, duration="")
    assert credit(engine) == (900, 0)
    assert engine.finish(slot, duration="40") == "settled"
    assert credit(engine) == (960, 0)


def test_an_unknown_dial_that_another_followed_stays_charged(engine: Engine) -> None:
    batch = cell(engine)
    slot = engine.begin_next(batch)
    engine.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=0, duration="")
    newer = engine.begin_next(batch)
    assert engine.finish(slot, duration="40") == "stale"
    assert credit(engine) == (800, 100)
    engine.abort(newer)
    assert credit(engine) == (900, 0)


def test_a_dial_that_redis_forgot_reserves_again(engine: Engine) -> None:
    batch = cell(engine, contacts=2, credit=150)
    slot = engine.claim_one()
    assert engine.reassert([slot]) == ["restored"] and engine.reassert([slot]) == ["known"]
    assert credit(engine) == (50, 100)
    newer = dataclasses.replace(slot, dial=slot.dial + 1)
    assert engine.reassert([newer]) == ["restored"], "a dial that was begun after the one that Redis remembers"
    assert credit(engine) == (50, 100)
    other = engine.claim_one()
    assert engine.reassert([other]) == ["restored"], "it is on the telephone, whatever is left"
    assert credit(engine) == (0, 150)
    engine.finish(newer, duration="10", attempts=int(engine.state(batch, newer.ordinal)["a"]))
    assert credit(engine) == (90, 50)


# ---- out of credit ----


def test_a_batch_begins_as_many_calls_as_credit_admits_and_then_waits_for_more(engine: Engine) -> None:
    batch = cell(engine, contacts=30, credit=3600, talk_s=60)
    engine.tenant("acme", "set", available_s=420)
    answers = begin_all(engine)
    assert [answer[0] for answer in answers] == ["begun"] * 7 + ["released"] and answers[-1][1] == "credits"
    assert state(engine, batch) == ("paused", "credits") and credit(engine) == (0, 420)
    assert engine.claim().slots == [] and engine.counters(batch)["live"] == 7


def test_being_out_of_credit_is_told_once_and_again_when_it_comes_again(engine: Engine) -> None:
    batch = cell(engine, contacts=3, credit=60, talk_s=60, **ALL)
    begin_all(engine)
    engine.tenant("acme", "set", available_s="+60")
    engine.tick()
    begin_all(engine)
    told = failures(engine)
    assert [event["id"] for event in told] == [f"evt_{batch}-{n}-batch_failed" for n in (1, 2)]
    assert {(event["error"], event["code"]) for event in told} == {("Insufficient call minutes", "INSUFFICIENT_CREDITS")}


def test_calls_claimed_before_the_pause_are_released_and_told_of_no_more(engine: Engine) -> None:
    batch = cell(engine, contacts=5, credit=59, **ALL)
    slots = wait_until(lambda: (claim := engine.claim().slots) and len(claim) > 1 and claim, 5.0, "several are claimed")
    answers = engine.begin(slots)
    assert answers[0] == ("released", "credits")
    assert {answer for answer in answers[1:]} == {("released", "batch_paused")}
    assert len(failures(engine)) == 1 and engine.counters(batch)["due"] == 5 and credit(engine) == (59, 0)


def test_each_batch_of_the_tenant_is_paused_when_its_turn_comes(engine: Engine) -> None:
    first = cell(engine, credit=0)
    second = engine.batch("acme", "main", 1, cps=30)
    begin_all(engine)
    begin_all(engine)
    assert [state(engine, batch) for batch in (first, second)] == [("paused", "credits")] * 2


def test_credit_that_calls_give_back_resumes_who_waits_and_is_told_of_no_more(engine: Engine) -> None:
    batch = cell(engine, contacts=4, credit=100, **ALL)
    for _ in range(2):
        slot = engine.begin_next(batch)
        begin_all(engine)
        assert state(engine, batch) == ("paused", "credits")
        engine.finish(slot, duration="1")
        engine.tick()
        assert state(engine, batch) == ("processing", None)
    assert credit(engine) == (98, 0)
    engine.finish(engine.begin_next(batch), duration="40")
    begin_all(engine)
    engine.tick()
    assert credit(engine) == (58, 0) and state(engine, batch) == ("paused", "credits")
    assert [event["type"] for event in engine.events() if event["type"].startswith("batch.")] == [
        "batch.started", "batch.paused", "batch.failed",
    ]  # fmt: skip


def test_a_dial_that_gives_credit_back_resumes_the_batches_of_its_tenant(engine: Engine) -> None:
    first = cell(engine, credit=100)
    second = engine.batch("acme", "main", 1, cps=30)
    slot = engine.begin_next(first)
    begin_all(engine)
    engine.abort(slot, due_in_ms=60_000)
    engine.tick()
    assert state(engine, second)[0] == "pending" and credit(engine) == (100, 0)


# ---- more credit ----


@pytest.mark.parametrize("credit_s", ["600", "+600", ""])
def test_more_credit_resumes_who_waits_for_it(engine: Engine, credit_s: str) -> None:
    batch = cell(engine, contacts=2, credit=0)
    begin_all(engine)
    engine.tenant("acme", "set", available_s=credit_s)
    assert state(engine, batch)[0] == "paused", "the tick resumes, in bounded steps"
    engine.tick()
    assert state(engine, batch) == ("pending", None)
    engine.begin_next(batch)
    assert engine.client.exists(engine.key("funded"), engine.key("unfunded:t/acme")) == 0


def test_too_little_more_resumes_nobody(engine: Engine) -> None:
    batch = cell(engine, credit=0)
    begin_all(engine)
    engine.tenant("acme", "set", available_s="+59")
    engine.tick()
    assert state(engine, batch) == ("paused", "credits") and not engine.client.exists(engine.key("funded"))
    engine.tenant("acme", "set", available_s="+1")
    engine.tick()
    assert state(engine, batch)[0] == "pending"


def test_what_its_user_paused_stays_paused(engine: Engine) -> None:
    waiting, users, both = cell(engine, credit=0), engine.batch("acme", "main", 1), engine.batch("acme", "main", 1)
    engine.control(users, "acme", "pause", "user")
    begin_all(engine)
    begin_all(engine)
    assert state(engine, both) == ("paused", "credits")
    engine.control(both, "acme", "pause", "user")
    assert state(engine, both) == ("paused", "user")
    engine.tenant("acme", "set", available_s=600)
    engine.tick()
    assert [state(engine, batch)[0] for batch in (waiting, users, both)] == ["pending", "paused", "paused"]
    assert audit_cell(engine) == []


def test_many_batches_are_resumed_in_bounded_steps(engine: Engine) -> None:
    batches = [cell(engine, credit=600), *(engine.batch("acme", "main", 1) for _ in range(6))]
    for batch in batches:
        engine.control(batch, "acme", "pause", "credits")
    engine.tenant("acme", "set", available_s=600)
    rounds = 0
    while engine.client.exists(engine.key("funded")):
        engine.tick(items=3)
        rounds += 1
    assert rounds > 2 and [state(engine, batch)[0] for batch in batches] == ["pending"] * 7


def test_a_user_may_try_again_himself_and_a_cancel_takes_it_off_the_list(engine: Engine) -> None:
    batch = cell(engine, credit=0)
    begin_all(engine)
    assert engine.control(batch, "acme", "resume")[0] == "pending"
    assert not engine.client.exists(engine.key("unfunded:t/acme"))
    begin_all(engine)
    assert len(engine.client.zrange(engine.key("unfunded:t/acme"), 0, -1)) == 1
    engine.control(batch, "acme", "cancel")
    assert not engine.client.exists(engine.key("unfunded:t/acme")) and audit_cell(engine) == []


def test_credit_is_set_and_added_and_refused_where_it_makes_no_sense(engine: Engine) -> None:
    cell(engine, credit=100)
    engine.tenant("acme", "set", available_s="+20")
    assert credit(engine)[0] == 120
    for bad in ("-1", "+-1", "1.5", "x", "+"):
        with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
            engine.tenant("acme", "set", available_s=bad)
    for many in ("1" * 14, f"+{10**12}"):
        with pytest.raises(redis.ResponseError, match="ERR_TOO_LARGE"):
            engine.tenant("acme", "set", available_s=many)
    engine.tenant("acme", "set", available_s="")
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        engine.tenant("acme", "set", available_s="+20")
    assert credit(engine)[0] is None


def test_a_limit_taken_away_while_calls_hold_credit_leaves_nothing_reserved(engine: Engine) -> None:
    slot = engine.begin_next(cell(engine))
    engine.tenant("acme", "set", available_s="")
    assert credit(engine) == (None, 100)
    engine.finish(slot)
    assert credit(engine) == (None, 0)


def test_why_tells_that_credit_is_wanted(engine: Engine) -> None:
    batch = cell(engine, credit=59)
    engine.tick()
    begin_all(engine)
    assert Why(engine, batch).reasons == {"BATCH_UNFUNDED": Reason(True, None, None, None, 59, 60, "")}
