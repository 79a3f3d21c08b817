# SPDX-License-Identifier: Apache-2.0
"""What an operator does by HTTP holds in every process: a trunk, a tenant and a key made so ring telephones; and after a stop
nothing begins."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.stack import CALLER_ID, CARRIER_KEY, Stack, phone_numbers
from tests.support.waiting import wait_until

ADMIN = "/api/v1/admin"


class Operator:
    """A stack, and the first operator's key."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.redis = stack.redis.client()
        self.key = stack.command("key", "create", "--operator").strip()
        self._numbers = iter(phone_numbers(10_000, 15550300000))

    def numbers(self, count: int) -> list[str]:
        return [next(self._numbers) for _ in range(count)]

    def ask(self, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        request = urllib.request.Request(
            self.stack.producer.url + path, None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json"}, method=method,
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def done(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        status, answer = self.ask(method, path, body, key)
        assert status in (200, 201, 202), answer
        return answer

    def now_us(self) -> int:
        seconds, micros = self.redis.time()
        return seconds * 1_000_000 + micros


@pytest.fixture(scope="module")
def operator() -> Iterator[Operator]:
    with Stack(workers=2, outcomes="completed=100", talk_ms=20, trunk_cps=30) as stack:
        yield Operator(stack)


def test_a_trunk_a_tenant_and_a_key_made_by_http_ring_telephones(operator: Operator) -> None:
    assert operator.stack.carrier is not None
    made = operator.done("POST", f"{ADMIN}/trunks", {
        "id": "second", "profile": "retell", "baseUrl": operator.stack.carrier.url, "credential": CARRIER_KEY, "callerIds": [CALLER_ID],
        "cps": 50, "pollAfterMs": 2000, "lookupAbsentAfterMs": 1000,
    })  # fmt: skip
    assert made["credential"] == "sealed"
    operator.done("POST", f"{ADMIN}/tenants", {"id": "globex", "cps": 50, "trunks": ["second"]})
    key = operator.done("POST", f"{ADMIN}/keys", {"role": "tenant", "tenant": "globex"})["key"]
    body = {"agentId": "agent_123", "contacts": [{"phoneNumber": number} for number in operator.numbers(10)]}
    batch = operator.done("POST", "/api/v1/batch", body, key)["batchId"]
    wait_until(lambda: operator.done("GET", f"/api/v1/batch/{batch}", None, key)["status"] == "completed", 60.0, "it is completed")
    assert operator.done("GET", f"/api/v1/batch/{batch}", None, key)["statistics"]["succeeded"] == 10


@pytest.mark.parametrize(("what", "code"), [({"cell": "c0"}, "CELL_STOPPED"), ({"tenant": "acme"}, "TENANT_STOPPED"), ({"trunk": "main"}, "TRUNK_STOPPED")])
def test_nothing_begins_from_a_second_after_a_stop_until_the_start(operator: Operator, what: dict[str, str], code: str) -> None:
    stack = operator.stack
    batch = stack.submit(operator.numbers(300), maxCallsPerSecond=30)
    wait_until(lambda: len(stack.begin_instants_us(batch)) >= 10, 60.0, "it is under way")
    assert operator.done("POST", f"{ADMIN}/stop", what)["state"] == "stopped"
    stopped_us = operator.now_us()
    wait_until(lambda: operator.now_us() > stopped_us + 1_500_000, 30.0, "a second and a half by Redis's clock")
    begun = stack.begin_instants_us(batch)
    assert len(begun) < 300, "there was something left to begin"
    assert stack.api("GET", f"/api/v1/batch/{batch}/why")["verdict"]["code"] == code
    started_us = operator.now_us()
    assert operator.done("POST", f"{ADMIN}/start", what)["state"] == "active"
    wait_until(lambda: len(stack.begin_instants_us(batch)) > len(begun), 60.0, "it goes on")
    stack.api("POST", f"/api/v1/batch/{batch}/cancel")
    stack.wait_for_batch(batch, states=("cancelled",))
    instants = stack.begin_instants_us(batch)
    assert [at for at in instants if stopped_us + 1_000_000 < at < started_us] == []
