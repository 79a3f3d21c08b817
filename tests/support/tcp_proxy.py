# SPDX-License-Identifier: Apache-2.0
"""A line to a server that breaks where a test wants it to.

    with TcpProxy(producer.port) as proxy:
        proxy.cut_after(100_000, times=3)
        ... proxy.url

Each of the next `times` connections ends with a reset once so many bytes of the client's have gone through; or, with
`answer=True`, before the first byte of what the server answers to them.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from types import TracebackType

PIECE = 16384


class TcpProxy:
    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._bytes = 0
        self._times = 0
        self._at_answer = False
        self.cuts = 0
        self._closing = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut_after(self, count: int, times: int = 1, answer: bool = False) -> None:
        with self._lock:
            self._bytes, self._times, self._at_answer = count, times, answer

    # ---- inside ----

    def _take_cut(self) -> bool:
        with self._lock:
            if self._times == 0:
                return False
            self._times -= 1
            self.cuts += 1
            return True

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.closing(client), contextlib.suppress(OSError):
            with socket.create_connection(self._target) as server, selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ, server)
                selector.register(server, selectors.EVENT_READ, client)
                sent = 0
                while not self._closing.is_set():
                    for key, _ in selector.select(0.1):
                        data = key.fileobj.recv(PIECE)  # type: ignore[union-attr]
                        if not data:
                            return
                        is_clients = key.fileobj is client
                        sent += len(data) if is_clients else 0
                        is_here = sent >= self._bytes and is_clients != self._at_answer
                        if is_here and self._take_cut():
                            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                            return
                        key.data.sendall(data)

    def __enter__(self) -> TcpProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._listener.close()
