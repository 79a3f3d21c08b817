# SPDX-License-Identifier: Apache-2.0
"""carillon-worker on a trunk of Twilio's: its requests, its status callbacks, and what becomes of a call whose answer was
lost where the platform keeps no token of ours."""

from __future__ import annotations

import contextlib
import email.utils
import json
import pathlib
import threading
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fleet import CALLER_ID, PLATFORM_KEY, TENANT, Fleet
from tests.support.http_receiver import Answer, Received
from tests.support.platform import answer_json
from tests.support.redis_server import RedisServer
from tests.support.twilio import sign
from tests.support.twilio_platform import ACCOUNT, Twilio, post_callback, refuse, rfc2822
from tests.support.waiting import wait_until

NUMBER = 4915112345678
OTHER = "globex"


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    with Twilio(PLATFORM_KEY) as server:
        yield server


@pytest.fixture
def fleet(redis_server: RedisServer, twilio: Twilio, tmp_path: pathlib.Path) -> Iterator[Fleet]:
    made = Fleet(redis_server, tmp_path)
    set_trunk(made, twilio)
    yield made
    made.close()


def set_trunk(fleet: Fleet, twilio: Twilio, **fields: Any) -> None:
    settings = {"profile": "twilio", "var:account_sid": ACCOUNT, "var:answer_url": "https://voice.example/answer?v=2"}
    fleet.trunk(twilio.url, **{**settings, **fields})


# ---- a call ----


def test_the_request_is_what_twilio_documents(fleet: Fleet, twilio: Twilio) -> None:
    worker = fleet.worker()
    batch = fleet.batch([NUMBER], agent_id="agent & co", ring_s=20, talk_s=90)
    create = twilio.wait_creates(1)[0]
    url = urllib.parse.urlsplit(create.form.pop("Url")[0])
    assert (url.scheme, url.netloc, url.path) == ("https", "voice.example", "/answer")
    assert urllib.parse.parse_qs(url.query) == {
        "v": ["2"],
        "agentId": ["agent & co"],
        "batchId": [batch],
        "callId": [f"{batch}-0"],
    }
    assert create.form == {
        "To": [f"+{NUMBER}"],
        "From": [CALLER_ID],
        "StatusCallback": [f"{worker.url}/callbacks/twilio/{fleet.token(batch, 0, 1)}#rc=5&rp=all"],
        "StatusCallbackMethod": ["POST"],
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        "Timeout": ["20"],
        "TimeLimit": ["90"],
    }


def test_a_call_is_followed_by_its_status_callbacks(fleet: Fleet, twilio: Twilio) -> None:
    worker = fleet.worker()
    batch = fleet.batch()
    create = twilio.wait_creates(1)[0]
    fleet.wait_state(batch, phase="live", p=create.sid)
    for status in ("initiated", "ringing", "in-progress"):
        assert twilio.callback(create.sid, worker.url, status) == (200, {"status": "ok"})
        assert fleet.state(batch)["phase"] == "live"
    assert twilio.hang_up(create.sid, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    state = fleet.state(batch)
    assert (state["a"], state["x"], state["u"], state["p"]) == ("1", "COMPLETED", "2", create.sid)
    assert int(state["e"]) - int(state["s"]) == 2000, "answered when it ended, less what it lasted"
    assert twilio.callback(create.sid, worker.url, "ringing")[0] == 200, "a callback that comes late changes nothing"
    assert [event["type"] for event in fleet.engine().events()] == ["call.completed", "batch.completed"]


@pytest.mark.parametrize(
    ("status", "more", "outcome"),
    [
        ("busy", {}, "BUSY"),
        ("no-answer", {}, "NO_ANSWER"),
        ("failed", {}, "FAILED"),
        ("failed", {"SipResponseCode": "404"}, "INVALID_NUMBER"),
        ("failed", {"SipResponseCode": "608"}, "BLOCKED"),
        ("canceled", {}, "CANCELLED"),
        ("completed", {"AnsweredBy": "machine_start"}, "VOICEMAIL"),
        ("completed", {"AnsweredBy": "machine_end_beep"}, "VOICEMAIL"),
        ("completed", {"AnsweredBy": "human"}, "COMPLETED"),
    ],
)
def test_what_a_call_came_to(fleet: Fleet, twilio: Twilio, status: str, more: dict[str, str], outcome: str) -> None:
    worker = fleet.worker()
    batch = fleet.batch(max_attempts=1)
    create = twilio.wait_creates(1)[0]
    twilio.end(create.sid, status)
    assert twilio.callback(create.sid, worker.url, **more) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {outcome: 1}


def test_machines_are_told_from_people_where_the_trunk_says_so(fleet: Fleet, twilio: Twilio) -> None:
    set_trunk(fleet, twilio, **{"var:machine_detection": "Enable", "poll_after_ms": 500})
    fleet.worker()
    batch = fleet.batch()
    create = twilio.wait_creates(1)[0]
    assert create.form["MachineDetection"] == ["Enable"]
    twilio.end(create.sid, answered_by="machine_start")
    assert fleet.wait_final(batch) == {"VOICEMAIL": 1}, "polled: no callback came"
    assert set(twilio.polls) == {create.sid}


def test_a_callback_that_overtakes_the_answer_settles_the_call(fleet: Fleet, twilio: Twilio) -> None:
    answer, placed = threading.Event(), threading.Event()

    def late(request: Received) -> Answer:
        call = twilio.place(request)
        placed.set()
        return answer_json(201, call, after=answer)

    twilio.on_create = late
    worker = fleet.worker()
    batch = fleet.batch()
    assert placed.wait(10)
    sid = next(iter(twilio.calls))
    assert twilio.hang_up(sid, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    answer.set()
    wait_until(lambda: fleet.metric(worker, 'carillon_dial_verdicts_total{verdict="ACCEPTED"}') == 1)
    assert fleet.state(batch)["phase"] == "final"


# ---- who says so ----


def test_a_forged_callback_changes_nothing(fleet: Fleet, twilio: Twilio) -> None:
    worker = fleet.worker()
    batch = fleet.batch(2)
    first, second = twilio.wait_creates(2)
    for create in (first, second):
        fleet.wait_state(batch, int(create.token.split(".")[1]), phase="live", p=create.sid)
    fields = {**twilio.fields(first.sid), "CallStatus": "completed"}
    path = urllib.parse.urlsplit(first.callback_url).path
    good = sign(first.callback_url, fields, PLATFORM_KEY)
    forgeries = [
        (path, fields, None),
        (path, fields, ""),
        (path, fields, good[:-2] + ("E=" if good[-2] == "A" else "A=")),  # another last byte
        (path, fields, good.lower()),
        (path, fields, sign(first.callback_url, fields, "another token")),
        (path, {**fields, "CallStatus": "busy"}, good),
        (path, {**fields, "Extra": ""}, good),
        (path, fields, sign(second.callback_url, fields, PLATFORM_KEY)),
        (urllib.parse.urlsplit(second.callback_url).path, fields, good),
    ]
    for where, what, signature in forgeries:
        assert post_callback(worker.url, where, what, signature) == (401, {"status": "signature"}), signature
    assert post_callback(worker.url, path[:-1] + "x", fields, good) == (401, {"status": "token"})
    assert {fleet.state(batch, i)["phase"] for i in (0, 1)} == {"live"}
    for create in (first, second):
        assert twilio.hang_up(create.sid, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 2}


@pytest.mark.parametrize("public", ["https://calls.example/carillon/", "https://calls.example:8443", "http://10.0.0.7:80"])
def test_a_signature_is_of_the_url_that_the_platform_was_given(fleet: Fleet, twilio: Twilio, public: str) -> None:
    """Whatever stands in front of the worker; the platform signs with its port or without."""
    worker = fleet.worker("--public-url", public)
    batch = fleet.batch(2)
    for create, keeps_port in zip(twilio.wait_creates(2), (True, False)):
        given = create.callback_url
        assert given.startswith(public.rstrip("/") + "/callbacks/twilio/")
        url = urllib.parse.urlsplit(given)
        signed = given if keeps_port else given.replace(url.netloc, url.hostname or "")
        twilio.end(create.sid)
        fields = twilio.fields(create.sid)
        path = "/callbacks/twilio/" + create.token
        assert post_callback(worker.url, path, fields, sign(signed, fields, PLATFORM_KEY)) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 2}


# ---- refusals ----


def test_throttled_requests_are_sent_again_when_the_platform_permits_it(fleet: Fleet, twilio: Twilio) -> None:
    answers = [refuse(429, 20429, {"Retry-After": "2"}), refuse(400, 10004)]
    twilio.on_create = lambda request: answers.pop(0) if answers else None
    worker = fleet.worker()
    batch = fleet.batch()
    creates = twilio.wait_creates(3)
    assert creates[1].at - creates[0].at >= 2, "the platform's Retry-After was not kept"
    assert [create.dial for create in creates] == [1, 2, 3]
    twilio.hang_up(creates[2].sid, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert fleet.counters(batch)["attempts"] == 1, "a refusal for load was charged"


@pytest.mark.parametrize(("code", "outcome"), [(21211, "INVALID_NUMBER"), (21216, "BLOCKED"), (21215, "REJECTED")])
def test_a_number_that_twilio_does_not_call_is_final(fleet: Fleet, twilio: Twilio, code: int, outcome: str) -> None:
    twilio.on_create = lambda request: refuse(400, code)
    fleet.worker()
    batch = fleet.batch()
    assert fleet.wait_final(batch) == {outcome: 1}
    assert twilio.count_creates() == 1
    engine = fleet.engine()
    assert engine.client.hget(engine.key(f"batch:{batch}:texts:0"), "0:reason") == f"error {code}".encode()


@pytest.mark.parametrize("code", [21211, 20003, 20429, 99999])  # refused; the account; for load; nobody knows
def test_a_number_in_the_words_of_the_platform_is_not_whole_in_any_line(fleet: Fleet, twilio: Twilio, code: int) -> None:
    said = {"code": code, "message": f"The 'To' number +{NUMBER}, or +49 1511-234 5678,\nis \x1b[2J\x9b2J not valid"}
    twilio.on_create = lambda request: answer_json({20003: 401, 20429: 429}.get(code, 400), said)
    worker = fleet.worker()
    fleet.batch([NUMBER])
    wait_until(lambda: worker.log_events("dial.verdict"), what="the platform's words are in the log")
    text = worker.log_text()
    assert "The 'To' number +***********78, or +** ****-*** **78" in text
    assert str(NUMBER) not in text and "234 5678" not in text
    assert "\x1b" not in text and "\x9b" not in text


def test_an_account_that_may_not_call_stops_the_trunk_and_no_batch(fleet: Fleet, twilio: Twilio) -> None:
    right, twilio.auth_token = twilio.auth_token, "another"  # 401, 20003
    worker = fleet.worker()
    batch = fleet.batch()
    wait_until(lambda: fleet.engine().hash("trunk:main").get("state") == "stopped", what="the trunk is stopped")
    assert fleet.engine().hash("trunk:main")["reason"] == "account"
    assert fleet.engine().hash(f"batch:{batch}")["state"] in ("pending", "processing")
    assert fleet.counters(batch)["attempts"] == 0
    assert PLATFORM_KEY not in json.dumps(worker.log_events("trunk.stopped"))
    twilio.auth_token = right
    fleet.engine().trunk("main", how="set", state="active")
    create = wait_placed(twilio, 1)[0]
    twilio.hang_up(create.sid, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def wait_placed(twilio: Twilio, count: int) -> list[Any]:
    """Create requests that placed a call."""
    wait_until(lambda: sum(bool(create.sid) for create in twilio.creates) >= count, what=f"{count} calls placed")
    return [create for create in twilio.creates if create.sid]


def test_calls_that_twilio_lets_wait_are_followed_by_no_more_of_them(fleet: Fleet, twilio: Twilio) -> None:
    """It takes calls over its rate and rings later: the trunk waits as long as the queue is, and so does the deadline."""
    twilio.queue_time_ms = 5_000
    worker = fleet.worker()
    batch = fleet.batch()
    create = twilio.wait_creates(1)[0]
    state = fleet.wait_state(batch, phase="live", p=create.sid)
    life_ms = 31_000 + 30_000 + (5 + 60) * 1000
    assert int(state["h"]) - int(state["b"]) == life_ms + 5_000 and state["k"] == "5000"
    assert int(fleet.engine().hash("trunk:main")["hold_until_ms"]) >= int(state["b"]) + 5_000
    twilio.queue_time_ms = 0
    following = fleet.batch()
    second = twilio.wait_creates(2, deadline_s=20)[1]
    assert second.at - create.at >= 5
    for one in (create, second):
        twilio.hang_up(one.sid, worker.url)
    assert fleet.wait_final(batch) == fleet.wait_final(following) == {"COMPLETED": 1}


def queue_beyond_expiry(fleet: Fleet, twilio: Twilio, **fields: Any) -> str:
    """A batch that expires before the platform will ring."""
    twilio.queue_time_ms = 3_600_000
    return fleet.batch(expires_ms=fleet.engine().now_ms() + 6_000, **fields)


def test_a_call_that_would_ring_too_late_is_stopped_and_given_back(fleet: Fleet, twilio: Twilio) -> None:
    fleet.worker()
    batch = queue_beyond_expiry(fleet, twilio)
    create = twilio.wait_creates(1)[0]
    fleet.wait_state(batch, phase="due", g="1", a="0")
    assert twilio.cancels == [create.sid] and twilio.calls[create.sid]["status"] == "canceled"
    assert fleet.wait_final(batch) == {"EXPIRED": 1}
    assert twilio.count_creates() == 1 and fleet.counters(batch)["attempts"] == 0


def test_its_callback_may_come_before_the_answer_to_the_stop(fleet: Fleet, twilio: Twilio) -> None:
    answer = threading.Event()

    def stop_slowly(request: Received) -> Answer | None:
        if request.method != "POST":
            return None
        sid = request.path.rsplit("/", 1)[1].removesuffix(".json")
        return answer_json(200, twilio.end(sid, "canceled"), after=answer)

    twilio.on_ask = stop_slowly
    worker = fleet.worker()
    batch = queue_beyond_expiry(fleet, twilio)
    create = twilio.wait_creates(1)[0]
    wait_until(lambda: twilio.calls[create.sid]["status"] == "canceled", what="the stop")
    assert twilio.callback(create.sid, worker.url) == (200, {"status": "ok"})
    fleet.wait_state(batch, phase="due", g="1", a="0")
    answer.set()
    assert fleet.wait_final(batch) == {"EXPIRED": 1}


def test_who_has_answered_already_is_not_cut_off(fleet: Fleet, twilio: Twilio) -> None:
    def answered_meanwhile(request: Received) -> Answer | None:
        if request.method == "POST":
            twilio.change(request.path.rsplit("/", 1)[1].removesuffix(".json"), status="in-progress")
        return None

    twilio.on_ask = answered_meanwhile
    worker = fleet.worker()
    batch = queue_beyond_expiry(fleet, twilio)
    create = twilio.wait_creates(1)[0]
    wait_until(lambda: twilio.polls, what="a poll that finds it answered")
    fleet.wait_state(batch, phase="live", p=create.sid, y="")
    fleet.make_check_due(batch)
    wait_until(lambda: len(twilio.polls) >= 2, what="the next check")
    assert twilio.cancels == [create.sid]
    assert twilio.hang_up(create.sid, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_stop_that_failed_is_asked_for_again(fleet: Fleet, twilio: Twilio) -> None:
    failures = [refuse(500, 20500), refuse(429, 20429, {"Retry-After": "1"})]
    twilio.on_ask = lambda request: failures.pop() if request.method == "POST" and failures else None
    fleet.worker()
    batch = queue_beyond_expiry(fleet, twilio)
    create = twilio.wait_creates(1)[0]
    fleet.wait_state(batch, phase="due", g="1", a="0", deadline_s=20)
    assert twilio.cancels == [create.sid] and not failures


# ---- an answer that was lost ----


def test_a_lost_call_is_found_by_caller_number_and_time(fleet: Fleet, twilio: Twilio) -> None:
    twilio.on_create = twilio.place_and_reset
    fleet.worker()
    batch = fleet.batch([NUMBER])
    create = twilio.wait_creates(1)[0]
    twilio.end(create.sid, "completed")
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert twilio.count_creates() == 1
    assert twilio.lookups[0] == {"To": f"+{NUMBER}", "From": CALLER_ID, "PageSize": "1000"}
    assert fleet.state(batch)["p"] == create.sid
    assert [line["via"] for line in fleet.attempts(batch) if "via" in line] == ["lookup"]


@pytest.mark.parametrize("apart_s", [-20, 90])
def test_a_lost_call_is_not_rung_again_because_the_platforms_clock_and_ours_differ(
    fleet: Fleet, twilio: Twilio, apart_s: int
) -> None:
    def place_by_another_clock(request: Received) -> Answer:
        twilio.change(twilio.place(request)["sid"], date_created=rfc2822(request.at + apart_s))
        return Answer(reset=True)

    twilio.on_create = place_by_another_clock
    worker = fleet.worker()
    batch = fleet.batch([NUMBER])
    create = twilio.wait_creates(1)[0]
    wait_until(lambda: len(twilio.lookups) >= 4, 20, what="more lookups than would prove an absence")
    assert twilio.count_creates() == 1 and fleet.state(batch)["phase"] == "live"
    assert twilio.hang_up(create.sid, worker.url)[0] == 200
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_list_by_a_clock_that_is_hours_from_ours_proves_no_absence(fleet: Fleet, twilio: Twilio) -> None:
    """Redis's host lost its time: by it the call was made so long ago, or ahead, that it cannot be ours."""

    def place_by_another_clock(request: Received) -> Answer:
        twilio.change(twilio.place(request)["sid"], date_created=rfc2822(request.at + 7200))
        return Answer(reset=True)

    def list_by_it(request: Received) -> Answer:
        body = {"calls": list(twilio.calls.values()), "next_page_uri": None}
        return answer_json(200, body, {"Date": email.utils.formatdate(time.time() + 7200, usegmt=True)})

    twilio.on_create, twilio.on_ask = place_by_another_clock, list_by_it
    worker = fleet.worker()
    batch = fleet.batch([NUMBER])
    create = twilio.wait_creates(1)[0]
    wait_until(lambda: len(worker.log_events("check.failed")) >= 3, 20, what="more lookups than would prove an absence")
    assert twilio.count_creates() == 1 and fleet.state(batch)["phase"] == "live"
    assert twilio.hang_up(create.sid, worker.url)[0] == 200
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_of_two_calls_that_are_no_dials_neither_is_taken(fleet: Fleet, twilio: Twilio) -> None:
    """One create request places one call: the other is of somebody whom we do not know, and which is whose its callback tells."""

    def place_behind_a_stranger(request: Received) -> Answer:
        twilio.end(twilio.place(request)["sid"], "busy")
        return twilio.place_and_reset(request)

    twilio.on_create = place_behind_a_stranger
    worker = fleet.worker()
    batch = fleet.batch([NUMBER])
    wait_until(lambda: worker.log_events("check.contested"), what="a lookup that proves nothing")
    _, own = twilio.calls
    assert fleet.state(batch)["phase"] == "live" and "p" not in fleet.state(batch)
    assert twilio.hang_up(own, worker.url)[0] == 200
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert twilio.count_creates() == 1


def test_a_lost_call_that_still_waits_at_its_deadline_is_stopped_before_another_is_placed(
    fleet: Fleet, twilio: Twilio
) -> None:
    """How long it would wait was told by the answer that was lost."""
    twilio.on_create = lambda request: twilio.place_and_reset(request) if twilio.count_creates() == 1 else None
    worker = fleet.worker()
    batch = fleet.batch([NUMBER], no_answer_delay_ms=1000)
    lost = twilio.wait_creates(1)[0]
    fleet.wait_state(batch, p=lost.sid, phase="live")
    fleet.make_deadline_due(batch)
    again = twilio.wait_creates(2, 15)[1]
    assert twilio.cancels == [lost.sid] and twilio.calls[lost.sid]["status"] == "canceled"
    assert again.dial == 2 and fleet.counters(batch)["attempts"] == 1, "a call that never rang was charged"
    assert twilio.hang_up(again.sid, worker.url)[0] == 200
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_call_that_was_stopped_is_not_taken_for_the_next_dials(fleet: Fleet, twilio: Twilio) -> None:
    """The second request never arrives; what the platform lists is the call of the first, which we stopped ourselves."""
    answers = {1: twilio.place_and_reset, 2: lambda request: Answer(reset=True)}
    twilio.on_create = lambda request: answers.get(twilio.count_creates(), lambda request: None)(request)
    worker = fleet.worker()
    batch = fleet.batch([NUMBER], no_answer_delay_ms=1000)
    lost = twilio.wait_creates(1)[0]
    fleet.wait_state(batch, p=lost.sid, phase="live")
    fleet.make_deadline_due(batch)
    again = twilio.wait_creates(3, 20)[2]
    assert twilio.cancels == [lost.sid]
    assert fleet.counters(batch)["attempts"] == 1, "a dial that was not placed was charged"
    assert twilio.hang_up(again.sid, worker.url)[0] == 200
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_lost_call_that_is_answered_behind_its_deadline_is_not_cut_off(fleet: Fleet, twilio: Twilio) -> None:
    twilio.on_create = twilio.place_and_reset
    fleet.worker()
    batch = fleet.batch([NUMBER], on_unknown="hold")
    lost = twilio.wait_creates(1)[0]
    fleet.wait_state(batch, p=lost.sid, phase="live")
    twilio.change(lost.sid, status="in-progress")
    fleet.make_deadline_due(batch)
    assert fleet.wait_final(batch) == {"UNKNOWN": 1}
    assert twilio.cancels == [] and twilio.calls[lost.sid]["status"] == "in-progress"


def test_a_lost_call_is_looked_up_by_the_caller_it_was_placed_with(fleet: Fleet, twilio: Twilio) -> None:
    """Another caller id since then would find nothing, and nothing twice is a second call."""
    twilio.on_create = twilio.place_and_reset
    first = fleet.worker()
    batch = fleet.batch([NUMBER])
    create = twilio.wait_creates(1)[0]
    set_trunk(fleet, twilio, caller_ids='["+15550001234"]')
    first.terminate()
    fleet.worker()  # knows the new one alone
    twilio.end(create.sid)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert {query["From"] for query in twilio.lookups} == {CALLER_ID} and twilio.count_creates() == 1


def test_a_lost_call_that_goes_on_is_followed_under_its_id(fleet: Fleet, twilio: Twilio) -> None:
    set_trunk(fleet, twilio, poll_after_ms=500)
    twilio.on_create = twilio.place_and_reset
    fleet.worker()
    batch = fleet.batch(max_attempts=1)
    create = twilio.wait_creates(1)[0]
    twilio.change(create.sid, status="ringing")
    fleet.wait_state(batch, p=create.sid, phase="live")
    wait_until(lambda: twilio.polls, what="a poll by id")
    twilio.end(create.sid, "no-answer")
    assert fleet.wait_final(batch) == {"NO_ANSWER": 1}
    assert twilio.count_creates() == 1 and len(twilio.lookups) == 1


@pytest.mark.parametrize("answer", [Answer(reset=True), refuse(500, 20500), answer_json(201, {"status": "queued"})])
def test_what_was_absent_twice_is_given_back_and_dialed_under_a_new_number(
    fleet: Fleet, twilio: Twilio, answer: Answer
) -> None:
    twilio.on_create = lambda request: answer if twilio.count_creates() == 1 else None
    worker = fleet.worker()
    batch = fleet.batch()
    create = twilio.wait_creates(2)[1]
    assert create.dial == 2 and len(twilio.lookups) == 2
    assert fleet.counters(batch)["attempts"] == 1, "the dial that was not placed was charged"
    twilio.hang_up(create.sid, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    twilio.assert_each_dial_was_sent_once()


def lose_second(twilio: Twilio) -> None:
    """The second create request is lost on its way: no call, no answer."""
    twilio.on_create = lambda request: Answer(reset=True) if twilio.count_creates() == 2 else None


def test_the_call_of_an_earlier_dial_is_not_taken_for_this_ones(fleet: Fleet, twilio: Twilio) -> None:
    lose_second(twilio)
    worker = fleet.worker()
    batch = fleet.batch([NUMBER])
    first = twilio.wait_creates(1)[0]
    fleet.wait_state(batch, p=first.sid)
    assert twilio.hang_up(first.sid, worker.url, "busy")[0] == 200  # tried again a second after its begin
    third = twilio.wait_creates(3)[2]
    assert third.dial == 3 and len(twilio.lookups) >= 2
    assert all(query["To"] == f"+{NUMBER}" for query in twilio.lookups)
    twilio.hang_up(third.sid, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    ids = [line["p"] for line in fleet.attempts(batch) if line.get("p")]
    assert ids == [first.sid, third.sid]


def test_the_call_of_another_batch_is_not_taken_for_this_ones(fleet: Fleet, twilio: Twilio) -> None:
    lose_second(twilio)
    fleet.engine().tenant(OTHER, how="put", cps=1000)
    worker = fleet.worker()
    theirs = fleet.batch([NUMBER], tenant=OTHER)
    first = twilio.wait_creates(1)[0]
    fleet.wait_state(theirs, p=first.sid)
    mine = fleet.batch([NUMBER])
    third = twilio.wait_creates(3)[2]
    assert fleet.wait_state(mine, p=third.sid)["d"] == "2"
    assert fleet.state(theirs)["p"] == first.sid
    twilio.hang_up(first.sid, worker.url, "no-answer")
    twilio.hang_up(third.sid, worker.url)
    assert fleet.wait_final(mine) == {"COMPLETED": 1}
    assert fleet.state(theirs)["x"] == "NO_ANSWER"


def test_a_call_whose_own_answer_is_still_out_is_not_taken_for_another(fleet: Fleet, twilio: Twilio) -> None:
    """Two dials to one number, one call in the list, and nobody has said yet whose it is."""
    answer = threading.Event()

    def first_waits_second_is_lost(request: Received) -> Answer | None:
        if twilio.count_creates() == 1:
            return answer_json(201, twilio.place(request), after=answer)
        return Answer(reset=True) if twilio.count_creates() == 2 else None

    twilio.on_create = first_waits_second_is_lost
    fleet.engine().tenant(OTHER, how="put", cps=1000)
    worker = fleet.worker()
    theirs = fleet.batch([NUMBER], tenant=OTHER)
    wait_until(lambda: len(twilio.calls) == 1, what="their call")
    mine = fleet.batch([NUMBER])
    wait_until(lambda: worker.log_events("check.contested"), what="a lookup that proves nothing")
    assert "p" not in fleet.state(mine) and "z" not in fleet.state(mine), "neither found nor absent"
    answer.set()
    first = next(iter(twilio.calls))
    fleet.wait_state(theirs, p=first)
    third = twilio.wait_creates(3, deadline_s=20)[2]
    assert third.token.startswith(mine + ".") and third.dial == 2
    for sid in (first, third.sid):
        twilio.hang_up(sid, worker.url)
    assert fleet.wait_final(mine) == fleet.wait_final(theirs) == {"COMPLETED": 1}


def test_two_lost_calls_to_one_number_wait_for_their_callbacks(fleet: Fleet, twilio: Twilio) -> None:
    twilio.on_create = twilio.place_and_reset
    fleet.engine().tenant(OTHER, how="put", cps=1000)
    worker = fleet.worker()
    plan = ((OTHER, "busy"), (TENANT, "completed"))
    batches = {fleet.batch([NUMBER], tenant=tenant, max_attempts=1): status for tenant, status in plan}
    sids = {create.token.split(".")[0]: create.sid for create in twilio.wait_creates(2)}
    for batch in batches:
        twilio.end(sids[batch], batches[batch])
    wait_until(lambda: len(worker.log_events("check.contested")) >= 2, what="lookups that prove nothing")
    assert all(fleet.state(batch)["phase"] == "live" and "p" not in fleet.state(batch) for batch in batches)
    for batch in batches:
        assert twilio.callback(sids[batch], worker.url) == (200, {"status": "ok"})
    assert {batch: list(fleet.wait_final(batch)) for batch in batches} == {
        batch: [status.upper()] for batch, status in batches.items()
    }
    assert twilio.count_creates() == 2


def test_without_the_record_of_its_neighbours_a_lookup_proves_nothing(fleet: Fleet, twilio: Twilio) -> None:
    """The record went (Redis lost its tail, or too much time passed): the call stays, and ends at its deadline."""
    twilio.on_create = twilio.place_and_reset
    worker = fleet.worker()
    batch = fleet.batch([NUMBER], on_unknown="hold")
    create = twilio.wait_creates(1)[0]
    fleet.client.delete(fleet.engine().key(f"placed:{NUMBER}"))
    twilio.end(create.sid)
    wait_until(lambda: worker.log_events("check.neighbours_unknown"), what="a check that asks nobody")
    assert fleet.state(batch)["phase"] == "live" and twilio.lookups == []
    fleet.make_deadline_due(batch)
    assert fleet.wait_final(batch) == {"UNKNOWN": 1}


# ---- a Redis that lost its last second ----


@contextlib.contextmanager
def forgotten_call(twilio: Twilio, directory: pathlib.Path, *args: str, **fields: Any) -> Iterator[tuple[Fleet, str, Any]]:
    """The fleet, a batch, and the call that a worker placed for it before it died and Redis forgot all of it."""
    with RedisServer(appendonly=True, args=("--appendfsync", "always")) as server:
        fleet = Fleet(server, directory)
        set_trunk(fleet, twilio)
        fleet.engine().open(fleet.client.info("server")["run_id"])
        batch = fleet.batch(**fields)
        mark = server.mark_tail()
        doomed = fleet.worker(*args)
        create = twilio.wait_creates(1)[0]
        doomed.kill()
        server.kill_and_lose_tail(mark)
        server.start()
        yield fleet, batch, create
        assert len(twilio.creates) == 1
        fleet.close()


def test_a_call_that_a_dead_worker_placed_and_redis_forgot_is_found_by_its_number(twilio: Twilio, tmp_path: pathlib.Path) -> None:
    with forgotten_call(twilio, tmp_path) as (fleet, batch, create):
        fleet.worker()
        fleet.reopen()
        fleet.wait_state(batch, deadline_s=20, phase="live", d="1", p=create.sid)
        twilio.end(create.sid)
        fleet.make_check_due(batch)
        assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_forgotten_call_whose_callback_came_is_found_though_the_trunk_calls_from_another_number_by_now(
    twilio: Twilio, tmp_path: pathlib.Path
) -> None:
    """With the begin went the number that it was called from: the list of another one's calls is empty."""
    with forgotten_call(twilio, tmp_path, "--public-url", "https://calls.example") as (fleet, batch, create):
        set_trunk(fleet, twilio, caller_ids='["+15550001234"]')
        worker = fleet.worker("--public-url", "https://calls.example")
        assert twilio.callback(create.sid, worker.url, "ringing")[0] == 200
        fleet.reopen()
        fleet.wait_state(batch, deadline_s=20, phase="live", d=str(create.dial), p=create.sid)
        assert twilio.lookups == []
        assert twilio.hang_up(create.sid, worker.url) == (200, {"status": "ok"})
        assert fleet.wait_final(batch) == {"COMPLETED": 1}


def lengthen_tail(fleet: Fleet, seconds: int) -> None:
    """As where the loss began so long before: a backup that was put back, a replica that lagged."""
    engine = fleet.engine()
    engine.open(fleet.client.info("server")["run_id"])
    from_ms = int(engine.hash("cell")["tail_from_ms"]) - seconds * 1000
    fleet.client.hset(engine.key("cell"), "tail_from_ms", from_ms)


@pytest.mark.parametrize("tail_s", [240, 7200])
def test_a_call_of_a_long_lost_tail_is_found_by_its_number_wherever_in_it_the_call_was_made(
    twilio: Twilio, tmp_path: pathlib.Path, tail_s: int
) -> None:
    with forgotten_call(twilio, tmp_path) as (fleet, batch, create):
        lengthen_tail(fleet, tail_s)
        fleet.worker()
        fleet.reopen()
        fleet.wait_state(batch, deadline_s=20, phase="live", d="1", p=create.sid)


def test_a_call_of_long_ago_in_a_lost_tail_ends_unknown_and_is_not_made_again_as_if_it_had_not_been(
    twilio: Twilio, tmp_path: pathlib.Path
) -> None:
    """Whose it is nobody knows any more; whether somebody may be called again after that is for the batch to say."""
    with forgotten_call(twilio, tmp_path, on_unknown="hold") as (fleet, batch, create):
        twilio.end(create.sid)
        twilio.change(create.sid, date_created=rfc2822(create.at - 3600))
        lengthen_tail(fleet, 7200)
        fleet.worker()
        fleet.reopen()
        assert fleet.wait_final(batch, deadline_s=20) == {"UNKNOWN": 1}


def test_a_call_that_was_forgotten_before_a_second_loss_is_found_where_the_first_was(twilio: Twilio, tmp_path: pathlib.Path) -> None:
    with forgotten_call(twilio, tmp_path) as (fleet, batch, create):
        engine = fleet.engine()
        engine.open(fleet.client.info("server")["run_id"])
        # The second loss, ten minutes later, as what is known of the first tells.
        first_ms = int(engine.hash("cell")["tail_from_ms"])
        later_ms = first_ms + 600_000
        fleet.client.hset(engine.key("cell"), mapping={"tail_from_ms": later_ms, "tail_earlier": first_ms})
        fleet.worker()
        fleet.reopen()
        fleet.wait_state(batch, deadline_s=20, phase="live", d="1", p=create.sid)


def test_a_call_of_the_last_loss_is_found_though_it_proves_nothing_of_an_earlier_one(twilio: Twilio, tmp_path: pathlib.Path) -> None:
    """Made five minutes behind the earlier loss, it could be of that by another clock: that alone says nothing of it."""
    with forgotten_call(twilio, tmp_path) as (fleet, batch, create):
        engine = fleet.engine()
        engine.open(fleet.client.info("server")["run_id"])
        earlier_ms = int(engine.hash("cell")["tail_from_ms"]) - 300_000
        fleet.client.hset(engine.key("cell"), "tail_earlier", earlier_ms)
        worker = fleet.worker()
        fleet.reopen()
        fleet.wait_state(batch, deadline_s=20, phase="live", d="1", p=create.sid)
        assert worker.log_events("doubt.failed"), "asked about the earlier one first"


def test_a_call_that_redis_remembers_is_not_found_again_as_its_own_retry(twilio: Twilio, tmp_path: pathlib.Path) -> None:
    """The list by number has the earlier dial's call too, each time that the retry is asked for."""
    with RedisServer(appendonly=True) as server:
        fleet = Fleet(server, tmp_path)
        set_trunk(fleet, twilio)
        fleet.engine().open(fleet.client.info("server")["run_id"])
        worker = fleet.worker()
        batch = fleet.batch([NUMBER], busy_delay_ms=600_000)
        first = twilio.wait_creates(1)[0]
        fleet.wait_state(batch, p=first.sid)
        assert twilio.hang_up(first.sid, worker.url, "busy")[0] == 200
        server.kill_written()
        server.start()
        engine = fleet.engine()
        wait_until(lambda: engine.hash("cell").get("epoch") == "2", what="the cell is closed")
        # Due in the tail: whether it was begun in it nobody knows.
        fleet.client.zadd(engine.key(f"batch:{batch}:retry:0"), {"0": int(engine.hash("cell")["closed_ms"])})
        engine.change(batch, TENANT, priority=5)  # the lane looks anew at what it has
        fleet.reopen()
        second = twilio.wait_creates(2)[1]
        assert second.dial > first.dial and twilio.lookups  # a claim that comes too late uses a number up
        twilio.hang_up(second.sid, worker.url)
        assert fleet.wait_final(batch) == {"COMPLETED": 1}
        assert [line["p"] for line in fleet.attempts(batch) if line.get("p")] == [first.sid, second.sid]
        fleet.close()


@pytest.mark.parametrize("status", ["ringing", "completed"])
def test_a_forgotten_call_whose_callback_came_is_nobody_elses_and_is_found_by_its_own_contact(
    twilio: Twilio, tmp_path: pathlib.Path, status: str
) -> None:
    """Two tenants, one number, one call in a tail that was lost: the callback carries the token of the dial it was made for."""
    public = ("--public-url", "https://calls.example")
    with RedisServer(appendonly=True, args=("--appendfsync", "always")) as server:
        fleet = Fleet(server, tmp_path)
        set_trunk(fleet, twilio)
        engine = fleet.engine()
        engine.tenant(OTHER, how="put", cps=1000)
        engine.open(fleet.client.info("server")["run_id"])
        mine, theirs = fleet.batch([NUMBER]), fleet.batch([NUMBER], tenant=OTHER)
        engine.control(mine, TENANT, "pause")
        mark = server.mark_tail()
        doomed = fleet.worker(*public)
        first = twilio.wait_creates(1)[0]
        assert first.token.startswith(theirs + ".")
        doomed.kill()
        server.kill_and_lose_tail(mark)
        server.start()
        engine.control(theirs, OTHER, "pause")
        engine.control(mine, TENANT, "resume")
        worker = fleet.worker(*public)
        if status == "completed":
            twilio.end(first.sid)
        assert twilio.callback(first.sid, worker.url, status)[0] == 200
        fleet.reopen()
        second = twilio.wait_creates(2, deadline_s=20)[1]
        assert second.token.startswith(mine + "."), "their call was taken for mine, or theirs was made again"
        engine.control(theirs, OTHER, "resume")
        fleet.wait_state(theirs, deadline_s=20, p=first.sid)
        for sid, batch in ((first.sid, theirs), (second.sid, mine)):
            twilio.hang_up(sid, worker.url)
            assert fleet.wait_final(batch, deadline_s=20) == {"COMPLETED": 1}
            assert fleet.state(batch)["p"] == sid
        assert len(twilio.creates) == 2
        fleet.close()
