# SPDX-License-Identifier: Apache-2.0
"""A create request whose answer was lost is never sent again. It is settled by a callback, by a lookup with our token, or
by its deadline; what was surely not placed is given back and dialed under a new number."""

from __future__ import annotations

import threading

import pytest

from tests.support.fleet import Fleet
from tests.support.http_receiver import Answer, Received
from tests.support.platform import Platform, answer_json, refuse
from tests.support.waiting import wait_until

UNKNOWN = 'carillon_dial_verdicts_total{verdict="UNKNOWN"}'


def test_a_reset_after_reading_is_settled_by_the_callback(fleet: Fleet, platform: Platform) -> None:
    platform.on_create = platform.place_and_reset
    worker = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    wait_until(lambda: fleet.metric(worker, UNKNOWN) == 1)
    assert fleet.state(batch)["phase"] == "live" and fleet.state(batch)["a"] == "1"
    assert platform.hang_up(create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert platform.count_creates() == 1


def test_a_reset_after_reading_is_settled_by_a_lookup(fleet: Fleet, platform: Platform) -> None:
    platform.on_create = platform.place_and_reset
    fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    platform.end_untold(create.call_id)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert platform.count_creates() == 1 and set(platform.lookups) == {create.token}
    assert fleet.state(batch)["p"] == create.call_id
    assert [line["via"] for line in fleet.attempts(batch) if "via" in line] == ["lookup"]


def test_a_connection_that_dies_after_many_good_requests_sends_nothing_twice(fleet: Fleet, platform: Platform) -> None:
    """libcurl sends a request again by itself where a kept connection dies before the answer's first byte."""
    seen: list[str] = []

    def answer(request: Received) -> Answer | None:
        seen.append(request.json()["metadata"]["carillon_token"])
        call = platform.place(request)
        return Answer(reset=True) if len(seen) % 3 == 0 else answer_json(201, call)

    platform.on_create = answer
    worker = fleet.worker()
    batch = fleet.batch(9)
    for create in platform.wait_creates(9):
        assert platform.hang_up(create.call_id, worker.url)[0] == 200
    assert fleet.wait_final(batch) == {"COMPLETED": 9}
    assert len(seen) == 9
    platform.assert_each_dial_was_sent_once()


def test_an_answer_of_megabytes_is_not_kept_and_its_call_found_by_its_token(fleet: Fleet, platform: Platform) -> None:
    """Thousands may be under way, of a platform that has gone mad."""
    platform.on_create = lambda request: answer_json(201, {**platform.place(request), "more": "x" * (1 << 20)})
    worker = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    wait_until(lambda: fleet.metric(worker, UNKNOWN) == 1)
    platform.end_untold(create.call_id)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert platform.count_creates() == 1 and set(platform.lookups) == {create.token}


def test_a_call_found_by_its_token_is_followed_under_its_id(fleet: Fleet, platform: Platform) -> None:
    fleet.trunk(platform.url, poll_after_ms=500)
    platform.on_create = platform.place_and_reset
    fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    platform.change(create.call_id, call_status="ongoing")
    fleet.wait_state(batch, p=create.call_id, phase="live")
    wait_until(lambda: platform.polls, what="a poll by id")
    platform.end_untold(create.call_id)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


@pytest.mark.parametrize("answer", [Answer(reset=True), refuse(503), answer_json(201, {"call_status": "registered"})])
def test_what_was_absent_twice_is_given_back_and_dialed_under_a_new_number(
    fleet: Fleet, platform: Platform, answer: Answer
) -> None:
    platform.on_create = lambda request: answer if platform.count_creates() == 1 else None
    worker = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(2)[1]
    assert create.dial == 2 and create.call_id
    assert platform.lookups == [platform.creates[0].token] * 2
    assert fleet.counters(batch)["attempts"] == 1, "the dial that was not placed was charged"
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    platform.assert_each_dial_was_sent_once()


def test_a_call_that_a_platform_placed_twice_is_told_to_the_operator(fleet: Fleet, platform: Platform) -> None:
    """One request, two calls: the first one counts, and somebody must look at it."""

    def twice(request: Received) -> Answer:
        platform.place(request)
        return platform.place_and_reset(request)

    platform.on_create = twice
    worker = fleet.worker()
    batch = fleet.batch()
    wait_until(lambda: len(platform.calls) == 2)
    for call_id in list(platform.calls):
        platform.end_untold(call_id)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert [line["calls"] for line in worker.log_events("check.placed_twice")] == [2]


def test_absent_once_proves_nothing(fleet: Fleet, platform: Platform) -> None:
    """Platforms' lists are behind: the call shows up after the first look."""
    fleet.trunk(platform.url, poll_after_ms=500)
    platform.on_create = platform.place_and_reset
    platform.on_ask = lambda request: answer_json(200, {"items": [], "has_more": False}) if not asked(request) else None
    looks: list[str] = []

    def asked(request: Received) -> bool:
        looks.append(request.path)
        return len(looks) > 1

    fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    platform.end_untold(create.call_id)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert platform.count_creates() == 1 and len(looks) == 2


def test_a_lookup_that_fails_proves_nothing(fleet: Fleet, platform: Platform) -> None:
    platform.on_create = platform.place_and_reset
    answers = [refuse(500), refuse(429, {"Retry-After": "2"})]
    failed: list[float] = []

    def fail(request: Received) -> Answer | None:
        failed.append(request.at)
        return answers[len(failed) - 1] if len(failed) <= len(answers) else None

    platform.on_ask = fail
    fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    platform.end_untold(create.call_id)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert platform.count_creates() == 1 and len(failed) == 3
    assert failed[2] - failed[1] >= 2, "the platform's Retry-After was not kept"


def test_an_accepted_call_that_the_platform_forgot_stays_until_its_deadline(fleet: Fleet, platform: Platform) -> None:
    fleet.trunk(platform.url, poll_after_ms=500)
    fleet.worker()
    batch = fleet.batch(on_unknown="hold")
    create = platform.wait_creates(1)[0]
    fleet.wait_state(batch, p=create.call_id)
    platform.calls.clear()
    wait_until(lambda: len(platform.polls) >= 2, what="two polls")
    assert fleet.state(batch)["phase"] == "live" and platform.count_creates() == 1
    fleet.make_deadline_due(batch)
    assert fleet.wait_final(batch) == {"UNKNOWN": 1}


def test_a_call_that_was_given_back_and_turns_out_placed_is_not_dialed_again(fleet: Fleet, platform: Platform) -> None:
    """The platform denied it twice; then its callback comes while the contact waits for its next dial."""
    fleet.trunk(platform.url, max_concurrent=1)
    platform.on_create = lambda request: None
    worker = fleet.worker()
    blocker = fleet.batch()  # keeps the trunk full, so that what is given back has to wait
    blocking = platform.wait_creates(1)[0]
    fleet.trunk(platform.url, max_concurrent=2)
    platform.on_create = platform.place_and_reset
    platform.on_ask = lambda request: answer_json(200, {"items": [], "has_more": False})
    batch = fleet.batch()
    create = platform.wait_creates(2)[1]
    fleet.trunk(platform.url, max_concurrent=1)
    fleet.wait_state(batch, phase="due", g="1", a="0")
    assert platform.hang_up(create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert fleet.state(batch)["a"] == "1" and platform.count_creates() == 2
    platform.hang_up(blocking.call_id, worker.url)
    assert fleet.wait_final(blocker) == {"COMPLETED": 1}


def test_a_decision_on_a_state_that_changed_meanwhile_is_made_again(fleet: Fleet, platform: Platform) -> None:
    """Redis holds writes back: a giveback waits before the result that the worker decided on the state from before it."""
    fleet.trunk(platform.url, max_concurrent=1)
    worker = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    fleet.wait_state(batch, p=create.call_id)
    platform.end_untold(create.call_id)
    fleet.engine().trunk("main", how="set", state="stopped")  # what is given back must not be dialed at once
    sent = fleet.metric(worker, "carillon_redis_commands_total")
    wait_until(lambda: fleet.metric(worker, "carillon_redis_commands_total") > sent, what="a pulse: the next is a second off")
    fleet.client.execute_command("CLIENT", "PAUSE", 10_000, "WRITE")
    answers: dict[str, object] = {}
    giveback = threading.Thread(target=lambda: answers.update(giveback=give_back(fleet, batch)))
    giveback.start()
    wait_until(lambda: fleet.client.info("clients")["blocked_clients"] == 1, what="the giveback is held back")
    callback = threading.Thread(
        target=lambda: answers.update(callback=platform.callback("call_analyzed", create.call_id, worker.url))
    )
    callback.start()
    wait_until(lambda: fleet.client.info("clients")["blocked_clients"] == 2, what="the result is held back")
    fleet.client.execute_command("CLIENT", "UNPAUSE")
    giveback.join()
    callback.join()
    assert answers == {"giveback": [b"aborted"], "callback": (200, {"status": "ok"})}
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert fleet.state(batch)["a"] == "1" and fleet.counters(batch)["attempts"] == 1


def give_back(fleet: Fleet, batch: str) -> object:
    return fleet.engine().scripts.run("call_abort", "-", batch, 0, 1, "THROTTLED", fleet.engine().now_ms() + 60_000, 0, "")
