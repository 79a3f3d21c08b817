# SPDX-License-Identifier: Apache-2.0
"""Clocks that are set: Redis's, by which everything is due, and those of workers, by which nothing should be."""

from __future__ import annotations

import random
import time

from tests.chaos.faults.process import any_length_ms
from tests.chaos.fleet import Fleet
from tests.chaos.judge import RunHistory
from tests.chaos.schedule import Allowance, Args, Fault, Kind, Strike, World
from tests.support.history import Break
from tests.support.redis_server import RedisServer

SECOND_MS = 1_000
HOUR_MS = 3_600_000


def _draw_redis(rng: random.Random, world: World) -> Args:
    """A clock that is set back by long is set right again: what became due meanwhile would come that much later."""
    step_ms = rng.choice((1, 10, 3_600)) * SECOND_MS * rng.choice((-1, 1))
    return {"target": "redis", "for_ms": any_length_ms(rng, 500, 8_000), "step_ms": step_ms}


def _step(fleet: Fleet, step_ms: int) -> None:
    assert isinstance(fleet.redis, RedisServer)
    shift_us = (fleet.clock_shifts[-1][1] if fleet.clock_shifts else 0) + step_ms * 1000
    fleet.redis.clock.run(shift_us)
    fleet.clock_shifts.append((time.time_ns() // 1000, shift_us))


def _step_redis(fleet: Fleet, fault: Fault) -> None:
    step_ms = int(fault.args["step_ms"])
    _step(fleet, step_ms)
    time.sleep(fault.for_ms / 1000)
    if step_ms < -10 * SECOND_MS:
        _step(fleet, -step_ms)


def _draw_worker(rng: random.Random, world: World) -> Args:
    return {
        "target": f"clock of worker {rng.randint(1, 3)}",
        "for_ms": any_length_ms(rng, 1_000, 20_000),
        "step_ms": HOUR_MS * rng.choice((-1, 1)),
    }


def _step_worker(fleet: Fleet, fault: Fault) -> None:
    clock = fleet.clocks[fault.target.removeprefix("clock of ")]
    clock.run(int(fault.args["step_ms"]) * 1000)
    time.sleep(fault.for_ms / 1000)
    clock.run(0)


SOONER = "A retry that waits comes that much sooner by the clock on the wall"
LONGEST_DELAY_US = 10_000_000  # between two attempts of a campaign


def _was_set_forward(broken: Break, strike: Strike, history: RunHistory) -> bool:
    """While that retry waited."""
    shifts = [(0, 0), *history.clock_shifts]
    forward = [at_us for (at_us, shift), (_, before) in zip(shifts[1:], shifts) if shift > before]
    return any(at_us <= broken.at_us <= at_us + LONGEST_DELAY_US for at_us in forward)


KINDS = {
    "redis_clock": Kind(weight=5, draw=_draw_redis, apply=_step_redis, redis=("plain",),
                        allows=(Allowance("too_soon", SOONER, _was_set_forward),)),
    "worker_clock": Kind(weight=4, draw=_draw_worker, apply=_step_worker),
}
