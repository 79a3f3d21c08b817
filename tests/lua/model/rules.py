# SPDX-License-Identifier: Apache-2.0
"""What each script must answer, and what it must do to the picture: the promises in the model's own terms. Only a claim's
choice is free; whether it was a permitted one is judged in take_slot()."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.lua.model.picture import APPENDABLE, CUT, ON_THE_WAY, SCHEDULABLE, Batch, Breaker, Call, Picture, Resource
from tests.support.engine import HORIZON_US, LATE_MS, LEASE_MS, POST_MS, Slot

HOLD_MOST_MS = 60_000
FORGET_MS, WAIT_MS, WAIT_MOST_MS = 60_000, 5_000, 300_000
HOLDERS_MOST = 16
CREDIT_LEAST_S = 60
TALK_S = 100
STRIKES, STRUCK_MS = 3, 1_000
CLOCK_STEP_MS = 1_000
MAY_HAVE_TALKED = ("COMPLETED", "VOICEMAIL", "UNKNOWN")
Answer = tuple[str, ...]


class Refused(Exception):
    """The script answers with an error that begins so."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What a worker was told of a dial, and what it decided on."""

    batch: str
    ordinal: int
    dial: int
    attempts: int
    how: str
    outcome: str
    next_ms: int | None = None
    provider_id: str = ""
    duration: str = "1"

    def args(self, now_ms: int) -> list[Any]:
        next_ms = "" if self.next_ms is None else self.next_ms
        head = [self.batch, self.ordinal, self.dial, self.attempts, self.how, self.outcome, next_ms]
        return [*head, "", now_ms, self.duration, self.provider_id, "", "hangup", "", "", "callback"]


@dataclasses.dataclass(frozen=True)
class Told:
    """A dial as a worker tells of it again, which it began and Redis may have forgotten."""

    slot: Slot
    attempt: int
    begin_ms: int
    hard_ms: int
    check_ms: int
    phone: int
    provider_id: str

    @property
    def args(self) -> list[Any]:
        return [*self.slot.ref, self.attempt, self.begin_ms, self.hard_ms, self.check_ms, self.phone, self.provider_id, ""]


class Rules:
    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    # ---- claim ----

    def take_slot(self, slot: Slot, worker: str, record: bytes) -> None:
        """A claim gave this slot: was it free to?"""
        picture, call = self.picture, self.picture.call(slot.batch, slot.ordinal)
        assert call is not None, f"{slot} is no call"
        batch = call.batch
        assert call.phase == "due", f"{slot.member} is {call.phase} already"
        assert batch.is_sealed and batch.state in SCHEDULABLE, f"{slot.member} was claimed of a batch that is {batch.state}"
        assert picture.now_us <= slot.slot_us <= picture.now_us + HORIZON_US, f"{slot.member} lies outside the horizon"
        assert call.earliest_ms <= slot.slot_us // 1000, f"{slot.member} is not due before {call.earliest_ms}"
        assert slot.slot_us >= picture.closed_until * 1000, f"{slot.member} was handed out by a closed cell"
        assert batch.trunk.is_active and batch.tenant.is_active, f"{slot.member}: its trunk or tenant is stopped"
        slot_ms = slot.slot_us // 1000
        assert batch.opening_ms(slot_ms) == slot_ms, f"{slot.member}: its batch's window is closed then"
        assert slot.slot_us >= batch.trunk.hold_until_ms * 1000, f"{slot.member}: its trunk is to be silent"
        breaker = batch.trunk.breaker
        assert slot.slot_us >= (breaker.until_ms or 0) * 1000, f"{slot.member}: its trunk's breaker is open, or it is being tried"
        holder = picture.holder(batch.tenant, call.number)
        assert holder is None, f"{slot.member} and {holder and holder.name} are dials of one number at once"
        assert slot.dial == call.dial + 1, f"{slot.member}: its last dial was {call.dial}"
        assert slot.attempts == call.attempts < batch.max_attempts, f"{slot.member}: {call.attempts} attempts were charged"
        assert slot.record == record, f"{slot.member} came with another's contact"
        for resource in call.resources:
            taken = picture.flying(resource)
            assert resource.most is None or taken < resource.most, f"{slot.member} is call {taken + 1} of {resource.name}"
        call.phase, call.dial, call.worker, call.slot_us = "claimed", slot.dial, worker, slot.slot_us
        call.until_ms = slot.slot_us // 1000 + LEASE_MS
        call.absent_ms, call.provider_id, call.is_passed = 0, "", True
        if breaker.until_ms is not None:
            breaker.until_ms, breaker.probe = call.until_ms, slot.member

    # ---- the breaker of a trunk: one verdict for each dial ----

    def _good(self, call: Call) -> None:
        breaker = call.batch.trunk.breaker
        if call.provider_id or call.is_unsure:
            return
        if breaker.until_ms is not None:
            if breaker.probe == call.member:
                breaker.close()
        elif breaker.last_ms is not None and self.picture.now_ms - breaker.last_ms > FORGET_MS:
            breaker.last_ms = None
        elif breaker.last_ms is not None:
            breaker.good += 1
            self._fade(breaker)

    def _bad(self, call: Call) -> None:
        breaker, now_ms = call.batch.trunk.breaker, self.picture.now_ms
        if breaker.until_ms is not None:
            if breaker.probe == call.member:
                self._open(breaker, min(2 * breaker.wait_ms, WAIT_MOST_MS))
            return
        if breaker.last_ms is None or now_ms - breaker.last_ms > FORGET_MS:
            breaker.good = breaker.bad = 0
        breaker.last_ms, breaker.bad = now_ms, breaker.bad + 1
        if breaker.good + breaker.bad >= breaker.minimum and breaker.bad >= breaker.good:
            self._open(breaker, WAIT_MS)
        else:
            self._fade(breaker)

    def _fade(self, breaker: Breaker) -> None:
        if breaker.good + breaker.bad >= 2 * breaker.minimum:
            breaker.good, breaker.bad = breaker.good // 2, breaker.bad // 2

    def _open(self, breaker: Breaker, wait_ms: int) -> None:
        breaker.close()
        breaker.wait_ms = wait_ms
        breaker.until_ms = self.picture.now_ms + wait_ms + wait_ms * (self.picture.now_us % 997) // 3988

    # ---- numbers that must not be called ----

    def suppress(self, tenant: str, verb: str, numbers: tuple[int, ...]) -> list[int]:
        """How many were put on the list or taken off, and how many it holds then."""
        asked, known = {(tenant, number) for number in numbers}, self.picture.suppressed
        changed = asked - known if verb == "add" else asked & known
        self.picture.suppressed = known | asked if verb == "add" else known - asked
        return [len(changed), sum(owner == tenant for owner, _ in self.picture.suppressed)]

    # ---- a call on its way ----

    def begin(self, slot: Slot, worker: str, life_ms: int) -> Answer:
        call = self.picture.call(slot.batch, slot.ordinal)
        if call and call.dial == slot.dial and (call.phase, call.outcome) == ("final", "SUPPRESSED"):
            return ("suppressed",)
        if call is None or call.dial != slot.dial or call.phase not in ON_THE_WAY or call.worker != worker:
            return ("gone",)
        if call.phase == "live":
            return self._begun(call, (call.begin_ms + 1) * 1000)
        may_begin = self._may_begin(call)
        if may_begin and self.picture.is_suppressed(call):
            call.outcome = "SUPPRESSED"
            self.picture.finalize(call)
            return ("suppressed",)
        if may_begin and not self._has_credit(call.batch.tenant):
            self.picture.put_back(call, self.picture.now_ms)
            self._run_out_of_credit(call.batch)
            return ("released",)
        at_us, again_ms = self._begin_at(call) if may_begin else (None, self.picture.now_ms)
        if at_us is None:
            self.picture.put_back(call, again_ms)
            return ("released",)
        for resource in call.resources:
            resource.begins_us.append(at_us)
            assert resource.in_second_before(at_us) <= resource.cps, f"{resource.name} is dialed too fast"
        call.phase, call.begun, call.begin_ms, call.is_given_back = "live", call.dial, at_us // 1000, False
        call.is_queued = call.is_to_stop = call.is_unsure = False
        self._reserve(call)
        call.attempts += 1
        assert call.attempts <= call.batch.max_attempts, f"{call.name} is tried too often"
        call.until_ms = call.begin_ms + life_ms
        call.check_ms = min(call.begin_ms + POST_MS, call.until_ms)
        breaker = call.batch.trunk.breaker
        if breaker.until_ms is not None:
            breaker.until_ms, breaker.probe = call.begin_ms + POST_MS, call.member
        call.batch.is_begun = True
        call.batch.state = "processing"
        return self._begun(call, at_us)

    def _begun(self, call: Call, at_us: int) -> Answer:
        limit = () if call.credit_s is None else (str(call.credit_s),)
        return "begun", str(at_us), str(call.attempts), *limit

    # ---- credit ----

    def _has_credit(self, tenant: Resource) -> bool:
        return tenant.credit_s is None or tenant.credit_s >= CREDIT_LEAST_S

    def _reserve(self, call: Call) -> None:
        tenant, call.credit_s, call.talked_s = call.batch.tenant, None, None
        if tenant.credit_s is not None:
            call.credit_s = min(TALK_S, tenant.credit_s)
            tenant.credit_s -= call.credit_s
            tenant.reserved_s += call.credit_s

    def _charge(self, call: Call, used_s: int, was_live: bool) -> None:
        """Instead of what its last dial held, or was charged before."""
        tenant, held_s = call.batch.tenant, call.credit_s or 0
        tenant.reserved_s -= held_s if was_live else 0
        call.credit_s = used_s
        if tenant.credit_s is not None:
            call.credit_s = min(used_s, tenant.credit_s + held_s)
            tenant.credit_s += held_s - call.credit_s

    def _settle(self, call: Call, was_live: bool = False, was_given_back: bool = False) -> None:
        held_s = call.credit_s
        if held_s is None and not (was_given_back and call.batch.tenant.credit_s is not None):
            return
        unknown_s = (held_s or 0) if call.outcome in MAY_HAVE_TALKED else 0
        self._charge(call, unknown_s if call.talked_s is None else call.talked_s, was_live)

    def _run_out_of_credit(self, batch: Batch) -> None:
        self._enter_pause(batch, "credits")
        was_told, batch.topup_told = batch.topup_told == batch.tenant.topups, batch.tenant.topups
        if batch.is_told_of and not was_told:
            batch.events.append(f"evt_{batch.name}-{batch.pauses}-batch_failed")

    def change_credit(self, tenant: str, text: str) -> Answer:
        resource = self.picture.tenants[tenant]
        if text.startswith("+"):
            if resource.credit_s is None:
                raise Refused("ERR_STATE")
            resource.credit_s += int(text)
        else:
            resource.credit_s = int(text) if text else None
        resource.topups += 1
        return ("changed",)

    def credit_came(self, batch: Batch) -> None:
        assert self._has_credit(batch.tenant), f"{batch.name} was resumed without credit"
        assert batch.wants_credit, f"{batch.name} was resumed although it was paused for another reason"
        self._leave_pause(batch)

    def _may_begin(self, call: Call) -> bool:
        """But for its number, its window and its rates."""
        now_us, now_ms, batch = self.picture.now_us, self.picture.now_ms, call.batch
        return (
            call.until_ms > now_ms
            and self.picture.closed_until * 1000 <= max(now_us, call.slot_us)
            and batch.state in ("pending", "processing")
            and now_us - call.slot_us <= LATE_MS * 1000
            and batch.trunk.is_active
            and batch.tenant.is_active
            and batch.trunk.hold_until_ms * 1000 <= max(now_us, call.slot_us)
            and not batch.trunk.breaker.bars(call.member)
        )

    def _begin_at(self, call: Call) -> tuple[int | None, int]:
        """The instant that the call may be dialed at; None where it may not, and when it is due again."""
        now_us, now_ms, batch = self.picture.now_us, self.picture.now_ms, call.batch
        at_us = max(now_us, call.slot_us)
        for resource in call.resources:
            at_us = resource.earliest_us(at_us)
        opening_ms = batch.opening_ms(at_us // 1000)
        if opening_ms != at_us // 1000:
            return None, opening_ms or now_ms
        return (at_us if at_us - now_us <= LATE_MS * 1000 else None), now_ms

    def release(self, slot: Slot, worker: str) -> Answer:
        call = self.picture.call(slot.batch, slot.ordinal)
        if call is None or call.phase != "claimed" or call.dial != slot.dial or call.worker != worker:
            return ("gone",)
        self.picture.put_back(call, self.picture.now_ms)
        return ("released",)

    def strike(self, slot: Slot, worker: str) -> Answer:
        """A worker could make nothing of the call."""
        call = self.picture.call(slot.batch, slot.ordinal)
        if call is None or call.phase != "claimed" or call.dial != slot.dial or call.worker != worker:
            return ("gone",)
        call.strikes += 1
        if call.strikes < STRIKES:
            self.picture.put_back(call, self.picture.now_ms + STRUCK_MS)
            return ("struck",)
        call.outcome = "FAILED"
        self.picture.finalize(call, is_told=False)
        return ("ended",)

    def reassert(self, told: Told, worker: str) -> Answer:
        """Whatever Redis thought of the call until now: it is on the line."""
        call, dial = self.picture.call(told.slot.batch, told.slot.ordinal), told.slot.dial
        if call is None or not call.batch.is_sealed:
            return ("gone",)
        if call.begun == dial:
            self._keep_deadline(call, told)
            return ("known",)
        if call.begun > dial:
            return ("newer",)
        if call.phase == "final":
            return ("over",)
        if call.phase == "live" and call.credit_s is not None:
            self._charge(call, 0, was_live=True)
        call.phase, call.worker, call.dial, call.begun, call.attempts = "live", worker, dial, dial, told.attempt
        call.slot_us, call.begin_ms, call.until_ms = told.begin_ms * 1000, told.begin_ms, told.hard_ms
        call.check_ms, call.absent_ms, call.provider_id = min(told.check_ms, told.hard_ms), 0, told.provider_id
        call.is_given_back = call.is_queued = call.is_to_stop = call.is_unsure = False
        call.is_passed = True
        self._reserve(call)
        if call.batch.state in SCHEDULABLE:
            call.batch.state, call.batch.is_begun = "processing", True
        return ("restored",)

    def _keep_deadline(self, call: Call, told: Told) -> None:
        if call.phase == "live" and told.hard_ms > call.until_ms:
            if told.hard_ms > call.until_ms + CLOCK_STEP_MS:
                call.check_ms = min(call.check_ms, told.check_ms, told.hard_ms)
            call.until_ms = told.hard_ms

    def accept(self, slot: Slot, provider_id: str, check_ms: int, queue_ms: int) -> Answer:
        call = self.picture.call(slot.batch, slot.ordinal)
        if call is None or call.dial != slot.dial or call.phase == "claimed":
            return ("gone",)
        if call.phase != "live":
            return ("over",)
        self._good(call)
        call.provider_id, call.absent_ms = provider_id, 0
        if queue_ms > 0 and not call.is_queued:
            call.is_queued = True
            call.until_ms += queue_ms
            self._hold(call.batch.trunk, queue_ms)
            rings_ms = self.picture.now_ms + queue_ms
            call.is_to_stop = call.batch.opening_ms(rings_ms) != rings_ms
        call.check_ms = self.picture.now_ms if call.is_to_stop else min(check_ms, call.until_ms)
        return ("stop" if call.is_to_stop else "accepted",)

    def _hold(self, trunk: Resource, hold_ms: int) -> None:
        if hold_ms > 0:
            trunk.hold_until_ms = max(trunk.hold_until_ms, self.picture.now_ms + min(hold_ms, HOLD_MOST_MS))

    def abort(self, slot: Slot, worker: str, verdict: str, due_ms: int, hold_ms: int) -> Answer:
        call = self.picture.call(slot.batch, slot.ordinal)
        if call is None or call.phase != "live" or call.dial != slot.dial or worker not in (call.worker, "-"):
            return ("gone",)
        if verdict == "NOT_SENT" and hold_ms > 0:
            self._bad(call)
        self._give_back(call, due_ms)
        if verdict == "ACCOUNT":
            call.batch.trunk.is_active = False
        self._hold(call.batch.trunk, hold_ms)
        return ("aborted",)

    def recheck(self, slot: Slot, what: str, provider_id: str, check_ms: int, absent_after_ms: int) -> Answer:
        call, now_ms = self.picture.call(slot.batch, slot.ordinal), self.picture.now_ms
        if call is None or call.begun != slot.dial or call.begun == 0:
            return ("gone",)
        if call.phase != "live":
            return ("over",)
        call.is_to_stop = call.is_to_stop and what != "answered"
        if what == "doubt":
            self._hold(call.batch.trunk, absent_after_ms)
        if what == "doubt" and not call.is_unsure and not call.provider_id:
            call.is_unsure = True
            self._bad(call)
        if what in ("seen", "answered"):
            self._good(call)
            call.provider_id, call.absent_ms = provider_id or call.provider_id, 0
        elif what == "absent" and not call.provider_id:
            if call.absent_ms and now_ms - call.absent_ms >= absent_after_ms:
                self._give_back(call, now_ms)
                return ("givenback",)
            call.absent_ms = call.absent_ms or now_ms
            check_ms = max(check_ms, call.absent_ms + absent_after_ms)
        # A deadline that has passed is in doubt, and no reason to hurry.
        call.check_ms = min(check_ms, call.until_ms) if call.until_ms > now_ms else check_ms
        return ("kept",)

    def _give_back(self, call: Call, due_ms: int) -> None:
        self.picture.put_back(call, due_ms)
        if call.credit_s is not None:
            self._charge(call, 0, was_live=True)
            call.credit_s = None
        call.attempts -= 1
        call.is_given_back, call.provider_id, call.absent_ms, call.is_unsure = True, "", 0, False
        breaker = call.batch.trunk.breaker
        if breaker.probe == call.member:
            breaker.until_ms, breaker.probe = self.picture.now_ms, ""

    # ---- finish ----

    def finish(self, result: Result) -> Answer:
        call = self.picture.call(result.batch, result.ordinal)
        if call is None or call.begun == 0 or result.dial > call.begun:
            return ("gone",)
        if result.dial < call.begun:
            return ("stale",)
        is_truth = call.phase in ("due", "claimed") and result.outcome != "UNKNOWN"
        is_open = call.phase in ("live", "ended") or (is_truth and (call.outcome == "UNKNOWN" or call.is_given_back))
        is_blind = call.phase == "ended" and result.outcome == "UNKNOWN" != call.outcome
        if is_blind or (is_open and call.attempts != result.attempts):
            return ("changed",)
        if call.phase in ("live", "ended"):
            return self._end(call, result)
        if is_open:
            return self._settle_due(call, result)
        if call.phase == "final" and call.outcome == "UNKNOWN" and result.outcome != "UNKNOWN" and not call.is_cut:
            self._take_facts(call, result)
            self._settle(call)
            return ("settled",)
        return ("recorded",)

    def _how(self, call: Call, result: Result) -> str:
        may_retry = call.attempts < call.batch.max_attempts and not call.batch.is_cut
        return result.how if result.how != "retry" or may_retry else "final"

    def _take_facts(self, call: Call, result: Result) -> None:
        call.outcome = result.outcome
        call.provider_id = result.provider_id or call.provider_id
        call.talked_s = int(result.duration) if result.duration else call.talked_s

    def _end(self, call: Call, result: Result) -> Answer:
        how = self._how(call, result)
        if call.phase == "ended" and how == "ended":
            return ("recorded",)
        if call.phase == "live" and result.outcome != "UNKNOWN":
            self._good(call)
        call.is_unsure = False
        self._take_facts(call, result)
        self._settle(call, was_live=call.phase == "live")
        if how == "ended":
            call.phase, call.summary_ms = "ended", self.picture.now_ms + call.batch.summary_wait_ms
            return ("ended",)
        return self._retry_or_finalize(call, result, how, "final")

    def _settle_due(self, call: Call, result: Result) -> Answer:
        if call.phase == "claimed":
            self.picture.put_back(call, self.picture.now_ms)
        was_given_back = call.is_given_back
        if was_given_back:
            call.attempts, call.is_given_back = call.attempts + 1, False
        how = self._how(call, result)
        self._take_facts(call, result)
        self._settle(call, was_given_back=was_given_back)
        return self._retry_or_finalize(call, result, how, "settled")

    def _retry_or_finalize(self, call: Call, result: Result, how: str, answer: str) -> Answer:
        if how == "retry":
            self.picture.put_back(call, result.next_ms or 0)
            return ("due",)
        self.picture.finalize(call)
        return (answer,)

    # ---- what a tenant does to a batch ----

    def control(self, batch_name: str, tenant: str, verb: str, *args: Any) -> Answer:
        """The state after it, and the calls taken off the queue."""
        batch = self.picture.batches.get(batch_name)
        if batch is None or batch.tenant.name != tenant or batch.is_hidden:
            raise Refused("ERR_NOT_FOUND")
        taken = getattr(self, f"_{verb}")(batch, *args)
        return batch.state, str(taken)

    def _allow(self, batch: Batch, *states: str) -> None:
        if batch.state not in states:
            raise Refused(f"ERR_STATE {batch.state}")

    def _pause(self, batch: Batch, reason: str) -> int:
        self._allow(batch, *APPENDABLE)
        if batch.wants_credit:
            batch.reason = reason
        elif batch.state != "paused":
            self._enter_pause(batch, reason)
        return 0

    def _enter_pause(self, batch: Batch, reason: str) -> None:
        batch.state, batch.reason, batch.pauses = "paused", reason, batch.pauses + 1

    def _resume(self, batch: Batch) -> int:
        self._allow(batch, *APPENDABLE)
        if batch.state == "paused":
            self._leave_pause(batch)
        return 0

    def _leave_pause(self, batch: Batch) -> None:
        is_ahead = (batch.start_ms or 0) > self.picture.now_ms
        batch.state = "processing" if batch.is_begun else "scheduled" if is_ahead else "pending"
        self.picture.check_end(batch)

    def _cancel(self, batch: Batch) -> int:
        self._allow(batch, "ingesting", *APPENDABLE, "cancelling", "cancelled")
        if batch.state in CUT:
            return 0
        taken = self._cut(batch, "cancelling")
        self.picture.check_end(batch)
        return taken

    def _fail(self, batch: Batch, _reason: str, _code: str) -> int:
        self._allow(batch, "ingesting", *APPENDABLE, "cancelling", "failed")
        if batch.state == "failed":
            return 0
        taken = self._cut(batch, "failed")
        if batch.is_told_of:
            batch.events.append(f"evt_{batch.name}-0-batch_failed")
        return taken

    def _cut(self, batch: Batch, state: str) -> int:
        taken = batch.count("due", "claimed")
        batch.state, batch.is_sealed = state, True
        self._end_fresh(batch, "CANCELLED")
        return taken

    def _end_fresh(self, batch: Batch, outcome: str) -> None:
        batch.leases.clear()
        for call in batch.calls:
            if not call.is_passed and not call.is_cut:
                call.phase, call.outcome, call.is_cut = "final", outcome, True

    def change(self, batch_name: str, tenant: str, revision: int, given: dict[str, Any]) -> tuple[str, str, int]:
        """What came of it, the state and the revision. What is claimed keeps its slot."""
        batch = self.picture.batches.get(batch_name)
        if batch is None or batch.tenant.name != tenant or batch.is_hidden:
            raise Refused("ERR_NOT_FOUND")
        self._allow(batch, "ingesting", *APPENDABLE)
        if batch.is_expired:
            raise Refused(f"ERR_STATE {batch.state}")
        if revision != batch.revision:
            return "raced", batch.state, batch.revision
        batch.cps = given.get("cps", batch.cps)
        batch.most = given.get("max_concurrent", batch.most)
        batch.expires_ms = given.get("expires_ms", batch.expires_ms)
        if "period_ms" in given:
            batch.period_ms = given["period_ms"]
            batch.publish(self.picture.now_ms)
        batch.revision += bool(given)
        return "done", batch.state, batch.revision

    # ---- filling a batch ----

    def ingest(self, batch_name: str, chunk: int, digest: str, numbers: list[int]) -> list[object]:
        """Total, repetition, and the places of those left out."""
        batch = self.picture.batches.get(batch_name)
        if batch is None:
            raise Refused("ERR_NOT_FOUND")
        if chunk in batch.chunks:
            known, answer = batch.chunks[chunk]
            if known != digest:
                raise Refused("ERR_EXISTS")
            return [answer[0], 1, answer[2]]
        if not self.picture.is_appended_to(batch) if batch.is_sealed else batch.state != "ingesting":
            raise Refused("ERR_STATE")
        left_out = []
        for place, number in enumerate(numbers):
            if any(call.number == number for call in batch.calls):
                left_out.append((place, "phone"))
            else:
                batch.calls.append(Call(batch, len(batch.calls), number))
        batch.chunks[chunk] = digest, [len(batch.calls), 0, left_out]
        return batch.chunks[chunk][1]

    def seal(self, batch_name: str, total: int) -> Answer:
        batch = self.picture.batches.get(batch_name)
        if batch is None:
            raise Refused("ERR_NOT_FOUND")
        if not batch.is_sealed:
            if total != len(batch.calls) or total == 0 or batch.state != "ingesting":
                raise Refused("ERR_STATE")
            batch.start_ms = batch.start_ms or self.picture.now_ms
            batch.state = "scheduled" if batch.start_ms > self.picture.now_ms else "pending"
            batch.is_sealed = True
        return batch.state, str(len(batch.calls))

    def append(self, batch_name: str, tenant: str, holder: str, lease_ms: int) -> Answer:
        batch = self.picture.batches.get(batch_name)
        if batch is None or batch.tenant.name != tenant or batch.is_hidden or batch.state == "ingesting":
            raise Refused("ERR_NOT_FOUND")
        if not batch.takes_more:
            raise Refused(f"ERR_STATE {batch.state}")
        batch.leases = {name: until for name, until in batch.leases.items() if until > self.picture.now_ms}
        if holder not in batch.leases and len(batch.leases) >= HOLDERS_MOST:
            raise Refused("ERR_STATE")
        batch.leases[holder] = self.picture.now_ms + lease_ms
        return batch.state, str(len(batch.calls))

    def end_append(self, batch_name: str, tenant: str, holder: str) -> None:
        batch = self.picture.batches.get(batch_name)
        if batch is None or batch.tenant.name != tenant:
            raise Refused("ERR_NOT_FOUND")
        if batch.leases.pop(holder, None) is not None:
            self.picture.check_end(batch)

    # ---- the cell ----

    def close(self, seen_ms: int, for_ms: int) -> None:
        """Once for each step of the clock, whoever saw it."""
        if self.picture.closed_ms <= seen_ms:
            self.picture.closed_ms, self.picture.closed_until_ms = self.picture.now_ms, self.picture.now_ms + for_ms

    # ---- time alone ----

    def reclaim(self, call: Call) -> None:
        assert call.until_ms <= self.picture.now_ms, f"{call.name} was taken back under its lease"
        self.picture.put_back(call, self.picture.now_ms)

    def give_up_summary(self, call: Call) -> None:
        assert call.summary_ms <= self.picture.now_ms, f"{call.name} was not waited for"
        self.picture.finalize(call)

    def end_cut(self, call: Call) -> None:
        """Due in a batch that was cancelled: ends with the outcome of its last attempt and is told of, or as cancelled."""
        assert call.batch.is_cut, f"{call.name} ended by itself"
        is_dialed = call.attempts > 0 and call.outcome != ""
        call.outcome = call.outcome if is_dialed else "EXPIRED" if call.batch.is_expired else "CANCELLED"
        self.picture.finalize(call, is_dialed)

    def expire(self, batch: Batch) -> None:
        expiry_ms = batch.expiry_ms
        assert expiry_ms is not None and expiry_ms <= self.picture.now_ms, f"{batch.name} expired too early"
        assert batch.is_sealed and not batch.is_cut and batch.state != "completed", f"{batch.name} expired as {batch.state}"
        batch.state = "pending" if batch.state == "scheduled" else batch.state
        batch.is_expired = True
        self._end_fresh(batch, "EXPIRED")
        self.picture.check_end(batch)

    def end_leases(self, batch: Batch) -> None:
        batch.leases = {name: until for name, until in batch.leases.items() if until > self.picture.now_ms}
        self.picture.check_end(batch)

    def remove(self, batch: Batch) -> None:
        """A creation that nobody sealed goes, in one tick or several."""
        assert not batch.is_sealed and batch.life_ms <= self.picture.now_ms, f"{batch.name} was removed"
        batch.state = "failed"
