# SPDX-License-Identifier: Apache-2.0
"""The stand-in as the npm package twilio sees it: what the vendor's own client sends is taken, what it gets it can read,
and what the stand-in signs the vendor's own code believes."""

from __future__ import annotations

import datetime

from tests.platforms.vendor import Sdk, SdkError
from tests.support.carrier import ACCOUNT, FROM, TO, Carrier, TwilioClient
from tests.support.http_receiver import HttpReceiver
from tests.support.twilio import read_form

CREATE = {"to": TO, "from": FROM, "url": "http://voice.example/twiml"}
ALL_EVENTS = ["initiated", "ringing", "answered", "completed"]


def test_the_sdk_makes_and_reads_a_call(tmp_path, receiver: HttpReceiver):
    with Carrier(tmp_path, "--outcomes", "voicemail=1", "--ring-ms", "5", "--talk-ms", "5") as carrier:
        sdk = Sdk("twilio", carrier.process.url)
        call = sdk.one(
            "create",
            {
                **CREATE,
                "statusCallback": receiver.url + "/callbacks/twilio/batch_c0_x.7.1.mac#rc=5&rp=all",
                "statusCallbackEvent": ALL_EVENTS,
                "statusCallbackMethod": "POST",
                "machineDetection": "Enable",
                "machineDetectionTimeout": 20,
                "timeout": 25,
                "timeLimit": 600,
            },
        )
        assert (call["status"], call["direction"], call["accountSid"]) == ("queued", "outbound-api", ACCOUNT)
        assert (call["to"], call["from"], call["queueTime"]) == (TO, FROM, "0")
        assert len(receiver.wait_for(4)) == 4
        got = sdk.one("get", call["sid"])
        assert (got["status"], got["answeredBy"], got["duration"]) == ("completed", "machine_start", "1")
        # The SDK reads the dates itself.
        created = datetime.datetime.fromisoformat(got["dateCreated"].replace("Z", "+00:00"))
        started = datetime.datetime.fromisoformat(got["startTime"].replace("Z", "+00:00"))
        assert created <= started
        assert {line["token"] for line in carrier.witness()} == {"batch_c0_x.7.1.mac"}


def test_the_sdk_walks_through_the_pages_of_a_list(tmp_path):
    with Carrier(tmp_path, "--ring-ms", "3600000") as carrier:
        client = TwilioClient(carrier)
        sids = [client.place()["sid"] for _ in range(5)]
        client.place("+15550002222")
        sdk = Sdk("twilio", carrier.process.url)
        now = datetime.datetime.now(datetime.timezone.utc)
        hour = datetime.timedelta(hours=1)
        walked, since, until, ringing = sdk.do(
            ("list", {"to": TO, "from": FROM, "pageSize": 2}),
            ("list", {"to": TO, "startTimeAfter": (now - hour).isoformat()}),
            ("list", {"to": TO, "startTimeBefore": (now - hour).isoformat()}),
            ("list", {"to": TO, "status": "ringing", "limit": 3}),
        )
        assert [call["sid"] for call in walked] == sids[::-1]
        assert [call["sid"] for call in since] == sids[::-1]
        assert until == []
        assert [call["sid"] for call in ringing] == sids[:1:-1]


def test_the_sdk_ends_a_call(tmp_path):
    with Carrier(tmp_path, "--ring-ms", "3600000") as carrier:
        sid = TwilioClient(carrier).place()["sid"]
        ended, again = Sdk("twilio", carrier.process.url).do(
            ("update", sid, {"status": "canceled"}), ("update", sid, {"status": "completed"})
        )
        assert ended["status"] == "canceled"
        assert (again.status, again.code) == (400, 21220)


def test_the_sdk_reads_each_refusal(tmp_path):
    with Carrier(tmp_path) as carrier:
        sdk = Sdk("twilio", carrier.process.url)
        results = sdk.do(
            ("create", {**CREATE, "to": "5550001111"}),
            ("create", {**CREATE, "from": "+15005550001"}),
            ("create", {**CREATE, "statusCallbackEvent": ["initiated ringing"]}),
            ("get", "CA" + "0" * 32),
        )
        assert all(isinstance(result, SdkError) for result in results)
        assert [(result.status, result.code) for result in results] == [
            (400, 21211),
            (400, 21210),
            (400, 21626),
            (404, 20404),
        ]
        assert results[0].more_info == "https://www.twilio.com/docs/errors/21211"
        (denied,) = Sdk("twilio", carrier.process.url, key="wrong").do(("create", CREATE))
        assert (denied.status, denied.code) == (401, 20003)
    faults = {
        "throttle": (429, 20429),
        "concurrency": (429, 10004),
        "error": (500, 20500),
        "unavailable": (503, 20503),
        "no_credits": (403, 20005),
    }
    for fault, expected in faults.items():
        with Carrier(tmp_path, "--fault", f"{fault}=1") as carrier:
            (refused,) = Sdk("twilio", carrier.process.url).do(("create", CREATE))
            assert (refused.status, refused.code) == expected


def test_the_vendor_s_code_believes_what_the_stand_in_signs(tmp_path, receiver: HttpReceiver):
    path = "/callbacks/twilio/batch_c0_x.7.1.mac?a=b&c=%2B%20d"
    with Carrier(tmp_path, "--outcomes", "completed=1", "--ring-ms", "5", "--talk-ms", "5") as carrier:
        client = TwilioClient(carrier)
        client.place(StatusCallback=receiver.url + path + "#rc=2", StatusCallbackEvent=ALL_EVENTS)
        client.place(StatusCallback=receiver.url + path, StatusCallbackMethod="GET")
        requests = receiver.wait_for(5)
        signed = [
            (receiver.url + request.path, read_form(request.body), request.headers["x-twilio-signature"])
            for request in requests
        ]
        assert [request.method for request in requests].count("GET") == 1
        sdk = Sdk("twilio", carrier.process.url)
        assert sdk.do(*(("verify", *content) for content in signed)) == [True] * 5
        changed = [(url, {**form, "CallStatus": "busy"}, signature) for url, form, signature in signed]
        assert sdk.do(*(("verify", *content) for content in changed)) == [False] * 5
        other = Sdk("twilio", carrier.process.url, key="another")
        assert other.do(*(("verify", *content) for content in signed)) == [False] * 5
