# SPDX-License-Identifier: Apache-2.0
"""A voice platform under the test's hand: speaks Retell's API to a worker and does nothing by itself. What the stand-in
carrier (tests/carrier) does by rates and seeds, a test does here call by call.

    with Platform() as platform:
        platform.on_create = lambda create: refuse(429, {"Retry-After": "2"})
        create = platform.wait_creates(1)[0]
        platform.end(create.call_id)
        status, answer = platform.callback("call_ended", create.call_id, worker.url)
"""

from __future__ import annotations

import dataclasses
import json
import urllib.parse
from typing import Any

from tests.support.hand_platform import HandPlatform, answer_json, post
from tests.support.http_receiver import Answer, Received
from tests.support.retell import sign

CREATE = "/v2/create-phone-call"
GET = "/v2/get-call/"
LIST = "/v3/list-calls"
JSON = {"Content-Type": "application/json"}
TALK_MS = 2000


def refuse(status: int, headers: dict[str, str] | None = None, message: str = "no", **more: Any) -> Answer:
    """What Retell answers a request that it does not take."""
    return answer_json(status, {"status": "error", "message": message}, headers, **more)


@dataclasses.dataclass(frozen=True)
class Create:
    """One create request. `call_id`: of the call it placed, "" where it placed none."""

    at: float  # wall time at its last byte
    number: str
    token: str
    call_id: str
    body: dict[str, Any]

    @property
    def dial(self) -> int:
        return int(self.token.split(".")[2])

    @property
    def ordinal(self) -> int:
        return int(self.token.split(".")[1])


class Platform(HandPlatform[Create]):
    """Listens from its making until close()."""

    def __init__(self, api_key: str = "key_of_the_platform") -> None:
        self.api_key = api_key
        self.lookups: list[str] = []  # tokens asked for
        self.polled_at: dict[str, float] = {}  # wall time at which each was asked for first
        super().__init__()

    # ---- what comes in ----

    def _answer(self, request: Received) -> Answer:
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            return refuse(401)
        if self._is_create(request):
            return self._create(request)
        own = self.on_ask(request)
        if request.path.startswith(GET):
            return own or self._get(request.path[len(GET) :], request.at)
        if request.path == LIST:
            return own or self._list(request.json())
        return refuse(404)

    def _is_create(self, request: Received) -> bool:
        return request.path == CREATE

    def _create(self, request: Received) -> Answer:
        with self._lock:
            before = len(self.calls)
        own = self.on_create(request)
        if own is None:
            call = self.place(request)
            own = answer_json(201, call)
        with self._lock:
            placed = list(self.calls.values())[before:]
            body = request.json()
            token = body["metadata"]["carillon_token"]
            call_id = next((call["call_id"] for call in placed if call["metadata"]["carillon_token"] == token), "")
            self.creates.append(Create(request.at, body["to_number"], token, call_id, body))
        return own

    def place(self, request: Received) -> dict[str, Any]:
        body = request.json()
        with self._lock:
            call = {
                "call_id": f"call_{len(self.calls) + 1}",
                "call_status": "registered",
                "agent_id": body.get("override_agent_id"),
                "metadata": body["metadata"],
                "from_number": body["from_number"],
                "to_number": body["to_number"],
                "start_timestamp": int(request.at * 1000),
            }
            self.calls[call["call_id"]] = call
            return dict(call)

    def _get(self, call_id: str, at: float) -> Answer:
        with self._lock:
            self.polls.append(urllib.parse.unquote(call_id))
            self.polled_at.setdefault(self.polls[-1], at)
            call = self.calls.get(self.polls[-1])
            return answer_json(200, call) if call else refuse(404)

    def _list(self, body: dict[str, Any]) -> Answer:
        token = body["filter_criteria"]["metadata"][0]["value"]
        with self._lock:
            self.lookups.append(token)
            items = [call for call in self.calls.values() if call["metadata"]["carillon_token"] == token]
            return answer_json(200, {"items": items, "has_more": False})

    # ---- what the test does ----

    def end(self, call_id: str, reason: str = "user_hangup", **members: Any) -> dict[str, Any]:
        """The call is over, as get-call and list-calls show it from now on."""
        call = self.calls[call_id]
        started = call["start_timestamp"]
        return self.change(
            call_id,
            call_status="ended",
            disconnection_reason=reason,
            end_timestamp=started + TALK_MS,
            duration_ms=TALK_MS,
            **members,
        )

    def analyze(self, call_id: str, summary: str = "They spoke.") -> dict[str, Any]:
        return self.change(call_id, call_analysis={"call_summary": summary, "call_successful": True, "in_voicemail": False})

    def callback(
        self,
        event: str,
        call: str | dict[str, Any],
        url: str,
        *,
        key: str | None = None,
        at_ms: int | None = None,
    ) -> tuple[int, Any]:
        """Sends a signed callback to a worker: status and answer."""
        body = json.dumps({"event": event, "call": self.calls[call] if isinstance(call, str) else call}).encode()
        return post_callback(url, body, sign(body, key or self.api_key, at_ms))

    def end_untold(self, call_id: str, reason: str = "user_hangup", **members: Any) -> None:
        """The call is over with all that there will ever be to say of it, which only who asks is told."""
        self.end(call_id, reason, **members)
        self.analyze(call_id)

    def hang_up(self, call_id: str, url: str, reason: str = "user_hangup", **members: Any) -> tuple[int, Any]:
        """The call ends, and the platform says so with all that it will ever say."""
        self.end_untold(call_id, reason, **members)
        return self.callback("call_analyzed", call_id, url)


def post_callback(url: str, body: bytes, signature: str | None, path: str = "/callbacks/retell") -> tuple[int, Any]:
    return post(url, path, body, {**JSON, **({"x-retell-signature": signature} if signature is not None else {})})
