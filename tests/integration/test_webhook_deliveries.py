# SPDX-License-Identifier: Apache-2.0
"""What a tenant sees of its webhooks, and asks of them, where the real notifier sends them and the real producer answers."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import hooks
from tests.support.http_receiver import Answer
from tests.support.notifier_world import LOOPBACK, TENANT, World
from tests.support.processes import Process
from tests.support.producer_api import Answer as Told
from tests.support.producer_api import Api
from tests.support.waiting import wait_until

BASE = "/api/v1/webhooks"


class Office:
    """A world with a producer beside its notifier."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.api = Api(world.redis, *LOOPBACK)
        self.key = self.api.tenant(TENANT)
        self.endpoint = world.endpoint()

    def get(self, path: str) -> Any:
        answer = self.api.get(BASE + path, self.key)
        assert answer.status == 200, answer
        return answer.json()

    def post(self, path: str, body: Any = None) -> Told:
        return self.api.post(BASE + path, body, self.key)

    def shown(self, delivery: str, state: str) -> dict[str, Any]:
        def told() -> dict[str, Any] | None:
            answer = self.api.get(f"{BASE}/deliveries/{delivery}", self.key)
            return answer.json() if answer.status == 200 and answer.json()["state"] == state else None

        return wait_until(told, 15, f"{delivery} is {state}")


@pytest.fixture
def office(world: World) -> Iterator[Office]:
    made = Office(world)
    with made.api:
        yield made


def notifier(office: Office) -> Process:
    return office.world.notifier()


def test_an_attempt_is_shown_with_its_phases_its_code_and_what_to_do(office: Office) -> None:
    office.world.receiver.answer = lambda request: Answer(500)
    office.world.batch("batch_c0_1")
    notifier(office)
    event = office.world.call_event("batch_c0_1", 7)
    told = office.shown(event, "retrying")
    assert (told["event"], told["batchId"], told["callId"]) == ("call.completed", "batch_c0_1", "batch_c0_1-7")
    (attempt,) = told["log"]
    assert (attempt["attempt"], attempt["trigger"], attempt["code"], attempt["httpStatus"]) == (1, "schedule", "http_status", 500)
    assert (attempt["httpVersion"], attempt["connectionReused"]) == ("1.1", False)
    assert attempt["phases"]["tlsMs"] is None and 0 <= attempt["phases"]["firstByteMs"] <= attempt["durationMs"] + 1
    assert "2xx" in attempt["hint"] and told["nextAttemptAt"]
    (listed,) = office.get("/deliveries?state=retrying")["deliveries"]
    assert listed == {name: value for name, value in told.items() if name != "log"}
    (endpoint,) = office.get("/endpoints")["endpoints"]
    assert (endpoint["status"], endpoint["reason"], endpoint["consecutiveFailures"], endpoint["pending"]) == ("degraded", "failing", 1, 1)


def test_what_was_given_up_is_sent_again_by_its_id_and_since_an_instant_under_the_same_webhook_id(office: Office) -> None:
    office.world.receiver.answer = lambda request: Answer(410)
    office.world.batch("batch_c0_1")
    notifier(office)
    first = office.world.call_event("batch_c0_1", 1)
    assert office.shown(first, "dead")["reason"] == "endpoint_gone"
    second = office.world.call_event("batch_c0_1", 2, seq=2)
    assert office.shown(second, "dead")["reason"] == "endpoint_disabled"
    assert office.post(f"/deliveries/{first}/redeliver").code == "ENDPOINT_DISABLED"
    assert office.get(f"/endpoints/{office.endpoint}")["reason"] == "gone"

    office.world.receiver.answer = lambda request: Answer(200)
    assert office.api.send("PATCH", f"{BASE}/endpoints/{office.endpoint}", {"status": "active"}, office.key).json()["status"] == "active"
    assert office.post(f"/deliveries/{first}/redeliver").status == 202
    assert [attempt["trigger"] for attempt in office.shown(first, "delivered")["log"]] == ["schedule", "manual"]
    assert office.post(f"/endpoints/{office.endpoint}/recover?since=2020-01-01T00:00:00Z").json()["recovered"] == 1
    assert [attempt["trigger"] for attempt in office.shown(second, "delivered")["log"]] == ["recover"]

    gone, again, recovered = office.world.receiver.snapshot()
    assert gone.headers["webhook-id"] == again.headers["webhook-id"] == first
    assert again.body == gone.body and recovered.json()["seq"] == 2
    assert all(office.world.is_verified(request) for request in (again, recovered))


def test_a_delivered_one_is_sent_again_too_until_its_batch_is_gone(office: Office) -> None:
    office.world.batch("batch_c0_1")
    notifier(office)
    event = office.world.call_event("batch_c0_1", 7)
    office.shown(event, "delivered")
    assert office.post(f"/deliveries/{event}/redeliver").status == 202
    first, again = office.world.receiver.wait_for(2)
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == event and first.body == again.body
    wait_until(lambda: office.get(f"/deliveries/{event}")["attempts"] == 2 and office.shown(event, "delivered"), 15)
    office.world.db.delete(office.world.key("batch:batch_c0_1"))
    assert office.post(f"/deliveries/{event}/redeliver").status == 410


def test_one_whose_batch_went_meanwhile_is_not_waited_for(office: Office) -> None:
    office.world.batch("batch_c0_1")
    process = notifier(office)
    event = office.world.call_event("batch_c0_1", 7)
    office.shown(event, "delivered")
    process.stop()
    assert office.post(f"/deliveries/{event}/redeliver").status == 202
    office.world.db.delete(office.world.key("batch:batch_c0_1"))
    notifier(office)
    wait_until(lambda: office.get(f"/deliveries/{event}")["askedFor"] is None, 20)
    assert office.get(f"/deliveries/{event}")["state"] == "delivered"


@pytest.mark.parametrize(("status", "state", "code"), [(200, "delivered", "ok"), (500, "dead", "http_status")])
def test_a_test_is_sent_once_signed_and_shown_among_the_deliveries(office: Office, status: int, state: str, code: str) -> None:
    office.world.receiver.answer = lambda request: Answer(status)
    notifier(office)
    asked = office.post(f"/endpoints/{office.endpoint}/test", {"url": f"{office.world.receiver.url}/try"})
    assert asked.status == 202, asked
    delivery = asked.json()["deliveryId"]
    told = office.shown(delivery, state)
    assert (told["event"], told["batchId"], told["attempts"]) == ("webhook.test", None, 1)
    assert [(attempt["trigger"], attempt["code"]) for attempt in told["log"]] == [("test", code)]
    (request,) = office.world.receiver.wait_for(1)
    assert (request.path, request.headers["webhook-id"], request.json()["event"]) == ("/try", delivery, "webhook.test")
    assert office.world.is_verified(request)
    assert [row["id"] for row in office.get("/deliveries")["deliveries"]] == [delivery]


def test_the_seeds_header_comes_where_it_is_asked_for_under_the_text_of_the_secret(office: Office) -> None:
    office.world.batch("batch_c0_1")
    notifier(office)
    office.world.call_event("batch_c0_1", 1)
    (plain,) = office.world.receiver.wait_for(1)
    assert "x-dialgen-signature" not in plain.headers
    assert office.api.send("PATCH", f"{BASE}/endpoints/{office.endpoint}", {"signature": "seed"}, office.key).status == 200
    office.world.call_event("batch_c0_1", 2)
    signed = office.world.receiver.wait_for(2)[1]
    secret = office.world.secrets[office.endpoint].encode()
    assert signed.headers["x-dialgen-signature"] == hmac.new(secret, signed.body, hashlib.sha256).hexdigest()
    assert office.world.is_verified(signed)


def test_an_url_of_another_origin_is_no_test_of_the_endpoint(office: Office) -> None:
    refused = office.post(f"/endpoints/{office.endpoint}/test", {"url": "https://elsewhere.example/"})
    assert (refused.status, list(refused.field_errors)) == (400, ["url"])
    assert office.get("/deliveries")["deliveries"] == []
    assert hooks.endpoint_id(TENANT, office.world.receiver.url) == office.endpoint


def test_a_removed_endpoint_gets_nothing_more_and_what_waited_for_it_leaves_redis(office: Office) -> None:
    office.world.receiver.answer = lambda request: Answer(500)
    office.world.batch("batch_c0_1")
    notifier(office)
    events = [office.world.call_event("batch_c0_1", ordinal, seq=ordinal) for ordinal in (1, 2)]
    for event in events:
        office.shown(event, "retrying")
    removed = office.api.send("DELETE", f"{BASE}/endpoints/{office.endpoint}", None, office.key)
    assert (removed.status, removed.json()["dropped"]) == (200, 2), removed
    seen = len(office.world.receiver.snapshot())
    late = office.world.call_event("batch_c0_1", 3, seq=3)

    def left() -> set[str]:
        names = office.world.db.keys(office.world.key("hooks:*"))
        return {name for name in names if not any(word in name for word in ("lease", "notifiers", "counts"))}

    wait_until(lambda: not left(), 15, "nothing of it is left")
    stream = office.world.key(f"events:{hooks.event_shard(TENANT)}")

    def dropped() -> bool:
        (group,) = office.world.db.xinfo_groups(stream)
        return group["pending"] == 0 and group["last-delivered-id"] == office.world.db.xrevrange(stream, count=1)[0][0]

    assert office.world.db.xrevrange(stream, count=1)[0][1]["id"] == late
    wait_until(dropped, 15, "what came for it was dropped")
    assert left() == set() and len(office.world.receiver.snapshot()) == seen
    assert office.world.db.hget(office.world.key(f"hooks:counts:{hooks.event_shard(TENANT)}"), "pending") == "0"
    assert office.api.get(f"{BASE}/deliveries/{late}", office.key).code == "DELIVERY_NOT_FOUND"
