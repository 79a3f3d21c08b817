# SPDX-License-Identifier: Apache-2.0
"""What the notifier's neighbours leave in Redis: endpoints as the producer makes them, batches and events as the engine
writes them. For tests of the notifier's scripts and of the notifier itself."""

from __future__ import annotations

import hashlib
from typing import Any, Mapping
from urllib.parse import urlsplit

from tests.support.scripts import Scripts

SHARDS = 16
BUCKET = 64
# keep_delivered_ms, keep_dead_ms, attempt log entries, dead deliveries kept for one endpoint
BOUNDS = (3_600_000, 604_800_000, 1000, 10_000)


def event_shard(tenant: str) -> int:
    """djb2 of the tenant's id, 32 bits, as common/redis/keys.c has it."""
    value = 5381
    for byte in tenant.encode():
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value % SHARDS


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def endpoint_id(tenant: str, url: str) -> str:
    return "ep_" + hashlib.sha256(f"{tenant}\n{origin(url)}".encode()).hexdigest()[:24]


def make_endpoint(
    scripts: Scripts, tenant: str, url: str, sealed_secret: str = "v1.c2VhbGVk", limit: int = 1000
) -> str:
    """The endpoint that a batch with this URL has; its id."""
    endpoint = endpoint_id(tenant, url)
    scripts.run("hook_endpoint", "create", tenant, limit, origin(url), endpoint, sealed_secret)
    return endpoint


def write_batch(scripts: Scripts, batch: str, tenant: str, url: str, **fields: Any) -> None:
    """A batch all of whose URLs are `url`."""
    defaults: Mapping[str, Any] = {
        "tenant": tenant,
        "agent_id": "agent 7/x",
        "user_id": tenant,
        "tags": '["q4","leads"]',
        "on_call_complete": url,
        "on_call_attempt": url,
        "on_batch_complete": url,
        "on_batch_failed": url,
        "on_event": url,
        "created_ms": 1760000000000,
        "started_ms": 1760000001000,
        "completed_ms": 1760000002000,
        "total": 3,
        "succeeded": 2,
        "failed": 1,
        "state": "processing",
    }
    scripts.client.hset(scripts.key(f"batch:{batch}"), mapping={**defaults, **fields})


def event_id(batch: str, kind: str, ordinal: int | None = None, attempt: int = 1) -> str:
    middle = f"-{ordinal}-{attempt}" if ordinal is not None else "-0" if kind == "batch.failed" else ""
    return f"evt_{batch}{middle}-{kind.replace('.', '_')}"


def write_event(
    scripts: Scripts, tenant: str, batch: str, kind: str, ordinal: int | None = None, seq: int = 1, **fields: Any
) -> str:
    """Appends an event to the tenant's stream; its id. `kind` as in the body: call.completed, batch.failed, ..."""
    entry: dict[str, Any] = {
        "id": event_id(batch, kind, ordinal),
        "type": kind,
        "tenant": tenant,
        "batch": batch,
        "attempt": 1,
        "at": 1760000003000,
        "seq": seq,
    }
    if ordinal is not None:
        entry["call"] = ordinal
    entry.update(fields)
    scripts.client.xadd(scripts.key(f"events:{event_shard(tenant)}"), entry)
    return str(entry["id"])


class Notifying:
    """Takes a tenant's events through the notifier's scripts, without a notifier."""

    OWNER = "n_test"

    def __init__(self, scripts: Scripts, tenant: str, batch: str, url: str) -> None:
        self.scripts, self.tenant, self.batch, self.url = scripts, tenant, batch, url
        self.endpoint = make_endpoint(scripts, tenant, url)
        self.shard = event_shard(tenant)

    def _text(self, value: Any) -> str:
        return value.decode() if isinstance(value, bytes) else str(value)

    def queue(self, ordinal: int, kind: str = "call.completed") -> str:
        """A delivery that waits; its id."""
        event = write_event(self.scripts, self.tenant, self.batch, kind, ordinal if kind.startswith("call.") else None)
        (entry,) = self.scripts.client.xrevrange(self.scripts.key(f"events:{self.shard}"), count=1)
        self.expand(self._text(entry[0]), event, kind, "deliver")
        return event

    def expand(self, entry: str, delivery: str, kind: str, verdict: str, pending_max: int = 100_000) -> None:
        item = (self.shard, entry, verdict, delivery, self.endpoint, kind, self.url, "{}")
        self.scripts.run("hook_expand", *BOUNDS, pending_max, 1 << 20, *item)

    def claim(self) -> list[tuple[str, int]]:
        """All of its endpoint that may be claimed: ids, and which attempts they are."""
        self.scripts.run("hook_poll", self.OWNER, 600_000, SHARDS, 1000, 0)
        reply = self.scripts.run("hook_claim", self.OWNER, 64, 64, 30_000, 32, *BOUNDS, 1, self.shard, "")
        self.scripts.run("hook_leave", self.OWNER, SHARDS)
        return [(self._text(row[2]), int(row[3])) for row in reply[5] if self._text(row[1]) == self.endpoint]

    def finish(self, delivery: str, attempt: int, verdict: str, code: str = "ok", status: int = 200, phases: str = "") -> None:
        delay_ms = 3_600_000 if verdict in ("retry", "return") else 0
        item = (self.shard, self.endpoint, delivery, attempt, verdict, code, status, delay_ms, 0, 7, phases)
        self.scripts.run("hook_finish", *BOUNDS, self.OWNER, *item)

    def finish_all(self, verdict: str, code: str = "ok", status: int = 200, phases: str = "") -> list[str]:
        ended: list[str] = []
        while claimed := self.claim():
            for delivery, attempt in claimed:
                self.finish(delivery, attempt, verdict, code, status, phases)
                ended.append(delivery)
        return ended
