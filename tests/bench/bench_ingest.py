#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A million contacts from CSV into a draft, through POST /api/v1/batch/{id}/contacts, and its start: validated, deduplicated,
durable as deploy/redis.conf has it. Writes build/bench/ingest.json.

    make bench-ingest [BENCH_ARGS="--runs 3 --rows 1000000"]

Each row is a number, a name of 20 characters and two columns of 10. The rows are made before the clock starts; it stops with
the answer to the start. CPU seconds of each process stand beside the wall time, so that a figure of a busy machine can be
told from one of a quiet one."""

from __future__ import annotations

import argparse
import concurrent.futures
import http.client
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.producer_api import Api  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402
from tests.support.redis_users import Users  # noqa: E402

HEADER = b"phoneNumber,name,city,plan\n"
WALL_MOST_S, PEAK_MOST_MIB, BYTES_MOST = 10.0, 128.0, 200.0


def rows(first: int, count: int) -> bytes:
    """Numbers far apart from each other, in no order."""
    lines = (
        b"+1%010d,Contact %012d,City%06d,Plan%06d\n" % (2000000000 + i * 7919 % 7999999993, i, i % 1000000, i * 31 % 1000000)
        for i in range(first, first + count)
    )
    return HEADER + b"".join(lines)


def settings() -> list[str]:
    """deploy/redis.conf, as options."""
    lines = (ROOT / "deploy/redis.conf").read_text(encoding="utf-8").splitlines()
    words = (line.split() for line in lines if line and not line.startswith("#"))
    return [part for name, *values in words if name not in ("save", "appendonly", "maxmemory-policy") for part in ("--" + name, *values)]


def cpu_s(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def peak_mib(pid: int) -> float:
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (kb,) = re.findall(r"VmHWM:\s+(\d+) kB", text)
    return int(kb) / 1024


def post(connection: http.client.HTTPConnection, key: str, path: str, body: bytes, kind: str) -> dict[str, Any]:
    connection.request("POST", path, body, {"Authorization": f"Bearer {key}", "Content-Type": kind})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status in (200, 202), (answer.status, text)
    return dict(json.loads(text))


def run(chunks: list[bytes], total: int, connections: int) -> dict[str, Any]:
    with RedisServer(args=tuple(settings()), users=Users.for_tests(), appendonly=True) as server, Api(server) as api:
        api.trunk("main")
        key = api.tenant("acme")
        batch = api.post("/api/v1/batch?draft=true", {"agentId": "agent_1"}, key).json()["batchId"]
        path = f"/api/v1/batch/{batch}/contacts?chunk="
        producer = api.process.pid
        before = api.client.info("memory")["used_memory"]
        cpu = {"producer": cpu_s(producer), "redis": cpu_s(server.pid), "client": time.process_time()}

        def send(lane: int) -> int:
            link = http.client.HTTPConnection("127.0.0.1", api.process.port, timeout=120)
            accepted = sum(
                post(link, key, f"{path}{number + 1}", chunks[number], "text/csv")["accepted"]
                for number in range(lane, len(chunks), connections)
            )
            link.close()
            return accepted

        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(connections) as pool:
            accepted = sum(pool.map(send, range(connections)))
        started = api.post(f"/api/v1/batch/{batch}/start", None, key).json()
        wall = time.monotonic() - began
        assert (accepted, started["total"]) == (total, total), (accepted, started)
        memory = api.client.info("memory")["used_memory"] - before
        commands = {name.removeprefix("cmdstat_"): int(stats["usec"]) / 1e6
                    for name, stats in api.client.info("commandstats").items() if stats["usec"] > 20_000}  # fmt: skip
        assert server.denials() == []
        return {
            "ingest_1m_wall_s": round(wall * 1_000_000 / total, 3),
            "producer_peak_mib": round(peak_mib(producer), 1),
            "bytes_per_queued_call": round(memory / total, 1),
            "cpu_s": {"producer": round(cpu_s(producer) - cpu["producer"], 2), "redis": round(cpu_s(server.pid) - cpu["redis"], 2),
                      "client": round(time.process_time() - cpu["client"], 2)},
            "redis_s": {name: round(seconds, 2) for name, seconds in sorted(commands.items(), key=lambda pair: -pair[1])},
        }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--chunks", type=int, default=20)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--out", default=str(ROOT / "build/bench/ingest.json"))
    args = parser.parse_args()
    each = args.rows // args.chunks
    chunks = [rows(i * each, each) for i in range(args.chunks)]
    runs = []
    for _ in range(args.runs):
        runs.append(run(chunks, each * args.chunks, args.connections))
        print(json.dumps(runs[-1]), flush=True)
    names = ("ingest_1m_wall_s", "producer_peak_mib", "bytes_per_queued_call")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    result = {
        **{name: statistics.median(one[name] for one in runs) for name in names},
        "rows": each * args.chunks, "commit": commit, "runs": runs,
        "targets": dict(zip(names, (WALL_MOST_S, PEAK_MOST_MIB, BYTES_MOST))),
    }  # fmt: skip
    out = pathlib.Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    missed = [name for name, most in result["targets"].items() if result[name] > most]
    print(f"{out}: " + ", ".join(f"{name} {result[name]}" for name in names) + (f"; over target: {missed}" if missed else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
