# SPDX-License-Identifier: Apache-2.0
"""The judges by the space of histories: no sound one has a fault, and in any of them one planted breach is found, is named as
what it is, and is all that is found."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.chaos.judge import COUNTERS, Begin
from tests.support.history import EARLY_MS, TRIED_AGAIN
from tests.support.sound_history import MS, START_US, Campaigner, Contact, S, SoundRun, sound_runs

MANY = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


class Planter:
    """Chooses, among those of a run that a breach may befall."""

    def __init__(self, run: SoundRun, rng: random.Random) -> None:
        self.run = run
        self.rng = rng

    def contact(self, fits: Callable[[Campaigner, Contact], bool] = lambda batch, contact: True) -> tuple[Campaigner, Contact]:
        found = [(batch, contact) for batch in self.run.batches for contact in batch.contacts if fits(batch, contact)]
        assume(found)
        return self.rng.choice(found)

    def called_again(self) -> tuple[Campaigner, Contact, int]:
        """One that has a second call, and which of its calls that is."""
        batch, contact = self.contact(lambda batch, contact: len(contact.calls) > 1)
        return batch, contact, self.rng.randrange(1, len(contact.calls))

    def lift_limits(self) -> None:
        """For a breach that moves begins."""
        self.run.tenant_cps += 1
        self.run.trunk_cps += 1
        for batch in self.run.batches:
            batch.campaign = dataclasses.replace(batch.campaign, cps=batch.campaign.cps + 1)

    def add_call(self, batch: Campaigner, contact: Contact) -> None:
        """One more, long after everything, that ends as the last did; everybody knows of it."""
        last = contact.calls[-1]
        batch.add_call(contact, last.at_us + 3600 * S, last.outcome, last.dial + 1)
        self.run.deliver()


Plant = Callable[[Planter], None]


# ---- lost ----


def nobody_knows_of_it(plant: Planter) -> None:
    _, contact = plant.contact()
    contact.is_known, contact.calls, contact.refusals = False, [], []
    contact.is_rejected = False
    plant.run.deliver()


def it_was_never_told_of(plant: Planter) -> None:
    _, contact = plant.contact()
    contact.is_told = False
    plant.run.deliver()


def it_is_not_final_in_redis(plant: Planter) -> None:
    _, contact = plant.contact()
    contact.redis["phase"] = plant.rng.choice(("due", "claimed", "live", "ended"))


# ---- calls that should not have been ----


def a_token_is_placed_twice(plant: Planter) -> None:
    _, contact, n = plant.called_again()
    contact.calls[n].token = contact.calls[n - 1].token


def an_attempt_is_dialed_twice(plant: Planter) -> None:
    """The first dial counted for nothing: given back, although it had been placed."""
    _, contact, n = plant.called_again()
    for call in contact.calls[n:]:
        call.attempt -= 1
    contact.redis["attempts"] = contact.told["attempts"] = contact.attempts - 1
    plant.run.deliver()


def two_calls_overlap(plant: Planter) -> None:
    _, contact, n = plant.called_again()
    contact.calls[n - 1].ended_us = contact.calls[n].placed_us + plant.rng.randrange(1, 60 * S)


def a_call_goes_on_for_ever(plant: Planter) -> None:
    _, contact, n = plant.called_again()
    contact.calls[n - 1].ended_us = START_US + 24 * 3600 * S


def a_retry_comes_too_soon(plant: Planter) -> None:
    """After the end of the call before, but before its delay."""
    batch, contact, n = plant.called_again()
    before, call = contact.calls[n - 1], contact.calls[n]
    assume(not any(before.at_us < at_us for at_us, _, _ in contact.refusals))
    earliest_us = before.at_us + (batch.rules.delays_ms[before.outcome] - EARLY_MS) * MS
    to_us = plant.rng.randrange(before.ended_us, earliest_us)
    by_us = call.at_us - to_us
    call.at_us, call.placed_us, call.ended_us = to_us, call.placed_us - by_us, call.ended_us - by_us
    call.begin_us = max(before.begin_us, to_us - EARLY_MS * MS)
    plant.lift_limits()


def a_begin_comes_too_soon(plant: Planter) -> None:
    """Although the request that followed it took its time."""
    batch, contact, n = plant.called_again()
    before, call = contact.calls[n - 1], contact.calls[n]
    call.begin_us = before.begin_us + (batch.rules.delays_ms[before.outcome] - plant.rng.randrange(2, 500)) * MS
    plant.lift_limits()


def a_refused_request_comes_too_soon(plant: Planter) -> None:
    """Of a dial whose begin is not known."""
    batch, contact, n = plant.called_again()
    before = contact.calls[n - 1]
    earliest_us = before.at_us + (batch.rules.delays_ms[before.outcome] - EARLY_MS) * MS
    contact.refusals.append((plant.rng.randrange(before.at_us + 1, earliest_us), 429, 99))


def one_attempt_too_many(plant: Planter) -> None:
    batch, contact = plant.contact(
        lambda batch, contact: len(contact.calls) == batch.campaign.max_attempts and contact.calls[-1].outcome in TRIED_AGAIN
    )
    plant.add_call(batch, contact)


def called_after_the_aim_was_reached(plant: Planter) -> None:
    batch, contact = plant.contact(
        lambda batch, contact: 0 < len(contact.calls) < batch.campaign.max_attempts
        and contact.calls[-1].outcome not in TRIED_AGAIN and not contact.is_rejected
    )
    plant.add_call(batch, contact)


# ---- more than a limit allows, in a second that slides ----


def crowd(plant: Planter, counts: tuple[int, ...]) -> None:
    """So many begins of each batch in one second that held none. They placed nothing."""
    for batch, count in zip(plant.run.batches, counts):
        for n in range(count):
            at_us = START_US - 10 * S + plant.rng.randrange(S)
            batch.more_begins.append(Begin(100 + n, 1, 1, at_us))


def over_the_limit_of_a_batch(plant: Planter) -> None:
    counts = [plant.run.batches[0].campaign.cps + 1, 0]
    plant.rng.shuffle(counts)
    crowd(plant, tuple(counts))


def over_the_limit_of_the_tenant(plant: Planter) -> None:
    cps = plant.run.batches[0].campaign.cps
    plant.run.trunk_cps = plant.run.tenant_cps + 1
    crowd(plant, (cps, plant.run.tenant_cps + 1 - cps))


def over_the_limit_of_the_trunk(plant: Planter) -> None:
    cps = plant.run.batches[0].campaign.cps
    plant.run.tenant_cps = plant.run.trunk_cps + 1
    crowd(plant, (cps, plant.run.trunk_cps + 1 - cps))


# ---- what was told and kept ----


def another_failure(plant: Planter) -> tuple[Contact, str]:
    _, contact = plant.contact(lambda batch, contact: contact.outcome in ("BUSY", "NO_ANSWER", "FAILED"))
    return contact, plant.rng.choice(sorted({"BUSY", "NO_ANSWER", "VOICEMAIL", "UNKNOWN"} - {contact.outcome}))


def the_webhook_tells_another_outcome(plant: Planter) -> None:
    contact, outcome = another_failure(plant)
    contact.told["outcome"] = outcome
    plant.run.deliver()


def redis_has_another_outcome(plant: Planter) -> None:
    contact, outcome = another_failure(plant)
    contact.redis["outcome"] = outcome


def an_attempt_is_told_that_never_was(plant: Planter) -> None:
    _, contact = plant.contact()
    contact.told["attempts"] = contact.attempts + 1
    plant.run.deliver()


def another_call_is_told(plant: Planter) -> None:
    _, contact = plant.contact(lambda batch, contact: not contact.is_rejected)
    contact.told["providerCallId"] = plant.rng.choice(("call_of_another", None))
    plant.run.deliver()


def two_endings(plant: Planter) -> None:
    taken = [each for each in plant.run.deliveries if each.is_taken and each.body["event"] == "call.completed"]
    again = plant.rng.choice(taken)
    plant.run.deliveries.append(dataclasses.replace(again, webhook_id="evt_another", digest="other bytes"))


def an_event_never_came(plant: Planter) -> None:
    plant.rng.choice(plant.run.batches).more_events += 1


def an_event_was_never_taken(plant: Planter) -> None:
    ends = {each.webhook_id for each in plant.run.deliveries if each.body["event"] == "batch.completed"}
    one = plant.rng.choice(sorted(ends))
    plant.run.deliveries = [
        dataclasses.replace(each, status=503) if each.webhook_id == one else each for each in plant.run.deliveries
    ]


def a_signature_does_not_hold(plant: Planter) -> None:
    n = plant.rng.randrange(len(plant.run.deliveries))
    plant.run.deliveries[n] = dataclasses.replace(plant.run.deliveries[n], verified=False)


def a_webhook_comes_again_with_other_bytes(plant: Planter) -> None:
    again = plant.rng.choice(plant.run.deliveries)
    plant.run.deliveries.append(dataclasses.replace(again, digest="other bytes"))


def a_batch_tells_figures_that_do_not_add_up(plant: Planter) -> None:
    plant.rng.choice(plant.run.batches).figures[plant.rng.choice(("total", "processed", "succeeded", "failed", "pending"))] = 1
    plant.run.deliver()


def a_batch_tells_figures_that_are_not_its_contacts(plant: Planter) -> None:
    plant.rng.choice(plant.run.batches).figures.update({"succeeded": 1, "failed": -1})
    plant.run.deliver()


def redis_keeps_counters_that_are_not_its_contacts(plant: Planter) -> None:
    name = plant.rng.choice(("total", "due", "claimed", "live", "ended", "succeeded", "failed", "attempts"))
    plant.rng.choice(plant.run.batches).kept[name] = plant.rng.choice((-1, 1))


# What is planted; the promise of a campaign that it breaks, "" where one campaign does not show it; the counter of a run.
PLANTS: tuple[tuple[Plant, str, str], ...] = (
    (nobody_knows_of_it, "lost", "lost"),
    (it_was_never_told_of, "lost", "lost"),
    (it_is_not_final_in_redis, "lost", "lost"),
    (a_token_is_placed_twice, "placed_twice", "dialed_twice"),
    (an_attempt_is_dialed_twice, "dialed_again", "dialed_twice"),
    (two_calls_overlap, "overlapping", "overlapping"),
    (a_call_goes_on_for_ever, "overlapping", "overlapping"),
    (a_retry_comes_too_soon, "too_soon", "too_soon"),
    (a_begin_comes_too_soon, "", "too_soon"),
    (a_refused_request_comes_too_soon, "too_soon", "too_soon"),
    (one_attempt_too_many, "over_attempts", "over_attempts"),
    (called_after_the_aim_was_reached, "called_again", "dialed_twice"),
    (over_the_limit_of_a_batch, "", "over_limit"),
    (over_the_limit_of_the_tenant, "", "over_limit"),
    (over_the_limit_of_the_trunk, "", "over_limit"),
    (the_webhook_tells_another_outcome, "untrue", "lost"),
    (redis_has_another_outcome, "untrue", "lost"),
    (an_attempt_is_told_that_never_was, "untrue", "lost"),
    (another_call_is_told, "untrue", "lost"),
    (two_endings, "told_twice", "lost"),
    (an_event_never_came, "undelivered", "undelivered"),
    (an_event_was_never_taken, "undelivered", "undelivered"),
    (a_signature_does_not_hold, "unsigned", "undelivered"),
    (a_webhook_comes_again_with_other_bytes, "altered", "undelivered"),
    (a_batch_tells_figures_that_do_not_add_up, "miscounted", "lost"),
    (a_batch_tells_figures_that_are_not_its_contacts, "miscounted", "lost"),
    (redis_keeps_counters_that_are_not_its_contacts, "miscounted", "lost"),
)


@pytest.mark.parametrize("has_tokens", (True, False), ids=("with_tokens", "without"))
def test_no_sound_history_has_a_fault(has_tokens: bool) -> None:
    @settings(MANY, max_examples=60)
    @given(sound_runs(has_tokens))
    def holds(run: SoundRun) -> None:
        verdict = run.verdict()
        assert verdict.holds() and not verdict.breaks, verdict.breaks
        for report in run.reports():
            assert report.keeps_promises(), report.examples

    holds()


@pytest.mark.parametrize(("plant", "promise", "counter"), PLANTS, ids=[plant.__name__ for plant, _, _ in PLANTS])
def test_a_planted_breach_is_found_and_named_and_is_all_that_is_found(plant: Plant, promise: str, counter: str) -> None:
    @MANY
    @given(sound_runs(), st.randoms(use_true_random=False))
    def is_found(run: SoundRun, rng: random.Random) -> None:
        plant(Planter(run, rng))
        broken = [broken for report in run.reports() for broken in report.breaks]
        assert {each.promise for each in broken} == ({promise} if promise else set()), broken
        assert all(report.keeps_promises() for report in run.reports()) == (not promise)
        verdict = run.verdict()
        assert set(verdict.counts) == {counter} and not verdict.holds(), verdict.breaks
        assert f" {counter}=0 " not in verdict.line()

    is_found()


def test_every_counter_of_a_run_has_a_breach_that_moves_it() -> None:
    assert {counter for _, _, counter in PLANTS} == set(COUNTERS)
