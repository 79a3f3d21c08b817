# SPDX-License-Identifier: Apache-2.0
"""Clients that send a byte now and then for ever: headers and bodies have a deadline that no byte puts off, and nobody
waits for such a client."""

from __future__ import annotations

import json
import resource
import select
import socket
from collections.abc import Iterator

import pytest

from tests.integration.bad_requests.row import CREATE, GOOD, create, request
from tests.support.fleet import Fleet
from tests.support.producer_api import Api, batch_body, numbers
from tests.support.raw_http import RawConnection
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

DEADLINE_MS = 1000
DRIP_S = 0.02
# Far more than the deadline has room for: a client that is not cut would be dripping for minutes.
DRIPS = 10_000
LONG_BODY = json.dumps({**GOOD, "contacts": GOOD["contacts"] * DRIPS}).encode()
CHUNK = b"1\r\n \r\n"

# What is sent at once, and what is then sent byte by byte.
SLOW: dict[str, tuple[bytes, bytes]] = {
    "nothing": (b"", b""),
    "a request line": (b"", b"G" * DRIPS),
    "empty lines": (b"", b"\r\n" * DRIPS),
    "a path": (b"GET /", b"a" * DRIPS),
    "a header": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * DRIPS),
    "headers": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n" * DRIPS),
    "headers but for their last line": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b""),
    "lines that end with a carriage return": (b"GET /healthz HTTP/1.1\rHost: x\r\r", b"\r" * DRIPS),
    "bytes that begin with a NUL": (b"\0\1\2garbage\r\n\r\n", b""),
    "another protocol": (b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3", b""),
    "a creation": (create(LONG_BODY)[: -len(LONG_BODY)], LONG_BODY),
    "a creation that stops before its last byte": (create(GOOD)[:-1], b""),
    "a creation in chunks": (request("POST", CREATE, "Transfer-Encoding: chunked"), CHUNK * DRIPS),
    "a chunk's length": (request("POST", CREATE, "Transfer-Encoding: chunked"), b"0" * DRIPS),
    "trailers": (request("POST", CREATE, "Transfer-Encoding: chunked", body=b"0\r\n"), b"a: b\r\n" * DRIPS),
    "a small body": (request("POST", "/api/v1/batch/batch_c0_1/pause", f"Content-Length: {DRIPS}"), b" " * DRIPS),
    "a body that is refused already": (request("POST", "/nowhere", f"Content-Length: {DRIPS}"), b" " * DRIPS),
}


@pytest.fixture(scope="module")
def slow_api(redis_server: RedisServer) -> Iterator[Api]:
    with Api(redis_server, "--request-timeout-ms", str(DEADLINE_MS), "--upload-timeout-ms", str(DEADLINE_MS)) as running:
        running.trunk("main")
        yield running


@pytest.fixture(scope="module")
def api(redis_server: RedisServer) -> Iterator[Api]:
    """With the deadlines that it has by itself."""
    with Api(redis_server) as running:
        running.trunk("main")
        yield running


def drip(connection: RawConnection, text: bytes) -> None:
    """Sends `text` byte by byte until the server says something."""
    for at in range(len(text)):
        if select.select([connection.socket], [], [], DRIP_S)[0]:
            return
        connection.send(text[at : at + 1])


@pytest.mark.parametrize("what", SLOW)
def test_a_slow_client_is_told_and_cut_at_the_deadline(slow_api: Api, what: str) -> None:
    key = slow_api.tenant("acme")
    before = slow_api.snapshot()
    at_once, then = SLOW[what]
    with RawConnection(slow_api.process.port) as connection:
        connection.send(at_once.replace(b"<acme>", key.encode()))
        drip(connection, then)
        (answer,) = connection.rest()
    assert answer.status == 408
    assert ("x-request-id" in answer.headers) == at_once.startswith(b"POST"), "it has one as soon as its headers are there"
    assert slow_api.snapshot() == before
    assert slow_api.get("/healthz").status == 200


def test_nobody_waits_for_slow_clients(slow_api: Api) -> None:
    """200 of them at once: others are served meanwhile, and at the deadline all are gone."""
    key = slow_api.tenant("acme")
    slow = [RawConnection(slow_api.process.port) for _ in range(200)]
    try:
        for number, connection in enumerate(slow):
            connection.send(SLOW["a header"][0] if number % 2 else SLOW["a creation"][0].replace(b"<acme>", key.encode()))
        assert slow_api.post("/api/v1/batch", batch_body(numbers(1)), key).status == 202
        assert {answer.status for connection in slow for answer in connection.rest()} == {408}
    finally:
        for connection in slow:
            connection.socket.close()


def is_open(connection: RawConnection) -> bool:
    connection.socket.setblocking(False)
    try:
        connection.socket.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except ConnectionError:
        pass
    return False


@pytest.mark.parametrize("what", ["nothing", "a header", "a body that is refused already"])
def test_strangers_that_hold_every_connection_keep_nobody_out(api: Api, what: str) -> None:
    """More of them than there are connections, long before any deadline: those that waited longest are closed, and no others."""
    key = api.tenant("acme")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], min(4096, limits[1])), limits[1]))
    strangers: list[RawConnection] = []
    whole = create(GOOD).replace(b"<acme>", key.encode())
    try:
        with RawConnection(api.process.port) as upload:
            upload.send(whole[:-1])
            for _ in range(1200):
                strangers.append(RawConnection(api.process.port))
                strangers[-1].send(SLOW[what][0].replace(b"<acme>", key.encode()))
            for _ in range(20):
                assert api.get("/api/v1/batch/list", key).status == 200
            assert 800 < sum(map(is_open, strangers)) < 1024
            upload.send(whole[-1:])
            assert [answer.status for answer in upload.rest()] == [202]
    finally:
        for connection in strangers:
            connection.socket.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_worker_cuts_slow_clients_too(fleet: Fleet) -> None:
    worker = fleet.worker("--request-timeout-ms", str(DEADLINE_MS))
    body = request("POST", "/callbacks/retell", f"Content-Length: {DRIPS}", key="")
    for at_once, then in (SLOW["a header"], SLOW["nothing"], (body, b" " * DRIPS)):
        with RawConnection(worker.port) as connection:
            connection.send(at_once)
            drip(connection, then)
            assert [answer.status for answer in connection.rest()] == [408]
    wait_until(lambda: worker.is_ready(), what="the worker serves")


