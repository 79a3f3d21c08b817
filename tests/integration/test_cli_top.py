# SPDX-License-Identifier: Apache-2.0
"""`carillon top`: what one look tells, that it reads a bounded part of Redis, and how it behaves on a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.cli import CONFIGURATION, DONE, FAILED, USAGE, Cli, start
from tests.support.engine import Engine
from tests.support.redis_server import RedisServer
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until

DAY_MS = 24 * 3_600_000
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
FRAME = re.compile(r"\x1b\[H(.*?)\x1b\[J", re.DOTALL)
LINE = re.compile(r"(?:\x1b\[7m)?([ -~]*)(?:\x1b\[0m)?\x1b\[K")


@pytest.fixture
def engine(redis_server: RedisServer) -> Engine:
    made = Engine(redis_server.client())
    made.client.flushall()
    made.open("run-1")
    made.trunk("main", cps=50, max_concurrent=200)
    made.tenant("acme", cps=40, available_s=1000)
    return made


@pytest.fixture
def cli(redis_server: RedisServer, engine: Engine) -> Cli:
    """An operator, with the rights of one and no others."""
    return Cli(**redis_server.access("carillon-operator"))


def look(cli: Cli, *args: str) -> dict[str, Any]:
    shown = cli.done("top", "--json", *args).json()
    assert isinstance(shown, dict)
    return shown


def row(shown: dict[str, Any], table: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in shown[table] if one["id"] == name]
    return dict(found)


# ---- what it tells ----


def test_a_look_tells_what_is_on_its_way(engine: Engine, cli: Cli) -> None:
    engine.tick("w_a")
    batch = engine.batch("acme", "main", 5, cps=30)
    slots = [engine.begin_next(batch), engine.begin_next(batch)]
    engine.finish(slots[0])
    shown = look(cli)
    assert (shown["redis"]["role"], shown["redis"]["usedMemoryBytes"] > 0) == ("master", True)
    cell = shown["cells"][0]
    assert {name: cell[name] for name in ("cell", "live", "ended", "trunks", "tenants", "stoppedAt", "closedUntil")} == {
        "cell": "c0", "live": 1, "ended": 0, "trunks": 1, "tenants": 1, "stoppedAt": None, "closedUntil": None}  # fmt: skip
    trunk = row(shown, "trunks", "main")
    assert {**trunk, "nextSlotAt": 0, "startsPerSecond": 0} == {
        "id": "main", "cell": "c0", "state": "active", "reason": None, "until": None, "maxStartsPerSecond": 50, "maxOnLine": 200,
        "onLine": 1, "waiting": 1, "nextSlotAt": 0, "startsPerSecond": 0}  # fmt: skip
    tenant = row(shown, "tenants", "acme")
    assert (tenant["maxStartsPerSecond"], tenant["onLine"], tenant["batches"], tenant["waiting"]) == (40, 1, 1, 4)
    assert tenant["credits"] + tenant["reservedCredits"] <= 1000 and tenant["reservedCredits"] == 60
    told = row(shown, "batches", batch)
    assert (told["total"], told["onLine"], told["succeeded"], told["waiting"]) == (5, 1, 1, 3)
    assert told["code"] and told["why"].endswith(".")
    assert [worker["id"] for worker in shown["workers"]] == ["w_a"] and 0 <= shown["workers"][0]["seenBeforeMs"] < 60_000


def test_starts_are_those_of_the_last_second_by_redis_clock(engine: Engine, cli: Cli) -> None:
    batch = engine.batch("acme", "main", 3, cps=30)
    engine.begin_next(batch)
    now_us = engine.now_ms() * 1000
    for name in ("k/main", "t/acme", f"b/{batch}"):
        key = engine.key(f"begins:{name}")
        engine.client.delete(key)
        # Beyond the second on either side; the look comes within the half second that the others leave.
        engine.client.rpush(key, now_us - 1_500_000, now_us - 400_000, now_us - 300_000, now_us, now_us + 30_000_000)
    shown = look(cli)
    for table, name in (("trunks", "main"), ("tenants", "acme"), ("batches", batch)):
        assert row(shown, table, name)["startsPerSecond"] == 3, (table, shown)
    assert shown["cells"][0]["startsPerSecond"] == 3


STATES: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "stopped": ({"state": "stopped", "reason": "account"}, "stopped", "account"),
    "held": ({"hold_until_ms": 60_000}, "held", None),
    "breaker": ({"breaker": "open", "breaker_reason": "HTTP 503", "breaker_until_ms": 60_000}, "breaker", "HTTP 503"),
    "probing": ({"breaker": "probing", "breaker_reason": "HTTP 503", "breaker_until_ms": 60_000}, "probing", "HTTP 503"),
    "full": ({"held": "full"}, "full", None),
}  # fmt: skip


@pytest.mark.parametrize("case", STATES)
def test_what_keeps_a_trunk_is_told(engine: Engine, cli: Cli, case: str) -> None:
    fields, state, reason = STATES[case]
    ahead = {name: engine.now_ms() + value if name.endswith("until_ms") else value for name, value in fields.items()}
    engine.client.hset(engine.key("trunk:main"), mapping=ahead)
    trunk = row(look(cli), "trunks", "main")
    assert (trunk["state"], trunk["reason"]) == (state, reason)
    assert (trunk["until"] is not None) == any(name.endswith("until_ms") for name in fields)


def test_what_holds_a_batch_is_the_verdict_of_why(engine: Engine, cli: Cli) -> None:
    engine.tick("w_a")
    full = engine.batch("acme", "main", 3, cps=30, max_concurrent=1)
    engine.begin_next(full)
    later = engine.batch("acme", "main", 1, start_in_ms=600_000)
    engine.claim()
    shown = look(cli)
    assert (row(shown, "batches", full)["code"], row(shown, "batches", later)["code"]) == ("BATCH_FULL", "BATCH_SCHEDULED")
    cli.done("stop", "trunk", "main")
    assert row(look(cli), "batches", full)["code"] == "TRUNK_STOPPED"


def test_a_paused_batch_is_shown_although_nothing_hands_it_out(engine: Engine, cli: Cli) -> None:
    """And no batch that has ended takes a row."""
    engine.tick("w_a")
    paused = [engine.batch("acme", "main", 2) for _ in range(2)]
    for batch in paused:
        engine.control(batch, "acme", "pause", "user")
    running = engine.batch("acme", "main", 2)
    over = engine.batch("acme", "main", 2)
    engine.control(over, "acme", "cancel")
    for _ in range(3):
        engine.tick("w_a")
    shown = look(cli)
    assert {one["id"] for one in shown["batches"]} == {*paused, running}
    assert [(row(shown, "batches", batch)["state"], row(shown, "batches", batch)["code"]) for batch in paused] == [
        ("paused", "BATCH_PAUSED")] * 2  # fmt: skip
    assert row(shown, "batches", paused[0])["waiting"] == 2


def paused_one(engine: Engine, tenant: str = "acme", expires_in_ms: int = 30 * DAY_MS, reason: str = "user") -> str:
    batch = engine.batch(tenant, "main", 2, expires_ms=engine.now_ms() + expires_in_ms)
    engine.control(batch, tenant, "pause", reason)
    return batch


def crowd(engine: Engine, count: int, first_ms: int) -> None:
    """So many others expire before: any that are looked at take one of the places."""
    engine.client.zadd(engine.key("expiries"), {f"batch_c0_{first_ms}x{i}": engine.now_ms() + first_ms + i for i in range(count)})


def shown_batches(cli: Cli) -> set[str]:
    return {one["id"] for one in look(cli)["batches"]}


def test_a_paused_batch_is_shown_however_many_its_tenant_made_since(engine: Engine, cli: Cli) -> None:
    paused = paused_one(engine)
    newer = [engine.batch("acme", "main", 1) for _ in range(12)]
    assert shown_batches(cli) == {paused, *newer}


def test_a_paused_batch_is_shown_beside_a_table_that_others_fill(engine: Engine, cli: Cli) -> None:
    paused = [paused_one(engine) for _ in range(17)]
    for _ in range(60):
        engine.batch("acme", "main", 1)
    shown = shown_batches(cli)
    assert (len(shown), len(shown & set(paused))) == (48 + 16, 16)


def test_the_tenant_of_a_paused_batch_is_shown_among_many_that_have_no_work(engine: Engine, cli: Cli) -> None:
    for i in range(150):
        engine.tenant(f"idle{i:03}")
    paused = {tenant: paused_one(engine, tenant) for tenant in ("idle000", "idle077", "idle149")}
    shown = look(cli)
    for tenant, batch in paused.items():
        assert row(shown, "batches", batch)["tenant"] == tenant and row(shown, "tenants", tenant)["state"] == "active"
        assert row(shown, "tenants", tenant)["batches"] == 1


def test_single_calls_do_not_hide_a_paused_batch(engine: Engine, cli: Cli) -> None:
    paused = paused_one(engine)
    soon = paused_one(engine, expires_in_ms=60_000)
    crowd(engine, 1000, 3_000_000)
    assert shown_batches(cli) == {paused, soon}


def test_behind_more_batches_than_are_looked_at_those_of_tenants_are(engine: Engine, cli: Cli) -> None:
    old = paused_one(engine)
    unfunded = paused_one(engine, reason="credits")
    newest = [paused_one(engine) for _ in range(8)]
    shown = {old, unfunded, *newest}
    engine.batch("acme", "main", 1)
    crowd(engine, 255, 20 * DAY_MS)
    assert shown_batches(cli) & shown == {old, unfunded, *newest[1:]}, "one runs that is newer"
    crowd(engine, 256, 20 * DAY_MS)
    assert shown_batches(cli) & shown == {unfunded, *newest[1:]}


def test_a_tenant_whose_batches_were_all_found_is_not_asked_for_more(engine: Engine, cli: Cli) -> None:
    engine.batch("acme", "main", 2)
    listed = engine.key("tenant:acme:batches")
    engine.client.delete(listed)
    engine.client.set(listed, "who reads it as a list is told")
    assert cli.done("top", "--json").err == ""
    engine.client.hincrby(engine.key("load:t/acme"), "batches", 1)
    assert "WRONGTYPE" in cli.done("top", "--json").err


def test_nobody_who_claims_is_seen_as_lag(engine: Engine, cli: Cli) -> None:
    engine.batch("acme", "main", 3)
    engine.client.zadd(engine.key("trunks"), {"main": engine.now_ms() - 5_000})
    assert 5_000 <= look(cli)["cells"][0]["lagMs"] < 60_000


def test_a_closed_cell_and_a_stopped_one_are_told(engine: Engine, cli: Cli) -> None:
    engine.open("run-2")
    assert "closed until" in cli.done("top", "--once").out
    cli.done("stop", "cell", "c0")
    assert re.search(r"^c0 stopped ", cli.done("top").out, re.MULTILINE)


def test_several_cells_are_looked_at_together(engine: Engine, redis_server: RedisServer, cli: Cli) -> None:
    other = Engine(redis_server.client(), "c1")
    other.open("run-1")
    other.trunk("main")
    other.tenant("acme")
    batches = {engine.batch("acme", "main", 2), other.batch("acme", "main", 2)}
    shown = look(cli, "--cells", "c1,c0,c2")
    assert [cell["cell"] for cell in shown["cells"]] == ["c1", "c0", "c2"]
    assert sorted(trunk["cell"] for trunk in shown["trunks"]) == ["c0", "c1"]
    assert {batch["id"] for batch in shown["batches"]} == batches and all(batch["why"] for batch in shown["batches"])
    text = cli.done("top", "--cells", "c0,c1").out
    assert "\nc0/main " in text and "\nc1/main " in text and "\nc0/acme " in text
    assert [cell["cell"] for cell in look(cli, "--cell", "c1")["cells"]] == ["c1"]


def test_an_empty_cell_is_told_and_left_empty(redis_server: RedisServer) -> None:
    redis_server.client().flushall()
    ended = Cli(redis_url=redis_server.url).done("top")
    assert re.search(r"^c0 empty ", ended.out, re.MULTILINE) and "no" in ended.out and "\x1b" not in ended.out
    assert redis_server.client().dbsize() == 0


def test_who_may_only_look_may_look_here(engine: Engine, redis_server: RedisServer) -> None:
    batch = engine.batch("acme", "main", 2)
    engine.begin_next(batch)
    assert row(look(Cli(**redis_server.access("carillon-inspector"))), "batches", batch)["why"]


MANY = ",".join(f"c{i}" for i in range(17))


@pytest.mark.parametrize(("cells", "said"), [("C0", "a cell is"), ("c0,c0", "named twice"), (MANY, "at most 16")])
def test_cells_that_make_no_sense_are_refused(cli: Cli, cells: str, said: str) -> None:
    ended = cli("top", "--cells", cells)
    assert ended.status == USAGE and said in ended.err


def test_a_cell_of_another_schema_is_refused(engine: Engine, cli: Cli, redis_server: RedisServer) -> None:
    redis_server.client().hset("carillon:{c1}:cell", "schema", "99")
    ended = cli("top", "--cells", "c0,c1")
    assert (ended.status, ended.out) == (CONFIGURATION, "") and "cell c1 speaks schema 99" in ended.err


# ---- what it costs ----


def commands(server: RedisServer) -> dict[str, int]:
    stats = server.client().info("commandstats")
    return {name.removeprefix("cmdstat_"): told["calls"] for name, told in stats.items()}


def test_a_look_at_a_large_fleet_reads_a_bounded_part_and_never_searches(engine: Engine, redis_server: RedisServer, cli: Cli) -> None:
    client = engine.client
    for i in range(40):
        engine.trunk(f"trunk{i}")
    ahead_ms = engine.now_ms() + 60_000
    with client.pipeline() as pipe:
        for i in range(200):
            pipe.sadd(engine.key("index:tenants"), f"tenant{i}")
            pipe.hset(engine.key(f"tenant:tenant{i}"), mapping={"state": "active", "cps": 5})
            pipe.zadd(engine.key("waiting:k/main"), {f"tenant{i}": ahead_ms})
        pipe.rpush(engine.key("begins:k/main"), *(engine.now_ms() * 1000 - i for i in range(20_000, 0, -1)))
        pipe.execute()
    for _ in range(60):
        engine.batch("acme", "main", 1)
    crowd(engine, 3000, 60_000)
    crowd(engine, 3000, 20 * DAY_MS)
    engine.tenant("talks")
    engine.begin_next(engine.batch("talks", "trunk7", 1))
    client.config_resetstat()
    shown = look(cli)
    assert (len(shown["trunks"]), len(shown["tenants"]), len(shown["batches"])) == (32, 48, 48)
    assert (shown["cells"][0]["trunks"], shown["cells"][0]["tenants"]) == (41, 202)
    assert {"acme", "talks"} <= {tenant["id"] for tenant in shown["tenants"]}, "who has work is not crowded out by who waits"
    used = commands(redis_server)
    assert not {"keys", "scan", "smembers"} & set(used), used
    assert sum(n for name, n in used.items() if name in ("zrange", "hget", "hmget", "lrange", "zcount", "zcard", "sscan", "scard")) < 2500, used
    assert used["evalsha"] <= 1 + 16, used


def test_a_look_writes_nothing(engine: Engine, redis_server: RedisServer, cli: Cli) -> None:
    engine.begin_next(engine.batch("acme", "main", 2))
    before = {key: engine.client.dump(key) for key in engine.client.keys()}
    look(cli)
    cli.done("top", "--once")
    assert {key: engine.client.dump(key) for key in engine.client.keys()} == before


def test_what_is_no_id_in_redis_harms_nothing(engine: Engine, cli: Cli) -> None:
    engine.tick("w_a")
    batch = engine.batch("acme", "main", 2)
    odd: list[str | bytes] = ["", "/", "a/b/c", "x" * 65, "\x1b[2J", "b/", "b/" + "y" * 70, b"\xff\x00", "batch_c0_gone/0/1"]
    for key in ("live", "parked", "trunks", "workers", "waiting:k/main", "turn:k/main", "waiting:f/main/acme", "expiries",
                "unfunded:t/acme"):  # fmt: skip
        engine.client.zadd(engine.key(key), {member: engine.now_ms() + 60_000 for member in odd})
    engine.client.sadd(engine.key("index:tenants"), *odd)
    engine.client.hset(engine.key("tenant:acme"), mapping={"cps": "many", "available_s": "1e9", "state": "\x1b[31mred"})
    engine.client.rpush(engine.key("begins:k/main"), "soon", "", "-1")
    engine.client.hset(engine.key(f"batch:{batch}"), mapping={"total": "x", "cps": "-7", "trunk": "\x07"})
    engine.client.set(engine.key("trunk:torn"), "no hash")
    engine.client.sadd(engine.key("index:trunks"), "torn")
    ended = cli.done("top", "--json")
    shown = ended.json()
    assert {tenant["id"] for tenant in shown["tenants"]} == {"acme"} and [one["id"] for one in shown["batches"]] == [batch]
    assert ended.err.startswith("carillon: not everything is shown: WRONGTYPE"), ended.err
    assert "\x1b" not in cli.done("top").out


# ---- on a terminal ----


def frames(terminal: Terminal) -> list[list[str]]:
    """Each whole frame as its lines. What is no text and none of the few sequences that every terminal knows is an error."""
    found = []
    for frame in FRAME.findall(terminal.raw()):
        lines = frame.split("\r\n")
        assert all(LINE.fullmatch(line) for line in lines), lines
        found.append([match.group(1).rstrip() for line in lines if (match := LINE.fullmatch(line))])
    return found


def newest(terminal: Terminal) -> list[str]:
    shown = frames(terminal)
    return shown[-1] if shown else [""]


def sees(terminal: Terminal, text: str) -> Callable[[], bool]:
    return lambda: any(text in line for line in newest(terminal))


@pytest.fixture
def terminal(engine: Engine, cli: Cli) -> Iterator[Terminal]:
    with Terminal(cli, "top", "--interval-ms", "200", columns=80, rows=24) as opened:
        wait_until(sees(opened, "main"), what="the first look")
        yield opened


def test_it_takes_the_screen_and_gives_it_back(terminal: Terminal) -> None:
    assert terminal.raw().startswith(ENTER) and not terminal.is_as_a_shell_left_it()
    terminal.type("q")
    assert terminal.wait() == DONE
    assert terminal.raw().endswith(LEAVE) and terminal.is_as_a_shell_left_it()
    assert terminal.raw().count(ENTER) == 1 and terminal.raw().count(LEAVE) == 1


def test_it_looks_again_and_again(engine: Engine, terminal: Terminal) -> None:
    engine.trunk("other", cps=7)
    wait_until(sees(terminal, "other "), what="the new trunk")


def test_a_batch_that_is_paused_comes_among_those_that_are(engine: Engine, terminal: Terminal) -> None:
    paused = paused_one(engine)
    for _ in range(9):
        engine.control(engine.batch("acme", "main", 1), "acme", "cancel")
    wait_until(sees(terminal, paused.removeprefix("batch_")), what="its row")

    def is_told() -> bool:
        engine.tick("w_a")
        return any(paused.removeprefix("batch_") in line and "BATCH_PAUSED" in line for line in newest(terminal))

    wait_until(is_told, what="what holds it")


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50), (40, 10), (20, 2)])
def test_a_frame_is_no_larger_than_the_screen(engine: Engine, cli: Cli, columns: int, rows: int) -> None:
    for i in range(30):
        engine.trunk(f"trunk{i}")
        engine.batch("acme", "main", 1)
    with Terminal(cli, "top", columns=columns, rows=rows) as terminal:
        wait_until(lambda: len(frames(terminal)) > 0, what="a frame")
        frame = newest(terminal)
        assert len(frame) == rows and frame[-1].startswith("q quit")
        assert all(len(line) < columns for line in frame)


def test_another_size_is_drawn_at_once(engine: Engine, cli: Cli) -> None:
    batch = engine.batch("acme", "main", 1)
    with Terminal(cli, "top", "--interval-ms", "60000", columns=80, rows=24) as terminal:
        wait_until(sees(terminal, batch.removeprefix("batch_")), what="the first look")
        terminal.resize(150, 30)
        wait_until(sees(terminal, batch), what="the whole id")
        assert len(newest(terminal)) == 30


def test_a_pause_keeps_what_stands_there(engine: Engine, terminal: Terminal) -> None:
    terminal.type("p")
    wait_until(sees(terminal, "go on (paused)"), what="the pause")
    engine.trunk("other")
    terminal.type("4")
    wait_until(sees(terminal, "[4 name]"), what="keys are heard")
    before = len(frames(terminal))
    wait_until(lambda: len(frames(terminal)) > before + 3, what="several frames later")
    assert not sees(terminal, "other")()
    terminal.type("p")
    wait_until(sees(terminal, "other "), what="it goes on")


def test_keys_choose_the_order(engine: Engine, terminal: Terminal) -> None:
    engine.trunk("zz")
    engine.client.zadd(engine.key("waiting:k/zz"), {f"t{i}": engine.now_ms() + 60_000 for i in range(3)})

    def trunks() -> list[str]:
        return [line.split(" ")[0] for line in newest(terminal) if line.startswith(("main ", "zz "))]

    terminal.type("3")
    wait_until(lambda: sees(terminal, "[3 waiting]")() and trunks() == ["zz", "main"], what="by what waits")
    terminal.type("\x1b[C")
    wait_until(lambda: sees(terminal, "[4 name]")() and trunks() == ["main", "zz"], what="by name")
    terminal.type("\x1b[C\x1bOA")
    wait_until(sees(terminal, "[4 name]"), what="round and back")
    terminal.type("\x1b[D")
    wait_until(sees(terminal, "[3 waiting]"), what="to the left")
    terminal.type("\x1b[5~x\x00\xff")
    terminal.type("1")
    wait_until(sees(terminal, "[1 starts]"), what="what is no key harms nothing")


@pytest.mark.parametrize("signo", (signal.SIGINT, signal.SIGTERM))
def test_a_signal_ends_it_and_the_terminal_is_as_before(terminal: Terminal, signo: int) -> None:
    terminal.signal(signo)
    assert terminal.wait() == -signo
    assert terminal.raw().endswith(LEAVE) and terminal.is_as_a_shell_left_it()


def test_a_terminal_that_hangs_up_ends_it(terminal: Terminal) -> None:
    terminal.signal(signal.SIGHUP)
    assert terminal.wait() == DONE and terminal.raw().endswith(LEAVE) and terminal.is_as_a_shell_left_it()


def test_an_interrupt_is_typed(terminal: Terminal) -> None:
    terminal.type("\x03")
    assert terminal.wait() == -signal.SIGINT and terminal.raw().endswith(LEAVE)


def is_stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"


def test_while_it_is_suspended_the_terminal_is_the_shells(terminal: Terminal) -> None:
    terminal.signal(signal.SIGTSTP)
    wait_until(lambda: is_stopped(terminal.pid), what="it is stopped")
    assert terminal.is_as_a_shell_left_it()
    wait_until(lambda: terminal.raw().endswith(LEAVE), what="all it wrote is read")
    before = len(terminal.raw())
    os.kill(terminal.pid, signal.SIGCONT)
    wait_until(lambda: terminal.raw()[before:].startswith(ENTER) and "\x1b[J" in terminal.raw()[before:], what="it is drawn anew")
    assert not terminal.is_as_a_shell_left_it()


def test_a_redis_that_goes_away_is_told_and_waited_for() -> None:
    with RedisServer(appendonly=True) as server:
        engine = Engine(server.client())
        engine.open("run-1")
        engine.trunk("main")
        with Terminal(Cli(redis_url=server.url), "top", "--interval-ms", "200", columns=80, rows=24) as terminal:
            wait_until(sees(terminal, "main "), what="the first look")
            server.terminate()
            wait_until(sees(terminal, "Redis: "), what="the problem")
            assert sees(terminal, "main ")() and "q quit" not in newest(terminal)[-1]
            server.start()
            wait_until(sees(terminal, "q quit"), 30.0, what="it goes on")
            terminal.type("q")
            assert terminal.wait() == DONE
            assert terminal.raw().endswith(LEAVE)


def test_a_redis_that_says_nothing_does_not_keep_a_key_from_ending_it(redis_server: RedisServer) -> None:
    with RedisServer() as server:
        Engine(server.client()).trunk("main")
        with Terminal(Cli(redis_url=server.url), "top", "--interval-ms", "200", columns=80, rows=24) as terminal:
            wait_until(sees(terminal, "main "), what="the first look")
            server.stop_running()
            try:
                terminal.type("q")
                assert terminal.wait() == DONE and terminal.raw().endswith(LEAVE)
            finally:
                server.continue_running()


@pytest.mark.parametrize("args", (("--once",), ("--json",)))
def test_once_on_a_terminal_leaves_it_alone(engine: Engine, cli: Cli, args: tuple[str, ...]) -> None:
    with Terminal(cli, "top", *args, columns=100) as terminal:
        assert terminal.wait() == DONE
        assert "\x1b" not in terminal.raw() and "main" in terminal.raw()
        assert args != ("--json",) or json.loads(terminal.raw())["trunks"]


def test_a_terminal_that_can_do_nothing_gets_one_look(engine: Engine, cli: Cli) -> None:
    with Terminal(cli, "top", term="dumb") as terminal:
        assert terminal.wait() == DONE and "\x1b" not in terminal.raw()


def test_without_a_reader_it_ends(engine: Engine, cli: Cli) -> None:
    running = start(cli, "top", "--json")
    running.stdout.close()
    assert running.process.wait(30) == FAILED and running.stderr.read() == ""
