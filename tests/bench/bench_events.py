#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How late five hundred listeners see what changes: build/bench/events.json.

Two producers on one Redis. The listeners, on several batches, are one's; the batches are paused and resumed one change
after the other, once by the producer that is listened to ("asked_here"), once by the other ("asked_elsewhere", which the
first has to find). Late is a listener's event against the answer to the request that asked for the change; whatever a
listener misses fails the run. `commands_per_s` is what Redis did in the quiet before."""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import figures  # noqa: E402
from tests.support.event_stream import Listeners, Stream  # noqa: E402
from tests.support.processes import Process  # noqa: E402
from tests.support.producer_api import Api, numbers  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402

BATCHES = 5
QUIET_S = 5.0


def change(api: Api, port: int, key: str, batch: str, verb: str) -> float:
    """The instant of the answer."""
    answer = api.request("POST", f"/api/v1/batch/{batch}/{verb}", key=key, port=port)
    assert answer.status == 200, answer
    return time.monotonic()


def rounds(api: Api, port: int, key: str, streams: dict[str, list[Stream]], listeners: Listeners, count: int) -> dict[str, float]:
    late_s: list[float] = []
    for i in range(count):
        verb, status = (("pause", "paused"), ("resume", "pending"))[i % 2]
        known = {id(stream): len(stream.events) for some in streams.values() for stream in some}
        at = {batch: change(api, port, key, batch, verb) for batch in streams}
        listeners.wait(lambda: all(len(stream.events) > known[id(stream)] for some in streams.values() for stream in some),
                       what="the change at everyone's")
        for batch, some in streams.items():
            for stream in some:
                event = stream.events[known[id(stream)]]
                assert event.json()["status"] == status and len(stream.events) == known[id(stream)] + 1
                late_s.append(max(0.0, event.at - at[batch]))
    late_s.sort()
    return {"changes": count * len(streams), "late_p50_ms": round(late_s[len(late_s) // 2] * 1000, 1),
            "late_p100_ms": round(late_s[-1] * 1000, 1)}


def commands(api: Api) -> int:
    return sum(int(entry["calls"]) for entry in api.client.info("commandstats").values())


def measure(count: int, changes: int) -> dict[str, object]:
    with RedisServer() as server, Api(server) as api, Process("carillon-producer", *api.process.args, label="the other") as other:
        api.trunk("main")
        key = api.tenant("acme")
        with Listeners(api.process.port) as listeners:
            batches = [api.create(key, numbers(3)) for _ in range(BATCHES)]
            streams = {batch: [listeners.open(f"/api/v1/batch/{batch}/events", key) for _ in range(count // BATCHES)]
                       for batch in batches}
            listeners.wait(lambda: all(stream.events for some in streams.values() for stream in some), what="the first events")
            before, began = commands(api), time.monotonic()
            listeners.wait(lambda: time.monotonic() - began > QUIET_S, what="some quiet")
            per_s = (commands(api) - before) / (time.monotonic() - began)
            here = rounds(api, api.process.port, key, streams, listeners, changes)
            elsewhere = rounds(api, other.port, key, streams, listeners, changes)
            return {
                "listeners": sum(len(some) for some in streams.values()),
                "batches": BATCHES,
                "changes": int(here["changes"] + elsewhere["changes"]),
                "late_p100_ms": max(here["late_p100_ms"], elsewhere["late_p100_ms"]),
                "asked_here": here,
                "asked_elsewhere": elsewhere,
                "commands_per_s": round(per_s, 1),
                "producer_peak_mib": round(api.process.peak_kb() / 1024, 1),
            }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=500)
    parser.add_argument("--changes", type=int, default=10, help="of each batch, by each producer")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/bench/events.json")
    args = parser.parse_args()
    result = {**figures.header(), **measure(args.listeners, args.changes)}
    figures.write(args.out, result)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
