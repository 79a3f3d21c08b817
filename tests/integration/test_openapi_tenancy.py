# SPDX-License-Identifier: Apache-2.0
"""Walls between tenants, made from docs/openapi.yaml: whatever a route can name, another tenant's key cannot tell from
nothing; and no list shows what is another's. A route that is described later is tried by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.hooks import Notifying
from tests.support.openapi import Description, Operation, examples
from tests.support.producer_api import Answer, Api
from tests.support.redis_server import RedisServer

API = Description.read()
OF_TENANTS = [operation for operation in API.operations if {"tenant", "viewer"} & set(operation.roles)]
NAMING = [operation for operation in OF_TENANTS if operation.named("path") or {"batchId", "callId"} & set(operation.named("query"))]
LISTING = [operation for operation in OF_TENANTS if operation.method == "GET" and operation not in NAMING]
MARK = "mark-of-acme"  # stands in everything of acme's that has a text
PHONE = "+15550987654"
LATE = "2031-11-16T09:00:00.000Z"


class Walls:
    """Two tenants. Acme has one of everything, and globex asks for it."""

    def __init__(self, api: Api) -> None:
        self.api = api
        api.trunk("main")
        self.acme, self.globex = api.tenant("acme", alias=MARK), api.tenant("globex")
        self.viewer = api.key("globex", "viewer")
        contact = {"phoneNumber": PHONE, "id": MARK, "name": MARK, "metadata": {"note": MARK}}
        self.batch = api.create(self.acme, [contact], scheduledStartTime=LATE, tags=[MARK], webhooks={"onEvent": f"https://{MARK}.example/"})
        over = api.engine.batch("acme", "main", 1, agent_id=MARK, user_id="acme", timezone="UTC")
        api.engine.finish(api.engine.begin_next(over), provider_id=MARK)
        self.over = over
        assert api.send("PUT", "/api/v1/suppressions", {"phoneNumbers": [PHONE]}, self.acme).status == 200
        # What is acme's, and what is nobody's: ids of the same length, since an answer may not tell them apart by that either.
        notifying = Notifying(api.engine.scripts, "acme", self.batch, f"https://{MARK}.example/")
        delivery = notifying.queue(0)
        self.ids = {"endpoint": ((notifying.endpoint,), "ep_" + "0" * 24), "delivery": ((delivery,), delivery.replace(self.batch, "batch_c0_" + "0" * 20)),
                    "batch": ((self.batch, self.over), "batch_c0_" + "0" * len(self.batch[9:])),
                    "call": ((f"{self.batch}-0", f"{self.over}-0"), "batch_c0_" + "0" * len(self.batch[9:]) + "-0")}  # fmt: skip

    def ask(self, operation: Operation, name: str, key: str) -> Answer:
        path = operation.path.replace("{id}", name)
        for argument in {"batchId", "callId"} & set(operation.named("query")):
            path += f"?{argument}={name}"
        media = operation.body_media.get("application/json")
        body = next(iter(examples(media).values())) if media else None
        if isinstance(body, dict):
            body = {member: value for member, value in body.items() if member != "userId"}
        return self.api.send(operation.method, path, body, key)


def kind_of(operation: Operation) -> str:
    for kind, part in (("endpoint", "/endpoints/{id}"), ("delivery", "/deliveries/{id}")):
        if part in operation.path:
            return kind
    is_call = "/call/{id}" in operation.path or "callId" in operation.named("query")
    return "call" if is_call else "batch"


def told(answer: Answer, name: str) -> tuple[int, dict[str, str], bytes]:
    """All of it but what differs between any two answers."""
    headers = {key: value for key, value in answer.headers.items() if key not in ("date", "x-request-id")}
    return answer.status, headers, answer.body.replace(name.encode(), b"<id>")


@pytest.fixture(scope="module")
def walls(redis_server: RedisServer) -> Iterator[Walls]:
    with Api(redis_server) as api:
        yield Walls(api)


def test_the_description_names_routes_of_both_kinds() -> None:
    assert len(NAMING) >= 14 and {kind_of(operation) for operation in NAMING} == {"batch", "call", "endpoint", "delivery"} and len(LISTING) >= 4


@pytest.mark.parametrize("operation", NAMING, ids=lambda operation: operation.id)
def test_what_is_anothers_cannot_be_told_from_what_is_not_there(walls: Walls, operation: Operation) -> None:
    theirs, nobodys = walls.ids[kind_of(operation)]
    keys = [walls.globex] + [walls.viewer] * ("viewer" in operation.roles)
    before = walls.api.snapshot()
    for key in keys:
        none = walls.ask(operation, nobodys, key)
        assert (none.status, none.code.endswith("_NOT_FOUND")) == (404, True), none
        for name in theirs:
            assert told(walls.ask(operation, name, key), name) == told(none, nobodys)
    after = walls.api.snapshot()
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name) and b"acme" in name} == set()
    assert all(after.get(name) == value for name, value in before.items() if walls.batch.encode() in name or walls.over.encode() in name)


@pytest.mark.parametrize("operation", LISTING, ids=lambda operation: operation.id)
def test_no_list_shows_what_is_anothers(walls: Walls, operation: Operation) -> None:
    for query in ("", *(f"?{argument}={value}" for argument, value in (("tag", MARK), ("agentId", MARK)) if argument in operation.named("query"))):
        answer = walls.api.get(operation.path + query, walls.globex)
        assert answer.status == 200, answer
        for secret in (MARK, PHONE, walls.batch, walls.over, "acme"):
            assert secret.encode() not in answer.body, (operation.id, secret)
    if "phoneNumber" in operation.named("query"):
        asked = walls.api.get(f"{operation.path}?phoneNumber={PHONE.replace('+', '%2B')}", walls.globex)
        assert asked.json()["suppressed"] is False


@pytest.mark.parametrize("operation", LISTING, ids=lambda operation: operation.id)
def test_the_owner_sees_it_in_the_same_lists(walls: Walls, operation: Operation) -> None:
    """Otherwise the test above would prove nothing."""
    seen: Any = walls.api.get(operation.path, walls.acme).body
    assert any(secret.encode() in seen for secret in (MARK, PHONE, walls.batch)), (operation.id, seen)
