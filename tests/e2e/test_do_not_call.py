# SPDX-License-Identifier: Apache-2.0
"""Do-not-call numbers through all processes, each under its own user of Redis: judged by the carrier's log and the receiver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stack import Stack, phone_numbers
from tests.support.waiting import wait_until

PATH = "/api/v1/suppressions"


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack(outcomes="completed=100") as running:
        yield running


def test_a_suppressed_number_is_never_dialed_and_its_end_is_told(stack: Stack) -> None:
    numbers = phone_numbers(8)
    stack.api("PUT", PATH, {"phoneNumbers": numbers[:2]})
    stack.api("PUT", PATH, {"phoneNumbers": numbers[2:3]}, stack.command("key", "create", "--operator"))
    batch = stack.submit(numbers)
    status = stack.wait_for_batch(batch)
    assert status["outcomes"] == {"COMPLETED": 5, "SUPPRESSED": 3}
    assert (status["statistics"]["succeeded"], status["statistics"]["failed"], status["attempts"]) == (5, 3, 5)
    assert {event["to"] for event in stack.carrier_events() if event["ev"] == "placed"} == set(numbers[3:])
    wait_until(lambda: len(stack.delivered("call.completed", batch)) == len(numbers), 30.0, "every end is told")
    told = {delivery.body["phoneNumber"]: delivery.body for delivery in stack.delivered("call.completed", batch)}
    for number in numbers[:3]:
        body = told[number]
        assert (body["status"], body["outcome"], body["success"], body["attempts"]) == ("FAILED", "SUPPRESSED", False, 0)
        assert (body["startTime"], body["endTime"], body["duration"], body["providerCallId"]) == (None, None, 0, None)
    calls = stack.api("GET", f"/api/v1/status/batch?batchId={batch}")["calls"]
    shown = {call["phoneNumber"]: (call["status"], call["error"]) for call in calls}
    assert [shown[number] for number in numbers[:4]] == [("FAILED", "SUPPRESSED")] * 3 + [("COMPLETED", None)]
    is_clean, printed = stack.audit()
    assert is_clean, printed
    assert stack.redis.denials() == []


def test_a_number_is_dialed_again_once_it_is_off_the_list(stack: Stack) -> None:
    (number,) = phone_numbers(1)
    stack.api("PUT", PATH, {"phoneNumbers": [number]})
    first = stack.submit([number])
    assert stack.wait_for_batch(first)["outcomes"] == {"SUPPRESSED": 1}
    assert stack.api("DELETE", PATH, {"phoneNumbers": [number]})["removed"] == 1
    assert stack.wait_for_batch(stack.submit([number]))["outcomes"] == {"COMPLETED": 1}
    assert stack.status(first)["outcomes"] == {"SUPPRESSED": 1}, "what has ended stays ended"
