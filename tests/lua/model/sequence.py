# SPDX-License-Identifier: Apache-2.0
"""The sequences: hypothesis chooses who does what, when, and what is sent again. A step names its subjects by index into
what there is when its turn comes ("the third batch"), so that a sequence stays meaningful when hypothesis makes it shorter."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.lua.model.drain import drain
from tests.lua.model.driver import Driver
from tests.lua.model.picture import Batch, Call
from tests.lua.model.rules import Result, Told
from tests.support.engine import Slot

TRUNKS = ("east", "west")
TENANTS = ("acme", "other")
WORKERS = ("w1", "w2", "w3")
NUMBERS = tuple(15550000001 + i for i in range(7))
BATCHES_MOST = 5
RECENT = 10  # slots that a step picks from
BACK_MOST_US = 1_200_000
QUIET_US = 1_300_000 + BACK_MOST_US  # after it no pace holds anything back: an interval at 1 a second, and a horizon

Step = tuple[str, dict[str, Any]]

INDEX = st.integers(0, 99)
MOST = st.sampled_from((None, None, None, 1, 2, 3))
CPS = st.sampled_from((30, 5, 2, 1))
LIFE_MS = st.sampled_from((150_000, 40_000, 1_000))
LATER_MS = st.sampled_from((0, 0, 0, 1, 500, 3_000, 60_000, -1000))
PICKS = st.lists(INDEX, min_size=1, max_size=3)
OUTCOME = st.sampled_from(("COMPLETED", "BUSY", "NO_ANSWER", "UNKNOWN", "UNKNOWN", "INVALID_NUMBER", "VOICEMAIL"))
HOW = st.sampled_from(("final", "ended", "retry", "retry"))
PAUSE_US = st.sampled_from(
    (1, 999, 1000, 20_000, 34_000, 100_000, 199_999, 250_001, 500_000, 1_000_000, 1_005_000, 2_000_000, 9_000_000, 61_000_000)
)

# How often a step comes, and what it is given.
STEPS: dict[str, tuple[int, dict[str, st.SearchStrategy[Any]]]] = {
    "new_batch": (5, {
        "owner": st.sampled_from(TENANTS), "trunk": st.sampled_from(TRUNKS), "numbers": st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=6),
        "cps": CPS, "priority": st.sampled_from((5, 1, 9)), "most": MOST, "attempts": st.integers(1, 3), "is_told_of": st.booleans(),
        "start_in_ms": st.sampled_from((None, None, None, 150, 3000)), "is_sealed": st.sampled_from((True, True, False)),
        "period_ms": st.sampled_from((0, 0, 5_000, 4_000)), "expires_in_ms": st.sampled_from((None, None, None, None, None, None, 2_500, 20_000)),
    }),
    "ingest": (4, {"index": INDEX, "chunk": st.integers(1, 4), "digest": st.sampled_from(("first", "second")),
                   "numbers": st.lists(st.sampled_from(NUMBERS), max_size=3)}),
    "seal": (3, {"index": INDEX, "miss": st.sampled_from((0, 0, 1))}),
    "append": (3, {"index": INDEX, "is_own": st.sampled_from((True, True, False)), "holder": st.sampled_from(("one", "two")),
                   "lease_ms": st.sampled_from((5_000, 5_000, 300, 0))}),
    "append_and_ingest": (2, {"index": INDEX, "numbers": st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3)}),
    "control": (3, {"index": INDEX, "is_own": st.sampled_from((True, True, True, False)),
                    "verb": st.sampled_from(("pause", "pause", "resume", "resume", "resume", "cancel", "cancel", "fail"))}),
    "change": (4, {
        "index": INDEX, "is_own": st.sampled_from((True, True, True, False)), "miss": st.sampled_from((0, 0, 0, 0, 1)),
        "given": st.fixed_dictionaries({}, optional={
            "cps": CPS, "max_concurrent": st.sampled_from((None, 1, 2)), "priority": st.sampled_from((1, 5, 9)),
            "period_ms": st.sampled_from((0, 5_000, 4_000)),
        }),
        "expires_in_ms": st.sampled_from(("", "", "", "", None, 2_500, 20_000)),
    }),
    "change_resource": (3, {"kind": st.sampled_from("kt"), "index": INDEX, "cps": st.none() | CPS, "most": MOST,
                            "is_active": st.sampled_from((True, True, True, False))}),
    "change_credit": (3, {"owner": st.sampled_from(TENANTS),
                          "text": st.sampled_from(("60", "150", "150", "310", "59", "0", "+60", "+100", "+300", "+1", ""))}),
    "refill": (2, {"index": INDEX, "text": st.sampled_from(("+300", "310", "")), "items": st.sampled_from((200, 200, 2))}),
    "suppress": (2, {"owner": st.sampled_from(("", *TENANTS)), "verb": st.sampled_from(("add", "remove", "remove")),
                     "numbers": st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=2)}),
    "close": (1, {"seen_ago_ms": st.sampled_from((0, 1, 5_000)), "for_ms": st.sampled_from((1_500, 14_000))}),
    "claim": (5, {"worker": st.sampled_from(WORKERS), "calls": st.sampled_from((64, 64, 1, 2)), "steps": st.sampled_from((400, 400, 3, 20))}),
    "claim_and_begin": (16, {"worker": st.sampled_from(WORKERS), "life_ms": LIFE_MS, "is_waited_for": st.booleans()}),
    "claim_after_quiet": (4, {}),
    "begin": (5, {"picks": PICKS, "stranger": st.sampled_from((None, None, None, "w3")), "life_ms": LIFE_MS}),
    "release": (3, {"picks": PICKS, "stranger": st.sampled_from((None, None, "w3"))}),
    "strike": (3, {"worker": st.sampled_from(WORKERS), "times": st.sampled_from((1, 1, 3))}),
    "reassert": (4, {"pick": INDEX, "back": st.sampled_from((0, 0, 0, 1, 2)), "is_claimed": st.booleans(), "worker": st.sampled_from(WORKERS),
                     "life_ms": st.sampled_from((150_000, 40_000)), "began_ago_ms": st.sampled_from((0, 999, 5_000)),
                     "check_in_ms": LATER_MS, "provider_id": st.sampled_from(("", "p1"))}),
    "accept": (6, {"picks": PICKS, "provider_id": st.sampled_from(("p1", "p2")), "check_in_ms": LATER_MS,
                   "queue_ms": st.sampled_from((0, 0, 2_000, 7_000))}),
    "abort": (4, {"pick": INDEX, "stranger": st.sampled_from((None, None, "-", "w3")), "due_in_ms": LATER_MS,
                  "verdict": st.sampled_from(("NOT_SENT", "THROTTLED", "THROTTLED", "ACCOUNT")),
                  "hold_ms": st.sampled_from((0, 0, 700, 90_000))}),
    "recheck": (6, {"pick": INDEX, "what": st.sampled_from(("absent", "absent", "absent", "seen", "answered", "unsure", "doubt")),
                    "provider_id": st.sampled_from(("", "p3")), "check_in_ms": LATER_MS, "absent_after_ms": st.sampled_from((0, 0, 1000))}),
    "find_absent": (2, {"pick": INDEX, "absent_after_ms": st.sampled_from((0, 1000)), "wait_ms": st.sampled_from((999, 1000))}),
    "fail": (4, {"calls": st.integers(1, 4), "worker": st.sampled_from(WORKERS),
                 "tries": st.lists(st.sampled_from(("well", "ill", "ill", "lost")), min_size=1, max_size=3)}),
    "checks": (2, {"calls": st.sampled_from((32, 1)), "lease_ms": st.sampled_from((100, 10_000))}),
    "finish": (18, {"results": st.lists(st.tuples(INDEX, HOW, OUTCOME, LATER_MS, st.sampled_from((0, 0, 0, 0, 0, 1, -1)),
                                                  st.sampled_from(("", "p1")), st.sampled_from(("1", "30", "", "0", "150"))), min_size=1, max_size=3)}),
    "finish_old": (3, {"pick": INDEX, "how": HOW, "outcome": OUTCOME}),
    "tick": (5, {"worker": st.sampled_from(WORKERS), "items": st.sampled_from((200, 200, 1, 2))}),
    "wait_and_tick": (4, {"by_us": st.sampled_from((1_000_000, 2_500_000, 5_000_000))}),
    "send_again": (5, {"back": st.integers(0, 15)}),
    "send_again_at_once": (5, {}),
    "wait": (5, {"by_us": PAUSE_US}),
    "step_back": (1, {"by_us": st.sampled_from((1, 1000, 300_000, BACK_MOST_US))}),
    "wait_for_an_edge": (7, {"index": st.integers(0, 5), "off_us": st.sampled_from((0, 1000, -1000, 1, -1))}),
}
NO_CHANGE = ("wait", "step_back", "wait_for_an_edge")

_NAMES = [name for name, (weight, _) in STEPS.items() for _ in range(weight)]
_ARGUMENTS = {name: st.tuples(st.just(name), st.fixed_dictionaries(fields)) for name, (_, fields) in STEPS.items()}
_STEP: st.SearchStrategy[Step] = st.sampled_from(_NAMES).flatmap(lambda name: _ARGUMENTS[name])
LIMITS = st.tuples(*(st.tuples(CPS, MOST) for _ in (*TRUNKS, *TENANTS)))


# What every sequence starts with: something to do.
_FIRST = st.lists(_ARGUMENTS["new_batch"], min_size=2, max_size=3)


def sequences(steps: int) -> st.SearchStrategy[list[Step]]:
    return st.tuples(_FIRST, st.lists(_STEP, min_size=steps // 2, max_size=steps)).map(lambda parts: parts[0] + parts[1])


def play(driver: Driver, limits: tuple[tuple[int, int | None], ...], sequence: list[Step]) -> None:
    """The whole of an example: raises AssertionError where scripts and model disagree."""
    actor = _Actor(driver, limits)
    for name, arguments in sequence:
        getattr(actor, name)(**arguments)
        if name not in NO_CHANGE:
            driver.verify()
    drain(driver)


class _Actor:
    """Everybody, one method a step. A step whose subject does not exist does nothing."""

    def __init__(self, driver: Driver, limits: tuple[tuple[int, int | None], ...]) -> None:
        self.driver, self.picture = driver, driver.picture
        self.requests = 0
        self.has_stepped_back = False
        names = [("k", name) for name in TRUNKS] + [("t", name) for name in TENANTS]
        for (kind, name), (cps, most) in zip(names, limits):
            driver.send("resource", kind, name, cps, most, True)

    @property
    def now_ms(self) -> int:
        return self.picture.now_ms

    def _batch(self, index: int) -> Batch | None:
        batches = list(self.picture.batches.values())
        return batches[index % len(batches)] if batches else None

    def _slots(self, picks: list[int]) -> list[tuple[Slot, str]]:
        """Given ones, the newest first: two picks of three go to those that are still on their way."""
        issued = self.driver.issued[-RECENT:]
        current = [pair for pair in self.driver.issued if self._is_current(pair[0])] or issued
        found = []
        for pick in picks if issued else []:
            slots = issued if pick % 3 == 2 else current
            found.append(slots[-1 - pick // 3 % len(slots)])
        return found

    def _is_current(self, slot: Slot) -> bool:
        call = self.picture.call(slot.batch, slot.ordinal)
        return call is not None and call.dial == slot.dial and call.phase in ("claimed", "live", "ended")

    def _tenant(self, batch: Batch, is_own: bool) -> str:
        return batch.tenant.name if is_own else TENANTS[batch.tenant.name == TENANTS[0]]

    # ---- operators and tenants ----

    def change_resource(self, kind: str, index: int, cps: int | None, most: int | None, is_active: bool) -> None:
        names = TRUNKS if kind == "k" else TENANTS
        self.driver.send("resource", kind, names[index % 2], cps, most, is_active)

    def new_batch(
        self, owner: str, trunk: str, numbers: list[int], cps: int, priority: int, most: int | None, attempts: int,
        is_told_of: bool, start_in_ms: int | None, is_sealed: bool, period_ms: int, expires_in_ms: int | None,
    ) -> None:
        if len(self.picture.batches) >= BATCHES_MOST:
            return
        self.requests += 1
        name = f"batch_c0_{self.requests:04d}"
        fields = {"cps": cps, "priority": priority, "max_attempts": attempts, "summary_wait_ms": 1000}
        if most is not None:
            fields["max_concurrent"] = most
        if expires_in_ms is not None:
            fields["expires_ms"] = self.now_ms + expires_in_ms
        start_ms = None if start_in_ms is None else self.now_ms + start_in_ms
        self.driver.send("create", name, owner, trunk, start_ms, is_told_of, fields, period_ms)
        self.driver.send("ingest", name, 1, "first", tuple(numbers))
        if is_sealed:
            self.driver.send("seal", name, len(set(numbers)))

    def ingest(self, index: int, chunk: int, digest: str, numbers: list[int]) -> None:
        if batch := self._batch(index):
            self.driver.send("ingest", batch.name, chunk, digest, tuple(numbers))

    def seal(self, index: int, miss: int) -> None:
        if batch := self._batch(index):
            self.driver.send("seal", batch.name, len(batch.calls) + miss)

    def append(self, index: int, is_own: bool, holder: str, lease_ms: int) -> None:
        if batch := self._batch(index):
            given = (batch.name, self._tenant(batch, is_own), holder)
            if lease_ms:
                self.driver.send("append", *given, lease_ms)
            else:
                self.driver.send("end_append", *given)

    def append_and_ingest(self, index: int, numbers: list[int]) -> None:
        if batch := self._batch(index):
            self.driver.send("append", batch.name, batch.tenant.name, "one", 5_000)
            self.driver.send("ingest", batch.name, len(batch.chunks) + 10, "appended", tuple(numbers))

    def control(self, index: int, is_own: bool, verb: str) -> None:
        if batch := self._batch(index):
            words = {"pause": ("user",), "fail": ("reason", "CODE")}.get(verb, ())
            self.driver.send("control", batch.name, self._tenant(batch, is_own), verb, *words)

    def change(self, index: int, is_own: bool, miss: int, given: dict[str, Any], expires_in_ms: Any) -> None:
        if batch := self._batch(index):
            given = dict(given)
            if expires_in_ms != "":
                given["expires_ms"] = None if expires_in_ms is None else self.now_ms + expires_in_ms
            self.driver.send("change", batch.name, self._tenant(batch, is_own), batch.revision + miss, given)

    def change_credit(self, owner: str, text: str) -> None:
        self.driver.send("credit", owner, text)

    def refill(self, index: int, text: str, items: int) -> None:
        """Credit for somebody who waits for it, whom there may be none of before, and the tick that follows."""
        if not any(batch.wants_credit for batch in self.picture.batches.values()):
            self.driver.send("credit", TENANTS[index % 2], "0")
            self.claim_and_begin("w1", 150_000, is_waited_for=True)
        if waiting := [batch.tenant.name for batch in self.picture.batches.values() if batch.wants_credit]:
            owner = waiting[index % len(waiting)]
            self.driver.send("credit", owner, text if self.picture.tenants[owner].credit_s is not None else "310")
            self._wait_until(self.picture.now_us + 1_000_000)
            self.tick("w1", items)

    def suppress(self, owner: str, verb: str, numbers: list[int]) -> None:
        self.driver.send("suppress", owner, verb, tuple(numbers))

    # ---- workers ----

    def close(self, seen_ago_ms: int, for_ms: int) -> None:
        self.driver.send("close", self.now_ms - seen_ago_ms, for_ms)

    def claim(self, worker: str, calls: int, steps: int) -> list[Slot]:
        self.requests += 1
        return self.driver.send("claim", worker, f"r{self.requests}", calls, steps)

    def claim_and_begin(self, worker: str, life_ms: int, is_waited_for: bool) -> None:
        """What a worker does when nothing goes wrong."""
        slots = self.claim(worker, 64, 400)
        if slots and is_waited_for:
            self._wait_until(slots[-1].slot_us)
        if slots:
            self.driver.send("begin", worker, tuple(slots), life_ms)

    def claim_after_quiet(self) -> None:
        """Where nothing but pace could hold a call back, and pace had its time, its trunk hands out work, or its tenant got
        work from another."""
        self._wait_until(self.picture.now_us + QUIET_US)
        owed = [call for call in self.picture.calls() if self.picture.is_owed_a_slot(call)]
        batches = [self.picture.batches[slot.batch] for slot in self.claim("w1", 64, 400)]
        served = [batch.trunk for batch in batches] + [batch.tenant for batch in batches]
        for call in owed:
            assert call.batch.trunk in served or call.batch.tenant in served, f"{call.name} is due, and was not handed out"

    def begin(self, picks: list[int], stranger: str | None, life_ms: int) -> None:
        if slots := self._slots(picks):
            self.driver.send("begin", stranger or slots[0][1], tuple(slot for slot, _ in slots), life_ms)

    def release(self, picks: list[int], stranger: str | None) -> None:
        if slots := self._slots(picks):
            self.driver.send("release", stranger or slots[0][1], tuple(slot for slot, _ in slots))

    def strike(self, worker: str, times: int) -> None:
        """A worker can make nothing of what it claims."""
        for _ in range(times):
            if slots := self.claim(worker, 64, 400):
                self.driver.send("strike", worker, tuple(slots))
            self._wait_until(self.picture.now_us + 1_000_000)

    def reassert(self, pick: int, back: int, is_claimed: bool, worker: str, life_ms: int, began_ago_ms: int, check_in_ms: int,
                 provider_id: str) -> None:
        """A worker tells of a dial that Redis may have forgotten: the next one, that of the claim, or one that was begun. Of
        a number that Redis takes to be on another call: whichever is looked up first would be the model's to know."""
        begin_ms = self.now_ms - began_ago_ms
        told = [call for call in self.picture.calls() if self._may_be_told(call, begin_ms)]
        if told:
            call = told[pick % len(told)]
            dial = call.dial if is_claimed and call.dial > call.begun else call.dial + 1
            if 0 < back <= call.begun:
                dial = call.begun + 1 - back
            attempt = min(call.attempts + 1, call.batch.max_attempts)
            slot = Slot(call.batch.name, call.ordinal, dial, begin_ms * 1000, attempt - 1, b"")
            check_ms = self.now_ms + check_in_ms
            self.driver.send("reassert", worker, Told(slot, attempt, begin_ms, begin_ms + life_ms, check_ms, call.number, provider_id))

    def _may_be_told(self, call: Call, begin_ms: int) -> bool:
        batch = call.batch
        is_in_time = batch.expires_ms is None or begin_ms < batch.expires_ms
        return batch.is_sealed and is_in_time and call.is_next and self.picture.holder(batch.tenant, call.number) in (None, call)

    def accept(self, picks: list[int], provider_id: str, check_in_ms: int, queue_ms: int) -> None:
        if slots := self._slots(picks):
            self.driver.send("accept", tuple(slot for slot, _ in slots), provider_id, self.now_ms + check_in_ms, queue_ms)

    def abort(self, pick: int, stranger: str | None, due_in_ms: int, verdict: str, hold_ms: int) -> None:
        for slot, owner in self._slots([pick]):
            self.driver.send("abort", slot, stranger or owner, verdict, self.now_ms + due_in_ms, hold_ms)

    def recheck(self, pick: int, what: str, provider_id: str, check_in_ms: int, absent_after_ms: int) -> None:
        for slot, _ in self._slots([pick]):
            self.driver.send("recheck", slot, what, provider_id, self.now_ms + check_in_ms, absent_after_ms)

    def find_absent(self, pick: int, absent_after_ms: int, wait_ms: int) -> None:
        """A lookup that finds nothing, twice: what becomes of a dial that never reached the platform."""
        live = [call for call in self.picture.calls() if call.phase == "live" and not call.provider_id]
        if live:
            call = live[pick % len(live)]
            slot = Slot(call.batch.name, call.ordinal, call.dial, call.slot_us, call.attempts, b"")
            for _ in range(2):
                self.driver.send("recheck", slot, "absent", "", self.now_ms, absent_after_ms)
                self._wait_until(self.picture.now_us + wait_ms * 1000)

    def fail(self, calls: int, worker: str, tries: list[str]) -> None:
        """The platform gives no certain answer about the calls that were begun; then trunks are tried."""
        live = [call for call in self.picture.calls() if call.phase == "live" and not call.provider_id]
        for call in live[:calls]:
            slot = Slot(call.batch.name, call.ordinal, call.dial, call.slot_us, call.attempts, b"")
            self.driver.send("recheck", slot, "doubt", "HTTP 503", self.now_ms + 2000, 0)
        for became in tries:
            self._try_trunks(worker, became == "well", became == "lost")

    def _try_trunks(self, worker: str, is_well: bool, is_lost: bool) -> None:
        """The one call that an open breaker lets begin, and its verdict, unless its worker dies. What was in doubt before was
        not placed."""
        for trunk in self.picture.trunks.values():
            if trunk.breaker.until_ms is None:
                continue
            for call in [call for call in self.picture.calls() if call.is_unsure and call.batch.trunk is trunk and call.phase == "live"]:
                slot = Slot(call.batch.name, call.ordinal, call.dial, call.slot_us, call.attempts, b"")
                for _ in range(2):
                    self.driver.send("recheck", slot, "absent", "", self.now_ms, 0)
            self._wait_until(trunk.breaker.until_ms * 1000)
            self.claim_and_begin(worker, 150_000, is_waited_for=True)
            live = [call for call in self.picture.calls() if call.phase == "live" and call.member == trunk.breaker.probe]
            for call in [] if is_lost else live:
                slot = Slot(call.batch.name, call.ordinal, call.dial, call.slot_us, call.attempts, b"")
                if is_well:
                    self.driver.send("accept", (slot,), "p1", self.now_ms + 1000, 0)
                else:
                    self.driver.send("recheck", slot, "doubt", "HTTP 503", self.now_ms + 2000, 0)

    def checks(self, calls: int, lease_ms: int) -> None:
        self.driver.send("checks", calls, lease_ms)

    def finish(self, results: list[tuple[int, str, str, int, int, str, str]]) -> None:
        if self.driver.issued:
            self.driver.send("finish", tuple(self._result(*result) for result in results))

    def finish_old(self, pick: int, how: str, outcome: str) -> None:
        """A callback about a dial that another one followed."""
        old = [slot for slot, _ in self.driver.issued if self._is_followed(slot)]
        if old:
            slot = old[pick % len(old)]
            call = self.picture.call(slot.batch, slot.ordinal)
            assert call is not None
            self.driver.send("finish", (Result(*slot.ref, call.attempts, how, outcome, self.now_ms if how == "retry" else None),))

    def _is_followed(self, slot: Slot) -> bool:
        call = self.picture.call(slot.batch, slot.ordinal)
        return call is not None and slot.dial < call.begun

    def _result(self, pick: int, how: str, outcome: str, next_in_ms: int, miss: int, provider_id: str, duration: str) -> Result:
        slot, _ = self._slots([pick])[0]
        call = self.picture.call(slot.batch, slot.ordinal)
        attempts = (call.attempts if call else 1) + miss
        next_ms = self.now_ms + next_in_ms if how == "retry" else None
        return Result(*slot.ref, attempts, how, outcome, next_ms, provider_id, duration)

    def tick(self, worker: str, items: int) -> None:
        self.driver.send("tick", worker, items)

    def wait_and_tick(self, by_us: int) -> None:
        self._wait_until(self.picture.now_us + by_us)
        self.tick("w1", 200)

    def send_again(self, back: int) -> None:
        self.driver.repeat(back)

    def send_again_at_once(self) -> None:
        self.driver.repeat(0)

    # ---- time ----

    def _wait_until(self, at_us: int) -> None:
        self.driver.set_clock(max(at_us, self.picture.now_us))

    def wait(self, by_us: int) -> None:
        self._wait_until(self.picture.now_us + by_us)

    def step_back(self, by_us: int) -> None:
        """A clock that is set right, once a sequence: what was reserved ahead lies further ahead. Not back over an expiry or
        a closing: what was given up for it then is not taken up again."""
        then_us = self.picture.now_us - by_us
        if not self.has_stepped_back and not any(then_us < end_ms * 1000 <= self.picture.now_us for end_ms in self._ends_ms()):
            self.has_stepped_back = True
            self.driver.set_clock(then_us)

    def _ends_ms(self) -> list[int]:
        batches = self.picture.batches.values()
        return [batch.expires_ms or 0 for batch in batches] + [close_ms for batch in batches for _, close_ms in batch.hours]

    def wait_for_an_edge(self, index: int, off_us: int) -> None:
        """Up to the instant at which a lease passes, a retry comes due, a deadline, a start; or right beside it."""
        if instants := self.picture.instants_ms():
            self._wait_until(instants[index % len(instants)] * 1000 + off_us)
