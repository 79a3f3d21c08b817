# SPDX-License-Identifier: Apache-2.0
"""GET /api/v1/admin/fleet and /api/v1/admin/batch/{id}/why: what operators see of the running fleet, and of a batch that does not
dial."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.processes import Process
from tests.support.producer_api import Api
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

FLEET = "/api/v1/admin/fleet"


@pytest.fixture(scope="module")
def cells(redis_server: RedisServer) -> Iterator[Api]:
    """A producer that serves two cells."""
    with Api(redis_server, "--cells", "c0,c1") as running:
        running.trunk()
        running.tenant("acme")
        yield running


@pytest.fixture(scope="module")
def operator(cells: Api) -> str:
    return cells.key("", "operator")


def fleet(api: Api, operator: str) -> dict[str, Any]:
    answer = api.get(FLEET, operator)
    assert answer.status == 200, answer
    return dict(answer.json())


def cell(api: Api, operator: str, name: str = "c0") -> dict[str, Any]:
    (found,) = [told for told in fleet(api, operator)["cells"] if told["cell"] == name]
    return dict(found)


def test_each_process_is_there_with_its_version_while_it_runs(cells: Api, operator: str) -> None:
    def there() -> dict[str, str]:
        return {told["process"]: told["version"] for told in cell(cells, operator)["processes"]}

    assert list(there()) == ["carillon-producer"]
    flags = (*cells.server.flags("carillon-worker"), "--secrets-key-file", str(cells.secrets_key), "--listen", "127.0.0.1:0")
    with Process("carillon-worker", *flags):
        wait_until(lambda: "carillon-worker" in there(), what="the worker is listed")
        (worker,) = wait_until(lambda: cell(cells, operator)["workers"], what="it does its rounds")
        ids = {told["id"] for told in cell(cells, operator)["processes"] if told["process"] == "carillon-worker"}
        assert ids == {worker["id"]} and len(set(there().values())) == 1
        assert cell(cells, operator, "c1")["workers"] == [], "it serves c0 only"
    assert list(there()) == ["carillon-producer"]


def test_redis_is_as_it_says(cells: Api, operator: str) -> None:
    told, info = fleet(cells, operator)["redis"], cells.client.info()
    assert (told["version"], told["role"], told["evictionPolicy"]) == (info["redis_version"], "primary", "noeviction")
    assert told["memoryUsedBytes"] > 100_000 and told["clients"] >= 2 and told["roundTripUs"] > 0
    assert (told["memoryMaxBytes"], told["replicas"], told["appendOnlyFile"]) == (None, 0, "off")
    cells.client.config_set("maxmemory", "1gb")
    cells.client.config_set("appendonly", "yes")
    told = fleet(cells, operator)["redis"]
    assert (told["memoryMaxBytes"], told["appendOnlyFile"]) == (1 << 30, "ok")
    cells.client.config_set("appendonly", "no")
    cells.client.config_set("maxmemory", "0")


def test_a_cell_says_whether_it_is_stopped_or_closed(cells: Api, operator: str) -> None:
    assert (cell(cells, operator)["state"], cell(cells, operator)["epoch"]) == ("active", 1)
    cells.post("/api/v1/admin/stop", {"cell": "c1"}, operator)
    states = [(told["state"], told["stoppedAt"] is None) for told in fleet(cells, operator)["cells"]]
    assert states == [("active", True), ("stopped", False)]
    cells.post("/api/v1/admin/start", {"cell": "c1"}, operator)
    now = cells.engine.now_ms()
    cells.client.hset(cells.engine.key("cell"), mapping={"epoch": 2, "closed_ms": now, "closed_until": now + 60_000})
    told = cell(cells, operator)
    assert (told["state"], told["epoch"]) == ("closed", 2) and told["closedUntil"] > fleet(cells, operator)["asOf"]
    cells.client.hdel(cells.engine.key("cell"), "closed_ms", "closed_until")
    assert cell(cells, operator)["state"] == "active"


def test_calls_on_their_way_and_lateness_are_counted(cells: Api, operator: str) -> None:
    batch = cells.engine.batch("acme", "main", 5)
    cells.engine.accept(cells.engine.begin_next(batch), "call_1")
    told = cell(cells, operator)
    assert (told["live"], told["trunksWithWork"]) == (1, 1)
    assert (cell(cells, operator, "c1")["live"], cell(cells, operator, "c1")["trunksWithWork"]) == (0, 0)
    cells.client.zadd(cells.engine.key("trunks"), {"main": cells.engine.now_ms() - 30_000})
    assert 30_000 <= cell(cells, operator)["lateMs"] < 90_000, "no worker claims"
    cells.client.zadd(cells.engine.key("trunks"), {"main": cells.engine.now_ms() + 60_000})
    assert cell(cells, operator)["lateMs"] == 0


def test_calls_that_hold_a_limit_are_shown_beside_it(cells: Api, operator: str) -> None:
    cells.trunk("narrow")
    cells.tenant("holding", trunks=("narrow",))
    batch = cells.engine.batch("holding", "narrow", 3)
    first, second = cells.engine.begin_next(batch), cells.engine.begin_next(batch)
    for path in ("trunks/narrow", "tenants/holding"):
        assert cells.get(f"/api/v1/admin/{path}", operator).json()["inFlight"] == 2, path
    held = {told["id"]: told["inFlight"] for told in cells.get("/api/v1/admin/trunks", operator).json()["trunks"]}
    assert held["narrow"] == 2
    for slot in (first, second):
        cells.engine.finish(slot)
    cells.client.zadd(cells.engine.key("flying:k/narrow"), {"leaked": cells.engine.now_ms() - 60_000})
    assert cells.get("/api/v1/admin/trunks/narrow", operator).json()["inFlight"] == 0, "what has passed holds nothing"


def test_events_count_until_a_notifier_deals_with_them(cells: Api, operator: str) -> None:
    before = cell(cells, operator)["events"]
    batch = cells.engine.batch("acme", "main", 1, on_call_complete="https://crm.example/")
    cells.engine.finish(cells.engine.begin_next(batch))
    assert cell(cells, operator)["events"] > before
    cells.client.hset(cells.engine.key("hooks:counts:3"), "pending", 7)
    assert cell(cells, operator)["webhooks"] == 7


@pytest.mark.parametrize("presence", ["x", "a/b/c/d/e", "carillon-worker/w/1/1", "carillon-worker/w/1/1/1.0/more"])
def test_a_cell_that_makes_no_sense_is_our_fault(cells: Api, operator: str, presence: str) -> None:
    name = cells.engine.key("processes")
    cells.client.zadd(name, {presence: cells.engine.now_ms()})
    answer = cells.get(FLEET, operator)
    cells.client.zrem(name, presence)
    assert (answer.status, answer.code) == (500, "INTERNAL")


def test_an_argument_that_is_none_is_refused(cells: Api, operator: str) -> None:
    assert list(cells.get(f"{FLEET}?cell=c0", operator).field_errors) == ["cell"]


# ---- why ----


def test_an_operator_asks_why_of_any_tenants_batch(cells: Api, operator: str) -> None:
    for tenant in ("globex", "initech"):
        key = cells.tenant(tenant)
        batch = cells.create(key, cells.fresh_numbers(2))
        cells.post(f"/api/v1/batch/{batch}/pause", key=key)
        told = cells.get(f"/api/v1/admin/batch/{batch}/why", operator).json()
        own = cells.get(f"/api/v1/batch/{batch}/why", key).json()
        assert {**told, "asOf": ""} == {**own, "asOf": ""}
        assert told["verdict"]["code"] in ("NO_WORKER", "BATCH_PAUSED")
        assert [link["id"] for link in told["chain"] if link["level"] == "tenant"] == [tenant]


def test_the_batch_may_lie_in_any_cell_of_this_server(cells: Api, operator: str) -> None:
    cells.client.sadd("carillon:{c1}:index:trunks", "main")
    for name in ("trunk:main", "tenant:acme"):
        cells.client.hset(f"carillon:{{c1}}:{name}", mapping=cells.client.hgetall(f"carillon:{{c0}}:{name}"))
    key = cells.tenant("elsewhere")
    cells.client.hset("carillon:{c1}:tenant:elsewhere", mapping=cells.client.hgetall("carillon:{c0}:tenant:elsewhere"))
    cells.client.hset("carillon:{dir}:tenant:elsewhere", "cell", "c1")
    batch = cells.create(cells.key("elsewhere"), cells.fresh_numbers(1))
    assert batch.startswith("batch_c1_") and key
    told = cells.get(f"/api/v1/admin/batch/{batch}/why", operator).json()
    assert told["chain"][0]["id"] == "c1"


NONE = ["batch_c0_00000000000000000000", "batch_c9_00000000000000000000", "batch_c0_", "x", "b" * 300, "batch_c1_zz%2F"]


@pytest.mark.parametrize("batch", NONE)
def test_a_batch_that_is_none_is_not_found(cells: Api, operator: str, batch: str) -> None:
    answer = cells.get(f"/api/v1/admin/batch/{batch}/why", operator)
    assert (answer.status, answer.code) == (404, "BATCH_NOT_FOUND")


def test_neither_is_a_tenants_to_ask(cells: Api) -> None:
    key = cells.key("acme")
    for path in (FLEET, "/api/v1/admin/batch/batch_c0_00000000000000000000/why"):
        assert cells.get(path, key).code == "FORBIDDEN"
