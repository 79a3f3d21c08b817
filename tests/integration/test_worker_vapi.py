# SPDX-License-Identifier: Apache-2.0
"""carillon-worker on a trunk of Vapi's: its requests, its reports, which nobody signs and which are therefore asked for, and
what becomes of a call whose answer was lost."""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import pathlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fleet import PLATFORM_KEY, Fleet
from tests.support.http_receiver import Answer, Received
from tests.support.platform import answer_json
from tests.support.redis_clock import RedisClock
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.vapi_platform import NUMBER_ID, Vapi, post_message, refuse, rfc3339
from tests.support.waiting import wait_until

NUMBER = 4915112345678


@pytest.fixture
def vapi() -> Iterator[Vapi]:
    with Vapi(PLATFORM_KEY) as server:
        yield server


@pytest.fixture
def fleet(redis_server: RedisServer, vapi: Vapi, tmp_path: pathlib.Path) -> Iterator[Fleet]:
    made = Fleet(redis_server, tmp_path)
    set_trunk(made, vapi)
    yield made
    made.close()


def set_trunk(fleet: Fleet, vapi: Vapi, **fields: Any) -> None:
    fleet.trunk(vapi.url, **{"profile": "vapi", "var:phone_number_id": NUMBER_ID, **fields})


# ---- a call ----


def test_the_request_is_what_vapi_documents(fleet: Fleet, vapi: Vapi) -> None:
    fleet.worker()
    batch = fleet.batch([NUMBER], agent_id="asst_1", ring_s=20, talk_s=90)
    create = vapi.wait_creates(1)[0]
    assert create.body == {
        "assistantId": "asst_1",
        "phoneNumberId": NUMBER_ID,
        "customer": {"number": f"+{NUMBER}"},
        "assistantOverrides": {
            "metadata": {"carillon_token": fleet.token(batch, 0, 1), "batch_id": batch, "call_id": f"{batch}-0"},
            "variableValues": {"name": "Unknown"},
            "maxDurationSeconds": 90,
            "transportConfigurations": [{"provider": "twilio", "timeout": 20}],
        },
    }


def test_a_report_makes_known_what_vapi_itself_says_of_the_call(fleet: Fleet, vapi: Vapi) -> None:
    worker = fleet.worker()
    batch = fleet.batch()
    create = vapi.wait_creates(1)[0]
    fleet.wait_state(batch, phase="live", p=create.call_id)
    vapi.end(create.call_id, analysis={"summary": "They spoke.", "successEvaluation": "true"})
    assert vapi.report(create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    state = fleet.state(batch)
    assert (state["a"], state["x"], state["u"], state["p"]) == ("1", "COMPLETED", "2", create.call_id)
    engine = fleet.engine()
    assert engine.client.hget(engine.key(f"batch:{batch}:texts:0"), "0:summary") == b"They spoke."
    assert vapi.polls == [create.call_id]
    assert [event["type"] for event in engine.events()] == ["call.completed", "batch.completed"]


def test_a_call_without_an_analysis_is_over_with_its_report(fleet: Fleet, vapi: Vapi) -> None:
    worker = fleet.worker()
    batch = fleet.batch(summary_wait_ms=600_000)
    create = vapi.wait_creates(1)[0]
    fleet.wait_state(batch, phase="live", p=create.call_id)
    assert vapi.hang_up(create.call_id, worker.url, analysis={}) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("customer-busy", "BUSY"),
        ("customer-did-not-answer", "NO_ANSWER"),
        ("call.in-progress.error-providerfault-outbound-sip-480-temporarily-unavailable", "NO_ANSWER"),
        ("call.in-progress.error-providerfault-outbound-sip-503-service-unavailable", "FAILED"),
        ("call.in-progress.error-sip-outbound-call-failed-to-connect", "FAILED"),
        ("twilio-failed-to-connect-call", "FAILED"),
        ("twilio-reported-customer-misdialed", "INVALID_NUMBER"),
        ("voicemail", "VOICEMAIL"),
        ("silence-timed-out", "COMPLETED"),
        ("assistant-said-end-call-phrase", "COMPLETED"),
        ("call.in-progress.error-vapifault-openai-llm-failed", "FAILED"),
        ("pipeline-error-cartesia-500-server-error", "FAILED"),
        ("call.start.error-get-assistant", "REJECTED"),
        ("call.start.error-get-transport", "FAILED"),
        ("manually-canceled", "CANCELLED"),
        ("a-reason-of-next-year", "COMPLETED"),
    ],
)
def test_what_a_call_came_to(fleet: Fleet, vapi: Vapi, reason: str, outcome: str) -> None:
    worker = fleet.worker()
    batch = fleet.batch(max_attempts=1)
    create = vapi.wait_creates(1)[0]
    assert vapi.hang_up(create.call_id, worker.url, reason) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {outcome: 1}
    assert fleet.attempts(batch)[-1]["r"] == reason


def test_without_reports_a_call_is_followed_by_asking(fleet: Fleet, vapi: Vapi) -> None:
    set_trunk(fleet, vapi, poll_after_ms=500)
    fleet.worker()
    batch = fleet.batch(max_attempts=1)
    create = vapi.wait_creates(1)[0]
    wait_until(lambda: vapi.polls, what="a poll")
    assert fleet.state(batch)["phase"] == "live"
    vapi.end(create.call_id, "customer-busy", analysis={"summary": "Nobody."})
    assert fleet.wait_final(batch, deadline_s=30) == {"BUSY": 1}
    assert set(vapi.polls) == {create.call_id}


def test_a_report_that_overtakes_the_answer_settles_the_call(fleet: Fleet, vapi: Vapi) -> None:
    answer, placed = threading.Event(), threading.Event()

    def late(request: Received) -> Answer:
        call = vapi.place(request)
        placed.set()
        return answer_json(201, call, after=answer)

    vapi.on_create = late
    worker = fleet.worker()
    batch = fleet.batch()
    assert placed.wait(10)
    assert vapi.hang_up(next(iter(vapi.calls)), worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    answer.set()
    wait_until(lambda: fleet.metric(worker, 'carillon_dial_verdicts_total{verdict="ACCEPTED"}') == 1)


def test_other_messages_of_the_server_url_are_ignored(fleet: Fleet, vapi: Vapi) -> None:
    worker = fleet.worker()
    batch = fleet.batch()
    create = vapi.wait_creates(1)[0]
    for kind in ("status-update", "speech-update", "conversation-update", "hang"):
        assert vapi.report(create.call_id, worker.url, type=kind, status="ended") == (200, {"status": "ignored"})
    assert vapi.polls == [] and fleet.state(batch)["phase"] == "live"
    vapi.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


# ---- who says so ----


def test_a_forged_report_can_only_make_the_worker_ask(fleet: Fleet, vapi: Vapi) -> None:
    """Who runs an assistant's own server sees the token of its calls: what it says of them counts for nothing."""
    worker = fleet.worker()
    batch = fleet.batch(2)
    first, second = vapi.wait_creates(2)
    for create in (first, second):
        fleet.wait_state(batch, int(create.token.split(".")[1]), phase="live", p=create.call_id)
    call = dict(vapi.calls[first.call_id])
    ended = {"type": "end-of-call-report", "endedReason": "voicemail", "startedAt": rfc3339(1), "endedAt": rfc3339(2)}
    assert post_message(worker.url, {**ended, "call": call}) == (200, {"status": "ok"}), "asked, and the call goes on"
    assert fleet.state(batch, 0)["phase"] == "live"
    vapi.end(second.call_id)
    another = {**call, "id": second.call_id}
    assert post_message(worker.url, {**ended, "call": another}) == (401, {"status": "call"}), "another dial's call"
    unknown = {**call, "id": "none-of-that-name"}
    assert post_message(worker.url, {**ended, "call": unknown}) == (401, {"status": "call"})
    without = {name: value for name, value in call.items() if name != "id"}
    assert post_message(worker.url, {**ended, "call": without}) == (200, {"status": "ignored"})
    token = first.token[:-1] + ("A" if first.token[-1] != "A" else "B")
    forged = {**call, "assistantOverrides": {"metadata": {"carillon_token": token}}}
    assert post_message(worker.url, {**ended, "call": forged}) == (401, {"status": "token"})
    assert {fleet.state(batch, i)["phase"] for i in (0, 1)} == {"live"}
    for create in (first, second):
        assert vapi.hang_up(create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 2}


def test_a_report_about_which_vapi_cannot_be_asked_is_to_be_sent_again(fleet: Fleet, vapi: Vapi) -> None:
    worker = fleet.worker()
    batch = fleet.batch()
    create = vapi.wait_creates(1)[0]
    fleet.wait_state(batch, phase="live", p=create.call_id)
    vapi.on_ask = lambda request: refuse(500, "no")
    assert vapi.hang_up(create.call_id, worker.url) == (503, {"status": "unavailable"})
    assert fleet.state(batch)["phase"] == "live"
    vapi.on_ask = lambda request: None
    assert vapi.report(create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_worker_ends_well_while_it_asks(fleet: Fleet, vapi: Vapi) -> None:
    held, asked = threading.Event(), threading.Event()
    worker = fleet.worker()
    batch = fleet.batch()
    create = vapi.wait_creates(1)[0]
    fleet.wait_state(batch, phase="live", p=create.call_id)
    vapi.end(create.call_id)
    call = answer_json(200, dict(vapi.calls[create.call_id]), after=held)

    def slowly(request: Received) -> Answer:
        asked.set()
        return call

    vapi.on_ask = slowly

    def report() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # the worker goes away meanwhile
            vapi.report(create.call_id, worker.url)

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    assert asked.wait(10)
    worker.terminate()
    reporter.join(10)
    held.set()
    vapi.on_ask = lambda request: None
    fleet.make_check_due(batch)
    fleet.worker()
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


# ---- refusals ----


@pytest.mark.parametrize(
    ("status", "message", "outcome"),
    [
        (400, ["customer.number must be a valid phone number in the E.164 format"], "INVALID_NUMBER"),
        (400, "Couldn't Get Assistant. `assistantId` does not exist.", "REJECTED"),
        (400, ["assistantOverrides.maxDurationSeconds must not be greater than 43200"], "REJECTED"),
    ],
)
def test_what_vapi_refuses_is_final(fleet: Fleet, vapi: Vapi, status: int, message: Any, outcome: str) -> None:
    vapi.on_create = lambda request: refuse(status, message)
    fleet.worker()
    batch = fleet.batch()
    assert fleet.wait_final(batch) == {outcome: 1}
    assert vapi.count_creates() == 1


@pytest.mark.parametrize(("status", "message"), [(429, "Too many"), (400, "Over Concurrency Limit.")])
def test_a_refusal_for_load_is_not_charged(fleet: Fleet, vapi: Vapi, status: int, message: str) -> None:
    answers = [refuse(status, message)]
    vapi.on_create = lambda request: answers.pop() if answers else None
    worker = fleet.worker()
    batch = fleet.batch()
    create = vapi.wait_creates(2)[1]
    vapi.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert fleet.counters(batch)["attempts"] == 1


def test_an_account_that_may_not_call_stops_the_trunk(fleet: Fleet, vapi: Vapi) -> None:
    vapi.on_create = lambda request: refuse(400, "Wallet balance is below the minimum.")
    fleet.worker()
    batch = fleet.batch()
    wait_until(lambda: fleet.engine().hash("trunk:main").get("state") == "stopped", what="the trunk is stopped")
    assert fleet.counters(batch)["attempts"] == 0


# ---- an answer that was lost ----


def test_a_lost_call_is_found_by_our_token_among_those_of_its_time(fleet: Fleet, vapi: Vapi) -> None:
    vapi.on_create = vapi.place_and_reset
    stranger = {"id": "of-another", "phoneNumberId": NUMBER_ID, "createdAt": rfc3339(time.time()), "status": "ended"}
    vapi.others = [stranger, {**stranger, "assistantOverrides": {"metadata": {"carillon_token": "x"}}}]
    worker = fleet.worker()
    batch = fleet.batch()
    create = vapi.wait_creates(1)[0]
    fleet.wait_state(batch, phase="live", p=create.call_id, deadline_s=20)
    query = vapi.lookups[0]
    assert query["phoneNumberId"] == NUMBER_ID and query["limit"] == "1000"
    assert query["createdAtGe"] < rfc3339(create.at) < query["createdAtLe"]
    assert vapi.hang_up(create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    vapi.assert_each_dial_was_sent_once()


def test_a_call_that_was_never_placed_is_dialed_again(fleet: Fleet, vapi: Vapi) -> None:
    set_trunk(fleet, vapi, lookup_absent_after_ms=1000)
    answers = [Answer(reset=True)]
    vapi.on_create = lambda request: answers.pop() if answers else None
    worker = fleet.worker()
    batch = fleet.batch()
    create = vapi.wait_creates(2, deadline_s=20)[1]
    assert create.dial == 2 and len(vapi.lookups) >= 2
    vapi.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert fleet.counters(batch)["attempts"] == 1


def test_a_list_by_another_clock_proves_no_absence(fleet: Fleet, vapi: Vapi) -> None:
    set_trunk(fleet, vapi, lookup_absent_after_ms=1000)
    vapi.on_create = lambda request: Answer(reset=True)
    an_hour_ago = email.utils.formatdate(time.time() - 3600, usegmt=True)
    vapi.on_ask = lambda request: answer_json(200, [], {"Date": an_hour_ago})
    worker = fleet.worker()
    batch = fleet.batch()
    wait_until(lambda: len(worker.log_events("check.failed")) >= 3, what="three lookups", deadline_s=30)
    assert fleet.state(batch)["phase"] == "live" and "z" not in fleet.state(batch)
    assert vapi.count_creates() == 1
    vapi.on_ask = lambda request: None
    assert vapi.wait_creates(2, deadline_s=30)[1].dial == 2
    vapi.on_create = lambda request: refuse(400, "no")
    fleet.make_deadline_due(batch)
    assert fleet.wait_final(batch, deadline_s=30)


def test_a_full_list_proves_no_absence(fleet: Fleet, vapi: Vapi) -> None:
    set_trunk(fleet, vapi, lookup_absent_after_ms=1000)
    vapi.on_create = lambda request: Answer(reset=True)
    vapi.others = [
        {"id": f"other-{i}", "phoneNumberId": NUMBER_ID, "createdAt": rfc3339(time.time() + 5), "status": "queued"}
        for i in range(1000)
    ]
    fleet.worker()
    batch = fleet.batch()
    wait_until(lambda: len(vapi.lookups) >= 3, what="three lookups", deadline_s=30)
    state = fleet.state(batch)
    assert state["phase"] == "live" and "z" not in state, "it may stand behind the thousandth"
    assert vapi.count_creates() == 1
    vapi.others = []
    assert vapi.wait_creates(2, deadline_s=30)[1].dial == 2
    fleet.make_deadline_due(batch)
    vapi.on_create = lambda request: refuse(400, "no")
    assert fleet.wait_final(batch, deadline_s=30)


@pytest.fixture
def decreed(vapi: Vapi, tmp_path: pathlib.Path) -> Iterator[Fleet]:
    """A fleet on a Redis whose clock a test sets."""
    with RedisServer(users=Users.for_tests(), is_clock_decreed=True) as server:
        made = Fleet(server, tmp_path)
        set_trunk(made, vapi, lookup_absent_after_ms=1000)
        yield made
        made.close()
        assert server.denials() == []


def test_a_list_by_another_clock_than_redis_has_proves_no_absence(decreed: Fleet, vapi: Vapi) -> None:
    """The platform's clock and the worker's agree; but when the call began is told by Redis, whose clock is an hour ahead."""
    fleet = decreed
    fleet.redis.clock.run(3_600_000_000)
    vapi.on_create = vapi.place_and_reset
    worker = fleet.worker()
    batch = fleet.batch()
    create = vapi.wait_creates(1)[0]
    wait_until(lambda: len(vapi.lookups) >= 3, what="three lookups", deadline_s=30)
    assert vapi.count_creates() == 1 and "z" not in fleet.state(batch), "the call is there, among those of another hour"
    assert vapi.hang_up(create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_an_absence_is_proved_whatever_the_workers_own_clock_says(decreed: Fleet, vapi: Vapi, tmp_path: pathlib.Path) -> None:
    fleet = decreed
    clock = RedisClock(tmp_path / "worker_clock")
    clock.run(-600_000_000)
    answers = [Answer(reset=True)]
    vapi.on_create = lambda request: answers.pop() if answers else None
    worker = fleet.worker(env=clock.environment())
    batch = fleet.batch()
    create = vapi.wait_creates(2, deadline_s=20)[1]
    assert create.dial == 2
    assert vapi.hang_up(create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


# ---- a Redis that lost more than a moment ----


@contextlib.contextmanager
def forgotten_call(vapi: Vapi, directory: pathlib.Path) -> Iterator[Fleet]:
    """The fleet, after a worker placed a call and died, and Redis forgot all of it: the call is found, and not placed again."""
    with RedisServer(appendonly=True, args=("--appendfsync", "always"), users=Users.for_tests()) as server:
        fleet = Fleet(server, directory)
        set_trunk(fleet, vapi)
        fleet.engine().open(fleet.client.info("server")["run_id"])
        batch = fleet.batch()
        mark = server.mark_tail()
        doomed = fleet.worker()
        create = vapi.wait_creates(1)[0]
        doomed.kill()
        server.kill_and_lose_tail(mark)
        server.start()
        fleet.engine().open(fleet.client.info("server")["run_id"])
        yield fleet
        fleet.worker()
        fleet.reopen()
        fleet.wait_state(batch, deadline_s=20, phase="live", p=create.call_id)
        assert vapi.count_creates() == 1
        fleet.close()
        assert server.denials() == []


def test_a_call_of_a_long_lost_tail_is_found_wherever_in_it_the_call_was_made(vapi: Vapi, tmp_path: pathlib.Path) -> None:
    """As after a backup was put back: what was asked for is the time of the whole tail, and so is what counts."""
    with forgotten_call(vapi, tmp_path) as fleet:
        fleet.client.hincrby(fleet.engine().key("cell"), "tail_from_ms", -3_600_000)


def test_a_call_that_was_forgotten_before_a_second_loss_is_found_where_the_first_was(vapi: Vapi, tmp_path: pathlib.Path) -> None:
    with forgotten_call(vapi, tmp_path) as fleet:
        engine = fleet.engine()
        first_ms = int(engine.hash("cell")["tail_from_ms"])
        fleet.client.hset(engine.key("cell"), mapping={"tail_from_ms": first_ms + 600_000, "tail_earlier": first_ms})
