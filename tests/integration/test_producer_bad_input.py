# SPDX-License-Identifier: Apache-2.0
"""What a producer refuses: each fault is named by its path, all of them at once, and Redis holds nothing afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.producer_api import Api, batch_body, numbers

GOOD = batch_body(numbers(1))
RETRY = "options.retryStrategy"


def options(**given: Any) -> dict[str, Any]:
    return batch_body(numbers(1), **given)


def contact(**given: Any) -> dict[str, Any]:
    return batch_body([{"phoneNumber": "+15550100001", **given}])


# (what is sent, the path that must be named)
FAULTY: dict[str, tuple[Any, str]] = {
    "no agent": ({"contacts": GOOD["contacts"]}, "agentId"),
    "an empty agent": ({**GOOD, "agentId": ""}, "agentId"),
    "an agent that is a number": ({**GOOD, "agentId": 7}, "agentId"),
    "an agent too long": ({**GOOD, "agentId": "a" * 129}, "agentId"),
    "a user that is a list": ({**GOOD, "userId": []}, "userId"),
    "no contacts": ({"agentId": "a"}, "contacts"),
    "empty contacts": ({**GOOD, "contacts": []}, "contacts"),
    "contacts of another type": ({**GOOD, "contacts": {"phoneNumber": "+15550100001"}}, "contacts"),
    "contacts null": ({**GOOD, "contacts": None}, "contacts"),
    "a contact that is a text": ({**GOOD, "contacts": ["+15550100001"]}, "contacts[0]"),
    "an unknown field": ({**GOOD, "callerId": "+15550001111"}, "callerId"),
    "no number": (batch_body([{"name": "Jane"}]), "contacts[0].phoneNumber"),
    "a number without a plus": (batch_body([{"phoneNumber": "15550100001"}]), "contacts[0].phoneNumber"),
    "a number too short": (batch_body([{"phoneNumber": "+12345"}]), "contacts[0].phoneNumber"),
    "a number too long": (batch_body([{"phoneNumber": "+1234567890123456"}]), "contacts[0].phoneNumber"),
    "a number that begins with 0": (batch_body([{"phoneNumber": "+05550100001"}]), "contacts[0].phoneNumber"),
    "a number that is a number": (batch_body([{"phoneNumber": 15550100001}]), "contacts[0].phoneNumber"),
    "the second number bad": (batch_body(["+15550100001", {"phoneNumber": "x"}]), "contacts[1].phoneNumber"),
    "an id too long": (contact(id="i" * 129), "contacts[0].id"),
    "a name too long": (contact(name="n" * 201), "contacts[0].name"),
    "an e-mail address that is none": (contact(email="jane at example.com"), "contacts[0].email"),
    "a company that is a list": (contact(company=[]), "contacts[0].company"),
    "an unknown time zone of a contact": (contact(timezone="Mars/Olympus"), "contacts[0].timezone"),
    "metadata that is a list": (contact(metadata=[1]), "contacts[0].metadata"),
    "metadata too large": (contact(metadata={"k": "x" * 5000}), "contacts[0].metadata"),
    "a contact too large": (contact(note="x" * 20000), "contacts[0]"),
    "options that are a text": ({**GOOD, "options": "fast"}, "options"),
    "options null": ({**GOOD, "options": None}, "options"),
    "an unknown option": (options(maxCallPerSecond=5), "options.maxCallPerSecond"),
    "priority 0": (options(priority=0), "options.priority"),
    "priority 11": (options(priority=11), "options.priority"),
    "priority 5.5": (options(priority=5.5), "options.priority"),
    "priority as text": (options(priority="5"), "options.priority"),
    "31 calls a second": (options(maxCallsPerSecond=31), "options.maxCallsPerSecond"),
    "0 calls a second": (options(maxCallsPerSecond=0), "options.maxCallsPerSecond"),
    "10001 concurrent calls": (options(maxConcurrentCalls=10001), "options.maxConcurrentCalls"),
    "a start in the past": (options(scheduledStartTime="2020-01-01T00:00:00Z"), "options.scheduledStartTime"),
    "a start that is no time": (options(scheduledStartTime="tomorrow"), "options.scheduledStartTime"),
    "a start null": (options(scheduledStartTime=None), "options.scheduledStartTime"),
    "an unknown time zone": (options(timezone="New York"), "options.timezone"),
    "an offset for a time zone": (options(timezone="+02:00"), "options.timezone"),
    "6 attempts": (options(retryStrategy={"maxAttempts": 6}), f"{RETRY}.maxAttempts"),
    "a delay of 999 ms": (options(retryStrategy={"busyDelay": 999}), f"{RETRY}.busyDelay"),
    "a delay over 7 days": (options(retryStrategy={"noAnswerDelay": 604_800_001}), f"{RETRY}.noAnswerDelay"),
    "an unknown retry option": (options(retryStrategy={"attempts": 2}), f"{RETRY}.attempts"),
    "onUnknown of another kind": (options(onUnknown="again"), "options.onUnknown"),
    "a ring of 4 s": (options(ringTimeout=4), "options.ringTimeout"),
    "a call of 9 s": (options(maxCallDuration=9), "options.maxCallDuration"),
    "a summary wait of 601 s": (options(summaryWait=601), "options.summaryWait"),
    "a webhook by ftp": (options(webhooks={"onCallComplete": "ftp://crm.example/"}), "options.webhooks.onCallComplete"),
    "a webhook by http": (options(webhooks={"onBatchFailed": "http://10.1.2.3/"}), "options.webhooks.onBatchFailed"),
    "a webhook in a private net": (
        options(webhooks={"onBatchComplete": "https://10.1.2.3/"}),
        "options.webhooks.onBatchComplete",
    ),
    "a webhook with a user": (
        options(webhooks={"onCallComplete": "https://u:p@crm.example/"}),
        "options.webhooks.onCallComplete",
    ),
    "a webhook of no known kind": (options(webhooks={"onCall": "https://crm.example/"}), "options.webhooks.onCall"),
    "33 tags": (options(tags=[f"t{i}" for i in range(33)]), "options.tags"),
    "an empty tag": (options(tags=["ok", ""]), "options.tags[1]"),
    "a tag too long": (options(tags=["t" * 65]), "options.tags[0]"),
    "a tag that is a number": (options(tags=[2025]), "options.tags[0]"),
    "a caller id that is none": (options(callerIds=["5550001111"]), "options.callerIds[0]"),
    "a trunk of somebody else": (options(trunk="third"), "options.trunk"),
    "a calling window without days": (
        options(callingWindow={"start": "09:00", "end": "17:00", "days": []}),
        "options.callingWindow.days",
    ),
    "a calling window in the contact's zone": (
        options(callingWindow={"start": "09:00", "end": "17:00", "timezone": "contact"}),
        "options.callingWindow.timezone",
    ),
    "an expiry in the past": (options(expiresAt="2020-01-01T00:00:00Z"), "options.expiresAt"),
}


@pytest.mark.parametrize("case", FAULTY)
def test_a_fault_is_named_by_its_path_and_nothing_is_kept(api: Api, acme: str, case: str) -> None:
    body, path = FAULTY[case]
    before = api.snapshot()
    answer = api.post("/api/v1/batch", body, acme)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST"), answer
    assert path in answer.field_errors, answer
    assert api.snapshot() == before


# (raw body, the path that must be named)
MALFORMED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "body"),
    "a text": (b'"hello"', "body"),
    "a list": (b"[]", "body"),
    "no JSON": (b"agentId=a", "body"),
    "cut short": (b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001"}', "contacts[0]"),
    "text behind it": (json.dumps(GOOD).encode() + b"x", "body"),
    "a comma too many": (b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001"},]}', "contacts[0]"),
    "a key twice": (b'{"agentId":"a","agentId":"b","contacts":[{"phoneNumber":"+15550100001"}]}', "agentId"),
    "a contact's key twice": (
        b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001","phoneNumber":"+15550100002"}]}',
        "contacts[0].phoneNumber",
    ),
    "bad UTF-8": (b'{"agentId":"\xff\xfe","contacts":[{"phoneNumber":"+15550100001"}]}', "agentId"),
    "bad UTF-8 in a contact": (
        b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001","name":"\xc0\xaf"}]}',
        "contacts[0].name",
    ),
    "a NUL character": (
        b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001","name":"a\\u0000b"}]}',
        "contacts[0].name",
    ),
    "half a surrogate pair": (
        b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001","name":"\\ud800"}]}',
        "contacts[0].name",
    ),
    "a number out of range": (
        b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001","metadata":{"n":1e999}}]}',
        "contacts[0].metadata.n",
    ),
    "a number with a leading zero": (
        b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001"}],"options":{"priority":05}}',
        "options.priority",
    ),
    "too deep": (
        b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001","metadata":' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}]}",
        "contacts[0].metadata",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_text_is_refused_where_it_breaks(api: Api, acme: str, case: str) -> None:
    body, path = MALFORMED[case]
    before = api.snapshot()
    answer = api.request("POST", "/api/v1/batch", body, acme, {"Content-Type": "application/json"})
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST"), answer
    assert any(named == path or named.startswith(path + ".") for named in answer.field_errors), answer
    assert api.snapshot() == before


def test_all_faults_are_named_at_once(api: Api, acme: str) -> None:
    body = batch_body(
        [{"phoneNumber": "x", "email": "y"}, {}], priority=0, tags=[""], webhooks={"onCallComplete": "ftp://x/"}
    )
    answer = api.post("/api/v1/batch", {**body, "agentId": "", "unknown": 1}, acme)
    assert set(answer.field_errors) == {
        "agentId",
        "unknown",
        "contacts[0].phoneNumber",
        "contacts[0].email",
        "contacts[1].phoneNumber",
        "options.priority",
        "options.tags[0]",
        "options.webhooks.onCallComplete",
    }
    assert "more" not in answer.json()["details"]


def test_faults_beyond_a_thousand_are_counted(api: Api, acme: str) -> None:
    before = api.snapshot()
    answer = api.post("/api/v1/batch", batch_body([{"phoneNumber": "x"}] * 2500), acme)
    assert answer.status == 400
    assert len(answer.field_errors) == 1000
    assert answer.json()["details"]["more"] == 1500
    assert api.snapshot() == before


def test_one_bad_contact_behind_thousands_of_good_ones_keeps_nothing(api: Api, acme: str) -> None:
    before = api.snapshot()
    answer = api.post("/api/v1/batch", batch_body([*numbers(5000), "x"]), acme)
    assert list(answer.field_errors) == ["contacts[5000].phoneNumber"]
    assert api.snapshot() == before


def test_the_seeds_words_for_its_own_faults(api: Api, acme: str) -> None:
    answer = api.post("/api/v1/batch", {"contacts": []}, acme).json()
    assert answer["error"] == "Validation failed"
    assert answer["code"] == "INVALID_REQUEST"
    assert answer["details"]["fieldErrors"] == {
        "agentId": ["Agent ID is required"],
        "contacts": ["At least one contact required"],
    }
    past = api.post("/api/v1/batch", options(scheduledStartTime="2020-01-01T00:00:00Z"), acme).json()
    assert past["error"] == "Scheduled start time must be in the future"


def test_no_error_repeats_a_whole_number(api: Api, acme: str) -> None:
    answer = api.post("/api/v1/batch", batch_body([{"phoneNumber": "+1555010000123456"}]), acme)
    assert answer.status == 400
    assert b"555010000" not in answer.body


def test_too_many_contacts_name_the_chunked_way(api: Api, acme: str) -> None:
    before = api.snapshot()
    body = b'{"agentId":"a","contacts":[' + b",".join([b'{"phoneNumber":"+15550100001"}'] * 100_001) + b"]}"
    answer = api.request("POST", "/api/v1/batch", body, acme, {"Content-Type": "application/json"})
    assert (answer.status, answer.code) == (413, "TOO_MANY_CONTACTS")
    assert "/api/v1/batch?draft=true" in answer.json()["message"]
    assert api.snapshot() == before


def test_too_many_bytes_name_the_chunked_way(api: Api, acme: str) -> None:
    before = api.snapshot()
    headers = {"Content-Type": "application/json", "Content-Length": str(32 * 1024 * 1024 + 1), "Expect": "100-continue"}
    answer = api.request("POST", "/api/v1/batch", None, acme, headers)
    assert (answer.status, answer.code) == (413, "BODY_TOO_LARGE")
    assert "/api/v1/batch?draft=true" in answer.json()["message"]
    assert api.snapshot() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "text/csv"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_a_body_that_is_no_json_is_an_unsupported_type(api: Api, acme: str, headers: dict[str, str]) -> None:
    before = api.snapshot()
    answer = api.request("POST", "/api/v1/batch", json.dumps(GOOD).encode(), acme, headers)
    assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert api.snapshot() == before


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", None])
def test_json_may_say_so_in_several_ways(api: Api, acme: str, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = api.request("POST", "/api/v1/batch", json.dumps(GOOD).encode(), acme, headers)
    assert answer.status == 202, answer


@pytest.mark.parametrize("query", ["dryRun=true", "draft=true"])
def test_what_a_later_version_knows_creates_nothing_now(api: Api, acme: str, query: str) -> None:
    before = api.snapshot()
    answer = api.post(f"/api/v1/batch?{query}", GOOD, acme)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
    assert list(answer.field_errors) == [query.partition("=")[0]]
    assert api.snapshot() == before


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v1/batch", "POST"),
        ("DELETE", "/api/v1/batch/batch_c0_1", "GET"),
        ("GET", "/api/v1/batch/batch_c0_1/pause", "POST"),
        ("POST", "/api/v1/webhooks/endpoints", "GET"),
    ],
)
def test_another_method_is_told_which_are_allowed(api: Api, acme: str, method: str, path: str, allowed: str) -> None:
    answer = api.request(method, path, key=acme)
    assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")
    assert allowed in answer.headers["allow"]


def test_an_unknown_route_is_not_found(api: Api, acme: str) -> None:
    answer = api.get("/api/v1/batches", acme)
    assert (answer.status, answer.code) == (404, "ROUTE_NOT_FOUND")


def test_every_answer_has_a_request_id(api: Api, acme: str) -> None:
    for answer in (api.get("/api/v1/health"), api.get("/api/v1/nothing"), api.post("/api/v1/batch", GOOD, acme),
                   api.post("/api/v1/batch", GOOD)):
        assert answer.headers["x-request-id"]
    given = api.request("GET", "/api/v1/batch/list", key=acme, headers={"X-Request-Id": "trace-77"})
    assert given.headers["x-request-id"] == "trace-77"
