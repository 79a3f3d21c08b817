# SPDX-License-Identifier: Apache-2.0
"""/api/v1/admin/tenants: what an operator sets, at once, and who may."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.producer_api import Api, numbers

TENANTS = "/api/v1/admin/tenants"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def operator(api: Api) -> str:
    return api.key("", "operator")


def whole(name: str, **members: Any) -> dict[str, Any]:
    return {"id": name, "cps": 10, "trunks": ["main"], **members}


def test_a_tenant_is_made_shown_and_changed(api: Api, operator: str) -> None:
    made = api.post(TENANTS, whole("globex", maxConcurrent=500, weight=3, trunks=["main", "second"], alias="Globex & Söhne", maxRequestsPerSecond=50, maxBytes=1000),
                    operator)  # fmt: skip
    assert made.status == 201, made
    shown = made.json()
    assert INSTANT.fullmatch(shown["createdAt"])
    assert shown == {
        "id": "globex", "cell": "c0", "state": "active", "reason": None, "stoppedAt": None, "alias": "Globex & Söhne", "cps": 10,
        "maxConcurrent": 500, "inFlight": 0, "weight": 3, "keepDays": None, "credits": None, "reservedCredits": None, "trunks": ["main", "second"],
        "maxRequestsPerSecond": 50, "maxBatches": None, "maxQueuedContacts": None, "maxBytes": 1000, "timezone": None, "callingWindow": None, "createdAt": shown["createdAt"],
    }  # fmt: skip
    assert api.get(f"{TENANTS}/globex", operator).json() == shown
    assert api.client.hgetall("carillon:{dir}:tenant:globex") == {b"cell": b"c0", b"alias": "Globex & Söhne".encode(), b"max_requests_per_second": b"50"}
    change = {"cps": 7, "maxConcurrent": None, "trunks": ["second"], "alias": None, "maxRequestsPerSecond": None, "maxBatches": 5, "maxQueuedContacts": 6,
              "maxBytes": None}  # fmt: skip
    changed = api.send("PATCH", f"{TENANTS}/globex", change, operator)
    assert changed.status == 200, changed
    assert changed.json() == {**shown, **change}
    assert api.client.hgetall("carillon:{dir}:tenant:globex") == {b"cell": b"c0"}
    assert api.engine.hash("tenant:globex")["interval_us"] == "143572", "a new rate holds at once"
    assert api.send("PATCH", f"{TENANTS}/globex", {}, operator).json() == changed.json()


def test_a_tenant_made_by_http_is_one_that_can_call(api: Api, operator: str) -> None:
    assert api.post(TENANTS, whole("initech", alias="user_9"), operator).status == 201
    key = api.key("initech")
    batch = api.create(key, numbers(1))
    assert api.get(f"/api/v1/batch/{batch}?userId=user_9", key).status == 200


def test_credit_is_given_set_added_to_and_made_unlimited(api: Api, operator: str) -> None:
    path = f"{TENANTS}/hooli"
    assert api.post(TENANTS, whole("hooli", credits=0), operator).json()["credits"] == 0
    for change, credits in (({"addCredits": 60}, 60), ({"addCredits": 60}, 120), ({"credits": 30}, 30), ({"credits": None}, None)):
        answer = api.send("PATCH", path, change, operator)
        assert (answer.status, answer.json()["credits"]) == (200, credits), answer
    assert api.send("PATCH", path, {"credits": 10**12}, operator).status == 200
    assert set(api.send("PATCH", path, {"addCredits": 1}, operator).field_errors) == {"addCredits"}
    assert api.send("PATCH", path, {"credits": None}, operator).json()["credits"] is None
    refused = api.send("PATCH", path, {"addCredits": 60}, operator)
    assert (refused.status, refused.code) == (409, "NO_CREDIT_LIMIT")
    before = api.snapshot()
    for bad in ({"credits": -1}, {"credits": 10**13}, {"credits": "60"}):
        assert set(api.send("PATCH", path, bad, operator).field_errors) == {"credits"}
    for bad in ({"addCredits": 0}, {"addCredits": 1.5}, {"addCredits": None}, {"addCredits": 1, "credits": 1}):
        assert set(api.send("PATCH", path, bad, operator).field_errors) == {"addCredits"}
    assert set(api.post(TENANTS, whole("hooli2", addCredits=1), operator).field_errors) == {"addCredits"}
    assert api.snapshot() == before


def test_an_operators_credit_resumes_who_waits_for_it(api: Api, operator: str) -> None:
    assert api.post(TENANTS, whole("dunder", credits=120), operator).status == 201
    batch = api.create(api.key("dunder"), api.fresh_numbers(1))
    api.engine.control(batch, "dunder", "pause", "credits")
    assert api.send("PATCH", f"{TENANTS}/dunder", {"addCredits": 1}, operator).status == 200
    api.engine.tick()
    assert api.batch(batch)["state"] == "pending"


def test_an_id_is_taken_once_and_a_broken_creation_can_be_repeated(api: Api, operator: str) -> None:
    api.client.hset("carillon:{dir}:tenant:umbrella", "cell", "c0")
    assert api.post(TENANTS, whole("umbrella"), operator).status == 201
    before = api.snapshot()
    again = api.post(TENANTS, whole("umbrella", cps=99), operator)
    assert (again.status, again.code) == (409, "TENANT_EXISTS")
    api.client.hset("carillon:{dir}:tenant:elsewhere", "cell", "c1")
    moved = api.post(TENANTS, whole("elsewhere"), operator)
    assert (moved.status, moved.code) == (409, "TENANT_EXISTS") and "another cell" in moved.json()["message"]
    api.client.delete("carillon:{dir}:tenant:elsewhere")
    assert api.snapshot() == before


def test_all_faults_are_named_at_once_and_nothing_is_kept(api: Api, operator: str) -> None:
    before = api.snapshot()
    bad = {"id": "a/b", "cps": 0, "maxConcurrent": 1.5, "weight": None, "alias": "a\tb", "trunks": ["main", "no/id"], "crs": 1}
    answer = api.post(TENANTS, bad, operator)
    assert set(answer.field_errors) == {"id", "cps", "maxConcurrent", "weight", "alias", "trunks[1]", "crs"}, answer
    assert set(api.post(TENANTS, {}, operator).field_errors) == {"id", "cps", "trunks"}
    typo = api.post(TENANTS, whole("vandelay", trunks=["mian", "main", "secnd"]), operator)
    assert set(typo.field_errors) == {"trunks[0]", "trunks[2]"}
    assert set(api.send("PATCH", f"{TENANTS}/acme", {"id": "other", "trunks": []}, operator).field_errors) == {"id", "trunks"}
    assert api.snapshot() == before


@pytest.mark.parametrize("name", ["nobody", "a%2Fb", "x" * 65])
def test_a_tenant_that_is_not_there(api: Api, operator: str, name: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"cps": 5})):
        answer = api.send(method, f"{TENANTS}/{name}", body, operator)
        assert (answer.status, answer.code) == (404, "TENANT_NOT_FOUND"), answer


def test_a_list_comes_page_by_page_in_the_order_of_ids(api: Api, acme: str, operator: str) -> None:
    for name in ("page-b", "page-a", "page-c"):
        assert api.post(TENANTS, whole(name), operator).status == 201
    whole_list = [tenant["id"] for tenant in api.get(TENANTS, operator).json()["tenants"]]
    assert whole_list == sorted(whole_list) and {"acme", "page-a", "page-b", "page-c"} <= set(whole_list)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.get(f"{TENANTS}?limit=2" + (f"&cursor={cursor}" if cursor else ""), operator).json()
        assert 1 <= len(page["tenants"]) <= 2
        seen += [tenant["id"] for tenant in page["tenants"]]
        cursor = page["nextCursor"]
    assert seen == whole_list
    for query, paths in {"limit=0": ["limit"], "limit=1001&cursor=zz": ["limit", "cursor"], "cell=c9": ["cell"], "tag=x": ["tag"]}.items():
        assert sorted(api.get(f"{TENANTS}?{query}", operator).field_errors) == sorted(paths)


def test_only_operators_may(api: Api, acme: str, operator: str) -> None:
    viewer = api.key("acme", "viewer")
    before = api.snapshot()
    for method, path, body in (
        ("GET", TENANTS, None), ("POST", TENANTS, whole("evil")), ("GET", f"{TENANTS}/acme", None), ("PATCH", f"{TENANTS}/acme", {"cps": 9999}),
    ):  # fmt: skip
        for key in (acme, viewer):
            answer = api.send(method, path, body, key)
            assert (answer.status, answer.code) == (403, "FORBIDDEN"), answer
        assert api.send(method, path, body).status == 401
    assert api.snapshot() == before


def test_what_an_operator_did_stands_in_the_log(api: Api, operator: str) -> None:
    name = api.client.hget(api.key_name(operator), "id").decode()
    assert api.post(TENANTS, whole("logged", alias="a secret name"), operator).status == 201
    assert api.send("PATCH", f"{TENANTS}/logged", {"cps": 3}, operator).status == 200
    done = [line for line in api.process.log_events("admin.done") if line["id"] == "logged"]
    assert [(line["key"], line["action"], line["cell"], line["members"]) for line in done] == [
        (name, "tenant.create", "c0", "id,cps,trunks,alias"), (name, "tenant.change", "c0", "cps"),
    ]  # fmt: skip
    assert all(line["request"] for line in done) and "a secret name" not in api.process.log_text()
    again = api.post(TENANTS, whole("logged"), operator)
    assert [line["request"] for line in api.process.log_events("admin.not_done")][-1:] == [again.headers["x-request-id"]]
    asked = [line for line in api.process.log_events("admin.asked") if line["id"] == "logged"]
    told = ("request", "key", "action", "cell", "members")
    assert [[line[what] for what in told] for line in asked[:2]] == [[line[what] for what in told] for line in done], "before it is done, too"
