# SPDX-License-Identifier: Apache-2.0
"""/api/v1/suppressions: a tenant's do-not-call numbers, the operator's for all, and what a worker makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fleet import TENANT, Fleet
from tests.support.platform import Platform
from tests.support.producer_api import Answer, Api, numbers
from tests.support.redis_server import RedisServer

PATH = "/api/v1/suppressions"
MOST = 10_000


@pytest.fixture(scope="module")
def server(redis_server: RedisServer) -> Iterator[Api]:
    with Api(redis_server, "--cells", "c0,c1") as running:
        yield running


class Lists:
    """Each test's own tenants and an operator, on empty lists."""

    def __init__(self, api: Api) -> None:
        self.api = api
        for key in api.client.scan_iter("carillon:*:suppressed*"):
            api.client.delete(key)
        self.acme, self.globex, self.operator = api.tenant("acme", alias="user_456"), api.tenant("globex"), api.key("", "operator")

    def put(self, phones: list[str], key: str = "") -> Answer:
        return self.api.send("PUT", PATH, {"phoneNumbers": phones}, key or self.acme)

    def delete(self, phones: list[str], key: str = "") -> Answer:
        return self.api.send("DELETE", PATH, {"phoneNumbers": phones}, key or self.acme)

    def get(self, query: str = "", key: str = "") -> dict[str, Any]:
        answer = self.api.get(PATH + query, key or self.acme)
        assert answer.status == 200, answer
        return dict(answer.json())

    def held(self, rest: str, cell: str = "c0") -> set[str]:
        return {number.decode() for number in self.api.client.smembers(f"carillon:{{{cell}}}:{rest}")}


@pytest.fixture
def lists(server: Api) -> Lists:
    return Lists(server)


def test_numbers_are_put_found_and_taken_off(lists: Lists) -> None:
    answer = lists.put(["+15550001111", "+1 (555) 000-2222", "+15550001111"])
    assert answer.status == 200
    assert answer.json() == {"success": True, "scope": "tenant", "added": 2, "known": 1, "total": 2}
    assert lists.put(["+15550002222"]).json() == {"success": True, "scope": "tenant", "added": 0, "known": 1, "total": 2}
    assert lists.get() == {
        "scope": "tenant", "total": 2, "phoneNumbers": ["+15550001111", "+15550002222"], "nextCursor": None,
    }  # fmt: skip
    assert lists.get("?phoneNumber=%2B15550001111") == {"phoneNumber": "+15550001111", "suppressed": True, "scope": "tenant"}
    assert lists.get("?phoneNumber=%2B15550003333")["suppressed"] is False
    removed = lists.delete(["+15550001111", "+15550003333"])
    assert removed.json() == {"success": True, "scope": "tenant", "removed": 1, "unknown": 1, "total": 1}
    one = lists.api.send("DELETE", PATH + "?phoneNumber=%2B15550002222", key=lists.acme)
    assert one.json() == {"success": True, "scope": "tenant", "removed": 1, "unknown": 0, "total": 0}
    assert lists.get()["phoneNumbers"] == [] and lists.held("suppressed:t/acme") == set()


def test_a_request_takes_as_many_as_it_says_and_all_of_them_or_none(lists: Lists) -> None:
    most = numbers(MOST, 15551000000)
    assert lists.put(most).json()["added"] == MOST
    over = lists.put(numbers(MOST + 1, 15552000000))
    assert over.status == 400 and set(over.field_errors) == {"phoneNumbers"}
    mixed = lists.put(["+15553000000", "12", "+15553000001", ""])
    assert mixed.status == 400 and set(mixed.field_errors) == {"phoneNumbers[1]", "phoneNumbers[3]"}
    assert lists.get("?limit=1")["total"] == MOST
    assert lists.delete(most).json() == {"success": True, "scope": "tenant", "removed": MOST, "unknown": 0, "total": 0}


@pytest.mark.parametrize("count", (0, 7, 30, 2500))
def test_a_list_is_paged_by_its_cursor(lists: Lists, count: int) -> None:
    wanted = numbers(count, 15551000000)
    if wanted:
        lists.put(wanted)
    got, cursor, pages = [], "", 0
    while cursor is not None:
        page = lists.get(f"?limit=10{cursor and '&cursor='}{cursor}")
        got += page["phoneNumbers"]
        assert page["total"] == count
        cursor, pages = page["nextCursor"], pages + 1
    assert sorted(got) == wanted and (pages == max(1, count // 10 + bool(count % 10)) or count > 1000)


def test_a_tenant_has_a_list_of_its_own_and_sees_no_other(lists: Lists) -> None:
    lists.put(["+15550001111"])
    lists.put(["+15550009999"], lists.operator)
    assert lists.get(key=lists.globex) == {"scope": "tenant", "total": 0, "phoneNumbers": [], "nextCursor": None}
    for number in ("%2B15550001111", "%2B15550009999"):
        assert lists.get(f"?phoneNumber={number}", lists.globex)["suppressed"] is False
    assert lists.delete(["+15550001111", "+15550009999"], lists.globex).json()["removed"] == 0
    assert lists.get()["phoneNumbers"] == ["+15550001111"] and lists.get(key=lists.operator)["phoneNumbers"] == ["+15550009999"]


def test_an_operators_list_is_everybodys_in_every_cell(lists: Lists) -> None:
    assert lists.put(["+15550001111", "+15550002222"], lists.operator).json() == {
        "success": True, "scope": "global", "added": 2, "known": 0, "total": 2,
    }  # fmt: skip
    for cell in ("c0", "c1"):
        assert lists.held("suppressed", cell) == {"15550001111", "15550002222"}
    assert lists.get("?phoneNumber=%2B15550001111", lists.operator) == {
        "phoneNumber": "+15550001111", "suppressed": True, "scope": "global",
    }  # fmt: skip
    lists.delete(["+15550001111"], lists.operator)
    for cell in ("c0", "c1"):
        assert lists.held("suppressed", cell) == {"15550002222"}


def test_a_viewer_reads_and_does_not_write(lists: Lists) -> None:
    lists.put(["+15550001111"])
    viewer = lists.api.key("acme", "viewer")
    assert lists.get(key=viewer)["total"] == 1 and lists.get("?phoneNumber=%2B15550001111", viewer)["suppressed"]
    before = lists.api.snapshot()
    for answer in (lists.put(["+15550002222"], viewer), lists.delete(["+15550001111"], viewer)):
        assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert lists.api.snapshot() == before


def test_a_user_id_must_be_the_keys_tenant(lists: Lists) -> None:
    for user, status in (("acme", 200), ("user_456", 200), ("globex", 403)):
        body = {"phoneNumbers": ["+15550001111"], "userId": user}
        assert lists.api.send("PUT", PATH, body, lists.acme).status == status
        assert lists.api.get(f"{PATH}?userId={user}", lists.acme).status == status
    assert lists.api.get(f"{PATH}?userId=acme", lists.operator).status == 403
    assert lists.api.get(f"{PATH}?userId=", lists.operator).status == 403


def test_a_full_list_is_refused_with_a_word_of_its_own_and_none_of_its_numbers_stays(lists: Lists) -> None:
    key = "carillon:{c0}:suppressed:t/acme"
    pipe = lists.api.client.pipeline()
    for start in range(20_000_000, 20_999_000, 49_950):
        pipe.sadd(key, *range(start, start + 49_950))
    pipe.execute()
    answer = lists.put(numbers(1001, 15550000000))
    assert (answer.status, answer.code) == (409, "TOO_MANY_SUPPRESSIONS")
    assert lists.get("?limit=1")["total"] == 999_000
    assert lists.put(numbers(1000, 15550000000)).json()["added"] == 1000
    assert lists.delete(numbers(1001, 15550000000)).json() == {
        "success": True, "scope": "tenant", "removed": 1000, "unknown": 1, "total": 999_000,
    }  # fmt: skip
    lists.api.client.delete(key)


# ---- and what is dialed ----


def test_no_worker_dials_a_number_that_is_on_a_list(fleet: Fleet, platform: Platform) -> None:
    engine = fleet.engine()
    engine.scripts.run("suppression_change", TENANT, "add", 100, 15557000001)
    engine.scripts.run("suppression_change", "", "add", 100, 15557000002)
    worker = fleet.worker()
    batch = fleet.batch([15557000001, 15557000002, 15557000003])
    create = platform.wait_creates(1)[0]
    assert create.body["to_number"] == "+15557000003"
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"SUPPRESSED": 2, "COMPLETED": 1}
    assert platform.count_creates() == 1
    assert fleet.metric(worker, "carillon_calls_suppressed_total") == 2.0
    assert [event["type"] for event in engine.events()].count("call.completed") == 3
    ended = {line["o"]: line["via"] for line in fleet.attempts(batch, 0)}
    assert ended == {"SUPPRESSED": "begin"}


def test_a_retry_is_not_dialed_to_a_number_that_was_put_on_a_list_meanwhile(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batch = fleet.batch([15557000001])
    create = platform.wait_creates(1)[0]
    fleet.engine().scripts.run("suppression_change", TENANT, "add", 100, 15557000001)
    platform.hang_up(create.call_id, worker.url, "dial_busy")
    assert fleet.wait_final(batch) == {"SUPPRESSED": 1}
    state = fleet.state(batch)
    assert (state["a"], state["d"]) == ("1", "2") and platform.count_creates() == 1


def test_a_log_holds_no_number_of_a_list(lists: Lists) -> None:
    lists.put(["+15550667788"])
    lists.delete(["+15550667788"])
    entries = lists.api.process.log_events("suppressions.changed")
    assert entries and "667788" not in json.dumps(entries)
