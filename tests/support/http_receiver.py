# SPDX-License-Identifier: Apache-2.0
"""A threaded HTTP server that records what it is sent and answers as it is told: the other side of a webhook.

    with HttpReceiver() as receiver:
        ...  # something POSTs to receiver.url
        first = receiver.wait_for(1)[0]

Answers: one for all by `receiver.answer = Answer(503)`, or by request with a function. A request is recorded, and
whoever waits is woken, before it is answered.
"""

from __future__ import annotations

import dataclasses
import http.server
import json
import socket
import struct
import sys
import threading
import time
from types import TracebackType
from typing import Any, Callable, Mapping

from tests.support.waiting import DeadlinePassed

RELEASE_DEADLINE_S = 60.0


@dataclasses.dataclass(frozen=True)
class Received:
    """One request. `headers` by lower-case name; `at` is wall time in seconds, at its last byte."""

    index: int
    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a request gets."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    after: threading.Event | None = None  # held back until this is set, or the receiver closes
    reset: bool = False  # no answer: the connection is reset


class HttpReceiver:
    """Listens on 127.0.0.1, or where `host` says, from its making until close()."""

    def __init__(
        self, answer: Answer | Callable[[Received], Answer] | None = None, port: int = 0, host: str = "127.0.0.1"
    ) -> None:
        self.answer = answer or Answer()
        self.requests: list[Received] = []
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._server = _Server((host, port), _Handler)
        self._server.receiver = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def snapshot(self) -> list[Received]:
        with self._changed:
            return list(self.requests)

    def clear(self) -> None:
        with self._changed:
            self.requests.clear()

    def wait_for(
        self, count: int, deadline_s: float = 10.0, where: Callable[[Received], bool] | None = None
    ) -> list[Received]:
        """Waits until at least `count` requests (that satisfy `where`) have come; gives all of those."""

        def matching() -> list[Received]:
            return [request for request in self.requests if where is None or where(request)]

        with self._changed:
            if not self._changed.wait_for(lambda: len(matching()) >= count, deadline_s):
                raise DeadlinePassed(
                    f"{len(matching())} of {count} requests within {deadline_s} s; "
                    f"all {len(self.requests)}: {[(r.method, r.path) for r in self.requests[-20:]]}"
                )
            return matching()

    def record(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Called by the handler's thread: keeps the request and decides its answer."""
        with self._changed:
            request = Received(len(self.requests), time.time(), method, path, headers, body)
            self.requests.append(request)
            self._changed.notify_all()
        return self.answer(request) if callable(self.answer) else self.answer

    def hold(self, event: threading.Event) -> None:
        """Waits for `event`, or for the receiver's end."""
        end = time.monotonic() + RELEASE_DEADLINE_S
        while not event.wait(0.02) and not self._closing.is_set() and time.monotonic() < end:
            pass

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> HttpReceiver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512
    receiver: HttpReceiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is the client's matter; anything else is a fault of this file and must show."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = RELEASE_DEADLINE_S
    server: _Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver = self.server.receiver
        answer = receiver.record(self.command, self.path, headers, body)
        if answer.after is not None:
            receiver.hold(answer.after)
        if answer.reset:
            self._reset()
            return
        if "Date" in answer.headers:
            self.send_response_only(answer.status)
        else:
            self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Length" in answer.headers:  # another one than its body has: the answer breaks off
            self.close_connection = True
        elif answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.status != 204 and self.command != "HEAD":
            self.wfile.write(answer.body)

    def _reset(self) -> None:
        # Lingering for no time makes close() send RST instead of FIN.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.wfile.close()
        self.rfile.close()
        self.connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the recorded requests say it all."""
