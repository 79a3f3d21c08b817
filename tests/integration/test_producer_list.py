# SPDX-License-Identifier: Apache-2.0
"""The list of batches, filtered by what they are tagged with, how they stand, whose agent calls, and when they came."""

from __future__ import annotations

import datetime
import urllib.parse
from typing import Any

import pytest

from tests.support.producer_api import Answer, Api, batch_body, numbers


def ask(api: Api, key: str, **query: Any) -> Answer:
    answer = api.get("/api/v1/batch/list?" + urllib.parse.urlencode(query), key)
    assert answer.status == 200, answer
    return answer


def listed(api: Api, key: str, **query: Any) -> list[str]:
    """The ids of all pages."""
    found: list[str] = []
    while True:
        answer = ask(api, key, **query)
        found += [entry["batchId"] for entry in answer.json()]
        if "x-next-cursor" not in answer.headers:
            return found
        query["cursor"] = answer.headers["x-next-cursor"]


@pytest.fixture(scope="module")
def many(api: Api) -> tuple[str, list[str]]:
    """A tenant's 12 batches, a second apart, oldest first: every second one of agent_b, every third one paused."""
    key = api.tenant("catalogue")
    batches = []
    for i in range(12):
        tags = ["all", "even" if i % 2 == 0 else "Größe/ungerade 🎈"]
        answer = api.post("/api/v1/batch", {**batch_body(numbers(1), tags=tags), "agentId": f"agent_{'ab'[i % 2]}"}, key)
        batch = answer.json()["batchId"]
        if i % 3 == 0:
            api.post(f"/api/v1/batch/{batch}/pause", key=key)
        created = 1_763_283_600_000 + 1000 * i
        api.client.hset(api.engine.key(f"batch:{batch}"), "created_ms", created)
        for index in [api.engine.key("tenant:catalogue:batches")] + [
            api.engine.key(f"tenant:catalogue:tags:{tag.encode().hex()}") for tag in tags
        ]:
            assert api.client.zadd(index, {batch: created}, xx=True, ch=True) == 1
        batches.append(batch)
    return key, batches


def at(second: float, offset_h: int = 0) -> str:
    zone = datetime.timezone(datetime.timedelta(hours=offset_h))
    return datetime.datetime.fromtimestamp(1_763_283_600 + second, zone).isoformat(timespec="milliseconds")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, range(12)),
        ({"tag": "all"}, range(12)),
        ({"tag": "even"}, range(0, 12, 2)),
        ({"tag": "Größe/ungerade 🎈"}, range(1, 12, 2)),
        ({"tag": "Even"}, []),
        ({"tag": "😀" * 64}, []),
        ({"status": "paused"}, range(0, 12, 3)),
        ({"status": "pending"}, [i for i in range(12) if i % 3]),
        ({"status": "failed"}, []),
        ({"agentId": "agent_b"}, range(1, 12, 2)),
        ({"agentId": "agent_b", "status": "paused", "tag": "all"}, [3, 9]),
        ({"tag": "even", "agentId": "agent_b"}, []),
        ({"from": at(3)}, range(3, 12)),
        ({"to": at(3)}, range(3)),
        ({"from": at(3, 2), "to": at(6, -5)}, range(3, 6)),
        ({"from": at(3.001), "to": at(6.001), "tag": "even"}, [4, 6]),
        ({"from": at(12)}, []),
        ({"to": at(0), "status": "paused"}, []),
    ],
)
def test_a_filter_lists_what_fits_newest_first(
    api: Api, many: tuple[str, list[str]], query: dict[str, str], expected: Any
) -> None:
    key, batches = many
    newest_first = [batches[i] for i in reversed(list(expected))]
    assert listed(api, key, **query) == newest_first
    for limit in (1, 5):
        assert listed(api, key, limit=limit, **query) == newest_first


def test_a_filter_looks_at_a_thousand_batches_and_says_where_to_go_on(api: Api) -> None:
    key = api.tenant("archive")
    wanted = api.create(key, numbers(1))
    api.client.zadd(api.engine.key("tenant:archive:batches"), {wanted: 1})
    other = api.engine.batch("archive", "main", contacts=1, start_in_ms=3_600_000, agent_id="agent_other")
    names = [f"batch_c0_{i:020}" for i in range(1_000_000, 1_001_500)]
    settings = api.client.hgetall(api.engine.key(f"batch:{other}"))
    with api.client.pipeline(transaction=False) as pipe:
        for i, name in enumerate(names):
            pipe.hset(api.engine.key(f"batch:{name}"), mapping=settings)
            pipe.zadd(api.engine.key("tenant:archive:batches"), {name: 1000 + i})
        pipe.execute()
    try:
        first = ask(api, key, agentId="agent_123")
        assert first.json() == [] and first.headers["x-next-cursor"]
        assert listed(api, key, agentId="agent_123") == [wanted]
    finally:
        api.client.delete(*(api.engine.key(f"batch:{name}") for name in names))


def test_a_tag_is_a_tenants_own(api: Api, many: tuple[str, list[str]]) -> None:
    assert listed(api, api.tenant("neighbour"), tag="all") == []
    assert len(listed(api, api.key("catalogue", "viewer"), tag="all")) == 12
