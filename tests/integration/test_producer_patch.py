# SPDX-License-Identifier: Apache-2.0
"""PATCH /api/v1/batch/{id}: what changes, what is refused with everything that is wrong, and how two who change at the same
time do not undo each other. What the scheduler makes of it: tests/lua/test_batch_change.py."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from tests.support.engine import Fleet
from tests.support.producer_api import Answer, Api, numbers

HOUR = datetime.timedelta(hours=1)


def text(at: datetime.datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_now(delta: datetime.timedelta) -> str:
    return text(datetime.datetime.now(datetime.timezone.utc) + delta)


def patch(api: Api, batch: str, key: str, body: Any, if_match: str | None = None) -> Answer:
    headers = {"Content-Type": "application/json", **({"If-Match": if_match} if if_match else {})}
    return api.request("PATCH", f"/api/v1/batch/{batch}", json.dumps(body).encode(), key, headers)


def told(api: Api, batch: str, key: str) -> dict[str, Any]:
    answer = api.get(f"/api/v1/batch/{batch}", key)
    assert answer.status == 200, answer
    return dict(answer.json())


def etag(api: Api, batch: str, key: str) -> str:
    return api.get(f"/api/v1/batch/{batch}", key).headers["etag"]


EVERYTHING: dict[str, Any] = {
    "priority": 9, "maxCallsPerSecond": 3, "maxConcurrentCalls": 7, "onUnknown": "hold", "ringTimeout": 20,
    "maxCallDuration": 60, "summaryWait": 5, "tags": ["late", "kept"], "callerIds": ["+15550001111"],
    "callingWindow": {"start": "00:00", "end": "24:00", "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                      "timezone": "UTC", "closedDates": []},
    "retryStrategy": {"maxAttempts": 2, "noAnswerDelay": 2000, "busyDelay": 3000, "voicemailDelay": 4000, "failedDelay": 5000},
    "webhooks": {"onBatchComplete": "http://127.0.0.1:9/a", "onCallComplete": "http://127.0.0.1:9/b",
                 "onBatchFailed": "http://127.0.0.1:8/c", "onCallAttempt": "http://127.0.0.1:9/d", "onEvent": "http://127.0.0.1:9/e"},
}  # fmt: skip


@pytest.mark.parametrize("is_nested", (False, True))
def test_everything_that_can_change_does_and_stands_in_the_status(api: Api, acme: str, is_nested: bool) -> None:
    batch = api.create(acme, numbers(3), tags=["early", "kept"], scheduledStartTime=from_now(HOUR))
    wanted = {**EVERYTHING, "scheduledStartTime": from_now(2 * HOUR), "timezone": "Europe/Berlin", "expiresAt": from_now(9 * HOUR)}
    answer = patch(api, batch, acme, {"userId": "acme", "options": wanted} if is_nested else wanted)
    assert answer.status == 200, answer
    said = answer.json()
    assert (said["success"], said["batchId"], said["status"], said["message"]) == (True, batch, "scheduled", "Batch changed.")
    assert said["options"] == {**wanted, "trunk": "main"} == told(api, batch, acme)["options"]
    status = told(api, batch, acme)
    assert (status["priority"], status["maxCallsPerSecond"], status["maxConcurrentCalls"]) == (9, 3, 7)
    assert (status["startsAt"], status["expiresAt"]) == (wanted["scheduledStartTime"], wanted["expiresAt"])
    assert (status["timezone"], status["tags"], status["webhooks"]) == ("Europe/Berlin", ["late", "kept"], wanted["webhooks"])
    listed = {tag: [row["batchId"] for row in api.get(f"/api/v1/batch/list?tag={tag}", acme).json()] for tag in ("early", "late", "kept")}
    assert batch in listed["late"] and batch in listed["kept"] and batch not in listed["early"]
    origins = [endpoint["origin"] for endpoint in api.get("/api/v1/webhooks/endpoints", acme).json()["endpoints"]]
    assert {"http://127.0.0.1:9", "http://127.0.0.1:8"} <= set(origins)


def test_null_takes_away_and_the_rest_stays(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(1), maxConcurrentCalls=4, expiresAt=from_now(2 * HOUR), callingWindow=EVERYTHING["callingWindow"],
                       webhooks=EVERYTHING["webhooks"], priority=3, scheduledStartTime=from_now(HOUR))
    gone = {"maxConcurrentCalls": None, "expiresAt": None, "callingWindow": None, "webhooks": {"onEvent": None}, "scheduledStartTime": None}
    answer = patch(api, batch, acme, gone)
    assert (answer.status, answer.json()["status"]) == (200, "pending"), answer
    status = told(api, batch, acme)
    assert (status["maxConcurrentCalls"], status["callingWindow"], status["priority"]) == (None, None, 3)
    starts, expires = (datetime.datetime.fromisoformat(status[name]) for name in ("startsAt", "expiresAt"))
    assert expires - starts == datetime.timedelta(days=30)
    assert "onEvent" not in status["webhooks"] and status["webhooks"]["onCallComplete"] == "http://127.0.0.1:9/b"


def test_a_tag_stands_for_the_settings_and_for_nothing_that_a_call_changes(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(5), maxCallsPerSecond=30)
    first = etag(api, batch, acme)
    fleet = Fleet(api.engine)
    fleet.run(5.0, until=lambda: told(api, batch, acme)["statistics"]["processed"] >= 2)
    assert etag(api, batch, acme) == first
    answer = patch(api, batch, acme, {"maxCallsPerSecond": 1}, first)
    assert answer.status == 200, answer
    second = answer.headers["etag"]
    assert second != first and etag(api, batch, acme) == second == api.get(f"/api/v1/batch/{batch}/status", acme).headers["etag"]
    same = patch(api, batch, acme, {"maxCallsPerSecond": 1}, second)
    assert (same.json()["message"], same.headers["etag"]) == ("The batch is like that already.", second)


@pytest.mark.parametrize("if_match", ['"7"', 'W/"1"', "1", '""', '"1', "nothing"])
def test_another_tag_changes_nothing(api: Api, acme: str, if_match: str) -> None:
    batch = api.create(acme, numbers(1))
    before = api.snapshot()
    answer = patch(api, batch, acme, {"priority": 9}, if_match)
    assert (answer.status, answer.code) == (412, "PRECONDITION_FAILED")
    assert answer.json()["details"] == {"etag": '"1"'}
    assert api.snapshot() == before


def test_the_second_of_two_who_read_the_same_is_told_so(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(1))
    read = etag(api, batch, acme)
    assert patch(api, batch, acme, {"priority": 9}, read).status == 200
    assert patch(api, batch, acme, {"maxCallsPerSecond": 2}, read).status == 412
    assert patch(api, batch, acme, {"maxCallsPerSecond": 2}, f'"x", {etag(api, batch, acme)}').status == 200
    assert patch(api, batch, acme, {"maxCallsPerSecond": 4}, "*").status == 200
    assert patch(api, batch, acme, {"maxConcurrentCalls": 2}).status == 200
    options = told(api, batch, acme)["options"]
    assert (options["priority"], options["maxCallsPerSecond"], options["maxConcurrentCalls"]) == (9, 4, 2)


def test_all_faults_are_told_at_once_and_nothing_changes(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(1))
    before = api.snapshot()
    wrong: dict[str, Any] = {"priority": 11, "maxCallsPerSecond": 0, "novel": 1, "tags": ["", 7], "webhooks": {"onEvent": "ftp://x"},
             "retryStrategy": {"maxAttempts": 9}, "expiresAt": from_now(-HOUR), "trunk": "second"}
    paths = {"priority", "maxCallsPerSecond", "novel", "tags[0]", "tags[1]", "webhooks.onEvent", "retryStrategy.maxAttempts", "expiresAt", "trunk"}
    answer = patch(api, batch, acme, wrong)
    assert (answer.status, answer.code, set(answer.field_errors)) == (400, "INVALID_REQUEST", paths), answer
    answer = patch(api, batch, acme, {"options": wrong})
    assert set(answer.field_errors) == {f"options.{path}" for path in paths}
    assert api.snapshot() == before


def test_a_batch_keeps_to_its_trunks_numbers_and_its_tenants_window(api: Api, acme: str) -> None:
    window = {**EVERYTHING["callingWindow"], "closedDates": ["2035-01-01"]}
    key = api.tenant("keeper", window=json.dumps(window))
    batch = api.create(key, numbers(1), callingWindow=EVERYTHING["callingWindow"])
    answer = patch(api, batch, key, {"callerIds": ["+15550002222"]})
    assert (answer.status, list(answer.field_errors)) == (400, ["callerIds[0]"])
    assert patch(api, batch, key, {"callingWindow": None}).status == 200
    assert told(api, batch, key)["callingWindow"] == window


def test_the_schedule_changes_until_the_start_and_not_after(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(1))
    before = api.snapshot()
    for body in ({"scheduledStartTime": from_now(HOUR)}, {"timezone": "Asia/Kolkata"}, {"scheduledStartTime": None, "priority": 2}):
        answer = patch(api, batch, acme, body)
        assert (answer.status, answer.code) == (409, "BATCH_STATE")
        assert answer.json()["details"] == {"status": "pending", "allowedStates": ["draft", "scheduled", "paused"]}
    assert api.snapshot() == before


def test_a_draft_is_changed_and_found_by_its_new_tags(api: Api, acme: str) -> None:
    made = api.post("/api/v1/batch?draft=true", {"agentId": "agent_123", "options": {"tags": ["sketch"]}}, acme)
    assert made.status == 202, made
    batch = made.json()["batchId"]
    start = from_now(HOUR)
    answer = patch(api, batch, acme, {"tags": ["final"], "scheduledStartTime": start, "timezone": "Europe/Berlin", "priority": 8})
    assert (answer.status, answer.json()["status"]) == (200, "draft"), answer
    listed = {tag: [row["batchId"] for row in api.get(f"/api/v1/batch/list?tag={tag}", acme).json()] for tag in ("sketch", "final")}
    assert batch in listed["final"] and batch not in listed["sketch"]
    contacts = api.post(f"/api/v1/batch/{batch}/contacts", {"contacts": [{"phoneNumber": number} for number in numbers(2)]}, acme)
    assert contacts.status in (200, 202), contacts
    started = api.post(f"/api/v1/batch/{batch}/start", {}, acme)
    assert (started.status, started.json()["status"]) in ((200, "scheduled"), (202, "scheduled")), started
    status = told(api, batch, acme)
    assert (status["startsAt"], status["priority"], status["tags"]) == (start, 8, ["final"])
    listed = {tag: [row["batchId"] for row in api.get(f"/api/v1/batch/list?tag={tag}", acme).json()] for tag in ("sketch", "final")}
    assert batch in listed["final"] and batch not in listed["sketch"]


def test_what_is_over_is_not_changed(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(1))
    api.post(f"/api/v1/batch/{batch}/cancel", key=acme)
    before = api.snapshot()
    answer = patch(api, batch, acme, {"priority": 99})
    assert (answer.status, answer.code) == (409, "BATCH_STATE")
    assert answer.json()["details"]["status"] == "cancelled"
    assert {"pending", "processing", "paused"} <= set(answer.json()["details"]["allowedStates"])
    assert api.snapshot() == before


def test_another_tenants_batch_is_not_there(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(1))
    stranger = api.tenant("globex-patch")
    answer = patch(api, batch, stranger, {"priority": 9})
    assert (answer.status, answer.code) == (404, "BATCH_NOT_FOUND")
    viewer = api.key("acme", role="viewer")
    assert patch(api, batch, viewer, {"priority": 9}).status == 403
    assert patch(api, batch, acme, {"priority": 9, "userId": "globex-patch"}).status == 403
