#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Contacts from CSV into a draft through POST /api/v1/batch/{id}/contacts, and its start: validated, deduplicated, durable
as deploy/redis.conf has it. One producer, four uploads at a time, 50,000 contacts a chunk. Two kinds of contacts:

    plain   a number, a name of 20 characters and two columns of 10
    peer    the payload that other queues are measured with (tests/bench/peers/payload.js): an id of the caller's own, a number,
            a name and three columns, 112 bytes of values in all, random text

    make bench-ingest [BENCH_ARGS="--runs 1"]

The rows are made before the clock starts; it stops with the answer to the start. CPU seconds of each process stand beside
the rate in the JSON, so that a figure of a busy machine can be told from one of a quiet one. Bytes: what Redis's memory grew
by, index for duplicates and all, divided by the contacts."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import http.client
import json
import pathlib
import random
import re
import string
import sys
import time
from collections.abc import Callable
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import figures  # noqa: E402
from tests.bench.engine_world import cpu_s  # noqa: E402
from tests.support.producer_api import Api  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402
from tests.support.redis_users import Users  # noqa: E402

KEYS = ("ingest_contacts_per_s", "bytes_per_queued_call_peer_payload", "bytes_per_queued_call_plain")
CONTACTS, CHUNKS, UPLOADS = 500_000, 10, 4
LETTERS = string.ascii_lowercase + string.digits


def number(i: int) -> int:
    """Far apart from each other, in no order."""
    return 12_000_000_000 + i * 7919 % 7_999_999_993


def plain_row(i: int, text: Callable[[], str]) -> str:
    return f"+{number(i)},Contact {i:012d},City{i % 1000000:06d},Plan{i * 31 % 1000000:06d}\n"


def peer_row(i: int, text: Callable[[], str]) -> str:
    return f"{text()},+{number(i)},{text()},{text()},{text()},{text()}\n"


@dataclasses.dataclass(frozen=True)
class Kind:
    header: str
    row: Callable[[int, Callable[[], str]], str]


PLAIN = Kind("phoneNumber,name,city,plan\n", plain_row)
# What callId is to the peers it is here: something that the caller wants to have back.
PEER = Kind("callId,phoneNumber,name,customer_category,appointment_starts_at,outstanding_balance\n", peer_row)


@functools.cache
def chunks(kind: Kind) -> list[bytes]:
    dice = random.Random(1)

    def text() -> str:
        return "".join(dice.choices(LETTERS, k=20))

    each = CONTACTS // CHUNKS
    return [(kind.header + "".join(kind.row(i, text) for i in range(at, at + each))).encode() for at in range(0, CONTACTS, each)]


def peak_mib(pid: int) -> float:
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (kb,) = re.findall(r"VmHWM:\s+(\d+) kB", text)
    return round(int(kb) / 1024, 1)


def post(connection: http.client.HTTPConnection, key: str, path: str, body: bytes) -> dict[str, Any]:
    connection.request("POST", path, body, {"Authorization": f"Bearer {key}", "Content-Type": "text/csv"})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, (answer.status, text)
    return dict(json.loads(text))


def upload(api: Api, key: str, kind: Kind) -> float:
    """Seconds from the first chunk to the answer of the start."""
    batch = api.post("/api/v1/batch?draft=true", {"agentId": "agent_1"}, key).json()["batchId"]
    bodies = chunks(kind)

    def send(lane: int) -> int:
        link = http.client.HTTPConnection("127.0.0.1", api.process.port, timeout=120)
        accepted = sum(post(link, key, f"/api/v1/batch/{batch}/contacts?chunk={at + 1}", bodies[at])["accepted"]
                       for at in range(lane, CHUNKS, UPLOADS))  # fmt: skip
        link.close()
        return accepted

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(UPLOADS) as pool:
        accepted = sum(pool.map(send, range(UPLOADS)))
    started = api.post(f"/api/v1/batch/{batch}/start", None, key).json()
    took = time.monotonic() - began
    assert (accepted, started["total"]) == (CONTACTS, CONTACTS), (accepted, started)
    return took


def ingest(kind: Kind) -> dict[str, Any]:
    """One upload into an empty Redis: contacts_per_s, bytes, and what each process spent on it."""
    chunks(kind)
    with RedisServer(args=tuple(figures.settings()), users=Users.for_tests(), appendonly=True) as server, Api(server) as api:
        api.trunk("main")
        key = api.tenant("acme")
        before = api.client.info("memory")["used_memory"]
        producer = api.process.pid
        spent = {"producer": -cpu_s(producer), "redis": -cpu_s(server.pid), "client": -time.process_time()}
        took = upload(api, key, kind)
        spent["producer"] += cpu_s(producer)
        spent["redis"] += cpu_s(server.pid)
        spent["client"] += time.process_time()
        memory = api.client.info("memory")
        assert server.denials() == []
        return {
            "contacts_per_s": round(CONTACTS / took),
            "bytes": round((memory["used_memory"] - memory["mem_aof_buffer"] - before) / CONTACTS, 1),
            "cpu_us_per_contact": {name: round(seconds * 1e6 / CONTACTS, 2) for name, seconds in spent.items()},
            "producer_peak_mib": peak_mib(producer),
        }


def measure(runs: int) -> dict[str, list[float]]:
    each: dict[str, list[float]] = {key: [] for key in KEYS}
    for run in range(runs):
        plain, peer = ingest(PLAIN), ingest(PEER)
        each["ingest_contacts_per_s"].append(plain["contacts_per_s"])
        each["bytes_per_queued_call_plain"].append(plain["bytes"])
        each["bytes_per_queued_call_peer_payload"].append(peer["bytes"])
        for name, one in (("plain", plain), ("peer", peer)):
            figures.detail(f"{name} run {run + 1}", one)
            print(f"{name}: {one}", flush=True)
    return each


if __name__ == "__main__":
    sys.exit(figures.main(KEYS, measure, "ingest"))
