# SPDX-License-Identifier: Apache-2.0
"""Requests as docs/openapi.yaml describes them: every example is accepted; a body that fits its schema is accepted or
refused in a way that is described; a body or an argument that does not fit is refused."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.contract.world import by_query
from tests.support.contract import Contract
from tests.support.hooks import Notifying
from tests.support.openapi import Description, Node, Operation, examples
from tests.support.openapi_bodies import Bodies
from tests.support.producer_api import Answer, Api, batch_body
from tests.support.redis_server import RedisServer

API = Description.read()
BODIES = Bodies(API)
WITH_BODY = [operation for operation in API.operations if "application/json" in operation.body_media]
LATE = "2031-11-16T09:00:00.000Z"
TRIES = settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


class Scene(Api):
    """A producer all of whose answers are judged, with one of everything that a path may name."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(server, "--allow-private-webhooks", "127.0.0.0/8")
        self.contract = Contract(API)

    def judge(self, method: str, path: str, answer: Answer) -> None:
        self.contract.judge(method, path, answer)

    def populate(self) -> None:
        for trunk in ("main", "second"):
            self.trunk(trunk)
        fast = {"max_requests_per_second": 100_000}
        acme = self.tenant("acme", alias="user_456", trunks=("main", "second"), **fast)
        self.client.hset("carillon:{dir}:tenant:acme", mapping=fast)
        self.keys = {"tenant": acme, "operator": self.key("", "operator")}
        self.over = self.engine.batch("acme", "main", 1, max_attempts=1, agent_id="agent_123", user_id="acme", timezone="UTC")
        self.engine.tick()
        self.engine.finish(self.engine.begin_next(self.over), "final", "BUSY")
        self.notifying = Notifying(self.engine.scripts, "acme", self.over, "https://crm.example:8443/hooks")
        self.delivery = self.notifying.queue(0)

    def named(self, path: str) -> str:
        """The path about what lasts."""
        path = path.replace("/endpoints/{id}", f"/endpoints/{self.notifying.endpoint}").replace("/deliveries/{id}", f"/deliveries/{self.delivery}")
        return path.replace("/tenants/{id}", "/tenants/acme").replace("/trunks/{id}", "/trunks/main")

    def path_to_what_is_over(self, operation: Operation) -> str:
        path = operation.path.replace("/batch/{id}", f"/batch/{self.over}").replace("/call/{id}", f"/call/{self.over}-0")
        path = self.named(path)
        tenant = "?tenant=acme" if any(p["name"] == "tenant" and p.get("required") for p in operation.parameters) else ""
        return path + (by_query(operation, self.over) or tenant)

    def ask(self, operation: Operation, body: Any) -> Answer:
        """About something that is as new as it can be."""
        key, path = self.keys[operation.roles[0]], operation.path
        if operation.id == "redialBatch":
            path = path.replace("{id}", self.over)
        elif operation.id == "startBatch":
            made = self.post("/api/v1/batch?draft=true", batch_body(self.fresh_numbers(1)), key)
            path = path.replace("{id}", made.json()["batchId"])
        elif "/batch/{id}" in path or "batchId" in operation.named("query"):
            batch = self.create(self.keys["tenant"], self.fresh_numbers(1), scheduledStartTime=LATE)
            if operation.id == "resumeBatch":
                self.post(f"/api/v1/batch/{batch}/pause", key=key)
            path = path.replace("{id}", batch) + (f"?batchId={batch}" if "batchId" in operation.named("query") else "")
        if "/keys/{id}" in path:
            made = self.post("/api/v1/admin/keys", {"role": "operator"}, key)
            path = path.replace("{id}", made.json()["id"])
        self.client.hset(self.engine.key(f"hooks:delivery:{self.delivery}"), "state", "dead")
        self.client.hdel(self.engine.key(f"hooks:delivery:{self.delivery}"), "trigger")
        self.client.hset(self.engine.key(f"hooks:endpoint:{self.notifying.endpoint}"), mapping={"test": "", "status": "active"})
        return self.request(operation.method, self.named(path), json.dumps(body).encode(), key, {"Content-Type": "application/json"})


def schema_of(operation: Operation) -> Node:
    return operation.body_media["application/json"]["schema"]


@pytest.fixture(scope="module")
def scene(redis_server: RedisServer) -> Iterator[Scene]:
    with Scene(redis_server) as running:
        running.populate()
        yield running


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.id)
def test_every_example_is_accepted(scene: Scene, operation: Operation) -> None:
    told = examples(operation.body_media["application/json"])
    answers = [scene.ask(operation, body) for body in told.values()]
    assert answers and [answer for answer in answers if answer.status not in (200, 201, 202)] == []


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.id)
def test_a_body_that_fits_is_accepted_or_refused_as_it_is_described(scene: Scene, operation: Operation) -> None:
    @TRIES
    @given(BODIES.fitting(schema_of(operation)))
    def ask(body: Any) -> None:
        assert scene.ask(operation, body).status < 500

    ask()


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.id)
def test_a_body_that_does_not_fit_is_refused(scene: Scene, operation: Operation) -> None:
    @TRIES
    @given(BODIES.failing(schema_of(operation)))
    def ask(body: Any) -> None:
        answer = scene.ask(operation, body)
        is_left_out = operation.id == "addContacts" and answer.status == 200 and answer.json()["rejected"] > 0
        assert 400 <= answer.status < 500 or is_left_out, answer  # a row is told of by itself

    ask()


WITH_ARGUMENTS = [
    (operation, parameter)
    for operation in API.operations
    for parameter in operation.parameters
    if parameter["in"] == "query" and parameter["name"] not in ("userId", "batchId", "callId")
]
STRANGE = ["", "0", "-1", "-5", "1", "1.5", "1001", "1000001", "1e3", " 7", "x", "TRUE", "true", "all", "csv", "failed", "x" * 200, "\u00e4", "9" * 30]


def means(schema: Node, text: str) -> bool:
    """Whether the argument's text is one of what is described: a number is written in digits."""
    values: list[Any] = [text, *([int(text)] if text.removeprefix("-").isdecimal() else [])]
    return any(API.fits(schema, value) for value in values)


@pytest.mark.parametrize(("operation", "parameter"), WITH_ARGUMENTS, ids=lambda part: part.id if isinstance(part, Operation) else part["name"])
def test_an_argument_that_does_not_fit_is_refused_by_its_name(scene: Scene, operation: Operation, parameter: Node) -> None:
    path = scene.path_to_what_is_over(operation)
    for text in STRANGE:
        if not means(parameter["schema"], text):
            asked = f"{path}{'&' if '?' in path else '?'}{urllib.parse.urlencode({parameter['name']: text})}"
            answer = scene.send(operation.method, asked, None, scene.keys[operation.roles[0]])
            assert (answer.status, list(answer.field_errors)) == (400, [parameter["name"]]), (text, answer)


def test_the_bodies_that_are_tried_are_good_and_bad() -> None:
    """The test's own tools: what fits does, and what does not does not."""
    schema = schema_of(API.by_id("createBatch"))

    @TRIES
    @given(st.data())
    def draw(data: Any) -> None:
        assert API.fits(schema, data.draw(BODIES.fitting(schema)))
        assert not API.fits(schema, data.draw(BODIES.failing(schema)))

    draw()
