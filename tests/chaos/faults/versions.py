# SPDX-License-Identifier: Apache-2.0
"""Processes of two versions side by side, and a fleet that is replaced by another version process by process, under load."""

from __future__ import annotations

import pathlib
import random
import time

from tests.chaos.faults.process import any_length_ms
from tests.chaos.fleet import Fleet
from tests.chaos.schedule import PROCESSES, Args, Fault, Kind, World
from tests.support.processes import build_directory, other_build_directory

REPLACED_MS = 1_000  # how long the replacement of one process takes, about


def _replace(fleet: Fleet, name: str, build: pathlib.Path) -> None:
    """By a drain, as an upgrade does it."""
    fleet.terminate(name)
    fleet.processes[name].be_of(build)
    fleet.start_process(name)


def _draw_beside(rng: random.Random, world: World) -> Args:
    return {"target": rng.choice(PROCESSES), "for_ms": any_length_ms(rng, 1_000, 15_000)}


def _beside(fleet: Fleet, fault: Fault) -> None:
    _replace(fleet, fault.target, other_build_directory())
    time.sleep(fault.for_ms / 1000)
    _replace(fleet, fault.target, build_directory())


def _draw_rolling(rng: random.Random, world: World) -> Args:
    rest_ms = rng.randint(0, 800)
    return {"target": "versions", "for_ms": 2 * len(PROCESSES) * (REPLACED_MS + rest_ms), "rest_ms": rest_ms}


def _roll(fleet: Fleet, fault: Fault) -> None:
    """All of them, in the order in which operators do it, and back."""
    for build in (other_build_directory(), build_directory()):
        for name in PROCESSES:
            with fleet.locks[name]:
                _replace(fleet, name, build)
            time.sleep(int(fault.args["rest_ms"]) / 1000)


KINDS = {
    "version_beside": Kind(weight=4, draw=_draw_beside, apply=_beside),
    "version_rolling": Kind(weight=3, draw=_draw_rolling, apply=_roll, most=1),
}
