# SPDX-License-Identifier: Apache-2.0
"""Tenants that compete for trunks, and how evenly they are served: the real scripts on a real Redis in decreed time
(tests/support/decreed_fleet.py).

    contest = Contest(server)
    contest.trunk(cps=60)
    contest.tenant("one")
    contest.tenant("two", weight=2)
    contest.run(6.0)
    contest.judge(("one", "two"), 0.0, 6.0)
    assert contest.evenness >= 0.98
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import redis

from tests.support.decreed_fleet import DecreedFleet
from tests.support.engine import Begin, Engine
from tests.support.redis_server import RedisServer
from tests.support.scripts import Scripts

START_US = 1_763_283_600_000_000
WINDOW_S = 2.0  # in which the shares of those who have work all the time are compared, beside all of it
MAIN = "main"
OWN = ("suppressed", "credits", "batch_paused")
PIECE = 500  # of what one pipeline takes


def jain(shares: Sequence[float]) -> float:
    """Jain's index: 1 where all have the same, 1/n where one of n has everything."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0


class Contest:
    """One cell. Its time begins at 0 s, and passes in run()."""

    def __init__(self, server: RedisServer, changed: Mapping[str, str] | None = None, **fleet: Any) -> None:
        """`changed`: other texts for the scripts named; `fleet`: what DecreedFleet takes."""
        server.clock.stand(START_US)
        client = server.client()
        client.flushall()
        self.engine = Engine(client, scripts=Scripts(client, changed=changed))
        self.fleet = DecreedFleet(self.engine, server.clock, **fleet)
        self.judged: list[float] = []
        self._owner: dict[str, tuple[str, str]] = {}
        self._weight: dict[str, int] = {}

    @property
    def now_s(self) -> float:
        return (self.fleet.now_us - START_US) / 1e6

    # ---- who competes ----

    def trunk(self, name: str = MAIN, *, cps: int, **fields: Any) -> None:
        self.engine.trunk(name, cps=cps, **fields)

    def tenant(self, name: str, *, batches: int = 3, trunk: str = MAIN, weight: int = 1, tenant: dict[str, Any] | None = None,
               **fields: Any) -> list[str]:  # fmt: skip
        """A tenant with so many batches; `tenant`: fields of its own, `fields`: of its batches."""
        self._weight[name] = weight
        self.engine.tenant(name, weight=weight, **(tenant or {}))
        return self.batches(name, batches, trunk, **fields)

    def weigh(self, name: str, weight: int) -> None:
        """From now on."""
        self._weight[name] = weight
        self.engine.tenant(name, how="set", weight=weight)

    def batches(self, tenant: str, count: int, trunk: str = MAIN, *, contacts: int = 500, cps: int = 100,
                numbers: Sequence[int] | None = None, **fields: Any) -> list[str]:  # fmt: skip
        """Further batches; `numbers`: the contacts of each."""
        made, pipe = [], self.engine.client.pipeline(transaction=False)
        for _ in range(count):
            made.append(f"batch_c0_{len(self._owner):020d}")
            self._owner[made[-1]] = (tenant, trunk)
            dialed = self.engine.numbers(contacts) if numbers is None else numbers
            self.engine.queue_batch(pipe, made[-1], tenant, trunk, dialed, cps=cps, **fields)
            if len(pipe) >= PIECE:
                pipe.execute()
        pipe.execute()
        self.fleet.wake()
        return made

    # ---- what comes of it ----

    def run(self, seconds: float) -> None:
        self.fleet.run(seconds)

    def owner(self, begin: Begin) -> str:
        return self._owner[begin.batch][0]

    def starts(self, from_s: float, to_s: float, trunk: str | None = None) -> Counter[str]:
        """Of each tenant, from a second to before another: what began, and what its own doing kept from it (OWN)."""
        first_us, end_us = START_US + from_s * 1e6, START_US + to_s * 1e6
        turns = [(begin.batch, begin.begin_us) for begin in self.fleet.begins]
        turns += [(slot.batch, slot.slot_us) for slot, why in self.fleet.turned_away if why in OWN]
        owners = (self._owner[batch] for batch, at_us in turns if first_us <= at_us < end_us)
        return Counter(tenant for tenant, its_trunk in owners if trunk in (None, its_trunk))

    def judge(self, tenants: Sequence[str], from_s: float, to_s: float, trunk: str | None = None, window_s: float = WINDOW_S) -> Counter[str]:
        """Notes how evenly their starts, divided by their weights, lie in each window and in all of that time. They must have
        had work all through it, and still do."""
        assert (idle := [tenant for tenant in tenants if not self._has_work(tenant)]) == [], f"without work: {idle}"
        spans = [(from_s + i * window_s, from_s + (i + 1) * window_s) for i in range(int((to_s - from_s) / window_s + 1e-9))]
        for first_s, end_s in [*spans, (from_s, to_s)]:
            starts = self.starts(first_s, end_s, trunk)
            self.judged.append(jain([starts[tenant] / self._weight[tenant] for tenant in tenants]))
        return self.starts(from_s, to_s, trunk)

    def _has_work(self, tenant: str) -> bool:
        return any(
            counters["due"] + counters["claimed"] > 0
            for counters in (self.engine.counters(batch) for batch, owner in reversed(self._owner.items()) if owner[0] == tenant)
        )

    @property
    def evenness(self) -> float:
        """The least of all that was judged."""
        return min(self.judged)


def writes(client: redis.Redis) -> int:
    """How many commands that write Redis has done, in scripts and outside."""
    stats = client.info("commandstats")
    flags = client.command()
    names = {name for name, about in flags.items() if "write" in about["flags"]}
    return sum(stat["calls"] for name, stat in stats.items() if name.removeprefix("cmdstat_") in names)
