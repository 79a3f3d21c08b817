# SPDX-License-Identifier: Apache-2.0
"""Walls between tenants, and what each role may do."""

from __future__ import annotations

import pytest

from tests.support.producer_api import Api, batch_body, numbers

READS = ("/api/v1/batch/{id}", "/api/v1/batch/{id}/status", "/api/v1/batch/check-status?batchId={id}",
         "/api/v1/status/batch?batchId={id}", "/api/v1/batch/{id}/calls",
         "/api/v1/batch/{id}/calls/export", "/api/v1/batch/{id}/calls/export?format=ndjson")
WRITES = ("/api/v1/batch/{id}/pause", "/api/v1/batch/{id}/resume", "/api/v1/batch/{id}/cancel",
          "/api/v1/batch/cancel?batchId={id}")


@pytest.fixture(scope="module")
def other(api: Api) -> str:
    return api.tenant("other")


def test_without_a_key_there_is_nothing_but_health(api: Api) -> None:
    assert api.get("/api/v1/health").json()["status"] == "ok"
    for method, path in (("GET", "/api/v1/batch/list"), ("POST", "/api/v1/batch"), ("GET", "/api/v1/batch/batch_c0_1"),
                         ("POST", "/api/v1/batch/batch_c0_1/pause"), ("GET", "/api/v1/webhooks/endpoints"),
                         ("PUT", "/api/v1/webhooks/endpoints"), ("GET", "/api/v1/status/batch?batchId=batch_c0_1")):
        for key in (None, "crl_wrong"):
            answer = api.request(method, path, key=key)
            assert (answer.status, answer.code) == (401, "UNAUTHORIZED"), (method, path, answer)
            assert answer.headers["www-authenticate"] == "Bearer"


def test_a_creation_without_a_key_is_refused_before_its_body(api: Api) -> None:
    before = api.snapshot()
    headers = {"Content-Type": "application/json", "Content-Length": str(32 * 1024 * 1024), "Expect": "100-continue"}
    assert api.request("POST", "/api/v1/batch", None, None, headers).status == 401
    assert api.snapshot() == before


@pytest.mark.parametrize("path", READS)
def test_another_tenants_batch_cannot_be_told_from_none(api: Api, acme: str, other: str, path: str) -> None:
    batch = api.create(acme, numbers(1))
    assert api.get(path.format(id=batch), acme).status == 200
    theirs = api.get(path.format(id=batch), other)
    nobodys = api.get(path.format(id="batch_c0_00000000000000000000"), other)
    assert (theirs.status, theirs.code) == (404, "BATCH_NOT_FOUND")
    assert theirs.body == nobodys.body


@pytest.mark.parametrize("path", WRITES)
def test_another_tenants_batch_cannot_be_touched(api: Api, acme: str, other: str, path: str) -> None:
    batch = api.create(acme, numbers(1))
    before = api.snapshot()
    theirs = api.post(path.format(id=batch), key=other)
    assert (theirs.status, theirs.code) == (404, "BATCH_NOT_FOUND")
    assert api.snapshot() == before


@pytest.mark.parametrize("batch", ["x", "batch_c1_0123", "batch_c0_../x", "batch_c0_" + "0" * 100, "%00", "batch_c0_1%2F2"])
def test_an_id_of_another_form_or_cell_is_not_found(api: Api, acme: str, batch: str) -> None:
    answer = api.get(f"/api/v1/batch/{batch}", acme)
    assert answer.status in (400, 404), answer
    answer = api.post(f"/api/v1/batch/{batch}/cancel", key=acme)
    assert answer.status in (400, 404), answer


def test_a_list_shows_a_tenants_own_batches_only(api: Api, acme: str, other: str) -> None:
    mine = api.create(other, numbers(1))
    assert mine in [entry["batchId"] for entry in api.get("/api/v1/batch/list", other).json()]
    assert mine not in [entry["batchId"] for entry in api.get("/api/v1/batch/list", acme).json()]


def test_endpoints_are_a_tenants_own(api: Api, acme: str, other: str) -> None:
    assert api.send("PUT", "/api/v1/webhooks/endpoints", {"url": "https://mine.example/"}, other).status == 201
    listed = api.get("/api/v1/webhooks/endpoints", acme).json()["endpoints"]
    assert "https://mine.example" not in [endpoint["origin"] for endpoint in listed]


def test_a_viewer_reads_and_does_not_write(api: Api, acme: str) -> None:
    viewer = api.key("acme", "viewer")
    batch = api.create(acme, numbers(1))
    before = api.snapshot()
    for path in READS:
        assert api.get(path.format(id=batch), viewer).status == 200
    assert api.get("/api/v1/batch/list", viewer).status == 200
    assert api.get("/api/v1/webhooks/endpoints", viewer).status == 200
    for path in WRITES:
        answer = api.post(path.format(id=batch), key=viewer)
        assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert api.post("/api/v1/batch", batch_body(numbers(1)), viewer).status == 403
    assert api.send("PUT", "/api/v1/webhooks/endpoints", {"url": "https://v.example/"}, viewer).status == 403
    assert api.snapshot() == before


def test_an_operators_key_belongs_to_no_tenant(api: Api) -> None:
    answer = api.get("/api/v1/batch/list", api.key("", "operator"))
    assert (answer.status, answer.code) == (403, "FORBIDDEN")


def test_a_user_id_must_be_the_tenants(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(1))
    before = api.snapshot()
    for user in ("acme", "user_456"):
        assert api.get(f"/api/v1/batch/{batch}?userId={user}", acme).status == 200
    assert api.get(f"/api/v1/batch/{batch}?userId=other", acme).status == 403
    assert api.post("/api/v1/batch", {**batch_body(numbers(1)), "userId": "other"}, acme).status == 403
    assert api.post(f"/api/v1/batch/{batch}/pause", {"userId": "other"}, acme).status == 403
    assert api.send("PUT", "/api/v1/webhooks/endpoints", {"url": "https://u.example/", "userId": "x"}, acme).status == 403
    assert api.snapshot() == before


def test_a_tenant_of_a_cell_that_is_served_elsewhere_is_told_so(api: Api) -> None:
    answer = api.get("/api/v1/batch/list", api.tenant("distant", cell="c9"))
    assert answer.status == 503
    assert answer.headers["retry-after"]
