# SPDX-License-Identifier: Apache-2.0
"""Would the tests notice? Each mutation takes one line of a script away that keeps a promise. The guard of that promise, a
short scenario on a real Redis whose clock stands still, must pass on the scripts as they are and fail on the mutated one.

A mutation whose text is not there any more fails: whoever changes a script says here what keeps the promise now.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest
import redis

from tests.support.auditor import audit
from tests.support.engine import Engine, Slot, most_in_a_second
from tests.support.redis_clock import RedisClock
from tests.support.redis_server import RedisServer
from tests.support.scripts import Scripts, source

START_US = 1_763_283_600_000_000
NUMBER = 15551230001


class Cell(Engine):
    """An engine whose time is moved by hand, with one trunk and one tenant."""

    def __init__(self, server: RedisServer, changed: dict[str, str]) -> None:
        client = server.client()
        client.flushall()
        super().__init__(client, scripts=Scripts(client, changed=changed))
        self.clock: RedisClock = server.clock
        self.clock.stand(START_US)
        self.trunk("main")
        self.tenant("acme")

    def fill(self, contacts: int | list[int] = 3, **fields: object) -> str:
        return self.batch("acme", "main", contacts, cps=30, **fields)

    def wait(self, ms: float) -> None:
        self.clock.step(int(ms * 1000))

    def claim_one(self, worker: str = "w1") -> Slot:
        self.wait(50)
        slots = self.claim(worker, calls=1).slots
        assert slots, "nothing is handed out"
        return slots[0]

    def begin_one(self, worker: str = "w1") -> Slot:
        slot = self.claim_one(worker)
        assert self.begin([slot], worker)[0][0] == "begun"
        return slot

    def phase(self, slot: Slot) -> str:
        return self.state(slot.batch, slot.ordinal).get("phase", "due")

    def audit(self) -> None:
        batches = [name.decode() for name in self.client.zrange(self.key("tenant:acme:batches"), 0, -1)]
        assert audit(self, ["acme"], ["main"], batches) == []


Guard = Callable[[Cell], None]


@dataclasses.dataclass(frozen=True)
class Mutation:
    promise: str  # what is broken, in words
    script: str
    old: str
    new: str
    guard: Guard

    def text(self) -> str:
        sound = source(self.script)
        assert sound.count(self.old) == 1, f"{self.script} holds {sound.count(self.old)} times: {self.old!r}"
        return sound.replace(self.old, self.new)


# ---- breakers, and what cannot work ----


def fail_twice(cell: Cell, contacts: int = 20) -> str:
    """The trunk's breaker is open."""
    cell.trunk("main", how="set", breaker_minimum=2)
    batch = cell.fill(contacts, on_event="http://127.0.0.1/all")
    for _ in range(2):
        cell.recheck(cell.begin_one(), "doubt", "HTTP 503", check_in_ms=60_000)
    return batch


def probe(cell: Cell) -> Slot:
    cell.wait(int(cell.hash("trunk:main")["breaker_until_ms"]) - cell.now_ms())
    return cell.begin_one()


def an_open_breaker_hands_nothing_out(cell: Cell) -> None:
    fail_twice(cell)
    cell.wait(100)
    assert cell.claim().slots == []


def an_open_breaker_lets_nothing_begin(cell: Cell) -> None:
    cell.trunk("main", how="set", breaker_minimum=1)
    cell.fill()
    failed, handed_out = cell.begin_one(), cell.claim_one()
    cell.recheck(failed, "doubt", "HTTP 503", check_in_ms=60_000)
    assert cell.begin([handed_out]) == [("released", "breaker")]


def one_call_is_handed_out_to_try_a_trunk(cell: Cell) -> None:
    fail_twice(cell)
    cell.wait(6_500)
    assert len(cell.claim().slots) == 1


def nothing_else_begins_while_a_trunk_is_tried(cell: Cell) -> None:
    fail_twice(cell)
    probe(cell)
    cell.wait(10_000)
    assert cell.claim().slots == []


def a_doubt_that_is_told_again_counts_once(cell: Cell) -> None:
    cell.trunk("main", how="set", breaker_minimum=2)
    cell.fill()
    slot = cell.begin_one()
    for _ in range(2):
        cell.recheck(slot, "doubt", "HTTP 503", check_in_ms=60_000)
    assert "breaker" not in cell.hash("trunk:main")


def only_the_probe_closes_a_breaker(cell: Cell) -> None:
    cell.trunk("main", how="set", breaker_minimum=2)
    cell.fill(20)
    early = cell.begin_one()
    fail_twice(cell)
    probe(cell)
    cell.accept(early)
    assert cell.hash("trunk:main").get("breaker") == "probing"


def a_probe_in_vain_makes_the_wait_longer(cell: Cell) -> None:
    fail_twice(cell)
    cell.recheck(probe(cell), "doubt", "HTTP 503", check_in_ms=60_000)
    assert cell.hash("trunk:main")["breaker_wait_ms"] == "10000"


def a_dial_given_back_passes_the_probe_on(cell: Cell) -> None:
    fail_twice(cell)
    cell.abort(probe(cell), "THROTTLED")
    assert cell.begin_one()


def refuse(cell: Cell, n: int) -> str:
    batch = cell.fill(60, on_event="http://127.0.0.1/all")
    for _ in range(n):
        cell.finish(cell.begin_one(), outcome="REJECTED", source="answer", provider_id="")
    return batch


def a_batch_that_is_refused_pauses_itself(cell: Cell) -> None:
    assert cell.hash(f"batch:{refuse(cell, 20)}").get("reason") == "poison"


def refusals_in_a_row_alone_pause_a_batch(cell: Cell) -> None:
    batch = refuse(cell, 19)
    cell.accept(cell.begin_one())
    cell.finish(cell.begin_one(), outcome="REJECTED", source="answer", provider_id="")
    assert cell.hash(f"batch:{batch}")["state"] == "processing"


def what_nobody_can_work_ends(cell: Cell) -> None:
    batch = cell.fill(1)
    for _ in range(3):
        slot = cell.claim_one()
        cell.scripts.run("call_strike", "w1", *slot.ref, "contact_unreadable")
        cell.wait(1_100)
    assert cell.hash(f"batch:{batch}")["state"] == "completed"


def a_begin_that_fails_leaves_those_beside_it_alone(cell: Cell) -> None:
    bad, good = cell.fill(1), cell.fill(1)
    cell.client.set(cell.key(f"begins:b/{bad}"), "of another type")
    slots = [cell.claim_one(), cell.claim_one()]
    try:
        answers = dict(zip((slot.batch for slot in slots), cell.begin(slots)))
    except redis.ResponseError as error:
        raise AssertionError("the begin of both failed") from error
    assert (answers[bad][0], answers[good][0]) == ("refused", "begun")


# ---- credit ----


def spend(cell: Cell, credit: int, contacts: int = 1) -> Slot:
    cell.tenant("acme", available_s=credit)
    cell.fill(contacts, talk_s=100, on_event="http://127.0.0.1/all")
    return cell.begin_one()


def credit_is(cell: Cell, left: int, reserved: int) -> None:
    cell.audit()
    fields = cell.hash("tenant:acme")
    assert (int(fields["available_s"]), int(fields.get("reserved_s", 0))) == (left, reserved)


def what_calls_may_talk_is_reserved(cell: Cell) -> None:
    spend(cell, 200)
    credit_is(cell, 100, 100)


def nobody_is_called_on_less_than_a_minute(cell: Cell) -> None:
    slot = spend(cell, 159, contacts=2)
    assert cell.begin([cell.claim_one()])[0] == ("released", "credits")
    assert cell.hash(f"batch:{slot.batch}")["state"] == "paused"
    credit_is(cell, 59, 100)


def nobody_talks_for_longer_than_was_reserved(cell: Cell) -> None:
    spend(cell, 170, contacts=2)
    assert cell.begin([cell.claim_one()])[0][3] == "70"


def a_dial_that_was_not_placed_costs_no_credit(cell: Cell) -> None:
    cell.abort(spend(cell, 200))
    credit_is(cell, 200, 0)


def a_call_is_charged_what_it_talked_and_no_more(cell: Cell) -> None:
    slot = spend(cell, 200)
    cell.finish(slot, how="ended", duration="30")
    credit_is(cell, 170, 0)
    for _ in range(2):
        cell.finish(slot, duration="30")
        credit_is(cell, 170, 0)


def an_unknown_end_is_charged_until_the_truth_comes(cell: Cell) -> None:
    slot = spend(cell, 200)
    cell.finish(slot, outcome="UNKNOWN", duration="")
    credit_is(cell, 100, 0)
    for _ in range(2):
        cell.finish(slot, duration="30")
        credit_is(cell, 170, 0)


def a_restored_dial_reserves_again(cell: Cell) -> None:
    cell.tenant("acme", available_s=200)
    cell.fill(1, talk_s=100)
    assert cell.reassert([cell.claim_one()]) == ["restored"]
    credit_is(cell, 100, 100)


def being_out_of_credit_is_told(cell: Cell) -> None:
    spend(cell, 100, contacts=2)
    cell.begin([cell.claim_one()])
    assert [event["code"] for event in cell.events() if event["type"] == "batch.failed"] == ["INSUFFICIENT_CREDITS"]


def credit_that_comes_back_resumes_who_waits(cell: Cell) -> None:
    slot = spend(cell, 100, contacts=3)
    cell.begin([cell.claim_one()])
    cell.finish(slot, duration="30")
    cell.tick()
    cell.begin_one()
    cell.begin([cell.claim_one()])
    assert [event["type"] for event in cell.events()].count("batch.failed") == 1
    cell.audit()


def more_credit_resumes_who_waits_for_it_and_nobody_else(cell: Cell) -> None:
    slot = spend(cell, 100, contacts=2)
    cell.begin([cell.claim_one()])
    other = cell.fill(1)
    cell.control(other, "acme", "pause", "credits")
    cell.control(other, "acme", "pause", "user")
    cell.tenant("acme", "set", available_s="+100")
    cell.tick()
    assert [cell.hash(f"batch:{batch}")["state"] for batch in (slot.batch, other)] == ["processing", "paused"]
    cell.audit()


# ---- no dial is placed twice ----


def an_old_dials_result_changes_nothing(cell: Cell) -> None:
    cell.fill(1)
    old = cell.begin_one()
    cell.finish(old, how="retry", outcome="BUSY", next_in_ms=0)
    newer = cell.begin_one()
    assert cell.finish(old, attempts=2) == "stale"
    assert cell.phase(newer) == "live" and cell.counters(newer.batch)["live"] == 1


def a_future_dials_result_changes_nothing(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.begin_one()
    assert cell.finish(dataclasses.replace(slot, dial=slot.dial + 1)) == "gone"
    assert cell.phase(slot) == "live"


def a_decision_on_an_older_state_is_not_taken(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.begin_one()
    assert cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=0, attempts=0) == "changed"
    assert cell.phase(slot) == "live"


def a_begun_call_is_looked_up_when_its_worker_dies(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.begin_one()
    cell.wait(30_001)
    assert [(row[0].decode(), int(row[1]), int(row[2])) for row in cell.checks()] == [slot.ref]


def a_begun_call_is_never_handed_out_again(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.begin_one("dead")
    for _ in range(5):
        cell.wait(1000)
        cell.tick("alive")
        assert cell.claim("alive").slots == []
    assert cell.phase(slot) == "live"


def a_begin_is_charged(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.begin_one()
    assert cell.state(slot.batch, slot.ordinal)["a"] == "1"
    cell.audit()


def a_begin_again_is_the_same_begin(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.begin_one()
    assert cell.begin([slot])[0][0] == "begun"
    assert cell.counters(slot.batch)["attempts"] == 1


def refusal(cell: Cell, script: str, *args: object) -> str:
    """How the script refuses; "" where it does not."""
    try:
        cell.scripts.run(script, *args)
    except redis.ResponseError as error:
        return str(error)
    return ""


def begin_draft(cell: Cell) -> str:
    batch = cell.batch("acme", "main", 0, seal=False, seen_shards=1)
    cell.scripts.run("batch_draft", batch, 0, 60_000)
    cell.scripts.run("chunk_open", batch, "acme", 1, "look", 60_000, "h", 1_000, 0)
    return batch


def a_draft_is_not_started_in_the_middle_of_a_chunk(cell: Cell) -> None:
    batch = begin_draft(cell)
    cell.ingest(batch, "1.1", [(NUMBER, "")])
    assert "unfinished 1" in refusal(cell, "batch_seal", batch, "")


def a_chunk_is_whole_with_all_its_parts_and_no_others(cell: Cell) -> None:
    batch = begin_draft(cell)
    cell.ingest(batch, "1.1", [(NUMBER, "")])
    for parts, error in ((2, "ERR_NOT_FOUND"), (0, "ERR_EXISTS")):
        assert error in refusal(cell, "chunk_close", batch, "acme", 1, "d", parts, "{}", "h")


def a_growing_index_forgets_nobody(cell: Cell) -> None:
    batch = begin_draft(cell)
    contacts = [(NUMBER + i, f"c{i}") for i in range(480)]
    assert cell.ingest(batch, "1.1", contacts)[2] == []
    assert len(cell.ingest(batch, "1.2", [(number, "") for number, _ in contacts])[2]) == 480
    assert len(cell.ingest(batch, "1.3", [(number + 1_000_000, contact_id) for number, contact_id in contacts])[2]) == 480


def a_draft_that_is_filled_lives_on(cell: Cell) -> None:
    batch = begin_draft(cell)
    cell.wait(59_999)
    cell.scripts.run("chunk_open", batch, "acme", 2, "look", 60_000, "h", 1_000, 0)
    cell.wait(59_999)
    cell.tick()
    assert cell.hash(f"batch:{batch}").get("state") == "draft"


def only_its_worker_begins_a_claim(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.claim_one("w1")
    assert cell.begin([slot], "w2")[0][0] == "gone"


def only_its_worker_takes_a_dial_back(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.begin_one("w1")
    assert cell.abort(slot, worker="w2") == "gone"
    assert cell.phase(slot) == "live"


def a_claim_whose_lease_passed_is_not_begun(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.claim_one()
    cell.wait((slot.slot_us - cell.clock.now_us) / 1000 + 2_000)
    answer = cell.scripts.run("call_begin", "w1", 60_000, 30_000, *slot.ref, 150_000, "")[1]
    assert answer == [b"released", b"lease"]


def a_call_too_late_for_its_slot_is_not_begun(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.claim_one()
    cell.wait(251)
    assert cell.begin([slot])[0] == ("released", "late")


def absent_once_proves_nothing(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.begin_one()
    assert cell.recheck(slot, "absent", absent_after_ms=1000) == "kept"
    cell.wait(999)
    assert cell.recheck(slot, "absent", absent_after_ms=1000) == "kept"


def absent_is_what_was_asked_far_enough_apart(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.begin_one()
    assert cell.recheck(slot, "absent", absent_after_ms=1000) == "kept"
    cell.wait(1000)
    assert cell.recheck(slot, "absent", absent_after_ms=1000, asked_ago_ms=1) == "kept"
    assert cell.recheck(slot, "absent", absent_after_ms=1000) == "givenback"


def an_accepted_dial_is_never_given_back(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.begin_one()
    cell.accept(slot)
    for _ in range(3):
        assert cell.recheck(slot, "absent", absent_after_ms=0) == "kept"


def a_number_is_dialed_once_at_a_time(cell: Cell) -> None:
    cell.fill([NUMBER])
    cell.fill([NUMBER])
    assert len(cell.claim().slots) == 1
    cell.wait(1000)
    assert cell.claim("w2").slots == []


def a_lost_reply_to_a_claim_costs_nothing(cell: Cell) -> None:
    cell.fill(20)
    first = cell.claim(request="lost").slots
    assert first and cell.claim(request="lost").slots == first


def unknown_said_again_takes_no_claim_back(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.begin_one()
    cell.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=0)
    newer = cell.claim_one()
    assert cell.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=0) == "recorded"
    assert cell.phase(newer) == "claimed"


# ---- no call is lost ----


def every_released_call_comes_back_and_no_other_is_given_twice(cell: Cell) -> None:
    batch = cell.fill(3)
    slots = [cell.claim_one() for _ in range(3)]
    cell.release(slots[:1])
    cell.audit()
    again = cell.claim_one()
    assert again.ordinal == slots[0].ordinal
    cell.wait(50)
    assert cell.claim().slots == [] and cell.counters(batch)["claimed"] == 3


def a_dead_workers_claim_comes_back(cell: Cell) -> None:
    cell.fill(1)
    slot = cell.claim_one("dead")
    cell.wait(2500)
    cell.tick("alive")
    assert cell.claim_one("alive").ordinal == slot.ordinal


def a_chunk_again_adds_nothing(cell: Cell) -> None:
    batch = cell.batch("acme", "main", 0, seal=False)
    cell.ingest(batch, 1, [(NUMBER, "")])
    assert cell.ingest(batch, 1, [(NUMBER, "")]) == [1, 1, []]


def a_batch_does_not_end_between_two_chunks(cell: Cell) -> None:
    batch = cell.fill(1)
    cell.append(batch, "acme")
    cell.finish(cell.begin_one())
    assert cell.hash(f"batch:{batch}")["state"] == "processing"
    assert cell.ingest(batch, 2, [(NUMBER, "")])[0] == 2
    cell.claim_one()


def what_is_appended_is_dialed(cell: Cell) -> None:
    batch = cell.fill(1)
    cell.append(batch, "acme")
    cell.finish(cell.begin_one())
    cell.ingest(batch, 2, [(NUMBER, "")])
    cell.audit()
    assert cell.claim_one().ordinal == 1


def a_cancel_counts_each_call_once(cell: Cell) -> None:
    batch = cell.fill(5)
    cell.begin_one()
    cell.control(batch, "acme", "cancel")
    cell.control(batch, "acme", "fail", "reason", "CODE")
    cell.audit()


# ---- no limit is exceeded ----


def concurrency_is_taken_by_the_claim(cell: Cell) -> None:
    cell.trunk("main", how="set", max_concurrent=1)
    cell.fill(5)
    first = cell.claim("w1", calls=1).slots
    cell.wait(100)
    second = cell.claim("w2").slots
    begun = cell.begin(first, "w1") + (cell.begin(second, "w2") if second else [])
    assert [answer[0] for answer in begun] == ["begun"]


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


# ---- state and event are one fact ----


def each_final_call_is_told_of_once(cell: Cell) -> None:
    cell.fill(2)
    slot = cell.begin_one()
    cell.finish(slot)
    cell.finish(slot)
    assert [event["type"] for event in cell.events()] == ["call.completed"]


def the_end_of_a_batch_is_told_of(cell: Cell) -> None:
    cell.fill(1)
    cell.finish(cell.begin_one())
    assert [event["type"] for event in cell.events()] == ["call.completed", "batch.completed"]


def a_call_without_a_summary_is_told_of_all_the_same(cell: Cell) -> None:
    cell.fill(1)
    cell.finish(cell.begin_one(), how="ended")
    cell.wait(1000)
    cell.tick()
    assert [event["type"] for event in cell.events()] == ["call.completed", "batch.completed"]


def each_attempt_is_told_of_once(cell: Cell) -> None:
    cell.fill(1, on_call_attempt="http://127.0.0.1/attempt", on_call_complete=None, on_batch_complete=None)
    cell.finish(cell.begin_one(), how="retry", outcome="BUSY", next_in_ms=0)
    slot = cell.begin_one()
    cell.finish(slot, how="retry", outcome="UNKNOWN", next_in_ms=60_000)
    cell.finish(slot)
    cell.fill([NUMBER], on_call_attempt="http://127.0.0.1/attempt", on_call_complete=None, on_batch_complete=None)
    cell.finish(cell.begin_one())
    assert [(event["type"], event["attempt"]) for event in cell.events()] == [
        ("call.attempt", "1"), ("call.attempt", "2"), ("call.attempt", "1"),
    ]  # fmt: skip


def a_batch_is_started_and_paused_as_often_as_it_was(cell: Cell) -> None:
    batch = cell.fill(3, on_event="http://127.0.0.1/all", on_call_complete=None, on_batch_complete=None)
    cell.control(batch, "acme", "pause")
    cell.control(batch, "acme", "resume")
    cell.begin_one()
    cell.control(batch, "acme", "pause")
    cell.control(batch, "acme", "resume")
    cell.begin_one()
    assert [event["id"].removeprefix(f"evt_{batch}-") for event in cell.events()] == [
        "1-batch_paused", "batch_started", "2-batch_paused",
    ]  # fmt: skip


# ---- do-not-call numbers ----


def _is_not_dialed(cell: Cell, tenant: str) -> None:
    batch = cell.fill([NUMBER])
    cell.scripts.run("suppression_change", tenant, "add", 100, NUMBER)
    slot = cell.claim_one()
    assert cell.begin([slot]) == [("suppressed",)], "a number on a list was dialed"
    assert cell.state(batch, 0)["x"] == "SUPPRESSED" and cell.client.zcard(cell.key("claimed")) == 0
    assert cell.client.exists(cell.key("flying:k/main"), cell.key("dialing:t/acme")) == 0
    cell.audit()


def a_number_on_everybodys_list_is_not_dialed(cell: Cell) -> None:
    _is_not_dialed(cell, "")


def a_number_on_its_tenants_list_is_not_dialed(cell: Cell) -> None:
    _is_not_dialed(cell, "acme")


def a_suppressed_call_costs_no_pace(cell: Cell) -> None:
    cell.tenant("acme", cps=2)
    cell.fill()
    slot = cell.claim_one()
    before_us = int(cell.hash("tenant:acme")["tat_us"])
    cell.scripts.run("suppression_change", "", "add", 100, *range(15550000001, 15550000004))
    assert cell.begin([slot]) == [("suppressed",)]
    assert int(cell.hash("tenant:acme")["tat_us"]) < before_us


MUTATIONS = (
    Mutation("handed out by an open breaker", "call_claim",
             "trunk.hold_until_ms * 1000, (trunk.breaker_until_ms or 0) * 1000)", "trunk.hold_until_ms * 1000)", an_open_breaker_hands_nothing_out),
    Mutation("begun by an open breaker", "call_begin", "redis.call('HGET', trunk.key, 'breaker_probe') ~= member", "false",
             an_open_breaker_lets_nothing_begin),
    Mutation("tried with several calls", "call_claim", "    breaker.begin_probe(trunk, member, lease)\n", "",
             one_call_is_handed_out_to_try_a_trunk),
    Mutation("more calls while it is tried", "call_begin", "    breaker.begin_probe(trunk, member, begin_ms + post_ms)\n", "",
             nothing_else_begins_while_a_trunk_is_tried),
    Mutation("a doubt counted twice", "call_recheck", "what == 'doubt' and not call.v and not call.p", "what == 'doubt'",
             a_doubt_that_is_told_again_counts_once),
    Mutation("closed by an earlier call", "call_accept", "    if b.probe == call_member(batch, call) then\n      breaker.close(b)",
             "    if true then\n      breaker.close(b)", only_the_probe_closes_a_breaker),
    Mutation("tried ever again at the same pace", "call_recheck", "breaker.open(b, reason, 2 * b.wait_ms)", "breaker.open(b, reason, b.wait_ms)",
             a_probe_in_vain_makes_the_wait_longer),
    Mutation("a probe that came to nothing awaited", "call_abort", "  breaker.pass_on(batch, member)\n", "", a_dial_given_back_passes_the_probe_on),
    Mutation("burnt to the end", "call_finish", "    poison.refused(batch, result.reason)\n", "", a_batch_that_is_refused_pauses_itself),
    Mutation("refusals counted over good calls", "call_accept", "    batch.refused = nil\n", "",
             refusals_in_a_row_alone_pause_a_batch),
    Mutation("struck for ever", "call_strike", "if call.o < STRIKES then", "if true then", what_nobody_can_work_ends),
    Mutation("all fall with one", "call_begin", "pcall(begin_one,", "(function(f, ...) return true, f(...) end)(begin_one,",
             a_begin_that_fails_leaves_those_beside_it_alone),
    Mutation("no fence on finish", "call_finish", "if result.dial < call.l then", "if false then", an_old_dials_result_changes_nothing),
    Mutation("no fence ahead on finish", "call_finish", "if not call or not call.l or result.dial > call.l then",
             "if not call or not call.l then", a_future_dials_result_changes_nothing),
    Mutation("decided on an older state", "call_finish", "if is_open and call.a ~= result.attempts then", "if false then",
             a_decision_on_an_older_state_is_not_taken),
    Mutation("no intent: not listed", "call_begin", "  zset.put(KEY_LIVE, member, math.min(begin_ms + post_ms, hard_ms))\n",
             "", a_begun_call_is_looked_up_when_its_worker_dies),
    Mutation("no intent: still claimed", "call_begin", "  zset.drop(KEY_CLAIMED, member .. '/' .. worker)\n  batch.attempts",
             "  call.phase = 'claimed'\n  call_write(batch, call)\n  batch.attempts", a_begun_call_is_never_handed_out_again),
    Mutation("no intent: not charged", "call_begin", "call.a, call.b, call.h = call.a + 1, begin_ms, hard_ms",
             "call.a, call.b, call.h = call.a, begin_ms, hard_ms", a_begin_is_charged),
    Mutation("begin is not idempotent", "call_begin", "if call.phase == 'live' then\n    return answer_begun", "if false then\n    return answer_begun",
             a_begin_again_is_the_same_begin),
    Mutation("anybody begins", "call_begin", "if call.d ~= dial or call.w ~= worker then", "worker = call.w\n  if call.d ~= dial then",
             only_its_worker_begins_a_claim),
    Mutation("anybody aborts", "call_abort", " and (call.w == worker or worker == '-')", "", only_its_worker_takes_a_dial_back),
    Mutation("lease not checked at begin", "call_begin", "if not lease or lease <= NOW_MS then", "if not lease then",
             a_claim_whose_lease_passed_is_not_begun),
    Mutation("lateness not checked at begin", "call_begin", "if NOW_US - tonumber(call.q) > late_ms * 1000 then", "if false then",
             a_call_too_late_for_its_slot_is_not_begun),
    Mutation("absent once", "call_recheck", "if call.z and asked_ms - tonumber(call.z) >= absent_after_ms then", "if call.z then",
             absent_once_proves_nothing),
    Mutation("what was so long ago believed of now", "call_recheck", "math.min(tonumber(ARGV[at + 7]), NOW_MS)", "NOW_MS",
             absent_is_what_was_asked_far_enough_apart),
    Mutation("absence believed of an accepted dial", "call_recheck", "if what ~= 'absent' or call.p then", "if what ~= 'absent' then",
             an_accepted_dial_is_never_given_back),
    Mutation("no number fence", "call_claim", "if map.get(key_dialing(tenant.id), number) then", "if false then",
             a_number_is_dialed_once_at_a_time),
    Mutation("request id ignored", "call_claim", "if stored and stored:match('^%S+') == request then", "if false then",
             a_lost_reply_to_a_claim_costs_nothing),
    Mutation("UNKNOWN taken for a truth", "call_finish", " and result.outcome ~= 'UNKNOWN'\n", "\n", unknown_said_again_takes_no_claim_back),
    Mutation("cursor moved on release", "call_release", "  retry_add(batch, call, at_ms)\n  zset.drop(KEY_CLAIMED",
             "  batch.cursor = batch.cursor - 1\n  touch_lane(batch)\n  zset.drop(KEY_CLAIMED",
             every_released_call_comes_back_and_no_other_is_given_twice),
    Mutation("released without a place", "call_release", "  retry_add(batch, call, at_ms)\n  zset.drop(KEY_CLAIMED",
             "  zset.drop(KEY_CLAIMED", every_released_call_comes_back_and_no_other_is_given_twice),
    Mutation("claims of the dead are kept", "worker_tick", "      call_release(batch, call, NOW_MS)\n", "", a_dead_workers_claim_comes_back),
    Mutation("a draft starts half filled", "batch_seal", "if #unfinished > 0 then", "if false then",
             a_draft_is_not_started_in_the_middle_of_a_chunk),
    Mutation("a chunk lacks parts", "chunk_close", "if parts_written() < parts then", "if false then",
             a_chunk_is_whole_with_all_its_parts_and_no_others),
    Mutation("a chunk has parts of another", "chunk_close", "if parts_written() > parts then", "if false then",
             a_chunk_is_whole_with_all_its_parts_and_no_others),
    Mutation("numbers are lost in growing", "batch_ingest", "  in_slices('SADD', seen.key .. ':seen:n:' .. to, numbers)\n", "",
             a_growing_index_forgets_nobody),
    Mutation("ids are lost in growing", "batch_ingest", "  in_slices('HSET', seen.key .. ':seen:i:' .. to, fields)\n", "",
             a_growing_index_forgets_nobody),
    Mutation("numbers are looked for elsewhere", "batch_ingest", "    shard = hash % seen.low\n", "    shard = 0\n",
             a_growing_index_forgets_nobody),
    Mutation("chunks do not renew a draft", "chunk_open",
             "  redis.call('ZADD', KEY_PURGE, fmt(NOW_MS + life_ms), 'draft/' .. id)\n", "", a_draft_that_is_filled_lives_on),
    Mutation("chunks are not numbered", "batch_ingest", "if stored then", "if false then", a_chunk_again_adds_nothing),
    Mutation("no lease to append", "call_finish", "if is_appended_to(batch) then", "if false then",
             a_batch_does_not_end_between_two_chunks),
    Mutation("appended and not scheduled", "batch_ingest",
             "  batch.due = batch.due + batch.total - batch.was.total\n  touch_lane(batch)\n",
             "  batch.due = batch.due + batch.total - batch.was.total\n", what_is_appended_is_dialed),
    Mutation("appended and not counted", "batch_ingest", "  batch.due = batch.due + batch.total - batch.was.total\n", "",
             what_is_appended_is_dialed),
    Mutation("cut twice", "batch_control", "batch.cancelled + batch.expired == 0 and batch.total - batch.cursor or 0",
             "batch.total - batch.cursor", a_cancel_counts_each_call_once),
    Mutation("concurrency counted late", "call_claim",
             "  flying_set(batch, member, lease)\n", "", concurrency_is_taken_by_the_claim),
    Mutation("no log of begins", "call_begin", "  begins_add('k', trunk.id, trunk.cps, at_us)\n", "",
             no_sliding_second_holds_more_begins_than_the_limit),
    Mutation("begun in a paused batch", "call_begin", "if batch.state ~= 'pending' and batch.state ~= 'processing' then", "if false then",
             a_paused_batch_begins_nothing),
    Mutation("begun on a stopped trunk", "call_begin", "if not trunk or trunk.state ~= 'active' then", "if false then",
             a_stopped_trunk_begins_nothing),
    Mutation("everybody's list not looked at", "call_begin", "redis.call('SISMEMBER', KEY_SUPPRESSED, number) == 1", "false",
             a_number_on_everybodys_list_is_not_dialed),
    Mutation("a tenant's list not looked at", "call_begin", "redis.call('SISMEMBER', key_suppressed(batch.tenant), number) == 1", "false",
             a_number_on_its_tenants_list_is_not_dialed),
    Mutation("a suppressed call keeps its pace", "call_begin", "  claim_refund_places(batch)\n  call_let_go(batch, call)\n  call_finalize",
             "  call_let_go(batch, call)\n  call_finalize", a_suppressed_call_costs_no_pace),
    Mutation("a suppressed call stays claimed", "call_begin",
             "  zset.drop(KEY_CLAIMED, member .. '/' .. worker)\n  touch_lane(batch)\n", "  touch_lane(batch)\n",
             a_number_on_its_tenants_list_is_not_dialed),
    Mutation("a suppressed call keeps its number", "call_begin", "  call_let_go(batch, call)\n  call_finalize", "  call_finalize",
             a_number_on_its_tenants_list_is_not_dialed),
    Mutation("window not checked at begin", "call_begin", "local reason = window_objection(batch, at_ms)\n", "local reason = nil\n",
             nothing_is_begun_after_the_window_closed),
    Mutation("window not checked at claim", "call_claim", "if window_objection(batch, math.floor(f_us / 1000)) then", "if false then",
             nothing_is_claimed_for_after_the_window_closed),
    Mutation("retried after a cancel", "call_finish", "call.a >= (batch.max_attempts or 3) or batch_is_cut(batch)",
             "call.a >= (batch.max_attempts or 3)", nothing_is_retried_after_a_cancel),
    Mutation("attempts not counted", "call_finish", "call.a >= (batch.max_attempts or 3) or ", "",
             no_contact_is_tried_more_often_than_allowed),
    Mutation("retried too soon", "call_finish", "  retry_add(batch, call, at_ms)\nend\nlocal function finish_live",
             "  retry_add(batch, call, NOW_MS)\nend\nlocal function finish_live", a_retry_does_not_come_too_soon),
    Mutation("pace not refunded", "call_release", "  pace_refund(resource_load('t', batch.tenant))\n", "", a_released_call_costs_no_pace),
    Mutation("turn not refunded", "call_release", "batch.tenant, vt - charge)", "batch.tenant, vt)", a_released_call_costs_no_turn),
    Mutation("trunk not woken", "call_finish", "  wake_trunk(batch.trunk)\n", "", room_on_a_trunk_wakes_who_waits),
    Mutation("tenant not woken", "call_finish", "  wake_tenant(batch.tenant)\n", "", room_of_a_tenant_wakes_who_waits),
    Mutation("batch not woken", "call_finish", "  wake_batch(batch)\n", "", room_of_a_batch_wakes_who_waits),
    Mutation("number not woken", "call_finish", "    number_wake(batch.tenant, call.t)\n", "", a_free_number_wakes_who_waits),
    Mutation("event dropped", "call_finish", "  if told then\n", "  if false then\n", each_final_call_is_told_of_once),
    Mutation("told twice", "call_finish", "  elseif call.phase == 'final' and call.x == 'UNKNOWN' and result.outcome ~= 'UNKNOWN' then\n",
             "  elseif call.phase == 'final' then\n    call.phase = 'live'\n    call_finalize(batch, call, 'contact')\n", each_final_call_is_told_of_once),
    Mutation("the end not told", "call_finish", "  event_write(batch, 'batch.' .. batch.state, '', {})", "",
             the_end_of_a_batch_is_told_of),
    Mutation("summaries waited for without end", "worker_tick", "      call_finalize(batch, call, 'attempt')\n", "",
             a_call_without_a_summary_is_told_of_all_the_same),
    Mutation("an attempt not told", "call_finish", "  attempt_tell(batch, call)\n  retry_add", "  retry_add", each_attempt_is_told_of_once),
    Mutation("the last attempt not told", "call_finish", "if told == 'attempt' then", "if false then", each_attempt_is_told_of_once),
    Mutation("an attempt told again", "call_finish", "was_told and 'contact' or 'attempt'", "'attempt'", each_attempt_is_told_of_once),
    Mutation("started at each begin", "call_begin", "  if batch_move(batch, 'begin') then\n", "  if batch_move(batch, 'begin') or true then\n",
             a_batch_is_started_and_paused_as_often_as_it_was),
    Mutation("the start not told", "call_begin", "    event_write(batch, 'batch.started', '', {})\n", "", a_batch_is_started_and_paused_as_often_as_it_was),
    Mutation("credit not reserved", "call_begin", "  credit.reserve(batch, call)\n", "", what_calls_may_talk_is_reserved),
    Mutation("credit not kept apart", "call_begin", "    tenant.reserved_s = tenant.reserved_s + call.r\n", "", what_calls_may_talk_is_reserved),
    Mutation("begun on less credit than a minute", "call_begin", "~= nil and tenant.available_s < credit.LEAST_S", "~= nil and tenant.available_s < 1",
             nobody_is_called_on_less_than_a_minute),
    Mutation("more reserved than there is", "call_begin", "math.min(credit.wanted(batch), tenant.available_s)", "credit.wanted(batch)",
             nobody_talks_for_longer_than_was_reserved),
    Mutation("credit of an aborted dial not refunded", "call_abort", "  credit.refund(batch, call)\n", "",
             a_dial_that_was_not_placed_costs_no_credit),
    Mutation("an ended call not settled", "call_finish", "  credit.settle(batch, call)\n  log_result(batch, call, result, how)\n  call.w", "  call.w",
             a_call_is_charged_what_it_talked_and_no_more),
    Mutation("settled twice", "call_finish", "local tenant, has_s = resource_load('t', batch.tenant), tonumber(call.r) or 0",
             "local tenant, has_s = resource_load('t', batch.tenant), call.phase == 'live' and tonumber(call.r) or 0",
             a_call_is_charged_what_it_talked_and_no_more),
    Mutation("a late truth corrects no credit", "call_finish", "  credit.settle(batch, call)\n  log_result(batch, call, result, 'settled')", "",
             an_unknown_end_is_charged_until_the_truth_comes),
    Mutation("an unknown end costs nothing", "call_finish", "(credit.TALKED[call.x] and tonumber(call.r))", "nil",
             an_unknown_end_is_charged_until_the_truth_comes),
    Mutation("a restored dial reserves nothing", "cell_reassert", "  credit.reserve(batch, call)\n", "", a_restored_dial_reserves_again),
    Mutation("out of credit and not told", "call_begin", "{ 'error', 'Insufficient call minutes', 'code', 'INSUFFICIENT_CREDITS' }",
             "{ 'code', '' }", being_out_of_credit_is_told),
    Mutation("not found when credit comes", "call_begin", "    redis.call('ZADD', key_unfunded(batch.tenant), NOW_MS, batch.id)\n", "",
             more_credit_resumes_who_waits_for_it_and_nobody_else),
    Mutation("credit that comes back resumes nobody", "call_finish", "      redis.call('ZADD', KEY_FUNDED, fmt(NOW_MS), tenant.id)\n", "",
             credit_that_comes_back_resumes_who_waits),
    Mutation("told each time", "call_begin", "batch_pause(batch, CREDITS, was_told) and not was_told", "batch_pause(batch, CREDITS, was_told)",
             credit_that_comes_back_resumes_who_waits),
    Mutation("added credit resumes nobody", "resource_set", "  redis.call('ZADD', KEY_FUNDED, fmt(NOW_MS), id)\n", "",
             more_credit_resumes_who_waits_for_it_and_nobody_else),
    Mutation("resumed although its user paused it", "batch_control", "redis.call('ZREM', key_unfunded(batch.tenant), batch.id) == 0", "false",
             more_credit_resumes_who_waits_for_it_and_nobody_else),
    Mutation("one id for two pauses", "batch_control", "  batch.pauses = batch.pauses + 1\n", "", a_batch_is_started_and_paused_as_often_as_it_was),
)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer(is_clock_decreed=True) as running:
        yield running


GUARDS = {mutation.guard.__name__: mutation.guard for mutation in MUTATIONS}


@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS)
def test_the_scripts_keep_the_promise(server: RedisServer, guard: Guard) -> None:
    guard(Cell(server, {}))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.promise)
def test_a_script_that_breaks_it_is_caught(server: RedisServer, mutation: Mutation) -> None:
    cell = Cell(server, {mutation.script: mutation.text()})
    with pytest.raises(AssertionError):
        mutation.guard(cell)
