# SPDX-License-Identifier: Apache-2.0
"""GET /api/v1/batch/{id}/retries: what waits, and when it is due."""

from __future__ import annotations

import datetime

from tests.support.producer_api import Api


def ms(instant: str) -> int:
    return round(datetime.datetime.fromisoformat(instant.replace("Z", "+00:00")).timestamp() * 1000)


def test_retries_are_told_by_when_they_are_due(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(5))
    path = f"/api/v1/batch/{batch}/retries"
    none = api.get(path, acme).json()
    assert {**none, "asOf": ""} == {"batchId": batch, "asOf": "", "total": 0, "due": 0, "nextAt": None, "lastAt": None, "stepMs": 0, "counts": []}
    now = api.engine.now_ms()
    dues = {"0": now - 5000, "1": now + 600_000, "2": now + 600_001, "3": now + 3_600_000}
    api.client.zadd(api.engine.key(f"batch:{batch}:retry:0"), dues)
    told = api.get(path, acme).json()
    assert (told["total"], told["due"], sum(told["counts"])) == (4, 1, 3)
    assert (ms(told["nextAt"]), ms(told["lastAt"])) == (dues["1"], dues["3"])
    assert told["stepMs"] == 60_000 and len(told["counts"]) == 60 and told["counts"][-1] == 1
    assert now <= ms(told["asOf"]) <= api.engine.now_ms()


def test_a_creation_under_way_and_anothers_batch_are_not_found(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(1))
    assert api.get(f"/api/v1/batch/{batch}/retries", api.tenant("globex")).code == "BATCH_NOT_FOUND"
    assert api.get(f"/api/v1/batch/{batch}/retries", api.key("acme", "viewer")).status == 200
    api.client.hset(api.engine.key(f"batch:{batch}"), mapping={"state": "ingesting", "sealed": ""})
    assert api.get(f"/api/v1/batch/{batch}/retries", acme).code == "BATCH_NOT_FOUND"


def test_an_argument_that_is_none_is_refused(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(1))
    assert list(api.get(f"/api/v1/batch/{batch}/retries?steps=5", acme).field_errors) == ["steps"]
