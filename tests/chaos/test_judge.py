# SPDX-License-Identifier: Apache-2.0
"""The judge of runs finds one planted breach of each promise that it adds to the judge of campaigns, counts it once, and
allows what a fault of the run may do by nature, and no more."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos import tail
from tests.chaos.judge import Batch, Begin, RunHistory, Verdict, apart, judge_run
from tests.chaos.schedule import Allowance, Campaign, Fault, Kind, Platform, Schedule, Strike, World
from tests.chaos.soak import WARM_S, Sample, judge_memory
from tests.support.ledger import COUNTERS, Entry, Ledger
from tests.support.witness import Delivery

S = 1_000_000
START_US = 1_763_283_600 * S
SCHEDULE = Schedule(1, World("plain", "retell"), 4, 5, Platform("completed=1", 1, 1, ()), (), ())
CAMPAIGN = Campaign(0, 0, "inline", 3, 3, 5, 3, 1000, 1000, 0, 0, False)
HOUR_US = 3600 * S


class Run:
    """Two batches of three contacts who are all called once and talk, two a second. Each plant changes a little of it."""

    def __init__(self) -> None:
        self.carrier: list[dict[str, Any]] = []
        self.deliveries: list[Delivery] = []
        self.strikes: list[Strike] = []
        self.shifts: list[tuple[int, int]] = []
        self.batches = [self.batch(0), self.batch(1)]

    def batch(self, index: int) -> Batch:
        campaign = dataclasses.replace(CAMPAIGN, index=index)
        name = f"batch_c0_00000{index}"
        entries, begins = [], []
        for ordinal, number in enumerate(campaign.numbers):
            at_us = START_US + ordinal * S + index * S // 2
            call = self.call(name, number, ordinal, 1, at_us)
            body = {"event": "call.completed", "batchId": name, "phoneNumber": number, "status": "COMPLETED",
                    "outcome": "COMPLETED", "attempts": 1, "providerCallId": call}
            self.deliveries.append(Delivery(f"evt_{name}-{ordinal}", body, True, 200, "bytes"))
            entries.append(Entry(number, "final", "COMPLETED", 1, call))
            begins.append(Begin(ordinal, 1, 1, at_us))
        return Batch(campaign, name, Ledger(name, "completed", len(entries), entries), begins)

    def call(self, batch: str, number: str, ordinal: int, dial: int, at_us: int, outcome: str = "completed") -> str:
        call = f"call_{number}_{dial}"
        for ev, after_ms, more in (("create", 1, {"status": 201}), ("placed", 2, {}), ("ended", 300, {"outcome": outcome})):
            self.carrier.append({"ev": ev, "us": at_us + after_ms * 1000, "to": number, "id": call,
                                 "token": f"{batch}.{ordinal}.{dial}.mac", **more})  # fmt: skip
        return call

    def verdict(self, kinds: dict[str, Kind] | None = None) -> Verdict:
        history = RunHistory(SCHEDULE, self.batches, self.carrier, self.deliveries, self.strikes, self.shifts)
        return judge_run(history, kinds or {})

    def counts(self) -> dict[str, int]:
        verdict = self.verdict()
        assert len(verdict.breaks) == verdict.counts.total()
        return dict(verdict.counts)

    def begin_at(self, batch: int, ordinal: int, at_us: int) -> None:
        self.batches[batch].begins[ordinal] = dataclasses.replace(self.batches[batch].begins[ordinal], at_us=at_us)


def test_a_sound_run_has_no_breaches_and_its_line_says_so() -> None:
    verdict = Run().verdict()
    assert verdict.holds()
    assert verdict.line() == (
        "chaos: schedules=1 lost=0 dialed_twice=0 overlapping=0 too_soon=0 over_attempts=0 over_limit=0 undelivered=0 "
        "allowed=0 audit=ok"
    )


def never_accepted(run: Run) -> None:
    run.batches[0] = Batch(run.batches[0].campaign, "", Ledger("", "", 0, []), [])


def never_called(run: Run) -> None:
    number = run.batches[0].campaign.numbers[0]
    run.carrier = [event for event in run.carrier if event["to"] != number]


def not_final_in_redis(run: Run) -> None:
    entries = run.batches[0].ledger.entries
    entries[0] = dataclasses.replace(entries[0], phase="live")


@pytest.mark.parametrize(("plant", "count"), ((never_accepted, 3), (never_called, 1), (not_final_in_redis, 1)))
def test_a_lost_contact_is_found_in_each_batch(plant: Callable[[Run], None], count: int) -> None:
    run = Run()
    plant(run)
    assert run.counts()["lost"] >= count


def test_an_ending_that_is_not_the_platforms_counts_as_lost() -> None:
    run = Run()
    entries = run.batches[1].ledger.entries
    entries[0] = dataclasses.replace(entries[0], outcome="BUSY")
    assert run.counts() == {"lost": 1}


def test_a_token_that_was_placed_twice_counts_as_dialed_twice() -> None:
    run = Run()
    again = next(event for event in run.carrier if event["ev"] == "placed")
    run.carrier.append({**again, "us": again["us"] + 2000})
    assert any("was placed 2 times" in broken for broken in run.verdict().breaks)
    assert run.counts()["dialed_twice"] == 2, "and somebody was called who had talked"


def test_somebody_who_is_called_again_after_talking_counts_as_dialed_twice() -> None:
    run = Run()
    batch = run.batches[0]
    call = run.call(batch.batch, batch.campaign.numbers[0], 0, 2, START_US + 5 * S)
    batch.begins.append(Begin(0, 2, 2, START_US + 5 * S))
    batch.ledger.entries[0] = dataclasses.replace(batch.ledger.entries[0], attempts=2, provider_id=call)
    run.deliveries[0].body.update(attempts=2, providerCallId=call)
    assert run.counts() == {"dialed_twice": 1}


def test_two_dials_that_were_placed_for_one_attempt_count_as_dialed_twice() -> None:
    """Although the first ended as one that is tried again, and in time."""
    run = Run()
    batch = run.batches[0]
    for event in run.carrier:
        if event["ev"] == "ended" and event["to"] == batch.campaign.numbers[0]:
            event["outcome"] = "busy"
    call = run.call(batch.batch, batch.campaign.numbers[0], 0, 2, START_US + 5 * S)
    batch.begins.append(Begin(0, 2, 1, START_US + 5 * S))
    batch.ledger.entries[0] = dataclasses.replace(batch.ledger.entries[0], attempts=2, provider_id=call)
    run.deliveries[0].body.update(attempts=2, providerCallId=call)
    assert run.counts() == {"dialed_twice": 1}
    batch.begins[-1] = dataclasses.replace(batch.begins[-1], attempt=2)
    assert run.counts() == {}


def test_a_batch_above_its_own_limit_is_found() -> None:
    run = Run()
    run.batches[0].begins.append(Begin(9, 1, 1, START_US + 10 * S))
    for ordinal in range(3):
        run.begin_at(0, ordinal, START_US + 10 * S + ordinal)
    assert run.counts() == {"over_limit": 1}


def test_batches_that_each_keep_their_limit_and_together_exceed_the_tenants_are_found() -> None:
    run = Run()
    for batch in (0, 1):
        for ordinal in range(3 - batch):
            run.begin_at(batch, ordinal, START_US + 10 * S + ordinal)
    assert run.counts() == {"over_limit": 1}
    run.begin_at(1, 2, START_US + 10 * S)
    assert run.counts() == {"over_limit": 3}, "two above the tenant's and one above the trunk's"


def test_begins_on_both_sides_of_a_step_of_the_clock_are_in_no_second_together() -> None:
    run = Run()
    for ordinal in range(3):  # a second later by our clock, when Redis's was set back by that second
        run.begin_at(0, ordinal, START_US + ordinal)
        run.begin_at(1, ordinal, START_US + 5 * S + ordinal - HOUR_US)
    run.batches[1].begins.append(Begin(9, 1, 1, START_US + 5 * S - HOUR_US + 900_000))
    run.shifts = [(START_US + 4 * S, -HOUR_US)]
    assert run.counts() == {"over_limit": 1}, "of one side, four in a second"
    run.batches[1].begins.pop()
    assert run.counts() == {}


def test_an_event_that_was_written_and_never_came_is_found() -> None:
    run = Run()
    ledger = run.batches[0].ledger
    run.batches[0] = dataclasses.replace(run.batches[0], ledger=dataclasses.replace(ledger, events=ledger.events + 1))
    assert run.counts() == {"undelivered": 1}


def test_a_webhook_may_come_again_as_it_was_and_not_otherwise() -> None:
    run = Run()
    run.deliveries.append(run.deliveries[0])
    assert run.counts() == {}
    run.deliveries.append(dataclasses.replace(run.deliveries[0], digest="other bytes"))
    assert run.counts() == {"undelivered": 1}


def test_a_signature_that_does_not_hold_is_found() -> None:
    run = Run()
    run.deliveries[0] = dataclasses.replace(run.deliveries[0], verified=False)
    assert run.counts() == {"undelivered": 1}


def test_a_retry_that_was_begun_too_soon_is_found_by_the_begins_whenever_its_requests_arrived() -> None:
    run = Run()
    batch = run.batches[0]
    batch.begins[0] = dataclasses.replace(batch.begins[0], outcome="BUSY")
    batch.begins.append(Begin(0, 2, 2, batch.begins[0].at_us + 998_000))
    assert run.counts() == {"too_soon": 1}
    batch.begins[-1] = dataclasses.replace(batch.begins[-1], at_us=batch.begins[0].at_us + S)
    assert run.counts() == {}
    batch.begins[-1] = dataclasses.replace(batch.begins[-1], attempt=1, at_us=batch.begins[0].at_us + 1000)
    assert run.counts() == {}, "given back, and begun again as the same attempt"


def test_requests_that_came_too_soon_one_after_the_other_are_judged_by_their_begins_where_redis_knows_them() -> None:
    run = Run()
    batch = run.batches[0]
    for event in run.carrier:
        if event["ev"] == "ended" and event["to"] == batch.campaign.numbers[0]:
            event["outcome"] = "busy"
    call = run.call(batch.batch, batch.campaign.numbers[0], 0, 2, START_US + S // 2)
    batch.ledger.entries[0] = dataclasses.replace(batch.ledger.entries[0], attempts=2, provider_id=call)
    run.deliveries[0].body.update(attempts=2, providerCallId=call)
    assert run.counts() == {"too_soon": 1}, "Redis has forgotten the second begin"
    batch.begins.append(Begin(0, 2, 2, START_US + S // 2))
    assert run.counts() == {"too_soon": 1}
    batch.begins[-1] = Begin(0, 2, 2, START_US + S)
    assert run.counts() == {}, "the first request was long on its way"


def test_a_retry_that_redis_takes_to_be_late_after_its_clock_was_set_forward_came_too_soon() -> None:
    run = Run()
    run.batches[0].begins.append(Begin(0, 2, 2, START_US + 10 * S + HOUR_US))
    run.shifts = [(START_US + 4 * S, HOUR_US)]
    assert run.counts() == {}
    run.batches[0].begins[-1] = Begin(0, 2, 2, START_US + S // 2 + HOUR_US)
    run.shifts = [(START_US + S // 4, HOUR_US)]
    assert run.counts() == {"too_soon": 1}


# ---- what is allowed ----


def struck(*allows: Allowance) -> tuple[Strike, dict[str, Kind]]:
    kind = Kind(weight=1, draw=lambda rng, world: {}, apply=lambda fleet, fault: None, allows=allows)
    return Strike(Fault(0, "flood", "redis", 1000, {}), START_US, START_US + S), {"flood": kind}


def test_what_a_fault_may_break_by_nature_is_told_with_the_words_that_say_so() -> None:
    run = Run()
    not_final_in_redis(run)
    strike, kinds = struck(Allowance("lost", "water may do that"))
    assert run.verdict(kinds).counts["lost"] == 1, "no such fault struck"
    run.strikes = [strike]
    verdict = run.verdict(kinds)
    assert verdict.holds() and verdict.line().endswith("allowed=1 audit=ok")
    assert "lost: +1555" in verdict.allowed[0] and "water may do that (flood of redis)" in verdict.allowed[0]


def test_a_fault_that_may_break_one_promise_excuses_no_other_and_nothing_that_it_does_not_cover() -> None:
    run = Run()
    not_final_in_redis(run)
    for allowance in (Allowance("overlapping", "so"), Allowance("lost", "so", covers=lambda broken, strike, history: False)):
        strike, kinds = struck(allowance)
        run.strikes = [strike]
        verdict = run.verdict(kinds)
        assert (verdict.counts["lost"], verdict.allowed) == (1, [])


def test_a_batch_whose_start_went_with_a_lost_tail_is_lost_by_its_contacts_and_by_nothing_else() -> None:
    run = Run()
    batch = run.batches[0]
    run.carrier = [event for event in run.carrier if event["to"] not in batch.campaign.numbers]
    run.deliveries = [each for each in run.deliveries if each.body["batchId"] != batch.batch]
    waiting = [Entry(number, "due", "", 0, "") for number in batch.campaign.numbers[:2]]  # its last chunk went too
    kept = {**dict.fromkeys(COUNTERS, 0), "total": 2}
    run.batches[0] = Batch(batch.campaign, batch.batch, Ledger(batch.batch, "draft", 0, waiting, kept), [])
    assert run.counts() == {"lost": 3}, "no fault struck"
    strike, kinds = struck(*tail.ALLOWED)
    run.strikes = [strike]
    verdict = run.verdict(kinds)
    assert verdict.holds() and len(verdict.allowed) == 3 and all(tail.IS_LOST in each for each in verdict.allowed)


def test_figures_that_are_wrong_are_excused_by_no_lost_tail() -> None:
    run = Run()
    batch = run.batches[0]
    kept = {**dict.fromkeys(COUNTERS, 0), "total": 3, "succeeded": 3, "attempts": 4}
    run.batches[0] = dataclasses.replace(batch, ledger=dataclasses.replace(batch.ledger, counters=kept))
    strike, kinds = struck(*tail.ALLOWED)
    run.strikes = [strike]
    verdict = run.verdict(kinds)
    assert (dict(verdict.counts), verdict.allowed) == ({"lost": 1}, [])
    assert verdict.breaks == [f"lost: {batch.batch[:5]}...{batch.batch[-4:]}: Redis has 4 attempts, its contacts come to 3"]


def test_verdicts_add_up_and_one_that_does_not_hold_is_not_made_good_by_others() -> None:
    total = Verdict(schedules=0)
    for verdict in (Verdict(), Verdict(is_audit_clean=False), Verdict(failures=["worker 1 ended with -11"])):
        total.add(verdict)
    assert total.line().startswith("chaos: schedules=3 lost=0") and total.line().endswith("audit=broken")
    assert not total.holds() and not Verdict(failures=["x"]).holds()


# ---- memory ----


def samples(after_s: float, warm_kb: int, end_kb: int) -> list[Sample]:
    """Every ten seconds, of a soak of that length."""
    return [
        Sample(at_s, kind, warm_kb if at_s < after_s - 300 else end_kb)
        for kind in ("worker", "producer", "notifier", "redis")
        for at_s in range(10, round(after_s) + 1, 10)
    ]


def test_memory_that_grew_is_found_and_a_burst_is_none() -> None:
    line, grown = judge_memory(samples(1800, 10_000, 12_000), 1800)
    assert grown == [] and line.startswith("memory: minutes=30 worker_kb=10000->12000 ") and line.endswith("grown=none")
    line, grown = judge_memory(samples(1800, 10_000, 12_001), 1800)
    assert grown == ["worker", "producer", "notifier", "redis"] and line.endswith("grown=worker,producer,notifier,redis")
    bursts = [*samples(1800, 10_000, 10_000), Sample(1795, "worker", 90_000)]
    assert judge_memory(bursts, 1800)[1] == []


def test_a_soak_that_was_too_short_says_so() -> None:
    line, grown = judge_memory(samples(WARM_S, 10_000, 90_000), WARM_S)
    assert grown == [] and line.endswith("grown=too short to tell")


def test_begins_before_and_after_a_clock_was_set_back_are_told_apart_by_what_the_platform_saw() -> None:
    """All of Redis's instants are there twice."""
    before = [Begin(n, 1, 1, START_US + n * S // 4, seen_us=START_US + n * S // 4 + 1000) for n in range(4)]
    after = [Begin(n, 2, 2, begin.at_us, seen_us=begin.seen_us + S) for n, begin in enumerate(before)]
    assert apart([*after, *before], [(START_US + S, -S)]) == [(0, before), (-S, after)]
