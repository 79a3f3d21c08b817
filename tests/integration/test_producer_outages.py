# SPDX-License-Identifier: Apache-2.0
"""Redis away, hung, full, or lost at the worst moment: told as 503, never as a half-written batch, and over when it is over."""

from __future__ import annotations

import json
import os
import select
import signal
import threading
import time
from collections.abc import Iterator

import pytest
import redis

from tests.support.notifier_world import metric
from tests.support.producer_api import Answer, Api, batch_body, numbers
from tests.support.raw_http import RawConnection
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.scripts import sha
from tests.support.waiting import wait_until


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer(appendonly=True, users=Users.for_tests()) as running:
        yield running
        assert running.denials() == []


@pytest.fixture
def lone(server: RedisServer) -> Iterator[Api]:
    with Api(server) as api:
        api.trunk("main")
        yield api


class Creation(threading.Thread):
    """A creation in a thread of its own: its answer, once it has come."""

    def __init__(self, api: Api, key: str, count: int, name: str = "") -> None:
        """`name`: its Idempotency-Key, where it has one."""
        super().__init__(daemon=True)
        self._api, self._key = api, key
        self._headers = {"Content-Type": "application/json", **({"Idempotency-Key": name} if name else {})}
        self._body = batch_body(numbers(count, start=15500000000), webhooks={"onCallComplete": "https://crm.example/"})
        self.answer: Answer | None = None
        self.start()

    def run(self) -> None:
        self.answer = self._api.request("POST", "/api/v1/batch", json.dumps(self._body).encode(), self._key, self._headers)

    def result(self, deadline_s: float = 60.0) -> Answer:
        self.join(deadline_s)
        assert self.answer is not None, "no answer in time"
        return self.answer


def is_ready(api: Api) -> bool:
    return api.get("/readyz").status == 200


def visible(api: Api, key: str) -> list[str]:
    return [entry["batchId"] for entry in api.get("/api/v1/batch/list", key).json()]


def test_without_redis_every_route_says_come_again_and_then_recovers(lone: Api) -> None:
    key = lone.tenant("acme")
    batch = lone.create(key, numbers(1))
    lone.server.terminate()
    wait_until(lambda: not is_ready(lone), 10.0, "it notices")
    for method, path, body in (
        ("POST", "/api/v1/batch", batch_body(numbers(1))),
        ("GET", "/api/v1/batch/list", None),
        ("GET", f"/api/v1/batch/{batch}", None),
        ("POST", f"/api/v1/batch/{batch}/pause", None),
        ("GET", "/api/v1/webhooks/endpoints", None),
    ):
        answer = lone.send(method, path, body, key)
        assert (answer.status, answer.code) == (503, "UNAVAILABLE"), (path, answer)
        assert int(answer.headers["retry-after"]) > 0
    assert lone.get("/api/v1/health").status == 200

    def told() -> bool:
        named = lone.request("GET", "/api/v1/batch/list", key=key, headers={"X-Request-Id": "mine_1"})
        assert (named.status, named.headers["x-request-id"]) == (503, "mine_1")
        return any(line["request"] == "mine_1" for line in lone.process.log_events("request.failed"))

    wait_until(told, 10.0, "the log tells of it by its id, a line a second")
    lone.server.start()
    wait_until(lambda: is_ready(lone), 15.0, "it recovers")
    assert lone.get(f"/api/v1/batch/{batch}", key).json()["status"] == "pending"
    assert lone.post("/api/v1/batch", batch_body(numbers(1)), key).status == 202


def test_a_redis_that_hangs_is_given_up_on_after_its_deadline(lone: Api) -> None:
    key = lone.tenant("acme")
    assert lone.get("/api/v1/batch/list", key).status == 200
    os.kill(lone.server.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = lone.get("/api/v1/batch/list", key)
        assert answer.status == 503
        assert time.monotonic() - began < 10.0
    finally:
        os.kill(lone.server.pid, signal.SIGCONT)
    wait_until(lambda: is_ready(lone), 15.0, "it recovers")


def test_a_redis_that_is_busy_with_a_script_is_told_at_once_and_nothing_half_written_stays(lone: Api) -> None:
    key = lone.tenant("acme")
    lone.client.config_set("busy-reply-threshold", 100)

    def run() -> None:
        with pytest.raises(redis.ResponseError, match="killed"):
            lone.client.eval("while true do end", 0)

    endless = threading.Thread(target=run)
    endless.start()
    try:
        answer = wait_until(lambda: (a := lone.get("/api/v1/batch/list", key)).status == 503 and a, what="it says so")
        assert answer.headers["retry-after"]
        assert lone.post("/api/v1/batch", batch_body(numbers(3)), key).status == 503
    finally:
        lone.client.script_kill()
        endless.join()
    wait_until(lambda: is_ready(lone), 15.0, "it recovers")
    assert visible(lone, key) == []
    assert lone.post("/api/v1/batch", batch_body(numbers(3)), key).status == 202


def test_a_creation_goes_on_where_redis_restarts_under_it(lone: Api) -> None:
    key = lone.tenant("acme")
    creation = Creation(lone, key, 60_000)
    wait_until(lambda: len(lone.client.keys(lone.engine.key("batch:*:contacts:*"))) > 20, 30.0, "it is being written", 0.002)
    lone.server.restart()
    answer = creation.result()
    assert answer.status == 202, answer
    assert answer.json()["total"] == 60_000
    assert answer.json()["warnings"] == []
    assert lone.contacts(answer.json()["batchId"]) == 60_000


@pytest.mark.parametrize("script", ["batch_create", "batch_take", "hook_endpoint", "batch_seal"])
@pytest.mark.parametrize("forward", [True, False], ids=["done", "not done"])
def test_a_step_whose_answer_is_lost_is_taken_again(proxied: tuple[Api, RedisProxy], script: str, forward: bool) -> None:
    api, proxy = proxied
    key = api.tenant("acme")
    api.create(key, numbers(1))
    proxy.cut_at(sha(script), forward)
    creation = Creation(api, key, 1200)
    assert proxy.was_cut.wait(20.0)
    proxy.up()
    answer = creation.result()
    assert answer.status == 202, answer
    assert answer.json()["total"] == 1200
    assert answer.json()["warnings"] == []
    assert api.contacts(answer.json()["batchId"]) == 1200
    assert len(visible(api, key)) == 2


def test_a_creation_that_finds_no_way_on_leaves_nothing_to_be_seen(proxied: tuple[Api, RedisProxy]) -> None:
    api, proxy = proxied
    key = api.tenant("acme")
    api.create(key, numbers(1))
    proxy.cut_at(sha("batch_take"), forward=True)
    answer = Creation(api, key, 1200).result()
    assert (answer.status, answer.code) == (503, "UNAVAILABLE"), answer
    proxy.up()
    wait_until(lambda: is_ready(api), 15.0, "it recovers")
    assert len(visible(api, key)) == 1
    # What lies there unsealed goes by itself when its life is over.
    drafts = api.client.zrange(api.engine.key("purge"), 0, -1)
    assert len(drafts) == 1
    api.client.zadd(api.engine.key("purge"), {drafts[0]: 1})
    wait_until(lambda: api.engine.tick()["more"] is False, 10.0, "it is purged")
    batch = drafts[0].decode().removeprefix("draft/")
    assert api.client.keys(f"*{batch}*") == []


@pytest.mark.parametrize("forward", [True, False], ids=["done", "not done"])
def test_a_seal_whose_answer_never_comes_is_said_to_be_unknown(proxied: tuple[Api, RedisProxy], forward: bool) -> None:
    api, proxy = proxied
    key = api.tenant("acme")
    api.create(key, numbers(1))
    proxy.cut_at(sha("batch_seal"), forward)
    answer = Creation(api, key, 3, "order-1").result()
    assert (answer.status, answer.code) == (503, "OUTCOME_UNKNOWN"), answer
    batch = answer.json()["details"]["batchId"]
    proxy.up()
    wait_until(lambda: is_ready(api), 15.0, "it recovers")
    assert api.get(f"/api/v1/batch/{batch}", key).status == (200 if forward else 404)
    # The same request under its key need not ask: it comes to that batch, once its first try is no longer waited for.
    tries: list[Answer] = []
    wait_until(lambda: tries.append(Creation(api, key, 3, "order-1").result()) or tries[-1].status != 409, 20.0, "it is taken")
    assert (tries[-1].status, tries[-1].json()["batchId"], tries[-1].json()["total"]) == (202, batch, 3)
    assert len(visible(api, key)) == 2 and api.contacts(batch) == 3


def test_a_full_redis_takes_nothing_and_keeps_nothing_visible(lone: Api) -> None:
    key = lone.tenant("acme")
    kept = lone.create(key, numbers(1))
    lone.client.config_set("maxmemory", int(lone.client.info("memory")["used_memory"]) + 256 * 1024)
    answer = lone.post("/api/v1/batch", batch_body(numbers(50_000)), key)
    assert (answer.status, answer.code) == (503, "UNAVAILABLE"), answer
    assert visible(lone, key) == [kept]
    assert lone.post(f"/api/v1/batch/{kept}/cancel", key=key).status == 200
    lone.client.config_set("maxmemory", 0)
    assert lone.post("/api/v1/batch", batch_body(numbers(10)), key).status == 202


def test_a_forgotten_script_is_loaded_again(lone: Api) -> None:
    key = lone.tenant("acme")
    lone.create(key, numbers(1))
    lone.client.script_flush()
    answer = lone.post("/api/v1/batch", batch_body(numbers(3000)), key)
    assert answer.status == 202, answer
    assert lone.contacts(answer.json()["batchId"]) == 3000


def test_a_drain_lets_a_creation_come_to_its_end(lone: Api) -> None:
    key = lone.tenant("acme")
    creation = Creation(lone, key, 60_000)
    wait_until(lambda: lone.client.keys(lone.engine.key("batch:*:contacts:*")), 30.0, "it is being written", 0.002)
    lone.process.terminate()
    answer = creation.result()
    assert answer.status == 202, answer
    assert lone.contacts(answer.json()["batchId"]) == 60_000


def begun_upload(api: Api, key: str) -> tuple[RawConnection, bytes]:
    """A creation of which half has been sent, and what is left of it."""
    body = json.dumps(batch_body(numbers(100))).encode()
    head = (f"POST /api/v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()  # fmt: skip
    connection = RawConnection(api.process.port)
    connection.send(head + body[: len(body) // 2])
    wait_until(lambda: metric(api.process, "carillon_http_open_requests") == 2, what="it is being read, beside the question")
    return connection, body[len(body) // 2 :]


def test_a_drain_waits_for_an_upload_by_a_slow_line_as_long_as_its_timeout(lone: Api) -> None:
    key = lone.tenant("acme")
    connection, rest = begun_upload(lone, key)
    with connection:
        lone.process.signal(signal.SIGTERM)
        time.sleep(6)  # longer than what has nothing to wait for takes to leave
        connection.send(rest)
        (answer,) = connection.rest()
        assert answer.status == 202
        assert lone.process.wait() == 0
    assert lone.contacts(answer.json()["batchId"]) == 100


def test_a_drain_waits_for_no_upload_that_makes_no_headway_and_the_same_chunk_again_is_whole(server: RedisServer) -> None:
    """One drips, one is refused and stops. No deadline is near."""
    hour = ("--drain-timeout-ms", "--upload-timeout-ms", "--request-timeout-ms")
    with Api(server, *(word for name in hour for word in (name, "3600000"))) as api:
        api.trunk("main")
        key = api.tenant("acme")
        batch = api.draft(key)
        body = "\n".join(["phoneNumber", *map(str, numbers(20_000)), ""]).encode()
        path = f"/api/v1/batch/{batch}/contacts?chunk=1"
        uploads = []
        for whose in (key, "crl_nobodys"):
            uploads.append(RawConnection(api.process.port))
            uploads[-1].send((f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {whose}\r\nContent-Type: text/csv\r\n"
                              f"Content-Length: {len(body)}\r\n\r\n").encode() + body[: len(body) // 2])  # fmt: skip
        with uploads[0] as slow, uploads[1] as refused:
            wait_until(lambda: int(api.batch(batch).get("total", 0)) > 9000, what="most of what was sent is written")
            api.process.signal(signal.SIGTERM)
            rest = iter(body[len(body) // 2 :][:3000])
            wait_until(lambda: slow.send(bytes([next(rest)])) or select.select([slow.socket], [], [], 0)[0], 60.0, "it is cut", 0.02)
            assert [answer.status for answer in slow.rest() + refused.rest()] == [408, 408]
        assert api.process.wait() == 0
        api.process.start()
        again = api.request("POST", path, body, key, {"Content-Type": "text/csv"})
        assert (again.status, again.json()["total"]) == (200, 20_000), again
        assert api.contacts(batch) == 20_000


def test_what_a_drain_does_not_see_the_end_of_is_cut_and_told(server: RedisServer) -> None:
    with Api(server, "--drain-timeout-ms", "0") as api:
        api.trunk("main")
        connection, _ = begun_upload(api, api.tenant("acme"))
        with connection:
            api.process.signal(signal.SIGTERM)
            assert api.process.wait() == 1
            assert connection.rest() == []
        assert api.process.log_events("process.requests_cut")[-1]["open_requests"] == 1
        assert api.engine.client.keys(api.engine.key("batch:*")) == []
