# SPDX-License-Identifier: Apache-2.0
"""A cell whose schema is raised: processes that do not know it leave with their reason, and a fleet that does goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cli import CONFIGURATION, DONE, FAILED, Cli
from tests.support.engine import SCHEMA
from tests.support.processes import Process, build_directory
from tests.support.stack import Stack, phone_numbers

NEXT = build_directory() / "next"
SHORT = {"retryStrategy": {"maxAttempts": 1}, "summaryWait": 1}


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack(workers=2) as running:
        yield running


@pytest.fixture
def newer(stack: Stack) -> Cli:
    """The tool of the next version."""
    return Cli(build=NEXT, **stack.redis.access("carillon-operator"))


def upgrade(newer: Cli, *args: str) -> tuple[int, Any]:
    ended = newer("cell", "upgrade", "c0", "--json", *args)
    return ended.status, ended.json()


def assert_refused(process: Process, status: int, schema: int) -> None:
    assert status == CONFIGURATION
    assert f"the cell speaks schema {schema}, this process" in process.log_events("cell.refused")[-1]["detail"]


def test_a_schema_is_raised_when_the_fleet_is_new_and_what_is_old_leaves(stack: Stack, newer: Cli) -> None:
    stack.wait_for_batch(stack.submit(phone_numbers(4), **SHORT))
    status, told = upgrade(newer)
    assert (status, told["schema"], len(told["older"])) == (FAILED, SCHEMA, 4)
    old_worker, new_worker = stack.workers
    for process in (new_worker, stack.notifier):
        process.move_to(NEXT)
    status, told = upgrade(newer)
    assert (status, told["schema"]) == (FAILED, SCHEMA)
    assert {older["process"] for older in told["older"]} == {"carillon-worker", "carillon-producer"}
    # By force: workers are told at once, the producer finds out when it says next that it is there.
    for process in (old_worker, stack.producer):
        process.keep_address()
    status, told = upgrade(newer, "--force")
    assert (status, told["before"], told["schema"]) == (DONE, SCHEMA, SCHEMA + 1)
    for process in (old_worker, stack.producer):
        assert_refused(process, process.wait(30.0), SCHEMA + 1)
    # An old one does not start any more; the new ones work on.
    old_worker.start(wait=False)
    assert_refused(old_worker, old_worker.wait(30.0), SCHEMA + 1)
    for process in (old_worker, stack.producer):
        process.move_to(NEXT)
    assert upgrade(newer) == (DONE, {"cell": "c0", "before": SCHEMA + 1, "schema": SCHEMA + 1, "older": []})
    stack.wait_for_batch(stack.submit(phone_numbers(4, 15550200000), **SHORT))
    assert newer("audit").status == DONE
    # What is newer than the new ones is not for them either. All but one have ended: each would find out by itself.
    for process in (*stack.workers, stack.producer):
        process.terminate()
    stack.redis.client().hset("carillon:{c0}:cell", "schema", SCHEMA + 2)
    stack.notifier.terminate()
    stack.notifier.start(wait=False)
    assert_refused(stack.notifier, stack.notifier.wait(30.0), SCHEMA + 2)
