# SPDX-License-Identifier: Apache-2.0
"""A line to a server that can go dead without a word, as where a cable is pulled: nothing comes through any more, in either
direction, and nobody is told. Connections stay as they are, new ones are made and meet silence.

    with DeadLine(server.port) as line:
        ... line.port
        line.cut()
        line.mend()  # connections from before are reset, new ones come through
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from types import TracebackType

from tests.support.accepting import serve_each

PIECE = 65536
LOOK_S = 0.02


class DeadLine:
    """`target`: a port of this machine, or the path of a Unix socket. Listens on a port."""

    def __init__(self, target: int | str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._is_cut = threading.Event()
        self._lives = 0  # how often it was mended: a connection of an earlier life is reset
        self._closing = threading.Event()
        serve_each(self._listener, self._serve)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """What --redis-url takes."""
        return f"redis://127.0.0.1:{self.port}"

    def cut(self) -> None:
        self._is_cut.set()

    def mend(self) -> None:
        self._lives += 1
        self._is_cut.clear()

    def close(self) -> None:
        self._closing.set()
        self._listener.close()

    # ---- inside ----

    def _reach(self) -> socket.socket:
        if isinstance(self._target, int):
            return socket.create_connection(("127.0.0.1", self._target))
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        return server

    def _serve(self, client: socket.socket) -> None:
        life = self._lives
        with contextlib.closing(client), contextlib.suppress(OSError):
            while self._is_cut.is_set() and not self._closing.wait(LOOK_S):
                pass
            if not self._closing.is_set() and life == self._lives:
                with contextlib.closing(self._reach()) as server:
                    self._carry(client, server, life)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _carry(self, client: socket.socket, server: socket.socket, life: int) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while not self._closing.is_set() and life == self._lives:
                for key, _ in selector.select(LOOK_S):
                    data = key.fileobj.recv(PIECE)  # type: ignore[union-attr]
                    if self._is_cut.is_set():
                        self._wait_mended(life)
                        return
                    if not data:
                        return
                    key.data.sendall(data)

    def _wait_mended(self, life: int) -> None:
        """What was said meanwhile is lost, the end of either side too."""
        while life == self._lives and not self._closing.wait(LOOK_S):
            pass

    def __enter__(self) -> DeadLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
