# SPDX-License-Identifier: Apache-2.0
"""Fixtures that every tier shares."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tests.support.engine import Engine  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402
from tests.support.redis_users import Users  # noqa: E402


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    """Its processes sign in as the users of deploy/users.acl, which must refuse none of them anything."""
    with RedisServer(users=Users.for_tests()) as server:
        yield server
        assert server.denials() == []


@pytest.fixture
def engine(redis_server: RedisServer) -> Engine:
    """The engine's scripts on an empty Redis."""
    client = redis_server.client()
    client.flushall()
    return Engine(client)
