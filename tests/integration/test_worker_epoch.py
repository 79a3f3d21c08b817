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
    fleet.wait_state(batch, phase="live", d="2", l="2", a="2", p=second.call_id)
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
    assert worker.log_events("doubt.later")[0]["due_ms"] == counts_ms
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_two_workers_close_the_cell_once_and_nobody_is_called_until_it_opens(durable: Fleet, platform: Platform) -> None:
    """Without a decree of time: they come back when the reply of a closed claim said."""
    fleet = durable
    workers = [fleet.worker(), fleet.worker()]
    batch = fleet.batch(12, cps=4)
    platform.wait_creates(3)
    before = platform.count_creates()
    fleet.redis.kill()
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
