# SPDX-License-Identifier: Apache-2.0
"""A receiver of webhooks that misbehaves below what a well-kept HTTP server can: each connection is a raw socket (or TLS) that
a mode does with what it likes.

    with BadReceiver(silence) as receiver:
        ...  # something POSTs to receiver.url
        assert receiver.requests[0].headers["webhook-id"] == event

A mode is a function of a Connection; when it returns, the connection is closed. It reads requests where it cares to:
each is recorded as it is read.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import struct
import threading
import time
from types import TracebackType
from typing import Callable

from tests.support.http_receiver import Received
from tests.support.waiting import wait_until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
PIECE = b"x" * 16384
FLOOD_MOST = 64 << 20  # what an endless answer stops at, should nobody ever cut it
BOMB_BYTES = 256 << 20  # what the bomb becomes, if somebody lets it


class Connection:
    """One connection to the receiver."""

    def __init__(self, receiver: BadReceiver, sock: socket.socket, index: int) -> None:
        self.receiver, self.socket, self.index = receiver, sock, index
        self.sent = 0
        self.served = 0  # requests read on it
        self.ended = threading.Event()
        self._stream = sock.makefile("rb")

    def request(self) -> Received | None:
        """Reads one; None where the other side closed instead."""
        line = self._stream.readline().decode("latin-1").split(" ")
        if len(line) != 3:
            return None
        headers = {}
        while header := self._stream.readline().decode("latin-1").rstrip("\r\n"):
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = self._stream.read(int(headers.get("content-length", "0")))
        self.served += 1
        return self.receiver.record(Received(0, time.time(), line[0], line[1], headers, body))

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)
        self.sent += len(data)

    def reset(self) -> None:
        """Lingering for no time makes close() send RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def wait_for_end(self) -> None:
        """Until the other side closes, or the receiver does."""
        with contextlib.suppress(OSError):
            while self.socket.recv(4096):
                pass


Mode = Callable[[Connection], None]


def _listener_on_a_new_port(host: str) -> socket.socket:
    """The system gives a port out again soon after it is closed; what an engine remembers of an origin would then be another
    receiver's."""
    listener = socket.create_server((host, 0), backlog=512)
    port = int(listener.getsockname()[1])
    if port in _ports_used:
        with listener:
            return _listener_on_a_new_port(host)
    _ports_used.add(port)
    return listener


_ports_used: set[int] = set()


class BadReceiver:
    """Listens on 127.0.0.1, or where `host` says, from its making until close(). `tls`: the server's side of a handshake that each
    connection begins with."""

    def __init__(self, mode: Mode, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.mode = mode
        self.requests: list[Received] = []
        self.connections: list[Connection] = []
        self.handshakes_failed = 0
        self._tls = tls
        self._lock = threading.Lock()
        self._listener = _listener_on_a_new_port(host)
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def record(self, request: Received) -> Received:
        with self._lock:
            self.requests.append(request)
        return request

    def wait_for(self, count: int, deadline_s: float = 15.0) -> list[Received]:
        wait_until(lambda: len(self.requests) >= count, deadline_s, f"{count} requests")
        return list(self.requests)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._sockets.append(sock)
                thread = threading.Thread(target=self._serve, args=(sock, len(self._sockets)), daemon=True)
                self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, index: int) -> None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                try:
                    sock = self._tls.wrap_socket(sock, server_side=True)
                except OSError:  # ssl.SSLError is one
                    with self._lock:
                        self.handshakes_failed += 1
                    sock.close()
                    return
                with self._lock:
                    self._sockets.append(sock)
            connection = Connection(self, sock, index)
            with self._lock:
                self.connections.append(connection)
            with contextlib.suppress(OSError):
                self.mode(connection)
            connection.ended.set()
            connection._stream.close()
            sock.close()

    def close(self) -> None:
        """Ends every connection, whatever its mode is at."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            sockets, threads = list(self._sockets), list(self._threads)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)

    def __enter__(self) -> BadReceiver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


# ---- modes ----


def healthy(connection: Connection) -> None:
    while connection.request():
        connection.send(OK)


def says(answer: bytes) -> Mode:
    """Answers each request with these bytes, and closes."""

    def mode(connection: Connection) -> None:
        if connection.request():
            connection.send(answer)

    return mode


def silence(connection: Connection) -> None:
    connection.request()
    connection.wait_for_end()


def plain(connection: Connection) -> None:
    """Takes whatever comes for a bad request."""
    connection.socket.recv(65536)
    connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def says_nothing(connection: Connection) -> None:
    """Not even a handshake."""
    connection.wait_for_end()


def drip(connection: Connection) -> None:
    """The headers at once, and then a byte a second."""
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    connection.socket.settimeout(1.0)
    while True:
        connection.send(b"x")
        with contextlib.suppress(TimeoutError):
            if not connection.socket.recv(4096):
                return


def endless(connection: Connection) -> None:
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while connection.sent < FLOOD_MOST:
        connection.send(PIECE)


def gzip_bomb(connection: Connection) -> None:
    """256 MiB of zeros as less than 300 KiB, under a length that is right."""
    bomb = gzip.compress(bytes(1 << 20), 1) * (BOMB_BYTES >> 20)  # members one after the other are one file: RFC 1952
    if connection.request():
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
        connection.send(head.encode() + bomb)


def many_headers(connection: Connection) -> None:
    """100 KiB of headers, each of them short."""
    lines = b"".join(b"X-Filler-%04d: %s\r\n" % (n, b"y" * 80) for n in range(1024))
    if connection.request():
        connection.send(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 0\r\n\r\n")


def one_long_header(connection: Connection) -> None:
    """One header of 200 KiB."""
    if connection.request():
        connection.send(b"HTTP/1.1 200 OK\r\nX-Filler: " + b"y" * (200 << 10) + b"\r\nContent-Length: 0\r\n\r\n")


def endless_hints(connection: Connection) -> None:
    """Interim answers, for ever."""
    connection.request()
    while connection.sent < FLOOD_MOST:
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n" * 64)


def reset_in_the_middle(connection: Connection) -> None:
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    connection.reset()


def closed_in_the_middle(connection: Connection) -> None:
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")


def closed_when_reused(connection: Connection) -> None:
    """The first request of a connection is answered; the second is read, and the connection closed without a word."""
    if connection.request():
        connection.send(OK)
        connection.request()


def reset_at_once(connection: Connection) -> None:
    connection.request()
    connection.reset()
