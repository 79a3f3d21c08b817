# SPDX-License-Identifier: Apache-2.0
"""DELETE /api/v1/batch/{id}: an ended batch that its tenant does not want kept."""

from __future__ import annotations

from tests.support.producer_api import Api, numbers


def cancelled(api: Api, key: str) -> str:
    batch = api.create(key, numbers(70), tags=["autumn, day 1"])
    assert api.post(f"/api/v1/batch/{batch}/cancel", key=key).json()["status"] == "cancelled"
    return batch


def remove(api: Api, batch: str, key: str) -> tuple[int, str]:
    answer = api.send("DELETE", f"/api/v1/batch/{batch}", key=key)
    return answer.status, "" if answer.status == 200 else answer.code


def test_a_removed_batch_is_nowhere_to_be_found(api: Api, acme: str) -> None:
    kept, batch = cancelled(api, acme), cancelled(api, acme)
    answer = api.send("DELETE", f"/api/v1/batch/{batch}", key=acme)
    assert (answer.status, answer.json()) == (200, {"success": True, "batchId": batch})
    for path in ("", "/status", "/calls", "/calls/export", "/why"):
        assert api.get(f"/api/v1/batch/{batch}{path}", acme).status == 404, path
    assert api.get(f"/api/v1/batch/check-status?batchId={batch}", acme).status == 404
    assert api.get(f"/api/v1/status/batch?batchId={batch}", acme).status == 404
    assert api.get(f"/api/v1/call/{batch}-0/attempts", acme).status == 404
    assert [row["batchId"] for row in api.get("/api/v1/batch/list", acme).json()] == [kept]
    assert [row["batchId"] for row in api.get("/api/v1/batch/list?tag=autumn,%20day%201", acme).json()] == [kept]
    assert [row["batches"] for row in api.get("/api/v1/reports/tags", acme).json()["tags"]] == [1]
    assert remove(api, batch, acme) == (404, "BATCH_NOT_FOUND")


def test_what_still_runs_is_not_removed(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(2))
    answer = api.send("DELETE", f"/api/v1/batch/{batch}", key=acme)
    assert (answer.status, answer.code, answer.json()["details"]) == (409, "BATCH_STATE", {"status": "pending"})
    assert api.get(f"/api/v1/batch/{batch}", acme).json()["status"] == "pending"


def test_nobody_else_removes_a_batch(api: Api, acme: str) -> None:
    batch = cancelled(api, acme)
    assert remove(api, batch, api.tenant("globex")) == (404, "BATCH_NOT_FOUND")
    assert remove(api, batch, api.key("acme", role="viewer")) == (403, "FORBIDDEN")
    assert api.get(f"/api/v1/batch/{batch}", acme).status == 200
