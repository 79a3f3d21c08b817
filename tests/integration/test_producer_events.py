# SPDX-License-Identifier: Apache-2.0
"""A batch as it goes on, as server-sent events: what listeners are told, that they cost Redis nothing each, and where the
bounds are."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.engine import Fleet
from tests.support.event_stream import Listeners, Stream
from tests.support.producer_api import Api, numbers
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

LATER_MS = 3_600_000  # a start that lies ahead: nothing happens by itself


@pytest.fixture
def listeners(api: Api) -> Iterator[Listeners]:
    with Listeners(api.process.port) as listening:
        yield listening


def path(batch: str) -> str:
    return f"/api/v1/batch/{batch}/events"


def control(api: Api, key: str, batch: str, verb: str) -> None:
    answer = api.post(f"/api/v1/batch/{batch}/{verb}", key=key)
    assert answer.status == 200, answer


def listen(listeners: Listeners, batch: str, key: str, **more: Any) -> Stream:
    """A stream that has its first status."""
    stream = listeners.open(path(batch), key, **more)
    listeners.wait(lambda: stream.events, what="the first event")
    return stream


def told(api: Api, key: str, batch: str) -> dict[str, Any]:
    return dict(api.get(f"/api/v1/batch/{batch}", key).json())


def without_time(status: dict[str, Any]) -> dict[str, Any]:
    return {**status, "performance": None}


def commands(api: Api) -> int:
    """What Redis has done so far, but for what tests ask it."""
    return sum(int(entry["calls"]) for name, entry in api.client.info("commandstats").items() if name != "cmdstat_info")


def metric(api: Api, name: str) -> int:
    found = re.search(rf"^{name} (\d+)$", api.get("/metrics").body.decode(), re.M)
    assert found, name
    return int(found[1])


# ---- what is told ----


def test_the_first_event_is_the_whole_status(api: Api, acme: str, listeners: Listeners) -> None:
    batch = api.create(acme, numbers(3), tags=["spring"])
    stream = listen(listeners, batch, acme)
    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
    assert (stream.headers["cache-control"], stream.headers["x-accel-buffering"]) == ("no-store", "no")
    event = stream.events[0]
    assert (event.name, without_time(event.json())) == ("status", without_time(told(api, acme, batch)))
    assert re.fullmatch("[0-9a-f]{16}", event.id) and stream.retries == [2000]


def test_every_change_that_is_asked_for_is_told_in_its_order(api: Api, acme: str, listeners: Listeners) -> None:
    batch = api.create(acme, numbers(3))
    stream = listen(listeners, batch, acme)
    for verb in ("pause", "resume") * 10:
        control(api, acme, batch, verb)
    listeners.wait(lambda: len(stream.events) >= 21, what="all changes")
    assert stream.statuses() == ["pending", *("paused", "pending") * 10]
    assert len({event.id for event in stream.events}) > 10


def test_a_change_that_came_another_way_is_told_too(api: Api, acme: str, listeners: Listeners) -> None:
    batch = api.create(acme, numbers(3))
    stream = listen(listeners, batch, acme)
    api.engine.control(batch, "acme", "pause")
    listeners.wait(lambda: len(stream.events) >= 2, what="the pause")
    api.client.hset(api.engine.key(f"batch:{batch}"), "priority", 9)
    listeners.wait(lambda: len(stream.events) >= 3, what="the priority")
    assert [event.json()["status"] for event in stream.events] == ["pending", "paused", "paused"]
    assert stream.events[-1].json()["priority"] == 9


def test_a_batch_is_followed_to_its_end(api: Api, acme: str, listeners: Listeners) -> None:
    batch = api.create(acme, api.fresh_numbers(40), maxCallsPerSecond=30)
    stream = listen(listeners, batch, acme)
    fleet = Fleet(api.engine, talk_s=0.1)

    def is_over() -> bool:
        listeners.pump(0)
        return stream.is_ended

    fleet.run(30.0, until=is_over)
    listeners.wait(lambda: stream.is_closed, what="the end of the connection")
    *statuses, end = stream.events
    processed = [event.json()["statistics"]["processed"] for event in statuses]
    assert processed == sorted(processed) and processed[0] == 0 and processed[-1] == 40
    assert statuses[-1].json() == told(api, acme, batch)
    assert (end.name, end.id) == ("end", statuses[-1].id + "-end")
    assert end.json() == {"batchId": batch, "status": "completed"}


def test_quiet_streams_get_comments() -> None:
    with RedisServer() as server, Api(server, "--event-heartbeat-ms", "100") as api:
        api.trunk("main")
        key = api.tenant("acme")
        with Listeners(api.process.port) as listeners:
            stream = listen(listeners, api.create(key, numbers(1)), key)
            listeners.wait(lambda: len(stream.comments) >= 2, what="two comments")
            assert set(stream.comments) == {"still here"} and len(stream.events) == 1


# ---- coming back ----


def test_whoever_comes_back_is_told_what_it_does_not_know(api: Api, acme: str, listeners: Listeners) -> None:
    batch = api.create(acme, numbers(3))
    first = listen(listeners, batch, acme)
    seen = first.events[-1].id
    for others in (True, False):  # also where nobody has listened meanwhile
        if not others:
            listeners.close(first)
            wait_until(lambda: metric(api, "carillon_event_listeners") == 0, what="it left")
        again = listeners.open(path(batch), acme, {"Last-Event-ID": seen})
        listeners.wait(lambda: again.retries, what="the stream")
        control(api, acme, batch, "pause")
        listeners.wait(lambda: again.events, what="the change")
        assert again.statuses() == ["paused"]
        control(api, acme, batch, "resume")
        listeners.wait(lambda: len(again.events) == 2, what="the other change")
        assert listen(listeners, batch, acme, headers={"Last-Event-ID": seen}).statuses() == ["pending"]
        assert listen(listeners, batch, acme, headers={"Last-Event-ID": "0" * 16}).statuses() == ["pending"]
        seen = again.events[-1].id
        listeners.close(again)
        for stream in list(listeners.streams)[1:]:
            listeners.close(stream)


def test_a_batch_that_has_ended_says_so_once(api: Api, acme: str, listeners: Listeners) -> None:
    batch = api.create(acme, numbers(3))
    control(api, acme, batch, "cancel")
    ids: list[str] = []
    for headers, names in (({}, ["status", "end"]), ({"Last-Event-ID": "status"}, ["end"]), ({"Last-Event-ID": "end"}, [])):
        given = {name: dict(zip(("status", "end"), ids))[value] for name, value in headers.items()}
        stream = listeners.open(path(batch), acme, given)
        if names:
            listeners.wait(lambda: stream.is_closed, what="the end")
            assert [event.name for event in stream.events] == names
            ids = ids or [event.id for event in stream.events]
        else:
            listeners.wait(lambda: stream.status, what="the answer")
            assert stream.status == 204  # which tells an EventSource to come no more


# ---- many ----


def test_five_hundred_listeners_each_see_every_change(api: Api, acme: str, listeners: Listeners) -> None:
    batches = [api.create(acme, numbers(3)) for _ in range(4)]
    streams = {batch: [listeners.open(path(batch), acme) for _ in range(128)] for batch in batches}
    everyone = [stream for some in streams.values() for stream in some]
    listeners.wait(lambda: all(stream.events for stream in everyone), what="everyone's first event")
    assert metric(api, "carillon_event_listeners") == 512 and metric(api, "carillon_event_batches") == 4
    for _ in range(5):
        for verb in ("pause", "resume"):
            for batch in batches:
                control(api, acme, batch, verb)
    for batch in batches[:2]:
        control(api, acme, batch, "cancel")
    Fleet(api.engine).run(30.0, until=lambda: all(api.batch(batch)["state"] == "completed" for batch in batches[2:]))
    listeners.wait(lambda: all(stream.is_closed for stream in everyone), what="the end of all batches")
    expected = ["pending", *("paused", "pending") * 5]
    for batch, some in streams.items():
        end = "cancelled" if batch in batches[:2] else "completed"
        for stream in some:
            statuses = stream.statuses()
            assert statuses[:11] == expected and statuses[-1] == end
            assert stream.events[-1].json() == {"batchId": batch, "status": end}
            assert stream.events[-2].json()["statistics"]["processed"] == 3
    assert metric(api, "carillon_event_listeners") == 0 and metric(api, "carillon_event_batches") == 0


def test_listeners_cost_redis_nothing_each(api: Api, acme: str, listeners: Listeners) -> None:
    batch = api.engine.batch("acme", "main", contacts=3, start_in_ms=LATER_MS)
    streams = [listen(listeners, batch, acme)]
    for count in (1, 300):
        streams += [listeners.open(path(batch), acme) for _ in range(count - len(streams))]
        listeners.wait(lambda: all(stream.events for stream in streams), what="everyone's first event")
        before, began = commands(api), time.monotonic()
        for priority in range(1, 5):
            api.client.hset(api.engine.key(f"batch:{batch}"), "priority", priority)
            listeners.wait(lambda: all(stream.events[-1].json()["priority"] == priority for stream in streams), what="the change")
        elapsed_s = time.monotonic() - began
        # A glance every half second at most, a look of up to eight commands for each change, the key every two seconds; and every
        # ten seconds eight that say that the producer is there.
        most = math.ceil(elapsed_s / 0.5) + 1 + 4 * (8 + 1) + 2 * (math.ceil(elapsed_s / 2) + 1) + 8 * (math.ceil(elapsed_s / 10) + 1)
        assert commands(api) - before <= most, (count, elapsed_s)


def test_a_listener_that_is_slow_gets_the_newest_and_the_others_all(api: Api, acme: str, listeners: Listeners) -> None:
    url = "https://example.com/" + "x" * 1900
    batch = api.create(acme, numbers(1), webhooks={name: url for name in ("onBatchComplete", "onCallComplete", "onBatchFailed")},
                       tags=[f"{i:064}" for i in range(32)])
    slow = listen(listeners, batch, acme, receive_bytes=4096)
    quick = listen(listeners, batch, acme)
    listeners.deafen(slow)
    changes = 0
    while metric(api, "carillon_events_skipped_total") == 0:
        for verb in ("pause", "resume") * 20:
            control(api, acme, batch, verb)
            listeners.pump(0)
        changes += 40
        assert changes < 10_000
    control(api, acme, batch, "cancel")
    listeners.wait(lambda: quick.is_closed, what="the end")
    assert quick.statuses() == ["pending", *("paused", "pending") * (changes // 2), "cancelled"]
    listeners.undeafen(slow)
    listeners.wait(lambda: slow.is_closed, what="the end for the slow one")
    statuses = slow.statuses()
    assert len(statuses) < len(quick.statuses()) and statuses[-1] == "cancelled"
    assert slow.events[-1].name == "end" and len(slow.events) == len(statuses) + 1


# ---- who may listen, and how many ----


def test_who_may_listen(api: Api, acme: str, listeners: Listeners) -> None:
    batch = api.create(acme, numbers(1))
    assert listen(listeners, batch, api.key("acme", "viewer")).statuses() == ["pending"]
    for key, status, code in ((api.tenant("stranger"), 404, "BATCH_NOT_FOUND"), (api.key("", "operator"), 403, "FORBIDDEN"),
                              ("crl_no", 401, "UNAUTHORIZED")):
        answer = api.get(path(batch), key)
        assert (answer.status, answer.code) == (status, code)
    assert api.get(path("batch_c0_00000000000000000000"), acme).status == 404
    assert api.get(path(batch) + "?limit=3", acme).field_errors == {"limit": ["is not an argument of this route"]}
    head = api.request("HEAD", path(batch), key=acme)
    assert (head.status, head.body) == (200, b"")


def test_the_stream_of_a_revoked_key_ends(api: Api, acme: str, listeners: Listeners) -> None:
    batch = api.create(acme, numbers(1))
    key = api.key("acme")
    revoked, other = listen(listeners, batch, key), listen(listeners, batch, acme)
    api.client.delete(api.key_name(key))
    listeners.wait(lambda: revoked.is_closed, what="the end of its stream")
    assert revoked.comments == ["the key no longer opens this"] and not other.is_closed
    assert api.get(path(batch), key).status == 401


def test_a_batch_that_is_gone_ends_its_streams(api: Api, acme: str, listeners: Listeners) -> None:
    batch = api.engine.batch("acme", "main", contacts=1, start_in_ms=LATER_MS)
    stream = listen(listeners, batch, acme)
    api.client.rename(api.engine.key(f"batch:{batch}"), "away")
    listeners.wait(lambda: stream.is_closed, what="the end")
    api.client.rename("away", api.engine.key(f"batch:{batch}"))
    assert stream.comments == ["there is no such batch any more"]


def test_places_are_bounded_by_key_by_tenant_and_in_all() -> None:
    with RedisServer() as server, Api(server, "--max-event-listeners", "6") as api:
        api.trunk("main")
        acme, other, globex = api.tenant("acme"), api.key("acme", "viewer"), api.tenant("globex")
        batch, theirs = api.create(acme, numbers(1)), api.create(globex, numbers(1))
        with Listeners(api.process.port) as listeners:
            for _ in range(4):
                listen(listeners, batch, acme)
            answer = api.get(path(batch), acme)
            assert (answer.status, answer.code) == (429, "TOO_MANY_LISTENERS") and "key" in answer.json()["message"]
            listen(listeners, batch, other)
            answer = api.get(path(batch), other)
            assert (answer.status, answer.code) == (429, "TOO_MANY_LISTENERS") and "tenant" in answer.json()["message"]
            assert answer.headers["retry-after"]
            last = listen(listeners, theirs, globex)
            answer = api.get(path(theirs), globex)
            assert (answer.status, answer.code) == (503, "BUSY") and answer.headers["retry-after"]
            listeners.close(last)
            wait_until(lambda: metric(api, "carillon_event_listeners") == 5, what="it left")
            assert listen(listeners, theirs, globex).statuses() == ["pending"]


# ---- when things go away ----


def test_a_server_that_drains_says_when_to_come_again() -> None:
    with RedisServer() as server, Api(server) as api:
        api.trunk("main")
        key = api.tenant("acme")
        batch = api.create(key, numbers(1))
        with Listeners(api.process.port) as listeners:
            streams = [listeners.open(path(batch), key) for _ in range(50)]
            listeners.wait(lambda: all(stream.events for stream in streams), what="the first events")
            os.kill(api.process.pid, signal.SIGTERM)
            listeners.wait(lambda: all(stream.is_closed for stream in streams), what="the end of all streams")
            assert api.process.wait() == 0
            for stream in streams:
                assert stream.is_ended and stream.comments[-1].startswith("this server goes down")
                assert 1000 <= stream.retries[-1] < 4000
            assert len({stream.retries[-1] for stream in streams}) > 10


def test_a_listener_that_takes_nothing_does_not_hold_up_the_end_of_the_server() -> None:
    with RedisServer() as server, Api(server) as api:
        api.trunk("main")
        key = api.tenant("acme")
        batch = api.create(key, numbers(1), tags=[f"{i:064}" for i in range(32)])
        with Listeners(api.process.port) as listeners:
            deaf = listen(listeners, batch, key, receive_bytes=4096)
            listeners.deafen(deaf)
            while metric(api, "carillon_events_skipped_total") == 0:
                for verb in ("pause", "resume") * 20:
                    control(api, key, batch, verb)
            os.kill(api.process.pid, signal.SIGTERM)
            assert api.process.wait() == 0, "1 tells of requests that were cut at the end of the drain"
            listeners.undeafen(deaf)


def test_streams_outlive_redis() -> None:
    with RedisServer(appendonly=True) as server, Api(server) as api:
        api.trunk("main")
        key = api.tenant("acme")
        batch = api.create(key, numbers(1))
        with Listeners(api.process.port) as listeners:
            streams = [listen(listeners, batch, key) for _ in range(3)]
            server.kill()
            listeners.wait(lambda: all(stream.comments for stream in streams), what="a comment")
            server.start()
            listeners.wait(lambda: all(len(stream.comments) >= 2 for stream in streams), what="another comment")
            control(api, key, batch, "pause")
            listeners.wait(lambda: all(stream.statuses()[-1] == "paused" for stream in streams), what="the pause")
            for stream in streams:
                assert stream.comments[:2] == ["the batch cannot be read now; the stream goes on when it can",
                                               "the batch can be read again"]
                assert json.loads(stream.events[0].data)["batchId"] == batch and not stream.is_closed
