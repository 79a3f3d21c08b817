# SPDX-License-Identifier: Apache-2.0
"""Lines between processes that break where a test wants them to: TCP proxies, all served by one thread.

    with Switchboard() as board:
        line = board.line("api", lambda: [("127.0.0.1", producer.port)])
        line.cut_after(100_000, times=3)
        ... line.url

A line goes to the first of its targets that takes a connection, from the next one on each time: with several it is a load
balancer as well.
"""

from __future__ import annotations

import asyncio
import collections
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

Target = tuple[str, int] | str  # host and port, or the path of a Unix socket
RST_AT_CLOSE = struct.pack("ii", 1, 0)  # lingers for no time
START_DEADLINE_S = 10.0


class _End(asyncio.Protocol):
    """One side of a connection that goes through."""

    def __init__(self, pair: _Pair) -> None:
        self.pair = pair
        self.transport: asyncio.Transport | None = None
        self.peer: _End | None = None
        self.late: collections.deque[bytes | None] = collections.deque()  # what came from it and goes on later
        self.last_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self is self.pair.client:
            self.pair.line.loop.create_task(self.pair.line.connect(self.pair))

    def data_received(self, data: bytes) -> None:
        self.pair.came(self, data)

    def eof_received(self) -> bool:
        self.pair.came(self, None)
        return True  # it may still be sent to

    def connection_lost(self, error: Exception | None) -> None:
        self.pair.came(self, None)

    def pause_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.resume_reading()

    def send(self, data: bytes | None) -> None:
        """None: nothing more comes."""
        if self.transport is None or self.transport.is_closing():
            return
        if data is None:
            self.transport.close()
        else:
            self.transport.write(data)

    def reset(self) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        line = self.transport.get_extra_info("socket")
        if line.family != socket.AF_UNIX:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_AT_CLOSE)
        self.transport.abort()


class _Pair:
    """A connection of a client and the one to the target, and what is on its way between them."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.client, self.server = _End(self), _End(self)
        self.client.peer, self.server.peer = self.server, self.client
        self.waiting: list[tuple[_End, bytes | None]] = []
        self.is_connected = False
        self.sent = 0  # bytes of the client's since a cut was armed
        self.answered = 0

    def came(self, source: _End, data: bytes | None) -> None:
        if not self.line.delay_s and not source.late:
            self._go(source, data)
            return
        source.late.append(data)
        source.last_at = max(source.last_at, self.line.loop.time() + self.line.delay_s)
        self.line.loop.call_at(source.last_at, lambda: self._go(source, source.late.popleft()))

    def _go(self, source: _End, data: bytes | None) -> None:
        if not self.is_connected or self.line.is_held or self.waiting:
            self.waiting.append((source, data))
            return
        if data is not None and self._is_cut_at(source, len(data)):
            self.reset()
            return
        assert source.peer
        source.peer.send(data)
        if data is None:
            self.line.pairs.discard(self)

    def _is_cut_at(self, source: _End, size: int) -> bool:
        is_clients = source is self.client
        self.sent += size if is_clients else 0
        self.answered += 0 if is_clients else size
        cut = self.line.cut
        if cut is None or self.line.times == 0:
            return False
        count, where = cut
        is_here = {
            "request": is_clients and self.sent >= count,
            "answer": not is_clients and self.answered >= count,
            "before_answer": not is_clients and self.sent >= count,
        }[where]
        if is_here:
            self.line.times -= 1
            self.line.cuts += 1
        return is_here

    def let_go(self) -> None:
        """Sends what has waited."""
        waiting, self.waiting = self.waiting, []
        for source, data in waiting:
            self._go(source, data)

    def reset(self) -> None:
        self.waiting.clear()
        self.line.pairs.discard(self)
        self.client.reset()
        self.server.reset()


class Line:
    """One line. What is asked of it holds for the connections that are there and for those that come."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str, targets: Callable[[], list[Target]]) -> None:
        self.loop = loop
        self.name = name
        self.pairs: set[_Pair] = set()
        self.cut: tuple[int, str] | None = None
        self.times = 0
        self.cuts = 0
        self.is_held = False
        self.is_refused = False
        self.delay_s = 0.0
        self.port = 0
        self._targets = targets
        self._turn = 0
        self._server: asyncio.AbstractServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # ---- what goes wrong ----

    def cut_after(self, count: int, times: int = 1, where: str = "request") -> None:
        """Each of the next `times` connections ends with a reset once so many more bytes have gone through: of the client's
        (`request`), of the target's (`answer`), or before the first byte that answers so many (`before_answer`)."""

        def arm() -> None:
            self.cut, self.times = (count, where), times
            for pair in self.pairs:
                pair.sent = pair.answered = 0

        self._do(arm)

    def reset(self) -> None:
        """Every connection that is there; what waits in it is lost."""

        def reset_all() -> None:
            for pair in list(self.pairs):
                pair.reset()

        self._do(reset_all)

    def hold(self) -> None:
        """From here on nothing gets through either way, and nobody is told: half open. Connections are taken."""
        self._do(lambda: setattr(self, "is_held", True))

    def let_go(self) -> None:
        """What was held goes on, late."""

        def go_on() -> None:
            self.is_held = False
            for pair in list(self.pairs):
                pair.let_go()

        self._do(go_on)

    def refuse(self, is_refused: bool = True) -> None:
        """Connections that come are reset, until refuse(False)."""
        self._do(lambda: setattr(self, "is_refused", is_refused))

    def delay(self, delay_ms: int) -> None:
        """Whatever comes, either way, goes on that much later; 0: at once."""
        self._do(lambda: setattr(self, "delay_s", delay_ms / 1000))

    def mend(self) -> None:
        """Nothing is wrong with it from here on; what waits goes on."""
        self._do(lambda: setattr(self, "times", 0))
        self.delay(0)
        self.refuse(False)
        self.let_go()

    # ---- inside ----

    def _do(self, change: Callable[[], None]) -> None:
        """In the thread of the lines, and to its end."""

        async def run() -> None:
            change()

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(START_DEADLINE_S)

    async def listen(self) -> None:
        self._server = await self.loop.create_server(self._accepted, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accepted(self) -> _End:
        pair = _Pair(self)
        self.pairs.add(pair)
        return pair.client

    async def connect(self, pair: _Pair) -> None:
        """To the first target that takes it. What the client sends meanwhile waits."""
        targets = [] if self.is_refused else self._targets()
        self._turn += 1
        for i in range(len(targets)):
            target = targets[(self._turn + i) % len(targets)]
            try:
                if isinstance(target, str):
                    await self.loop.create_unix_connection(lambda: pair.server, target)
                else:
                    await self.loop.create_connection(lambda: pair.server, *target)
            except OSError:
                continue
            pair.is_connected = True
            if not self.is_held:
                pair.let_go()
            return
        pair.reset()

    def close(self) -> None:
        if self._server:
            self._server.close()
        for pair in list(self.pairs):
            pair.reset()


class Switchboard:
    """The thread that serves lines."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def line(self, name: str, targets: Callable[[], list[Target]]) -> Line:
        """A new one; `targets` is asked at each connection, in another thread."""
        line = Line(self._loop, name, targets)
        self._run(line.listen())
        self.lines[name] = line
        return line

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_DEADLINE_S)

    def close(self) -> None:
        async def end() -> None:
            for line in self.lines.values():
                line.close()
            rest = [task for task in asyncio.all_tasks(self._loop) if task is not asyncio.current_task()]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        self._run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Switchboard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
