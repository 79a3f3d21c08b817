# SPDX-License-Identifier: Apache-2.0
"""carillon-worker keeps calling windows and expiries, and publishes the hours that a window has next."""

from __future__ import annotations

import json

from tests.support.fleet import Fleet
from tests.support.platform import Platform
from tests.support.waiting import wait_until

HOUR = 3_600_000
ALWAYS = json.dumps({"start": "00:00", "end": "24:00", "timezone": "UTC"})


def publish(fleet: Fleet, batch: str, opens_in_ms: int) -> int:
    """From `opens_in_ms` on the window is open, and until then closed. The opening."""
    engine = fleet.engine()
    opening, until = engine.now_ms() + opens_in_ms, int(engine.hash(f"batch:{batch}")["hours_until_ms"]) + 1
    assert engine.scripts.run("batch_hours", batch, ALWAYS, f"{opening}-{opening + HOUR}", until) == b"published"
    return opening


def begun_at(fleet: Fleet, batch: str, attempt: int) -> int:
    return int([line for line in fleet.attempts(batch) if line.get("a") == str(attempt)][0]["b"]) // 1000


def test_calls_wait_for_the_opening_and_retries_for_the_next(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    opening = fleet.engine().now_ms() + 1000
    batch = fleet.batch(window=ALWAYS, hours=f"{opening}-{opening + HOUR}", hours_until_ms=opening + 9 * HOUR)
    first = platform.wait_creates(1)[0]
    assert begun_at(fleet, batch, 1) >= opening
    reopening = publish(fleet, batch, 2500)
    platform.hang_up(first.call_id, worker.url, "dial_busy")
    fleet.wait_state(batch, phase="due", x="BUSY")
    second = platform.wait_creates(2)[1]
    assert begun_at(fleet, batch, 2) >= reopening, "the retry was due long before"
    platform.hang_up(second.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_worker_publishes_the_next_hours_of_a_window(fleet: Fleet, platform: Platform) -> None:
    engine = fleet.engine()
    batch = fleet.batch(window=ALWAYS, hours="", hours_until_ms=1, expires_ms=engine.now_ms() + 24 * HOUR)
    worker = fleet.worker()
    create = platform.wait_creates(1)[0]
    held = engine.hash(f"batch:{batch}")
    assert held["hours"].endswith("-" + held["expires_ms"]) and held["hours_until_ms"] == held["expires_ms"]
    assert engine.client.zcard(engine.key("hours")) == 0
    platform.hang_up(create.call_id, worker.url)
    fleet.wait_final(batch)


def test_a_window_that_cannot_be_read_stays_closed(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batch = fleet.batch(window='{"start":"25:00"}', hours="", hours_until_ms=1)
    wait_until(lambda: worker.log_events("hours.not_reckoned"), 10.0, "the worker says so")
    assert fleet.counters(batch)["attempts"] == 0
    fleet.engine().control(batch, "acme", "cancel")


def test_what_is_not_begun_by_the_expiry_is_never_dialed(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    engine = fleet.engine()
    batch = fleet.batch(50, cps=2, expires_ms=engine.now_ms() + 3000)
    platform.wait_creates(1)
    wait_until(lambda: "expired_ms" in engine.hash(f"batch:{batch}"), 15.0, "a tick finds the expiry")
    rung = 0

    def has_ended() -> bool:
        nonlocal rung
        for create in platform.wait_creates(rung)[rung:]:
            platform.hang_up(create.call_id, worker.url)
            rung += 1
        return engine.hash(f"batch:{batch}")["state"] == "completed"

    wait_until(has_ended, 15.0, "those on the line hang up")
    assert fleet.wait_final(batch) == {"COMPLETED": rung, "EXPIRED": 50 - rung}
    assert 0 < platform.count_creates() == rung < 50
    assert [event["type"] for event in engine.events()] == ["call.completed"] * rung + ["batch.completed"]
