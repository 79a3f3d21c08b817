# SPDX-License-Identifier: Apache-2.0
"""Twilio's own OpenAPI document as the judge, with Prism between client and stand-in: every request and every answer must
be as documented."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Iterator

import pytest

from tests.platforms.vendor import Judged, Prism, Sdk, twilio_document
from tests.support.carrier import FROM, TO
from tests.support.http_receiver import Answer, HttpReceiver

CREATE = {"to": TO, "from": FROM, "url": "http://voice.example/twiml"}


@pytest.fixture
def judged(tmp_path: pathlib.Path) -> Iterator[Judged]:
    with Judged(tmp_path, "--ring-ms", "3600000") as made:
        yield made
        assert made.prism.violations() == []


def test_the_judge_notices_what_is_not_documented(tmp_path):
    """Otherwise its silence would mean nothing."""
    with Judged(tmp_path) as judged:
        results = Sdk("twilio", judged.prism.url).do(
            ("create", {**CREATE, "timeout": "abc"}),
            ("create", {**CREATE, "method": "PUT"}),
            ("create", {"from": FROM, "to": TO, "statusCallback": "no address"}),
            ("get", "CA1"),
        )
        assert [result.status for result in results] == [422] * 4
        assert len(judged.prism.violations()) >= 4
        assert judged.carrier.witness() == []  # nothing came through
    bad = Answer(201, b'{"sid":"CA1","status":"waiting"}', {"Content-Type": "application/json"})
    with HttpReceiver(bad) as platform, Prism(twilio_document(), platform.url, tmp_path) as prism:
        (result,) = Sdk("twilio", prism.url).do(("create", CREATE))
        assert result.status == 500
        assert len(prism.violations()) >= 1


def test_the_vendor_s_client_and_the_stand_in_speak_as_documented(judged):
    sdk = Sdk("twilio", judged.prism.url)
    created = sdk.one(
        "create",
        {
            **CREATE,
            "statusCallback": "http://127.0.0.1:9/callbacks/twilio/t#rc=5&rp=all",
            "statusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
            "statusCallbackMethod": "POST",
            "machineDetection": "DetectMessageEnd",
            "timeout": 25,
            "timeLimit": 600,
        },
    )
    yesterday = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)).isoformat()
    got, listed, ended = sdk.do(
        ("get", created["sid"]),
        ("list", {"to": TO, "from": FROM, "startTimeAfter": yesterday, "pageSize": 1}),
        ("update", created["sid"], {"status": "canceled"}),
    )
    assert got["sid"] == listed[0]["sid"] == ended["sid"] == created["sid"]
    assert ended["status"] == "canceled"


def test_the_stand_in_refuses_as_documented(judged):
    sdk = Sdk("twilio", judged.prism.url)
    results = sdk.do(
        ("create", {**CREATE, "to": "5550001111"}), ("get", "CA" + "0" * 32), ("create", {"to": TO, "from": FROM})
    )
    assert [(result.status, result.code) for result in results] == [(400, 21211), (404, 20404), (400, 21205)]
