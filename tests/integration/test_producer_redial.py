# SPDX-License-Identifier: Apache-2.0
"""POST /api/v1/batch/{id}/redial: who is called again, with which options, and who is not."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from typing import Any

import pytest

from tests.support.engine import Engine
from tests.support.producer_api import Answer, Api, numbers

ENDS = ("COMPLETED", "BUSY", "NO_ANSWER", "VOICEMAIL", "FAILED", "UNKNOWN", "INVALID_NUMBER", "BLOCKED", "REJECTED")
BY_DEFAULT = {"BUSY", "NO_ANSWER", "VOICEMAIL", "FAILED", "UNKNOWN", "BLOCKED", "REJECTED"}
CPS = 30


def redial(api: Api, batch: str, key: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    payload = None if body is None else json.dumps(body).encode()
    sent = {**({"Content-Type": "application/json"} if payload else {}), **(headers or {})}
    return api.request("POST", f"/api/v1/batch/{batch}/redial", payload, key, sent)


def end_each(engine: Engine, batch: str, *outcomes: str) -> dict[int, str]:
    """Calls the batch's contacts, one after the other; each ends with the next of `outcomes`. By ordinal."""
    came_to = {}
    for outcome in outcomes:
        slot = engine.begin_next(batch)
        engine.finish(slot, outcome=outcome, success="1" if outcome == "COMPLETED" else "0")
        came_to[slot.ordinal] = outcome
    return came_to


@pytest.fixture(scope="module")
def ended(api: Api, acme: str) -> tuple[str, list[str], dict[int, str]]:
    """A batch whose contacts ended in every way, one each: its id, their numbers, and how each ended."""
    listed = api.fresh_numbers(len(ENDS))
    contacts = [
        {"id": f"lead-{i}", "phoneNumber": number, "name": f"N{i}", "metadata": {"note": "x" * (2000 * (i % 2)), "i": i}}
        for i, number in enumerate(listed)
    ]
    batch = api.create(acme, contacts, maxCallsPerSecond=CPS, priority=7, tags=["q4"], maxConcurrentCalls=9,
                       retryStrategy={"maxAttempts": 2}, callerIds=["+15550001111"])  # fmt: skip
    came_to = end_each(api.engine, batch, *ENDS)
    assert api.batch(batch)["state"] == "completed"
    return batch, listed, came_to


def exported(api: Api, batch: str, key: str) -> list[dict[str, Any]]:
    answer = api.get(f"/api/v1/batch/{batch}/calls/export?format=ndjson", key)
    return [json.loads(line) for line in answer.body.splitlines()]


def cancel(api: Api, answer: Answer, key: str) -> None:
    api.post(f"/api/v1/batch/{answer.json()['batchId']}/cancel", key=key)


def test_whom_nobody_spoke_to_is_called_again_with_all_that_is_known_of_them(api: Api, acme: str, ended: Any) -> None:
    batch, listed, came_to = ended
    answer = redial(api, batch, acme)
    assert answer.status == 202, answer
    said = answer.json()
    assert (said["success"], said["status"], said["redialOf"], said["total"]) == (True, "pending", batch, len(BY_DEFAULT))
    assert said["outcomes"] == {outcome: 1 for outcome in BY_DEFAULT} and said["warnings"] == []
    assert said["links"]["status"].endswith(f"/api/v1/batch/{said['batchId']}/status")
    wanted = [i for i in sorted(came_to) if came_to[i] in BY_DEFAULT]
    kept = ("contactId", "phoneNumber", "name", "email", "company", "timezone", "metadata")
    before = {row["contactId"]: {name: row[name] for name in kept} for row in exported(api, batch, acme)}
    after = exported(api, said["batchId"], acme)
    assert [{name: row[name] for name in kept} for row in after] == [before[f"lead-{i}"] for i in wanted]
    assert {row["status"] for row in after} == {"SCHEDULED"}
    cancel(api, answer, acme)


def test_it_has_the_options_of_its_source_but_for_the_schedule_and_what_is_named(api: Api, acme: str, ended: Any) -> None:
    batch = ended[0]
    answer = redial(api, batch, acme, {"userId": "user_456", "options": {"priority": 2, "maxConcurrentCalls": None, "retryStrategy": {"busyDelay": 5000}}})
    assert answer.status == 202, answer
    told = api.get(f"/api/v1/batch/{answer.json()['batchId']}", acme).json()
    assert (told["redialOf"], told["agentId"], told["userId"]) == (batch, "agent_123", "user_456")
    source = api.get(f"/api/v1/batch/{batch}", acme).json()
    assert source["redialOf"] is None
    expected = {**source["options"], "priority": 2}
    expected["retryStrategy"] = {**expected["retryStrategy"], "busyDelay": 5000}
    for name in ("maxConcurrentCalls", "scheduledStartTime"):
        expected.pop(name)
    assert {name: value for name, value in told["options"].items() if name != "scheduledStartTime"} == expected
    starts, expires = (datetime.datetime.fromisoformat(told[name]) for name in ("startsAt", "expiresAt"))
    assert expires - starts == datetime.timedelta(days=30) and told["startsAt"] > source["startsAt"]
    listed = api.get("/api/v1/batch/list?tag=q4", acme).json()
    assert answer.json()["batchId"] in [row["batchId"] for row in listed]
    cancel(api, answer, acme)


@pytest.mark.parametrize("outcomes", (["BUSY"], ["INVALID_NUMBER", "BLOCKED"], ["BUSY", "BUSY", "UNKNOWN"]))
def test_outcomes_by_name_are_those_and_no_others(api: Api, acme: str, ended: Any, outcomes: list[str]) -> None:
    answer = redial(api, ended[0], acme, {"outcomes": outcomes, "options": {"scheduledStartTime": "2035-01-01T00:00:00Z"}})
    assert (answer.status, answer.json()["status"]) == (202, "scheduled"), answer
    assert answer.json()["outcomes"] == dict(Counter(set(outcomes)))
    cancel(api, answer, acme)


def test_who_must_not_be_called_or_was_never_called_is_left_out_unless_named(api: Api, acme: str) -> None:
    listed = api.fresh_numbers(6)
    batch = api.create(acme, listed, maxCallsPerSecond=CPS)
    engine = api.engine
    engine.scripts.run("suppression_change", "acme", "add", 100, listed[0][1:])
    came_to = end_each(engine, batch, "NO_ANSWER")
    api.post(f"/api/v1/batch/{batch}/cancel", key=acme)
    engine.scripts.run("suppression_change", "acme", "remove", 100, listed[0][1:])
    assert api.batch(batch)["state"] == "cancelled"
    answer = redial(api, batch, acme)
    assert answer.json()["outcomes"] == {"NO_ANSWER": 1}
    assert [row["phoneNumber"] for row in exported(api, answer.json()["batchId"], acme)] == [listed[next(iter(came_to))]]
    cancel(api, answer, acme)
    answer = redial(api, batch, acme, {"outcomes": ["SUPPRESSED", "CANCELLED"]})
    assert sum(answer.json()["outcomes"].values()) == answer.json()["total"] == 5
    cancel(api, answer, acme)


def test_more_than_one_page_is_copied_whole_and_each_once(api: Api, acme: str) -> None:
    engine = api.engine
    batch = engine.batch("acme", "main", 0, seal=False, agent_id="a", user_id="acme", cps=CPS)
    listed = engine.numbers(1000)
    for chunk, at in enumerate(range(0, len(listed), 200), 1):
        engine.ingest(batch, chunk, [(number, f"id-{number}") for number in listed[at : at + 200]])
    engine.seal(batch, len(listed))
    # As if every third had been busy, and the others had answered.
    busy = listed[::3]
    for ordinal, number in enumerate(listed):
        outcome = "BUSY" if ordinal % 3 == 0 else "COMPLETED"
        engine.client.hset(engine.key(f"batch:{batch}:state:{ordinal // 64}"), str(ordinal), f"phase=final a=1 d=1 l=1 b=1763283600000 x={outcome}")
    fields = {"state": "completed", "due": 0, "cursor": 1000, "failed": len(busy), "succeeded": 1000 - len(busy), "outcome:BUSY": len(busy)}
    engine.client.hset(engine.key(f"batch:{batch}"), mapping=fields)
    answer = redial(api, batch, acme, {"options": {"scheduledStartTime": "2035-01-01T00:00:00Z"}})
    assert (answer.status, answer.json()["total"]) == (202, len(busy)), answer
    again = answer.json()["batchId"]
    assert [int(row["phoneNumber"][1:]) for row in exported(api, again, acme)] == busy
    # Its numbers and ids are known to it: what is added later is held against them.
    held = engine.append(again, "acme")
    left_out = engine.ingest(again, 100, [(busy[7], ""), (15559990001, f"id-{busy[9]}")])[2]
    assert (held, left_out) == ("scheduled", [(0, "phone"), (1, "id")])
    engine.end_append(again, "acme")
    cancel(api, answer, acme)


def test_a_batch_that_is_removed_meanwhile_is_not_called_again_in_part(api: Api, acme: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=300, start_in_ms=3_600_000)
    assert api.post(f"/api/v1/batch/{batch}/cancel", key=acme).json()["status"] == "cancelled"
    listed = api.get("/api/v1/batch/list", acme).json()
    api.client.delete(api.engine.key(f"batch:{batch}:contacts:4"))  # from its last bucket on
    answer = redial(api, batch, acme, {"outcomes": ["CANCELLED"]})
    assert (answer.status, answer.code) == (404, "BATCH_NOT_FOUND")
    assert api.get("/api/v1/batch/list", acme).json() == listed


def test_a_key_makes_it_once(api: Api, acme: str, ended: Any) -> None:
    headers = {"Idempotency-Key": "redial-once"}
    first, second = (redial(api, ended[0], acme, {"outcomes": ["BUSY"]}, headers) for _ in range(2))
    assert (first.status, second.status) == (202, 202) and first.json() == second.json()
    assert redial(api, ended[0], acme, {"outcomes": ["FAILED"]}, headers).status == 422
    cancel(api, first, acme)


def test_what_runs_still_is_not_redialed(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(2))
    before = api.snapshot()
    answer = redial(api, batch, acme)
    assert (answer.status, answer.code) == (409, "BATCH_STATE")
    assert answer.json()["details"] == {"status": "pending", "allowedStates": ["completed", "cancelled", "failed"]}
    assert api.snapshot() == before


def test_nobody_to_call_again_makes_nothing(api: Api, acme: str, ended: Any) -> None:
    batch = api.create(acme, numbers(3))
    api.post(f"/api/v1/batch/{batch}/cancel", key=acme)
    before = api.snapshot()
    answer = redial(api, batch, acme)
    assert (answer.status, answer.code) == (409, "NOTHING_TO_REDIAL")
    answer = redial(api, ended[0], acme, {"outcomes": ["SUPPRESSED"]})
    assert (answer.status, answer.code) == (409, "NOTHING_TO_REDIAL")
    assert api.snapshot() == before


def test_a_trunk_that_is_the_tenants_no_more_must_be_named(api: Api, acme: str) -> None:
    api.trunk("gone", caller_ids='["+15550007777"]')
    key = api.tenant("movers", trunks=("gone", "main"))
    batch = api.create(key, api.fresh_numbers(1), maxCallsPerSecond=CPS, callerIds=["+15550007777"])
    end_each(api.engine, batch, "BUSY")
    api.engine.tenant("movers", how="set", trunks='["main"]')
    answer = redial(api, batch, key)
    assert (answer.status, list(answer.field_errors)) == (400, ["options.trunk"])
    answer = redial(api, batch, key, {"options": {"trunk": "main"}})
    made = api.batch(answer.json()["batchId"])
    assert (answer.status, made["trunk"]) == (202, "main")
    assert "caller_ids" not in made, "another trunk's numbers are not taken along"


def test_credit_must_cover_it(api: Api, acme: str) -> None:
    key = api.tenant("poor")
    batch = api.create(key, api.fresh_numbers(2), maxCallsPerSecond=CPS)
    end_each(api.engine, batch, "BUSY", "BUSY")
    api.engine.tenant("poor", how="set", available_s=200)
    answer = redial(api, batch, key)
    assert (answer.status, answer.code) == (402, "INSUFFICIENT_CREDITS")


def test_another_tenants_batch_is_not_there(api: Api, acme: str, ended: Any) -> None:
    answer = redial(api, ended[0], api.tenant("globex-redial"))
    assert (answer.status, answer.code) == (404, "BATCH_NOT_FOUND")
    assert redial(api, ended[0], api.key("acme", role="viewer")).status == 403
