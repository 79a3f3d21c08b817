# SPDX-License-Identifier: Apache-2.0
"""What a tenant uses of its quotas, as the scripts count it."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from tests.support.scripts import Scripts

SECOND_US = 1_000_000


def charge(scripts: Scripts, n: int, per_second: int) -> int:
    return int(scripts.run("quota_charge", "acme", n, per_second))


def test_a_seconds_worth_of_requests_is_free_and_what_is_more_waits(scripts: Scripts) -> None:
    assert charge(scripts, 100, 1000) == 0
    assert 0 < charge(scripts, 1900, 1000) <= SECOND_US + 10_000


def test_requests_are_counted_together_and_paid_off_with_time(db: redis.Redis, scripts: Scripts) -> None:
    assert charge(scripts, 100, 100) <= SECOND_US // 100
    tat_us = int(db.get(scripts.key("requests:t/acme")))
    charge(scripts, 7, 100)
    assert int(db.get(scripts.key("requests:t/acme"))) == tat_us + 7 * SECOND_US // 100
    db.set(scripts.key("requests:t/acme"), tat_us - 10 * SECOND_US)  # ten seconds later
    assert charge(scripts, 1, 100) == 0


def test_no_more_than_a_second_is_owed(scripts: Scripts) -> None:
    assert SECOND_US - 10_000 <= charge(scripts, 10**6, 100) <= SECOND_US + 10_000


def test_nothing_stays_of_a_tenant_that_asks_no_more(db: redis.Redis, scripts: Scripts) -> None:
    charge(scripts, 1, 1)
    assert 0 < db.pttl(scripts.key("requests:t/acme")) <= 3000


@pytest.mark.parametrize("args", [("a/b", 1, 1), ("acme", 0, 1), ("acme", 1, 0), ("acme", "x", 1), ("acme", 1)])
def test_what_makes_no_sense_is_refused(db: redis.Redis, scripts: Scripts, args: tuple[Any, ...]) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        scripts.run("quota_charge", *args)
    assert list(db.scan_iter()) == []
