# SPDX-License-Identifier: Apache-2.0
"""Quotas of requests: what a tenant may ask a second, over all producers; and that a refused request costs nobody else."""

from __future__ import annotations

import concurrent.futures
import http.client
from typing import Any, Iterator

import pytest

from tests.support.producer_api import Answer, Api, batch_body, numbers
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

LIST = "/api/v1/batch/list?limit=1"
RATE = 5


@pytest.fixture(scope="module")
def api(redis_server: RedisServer) -> Iterator[Api]:
    with Api(redis_server) as running:
        running.trunk()
        yield running


def limited(api: Api, name: str, rate: int = RATE) -> str:
    """A tenant with a quota of requests, and its key."""
    key = api.tenant(name, max_requests_per_second=rate)
    api.client.hset(f"carillon:{{dir}}:tenant:{name}", "max_requests_per_second", rate)
    return key


def flood(api: Api, key: str, n: int, port: int = 0) -> list[int]:
    """Requests on one connection, as fast as they are answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port or api.process.port, timeout=60)
    statuses = []
    for _ in range(n):
        connection.request("GET", LIST, headers={"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
    return statuses


def refused(api: Api, key: str) -> Answer:
    """Asks until the quota is used up."""
    answers: list[Answer] = []
    wait_until(lambda: answers.append(api.get(LIST, key)) or answers[-1].status == 429, 30.0, "the quota is used up", poll_s=0)
    return answers[-1]


def commands(api: Api) -> int:
    """What Redis has been sent, without what looking at it costs."""
    stats: dict[str, Any] = api.client.info("commandstats")
    return sum(int(stat["calls"]) for name, stat in stats.items() if name != "cmdstat_info")


def test_over_its_rate_a_tenant_is_told_when_to_ask_again(api: Api) -> None:
    answer = refused(api, limited(api, "hasty"))
    assert (answer.status, answer.code) == (429, "RATE_LIMITED")
    assert answer.json()["error"] == "Too Many Requests"
    assert answer.json()["details"] == {"quota": "requestsPerSecond", "limit": RATE}
    assert answer.headers["retry-after"] == "1"


def test_a_quota_is_used_up_by_its_burst_and_comes_back(api: Api) -> None:
    key = limited(api, "pulse")
    began_ms = api.engine.now_ms()
    statuses = flood(api, key, 200)
    seconds = (api.engine.now_ms() - began_ms) / 1000
    assert set(statuses) == {200, 429} and RATE <= statuses.count(200) <= RATE * (1 + seconds) + 1
    wait_until(lambda: api.get(LIST, key).status == 200, 10.0, "another request fits")


def test_what_another_producer_took_counts_here_from_the_next_request_on(api: Api) -> None:
    key, rate = limited(api, "wide", 1000), 1000

    def refused_for_the_other() -> bool:
        api.engine.scripts.run("quota_charge", "wide", 2 * rate, rate)  # as another producer tells it
        taken = [api.get(LIST, key).status for _ in range(2)]
        return taken[-1] == 429

    wait_until(refused_for_the_other, 30.0, "what this one took alone would have left room", poll_s=0)


def test_what_this_producer_took_is_told_to_the_others(api: Api) -> None:
    key = limited(api, "open", 1)
    assert api.get(LIST, key).status == 200
    (wait_us,) = [api.engine.scripts.run("quota_charge", "open", 1, 1)]
    assert wait_us > 1_000_000, "the request before counted"


def test_a_refused_request_asks_redis_nothing_and_another_tenant_is_answered_all_the_while(api: Api) -> None:
    hasty, calm = limited(api, "hasty2", 1), api.tenant("calm")
    refused(api, hasty)
    before, began_ms = commands(api), api.engine.now_ms()
    statuses = flood(api, hasty, 2000)
    asked, seconds = commands(api) - before, (api.engine.now_ms() - began_ms) / 1000
    # A look at the key each half second (five commands, those in the script too), and what each request that fitted cost;
    # nothing for the others.
    taken = statuses.count(200)
    assert statuses.count(429) == 2000 - taken >= 1900 - 2 * seconds
    assert asked <= 30 + 12 * seconds + 15 * taken, (asked, seconds, taken)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        floods = [pool.submit(flood, api, hasty, 500) for _ in range(3)]
        assert flood(api, calm, 200) == [200] * 200
        assert all(429 in answers.result() for answers in floods)


def test_a_creation_over_the_quota_is_refused_before_its_body(api: Api) -> None:
    key = limited(api, "bulky", 1)
    refused(api, key)
    headers = {"Content-Type": "application/json", "Content-Length": str(32 * 1024 * 1024), "Expect": "100-continue"}
    before = api.snapshot()
    statuses = {api.request("POST", "/api/v1/batch", None, key, headers).status for _ in range(3)}
    assert 429 in statuses and before.keys() == api.snapshot().keys()


def test_the_operators_default_holds_for_who_has_no_quota_of_its_own(redis_server: RedisServer) -> None:
    with Api(redis_server, "--max-requests-per-second", "2") as api:
        api.trunk()
        plain, own = api.tenant("plain"), limited(api, "own", 1000)
        assert refused(api, plain).json()["details"]["limit"] == 2
        assert flood(api, own, 100) == [200] * 100


def test_a_viewers_requests_count_and_an_operators_do_not(api: Api) -> None:
    key = limited(api, "shared", 1)
    refused(api, key)
    wait_until(lambda: api.get(LIST, api.key("shared", "viewer")).status == 429, 10.0, "the viewer is over it too", poll_s=0)
    operator = api.key("", "operator")
    assert [api.get("/api/v1/suppressions", operator).status for _ in range(50)] == [200] * 50


def test_a_refused_request_is_counted(api: Api) -> None:
    refused(api, limited(api, "counted"))
    text = api.get("/metrics").body.decode()
    (line,) = [line for line in text.splitlines() if line.startswith("carillon_api_over_quota_total ")]
    assert float(line.split()[1]) >= 1 and "counted" not in text
    assert api.post("/api/v1/batch", batch_body(numbers(1)), api.tenant("after")).status == 202


# ---- what lies in Redis ----


@pytest.mark.parametrize(("quota", "name", "limit"), [("max_batches", "batches", 1), ("max_queued_contacts", "queuedContacts", 3),
                                                      ("max_bytes", "bytes", 2500)])  # fmt: skip
def test_a_creation_over_a_quota_is_refused_and_nothing_of_it_is_seen(api: Api, quota: str, name: str, limit: int) -> None:
    tenant = "full-" + name.lower()
    key = api.tenant(tenant, **{quota: limit})
    batch = api.create(key, numbers(1), scheduledStartTime="2035-01-01T00:00:00Z")
    answer = api.post("/api/v1/batch", batch_body(numbers(50)), key)
    assert (answer.status, answer.code) == (429, "QUOTA_EXCEEDED")
    assert answer.json()["details"] == {"quota": name, "limit": limit} and int(answer.headers["retry-after"]) > 0
    assert [entry["batchId"] for entry in api.get("/api/v1/batch/list", key).json()] == [batch]
    assert api.engine.hash(f"load:t/{tenant}")["contacts"] == "1"
    assert api.post(f"/api/v1/batch/{batch}/cancel", key=key).status == 200
    api.create(key, numbers(2))  # there is room again


def test_many_contacts_over_a_quota_leave_nothing_behind(api: Api) -> None:
    key = api.tenant("vast", max_queued_contacts=2000)
    answer = api.post("/api/v1/batch", batch_body(numbers(5000)), key)
    assert (answer.status, answer.code) == (429, "QUOTA_EXCEEDED")
    assert {name: api.engine.hash("load:t/vast").get(name, "0") for name in ("batches", "contacts", "bytes")} == {
        "batches": "0", "contacts": "0", "bytes": "0"}  # fmt: skip
    wait_until(lambda: api.engine.tick("w_test") and not any(
        member.startswith(b"draft/") for member in api.client.zrange(api.engine.key("purge"), 0, -1)), 20.0, "it is removed")
    api.create(key, numbers(2000))


def test_a_tenant_sees_its_quotas_and_what_it_uses_of_them(api: Api) -> None:
    key = api.tenant("seeing", alias="user_7", max_batches=5)
    api.create(key, numbers(3), scheduledStartTime="2035-01-01T00:00:00Z")
    shown = api.get("/api/v1/tenant", key).json()
    used = shown["quotas"]["bytes"].pop("used")
    assert 3 * 50 < used < 3 * 200
    assert shown == {
        "id": "seeing", "alias": "user_7", "role": "tenant",
        "quotas": {"requestsPerSecond": {"limit": 100000}, "batches": {"limit": 5, "used": 1},
                   "queuedContacts": {"limit": 10_000_000, "used": 3}, "bytes": {"limit": 4 << 30}},
    }  # fmt: skip
    assert api.get("/api/v1/tenant", api.key("seeing", "viewer")).json()["role"] == "viewer"
    assert api.get("/api/v1/tenant", api.key("", "operator")).status == 403
    assert api.get("/api/v1/tenant?x=1", key).status == 400


def test_single_calls_count_and_the_operators_default_holds_for_them(redis_server: RedisServer) -> None:
    with Api(redis_server, "--max-batches", "2") as own:
        own.trunk("main")
        for key, limit in ((own.tenant("default"), 2), (own.tenant("own", max_batches="1"), 1)):
            calls = [
                own.post("/api/v1/call/dial", {"to": number, "agentConfigId": "agent_1"}, key) for number in own.fresh_numbers(limit + 1)
            ]
            assert [answer.status for answer in calls] == [200] * limit + [429]
            assert calls[-1].code == "QUOTA_EXCEEDED" and calls[-1].json()["details"] == {"quota": "batches", "limit": limit}


def test_zero_as_a_default_is_no_limit(redis_server: RedisServer) -> None:
    with Api(redis_server, "--max-batches", "0", "--max-queued-contacts", "2", "--max-bytes", "0") as api:
        api.trunk()
        key = api.tenant("plain")
        assert api.get("/api/v1/tenant", key).json()["quotas"]["batches"]["limit"] is None
        api.create(key, numbers(2))
        assert api.post("/api/v1/batch", batch_body(numbers(1)), key).json()["details"] == {"quota": "queuedContacts", "limit": 2}


def test_a_chunk_over_a_quota_can_be_sent_again_once_there_is_room(api: Api) -> None:
    key = api.tenant("piecewise", max_queued_contacts=5)
    answer = api.post("/api/v1/batch?draft=true", {"agentId": "agent_123"}, key)
    batch = answer.json()["batchId"]
    contacts = {"contacts": [{"phoneNumber": number} for number in numbers(10)]}
    for _ in range(2):
        refused = api.post(f"/api/v1/batch/{batch}/contacts?chunk=1", contacts, key)
        assert (refused.status, refused.code) == (429, "QUOTA_EXCEEDED"), refused
        assert refused.json()["details"] == {"quota": "queuedContacts", "limit": 5}
    assert api.get(f"/api/v1/batch/{batch}", key).json()["status"] == "draft"
    api.engine.tenant("piecewise", how="set", max_queued_contacts=10)
    taken = api.post(f"/api/v1/batch/{batch}/contacts?chunk=1", contacts, key)
    assert taken.status == 200, taken
    assert api.engine.hash("load:t/piecewise")["contacts"] == "10"


@pytest.mark.parametrize("row", ["x", "+15550100001", ""])  # no number; one that the batch has; no row at all
def test_chunks_of_which_nothing_is_taken_come_to_an_end(api: Api, row: str) -> None:
    key = api.tenant(f"hollow{len(row)}", max_bytes=5000)
    batch = api.request("POST", "/api/v1/batch?draft=true", b'{"agentId": "a"}', key, {"Content-Type": "application/json"}).json()["batchId"]

    def send(chunk: int, *rows: str) -> Answer:
        body = "\n".join(["phoneNumber", *rows]).encode()
        return api.request("POST", f"/api/v1/batch/{batch}/contacts?chunk={chunk}", body, key, {"Content-Type": "text/csv"})

    assert send(1, "+15550100001").status == 200
    answers: list[Answer] = []
    for chunk in range(2, 200):
        answers.append(send(chunk, *[row] * bool(row)))
        if answers[-1].status != 200:
            break
    assert (answers[-1].status, answers[-1].code) == (429, "QUOTA_EXCEEDED"), answers[-1]
    assert answers[-1].json()["details"] == {"quota": "bytes", "limit": 5000} and len(answers) > 10
    assert api.client.memory_usage(api.engine.key(f"batch:{batch}:chunks"), samples=0) < 40_000


def test_a_tenant_that_makes_and_cancels_batches_fills_no_redis(api: Api) -> None:
    key = api.tenant("churn", max_bytes=3000)
    statuses = []
    for _ in range(100):
        answer = api.post("/api/v1/batch", batch_body(numbers(4)), key)
        statuses.append(answer.status)
        if answer.status != 202:
            break
        assert api.post(f"/api/v1/batch/{answer.json()['batchId']}/cancel", None, key).status == 200
    assert (answer.status, answer.code) == (429, "QUOTA_EXCEEDED") and len(statuses) > 2
    assert answer.json()["details"] == {"quota": "bytes", "limit": 3000}
