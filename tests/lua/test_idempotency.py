# SPDX-License-Identifier: Apache-2.0
"""A request with an Idempotency-Key in the directory: one try at a time, the same id at every try, one answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.support.engine import Engine
from tests.support.redis_clock import RedisClock
from tests.support.redis_server import RedisServer
from tests.support.scripts import Scripts

START_US = 1_763_283_600_000_000
LEASE_MS, LIFE_MS = 10_000, 86_400_000
KEY, OTHER_KEY = "a" * 64, "b" * 64
BATCH, OTHER_BATCH = "batch_c0_00000000000000000001", "batch_c0_00000000000000000002"


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer(is_clock_decreed=True) as server:
        yield server


class Directory:
    def __init__(self, server: RedisServer) -> None:
        self.client: redis.Redis = server.client(decode_responses=True)
        self.client.flushall()
        self.client_of_bytes: redis.Redis = server.client()
        self.clock: RedisClock = server.clock
        self.clock.stand(START_US)
        self.scripts = Scripts(self.client, "dir")

    def claim(
        self, holder: str, digest: str = "d1", tenant: str = "acme", key: str = KEY, batch: str = BATCH, most: int = 1000
    ) -> list[Any]:
        return list(self.scripts.run("idempotency_claim", tenant, key, digest, holder, LEASE_MS, LIFE_MS, batch, most))

    def settle(self, holder: str, how: str, *answer: Any, tenant: str = "acme") -> int:
        return int(self.scripts.run("idempotency_settle", tenant, KEY, holder, how, *answer))

    def record(self, tenant: str = "t/acme") -> dict[str, str]:
        return self.client.hgetall(f"carillon:{{dir}}:idempotency:{tenant}:{KEY}")

    def wait(self, ms: int) -> None:
        self.clock.step(ms * 1000)


@pytest.fixture
def directory(redis_server: RedisServer) -> Directory:
    return Directory(redis_server)


def test_the_first_try_is_let_through_and_its_answer_given_again_for_a_day(directory: Directory) -> None:
    assert directory.claim("h1") == ["claimed", BATCH, 0]
    assert directory.settle("h1", "keep", 202, "v1.sealed") == 1
    directory.wait(LIFE_MS - 1)
    assert directory.claim("h2", batch=OTHER_BATCH) == ["answered", "202", "v1.sealed"]
    directory.wait(2)
    assert directory.claim("h3", batch=OTHER_BATCH) == ["claimed", OTHER_BATCH, 0]


def test_another_request_under_the_same_key_is_told_so_whatever_became_of_the_first(directory: Directory) -> None:
    directory.claim("h1")
    assert directory.claim("h2", digest="d2") == ["other"]
    directory.settle("h1", "release")
    assert directory.claim("h2", digest="d2") == ["other"], "the first may have written"
    directory.claim("h3")
    directory.settle("h3", "keep", 202, "answer")
    assert directory.claim("h2", digest="d2") == ["other"]


def test_while_one_is_under_way_the_next_waits_and_then_goes_on_with_the_same_batch(directory: Directory) -> None:
    directory.claim("h1")
    directory.wait(4_000)
    assert directory.claim("h2", batch=OTHER_BATCH) == ["busy", "6000"]
    directory.wait(6_000)
    assert directory.claim("h2", batch=OTHER_BATCH) == ["claimed", BATCH, 1]
    assert directory.settle("h1", "keep", 202, "late") == 0, "it is not the first one's any more"
    assert directory.settle("h1", "forget") == 0 and directory.settle("h1", "release") == 0
    assert directory.settle("h2", "keep", 202, "answer") == 1


def test_a_try_that_was_given_up_is_gone_on_with_at_once(directory: Directory) -> None:
    directory.claim("h1")
    assert directory.settle("h1", "release") == 1
    assert directory.claim("h2", batch=OTHER_BATCH) == ["claimed", BATCH, 1]


def test_a_refused_request_frees_its_key(directory: Directory) -> None:
    directory.claim("h1")
    assert directory.settle("h1", "forget") == 1
    assert directory.client.keys("*") == [], "nothing is left of it"
    assert directory.claim("h2", digest="d2", batch=OTHER_BATCH) == ["claimed", OTHER_BATCH, 0]


def test_a_claim_and_an_answer_sent_again_change_nothing(directory: Directory) -> None:
    assert directory.claim("h1") == directory.claim("h1", batch=OTHER_BATCH) == ["claimed", BATCH, 0]
    directory.wait(LEASE_MS + 1)
    assert directory.claim("h2") == directory.claim("h2") == ["claimed", BATCH, 1], "it knows that it is not the first"
    directory.settle("h2", "keep", 202, "answer")
    before = directory.record()
    assert directory.settle("h2", "keep", 500, "other") == 0 and directory.settle("h2", "forget") == 0
    assert directory.record() == before
    assert set(before) == {"digest", "batch", "created_ms", "status", "answer"}


def test_what_is_over_is_not_brought_back_by_a_late_answer(directory: Directory) -> None:
    directory.claim("h1")
    directory.wait(LIFE_MS + 1)
    assert directory.settle("h1", "keep", 202, "answer") == 0
    assert directory.record() == {}


def test_tenants_operators_and_keys_are_apart(directory: Directory) -> None:
    assert directory.claim("h1") == ["claimed", BATCH, 0]
    assert directory.claim("h2", "d2", tenant="bloom", batch=OTHER_BATCH) == ["claimed", OTHER_BATCH, 0]
    assert directory.claim("h3", "d3", tenant="", batch="") == ["claimed", "", 0]
    assert directory.claim("h4", "d4", key=OTHER_KEY, batch=OTHER_BATCH) == ["claimed", OTHER_BATCH, 0]
    assert directory.claim("h5", "d3", tenant="operators", batch=OTHER_BATCH) == ["claimed", OTHER_BATCH, 0]
    assert directory.record("operators")["digest"] == "d3"


def test_so_many_are_remembered_and_the_oldest_make_room(directory: Directory) -> None:
    def first(n: int, **more: Any) -> str:
        return str(directory.claim(f"h{n}", key=f"{n:064x}", most=3, **more)[0])

    assert [first(1), first(2)] == ["claimed", "claimed"]
    directory.wait(3_600_000)
    assert [first(3), first(4), first(4)] == ["claimed", "full", "full"]
    assert directory.record() == {} and first(4, tenant="bloom") == "claimed", "another tenant has room of its own"
    assert first(1) == "claimed", "what is remembered goes on"
    assert directory.scripts.run("idempotency_settle", "acme", f"{3:064x}", "h3", "forget") == 1
    assert [first(4), first(5)] == ["claimed", "full"], "a refused one is not remembered"
    directory.wait(LIFE_MS - 3_600_000)
    assert first(5) == "full", "the first two may be there to the end of their hour"
    directory.wait(3_600_000)
    assert [first(5), first(6), first(7)] == ["claimed", "claimed", "full"]
    directory.wait(LIFE_MS + 3_600_000 + 1)
    assert directory.client.keys("*") == []


@pytest.mark.parametrize(
    ("script", "args"),
    [
        ("idempotency_claim", ("acme", "xyz", "d", "h", 1, 1, BATCH, 9)),
        ("idempotency_claim", ("ac/me", KEY, "d", "h", 1, 1, BATCH, 9)),
        ("idempotency_claim", ("acme", KEY, "", "h", 1, 1, BATCH, 9)),
        ("idempotency_claim", ("acme", KEY, "d", "h", 0, 1, BATCH, 9)),
        ("idempotency_claim", ("acme", KEY, "d", "h", 2, 1, BATCH, 9)),
        ("idempotency_claim", ("acme", KEY, "d", "h", 1, 1, BATCH)),
        ("idempotency_claim", ("acme", KEY, "d", "h", 1, 1, "a.b", 9)),
        ("idempotency_settle", ("acme", KEY, "h", "drop")),
        ("idempotency_settle", ("acme", KEY, "h", "keep", "many", "answer")),
        ("idempotency_settle", ("acme", KEY, "h", "keep", 202, "")),
        ("idempotency_settle", ("acme", KEY + "0", "h", "forget")),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(directory: Directory, script: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        directory.scripts.run(script, *args)
    assert directory.client.keys("*") == []


def test_a_creation_that_is_gone_on_with_lives_as_long_as_a_new_one(directory: Directory) -> None:
    engine = Engine(directory.client_of_bytes)
    engine.trunk("main")
    engine.tenant("acme")

    def create() -> bytes:
        return bytes(engine.scripts.run("batch_create", BATCH, "acme", "main", 600_000, "cps", 1))

    assert create() == b"created"
    directory.wait(590_000)
    assert create() == b"exists"
    directory.wait(590_000)
    engine.tick()
    assert engine.hash(f"batch:{BATCH}")["state"] == "ingesting"
    directory.wait(10_001)
    engine.tick()
    assert engine.hash(f"batch:{BATCH}") == {}
    engine.batch("acme", "main", 1)
    before = engine.client.zrange(engine.key("purge"), 0, -1)
    (sealed,) = engine.client.zrange(engine.key("tenant:acme:batches"), 0, -1)
    assert engine.scripts.run("batch_create", sealed, "acme", "main", 600_000, "cps", 1) == b"exists"
    assert engine.client.zrange(engine.key("purge"), 0, -1) == before, "what is sealed is not purged as a draft"
