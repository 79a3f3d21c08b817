# SPDX-License-Identifier: Apache-2.0
"""check-status with limit=all: the status with every call of the batch, of any length in little memory."""

from __future__ import annotations

import http.client
import json

import pytest

from tests.support.engine import Fleet
from tests.support.processes import FRUGAL
from tests.support.producer_api import Api, numbers
from tests.support.redis_server import RedisServer

ROUTES = ("/api/v1/batch/check-status?batchId={}&limit={}", "/api/v1/batch/{}?limit={}", "/api/v1/batch/{}/status?limit={}")


@pytest.mark.parametrize("limit", ["all", "-1"])
@pytest.mark.parametrize("total", [1, 128, 129, 1500])
def test_every_call_is_there_once_the_last_first(api: Api, acme: str, total: int, limit: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=total, start_in_ms=3_600_000)
    for route in ROUTES:
        answer = api.get(route.format(batch, limit), acme)
        assert answer.status == 200 and answer.headers["content-type"] == "application/json", answer.headers
        calls = answer.json()["recentCalls"]
        assert [call["id"] for call in calls] == [f"{batch}-{i}" for i in range(total - 1, -1, -1)]
        assert {call["status"] for call in calls} == {"SCHEDULED"}


def test_the_rest_of_the_answer_is_the_same(api: Api, acme: str) -> None:
    batch = api.create(acme, [{"phoneNumber": number, "name": f"Contact {i}"} for i, number in enumerate(api.fresh_numbers(5))],
                       maxCallsPerSecond=30)
    Fleet(api.engine).run(20.0, until=lambda: api.batch(batch)["state"] == "completed")
    for route in ROUTES:
        some, all_ = (api.get(route.format(batch, limit), acme).json() for limit in (1000, "all"))
    
        assert sorted(call["id"] for call in some.pop("recentCalls")) == sorted(call["id"] for call in all_.pop("recentCalls"))
        assert some == all_


def test_a_record_that_makes_no_sense_breaks_the_connection(api: Api, acme: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=300, start_in_ms=3_600_000)
    api.client.hset(api.engine.key(f"batch:{batch}:contacts:0"), "10", b"\xff\xff")
    with pytest.raises(http.client.IncompleteRead):
        api.get(ROUTES[0].format(batch, "all"), acme)


def test_the_answer_about_a_batch_that_is_removed_meanwhile_breaks_off(api: Api, acme: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=300, start_in_ms=3_600_000)
    api.client.delete(api.engine.key(f"batch:{batch}:contacts:0"))
    with pytest.raises(http.client.IncompleteRead):
        api.get(ROUTES[0].format(batch, "all"), acme)


def test_head_and_strangers(api: Api, acme: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=3, start_in_ms=3_600_000)
    answer = api.request("HEAD", ROUTES[0].format(batch, "all"), key=acme)
    assert (answer.status, answer.body) == (200, b"")
    assert api.get(ROUTES[0].format(batch, "all"), api.tenant("stranger")).code == "BATCH_NOT_FOUND"


def test_all_calls_of_a_long_batch_take_little_memory() -> None:
    with RedisServer() as server, Api(server, env=FRUGAL) as api:
        api.trunk("main")
        key = api.tenant("acme")
        batch = api.create(key, [{"phoneNumber": number, "name": f"Contact {i:0100}"} for i, number in enumerate(numbers(40_000))])
        small = api.engine.batch("acme", "main", contacts=1000, start_in_ms=3_600_000)
        assert api.get(ROUTES[0].format(small, "all"), key).status == 200
        before_kb, most_kb = api.process.rss_kb(), 0
        connection = http.client.HTTPConnection("127.0.0.1", api.process.port, timeout=60)
        connection.request("GET", ROUTES[0].format(batch, "all"), headers={"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        pieces = []
        while piece := response.read(1 << 20):
            pieces.append(piece)
            most_kb = max(most_kb, api.process.rss_kb())
        connection.close()
        assert len(json.loads(b"".join(pieces))["recentCalls"]) == 40_000
        assert most_kb - before_kb < 4096
