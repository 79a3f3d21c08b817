# SPDX-License-Identifier: Apache-2.0
"""How a batch is doing: the seed's shapes, field by field, on campaigns that a small fleet really worked."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest

from tests.support.engine import Begin, Fleet
from tests.support.producer_api import Api, numbers

INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
SEED_FIELDS = {"batchId", "status", "priority", "statistics", "performance", "timestamps", "recentCalls", "webhooks",
               "agentId", "userId"}


def told(api: Api, key: str, batch: str, query: str = "") -> dict[str, Any]:
    answer = api.get(f"/api/v1/batch/check-status?batchId={batch}{query}", key)
    assert answer.status == 200, answer
    return answer.json()


def work(api: Api, key: str, batch: str, **fleet: Any) -> None:
    Fleet(api.engine, **fleet).run(20.0, until=lambda: told(api, key, batch)["status"] == "completed")
    assert told(api, key, batch)["status"] == "completed"


def by_turns(begin: Begin) -> tuple[str, str, int | None]:
    return ("final", ("COMPLETED", "NO_ANSWER", "BUSY")[begin.ordinal % 3], None)


@pytest.fixture(scope="module")
def finished(api: Api, acme: str) -> str:
    """A campaign of 90 contacts that has ended: 30 completed, 30 unanswered, 30 busy."""
    batch = api.create(
        acme,
        [{"phoneNumber": number, "name": f"Contact {i}"} if i % 2 else {"phoneNumber": number}
         for i, number in enumerate(api.fresh_numbers(90))],
        maxCallsPerSecond=30,
        retryStrategy={"maxAttempts": 1},
        webhooks={"onBatchComplete": "https://crm.example/b"},
    )
    work(api, acme, batch, outcome=by_turns)
    return batch


def test_a_finished_batch_in_the_seeds_shape(api: Api, acme: str, finished: str) -> None:
    said = told(api, acme, finished)
    assert set(said) == SEED_FIELDS
    assert (said["batchId"], said["status"], said["priority"]) == (finished, "completed", 5)
    assert said["statistics"] == {
        "total": 90,
        "processed": 90,
        "succeeded": 30,
        "failed": 60,
        "pending": 0,
        "percentComplete": 100,
        "successRate": 33.33,
    }
    assert set(said["performance"]) == {"callsPerSecond", "estimatedTimeRemaining", "elapsedTime"}
    assert said["performance"]["estimatedTimeRemaining"] is None
    assert 20 < said["performance"]["callsPerSecond"] <= 31
    assert all(INSTANT.match(said["timestamps"][name]) for name in ("createdAt", "startedAt", "completedAt"))
    assert said["webhooks"] == {"onBatchComplete": "https://crm.example/b"}
    assert (said["agentId"], said["userId"]) == ("agent_123", "acme")


def test_recent_calls_are_the_last_reached_newest_first(api: Api, acme: str, finished: str) -> None:
    calls = told(api, acme, finished)["recentCalls"]
    assert len(calls) == 10
    assert [call["createdAt"] for call in calls] == sorted((call["createdAt"] for call in calls), reverse=True)
    ordinals = {int(call["id"].rpartition("-")[2]) for call in calls}
    assert ordinals == set(range(80, 90))
    for call in calls:
        assert set(call) == {"id", "callSid", "status", "duration", "createdAt", "phoneNumber", "contactName"}
        ordinal = int(call["id"].rpartition("-")[2])
        assert call["status"] == ("COMPLETED", "MISSED", "MISSED")[ordinal % 3]
        assert call["contactName"] == (f"Contact {ordinal}" if ordinal % 2 else "Unknown")
        assert call["callSid"] == "p1"
        assert call["duration"] == 1
        assert call["phoneNumber"].startswith("+")


@pytest.mark.parametrize(("limit", "shown"), [("1", 1), ("64", 64), ("65", 65), ("1000", 90), ("all", 90), ("-1", 90)])
def test_a_limit_says_how_many_calls(api: Api, acme: str, finished: str, limit: str, shown: int) -> None:
    assert len(told(api, acme, finished, f"&limit={limit}")["recentCalls"]) == shown


@pytest.mark.parametrize("limit", ["0", "1001", "-2", "ten", "1.5", "", "99999999999999999999"])
def test_a_limit_of_another_kind_is_refused(api: Api, acme: str, finished: str, limit: str) -> None:
    answer = api.get(f"/api/v1/batch/check-status?batchId={finished}&limit={limit}", acme)
    assert answer.status == 400
    assert list(answer.field_errors) == ["limit"]


def test_the_live_list_tells_every_call(api: Api, acme: str, finished: str) -> None:
    answer = api.get(f"/api/v1/status/batch?batchId={finished}", acme).json()
    assert set(answer) == {"batchId", "calls"}
    assert answer["batchId"] == finished
    calls = answer["calls"]
    assert [call["callId"] for call in calls] == [f"{finished}-{i}" for i in range(90)]
    for i, call in enumerate(calls):
        assert set(call) == {"callId", "status", "startTime", "phoneNumber", "error", "duration", "recordingUrl"}
        assert INSTANT.match(call["startTime"])
        assert call["error"] == (None, "NO_ANSWER", "BUSY")[i % 3]


def test_the_full_status_adds_what_the_seed_has_not(api: Api, acme: str, finished: str) -> None:
    one, two = (api.get(f"/api/v1/batch/{finished}{suffix}", acme).json() for suffix in ("", "/status"))
    assert one == two
    assert set(one) == SEED_FIELDS | {"reason", "tags", "trunk", "maxCallsPerSecond", "maxConcurrentCalls", "timezone",
                                      "startsAt", "callingWindow", "expiresAt", "expiredAt", "attempts", "ongoing", "outcomes", "options", "redialOf", "refusal",
                                      "rejected", "duplicates"}
    assert one["outcomes"] == {"COMPLETED": 30, "NO_ANSWER": 30, "BUSY": 30}
    assert (one["attempts"], one["ongoing"], one["maxCallsPerSecond"]) == (90, 0, 30)


def test_a_batch_that_waits_for_its_start(api: Api, acme: str) -> None:
    start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    batch = api.create(acme, numbers(3), scheduledStartTime=start.isoformat())
    said = told(api, acme, batch)
    assert said["status"] == "scheduled"
    assert said["recentCalls"] == []
    assert said["performance"] == {"callsPerSecond": 0, "estimatedTimeRemaining": None, "elapsedTime": 0}
    assert said["timestamps"]["startedAt"] is None
    assert said["webhooks"] is None
    live = api.get(f"/api/v1/status/batch?batchId={batch}", acme).json()["calls"]
    assert [(call["status"], call["startTime"], call["error"], call["duration"]) for call in live] == [
        ("SCHEDULED", None, None, None)
    ] * 3


def test_a_running_batch_tells_its_rate_and_the_time_left(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(300), maxCallsPerSecond=20)
    Fleet(api.engine, talk_s=0.3).run(1.5)
    said = told(api, acme, batch)
    assert said["status"] == "processing"
    rate = said["performance"]["callsPerSecond"]
    assert 0 < rate <= 20
    left_s = said["statistics"]["pending"] / rate  # but for what is on the line
    assert abs(said["performance"]["estimatedTimeRemaining"] - left_s) <= 3
    assert said["statistics"]["pending"] + said["statistics"]["processed"] == 300
    live = api.get(f"/api/v1/status/batch?batchId={batch}", acme).json()["calls"]
    assert len(live) == 300
    assert {call["status"] for call in live} == {"COMPLETED", "ONGOING", "SCHEDULED"}
    api.post(f"/api/v1/batch/{batch}/cancel", key=acme)


def test_a_call_between_two_attempts_shows_how_the_last_one_went(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(1), maxCallsPerSecond=30)
    fleet = Fleet(api.engine, outcome=lambda begin: ("retry", "BUSY", 3_600_000))
    fleet.run(10.0, until=lambda: told(api, acme, batch)["recentCalls"] and fleet.begins != []
              and told(api, acme, batch)["recentCalls"][0]["status"] == "MISSED")
    said = told(api, acme, batch)
    assert said["recentCalls"][0]["status"] == "MISSED"
    assert said["status"] == "processing"
    assert said["statistics"]["processed"] == 0
    assert 3500 < said["performance"]["estimatedTimeRemaining"] <= 3600
    api.post(f"/api/v1/batch/{batch}/cancel", key=acme)


def test_contacts_that_a_cancel_ends_are_told_as_failed(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(2))
    api.post(f"/api/v1/batch/{batch}/cancel", key=acme)
    live = api.get(f"/api/v1/status/batch?batchId={batch}", acme).json()["calls"]
    assert [(call["status"], call["error"]) for call in live] == [("FAILED", "CANCELLED")] * 2


def test_a_batch_that_was_never_sealed_does_not_exist(api: Api, acme: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=2, seal=False)
    answer = api.get(f"/api/v1/batch/{batch}", acme)
    assert (answer.status, answer.code) == (404, "BATCH_NOT_FOUND")
    assert batch not in [entry["batchId"] for entry in api.get("/api/v1/batch/list", acme).json()]


def test_a_state_that_makes_no_sense_is_our_fault_and_said_so(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(1))
    api.client.hset(api.engine.key(f"batch:{batch}"), "state", "asleep")
    answer = api.get(f"/api/v1/batch/{batch}", acme)
    assert (answer.status, answer.code) == (500, "INTERNAL")
    api.client.hset(api.engine.key(f"batch:{batch}"), "state", "pending")


# ---- the list ----


def test_the_list_is_the_seeds_bare_array_newest_first(api: Api) -> None:
    key = api.tenant("lister")
    batches = [api.create(key, numbers(i + 1), priority=i + 1) for i in range(3)]
    answer = api.get("/api/v1/batch/list", key)
    assert "x-next-cursor" not in answer.headers
    entries = answer.json()
    assert sorted(entry["batchId"] for entry in entries) == sorted(batches)
    assert [entry["createdAt"] for entry in entries] == sorted((entry["createdAt"] for entry in entries), reverse=True)
    entry = next(entry for entry in entries if entry["batchId"] == batches[2])
    assert {**entry, "createdAt": None} == {
        "batchId": batches[2],
        "status": "pending",
        "total": 3,
        "processed": 0,
        "succeeded": 0,
        "failed": 0,
        "percentComplete": 0,
        "createdAt": None,
        "agentId": "agent_123",
        "priority": 3,
    }


def test_a_tenant_without_batches_has_an_empty_list(api: Api) -> None:
    assert api.get("/api/v1/batch/list", api.tenant("newcomer")).json() == []


def test_pages_hold_each_batch_once_also_those_of_one_millisecond(api: Api) -> None:
    key = api.tenant("pager")
    batches = [api.create(key, numbers(1)) for _ in range(25)]
    index = api.engine.key("tenant:pager:batches")
    for batch in batches[:12]:  # as if created at the same instant
        api.client.zadd(index, {batch: 1_763_283_600_000})
    seen: list[str] = []
    query = "?limit=4"
    while True:
        answer = api.get("/api/v1/batch/list" + query, key)
        seen += [entry["batchId"] for entry in answer.json()]
        if "x-next-cursor" not in answer.headers:
            break
        assert len(answer.json()) == 4
        query = f"?limit=4&cursor={answer.headers['x-next-cursor']}"
    assert sorted(seen) == sorted(batches)
    assert len(seen) == len(set(seen)) == 25


def test_a_batch_that_is_gone_is_left_out(api: Api) -> None:
    key = api.tenant("purged")
    gone, kept = api.create(key, numbers(1)), api.create(key, numbers(1))
    api.client.delete(api.engine.key(f"batch:{gone}"))
    assert [entry["batchId"] for entry in api.get("/api/v1/batch/list", key).json()] == [kept]


@pytest.mark.parametrize("query", ["?limit=0", "?limit=1001", "?limit=all", "?cursor=zz", "?cursor=", "?status=PENDING", "?tag=", "?state=pending"])
def test_a_list_is_not_asked_for_in_other_ways(api: Api, acme: str, query: str) -> None:
    answer = api.get("/api/v1/batch/list" + query, acme)
    assert answer.status == 400
    assert list(answer.field_errors)[0] in query
