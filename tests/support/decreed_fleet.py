# SPDX-License-Identifier: Apache-2.0
"""A fleet in decreed time: the real scripts on a real Redis, whose clock stands still while anybody works and goes on to the
next instant at which something is due. What it gives depends on its seed alone, not on the machine, and minutes take seconds.

    with RedisServer(is_clock_decreed=True) as server:
        server.clock.stand(START_US)
        fleet = DecreedFleet(Engine(server.client()), server.clock)
        fleet.run(60.0)
"""

from __future__ import annotations

from typing import Any

from tests.support.engine import Engine, Fleet
from tests.support.redis_clock import RedisClock

STEP_LEAST_US = 500  # time passes, whatever is due


class DecreedFleet(Fleet):
    """Fleet's arguments behind the clock."""

    def __init__(self, engine: Engine, clock: RedisClock, **settings: Any) -> None:
        super().__init__(engine, **settings)
        self._clock = clock
        self._began_us = clock.now_us

    @property
    def now_us(self) -> int:
        return self._clock.now_us

    def _now(self) -> float:
        return (self._clock.now_us - self._began_us) / 1e6

    def _rest(self, seconds: float) -> None:
        self._clock.step(max(STEP_LEAST_US, int(seconds * 1e6)))

    def _hang_up(self) -> None:
        """Room may have appeared: a published hint would tell the workers, and the first of them would take it."""
        ended = len(self._talks)
        super()._hang_up()
        if len(self._talks) < ended:
            self._claim_at[self.random.choice(self.names)] = 0.0
