# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml against the running producer, both ways: every answer is as it is described, and everything that is
described was seen in an answer, or stands in NOT_SHOWN with the reason."""

from __future__ import annotations

import datetime
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from tests.support import hooks
from tests.support.contract import Contract
from tests.support.engine import contact_record
from tests.support.http_receiver import HttpReceiver
from tests.support.openapi import Description, Operation, examples
from tests.support.processes import Process
from tests.support.producer_api import Answer, Api, batch_body
from tests.support.raw_http import exchange
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.waiting import wait_until

API = Description.read()
NOBODY = "batch_c0_00000000000000000000"
LATE = "2031-11-16T09:00:00.000Z"
OUTCOMES = API.schema("Outcome")["enum"]
OPERATIONS = {operation.id: operation for operation in API.operations}

# What no answer shows here: a pattern, and why.
NOT_SHOWN = {
    r'WhyCode "\w+"': "tests/lua/test_batch_why.py brings each reason about, and holds the table of codes against the script",
    r"WhyReason\.(of|nextCheckAt|latest|reason)": "the same",
    r"WhyVerdict\.untilEvent (null|value)|WhyVerdict\.level .*": "the same",
    r"Error(Busy|OutcomeUnknown)\b.*|(createBatch|redialBatch) 503 or [12]": "tests/integration/test_producer_outages.py",
    r"ErrorTooManyListeners\b.*|streamBatch (429 or 1|503 or 1)": "tests/integration/test_producer_events.py",
    r"(exportCalls|changeBatch|addContacts) 503 or 1": "tests/integration/test_producer_export.py",
    r"ErrorIdempotencyInProgress\b.*|(createBatch|putEndpoint|createTenant|createTrunk|createKey|rotateKey|redialBatch) 409 (or 0|retry-after)": "tests/integration/test_producer_idempotency.py",
    r'ErrorRateLimited\.details\.quota "requestsAtOnce"': "512 requests under way: tests/integration/test_producer_quota.py",
    r"ErrorTooManySuppressions\b.*|putSuppressions 409.*": "a million numbers: tests/integration/test_suppressions.py",
    r"ErrorTooManyAgents\b.*|putAgents 409.*": "ten thousand agents: tests/integration/test_tenant_policy.py",
    r"ErrorTooManyKeys\b.*|createKey 409.*": "a thousand keys: tests/integration/test_admin_keys.py",
    r"ErrorInvalidRequest\.details\.more": "a thousand faults: tests/integration/test_producer_bad_input.py",
    r'Warning\.code "MORE"': "a thousand warnings: the same",
}


class World(Api):
    """A producer all of whose answers are judged, and the tenants that ask it."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(server, "--allow-private-webhooks", "127.0.0.0/8")
        self.contract = Contract(API)
        self._done: set[str] = set()

    def request(self, method: str, path: str, *args: Any, **options: Any) -> Answer:
        answer = super().request(method, path, *args, **options)
        self.contract.judge(method, path, answer)
        return answer

    def populate(self) -> None:
        self.trunk("main")
        self.trunk("gone")
        acme = self.tenant("acme", alias="user_456", trunks=("main", "gone"))
        self.engine.tick()
        self.keys = {"tenant": acme, "viewer": self.key("acme", "viewer"), "operator": self.key("", "operator")}
        self.key_of = self.keys["tenant"]
        self.batch_of_examples = self.scheduled()

    def once(self, step: Callable[[World], None]) -> None:
        """Takes the step, where it was not taken before."""
        if step.__name__ not in self._done:
            self._done.add(step.__name__)
            step(self)

    # ---- requests ----

    def path(self, operation: Operation, batch: str = "") -> str:
        """Its path, about something that is there."""
        batch = batch or self.batch_of_examples
        known = {"/batch/": batch, "/call/": f"{batch}-0", "/tenants/": "acme", "/trunks/": "main", "/keys/": "key_0000000000000000"}
        path = operation.path
        for before, value in known.items():
            path = path.replace(f"{before}{{id}}", f"{before}{value}")
        return path + (f"?batchId={batch}" if "batchId" in operation.named("query") else "")

    def ask(self, operation: Operation, key: str | None, query: str = "", path: str = "") -> Answer:
        """With the first example of a body that is described."""
        path = path or self.path(operation)
        path += ("&" if "?" in path else "?") + query if query else ""
        return self.send(operation.method, path, first_example(operation), key)

    def asking_key(self, operation: Operation) -> str:
        return self.keys[operation.roles[0]]

    # ---- batches ----

    def scheduled(self, *contacts: Any, **options: Any) -> str:
        return self.create(self.keys["tenant"], list(contacts) or self.fresh_numbers(1), scheduledStartTime=LATE, **options)

    def batch_with(self, outcome: str, tenant: str = "acme") -> str:
        """A batch whose one call ended so."""
        batch = self.engine.batch(tenant, "main", 1, max_attempts=1, agent_id="agent_123", user_id=tenant, on_call_complete=None,
                                  on_batch_complete=None, timezone="UTC", tags='["Q4"]')  # fmt: skip
        slot = self.engine.begin_next(batch)
        self.engine.accept(slot, "call_9f3")
        self.engine.finish(slot, "final", outcome, recording="https://r.example/1", summary="Wants a demo.")
        return batch

    def look(self, batch: str) -> None:
        """Everything that tells of it."""
        key = self.keys["tenant"]
        for path in ("", "/status", "/why", "/calls", "/calls/export", "/calls/export?format=ndjson"):
            assert self.get(f"/api/v1/batch/{batch}{path}", key).status == 200, (batch, path)
        assert self.get(f"/api/v1/batch/check-status?batchId={batch}", key).status == 200
        assert self.get(f"/api/v1/status/batch?batchId={batch}", key).status == 200
        assert self.get(f"/api/v1/call/{batch}-0/attempts", key).status == 200


def first_example(operation: Operation) -> Any:
    media = operation.body_media.get("application/json")
    return next(iter(examples(media).values())) if media else None


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with RedisServer(users=Users.for_tests()) as server, World(server) as running:
        running.populate()
        yield running


# ---- refusals, of every operation ----


def refuse_keys(world: World) -> None:
    for operation in OPERATIONS.values():
        answers = {role: world.ask(operation, key) for role, key in world.keys.items() if role not in operation.roles}
        assert not operation.roles or all(answer.status == 403 for answer in answers.values()), (operation.id, answers)
        if operation.roles:
            assert world.ask(operation, None).status == 401, operation.id
        if "userId" in operation.named("query"):
            assert world.ask(operation, world.asking_key(operation), "userId=stranger").status == 403


def refuse_arguments(world: World) -> None:
    for operation in OPERATIONS.values():
        if operation.roles:
            answer = world.ask(operation, world.asking_key(operation), "nonsense=1")
            assert (answer.status, list(answer.field_errors)) == (400, ["nonsense"]), operation.id
        if "batchId" in operation.named("query"):
            assert world.ask(operation, world.asking_key(operation), path=operation.path).status == 400


def refuse_ids(world: World) -> None:
    for operation in OPERATIONS.values():
        if "404" in operation.responses and (operation.named("path") or "batchId" in operation.named("query")):
            path = operation.path.replace("/batch/{id}", f"/batch/{NOBODY}").replace("{id}", f"{NOBODY}-0")
            path += f"?batchId={NOBODY}" if "batchId" in operation.named("query") else ""
            assert world.ask(operation, world.asking_key(operation), path=path).status == 404, operation.id


def refuse_bodies(world: World) -> None:
    for operation in OPERATIONS.values():
        if not operation.body:
            continue
        key, path = world.asking_key(operation), world.path(operation)
        assert world.request(operation.method, path, b"x", key, {"Content-Type": "text/plain"}).status == 415, operation.id
        large = {"Content-Type": "application/json", "Content-Length": str(2 << 30), "Expect": "100-continue"}
        assert world.request(operation.method, path, None, key, large).status == 413, operation.id


def refuse_states(world: World) -> None:
    """What a batch that has ended allows no more, or one that has not does not allow yet."""
    for operation in OPERATIONS.values():
        if "BatchState" in json.dumps(operation.node["responses"].get("409")):
            batches = (world.batch_with("COMPLETED"), world.scheduled())
            answers = [world.ask(operation, world.asking_key(operation), path=world.path(operation, batch)) for batch in batches]
            assert "BATCH_STATE" in [answer.code for answer in answers if answer.status == 409], (operation.id, answers)


def refuse_strays(world: World) -> None:
    """What no route takes."""
    assert world.get("/api/v1/nothing").code == "ROUTE_NOT_FOUND"
    refused = world.request("POST", "/api/v1/health")
    assert (refused.code, refused.headers["allow"]) == ("METHOD_NOT_ALLOWED", "GET, HEAD")
    assert world.get(f"/api/v1/batch/list?tag={'x' * 9000}", world.keys["tenant"]).code == "URI_TOO_LONG"
    assert world.request("GET", "/api/v1/batch/list", headers={"Expect": "nonsense"}).code == "EXPECTATION_FAILED"
    assert world.request("GET", "/api/v1/batch/list", b"x" * (65 << 10), world.keys["tenant"]).code == "BODY_TOO_LARGE"
    log = world.engine.key(f"batch:{world.batch_of_examples}:attempts:0")
    world.client.hset(log, "0", "nonsense")
    assert world.get(f"/api/v1/call/{world.batch_of_examples}-0/attempts", world.keys["tenant"]).code == "INTERNAL"
    world.client.delete(log)
    for line, code in (("Transfer-Encoding: gzip", "NOT_IMPLEMENTED"), (f"X-Long: {'x' * 17000}", "INVALID_REQUEST")):
        (raw,) = exchange(world.process.port, f"POST /api/v1/health HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n0\r\n\r\n".encode(), end=True)
        assert raw.json()["code"] == code
        world.contract.judge("POST", "/stray", Answer(raw.status, raw.headers, raw.body))


def refuse_rates(world: World) -> None:
    """One request a second is one too few."""
    hasty = world.tenant("hasty", max_requests_per_second=1)
    world.client.hset("carillon:{dir}:tenant:hasty", "max_requests_per_second", 1)
    for operation in OPERATIONS.values():
        if "tenant" in operation.roles:
            codes: list[int] = []
            wait_until(lambda: codes.append(world.ask(operation, hasty).status) or codes[-1] == 429, what="the quota is used up", poll_s=0)


# ---- batches, calls ----


def create_batches(world: World) -> None:
    key = world.keys["tenant"]
    zoned = {"timezone": "America/New_York", "scheduledStartTime": "2031-11-16T09:00:00.000Z"}
    one, two = world.fresh_numbers(2)
    odd = [one, one, {"phoneNumber": two, "shoe": 44, "size": 1, "metadata": {"size": 2}}]
    warned = world.post("/api/v1/batch", batch_body(odd, **zoned), key)
    assert {warning["code"] for warning in warned.json()["warnings"]} == {"DUPLICATE", "MOVED_TO_METADATA", "IGNORED", "TWO_READINGS"}
    past = world.post("/api/v1/batch", batch_body([one], scheduledStartTime="2001-01-01T00:00:00Z"), key)
    assert past.status == 400
    assert world.post(f"/api/v1/batch?userId=user_456", batch_body([one]), key).status == 202
    many = b'{"agentId":"a","contacts":[' + b'{"phoneNumber":"+15550100001"},' * 100_000 + b'{"phoneNumber":"+15550100001"}]}'
    assert world.request("POST", "/api/v1/batch", many, key, {"Content-Type": "application/json"}).code == "TOO_MANY_CONTACTS"
    world.client.delete(world.engine.key("trunk:gone"))
    assert world.post("/api/v1/batch", batch_body([one], trunk="gone"), key).code == "TRUNK_NOT_FOUND"
    crowded = world.tenant("crowded")
    fill_endpoints(world, crowded)
    assert world.send("PUT", "/api/v1/webhooks/endpoints", {"origin": "https://one-more.example"}, crowded).code == "TOO_MANY_ENDPOINTS"
    named = batch_body([one], webhooks={"onEvent": "https://one-more.example/"})
    assert world.post("/api/v1/batch", named, crowded).code == "TOO_MANY_ENDPOINTS"
    for body, status in ((batch_body([one]), 202), (batch_body([one]), 202), (batch_body([two]), 422)):
        sent = {"Content-Type": "application/json", "Idempotency-Key": "key-1"}
        assert world.request("POST", "/api/v1/batch", json.dumps(body).encode(), key, sent).status == status


def show_states(world: World) -> None:
    key = world.keys["tenant"]
    window = {"start": "09:00", "end": "17:00", "closedDates": ["2031-12-24"]}
    links = {f"on{name}": "https://crm.example/hook" for name in ("BatchComplete", "CallComplete", "CallAttempt", "BatchFailed", "Event")}
    whole = world.scheduled({"phoneNumber": world.fresh_numbers(1)[0], "id": "lead-1", "name": "Jane", "email": "j@example.com",
                             "company": "Acme", "timezone": "Europe/Paris", "metadata": {"a": 1}},
                            callingWindow=window, webhooks=links, tags=["Q4"], maxConcurrentCalls=3)  # fmt: skip
    world.look(whole)
    pending = world.create(key, world.fresh_numbers(1))
    world.look(pending)
    assert world.post(f"/api/v1/batch/{pending}/pause", key=key).status == 200
    world.look(pending)
    assert world.post(f"/api/v1/batch/{pending}/resume?userId=acme", {"userId": "acme"}, key).json()["status"] == "pending"
    assert world.post(f"/api/v1/batch/{pending}/cancel", key=key).json()["status"] == "cancelled"
    live = world.engine.batch("acme", "main", 2, agent_id="a", user_id="acme", timezone="UTC")
    slot = world.engine.begin_next(live)
    world.look(live)
    assert world.post(f"/api/v1/batch/{live}/pause?userId=acme", key=key).status == 200
    assert world.post(f"/api/v1/batch/{live}/resume", key=key).json()["status"] == "processing"
    for path in (f"/api/v1/batch/{live}/cancel?userId=acme", f"/api/v1/batch/cancel?batchId={live}"):
        assert world.post(path, key=key).json()["status"] in ("cancelling", "cancelled")
        assert world.post(path, {"cancelInFlight": True}, key).json()["inFlightCalls"] == 1
    world.client.hset(world.engine.key("trunk:main"), "profile", "older")
    assert world.post(f"/api/v1/batch/{live}/cancel", {"cancelInFlight": True}, key).json()["warnings"][0]["code"] == "NOT_SUPPORTED"
    world.client.hset(world.engine.key("trunk:main"), "profile", "retell")
    world.look(live)
    world.engine.finish(slot)
    world.look(live)
    assert world.post(f"/api/v1/batch/cancel?userId=acme&batchId={whole}", key=key).json()["status"] == "cancelled"
    again = world.scheduled()
    assert world.post(f"/api/v1/batch/{again}/pause", key=key).status == 200
    assert world.post(f"/api/v1/batch/{again}/resume", key=key).json()["status"] == "scheduled"
    failed = world.scheduled()
    world.client.hset(world.engine.key(f"batch:{failed}"), mapping={"state": "failed", "reason": "nothing to dial"})
    world.look(failed)


def show_calls(world: World) -> None:
    key = world.keys["tenant"]
    for outcome in OUTCOMES:
        world.look(world.batch_with(outcome))
    expired = world.scheduled()
    world.client.hset(world.engine.key(f"batch:{expired}"), mapping={"expired_ms": "1763283602000"})
    world.look(expired)
    retried = world.engine.batch("acme", "main", [int(n[1:]) for n in world.fresh_numbers(3)], cps=1000, agent_id="a", user_id="acme",
                                 timezone="UTC")  # fmt: skip
    slot = world.engine.begin_next(retried)
    world.engine.finish(slot, "retry", "BUSY", 3_600_000)
    world.look(retried)
    for path in (f"/api/v1/batch/{retried}/calls?limit=1", f"/api/v1/batch/{retried}/calls?status=MISSED&outcome=BUSY&userId=acme"):
        page = world.get(path, key).json()
    cursor = world.get(f"/api/v1/batch/{retried}/calls?limit=1", key).json()["nextCursor"]
    assert world.get(f"/api/v1/batch/{retried}/calls?cursor={cursor}", key).status == 200
    assert page["calls"][0]["outcome"] == "BUSY"
    assert world.get(f"/api/v1/batch/{retried}/calls/export?status=MISSED&outcome=BUSY&userId=acme", key).status == 200
    for path in ("/api/v1/batch/{id}?limit=1&userId=acme", "/api/v1/batch/{id}/status?limit=all&userId=acme", "/api/v1/batch/{id}/why?userId=acme",
                 "/api/v1/batch/check-status?batchId={id}&limit=-1&userId=acme", "/api/v1/status/batch?batchId={id}&limit=1&userId=acme",
                 "/api/v1/call/{id}-0/attempts?userId=acme"):  # fmt: skip
        assert world.get(path.format(id=retried), key).status == 200


def follow_a_batch(world: World) -> None:
    """To its end, and once more after it."""
    for outcome in ("COMPLETED", "CANCELLED", "FAILED"):
        batch = world.batch_with("COMPLETED")
        world.client.hset(world.engine.key(f"batch:{batch}"), "state", outcome.lower())
        path, key = f"/api/v1/batch/{batch}/events", world.keys["tenant"]
        stream = world.get(f"{path}?userId=acme", key).body.decode()
        last = re.findall(r"^id: (.*)$", stream, re.MULTILINE)[-1]
        assert world.request("GET", path, key=key, headers={"Last-Event-ID": last}).status == 204


def show_dials(world: World) -> None:
    """A log of everything that can come of a dial, as common/lua/lib/call.lua writes it."""
    lines = [f"d={i} a={i} q=1763283600000001 b=1763283600000002 w=w_1" for i in range(1, 4)]
    lines += [f"d=1 o=BUSY e=1763283602000 via={via} then={then} n=1763283603000 p=call_1 r=dial_busy" for via, then in (
        ("callback", "ended"), ("lookup", "retry"), ("answer", "final"), ("deadline", "settled"), ("callback", "stale"))]  # fmt: skip
    lines += [f"d=2 v={verdict} n=1763283603000" for verdict in ("THROTTLED", "NOT_SENT", "ACCOUNT", "ABSENT")]
    lines += ["d=9 o=UNKNOWN e=0 via=deadline then=final n=0 p= r="]
    lines += [f"d=3 o={outcome} e=1763283602000 via=callback then=final n=0 p= r=" for outcome in OUTCOMES]
    batch = world.scheduled()
    world.client.hset(world.engine.key(f"batch:{batch}:attempts:0"), "0", "\n".join(lines) + "\n")
    assert world.get(f"/api/v1/call/{batch}-0/attempts", world.keys["tenant"]).status == 200


def change_batches(world: World) -> None:
    key, batch = world.keys["tenant"], world.scheduled(callerIds=["+15550001111"], retryStrategy={"voicemailDelay": 1000}, onUnknown="hold")
    path, sent = f"/api/v1/batch/{batch}", {"Content-Type": "application/json"}
    for operation_body in examples(OPERATIONS["changeBatch"].body_media["application/json"]).values():
        etag = world.get(path, key).headers["etag"]
        body = json.dumps(operation_body).encode()
        assert world.request("PATCH", f"{path}?userId=acme", body, key, {**sent, "If-Match": etag}).status == 200
        stale = world.request("PATCH", path, body, key, {**sent, "If-Match": etag})
        assert (stale.status, stale.json()["details"]["etag"]) == (412, world.get(path, key).headers["etag"])
    assert world.send("PATCH", path, {"timezone": "Europe/Paris", "scheduledStartTime": "2031-11-16T09:00:00.000Z"}, key).json()["warnings"]
    assert world.send("PATCH", path, {"webhooks": {"onEvent": "https://another.example/"}}, key).status == 200
    crowded = world.tenant("crowded-too")
    fill_endpoints(world, crowded)
    theirs = f"/api/v1/batch/{world.create(crowded, world.fresh_numbers(1), scheduledStartTime=LATE)}"
    assert world.send("PATCH", theirs, {"webhooks": {"onEvent": "https://one-more.example/"}}, crowded).code == "TOO_MANY_ENDPOINTS"
    over = world.batch_with("COMPLETED")
    assert world.send("DELETE", f"/api/v1/batch/{over}?userId=acme", None, key).status == 200


def fill_a_draft(world: World) -> None:
    key = world.keys["tenant"]
    batch = world.post("/api/v1/batch?draft=true", {"agentId": "agent_123"}, key).json()["batchId"]
    path, one = f"/api/v1/batch/{batch}", world.fresh_numbers(1)[0]
    assert world.post(f"{path}/start", key=key).code == "BATCH_EMPTY"
    assert world.get(path, key).json()["status"] == "draft"
    assert world.get(f"{path}/why", key).json()["status"] == "draft"
    chunks = {name: (kind, body) for name, (kind, body) in enumerate(BAD_ROWS, 1)}
    for number, (kind, body) in chunks.items():
        answer = world.request("POST", f"{path}/contacts?chunk={number}&userId=acme", body, key, {"Content-Type": kind})
        assert (answer.status, answer.json()["accepted"]) == (200, 0), answer
    good = json.dumps({"phoneNumber": one, "shoe": 44}).encode()
    sent = {"Content-Type": "application/x-ndjson"}
    assert world.request("POST", f"{path}/contacts", good + b"\n" + good, key, sent).json()["warnings"]
    assert world.request("POST", f"{path}/contacts?chunk=1", good, key, sent).code == "CHUNK_CONFLICT"
    codes = {error["code"] for error in world.get(f"{path}/errors?userId=acme", key).json()["errors"]}
    assert codes == set(API.schema("RowError")["properties"]["code"]["enum"])
    cursor = world.get(f"{path}/errors?limit=1", key).json()["nextCursor"]
    assert world.get(f"{path}/errors?cursor={cursor}", key).status == 200
    world.client.hset(world.engine.key(f"batch:{batch}:chunks"), "open", "77")
    assert world.post(f"{path}/start?userId=acme", key=key).code == "CHUNKS_UNFINISHED"
    world.client.hset(world.engine.key(f"batch:{batch}:chunks"), "open", " ".join(str(number) for number in range(100, 164)))
    assert world.request("POST", f"{path}/contacts?chunk=9", good, key, sent).code == "TOO_MANY_CHUNKS"
    world.client.hdel(world.engine.key(f"batch:{batch}:chunks"), "open")
    assert world.post(f"{path}/start?userId=acme", {"userId": "acme"}, key).json()["status"] == "pending"
    ahead = world.post("/api/v1/batch?draft=true", {**batch_body([one]), "options": {"scheduledStartTime": LATE}}, key).json()["batchId"]
    assert world.post(f"/api/v1/batch/{ahead}/start", key=key).json()["status"] == "scheduled"
    live = world.engine.batch("acme", "main", 2, agent_id="a", user_id="acme", timezone="UTC")
    world.engine.begin_next(live)
    assert world.post(f"/api/v1/batch/{live}/start", key=key).json()["status"] == "processing"


# Rows of which none is a contact: every reason that there is.
LONG_TEXT = "x" * 300
BAD_ROWS = [
    ("application/json", json.dumps([
        {"phoneNumber": "555-12"}, {"name": "nobody"}, {"phoneNumber": 7}, {"phoneNumber": "+15550001111", "name": LONG_TEXT}, 5,
        {"phoneNumber": "+15550001111", "id": "a\tb"}, {"phoneNumber": "+15550001111", "email": "nowhere"},
        {"phoneNumber": "+15550001111", "timezone": "Mars/Base"}, {"phoneNumber": "+15550001111", "metadata": {"a": "x" * 5000}},
    ]).encode()),
    ("application/x-ndjson", b'{"phoneNumber": \n{"phoneNumber": "+15550001111", "phoneNumber": "+15550001112"}\n'),
    ("text/csv", b'phoneNumber,name\n+15550001111\n+15550001111,"a"b\n+15550001111,a\x00b\n+15550001111,\xff\n+15550001111,' + b"x" * 17000
     + b"\n+15550001111" + b",x" * 300 + b'\n+15550001111,"open\n'),
    ("text/csv", b"phoneNumber\n" + b",".join([b"x" * 16000] * 30) + b"\n"),
]  # fmt: skip


def redial_batches(world: World) -> None:
    key, sent = world.keys["tenant"], {"Content-Type": "application/json", "Idempotency-Key": "redial-1"}
    for outcome in (outcome for outcome in OUTCOMES if outcome != "COMPLETED"):
        batch = world.batch_with(outcome)
        again = f"/api/v1/batch/{batch}/redial"
        made = world.post(f"{again}?userId=acme", {"outcomes": [outcome]}, key)
        assert made.json()["outcomes"] == {outcome: 1}, made
    world.look(made.json()["batchId"])
    assert world.post(again, {"outcomes": ["BUSY"]}, key).code == "NOTHING_TO_REDIAL"
    path = f"/api/v1/batch/{world.batch_with('BUSY')}/redial"
    for body, status in ((b"{}", 202), (b"{}", 202), (b"{ }", 422)):
        answer = world.request("POST", path, body, key, sent)
        assert answer.status == status, answer
    world.client.delete(world.engine.key("trunk:gone"))
    named = {"outcomes": ["BUSY"], "options": {"trunk": "gone"}}
    assert world.post(path, named, key).code == "TRUNK_NOT_FOUND"
    for name, code in (("poor", "INSUFFICIENT_CREDITS"), ("choosy-too", "AGENT_NOT_FOUND"), ("crowded-three", "TOO_MANY_ENDPOINTS")):
        owner, over = world.tenant(name), world.batch_with("BUSY", name)
        if name == "poor":
            world.client.hset(world.engine.key(f"tenant:{name}"), "available_s", 1)
        elif name == "choosy-too":
            listed = {"tenant": name, "agents": [{"id": "agent_1"}]}
            assert world.send("PUT", "/api/v1/admin/agents", listed, world.keys["operator"]).status == 200
        else:
            fill_endpoints(world, owner)
        options = {"webhooks": {"onEvent": "https://one-more.example/"}}
        assert world.post(f"/api/v1/batch/{over}/redial", {"options": options}, owner).code == code


def fill_endpoints(world: World, key: str) -> None:
    for i in range(20):
        assert world.send("PUT", "/api/v1/webhooks/endpoints", {"origin": f"https://host{i}.example"}, key).status == 201


def list_batches(world: World) -> None:
    key = world.keys["tenant"]
    for _ in range(3):
        world.scheduled(tags=["Q4"])
    for state in API.schema("BatchState")["enum"]:
        assert world.get(f"/api/v1/batch/list?status={state}", key).status == 200
    page = world.get("/api/v1/batch/list?limit=1&tag=Q4&agentId=agent_123&from=2001-01-01T00:00:00Z&to=2031-01-01T00:00:00%2B01:00&userId=acme", key)
    cursor = page.headers["x-next-cursor"]
    assert world.get(f"/api/v1/batch/list?cursor={cursor}", key).status == 200
    world.scheduled()
    told = world.get("/api/v1/reports/tags?limit=1&from=2001-01-01T00:00:00Z&to=2031-01-01T00:00:00Z&userId=acme", key).json()
    assert world.get(f"/api/v1/reports/tags?cursor={told['nextCursor']}", key).json()["nextCursor"] is None


# ---- what a tenant and an operator keep ----


def keep_numbers(world: World) -> None:
    path, numbers = "/api/v1/suppressions", world.fresh_numbers(3)
    for key, user in ((world.keys["tenant"], "?userId=acme"), (world.keys["operator"], "")):
        for method in ("PUT", "DELETE", "PUT"):
            assert world.send(method, path + user, {"phoneNumbers": numbers}, key).status == 200
        assert world.get(f"{path}?phoneNumber={numbers[0].replace('+', '%2B')}", key).json()["suppressed"] is True
        assert world.get(f"{path}?phoneNumber=%2B15550009999", key).json()["suppressed"] is False
        cursor = world.get(f"{path}?limit=1", key).json()["nextCursor"]
        assert world.get(f"{path}?cursor={cursor}", key).status == 200
        assert world.send("DELETE", f"{path}?phoneNumber={numbers[0].replace('+', '%2B')}", None, key).status == 200
    assert world.get(f"{path}?userId=acme", world.keys["tenant"]).status == 200


def keep_endpoints(world: World) -> None:
    path, key, body = "/api/v1/webhooks/endpoints", world.keys["tenant"], b'{"url":"https://kept.example/"}'
    sent = {"Content-Type": "application/json"}
    assert world.request("PUT", f"{path}?userId=acme", body, key, {**sent, "Idempotency-Key": "k1"}).status == 201
    assert world.request("PUT", f"{path}?userId=acme", body, key, {**sent, "Idempotency-Key": "k1"}).headers["idempotency-replayed"]
    assert world.request("PUT", path, body, key, {**sent, "Idempotency-Key": "k2"}).status == 200
    assert world.request("PUT", path, body, key, {**sent, "Idempotency-Key": "k2"}).headers["idempotency-replayed"]
    assert world.request("PUT", path, b'{"url":"https://x.example/"}', key, {**sent, "Idempotency-Key": "k2"}).status == 422
    assert world.get(f"{path}?userId=acme", key).json()["endpoints"]


def administer_tenants(world: World) -> None:
    tenants, key = "/api/v1/admin/tenants", world.keys["operator"]
    new = {"id": "globex", "cps": 10, "trunks": ["main"], "alias": "user_9", "maxConcurrent": 7, "credits": 600, "keepDays": 5, "maxRequestsPerSecond": 99,
           "timezone": "Europe/Paris", "callingWindow": {"start": "09:00", "end": "17:00", "days": API.schema("CallingWindow")["properties"]["days"]["items"]["enum"], "timezone": "UTC", "closedDates": ["2031-12-24"]}}  # fmt: skip
    make_once(world, f"{tenants}?cell=c0", new)
    assert world.post(tenants, new, key).code == "TENANT_EXISTS"
    assert world.get(f"{tenants}/globex?cell=c0", key).status == 200
    world.client.hset(world.engine.key("tenant:globex"), "reserved_s", 60)
    assert world.send("PATCH", f"{tenants}/globex?cell=c0", {"addCredits": 60}, key).json()["credits"] == 660
    refused = world.post("/api/v1/batch", batch_body(world.fresh_numbers(6)), world.key("globex"))
    assert (refused.status, refused.code) == (402, "INSUFFICIENT_CREDITS")
    cleared = {"maxConcurrent": None, "alias": None, "weight": 2, "credits": None, "maxRequestsPerSecond": None, "timezone": None,
               "callingWindow": None}  # fmt: skip
    assert world.send("PATCH", f"{tenants}/globex", cleared, key).status == 200
    assert world.send("PATCH", f"{tenants}/globex", {"addCredits": 60}, key).code == "NO_CREDIT_LIMIT"
    cursor = world.get(f"{tenants}?limit=1&cell=c0", key).json()["nextCursor"]
    assert world.get(f"{tenants}?cursor={cursor}", key).status == 200


def administer_trunks(world: World) -> None:
    trunks, key = "/api/v1/admin/trunks", world.keys["operator"]
    new = {"id": "north", "profile": "twilio", "credential": "secret", "callerIds": ["+15550001111"], "cps": 5, "baseUrl": "http://127.0.0.1:1",
           "variables": {"account_sid": "AC1", "answer_url": "https://voice.example/answer"}, "maxConcurrent": 3, "pollAfterMs": 1000,
           "lookupAbsentAfterMs": 500}  # fmt: skip
    make_once(world, f"{trunks}?cell=c0", new)
    assert world.post(trunks, new, key).code == "TRUNK_EXISTS"
    cleared = {name: None for name in ("baseUrl", "maxConcurrent", "pollAfterMs", "lookupAbsentAfterMs")}
    assert world.send("PATCH", f"{trunks}/north?cell=c0", cleared, key).status == 200
    assert world.get(f"{trunks}/north?cell=c0", key).status == 200
    cursor = world.get(f"{trunks}?limit=1&cell=c0", key).json()["nextCursor"]
    assert world.get(f"{trunks}?cursor={cursor}", key).status == 200
    assert world.get("/api/v1/admin/providers", key).json()["providers"]
    for body in ({"cell": "c0"}, {"tenant": "globex"}, {"trunk": "north"}):
        for word, state in (("stop", "stopped"), ("start", "active")):
            assert world.post(f"/api/v1/admin/{word}?cell=c0", body, key).json()["state"] == state
    for missing in ({"tenant": "nobody"}, {"trunk": "nowhere"}):
        assert {world.post(f"/api/v1/admin/{word}", missing, key).status for word in ("stop", "start")} == {404}
    for word in ("tenant", "trunk"):
        assert world.post("/api/v1/admin/stop", {word: {"tenant": "globex", "trunk": "north"}[word]}, key).json()["reason"] == "operator"


def administer_agents(world: World) -> None:
    agents, key = "/api/v1/admin/agents", world.keys["operator"]
    owner = world.tenant("choosy")
    listed = {"tenant": "choosy", "agents": [{"id": "agent_1"}, {"id": "agent_2", "active": False}]}
    assert world.send("PUT", f"{agents}?cell=c0", listed, key).json()["total"] == 2
    assert world.post("/api/v1/batch", batch_body(world.fresh_numbers(1)), owner).code == "AGENT_NOT_FOUND"
    cursor = world.get(f"{agents}?tenant=choosy&limit=1&cell=c0", key).json()["nextCursor"]
    assert world.get(f"{agents}?tenant=choosy&cursor={cursor}", key).json()["nextCursor"] is None
    assert world.send("DELETE", f"{agents}?cell=c0", {"tenant": "choosy", "agentIds": ["agent_2"]}, key).json()["total"] == 1
    for method, body in (("PUT", listed), ("DELETE", {"agentIds": ["agent_2"]})):
        assert world.send(method, agents, {**body, "tenant": "nobody"}, key).code == "TENANT_NOT_FOUND"


def administer_keys(world: World) -> None:
    keys, key = "/api/v1/admin/keys", world.keys["operator"]
    for role in ("tenant", "viewer", "operator"):
        owner = {} if role == "operator" else {"tenant": "acme"}
        made = make_once(world, keys, {"role": role, **owner, "label": "crm", "expiresInMs": 3_600_000})
        renewed = make_once(world, f"{keys}/{made['id']}/rotate", {"overlapMs": 1000})
        assert world.post(f"{keys}/{made['id']}/rotate", key=key).code == "KEY_STATE"
        world.get("/api/v1/batch/list", renewed["key"])
        assert world.send("DELETE", f"{keys}/{renewed['id']}", None, key).status == 200
    assert world.get(f"{keys}?tenant=acme", key).json()["keys"] and world.get(keys, key).json()["keys"]
    plain = world.post(keys, {"role": "tenant", "tenant": "acme"}, key).json()
    world.get("/api/v1/batch/list", plain["key"])
    wait_until(lambda: any(told["lastUsedAt"] for told in world.get(f"{keys}?tenant=acme", key).json()["keys"]), what="its use is noted")
    assert world.post(keys, {"role": "tenant", "tenant": "nobody"}, key).code == "TENANT_NOT_FOUND"


def make_once(world: World, path: str, body: Any) -> Any:
    """By an operator with an Idempotency-Key: made, told again, and refused with another body."""
    sent = {"Content-Type": "application/json", "Idempotency-Key": f"{path} {json.dumps(body)[:99]}"}
    answers = [world.request("POST", path, json.dumps(body).encode() + more, world.keys["operator"], sent) for more in (b"", b"", b" ")]
    assert [answer.status for answer in answers] == [201, 201, 422], answers
    assert answers[0].json() == answers[1].json() and answers[1].headers["idempotency-replayed"]
    return answers[0].json()


def ask_the_service(world: World) -> None:
    for operation in OPERATIONS.values():
        if not operation.roles:
            answer = world.get(operation.path)
            assert answer.status == 200 and answer.body, operation.id
            assert world.request("HEAD", operation.path).status == 200


# ---- webhooks ----


def tell_of_everything(world: World) -> None:
    """Every event by a real notifier, from what the engine leaves for it."""
    key_file = str(world.secrets_key)
    flags = ("--secrets-key-file", key_file, "--listen", "127.0.0.1:0", "--allow-private-webhooks", "127.0.0.0/8")
    flags = (*world.server.flags("carillon-notifier"), *flags)
    with HttpReceiver() as receiver, Process("carillon-notifier", *flags):
        url = receiver.url + "/hook"
        assert world.send("PUT", "/api/v1/webhooks/endpoints", {"url": url}, world.keys["tenant"]).status == 201
        sent = write_events(world, url)
        got = {event.headers["webhook-id"]: event for event in receiver.wait_for(len(sent), deadline_s=60.0)}
    assert got.keys() == sent
    events = {event.node["requestBody"]["content"]["application/json"]["example"]["event"]: event for event in API.webhooks}
    for received in got.values():
        told = received.json()
        event = events[told["event"]]
        world.contract.judge_value(event.body_media["application/json"]["schema"], told, event.id)
        for parameter in event.parameters:
            value: Any = received.headers[parameter["name"]]
            value = int(value) if parameter["schema"]["type"] == "integer" else value
            assert API.fits(parameter["schema"], value), (parameter["name"], value)


def write_events(world: World, url: str) -> set[str]:
    scripts, batch, ids = world.engine.scripts, "batch_c0_0000000000000000hook", set()
    hooks.write_batch(scripts, batch, "acme", url)
    endings = [("COMPLETED", "u=3 p=prov_1"), *((outcome, "") for outcome in OUTCOMES), ("COMPLETED", "")]
    for ordinal, (outcome, more) in enumerate(endings):
        state = f"phase=final a=1 d=1 x={outcome} {'b=1760000001000 s=1760000002000 e=1760000005000 ' + more if more else ''}".strip()
        world.client.hset(world.engine.key(f"batch:{batch}:state:0"), str(ordinal), state)
        record = contact_record(15550001000 + ordinal, "id-1" if more else "", "Ada" if more else "")
        world.client.hset(world.engine.key(f"batch:{batch}:contacts:0"), str(ordinal), record)
        if more:
            texts = {f"{ordinal}:summary": "\x01" * 16000, f"{ordinal}:recording": "https://r.example/1"}
            world.client.hset(world.engine.key(f"batch:{batch}:texts:0"), mapping=texts)
        ids.add(hooks.write_event(scripts, "acme", batch, "call.completed", ordinal, seq=ordinal + 1))
        ids.add(hooks.write_event(scripts, "acme", batch, "call.attempt", ordinal, seq=ordinal + 1, state=state))
    waiting = "phase=due a=1 d=1 x=BUSY n=1760000009000 b=1760000001000 e=1760000005000"
    world.client.hset(world.engine.key(f"batch:{batch}:state:0"), "40", waiting)
    world.client.hset(world.engine.key(f"batch:{batch}:contacts:0"), "40", contact_record(15550001040))
    ids.add(hooks.write_event(scripts, "acme", batch, "call.attempt", 40, seq=90, state=waiting))
    for kind in ("batch.started", "batch.completed", "batch.cancelled"):
        ids.add(hooks.write_event(scripts, "acme", batch, kind))
    ids.add(hooks.write_event(scripts, "acme", batch, "batch.paused", id=f"evt_{batch}-1-batch_paused", reason="user"))
    ids.add(hooks.write_event(scripts, "acme", batch, "batch.failed", id=f"evt_{batch}-2-batch_failed", error="Insufficient call minutes", code="INSUFFICIENT_CREDITS"))
    world.client.publish(world.engine.key("wake:events"), "events")
    return ids


# ---- the end ----


def lose_redis(world: World) -> None:
    """The last step: nothing comes after it."""
    world.server.kill()
    wait_until(lambda: world.get("/readyz").status == 503, what="the producer knows")
    for operation in OPERATIONS.values():
        if operation.roles:
            answer = world.ask(operation, world.asking_key(operation))
            assert (answer.status, answer.code) == (503, "UNAVAILABLE"), operation.id


STEPS = [
    create_batches, show_states, show_calls, follow_a_batch, show_dials, fill_a_draft,
    redial_batches, list_batches, keep_numbers, keep_endpoints, change_batches, administer_tenants,
    administer_trunks, administer_agents, administer_keys, ask_the_service,
    tell_of_everything, refuse_keys, refuse_arguments, refuse_ids, refuse_bodies, refuse_states, refuse_rates,
    refuse_strays, lose_redis,
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_every_answer_is_as_it_is_described(world: World, step: Callable[[World], None]) -> None:
    world.once(step)


def is_excused(what: str) -> bool:
    return any(re.fullmatch(pattern, what) for pattern in NOT_SHOWN)


def test_everything_that_is_described_was_seen(world: World) -> None:
    for step in STEPS:
        world.once(step)
    assert sorted(what for what in world.contract.unseen() if not is_excused(what)) == []


def test_every_excuse_is_about_something_that_is_described() -> None:
    described = Contract(API).described()
    assert [pattern for pattern in NOT_SHOWN if not any(re.fullmatch(pattern, what) for what in described)] == []
