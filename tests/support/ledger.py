# SPDX-License-Identifier: Apache-2.0
"""What Redis says became of a batch: the third witness beside the carrier and the receiver, and the one that must agree
with them."""

from __future__ import annotations

import dataclasses

import redis

from tests.support.engine import phone_of


COUNTERS = ("total", "due", "claimed", "live", "ended", "succeeded", "failed", "attempts", "cancelled", "expired")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One contact as its state text tells it."""

    number: str
    phase: str  # "due" where nothing was written about it yet
    outcome: str  # of the last attempt, "" before
    attempts: int  # charged
    provider_id: str


@dataclasses.dataclass(frozen=True)
class Ledger:
    """One batch: `events` were written for it, by its own count; `counters`: its others, by COUNTERS, where they were read."""

    batch: str
    state: str
    events: int
    entries: list[Entry]
    counters: dict[str, int] = dataclasses.field(default_factory=dict)


def read_ledger(client: redis.Redis, batch: str) -> Ledger:
    """`client` gives bytes. Reads the whole batch: for campaigns of tests."""
    prefix = f"carillon:{{{batch.split('_')[1]}}}:batch:{batch}"
    fields = {name.decode(): value.decode() for name, value in client.hgetall(prefix).items()}
    entries = []
    for bucket in range(-(-int(fields.get("total", 0)) // 64)):
        states = client.hgetall(f"{prefix}:state:{bucket}")
        for ordinal, record in sorted(client.hgetall(f"{prefix}:contacts:{bucket}").items(), key=lambda row: int(row[0])):
            text = states.get(ordinal, b"phase=due").decode()
            state = dict(part.split("=", 1) for part in text.split(" "))
            entries.append(
                Entry(f"+{phone_of(record)}", state["phase"], state.get("x", ""), int(state.get("a", 0)), state.get("p", ""))
            )
    counters = {name: int(fields.get(name, 0)) for name in COUNTERS} if fields else {}
    return Ledger(batch, fields.get("state", ""), int(fields.get("seq", 0)), entries, counters)
