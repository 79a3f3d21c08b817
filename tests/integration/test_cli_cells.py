# SPDX-License-Identifier: Apache-2.0
"""Cells by `carillon`: what is on its way and who is there, draining, and raising the schema."""

from __future__ import annotations

import json
import signal

import pytest

from tests.support.cli import CONFIGURATION, DONE, FAILED, USAGE, Cli, start
from tests.support.engine import SCHEMA, Engine
from tests.support.processes import build_directory
from tests.support.redis_server import RedisServer

NOTHING = {"claimed": 0, "live": 0, "ended": 0, "events": 0, "webhooks": 0}


@pytest.fixture
def engine(redis_server: RedisServer) -> Engine:
    made = Engine(redis_server.client())
    made.client.flushall()
    made.open("run-1")
    made.trunk("main")
    made.tenant("acme")
    return made


@pytest.fixture
def cli(redis_server: RedisServer, engine: Engine) -> Cli:
    return Cli(**redis_server.access("carillon-operator"))


@pytest.fixture
def newer(redis_server: RedisServer, engine: Engine) -> Cli:
    """The tool of a next version, which knows one schema more."""
    return Cli(build=build_directory() / "next", **redis_server.access("carillon-operator"))


def come(engine: Engine, process: str, name: str, newest: int = SCHEMA, version: str = "1.0") -> None:
    engine.open("run-1", schema=newest, oldest=1, presence=f"carillon-{process}/{name}/1/{newest}/{version}")


# ---- show ----


def test_a_cell_shows_what_is_on_its_way_and_who_is_there(engine: Engine, cli: Cli) -> None:
    come(engine, "worker", "w_a")
    come(engine, "producer", "producer_b", SCHEMA + 1, "1234567")  # a version is no number
    batch = engine.batch("acme", "main", 2, on_call_complete="http://127.0.0.1/")
    slot = engine.begin_next(batch)
    shown = cli.done("cell", "show", "c0", "--json").json()
    assert {name: shown[name] for name in NOTHING} == {**NOTHING, "live": 1}
    names = ("cell", "schema", "isDrained", "stoppedAt", "closedUntil")
    assert [shown[name] for name in names] == ["c0", SCHEMA, False, None, None]
    assert sorted((p["process"], p["id"], p["oldest"], p["newest"], p["version"]) for p in shown["processes"]) == [
        ("carillon-producer", "producer_b", 1, SCHEMA + 1, "1234567"), ("carillon-worker", "w_a", 1, SCHEMA, "1.0")]  # fmt: skip
    engine.finish(slot, how="ended")
    engine.claim(calls=1)
    shown = cli.done("cell", "show", "c0", "--json").json()
    assert (shown["live"], shown["ended"]) == (0, 1)
    text = cli.done("cell", "show", "c0").out
    assert "carillon-producer  producer_b  1234567" in text and "ended" in text


def test_an_empty_cell_is_shown_and_left_empty(engine: Engine, cli: Cli) -> None:
    shown = cli.done("cell", "show", "c1", "--json").json()
    assert (shown["cell"], shown["schema"], shown["processes"]) == ("c1", None, [])
    assert engine.client.keys("carillon:{c1}:*") == []


# ---- drain ----


def test_a_drain_stops_the_cell_and_ends_when_nothing_is_on_its_way(engine: Engine, cli: Cli) -> None:
    batch = engine.batch("acme", "main", 2, on_call_complete="http://127.0.0.1/")
    slot = engine.begin_next(batch)
    running = start(cli, "drain", "c0", "--wait", "--json")
    assert json.loads(running.stdout.readline()) == {**NOTHING, "cell": "c0", "live": 1, "isDrained": False}
    assert engine.claim().slots == [] and "stopped_ms" in engine.hash("cell")
    engine.finish(slot)
    assert json.loads(running.stdout.readline()) == {**NOTHING, "cell": "c0", "events": 1, "isDrained": False}
    (stream,) = engine.client.keys(engine.key("events:*"))
    with engine.client.pipeline() as pipe:  # a notifier has read them
        pipe.hset(engine.key("hooks:counts:3"), "pending", 2).xtrim(stream, maxlen=0, approximate=False).execute()
    assert json.loads(running.stdout.readline())["webhooks"] == 2
    engine.client.hset(engine.key("hooks:counts:3"), "pending", 0)
    code, out, err = running.end()
    assert (code, err, json.loads(out.splitlines()[-1])) == (DONE, "", {**NOTHING, "cell": "c0", "isDrained": True})
    assert engine.counters(batch)["due"] == 1, "what is queued stays queued"
    assert cli.done("drain", "c0").out.splitlines()[-1] == "cell c0 is drained. 'carillon start cell c0' starts it again"
    cli.done("start", "cell", "c0")
    assert engine.begin_next(batch).ordinal == 1


def test_without_waiting_a_drain_says_what_is_left_and_ends(engine: Engine, cli: Cli) -> None:
    engine.begin_next(engine.batch("acme", "main"))
    ended = cli.done("drain", "c0")
    assert ended.out == "cell c0: claimed 0, on the line 1, waiting for a summary 0, events to be read 0, webhooks to be delivered 0\n"
    assert "stopped_ms" in engine.hash("cell")


@pytest.mark.parametrize("signo", (signal.SIGINT, signal.SIGTERM))
def test_a_signal_ends_the_waiting_and_the_cell_stays_stopped(engine: Engine, cli: Cli, signo: int) -> None:
    engine.begin_next(engine.batch("acme", "main"))
    running = start(cli, "drain", "c0", "--wait")
    assert "on the line 1" in running.stdout.readline()
    running.process.send_signal(signo)
    code, _, err = running.end()
    assert (code, err) == (-signo, "carillon: cell c0 stays stopped. 'carillon drain c0 --wait' waits again, 'carillon start cell c0' starts it\n")
    assert "stopped_ms" in engine.hash("cell")


def test_a_drain_gives_up_where_somebody_starts_the_cell(engine: Engine, cli: Cli) -> None:
    engine.begin_next(engine.batch("acme", "main"))
    running = start(cli, "drain", "c0", "--wait")
    assert running.stdout.readline()
    cli.done("start", "cell", "c0")
    code, _, err = running.end()
    assert (code, err) == (FAILED, "carillon: cell c0 was started again meanwhile\n")


def test_a_drain_that_takes_too_long_is_told_with_1_and_the_cell_stays_stopped(engine: Engine, cli: Cli) -> None:
    slot = engine.begin_next(engine.batch("acme", "main"))
    ended = cli("drain", "c0", "--wait-s", "1")
    assert (ended.status, ended.err) == (
        FAILED, "carillon: cell c0 is not drained in 1 s, and stays stopped. 'carillon start cell c0' starts it\n")  # fmt: skip
    assert "on the line 1" in ended.out and "stopped_ms" in engine.hash("cell")
    engine.finish(slot)
    for stream in engine.client.keys(engine.key("events:*")):  # a notifier has read them
        engine.client.xtrim(stream, maxlen=0, approximate=False)
    assert cli.done("drain", "c0", "--wait-s", "30").out.splitlines()[-1].startswith("cell c0 is drained.")
    assert cli("drain", "c0", "--wait-s", "0").status == USAGE


# ---- upgrade ----


def test_a_cell_of_the_newest_schema_needs_no_upgrade(cli: Cli) -> None:
    assert cli.done("cell", "upgrade", "c0").out == f"cell c0 speaks schema {SCHEMA} already, the newest that this tool knows\n"


def test_an_upgrade_waits_for_older_processes(engine: Engine, newer: Cli, cli: Cli) -> None:
    come(engine, "worker", "w_a", version="1.0")
    come(engine, "notifier", "notifier_b", SCHEMA + 1, "1.1")
    ended = newer("cell", "upgrade", "c0")
    assert ended.status == FAILED
    assert ended.err == f"carillon: cell c0 goes on speaking schema {SCHEMA}: these processes do not know {SCHEMA + 1}\n"
    assert "w_a" in ended.out and "notifier_b" not in ended.out
    ended = newer("cell", "upgrade", "c0", "--json")
    assert ended.status == FAILED
    assert ended.json() == {"cell": "c0", "before": SCHEMA, "schema": SCHEMA, "older": [
        {"process": "carillon-worker", "id": "w_a", "oldest": 1, "newest": SCHEMA, "version": "1.0"}]}  # fmt: skip
    assert engine.hash("cell")["schema"] == str(SCHEMA)
    engine.client.zrem(engine.key("processes"), f"carillon-worker/w_a/1/{SCHEMA}/1.0")
    assert newer.done("cell", "upgrade", "c0").out == f"cell c0 speaks schema {SCHEMA + 1} now\n"
    ended = cli("cell", "show", "c0")
    assert (ended.status, ended.err) == (CONFIGURATION, f"carillon: cell c0 speaks schema {SCHEMA + 1}, this tool 1 to {SCHEMA}\n")


def test_an_upgrade_by_force_throws_older_processes_out(engine: Engine, newer: Cli) -> None:
    come(engine, "worker", "w_a")
    ended = newer.done("cell", "upgrade", "c0", "--force", "--json").json()
    assert (ended["before"], ended["schema"], len(ended["older"])) == (SCHEMA, SCHEMA + 1, 1)


def test_an_empty_cell_has_nothing_to_upgrade(newer: Cli) -> None:
    ended = newer("cell", "upgrade", "c1")
    assert (ended.status, ended.err) == (FAILED, "carillon: cell c1 is empty: who opens it first says which schema it speaks\n")


# ---- restored ----


def test_a_restore_stops_the_cell_and_tells_what_is_lost(engine: Engine, cli: Cli) -> None:
    engine.client.zadd(engine.key("workers"), {"w_a": 1_800_000_000_000})
    told = cli.done("cell", "restored", "c0", "--json").json()
    assert (told["cell"], told["lostFrom"]) == ("c0", "2027-01-15T08:00:00.000Z")
    assert cli.done("cell", "restored", "c0", "--json").json() == told
    shown = cli.done("cell", "show", "c0", "--json").json()
    assert shown["stoppedAt"] == told["lostUntil"] and shown["closedUntil"] is not None
    said = cli.done("cell", "restored", "c0").out
    assert told["lostFrom"] in said and "carillon start cell c0" in said


def test_of_an_empty_cell_there_is_nothing_to_restore(engine: Engine, cli: Cli) -> None:
    ended = cli("cell", "restored", "c1")
    assert ended.status == FAILED and "cell c1 is empty" in ended.err
    assert not engine.client.exists("carillon:{c1}:cell")


@pytest.mark.parametrize("words", (("drain",), ("cell", "show"), ("cell", "upgrade"), ("cell", "restored")))
def test_what_is_no_cell_is_refused(cli: Cli, words: tuple[str, ...]) -> None:
    ended = cli(*words, "No/cell")
    assert (ended.status, ended.out, ended.err) == (USAGE, "", "carillon: 'No/cell' is no cell: 1 to 8 characters of a-z and 0-9\n")
    assert cli(*words).status == USAGE
