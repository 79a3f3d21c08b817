# SPDX-License-Identifier: Apache-2.0
"""A backup of Redis that is taken while a campaign runs, and put back after everything else was lost: docs/deploy.md, "Backup
and restore", step by step. What was dialed since the backup is found at the platform instead of being dialed again."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess

import pytest

from tests.support.history import Report, Rules, judge
from tests.support.ledger import read_ledger
from tests.support.processes import ROOT
from tests.support.redis_server import RedisServer
from tests.support.stack import Stack, brief_calls, phone_numbers
from tests.support.waiting import wait_until

LIMIT = 12
LOST = 130  # calls placed since the backup: more than a lost tail of any other kind would explain
RULES = Rules(limit=LIMIT, max_attempts=3, delays_ms={"": 1000}, utilisation=None)
OPTIONS = brief_calls(LIMIT)
# What a receiver was told since the backup it is told again, with what has become known meanwhile.
AGAIN = frozenset({"altered"})


def placed(stack: Stack) -> int:
    return sum(event["ev"] == "create" for event in stack.carrier_events())


def back_up(stack: Stack, to: pathlib.Path) -> None:
    subprocess.run(["redis-cli", "-s", str(stack.redis.socket), "--rdb", str(to)], check=True, capture_output=True)


def lose_everything_but(stack: Stack, backup: pathlib.Path) -> None:
    """The machine of Redis is gone, and no process lives on that remembers anything; then Redis is back as it was backed up."""
    stack.redis.kill()
    for process in stack.everyone:
        process.keep_address()
        process.kill()
    shutil.rmtree(stack.redis.directory / "appendonlydir")
    subprocess.run([str(ROOT / "deploy/restore-redis.sh"), str(backup), str(stack.redis.directory)], check=True)
    stack.redis.start()


def start_again(stack: Stack) -> None:
    for process in (*stack.producers, *stack.notifiers, *stack.workers):
        process.start()


def run_to_the_end(stack: Stack, batch: str, numbers: list[str]) -> Report:
    stack.wait_for_batch(batch, 180.0)
    wait_until(lambda: len(stack.delivered("call.completed", batch)) >= len(numbers), 60.0, "every call is told")
    ledger = read_ledger(stack.redis.client(), batch)
    return judge(numbers, stack.carrier_events(), list(stack.deliveries), RULES, ledger)


def backed_up_and_lost(stack: Stack, numbers: list[str], backup: pathlib.Path) -> str:
    batch = stack.submit(numbers, **OPTIONS)
    wait_until(lambda: placed(stack) >= 30, 90.0, "the campaign is under way")
    back_up(stack, backup)
    before = placed(stack)
    wait_until(lambda: placed(stack) >= before + LOST, 120.0, "it goes on after the backup")
    lose_everything_but(stack, backup)
    return batch


def test_a_backup_that_is_put_back_loses_no_call_and_rings_nobody_twice(tmp_path: pathlib.Path) -> None:
    with Stack(workers=2) as stack:
        numbers = phone_numbers(240)
        batch = backed_up_and_lost(stack, numbers, tmp_path / "backup.rdb")
        told = json.loads(stack.command("cell", "restored", "c0", "--json"))
        assert told["cell"] == "c0" and told["lostFrom"] < told["lostUntil"]
        start_again(stack)
        assert "CELL_STOPPED" in stack.command("why", batch, "--json")
        is_clean, printed = stack.audit()
        assert is_clean, printed
        at_rest = placed(stack)
        stack.command("start", "cell", "c0")
        report = run_to_the_end(stack, batch, numbers)
        assert placed(stack) > at_rest
        assert report.keeps_promises(AGAIN), (report.line("backup", "?"), report.examples)
        found = sum(len(worker.log_events("doubt.found")) for worker in stack.workers)
        assert found >= LOST / 2, "what was lost was not asked about"
        is_clean, printed = stack.audit()
        assert is_clean, printed


def test_a_backup_of_which_nobody_says_so_rings_people_twice(tmp_path: pathlib.Path) -> None:
    """What `carillon cell restored` is for: without it the tail is taken to be a few seconds long."""
    with Stack(workers=2) as stack:
        numbers = phone_numbers(240)
        batch = backed_up_and_lost(stack, numbers, tmp_path / "backup.rdb")
        start_again(stack)
        report = run_to_the_end(stack, batch, numbers)
        assert not report.keeps_promises(AGAIN) and report.called_again > 0, report.line("backup", "?")


def test_a_backup_that_came_through_a_pipe_is_put_back_as_well(tmp_path: pathlib.Path) -> None:
    """As from a container: redis-cli leaves the end of the transfer behind it there, which no Redis reads."""
    with RedisServer(appendonly=True) as server:
        server.client().set("it", "is here")
        piped = subprocess.run(
            ["redis-cli", "-s", str(server.socket), "--rdb", "-"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ).stdout
        backup = tmp_path / "backup.rdb"
        backup.write_bytes(piped)
        server.kill()
        shutil.rmtree(server.directory / "appendonlydir")
        restore = [str(ROOT / "deploy/restore-redis.sh"), str(backup), str(server.directory)]
        subprocess.run(restore, check=True)
        folder = server.directory / "appendonlydir"
        assert folder.stat().st_mode & 0o077 == 0 and all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
        server.start()
        assert server.client().get("it") == b"is here"


@pytest.mark.parametrize("fault", ["no backup", "data that is there", "half a backup"])
def test_a_restore_that_would_go_wrong_is_refused(fault: str, tmp_path: pathlib.Path) -> None:
    backup = tmp_path / "backup.rdb"
    whole = b"REDIS0010\xff12345678"
    backup.write_bytes({"no backup": b"not one\xff12345678", "half a backup": whole[:-5]}.get(fault, whole))
    if fault == "data that is there":
        (tmp_path / "appendonlydir").mkdir()
    ended = subprocess.run([str(ROOT / "deploy/restore-redis.sh"), str(backup), str(tmp_path)], capture_output=True, check=False)
    assert ended.returncode == 1 and ended.stderr
    assert not list(tmp_path.glob("appendonlydir/*"))
