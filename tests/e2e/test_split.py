# SPDX-License-Identifier: Apache-2.0
"""A network in two halves: on one side the primary and two workers, on the other its replicas, the Sentinels, a worker,
producer and notifier. The platform is in everybody's reach, so both sides could ring the same people. Where the primary
stops without replicas, or workers let a replica have each begin, nobody is rung twice; where neither is set, people are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import redis

from tests.support.history import Report, Rules, judge
from tests.support.ledger import read_ledger
from tests.support.processes import Process
from tests.support.redis_split import SplitSet
from tests.support.stack import Stack, phone_numbers
from tests.support.waiting import wait_until

LIMIT = 20
NUMBERS = phone_numbers(110)
RULES = Rules(limit=LIMIT, max_attempts=1, delays_ms={}, utilisation=None)
STOPS_ALONE = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", "2")
WAITS = ("--redis-wait-replicas", "1", "--redis-wait-ms", "200")


TAIL_S = 4.2  # of the rate are asked about: TAIL_MS and CLAIM_AHEAD_MS of common/lua/lib/epoch.lua
ASKED_FOR = 3  # LIMIT_DOUBT_DIALS: the dial numbers of each
ISOLATED = ("worker 2", "worker 3")


def dial_of(placed: dict[str, Any]) -> int:
    return int(placed["token"].split(".")[2])


class SplitStack(Stack):
    """Its second and third worker are on the primary's side."""

    def redis_flags(self, user: str, label: str) -> list[str]:
        if label in ISOLATED:
            return self.redis.flags(user, redis_url=self.redis.old_side.url)  # type: ignore[attr-defined,call-arg]
        return super().redis_flags(user, label)


class Split:
    """A campaign under way over both sides."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.redis: SplitSet = stack.redis  # type: ignore[assignment]
        self.isolated = [worker for worker in stack.workers if worker.label in ISOLATED]
        options = {"maxCallsPerSecond": LIMIT, "summaryWait": 1, "ringTimeout": 5, "maxCallDuration": 60}
        self.batch = stack.submit(NUMBERS, **options)
        wait_until(lambda: len(self.placed()) >= 10, 20.0, "calls are placed")

    def placed(self) -> list[str]:
        return [event["to"] for event in self.stack.carrier_events() if event["ev"] == "placed"]

    def cut(self) -> int:
        """How many calls were placed before."""
        self.redis.wait_for_replication()
        self.redis.cut()
        return len(self.placed())

    def wait_for_new_side(self) -> None:
        """The replica is promoted, and closed: its worker knows."""
        self.redis.wait_for_promotion()
        wait_until(lambda: self.stack.workers[0].log_events("cell.closed"), 20.0, "the new side's worker is there")

    def open(self) -> None:
        """The closing is over, by decree."""
        self.redis.client().hset("carillon:{c0}:cell", "closed_until", 1)

    def excepted(self, before: int, after: int) -> set[str]:
        """Whom docs/failure-model.md excepts, of those who were placed by the old side between the cut and its end: on a busy
        machine that may be longer than is asked about, and calls miss so many slots that their dial number is too high."""
        tail = [event for event in self.stack.carrier_events() if event["ev"] == "placed"][before:after]
        return {event["to"] for n, event in enumerate(tail) if n > LIMIT * TAIL_S or dial_of(event) > ASKED_FOR}

    def judge(self, excepted: set[str]) -> Report:
        ledger = read_ledger(self.redis.client(), self.batch)
        return judge([number for number in NUMBERS if number not in excepted], self.stack.carrier_events(), list(self.stack.deliveries), RULES, ledger)

    def assert_kept(self, excepted: set[str] | None = None) -> None:
        """The campaign ends, with both sides together again, and kept its promises."""
        self.redis.mend()
        wait_until(lambda: all(self.is_back(worker) for worker in self.isolated), 30.0, "the isolated ones are back")
        self.stack.wait_for_batch(self.batch, 120.0)
        wait_until(lambda: len(self.stack.delivered("call.completed", self.batch)) >= len(NUMBERS), 30.0, "all is told")
        report = self.judge(excepted or set())
        assert report.keeps_promises(), (report.line("split", "ok"), report.examples)
        is_clean, printed = self.stack.audit()
        assert is_clean, printed

    def is_back(self, worker: Process) -> bool:
        run_id = self.redis.client().info("server")["run_id"]
        return worker.log_events("redis.ready")[-1]["run_id"] == run_id


@contextlib.contextmanager
def split(redis_args: tuple[str, ...], worker_args: tuple[str, ...]) -> Iterator[Split]:
    redis_set: Any = SplitSet(*redis_args)
    with SplitStack(redis=redis_set, workers=3, outcomes="completed=100", talk_ms=300, worker_options=worker_args) as stack:
        yield Split(stack)


def test_with_neither_people_are_rung_by_both_sides() -> None:
    """What the two below prevent, and how much of it: what the old side places from the cut on."""
    with split((), ()) as running:
        before = running.cut()
        running.wait_for_new_side()
        running.open()
        wait_until(lambda: len(running.placed()) > len(set(running.placed())), 30.0, "somebody is rung twice")
        twice = len(running.placed()) - len(set(running.placed()))
        assert twice <= len(running.placed()) - before


def refuses_writes(client: redis.Redis) -> bool:
    try:
        client.set("carillon:{c0}:cell:probe", "1", px=1)
    except redis.ResponseError as error:
        assert str(error).startswith("NOREPLICAS"), error
        return True
    return False


def test_a_primary_that_stops_without_replicas_rings_nobody_a_second_time() -> None:
    with split(STOPS_ALONE, ()) as running:
        before = running.cut()
        wait_until(lambda: refuses_writes(running.redis.isolated.client()), 20.0, "the old primary takes no more writes")
        running.wait_for_new_side()
        excepted = running.excepted(before, len(running.placed()))
        running.open()
        running.assert_kept(excepted)


def test_workers_that_let_a_replica_have_each_begin_ring_nobody_a_second_time() -> None:
    with split((), WAITS) as running:
        running.cut()
        running.wait_for_new_side()
        running.open()
        wait_until(lambda: all(worker.log_events("replicas.short") for worker in running.isolated), 20.0, "both know")
        running.assert_kept()
