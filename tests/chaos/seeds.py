# SPDX-License-Identifier: Apache-2.0
"""The committed seeds: seeds.txt, one a line with the kinds of fault that its schedule has."""

from __future__ import annotations

import pathlib
from collections import Counter

from tests.chaos.schedule import Kinds, Schedule

FILE = pathlib.Path(__file__).with_name("seeds.txt")
LEAST = 60
LEAST_OF_A_KIND = 3
HEAD = """\
# The seeds of `make chaos-list`, with the kinds of fault in each. Written by tests/chaos/run.py --write-list, anew whenever
# a kind comes or goes: a seed's schedule follows from the kinds that there are.
"""


def read_seeds() -> list[int]:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return [int(line.partition(":")[0]) for line in lines if line and not line.startswith("#")]


def line_of(schedule: Schedule) -> str:
    world = f"{schedule.world.redis}, {schedule.world.platform}"
    return f"{schedule.seed}: {world}: {' '.join(schedule.kinds)}"


def _wanted(kinds: Kinds) -> list[str]:
    """The first seeds, and then those that have what occurs too seldom in them."""
    lines: list[str] = []
    seen: Counter[str] = Counter()
    seed = 0
    while len(lines) < LEAST or any(seen[kind] < LEAST_OF_A_KIND for kind in kinds):
        seed += 1
        schedule = Schedule.from_seed(seed, kinds)
        if len(lines) >= LEAST and not any(seen[kind] < LEAST_OF_A_KIND for kind in schedule.kinds):
            continue
        lines.append(line_of(schedule))
        seen.update(schedule.kinds)
    return lines


def text_for(kinds: Kinds) -> str:
    return HEAD + "\n".join(_wanted(kinds)) + "\n"


def write_seeds(kinds: Kinds) -> None:
    FILE.write_text(text_for(kinds), encoding="utf-8")
