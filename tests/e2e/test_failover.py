# SPDX-License-Identifier: Apache-2.0
"""A campaign whose primary dies with its last second, and one whose primary is changed as planned, on a real Sentinel set:
one primary, one replica, three Sentinels."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import recovery
from tests.support.history import Rules, judge
from tests.support.ledger import read_ledger
from tests.support.redis_sentinels import SentinelSet
from tests.support.stack import Stack, phone_numbers
from tests.support.waiting import wait_until

RETRIES = {"maxAttempts": 3, "noAnswerDelay": 1000, "busyDelay": 1000}
LIMIT = 30
CLOSED_S = 13.99  # LIMIT_CELL_CLOSED_MS, but for the rounding of a log line
BUSY_S = 2.0  # what a machine that runs other tests may add to a bound


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack(redis=SentinelSet(), workers=2, talk_ms=300) as running:  # type: ignore[arg-type]
        yield running


def placed(stack: Stack) -> int:
    return sum(event["ev"] == "create" for event in stack.carrier_events())


def assert_kept(stack: Stack, batch: str, numbers: list[str]) -> None:
    stack.wait_for_batch(batch, 120.0)
    wait_until(lambda: len(stack.delivered("call.completed", batch)) >= len(numbers), 30.0, "every call is told")
    rules = Rules(limit=LIMIT, max_attempts=RETRIES["maxAttempts"], delays_ms={"": 1000})
    report = judge(numbers, stack.carrier_events(), list(stack.deliveries), rules, read_ledger(stack.redis.client(), batch))
    # What was delivered of a lost tail may come again with other bytes: docs/failure-model.md.
    assert report.keeps_promises(but=frozenset({"altered"})), (report.line("failover", "ok"), report.examples)
    is_clean, printed = stack.audit()
    assert is_clean, printed


def told_again(stack: Stack) -> int:
    told = [event for worker in stack.workers for event in worker.log_events("cell.reasserted")]
    return sum(event["restored"] for event in told)


def test_a_campaign_outlives_a_failover_to_a_replica_that_lagged_and_rings_nobody_twice(stack: Stack) -> None:
    sentinels: SentinelSet = stack.redis  # type: ignore[assignment]
    numbers = phone_numbers(45)
    batch = stack.submit(numbers, maxCallsPerSecond=LIMIT, retryStrategy=RETRIES, summaryWait=2, ringTimeout=5, maxCallDuration=60)
    wait_until(lambda: placed(stack) >= 15, 20.0, "calls are placed")
    sentinels.cut_replication()
    before = placed(stack)
    wait_until(lambda: placed(stack) >= before + 10, 20.0, "more calls are placed, of which the replica knows nothing")
    sentinels.kill_primary()
    sentinels.wait_for_promotion()
    promoted_at = recovery.logged_at(sentinels.primary, recovery.PROMOTED)
    reopened_s = recovery.reopened_after(stack, batch, promoted_at)
    assert CLOSED_S <= reopened_s <= recovery.REOPENED_MOST_S + BUSY_S

    assert_kept(stack, batch, numbers)
    assert told_again(stack) > 0, "nothing was lost: the test shows nothing"


def test_a_campaign_goes_on_over_a_planned_failover_and_the_old_primary_comes_back(stack: Stack) -> None:
    """The closing is over by decree: how long it lasts is measured above."""
    sentinels: SentinelSet = stack.redis  # type: ignore[assignment]
    numbers = phone_numbers(60)
    batch = stack.submit(numbers, maxCallsPerSecond=LIMIT // 2, retryStrategy=RETRIES, summaryWait=2, ringTimeout=5, maxCallDuration=60)
    wait_until(lambda: placed(stack) >= 10, 20.0, "calls are placed")
    sentinels.fail_over_in_order()
    wait_until(lambda: all(worker.log_events("cell.closed") for worker in stack.workers), 30.0, "both workers are there")
    before = placed(stack)
    sentinels.client().hset("carillon:{c0}:cell", "closed_until", 1)
    wait_until(lambda: placed(stack) > before, 30.0, "the campaign goes on")
    assert_kept(stack, batch, numbers)
    assert told_again(stack) == 0, "a replica that is up to date has forgotten something"
    sentinels.rejoin()
