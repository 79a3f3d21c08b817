# SPDX-License-Identifier: Apache-2.0
"""carillon-notifier, the real binary, on a real Redis with what the producer and the engine leave there, against a
receiver that checks signatures by itself."""

from __future__ import annotations

import base64
import datetime
import json
import os
import signal
import threading
import time
import urllib.request
import pytest

from tests.support import hooks
from tests.support.engine import Engine, contact_record
from tests.support.http_receiver import Answer, HttpReceiver
from tests.support.notifier_world import LEASE_DEADLINE_S, LOOPBACK, TENANT, World, in_turn, metric
from tests.support.processes import run
from tests.support.redis_proxy import RedisProxy
from tests.support.scripts import Scripts
from tests.support.waiting import wait_until


# ---- delivering ----


def test_a_campaigns_events_are_delivered_once_signed_and_readable(world: World) -> None:
    engine = Engine(world.redis.client())
    engine.trunk("main")
    engine.tenant(TENANT)
    world.endpoint()
    world.notifier()
    urls = {f"on_{event}_complete": f"{world.receiver.url}/{event}" for event in ("call", "batch")}
    batch = engine.batch(TENANT, "main", 3, cps=1000, agent_id="agent_1", user_id=TENANT, tags='["q4"]', **urls)
    slots = wait_until(lambda: engine.claim(calls=3).slots, 5)
    while len(slots) < 3:
        slots += engine.claim(calls=3).slots
    engine.begin(slots)
    for slot in slots:
        engine.finish(slot, summary="Said yes.", duration="12", recording="https://r.example/1", success="1")

    requests = world.receiver.wait_for(4)
    bodies = [request.json() for request in requests]
    assert all(world.is_verified(request) for request in requests)
    assert len({request.headers["webhook-id"] for request in requests}) == 4
    assert all(request.headers["content-type"] == "application/json" for request in requests)
    assert all(request.headers["user-agent"].startswith("Carillon/") for request in requests)
    assert sorted(body["seq"] for body in bodies) == [1, 2, 3, 4]
    calls = [body for body in bodies if body["event"] == "call.completed"]
    assert sorted(call["callId"] for call in calls) == [f"{batch}-{n}" for n in range(3)]
    for call in calls:
        assert (call["status"], call["outcome"], call["duration"]) == ("COMPLETED", "COMPLETED", 12)
        assert (call["summary"], call["success"], call["attempts"]) == ("Said yes.", True, 1)
        assert call["callData"]["id"] == call["callId"] and call["callData"]["summary"] == "Said yes."
    (end,) = [body for body in bodies if body["event"] == "batch.completed"]
    assert end["batchId"] == batch and end["tags"] == ["q4"]
    assert end["statistics"]["total"] == end["statistics"]["succeeded"] == 3
    for request in requests:
        world.wait_for_state(request.headers["webhook-id"], "delivered")
        assert world.db.exists(world.key(f"hooks:body:{request.headers['webhook-id']}")) == 0
    assert len(world.receiver.snapshot()) == 4


def test_attempts_are_told_as_they_ended_also_by_a_notifier_that_comes_late(world: World) -> None:
    engine = Engine(world.redis.client())
    engine.trunk("main")
    engine.tenant(TENANT)
    world.endpoint()
    url = f"{world.receiver.url}/attempt"
    urls = {"on_call_attempt": url, "on_call_complete": url, "on_batch_complete": url}
    batch = engine.batch(TENANT, "main", 1, cps=30, agent_id="agent_1", user_id=TENANT, tags="[]", **urls)
    first = engine.begin_next(batch)
    engine.finish(first, how="retry", outcome="BUSY", next_in_ms=0, provider_id="p_first", duration="0")
    due = int(engine.state(batch, 0)["n"])
    engine.finish(engine.begin_next(batch), provider_id="p_second", summary="Said yes.", duration="12")
    world.notifier()

    bodies = sorted((request.json() for request in world.receiver.wait_for(4)), key=lambda body: body["seq"])
    assert [body["event"] for body in bodies] == ["call.attempt", "call.attempt", "call.completed", "batch.completed"]
    assert [body["seq"] for body in bodies] == [1, 2, 3, 4]
    busy, said = bodies[:2]
    assert (busy["attempt"], busy["attempts"], busy["outcome"], busy["status"]) == (1, 1, "BUSY", "MISSED")
    assert (busy["willRetry"], busy["providerCallId"], busy["summary"], busy["success"]) == (True, "p_first", None, False)
    assert datetime.datetime.fromisoformat(busy["nextAttemptAt"]).timestamp() * 1000 == pytest.approx(due, abs=0.5)
    assert (said["attempt"], said["outcome"], said["willRetry"], said["nextAttemptAt"]) == (2, "COMPLETED", False, None)
    assert (said["providerCallId"], said["summary"], said["duration"]) == ("p_second", "Said yes.", 12)
    assert {key: value for key, value in said.items() if key in bodies[2]} == {
        **bodies[2], "event": "call.attempt", "seq": 2,
    }  # fmt: skip


def test_an_event_goes_once_to_each_url_that_wants_it_under_one_id_and_in_the_same_bytes(world: World) -> None:
    with HttpReceiver() as other:
        world.batch("batch_c0_1")
        world.endpoint(url=other.url)
        world.db.hset(world.key("batch:batch_c0_1"), "on_event", f"{other.url}/all")
        world.notifier()
        event = world.call_event("batch_c0_1", 7)
        (own,), (all_,) = world.receiver.wait_for(1), other.wait_for(1)
        assert (own.path, all_.path) == ("/hook", "/all")
        assert own.headers["webhook-id"] == all_.headers["webhook-id"] == event
        assert own.body == all_.body
        assert world.is_verified(own)
        assert world.is_verified(all_, secret=world.secrets[hooks.endpoint_id(TENANT, other.url)])
        for delivery in (event, f"{event}-all"):
            assert world.wait_for_state(delivery, "delivered")["attempts"] == "1"
        assert (len(world.receiver.snapshot()), len(other.snapshot())) == (1, 1)


def test_an_event_tells_metadata_whose_columns_its_batch_keeps(world: World) -> None:
    world.batch("batch_c0_1")
    batch = world.key("batch:batch_c0_1")
    world.db.hset(f"{batch}:contacts:0", "7", contact_record(15550001007) + b"\x4a\x07\x01\x02is\x02\x011")
    world.db.hset(f"{batch}:state:0", "7", "phase=final a=1 d=1 x=COMPLETED b=1760000001000 e=1760000005000 p=prov_1")
    columns = '{"city":\n,"n":\n'
    world.db.hset(batch, "columns", len(columns))
    world.db.set(f"{batch}:columns", columns)
    world.notifier()
    world.announce(hooks.write_event(world.scripts, TENANT, "batch_c0_1", "call.completed", 7, 1))
    (request,) = world.receiver.wait_for(1)
    assert json.loads(request.body)["metadata"] == {"city": "is", "n": 1}


def test_one_of_two_urls_that_fails_does_not_hold_or_repeat_the_other(world: World) -> None:
    world.receiver.answer = lambda request: Answer(410 if request.path == "/all" else 200)
    world.batch("batch_c0_1")
    world.db.hset(world.key("batch:batch_c0_1"), "on_event", f"{world.receiver.url}/all")
    notifier = world.notifier()
    event = world.call_event("batch_c0_1", 7)
    assert world.wait_for_state(f"{event}-all", "dead")["reason"] == "endpoint_gone"
    world.wait_for_state(event, "delivered")
    assert world.call_event("batch_c0_1", 7) == event
    known = 'carillon_webhook_events_total{result="known"}'
    wait_until(lambda: metric(notifier, known) == 2, 10, "both deliveries are recognised when it is written again")
    assert sorted(request.path for request in world.receiver.snapshot()) == ["/all", "/hook"]


def test_a_url_that_is_named_twice_gets_an_event_once(world: World) -> None:
    world.batch("batch_c0_1")
    assert world.db.hget(world.key("batch:batch_c0_1"), "on_event") == f"{world.receiver.url}/hook"
    world.notifier()
    event = world.call_event("batch_c0_1", 7)
    world.wait_for_state(event, "delivered")
    last = world.announce(hooks.write_event(world.scripts, TENANT, "batch_c0_1", "batch.completed", seq=2))
    world.wait_for_state(last, "delivered")
    assert [request.headers["webhook-id"] for request in world.receiver.snapshot()] == [event, last]
    assert world.delivery(f"{event}-all") == world.delivery(f"{last}-all") == {}


def test_what_is_sent_again_goes_where_it_went_whatever_urls_its_batch_has_got_or_lost(world: World) -> None:
    def send_again(delivery: str) -> None:
        assert world.scripts.run("hook_again", "redeliver", TENANT, hooks.event_shard(TENANT), delivery) == "asked"

    with HttpReceiver() as other:
        world.batch("batch_c0_1")
        world.endpoint(url=other.url)
        batch = world.key("batch:batch_c0_1")
        world.db.hdel(batch, "on_call_complete")
        world.notifier()
        first = world.call_event("batch_c0_1", 1)
        world.wait_for_state(first, "delivered")
        world.db.hset(batch, "on_call_complete", f"{other.url}/own")
        send_again(first)
        assert [request.headers["webhook-id"] for request in world.receiver.wait_for(2)] == [first, first]
        assert other.snapshot() == []

        second = world.call_event("batch_c0_1", 2)
        world.wait_for_state(f"{second}-all", "delivered")
        world.wait_for_state(second, "delivered")
        world.db.hdel(batch, "on_call_complete")
        send_again(f"{second}-all")
        assert world.receiver.wait_for(4)[3].headers["webhook-id"] == second
        assert len(other.snapshot()) == 1


def test_a_read_full_of_events_for_two_urls_is_delivered_whole(world: World) -> None:
    world.batch("batch_c0_1")
    world.db.hset(world.key("batch:batch_c0_1"), "on_event", f"{world.receiver.url}/all")
    events = [world.call_event("batch_c0_1", n, seq=n + 1) for n in range(80)]
    world.notifier()
    requests = world.receiver.wait_for(160, 30)
    assert sorted((request.path, request.headers["webhook-id"]) for request in requests) == sorted(
        (path, event) for path in ("/all", "/hook") for event in events
    )


def test_what_becomes_of_a_batch_goes_to_the_url_for_all_events(world: World) -> None:
    engine = Engine(world.redis.client())
    engine.trunk("main")
    engine.tenant(TENANT)
    world.endpoint()
    urls = {"on_call_complete": None, "on_batch_complete": None, "on_event": f"{world.receiver.url}/all"}
    batch = engine.batch(TENANT, "main", 2, cps=30, agent_id="agent_1", user_id=TENANT, tags='["q4"]', **urls)
    world.notifier()
    slot = engine.begin_next(batch)
    engine.control(batch, TENANT, "pause", "user")
    engine.control(batch, TENANT, "cancel")
    engine.finish(slot, duration="12")
    bodies = sorted((request.json() for request in world.receiver.wait_for(5)), key=lambda body: body["seq"])
    kinds = ["batch.started", "batch.paused", "call.attempt", "call.completed", "batch.cancelled"]
    assert [(body["event"], body["seq"]) for body in bodies] == [(kind, n) for n, kind in enumerate(kinds, 1)]
    assert all((body["batchId"], body["agentId"], body["userId"]) == (batch, "agent_1", TENANT) for body in bodies)
    assert bodies[1]["reason"] == "user" and bodies[0]["timestamp"] <= bodies[1]["timestamp"]
    assert bodies[4]["statistics"]["succeeded"] == bodies[4]["statistics"]["failed"] == 1


def test_a_failed_delivery_is_tried_again_with_the_same_bytes_and_a_fresh_signature(world: World) -> None:
    world.receiver.answer = in_turn(Answer(500), Answer(200))
    world.batch("batch_c0_1")
    world.notifier()
    event = world.call_event("batch_c0_1", 7)
    first, second = world.receiver.wait_for(2, 15)[:2]
    assert 5.0 <= second.at - first.at <= 9.0, "the first step of the ladder, and its jitter"
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == event
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    assert world.is_verified(first) and world.is_verified(second)
    assert world.wait_for_state(event, "delivered")["attempts"] == "2"
    assert world.log(hooks.endpoint_id(TENANT, world.receiver.url)) == [("1", "http_status"), ("2", "ok")]


def test_an_event_written_again_is_not_delivered_again(world: World) -> None:
    world.batch("batch_c0_1")
    notifier = world.notifier()
    event = world.call_event("batch_c0_1", 1)
    world.wait_for_state(event, "delivered")
    assert world.call_event("batch_c0_1", 1) == event
    known = 'carillon_webhook_events_total{result="known"}'
    wait_until(lambda: metric(notifier, known) == 1, 10, "the second writing is recognised")
    assert len(world.receiver.snapshot()) == 1


def test_events_written_while_no_notifier_runs_are_delivered_when_one_starts(world: World) -> None:
    world.batch("batch_c0_1")
    events = [world.call_event("batch_c0_1", n, seq=n + 1) for n in (5, 2, 9, 1)]
    world.notifier()
    requests = world.receiver.wait_for(4)
    assert sorted(request.headers["webhook-id"] for request in requests) == sorted(events)


def test_an_event_without_a_hint_is_found_by_the_tick(world: World) -> None:
    world.batch("batch_c0_1")
    world.notifier()
    world.wait_for_shards()
    event = hooks.write_event(world.scripts, TENANT, "batch_c0_1", "batch.completed")
    assert world.receiver.wait_for(1)[0].headers["webhook-id"] == event


def test_every_cell_given_is_served(world: World) -> None:
    other = Scripts(world.db, "c1")
    endpoint = world.endpoint()
    hooks.make_endpoint(other, TENANT, world.receiver.url, world.sealed(endpoint, world.secrets[endpoint]))
    hooks.write_batch(other, "batch_c1_1", TENANT, world.receiver.url + "/hook")
    world.batch("batch_c0_1")
    world.notifier(args=(*LOOPBACK, "--cells", "c0,c1"))
    events = [
        hooks.write_event(scripts, TENANT, batch, "batch.completed")
        for scripts, batch in ((world.scripts, "batch_c0_1"), (other, "batch_c1_1"))
    ]
    requests = world.receiver.wait_for(2)
    assert sorted(request.headers["webhook-id"] for request in requests) == sorted(events)
    assert all(world.is_verified(request) for request in requests)


def test_after_a_rotation_both_secrets_verify(world: World) -> None:
    world.batch("batch_c0_1")
    endpoint = world.endpoint()
    old, new = world.secrets[endpoint], "whsec_" + base64.b64encode(os.urandom(32)).decode()
    world.notifier()
    world.scripts.run("hook_endpoint", "rotate", TENANT, endpoint, world.sealed(endpoint, new), 60_000, 3)
    world.call_event("batch_c0_1", 1)
    (request,) = world.receiver.wait_for(1)
    assert world.is_verified(request, secret=old) and world.is_verified(request, secret=new)
    assert len(request.headers["webhook-signature"].split(" ")) == 2


def test_a_batch_that_failed_says_so(world: World) -> None:
    world.batch("batch_c0_1")
    world.notifier()
    fields = {"error": "Insufficient call minutes", "code": "INSUFFICIENT_CREDITS"}
    world.announce(hooks.write_event(world.scripts, TENANT, "batch_c0_1", "batch.failed", **fields))
    (request,) = world.receiver.wait_for(1)
    body = request.json()
    assert (body["event"], body["error"], body["code"]) == ("batch.failed", *fields.values())
    assert world.is_verified(request)


# ---- answers and their consequences ----


def test_a_redirect_is_a_failure_and_is_not_followed(world: World) -> None:
    world.receiver.answer = Answer(302, headers={"Location": world.receiver.url + "/elsewhere"})
    world.batch("batch_c0_1")
    world.notifier()
    event = world.call_event("batch_c0_1", 1)
    world.wait_for_state(event, "retrying")
    assert [(request.method, request.path) for request in world.receiver.snapshot()] == [("POST", "/hook")]
    assert world.log(world.endpoint()) == [("1", "redirect")]


def test_gone_ends_a_delivery_at_once(world: World) -> None:
    world.receiver.answer = Answer(410)
    world.batch("batch_c0_1")
    notifier = world.notifier()
    event = world.call_event("batch_c0_1", 1)
    assert world.wait_for_state(event, "dead")["reason"] == "endpoint_gone"
    assert metric(notifier, 'carillon_webhook_deliveries_total{outcome="dead"}') == 1


def test_a_receiver_that_asks_for_a_pause_gets_it_for_all_its_events(world: World) -> None:
    world.receiver.answer = in_turn(Answer(429, headers={"Retry-After": "2"}), Answer(200))
    world.batch("batch_c0_1")
    world.notifier()
    busy = world.call_event("batch_c0_1", 1)
    world.wait_for_state(busy, "retrying")
    other = world.call_event("batch_c0_1", 2)
    first, second = world.receiver.wait_for(2)[:2]
    assert second.headers["webhook-id"] == other
    assert second.at - first.at >= 1.9


def test_a_receiver_that_resets_is_tried_again(world: World) -> None:
    world.receiver.answer = in_turn(Answer(reset=True), Answer(200))
    world.batch("batch_c0_1")
    world.notifier()
    event = world.call_event("batch_c0_1", 1)
    world.wait_for_state(event, "retrying")
    world.let_time_pass(event)
    world.wait_for_state(event, "delivered")
    assert world.log(world.endpoint()) == [("1", "connection_reset"), ("2", "ok")]


def test_one_endpoint_takes_eight_at_a_time_at_most_and_holds_nobody_up(world: World) -> None:
    release = threading.Event()
    world.receiver.answer = Answer(200, after=release)
    world.batch("batch_c0_1")
    world.db.hset(world.key(f"hooks:endpoint:{hooks.endpoint_id(TENANT, world.receiver.url)}"), "room", 8)
    with HttpReceiver() as other:
        world.batch("batch_c0_2", url=other.url + "/fast")
        world.notifier()
        events = [world.call_event("batch_c0_1", n) for n in range(20)]
        world.receiver.wait_for(8)
        world.call_event("batch_c0_2", 1)
        other.wait_for(1)
        assert len(world.receiver.snapshot()) == 8
        release.set()
        world.receiver.wait_for(20)
    for event in events:
        world.wait_for_state(event, "delivered")
    assert len(world.receiver.snapshot()) == 20


def test_an_outage_of_redis_gives_an_endpoint_no_more_than_its_room(world: World) -> None:
    first, rest = threading.Event(), threading.Event()
    world.receiver.answer = lambda request: Answer(200, after=rest if request.index else first)
    world.batch("batch_c0_1")
    world.db.hset(world.key(f"hooks:endpoint:{hooks.endpoint_id(TENANT, world.receiver.url)}"), "room", 8)
    with HttpReceiver() as other, RedisProxy(world.redis) as proxy:
        world.batch("batch_c0_2", url=other.url + "/fast")
        notifier = world.notifier(redis_url=proxy.url)
        events = [world.call_event("batch_c0_1", n) for n in range(20)]
        reported = world.receiver.wait_for(8)[0].headers["webhook-id"]
        wait_until(lambda: all(world.delivery(event) for event in events), 10, "nothing but the report is under way")
        proxy.cut_at(b"delivered", forward=False)
        first.set()
        assert proxy.was_cut.wait(10), "its report is lost"
        proxy.up()
        world.wait_for_state(reported, "delivered")
        world.receiver.wait_for(9)
        world.wait_for_state(world.call_event("batch_c0_2", 1), "delivered")
        assert len(world.receiver.snapshot()) == 9, "one more, for the one that ended"
        rest.set()
        for event in events:
            world.wait_for_state(event, "delivered")
        notifier.stop()


# ---- where webhooks may go ----


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_private_addresses_and_plain_http_are_refused_without_permission(world: World, host: str) -> None:
    url = f"http://{host}:{world.receiver.port}/hook"
    world.batch("batch_c0_1", url=url)
    world.notifier(args=())
    event = world.call_event("batch_c0_1", 1)
    if host == "localhost":
        world.wait_for_state(event, "retrying")
    else:
        assert world.wait_for_state(event, "dead")["reason"] == "address_blocked"
    assert world.log(hooks.endpoint_id(TENANT, url)) == [("1", "address_blocked")]
    assert world.receiver.snapshot() == []


def test_a_name_is_judged_by_the_address_it_leads_to(world: World) -> None:
    """Ranges are permitted, so plain http and names pass the text; the address is outside them all the same."""
    url = f"http://localhost:{world.receiver.port}/hook"
    world.batch("batch_c0_1", url=url)
    world.notifier(args=("--allow-private-webhooks", "10.0.0.0/8"))
    event = world.call_event("batch_c0_1", 1)
    seen = world.wait_for_state(event, "retrying")
    assert world.log(hooks.endpoint_id(TENANT, url)) == [("1", "address_blocked")]
    assert int(seen["next_ms"]) - int(seen["created_ms"]) >= 600_000, "no fast ladder for a refusal"
    assert world.receiver.snapshot() == []


# ---- several notifiers, and their deaths ----


def test_notifiers_side_by_side_share_the_work_and_deliver_everything_once(world: World) -> None:
    tenants = [f"tenant{n}" for n in range(24)]
    for tenant in tenants:
        world.batch(f"batch_c0_{tenant}", tenant)
    notifiers = [world.notifier(), world.notifier()]
    world.wait_for_shards(2)
    events = [world.call_event(f"batch_c0_{tenant}", n, tenant) for tenant in tenants for n in range(3)]
    requests = world.receiver.wait_for(len(events), 20)
    for event in events:
        world.wait_for_state(event, "delivered")
    assert sorted(request.headers["webhook-id"] for request in requests) == sorted(events)
    assert len(world.receiver.snapshot()) == len(events)
    done = [metric(process, 'carillon_webhook_deliveries_total{outcome="delivered"}') for process in notifiers]
    assert sum(done) == len(events) and all(done), f"both did some of it: {done}"


def test_what_a_killed_notifier_was_sending_is_delivered_by_another(world: World) -> None:
    hold = threading.Event()
    world.receiver.answer = in_turn(Answer(200, after=hold), Answer(200))
    world.batch("batch_c0_1")
    victim = world.notifier()
    event = world.call_event("batch_c0_1", 1)
    world.receiver.wait_for(1)
    victim.kill()
    world.let_time_pass(event)
    queued = world.call_event("batch_c0_1", 2)
    world.notifier()
    requests = world.receiver.wait_for(3, LEASE_DEADLINE_S + 10)
    again = [request for request in requests if request.headers["webhook-id"] == event]
    assert len(again) == 2 and again[0].body == again[1].body
    assert world.is_verified(again[1])
    assert world.wait_for_state(event, "delivered")["attempts"] == "2"
    assert world.wait_for_state(queued, "delivered")["attempts"] == "1"
    assert ("1", "unknown") in world.log(world.endpoint())


def test_events_that_a_killed_notifier_had_read_are_expanded_by_another(world: World) -> None:
    """Read and never acknowledged: as if the notifier had died between the two."""
    world.batch("batch_c0_1")
    key = world.key(f"events:{hooks.event_shard(TENANT)}")
    world.db.xgroup_create(key, "notifier", "0", mkstream=True)
    event = world.call_event("batch_c0_1", 1)
    world.db.xreadgroup("notifier", "notifier", {key: ">"})
    world.notifier()
    assert world.receiver.wait_for(1, 20)[0].headers["webhook-id"] == event
    world.wait_for_state(event, "delivered")


def test_what_a_killed_notifier_had_read_waits_for_no_backlog_of_another(world: World) -> None:
    key = world.key(f"events:{hooks.event_shard(TENANT)}")
    for seq in range(3000):
        hooks.write_event(world.scripts, TENANT, "batch_c0_gone", "batch.completed", seq=seq)
    with RedisProxy(world.redis, answer_delay_s=0.1) as proxy:
        notifier = world.notifier(redis_url=proxy.url)
        wait_until(lambda: any(group["pending"] for group in world.db.xinfo_groups(key)), 10, "it reads and reads")
        ((_, ((left, _),)),) = world.db.xreadgroup("notifier", "notifier", {key: ">"}, count=1)
        world.db.xclaim(key, "notifier", "notifier", 0, [left], idle=60_000)
        wait_until(lambda: not world.db.xpending_range(key, "notifier", left, left, 1), 20, "another takes it")
        assert world.db.xinfo_groups(key)[0]["lag"] > 0, "not before all else was read"
        notifier.stop()


def test_a_notifier_that_hung_past_its_lease_does_no_harm(world: World) -> None:
    world.batch("batch_c0_1")
    hung = world.notifier()
    world.wait_for_shards()
    with hung.paused():
        world.notifier()
        world.wait_for_shards()
        event = world.call_event("batch_c0_1", 1)
        world.wait_for_state(event, "delivered")
    other = world.call_event("batch_c0_1", 2)
    world.wait_for_state(other, "delivered")
    world.wait_for_shards(2)
    assert len(world.receiver.snapshot()) == 2


def test_redis_killed_and_restarted_loses_and_repeats_nothing(world: World) -> None:
    hold = threading.Event()
    world.db.config_set("appendfsync", "always")
    world.receiver.answer = in_turn(Answer(200, after=hold), Answer(200))
    world.batch("batch_c0_1")
    world.notifier()
    event = world.call_event("batch_c0_1", 1)
    world.receiver.wait_for(1)
    world.redis.kill_written()
    hold.set()
    world.redis.start()
    other = world.call_event("batch_c0_1", 2)
    world.wait_for_state(event, "delivered", 20)
    world.wait_for_state(other, "delivered", 20)
    assert sorted(request.headers["webhook-id"] for request in world.receiver.snapshot()) == [event, other]


def test_sigterm_finishes_what_is_under_way_and_takes_nothing_new(world: World) -> None:
    hold = threading.Event()
    world.receiver.answer = Answer(200, after=hold)
    world.batch("batch_c0_1")
    notifier = world.notifier()
    event = world.call_event("batch_c0_1", 1)
    world.receiver.wait_for(1)
    notifier.signal(signal.SIGTERM)
    wait_until(lambda: world.holders() == [None] * 16, 10, "its shards are handed over while it still sends")
    late = world.call_event("batch_c0_1", 2)
    assert notifier.is_running() and world.delivery(event)["state"] == "in_flight"
    hold.set()
    assert notifier.wait() == 0
    assert world.delivery(event)["state"] == "delivered"
    assert world.delivery(late) == {}
    world.notifier()
    world.wait_for_state(late, "delivered")
    assert [request.headers["webhook-id"] for request in world.receiver.snapshot()] == [event, late]


# ---- faults of ours and of the data ----


def test_an_event_that_cannot_be_rendered_is_passed_over_and_said(world: World) -> None:
    world.batch("batch_c0_1")
    notifier = world.notifier()
    hooks.write_event(world.scripts, TENANT, "batch_c0_none", "batch.completed")
    hooks.write_event(world.scripts, TENANT, "batch_c0_1", "call.completed", 99)
    good = world.call_event("batch_c0_1", 1)
    world.wait_for_state(good, "delivered")
    assert len(notifier.log_events("webhook.event_skipped")) == 2
    assert metric(notifier, 'carillon_webhook_events_total{result="skipped"}') == 2
    shard = hooks.event_shard(TENANT)
    assert world.db.xpending(world.key(f"events:{shard}"), "notifier")["pending"] == 0


def test_a_secret_that_does_not_open_is_our_fault_and_counts_no_attempt(world: World) -> None:
    world.batch("batch_c0_1")
    endpoint = world.endpoint()
    wrong = world.sealed(endpoint, world.secrets[endpoint], key=os.urandom(32))
    world.db.hset(world.key(f"hooks:endpoint:{endpoint}"), "secret", wrong)
    notifier = world.notifier()
    event = world.call_event("batch_c0_1", 1)
    wait_until(lambda: metric(notifier, 'carillon_webhook_own_failures_total{cause="secret"}') >= 1, 10)
    wait_until(lambda: world.delivery(event).get("next_ms"), 10, "it was handed back")
    assert world.delivery(event)["attempts"] == "0" and world.receiver.snapshot() == []
    right = world.sealed(endpoint, world.secrets[endpoint])
    world.db.hset(world.key(f"hooks:endpoint:{endpoint}"), "secret", right)
    world.let_time_pass(event)
    world.wait_for_state(event, "delivered")


def test_a_queue_that_cannot_be_sent_is_not_claimed_and_handed_back_from_end_to_end(world: World) -> None:
    """As where a secret does not open, so where a tenant or a host has as much under way as it may, or no name is answered:
    each delivery that waited was claimed and handed back as fast as Redis could, for as long as that lasted."""
    world.batch("batch_c0_1")
    endpoint, good = world.endpoint(), HttpReceiver()
    world.batch("batch_c0_2", url=good.url + "/hook")
    wrong = world.sealed(endpoint, world.secrets[endpoint], key=os.urandom(32))
    world.db.hset(world.key(f"hooks:endpoint:{endpoint}"), "secret", wrong)
    events = [world.call_event("batch_c0_1", ordinal) for ordinal in range(40)]

    def handed_back() -> list[str]:
        return [event for event in events if world.delivery(event).get("next_ms")]

    world.notifier()
    wait_until(lambda: all(map(world.delivery, events)) and handed_back(), 10, "all are made deliveries, and the first came back")
    with good:
        world.wait_for_state(world.call_event("batch_c0_2", 0), "delivered")
    assert handed_back() == events[:2], "as many as an endpoint gets at once"


def test_an_idle_notifier_costs_one_command_a_second(world: World) -> None:
    world.notifier()
    world.wait_for_shards()
    with world.redis.client().monitor() as monitor:
        seen: list[str] = []
        end = time.monotonic() + 3.5
        monitor.connection._sock.settimeout(5)
        while time.monotonic() < end:
            entry = monitor.next_command()
            if entry["client_type"] != "lua":
                seen.append(entry["command"])
    assert 2 <= len(seen) <= 5, seen


def test_the_ports_answers_tell_of_readiness_and_work(world: World) -> None:
    world.batch("batch_c0_1")
    notifier = world.notifier()
    world.wait_for_shards()
    with urllib.request.urlopen(notifier.url + "/readyz", timeout=10) as answer:
        assert answer.status == 200
    world.wait_for_state(world.call_event("batch_c0_1", 1), "delivered")
    assert metric(notifier, 'carillon_webhook_deliveries_total{outcome="delivered"}') == 1
    assert metric(notifier, "carillon_webhook_attempt_seconds_count") == 1
    wait_until(lambda: metric(notifier, "carillon_webhook_shards") == 16, 10)


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (("--allow-private-webhooks", "10.0.0.1/8"), 2),
        (("--allow-private-webhooks", "everything"), 2),
        (("--ca-file", "/nonexistent/ca.pem"), 3),
        (("--webhook-timeout-ms", "999"), 2),
        (("--webhook-timeout-ms", "30001"), 2),
    ],
)
def test_options_that_make_no_sense_are_refused(world: World, args: tuple[str, ...], status: int) -> None:
    ended = run("carillon-notifier", *world.arguments(*args))
    assert ended.returncode == status, ended.stderr
    assert json.dumps(args[1])[1:-1] in ended.stderr or "address range" in ended.stderr
