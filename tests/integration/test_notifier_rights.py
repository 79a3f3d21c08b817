# SPDX-License-Identifier: Apache-2.0
"""A notifier whose Redis takes its claims, and refuses to be told what became of them."""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Iterator

import pytest

from tests.support.http_receiver import Answer, HttpReceiver
from tests.support.notifier_world import World, metric
from tests.support.waiting import wait_until

USER = "carillon-notifier"
DELIVERED = 'carillon_webhook_deliveries_total{outcome="delivered"}'


@pytest.fixture
def world(tmp_path: pathlib.Path) -> Iterator[World]:
    with World(tmp_path) as made:
        yield made
        made.db.acl_log_reset()


def test_while_redis_refuses_to_be_told_of_attempts_nothing_more_is_sent_and_nothing_is_sent_twice(world: World) -> None:
    world.batch("batch_c0_1")
    world.notifier()
    world.wait_for_shards()
    world.db.execute_command("ACL", "SETUSER", USER, "-xadd")
    first = world.call_event("batch_c0_1", 0)
    world.receiver.wait_for(1)
    wait_until(world.redis.denials, 10, "what became of it was refused")
    events = [first, *(world.call_event("batch_c0_1", ordinal) for ordinal in range(1, 20))]
    wait_until(lambda: all(map(world.delivery, events)), 10, "all are made deliveries")
    refused = len(world.redis.denials())
    wait_until(lambda: len(world.redis.denials()) > refused or world.db.acl_log()[0]["count"] > 2, 10, "it was told again")
    assert len(world.receiver.snapshot()) == 1
    world.db.execute_command("ACL", "SETUSER", USER, "+xadd")
    for event in events:
        world.wait_for_state(event, "delivered")
    assert sorted(request.headers["webhook-id"] for request in world.receiver.snapshot()) == sorted(events)
    assert {world.delivery(event)["attempts"] for event in events} == {"1"}


def test_a_report_that_a_script_fails_at_takes_none_of_those_along_that_go_with_it(world: World) -> None:
    gates = [threading.Event() for _ in range(3)]
    torn = HttpReceiver(lambda request: Answer(after=gates[1]))
    world.receiver.answer = lambda request: Answer(after=gates[2 * request.index])
    world.batch("batch_c0_1")
    world.batch("batch_c0_2", url=torn.url + "/hook")
    notifier = world.notifier()
    with torn:
        first, other = world.call_event("batch_c0_1", 0), world.call_event("batch_c0_2", 0)
        world.receiver.wait_for(1), torn.wait_for(1)
        event = world.call_event("batch_c0_1", 1)
        world.receiver.wait_for(2)
        world.db.set(world.key(f"hooks:log:{world.delivery(other)['endpoint']}"), "no stream")
        world.db.execute_command("CLIENT", "PAUSE", 4000, "WRITE")
        for ended, gate in enumerate(gates, 1):  # the first report is under way, and the others wait to go together
            gate.set()
            wait_until(lambda: metric(notifier, DELIVERED) == ended, 10, f"{ended} ended")
        world.db.execute_command("CLIENT", "UNPAUSE")
        for good in (first, event):
            world.wait_for_state(good, "delivered")
        assert world.delivery(other)["state"] == "in_flight"
    assert len(world.receiver.snapshot()) == 2


def test_a_claim_that_redis_breaks_off_loses_none_of_what_waited(world: World) -> None:
    world.batch("batch_c0_1")
    endpoint = world.endpoint()
    notifier = world.notifier()
    world.wait_for_shards()
    seconds, _ = world.db.time()
    world.db.hset(world.key(f"hooks:endpoint:{endpoint}"), "paused_until_ms", (seconds + 3) * 1000)
    event = world.call_event("batch_c0_1", 0)
    world.wait_for_state(event, "pending")
    world.db.execute_command("ACL", "SETUSER", USER, "-zadd")
    wait_until(lambda: any(said["script"] == "hook_claim" for said in notifier.log_events("hooks.script_failed")), 10, "it is claimed")
    world.db.execute_command("ACL", "SETUSER", USER, "+zadd")
    world.wait_for_state(event, "delivered")
    assert world.delivery(event)["attempts"] == "1"


def test_an_event_whose_queueing_redis_broke_off_is_queued_again_and_not_taken_for_known(world: World) -> None:
    world.batch("batch_c0_1")
    notifier = world.notifier()
    world.wait_for_shards()
    world.db.execute_command("ACL", "SETUSER", USER, "-zadd")
    event = world.call_event("batch_c0_1", 0)
    wait_until(lambda: any(said["script"] == "hook_expand" for said in notifier.log_events("hooks.script_failed")), 10, "it is read")
    world.db.execute_command("ACL", "SETUSER", USER, "+zadd")
    world.wait_for_state(event, "delivered", 30.0)


@pytest.mark.parametrize("torn", ["batch:batch_c0_2:texts:0", "hooks:queue:ENDPOINT"])
def test_what_is_torn_in_redis_keeps_no_other_event_and_goes_on_when_it_is_mended(world: World, torn: str) -> None:
    other = HttpReceiver()
    world.batch("batch_c0_1")
    world.batch("batch_c0_2", url=other.url + "/hook")
    key = world.key(torn.replace("ENDPOINT", world.endpoint(url=other.url)))
    with other:
        lame = world.call_event("batch_c0_2", 0)
        world.db.delete(key)
        world.db.set(key, "torn")
        events = [world.call_event("batch_c0_1", ordinal) for ordinal in range(5)]
        notifier = world.notifier()
        for event in events:
            world.wait_for_state(event, "delivered", 30.0)
        assert notifier.log_events("hooks.torn") or notifier.log_events("hooks.script_failed")
        world.db.delete(key)
        world.wait_for_state(lame, "delivered", 30.0)
