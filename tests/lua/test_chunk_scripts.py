# SPDX-License-Identifier: Apache-2.0
"""Drafts and their chunks on a real Redis, and the index of what a batch has already, as it grows."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from tests.support.engine import Engine, contact_record, id_hash, part
from tests.support.redis_clock import RedisClock

LIFE_MS = 60_000
LEASE_MS = 5_000
DIGEST = "d" * 64


def draft(cell: Engine, contacts: int = 0, tags: str = "", **fields: Any) -> str:
    batch = cell.batch("acme", "main", contacts, seal=False, seen_shards=1, tags=f'["{tags}"]' if tags else None, **fields)
    assert cell.scripts.run("batch_draft", batch, contacts, LIFE_MS, *([tags.encode().hex()] if tags else []))[0] == b"draft"
    return batch


def opened(cell: Engine, batch: str, chunk: object = 1, how: str = "look", tenant: str = "acme", expected: int = 0) -> list[Any]:
    return list(cell.scripts.run("chunk_open", batch, tenant, chunk, how, LIFE_MS, "h1", LEASE_MS, expected))


def closed(cell: Engine, batch: str, chunk: object = 1, digest: str = DIGEST, parts: int = 0, answer: str = "{}",
           holder: str = "h1") -> list[bytes]:  # fmt: skip
    return list(cell.scripts.run("chunk_close", batch, "acme", chunk, digest, parts, answer, holder))


def start(cell: Engine, batch: str) -> list[bytes]:
    return list(cell.scripts.run("batch_seal", batch, ""))


# ---- drafts ----


def test_a_draft_is_listed_dials_nothing_and_is_started_once_it_holds_somebody(cell: Engine) -> None:
    batch = draft(cell, tags="q4")
    assert cell.client.zrange(cell.key("tenant:acme:batches"), 0, -1) == [batch.encode()]
    assert cell.client.zrange(cell.key(f"tenant:acme:tags:{b'q4'.hex()}"), 0, -1) == [batch.encode()]
    with pytest.raises(redis.ResponseError, match="ERR_STATE draft, holding 0"):
        start(cell, batch)
    cell.ingest(batch, "1.1", [(15551230001, "a")])
    assert cell.claim().slots == [] and cell.counters(batch)["due"] == 0
    assert start(cell, batch) == [b"pending", b"1"]
    assert start(cell, batch) == [b"pending", b"1"]
    assert cell.client.zscore(cell.key("purge"), f"draft/{batch}") is None
    assert [slot.ordinal for slot in cell.claim().slots] == [0]


def test_making_a_draft_twice_is_once_and_only_of_what_is_being_ingested(cell: Engine) -> None:
    batch = draft(cell, 2)
    assert cell.scripts.run("batch_draft", batch, 2, LIFE_MS) == [b"draft", b"2"]
    other = cell.batch("acme", "main", 1, seal=False)
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        cell.scripts.run("batch_draft", other, 2, LIFE_MS)
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        cell.scripts.run("batch_draft", cell.batch("acme", "main", 1), 1, LIFE_MS)
    with pytest.raises(redis.ResponseError, match="ERR_STATE ingesting"):
        start(cell, other)


def test_a_draft_lives_on_from_its_last_chunk_and_then_goes(cell: Engine, clock: RedisClock) -> None:
    batch = draft(cell, tags="q4")
    cell.ingest(batch, "1.1", [(15551230000 + i, f"c{i}") for i in range(300)])
    clock.step((LIFE_MS - 1) * 1000)
    opened(cell, batch, 2)
    clock.step((LIFE_MS - 1) * 1000)
    cell.tick()
    assert cell.counters(batch)["total"] == 300
    clock.step(1000)
    for _ in range(50):
        if not cell.tick(items=3)["more"]:
            break
    assert not cell.client.keys(f"*{batch}*") and not cell.client.keys("*:tags:*")
    assert cell.client.zrange(cell.key("tenant:acme:batches"), 0, -1) == []


# ---- chunks ----


def test_a_chunk_of_a_draft_is_open_until_it_is_whole(cell: Engine) -> None:
    batch = draft(cell)
    assert opened(cell, batch)[:3] == [b"1", b"piecewise", b"draft"]
    assert opened(cell, batch)[:3] == [b"1", b"piecewise", b"draft"]
    cell.ingest(batch, "1.1", [(15551230001, "")])
    cell.ingest(batch, "1.2", [(15551230002, "")])
    with pytest.raises(redis.ResponseError, match="ERR_STATE draft, unfinished 1"):
        start(cell, batch)
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND parts"):
        closed(cell, batch, parts=3)
    with pytest.raises(redis.ResponseError, match="ERR_EXISTS"):
        closed(cell, batch, parts=1)
    assert closed(cell, batch, parts=2, answer='{"n":1}') == [b"done", b'{"n":1}']
    assert closed(cell, batch, parts=2, answer='{"n":2}') == [b"done", b'{"n":1}']
    with pytest.raises(redis.ResponseError, match="ERR_EXISTS"):
        closed(cell, batch, digest="e" * 64, parts=2)
    assert opened(cell, batch) == [b"1", b"done", b"draft", b"2", DIGEST.encode(), b'{"n":1}']
    assert start(cell, batch) == [b"pending", b"2"]
    assert opened(cell, batch)[1] == b"done", "also once it runs"


def test_a_chunk_that_is_given_up_is_forgotten_where_nothing_of_it_was_written(cell: Engine) -> None:
    batch = draft(cell)
    cell.ingest(batch, "1.1", [(15551230001, "")])
    opened(cell, batch, 1)
    opened(cell, batch, 2)
    assert closed(cell, batch, 2, digest="") == [b"gone"]
    assert closed(cell, batch, 1, digest="") == [b"open"]
    with pytest.raises(redis.ResponseError, match="unfinished 1$"):
        start(cell, batch)


def test_a_chunk_without_a_number_gets_the_next_when_all_of_it_is_there(cell: Engine) -> None:
    batch = draft(cell)
    opened(cell, batch, 7)
    assert opened(cell, batch, "")[:2] == [b"", b"whole"]
    assert opened(cell, batch, "", "write")[:2] == [b"8", b"whole"]
    with pytest.raises(redis.ResponseError, match="unfinished 7 8"):
        start(cell, batch)


def test_no_more_than_64_chunks_are_open(cell: Engine) -> None:
    batch = draft(cell)
    for chunk in range(1, 65):
        opened(cell, batch, chunk)
    with pytest.raises(redis.ResponseError, match="ERR_TOO_LARGE"):
        opened(cell, batch, 65)
    closed(cell, batch, 64)
    assert opened(cell, batch, 65)[1] == b"piecewise"


def test_a_running_batch_is_kept_from_ending_and_takes_a_chunk_as_a_whole(cell: Engine, clock: RedisClock) -> None:
    batch = cell.batch("acme", "main", 1)
    assert opened(cell, batch, 3)[1:3] == [b"whole", b"pending"]
    clock.step(100_000)
    (slot,) = cell.claim().slots
    cell.begin([slot])
    cell.finish(slot)
    assert cell.hash(f"batch:{batch}")["state"] == "processing"
    assert opened(cell, batch, 3, "write")[1] == b"whole"
    cell.ingest(batch, "3.1", [(15551230001, "")])
    assert closed(cell, batch, 3, parts=1) == [b"done", b"{}"]
    assert not cell.client.exists(cell.key(f"batch:{batch}:appending")) and cell.counters(batch)["due"] == 1
    cell.control(batch, "acme", "cancel")
    with pytest.raises(redis.ResponseError, match="ERR_STATE cancelled"):
        opened(cell, batch, 4)
    assert closed(cell, batch, 3, parts=1) == [b"done", b"{}"]


def test_giving_a_chunk_up_lets_a_batch_end(cell: Engine, clock: RedisClock) -> None:
    batch = cell.batch("acme", "main", 1)
    opened(cell, batch, "")
    clock.step(100_000)
    (slot,) = cell.claim().slots
    cell.begin([slot])
    cell.finish(slot)
    assert closed(cell, batch, "", digest="") == [b"gone"]
    assert cell.hash(f"batch:{batch}")["state"] == "completed"


def test_another_tenants_draft_and_a_creation_under_way_are_not_found(cell: Engine) -> None:
    cell.tenant("other")
    for batch, tenant in ((draft(cell), "other"), (cell.batch("acme", "main", 1, seal=False), "acme"), ("batch_c0_none", "acme")):
        with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
            opened(cell, batch, tenant=tenant)


@pytest.mark.parametrize("chunk", ["0", "-1", "1000001", "x", "1/2"])
def test_a_chunk_has_a_number(cell: Engine, chunk: str) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        opened(cell, draft(cell), chunk)


# ---- columns: what the metadata of the contacts has in common ----

COLUMNS = (b'{"a":\n', b',"b":\n', b',"c":\n')


def write(cell: Engine, batch: str, chunk: int, columns: bytes) -> list[Any]:
    records = [(contact_record(15551240000 + chunk), "", "")]
    return list(cell.scripts.run("batch_ingest", batch, f"{chunk}.1", DIGEST, *part(records, columns=columns)))


def kept(cell: Engine, batch: str) -> bytes:
    text = bytes(cell.client.get(cell.key(f"batch:{batch}:columns")) or b"")
    assert int(cell.hash(f"batch:{batch}").get("columns", 0)) == len(text)
    return text


def test_columns_go_on_from_those_that_the_batch_has(cell: Engine) -> None:
    batch = draft(cell)
    a, b, c = COLUMNS
    for chunk, (given, after) in enumerate(((b"", b""), (a + b, a + b), (a, a + b), (b"", a + b), (a + b + c, a + b + c)), 1):
        assert write(cell, batch, chunk, given)[:2] == [str(chunk).encode(), 0]
        assert kept(cell, batch) == after


def test_a_part_with_others_than_the_batch_has_is_told_which_and_changes_nothing(cell: Engine) -> None:
    batch = draft(cell)
    a, b, c = COLUMNS
    write(cell, batch, 1, a + b)
    for given in (b, a + c, a + c + b, a + b[:-2] + b"x\n"):
        before = cell.hash(f"batch:{batch}")
        assert write(cell, batch, 2, given) == [-1, a + b]
        assert (cell.hash(f"batch:{batch}"), kept(cell, batch)) == (before, a + b)
    assert write(cell, batch, 2, a + b + c)[:2] == [b"2", 0]
    assert write(cell, batch, 1, c)[:2] == [b"1", 1], "what is written is written, whatever it says of columns now"


def test_columns_have_a_bound(cell: Engine) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_INVALID columns"):
        write(cell, draft(cell), 1, b"x" * 4096 + b"\n")


def test_columns_go_with_their_batch(cell: Engine, clock: RedisClock) -> None:
    batch = draft(cell)
    write(cell, batch, 1, COLUMNS[0])
    clock.step((LIFE_MS + 1) * 1000)
    for _ in range(20):
        cell.tick()
    assert cell.client.keys(cell.key(f"batch:{batch}*")) == []


# ---- what was not taken ----


def test_what_was_rejected_and_what_was_there_already_is_told_in_the_order_it_was_found(cell: Engine) -> None:
    batch = draft(cell)
    records = [(contact_record(15551230001, "a"), id_hash("a"), ""), (contact_record(15551230001, "b"), id_hash("b"), ""),
               (contact_record(15551230002, "a"), id_hash("a"), "")]  # fmt: skip
    args = part(records, rejected=2, lines=["3 INVALID_NUMBER phoneNumber 12", "4 WRONG_FIELD_COUNT - "], row=5)
    for _ in range(2):
        cell.scripts.run("batch_ingest", batch, "9.1", DIGEST, *args)
    assert cell.client.lrange(cell.key(f"batch:{batch}:rows"), 0, -1) == [
        b"9 3 INVALID_NUMBER phoneNumber 12", b"9 4 WRONG_FIELD_COUNT - ", b"9 6 DUPLICATE phoneNumber +15551230001",
        b"9 7 DUPLICATE id a",
    ]  # fmt: skip
    fields = cell.hash(f"batch:{batch}")
    assert (fields["rejected"], fields["duplicates"], fields["total"]) == ("2", "2", "1")


def test_no_more_than_ten_thousand_lines_are_kept_and_all_rows_are_counted(cell: Engine) -> None:
    batch = draft(cell)
    for chunk in range(21):
        lines = [f"{row} INVALID_NUMBER phoneNumber x" for row in range(499)]
        cell.scripts.run("batch_ingest", batch, f"{chunk}.1", DIGEST, *part([], rejected=499, lines=lines))
    assert cell.client.llen(cell.key(f"batch:{batch}:rows")) == 10_000
    assert cell.hash(f"batch:{batch}")["rejected"] == str(21 * 499)


# ---- the index of what the batch has ----


def seen(cell: Engine, batch: str) -> tuple[list[int], list[int]]:
    """How many numbers and ids each shard holds."""
    shards = int(cell.hash(f"batch:{batch}")["seen_shards"])
    return (
        [cell.client.scard(cell.key(f"batch:{batch}:seen:n:{shard}")) for shard in range(shards)],
        [cell.client.hlen(cell.key(f"batch:{batch}:seen:i:{shard}")) for shard in range(shards)],
    )


@pytest.mark.parametrize("step", [1, 8, 1000, 65_536])
def test_the_index_grows_in_compact_shards_and_forgets_nobody(cell: Engine, step: int) -> None:
    batch, count = draft(cell), 3000
    contacts = [(15_551_000_000 + i * step, f"c{i}") for i in range(count)]
    for at in range(0, count, 250):
        assert cell.ingest(batch, f"1.{at + 1}", contacts[at : at + 250])[0] == at + 250
    numbers, ids = seen(cell, batch)
    assert sum(numbers) == sum(ids) == count
    assert len(numbers) == -(-count // 192) and max(numbers + ids) < 512
    assert cell.client.object("encoding", cell.key(f"batch:{batch}:seen:n:3")) == b"intset"
    # Whoever is there is found, by number and by id, wherever the growth has moved them.
    for at in range(0, count, 250):
        by_number = [(number, f"new{number}") for number, _ in contacts[at : at + 250]]
        assert cell.ingest(batch, f"2.{at + 1}", by_number)[2] == [(i, "phone") for i in range(250)]
        by_id = [(17_000_000_000 + at + i, contact_id) for i, (_, contact_id) in enumerate(contacts[at : at + 250])]
        assert cell.ingest(batch, f"3.{at + 1}", by_id)[2] == [(i, "id") for i in range(250)]


def test_the_index_begins_as_large_as_it_is_expected_to_be_and_not_once_it_holds_somebody(cell: Engine) -> None:
    batch = draft(cell)
    opened(cell, batch, 1, expected=10_000)
    assert cell.hash(f"batch:{batch}")["seen_shards"] == "53"
    opened(cell, batch, 2, expected=100)
    assert cell.hash(f"batch:{batch}")["seen_shards"] == "53"
    assert cell.ingest(batch, "1.1", [(15551230001, "a"), (15551230001, "b"), (15551230002, "a")])[2] == [(1, "phone"), (2, "id")]
    opened(cell, batch, 3, expected=1_000_000)
    assert cell.ingest(batch, "3.1", [(15551230001, "")])[2] == [(0, "phone")]


def test_numbers_chosen_to_fall_together_end_the_growth_and_are_found_all_the_same(cell: Engine) -> None:
    batch = draft(cell)
    numbers = [20_000_000_000 + i * 1_048_573 for i in range(4500)]
    for at in range(0, 4500, 500):
        cell.ingest(batch, f"1.{at + 1}", [(number, "") for number in numbers[at : at + 500]])
    for at in range(0, 4500, 500):
        assert len(cell.ingest(batch, f"2.{at + 1}", [(number, "") for number in numbers[at : at + 500]])[2]) == 500
    assert sum(seen(cell, batch)[0]) == cell.counters(batch)["total"] == 4500
