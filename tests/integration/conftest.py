# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of single processes."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.support.fleet import PLATFORM_KEY, Fleet
from tests.support.notifier_world import World
from tests.support.platform import Platform
from tests.support.producer_api import Api
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users


@pytest.fixture(scope="module")
def api(redis_server: RedisServer) -> Iterator[Api]:
    """A producer that may deliver webhooks to this machine, with a trunk and the tenant of `acme`."""
    with Api(redis_server, "--allow-private-webhooks", "127.0.0.0/8") as running:
        running.trunk("main")
        running.trunk("second")
        yield running


@pytest.fixture(scope="module")
def acme(api: Api) -> str:
    """A key of the tenant acme, whose alias is user_456."""
    return api.tenant("acme", alias="user_456", trunks=("main", "second"))


@pytest.fixture
def lone(api: Api, request: pytest.FixtureRequest) -> str:
    """A key of a tenant that no other test has."""
    return api.tenant(f"acme_{abs(hash(request.node.name)) % 10**8}")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A Redis that keeps what it was told, in which each process has its own user. None may be refused anything."""
    with RedisServer(users=Users.for_tests(), appendonly=True) as running:
        yield running
        assert running.denials() == []


@pytest.fixture
def proxied(server: RedisServer) -> Iterator[tuple[Api, RedisProxy]]:
    """A producer with a trunk, and what stands between it and `server`."""
    with RedisProxy(server) as proxy, Api(server, redis_url=proxy.url) as running:
        running.trunk("main")
        yield running, proxy


@pytest.fixture
def platform() -> Iterator[Platform]:
    """A voice platform under the test's hand."""
    with Platform(PLATFORM_KEY) as server:
        yield server


@pytest.fixture
def fleet(redis_server: RedisServer, platform: Platform, tmp_path: pathlib.Path) -> Iterator[Fleet]:
    """Workers on demand, on an empty Redis, with one cell and the trunk "main" to the platform. At the end they must
    drain, and the audit must find nothing."""
    made = Fleet(redis_server, tmp_path)
    made.trunk(platform.url)
    yield made
    made.close()


@pytest.fixture
def world(tmp_path: pathlib.Path) -> Iterator[World]:
    """Notifiers on demand, with a Redis and a receiver of their own. At the end each must drain."""
    with World(tmp_path) as made:
        yield made
