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
    # A look at the key each half second, its use once, and what each request that fitted cost; nothing for the others.
    assert statuses.count(429) > 1900
    assert asked <= 10 + 4 * seconds + 8 * statuses.count(200), (asked, seconds, statuses.count(200))
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
