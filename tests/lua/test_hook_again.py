# SPDX-License-Identifier: Apache-2.0
"""hook_again, hook_deliveries and what hook_endpoint changes: what a tenant sees of its webhooks, and asks of them."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from tests.support import hooks
from tests.support.hooks import Notifying
from tests.support.scripts import Scripts

URL = "https://one.example/h"
TEST = ("evt_test_1", "https://one.example/t", "{}")


class Desk(Notifying):
    """The tenant acme with a batch and an endpoint, and what it asks."""

    def __init__(self, scripts: Scripts) -> None:
        hooks.write_batch(scripts, "batch_c0_1", "acme", URL)
        super().__init__(scripts, "acme", "batch_c0_1", URL)
        self.db = scripts.client

    def redeliver(self, delivery: str, tenant: str = "acme") -> Any:
        return self.scripts.run("hook_again", "redeliver", tenant, self.shard, delivery)

    def recover(self, since: int = 0, most: int = 500, tenant: str = "acme") -> Any:
        return self.scripts.run("hook_again", "recover", tenant, self.shard, self.endpoint, since, most)

    def test(self, *what: str, tenant: str = "acme") -> Any:
        return self.scripts.run("hook_again", "test", tenant, self.shard, self.endpoint, 1000, *(what or TEST))

    def change(self, status: str = "", signature: str = "", tenant: str = "acme") -> dict[str, str]:
        _, fields = self.scripts.run("hook_endpoint", "change", tenant, self.endpoint, self.shard, status, signature)
        return dict(zip(fields[::2], fields[1::2]))

    def listed(self, state: str = "", place: str = "", most: int = 100, looks: int = 1000, tenant: str = "acme") -> tuple[str, list[str]]:
        reply = self.scripts.run("hook_deliveries", "list", tenant, "", state, "", place, most, looks, self.shard)
        return reply[0], [row[0] for row in reply[1:]]

    def delivery(self, delivery: str) -> dict[str, str]:
        return self.db.hgetall(self.scripts.key(f"hooks:delivery:{delivery}"))

    def asked_again(self) -> list[dict[str, str]]:
        return [entry for _, entry in self.db.xrange(self.scripts.key(f"events:{self.shard}")) if "delivery" in entry]

    def dead(self, ordinal: int) -> str:
        delivery = self.queue(ordinal)
        assert delivery in self.finish_all("dead", "timeout", 0)
        return delivery


@pytest.fixture
def desk(scripts: Scripts) -> Desk:
    return Desk(scripts)


def test_a_dead_one_is_asked_for_with_all_that_its_body_is_made_of_and_once(desk: Desk) -> None:
    delivery = desk.dead(7)
    assert desk.redeliver(delivery) == "asked"
    assert desk.redeliver(delivery) == "busy"
    (entry,) = desk.asked_again()
    assert entry.pop("endpoint") == desk.endpoint
    assert {**entry, "delivery": ""} == {"id": delivery, "type": "call.completed", "tenant": "acme", "batch": "batch_c0_1", "attempt": "1",
                                         "at": "1760000003000", "seq": "1", "call": "7", "delivery": ""}  # fmt: skip


def test_it_has_all_its_attempts_again_and_goes_on_counting_them(desk: Desk) -> None:
    delivery = desk.dead(7)
    desk.redeliver(delivery)
    desk.expand("1-1", delivery, "call.completed", "again")
    assert desk.delivery(delivery)["from_attempt"] == "1" and desk.db.ttl(desk.scripts.key(f"hooks:delivery:{delivery}")) == -1
    desk.scripts.run("hook_poll", desk.OWNER, 600_000, hooks.SHARDS, 1000, 0)
    reply = desk.scripts.run("hook_claim", desk.OWNER, 1, 1, 30_000, 32, *hooks.BOUNDS, 1, desk.shard, "")
    assert (reply[5][0][3], reply[5][0][8]) == (2, "1")
    desk.finish(delivery, 2, "delivered")
    (_, line), (_, again) = desk.db.xrange(desk.scripts.key(f"hooks:log:{desk.endpoint}"))
    assert "trigger" not in line and again["trigger"] == "manual"
    assert desk.db.hget(desk.scripts.key(f"hooks:counts:{desk.shard}"), "pending") == "0"
    assert desk.db.zcard(desk.scripts.key(f"hooks:dead:{desk.endpoint}")) == 0


def test_one_that_is_under_way_is_not_made_again_by_a_second_event(desk: Desk) -> None:
    delivery = desk.queue(7)
    assert desk.redeliver(delivery) == "busy"
    before = desk.delivery(delivery)
    desk.expand("1-1", delivery, "call.completed", "again")
    assert desk.delivery(delivery) == before
    assert desk.db.hget(desk.scripts.key(f"hooks:counts:{desk.shard}"), "pending") == "1"


def test_what_cannot_be_made_again_is_not_waited_for(desk: Desk) -> None:
    delivery = desk.dead(7)
    desk.redeliver(delivery)
    desk.expand("1-1", delivery, "", "skip")
    assert "trigger" not in desk.delivery(delivery)
    assert desk.recover()[:2] == ["asked", 1] and desk.listed("dead")[1] == []
    desk.expand("1-1", delivery, "", "skip")
    assert desk.listed("dead")[1] == [delivery]
    desk.db.delete(desk.scripts.key("batch:batch_c0_1"))
    assert desk.redeliver(delivery) == "gone"


def test_a_disabled_endpoint_takes_nothing_until_it_is_enabled(desk: Desk) -> None:
    delivery = desk.dead(7)
    assert desk.change("disabled")["reason"] == "tenant"
    assert (desk.redeliver(delivery), desk.recover()[0], desk.test()) == ("disabled", "disabled", "disabled")
    assert desk.change("active")["health"] == "active"
    assert desk.redeliver(delivery) == "asked"


def test_what_waits_at_an_endpoint_that_its_tenant_disables_is_given_up(desk: Desk) -> None:
    late, waiting = desk.queue(5), desk.queue(6)
    (first, second) = desk.claim()
    desk.finish(*first, "retry", "http_status", 500)
    desk.change("disabled")
    desk.finish(*second, "retry", "http_status", 500)
    assert desk.claim() == []
    assert [desk.delivery(delivery)["reason"] for delivery in (late, waiting)] == ["endpoint_disabled"] * 2


def test_what_dies_again_before_it_is_tried_can_be_asked_for_once_more(desk: Desk) -> None:
    delivery = desk.dead(7)
    desk.redeliver(delivery)
    desk.change("disabled")
    desk.expand("1-1", delivery, "call.completed", "again")
    assert (desk.delivery(delivery)["state"], desk.delivery(delivery)["reason"]) == ("dead", "endpoint_disabled")
    desk.change("active")
    assert desk.redeliver(delivery) == "asked"


def test_enabling_forgets_what_was_known_against_it_and_serves_what_waits(desk: Desk) -> None:
    delivery = desk.queue(7)
    key = desk.scripts.key(f"hooks:endpoint:{desk.endpoint}")
    against = {"failures": 9, "open_until_ms": 9_999_999_999_999, "paused_until_ms": 9_999_999_999_999, "status": "disabled", "reason": "gone"}
    desk.db.hset(key, mapping=against)
    for ring in ("ring", "slow"):
        desk.db.delete(desk.scripts.key(f"hooks:{ring}:{desk.shard}"))
    desk.change("active")
    assert set(desk.db.hgetall(key)) & set(against) == {"status"}
    assert desk.claim() == [(delivery, 1)]


def test_its_health_is_told_in_one_word(desk: Desk) -> None:
    key = desk.scripts.key(f"hooks:endpoint:{desk.endpoint}")
    for fields, health in (({}, "active"), ({"failures": 1}, "degraded"), ({"open_until_ms": 9_999_999_999_999}, "paused")):
        desk.db.hset(key, mapping={"latency_ms": 5, **fields})
        assert desk.change()["health"] == health
    assert desk.change("disabled", "seed") | {"now_ms": ""} == desk.change("disabled") | {"now_ms": ""}
    assert "signature" not in desk.change(signature="standard")


def test_recovery_goes_in_steps_and_passes_over_what_is_gone(desk: Desk) -> None:
    for ordinal in range(3):
        desk.dead(ordinal)
    key = desk.scripts.key(f"hooks:dead:{desk.endpoint}")
    for at, delivery in enumerate(desk.db.zrange(key, 0, -1)):
        desk.db.zadd(key, {delivery: 1000 + at})
    desk.db.zadd(key, {"evt_gone": 1001.5})
    asked = [desk.recover(1001, 2)]
    assert asked[0] == ["asked", 1, 1, 1, "1002"]
    assert desk.recover(1002, 2) == ["asked", 1, 0, 0, -1]
    assert desk.db.zrange(key, 0, -1) == [hooks.event_id("batch_c0_1", "call.completed", 0), "evt_gone"]
    assert [entry["call"] for entry in desk.asked_again()] == ["1", "2"]


def test_recovery_leaves_none_out_where_many_died_at_once(desk: Desk) -> None:
    key = desk.scripts.key(f"hooks:dead:{desk.endpoint}")
    lost = [desk.dead(ordinal) for ordinal in range(4)]
    desk.db.zadd(key, {delivery: 1001 if delivery == lost[3] else 1000 for delivery in lost})
    assert desk.recover(0, 2) == ["asked", 3, 0, 1, "1001"]
    assert desk.recover(1001, 2) == ["asked", 1, 0, 0, -1]
    assert desk.db.zcard(key) == 0


def test_a_test_is_queued_at_once_and_one_at_a_time(desk: Desk) -> None:
    assert (desk.test(), desk.test("evt_test_2", *TEST[1:])) == ("asked", "full")
    assert desk.claim() == [("evt_test_1", 1)]
    desk.finish("evt_test_1", 1, "delivered")
    assert desk.db.xrange(desk.scripts.key(f"hooks:log:{desk.endpoint}"))[0][1]["trigger"] == "test"
    assert desk.test("evt_test_2", *TEST[1:]) == "asked"
    assert desk.redeliver("evt_test_1") == "gone"


@pytest.mark.parametrize("ask", ["redeliver", "recover", "test", "change", "one"])
def test_what_is_anothers_is_not_there(desk: Desk, ask: str) -> None:
    delivery = desk.dead(7)
    asks = {
        "redeliver": lambda: desk.redeliver(delivery, "globex"),
        "recover": lambda: desk.recover(tenant="globex"),
        "test": lambda: desk.test(tenant="globex"),
        "change": lambda: desk.change("disabled", tenant="globex"),
        "one": lambda: desk.scripts.run("hook_deliveries", "one", "globex", delivery, 100),
    }
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        asks[ask]()
    assert desk.listed(tenant="globex") == ("", [])


def test_the_list_tells_each_once_by_where_it_is_however_small_its_pages(desk: Desk) -> None:
    taken = [desk.queue(n) for n in range(3)]
    desk.finish_all("delivered")
    lost = [desk.dead(n) for n in (3, 4)]
    late = desk.queue(5)
    desk.finish(*desk.claim()[0], "retry", "http_status", 500)
    waiting = desk.queue(6)
    states = {"delivered": taken[::-1], "dead": None, "retrying": [late], "pending": [waiting], "in_flight": []}
    for state, expected in states.items():
        found = desk.listed(state)[1]
        assert found == expected if expected is not None else set(found) == set(lost)
    whole = desk.listed()[1]
    assert sorted(whole) == sorted([*taken, *lost, late, waiting])
    for most, looks in ((1, 1000), (100, 1)):
        pages: list[str] = []
        place, steps = "", 0
        while (place or not steps) and steps < 50:
            place, rows = desk.listed(place=place, most=most, looks=looks)
            pages += rows
            steps += 1
        assert pages == whole


def test_where_a_list_goes_on_names_no_claim_of_another_tenant(desk: Desk) -> None:
    other = next(name for n in range(1000) if hooks.event_shard(name := f"globex{n}") == desk.shard)
    theirs = Notifying(desk.scripts, other, "batch_c0_theirs", URL)
    for n in range(3):
        theirs.queue(n)
        desk.queue(n)
    desk.scripts.run("hook_poll", desk.OWNER, 600_000, hooks.SHARDS, 1000, 0)
    desk.scripts.run("hook_claim", desk.OWNER, 64, 64, 30_000, 32, *hooks.BOUNDS, 1, desk.shard, "")
    places, rows = [""], []
    while places[-1] or len(places) == 1:
        place, row = desk.listed("in_flight", places[-1], looks=1)
        places.append(place)
        rows += row
    assert not [place for place in places if theirs.endpoint in place or "batch_c0_theirs" in place]
    assert len(places) > 4 and sorted(rows) == sorted(hooks.event_id("batch_c0_1", "call.completed", n) for n in range(2))


def test_one_whose_record_is_over_is_not_listed(desk: Desk) -> None:
    delivery = desk.dead(7)
    desk.db.delete(desk.scripts.key(f"hooks:delivery:{delivery}"))
    assert desk.listed() == desk.listed("dead") == ("", [])


def test_one_that_only_the_log_knows_is_still_listed(desk: Desk) -> None:
    delivery = desk.queue(7)
    desk.finish_all("delivered")
    desk.db.delete(desk.scripts.key(f"hooks:delivery:{delivery}"))
    assert desk.listed("delivered")[1] == [delivery]


@pytest.mark.parametrize("place", ["x y", "ep_1 queue x y", "ep_1 dead (1 y", "ep_1 log +", "ep_1 inflight 1"])
def test_a_place_that_was_not_given_is_refused(desk: Desk, place: str) -> None:
    desk.dead(7)
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        desk.listed(place=place.replace("ep_1", desk.endpoint))
