# SPDX-License-Identifier: Apache-2.0
"""hook_read and hook_expand: from an event in the stream to a delivery in its endpoint's queue."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from tests.support import hooks
from tests.support.scripts import Scripts
from tests.support.waiting import wait_until

URL = "https://crm.example/hooks"
BATCH = "batch_c0_abc"
SHARD = hooks.event_shard("acme")
PENDING_MAX = 1000
BYTES_MAX = 1 << 20


@pytest.fixture
def owner(scripts: Scripts) -> str:
    """A notifier that holds all shards."""
    scripts.run("hook_poll", "a", 60_000, hooks.SHARDS, 1000, 0)
    return "a"


def read(scripts: Scripts, owner: str, count: int = 64, reclaim_idle_ms: int = -1) -> tuple[bool, int, list[Any]]:
    more, made, items, _ = scripts.run("hook_read", owner, count, reclaim_idle_ms, *range(16))
    return bool(more), made, items


def expand(
    scripts: Scripts, *items: tuple[Any, ...], pending_max: int = PENDING_MAX, bytes_max: int = BYTES_MAX
) -> list[Any]:
    return scripts.run("hook_expand", *hooks.BOUNDS, pending_max, bytes_max, *[part for item in items for part in item])


def deliver(entry: str, event: str, endpoint: str, body: str = "{}", kind: str = "call.completed") -> tuple[Any, ...]:
    return (SHARD, entry, "deliver", event, endpoint, kind, URL, body)


def test_an_event_is_read_once_with_all_its_body_needs(db: redis.Redis, scripts: Scripts, owner: str) -> None:
    hooks.write_batch(scripts, BATCH, "acme", URL)
    for what, value in (("contacts", "record"), ("extra", "{}"), ("state", "phase=final a=2")):
        db.hset(scripts.key(f"batch:{BATCH}:{what}:1"), "70", value)
    db.hset(scripts.key(f"batch:{BATCH}:texts:1"), mapping={"70:summary": "S", "70:success": "1", "71:summary": "not"})
    event = hooks.write_event(scripts, "acme", BATCH, "call.completed", 70)

    more, made, items = read(scripts, owner)
    assert (more, made, len(items)) == (False, 1, 1)
    shard, _, entry, batch, contact = items[0]
    assert int(shard) == SHARD
    assert dict(zip(entry[::2], entry[1::2]))["id"] == event
    assert batch[:4] == ["agent 7/x", "acme", '["q4","leads"]', URL] and batch[11:] == ["3", "2", "1", None]
    assert contact == ["record", "{}", "phase=final a=2", "S", None, "1"]
    assert read(scripts, owner) == (False, 0, [])


def test_the_read_is_cut_at_its_bound_and_says_so(scripts: Scripts, owner: str) -> None:
    for tenant in ("acme", "zeta", "omega"):
        for i in range(3):
            hooks.write_event(scripts, tenant, BATCH, "call.completed", i)
    more, _, items = read(scripts, owner, count=5)
    assert more and len(items) == 5
    more, _, items = read(scripts, owner, count=5)
    assert not more and len(items) == 4


def test_a_shard_of_another_notifier_is_not_read(db: redis.Redis, scripts: Scripts, owner: str) -> None:
    hooks.write_event(scripts, "acme", BATCH, "batch.completed")
    db.set(scripts.key(f"hooks:lease:{SHARD}"), "other")
    assert read(scripts, owner)[2] == []
    assert read(scripts, "other")[2] != []


def test_a_lost_group_is_made_again_and_reads_from_the_beginning(db: redis.Redis, scripts: Scripts, owner: str) -> None:
    hooks.write_event(scripts, "acme", BATCH, "batch.completed")
    assert len(read(scripts, owner)[2]) == 1
    db.xgroup_destroy(scripts.key(f"events:{SHARD}"), "notifier")
    _, made, items = read(scripts, owner)
    assert made == 1 and len(items) == 1
    db.delete(scripts.key(f"events:{SHARD}"))
    assert read(scripts, owner)[1:] == (0, []), "no stream, no group"
    hooks.write_event(scripts, "acme", BATCH, "batch.completed")
    _, made, items = read(scripts, owner)
    assert made == 1 and len(items) == 1


def test_an_entry_that_was_read_and_never_acknowledged_is_taken_over_when_idle(scripts: Scripts, owner: str) -> None:
    event = hooks.write_event(scripts, "acme", BATCH, "batch.completed")
    read(scripts, owner)
    assert read(scripts, owner, reclaim_idle_ms=60_000)[2] == []
    items = wait_until(lambda: read(scripts, owner, reclaim_idle_ms=50)[2], 5, "the entry is idle long enough")
    assert items[0][2][1] == event


def test_an_event_that_names_no_valid_batch_or_call_reads_no_other_keys(
    db: redis.Redis, scripts: Scripts, owner: str
) -> None:
    db.hset(scripts.key("batch:x:state:0"), "0", "phase=final")
    hooks.write_event(scripts, "acme", "x:state:0", "call.completed", 0)
    hooks.write_event(scripts, "acme", BATCH, "call.completed", 0, call="1e3")
    hooks.write_event(scripts, "acme", "gone", "batch.completed")
    _, _, items = read(scripts, owner)
    assert [item[3:] for item in items] == [[[], []]] * 3


def test_expanding_queues_the_delivery_rings_and_acknowledges(db: redis.Redis, scripts: Scripts, owner: str) -> None:
    endpoint = hooks.make_endpoint(scripts, "acme", URL)
    event = hooks.write_event(scripts, "acme", BATCH, "call.completed", 1)
    entry = read(scripts, owner)[2][0][1]
    now, due, dropped, code = expand(scripts, deliver(entry, event, endpoint, '{"a":1}'))
    assert (code, dropped) == (1, 0)
    assert 0 <= due - now <= 1, "it is due at once"
    assert db.get(scripts.key(f"hooks:body:{event}")) == '{"a":1}'
    delivery = db.hgetall(scripts.key(f"hooks:delivery:{event}"))
    assert (delivery["state"], delivery["attempts"], delivery["endpoint"]) == ("pending", "0", endpoint)
    assert db.zrange(scripts.key(f"hooks:queue:{endpoint}"), 0, -1) == [event]
    assert db.zrange(scripts.key(f"hooks:ring:{SHARD}"), 0, -1) == [endpoint]
    assert db.hget(scripts.key(f"hooks:counts:{SHARD}"), "pending") == "1"
    assert db.xpending(scripts.key(f"events:{SHARD}"), "notifier")["pending"] == 0


def test_an_event_expanded_twice_is_one_delivery_with_its_first_body(
    db: redis.Redis, scripts: Scripts, owner: str
) -> None:
    endpoint = hooks.make_endpoint(scripts, "acme", URL)
    event = hooks.write_event(scripts, "acme", BATCH, "call.completed", 1)
    entry = read(scripts, owner)[2][0][1]
    expand(scripts, deliver(entry, event, endpoint, "first"))
    assert expand(scripts, deliver(entry, event, endpoint, "second"))[3:] == [0]
    assert db.get(scripts.key(f"hooks:body:{event}")) == "first"
    assert db.hget(scripts.key(f"hooks:counts:{SHARD}"), "pending") == "1"
    hooks.write_event(scripts, "acme", BATCH, "call.completed", 1)
    again = read(scripts, owner)[2][0][1]
    assert expand(scripts, deliver(again, event, endpoint, "third"))[3:] == [0]
    assert db.xpending(scripts.key(f"events:{SHARD}"), "notifier")["pending"] == 0


def test_events_of_one_run_keep_their_order(db: redis.Redis, scripts: Scripts, owner: str) -> None:
    endpoint = hooks.make_endpoint(scripts, "acme", URL)
    ordinals = [9, 3, 11, 2, 30, 1]
    for run in (0, 100):
        events = [hooks.write_event(scripts, "acme", BATCH, "call.completed", run + n) for n in ordinals]
        entries = [item[1] for item in read(scripts, owner)[2]]
        expand(scripts, *[deliver(entry, event, endpoint) for entry, event in zip(entries, events)])
    expected = [hooks.event_id(BATCH, "call.completed", run + n) for run in (0, 100) for n in ordinals]
    assert db.zrange(scripts.key(f"hooks:queue:{endpoint}"), 0, -1) == expected


def test_a_skipped_entry_is_acknowledged_and_leaves_nothing(db: redis.Redis, scripts: Scripts, owner: str) -> None:
    hooks.write_event(scripts, "acme", BATCH, "call.completed", 1)
    entry = read(scripts, owner)[2][0][1]
    assert expand(scripts, (SHARD, entry, "skip", "", "", "", "", ""))[3:] == [2]
    assert db.xpending(scripts.key(f"events:{SHARD}"), "notifier")["pending"] == 0
    assert db.keys(scripts.key("hooks:delivery:*")) == []


def test_an_event_for_an_endpoint_that_is_gone_is_acknowledged_and_leaves_nothing(db: redis.Redis, scripts: Scripts, owner: str) -> None:
    event = hooks.write_event(scripts, "acme", BATCH, "call.completed", 1)
    entry = read(scripts, owner)[2][0][1]
    assert expand(scripts, deliver(entry, event, "ep_gone"))[3:] == [-1]
    assert db.xpending(scripts.key(f"events:{SHARD}"), "notifier")["pending"] == 0
    assert db.keys(scripts.key("hooks:[bcdr]*")) == []


def test_over_the_bound_the_oldest_call_event_goes_and_batch_events_stay(
    db: redis.Redis, scripts: Scripts, owner: str
) -> None:
    endpoint = hooks.make_endpoint(scripts, "acme", URL)
    items = [deliver("1-1", "evt_b-batch_completed", endpoint, kind="batch.completed")]
    items += [deliver("1-1", f"evt_b-{n}-1-call_completed", endpoint) for n in range(4)]
    hooks.write_event(scripts, "acme", BATCH, "batch.completed")
    read(scripts, owner)
    assert expand(scripts, *items, pending_max=3)[2] == 2
    left = db.zrange(scripts.key(f"hooks:queue:{endpoint}"), 0, -1)
    assert left == ["evt_b-batch_completed", "evt_b-2-1-call_completed", "evt_b-3-1-call_completed"]
    assert db.hget(scripts.key("hooks:delivery:evt_b-0-1-call_completed"), "reason") == "backlog"
    assert db.hget(scripts.key(f"hooks:counts:{SHARD}"), "pending") == "3"


@pytest.fixture
def full(db: redis.Redis, scripts: Scripts, owner: str) -> str:
    """An endpoint whose queue begins with more batch events than are looked at together."""
    endpoint = hooks.make_endpoint(scripts, "acme", URL)
    hooks.write_event(scripts, "acme", BATCH, "batch.completed")
    read(scripts, owner)
    expand(scripts, *[deliver("1-1", f"evt_b{n}-batch_completed", endpoint, kind="batch.completed") for n in range(40)])
    return endpoint


def test_batch_events_at_the_head_of_a_queue_do_not_let_it_grow(db: redis.Redis, scripts: Scripts, full: str) -> None:
    events = [f"evt_b-{n}-1-call_completed" for n in range(100)]
    for first in range(0, 100, 20):
        expand(scripts, *[deliver("1-1", event, full) for event in events[first : first + 20]], pending_max=60)
    queue = db.zrange(scripts.key(f"hooks:queue:{full}"), 0, -1)
    assert queue == [*[f"evt_b{n}-batch_completed" for n in range(40)], *events[80:]]
    expand(scripts, deliver("1-1", "evt_b-100-1-call_completed", full), pending_max=40)
    assert db.zrange(scripts.key(f"hooks:queue:{full}"), 0, -1) == queue[:40]
    expand(scripts, deliver("1-1", "evt_b-101-1-call_completed", full), pending_max=40)
    assert db.zrange(scripts.key(f"hooks:queue:{full}"), 0, -1) == queue[:40], "where all else is kept, the new one goes"


def test_bodies_that_are_larger_than_those_that_wait_do_not_let_a_queue_grow(
    db: redis.Redis, scripts: Scripts, owner: str
) -> None:
    endpoint = hooks.make_endpoint(scripts, "acme", URL)
    hooks.write_event(scripts, "acme", BATCH, "batch.completed")
    read(scripts, owner)
    for size, runs in ((10, 10), (1000, 20)):
        for run in range(runs):
            events = [f"evt_b{size}-{50 * run + n}-1-call_completed" for n in range(50)]
            items = [deliver("1-1", event, endpoint, body="x" * size) for event in events]
            expand(scripts, *items, bytes_max=5000)
            assert int(db.hget(scripts.key(f"hooks:endpoint:{endpoint}"), "bytes") or 0) <= 5000
    assert db.zcard(scripts.key(f"hooks:queue:{endpoint}")) == 5
    assert db.hget(scripts.key(f"hooks:counts:{SHARD}"), "pending") == "5"


def test_out_of_memory_refuses_the_whole_expansion_and_delivering_goes_on(
    db: redis.Redis, scripts: Scripts, owner: str
) -> None:
    endpoint = hooks.make_endpoint(scripts, "acme", URL)
    event = hooks.write_event(scripts, "acme", BATCH, "call.completed", 1)
    entry = read(scripts, owner)[2][0][1]
    expand(scripts, deliver(entry, event, endpoint))
    other = hooks.write_event(scripts, "acme", BATCH, "call.completed", 2)
    entry = read(scripts, owner)[2][0][1]
    db.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.exceptions.ResponseError, match="OOM"):
            expand(scripts, deliver(entry, other, endpoint))
        claim = scripts.run("hook_claim", owner, 10, 10, 30_000, 32, *hooks.BOUNDS, 1, SHARD, "")
        assert [row[2] for row in claim[5]] == [event]
        done = (SHARD, endpoint, event, 1, "delivered", "ok", 200, 0, 0, 5, "")
        assert scripts.run("hook_finish", *hooks.BOUNDS, owner, *done)[1][0] == 1
    finally:
        db.config_set("maxmemory", 0)
    assert db.exists(scripts.key(f"hooks:delivery:{other}"), scripts.key(f"hooks:body:{other}")) == 0
    assert db.xpending(scripts.key(f"events:{SHARD}"), "notifier")["pending"] == 1
