# SPDX-License-Identifier: Apache-2.0
"""Calls that may have been claimed and begun in a tail that Redis lost: each is in doubt at its first claim afterwards, and
begins only when somebody has asked the platform."""

from __future__ import annotations

import math

import pytest

from tests.support.auditor import audit_cell
from tests.support.engine import DOUBT_LEASE_MS, Engine, Slot
from tests.support.waiting import wait_until

CPS = 5
IN_TAIL = math.ceil(CPS * 4.2) + 1  # what the rate allows for the tail and the horizon
NUMBER = 15550000077


@pytest.fixture
def cell(opened_cell: Engine) -> Engine:
    return opened_cell


def lose_tail(cell: Engine, run: str = "run-2") -> None:
    """Redis comes back as it is; what it may have forgotten nobody knows. The closing is over at once."""
    cell.open(run)
    cell.client.hset(cell.key("cell"), "closed_until", cell.now_ms())


def end_tail(cell: Engine) -> None:
    """The old primary, if there is one, is gone by now."""
    cell.client.hset(cell.key("cell"), "tail_ms", cell.now_ms() - 1)


def claim_some(cell: Engine, count: int, worker: str = "w1") -> list[Slot]:
    """In the order of their slots; the pace is lifted, since it is not what these tests are about."""
    slots: list[Slot] = []

    def more() -> bool:
        for key in cell.client.scan_iter(cell.key("batch:*")):
            if key.count(b":") == 3:
                cell.client.hdel(key, "tat_us")
        slots.extend(cell.claim(worker, calls=count - len(slots)).slots)
        return len(slots) >= count

    wait_until(more, 40.0, f"{count} claims")
    return slots


def begin(cell: Engine, slot: Slot, worker: str = "w1") -> tuple[str, ...]:
    """Its slot is made to be now: no test here is about lateness."""
    state = cell.state(slot.batch, slot.ordinal)
    if state.get("phase") == "claimed":
        state["q"] = str(cell.now_ms() * 1000)
        text = " ".join(f"{name}={value}" for name, value in state.items())
        cell.client.hset(cell.key(f"batch:{slot.batch}:state:{slot.ordinal // 64}"), str(slot.ordinal), text)
    cell.client.delete(*(cell.key(f"begins:{kind}") for kind in ("k/main", "t/acme", f"b/{slot.batch}")))
    return cell.begin([slot], worker)[0]


def test_without_a_lost_tail_nothing_is_in_doubt(cell: Engine) -> None:
    cell.batch("acme", "main", 3, cps=CPS)
    slots = claim_some(cell, 3)
    assert [slot.doubt for slot in slots] == [0, 0, 0]
    assert all("c" not in cell.state(slot.batch, slot.ordinal) for slot in slots)


def test_a_clock_that_jumped_puts_nothing_in_doubt(cell: Engine) -> None:
    cell.batch("acme", "main", 3, cps=CPS)
    cell.close(0)
    cell.client.hset(cell.key("cell"), "closed_until", cell.now_ms())
    assert [slot.doubt for slot in claim_some(cell, 3)] == [0, 0, 0]


def test_the_next_fresh_contacts_are_in_doubt_as_many_as_the_rate_allows_for_the_tail(cell: Engine) -> None:
    batch = cell.batch("acme", "main", IN_TAIL + 10, cps=CPS)
    known = claim_some(cell, 2)
    assert [begin(cell, slot)[0] for slot in known] == ["begun", "begun"]
    lose_tail(cell)
    slots = claim_some(cell, IN_TAIL + 8)
    assert [slot.ordinal for slot in slots] == list(range(2, IN_TAIL + 10))
    assert [slot.doubt for slot in slots] == [1] * IN_TAIL + [0] * 8
    assert cell.counters(batch)["claimed"] == IN_TAIL + 8
    assert audit_cell(cell) == []


def test_retries_that_were_due_before_are_in_doubt_and_later_ones_are_not(cell: Engine) -> None:
    cell.batch("acme", "main", 2, cps=CPS)
    due, later = claim_some(cell, 2)
    for slot in (due, later):
        assert begin(cell, slot)[0] == "begun"
    cell.finish(due, how="retry", outcome="BUSY", next_in_ms=0)
    cell.finish(later, how="retry", outcome="BUSY", next_in_ms=600_000)
    lose_tail(cell)
    end_tail(cell)
    cell.client.zadd(cell.key(f"batch:{later.batch}:retry:0"), {str(later.ordinal): cell.now_ms() + 250})
    cell.change(later.batch, "acme", priority=5)  # the lane looks anew at what it has
    first, second = claim_some(cell, 2)
    assert (first.ordinal, first.dial, first.doubt) == (due.ordinal, 2, 2)
    assert (second.ordinal, second.doubt) == (later.ordinal, 0)


def test_retries_due_while_an_old_primary_may_go_on_are_in_doubt(cell: Engine) -> None:
    cell.batch("acme", "main", 1, cps=CPS)
    slot = claim_some(cell, 1)[0]
    assert begin(cell, slot)[0] == "begun"
    cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=600_000)
    lose_tail(cell)
    closed_ms = int(cell.hash("cell")["closed_ms"])
    assert int(cell.hash("cell")["tail_ms"]) == closed_ms + 3_000
    cell.client.zadd(cell.key(f"batch:{slot.batch}:retry:0"), {str(slot.ordinal): closed_ms + 2_900})
    cell.change(slot.batch, "acme", priority=5)  # the lane looks anew at what it has
    assert claim_some(cell, 1)[0].doubt == 2


def test_a_dial_that_is_told_again_may_have_ended_and_the_next_have_begun(cell: Engine) -> None:
    """A worker tells what it has begun; another may have been told of its end, have placed the retry, and have died."""
    cell.batch("acme", "main", 1, cps=CPS)
    slot = claim_some(cell, 1)[0]
    lose_tail(cell)  # with the begin
    assert cell.reassert([slot]) == ["restored"]
    cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=0)
    again = claim_some(cell, 1)[0]
    assert (again.dial, again.doubt) == (2, 2)
    assert cell.doubt(again, "absent") == "cleared"
    assert begin(cell, again)[0] == "begun"
    cell.finish(again, how="retry", outcome="BUSY", next_in_ms=0)
    assert claim_some(cell, 1)[0].doubt == 0, "it was claimed after the tail"


@pytest.mark.parametrize(("provider_id", "begin_ago_ms", "doubt"), [("", 840_000, 0), ("CA1", 840_000, 2), ("", 1000, 2)])
def test_the_retry_of_a_call_found_too_late_to_know_whose_it_is_is_in_no_doubt(
    cell: Engine, provider_id: str, begin_ago_ms: int, doubt: int
) -> None:
    """By number it would be found again as that retry, and end unknown, as often as there are attempts."""
    cell.batch("acme", "main", 1, cps=CPS)
    slot = claim_some(cell, 1)[0]
    lose_tail(cell)
    found = {"provider_id": provider_id, "begin_ago_ms": begin_ago_ms, "caller": "15550009999"}
    assert cell.reassert([slot], **found) == ["restored"]
    cell.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=0)
    again = claim_some(cell, 1)[0]
    assert (again.dial, again.doubt) == (2, doubt)


def test_no_more_retries_are_in_doubt_than_the_rate_allows_for_the_tail(cell: Engine) -> None:
    cell.batch("acme", "main", IN_TAIL + 3, cps=CPS)
    live = []
    for _ in range(IN_TAIL + 3):
        live += claim_some(cell, 1)
        assert begin(cell, live[-1])[0] == "begun"
    for slot in live:
        cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=0)
    lose_tail(cell)
    assert sorted(slot.doubt for slot in claim_some(cell, IN_TAIL + 3)) == [0] * 3 + [2] * IN_TAIL


def test_a_batch_that_is_made_afterwards_is_in_no_doubt(cell: Engine) -> None:
    lose_tail(cell)
    end_tail(cell)
    cell.batch("acme", "main", 2, cps=CPS)
    assert [slot.doubt for slot in claim_some(cell, 2)] == [0, 0]


def test_a_call_that_was_claimed_may_have_been_begun_by_a_worker_that_died(cell: Engine) -> None:
    cell.batch("acme", "main", 1, cps=CPS)
    claimed = claim_some(cell, 1, "w_dead")[0]
    lose_tail(cell)
    cell.client.zadd(cell.key("claimed"), {f"{claimed.member}/w_dead": cell.now_ms() - 1})
    assert cell.tick()["reclaimed"] == 1
    again = claim_some(cell, 1)[0]
    assert (again.dial, again.doubt) == (2, 1), "the claimed number itself is one that may have been used"


def test_a_call_whose_dial_ends_afterwards_may_have_had_the_next_one_already(cell: Engine) -> None:
    cell.batch("acme", "main", 2, cps=CPS)
    retried, given_back = claim_some(cell, 2)
    for slot in (retried, given_back):
        assert begin(cell, slot)[0] == "begun"
    lose_tail(cell)
    cell.finish(retried, how="retry", outcome="BUSY", next_in_ms=0)
    assert cell.abort(given_back, verdict="THROTTLED") == "aborted"
    assert [(slot.dial, slot.doubt) for slot in claim_some(cell, 2)] == [(2, 2), (2, 2)]


def test_a_call_that_was_held_for_its_number_may_have_been_woken(cell: Engine) -> None:
    cell.batch("acme", "main", [NUMBER], cps=CPS, priority=9)
    holder = claim_some(cell, 1)[0]
    assert begin(cell, holder)[0] == "begun"
    cell.batch("acme", "main", [NUMBER], cps=CPS)
    wait_until(lambda: cell.claim("w1").slots or cell.client.zcard(cell.key("held:t/acme")))
    lose_tail(cell)
    cell.finish(holder)
    assert [slot.doubt for slot in claim_some(cell, 1)] == [1]
    assert audit_cell(cell) == []


def test_a_call_in_doubt_that_is_held_for_its_number_stays_in_doubt(cell: Engine) -> None:
    cell.batch("acme", "main", [NUMBER], cps=CPS, priority=9)
    holder = claim_some(cell, 1)[0]
    assert begin(cell, holder)[0] == "begun"
    second = cell.batch("acme", "main", [NUMBER], cps=CPS)
    lose_tail(cell)
    wait_until(lambda: cell.claim("w1").slots or cell.client.zcard(cell.key("held:t/acme")))
    assert cell.state(second, 0) == {"phase": "due", "a": "0", "d": "0", "f": "1"}
    cell.finish(holder)
    assert [slot.doubt for slot in claim_some(cell, 1)] == [1]
    assert audit_cell(cell) == []


def test_a_doubt_is_settled_once(cell: Engine) -> None:
    """The next dial of the call was claimed after the tail: nobody can have used it."""
    cell.batch("acme", "main", 1, cps=CPS)
    lose_tail(cell)
    slot = claim_some(cell, 1)[0]
    assert cell.doubt(slot, "absent") == "cleared"
    assert begin(cell, slot)[0] == "begun"
    cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=0)
    assert claim_some(cell, 1)[0].doubt == 0


def test_a_second_lost_tail_puts_in_doubt_again(cell: Engine) -> None:
    cell.batch("acme", "main", 1, cps=CPS)
    lose_tail(cell)
    slot = claim_some(cell, 1)[0]
    cell.doubt(slot, "absent")
    assert begin(cell, slot)[0] == "begun"
    lose_tail(cell, "run-3")
    cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=0)
    assert claim_some(cell, 1)[0].doubt == 2


# ---- settling ----


@pytest.fixture
def doubted(cell: Engine) -> Slot:
    """A claimed call in doubt."""
    cell.batch("acme", "main", 1, cps=CPS)
    lose_tail(cell)
    return claim_some(cell, 1)[0]


def test_a_call_in_doubt_may_not_begin(cell: Engine, doubted: Slot) -> None:
    assert begin(cell, doubted) == ("released", "doubt")
    assert claim_some(cell, 1)[0].doubt == 1
    assert audit_cell(cell) == []


def test_its_lease_leaves_time_to_ask(cell: Engine, doubted: Slot) -> None:
    lease = cell.client.zscore(cell.key("claimed"), f"{doubted.member}/w1")
    assert lease == doubted.slot_us // 1000 + DOUBT_LEASE_MS


def test_a_call_that_the_platform_does_not_know_begins(cell: Engine, doubted: Slot) -> None:
    assert cell.doubt(doubted, "absent") == "cleared"
    assert cell.doubt(doubted, "absent") == "cleared"
    assert begin(cell, doubted)[0] == "begun"
    assert cell.finish(doubted) == "final"
    assert audit_cell(cell) == []


def test_a_platform_that_could_not_be_asked_is_asked_later(cell: Engine, doubted: Slot) -> None:
    assert cell.doubt(doubted, "later", due_in_ms=300) == "released"
    state = cell.state(doubted.batch, 0)
    assert state["phase"] == "due" and int(state["n"]) > doubted.slot_us // 1000
    assert cell.doubt(doubted, "later") == "gone"
    assert claim_some(cell, 1)[0].doubt == 1
    assert audit_cell(cell) == []


def test_only_the_worker_that_holds_the_claim_settles_it(cell: Engine, doubted: Slot) -> None:
    assert cell.doubt(doubted, "absent", worker="w2") == "gone"
    assert begin(cell, doubted) == ("released", "doubt")


@pytest.mark.parametrize("found", (1, 2), ids=("this_number", "the_next_number"))
def test_a_call_that_the_platform_has_is_that_dial(cell: Engine, doubted: Slot, found: int) -> None:
    assert cell.reassert([doubted], dial=found) == ["restored"]
    state = cell.state(doubted.batch, 0)
    assert (state["phase"], state["d"], state["l"], state.get("f")) == ("live", str(found), str(found), None)
    assert cell.client.zcard(cell.key("claimed")) == 0
    assert audit_cell(cell) == []
    slot = Slot(doubted.batch, 0, found, 0, 0, doubted.record)
    assert cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=0) == "due"
    following = claim_some(cell, 1)[0]
    assert (following.dial, following.attempts, following.doubt) == (found + 1, 1, found + 1), "the next may be of it too"
    assert audit_cell(cell) == []


def claim_in_doubt(cell: Engine, times: int) -> Slot:
    """Claimed so often after a lost tail, and put off each time but the last: as many numbers are used up."""
    cell.batch("acme", "main", 1, cps=CPS)
    lose_tail(cell)
    for _ in range(times - 1):
        assert cell.doubt(claim_some(cell, 1)[0], "later") == "released"
    return claim_some(cell, 1)[0]


def test_a_call_found_by_its_number_alone_gives_no_number_to_a_second_dial(cell: Engine) -> None:
    """Which of them it was placed under nobody knows: any may have been on the line, under the token that it makes."""
    slot = claim_in_doubt(cell, 4)
    assert cell.reassert([slot], dial=1, caller="15550009999") == ["restored"]
    state = cell.state(slot.batch, 0)
    assert (state["d"], state["l"], state["i"]) == ("1", "1", "4")
    assert cell.finish(Slot(slot.batch, 0, 1, 0, 0, slot.record), how="retry", outcome="BUSY", next_in_ms=0) == "due"
    following = claim_some(cell, 1)[0]
    assert (following.dial, following.doubt) == (5, 2)
    assert "i" not in cell.state(slot.batch, 0), "the number itself says so again"
    assert int(cell.hash(f"batch:{slot.batch}")["dials"]) == 5
    assert audit_cell(cell) == []


def test_the_highest_number_outlives_a_second_call_that_is_found(cell: Engine) -> None:
    slot = claim_in_doubt(cell, 4)
    for found, highest in ((1, "4"), (2, "4"), (6, None)):
        assert cell.reassert([slot], dial=found, caller="15550009999") == ["restored"]
        assert cell.state(slot.batch, 0).get("i") == highest
    assert int(cell.hash(f"batch:{slot.batch}")["dials"]) == 6
    assert audit_cell(cell) == []


def test_a_call_found_by_its_token_is_followed_by_the_number_that_is_asked_for_next(cell: Engine) -> None:
    """Those between were asked for and had no call. Another loss asks for the numbers behind this one: there the next must be."""
    slot = claim_in_doubt(cell, 4)
    assert cell.reassert([slot], dial=1) == ["restored"]
    assert cell.finish(Slot(slot.batch, 0, 1, 0, 0, slot.record), how="retry", outcome="BUSY", next_in_ms=0) == "due"
    following = claim_some(cell, 1)[0]
    assert (following.dial, following.doubt) == (2, 2)


def test_a_reply_that_was_lost_tells_the_doubt_again(cell: Engine) -> None:
    cell.batch("acme", "main", 1, cps=CPS)
    lose_tail(cell)
    first = wait_until(lambda: cell.claim("w1", request="again").slots)
    assert cell.claim("w1", request="again").slots == first and first[0].doubt == 1


@pytest.mark.parametrize("what", ("found", ""), ids=("found", "nothing"))
def test_another_word_is_refused(cell: Engine, doubted: Slot, what: str) -> None:
    with pytest.raises(Exception, match="ERR_INVALID"):
        cell.doubt(doubted, what)


# ---- losses close to each other: where to look for the calls of each ----


def earlier_tails(cell: Engine) -> list[list[int]]:
    """What the claimed calls in doubt are told of tails before the last."""
    rows = cell.scripts.run("call_claim", "w1", f"e{cell.now_ms()}", 64, 400, 200_000, 2000, DOUBT_LEASE_MS)[5:]
    return [[int(word) for word in row[9].split()] for row in rows if row[6]]


def from_ms(cell: Engine) -> int:
    return int(cell.hash("cell")["tail_from_ms"])


def test_a_second_lost_tail_does_not_forget_where_calls_of_the_first_are_to_be_looked_for(cell: Engine) -> None:
    batch = cell.batch("acme", "main", 3, cps=CPS)
    lose_tail(cell)
    first = from_ms(cell)
    wait_until(lambda: cell.now_ms() > first + 1 and cell.tick() is not None, 5.0, "somebody is heard of")
    lose_tail(cell, "run-3")
    second = from_ms(cell)
    assert second > first
    assert wait_until(lambda: earlier_tails(cell), 10.0, "a claim in doubt")[0] == [first]
    cell.client.zadd(cell.key("workers"), {"w1": cell.now_ms()})
    lose_tail(cell, "run-4")
    assert cell.hash("cell")["tail_earlier"] == f"{first} {second}"
    assert cell.hash(f"batch:{batch}")["tail_epoch"]


def test_of_one_lost_tail_and_of_a_clock_that_jumped_no_earlier_one_is_told(cell: Engine) -> None:
    cell.batch("acme", "main", 3, cps=CPS)
    lose_tail(cell)
    cell.close(0)
    cell.client.hset(cell.key("cell"), "closed_until", cell.now_ms())
    assert wait_until(lambda: earlier_tails(cell), 10.0, "a claim in doubt")[0] == []


def test_of_many_lost_tails_the_last_eight_before_are_told_and_none_that_is_too_old(cell: Engine) -> None:
    now = cell.now_ms()
    cell.client.hset(cell.key("cell"), mapping={"tail_epoch": 1, "tail_from_ms": now - 1000,
                     "tail_earlier": " ".join(str(now - 780_000 + at * 60_000) for at in range(11))})  # fmt: skip
    lose_tail(cell)
    kept = [int(word) for word in cell.hash("cell")["tail_earlier"].split()]
    assert kept == [now - 780_000 + at * 60_000 for at in range(4, 11)] + [now - 1000]


def test_an_earlier_tail_is_not_told_of_when_nobody_could_say_whose_its_calls_are(cell: Engine) -> None:
    cell.batch("acme", "main", 3, cps=CPS)
    lose_tail(cell)
    cell.client.hset(cell.key("cell"), "tail_earlier", f"{cell.now_ms() - 790_000}")
    assert wait_until(lambda: earlier_tails(cell), 10.0, "a claim in doubt")[0] == []
