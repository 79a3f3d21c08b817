# SPDX-License-Identifier: Apache-2.0
"""A worker is stopped at each step of a dial (SIGSTOP, or its machine stands still), sleeps past its leases and deadlines
until another has taken the call on, and wakes: it dials nothing, and nothing that it brings changes anything.

It sleeps by decree: the clocks of its process and of Redis move on by more than any lease, and less than a call's hard
deadline (tests/support/redis_clock.py)."""

from __future__ import annotations

import dataclasses
import pathlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.fleet import Fleet
from tests.support.http_receiver import Answer, Received
from tests.support.platform import Platform, answer_json, refuse
from tests.support.processes import Process
from tests.support.redis_clock import RedisClock
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import RedisServer
from tests.support.redis_tls import free_port
from tests.support.redis_users import Users
from tests.support.scripts import sha
from tests.support.waiting import wait_until

SLEEP_US = 100_000_000  # a lease: 2 s; a create request: 30 s, its first check: 31 s; the hard deadline: 126 s
STATES = ("loading", "waiting", "beginning", "replicating", "begun", "sending", "telling", "releasing", "over")  # worker/dial.h
AT_ONCE = ("--repl-diskless-sync-delay", "0")  # a primary waits 5 s for further replicas otherwise


class Sleeper:
    """A fleet with one worker that can be put to sleep."""

    def __init__(self, fleet: Fleet, platform: Platform, directory: pathlib.Path) -> None:
        self.fleet, self.platform = fleet, platform
        self.clock = RedisClock(directory / "worker_clock")
        self.proxy = RedisProxy(fleet.redis)
        self.worker: Process | None = None
        self.batch = ""
        self.replica: RedisServer | None = None

    def begin(self, *args: str, breakpoint: str = "", hold: bytes = b"") -> Process:
        """Its worker, with one call to make. `hold`: Redis gets the command with these words, and the worker no answer."""
        self.worker = self.fleet.worker(
            *args, breakpoint=breakpoint, redis_url=self.proxy.url if hold else "", env=self.clock.environment()
        )
        if hold:
            self.proxy.hold_at(hold)
        self.batch = self.fleet.batch()
        if hold:
            assert self.proxy.was_held.wait(10)
        return self.worker

    def replicate(self) -> None:
        """Redis has a replica from here on."""
        primary = self.fleet.redis
        self.replica = RedisServer(args=(*AT_ONCE, "--replicaof", f"127.0.0.1 {primary.port}"), users=Users.for_tests())
        self.replica.start()
        wait_until(lambda: self.fleet.client.execute_command("WAIT", 1, 1000) == 1, 20.0, "the replica is in step")

    def close(self) -> None:
        if self.replica:
            self.replica.stop()
        self.proxy.__exit__(None, None, None)


@pytest.fixture
def sleeper(platform: Platform, tmp_path: pathlib.Path) -> Iterator[Sleeper]:
    with RedisServer(port=free_port(), args=AT_ONCE, users=Users.for_tests(), is_clock_decreed=True) as server:
        fleet = Fleet(server, tmp_path)
        fleet.trunk(platform.url, poll_after_ms=3_600_000)
        made = Sleeper(fleet, platform, tmp_path)
        try:
            yield made
            fleet.close()
        finally:
            made.close()
        assert server.denials() == []


# ---- where it is stopped ----


def at(breakpoint: str) -> Callable[[Sleeper], None]:
    def stop(sleeper: Sleeper) -> None:
        sleeper.begin(breakpoint=breakpoint).wait_stopped()

    return stop


def before_the_answer_to(words: Callable[[], bytes], phase: str) -> Callable[[Sleeper], None]:
    """Redis has done it, and the worker, stopped before it hears so, finds the answer when it wakes. `phase`: the call's."""

    def stop(sleeper: Sleeper) -> None:
        worker = sleeper.begin(hold=words())
        sleeper.fleet.wait_state(sleeper.batch, phase=phase)
        worker.stop_running()
        worker.wait_stopped()
        sleeper.proxy.let_go()

    return stop


def while_replicas_are_asked(sleeper: Sleeper) -> None:
    sleeper.replicate()
    sleeper.begin("--redis-wait-replicas", "1", breakpoint="dial.replicating:stop").wait_stopped()


def with_the_request_out(sleeper: Sleeper) -> None:
    """The platform has placed the call; its answer comes while the worker sleeps."""
    come, answer = threading.Event(), threading.Event()

    def take(request: Received) -> Answer:
        call = sleeper.platform.place(request)
        come.set()
        return answer_json(201, call, after=answer)

    sleeper.platform.on_create = take
    worker = sleeper.begin()
    assert come.wait(10)
    worker.stop_running()
    worker.wait_stopped()
    answer.set()


def refused(status: int, headers: dict[str, str], breakpoint: str) -> Callable[[Sleeper], None]:
    """The platform takes the first request not, and its answer is on the way to Redis."""

    def stop(sleeper: Sleeper) -> None:
        first = [refuse(status, headers)]
        sleeper.platform.on_create = lambda request: first.pop() if first else None
        sleeper.begin(breakpoint=breakpoint).wait_stopped()

    return stop


def giving_back_what_was_too_late(sleeper: Sleeper) -> None:
    """Its settings came when the slot was over."""
    worker = sleeper.begin(breakpoint="dial.releasing:stop", hold=b"HMGET")
    worker.stop_running()
    worker.wait_stopped()
    sleeper.clock.sleep(1_000_000)
    sleeper.proxy.let_go()
    worker.continue_running()
    worker.wait_stopped()


def while_it_drains(sleeper: Sleeper) -> None:
    worker = sleeper.begin(breakpoint="dial.waiting:stop")
    worker.wait_stopped()
    worker.signal(signal.SIGTERM)


@dataclasses.dataclass(frozen=True)
class Step:
    state: str  # the dial's, in worker/dial.h
    what: str
    stop: Callable[[Sleeper], None]
    takes_on: str  # how another worker comes to it: "lease" (it claims the call), "absent" (twice), "found" (it was placed)


STEPS = (
    Step("loading", "claimed, the batch's settings on their way", before_the_answer_to(lambda: b"HMGET", "claimed"), "lease"),
    Step("waiting", "claimed, waiting for its slot", at("dial.waiting:stop"), "lease"),
    Step("waiting", "claimed, told to drain", while_it_drains, "lease"),
    Step("beginning", "about to ask for the begin", at("dial.beginning:stop"), "lease"),
    Step("beginning", "begun, and not told so", before_the_answer_to(lambda: sha("call_begin"), "live"), "absent"),
    Step("replicating", "begun, and its replicas are about to be asked", while_replicas_are_asked, "absent"),
    Step("begun", "begun, waiting for its instant", at("dial.begun:stop"), "absent"),
    Step("sending", "about to make the request", at("dial.sending:stop"), "absent"),
    Step("sending", "connected, nothing sent", at("http.connected:stop"), "absent"),
    Step("sending", "the request is out", with_the_request_out, "found"),
    Step("telling", "taken by the platform", at("dial.telling:stop"), "found"),
    Step("telling", "throttled by the platform", refused(429, {"Retry-After": "60"}, "dial.telling:stop"), "absent"),
    Step("telling", "refused by the platform", refused(422, {}, "settle.decided:stop"), "absent"),
    Step("releasing", "giving back what was too late", giving_back_what_was_too_late, "lease"),
    Step("over", "all is told", at("dial.over:stop"), "found"),
)


def test_every_state_of_a_dial_is_slept_in() -> None:
    header = (pathlib.Path(__file__).resolve().parents[2] / "worker/dial.h").read_text(encoding="utf-8")
    assert all(f"    DIAL_{state.upper()}, /*" in header for state in STATES)
    assert f"#define DIAL_STATE_COUNT {len(STATES)}\n" in header
    assert {step.state for step in STEPS} == set(STATES)


# ---- what becomes of it ----


def taken_on(sleeper: Sleeper, step: Step, other: Process, asked: int) -> None:
    """The call is on the line, and another worker knows it. `asked`: requests that came before."""
    fleet, batch = sleeper.fleet, sleeper.batch
    if step.takes_on == "found" and step.state == "over":
        fleet.make_check_due(batch)  # it was accepted: its time is the trunk's poll_after_ms
    if step.takes_on == "found":
        wait_until(lambda: fleet.metric(other, "carillon_lookups_total") >= 1, what="the other has looked it up")
        fleet.wait_state(batch, phase="live", p="call_1")
        return
    if step.takes_on == "absent":
        wait_until(lambda: fleet.state(batch).get("z"), what="the platform knows no such call")
        wait_until(lambda: fleet.engine().now_ms() >= int(fleet.state(batch)["z"]) + 500, what="time for a second look")
        fleet.make_check_due(batch)
        fleet.worker()  # which looks around as it starts
    create = sleeper.platform.wait_creates(asked + 1, 20)[-1]
    fleet.wait_state(batch, phase="live", d=str(create.dial), p=create.call_id)


def truth(fleet: Fleet, batch: str) -> dict[str, Any]:
    """All that is told to a tenant, and that decides what follows."""
    trunk = fleet.engine().hash("trunk:main")
    return {
        "state": fleet.state(batch),
        "counters": fleet.counters(batch),
        "events": [(event["type"], event["call"]) for event in fleet.engine().events()],
        "trunk": {name: trunk.get(name) for name in ("state", "reason", "hold_until_ms")},
        "claimed": fleet.cells_hold("claimed"),
        "live": fleet.cells_hold("live"),
        "flying": fleet.cells_hold(f"flying:b/{batch}"),
    }


def has_let_go(worker: Process) -> bool:
    """By its log, every dial of its own is over."""
    last = {(line["batch"], line["ordinal"], line["dial"]): line["to"] for line in worker.log_events("dial.state")}
    return set(last.values()) <= {"over"}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.state}: {step.what}")
def test_a_worker_that_wakes_dials_nothing_and_changes_nothing(sleeper: Sleeper, platform: Platform, step: Step) -> None:
    fleet = sleeper.fleet
    step.stop(sleeper)
    asleep, batch = sleeper.worker, sleeper.batch
    assert asleep
    fleet.redis.clock.sleep(SLEEP_US)
    sleeper.clock.sleep(SLEEP_US)
    asked = platform.count_creates()
    other = fleet.worker()
    taken_on(sleeper, step, other, asked)
    dialed, before = platform.count_creates(), truth(fleet, batch)
    asleep.continue_running()
    if step.what == "claimed, told to drain":
        assert asleep.wait() == 0
    else:
        wait_until(lambda: has_let_go(asleep), what="it is done with what it held")
        asleep.is_ready()  # it answers: its loop has gone round
        asleep.terminate()  # in order: whatever it has to tell is told
    assert platform.count_creates() == dialed, "it dialed when it woke"
    assert truth(fleet, batch) == before
    platform.hang_up(f"call_{len(platform.calls)}", other.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert fleet.counters(batch)["attempts"] == 1
    assert len(platform.calls) == 1
    platform.assert_each_dial_was_sent_once()
