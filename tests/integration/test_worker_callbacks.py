# SPDX-License-Identifier: Apache-2.0
"""What carillon-worker believes of a callback, and what it answers. One that is not believed changes nothing."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import pytest

from tests.support.fleet import PLATFORM_KEY, Fleet
from tests.support.platform import Platform, post_callback
from tests.support.processes import Process
from tests.support.retell import WINDOW_MS, sign

REFUSED = "carillon_callbacks_refused_total"


class Scene:
    """A live call, whose callback is to be forged."""

    def __init__(self, fleet: Fleet, platform: Platform) -> None:
        self.fleet, self.platform = fleet, platform
        self.worker: Process = fleet.worker()
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

    def send_raw(self, body: Any) -> tuple[int, Any]:
        text = json.dumps(body).encode()
        return post_callback(self.worker.url, text, sign(text, PLATFORM_KEY))

    def assert_unchanged(self) -> None:
        assert self.snapshot() == self.before

    def assert_the_true_one_still_holds(self) -> None:
        self.assert_unchanged()
        assert self.platform.hang_up(self.create.call_id, self.worker.url) == (200, {"status": "ok"})
        assert self.fleet.wait_final(self.batch) == {"COMPLETED": 1}


@pytest.fixture
def scene(fleet: Fleet, platform: Platform) -> Scene:
    return Scene(fleet, platform)


def test_a_token_with_another_mac_is_refused(scene: Scene) -> None:
    token = scene.create.token
    for forged in (token[:-1] + ("0" if token[-1] != "0" else "1"), token.upper(), token[:-32] + "0" * 32, "a.b"):
        assert scene.send(scene.with_token(forged)) == (401, {"status": "token"})
    assert scene.fleet.metric(scene.worker, REFUSED) == 4
    scene.assert_the_true_one_still_holds()


def test_a_token_of_another_call_does_not_pass_for_this_one(scene: Scene) -> None:
    """Its MAC covers batch, call and dial: no part can be exchanged."""
    batch, _, _, mac = scene.create.token.split(".")
    for text in (f"{batch}.1.1", f"{batch}.0.2", f"{batch}.00.1", "batch_c0_000002.0.1"):
        assert scene.send(scene.with_token(f"{text}.{mac}"))[0] == 401
    scene.assert_the_true_one_still_holds()


@pytest.mark.parametrize("how", [{"key": "key_of_somebody_else"}, {"key": ""}, {"key": PLATFORM_KEY + " "}])
def test_a_signature_of_another_key_is_refused(scene: Scene, how: dict[str, str]) -> None:
    body = json.dumps({"event": "call_ended", "call": scene.ended}).encode()
    assert post_callback(scene.worker.url, body, sign(body, how["key"])) == (401, {"status": "signature"})
    scene.assert_the_true_one_still_holds()


def test_a_callback_without_a_proper_signature_is_refused(scene: Scene) -> None:
    body = json.dumps({"event": "call_ended", "call": scene.ended}).encode()
    of_another_body = sign(body + b" ", PLATFORM_KEY)
    for signature in (None, "", "v=1,d=00", "x" * 5000, of_another_body, sign(body, PLATFORM_KEY).upper()):
        assert post_callback(scene.worker.url, body, signature) == (401, {"status": "signature"}), signature
    scene.assert_the_true_one_still_holds()


def test_a_signature_from_another_time_is_refused(scene: Scene) -> None:
    now_ms = int(time.time() * 1000)
    for at_ms in (now_ms - WINDOW_MS - 1000, now_ms + WINDOW_MS + 5000, 0):
        assert scene.send(at_ms=at_ms) == (401, {"status": "signature"})
    scene.assert_the_true_one_still_holds()


def test_a_true_token_of_a_dial_that_was_never_begun_changes_nothing(scene: Scene) -> None:
    for dial in (2, 999_999_999):
        assert scene.send(scene.with_token(scene.fleet.token(scene.batch, 0, dial))) == (200, {"status": "ignored"})
    assert scene.send(scene.with_token(scene.fleet.token(scene.batch, 77, 1))) == (200, {"status": "ignored"})
    scene.assert_the_true_one_still_holds()


def test_a_true_token_of_a_batch_that_is_gone_is_answered_so_that_it_is_not_sent_again(scene: Scene) -> None:
    assert scene.send(scene.with_token(scene.fleet.token("batch_c0_gone", 0, 1))) == (200, {"status": "ignored"})
    scene.assert_the_true_one_still_holds()


def test_a_token_of_a_cell_that_this_worker_does_not_serve_is_told_apart(scene: Scene) -> None:
    assert scene.send(scene.with_token(scene.fleet.token("batch_c7_000001", 0, 1))) == (404, {"status": "cell"})
    scene.assert_the_true_one_still_holds()


def test_a_call_that_is_none_of_ours_is_ignored(scene: Scene) -> None:
    for call in ({}, *({**scene.ended, "metadata": m} for m in ({}, None, {"carillon_token": ""}))):
        assert scene.send_raw({"event": "call_ended", "call": call}) == (200, {"status": "ignored"})
    assert scene.send(scene.with_token("x" * 500)) == (200, {"status": "ignored"}), "no token of ours is so long"
    for body in (None, [], {}, {"event": "call_ringing", "call": 7}):
        assert scene.send_raw(body) == (200, {"status": "ignored"})
    assert scene.platform.callback("call_of_a_new_kind", scene.ended, scene.worker.url) == (200, {"status": "ignored"})
    scene.assert_the_true_one_still_holds()


def test_a_callback_that_cannot_be_read_is_a_bad_request(scene: Scene) -> None:
    bodies = (
        b"",
        b"{",
        b"\xff\xfe",
        b'{"event": "call_ended"}',
        b'{"event": "call_ended", "call": []}',
        b'{"event": "call_ended", "call": 7}',
        b'{"event": "call_ended"',
        b'{"event": "call_ended", "call": {}} trailing',
        b'{"event": "call_ended", "event": "call_ended", "call": {}}',
        b'{"event": "call_ended", "call": {"a": "\x00"}}',
        b"[" * 100_000,
        b'{"event": "call_ended", "call": ' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}",
    )
    for body in bodies:
        assert post_callback(scene.worker.url, body, sign(body, PLATFORM_KEY)) == (400, {"status": "unreadable"}), body[:60]
    assert scene.fleet.metric(scene.worker, REFUSED) == len(bodies)
    scene.assert_the_true_one_still_holds()


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


def test_nobody_can_fill_the_log_with_forged_callbacks(scene: Scene) -> None:
    started = time.monotonic()
    for _ in range(100):
        scene.send(scene.with_token(scene.create.token[:-1] + "x"))
    assert scene.fleet.metric(scene.worker, REFUSED) == 100
    assert len(scene.worker.log_events("callback.refused")) <= 2 + time.monotonic() - started


def test_other_ways_than_those_of_callbacks_lead_nowhere(scene: Scene) -> None:
    body = json.dumps({"event": "call_ended", "call": scene.ended}).encode()
    signature = sign(body, PLATFORM_KEY)
    for path, status in (("/callbacks", 404), ("/callbacks/nobody", 404), ("/callbacks/retell/a/b", 404), ("/", 404)):
        assert post_callback(scene.worker.url, body, signature, path)[0] == status, path
    connection = http.client.HTTPConnection("127.0.0.1", scene.worker.port, timeout=10)
    connection.request("GET", "/callbacks/retell")
    assert connection.getresponse().status == 405
    connection.close()
    scene.assert_the_true_one_still_holds()


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
