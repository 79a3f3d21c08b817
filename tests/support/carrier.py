# SPDX-License-Identifier: Apache-2.0
"""The stand-in voice platform under test, with clients of both its APIs, and its chance computed anew from the definition
in tests/carrier/draw.h.

    with Carrier(tmp_path, "--outcomes", "busy=1") as carrier:
        call = carrier.place("+15550001111")
        carrier.wait_witness("ended", 1)
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import pathlib
import urllib.parse
import urllib.request
from typing import Any

from tests.support.processes import Process
from tests.support.waiting import wait_until

KEY = "key_of_the_test"
ACCOUNT = "AC0123456789abcdef0123456789abcdef"
FROM = "+15550009999"
TO = "+15550001111"
OUTCOMES = ["completed", "busy", "no_answer", "failed", "voicemail", "blocked", "invalid_number"]
FORM = "application/x-www-form-urlencoded"


def draw(name: str, seed: int, number: str, count: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{name}:{seed}:{number}:{count}".encode()).digest()[:8], "big")


def fate(seed: int, number: str, dial: int, weights: dict[str, int]) -> str:
    point = draw("outcome", seed, number, dial) % sum(weights.values())
    for outcome in OUTCOMES:
        if point < weights.get(outcome, 0):
            return outcome
        point -= weights.get(outcome, 0)
    raise AssertionError("unreachable")


def strikes(fault: str, seed: int, number: str, request: int, rate: float) -> bool:
    return (draw(f"fault.{fault}", seed, number, request) >> 11) / 2**53 < rate


def play_faults(url: str, **rates: float) -> None:
    """From now on the carrier at `url` plays these faults (tests/carrier/fault.h), and no others."""
    text = ",".join(f"{name}={rate}" for name, rate in rates.items())
    request = urllib.request.Request(f"{url}/control/faults", data=text.encode(), method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 204


class Carrier:
    """A running carrier and a client of its Retell API."""

    def __init__(
        self,
        directory: pathlib.Path,
        *args: str,
        webhook_url: str = "",
        listen: str = "127.0.0.1:0",
        key: str = KEY,
    ) -> None:
        self.key = key
        key_file = directory / "key"
        key_file.write_text(key + "\n")
        self.log_path = directory / "carrier.jsonl"
        common = ["--listen", listen, "--api-key-file", str(key_file), "--log", str(self.log_path)]
        common += ["--account-sid", ACCOUNT]
        webhook = ["--webhook-url", webhook_url] if webhook_url else []
        self.process = Process("carillon-carrier", *common, *webhook, *args)

    def __enter__(self) -> Carrier:
        self.process.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.process.__exit__(*error)

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=30)
        try:
            data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(
                method,
                path,
                data,
                {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **(headers or {})},
            )
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None, answer.headers
        finally:
            connection.close()

    def create(self, to: str = TO, token: str = "", **members: Any) -> tuple[int, Any, http.client.HTTPMessage]:
        body = {"from_number": FROM, "to_number": to, **members}
        if token:
            body["metadata"] = {"carillon_token": token, **body.get("metadata", {})}
        return self.send("POST", "/v2/create-phone-call", body)

    def place(self, to: str = TO, token: str = "", **members: Any) -> dict[str, Any]:
        status, call, _ = self.create(to, token, **members)
        assert status == 201, call
        return call

    def call(self, call_id: str) -> dict[str, Any]:
        status, call, _ = self.send("GET", f"/v2/get-call/{call_id}")
        assert status == 200, call
        return call

    def wait_call(self, call_id: str, *statuses: str) -> dict[str, Any]:
        seen: dict[str, Any] = {}

        def reached() -> bool:
            seen.update(self.call(call_id))
            return seen["call_status"] in statuses

        wait_until(reached, what=f"{call_id} is {statuses}, was {seen}")
        return seen

    def witness(self, event: str = "") -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log_path.read_text().splitlines()]
        return [line for line in lines if not event or line["ev"] == event]

    def wait_witness(self, event: str, count: int) -> list[dict[str, Any]]:
        return wait_until(
            lambda: found if len(found := self.witness(event)) >= count else None, what=f"{count} lines of {event}"
        )


def basic(user: str = ACCOUNT, password: str = KEY) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class TwilioClient:
    """A client of the carrier's Twilio API."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self.base = f"/2010-04-01/Accounts/{ACCOUNT}"

    def send(
        self, method: str, path: str, form: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        """`form`: pairs, or bytes as they are; `path` behind the account's."""
        body = b"" if form is None else form if isinstance(form, bytes) else urllib.parse.urlencode(form).encode()
        given = {"Authorization": basic(password=self.carrier.key), "Content-Type": FORM, **(headers or {})}
        return self.carrier.send(method, path if path.startswith("/2010") else self.base + path, body, given)

    def create(self, to: str = TO, **params: Any) -> tuple[int, Any, http.client.HTTPMessage]:
        """A list as a value repeats its parameter."""
        pairs = [("To", to), ("From", FROM), ("Url", "http://voice.example/twiml")]
        for name, value in params.items():
            pairs += [(name, item) for item in (value if isinstance(value, list) else [value])]
        return self.send("POST", "/Calls.json", pairs)

    def place(self, to: str = TO, **params: Any) -> dict[str, Any]:
        status, call, _ = self.create(to, **params)
        assert status == 201, call
        return call

    def call(self, sid: str) -> dict[str, Any]:
        status, call, _ = self.send("GET", f"/Calls/{sid}.json")
        assert status == 200, call
        return call

    def wait_call(self, sid: str, *statuses: str) -> dict[str, Any]:
        return wait_until(
            lambda: call if (call := self.call(sid))["status"] in statuses else None, what=f"{sid} is {statuses}"
        )

    def list(self, **filters: Any) -> dict[str, Any]:
        """`StartTime_after` stands for "StartTime>", `StartTime_before` for "StartTime<"."""
        names = {name: name.replace("_after", ">").replace("_before", "<") for name in filters}
        query = urllib.parse.urlencode({names[name]: value for name, value in filters.items()})
        status, page, _ = self.send("GET", f"/Calls.json?{query}")
        assert status == 200, page
        return page

    def update(self, sid: str, status: str) -> tuple[int, Any]:
        return self.send("POST", f"/Calls/{sid}.json", {"Status": status})[:2]
