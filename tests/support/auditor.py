# SPDX-License-Identifier: Apache-2.0
"""Walks audit.lua through every piece of a cell, as `carillon audit` does (producer/cli/cmd_audit.c), in one round trip:
for tests that audit after each step. The cell must stand still meanwhile, and be small: one look a piece.

    assert audit(engine, tenants=["acme"], trunks=["main"], batches=["batch_c0_000001"]) == []
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.support.engine import Engine

PIECE = 1000
BUCKETS = 16
COUNTERS = ("due", "claimed", "live", "ended", "succeeded", "attempts")


class Auditor:
    """`queue` puts the looks into a pipeline, `faults` reads their answers: others' commands may share the round trip."""

    def __init__(self, engine: Engine, tenants: Iterable[str], trunks: Iterable[str], batches: Iterable[str]) -> None:
        self._engine = engine
        self._batches = list(batches)
        self._looks: list[tuple[Any, ...]] = [(piece, 0, PIECE) for piece in ("claimed", "live", "ended", "appending")]
        for trunk in trunks:
            self._looks += [("trunk", trunk), ("flying", "k", trunk, 0, PIECE)]
        for tenant in tenants:
            self._looks += [("tenant", tenant, 0, PIECE), ("flying", "t", tenant, 0, PIECE)]
        for batch in self._batches:
            self._looks += [("batch", batch), ("calls", batch, 0, BUCKETS), ("flying", "b", batch, 0, PIECE)]

    def queue(self, pipe: Any) -> None:
        for look in self._looks:
            self._engine.scripts.queue(pipe, "audit", *look)

    def faults(self, replies: list[Any]) -> list[str]:
        """`replies`: those of the queued looks, in their order."""
        found: list[str] = []
        told: dict[str, dict[str, int]] = {}
        for look, reply in zip(self._looks, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            assert reply[0] == 0, f"{look} has more than one look holds"
            found += [fault.decode() for fault in reply[2:]]
            if look[0] == "batch":
                told[look[1]] = _counts(reply[1])
            elif look[0] == "calls":
                found += _compare(look[1], told[look[1]], _counts(reply[1]))
        return found


def audit(engine: Engine, tenants: Iterable[str], trunks: Iterable[str], batches: Iterable[str]) -> list[str]:
    auditor = Auditor(engine, tenants, trunks, batches)
    pipe = engine.client.pipeline(transaction=False)
    auditor.queue(pipe)
    return auditor.faults(pipe.execute(raise_on_error=False))


def _counts(text: bytes) -> dict[str, int]:
    return {name: int(value) for name, value in (part.split("=") for part in text.decode().split())}


def _compare(batch: str, told: dict[str, int], counted: dict[str, int]) -> list[str]:
    # What a cancel or an expiry ended by arithmetic was never written to a call.
    pairs = {name: (told[name], counted[name]) for name in COUNTERS}
    pairs["failed"] = (told["failed"], counted["failed"] + counted["cut"])
    pairs["cut"] = (told["cancelled"] + told["expired"], counted["cut"])
    return [
        f"counters_match_calls {batch} says {name} {says}, its calls say {say}"
        for name, (says, say) in pairs.items()
        if says != say
    ]
