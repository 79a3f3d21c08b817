# SPDX-License-Identifier: Apache-2.0
"""Workers and Redis that die, hang and come back: no call is lost, and none is placed twice."""

from __future__ import annotations

import collections
import pathlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.support.fleet import Fleet
from tests.support.http_receiver import Answer, Received
from tests.support.platform import Platform, answer_json, refuse
from tests.support.processes import Process
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.scripts import sha
from tests.support.waiting import wait_until

HORIZON_MS = 200  # LIMIT_HORIZON_MS
LEASE_MS = 2_000  # LIMIT_CLAIM_LEASE_MS: after the slot


def ends_at_once(platform: Platform):
    """Every call is over as soon as it is placed; polls tell it, callbacks do not."""

    def answer(request: Received) -> Answer:
        call = platform.place(request)
        platform.end(call["call_id"])
        return answer_json(201, platform.analyze(call["call_id"]))

    return answer


def assert_placed_once(platform: Platform, numbers: int) -> None:
    by_number = collections.Counter(call["to_number"] for call in platform.calls.values())
    assert len(by_number) == numbers and set(by_number.values()) == {1}, by_number
    platform.assert_each_dial_was_sent_once()


def worker_id(worker: Process) -> str:
    return worker.log_events("worker.started")[-1]["worker"]


def claims_of(fleet: Fleet, worker: Process) -> list[bytes]:
    return [member for member in fleet.cells_hold("claimed") if member.endswith(worker_id(worker).encode())]


# ---- Redis ----


@pytest.fixture
def durable(platform: Platform, tmp_path: pathlib.Path) -> Iterator[Fleet]:
    """A fleet on a Redis with an append-only file, which may be killed."""
    with RedisServer(appendonly=True, users=Users.for_tests()) as server:
        made = Fleet(server, tmp_path)
        made.trunk(platform.url, poll_after_ms=500)
        yield made
        made.close()
        assert server.denials() == []


def test_with_redis_away_nothing_is_dialed_and_afterwards_nothing_is_lost(durable: Fleet, platform: Platform) -> None:
    fleet = durable
    platform.on_create = ends_at_once(platform)
    workers = [fleet.worker(), fleet.worker()]
    batch = fleet.batch(40, cps=20)
    platform.wait_creates(10)
    call = platform.calls["call_1"]
    fleet.redis.kill_written()
    for worker in workers:
        answer = wait_until(lambda: (a := platform.callback("call_analyzed", call, worker.url))[0] == 503 and a)
        assert answer == (503, {"status": "unavailable"})
        assert not worker.is_ready()
    dialed = platform.count_creates()
    wait_until(lambda: all(len(w.log_events("redis.down")) >= 1 for w in workers), what="both know that Redis is away")
    slots_end = time.monotonic() + 1.0  # twenty slots would come and go
    wait_until(lambda: time.monotonic() >= slots_end)
    assert platform.count_creates() == dialed, "dialed while Redis was away"
    fleet.redis.start()
    fleet.reopen()
    assert fleet.wait_final(batch, 20) == {"COMPLETED": 40}
    assert_placed_once(platform, 40)


def test_a_callback_that_met_no_redis_holds_when_it_is_sent_again(durable: Fleet, platform: Platform) -> None:
    fleet = durable
    worker = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    fleet.wait_state(batch, p=create.call_id)
    fleet.redis.kill_written()
    platform.end_untold(create.call_id)
    wait_until(lambda: platform.callback("call_analyzed", create.call_id, worker.url)[0] == 503)
    fleet.redis.start()
    wait_until(lambda: platform.callback("call_analyzed", create.call_id, worker.url) == (200, {"status": "ok"}))
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_an_answer_that_came_while_redis_was_away_is_recorded_afterwards(durable: Fleet, platform: Platform) -> None:
    fleet = durable
    fleet.trunk(platform.url, poll_after_ms=60_000)
    answer = threading.Event()
    platform.on_create = lambda request: answer_json(201, platform.place(request), after=answer)
    worker = fleet.worker()
    batch = fleet.batch()
    wait_until(lambda: platform.calls, what="the request has come")
    fleet.redis.kill_written()
    wait_until(lambda: not worker.is_ready())
    answer.set()
    wait_until(lambda: fleet.metric(worker, 'carillon_dial_verdicts_total{verdict="ACCEPTED"}') == 1)
    fleet.redis.start()
    fleet.wait_state(batch, phase="live", p="call_1")
    assert platform.count_creates() == 1
    platform.hang_up("call_1", worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_refusal_that_came_while_redis_was_away_ends_its_call_afterwards(durable: Fleet, platform: Platform) -> None:
    fleet = durable
    answer = threading.Event()
    platform.on_create = lambda request: refuse(422, message="not a number", after=answer)
    worker = fleet.worker()
    batch = fleet.batch()
    wait_until(lambda: fleet.state(batch).get("phase") == "live", what="it is begun")
    fleet.redis.kill_written()
    wait_until(lambda: not worker.is_ready())
    answer.set()
    wait_until(lambda: fleet.metric(worker, 'carillon_dial_verdicts_total{verdict="REJECTED"}') == 1)
    fleet.redis.start()
    fleet.reopen()
    assert fleet.wait_final(batch) == {"REJECTED": 1}
    assert fleet.counters(batch)["attempts"] == 1 and not platform.calls


def test_with_redis_full_what_is_on_the_line_is_settled_and_nobody_else_is_called(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    first = fleet.batch()
    create = platform.wait_creates(1)[0]
    fleet.wait_state(first, p=create.call_id)
    waiting = fleet.batch(start_in_ms=500)
    fleet.client.config_set("maxmemory", 1)
    try:
        platform.hang_up(create.call_id, worker.url)
        assert fleet.wait_final(first) == {"COMPLETED": 1}
        wait_until(lambda: worker.log_events("claim.failed"), what="a claim was refused")
        start_ms = int(fleet.engine().hash(f"batch:{waiting}")["start_ms"])
        wait_until(lambda: fleet.engine().now_ms() > start_ms + 1000)
        assert platform.count_creates() == 1
    finally:
        fleet.client.config_set("maxmemory", 0)
    second = platform.wait_creates(2)[1]
    platform.hang_up(second.call_id, worker.url)
    assert fleet.wait_final(waiting) == {"COMPLETED": 1}


def refuses_writes(fleet: Fleet) -> bool:
    try:
        fleet.client.set("carillon:{c0}:cell:probe", "1")
        fleet.client.delete("carillon:{c0}:cell:probe")
    except redis.ResponseError as error:
        assert str(error).startswith("MISCONF"), error
        return True
    return False


def test_with_the_disk_of_redis_full_nobody_is_called_and_afterwards_nothing_is_lost(durable: Fleet, platform: Platform) -> None:
    fleet = durable
    worker = fleet.worker()
    first = fleet.batch()
    create = platform.wait_creates(1)[0]
    fleet.wait_state(first, p=create.call_id)
    waiting = fleet.batch(start_in_ms=3000)
    fleet.redis.fill_disk()
    try:
        wait_until(lambda: refuses_writes(fleet), what="Redis takes no more writes")
        platform.end_untold(create.call_id)
        start_ms = int(fleet.engine().hash(f"batch:{waiting}")["start_ms"])
        wait_until(lambda: fleet.engine().now_ms() > start_ms + 1000)
        assert worker.log_events("claim.failed") and platform.count_creates() == 1
    finally:
        fleet.redis.free_disk()
    second = platform.wait_creates(2)[1]
    platform.hang_up(second.call_id, worker.url)
    assert fleet.wait_final(waiting) == {"COMPLETED": 1}
    assert platform.callback("call_analyzed", create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(first) == {"COMPLETED": 1}
    assert_placed_once(platform, 2)


def test_a_callback_that_redis_takes_not_now_holds_no_connection_and_what_it_told_waits(fleet: Fleet, platform: Platform) -> None:
    """Redis is there, and refuses to write; whoever waited for it would keep others from reaching the worker."""
    worker = fleet.worker()
    batch = fleet.batch(2)
    calls = [create.call_id for create in platform.wait_creates(2)]
    for ordinal in range(2):
        fleet.wait_state(batch, ordinal, phase="live")
        wait_until(lambda: fleet.state(batch, ordinal).get("p"), what="accepted")
    for call in calls:
        platform.end_untold(call)
    fleet.client.config_set("min-replicas-to-write", 1)
    try:
        first = threading.Thread(target=platform.callback, args=("call_analyzed", calls[0], worker.url))
        first.start()
        wait_until(lambda: fleet.metric(worker, 'carillon_calls_in_hand{phase="settling"}') == 1, what="it waits for Redis")
        refused = refusals(fleet)
        wait_until(lambda: refusals(fleet) > refused + 10, what="Redis was asked in vain")
        for _ in range(3):
            assert platform.callback("call_analyzed", calls[1], worker.url) == (503, {"status": "unavailable"})
    finally:
        fleet.client.config_set("min-replicas-to-write", 0)
    first.join()
    assert fleet.wait_final(batch) == {"COMPLETED": 2}


def refusals(fleet: Fleet) -> int:
    return int(str(fleet.client.info("errorstats").get("errorstat_NOREPLICAS", "count=0")).removeprefix("count="))


def begun_but_not_sent(fleet: Fleet, platform: Platform) -> tuple[Process, str]:
    """A worker that stands still with a dial begun and its request not out, and the batch of that one call."""
    fleet.trunk(platform.url, poll_after_ms=60_000)
    worker = fleet.worker(breakpoint="dial.begun:stop")
    batch = fleet.batch()
    worker.wait_stopped()
    assert fleet.state(batch)["phase"] == "live" and platform.count_creates() == 0
    return worker, batch


def verdicts(worker: Process) -> list[tuple[str, str]]:
    return [(line["verdict"], line["reason"]) for line in worker.log_events("dial.verdict")]


def test_a_begun_dial_is_not_sent_without_redis(durable: Fleet, platform: Platform) -> None:
    fleet = durable
    worker, batch = begun_but_not_sent(fleet, platform)
    fleet.redis.kill_written()
    worker.continue_running()
    wait_until(lambda: verdicts(worker), what="its instant has come")
    assert verdicts(worker) in ([("NOT_SENT", "redis_away")], [("NOT_SENT", "late")])
    assert platform.count_creates() == 0
    fleet.redis.start()
    fleet.reopen()
    create = platform.wait_creates(1)[0]
    # 3 where Redis took so long to come back that the retry was due before a lookup of the tail counts.
    assert create.dial in (2, 3) and fleet.counters(batch)["attempts"] == 1
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_begun_dial_whose_instant_was_slept_over_is_not_sent(fleet: Fleet, platform: Platform) -> None:
    worker, batch = begun_but_not_sent(fleet, platform)
    begin_ms = int(fleet.state(batch)["b"])
    wait_until(lambda: fleet.engine().now_ms() > begin_ms + 300)
    worker.continue_running()
    create = platform.wait_creates(1)[0]
    assert create.dial == 2 and fleet.counters(batch)["attempts"] == 1
    assert verdicts(worker) == [("NOT_SENT", "late")]
    assert "hold_until_ms" not in fleet.engine().hash("trunk:main"), "the platform was blamed for it"
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_begin_whose_answer_was_long_on_its_way_is_not_sent(fleet: Fleet, platform: Platform) -> None:
    """The instant that it reserved has passed by Redis's clock, whenever the worker may have heard of it."""
    fleet.trunk(platform.url, poll_after_ms=60_000)
    with RedisProxy(fleet.redis) as proxy:
        worker = fleet.worker(redis_url=proxy.url)
        proxy.hold_at(sha("call_begin"))
        batch = fleet.batch()
        assert proxy.was_held.wait(10)
        begin_ms = int(fleet.wait_state(batch, phase="live")["b"])
        wait_until(lambda: fleet.engine().now_ms() > begin_ms + 300)
        proxy.let_go()
        create = platform.wait_creates(1)[0]
        assert create.dial == 2 and fleet.counters(batch)["attempts"] == 1
        assert verdicts(worker) == [("NOT_SENT", "late")]
        platform.hang_up(create.call_id, worker.url)
        assert fleet.wait_final(batch) == {"COMPLETED": 1}
        worker.terminate()


def test_a_redis_that_forgot_its_scripts_is_taught_them_again(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    fleet.client.script_flush()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    fleet.client.script_flush()
    assert platform.hang_up(create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_connections_that_are_cut_again_and_again_cost_nothing(fleet: Fleet, platform: Platform) -> None:
    platform.on_create = ends_at_once(platform)
    worker = fleet.worker()
    batch = fleet.batch(40, cps=20)
    for n in range(5, 40, 5):
        platform.wait_creates(n)
        fleet.client.client_kill_filter(_type="normal", skipme=True)
    for call_id in [create.call_id for create in platform.wait_creates(40)]:
        wait_until(lambda: platform.callback("call_analyzed", call_id, worker.url)[0] == 200)
    assert fleet.wait_final(batch) == {"COMPLETED": 40}
    assert_placed_once(platform, 40)


# ---- workers ----


def test_a_worker_that_hangs_past_its_leases_dials_nothing_when_it_wakes(fleet: Fleet, platform: Platform) -> None:
    fleet.trunk(platform.url, poll_after_ms=500)
    platform.on_create = ends_at_once(platform)
    hanging = fleet.worker()
    batch = fleet.batch(60, cps=30)
    wait_until(lambda: hangs_with_claims_alone(fleet, hanging, batch), poll_s=0.001)
    dialed = platform.count_creates()
    fleet.worker()
    assert fleet.wait_final(batch, 20) == {"COMPLETED": 60}
    assert platform.count_creates() >= 60 > dialed
    settled = platform.count_creates()
    hanging.continue_running()
    wait_until(lambda: hanging.is_ready(), what="it is back")
    wait_until(lambda: not hanging_dials(hanging), what="it is done with what it held")
    assert platform.count_creates() == settled, "the late one dialed"
    assert_placed_once(platform, 60)


def hangs_with_claims_alone(fleet: Fleet, worker: Process, batch: str) -> bool:
    """Stops the worker; where it has a request on its way, or no claim, lets it go on."""
    worker.stop_running()
    under_way = [n for n in range(60) if (state := fleet.state(batch, n)).get("phase") == "live" and "p" not in state]
    if claims_of(fleet, worker) and not under_way:
        return True
    worker.continue_running()
    return False


def hanging_dials(worker: Process) -> list[tuple[Any, ...]]:
    """Dials that by the worker's log are not over."""
    last: dict[tuple[Any, ...], str] = {}
    for line in worker.log_events("dial.state"):
        last[(line["batch"], line["ordinal"], line["dial"])] = line["to"]
    return [dial for dial, state in last.items() if state != "over"]


def test_the_claims_of_a_killed_worker_go_to_another_when_their_short_leases_are_over(
    fleet: Fleet, platform: Platform
) -> None:
    fleet.trunk(platform.url, poll_after_ms=500)
    platform.on_create = ends_at_once(platform)
    killed = fleet.worker(breakpoint="dial.beginning:kill", wait=False)
    batch = fleet.batch(30, cps=30)
    assert killed.wait() == -signal.SIGKILL
    now_ms = fleet.engine().now_ms()
    leases = fleet.client.zrange(fleet.engine().key("claimed"), 0, -1, withscores=True)
    assert leases and all(until_ms <= now_ms + HORIZON_MS + LEASE_MS for _, until_ms in leases), leases
    other = fleet.worker()
    assert fleet.wait_final(batch, 20) == {"COMPLETED": 30}
    assert fleet.metric(other, "carillon_claims_reclaimed_total") == len(leases)
    assert_placed_once(platform, 30)


@pytest.mark.parametrize("is_placed", [True, False])
def test_a_worker_killed_between_begin_and_answer_leaves_a_call_that_another_looks_up(
    fleet: Fleet, platform: Platform, is_placed: bool
) -> None:
    never = threading.Event()
    arrived = threading.Event()

    def answer(request: Received) -> Answer | None:
        if arrived.is_set():
            return None
        if is_placed:
            platform.analyze(platform.end(platform.place(request)["call_id"])["call_id"])
        arrived.set()
        return Answer(after=never, reset=True)

    platform.on_create = answer
    killed = fleet.worker()
    batch = fleet.batch()
    assert arrived.wait(10)
    killed.kill()
    never.set()
    assert fleet.state(batch)["phase"] == "live"
    other = fleet.worker()
    fleet.make_check_due(batch)
    if is_placed:
        assert fleet.wait_final(batch) == {"COMPLETED": 1}
        assert platform.count_creates() == 1
    else:
        again = platform.wait_creates(2)[1]
        assert again.dial == 2 and len(platform.lookups) == 2
        platform.hang_up(again.call_id, other.url)
        assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert fleet.counters(batch)["attempts"] == 1


def test_the_lease_of_a_check_passes_with_the_worker_that_held_it(fleet: Fleet, platform: Platform) -> None:
    """A worker dies while it looks a call up; the call's next check brings another."""
    asked, never = threading.Event(), threading.Event()
    fleet.trunk(platform.url, poll_after_ms=500)

    def hang(request: Received) -> Answer | None:
        if asked.is_set():
            return None
        asked.set()
        return Answer(after=never, reset=True)

    platform.on_ask = hang
    killed = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    platform.end_untold(create.call_id)
    assert asked.wait(10)
    killed.kill()
    never.set()
    fleet.worker()
    assert fleet.state(batch)["phase"] == "live"
    fleet.make_check_due(batch)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


# ---- draining ----


def test_a_draining_worker_gives_back_its_claims_and_finishes_what_is_in_flight(fleet: Fleet, platform: Platform) -> None:
    fleet.trunk(platform.url, poll_after_ms=60_000)
    answers = threading.Event()
    platform.on_create = lambda request: answer_json(201, platform.place(request), after=answers)
    draining = fleet.worker()
    batch = fleet.batch(60, cps=30)
    wait_until(lambda: len(platform.calls) >= 3 and claims_of(fleet, draining), poll_s=0.001)
    draining.signal(signal.SIGTERM)
    wait_until(lambda: draining.log_events("process.draining"))
    wait_until(lambda: not claims_of(fleet, draining), deadline_s=1.5, what="its claims are given back before they expire")
    sent = platform.count_creates()
    assert draining.is_running(), "it left its requests behind"
    assert not draining.is_ready()
    answers.set()
    assert draining.wait() == 0
    assert platform.count_creates() == sent
    counters = fleet.counters(batch)
    assert counters["claimed"] == 0 and counters["live"] == sent, counters
    assert all(fleet.state(batch, create.ordinal).get("p") for create in platform.creates), "an answer was not recorded"


def test_a_callback_is_heard_while_a_worker_drains(fleet: Fleet, platform: Platform) -> None:
    answers = threading.Event()
    placed = threading.Event()

    def answer(request: Received) -> Answer:
        call = platform.place(request)
        placed.set()
        return answer_json(201, call, after=answers)

    platform.on_create = answer
    worker = fleet.worker()
    batch = fleet.batch()
    assert placed.wait(10)
    worker.signal(signal.SIGTERM)
    wait_until(lambda: worker.log_events("process.draining"))
    assert platform.hang_up("call_1", worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    answers.set()
    assert worker.wait() == 0


def test_a_claim_whose_answer_comes_while_draining_is_given_back(fleet: Fleet, platform: Platform) -> None:
    """Redis stops to write just before the batch starts: the claim is under way when the worker is told to go."""
    worker = fleet.worker()
    batch = fleet.batch(10, cps=30, start_in_ms=600)
    start_ms = int(fleet.engine().hash(f"batch:{batch}")["start_ms"])
    engine = fleet.engine()
    wait_until(lambda: engine.now_ms() >= start_ms - 250, poll_s=0.002)
    assert fleet.counters(batch)["claimed"] == 0
    fleet.client.execute_command("CLIENT", "PAUSE", 10_000, "WRITE")
    wait_until(lambda: engine.now_ms() >= start_ms)
    worker.signal(signal.SIGTERM)
    wait_until(lambda: worker.log_events("process.draining"))
    fleet.client.execute_command("CLIENT", "UNPAUSE")
    assert worker.wait() == 0
    assert fleet.engine().hash(f"batch:{batch}").get("dials", "0") != "0", "there was no claim under way"
    assert fleet.counters(batch)["claimed"] == 0 and fleet.counters(batch)["due"] == 10
    assert platform.count_creates() == 0
