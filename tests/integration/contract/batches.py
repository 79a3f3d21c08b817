# SPDX-License-Identifier: Apache-2.0
"""Batches made, filled, changed, redialed."""

from __future__ import annotations

import json

from tests.integration.contract.world import API, LATE, OPERATIONS, OUTCOMES, World
from tests.support.openapi import examples
from tests.support.producer_api import batch_body


# Rows of which none is a contact: every reason that there is.
LONG_TEXT = "x" * 300
BAD_ROWS = [
    ("application/json", json.dumps([
        {"phoneNumber": "555-12"}, {"name": "nobody"}, {"phoneNumber": 7}, {"phoneNumber": "+15550001111", "name": LONG_TEXT}, 5,
        {"phoneNumber": "+15550001111", "id": "a\tb"}, {"phoneNumber": "+15550001111", "email": "nowhere"},
        {"phoneNumber": "+15550001111", "timezone": "Mars/Base"}, {"phoneNumber": "+15550001111", "metadata": {"a": "x" * 5000}},
    ]).encode()),
    ("application/x-ndjson", b'{"phoneNumber": \n{"phoneNumber": "+15550001111", "phoneNumber": "+15550001112"}\n'),
    ("text/csv", b'phoneNumber,name\n+15550001111\n+15550001111,"a"b\n+15550001111,a\x00b\n+15550001111,\xff\n+15550001111,' + b"x" * 17000
     + b"\n+15550001111" + b",x" * 300 + b'\n+15550001111,"open\n'),
    ("text/csv", b"phoneNumber\n" + b",".join([b"x" * 16000] * 30) + b"\n"),
]  # fmt: skip


def create_batches(world: World) -> None:
    key = world.keys["tenant"]
    zoned = {"timezone": "America/New_York", "scheduledStartTime": "2031-11-16T09:00:00.000Z"}
    one, two = world.fresh_numbers(2)
    odd = [one, one, {"phoneNumber": two, "shoe": 44, "size": 1, "metadata": {"size": 2}}]
    warned = world.post("/api/v1/batch", batch_body(odd, **zoned), key)
    assert {warning["code"] for warning in warned.json()["warnings"]} == {"DUPLICATE", "MOVED_TO_METADATA", "IGNORED", "TWO_READINGS"}
    past = world.post("/api/v1/batch", batch_body([one], scheduledStartTime="2001-01-01T00:00:00Z"), key)
    assert past.status == 400
    assert world.post("/api/v1/batch?userId=user_456", batch_body([one]), key).status == 202
    many = b'{"agentId":"a","contacts":[' + b'{"phoneNumber":"+15550100001"},' * 100_000 + b'{"phoneNumber":"+15550100001"}]}'
    assert world.request("POST", "/api/v1/batch", many, key, {"Content-Type": "application/json"}).code == "TOO_MANY_CONTACTS"
    assert world.post("/api/v1/batch", batch_body(["nonsense"] * 1001), key).json()["details"]["more"] == 1
    assert world.post("/api/v1/batch", batch_body([one] * 1003), key).json()["warnings"][-1]["code"] == "MORE"
    world.client.delete(world.engine.key("trunk:gone"))
    assert world.post("/api/v1/batch", batch_body([one], trunk="gone"), key).code == "TRUNK_NOT_FOUND"
    crowded = world.tenant("crowded")
    fill_endpoints(world, crowded)
    assert world.send("PUT", "/api/v1/webhooks/endpoints", {"origin": "https://one-more.example"}, crowded).code == "TOO_MANY_ENDPOINTS"
    named = batch_body([one], webhooks={"onEvent": "https://one-more.example/"})
    assert world.post("/api/v1/batch", named, crowded).code == "TOO_MANY_ENDPOINTS"
    for body, status in ((batch_body([one]), 202), (batch_body([one]), 202), (batch_body([two]), 422)):
        sent = {"Content-Type": "application/json", "Idempotency-Key": "key-1"}
        assert world.request("POST", "/api/v1/batch", json.dumps(body).encode(), key, sent).status == status


def try_a_creation(world: World) -> None:
    key, (one, two, three) = world.keys["tenant"], world.fresh_numbers(3)
    assert world.send("PUT", "/api/v1/suppressions", {"phoneNumbers": [two]}, key).status == 200
    whole = world.post("/api/v1/batch?dryRun=true", batch_body([one, two]), key).json()
    assert (whole["wouldBeTaken"], whole["suppressed"]) == (True, 1)
    bad = batch_body([one, one, {"phoneNumber": three, "shoe": 44}, "nonsense"], expiresAt="2031-01-01T00:00:00Z")
    torn = world.post("/api/v1/batch?dryRun=true", bad, key).json()
    assert (torn["wouldBeTaken"], torn["rejected"], torn["duplicates"], len(torn["errors"])) == (False, 1, 1, 1)


def fill_a_draft(world: World) -> None:
    key = world.keys["tenant"]
    batch = world.post("/api/v1/batch?draft=true", {"agentId": "agent_123"}, key).json()["batchId"]
    path, one = f"/api/v1/batch/{batch}", world.fresh_numbers(1)[0]
    assert world.post(f"{path}/start", key=key).code == "BATCH_EMPTY"
    assert world.get(path, key).json()["status"] == "draft"
    assert world.get(f"{path}/why", key).json()["status"] == "draft"
    chunks = {name: (kind, body) for name, (kind, body) in enumerate(BAD_ROWS, 1)}
    for number, (kind, body) in chunks.items():
        answer = world.request("POST", f"{path}/contacts?chunk={number}&userId=acme", body, key, {"Content-Type": kind})
        assert (answer.status, answer.json()["accepted"]) == (200, 0), answer
    good = json.dumps({"phoneNumber": one, "shoe": 44}).encode()
    sent = {"Content-Type": "application/x-ndjson"}
    assert world.request("POST", f"{path}/contacts", good + b"\n" + good, key, sent).json()["warnings"]
    assert world.request("POST", f"{path}/contacts?chunk=1", good, key, sent).code == "CHUNK_CONFLICT"
    codes = {error["code"] for error in world.get(f"{path}/errors?userId=acme", key).json()["errors"]}
    assert codes == set(API.schema("RowError")["properties"]["code"]["enum"])
    cursor = world.get(f"{path}/errors?limit=1", key).json()["nextCursor"]
    assert world.get(f"{path}/errors?cursor={cursor}", key).status == 200
    world.client.hset(world.engine.key(f"batch:{batch}:chunks"), "open", "77")
    assert world.post(f"{path}/start?userId=acme", key=key).code == "CHUNKS_UNFINISHED"
    world.client.hset(world.engine.key(f"batch:{batch}:chunks"), "open", " ".join(str(number) for number in range(100, 164)))
    assert world.request("POST", f"{path}/contacts?chunk=9", good, key, sent).code == "TOO_MANY_CHUNKS"
    world.client.hdel(world.engine.key(f"batch:{batch}:chunks"), "open")
    assert world.post(f"{path}/start?userId=acme", {"userId": "acme"}, key).json()["status"] == "pending"
    ahead = world.post("/api/v1/batch?draft=true", {**batch_body([one]), "options": {"scheduledStartTime": LATE}}, key).json()["batchId"]
    assert world.post(f"/api/v1/batch/{ahead}/start", key=key).json()["status"] == "scheduled"
    poor = world.tenant("poor-draft", available_s=120)
    theirs = world.post("/api/v1/batch?draft=true", batch_body([one]), poor).json()["batchId"]
    world.engine.tenant("poor-draft", "set", available_s=1)
    assert world.post(f"/api/v1/batch/{theirs}/start", key=poor).code == "INSUFFICIENT_CREDITS"
    world.engine.tenant("poor-draft", "set", available_s=120)
    assert world.post(f"/api/v1/batch/{theirs}/start", key=poor).status == 200
    world.engine.tenant("poor-draft", "set", available_s=1)
    assert world.post(f"/api/v1/batch/{theirs}/contacts", [{"phoneNumber": "+15550002222"}], poor).code == "INSUFFICIENT_CREDITS"
    live = world.engine.batch("acme", "main", 2, agent_id="a", user_id="acme", timezone="UTC")
    world.engine.begin_next(live)
    assert world.post(f"/api/v1/batch/{live}/start", key=key).json()["status"] == "processing"


def change_batches(world: World) -> None:
    key, batch = world.keys["tenant"], world.scheduled(callerIds=["+15550001111"], retryStrategy={"voicemailDelay": 1000}, onUnknown="hold")
    path, sent = f"/api/v1/batch/{batch}", {"Content-Type": "application/json"}
    for operation_body in examples(OPERATIONS["changeBatch"].body_media["application/json"]).values():
        etag = world.get(path, key).headers["etag"]
        body = json.dumps(operation_body).encode()
        assert world.request("PATCH", f"{path}?userId=acme", body, key, {**sent, "If-Match": etag}).status == 200
        stale = world.request("PATCH", path, body, key, {**sent, "If-Match": etag})
        assert (stale.status, stale.json()["details"]["etag"]) == (412, world.get(path, key).headers["etag"])
    assert world.send("PATCH", path, {"timezone": "Europe/Paris", "scheduledStartTime": "2031-11-16T09:00:00.000Z"}, key).json()["warnings"]
    assert world.send("PATCH", path, {"webhooks": {"onEvent": "https://another.example/"}}, key).status == 200
    crowded = world.tenant("crowded-too")
    fill_endpoints(world, crowded)
    theirs = f"/api/v1/batch/{world.create(crowded, world.fresh_numbers(1), scheduledStartTime=LATE)}"
    assert world.send("PATCH", theirs, {"webhooks": {"onEvent": "https://one-more.example/"}}, crowded).code == "TOO_MANY_ENDPOINTS"
    over = world.batch_with("COMPLETED")
    assert world.send("DELETE", f"/api/v1/batch/{over}?userId=acme", None, key).status == 200


def dial_calls(world: World) -> None:
    key, path, sent = world.keys["tenant"], "/api/v1/call/dial", {"Content-Type": "application/json", "Idempotency-Key": "dial-1"}
    body = {"to": world.fresh_numbers(1)[0], "agentConfigId": "agent_123", "contactId": "lead-1"}
    payload = json.dumps(body).encode()
    answers = [world.request("POST", f"{path}?userId=acme", payload + more, key, sent) for more in (b"", b"", b" ")]
    assert [answer.status for answer in answers] == [200, 200, 422], answers
    call = answers[0].json()["callId"]
    for route in ("/api/v1/status/call", "/api/v1/call/check-status"):
        assert world.get(f"{route}?callId={call}&userId=acme", key).status == 200
    assert world.post(path, body, key).code == "CALL_IN_PROGRESS"
    assert world.get("/api/v1/batch/list?kind=dial", key).json()
    for name, code in (("poor-caller", "INSUFFICIENT_CREDITS"), ("choosy-caller", "AGENT_NOT_FOUND"), ("crowded-caller", "TOO_MANY_ENDPOINTS"),
                       ("lost-caller", "TRUNK_NOT_FOUND"), ("narrow-caller", "QUOTA_EXCEEDED")):  # fmt: skip
        owner = world.tenant(name, trunks=("gone",) if name == "lost-caller" else ("main",))
        if name == "poor-caller":
            world.engine.tenant(name, "set", available_s=1)
        elif name == "narrow-caller":
            world.create(owner, world.fresh_numbers(1), scheduledStartTime=LATE)
            world.engine.tenant(name, "set", max_batches=1)
        elif name == "choosy-caller":
            listed = {"tenant": name, "agents": [{"id": "agent_1"}]}
            assert world.send("PUT", "/api/v1/admin/agents", listed, world.keys["operator"]).status == 200
        elif name == "crowded-caller":
            fill_endpoints(world, owner)
        elif name == "lost-caller":
            world.client.delete(world.engine.key("trunk:gone"))
        refused = {**body, "to": world.fresh_numbers(1)[0], "statusCallBackUrl": "https://one-more.example/"}
        assert world.post(path, refused, owner).code == code, name


def redial_batches(world: World) -> None:
    key, sent = world.keys["tenant"], {"Content-Type": "application/json", "Idempotency-Key": "redial-1"}
    for outcome in (outcome for outcome in OUTCOMES if outcome != "COMPLETED"):
        batch = world.batch_with(outcome)
        again = f"/api/v1/batch/{batch}/redial"
        made = world.post(f"{again}?userId=acme", {"outcomes": [outcome]}, key)
        assert made.json()["outcomes"] == {outcome: 1}, made
    world.look(made.json()["batchId"])
    assert world.post(again, {"outcomes": ["BUSY"]}, key).code == "NOTHING_TO_REDIAL"
    path = f"/api/v1/batch/{world.batch_with('BUSY')}/redial"
    for body, status in ((b"{}", 202), (b"{}", 202), (b"{ }", 422)):
        answer = world.request("POST", path, body, key, sent)
        assert answer.status == status, answer
    world.client.delete(world.engine.key("trunk:gone"))
    named = {"outcomes": ["BUSY"], "options": {"trunk": "gone"}}
    assert world.post(path, named, key).code == "TRUNK_NOT_FOUND"
    for name, code in (("poor", "INSUFFICIENT_CREDITS"), ("choosy-too", "AGENT_NOT_FOUND"), ("crowded-three", "TOO_MANY_ENDPOINTS")):
        owner, over = world.tenant(name), world.batch_with("BUSY", name)
        if name == "poor":
            world.client.hset(world.engine.key(f"tenant:{name}"), "available_s", 1)
        elif name == "choosy-too":
            listed = {"tenant": name, "agents": [{"id": "agent_1"}]}
            assert world.send("PUT", "/api/v1/admin/agents", listed, world.keys["operator"]).status == 200
        else:
            fill_endpoints(world, owner)
        options = {"webhooks": {"onEvent": "https://one-more.example/"}}
        assert world.post(f"/api/v1/batch/{over}/redial", {"options": options}, owner).code == code


def fill_endpoints(world: World, key: str) -> None:
    for i in range(20):
        assert world.send("PUT", "/api/v1/webhooks/endpoints", {"origin": f"https://host{i}.example"}, key).status == 201
