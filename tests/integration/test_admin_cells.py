# SPDX-License-Identifier: Apache-2.0
"""Operators' routes in several cells, and with whatever a body may hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from tests.support.producer_api import Api
from tests.support.redis_server import RedisServer

ADMIN = "/api/v1/admin"
TRUNK = {"profile": "retell", "credential": "c", "callerIds": ["+15550001111"], "cps": 5}


@pytest.fixture(scope="module")
def cells(redis_server: RedisServer) -> Iterator[Api]:
    """A producer that serves two of three cells."""
    with Api(redis_server, "--cells", "c0,c1") as running:
        yield running


@pytest.fixture(scope="module")
def operator(cells: Api) -> str:
    return cells.key("", "operator")


def test_what_is_made_lives_in_the_cell_that_was_named(cells: Api, operator: str) -> None:
    for cell, query in (("c0", ""), ("c1", "?cell=c1")):
        made = cells.post(f"{ADMIN}/trunks{query}", {"id": "same", **TRUNK}, operator)
        assert (made.status, made.json()["cell"]) == (201, cell)
        made = cells.post(f"{ADMIN}/tenants{query}", {"id": f"of-{cell}", "cps": 5, "trunks": ["same"]}, operator)
        assert (made.status, made.json()["cell"]) == (201, cell)
        assert cells.client.hget(f"carillon:{{dir}}:tenant:of-{cell}", "cell") == cell.encode()
        listed = cells.get(f"{ADMIN}/tenants{query}", operator).json()["tenants"]
        assert [(tenant["id"], tenant["cell"]) for tenant in listed] == [(f"of-{cell}", cell)]
    assert cells.get(f"{ADMIN}/tenants/of-c1", operator).status == 404
    assert cells.get(f"{ADMIN}/tenants/of-c1?cell=c1", operator).status == 200
    moved = cells.post(f"{ADMIN}/tenants", {"id": "of-c1", "cps": 5, "trunks": ["same"]}, operator)
    assert (moved.status, moved.code) == (409, "TENANT_EXISTS")
    assert cells.send("PATCH", f"{ADMIN}/tenants/of-c1", {"cps": 9}, operator).status == 404


def test_a_stop_in_one_cell_leaves_the_other_alone(cells: Api, operator: str) -> None:
    assert cells.post(f"{ADMIN}/stop", {"cell": "c1"}, operator).json() == {"cell": "c1", "state": "stopped"}
    assert cells.client.hexists("carillon:{c1}:cell", "stopped_ms") and not cells.client.hexists("carillon:{c0}:cell", "stopped_ms")
    assert cells.post(f"{ADMIN}/start", {"cell": "c1"}, operator).json() == {"cell": "c1", "state": "active"}
    for query in ("", "?cell=c1"):
        assert cells.post(f"{ADMIN}/trunks{query}", {"id": "both", **TRUNK}, operator).status == 201
    stopped = cells.post(f"{ADMIN}/stop?cell=c1", {"trunk": "both"}, operator).json()
    assert (stopped["cell"], stopped["state"], stopped["reason"]) == ("c1", "stopped", "operator")
    assert cells.get(f"{ADMIN}/trunks/both", operator).json()["state"] == "active"
    assert cells.post(f"{ADMIN}/start?cell=c1", {"trunk": "both"}, operator).json()["stoppedAt"] is None


# ---- whatever a body may hold ----


@pytest.fixture(scope="module")
def anybody(api: Api) -> str:
    """An operator's key for the one cell of `api`."""
    return api.key("", "operator")


VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers(-(10**6), 10**6) | strategies.floats(allow_nan=False, allow_infinity=False)
    | strategies.text(max_size=20) | strategies.sampled_from(["main", "retell", "twilio", "+15550001111", "https://x.example", "UTC", "acme"]),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
MEMBERS = ("id", "cps", "maxConcurrent", "weight", "keepDays", "trunks", "alias", "credits", "addCredits", "maxRequestsPerSecond", "timezone",
           "callingWindow", "profile", "baseUrl", "credential", "variables", "callerIds", "pollAfterMs", "lookupAbsentAfterMs", "breakerPercent", "breakerMinimum", "role", "tenant",
           "label", "expiresInMs", "overlapMs", "agents", "agentIds", "cell", "trunk")  # fmt: skip
ROUTES = (("POST", "tenants"), ("PATCH", "tenants/acme"), ("POST", "trunks"), ("PATCH", "trunks/main"), ("PUT", "agents"), ("DELETE", "agents"),
          ("POST", "keys"), ("POST", "keys/key_0000000000000000/rotate"), ("POST", "stop"), ("POST", "start"))  # fmt: skip


def snapshot(api: Api) -> dict[bytes, Any]:
    """But for when the key was used, which is written beside the answer, and for what is not of `api`: the producer of
    `cells` may open its second one at any time."""
    return {name: value for name, value in api.snapshot().items() if name != b"carillon:{dir}:used" and b"{c1}" not in name}


@given(route=strategies.sampled_from(ROUTES), body=strategies.dictionaries(strategies.sampled_from(MEMBERS), VALUES, max_size=6) | VALUES)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_body_gets_an_answer_and_a_refused_one_changes_nothing(api: Api, acme: str, anybody: str, route: tuple[str, str], body: Any) -> None:
    before = snapshot(api)
    answer = api.send(route[0], f"{ADMIN}/{route[1]}", body, anybody)
    assert answer.status in (200, 201, 400, 404, 409), answer
    if answer.status >= 400:
        assert snapshot(api) == before, answer
    assert api.get("/healthz").status == 200
