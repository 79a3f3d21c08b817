# SPDX-License-Identifier: Apache-2.0
"""Vapi's call API under the test's hand, as tests/support/platform.py is Retell's: takes create requests, lists and shows
calls, and sends end-of-call reports, which nobody signs, when the test says so.

    with Vapi() as vapi:
        create = vapi.wait_creates(1)[0]
        vapi.end(create.call_id, "customer-busy")
        status, answer = vapi.report(create.call_id, worker.url)
"""

from __future__ import annotations

import dataclasses
import datetime
import http.client
import json
import urllib.parse
import uuid
from typing import Any

from tests.support.hand_platform import HandPlatform, answer_json, post
from tests.support.http_receiver import Answer, Received
from tests.support.platform import JSON

NUMBER_ID = "0c1f9a52-6a5e-4d5c-9d4f-2f0f3f0c7a11"
CALLS = "/call"
TALK_S = 2
# What a create request may hold here, as Vapi's description has it: anything else is refused there too.
MEMBERS = {"assistantId", "phoneNumberId", "customer", "assistantOverrides"}
OVERRIDES = {"metadata", "variableValues", "maxDurationSeconds", "transportConfigurations"}


def refuse(status: int, message: str | list[str]) -> Answer:
    """What Vapi answers a request that it does not take."""
    return answer_json(status, {"message": message, "error": http.client.responses[status], "statusCode": status})


def rfc3339(at_s: float) -> str:
    """As "2026-03-26T15:43:16.145Z"."""
    time = datetime.datetime.fromtimestamp(at_s, datetime.timezone.utc)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclasses.dataclass(frozen=True)
class Create:
    """One create request. `call_id`: of the call it placed, "" where it placed none."""

    at: float
    call_id: str
    body: dict[str, Any]

    @property
    def token(self) -> str:
        return self.body["assistantOverrides"]["metadata"]["carillon_token"]

    @property
    def dial(self) -> int:
        return int(self.token.split(".")[2])


class Vapi(HandPlatform[Create]):
    """Listens from its making until close()."""

    def __init__(self, api_key: str = "key_of_the_platform") -> None:
        self.api_key = api_key
        self.lookups: list[dict[str, str]] = []  # queries of lists
        self.others: list[dict[str, Any]] = []  # calls of somebody else, in every list
        super().__init__()

    # ---- what comes in ----

    def _answer(self, request: Received) -> Answer:
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            return refuse(401, "Invalid Key.")
        path = urllib.parse.urlsplit(request.path)
        if self._is_create(request):
            return self._create(request)
        if path.path == CALLS and request.method == "GET":
            return self.on_ask(request) or self._list(dict(urllib.parse.parse_qsl(path.query)))
        if path.path.startswith(CALLS + "/") and request.method == "GET":
            return self.on_ask(request) or self._get(path.path[len(CALLS) + 1 :])
        return refuse(404, f"Cannot {request.method} {path.path}")

    def _is_create(self, request: Received) -> bool:
        return request.method == "POST" and request.path == CALLS

    def _create(self, request: Received) -> Answer:
        body = request.json()
        strange = sorted(set(body) - MEMBERS) + sorted(set(body["assistantOverrides"]) - OVERRIDES)
        if strange:
            return refuse(400, [f"property {name} should not exist" for name in strange])
        with self._lock:
            before = len(self.calls)
        own = self.on_create(request)
        if own is None:
            own = answer_json(201, self.place(request))
        with self._lock:
            placed = [call for call in list(self.calls.values())[before:] if call["assistantOverrides"] == body["assistantOverrides"]]
            self.creates.append(Create(request.at, placed[0]["id"] if placed else "", body))
        return own

    def place(self, request: Received) -> dict[str, Any]:
        with self._lock:
            call = {
                **request.json(),
                "id": str(uuid.uuid4()),
                "orgId": "e6a5b1c4-0000-4000-8000-000000000000",
                "type": "outboundPhoneCall",
                "status": "queued",
                "phoneCallProvider": "twilio",
                "createdAt": rfc3339(request.at),
                "updatedAt": rfc3339(request.at),
                "cost": 0,
            }
            self.calls[call["id"]] = call
            return {**call, "subscriptionLimits": {"concurrencyBlocked": False, "concurrencyLimit": 10}}

    def _get(self, call_id: str) -> Answer:
        with self._lock:
            self.polls.append(call_id)
            call = self.calls.get(call_id)
            return answer_json(200, call) if call else refuse(404, "Couldn't find the call.")

    def _list(self, query: dict[str, str]) -> Answer:
        """Newest first, a plain array, cut at the limit."""
        with self._lock:
            self.lookups.append(query)
            calls = [
                call
                for call in [*self.others, *reversed(self.calls.values())]
                if call["phoneNumberId"] == query["phoneNumberId"]
                and query["createdAtGe"] <= call["createdAt"] <= query["createdAtLe"]
            ]
            return answer_json(200, calls[: int(query.get("limit", "100"))])

    # ---- what the test does ----

    def end(self, call_id: str, reason: str = "customer-ended-call", **members: Any) -> dict[str, Any]:
        """The call is over, as the API shows it from now on."""
        created = datetime.datetime.fromisoformat(self.calls[call_id]["createdAt"].replace("Z", "+00:00")).timestamp()
        times = {"startedAt": rfc3339(created), "endedAt": rfc3339(created + TALK_S)}
        return self.change(call_id, **{"status": "ended", "endedReason": reason, **times, **members})

    def report(self, call_id: str, worker_url: str, **message: Any) -> tuple[int, Any]:
        """Sends the end-of-call report to a worker: status and answer."""
        with self._lock:
            call = dict(self.calls[call_id])
        told = {
            "type": "end-of-call-report",
            "endedReason": call.get("endedReason"),
            "startedAt": call.get("startedAt"),
            "endedAt": call.get("endedAt"),
            "analysis": call.get("analysis", {}),
            "artifact": {"transcript": "Hello? " * 1000},
            "call": call,
        }
        return post_message(worker_url, {**told, **message})

    def hang_up(self, call_id: str, worker_url: str, reason: str = "customer-ended-call", **members: Any) -> tuple[int, Any]:
        """The call ends, and Vapi says so."""
        self.end(call_id, reason, **members)
        return self.report(call_id, worker_url)


def post_message(worker_url: str, message: dict[str, Any]) -> tuple[int, Any]:
    return post(worker_url, "/callbacks/vapi", json.dumps({"message": message}), JSON)
