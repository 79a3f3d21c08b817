# SPDX-License-Identifier: Apache-2.0
"""HTTP by the byte: what no client library would send, and all answers that a connection brings.

    answers = exchange(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
from typing import Any

ANSWER_DEADLINE_S = 60.0


@dataclasses.dataclass(frozen=True)
class RawAnswer:
    """One answer. `headers` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def _take_answer(data: bytes, is_ended: bool) -> tuple[RawAnswer, bytes] | None:
    """The first whole answer in `data`, and what follows it. A 1xx has no body."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    length = 0 if status < 200 else int(headers.get("content-length", 0))
    if len(rest) < length:
        assert not is_ended, f"an answer was cut: {data[:300]!r}"
        return None
    return RawAnswer(status, headers, rest[:length]), rest[length:]


class RawConnection:
    """A connection to 127.0.0.1:port."""

    def __init__(self, port: int, deadline_s: float = ANSWER_DEADLINE_S) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=deadline_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._data = b""
        self.is_ended = False

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """A server that has answered and closed meanwhile is no fault."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def send_end(self) -> None:
        """Nothing more will be sent; answers are still read."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def _receive(self) -> None:
        try:
            piece = self.socket.recv(65536)
        except ConnectionResetError:
            piece = b""
        self.is_ended = not piece
        self._data += piece

    def answer(self) -> RawAnswer | None:
        """The next answer that is not a 1xx; None where the connection ends without one."""
        while True:
            taken = _take_answer(self._data, self.is_ended)
            if taken is None:
                if self.is_ended:
                    return None
                self._receive()
                continue
            found, self._data = taken
            if found.status >= 200:
                return found

    def rest(self) -> list[RawAnswer]:
        """All answers until the server closes."""
        found = []
        while (answer := self.answer()) is not None:
            found.append(answer)
        return found


def exchange(port: int, request: bytes, *, end: bool = False) -> list[RawAnswer]:
    """Sends `request` on a connection of its own and gives all answers until the server closes it. The last request must
    ask for that, or be one that the server closes for. `end`: the client's side is closed behind the request."""
    with RawConnection(port) as connection:
        connection.send(request)
        if end:
            connection.send_end()
        return connection.rest()
