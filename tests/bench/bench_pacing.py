#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How exactly calls are placed: a whole Carillon, two workers, and a stand-in platform whose kernel stamps each request.

    make bench-pacing [BENCH_ARGS="--runs 1"]        writes build/bench/pacing.json

    pacing_10_max_in_1s, pacing_30_max_in_1s   most begins in any sliding second of a batch limited to 10/s, to 30/s
    utilisation_10, utilisation_30             how much of such a limit is used while work waits
    late_300_p99_ms, late_1000_p99_ms          from a call's slot to the first byte of its request at the platform: ten batches of
                                               30/s, and 34, which is more than their trunk's 1,000/s admits
    timer_p99_ms                               how late a bare timerfd was meanwhile, at the same priority
    retry_late_p99_ms                          from when a retry is due to the first byte of its request
    priority_first_call_p98_ms                 a batch of priority 10 behind 1,000,000 queued calls that are being dialed at 30/s: from
                                               its 202 to the first byte of its first request

Slots and dues are Redis's instants as the attempt log has them. An arrival is what the kernel notes of a segment
(tests/bench/arrivals.c): the same clock, whatever the receiver does meanwhile. The JSON's details show of each phase
how late begins were reserved behind their slots, and how late requests came behind their begins. All processes run at realtime
priority where that is permitted: a p99 of a millisecond is lost in what else a machine does."""

from __future__ import annotations

import bisect
import http.client
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import figures  # noqa: E402
from tests.support.processes import build_directory  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402
from tests.support.redis_users import Users  # noqa: E402
from tests.support.stack import Stack  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

KEYS = ("pacing_10_max_in_1s", "pacing_30_max_in_1s", "utilisation_10", "utilisation_30", "late_300_p99_ms", "late_1000_p99_ms",
        "timer_p99_ms", "retry_late_p99_ms", "priority_first_call_p98_ms")  # fmt: skip

PRIORITY = 10  # realtime
TRUNK_CPS = 1000
PACED_S = 14
LATE_S = 10
RETRIED = {"batches": 10, "contacts": 15, "cps": 10, "attempts": 5, "delay_ms": 2000}
QUEUED, QUEUED_CPS = 1_000_000, 30
TRIES = 100
TIMER_MEAN_US = 5000
SLOT_LATE_US = 250_000  # a call that is later is not sent (LIMIT_SLOT_LATE_MS), and counts as so late
FACT = re.compile(rb"d=(\d+) a=\d+ q=(\d+) b=(\d+)")
AGAIN = re.compile(rb"d=(\d+) [^\n]*then=retry n=(\d+)")


class Platform(Stack):
    """A stack whose carrier's requests are stamped as they arrive. Every call is busy after 20 ms."""

    def __init__(self, queued: int) -> None:
        redis = RedisServer(appendonly=True, users=Users.for_tests(), args=tuple(figures.settings()))
        super().__init__(redis=redis, outcomes="busy=1", ring_ms=20, trunk_cps=TRUNK_CPS, tenant_cps=10 * TRUNK_CPS, log_level="warn")
        self.arrivals_path = self.directory / "arrivals"
        library = build_directory() / "tests/arrivals.so"
        assert library.exists(), f"{library} is not built: run make bench-pacing"
        self.carrier_env = {"LD_PRELOAD": str(library), "CARILLON_ARRIVALS": str(self.arrivals_path),
                            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}  # fmt: skip
        self.queued = queued
        self._number = 4_915_000_000_000

    def numbers(self, count: int) -> list[str]:
        """That nobody else dials."""
        self._number += count
        return [f"+{self._number - count + i}" for i in range(count)]

    def batch(self, contacts: int, cps: int, attempts: int = 1, delay_ms: int = 5000) -> str:
        body = {"agentId": "agent_123", "contacts": [{"phoneNumber": number} for number in self.numbers(contacts)],
                "options": {"maxCallsPerSecond": cps, "retryStrategy": {"maxAttempts": attempts, "busyDelay": delay_ms}}}  # fmt: skip
        return str(self.api("POST", "/api/v1/batch", body)["batchId"])

    def wait_ended(self, batches: Sequence[str], deadline_s: float) -> None:
        client, deadline = self.redis.client(), time.monotonic() + deadline_s
        for batch in batches:
            wait_until(lambda batch=batch: client.hget(f"carillon:{{c0}}:batch:{batch}", "state") == b"completed",
                       deadline - time.monotonic(), f"{batch} has completed", poll_s=0.2)  # fmt: skip

    def arrivals_us(self) -> dict[str, int]:
        """By batch.ordinal.dial."""
        lines = (line.split() for line in self.arrivals_path.read_text(encoding="ascii").splitlines())
        return {token.rpartition(".")[0]: int(at) for at, token in lines}

    def logs(self, batch: str) -> Iterator[tuple[int, bytes]]:
        """Ordinal and attempt log."""
        client = self.redis.client()
        for key in client.scan_iter(f"carillon:{{c0}}:batch:{batch}:attempts:*", count=10000):
            for ordinal, log in client.hgetall(key).items():
                yield int(ordinal), log


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Of a phase, in ms."""
    return {name: round(quantile(values, share), 3) for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("most", 1.0))}


def most_in_a_second(instants_us: Sequence[int]) -> int:
    ordered = sorted(instants_us)
    return max(i + 1 - bisect.bisect_right(ordered, at - 1_000_000) for i, at in enumerate(ordered))


def utilisation(instants_us: Sequence[int], cps: int) -> float:
    ordered = sorted(instants_us)
    return (len(ordered) - 1) / (cps * (ordered[-1] - ordered[0]) / 1e6)


# ---- phases ----


class Timer:
    """A bare timer beside whatever else runs."""

    def __enter__(self) -> Timer:
        command = [str(build_directory() / "tests/bare_timer"), str(TIMER_MEAN_US)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.late_ms: list[float] = []
        return self

    def __exit__(self, *_: object) -> None:
        out, _ = self._process.communicate(timeout=30)
        self.late_ms = [int(line) / 1e6 for line in out.splitlines()]


def paced_and_retried(world: Platform) -> dict[str, float]:
    """A batch limited to 10/s, one to 30/s, and ten small ones whose every call is busy four times."""
    paced = {cps: world.batch(cps * PACED_S, cps) for cps in (10, 30)}
    retried = [world.batch(RETRIED["contacts"], RETRIED["cps"], RETRIED["attempts"], RETRIED["delay_ms"])
               for _ in range(RETRIED["batches"])]  # fmt: skip
    world.wait_ended([*paced.values(), *retried], 60.0 + PACED_S)
    found = {}
    for cps, batch in paced.items():
        begins = world.begin_instants_us(batch)
        assert len(begins) >= cps * PACED_S, f"{len(begins)} begins of {cps * PACED_S}"
        found[f"pacing_{cps}_max_in_1s"] = float(most_in_a_second(begins))
        found[f"utilisation_{cps}"] = utilisation(begins, cps)
    arrivals, late = world.arrivals_us(), []
    for batch in retried:
        for ordinal, log in world.logs(batch):
            dues = {int(dial) + 1: int(due) for dial, due in AGAIN.findall(log)}
            late += [arrivals.get(f"{batch}.{ordinal}.{dial}", 1000 * due + SLOT_LATE_US) / 1000 - due for dial, due in dues.items()]
    assert len(late) >= RETRIED["batches"] * RETRIED["contacts"] * (RETRIED["attempts"] - 1), len(late)
    figures.detail("retries", {"n": len(late), "late_ms": spread(late)})
    found["retry_late_p99_ms"] = quantile(late, 0.99)
    return found


def late(world: Platform, rate: int, batches: int) -> tuple[float, list[float]]:
    """The p99 from slots to requests at `rate` a second, and how late a bare timer was meanwhile."""
    with Timer() as timer:
        made = [world.batch(rate * LATE_S // batches, 30) for _ in range(batches)]
        world.wait_ended(made, 60.0 + 2 * LATE_S)
    arrivals = world.arrivals_us()
    facts = [(f"{batch}.{ordinal}.{dial.decode()}", int(slot), int(begin))
             for batch in made for ordinal, log in world.logs(batch) for dial, slot, begin in FACT.findall(log)]  # fmt: skip
    came = [(arrivals.get(token, slot + SLOT_LATE_US) - slot, begin - slot, arrivals.get(token, begin) - begin)
            for token, slot, begin in facts]  # fmt: skip
    assert len(came) >= rate * LATE_S // batches * batches, (len(came), rate)
    slots = sorted(slot for _, slot, _ in facts)
    figures.detail(f"late_{rate}", {
        "n": len(came), "not_sent": sum(token not in arrivals for token, *_ in facts),
        "per_s": round((len(slots) // 2) / ((slots[len(slots) * 3 // 4] - slots[len(slots) // 4]) / 1e6), 1),  # the middle half
        "max_in_1s": most_in_a_second([begin for _, _, begin in facts]),
        "slot_to_request_ms": spread([us[0] / 1000 for us in came]), "slot_to_begin_ms": spread([us[1] / 1000 for us in came]),
        "begin_to_request_ms": spread([us[2] / 1000 for us in came]), "timer_ms": spread(timer.late_ms),
    })  # fmt: skip
    return quantile([us[0] / 1000 for us in came], 0.99), timer.late_ms


def queue(world: Platform) -> str:
    """A batch of low priority, queued as `carillon submit` does it and being dialed."""
    csv, campaign = world.directory / "queued.csv", world.directory / "queued.json"
    with csv.open("w", encoding="ascii") as file:
        file.write("phoneNumber,name\n")
        file.writelines(f"+1{2_000_000_000 + i * 7919 % 7_999_999_993},Contact {i}\n" for i in range(world.queued))
    options = {"priority": 1, "maxCallsPerSecond": QUEUED_CPS, "retryStrategy": {"maxAttempts": 1}}
    campaign.write_text(json.dumps({"agentId": "agent_123", "options": options}), encoding="utf-8")
    told = json.loads(world.command("submit", str(campaign), "--contacts", str(csv), "--json", deadline_s=120.0))
    batch = str(told["batchId"])
    wait_until(lambda: len(world.begin_instants_us(batch)) >= min(QUEUED_CPS, world.queued), 30.0, "it is being dialed", poll_s=0.1)
    return batch


def first_calls(world: Platform) -> float:
    """Of a batch of priority 10, submitted again and again while the queued one is dialed: what 98 of 100 take at most."""
    link = http.client.HTTPConnection("127.0.0.1", world.producer.port, timeout=30)
    key = world.api_key_file.read_text(encoding="utf-8").strip()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    chance = random.Random(1)
    accepted_us: dict[str, int] = {}
    asked_us: dict[str, int] = {}
    for number in world.numbers(TRIES):
        body = json.dumps({"agentId": "agent_123", "contacts": [{"phoneNumber": number}],
                           "options": {"priority": 10, "retryStrategy": {"maxAttempts": 1}}})  # fmt: skip
        asked = time.time_ns() // 1000
        link.request("POST", "/api/v1/batch", body, headers)
        answer = link.getresponse()
        text = answer.read()
        now = time.time_ns() // 1000
        assert answer.status == 202, text
        batch = json.loads(text)["batchId"]
        accepted_us[batch], asked_us[batch] = now, asked
        time.sleep(chance.uniform(0.05, 0.15))
    link.close()
    arrivals: dict[str, int] = {}

    def all_came() -> bool:
        arrivals.update(world.arrivals_us())
        return all(f"{batch}.0.1" in arrivals for batch in accepted_us)

    wait_until(all_came, 10.0, "every first call was placed")
    took = [max(0.0, (arrivals[f"{batch}.0.1"] - at) / 1000) for batch, at in accepted_us.items()]
    figures.detail("priority", {"from_202_ms": spread(took), "over_50_ms": sum(ms > 50 for ms in took), "of": len(took),
                                "from_request_ms": spread([(arrivals[f"{batch}.0.1"] - at) / 1000 for batch, at in asked_us.items()])})  # fmt: skip
    return sorted(took)[len(took) * 98 // 100 - 1]


def go_ahead() -> None:
    """Of what else the machine does, where that is permitted; processes started from here on do too."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except PermissionError:
        figures.detail("scheduling", "not at realtime priority, which is not permitted")


def run(queued: int = QUEUED) -> dict[str, float]:
    with Platform(queued) as world:
        found = paced_and_retried(world)
        found["late_300_p99_ms"], timer_300 = late(world, 300, 10)
        found["late_1000_p99_ms"], timer_1000 = late(world, 1000, 34)
        found["timer_p99_ms"] = quantile(timer_300 + timer_1000, 0.99)
        queue(world)
        found["priority_first_call_p98_ms"] = first_calls(world)
        return found


def measure(runs: int) -> dict[str, list[float]]:
    go_ahead()
    all_runs = [run() for _ in range(runs)]
    return {key: [one[key] for one in all_runs] for key in KEYS}


if __name__ == "__main__":
    sys.exit(figures.main(KEYS, measure, "pacing"))
