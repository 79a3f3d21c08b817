# SPDX-License-Identifier: Apache-2.0
"""Notifiers side by side that are killed (SIGKILL) in turn, over and over, while events are written and the receiver fails now and
then: no event is lost, and what comes twice comes with the same id and the same bytes.

    CARILLON_NOTIFIER_KILLS=36 CARILLON_KILL_EVERY_S=5 pytest tests/chaos/test_killed_notifiers.py    three minutes, in real time

By default a few kills, each as soon as its victim has work under way; what a dead one held is then free at once. And one that
dies again and again soon after its start beside two that live: these hold all shards.
"""

from __future__ import annotations

import collections
import os
import pathlib
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support import hooks
from tests.support.http_receiver import Answer, Received
from tests.support.notifier_world import World
from tests.support.processes import Process
from tests.support.standard_webhooks import verifies
from tests.support.waiting import wait_until

KILLS = int(os.environ.get("CARILLON_NOTIFIER_KILLS", "6"))
LOOPS = 4  # of a notifier that dies as soon as it is up
EVERY_S = float(os.environ.get("CARILLON_KILL_EVERY_S", "0"))
TENANTS = [f"tenant{n}" for n in range(20)]
EVENTS_PER_S = 50
FAILS_EACH = 23  # the receiver fails one request of so many
TAKES_S = 0.02  # the receiver, for a request: there is always one under way
DEADLINE_S = 180.0


class Load:
    """A thread that writes events, of all tenants in turn, until it is told to stop."""

    def __init__(self, world: World) -> None:
        self.events: list[str] = []
        self._world = world
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(1 / EVENTS_PER_S):
            tenant, ordinal = TENANTS[len(self.events) % len(TENANTS)], len(self.events) // len(TENANTS)
            self.events.append(self._world.call_event(f"batch_c0_{tenant}", ordinal, tenant, seq=ordinal + 1))


class Theatre:
    """The world, and what is known of who is killed in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.taken: set[str] = set()  # events that the receiver answered 200
        world.receiver.answer = self._answer
        for tenant in TENANTS:
            world.batch(f"batch_c0_{tenant}", tenant)

    def _answer(self, request: Received) -> Answer:
        time.sleep(TAKES_S)
        if request.index % FAILS_EACH == FAILS_EACH - 1:
            return Answer(503)
        self.taken.add(request.headers["webhook-id"])
        return Answer(200)

    def claims(self, owner: str) -> dict[str, list[str]]:
        """What that notifier has under way, by the key it stands in."""
        keys = [self.world.key(f"hooks:inflight:{shard}") for shard in range(hooks.SHARDS)]
        return {key: [member for member in self.world.db.zrange(key, 0, -1) if member.endswith("/" + owner)] for key in keys}

    def kill(self, victim: Process) -> None:
        """While it sends something; then what it held is free, unless time is real."""
        owner = victim.log_events("hooks.started")[-1]["notifier"]
        if EVERY_S:
            time.sleep(EVERY_S)
        else:
            wait_until(lambda: any(self.claims(owner).values()), DEADLINE_S, f"{victim.label} has something under way")
        victim.kill()
        if EVERY_S:
            return
        for key, members in self.claims(owner).items():
            for member in members:
                self.world.db.zadd(key, {member: 1}, xx=True)
        self.world.db.zrem(self.world.key("hooks:notifiers"), owner)
        for shard, holder in enumerate(self.world.holders()):
            if holder == owner:
                self.world.db.delete(self.world.key(f"hooks:lease:{shard}"))

    def wait_for_ticks(self, owners: set[str], ticks: int = 2) -> None:
        """Each of them says so many times more that it lives."""
        for _ in range(ticks):
            before = {owner: self.world.db.zscore(self.world.key("hooks:notifiers"), owner) for owner in owners}
            wait_until(
                lambda: all(self.world.db.zscore(self.world.key("hooks:notifiers"), owner) > before[owner] for owner in owners),
                DEADLINE_S,
                f"{owners} tick",
            )

    def waiting(self, events: list[str]) -> list[str]:
        """Which of them were not taken yet. A retry among them is made due now, unless time is real."""
        left = [event for event in events if event not in self.taken]
        seconds, micros = self.world.db.time()
        due_ms = seconds * 1000 + micros // 1000  # not long ago: what has waited thirty hours is given up
        for tenant in TENANTS if not EVERY_S else ():
            endpoint, shard = hooks.endpoint_id(tenant, self.world.receiver.url), hooks.event_shard(tenant)
            for event in self.world.db.zrange(self.world.key(f"hooks:queue:{endpoint}"), 0, -1):
                self.world.db.zadd(self.world.key(f"hooks:queue:{endpoint}"), {event: due_ms}, xx=True)
                self.world.db.hdel(self.world.key(f"hooks:endpoint:{endpoint}"), "open_until_ms", "paused_until_ms")
                for ring in ("ring", "slow"):
                    self.world.db.zadd(self.world.key(f"hooks:{ring}:{shard}"), {endpoint: due_ms}, xx=True)
        return left


@pytest.fixture
def theatre(tmp_path: pathlib.Path) -> Iterator[Theatre]:
    with World(tmp_path) as world:
        yield Theatre(world)


def test_notifiers_killed_over_and_over_lose_no_event_and_repeat_none_otherwise_than_it_was(theatre: Theatre) -> None:
    world = theatre.world
    notifiers = [world.notifier(), world.notifier()]
    with Load(world) as load:
        for n in range(KILLS):
            victim = notifiers[n % len(notifiers)]
            theatre.kill(victim)
            victim.start()
    wait_until(lambda: not theatre.waiting(load.events), DEADLINE_S, "every event was taken", poll_s=0.2)
    for event in load.events:
        world.wait_for_state(event, "delivered", DEADLINE_S)
    requests = collections.defaultdict(list)
    for request in world.receiver.snapshot():
        requests[request.headers["webhook-id"]].append(request)
    assert set(requests) == set(load.events), "what was sent is what was written"
    repeated = [same for same in requests.values() if len(same) > 1]
    assert repeated, "some were sent again: of those that failed, if of no other"
    assert all(request.body == same[0].body for same in repeated for request in same)
    for same in requests.values():
        tenant = TENANTS[load.events.index(same[0].headers["webhook-id"]) % len(TENANTS)]
        secret = world.secrets[hooks.endpoint_id(tenant, world.receiver.url)]
        assert all(verifies(secret, request.headers, request.body, request.at) for request in same)
    for shard in range(hooks.SHARDS):
        assert int(world.db.hget(world.key(f"hooks:counts:{shard}"), "pending") or 0) == 0


def test_a_notifier_that_dies_again_and_again_keeps_no_shard_from_those_that_live(theatre: Theatre) -> None:
    world = theatre.world
    living = [world.notifier(), world.notifier()]
    world.wait_for_shards(2)
    owners = {notifier.log_events("hooks.started")[-1]["notifier"] for notifier in living}
    looping = world.notifier()
    with Load(world) as load:
        for _ in range(LOOPS):
            theatre.wait_for_ticks(owners)
            assert set(world.holders()) == owners, "those that live serve all shards while it runs"
            looping.kill()
            theatre.wait_for_ticks(owners)
            assert set(world.holders()) == owners, "and when it is dead"
            looping.start()
    wait_until(lambda: not theatre.waiting(load.events), DEADLINE_S, "every event was taken", poll_s=0.2)
    for event in load.events:
        world.wait_for_state(event, "delivered", DEADLINE_S)
    world.wait_for_shards(3)
