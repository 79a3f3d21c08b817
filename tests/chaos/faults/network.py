# SPDX-License-Identifier: Apache-2.0
"""Lines that break: every line between two processes is a TCP proxy of the tests' own (tests/support/lines.py)."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator

from tests.chaos.faults.process import any_length_ms
from tests.chaos.fleet import Fleet
from tests.chaos.schedule import SHARED_LINES, Args, Fault, Kind, World
from tests.support.lines import Line

RESET_EVERY_MS = 300
WHERE = ("request", "answer", "before_answer")


def _draw_line(rng: random.Random, world: World) -> str:
    """A line to Redis, of any process, as often as one of the others."""
    own = [line for line in world.lines if line not in SHARED_LINES]
    return rng.choice(own if own and rng.random() < 0.6 else SHARED_LINES)


def _line(fleet: Fleet, fault: Fault) -> Line:
    return fleet.lines[fault.target]


@contextlib.contextmanager
def _mended(line: Line) -> Iterator[None]:
    try:
        yield
    finally:
        line.mend()


def _draw_lasting(least_ms: int, most_ms: int) -> Callable[[random.Random, World], Args]:
    def draw(rng: random.Random, world: World) -> Args:
        return {"target": _draw_line(rng, world), "for_ms": any_length_ms(rng, least_ms, most_ms)}

    return draw


# ---- connections that are reset ----


def _resets(fleet: Fleet, fault: Fault) -> None:
    """All of them, again and again."""
    line, end = _line(fleet, fault), time.monotonic() + fault.for_ms / 1000
    while time.monotonic() < end:
        line.reset()
        time.sleep(RESET_EVERY_MS / 1000)


def _refused(fleet: Fleet, fault: Fault) -> None:
    """Those that are there, and none comes about."""
    line = _line(fleet, fault)
    with _mended(line):
        line.refuse()
        line.reset()
        time.sleep(fault.for_ms / 1000)


def _draw_cut(rng: random.Random, world: World) -> Args:
    """A few connections, each after some bytes in one direction: in the middle of a command, an answer, a header, a body."""
    return {
        "target": _draw_line(rng, world),
        "for_ms": any_length_ms(rng, 1_000, 6_000),
        "bytes": any_length_ms(rng, 1, 20_000),
        "times": rng.randint(1, 8),
        "where": rng.choice(WHERE),
    }


def _cut(fleet: Fleet, fault: Fault) -> None:
    line = _line(fleet, fault)
    with _mended(line):
        line.cut_after(int(fault.args["bytes"]), int(fault.args["times"]), str(fault.args["where"]))
        time.sleep(fault.for_ms / 1000)


# ---- connections that are half open ----


def _draw_half_open(rng: random.Random, world: World) -> Args:
    ends = rng.choice(("goes_on", "is_reset"))
    return {"target": _draw_line(rng, world), "for_ms": any_length_ms(rng, 500, 20_000), "then": ends}


def _half_open(fleet: Fleet, fault: Fault) -> None:
    """Nothing gets through either way and nobody is told. What was held then arrives late, or never."""
    line = _line(fleet, fault)
    with _mended(line):
        line.hold()
        time.sleep(fault.for_ms / 1000)
        if fault.args["then"] == "is_reset":
            line.reset()


# ---- connections that are slow ----


def _draw_slow(rng: random.Random, world: World) -> Args:
    return {
        "target": _draw_line(rng, world),
        "for_ms": any_length_ms(rng, 2_000, 10_000),
        "delay_ms": any_length_ms(rng, 5, 1_500),
    }


def _slow(fleet: Fleet, fault: Fault) -> None:
    line = _line(fleet, fault)
    with _mended(line):
        line.delay(int(fault.args["delay_ms"]))
        time.sleep(fault.for_ms / 1000)


KINDS = {
    "line_resets": Kind(weight=4, draw=_draw_lasting(300, 4_000), apply=_resets),
    "line_refused": Kind(weight=3, draw=_draw_lasting(300, 8_000), apply=_refused),
    "line_cut": Kind(weight=6, draw=_draw_cut, apply=_cut),
    "line_half_open": Kind(weight=5, draw=_draw_half_open, apply=_half_open),
    "line_slow": Kind(weight=4, draw=_draw_slow, apply=_slow),
}
