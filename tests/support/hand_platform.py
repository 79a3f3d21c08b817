# SPDX-License-Identifier: Apache-2.0
"""What the platforms under a test's hand have in common, whichever API they speak (platform.py: Retell's;
twilio_platform.py, vapi_platform.py): create requests are decided by the test or placed, calls are kept, and callbacks sent
when the test says so."""

from __future__ import annotations

import collections
import http.client
import json
import threading
import urllib.parse
from types import TracebackType
from typing import Any, Callable, Generic, Protocol, TypeVar

from tests.support.http_receiver import Answer, HttpReceiver, Received


class Tokened(Protocol):
    """A create request as its platform reads it."""

    @property
    def token(self) -> str: ...


Create = TypeVar("Create", bound=Tokened)
Self = TypeVar("Self", bound="HandPlatform[Any]")


def answer_json(status: int, body: Any, headers: dict[str, str] | None = None, **more: Any) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}, **more)


class HandPlatform(Generic[Create]):
    """Listens from its making until close(). What a subclass's _answer() reads must be there before this is made."""

    def __init__(self) -> None:
        self.calls: dict[str, dict[str, Any]] = {}  # by the platform's id
        self.creates: list[Create] = []
        self.polls: list[str] = []  # ids asked for
        # What a create request gets; None: 201, and the call is placed. See also place().
        self.on_create: Callable[[Received], Answer | None] = lambda request: None
        self.on_ask: Callable[[Received], Answer | None] = lambda request: None
        self._lock = threading.RLock()
        self._receiver = HttpReceiver(self._answer)

    @property
    def url(self) -> str:
        return self._receiver.url

    def close(self) -> None:
        self._receiver.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- what each platform says for itself ----

    def _answer(self, request: Received) -> Answer:
        raise NotImplementedError

    def _is_create(self, request: Received) -> bool:
        raise NotImplementedError

    def place(self, request: Received) -> dict[str, Any]:
        """Takes the call of a create request, whatever the request is answered: the call as the API shows it."""
        raise NotImplementedError

    # ---- what the test does ----

    def place_and_reset(self, request: Received) -> Answer:
        """For on_create: the call is placed, and the connection reset instead of an answer."""
        self.place(request)
        return Answer(reset=True)

    def wait_creates(self, count: int, deadline_s: float = 10.0) -> list[Create]:
        """Waits for `count` create requests and gives all that have been decided."""
        self._receiver.wait_for(count, deadline_s, self._is_create)
        while len(self.creates) < count:  # received, about to be decided by another thread
            threading.Event().wait(0.001)
        with self._lock:
            return list(self.creates)

    def count_creates(self) -> int:
        """Create requests that came, decided or not."""
        return sum(self._is_create(request) for request in self._receiver.snapshot())

    def assert_each_dial_was_sent_once(self) -> None:
        tokens = collections.Counter(create.token for create in self.creates)
        assert set(tokens.values()) == {1}, tokens

    def change(self, call_id: str, **members: Any) -> dict[str, Any]:
        with self._lock:
            self.calls[call_id].update(members)
            return dict(self.calls[call_id])


def post(url: str, path: str, body: bytes | str, headers: dict[str, str]) -> tuple[int, Any]:
    """Sends a callback to the server of `url`: status and answer, which may be JSON."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=20)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.startswith(b"{") else text
    finally:
        connection.close()
