# SPDX-License-Identifier: Apache-2.0
"""The receiver of bench_notifier.py, in a process of its own: as little work for a request as Python can do, so that it is not what
is measured.

    notifier_receiver.py PORT SINK [CERTIFICATE KEY]    answers 200 and, at its end (SIGTERM), writes "id time" lines to SINK
    notifier_receiver.py PORT --silent                  takes connections and says nothing
"""

from __future__ import annotations

import asyncio
import gc
import signal
import ssl
import sys
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ID, LENGTH = b"webhook-id: ", b"\r\nContent-Length: "


class Healthy(asyncio.Protocol):
    came: list[tuple[bytes, float]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._waiting = transport, b""

    def data_received(self, data: bytes) -> None:
        data = self._waiting + data if self._waiting else data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            at = data.index(LENGTH) + len(LENGTH)
            whole = end + 4 + int(data[at : data.index(b"\r", at)])
            if len(data) < whole:
                break
            at = data.index(ID) + len(ID)
            self.came.append((data[at : data.index(b"\r", at)], time.time()))
            self._transport.write(OK)  # type: ignore[attr-defined]
            data = data[whole:]
        self._waiting = data


class Silent(asyncio.Protocol):
    """Whoever comes waits."""


async def main(port: int, sink: str, tls: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    kind = Silent if sink == "--silent" else Healthy
    server = await loop.create_server(kind, "0.0.0.0", port, ssl=tls, backlog=4096)
    print(f"listening http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    gc.freeze()
    gc.disable()
    await ended.wait()
    if kind is Healthy:
        with open(sink, "w", encoding="ascii") as file:
            file.writelines(f"{identity.decode()} {at!r}\n" for identity, at in Healthy.came)


if __name__ == "__main__":
    context = None
    if len(sys.argv) == 5:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], context))
