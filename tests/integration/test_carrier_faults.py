# SPDX-License-Identifier: Apache-2.0
"""The faults that the stand-in plays, through both of its APIs: what the client sees, and what the log says really
happened."""

from __future__ import annotations

import collections
import contextlib
import http.client
import json
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Callable, Iterator

import pytest

from tests.support.carrier import ACCOUNT, FORM, FROM, KEY, TO, Carrier, TwilioClient, basic, draw, play_faults, strikes
from tests.support.http_receiver import Answer, HttpReceiver, Received
from tests.support.waiting import wait_until

Create = Callable[[Carrier, str], tuple[int, Any]]


def create_at_retell(carrier: Carrier, to: str = TO) -> tuple[int, Any]:
    return carrier.create(to, token="t")[:2]


def create_at_twilio(carrier: Carrier, to: str = TO) -> tuple[int, Any]:
    return TwilioClient(carrier).create(to, StatusCallback="http://127.0.0.1:9/callbacks/twilio/t")[:2]


APIS = pytest.mark.parametrize("create", [create_at_retell, create_at_twilio], ids=["retell", "twilio"])


def raw_request(api: str, to: str = TO) -> bytes:
    """A create request as bytes, for clients that do not wait for its answer."""
    if api == "retell":
        body = json.dumps({"from_number": FROM, "to_number": to}).encode()
        path, kind, auth = "/v2/create-phone-call", "application/json", f"Bearer {KEY}"
    else:
        body = urllib.parse.urlencode({"To": to, "From": FROM, "Url": "http://voice.example/"}).encode()
        path, kind, auth = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json", FORM, basic()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nAuthorization: {auth}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as server:
        yield server


# ---- nothing is placed ----


@APIS
@pytest.mark.parametrize(
    ("fault", "retell", "twilio"),
    [
        ("throttle", (429, None), (429, 20429)),
        ("unavailable", (503, None), (503, 20503)),
        ("no_credits", (402, None), (403, 20005)),
    ],
)
def test_a_refusal_places_nothing_and_is_on_record(tmp_path, create, fault, retell, twilio):
    with Carrier(tmp_path, "--fault", f"{fault}=1") as carrier:
        status, error = create(carrier)
        expected, code = retell if create is create_at_retell else twilio
        assert (status, error.get("code")) == (expected, code)
        (line,) = carrier.witness("create")
        assert (line["status"], line["n"], line["request"], line["token"], line["id"]) == (expected, 1, 1, "t", None)
        assert line["faults"] == [fault]
        assert [(line["why"], line["status"]) for line in carrier.witness("refused")] == [(fault, expected)]
        assert carrier.witness("placed") == []


def test_twilio_refuses_a_call_too_many(tmp_path):
    with Carrier(tmp_path, "--fault", "concurrency=1") as carrier:
        status, error = create_at_twilio(carrier)
        assert (status, error["code"], error["message"]) == (429, 10004, "Call concurrency limit exceeded")
        assert carrier.witness("placed") == []
        assert TwilioClient(carrier).list()["calls"] == []


def test_retell_takes_a_call_too_many_and_ends_it_before_anything_rings(tmp_path):
    with HttpReceiver() as receiver:
        with Carrier(tmp_path, "--fault", "concurrency=1", webhook_url=receiver.url) as carrier:
            status, created = create_at_retell(carrier)
            assert (status, created["call_status"]) == (201, "registered")
            (ended,) = receiver.wait_for(1, where=lambda request: request.json()["event"] == "call_ended")
            call = ended.json()["call"]
            assert call["call_id"] == created["call_id"]
            assert (call["call_status"], call["disconnection_reason"]) == ("not_connected", "concurrency_limit_reached")
            assert carrier.witness("placed") == []
            (refused,) = carrier.witness("refused")
            assert (refused["why"], refused["id"]) == ("concurrency", created["call_id"])
            (line,) = carrier.witness("ended")
            assert (line["outcome"], line["n"], line["id"]) == ("concurrency", 1, created["call_id"])


def test_a_dial_that_nothing_rang_for_is_not_counted(tmp_path):
    """Otherwise the fates of a run would depend on how often the client asked in vain."""
    with Carrier(tmp_path, "--seed", "4", "--fault", "concurrency=0.5", "--ring-ms", "1") as carrier:
        for _ in range(8):
            create_at_retell(carrier)
        turned_away = [strikes("concurrency", 4, TO, request, 0.5) for request in range(1, 9)]
        assert 0 < sum(turned_away) < 8
        assert len(carrier.witness("refused")) == sum(turned_away)
        assert [line["n"] for line in carrier.witness("placed")] == list(range(1, 9 - sum(turned_away)))


# ---- the answer is lost ----


@APIS
def test_a_reset_request_is_placed_all_the_same(tmp_path, create):
    with Carrier(tmp_path, "--fault", "reset=1") as carrier:
        with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
            create(carrier)
        (line,) = carrier.witness("create")
        (placed,) = carrier.witness("placed")
        assert (line["status"], line["id"], line["token"]) == (0, placed["id"], "t")


@APIS
def test_an_error_says_500_and_the_call_is_placed(tmp_path, create):
    with Carrier(tmp_path, "--fault", "error=1") as carrier:
        status, error = create(carrier)
        assert status == 500
        assert error.get("code") == (None if create is create_at_retell else 20500)
        (line,) = carrier.witness("create")
        assert (line["status"], line["id"]) == (500, carrier.witness("placed")[0]["id"])


@pytest.mark.parametrize("api", ["retell", "twilio"])
def test_a_request_that_hangs_is_placed_and_never_answered(tmp_path, api):
    with Carrier(tmp_path, "--fault", "hang=1", "--ring-ms", "1", "--talk-ms", "1") as carrier:
        with contextlib.closing(socket.create_connection(("127.0.0.1", carrier.process.port))) as client:
            client.sendall(raw_request(api))
            carrier.wait_witness("ended", 1)
            # It has answered somebody else since: it is not late, it hangs.
            assert carrier.send("GET", "/get-concurrency")[0] == 200
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
        (line,) = carrier.witness("create")
        assert (line["status"], line["faults"]) == (0, ["hang"])


@pytest.mark.parametrize("api", ["retell", "twilio"])
def test_it_ends_in_order_while_a_request_hangs(tmp_path, api):
    with Carrier(tmp_path, "--fault", "hang=1") as carrier:
        with contextlib.closing(socket.create_connection(("127.0.0.1", carrier.process.port))) as client:
            client.sendall(raw_request(api))
            carrier.wait_witness("placed", 1)
            carrier.process.terminate()


def identity(text: bytes) -> Any:
    """What a careful client would take for the id of the call."""
    with contextlib.suppress(ValueError):
        answer = json.loads(text)
        if isinstance(answer, dict):
            return next((answer[key] for key in ("call_id", "sid") if isinstance(answer.get(key), str)), None)
    return None


@pytest.mark.parametrize("api", ["retell", "twilio"])
def test_garbage_has_a_good_status_and_no_id(tmp_path, api):
    seen = collections.Counter()
    with Carrier(tmp_path, "--fault", "garbage=1") as carrier:
        for i in range(40):
            connection = http.client.HTTPConnection("127.0.0.1", carrier.process.port, timeout=30)
            with contextlib.closing(connection):
                head, _, body = raw_request(api, f"+1555000{i:04d}").partition(b"\r\n\r\n")
                lines = head.decode().split("\r\n")
                headers = dict(line.split(": ") for line in lines[2:])
                connection.request("POST", lines[0].split()[1], body, headers)
                answer = connection.getresponse()
                text = answer.read()
                assert answer.status == 201
                assert identity(text) is None
                seen[text] += 1
        assert len(seen) == 7, seen
        assert {line["status"] for line in carrier.witness("create")} == {201}
        assert len(carrier.witness("placed")) == 40


@APIS
def test_a_lost_answer_may_hide_that_nothing_was_placed(tmp_path, create):
    rate = 0.5
    with Carrier(tmp_path, "--seed", "2", "--fault", "error=1", "--fault", f"unplaced={rate}") as carrier:
        numbers = [f"+1555000{i:04d}" for i in range(20)]
        assert {create(carrier, number)[0] for number in numbers} == {500}
        unplaced = {number for number in numbers if strikes("unplaced", 2, number, 1, rate)}
        assert 0 < len(unplaced) < 20
        assert {line["to"] for line in carrier.witness("refused")} == unplaced
        assert {line["why"] for line in carrier.witness("refused")} == {"unplaced"}
        assert {line["to"] for line in carrier.witness("placed")} == set(numbers) - unplaced
        assert {line["id"] is None for line in carrier.witness("create") if line["to"] in unplaced} == {True}


@APIS
def test_unplaced_alone_does_nothing(tmp_path, create):
    with Carrier(tmp_path, "--fault", "unplaced=1") as carrier:
        assert create(carrier)[0] == 201
        assert len(carrier.witness("placed")) == 1


# ---- it forgets ----


def test_a_call_that_is_forgotten_rings_and_nobody_hears_of_it_again(tmp_path, receiver):
    with Carrier(tmp_path, "--fault", "forget=1", "--ring-ms", "1", "--talk-ms", "1", webhook_url=receiver.url) as carrier:
        call_id = carrier.place(token="t")["call_id"]
        client = TwilioClient(carrier)
        sid = client.place(StatusCallback=receiver.url)["sid"]
        carrier.wait_witness("ended", 2)
        assert {line["id"] for line in carrier.witness("placed")} == {call_id, sid}
        assert carrier.send("GET", f"/v2/get-call/{call_id}")[0] == 422
        assert carrier.send("POST", f"/v2/stop-call/{call_id}")[0] == 422
        assert carrier.send("POST", "/v3/list-calls", {})[1]["items"] == []
        assert client.send("GET", f"/Calls/{sid}.json")[0] == 404
        assert client.list()["calls"] == []
        # A call that it keeps is told of behind those: nothing is on its way any more.
        play_faults(carrier.process.url)
        kept = carrier.place()["call_id"]
        receiver.wait_for(1, where=lambda request: request.json()["event"] == "call_ended")
        assert {request.json()["call"]["call_id"] for request in receiver.snapshot()} == {kept}
        assert carrier.call(kept)["call_status"] == "ended"


# ---- faults that come and go ----


def test_faults_may_change_while_it_runs(tmp_path):
    with Carrier(tmp_path, "--fault", "throttle=1") as carrier:
        assert carrier.create()[0] == 429
        play_faults(carrier.process.url, unavailable=1, slow=0.5)
        assert carrier.create()[0] == 503
        play_faults(carrier.process.url)
        assert carrier.create()[0] == 201
        assert [line["faults"] for line in carrier.witness("create")][::2] == [["throttle"], []]


@pytest.mark.parametrize("text", ["unheard_of=1", "throttle", "throttle=2", "throttle=1,throttle=1", "throttle=1,", "," * 2000])
def test_a_plan_of_faults_that_is_wrong_changes_nothing(tmp_path, text):
    with Carrier(tmp_path, "--fault", "throttle=1") as carrier:
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(
                urllib.request.Request(f"{carrier.process.url}/control/faults", data=text.encode(), method="PUT"), timeout=30
            )
        assert refusal.value.code == 400 and refusal.value.read()
        assert carrier.create()[0] == 429


# ---- late ----


@APIS
def test_a_slow_answer_comes_when_the_call_is_long_under_way(tmp_path, create):
    with Carrier(
        tmp_path, "--fault", "slow=1", "--slow-ms", "400", "--outcomes", "busy=1", "--ring-ms", "10"
    ) as carrier:
        status, created = create(carrier)
        assert status == 201
        # As it was created, though it has ended: that is what a late answer says.
        assert created.get("call_status", created.get("status")) in ("registered", "queued")
        (line,) = carrier.witness("create")
        (ended,) = carrier.witness("ended")
        assert line["id"] == ended["id"] and line["status"] == 201


@pytest.mark.parametrize("api", ["retell", "twilio"])
def test_a_client_that_does_not_wait_for_a_slow_answer_hurts_nobody(tmp_path, api):
    with Carrier(tmp_path, "--fault", "slow=1", "--slow-ms", "200") as carrier:
        with contextlib.closing(socket.create_connection(("127.0.0.1", carrier.process.port))) as client:
            client.sendall(raw_request(api))
            carrier.wait_witness("placed", 1)
        status, _ = create_at_retell(carrier)  # its answer comes behind the one that nobody waits for
        assert status == 201


def events(receiver: HttpReceiver) -> list[str]:
    return [request.json()["event"] for request in receiver.snapshot()]


def test_a_late_summary_comes_after_its_time(tmp_path, receiver):
    quick = ("--outcomes", "completed=1", "--ring-ms", "1", "--talk-ms", "1", "--fault", "summary_late=1")
    with Carrier(tmp_path, *quick, "--summary-late-ms", "3600000", webhook_url=receiver.url) as carrier:
        call_id = carrier.place()["call_id"]
        carrier.wait_witness("callback", 2)
        assert sorted(events(receiver)) == ["call_ended", "call_started"]
        assert carrier.call(call_id)["call_status"] == "ended"
        assert "call_analysis" not in carrier.call(call_id)
    with Carrier(tmp_path, *quick, "--summary-late-ms", "300", webhook_url=receiver.url) as carrier:
        call_id = carrier.place()["call_id"]
        receiver.wait_for(1, where=lambda request: request.json()["event"] == "call_analyzed")
        assert carrier.call(call_id)["call_analysis"]["call_summary"]
        lines = [line for line in carrier.wait_witness("callback", 5) if line["id"] == call_id]
        ended = next(line for line in carrier.witness("ended") if line["id"] == call_id)
        told = next(line for line in lines if line["event"] == "call_analyzed")
        assert told["us"] - ended["us"] >= 299_000


def test_a_call_may_never_have_a_summary(tmp_path, receiver):
    numbers = [f"+1555000{i:04d}" for i in range(12)]
    silent = {number for number in numbers if strikes("summary_never", 1, number, 1, 0.5)}
    assert 0 < len(silent) < 12
    with Carrier(
        tmp_path,
        *("--outcomes", "completed=1", "--ring-ms", "1", "--talk-ms", "1", "--fault", "summary_never=0.5"),
        webhook_url=receiver.url,
    ) as carrier:
        ids = {number: carrier.place(number)["call_id"] for number in numbers}
        receiver.wait_for(2 * 12 + 12 - len(silent))
        carrier.wait_witness("callback", 2 * 12 + 12 - len(silent))
        analyzed = [request.json()["call"] for request in receiver.snapshot() if b'"call_analyzed"' in request.body]
        assert {call["to_number"] for call in analyzed} == set(numbers) - silent
        for number in silent:
            assert "call_analysis" not in carrier.call(ids[number])


# ---- callbacks of Twilio ----


def test_twilio_s_last_callback_may_come_before_the_answer(tmp_path):
    answered = threading.Event()
    overtaken: list[bool] = []

    def on_callback(request: Received) -> Answer:
        if b"CallStatus=busy" in request.body:
            overtaken.append(not answered.is_set())
        return Answer()

    with HttpReceiver(on_callback) as receiver:
        with Carrier(tmp_path, "--outcomes", "busy=1", "--fault", "callback_early=1") as carrier:
            created = TwilioClient(carrier).place(StatusCallback=receiver.url + "/callbacks/twilio/t")
            answered.set()
            assert created["status"] == "queued"
            assert overtaken == [True]


def test_an_answer_does_not_wait_for_a_callback_that_nobody_asked_for(tmp_path):
    with Carrier(tmp_path, "--fault", "callback_early=1") as carrier:
        client = TwilioClient(carrier)
        assert client.create()[0] == 201
        assert client.create(StatusCallback="http://127.0.0.1:9/", StatusCallbackEvent="initiated")[0] == 201


def test_twilio_s_callbacks_may_come_twice_or_never(tmp_path, receiver):
    with Carrier(tmp_path, "--outcomes", "busy=1", "--fault", "callback_twice=1") as carrier:
        TwilioClient(carrier).place(StatusCallback=receiver.url + "/twice")
        first, second = receiver.wait_for(2)
        assert first.body == second.body
        assert first.headers["i-twilio-idempotency-token"] == second.headers["i-twilio-idempotency-token"]
    with Carrier(tmp_path, "--outcomes", "busy=1", "--fault", "callback_never=1") as carrier:
        client = TwilioClient(carrier)
        client.wait_call(client.place(StatusCallback=receiver.url + "/never")["sid"], "busy")
        client.carrier.wait_witness("ended", 2)
    assert {request.path for request in receiver.snapshot()} == {"/twice"}


# ---- chance ----


def test_both_apis_ring_the_same_telephones(tmp_path):
    """An outcome is a function of the seed, the number and which time it is dialed, whoever dials."""
    weights = {"completed": 40, "busy": 30, "no_answer": 20, "failed": 10}
    flag = ",".join(f"{name}={weight}" for name, weight in weights.items())
    names = list(weights)
    with Carrier(tmp_path, "--seed", "9", "--outcomes", flag, "--ring-ms", "1", "--talk-ms", "1") as carrier:
        for create in (create_at_retell, create_at_twilio, create_at_twilio, create_at_retell):
            assert create(carrier)[0] == 201
        ended = sorted(carrier.wait_witness("ended", 4), key=lambda line: line["n"])
        assert [line["n"] for line in ended] == [1, 2, 3, 4]
        for line in ended:
            point = draw("outcome", 9, TO, line["n"]) % 100
            cumulated = [sum(list(weights.values())[: i + 1]) for i in range(4)]
            assert line["outcome"] == names[next(i for i, bound in enumerate(cumulated) if point < bound)]


def test_an_early_answer_goes_out_though_its_receiver_is_away(tmp_path):
    with Carrier(tmp_path, "--outcomes", "busy=1", "--ring-ms", "1", "--fault", "callback_early=1") as carrier:
        status, _ = create_at_twilio(carrier)  # nobody listens at that StatusCallback
        assert status == 201
        wait_until(lambda: carrier.witness("callback"), what="a callback was tried")
