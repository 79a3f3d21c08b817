# SPDX-License-Identifier: Apache-2.0
"""Each script of a call's way on a real Redis: what it does, in the wrong state, called twice, with an expired lease, and
asked again with the same request id."""

from __future__ import annotations

import pytest
import redis

from tests.support.engine import Engine, Slot
from tests.support.waiting import wait_until


def cell(engine: Engine, contacts: int = 3, **fields: object) -> str:
    engine.trunk("main")
    engine.tenant("acme")
    return engine.batch("acme", "main", contacts, cps=30, **fields)


def begun(engine: Engine, **fields: object) -> Slot:
    cell(engine, **fields)
    slot = engine.claim_one()
    assert engine.begin([slot])[0][0] == "begun"
    return slot


def snapshot(engine: Engine) -> dict[bytes, object]:
    """Everything in Redis but the attempt logs, for 'changes nothing'."""
    found: dict[bytes, object] = {}
    for key in sorted(engine.client.keys("*")):
        if b":attempts:" not in key and b":texts:" not in key:
            found[key] = engine.client.dump(key)
    return found


# ---- claim ----


def test_the_same_request_id_answers_the_same_calls_and_takes_no_others(engine: Engine) -> None:
    cell(engine, contacts=20)
    first = engine.claim(request="lost_reply")
    again = engine.claim(request="lost_reply")
    assert first.slots and again.slots == first.slots
    assert engine.counters(first.slots[0].batch)["claimed"] == len(first.slots)


def test_a_repeated_request_leaves_out_what_was_begun_meanwhile(engine: Engine) -> None:
    cell(engine, contacts=20)
    first = engine.claim(request="lost_reply").slots
    engine.begin(first[:1])
    assert engine.claim(request="lost_reply").slots == first[1:]


def test_another_workers_request_id_is_another_request(engine: Engine) -> None:
    cell(engine, contacts=20)
    first = {slot.ordinal for slot in engine.claim("w1", request="r").slots}
    other = {slot.ordinal for slot in engine.claim("w2", request="r").slots}
    assert not first & other


def test_slots_of_a_lane_lie_its_interval_apart_and_inside_the_horizon(engine: Engine) -> None:
    cell(engine, contacts=20)
    claim = engine.claim()
    instants = [slot.slot_us for slot in claim.slots]
    assert all(later - earlier >= 33_000 for earlier, later in zip(instants, instants[1:]))
    assert max(instants) <= claim.now_us + 200_000
    assert claim.next_ms is not None and claim.next_ms * 1000 > claim.now_us + 200_000


def test_a_due_retry_goes_before_the_next_fresh_call(engine: Engine) -> None:
    slot = begun(engine, contacts=5)
    engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=0)
    assert engine.claim_one().ordinal == slot.ordinal


def test_a_retry_that_is_not_due_waits(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=1000)
    due_ms = int(engine.state(slot.batch, 0)["n"])
    again = engine.claim_one()
    assert again.slot_us >= due_ms * 1000 and again.dial == slot.dial + 1 and again.attempts == 1


def test_a_scheduled_batch_hands_out_nothing_before_its_start(engine: Engine) -> None:
    engine.trunk("main")
    engine.tenant("acme")
    batch = engine.batch("acme", "main", 2, cps=30, start_in_ms=600)
    start_us = int(engine.hash(f"batch:{batch}")["start_ms"]) * 1000
    assert engine.hash(f"batch:{batch}")["state"] == "scheduled"
    assert engine.claim().slots == []
    assert engine.claim_one().slot_us >= start_us
    assert engine.hash(f"batch:{batch}")["state"] == "pending"


def test_steps_bound_the_work_of_one_claim(engine: Engine) -> None:
    engine.trunk("main")
    engine.tenant("acme")
    for _ in range(60):
        engine.batch("acme", "main", 1, cps=30)
    first = engine.claim(steps=60)
    assert 0 < len(first.slots) < 20 and first.more
    seen = {slot.batch for slot in first.slots}
    for _ in range(30):
        seen |= {slot.batch for slot in engine.claim(steps=60).slots}
    assert len(seen) == 60


@pytest.mark.parametrize("bad", ("", "a/b", "a.b", "x" * 65, "é"))
def test_a_worker_id_that_could_break_a_key_is_refused(engine: Engine, bad: str) -> None:
    cell(engine)
    before = snapshot(engine)
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        engine.claim(bad)
    assert snapshot(engine) == before


# ---- one call at a time per number ----


def test_a_busy_number_is_held_and_its_batch_goes_on(engine: Engine) -> None:
    engine.trunk("main")
    engine.tenant("acme")
    one = engine.batch("acme", "main", [15551230001], cps=30)
    two = engine.batch("acme", "main", [15551230001, 15551230002], cps=30)
    taken = {(slot.batch, slot.ordinal) for slot in engine.claim().slots}
    assert taken == {(one, 0), (two, 1)}
    assert engine.counters(two)["due"] == 1


def test_a_freed_number_wakes_the_call_held_for_it(engine: Engine) -> None:
    engine.trunk("main")
    engine.tenant("acme")
    one = engine.batch("acme", "main", [15551230001], cps=30)
    two = engine.batch("acme", "main", [15551230001], cps=30)
    slots = engine.claim().slots
    assert [slot.batch for slot in slots] == [one]
    engine.begin(slots)
    assert engine.claim().slots == []
    engine.finish(slots[0])
    assert engine.claim_one().batch == two


def test_a_held_call_is_not_lost_where_the_finish_that_frees_its_number_fails_for_another(engine: Engine) -> None:
    """Finishes go to the script together: where what one of them needs is torn, none is done, and each comes again alone."""
    engine.trunk("main")
    engine.tenant("acme")
    one = engine.batch("acme", "main", [15551230001])
    freeing = engine.begin_next(one)
    two = engine.batch("acme", "main", [15551230001])
    torn = engine.begin_next(engine.batch("acme", "main", [15551230002]))
    attempts = engine.key(f"batch:{torn.batch}:attempts:0")
    whole = engine.client.dump(attempts)
    engine.client.set(attempts, "of another type")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        engine.finish_many([engine.finish_args(freeing), engine.finish_args(torn)])
    assert engine.finish(freeing) == "final"
    assert engine.claim_one().batch == two
    engine.client.restore(attempts, 0, whole, replace=True)
    assert engine.finish(torn) == "final"


def test_a_call_is_not_held_by_a_claim_that_fails_for_another(engine: Engine) -> None:
    """It would be dialed from where it waits, and once more from where it still is."""
    engine.trunk("main")
    engine.tenant("acme")
    one = engine.batch("acme", "main", [15551230001])
    freeing = engine.begin_next(one)
    two = engine.batch("acme", "main", [15551230001], priority=9)
    torn = engine.batch("acme", "main", [15551230002], priority=1)
    contacts = engine.key(f"batch:{torn}:contacts:0")
    whole = engine.client.dump(contacts)
    engine.client.set(contacts, "of another type")
    wait_until(lambda: engine.claim().limit == "torn", what="both batches are come to")
    assert engine.client.zcard(engine.key("held:t/acme")) == 0
    engine.client.restore(contacts, 0, whole, replace=True)
    assert engine.control(torn, "acme", "resume")[0] == "pending"
    assert engine.begin_next(torn)
    assert engine.client.zcard(engine.key("held:t/acme")) == 1
    assert engine.finish(freeing) == "final"
    assert engine.finish(engine.begin_next(two)) == "final"
    assert engine.counters(two)["due"] == 0 and engine.hash(f"batch:{two}")["state"] == "completed"


def test_a_call_that_is_settled_while_it_waits_behind_thousands_for_its_number_is_not_called_again(engine: Engine) -> None:
    engine.trunk("main", cps=1000)
    engine.tenant("acme", cps=1000)
    two = engine.batch("acme", "main", [15551230001], cps=1000)
    slot = engine.begin_next(two)
    assert engine.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=0) == "due"
    one = engine.batch("acme", "main", [15551230001], cps=1000, priority=9)
    engine.client.hset(engine.key("dialing:t/acme"), "15551230001", f"{one}/0/1")  # until it is begun
    held = engine.key("held:t/acme")
    wait_until(lambda: engine.claim() and engine.client.zcard(held) == 2, what="both wait for the number")
    engine.client.zadd(held, {f"15551230001/0000000000000/gone/{n}": 0 for n in range(2500)})  # of whoever waits longer
    assert engine.finish(slot) == "settled"
    assert {member.decode().split("/")[2] for member in engine.client.zrange(held, 0, -1)} == {one, "gone"}
    engine.client.hdel(engine.key("dialing:t/acme"), "15551230001")
    engine.client.zadd(engine.key("parked"), {"h/acme": 0})
    freed = wait_until(lambda: engine.tick() and engine.claim().slots, what="the other is called")
    assert [slot.batch for slot in freed] == [one]
    assert engine.client.zcard(engine.key(f"batch:{two}:retry:0")) == 0


def test_a_paused_batch_does_not_keep_a_number_from_others(engine: Engine) -> None:
    engine.trunk("main")
    engine.tenant("acme")
    batches = [engine.batch("acme", "main", [15551230001], cps=30) for _ in range(3)]
    first = engine.claim().slots[0]
    engine.begin([first])
    waiting = [batch for batch in batches if batch != first.batch]
    engine.control(waiting[0], "acme", "pause")
    engine.finish(first)
    assert engine.claim_one().batch == waiting[1]


def test_two_tenants_may_call_one_number_at_the_same_time(engine: Engine) -> None:
    engine.trunk("main")
    for tenant in ("acme", "other"):
        engine.tenant(tenant)
        engine.batch(tenant, "main", [15551230001])
    assert len(engine.claim().slots) == 2


# ---- begin ----


def test_begin_charges_one_attempt_and_starts_the_batch(engine: Engine) -> None:
    slot = begun(engine)
    counters = engine.counters(slot.batch)
    assert (counters["live"], counters["claimed"], counters["attempts"]) == (1, 0, 1)
    assert engine.hash(f"batch:{slot.batch}")["state"] == "processing"
    state = engine.state(slot.batch, slot.ordinal)
    assert state["phase"] == "live" and state["a"] == "1" and state["l"] == str(slot.dial)


def test_begin_twice_answers_the_same_begin_and_charges_once(engine: Engine) -> None:
    cell(engine)
    slot = engine.claim_one()
    first = engine.begin([slot])[0]
    again = engine.begin([slot])[0]
    assert again[0] == "begun" and 0 < int(again[1]) - int(first[1]) <= 1000 and again[2] == first[2]
    assert engine.counters(slot.batch)["attempts"] == 1


def test_only_the_worker_that_claimed_may_begin(engine: Engine) -> None:
    cell(engine)
    slot = engine.claim_one()
    before = snapshot(engine)
    assert engine.begin([slot], "w2")[0] == ("gone", "claim")
    assert snapshot(engine) == before


def test_a_claim_whose_lease_has_passed_is_not_dialed(engine: Engine) -> None:
    cell(engine)
    slot = engine.claim_one()
    wait_until(lambda: engine.now_ms() * 1000 > slot.slot_us + 2_000_000, 4.0, "the lease passes")
    assert engine.begin([slot])[0] == ("released", "lease")
    assert engine.counters(slot.batch)["due"] == 3


def test_a_call_too_late_for_its_slot_is_released(engine: Engine) -> None:
    cell(engine)
    slot = engine.claim_one()
    wait_until(lambda: engine.now_ms() * 1000 > slot.slot_us + 260_000, 4.0, "the slot passes")
    assert engine.begin([slot])[0] == ("released", "late")
    counters = engine.counters(slot.batch)
    assert (counters["due"], counters["claimed"], counters["attempts"]) == (3, 0, 0)
    assert engine.claim_one().ordinal == slot.ordinal


@pytest.mark.parametrize("verb", ("pause", "cancel"))
def test_a_paused_or_cancelled_batch_begins_nothing_that_was_claimed_before(engine: Engine, verb: str) -> None:
    cell(engine)
    slot = engine.claim_one()
    engine.control(slot.batch, "acme", verb)
    assert engine.begin([slot])[0][0] == "released"
    assert engine.counters(slot.batch)["attempts"] == 0


def test_a_stopped_trunk_begins_nothing_that_was_claimed_before(engine: Engine) -> None:
    cell(engine)
    slot = engine.claim_one()
    engine.trunk("main", how="set", state="stopped")
    assert engine.begin([slot])[0] == ("released", "trunk")


def test_many_begins_in_one_script_each_get_their_answer(engine: Engine) -> None:
    cell(engine, contacts=10)
    slots = engine.claim().slots
    stranger = Slot(slots[0].batch, 9, 7, 0, 0, b"")
    answers = engine.begin([*slots, stranger])
    assert [answer[0] for answer in answers] == ["begun"] * len(slots) + ["gone"]
    instants = [int(answer[1]) for answer in answers[:-1]]
    assert instants == sorted(instants)


# ---- release, abort, accept ----


def test_a_released_call_costs_nothing_and_comes_back(engine: Engine) -> None:
    cell(engine, contacts=1)
    slot = engine.claim_one()
    assert engine.release([slot]) == ["released"]
    assert engine.release([slot]) == ["gone"]
    again = engine.claim_one()
    assert again.ordinal == slot.ordinal and again.dial == slot.dial + 1 and again.attempts == 0


@pytest.mark.parametrize("verdict", ("NOT_SENT", "THROTTLED"))
def test_an_aborted_dial_charges_no_attempt(engine: Engine, verdict: str) -> None:
    slot = begun(engine, contacts=1)
    assert engine.abort(slot, verdict) == "aborted"
    assert engine.abort(slot, verdict) == "gone"
    assert engine.counters(slot.batch)["attempts"] == 0
    again = engine.claim_one()
    assert again.attempts == 0 and again.dial == slot.dial + 1


def test_only_the_owner_or_the_platform_may_abort(engine: Engine) -> None:
    slot = begun(engine)
    assert engine.abort(slot, worker="w2") == "gone"
    assert engine.abort(slot, "THROTTLED", worker="-") == "aborted"


def test_an_account_verdict_stops_the_trunk_not_the_batch(engine: Engine) -> None:
    slot = begun(engine)
    engine.abort(slot, "ACCOUNT")
    assert engine.hash("trunk:main")["state"] == "stopped"
    assert engine.hash(f"batch:{slot.batch}")["state"] == "processing"
    assert engine.claim().slots == []


def test_a_throttled_trunk_is_silent_for_as_long_as_it_was_asked(engine: Engine) -> None:
    slot = begun(engine, contacts=10)
    claimed_before = engine.claim("w1", calls=1).slots
    engine.abort(slot, "THROTTLED", hold_ms=700)
    until_us = int(engine.hash("trunk:main")["hold_until_ms"]) * 1000
    if claimed_before:
        assert engine.begin(claimed_before)[0] == ("released", "hold")
    assert engine.claim_one().slot_us >= until_us


def test_accept_records_the_providers_id_and_moves_the_check(engine: Engine) -> None:
    slot = begun(engine)
    assert engine.accept(slot, "call_42", check_in_ms=5000) == "accepted"
    assert engine.state(slot.batch, slot.ordinal)["p"] == "call_42"
    score = engine.client.zscore(engine.key("live"), slot.member)
    assert abs(score - engine.now_ms() - 5000) < 1000
    assert engine.accept(slot, "call_42") == "accepted"


def test_an_accept_that_its_callback_overtook_changes_nothing(engine: Engine) -> None:
    slot = begun(engine)
    engine.finish(slot)
    before = snapshot(engine)
    assert engine.accept(slot) == "over"
    assert snapshot(engine) == before


# ---- finish ----


def test_a_final_outcome_frees_everything_and_writes_its_event(engine: Engine) -> None:
    slot = begun(engine, contacts=2)
    assert engine.finish(slot, summary="All well") == "final"
    counters = engine.counters(slot.batch)
    assert (counters["live"], counters["succeeded"]) == (0, 1)
    for key in ("flying:k/main", "flying:t/acme", f"flying:b/{slot.batch}", "dialing:t/acme", "live"):
        assert not engine.client.exists(engine.key(key)), key
    (event,) = engine.events()
    assert event["type"] == "call.completed" and event["id"] == f"evt_{slot.batch}-{slot.ordinal}-1-call_completed"
    texts = engine.hash(f"batch:{slot.batch}:texts:0")
    assert texts[f"{slot.ordinal}:summary"] == "All well"


def test_a_later_dial_leaves_nothing_of_what_an_earlier_one_told(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    engine.finish(slot, how="retry", outcome="VOICEMAIL", next_in_ms=0, summary="Left word", recording="https://r.example/1", success="1")
    engine.finish(engine.begin_next(slot.batch), outcome="NO_ANSWER", reason="dial_no_answer")
    assert engine.hash(f"batch:{slot.batch}:texts:0") == {"0:reason": "dial_no_answer"}


def test_a_later_dial_that_was_given_back_leaves_them(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    engine.finish(slot, how="retry", outcome="VOICEMAIL", next_in_ms=0, summary="Left word")
    engine.abort(engine.begin_next(slot.batch), "THROTTLED", due_in_ms=60_000)
    engine.control(slot.batch, "acme", "cancel")
    assert engine.tick()["cut"] == 1
    assert engine.hash(f"batch:{slot.batch}:texts:0")["0:summary"] == "Left word"


def test_finish_twice_counts_and_tells_once(engine: Engine) -> None:
    slot = begun(engine)
    assert engine.finish(slot) == "final"
    before = snapshot(engine)
    assert engine.finish(slot) == "recorded"
    assert snapshot(engine) == before


def test_the_last_call_ends_the_batch_with_its_event(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    engine.finish(slot)
    assert engine.hash(f"batch:{slot.batch}")["state"] == "completed"
    assert [event["type"] for event in engine.events()] == ["call.completed", "batch.completed"]
    assert [event["seq"] for event in engine.events()] == ["1", "2"]


def test_a_retry_keeps_its_attempt_and_writes_no_event(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    assert engine.finish(slot, how="retry", outcome="NO_ANSWER", next_in_ms=500) == "due"
    assert engine.counters(slot.batch)["attempts"] == 1
    assert engine.events() == []
    assert engine.state(slot.batch, 0)["x"] == "NO_ANSWER"


def test_no_retry_beyond_the_last_attempt_whatever_the_decision_was(engine: Engine) -> None:
    slot = begun(engine, contacts=1, max_attempts=1)
    assert engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=0) == "final"
    assert engine.counters(slot.batch)["failed"] == 1


def test_a_decision_on_an_older_state_is_asked_for_again(engine: Engine) -> None:
    slot = begun(engine)
    before = snapshot(engine)
    assert engine.finish(slot, attempts=3) == "changed"
    assert snapshot(engine) == before


def test_an_ended_call_frees_its_line_and_waits_for_its_summary(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    assert engine.finish(slot, how="ended") == "ended"
    assert not engine.client.exists(engine.key("flying:t/acme"))
    assert engine.events() == []
    assert engine.finish(slot, summary="Done") == "final"
    assert len(engine.events()) == 2


def test_an_analysis_that_knows_no_outcome_is_decided_anew_where_the_call_was_hung_up_meanwhile(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    engine.finish(slot, how="ended")
    before = snapshot(engine)
    assert engine.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=0) == "changed"
    assert snapshot(engine) == before
    assert engine.finish(slot, summary="Done") == "final"


def test_without_a_summary_the_call_is_told_when_the_wait_is_over(engine: Engine) -> None:
    slot = begun(engine, contacts=1, summary_wait_ms=100)
    engine.finish(slot, how="ended")
    assert wait_until(lambda: engine.tick()["summaries"], 5.0, "the wait passes") == 1
    assert engine.state(slot.batch, 0)["phase"] == "final"
    assert [event["type"] for event in engine.events()] == ["call.completed", "batch.completed"]


def test_a_summary_after_the_wait_is_kept_and_told_no_second_time(engine: Engine) -> None:
    slot = begun(engine, contacts=1, summary_wait_ms=0)
    engine.finish(slot, how="ended")
    wait_until(lambda: engine.tick()["summaries"], 5.0, "the wait passes")
    assert engine.finish(slot, summary="Late") == "recorded"
    assert engine.hash(f"batch:{slot.batch}:texts:0")["0:summary"] == "Late"
    assert len(engine.events()) == 2


def test_a_result_of_an_older_dial_changes_nothing(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=0)
    newer = engine.claim_one()
    engine.begin([newer])
    before = snapshot(engine)
    assert engine.finish(slot) == "stale"
    assert snapshot(engine) == before


def test_a_result_of_a_dial_that_never_began_is_gone(engine: Engine) -> None:
    cell(engine)
    slot = engine.claim_one()
    before = snapshot(engine)
    assert engine.finish(slot) == "gone"
    assert snapshot(engine) == before


# ---- late truths about an UNKNOWN ----


def test_a_late_truth_settles_an_unknown_that_waits_for_its_retry(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    engine.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=60_000)
    assert engine.finish(slot) == "settled"
    assert engine.counters(slot.batch)["succeeded"] == 1
    assert not engine.client.exists(engine.key(f"batch:{slot.batch}:retry:0"))
    assert [event["type"] for event in engine.events()] == ["call.completed", "batch.completed"]


def test_a_late_truth_takes_back_a_claim_that_was_not_begun(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    engine.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=0)
    newer = engine.claim_one()
    assert engine.finish(slot) == "settled"
    assert engine.begin([newer])[0][0] == "gone"
    assert engine.counters(slot.batch)["succeeded"] == 1


def test_a_late_truth_corrects_a_final_unknown_without_a_second_event(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    engine.finish(slot, outcome="UNKNOWN")
    told = len(engine.events())
    assert engine.finish(slot) == "settled"
    counters = engine.counters(slot.batch)
    assert (counters["succeeded"], counters["failed"]) == (1, 0)
    assert len(engine.events()) == told
    values = engine.hash(f"batch:{slot.batch}")
    assert values["outcome:COMPLETED"] == "1" and values["outcome:UNKNOWN"] == "0"


def test_a_given_back_dial_that_was_placed_after_all_costs_its_attempt(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    engine.recheck(slot, "absent", absent_after_ms=0)
    engine.recheck(slot, "absent", absent_after_ms=0)
    assert engine.counters(slot.batch)["attempts"] == 0
    assert engine.finish(slot, attempts=0) == "settled"
    assert engine.counters(slot.batch)["attempts"] == 1
    assert engine.counters(slot.batch)["succeeded"] == 1


# ---- checks ----


def test_a_due_check_is_leased_to_one_worker(engine: Engine) -> None:
    slot = begun(engine)
    engine.recheck(slot, "unsure")
    rows = engine.checks()
    assert [(row[0].decode(), int(row[1]), int(row[2])) for row in rows] == [slot.ref]
    assert engine.checks() == []


def test_a_check_whose_worker_died_is_leased_again(engine: Engine) -> None:
    slot = begun(engine)
    engine.recheck(slot, "unsure")
    engine.checks(lease_ms=50)
    assert wait_until(engine.checks, 3.0, "the lease passes")


def test_absent_once_proves_nothing(engine: Engine) -> None:
    slot = begun(engine)
    assert engine.recheck(slot, "absent", absent_after_ms=1000) == "kept"
    assert engine.recheck(slot, "absent", absent_after_ms=1000) == "kept"
    assert engine.counters(slot.batch)["live"] == 1


def test_absent_twice_at_the_same_time_proves_nothing_however_late_it_is_told(engine: Engine) -> None:
    """A worker looks a call up, stands still, and tells of it long after another has looked."""
    slot = begun(engine)
    assert engine.recheck(slot, "absent", absent_after_ms=60_000, asked_ago_ms=70_000) == "kept"
    assert engine.recheck(slot, "absent", absent_after_ms=60_000, asked_ago_ms=60_000) == "kept"
    assert engine.counters(slot.batch)["live"] == 1
    assert engine.recheck(slot, "absent", absent_after_ms=60_000) == "givenback"


def test_seen_in_between_starts_the_count_again(engine: Engine) -> None:
    slot = begun(engine)
    engine.recheck(slot, "absent", absent_after_ms=0)
    engine.recheck(slot, "seen", "")
    assert engine.recheck(slot, "absent", absent_after_ms=0) == "kept"


def test_an_accepted_dial_is_never_given_back(engine: Engine) -> None:
    slot = begun(engine)
    engine.accept(slot)
    for _ in range(3):
        assert engine.recheck(slot, "absent", absent_after_ms=0) == "kept"


# ---- the tick ----


def test_a_dead_workers_claims_come_back_uncharged(engine: Engine) -> None:
    cell(engine, contacts=4)
    slots = engine.claim("dead").slots
    wait_until(lambda: engine.tick("alive")["reclaimed"] and engine.counters(slots[0].batch)["claimed"] == 0, 5.0,
               "the leases pass")
    counters = engine.counters(slots[0].batch)
    assert (counters["due"], counters["attempts"]) == (4, 0)


def test_a_dead_workers_begun_call_is_never_handed_out_again(engine: Engine) -> None:
    slot = begun(engine, contacts=1)
    engine.client.zadd(engine.key("live"), {slot.member: 1})
    engine.tick("alive")
    assert engine.claim("alive").slots == []
    assert engine.state(slot.batch, 0)["phase"] == "live"


def test_a_tick_settles_no_more_than_it_was_allowed(engine: Engine) -> None:
    cell(engine, contacts=6)
    slots = engine.claim("dead").slots
    wait_until(lambda: engine.now_ms() * 1000 > slots[-1].slot_us + 2_100_000, 5.0, "the leases pass")
    tick = engine.tick("alive", items=2)
    assert tick["reclaimed"] == 2 and tick["more"]


def test_a_flow_whose_last_call_was_claimed_has_no_turn(engine: Engine) -> None:
    """On a slow trunk the next claim, which would take it out, may be a second off."""
    engine.trunk("main", cps=1)
    engine.tenant("acme")
    engine.batch("acme", "main", contacts=1)
    engine.claim_one()
    assert engine.client.zrange(engine.key("turn:k/main"), 0, -1) == []


# ---- a deadline that passes while the end is told ----


@pytest.mark.parametrize("how", ["retry", "final"])
def test_who_was_talked_to_is_not_called_again_for_a_deadline_that_passed_while_the_end_was_told(engine: Engine, how: str) -> None:
    """A worker looked the call up at its deadline and learnt nothing; the platform told another of its end meanwhile."""
    cell(engine, contacts=1)
    slot = engine.begin_one()
    engine.accept(slot)
    assert engine.finish(slot, how="ended", reason="user_hangup") == "ended"
    late = {"how": how, "outcome": "UNKNOWN", "next_in_ms": 0 if how == "retry" else None, "source": "deadline", "reason": "deadline"}
    assert engine.finish(slot, **late) == "recorded"
    state = engine.state(slot.batch, 0)
    assert (state["phase"], state["x"]) == ("ended", "COMPLETED")
    assert engine.finish(slot, reason="agent_hangup") == "final"
    assert engine.finish(slot, **late) == "recorded"
    assert engine.hash(f"batch:{slot.batch}")["outcome:COMPLETED"] == "1"
    assert engine.hash(f"batch:{slot.batch}:texts:0")["0:reason"] == "agent_hangup"
