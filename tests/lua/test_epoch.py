# SPDX-License-Identifier: Apache-2.0
"""The closing of a cell whose Redis is another than before or whose clock jumped; and dials that Redis forgot with its last
second, told again by their workers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.auditor import audit_cell
from tests.support.engine import CLOSED_MS, SCHEMA, Claim, Engine, Slot
from tests.support.rewind import Moment
from tests.support.waiting import wait_until

NUMBER = 15550000077


@pytest.fixture
def cell(opened_cell: Engine) -> Engine:
    return opened_cell


def epoch(cell: Engine) -> dict[str, str]:
    return cell.hash("cell")


def reopen(cell: Engine) -> None:
    """The closing is over."""
    cell.client.hset(cell.key("cell"), "closed_until", cell.now_ms())


def claim_some(cell: Engine, count: int, worker: str = "w1") -> list[Slot]:
    slots: list[Slot] = []
    wait_until(lambda: slots.extend(cell.claim(worker, calls=count - len(slots)).slots) or len(slots) >= count, what="claims")
    return slots


def begun(cell: Engine, count: int = 1, worker: str = "w1") -> list[Slot]:
    """Calls that were begun, each at its instant: none may be refused for being late, however busy the machine."""
    done: list[Slot] = []
    while len(done) < count:
        slots = claim_some(cell, 1, worker)
        done += [slot for slot, answer in zip(slots, cell.begin(slots, worker)) if answer[0] == "begun"]
    return done


def lose_since(cell: Engine, moment: Moment) -> None:
    """Redis comes back without what was written since, and somebody notices."""
    moment.come_back()
    cell.open("run-2")


# ---- closing ----


def test_an_empty_cell_only_records_the_run_id(engine: Engine) -> None:
    engine.open("run-1")
    assert epoch(engine) == {"schema": str(SCHEMA), "epoch": "1", "run_id": "run-1"}
    engine.open("run-1")
    assert epoch(engine)["epoch"] == "1"


def test_another_run_id_closes_the_cell_once_for_all_who_come(cell: Engine) -> None:
    before = cell.now_ms()
    cell.open("run-2")
    closed = epoch(cell)
    assert (closed["epoch"], closed["run_id"], closed["closed_by"]) == ("2", "run-2", "run_id")
    assert before + CLOSED_MS <= int(closed["closed_until"]) <= cell.now_ms() + CLOSED_MS
    cell.open("run-2")  # the other processes
    cell.open("run-2")
    assert epoch(cell) == closed
    cell.open("run-3")
    assert epoch(cell)["epoch"] == "3"


def test_a_process_that_may_not_know_the_run_id_neither_closes_nor_forgets_it(cell: Engine) -> None:
    cell.open("")
    assert epoch(cell)["epoch"] == "1" and epoch(cell)["run_id"] == "run-1"


def test_another_schema_is_refused_before_anything_is_closed(cell: Engine) -> None:
    with pytest.raises(Exception, match="ERR_STATE"):
        cell.open("run-2", schema=SCHEMA + 1)
    assert epoch(cell)["epoch"] == "1"


def test_a_clock_that_jumped_closes_the_cell_once_for_all_who_saw_it(cell: Engine) -> None:
    first_look, second_look = cell.now_ms() - 3000, cell.now_ms() - 2000
    number, until = cell.close(first_look)
    assert number == 2 and until is not None and until > cell.now_ms()
    assert cell.close(second_look) == (2, until)
    assert epoch(cell)["closed_by"] == "clock" and "tail_epoch" not in epoch(cell)


def test_a_clock_that_jumps_again_closes_the_cell_again(cell: Engine) -> None:
    cell.close(cell.now_ms() - 1)
    wait_until(lambda: cell.now_ms() > int(epoch(cell)["closed_ms"]))
    assert cell.close(cell.now_ms())[0] == 3


def test_a_clock_set_back_below_the_closing_leaves_the_cell_open(cell: Engine) -> None:
    cell.open("run-2")
    ahead = cell.now_ms() + 3_600_000
    cell.client.hset(cell.key("cell"), mapping={"closed_ms": ahead, "closed_until": ahead + CLOSED_MS})
    cell.batch("acme", "main")
    assert len(claim_some(cell, 1)) == 1


# ---- while it is closed ----


def test_a_closed_cell_hands_out_nothing_and_says_when_to_come_again(cell: Engine) -> None:
    cell.batch("acme", "main", 5)
    cell.open("run-2")
    claim = cell.claim()
    assert (claim.slots, claim.next_ms, claim.more) == ([], int(epoch(cell)["closed_until"]), False)
    assert audit_cell(cell) == []


def test_what_is_claimed_shortly_before_the_opening_starts_at_it(cell: Engine) -> None:
    cell.batch("acme", "main", 5)
    cell.open("run-2")
    opening = cell.now_ms() + 150
    cell.client.hset(cell.key("cell"), "closed_until", opening)
    claim: Claim = wait_until(lambda: (c := cell.claim()).slots and c)
    assert all(slot.slot_us >= opening * 1000 for slot in claim.slots)


def test_a_claimed_call_may_not_begin_and_goes_back_uncharged(cell: Engine) -> None:
    batch = cell.batch("acme", "main")
    slots = claim_some(cell, 1)
    cell.open("run-2")
    assert cell.begin(slots) == [("released", "closed")]
    counters = cell.counters(batch)
    assert (counters["due"], counters["claimed"], counters["attempts"]) == (1, 0, 0)
    assert audit_cell(cell) == []


def test_what_was_begun_goes_on_while_the_cell_is_closed(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 2, cps=1000)
    accepted, retried = begun(cell, 2)
    cell.open("run-2")
    assert cell.begin([accepted])[0][0] == "begun"
    assert cell.accept(accepted) == "accepted"
    assert cell.finish(accepted) == "final"
    assert cell.finish(retried, how="retry", outcome="BUSY", next_in_ms=1000) == "due"
    assert cell.tick()["closed_until_ms"] == int(epoch(cell)["closed_until"])
    assert cell.control(batch, "acme", "pause", "user")[0] == "paused"
    late = cell.batch("acme", "main", 3)
    assert cell.counters(late)["due"] == 3
    assert audit_cell(cell) == []


def test_a_tick_tells_the_epoch(cell: Engine) -> None:
    assert (cell.tick()["epoch"], cell.tick()["closed_until_ms"]) == (1, None)
    cell.open("run-2")
    assert cell.tick()["epoch"] == 2


# ---- dials that Redis forgot ----


def forgotten_while_fresh(cell: Engine) -> tuple[Slot, Moment]:
    cell.batch("acme", "main")
    moment = Moment(cell.client)
    return begun(cell)[0], moment


def forgotten_while_waiting_for_a_retry(cell: Engine) -> tuple[Slot, Moment]:
    cell.batch("acme", "main")
    first = begun(cell)[0]
    cell.finish(first, how="retry", outcome="BUSY", next_in_ms=0)
    moment = Moment(cell.client)
    return begun(cell)[0], moment


def forgotten_while_held(cell: Engine) -> tuple[Slot, Moment]:
    cell.batch("acme", "main", [NUMBER], priority=9)
    holder = begun(cell)[0]
    cell.batch("acme", "main", [NUMBER])
    wait_until(lambda: cell.claim("w1").slots or cell.client.zcard(cell.key("held:t/acme")))
    cell.finish(holder, how="final")  # known to Redis; the wake is what is lost
    moment = Moment(cell.client)
    return begun(cell)[0], moment


def forgotten_while_claimed(cell: Engine) -> tuple[Slot, Moment]:
    cell.batch("acme", "main")
    slots = claim_some(cell, 1)
    moment = Moment(cell.client)
    answers = cell.begin(slots)
    return (slots[0], moment) if answers[0][0] == "begun" else forgotten_while_waiting_for_a_retry(cell)


def forgotten_while_an_older_dial_is_live(cell: Engine) -> tuple[Slot, Moment]:
    cell.batch("acme", "main")
    first = begun(cell)[0]
    moment = Moment(cell.client)
    cell.finish(first, how="retry", outcome="BUSY", next_in_ms=0)
    return begun(cell)[0], moment


def forgotten_while_an_older_dial_is_ended(cell: Engine) -> tuple[Slot, Moment]:
    cell.batch("acme", "main")
    first = begun(cell)[0]
    cell.finish(first, how="ended", outcome="VOICEMAIL")
    moment = Moment(cell.client)
    cell.finish(first, how="retry", outcome="VOICEMAIL", next_in_ms=0)
    return begun(cell)[0], moment


PHASES = (
    forgotten_while_fresh,
    forgotten_while_waiting_for_a_retry,
    forgotten_while_held,
    forgotten_while_claimed,
    forgotten_while_an_older_dial_is_live,
    forgotten_while_an_older_dial_is_ended,
)


@pytest.mark.parametrize("forgotten", PHASES, ids=lambda case: case.__name__)
def test_a_forgotten_dial_is_live_again_with_all_that_it_holds(
    cell: Engine, forgotten: Callable[[Engine], tuple[Slot, Moment]]
) -> None:
    slot, moment = forgotten(cell)
    lose_since(cell, moment)
    assert cell.reassert([slot]) == ["restored"]
    state = cell.state(slot.batch, slot.ordinal)
    wanted = {"phase": "live", "d": str(slot.dial), "l": str(slot.dial), "a": str(slot.attempts + 1), "w": "w1", "p": "p1"}
    assert {name: state.get(name) for name in wanted} == wanted
    counters = cell.counters(slot.batch)
    assert (counters["live"], counters["due"], counters["claimed"], counters["ended"]) == (1, 0, 0, 0)
    assert counters["attempts"] == slot.attempts + 1
    for kind in ("k/main", "t/acme", f"b/{slot.batch}"):
        assert cell.client.zrange(cell.key(f"flying:{kind}"), 0, -1) == [slot.member.encode()]
    assert cell.client.hvals(cell.key("dialing:t/acme")) == [slot.member.encode()]
    assert cell.hash(f"batch:{slot.batch}")["state"] == "processing"
    assert audit_cell(cell) == []


@pytest.mark.parametrize("forgotten", PHASES, ids=lambda case: case.__name__)
def test_a_dial_that_is_told_twice_is_known(
    cell: Engine, forgotten: Callable[[Engine], tuple[Slot, Moment]]
) -> None:
    slot, moment = forgotten(cell)
    lose_since(cell, moment)
    cell.reassert([slot])
    before, counters = cell.state(slot.batch, slot.ordinal), cell.counters(slot.batch)
    assert cell.reassert([slot], worker="w2", begin_ago_ms=5000) == ["known"]
    assert (cell.state(slot.batch, slot.ordinal), cell.counters(slot.batch)) == (before, counters)
    assert audit_cell(cell) == []


def test_a_deadline_that_a_worker_knows_to_be_later_is_moved_there_and_none_is_moved_back(cell: Engine) -> None:
    """What a clock that was set forward brought near."""
    cell.batch("acme", "main")
    (slot,) = begun(cell)
    deadline_ms = int(cell.state(slot.batch, slot.ordinal)["h"])
    live = cell.key("live")
    cell.client.zadd(live, {slot.member: deadline_ms + 36_000_000})  # it was looked at meanwhile, and seemed old
    assert cell.reassert([slot], begin_ago_ms=-3_600_000) == ["known"]
    later_ms = int(cell.state(slot.batch, slot.ordinal)["h"])
    assert later_ms > deadline_ms + 3_000_000
    looked_up_ms = cell.client.zscore(live, slot.member)
    assert looked_up_ms < later_ms, "it is looked at when its worker would have it"
    assert cell.reassert([slot], begin_ago_ms=-3_600_500) == ["known"]
    assert cell.client.zscore(live, slot.member) == looked_up_ms, "half a second is no step of a clock"
    later_ms = int(cell.state(slot.batch, slot.ordinal)["h"])
    for kind in ("k/main", "t/acme", f"b/{slot.batch}"):
        assert cell.client.zscore(cell.key(f"flying:{kind}"), slot.member) == later_ms
    assert cell.reassert([slot], begin_ago_ms=3_600_000) == ["known"]
    assert int(cell.state(slot.batch, slot.ordinal)["h"]) == later_ms
    assert cell.finish(slot) == "final"
    assert cell.reassert([slot], begin_ago_ms=-7_200_000) == ["known"]
    assert cell.state(slot.batch, slot.ordinal)["phase"] == "final"
    assert audit_cell(cell) == []


def test_a_dial_told_again_ends_as_any_other(cell: Engine) -> None:
    slot, moment = forgotten_while_fresh(cell)
    lose_since(cell, moment)
    cell.reassert([slot])
    assert cell.accept(slot) == "accepted"
    assert cell.finish(slot) == "final"
    assert cell.hash(f"batch:{slot.batch}")["state"] == "completed"
    assert [event["type"] for event in cell.events()] == ["call.completed", "batch.completed"]
    assert audit_cell(cell) == []


def test_a_dial_that_was_not_sent_is_taken_back_after_it_was_told_again(cell: Engine) -> None:
    slot, moment = forgotten_while_fresh(cell)
    lose_since(cell, moment)
    cell.reassert([slot], provider_id="")
    assert cell.abort(slot) == "aborted"
    assert cell.counters(slot.batch)["attempts"] == 0
    assert audit_cell(cell) == []


@pytest.mark.parametrize("how", ("live", "ended", "due", "final"))
def test_a_dial_that_redis_knows_is_left_alone_whatever_became_of_it(cell: Engine, how: str) -> None:
    batch = cell.batch("acme", "main")
    slot = begun(cell)[0]
    if how == "due":
        cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=60_000)
    elif how != "live":
        cell.finish(slot, how=how)
    cell.open("run-2")
    before, counters = cell.state(batch, 0), cell.counters(batch)
    assert cell.reassert([slot]) == ["known"]
    assert (cell.state(batch, 0), cell.counters(batch)) == (before, counters)
    assert audit_cell(cell) == []


def test_a_dial_older_than_one_that_redis_knows_changes_nothing(cell: Engine) -> None:
    cell.batch("acme", "main")
    first = begun(cell)[0]
    cell.finish(first, how="retry", outcome="BUSY", next_in_ms=0)
    second = begun(cell)[0]
    cell.open("run-2")
    before = cell.state(second.batch, 0)
    assert cell.reassert([first]) == ["newer"]
    assert cell.state(second.batch, 0) == before


def test_a_dial_whose_batch_went_with_the_tail_is_gone(cell: Engine) -> None:
    moment = Moment(cell.client)
    cell.batch("acme", "main")
    slot = begun(cell)[0]
    lose_since(cell, moment)
    assert cell.reassert([slot]) == ["gone"]
    assert cell.client.exists(cell.key(f"batch:{slot.batch}")) == 0
    assert cell.client.zcard(cell.key("live")) == 0


def test_a_contact_whose_batch_was_cancelled_meanwhile_stays_ended(cell: Engine) -> None:
    slot, moment = forgotten_while_fresh(cell)
    lose_since(cell, moment)
    cell.control(slot.batch, "acme", "cancel")
    assert cell.reassert([slot]) == ["over"]
    assert audit_cell(cell) == []


def test_the_contacts_that_the_cursor_is_moved_over_wait_in_doubt(cell: Engine) -> None:
    """Another worker, which died, had them."""
    batch = cell.batch("acme", "main", 6, cps=1000)
    moment = Moment(cell.client)
    slots = begun(cell, 4)
    lose_since(cell, moment)
    assert cell.reassert([slots[3]]) == ["restored"]
    assert audit_cell(cell) == []
    assert cell.counters(batch)["due"] == 5
    reopen(cell)
    claimed = claim_some(cell, 5)
    assert sorted(slot.ordinal for slot in claimed) == [0, 1, 2, 4, 5]
    assert all(slot.doubt == 1 for slot in claimed if slot.ordinal < 3)
    assert audit_cell(cell) == []


def test_a_dial_far_beyond_the_cursor_is_not_believed(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 5000, cps=30)
    slot = begun(cell)[0]
    far = Slot(batch, 4999, 1, 0, 0, slot.record)
    cell.open("run-2")
    assert cell.reassert([far]) == ["far"]
    assert audit_cell(cell) == []


def test_a_number_that_another_call_seems_to_hold_is_taken_and_that_call_looked_up_at_once(cell: Engine) -> None:
    """Its end was forgotten: it must be over, since the number was given away."""
    cell.batch("acme", "main", [NUMBER], priority=9)
    holder = begun(cell)[0]
    cell.accept(holder)
    cell.batch("acme", "main", [NUMBER])
    moment = Moment(cell.client)
    wait_until(lambda: cell.claim("w1").slots or cell.client.zcard(cell.key("held:t/acme")))
    cell.finish(holder)
    later = begun(cell)[0]
    lose_since(cell, moment)
    assert cell.reassert([later]) == ["restored"]
    assert [row[0].decode() for row in cell.checks()] == [holder.batch]
    assert cell.finish(holder) == "final"
    assert cell.client.hvals(cell.key("dialing:t/acme")) == [later.member.encode()]
    assert audit_cell(cell) == []


def test_many_dials_are_told_at_once(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 64, cps=1000)
    moment = Moment(cell.client)
    slots = begun(cell, 64)
    lose_since(cell, moment)
    assert cell.reassert(slots) == ["restored"] * 64
    assert cell.counters(batch)["live"] == 64
    assert audit_cell(cell) == []


@pytest.mark.parametrize(
    "spoil", ({"dial": -1}, {"attempt": -1}, {"provider_id": "two words"}), ids=("dial", "attempt", "provider_id")
)
def test_what_is_no_dial_is_refused_whole(cell: Engine, spoil: dict[str, object]) -> None:
    slot, moment = forgotten_while_fresh(cell)
    lose_since(cell, moment)
    with pytest.raises(Exception, match="ERR_INVALID"):
        cell.reassert([slot], **spoil)
    assert cell.counters(slot.batch)["due"] == 1
