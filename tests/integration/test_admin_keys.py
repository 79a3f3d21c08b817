# SPDX-License-Identifier: Apache-2.0
"""/api/v1/admin/keys: a key is shown in the answer that made it, and nowhere else."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.producer_api import Api
from tests.support.waiting import wait_until

KEYS = "/api/v1/admin/keys"


@pytest.fixture(scope="module")
def operator(api: Api, acme: str) -> str:
    return api.key("", "operator")


def make(api: Api, operator: str, **members: object) -> dict[str, str]:
    answer = api.post(KEYS, {"role": "tenant", "tenant": "acme", **members}, operator)
    assert answer.status == 201, answer
    return dict(answer.json())


def test_a_key_is_made_listed_used_and_revoked(api: Api, operator: str) -> None:
    made = make(api, operator, label="the CRM", expiresInMs=3_600_000)
    key = made.pop("key")
    assert re.fullmatch(r"crl_[0-9a-f]{64}", key) and (made["role"], made["tenant"], made["label"]) == ("tenant", "acme", "the CRM")
    assert made["lastUsedAt"] is None and made["expiresAt"] > made["createdAt"]
    assert api.get("/api/v1/batch/list", key).status == 200
    (listed,) = [entry for entry in api.get(f"{KEYS}?tenant=acme", operator).json()["keys"] if entry["id"] == made["id"]]
    assert "key" not in listed and {**listed, "lastUsedAt": None} == made
    gone = api.send("DELETE", f"{KEYS}/{made['id']}", None, operator)
    assert gone.status == 200 and gone.json()["id"] == made["id"]
    wait_until(lambda: api.get("/api/v1/batch/list", key).status == 401, 10.0, "it opens nothing")
    again = api.send("DELETE", f"{KEYS}/{made['id']}", None, operator)
    assert (again.status, again.code) == (404, "KEY_NOT_FOUND")


def test_the_roles_open_what_they_say(api: Api, operator: str) -> None:
    viewer = make(api, operator, role="viewer")["key"]
    assert api.get("/api/v1/batch/list", viewer).status == 200
    assert api.post("/api/v1/batch", {}, viewer).status == 403
    answer = api.post(KEYS, {"role": "operator"}, operator)
    assert answer.status == 201 and answer.json()["tenant"] is None
    assert answer.json()["id"] in [entry["id"] for entry in api.get(KEYS, answer.json()["key"]).json()["keys"]]


def test_a_key_is_replaced_with_an_overlap(api: Api, operator: str) -> None:
    old = make(api, operator)
    new = api.post(f"{KEYS}/{old['id']}/rotate", {"overlapMs": 0, "label": "new"}, operator)
    assert new.status == 201 and (new.json()["tenant"], new.json()["role"], new.json()["label"]) == ("acme", "tenant", "new")
    assert api.get("/api/v1/batch/list", new.json()["key"]).status == 200
    wait_until(lambda: api.get("/api/v1/batch/list", old["key"]).status == 401, 10.0, "the old one is over")
    missing = api.post(f"{KEYS}/key_0000000000000000/rotate", None, operator)
    assert (missing.status, missing.code) == (404, "KEY_NOT_FOUND")
    both = make(api, operator)
    assert api.post(f"{KEYS}/{both['id']}/rotate", None, operator).status == 201
    assert api.get("/api/v1/batch/list", both["key"]).status == 200, "for a day, where nothing else is told"
    again = api.post(f"{KEYS}/{both['id']}/rotate", None, operator)
    assert (again.status, again.code) == (409, "KEY_STATE"), "a key is replaced once"


def test_a_key_wants_a_tenant_that_is_there(api: Api, operator: str) -> None:
    before = api.snapshot()
    answer = api.post(KEYS, {"role": "tenant", "tenant": "nobody"}, operator)
    assert (answer.status, answer.code) == (404, "TENANT_NOT_FOUND")
    assert api.snapshot() == before


def test_no_key_stands_in_redis_or_in_the_log(api: Api, operator: str) -> None:
    made = make(api, operator, label="kept nowhere")
    headers = {"Content-Type": "application/json", "Idempotency-Key": "one-key-and-no-other"}
    payload = json.dumps({"role": "tenant", "tenant": "acme"}).encode()
    first, again = (api.request("POST", KEYS, payload, operator, headers) for _ in range(2))
    assert first.status == 201 and first.body == again.body, "a lost answer can be asked for again"
    everything = b"".join(api.client.dump(name) or b"" for name in api.client.scan_iter(count=1000)).decode("latin-1")
    for key in (made["key"], first.json()["key"]):
        assert key not in everything and key.removeprefix("crl_") not in everything
        assert key not in api.process.log_text()
    done = [line for line in api.process.log_events("admin.done") if line["action"] == "key.create" and line["id"] == made["id"]]
    assert [line["members"] for line in done] == ["role,tenant,label"]
