# SPDX-License-Identifier: Apache-2.0
"""batch_retries: every retry that waits is counted once, in the step in which it is due."""

from __future__ import annotations

import dataclasses
import random

import pytest
import redis

from tests.support.engine import Engine

MOST = 60


@dataclasses.dataclass(frozen=True)
class Retries:
    now_ms: int
    total: int
    due: int
    next_ms: int | None
    last_ms: int | None
    step_ms: int
    counts: list[int]


def ask(cell: Engine, batch: str, steps: int = MOST, tenant: str = "acme") -> Retries:
    now, total, due, following, last, step, *counts = cell.scripts.run("batch_retries", batch, tenant, steps)
    return Retries(int(now), total, due, int(following) if following else None, int(last) if last else None, step, counts)


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.trunk("main")
    engine.tenant("acme")
    return engine


def wait_for(cell: Engine, batch: str, dues_ms: list[int]) -> None:
    if dues_ms:
        cell.client.zadd(cell.key(f"batch:{batch}:retry:0"), {str(i): due for i, due in enumerate(dues_ms)})


def test_a_batch_without_retries_has_none(cell: Engine) -> None:
    told = ask(cell, cell.batch("acme", "main", 3))
    assert dataclasses.replace(told, now_ms=0) == Retries(0, 0, 0, None, None, 0, [])


def test_a_retry_that_the_engine_made_is_told(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 2)
    cell.finish(cell.begin_next(batch), "retry", "BUSY", 3_600_000)
    told = ask(cell, batch)
    assert (told.total, told.due, sum(told.counts)) == (1, 0, 1)
    assert told.next_ms == told.last_ms and 3_590_000 < told.next_ms - told.now_ms <= 3_600_000
    assert told.step_ms == 60_000 and told.counts[-1] == 1 and len(told.counts) == MOST


@pytest.mark.parametrize("steps", [1, 2, 7, 60, 100])
@pytest.mark.parametrize("reach_ms", [1, 999, 1000, 1001, 60_000, 86_400_000])
def test_each_is_counted_once_in_its_step(cell: Engine, steps: int, reach_ms: int) -> None:
    batch, draw = cell.batch("acme", "main", 1), random.Random(steps * reach_ms)
    base = cell.now_ms() + 60_000
    dues = [base + draw.randrange(reach_ms) for _ in range(200)] + [base, base - 120_000, base - 120_001]
    wait_for(cell, batch, dues)
    told = ask(cell, batch, steps)
    ahead = [due for due in dues if due > told.now_ms]
    assert (told.total, told.due) == (len(dues), 2)
    assert (told.next_ms, told.last_ms) == (base, max(dues))
    assert told.step_ms % 1000 == 0 and 1 <= len(told.counts) <= steps
    assert (len(told.counts) - 1) * told.step_ms < max(dues) - told.now_ms <= len(told.counts) * told.step_ms
    edges = [told.now_ms + i * told.step_ms for i in range(len(told.counts) + 1)]
    assert told.counts == [sum(low < due <= high for due in ahead) for low, high in zip(edges, edges[1:])]


def test_those_whose_time_has_come_are_in_no_step(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1)
    wait_for(cell, batch, [1, cell.now_ms() - 1])
    told = ask(cell, batch)
    assert (told.total, told.due, told.next_ms, told.last_ms, told.step_ms, told.counts) == (2, 2, None, None, 0, [])


def test_it_is_its_tenants_to_ask(cell: Engine) -> None:
    cell.tenant("globex")
    batch = cell.batch("acme", "main", 1)
    hidden = cell.batch("acme", "main", 1)
    cell.client.hset(cell.key(f"batch:{hidden}"), mapping={"state": "ingesting", "sealed": ""})
    for asked, tenant in ((batch, "globex"), (hidden, "acme"), ("batch_c0_none", "acme")):
        with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
            ask(cell, asked, tenant=tenant)


@pytest.mark.parametrize("steps", [0, -1, 101, 1.5, "x", ""])
def test_steps_beyond_the_bound_are_refused(cell: Engine, steps: object) -> None:
    batch = cell.batch("acme", "main", 1)
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        cell.scripts.run("batch_retries", batch, "acme", steps)
