# SPDX-License-Identifier: Apache-2.0
"""An ended batch is kept as long as its tenant says, and then goes, all of it, in bounded steps, on a real Redis."""

from __future__ import annotations

import pytest
import redis

from tests.support.engine import Engine
from tests.support.waiting import wait_until

DAY_MS = 24 * 3_600_000
MONTH_MS = 30 * DAY_MS


@pytest.fixture
def empty(engine: Engine) -> Engine:
    engine.trunk("main")
    engine.tenant("acme")
    return engine


def ended(engine: Engine, contacts: int = 1) -> str:
    """A batch whose calls are over: cancelled, and some of it called before."""
    batch = engine.batch("acme", "main", contacts, cps=30, seal=False, tags='["tag one","zwei"]')
    engine.seal(batch, contacts, "tag one", "zwei")
    slot = engine.begin_next(batch)
    engine.accept(slot)
    engine.finish(slot)
    if contacts > 1:
        engine.control(batch, "acme", "cancel")
    assert engine.hash(f"batch:{batch}")["state"] in ("completed", "cancelled")
    return batch


def removal_ms(engine: Engine, batch: str) -> int:
    score = engine.client.zscore(engine.key("purge"), f"batch/{batch}")
    assert score is not None
    return int(score)


def make_older(engine: Engine, batch: str, ms: int) -> None:
    """The batch ended that much earlier than it did."""
    engine.client.hincrby(engine.key(f"batch:{batch}"), "completed_ms", -ms)
    engine.client.zincrby(engine.key("purge"), -ms, f"batch/{batch}")


def left(engine: Engine, batch: str) -> list[bytes]:
    """What is left of the batch but for the log of its last second, which goes by itself."""
    return [key for key in engine.client.keys(f"*{batch}*") if b":begins:" not in key]


def tick_until_gone(engine: Engine, batch: str, items: int) -> int:
    """How many ticks it took."""
    ticks = 0
    while engine.client.exists(engine.key(f"batch:{batch}")):
        engine.tick(items=items)
        ticks += 1
        assert ticks < 1000
    return ticks


@pytest.mark.parametrize("keep_days", [None, 1, 400])
def test_an_ended_batch_is_to_go_when_its_tenant_has_kept_it_long_enough(empty: Engine, keep_days: int | None) -> None:
    if keep_days:
        empty.tenant("acme", keep_days=keep_days)
    batch = ended(empty)
    assert removal_ms(empty, batch) == int(empty.hash(f"batch:{batch}")["completed_ms"]) + (keep_days or 30) * DAY_MS
    empty.tick()
    assert empty.hash(f"batch:{batch}")["sealed"] == "1"


def test_a_failed_batch_is_to_go_too(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 2)
    empty.control(batch, "acme", "fail", "no money", "X")
    assert removal_ms(empty, batch) == int(empty.hash(f"batch:{batch}")["completed_ms"]) + MONTH_MS


def test_nothing_is_left_of_a_batch_that_was_kept_long_enough(empty: Engine) -> None:
    other = ended(empty)
    batch = ended(empty, 300)
    make_older(empty, batch, MONTH_MS)
    ticks = tick_until_gone(empty, batch, items=4)
    assert ticks > 1, "it goes in steps"
    assert left(empty, batch) == []
    assert empty.client.zscore(empty.key("purge"), f"batch/{batch}") is None
    assert empty.client.zrange(empty.key("tenant:acme:batches"), 0, -1) == [other.encode()]
    for tag in (b"tag one", b"zwei"):
        assert empty.client.zrange(empty.key(f"tenant:acme:tags:{tag.hex()}"), 0, -1) == [other.encode()]
    assert empty.hash(f"batch:{other}")["sealed"] == "1"


def test_what_is_half_removed_is_in_no_list_and_takes_nothing(empty: Engine) -> None:
    batch = ended(empty, 300)
    make_older(empty, batch, MONTH_MS)
    empty.tick(items=3)
    assert empty.hash(f"batch:{batch}")["sealed"] == "0"
    assert not empty.client.exists(empty.key("tenant:acme:batches"))
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        empty.ingest(batch, 9, [(15551239999, "")])
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        empty.seal(batch, 300)
    for script, args in (("batch_control", ("pause",)), ("batch_why", ()), ("batch_remove", ()),
                         ("chunk_open", ("", "look", MONTH_MS, "w1", 1000, 0))):  # fmt: skip
        with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
            empty.scripts.run(script, batch, "acme", *args)
    assert empty.scripts.run("audit", "batch", batch)[2:] == []


def test_a_tenant_that_keeps_longer_now_keeps_what_had_ended_before(empty: Engine) -> None:
    batch = ended(empty)
    make_older(empty, batch, MONTH_MS)
    empty.tenant("acme", keep_days=31)
    empty.tick()
    assert empty.hash(f"batch:{batch}")["sealed"] == "1"
    assert removal_ms(empty, batch) == int(empty.hash(f"batch:{batch}")["completed_ms"]) + 31 * DAY_MS


def test_a_removed_batch_is_out_of_sight_at_once_and_its_records_go_when_its_events_were_told(empty: Engine) -> None:
    batch = ended(empty, 3)
    completed_ms = int(empty.hash(f"batch:{batch}")["completed_ms"])
    assert int(empty.scripts.run("batch_remove", batch, "acme")[0]) == completed_ms + 3_600_000
    assert not empty.client.exists(empty.key("tenant:acme:batches"))
    assert empty.hash(f"batch:{batch}")["sealed"] == "0"
    empty.tick()
    assert empty.client.exists(empty.key(f"batch:{batch}:contacts:0"))
    make_older(empty, batch, 3_600_000)
    wait_until(lambda: (empty.tick(), not left(empty, batch))[1], 5.0, "it is purged")


def test_a_batch_is_removed_once(empty: Engine) -> None:
    batch = ended(empty)
    empty.scripts.run("batch_remove", batch, "acme")
    at = removal_ms(empty, batch)
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        empty.scripts.run("batch_remove", batch, "acme")
    assert removal_ms(empty, batch) == at


def test_an_old_batch_that_is_removed_goes_at_once(empty: Engine) -> None:
    batch = ended(empty)
    make_older(empty, batch, DAY_MS)
    assert int(empty.scripts.run("batch_remove", batch, "acme")[0]) <= empty.now_ms()


def test_only_its_tenant_removes_a_batch_and_only_when_nothing_is_on_its_way(empty: Engine) -> None:
    empty.tenant("other")
    batch = empty.batch("acme", "main", 2, cps=30)
    slot = empty.begin_next(batch)
    for tenant, why in (("other", "ERR_NOT_FOUND"), ("acme", "ERR_STATE processing")):
        with pytest.raises(redis.ResponseError, match=why):
            empty.scripts.run("batch_remove", batch, tenant)
    empty.control(batch, "acme", "fail", "no money", "X")
    with pytest.raises(redis.ResponseError, match="ERR_STATE failed"):
        empty.scripts.run("batch_remove", batch, "acme")
    empty.accept(slot)
    empty.finish(slot)
    empty.scripts.run("batch_remove", batch, "acme")


def test_a_late_truth_about_a_removed_batch_changes_nothing(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 1, cps=30)
    slot = empty.begin_next(batch)
    empty.accept(slot)
    empty.finish(slot, "final", "UNKNOWN")
    make_older(empty, batch, MONTH_MS)
    tick_until_gone(empty, batch, items=100)
    before = len(empty.events())
    assert empty.finish(slot) == "gone"
    assert len(empty.events()) == before
    assert left(empty, batch) == []
