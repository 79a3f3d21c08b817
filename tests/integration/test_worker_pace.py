# SPDX-License-Identifier: Apache-2.0
"""When carillon-worker does things: at the slot, not before a retry is due, at once where there is work, and hardly ever
where there is none."""

from __future__ import annotations

import pathlib
import statistics
import time
from collections.abc import Iterator
from typing import Callable

import pytest

from tests.support.engine import most_in_a_second
from tests.support.fleet import Fleet
from tests.support.platform import Platform
from tests.support.processes import Process
from tests.support.redis_server import RedisServer
from tests.support.scripts import sha
from tests.support.waiting import wait_until

CELLS = ("c0", "c1", "c2")
SLOT_LATE_US = 250_000  # a begin later than this for its slot is released
WAY_S = 0.75  # to a receiver on a busy machine


@pytest.fixture
def cells(redis_server: RedisServer, platform: Platform, tmp_path: pathlib.Path) -> Iterator[Fleet]:
    """Three cells, each with a trunk of its own to the same platform."""
    made = Fleet(redis_server, tmp_path, CELLS)
    for cell in CELLS:
        made.trunk(platform.url, cell=cell)
    yield made
    made.close()


def begins(fleet: Fleet, batch: str, contacts: int) -> dict[tuple[int, int], tuple[int, int]]:
    """Slot and begin, in Redis's microseconds, by ordinal and dial."""
    lines = ((ordinal, line) for ordinal in range(contacts) for line in fleet.attempts(batch, ordinal) if "b" in line)
    return {(ordinal, int(line["d"])): (int(line["q"]), int(line["b"])) for ordinal, line in lines}


# ---- idle ----


def seconds_of(commands: int, count: Callable[[], float]) -> float:
    """How long it takes until `count` has grown by `commands`, measured from the moment of such a growth."""
    before = count()
    first = wait_until(lambda: (n := count()) > before and n, 5.0, "a first command", poll_s=0.002)
    start = time.monotonic()
    wait_until(lambda: count() >= first + commands, 10.0, "further commands", poll_s=0.002)
    return time.monotonic() - start


def commands_of(fleet: Fleet, worker: Process) -> float:
    """What the worker sent by its own count; no script may have run beside it."""
    sent = fleet.metric(worker, "carillon_redis_commands_total")
    scripts = fleet.client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)
    assert scripts <= sent, "somebody else runs scripts"
    return sent


def test_an_idle_worker_sends_at_most_one_command_a_second(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.client.config_resetstat()
    assert seconds_of(3, lambda: commands_of(fleet, worker)) >= 2.9


def test_an_idle_worker_of_three_cells_sends_no_more(cells: Fleet) -> None:
    worker = cells.worker()
    cells.client.config_resetstat()
    assert seconds_of(2, lambda: commands_of(cells, worker)) >= 1.9
    workers = [cells.engine(cell).client.zrange(cells.engine(cell).key("workers"), 0, -1) for cell in CELLS]
    assert all(len(present) == 1 for present in workers)


def test_work_that_lies_ahead_does_not_make_a_worker_busy(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.batch(5, start_in_ms=3_600_000)
    paused = fleet.batch(5, start_in_ms=3_600_000)
    fleet.engine().control(paused, "acme", "pause", "user")
    fleet.client.config_resetstat()
    assert seconds_of(2, lambda: commands_of(fleet, worker)) >= 1.9


# ---- at once ----


def test_a_new_batch_starts_at_once(cells: Fleet, platform: Platform) -> None:
    """Without the hint it would wait for a pulse, which comes to each of three cells every six seconds."""
    cells.worker()
    for n in range(1, 10):
        sealed = time.monotonic()
        cells.batch(cell=CELLS[n % 3])
        platform.wait_creates(n)
        assert time.monotonic() - sealed < 1.0


def test_one_worker_serves_all_its_cells(cells: Fleet, platform: Platform) -> None:
    worker = cells.worker()
    batches = [cells.batch(6, cell=cell) for cell in CELLS]
    for create in platform.wait_creates(18):
        assert platform.hang_up(create.call_id, worker.url) == (200, {"status": "ok"})
    for batch in batches:
        assert cells.wait_final(batch) == {"COMPLETED": 6}


def test_two_workers_share_the_cells_and_each_settles_what_the_other_placed(cells: Fleet, platform: Platform) -> None:
    workers = [cells.worker(), cells.worker()]
    batches = [cells.batch(10, cell=cell) for cell in CELLS]
    for n, create in enumerate(platform.wait_creates(30)):
        assert platform.hang_up(create.call_id, workers[n % 2].url) == (200, {"status": "ok"})
    for batch in batches:
        assert cells.wait_final(batch) == {"COMPLETED": 10}
    assert platform.count_creates() == 30


def test_a_scheduled_batch_starts_at_its_instant(fleet: Fleet, platform: Platform) -> None:
    fleet.worker()
    batch = fleet.batch(start_in_ms=700)
    start_ms = int(fleet.engine().hash(f"batch:{batch}")["start_ms"])
    create = platform.wait_creates(1)[0]
    assert 0 <= create.at * 1000 - start_ms < (SLOT_LATE_US / 1e6 + WAY_S) * 1000


# ---- the slot ----


def test_requests_leave_at_the_instants_that_were_reserved(fleet: Fleet, platform: Platform) -> None:
    fleet.worker()
    fleet.worker()
    batch = fleet.batch(40, cps=30)
    creates = platform.wait_creates(40)
    reserved = begins(fleet, batch, 40)
    lateness = [create.at - reserved[(create.ordinal, create.dial)][1] / 1e6 for create in creates]
    assert min(lateness) >= 0, "a request left before its instant"
    assert max(lateness) < SLOT_LATE_US / 1e6 + WAY_S and statistics.median(lateness) < 0.05, sorted(lateness)[-5:]
    slots = [begin - slot for slot, begin in reserved.values()]
    assert min(slots) >= 0 and max(slots) <= SLOT_LATE_US
    instants = sorted(begin for _, begin in reserved.values())
    assert most_in_a_second(instants) <= 30
    gaps = [later - earlier for earlier, later in zip(instants, instants[1:])]
    assert statistics.median(gaps) == pytest.approx(1_005_000 / 30, rel=0.1), "calls of one second came at once"


def test_begins_whose_slots_lie_close_together_go_in_one_command(fleet: Fleet, platform: Platform) -> None:
    fleet.trunk(platform.url, cps=1000)
    fleet.worker()
    fleet.client.config_set("slowlog-max-len", 10_000)
    fleet.client.config_set("slowlog-log-slower-than", 0)
    fleet.batch(100, cps=1000)
    platform.wait_creates(100)
    called = [entry["command"] for entry in fleet.client.slowlog_get(10_000)]
    assert 0 < sum(sha("call_begin") in command for command in called) <= 70
    assert 0 < sum(sha("call_claim") in command for command in called)


def test_a_retry_is_never_too_soon_and_hardly_late(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batch = fleet.batch(6, cps=30, busy_delay_ms=1200, no_answer_delay_ms=1500, max_attempts=2)
    for create in platform.wait_creates(6):
        platform.hang_up(create.call_id, worker.url, "dial_busy" if create.ordinal % 2 else "dial_no_answer")
    creates = {(create.ordinal, create.dial): create for create in platform.wait_creates(12)}
    reserved = begins(fleet, batch, 6)
    for ordinal in range(6):
        delay_ms = 1200 if ordinal % 2 else 1500
        gap_ms = (reserved[(ordinal, 2)][1] - reserved[(ordinal, 1)][1]) / 1000
        # Delays run from the begin's millisecond.
        assert delay_ms - 1 <= gap_ms < delay_ms + WAY_S * 1000, gap_ms
        assert creates[(ordinal, 2)].at * 1e6 >= reserved[(ordinal, 2)][1]


def test_a_fast_batch_is_claimed_in_many_goes(fleet: Fleet, platform: Platform) -> None:
    fleet.trunk(platform.url, cps=1000)
    worker = fleet.worker()
    batch = fleet.batch(200, cps=1000)
    creates = platform.wait_creates(200)
    assert len({create.number for create in creates}) == 200
    assert fleet.metric(worker, "carillon_calls_claimed_total") >= 200
    instants = [begin for _, begin in begins(fleet, batch, 200).values()]
    assert max(instants) - min(instants) < 5_000_000, "a thousand a second were asked for"


def test_a_call_is_polled_when_it_has_surely_rung_where_the_trunk_does_not_say_when(fleet: Fleet, platform: Platform) -> None:
    fleet.trunk(platform.url, poll_after_ms="")
    fleet.worker()
    batch = fleet.batch(ring_s=20)
    create = platform.wait_creates(1)[0]
    fleet.wait_state(batch, p=create.call_id)
    due_ms = fleet.client.zscore(fleet.engine().key("live"), f"{batch}/0/1")
    assert due_ms - create.at * 1000 == pytest.approx(50_000, abs=1500)
