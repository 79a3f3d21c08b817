# SPDX-License-Identifier: Apache-2.0
"""hook_remove, and what hook_poll and hook_expand make of an endpoint that is gone."""

from __future__ import annotations

import pytest
import redis

from tests.support import hooks
from tests.support.hooks import Notifying
from tests.support.scripts import Scripts

URL, OTHER = "https://one.example/h", "https://other.example/h"
BATCH = "batch_c0_1"


class Desk(Notifying):
    """The tenant acme with an endpoint that it removes."""

    def __init__(self, scripts: Scripts, tenant: str = "acme", url: str = URL) -> None:
        hooks.write_batch(scripts, BATCH, tenant, url)
        super().__init__(scripts, tenant, BATCH, url)
        self.db = scripts.client

    def remove(self, tenant: str = "acme") -> int:
        return int(self.scripts.run("hook_remove", tenant, self.endpoint, self.shard))

    def poll(self) -> None:
        self.scripts.run("hook_poll", self.OWNER, 600_000, hooks.SHARDS, 1000, 0)

    def keys(self) -> list[str]:
        """What names the endpoint or one of its deliveries, or says that something of it is left."""
        names = self.db.keys(self.scripts.key("hooks:*"))
        kept = ("hooks:lease:", "hooks:notifiers", "hooks:counts:")
        return sorted(name for name in names if not any(word in name for word in kept))

    def pending(self) -> int:
        return int(self.db.hget(self.scripts.key(f"hooks:counts:{self.shard}"), "pending"))


@pytest.fixture
def desk(scripts: Scripts) -> Desk:
    return Desk(scripts)


def test_nothing_of_a_removed_endpoint_is_left(desk: Desk) -> None:
    delivered, dead, retrying = (desk.queue(n) for n in range(3))
    ended = dict(desk.claim())
    desk.finish(delivered, ended[delivered], "delivered")
    desk.finish(dead, ended.get(dead) or dict(desk.claim())[dead], "dead", "timeout", 0)
    desk.finish(retrying, dict(desk.claim())[retrying], "retry", "http_status", 500)
    flying = desk.queue(4)
    assert dict(desk.claim()) == {flying: 1}
    desk.queue(5)
    assert desk.remove() == 3, "one that is tried again, one under way, one that waits"
    assert desk.pending() == 0
    desk.finish(flying, 1, "retry", "http_status", 500)
    desk.poll(), desk.poll()
    assert desk.keys() == [desk.scripts.key(f"hooks:delivery:{delivered}")]
    assert desk.db.pttl(desk.keys()[0]) > 0, "it only keeps the same event from being delivered again, for an hour"
    assert desk.pending() == 0


@pytest.mark.parametrize("verdict", ["delivered", "retry", "dead", "return"])
def test_an_attempt_that_ends_after_its_endpoint_was_removed_leaves_nothing(desk: Desk, verdict: str) -> None:
    flying = desk.queue(1)
    desk.claim()
    assert desk.remove() == 1
    desk.finish(flying, 1, verdict, "ok" if verdict == "delivered" else "http_status")
    desk.poll()
    assert desk.keys() == [] and desk.pending() == 0


def test_an_attempt_whose_notifier_died_leaves_nothing_of_a_removed_endpoint(desk: Desk, scripts: Scripts) -> None:
    desk.queue(1)
    desk.claim()
    desk.remove()
    inflight = scripts.key(f"hooks:inflight:{desk.shard}")
    (member,) = desk.db.zrange(inflight, 0, -1)
    desk.db.zadd(inflight, {member: 1})
    desk.poll()
    scripts.run("hook_reap", desk.OWNER, 64, 10, 12, *hooks.BOUNDS, desk.shard)
    assert desk.keys() == [] and desk.pending() == 0


def test_many_that_waited_go_in_steps(desk: Desk, scripts: Scripts) -> None:
    for n in range(700):
        desk.queue(n)
    assert desk.remove() == 700
    left = [700]
    for _ in range(4):
        desk.poll()
        left.append(len(desk.db.keys(scripts.key("hooks:delivery:*"))))
        assert left[-2] - left[-1] <= 500
    assert desk.keys() == []


def test_what_comes_for_a_removed_endpoint_is_dropped_and_leaves_nothing(desk: Desk) -> None:
    dead, delivered = desk.queue(1), desk.queue(2)
    claimed = dict(desk.claim())
    desk.finish(dead, claimed[dead], "dead", "timeout", 0)
    desk.finish(delivered, claimed[delivered], "delivered")
    for delivery in (dead, delivered):
        assert desk.scripts.run("hook_again", "redeliver", "acme", desk.shard, delivery) == "asked"
    desk.remove()
    desk.poll(), desk.poll()
    for delivery in (dead, delivered):
        desk.expand("1-1", delivery, "call.completed", "again")
    desk.queue(3)
    assert desk.keys() == [] and desk.pending() == 0


def test_an_endpoint_made_anew_has_nothing_of_the_one_before_and_loses_nothing_of_its_own(desk: Desk, scripts: Scripts) -> None:
    desk.queue(1)
    dead = desk.queue(2)
    desk.finish(dead, dict(desk.claim())[dead], "dead", "timeout", 0)
    desk.remove()
    assert hooks.make_endpoint(scripts, "acme", URL, "v1.anew") == desk.endpoint
    endpoint = scripts.key(f"hooks:endpoint:{desk.endpoint}")
    assert desk.db.hgetall(endpoint).keys() == {"tenant", "origin", "secret", "created_ms", "status"}
    fresh = desk.queue(3)
    desk.poll(), desk.poll()
    assert desk.claim() == [(fresh, 1)]
    desk.finish(fresh, 1, "delivered")
    assert desk.db.hget(endpoint, "bytes") == "0" and desk.pending() == 0
    assert len(desk.db.keys(scripts.key("hooks:delivery:*"))) == 1


def test_one_that_is_sent_again_by_the_endpoint_made_anew_is_not_dropped(desk: Desk, scripts: Scripts) -> None:
    dead, waits = desk.queue(1), desk.queue(2)
    desk.finish(dead, dict(desk.claim())[dead], "dead", "timeout", 0)
    desk.remove()
    hooks.make_endpoint(scripts, "acme", URL)
    assert scripts.run("hook_again", "redeliver", "acme", desk.shard, dead) == "asked"
    desk.poll(), desk.poll()
    desk.expand("1-1", dead, "call.completed", "again")
    desk.poll()
    assert [delivery for delivery, _ in desk.claim()] == [dead] and waits not in desk.keys()


def test_another_tenants_endpoint_cannot_be_removed(desk: Desk) -> None:
    before = {key: desk.db.dump(key) for key in desk.keys()}
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        desk.remove(tenant="zeta")
    assert {key: desk.db.dump(key) for key in desk.keys()} == before


def test_a_removal_again_finds_nothing(desk: Desk) -> None:
    desk.queue(1)
    assert desk.remove() == 1
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        desk.remove()
    assert desk.pending() == 0


def test_another_endpoint_of_the_tenant_keeps_what_it_has(desk: Desk, scripts: Scripts) -> None:
    other = Desk(scripts, "acme", OTHER)
    delivery, claimed = other.queue(11), other.queue(12)
    assert dict(other.claim()).keys() == {delivery, claimed}
    waits = other.queue(13)
    desk.queue(14)
    assert desk.remove() == 1
    other.finish(delivery, 1, "delivered")
    desk.poll(), desk.poll()
    assert other.pending() == 2
    assert scripts.run("hook_endpoint", "list", "acme")[0][0] == other.endpoint
    assert waits in dict(other.claim())
    other.finish(claimed, 1, "delivered")
    assert other.pending() == 1


def test_a_removal_makes_room_for_another_origin(desk: Desk, scripts: Scripts) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_TOO_LARGE"):
        hooks.make_endpoint(scripts, "acme", OTHER, limit=1)
    desk.remove()
    hooks.make_endpoint(scripts, "acme", OTHER, limit=1)
