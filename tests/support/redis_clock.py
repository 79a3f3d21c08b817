# SPDX-License-Identifier: Apache-2.0
"""Time as a test decrees it (tests/support/clock_decree.c). Redis's wall time may stand still, step either way, or run with
a shift, so that hours pass in no time and every instant is hit exactly. Any process may sleep: time passes on all of its
clocks, as it does for one that is stopped.

    with RedisServer(is_clock_decreed=True) as server:
        server.clock.stand(1_763_283_600_000_000)
        server.clock.step(2_000_000)
"""

from __future__ import annotations

import mmap
import os
import pathlib
import struct

LIBRARY = "tests/clock_decree.so"  # under build/<variant>
ROOT = pathlib.Path(__file__).resolve().parents[2]


class RedisClock:
    """All in microseconds. At first wall time runs as it does everywhere."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        path.write_bytes(struct.pack("=qqq", 0, 0, 0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 24)
        self._standing_us = 0
        self._slept_us = 0

    def environment(self) -> dict[str, str]:
        """What the process to be ruled is started with. ASan wants to be loaded first, and need not be: nothing of its own is
        preloaded."""
        library = ROOT / os.environ.get("CARILLON_BUILD", "build/release") / LIBRARY
        assert library.exists(), f"{library} is not built (make test-lua builds it)"
        asan = os.environ.get("ASAN_OPTIONS", "")
        return {
            "LD_PRELOAD": str(library),
            "CARILLON_CLOCK_DECREE": str(self._path),
            "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0",
        }

    @property
    def now_us(self) -> int:
        """The instant at which it stands."""
        assert self._standing_us > 0, "wall time is running"
        return self._standing_us

    def stand(self, at_us: int) -> None:
        self._standing_us = at_us
        struct.pack_into("=q", self._map, 0, at_us)

    def step(self, by_us: int) -> None:
        """Back where it is negative."""
        self.stand(self.now_us + by_us)

    def run(self, shift_us: int = 0) -> None:
        """Real time again, moved by `shift_us`."""
        struct.pack_into("=q", self._map, 8, shift_us)
        struct.pack_into("=q", self._map, 0, 0)
        self._standing_us = 0

    def sleep(self, for_us: int) -> None:
        """So much has passed at once, on every clock: the process stood still, and knows nothing of it."""
        self._slept_us += for_us
        struct.pack_into("=q", self._map, 16, self._slept_us)

    def close(self) -> None:
        self._map.close()
