# SPDX-License-Identifier: Apache-2.0
"""hook_poll and hook_leave: who holds which shard, and what a tick tells."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from tests.support import hooks
from tests.support.scripts import Scripts
from tests.support.waiting import wait_until

LEASE_MS = 60_000
TRIM = 1000


class Tick:
    """hook_poll's reply by name."""

    def __init__(self, reply: list[Any]) -> None:
        self.now_ms, self.due_ms, self.expiry_ms, self.pending, self.lag_ms, self.alive, rows, self.slow_lag_ms = reply
        self.shards = [int(row[0]) for row in rows]
        self.taken = [int(row[0]) for row in rows if row[1]]
        self.fresh = [int(row[0]) for row in rows if row[2]]
        self.unacked = {int(row[0]): row[3] for row in rows if row[3]}
        self.waited_ms = {int(row[0]): row[4] for row in rows if row[4]}


def tick(scripts: Scripts, owner: str, lease_ms: int = LEASE_MS, lived_ms: int = 2 * LEASE_MS) -> Tick:
    return Tick(scripts.run("hook_poll", owner, lease_ms, hooks.SHARDS, TRIM, lived_ms))


def test_a_lone_notifier_takes_every_shard_and_keeps_them(db: redis.Redis, scripts: Scripts) -> None:
    first = tick(scripts, "a")
    assert first.shards == first.taken == list(range(16))
    again = tick(scripts, "a")
    assert again.shards == list(range(16)) and again.taken == []
    assert (again.due_ms, again.expiry_ms, again.pending, again.lag_ms, again.slow_lag_ms, again.alive) == (-1, -1, 0, 0, 0, 1)
    assert db.pttl(scripts.key("hooks:lease:3")) > LEASE_MS - 10_000


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d", "e")])
def test_notifiers_side_by_side_share_the_shards_evenly_and_completely(
    scripts: Scripts, names: tuple[str, ...]
) -> None:
    for _ in range(3):
        held = {name: tick(scripts, name).shards for name in names}
    together = sorted(shard for shards in held.values() for shard in shards)
    assert together == list(range(16)), held
    assert max(len(shards) for shards in held.values()) == -(-16 // len(names)), held


def test_a_dead_notifiers_shards_are_taken_over_when_its_lease_ends(db: redis.Redis, scripts: Scripts) -> None:
    for _ in range(3):
        tick(scripts, "dying", lease_ms=200)
        tick(scripts, "heir")
    assert len(tick(scripts, "heir").shards) == 8
    wait_until(lambda: len(tick(scripts, "heir").shards) == 16, 5, "the heir holds all shards")
    assert tick(scripts, "heir").alive == 1


def test_a_newcomer_holds_and_costs_no_shard_before_it_has_lived_for_two_leases(db: redis.Redis, scripts: Scripts) -> None:
    tick(scripts, "old")
    assert (tick(scripts, "new", lived_ms=2 * LEASE_MS - 1).shards, tick(scripts, "old").alive) == ([], 1)
    assert tick(scripts, "old").shards == list(range(16))
    for _ in range(2):
        held = [len(tick(scripts, name, lived_ms=2 * LEASE_MS).shards) for name in ("new", "old")]
    assert held == [8, 8]


def test_newcomers_take_up_the_work_at_once_where_nobody_else_is_alive(db: redis.Redis, scripts: Scripts) -> None:
    tick(scripts, "old")
    assert tick(scripts, "new", lived_ms=0).shards == []
    scripts.run("hook_leave", "old", hooks.SHARDS)
    assert tick(scripts, "new", lived_ms=0).shards == list(range(16))
    assert tick(scripts, "newer", lived_ms=0).shards == []
    assert tick(scripts, "new", lived_ms=0).shards == list(range(16)), "who shares once goes on to"


def test_a_notifier_that_lost_a_shard_does_not_renew_anothers_lease(db: redis.Redis, scripts: Scripts) -> None:
    tick(scripts, "slow")
    db.set(scripts.key("hooks:lease:5"), "other", px=1000)
    assert 5 not in tick(scripts, "slow").shards
    assert db.get(scripts.key("hooks:lease:5")) == "other"
    assert db.pttl(scripts.key("hooks:lease:5")) <= 1000


def test_leaving_hands_over_at_once_and_only_what_is_held(db: redis.Redis, scripts: Scripts) -> None:
    for _ in range(3):
        tick(scripts, "a")
        tick(scripts, "b")
    assert scripts.run("hook_leave", "a", hooks.SHARDS) == 8
    assert scripts.run("hook_leave", "a", hooks.SHARDS) == 0
    b = tick(scripts, "b")
    assert len(b.shards) == 16 and b.alive == 1


def test_a_tick_tells_which_shards_hold_entries_nobody_read(scripts: Scripts) -> None:
    tick(scripts, "a")
    shard = hooks.event_shard("acme")
    hooks.write_event(scripts, "acme", "batch_c0_1", "batch.completed")
    assert tick(scripts, "a").fresh == [shard]
    scripts.run("hook_read", "a", 10, -1, shard)
    seen = tick(scripts, "a")
    assert seen.fresh == [] and seen.unacked == {shard: 1}


def test_a_tick_trims_behind_the_slowest_reader(db: redis.Redis, scripts: Scripts) -> None:
    key = scripts.key(f"events:{hooks.event_shard('acme')}")
    for i in range(700):
        hooks.write_event(scripts, "acme", "batch_c0_1", "call.completed", i)
    db.xgroup_create(key, "notifier", "0")
    db.xgroup_create(key, "other", "0")
    ids = [entry for entry, _ in db.xreadgroup("notifier", "notifier", {key: ">"}, count=700)[0][1]]
    db.xack(key, "notifier", *ids)
    other = [entry for entry, _ in db.xreadgroup("other", "x", {key: ">"}, count=400)[0][1]]
    db.xack(key, "other", *other[:250])

    tick(scripts, "a")
    left = [entry for entry, _ in db.xrange(key)]
    assert set(ids[250:]) <= set(left), "an entry that a reader has not acknowledged was trimmed"
    assert len(left) <= 450 + 100, "whole nodes before it should be gone"
    db.xack(key, "other", *other[250:])
    db.xreadgroup("other", "x", {key: ">"}, count=400, noack=True)
    tick(scripts, "a")
    tick(scripts, "a")
    assert db.xlen(key) == 1, "only the last one, which tells where the readers are"
    assert tick(scripts, "a").fresh == []


def test_another_readers_group_trims_nothing_that_no_notifier_has_read(db: redis.Redis, scripts: Scripts) -> None:
    key = scripts.key(f"events:{hooks.event_shard('acme')}")
    for i in range(5):
        hooks.write_event(scripts, "acme", "batch_c0_1", "call.completed", i)
    db.xgroup_create(key, "other", "$")
    assert tick(scripts, "a").fresh == [hooks.event_shard("acme")]
    assert db.xlen(key) == 5


def test_ids_compare_by_number_not_by_text(db: redis.Redis, scripts: Scripts) -> None:
    key = scripts.key("events:0")
    db.xadd(key, {"id": "x"}, id="9-9")
    db.xgroup_create(key, "notifier", "9-9")
    db.xadd(key, {"id": "y"}, id="9-10")
    assert tick(scripts, "a").fresh == [0]


def test_the_wait_of_the_slow_is_told_apart_from_that_of_the_healthy(scripts: Scripts) -> None:
    db = scripts.client
    now = tick(scripts, "a").now_ms
    db.zadd(scripts.key("hooks:slow:3"), {"ep_slow": now - 60_000})
    told = tick(scripts, "a")
    assert told.lag_ms == 0 and told.slow_lag_ms >= 60_000
    db.zadd(scripts.key("hooks:ring:4"), {"ep_one": now - 2_000})
    assert 2_000 <= tick(scripts, "a").lag_ms < 60_000 <= tick(scripts, "a").slow_lag_ms


def test_a_tick_tells_how_long_the_oldest_event_not_expanded_yet_has_waited(db: redis.Redis, scripts: Scripts) -> None:
    now = tick(scripts, "a").now_ms
    key = scripts.key("events:0")
    for age_ms in (90_000, 60_000, 30_000):
        db.xadd(key, {"id": f"e{age_ms}"}, id=f"{now - age_ms}-0")
    db.xgroup_create(key, "notifier", f"{now - 90_000}-0")
    assert 60_000 <= tick(scripts, "a").waited_ms[0] < 75_000, "the first that nobody read"
    db.xreadgroup("notifier", "notifier", {key: ">"})
    assert 60_000 <= tick(scripts, "a").waited_ms[0] < 75_000, "read, and not acknowledged"
    db.xack(key, "notifier", f"{now - 60_000}-0")
    assert 30_000 <= tick(scripts, "a").waited_ms[0] < 45_000
    db.xack(key, "notifier", f"{now - 30_000}-0")
    assert tick(scripts, "a").waited_ms == {}
