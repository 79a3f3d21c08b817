# SPDX-License-Identifier: Apache-2.0
"""What nobody could use of a rate is there for whoever comes later: a claim hands out slots up to a horizon ahead, and yet
a batch that is submitted then need not wait behind them (common/lua/lib/gaps.lua)."""

from __future__ import annotations

import random

import pytest

from tests.support.engine import Engine

TRUNK_CPS = 100
INTERVAL_US = 10_050
MOST = 64


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.trunk("main", cps=TRUNK_CPS)
    for tenant in ("acme", "other"):
        engine.tenant(tenant, cps=TRUNK_CPS)
    return engine


def gaps(engine: Engine, rest: str) -> list[tuple[int, int]]:
    """First and last instant of each."""
    base, *words = engine.hash(rest).get("gaps", "0").split()
    return [(int(base) + int(start), int(base) + int(start) + int(length)) for start, length in (word.split("+") for word in words)]


def slots_of(engine: Engine, batch: str) -> list[tuple[int, int]]:
    """Of the batch's calls that a claim hands out now: how far ahead of it each may start, and when."""
    claim = engine.claim()
    return [(slot.slot_us - claim.now_us, slot.slot_us) for slot in claim.slots if slot.batch == batch]


@pytest.mark.parametrize("tenant", ("acme", "other"))
def test_a_batch_that_comes_later_does_not_wait_behind_slots_that_are_handed_out_already(cell: Engine, tenant: str) -> None:
    cell.batch("acme", "main", 200, cps=10, priority=1)
    for _ in range(4):
        assert cell.claim().next_ms
        later = cell.batch(tenant, "main", priority=10)
        ((ahead_us, _),) = slots_of(cell, later)
        assert ahead_us <= 50_000, "its first slot lies behind the plan"


def test_slots_in_gaps_keep_the_rates(cell: Engine) -> None:
    """k + 1 slots of a rate span k - 1 of its intervals at least, and hardly less: the one that is missing is credit for
    lateness, and times are waited for in milliseconds."""
    rng, slots = random.Random(7), list[tuple[int, str]]()
    tenants = {cell.batch(tenant, "main", 60, cps=rng.choice((3, 7, 10))): tenant for tenant in ("acme", "other") for _ in range(2)}
    while len(slots) < 80:
        batch = cell.batch(rng.choice(("acme", "other")), "main", rng.randint(1, 4), cps=rng.choice((10, 30)))
        tenants[batch] = cell.hash(f"batch:{batch}")["tenant"]
        slots += [(slot.slot_us, tenants[slot.batch]) for slot in cell.claim().slots]
    for of in (("acme", "other"), ("acme",), ("other",)):
        ordered = sorted(at for at, tenant in slots if tenant in of)
        for k in (2, 3, 8):
            assert min(b - a for a, b in zip(ordered, ordered[k:])) >= (k - 1) * INTERVAL_US - 1000
    assert [at for at, _ in slots] != sorted(at for at, _ in slots), "no gap was used"


def test_a_gap_is_free_time_and_lies_before_the_next_slot(cell: Engine) -> None:
    cell.batch("acme", "main", 50, cps=10)
    claim = cell.claim()
    slots = sorted(slot.slot_us for slot in claim.slots)
    for rest in ("trunk:main", "tenant:acme"):
        found = gaps(cell, rest)
        assert found and all(claim.now_us <= first < last for first, last in found)
        for first, last in found:
            assert all(slot + INTERVAL_US <= first or last + INTERVAL_US <= slot for slot in slots), (found, slots)


def test_where_somebody_always_waits_there_is_no_gap(cell: Engine) -> None:
    for _ in range(5):
        cell.batch("acme", "main", 200, cps=30)
    for _ in range(3):
        cell.claim()
    assert gaps(cell, "trunk:main") == [] or all(last - first < 25_000 for first, last in gaps(cell, "trunk:main"))


def test_what_is_kept_of_gaps_has_a_bound(cell: Engine) -> None:
    cell.trunk("main", "set", cps=1000)
    cell.tenant("acme", "set", cps=1000)
    for _ in range(60):
        cell.batch("acme", "main", 20, cps=7)
        cell.claim()
        for rest in ("trunk:main", "tenant:acme"):
            assert len(gaps(cell, rest)) <= MOST


def test_where_the_log_of_begins_is_full_nobody_is_sent_into_a_gap(cell: Engine) -> None:
    """It would be released again at once, and again."""
    cell.trunk("main", "set", cps=5)
    batch = cell.batch("acme", "main", 1)
    (slot,) = cell.claim().slots
    now_us = cell.now_ms() * 1000
    cell.client.rpush(cell.key("begins:k/main"), *([now_us] * 5))
    cell.client.hset(cell.key("trunk:main"), "gaps", f"{now_us} 0+900000")
    cell.client.hset(cell.key("tenant:acme"), "gaps", f"{now_us} 0+900000")
    assert cell.begin([slot]) == [("released", "rate")]
    assert "gaps" not in cell.hash("trunk:main") and "gaps" in cell.hash("tenant:acme")
    assert slots_of(cell, batch) == []
