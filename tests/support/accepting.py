# SPDX-License-Identifier: Apache-2.0
"""A listener whose every connection has a thread of its own: for servers of tests that are read and written by hand."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable


def serve_each(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    """Goes on behind the caller until the listener is closed. `serve` closes what it is given."""

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
