# SPDX-License-Identifier: Apache-2.0
"""What a tenant's batches came to, summed up by tag."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.engine import Begin, Fleet
from tests.support.producer_api import Api, numbers

SUMS = {"batches", "total", "processed", "succeeded", "failed", "pending", "answerRate", "attempts", "retries", "minutes"}


def report(api: Api, key: str, query: str = "") -> dict[str, Any]:
    answer = api.get(f"/api/v1/reports/tags{query}", key)
    assert answer.status == 200, answer
    said = answer.json()
    assert set(said) == {"tags", "totals", "isCut", "nextCursor"}
    assert set(said["totals"]) == SUMS and all(set(row) == {"tag", *SUMS} for row in said["tags"])
    return said


def retried_once(begin: Begin) -> tuple[str, str, int | None]:
    if begin.ordinal % 2 == 0:
        return ("final", "COMPLETED", None)
    return ("retry", "BUSY", 0) if begin.attempt == 1 else ("final", "BUSY", None)


@pytest.fixture(scope="module")
def reporter(api: Api) -> str:
    """Three batches: 6 contacts tagged x and y, half of whom are busy twice; 4 tagged y that wait; 1 without a tag."""
    key = api.tenant("reporter")
    worked = api.create(key, api.fresh_numbers(6), maxCallsPerSecond=30, tags=["x", "y"])
    Fleet(api.engine, outcome=retried_once).run(30.0, until=lambda: api.batch(worked)["state"] == "completed")
    assert api.batch(worked)["state"] == "completed"
    for batch in (api.create(key, numbers(4), tags=["y"]), api.create(key, numbers(1))):
        api.post(f"/api/v1/batch/{batch}/pause", key=key)
    return key


def test_each_tag_sums_up_its_batches_and_the_totals_count_each_once(api: Api, reporter: str) -> None:
    said = report(api, reporter)
    rows = {row["tag"]: row for row in said["tags"]}
    assert set(rows) == {"x", "y", None}
    # 9 dials of a second each: 3 answered at once, 3 busy twice
    worked = {"succeeded": 3, "failed": 3, "processed": 6, "answerRate": 50, "attempts": 9, "retries": 3, "minutes": 0.15}
    assert rows["x"] == {"tag": "x", "batches": 1, "total": 6, "pending": 0, **worked}
    assert rows["y"] == {"tag": "y", "batches": 2, "total": 10, "pending": 4, **worked}
    assert rows[None] == {"tag": None, "batches": 1, "total": 1, "processed": 0, "succeeded": 0, "failed": 0, "pending": 1,
                          "answerRate": 0, "attempts": 0, "retries": 0, "minutes": 0}
    assert said["totals"] == {"batches": 3, "total": 11, "pending": 5, **worked}
    assert (said["isCut"], said["nextCursor"]) == (False, None)


def test_a_page_sums_up_as_many_batches_as_it_may_and_says_where_to_go_on(api: Api, reporter: str) -> None:
    seen, query = [], "?limit=1"
    while True:
        said = report(api, reporter, query)
        seen.append(said["totals"]["total"])
        if said["nextCursor"] is None:
            break
        query = f"?limit=1&cursor={said['nextCursor']}"
    assert sorted(seen) == [1, 4, 6]


def test_a_stretch_of_time_and_a_tenant_bound_it(api: Api, reporter: str) -> None:
    assert report(api, reporter, "?from=2020-01-01T00:00:00Z")["totals"]["batches"] == 3
    assert report(api, reporter, "?to=2020-01-01T00:00:00Z") == {
        "tags": [], "totals": report(api, api.tenant("idle"))["totals"], "isCut": False, "nextCursor": None
    }
    assert report(api, api.key("reporter", "viewer"))["totals"]["batches"] == 3
    assert api.get("/api/v1/reports/tags").status == 401


def test_more_than_a_thousand_tags_are_cut_and_said_to_be(api: Api) -> None:
    key = api.tenant("tagger")
    for i in range(32):
        api.create(key, numbers(1), tags=[f"t{i}-{j}" for j in range(32)])
    said = report(api, key)
    assert (len(said["tags"]), said["isCut"], said["totals"]["batches"]) == (1000, True, 32)


def test_seconds_told_twice_count_once(api: Api) -> None:
    key = api.tenant("talker")
    batch = api.create(key, api.fresh_numbers(1), tags=["z"])
    slot = api.engine.begin_next(batch)
    api.engine.accept(slot)
    api.engine.finish(slot, "ended", "COMPLETED", duration="90")
    api.engine.finish(slot, "final", "COMPLETED", duration="120")
    api.engine.finish(slot, "final", "COMPLETED", duration="120")
    assert report(api, key)["totals"]["minutes"] == 2
