# SPDX-License-Identifier: Apache-2.0
"""A batch whose numbers its producer knows, so that Redis does not look for duplicates (docs/decisions/0025-known-numbers.md):
whoever else adds to it, whoever dies and whatever is lost, each number is there once and each row that was not taken is told."""

from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Iterator

import pytest

from tests.support.engine import phone_of
from tests.support.processes import Process, run
from tests.support.producer_api import Answer, Api
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import RedisServer
from tests.support.scripts import sha
from tests.support.waiting import wait_until

FIRST = 15_550_000_000
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def other(proxied: tuple[Api, RedisProxy], server: RedisServer) -> Iterator[Process]:
    """Another producer on the same Redis."""
    flags = server.flags("carillon-producer")
    with Process("carillon-producer", *flags, "--listen", "127.0.0.1:0", "--secrets-key-file", str(proxied[0].secrets_key)) as process:
        yield process


def send(api: Api, key: str, batch: str, chunk: int, numbers: list[int], port: int = 0) -> Answer:
    body = "\n".join(["phoneNumber,name,city", "none,nobody,", *(f"+{number},Contact,Town" for number in numbers), ""]).encode()
    return api.request("POST", f"/api/v1/batch/{batch}/contacts?chunk={chunk}", body, key, CSV, timeout=60.0, port=port)


def send_until_taken(api: Api, key: str, batch: str, chunk: int, numbers: list[int]) -> None:
    while True:
        try:
            answer = send(api, key, batch, chunk, numbers)
        except (OSError, http.client.HTTPException, ValueError):
            wait_until(lambda: api.process.is_running() and api.process.url, 30.0, "somebody starts the producer again")
            continue
        assert answer.status in (200, 503), answer
        if answer.status == 200:
            return


def run_all(lanes: list[threading.Thread]) -> None:
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join(90.0)
        assert not lane.is_alive()


def knows(api: Api, batch: str) -> bool:
    return "seen_by" in api.batch(batch)


def numbers_of(api: Api, batch: str) -> list[int]:
    keys = api.client.scan_iter(api.engine.key(f"batch:{batch}:contacts:*"))
    return sorted(phone_of(record) for key in keys for record in api.client.hvals(key))


def check(api: Api, key: str, batch: str, chunks: dict[int, list[int]]) -> None:
    """Each number is there once, and all other rows are told."""
    wanted = sorted({number for numbers in chunks.values() for number in numbers})
    rows = sum(len(numbers) for numbers in chunks.values())
    assert numbers_of(api, batch) == wanted
    fields = api.batch(batch)
    assert (fields["total"], fields["rejected"], fields["duplicates"]) == (str(len(wanted)), str(len(chunks)), str(rows - len(wanted)))
    told = [line.split(b" ", 3)[:3] for line in api.client.lrange(api.engine.key(f"batch:{batch}:rows"), 0, -1)]
    assert len(told) == len(chunks) + rows - len(wanted)
    assert len({tuple(line) for line in told}) == len(told), "no row is told twice"
    started = api.post(f"/api/v1/batch/{batch}/start", None, key)
    assert started.status == 200 and started.json()["total"] == len(wanted), started
    audit = run("carillon", "audit", *api.server.flags("carillon-inspector"))
    assert audit.returncode == 0, audit.stdout + audit.stderr


def chunk_of(seed: int, count: int = 1200, among: int = 4000) -> list[int]:
    dice = random.Random(seed)
    return [FIRST + dice.randrange(among) for _ in range(count)]


def test_one_producer_needs_no_index_and_finds_every_duplicate(proxied: tuple[Api, RedisProxy]) -> None:
    api, _ = proxied
    key = api.tenant("acme")
    batch = api.draft(key)
    chunks = {chunk: chunk_of(chunk) for chunk in range(1, 5)}
    run_all([threading.Thread(target=send_until_taken, args=(api, key, batch, *chunk)) for chunk in chunks.items()])
    assert knows(api, batch) and api.client.keys(f"*{batch}:seen:*") == []
    check(api, key, batch, chunks)


def test_two_producers_that_write_at_once_find_every_duplicate(proxied: tuple[Api, RedisProxy], other: Process) -> None:
    api, _ = proxied
    key = api.tenant("acme")
    batch = api.draft(key)
    chunks = {chunk: chunk_of(chunk) for chunk in range(1, 9)}
    lanes = [threading.Thread(target=send, args=(api, key, batch, *chunk, other.port if chunk[0] % 2 else 0)) for chunk in chunks.items()]
    run_all(lanes)
    assert not knows(api, batch)
    check(api, key, batch, chunks)


def test_producers_that_take_turns_find_every_duplicate(proxied: tuple[Api, RedisProxy], other: Process) -> None:
    api, _ = proxied
    key = api.tenant("acme")
    batch = api.draft(key)
    chunks = {chunk: chunk_of(chunk) for chunk in range(1, 5)}
    for chunk, numbers in chunks.items():
        assert send(api, key, batch, chunk, numbers, other.port if chunk % 2 == 0 else 0).status == 200
        assert knows(api, batch) == (chunk == 1)
    check(api, key, batch, chunks)


def test_contacts_with_ids_among_others_find_every_duplicate(proxied: tuple[Api, RedisProxy]) -> None:
    api, _ = proxied
    key = api.tenant("acme")
    batch = api.draft(key)
    chunks = {1: chunk_of(1)}
    assert send(api, key, batch, 1, chunks[1]).status == 200 and knows(api, batch)
    rows = "\n".join(["phoneNumber,id", "none,", *(f"+{number},c{number}" for number in chunk_of(2)), ""]).encode()
    chunks[2] = chunk_of(2)
    assert api.request("POST", f"/api/v1/batch/{batch}/contacts?chunk=2", rows, key, CSV).status == 200
    assert not knows(api, batch)
    check(api, key, batch, chunks)


def test_a_running_batch_takes_more_from_another_producer_and_finds_every_duplicate(
    proxied: tuple[Api, RedisProxy], other: Process
) -> None:
    api, _ = proxied
    key = api.tenant("acme")
    numbers = chunk_of(1, count=600)
    batch = api.create(key, [{"phoneNumber": f"+{number}"} for number in dict.fromkeys(numbers)])
    assert knows(api, batch)
    more = chunk_of(2)
    answer = send(api, key, batch, 1, more, other.port)
    assert answer.status == 200 and answer.json()["accepted"] == len(set(more) - set(numbers))
    assert numbers_of(api, batch) == sorted({*numbers, *more})
    assert api.batch(batch)["due"] == str(len({*numbers, *more}))


def test_however_often_the_producer_is_killed_each_number_is_there_once(proxied: tuple[Api, RedisProxy]) -> None:
    api, _ = proxied
    key = api.tenant("acme")
    batch = api.draft(key)
    chunks = {chunk: chunk_of(chunk, count=3000, among=20_000) for chunk in range(1, 5)}
    lanes = [threading.Thread(target=send_until_taken, args=(api, key, batch, *chunk)) for chunk in chunks.items()]
    killer = threading.Thread(target=kill_while_it_grows, args=(api, batch))
    run_all([*lanes, killer])
    check(api, key, batch, chunks)


def kill_while_it_grows(api: Api, batch: str) -> None:
    for least in (300, 3000, 7000):
        wait_until(lambda: int(api.batch(batch)["total"]) >= least, 60.0, "it has come so far", 0.001)
        api.process.kill()
        api.process.start()


@pytest.mark.parametrize("step", ["batch_take", "batch_index"])
def test_a_chunk_whose_producer_died_at_a_step_is_completed_by_the_same_again(
    proxied: tuple[Api, RedisProxy], other: Process, step: str
) -> None:
    """The script has run, and its answer is never heard."""
    api, proxy = proxied
    key = api.tenant("acme")
    batch = api.draft(key)
    chunks = {chunk: chunk_of(chunk) for chunk in (1, 2)}
    if step == "batch_index":
        assert send(api, key, batch, 2, chunks[2], other.port).status == 200
    proxy.hold_at(sha(step))
    lane = threading.Thread(target=send_until_taken, args=(api, key, batch, 1, chunks[1]), daemon=True)
    lane.start()
    assert proxy.was_held.wait(30.0), "the step was never taken"
    api.process.kill()
    proxy.let_go()
    api.process.start()
    lane.join(60.0)
    assert not lane.is_alive()
    if step == "batch_take":
        assert send(api, key, batch, 2, chunks[2]).status == 200
    check(api, key, batch, chunks)


@pytest.mark.parametrize("forward", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("step", ["batch_take", "batch_index"])
def test_a_chunk_goes_on_where_redis_comes_back(proxied: tuple[Api, RedisProxy], other: Process, step: str, forward: bool) -> None:
    api, proxy = proxied
    key = api.tenant("acme")
    batch = api.draft(key)
    chunks = {chunk: chunk_of(chunk) for chunk in (1, 2)}
    if step == "batch_index":
        assert send(api, key, batch, 2, chunks[2], other.port).status == 200
    proxy.cut_at(sha(step), forward)
    answers: list[Answer] = []
    lane = threading.Thread(target=lambda: answers.append(send(api, key, batch, 1, chunks[1])), daemon=True)
    lane.start()
    assert proxy.was_cut.wait(30.0)
    proxy.up()
    lane.join(60.0)
    assert [answer.status for answer in answers] == [200], answers
    if step == "batch_take":
        assert send(api, key, batch, 2, chunks[2]).status == 200
    check(api, key, batch, chunks)
