# SPDX-License-Identifier: Apache-2.0
"""A platform that fails for a time: its trunk stops by itself, tries it with one call at a time, and goes on when it is well
again, with nobody's attempts used up and nobody called twice (docs/decisions/0017-breakers.md). A batch that it refuses
pauses itself (docs/decisions/0020-poison.md)."""

from __future__ import annotations

import collections
import json
from typing import Any

from tests.support.carrier import play_faults
from tests.support.stack import TRUNK, Stack, phone_numbers
from tests.support.waiting import wait_until

CONTACTS = 60
MINIMUM = 10
TRUNK_CPS = 20
REFUSED_MOST = 20
NO_SUCH_AGENT = "Cannot find requested asset under given api key."
ON_THEIR_WAY = 10  # begun at 20 a second before the verdicts on those before them were known


def trunk(stack: Stack) -> dict[str, Any]:
    return dict(json.loads(stack.command("trunk", "show", TRUNK, "--json")))


def logged(stack: Stack, event: str) -> list[dict[str, Any]]:
    return [line for worker in stack.workers for line in worker.log_events(event)]


def events(stack: Stack, event: str) -> list[dict[str, Any]]:
    return [line for line in stack.carrier_events() if line["ev"] == event]


def let_it_be_tried(stack: Stack) -> None:
    """What waiting for it would bring."""
    client = stack.redis.client()
    client.hset(f"carillon:{{c0}}:trunk:{TRUNK}", "breaker_until_ms", client.time()[0] * 1000)
    client.zadd("carillon:{c0}:trunks", {TRUNK: 0})


def test_a_trunk_whose_platform_fails_stops_tries_it_and_goes_on_by_itself() -> None:
    options = ("--breaker-minimum", str(MINIMUM))
    with Stack(faults=("unavailable=1",), outcomes="completed=100", trunk_cps=TRUNK_CPS, trunk_options=options) as stack:
        batch = stack.submit(phone_numbers(CONTACTS), maxCallsPerSecond=30)

        opened = wait_until(lambda: logged(stack, "trunk.breaker_opened"), 30.0, "the breaker opens")
        shown = trunk(stack)
        assert shown["state"] == "active" and shown["breaker"] == "open", shown
        assert shown["breakerReason"] == opened[0]["reason"] and "failed, the last: " in shown["breakerReason"]
        assert "TRUNK_BREAKER" in stack.command("why", batch)

        let_it_be_tried(stack)
        wait_until(lambda: logged(stack, "trunk.breaker_reopened"), 30.0, "it is tried in vain")
        refused = len(events(stack, "refused"))
        assert refused <= MINIMUM + ON_THEIR_WAY + len(logged(stack, "trunk.breaker_reopened")), f"{refused} requests were refused"
        assert len(opened) == 1, "told once in the fleet"

        play_faults(stack.carrier_url)
        let_it_be_tried(stack)
        status = stack.wait_for_batch(batch)
        assert (status["statistics"]["succeeded"], status["statistics"]["failed"]) == (CONTACTS, 0), status
        assert len(logged(stack, "trunk.breaker_closed")) == 1
        shown = trunk(stack)
        assert [shown[name] for name in ("breaker", "breakerReason", "breakerSince", "breakerUntil")] == [None] * 4, shown
        rung = collections.Counter(event["to"] for event in events(stack, "placed"))
        assert set(rung.values()) == {1} and len(rung) == CONTACTS, "each number was rung once"
        fields = stack.redis.client().hgetall(f"carillon:{{c0}}:batch:{batch}")
        assert int(fields[b"attempts"]) == CONTACTS, "what was refused was given back"
        is_sound, printed = stack.audit()
        assert is_sound, printed


def test_a_batch_that_the_platform_refuses_pauses_itself_and_the_tenants_other_batches_go_on() -> None:
    with Stack(outcomes="completed=100") as stack:
        hooks = {**stack.webhooks(), "onEvent": f"{stack.receiver.url}/all"}
        contacts = [{"phoneNumber": number} for number in phone_numbers(CONTACTS)]
        body = {"agentId": "agent_unknown", "contacts": contacts, "options": {"webhooks": hooks, "maxCallsPerSecond": 20}}
        batch = stack.api("POST", "/api/v1/batch", body)["batchId"]
        other = stack.submit(phone_numbers(10, 15550300000))

        status = stack.wait_for_batch(batch, states=("paused",))
        assert (status["reason"], status["refusal"]) == ("poison", NO_SUCH_AGENT), status
        assert REFUSED_MOST <= status["statistics"]["failed"] <= REFUSED_MOST + ON_THEIR_WAY, status
        (told,) = wait_until(lambda: stack.delivered("batch.paused", batch), 30.0, "the tenant is told")
        assert (told.body["reason"], told.body["error"], told.body["code"]) == ("poison", NO_SUCH_AGENT, "BATCH_REFUSED")
        assert "BATCH_REFUSED" in stack.command("why", batch)
        assert len(logged(stack, "batch.poisoned")) == 1
        assert stack.wait_for_batch(other)["statistics"]["succeeded"] == 10
        assert trunk(stack)["breaker"] is None, "the platform is well"

        stack.command("resume", batch)
        status = stack.wait_for_batch(batch, states=("paused",))
        assert 2 * REFUSED_MOST <= status["statistics"]["failed"] <= 2 * (REFUSED_MOST + ON_THEIR_WAY), "it counted anew"
        stack.command("cancel", batch)
        stack.wait_for_batch(batch, states=("cancelled",))
        is_sound, printed = stack.audit()
        assert is_sound, printed
