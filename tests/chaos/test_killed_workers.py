# SPDX-License-Identifier: Apache-2.0
"""Workers that are killed (SIGKILL) at each step between claim and finish, over and over, while a campaign runs: no call is
lost and none is placed twice.

    CARILLON_KILLS=200 pytest tests/chaos/test_killed_workers.py    as many kills as that; a few of each step by default
"""

from __future__ import annotations

import itertools
import os
import signal

from tests.support.engine import most_in_a_second
from tests.support.history import Rules, judge
from tests.support.ledger import read_ledger
from tests.support.processes import Process
from tests.support.stack import Stack, phone_numbers
from tests.support.waiting import wait_until

# By common/base/breakpoint.h: the states of a dial (worker/dial.h), and the steps of settling one (worker/settle.c).
STEPS = (
    "dial.waiting",
    "dial.beginning",
    "dial.begun",
    "dial.sending",
    "dial.telling",
    "dial.over",
    "settle.reported",
    "settle.decided",
    "settle.written",
)
KILLS = int(os.environ.get("CARILLON_KILLS", "30"))
LIMIT = 30
CALLS_OF_A_KILL = 12  # work enough for every worker to get some, from its start until it is killed


def killed(process: Process, deadline_s: float = 60.0) -> None:
    status = process.wait(deadline_s)
    assert status == -signal.SIGKILL, f"{process.label} ended with {status}"


def test_workers_killed_at_any_step_lose_no_call_and_place_none_twice() -> None:
    # Half of the calls end without a callback: they are settled by lookups, which any worker may lease.
    with Stack(workers=1, faults=("callback_never=0.5",), poll_after_ms=500) as stack:
        numbers = phone_numbers(KILLS * CALLS_OF_A_KILL)
        retries = {"maxAttempts": 3, "noAnswerDelay": 1000, "busyDelay": 1000}
        batch = stack.submit(
            numbers, maxCallsPerSecond=LIMIT, retryStrategy=retries, summaryWait=2, ringTimeout=5, maxCallDuration=10
        )
        for step, at in zip(itertools.islice(itertools.cycle(STEPS), KILLS), itertools.cycle((1, 2, 3))):
            doomed = stack.doomed_worker(f"{step}:kill:{at}")
            doomed.start(wait=False)
            killed(doomed)
            assert stack.status(batch)["status"] != "completed", "the campaign was too short for so many kills"
        # A dial that was begun and never sent is looked up when its request must have ended, 31 s after.
        stack.wait_for_batch(batch, 120.0 + len(numbers) / 10)
        wait_until(lambda: len(stack.delivered("call.completed", batch)) >= len(numbers), 60.0, "every call is told")
        rules = Rules(limit=LIMIT, max_attempts=3, delays_ms={"": 1000})
        ledger = read_ledger(stack.redis.client(), batch)
        report = judge(numbers, stack.carrier_events(), list(stack.deliveries), rules, ledger)
        assert report.keeps_promises(), (report.line("kills", "?"), report.examples)
        assert most_in_a_second(stack.begin_instants_us(batch)) <= LIMIT
        is_clean, printed = stack.audit()
        assert is_clean, printed
