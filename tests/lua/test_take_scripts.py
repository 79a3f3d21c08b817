# SPDX-License-Identifier: Apache-2.0
"""batch_take and batch_index: a batch filled by a producer that knows its numbers, and by others after it, holds each number
once whoever wrote what, and whatever came in between."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest
import redis

from tests.support.engine import Engine, contact_record, part, phone_of

LIFE_MS = 60_000
BEHIND = [-2, 0]


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.trunk("main")
    engine.tenant("acme")
    return engine


def draft(cell: Engine) -> str:
    batch = cell.batch("acme", "main", 0, seal=False, seen_shards=1)
    assert cell.scripts.run("batch_draft", batch, 0, LIFE_MS)[0] == b"draft"
    return batch


def digest(numbers: list[int]) -> str:
    return hashlib.sha256(repr(numbers).encode()).hexdigest()


class Knowing:
    """A producer that knows a batch from its first contact on."""

    def __init__(self, cell: Engine, batch: str, name: str = "known_1") -> None:
        self.cell, self.batch, self.name = cell, batch, name
        self.numbers: set[int] = set()
        self.total = 0

    def take(self, chunk: str, numbers: list[int], rejected: int = 0, lines: tuple[str, ...] = (), columns: bytes = b"") -> list[Any]:
        taken, left_out, told = [], [], list(lines)
        for i, number in enumerate(numbers):
            if number in self.numbers:
                left_out += [str(i), "phone"]
                told.append(f"{i + 1} DUPLICATE phoneNumber +{number}")
            else:
                self.numbers.add(number)
                taken.append(number)
        pairs = [item for i, number in enumerate(taken) for item in (self.total + i, contact_record(number))]
        args = (len(taken), self.name, self.total, rejected, columns, " ".join(left_out), *pairs, *told)
        self.total += len(taken)
        return list(self.cell.scripts.run("batch_take", self.batch, chunk, digest(numbers), *args))


def ingest(cell: Engine, batch: str, chunk: str, numbers: list[int]) -> list[Any]:
    args = part((contact_record(number), "", "") for number in numbers)
    return list(cell.scripts.run("batch_ingest", batch, chunk, digest(numbers), *args))


def index(cell: Engine, batch: str) -> int:
    """Brings the index up; how often it took."""
    for turn in range(1, 1000):
        indexed, total = map(int, cell.scripts.run("batch_index", batch))
        if indexed == total:
            return turn
    raise AssertionError("the index does not come to an end")


def contacts(cell: Engine, batch: str) -> dict[int, int]:
    """Numbers by ordinal; each lies in the bucket that it belongs to."""
    found = {}
    for key in cell.client.scan_iter(cell.key(f"batch:{batch}:contacts:*")):
        for ordinal, record in cell.client.hgetall(key).items():
            assert int(key.rsplit(b":", 1)[1]) == int(ordinal) // 64
            found[int(ordinal)] = phone_of(record)
    assert sorted(found) == list(range(int(cell.hash(f"batch:{batch}")["total"])))
    return found


def numbers_of(first: int, count: int) -> list[int]:
    return list(range(15_550_000_000 + first, 15_550_000_000 + first + count))


def index_of(cell: Engine, batch: str) -> set[int]:
    keys = cell.client.scan_iter(cell.key(f"batch:{batch}:seen:n:*"))
    return {int(number) for key in keys for number in cell.client.smembers(key)}


# ---- one producer ----


def test_a_part_is_written_as_it_is_and_told_like_any_other(cell: Engine) -> None:
    batch = draft(cell)
    producer = Knowing(cell, batch)
    assert producer.take("1.1", numbers_of(0, 200)) == [b"200", 0]
    assert producer.take("1.2", numbers_of(190, 100), 2, ("7 INVALID_NUMBER phoneNumber 1",))[:4] == [b"290", 0, b"0", b"phone"]
    assert contacts(cell, batch) == dict(enumerate(numbers_of(0, 290)))
    fields = cell.hash(f"batch:{batch}")
    assert (fields["rejected"], fields["duplicates"]) == ("2", "10")
    lines = cell.client.lrange(cell.key(f"batch:{batch}:rows"), 0, 2)
    duplicates = [f"1 {row} DUPLICATE phoneNumber +{number}".encode() for row, number in ((1, 15550000190), (2, 15550000191))]
    assert lines == [b"1 7 INVALID_NUMBER phoneNumber 1", *duplicates]
    assert fields["bytes"] == str(290 * 48 + sum(len(contact_record(number)) for number in numbers_of(0, 290)))
    assert index_of(cell, batch) == set() and fields["seen_upto"] == "0"


def test_a_part_again_answers_as_it_did_and_one_with_other_contents_is_refused(cell: Engine) -> None:
    batch = draft(cell)
    producer = Knowing(cell, batch)
    first = producer.take("1.1", [*numbers_of(0, 5), *numbers_of(0, 2)])
    again = Knowing(cell, batch, "known_2").take("1.1", [*numbers_of(0, 5), *numbers_of(0, 2)])
    assert again == [first[0], 1, *first[2:]] == [b"5", 1, b"5", b"phone", b"6", b"phone"]
    assert ingest(cell, batch, "1.1", [*numbers_of(0, 5), *numbers_of(0, 2)]) == again
    with pytest.raises(redis.ResponseError, match="ERR_EXISTS"):
        producer.take("1.1", numbers_of(50, 5))
    assert len(contacts(cell, batch)) == 5


def test_a_part_of_nobody_new_is_a_part(cell: Engine) -> None:
    batch = draft(cell)
    producer = Knowing(cell, batch)
    producer.take("1.1", numbers_of(0, 3))
    assert producer.take("1.2", numbers_of(0, 3)) == [b"3", 0, b"0", b"phone", b"1", b"phone", b"2", b"phone"]
    assert producer.take("1.3", []) == [b"3", 0]
    assert cell.client.hget(cell.key(f"batch:{batch}:chunks"), "1.n") == b"3"


def test_who_adds_to_a_running_batch_needs_a_lease_and_its_contacts_are_due(cell: Engine) -> None:
    batch = draft(cell)
    producer = Knowing(cell, batch)
    producer.take("1.1", numbers_of(0, 3))
    cell.scripts.run("batch_seal", batch, "")
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        producer.take("2.1", numbers_of(3, 3))
    producer.total = 3
    producer.numbers = set(numbers_of(0, 3))
    cell.scripts.run("chunk_open", batch, "acme", 2, "write", LIFE_MS, "h1", 60_000, 0)
    assert producer.take("2.1", numbers_of(3, 3)) == [b"6", 0]
    assert cell.counters(batch)["due"] == 6


@pytest.mark.parametrize("bad", [("x", 1), ("1.1", 501), ("1.1", -1)])
def test_what_is_no_part_is_refused(cell: Engine, bad: tuple[str, int]) -> None:
    batch = draft(cell)
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        cell.scripts.run("batch_take", batch, bad[0], "d" * 64, bad[1], "known_1", 0, 0, "", "", 0, contact_record(15551230001))
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):  # not the ordinals that it would have
        cell.scripts.run("batch_take", batch, "1.1", "d" * 64, 1, "known_1", 0, 0, "", "", 7, contact_record(15551230001))
    assert cell.client.keys(f"*{batch}:contacts*") == []


def test_columns_are_the_batchs_also_here(cell: Engine) -> None:
    batch = draft(cell)
    producer = Knowing(cell, batch)
    assert producer.take("1.1", numbers_of(0, 1), columns=b'{"a":\n') == [b"1", 0]
    assert producer.take("1.2", numbers_of(1, 1), columns=b'{"b":\n') == [-1, b'{"a":\n']
    assert cell.client.get(cell.key(f"batch:{batch}:columns")) == b'{"a":\n' and len(contacts(cell, batch)) == 1


# ---- others ----


def test_others_bring_the_index_up_before_they_write(cell: Engine) -> None:
    batch = draft(cell)
    producer = Knowing(cell, batch)
    for chunk in range(4):
        producer.take(f"1.{chunk}", numbers_of(chunk * 250, 250))
    assert ingest(cell, batch, "2.1", numbers_of(995, 10)) == BEHIND
    assert index(cell, batch) == 4
    assert index_of(cell, batch) == set(numbers_of(0, 1000)) and "seen_upto" not in cell.hash(f"batch:{batch}")
    assert int(cell.hash(f"batch:{batch}")["seen_shards"]) == 6
    assert ingest(cell, batch, "2.1", numbers_of(995, 10))[:3] == [b"1005", 0, b"0"]
    assert contacts(cell, batch) == dict(enumerate(numbers_of(0, 1005)))
    assert index(cell, batch) == 1


def test_who_knew_the_batch_takes_no_more_once_somebody_asked_for_the_index(cell: Engine) -> None:
    batch = draft(cell)
    producer = Knowing(cell, batch)
    producer.take("1.1", numbers_of(0, 300))
    assert [int(n) for n in cell.scripts.run("batch_index", batch)] == [256, 300]
    assert producer.take("1.2", numbers_of(300, 5)) == BEHIND
    assert ingest(cell, batch, "2.1", numbers_of(0, 5)) == BEHIND
    index(cell, batch)
    assert producer.take("1.2", numbers_of(300, 5)) == BEHIND
    assert ingest(cell, batch, "2.1", numbers_of(298, 4))[:2] == [b"302", 0]


def test_another_that_thinks_it_knows_the_batch_is_told_that_it_does_not(cell: Engine) -> None:
    batch = draft(cell)
    Knowing(cell, batch).take("1.1", numbers_of(0, 5))
    other = Knowing(cell, batch, "known_2")
    assert other.take("2.1", numbers_of(0, 5)) == BEHIND
    other.total = 5
    assert other.take("2.1", numbers_of(5, 5)) == BEHIND
    assert len(contacts(cell, batch)) == 5


def test_who_comes_after_contacts_that_redis_indexed_does_not_know_them(cell: Engine) -> None:
    batch = draft(cell)
    assert ingest(cell, batch, "1.1", numbers_of(0, 5))[:2] == [b"5", 0]
    for total in (0, 5):
        producer = Knowing(cell, batch)
        producer.total = total
        assert producer.take("2.1", numbers_of(0, 5)) == BEHIND
    assert "seen_upto" not in cell.hash(f"batch:{batch}") and len(contacts(cell, batch)) == 5


def test_after_a_part_that_was_not_taken_nothing_is_taken_that_relied_on_it(cell: Engine) -> None:
    batch = draft(cell)
    producer = Knowing(cell, batch)
    producer.take("1.1", numbers_of(0, 5))
    producer.numbers |= set(numbers_of(5, 5))  # lost on its way, or with Redis's last writes
    producer.total += 5
    assert producer.take("1.3", numbers_of(8, 5)) == BEHIND
    index(cell, batch)
    assert ingest(cell, batch, "1.3", numbers_of(8, 5)) == [b"10", 0]
    assert ingest(cell, batch, "1.2", numbers_of(5, 5)) == [b"13", 0, b"3", b"phone", b"4", b"phone"]


@pytest.mark.parametrize("seed", range(6))
def test_whoever_writes_what_and_whatever_is_lost_each_number_is_there_once_and_each_row_is_told(cell: Engine, seed: int) -> None:
    """Three producers that begin to know, forget, lose parts and come again, as ingest_send.c does, against a plain set."""
    dice = random.Random(seed)
    batch = draft(cell)
    knowing: dict[int, Knowing | None] = {}
    told = 0
    wanted: set[int] = set()
    for step in range(60):
        who = dice.randrange(3)
        numbers = [15_550_000_000 + dice.randrange(400) for _ in range(dice.randrange(1, 40))]
        known = knowing.get(who)
        if who not in knowing or (known is None and dice.random() < 0.1):
            known = knowing[who] = Knowing(cell, batch, f"known_{step}")
        if known and dice.random() < 0.1:  # a part that never arrives
            lost = [15_550_000_000 + dice.randrange(400) for _ in range(5)]
            known.total += len(set(lost) - known.numbers)
            known.numbers |= set(lost)
        reply = known.take(f"{step}.1", numbers) if known else BEHIND
        if reply == BEHIND:
            knowing[who] = None
            reply = ingest(cell, batch, f"{step}.1", numbers)
        if reply == BEHIND:
            index(cell, batch)
            reply = ingest(cell, batch, f"{step}.1", numbers)
        left_out = [int(word) for word in reply[2::2]]
        fresh: list[int] = []
        for i, number in enumerate(numbers):
            assert (i in left_out) == (number in wanted or number in fresh), (step, i)
            fresh.append(number)
        wanted |= set(numbers)
        told += len(left_out)
        assert reply[:2] == [str(len(wanted)).encode(), 0]
    assert sorted(contacts(cell, batch).values()) == sorted(wanted)
    assert int(cell.hash(f"batch:{batch}")["duplicates"]) == told
