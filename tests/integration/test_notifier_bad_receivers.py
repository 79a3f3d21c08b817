# SPDX-License-Identifier: Apache-2.0
"""Receivers of webhooks that misbehave in every way there is: what becomes of the delivery, and what its tenant is
shown of each attempt."""

from __future__ import annotations

import email.utils
import pathlib
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import bad_receiver, hooks, http2_modes
from tests.support.bad_receiver import BadReceiver, Mode, says
from tests.support.notifier_world import LOOPBACK, TENANT, World, metric
from tests.support.processes import Process
from tests.support.producer_api import Api
from tests.support.redis_tls import Authority, Certificate
from tests.support.standard_webhooks import verifies
from tests.support.waiting import wait_until

TIMEOUT_MS = 3000
ANSWER_MOST = 65536  # of a body that is looked at
DEADLINE_S = 30.0  # for what takes a moment, or TIMEOUT_MS, on a loaded machine

Log = list[tuple[str, str, str]]  # of each attempt: its number, its code, the status


class Town:
    """A world whose one notifier serves all tests here: each has a receiver, and so an endpoint, of its own."""

    def __init__(self, world: World, authority: Authority, api: Api) -> None:
        self.world, self.api = world, api
        self.key = api.tenant(TENANT)
        self.sent: dict[str, list[str]] = {}  # events, by the origin that they go to
        self.authority = authority
        self.notifier: Process = world.notifier((*LOOPBACK, "--webhook-timeout-ms", str(TIMEOUT_MS), "--ca-file", str(authority.file)))
        self._batches = 0

    def send(self, receiver: BadReceiver, url: str = "") -> str:
        origin, self._batches = url or receiver.url, self._batches + 1
        batch = f"batch_c0_town{self._batches}"
        self.world.batch(batch, url=origin + "/hook")
        event = self.world.call_event(batch, 0)
        self.sent.setdefault(origin, []).append(event)
        return event

    def attempts(self, receiver: BadReceiver, url: str = "") -> list[dict[str, Any]]:
        """What the tenant is shown of the attempts there."""
        shown = []
        for event in self.sent[url or receiver.url]:
            answer = self.api.get(f"/api/v1/webhooks/deliveries/{event}", self.key)
            assert answer.status == 200, answer
            shown += answer.json()["log"]
        return shown

    def log(self, receiver: BadReceiver, url: str = "") -> Log:
        attempts = self.attempts(receiver, url)
        for attempt in attempts:
            assert (attempt["hint"] is None) == (attempt["code"] == "ok"), attempt
        return [(str(attempt["attempt"]), attempt["code"], str(attempt["httpStatus"] or 0)) for attempt in attempts]

    def outcome(self, receiver: BadReceiver, state: str) -> tuple[str, Log]:
        """Sends an event and waits for what becomes of it; its id, and the log."""
        event = self.send(receiver)
        self.world.wait_for_state(event, state, DEADLINE_S)
        return event, self.log(receiver)

    def server_side(self, certificate: Certificate, *protocols: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.file, certificate.key)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    directory = tmp_path_factory.mktemp("town")
    with World(directory) as world, Api(world.redis, *LOOPBACK) as api:
        yield Town(world, Authority(directory), api)


@pytest.fixture(scope="module")
def good(town: Town) -> Certificate:
    return town.authority.issue("good", "IP:127.0.0.1")


# ---- what it answers ----


@pytest.mark.parametrize(
    ("answer", "state", "code", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "delivered", "ok", "200"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "delivered", "ok", "204"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", "delivered", "ok", "200"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "delivered", "ok", "200"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "retrying", "http_status", "500"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "retrying", "http_status", "404"),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", "retrying", "http_status", "429"),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", "dead", "endpoint_gone", "410"),
        (b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n", "retrying", "bad_response", "999"),
        (b"", "retrying", "connection_reset", "0"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "retrying", "bad_response", "0"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "retrying", "bad_response", "0"),
        (b"HTTP/1.1 200 OK\r\nno header at all\r\n\r\n", "retrying", "bad_response", "0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n", "retrying", "connection_reset", "0"),
    ],
    ids=lambda value: value.decode().split("\r\n\r\n")[0].replace("\r\n", " | ") if isinstance(value, bytes) else value,
)
def test_an_answer_is_judged_by_its_status_and_broken_ones_are_failures(
    town: Town, answer: bytes, state: str, code: str, status: str
) -> None:
    with BadReceiver(says(answer)) as receiver:
        event, log = town.outcome(receiver, state)
        assert log == [("1", code, status)]
        assert [request.headers["webhook-id"] for request in receiver.requests] == [event]


@pytest.mark.parametrize(
    ("mode", "state", "code", "status"),
    [
        (bad_receiver.many_headers, "retrying", "bad_response", "0"),
        (bad_receiver.one_long_header, "retrying", "bad_response", "0"),
        (bad_receiver.endless_hints, "retrying", "bad_response", "0"),
        (bad_receiver.reset_at_once, "retrying", "connection_reset", "0"),
        (bad_receiver.reset_in_the_middle, "retrying", "connection_reset", "0"),
        (bad_receiver.closed_in_the_middle, "retrying", "connection_reset", "0"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_an_answer_that_is_too_large_or_breaks_off_is_a_failure(
    town: Town, mode: Mode, state: str, code: str, status: str
) -> None:
    with BadReceiver(mode) as receiver:
        _, log = town.outcome(receiver, state)
        assert log == [("1", code, status)]


def test_a_redirect_leads_nowhere(town: Town) -> None:
    with BadReceiver(bad_receiver.healthy) as target:
        answer = f"HTTP/1.1 302 Found\r\nLocation: {target.url}/elsewhere\r\nContent-Length: 0\r\n\r\n"
        with BadReceiver(says(answer.encode())) as receiver:
            _, log = town.outcome(receiver, "retrying")
            assert log == [("1", "redirect", "302")]
        assert target.connections == [] and target.requests == []


def test_an_answer_without_an_end_is_cut_and_its_status_counts(town: Town) -> None:
    with BadReceiver(bad_receiver.endless) as receiver:
        _, log = town.outcome(receiver, "delivered")
        assert log == [("1", "ok", "200")]
        (connection,) = receiver.connections
        connection.ended.wait(DEADLINE_S)
        assert connection.ended.is_set() and connection.sent < bad_receiver.FLOOD_MOST, "the connection was cut"


def test_a_bomb_is_not_unpacked(town: Town) -> None:
    before = town.notifier.peak_kb()
    with BadReceiver(bad_receiver.gzip_bomb) as receiver:
        _, log = town.outcome(receiver, "delivered")
        assert log == [("1", "ok", "200")]
        assert "accept-encoding" not in receiver.requests[0].headers
    assert town.notifier.peak_kb() - before < 16 << 10


# ---- a pause that it asks for ----


def in_quarter_of_an_hour() -> str:
    return email.utils.formatdate(time.time() + 900, usegmt=True)


@pytest.mark.parametrize(
    ("retry_after", "least_ms", "most_ms"),
    [
        ("7", 7000, 7000),
        ("0", 1000, 1000),
        ("date", 600_000, 901_000),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 1000, 1000),
        ("99999999999999999999999", 3_600_000, 3_600_000),
        ("-7", None, None),
        ("soon", None, None),
        ("7 8", None, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_is_kept_within_reason(
    town: Town, status: int, retry_after: str, least_ms: int | None, most_ms: int | None
) -> None:
    value = in_quarter_of_an_hour() if retry_after == "date" else retry_after
    with BadReceiver(says(f"HTTP/1.1 {status} Slow\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode())) as receiver:
        event, log = town.outcome(receiver, "retrying")
        assert log == [("1", "http_status", str(status))]
        endpoint = town.world.key(f"hooks:endpoint:{hooks.endpoint_id(TENANT, receiver.url)}")
        ((_, entry),) = town.world.db.xrange(endpoint.replace("hooks:endpoint:", "hooks:log:"))
        ended_ms = int(entry["began_ms"]) + int(entry["took_ms"])
        until_ms = town.world.db.hget(endpoint, "paused_until_ms")
        if least_ms is None or most_ms is None:
            assert until_ms is None
        else:
            assert least_ms <= int(until_ms) - ended_ms <= most_ms
            assert int(town.world.delivery(event)["next_ms"]) >= int(until_ms), "it does not come sooner than it may"


# ---- time ----


def test_who_never_comes_to_an_end_is_left_at_the_deadline(town: Town, good: Certificate) -> None:
    """All at once, since each takes as long as the deadline: without a word, a byte at a time, and within the handshake."""
    with (
        BadReceiver(bad_receiver.silence) as mute,
        BadReceiver(bad_receiver.drip) as slow,
        BadReceiver(bad_receiver.says_nothing) as unread,
        BadReceiver(bad_receiver.healthy) as well,
    ):
        stuck = {receiver: town.send(receiver) for receiver in (mute, slow)}
        stuck[unread] = town.send(unread, unread.url.replace("http:", "https:"))
        event = town.send(well)
        town.world.wait_for_state(event, "delivered", DEADLINE_S)
        for receiver, held in stuck.items():
            town.world.wait_for_state(held, "retrying", DEADLINE_S)
        assert town.log(mute) == [("1", "timeout", "0")]
        assert town.log(slow) == [("1", "timeout", "0")]
        assert town.log(unread, unread.url.replace("http:", "https:")) == [("1", "timeout", "0")]
        for receiver in (mute, slow):
            (attempt,) = town.attempts(receiver)
            assert attempt["durationMs"] >= TIMEOUT_MS
            assert (attempt["phases"]["firstByteMs"] is None) == (receiver is mute)


# ---- connections ----


def test_a_kept_connection_that_dies_costs_no_attempt(town: Town) -> None:
    with BadReceiver(bad_receiver.closed_when_reused) as receiver:
        first, _ = town.outcome(receiver, "delivered")
        second, log = town.outcome(receiver, "delivered")
        assert log == [("1", "ok", "200"), ("1", "ok", "200")]
        requests = receiver.requests
        assert [request.headers["webhook-id"] for request in requests] == [first, second, second]
        assert requests[1].body == requests[2].body
        assert requests[1].headers["webhook-signature"] == requests[2].headers["webhook-signature"]
        assert [connection.served for connection in receiver.connections] == [2, 1]


def test_a_connection_is_kept_for_the_next(town: Town) -> None:
    reused = metric(town.notifier, "carillon_webhook_connections_reused_total")
    with BadReceiver(bad_receiver.healthy) as receiver:
        for _ in range(3):
            town.outcome(receiver, "delivered")
        assert [connection.served for connection in receiver.connections] == [3]
    assert metric(town.notifier, "carillon_webhook_connections_reused_total") == reused + 2


# ---- TLS ----


def test_a_certificate_must_be_good(town: Town, tmp_path: pathlib.Path, good: Certificate) -> None:
    stranger = Authority(tmp_path, "stranger")
    certificates = {
        "expired": town.authority.issue("expired", "IP:127.0.0.1", days=-1),
        "another host's": town.authority.issue("elsewhere", "DNS:elsewhere.example,IP:127.0.0.9"),
        "nobody's": stranger.issue("unknown", "IP:127.0.0.1"),
        "self-signed": Certificate(stranger.file, stranger.file.with_suffix(".key")),
    }
    for what, certificate in certificates.items():
        with BadReceiver(bad_receiver.healthy, town.server_side(certificate)) as receiver:
            _, log = town.outcome(receiver, "retrying")
            assert log == [("1", "tls_failed", "0")], what
            assert receiver.requests == [], what
    with BadReceiver(bad_receiver.healthy, town.server_side(good)) as receiver:
        _, log = town.outcome(receiver, "delivered")
        assert log == [("1", "ok", "200")]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_tls_is_not_spoken(town: Town, good: Certificate) -> None:
    context = town.server_side(good)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with BadReceiver(bad_receiver.healthy, context) as receiver:
        _, log = town.outcome(receiver, "retrying")
        assert log == [("1", "tls_failed", "0")]
        assert receiver.requests == [] and receiver.handshakes_failed == 1


def test_plain_http_where_tls_was_meant_is_told_as_that(town: Town) -> None:
    with BadReceiver(bad_receiver.plain) as receiver:
        url = receiver.url.replace("http:", "https:")
        town.world.wait_for_state(town.send(receiver, url), "retrying", DEADLINE_S)
        assert town.log(receiver, url) == [("1", "tls_failed", "0")]


# ---- HTTP/2 ----


def test_requests_share_one_connection_over_http2(town: Town, good: Certificate) -> None:
    with BadReceiver(http2_modes.healthy, town.server_side(good, "h2", "http/1.1")) as receiver:
        events = [town.send(receiver) for _ in range(12)]
        for event in events:
            town.world.wait_for_state(event, "delivered", DEADLINE_S)
        assert sorted(request.headers["webhook-id"] for request in receiver.requests) == sorted(events)
        assert [connection.served for connection in receiver.connections] == [12]
        secret = town.world.secrets[hooks.endpoint_id(TENANT, receiver.url)]
        assert all(verifies(secret, request.headers, request.body, request.at) for request in receiver.requests)
        attempts = town.attempts(receiver)
        assert {attempt["httpVersion"] for attempt in attempts} == {"2"}
        assert sorted(attempt["connectionReused"] for attempt in attempts) == [False] + [True] * 11


@pytest.mark.parametrize("mode", ["goaway_behind_each", "goaway_before_the_second"])
def test_who_sends_goaway_gets_the_next_on_another_connection(town: Town, good: Certificate, mode: str) -> None:
    with BadReceiver(getattr(http2_modes, mode), town.server_side(good, "h2")) as receiver:
        for _ in range(3):
            _, log = town.outcome(receiver, "delivered")
        assert log == [("1", "ok", "200")] * 3
        assert len(receiver.connections) > 1


@pytest.mark.parametrize(("mode", "code"), [("reset_stream", "connection_reset"), ("garbage", "connection_reset")])
def test_a_broken_http2_receiver_is_its_own_fault(town: Town, good: Certificate, mode: str, code: str) -> None:
    with BadReceiver(getattr(http2_modes, mode), town.server_side(good, "h2")) as receiver:
        event, log = town.outcome(receiver, "retrying")
        assert log == [("1", code, "0")]
        assert town.world.delivery(event)["attempts"] == "1"


# ---- many at once ----


def test_hundreds_of_silent_endpoints_at_once_hold_nobody_up(world: World) -> None:
    """Each of another tenant, on several hosts: a host and a tenant have their own bounds. Nobody accepts: the connections stand."""
    hosts, of_a_host = 6, 120
    in_flight = "carillon_webhook_in_flight"
    with socket.create_server(("0.0.0.0", 0), backlog=1024) as hole:
        port = hole.getsockname()[1]
        for n in range(hosts * of_a_host):
            tenant, batch = f"mute{n}", f"batch_c0_mute{n}"
            world.batch(batch, tenant, f"http://127.0.0.{2 + n % hosts}:{port}/hook")
            world.call_event(batch, 0, tenant)
        world.batch("batch_c0_1")
        notifier = world.notifier()
        wait_until(lambda: metric(notifier, in_flight) == hosts * of_a_host, DEADLINE_S, "they are under way, all at once")
        world.wait_for_state(world.call_event("batch_c0_1", 1), "delivered", DEADLINE_S)
        assert metric(notifier, in_flight) > 0, "and are still"
