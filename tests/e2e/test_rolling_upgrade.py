# SPDX-License-Identifier: Apache-2.0
"""Two versions of Carillon in one cell: a fleet is replaced process by process, and back. The other version is the next one
(tests/support/next_version.py) or, by `make test-upgrade`, one of the history."""

from __future__ import annotations

import re

from tests.support.history import Rules, judge
from tests.support.ledger import read_ledger
from tests.support.processes import build_directory, other_build_directory
from tests.support.stack import Stack, phone_numbers
from tests.support.waiting import wait_until

LIMIT = 30
RULES = Rules(limit=LIMIT, max_attempts=3, delays_ms={"": 1000})
OPTIONS = {
    "maxCallsPerSecond": LIMIT,
    "retryStrategy": {"maxAttempts": 3, "noAnswerDelay": 1000, "busyDelay": 1000},
    "summaryWait": 2,
    "ringTimeout": 5,
    "maxCallDuration": 10,
}


def told(stack: Stack) -> int:
    return len(stack.delivered("call.completed"))


def states(stack: Stack, batch: str) -> list[str]:
    client = stack.redis.client()
    keys = client.scan_iter(f"carillon:{{c0}}:batch:{batch}:state:*")
    return [text.decode() for key in keys for text in client.hvals(key)]


def test_a_fleet_is_replaced_process_by_process_and_back_while_it_dials() -> None:
    # Some calls end without a callback: they are settled by lookups, which a worker of either version may lease.
    with Stack(workers=2, faults=("callback_never=0.2",), poll_after_ms=500) as stack:
        parts = [phone_numbers(120, 15550100000), phone_numbers(60, 15550200000), phone_numbers(60, 15550300000)]
        batches = [stack.submit(parts[0], **OPTIONS)]
        for build, numbers in zip((other_build_directory(), build_directory()), parts[1:]):
            for process in (*stack.workers, stack.notifier, stack.producer):
                process.move_to(build)
                before = told(stack)
                wait_until(lambda: told(stack) >= before + 8, 30.0, f"calls are told after {process.label} was replaced")
            batches.append(stack.submit(numbers, **OPTIONS))  # by a producer of that version
        for batch in batches:
            stack.wait_for_batch(batch)
        for batch, numbers in zip(batches, parts):
            wait_until(lambda: len(stack.delivered("call.completed", batch)) >= len(numbers), 30.0, "every call is told")
            report = judge(numbers, stack.carrier_events(), list(stack.deliveries), RULES, read_ledger(stack.redis.client(), batch))
            assert report.keeps_promises(), (report.line("upgrade", "?"), report.examples)
        is_clean, printed = stack.audit()
        assert is_clean, printed
        if other_build_directory().name == "next":
            # The second batch was dialed by both: what the newer wrote into a call's state the older kept.
            kept = [int(found.group(1)) for text in states(stack, batches[1]) for found in [re.search(r" next=(\d+)", text)] if found]
            assert kept and stack.redis.client().hget(f"carillon:{{c0}}:batch:{batches[1]}", "next") == b"yes", states(stack, batches[1])[:3]
