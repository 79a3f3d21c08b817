# SPDX-License-Identifier: Apache-2.0
"""Who is there, and what schemas they know; and the raising of a cell's schema, which waits for those that do not."""

from __future__ import annotations

import pytest
import redis

from tests.support.engine import Engine

HEARD_MS = 35_000


def processes(cell: Engine) -> set[str]:
    return {member.decode() for member in cell.client.zrange(cell.key("processes"), 0, -1)}


def come(cell: Engine, process: str, name: str, oldest: int, newest: int, version: str = "1.0") -> str:
    presence = f"carillon-{process}/{name}/{oldest}/{newest}/{version}"
    cell.open("run-1", schema=newest, oldest=oldest, presence=presence)
    return presence


def raise_schema(cell: Engine, oldest: int, newest: int, how: str = "") -> tuple[int, int, set[str]]:
    before, now, *others = cell.scripts.run("cell_upgrade", oldest, newest, how)
    return int(before), int(now), {other.decode() for other in others}


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.open("run-1", schema=1)
    return engine


def silent_for(cell: Engine, ms: int) -> None:
    """What was heard of is that much longer ago."""
    for key in ("processes", "workers"):
        for member, at in cell.client.zrange(cell.key(key), 0, -1, withscores=True):
            cell.client.zadd(cell.key(key), {member: at - ms})


def test_who_stays_is_listed_once_and_a_tool_is_not(cell: Engine) -> None:
    assert processes(cell) == set()
    there = {come(cell, "worker", "w_a", 1, 1), come(cell, "producer", "p_a", 1, 2, "v1.2-3-gabc+x")}
    come(cell, "worker", "w_a", 1, 1)
    assert processes(cell) == there


def test_who_is_not_heard_of_any_more_is_forgotten(cell: Engine) -> None:
    come(cell, "worker", "w_a", 1, 1)
    silent_for(cell, HEARD_MS)
    other = come(cell, "worker", "w_b", 1, 1)
    assert processes(cell) == {other}


@pytest.mark.parametrize("presence", ("worker", "a/b/1/1/", "a/b/1/x/1.0", "a/b/1/1/1 0", "a/b/c/1/1/1.0", "a/b/1/1/" + "v" * 300))
def test_a_presence_that_is_none_is_refused(cell: Engine, presence: str) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_INVALID presence"):
        cell.open("run-1", presence=presence)
    assert processes(cell) == set()


def test_a_schema_is_raised_once_nobody_is_there_that_does_not_know_it(cell: Engine) -> None:
    older, newer = come(cell, "worker", "w_a", 1, 1), come(cell, "notifier", "n_a", 1, 2)
    assert raise_schema(cell, 1, 2) == (1, 1, {older})
    assert cell.hash("cell")["schema"] == "1"
    cell.client.zrem(cell.key("processes"), older)  # it ended in order
    assert raise_schema(cell, 1, 2) == (1, 2, set())
    assert raise_schema(cell, 1, 2) == (2, 2, set())
    assert cell.hash("cell")["schema"] == "2" and processes(cell) == {newer}
    with pytest.raises(redis.ResponseError, match="ERR_STATE the cell speaks schema 2, this process 1 to 1"):
        come(cell, "worker", "w_b", 1, 1)
    assert processes(cell) == {newer}


def test_who_died_is_in_nobodys_way_for_long(cell: Engine) -> None:
    come(cell, "worker", "w_a", 1, 1)
    cell.tick("w_a")
    silent_for(cell, HEARD_MS)
    assert raise_schema(cell, 1, 2) == (1, 2, set())


def test_workers_and_notifiers_that_do_not_say_what_they_know_are_older(cell: Engine) -> None:
    cell.tick("w_old")
    cell.scripts.run("hook_poll", "n_old", 5000, 16, 100, 0)
    silent = {"carillon-worker/w_old/0/0/unknown", "carillon-notifier/n_old/0/0/unknown"}
    assert raise_schema(cell, 1, 2) == (1, 1, silent)
    come(cell, "worker", "w_old", 1, 2)
    come(cell, "notifier", "n_old", 1, 2)
    assert raise_schema(cell, 1, 2) == (1, 2, set())


def test_who_forces_it_is_told_whom_it_throws_out_and_workers_are_told_at_once(cell: Engine) -> None:
    older = come(cell, "worker", "w_a", 1, 1)
    with cell.client.pubsub() as listener:
        listener.subscribe(cell.key("wake"))
        assert listener.get_message(timeout=10.0)["type"] == "subscribe"
        assert raise_schema(cell, 1, 3, "force") == (1, 3, {older})
        assert listener.get_message(timeout=10.0)["data"] == b"schema"
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        come(cell, "worker", "w_a", 1, 1)
    assert processes(cell) == set(), "it has left"


def test_a_build_raises_no_cell_that_it_does_not_know(engine: Engine) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_STATE the cell is empty"):
        raise_schema(engine, 1, 2)
    engine.open("run-1", schema=5)
    for oldest, newest in ((1, 4), (6, 7)):
        with pytest.raises(redis.ResponseError, match="ERR_STATE the cell speaks schema 5"):
            raise_schema(engine, oldest, newest, "force")
    assert engine.hash("cell")["schema"] == "5"
