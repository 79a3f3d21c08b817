# SPDX-License-Identifier: Apache-2.0
"""cell_stop: a stopped cell hands out nothing and lets nothing begin; what is on the line comes to its end."""

from __future__ import annotations

import pytest
import redis

from tests.support.auditor import audit_cell
from tests.support.engine import Engine, Slot
from tests.support.waiting import wait_until


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.trunk("main")
    engine.tenant("acme")
    return engine


def stop(cell: Engine, how: str = "stop") -> int:
    return int(cell.scripts.run("cell_stop", how))


def claim_some(cell: Engine, count: int) -> list[Slot]:
    slots: list[Slot] = []
    wait_until(lambda: slots.extend(cell.claim().slots) or len(slots) >= count)
    return slots


def test_a_stopped_cell_hands_out_nothing(cell: Engine) -> None:
    cell.batch("acme", "main", 5)
    assert stop(cell) == 1
    claim = cell.claim()
    assert (claim.slots, claim.next_ms, claim.more) == ([], None, False)
    assert audit_cell(cell) == []
    assert stop(cell, "start") == 1
    assert len(claim_some(cell, 5)) == 5


def test_what_was_claimed_before_does_not_begin_and_is_not_charged(cell: Engine) -> None:
    batch = cell.batch("acme", "main")
    slots = claim_some(cell, 1)
    stop(cell)
    assert cell.begin(slots) == [("released", "stopped")]
    counters = cell.counters(batch)
    assert (counters["due"], counters["claimed"], counters["attempts"]) == (1, 0, 0)
    assert audit_cell(cell) == []


def test_what_is_on_the_line_comes_to_its_end(cell: Engine) -> None:
    batch = cell.batch("acme", "main")
    slots = claim_some(cell, 1)
    assert cell.begin(slots)[0][0] == "begun"
    stop(cell)
    assert cell.finish(slots[0]) != ""
    assert cell.hash(f"batch:{batch}")["state"] == "completed"


def test_a_stop_and_a_start_may_be_said_again(cell: Engine) -> None:
    assert stop(cell) == 1
    since = cell.hash("cell")["stopped_ms"]
    assert stop(cell) == 0 and cell.hash("cell")["stopped_ms"] == since
    assert stop(cell, "start") == 1 and "stopped_ms" not in cell.hash("cell")
    assert stop(cell, "start") == 0
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        stop(cell, "halt")


def test_a_start_wakes_the_workers(cell: Engine) -> None:
    stop(cell)
    with cell.client.pubsub() as listener:
        listener.subscribe(cell.key("wake"))
        assert listener.get_message(timeout=10.0)["type"] == "subscribe"
        stop(cell, "start")
        assert listener.get_message(timeout=10.0)["type"] == "message"
