# SPDX-License-Identifier: Apache-2.0
"""Redis itself: it forgets its scripts, drops connections, stands still, dies, and loses what it wrote last."""

from __future__ import annotations

import random
import time

from tests.chaos import tail
from tests.chaos.faults.process import any_length_ms
from tests.chaos.fleet import Fleet
from tests.chaos.schedule import Args, Fault, Kind, World

TAIL_MOST_MS = 1_000  # appendfsync everysec


def _draw_again_and_again(rng: random.Random, world: World) -> Args:
    times = rng.randint(1, 8)
    return {"target": "redis", "for_ms": times * rng.randint(20, 500), "times": times}


def _each_time(fleet: Fleet, fault: Fault, command: str, *args: str) -> None:
    times = int(fault.args["times"])
    with fleet.redis.client() as client:
        for _ in range(times):
            client.execute_command(command, *args)
            time.sleep(fault.for_ms / times / 1000)


def _flush_scripts(fleet: Fleet, fault: Fault) -> None:
    _each_time(fleet, fault, "SCRIPT FLUSH")


def _kill_connections(fleet: Fleet, fault: Fault) -> None:
    _each_time(fleet, fault, "CLIENT KILL", "TYPE", "normal", "SKIPME", "yes")


def _draw_slow(rng: random.Random, world: World) -> Args:
    return {"target": "redis", "for_ms": any_length_ms(rng, 500, 8_000)}


def _stand_still(fleet: Fleet, fault: Fault) -> None:
    """It serves nobody, and takes every command that is sent meanwhile, in order, when it goes on."""
    with fleet.redis.client(socket_timeout=60.0) as client:
        client.execute_command("DEBUG", "SLEEP", fault.for_ms / 1000)


def _draw_hang(rng: random.Random, world: World) -> Args:
    return {"target": "redis", "for_ms": any_length_ms(rng, 1_000, 10_000)}


def _hang(fleet: Fleet, fault: Fault) -> None:
    fleet.redis.stop_running()
    try:
        time.sleep(fault.for_ms / 1000)
    finally:
        fleet.redis.continue_running()


def _draw_kill(rng: random.Random, world: World) -> Args:
    return {"target": "redis", "for_ms": any_length_ms(rng, 100, 8_000)}


def _kill(fleet: Fleet, fault: Fault) -> None:
    fleet.redis.kill()
    time.sleep(fault.for_ms / 1000)
    fleet.redis.start()


def _draw_lost_tail(rng: random.Random, world: World) -> Args:
    tail_ms = rng.randint(50, TAIL_MOST_MS)
    return {"target": "redis", "for_ms": tail_ms + any_length_ms(rng, 100, 5_000), "tail_ms": tail_ms}


def _lose_tail(fleet: Fleet, fault: Fault) -> None:
    tail_ms = int(fault.args["tail_ms"])
    mark = fleet.redis.mark_tail()
    time.sleep(tail_ms / 1000)
    fleet.redis.kill_and_lose_tail(mark)
    time.sleep((fault.for_ms - tail_ms) / 1000)
    fleet.redis.start()


KINDS = {
    "redis_script_flush": Kind(weight=2, draw=_draw_again_and_again, apply=_flush_scripts),
    "redis_client_kill": Kind(weight=3, draw=_draw_again_and_again, apply=_kill_connections),
    # A primary that stands still for longer than a second is replaced: tests/chaos/faults/failover.py.
    "redis_slow": Kind(weight=3, draw=_draw_slow, apply=_stand_still, redis=("plain",)),
    "redis_hang": Kind(weight=3, draw=_draw_hang, apply=_hang, redis=("plain",)),
    "redis_kill": Kind(weight=4, draw=_draw_kill, apply=_kill, redis=("plain",)),
    "redis_lost_tail": Kind(weight=4, draw=_draw_lost_tail, apply=_lose_tail, redis=("plain",), most=2,
                            allows=tail.ALLOWED),
}
