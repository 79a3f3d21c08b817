# SPDX-License-Identifier: Apache-2.0
"""A platform that takes requests and does not answer them costs its own calls time, and nobody else's."""

from __future__ import annotations

import threading

from tests.support.fleet import PLATFORM_KEY, Fleet
from tests.support.http_receiver import Answer
from tests.support.platform import Platform
from tests.support.waiting import wait_until

CALLS = 300  # more than LIMIT_LOOKUPS
POLL_AFTER_MS = 1000


def next_check_in_ms(fleet: Fleet) -> float:
    engine = fleet.engine()
    return engine.client.zrange(engine.key("live"), 0, 0, withscores=True)[0][1] - engine.now_ms()


def test_a_platform_that_hangs_keeps_no_call_of_another_from_being_looked_up(fleet: Fleet, platform: Platform) -> None:
    never = threading.Event()
    platform.on_ask = lambda request: Answer(after=never)
    fleet.trunk(platform.url, poll_after_ms=POLL_AFTER_MS)
    with Platform(PLATFORM_KEY) as other:
        fleet.trunk(other.url, trunk="other", poll_after_ms=100)
        worker = fleet.worker()
        fleet.batch(CALLS, cps=100)
        platform.wait_creates(CALLS)
        wait_until(lambda: next_check_in_ms(fleet) > 2 * POLL_AFTER_MS, what="each call's turn to be looked up has come")
        batch = fleet.batch(trunk="other")
        other.end_untold(other.wait_creates(1)[0].call_id)
        wait_until(lambda: fleet.state(batch).get("phase") == "final", what="the other platform's call is looked up")
        assert worker.log_events("check.failed") == [], "only when those of the first were given up"
        never.set()
