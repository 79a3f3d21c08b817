# SPDX-License-Identifier: Apache-2.0
"""Would the tests notice? Mutations (tests/support/mutations.py) of what keeps the promise that no dial is placed twice."""

from __future__ import annotations

import dataclasses

import redis

from tests.support.engine import Slot, contact_record
from tests.support.mutations import NUMBER, Cell, Mutation, guards_hold, mutations_are_caught, server  # noqa: F401: the fixture


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


def who_does_not_know_a_batch_writes_nothing_unseen(cell: Cell) -> None:
    batch = begin_draft(cell)

    def take(part: str, name: str, total: int, number: int) -> int:
        record = contact_record(number)
        try:
            return int(cell.scripts.run("batch_take", batch, part, "d", 1, name, total, 0, "", "", total, record)[0])
        except redis.ResponseError:
            return 0

    assert take("1.1", "known_a", 0, NUMBER) == 1
    assert take("1.2", "known_b", 1, NUMBER) == -2
    assert take("1.2", "known_a", 0, NUMBER) == -2
    assert cell.ingest(batch, "1.2", [(NUMBER, "")])[0] == -2
    cell.scripts.run("batch_index", batch)
    assert take("1.2", "known_a", 1, NUMBER + 1) == -2
    assert cell.ingest(batch, "1.2", [(NUMBER, "")])[0] == 1


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


def a_number_that_was_claimed_before_waits(cell: Cell) -> None:
    cell.fill([NUMBER])
    assert len(cell.claim().slots) == 1
    cell.fill([NUMBER])
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


def claim_ahead_of_its_retry(cell: Cell) -> tuple[Slot, int]:
    """A retry that is claimed for a slot ahead of us, and when it is due (ms)."""
    cell.fill(1)
    cell.finish(cell.begin_one(), how="retry", outcome="BUSY", next_in_ms=1000)
    due_ms = cell.now_ms() + 1000
    cell.wait(850)
    return cell.claim().slots[0], due_ms


def a_retry_claimed_ahead_and_given_back_is_due_when_it_was(cell: Cell) -> None:
    slot, due_ms = claim_ahead_of_its_retry(cell)
    assert cell.release([slot]) == ["released"]
    assert int(cell.state(slot.batch, 0)["n"]) >= due_ms
    assert cell.claim().slots[0].slot_us >= due_ms * 1000
    cell.audit()


def a_slot_of_a_clock_that_was_set_back_since_delays_nobody(cell: Cell) -> None:
    slot, _ = claim_ahead_of_its_retry(cell)
    cell.wait(-3_600_000)
    assert cell.release([slot]) == ["released"]
    assert int(cell.state(slot.batch, 0)["n"]) == cell.now_ms()


MUTATIONS = (
    Mutation("no fence on finish", "call_finish", "if result.dial < call.l then", "if false then", an_old_dials_result_changes_nothing),
    Mutation("no fence ahead on finish", "call_finish", "if not call or not call.l or result.dial > call.l then",
             "if not call or not call.l then", a_future_dials_result_changes_nothing),
    Mutation("decided on an older state", "call_finish", "is_blind or (is_open and call.a ~= result.attempts)", "is_blind",
             a_decision_on_an_older_state_is_not_taken),
    Mutation("no intent: not listed", "call_begin", "  zset.put(KEY_LIVE, member, math.min(begin_ms + post_ms, hard_ms))\n",
             "", a_begun_call_is_looked_up_when_its_worker_dies, is_long=True),
    Mutation("no intent of an ordinary call: not listed", "call_begin", "      live[member] = at.check_ms\n", "",
             a_begun_call_is_looked_up_when_its_worker_dies),
    Mutation("no intent: still claimed", "call_begin", "  zset.drop(KEY_CLAIMED, member .. CLAIM_END)\n  batch.attempts",
             "  call.phase = 'claimed'\n  call_write(call)\n  batch.attempts", a_begun_call_is_never_handed_out_again, is_long=True),
    Mutation("no intent of an ordinary call: still claimed", "call_begin",
             "      call.states[name] = call.state .. at.state .. call.rest .. (credit_s and ' r=' .. credit_s or '')\n"
             "      call.lines[name] = call.line .. at.line\n      claimed[of_claims[i]] = false\n", "", a_begun_call_is_never_handed_out_again),
    Mutation("no intent: not charged", "call_begin", "call.a, call.b, call.h = call.a + 1, fmt(begin_ms), fmt(hard_ms)",
             "call.a, call.b, call.h = call.a, fmt(begin_ms), fmt(hard_ms)", a_begin_is_charged, is_long=True),
    Mutation("no intent of an ordinary call: not charged", "call_begin", "'phase=live a=1 d=1", "'phase=live a=0 d=1", a_begin_is_charged),
    Mutation("begin is not idempotent", "call_begin", "if call.phase == 'live' then\n    return answer_begun", "if false then\n    return answer_begun",
             a_begin_again_is_the_same_begin),
    Mutation("anybody begins", "call_begin", "if call.d ~= dial or call.w ~= worker then", "worker = call.w\n  if call.d ~= dial then",
             only_its_worker_begins_a_claim),
    Mutation("anybody aborts", "call_abort", " and (call.w == worker or worker == '-')", "", only_its_worker_takes_a_dial_back),
    Mutation("lease not checked at begin", "call_begin", "if not lease or lease <= NOW_MS then", "if not lease then",
             a_claim_whose_lease_passed_is_not_begun),
    Mutation("lease not checked at an ordinary begin", "call_begin", " and lease - now_ms > 0", "", a_claim_whose_lease_passed_is_not_begun),
    Mutation("lateness not checked at begin", "call_begin", "if NOW_US - tonumber(call.q) > late_us then", "if false then",
             a_call_too_late_for_its_slot_is_not_begun),
    Mutation("lateness not checked at an ordinary begin", "call_begin", " and slot_us >= earliest_us", "",
             a_call_too_late_for_its_slot_is_not_begun),
    Mutation("absent once", "call_recheck", "if call.z and asked_ms - tonumber(call.z) >= absent_after_ms then", "if call.z then",
             absent_once_proves_nothing),
    Mutation("what was so long ago believed of now", "call_recheck", "math.min(tonumber(ARGV[at + 7]), NOW_MS)", "NOW_MS",
             absent_is_what_was_asked_far_enough_apart),
    Mutation("absence believed of an accepted dial", "call_recheck", "if what ~= 'absent' or call.p then", "if what ~= 'absent' then",
             an_accepted_dial_is_never_given_back),
    Mutation("no number fence", "call_claim", "if number_is_busy(flow.tenant, number) then", "if false then",
             a_number_is_dialed_once_at_a_time),
    Mutation("no number fence on the straight way", "call_claim", " and not lane.busy[at]", "",
             a_number_that_was_claimed_before_waits),
    Mutation("no number fence within a claim", "call_claim", " and not flow.tenant.is_dialed[number]", "",
             a_number_is_dialed_once_at_a_time),
    Mutation("request id ignored", "call_claim", "if stored and stored:match('^%S+') == request then", "if false then",
             a_lost_reply_to_a_claim_costs_nothing),
    Mutation("a claim given back is due at once", "call_release", "  at_ms = due_from_slot(at_ms, call.q)\n", "",
             a_retry_claimed_ahead_and_given_back_is_due_when_it_was),
    Mutation("a slot of any clock is waited for", "call_release", "slot_ms <= NOW_MS + CLAIM_AHEAD_MS and math.max(at_ms, slot_ms) or at_ms",
             "math.max(at_ms, slot_ms)", a_slot_of_a_clock_that_was_set_back_since_delays_nobody),
    Mutation("UNKNOWN taken for a truth", "call_finish", " and result.outcome ~= 'UNKNOWN'\n", "\n", unknown_said_again_takes_no_claim_back),
    Mutation("a draft starts half filled", "batch_seal", "if #unfinished > 0 then", "if false then",
             a_draft_is_not_started_in_the_middle_of_a_chunk),
    Mutation("a chunk lacks parts", "chunk_close", "if parts_written() < parts then", "if false then",
             a_chunk_is_whole_with_all_its_parts_and_no_others),
    Mutation("a chunk has parts of another", "chunk_close", "if parts_written() > parts then", "if false then",
             a_chunk_is_whole_with_all_its_parts_and_no_others),
    Mutation("a batch is known to two", "batch_take", "(seen_by or knows) ~= knows or ", "",
             who_does_not_know_a_batch_writes_nothing_unseen),
    Mutation("a batch is known in part", "batch_take", "total ~= batch.total or ", "", who_does_not_know_a_batch_writes_nothing_unseen),
    Mutation("an index that is behind is used", "batch_ingest", "if seen.is_behind then", "if false then",
             who_does_not_know_a_batch_writes_nothing_unseen),
    Mutation("who knew a batch goes on", "batch_index", "redis.call('HDEL', key_batch(id), 'seen_by')\n", "",
             who_does_not_know_a_batch_writes_nothing_unseen),
    Mutation("contacts are not indexed", "batch_index", "      seen_add_number(seen, number)\n", "",
             who_does_not_know_a_batch_writes_nothing_unseen),
    Mutation("numbers are lost in growing", "batch_ingest", "  in_slices('SADD', seen.key .. ':seen:n:' .. to, numbers)\n", "",
             a_growing_index_forgets_nobody),
    Mutation("ids are lost in growing", "batch_ingest", "  in_slices('HSET', seen.key .. ':seen:i:' .. to, fields)\n", "",
             a_growing_index_forgets_nobody),
    Mutation("numbers are looked for elsewhere", "batch_ingest", "    shard = hash % seen.low\n", "    shard = 0\n",
             a_growing_index_forgets_nobody),
    Mutation("chunks do not renew a draft", "chunk_open",
             "  redis.call('ZADD', KEY_PURGE, fmt(NOW_MS + life_ms), 'draft/' .. id)\n", "", a_draft_that_is_filled_lives_on),
)

test_the_scripts_keep_the_promise = guards_hold(MUTATIONS)
test_a_script_that_breaks_it_is_caught = mutations_are_caught(MUTATIONS)
