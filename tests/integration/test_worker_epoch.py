# SPDX-License-Identifier: Apache-2.0
"""Workers whose Redis comes back without its last second: what they have begun they tell again, what a dead one may have
begun they ask the platform for, and meanwhile nobody is called."""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Iterator

import pytest

from tests.support.fleet import Fleet
from tests.support.platform import Platform, answer_json, refuse
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.waiting import wait_until


@pytest.fixture
def durable(platform: Platform, tmp_path: pathlib.Path) -> Iterator[Fleet]:
    """A fleet on a Redis that has everything it answered on disk, so that a test decides what is lost. Its cell knows it."""
    with RedisServer(appendonly=True, args=("--appendfsync", "always"), users=Users.for_tests()) as server:
        made = Fleet(server, tmp_path)
        made.trunk(platform.url)
        made.engine().open(made.client.info("server")["run_id"])
        yield made
        made.close()
        assert server.denials() == []


def lose_tail(fleet: Fleet, mark: int) -> None:
    fleet.redis.kill_and_lose_tail(mark)
    fleet.redis.start()


def cell(fleet: Fleet) -> dict[str, str]:
    return fleet.engine().hash("cell")


def test_dials_that_redis_forgot_are_told_again_and_not_placed_again(durable: Fleet, platform: Platform) -> None:
    fleet = durable
    batch = fleet.batch(3)
    mark = fleet.redis.mark_tail()
    worker = fleet.worker()
    platform.wait_creates(3)
    for ordinal in range(3):
        fleet.wait_state(batch, ordinal, phase="live")
        wait_until(lambda: fleet.state(batch, ordinal).get("p"), what="accepted")
    lose_tail(fleet, mark)
    for ordinal in range(3):
        state = fleet.wait_state(batch, ordinal, phase="live", d="1", l="1", a="1")
        assert state["p"] in platform.calls
    assert fleet.metric(worker, "carillon_dials_reasserted_total") == 3
    assert fleet.counters(batch)["attempts"] == 3
    fleet.reopen()
    for call_id in list(platform.calls):
        platform.hang_up(call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 3}
    assert platform.count_creates() == 3


def test_a_request_that_is_out_while_redis_forgets_it_is_told_again_and_accepted(durable: Fleet, platform: Platform) -> None:
    fleet = durable
    answer = threading.Event()
    platform.on_create = lambda request: answer_json(201, platform.place(request), after=answer)
    batch = fleet.batch()
    mark = fleet.redis.mark_tail()
    worker = fleet.worker()
    wait_until(lambda: platform.calls, what="the request has come")
    lose_tail(fleet, mark)
    fleet.wait_state(batch, phase="live", d="1", a="1", p="")
    answer.set()
    fleet.wait_state(batch, phase="live", p="call_1")
    fleet.reopen()
    platform.hang_up("call_1", worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert platform.count_creates() == 1


def test_an_end_that_redis_forgot_is_found_by_looking_it_up(durable: Fleet, platform: Platform) -> None:
    """The platform has told it and will not tell it again."""
    fleet = durable
    worker = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    fleet.wait_state(batch, p=create.call_id)
    mark = fleet.redis.mark_tail()
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    lose_tail(fleet, mark)
    fleet.wait_state(batch, phase="live", p=create.call_id)
    fleet.make_check_due(batch)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert platform.polls == [create.call_id] and platform.count_creates() == 1


def test_a_call_that_a_dead_worker_placed_and_redis_forgot_is_found_before_it_is_placed_again(
    durable: Fleet, platform: Platform
) -> None:
    fleet = durable
    batch = fleet.batch()
    mark = fleet.redis.mark_tail()
    doomed = fleet.worker()
    create = platform.wait_creates(1)[0]
    doomed.kill()
    lose_tail(fleet, mark)
    worker = fleet.worker()
    fleet.reopen()
    fleet.wait_state(batch, phase="live", d="1", l="1", a="1", p=create.call_id)
    assert fleet.token(batch, 0, 1) in platform.lookups
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert platform.count_creates() == 1


def test_a_retry_that_a_dead_worker_placed_and_redis_forgot_is_found(durable: Fleet, platform: Platform) -> None:
    """Redis has the first dial as live, without the end that led to the second."""
    fleet = durable
    doomed = fleet.worker()
    batch = fleet.batch()
    first = platform.wait_creates(1)[0]
    fleet.wait_state(batch, p=first.call_id)
    mark = fleet.redis.mark_tail()
    platform.hang_up(first.call_id, doomed.url, reason="dial_busy")
    second = platform.wait_creates(2)[1]
    doomed.kill()
    lose_tail(fleet, mark)
    worker = fleet.worker()
    fleet.reopen()
    fleet.make_check_due(batch)
    fleet.wait_state(batch, phase="live", d=str(second.dial), l=str(second.dial), a="2", p=second.call_id)
    platform.hang_up(second.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert platform.count_creates() == 2


def test_a_call_that_a_dead_worker_never_placed_is_placed_once(durable: Fleet, platform: Platform) -> None:
    fleet = durable
    batch = fleet.batch()
    mark = fleet.redis.mark_tail()
    doomed = fleet.worker(breakpoint="dial.sending:kill", wait=False)
    doomed.wait()
    lose_tail(fleet, mark)
    worker = fleet.worker()
    fleet.reopen()
    create = platform.wait_creates(1)[0]
    assert set(platform.lookups) == {fleet.token(batch, 0, dial) for dial in (1, 2, 3)}
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert platform.count_creates() == 1 and fleet.counters(batch)["attempts"] == 1


def test_a_call_that_was_placed_when_its_doubt_was_over_and_forgotten_again_is_found(durable: Fleet, platform: Platform) -> None:
    """By then its dial has a number that the first loss could not have used: it was claimed several times to be asked about."""
    fleet = durable
    batch = fleet.batch()
    mark = fleet.redis.mark_tail()
    fleet.worker(breakpoint="dial.sending:kill", wait=False).wait()
    lose_tail(fleet, mark)
    engine = fleet.engine()
    engine.open(fleet.client.info("server")["run_id"])
    fleet.reopen()
    for _ in range(5):
        slot = wait_until(lambda: engine.claim("w_asking").slots, what="the call is claimed")[0]
        engine.scripts.run("call_doubt", "w_asking", batch, 0, slot.dial, "later", 0)
    mark = fleet.redis.mark_tail()
    doomed = fleet.worker()
    create = platform.wait_creates(1)[0]
    assert create.dial > 5
    doomed.kill()
    lose_tail(fleet, mark)
    worker = fleet.worker()
    fleet.reopen(epoch=3)
    fleet.wait_state(batch, phase="live", d=str(create.dial), l=str(create.dial), a="1", p=create.call_id)
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert platform.count_creates() == 1


def test_a_platform_that_cannot_be_asked_is_not_asked_to_call(durable: Fleet, platform: Platform) -> None:
    fleet = durable
    is_broken = True
    platform.on_ask = lambda request: refuse(500) if is_broken else None
    batch = fleet.batch()
    mark = fleet.redis.mark_tail()
    doomed = fleet.worker()
    create = platform.wait_creates(1)[0]
    doomed.kill()
    lose_tail(fleet, mark)
    worker = fleet.worker()
    fleet.reopen()
    wait_until(lambda: worker.log_events("doubt.failed"), what="it was asked in vain")
    fleet.wait_state(batch, phase="due", f="1")
    is_broken = False
    fleet.wait_state(batch, deadline_s=20, phase="live", p=create.call_id)
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert platform.count_creates() == 1


def test_that_a_platform_does_not_know_a_call_counts_only_after_its_time(durable: Fleet, platform: Platform) -> None:
    fleet = durable
    fleet.trunk(platform.url, lookup_absent_after_ms=10_000)
    batch = fleet.batch()
    mark = fleet.redis.mark_tail()
    doomed = fleet.worker(breakpoint="dial.sending:kill", wait=False)
    doomed.wait()
    lose_tail(fleet, mark)
    worker = fleet.worker()
    fleet.reopen()
    counts_ms = int(cell(fleet)["tail_ms"]) + 10_000
    create = platform.wait_creates(1, 40)[0]
    assert create.at * 1000 >= counts_ms
    due_ms = worker.log_events("doubt.later")[0]["due_ms"]
    assert counts_ms <= due_ms <= counts_ms + 200, "a claim hands out what is due within its horizon: it is put off beyond that"
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_two_workers_close_the_cell_once_and_nobody_is_called_until_it_opens(durable: Fleet, platform: Platform) -> None:
    """Without a decree of time: they come back when the reply of a closed claim said."""
    fleet = durable
    workers = [fleet.worker(), fleet.worker()]
    batch = fleet.batch(12, cps=4)
    platform.wait_creates(3)
    before = platform.count_creates()
    fleet.redis.kill_written()
    fleet.redis.start()
    wait_until(lambda: all(worker.log_events("cell.closed") for worker in workers), what="both have heard of it")
    closed = cell(fleet)
    assert closed["epoch"] == "2"
    creates = platform.wait_creates(before + 3, 30)
    late = [create for create in creates if create.at * 1000 >= int(closed["closed_ms"])]
    # The request of a dial that was begun before may still come.
    fresh = [create for create in late if create.at * 1000 >= int(closed["closed_until"])]
    assert len(fresh) >= len(late) - 1 and len(creates) - len(fresh) <= before + 1
    for worker in workers:
        assert [line["epoch"] for line in worker.log_events("cell.closed")] == [2]
    wait_until(lambda: platform.count_creates() == 12, 20)
    for call_id in list(platform.calls):
        platform.hang_up(call_id, workers[0].url)
    assert fleet.wait_final(batch) == {"COMPLETED": 12}
    platform.assert_each_dial_was_sent_once()


def test_workers_of_several_cells_close_each(platform: Platform, tmp_path: pathlib.Path) -> None:
    with RedisServer(appendonly=True, args=("--appendfsync", "always"), users=Users.for_tests()) as server:
        fleet = Fleet(server, tmp_path, cells=("c0", "c1"))
        worker = fleet.worker()
        server.kill()
        server.start()
        wait_until(lambda: {line["cell"] for line in worker.log_events("cell.closed")} == {"c0", "c1"}, 20)
        assert [fleet.engine(name).hash("cell")["epoch"] for name in ("c0", "c1")] == ["2", "2"]
        fleet.close()
        assert server.denials() == []


# ---- a clock that is set ----

JUMP_US = 10_000_000


@pytest.fixture
def clocked(platform: Platform, tmp_path: pathlib.Path) -> Iterator[Fleet]:
    """A fleet on a Redis whose wall time the test sets."""
    with RedisServer(is_clock_decreed=True) as server:
        made = Fleet(server, tmp_path)
        made.trunk(platform.url)
        yield made
        made.close()


def seen_again(fleet: Fleet, workers: int) -> None:
    """Each worker has looked at Redis's clock since now."""
    since = fleet.engine().now_ms()
    key = fleet.engine().key("workers")
    wait_until(lambda: fleet.client.zcount(key, since, "+inf") >= workers, what="every worker has ticked")


def test_a_clock_that_jumps_forward_closes_the_cell_once_and_what_is_on_the_line_goes_on(
    clocked: Fleet, platform: Platform
) -> None:
    fleet = clocked
    workers = [fleet.worker(), fleet.worker()]
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    fleet.wait_state(batch, p=create.call_id)
    seen_again(fleet, 2)
    fleet.redis.clock.run(JUMP_US)
    wait_until(lambda: all(worker.log_events("redis.clock_jumped") for worker in workers), what="both have seen it")
    wait_until(lambda: all(worker.log_events("cell.closed") for worker in workers), what="both know that it is closed")
    assert (cell(fleet)["epoch"], cell(fleet)["closed_by"]) == ("2", "clock")
    waiting = fleet.batch()
    seen_again(fleet, 2)
    assert platform.count_creates() == 1 and cell(fleet)["epoch"] == "2"
    platform.hang_up(create.call_id, workers[0].url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    fleet.reopen()
    second = platform.wait_creates(2)[1]
    assert platform.lookups == [], "a clock that jumps loses nothing"
    platform.hang_up(second.call_id, workers[1].url)
    assert fleet.wait_final(waiting) == {"COMPLETED": 1}


def test_a_clock_that_jumps_past_a_call_s_deadline_does_not_end_it(clocked: Fleet, platform: Platform) -> None:
    """Whichever worker looks it up first, and whether it has noticed the jump by then."""
    fleet = clocked
    fleet.trunk(platform.url, poll_after_ms=500)
    workers = [fleet.worker(), fleet.worker()]
    batch = fleet.batch(3)
    creates = platform.wait_creates(3)
    for n in range(3):
        fleet.wait_state(batch, n, phase="live", p=creates[n].call_id)
    jump_ms = 3_600_000
    deadlines = [int(fleet.state(batch, n)["h"]) for n in range(3)]
    fleet.redis.clock.run(jump_ms * 1000)
    for n, deadline_ms in enumerate(deadlines):
        wait_until(lambda: int(fleet.state(batch, n)["h"]) > deadline_ms + jump_ms - 1000, what="it has a deadline anew")
    looked_up = len(platform.polls)
    fleet.make_checks_due(batch)
    wait_until(lambda: len(platform.polls) >= looked_up + 3, what="each was looked up")
    # ... and soon again: not after half of an hour that did not pass, as far as a talk's length permits (30 s).
    live = fleet.engine().key("live")
    wait_until(
        lambda: all(at_ms < fleet.engine().now_ms() + 15_000 for _, at_ms in fleet.client.zrange(live, 0, -1, withscores=True)),
        what="each is looked up soon again",
    )
    for create in creates:
        platform.hang_up(create.call_id, workers[0].url)
    assert fleet.wait_final(batch) == {"COMPLETED": 3}
    assert all(worker.log_events("redis.clock_jumped") for worker in workers)


def test_a_clock_that_is_set_back_or_a_little_forward_closes_nothing(clocked: Fleet, platform: Platform) -> None:
    fleet = clocked
    worker = fleet.worker()
    seen_again(fleet, 1)
    for shift_us in (4_000_000, -JUMP_US, -JUMP_US + 4_000_000):
        fleet.redis.clock.run(shift_us)
        fleet.client.delete(fleet.engine().key("workers"))
        wait_until(lambda: fleet.client.zcard(fleet.engine().key("workers")) == 1, what="it has ticked")
        assert worker.log_events("redis.clock_jumped") == []
    assert cell(fleet)["epoch"] == "1"
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_worker_that_stood_still_sees_no_jump(clocked: Fleet, platform: Platform) -> None:
    """What it reads when it wakes was written long ago."""
    fleet = clocked
    worker = fleet.worker()
    seen_again(fleet, 1)
    with worker.paused():
        since = fleet.engine().now_ms()
        wait_until(lambda: fleet.engine().now_ms() > since + 6000, 20)
    seen_again(fleet, 1)
    seen_again(fleet, 1)
    assert worker.log_events("redis.clock_jumped") == [] and cell(fleet)["epoch"] == "1"
