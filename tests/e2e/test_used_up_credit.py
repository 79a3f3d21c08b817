# SPDX-License-Identifier: Apache-2.0
"""A tenant whose credit is used up in the middle of a batch, and comes back: all processes, a platform whose calls last until
they are hung up."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from tests.support.stack import CARRIER_KEY, TENANT, Stack, phone_numbers
from tests.support.waiting import wait_until

FOR_EVER_MS = 3_600_000
CONTACTS = 30
TALK_S = 60


def hang_up_all(stack: Stack, done: set[str]) -> None:
    """The platform's calls that are on the line end."""
    assert stack.carrier
    for event in stack.carrier_events():
        if event["ev"] == "placed" and event["id"] not in done:
            done.add(event["id"])
            urllib.request.urlopen(
                urllib.request.Request(
                    f"{stack.carrier.url}/v2/stop-call/{event['id']}", method="POST", data=b"",
                    headers={"Authorization": f"Bearer {CARRIER_KEY}"},
                ),
                timeout=30,
            ).close()  # fmt: skip


def test_a_batch_whose_tenants_credit_is_used_up_waits_for_more_and_then_goes_on() -> None:
    with Stack(outcomes="completed=1", talk_ms=FOR_EVER_MS, tenant_options=("--credits", str(CONTACTS * 120))) as stack:

        def credit() -> tuple[int, int]:
            tenant = json.loads(stack.command("tenant", "show", TENANT, "--json"))
            return tenant["credits"], tenant["reservedCredits"] or 0

        with pytest.raises(urllib.error.HTTPError) as refused:
            stack.submit(phone_numbers(CONTACTS + 1))
        assert refused.value.code == 402

        stack.command("stop", "tenant", TENANT)
        batch = stack.submit(phone_numbers(CONTACTS), maxCallDuration=TALK_S, maxCallsPerSecond=30, summaryWait=0)
        stack.command("tenant", "set", TENANT, "--credits", str(7 * TALK_S))
        stack.command("start", "tenant", TENANT)

        status = stack.wait_for_batch(batch, states=("paused",))
        assert (status["reason"], status["ongoing"]) == ("credits", 7)
        assert credit() == (0, 7 * TALK_S)
        assert len(stack.begin_instants_us(batch)) == 7
        assert "BATCH_UNFUNDED" in stack.command("why", batch)
        (failed,) = wait_until(lambda: stack.delivered("batch.failed", batch), 30.0, "the tenant is told")
        assert (failed.body["error"], failed.body["code"]) == ("Insufficient call minutes", "INSUFFICIENT_CREDITS")

        stack.command("tenant", "credit", TENANT, "--add", str(CONTACTS * TALK_S))
        wait_until(lambda: stack.status(batch)["ongoing"] == CONTACTS, 30.0, "the rest begins", poll_s=0.1)
        assert credit() == (7 * TALK_S, CONTACTS * TALK_S)

        hung_up: set[str] = set()
        wait_until(lambda: hang_up_all(stack, hung_up) or stack.status(batch)["status"] == "completed", 60.0, "all end", poll_s=0.2)
        talked_s = int(stack.redis.client().hget(f"carillon:{{c0}}:batch:{batch}", "talked_s"))
        assert credit() == ((7 + CONTACTS) * TALK_S - talked_s, 0)
        assert len(stack.delivered("batch.failed", batch)) == 1
        is_clean, printed = stack.audit()
        assert is_clean, printed
