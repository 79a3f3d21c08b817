# SPDX-License-Identifier: Apache-2.0
"""Would the tests notice? Mutations (tests/support/mutations.py) of what keeps two promises: no call is lost, and
state and event are one fact."""

from __future__ import annotations

from tests.support.mutations import NUMBER, Cell, Mutation, guards_hold, mutations_are_caught, server  # noqa: F401: the fixture


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


MUTATIONS = (
    Mutation("cursor moved on release", "call_release", "  retry_add(batch, call, at_ms)\n  zset.drop(KEY_CLAIMED",
             "  batch.cursor = batch.cursor - 1\n  touch_lane(batch)\n  zset.drop(KEY_CLAIMED",
             every_released_call_comes_back_and_no_other_is_given_twice),
    Mutation("released without a place", "call_release", "  retry_add(batch, call, at_ms)\n  zset.drop(KEY_CLAIMED",
             "  zset.drop(KEY_CLAIMED", every_released_call_comes_back_and_no_other_is_given_twice),
    Mutation("claims of the dead are kept", "worker_tick", "      call_release(batch, call, NOW_MS)\n", "", a_dead_workers_claim_comes_back),
    Mutation("chunks are not numbered", "batch_ingest", "if stored then", "if false then", a_chunk_again_adds_nothing),
    Mutation("no lease to append", "call_finish", "if is_appended_to(batch) then", "if false then",
             a_batch_does_not_end_between_two_chunks),
    Mutation("appended and not scheduled", "batch_ingest",
             "    batch.due = batch.due + batch.total - batch.was.total\n    touch_lane(batch)\n",
             "    batch.due = batch.due + batch.total - batch.was.total\n", what_is_appended_is_dialed),
    Mutation("appended and not counted", "batch_ingest", "  batch.due = batch.due + batch.total - batch.was.total\n", "",
             what_is_appended_is_dialed),
    Mutation("cut twice", "batch_control", "batch.cancelled + batch.expired == 0 and batch.total - batch.cursor or 0",
             "batch.total - batch.cursor", a_cancel_counts_each_call_once),
    Mutation("event dropped", "call_finish", "  if told then\n", "  if false then\n", each_final_call_is_told_of_once),
    Mutation("told twice", "call_finish", "  elseif call.phase == 'final' and call.x == 'UNKNOWN' and result.outcome ~= 'UNKNOWN' then\n",
             "  elseif call.phase == 'final' then\n    call.phase = 'live'\n    call_finalize(batch, call, 'contact')\n", each_final_call_is_told_of_once),
    Mutation("the end not told", "call_finish", "  event_write(batch, 'batch.' .. batch.state, '', {})", "",
             the_end_of_a_batch_is_told_of),
    Mutation("summaries waited for without end", "worker_tick", "      call_finalize(batch, call, 'attempt')\n", "",
             a_call_without_a_summary_is_told_of_all_the_same),
    Mutation("an attempt not told", "call_finish", "    attempt_tell(batch, call)\n    retry_add", "    retry_add", each_attempt_is_told_of_once),
    Mutation("the last attempt not told", "call_finish", "if told == 'attempt' then", "if false then", each_attempt_is_told_of_once),
    Mutation("an attempt told again", "call_finish", "was_told and 'contact' or 'attempt'", "'attempt'", each_attempt_is_told_of_once),
    Mutation("started at each begin", "call_begin", "  if batch_move(batch, 'begin') then\n", "  if batch_move(batch, 'begin') or true then\n",
             a_batch_is_started_and_paused_as_often_as_it_was),
    Mutation("the start not told", "call_begin", "    event_write(batch, 'batch.started', '', {})\n", "", a_batch_is_started_and_paused_as_often_as_it_was),
    Mutation("one id for two pauses", "batch_control", "  batch.pauses = batch.pauses + 1\n", "", a_batch_is_started_and_paused_as_often_as_it_was),
)

test_the_scripts_keep_the_promise = guards_hold(MUTATIONS)
test_a_script_that_breaks_it_is_caught = mutations_are_caught(MUTATIONS)
