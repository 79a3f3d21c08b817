# SPDX-License-Identifier: Apache-2.0
"""What a tenant keeps, and what an operator does; and the service itself."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.contract.world import API, OPERATIONS, World
from tests.support.producer_api import batch_body
from tests.support.waiting import wait_until


def keep_numbers(world: World) -> None:
    path, numbers = "/api/v1/suppressions", world.fresh_numbers(3)
    for key, user in ((world.keys["tenant"], "?userId=acme"), (world.keys["operator"], "")):
        for method in ("PUT", "DELETE", "PUT"):
            assert world.send(method, path + user, {"phoneNumbers": numbers}, key).status == 200
        assert world.get(f"{path}?phoneNumber={numbers[0].replace('+', '%2B')}", key).json()["suppressed"] is True
        assert world.get(f"{path}?phoneNumber=%2B15550009999", key).json()["suppressed"] is False
        cursor = world.get(f"{path}?limit=1", key).json()["nextCursor"]
        assert world.get(f"{path}?cursor={cursor}", key).status == 200
        assert world.send("DELETE", f"{path}?phoneNumber={numbers[0].replace('+', '%2B')}", None, key).status == 200
    assert world.get(f"{path}?userId=acme", world.keys["tenant"]).status == 200


def keep_endpoints(world: World) -> None:
    path, key, body = "/api/v1/webhooks/endpoints", world.keys["tenant"], b'{"url":"https://kept.example/"}'
    sent = {"Content-Type": "application/json"}
    assert world.request("PUT", f"{path}?userId=acme", body, key, {**sent, "Idempotency-Key": "k1"}).status == 201
    assert world.request("PUT", f"{path}?userId=acme", body, key, {**sent, "Idempotency-Key": "k1"}).headers["idempotency-replayed"]
    assert world.request("PUT", path, body, key, {**sent, "Idempotency-Key": "k2"}).status == 200
    assert world.request("PUT", path, body, key, {**sent, "Idempotency-Key": "k2"}).headers["idempotency-replayed"]
    assert world.request("PUT", path, b'{"url":"https://x.example/"}', key, {**sent, "Idempotency-Key": "k2"}).status == 422
    told = world.get(f"{path}?userId=acme", key).json()["endpoints"]
    world.client.hset(world.engine.key(f"hooks:endpoint:{told[0]['id']}"), "status", "disabled")
    assert "disabled" in [endpoint["status"] for endpoint in world.get(path, key).json()["endpoints"]]
    made = world.send("PUT", path, {"origin": "https://removed.example"}, key).json()["id"]
    assert world.send("DELETE", f"{path}/{made}?userId=acme", None, key).json()["dropped"] == 0


def keep_deliveries(world: World) -> None:
    base, key, endpoint = "/api/v1/webhooks", world.keys["tenant"], world.notifying.endpoint
    one, field = f"{base}/endpoints/{endpoint}", world.engine.key(f"hooks:endpoint:{endpoint}")
    now, n = world.engine.now_ms(), world.notifying
    looks: list[dict[str, Any]] = [
        {"failures": 2, "failing_since_ms": now, "notice": 1}, {"notice": 2, "open_until_ms": now + 99_999},
        {"failures": 0, "notice": 0, "open_until_ms": 0, "latency_ms": 9000, "last_success_ms": now}, {"paused_until_ms": now + 99_999, "rotated_ms": now},
        {"latency_ms": 1}, *({"status": "disabled", "reason": reason, "disabled_ms": now} for reason in ("gone", "failing", "tenant")),
    ]  # fmt: skip
    for look in looks:
        world.client.hset(field, mapping=look)
        assert world.get(one, key).status == 200
    for path in ("redeliver", "recover", "test"):
        ask = f"{base}/deliveries/{world.delivery}/redeliver" if path == "redeliver" else f"{one}/{path}"
        world.client.hset(world.engine.key(f"hooks:delivery:{world.delivery}"), "state", "dead")
        assert world.post(ask, {"url": n.url} if path == "test" else None, key).code == "ENDPOINT_DISABLED"
    world.client.hset(world.engine.key(f"hooks:delivery:{world.delivery}"), "state", "pending")
    for query, body in (("?userId=acme", {"status": "disabled"}), ("", {"status": "active", "signature": "seed"}), ("", {"signature": "standard"}),
                        ("", {"signature": "seed"})):  # fmt: skip
        assert world.send("PATCH", one + query, body, key).status == 200
    assert world.post(f"{one}/secret/rotate?userId=acme", {"graceSeconds": 60}, key).json()["signing"] == 2
    assert world.get(f"{one}?userId=acme", key).json()["signature"] == "seed"
    move_deliveries(world, base, key, one)


def move_deliveries(world: World, base: str, key: str, one: str) -> None:
    n, all_ = world.notifying, f"{base}/deliveries"

    def look() -> None:
        told = world.get(f"{all_}?userId=acme&endpoint={n.endpoint}", key).json()["deliveries"]
        assert told
        for delivery in told:
            assert world.get(f"{all_}/{delivery['id']}?userId=acme", key).status in (200, 404)

    look()
    n.claim()
    look()
    assert world.post(f"{all_}/{world.delivery}/redeliver", key=key).code == "DELIVERY_UNDER_WAY"
    n.finish(world.delivery, 1, "retry", "http_status", 500, "dns=3 connect=4 tls=9 first=11 http=20 reused=0")
    look()
    dead, second, batch = n.queue(1), n.queue(2), n.queue(0, "batch.completed")
    n.finish_all("dead", "timeout", 0)
    look()
    assert world.post(f"{all_}/{dead}/redeliver?userId=acme", key=key).status == 202
    look()
    asked = world.post(f"{one}/recover?userId=acme&since=2020-01-01T00:00:00Z", key=key)
    assert asked.json()["recovered"] == 2, asked
    for delivery, kind in ((dead, "call.completed"), (second, "call.completed"), (batch, "batch.completed")):
        assert world.get(f"{all_}/{delivery}", key).json()["askedFor"] in ("manual", "recover")
        n.expand("1-1", delivery, kind, "again")
    assert world.post(f"{one}/test?userId=acme", {"url": n.url}, key).status == 202
    assert world.post(f"{one}/test", {"url": n.url}, key).code == "ENDPOINT_BUSY"
    look()
    n.finish_all("delivered", phases="http=11 reused=1")
    look()
    assert {world.get(f"{all_}?state={state}", key).status for state in ("pending", "in_flight", "retrying", "delivered", "dead")} == {200}
    assert world.get(f"{all_}?endpoint=nobody", key).code == "ENDPOINT_NOT_FOUND"
    assert world.get(f"{all_}?event={dead}", key).json()["deliveries"][0]["state"] == "delivered"
    world.client.delete(world.engine.key(f"hooks:delivery:{second}"))
    look()
    cursor = world.get(f"{all_}?limit=1", key).json()["nextCursor"]
    assert world.get(f"{all_}?limit=1&cursor={cursor}", key).status == 200
    world.client.hset(world.engine.key(f"hooks:delivery:{dead}"), "source", "[]")
    assert world.post(f"{all_}/{dead}/redeliver", key=key).code == "DELIVERY_GONE"
    world.client.zadd(world.engine.key(f"hooks:dead:{n.endpoint}"), {f"evt_{i}": i + 1 for i in range(502)})
    assert world.post(f"{one}/recover", key=key).json()["nextSince"]


def administer_tenants(world: World) -> None:
    tenants, key = "/api/v1/admin/tenants", world.keys["operator"]
    new = {"id": "globex", "cps": 10, "trunks": ["main"], "alias": "user_9", "maxConcurrent": 7, "credits": 600, "keepDays": 5, "maxRequestsPerSecond": 99, "maxBatches": 9, "maxQueuedContacts": 9,
           "maxBytes": 9**6,
           "timezone": "Europe/Paris", "callingWindow": {"start": "09:00", "end": "17:00", "days": API.schema("CallingWindow")["properties"]["days"]["items"]["enum"], "timezone": "UTC", "closedDates": ["2031-12-24"]}}  # fmt: skip
    make_once(world, f"{tenants}?cell=c0", new)
    assert world.post(tenants, new, key).code == "TENANT_EXISTS"
    assert world.get(f"{tenants}/globex?cell=c0", key).status == 200
    world.client.hset(world.engine.key("tenant:globex"), "reserved_s", 60)
    assert world.send("PATCH", f"{tenants}/globex?cell=c0", {"addCredits": 60}, key).json()["credits"] == 660
    refused = world.post("/api/v1/batch", batch_body(world.fresh_numbers(6)), world.key("globex"))
    assert (refused.status, refused.code) == (402, "INSUFFICIENT_CREDITS")
    cleared = {"maxConcurrent": None, "alias": None, "weight": 2, "credits": None, "maxRequestsPerSecond": None, "timezone": None,
               "maxBatches": None, "maxQueuedContacts": None, "maxBytes": None,
               "callingWindow": None}  # fmt: skip
    assert world.send("PATCH", f"{tenants}/globex", cleared, key).status == 200
    assert world.send("PATCH", f"{tenants}/globex", {"addCredits": 60}, key).code == "NO_CREDIT_LIMIT"
    cursor = world.get(f"{tenants}?limit=1&cell=c0", key).json()["nextCursor"]
    assert world.get(f"{tenants}?cursor={cursor}", key).status == 200


def administer_trunks(world: World) -> None:
    trunks, key = "/api/v1/admin/trunks", world.keys["operator"]
    new = {"id": "north", "profile": "twilio", "credential": "secret", "callerIds": ["+15550001111"], "cps": 5, "baseUrl": "http://127.0.0.1:1",
           "variables": {"account_sid": "AC1", "answer_url": "https://voice.example/answer"}, "maxConcurrent": 3, "pollAfterMs": 1000,
           "lookupAbsentAfterMs": 500, "breakerPercent": 60, "breakerMinimum": 10}  # fmt: skip
    make_once(world, f"{trunks}?cell=c0", new)
    assert world.post(trunks, new, key).code == "TRUNK_EXISTS"
    cleared = {name: None for name in ("baseUrl", "maxConcurrent", "pollAfterMs", "lookupAbsentAfterMs", "breakerPercent", "breakerMinimum")}
    assert world.send("PATCH", f"{trunks}/north?cell=c0", cleared, key).status == 200
    for state in ("open", "probing"):
        broken = {"breaker": state, "breaker_reason": "HTTP 503", "breaker_since_ms": 1763283602000, "breaker_until_ms": 1763283607000}
        world.client.hset(world.engine.key("trunk:north"), mapping=broken)
        assert world.get(f"{trunks}/north?cell=c0", key).json()["breaker"] == state
    cursor = world.get(f"{trunks}?limit=1&cell=c0", key).json()["nextCursor"]
    assert world.get(f"{trunks}?cursor={cursor}", key).status == 200
    assert world.get("/api/v1/admin/providers", key).json()["providers"]
    for body in ({"cell": "c0"}, {"tenant": "globex"}, {"trunk": "north"}):
        for word, state in (("stop", "stopped"), ("start", "active")):
            assert world.post(f"/api/v1/admin/{word}?cell=c0", body, key).json()["state"] == state
    for missing in ({"tenant": "nobody"}, {"trunk": "nowhere"}):
        assert {world.post(f"/api/v1/admin/{word}", missing, key).status for word in ("stop", "start")} == {404}
    for word in ("tenant", "trunk"):
        assert world.post("/api/v1/admin/stop", {word: {"tenant": "globex", "trunk": "north"}[word]}, key).json()["reason"] == "operator"


def administer_agents(world: World) -> None:
    agents, key = "/api/v1/admin/agents", world.keys["operator"]
    owner = world.tenant("choosy")
    listed = {"tenant": "choosy", "agents": [{"id": "agent_1"}, {"id": "agent_2", "active": False}]}
    assert world.send("PUT", f"{agents}?cell=c0", listed, key).json()["total"] == 2
    assert world.post("/api/v1/batch", batch_body(world.fresh_numbers(1)), owner).code == "AGENT_NOT_FOUND"
    cursor = world.get(f"{agents}?tenant=choosy&limit=1&cell=c0", key).json()["nextCursor"]
    assert world.get(f"{agents}?tenant=choosy&cursor={cursor}", key).json()["nextCursor"] is None
    assert world.send("DELETE", f"{agents}?cell=c0", {"tenant": "choosy", "agentIds": ["agent_2"]}, key).json()["total"] == 1
    for method, body in (("PUT", listed), ("DELETE", {"agentIds": ["agent_2"]})):
        assert world.send(method, agents, {**body, "tenant": "nobody"}, key).code == "TENANT_NOT_FOUND"


def administer_keys(world: World) -> None:
    keys, key = "/api/v1/admin/keys", world.keys["operator"]
    for role in ("tenant", "viewer", "operator"):
        owner = {} if role == "operator" else {"tenant": "acme"}
        made = make_once(world, keys, {"role": role, **owner, "label": "crm", "expiresInMs": 3_600_000})
        renewed = make_once(world, f"{keys}/{made['id']}/rotate", {"overlapMs": 1000})
        assert world.post(f"{keys}/{made['id']}/rotate", key=key).code == "KEY_STATE"
        world.get("/api/v1/batch/list", renewed["key"])
        assert world.send("DELETE", f"{keys}/{renewed['id']}", None, key).status == 200
    assert world.get(f"{keys}?tenant=acme", key).json()["keys"] and world.get(keys, key).json()["keys"]
    plain = world.post(keys, {"role": "tenant", "tenant": "acme"}, key).json()
    world.get("/api/v1/batch/list", plain["key"])
    wait_until(lambda: any(told["lastUsedAt"] for told in world.get(f"{keys}?tenant=acme", key).json()["keys"]), what="its use is noted")
    assert world.post(keys, {"role": "tenant", "tenant": "nobody"}, key).code == "TENANT_NOT_FOUND"


def make_once(world: World, path: str, body: Any) -> Any:
    """By an operator with an Idempotency-Key: made, told again, and refused with another body."""
    sent = {"Content-Type": "application/json", "Idempotency-Key": f"{path} {json.dumps(body)[:99]}"}
    answers = [world.request("POST", path, json.dumps(body).encode() + more, world.keys["operator"], sent) for more in (b"", b"", b" ")]
    assert [answer.status for answer in answers] == [201, 201, 422], answers
    assert answers[0].json() == answers[1].json() and answers[1].headers["idempotency-replayed"]
    return answers[0].json()


def look_at_the_fleet(world: World) -> None:
    """A cell in each of its states, and Redis with and without a limit."""
    path, key, cell = "/api/v1/admin/fleet", world.keys["operator"], world.engine.key("cell")
    assert world.get(path, key).json()["redis"]["memoryMaxBytes"] is None
    world.client.config_set("appendonly", "yes")
    world.client.hset(cell, mapping={"closed_ms": 1, "closed_until": world.engine.now_ms() + 60_000})
    assert world.get(path, key).json()["cells"][0]["state"] == "closed"
    world.client.config_set("appendonly", "no")
    schema = world.client.hget(cell, "schema")
    world.client.hdel(cell, "schema", "closed_ms", "closed_until")
    world.client.hset(cell, "stopped_ms", world.engine.now_ms())
    assert [world.get(path, key).json()["cells"][0][name] for name in ("state", "schema")] == ["stopped", None]
    world.client.hdel(cell, "stopped_ms")
    world.client.hset(cell, "schema", schema)
    assert world.get(f"/api/v1/admin/batch/{world.batch_of_examples}/why", key).status == 200


def look_at_quotas(world: World) -> None:
    for role in ("tenant", "viewer"):
        assert world.get("/api/v1/tenant?userId=acme", world.keys[role]).json()["role"] == role
    plain = world.tenant("plain")
    assert world.get("/api/v1/tenant", plain).json()["alias"] is None
    for quota, field in (("batches", "max_batches"), ("queuedContacts", "max_queued_contacts"), ("bytes", "max_bytes")):
        narrow = world.tenant(f"narrow-{quota}")
        over = world.batch_with("BUSY", f"narrow-{quota}")
        draft = world.post("/api/v1/batch?draft=true", {"agentId": "agent_123"}, narrow).json()["batchId"]
        world.engine.tenant(f"narrow-{quota}", "set", **{field: 1})
        refused = [world.post("/api/v1/batch", batch_body(world.fresh_numbers(2)), narrow)]
        if quota == "batches":
            refused.append(world.post(f"/api/v1/batch/{over}/redial", key=narrow))
        else:
            contacts = [{"phoneNumber": number} for number in world.fresh_numbers(2)]
            refused.append(world.post(f"/api/v1/batch/{draft}/contacts?chunk=1", contacts, narrow))
        assert [answer.json().get("details") for answer in refused] == [{"quota": quota, "limit": 1}] * 2, refused


def ask_the_service(world: World) -> None:
    for operation in OPERATIONS.values():
        if not operation.roles:
            answer = world.get(operation.path)
            assert answer.status == 200 and answer.body, operation.id
            assert world.request("HEAD", operation.path).status == 200
