# SPDX-License-Identifier: Apache-2.0
"""How long it takes until all is as it was: what docs/failure-model.md says of it, measured by Redis's clock, the instants of
the processes' own logs and those at which a platform was asked. Shared by tests/e2e/test_recovery.py, which holds the
bounds, and tests/bench/bench_recovery.py, which tells the figures.

Every measurement gives seconds. All clocks are this machine's."""

from __future__ import annotations

import datetime
import signal
import time
from typing import Any

from tests.support.fleet import Fleet
from tests.support.http_receiver import Answer
from tests.support.notifier_world import World
from tests.support.platform import Platform, answer_json
from tests.support.redis_server import RedisServer
from tests.support.stack import Stack
from tests.support.waiting import wait_until

# The bounds, in seconds.
REOPENED_MOST_S = 16.0  # from a Redis that is ready, or promoted, to the first begin
CLAIMABLE_MOST_S = 5.0  # the claims of a dead worker
TICK_S = 2.0  # an idle worker's tick comes every other second
NOTIFIER_LEASE_S = 5.0  # of its shards; another takes them within a tick
NOTIFIER_TICK_S = 1.0

READY = "Ready to accept connections"
PROMOTED = "MASTER MODE enabled"


# ---- reading clocks ----


def logged_at(server: RedisServer, words: str) -> float:
    """The wall time of the last line of Redis's log that holds `words`, in any case."""
    lines = [line for line in server.log_tail(2000).splitlines() if words.lower() in line.lower()]
    assert lines, f"Redis's log has no {words!r}"
    day, month, year, clock = lines[-1].split()[1:5]
    return datetime.datetime.strptime(f"{day} {month} {year} {clock}", "%d %b %Y %H:%M:%S.%f").timestamp()


def told_at(line: dict[str, Any]) -> float:
    """The wall time of a line of a process's log."""
    return datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()


# ---- Redis ----


def begins_s(stack: Stack, batch: str) -> list[float]:
    """The instants that were reserved lately for the batch's begins."""
    found = stack.redis.client().lrange(f"carillon:{{c0}}:begins:b/{batch}", 0, -1)
    return [int(instant) / 1e6 for instant in found]


def reopened_after(stack: Stack, batch: str, ready_at: float) -> float:
    """To the first begin of the batch."""

    def first() -> float | None:
        return min((at for at in begins_s(stack, batch) if at > ready_at), default=None)

    return wait_until(first, 60.0, "a call is begun again") - ready_at


def pids(stack: Stack) -> list[int]:
    processes = [*stack.workers, stack.producer, stack.notifier]
    assert all(process.is_running() for process in processes), "a process has left"
    return [process.pid for process in processes]


# ---- workers ----


def claims_back(fleet: Fleet, platform: Platform) -> float:
    """A worker is killed with claims in its hands, beside another: from its end to the last of them among the due ones."""
    fleet.trunk(platform.url, poll_after_ms=500)
    platform.on_create = lambda request: ended(platform, request)
    calls = 120
    other = fleet.worker()
    batch = fleet.batch(calls, cps=30)
    while True:
        killed = fleet.worker(breakpoint="dial.waiting:kill", wait=False)
        assert killed.wait() == -signal.SIGKILL
        name = killed.log_events("worker.started")[-1]["worker"]
        died_at = told_at(killed.log_events("dial.state")[-1])
        held = [member for member in fleet.cells_hold("claimed") if member.endswith(name.encode())]
        if held:
            break
    reclaimed = wait_until(
        lambda: [line for line in other.log_events("claims.reclaimed") if told_at(line) >= died_at], 30.0, "its claims come back"
    )
    wait_until(lambda: not set(held) & set(fleet.cells_hold("claimed")), 30.0, "all of them")
    reclaimed = [line for line in other.log_events("claims.reclaimed") if told_at(line) >= died_at]
    assert sum(line["calls"] for line in reclaimed) >= len(held)
    assert fleet.wait_final(batch, 60) == {"COMPLETED": calls}
    platform.assert_each_dial_was_sent_once()
    return told_at(reclaimed[-1]) - died_at


def ended(platform: Platform, request: Any) -> Answer:
    call = platform.place(request)
    platform.end(call["call_id"])
    return answer_json(201, platform.analyze(call["call_id"]))


def looked_up_behind_its_time(fleet: Fleet, platform: Platform, *, is_killed: bool, poll_after_ms: int = 2500) -> float:
    """Accepted calls of which no callback tells: how far behind poll_after_ms after its request one of them is looked up, at
    most. `is_killed`: their worker is not there any more."""
    calls = 10
    fleet.trunk(platform.url, poll_after_ms=poll_after_ms)
    owner = fleet.worker()
    other = fleet.worker() if is_killed else owner
    batch = fleet.batch(calls, cps=100)
    creates = platform.wait_creates(calls)
    for n in range(calls):
        wait_until(lambda: fleet.state(batch, n).get("p"), what=f"call {n} is accepted")
    if is_killed:
        owner.kill()
    for create in creates:
        platform.end_untold(create.call_id)
    assert fleet.wait_final(batch, 60) == {"COMPLETED": calls}
    assert other.is_running()
    return max(platform.polled_at[create.call_id] - create.at for create in creates) - poll_after_ms / 1000


def drained(fleet: Fleet, platform: Platform) -> float:
    """From SIGTERM to the end of a worker that holds claims, with no request out that hangs."""
    batch = fleet.batch(60, cps=30)
    worker = fleet.worker()
    platform.wait_creates(5)
    began = time.monotonic()
    worker.terminate()
    took = time.monotonic() - began
    assert fleet.counters(batch)["claimed"] == 0
    return took


# ---- the notifier ----


def shards_taken_over(world: World) -> float:
    """The notifier that holds all shards is killed, and an event written: from that end to the event's delivery by another."""
    world.batch("batch_c0_1")
    victim = world.notifier()
    world.wait_for_shards()
    died_at = time.time()
    victim.kill()
    event = world.call_event("batch_c0_1", 1)
    world.notifier()
    world.wait_for_state(event, "delivered", 30.0)
    (request,) = world.receiver.wait_for(1)
    return request.at - died_at
