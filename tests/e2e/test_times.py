# SPDX-License-Identifier: Apache-2.0
"""A calling window and an expiry through all processes."""

from __future__ import annotations

import datetime

from tests.support.engine import Engine
from tests.support.stack import Stack, phone_numbers
from tests.support.waiting import wait_until

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def closed_for_days() -> dict[str, object]:
    """A calling window that next opens in three days."""
    opens = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)
    return {"start": "09:00", "end": "17:00", "days": [DAYS[opens.weekday()]], "timezone": "UTC"}


def creates(stack: Stack) -> int:
    return sum(event["ev"] == "create" for event in stack.carrier_events())


def test_nobody_is_called_before_the_window_opens() -> None:
    with Stack(outcomes="completed=100") as stack:
        engine = Engine(stack.redis.client())
        numbers = phone_numbers(10)
        batch = stack.submit(numbers, maxCallsPerSecond=30, callingWindow=closed_for_days())
        # A batch behind it runs through: the fleet is not idle, the window is closed.
        other = stack.submit(phone_numbers(10, 15550200000), maxCallsPerSecond=30)
        stack.wait_for_batch(other)
        assert stack.status(batch)["status"] == "pending" and creates(stack) == 10
        now, held = engine.now_ms(), engine.hash(f"batch:{batch}")
        until = int(held["hours_until_ms"]) + 1
        engine.scripts.run("batch_hours", batch, held["window"], f"{now}-{now + 3_600_000}", until)
        stack.wait_for_batch(batch)
        assert min(stack.begin_instants_us(batch)) >= now * 1000
        assert stack.status(batch)["outcomes"] == {"COMPLETED": 10}
        is_clean, printed = stack.audit()
        assert is_clean, printed


def test_an_expired_batch_is_told_of_with_what_was_never_called() -> None:
    with Stack(outcomes="completed=100") as stack:
        expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
        batch = stack.submit(phone_numbers(40), maxCallsPerSecond=2, expiresAt=expires.isoformat())
        status = stack.wait_for_batch(batch)
        placed = creates(stack)
        assert placed < 40
        assert status["outcomes"] == {"EXPIRED": 40 - placed, **({"COMPLETED": placed} if placed else {})}
        (told,) = stack.delivered("batch.completed", batch)
        assert told.body["statistics"]["failed"] == 40 - placed and told.body["statistics"]["pending"] == 0
        wait_until(lambda: len(stack.delivered("call.completed", batch)) == placed, 10.0, "those that rang are told of")
        assert all(instant < expires.timestamp() * 1e6 for instant in stack.begin_instants_us(batch))
        is_clean, printed = stack.audit()
        assert is_clean, printed


def test_a_batch_that_expires_before_its_first_call_is_told_of_too() -> None:
    with Stack() as stack:
        engine = Engine(stack.redis.client())
        batch = stack.submit(phone_numbers(5), callingWindow=closed_for_days())
        now = engine.now_ms()
        engine.client.hset(engine.key(f"batch:{batch}"), "expires_ms", now)
        engine.client.zadd(engine.key("expiries"), {batch: now})
        assert stack.wait_for_batch(batch)["outcomes"] == {"EXPIRED": 5}
        (told,) = stack.delivered("batch.completed", batch)
        assert told.body["timestamps"]["startedAt"] is None and told.body["statistics"]["failed"] == 5
        assert stack.delivered("call.completed", batch) == [] and creates(stack) == 0
        is_clean, printed = stack.audit()
        assert is_clean, printed
