# SPDX-License-Identifier: Apache-2.0
"""A Redis that was put back from a backup (cell_restored): everything since the backup is a tail that was lost, as long as it
may be."""

from __future__ import annotations

import math

import pytest
import redis

from tests.lua.test_doubts import begin, claim_some
from tests.support.auditor import audit_cell
from tests.support.engine import Engine

CPS = 5
AGO_MS = 20_000  # so long before the restore the backup was taken
CLOSED_MS = 14_000
IN_DOUBT = math.ceil(CPS * (AGO_MS + 200) / 1000) + 1
SLACK = 5 * CPS  # what the test itself takes, in calls


@pytest.fixture
def cell(opened_cell: Engine) -> Engine:
    return opened_cell


def note_worker(cell: Engine, ago_ms: int = AGO_MS) -> int:
    """As the backup has it: when a worker was heard of last."""
    seen_ms = cell.now_ms() - ago_ms
    cell.client.delete(cell.key("workers"))
    cell.client.zadd(cell.key("workers"), {"w0": seen_ms})
    return seen_ms


def restored(cell: Engine, run: str = "run-2") -> tuple[int, int]:
    from_ms, until_ms = cell.scripts.run("cell_restored", run, CLOSED_MS)
    return int(from_ms), int(until_ms)


def start(cell: Engine) -> None:
    """By the operator; the closing is over."""
    cell.client.hset(cell.key("cell"), "closed_until", cell.now_ms())
    cell.scripts.run("cell_stop", "start")


def doubts(cell: Engine, count: int) -> list[int]:
    return [slot.doubt for slot in claim_some(cell, count)]


def test_the_cell_is_stopped_and_says_what_was_lost(cell: Engine) -> None:
    cell.batch("acme", "main", 3, cps=CPS)
    seen_ms = note_worker(cell)
    from_ms, until_ms = restored(cell)
    assert from_ms == seen_ms and 0 <= cell.now_ms() - until_ms < 10_000
    fields = cell.hash("cell")
    assert fields["closed_by"] == "backup" and int(fields["closed_until"]) == until_ms + CLOSED_MS
    assert int(fields["stopped_ms"]) == until_ms and int(fields["tail_from_ms"]) == seen_ms
    assert cell.claim("w1").slots == []
    start(cell)
    assert doubts(cell, 3) == [1, 1, 1]


def test_as_many_contacts_are_in_doubt_as_the_rate_allows_for_the_time_since_the_backup(cell: Engine) -> None:
    batch = cell.batch("acme", "main", IN_DOUBT + SLACK + 10, cps=CPS)
    note_worker(cell)
    restored(cell)
    start(cell)
    found = doubts(cell, IN_DOUBT + SLACK + 10)
    assert IN_DOUBT <= sum(found) <= IN_DOUBT + SLACK
    assert found == sorted(found, reverse=True), "the next ones are, in a row"
    assert cell.counters(batch)["claimed"] == len(found) and audit_cell(cell) == []


def test_a_worker_that_meets_the_new_redis_afterwards_takes_nothing_from_that(cell: Engine) -> None:
    cell.batch("acme", "main", IN_DOUBT, cps=CPS)
    note_worker(cell)
    restored(cell)
    cell.open("run-2")
    start(cell)
    assert doubts(cell, IN_DOUBT) == [1] * IN_DOUBT


def test_a_worker_that_was_quicker_does_not_hide_when_the_backup_was_taken(cell: Engine) -> None:
    cell.batch("acme", "main", IN_DOUBT, cps=CPS)
    seen_ms = note_worker(cell)
    cell.open("run-2")
    note_worker(cell, ago_ms=0)
    assert restored(cell)[0] == seen_ms
    start(cell)
    assert doubts(cell, IN_DOUBT) == [1] * IN_DOUBT


def test_another_loss_before_all_were_asked_about_leaves_them_in_doubt(cell: Engine) -> None:
    cell.batch("acme", "main", IN_DOUBT, cps=CPS)
    note_worker(cell)
    restored(cell)
    start(cell)
    assert doubts(cell, 2) == [1, 1]
    cell.open("run-3")
    start(cell)
    assert doubts(cell, IN_DOUBT - 2) == [1] * (IN_DOUBT - 2)


def test_a_loss_long_after_is_as_short_as_any(cell: Engine) -> None:
    """What was in doubt for the backup's sake is asked about by then, and batches that came later were never."""
    note_worker(cell)
    restored(cell)
    start(cell)
    cell.client.hset(cell.key("cell"), "tail_ms", cell.now_ms() - 1)
    cell.batch("acme", "main", IN_DOUBT, cps=CPS)
    assert doubts(cell, 2) == [0, 0]
    cell.open("run-3")
    start(cell)
    ordinary = math.ceil(CPS * 4.2) + 1
    assert doubts(cell, IN_DOUBT - 2) == [1] * ordinary + [0] * (IN_DOUBT - 2 - ordinary)


def test_a_batch_of_after_the_restore_that_nobody_claimed_from_yet_is_no_concern_of_it(cell: Engine) -> None:
    note_worker(cell)
    restored(cell)
    start(cell)
    cell.client.hset(cell.key("cell"), "restored_ms", cell.now_ms() - 1)
    cell.batch("acme", "main", IN_DOUBT, cps=CPS)
    cell.open("run-3")
    start(cell)
    assert sum(doubts(cell, IN_DOUBT)) == math.ceil(CPS * 4.2) + 1


def test_a_retry_that_was_to_come_since_the_backup_is_in_doubt(cell: Engine) -> None:
    cell.batch("acme", "main", 1, cps=CPS)
    (slot,) = claim_some(cell, 1)
    assert begin(cell, slot)[0] == "begun"
    cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=600_000)
    note_worker(cell)
    cell.client.zadd(cell.key(f"batch:{slot.batch}:retry:0"), {str(slot.ordinal): cell.now_ms() - 5_000})
    restored(cell)
    start(cell)
    cell.change(slot.batch, "acme", priority=5)  # the lane looks anew at what it has
    assert claim_some(cell, 1)[0].doubt == 2


def test_said_again_it_answers_the_same_and_starts_nothing_anew(cell: Engine) -> None:
    note_worker(cell)
    told = restored(cell)
    start(cell)
    before = cell.hash("cell")
    note_worker(cell, ago_ms=0)
    assert restored(cell) == told and cell.hash("cell") == before
    assert restored(cell, "run-3") != told, "another backup, put back later"
    assert "stopped_ms" in cell.hash("cell")


def test_where_no_worker_is_noted_everything_is_in_doubt(cell: Engine) -> None:
    cell.client.delete(cell.key("workers"))
    cell.batch("acme", "main", IN_DOUBT, cps=CPS)
    from_ms, until_ms = restored(cell)
    assert until_ms - from_ms == 30 * 86_400_000
    start(cell)
    assert doubts(cell, IN_DOUBT) == [1] * IN_DOUBT


def test_an_empty_cell_is_refused(engine: Engine) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        engine.scripts.run("cell_restored", "run-2", CLOSED_MS)
    assert engine.client.keys() == []
