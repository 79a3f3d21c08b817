#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Carillon beside BullMQ, bee-queue and beanstalkd: the same payload, the same machine, one after the other and again, so that
what else the machine does falls on all of them. Producer, worker and server share its cores; Redis with AOF everysec, and
beanstalkd with its log synced as often, on both sides.

    make bench-peers [BENCH_ARGS="--rounds 1"]

    bulk      jobs added a second: addBulk, saveAll, put; ours: CSV through POST .../contacts, validated and deduplicated
    engine    jobs done a second that do nothing, added before; ours: claim, begin, accept, finish of calls that take no time
    limited   starts a second of 1,000 queues, each limited to 10 a second; ours: of 1,000 tenants' batches

A peer runs with the settings of several that a short trial finds fastest. The figures ingest_vs_bullmq, engine_vs_bullmq and
limited_vs_bullmq, medians of each round's ratio, go into build/bench/results.json, all rates into build/bench/peers.json. Where
a peer stays below half of what it reached when it was measured with care (REFERENCE), the machine, or this bench, does it no
justice: its comparison is void, said so, and left out."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import bench_engine, bench_ingest, figures  # noqa: E402
from tests.bench.engine_world import Shape, World, starts_per_s  # noqa: E402
from tests.support.children import start_child  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

PEERS = ROOT / "tests/bench/peers"
PACKAGES = ROOT / "build/peers/node_modules"
PEER_DEADLINE_S = 180.0

BULK_JOBS, NO_OP_JOBS, TRIAL_JOBS = 60_000, 30_000, 10_000
QUEUES, RATE, LIMITED_WARM_S, LIMITED_S = 1_000, 10, 3.0, 8.0

# What each reached when they were measured side by side on a shared virtual machine of two cores and 24 GiB with Debian 12,
# Redis 7.0.15 and Node 20: BullMQ 6.7.0, bee-queue 2.0.0, beanstalkd 1.12; medians of three. No-op jobs of BullMQ went from
# 8,000 to 20,000: the least of them.
REFERENCE = {
    ("bullmq", "bulk"): 17_300, ("bullmq", "jobs"): 8_000, ("bullmq", "limited"): 7_478,
    ("bee", "bulk"): 57_000, ("bee", "jobs"): 20_000,
    ("beanstalkd", "bulk"): 49_000, ("beanstalkd", "jobs"): 40_000,
}  # fmt: skip
# What is tried of each: jobs at a time (and how many of those abreast), or how many jobs at once.
TRIED: dict[tuple[str, str], list[tuple[int, ...]]] = {
    ("bullmq", "bulk"): [(500, 1), (1000, 1), (1000, 2), (2000, 2)], ("bullmq", "jobs"): [(50,), (100,), (200,), (400,)],
    ("bee", "bulk"): [(500,), (1000,), (5000,)], ("bee", "jobs"): [(50,), (100,), (400,)],
    ("beanstalkd", "bulk"): [(500,), (2000,)], ("beanstalkd", "jobs"): [(50,), (200,)],
}  # fmt: skip
RATIOS = {"ingest_vs_bullmq": "bulk", "engine_vs_bullmq": "jobs", "limited_vs_bullmq": "limited"}


def run_node(peer: str, socket: str, what: str, *numbers: int) -> float:
    """What tests/bench/peers/<peer>.js tells, a second."""
    command = ["node", str(PEERS / f"{peer}.js"), socket, what, *map(str, numbers)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PEER_DEADLINE_S, check=False,
                         env={**os.environ, "NODE_PATH": str(PACKAGES)})  # fmt: skip
    assert ran.returncode == 0, f"{' '.join(command)}: {ran.stderr[-2000:]}"
    return float(json.loads(ran.stdout.splitlines()[-1])["per_s"])


def on_redis(peer: str, what: str, *numbers: int) -> float:
    with RedisServer(appendonly=True) as server:
        return run_node(peer, str(server.socket), what, *numbers)


def on_beanstalkd(peer: str, what: str, *numbers: int) -> float:
    with tempfile.TemporaryDirectory(prefix="carillon-beanstalkd-") as directory:
        socket = pathlib.Path(directory) / "socket"
        server = start_child(["beanstalkd", "-l", f"unix:{socket}", "-b", directory, "-f", "1000"])
        try:
            wait_until(socket.exists, 10.0, "beanstalkd listens")
            return run_node(peer, str(socket), what, *numbers)
        finally:
            server.kill()
            server.wait()


def measure_peer(peer: str, what: str, *numbers: int) -> float:
    return (on_beanstalkd if peer == "beanstalkd" else on_redis)(peer, what, *numbers)


def best_of(peer: str, what: str) -> tuple[int, ...]:
    rates = {setting: measure_peer(peer, what, TRIAL_JOBS, *setting) for setting in TRIED[peer, what]}
    print(f"{peer} {what}: " + ", ".join(f"{'x'.join(map(str, setting))}: {rate:.0f}/s" for setting, rate in rates.items()), flush=True)
    return max(rates, key=lambda setting: rates[setting])


def our_bulk() -> float:
    return float(bench_ingest.ingest(bench_ingest.PEER)["contacts_per_s"])


def our_jobs() -> float:
    _, window, _ = bench_engine.run_shape(bench_engine.MAIN)
    return window.finished / window.seconds


def our_limited() -> float:
    with World(Shape(QUEUES, 1, RATE * int(LIMITED_WARM_S + LIMITED_S + 3), RATE)) as world:
        window = world.run(LIMITED_WARM_S, LIMITED_S)
        recount = world.recount()
        assert recount.most_in_a_second <= RATE, f"{recount.most_in_a_second} begins of a batch within a second"
        return starts_per_s(recount, window)


OURS: dict[str, Callable[[], float]] = {"bulk": our_bulk, "jobs": our_jobs, "limited": our_limited}


def one_round(settings: dict[tuple[str, str], tuple[int, ...]], rates: dict[str, list[float]]) -> None:
    """Ours, then each peer's, kind by kind."""
    jobs = {"bulk": BULK_JOBS, "jobs": NO_OP_JOBS}
    for what, ours in OURS.items():
        rates.setdefault(f"carillon {what}", []).append(ours())
        for peer, kind in REFERENCE:
            if kind == what == "limited":
                rates.setdefault(f"{peer} {what}", []).append(measure_peer(peer, what, QUEUES, RATE, int(LIMITED_S)))
            elif kind == what:
                rates.setdefault(f"{peer} {what}", []).append(measure_peer(peer, what, jobs[what], *settings[peer, what]))
        print("; ".join(f"{name} {values[-1]:.0f}/s" for name, values in rates.items() if name.endswith(what)), flush=True)


def void_of(rates: dict[str, list[float]]) -> dict[str, str]:
    """What is not to be compared, and why."""
    reached = {pair: statistics.median(rates[f"{pair[0]} {pair[1]}"]) for pair in REFERENCE}
    return {f"{peer} {what}": f"void: {rate:.0f}/s is less than half of the {REFERENCE[peer, what]}/s that it has reached"
            for (peer, what), rate in reached.items() if rate < REFERENCE[peer, what] / 2}  # fmt: skip


def ratios(rates: dict[str, list[float]], void: dict[str, str]) -> dict[str, list[float]]:
    return {key: [round(ours / theirs, 3) for ours, theirs in zip(rates[f"carillon {what}"], rates[f"bullmq {what}"])]
            for key, what in RATIOS.items() if f"bullmq {what}" not in void}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench_peers.py")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    began, head = time.monotonic(), figures.header()
    settings = {pair: best_of(*pair) for pair in TRIED}
    rates: dict[str, list[float]] = {}
    for _ in range(args.rounds):
        one_round(settings, rates)
    void = void_of(rates)
    each = ratios(rates, void)
    for name, values in rates.items():
        print(figures.show(name, values, void.get(name, "")))
    for key, values in each.items():
        print(figures.show(key, values))
    told: dict[str, Any] = {"settings": {" ".join(pair): setting for pair, setting in settings.items()}, "rates": rates, "void": void}
    medians = {key: figures.value_of(key, values) for key, values in each.items()}
    figures.write(figures.OUT / "peers.json", {**head, "seconds": round(time.monotonic() - began, 1), **medians, "each": each, **told})
    figures.add_to_results(medians, each, gone=[key for key in RATIOS if key not in each])
    return 0


if __name__ == "__main__":
    sys.exit(main())
