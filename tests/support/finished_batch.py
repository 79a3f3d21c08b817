# SPDX-License-Identifier: Apache-2.0
"""A batch of any size whose every call has ended, laid into Redis as the scripts lay it: four calls are really worked, the
others are written as those four are."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.engine import Begin, Fleet, varint
from tests.support.producer_api import Api

OUTCOMES = ("COMPLETED", "NO_ANSWER", "BUSY", "COMPLETED")
BUCKET = 64
PHONE_AT = 1  # in a contact's record, behind the tag of its first field
SUMMARY = "The customer asked for a call on Monday, and for a copy of the contract by mail."
FIRST = 15_600_000_000


def _by_turns(begin: Begin) -> tuple[str, str, int | None]:
    return ("final", OUTCOMES[begin.ordinal], None)


def _work_four(api: Api, key: str) -> str:
    contacts = [
        {"phoneNumber": f"+{FIRST + i}", "name": f"Customer number {i:04}", "metadata": {"city": "0123456789", "plan": "abcdefghij"}}
        for i in range(len(OUTCOMES))
    ]
    batch = api.create(key, contacts, maxCallsPerSecond=30, retryStrategy={"maxAttempts": 1})
    Fleet(api.engine, outcome=_by_turns).run(30.0, until=lambda: api.batch(batch)["state"] == "completed")
    return batch


def _record(template: bytes, ordinal: int) -> bytes:
    """The same contact with another number."""
    return template[:PHONE_AT] + varint(FIRST + ordinal) + template[PHONE_AT + len(varint(FIRST)) :]


def _bucket(whole: dict[str, list[bytes]], first: int, end: int) -> Iterator[tuple[str, dict[str, bytes | str]]]:
    """The four hashes of one bucket."""
    kinds = len(OUTCOMES)
    yield "contacts", {str(i): _record(whole["contacts"][i % kinds], i) for i in range(first, end)}
    for suffix in ("state", "attempts"):
        yield suffix, {str(i): whole[suffix][i % kinds] for i in range(first, end)}
    texts: dict[str, bytes | str] = {}
    for i in range(first, end):
        texts[f"{i}:reason"] = whole["reason"][i % kinds]
        if OUTCOMES[i % kinds] == "COMPLETED":
            texts |= {f"{i}:summary": SUMMARY, f"{i}:recording": f"https://recordings.example/{i}.wav"}
    yield "texts", texts


def finished_batch(api: Api, key: str, total: int) -> str:
    """A completed batch of `total` contacts, a multiple of four."""
    assert total % len(OUTCOMES) == 0
    batch = _work_four(api, key)
    hashes = {name: api.client.hgetall(api.engine.key(f"batch:{batch}:{name}:0")) for name in ("contacts", "state", "attempts", "texts")}
    whole = {name: [values[str(i).encode()] for i in range(len(OUTCOMES))] for name, values in hashes.items() if name != "texts"}
    whole["reason"] = [hashes["texts"].get(f"{i}:reason".encode(), b"") for i in range(len(OUTCOMES))]
    with api.client.pipeline(transaction=False) as pipe:
        for number, first in enumerate(range(0, total, BUCKET)):
            for suffix, values in _bucket(whole, first, min(first + BUCKET, total)):
                pipe.hset(api.engine.key(f"batch:{batch}:{suffix}:{number}"), mapping=values)  # type: ignore[arg-type]
            if number % 100 == 99:
                pipe.execute()
        scaled = ("total", "cursor", "dials", "attempts", "succeeded", "failed", "talked_s", *(f"outcome:{name}" for name in OUTCOMES))
        was = api.batch(batch)
        pipe.hset(api.engine.key(f"batch:{batch}"), mapping={name: int(was[name]) * total // len(OUTCOMES) for name in scaled})
        pipe.execute()
    return batch
