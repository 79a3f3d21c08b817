# SPDX-License-Identifier: Apache-2.0
"""One Redis a test process, emptied before each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis

from tests.support.decreed_fleet import DecreedFleet
from tests.support.engine import Engine
from tests.support.fairness import START_US
from tests.support.redis_clock import RedisClock
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


@pytest.fixture(scope="session")
def decreed_server() -> Iterator[RedisServer]:
    with RedisServer(is_clock_decreed=True) as running:
        yield running


@pytest.fixture
def decreed_engine(decreed_server: RedisServer) -> Engine:
    """In decreed time: what a fleet does then does not depend on the machine."""
    client = decreed_server.client()
    client.flushall()
    decreed_server.clock.stand(START_US)
    return Engine(client)


@pytest.fixture
def cell(decreed_engine: Engine) -> Engine:
    """In decreed time, with one trunk and one tenant."""
    decreed_engine.trunk("main")
    decreed_engine.tenant("acme")
    return decreed_engine


@pytest.fixture
def opened_cell(engine: Engine) -> Engine:
    """In real time, known to the Redis that is there, with a trunk and a tenant whose rates hold nobody back."""
    engine.open("run-1")
    engine.trunk("main", cps=1000)
    engine.tenant("acme", cps=1000)
    return engine


@pytest.fixture
def clock(decreed_server: RedisServer) -> RedisClock:
    """By which the time of `cell` is moved."""
    return decreed_server.clock


@pytest.fixture
def fleet_of(decreed_server: RedisServer) -> Callable[..., DecreedFleet]:
    """A fleet for a decreed engine."""
    return lambda engine, **settings: DecreedFleet(engine, decreed_server.clock, **settings)
