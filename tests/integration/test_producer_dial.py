# SPDX-License-Identifier: Apache-2.0
"""POST /api/v1/call/dial and what tells of single calls: the seed's shapes, one call at a time for a number and a contact,
and the same limits as for everybody."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from tests.support.producer_api import Answer, Api, numbers
from tests.support.waiting import wait_until

DIAL = "/api/v1/call/dial"


def body(to: str, **more: Any) -> dict[str, Any]:
    return {"to": to, "agentConfigId": "agent_123", "userId": "acme", **more}


def dial(api: Api, key: str, to: str, **more: Any) -> Answer:
    return api.post(DIAL, body(to, **more), key)


def fresh(api: Api) -> str:
    return api.fresh_numbers(1)[0]


def placed(api: Api, answer: Answer) -> str:
    assert answer.status == 200, answer
    return str(answer.json()["callId"])


def test_a_call_is_placed_before_the_tenants_batches_and_told_of(api: Api, acme: str) -> None:
    waiting = api.create(acme, api.fresh_numbers(3), priority=9)
    to = fresh(api)
    metadata = {"plan": "gold", "n": 1.50}
    answer = dial(api, acme, to, contactId="lead-1", statusCallBackUrl="http://127.0.0.1:9/status",
                  callerDetails={"name": "Jane Doe", "email": "jane@example.com", "company": "Acme", "metadata": metadata})  # fmt: skip
    call = placed(api, answer)
    said = answer.json()
    batch = said["batchId"]
    assert said == {"success": True, "callId": f"{batch}-0", "batchId": batch, "status": "SCHEDULED",
                    "message": said["message"], "links": {"status": said["links"]["status"]}}  # fmt: skip
    assert said["links"]["status"].endswith(f"/api/v1/call/check-status?callId={call}")
    slot = wait_until(lambda: api.engine.claim(calls=1).slots, 3.0, "a call can be claimed")[0]
    assert (slot.batch, slot.ordinal) == (batch, 0)
    api.engine.begin([slot])
    live = api.get(f"/api/v1/status/call?callId={call}", acme).json()
    assert live == {"callId": call, "status": "ONGOING", "startTime": live["startTime"], "phoneNumber": to, "error": None,
                    "duration": None, "recordingUrl": None, "batchId": batch, "agentId": "agent_123", "userId": "acme"}  # fmt: skip
    assert live["startTime"]
    api.engine.finish(slot, outcome="COMPLETED", recording="https://r.example/1")
    kept = api.get(f"/api/v1/call/check-status?callId={call}", acme).json()
    assert (kept["callId"], kept["id"], kept["status"], kept["outcome"], kept["attempts"]) == (call, call, "COMPLETED", "COMPLETED", 1)
    assert (kept["contactId"], kept["contactName"], kept["phoneNumber"], kept["recordingUrl"]) == ("lead-1", "Jane Doe", to, "https://r.example/1")
    assert api.get(f"/api/v1/status/call?callId={call}", acme).json()["status"] == "COMPLETED"
    exported = api.get(f"/api/v1/batch/{batch}/calls/export?format=ndjson", acme).body
    assert b'"metadata":{"plan":"gold","n":1.5' in exported.replace(b": ", b":").replace(b", ", b",")
    (event,) = [event for event in api.engine.events() if event["batch"] == batch]
    assert event["type"] == "call.completed"
    assert api.batch(batch)["on_call_complete"] == "http://127.0.0.1:9/status"
    api.post(f"/api/v1/batch/{waiting}/cancel", key=acme)


def test_it_has_one_attempt_and_an_hour_and_no_place_in_the_list(api: Api, acme: str) -> None:
    answer = dial(api, acme, fresh(api))
    batch = answer.json()["batchId"]
    told = api.get(f"/api/v1/batch/{batch}", acme).json()
    starts, expires = (datetime.datetime.fromisoformat(told[name]) for name in ("startsAt", "expiresAt"))
    assert (told["priority"], told["options"]["retryStrategy"]["maxAttempts"]) == (10, 1)
    assert datetime.timedelta(minutes=59) < expires - starts <= datetime.timedelta(hours=1)
    assert batch not in [row["batchId"] for row in api.get("/api/v1/batch/list", acme).json()]
    assert batch not in [row["batchId"] for row in api.get("/api/v1/batch/list?kind=batch", acme).json()]
    assert batch in [row["batchId"] for row in api.get("/api/v1/batch/list?kind=dial", acme).json()]
    api.post(f"/api/v1/batch/{batch}/cancel", key=acme)


def test_one_call_at_a_time_to_a_number_and_a_contact(api: Api, acme: str) -> None:
    to, other = api.fresh_numbers(2)
    first = placed(api, dial(api, acme, to, contactId="lead-7"))
    for again in (dial(api, acme, to), dial(api, acme, to, contactId="lead-8"), dial(api, acme, other, contactId="lead-7")):
        assert (again.status, again.code, again.json()["details"]) == (409, "CALL_IN_PROGRESS", {"callId": first})
    slot = api.engine.begin_next(first[:-2])
    assert dial(api, acme, to).status == 409
    api.engine.finish(slot, how="ended")  # hung up: its summary may still come
    second = placed(api, dial(api, acme, to, contactId="lead-7"))
    assert second != first
    api.post(f"/api/v1/batch/{second[:-2]}/cancel", key=acme)
    third = placed(api, dial(api, acme, to, contactId="lead-7"))
    assert dial(api, api.tenant("globex-dial"), to, userId="globex-dial").status == 200, "tenants do not hear of each other"
    api.post(f"/api/v1/batch/{third[:-2]}/cancel", key=acme)
    held = {name: api.client.hlen(api.engine.key(f"dials:{name}/acme")) for name in "ni"}
    assert set(held.values()) == {0}


def test_a_number_that_a_batch_calls_is_in_progress(api: Api, acme: str) -> None:
    to = fresh(api)
    batch = api.create(acme, [to], maxCallsPerSecond=30)
    slot = api.engine.begin_next(batch)
    answer = dial(api, acme, to)
    assert (answer.status, answer.json()["details"]) == (409, {"callId": f"{batch}-0"})
    api.engine.finish(slot)
    assert placed(api, dial(api, acme, to))


def test_what_was_written_of_a_refused_call_goes_by_itself(api: Api, acme: str) -> None:
    to = fresh(api)
    first = placed(api, dial(api, acme, to))
    before = set(api.client.keys("*:batch:*"))
    assert dial(api, acme, to).status == 409
    wait_until(lambda: (api.engine.tick(), set(api.client.keys("*:batch:*")) <= before)[1], 5.0, "it is gone")
    api.post(f"/api/v1/batch/{first[:-2]}/cancel", key=acme)


def test_a_refused_call_never_counts_among_what_its_tenant_has(api: Api) -> None:
    key, to = api.tenant("counted-dial"), fresh(api)

    def used() -> list[int]:
        quotas = api.get("/api/v1/tenant", key).json()["quotas"]
        return [quotas[name]["used"] for name in ("batches", "queuedContacts", "bytes")]

    first = placed(api, dial(api, key, to, userId="counted-dial"))
    before = used()
    assert before[:2] == [1, 1]
    for _ in range(3):
        assert dial(api, key, to, userId="counted-dial").status == 409
        assert used() == before
    assert api.get(f"/api/v1/call/check-status?callId={first}", key).status == 200


def test_a_key_dials_once(api: Api, acme: str) -> None:
    to = fresh(api)

    def ask() -> Answer:
        headers = {"Content-Type": "application/json", "Idempotency-Key": "dial-once"}
        return api.request("POST", DIAL, json.dumps(body(to)).encode(), acme, headers)

    first, second = ask(), ask()
    assert (first.status, second.status) == (200, 200) and first.json() == second.json()


def test_every_fault_is_told_under_the_seeds_names(api: Api, acme: str) -> None:
    before = api.snapshot()
    details = {"name": "x" * 201, "email": "none", "company": 7, "metadata": [], "phone": "1"}
    answer = api.post(DIAL, {"to": "12", "agentConfigId": "", "contactId": "x" * 129, "callerDetails": details,
                             "statusCallBackUrl": "ftp://x", "priority": 1}, acme)  # fmt: skip
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
    assert set(answer.field_errors) == {
        "to", "agentConfigId", "contactId", "callerDetails.name", "callerDetails.email", "callerDetails.company",
        "callerDetails.metadata", "callerDetails.phone", "statusCallBackUrl", "priority",
    }  # fmt: skip
    answer = api.post(DIAL, {}, acme)
    assert set(answer.field_errors) == {"to", "agentConfigId"}
    assert answer.field_errors["agentConfigId"] == ["Agent ID is required"]
    assert api.snapshot() == before


def test_agents_credits_and_users_are_held_as_for_a_batch(api: Api, acme: str) -> None:
    poor = api.tenant("poor-dial", available_s=60)
    answer = dial(api, poor, fresh(api), userId="poor-dial")
    assert (answer.status, answer.code) == (402, "INSUFFICIENT_CREDITS")
    assert dial(api, acme, fresh(api), userId="somebody").status == 403
    assert dial(api, api.key("acme", role="viewer"), fresh(api)).status == 403


@pytest.mark.parametrize("path", ("/api/v1/status/call", "/api/v1/call/check-status"))
def test_calls_of_batches_are_told_of_too_and_others_are_not_there(api: Api, acme: str, path: str) -> None:
    batch = api.create(acme, numbers(2))
    told = api.get(f"{path}?callId={batch}-1", acme)
    assert (told.status, told.json()["callId"], told.json()["status"]) == (200, f"{batch}-1", "SCHEDULED")
    stranger = api.tenant(f"globex-{path[8:12]}")
    for call, key in ((f"{batch}-1", stranger), (f"{batch}-2", acme), (batch, acme), ("nothing", acme), (f"{batch}-01", acme)):
        answer = api.get(f"{path}?callId={call}", key)
        assert (answer.status, answer.code) == (404, "CALL_NOT_FOUND"), call
    answer = api.get(path, acme)
    assert (answer.status, list(answer.field_errors)) == (400, ["callId"])
    api.post(f"/api/v1/batch/{batch}/cancel", key=acme)
