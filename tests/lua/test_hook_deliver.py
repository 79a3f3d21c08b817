# SPDX-License-Identifier: Apache-2.0
"""hook_claim, hook_finish and hook_reap: turns, claims, results, and what becomes of claims nobody finished."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import redis

from tests.support import hooks
from tests.support.scripts import Scripts

OWNER = "a"
LEASE_MS = 30_000
ROOM = 8
SLOW = 16
BYTES = 1 << 20
SCAN = 32
CALL_ATTEMPTS = 3
BATCH_ATTEMPTS = 5


@dataclasses.dataclass(frozen=True)
class Claimed:
    shard: str
    endpoint: str
    event: str
    attempt: int
    kind: str
    url: str
    body: str
    created_ms: str
    from_attempt: int | str = 0


class Hooks:
    """The scripts with a test's usual arguments; one shard, that of tenant acme."""

    def __init__(self, db: redis.Redis, scripts: Scripts) -> None:
        self.db = db
        self.scripts = scripts
        self.shard = hooks.event_shard("acme")
        self.key = scripts.key
        scripts.run("hook_poll", OWNER, 600_000, hooks.SHARDS, 1000, 0)
        db.xgroup_create(self.key(f"events:{self.shard}"), "notifier", "0", mkstream=True)

    def endpoint(self, name: str, room: int | None = ROOM) -> str:
        """One that has proved itself: it takes `room` requests at once. None: a new one."""
        endpoint = hooks.make_endpoint(self.scripts, "acme", f"https://{name}.example/h")
        if room is not None:
            self.db.hset(self.key(f"hooks:endpoint:{endpoint}"), "room", room)
        return endpoint

    def queue(self, endpoint: str, *events: str, kind: str = "call.completed") -> None:
        items = []
        for event in events:
            items += [self.shard, "1-1", "deliver", event, endpoint, kind, "https://x.example/h", f"body of {event}"]
        self.scripts.run("hook_expand", *hooks.BOUNDS, 100_000, BYTES, *items)

    def claim(
        self, count: int = 64, busy: dict[str, int] | None = None, owner: str = OWNER, slow: int = SLOW
    ) -> list[Claimed]:
        """`busy`: requests under way, by endpoint."""
        loads = "".join(f" {endpoint}={n}" for endpoint, n in (busy or {}).items())
        self.reply = self.scripts.run(
            "hook_claim", owner, count, slow, LEASE_MS, SCAN, *hooks.BOUNDS, 1, self.shard, loads
        )
        return [Claimed(*row) for row in self.reply[5]]

    def claim_one(self, **options: Any) -> Claimed:
        (claimed,) = self.claim(count=1, **options)
        return claimed

    def finish(self, c: Claimed, verdict: str, code: str = "", owner: str = OWNER, **options: int) -> int:
        code = code or {"delivered": "ok", "retry": "http_status"}.get(verdict, verdict)
        item = (c.shard, c.endpoint, c.event, c.attempt, verdict, code, options.get("status", 0))
        rest = (options.get("delay_ms", 0), options.get("pause_ms", 0), options.get("took_ms", 7), options.get("phases", ""))
        self.finished = self.scripts.run("hook_finish", *hooks.BOUNDS, owner, *item, *rest)[1]
        return int(self.finished[0])

    def expire(self, c: Claimed) -> None:
        """As if the claim's lease had run out."""
        key = self.key(f"hooks:inflight:{self.shard}")
        assert self.db.zadd(key, {f"{c.endpoint}/{c.event}/{c.attempt}/{OWNER}": 1}, xx=True, ch=True) == 1

    def reap(self, limit: int = 64) -> tuple[int, int]:
        reply = self.scripts.run(
            "hook_reap", OWNER, limit, CALL_ATTEMPTS, BATCH_ATTEMPTS, *hooks.BOUNDS, self.shard
        )
        return reply[1], reply[2]

    def delivery(self, event: str) -> dict[str, str]:
        return self.db.hgetall(self.key(f"hooks:delivery:{event}"))

    def queued(self, endpoint: str) -> list[str]:
        return self.db.zrange(self.key(f"hooks:queue:{endpoint}"), 0, -1)

    def log(self, endpoint: str) -> list[tuple[str, str]]:
        return [(e["attempt"], e["code"]) for _, e in self.db.xrange(self.key(f"hooks:log:{endpoint}"))]

    def pending(self) -> int:
        return int(self.db.hget(self.key(f"hooks:counts:{self.shard}"), "pending") or 0)

    def inflight(self) -> int:
        return self.db.zcard(self.key(f"hooks:inflight:{self.shard}"))


@pytest.fixture
def h(db: redis.Redis, scripts: Scripts) -> Hooks:
    return Hooks(db, scripts)


# ---- claim ----


def test_a_claim_carries_what_sending_needs_and_is_taken_once(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    claimed = h.claim_one()
    assert (claimed.endpoint, claimed.event, claimed.attempt) == (ep, "e1", 1)
    assert (claimed.kind, claimed.url, claimed.body) == ("call.completed", "https://x.example/h", "body of e1")
    assert h.reply[4] == [[ep, "v1.c2VhbGVk", None, "acme", 0, 0]]
    assert h.claim() == [] and h.queued(ep) == [] and h.inflight() == 1
    assert h.delivery("e1")["state"] == "in_flight"


def test_a_claim_serves_no_shard_that_another_holds(h: Hooks) -> None:
    h.queue(h.endpoint("one"), "e1")
    assert h.claim(owner="b") == []
    assert [c.event for c in h.claim()] == ["e1"]


def test_an_endpoint_gives_no_more_than_its_room_and_returns_when_an_attempt_ends(h: Hooks) -> None:
    ep = h.endpoint("slow")
    h.queue(ep, *[f"e{n:02}" for n in range(12)])
    first = h.claim()
    assert [c.event for c in first] == [f"e{n:02}" for n in range(8)]
    assert h.reply[1] > h.reply[0] + LEASE_MS - 1000, "a full endpoint must not keep the notifier busy"
    assert h.claim(busy={ep: 8}) == []
    h.finish(first[0], "delivered")
    assert h.finished[1] <= h.db.time()[0] * 1000 + 1000, "its ring entry is due at once"
    assert [c.event for c in h.claim(busy={ep: 7})] == ["e08"]


def test_endpoints_take_turns_whatever_their_backlog(h: Hooks) -> None:
    backlog, small = h.endpoint("backlog", 100), h.endpoint("small", 100)
    h.queue(backlog, *[f"b{n}" for n in range(50)])
    h.queue(small, "s1", "s2")
    served = [h.claim(count=1)[0].event for _ in range(6)]
    assert sorted(served[:2]) == ["b0", "s1"] and sorted(served[2:4]) == ["b1", "s2"]


def test_more_endpoints_than_one_look_are_all_served(h: Hooks) -> None:
    names = [h.endpoint(f"n{n}") for n in range(SCAN * 2 + 5)]
    for n, ep in enumerate(names):
        h.queue(ep, f"e{n}")
    full = {ep: ROOM for ep in names[:SCAN]}
    assert h.claim(busy=full) == [], "the first look meets only full endpoints"
    served = h.claim(busy=full) + h.claim(busy=full)
    assert sorted(c.endpoint for c in served) == sorted(names[SCAN:])


def test_the_claim_is_cut_at_its_bound(h: Hooks) -> None:
    for n in range(5):
        h.queue(h.endpoint(f"n{n}"), *[f"e{n}-{i}" for i in range(4)])
    assert len(h.claim(count=6)) == 6
    assert len(h.claim(count=64)) == 14


def test_a_delivery_whose_body_is_lost_dies_instead_of_blocking_its_endpoint(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1", "e2")
    h.db.delete(h.key("hooks:body:e1"))
    assert [c.event for c in h.claim()] == ["e2"]
    assert h.delivery("e1")["reason"] == "body_gone"
    assert h.pending() == 1


def test_deliveries_of_an_endpoint_that_is_gone_die(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1", "e2")
    h.db.delete(h.key(f"hooks:endpoint:{ep}"))
    assert h.claim() == []
    assert h.delivery("e2")["reason"] == "no_endpoint"
    assert h.queued(ep) == [] and h.db.exists(h.key(f"hooks:ring:{h.shard}")) == 0


# ---- finish ----


def test_a_delivered_event_leaves_a_record_and_no_body(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    assert h.finish(h.claim_one(), "delivered", status=200) == 1
    assert h.delivery("e1")["state"] == "delivered"
    assert 0 < h.db.ttl(h.key("hooks:delivery:e1")) <= 3_600
    assert h.db.exists(h.key("hooks:body:e1")) == 0
    assert (h.inflight(), h.pending(), h.log(ep)) == (0, 0, [("1", "ok")])
    assert int(h.db.hget(h.key(f"hooks:endpoint:{ep}"), "last_success_ms")) > 0
    h.queue(ep, "e1")
    assert h.claim() == [], "the event written again is known"


def test_finishing_twice_changes_nothing_the_second_time(h: Hooks) -> None:
    ep = h.endpoint("one")
    later = {"delay_ms": 60_000}
    for verdict, options in (("delivered", {}), ("retry", later), ("dead", {}), ("return", later)):
        event = f"e-{verdict}"
        h.queue(ep, event)
        claimed = h.claim_one()
        assert h.finish(claimed, verdict, **options) == 1
        before = (h.delivery(event), h.log(ep), h.pending(), h.queued(ep))
        assert h.finish(claimed, verdict, **options) == 0
        assert (h.delivery(event), h.log(ep), h.pending(), h.queued(ep)) == before, verdict


def test_a_retry_is_due_after_its_delay_and_counts_attempts(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    h.finish(h.claim_one(), "retry", delay_ms=5000)
    assert h.claim() == []
    assert 4000 < h.reply[1] - h.reply[0] <= 5001
    endpoint = h.db.hgetall(h.key(f"hooks:endpoint:{ep}"))
    assert endpoint["failures"] == "1" and "failing_since_ms" in endpoint
    h.db.zadd(h.key(f"hooks:queue:{ep}"), {"e1": 1})
    h.db.zadd(h.key(f"hooks:slow:{h.shard}"), {ep: 1})
    again = h.claim_one()
    assert (again.attempt, again.body) == (2, "body of e1")
    h.finish(again, "delivered")
    assert h.log(ep) == [("1", "http_status"), ("2", "ok")]
    assert "failures" not in h.db.hgetall(h.key(f"hooks:endpoint:{ep}"))


def test_fresh_events_are_served_while_an_older_one_waits_for_its_retry(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    h.finish(h.claim_one(), "retry", delay_ms=60_000)
    h.queue(ep, "e2")
    assert [c.event for c in h.claim()] == ["e2"]


def test_a_pause_keeps_the_whole_endpoint_waiting(h: Hooks) -> None:
    ep, other = h.endpoint("one"), h.endpoint("two")
    h.queue(ep, "e1", "e2")
    h.finish(h.claim_one(), "retry", delay_ms=1000, pause_ms=40_000)
    h.queue(ep, "e3")
    h.queue(other, "o1")
    assert [c.event for c in h.claim()] == ["o1"]
    assert 30_000 < h.reply[1] - h.reply[0] <= 40_001


def test_a_dead_delivery_stays_listed_without_its_body(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    h.finish(h.claim_one(), "dead", code="http_gone", status=410)
    assert (h.delivery("e1")["state"], h.delivery("e1")["reason"]) == ("dead", "http_gone")
    assert h.db.zrange(h.key(f"hooks:dead:{ep}"), 0, -1) == ["e1"]
    assert 86_400 < h.db.ttl(h.key("hooks:delivery:e1")) <= 604_800
    assert h.db.exists(h.key("hooks:body:e1")) == 0
    assert h.pending() == 0 and h.claim() == []


def test_the_list_of_the_dead_is_bounded(h: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "BOUNDS", (1000, 604_800_000, 1000, 3))
    ep = h.endpoint("one")
    for n in range(5):
        h.queue(ep, f"e{n}")
        h.finish(h.claim_one(), "dead")
    assert h.db.zrange(h.key(f"hooks:dead:{ep}"), 0, -1) == ["e2", "e3", "e4"]
    assert h.delivery("e0") == {} and h.delivery("e2")["state"] == "dead"


def test_a_fault_of_ours_counts_no_attempt(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    h.finish(h.claim_one(), "return", delay_ms=0)
    assert h.log(ep) == [] and h.delivery("e1")["state"] == "pending"
    assert "failures" not in h.db.hgetall(h.key(f"hooks:endpoint:{ep}"))
    assert h.claim_one().attempt == 1


def test_what_is_handed_back_keeps_its_endpoint_waiting_so_that_its_queue_is_not_gone_through_meanwhile(h: Hooks) -> None:
    ep, other = h.endpoint("one"), h.endpoint("two")
    h.queue(ep, *(f"e{n}" for n in range(6)))
    first, second = h.claim(count=2)
    h.finish(first, "return", delay_ms=40_000)
    h.finish(second, "delivered")
    h.queue(ep, "e6")
    h.queue(other, "o1")
    assert [c.event for c in h.claim()] == ["o1"], "neither what waited behind it, nor what came, nor a place that became free"
    assert 30_000 < h.reply[1] - h.reply[0] <= 40_001
    h.db.hset(h.key(f"hooks:endpoint:{ep}"), "held_until_ms", 1)
    h.queue(ep, "e7")
    assert [c.event for c in h.claim(count=2)] == ["e2", "e3"]


def test_an_unknown_verdict_is_refused(h: Hooks) -> None:
    h.queue(h.endpoint("one"), "e1")
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        h.finish(h.claim_one(), "perhaps")
    assert h.delivery("e1")["state"] == "in_flight"


# ---- reap ----


def test_an_expired_claim_is_sent_again_and_its_attempt_counts_as_unknown(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    claimed = h.claim_one()
    assert h.reap() == (0, 0), "not before its lease ends"
    h.expire(claimed)
    assert h.reap() == (1, 0)
    assert h.reap() == (0, 0)
    assert h.log(ep) == [("1", "unknown")]
    again = h.claim_one()
    assert (again.event, again.attempt, again.body) == ("e1", 2, "body of e1")


def test_a_delivery_that_never_reports_dies_when_its_attempts_are_used_up(h: Hooks) -> None:
    ep = h.endpoint("one")
    for event, kind, attempts in (("c1", "call.completed", CALL_ATTEMPTS), ("b1", "batch.completed", BATCH_ATTEMPTS)):
        h.queue(ep, event, kind=kind)
        for n in range(1, attempts + 1):
            claimed = h.claim_one()
            assert claimed.attempt == n
            h.expire(claimed)
            assert h.reap() == (1, 1 if n == attempts else 0)
        assert (h.delivery(event)["state"], h.delivery(event)["reason"]) == ("dead", "unknown")
    assert h.claim() == [] and h.pending() == 0


def test_a_late_success_takes_the_queued_duplicate_away(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    claimed = h.claim_one()
    h.expire(claimed)
    h.reap()
    assert h.finish(claimed, "delivered") == 2
    assert h.claim() == [] and h.pending() == 0
    assert h.delivery("e1")["state"] == "delivered"
    assert h.finish(claimed, "delivered") == 0


def test_a_late_success_wins_over_a_duplicate_that_is_being_sent(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    first = h.claim_one()
    h.expire(first)
    h.reap()
    second = h.claim_one()
    assert h.finish(first, "delivered") == 2
    assert h.finish(second, "retry", delay_ms=0) == 0
    assert h.claim() == [] and h.inflight() == 0 and h.pending() == 0
    assert h.log(ep) == [("1", "unknown"), ("1", "ok"), ("2", "http_status")]


def test_a_late_success_revives_what_was_given_up(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    for _ in range(CALL_ATTEMPTS):
        claimed = h.claim_one()
        h.expire(claimed)
        h.reap()
    assert h.delivery("e1")["state"] == "dead"
    assert h.finish(claimed, "delivered") == 2
    assert h.delivery("e1")["state"] == "delivered" and "reason" not in h.delivery("e1")
    assert h.db.zcard(h.key(f"hooks:dead:{ep}")) == 0 and h.pending() == 0


def test_a_late_failure_is_noted_and_changes_nothing(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    claimed = h.claim_one()
    h.expire(claimed)
    h.reap()
    assert h.finish(claimed, "dead", code="http_gone") == 0
    assert h.log(ep) == [("1", "unknown"), ("1", "http_gone")]
    assert h.delivery("e1")["state"] == "retrying" and h.claim_one().attempt == 2


def test_reaping_is_bounded(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, *[f"e{n}" for n in range(6)])
    for claimed in h.claim():
        h.expire(claimed)
    assert h.reap(limit=4) == (4, 0)
    assert h.reap(limit=4) == (2, 0)
