#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a call costs where no limit holds it: claimed, begun, accepted and finished by the shipped worker with a platform
that takes no time, its state, counters and event written by the real scripts to a Redis with AOF everysec. 1,000 tenants
have one batch each on one trunk, so that nearly every call of a claim has a tenant, a batch and a flow of its own: the
dearest case. One tenant with all thousand batches is measured beside it (details of the JSON). What is in Redis afterwards is counted
again.

    make bench-engine [BENCH_ARGS="--runs 1"]

Redis's microseconds are those of its main thread. Commands: those inside scripts and those sent, together; the JSON has
them apart."""

from __future__ import annotations

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import figures  # noqa: E402
from tests.bench.engine_world import Recount, Shape, Window, World, describe  # noqa: E402

WARM_S, MEASURED_S = 2.0, 6.0
MAIN, BESIDE = Shape(1000, 1, 300), Shape(1, 1000, 300)
KEYS = ("engine_calls_per_s", "engine_redis_us_per_call", "engine_commands_per_call")
# What the worker, or the measuring client, sends itself; the rest is called by scripts.
SENT = ("evalsha", "evalsha_ro", "info", "xlen", "hello", "client", "ping")


def run_shape(shape: Shape) -> tuple[World, Window, Recount]:
    with World(shape) as world:
        window = world.run(WARM_S, MEASURED_S)
        return world, window, world.recount()


def measure(runs: int) -> dict[str, list[float]]:
    each: dict[str, list[float]] = {key: [] for key in KEYS}
    for number in range(runs):
        for name, shape in (("1000 tenants", MAIN), ("1 tenant", BESIDE)):
            if shape is BESIDE and number > 0:
                continue
            world, window, recount = run_shape(shape)
            us = window.redis_core * window.seconds * 1e6 / window.finished
            commands = sum(window.commands.values()) / window.finished
            figures.detail(f"{name} run {number + 1}", {**describe(world, window, recount), "redis_us_per_call": round(us, 2)})
            print(f"{name}: {window.finished / window.seconds:.0f} calls/s, Redis {us:.1f} us a call and {window.redis_core:.2f} core, "
                  f"worker {window.worker_core:.2f} core, {commands:.1f} commands a call", flush=True)  # fmt: skip
            if shape is MAIN:
                each["engine_calls_per_s"].append(round(window.finished / window.seconds, 1))
                each["engine_redis_us_per_call"].append(round(us, 2))
                each["engine_commands_per_call"].append(round(commands, 2))
    return each


if __name__ == "__main__":
    sys.exit(figures.main(KEYS, measure, "engine"))
