# SPDX-License-Identifier: Apache-2.0
"""Concurrency has no time at which it frees: who meets a full one is parked, and must come back by every way that frees
room. Each test fills a limit of one, lets room appear in one way, and claims the next call with no clock to help."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.auditor import audit_cell
from tests.support.engine import Engine, Slot
from tests.support.waiting import wait_until

SCOPES = ("batch", "tenant", "trunk")
FLOWS_WOKEN = 64  # by one call's end (common/lua/lib/scheduler.lua)


def full(engine: Engine, scope: str) -> Slot:
    """A cell whose `scope` admits one call at a time, and the claimed call that fills it."""
    limit = {scope: {"max_concurrent": 1}}
    engine.trunk("main", **limit.get("trunk", {}))
    engine.tenant("acme", **limit.get("tenant", {}))
    engine.batch("acme", "main", 5, cps=30, **limit.get("batch", {}))
    slots = claim_some(engine)
    assert len(slots) == 1
    assert engine.claim("w2").slots == []
    return slots[0]


def claim_some(engine: Engine, worker: str = "w1") -> list[Slot]:
    """Claims until something comes: a lane's pace may ask for a little patience."""
    return wait_until(lambda: engine.claim(worker).slots, 3.0, "a call can be claimed")


def parked(engine: Engine) -> list[bytes]:
    return engine.client.zrange(engine.key("parked"), 0, -1)


def by_finish(engine: Engine, slot: Slot) -> None:
    assert engine.begin([slot])[0][0] == "begun"
    assert engine.finish(slot) == "final"


def by_hangup(engine: Engine, slot: Slot) -> None:
    assert engine.begin([slot])[0][0] == "begun"
    assert engine.finish(slot, how="ended") == "ended"


def by_retry(engine: Engine, slot: Slot) -> None:
    assert engine.begin([slot])[0][0] == "begun"
    assert engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=60_000) == "due"


def by_abort(engine: Engine, slot: Slot) -> None:
    assert engine.begin([slot])[0][0] == "begun"
    assert engine.abort(slot, "NOT_SENT", due_in_ms=60_000) == "aborted"


def by_release(engine: Engine, slot: Slot) -> None:
    assert engine.release([slot]) == ["released"]


def by_absence(engine: Engine, slot: Slot) -> None:
    assert engine.begin([slot])[0][0] == "begun"
    assert engine.recheck(slot, "absent", absent_after_ms=0) == "kept"
    assert engine.recheck(slot, "absent", absent_after_ms=0) == "givenback"


WAYS: dict[str, Callable[[Engine, Slot], None]] = {
    "finish": by_finish,
    "hangup": by_hangup,
    "retry": by_retry,
    "abort": by_abort,
    "release": by_release,
    "absence": by_absence,
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("way", sorted(WAYS))
def test_room_wakes_who_was_parked(engine: Engine, scope: str, way: str) -> None:
    slot = full(engine, scope)
    assert parked(engine)
    WAYS[way](engine, slot)
    assert len(claim_some(engine, "w2")) == 1


@pytest.mark.parametrize("scope", SCOPES)
def test_a_raised_limit_wakes_who_was_parked(engine: Engine, scope: str) -> None:
    slot = full(engine, scope)
    if scope == "batch":
        engine.change(slot.batch, "acme", max_concurrent=2)
    elif scope == "tenant":
        engine.tenant("acme", how="set", max_concurrent=2)
    else:
        engine.trunk("main", how="set", max_concurrent=2)
    assert len(claim_some(engine, "w2")) == 1


@pytest.mark.parametrize("scope", SCOPES)
def test_a_limit_taken_away_wakes_who_was_parked(engine: Engine, scope: str) -> None:
    slot = full(engine, scope)
    if scope == "batch":
        engine.change(slot.batch, "acme", max_concurrent=None)
    elif scope == "tenant":
        engine.tenant("acme", how="set", max_concurrent="")
    else:
        engine.trunk("main", how="set", max_concurrent="")
    assert len(claim_some(engine, "w2")) >= 1


@pytest.mark.parametrize("scope", SCOPES)
def test_a_tick_takes_back_an_expired_claim_and_wakes_who_was_parked(engine: Engine, scope: str) -> None:
    full(engine, scope)
    reclaimed = wait_until(lambda: engine.tick("w2")["reclaimed"], 5.0, "the claim's lease passes")
    assert reclaimed == 1
    assert len(claim_some(engine, "w2")) == 1


@pytest.mark.parametrize("scope", SCOPES)
def test_a_lost_wake_is_found_by_the_reconcile_and_counted(engine: Engine, scope: str) -> None:
    slot = full(engine, scope)
    engine.begin([slot])  # or its lease would pass first, and wake in the ordinary way
    for kind, name in (("k", "main"), ("t", "acme"), ("b", slot.batch)):
        engine.client.delete(engine.key(f"flying:{kind}/{name}"))  # room without a word to anyone
    assert wait_until(lambda: engine.tick("w2")["lost"], 5.0, "the reconcile runs") == 1
    assert engine.hash("cell")["lost_wakes"] == "1"
    assert len(claim_some(engine, "w2")) == 1


def test_a_stopped_tenant_is_parked_and_comes_back_when_it_is_started(engine: Engine) -> None:
    engine.trunk("main")
    engine.tenant("acme", state="stopped")
    engine.batch("acme", "main", 1)
    assert engine.claim().slots == []
    engine.tenant("acme", how="set", state="active")
    assert len(claim_some(engine)) == 1


def test_a_stopped_trunk_hands_out_nothing_until_it_is_started(engine: Engine) -> None:
    engine.trunk("main", state="stopped")
    engine.tenant("acme")
    engine.batch("acme", "main", 1)
    assert engine.claim().slots == []
    engine.trunk("main", how="set", state="active")
    assert len(claim_some(engine)) == 1


def test_one_full_trunk_does_not_hold_up_another(engine: Engine) -> None:
    engine.trunk("full", max_concurrent=1)
    engine.trunk("free")
    engine.tenant("acme")
    engine.batch("acme", "full", 5, cps=30)
    engine.batch("acme", "free", 5, cps=30)
    taken = engine.claim().slots
    trunks = [engine.hash(f"batch:{slot.batch}")["trunk"] for slot in taken]
    assert trunks.count("full") == 1
    assert trunks.count("free") >= 2


def test_never_more_on_the_line_than_the_limit(engine: Engine) -> None:
    engine.trunk("main", max_concurrent=7)
    engine.tenant("acme", max_concurrent=5)
    batch = engine.batch("acme", "main", 40, cps=30, max_concurrent=3)
    engine.batch("acme", "main", 40, cps=30)
    held: list[Slot] = []
    for _ in range(12):
        held += engine.claim().slots
        assert len(held) <= 5
        assert sum(slot.batch == batch for slot in held) <= 3
        if len(held) == 5:
            slot = held.pop(0)
            engine.begin([slot])
            engine.finish(slot)


def test_a_tenant_that_waits_on_more_trunks_than_one_wake_takes_stays_listed_for_the_next(engine: Engine) -> None:
    engine.tenant("acme", max_concurrent=1)
    trunks = [f"t{i}" for i in range(FLOWS_WOKEN + 3)]
    for trunk in trunks:
        engine.trunk(trunk)
        engine.batch("acme", trunk, 2, cps=30)
    slot = claim_some(engine)[0]
    engine.claim("w2")
    assert engine.client.zcard(engine.key("parked:t/acme")) == len(trunks)
    by_finish(engine, slot)
    assert engine.client.zcard(engine.key("parked:t/acme")) == len(trunks) - FLOWS_WOKEN
    assert audit_cell(engine) == []


@pytest.mark.parametrize("scope", SCOPES)
def test_nobody_is_listed_as_parked_once_what_waited_is_gone(engine: Engine, scope: str) -> None:
    slot = full(engine, scope)
    assert engine.begin([slot])[0][0] == "begun"
    engine.control(slot.batch, "acme", "cancel")
    assert engine.finish(slot) == "final"
    assert parked(engine) == []
