# SPDX-License-Identifier: Apache-2.0
"""Batches on a real Redis: ingestion in chunks, sealing, and what a tenant may do to a batch."""

from __future__ import annotations

import pytest
import redis

from tests.support.engine import Engine, contact_record, part
from tests.support.waiting import wait_until


@pytest.fixture
def empty(engine: Engine) -> Engine:
    engine.trunk("main")
    engine.tenant("acme")
    return engine


def state(engine: Engine, batch: str) -> str:
    return engine.hash(f"batch:{batch}")["state"]


# ---- making and filling ----


def test_a_batch_needs_its_trunk_and_its_tenant(engine: Engine) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND trunk"):
        engine.batch("acme", "main")
    engine.trunk("main")
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND tenant"):
        engine.batch("acme", "main")
    assert not engine.client.keys("*batch*")


def test_creating_twice_is_once_and_another_tenants_id_is_refused(empty: Engine) -> None:
    empty.tenant("other")
    create = ("batch_c0_x", "acme", "main", 60_000, "cps", 10)
    assert empty.scripts.run("batch_create", *create) == b"created"
    assert empty.scripts.run("batch_create", *create) == b"exists"
    with pytest.raises(redis.ResponseError, match="ERR_EXISTS"):
        empty.scripts.run("batch_create", "batch_c0_x", "other", "main", 60_000, "cps", 10)


@pytest.mark.parametrize("field", ["state", "tenant", "trunk", "sealed", "total", "cursor", "due", "live", "dials", "seq", "created_ms"])
def test_a_setting_cannot_be_what_the_engine_keeps_of_a_batch(empty: Engine, field: str) -> None:
    with pytest.raises(redis.ResponseError, match=f"ERR_INVALID field {field}"):
        empty.scripts.run("batch_create", "batch_c0_x", "acme", "main", 60_000, "cps", 10, field, 7)
    assert not empty.client.keys("*batch*") and not empty.client.exists(empty.key("purge"), empty.key("load:t/acme"))


def test_what_every_call_reads_comes_first_in_a_new_batch(empty: Engine) -> None:
    assert empty.scripts.run("batch_create", "batch_c0_x", "acme", "main", 60_000, "cps", 10, "priority", 5) == b"created"
    first = "state tenant trunk sealed total cursor due claimed live ended succeeded failed attempts dials seq"
    fields = [name.decode() for name in empty.client.hkeys(empty.key("batch:batch_c0_x"))]
    assert fields == [*first.split(), "cps", "priority", "created_ms", "kept"]
    assert empty.client.object("encoding", empty.key("batch:batch_c0_x")) == b"listpack"


def test_a_chunk_again_changes_nothing_and_answers_the_same(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 0, seal=False)
    contacts = [(15551230001, "a"), (15551230002, "b"), (15551230001, "c")]
    first = empty.ingest(batch, 1, contacts)
    assert first == [2, 0, [(2, "phone")]]
    assert empty.ingest(batch, 1, contacts) == [2, 1, [(2, "phone")]]
    assert empty.counters(batch)["total"] == 2


def test_a_chunk_number_with_other_contents_is_refused(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 0, seal=False)
    empty.ingest(batch, 1, [(15551230001, "")])
    with pytest.raises(redis.ResponseError, match="ERR_EXISTS"):
        empty.ingest(batch, 1, [(15551230002, "")])
    assert empty.counters(batch)["total"] == 1


def test_numbers_and_ids_are_taken_once_over_all_chunks(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 0, seal=False)
    assert empty.ingest(batch, 1, [(15551230001, "a"), (15551230002, "b")])[2] == []
    assert empty.ingest(batch, 2, [(15551230001, "z"), (15551230003, "b"), (15551230004, "c")]) == [
        3, 0, [(0, "phone"), (1, "id")],
    ]
    # What was left out has not used up its number or its id.
    assert empty.ingest(batch, 3, [(15551230003, "y"), (15551230005, "z")])[2] == []


def test_ids_whose_hashes_collide_are_both_taken(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 0, seal=False)

    def chunk(number: int, *contacts: tuple[int, str]) -> list[bytes]:
        args = part((contact_record(phone, contact_id), "4611686018427387", "") for phone, contact_id in contacts)
        return empty.scripts.run("batch_ingest", batch, number, f"digest{number}", *args)

    assert chunk(1, (15551230001, "one"), (15551230002, "two")) == [b"2", 0]
    assert chunk(2, (15551230003, "two"), (15551230004, "three")) == [b"3", 0, b"0", b"id"]


NO_CONTACTS = {
    "no record": b"",
    "no number": b"\x12\x01a",
    "cut short": contact_record(15551230009)[:-1],
    "too short a number": contact_record(999_999),
    "too long a number": contact_record(1_000_000_000_000_000),
    "longer than any": b"\x08" + b"\xff" * 12,
    "an id without its hash": contact_record(15551230009, "a"),
}


@pytest.mark.parametrize("bad", NO_CONTACTS)
def test_a_record_that_is_no_contacts_is_refused_with_all_its_part(empty: Engine, bad: str) -> None:
    batch = empty.batch("acme", "main", 0, seal=False)
    records = [(contact_record(15551230001), "", ""), (NO_CONTACTS[bad], "", "")]
    with pytest.raises(redis.ResponseError, match="ERR_INVALID contact"):
        empty.scripts.run("batch_ingest", batch, 1, "d", *part(records))
    assert empty.counters(batch)["total"] == 0
    assert not empty.client.keys("*contacts*") and not empty.client.keys("*seen*")


def test_a_sealed_batch_takes_no_more(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 2)
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        empty.ingest(batch, 9, [(15551239999, "")])


def test_a_batch_is_invisible_until_it_is_sealed(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 2, seal=False)
    assert empty.claim().slots == []
    assert not empty.client.exists(empty.key("tenant:acme:batches"))
    empty.seal(batch, 2, "tag one")
    assert empty.client.zrange(empty.key("tenant:acme:batches"), 0, -1) == [batch.encode()]
    assert empty.client.zrange(empty.key(f"tenant:acme:tags:{b'tag one'.hex()}"), 0, -1) == [batch.encode()]
    assert empty.claim().slots


def test_sealing_twice_answers_the_same_and_a_wrong_total_is_refused(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 2, seal=False)
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        empty.seal(batch, 3)
    assert empty.seal(batch, 2) == "pending"
    assert empty.seal(batch, 2) == "pending"


def test_a_creation_whose_producer_died_goes_away_by_itself(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 200, seal=False)
    empty.client.zadd(empty.key("purge"), {f"draft/{batch}": 1})
    wait_until(lambda: not empty.tick(items=5) or not empty.client.keys(f"*{batch}*"), 5.0, "it is purged")
    assert not empty.client.keys(f"*{batch}*")
    assert empty.client.zscore(empty.key("purge"), f"draft/{batch}") is None


def test_dedupe_keys_go_when_the_batch_has_ended(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 1)
    empty.finish(empty.begin_one())
    assert state(empty, batch) == "completed"
    wait_until(lambda: (empty.tick(), not empty.client.keys(f"*{batch}:seen*"))[1], 5.0, "they are purged")
    assert not empty.client.exists(empty.key(f"batch:{batch}:chunks"))


# ---- pause and resume ----


def test_a_paused_batch_hands_out_nothing_and_goes_on_when_resumed(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 3, cps=30)
    assert empty.control(batch, "acme", "pause", "user")[0] == "paused"
    assert empty.control(batch, "acme", "pause", "user")[0] == "paused"
    assert empty.claim().slots == []
    assert empty.control(batch, "acme", "resume")[0] == "pending"
    assert empty.control(batch, "acme", "resume")[0] == "pending"
    assert empty.claim().slots


def test_a_resumed_batch_that_had_begun_is_processing(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 3, cps=30)
    empty.begin_one()
    empty.control(batch, "acme", "pause", "user")
    assert empty.control(batch, "acme", "resume")[0] == "processing"


def test_a_batch_resumed_before_its_start_is_scheduled(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 3, start_in_ms=60_000)
    empty.control(batch, "acme", "pause", "user")
    assert empty.control(batch, "acme", "resume")[0] == "scheduled"


def test_a_paused_batch_whose_last_call_ends_is_complete(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 1)
    slot = empty.begin_one()
    empty.control(batch, "acme", "pause", "user")
    empty.finish(slot)
    assert state(empty, batch) == "completed"


def test_pausing_one_batch_leaves_the_others_alone(empty: Engine) -> None:
    paused = empty.batch("acme", "main", 3, cps=30)
    other = empty.batch("acme", "main", 3, cps=30)
    empty.control(paused, "acme", "pause", "user")
    assert {slot.batch for slot in empty.claim().slots} == {other}


# ---- cancel ----


def test_a_cancel_counts_what_was_never_dialed_at_once(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 100)
    assert empty.control(batch, "acme", "cancel") == ("cancelled", 100)
    counters = empty.counters(batch)
    assert (counters["failed"], counters["due"]) == (100, 0)
    assert empty.hash(f"batch:{batch}")["outcome:CANCELLED"] == "100"
    assert empty.events() == []


def test_a_cancelled_batch_ends_after_its_last_call(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 5, cps=30)
    slot = empty.begin_one()
    assert empty.control(batch, "acme", "cancel") == ("cancelling", 4)
    assert empty.claim().slots == []
    empty.finish(slot)
    assert state(empty, batch) == "cancelled"
    assert [event["type"] for event in empty.events()] == ["call.completed"]


def test_a_cancelled_batchs_retries_end_with_their_last_outcome_and_their_event(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 3, cps=30)
    for _ in range(2):
        empty.finish(empty.begin_one(), how="retry", outcome="BUSY", next_in_ms=60_000)
    empty.control(batch, "acme", "cancel")
    wait_until(lambda: (empty.tick(), state(empty, batch))[1] == "cancelled", 5.0, "the retries are ended")
    values = empty.hash(f"batch:{batch}")
    assert values["outcome:BUSY"] == "2" and values["outcome:CANCELLED"] == "1"
    assert [event["type"] for event in empty.events()] == ["call.completed"] * 2


def test_a_cancelled_batch_retries_no_call_that_was_on_the_line(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 1)
    slot = empty.begin_one()
    empty.control(batch, "acme", "cancel")
    assert empty.finish(slot, how="retry", outcome="BUSY", next_in_ms=0) == "final"
    assert state(empty, batch) == "cancelled"


def test_claimed_calls_of_a_cancelled_batch_end_uncounted_as_attempts(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 2, cps=30)
    slot = empty.claim_one()
    empty.control(batch, "acme", "cancel")
    empty.begin([slot])
    wait_until(lambda: (empty.tick(), state(empty, batch))[1] == "cancelled", 5.0, "it ends")
    counters = empty.counters(batch)
    assert (counters["failed"], counters["attempts"]) == (2, 0)
    assert empty.events() == []


def test_cancelling_twice_is_once(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 5)
    empty.begin_one()
    empty.control(batch, "acme", "cancel")
    before = empty.counters(batch)
    assert empty.control(batch, "acme", "cancel") == ("cancelling", 0)
    assert empty.counters(batch) == before


def test_an_unsealed_batch_can_be_cancelled(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 5, seal=False)
    assert empty.control(batch, "acme", "cancel") == ("cancelled", 5)
    assert empty.counters(batch)["failed"] == 5


# ---- who may, and when ----


@pytest.mark.parametrize("verb", ("pause", "resume", "cancel"))
def test_another_tenants_batch_is_not_found(empty: Engine, verb: str) -> None:
    empty.tenant("other")
    batch = empty.batch("acme", "main", 1)
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        empty.control(batch, "other", verb)
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        empty.control("batch_c0_nothing", "acme", verb)


@pytest.mark.parametrize("verb", ("pause", "resume", "cancel"))
def test_an_ended_batch_says_its_state(empty: Engine, verb: str) -> None:
    batch = empty.batch("acme", "main", 1)
    empty.finish(empty.begin_one())
    with pytest.raises(redis.ResponseError, match="ERR_STATE completed"):
        empty.control(batch, "acme", verb)


def test_a_failed_batch_tells_why(empty: Engine) -> None:
    batch = empty.batch("acme", "main", 3, on_batch_failed="http://127.0.0.1/failed")
    assert empty.control(batch, "acme", "fail", "Trunk was removed", "TRUNK_GONE")[0] == "failed"
    (event,) = empty.events()
    assert (event["type"], event["error"], event["code"]) == ("batch.failed", "Trunk was removed", "TRUNK_GONE")
    assert empty.claim().slots == []


# ---- cells ----


def test_a_cell_takes_the_first_schema_and_refuses_another(engine: Engine) -> None:
    assert engine.open("run", schema=1) == b"1"
    assert engine.open("run", schema=1) == b"1"
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        engine.open("run", schema=2)
