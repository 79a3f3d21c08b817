# SPDX-License-Identifier: Apache-2.0
"""Idempotency-Key: one request, one batch, one answer, however often it is sent and whatever dies meanwhile."""

from __future__ import annotations

import concurrent.futures
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.producer_api import Answer, Api, batch_body, numbers
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.scripts import sha
from tests.support.waiting import wait_until

CREATE = "/api/v1/batch"
LEASE_S, LIFE_S = 10, 24 * 3600


def ask(api: Api, key: str, name: str, body: Any = None, path: str = CREATE, method: str = "POST", **headers: str) -> Answer:
    payload = json.dumps(batch_body(numbers(2)) if body is None else body).encode()
    sent = {"Content-Type": "application/json", "Idempotency-Key": name, **headers}
    return api.request(method, path, payload, key, sent)


def batches(api: Api) -> list[str]:
    """Every batch of which anything is there."""
    return sorted({name.decode().split(":")[3] for name in api.client.scan_iter(match="carillon:{c0}:batch:*", count=1000)})


def is_replayed(answer: Answer) -> bool:
    return answer.headers.get("idempotency-replayed") == "true"


# ---- one answer ----


def test_the_same_request_gets_the_first_answer_again(api: Api, acme: str) -> None:
    before = batches(api)
    first = ask(api, acme, "order-1", batch_body([*numbers(2), "+15550100000"]))
    assert first.status == 202 and not is_replayed(first) and len(first.json()["warnings"]) == 1
    again = ask(api, acme, "order-1", batch_body([*numbers(2), "+15550100000"]))
    assert (again.status, again.body, is_replayed(again)) == (202, first.body, True)
    assert again.headers["content-type"] == "application/json"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert batches(api) == sorted([*before, first.json()["batchId"]])
    quoted = ask(api, acme, '"order-1"', batch_body([*numbers(2), "+15550100000"]))
    assert quoted.body == first.body, "the IETF's draft has quotes around it"


def test_another_request_under_the_same_key_is_refused(api: Api, acme: str) -> None:
    first = ask(api, acme, "order-2")
    assert first.status == 202
    before = api.snapshot()
    for body, path in ((batch_body(numbers(3)), CREATE), (None, f"{CREATE}?userId=acme")):
        other = ask(api, acme, "order-2", body, path)
        assert (other.status, other.code) == (422, "IDEMPOTENCY_KEY_REUSED"), other
        assert other.json()["error"] == "Unprocessable Content"
    endpoint = ask(api, acme, "order-2", {"url": "https://crm.example/"}, "/api/v1/webhooks/endpoints", "PUT")
    assert (endpoint.status, endpoint.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert api.snapshot() == before


def test_a_refused_request_frees_its_key(api: Api, acme: str) -> None:
    before = api.snapshot()
    for body in (batch_body(numbers(1), priority=11), batch_body(numbers(1), trunk="nowhere"), {"agentId": "a"}):
        assert ask(api, acme, "order-3", body).status == 400
    assert api.snapshot() == before
    mended = ask(api, acme, "order-3", batch_body(numbers(1), priority=10))
    assert mended.status == 202 and not is_replayed(mended)


def test_tenants_do_not_meet_in_a_key_and_viewers_use_none(api: Api, acme: str) -> None:
    other = api.tenant("other_acme")
    first, second = ask(api, acme, "order-4"), ask(api, other, "order-4")
    assert first.status == second.status == 202
    assert first.json()["batchId"] != second.json()["batchId"] and not is_replayed(second)
    reader = api.key("acme", "viewer")
    before = api.snapshot()
    viewer = ask(api, reader, "order-4")
    assert (viewer.status, viewer.code) == (403, "FORBIDDEN") and api.snapshot() == before
    assert ask(api, acme, "order-4").body == first.body


def test_keys_of_odd_bytes_do_no_harm(api: Api, acme: str) -> None:
    keys = ["a b", "x" * 255, "carillon:{c0}:*", "../../{dir}", "%00", "'; DROP", '"', '""', 'a"b', "~", "!"]
    made = [ask(api, acme, key, batch_body(numbers(1, 15550110000 + i))) for i, key in enumerate(keys)]
    good = [key for key, answer in zip(keys, made) if answer.status == 202]
    assert [key for key in keys if key not in good] == ['""']
    assert len({answer.json()["batchId"] for answer in made if answer.status == 202}) == len(good)
    names = [name.decode() for name in api.client.scan_iter(match="carillon:{dir}:idempotency:t/*", count=1000)]
    assert all(len(name.rpartition(":")[2]) == 64 for name in names)


def test_an_endpoints_secret_is_shown_again_and_lies_sealed(api: Api, acme: str) -> None:
    asked = (api, acme, "hook-1", {"url": "https://once.example/"}, "/api/v1/webhooks/endpoints", "PUT")
    first, again = ask(*asked), ask(*asked)
    assert (first.status, again.status, again.body, is_replayed(again)) == (201, 201, first.body, True)
    secret = first.json()["secret"].encode()
    for name in api.client.scan_iter(match="carillon:{dir}:idempotency:t/*", count=1000):
        assert all(secret not in value for value in api.client.hgetall(name).values())


def test_a_long_answer_is_given_again_without_its_warnings(api: Api, acme: str) -> None:
    body = batch_body(["+15550100001"] * 1500)
    first, again = ask(api, acme, "long", body), ask(api, acme, "long", body)
    assert len(first.json()["warnings"]) == 1001 and is_replayed(again)
    assert {**again.json(), "warnings": []} == {**first.json(), "warnings": []}
    assert [warning["code"] for warning in again.json()["warnings"]] == ["MORE"]


def test_what_is_remembered_of_a_request_is_small_however_much_it_was_answered(api: Api) -> None:
    key = api.tenant("wordy")
    contacts = [{"phoneNumber": number, **{f"field_{i:03}" + "x" * 10: 1 for i in range(100)}} for number in numbers(4)]
    first = ask(api, key, "once", {"agentId": "agent_123", "contacts": contacts})
    assert first.status == 202 and len(first.json()["warnings"]) == 400 and len(first.body) > 32_768
    (kept,) = [name for name in api.client.scan_iter(match="carillon:{dir}:idempotency:t/wordy*", count=1000)]
    assert api.client.memory_usage(kept) < 4096
    again = ask(api, key, "once", {"agentId": "agent_123", "contacts": contacts})
    assert is_replayed(again) and again.json()["batchId"] == first.json()["batchId"]


def test_so_many_requests_are_remembered_and_no_more(api: Api) -> None:
    key = api.tenant("busy")
    first = ask(api, key, "one")
    assert first.status == 202
    (hour,) = api.client.hgetall("carillon:{dir}:idempotency:counts:t/busy")
    api.client.hset("carillon:{dir}:idempotency:counts:t/busy", hour, 250_000)
    before = api.snapshot()
    refused = ask(api, key, "two")
    assert (refused.status, refused.code) == (429, "RATE_LIMITED") and int(refused.headers["retry-after"]) > 0
    assert refused.json()["details"] == {"quota": "idempotencyKeys", "limit": 250_000}
    assert is_replayed(ask(api, key, "one")) and api.snapshot() == before
    assert api.create(key, numbers(1)), "without a key it goes in"


# ---- at the same time ----


def test_of_many_at_the_same_time_one_creates(api: Api, acme: str) -> None:
    before = batches(api)
    body = batch_body(numbers(2000))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(api, acme, "crowd", body), range(16)))
    made = [answer for answer in answers if answer.status == 202]
    waiting = [answer for answer in answers if answer.status != 202]
    assert len({answer.body for answer in made}) == 1 and sum(not is_replayed(answer) for answer in made) == 1
    assert {(answer.status, answer.code) for answer in waiting} <= {(409, "IDEMPOTENCY_IN_PROGRESS")}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in waiting)
    assert batches(api) == sorted([*before, made[0].json()["batchId"]])
    assert api.contacts(made[0].json()["batchId"]) == 2000


# ---- a producer that dies, a Redis that goes ----


@pytest.fixture(scope="module")
def ruled() -> Iterator[RedisServer]:
    """Whose clock is moved by hand."""
    with RedisServer(users=Users.for_tests(), is_clock_decreed=True) as running:
        yield running
        assert running.denials() == []


@pytest.fixture
def proxied(ruled: RedisServer) -> Iterator[tuple[Api, RedisProxy]]:
    ruled.clock.run()
    with RedisProxy(ruled) as proxy, Api(ruled, redis_url=proxy.url) as api:
        api.trunk("main")
        yield api, proxy


BODY = batch_body([*numbers(900), "+15550100000"], webhooks={"onCallComplete": "https://crm.example/"}, tags=["x"])


def ask_and_lose(api: Api, key: str, path: str = CREATE, body: Any = None) -> threading.Thread:
    def run() -> None:
        try:
            ask(api, key, "lost", body or BODY, path)
        except OSError:
            pass  # its producer is killed

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def crash_behind(step: str, api: Api, proxy: RedisProxy, key: str, path: str = CREATE, body: Any = None) -> None:
    """The producer dies with the request under way, after the script has run and before it hears so. Another one follows."""
    proxy.hold_at(sha(step))
    lost = ask_and_lose(api, key, path, body)
    assert proxy.was_held.wait(30.0), "the step was never taken"
    api.process.kill()
    proxy.let_go()
    lost.join(30.0)
    api.process.start()


STEPS = ("idempotency_claim", "batch_create", "batch_take", "hook_endpoint", "batch_seal", "idempotency_settle")


def test_a_draft_is_made_once_and_lives_on(api: Api, acme: str) -> None:
    body = {"agentId": "agent_123"}
    first, again = (ask(api, acme, "draft-1", body, f"{CREATE}?draft=true") for _ in range(2))
    assert (first.status, first.json()["status"], again.body, is_replayed(again)) == (202, "draft", first.body, True)
    batch = first.json()["batchId"]
    assert api.post(f"{CREATE}/{batch}/contacts", {"contacts": [{"phoneNumber": "+15550130001"}]}, acme).status == 200
    assert ask(api, acme, "draft-1", body, f"{CREATE}?draft=true").body == first.body
    assert api.batch(batch)["total"] == "1"
    plain = ask(api, acme, "draft-1", batch_body(numbers(1)))
    assert (plain.status, plain.code) == (422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize("step", ["idempotency_claim", "batch_create", "batch_draft", "idempotency_settle"])
def test_after_a_crash_behind_any_step_a_retry_comes_to_the_same_draft(
    proxied: tuple[Api, RedisProxy], ruled: RedisServer, step: str
) -> None:
    api, proxy = proxied
    key, path = api.tenant("acme"), f"{CREATE}?draft=true"
    crash_behind(step, api, proxy, key, path)
    ruled.clock.run(LEASE_S * 1_000_000)
    answer = ask(api, key, "lost", BODY, path)
    assert (answer.status, answer.json()["status"], answer.json()["total"]) == (202, "draft", 900), answer
    batch = answer.json()["batchId"]
    assert batches(api) == [batch] and api.contacts(batch) == 900
    assert ask(api, key, "lost", BODY, path).body == answer.body


@pytest.mark.parametrize("step", STEPS)
def test_after_a_crash_behind_any_step_a_retry_comes_to_the_same_batch(
    proxied: tuple[Api, RedisProxy], ruled: RedisServer, step: str
) -> None:
    api, proxy = proxied
    key = api.tenant("acme")
    crash_behind(step, api, proxy, key)
    if step != STEPS[-1]:
        early = ask(api, key, "lost", BODY)
        assert (early.status, early.code) == (409, "IDEMPOTENCY_IN_PROGRESS") and early.headers["retry-after"]
        ruled.clock.run(LEASE_S * 1_000_000)
    answer = ask(api, key, "lost", BODY)
    assert (answer.status, answer.json()["total"]) == (202, 900), answer
    batch = answer.json()["batchId"]
    assert batches(api) == [batch] and api.contacts(batch) == 900
    assert [entry["batchId"] for entry in api.get("/api/v1/batch/list", key).json()] == [batch]
    assert (api.batch(batch)["total"], api.batch(batch)["due"], api.batch(batch)["state"]) == ("900", "900", "pending")
    again = ask(api, key, "lost", BODY)
    assert is_replayed(again) and again.body == answer.body


@pytest.mark.parametrize("step", ["batch_create", "batch_ingest", "batch_seal"])
def test_after_a_crash_behind_any_step_a_retry_comes_to_the_same_redial(
    proxied: tuple[Api, RedisProxy], ruled: RedisServer, step: str
) -> None:
    api, proxy = proxied
    key = api.tenant("acme")
    source = api.create(key, numbers(500))
    api.post(f"{CREATE}/{source}/cancel", key=key)
    path, body = f"{CREATE}/{source}/redial", {"outcomes": ["CANCELLED"]}
    crash_behind(step, api, proxy, key, path, body)
    ruled.clock.run(LEASE_S * 1_000_000)
    answer = ask(api, key, "lost", body, path)
    assert (answer.status, answer.json()["total"]) == (202, 500), answer
    batch = answer.json()["batchId"]
    assert batches(api) == sorted([source, batch]) and api.contacts(batch) == 500
    assert ask(api, key, "lost", body, path).body == answer.body


def test_a_batch_that_runs_already_is_what_a_retry_finds(proxied: tuple[Api, RedisProxy]) -> None:
    """The retry is not judged as if it were new: its start may be over by then, its chunks are forgotten once it ends."""
    api, _ = proxied
    key = api.tenant("acme")
    first = ask(api, key, "late", BODY)
    (record,) = api.client.scan_iter(match="carillon:{dir}:idempotency:t/*")
    api.client.hdel(record, "status", "answer")  # as where its producer died before it had kept them
    api.client.hset(api.engine.key(f"batch:{first.json()['batchId']}"), "state", "paused")
    again = ask(api, key, "late", BODY)
    assert (again.status, again.json()["batchId"], again.json()["status"]) == (202, first.json()["batchId"], "paused")
    assert again.json()["total"] == 900 and batches(api) == [first.json()["batchId"]]


@pytest.mark.parametrize("forward", [True, False], ids=["done", "not done"])
def test_without_redis_nothing_is_created_and_the_key_is_free_afterwards(
    proxied: tuple[Api, RedisProxy], ruled: RedisServer, forward: bool
) -> None:
    api, proxy = proxied
    key = api.tenant("acme")
    api.create(key, numbers(1, 15550120000))
    before = batches(api)
    proxy.cut_at(sha("idempotency_claim"), forward)
    for _ in range(2):
        gone = ask(api, key, "away", BODY)
        assert (gone.status, gone.code) == (503, "UNAVAILABLE") and gone.headers["retry-after"]
    proxy.up()
    wait_until(lambda: api.get("/readyz").status == 200, 15.0, "it is back")
    ruled.clock.run(LEASE_S * 1_000_000)
    answer = ask(api, key, "away", BODY)
    assert (answer.status, answer.json()["total"], is_replayed(answer)) == (202, 900, False)
    assert batches(api) == sorted([*before, answer.json()["batchId"]])


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(proxied: tuple[Api, RedisProxy], ruled: RedisServer) -> None:
    api, proxy = proxied
    key = api.tenant("acme")
    api.create(key, numbers(1, 15550120000))
    proxy.cut_at(sha("idempotency_settle"), forward=False)
    first = ask(api, key, "unkept", BODY)
    assert first.status == 202
    proxy.up()
    wait_until(lambda: api.get("/readyz").status == 200, 15.0, "it is back")
    ruled.clock.run(LEASE_S * 1_000_000)
    again = ask(api, key, "unkept", BODY)
    assert (again.status, again.json()["batchId"], again.json()["total"]) == (202, first.json()["batchId"], 900)


def test_a_key_is_forgotten_after_a_day(proxied: tuple[Api, RedisProxy], ruled: RedisServer) -> None:
    api, _ = proxied
    key = api.tenant("acme")
    first = ask(api, key, "daily")
    ruled.clock.run((LIFE_S - 60) * 1_000_000)
    assert is_replayed(ask(api, key, "daily"))
    ruled.clock.run((LIFE_S + 60) * 1_000_000)
    anew = ask(api, key, "daily")
    assert anew.status == 202 and not is_replayed(anew) and anew.json()["batchId"] != first.json()["batchId"]
