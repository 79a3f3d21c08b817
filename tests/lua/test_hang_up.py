# SPDX-License-Identifier: Apache-2.0
"""A cancel that hangs up what is on the line: the calls become due to be checked, share by share, each marked so, whenever
their platform's answer comes."""

from __future__ import annotations

import pytest

from tests.support.engine import Engine, Slot
from tests.support.redis_clock import RedisClock
from tests.support.waiting import wait_until


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.trunk("main", profile="retell")
    engine.tenant("acme")
    return engine


def begin(engine: Engine, batch: str, n: int) -> list[Slot]:
    return [engine.begin_next(batch, "w1") for _ in range(n)]


def due_texts(engine: Engine) -> dict[str, str]:
    reply = engine.scripts.run("call_checks", 64, 15_000)
    return {f"{row[0].decode()}/{row[1].decode()}": row[3].decode() for row in reply[2:]}


def cancel(engine: Engine, batch: str) -> list[object]:
    return list(engine.scripts.run("batch_control", batch, "acme", "cancel", "in-flight"))


def test_every_call_on_the_line_is_handed_out_marked_and_at_once(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, cps=30)
    live = begin(cell, batch, 3)
    cell.accept(live[0])
    cell.control(batch, "acme", "pause", "user")
    begin(cell, cell.batch("acme", "main", 1, cps=30), 1)
    assert cancel(cell, batch) == [b"cancelling", 2, 3, b"retell"]
    cell.tick()
    texts = due_texts(cell)
    assert set(texts) == {f"{batch}/{slot.ordinal}" for slot in live}
    assert all(text.endswith(" y=2") for text in texts.values())
    assert cell.client.zcard(cell.key("stopping")) == 0


def test_a_tick_makes_its_share_due_and_the_next_goes_on(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 12, cps=30)
    begin(cell, batch, 7)
    cancel(cell, batch)
    seen: set[str] = set()
    for turn in range(1, 9):
        cell.tick(items=3)  # two go to the batch's ending and to nothing else
        seen |= set(due_texts(cell))
        if not cell.client.zcard(cell.key("stopping")):
            break
    assert len(seen) == 7 and turn > 2, (seen, turn)


def test_a_call_whose_answer_comes_afterwards_is_stopped_then(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 2, cps=30)
    (slot,) = begin(cell, batch, 1)
    cancel(cell, batch)
    cell.tick()
    due_texts(cell)  # nobody can hang up what has no id yet
    assert cell.scripts.run("call_accept", *slot.ref, "p1", cell.now_ms() + 60_000, 0) == [b"stop"]
    assert due_texts(cell)[f"{batch}/{slot.ordinal}"].endswith(" y=2")


def test_it_is_asked_for_again_until_the_call_is_over(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1, cps=30)
    (slot,) = begin(cell, batch, 1)
    cell.accept(slot)
    cancel(cell, batch)
    cell.tick()
    due_texts(cell)
    cell.recheck(slot, "answered", "p1")
    cell.scripts.run("call_recheck", *slot.ref, "answered", "p1", cell.now_ms() + 600_000, 0, 0)
    score = cell.client.zscore(cell.key("live"), slot.member)
    assert score is not None and score <= cell.now_ms() + 5_000
    assert "y" not in cell.state(batch, slot.ordinal)
    cell.finish(slot)
    assert cell.hash(f"batch:{batch}")["state"] == "cancelled"


def test_a_plain_cancel_hangs_up_nobody_and_may_be_made_more_of(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 3, cps=30)
    begin(cell, batch, 1)
    cell.control(batch, "acme", "cancel")
    cell.tick()
    assert due_texts(cell) == {} and not cell.client.exists(cell.key("stopping"))
    assert cancel(cell, batch)[:3] == [b"cancelling", 0, 1]
    assert cancel(cell, batch)[:3] == [b"cancelling", 0, 1]
    cell.tick()
    assert len(due_texts(cell)) == 1


def test_what_ends_before_its_turn_leaves_nothing_behind(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1, cps=30)
    (slot,) = begin(cell, batch, 1)
    cancel(cell, batch)
    cell.finish(slot)
    assert cell.hash(f"batch:{batch}")["state"] == "cancelled"
    wait_until(lambda: (cell.tick(), not cell.client.exists(cell.key("stopping")))[1], 3.0, "it is forgotten")
    assert cancel(cell, batch)[:3] == [b"cancelled", 0, 0]
    assert not cell.client.exists(cell.key("stopping"))


def test_calls_that_began_at_one_instant_are_handed_out_one_and_all(decreed_engine: Engine, clock: RedisClock) -> None:
    engine = decreed_engine
    engine.trunk("main")
    engine.tenant("acme")
    batch = engine.batch("acme", "main", 40, cps=1000)
    slots = engine.claim().slots
    clock.step(100_000)
    assert {answer[1] for answer in engine.begin(slots)} == {str(clock.now_us)} and len(slots) == 40
    cancel(engine, batch)
    while engine.client.zcard(engine.key("stopping")):
        engine.tick(items=12)
    assert len(due_texts(engine)) == 40
