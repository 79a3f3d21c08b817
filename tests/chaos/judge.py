# SPDX-License-Identifier: Apache-2.0
"""Judges a run by what the carrier and the receiver saw and what Redis says at its end (tests/support/history.py), and adds
what only many batches, their limits and their dials can show.

    verdict = judge_run(history, kinds)
    print(verdict.line())

A breach that a fault of the run may cause by nature is *allowed*: the kind of fault says which, in the words of
docs/failure-model.md, and what it covers. Nothing else is.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import redis

from tests.chaos.schedule import Campaign, Kinds, Schedule, Strike
from tests.support.engine import most_in_a_second
from tests.support.history import Break, Event, Rules, judge
from tests.support.ledger import Ledger
from tests.support.witness import Delivery

COUNTERS = ("lost", "dialed_twice", "overlapping", "too_soon", "over_attempts", "over_limit", "undelivered")
# The promises of a single campaign's judge, by the counter of a run. An outcome that is not the platform's was lost.
COUNTER_OF = {"placed_twice": "dialed_twice", "called_again": "dialed_twice", "dialed_again": "dialed_twice",
              "untrue": "lost", "told_twice": "lost", "miscounted": "lost",
              "unsigned": "undelivered", "altered": "undelivered"}  # fmt: skip
# Redis's clock and ours tell the same time, but not to the microsecond.
CLOCK_SLACK_US = 2_000_000
BEGIN = re.compile(r"^d=(\d+) a=(\d+) .*?\bb=(\d+)(.*)", re.MULTILINE)
OUTCOME = re.compile(r"^d=(\d+) .*?\bo=([A-Z_]+)", re.MULTILINE)
ROUNDING_MS = 1  # what is due is known to the millisecond, begins to the microsecond


@dataclasses.dataclass(frozen=True)
class Begin:
    """A dial as a contact's attempt log has it; `at_us` in Redis's time; `outcome` "" where it has none. `is_told`: Redis had
    forgotten it, and has the instant from a worker: to the millisecond, or where the worker only found the call, about.
    `seen_us`: in wall time, when its request came to the platform; 0: none did."""

    ordinal: int
    dial: int
    attempt: int
    at_us: int
    outcome: str = ""
    is_told: bool = False
    seen_us: int = 0


@dataclasses.dataclass(frozen=True)
class Batch:
    """A campaign and what Redis says became of it. `batch`: "" where it was never accepted."""

    campaign: Campaign
    batch: str
    ledger: Ledger
    begins: list[Begin]


@dataclasses.dataclass(frozen=True)
class RunHistory:
    """All that is known of a run. `clock_shifts`: (wall time in us, by how much Redis's time is off from then on)."""

    schedule: Schedule
    batches: list[Batch]
    carrier: list[Event]
    deliveries: list[Delivery]
    strikes: list[Strike]
    clock_shifts: list[tuple[int, int]]


@dataclasses.dataclass
class Verdict:
    """`failures`: what is wrong beside broken promises: a process that crashed, a client that was refused, a broken
    invariant."""

    schedules: int = 1
    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    breaks: list[str] = dataclasses.field(default_factory=list)
    allowed: list[str] = dataclasses.field(default_factory=list)
    failures: list[str] = dataclasses.field(default_factory=list)
    is_audit_clean: bool = True

    def holds(self) -> bool:
        return not self.counts.total() and not self.failures and self.is_audit_clean

    def line(self) -> str:
        counts = " ".join(f"{name}={self.counts[name]}" for name in COUNTERS)
        audit = "ok" if self.is_audit_clean else "broken"
        return f"chaos: schedules={self.schedules} {counts} allowed={len(self.allowed)} audit={audit}"

    def add(self, other: Verdict) -> None:
        self.schedules += other.schedules
        self.counts.update(other.counts)
        self.breaks += other.breaks
        self.allowed += other.allowed
        self.failures += other.failures
        self.is_audit_clean = self.is_audit_clean and other.is_audit_clean


def read_begins(client: redis.Redis, batch: str) -> list[Begin]:
    """Every dial that Redis knows to have begun, each once."""
    prefix = f"carillon:{{{batch.split('_')[1]}}}:batch:{batch}:attempts:"
    begins: dict[tuple[int, int], Begin] = {}
    for key in client.scan_iter(prefix + "*", count=1000):
        for ordinal, text in client.hgetall(key).items():
            log = text.decode()
            outcomes = dict(OUTCOME.findall(log))
            for dial, attempt, at_us, more in BEGIN.findall(log):
                is_told = "via=reassert" in more
                begin = Begin(int(ordinal), int(dial), int(attempt), int(at_us), outcomes.get(dial, ""), is_told)
                begins.setdefault((begin.ordinal, begin.dial), begin)
    return list(begins.values())


# ---- one campaign ----


def _judge_campaign(history: RunHistory, batch: Batch) -> Iterable[Break]:
    campaign, numbers = batch.campaign, set(batch.campaign.numbers)
    delays = {"busy": campaign.busy_ms, "": min(campaign.busy_ms, campaign.no_answer_ms),
              "no_answer": campaign.no_answer_ms, "failed": campaign.no_answer_ms}
    carrier = [event for event in history.carrier if event.get("to") in numbers]
    rules = Rules(limit=campaign.cps, max_attempts=campaign.max_attempts, delays_ms=delays, utilisation=None)
    deliveries = [each for each in history.deliveries if each.body.get("batchId") == batch.batch]
    for broken in judge(campaign.numbers, carrier, deliveries, rules, batch.ledger).breaks:
        if broken.promise != "too_soon" or not _has_begins(broken, batch, carrier):
            yield broken
    yield from _judge_attempts(batch, carrier)
    yield from _judge_begins(batch, delays, history.clock_shifts)


def _dial_of(token: str) -> tuple[int, int]:
    """The contact and the dial that a token names."""
    _, ordinal, dial, _ = token.split(".")
    return int(ordinal), int(dial)


def _has_begins(broken: Break, batch: Batch, carrier: list[Event]) -> bool:
    """Whether Redis knows when each request to the number was begun, up to that one. Then the begins tell whether it came too
    soon: a request may be held on its way to the platform, by a fault or a handshake, and the next one look early."""
    begun = {(begin.ordinal, begin.dial) for begin in batch.begins if not begin.is_told}
    asked = [event for event in carrier if event["ev"] == "create" and event["to"] == broken.who and event["us"] <= broken.at_us]
    return all(event.get("token") and _dial_of(event["token"]) in begun for event in asked)


def _judge_begins(batch: Batch, delays: dict[str, int], shifts: list[tuple[int, int]]) -> Iterable[Break]:
    """From begin to begin, as the delays are promised; in wall time, whatever Redis's clock was set to meanwhile."""
    of_contact: dict[int, list[tuple[Begin, int]]] = defaultdict(list)
    for shift, begins in apart((begin for begin in batch.begins if not begin.is_told), shifts):
        for begin in begins:
            of_contact[begin.ordinal].append((begin, begin.at_us - shift))
    for ordinal, dials in of_contact.items():
        dials.sort(key=lambda each: each[0].dial)
        for (before, before_us), (after, after_us) in zip(dials, dials[1:]):
            gap_ms = (after_us - before_us) / 1000
            delay_ms = delays.get(before.outcome.lower(), delays[""])
            if after.attempt > before.attempt and gap_ms <= delay_ms - ROUNDING_MS:
                why = f"begun {gap_ms:.0f} ms after the begin of {before.outcome or 'a dial without an outcome'}"
                yield Break("too_soon", batch.campaign.numbers[ordinal], why, after_us)


def _judge_attempts(batch: Batch, carrier: list[Event]) -> Iterable[Break]:
    """An attempt is placed once, whatever number its dial has: another dial of it follows only one that was not placed."""
    attempts = {(begin.ordinal, begin.dial): begin.attempt for begin in batch.begins}
    placed: dict[tuple[int, int], list[Event]] = defaultdict(list)
    for event in carrier:
        if event["ev"] != "placed" or not event.get("token"):
            continue
        ordinal, dial = _dial_of(event["token"])
        attempt = attempts.get((ordinal, dial))
        if attempt is not None:
            placed[ordinal, attempt].append(event)
    for (ordinal, attempt), calls in placed.items():
        if len({call["token"] for call in calls}) > 1:
            yield Break("dialed_twice", calls[-1]["to"], f"attempt {attempt} of contact {ordinal} was placed as "
                        f"{len(calls)} dials", calls[-1]["us"])  # fmt: skip


# ---- the rates ----


def apart(begins: Iterable[Begin], shifts: list[tuple[int, int]]) -> list[tuple[int, list[Begin]]]:
    """Those between two steps of Redis's clock, apart, with what it was off by: no second reaches across a step. After a
    clock was set back an instant may lie in two: the platform saw the request soon after the right one. A begin of which it
    saw nothing belongs to the last."""
    bounds = sorted(shifts)
    eras = [(0, 0), *bounds]
    ends = [at for at, _ in bounds] + [1 << 62]
    found: list[list[Begin]] = [[] for _ in eras]
    for begin in begins:
        fits = [i for i, ((start, shift), end) in enumerate(zip(eras, ends))
                if start - CLOCK_SLACK_US <= begin.at_us - shift <= end + CLOCK_SLACK_US]
        if begin.seen_us:
            fits.sort(key=lambda i: -abs(begin.seen_us - (begin.at_us - eras[i][1])))
        found[fits[-1] if fits else 0].append(begin)
    return [(shift, begins) for (_, shift), begins in zip(eras, found)]


def _judge_rate(who: str, limit: int, begins: list[Begin], shifts: list[tuple[int, int]]) -> Iterable[Break]:
    for _, era in apart((begin for begin in begins if not begin.is_told), shifts):
        most = most_in_a_second(begin.at_us for begin in era)
        for _ in range(most - limit):
            yield Break("over_limit", who, f"{most} begins in a second, {limit} are allowed")


def _judge_rates(history: RunHistory) -> Iterable[Break]:
    everything = [begin for batch in history.batches for begin in batch.begins]
    for batch in history.batches:
        yield from _judge_rate(batch.batch, batch.campaign.cps, batch.begins, history.clock_shifts)
    yield from _judge_rate("the tenant", history.schedule.tenant_cps, everything, history.clock_shifts)
    yield from _judge_rate("the trunk", history.schedule.trunk_cps, everything, history.clock_shifts)


# ---- the whole ----


def _allowed_by(broken: Break, history: RunHistory, kinds: Kinds) -> str:
    """The statement that allows it and the fault that it is about, or ""."""
    for strike in history.strikes:
        for allowance in kinds[strike.fault.kind].allows:
            if allowance.promise == broken.promise and allowance.covers(broken, strike, history):
                return f"{allowance.statement} ({strike.fault.kind} of {strike.fault.target})"
    return ""


def _seen(batch: Batch, carrier: list[Event]) -> Batch:
    """The same, and when the platform saw each dial."""
    seen: dict[tuple[int, int], int] = {}
    for event in carrier:
        if event["ev"] == "create" and (event.get("token") or "").startswith(f"{batch.batch}."):
            seen.setdefault(_dial_of(event["token"]), event["us"])
    begins = [dataclasses.replace(begin, seen_us=seen.get((begin.ordinal, begin.dial), 0)) for begin in batch.begins]
    return dataclasses.replace(batch, begins=begins)


def judge_run(history: RunHistory, kinds: Kinds) -> Verdict:
    verdict = Verdict()
    history = dataclasses.replace(history, batches=[_seen(batch, history.carrier) for batch in history.batches])
    found = [
        *(broken for batch in history.batches for broken in _judge_campaign(history, batch)),
        *_judge_rates(history),
    ]
    for each in found:
        broken = dataclasses.replace(each, promise=COUNTER_OF.get(each.promise, each.promise))
        statement = _allowed_by(broken, history, kinds)
        if statement:
            verdict.allowed.append(f"{broken}: {statement}")
        else:
            verdict.counts[broken.promise] += 1
            verdict.breaks.append(str(broken))
    return verdict


def no_ledger(campaign: Campaign) -> Batch:
    """Of a campaign that was never accepted."""
    return Batch(campaign, "", Ledger("", "", 0, []), [])


def told_of(history: RunHistory) -> dict[str, Any]:
    """Figures of a run, for whoever reads along."""
    return {
        "contacts": sum(len(batch.campaign.numbers) for batch in history.batches),
        "begun": sum(len(batch.begins) for batch in history.batches),
        "placed": sum(event["ev"] == "placed" for event in history.carrier),
        "webhooks": len({each.webhook_id for each in history.deliveries if each.is_taken}),
        "repeated": sum(each.is_taken for each in history.deliveries)
        - len({each.webhook_id for each in history.deliveries if each.is_taken}),
    }
