# SPDX-License-Identifier: Apache-2.0
"""/api/v1/admin/trunks and /providers: by the rules of the command line, and the credential goes in and never comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.producer_api import Api

TRUNKS = "/api/v1/admin/trunks"
CREDENTIAL = "the credential of the platform"


@pytest.fixture(scope="module")
def operator(api: Api) -> str:
    return api.key("", "operator")


def whole(name: str, **members: Any) -> dict[str, Any]:
    return {"id": name, "profile": "retell", "credential": CREDENTIAL, "callerIds": ["+1 (555) 000-1111"], "cps": 50, **members}


def test_a_trunk_is_made_shown_and_changed(api: Api, operator: str) -> None:
    made = api.post(TRUNKS, whole("north", maxConcurrent=7, baseUrl="http://127.0.0.1:9000", pollAfterMs=2000), operator)
    assert made.status == 201, made
    shown = made.json()
    assert shown == {
        "id": "north", "cell": "c0", "state": "active", "reason": None, "stoppedAt": None, "profile": "retell",
        "baseUrl": "http://127.0.0.1:9000", "credential": "sealed", "cps": 50, "maxConcurrent": 7, "inFlight": 0, "callerIds": ["+15550001111"],
        "pollAfterMs": 2000, "lookupAbsentAfterMs": None, "breakerPercent": None, "breakerMinimum": None, "breaker": None,
        "breakerReason": None, "breakerSince": None, "breakerUntil": None, "createdAt": shown["createdAt"],
    }  # fmt: skip
    assert api.get(f"{TRUNKS}/north", operator).json() == shown
    sealed = api.engine.hash("trunk:north")["credential"]
    patch = {"cps": 9, "maxConcurrent": None, "baseUrl": None, "callerIds": ["+15550002222", "+15550003333"], "lookupAbsentAfterMs": 500,
             "breakerPercent": 0, "breakerMinimum": 1000}  # fmt: skip
    changed = api.send("PATCH", f"{TRUNKS}/north", patch, operator)
    assert changed.status == 200, changed
    assert changed.json() == {**shown, **patch}
    assert api.engine.hash("trunk:north")["credential"] == sealed, "what is not told stays"
    assert api.send("PATCH", f"{TRUNKS}/north", {"credential": "another"}, operator).status == 200
    assert api.engine.hash("trunk:north")["credential"] not in (sealed, "another")


def test_the_credential_is_sealed_at_once_and_stands_nowhere(api: Api, operator: str) -> None:
    made = api.post(TRUNKS, whole("sealed"), operator)
    shown = api.get(f"{TRUNKS}/sealed", operator), api.get(TRUNKS, operator)
    refused = api.post(TRUNKS, whole("refused", cps=0, credential=CREDENTIAL + "\n"), operator)
    assert (made.status, refused.status) == (201, 400)
    assert api.engine.hash("trunk:sealed")["credential"].startswith("v1.")
    everything = b"".join(api.client.dump(name) or b"" for name in api.client.scan_iter(count=1000))
    for text in (*(answer.body for answer in (made, *shown, refused)), everything, json.dumps(api.process.log_events("admin.done")).encode()):
        assert CREDENTIAL.encode() not in text
    assert CREDENTIAL not in api.process.log_text()


def test_a_trunk_cannot_be_made_without_what_its_profile_needs(api: Api, operator: str) -> None:
    before = api.snapshot()
    twilio = whole("twilio", profile="twilio")
    assert set(api.post(TRUNKS, twilio, operator).field_errors) == {"variables.account_sid", "variables.answer_url"}
    half = {**twilio, "variables": {"account_sid": "AC1", "answer_url": "voice.example", "sid": "x"}}
    assert set(api.post(TRUNKS, half, operator).field_errors) == {"variables.answer_url", "variables.sid"}
    assert set(api.post(TRUNKS, {}, operator).field_errors) == {"id", "profile", "credential", "callerIds", "cps"}
    assert set(api.post(TRUNKS, whole("x", profile="retel"), operator).field_errors) == {"profile"}
    assert api.snapshot() == before
    good = {**twilio, "variables": {"account_sid": "AC1", "answer_url": "https://voice.example/answer"}}
    made = api.post(TRUNKS, good, operator)
    assert made.status == 201 and made.json()["variables"] == good["variables"], made
    lost = api.send("PATCH", f"{TRUNKS}/twilio", {"variables": {"answer_url": None}}, operator)
    assert set(lost.field_errors) == {"variables.answer_url"}, "nor can it lose it"
    assert api.send("PATCH", f"{TRUNKS}/twilio", {"variables": {"answer_url": "https://other.example/"}}, operator).status == 200
    assert api.engine.hash("trunk:twilio")["var:answer_url"] == "https://other.example/"


def test_an_id_is_taken_once_and_must_be_there_to_be_changed(api: Api, operator: str) -> None:
    before = api.snapshot()
    again = api.post(TRUNKS, whole("main"), operator)
    assert (again.status, again.code) == (409, "TRUNK_EXISTS")
    for method, body in (("GET", None), ("PATCH", {"cps": 5})):
        answer = api.send(method, f"{TRUNKS}/nobody", body, operator)
        assert (answer.status, answer.code) == (404, "TRUNK_NOT_FOUND")
    assert api.snapshot() == before


def test_a_trunk_made_twice_with_one_idempotency_key_is_made_once(api: Api, operator: str) -> None:
    payload = json.dumps(whole("once")).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "a-trunk-made-once"}
    first, again = (api.request("POST", TRUNKS, payload, operator, headers) for _ in range(2))
    assert (first.status, again.status) == (201, 201) and first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"


def test_the_platforms_profiles_say_what_they_need_and_can(api: Api, operator: str) -> None:
    listed = {profile.pop("profile"): profile for profile in api.get("/api/v1/admin/providers", operator).json()["providers"]}
    assert {"retell", "twilio"} <= set(listed)
    assert listed["retell"]["baseUrl"] == "https://api.retellai.com" and listed["retell"]["variables"] == []
    assert listed["retell"]["capabilities"] == {"poll": True, "lookup": True, "cancel": True, "summary": True, "deduplicationMs": 0}
    needed = {variable["name"] for variable in listed["twilio"]["variables"] if variable["required"]}
    assert needed == {"account_sid", "answer_url"} and all(variable["about"] for variable in listed["twilio"]["variables"])
