#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How evenly tenants are served, and what a full trunk costs another.

    make bench-fairness [BENCH_ARGS="--runs 1"]        writes build/bench/fairness.json

    jain_min               Jain's index of starts / weight, over tenants that have work all the time: the least of all scenarios of
                           tests/support/fair_scenarios.py (10,000 batches against nine with one among them), in every window of
                           2 s and over all. The real scripts on a real Redis in decreed time: what else the machine does changes
                           nothing
    hol_write_change_pct   how many more writes per call Redis does for a trunk at 300 calls a second, while 100,000 batches of
                           another trunk wait, which is at its concurrency
    hol_late_change_ms     how much later its requests come: the p99 from a call's slot to the first byte at the platform

The last two: two whole Carillons side by side, one with the other trunk's batches and one without, dial in turn for a few
seconds each; medians of those windows. Their processes run at realtime priority where that is permitted."""

from __future__ import annotations

import functools
import multiprocessing
import os
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import figures  # noqa: E402
from tests.bench.bench_pacing import FACT, Platform, go_ahead, quantile, spread  # noqa: E402
from tests.support import fair_scenarios  # noqa: E402
from tests.support.engine import Engine  # noqa: E402
from tests.support.fairness import Contest, writes  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402
from tests.support.scripts import Scripts, source  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

KEYS = ("jain_min", "hol_write_change_pct", "hol_late_change_ms")

SCENARIO_S = 6.0
SCENARIOS = {name: scenario for name, scenario in fair_scenarios.SCENARIOS.items() if name != "a_thousand_batches"}
SCENARIOS["ten_thousand_batches"] = fair_scenarios.ten_thousand_batches
WAITING_TENANTS, WAITING_BATCHES = 100, 1000  # batches of each
WAKE = "\nwake_workers()\n"
WINDOWS = 8  # of each kind
WINDOW_BATCHES, WINDOW_CPS, WINDOW_S = 10, 30, 2


def least_evenness() -> float:
    least = {}
    with RedisServer(is_clock_decreed=True) as server:
        for name, scenario in SCENARIOS.items():
            least[name] = round(scenario(functools.partial(Contest, server), SCENARIO_S).evenness, 4)
    figures.detail("jain", least)
    return min(least.values())


def wait_with(world: Platform) -> None:
    """In a process of its own: the other trunk's batches. No worker is told of each, which would be as many claims."""
    seal = source("batch_seal")
    assert seal.count(WAKE) == 1, "batch_seal.lua tells workers in another way"
    client = world.redis.client(socket_timeout=60.0)
    scripts = Scripts(client, changed={"batch_seal": seal.replace(WAKE, "\n")})
    fair_scenarios.crowd(Engine(client, scripts=scripts), WAITING_TENANTS, WAITING_BATCHES)


def window(world: Platform) -> tuple[float, list[float]]:
    """Writes per call, and how many ms each call's request came behind its slot."""
    before = writes(world.redis.client())
    made = [world.batch(WINDOW_CPS * WINDOW_S, WINDOW_CPS) for _ in range(WINDOW_BATCHES)]
    world.wait_ended(made, 60.0)
    done = writes(world.redis.client()) - before
    arrivals = world.arrivals_us()
    slots = {f"{batch}.{ordinal}.{dial.decode()}": int(slot)
             for batch in made for ordinal, log in world.logs(batch) for dial, slot, _ in FACT.findall(log)}  # fmt: skip
    late = [(arrivals[dial] - slot) / 1000 for dial, slot in slots.items() if dial in arrivals]  # what was late is not sent, but dialed anew
    assert len(late) == WINDOW_CPS * WINDOW_S * WINDOW_BATCHES, len(late)
    return done / len(late), late


def head_of_line(worlds: dict[str, Platform]) -> tuple[float, float]:
    """The change of writes per call in per cent, of the lateness in ms."""
    per_call: dict[str, list[float]] = {kind: [] for kind in worlds}
    late: dict[str, list[list[float]]] = {kind: [] for kind in worlds}
    for kind in list(worlds) * (1 + WINDOWS):  # the first of each warms it up
        written, came = window(worlds[kind])
        per_call[kind].append(written)
        late[kind].append(came)
    median = {kind: statistics.median(values[1:]) for kind, values in per_call.items()}
    p99 = {kind: statistics.median(quantile(came, 0.99) for came in windows[1:]) for kind, windows in late.items()}
    figures.detail("head_of_line", {
        kind: {"writes_per_call": [round(value, 2) for value in per_call[kind]],
               "late_p99_ms": [round(quantile(came, 0.99), 3) for came in late[kind]],
               "late_ms": spread([ms for came in late[kind][1:] for ms in came])} for kind in worlds
    })  # fmt: skip
    return 100 * (median["beside"] / median["alone"] - 1), p99["beside"] - p99["alone"]


def run() -> tuple[float, ...]:
    """The figures, in the order of KEYS."""
    go_ahead()
    worlds = {"alone": Platform(0), "beside": Platform(0)}
    with worlds["alone"], worlds["beside"]:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # this process is none of them
        waiting = multiprocessing.get_context("fork").Process(target=wait_with, args=(worlds["beside"],))
        waiting.start()
        evenness = least_evenness()
        waiting.join()
        assert waiting.exitcode == 0, "the batches that are to wait were not made"
        persistence = functools.partial(worlds["beside"].redis.client().info, "persistence")
        wait_until(lambda: not persistence()["aof_rewrite_in_progress"], 60.0, "what was written is rewritten", poll_s=0.2)
        return (evenness, *head_of_line(worlds))


def measure(runs: int) -> dict[str, list[float]]:
    return {key: list(values) for key, values in zip(KEYS, zip(*(run() for _ in range(runs))))}


if __name__ == "__main__":
    sys.exit(figures.main(KEYS, measure, "fairness"))
