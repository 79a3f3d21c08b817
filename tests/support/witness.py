# SPDX-License-Identifier: Apache-2.0
"""What a campaign really did, told by its witnesses: the carrier's log and the receiver's, counted by phone number and
never by Carillon's own counters.

    report = judge(contacts, read_log(carrier_log), deliveries, Rules(limit=12, ...))
    print(report.line("demo", audit="ok"))
    sys.exit(0 if report.holds() else 1)
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections import defaultdict
from typing import Any

EARLY_MS = 250  # delays run from begin, which lies before the request by at most this
WINDOW_US = 950_000


def read_log(path: pathlib.Path) -> list[dict[str, Any]]:
    """The lines of a log of one JSON object a line; a last line cut short by a kill is left out."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    entries = []
    for number, line in enumerate(lines):
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            if number != len(lines) - 1:
                raise
    return entries


@dataclasses.dataclass(frozen=True)
class Rules:
    """What the campaign asked for."""

    limit: int  # calls per second
    max_attempts: int
    delays_ms: dict[str, int]  # by the outcome of the attempt before; "" for any other
    utilisation: float = 0.97  # at least


@dataclasses.dataclass(frozen=True)
class Delivery:
    """A webhook as its receiver saw it. `verified`: its signature held; `status`: what the receiver answered."""

    webhook_id: str
    body: dict[str, Any]
    verified: bool
    status: int


@dataclasses.dataclass
class Report:
    """Counts, and where a promise was broken an example of it."""

    rules: Rules
    contacts: int = 0
    completed: int = 0
    missed: int = 0
    failed: int = 0
    placed: int = 0
    max_in_950ms: int = 0
    utilisation: float = 0.0
    lost: int = 0
    overlapping: int = 0
    too_soon: int = 0
    over_attempts: int = 0
    webhooks_delivered: int = 0
    webhooks_verified: int = 0
    examples: list[str] = dataclasses.field(default_factory=list)

    def keeps_promises(self) -> bool:
        """What must hold on any machine, however busy."""
        return (
            self.lost == self.overlapping == self.too_soon == self.over_attempts == 0
            and self.webhooks_verified == self.webhooks_delivered > 0
            and self.completed + self.missed + self.failed == self.contacts
        )

    def holds(self) -> bool:
        """The same and the pace as the platform saw it, which a machine that stands still for 50 ms can spoil."""
        return (
            self.keeps_promises()
            and self.max_in_950ms <= self.rules.limit
            and self.utilisation >= self.rules.utilisation
        )

    def line(self, name: str, audit: str) -> str:
        return (
            f"{name}: contacts={self.contacts} completed={self.completed} missed={self.missed} failed={self.failed} "
            f"placed={self.placed} max_in_950ms={self.max_in_950ms} limit={self.rules.limit} "
            f"utilisation={self.utilisation:.3f} lost={self.lost} overlapping={self.overlapping} "
            f"too_soon={self.too_soon} over_attempts={self.over_attempts} webhooks_delivered={self.webhooks_delivered} "
            f"webhooks_verified={self.webhooks_verified} audit={audit}"
        )

    def broken(self, promise: str, number: str, why: str) -> None:
        setattr(self, promise, getattr(self, promise) + 1)
        if len(self.examples) < 10:
            self.examples.append(f"{promise}: {number[:5]}...{number[-4:]}: {why}")


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


def _judge_number(report: Report, number: str, events: list[dict[str, Any]], finals: list[dict[str, Any]]) -> None:
    rules = report.rules
    creates = [event for event in events if event["ev"] == "create"]
    placed = [event for event in events if event["ev"] == "placed"]
    ended = {event["id"]: event for event in events if event["ev"] == "ended"}
    if not creates or not finals:
        report.broken("lost", number, f"{len(creates)} creates, {len(finals)} call.completed")
    if len(placed) > rules.max_attempts:
        report.broken("over_attempts", number, f"{len(placed)} calls")
    for before, after in zip(placed, placed[1:]):
        end = ended.get(before["id"])
        if end is None or end["us"] > after["us"]:
            report.broken("overlapping", number, f"{before['id']} and {after['id']}")
            continue
        delay_ms = rules.delays_ms.get(end.get("outcome", ""), rules.delays_ms.get("", 0))
        # From create to create: the request's first byte, which both follow their begins.
        gap_ms = (_create_of(creates, after)["us"] - _create_of(creates, before)["us"]) / 1000
        if gap_ms < delay_ms - EARLY_MS:
            report.broken("too_soon", number, f"{gap_ms:.0f} ms after {end.get('outcome')}")


def _create_of(creates: list[dict[str, Any]], placed: dict[str, Any]) -> dict[str, Any]:
    """The create request that placed this call: both lines carry its id."""
    return next(create for create in creates if create.get("id") == placed["id"])


def judge(numbers: list[str], carrier: list[dict[str, Any]], deliveries: list[Delivery], rules: Rules) -> Report:
    report = Report(rules, contacts=len(numbers))
    by_number: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in sorted(carrier, key=lambda event: event["us"]):
        if event.get("to"):
            by_number[event["to"]].append(event)
    creates = sorted((event["us"], event["to"]) for event in carrier if event["ev"] == "create" and event.get("to"))
    finals: dict[str, list[dict[str, Any]]] = defaultdict(list)
    delivered = {delivery.webhook_id for delivery in deliveries if 200 <= delivery.status < 300}
    verified = {delivery.webhook_id for delivery in deliveries if 200 <= delivery.status < 300 and delivery.verified}
    told: set[str] = set()
    for delivery in deliveries:
        if delivery.body.get("event") == "call.completed" and delivery.webhook_id in delivered - told:
            told.add(delivery.webhook_id)
            finals[delivery.body["phoneNumber"]].append(delivery.body)
    for number in numbers:
        _judge_number(report, number, by_number[number], finals[number])
        status = finals[number][-1]["status"] if finals[number] else ""
        report.completed += status == "COMPLETED"
        report.missed += status == "MISSED"
        report.failed += status == "FAILED"
    report.placed = sum(event["ev"] == "placed" for event in carrier)
    report.max_in_950ms = most_in_window([at for at, _ in creates])
    report.utilisation = utilisation(creates, rules.limit)
    report.webhooks_delivered, report.webhooks_verified = len(delivered), len(verified)
    return report
