# SPDX-License-Identifier: Apache-2.0
"""carillon-worker and the stand-in carrier, over Twilio's API: two programs that were written apart from Twilio's
documentation. Whatever answers are lost, each number rings once and comes to what the carrier decided."""

from __future__ import annotations

import collections
import pathlib
from collections.abc import Iterator

import pytest

from tests.support.carrier import ACCOUNT, KEY, Carrier, fate
from tests.support.fleet import Fleet
from tests.support.redis_server import RedisServer

SEED = 7
WEIGHTS = {"completed": 4, "busy": 1, "no_answer": 1, "failed": 1, "voicemail": 1}
# Only callbacks tell the SIP code that they are known by: polled, both are failed.
WEIGHTS_TOLD = {**WEIGHTS, "blocked": 1, "invalid_number": 1}
NUMBERS = range(15550100000, 15550100040)


@pytest.fixture
def fleet(redis_server: RedisServer, tmp_path: pathlib.Path) -> Iterator[Fleet]:
    made = Fleet(redis_server, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    "faults",
    [
        {},
        {"callback_early": 0.5, "callback_twice": 0.5},
        {"callback_never": 0.5},
        {"reset": 0.3, "error": 0.2, "garbage": 0.2},
        {"throttle": 0.2, "concurrency": 0.2, "unavailable": 0.2},
        {"reset": 0.3, "error": 0.3, "unplaced": 0.3, "callback_never": 0.5},
    ],
    ids=lambda faults: "+".join(faults) or "none",
)
def test_each_number_rings_once_and_comes_to_its_fate(
    fleet: Fleet, tmp_path: pathlib.Path, faults: dict[str, float]
) -> None:
    weights = WEIGHTS if "callback_never" in faults or "reset" in faults else WEIGHTS_TOLD
    outcomes = ",".join(f"{name}={weight}" for name, weight in weights.items())
    args = [item for name, rate in faults.items() for item in ("--fault", f"{name}={rate}")]
    args += ["--seed", str(SEED), "--outcomes", outcomes, "--ring-ms", "20", "--talk-ms", "50"]
    with Carrier(tmp_path, *args) as carrier:
        fleet.trunk(
            carrier.process.url,
            platform_key=KEY,
            profile="twilio",
            poll_after_ms=500,
            **{"var:account_sid": ACCOUNT, "var:answer_url": "https://voice.example/a"},
            **{"var:machine_detection": "Enable"},
        )
        fleet.worker()
        fleet.worker()
        batch = fleet.batch(NUMBERS, max_attempts=1)
        came_to = fleet.wait_final(batch, deadline_s=60)
        placed = collections.Counter(line["to"] for line in carrier.witness("placed"))
    assert placed == {f"+{number}": 1 for number in NUMBERS}
    expected = collections.Counter(fate(SEED, f"+{number}", 1, weights).upper() for number in NUMBERS)
    assert came_to == expected
