# SPDX-License-Identifier: Apache-2.0
"""Changes and redials of a batch that cannot be, and single calls that are not placed. The batch that they are sent to could
be changed; it has not ended."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.bad_requests.row import Row, get, post, request

PATH = "/api/v1/batch/<batch>"


def send(body: Any, *headers: str, path: str = PATH, content_type: str = "application/json", **how: Any) -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return request("PATCH", path, f"Content-Length: {len(text)}", f"Content-Type: {content_type}", *headers, body=text, **how)


def bad(name: str, body: Any, *paths: str) -> Row:
    return Row(f"a change with {name}", send(body), 400, "INVALID_REQUEST", paths)


def of_bodies() -> list[Row]:
    good = {"priority": 5}
    return [
        bad("no body", b"", "body"),
        bad("a list", [good], "body"),
        bad("half a body", b'{"priority":', "priority"),
        bad("one name twice", b'{"priority":5,"priority":6}', "priority"),
        bad("an unknown field", {"novel": 1, "prioritY": 2}, "novel", "prioritY"),
        bad("what is counted", {"status": "paused", "total": 9, "revision": 3}, "status", "total", "revision"),
        bad("another agent", {"agentId": "a"}, "agentId"),
        bad("contacts", {"contacts": [{"phoneNumber": "+15550100001"}]}, "contacts"),
        bad("options and one beside them", {"options": good, "priority": 5}, "priority"),
        bad("options as a text", {"options": "priority=5"}, "options"),
        bad("options as null", {"options": None}, "options"),
        bad("an unknown field among options", {"options": {"novel": 1}}, "options.novel"),
        bad("nulls where something must be", {"priority": None, "maxCallsPerSecond": None, "tags": None, "retryStrategy": {"maxAttempts": None}},
            "priority", "maxCallsPerSecond", "tags", "retryStrategy.maxAttempts"),
        bad("numbers out of range", {"priority": 0, "maxCallsPerSecond": 31, "maxConcurrentCalls": 10001, "ringTimeout": 4, "summaryWait": 601},
            "priority", "maxCallsPerSecond", "maxConcurrentCalls", "ringTimeout", "summaryWait"),
        bad("another trunk", {"trunk": "second"}, "trunk"),
        bad("a window of contacts", {"callingWindow": {"start": "09:00", "end": "17:00", "timezone": "contact"}}, "callingWindow.timezone"),
        bad("a private URL", {"webhooks": {"onEvent": "http://127.0.0.1/x"}}, "webhooks.onEvent"),
        bad("an expiry in the past", {"expiresAt": "2024-01-01T00:00:00Z"}, "expiresAt"),
        bad("a start in the past", {"scheduledStartTime": "2024-01-01T00:00:00Z"}, "scheduledStartTime"),
        bad("a user that is none", {"userId": 7, "priority": 5}, "userId"),
        Row("a change by the query", send(good, path=f"{PATH}?priority=5"), 400, "INVALID_REQUEST", ("priority",)),
        Row("a change of text", send(b"priority=5", content_type="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        Row("a change that is too long", send(b'{"tags":["' + b"x" * 70_000 + b'"]}'), 413, "BODY_TOO_LARGE"),
    ]


def of_access() -> list[Row]:
    good = {"priority": 5}
    return [
        Row("a change without a key", send(good, key=""), 401, "UNAUTHORIZED"),
        Row("a change with a viewer's key", send(good, key="<viewer>"), 403, "FORBIDDEN"),
        Row("a change with an operator's key", send(good, key="<operator>"), 403, "FORBIDDEN"),
        Row("a change for another user", send({**good, "userId": "globex"}), 403, "FORBIDDEN"),
        Row("a change of somebody else's", send(good, path="/api/v1/batch/<theirs>"), 404, "BATCH_NOT_FOUND"),
        Row("a change of nothing", send(good, path="/api/v1/batch/batch_c0_00000000000000000000"), 404, "BATCH_NOT_FOUND"),
        Row("a change of a status", send(good, path=f"{PATH}/status"), 405, "METHOD_NOT_ALLOWED", allow="GET, HEAD"),
        *(Row(f"a change if it is {tag}", send(good, f"If-Match: {tag}"), 412, "PRECONDITION_FAILED")
          for tag in ('"2"', 'W/"1"', "1", '"1', '"1" x', "")),
    ]


def of_redials() -> list[Row]:
    path = f"{PATH}/redial"
    bodies: dict[str, tuple[Any, tuple[str, ...]]] = {
        "a list": ([], ("body",)),
        "an unknown field": ({"outcome": ["BUSY"]}, ("outcome",)),
        "no outcome": ({"outcomes": []}, ("outcomes",)),
        "one outcome as a text": ({"outcomes": "BUSY"}, ("outcomes",)),
        "13 outcomes": ({"outcomes": ["BUSY"] * 13}, ("outcomes",)),
        "outcomes that are none": ({"outcomes": ["busy", "MISSED", 7, None]}, tuple(f"outcomes[{i}]" for i in range(4))),
        "whom somebody spoke to": ({"outcomes": ["BUSY", "COMPLETED"]}, ("outcomes[1]",)),
        "options as a text": ({"options": "all"}, ("options",)),
        "contacts": ({"contacts": []}, ("contacts",)),
        "a user that is none": ({"userId": 7}, ("userId",)),
    }
    rows = [Row(f"a redial with {name}", post(path, body), 400, "INVALID_REQUEST", paths) for name, (body, paths) in bodies.items()]
    return [
        *rows,
        Row("a redial by the query", post(f"{path}?outcome=BUSY"), 400, "INVALID_REQUEST", ("outcome",)),
        Row("a redial of what runs", post(path), 409, "BATCH_STATE"),
        Row("a redial of somebody else's", post("/api/v1/batch/<theirs>/redial"), 404, "BATCH_NOT_FOUND"),
        Row("a redial with a viewer's key", post(path, key="<viewer>"), 403, "FORBIDDEN"),
        Row("a redial without a key", post(path, key=""), 401, "UNAUTHORIZED"),
        Row("a redial for another user", post(path, {"userId": "globex"}), 403, "FORBIDDEN"),
    ]


def of_dials() -> list[Row]:
    path, good = "/api/v1/call/dial", {"to": "+15550100001", "agentConfigId": "agent_123"}
    bodies: dict[str, tuple[Any, tuple[str, ...]]] = {
        "no body": (b"", ("body",)),
        "a list": ([good], ("body",)),
        "nothing": ({}, ("to", "agentConfigId")),
        "nulls": ({"to": None, "agentConfigId": None}, ("to", "agentConfigId")),
        "a number as a number": ({**good, "to": 15550100001}, ("to",)),
        "a number that is none": ({**good, "to": "0155"}, ("to",)),
        "two numbers": ({**good, "to": ["+15550100001", "+15550100002"]}, ("to",)),
        "an unknown field": ({**good, "phoneNumber": "+15550100002", "agentId": "b"}, ("phoneNumber", "agentId")),
        "an unknown detail": ({**good, "callerDetails": {"phone": "1", "timezone": "UTC"}}, ("callerDetails.phone", "callerDetails.timezone")),
        "details as a text": ({**good, "callerDetails": "Jane"}, ("callerDetails",)),
        "bad details": ({**good, "callerDetails": {"name": 7, "email": "x", "company": [], "metadata": "{}"}},
                        ("callerDetails.name", "callerDetails.email", "callerDetails.company", "callerDetails.metadata")),
        "a contact id too long": ({**good, "contactId": "x" * 129}, ("contactId",)),
        "a private URL": ({**good, "statusCallBackUrl": "https://10.0.0.1/"}, ("statusCallBackUrl",)),
        "options": ({**good, "options": {"priority": 5}}, ("options",)),
        "a user that is none": ({**good, "userId": 7}, ("userId",)),
    }
    rows = [Row(f"a dial with {name}", post(path, body), 400, "INVALID_REQUEST", paths) for name, (body, paths) in bodies.items()]
    return [
        *rows,
        Row("a dial by the query", post(f"{path}?to=1", good), 400, "INVALID_REQUEST", ("to",)),
        Row("a dial of text", post(path, b"to=1", content_type="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        Row("a dial with a viewer's key", post(path, good, key="<viewer>"), 403, "FORBIDDEN"),
        Row("a dial with an operator's key", post(path, good, key="<operator>"), 403, "FORBIDDEN"),
        Row("a dial without a key", post(path, good, key=""), 401, "UNAUTHORIZED"),
        Row("a dial for another user", post(path, {**good, "userId": "globex"}), 403, "FORBIDDEN"),
        *(Row(f"{what} of {whose}", get(f"{route}?callId={call}"), 404, "CALL_NOT_FOUND")
          for what, route in (("live status", "/api/v1/status/call"), ("kept status", "/api/v1/call/check-status"))
          for whose, call in (("somebody else's call", "<theirs>-0"), ("a contact that is none", "<batch>-1"), ("a batch", "<batch>"))),
        Row("a call's status without an id", get("/api/v1/status/call"), 400, "INVALID_REQUEST", ("callId",)),
        Row("a list of another kind", get("/api/v1/batch/list?kind=call"), 400, "INVALID_REQUEST", ("kind",)),
    ]


ROWS = [*of_bodies(), *of_access(), *of_redials(), *of_dials()]
