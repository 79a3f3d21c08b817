# SPDX-License-Identifier: Apache-2.0
"""batch_why names each thing that can hold a batch back, in states made by the scripts themselves: one test a reason."""

from __future__ import annotations

import dataclasses
import pathlib
import re

import pytest
import redis

from tests.support.engine import Engine
from tests.support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Reason:
    holds: bool
    until_ms: int | None
    next_ms: int | None
    latest_ms: int | None
    count: int | None
    of: int | None
    word: str


class Why:
    """An answer of batch_why: its reasons by code, in the order of the chain."""

    def __init__(self, engine: Engine, batch: str, tenant: str = "acme") -> None:
        reply = engine.scripts.run("batch_why", batch, tenant)
        self.now_ms = int(reply[0])
        self.fields = {reply[1][i].decode(): reply[1][i + 1].decode() for i in range(0, len(reply[1]), 2)}
        self.reasons: dict[str, Reason] = {}
        for code, holds, *numbers, word in reply[2:]:
            values = [int(number) if number else None for number in numbers]
            assert code.decode() not in self.reasons, "a reason is told once"
            self.reasons[code.decode()] = Reason(holds == 1, *values, word.decode())

    def __getitem__(self, code: str) -> Reason:
        assert code in self.reasons, self.reasons
        return self.reasons[code]

    @property
    def holding(self) -> list[str]:
        return [code for code, reason in self.reasons.items() if reason.holds]


@pytest.fixture
def cell(engine: Engine) -> Engine:
    """A trunk, a tenant, and a worker that ticked just now."""
    engine.trunk("main")
    engine.tenant("acme")
    engine.tick()
    return engine


def pace_lies_ahead(engine: Engine, rest: str) -> int:
    """The next place of the rate is a minute off, by decree: as a claim leaves it, but for as long as a test may take."""
    tat_us = int(engine.hash(rest)["tat_us"]) + 60_000_000
    engine.client.hset(engine.key(rest), "tat_us", tat_us)
    return -(-tat_us // 1000)


def settled(engine: Engine, batch: str, code: str) -> Reason:
    """The reason, once it is there."""
    return wait_until(lambda: Why(engine, batch).reasons.get(code), 10.0, code)


def test_nothing_holds_back_a_batch_whose_turn_it_is(cell: Engine) -> None:
    why = Why(cell, cell.batch("acme", "main", 5))
    assert why.reasons == {} and why.fields["state"] == "pending" and why.fields["due"] == "5"


# ---- the cell ----


def test_a_cell_that_is_closed_says_until_when(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    until = cell.now_ms() + 14_000
    cell.client.hset(cell.key("cell"), "closed_until", until)
    assert Why(cell, batch)["CELL_CLOSED"] == Reason(True, until, None, None, None, None, "")
    cell.client.hset(cell.key("cell"), "closed_until", cell.now_ms() - 1)
    assert "CELL_CLOSED" not in Why(cell, batch).reasons


def test_a_cell_that_an_operator_stopped(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    cell.scripts.run("cell_stop", "stop")
    assert Why(cell, batch)["CELL_STOPPED"] == Reason(True, None, None, None, None, None, "")
    cell.scripts.run("cell_stop", "start")
    assert "CELL_STOPPED" not in Why(cell, batch).reasons


def test_a_batch_that_paused_itself_says_what_its_calls_were_refused_with(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 30, cps=1000)
    for _ in range(20):
        refused = cell.finish_args(cell.begin_next(batch), "final", "REJECTED", source="answer", reason="no such agent")
        cell.scripts.run("call_finish", *refused)
    why = Why(cell, batch)
    assert why.holding == ["BATCH_REFUSED"] and why["BATCH_REFUSED"].word == "no such agent"


def test_no_worker_was_ever_seen(engine: Engine) -> None:
    engine.trunk("main")
    engine.tenant("acme")
    assert Why(engine, engine.batch("acme", "main", 5)).holding == ["NO_WORKER"]


def test_no_worker_has_been_seen_lately(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    cell.client.zadd(cell.key("workers"), {"w1": cell.now_ms() - 11_000})
    assert Why(cell, batch).holding == ["NO_WORKER"]
    cell.client.zadd(cell.key("workers"), {"w2": cell.now_ms()})
    assert Why(cell, batch).holding == []


# ---- the trunk ----


def test_a_trunk_that_an_operator_stopped(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    cell.trunk("main", how="set", state="stopped", reason="operator")
    assert Why(cell, batch)["TRUNK_STOPPED"] == Reason(True, None, None, None, None, None, "operator")


def test_a_trunk_that_stopped_since_its_account_was_refused(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    cell.abort(cell.begin_next(batch), "ACCOUNT")
    assert Why(cell, batch)["TRUNK_STOPPED"].word == "account"


def test_a_trunk_that_is_gone(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    cell.client.delete(cell.key("trunk:main"))
    assert Why(cell, batch)["TRUNK_STOPPED"].word == "missing"


def test_a_trunk_that_the_platform_asked_to_wait(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    cell.abort(cell.begin_next(batch), "THROTTLED", hold_ms=30_000)
    why = Why(cell, batch)
    assert why["TRUNK_HELD"].holds
    assert why["TRUNK_HELD"].until_ms == int(cell.hash("trunk:main")["hold_until_ms"]) > why.now_ms


def test_a_trunk_whose_platform_fails_and_one_that_is_tried(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    cell.trunk("main", how="set", breaker_minimum=1)
    cell.abort(cell.begin_next(batch), "NOT_SENT", hold_ms=1, reason="connection refused")
    why = Why(cell, batch)
    assert why["TRUNK_BREAKER"].holds and why["TRUNK_BREAKER"].word == "1 of 1 failed, the last: connection refused"
    assert why["TRUNK_BREAKER"].until_ms == int(cell.hash("trunk:main")["breaker_until_ms"]) > why.now_ms
    cell.client.hset(cell.key("trunk:main"), "breaker_until_ms", cell.now_ms())
    assert "TRUNK_BREAKER" not in Why(cell, batch).reasons
    cell.begin_next(batch)
    why = Why(cell, batch)
    assert why["TRUNK_PROBING"].holds and why["TRUNK_PROBING"].until_ms == int(cell.hash("trunk:main")["breaker_until_ms"])


def test_a_trunk_that_is_full_says_how_full(cell: Engine) -> None:
    cell.trunk("main", how="set", max_concurrent=2)
    other = cell.batch("acme", "main", 2)
    cell.begin_next(other)
    cell.begin_next(other)
    reason = Why(cell, cell.batch("acme", "main", 5))["TRUNK_FULL"]
    assert (reason.holds, reason.count, reason.of) == (True, 2, 2)


def test_a_trunk_at_the_end_of_its_rate_says_when_the_next_place_is_free(cell: Engine) -> None:
    cell.trunk("main", how="set", cps=1)
    batch = cell.batch("acme", "main", 5, cps=30)
    cell.claim()
    free = pace_lies_ahead(cell, "trunk:main")
    assert Why(cell, batch)["TRUNK_RATE"] == Reason(True, free, None, None, None, 1, "")


# ---- the tenant ----


def test_a_tenant_that_is_stopped(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    cell.tenant("acme", how="set", state="stopped", reason="operator")
    assert Why(cell, batch)["TENANT_STOPPED"] == Reason(True, None, None, None, None, None, "operator")


def test_a_tenant_at_its_concurrency(cell: Engine) -> None:
    cell.tenant("acme", how="set", max_concurrent=1)
    other = cell.batch("acme", "main", 2, priority=9)
    batch = cell.batch("acme", "main", 5)
    cell.begin_next(other)
    reason = Why(cell, batch)["TENANT_FULL"]
    assert (reason.holds, reason.count, reason.of) == (True, 1, 1)


def test_a_tenant_at_the_end_of_its_rate(cell: Engine) -> None:
    cell.tenant("acme", how="set", cps=1)
    batch = cell.batch("acme", "main", 5, cps=30)
    cell.claim()
    free = pace_lies_ahead(cell, "tenant:acme")
    assert Why(cell, batch)["TENANT_RATE"] == Reason(True, free, None, None, None, 1, "")


# ---- the flow ----


def test_other_tenants_whose_turn_comes_first_are_counted_and_not_named(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    for name in ("bloom", "crisp"):
        cell.tenant(name)
        cell.batch(name, "main", 5)
    # As the claim leaves them: all three in turn, ours behind the others by its virtual time.
    cell.client.zadd(cell.key("turn:k/main"), {"bloom": 1000, "crisp": 2000, "acme": 3000})
    cell.client.delete(cell.key("waiting:k/main"))
    why = Why(cell, batch)
    assert (why["TURN_OF_OTHERS"].holds, why["TURN_OF_OTHERS"].count, why["TURN_OF_OTHERS"].of) == (True, 2, 3)
    reply = cell.scripts.run("batch_why", batch, "acme")
    assert b"bloom" not in repr(reply).encode() and b"crisp" not in repr(reply).encode()


def test_the_tenants_own_batches_of_higher_priority_go_first(cell: Engine) -> None:
    cell.trunk("main", how="set", cps=1)
    urgent = cell.batch("acme", "main", 50, priority=9, cps=30)
    cell.claim(calls=1)
    batch = cell.batch("acme", "main", 5, priority=5)
    # The urgent lane stands ready by its next claim; until then it waits for its own pace.
    lane = f"{urgent}/0"
    cell.client.zrem(cell.key("waiting:f/main/acme"), lane)
    cell.client.zadd(cell.key("ready:f/main/acme"), {lane: (10 - 9) * 2**43 + cell.now_ms()})
    reason = Why(cell, batch)["BATCHES_AHEAD"]
    assert (reason.holds, reason.count) == (True, 1)
    assert "BATCHES_AHEAD" not in Why(cell, urgent).reasons


# ---- the batch ----


def test_a_batch_that_is_being_written(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, seal=False)
    assert Why(cell, batch)["BATCH_INGESTING"] == Reason(True, None, None, None, 5, None, "")


def test_a_draft(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, seal=False)
    cell.client.hset(cell.key(f"batch:{batch}"), "state", "draft")
    assert Why(cell, batch).holding == ["BATCH_DRAFT"]


def test_a_paused_batch_says_why(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    cell.control(batch, "acme", "pause", "credits")
    assert Why(cell, batch)["BATCH_PAUSED"] == Reason(True, None, None, None, None, None, "credits")


def test_a_pause_does_not_hold_what_has_nothing_left_to_dial(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1)
    cell.begin_next(batch)
    cell.control(batch, "acme", "pause", "user")
    why = Why(cell, batch)
    assert not why["BATCH_PAUSED"].holds and why.holding == ["CALLS_LIVE"]


def test_a_start_that_lies_ahead(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, start_in_ms=60_000)
    start = int(cell.hash(f"batch:{batch}")["start_ms"])
    assert Why(cell, batch).reasons == {"BATCH_SCHEDULED": Reason(True, start, None, None, None, None, "")}


def test_a_start_that_has_come_holds_nothing(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, start_in_ms=60_000)
    cell.client.hset(cell.key(f"batch:{batch}"), "start_ms", cell.now_ms() - 1)
    assert Why(cell, batch).reasons == {}


def test_a_batch_at_its_own_concurrency(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, max_concurrent=1)
    cell.begin_next(batch)
    reason = Why(cell, batch)["BATCH_FULL"]
    assert (reason.holds, reason.count, reason.of) == (True, 1, 1)


def test_a_batch_at_the_end_of_its_own_rate(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, cps=1)
    cell.claim()
    free = pace_lies_ahead(cell, f"batch:{batch}")
    assert Why(cell, batch)["BATCH_RATE"] == Reason(True, free, None, None, None, 1, "")


def test_a_batch_that_is_being_cancelled_counts_what_is_still_to_end(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    slot = cell.begin_next(batch)
    cell.finish(cell.begin_next(batch), how="retry", outcome="BUSY", next_in_ms=60_000)
    cell.control(batch, "acme", "cancel")
    why = Why(cell, batch)
    assert (why["BATCH_CANCELLING"].holds, why["BATCH_CANCELLING"].count) == (True, 2)
    assert why["CALLS_LIVE"].count == 1 and "RETRY_WAIT" not in why.reasons
    cell.finish(slot)
    cell.tick()
    assert list(Why(cell, batch).reasons) == ["BATCH_CANCELLED"]


def test_a_batch_that_has_completed_is_held_by_nothing_else(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1)
    cell.finish(cell.begin_next(batch))
    cell.trunk("main", how="set", state="stopped")
    assert list(Why(cell, batch).reasons) == ["BATCH_COMPLETED"]


def test_a_batch_that_failed_says_why(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 3)
    cell.control(batch, "acme", "fail", "no such agent", "AGENT_NOT_FOUND")
    assert Why(cell, batch).reasons == {"BATCH_FAILED": Reason(True, None, None, None, None, None, "no such agent")}


def windowed(cell: Engine, opens_in_ms: int, **fields: object) -> tuple[str, int]:
    """A batch whose window next opens then, and that instant."""
    opening = cell.now_ms() + opens_in_ms
    hours = {"window": "{}", "hours": f"{opening}-{opening + 60_000}", "hours_until_ms": opening + 600_000}
    return cell.batch("acme", "main", 5, **{**hours, **fields}), opening


def test_a_calling_window_that_is_closed_says_when_it_opens(cell: Engine) -> None:
    batch, opening = windowed(cell, 60_000)
    why = Why(cell, batch)
    assert (why.holding, why["WINDOW_CLOSED"].until_ms) == (["WINDOW_CLOSED"], opening)
    is_open, _ = windowed(cell, -30_000)
    assert Why(cell, is_open).holding == []


def test_a_start_outside_of_the_window_waits_for_both(cell: Engine) -> None:
    batch, opening = windowed(cell, 60_000, start_in_ms=30_000)
    why = Why(cell, batch)
    assert (why.holding, why["WINDOW_CLOSED"].until_ms) == (["BATCH_SCHEDULED", "WINDOW_CLOSED"], opening)


def test_a_window_whose_next_hours_are_not_published(cell: Engine) -> None:
    batch, _ = windowed(cell, -600_000)
    assert Why(cell, batch).holding == ["WINDOW_UNKNOWN"]


def test_an_expired_batch_counts_what_is_still_to_end(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, expires_ms=cell.now_ms() + 600_000)
    cell.begin_next(batch)
    cell.client.hset(cell.key(f"batch:{batch}"), "expires_ms", cell.now_ms())
    assert "BATCH_EXPIRED" in Why(cell, batch).holding, "though no tick has come"
    cell.client.zadd(cell.key("expiries"), {batch: 1})
    assert cell.tick()["expired"] == 1
    why = Why(cell, batch)
    assert why["BATCH_EXPIRED"].count == 1
    assert set(why.holding) == {"BATCH_EXPIRED", "CALLS_LIVE"}


# ---- the calls ----


def test_calls_that_wait_for_a_retry_say_how_many_and_when_the_next_is(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 2)
    cell.finish(cell.begin_next(batch), how="retry", outcome="BUSY", next_in_ms=30_000)
    assert not Why(cell, batch)["RETRY_WAIT"].holds, "there is a fresh contact"
    cell.finish(cell.begin_next(batch), how="retry", outcome="BUSY", next_in_ms=60_000)
    due = sorted(int(at) for _, at in cell.client.zrange(cell.key(f"batch:{batch}:retry:0"), 0, -1, withscores=True))
    reason = settled(cell, batch, "RETRY_WAIT")
    assert (reason.holds, reason.count, reason.until_ms, reason.latest_ms) == (True, 2, *due)


def test_calls_whose_number_is_on_another_call(cell: Engine) -> None:
    number = 15559990001
    holder = cell.batch("acme", "main", [number], priority=9)
    cell.begin_next(holder)
    batch = cell.batch("acme", "main", [number])
    wait_until(lambda: cell.claim() and cell.client.zcard(cell.key("held:t/acme")), 10.0, "the number is held")
    reason = settled(cell, batch, "NUMBER_BUSY")
    assert (reason.holds, reason.count) == (True, 1)


def test_a_call_that_is_claimed(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1)
    cell.claim()
    reason = Why(cell, batch)["CALLS_CLAIMED"]
    assert (reason.holds, reason.count) == (True, 1)


def test_live_calls_say_when_they_are_looked_up_and_their_hard_deadline(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 2)
    slots = [cell.begin_next(batch), cell.begin_next(batch)]
    cell.accept(slots[0], check_in_ms=40_000)
    cell.accept(slots[1], check_in_ms=50_000)
    reason = Why(cell, batch)["CALLS_LIVE"]
    checks = [int(cell.client.zscore(cell.key("live"), slot.member)) for slot in slots]
    deadlines = [int(cell.state(batch, slot.ordinal)["h"]) for slot in slots]
    assert (reason.holds, reason.count, reason.next_ms, reason.latest_ms) == (True, 2, min(checks), max(deadlines))


def test_calls_that_wait_for_their_summary(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 1, summary_wait_ms=5000)
    cell.finish(cell.begin_next(batch), how="ended")
    why = Why(cell, batch)
    reason = why["CALLS_ENDED"]
    given_up = int(cell.client.zrange(cell.key("ended"), 0, 0, withscores=True)[0][1])
    assert (reason.holds, reason.count, reason.next_ms, reason.latest_ms) == (True, 1, given_up, why.now_ms + 5000)


# ---- all together ----


def test_the_reasons_stand_in_the_order_of_the_chain(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, cps=1, max_concurrent=1)
    cell.trunk("main", how="set", max_concurrent=1, cps=1)
    cell.tenant("acme", how="set", max_concurrent=1, cps=1)
    cell.begin_next(batch)
    for rest in ("trunk:main", "tenant:acme", f"batch:{batch}"):
        pace_lies_ahead(cell, rest)
    cell.client.hset(cell.key("cell"), "closed_until", cell.now_ms() + 14_000)
    codes = list(Why(cell, batch).reasons)
    wanted = ["CELL_CLOSED", "TRUNK_FULL", "TRUNK_RATE", "TENANT_FULL", "TENANT_RATE", "BATCH_FULL", "BATCH_RATE", "CALLS_LIVE"]
    assert codes == wanted


def test_another_tenants_batch_is_not_found(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5)
    for tenant, name in (("bloom", batch), ("acme", "batch_c0_none")):
        with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
            Why(cell, name, tenant)


def test_asking_changes_nothing(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5, max_concurrent=1)
    cell.begin_next(batch)
    before = {key: cell.client.dump(key) for key in cell.client.keys("*")}
    Why(cell, batch)
    assert {key: cell.client.dump(key) for key in cell.client.keys("*")} == before


def table_codes() -> set[str]:
    return set(re.findall(r'ROW\("(\w+)"', (ROOT / "common/domain/why.c").read_text()))


def test_every_code_is_explained_to_clients() -> None:
    section = (ROOT / "docs/api.md").read_text().split("## GET /api/v1/batch/{id}/why")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    told = {code for row in rows for code in re.findall(r"`([A-Z_]+)`", row)}
    assert told == table_codes() - {"BATCH_INGESTING"}, "a creation under way is nobody's to see"


def test_every_code_of_the_script_stands_in_the_table_that_explains_it_and_the_other_way_round() -> None:
    script = (ROOT / "common/lua/batch_why.lua").read_text()
    codes = set(re.findall(r"reason\('(\w+)'", script))
    for suffix in re.findall(r"reason\(level \.\. '(\w+)'", script):
        codes |= {f"{level}{suffix}" for level in ("TRUNK", "TENANT")}
    codes |= {f"BATCH_{state}" for state in ("INGESTING", "DRAFT", "COMPLETED", "CANCELLED")}
    codes -= {"BATCH_", "TENANT_HELD"}  # put together above; only a platform asks for a pause, and it asks a trunk
    assert codes | {"RUNNING"} == table_codes()
