# SPDX-License-Identifier: Apache-2.0
"""Redis has no room: in memory, or on its disk."""

from __future__ import annotations

import random
import time

from tests.chaos.faults.process import any_length_ms
from tests.chaos.fleet import Fleet
from tests.chaos.schedule import Args, Fault, Kind, World


def _draw_memory(rng: random.Random, world: World) -> Args:
    return {"target": "redis", "for_ms": any_length_ms(rng, 500, 10_000), "room_bytes": rng.choice((0, 0, 4_096, 65_536))}


def _fill_memory(fleet: Fleet, fault: Fault) -> None:
    with fleet.redis.client() as client:
        used = int(client.info("memory")["used_memory"])
        client.config_set("maxmemory", used + int(fault.args["room_bytes"]))
        try:
            time.sleep(fault.for_ms / 1000)
        finally:
            client.config_set("maxmemory", 0)


def _draw_disk(rng: random.Random, world: World) -> Args:
    return {"target": "redis", "for_ms": any_length_ms(rng, 500, 10_000)}


def _fill_disk(fleet: Fleet, fault: Fault) -> None:
    fleet.redis.fill_disk()
    try:
        time.sleep(fault.for_ms / 1000)
    finally:
        fleet.redis.free_disk()


KINDS = {
    "redis_memory_full": Kind(weight=4, draw=_draw_memory, apply=_fill_memory),
    "redis_disk_full": Kind(weight=4, draw=_draw_disk, apply=_fill_disk, redis=("plain",)),
}
