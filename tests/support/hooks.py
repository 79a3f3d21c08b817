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
