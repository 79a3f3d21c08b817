# SPDX-License-Identifier: Apache-2.0
"""A whole Carillon and a browser on its dashboard. Every test ends with a look at what the page said on its console, and whom it
asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browser import Browser
from tests.support.stack import TENANT, Stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Calls of about two seconds: some can be seen on the line."""
    with Stack(workers=2, outcomes="completed=60,busy=15,no_answer=15,failed=10", ring_ms=500, talk_ms=1500) as running:
        yield running


@pytest.fixture(scope="module")
def tenant_key(stack: Stack) -> str:
    return stack.api_key_file.read_text(encoding="utf-8").strip()


@pytest.fixture(scope="module")
def viewer_key(stack: Stack) -> str:
    return stack.command("key", "create", "--tenant", TENANT, "--viewer").strip()


@pytest.fixture(scope="module")
def operator_key(stack: Stack) -> str:
    return stack.command("key", "create", "--operator").strip()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running
        assert running.faults() == []
