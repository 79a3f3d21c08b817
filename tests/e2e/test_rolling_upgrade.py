# SPDX-License-Identifier: Apache-2.0
"""Two versions of Carillon in one cell: a fleet is replaced process by process, and back. The other version is the next one
(tests/support/next_version.py) or, by `make test-upgrade`, one of the history."""

from __future__ import annotations

import redis

from tests.support.engine import SCHEMA, newest_schema
from tests.support.history import Rules, judge
from tests.support.ledger import read_ledger
from tests.support.processes import build_directory, other_build_directory
from tests.support.stack import Stack, brief_calls, phone_numbers
from tests.support.waiting import wait_until

LIMIT = 30
CONTACTS = 20
# The platform judges a delay by when requests come, and on a busy machine one comes late: they are asked for longer.
RULES = Rules(limit=LIMIT, max_attempts=3, delays_ms={"": 1000})
OPTIONS = brief_calls(LIMIT)


def schema_of_both() -> int:
    """The newest that both versions know: a fleet of the older one was there first."""
    other = other_build_directory()
    if other.name == "next":
        return SCHEMA
    path = other.parents[1] / "common/redis/schema.h"  # of a version of the history; the first ones had none, and one schema
    return min(SCHEMA, newest_schema(path)) if path.exists() else 1


def states(client: redis.Redis, batch: str) -> list[str]:
    keys = client.scan_iter(f"carillon:{{c0}}:batch:{batch}:state:*")
    return [text.decode() for key in keys for text in client.hvals(key)]


def test_a_fleet_is_replaced_process_by_process_and_back_while_it_dials() -> None:
    # Some calls end without a callback: they are settled by lookups, which a worker of either version may lease.
    with Stack(workers=2, faults=("callback_never=0.2",), poll_after_ms=500, schema=schema_of_both()) as stack:
        client = stack.redis.client()
        batches: dict[str, list[str]] = {}
        for build in (other_build_directory(), build_directory()):
            for process in (*stack.workers, stack.notifier, stack.producer):
                numbers = phone_numbers(CONTACTS, 15550100000 + 1000 * len(batches))
                batch = stack.submit(numbers, **OPTIONS)
                batches[batch] = numbers
                wait_until(lambda batch=batch: len(stack.delivered("call.completed", batch)) >= 4, 30.0, "calls are told")
                process.move_to(build)  # with the rest of the calls under way
        for batch in batches:
            stack.wait_for_batch(batch)
        for batch, numbers in batches.items():
            wait_until(lambda batch=batch: len(stack.delivered("call.completed", batch)) >= CONTACTS, 30.0, "every call is told")
            report = judge(numbers, stack.carrier_events(), list(stack.deliveries), RULES, read_ledger(client, batch))
            assert report.keeps_promises(), (report.line("upgrade", "?"), report.examples)
        is_clean, printed = stack.audit()
        assert is_clean, printed
        if other_build_directory().name == "next":
            # What the newer wrote is there still, the older having been there last.
            kept = [text for batch in batches for text in states(client, batch) if " next=" in text]
            assert kept and any(client.hget(f"carillon:{{c0}}:batch:{batch}", "next") == b"yes" for batch in batches)
