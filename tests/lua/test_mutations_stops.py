# SPDX-License-Identifier: Apache-2.0
"""Would the tests notice? Mutations (tests/support/mutations.py) of what stops a trunk, a batch, a tenant or a number:
breakers, what cannot work, credit, do-not-call numbers."""

from __future__ import annotations

import redis

from tests.support.engine import Slot
from tests.support.mutations import NUMBER, Cell, Mutation, guards_hold, mutations_are_caught, server  # noqa: F401: the fixture


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


def refusals_in_a_row_alone_pause_a_batch(cell: Cell, queue_ms: int = 0) -> None:
    batch = refuse(cell, 19)
    cell.accept(cell.begin_one(), queue_ms=queue_ms)
    cell.wait(queue_ms)
    cell.finish(cell.begin_one(), outcome="REJECTED", source="answer", provider_id="")
    assert cell.hash(f"batch:{batch}")["state"] == "processing"


def refusals_in_a_row_alone_pause_a_batch_whose_calls_wait_at_their_platform(cell: Cell) -> None:
    refusals_in_a_row_alone_pause_a_batch(cell, queue_ms=300)


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
    Mutation("an ordinary call begun by an open breaker", "call_begin", " and not found.breaker_until_ms", "",
             an_open_breaker_lets_nothing_begin),
    Mutation("tried with several calls", "call_claim", "    breaker.begin_probe(trunk, member, lease)\n", "",
             one_call_is_handed_out_to_try_a_trunk),
    Mutation("tried with several calls on the straight way", "call_claim", " or trunk.breaker_until_ms or", " or",
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
    Mutation("refusals counted over good calls", "call_accept",
             "  if of_batch.is_quiet then\n    batch_forget(batch, 'refused')\n  end\n", "", refusals_in_a_row_alone_pause_a_batch),
    Mutation("refusals counted over good calls that wait", "call_accept", "  batch_forget(batch, 'refused')\n  call.p", "  call.p",
             refusals_in_a_row_alone_pause_a_batch_whose_calls_wait_at_their_platform),
    Mutation("struck for ever", "call_strike", "if call.o < STRIKES then", "if true then", what_nobody_can_work_ends),
    Mutation("all fall with one", "call_begin", "pcall(begin_together)", "true, begin_together()",
             a_begin_that_fails_leaves_those_beside_it_alone),
    Mutation("credit not reserved", "call_begin", "  credit.reserve(batch, call)\n  call_move", "  call_move", what_calls_may_talk_is_reserved, is_long=True),
    Mutation("no credit reserved for an ordinary call", "call_begin", "tenant.has_limit = values[3] ~= false", "tenant.has_limit = false",
             what_calls_may_talk_is_reserved),
    Mutation("credit not kept apart", "call_begin", "    tenant.reserved_s = tenant.reserved_s + call.r\n", "", what_calls_may_talk_is_reserved),
    Mutation("begun on less credit than a minute", "call_begin", "~= nil and tenant.available_s < credit.LEAST_S", "~= nil and tenant.available_s < 1",
             nobody_is_called_on_less_than_a_minute),
    Mutation("more reserved than there is", "call_begin", "math.min(credit.wanted(batch), tenant.available_s)", "credit.wanted(batch)",
             nobody_talks_for_longer_than_was_reserved),
    Mutation("credit of an aborted dial not refunded", "call_abort", "  credit.refund(batch, call)\n", "",
             a_dial_that_was_not_placed_costs_no_credit),
    Mutation("an ended call not settled", "call_finish", "    credit.settle(batch, call)\n    log_result(batch, call, result, how)\n    call.w", "    call.w",
             a_call_is_charged_what_it_talked_and_no_more),
    Mutation("settled twice", "call_finish", "local tenant, has_s = resource_load('t', batch.tenant), tonumber(call.r) or 0",
             "local tenant, has_s = resource_load('t', batch.tenant), call.phase == 'live' and tonumber(call.r) or 0",
             a_call_is_charged_what_it_talked_and_no_more),
    Mutation("a late truth corrects no credit", "call_finish", "    credit.settle(batch, call)\n    log_result(batch, call, result, 'settled')", "",
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
    Mutation("everybody's list not looked at", "call_begin", "lists.everybody[number] or ", "",
             a_number_on_everybodys_list_is_not_dialed),
    Mutation("a tenant's list not looked at", "call_begin", " or tenant.on_list[number]", "",
             a_number_on_its_tenants_list_is_not_dialed),
    Mutation("no list looked at for an ordinary call", "call_begin", " and not (has_lists and is_listed(ground.tenant, number))", "",
             a_number_on_its_tenants_list_is_not_dialed),
    Mutation("a suppressed call keeps its pace", "call_begin", "  claim_refund_places(batch)\n  call_let_go(batch, call)\n  call_finalize",
             "  call_let_go(batch, call)\n  call_finalize", a_suppressed_call_costs_no_pace),
    Mutation("a suppressed call stays claimed", "call_begin",
             "  zset.drop(KEY_CLAIMED, member .. CLAIM_END)\n  touch_lane(batch)\n", "  touch_lane(batch)\n",
             a_number_on_its_tenants_list_is_not_dialed),
    Mutation("a suppressed call keeps its number", "call_begin", "  call_let_go(batch, call)\n  call_finalize", "  call_finalize",
             a_number_on_its_tenants_list_is_not_dialed),
)

test_the_scripts_keep_the_promise = guards_hold(MUTATIONS)
test_a_script_that_breaks_it_is_caught = mutations_are_caught(MUTATIONS)
