# SPDX-License-Identifier: Apache-2.0
"""Walks audit.lua through every piece of a cell, as `carillon audit` does (producer/cli/cmd_audit.c), in one round trip:
for tests that audit after each step. The cell must stand still meanwhile, and be small: one look a piece.

    assert audit(engine, tenants=["acme"], trunks=["main"], batches=["batch_c0_000001"]) == []
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.support.engine import Engine

PIECE = 1000
BUCKET = 64
BUCKETS = 16
COUNTERS = ("due", "claimed", "live", "ended", "succeeded", "attempts")


class Auditor:
    """`queue` puts the looks into a pipeline, `faults` reads their answers: others' commands may share the round trip."""

    def __init__(
        self, engine: Engine, tenants: Iterable[str], trunks: Iterable[str], batches: Iterable[str], most_contacts: int = 0
    ) -> None:
        """`most_contacts`: of a batch, where that is more than one look holds."""
        self._engine = engine
        self._batches = list(batches)
        self._looks: list[tuple[Any, ...]] = [(piece, 0, PIECE) for piece in ("claimed", "live", "ended", "appending")]
        for trunk in trunks:
            self._looks += [("trunk", trunk), ("flying", "k", trunk, 0, PIECE)]
        for tenant in tenants:
            self._looks += [("tenant", tenant, 0, PIECE), ("flying", "t", tenant, 0, PIECE)]
        for batch in self._batches:
            self._looks += [("batch", batch), ("flying", "b", batch, 0, PIECE)]
            self._looks += [("calls", batch, first, BUCKETS) for first in range(0, most_contacts // BUCKET + 1, BUCKETS)]

    def queue(self, pipe: Any) -> None:
        for look in self._looks:
            self._engine.scripts.queue(pipe, "audit", *look)

    def faults(self, replies: list[Any]) -> list[str]:
        """`replies`: those of the queued looks, in their order."""
        found: list[str] = []
        told: dict[str, dict[str, int]] = {}
        counted: dict[str, Counter[str]] = {batch: Counter() for batch in self._batches}
        for look, reply in zip(self._looks, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            assert look[0] == "calls" or reply[0] == 0, f"{look} has more than one look holds"
            found += [fault.decode() for fault in reply[2:]]
            if look[0] == "batch":
                told[look[1]] = _counts(reply[1])
            elif look[0] == "calls":
                counted[look[1]].update(_counts(reply[1]))
        return found + [fault for batch in told for fault in _compare(batch, told[batch], counted[batch])]


def audit(
    engine: Engine, tenants: Iterable[str], trunks: Iterable[str], batches: Iterable[str], most_contacts: int = 0
) -> list[str]:
    auditor = Auditor(engine, tenants, trunks, batches, most_contacts)
    pipe = engine.client.pipeline(transaction=False)
    auditor.queue(pipe)
    return auditor.faults(pipe.execute(raise_on_error=False))


def audit_cell(engine: Engine) -> list[str]:
    """The same for all that the cell holds."""

    def named(kind: str) -> list[str]:
        start = len(engine.key(kind))
        names = [key.decode()[start:] for key in engine.client.scan_iter(engine.key(kind) + "*")]
        return [name for name in names if ":" not in name]

    batches = named("batch:")
    most = max((int(engine.hash(f"batch:{batch}").get("total", 0)) for batch in batches), default=0)
    return audit(engine, named("tenant:"), named("trunk:"), batches, most) + load_faults(engine, batches)


ENDED = ("completed", "cancelled", "failed")


def load_faults(engine: Engine, batches: Iterable[str]) -> list[str]:
    """What each tenant is counted to use of its quotas against what its batches use."""
    uses: dict[str, Counter[str]] = {}
    for batch in batches:
        values = engine.hash(f"batch:{batch}")
        if "tenant" in values:
            uses.setdefault(values["tenant"], Counter()).update(kept=int(values.get("kept", 0)))
        if values.get("state", "failed") in ENDED:
            continue
        total, final = (sum(int(values.get(name, 0)) for name in names) for names in (("total",), ("succeeded", "failed")))
        share = int(values.get("bytes", 0)) * (total - final) // total if total else 0
        uses.setdefault(values["tenant"], Counter()).update(batches=1, contacts=total - final, bytes=share)
    start = len(engine.key("load:t/"))
    counted = {name.decode()[start:]: engine.hash(f"load:t/{name.decode()[start:]}") for name in engine.client.scan_iter(engine.key("load:t/*"))}
    return [
        f"load_is_what_the_batches_use {tenant} uses {dict(uses.get(tenant, {}))}, counted {counted.get(tenant, {})}"
        for tenant in {*uses, *counted}
        for name in ("batches", "contacts", "bytes", "kept")
        if uses.get(tenant, Counter())[name] != int(counted.get(tenant, {}).get(name, 0))
    ]


def _counts(text: bytes) -> dict[str, int]:
    return {name: int(value) for name, value in (part.split("=") for part in text.decode().split())}


def _compare(batch: str, told: dict[str, int], counted: Counter[str]) -> list[str]:
    # What a cancel or an expiry ended by arithmetic was never written to a call.
    pairs = {name: (told[name], counted[name]) for name in COUNTERS}
    pairs["failed"] = (told["failed"], counted["failed"] + counted["cut"])
    pairs["cut"] = (told["cancelled"] + told["expired"], counted["cut"])
    return [
        f"counters_match_calls {batch} says {name} {says}, its calls say {say}"
        for name, (says, say) in pairs.items()
        if says != say
    ]
