# SPDX-License-Identifier: Apache-2.0
"""How long recovery takes, by the bounds of docs/failure-model.md. What a quiet machine needs: make bench-recovery."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.support import recovery
from tests.support.fleet import Fleet
from tests.support.notifier_world import World
from tests.support.platform import Platform
from tests.support.redis_server import RedisServer
from tests.support.stack import Stack, phone_numbers
from tests.support.waiting import wait_until

BUSY_S = 2.0  # what a machine that runs other tests may add to a bound
QUEUED = 20_000


@pytest.fixture
def platform() -> Iterator[Platform]:
    with Platform() as server:
        yield server


@pytest.fixture
def fleet(redis_server: RedisServer, platform: Platform, tmp_path: pathlib.Path) -> Iterator[Fleet]:
    made = Fleet(redis_server, tmp_path)
    made.trunk(platform.url)
    yield made
    made.close()


def test_redis_killed_and_started_again_with_calls_queued_resumes_by_itself() -> None:
    """Nobody intervenes, and no process leaves. A million: make bench-recovery."""
    with Stack(workers=2) as stack:
        batch = stack.submit(phone_numbers(QUEUED), maxCallsPerSecond=20)
        wait_until(lambda: recovery.begins_s(stack, batch), 20.0, "calls are begun")
        before = recovery.pids(stack)
        stack.redis.kill_written()
        stack.redis.start()
        ready_at = recovery.logged_at(stack.redis, recovery.READY)
        assert recovery.reopened_after(stack, batch, ready_at) <= recovery.REOPENED_MOST_S + BUSY_S
        assert recovery.pids(stack) == before
        status = stack.status(batch)
        assert (status["status"], status["statistics"]["total"]) == ("processing", QUEUED)
        stack.api("POST", f"/api/v1/batch/{batch}/cancel")
        is_clean, printed = stack.audit()
        assert is_clean, printed


def test_the_claims_of_a_killed_worker_are_claimable_within_five_seconds(fleet: Fleet, platform: Platform) -> None:
    assert recovery.claims_back(fleet, platform) <= recovery.CLAIMABLE_MOST_S + BUSY_S


@pytest.mark.parametrize("is_killed", [False, True], ids=["its worker lives", "its worker is killed"])
def test_a_silent_call_is_looked_up_when_its_time_has_come(fleet: Fleet, platform: Platform, is_killed: bool) -> None:
    assert recovery.looked_up_behind_its_time(fleet, platform, is_killed=is_killed) <= recovery.TICK_S + BUSY_S


def test_the_shards_of_a_killed_notifier_are_taken_over_when_their_lease_is_over(tmp_path: pathlib.Path) -> None:
    world = World(tmp_path)
    try:
        world.open()
        took = recovery.shards_taken_over(world)
        assert took <= recovery.NOTIFIER_LEASE_S + recovery.NOTIFIER_TICK_S + BUSY_S
    finally:
        world.close()
