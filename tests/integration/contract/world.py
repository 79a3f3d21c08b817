# SPDX-License-Identifier: Apache-2.0
"""A producer all of whose answers are held against docs/openapi.yaml, and what is asked of it."""

from __future__ import annotations

from typing import Any, Callable

from tests.support.contract import Contract
from tests.support.hooks import Notifying
from tests.support.openapi import Description, Operation, examples
from tests.support.producer_api import Answer, Api
from tests.support.redis_server import RedisServer

API = Description.read()
NOBODY = "batch_c0_00000000000000000000"
LATE = "2031-11-16T09:00:00.000Z"
OUTCOMES = API.schema("Outcome")["enum"]
OPERATIONS = {operation.id: operation for operation in API.operations}


class World(Api):
    """A producer all of whose answers are judged, and the tenants that ask it."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(server, "--allow-private-webhooks", "127.0.0.0/8", "--max-bytes", "0")
        self.contract = Contract(API)
        self._done: set[str] = set()

    def judge(self, method: str, path: str, answer: Answer) -> None:
        self.contract.judge(method, path, answer)

    def populate(self) -> None:
        self.trunk("main")
        self.trunk("gone")
        acme = self.tenant("acme", alias="user_456", trunks=("main", "gone"))
        self.engine.tick()
        self.keys = {"tenant": acme, "viewer": self.key("acme", "viewer"), "operator": self.key("", "operator")}
        self.key_of = self.keys["tenant"]
        self.batch_of_examples = self.scheduled()
        hooked = self.scheduled(webhooks={"onEvent": "https://crm.example:8443/hooks"})
        self.notifying = Notifying(self.engine.scripts, "acme", hooked, "https://crm.example:8443/hooks")
        self.delivery = self.notifying.queue(0)

    def once(self, step: Callable[[World], None]) -> None:
        """Takes the step, where it was not taken before."""
        if step.__name__ not in self._done:
            self._done.add(step.__name__)
            step(self)

    # ---- requests ----

    def path(self, operation: Operation, batch: str = "") -> str:
        """Its path, about something that is there."""
        batch = batch or self.batch_of_examples
        known = {"/batch/": batch, "/call/": f"{batch}-0", "/tenants/": "acme", "/trunks/": "main", "/keys/": "key_0000000000000000",
                 "/endpoints/": self.notifying.endpoint, "/deliveries/": self.delivery}  # fmt: skip
        path = operation.path
        for before, value in known.items():
            path = path.replace(f"{before}{{id}}", f"{before}{value}")
        return path + by_query(operation, batch)

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
        for route in ("/api/v1/status/call", "/api/v1/call/check-status"):
            assert self.get(f"{route}?callId={batch}-0", key).status == 200
        assert self.get(f"/api/v1/call/{batch}-0/attempts", key).status == 200


def by_query(operation: Operation, batch: str) -> str:
    """How the query names the batch, or its first call, where it does."""
    named = operation.named("query")
    return f"?batchId={batch}" if "batchId" in named else f"?callId={batch}-0" if "callId" in named else ""


def first_example(operation: Operation) -> Any:
    media = operation.body_media.get("application/json")
    return next(iter(examples(media).values())) if media else None
