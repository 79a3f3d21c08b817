# SPDX-License-Identifier: Apache-2.0
"""A cell that is drained while a campaign runs: all that is on its way comes to its end and is told, what is queued stays,
batches are taken in, and everything goes on when it is started again."""

from __future__ import annotations

import json
import time

from tests.support.history import Rules, judge
from tests.support.ledger import read_ledger
from tests.support.redis_server import RedisServer
from tests.support.redis_tls import free_port
from tests.support.redis_users import Users
from tests.support.stack import Stack, brief_calls, phone_numbers
from tests.support.waiting import wait_until

# The platform judges a delay by when requests come, and on a busy machine one comes late: they are asked for longer.
RULES = Rules(limit=30, max_attempts=3, delays_ms={"": 1000})
OPTIONS = brief_calls(30)


def test_a_drain_leaves_only_what_is_queued_and_a_start_goes_on_with_it() -> None:
    with Stack(workers=2, talk_ms=500, faults=("callback_never=0.1",), poll_after_ms=500) as stack:
        numbers = [phone_numbers(120), phone_numbers(20, 15550200000)]
        batches = [stack.submit(numbers[0], **OPTIONS)]
        wait_until(lambda: len(stack.delivered("call.completed")) >= 20, 30.0, "the campaign is under way")
        told = [json.loads(line) for line in stack.command("drain", "c0", "--wait", "--json").splitlines()]
        assert told[-1]["isDrained"] and not told[0]["isDrained"]
        drained, client = len(stack.carrier_events()), stack.redis.client()
        assert client.exists(*(f"carillon:{{c0}}:{name}" for name in ("claimed", "live", "ended"))) == 0
        # The state is told: nothing of it is lost on the way to a receiver, and no call is on the line.
        status = stack.status(batches[0])
        assert 0 < status["statistics"]["processed"] == len(stack.delivered("call.completed")) < 120
        assert stack.command("drain", "c0").splitlines()[-1].startswith("cell c0 is drained")
        # Producers go on: what comes in is queued, and why says what it waits for.
        batches.append(stack.submit(numbers[1], **OPTIONS))
        assert "CELL_STOPPED" in stack.command("why", batches[1], "--json")
        assert len(stack.carrier_events()) == drained, "a drained cell dials"
        stack.command("start", "cell", "c0")
        for batch, called in zip(batches, numbers):
            stack.wait_for_batch(batch)
            wait_until(lambda: len(stack.delivered("call.completed", batch)) >= len(called), 30.0, "every call is told")
            report = judge(called, stack.carrier_events(), list(stack.deliveries), RULES, read_ledger(client, batch))
            assert report.keeps_promises(), (report.line("drain", "?"), report.examples)
        is_clean, printed = stack.audit()
        assert is_clean, printed
        shown = json.loads(stack.command("cell", "show", "c0", "--json"))
        assert sorted(process["process"] for process in shown["processes"]) == [
            "carillon-notifier", "carillon-producer", "carillon-worker", "carillon-worker"]  # fmt: skip


def test_a_drained_cell_moves_to_another_redis_and_goes_on_there() -> None:
    """docs/operations.md, "Moving to another Redis"."""
    users = Users.for_tests()
    with Stack(workers=1, redis=RedisServer(appendonly=True, users=users, port=free_port())) as stack:
        numbers = phone_numbers(40)
        batch = stack.submit(numbers, **OPTIONS)
        wait_until(lambda: len(stack.delivered("call.completed")) >= 8, 30.0, "the campaign is under way")
        stack.command("drain", "c0", "--wait")
        old, processes = stack.redis, (*stack.producers, *stack.workers, *stack.notifiers)
        new = RedisServer(appendonly=True, users=users, port=free_port(), args=("--replicaof", f"127.0.0.1 {old.port}"))
        new.start()
        for process in processes:
            process.keep_address()
            process.terminate()
        written = old.client().info("replication")["master_repl_offset"]

        def has_it_all() -> bool:
            seen = new.client().info("replication")
            return seen["master_link_status"] == "up" and seen["slave_repl_offset"] >= written

        wait_until(has_it_all, 30.0, "the other Redis has it all")
        new.client().replicaof("NO", "ONE")
        old.stop()
        stack.redis = new
        for process in processes:
            process.args = [new.url if arg == old.url else arg for arg in process.args]
            process.start()
        client = new.client()
        wait_until(lambda: client.hget("carillon:{c0}:cell", "closed_by") == b"run_id", 10.0, "the cell notices another Redis")
        client.hset("carillon:{c0}:cell", "closed_until", int(time.time() * 1000))  # what waiting would bring
        is_clean, printed = stack.audit()
        assert is_clean, printed
        assert client.hexists("carillon:{c0}:cell", "stopped_ms"), "it is started by hand"
        stack.command("start", "cell", "c0")
        stack.wait_for_batch(batch)
        wait_until(lambda: len(stack.delivered("call.completed", batch)) >= len(numbers), 30.0, "every call is told")
        report = judge(numbers, stack.carrier_events(), list(stack.deliveries), RULES, read_ledger(client, batch))
        assert report.keeps_promises(), (report.line("move", "?"), report.examples)
