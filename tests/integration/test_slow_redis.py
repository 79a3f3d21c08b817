# SPDX-License-Identifier: Apache-2.0
"""A Redis that answers late: it hangs, sleeps, or is busy with somebody's script. What was begun too late is not sent, the pace
afterwards makes up for nothing, and nothing is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
import redis

from tests.support.engine import most_in_a_second
from tests.support.fleet import Fleet
from tests.support.http_receiver import Answer, Received
from tests.support.platform import Platform, answer_json
from tests.support.waiting import wait_until

LIMIT = 30
SLOW_S = 1.5
LATE_S = 1.0  # between the 0.25 s that a begin may be late, with room for a busy machine, and SLOW_S


def hang(fleet: Fleet) -> None:
    """Its machine stands still."""
    fleet.redis.stop_running()
    pass_time(SLOW_S)
    fleet.redis.continue_running()


def sleep(fleet: Fleet) -> None:
    fleet.client.execute_command("DEBUG", "SLEEP", str(SLOW_S))


def run_a_script_without_end(fleet: Fleet) -> None:
    """Others are told that it is busy, as soon as that is known, until the script is killed."""
    fleet.client.config_set("busy-reply-threshold", 100)
    runs = threading.Thread(target=run_endlessly, args=(fleet,))
    runs.start()
    wait_until(lambda: is_busy(fleet), what="it is busy")
    pass_time(SLOW_S)
    fleet.client.script_kill()
    runs.join()


def run_endlessly(fleet: Fleet) -> None:
    with pytest.raises(redis.ResponseError, match="killed"):
        fleet.client.eval("while true do end", 0)


def is_busy(fleet: Fleet) -> bool:
    try:
        fleet.client.get("carillon:{c0}:cell:probe")
    except redis.exceptions.ResponseError as error:
        return "BUSY" in str(error)
    return False


def pass_time(seconds: float) -> None:
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, seconds + 1)


def begins_us(fleet: Fleet, batch: str, calls: int) -> dict[tuple[int, int], int]:
    """Of each dial, by Redis's clock."""
    return {
        (ordinal, int(line["d"])): int(line["b"])
        for ordinal in range(calls)
        for line in fleet.attempts(batch, ordinal)
        if "b" in line
    }


@pytest.mark.parametrize("slow", [hang, sleep, run_a_script_without_end], ids=["hangs", "sleeps", "is busy"])
def test_a_slow_redis_makes_nobody_be_called_late_or_too_fast(
    fleet: Fleet, platform: Platform, slow: Callable[[Fleet], None]
) -> None:
    def end_at_once(request: Received) -> Answer:
        call = platform.place(request)
        platform.end(call["call_id"])
        return answer_json(201, platform.analyze(call["call_id"]))

    platform.on_create = end_at_once
    fleet.trunk(platform.url, cps=LIMIT, poll_after_ms=500)
    calls = 40
    workers = [fleet.worker(), fleet.worker()]
    batch = fleet.batch(calls, cps=LIMIT)
    platform.wait_creates(10)
    slow(fleet)
    assert fleet.wait_final(batch, 30) == {"COMPLETED": calls}
    begins = begins_us(fleet, batch, calls)
    assert most_in_a_second(begins.values()) <= LIMIT
    late = {
        create.token: create.at - begins[(create.ordinal, create.dial)] / 1e6
        for create in platform.creates
        if create.at - begins[(create.ordinal, create.dial)] / 1e6 > LATE_S
    }
    assert not late, "sent although its instant was over"
    assert len({create.number for create in platform.creates}) == len(platform.creates) == calls
    platform.assert_each_dial_was_sent_once()
    assert all(worker.is_running() for worker in workers)
