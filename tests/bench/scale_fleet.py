# SPDX-License-Identifier: Apache-2.0
"""What a fleet costs Redis: an idle worker, and many workers against one at the same rate of calls. Real workers, calls that
are placed at the stand-in carrier and told of by its callbacks."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import signal
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.bench.figures import settings
from tests.support.carrier import Carrier
from tests.support.fleet import PLATFORM_KEY, Fleet
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.waiting import wait_until

BATCHES, BATCH_CPS = 10, 30  # together 300 calls a second
WARM_S, PHASE_S = 2.0, 8.0
ROUNDS = 2  # of one worker and of many, in turn
IDLE_S = 20.0
MONITOR_BYTES = 1 << 20
READY_DEADLINE_S = 60.0
STARTED_AT_ONCE = 5


def cpu_ns(pid: int) -> int:
    """On a core, of the main thread."""
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/schedstat").read_text(encoding="ascii").split()[0])


class CallingFleet:
    """A Redis with a trunk at a carrier, and as many workers as asked for."""

    def __init__(self, server: RedisServer, directory: pathlib.Path, carrier: Carrier, fleet: Fleet) -> None:
        self.server = server
        self.carrier = carrier
        self.fleet = fleet
        self.client = server.client(decode_responses=True)

    def grow(self, count: int) -> None:
        while len(self.fleet.workers) < count:
            new = [self.fleet.worker(wait=False) for _ in range(min(STARTED_AT_ONCE, count - len(self.fleet.workers)))]
            for worker in new:
                worker.wait_ready(READY_DEADLINE_S)
        wait_until(lambda: all(worker.is_ready() for worker in self.fleet.workers), READY_DEADLINE_S, "every worker is ready")

    def shrink(self, count: int) -> None:
        leaving = self.fleet.workers[count:]
        del self.fleet.workers[count:]
        for worker in leaving:
            worker.signal(signal.SIGTERM)
        for worker in leaving:
            worker.wait()
            worker.stop()


@contextlib.contextmanager
def calling_fleet() -> Iterator[CallingFleet]:
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as name:
        directory = pathlib.Path(name)
        with RedisServer(args=tuple(settings()), users=Users.for_tests(), appendonly=True) as server:
            fleet = Fleet(server, directory, log_level="warn")
            first = fleet.worker(wait=False)
            first.wait_ready()
            webhook = f"{first.url}/callbacks/retell"
            calls = ("--outcomes", "completed=1", "--ring-ms", "20", "--talk-ms", "50")
            with Carrier(directory, *calls, webhook_url=webhook, key=PLATFORM_KEY) as carrier:
                fleet.trunk(f"http://127.0.0.1:{carrier.process.port}", cps=1000)
                wait_until(lambda: first.is_ready(), READY_DEADLINE_S, "the worker is ready")
                yield CallingFleet(server, directory, carrier, fleet)
                fleet.close()


# ---- an idle worker ----


def commands_of_clients(server: RedisServer, seconds: float) -> Counter[str]:
    """What clients send within that time; not what scripts run."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(server.socket))
        link.sendall(b"MONITOR\r\n")
        time.sleep(seconds)
        lines = link.recv(MONITOR_BYTES).decode(errors="replace").splitlines()[1:]
    assert sum(map(len, lines)) < MONITOR_BYTES // 2, "more than is read"
    return Counter(line.split('"')[1].upper() for line in lines if " lua]" not in line)


def idle_commands_per_s(calling: CallingFleet) -> tuple[float, Counter[str]]:
    time.sleep(WARM_S)
    seen = commands_of_clients(calling.server, IDLE_S)
    return sum(seen.values()) / IDLE_S, seen


# ---- many workers against one ----


@dataclasses.dataclass(frozen=True)
class Phase:
    workers: int
    calls: int
    cpu_us: float  # of Redis's core
    seconds: float
    scripts: dict[str, int]

    @property
    def us_per_call(self) -> float:
        return self.cpu_us / max(1, self.calls)

    def told(self) -> dict[str, Any]:
        return {
            "workers": self.workers,
            "calls_per_s": round(self.calls / self.seconds, 1),
            "redis_us_per_call": round(self.us_per_call, 1),
            "redis_core": round(self.cpu_us / self.seconds / 1e6, 3),
            "scripts_per_s": round(self.scripts.get("evalsha", 0) / self.seconds, 1),
            "commands_per_call": round(sum(self.scripts.values()) / max(1, self.calls), 1),
        }


def begun(calling: CallingFleet, batches: list[str]) -> int:
    return sum(int(calling.client.hget(calling.fleet.engine().key(f"batch:{batch}"), "dials") or 0) for batch in batches)


def phase(calling: CallingFleet, batches: list[str]) -> Phase:
    time.sleep(WARM_S)
    calling.client.config_resetstat()
    calls, cpu, at = begun(calling, batches), cpu_ns(calling.server.pid), time.monotonic()
    time.sleep(PHASE_S)
    took = time.monotonic() - at
    used = (cpu_ns(calling.server.pid) - cpu) / 1000
    made = begun(calling, batches) - calls
    stats = {name.removeprefix("cmdstat_"): int(row["calls"]) for name, row in calling.client.info("commandstats").items()}
    return Phase(len(calling.fleet.workers), made, used, took, stats)


def fleet_phases(calling: CallingFleet, many: int, rounds: int = ROUNDS) -> list[Phase]:
    contacts = int((2 * PHASE_S + 2 * WARM_S + 12.0) * BATCH_CPS * rounds * 1.2)
    phases = []
    calling.fleet.engine().tenant("acme", how="put", cps=1000)
    batches = [calling.fleet.batch(contacts, cps=BATCH_CPS) for _ in range(BATCHES)]
    for _ in range(rounds):
        for workers in (1, many):
            calling.grow(workers)
            calling.shrink(workers)
            phases.append(phase(calling, batches))
    return phases
