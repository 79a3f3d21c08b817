# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests with the vendors' packages. These are run by make test-platforms, which installs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.platforms.vendor import PACKAGES
from tests.support.http_receiver import HttpReceiver


@pytest.fixture(scope="session", autouse=True)
def packages() -> None:
    assert PACKAGES.is_dir(), f"{PACKAGES} is not there: run make test-platforms"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as server:
        yield server
