# SPDX-License-Identifier: Apache-2.0
"""What an operator set for a tenant counts for its batches: agents, window, zone, caller ids."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.producer_api import Answer, Api, batch_body, numbers

ADMIN = "/api/v1/admin"
NIGHT = {"start": "22:00", "end": "06:00"}


@pytest.fixture(scope="module")
def operator(api: Api) -> str:
    return api.key("", "operator")


def submit(api: Api, key: str, agent: str = "agent_123", **options: Any) -> Answer:
    return api.post("/api/v1/batch", {**batch_body(numbers(1), **options), "agentId": agent}, key)


# ---- agents ----


def put(api: Api, operator: str, tenant: str, *agents: str, active: bool = True) -> dict[str, Any]:
    answer = api.send("PUT", f"{ADMIN}/agents", {"tenant": tenant, "agents": [{"id": agent, "active": active} for agent in agents]}, operator)
    assert answer.status == 200, answer
    return dict(answer.json())


def test_an_agent_that_is_not_listed_is_not_found_in_the_seeds_words(api: Api, operator: str) -> None:
    key = api.tenant("agents1")
    assert submit(api, key, "anybody").status == 202, "none are listed"
    assert put(api, operator, "agents1", "agent_1", "agent_2") == {"success": True, "tenant": "agents1", "changed": 2, "total": 2}
    put(api, operator, "agents1", "agent_2", active=False)
    before = api.snapshot()
    for agent in ("anybody", "agent_2", "AGENT_1", "agent_1 "):
        answer = submit(api, key, agent)
        assert answer.status == 404, answer
        assert answer.json() == {
            "error": "Agent not found or inactive", "code": "AGENT_NOT_FOUND",
            "message": "The specified agent does not exist, is inactive, or you do not have access to it",
        }  # fmt: skip
    assert api.snapshot() == before
    assert submit(api, key, "agent_1").status == 202
    assert submit(api, key, "anybody", priority=99).status == 400, "faults go first"
    assert submit(api, api.tenant("agents2"), "anybody").status == 202, "another tenant's list is none of its business"


def test_agents_are_listed_page_by_page_and_taken_off(api: Api, operator: str) -> None:
    api.tenant("agents3")
    put(api, operator, "agents3", "c", "a", "b é", "d")
    put(api, operator, "agents3", "d", active=False)
    seen: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.get(f"{ADMIN}/agents?tenant=agents3&limit=3" + (f"&cursor={cursor}" if cursor else ""), operator).json()
        assert page["total"] == 4 and page["tenant"] == "agents3"
        seen += page["agents"]
        cursor = page["nextCursor"]
    assert seen == [{"id": "a", "active": True}, {"id": "b é", "active": True}, {"id": "c", "active": True}, {"id": "d", "active": False}]
    gone = api.send("DELETE", f"{ADMIN}/agents", {"tenant": "agents3", "agentIds": ["a", "c", "x"]}, operator).json()
    assert gone == {"success": True, "tenant": "agents3", "changed": 2, "total": 2}
    assert put(api, operator, "agents3", "d", active=False)["changed"] == 0


def test_a_list_of_agents_is_bounded(api: Api, operator: str) -> None:
    api.tenant("agents4")
    api.client.hset("carillon:{c0}:tenant:agents4:agents", mapping={f"agent_{i}": "active" for i in range(9_999)})
    put(api, operator, "agents4", "one more", "agent_7")
    before = api.engine.hash("tenant:agents4:agents")
    answer = api.send("PUT", f"{ADMIN}/agents", {"tenant": "agents4", "agents": [{"id": "agent_1", "active": False}, {"id": "too many"}]}, operator)
    assert (answer.status, answer.code) == (409, "TOO_MANY_AGENTS")
    assert api.engine.hash("tenant:agents4:agents") == before, "nothing is half done"
    page = api.get(f"{ADMIN}/agents?tenant=agents4", operator).json()
    assert page["total"] == 10_000 and len(page["agents"]) == 1000


# ---- the default window and zone ----


def status(api: Api, key: str, answer: Answer) -> dict[str, Any]:
    assert answer.status == 202, answer
    return dict(api.get(f"/api/v1/batch/{answer.json()['batchId']}", key).json())


def test_a_tenants_window_and_zone_hold_where_a_batch_gives_none(api: Api, operator: str) -> None:
    key = api.tenant("windows1")
    patch = {"timezone": "America/New_York", "callingWindow": {**NIGHT, "days": ["mon", "sun"]}}
    assert api.send("PATCH", f"{ADMIN}/tenants/windows1", patch, operator).status == 200
    shown = status(api, key, submit(api, key))
    assert shown["timezone"] == "America/New_York"
    assert shown["callingWindow"] == {**NIGHT, "days": ["mon", "sun"], "timezone": "America/New_York", "closedDates": []}
    shown = status(api, key, submit(api, key, timezone="Asia/Tokyo"))
    assert (shown["timezone"], shown["callingWindow"]["timezone"]) == ("Asia/Tokyo", "Asia/Tokyo"), "as if the batch had given it"
    own = {"start": "00:00", "end": "24:00", "timezone": "UTC"}
    shown = status(api, key, submit(api, key, callingWindow=own))
    assert shown["callingWindow"] == {**own, "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "closedDates": []}
    refused = submit(api, key, callingWindow=None)
    assert refused.status == 400 and set(refused.field_errors) == {"options.callingWindow"}, "null is not how to have none"
    assert api.send("PATCH", f"{ADMIN}/tenants/windows1", {"timezone": None, "callingWindow": None}, operator).status == 200
    shown = status(api, key, submit(api, key))
    assert (shown["timezone"], shown["callingWindow"]) == ("UTC", None)


def test_a_tenants_window_that_never_opens_for_a_batch_refuses_it(api: Api, operator: str) -> None:
    key = api.tenant("windows2")
    window = {"start": "09:00", "end": "09:01", "closedDates": []}
    assert api.send("PATCH", f"{ADMIN}/tenants/windows2", {"callingWindow": window}, operator).status == 200
    answer = submit(api, key, scheduledStartTime="2031-01-01T10:00:00Z", expiresAt="2031-01-01T11:00:00Z")
    assert answer.status == 400 and set(answer.field_errors) == {"options.callingWindow"}


# ---- caller ids ----


def test_a_batch_calls_from_its_trunks_numbers_and_no_others(api: Api) -> None:
    api.trunk("numbers1", caller_ids='["+15550001111","+15550002222"]')
    api.trunk("numbers2", caller_ids='["+15550003333"]')
    key = api.tenant("callers1", trunks=("numbers1", "numbers2"))
    answer = submit(api, key, callerIds=["+1 (555) 000-2222"])
    assert answer.status == 202 and api.batch(answer.json()["batchId"])["caller_ids"] == '["+15550002222"]'
    assert submit(api, key, callerIds=["+15550003333"], trunk="numbers2").status == 202
    refused = submit(api, key, callerIds=["+15550001111", "+15550003333", "+15550009999"])
    assert set(refused.field_errors) == {"options.callerIds[1]", "options.callerIds[2]"}
    assert set(submit(api, key, callerIds=["+15550003333"], trunk="nowhere").field_errors) == {"options.trunk"}
    batch = submit(api, key, callerIds=["+15550001111"]).json()["batchId"]
    changed = api.send("PATCH", f"/api/v1/batch/{batch}", {"callerIds": ["+15550002222"]}, key)
    assert changed.status == 200 and api.batch(batch)["caller_ids"] == '["+15550002222"]'
    refused = api.send("PATCH", f"/api/v1/batch/{batch}", {"callerIds": ["+15550002222", "+15550003333"]}, key)
    assert set(refused.field_errors) == {"callerIds[1]"}
    api.client.hdel("carillon:{c0}:trunk:numbers2", "caller_ids")
    assert submit(api, key, callerIds=["+15550004444"], trunk="numbers2").status == 202, "a trunk that lists none lets any pass"
