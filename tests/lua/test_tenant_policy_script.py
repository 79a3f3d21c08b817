# SPDX-License-Identifier: Apache-2.0
"""agent_set and tenant_policy: what an operator sets for a tenant, and what a creation is told of it."""

from __future__ import annotations

import json

import pytest
import redis

from tests.support.engine import Engine


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.trunk("main", caller_ids='["+15550001111"]')
    engine.trunk("second", caller_ids='["+15550002222","+15550003333"]')
    engine.tenant("acme", trunks='["main","second"]')
    return engine


def set_agents(cell: Engine, tenant: str = "acme", most: int = 5, **states: str) -> list[int]:
    return [int(item) for item in cell.scripts.run("agent_set", tenant, most, *(word for pair in states.items() for word in pair))]


def policy(cell: Engine, agent: str = "agent_1", trunk: str = "", tenant: str = "acme") -> list[str | None]:
    reply = cell.scripts.run("tenant_policy", tenant, agent, trunk)
    return [item if item is None else item.decode() for item in reply]


# ---- agent_set ----


def test_agents_are_listed_marked_and_taken_off(cell: Engine) -> None:
    assert set_agents(cell, a="active", b="inactive") == [2, 2]
    assert set_agents(cell, a="active", b="inactive") == [0, 2], "said again it changes nothing"
    assert set_agents(cell, a="inactive", c="active") == [2, 3]
    assert set_agents(cell, b="", d="") == [1, 2]
    assert cell.hash("tenant:acme:agents") == {"a": "inactive", "c": "active"}
    assert set_agents(cell) == [0, 2]


def test_too_many_agents_are_refused_as_a_whole(cell: Engine) -> None:
    set_agents(cell, most=2, a="active", b="active")
    with pytest.raises(redis.ResponseError, match="ERR_STATE"):
        set_agents(cell, most=2, a="inactive", c="active")
    assert cell.hash("tenant:acme:agents") == {"a": "active", "b": "active"}
    assert set_agents(cell, most=2, a="inactive") == [1, 2], "those that are listed can change"
    assert set_agents(cell, most=1, a="") == [1, 1], "and go, though there are too many"


@pytest.mark.parametrize("args", [("ac/me", 5), ("acme", "x"), ("acme", 5, "a"), ("acme", 5, "a", "asleep"), ("acme", 5, "", "active"),
                                  ("acme", 5, "x" * 513, "active"), ("acme", 5, *("a", "active") * 501)])  # fmt: skip
def test_agents_that_make_no_sense_are_refused(cell: Engine, args: tuple[object, ...]) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        cell.scripts.run("agent_set", *args)
    assert cell.hash("tenant:acme:agents") == {}


def test_agents_of_a_tenant_that_is_not_there_are_refused(cell: Engine) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        set_agents(cell, tenant="nobody", a="active")


# ---- tenant_policy ----


def test_a_tenant_of_whom_nothing_is_set(cell: Engine) -> None:
    assert policy(cell) == ['["main","second"]', "", "", '["+15550001111"]', "", None]
    assert policy(cell, tenant="nobody") == ["", "", "", "", "", None]


def test_all_that_is_set_is_told(cell: Engine) -> None:
    window = json.dumps({"start": "09:00", "end": "17:30"})
    cell.tenant("acme", how="set", window=window, timezone="Asia/Tokyo", available_s=60)
    set_agents(cell, agent_1="active", agent_2="inactive")
    trunks, numbers = '["main","second"]', '["+15550001111"]'
    assert policy(cell) == [trunks, window, "Asia/Tokyo", numbers, "active", "60"]
    assert policy(cell, agent="agent_2")[4] == "inactive"
    assert policy(cell, agent="agent_3")[4] == policy(cell, agent="")[4] == "unknown"


@pytest.mark.parametrize(("trunk", "numbers"), [("", '["+15550001111"]'), ("second", '["+15550002222","+15550003333"]'), ("third", ""),
                                                ("a/b", ""), ("main:caller", ""), ("x" * 65, "")])  # fmt: skip
def test_the_numbers_are_those_of_the_batchs_trunk(cell: Engine, trunk: str, numbers: str) -> None:
    assert policy(cell, trunk=trunk)[3] == numbers
