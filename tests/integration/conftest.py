# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of single processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.producer_api import Api
from tests.support.redis_server import RedisServer


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
