# SPDX-License-Identifier: Apache-2.0
"""Waiting by condition with a deadline: what a test does instead of sleeping."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar("T")

POLL_S = 0.01


class DeadlinePassed(AssertionError):
    """A condition did not come true in time."""


def wait_until(
    condition: Callable[[], T], deadline_s: float = 10.0, what: str = "", poll_s: float = POLL_S
) -> T:
    """Returns the first true value of `condition`. What it gave last, and `what`, are in the failure's text."""
    end = time.monotonic() + deadline_s
    while True:
        seen = condition()
        if seen:
            return seen
        if time.monotonic() >= end:
            raise DeadlinePassed(f"not within {deadline_s} s: {what or condition!r}, last seen: {seen!r}")
        time.sleep(poll_s)
