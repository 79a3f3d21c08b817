#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""1,000 batches, each limited to 30 calls a second, and one worker: how many calls it starts a second, on one Redis. In
three shapes: 1,000 tenants with one batch each, 100 with ten, one with a thousand. The worker is the shipped one with a
platform that takes no time; calls are claimed, begun, accepted and finished, and told. What is in Redis afterwards is
counted again, and no batch may have begun more than 30 calls in any sliding second.

    make bench-limited [BENCH_ARGS="--runs 1"]"""

from __future__ import annotations

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import figures  # noqa: E402
from tests.bench.engine_world import Shape, World, describe, starts_per_s  # noqa: E402

CPS, WARM_S, MEASURED_S = 30, 3.0, 10.0
CONTACTS = CPS * 16
SHAPES = {"1000": (1000, 1), "100x10": (100, 10), "1x1000": (1, 1000)}
KEYS = ("limited_1000_starts_per_s", "limited_1000_redis_core", "limited_100x10_starts_per_s", "limited_1x1000_starts_per_s")


def measure(runs: int) -> dict[str, list[float]]:
    each: dict[str, list[float]] = {key: [] for key in KEYS}
    for number in range(runs):
        for name, (tenants, batches) in SHAPES.items():
            with World(Shape(tenants, batches, CONTACTS, CPS)) as world:
                window = world.run(WARM_S, MEASURED_S)
                recount = world.recount()
                assert recount.most_in_a_second <= CPS, f"{recount.most_in_a_second} begins of a batch within a second"
                each[f"limited_{name}_starts_per_s"].append(round(starts_per_s(recount, window), 1))
                if name == "1000":
                    each["limited_1000_redis_core"].append(round(window.redis_core, 3))
                figures.detail(f"{name} run {number + 1}", describe(world, window, recount))
                print(f"{name}: {each[f'limited_{name}_starts_per_s'][-1]:.0f}/s, Redis {window.redis_core:.2f} core, "
                      f"worker {window.worker_core:.2f}", flush=True)  # fmt: skip
    return each


if __name__ == "__main__":
    sys.exit(figures.main(KEYS, measure, "limited"))
