# SPDX-License-Identifier: Apache-2.0
"""What each guard is for: a fault that needs it, once with the workers as they are, which keep every promise, and once with
workers from which that guard was taken out (tests/support/mutants.py), which break one: that one.

The platform is under the test's hand, so nothing here depends on who is faster: a call is on the line until the test hangs
up.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.engine import Engine
from tests.support.history import Report, Rules, judge
from tests.support.http_receiver import Answer, Received
from tests.support.ledger import read_ledger
from tests.support.platform import LIST, answer_json
from tests.support.mutants import MUTANTS, scripts
from tests.support.processes import Process, program_with_breakpoints
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.stack import CARRIER_KEY, Stack, phone_numbers
from tests.support.waiting import wait_until
from tests.support.witness_platform import WitnessPlatform

# What one call too many breaks, when it goes out while another is on the line.
OF_A_CALL_TOO_MANY = {"overlapping", "called_again", "dialed_again", "too_soon", "untrue"}
DELAY_MS = 1000
RETRIES = {"maxAttempts": 3, "noAnswerDelay": DELAY_MS, "busyDelay": DELAY_MS}
DEADLINE_S = 30.0


def worker_without(guard: str) -> str:
    """The path of the worker without that guard; "" is the one that has them all. With breakpoints, both."""
    sound = program_with_breakpoints("carillon-worker")
    path = sound.parents[1] / "tests" / f"carillon-worker-without-{guard}" if guard else sound
    assert path.exists(), f"{path} is not built: run make mutants"
    return str(path)


class GuardedStack(Stack):
    """One whose workers are of one build, on a platform under the test's hand; the stand-in carrier has nothing to do."""

    def __init__(self, platform: WitnessPlatform) -> None:
        self.worker_path = ""  # of those to come
        self.line: RedisProxy | None = None  # theirs to Redis, where it is to be cut
        self._platform = platform
        durable = RedisServer(appendonly=True, args=("--appendfsync", "always"), users=Users.for_tests())
        super().__init__(workers=0, redis=durable, poll_after_ms=1000, log_level="debug")

    def _process(self, name: str, *args: str, path: str = "", env: dict[str, str] | None = None, label: str = "") -> Process:
        if name == "carillon-worker":
            path, label = self.worker_path, f"worker {len(self.workers) + 1}"
        return super()._process(name, *args, path=path, env=env, label=label)

    def redis_flags(self, user: str, label: str) -> list[str]:
        is_cut = self.line is not None and user == "carillon-worker"
        return self.redis.flags(user, redis_url=self.line.url) if is_cut else super().redis_flags(user, label)

    @property
    def carrier_url(self) -> str:
        return self._platform.url

    @property
    def callbacks_url(self) -> str:
        return self._platform.url


class Scene:
    """One contact, and as many workers as the run starts: of one build, unless it says otherwise."""

    def __init__(self, stack: GuardedStack, platform: WitnessPlatform, guard: str) -> None:
        self.stack = stack
        self.guard = guard
        self.platform = platform
        self.engine = Engine(stack.redis.client(), "c0")
        self.numbers = phone_numbers(1)
        self.batch = ""

    def submit(self) -> None:
        self.batch = self.stack.submit(self.numbers, retryStrategy=RETRIES, summaryWait=0, ringTimeout=5, maxCallDuration=60)

    def worker(self, breakpoint: str = "", without: str | None = None) -> Process:
        self.stack.worker_path = worker_without(self.guard if without is None else without)
        worker = self.stack.doomed_worker(breakpoint)
        self.stack.workers.append(worker)
        return worker.start()

    def state(self) -> dict[str, str]:
        return self.engine.state(self.batch, 0)

    def is_live(self, call_id: str = "") -> bool:
        """Redis has it on the line, and accepted as `call_id`."""
        state = self.state()
        return (state["phase"], state.get("p", "")) == ("live", call_id)

    def placed(self, count: int) -> bool:
        return len(self.platform.calls) >= count

    def let_leases_pass(self) -> None:
        key = self.engine.key("claimed")
        for member in self.engine.client.zrange(key, 0, -1):
            self.engine.client.zadd(key, {member: self.engine.now_ms()}, xx=True)

    def ticks(self, worker: Process, times: int = 2) -> None:
        """That worker has asked Redis for what time brings about, as often as that from now on."""
        name = worker.log_events("worker.started")[-1]["worker"]
        for _ in range(times):
            since = self.engine.now_ms()
            wait_until(lambda: (self.engine.client.zscore(self.engine.key("workers"), name) or 0) > since, DEADLINE_S)

    def judge(self, worker: Process, reasons: Iterator[str] = itertools.repeat("user_hangup")) -> Report:
        """Whoever is on the line hangs up, until the batch has ended and nobody is."""

        def has_ended() -> bool:
            for call_id in self.platform.on_the_line():
                self.platform.hang_up(call_id, worker.url, next(reasons))
            return self.stack.status(self.batch)["status"] == "completed" and not self.platform.on_the_line()

        wait_until(has_ended, DEADLINE_S, "the batch has ended", poll_s=0.05)
        ledger = read_ledger(self.engine.client, self.batch)
        wait_until(lambda: self.stack.delivered("batch.completed", self.batch), DEADLINE_S, "its end is told")
        ends = len(self.numbers)
        wait_until(lambda: len(self.stack.delivered("call.completed", self.batch)) >= ends, DEADLINE_S, "each end is told")
        rules = Rules(limit=30, max_attempts=3, delays_ms={"": DELAY_MS}, utilisation=None)
        return judge(self.numbers, self.platform.events(), list(self.stack.deliveries), rules, ledger)


@contextlib.contextmanager
def scene(guard: str) -> Iterator[Scene]:
    with WitnessPlatform(CARRIER_KEY) as platform, GuardedStack(platform) as stack:
        yield Scene(stack, platform, guard)


# ---- the runs: each gives a worker that may be told of hang-ups ----

Play = Callable[[Scene], Process]


def a_worker_hangs_past_its_lease_and_wakes(run: Scene) -> Process:
    """It wakes on the way to begin a call that another has on the line by now."""
    run.submit()
    sleeper = run.worker("dial.beginning:stop")
    sleeper.wait_stopped(DEADLINE_S)
    other = run.worker()
    run.platform.wait_creates(1, DEADLINE_S)
    wait_until(lambda: run.state().get("p"), DEADLINE_S, "the other's call is accepted")
    sleeper.continue_running()
    wait_until(lambda: sleeper.log_events("dial.not_begun") or run.placed(2), DEADLINE_S, "what it woke with is over")
    return other


def an_old_callback_comes_again(run: Scene) -> Process:
    """The platform repeats what it told of the first call while the second is on the line."""
    run.submit()
    worker = run.worker()
    first = run.platform.wait_creates(1, DEADLINE_S)[0]
    wait_until(lambda: run.state().get("p"), DEADLINE_S, "the first is accepted")
    run.platform.hang_up(first.call_id, worker.url, "dial_busy")
    run.platform.wait_creates(2, DEADLINE_S)
    wait_until(lambda: run.is_live("call_2"), DEADLINE_S, "the second is accepted")
    assert run.platform.callback("call_analyzed", first.call_id, worker.url)[0] == 200
    wait_until(lambda: run.is_live("call_2") or run.placed(3), DEADLINE_S, "what it said is done")
    return worker


def a_worker_dies_with_the_answer_in_its_hand(run: Scene) -> Process:
    """Whatever leases there are pass at once then."""
    run.submit()
    doomed = run.worker("dial.telling:kill")
    doomed.wait()
    other = run.worker()
    run.let_leases_pass()
    run.ticks(other)
    wait_until(lambda: run.is_live() or run.placed(2), DEADLINE_S, "whoever takes it up has done so")
    return other


def the_answer_to_a_create_is_lost(run: Scene) -> Process:
    """The call was placed: the platform knows it."""
    run.platform.on_create = lambda request: run.platform.place_and_reset(request) if not run.platform.calls else None
    run.submit()
    worker = run.worker()
    wait_until(lambda: run.state().get("p") or run.placed(2), DEADLINE_S, "it was looked up")
    return worker


def a_platform_lists_a_call_late(run: Scene) -> Process:
    """It resets the connection, and has placed the call when it is asked for the second time."""
    late: list[Received] = []

    def on_create(request: Received) -> Answer | None:
        if late:
            return None
        late.append(request)
        return Answer(reset=True)

    def on_ask(request: Received) -> Answer | None:
        if request.path != LIST or run.platform.calls:
            return None
        run.platform.place(late[0])
        return answer_json(200, {"items": [], "has_more": False})

    run.platform.on_create, run.platform.on_ask = on_create, on_ask
    run.submit()
    worker = run.worker()
    wait_until(lambda: run.state().get("p") == "call_1" or run.placed(2), DEADLINE_S, "it was looked up")
    return worker


def redis_forgets_a_dial_whose_call_is_still_to_be_placed(run: Scene) -> Process:
    """The platform takes its time with the request, and the worker stands still: it comes back seconds after Redis, and tells
    of the dial. Until then nobody else may call."""
    is_placed, first = threading.Event(), []

    def on_create(request: Received) -> None:
        first.append(request.index)
        if request.index == first[0]:
            is_placed.wait(DEADLINE_S)

    run.platform.on_create = on_create
    run.submit()
    mark = run.stack.redis.mark_tail()
    sleeper = run.worker()
    wait_until(lambda: run.platform.count_creates() == 1, DEADLINE_S, "the request has come")
    sleeper.stop_running()
    run.stack.redis.kill_and_lose_tail(mark)
    run.stack.redis.start()
    other = run.worker()
    wait_until(lambda: other.log_events("cell.closed"), DEADLINE_S, "the cell is closed")
    closed_ms = int(run.engine.hash("cell")["closed_ms"])
    wait_until(lambda: run.placed(1) or run.engine.now_ms() > closed_ms + 5000, DEADLINE_S, "others had the time to call")
    before = len(run.platform.calls)
    is_placed.set()
    wait_until(lambda: run.placed(before + 1), DEADLINE_S, "the call is placed")
    sleeper.continue_running()
    wait_until(lambda: run.state().get("p"), DEADLINE_S, "Redis knows of the call")
    return other


RUNS = (
    ("fence", a_worker_hangs_past_its_lease_and_wakes),
    ("fence", an_old_callback_comes_again),
    ("begin-intent", a_worker_dies_with_the_answer_in_its_hand),
    ("request-id", the_answer_to_a_create_is_lost),
    ("absent-twice", a_platform_lists_a_call_late),
    ("grace-period", redis_forgets_a_dial_whose_call_is_still_to_be_placed),
)
NAMES = [f"{guard}-{play.__name__}" for guard, play in RUNS]


@pytest.mark.parametrize("guard, play", RUNS, ids=NAMES)
def test_with_its_guard_the_run_keeps_every_promise(guard: str, play: Play) -> None:
    with scene("") as run:
        report = run.judge(play(run))
        assert report.keeps_promises(), (report.line(guard, "?"), report.examples)
        is_clean, printed = run.stack.audit()
        assert is_clean, printed


@pytest.mark.parametrize("guard, play", RUNS, ids=NAMES)
def test_without_its_guard_the_same_run_calls_somebody_who_is_on_the_line(guard: str, play: Play) -> None:
    with scene(guard) as run:
        report = run.judge(play(run))
        assert report.overlapping == 1, (report.line(guard, "?"), report.examples)
        assert {broken.promise for broken in report.breaks} <= OF_A_CALL_TOO_MANY, report.examples


# ---- and the others ----


def test_without_a_fault_workers_that_lack_guards_keep_every_promise() -> None:
    """What the runs above show is the fault's doing, not that of a build that is broken anyway. (A machine that is slow is a
    fault to a worker that begins nothing before it asks.)"""
    with scene("") as run:
        workers = [run.worker(without=guard) for guard in MUTANTS if guard != "begin-intent"]
        run.numbers = phone_numbers(12)
        run.submit()
        report = run.judge(workers[0], itertools.cycle(("user_hangup", "dial_busy")))
        assert report.keeps_promises(), (report.line("campaign", "?"), report.examples)


@pytest.mark.parametrize("guard, reclaimed", (("", 0), ("claim-request-id", 1)))
def test_a_claim_asked_for_again_is_answered_again_where_its_lease_would_only_give_it_back_later(
    guard: str, reclaimed: int
) -> None:
    """The request id of a claim keeps no promise of these: its lease does. It saves the wait for that."""
    with scene(guard) as run, RedisProxy(run.stack.redis) as line:
        run.stack.line = line
        text = scripts(guard)["call_claim"]
        run.engine.client.script_load(text)
        line.cut_at(hashlib.sha1(text.encode()).hexdigest().encode(), forward=True)
        run.submit()
        worker = run.worker()
        assert line.was_cut.wait(DEADLINE_S)
        line.up()
        wait_until(lambda: run.engine.client.zcard(run.engine.key("workers")), DEADLINE_S, "it has come back")
        run.ticks(worker)
        run.let_leases_pass()
        wait_until(lambda: run.placed(1), DEADLINE_S, "it is called")
        answered = {event["dial"] for event in worker.log_events("dial.state")}
        assert (1 in answered) == (not reclaimed)
        assert sum(line["calls"] for line in worker.log_events("claims.reclaimed")) >= reclaimed
        report = run.judge(worker)
        assert report.keeps_promises(), (report.line("claim", "?"), report.examples)
        worker.stop()  # before its line to Redis goes: what it still has to say would hold it up
