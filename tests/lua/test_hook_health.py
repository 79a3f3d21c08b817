# SPDX-License-Identifier: Apache-2.0
"""How an endpoint is treated after what it did: how many requests it gets at once, in which ring it stands, when it is left
alone, told of, and given up."""

from __future__ import annotations

import pytest
import redis

from tests.lua.test_hook_deliver import SLOW, Claimed, Hooks
from tests.support import hooks
from tests.support.scripts import Scripts

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def h(db: redis.Redis, scripts: Scripts) -> Hooks:
    return Hooks(db, scripts)


def known(h: Hooks, endpoint: str) -> dict[str, str]:
    return h.db.hgetall(h.key(f"hooks:endpoint:{endpoint}"))


def ring(h: Hooks, name: str) -> list[str]:
    return h.db.zrange(h.key(f"hooks:{name}:{h.shard}"), 0, -1)


def fail(h: Hooks, claimed: Claimed, code: str = "timeout", **options: int) -> str:
    h.finish(claimed, "retry", code, **{"delay_ms": 0, **options})
    return str(h.finished[2])


def end_pause(h: Hooks, endpoint: str) -> None:
    """What the endpoint was left alone for has passed: it is due."""
    if "open_until_ms" in known(h, endpoint):
        h.db.hset(h.key(f"hooks:endpoint:{endpoint}"), "open_until_ms", 1)
    for name in ("ring", "slow"):
        h.db.zadd(h.key(f"hooks:{name}:{h.shard}"), {endpoint: 1}, xx=True)


def fail_times(h: Hooks, endpoint: str, times: int, **options: int) -> str:
    word = ""
    for _ in range(times):
        end_pause(h, endpoint)
        word = fail(h, h.claim_one(), **options)
    return word


# ---- room ----


def test_a_new_endpoint_gets_two_at_once_and_one_more_after_as_many_successes(h: Hooks) -> None:
    ep = h.endpoint("new", None)
    h.queue(ep, *[f"e{n:02}" for n in range(60)])
    rooms = []
    for _ in range(9):
        claimed = h.claim()
        rooms.append(len(claimed))
        for c in claimed:
            h.finish(c, "delivered")
    assert rooms == [2, 3, 4, 5, 6, 7, 8, 8, 8]


def test_a_failure_halves_it_down_to_one(h: Hooks) -> None:
    ep = h.endpoint("one", 8)
    h.queue(ep, *[f"e{n}" for n in range(20)])
    first = h.claim()
    assert len(first) == 8
    rooms = []
    for c in first[:4]:
        fail(h, c, delay_ms=60_000)
        rooms.append(int(known(h, ep)["room"]))
    assert rooms == [4, 2, 1, 1]


# ---- the two rings ----


def test_who_fails_stands_in_the_slow_ring_until_a_success(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1", "e2")
    assert (ring(h, "ring"), ring(h, "slow")) == ([ep], [])
    fail(h, h.claim_one())
    assert (ring(h, "ring"), ring(h, "slow")) == ([], [ep])
    h.finish(h.claim_one(), "delivered")
    assert (ring(h, "ring"), ring(h, "slow")) == ([ep], [])


def test_who_takes_seconds_stands_there_too(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1", "e2", "e3")
    h.finish(h.claim_one(), "delivered", took_ms=2500)
    assert ring(h, "slow") == [ep]
    h.finish(h.claim_one(), "delivered", took_ms=100)
    assert int(known(h, ep)["latency_ms"]) == 2200
    h.finish(h.claim_one(), "delivered", took_ms=100)
    assert int(known(h, ep)["latency_ms"]) == 1938
    h.queue(ep, "e4")
    assert (ring(h, "ring"), ring(h, "slow")) == ([ep], [])


def test_slow_endpoints_have_their_own_places_however_many_they_are(h: Hooks) -> None:
    slow = [h.endpoint(f"slow{n}") for n in range(70)]
    for n, ep in enumerate(slow):
        h.db.hset(h.key(f"hooks:endpoint:{ep}"), "failures", 1)
        h.queue(ep, f"s{n}")
    well = h.endpoint("well")
    h.queue(well, "w1")
    claimed = h.claim(slow=5)
    assert claimed[0].event == "w1" and len(claimed) == 6
    assert [row[4] for row in h.reply[4]] == [0, 1, 1, 1, 1, 1]
    assert h.reply[2] == 1, "others of them are due and had no place"
    assert h.claim(slow=0) == []
    assert h.reply[1] == -1, "what has no place does not keep the notifier busy"
    assert h.reply[2] == 1
    assert len(h.claim(slow=SLOW)) == SLOW


# ---- left alone ----


def test_five_failures_in_a_row_leave_it_alone_and_each_further_one_for_twice_as_long(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    fail_times(h, ep, 4)
    assert "open_until_ms" not in known(h, ep)
    waits = []
    for _ in range(10):
        fail_times(h, ep, 1)
        now_ms = h.db.time()[0] * 1000
        waits.append((int(known(h, ep)["open_until_ms"]) - now_ms) / 1000)
        end = h.claim()
        assert end == [], "nothing is tried while it is left alone"
    for wait, whole in zip(waits, [10, 20, 40, 80, 160, 320, 640, 900, 900, 900]):
        assert 0.8 * whole - 2 <= wait <= 1.2 * whole + 2, waits


def test_then_one_attempt_decides(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, *[f"e{n}" for n in range(9)])
    fail_times(h, ep, 5)
    end_pause(h, ep)
    (probe,) = h.claim()
    end_pause(h, ep)
    assert h.claim(busy={ep: 1}) == [], "one at a time"
    h.finish(probe, "delivered")
    state = known(h, ep)
    assert not {"failures", "failing_since_ms", "opened", "open_until_ms"} & set(state)
    assert ring(h, "ring") == [ep]


def test_attempts_that_fail_together_leave_it_alone_once(h: Hooks) -> None:
    ep = h.endpoint("one", 8)
    h.queue(ep, *[f"e{n}" for n in range(8)])
    for c in h.claim():
        fail(h, c)
    assert known(h, ep)["opened"] == "1"


def test_attempts_are_not_used_up_while_it_is_left_alone_and_only_calls_grow_too_old(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    fail_times(h, ep, 5)
    h.queue(ep, "old1", "old2")
    h.queue(ep, "batch", kind="batch.completed")
    h.queue(ep, "young")
    long_ago = h.db.time()[0] * 1000 - 31 * HOUR_MS
    h.db.zadd(h.key(f"hooks:queue:{ep}"), {"old1": long_ago, "old2": long_ago, "batch": long_ago})
    end_pause(h, ep)
    assert [c.event for c in h.claim()] == ["batch"]
    assert h.reply[3] == 2
    assert [h.delivery(event).get("reason") for event in ("old1", "old2", "young")] == ["too_old", "too_old", None]
    assert h.delivery("young")["attempts"] == "0"


def test_all_that_has_grown_too_old_is_given_up_before_the_next_attempt(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    fail_times(h, ep, 5)
    batches, old = [f"b{n}" for n in range(20)], [f"old{n:03}" for n in range(150)]
    h.queue(ep, *batches, kind="batch.completed")
    h.queue(ep, *old)
    h.queue(ep, "young")
    long_ago = h.db.time()[0] * 1000 - 31 * HOUR_MS
    h.db.zadd(h.key(f"hooks:queue:{ep}"), {event: long_ago + n for n, event in enumerate(batches + old)})
    end_pause(h, ep)
    steps = [h.claim()]
    while not steps[-1] and len(steps) < 10:
        steps.append(h.claim())
    assert [c.event for c in steps[-1]] == ["b0"]
    assert set(h.queued(ep)) & {*old, *batches, "young"} == {*batches[1:], "young"}


# ---- told of, and given up ----


def failing_for(h: Hooks, endpoint: str, ms: int) -> None:
    h.db.hset(h.key(f"hooks:endpoint:{endpoint}"), "failing_since_ms", h.db.time()[0] * 1000 - ms)


def test_its_failing_is_told_after_a_day_and_after_four_and_its_recovery(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    words = [fail_times(h, ep, 1)]
    for days in (0.9, 1.1, 2, 4.1, 4.2):
        failing_for(h, ep, int(days * DAY_MS))
        words.append(fail_times(h, ep, 1))
    assert words == ["", "", "failing", "", "failing", ""]
    end_pause(h, ep)
    h.finish(h.claim_one(), "delivered")
    assert h.finished[2] == "recovered"
    h.queue(ep, "e2")
    assert fail_times(h, ep, 1) == ""


@pytest.mark.parametrize("failures, days, is_given_up", [(19, 6, True), (18, 6, False), (40, 4.9, False)])
def test_it_is_given_up_after_twenty_failures_in_five_days_without_a_success(
    h: Hooks, failures: int, days: float, is_given_up: bool
) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1")
    h.db.hset(h.key(f"hooks:endpoint:{ep}"), mapping={"failures": failures, "notice": 2})
    failing_for(h, ep, int(days * DAY_MS))
    word = fail_times(h, ep, 1)
    assert (word, known(h, ep)["status"]) == (("disabled", "disabled") if is_given_up else ("", "active"))


def test_gone_is_gone_at_once_and_what_waits_there_is_dead_in_steps(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, *[f"e{n:02}" for n in range(40)])
    for _ in range(6):
        end_pause(h, ep)
        h.finish(h.claim_one(), "retry", "timeout", delay_ms=HOUR_MS)
    end_pause(h, ep)
    h.finish(h.claim_one(), "dead", "endpoint_gone", status=410)
    state = known(h, ep)
    assert (h.finished[2], state["status"], state["reason"]) == ("disabled", "disabled", "gone")
    h.queue(ep, "later")
    assert h.delivery("later")["reason"] == "endpoint_disabled"
    given_up = []
    for _ in range(3):
        assert h.claim() == []
        given_up.append(h.reply[3])
    assert given_up == [16, 16, 7] and not h.queued(ep), "what waits for a later attempt too, and though it is left alone"
    assert h.pending() == 0 and ring(h, "slow") == ring(h, "ring") == []


# ---- what waits is bounded ----


def test_the_bytes_that_wait_for_an_endpoint_are_counted(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "e1", "e2", "e3")
    assert known(h, ep)["bytes"] == str(3 * len("body of e1"))
    h.finish(h.claim_one(), "delivered")
    h.finish(h.claim_one(), "dead")
    assert known(h, ep)["bytes"] == str(len("body of e1"))


def test_over_its_bytes_the_oldest_event_of_a_call_makes_room(h: Hooks) -> None:
    ep = h.endpoint("one")
    h.queue(ep, "b1", kind="batch.completed")
    h.queue(ep, "e1", "e2")
    item = (h.shard, "1-1", "deliver", "e3", ep, "call.completed", "https://x.example/h", "x" * 40)
    h.scripts.run("hook_expand", *hooks.BOUNDS, 100_000, 60, *item)
    assert (h.delivery("e1")["reason"], h.queued(ep)) == ("backlog", ["b1", "e2", "e3"])
