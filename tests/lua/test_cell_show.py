# SPDX-License-Identifier: Apache-2.0
"""cell_show: what is on its way in a cell, and who is there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.engine import Engine

NAMES = ("schema", "stopped_ms", "closed_until", "claimed", "live", "ended", "events", "webhooks", "processes",
         "epoch", "trunks", "late_ms", "workers")  # fmt: skip


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.open("run-1")
    engine.trunk("main")
    engine.tenant("acme")
    return engine


def show(cell: Engine) -> dict[str, Any]:
    return dict(zip(NAMES, cell.scripts.run("cell_show"), strict=True))


def test_an_empty_cell_has_nothing_and_gets_nothing(engine: Engine) -> None:
    assert show(engine) == {**dict.fromkeys(NAMES, 0), "schema": b"", "stopped_ms": b"", "closed_until": b"", "processes": [],
                            "epoch": 1, "workers": []}  # fmt: skip
    assert engine.client.keys("*") == []


def test_calls_are_counted_where_they_are_on_their_way(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 3)
    first, second = cell.begin_next(batch), cell.begin_next(batch)
    cell.finish(first, how="ended")
    while not cell.claim(calls=1).slots:
        pass
    shown = show(cell)
    assert (shown["claimed"], shown["live"], shown["ended"]) == (1, 1, 1)
    cell.scripts.run("cell_stop", "stop")
    cell.finish(second)
    shown = show(cell)
    assert (shown["live"], shown["stopped_ms"].decode()) == (0, cell.hash("cell")["stopped_ms"])


def test_an_event_counts_until_it_is_acknowledged_and_a_webhook_until_its_end(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1, on_call_complete="http://127.0.0.1/", on_batch_complete="http://127.0.0.1/")
    cell.finish(cell.begin_next(batch))
    (stream,) = cell.client.keys(cell.key("events:*"))
    assert show(cell)["events"] == cell.client.xlen(stream) == 2, "nobody has read any"
    cell.client.xgroup_create(stream, "notifier", "0")
    assert show(cell)["events"] == 2
    ((_, entries),) = cell.client.xreadgroup("notifier", "n_a", {stream: ">"}, count=1)
    assert show(cell)["events"] == 2, "one is read, none acknowledged"
    cell.client.xack(stream, "notifier", entries[0][0])
    assert show(cell)["events"] == 1
    ((_, entries),) = cell.client.xreadgroup("notifier", "n_a", {stream: ">"})
    cell.client.xack(stream, "notifier", entries[0][0])
    assert show(cell)["events"] == 0
    cell.client.xtrim(stream, minid=entries[0][0], approximate=False)
    assert (show(cell)["events"], cell.client.xlen(stream)) == (0, 1), "the last one stays, as hook_poll leaves it"
    cell.client.hset(cell.key("hooks:counts:2"), "pending", 3)
    cell.client.hset(cell.key("hooks:counts:15"), "pending", 1)
    assert show(cell)["webhooks"] == 4


def test_processes_are_shown_while_they_are_heard_of(cell: Engine) -> None:
    presence = "carillon-worker/w_a/1/1/1.0"
    cell.open("run-1", presence=presence)
    ((member, heard),) = [show(cell)["processes"]]
    assert (member.decode(), abs(int(heard) - cell.now_ms()) < 60_000) == (presence, True)
    cell.client.zadd(cell.key("processes"), {presence: cell.now_ms() - 35_000})
    assert show(cell)["processes"] == []


def test_a_cell_is_as_late_as_the_trunk_that_waits_longest(cell: Engine) -> None:
    for trunk, behind_ms in (("main", 5000), ("north", -60_000), ("south", 1000)):
        cell.client.zadd(cell.key("trunks"), {trunk: cell.now_ms() - behind_ms})
    shown = show(cell)
    assert shown["trunks"] == 3 and 5000 <= shown["late_ms"] < 65_000
    cell.client.zrem(cell.key("trunks"), "main", "south")
    assert (show(cell)["trunks"], show(cell)["late_ms"]) == (1, 0), "what lies ahead is not late"


def test_workers_are_shown_with_when_they_were_seen(cell: Engine) -> None:
    cell.tick("w_a")
    cell.tick("w_b")
    members = show(cell)["workers"]
    assert sorted(members[::2]) == [b"w_a", b"w_b"]
    assert all(abs(int(seen) - cell.now_ms()) < 60_000 for seen in members[1::2])


def test_each_closing_makes_another_epoch(cell: Engine) -> None:
    assert show(cell)["epoch"] == 1
    cell.open("run-2")
    shown = show(cell)
    assert shown["epoch"] == 2 and int(shown["closed_until"]) > cell.now_ms()
