# SPDX-License-Identifier: Apache-2.0
"""The end of a sequence: nobody stops or pauses anything any more, and one worker that does exactly what the scripts tell
it, at the instants that they name, brings every call to its end. What does not come to its end was lost."""

from __future__ import annotations

from tests.lua.model.driver import Driver
from tests.lua.model.picture import ENDED
from tests.lua.model.rules import Result
from tests.support.engine import Slot

WORKER = "drain"
ROUNDS_MOST = 2000
TICK_US = 1_000_000
LATER_US = 70_000_000  # a trunk stays listed up to when its last retry was due
VERIFIED_EACH = 16
LEFT_BEHIND = ("claimed", "live", "ended", "appending", "ending", "trunks", "parked", "expiries", "hours", "funded")
LEFT_BEHIND_PATTERNS = ("dialing:*", "held:*", "retry:*", "waiting:*", "ready:*", "turn:*", "parked:*", "unfunded:*", "*:seen:*", "*:retry:*")


def drain(driver: Driver) -> None:
    driver.verify_load()
    _open_everything(driver)
    worker = _Worker(driver)
    for turn in range(ROUNDS_MOST):
        if all(batch.state in ENDED and batch.count("final") == len(batch.calls) for batch in driver.picture.batches.values()):
            break
        worker.work()
        if turn % VERIFIED_EACH == 0:
            driver.verify()
    else:
        raise AssertionError(f"never came to an end: {_open_calls(driver)}")
    driver.verify()
    driver.verify_load()
    _see_nothing_left(driver)


def _open_calls(driver: Driver) -> list[str]:
    return [
        f"{call.name} ({call.batch.state}, {call.batch.trunk.name}, {call.batch.tenant.name}) is {call.phase}"
        for call in driver.picture.calls()
        if call.phase != "final"
    ]


def _open_everything(driver: Driver) -> None:
    picture = driver.picture
    for resource in (*picture.trunks.values(), *picture.tenants.values()):
        driver.send("resource", resource.kind, resource.name, None, resource.most, True)
    for tenant in picture.tenants:
        driver.send("credit", tenant, "")
    for batch in list(picture.batches.values()):
        if not batch.is_sealed and batch.calls:
            driver.send("seal", batch.name, len(batch.calls))
        if batch.state == "paused":
            driver.send("control", batch.name, batch.tenant.name, "resume")
        elif not batch.is_sealed:
            driver.send("control", batch.name, batch.tenant.name, "cancel")


def _see_nothing_left(driver: Driver) -> None:
    """Every index is empty once its time has come, and what is kept for a while only went by the tick."""
    engine = driver.engine
    for _ in range(4):
        driver.set_clock(driver.picture.now_us + LATER_US)
        driver.send("claim", WORKER, f"last{driver.picture.now_us}", 64, 400)
        driver.send("tick", WORKER, 200)
    keys = [key.decode() for key in engine.client.keys("*")]
    left = [key for key in keys if key in [engine.key(name) for name in LEFT_BEHIND]]
    for pattern in LEFT_BEHIND_PATTERNS:
        left += [key.decode() for key in engine.client.keys(engine.key(pattern))]
    assert not left, f"left behind: {sorted(left)}"


class _Worker:
    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.slots: list[Slot] = []
        self.tick_us = 0
        self.requests = 0

    def work(self) -> None:
        """One turn: everything that is due now, then on to the next instant that a script named."""
        driver, picture = self.driver, self.driver.picture
        following = []
        if self.tick_us <= picture.now_us:
            driver.send("tick", WORKER, 200)
            self.tick_us = picture.now_us + TICK_US
        following.append(self.tick_us)
        self._begin_due()
        self._finish_all()
        self.requests += 1
        self.slots += driver.send("claim", WORKER, f"drain{self.requests}", 64, 400)
        following += [slot.slot_us for slot in self.slots]
        if driver.next_claim_ms is not None:
            following.append(driver.next_claim_ms * 1000)
        driver.set_clock(max(min(following), picture.now_us + 1000))

    def _begin_due(self) -> None:
        now_us = self.driver.picture.now_us
        due = tuple(slot for slot in self.slots if slot.slot_us <= now_us)
        self.slots = [slot for slot in self.slots if slot.slot_us > now_us]
        if due:
            self.driver.send("begin", WORKER, due, 150_000)

    def _finish_all(self) -> None:
        for call in self.driver.picture.calls():
            if call.phase in ("live", "ended"):
                result = Result(call.batch.name, call.ordinal, call.begun, call.attempts, "final", "COMPLETED")
                self.driver.send("finish", (result,))
