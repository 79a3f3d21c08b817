# SPDX-License-Identifier: Apache-2.0
"""Bodies as networks bring them: in pieces, slowly, cut off, too many at once. Whatever comes, nothing is half-written."""

from __future__ import annotations

import concurrent.futures
import json
import socket
import threading
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from tests.support.processes import FRUGAL
from tests.support.producer_api import Answer, Api, batch_body, numbers
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until


def head(key: str, *lines: str) -> bytes:
    return "\r\n".join(
        ["POST /api/v1/batch HTTP/1.1", "Host: x", f"Authorization: Bearer {key}", "Content-Type: application/json", *lines,
         "", ""]
    ).encode()


def connect(api: Api) -> socket.socket:
    return socket.create_connection(("127.0.0.1", api.process.port), timeout=60)


def read_status(sock: socket.socket) -> int:
    """The status of the answer; 0 where the connection ended without one."""
    data = b""
    while b"\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return 0
        data += piece
    return int(data.split()[1])


def test_a_body_may_come_byte_by_byte(api: Api, acme: str) -> None:
    body = json.dumps(batch_body(numbers(2), tags=["ü"], priority=7), ensure_ascii=False).encode()
    with connect(api) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(head(acme, f"Content-Length: {len(body)}"))
        for i in range(len(body)):
            sock.sendall(body[i : i + 1])
        assert read_status(sock) == 202


def test_a_body_may_come_in_chunks_of_unknown_length(api: Api, acme: str) -> None:
    body = json.dumps(batch_body(numbers(2000))).encode()
    pieces = [body[i : i + 1777] for i in range(0, len(body), 1777)]
    with connect(api) as sock:
        sock.sendall(head(acme, "Transfer-Encoding: chunked"))
        for piece in pieces:
            sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        sock.sendall(b"0\r\n\r\n")
        assert read_status(sock) == 202


def test_a_client_that_hangs_up_midway_leaves_nothing(api: Api, acme: str) -> None:
    body = json.dumps(batch_body(numbers(5000))).encode()
    before = api.snapshot()
    for part in (0, 1, len(body) // 2, len(body) - 1):
        with connect(api) as sock:
            sock.sendall(head(acme, f"Content-Length: {len(body)}") + body[:part])
    wait_until(lambda: ingest_bytes(api) == 0, 10.0, "what was read is given back")
    assert api.get("/api/v1/batch/list", acme).status == 200
    assert api.snapshot() == before


def test_slow_senders_hold_nobody_up(api: Api, acme: str) -> None:
    body = json.dumps(batch_body(numbers(3))).encode()
    slow = [connect(api) for _ in range(20)]
    try:
        for sock in slow:
            sock.sendall(head(acme, f"Content-Length: {len(body)}") + body[:-1])
        assert api.post("/api/v1/batch", batch_body(numbers(1)), acme).status == 202
        for sock in slow:
            sock.sendall(body[-1:])
        assert [read_status(sock) for sock in slow] == [202] * len(slow)
    finally:
        for sock in slow:
            sock.close()


def ingest_bytes(api: Api) -> float:
    for line in api.get("/metrics").body.decode().splitlines():
        if line.startswith("carillon_ingest_bytes "):
            return float(line.split()[1])
    raise AssertionError("no carillon_ingest_bytes")


def test_creations_beyond_the_bound_are_told_to_come_again(api: Api, acme: str) -> None:
    """128 MiB of bodies under way are held; what goes over it is refused, not dropped or swapped."""
    piece = b'{"agentId":"a","contacts":[' + b" " * (31 * 1024 * 1024)
    length = 31 * 1024 * 1024 + 4096
    held: list[socket.socket] = []
    other = api.tenant("other")
    try:
        for key in (acme, acme, other, other):
            sock = connect(api)
            held.append(sock)
            sock.sendall(head(key, f"Content-Length: {length}") + piece)
        wait_until(lambda: ingest_bytes(api) >= 4 * len(piece), 60.0, "four bodies are held")
        answer = api.request("POST", "/api/v1/batch", piece.ljust(length), api.tenant("third"), {"Content-Type": "application/json"})
        assert (answer.status, answer.code) == (503, "BUSY")
        assert answer.headers["retry-after"]
        assert api.get("/api/v1/batch/list", acme).status == 200
    finally:
        for sock in held:
            sock.close()
    wait_until(lambda: ingest_bytes(api) == 0, 10.0, "what was read is given back")
    assert api.post("/api/v1/batch", batch_body(numbers(1)), acme).status == 202


def test_one_tenant_does_not_use_up_what_all_have(api: Api, acme: str) -> None:
    """Half of the bound is the most that one tenant's bodies may hold."""
    piece = b'{"agentId":"a","contacts":[' + b" " * (31 * 1024 * 1024)
    length = 31 * 1024 * 1024 + 4096
    held = [connect(api) for _ in range(2)]
    try:
        for sock in held:
            sock.sendall(head(acme, f"Content-Length: {length}") + piece)
        wait_until(lambda: ingest_bytes(api) >= 2 * len(piece), 60.0, "two bodies are held")
        refused = api.request("POST", "/api/v1/batch", piece.ljust(length), acme, {"Content-Type": "application/json"})
        assert (refused.status, refused.code) == (503, "BUSY")
        assert api.post("/api/v1/batch", batch_body(numbers(1)), api.tenant("patient")).status == 202
    finally:
        for sock in held:
            sock.close()
    wait_until(lambda: ingest_bytes(api) == 0, 10.0, "what was read is given back")


@pytest.mark.parametrize("route", ["PUT /api/v1/suppressions", "DELETE /api/v1/suppressions", "PUT /api/v1/admin/agents", "POST /api/v1/batch"])
def test_bodies_of_nobody_are_not_held(route: str) -> None:
    size, peers = (512 << 10) - 1, []
    lines = [f"{route} HTTP/1.1", "Host: x", "Authorization: Bearer crl_nobody", "Content-Type: application/json", f"Content-Length: {size}"]
    with RedisServer() as server, Api(server, env=FRUGAL) as api:
        assert api.get("/api/v1/tenant", "crl_nobody").status == 401
        before_kb = api.process.rss_kb()
        try:
            for _ in range(100):
                peers.append(connect(api))
                peers[-1].sendall("\r\n".join([*lines, "", ""]).encode() + b" " * (size - 1))
            assert api.get("/api/v1/health").status == 200
            most_kb = api.process.rss_kb()
            for peer in peers:
                peer.sendall(b" ")
                assert read_status(peer) == 401
                most_kb = max(most_kb, api.process.rss_kb())
        finally:
            for peer in peers:
                peer.close()
        assert most_kb - before_kb < 12 << 10  # what a connection costs, and no bodies: those would be 50 MiB


def test_long_lists_of_one_tenant_do_not_use_up_what_all_have(api: Api) -> None:
    keys = {tenant: api.tenant(tenant) for tenant in ("lists", "others")}
    peers: list[socket.socket] = []

    def ask(tenant: str) -> int:
        lines = ["PUT /api/v1/suppressions HTTP/1.1", "Host: x", f"Authorization: Bearer {keys[tenant]}", "Expect: 100-continue",
                 "Content-Type: application/json", f"Content-Length: {512 << 10}", "", ""]  # fmt: skip
        peers.append(connect(api))
        peers[-1].sendall("\r\n".join(lines).encode())
        return read_status(peers[-1])

    try:
        assert [ask("lists") for _ in range(128)] == [100] * 128  # 64 MiB
        assert (ask("lists"), ask("others")) == (503, 100)
        peers.pop(0).close()
        wait_until(lambda: ask("lists") == 100, 10.0, "there is room again")
    finally:
        for peer in peers:
            peer.close()


def test_creations_side_by_side_keep_to_themselves(api: Api, acme: str) -> None:
    def create(size: int) -> tuple[int, Answer]:
        return size, api.post("/api/v1/batch", batch_body(numbers(size, start=15550000000 + size)), acme)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for size, answer in pool.map(create, range(900, 1100, 13)):
            assert answer.status == 202, answer
            assert answer.json()["total"] == size
            assert api.contacts(answer.json()["batchId"]) == size


def test_reads_are_answered_while_a_large_body_is_taken(api: Api, acme: str) -> None:
    body = batch_body([{"phoneNumber": f"+1555{i:07d}", "name": f"Contact {i}"} for i in range(50_000)])
    done = threading.Event()
    result: list[Answer] = []

    def create() -> None:
        result.append(api.post("/api/v1/batch", body, acme))
        done.set()

    thread = threading.Thread(target=create)
    thread.start()
    reads = 0
    while not done.is_set():
        assert api.request("GET", "/api/v1/health", timeout=2.0).status == 200
        reads += 1
    thread.join()
    assert result[0].status == 202
    assert reads > 3


# ---- any body at all ----

TEXTS = strategies.text(max_size=12)
SCALARS = strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats(allow_nan=False) | TEXTS
VALUES = strategies.recursive(
    SCALARS, lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
PHONES = strategies.from_regex(r"\A\+[1-9][0-9]{6,14}\Z") | TEXTS
CONTACTS = strategies.fixed_dictionaries(
    {"phoneNumber": PHONES},
    optional={"id": TEXTS, "name": VALUES, "email": TEXTS, "company": VALUES, "timezone": TEXTS, "metadata": VALUES, "x": VALUES},
)
OPTIONS = strategies.fixed_dictionaries(
    {},
    optional={
        "priority": strategies.integers(0, 11) | VALUES,
        "maxCallsPerSecond": strategies.integers(0, 31) | VALUES,
        "retryStrategy": strategies.dictionaries(strategies.sampled_from(["maxAttempts", "busyDelay", "y"]), VALUES, max_size=2),
        "tags": strategies.lists(TEXTS, max_size=3) | VALUES,
        "webhooks": strategies.dictionaries(strategies.sampled_from(["onCallComplete"]), TEXTS | VALUES, max_size=1),
        "timezone": strategies.sampled_from(["UTC", "Europe/London", "Mars"]) | VALUES,
        "scheduledStartTime": TEXTS | VALUES,
        "callerIds": strategies.lists(PHONES, max_size=2) | VALUES,
    },
)
BODIES = strategies.fixed_dictionaries(
    {"agentId": strategies.just("a") | VALUES, "contacts": strategies.lists(CONTACTS | VALUES, max_size=4) | VALUES},
    optional={"userId": strategies.just("acme") | TEXTS, "options": OPTIONS | VALUES, "z": VALUES},
)


def unsealed(api: Api) -> list[bytes]:
    return [name for name in api.client.scan_iter(match=api.engine.key("batch:batch_*"), count=1000)
            if api.client.type(name) == b"hash" and name.count(b":") == 3 and api.client.hget(name, "sealed") != b"1"]


def judge(api: Api, key: str, before: dict[bytes, bytes | None], answer: Answer) -> None:
    """Never a 5xx, never half-written: either all of it is there, or nothing has changed."""
    assert answer.status in (202, 400, 403), answer
    if answer.status == 202:
        said: dict[str, Any] = answer.json()
        assert api.contacts(said["batchId"]) == said["total"] >= 1
        assert api.get(f"/api/v1/batch/{said['batchId']}", key).status == 200
        assert unsealed(api) == []
    else:
        assert api.snapshot() == before


@hypothesis.settings(max_examples=150, deadline=None, suppress_health_check=list(hypothesis.HealthCheck), database=None)
@hypothesis.given(body=BODIES)
def test_no_body_is_half_written_or_our_fault(api: Api, acme: str, body: dict[str, Any]) -> None:
    for name in list(api.client.scan_iter(match=api.engine.key("batch:*"), count=1000)):
        api.client.unlink(name)
    before = api.snapshot()
    judge(api, acme, before, api.post("/api/v1/batch", body, acme))


@hypothesis.settings(max_examples=150, deadline=None, suppress_health_check=list(hypothesis.HealthCheck), database=None)
@hypothesis.given(data=strategies.data())
def test_no_damage_to_a_good_body_is_half_written_or_our_fault(api: Api, acme: str, data: strategies.DataObject) -> None:
    for name in list(api.client.scan_iter(match=api.engine.key("batch:*"), count=1000)):
        api.client.unlink(name)
    good = json.dumps(batch_body([{"id": "a", "phoneNumber": "+15550100001", "metadata": {"k": [1, 2.5, None]}}], priority=7,
                                 tags=["ü"]), ensure_ascii=False).encode()
    at = data.draw(strategies.integers(0, len(good)))
    until = data.draw(strategies.integers(at, min(len(good), at + 6)))
    damaged = good[:at] + data.draw(strategies.binary(max_size=6)) + good[until:]
    before = api.snapshot()
    answer = api.request("POST", "/api/v1/batch", damaged, acme, {"Content-Type": "application/json"})
    judge(api, acme, before, answer)
