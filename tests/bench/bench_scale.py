#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What size does: how long scripts take in a cell that is full, and what workers cost that have nothing to do, or share it.

    script_p999_ms            the slowest script's 99.9th percentile, with 10,000 batches that hold 2,000,000 calls; each script
                              and each sort of work of it stands in the JSON, with a histogram and the commands it ran
    idle_commands_per_s       what a worker sends to Redis that has nothing to do
    fleet50_redis_cpu_ratio   Redis's time on a core for each call with 50 workers, over that with one, at the same 300 calls a
                              second, in turn

The promise is for 10,000,000 calls: SCALE_CALLS=10000000 SCALE_RUNS=1000. SCALE_BATCHES and SCALE_WORKERS change the other
sizes."""

from __future__ import annotations

import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import figures  # noqa: E402
from tests.bench.scale_cell import Cell, Shape  # noqa: E402
from tests.bench.scale_fleet import calling_fleet, fleet_phases, idle_commands_per_s  # noqa: E402
from tests.bench.scale_scripts import Workload  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402

KEYS = ("script_p999_ms", "idle_commands_per_s", "fleet50_redis_cpu_ratio")
BATCHES, CALLS, RUNS, WORKERS = (
    int(os.environ.get(f"SCALE_{name}", default)) for name, default in
    (("BATCHES", 10_000), ("CALLS", 2_000_000), ("RUNS", 300), ("WORKERS", 50))
)  # fmt: skip
# A rewrite of the append-only file in the middle of it would be measured too.
NO_REWRITE = ("--auto-aof-rewrite-percentage", "0")


def scripts_p999_ms() -> float:
    with RedisServer(args=(*figures.settings(), *NO_REWRITE), appendonly=True) as server:
        before, began = server.client().info("memory")["used_memory"], time.monotonic()
        cell = Cell(server, Shape(BATCHES, CALLS))
        cell.fill()
        took = time.monotonic() - began
        memory = server.client().info("memory")["used_memory"] - before
        figures.detail("cell", {"batches": BATCHES, "calls": CALLS, "filled_s": round(took, 1), "bytes_per_call": round(memory / CALLS, 1)})
        workload = Workload(cell, RUNS)
        workload.everything()
        told = {sort: samples.told() for sort, samples in workload.scripts.samples.items()}
        workload.close()
    figures.detail("scripts", told)
    for sort, row in sorted(told.items(), key=lambda pair: -pair[1]["ms"]["p999"]):
        print(f"{sort:34} {row['runs']:5} runs   p50 {row['ms']['p50']:7.3f}   p99.9 {row['ms']['p999']:7.3f} ms   on a core "
              f"{row['core_ms']['p50']:7.3f} {row['core_ms']['p999']:7.3f}   commands at most {row['commands']['most']}", flush=True)  # fmt: skip
    return max(float(row["ms"]["p999"]) for row in told.values())


def measure(runs: int) -> dict[str, list[float]]:
    with calling_fleet() as calling:
        idle, seen = idle_commands_per_s(calling)
        phases = fleet_phases(calling, WORKERS, max(1, runs))
    figures.detail("idle", {"commands": seen})
    figures.detail("fleet", [phase.told() for phase in phases])
    per_call = {workers: [phase.us_per_call for phase in phases if phase.workers == workers] for workers in (1, WORKERS)}
    ratios = [many / one for one, many in zip(per_call[1], per_call[WORKERS])]
    print(f"Redis us a call: one worker {statistics.median(per_call[1]):.0f}, {WORKERS} workers {statistics.median(per_call[WORKERS]):.0f}", flush=True)
    return {"idle_commands_per_s": [idle], "fleet50_redis_cpu_ratio": ratios, "script_p999_ms": [scripts_p999_ms()]}


if __name__ == "__main__":
    sys.exit(figures.main(KEYS, measure, "scale"))
