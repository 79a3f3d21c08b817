# SPDX-License-Identifier: Apache-2.0
"""Twilio's Calls API under the test's hand, as tests/support/platform.py is Retell's: takes create requests, lists and
shows calls, and sends signed status callbacks when the test says so.

    with Twilio() as twilio:
        create = twilio.wait_creates(1)[0]
        twilio.end(create.sid, "busy")
        status, answer = twilio.callback(create.sid, worker.url)
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import email.utils
import urllib.parse
from typing import Any

from tests.support.hand_platform import HandPlatform, answer_json, post
from tests.support.http_receiver import Answer, Received
from tests.support.twilio import sign

ACCOUNT = "AC00000000000000000000000000000042"
CALLS = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"
FORM = "application/x-www-form-urlencoded"
TALK_S = 2


def refuse(status: int, code: int, headers: dict[str, str] | None = None) -> Answer:
    """What Twilio answers a request that it does not take."""
    body = {"code": code, "message": f"error {code}", "more_info": f"https://www.twilio.com/docs/errors/{code}"}
    return answer_json(status, {**body, "status": status}, headers)


def rfc2822(at_s: float) -> str:
    """As "Tue, 18 Nov 2025 09:05:07 +0000"."""
    return email.utils.format_datetime(datetime.datetime.fromtimestamp(int(at_s), datetime.timezone.utc))


@dataclasses.dataclass(frozen=True)
class Create:
    """One create request. `sid`: of the call it placed, "" where it placed none; `form`: every value of each name."""

    at: float
    sid: str
    form: dict[str, list[str]]

    @property
    def number(self) -> str:
        return self.form["To"][0]

    @property
    def callback_url(self) -> str:
        """As Twilio calls it: what stands behind # sets the connection and is never sent."""
        return self.form["StatusCallback"][0].split("#")[0]

    @property
    def token(self) -> str:
        return self.callback_url.rsplit("/", 1)[1]

    @property
    def dial(self) -> int:
        return int(self.token.split(".")[2])


class Twilio(HandPlatform[Create]):
    """Listens from its making until close()."""

    def __init__(self, auth_token: str = "key_of_the_platform") -> None:
        self.auth_token = auth_token
        self.lookups: list[dict[str, str]] = []  # queries of lists
        self.cancels: list[str] = []  # sids to be stopped
        self.hang_ups: list[str] = []  # sids to be ended, whatever they are doing
        self.queue_time_ms = 0
        self._forms: dict[str, dict[str, list[str]]] = {}  # by sid: the create request's
        super().__init__()

    # ---- what comes in ----

    def _answer(self, request: Received) -> Answer:
        expected = base64.b64encode(f"{ACCOUNT}:{self.auth_token}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return refuse(401, 20003)
        path = urllib.parse.urlsplit(request.path)
        if self._is_create(request):
            return self._create(request)
        if path.path == CALLS + ".json":
            return self.on_ask(request) or self._list(dict(urllib.parse.parse_qsl(path.query)))
        if path.path.startswith(CALLS + "/") and path.path.endswith(".json"):
            sid = path.path[len(CALLS) + 1 : -len(".json")]
            own = self.on_ask(request)
            return own or (self._get(sid) if request.method == "GET" else self._update(sid, request))
        return refuse(404, 20404)

    def _is_create(self, request: Received) -> bool:
        return request.method == "POST" and request.path == CALLS + ".json"

    def _create(self, request: Received) -> Answer:
        if request.headers.get("content-type") != FORM:
            return refuse(400, 21201)
        with self._lock:
            before = len(self.calls)
        own = self.on_create(request)
        if own is None:
            own = answer_json(201, self.place(request))
        form = urllib.parse.parse_qs(request.body.decode(), keep_blank_values=True)
        with self._lock:
            placed = [sid for sid in list(self.calls)[before:] if self._forms[sid] == form]
            self.creates.append(Create(request.at, placed[0] if placed else "", form))
        return own

    def place(self, request: Received) -> dict[str, Any]:
        form = urllib.parse.parse_qs(request.body.decode(), keep_blank_values=True)
        with self._lock:
            sid = f"CA{len(self.calls) + 1:032x}"
            self._forms[sid] = form
            self.calls[sid] = {
                "sid": sid,
                "account_sid": ACCOUNT,
                "to": form["To"][0],
                "from": form["From"][0],
                "direction": "outbound-api",
                "status": "queued",
                "date_created": rfc2822(request.at),
                "start_time": None,
                "end_time": None,
                "duration": None,
                "answered_by": None,
                "queue_time": str(self.queue_time_ms),
            }
            return dict(self.calls[sid])

    def _get(self, sid: str) -> Answer:
        with self._lock:
            self.polls.append(sid)
            call = self.calls.get(sid)
            return answer_json(200, call) if call else refuse(404, 20404)

    def _update(self, sid: str, request: Received) -> Answer:
        """Status=canceled stops a call that was not answered, and does nothing to one that was; completed ends either."""
        (wanted,) = urllib.parse.parse_qs(request.body.decode())["Status"]
        assert wanted in ("canceled", "completed"), request.body
        with self._lock:
            (self.cancels if wanted == "canceled" else self.hang_ups).append(sid)
            if sid not in self.calls:
                return refuse(404, 20404)
            if self.calls[sid]["status"] in ("queued", "ringing"):
                self.end(sid, "canceled")
            elif wanted == "completed" and self.calls[sid]["status"] == "in-progress":
                self.end(sid, "completed")
            return answer_json(200, self.calls[sid])

    def _list(self, query: dict[str, str]) -> Answer:
        """Newest first, by To and From."""
        with self._lock:
            self.lookups.append(query)
            calls = [
                call
                for call in reversed(self.calls.values())
                if call["to"] == query.get("To", call["to"]) and call["from"] == query.get("From", call["from"])
            ]
            return answer_json(200, {"calls": calls, "page": 0, "page_size": 1000, "next_page_uri": None})

    # ---- what the test does ----

    def end(self, sid: str, status: str = "completed", **members: Any) -> dict[str, Any]:
        """The call is over, as the API shows it from now on."""
        created = email.utils.parsedate_to_datetime(self.calls[sid]["date_created"]).timestamp()
        talk_s = TALK_S if status == "completed" else 0
        times = {"start_time": rfc2822(created), "end_time": rfc2822(created + talk_s), "duration": str(talk_s)}
        return self.change(sid, status=status, **{**times, **members})

    def fields(self, sid: str, status: str | None = None, **more: str) -> dict[str, str]:
        """The form of a status callback, about what the call has come to or about an earlier status."""
        call = self.calls[sid]
        status = status or call["status"]
        fields = {
            "CallSid": sid,
            "AccountSid": ACCOUNT,
            "From": call["from"],
            "To": call["to"],
            "Direction": "outbound-api",
            "ApiVersion": "2010-04-01",
            "CallStatus": status,
            "CallbackSource": "call-progress-events",
            "SequenceNumber": "0",
            "Timestamp": call["end_time"] or call["date_created"],
            "CallerName": "",
            **more,
        }
        if call["duration"] is not None and status == call["status"]:
            fields["CallDuration"] = call["duration"]
        if call["answered_by"] and status == call["status"]:
            fields["AnsweredBy"] = call["answered_by"]
        return fields

    def callback_url(self, sid: str) -> str:
        return self._forms[sid]["StatusCallback"][0].split("#")[0]

    def callback(self, sid: str, worker_url: str, status: str | None = None, **more: str) -> tuple[int, Any]:
        """Sends a signed callback to a worker: status and answer."""
        url, fields = self.callback_url(sid), self.fields(sid, status, **more)
        return post_callback(worker_url, urllib.parse.urlsplit(url).path, fields, sign(url, fields, self.auth_token))

    def hang_up(self, sid: str, worker_url: str, status: str = "completed", **members: Any) -> tuple[int, Any]:
        """The call ends, and Twilio says so."""
        self.end(sid, status, **members)
        return self.callback(sid, worker_url)


def post_callback(worker_url: str, path: str, fields: dict[str, str], signature: str | None) -> tuple[int, Any]:
    headers = {"Content-Type": FORM, **({"X-Twilio-Signature": signature} if signature is not None else {})}
    return post(worker_url, path, urllib.parse.urlencode(fields), headers)
