# SPDX-License-Identifier: Apache-2.0
"""Judges the history of a campaign by telephone number: what the carrier's log and the webhook receiver saw, and, where it
is given, what Redis says in the end. Never by Carillon's own counters.

    report = judge(numbers, read_log(carrier_log), deliveries, Rules(limit=12, ...), read_ledger(client, batch))
    print(report.line("demo", audit="ok"))
    sys.exit(0 if report.holds() else 1)

The promises, one counter each: no contact lost, no dial placed twice, no two calls to a number at once, no call sooner
than its retry delay, none beyond the attempts that the campaign allows or after one that had reached its aim, every final
outcome what the carrier says of that number's last call and told once, every attempt one call, every event delivered, signed,
and the same bytes whenever it came again, and the batch's figures the sum of its contacts.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from tests.support.ledger import Entry, Ledger
from tests.support.witness import Delivery

EARLY_MS = 250  # delays run from begin, which lies before the request by at most this
WINDOW_US = 950_000
EXAMPLES = 20
Event = dict[str, Any]

# What the carrier's own words mean, and which of them are followed by another attempt.
TRUTH = {"completed": "COMPLETED", "busy": "BUSY", "no_answer": "NO_ANSWER", "failed": "FAILED", "voicemail": "VOICEMAIL"}
TRIED_AGAIN = frozenset({"busy", "no_answer", "failed"})
# Answers to a create that say something about the call asked for, rather than about load or the account.
REFUSALS = frozenset({400, 413, 422})
REFUSED = frozenset({"REJECTED", "INVALID_NUMBER", "BLOCKED", "FAILED"})


@dataclasses.dataclass(frozen=True)
class Rules:
    """What the campaign asked for. `utilisation`: at least that much of the limit; None: it is not judged."""

    limit: int  # calls per second
    max_attempts: int
    delays_ms: dict[str, int]  # by the outcome of the attempt before; "" for any other
    utilisation: float | None = 0.97


@dataclasses.dataclass(frozen=True)
class Break:
    """A promise that was not kept. `promise`: a counter of Report; `who`: a number, or a batch; `at_us`: when, in wall time,
    where that is known, or 0."""

    promise: str
    who: str
    why: str
    at_us: int = 0

    def __str__(self) -> str:
        return f"{self.promise}: {self.who[:5]}...{self.who[-4:]}: {self.why}"


@dataclasses.dataclass
class Report:
    """Counts, and every breach of a promise."""

    rules: Rules
    contacts: int = 0
    completed: int = 0
    missed: int = 0
    failed: int = 0
    placed: int = 0
    max_in_950ms: int = 0
    utilisation: float = 0.0
    lost: int = 0
    placed_twice: int = 0
    overlapping: int = 0
    too_soon: int = 0
    over_attempts: int = 0
    called_again: int = 0  # after a call that had reached its aim
    dialed_again: int = 0  # for an attempt that had placed a call
    untrue: int = 0
    told_twice: int = 0
    undelivered: int = 0
    unsigned: int = 0
    altered: int = 0
    miscounted: int = 0
    webhooks_delivered: int = 0
    webhooks_verified: int = 0
    breaks: list[Break] = dataclasses.field(default_factory=list)

    @property
    def examples(self) -> list[str]:
        return [str(broken) for broken in self.breaks[:EXAMPLES]]

    def keeps_promises(self, but: frozenset[str] = frozenset()) -> bool:
        """What must hold on any machine, however busy. `but`: promises that a fault of the run may break by nature."""
        return (
            not any(broken.promise not in but for broken in self.breaks)
            and self.webhooks_verified == self.webhooks_delivered > 0
            and self.completed + self.missed + self.failed == self.contacts
        )

    def holds(self) -> bool:
        """The same and the pace as the platform saw it, which a machine that stands still for 50 ms can spoil."""
        wanted = self.rules.utilisation
        return (
            self.keeps_promises()
            and self.max_in_950ms <= self.rules.limit
            and (wanted is None or self.utilisation >= wanted)
        )

    def line(self, name: str, audit: str) -> str:
        return (
            f"{name}: contacts={self.contacts} completed={self.completed} missed={self.missed} failed={self.failed} "
            f"placed={self.placed} max_in_950ms={self.max_in_950ms} limit={self.rules.limit} "
            f"utilisation={self.utilisation:.3f} lost={self.lost} overlapping={self.overlapping} "
            f"too_soon={self.too_soon} over_attempts={self.over_attempts + self.called_again} webhooks_delivered={self.webhooks_delivered} "
            f"webhooks_verified={self.webhooks_verified} audit={audit}"
        )

    def broken(self, promise: str, who: str, why: str, at_us: int = 0) -> None:
        setattr(self, promise, getattr(self, promise) + 1)
        self.breaks.append(Break(promise, who, why, at_us))


# ---- the pace ----


def most_in_window(instants_us: list[int], window_us: int = WINDOW_US) -> int:
    """The most instants in any half-open window of that length."""
    ordered = sorted(instants_us)
    most, first = 0, 0
    for last, instant in enumerate(ordered):
        while instant - ordered[first] >= window_us:
            first += 1
        most = max(most, last - first + 1)
    return most


def utilisation(creates: list[tuple[int, str]], limit: int) -> float:
    """How much of the limit was used while first attempts were waiting: (k-1) / ((t_last - t_first) * limit), k counting
    every create from the first one to the last first attempt."""
    seen: set[str] = set()
    last_first = 0
    for index, (_, number) in enumerate(creates):
        if number not in seen:
            seen.add(number)
            last_first = index
    if last_first == 0:
        return 0.0
    span_s = (creates[last_first][0] - creates[0][0]) / 1e6
    return last_first / (span_s * limit)


# ---- one number ----


@dataclasses.dataclass
class Story:
    """All that was seen of one number, in order. `finals`: distinct call.completed bodies that were taken."""

    number: str
    creates: list[Event]
    placed: list[Event]
    ended: dict[str, Event]  # by the call's id
    finals: list[Event]
    entry: Entry | None  # as Redis has it; None where Redis was not asked

    def create_of(self, call: Event) -> Event:
        """The create request that placed this call: both lines carry its id."""
        return next(create for create in self.creates if create.get("id") == call["id"])

    def outcome_of(self, call: Event) -> str:
        end = self.ended.get(call["id"])
        return str(end.get("outcome", "")) if end else ""


def _judge_lost(report: Report, story: Story, asks_redis: bool) -> None:
    if not story.creates or not story.finals:
        report.broken("lost", story.number, f"{len(story.creates)} creates, {len(story.finals)} call.completed")
    elif asks_redis and (story.entry is None or story.entry.phase != "final"):
        report.broken("lost", story.number, f"Redis has it as {story.entry.phase if story.entry else 'nobody'}")


def _judge_attempts(report: Report, story: Story) -> None:
    if len(story.placed) > report.rules.max_attempts:
        report.broken("over_attempts", story.number, f"{len(story.placed)} calls", story.placed[-1]["us"])
    for call, after in zip(story.placed, story.placed[1:]):
        outcome = story.outcome_of(call)
        if outcome and outcome not in TRIED_AGAIN:
            report.broken("called_again", story.number, f"called again after {outcome} of {call['id']}", after["us"])


def _judge_overlaps(report: Report, story: Story) -> None:
    for before, after in zip(story.placed, story.placed[1:]):
        end = story.ended.get(before["id"])
        if end is None or end["us"] > after["us"]:
            report.broken("overlapping", story.number, f"{before['id']} and {after['id']}", after["us"])


def _judge_delays(report: Report, story: Story) -> None:
    """From create to create: the request's first byte, which both follow their begins. Also those that the carrier
    refused: that they placed nothing was not ours."""
    starts = [(story.create_of(call), call) for call in story.placed]
    for create in story.creates:
        before = [(start, call) for start, call in starts if start["us"] < create["us"]]
        if not before:
            continue
        start, call = before[-1]
        outcome = story.outcome_of(call)
        delay_ms = report.rules.delays_ms.get(outcome, report.rules.delays_ms.get("", 0))
        gap_ms = (create["us"] - start["us"]) / 1000
        if gap_ms < delay_ms - EARLY_MS:
            report.broken("too_soon", story.number, f"{gap_ms:.0f} ms after {outcome or 'a call that went on'}", create["us"])


def _carriers_word(story: Story) -> tuple[frozenset[str], str, int]:
    """What the carrier itself says of the number's last call: the outcomes that are true to it, the call's id, and how
    many attempts there were."""
    refused = [create for create in story.creates if create.get("status") in REFUSALS]
    attempts = len(story.placed) + len(refused)
    if refused and (not story.placed or refused[-1]["us"] > story.create_of(story.placed[-1])["us"]):
        return REFUSED, "", attempts
    if not story.placed:
        return frozenset(), "", attempts
    outcome = story.outcome_of(story.placed[-1])
    return frozenset({TRUTH.get(outcome, outcome.upper())}), str(story.placed[-1]["id"]), attempts


def _judge_truth(report: Report, story: Story) -> None:
    truths, call_id, attempts = _carriers_word(story)
    if len(story.finals) > 1:
        report.broken("told_twice", story.number, f"told {len(story.finals)} endings")
    told = [(f"the webhook {body['outcome']}", body["outcome"], body["attempts"], body.get("providerCallId") or "")
            for body in story.finals]
    if story.entry is not None and story.entry.phase == "final":
        told.append((f"Redis {story.entry.outcome}", story.entry.outcome, story.entry.attempts, story.entry.provider_id))
    for who, outcome, count, provider_id in told:
        if outcome not in truths:
            report.broken("untrue", story.number, f"{who}, the carrier {'|'.join(sorted(truths)) or 'nothing'}")
        elif count > attempts:
            report.broken("untrue", story.number, f"{who} after {count} attempts, the carrier saw {attempts}")
        elif count == attempts and call_id and provider_id != call_id:
            report.broken("untrue", story.number, f"{who} of {provider_id or 'no call'}, the carrier's last is {call_id}")
    counted = max(count for _, _, count, _ in told)
    repeated = len(story.placed) - len({call.get("token") or call["id"] for call in story.placed})  # placed_twice, each
    if counted < attempts - repeated:
        last_us = max(call["us"] for call in story.creates)
        report.broken("dialed_again", story.number, f"{counted} attempts, the carrier saw {attempts}", last_us)


# ---- the whole ----


def _judge_tokens(report: Report, carrier: Iterable[Event]) -> None:
    """A token names one dial. Platforms that keep none tell nothing here."""
    placed = [event for event in carrier if event["ev"] == "placed" and event.get("token")]
    for token, times in Counter(event["token"] for event in placed).items():
        if times > 1:
            last = [event for event in placed if event["token"] == token][-1]
            report.broken("placed_twice", last["to"], f"dial {token.rpartition('.')[0]} was placed {times} times", last["us"])


def _judge_deliveries(report: Report, deliveries: list[Delivery], ledger: Ledger | None) -> None:
    taken = {delivery.webhook_id for delivery in deliveries if delivery.is_taken}
    unsigned = {delivery.webhook_id for delivery in deliveries if not delivery.verified}
    report.webhooks_delivered = len(taken)
    report.webhooks_verified = len(taken - unsigned)
    for webhook_id in unsigned:
        report.broken("unsigned", webhook_id, "its signature does not hold")
    forms: dict[str, set[str]] = defaultdict(set)
    for each in deliveries:
        forms[each.webhook_id].add(each.digest)
    for webhook_id, digests in forms.items():
        if len(digests) > 1:
            report.broken("altered", webhook_id, "it came again with other bytes")
    if ledger is None:
        return
    of_batch = {each.webhook_id for each in deliveries if each.is_taken and each.body.get("batchId") == ledger.batch}
    for _ in range(ledger.events - len(of_batch)):
        report.broken("undelivered", ledger.batch, f"{ledger.events} events, {len(of_batch)} delivered")


def _judge_told_figures(report: Report, told: Event, stories: list[Story]) -> None:
    """What batch.completed says of the contacts that Redis has. Of one that nobody told of, and of one that ended as UNKNOWN,
    whose truth may have come since, either is right."""
    stories = [story for story in stories if story.entry is not None]
    endings = [story.finals[-1]["outcome"] if story.finals else "UNKNOWN" for story in stories]
    succeeded, unknown = endings.count("COMPLETED"), endings.count("UNKNOWN")
    figures = told["statistics"]
    if figures["total"] != len(stories) or figures["processed"] + figures["pending"] != figures["total"]:
        report.broken("miscounted", told["batchId"], f"{figures} of {len(stories)} contacts")
    elif figures["succeeded"] + figures["failed"] != figures["processed"]:
        report.broken("miscounted", told["batchId"], f"{figures} do not add up")
    elif not succeeded <= figures["succeeded"] <= succeeded + unknown:
        report.broken("miscounted", told["batchId"], f"{figures}, but {succeeded} were told of as completed")


def _judge_kept_figures(report: Report, ledger: Ledger) -> None:
    """What the batch's counters say, where no cut (a cancel, an expiry) ended contacts by arithmetic."""
    kept = ledger.counters
    if not kept or kept["cancelled"] or kept["expired"]:
        return
    phases = Counter(entry.phase for entry in ledger.entries)
    counted = {
        "total": len(ledger.entries),
        **{phase: phases[phase] for phase in ("due", "claimed", "live", "ended")},
        "succeeded": sum(entry.phase == "final" and entry.outcome == "COMPLETED" for entry in ledger.entries),
        "failed": sum(entry.phase == "final" and entry.outcome != "COMPLETED" for entry in ledger.entries),
        "attempts": sum(entry.attempts for entry in ledger.entries),
    }
    if ledger.state == "draft":
        counted["due"] = 0  # they are from its start on
    for name, count in counted.items():
        if kept[name] != count:
            report.broken("miscounted", ledger.batch, f"Redis has {kept[name]} {name}, its contacts come to {count}")


def _stories(
    numbers: list[str], carrier: list[Event], deliveries: list[Delivery], ledger: Ledger | None
) -> Iterable[Story]:
    by_number: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(carrier, key=lambda event: event["us"]):
        if event.get("to"):
            by_number[event["to"]].append(event)
    finals: dict[str, dict[str, Event]] = defaultdict(dict)
    for delivery in deliveries:
        is_ours = ledger is None or delivery.body.get("batchId") == ledger.batch
        if delivery.is_taken and is_ours and delivery.body.get("event") == "call.completed":
            finals[delivery.body["phoneNumber"]].setdefault(delivery.webhook_id, delivery.body)
    entries = {entry.number: entry for entry in ledger.entries} if ledger else {}
    for number in numbers:
        events = by_number[number]
        yield Story(
            number=number,
            creates=[event for event in events if event["ev"] == "create"],
            placed=[event for event in events if event["ev"] == "placed"],
            ended={event["id"]: event for event in events if event["ev"] == "ended"},
            finals=list(finals[number].values()),
            entry=entries.get(number),
        )


def judge(
    numbers: list[str],
    carrier: list[Event],
    deliveries: list[Delivery],
    rules: Rules,
    ledger: Ledger | None = None,
) -> Report:
    """`numbers`: those of one campaign, each once. `ledger`: what Redis says of it, to be held against the others."""
    report = Report(rules, contacts=len(numbers))
    stories = list(_stories(numbers, carrier, deliveries, ledger))
    for story in stories:
        _judge_lost(report, story, ledger is not None)
        _judge_attempts(report, story)
        _judge_overlaps(report, story)
        _judge_delays(report, story)
        if story.finals:
            _judge_truth(report, story)
        status = story.finals[-1]["status"] if story.finals else ""
        report.completed += status == "COMPLETED"
        report.missed += status == "MISSED"
        report.failed += status == "FAILED"
    _judge_tokens(report, carrier)
    _judge_deliveries(report, deliveries, ledger)
    if ledger is not None:
        _judge_kept_figures(report, ledger)
        ends = [each.body for each in deliveries if each.is_taken and each.body.get("batchId") == ledger.batch]
        for told in [body for body in ends if body.get("event") == "batch.completed" and "statistics" in body][:1]:
            _judge_told_figures(report, told, stories)
    creates = sorted((event["us"], event["to"]) for event in carrier if event["ev"] == "create" and event.get("to"))
    report.placed = sum(event["ev"] == "placed" for event in carrier)
    report.max_in_950ms = most_in_window([at for at, _ in creates])
    report.utilisation = utilisation(creates, rules.limit)
    return report
