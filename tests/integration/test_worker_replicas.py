# SPDX-License-Identifier: Apache-2.0
"""A worker that lets replicas of Redis have a begin before it places the call (--redis-wait-replicas): what a replica has not
got rings nobody, and where none can be had nothing is dialed and everybody can see why."""

from __future__ import annotations

import contextlib
import pathlib
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.support.fleet import Fleet
from tests.support.platform import Platform
from tests.support.processes import Process
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_sentinels import AT_ONCE
from tests.support.redis_server import RedisServer
from tests.support.redis_tls import free_port
from tests.support.redis_users import Users
from tests.support.waiting import wait_until

WAITS = ("--redis-wait-replicas", "1", "--redis-wait-ms", "200")
MISSING = "carillon_redis_replicas_missing"
WAITED = "carillon_redis_wait_seconds_count"


class Replica:
    """That of a fleet's Redis."""

    def __init__(self, primary: RedisServer) -> None:
        self._primary = primary
        self.server = RedisServer(args=(*AT_ONCE, "--replicaof", f"127.0.0.1 {primary.port}"), users=Users.for_tests())

    def wait_in_step(self) -> None:
        """Its link is up, and the primary has heard so."""
        wait_until(lambda: self._primary.client().execute_command("WAIT", 1, 1000) == 1, 20.0, "the replica is in step")

    def cut_off(self) -> None:
        self.server.client().replicaof("127.0.0.1", "1")

    def join(self) -> None:
        self.server.client().replicaof("127.0.0.1", str(self._primary.port))


@pytest.fixture
def pair(platform: Platform, tmp_path: pathlib.Path) -> Iterator[tuple[Fleet, Replica]]:
    """A fleet whose Redis has one replica, which is in step."""
    with RedisServer(port=free_port(), args=AT_ONCE, users=Users.for_tests()) as primary:
        replica = Replica(primary)
        with replica.server:
            made = Fleet(primary, tmp_path)
            made.trunk(platform.url)
            replica.wait_in_step()
            yield made, replica
            made.close()


def why_not_ready(worker: Process) -> str:
    try:
        with urllib.request.urlopen(worker.url + "/readyz", timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            return error.read().decode()


def taken_back(worker: Process) -> set[tuple[str, str]]:
    return {(line["verdict"], line["reason"]) for line in worker.log_events("dial.verdict")}


def hang_up_all(fleet: Fleet, platform: Platform, batch: str, worker: Process, calls: int) -> None:
    for create in platform.wait_creates(calls, 20):
        platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": calls}
    platform.assert_each_dial_was_sent_once()


def test_calls_are_placed_when_a_replica_has_their_begins_with_one_question_for_many(
    pair: tuple[Fleet, Replica], platform: Platform
) -> None:
    fleet, _ = pair
    fleet.trunk(platform.url, cps=1000)
    batch = fleet.batch(60, cps=1000)
    worker = fleet.worker(*WAITS)
    hang_up_all(fleet, platform, batch, worker, 60)
    waits = fleet.metric(worker, WAITED)
    assert 1 < waits < 60, waits
    assert fleet.counters(batch)["attempts"] == 60


def test_without_the_option_nobody_is_asked(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batch = fleet.batch()
    hang_up_all(fleet, platform, batch, worker, 1)
    assert fleet.metric(worker, WAITED) == 0
    assert "cmdstat_wait" not in fleet.client.info("commandstats")


def test_what_a_hanging_replica_has_not_got_is_not_placed_but_taken_back(
    pair: tuple[Fleet, Replica], platform: Platform
) -> None:
    fleet, replica = pair
    worker = fleet.worker(*WAITS)
    before = len(worker.log_events("replicas.short"))
    replica.server.stop_running()
    batch = fleet.batch(3)
    wait_until(lambda: len(worker.log_events("replicas.short")) > before, what="it is known")
    wait_until(lambda: fleet.counters(batch)["due"] == 3, what="what was begun is taken back")
    assert taken_back(worker) == {("NOT_SENT", "replicas")}
    dials = int(fleet.engine().hash(f"batch:{batch}")["dials"])
    assert fleet.counters(batch)["attempts"] == 0, "an attempt was charged"

    due_again = fleet.engine().now_ms() + 2000
    wait_until(lambda: fleet.engine().now_ms() > due_again, what="they are due again")
    assert int(fleet.engine().hash(f"batch:{batch}")["dials"]) == dials, "calls are claimed that cannot be placed"
    assert platform.count_creates() == 0
    assert "0 of the 1 replicas of Redis" in why_not_ready(worker)
    assert fleet.metric(worker, MISSING) == 1 and fleet.metric(worker, "carillon_redis_waits_short_total") > 1
    assert len(worker.log_events("replicas.short")) == before + 1, "told again and again"

    replica.server.continue_running()
    wait_until(lambda: len(worker.log_events("replicas.enough")) > before, what="it has come back")
    hang_up_all(fleet, platform, batch, worker, 3)
    assert fleet.counters(batch)["attempts"] == 3
    assert why_not_ready(worker) == "" and fleet.metric(worker, MISSING) == 0


def test_a_worker_that_finds_no_replica_claims_nothing_until_there_is_one(
    pair: tuple[Fleet, Replica], platform: Platform
) -> None:
    fleet, replica = pair
    replica.cut_off()
    batch = fleet.batch(2)
    worker = fleet.worker(*WAITS, wait=False)
    wait_until(lambda: worker.log_events("replicas.short"), 20.0, "it is known")
    worker.wait_ready()
    assert "--redis-wait-replicas" in why_not_ready(worker)
    assert fleet.engine().hash(f"batch:{batch}").get("dials", "0") == "0" and platform.count_creates() == 0
    replica.join()
    hang_up_all(fleet, platform, batch, worker, 2)


def test_more_replicas_than_there_are_is_never_enough(pair: tuple[Fleet, Replica], platform: Platform) -> None:
    fleet, _ = pair
    fleet.batch(2)
    worker = fleet.worker("--redis-wait-replicas", "2", wait=False)
    worker.wait_ready()
    wait_until(lambda: "1 of the 2 replicas of Redis" in why_not_ready(worker), 20.0, "it says so")
    assert platform.count_creates() == 0


@pytest.mark.parametrize("is_heard", [True, False])
def test_a_begun_dial_whose_replicas_were_not_heard_of_is_taken_back(
    pair: tuple[Fleet, Replica], platform: Platform, is_heard: bool
) -> None:
    """The line dies between the begin and what WAIT says."""
    fleet, _ = pair
    with RedisProxy(fleet.redis) as proxy:
        worker = fleet.worker(*WAITS, redis_url=proxy.url)
        proxy.cut_at(b"\r\nWAIT\r\n", forward=is_heard)
        batch = fleet.batch()
        assert proxy.was_cut.wait(10)
        wait_until(lambda: taken_back(worker) == {("NOT_SENT", "redis_away")}, what="it is taken back")
        assert fleet.state(batch)["phase"] == "live" and platform.count_creates() == 0
        proxy.up()
        create = platform.wait_creates(1)[0]
        assert create.dial == 2 and fleet.counters(batch)["attempts"] == 1
        platform.hang_up(create.call_id, worker.url)
        assert fleet.wait_final(batch) == {"COMPLETED": 1}
        worker.terminate()


def test_who_may_not_ask_says_so(pair: tuple[Fleet, Replica], platform: Platform) -> None:
    """An old file of users: Redis refuses WAIT itself."""
    fleet, _ = pair
    fleet.client.execute_command("ACL", "SETUSER", "carillon-worker", "-wait")
    fleet.batch()
    worker = fleet.worker(*WAITS, wait=False)
    wait_until(lambda: worker.log_events("replicas.short"), 20.0, "it is known")
    worker.wait_ready()
    assert "NOPERM" in why_not_ready(worker) and platform.count_creates() == 0
