# SPDX-License-Identifier: Apache-2.0
"""What a producer refuses, beyond the table of bad_requests: many faults at once, large bodies, the seed's own words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.producer_api import Answer, Api, batch_body, numbers

GOOD = batch_body(numbers(1))


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
    past = api.post("/api/v1/batch", batch_body(numbers(1), scheduledStartTime="2020-01-01T00:00:00Z"), acme).json()
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


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", 'application/json ;charset="UTF-8" ; q=1', None])
def test_json_may_say_so_in_several_ways(api: Api, acme: str, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = api.request("POST", "/api/v1/batch", json.dumps(GOOD).encode(), acme, headers)
    assert answer.status == 202, answer


def test_every_answer_has_a_request_id(api: Api, acme: str) -> None:
    for answer in (api.get("/api/v1/health"), api.get("/api/v1/nothing"), api.post("/api/v1/batch", GOOD, acme),
                   api.post("/api/v1/batch", GOOD)):
        assert answer.headers["x-request-id"]
    given = api.request("GET", "/api/v1/batch/list", key=acme, headers={"X-Request-Id": "trace-77"})
    assert given.headers["x-request-id"] == "trace-77"


def test_what_the_log_says_of_a_request_has_its_id(api: Api, acme: str) -> None:
    def ask(method: str, path: str, body: Any = None, *, name: str) -> Answer:
        payload = None if body is None else json.dumps(body).encode()
        headers = {"X-Request-Id": name, **({"Content-Type": "application/json"} if payload else {})}
        return api.request(method, path, payload, acme, headers)

    batch = ask("POST", "/api/v1/batch", GOOD, name="trace-created").json()["batchId"]
    ask("POST", f"/api/v1/batch/{batch}/pause", name="trace-controlled")
    ask("PUT", "/api/v1/webhooks/endpoints", {"url": "https://traced.example/"}, name="trace-put")
    ask("PUT", "/api/v1/suppressions", {"phoneNumbers": ["+15550190099"]}, name="trace-changed")
    for event, name in (("batch.created", "trace-created"), ("batch.controlled", "trace-controlled"),
                        ("endpoint.put", "trace-put"), ("suppressions.changed", "trace-changed")):  # fmt: skip
        lines = api.process.log_events(event)
        assert all(line["request"] for line in lines) and lines[-1]["request"] == name
