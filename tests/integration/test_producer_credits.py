# SPDX-License-Identifier: Apache-2.0
"""Contacts are taken as far as the tenant's credit covers them, in the seed's words."""

from __future__ import annotations

import json

import pytest

from tests.support.producer_api import Api, batch_body, numbers


@pytest.fixture
def poor(api: Api) -> str:
    """A key of a tenant with a minute of credit too few for two contacts."""
    api.trunk()
    return api.tenant("poor", available_s=239)


def test_contacts_beyond_the_credit_are_refused_in_the_seeds_words_and_leave_nothing(api: Api, poor: str) -> None:
    before = api.snapshot()
    answer = api.post("/api/v1/batch", batch_body(numbers(2)), poor)
    assert answer.status == 402
    assert answer.json() == {
        "error": "Insufficient call minutes",
        "code": "INSUFFICIENT_CREDITS",
        "message": "Estimated 4 minutes required, but only 3 available",
        "details": {"estimatedMinutesRequired": 4, "availableMinutes": 3},
    }
    assert api.snapshot() == before


def test_exactly_enough_is_enough_and_is_not_held_back(api: Api, poor: str) -> None:
    for _ in range(2):
        api.engine.tenant("poor", "set", available_s=30 * 120)
        api.create(poor, api.fresh_numbers(30), maxCallDuration=60)
    assert api.engine.hash("tenant:poor")["available_s"] == "3600"


def test_a_draft_takes_contacts_and_starts_when_credit_covers_them(api: Api, poor: str) -> None:
    draft = api.post("/api/v1/batch?draft=true", {"agentId": "agent_123"}, poor).json()["batchId"]
    path = f"/api/v1/batch/{draft}"
    body = {"contacts": [{"phoneNumber": number} for number in api.fresh_numbers(2)]}
    assert api.post(f"{path}/contacts", body, poor).status == 200
    refused = api.post(f"{path}/start", None, poor)
    assert (refused.status, refused.json()["details"]) == (402, {"estimatedMinutesRequired": 4, "availableMinutes": 3})
    assert api.batch(draft)["state"] == "draft"
    api.engine.tenant("poor", "set", available_s="+1")
    assert api.post(f"{path}/start", None, poor).status == 200


def test_what_is_added_to_a_running_batch_is_covered_by_credit(api: Api, poor: str) -> None:
    batch = api.create(poor, api.fresh_numbers(1))
    before = api.snapshot()
    lines = b"".join(b'{"phoneNumber": "%s"}\n' % number.encode() for number in api.fresh_numbers(2))
    kind = {"Content-Type": "application/x-ndjson"}
    refused = api.request("POST", f"/api/v1/batch/{batch}/contacts?chunk=7", lines, poor, kind)
    assert (refused.status, refused.code) == (402, "INSUFFICIENT_CREDITS")
    assert api.snapshot() == before, "no lease is left, and no chunk begun"
    api.engine.tenant("poor", "set", available_s=240)
    assert api.request("POST", f"/api/v1/batch/{batch}/contacts?chunk=7", lines, poor, kind).status == 200
    assert api.batch(batch)["total"] == "3"


def test_without_a_limit_nobody_is_refused(api: Api, poor: str) -> None:
    api.engine.tenant("poor", "set", available_s="")
    api.create(poor, api.fresh_numbers(1000))


def test_what_else_is_wrong_is_said_first(api: Api, poor: str) -> None:
    assert api.post("/api/v1/batch", batch_body(numbers(2), priority=11), poor).status == 400


def test_credit_that_makes_no_sense_admits_nobody(api: Api, poor: str) -> None:
    api.client.hset(api.engine.key("tenant:poor"), "available_s", "plenty")
    assert api.post("/api/v1/batch", batch_body(numbers(1)), poor).status == 500


def test_a_batch_that_waits_for_credit_says_so(api: Api, poor: str) -> None:
    batch = api.create(poor, api.fresh_numbers(1))
    api.engine.tenant("poor", "set", available_s=0)
    api.engine.begin(api.engine.claim().slots)
    shown = api.get(f"/api/v1/batch/{batch}", poor).json()
    assert (shown["status"], shown["reason"]) == ("paused", "credits")
    why = api.get(f"/api/v1/batch/{batch}/why", poor).json()
    assert "BATCH_UNFUNDED" in json.dumps(why)
    resumed = api.post(f"/api/v1/batch/{batch}/resume", None, poor)
    assert resumed.status == 200 and api.batch(batch)["state"] == "pending"
