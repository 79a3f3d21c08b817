# SPDX-License-Identifier: Apache-2.0
"""What a tenant uses of its quotas, as the scripts count it."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from tests.support.auditor import audit_cell
from tests.support.engine import Engine
from tests.support.scripts import Scripts
from tests.support.waiting import wait_until

SECOND_US = 1_000_000


def charge(scripts: Scripts, n: int, per_second: int) -> int:
    return int(scripts.run("quota_charge", "acme", n, per_second))


def test_a_seconds_worth_of_requests_is_free_and_what_is_more_waits(scripts: Scripts) -> None:
    assert charge(scripts, 100, 1000) == 0
    assert 0 < charge(scripts, 1900, 1000) <= SECOND_US + 10_000


def test_requests_are_counted_together_and_paid_off_with_time(db: redis.Redis, scripts: Scripts) -> None:
    assert charge(scripts, 100, 100) <= SECOND_US // 100
    tat_us = int(db.get(scripts.key("requests:t/acme")))
    charge(scripts, 7, 100)
    assert int(db.get(scripts.key("requests:t/acme"))) == tat_us + 7 * SECOND_US // 100
    db.set(scripts.key("requests:t/acme"), tat_us - 10 * SECOND_US)  # ten seconds later
    assert charge(scripts, 1, 100) == 0


def test_no_more_than_a_second_is_owed(scripts: Scripts) -> None:
    assert SECOND_US - 10_000 <= charge(scripts, 10**6, 100) <= SECOND_US + 10_000


def test_nothing_stays_of_a_tenant_that_asks_no_more(db: redis.Redis, scripts: Scripts) -> None:
    charge(scripts, 1, 1)
    assert 0 < db.pttl(scripts.key("requests:t/acme")) <= 3000


@pytest.mark.parametrize("args", [("a/b", 1, 1), ("acme", 0, 1), ("acme", 1, 0), ("acme", "x", 1), ("acme", 1)])
def test_what_makes_no_sense_is_refused(db: redis.Redis, scripts: Scripts, args: tuple[Any, ...]) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        scripts.run("quota_charge", *args)
    assert list(db.scan_iter()) == []


# ---- what lies in the cell ----


def load(engine: Engine, tenant: str = "acme") -> tuple[int, ...]:
    values = engine.hash(f"load:t/{tenant}")
    return tuple(int(values.get(name, 0)) for name in ("batches", "contacts", "bytes"))


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.trunk("main")
    engine.tenant("acme")
    return engine


def end_one(engine: Engine, how: str = "ended") -> None:
    slot = wait_until(lambda: engine.claim(calls=1).slots, 5.0, "a call can be claimed")[0]
    engine.begin([slot])
    engine.finish(slot, how=how, outcome="COMPLETED")


def test_a_batch_counts_from_its_creation_to_its_end(cell: Engine) -> None:
    draft = cell.batch("acme", "main", 3, seal=False)
    batches, contacts, size = load(cell)
    assert (batches, contacts) == (1, 3) and 3 * 50 < size < 3 * 200
    cell.batch("acme", "main", 2)
    assert load(cell)[:2] == (2, 5)
    cell.control(draft, "acme", "cancel")
    assert load(cell)[:2] == (1, 2) and audit_cell(cell) == []


def test_a_contact_counts_until_its_end_and_the_bytes_by_their_share(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 4, cps=30, summary_wait_ms=0)
    whole = load(cell)[2]
    for left in (3, 2, 1):
        end_one(cell)
        wait_until(lambda: cell.tick("w1") and load(cell)[1] == left, 5.0, "one has ended")
        assert load(cell) == (1, left, whole * left // 4)
    end_one(cell)
    wait_until(lambda: cell.tick("w1") and load(cell) == (0, 0, 0), 5.0, "nothing is left")
    assert cell.hash(f"batch:{batch}")["state"] == "completed" and audit_cell(cell) == []


def test_what_expires_is_cancelled_or_never_sealed_counts_no_more(cell: Engine) -> None:
    cell.batch("acme", "main", 3, expires_ms=cell.now_ms() - 1)
    cell.control(cell.batch("acme", "main", 3), "acme", "cancel")
    cell.control(cell.batch("acme", "main", 3), "acme", "fail", "no such agent", "AGENT_NOT_FOUND")
    abandoned = cell.batch("acme", "main", 200, seal=False)
    cell.client.zadd(cell.key("purge"), {f"draft/{abandoned}": cell.now_ms()})
    wait_until(lambda: cell.tick("w1") and not cell.client.exists(cell.key(f"batch:{abandoned}")), 5.0, "it is removed")
    assert load(cell) == (0, 0, 0) and audit_cell(cell) == []


def test_what_is_appended_counts(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1, start_in_ms=3_600_000)
    before = load(cell)
    cell.append(batch, "acme")
    cell.ingest(batch, 99, [(15557770001, ""), (15557770002, "")])
    assert load(cell)[:2] == (1, 3) and load(cell)[2] > before[2] and audit_cell(cell) == []


@pytest.mark.parametrize(("quota", "limit"), [("max_batches", 1), ("max_queued_contacts", 3), ("max_bytes", 400)])
def test_nothing_goes_over_a_quota_and_nothing_of_it_stays(cell: Engine, quota: str, limit: int) -> None:
    cell.batch("acme", "main", 1)
    cell.tenant("acme", how="set", **{quota: limit})
    before = load(cell)
    with pytest.raises(redis.ResponseError, match=f"ERR_QUOTA {quota} {limit}"):
        cell.batch("acme", "main", 8)
    assert load(cell) == before
    cell.tenant("beta")
    cell.batch("beta", "main", 8)  # another's quotas are its own
    wait_until(lambda: cell.tick("w1") and not cell.client.zcard(cell.key("purge")), 5.0, "what was begun is removed")
    assert len([name for name in cell.client.scan_iter(cell.key("batch:*")) if name.count(b":") == 3]) == 2
    assert audit_cell(cell) == []


def test_a_draft_over_a_quota_keeps_what_it_has_and_takes_more_once_there_is_room(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 2, seal=False)
    cell.client.hset(cell.key(f"batch:{batch}"), "state", "draft")
    cell.tenant("acme", how="set", max_queued_contacts=2)
    with pytest.raises(redis.ResponseError, match="ERR_QUOTA max_queued_contacts 2"):
        cell.ingest(batch, 9, [(15557770001, "")])
    assert load(cell)[:2] == (1, 2)
    cell.tenant("acme", how="set", max_queued_contacts="")
    cell.ingest(batch, 9, [(15557770001, "")])
    assert load(cell)[:2] == (1, 3)


def test_the_default_holds_where_a_tenant_has_no_quota_of_its_own(cell: Engine) -> None:
    cell.batch("acme", "main", 2, quotas="1 0 0")
    with pytest.raises(redis.ResponseError, match="ERR_QUOTA max_batches 1"):
        cell.batch("acme", "main", 2, quotas="1 0 0")
    cell.tenant("acme", how="set", max_batches=2)
    cell.batch("acme", "main", 2, quotas="1 0 0")
    cell.tenant("acme", how="set", max_batches="")
    cell.batch("acme", "main", 2, quotas="0 0 0")
    assert load(cell)[:2] == (3, 6)


def kept(engine: Engine) -> int:
    return int(engine.hash("load:t/acme").get("kept", 0))


def test_an_ended_batch_counts_until_it_is_removed(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 8)
    size, ledger = load(cell)[2], kept(cell)
    assert ledger > 1024, "a batch itself takes room, and a part is told of"
    cell.control(batch, "acme", "cancel")
    assert (load(cell), kept(cell)) == ((0, 0, 0), size + ledger) and audit_cell(cell) == []
    cell.client.zadd(cell.key("purge"), {f"seen/{batch}": cell.now_ms(), f"batch/{batch}": cell.now_ms()})
    cell.client.hset(cell.key(f"batch:{batch}"), "completed_ms", 1)
    wait_until(lambda: cell.tick("w1") and not cell.client.exists(cell.key(f"batch:{batch}")), 5.0, "it is removed")
    assert kept(cell) == 0 and audit_cell(cell) == []


def test_what_a_batch_says_of_itself_counts(cell: Engine) -> None:
    cell.batch("acme", "main", 1)
    before = kept(cell)
    cell.batch("acme", "main", 1, on_event="https://crm.example/" + "x" * 2000)
    assert kept(cell) - before > before + 2000 - 100 and audit_cell(cell) == []


def test_a_batch_that_ended_before_this_was_counted_is_taken_off_for_nothing(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 8)
    cell.control(batch, "acme", "cancel")
    cell.client.hdel(cell.key(f"batch:{batch}"), "kept")
    cell.client.hdel(cell.key("load:t/acme"), "kept")
    cell.client.zadd(cell.key("purge"), {f"seen/{batch}": cell.now_ms(), f"batch/{batch}": cell.now_ms()})
    cell.client.hset(cell.key(f"batch:{batch}"), "completed_ms", 1)
    wait_until(lambda: cell.tick("w1") and not cell.client.exists(cell.key(f"batch:{batch}")), 5.0, "it is removed")
    assert kept(cell) == 0 and audit_cell(cell) == []


def test_batches_made_and_cancelled_again_and_again_come_to_an_end(cell: Engine) -> None:
    cell.tenant("acme", how="set", max_bytes=1000)
    with pytest.raises(redis.ResponseError, match="ERR_QUOTA max_bytes 1000"):
        for _ in range(100):
            cell.control(cell.batch("acme", "main", 4), "acme", "cancel")
    assert 4000 < kept(cell) < 8000 and audit_cell(cell) == []
    cell.tenant("acme", how="set", max_bytes="")
    cell.batch("acme", "main", 4)


@pytest.mark.parametrize("field", ["batches", "contacts", "bytes", "kept"])
def test_a_count_that_is_not_what_the_batches_use_is_noticed(cell: Engine, field: str) -> None:
    cell.batch("acme", "main", 2)
    assert audit_cell(cell) == []
    cell.client.hincrby(cell.key("load:t/acme"), field, 1)
    (fault,) = audit_cell(cell)
    assert fault.startswith("load_is_what_the_batches_use acme")


def test_a_creation_that_is_given_up_counts_no_more_and_a_batch_that_is_seen_cannot_be(cell: Engine) -> None:
    seen = cell.batch("acme", "main", 2)
    draft = cell.batch("acme", "main", 1, seal=False)
    cell.client.hset(cell.key(f"batch:{draft}"), "state", "draft")
    counted = load(cell)
    made = cell.batch("acme", "main", 5, seal=False)
    for batch, tenant in ((seen, "acme"), (draft, "acme"), (made, "beta"), ("batch_c0_none", "acme")):
        assert cell.scripts.run("batch_abandon", batch, tenant) == b"kept"
    assert load(cell)[:2] == (counted[0] + 1, counted[1] + 5)
    assert [cell.scripts.run("batch_abandon", made, "acme") for _ in range(2)] == [b"abandoned", b"kept"]
    assert load(cell) == counted
    wait_until(lambda: cell.tick("w1") and not cell.client.exists(cell.key(f"batch:{made}")), 5.0, "it is removed")
    assert load(cell) == counted and audit_cell(cell) == []


def test_a_single_call_refused_at_its_seal_counts_no_more_and_is_refused_again(cell: Engine) -> None:
    first = cell.batch("acme", "main", [15550001111], dial="15550001111", seal=False)
    cell.scripts.run("batch_seal", first, 1)
    counted = load(cell)
    refused = cell.batch("acme", "main", [15550001111], dial="15550001111", seal=False)
    assert load(cell)[:2] == (counted[0] + 1, counted[1] + 1)
    for _ in range(2):  # the answer may be lost
        with pytest.raises(redis.ResponseError, match=f"ERR_EXISTS {first}-0"):
            cell.scripts.run("batch_seal", refused, 1)
        assert load(cell) == counted
    wait_until(lambda: (cell.tick("w1"), cell.client.exists(cell.key(f"batch:{refused}")))[1] == 0, 5.0, "it is removed")
    assert load(cell) == counted and audit_cell(cell) == []
    cell.finish(cell.begin_next(first))
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        cell.scripts.run("batch_seal", refused, 1)
