#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does a tenant at its request quota change how fast another is answered?

    make bench-quota [BENCH_ARGS="--runs 5 --windows 5"]      writes build/bench/quota.json

One producer, one Redis. The calm tenant asks at a fixed pace, and each of its answers is timed from the instant at which the
request was due, so that a late one cannot hide those behind it. Short windows in which it is alone alternate with windows in
which the hasty one asks at five times its quota, on several connections, from a process of its own: what else the machine
does meets both alike. A run's p99 is that of all its windows of a kind; `ratio` is the median of the runs' p99 beside /
p99 alone."""

from __future__ import annotations

import argparse
import json
import pathlib
import socket
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.producer_api import Api, numbers  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402

CALM_PER_S = 100
QUOTA_PER_S = 100
HASTY_PER_S = 500  # on all its connections together
HASTY_CONNECTIONS = 8
WINDOW_S = 2.0


class Client:
    """One connection that asks one thing again and again."""

    def __init__(self, port: int, path: str, key: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = f"GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\r\n\r\n".encode()

    def send(self) -> None:
        self._socket.sendall(self._request)

    def receive(self) -> int:
        """The status."""
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._read()
        head, body = got.split(b"\r\n\r\n", 1)
        (length,) = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        while len(body) < length:
            body += self._read()
        return int(head.split(b" ", 2)[1])

    def _read(self) -> bytes:
        piece = self._socket.recv(1 << 16)
        if not piece:
            raise ConnectionError("the producer closed the connection")
        return piece


def paced(clients: list[Client], per_s: float, seconds: float) -> tuple[list[float], dict[int, int]]:
    """Asks in turn on the clients. (ms from when each was due to its answer, statuses)"""
    took, statuses, began = [], {}, time.perf_counter()
    for i in range(int(per_s * seconds)):
        due = began + i / per_s
        ahead = due - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
        client = clients[i % len(clients)]
        client.send()
        status = client.receive()
        took.append(1000 * (time.perf_counter() - due))
        statuses[status] = statuses.get(status, 0) + 1
    return took, statuses


class Hasty:
    """The other process: asks for a window whenever it is told to."""

    def __init__(self, port: int, path: str, key: str) -> None:
        command = [sys.executable, __file__, "--hasty", str(port), path]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._tell(key)
        assert self._hear() == "ready"

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().rstrip("\n")

    def begin(self) -> None:
        self._tell("window")

    def end(self) -> dict[int, int]:
        return {int(status): n for status, n in json.loads(self._hear()).items()}

    def close(self) -> None:
        self._process.communicate(timeout=30)

    @staticmethod
    def run(port: int, path: str) -> None:
        key = sys.stdin.readline().strip()
        clients = [Client(port, path, key) for _ in range(HASTY_CONNECTIONS)]
        print("ready", flush=True)
        for _ in sys.stdin:
            print(json.dumps(paced(clients, HASTY_PER_S, WINDOW_S)[1]), flush=True)


def p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]


def measure(calm: Client, hasty: Hasty, windows: int) -> dict[str, float]:
    alone, beside, theirs = [], [], {200: 0, 429: 0}
    for _ in range(windows):
        took, statuses = paced([calm], CALM_PER_S, WINDOW_S)
        assert set(statuses) == {200}, statuses
        alone += took
        hasty.begin()
        took, statuses = paced([calm], CALM_PER_S, WINDOW_S)
        assert set(statuses) == {200}, statuses
        beside += took
        for status, n in hasty.end().items():
            theirs[status] += n
    assert theirs[429] > theirs[200] > 0, f"the hasty one was not at its quota: {theirs}"
    return {"p99_alone_ms": round(p99(alone), 3), "p99_beside_ms": round(p99(beside), 3), "refused": theirs[429],
            "taken": theirs[200], "ratio": round(p99(beside) / p99(alone), 3)}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--windows", type=int, default=5, help="of each kind in a run")
    parser.add_argument("--hasty", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hasty:
        Hasty.run(int(options.hasty[0]), options.hasty[1])
        return 0
    with RedisServer() as server, Api(server, "--max-requests-per-second", "1000") as api:
        api.trunk()
        hasty_key, calm_key = api.tenant("hasty", max_requests_per_second=QUOTA_PER_S), api.tenant("calm")
        api.client.hset("carillon:{dir}:tenant:hasty", "max_requests_per_second", QUOTA_PER_S)
        path = f"/api/v1/batch/{api.create(calm_key, numbers(10))}"
        calm = Client(api.process.port, path, calm_key)
        paced([calm], CALM_PER_S, 1.0)
        hasty = Hasty(api.process.port, "/api/v1/batch/list", hasty_key)
        runs = [measure(calm, hasty, options.windows) for _ in range(options.runs)]
        hasty.close()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    result = {name: statistics.median(run[name] for run in runs) for name in ("p99_alone_ms", "p99_beside_ms", "ratio")}
    result |= {"commit": commit.stdout.strip(), "runs": runs}
    target = ROOT / "build" / "bench" / "quota.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"p99 alone {result['p99_alone_ms']} ms, beside a tenant at its quota {result['p99_beside_ms']} ms: {result['ratio']} times")
    return 0 if result["ratio"] <= 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
