# SPDX-License-Identifier: Apache-2.0
"""The stand-in's Twilio API, judged as a client of the documented API would, and by its own log."""

from __future__ import annotations

import datetime
import email.utils
import re
import time
import urllib.parse
from typing import Any, Iterator

import pytest

from tests.support.carrier import ACCOUNT, FROM, KEY, TO, Carrier, TwilioClient, basic
from tests.support.http_receiver import Answer, HttpReceiver, Received
from tests.support.twilio import read_form, sign

CALLBACK = "/callbacks/twilio/batch_c0_x.7.1.mac"
ENDS = {  # outcome -> CallStatus, SipResponseCode
    "completed": ("completed", "200"),
    "busy": ("busy", "486"),
    "no_answer": ("no-answer", "487"),
    "failed": ("failed", "503"),
    "voicemail": ("completed", "200"),
    "blocked": ("failed", "608"),
    "invalid_number": ("failed", "404"),
}


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as server:
        yield server


def forms(receiver: HttpReceiver, count: int) -> list[dict[str, str]]:
    """What `count` callbacks said, in the order they were sent."""
    received = [read_form(request.body) for request in receiver.wait_for(count)]
    return sorted(received, key=lambda form: int(form["SequenceNumber"]))


def is_signed(receiver: HttpReceiver, request: Received, path: str | None = None) -> bool:
    url = receiver.url + (path or request.path)
    form = read_form(request.body) if request.body else {}
    return request.headers["x-twilio-signature"] == sign(url, form, KEY)


# ---- a call's life ----


def test_a_call_is_created_as_documented_and_lives_its_life(tmp_path, receiver):
    with Carrier(tmp_path, "--outcomes", "completed=1", "--ring-ms", "30", "--talk-ms", "40") as carrier:
        client = TwilioClient(carrier)
        created = client.place(
            StatusCallback=receiver.url + CALLBACK,
            StatusCallbackEvent=["initiated", "ringing", "answered", "completed"],
            StatusCallbackMethod="POST",
            Timeout="20",
            TimeLimit="600",
        )
        sid = created["sid"]
        uri = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}"
        assert re.fullmatch("CA[0-9a-f]{32}", sid)
        date = created.pop("date_created")
        assert abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time()) < 60
        assert created == {
            "sid": sid,
            "account_sid": ACCOUNT,
            "api_version": "2010-04-01",
            "direction": "outbound-api",
            "to": TO,
            "to_formatted": "(555) 000-1111",
            "from": FROM,
            "from_formatted": "(555) 000-9999",
            "queue_time": "0",
            "status": "queued",
            "answered_by": None,
            "start_time": None,
            "end_time": None,
            "date_updated": date,
            "duration": None,
            "price": None,
            "price_unit": "USD",
            **{name: None for name in ("annotation", "caller_name", "forwarded_from", "group_sid")},
            **{name: None for name in ("parent_call_sid", "phone_number_sid", "trunk_sid")},
            "uri": uri + ".json",
            "subresource_uris": created["subresource_uris"],
        }
        assert created["subresource_uris"]["recordings"] == uri + "/Recordings.json"
        said = forms(receiver, 4)
        assert [form["CallStatus"] for form in said] == ["initiated", "ringing", "in-progress", "completed"]
        for form in said:
            assert form == form | {
                "AccountSid": ACCOUNT,
                "ApiVersion": "2010-04-01",
                "CallSid": sid,
                "CallbackSource": "call-progress-events",
                "Direction": "outbound-api",
                "From": FROM,
                "Caller": FROM,
                "To": TO,
                "Called": TO,
            }
            assert email.utils.parsedate_to_datetime(form["Timestamp"]).tzinfo == datetime.timezone.utc
        assert "CallDuration" not in said[0]
        assert (said[3]["CallDuration"], said[3]["Duration"], said[3]["SipResponseCode"]) == ("1", "1", "200")
        for request in receiver.snapshot():
            assert (request.method, request.path) == ("POST", CALLBACK)
            assert request.headers["content-type"] == "application/x-www-form-urlencoded"
            assert is_signed(receiver, request) and not is_signed(receiver, request, CALLBACK + "/")
        over = client.call(sid)
        assert (over["status"], over["duration"], over["date_created"]) == ("completed", "1", date)
        assert over["start_time"] and over["end_time"]
        tokens = {line["token"] for line in carrier.witness()}
        assert tokens == {"batch_c0_x.7.1.mac"}


@pytest.mark.parametrize("outcome", ENDS)
def test_each_outcome_ends_in_its_status(tmp_path, receiver, outcome):
    with Carrier(tmp_path, "--outcomes", f"{outcome}=1", "--ring-ms", "5", "--talk-ms", "5") as carrier:
        client = TwilioClient(carrier)
        sid = client.place(StatusCallback=receiver.url + CALLBACK)["sid"]
        (form,) = forms(receiver, 1)
        assert (form["CallStatus"], form["SipResponseCode"]) == ENDS[outcome]
        assert form["SequenceNumber"] == "0"  # only what was asked for is counted
        connected = outcome in ("completed", "voicemail")
        assert form["CallDuration"] == ("1" if connected else "0")
        call = client.call(sid)
        assert (call["status"], call["duration"]) == (ENDS[outcome][0], "1" if connected else None)
        (line,) = carrier.witness("ended")
        assert (line["outcome"], line["id"]) == (outcome, sid)


@pytest.mark.parametrize(
    ("outcome", "mode", "said"),
    [
        ("voicemail", "Enable", "machine_start"),
        ("voicemail", "DetectMessageEnd", "machine_end_beep"),
        ("completed", "Enable", "human"),
        ("voicemail", None, None),
        ("busy", "Enable", None),
    ],
)
def test_what_answered_is_told_where_it_was_asked_for(tmp_path, receiver, outcome, mode, said):
    with Carrier(tmp_path, "--outcomes", f"{outcome}=1", "--ring-ms", "5", "--talk-ms", "5") as carrier:
        client = TwilioClient(carrier)
        params = {"MachineDetection": mode} if mode else {}
        sid = client.place(StatusCallback=receiver.url + CALLBACK, **params)["sid"]
        (form,) = forms(receiver, 1)
        assert form.get("AnsweredBy") == said
        assert client.call(sid)["answered_by"] == said


def test_detection_beside_the_call_has_a_callback_of_its_own(tmp_path, receiver):
    with Carrier(tmp_path, "--outcomes", "voicemail=1", "--ring-ms", "5", "--talk-ms", "5") as carrier:
        TwilioClient(carrier).place(
            StatusCallback=receiver.url + CALLBACK,
            MachineDetection="Enable",
            AsyncAmd="true",
            AsyncAmdStatusCallback=receiver.url + "/amd",
        )
        receiver.wait_for(2)
        said = {request.path: read_form(request.body) for request in receiver.snapshot()}
        assert said["/amd"]["AnsweredBy"] == "machine_start"
        assert set(said["/amd"]) == {"AccountSid", "CallSid", "AnsweredBy", "MachineDetectionDuration"}
        assert "AnsweredBy" not in said[CALLBACK]
        assert all(is_signed(receiver, request) for request in receiver.snapshot())


def test_no_call_rings_longer_than_its_timeout(tmp_path):
    with Carrier(tmp_path, "--outcomes", "no_answer=1", "--ring-ms", "3600000") as carrier:
        client = TwilioClient(carrier)
        client.wait_call(client.place(Timeout="1")["sid"], "no-answer")


# ---- callbacks ----


def test_a_callback_by_get_carries_its_form_in_the_query(tmp_path, receiver):
    with Carrier(tmp_path, "--outcomes", "busy=1") as carrier:
        TwilioClient(carrier).place(StatusCallback=receiver.url + CALLBACK + "?a=b", StatusCallbackMethod="GET")
        (request,) = receiver.wait_for(1)
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.path).query))
        assert (request.method, request.body, query["a"], query["CallStatus"]) == ("GET", b"", "b", "busy")
        assert is_signed(receiver, request)


@pytest.mark.parametrize(
    ("fragment", "answer", "tries"),
    [
        ("", Answer(503), 1),
        ("", Answer(reset=True), 2),
        ("#rc=0", Answer(reset=True), 1),
        ("#rc=2&rp=5xx,4xx", Answer(503), 3),
        ("#rc=2&rp=4xx", Answer(503), 1),
        ("#rc=3&rp=all", Answer(404), 4),
        ("#rc=9&rp=all", Answer(404), 2),  # out of its range: as if it were not there
    ],
)
def test_a_callback_is_tried_again_as_its_url_asks(tmp_path, receiver, fragment, answer, tries):
    receiver.answer = answer
    with Carrier(tmp_path, "--outcomes", "busy=1") as carrier:
        client = TwilioClient(carrier)
        client.place(StatusCallback=receiver.url + CALLBACK + fragment)
        requests = receiver.wait_for(tries)
        assert {request.path for request in requests} == {CALLBACK}
        assert len({request.headers["i-twilio-idempotency-token"] for request in requests}) == 1
        assert all(is_signed(receiver, request) for request in requests)
        # By the time that another letter is tried once more than this one, this one's next try would have come.
        client.place("+15550002222", StatusCallback=receiver.url + "/other#rc=5&rp=all")
        receiver.wait_for(tries + 1, where=lambda request: request.path == "/other")
        assert len([request for request in receiver.snapshot() if request.path == CALLBACK]) == tries


def test_an_application_s_callbacks_are_not_the_request_s(tmp_path, receiver):
    with Carrier(tmp_path, "--outcomes", "busy=1") as carrier:
        client = TwilioClient(carrier)
        pairs = {"To": TO, "From": FROM, "ApplicationSid": "AP0123456789abcdef0123456789abcdef"}
        status, call, _ = client.send("POST", "/Calls.json", {**pairs, "StatusCallback": receiver.url + CALLBACK})
        assert status == 201
        client.wait_call(call["sid"], "busy")
        assert carrier.witness("callback") == []


# ---- the queue ----


def test_calls_beyond_the_rate_ring_one_after_the_other(tmp_path):
    with Carrier(tmp_path, "--cps", "50", "--outcomes", "busy=1", "--ring-ms", "1") as carrier:
        client = TwilioClient(carrier)
        numbers = [f"+1555000111{i}" for i in range(10)]
        for number in numbers:
            client.place(number)
        placed = carrier.wait_witness("placed", 10)
        assert [(line["to"], line["n"]) for line in placed] == [(number, 1) for number in numbers]
        first_us = carrier.witness("create")[0]["us"]
        for i, line in enumerate(placed):
            assert line["us"] - first_us >= i * 20_000 - 1000


def test_a_call_that_waits_says_how_long_and_can_be_canceled(tmp_path, receiver):
    with Carrier(tmp_path, "--cps", "1", "--ring-ms", "3600000") as carrier:
        client = TwilioClient(carrier)
        for i in range(60):
            client.place(f"+1555000{i:04d}")
        created = client.place(StatusCallback=receiver.url + CALLBACK)
        sid = created["sid"]
        assert 0 < int(created["queue_time"]) <= 60_000
        assert client.call(sid)["status"] == "queued"
        assert client.call(sid)["start_time"] is None
        assert [call["sid"] for call in client.list(To=TO, Status="queued")["calls"]] == [sid]
        assert client.update(sid, "canceled")[1]["status"] == "canceled"
        (form,) = forms(receiver, 1)
        assert (form["CallStatus"], form["SipResponseCode"]) == ("canceled", "487")
        assert all(line["to"] != TO for line in carrier.witness("placed"))
        assert [line["outcome"] for line in carrier.witness("ended")] == ["stopped"]


# ---- ending a call ----


def test_canceled_ends_what_rings_and_leaves_what_is_talked_on(tmp_path):
    with Carrier(tmp_path, "--outcomes", "completed=1", "--ring-ms", "1", "--talk-ms", "3600000") as carrier:
        client = TwilioClient(carrier)
        sid = client.place()["sid"]
        client.wait_call(sid, "in-progress")
        assert client.update(sid, "canceled") == (200, client.call(sid))
        assert client.call(sid)["status"] == "in-progress"
        status, call = client.update(sid, "completed")
        assert (status, call["status"]) == (200, "completed")
        status, error = client.update(sid, "completed")
        assert (status, error["code"]) == (400, 21220)
    with Carrier(tmp_path, "--ring-ms", "3600000") as carrier:
        client = TwilioClient(carrier)
        for status in ("canceled", "completed"):
            sid = client.place()["sid"]
            assert client.update(sid, status)[1]["status"] == "canceled"
        assert client.update(sid, "ringing")[1]["code"] == 21200
        assert client.update("CA" + "0" * 32, "canceled")[1]["code"] == 20404


# ---- lists ----


def test_a_list_is_filtered_by_everything_at_once(tmp_path):
    with Carrier(tmp_path, "--ring-ms", "3600000") as carrier:
        client = TwilioClient(carrier)
        sids = [client.place(number)["sid"] for number in (TO, "+15550002222", TO)]
        client.update(sids[0], "canceled")
        carrier.wait_witness("ended", 1)

        def found(**filters: Any) -> list[str]:
            return [call["sid"] for call in client.list(**filters)["calls"]]

        assert found() == sids[::-1]
        assert found(To=TO) == [sids[2], sids[0]]
        assert found(To=TO, From=FROM, Status="ringing") == [sids[2]]
        assert found(To=TO, Status="canceled") == [sids[0]]
        assert found(From="+15550000000") == []
        assert found(ParentCallSid=sids[0]) == []
        now = datetime.datetime.now(datetime.timezone.utc)
        today, later = now.date(), now.date() + datetime.timedelta(days=1)
        sooner = now.date() - datetime.timedelta(days=1)
        assert found(To=TO, StartTime_after=sooner.isoformat()) == [sids[2], sids[0]]
        assert found(StartTime_after=(later + datetime.timedelta(days=1)).isoformat()) == []
        assert found(StartTime_before=sooner.isoformat()) == []
        assert found(StartTime_before=(later + datetime.timedelta(days=1)).isoformat()) == sids[::-1]
        # The test may run over midnight.
        assert set(found(StartTime=today.isoformat())) | set(found(StartTime=later.isoformat())) == set(sids)
        minute = datetime.timedelta(minutes=1)
        assert found(StartTime_after=(now + minute).strftime("%Y-%m-%dT%H:%M:%SZ")) == []
        assert found(EndTime_after=(now - minute).strftime("%Y-%m-%dT%H:%M:%SZ")) == [sids[0]]
        for query in ("Status=done", "StartTime=yesterday", "PageSize=0", "PageSize=1001", "PageToken=PAx", "Page=-1"):
            status, error, _ = client.send("GET", f"/Calls.json?{query}")
            assert (status, error["code"], error["status"]) == (400, 21200, 400), query


def test_a_list_is_read_page_by_page(tmp_path):
    with Carrier(tmp_path, "--ring-ms", "3600000") as carrier:
        client = TwilioClient(carrier)
        sids = [client.place()["sid"] for _ in range(5)]
        client.place("+15550002222")
        pages = [client.list(To=TO, PageSize=2)]
        while pages[-1]["next_page_uri"]:
            status, page, _ = client.send("GET", pages[-1]["next_page_uri"])
            assert status == 200
            pages.append(page)
            client.place()  # what is new does not move what is old
        assert [[call["sid"] for call in page["calls"]] for page in pages] == [
            [sids[4], sids[3]],
            [sids[2], sids[1]],
            [sids[0]],
        ]
        assert [(page["page"], page["start"], page["end"], page["page_size"]) for page in pages] == [
            (0, 0, 1, 2),
            (1, 2, 3, 2),
            (2, 4, 4, 2),
        ]
        assert all("To=%2B15550001111" in page["first_page_uri"] for page in pages)
        empty = client.list(To="+15550003333")
        assert (empty["calls"], empty["next_page_uri"], empty["end"]) == ([], None, 0)


# ---- refusals ----


def test_every_route_wants_the_account_and_its_token(tmp_path):
    with Carrier(tmp_path) as carrier:
        client = TwilioClient(carrier)
        other = "AC" + "f" * 32
        for method, path in [("POST", "/Calls.json"), ("GET", "/Calls.json"), ("GET", "/Calls/x.json")]:
            for given in (basic(password="wrong"), basic(user=other), f"Bearer {KEY}", "Basic ?", basic(password="")):
                status, error, _ = client.send(method, path, None, {"Authorization": given})
                assert (status, error["code"], error["message"]) == (401, 20003, "Authenticate"), given
            status, error, _ = client.send(method, f"/2010-04-01/Accounts/{other}{path}")
            assert (status, error["code"]) == (401, 20003)
        assert carrier.witness("placed") == []
        assert len(carrier.witness("refused")) == 6


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"To": None}, 400, 21201),
        ({"To": "5550001111"}, 400, 21211),
        ({"From": None}, 400, 21213),
        ({"From": "me"}, 400, 21212),
        ({"From": "+15005550001"}, 400, 21210),
        ({"Url": None}, 400, 21205),
        ({"Url": "twiml"}, 400, 21205),
        ({"Url": None, "ApplicationSid": "AP" + "0" * 32}, 400, 21218),
        ({"Timeout": "601"}, 400, 21208),
        ({"StatusCallback": "http://under_score.example/"}, 400, 21609),
        ({"StatusCallbackEvent": "initiated ringing"}, 400, 21626),
        ({"StatusCallBack": "http://typo.example/"}, 400, 21200),
        ({"Twiml": "x" * 70000}, 413, 20413),
    ],
)
def test_a_bad_create_request_places_nothing_and_is_on_record(tmp_path, change, status, code):
    with Carrier(tmp_path) as carrier:
        client = TwilioClient(carrier)
        form = {"To": TO, "From": FROM, "Url": "http://voice.example/", **change}
        seen, error, _ = client.send("POST", "/Calls.json", {k: v for k, v in form.items() if v is not None})
        assert (seen, error["code"], error["status"]) == (status, code, status)
        assert error["message"]
        assert error["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
        (create,) = carrier.witness("create")
        (refused,) = carrier.witness("refused")
        assert (create["status"], refused["status"], create["id"]) == (status, status, None)
        assert carrier.witness("placed") == [] and client.list()["calls"] == []


def test_what_is_no_form_or_no_resource_is_refused_in_the_vendor_s_words(tmp_path):
    with Carrier(tmp_path) as carrier:
        client = TwilioClient(carrier)
        for body, headers in [(b"{}", {"Content-Type": "application/json"}), (b"To=%zz", {}), (b"To=a%00b", {})]:
            status, error, _ = client.send("POST", "/Calls.json", body, headers)
            assert (status, error["code"]) == (400, 21200)
        for method, path, status, code in [
            ("GET", f"/Calls/CA{'0' * 32}.json", 404, 20404),
            ("GET", "/Calls/CA", 404, 20404),
            ("GET", "/Messages.json", 404, 20404),
            ("DELETE", "/Calls.json", 405, 20004),
        ]:
            seen, error, _ = client.send(method, path)
            assert (seen, error["code"], error["status"]) == (status, code, status), path
        assert carrier.send("GET", "/v2/nothing")[1]["status"] == "error"  # which is Retell's form


def test_the_apis_do_not_see_each_other_s_calls(tmp_path):
    with Carrier(tmp_path, "--ring-ms", "3600000") as carrier:
        client = TwilioClient(carrier)
        retell, twilio = carrier.place()["call_id"], client.place()["sid"]
        assert carrier.send("GET", f"/v2/get-call/{twilio}")[0] == 422
        assert client.send("GET", f"/Calls/{retell}.json")[0] == 404
        assert [call["sid"] for call in client.list()["calls"]] == [twilio]
        assert [call["call_id"] for call in carrier.send("POST", "/v3/list-calls", {})[1]["items"]] == [retell]
