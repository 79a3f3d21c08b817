# SPDX-License-Identifier: Apache-2.0
"""call_claim tells what kept it from bringing more, and how long what was due first had waited: what
carillon_claim_limits_total and carillon_schedule_lag_seconds show."""

from __future__ import annotations

import pytest

from tests.support.engine import Claim, Engine
from tests.support.waiting import wait_until


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.trunk("main")
    engine.tenant("acme")
    return engine


def claim_with_calls(cell: Engine, calls: int = 64, steps: int = 400) -> Claim:
    """The first claim that brings something."""
    found: list[Claim] = []

    def brings() -> bool:
        found.append(cell.claim(calls=calls, steps=steps))
        return len(found[-1].slots) > 0

    wait_until(brings)
    return found[-1]


def test_a_claim_that_is_full_says_so(cell: Engine) -> None:
    cell.batch("acme", "main", 500, cps=500)
    assert claim_with_calls(cell, calls=3).limit == "calls"


def test_a_claim_that_came_to_the_bound_of_its_work_says_so(cell: Engine) -> None:
    for _ in range(8):
        cell.batch("acme", "main", 50, cps=500)
    assert claim_with_calls(cell, steps=6).limit == "steps"


def test_a_full_trunk_is_told(cell: Engine) -> None:
    cell.trunk("main", how="set", max_concurrent=2)
    cell.batch("acme", "main", 50, cps=500)
    claim = claim_with_calls(cell)
    assert (len(claim.slots), claim.limit) == (2, "trunk_full")


def test_a_full_tenant_is_told(cell: Engine) -> None:
    cell.tenant("acme", how="set", max_concurrent=2)
    cell.batch("acme", "main", 50, cps=500)
    claim = claim_with_calls(cell)
    assert (len(claim.slots), claim.limit) == (2, "tenant_full")


def test_a_full_batch_is_told(cell: Engine) -> None:
    cell.batch("acme", "main", 50, cps=500, max_concurrent=2)
    claim = claim_with_calls(cell)
    assert (len(claim.slots), claim.limit) == (2, "batch_full")


def test_a_trunks_rate_is_told(cell: Engine) -> None:
    cell.trunk("main", how="set", cps=20)
    for _ in range(10):
        cell.batch("acme", "main", 50, cps=500)
    assert claim_with_calls(cell).limit == "trunk_rate"


def test_a_tenants_rate_is_told(cell: Engine) -> None:
    cell.tenant("acme", how="set", cps=20)
    for _ in range(10):
        cell.batch("acme", "main", 50, cps=500)
    assert claim_with_calls(cell).limit == "tenant_rate"


def test_a_batchs_rate_is_told(cell: Engine) -> None:
    cell.batch("acme", "main", 50, cps=10)
    assert claim_with_calls(cell).limit == "batch_rate"


def test_a_number_that_is_on_another_call_is_told(cell: Engine) -> None:
    (number,) = cell.numbers(1)
    cell.batch("acme", "main", [number], cps=500)
    assert claim_with_calls(cell).limit in ("nothing", "due")
    cell.batch("acme", "main", [number], cps=500)
    limits = []
    wait_until(lambda: limits.append(cell.claim().limit) or "number" in limits)


def test_a_stopped_tenant_is_told(cell: Engine) -> None:
    cell.batch("acme", "main", 5)
    cell.tenant("acme", how="set", state="stopped")
    limits = []
    wait_until(lambda: limits.append(cell.claim().limit) or "tenant_stopped" in limits)


def test_a_cell_without_work_has_nothing_and_one_with_work_for_later_has_it_due(cell: Engine) -> None:
    assert (cell.claim().limit, cell.claim().lag_ms) == ("nothing", 0)
    cell.batch("acme", "main", 5, start_in_ms=60_000)
    assert (cell.claim().limit, cell.claim().lag_ms) == ("due", 0)


def test_a_stopped_cell_and_a_closed_one_are_told_and_lag_behind_nothing(cell: Engine) -> None:
    cell.batch("acme", "main", 5)
    cell.scripts.run("cell_stop", "stop")
    assert (cell.claim().limit, cell.claim().lag_ms) == ("stopped", 0)
    cell.scripts.run("cell_stop", "start")
    cell.close(cell.now_ms())
    assert (cell.claim().limit, cell.claim().lag_ms) == ("closed", 0)


def test_a_trunk_whose_platform_asked_for_a_pause_is_told(cell: Engine) -> None:
    cell.trunk("main", how="set", hold_until_ms=cell.now_ms() + 30_000)
    cell.batch("acme", "main", 5)
    assert cell.claim().limit == "trunk_held"


def test_work_that_nobody_claimed_lags_behind_by_as_long_as_it_waited(cell: Engine) -> None:
    cell.batch("acme", "main", 50, cps=10)
    claim_with_calls(cell)
    due = cell.client.zscore(cell.key("trunks"), "main")
    assert due is not None
    cell.client.zadd(cell.key("trunks"), {"main": cell.now_ms() - 5_000})
    assert 5_000 <= cell.claim().lag_ms < 15_000
    assert cell.claim().lag_ms == 0, "the next one comes to nothing that has waited"


def test_a_batch_that_was_paused_for_long_lags_behind_nothing_when_it_goes_on(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 50, cps=10)
    slots = claim_with_calls(cell).slots
    cell.begin(slots)
    assert cell.control(batch, "acme", "pause")
    long_ago_ms = cell.now_ms() - 3_600_000
    cell.client.hset(cell.key(f"batch:{batch}"), mapping={"start_ms": long_ago_ms, "tat_us": long_ago_ms * 1000})
    wait_until(lambda: cell.claim().limit in ("nothing", "due"))
    assert cell.control(batch, "acme", "resume")
    assert cell.claim().lag_ms < 5_000


def test_a_request_that_comes_again_is_told_nothing_new(cell: Engine) -> None:
    cell.batch("acme", "main", 50, cps=500)
    slots = []
    wait_until(lambda: slots.extend(cell.claim(request="again").slots) or slots)
    again = cell.claim(request="again")
    assert (len(again.slots), again.limit, again.lag_ms) == (len(slots), "", 0)
