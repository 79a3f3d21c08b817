# SPDX-License-Identifier: Apache-2.0
"""What carillon-worker makes of callbacks, beyond the table of bad ones (test_bad_callbacks.py)."""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import time
from typing import Any

import pytest

from tests.support.fleet import PLATFORM_KEY, Fleet
from tests.support.platform import Platform, post_callback
from tests.support.processes import FRUGAL, Process
from tests.support.redis_clock import RedisClock
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.retell import sign
from tests.support.waiting import wait_until

REFUSED = "carillon_callbacks_refused_total"
BODY_BYTES = 4 << 20  # LIMIT_CALLBACK_BODY_BYTES
STRANGERS = 60
GROWTH_MAX_KB = STRANGERS * BODY_BYTES // 1024 // 2


class Scene:
    """A live call, whose callback is to be forged."""

    def __init__(self, fleet: Fleet, platform: Platform) -> None:
        self.fleet, self.platform = fleet, platform
        self.worker: Process = fleet.worker(env=FRUGAL)
        self.batch = fleet.batch()
        self.create = platform.wait_creates(1)[0]
        fleet.wait_state(self.batch, phase="live", p=self.create.call_id)
        self.ended = platform.end(self.create.call_id)
        self.before = self.snapshot()

    def snapshot(self) -> dict[bytes, Any]:
        """All that a result can change: the batch, its calls, what is live, the events."""
        client, engine = self.fleet.client, self.fleet.engine()
        keys = [*client.keys(engine.key(f"batch:{self.batch}*")), *client.keys(engine.key("events:*"))]
        return {key: client.dump(key) for key in [*keys, engine.key("live").encode(), engine.key("ended").encode()]}

    def with_token(self, token: str) -> dict[str, Any]:
        return {**self.ended, "metadata": {**self.ended["metadata"], "carillon_token": token}}

    def send(self, call: dict[str, Any] | None = None, **how: Any) -> tuple[int, Any]:
        return self.platform.callback("call_ended", call or self.ended, self.worker.url, **how)

    def assert_unchanged(self) -> None:
        assert self.snapshot() == self.before


@pytest.fixture
def scene(fleet: Fleet, platform: Platform) -> Scene:
    return Scene(fleet, platform)


def test_odd_values_in_a_signed_callback_do_no_harm(scene: Scene) -> None:
    for member, value in (
        ("call_id", 7),
        ("call_id", "x" * 4000),
        ("metadata", [1]),
        ("metadata", "text"),
        ("call_status", {"deep": True}),
        ("disconnection_reason", ["user_hangup"]),
        ("start_timestamp", "yesterday"),
        ("duration_ms", -1e300),
    ):
        status, _ = scene.platform.callback("call_started", {**scene.ended, member: value}, scene.worker.url)
        assert status in (200, 400), (member, value)
    assert scene.platform.hang_up(scene.create.call_id, scene.worker.url)[0] == 200
    assert scene.fleet.wait_final(scene.batch) == {"COMPLETED": 1}


def test_a_transcript_with_half_a_character_costs_nobody_a_second_call(fleet: Fleet, platform: Platform) -> None:
    """Neither by its callback nor, where that does not come, by a poll is such a call less over than another."""
    fleet.trunk(platform.url, poll_after_ms=500)
    worker = fleet.worker()
    batch = fleet.batch(2)
    told, untold = platform.wait_creates(2)
    for create in (told, untold):
        platform.end_untold(create.call_id, transcript="Good bye \ud83d", note="a\0b")
    assert platform.callback("call_analyzed", told.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 2}
    assert platform.count_creates() == 2


def test_a_callback_of_megabytes_is_read_and_one_beyond_the_limit_refused(scene: Scene) -> None:
    transcript = [{"role": "agent", "content": "word " * 100}] * 5000
    call = {**scene.ended, "transcript_object": transcript, "call_analysis": {"call_summary": "s" * 100_000}}
    body = json.dumps({"event": "call_analyzed", "call": {**call, "more": transcript * 2}}).encode()
    assert len(body) > 4 << 20
    assert post_callback(scene.worker.url, body, sign(body, PLATFORM_KEY))[0] == 413
    scene.assert_unchanged()
    assert scene.platform.callback("call_analyzed", call, scene.worker.url) == (200, {"status": "ok"})
    assert scene.fleet.wait_final(scene.batch) == {"COMPLETED": 1}
    engine = scene.fleet.engine()
    summary = engine.client.hget(engine.key(f"batch:{scene.batch}:texts:0"), "0:summary")
    assert summary == b"s" * (16 << 10)


def test_what_strangers_send_at_once_is_kept_up_to_a_bound_and_true_callbacks_are_heard(scene: Scene) -> None:
    before_kb = scene.worker.rss_kb()
    head = f"POST /callbacks/retell HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY_BYTES}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        for _ in range(STRANGERS):
            stranger = stack.enter_context(socket.create_connection(("127.0.0.1", scene.worker.port), timeout=20))
            stranger.sendall(head + b" " * (BODY_BYTES - 1))
        wait_until(lambda: scene.fleet.metric(scene.worker, REFUSED) > STRANGERS / 2, what="most of them are refused")
        assert scene.worker.rss_kb() - before_kb < GROWTH_MAX_KB
        assert scene.platform.hang_up(scene.create.call_id, scene.worker.url) == (200, {"status": "ok"})
        stranger.sendall(b" ")
        assert stranger.recv(1000).startswith(b"HTTP/1.1 503 ")
    assert scene.fleet.wait_final(scene.batch) == {"COMPLETED": 1}


def test_nobody_can_fill_the_log_with_forged_callbacks(scene: Scene) -> None:
    started = time.monotonic()
    for _ in range(100):
        scene.send(scene.with_token(scene.create.token[:-1] + "x"))
    assert scene.fleet.metric(scene.worker, REFUSED) == 100
    assert len(scene.worker.log_events("callback.refused")) <= 2 + time.monotonic() - started


def test_a_call_that_started_is_recorded_under_its_id(fleet: Fleet, platform: Platform) -> None:
    """The answer to the create was lost, and the platform says that the call goes on."""
    platform.on_create = platform.place_and_reset
    worker = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    platform.change(create.call_id, call_status="ongoing")
    assert platform.callback("call_started", create.call_id, worker.url) == (200, {"status": "ok"})
    fleet.wait_state(batch, phase="live", p=create.call_id)
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_any_worker_settles_any_call(fleet: Fleet, platform: Platform) -> None:
    first = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    second = fleet.worker()
    first.terminate()
    assert platform.hang_up(create.call_id, second.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


@pytest.mark.parametrize("whose", ["worker", "redis"])
def test_a_signed_callback_is_believed_where_one_clock_of_two_is_wrong(platform: Platform, tmp_path: pathlib.Path, whose: str) -> None:
    """The platform signs with the time: one of the worker and Redis has the platform's, the other is off."""
    clock = RedisClock(tmp_path / "worker_clock")
    with RedisServer(users=Users.for_tests(), is_clock_decreed=True) as server:
        fleet = Fleet(server, tmp_path)
        fleet.trunk(platform.url)
        if whose == "worker":
            clock.run(-600_000_000)
        else:
            server.clock.run(3_600_000_000)
        worker = fleet.worker(env=clock.environment())
        batch = fleet.batch()
        create = platform.wait_creates(1)[0]
        platform.end(create.call_id)
        long_ago_ms = round(time.time() * 1000) - 2_000_000
        assert platform.callback("call_ended", create.call_id, worker.url, at_ms=long_ago_ms)[0] == 401
        assert platform.hang_up(create.call_id, worker.url) == (200, {"status": "ok"})
        assert fleet.wait_final(batch) == {"COMPLETED": 1}
        fleet.close()
