# SPDX-License-Identifier: Apache-2.0
"""A tenant's webhook endpoints and their secrets."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.support.producer_api import Answer, Api, numbers

ROUTE = "/api/v1/webhooks/endpoints"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def put(api: Api, key: str, **body: Any) -> Answer:
    return api.send("PUT", ROUTE, body, key)


def listed(api: Api, key: str) -> dict[str, dict[str, Any]]:
    return {endpoint["origin"]: endpoint for endpoint in api.get(ROUTE, key).json()["endpoints"]}


def test_an_endpoint_is_made_with_a_secret_that_is_shown_once(api: Api, acme: str) -> None:
    answer = put(api, acme, url="https://made.example:8443/hooks?x=1")
    assert answer.status == 201, answer
    said = answer.json()
    assert said["origin"] == "https://made.example:8443"
    assert said["secret"].startswith("whsec_")
    assert len(base64.b64decode(said["secret"][6:], validate=True)) == 32
    told = listed(api, acme)["https://made.example:8443"]
    assert told["id"] == said["id"]
    assert told["status"] == "active"
    assert (told["reason"], told["signature"], told["pending"], told["room"]) == (None, "standard", 0, 2)
    assert said["secret"].encode() not in api.get(ROUTE, acme).body


def test_a_secret_of_the_tenants_own_is_taken(api: Api, acme: str) -> None:
    answer = put(api, acme, origin="https://own.example", secret=SECRET)
    assert answer.status == 201, answer
    assert answer.json()["secret"] == SECRET
    sealed = api.engine.hash(f"hooks:endpoint:{answer.json()['id']}")["secret"]
    assert sealed.startswith("v1.") and SECRET[6:] not in sealed


def test_putting_it_again_replaces_the_secret(api: Api, acme: str) -> None:
    first = put(api, acme, origin="https://again.example", secret=SECRET).json()
    answer = put(api, acme, origin="https://again.example")
    assert answer.status == 200, answer
    assert answer.json()["id"] == first["id"]
    assert answer.json()["secret"] != SECRET
    held = api.engine.hash(f"hooks:endpoint:{first['id']}")
    assert "previous" not in held
    assert listed(api, acme)["https://again.example"]["rotatedAt"]


def test_an_endpoint_that_a_batch_named_first_gets_its_secret_by_put(api: Api, acme: str) -> None:
    api.create(acme, numbers(1), webhooks={"onCallComplete": "https://first.example/a"})
    assert "https://first.example" in listed(api, acme)
    assert put(api, acme, url="https://first.example/b").status == 200


def test_a_batch_leaves_an_endpoint_that_is_there_as_it_is(api: Api, acme: str) -> None:
    endpoint = put(api, acme, origin="https://kept.example", secret=SECRET).json()["id"]
    before = api.engine.hash(f"hooks:endpoint:{endpoint}")
    api.create(acme, numbers(1), webhooks={"onCallComplete": "https://kept.example/a"})
    assert api.engine.hash(f"hooks:endpoint:{endpoint}") == before


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "url"),
        ({"url": "https://a.example/", "origin": "https://a.example"}, "url"),
        ({"url": 7}, "url"),
        ({"url": "ftp://a.example/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"origin": "https://u@a.example"}, "origin"),
        ({"url": "https://a.example/", "secret": "short"}, "secret"),
        ({"url": "https://a.example/", "secret": "whsec_" + base64.b64encode(b"x" * 23).decode()}, "secret"),
        ({"url": "https://a.example/", "secret": "whsec_" + base64.b64encode(b"x" * 65).decode()}, "secret"),
        ({"url": "https://a.example/", "secret": None}, "secret"),
        ({"url": "https://a.example/", "events": ["all"]}, "events"),
    ],
)
def test_a_bad_endpoint_is_refused_by_its_path(api: Api, acme: str, body: dict[str, Any], path: str) -> None:
    before = api.snapshot()
    answer = put(api, acme, **body)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST"), answer
    assert path in answer.field_errors
    assert api.snapshot() == before


def test_loopback_by_http_is_taken_where_the_operator_allows_it(api: Api, acme: str) -> None:
    assert put(api, acme, url="http://127.0.0.1:4711/hook").status == 201


def test_a_tenant_has_at_most_twenty(api: Api) -> None:
    key = api.tenant("collector")
    for i in range(20):
        assert put(api, key, origin=f"https://host{i}.example").status == 201
    before = api.snapshot()
    answer = put(api, key, origin="https://one-more.example")
    assert (answer.status, answer.code) == (409, "TOO_MANY_ENDPOINTS")
    assert api.snapshot() == before
    assert put(api, key, origin="https://host0.example").status == 200


def test_a_removed_endpoint_is_gone_and_makes_room_for_another_origin(api: Api) -> None:
    key = api.tenant("remover")
    made = [put(api, key, origin=f"https://host{i}.example").json() for i in range(20)]
    assert put(api, key, origin="https://one-more.example").code == "TOO_MANY_ENDPOINTS"
    one = f"{ROUTE}/{made[7]['id']}"
    answer = api.send("DELETE", one, None, key)
    assert (answer.status, answer.json()) == (200, {"success": True, "id": made[7]["id"], "dropped": 0}), answer
    assert (api.get(one, key).code, api.send("DELETE", one, None, key).code) == ("ENDPOINT_NOT_FOUND",) * 2
    assert "https://host7.example" not in listed(api, key)
    assert put(api, key, origin="https://one-more.example").status == 201


def test_a_batch_that_names_a_removed_origin_makes_its_endpoint_anew_with_another_secret(api: Api, acme: str) -> None:
    first = put(api, acme, origin="https://removed.example", secret=SECRET).json()["id"]
    sealed = api.engine.hash(f"hooks:endpoint:{first}")["secret"]
    assert api.send("DELETE", f"{ROUTE}/{first}", None, acme).status == 200
    api.create(acme, numbers(1), webhooks={"onCallComplete": "https://removed.example/a"})
    assert listed(api, acme)["https://removed.example"]["id"] == first
    assert api.engine.hash(f"hooks:endpoint:{first}")["secret"] != sealed


def test_another_tenants_endpoint_cannot_be_removed_nor_a_viewer_remove_one(api: Api, acme: str) -> None:
    one = f"{ROUTE}/{put(api, acme, origin='https://held.example').json()['id']}"
    for key, refused in ((api.tenant("stranger"), (404, "ENDPOINT_NOT_FOUND")), (api.key("acme", "viewer"), (403, "FORBIDDEN"))):
        answer = api.send("DELETE", one, None, key)
        assert (answer.status, answer.code) == refused
    assert api.get(one, acme).status == 200
