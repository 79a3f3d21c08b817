# SPDX-License-Identifier: Apache-2.0
"""Processes that are killed, hang, or are asked to end. Whatever ends is started again, as a supervisor does."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.chaos.fleet import Fleet
from tests.chaos.schedule import PROCESSES, Args, Fault, Kind, World


def any_length_ms(rng: random.Random, least_ms: int, most_ms: int) -> int:
    """Short ones as often as long ones, by their order of magnitude."""
    return round(least_ms * (most_ms / least_ms) ** rng.random())


def _draw_end(kind: str) -> Callable[[random.Random, World], Args]:
    def draw(rng: random.Random, world: World) -> Args:
        target = rng.choice([process for process in PROCESSES if process.startswith(kind)])
        return {"target": target, "for_ms": any_length_ms(rng, 100, 5_000)}

    return draw


def _draw_hang(rng: random.Random, world: World) -> Args:
    # Of each kind of process as often: most of all it matters of workers, whose leases pass.
    kind = rng.choice(("worker", "worker", "producer", "notifier"))
    target = rng.choice([process for process in PROCESSES if process.startswith(kind)])
    return {"target": target, "for_ms": any_length_ms(rng, 1_000, 30_000)}


def _kill(fleet: Fleet, fault: Fault) -> None:
    fleet.kill(fault.target)
    time.sleep(fault.for_ms / 1000)
    fleet.start_process(fault.target)


def _drain(fleet: Fleet, fault: Fault) -> None:
    fleet.terminate(fault.target)
    time.sleep(fault.for_ms / 1000)
    fleet.start_process(fault.target)


def _hang(fleet: Fleet, fault: Fault) -> None:
    with fleet.processes[fault.target].paused():
        time.sleep(fault.for_ms / 1000)


KINDS = {
    "worker_kill": Kind(weight=6, draw=_draw_end("worker"), apply=_kill),
    "producer_kill": Kind(weight=3, draw=_draw_end("producer"), apply=_kill),
    "notifier_kill": Kind(weight=3, draw=_draw_end("notifier"), apply=_kill),
    "process_hang": Kind(weight=6, draw=_draw_hang, apply=_hang),
    "process_drain": Kind(weight=4, draw=_draw_end(""), apply=_drain),
}
