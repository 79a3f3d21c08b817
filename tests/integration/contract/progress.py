# SPDX-License-Identifier: Apache-2.0
"""Batches in every state, calls with every outcome, lists of them."""

from __future__ import annotations

import re

from tests.integration.contract.world import API, OUTCOMES, World


def show_states(world: World) -> None:
    key = world.keys["tenant"]
    window = {"start": "09:00", "end": "17:00", "closedDates": ["2031-12-24"]}
    links = {f"on{name}": "https://crm.example/hook" for name in ("BatchComplete", "CallComplete", "CallAttempt", "BatchFailed", "Event")}
    whole = world.scheduled({"phoneNumber": world.fresh_numbers(1)[0], "id": "lead-1", "name": "Jane", "email": "j@example.com",
                             "company": "Acme", "timezone": "Europe/Paris", "metadata": {"a": 1}},
                            callingWindow=window, webhooks=links, tags=["Q4"], maxConcurrentCalls=3)  # fmt: skip
    world.look(whole)
    pending = world.create(key, world.fresh_numbers(1))
    world.look(pending)
    assert world.post(f"/api/v1/batch/{pending}/pause", key=key).status == 200
    world.look(pending)
    assert world.post(f"/api/v1/batch/{pending}/resume?userId=acme", {"userId": "acme"}, key).json()["status"] == "pending"
    assert world.post(f"/api/v1/batch/{pending}/cancel", key=key).json()["status"] == "cancelled"
    live = world.engine.batch("acme", "main", 2, agent_id="a", user_id="acme", timezone="UTC")
    slot = world.engine.begin_next(live)
    world.look(live)
    assert world.post(f"/api/v1/batch/{live}/pause?userId=acme", key=key).status == 200
    assert world.post(f"/api/v1/batch/{live}/resume", key=key).json()["status"] == "processing"
    for path in (f"/api/v1/batch/{live}/cancel?userId=acme", f"/api/v1/batch/cancel?batchId={live}"):
        assert world.post(path, key=key).json()["status"] in ("cancelling", "cancelled")
        assert world.post(path, {"cancelInFlight": True}, key).json()["inFlightCalls"] == 1
    world.client.hset(world.engine.key("trunk:main"), "profile", "older")
    assert world.post(f"/api/v1/batch/{live}/cancel", {"cancelInFlight": True}, key).json()["warnings"][0]["code"] == "NOT_SUPPORTED"
    world.client.hset(world.engine.key("trunk:main"), "profile", "retell")
    world.look(live)
    world.engine.finish(slot)
    world.look(live)
    assert world.post(f"/api/v1/batch/cancel?userId=acme&batchId={whole}", key=key).json()["status"] == "cancelled"
    again = world.scheduled()
    assert world.post(f"/api/v1/batch/{again}/pause", key=key).status == 200
    assert world.post(f"/api/v1/batch/{again}/resume", key=key).json()["status"] == "scheduled"
    poisoned = world.scheduled()
    world.client.hset(world.engine.key(f"batch:{poisoned}"), mapping={"state": "paused", "reason": "poison", "refusal": "no such agent"})
    world.look(poisoned)
    failed = world.scheduled()
    world.client.hset(world.engine.key(f"batch:{failed}"), mapping={"state": "failed", "reason": "nothing to dial"})
    world.look(failed)


def show_calls(world: World) -> None:
    key = world.keys["tenant"]
    for outcome in OUTCOMES:
        world.look(world.batch_with(outcome))
    expired = world.scheduled()
    world.client.hset(world.engine.key(f"batch:{expired}"), mapping={"expired_ms": "1763283602000"})
    world.look(expired)
    retried = world.engine.batch("acme", "main", [int(n[1:]) for n in world.fresh_numbers(3)], cps=1000, agent_id="a", user_id="acme",
                                 timezone="UTC")  # fmt: skip
    slot = world.engine.begin_next(retried)
    world.engine.finish(slot, "retry", "BUSY", 3_600_000)
    world.look(retried)
    for path in (f"/api/v1/batch/{retried}/calls?limit=1", f"/api/v1/batch/{retried}/calls?status=MISSED&outcome=BUSY&userId=acme"):
        page = world.get(path, key).json()
    cursor = world.get(f"/api/v1/batch/{retried}/calls?limit=1", key).json()["nextCursor"]
    assert world.get(f"/api/v1/batch/{retried}/calls?cursor={cursor}", key).status == 200
    assert page["calls"][0]["outcome"] == "BUSY"
    assert world.get(f"/api/v1/batch/{retried}/calls/export?status=MISSED&outcome=BUSY&userId=acme", key).status == 200
    for path in ("/api/v1/batch/{id}?limit=1&userId=acme", "/api/v1/batch/{id}/status?limit=all&userId=acme", "/api/v1/batch/{id}/why?userId=acme",
                 "/api/v1/batch/{id}/retries?userId=acme",
                 "/api/v1/batch/check-status?batchId={id}&limit=-1&userId=acme", "/api/v1/status/batch?batchId={id}&limit=1&userId=acme",
                 "/api/v1/call/{id}-0/attempts?userId=acme"):  # fmt: skip
        assert world.get(path.format(id=retried), key).status == 200


def export_calls(world: World) -> None:
    """The columns of the one form are the members of the other."""
    path = f"/api/v1/batch/{world.batch_with('COMPLETED')}/calls/export"
    columns = world.get(path, world.keys["tenant"]).body.decode().split("\r\n")[0].split(",")
    members = [name for name in API.schema("ExportedCall")["properties"] if name != "metadata"]
    assert columns[: len(members)] == members, columns


def follow_a_batch(world: World) -> None:
    """To its end, and once more after it."""
    for outcome in ("COMPLETED", "CANCELLED", "FAILED"):
        batch = world.batch_with("COMPLETED")
        world.client.hset(world.engine.key(f"batch:{batch}"), "state", outcome.lower())
        path, key = f"/api/v1/batch/{batch}/events", world.keys["tenant"]
        stream = world.get(f"{path}?userId=acme", key).body.decode()
        last = re.findall(r"^id: (.*)$", stream, re.MULTILINE)[-1]
        assert world.request("GET", path, key=key, headers={"Last-Event-ID": last}).status == 204


def show_dials(world: World) -> None:
    """A log of everything that can come of a dial, as common/lua/lib/call.lua writes it."""
    lines = [f"d={i} a={i} q=1763283600000001 b=1763283600000002 w=w_1" for i in range(1, 4)]
    lines += [f"d=1 o=BUSY e=1763283602000 via={via} then={then} n=1763283603000 p=call_1 r=dial_busy" for via, then in (
        ("callback", "ended"), ("lookup", "retry"), ("answer", "final"), ("deadline", "settled"), ("callback", "stale"), ("begin", "final"),
        ("claim", "final"))]  # fmt: skip
    lines += [f"d=2 v={verdict} n=1763283603000" for verdict in ("THROTTLED", "NOT_SENT", "ACCOUNT", "ABSENT")]
    lines += ["d=9 o=UNKNOWN e=0 via=deadline then=final n=0 p= r="]
    lines += [f"d=3 o={outcome} e=1763283602000 via=callback then=final n=0 p= r=" for outcome in OUTCOMES]
    batch = world.scheduled()
    world.client.hset(world.engine.key(f"batch:{batch}:attempts:0"), "0", "\n".join(lines) + "\n")
    assert world.get(f"/api/v1/call/{batch}-0/attempts", world.keys["tenant"]).status == 200


def list_batches(world: World) -> None:
    key = world.keys["tenant"]
    for _ in range(3):
        world.scheduled(tags=["Q4"])
    for state in API.schema("BatchState")["enum"]:
        assert world.get(f"/api/v1/batch/list?status={state}", key).status == 200
    page = world.get("/api/v1/batch/list?limit=1&tag=Q4&agentId=agent_123&from=2001-01-01T00:00:00Z&to=2031-01-01T00:00:00%2B01:00&userId=acme", key)
    cursor = page.headers["x-next-cursor"]
    assert world.get(f"/api/v1/batch/list?cursor={cursor}", key).status == 200
    world.scheduled()
    told = world.get("/api/v1/reports/tags?limit=1&from=2001-01-01T00:00:00Z&to=2031-01-01T00:00:00Z&userId=acme", key).json()
    assert world.get(f"/api/v1/reports/tags?cursor={told['nextCursor']}", key).json()["nextCursor"] is None


def explain_batches(world: World) -> None:
    """Every reason that there is, each in a batch of its own; what Redis holds is made so by hand."""
    seen: set[str] = set()
    for number, (what, field, value) in enumerate(HELD_BACK):
        trunk, tenant = world.trunk(f"why-{number}"), f"why-{number}"
        key = world.tenant(tenant, trunks=(trunk,))
        batch = world.engine.batch(tenant, trunk, 5, user_id=tenant)
        name = world.engine.key(what.format(trunk=trunk, tenant=tenant, batch=batch))
        before = world.client.dump(name)
        hold(world, name, field, value, tenant)
        told = world.get(f"/api/v1/batch/{batch}/why", key).json()
        seen |= {told["verdict"]["code"], *(reason["code"] for link in told["chain"] for reason in link["reasons"])}
        world.client.delete(name)
        if before:
            world.client.restore(name, 0, before)
    assert len(seen) > len(HELD_BACK) - 2, seen


# A key and a field, and what they hold: instants are told in ms from now.
HELD_BACK = [
    ("cell", "closed_until", 60_000), ("cell", "stopped_ms", 0), ("workers", "", -60_000), ("trunk:{trunk}", "hold_until_ms", 60_000),
    ("trunk:{trunk}", "state", "stopped"), ("tenant:{tenant}", "state", "stopped"), ("trunk:{trunk}", "tat_us", 60_000),
    ("tenant:{tenant}", "tat_us", 60_000), ("trunk:{trunk}", "max_concurrent", "0"), ("tenant:{tenant}", "max_concurrent", "0"),
    ("batch:{batch}", "max_concurrent", "0"), ("turn:k/{trunk}", "", "others"), ("ready:f/{trunk}/{tenant}", "", "others"),
    ("batch:{batch}", "hours", 60_000), ("batch:{batch}", "hours", -600_000), ("batch:{batch}", "reason", "credits"),
    ("trunk:{trunk}", "breaker", "open"), ("trunk:{trunk}", "breaker", "probing"),
    ("batch:{batch}", "reason", "poison"), ("batch:{batch}", "claimed", "1"), ("batch:{batch}", "ended", "1"), ("batch:{batch}", "cursor", "5"),
]  # fmt: skip


def hold(world: World, name: str, field: str, value: int | str, tenant: str) -> None:
    client, now = world.client, world.engine.now_ms()
    at = now + value if isinstance(value, int) else 0
    if name.endswith("workers"):
        client.delete(name)
        client.zadd(name, {"w1": at})
    elif value == "others":
        client.zadd(name, {"other/0": 1, tenant: 2})
    elif field == "hours":
        client.hset(name, mapping={"window": "{}", "hours": f"{at}-{at + 60_000}", "hours_until_ms": at + 600_000})
    elif field == "breaker":
        client.hset(name, mapping={"breaker": value, "breaker_until_ms": now + 60_000, "breaker_reason": "HTTP 503"})
    elif field == "reason":
        client.hset(name, mapping={"state": "paused", "reason": value})
        world.engine.tenant(tenant, "set", available_s=1)
    else:
        client.hset(name, field, at * 1000 if field == "tat_us" else at or value)
