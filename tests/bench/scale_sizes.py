#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of docs/scaling.md: what a call costs Redis in cells from one batch to 10,000 and from 10^4 queued calls to 10^7.

    /usr/bin/python3 tests/bench/scale_sizes.py [BATCHESxCALLS ...]

Commands and microseconds on a core for each call, over claim, begin, accept and finish in full scripts; and what an empty batch
takes of Redis's memory."""

from __future__ import annotations

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import figures  # noqa: E402
from tests.bench.scale_cell import Cell, Shape  # noqa: E402
from tests.bench.scale_scripts import Samples, Workload  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402

SIZES = ("1x10000", "1x1000000", "100x1000000", "1000x1000000", "10000x1000000", "10000x10000000")
PATH = ("call_claim", "call_begin", "call_accept", "call_finish")
RUNS = 20


def bytes_used(server: RedisServer) -> int:
    return int(server.client().info("memory")["used_memory"])


def measure(size: str) -> str:
    batches, calls = map(int, size.split("x"))
    with RedisServer(args=tuple(figures.settings()), appendonly=True) as server:
        empty = bytes_used(server)
        cell = Cell(server, Shape(batches, calls, batch_cps=1000 if batches < 100 else 10))
        cell.fill()
        queued = (bytes_used(server) - empty) / calls
        workload = Workload(cell, RUNS)
        workload.calls()
        workload.close()
        made = sum(workload.items["call_finish"])
        seen: dict[str, Samples] = workload.scripts.samples
        commands = {name: sum(seen[name].commands) / made for name in PATH}
        on_core = {name: sum(seen[name].core_us) / made for name in PATH}
    each = " ".join(f"{commands[name]:8.1f}" for name in PATH)
    return f"{batches:7} {calls:9} {queued:8.1f} {made / RUNS:6.1f} {each} {sum(commands.values()):8.1f} {sum(on_core.values()):8.1f}"


def main() -> None:
    print(f"batches     calls  B/queued  made {' '.join(f'{name[5:]:>8}' for name in PATH)} commands     us")
    for size in sys.argv[1:] or SIZES:
        print(measure(size), flush=True)


if __name__ == "__main__":
    main()
