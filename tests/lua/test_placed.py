# SPDX-License-Identifier: Apache-2.0
"""placed:<number>: which of a platform's calls to a number are whose, where the platform keeps no token; and the queue
that a platform tells of."""

from __future__ import annotations

import pytest
import redis

from tests.support.engine import Engine, Slot
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

NUMBER = 4915112345678
CALLER = "15550009999"
KEY = f"placed:{NUMBER}"
KEEP_MS = 900_000
SURE_MS = 780_000
MOST = 64


@pytest.fixture
def engine(server: RedisServer) -> Engine:
    client: redis.Redis = server.client()
    client.flushall()
    made = Engine(client)
    made.trunk("main")
    for tenant in ("acme", "globex"):
        made.tenant(tenant)
    return made


def begin(engine: Engine, tenant: str = "acme", caller: str = CALLER, **fields: object) -> Slot:
    """Again, where the machine was so busy that it came too late for its slot."""
    engine.batch(tenant, "main", [NUMBER], **fields)

    def begun() -> Slot | None:
        slots = engine.claim().slots
        return slots[0] if slots and engine.begin(slots, caller=caller)[0][0] == "begun" else None

    return wait_until(begun, what="a dial is begun")


def begin_ms(engine: Engine, slot: Slot) -> str:
    return engine.state(slot.batch, slot.ordinal)["b"]


def test_a_dial_is_recorded_when_it_is_begun_and_its_call_once_it_is_known(engine: Engine) -> None:
    first, second = begin(engine), begin(engine, "globex")
    at = {slot.member: begin_ms(engine, slot) for slot in (first, second)}
    assert engine.hash(KEY) == at
    assert engine.accept(first, "CA1") == engine.accept(first, "CA1") == "accepted"
    assert engine.hash(KEY) == {**at, first.member: at[first.member] + " CA1"}
    assert engine.recheck(second, "seen", "CA2") == "kept"
    assert engine.hash(KEY)[second.member] == at[second.member] + " CA2"


def test_where_the_platform_keeps_our_token_nothing_is_recorded(engine: Engine) -> None:
    slot = begin(engine, caller="")
    engine.accept(slot, "call_1")
    engine.finish(slot)
    assert engine.hash(KEY) == {} and "m" not in engine.state(slot.batch, 0)


def test_what_a_callback_tells_of_a_call_is_recorded_with_its_end(engine: Engine) -> None:
    slot = begin(engine)
    at = begin_ms(engine, slot)
    assert engine.finish(slot, provider_id="CA9") == "final"
    assert engine.hash(KEY) == {slot.member: at + " CA9"}
    assert engine.finish(slot, provider_id="CA10") == "recorded"
    assert engine.hash(KEY) == {slot.member: at + " CA9"}


@pytest.mark.parametrize("how", ["throttled", "absent"])
def test_a_dial_that_was_not_placed_is_forgotten(engine: Engine, how: str) -> None:
    slot = begin(engine)
    if how == "throttled":
        assert engine.abort(slot, "THROTTLED") == "aborted"
    else:
        assert engine.recheck(slot, "absent", absent_after_ms=0) == "kept"
        assert engine.recheck(slot, "absent", absent_after_ms=0) == "givenback"
    assert engine.hash(KEY) == {}


def test_a_call_that_was_stopped_before_it_rang_stays_its_dials(engine: Engine) -> None:
    """The platform lists it for ever; whoever is looked up next with that number must not be taken for it."""
    slot = begin(engine)
    at = begin_ms(engine, slot)
    engine.accept(slot, "CA1")
    assert engine.abort(slot, "THROTTLED") == "aborted"
    assert engine.hash(KEY) == {slot.member: at + " CA1"}


def test_the_record_goes_when_nothing_was_added_for_a_while(engine: Engine) -> None:
    slot = begin(engine)
    for step in (lambda: None, lambda: engine.accept(slot, "CA1")):
        engine.client.pexpire(engine.key(KEY), 1000)
        step()
    assert KEEP_MS - 5000 < engine.client.pttl(engine.key(KEY)) <= KEEP_MS


def test_the_record_is_bounded_and_lets_the_old_go_first(engine: Engine) -> None:
    now = engine.now_ms()
    old = {f"batch_c0_x/{i}/1": now - KEEP_MS - 1 for i in range(5)}
    young = {f"batch_c0_y/{i}/1": now - 1000 - i for i in range(MOST - 5)}
    engine.client.hset(engine.key(KEY), mapping={**old, **young})
    first = begin(engine)
    assert set(engine.hash(KEY)) == {*young, first.member}
    engine.client.hset(engine.key(KEY), mapping={f"batch_c0_z/{i}/1": now - i for i in range(4)})
    second = begin(engine, "globex")
    assert len(engine.hash(KEY)) == MOST
    oldest = min(young, key=lambda member: young[member])
    assert oldest not in engine.hash(KEY) and second.member in engine.hash(KEY)


@pytest.mark.parametrize(("age_ms", "is_recorded"), [(SURE_MS - 60_000, True), (SURE_MS + 1000, False)])
def test_a_dial_that_is_told_so_late_that_others_may_be_forgotten_is_not_recorded(
    engine: Engine, age_ms: int, is_recorded: bool
) -> None:
    """Alone in the record it would take another's call for its own."""
    engine.batch("acme", "main", [NUMBER])
    slot = wait_until(lambda: engine.claim().slots, what="a claim")[0]
    assert engine.reassert([slot], begin_ago_ms=age_ms, provider_id="", caller=CALLER) == ["restored"]
    assert (slot.member in engine.hash(KEY)) == is_recorded
    assert engine.recheck(slot, "seen", "CA1") == "kept"
    assert engine.hash(KEY)[slot.member].endswith(" CA1"), "whose call it is was told"


def test_the_attempt_log_names_each_dials_call(engine: Engine) -> None:
    slot = begin(engine, busy_delay_ms=1000)
    engine.accept(slot, "CA1")
    engine.finish(slot, "retry", "BUSY", next_in_ms=0, provider_id="")
    log = engine.client.hget(engine.key(f"batch:{slot.batch}:attempts:0"), "0").decode()
    assert " p=CA1 " in log.splitlines()[1]


# ---- which calls are known ----


def known(engine: Engine, slot: Slot) -> list[bytes]:
    return sorted(engine.scripts.run("call_placed", slot.batch, slot.ordinal, NUMBER)[1:])


def told(engine: Engine, slot: Slot) -> bytes:
    """The call of a dial that Redis forgot."""
    reply = engine.scripts.run("call_placed", slot.batch, slot.ordinal, NUMBER)
    assert isinstance(reply[0], bytes)
    return reply[0]


def test_the_calls_of_all_dials_to_a_number_are_known_by_their_ids(engine: Engine) -> None:
    first, second = begin(engine), begin(engine, "globex")
    engine.accept(first, "CA1")
    assert known(engine, second) == [b"CA1"], "its own is not known yet"
    engine.recheck(second, "seen", "CA2")
    assert known(engine, first) == known(engine, second) == [b"CA1", b"CA2"]


def test_a_contacts_own_calls_are_known_when_those_of_others_have_been_forgotten(engine: Engine) -> None:
    first, other = begin(engine, busy_delay_ms=1000), begin(engine, "globex")
    engine.accept(first, "CA1")
    engine.accept(other, "CA2")
    engine.finish(first, "retry", "BUSY", next_in_ms=0, provider_id="")
    assert set(known(engine, first)) == {b"CA1", b"CA2"}
    engine.client.delete(engine.key(KEY))
    assert known(engine, first) == [b"CA1"] and known(engine, other) == []


@pytest.mark.parametrize("spoil", [("", 0, NUMBER), ("batch_c0_x", "x", NUMBER), ("batch_c0_x", 0, "+49"), ("batch_c0_x", 0, "")])
def test_a_question_about_no_contact_or_no_number_is_refused(engine: Engine, spoil: tuple[str, object, object]) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        engine.scripts.run("call_placed", *spoil)


# ---- the platform's queue ----


def test_a_queue_moves_the_deadline_once_and_holds_the_trunk(engine: Engine) -> None:
    slot = begin(engine)
    before = engine.state(slot.batch, 0)
    for _ in range(2):
        assert engine.accept(slot, "CA1", queue_ms=5_000) == "accepted"
        state = engine.state(slot.batch, 0)
        assert int(state["h"]) == int(before["h"]) + 5_000 and state["k"] == "5000"
    for holder in ("flying:k/main", "flying:t/acme", f"flying:b/{slot.batch}"):
        assert engine.client.zscore(engine.key(holder), slot.member) == int(state["h"])
    hold = int(engine.hash("trunk:main")["hold_until_ms"])
    assert int(state["b"]) + 5_000 <= hold <= engine.now_ms() + 5_000
    engine.batch("globex", "main", 1)
    assert engine.claim().slots == []


def test_a_call_that_would_ring_outside_its_hours_is_to_be_stopped(engine: Engine) -> None:
    now = engine.now_ms()
    hours = {"hours": f"{now - 60_000}-{now + 60_000}", "hours_until_ms": now + 86_400_000}
    inside, outside = begin(engine, **hours), begin(engine, "globex", **hours)
    assert engine.accept(inside, "CA1", queue_ms=10_000) == "accepted"
    for _ in range(2):
        assert engine.accept(outside, "CA2", queue_ms=90_000) == "stop"
    assert engine.client.zscore(engine.key("live"), outside.member) <= engine.now_ms(), "its check is due"
    assert engine.state(outside.batch, 0)["y"] == "1" and "y" not in engine.state(inside.batch, 0)
    assert engine.recheck(outside, "seen", "CA2") == "kept"
    assert engine.state(outside.batch, 0)["y"] == "1"
    assert engine.recheck(outside, "answered", "CA2") == "kept"
    assert "y" not in engine.state(outside.batch, 0)


def test_a_trunk_is_never_held_for_more_than_a_minute(engine: Engine) -> None:
    slot = begin(engine)
    engine.accept(slot, "CA1", queue_ms=80_000_000)
    assert int(engine.hash("trunk:main")["hold_until_ms"]) <= engine.now_ms() + 60_000


# ---- dials that Redis forgot ----


@pytest.mark.parametrize("what", ["seen", "answered"])
def test_the_call_of_a_forgotten_dial_is_known_to_all_but_its_own_contact(engine: Engine, what: str) -> None:
    """Its callback names the dial: it is nobody else's, and to be found by whoever asks for that very contact."""
    other = begin(engine, "globex")
    forgotten = Slot(engine.batch("acme", "main", [NUMBER]), 0, 2, 0, 0, b"")
    assert engine.recheck(forgotten, what, "CA1") == "gone"
    assert engine.hash(KEY)[forgotten.member].endswith(" CA1")
    assert known(engine, forgotten) == [] and told(engine, forgotten) == b"2 CA1"
    assert known(engine, other) == [b"CA1"] and told(engine, other) == b""


@pytest.mark.parametrize("age_ms", [1000, SURE_MS + 1000])
def test_a_forgotten_dial_whose_callback_came_is_told_of_with_its_call(engine: Engine, age_ms: int) -> None:
    """Nothing is left to be guessed by its number, however long ago that was."""
    engine.batch("acme", "main", [NUMBER])
    slot = wait_until(lambda: engine.claim().slots, what="a claim")[0]
    assert engine.recheck(slot, "seen", "CA1") == "gone"
    assert engine.reassert([slot], begin_ago_ms=age_ms, provider_id="", caller=CALLER) == ["restored"]
    assert engine.state(slot.batch, 0)["p"] == "CA1"
    assert engine.hash(KEY)[slot.member].endswith(" CA1")


def test_what_was_found_of_a_forgotten_dial_gives_its_number_to_no_other_call(engine: Engine) -> None:
    engine.batch("acme", "main", [NUMBER], busy_delay_ms=1000)
    slot = wait_until(lambda: engine.claim().slots, what="a claim")[0]
    assert engine.reassert([slot], provider_id="", caller=CALLER) == ["restored"]
    assert engine.recheck(Slot(slot.batch, 0, 3, 0, 0, b""), "seen", "CA1") == "gone"
    assert engine.state(slot.batch, 0)["i"] == "3"
    engine.finish(slot, "retry", "BUSY", next_in_ms=0, provider_id="CA1")
    assert wait_until(lambda: engine.claim().slots, what="its retry")[0].dial == 4


@pytest.mark.parametrize(("dial", "what", "provider_id"), [(1, "seen", "CA1"), (2, "absent", ""), (2, "seen", "")])
def test_only_a_call_of_a_later_dial_was_forgotten(engine: Engine, dial: int, what: str, provider_id: str) -> None:
    slot = begin(engine, busy_delay_ms=1000)
    engine.finish(slot, "retry", "BUSY", next_in_ms=600_000, provider_id="")
    before = engine.hash(KEY)
    engine.recheck(Slot(slot.batch, 0, dial, 0, 0, b""), what, provider_id)
    assert engine.hash(KEY) == before
