# SPDX-License-Identifier: Apache-2.0
"""Settings of a batch changed while it waits and while it runs, on a real Redis: what obeys at once, what goes on as it
began, and when nothing may be changed. The rates are in test_rates.py, random sequences in test_model.py."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from tests.support.engine import Engine

HOUR = 3_600_000


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.trunk("main")
    engine.tenant("acme")
    return engine


def field(engine: Engine, batch: str, name: str) -> str | None:
    return engine.hash(f"batch:{batch}").get(name)


def refused(engine: Engine, error: str, *args: Any, **fields: Any) -> None:
    before = {name: engine.client.dump(name) for name in engine.client.keys("*")}
    with pytest.raises(redis.ResponseError, match=error):
        engine.change(*args, **fields)
    assert {name: engine.client.dump(name) for name in engine.client.keys("*")} == before


def is_sound(engine: Engine, batch: str) -> bool:
    return engine.scripts.run("audit", "batch", batch)[2:] + engine.scripts.run("audit", "trunk", "main")[2:] == []


def test_each_change_moves_the_revision_on_and_a_raced_one_changes_nothing(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 2)
    assert cell.change(batch, "acme", priority=7) == ("done", "pending", 2)
    assert cell.change(batch, "acme", priority=3) == ("raced", "pending", 2)
    assert cell.change(batch, "acme", 2) == ("done", "pending", 2)  # nothing was named
    assert (field(cell, batch, "priority"), field(cell, batch, "revision")) == ("7", "2")
    assert cell.change(batch, "acme", 2, max_concurrent=4)[2] == 3
    assert cell.change(batch, "acme", 3, max_concurrent=None)[2] == 4
    assert field(cell, batch, "max_concurrent") is None


def test_a_raised_priority_overtakes_at_the_next_claim(cell: Engine) -> None:
    first = cell.batch("acme", "main", 5, cps=30)
    second = cell.batch("acme", "main", 5, cps=30)
    cell.claim(calls=1, steps=6)  # both lanes are ready now, the first batch's before the second's
    assert cell.client.zcard(cell.key("ready:f/main/acme")) + cell.client.zcard(cell.key("waiting:f/main/acme")) == 2
    cell.change(second, "acme", priority=9)
    cell.change(first, "acme", priority=2)
    assert cell.claim_one().batch == second
    assert is_sound(cell, first) and is_sound(cell, second)


def test_a_lane_that_is_ready_is_sorted_by_its_new_priority(cell: Engine) -> None:
    batches = [cell.batch("acme", "main", 5, cps=30) for _ in range(2)]
    ready = cell.key("ready:f/main/acme")
    scores = {}
    for batch in batches:
        start = int(cell.hash(f"batch:{batch}")["start_ms"])
        cell.client.zrem(cell.key("waiting:f/main/acme"), f"{batch}/0")
        cell.client.zadd(ready, {f"{batch}/0": 5 * 2**43 + start})
        scores[batch] = 1 * 2**43 + start
    cell.change(batches[1], "acme", priority=9)
    assert cell.client.zscore(ready, f"{batches[1]}/0") == scores[batches[1]]
    assert cell.client.zrange(ready, 0, 0) == [f"{batches[1]}/0".encode()]


def test_room_that_a_change_makes_wakes_the_batch_and_less_of_it_cuts_nobody_off(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, cps=30, max_concurrent=1)
    cell.begin_one()
    assert cell.claim().slots == []
    cell.change(batch, "acme", max_concurrent=3)
    second = cell.begin_one()
    cell.change(batch, "acme", 2, max_concurrent=1)
    assert cell.claim().slots == []
    assert cell.counters(batch)["live"] == 2
    cell.finish(second)
    assert cell.claim().slots == []
    cell.change(batch, "acme", 3, max_concurrent=None)
    assert cell.claim_one().batch == batch


def test_a_start_is_moved_until_it_has_come(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 2, start_in_ms=HOUR, life_ms=10 * HOUR)
    later = cell.now_ms() + 2 * HOUR
    assert cell.change(batch, "acme", is_of_schedule=True, start_ms=later)[:2] == ("done", "scheduled")
    assert cell.client.zscore(cell.key("waiting:f/main/acme"), f"{batch}/0") == later
    assert cell.client.zscore(cell.key("expiries"), batch) == later + 10 * HOUR
    assert cell.change(batch, "acme", 2, is_of_schedule=True, start_ms=None)[:2] == ("done", "pending")
    assert cell.claim_one().batch == batch
    refused(cell, "ERR_STATE pending", batch, "acme", 3, is_of_schedule=True, start_ms=later)
    assert is_sound(cell, batch)


def test_a_paused_batch_that_has_not_started_may_be_moved_and_one_that_has_may_not(cell: Engine) -> None:
    ahead = cell.batch("acme", "main", 2, start_in_ms=HOUR)
    cell.control(ahead, "acme", "pause", "user")
    later = cell.now_ms() + 2 * HOUR
    assert cell.change(ahead, "acme", is_of_schedule=True, start_ms=later)[1] == "paused"
    assert cell.control(ahead, "acme", "resume")[0] == "scheduled"
    begun = cell.batch("acme", "main", 2)
    cell.begin_one()
    cell.control(begun, "acme", "pause", "user")
    refused(cell, "ERR_STATE paused", begun, "acme", is_of_schedule=True, start_ms=later)


def test_new_hours_close_and_open_a_running_batch(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, cps=30)
    cell.begin_one()
    opens = cell.now_ms() + HOUR
    window = {"window": "w", "hours": f"{opens}-{opens + HOUR}", "hours_until_ms": opens + HOUR}
    cell.change(batch, "acme", **window)
    assert cell.claim().slots == []
    assert cell.client.zscore(cell.key("waiting:f/main/acme"), f"{batch}/0") == opens
    assert cell.client.zscore(cell.key("hours"), batch) is not None
    cell.change(batch, "acme", 2, window=None, hours=None, hours_until_ms=None)
    assert cell.claim_one().batch == batch
    assert cell.client.zscore(cell.key("hours"), batch) is None and is_sound(cell, batch)


def test_an_expiry_is_moved_both_ways_and_taken_away(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, life_ms=HOUR)
    start = int(field(cell, batch, "start_ms") or 0)
    soon = cell.now_ms() + 60_000
    cell.change(batch, "acme", life_ms=None, expires_ms=soon)
    assert cell.client.zscore(cell.key("expiries"), batch) == soon
    cell.change(batch, "acme", 2, expires_ms=None, life_ms=HOUR)
    assert cell.client.zscore(cell.key("expiries"), batch) == start + HOUR
    cell.change(batch, "acme", 3, life_ms=None, expires_ms=cell.now_ms() - 1)
    cell.tick()
    assert cell.hash(f"batch:{batch}")["outcome:EXPIRED"] == "5"
    refused(cell, "ERR_STATE completed", batch, "acme", 4, priority=9)


def test_fewer_attempts_hold_for_the_next_outcome(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1)
    slot = cell.begin_one()
    cell.change(batch, "acme", max_attempts=1)
    assert cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=HOUR) == "final"


def test_tags_move_in_their_indexes_and_a_new_url_hears_what_follows(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 0, seal=False, on_call_complete=None, on_batch_complete=None)
    cell.ingest(batch, 1, [(15551230001, ""), (15551230002, "")])
    cell.seal(batch, 2, "old", "kept")
    cell.finish(cell.begin_one())
    assert cell.events() == []
    cell.change(
        batch, "acme", gets=("new",), loses=("old",), tags='["kept","new"]', on_call_complete="http://127.0.0.1/late"
    )
    tags = {tag: cell.client.zrange(cell.key(f"tenant:acme:tags:{tag.encode().hex()}"), 0, -1) for tag in ("old", "kept", "new")}
    assert tags == {"old": [], "kept": [batch.encode()], "new": [batch.encode()]}
    created = field(cell, batch, "created_ms") or ""
    assert cell.client.zscore(cell.key(f"tenant:acme:tags:{b'new'.hex()}"), batch) == int(created)
    cell.finish(cell.begin_one())
    assert [event["type"] for event in cell.events()] == ["call.completed"]


def test_a_batch_that_is_not_sealed_is_changed_without_being_listed(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1, seal=False)
    assert cell.change(batch, "acme", is_of_schedule=True, gets=("early",), tags='["early"]', start_ms=cell.now_ms() + HOUR)[1] == "ingesting"
    assert not cell.client.keys("*tags*") and not cell.client.keys("*waiting*")
    assert cell.seal(batch, 1) == "scheduled"


def test_who_may_not_and_what_may_not_changes_nothing(cell: Engine) -> None:
    cell.tenant("other")
    batch = cell.batch("acme", "main", 2)
    refused(cell, "ERR_NOT_FOUND", batch, "other", priority=9)
    refused(cell, "ERR_NOT_FOUND", "batch_c0_nothing", "acme", priority=9)
    for name in ("state", "total", "due", "tenant", "trunk", "sealed", "revision", "agent_id", "outcome:BUSY"):
        refused(cell, "ERR_INVALID field", batch, "acme", **{name: "1"})
    refused(cell, "ERR_INVALID field", batch, "acme", cps=1, priority=None)
    refused(cell, "ERR_INVALID", batch, "acme", priority="high")
    refused(cell, "ERR_INVALID", batch, "acme", max_concurrent=0)
    cell.begin_one()
    cell.control(batch, "acme", "cancel")
    refused(cell, "ERR_STATE cancelling", batch, "acme", priority=9)
