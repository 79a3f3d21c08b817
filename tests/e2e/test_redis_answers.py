# SPDX-License-Identifier: Apache-2.0
"""What a Redis can answer that means "not now", one that became a replica, and one that answers nothing at all: worker,
producer and notifier each wait or leave, and the campaign that was under way loses nothing and rings nobody twice."""

from __future__ import annotations

import contextlib
import threading
import urllib.error
from collections.abc import Callable, Iterator

import redis

from tests.support.dead_line import DeadLine
from tests.support.history import Rules, judge
from tests.support.ledger import read_ledger
from tests.support.named_primary import NamedPrimary
from tests.support.processes import Process
from tests.support.redis_sentinels import AT_ONCE
from tests.support.redis_server import RedisServer
from tests.support.redis_tls import free_port
from tests.support.redis_users import Users
from tests.support.stack import Stack, phone_numbers
from tests.support.waiting import wait_until

LIMIT = 20
HEARS_EVERY = 1024  # commands of its file: so often a Redis that reads it answers
RULES = Rules(limit=LIMIT, max_attempts=1, delays_ms={}, utilisation=None)
OPTIONS = {"maxCallsPerSecond": LIMIT, "summaryWait": 1, "ringTimeout": 5, "maxCallDuration": 60}


def placed(stack: Stack) -> int:
    return sum(event["ev"] == "create" for event in stack.carrier_events())


def submit(stack: Stack, numbers: list[str]) -> str:
    batch = stack.submit(numbers, **OPTIONS)
    wait_until(lambda: placed(stack) >= 5, 20.0, "calls are placed")
    return batch


def wait_for_more(stack: Stack) -> None:
    before = placed(stack)
    wait_until(lambda: placed(stack) > before, 30.0, "the campaign goes on")


def assert_kept(stack: Stack, batch: str, numbers: list[str], client: redis.Redis) -> None:
    stack.wait_for_batch(batch, 120.0)
    wait_until(lambda: len(stack.delivered("call.completed", batch)) >= len(numbers), 30.0, "every call is told")
    report = judge(numbers, stack.carrier_events(), list(stack.deliveries), RULES, read_ledger(client, batch))
    assert report.keeps_promises(), (report.line("answers", "ok"), report.examples)
    is_clean, printed = stack.audit()
    assert is_clean, printed


def is_told_to_come_again(stack: Stack) -> bool:
    try:
        stack.submit(phone_numbers(1, start=15550900000))
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            assert error.code == 503 and error.headers["Retry-After"], (error.code, error.read())
            return True
    return False


# ---- not now ----


@contextlib.contextmanager
def without_its_primary(server: RedisServer) -> Iterator[None]:
    """MASTERDOWN: a replica that lost its primary and may not answer with what it has. One that takes writes, for what takes
    none says READONLY first."""
    client = server.client()
    client.config_set("replica-serve-stale-data", "no")
    client.config_set("replica-read-only", "no")
    client.replicaof("127.0.0.1", "1")
    yield
    client.replicaof("NO", "ONE")


@contextlib.contextmanager
def without_replicas(server: RedisServer) -> Iterator[None]:
    """NOREPLICAS."""
    server.client().config_set("min-replicas-to-write", 1)
    yield
    server.client().config_set("min-replicas-to-write", 0)


@contextlib.contextmanager
def with_a_full_disk(server: RedisServer) -> Iterator[None]:
    """MISCONF."""
    server.fill_disk()
    yield
    server.free_disk()


@contextlib.contextmanager
def with_a_script_without_end(server: RedisServer) -> Iterator[None]:
    """BUSY."""
    client = server.client()
    client.config_set("busy-reply-threshold", 50)

    def run() -> None:
        with contextlib.suppress(redis.ResponseError):  # it was killed
            server.client(socket_timeout=60.0).eval("while true do end", 0)

    script = threading.Thread(target=run)
    script.start()
    yield
    client.script_kill()
    script.join()


NOT_NOW: dict[str, Callable[[RedisServer], contextlib.AbstractContextManager[None]]] = {
    "MASTERDOWN": without_its_primary,
    "NOREPLICAS": without_replicas,
    "MISCONF": with_a_full_disk,
    "BUSY": with_a_script_without_end,
}


def was_refused(process: Process, word: str) -> bool:
    """By its own log: what Redis said to a script of its."""
    return any(line.get("detail", "").startswith(word) for line in process.log_events("hooks.script_failed"))


def test_whatever_means_not_now_is_waited_for_by_every_process() -> None:
    with Stack(workers=1, outcomes="completed=100", talk_ms=300) as stack:
        numbers = phone_numbers(120)
        batch = submit(stack, numbers)
        for word, fault in NOT_NOW.items():
            refused = len(stack.workers[0].log_events("claim.failed"))
            with fault(stack.redis):
                wait_until(lambda: is_told_to_come_again(stack), 20.0, f"{word}: the producer says come again")
                wait_until(lambda: len(stack.workers[0].log_events("claim.failed")) > refused, 20.0, f"{word}: the worker")
                wait_until(lambda: was_refused(stack.notifier, word), 20.0, f"{word}: the notifier is refused")
            wait_for_more(stack)
        assert stack.redis.client().hget("carillon:{c0}:cell", "epoch") == b"1", "it was taken for another Redis"
        assert_kept(stack, batch, numbers, stack.redis.client())


def met_loading(process: Process) -> bool:
    return "loading" in {line["reason"] for line in process.log_events("redis.down")}


def test_a_redis_that_reads_its_data_for_long_is_waited_for_by_every_process() -> None:
    """LOADING: it listens, and says only that."""
    slow = ("--key-load-delay", "200")  # microseconds a command
    with Stack(
        redis=RedisServer(appendonly=True, users=Users.for_tests(), args=slow), workers=1, outcomes="completed=100", talk_ms=300
    ) as stack:
        numbers = phone_numbers(60)
        batch = submit(stack, numbers)
        with stack.redis.client().pipeline(transaction=False) as filler:
            for n in range(40 * HEARS_EVERY):
                filler.set("filler", n)
            filler.execute()
        stack.redis.kill_written()
        starting = threading.Thread(target=stack.redis.start)
        starting.start()
        processes = (stack.workers[0], stack.producer, stack.notifier)
        for process in processes:
            wait_until(lambda: met_loading(process), 20.0, f"{process.label} was told that it is loading")
        stack.redis.client().config_set("key-load-delay", 0)
        starting.join()
        for process in processes:
            wait_until(lambda: len(process.log_events("redis.ready")) == 2, 20.0, f"{process.label} is back")
        stack.redis.client().hset("carillon:{c0}:cell", "closed_until", 1)  # over by decree
        assert_kept(stack, batch, numbers, stack.redis.client())


# ---- a replica ----


class NamedPair(RedisServer):
    """A primary with a replica, found by a Sentinel that says what the test wants."""

    def __init__(self) -> None:
        port = free_port()
        self.named = NamedPrimary(port)
        super().__init__(appendonly=True, users=Users.for_tests(), port=port, args=AT_ONCE)
        follows = ("--replicaof", f"127.0.0.1 {port}")
        self.other = RedisServer(appendonly=True, users=self.users, port=free_port(), args=(*AT_ONCE, *follows))

    def access(self, user: str) -> dict[str, str]:
        return {**super().access(user), "redis_url": self.named.url}

    def start(self) -> NamedPair:
        super().start()
        self.other.start()
        return self

    def stop(self) -> None:
        super().stop()
        self.other.stop()
        self.named.close()

    def change_places(self) -> None:
        """The replica, which has everything, is the primary now, and this one follows it. Nobody is told."""
        client = self.client()
        client.execute_command("CLIENT", "PAUSE", 2000, "WRITE")
        wait_until(lambda: client.execute_command("WAIT", 1, 500) == 1, 20.0, "the replica has everything")
        self.other.client().replicaof("NO", "ONE")
        client.replicaof("127.0.0.1", str(self.other.port))
        client.execute_command("CLIENT", "UNPAUSE")


def first_reason(process: Process) -> str:
    lines = process.log_events("redis.down")
    return str(lines[0]["detail"]) if lines else ""


def test_a_primary_that_became_a_replica_is_left_by_every_process_at_its_first_refusal() -> None:
    pair = NamedPair()
    with Stack(redis=pair, workers=1, outcomes="completed=100", talk_ms=300) as stack:
        numbers = phone_numbers(60)
        batch = submit(stack, numbers)
        pair.change_places()
        wait_until(lambda: is_told_to_come_again(stack), 20.0, "the producer says come again")
        processes = (stack.workers[0], stack.producer, stack.notifier)
        for process in processes:
            wait_until(lambda: first_reason(process).startswith("READONLY"), 20.0, f"{process.label} has left it")
        asked = pair.named.times_asked
        wait_until(lambda: pair.named.times_asked >= asked + 2 * len(processes), 20.0, "they ask who is the primary")
        pair.named.port_of_primary = pair.other.port
        run_id = pair.other.client().info("server")["run_id"]
        for process in processes:
            wait_until(lambda: process.log_events("redis.ready")[-1]["run_id"] == run_id, 20.0, f"{process.label} has found it")
        wait_until(lambda: stack.workers[0].log_events("cell.closed"), 20.0, "the cell is closed")
        pair.other.client().hset("carillon:{c0}:cell", "closed_until", 1)  # over by decree
        assert_kept(stack, batch, numbers, pair.other.client())


# ---- nothing at all ----


class Lined(RedisServer):
    """One that is reached by a line."""

    def __init__(self) -> None:
        super().__init__(appendonly=True, users=Users.for_tests())
        self.line = DeadLine(str(self.socket))

    def access(self, user: str) -> dict[str, str]:
        return {**super().access(user), "redis_url": self.line.url}

    def stop(self) -> None:
        self.line.close()
        super().stop()


def test_a_line_that_swallows_everything_is_given_up_by_every_process() -> None:
    """Neither side is told that the other is gone: the deadlines of the commands under way say so."""
    lined = Lined()
    with Stack(redis=lined, workers=1, outcomes="completed=100", talk_ms=300) as stack:
        numbers = phone_numbers(60)
        batch = submit(stack, numbers)
        lined.line.cut()
        assert is_told_to_come_again(stack)
        for process in (stack.workers[0], stack.producer, stack.notifier):
            wait_until(lambda: first_reason(process), 30.0, f"{process.label} gives it up")
            assert first_reason(process) == "a command got no reply within its deadline", process.label
        dialed = placed(stack)
        lined.line.mend()
        wait_for_more(stack)
        assert dialed < len(numbers), "there was nobody left to be called"
        assert_kept(stack, batch, numbers, lined.client())
        assert lined.client().hget("carillon:{c0}:cell", "epoch") == b"1", "it was taken for another Redis"
