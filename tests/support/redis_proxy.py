# SPDX-License-Identifier: Apache-2.0
"""Stands between a process and its Redis, on a Unix socket of its own, and cuts the line where a test wants it cut.

    with RedisProxy(server) as proxy:
        ... Process(..., "--redis-url", proxy.url)
        proxy.cut_at(b"the words of a command", forward=True)

or holds back an answer there:

        proxy.hold_at(b"the words of a command")
        proxy.was_held.wait(); ...; proxy.let_go()

or, with RedisProxy(server, answer_delay_s=...), is a long line: every answer comes that much later.
"""

from __future__ import annotations

import contextlib
import pathlib
import selectors
import socket
import tempfile
import threading
import time
from types import TracebackType

from tests.support.accepting import serve_each
from tests.support.redis_server import RedisServer

PIECE = 65536


class RedisProxy:
    """Forwards every connection. cut_at() arms one cut, hold_at() one answer that waits."""

    def __init__(self, server: RedisServer, answer_delay_s: float = 0.0) -> None:
        self._server = server
        self._answer_delay_s = answer_delay_s
        self._directory = tempfile.TemporaryDirectory(prefix="carillon-proxy-")
        self._path = pathlib.Path(self._directory.name) / "proxy.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(64)
        self._lock = threading.Lock()
        self._words: bytes | None = None
        self._forward = False
        self._is_down = False
        self._hold_words: bytes | None = None
        self._let_go = threading.Event()
        self.was_held = threading.Event()
        self._closing = threading.Event()
        self.was_cut = threading.Event()
        serve_each(self._listener, self._serve)

    @property
    def url(self) -> str:
        """What --redis-url takes."""
        return f"unix://{self._path}"

    def cut_at(self, words: bytes, forward: bool) -> None:
        """The next command that holds `words` ends its connection: after Redis got it (its answer is lost), or before.
        From then on nobody gets through until up()."""
        with self._lock:
            self.was_cut.clear()
            self._words, self._forward = words, forward

    def hold_at(self, words: bytes) -> None:
        """Redis gets the next command that holds `words`; its connection hears nothing more until let_go()."""
        with self._lock:
            self.was_held.clear()
            self._let_go.clear()
            self._hold_words = words

    def let_go(self) -> None:
        self._let_go.set()

    def up(self) -> None:
        """Lets connections through again."""
        with self._lock:
            self._is_down = False

    # ---- inside ----

    def _is_the_one(self, data: bytes) -> bool:
        with self._lock:
            if self._words is None or self._words not in data:
                return False
            self._words = None
            self._is_down = True
            return True

    def _is_to_be_held(self, data: bytes) -> bool:
        with self._lock:
            if self._hold_words is None or self._hold_words not in data:
                return False
            self._hold_words = None
            return True

    def _serve(self, client: socket.socket) -> None:
        redis = socket.socket(socket.AF_UNIX)
        with self._lock:
            is_down = self._is_down
        with contextlib.closing(client), contextlib.closing(redis), contextlib.suppress(OSError):
            if is_down:
                return
            redis.connect(str(self._server.socket))
            with selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ, redis)
                selector.register(redis, selectors.EVENT_READ, client)
                while not self._closing.is_set():
                    for key, _ in selector.select(0.1):
                        if not self._pass_on(key.fileobj, key.data, client):
                            return

    def _pass_on(self, source: socket.socket, target: socket.socket, client: socket.socket) -> bool:
        data = source.recv(PIECE)
        if not data:
            return False
        if source is client and self._is_the_one(data):
            if self._forward:
                target.sendall(data)
                target.recv(PIECE)  # it was done: the answer is what gets lost
            self.was_cut.set()
            return False
        if source is not client and self._answer_delay_s:
            time.sleep(self._answer_delay_s)
        target.sendall(data)
        if source is client and self._is_to_be_held(data):
            self.was_held.set()
            self._let_go.wait()
        return True

    def __enter__(self) -> RedisProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._let_go.set()
        self._listener.close()
        self._directory.cleanup()
