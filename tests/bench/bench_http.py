#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What one worker carries over HTTP: the shipped program, pinned to one core, with a real Redis (append-only file, fsync
everysec), dialing a receiver that does as little as a platform can (tests/bench/receiver, in C) on the other core.

    http_calls_per_s   calls a second, from the first claim to the end of the last batch: each a create request on a TCP connection
                       of its own and a signed callback that ends it
    worker_rss_mib     resident memory of a worker that has begun 20,000 calls, all accepted and none ended

Beside them in the JSON (`details`): the same with TLS, with all three callbacks of Retell's, with the outcomes asked for (a
create on a fresh connection and a GET on a kept one; a create never uses a kept connection: docs/performance.md), and the
memory while a platform over TLS takes a second for each answer."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import pathlib
import ssl
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import figures  # noqa: E402
from tests.support.engine import Engine  # noqa: E402
from tests.support.processes import Process, build_directory, program  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402
from tests.support.redis_tls import Authority  # noqa: E402
from tests.support.redis_users import Users  # noqa: E402
from tests.support.sealing import seal  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

KEYS = ("http_calls_per_s", "worker_rss_mib")
CALLS, CALLS_BESIDE, CALLS_HELD, CALLS_SLOW = 8_000, 4_000, 20_000, 4_000
TENANTS = 20
SYSTEMS_BELIEF = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
PLATFORM_KEY = "key_of_the_platform"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))


@dataclasses.dataclass(frozen=True)
class Way:
    """How the worker and the platform speak."""

    is_tls: bool = False
    callbacks: int = 1  # of a call: 1, 3, or 0: the worker asks, or the call goes on
    is_asked: bool = False
    answer_ms: int = 0  # how long the platform takes to answer a create
    calls: int = CALLS
    cps: int = 100_000  # of trunk, tenants and batches: as good as none


def cpu_s(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def believing(authority: pathlib.Path, directory: pathlib.Path) -> list[str]:
    """What a command is started with to believe `authority` beside those whom the system believes: a view of its own of the
    system's file, so that what is measured is what a platform's certificate costs."""
    mine = directory / "ca-certificates.crt"
    mine.write_bytes(SYSTEMS_BELIEF.read_bytes() + authority.read_bytes())
    return ["/usr/bin/unshare", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', str(mine), str(SYSTEMS_BELIEF)]


class Bench:
    """A Redis with a trunk and tenants that have a batch each, its worker and its platform."""

    def __init__(self, directory: pathlib.Path, way: Way) -> None:
        self.way = way
        self.batches: list[str] = []
        self._directory = directory
        self._authority = Authority(directory) if way.is_tls else None
        self._key = os.urandom(32)
        self._key_file = directory / "secrets.key"
        self._key_file.write_text(base64.b64encode(self._key).decode() + "\n")
        self.redis = RedisServer(appendonly=True, args=tuple(figures.settings()), users=Users.for_tests())

    def __enter__(self) -> Bench:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.redis)
            self.client = self.redis.client()
            self.engine = Engine(self.client)
            self.worker = stack.enter_context(self._worker())
            self.receiver = stack.enter_context(self._receiver())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def _worker(self) -> Process:
        command = [
            *("/usr/bin/taskset", "-c", str(CORES[0]), str(program("carillon-worker")), *self.redis.flags("carillon-worker")),
            *("--secrets-key-file", str(self._key_file), "--listen", "127.0.0.1:0"),
        ]
        if self._authority:
            command = [*believing(self._authority.file, self._directory), *command]
        return Process(*command, label="worker")

    def _receiver(self) -> Process:
        arguments = []
        if self.way.callbacks > 0:
            arguments += ["--callback-url", f"{self.worker.url}/callbacks/retell", "--key", PLATFORM_KEY, "--wait-ms", "200"]
            arguments += ["--all-callbacks"] if self.way.callbacks > 1 else []
        if self._authority:
            certificate = self._authority.issue("receiver", "DNS:localhost,IP:127.0.0.1")
            arguments += ["--certificate", str(certificate.file), "--certificate-key", str(certificate.key)]
        arguments += ["--answer-ms", str(self.way.answer_ms)] if self.way.answer_ms else []
        return Process(str(build_directory() / "tests/carillon-bench-receiver"), *arguments, label="receiver")

    def prepare(self) -> None:
        """Batches of several tenants, complete but for their seals."""
        self.engine.trunk(
            "main", cps=self.way.cps, profile="retell", base_url=self.receiver.url, caller_ids='["+15550009999"]',
            credential=seal(self._key, "trunk/main", PLATFORM_KEY), poll_after_ms=200 if self.way.is_asked else 600_000,
        )  # fmt: skip
        for tenant in range(TENANTS):
            self.engine.tenant(f"tenant{tenant}", cps=self.way.cps)
            batch = self.engine.batch(
                f"tenant{tenant}", "main", self.way.calls // TENANTS, seal=False, agent_id="agent_1", cps=self.way.cps, talk_s=3600,
                summary_wait_ms=1000, max_attempts=1, no_answer_delay_ms=1000, busy_delay_ms=1000, failed_delay_ms=1000,
            )  # fmt: skip
            self.batches.append(batch)

    def begin(self) -> None:
        for batch in self.batches:
            self.engine.seal(batch, self.way.calls // TENANTS)

    def have_ended(self) -> bool:
        return all(self.engine.hash(f"batch:{batch}").get("state") == "completed" for batch in reversed(self.batches))

    def counters(self) -> Counter[str]:
        return sum((Counter(self.engine.counters(batch)) for batch in self.batches), Counter())

    def came(self) -> dict[str, int]:
        """What the receiver has seen."""
        anyone = ssl._create_unverified_context()
        with urllib.request.urlopen(self.receiver.url + "/figures", timeout=10, context=anyone) as answer:
            return dict(json.loads(answer.read()))

    def used(self) -> dict[str, float]:
        return {"worker": cpu_s(self.worker.pid), "receiver": cpu_s(self.receiver.pid), "redis": cpu_s(self.redis.pid)}

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(self.worker.url + "/metrics", timeout=10) as answer:
            lines = (line.rpartition(" ") for line in answer.read().decode().splitlines() if not line.startswith("#"))
            return {name: float(value) for name, _, value in lines}


@contextlib.contextmanager
def bench(way: Way) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as name, Bench(pathlib.Path(name), way) as made:
        yield made


def calls_per_s(way: Way) -> dict[str, Any]:
    """One campaign; every call must have been placed once, on its own connection, and completed."""
    with bench(way) as b:
        b.prepare()
        before, began = b.used(), time.monotonic()
        b.begin()
        wait_until(b.have_ended, 60, "all batches have ended")
        took, after, came = time.monotonic() - began, b.used(), b.came()
        scripts = b.client.info("commandstats")["cmdstat_evalsha"]["calls"]
        counters, metrics = b.counters(), b.metrics()
        assert b.redis.denials() == []
    assert counters["succeeded"] == counters["attempts"] == came["calls"] == way.calls, (counters, came)
    assert came["kept"] == 0, came
    return {
        "calls_per_s": round(way.calls / took, 1),
        "creates_per_s": round(0.8 * way.calls / (came["middle_us"] / 1e6), 1),  # over the middle eight tenths of them
        "cpu_us_per_call": {name: round(1e6 * (after[name] - before[name]) / way.calls, 1) for name in after},
        "dials": counters["dials"],  # more than calls: begun and given back unsent
        "released": metrics.get("carillon_calls_released_total", 0.0),
        "redis_scripts_per_call": round(scripts / way.calls, 2),
        "receiver": came,
        "load": round(os.getloadavg()[0], 2),
    }


def rss_held(way: Way) -> dict[str, Any]:
    with bench(way) as b:
        at_start = b.worker.rss_kb()
        b.prepare()
        b.begin()

        def live() -> int:
            return int(b.client.zcard(b.engine.key("live")))

        wait_until(lambda: live() == way.calls and b.metrics()['carillon_dial_verdicts_total{verdict="ACCEPTED"}'] == way.calls, 60, "all calls are live")
        time.sleep(1)
        counters = b.counters()
        assert counters["live"] == way.calls and counters["succeeded"] + counters["failed"] == 0, counters
        return {"rss_mib": round(b.worker.rss_kb() / 1024, 2), "rss_at_start_mib": round(at_start / 1024, 2),
                "peak_mib": round(b.worker.peak_kb() / 1024, 2), "live": live(), "creates_at_a_time": b.came()["most_open"]}  # fmt: skip


def measure(runs: int) -> dict[str, list[float]]:
    os.sched_setaffinity(0, CORES[1:] or CORES)  # and all that this process starts, but for the worker
    each = [calls_per_s(Way()) for _ in range(runs)]
    figures.detail("http", each)
    figures.detail("tls", calls_per_s(Way(is_tls=True, calls=CALLS_BESIDE)))
    figures.detail("all_callbacks", calls_per_s(Way(callbacks=3, calls=CALLS_BESIDE)))
    figures.detail("asked_on_kept_connections", calls_per_s(Way(callbacks=0, is_asked=True, calls=CALLS_BESIDE)))
    held = rss_held(Way(callbacks=0, calls=CALLS_HELD))
    figures.detail("held", held)
    figures.detail("held_by_a_slow_platform_over_tls", rss_held(Way(callbacks=0, is_tls=True, answer_ms=1000, calls=CALLS_SLOW)))
    return {"http_calls_per_s": [one["calls_per_s"] for one in each], "worker_rss_mib": [held["rss_mib"]]}


if __name__ == "__main__":
    sys.exit(figures.main(KEYS, measure, "http"))
