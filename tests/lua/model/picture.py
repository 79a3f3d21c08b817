# SPDX-License-Identifier: Apache-2.0
"""The model's own picture of a cell: plain objects in memory, no keys, no scores. It knows what each call is doing, who
holds what, and what each limit admits. What the scripts answer and leave in Redis is compared with it."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.support.engine import HORIZON_US

SECOND_US = 1_000_000
SCHEDULABLE = ("scheduled", "pending", "processing")
APPENDABLE = (*SCHEDULABLE, "paused")
CUT = ("cancelling", "cancelled", "failed")
ENDED = ("completed", "cancelled", "failed")
WINDOW_OPEN_MS = 2_500
PUBLISHED = 3
ON_THE_WAY = ("claimed", "live")


@dataclasses.dataclass
class Breaker:
    """Of a trunk. Closed where nothing may not begin."""

    minimum: int = 20
    last_ms: int | None = None  # of the last bad verdict, where verdicts are counted
    good: int = 0
    bad: int = 0
    until_ms: int | None = None  # nothing begins before, and then one call; None: closed
    probe: str = ""  # that call's dial
    wait_ms: int = 0

    def close(self) -> None:
        self.last_ms, self.until_ms, self.probe = None, None, ""

    def bars(self, member: str) -> bool:
        return self.until_ms is not None and self.probe != member

    def fields(self) -> list[str | None]:
        """What its trunk's hash says: until, probe, verdicts."""
        verdicts = None if self.last_ms is None else f"{self.last_ms} {self.good} {self.bad}"
        return [None if self.until_ms is None else str(self.until_ms), self.probe or None, verdicts]


@dataclasses.dataclass(eq=False)
class Resource:
    """A trunk, a tenant or a batch: what rate and concurrency belong to."""

    kind: str
    name: str
    cps: int
    most: int | None = None
    is_active: bool = True
    hold_until_ms: int = 0
    credit_s: int | None = None  # of a tenant, what is left; None: no limit
    reserved_s: int = 0
    topups: int = 0
    breaker: Breaker = dataclasses.field(default_factory=Breaker)  # of a trunk
    begins_us: list[int] = dataclasses.field(default_factory=list)

    def earliest_us(self, at_us: int) -> int:
        """The first instant from `at_us` on, not before the last begin, at which one more keeps every sliding second."""
        if self.begins_us:
            at_us = max(at_us, self.begins_us[-1])
        if len(self.begins_us) >= self.cps:
            at_us = max(at_us, self.begins_us[-self.cps] + SECOND_US + 1)
        return at_us


    def in_second_before(self, at_us: int) -> int:
        return sum(at_us - SECOND_US < begun_us <= at_us for begun_us in self.begins_us)


@dataclasses.dataclass(eq=False)
class Batch(Resource):
    tenant: Resource = None  # type: ignore[assignment]
    trunk: Resource = None  # type: ignore[assignment]
    state: str = "ingesting"
    is_sealed: bool = False
    revision: int = 1  # of its settings
    is_begun: bool = False
    reason: str = ""  # of its pause
    pauses: int = 0
    topup_told: int | None = None  # the last that it was told to have used up
    start_ms: int | None = None
    life_ms: int = 0  # at which it goes unless it is sealed
    period_ms: int = 0  # its window opens so often, for WINDOW_OPEN_MS; 0: always open
    hours: list[tuple[int, int]] = dataclasses.field(default_factory=list)  # as far as they are published
    hours_until_ms: int = 0
    expires_ms: int | None = None
    is_expired: bool = False
    max_attempts: int = 3
    summary_wait_ms: int = 1000
    is_told_of: bool = True  # events are asked for
    calls: list[Call] = dataclasses.field(default_factory=list)
    chunks: dict[int, tuple[str, list[object]]] = dataclasses.field(default_factory=dict)
    leases: dict[str, int] = dataclasses.field(default_factory=dict)
    events: list[str] = dataclasses.field(default_factory=list)

    def count(self, *phases: str) -> int:
        return sum(call.phase in phases for call in self.calls)

    @property
    def is_cut(self) -> bool:
        return self.state in CUT or self.is_expired

    @property
    def wants_credit(self) -> bool:
        return self.state == "paused" and self.reason == "credits"

    @property
    def is_hidden(self) -> bool:
        """A creation that nobody sealed, on its way out."""
        return not self.is_sealed and self.state in ENDED

    @property
    def takes_more(self) -> bool:
        return self.is_sealed and self.state in APPENDABLE and not self.is_expired

    def publish(self, from_ms: int) -> None:
        """The hours of the next few periods; none where it has no window."""
        first = from_ms - from_ms % self.period_ms if self.period_ms else 0
        opens = [first + i * self.period_ms for i in range(PUBLISHED if self.period_ms else 0)]
        self.hours = [(open_ms, open_ms + WINDOW_OPEN_MS) for open_ms in opens]
        self.hours_until_ms = first + PUBLISHED * self.period_ms

    def settings_of_window(self) -> dict[str, Any]:
        """As its hash holds them; None: not at all."""
        if not self.period_ms:
            return {"window": None, "hours": None, "hours_until_ms": None}
        hours = " ".join(f"{open_ms}-{close_ms}" for open_ms, close_ms in self.hours)
        return {"window": "window", "hours": hours, "hours_until_ms": self.hours_until_ms}

    def opening_ms(self, at_ms: int) -> int | None:
        """From `at_ms` on, when a call may begin; None where that is not known, or never."""
        openings = [max(at_ms, open_ms) for open_ms, close_ms in self.hours if close_ms > at_ms]
        opening = at_ms if not self.period_ms else openings[0] if openings else None
        is_over = self.is_expired or (opening is not None and self.expires_ms is not None and opening >= self.expires_ms)
        return None if is_over else opening

    @property
    def expiry_ms(self) -> int | None:
        """Its expiry, or the last closing before it."""
        if self.expires_ms is None or not self.period_ms or self.hours_until_ms < self.expires_ms:
            return self.expires_ms
        return min(self.hours[-1][1], self.expires_ms)


@dataclasses.dataclass(eq=False)
class Call:
    batch: Batch
    ordinal: int
    number: int
    phase: str = "due"
    attempts: int = 0
    dial: int = 0  # the last number given
    begun: int = 0  # the last dial that was begun
    worker: str = ""
    slot_us: int = 0
    until_ms: int = 0  # on its way: up to when it holds concurrency
    begin_ms: int = 0
    due_ms: int = 0  # due: not before
    check_ms: int = 0
    absent_ms: int = 0
    summary_ms: int = 0
    is_queued: bool = False  # its platform said that it waits before it rings
    is_to_stop: bool = False
    outcome: str = ""
    provider_id: str = ""
    is_given_back: bool = False
    is_unsure: bool = False  # its create request had no certain answer
    strikes: int = 0  # how often a worker could make nothing of it
    credit_s: int | None = None  # what its last dial holds of its tenant's credit, or was charged
    talked_s: int | None = None  # of its last dial, as far as it is known
    is_passed: bool = False  # the lane's cursor is behind it
    is_cut: bool = False  # ended by arithmetic, without a word of its own

    @property
    def name(self) -> str:
        return f"{self.batch.name}-{self.ordinal}"

    @property
    def member(self) -> str:
        """Its last dial."""
        return f"{self.batch.name}/{self.ordinal}/{self.dial}"

    @property
    def is_next(self) -> bool:
        """Passed by the lane's cursor, or right at it."""
        return all(call.is_passed for call in self.batch.calls[: self.ordinal])

    @property
    def resources(self) -> tuple[Resource, Resource, Resource]:
        return self.batch.trunk, self.batch.tenant, self.batch

    @property
    def earliest_ms(self) -> int:
        """When it is due: a fresh one with its batch."""
        return self.due_ms if self.is_passed else self.batch.start_ms or 0

    def text(self) -> dict[str, str]:
        """What its state says in Redis: nothing before anything happened to it."""
        if self.dial == 0 and (self.phase != "final" or self.is_cut):
            return {}
        said = {"phase": self.phase, "a": str(self.attempts), "d": str(self.dial)}
        for name, value in (("l", self.begun), ("x", self.outcome), ("p", self.provider_id), ("g", int(self.is_given_back))):
            if value:
                said[name] = str(value)
        if self.credit_s is not None:
            said["r"] = str(self.credit_s)
        if self.phase in ON_THE_WAY:
            said |= {"w": self.worker, "t": str(self.number)}
        return said


class Picture:
    """Everything there is, and the instant it is."""

    def __init__(self) -> None:
        self.now_us = 0
        self.closed_ms = 0  # when the cell was closed, and until when
        self.closed_until_ms = 0
        self.trunks: dict[str, Resource] = {}
        self.tenants: dict[str, Resource] = {}
        self.batches: dict[str, Batch] = {}
        self.suppressed: set[tuple[str, int]] = set()  # by tenant; "": everybody's

    @property
    def now_ms(self) -> int:
        return self.now_us // 1000

    @property
    def closed_until(self) -> int:
        """0 where the cell is open. A closing that lies ahead, because the clock was set back, closes nothing."""
        return self.closed_until_ms if self.closed_ms <= self.now_ms < self.closed_until_ms else 0

    def calls(self) -> list[Call]:
        return [call for batch in self.batches.values() for call in batch.calls]

    def call(self, batch: str, ordinal: int) -> Call | None:
        found = self.batches.get(batch)
        return found.calls[ordinal] if found and ordinal < len(found.calls) else None

    # ---- who holds what ----

    def flying(self, resource: Resource) -> int:
        """How many count against its concurrency now."""
        return sum(
            call.phase in ON_THE_WAY and call.until_ms > self.now_ms and resource in call.resources for call in self.calls()
        )

    def on_the_way(self, resource: Resource) -> int:
        """Those whose time has passed included."""
        return sum(call.phase in ON_THE_WAY and resource in call.resources for call in self.calls())

    def holder(self, tenant: Resource, number: int) -> Call | None:
        """The call that is on its way to the number."""
        for call in self.calls():
            if call.phase in ON_THE_WAY and call.batch.tenant is tenant and call.number == number:
                return call
        return None

    def is_owed_a_slot(self, call: Call) -> bool:
        """Nothing but pace can keep the call from being claimed now."""
        batch = call.batch
        return (
            call.phase == "due"
            and not self.closed_until
            and batch.is_sealed
            and batch.state in SCHEDULABLE
            and call.earliest_ms <= self.now_ms
            and batch.trunk.is_active
            and batch.trunk.hold_until_ms <= self.now_ms
            and (batch.trunk.breaker.until_ms or 0) <= self.now_ms
            and batch.tenant.is_active
            and batch.opening_ms(self.now_ms) == self.now_ms
            and self.holder(batch.tenant, call.number) is None
            and all(resource.most is None or self.on_the_way(resource) < resource.most for resource in call.resources)
        )

    def instants_ms(self) -> list[int]:
        """Where something is about to change by time alone."""
        found = {self.closed_until, *(trunk.hold_until_ms for trunk in self.trunks.values())}
        found |= {trunk.breaker.until_ms or 0 for trunk in self.trunks.values()}
        for batch in self.batches.values():
            found |= {batch.start_ms or 0, batch.expires_ms or 0, *batch.leases.values()}
            found |= {at for stretch in batch.hours for at in stretch}
            for call in batch.calls:
                found |= {call.until_ms, call.due_ms, call.summary_ms, call.check_ms, call.slot_us // 1000 + 250}
        return sorted(at for at in found if at > self.now_ms)

    # ---- endings ----

    def is_suppressed(self, call: Call) -> bool:
        return ("", call.number) in self.suppressed or (call.batch.tenant.name, call.number) in self.suppressed

    def is_appended_to(self, batch: Batch) -> bool:
        return batch.takes_more and any(until > self.now_ms for until in batch.leases.values())

    def finalize(self, call: Call, is_told: bool = True) -> None:
        call.phase, call.is_unsure = "final", False
        if is_told and call.batch.is_told_of:
            call.batch.events.append(f"evt_{call.batch.name}-{call.ordinal}-{call.attempts}-call_completed")
        self.check_end(call.batch)

    def check_end(self, batch: Batch) -> None:
        if not batch.is_sealed or batch.state in ENDED or batch.count("due", "claimed", "live", "ended") > 0:
            return
        if self.is_appended_to(batch):
            return
        batch.leases.clear()
        batch.state = "cancelled" if batch.state == "cancelling" else "completed"
        if batch.state == "completed" and batch.is_told_of:
            batch.events.append(f"evt_{batch.name}-batch_completed")

    def put_back(self, call: Call, at_ms: int) -> None:
        """On its way no more, due again: not before the slot that it was claimed for, which may lie ahead."""
        slot_ms = call.slot_us // 1000
        if call.phase == "claimed" and slot_ms <= self.now_ms + HORIZON_US // 1000:
            at_ms = max(at_ms, slot_ms)
        call.phase, call.due_ms, call.worker = "due", at_ms, ""

    # ---- what a batch's counters must say ----

    def counters(self, batch: Batch) -> dict[str, int]:
        succeeded = sum(call.phase == "final" and call.outcome == "COMPLETED" for call in batch.calls)
        return {
            "total": len(batch.calls),
            **{phase: batch.count(phase) for phase in ("due", "claimed", "live", "ended")},
            "succeeded": succeeded,
            "failed": batch.count("final") - succeeded,
            "cancelled": sum(call.is_cut and call.outcome == "CANCELLED" for call in batch.calls),
            "expired": sum(call.is_cut and call.outcome == "EXPIRED" for call in batch.calls),
            "attempts": sum(call.attempts for call in batch.calls),
            "dials": sum(call.dial for call in batch.calls),
        }

    def outcomes(self, batch: Batch) -> dict[str, int]:
        found: dict[str, int] = {}
        for call in batch.calls:
            if call.phase == "final":
                found[call.outcome] = found.get(call.outcome, 0) + 1
        return found
