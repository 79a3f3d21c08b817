# SPDX-License-Identifier: Apache-2.0
"""Every event by a real notifier."""

from __future__ import annotations

from typing import Any

from tests.integration.contract.world import API, OUTCOMES, World
from tests.support import hooks
from tests.support.engine import contact_record
from tests.support.http_receiver import HttpReceiver
from tests.support.processes import Process


def tell_of_everything(world: World) -> None:
    """Every event by a real notifier, from what the engine leaves for it."""
    key_file = str(world.secrets_key)
    flags = ("--secrets-key-file", key_file, "--listen", "127.0.0.1:0", "--allow-private-webhooks", "127.0.0.0/8")
    flags = (*world.server.flags("carillon-notifier"), *flags)
    with HttpReceiver() as receiver, Process("carillon-notifier", *flags):
        url = receiver.url + "/hook"
        assert world.send("PUT", "/api/v1/webhooks/endpoints", {"url": url}, world.keys["tenant"]).status == 201
        sent = write_events(world, url)
        got = {event.headers["webhook-id"]: event for event in receiver.wait_for(len(sent), deadline_s=60.0)}
    assert got.keys() == sent
    events = {event.node["requestBody"]["content"]["application/json"]["example"]["event"]: event for event in API.webhooks}
    for received in got.values():
        told = received.json()
        event = events[told["event"]]
        world.contract.judge_value(event.body_media["application/json"]["schema"], told, event.id)
        for parameter in event.parameters:
            value: Any = received.headers[parameter["name"]]
            value = int(value) if parameter["schema"]["type"] == "integer" else value
            assert API.fits(parameter["schema"], value), (parameter["name"], value)


def write_events(world: World, url: str) -> set[str]:
    scripts, batch, ids = world.engine.scripts, "batch_c0_0000000000000000hook", set()
    hooks.write_batch(scripts, batch, "acme", url)
    endings = [("COMPLETED", "u=3 p=prov_1"), *((outcome, "") for outcome in OUTCOMES), ("COMPLETED", "")]
    for ordinal, (outcome, more) in enumerate(endings):
        state = f"phase=final a=1 d=1 x={outcome} {'b=1760000001000 s=1760000002000 e=1760000005000 ' + more if more else ''}".strip()
        world.client.hset(world.engine.key(f"batch:{batch}:state:0"), str(ordinal), state)
        record = contact_record(15550001000 + ordinal, "id-1" if more else "", "Ada" if more else "")
        world.client.hset(world.engine.key(f"batch:{batch}:contacts:0"), str(ordinal), record)
        if more:
            texts = {f"{ordinal}:summary": "\x01" * 16000, f"{ordinal}:recording": "https://r.example/1"}
            world.client.hset(world.engine.key(f"batch:{batch}:texts:0"), mapping=texts)
        ids.add(hooks.write_event(scripts, "acme", batch, "call.completed", ordinal, seq=ordinal + 1))
        ids.add(hooks.write_event(scripts, "acme", batch, "call.attempt", ordinal, seq=ordinal + 1, state=state))
    waiting = "phase=due a=1 d=1 x=BUSY n=1760000009000 b=1760000001000 e=1760000005000"
    world.client.hset(world.engine.key(f"batch:{batch}:state:0"), "40", waiting)
    world.client.hset(world.engine.key(f"batch:{batch}:contacts:0"), "40", contact_record(15550001040))
    ids.add(hooks.write_event(scripts, "acme", batch, "call.attempt", 40, seq=90, state=waiting))
    for kind in ("batch.started", "batch.completed", "batch.cancelled"):
        ids.add(hooks.write_event(scripts, "acme", batch, kind))
    ids.add(hooks.write_event(scripts, "acme", batch, "batch.paused", id=f"evt_{batch}-1-batch_paused", reason="user"))
    refused = {"reason": "poison", "error": "no such agent", "code": "BATCH_REFUSED"}
    ids.add(hooks.write_event(scripts, "acme", batch, "batch.paused", id=f"evt_{batch}-2-batch_paused", **refused))
    ids.add(hooks.write_event(scripts, "acme", batch, "batch.failed", id=f"evt_{batch}-2-batch_failed", error="Insufficient call minutes", code="INSUFFICIENT_CREDITS"))
    world.client.publish(world.engine.key("wake:events"), "events")
    return ids
