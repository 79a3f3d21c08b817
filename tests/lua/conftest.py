# SPDX-License-Identifier: Apache-2.0
"""One Redis a test process, emptied before each test."""

from __future__ import annotations

from typing import Iterator

import pytest
import redis

from tests.support.redis_server import RedisServer
from tests.support.scripts import Scripts


@pytest.fixture(scope="session")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
def db(server: RedisServer) -> redis.Redis:
    """Text in, text out."""
    client = server.client(decode_responses=True)
    client.flushall()
    return client


@pytest.fixture
def scripts(db: redis.Redis) -> Scripts:
    return Scripts(db)
