# SPDX-License-Identifier: Apache-2.0
"""What every operation refuses: keys, arguments, ids, bodies, states, haste."""

from __future__ import annotations

import json

from tests.integration.contract.world import NOBODY, OPERATIONS, World, by_query
from tests.support.producer_api import Answer
from tests.support.raw_http import exchange
from tests.support.waiting import wait_until


def refuse_keys(world: World) -> None:
    for operation in OPERATIONS.values():
        answers = {role: world.ask(operation, key) for role, key in world.keys.items() if role not in operation.roles}
        assert not operation.roles or all(answer.status == 403 for answer in answers.values()), (operation.id, answers)
        if operation.roles:
            assert world.ask(operation, None).status == 401, operation.id
        if "userId" in operation.named("query"):
            assert world.ask(operation, world.asking_key(operation), "userId=stranger").status == 403


def refuse_arguments(world: World) -> None:
    for operation in OPERATIONS.values():
        if operation.roles:
            answer = world.ask(operation, world.asking_key(operation), "nonsense=1")
            assert (answer.status, list(answer.field_errors)) == (400, ["nonsense"]), operation.id
        if by_query(operation, NOBODY):
            assert world.ask(operation, world.asking_key(operation), path=operation.path).status == 400


def refuse_ids(world: World) -> None:
    for operation in OPERATIONS.values():
        if "404" in operation.responses and (operation.named("path") or by_query(operation, NOBODY)):
            path = operation.path.replace("/batch/{id}", f"/batch/{NOBODY}").replace("{id}", f"{NOBODY}-0")
            path += by_query(operation, NOBODY)
            assert world.ask(operation, world.asking_key(operation), path=path).status == 404, operation.id


def refuse_bodies(world: World) -> None:
    for operation in OPERATIONS.values():
        if not operation.body:
            continue
        key, path = world.asking_key(operation), world.path(operation)
        assert world.request(operation.method, path, b"x", key, {"Content-Type": "text/plain"}).status == 415, operation.id
        large = {"Content-Type": "application/json", "Content-Length": str(2 << 30), "Expect": "100-continue"}
        assert world.request(operation.method, path, None, key, large).status == 413, operation.id


def refuse_states(world: World) -> None:
    """What a batch that has ended allows no more, or one that has not does not allow yet."""
    for operation in OPERATIONS.values():
        if "BatchState" in json.dumps(operation.node["responses"].get("409")):
            batches = (world.batch_with("COMPLETED"), world.scheduled())
            answers = [world.ask(operation, world.asking_key(operation), path=world.path(operation, batch)) for batch in batches]
            assert "BATCH_STATE" in [answer.code for answer in answers if answer.status == 409], (operation.id, answers)


def refuse_strays(world: World) -> None:
    """What no route takes."""
    assert world.get("/api/v1/nothing").code == "ROUTE_NOT_FOUND"
    assert "details" not in world.get("/api/v1/batch/%zz", world.keys["tenant"]).json()
    refused = world.request("POST", "/api/v1/health")
    assert (refused.code, refused.headers["allow"]) == ("METHOD_NOT_ALLOWED", "GET, HEAD")
    assert world.get(f"/api/v1/batch/list?tag={'x' * 9000}", world.keys["tenant"]).code == "URI_TOO_LONG"
    assert world.request("GET", "/api/v1/batch/list", headers={"Expect": "nonsense"}).code == "EXPECTATION_FAILED"
    assert world.request("GET", "/api/v1/batch/list", b"x" * (65 << 10), world.keys["tenant"]).code == "BODY_TOO_LARGE"
    log = world.engine.key(f"batch:{world.batch_of_examples}:attempts:0")
    world.client.hset(log, "0", "nonsense")
    assert world.get(f"/api/v1/call/{world.batch_of_examples}-0/attempts", world.keys["tenant"]).code == "INTERNAL"
    world.client.delete(log)
    for line, code in (("Transfer-Encoding: gzip", "NOT_IMPLEMENTED"), (f"X-Long: {'x' * 17000}", "INVALID_REQUEST")):
        (raw,) = exchange(world.process.port, f"POST /api/v1/health HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n0\r\n\r\n".encode(), end=True)
        assert raw.json()["code"] == code
        world.contract.judge("POST", "/stray", Answer(raw.status, raw.headers, raw.body))


def refuse_rates(world: World) -> None:
    """One request a second is one too few."""
    hasty = world.tenant("hasty", max_requests_per_second=1)
    world.client.hset("carillon:{dir}:tenant:hasty", "max_requests_per_second", 1)
    for operation in OPERATIONS.values():
        if "tenant" in operation.roles:
            codes: list[int] = []
            wait_until(lambda: codes.append(world.ask(operation, hasty).status) or codes[-1] == 429, what="the quota is used up", poll_s=0)
