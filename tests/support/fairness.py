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

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.decreed_fleet import DecreedFleet
from tests.support.engine import Begin, Engine, contact_record, part
from tests.support.redis_server import RedisServer
from tests.support.scripts import Scripts

START_US = 1_763_283_600_000_000
WINDOW_S = 2.0  # in which the shares of those who have work all the time are compared, beside all of it
MAIN = "main"
OWN = ("suppressed", "credits", "batch_paused")
PIECE = 500  # of what one script, or one pipeline, takes


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

    def batches(self, tenant: str, count: int, trunk: str = MAIN, *, contacts: int = 500, cps: int = 100, priority: int = 5,
                numbers: Sequence[int] | None = None, **fields: Any) -> list[str]:  # fmt: skip
        """Further batches; `numbers`: the contacts of each."""
        made = []
        settings = {"cps": cps, "interval_us": -(-1_005_000 // cps), "priority": priority, "max_attempts": 8, "ring_s": 30,
                    "talk_s": 60, "summary_wait_ms": 1000, "seen_shards": 1, **fields}  # fmt: skip
        queue, pipe = self.engine.scripts.queue, self.engine.client.pipeline(transaction=False)
        for _ in range(count):
            batch = f"batch_c0_{len(self._owner):020d}"
            self._owner[batch] = (tenant, trunk)
            made.append(batch)
            queue(pipe, "batch_create", batch, tenant, trunk, 60_000, *(word for pair in settings.items() for word in pair))
            dialed = list(numbers) if numbers is not None else self.engine.numbers(contacts)
            for first in range(0, len(dialed), PIECE):
                records = [(contact_record(number), "", "") for number in dialed[first : first + PIECE]]
                queue(pipe, "batch_ingest", batch, first // PIECE + 1, hashlib.sha256(f"{first}".encode()).hexdigest(), *part(records))
            queue(pipe, "batch_seal", batch, len(dialed))
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
        had work all through it."""
        spans = [(from_s + i * window_s, from_s + (i + 1) * window_s) for i in range(int((to_s - from_s) / window_s + 1e-9))]
        for first_s, end_s in [*spans, (from_s, to_s)]:
            starts = self.starts(first_s, end_s, trunk)
            self.judged.append(jain([starts[tenant] / self._weight[tenant] for tenant in tenants]))
        return self.starts(from_s, to_s, trunk)

    @property
    def evenness(self) -> float:
        """The least of all that was judged."""
        return min(self.judged)
