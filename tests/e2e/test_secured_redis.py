# SPDX-License-Identifier: Apache-2.0
"""Whole campaigns on a Redis as production has it: over TLS with client certificates, the default user off, each process
under its own user of deploy/users.acl; and nothing refused."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.support.http_receiver import Answer, Received
from tests.support.redis_server import RedisServer
from tests.support.redis_tls import Authority, Tls
from tests.support.redis_users import Users
from tests.support.stack import Stack, phone_numbers
from tests.support.waiting import wait_until

RETRIES = {"maxAttempts": 3, "noAnswerDelay": 1000, "busyDelay": 1000}
OUTCOMES = "completed=40,busy=25,no_answer=25,failed=10"


@pytest.fixture
def stack(tmp_path: pathlib.Path) -> Iterator[Stack]:
    authority = Authority(tmp_path)
    tls = Tls(authority.issue("redis", "DNS:localhost,IP:127.0.0.1"), authority.file, client=authority.issue("client"))
    redis = RedisServer(appendonly=True, users=Users(tmp_path / "users", cells=("c0",)), tls=tls)
    with Stack(redis=redis, outcomes=OUTCOMES, talk_ms=200) as running:
        yield running


def told(stack: Stack, batch: str, numbers: list[str]) -> bool:
    return {delivery.body["phoneNumber"] for delivery in stack.delivered("call.completed", batch)} == set(numbers)


def test_a_campaign_with_everything_in_it_meets_no_refusal(stack: Stack) -> None:
    seen: set[str] = set()

    def fails_once(request: Received) -> Answer:
        identity = request.headers["webhook-id"]
        is_first = identity not in seen
        seen.add(identity)
        return Answer(500 if is_first and len(seen) % 4 == 0 else 200)

    stack.answer = fails_once
    numbers, others = phone_numbers(24), phone_numbers(40, start=15550200000)
    batch = stack.submit(numbers, maxCallsPerSecond=10, retryStrategy=RETRIES, maxConcurrentCalls=6, tags=["secure"])
    cut = stack.submit(others, maxCallsPerSecond=4, priority=2)
    stack.command("pause", batch)
    assert stack.status(batch)["status"] == "paused"
    stack.command("resume", batch)
    stack.command("tenant", "set", "acme", "--cps", "50")
    wait_until(lambda: stack.api("GET", f"/api/v1/batch/{cut}")["statistics"]["processed"] > 0, 20.0, "the other one runs")
    stack.command("cancel", cut)
    stack.wait_for_batch(cut, states=("cancelled",))
    stack.wait_for_batch(batch, 90.0)
    wait_until(lambda: told(stack, batch, numbers), 30.0, "every call is told")
    assert len(stack.carrier_events()) > len(numbers), "some were tried again"
    is_clean, printed = stack.audit()
    assert is_clean, printed
    assert stack.redis.denials() == []


def test_a_campaign_outlives_the_end_of_redis_and_of_a_worker(stack: Stack) -> None:
    numbers = phone_numbers(30)
    batch = stack.submit(numbers, maxCallsPerSecond=10, retryStrategy=RETRIES)
    wait_until(lambda: len(stack.carrier_events()) >= 10, 20.0, "calls are placed")
    stack.workers[1].kill()
    stack.redis.restart()
    stack.workers[1].start()
    stack.wait_for_batch(batch, 120.0)
    wait_until(lambda: told(stack, batch, numbers), 30.0, "every call is told")
    assert stack.redis.denials() == []
