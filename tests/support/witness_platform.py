# SPDX-License-Identifier: Apache-2.0
"""A platform under the test's hand that is a witness too: what it saw, in the words of the stand-in carrier's log
(tests/carrier/witness.h), for tests/support/history.py to judge.

    platform.place_later(request)     the answer is lost, the call is placed when the test says so
    judge(numbers, platform.events(), ...)
"""

from __future__ import annotations

import time
from typing import Any

from tests.support.http_receiver import Answer, Received
from tests.support.platform import Platform

OUTCOMES = {"user_hangup": "completed", "dial_busy": "busy", "dial_no_answer": "no_answer"}


class WitnessPlatform(Platform):
    """Listens from its making until close()."""

    def __init__(self, api_key: str) -> None:
        self._seen: dict[int, dict[str, Any]] = {}  # create requests, by their index
        self._happened: list[dict[str, Any]] = []
        super().__init__(api_key)

    def _create(self, request: Received) -> Answer:
        body = request.json()
        seen = {
            "ev": "create",
            "us": int(request.at * 1e6),
            "to": body["to_number"],
            "token": body["metadata"]["carillon_token"],
        }
        with self._lock:
            self._seen[request.index] = seen
        answer = super()._create(request)
        seen["status"] = 0 if answer.reset else answer.status
        return answer

    def place(self, request: Received) -> dict[str, Any]:
        call = super().place(request)
        with self._lock:
            seen = self._seen[request.index]
            seen["id"] = call["call_id"]
            self._tell("placed", call)
        return call

    def end(self, call_id: str, reason: str = "user_hangup", **members: Any) -> dict[str, Any]:
        call = super().end(call_id, reason, **members)
        with self._lock:
            self._tell("ended", call, outcome=OUTCOMES[reason])
        return call

    def _tell(self, event: str, call: dict[str, Any], **more: Any) -> None:
        self._happened.append(
            {
                "ev": event,
                "us": int(time.time() * 1e6),
                "to": call["to_number"],
                "id": call["call_id"],
                "token": call["metadata"]["carillon_token"],
                **more,
            }
        )

    def on_the_line(self) -> list[str]:
        """The ids of the calls that have not ended."""
        with self._lock:
            return [call_id for call_id, call in self.calls.items() if call["call_status"] == "registered"]

    def events(self) -> list[dict[str, Any]]:
        with self._lock:
            return [dict(event) for event in [*self._seen.values(), *self._happened]]
