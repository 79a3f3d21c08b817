# SPDX-License-Identifier: Apache-2.0
"""The scripts against a model of them (tests/lua/model): random sequences of everything that processes, tenants, operators
and time do to a cell, on a real Redis whose clock stands still unless a sequence moves it. After each step every answer,
the whole state and the audit are compared; after each sequence a last worker must bring every call to its end.

The sequences are the same in every run. CARILLON_MODEL_EXAMPLES=N tries N others, different ones each time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.lua.model.driver import Driver
from tests.lua.model.sequence import LIMITS, Step, play, sequences
from tests.support.engine import Engine
from tests.support.redis_server import RedisServer

EXAMPLES = int(os.environ.get("CARILLON_MODEL_EXAMPLES", "0"))
STEPS = 60
# What the sequences must have come to, or they prove little.
REACHED = {
    "batch_change": {"done", "raced", "ERR_STATE", "ERR_NOT_FOUND"},
    "batch_control": {"ERR_STATE", "ERR_NOT_FOUND"},
    "batch_ingest": {"ERR_STATE", "ERR_EXISTS"},
    "batch_seal": {"ERR_STATE"},
    "breaker": {"opened", "reopened", "closed"},
    "call_abort": {"aborted", "gone"},
    "call_accept": {"accepted", "stop", "over", "gone"},
    "call_begin": {"begun", "released", "suppressed", "gone", "out of credit", "less credit"},
    "call_finish": {"ended", "final", "due", "settled", "recorded", "stale", "changed", "gone"},
    "call_recheck": {"kept", "givenback", "over", "gone"},
    "call_release": {"released", "gone"},
    "call_strike": {"struck", "ended", "gone"},
    "cell_reassert": {"restored", "known", "newer", "over"},
    "chunk_close": {"ERR_NOT_FOUND"},
    "chunk_open": {"ERR_STATE", "ERR_NOT_FOUND"},
    "worker_tick": {"reclaimed", "summaries", "cut", "expired", "resumed"},
}


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer(is_clock_decreed=True) as running:
        yield running


def test_the_scripts_keep_every_promise_of_the_model(server: RedisServer) -> None:
    engine = Engine(server.client())
    answers: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES or 60, derandomize=EXAMPLES == 0, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(limits=LIMITS, sequence=sequences(STEPS))
    def every_sequence(limits: tuple[tuple[int, int | None], ...], sequence: list[Step]) -> None:
        driver = Driver(engine, server.clock)
        play(driver, limits, sequence)
        answers.update(driver.answers)

    every_sequence()
    missed = {
        f"{script} {answer}"
        for script, wanted in REACHED.items()
        for answer in wanted
        if not any(given.startswith(f"{script} {answer}") for given in answers)
    }
    assert not missed
