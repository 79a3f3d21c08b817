# SPDX-License-Identifier: Apache-2.0
"""A Sentinel that says what a test wants: the port of the primary. It knows nothing else, and watches nobody.

    with NamedPrimary(server.port) as sentinel:
        ... Process(..., "--redis-url", sentinel.url)
        sentinel.port_of_primary = other.port
"""

from __future__ import annotations

import contextlib
import socket
from types import TracebackType
from typing import BinaryIO

from tests.support.accepting import serve_each

NAME = "mymaster"


def read_command(stream: BinaryIO) -> list[bytes]:
    """The next command as Redis's protocol has it; [] at the end."""
    head = stream.readline()
    words = []
    for _ in range(int(head[1:] or 0)):
        length = int(stream.readline()[1:])
        words.append(stream.read(length + 2)[:length])
    return words


class NamedPrimary:
    def __init__(self, port_of_primary: int) -> None:
        self.port_of_primary = port_of_primary
        self.is_there = True
        self.times_asked = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        serve_each(self._listener, self._serve)

    @property
    def url(self) -> str:
        """What --redis-url takes."""
        return f"sentinel://127.0.0.1:{self._listener.getsockname()[1]}/{NAME}"

    def close(self) -> None:
        self._listener.close()

    # ---- inside ----

    def _serve(self, client: socket.socket) -> None:
        with contextlib.closing(client), contextlib.suppress(OSError, ValueError), client.makefile("rb") as stream:
            while self.is_there and (command := read_command(stream)):
                client.sendall(self._answer(command))

    def _answer(self, command: list[bytes]) -> bytes:
        if command[0] != b"SENTINEL":
            return b"-ERR unknown command\r\n"
        self.times_asked += 1
        port = str(self.port_of_primary)
        return f"*2\r\n$9\r\n127.0.0.1\r\n${len(port)}\r\n{port}\r\n".encode()

    def __enter__(self) -> NamedPrimary:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
