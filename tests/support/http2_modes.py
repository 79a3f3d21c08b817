# SPDX-License-Identifier: Apache-2.0
"""What a receiver of webhooks does that speaks HTTP/2: modes of a BadReceiver whose TLS offers h2 (the package h2 keeps to
the protocol)."""

from __future__ import annotations

import time
from typing import Callable

import h2.config
import h2.connection
import h2.errors
import h2.events

from tests.support.bad_receiver import Connection, Mode
from tests.support.http_receiver import Received

# Does with a request, by its stream, what the mode is about. False: nothing more is said on the connection.
Answer = Callable[[h2.connection.H2Connection, int, Connection], bool]


def _record(connection: Connection, headers: dict[str, str], body: bytes) -> None:
    connection.served += 1
    connection.receiver.record(Received(0, time.time(), headers[":method"], headers[":path"], headers, body))


def _serve(connection: Connection, answer: Answer) -> None:
    session = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    session.initiate_connection()
    connection.send(session.data_to_send())
    heads: dict[int, dict[str, str]] = {}
    bodies: dict[int, bytes] = {}
    while data := connection.socket.recv(65536):
        for event in session.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                heads[event.stream_id], bodies[event.stream_id] = dict(event.headers), b""
            elif isinstance(event, h2.events.DataReceived):
                bodies[event.stream_id] += event.data
                session.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                _record(connection, heads[event.stream_id], bodies[event.stream_id])
                goes_on = answer(session, event.stream_id, connection)
                connection.send(session.data_to_send())
                if not goes_on:
                    connection.wait_for_end()  # closed with something unread, it would take back what was sent
                    return
        connection.send(session.data_to_send())


def http2(answer: Answer) -> Mode:
    return lambda connection: _serve(connection, answer)


def _ok(session: h2.connection.H2Connection, stream: int, connection: Connection) -> bool:
    session.send_headers(stream, [(":status", "200")], end_stream=True)
    return True


def _away_behind_each(session: h2.connection.H2Connection, stream: int, connection: Connection) -> bool:
    _ok(session, stream, connection)
    session.close_connection(last_stream_id=stream)
    return False


def _away_before_the_second(session: h2.connection.H2Connection, stream: int, connection: Connection) -> bool:
    """The second request of a connection comes too late: GOAWAY says that it was not looked at (RFC 9113 section 6.8)."""
    if stream == 1:
        return _ok(session, stream, connection)
    session.close_connection(last_stream_id=1)
    return False


def _reset_stream(session: h2.connection.H2Connection, stream: int, connection: Connection) -> bool:
    session.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
    return True


def garbage(connection: Connection) -> None:
    """Agrees to HTTP/2, and then speaks something else."""
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 10)
    connection.wait_for_end()


healthy = http2(_ok)
goaway_behind_each = http2(_away_behind_each)
goaway_before_the_second = http2(_away_before_the_second)
reset_stream = http2(_reset_stream)
