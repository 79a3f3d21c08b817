# SPDX-License-Identifier: Apache-2.0
"""A right that the worker's user of Redis lacks is no call's fault (docs/failure-model.md): nobody is given up for it."""

from __future__ import annotations

import dataclasses
import pathlib
import threading
from collections.abc import Iterator

import pytest

from tests.support.engine import contact_record, part
from tests.support.fleet import Fleet
from tests.support.http_receiver import Answer, Received
from tests.support.platform import Platform, answer_json, refuse
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.waiting import wait_until

STRIKES = 3  # of call_strike: so often a call is tried that is at fault itself
ASKED_FOR = ("zmscore", "lindex")  # by call_begin: before it looks at single calls, and for one of them


@pytest.fixture
def fleet(platform: Platform, tmp_path: pathlib.Path) -> Iterator[Fleet]:
    """On a Redis of its own, whose users the test changes."""
    with RedisServer(users=Users.for_tests()) as server:
        made = Fleet(server, tmp_path)
        made.trunk(platform.url)
        yield made
        made.close()


@pytest.mark.parametrize("right", ASKED_FOR)
def test_calls_that_may_not_be_begun_for_want_of_a_right_are_called_once_it_is_there(
    fleet: Fleet, platform: Platform, right: str
) -> None:
    fleet.client.execute_command("ACL", "SETUSER", "carillon-worker", f"-{right}")
    batch = fleet.batch(2)
    worker = fleet.worker()
    wait_until(lambda: len(worker.log_events("dial.refused_by_script")) > 2 * STRIKES, 30.0, "each call was tried again and again")
    assert fleet.redis.denials()[0].startswith(f"carillon-worker: command {right}")
    assert worker.log_events("redis.not_permitted")[0]["user"] == "carillon-worker"
    assert platform.count_creates() == 0
    fleet.client.execute_command("ACL", "SETUSER", "carillon-worker", f"+{right}")
    for create in platform.wait_creates(2):
        assert platform.hang_up(create.call_id, worker.url)[0] == 200
    assert fleet.wait_final(batch) == {"COMPLETED": 2}
    assert platform.count_creates() == 2


def answered_when_no_right_is_there(fleet: Fleet, platform: Platform, answer: Answer) -> str:
    """A batch whose call was begun, and whose create request was answered when the worker may write no more."""
    may_answer = threading.Event()

    def hold(request: Received) -> Answer:
        platform.on_create = lambda request: None
        return dataclasses.replace(answer, after=may_answer)

    platform.on_create = hold
    worker = fleet.worker()
    batch = fleet.batch()
    wait_until(lambda: fleet.state(batch).get("phase") == "live", what="it is begun")
    fleet.client.execute_command("ACL", "SETUSER", "carillon-worker", "-zadd")
    may_answer.set()
    wait_until(lambda: worker.log_events("redis.not_permitted"), what="Redis refused what came of it")
    fleet.client.execute_command("ACL", "SETUSER", "carillon-worker", "+zadd")
    return batch


def test_what_a_platform_took_is_recorded_once_the_right_to_do_so_is_there(fleet: Fleet, platform: Platform) -> None:
    batch = answered_when_no_right_is_there(fleet, platform, answer_json(201, {"call_id": "call_of_theirs", "call_status": "registered"}))
    fleet.wait_state(batch, phase="live", p="call_of_theirs")
    assert platform.count_creates() == 1


def test_what_a_platform_put_off_is_dialed_once_the_right_to_say_so_is_there(fleet: Fleet, platform: Platform) -> None:
    batch = answered_when_no_right_is_there(fleet, platform, refuse(429, {"Retry-After": "1"}))
    create = platform.wait_creates(2)[1]
    assert create.dial == 2 and fleet.counters(batch)["attempts"] == 1
    platform.hang_up(create.call_id, fleet.workers[0].url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_an_outcome_that_may_not_be_written_is_asked_for_again(fleet: Fleet, platform: Platform) -> None:
    """Answered 200, it would never be heard again."""
    worker = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    fleet.wait_state(batch, phase="live", p=create.call_id)
    fleet.client.execute_command("ACL", "SETUSER", "carillon-worker", "-zmscore")
    assert platform.hang_up(create.call_id, worker.url) == (503, {"status": "unavailable"})
    fleet.client.execute_command("ACL", "SETUSER", "carillon-worker", "+zmscore")
    assert platform.callback("call_analyzed", create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_contact_whose_metadata_may_not_be_read_is_called_once_the_right_is_there(fleet: Fleet, platform: Platform) -> None:
    engine = fleet.engine()
    batch = fleet.batch(1, seal=False)
    metadata_is_elsewhere = b"\x40\x01"
    record = contact_record(engine.numbers(1)[0]) + metadata_is_elsewhere
    engine.scripts.run("batch_ingest", batch, 2, "digest", *part([(record, "", "{}")]))
    all_but_metadata = [engine.key(name) for name in ("", "[^b]*", "be*", f"batch:{batch}", f"batch:{batch}:[^e]*")]
    worker = fleet.worker()
    fleet.client.execute_command("ACL", "SETUSER", "carillon-worker", "resetkeys", *("~" + key for key in all_but_metadata))
    engine.seal(batch, 2)
    wait_until(lambda: len(worker.log_events("dial.unreadable")) > STRIKES, 30.0, "it was tried again and again")
    fleet.client.execute_command("ACL", "SETUSER", "carillon-worker", "allkeys")
    for create in platform.wait_creates(2):
        platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 2}
