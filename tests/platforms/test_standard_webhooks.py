# SPDX-License-Identifier: Apache-2.0
"""What the notifier sends, as a receiver sees it that uses the npm package standardwebhooks."""

from __future__ import annotations

import base64
import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.platforms.vendor import run_node
from tests.support.http_receiver import Answer, Received
from tests.support.notifier_world import World, in_turn


@pytest.fixture
def world(tmp_path: pathlib.Path) -> Iterator[World]:
    with World(tmp_path) as made:
        yield made


def verified(*cases: tuple[str, Received]) -> list[Any]:
    """What the package makes of each request under a secret: the body as it reads it, or None where it refuses it."""
    task = [{"secret": secret, "headers": dict(request.headers), "body": request.body.decode()} for secret, request in cases]
    results = run_node("verify.js", task)
    assert all("value" in result or result["error"]["name"] == "WebhookVerificationError" for result in results), results
    return [result.get("value") for result in results]


def new_secret() -> str:
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


def test_the_package_believes_what_a_run_sent_and_nothing_else(world: World) -> None:
    world.batch("batch_c0_1")
    secret = world.secrets[world.endpoint()]
    world.receiver.answer = in_turn(Answer(500), Answer(200))
    world.notifier()
    failed = world.call_event("batch_c0_1", 0)
    world.wait_for_state(failed, "retrying")
    world.let_time_pass(failed)
    events = [failed, *(world.call_event("batch_c0_1", n, seq=n + 1) for n in range(1, 20))]
    for event in events:
        world.wait_for_state(event, "delivered")
    requests = world.receiver.snapshot()
    assert sorted(request.headers["webhook-id"] for request in requests) == sorted([failed, *events])
    assert verified(*((secret, request) for request in requests)) == [request.json() for request in requests]
    forged = [
        (new_secret(), requests[0]),
        (secret, dataclasses.replace(requests[0], body=requests[0].body + b" ")),
        (secret, dataclasses.replace(requests[0], headers={**requests[0].headers, "webhook-id": events[1]})),
        (secret, dataclasses.replace(requests[0], headers={**requests[0].headers, "webhook-timestamp": "1"})),
    ]
    assert verified(*forged) == [None] * len(forged)


def test_the_package_believes_with_either_secret_during_a_rotation_and_with_the_new_one_after_it(world: World) -> None:
    world.batch("batch_c0_1")
    endpoint = world.endpoint()
    secrets = [world.secrets[endpoint], new_secret(), new_secret()]
    world.notifier()

    def rotate(secret: str, grace_ms: int) -> None:
        world.scripts.run("hook_endpoint", "rotate", "acme", endpoint, world.sealed(endpoint, secret), grace_ms, 3)

    def sent(ordinal: int) -> Received:
        world.wait_for_state(world.call_event("batch_c0_1", ordinal), "delivered")
        return world.receiver.wait_for(ordinal + 1)[-1]

    before = sent(0)
    rotate(secrets[1], 3_600_000)
    during = sent(1)
    rotate(secrets[2], 0)
    after = sent(2)
    believed = [[body is not None for body in verified(*((secret, request) for secret in secrets))] for request in (before, during, after)]
    assert believed == [[True, False, False], [True, True, False], [False, False, True]]
