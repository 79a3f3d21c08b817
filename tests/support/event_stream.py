# SPDX-License-Identifier: Apache-2.0
"""Server-sent events, listened to by many clients from one thread.

    with Listeners(port) as listeners:
        stream = listeners.open(f"/api/v1/batch/{batch}/events", key)
        listeners.wait(lambda: stream.events, what="the first event")
        assert stream.events[0].json()["status"] == "pending"
"""

from __future__ import annotations

import dataclasses
import json
import selectors
import socket
import time
from types import TracebackType
from typing import Any, Callable, Mapping

from tests.support.waiting import DeadlinePassed

DEADLINE_S = 60.0


@dataclasses.dataclass(frozen=True)
class Event:
    """One event; `at` is the monotonic instant at which it was read."""

    name: str
    id: str
    data: str
    at: float

    def json(self) -> Any:
        return json.loads(self.data)


class Stream:
    """One client. What came so far: `status` and `headers` of the answer, `events`, `comments`, `retries`; `is_ended` after
    an orderly end of the body, `is_closed` once the connection is."""

    def __init__(self, port: int, path: str, key: str | None, headers: Mapping[str, str], receive_bytes: int | None) -> None:
        self.socket = socket.socket()
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect(("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", "Host: x", "Accept: text/event-stream",
                 *([f"Authorization: Bearer {key}"] if key else []), *(f"{name}: {value}" for name, value in headers.items())]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.socket.setblocking(False)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.events: list[Event] = []
        self.comments: list[str] = []
        self.retries: list[int] = []
        self.is_ended = False
        self.is_closed = False
        self._bytes = b""
        self._text = b""

    def statuses(self) -> list[str]:
        """The batch's status in each status event."""
        return [event.json()["status"] for event in self.events if event.name == "status"]

    def read(self) -> None:
        try:
            piece = self.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except ConnectionResetError:
            piece = b""
        self.is_closed = not piece
        self._bytes += piece
        if not self.status:
            self._take_head()
        if self.status:
            self._take_chunks()
            self._take_events()

    def _take_head(self) -> None:
        head, found, rest = self._bytes.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self._bytes = rest

    def _take_chunks(self) -> None:
        if self.headers.get("transfer-encoding") != "chunked":
            return
        while not self.is_ended:
            size_text, found, rest = self._bytes.partition(b"\r\n")
            if not found or len(rest) < (size := int(size_text, 16)) + 2:
                return
            assert rest[size : size + 2] == b"\r\n"
            self._text += rest[:size]
            self._bytes = rest[size + 2 :]
            self.is_ended = size == 0

    def _take_events(self) -> None:
        now = time.monotonic()
        while b"\n\n" in self._text:
            block, self._text = self._text.split(b"\n\n", 1)
            fields: dict[str, str] = {}
            for line in block.decode().split("\n"):
                name, _, value = line.partition(":")
                if not name:
                    self.comments.append(value.strip())
                elif name == "retry":
                    self.retries.append(int(value))
                else:
                    assert name in ("event", "id", "data") and name not in fields, line
                    fields[name] = value.removeprefix(" ")
            if fields:
                self.events.append(Event(fields["event"], fields["id"], fields["data"], now))

    @property
    def body(self) -> bytes:
        """Of an answer that is no stream."""
        return self._bytes


class Listeners:
    """Any number of streams of one server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: list[Stream] = []
        self._selector = selectors.DefaultSelector()

    def open(
        self, path: str, key: str | None, headers: Mapping[str, str] | None = None, *, receive_bytes: int | None = None
    ) -> Stream:
        stream = Stream(self.port, path, key, headers or {}, receive_bytes)
        self.streams.append(stream)
        self._selector.register(stream.socket, selectors.EVENT_READ, stream)
        return stream

    def close(self, stream: Stream) -> None:
        if stream in self.streams:
            self.streams.remove(stream)
            if not stream.is_closed:
                self._selector.unregister(stream.socket)
            stream.socket.close()

    def deafen(self, stream: Stream) -> None:
        """From now on it is not read."""
        self._selector.unregister(stream.socket)

    def undeafen(self, stream: Stream) -> None:
        self._selector.register(stream.socket, selectors.EVENT_READ, stream)

    def pump(self, most_s: float) -> None:
        """Reads what has come, or waits for something."""
        for chosen, _ in self._selector.select(most_s):
            stream: Stream = chosen.data
            stream.read()
            if stream.is_closed:
                self._selector.unregister(stream.socket)

    def wait(self, condition: Callable[[], object], deadline_s: float = DEADLINE_S, what: str = "what is waited for") -> None:
        end = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end:
                last = [(s.status, s.is_closed, s.statuses()[-5:], s.comments[-3:]) for s in self.streams[:5]]
                raise DeadlinePassed(f"{what} did not come within {deadline_s} s; the first streams: {last}")
            self.pump(0.1)

    def __enter__(self) -> Listeners:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in list(self.streams):
            self.close(stream)
        self._selector.close()
