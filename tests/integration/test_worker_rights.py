# SPDX-License-Identifier: Apache-2.0
"""A right that the worker's user of Redis lacks is no call's fault (docs/failure-model.md): nobody is given up for it."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.support.fleet import Fleet
from tests.support.platform import Platform
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
