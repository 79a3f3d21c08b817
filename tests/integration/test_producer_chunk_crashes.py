# SPDX-License-Identifier: Apache-2.0
"""Chunks of contacts whose producer is killed, or whose Redis goes away, at any point: the same chunks again, and the count is
exact."""

from __future__ import annotations

import http.client
import random
import threading

import pytest

from tests.support.processes import run
from tests.support.producer_api import Answer, Api, numbers
from tests.support.redis_proxy import RedisProxy
from tests.support.scripts import sha
from tests.support.waiting import wait_until

ROWS = 1500
CHUNKS = 4
KILLS = 4
DOUBLES = 10  # of each chunk's rows stand in the chunk before it, too


def body(chunk: int) -> bytes:
    first = 15550000000 + (chunk - 1) * (ROWS - DOUBLES)
    lines = (f"{phone},c{phone},Contact of {chunk}" for phone in numbers(ROWS, first))
    return "\n".join(["phoneNumber,id,name", "none,,nobody", *lines, ""]).encode()


TOTAL = CHUNKS * ROWS - (CHUNKS - 1) * DOUBLES


def send(api: Api, key: str, batch: str, chunk: int) -> Answer:
    path = f"/api/v1/batch/{batch}/contacts?chunk={chunk}"
    return api.request("POST", path, body(chunk), key, {"Content-Type": "text/csv"}, timeout=30.0)


def send_until_taken(api: Api, key: str, batch: str, chunk: int, tries: list[int]) -> None:
    """What a client does that means it."""
    while True:
        tries.append(chunk)
        try:
            answer = send(api, key, batch, chunk)
        except (OSError, http.client.HTTPException, ValueError):  # it is gone, or has no port yet
            wait_until(lambda: api.process.is_running() and api.process.url, 30.0, "somebody starts the producer again")
            continue
        assert answer.status in (200, 503), answer
        if answer.status == 200:
            return


def check(api: Api, key: str, batch: str) -> None:
    started = api.post(f"/api/v1/batch/{batch}/start", None, key)
    assert (started.status, started.json()["total"]) == (200, TOTAL), started
    assert api.contacts(batch) == TOTAL
    fields = api.batch(batch)
    assert (fields["total"], fields["due"], fields["rejected"], fields["duplicates"]) == (
        *(str(TOTAL), str(TOTAL)), str(CHUNKS), str((CHUNKS - 1) * DOUBLES),
    )  # fmt: skip
    seen = 0
    for shard in range(int(fields["seen_shards"])):
        seen += api.client.scard(api.engine.key(f"batch:{batch}:seen:n:{shard}"))
    assert seen == TOTAL
    audit = run("carillon", "audit", *api.server.flags("carillon-inspector"))
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_however_often_the_producer_is_killed_each_contact_is_there_once(proxied: tuple[Api, RedisProxy]) -> None:
    api, _ = proxied
    key = api.tenant("acme")
    batch = api.draft(key)
    tries: list[int] = []
    lanes = [
        threading.Thread(target=lambda mine=mine: [send_until_taken(api, key, batch, chunk, tries) for chunk in mine], daemon=True)
        for mine in (range(1, CHUNKS + 1, 2), range(2, CHUNKS + 1, 2))
    ]
    for lane in lanes:
        lane.start()
    dice = random.Random(7)
    for kill in range(KILLS):
        # The chunk that is under way was begun and is not whole yet: somewhere in it.
        least = TOTAL * kill // KILLS + dice.randrange(1, TOTAL // KILLS // 2)
        wait_until(lambda: int(api.batch(batch)["total"]) >= least, 60.0, "it has come so far", 0.001)
        api.process.kill()
        api.process.start()
    for lane in lanes:
        lane.join(60.0)
        assert not lane.is_alive()
    assert len(tries) > CHUNKS
    check(api, key, batch)


@pytest.mark.parametrize("step", ["chunk_open", "batch_ingest", "chunk_close"])
def test_a_chunk_whose_producer_died_at_a_step_is_completed_by_the_same_again(proxied: tuple[Api, RedisProxy], step: str) -> None:
    """The script has run, and its answer is never heard."""
    api, proxy = proxied
    key = api.tenant("acme")
    batch = api.draft(key)
    for chunk in range(2, CHUNKS + 1):
        assert send(api, key, batch, chunk).status == 200
    proxy.hold_at(sha(step))
    tries: list[int] = []
    lane = threading.Thread(target=send_until_taken, args=(api, key, batch, 1, tries), daemon=True)
    lane.start()
    assert proxy.was_held.wait(30.0), "the step was never taken"
    api.process.kill()
    proxy.let_go()
    api.process.start()
    lane.join(60.0)
    assert not lane.is_alive() and len(tries) > 1
    check(api, key, batch)


@pytest.mark.parametrize("forward", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("step", ["batch_ingest", "chunk_close"])
def test_a_chunk_goes_on_where_redis_comes_back_and_says_come_again_where_it_does_not(
    proxied: tuple[Api, RedisProxy], step: str, forward: bool
) -> None:
    api, proxy = proxied
    key = api.tenant("acme")
    batch = api.draft(key)
    for chunk in range(2, CHUNKS + 1):
        assert send(api, key, batch, chunk).status == 200
    proxy.cut_at(sha(step), forward)
    answers: list[Answer] = []
    lane = threading.Thread(target=lambda: answers.append(send(api, key, batch, 1)), daemon=True)
    lane.start()
    assert proxy.was_cut.wait(30.0)
    proxy.up()
    lane.join(60.0)
    assert [answer.status for answer in answers] == [200], answers
    check(api, key, batch)


def test_without_redis_a_chunk_is_told_to_come_again_and_is_taken_when_it_is_back(proxied: tuple[Api, RedisProxy]) -> None:
    api, proxy = proxied
    key = api.tenant("acme")
    batch = api.draft(key)
    for chunk in range(2, CHUNKS + 1):
        assert send(api, key, batch, chunk).status == 200
    proxy.cut_at(sha("chunk_open"), forward=True)
    answer = send(api, key, batch, 1)
    assert (answer.status, answer.code) == (503, "UNAVAILABLE") and answer.headers["retry-after"]
    proxy.up()
    wait_until(lambda: api.get("/readyz").status == 200, 15.0, "it is back")
    unfinished = api.post(f"/api/v1/batch/{batch}/start", None, key)
    assert (unfinished.code, unfinished.json()["details"]["unfinishedChunks"]) == ("CHUNKS_UNFINISHED", [1])
    assert send(api, key, batch, 1).status == 200
    check(api, key, batch)
