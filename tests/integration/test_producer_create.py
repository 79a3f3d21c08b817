# SPDX-License-Identifier: Apache-2.0
"""POST /api/v1/batch: what is accepted, what it says, and what then lies in Redis."""

from __future__ import annotations

import datetime
import json

from tests.support.engine import contact_record, id_hash
from tests.support.producer_api import Api, batch_body, numbers

SEED_EXAMPLE = {
    "agentId": "agent_123",
    "userId": "user_456",
    "contacts": [
        {
            "id": "contact_clx789xyz",
            "phoneNumber": "+15551234567",
            "name": "Jane Doe",
            "email": "jane@example.com",
            "company": "Acme Corp",
            "metadata": {"lead_score": 80},
        },
        {"phoneNumber": "+15557654321", "name": "John Smith", "company": None, "metadata": {"account_id": "A123"}},
    ],
    "options": {
        "priority": 7,
        "maxCallsPerSecond": 12,
        "timezone": "America/New_York",
        "retryStrategy": {"maxAttempts": 3, "noAnswerDelay": 3600000, "busyDelay": 300000},
        "webhooks": {
            "onBatchComplete": "https://api.yourcompany.com/webhooks/batch-complete",
            "onCallComplete": "https://api.yourcompany.com/webhooks/call-complete",
        },
        "tags": ["Q4_2025", "lead_qualification", "high_value"],
    },
}


def in_an_hour() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(hours=1)


def test_the_seeds_complete_example_is_accepted_and_held(api: Api, acme: str) -> None:
    answer = api.post("/api/v1/batch", SEED_EXAMPLE, acme)
    assert answer.status == 202, answer
    said = answer.json()
    batch = said["batchId"]
    assert said["success"] is True
    assert said["status"] == "pending"
    assert said["total"] == 2
    assert said["warnings"] == []
    assert said["links"]["status"] == f"{api.process.url}/api/v1/batch/{batch}/status"
    assert said["links"]["dashboard"].startswith(api.process.url)
    held = api.batch(batch)
    assert {name: held[name] for name in ("tenant", "trunk", "state", "sealed", "total", "due", "cps", "priority")} == {
        "tenant": "acme",
        "trunk": "main",
        "state": "pending",
        "sealed": "1",
        "total": "2",
        "due": "2",
        "cps": "12",
        "priority": "7",
    }
    assert held["agent_id"] == "agent_123"
    assert held["user_id"] == "user_456"
    assert json.loads(held["tags"]) == ["Q4_2025", "lead_qualification", "high_value"]
    assert held["on_call_complete"] == "https://api.yourcompany.com/webhooks/call-complete"
    assert "on_batch_failed" not in held
    assert "start_ms" in held
    assert api.contacts(batch) == 2


def test_a_batch_is_indexed_by_tenant_and_tag_and_has_its_endpoint(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(1), tags=["Ürün"], webhooks={"onCallComplete": "https://crm.example:8443/hook"})
    assert api.client.zscore(api.engine.key("tenant:acme:batches"), batch) is not None
    assert api.client.zscore(api.engine.key("tenant:acme:tags:" + "Ürün".encode().hex()), batch) is not None
    origins = api.client.hgetall(api.engine.key("hooks:endpoints:t/acme"))
    endpoint = origins[b"https://crm.example:8443"].decode()
    held = api.engine.hash(f"hooks:endpoint:{endpoint}")
    assert held["tenant"] == "acme"
    assert held["secret"].startswith("v1.")


def test_records_are_as_the_scripts_read_them(api: Api, acme: str) -> None:
    contacts = [{"id": "lead-1", "phoneNumber": "+1 (555) 010-0001", "name": "Jane"}, {"phoneNumber": "+15550100002"}]
    batch = api.create(acme, contacts)
    bucket = api.client.hgetall(api.engine.key(f"batch:{batch}:contacts:0"))
    assert bucket[b"0"] == contact_record(15550100001, "lead-1", "Jane")
    assert bucket[b"1"] == contact_record(15550100002)
    seen = api.client.hgetall(api.engine.key(f"batch:{batch}:seen:i:0"))
    assert seen == {id_hash("lead-1").encode(): b"0"}


def test_long_metadata_lies_beside_its_record_byte_for_byte(api: Api, acme: str) -> None:
    text = '{"note":  "' + "x" * 2000 + '", "n": 1.50}'
    body = '{"agentId":"a","contacts":[{"phoneNumber":"+15550100001","metadata":' + text + "}]}"
    answer = api.request("POST", "/api/v1/batch", body.encode(), acme, {"Content-Type": "application/json"})
    assert answer.status == 202, answer
    extra = api.client.hget(api.engine.key(f"batch:{answer.json()['batchId']}:extra:0"), "0")
    assert extra == text.encode()


def test_members_may_come_in_any_order(api: Api, acme: str) -> None:
    body = batch_body(numbers(3), priority=9)
    for order in (("options", "contacts", "agentId"), ("contacts", "agentId", "options")):
        answer = api.post("/api/v1/batch", {name: body[name] for name in order}, acme)
        assert answer.status == 202, answer
        assert api.batch(answer.json()["batchId"])["priority"] == "9"


def test_a_scheduled_batch_says_so(api: Api, acme: str) -> None:
    start = in_an_hour()
    answer = api.post("/api/v1/batch", batch_body(numbers(1), scheduledStartTime=start.isoformat()), acme)
    assert answer.status == 202, answer
    assert answer.json()["status"] == "scheduled"
    assert answer.json()["warnings"] == []
    assert int(api.batch(answer.json()["batchId"])["start_ms"]) == int(start.timestamp()) * 1000


def test_a_start_with_two_readings_is_warned_of(api: Api, acme: str) -> None:
    start = in_an_hour().strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = api.post(
        "/api/v1/batch", batch_body(numbers(1), scheduledStartTime=start, timezone="Asia/Tokyo"), acme
    )
    assert answer.status == 202, answer
    assert [warning["path"] for warning in answer.json()["warnings"]] == ["options.scheduledStartTime"]


def test_unknown_fields_of_a_contact_become_metadata_with_a_warning(api: Api, acme: str) -> None:
    answer = api.post("/api/v1/batch", batch_body([{"phoneNumber": "+15550100001", "plan": "gold"}]), acme)
    assert answer.status == 202, answer
    assert [warning["path"] for warning in answer.json()["warnings"]] == ["contacts[0].plan"]


def test_repeated_numbers_and_ids_are_taken_once_and_reported(api: Api, acme: str) -> None:
    contacts = [
        {"id": "a", "phoneNumber": "+15550100001"},
        {"id": "b", "phoneNumber": "+1 555 010 0001"},
        {"id": "a", "phoneNumber": "+15550100003"},
        {"id": "c", "phoneNumber": "+15550100004"},
    ]
    answer = api.post("/api/v1/batch", batch_body(contacts), acme)
    assert answer.status == 202, answer
    said = answer.json()
    assert said["total"] == 2
    assert [(warning["path"], warning["code"]) for warning in said["warnings"]] == [
        ("contacts[1].phoneNumber", "DUPLICATE"),
        ("contacts[2].id", "DUPLICATE"),
    ]
    assert api.contacts(said["batchId"]) == 2


def test_a_repeat_is_reported_by_its_place_in_the_whole_body(api: Api, acme: str) -> None:
    contacts = [*numbers(1200), "+15550100007", *numbers(3, start=15550200000)]
    answer = api.post("/api/v1/batch", batch_body(contacts), acme)
    assert answer.status == 202, answer
    assert [warning["path"] for warning in answer.json()["warnings"]] == ["contacts[1200].phoneNumber"]
    assert answer.json()["total"] == 1203
    assert api.contacts(answer.json()["batchId"]) == 1203


def test_warnings_beyond_the_bound_are_counted(api: Api, acme: str) -> None:
    answer = api.post("/api/v1/batch", batch_body(["+15550100001"] * 1500), acme)
    assert answer.status == 202, answer
    warnings = answer.json()["warnings"]
    assert len(warnings) == 1001
    assert warnings[-1]["code"] == "MORE"
    assert answer.json()["total"] == 1


def test_the_tenant_may_be_named_by_id_or_alias_or_not_at_all(api: Api, acme: str) -> None:
    body = batch_body(numbers(1))
    for user, held in (("acme", "acme"), ("user_456", "user_456"), (None, "acme")):
        answer = api.post("/api/v1/batch", {**body, **({"userId": user} if user else {})}, acme)
        assert answer.status == 202, answer
        assert api.batch(answer.json()["batchId"])["user_id"] == held


def test_a_trunk_may_be_chosen_among_the_tenants(api: Api, acme: str) -> None:
    assert api.batch(api.create(acme, numbers(1), trunk="second"))["trunk"] == "second"


def test_a_trunk_that_is_gone_is_a_conflict(api: Api) -> None:
    key = api.tenant("stranded", trunks=("removed",))
    before = api.snapshot()
    answer = api.post("/api/v1/batch", batch_body(numbers(1)), key)
    assert (answer.status, answer.code) == (409, "TRUNK_NOT_FOUND")
    assert api.snapshot() == before


def test_a_tenant_has_a_bounded_number_of_endpoints(api: Api) -> None:
    key = api.tenant("many")
    for i in range(20):
        api.create(key, numbers(1), webhooks={"onCallComplete": f"https://host{i}.example/"})
    listed = api.get("/api/v1/batch/list", key).json()
    answer = api.post("/api/v1/batch", batch_body(numbers(1), webhooks={"onCallComplete": "https://more.example/"}), key)
    assert (answer.status, answer.code) == (409, "TOO_MANY_ENDPOINTS")
    assert api.get("/api/v1/batch/list", key).json() == listed
    used = api.get("/api/v1/tenant", key).json()["quotas"]
    assert (used["batches"]["used"], used["queuedContacts"]["used"]) == (20, 20), "what is refused counts no more"


def test_a_hundred_thousand_contacts_in_one_body(api: Api, acme: str) -> None:
    contacts = [
        {"phoneNumber": f"+1555{i:07d}", "name": f"Contact {i}", "metadata": {"row": i}} for i in range(100_000)
    ]
    answer = api.post("/api/v1/batch", batch_body(contacts), acme)
    assert answer.status == 202, answer
    batch = answer.json()["batchId"]
    assert answer.json()["total"] == 100_000
    assert api.contacts(batch) == 100_000
    assert api.batch(batch)["due"] == "100000"
    assert api.batch(batch)["seen_shards"] == "521"
    record = api.client.hget(api.engine.key(f"batch:{batch}:contacts:{99_999 // 64}"), "99999")
    assert record.startswith(contact_record(15550099999))
