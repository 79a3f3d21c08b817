# SPDX-License-Identifier: Apache-2.0
"""Histories of runs that kept every promise, drawn by hypothesis: what the judges must not find fault with, and what tests
plant breaches in.

    @given(sound_runs())
    def test(run): assert run.verdict().holds()

A run is kept as what happened to each contact, and told in the words of the witnesses when it is judged: a breach is planted
by changing one contact, or what one witness says of it, and all the rest follows.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.chaos.judge import Batch, Begin, RunHistory, Verdict, judge_run
from tests.chaos.schedule import Campaign, Platform, Schedule, World
from tests.support.history import EARLY_MS, TRIED_AGAIN, TRUTH, Report, Rules, judge
from tests.support.ledger import COUNTERS, Entry, Ledger
from tests.support.witness import Delivery

START_US = 1_763_283_600_000_000
MS = 1000
S = 1_000_000
LAST_WORDS = ("completed", "voicemail")
STATUS = {"COMPLETED": "COMPLETED", "BUSY": "MISSED", "NO_ANSWER": "MISSED", "VOICEMAIL": "MISSED"}


@dataclasses.dataclass
class Call:
    """One that was placed, as a dial of an attempt."""

    begin_us: int
    at_us: int  # of its create request
    placed_us: int
    ended_us: int
    outcome: str
    dial: int
    attempt: int
    token: str
    call_id: str
    status: int  # of the answer to its create; 0: it was lost


@dataclasses.dataclass
class Contact:
    """`refusals`: (when, status, dial) of creates that placed nothing. `redis`, `told`: what those say otherwise than it was."""

    ordinal: int
    number: str
    calls: list[Call] = dataclasses.field(default_factory=list)
    refusals: list[tuple[int, int, int]] = dataclasses.field(default_factory=list)
    is_rejected: bool = False  # by the last of them, for good
    redis: dict[str, Any] = dataclasses.field(default_factory=dict)
    told: dict[str, Any] = dataclasses.field(default_factory=dict)
    is_told: bool = True
    is_known: bool = True  # to anybody: called, kept and told

    @property
    def attempts(self) -> int:
        return len(self.calls) + self.is_rejected

    @property
    def outcome(self) -> str:
        return "REJECTED" if self.is_rejected else TRUTH[self.calls[-1].outcome]

    @property
    def provider_id(self) -> str:
        return "" if self.is_rejected else self.calls[-1].call_id

    def entry(self) -> Entry:
        if not self.is_known:
            return Entry(self.number, "due", "", 0, "")
        return Entry(**{"number": self.number, "phase": "final", "outcome": self.outcome, "attempts": self.attempts,
                        "provider_id": self.provider_id, **self.redis})  # fmt: skip


class Campaigner:
    """One batch."""

    def __init__(self, campaign: Campaign, has_tokens: bool) -> None:
        self.campaign = campaign
        self.batch = f"batch_c0_00000{campaign.index}"
        self.contacts = [Contact(ordinal, number) for ordinal, number in enumerate(campaign.numbers)]
        self.more_events = 0  # written, and not among the deliveries
        self.more_begins: list[Begin] = []
        self.kept: dict[str, int] = {}  # counters that are wrong, by how much
        self.figures: dict[str, int] = {}  # the same of what batch.completed says
        self._has_tokens = has_tokens

    @property
    def rules(self) -> Rules:
        campaign = self.campaign
        delays = {"busy": campaign.busy_ms, "no_answer": campaign.no_answer_ms, "failed": campaign.no_answer_ms,
                  "": min(campaign.busy_ms, campaign.no_answer_ms)}  # fmt: skip
        return Rules(campaign.cps, campaign.max_attempts, delays, utilisation=None)

    def add_call(
        self, contact: Contact, begin_us: int, outcome: str, dial: int, way_ms: int = 1, talk_ms: int = 100, status: int = 201
    ) -> None:
        token = f"{self.batch}.{contact.ordinal}.{dial}.mac" if self._has_tokens else ""
        at_us = begin_us + way_ms * MS
        placed_us = at_us + MS
        contact.calls.append(Call(begin_us, at_us, placed_us, placed_us + talk_ms * MS, outcome, dial, contact.attempts + 1, token,
                                  f"call_{contact.number}_{dial}", status))  # fmt: skip

    # ---- the witnesses ----

    def carrier(self) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = []
        for contact in self.contacts:
            for at_us, status, dial in contact.refusals:
                lines.append({"ev": "create", "us": at_us, "to": contact.number, "status": status,
                              "token": f"{self.batch}.{contact.ordinal}.{dial}.mac" if self._has_tokens else ""})  # fmt: skip
            for call in contact.calls:
                same = {"to": contact.number, "id": call.call_id, "token": call.token}
                lines.append({"ev": "create", "us": call.at_us, "status": call.status, **same})
                lines.append({"ev": "placed", "us": call.placed_us, **same})
                lines.append({"ev": "ended", "us": call.ended_us, "outcome": call.outcome, **same})
        return lines

    def begins(self) -> list[Begin]:
        calls = [
            Begin(contact.ordinal, call.dial, call.attempt, call.begin_us, TRUTH[call.outcome])
            for contact in self.contacts
            for call in contact.calls
        ]
        return [*calls, *self.more_begins]

    def told(self) -> list[dict[str, Any]]:
        """The bodies of its events, each once."""
        bodies = []
        for contact in self.contacts:
            if contact.is_known and contact.is_told:
                outcome = str(contact.told.get("outcome", contact.outcome))
                bodies.append({"event": "call.completed", "batchId": self.batch, "phoneNumber": contact.number,
                               "status": STATUS.get(outcome, "FAILED"), "outcome": outcome, "attempts": contact.attempts,
                               "providerCallId": contact.provider_id or None, **contact.told})  # fmt: skip
        known = [contact for contact in self.contacts if contact.is_known]
        succeeded = sum(contact.outcome == "COMPLETED" for contact in known)
        figures = {"total": len(self.contacts), "processed": len(known), "succeeded": succeeded,
                   "failed": len(known) - succeeded, "pending": len(self.contacts) - len(known)}  # fmt: skip
        for name, by in self.figures.items():
            figures[name] += by
        bodies.append({"event": "batch.completed", "batchId": self.batch, "statistics": figures})
        return bodies

    def ledger(self, events: int) -> Ledger:
        entries = [contact.entry() for contact in self.contacts]
        counters = dict.fromkeys(COUNTERS, 0)
        counters["total"] = len(entries)
        for entry in entries:
            counters["attempts"] += entry.attempts
            is_success = entry.outcome == "COMPLETED"
            counters[("succeeded" if is_success else "failed") if entry.phase == "final" else entry.phase] += 1
        for name, by in self.kept.items():
            counters[name] += by
        return Ledger(self.batch, "completed", events + self.more_events, entries, counters)


class SoundRun:
    """Batches that ran side by side. `deliveries`: made by deliver(), and to be changed then."""

    def __init__(self, batches: list[Campaigner], tenant_cps: int, trunk_cps: int) -> None:
        self.batches = batches
        self.tenant_cps = tenant_cps
        self.trunk_cps = trunk_cps
        self.deliveries: list[Delivery] = []

    def deliver(self, tries: Callable[[], tuple[int, ...]] = lambda: (200,)) -> None:
        """Tells everything that there is to tell. `tries`: what the receiver answers, each time an event comes."""
        self.deliveries = []
        for batch in self.batches:
            for n, body in enumerate(batch.told()):
                webhook_id = f"evt_{batch.batch}-{n}"
                self.deliveries += [Delivery(webhook_id, body, True, status, f"bytes of {webhook_id}") for status in tries()]

    def reports(self) -> list[Report]:
        return [judge(batch.campaign.numbers, batch.carrier(), self._told_of(batch), batch.rules, self._ledger(batch))
                for batch in self.batches]  # fmt: skip

    def verdict(self) -> Verdict:
        batches = [Batch(batch.campaign, batch.batch, self._ledger(batch), batch.begins()) for batch in self.batches]
        carrier = [line for batch in self.batches for line in batch.carrier()]
        schedule = Schedule(1, World("plain", "retell"), self.tenant_cps, self.trunk_cps, Platform("", 1, 1, ()), (), ())
        return judge_run(RunHistory(schedule, batches, carrier, self.deliveries, [], []), {})

    def _told_of(self, batch: Campaigner) -> list[Delivery]:
        return [each for each in self.deliveries if each.body["batchId"] == batch.batch]

    def _ledger(self, batch: Campaigner) -> Ledger:
        return batch.ledger(len({each.webhook_id for each in self._told_of(batch)}))


# ---- drawn ----


@st.composite
def _lives(draw: st.DrawFn, max_attempts: int) -> list[str]:
    """What comes of a contact, attempt by attempt; "rejected" where the platform will not call it."""
    tries = draw(st.lists(st.sampled_from(sorted(TRIED_AGAIN)), max_size=max_attempts))
    if len(tries) < max_attempts:
        tries.append(draw(st.sampled_from((*LAST_WORDS, "completed", "rejected"))))
    return tries


@st.composite
def sound_runs(draw: st.DrawFn, has_tokens: bool = True) -> SoundRun:
    """Of two batches that share one clock: no second holds more begins than the limit of each."""
    cps, busy_ms, no_answer_ms = draw(st.integers(2, 5)), draw(st.integers(1000, 3000)), draw(st.integers(1000, 3000))
    max_attempts = draw(st.integers(2, 4))
    sizes = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    batches = [
        Campaigner(Campaign(index, 0, "inline", size, cps, 5, max_attempts, no_answer_ms, busy_ms, 0, 0, False), has_tokens)
        for index, size in enumerate(sizes)
    ]
    lives = {(b, c.ordinal): draw(_lives(max_attempts)) for b, batch in enumerate(batches) for c in batch.contacts}
    queue = [(START_US, 1, key) for key in lives]
    clock_us, step_us = START_US, -(-S // cps)
    while queue:
        due_us, dial, key = heapq.heappop(queue)
        batch = batches[key[0]]
        contact, at_us = batch.contacts[key[1]], max(clock_us, due_us)
        clock_us = at_us + step_us + draw(st.integers(0, 50)) * MS
        outcome = lives[key][len(contact.calls)]
        if outcome == "rejected":
            contact.refusals.append((at_us, draw(st.sampled_from((400, 422))), dial))
            contact.is_rejected = True
        elif draw(st.integers(0, 9)) == 9:  # refused for a while: no attempt
            contact.refusals.append((at_us, draw(st.sampled_from((0, 429, 503))), dial))
            heapq.heappush(queue, (at_us + S, dial + 1, key))
        else:
            batch.add_call(contact, at_us, outcome, dial, way_ms=draw(st.integers(0, EARLY_MS)),
                           talk_ms=draw(st.integers(1, 400)), status=draw(st.sampled_from((201, 201, 0))))  # fmt: skip
            if len(contact.calls) < len(lives[key]):
                heapq.heappush(queue, (at_us + batch.rules.delays_ms[outcome] * MS, dial + 1, key))
    run = SoundRun(batches, draw(st.integers(cps, 2 * cps - 1)), draw(st.integers(cps, 2 * cps - 1)))
    run.deliver(lambda: draw(st.sampled_from(((200,), (200,), (503, 200), (200, 200)))))
    return run
