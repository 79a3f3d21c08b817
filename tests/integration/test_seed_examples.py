# SPDX-License-Identifier: Apache-2.0
"""The published examples of the API that clients move over from, field by field: each request as it is printed gets the
answer that is printed for it, by status, names, types and, where they are fixed, words; and so does each webhook.

What Carillon adds may stand beside it. Facts only: no text here is anybody's but the words that clients may compare."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.http_receiver import HttpReceiver
from tests.support.processes import Process
from tests.support.producer_api import Answer, Api
from tests.support.redis_server import RedisServer

PRIVATE = ("--allow-private-webhooks", "127.0.0.0/8")
CONTACTS = [
    {"id": "contact_1", "phoneNumber": "+15551234567", "name": "John Doe", "email": "john@example.com", "company": "Acme Corp",
     "metadata": {"lead_score": 85, "source": "website"}},
    {"phoneNumber": "+15559876543", "name": "Jane Smith", "company": None},
    {"phoneNumber": "+44 2071838750"},
]  # fmt: skip
PRINTED_START = "2025-11-16T09:00:00.000Z"
OPTIONS = {
    "priority": 5,
    "maxCallsPerSecond": 10,
    "scheduledStartTime": PRINTED_START,
    "timezone": "UTC",
    "retryStrategy": {"maxAttempts": 3, "noAnswerDelay": 3600000, "busyDelay": 300000},
    "webhooks": {
        "onBatchComplete": "https://api.your-crm.com/webhook/batch-complete",
        "onCallComplete": "https://api.your-crm.com/webhook/call-complete",
    },
    "tags": ["Q4_campaign", "high_priority"],
}
COMPLETE = {
    "agentId": "agent_123",
    "userId": "user_456",
    "contacts": CONTACTS,
    "options": {
        "priority": 7,
        "maxCallsPerSecond": 12,
        "scheduledStartTime": PRINTED_START,
        "timezone": "America/New_York",
        "retryStrategy": {"maxAttempts": 3, "noAnswerDelay": 3600000, "busyDelay": 300000},
        "webhooks": {
            "onBatchComplete": "https://api.yourcompany.com/webhooks/batch-complete",
            "onCallComplete": "https://api.yourcompany.com/webhooks/call-complete",
        },
        "tags": ["Q4_2025", "lead_qualification", "high_value"],
    },
}
FRAGMENTS = [
    {"maxCallsPerSecond": 15},
    {"scheduledStartTime": PRINTED_START, "timezone": "America/New_York"},
    {"retryStrategy": {"maxAttempts": 3, "noAnswerDelay": 3600000, "busyDelay": 300000}},
    {"webhooks": {**OPTIONS["webhooks"], "onBatchFailed": "https://api.your-crm.com/webhook/batch-failed"}},
    {"tags": ["Q4_campaign", "high_priority", "lead_qualification"]},
    # Urgent notifications, standard outreach, low-priority campaigns.
    {"retryStrategy": {"maxAttempts": 2, "noAnswerDelay": 1800000, "busyDelay": 300000}},
    {"retryStrategy": {"maxAttempts": 3, "noAnswerDelay": 3600000, "busyDelay": 900000}},
    {"retryStrategy": {"maxAttempts": 2, "noAnswerDelay": 14400000, "busyDelay": 1800000}},
    *({"timezone": zone} for zone in ("America/New_York", "America/Chicago", "America/Los_Angeles", "Europe/London", "Asia/Tokyo")),
    {},
]

# ---- shapes: a type, one of several, a pattern, a word, or what an object or list holds ----

NUMBER = (int, float)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MAYBE_TEXT = (str, type(None))
MAYBE_NUMBER = (int, float, type(None))
BATCH_STATES = {"ingesting", "scheduled", "pending", "processing", "completed", "cancelled"}
CALL_STATES = {"SCHEDULED", "ONGOING", "COMPLETED", "MISSED", "FAILED"}
LINK = re.compile(r"https?://.*batch_.*")
STATISTICS = {"total": int, "processed": int, "succeeded": int, "failed": int, "percentComplete": NUMBER, "successRate": NUMBER}


def misfits(shape: Any, value: Any, path: str = "") -> list[str]:
    """Where the value is not of the shape; members that the shape has not are no fault."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no object"]
        missing = [f"{path}.{name} is missing" for name in shape.keys() - value.keys()]
        return missing + [fault for name in shape.keys() & value.keys() for fault in misfits(shape[name], value[name], f"{path}.{name}")]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [fault for i, item in enumerate(value) for fault in misfits(shape[0], item, f"{path}[{i}]")]
    if isinstance(shape, re.Pattern):
        fits = isinstance(value, str) and bool(shape.fullmatch(value))
    elif isinstance(shape, (set, frozenset)):
        fits = value in shape
    elif isinstance(shape, (type, tuple)):
        fits = isinstance(value, shape) and not (isinstance(value, bool) and shape is not bool)
    else:
        fits = value == shape
    return [] if fits else [f"{path}: {value!r} is not {shape!r}"]


def assert_answer(answer: Answer, status: int, shape: Any) -> Any:
    assert answer.status == status, answer
    assert misfits(shape, answer.json()) == [], answer
    return answer.json()


@pytest.fixture(scope="module")
def api(redis_server: RedisServer) -> Iterator[Api]:
    with Api(redis_server, *PRIVATE) as running:
        running.trunk("main")
        yield running


@pytest.fixture(scope="module")
def key(api: Api) -> str:
    return api.tenant("acme", alias="user_456")


def ahead(options: dict[str, Any]) -> dict[str, Any]:
    """The options with their printed start, which is over, moved into the future."""
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
    moved = {"scheduledStartTime": later.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    return {**options, **(moved if "scheduledStartTime" in options else {})}


def body(options: dict[str, Any], contacts: Any = None) -> dict[str, Any]:
    return {"agentId": "agent_123", "userId": "user_456", "contacts": contacts or CONTACTS, "options": options}


CREATED = {"success": True, "batchId": re.compile("batch_.+"), "status": BATCH_STATES, "message": str, "links": {"status": LINK, "dashboard": LINK}}


# ---- creating ----


@pytest.mark.parametrize("options", [OPTIONS, COMPLETE["options"], *FRAGMENTS], ids=lambda options: "-".join(options)[:60] or "none")
def test_a_printed_creation_is_accepted(api: Api, key: str, options: dict[str, Any]) -> None:
    told = assert_answer(api.post("/api/v1/batch", body(ahead(options)), key), 202, CREATED)
    assert told["status"] == ("scheduled" if "scheduledStartTime" in options else "pending")
    kept = api.get(f"/api/v1/batch/{told['batchId']}", key).json()["options"]
    for name, value in ahead(options).items():
        if name != "scheduledStartTime":
            assert kept[name] == value or misfits(value, kept[name], name) == []


def test_the_complete_example_is_accepted_as_a_whole(api: Api, key: str) -> None:
    told = assert_answer(api.post("/api/v1/batch", {**COMPLETE, "options": ahead(COMPLETE["options"])}, key), 202, CREATED)
    assert told["total"] == len(CONTACTS)
    # The printed link is one that works.
    status = told["links"]["status"].split("/", 3)[3]
    assert api.get(f"/{status}", key).json()["batchId"] == told["batchId"]


def test_defaults_are_the_printed_ones(api: Api, key: str) -> None:
    batch = api.post("/api/v1/batch", body({}), key).json()["batchId"]
    kept = api.get(f"/api/v1/batch/{batch}", key).json()["options"]
    printed = {"priority": 5, "maxCallsPerSecond": 10, "timezone": "UTC", "maxCallDuration": 1800,
               "retryStrategy": {"maxAttempts": 3, "noAnswerDelay": 3600000, "busyDelay": 300000}}  # fmt: skip
    assert misfits(printed, kept) == []


@pytest.mark.parametrize(
    ("option", "least", "most"), [("priority", 1, 10), ("maxCallsPerSecond", 1, 30), ("retryStrategy.maxAttempts", 1, 5)]
)
def test_the_printed_ranges_hold(api: Api, key: str, option: str, least: int, most: int) -> None:
    outer, _, inner = option.partition(".")
    for number, status in ((least - 1, 400), (least, 202), (most, 202), (most + 1, 400)):
        answer = api.post("/api/v1/batch", body({outer: {inner: number} if inner else number}), key)
        assert answer.status == status, (number, answer)
        assert status == 202 or list(answer.field_errors) == [f"options.{option}"]


# ---- errors, word by word ----


def test_what_is_missing_is_told_as_printed(api: Api, key: str) -> None:
    printed = {"error": "Validation failed", "code": "INVALID_REQUEST",
               "details": {"fieldErrors": {"contacts": ["At least one contact required"], "agentId": ["Agent ID is required"]}}}  # fmt: skip
    for request in ({}, {"agentId": "", "contacts": []}):
        assert_answer(api.post("/api/v1/batch", request, key), 400, printed)


def test_a_start_that_is_over_is_told_as_printed(api: Api, key: str) -> None:
    for options in (OPTIONS, COMPLETE["options"], FRAGMENTS[1]):
        assert_answer(api.post("/api/v1/batch", body(options), key), 400, {"error": "Scheduled start time must be in the future"})


def test_missing_credit_is_told_as_printed(api: Api) -> None:
    poor = api.tenant("poor", available_s=500 * 60)
    contacts = [{"phoneNumber": f"+1555{number:07}"} for number in range(1000)]
    printed = {"error": "Insufficient call minutes", "code": "INSUFFICIENT_CREDITS",
               "message": "Estimated 2000 minutes required, but only 500 available",
               "details": {"estimatedMinutesRequired": 2000, "availableMinutes": 500}}  # fmt: skip
    assert_answer(api.post("/api/v1/batch", {"agentId": "agent_123", "contacts": contacts}, poor), 402, printed)


def test_an_unknown_agent_is_told_as_printed(api: Api) -> None:
    choosy = api.tenant("choosy")
    listed = {"tenant": "choosy", "agents": [{"id": "agent_9"}]}
    assert api.send("PUT", "/api/v1/admin/agents", listed, api.key("", "operator")).status == 200
    printed = {"error": "Agent not found or inactive", "code": "AGENT_NOT_FOUND",
               "message": "The specified agent does not exist, is inactive, or you do not have access to it"}  # fmt: skip
    assert_answer(api.post("/api/v1/batch", {"agentId": "agent_123", "contacts": CONTACTS}, choosy), 404, printed)


def test_who_may_not_is_told_by_the_printed_status(api: Api, key: str) -> None:
    shape = {"error": str, "code": str, "message": str}
    assert_answer(api.post("/api/v1/batch", body({})), 401, shape)
    assert_answer(api.post("/api/v1/batch", body({}), "crl_wrong"), 401, shape)
    assert_answer(api.post("/api/v1/batch", {**body({}), "userId": "user_999"}, key), 403, shape)
    assert_answer(api.get("/api/v1/batch/check-status?batchId=batch_123&userId=user_456", key), 404, shape)


# ---- asking ----


@pytest.fixture(scope="module")
def batch(api: Api, key: str) -> str:
    """One whose first call ended, whose second is on the line, and whose third waits."""
    contacts = [{**contact, "phoneNumber": number} for contact, number in zip(CONTACTS, api.fresh_numbers(3))]
    made = api.create(key, contacts, retryStrategy={"maxAttempts": 1}, webhooks={"onCallComplete": "https://api.your-crm.com/call"})
    api.engine.finish(api.engine.begin_next(made), provider_id="call_abc", duration="180", recording="https://r.example/1")
    api.engine.accept(api.engine.begin_next(made), "call_def")
    return made


def test_statistics_are_told_as_printed(api: Api, key: str, batch: str) -> None:
    call = {"id": str, "callSid": MAYBE_TEXT, "status": CALL_STATES, "duration": MAYBE_NUMBER, "createdAt": INSTANT, "phoneNumber": str,
            "contactName": str}  # fmt: skip
    shape = {
        "batchId": batch, "status": "processing", "priority": 5, "statistics": {**STATISTICS, "pending": int},
        "performance": {"callsPerSecond": NUMBER, "estimatedTimeRemaining": MAYBE_NUMBER, "elapsedTime": int},
        "timestamps": {"createdAt": INSTANT, "startedAt": INSTANT, "completedAt": None}, "recentCalls": [call],
        "webhooks": {"onCallComplete": "https://api.your-crm.com/call"}, "agentId": "agent_123", "userId": MAYBE_TEXT,
    }  # fmt: skip
    told = assert_answer(api.get(f"/api/v1/batch/check-status?batchId={batch}", key), 200, shape)
    assert told["statistics"] == {"total": 3, "processed": 1, "succeeded": 1, "failed": 0, "pending": 2, "percentComplete": 33.33,
                                  "successRate": 100}  # fmt: skip
    for limit, count in (("1", 1), ("10", 2), ("all", 3), ("-1", 3)):
        told = assert_answer(api.get(f"/api/v1/batch/check-status?batchId={batch}&limit={limit}", key), 200, shape)
        assert len(told["recentCalls"]) == count, limit
    assert {call["contactName"] for call in told["recentCalls"]} == {"John Doe", "Jane Smith", "Unknown"}


def test_calls_are_told_live_as_printed(api: Api, key: str, batch: str) -> None:
    call = {"callId": str, "status": CALL_STATES, "startTime": MAYBE_TEXT, "phoneNumber": str, "error": MAYBE_TEXT, "duration": MAYBE_NUMBER,
            "recordingUrl": MAYBE_TEXT}  # fmt: skip
    told = assert_answer(api.get(f"/api/v1/status/batch?batchId={batch}", key), 200, {"batchId": batch, "calls": [call]})
    assert [call["status"] for call in told["calls"]] == ["COMPLETED", "ONGOING", "SCHEDULED"]
    assert (told["calls"][0]["duration"], told["calls"][0]["recordingUrl"]) == (180, "https://r.example/1")


def test_the_list_is_told_as_printed(api: Api, key: str, batch: str) -> None:
    entry = {"batchId": str, "status": BATCH_STATES, "total": int, "processed": int, "succeeded": int, "failed": int, "percentComplete": NUMBER,
             "createdAt": INSTANT, "agentId": "agent_123", "priority": int}  # fmt: skip
    told = assert_answer(api.get("/api/v1/batch/list?userId=user_456", key), 200, [entry])
    assert batch in [entry["batchId"] for entry in told]
    assert [entry["createdAt"] for entry in told] == sorted((entry["createdAt"] for entry in told), reverse=True)


def test_a_cancel_is_told_as_printed(api: Api, key: str) -> None:
    made = api.create(key, api.fresh_numbers(50))
    printed = {"success": True, "batchId": made, "status": "cancelled", "cancelledJobs": 50, "message": "Batch processing cancelled successfully"}
    assert_answer(api.post(f"/api/v1/batch/cancel?batchId={made}", {"userId": "user_456"}, key), 200, printed)


# ---- single calls ----

DIALED = {"to": "+15551234567", "agentConfigId": "agent_123", "userId": "user_456", "contactId": "contact_1",
          "callerDetails": {"name": "John Doe", "email": "john@example.com", "company": "Acme Corp", "metadata": {"lead_score": 85}},
          "statusCallBackUrl": "https://api.your-crm.com/call-status"}  # fmt: skip


def test_a_single_call_is_placed_followed_and_not_placed_twice(api: Api, key: str) -> None:
    request = {**DIALED, "to": api.fresh_numbers(1)[0]}
    told = assert_answer(api.post("/api/v1/call/dial", request, key), 200, {"success": True, "callId": str, "status": CALL_STATES, "message": str})
    call = told["callId"]
    live = {"callId": call, "status": CALL_STATES, "startTime": MAYBE_TEXT, "phoneNumber": request["to"], "error": MAYBE_TEXT,
            "duration": MAYBE_NUMBER, "recordingUrl": MAYBE_TEXT}  # fmt: skip
    assert_answer(api.get(f"/api/v1/status/call?callId={call}", key), 200, live)
    assert_answer(api.get(f"/api/v1/call/check-status?callId={call}", key), 200, {"callId": call, "status": CALL_STATES, "phoneNumber": request["to"]})
    assert_answer(api.post("/api/v1/call/dial", request, key), 409, {"error": str, "code": str, "message": str})
    assert_answer(api.get("/api/v1/status/call?callId=call_456", key), 404, {"error": str, "code": str, "message": str})


@pytest.mark.parametrize("missing", ["to", "agentConfigId"])
def test_what_a_single_call_lacks_is_told(api: Api, key: str, missing: str) -> None:
    answer = api.post("/api/v1/call/dial", {name: value for name, value in DIALED.items() if name != missing}, key)
    assert (answer.status, list(answer.field_errors)) == (400, [missing])


def test_health_is_told_without_a_key(api: Api) -> None:
    assert_answer(api.get("/api/v1/health"), 200, {"status": "ok"})


# ---- webhooks ----

# The page about options prints a flat form, the page about webhooks one with callData: clients of either find theirs.
FLAT_CALL = {"event": "call.completed", "callId": str, "status": "COMPLETED", "duration": 180, "summary": "Call summary text..."}
CALL_DATA = {
    "success": True,
    "callData": {
        "id": str, "contactId": "contact_1", "agentId": "agent_123", "batchId": str, "status": "COMPLETED", "startTime": INSTANT,
        "endTime": INSTANT, "duration": 180, "phoneNumber": re.compile(r"\+\d+"), "contactName": "John Doe", "transcription": [object],
        "recordingUrl": "https://r.example/1", "summary": "Call summary text...", "metricJson": {},
    },
}  # fmt: skip
BATCH_COMPLETE = {"event": "batch.completed", "batchId": str, "agentId": "agent_123", "userId": "user_456",
                  "statistics": {**STATISTICS, "total": 2, "succeeded": 1, "failed": 1},
                  "timestamps": {"createdAt": INSTANT, "startedAt": INSTANT, "completedAt": INSTANT}}  # fmt: skip
BATCH_FAILED = {"event": "batch.failed", "batchId": str, "agentId": "agent_123", "error": "Insufficient call minutes",
                "code": "INSUFFICIENT_CREDITS", "timestamp": INSTANT}  # fmt: skip


@pytest.fixture(scope="module")
def events(api: Api) -> Iterator[list[dict[str, Any]]]:
    """What a batch of two calls told, and one whose tenant's credit was used up."""
    flags = ("--secrets-key-file", str(api.secrets_key), "--listen", "127.0.0.1:0", *PRIVATE)
    with HttpReceiver() as receiver, Process("carillon-notifier", *api.server.flags("carillon-notifier"), *flags):
        urls = {name: f"{receiver.url}/{name}" for name in ("onBatchComplete", "onCallComplete", "onBatchFailed")}
        key = api.tenant("teller", alias="user_456")
        contacts = [{**CONTACTS[0], "phoneNumber": api.fresh_numbers(1)[0]}, api.fresh_numbers(1)[0]]
        made = api.post("/api/v1/batch", {"agentId": "agent_123", "userId": "user_456", "contacts": [contacts[0], {"phoneNumber": contacts[1]}],
                                          "options": {"webhooks": urls, "retryStrategy": {"maxAttempts": 1}}}, key).json()["batchId"]  # fmt: skip
        for outcome, texts in (("COMPLETED", {"duration": "180", "summary": "Call summary text...", "recording": "https://r.example/1"}), ("BUSY", {})):
            api.engine.finish(api.engine.begin_next(made), "final", outcome, **texts)
        ended = len(receiver.wait_for(3, deadline_s=60.0))
        api.tenant("spent", available_s=600)
        poor = api.create(api.key("spent"), api.fresh_numbers(1), webhooks=urls)
        api.client.hset(api.engine.key("tenant:spent"), "available_s", 0)
        for _ in range(200):
            slots = api.engine.claim().slots
            api.engine.begin(slots)
            if api.batch(poor)["state"] == "paused":
                break
        yield [request.json() for request in receiver.wait_for(ended + 1, deadline_s=60.0)]


def one_of(events: list[dict[str, Any]], event: str, **members: Any) -> dict[str, Any]:
    (found,) = [told for told in events if told["event"] == event and members.items() <= told.items()]
    return found


@pytest.mark.parametrize("shape", [FLAT_CALL, CALL_DATA], ids=["flat", "callData"])
def test_the_end_of_a_call_is_told_as_printed(events: list[dict[str, Any]], shape: dict[str, Any]) -> None:
    told = one_of(events, "call.completed", status="COMPLETED")
    assert misfits(shape, told) == [], json.dumps(told)
    assert told["callId"] == told["callData"]["id"]


def test_a_call_that_was_not_answered_is_told_once_with_its_status(events: list[dict[str, Any]]) -> None:
    told = one_of(events, "call.completed", status="MISSED")
    assert (told["outcome"], told["success"], told["callData"]["status"]) == ("BUSY", False, "MISSED")


def test_the_end_of_a_batch_is_told_as_printed(events: list[dict[str, Any]]) -> None:
    assert misfits(BATCH_COMPLETE, one_of(events, "batch.completed")) == []


def test_used_up_credit_is_told_as_printed(events: list[dict[str, Any]]) -> None:
    told = {**one_of(events, "batch.failed")}
    assert misfits(BATCH_FAILED, told) == []
