# SPDX-License-Identifier: Apache-2.0
"""`carillon audit` finds nothing in a sound cell, and one planted fault for each invariant."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.support.engine import BUSY_MS, Engine, Slot
from tests.support.processes import run
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

NUMBER = 15559990001


class Cell:
    """A cell with something in every place: a call due, claimed, live, ended, final, retried, held; a lane waiting and one
    parked; a window and an expiry; and the server it lives in."""

    def __init__(self, engine: Engine, server: RedisServer) -> None:
        self.engine = engine
        self.server = server
        engine.trunk("main", cps=1000)
        engine.tenant("acme", cps=1000, available_s=100_000)
        engine.tenant("lone", cps=1000)
        now, hour = engine.now_ms(), 3_600_000
        self.batch = engine.batch(
            *("acme", "main", 200),
            cps=30,
            expires_ms=now + 9 * hour,
            window="{}",
            hours=f"{now - hour}-{now + hour} {now + 2 * hour}-{now + 3 * hour}",
            hours_until_ms=now + 4 * hour,
        )
        self.held_batch = engine.batch("acme", "main", [NUMBER], cps=30, priority=1)
        self.holder = engine.batch("acme", "main", [NUMBER], cps=30, priority=9)
        self.parked_batch = engine.batch("lone", "main", 5, cps=30, max_concurrent=1)
        slots: list[Slot] = []
        while len([slot for slot in slots if slot.batch == self.batch]) < 5:
            slots += wait_until(lambda: engine.claim("w1").slots, 3.0, "calls can be claimed")
            engine.begin([slot for slot in slots if slot.batch != self.batch], "w1")
        mine = [slot for slot in slots if slot.batch == self.batch]
        self.live, self.ended, self.final, self.retried = mine[:4]
        begun = engine.begin(mine[:4], "w1", late_ms=BUSY_MS)
        assert [answer[0] for answer in begun] == ["begun"] * 4
        engine.finish(self.ended, how="ended")
        engine.finish(self.final)
        engine.finish(self.retried, how="retry", outcome="BUSY", next_in_ms=600_000)
        self.claimed = wait_until(
            lambda: [slot for slot in engine.claim("w1").slots if slot.batch == self.batch], 3.0, "one more is claimed"
        )[0]

    def key(self, rest: str) -> str:
        return self.engine.key(rest)

    def audit(self) -> tuple[int, str]:
        ended = run("carillon", "audit", *self.server.flags("carillon-inspector"))
        return ended.returncode, ended.stdout

    def set_state(self, ordinal: int, change: Callable[[str], str]) -> None:
        key, field = self.key(f"batch:{self.batch}:state:{ordinal // 64}"), str(ordinal)
        self.engine.client.hset(key, field, change(self.engine.client.hget(key, field).decode()))


@pytest.fixture
def cell(engine: Engine, redis_server: RedisServer) -> Cell:
    return Cell(engine, redis_server)


def test_a_sound_cell_has_no_faults(cell: Cell) -> None:
    assert cell.audit() == (0, "audit: ok, 4 batches, 0 faults\n")


def test_a_new_cell_has_no_faults(engine: Engine, redis_server: RedisServer) -> None:
    engine.open("run-1")
    ended = run("carillon", "audit", *redis_server.flags("carillon-inspector"))
    assert (ended.returncode, ended.stdout) == (0, "audit: ok, 0 batches, 0 faults\n")


def lane(batch: str) -> str:
    return f"{batch}/0"


def lane_lost(cell: Cell) -> None:
    for kind in ("waiting", "ready"):
        cell.engine.client.zrem(cell.key(f"{kind}:f/main/acme"), lane(cell.batch))


def lane_twice(cell: Cell) -> None:
    cell.engine.client.zadd(cell.key("ready:f/main/acme"), {lane(cell.batch): 1})
    cell.engine.client.zadd(cell.key("waiting:f/main/acme"), {lane(cell.batch): 1})


def lane_of_a_paused_batch(cell: Cell) -> None:
    cell.engine.control(cell.batch, "acme", "pause", "user")
    cell.engine.client.zadd(cell.key("ready:f/main/acme"), {lane(cell.batch): 1})
    cell.engine.client.zadd(cell.key("waiting:k/main"), {"acme": 1})


def lane_parked_unreconciled(cell: Cell) -> None:
    cell.engine.client.zrem(cell.key("parked"), f"b/{cell.parked_batch}")


def flow_lost(cell: Cell) -> None:
    for kind in ("waiting", "turn"):
        cell.engine.client.zrem(cell.key(f"{kind}:k/main"), "acme")


def flow_twice(cell: Cell) -> None:
    cell.engine.client.zadd(cell.key("turn:k/main"), {"acme": 1e15})
    cell.engine.client.zadd(cell.key("waiting:k/main"), {"acme": 1})


def flow_without_lanes(cell: Cell) -> None:
    cell.engine.tenant("idle")
    cell.engine.client.zadd(cell.key("waiting:k/main"), {"idle": 1})


def flow_parked_unreconciled(cell: Cell) -> None:
    cell.engine.client.zadd(cell.key("parked:t/acme"), {"main": 1})


def trunk_unlisted(cell: Cell) -> None:
    cell.engine.client.zrem(cell.key("trunks"), "main")


def trunk_held_and_listed(cell: Cell) -> None:
    cell.engine.client.hset(cell.key("trunk:main"), "held", "full")
    cell.engine.client.zadd(cell.key("trunks"), {"main": 1})


def trunk_held_unreconciled(cell: Cell) -> None:
    cell.engine.client.hset(cell.key("trunk:main"), "held", "full")
    cell.engine.client.zrem(cell.key("trunks"), "main")


def vt_run_away(cell: Cell) -> None:
    cell.engine.client.zrem(cell.key("waiting:k/main"), "acme")
    cell.engine.client.zadd(cell.key("turn:k/main"), {"acme": 5e15})


def tat_run_away(cell: Cell) -> None:
    cell.engine.client.hset(cell.key("tenant:acme"), "tat_us", str((cell.engine.now_ms() + 60_000) * 1000))


def sums_off(cell: Cell) -> None:
    cell.engine.client.hincrby(cell.key(f"batch:{cell.batch}"), "due", 1)


def outcomes_off(cell: Cell) -> None:
    cell.engine.client.hincrby(cell.key(f"batch:{cell.batch}"), "outcome:BUSY", 1)


def counters_off(cell: Cell) -> None:
    cell.engine.client.hincrby(cell.key(f"batch:{cell.batch}"), "due", 1)
    cell.engine.client.hincrby(cell.key(f"batch:{cell.batch}"), "live", -1)


def ended_batch_unfinished(cell: Cell) -> None:
    cell.engine.client.hset(cell.key(f"batch:{cell.batch}"), "state", "completed")


def finished_batch_open(cell: Cell) -> None:
    key = cell.key(f"batch:{cell.batch}")
    for field in ("due", "claimed", "live", "ended"):
        cell.engine.client.hset(key, field, 0)


def claimed_unlisted(cell: Cell) -> None:
    cell.engine.client.zrem(cell.key("claimed"), f"{cell.claimed.member}/w1")


def live_unlisted(cell: Cell) -> None:
    cell.engine.client.zrem(cell.key("live"), cell.live.member)


def ended_unlisted(cell: Cell) -> None:
    cell.engine.client.zrem(cell.key("ended"), cell.ended.member)


def live_of_a_final_call(cell: Cell) -> None:
    cell.engine.client.zadd(cell.key("live"), {cell.final.member: 1})


def member_of_nothing(cell: Cell) -> None:
    cell.engine.client.zadd(cell.key("live"), {"batch_c0_none/1/1": 1})


def due_nowhere(cell: Cell) -> None:
    cell.engine.client.zrem(cell.key(f"batch:{cell.batch}:retry:0"), str(cell.retried.ordinal))


def due_twice(cell: Cell) -> None:
    cell.engine.client.zadd(cell.key(f"batch:{cell.batch}:retry:0"), {str(cell.final.ordinal): 1})


def held_lost(cell: Cell) -> None:
    cell.engine.client.delete(cell.key("held:t/acme"))


def held_not_due(cell: Cell) -> None:
    since = f"{cell.engine.now_ms():013d}"
    cell.engine.client.zadd(cell.key("held:t/acme"), {f"15550000001/{since}/{cell.batch}/{cell.final.ordinal}": 0})


def held_unreconciled(cell: Cell) -> None:
    cell.engine.client.zrem(cell.key("parked"), "h/acme")
    (member,) = cell.engine.client.zrange(cell.key("held:t/acme"), 0, -1)
    number, _, batch, ordinal = member.decode().split("/")
    cell.engine.client.delete(cell.key("held:t/acme"))
    cell.engine.client.zadd(cell.key("held:t/acme"), {f"{number}/0000000000001/{batch}/{ordinal}": 0})
    cell.engine.client.hdel(cell.key("dialing:t/acme"), number)


def flying_leaked(cell: Cell) -> None:
    cell.engine.client.zadd(cell.key("flying:t/acme"), {cell.final.member: cell.engine.now_ms() + 60_000})


def flying_missing(cell: Cell) -> None:
    cell.engine.client.zrem(cell.key("flying:k/main"), cell.live.member)


def dialing_leaked(cell: Cell) -> None:
    cell.engine.client.hset(cell.key("dialing:t/acme"), "15550000009", cell.final.member)


def dialing_missing(cell: Cell) -> None:
    cell.engine.client.hdel(cell.key("dialing:t/acme"), cell.engine.state(cell.batch, cell.live.ordinal)["t"])


def appending_unlisted(cell: Cell) -> None:
    cell.engine.append(cell.batch, "acme")
    cell.engine.client.delete(cell.key("appending"))


def appending_without_lease(cell: Cell) -> None:
    cell.engine.append(cell.batch, "acme")
    cell.engine.client.delete(cell.key(f"batch:{cell.batch}:appending"))


def contact_lost(cell: Cell) -> None:
    cell.engine.client.hdel(cell.key(f"batch:{cell.batch}:contacts:1"), "100")


def expiry_unlisted(cell: Cell) -> None:
    cell.engine.client.zrem(cell.key("expiries"), cell.batch)


def expiry_of_an_immortal(cell: Cell) -> None:
    cell.engine.client.zadd(cell.key("expiries"), {cell.parked_batch: cell.engine.now_ms()})


def hours_unlisted(cell: Cell) -> None:
    cell.engine.client.zrem(cell.key("hours"), cell.batch)


def hours_that_overlap(cell: Cell) -> None:
    key = cell.key(f"batch:{cell.batch}")
    first = cell.engine.client.hget(key, "hours").decode().split()[0]
    cell.engine.client.hset(key, "hours", f"{first} {first}")


def begun_too_late(cell: Cell) -> None:
    expires = cell.engine.hash(f"batch:{cell.batch}")["expires_ms"]
    cell.set_state(cell.live.ordinal, lambda text: re.sub(r" b=\d+", f" b={expires}", text))


def expired_uncounted(cell: Cell) -> None:
    cell.engine.client.hset(cell.key(f"batch:{cell.batch}"), mapping={"expired_ms": cell.engine.now_ms(), "expired": 1})


def credit_lost(cell: Cell) -> None:
    cell.engine.client.hincrby(cell.key("tenant:acme"), "reserved_s", -60)


def credit_of_no_call(cell: Cell) -> None:
    cell.engine.client.hset(cell.key("tenant:lone"), "reserved_s", 60)


def credit_below_nothing(cell: Cell) -> None:
    cell.engine.client.hset(cell.key("tenant:acme"), "available_s", -1)


def credit_that_reaches_nobody(cell: Cell) -> None:
    cell.engine.control(cell.batch, "acme", "pause", "credits")


def pause_for_credit_unlisted(cell: Cell) -> None:
    cell.engine.control(cell.batch, "acme", "pause", "credits")
    cell.engine.client.delete(cell.key("unfunded:t/acme"))


def running_and_listed_as_unfunded(cell: Cell) -> None:
    cell.engine.client.zadd(cell.key("unfunded:t/acme"), {cell.batch: 1})


def breaker_of(cell: Cell, **fields: str) -> None:
    whole = {"breaker": "open", "breaker_until_ms": "1", "breaker_since_ms": "1", "breaker_wait_ms": "5000", "breaker_reason": "HTTP 503"}
    cell.engine.client.hset(cell.key("trunk:main"), mapping={**whole, **fields})


def breaker_torn(cell: Cell) -> None:
    breaker_of(cell)
    cell.engine.client.hdel(cell.key("trunk:main"), "breaker")


def breaker_with_an_idle_probe(cell: Cell) -> None:
    breaker_of(cell, breaker_probe=cell.live.member)


def breaker_that_waits_for_hours(cell: Cell) -> None:
    breaker_of(cell, breaker_wait_ms="3600000")


PLANTED: dict[str, Callable[[Cell], None]] = {
    "breaker_is_whole": breaker_torn,
    "breaker_is_whole ": breaker_with_an_idle_probe,
    "breaker_wait_within_bounds": breaker_that_waits_for_hours,
    "lane_in_one_place": lane_lost,
    "lane_in_one_place ": lane_twice,
    "lane_without_work_is_nowhere": lane_of_a_paused_batch,
    "parked_lane_is_reconciled": lane_parked_unreconciled,
    "flow_in_one_place": flow_lost,
    "flow_in_one_place ": flow_twice,
    "flow_without_lanes_is_nowhere": flow_without_lanes,
    "parked_flow_is_reconciled": flow_parked_unreconciled,
    "trunk_with_work_is_listed": trunk_unlisted,
    "held_trunk_is_not_listed": trunk_held_and_listed,
    "full_trunk_is_reconciled": trunk_held_unreconciled,
    "vt_within_bounds": vt_run_away,
    "tat_within_bounds": tat_run_away,
    "sums_to_total": sums_off,
    "outcomes_sum_to_final": outcomes_off,
    "counters_match_calls": counters_off,
    "ended_batch_is_over": ended_batch_unfinished,
    "finished_batch_has_ended": finished_batch_open,
    "phase_matches_set": claimed_unlisted,
    "phase_matches_set ": live_unlisted,
    "phase_matches_set  ": ended_unlisted,
    "phase_matches_set   ": live_of_a_final_call,
    "member_names_a_call": member_of_nothing,
    "due_waits_somewhere": due_nowhere,
    "due_in_one_place": due_twice,
    "due_waits_somewhere ": held_lost,
    "held_is_due": held_not_due,
    "held_is_reconciled": held_unreconciled,
    "flying_is_on_its_way": flying_leaked,
    "on_its_way_holds_concurrency": flying_missing,
    "dialing_is_on_its_way": dialing_leaked,
    "on_its_way_holds_its_number": dialing_missing,
    "appending_is_reconciled": appending_unlisted,
    "appending_has_its_leases": appending_without_lease,
    "contact_is_kept": contact_lost,
    "expiry_is_listed": expiry_unlisted,
    "expiry_is_listed ": expiry_of_an_immortal,
    "hours_are_renewed": hours_unlisted,
    "hours_are_apart": hours_that_overlap,
    "begun_before_expiry": begun_too_late,
    "counters_match_calls ": expired_uncounted,
    "reserved_credit_is_held": credit_lost,
    "reserved_credit_is_held ": credit_of_no_call,
    "credit_is_not_negative": credit_below_nothing,
    "credit_reaches_who_waits": credit_that_reaches_nobody,
    "unfunded_is_listed": pause_for_credit_unlisted,
    "unfunded_is_listed ": running_and_listed_as_unfunded,
}


@pytest.mark.parametrize("invariant", PLANTED, ids=lambda name: PLANTED[name].__name__)
def test_a_planted_fault_is_found(cell: Cell, invariant: str) -> None:
    PLANTED[invariant](cell)
    status, printed = cell.audit()
    assert status == 1
    assert f"audit: {invariant.strip()} " in printed, printed


def test_every_invariant_of_the_auditor_has_its_planted_fault() -> None:
    from tests.support.scripts import LUA

    source = (LUA / "audit.lua").read_text(encoding="utf-8")
    named = {part.split("'")[0] for part in source.split("fault('")[1:]}
    assert named <= {invariant.strip() for invariant in PLANTED}


def test_no_whole_telephone_number_is_printed(cell: Cell) -> None:
    held_unreconciled(cell)
    assert str(NUMBER) not in cell.audit()[1]
