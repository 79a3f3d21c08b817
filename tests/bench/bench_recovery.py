#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long it takes until all is as it was before a fault: the figures of docs/failure-model.md, each with its bound.

    make bench-recovery [BENCH_ARGS="--runs 3 --rows 1000000"]      writes build/bench/recovery.json

    redis_load_s            Redis is killed with `rows` calls queued and started again: until it has read its data, by its log
    reopened_redis_s        from there to the first begin, with nobody's help and every process still there
    reopened_promotion_s    from Sentinel's promotion of the replica to the first begin
    claims_back_s           a worker is killed with claims in its hands: until the last of them is among the due calls
    silent_late_s           calls of which no callback tells: how far behind poll_after_ms the last is looked up
    silent_killed_late_s    the same, where their worker was killed
    drain_s                 from SIGTERM to the end of a worker that holds claims
    notifier_s              a notifier is killed: until an event of its shards is delivered by another

Medians of the runs, all in seconds, on this machine. What is measured is measured by tests/support/recovery.py."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.bench_ingest import post  # noqa: E402
from tests.bench.figures import settings  # noqa: E402
from tests.support import recovery  # noqa: E402
from tests.support.fleet import PLATFORM_KEY, Fleet  # noqa: E402
from tests.support.notifier_world import World  # noqa: E402
from tests.support.platform import Platform  # noqa: E402
from tests.support.redis_sentinels import SentinelSet  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402
from tests.support.redis_users import Users  # noqa: E402
from tests.support.stack import Stack, phone_numbers  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

CHUNK_ROWS = 50_000
LOAD_DEADLINE_S = 120.0
BOUNDS = {
    "redis_load_s": None,
    "reopened_redis_s": recovery.REOPENED_MOST_S,
    "reopened_promotion_s": recovery.REOPENED_MOST_S,
    "claims_back_s": recovery.CLAIMABLE_MOST_S,
    "silent_late_s": recovery.TICK_S,
    "silent_killed_late_s": recovery.TICK_S,
    "drain_s": None,
    "notifier_s": recovery.NOTIFIER_LEASE_S + recovery.NOTIFIER_TICK_S,
}


def rows(first: int, count: int) -> bytes:
    """Contacts as CSV; their numbers are far apart from each other, in no order."""
    lines = (
        b"+1%010d,Contact %012d,City%06d,Plan%06d\n" % (2000000000 + i * 7919 % 7999999993, i, i % 1000000, i * 31 % 1000000)
        for i in range(first, first + count)
    )
    return b"phoneNumber,name,city,plan\n" + b"".join(lines)


def queue(stack: Stack, count: int) -> str:
    """A draft of so many contacts, started."""
    batch = str(stack.api("POST", "/api/v1/batch?draft=true", {"agentId": "agent_1", "options": {"maxCallsPerSecond": 30}})["batchId"])
    key = stack.api_key_file.read_text(encoding="utf-8").strip()
    link = http.client.HTTPConnection(stack.api_url.removeprefix("http://"), timeout=120)
    for chunk, first in enumerate(range(0, count, CHUNK_ROWS), 1):
        post(link, key, f"/api/v1/batch/{batch}/contacts?chunk={chunk}", rows(first, min(CHUNK_ROWS, count - first)))
    link.close()
    assert stack.api("POST", f"/api/v1/batch/{batch}/start")["total"] == count
    return batch


def restart_with_calls_queued(count: int) -> dict[str, float]:
    server = RedisServer(args=tuple(settings()), users=Users.for_tests(), appendonly=True)
    with Stack(workers=2, redis=server, log_level="warn") as stack:
        batch = queue(stack, count)
        wait_until(lambda: recovery.begins_s(stack, batch), 30.0, "calls are begun")
        before = recovery.pids(stack)
        server.kill()
        server.start(LOAD_DEADLINE_S)
        ready_at = recovery.logged_at(server, recovery.READY)
        took = recovery.reopened_after(stack, batch, ready_at)
        assert recovery.pids(stack) == before
        loaded = re.findall(r"DB loaded from .*: ([0-9.]+) seconds", server.log_tail(1000))
        stack.api("POST", f"/api/v1/batch/{batch}/cancel")
        return {"redis_load_s": sum(map(float, loaded[-2:])), "reopened_redis_s": took}


def promotion() -> float:
    with Stack(workers=2, redis=SentinelSet(), log_level="warn") as stack:  # type: ignore[arg-type]
        sentinels: SentinelSet = stack.redis  # type: ignore[assignment]
        batch = stack.submit(phone_numbers(2000), maxCallsPerSecond=30)
        wait_until(lambda: recovery.begins_s(stack, batch), 30.0, "calls are begun")
        sentinels.wait_for_replication()  # or the batch itself may be lost with it
        sentinels.kill_primary()
        sentinels.wait_for_promotion()
        took = recovery.reopened_after(stack, batch, recovery.logged_at(sentinels.primary, recovery.PROMOTED))
        stack.api("POST", f"/api/v1/batch/{batch}/cancel")
        return took


def with_fleet(measure: Callable[[Fleet, Platform], float]) -> float:
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as name, Platform(PLATFORM_KEY) as platform:
        with RedisServer(users=Users.for_tests()) as server:
            fleet = Fleet(server, pathlib.Path(name))
            fleet.trunk(platform.url)
            took = measure(fleet, platform)
            fleet.close()
            return took


def with_world(measure: Callable[[World], float]) -> float:
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as name:
        world = World(pathlib.Path(name))
        world.open()
        try:
            return measure(world)
        finally:
            world.close()


def silent(is_killed: bool) -> float:
    return with_fleet(lambda fleet, platform: recovery.looked_up_behind_its_time(fleet, platform, is_killed=is_killed))


MEASUREMENTS: dict[str, Callable[[int], dict[str, float]]] = {
    "restart": restart_with_calls_queued,
    "promotion": lambda _: {"reopened_promotion_s": promotion()},
    "claims": lambda _: {"claims_back_s": with_fleet(recovery.claims_back)},
    "silent": lambda _: {"silent_late_s": silent(False), "silent_killed_late_s": silent(True)},
    "drain": lambda _: {"drain_s": with_fleet(recovery.drained)},
    "notifier": lambda _: {"notifier_s": with_world(recovery.shards_taken_over)},
}


def run(names: list[str], count: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name in names:
        logs = io.StringIO()  # of the processes, as they end
        try:
            with contextlib.redirect_stderr(logs):
                figures.update(MEASUREMENTS[name](count))
        except BaseException:
            print(logs.getvalue(), file=sys.stderr)
            raise
    return {**{name: round(took, 3) for name, took in figures.items()}, "load": round(os.getloadavg()[0], 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000, help="calls queued while Redis is started again")
    parser.add_argument("--only", default=",".join(MEASUREMENTS), help="which, with commas between")
    parser.add_argument("--out", default=str(ROOT / "build/bench/recovery.json"))
    args = parser.parse_args()
    runs = []
    for _ in range(args.runs):
        runs.append(run(args.only.split(","), args.rows))
        print(json.dumps(runs[-1]), flush=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    measured = [name for name in BOUNDS if name in runs[0]]
    medians = {name: statistics.median(one[name] for one in runs) for name in measured}
    out = pathlib.Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**medians, "rows": args.rows, "commit": commit, "runs": runs, "targets": BOUNDS}, indent=1) + "\n", encoding="utf-8")
    for name in measured:
        worst, bound = max(one[name] for one in runs), BOUNDS[name]
        print(f"{name:22} median {medians[name]:8.3f}   worst {worst:8.3f}   bound {bound if bound is not None else '-'}")
    missed = [name for name in measured if medians[name] > (BOUNDS[name] or math.inf)]
    print(f"{out}" + (f": over bound: {missed}" if missed else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
