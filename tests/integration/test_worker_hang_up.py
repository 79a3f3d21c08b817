# SPDX-License-Identifier: Apache-2.0
"""A cancel with cancelInFlight: real workers hang up what is on the line, and each call ends with what its platform says
came of it."""

from __future__ import annotations

import pathlib
import threading
from typing import Any

import pytest

from tests.support.carrier import ACCOUNT, KEY, Carrier
from tests.support.fleet import TENANT, Fleet
from tests.support.http_receiver import Answer, Received
from tests.support.platform import Platform, answer_json, refuse
from tests.support.waiting import wait_until

PROFILES: dict[str, dict[str, Any]] = {
    "retell": {},
    "twilio": {"var:account_sid": ACCOUNT, "var:answer_url": "https://voice.example/a"},
}
LONG_MS = "600000"


def cancel(fleet: Fleet, batch: str) -> None:
    fleet.engine().control(batch, TENANT, "cancel", "in-flight")


def ended(fleet: Fleet, batch: str) -> dict[str, str]:
    values = wait_until(lambda: (v := fleet.engine().hash(f"batch:{batch}")).get("state") == "cancelled" and v, 20.0, "the batch ends")
    return {name[8:]: n for name, n in values.items() if name.startswith("outcome:") and n != "0"}


@pytest.mark.parametrize(
    ("profile", "ring_ms", "outcome"),
    (
        ("retell", "20", "COMPLETED"),
        ("retell", LONG_MS, "COMPLETED"),  # Retell has one word for both, manual_stopped
        ("twilio", "20", "COMPLETED"),
        ("twilio", LONG_MS, "CANCELLED"),
    ),
)
def test_calls_that_talk_or_ring_are_hung_up(
    fleet: Fleet, tmp_path: pathlib.Path, profile: str, ring_ms: str, outcome: str
) -> None:
    with Carrier(tmp_path, "--outcomes", "completed=1", "--ring-ms", ring_ms, "--talk-ms", LONG_MS) as carrier:
        fleet.trunk(carrier.process.url, platform_key=KEY, profile=profile, **PROFILES[profile])
        fleet.worker()
        fleet.worker()
        batch = fleet.batch(4, ring_s=60, talk_s=600)
        others = fleet.batch(1, ring_s=60, talk_s=600)
        wait_until(lambda: all(fleet.state(batch, i).get("p") for i in range(4)) and fleet.state(others).get("p"), what="all are placed")
        cancel(fleet, batch)
        assert ended(fleet, batch) == {outcome: "4"}
        assert fleet.counters(batch)["attempts"] == 4 and fleet.counters(others)["live"] == 1
        assert len(carrier.witness("ended")) == 4
        cancel(fleet, others)
        ended(fleet, others)


def hang_up_by(platform: Platform, asked: list[str], failures: list[Answer]) -> None:
    """The platform ends what it is asked to stop, after its failures."""

    def stop(request: Received) -> Answer | None:
        if not request.path.startswith("/v2/stop-call/"):
            return None
        asked.append(request.path.rsplit("/", 1)[1])
        if failures:
            return failures.pop()
        platform.end(asked[-1], "manual_stopped")
        return answer_json(204, None)

    platform.on_ask = stop


def test_a_call_whose_placing_is_under_way_is_hung_up_once_it_is_known(fleet: Fleet, platform: Platform) -> None:
    asked: list[str] = []
    answer = threading.Event()
    hang_up_by(platform, asked, [])
    platform.on_create = lambda request: answer_json(201, platform.place(request), after=answer)
    fleet.worker()
    batch = fleet.batch()
    fleet.wait_state(batch, phase="live")
    cancel(fleet, batch)
    wait_until(lambda: not fleet.cells_hold("stopping"), what="a tick has seen it")
    assert asked == []
    answer.set()
    ended(fleet, batch)
    assert len(asked) >= 1 and platform.count_creates() == 1


def test_a_platform_that_fails_to_hang_up_is_asked_again(fleet: Fleet, platform: Platform) -> None:
    asked: list[str] = []
    hang_up_by(platform, asked, [refuse(500), refuse(429, {"Retry-After": "1"})])
    fleet.worker()
    batch = fleet.batch()
    call_id = platform.wait_creates(1)[0].call_id
    fleet.wait_state(batch, phase="live", p=call_id)
    cancel(fleet, batch)
    for times in (1, 2):
        wait_until(lambda: len(asked) == times, what="the platform is asked")
        wait_until(lambda: (fleet.client.zscore(fleet.engine().key("live"), f"{batch}/0/1") or 0) < fleet.engine().now_ms() + 5_000)
        fleet.make_check_due(batch)
    ended(fleet, batch)
    assert asked == [call_id] * 3
