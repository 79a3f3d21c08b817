# SPDX-License-Identifier: Apache-2.0
"""The auditor's script (common/lua/audit.lua) over the whole of a small cell, for tests that have no programs built."""

from __future__ import annotations

from typing import Any

from tests.support.engine import Engine

MOST = 5000


def faults(engine: Engine) -> list[str]:
    """Everything that is not as it must be."""
    found: list[str] = []

    def look(*piece: Any) -> None:
        found.extend(fault.decode() for fault in engine.scripts.run("audit", *piece)[2:])

    def named(pattern: str) -> list[str]:
        start = len(engine.key(pattern))
        names = [key.decode()[start:] for key in engine.client.scan_iter(engine.key(pattern) + "*")]
        return [name for name in names if ":" not in name]

    for piece in ("claimed", "live", "ended"):
        look(piece, 0, MOST)
    for trunk in named("trunk:"):
        look("trunk", trunk)
        look("flying", "k", trunk, 0, MOST)
    for tenant in named("tenant:"):
        look("tenant", tenant, 0, MOST)
        look("flying", "t", tenant, 0, MOST)
    for batch in named("batch:"):
        look("flying", "b", batch, 0, MOST)
        found += _batch_faults(engine, batch)
    return found


def _batch_faults(engine: Engine, batch: str) -> list[str]:
    """The batch's own counters against what its calls add up to."""
    of_batch = engine.scripts.run("audit", "batch", batch)
    found = [fault.decode() for fault in of_batch[2:]]
    told = dict(pair.split("=") for pair in of_batch[1].decode().split())
    sums = {"due": 0, "claimed": 0, "live": 0, "ended": 0, "succeeded": 0, "failed": 0, "cut": 0, "attempts": 0}
    for first in range(0, -(-int(told["total"]) // 64), 16):
        reply = engine.scripts.run("audit", "calls", batch, first, 16)
        found += [fault.decode() for fault in reply[2:]]
        for name, n in (pair.split("=") for pair in reply[1].decode().split()):
            sums[name] += int(n)
    sums["failed"] += sums.pop("cut")
    found += [f"{batch} {name} is {told[name]}, its calls add up to {n}" for name, n in sums.items() if int(told[name]) != n]
    return found
