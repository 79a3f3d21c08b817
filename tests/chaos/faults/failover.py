# SPDX-License-Identifier: Apache-2.0
"""The primary is replaced by its replica, and comes back as the replica of what replaced it. Only where there are Sentinels.

One at a time, and one in a schedule: after a failover Sentinels do not begin another for some seconds."""

from __future__ import annotations

import random
import time

from tests.chaos import tail
from tests.chaos.fleet import Fleet
from tests.chaos.schedule import Args, Fault, Kind, World
from tests.support.redis_sentinels import SentinelSet

TAIL_MOST_MS = 1_500
REJOIN_MS = 14_000  # until the Sentinels have made the old primary a replica, with what came before


def _draw(rng: random.Random, world: World) -> Args:
    return {"target": "redis", "for_ms": REJOIN_MS}


def _draw_lagging(rng: random.Random, world: World) -> Args:
    return {"target": "redis", "for_ms": REJOIN_MS, "tail_ms": rng.randint(50, TAIL_MOST_MS)}


def _draw_hang(rng: random.Random, world: World) -> Args:
    return {"target": "redis", "for_ms": REJOIN_MS, "hangs_ms": rng.randint(3_000, 10_000)}


def _sentinels(fleet: Fleet) -> SentinelSet:
    assert isinstance(fleet.redis, SentinelSet)
    return fleet.redis


def _kill(fleet: Fleet, fault: Fault) -> None:
    """Its replica has what was written but for the last instants."""
    sentinels = _sentinels(fleet)
    sentinels.wait_for_replication()
    sentinels.kill_primary()
    sentinels.wait_for_promotion()
    sentinels.rejoin()


def _kill_while_replica_lags(fleet: Fleet, fault: Fault) -> None:
    sentinels = _sentinels(fleet)
    sentinels.cut_replication()
    time.sleep(int(fault.args["tail_ms"]) / 1000)
    sentinels.kill_primary()
    sentinels.wait_for_promotion()
    sentinels.rejoin()


def _as_planned(fleet: Fleet, fault: Fault) -> None:
    """The old primary goes on as one until the Sentinels get to it: who writes there writes into the tail."""
    sentinels = _sentinels(fleet)
    sentinels.fail_over()
    sentinels.rejoin()


def _hang(fleet: Fleet, fault: Fault) -> None:
    """It wakes as a primary, to whatever was sent to it while it hung."""
    sentinels = _sentinels(fleet)
    sentinels.hang_primary(int(fault.args["hangs_ms"]) / 1000)
    sentinels.rejoin()


KINDS = {
    "failover_kill": Kind(weight=6, draw=_draw, apply=_kill, redis=("sentinel",), most=1, allows=tail.ALLOWED),
    "failover_lagging": Kind(weight=8, draw=_draw_lagging, apply=_kill_while_replica_lags, redis=("sentinel",), most=1, allows=tail.ALLOWED),
    "failover_planned": Kind(weight=6, draw=_draw, apply=_as_planned, redis=("sentinel",), most=1, allows=tail.ALLOWED),
    "failover_hang": Kind(weight=6, draw=_draw_hang, apply=_hang, redis=("sentinel",), most=1, allows=tail.ALLOWED),
}
