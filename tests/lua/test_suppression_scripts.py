# SPDX-License-Identifier: Apache-2.0
"""Do-not-call numbers on a real Redis: a number on either list is never begun, whenever it came there; and the scripts that
keep the lists."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from tests.support.auditor import audit_cell
from tests.support.engine import LEASE_MS, LIFE_MS, POST_MS, Engine, Slot

NUMBER, OTHER = 15551230001, 15551230002
SCOPES = {"everybody's": "", "the tenant's": "acme"}


def cell(engine: Engine, numbers: tuple[int, ...] = (NUMBER, OTHER), **fields: Any) -> str:
    engine.trunk("main")
    engine.tenant("acme")
    return engine.batch("acme", "main", numbers, cps=30, **fields)


def change(engine: Engine, verb: str, tenant: str, *numbers: int | str, most: int = 1000) -> list[int]:
    return list(engine.scripts.run("suppression_change", tenant, verb, most, *numbers))


def begin(engine: Engine, slot: Slot, worker: str = "w1") -> tuple[str, ...]:
    """As a worker begins it, but on a machine that may be slow: not late for its slot as long as its lease holds."""
    reply = engine.scripts.run("call_begin", worker, LEASE_MS, POST_MS, *slot.ref, LIFE_MS, "")
    return tuple(item.decode() for item in reply[1])


def outcomes(engine: Engine, batch: str) -> dict[str, int]:
    return {name[8:]: int(n) for name, n in engine.hash(f"batch:{batch}").items() if name.startswith("outcome:")}


def completed(engine: Engine, ordinal: int) -> list[str]:
    """The attempts that call.completed told of this contact."""
    return [event["attempt"] for event in engine.events() if event["type"] == "call.completed" and event["call"] == str(ordinal)]


def everything(engine: Engine) -> dict[bytes, Any]:
    return {key: engine.client.dump(key) for key in engine.client.keys("*")}


# ---- at the begin ----


@pytest.mark.parametrize("tenant", SCOPES.values(), ids=list(SCOPES))
def test_a_number_on_a_list_never_begins(engine: Engine, tenant: str) -> None:
    batch = cell(engine)
    change(engine, "add", tenant, NUMBER)
    slots = [engine.claim_one(), engine.claim_one()]
    answers = [begin(engine, slot)[0] for slot in slots]
    assert answers == ["suppressed", "begun"], "a number on the list was not kept from its begin"
    state = engine.state(batch, 0)
    assert (state["phase"], state["x"], state["a"]) == ("final", "SUPPRESSED", "0"), state
    assert "b" not in state and "l" not in state and "w" not in state, "nothing of a begin is told of"
    assert audit_cell(engine) == []


def test_an_end_by_a_list_is_counted_told_once_and_charges_nothing(engine: Engine) -> None:
    batch = cell(engine, (NUMBER,))
    change(engine, "add", "", NUMBER)
    slot = engine.claim_one()
    assert begin(engine, slot) == ("suppressed",)
    assert outcomes(engine, batch) == {"SUPPRESSED": 1}
    values = engine.hash(f"batch:{batch}")
    assert (values["state"], values["failed"], values.get("attempts", "0"), values["claimed"]) == ("completed", "1", "0", "0")
    assert [(event["type"], event.get("attempt")) for event in engine.events()] == [("call.completed", "0"), ("batch.completed", None)]
    assert engine.events()[0]["id"] == f"evt_{batch}-0-0-call_completed"
    for key in ("claimed", "live", "flying:k/main", "flying:t/acme", f"flying:b/{batch}", "dialing:t/acme", "begins:k/main"):
        assert engine.client.exists(engine.key(key)) == 0, f"{key} still holds it"
    assert audit_cell(engine) == []


def test_asked_again_a_begin_answers_the_same_and_changes_nothing(engine: Engine) -> None:
    cell(engine)
    change(engine, "add", "", NUMBER)
    slot = engine.claim_one()
    first = begin(engine, slot)
    before = everything(engine)
    assert begin(engine, slot) == first == ("suppressed",)
    assert everything(engine) == before


def virtual_time(engine: Engine) -> float:
    """Of the flow acme on main: in turn, or not."""
    in_turn = engine.client.zscore(engine.key("turn:k/main"), "acme")
    return float(engine.hash("vt:k/main")["acme"] if in_turn is None else in_turn)


def test_the_places_in_the_rates_are_given_back_and_the_turn_is_used_up(engine: Engine) -> None:
    engine.trunk("main", cps=1)
    engine.tenant("acme", cps=1)
    engine.batch("acme", "main", (NUMBER, OTHER), cps=1)
    change(engine, "add", "", NUMBER)
    slot = engine.claim_one()
    tats = {name: int(engine.hash(name).get("tat_us", 0)) for name in ("trunk:main", "tenant:acme", f"batch:{slot.batch}")}
    assert all(tats.values())
    before = virtual_time(engine)
    assert begin(engine, slot) == ("suppressed",)
    for name, tat_us in tats.items():
        interval_us = int(engine.hash(name)["interval_us"])
        assert int(engine.hash(name)["tat_us"]) == tat_us - interval_us, name
    assert virtual_time(engine) == before
    assert engine.claim_one().ordinal == 1


def test_a_number_that_is_put_on_a_list_while_its_retry_waits_ends_at_the_retry(engine: Engine) -> None:
    batch = cell(engine, (NUMBER,))
    slot = engine.begin_next(batch)
    engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=0)
    change(engine, "add", "acme", NUMBER)
    retry = engine.claim_one()
    assert retry.dial == slot.dial + 1 and begin(engine, retry) == ("suppressed",)
    state = engine.state(batch, 0)
    assert (state["phase"], state["x"], state["a"], state["l"]) == ("final", "SUPPRESSED", "1", "1")
    assert int(state["b"]) <= int(state["e"]), "of the attempt that there was"
    assert outcomes(engine, batch) == {"SUPPRESSED": 1} and engine.hash(f"batch:{batch}")["attempts"] == "1"
    assert completed(engine, 0) == ["1"], "told once, with the attempt that there was"
    assert engine.finish(slot, outcome="COMPLETED", attempts=1) == "recorded" and completed(engine, 0) == ["1"]
    assert audit_cell(engine) == []


def test_a_dial_that_was_given_back_leaves_no_begin_behind(engine: Engine) -> None:
    batch = cell(engine, (NUMBER,))
    assert engine.abort(engine.begin_next(batch), "THROTTLED") == "aborted"
    change(engine, "add", "acme", NUMBER)
    assert begin(engine, engine.claim_one()) == ("suppressed",)
    state = engine.state(batch, 0)
    assert (state["a"], state["d"], state["x"]) == ("0", "2", "SUPPRESSED") and "b" not in state
    assert completed(engine, 0) == ["0"] and audit_cell(engine) == []


def test_a_call_on_the_line_goes_on_when_its_number_is_put_on_a_list(engine: Engine) -> None:
    batch = cell(engine, (NUMBER,))
    slot = engine.begin_next(batch)
    change(engine, "add", "", NUMBER)
    assert begin(engine, slot)[0] == "begun", "the same dial asked again is the begin it was"
    assert engine.finish(slot) == "final" and outcomes(engine, batch) == {"COMPLETED": 1}


def test_whoever_waits_for_the_number_of_a_suppressed_call_ends_too(engine: Engine) -> None:
    first = cell(engine, (NUMBER,))
    second = engine.batch("acme", "main", (NUMBER,), cps=30)
    slot = engine.claim_one()
    assert engine.claim().slots == []
    assert engine.client.zcard(engine.key("held:t/acme")) == 1
    change(engine, "add", "acme", NUMBER)
    assert begin(engine, slot) == ("suppressed",) and begin(engine, engine.claim_one()) == ("suppressed",)
    assert [outcomes(engine, batch) for batch in (first, second)] == [{"SUPPRESSED": 1}] * 2
    assert audit_cell(engine) == []


def test_what_keeps_a_call_from_its_begin_anyway_comes_first(engine: Engine) -> None:
    batch = cell(engine, (NUMBER,))
    slot = engine.claim_one()
    change(engine, "add", "", NUMBER)
    engine.control(batch, "acme", "pause")
    assert begin(engine, slot) == ("released", "batch_paused")
    engine.control(batch, "acme", "resume")
    assert begin(engine, engine.claim_one()) == ("suppressed",)


def test_another_worker_or_an_older_dial_suppresses_nothing(engine: Engine) -> None:
    batch = cell(engine, (NUMBER,))
    slot = engine.claim_one()
    change(engine, "add", "", NUMBER)
    assert begin(engine, slot, "w2") == ("gone", "claim")
    engine.release([slot])
    again = engine.claim_one()
    assert begin(engine, slot) == ("gone", "claim") and outcomes(engine, batch) == {}
    assert begin(engine, again) == ("suppressed",)


def test_a_tenants_list_holds_for_that_tenant_alone(engine: Engine) -> None:
    cell(engine, (NUMBER,))
    engine.tenant("globex")
    theirs = engine.batch("globex", "main", (NUMBER,), cps=30)
    change(engine, "add", "acme", NUMBER)
    answers = {slot.batch: begin(engine, slot)[0] for slot in (engine.claim_one(), engine.claim_one())}
    assert answers[theirs] == "begun" and sorted(answers.values()) == ["begun", "suppressed"]


def test_a_number_taken_off_begins_again(engine: Engine) -> None:
    batch = cell(engine, (NUMBER,))
    change(engine, "add", "acme", NUMBER)
    change(engine, "remove", "acme", NUMBER)
    assert engine.begin_next(batch).ordinal == 0


# ---- the lists ----


@pytest.mark.parametrize("tenant", SCOPES.values(), ids=list(SCOPES))
def test_numbers_are_put_on_and_taken_off_once(engine: Engine, tenant: str) -> None:
    key = engine.key(f"suppressed:t/{tenant}" if tenant else "suppressed")
    assert change(engine, "add", tenant, NUMBER, OTHER, NUMBER) == [2, 2]
    assert change(engine, "add", tenant, NUMBER, OTHER) == [0, 2]
    assert engine.client.smembers(key) == {str(NUMBER).encode(), str(OTHER).encode()}
    assert change(engine, "remove", tenant, NUMBER, 15559999999) == [1, 1]
    assert change(engine, "remove", tenant, NUMBER) == [0, 1]
    assert engine.client.keys("*") == [key.encode()]


def test_a_list_that_holds_more_than_the_request_leaves_room_for_takes_nothing(engine: Engine) -> None:
    assert change(engine, "add", "acme", NUMBER, OTHER, most=0) == [2, 2]
    before = everything(engine)
    with pytest.raises(redis.ResponseError, match="ERR_TOO_LARGE"):
        change(engine, "add", "acme", 15551230003, most=1)
    assert everything(engine) == before
    assert change(engine, "add", "acme", 15551230003, most=2) == [1, 3]
    assert change(engine, "remove", "acme", NUMBER, most=0) == [1, 2]


def put_many(engine: Engine, verb: str, numbers: list[int]) -> None:
    for start in range(0, len(numbers), 500):
        change(engine, verb, "acme", *numbers[start : start + 500], most=10**6)


@pytest.mark.parametrize("bad", ("", "0", "05551230001", "+15551230001", "1555123000a", "1" * 16, "1 2", "-5"))
def test_what_is_no_number_is_refused_with_everything_beside_it(engine: Engine, bad: str) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        change(engine, "add", "acme", NUMBER, bad)
    assert engine.client.keys("*") == []


@pytest.mark.parametrize("args", (("acme", "add", 9), ("a/b", "add", 9, NUMBER), ("acme", "put", 9, NUMBER), ("acme", "add", "x", NUMBER),
                                  ("acme", "add", 9999, *range(15550000000, 15550000501))))  # fmt: skip
def test_a_change_of_another_form_is_refused(engine: Engine, args: tuple[Any, ...]) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        engine.scripts.run("suppression_change", *args)
    assert engine.client.keys("*") == []


def pages(engine: Engine, tenant: str, wanted: int) -> list[list[int]]:
    found, place = [], ""
    while not found or place:
        total, place, *numbers = engine.scripts.run("suppression_list", tenant, place, wanted)
        found.append([int(number) for number in numbers])
        place = place.decode()
    assert total == engine.client.scard(engine.key(f"suppressed:t/{tenant}"))
    return found


@pytest.mark.parametrize("count", (0, 1, 9, 10, 11, 512, 513, 1000))
def test_a_short_list_is_paged_exactly_and_in_order(engine: Engine, count: int) -> None:
    numbers = [15550000000 + 7 * i for i in range(count)]
    put_many(engine, "add", numbers[::-1])
    found = pages(engine, "acme", 10)
    assert sum(found, []) == numbers
    assert all(len(page) == 10 for page in found[:-1]) and len(found) == max(1, -(-count // 10))


def test_a_long_list_is_paged_whole(engine: Engine) -> None:
    numbers = list(range(15550000000, 15550005000))
    put_many(engine, "add", numbers)
    found = pages(engine, "acme", 100)
    assert set(sum(found, [])) == set(numbers) and len(found) > 20


def test_a_list_that_becomes_long_or_short_between_two_pages_leaves_nothing_out(engine: Engine) -> None:
    few, many = list(range(15550000000, 15550000010)), list(range(15560000000, 15560002000))
    change(engine, "add", "acme", *few)
    _, place, *numbers = engine.scripts.run("suppression_list", "acme", "", 5)
    put_many(engine, "add", many)
    seen = {int(number) for number in numbers}
    while place:
        _, place, *numbers = engine.scripts.run("suppression_list", "acme", place, 500)
        seen |= {int(number) for number in numbers}
    assert seen >= {*few, *many}
    _, place, *numbers = engine.scripts.run("suppression_list", "acme", "", 500)
    put_many(engine, "remove", many)
    seen = {int(number) for number in numbers}
    while place:
        _, place, *numbers = engine.scripts.run("suppression_list", "acme", place, 3)
        seen |= {int(number) for number in numbers}
    assert seen >= set(few)


@pytest.mark.parametrize("place", ("x", "n", "n-1", "s1.5", "5", "n" * 22))
def test_a_place_that_no_page_gave_is_refused(engine: Engine, place: str) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        engine.scripts.run("suppression_list", "acme", place, 5)
