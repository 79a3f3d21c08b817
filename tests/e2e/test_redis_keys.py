# SPDX-License-Identifier: Apache-2.0
"""Every key that a full run leaves in Redis stands in docs/redis-keys.md, by name, type, fields and members; and every row
and field of that page is there in a full run.

First whole campaigns through all processes, with everything in them that happens by itself. Then, with the processes gone,
what is over too soon to be seen or that only a fault brings about, by the same scripts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.engine import Engine, Slot, id_hash
from tests.support.http_receiver import Answer, HttpReceiver
from tests.support.hooks import Notifying
from tests.support.keys_page import KeysPage
from tests.support.processes import run
from tests.support.scripts import Scripts
from tests.support.stack import CALLER_ID, Stack, phone_numbers
from tests.support.waiting import wait_until

SHORT = {"maxAttempts": 2, "noAnswerDelay": 1000, "busyDelay": 1000, "failedDelay": 1000, "voicemailDelay": 1000}
CAMPAIGN_S = 120.0


class FullRun:
    """A stack with several tenants and trunks, and receivers that take, refuse, fail and hang."""

    def __init__(self) -> None:
        self.page = KeysPage()
        self.release = threading.Event()
        self.receivers = {
            "failing": HttpReceiver(Answer(503, headers={"Retry-After": "1"})),
            "gone": HttpReceiver(Answer(410)),
            "hanging": HttpReceiver(Answer(200, after=self.release)),
        }
        self.stack = Stack(
            outcomes="completed=55,busy=15,no_answer=15,failed=15",
            talk_ms=400,
            faults=("throttle=0.2", "callback_never=0.1"),
            tenant_options=("--alias", "user_456", "--weight", "2", "--keep-days", "7",
                            "--max-requests-per-second", "5000", "--max-batches", "1000", "--max-queued-contacts", "100000",
                            "--max-bytes", "100000000"),
        )
        self.keys: dict[str, str] = {}

    def close(self) -> None:
        self.release.set()
        self.stack.stop()
        for receiver in self.receivers.values():
            receiver.close()

    # ---- the set-up ----

    def start(self) -> None:
        self.stack.start()
        self.engine = Engine(self.stack.redis.client())
        self._trunk("narrow", "--max-concurrent", "1")
        self._trunk("slow", "--cps", "2")
        for tenant, trunks, options in (("bloom", ("slow", "main"), ()), ("crisp", ("slow",), ()),
                                        ("tight", ("main",), ("--max-concurrent", "1")), ("solo", ("narrow",), ())):  # fmt: skip
            chosen = [part for trunk in trunks for part in ("--trunk", trunk)]
            self.stack.command("tenant", "create", tenant, "--cps", "50", *chosen, *options)
            self.keys[tenant] = self.stack.command("key", "create", "--tenant", tenant)
        self.keys["operator"] = self.stack.command("key", "create", "--operator")
        made = json.loads(self.stack.command("key", "create", "--operator", "--label", "monitoring", "--json"))
        self.stack.command("key", "rotate", made["id"])
        for key, number in (("", "+15550190001"), (self.keys["operator"], "+15550190002")):
            self.stack.api("PUT", "/api/v1/suppressions", {"phoneNumbers": [number]}, key)

    def _trunk(self, name: str, *options: str) -> None:
        stack = self.stack
        assert stack.carrier
        self.stack.command(
            *("trunk", "create", name, "--profile", "retell", "--base-url", stack.carrier.url, "--caller-id", "+15550002222"),
            *("--credential-file", str(stack.carrier_key), "--secrets-key-file", str(stack.secrets_key)),
            *("--poll-after-ms", "1000"), *(("--cps", "50") if "--cps" not in options else ()), *options,
        )  # fmt: skip

    def submit(self, tenant: str, numbers: list[str], receiver: str = "", **options: Any) -> str:
        url = self.receivers[receiver].url if receiver else self.stack.receiver.url
        contacts = [
            {"id": f"c{i}", "phoneNumber": number, "name": f"Contact {i}", "metadata": {"note": "x" * (900 * (i % 2))}}
            for i, number in enumerate(numbers)
        ]
        hooks = {name: f"{url}/{name}" for name in ("onCallComplete", "onCallAttempt", "onBatchComplete", "onBatchFailed", "onEvent")}
        options = {"webhooks": hooks, "retryStrategy": SHORT, "summaryWait": 5, **options}
        body = {"agentId": "agent_123", "contacts": contacts, "options": options}
        answer = self.stack.api("POST", "/api/v1/batch", body, self.keys.get(tenant, ""))
        return str(answer["batchId"])

    def look(self) -> None:
        self.page.look(self.engine.client)
        assert not self.page.faults, self.page.faults

    # ---- campaigns through all processes ----

    def campaigns(self) -> None:
        numbers = phone_numbers(16)
        same = self.submit("acme", numbers, tags=["q4"], maxConcurrentCalls=2, callerIds=[CALLER_ID])
        batches = [
            *(same, self.submit("acme", numbers, maxCallsPerSecond=30)),
            self.submit("acme", phone_numbers(2, 15550190001)),
            *(self.submit("acme", phone_numbers(3, 15550110000 + 10 * i), receiver, priority=4 + i)
              for i, receiver in enumerate(self.receivers)),
            *(self.submit(tenant, phone_numbers(3, 15550120000 + 10 * i), trunk=trunk)
              for i, (tenant, trunk) in enumerate((("bloom", "slow"), ("bloom", "slow"), ("crisp", "slow"), ("tight", "main"),
                                                   ("solo", "narrow")))),
        ]  # fmt: skip
        # One has failed for two days.
        client = self.engine.client
        failing = client.hget(self.engine.key("hooks:endpoints:t/acme"), self.receivers["failing"].url).decode()
        client.hset(self.engine.key(f"hooks:endpoint:{failing}"), "failing_since_ms", self.engine.now_ms() - 48 * 3_600_000)
        waiting = self.submit("acme", phone_numbers(2, 15550130000), scheduledStartTime="2035-01-01T00:00:00Z", trunk="main",
                              callingWindow={"start": "09:00", "end": "17:00"})  # fmt: skip
        self.stack.api("POST", "/api/v1/call/dial", {"to": "+15550190009", "agentConfigId": "agent_123", "contactId": "d1", "statusCallBackUrl": f"{self.stack.receiver.url}/dial"})
        self.look()
        self.stack.api("PATCH", f"/api/v1/batch/{waiting}", {"priority": 2})
        self.draft()
        paused = self.submit("tight", phone_numbers(2, 15550140000))
        self.stack.api("POST", f"/api/v1/batch/{paused}/pause", key=self.keys["tight"])
        states: dict[str, str] = {}

        def all_ended() -> bool:
            self.look()
            for batch in batches:
                states[batch] = self.engine.hash(f"batch:{batch}")["state"]
            return set(states.values()) == {"completed"}

        wait_until(all_ended, CAMPAIGN_S, "every campaign has completed")
        self.stack.api("POST", f"/api/v1/batch/{waiting}/cancel")
        self.stack.api("POST", f"/api/v1/batch/{waiting}/redial", {"outcomes": ["CANCELLED"], "options": {"scheduledStartTime": "2035-01-01T00:00:00Z"}})
        self.stack.command("stop", "trunk", "narrow")
        self.stack.command("stop", "tenant", "solo")
        wait_until(lambda: self.look() or self.is_delivered(), 30.0, "the receiver that takes has got everything")
        is_clean, printed = self.stack.audit()
        assert is_clean, printed

    def draft(self) -> None:
        """Filled in two chunks, one of them cut short, with what is no contact and what was there before."""
        batch = self.stack.api("POST", "/api/v1/batch?draft=true", {"agentId": "agent_123"})["batchId"]
        rows = [{"phoneNumber": "nobody"}, *({"phoneNumber": number} for number in phone_numbers(40, 15550150000) * 2)]
        self.stack.api("POST", f"/api/v1/batch/{batch}/contacts?chunk=1", rows)
        self.engine.scripts.run("chunk_open", batch, "acme", 2, "look", 60_000, "producer", 60_000, 0)

    def is_delivered(self) -> bool:
        return bool(self.stack.delivered("batch.completed")) and len(self.stack.delivered("call.completed")) >= 32

    # ---- what is over too soon, or needs a fault: without the processes, by the same scripts ----

    def moments(self) -> None:
        self.release.set()
        for process in self.stack.everyone:  # any of them would close the cell again when it finds another Redis named there
            process.stop()
        engine, client = self.engine, self.engine.client
        engine.trunk("aside")
        engine.tenant("acme", how="set")
        fields = {"agent_id": "agent_1", "user_id": "acme", "on_batch_failed": "http://127.0.0.1/failed"}
        # Claimed and begun by a worker that then is silent: lookups find nothing; one is given back, one waits for its summary.
        batch = engine.batch("acme", "aside", 6, cps=30, summary_wait_ms=60_000, **fields)
        claimed = wait_until(lambda: engine.claim("w_test", calls=1).slots, 10.0, "a call is claimed")
        self.look()
        engine.release(claimed, "w_test")
        slot = engine.begin_next(batch, "w_test")
        engine.accept(slot)
        engine.append(batch, "acme")
        self.look()
        engine.finish(slot, how="ended", summary="Hello.", recording="https://r.example/1", success="1")
        self.look()
        engine.recheck(engine.begin_next(batch, "w_test"), "absent", absent_after_ms=60_000)
        engine.abort(engine.begin_next(batch, "w_test"), "THROTTLED", due_in_ms=60_000, hold_ms=1000, worker="w_test")
        self.look()
        # Through a platform that keeps no token and lets calls wait, beyond the expiry of this one's batch.
        brief = engine.batch("acme", "aside", 1, cps=30, expires_ms=engine.now_ms() + 60_000, **fields)
        engine.accept(engine.begin_next(brief, "w_test", caller="15550001111"), queue_ms=120_000)
        self.look()
        engine.trunk("aside", how="set", hold_until_ms="")
        # Two tenants' flows on one trunk, and two lanes of one flow, all due at the same time.
        engine.trunk("aside", how="set", cps=1)
        engine.tenant("crisp", how="set")
        for tenant in ("acme", "acme", "crisp"):
            engine.batch(tenant, "aside", 3, cps=30, **fields)
        engine.claim("w_test")
        self.look()
        # A cancel whose retries are still to be ended, and whose calls are hung up; a failure; a draft that nobody sealed; a lost wake.
        engine.control(batch, "acme", "cancel", "in-flight")
        engine.control(engine.batch("acme", "aside", 1, **fields), "acme", "fail", "no such agent", "AGENT_NOT_FOUND")
        engine.batch("acme", "aside", 1, seal=False, **fields)
        expired = engine.batch("acme", "aside", 1, expires_ms=engine.now_ms() - 1, **fields)
        self.look()
        engine.trunk("idle")
        client.hset(engine.key("trunk:idle"), "held", "full")
        client.zadd(engine.key("parked"), {"k/idle": engine.now_ms() - 10_000})
        engine.tick("w_test")
        assert engine.hash(f"batch:{expired}")["state"] == "completed"
        # A single call, of a contact. A trunk at its limit, a tenant at its own; a batch at its own, and a number on a call.
        (number,) = engine.numbers(1)
        engine.batch("acme", "idle", [number], dial=f"{number} {id_hash('d2')}", **fields)
        self.look()
        engine.trunk("strait", max_concurrent=1)
        engine.batch("crisp", "strait", 2, cps=30, **fields)

        def is_held() -> bool:
            engine.claim("w_test")
            self.look()
            return bool(client.hexists(engine.key("trunk:strait"), "held"))

        wait_until(is_held, 10.0, "a trunk is full")
        engine.trunk("wide", cps=100)
        engine.tenant("snug", max_concurrent=1)
        engine.batch("snug", "wide", 2, cps=30, **fields)

        def is_parked() -> bool:
            engine.claim("w_test")
            self.look()
            return bool(client.exists(engine.key("parked:t/snug")))

        wait_until(is_parked, 10.0, "a flow is parked")
        engine.tenant("tidy")
        same = engine.numbers(1)[0]
        for most in (1, 5):
            engine.batch("tidy", "wide", [same, *engine.numbers(1)], cps=30, max_concurrent=most, **fields)

        def is_full() -> bool:
            engine.claim("w_test")
            self.look()
            return bool(client.keys(engine.key("parked:b/*"))) and bool(client.exists(engine.key("held:t/tidy")))

        wait_until(is_full, 10.0, "a lane is parked, and a number held")
        # Credit that is used up, and more of it.
        engine.trunk("thin")
        engine.tenant("thin", available_s=60)
        thin = engine.batch("thin", "thin", 2, cps=30, **fields)

        def runs_out() -> bool:
            engine.begin(engine.claim("w_test").slots, "w_test")
            return engine.hash(f"batch:{thin}")["state"] == "paused"

        wait_until(runs_out, 10.0, "its credit is used up")
        engine.tenant("thin", how="set", available_s="+60")
        self.look()
        # A platform that fails once, fails too often, and is tried.
        engine.trunk("broken", breaker_minimum=2, breaker_percent=50)
        doubtful = engine.batch("acme", "broken", 3, cps=30, **fields)
        for _ in range(2):
            engine.recheck(engine.begin_next(doubtful, "w_test"), "doubt", "HTTP 503", check_in_ms=60_000)
            self.look()
        client.hset(engine.key("trunk:broken"), "breaker_until_ms", engine.now_ms())
        engine.begin_next(doubtful, "w_test")
        self.look()
        # A batch that pauses itself, and a contact that nobody can read.
        engine.trunk("plain")
        poisoned = engine.batch("acme", "plain", 30, cps=1000, on_event="http://127.0.0.1/event", **fields)
        while engine.hash(f"batch:{poisoned}")["state"] != "paused":
            refused = engine.begin_next(poisoned, "w_test")
            engine.finish(refused, outcome="REJECTED", source="answer", reason="no such agent", provider_id="")
        self.look()
        torn = engine.batch("acme", "plain", 1, cps=30, **fields)
        (unread,) = wait_until(lambda: [slot for slot in engine.claim("w_test").slots if slot.batch == torn], 10.0, "it is claimed")
        engine.scripts.run("call_strike", "w_test", *unread.ref, "contact_unreadable")
        self.look()
        # Another Redis than before, which may have lost its tail.
        engine.batch("acme", "aside", 20, cps=5, **fields)
        engine.open("another")
        client.hset(engine.key("cell"), "closed_until", engine.now_ms())
        doubted = self.claim_doubted()
        self.look()
        # Once more, and found at a platform that keeps no token: under which of its numbers it was placed nobody knows.
        engine.doubt(doubted, "later", worker="w_test")
        again = self.claim_doubted((doubted.batch, doubted.ordinal))
        assert engine.reassert([again], "w_test", dial=doubted.dial, caller="15550001111") == ["restored"]
        self.look()
        # A clock that was set back: who was heard of last was heard of later than now.
        pipe = client.pipeline()
        pipe.zadd(engine.key("workers"), {"w_later": engine.now_ms() + 3_600_000})
        engine.scripts.queue(pipe, "worker_tick", "w_test", 1)
        pipe.execute()
        self.look()
        # An operator lists agents, and stops the cell.
        engine.tenant("acme", how="set", timezone="Europe/Paris", window='{"start":"00:00","end":"24:00"}')
        engine.scripts.run("agent_set", "acme", 10, "agent_123", "active")
        engine.scripts.run("cell_stop", "stop")
        self.look()
        engine.scripts.run("cell_restored", "yet_another", 0)
        self.look()
        engine.scripts.run("cell_stop", "start")
        # What no platform, route or process of today writes.
        engine.trunk("aside", how="set", **{"var:region": "eu"})
        (endpoint,) = [key for key in client.hgetall(engine.key("hooks:endpoints:t/acme")).values()][:1]
        engine.scripts.run("hook_endpoint", "rotate", "acme", endpoint, "v1.bmV3", 60_000, 3)
        self.webhooks_again(thin)
        # Requests with an Idempotency-Key: one that is done, one that is under way.
        directory = Scripts(client, "dir")
        for tenant, digit in (("acme", "a"), ("", "b")):
            directory.run("idempotency_claim", tenant, 64 * digit, "d", "h_test", 60_000, 60_000, batch if tenant else "", 10)
        directory.run("idempotency_settle", "acme", 64 * "a", "h_test", "keep", 202, "v1.c2VhbGVk")
        self.look()


    def claim_doubted(self, of: tuple[str, int] | None = None) -> Slot:
        """A call in doubt, `of`: this one."""

        def claimed() -> list[Slot]:
            slots = [slot for slot in self.engine.claim("w_test").slots if slot.doubt]
            return [slot for slot in slots if of in (None, (slot.batch, slot.ordinal))]

        return wait_until(claimed, 10.0, "a call in doubt is claimed")[0]

    def webhooks_again(self, batch: str) -> None:
        """A tenant sends one again, tries its endpoint, and wants the other header; then its queue runs full, its host has
        too much under way, and it removes the endpoint."""
        desk, scripts = Notifying(self.engine.scripts, "thin", batch, "http://127.0.0.1/failed"), self.engine.scripts
        delivery = desk.queue(0)
        desk.finish_all("dead", "timeout", 0)
        assert scripts.run("hook_again", "redeliver", "thin", desk.shard, delivery) in ("asked", b"asked")
        self.look()
        desk.expand("1-1", delivery, "call.completed", "again")
        desk.finish_all("delivered", phases="http=11 reused=0")
        scripts.run("hook_again", "test", "thin", desk.shard, desk.endpoint, 1000, "evt_test_1", desk.url, "{}")
        scripts.run("hook_endpoint", "change", "thin", desk.endpoint, desk.shard, "active", "seed")
        desk.expand("1-1", "evt_full-1-batch_paused", "batch.paused", "deliver", pending_max=0)
        self.look()
        desk.queue(1)
        desk.finish_all("dead", "timeout", 0)
        desk.queue(2)
        desk.finish_all("return", "busy", 0)
        self.look()
        scripts.run("hook_remove", "thin", desk.endpoint, desk.shard)
        self.look()


@pytest.fixture(scope="module")
def full_run() -> Iterator[FullRun]:
    made = FullRun()
    try:
        made.start()
        made.campaigns()
        made.moments()
        yield made
    finally:
        made.close()


def test_every_key_that_a_full_run_leaves_stands_on_the_page_and_every_row_of_it_is_hit(full_run: FullRun) -> None:
    assert full_run.page.faults == []
    assert full_run.page.unseen() == []


def test_inspect_decodes_every_family_that_is_there(full_run: FullRun) -> None:
    url, looked_at = full_run.stack.redis.url, set()
    for raw in full_run.engine.client.scan_iter(count=1000):
        full_run.engine.client.persist(raw)
    for raw in sorted(full_run.engine.client.scan_iter(count=1000)):
        (row,) = [row for row in full_run.page.rows if row.pattern.fullmatch(raw.decode())]
        if row.name in looked_at:
            continue
        looked_at.add(row.name)
        ended = run("carillon", "inspect", "key", raw.decode(), "--json", "--redis-url", url)
        assert ended.returncode == 0, ended.stderr
        told = json.loads(ended.stdout)
        assert (row.name.split("}:", 1)[1], row.type) == (told["family"], told["type"])
        assert "hex" not in json.dumps(told).split('"'), (raw, "something was not decoded")
    assert len(looked_at) > 40
