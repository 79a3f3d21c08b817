# SPDX-License-Identifier: Apache-2.0
"""Would the tests notice? Mutations (tests/support/mutations.py) of what keeps these promises: no limit is exceeded,
none is wasted, and nobody starves."""

from __future__ import annotations

from tests.support.engine import Slot, most_in_a_second
from tests.support.mutations import NUMBER, Cell, Mutation, guards_hold, mutations_are_caught, server  # noqa: F401: the fixture


# ---- no limit is exceeded ----


def concurrency_is_taken_by_the_claim(cell: Cell) -> None:
    cell.trunk("main", how="set", max_concurrent=1)
    cell.fill(5)
    first = cell.claim("w1", calls=1).slots
    cell.wait(100)
    second = cell.claim("w2").slots
    begun = cell.begin(first, "w1") + (cell.begin(second, "w2") if second else [])
    assert [answer[0] for answer in begun] == ["begun"]


def a_full_batch_is_handed_no_more(cell: Cell) -> None:
    cell.fill(5, max_concurrent=2)
    cell.wait(50)
    assert len(cell.claim().slots) == 2


def no_sliding_second_holds_more_begins_than_the_limit(cell: Cell) -> None:
    """First every slot is begun as late as it may be, then at its instant: they bunch where one follows the other."""
    cell.tenant("acme", how="set", cps=1000)
    for _ in range(4):
        cell.fill(30)
    cell.trunk("main", how="set", cps=30)
    begun: list[int] = []
    slots: list[Slot] = []
    for turn in range(150):
        late_us = 240_000 if turn < 60 else 0
        due = [slot for slot in slots if slot.slot_us + late_us <= cell.clock.now_us]
        slots = [slot for slot in slots if slot not in due]
        if due:
            begun += [int(answer[1]) for answer in cell.begin(due) if answer[0] == "begun"]
        slots += cell.claim().slots
        cell.wait(10)
    assert len(begun) > 30 and most_in_a_second(begun) <= 30


def a_begin_is_remembered_for_as_long_as_it_counts(cell: Cell) -> None:
    """However long the log has been there, and however far apart the begins are that keep it."""
    cell.fill(60)
    for gap_ms in [50] * 40 + [250] * 20:
        cell.wait(gap_ms)
        slot = cell.claim(calls=1).slots[0]
        begun_us = int(cell.begin([slot])[0][1])
        for log in ("k/main", "t/acme", f"b/{slot.batch}"):
            gone_us = cell.clock.now_us + 1000 * cell.client.pttl(cell.key(f"begins:{log}"))
            assert gone_us >= begun_us + 1_000_000


def a_call_released_for_its_rate_is_not_handed_out_before_the_rate_admits_it(cell: Cell) -> None:
    cell.tenant("acme", how="set", cps=1)
    cell.fill(3)
    first = cell.claim_one()
    cell.wait(250)
    cell.begin([first])
    cell.wait(first.slot_us // 1000 + 960 - cell.clock.now_us // 1000)
    second = cell.claim(calls=1).slots[0]
    cell.tenant("acme", how="set", cps=1)  # a changed rate cuts what was reserved ahead
    cell.begin([second])
    for _ in range(20):
        cell.wait(5)
        for slot in cell.claim("w2").slots:
            assert cell.begin([slot], "w2")[0] == ("begun",) + cell.begin([slot], "w2")[0][1:]


def a_paused_batch_begins_nothing(cell: Cell) -> None:
    batch = cell.fill(3)
    slot = cell.claim_one()
    cell.control(batch, "acme", "pause", "user")
    assert cell.begin([slot])[0][0] == "released"


def _hours(cell: Cell, close_in_ms: int) -> dict[str, str]:
    now_ms = cell.now_ms()
    return {"hours": f"{now_ms - 1000}-{now_ms + close_in_ms}", "hours_until_ms": str(now_ms + 7 * 86_400_000)}


def nothing_is_begun_after_the_window_closed(cell: Cell) -> None:
    cell.fill(3, **_hours(cell, 60))
    slot = cell.claim_one()
    cell.wait(20)
    assert cell.begin([slot])[0] == ("released", "window")


def nothing_is_claimed_for_after_the_window_closed(cell: Cell) -> None:
    """A batch that had its turn while it was open, and whose tenant's pace lets it go on only after the closing."""
    cell.tenant("acme", how="set", cps=1)
    open_one = cell.fill(1, priority=9)
    cell.fill(3, **_hours(cell, 500))
    assert cell.claim_one().batch == open_one
    for _ in range(15):
        cell.wait(100)
        assert cell.claim().slots == []


def nothing_is_retried_after_a_cancel(cell: Cell) -> None:
    batch = cell.fill(1)
    slot = cell.begin_one()
    cell.control(batch, "acme", "cancel")
    assert cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=0) == "final"


def a_stopped_trunk_begins_nothing(cell: Cell) -> None:
    cell.fill(3)
    slot = cell.claim_one()
    cell.trunk("main", how="set", state="stopped")
    assert cell.begin([slot])[0] == ("released", "trunk")


def no_contact_is_tried_more_often_than_allowed(cell: Cell) -> None:
    cell.fill(1, max_attempts=1)
    slot = cell.begin_one()
    assert cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=0) == "final"


def a_retry_does_not_come_too_soon(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.begin_one()
    cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=60_000)
    cell.wait(59_000)
    assert cell.claim().slots == []


# ---- no limit is wasted, and nobody starves ----


def a_due_retry_comes_before_fresh_contacts(cell: Cell) -> None:
    cell.fill(3)
    slot = cell.begin_one()
    cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=0)
    cell.wait(2_000)
    assert cell.claim_one().ordinal == slot.ordinal


def a_retry_comes_first_from_when_it_is_due_on_in_the_middle_of_a_turn_too(cell: Cell) -> None:
    """Of six slots, 10 ms apart."""
    cell.trunk("main", how="set", cps=100)
    cell.tenant("acme", how="set", cps=100)
    cell.batch("acme", "main", 10, cps=100)
    slot = cell.begin_one()
    cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=1_025)
    cell.wait(1_000)
    slots = cell.claim().slots
    retried = [again.slot_us for again in slots if again.ordinal == slot.ordinal]
    assert len(slots) > 6 and 25_000 <= retried[0] - cell.clock.now_us <= 36_000


def a_released_call_costs_no_pace(cell: Cell) -> None:
    cell.tenant("acme", how="set", cps=1)
    cell.fill(3)
    cell.release([cell.claim_one()])
    cell.claim_one()


def a_released_call_costs_no_turn(cell: Cell) -> None:
    cell.tenant("other")
    cell.fill(5)
    cell.batch("other", "main", 5, cps=30)
    for _ in range(5):
        slot = cell.claim_one()
        assert cell.hash(f"batch:{slot.batch}")["tenant"] == "acme"
        cell.release([slot])


def _room_wakes(cell: Cell, scope: str) -> None:
    if scope == "trunk":
        cell.trunk("main", how="set", max_concurrent=1)
    elif scope == "tenant":
        cell.tenant("acme", how="set", max_concurrent=1)
    cell.fill(3, **({"max_concurrent": 1} if scope == "batch" else {}))
    slot = cell.begin_one()
    cell.wait(1500)
    assert cell.claim().slots == []
    cell.finish(slot)
    cell.claim_one()


def room_on_a_trunk_wakes_who_waits(cell: Cell) -> None:
    _room_wakes(cell, "trunk")


def room_of_a_tenant_wakes_who_waits(cell: Cell) -> None:
    _room_wakes(cell, "tenant")


def room_of_a_batch_wakes_who_waits(cell: Cell) -> None:
    _room_wakes(cell, "batch")


def a_free_number_wakes_who_waits(cell: Cell) -> None:
    cell.fill([NUMBER])
    cell.fill([NUMBER])
    slot = cell.begin_one()
    assert cell.claim().slots == []
    cell.finish(slot)
    cell.claim_one()


def a_batch_that_comes_later_starts_in_a_gap_of_the_plan(cell: Cell) -> None:
    cell.trunk("main", how="set", cps=50)
    cell.batch("acme", "main", 50, cps=10)
    cell.claim()
    cell.wait(5)
    later = cell.fill(1, priority=10)
    (slot,) = [slot for slot in cell.claim().slots if slot.batch == later]
    assert slot.slot_us - cell.clock.now_us <= 50_000


def slots_in_gaps_lie_apart(cell: Cell) -> None:
    cell.trunk("main", how="set", cps=50)
    cell.tenant("acme", how="set", cps=1000)
    slots = []
    for _ in range(8):
        cell.batch("acme", "main", 2, cps=10)
        slots += [slot.slot_us for slot in cell.claim().slots]
        cell.wait(1)
    slots.sort()
    assert len(slots) >= 8 and min(b - a for a, b in zip(slots, slots[1:])) >= 20_000


MUTATIONS = (
    Mutation("concurrency counted late", "call_claim",
             "of_trunk[n + 1], of_trunk[n + 2] = lease, member\n", "\n", concurrency_is_taken_by_the_claim),
    Mutation("no log of begins", "call_begin", "text)\n  for i = 1, 3 do", "text)\n  for i = 2, 3 do",
             no_sliding_second_holds_more_begins_than_the_limit),
    Mutation("the log of begins is not renewed", "call_begin",
             "was_last < last - last % begins.RENEW_US", "false",
             a_begin_is_remembered_for_as_long_as_it_counts),
    Mutation("the log of begins is renewed too seldom", "call_begin", "RENEW_US = 2000000", "RENEW_US = 5000000",
             a_begin_is_remembered_for_as_long_as_it_counts),
    Mutation("what nobody used is lost", "call_claim", "slot_us - resource.interval_us)\n  resource.has_new_gaps = res",
             "0)\n  resource.has_new_gaps = res", a_batch_that_comes_later_starts_in_a_gap_of_the_plan),
    Mutation("a gap used twice", "call_claim", "gaps.add(left, gap[1], slot_us - resource.interval_us)", "gaps.add(left, gap[1], gap[2])",
             slots_in_gaps_lie_apart),
    Mutation("begun in a paused batch", "call_begin", "if batch.state ~= 'pending' and batch.state ~= 'processing' then", "if false then",
             a_paused_batch_begins_nothing),
    Mutation("an ordinary call begun in a paused batch", "call_begin",
             " or (batch.state ~= 'processing' and batch.state ~= 'pending')", "", a_paused_batch_begins_nothing),
    Mutation("begun on a stopped trunk", "call_begin", "if not trunk or trunk.state ~= 'active' then", "if false then",
             a_stopped_trunk_begins_nothing),
    Mutation("an ordinary call begun on a stopped trunk", "call_begin", "found.state == 'active' and ", "", a_stopped_trunk_begins_nothing),
    Mutation("window not checked at an ordinary begin", "call_begin", "window_shuts_ms(batch) * 1000 - 1", "math.huge",
             nothing_is_begun_after_the_window_closed),
    Mutation("window not checked at begin", "call_begin", "local reason = window_objection(batch, at_ms)\n", "local reason = nil\n",
             nothing_is_begun_after_the_window_closed),
    Mutation("window not checked at claim", "call_claim", "if window_objection(batch, floor(f_us / 1000)) then", "if false then",
             nothing_is_claimed_for_after_the_window_closed),
    Mutation("window not checked on the straight way", "call_claim", "return window_shuts_ms(batch)", "return math.huge",
             nothing_is_claimed_for_after_the_window_closed),
    Mutation("retried after a cancel", "call_finish", "call.a >= (batch.max_attempts or 3) or batch_is_cut(batch)",
             "call.a >= (batch.max_attempts or 3)", nothing_is_retried_after_a_cancel),
    Mutation("attempts not counted", "call_finish", "call.a >= (batch.max_attempts or 3) or ", "",
             no_contact_is_tried_more_often_than_allowed),
    Mutation("retried too soon", "call_finish", "    retry_add(batch, call, at_ms)\n  end\n  local function finish_live",
             "    retry_add(batch, call, NOW_MS)\n  end\n  local function finish_live", a_retry_does_not_come_too_soon),
    Mutation("retries not looked for", "call_claim", "if batch.due == batch.total - batch.cursor", "if true",
             a_due_retry_comes_before_fresh_contacts),
    Mutation("retries not looked for on the straight way", "call_claim", ", retry_ms or math.huge)", ")",
             a_due_retry_comes_before_fresh_contacts),
    Mutation("a turn passes a retry over", "call_claim", "before_us = min(before_us, fresh_until_us)\n", "\n",
             a_retry_comes_first_from_when_it_is_due_on_in_the_middle_of_a_turn_too),
    Mutation("a full batch goes on straight", "call_claim", " or room('b', batch) <= 0 then", " then", a_full_batch_is_handed_no_more),
    Mutation("pace not refunded", "call_release", "  pace_refund(resource_load('t', batch.tenant))\n", "", a_released_call_costs_no_pace),
    Mutation("turn not refunded", "call_release", "batch.tenant, vt - charge)", "batch.tenant, vt)", a_released_call_costs_no_turn),
    Mutation("trunk not woken", "call_finish", "  wake_trunk(batch.trunk)\n", "", room_on_a_trunk_wakes_who_waits),
    Mutation("tenant not woken", "call_finish", "  wake_tenant(batch.tenant)\n", "", room_of_a_tenant_wakes_who_waits),
    Mutation("batch not woken", "call_finish", "  wake_batch(batch)\n", "", room_of_a_batch_wakes_who_waits),
    Mutation("number not woken", "call_finish", "    number_wake(batch.tenant, call.t)\n", "", a_free_number_wakes_who_waits),
)

test_the_scripts_keep_the_promise = guards_hold(MUTATIONS)
test_a_script_that_breaks_it_is_caught = mutations_are_caught(MUTATIONS)
