#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a webhook costs, and what receivers that answer nothing do to the others.

    make bench-notifier [BENCH_ARGS="--runs 3"]      writes build/bench/notifier.json

    healthy_p99_ms         500 healthy endpoints get an event each second beside 500 black holes (half have names for which nobody
                           answers, half take the connection and stay silent): from the event's writing to the request's last
                           byte, cold connections and first lookups too
    plain_us_per_delivery  CPU of the notifier, user and system, for each delivery of a backlog to 100 endpoints on kept connections,
    tls_us_per_delivery    from reading the event to writing down what became of it; handshakes are in it
    plain_per_s, tls_per_s how fast that went, beside a receiver, a Redis and whatever else the machine did
    peak_mib               the most memory of the notifier over 1,000,000 events for a dead endpoint; peak_ratio: to that over 100,000

One notifier, one Redis, receivers in processes of their own, all on this machine. Medians of the runs; peak_mib is measured once."""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support import hooks  # noqa: E402
from tests.support.dns_server import DnsServer, Name  # noqa: E402
from tests.support.engine import contact_record  # noqa: E402
from tests.support.notifier_world import metric  # noqa: E402
from tests.support.processes import Process  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402
from tests.support.redis_tls import Authority, Certificate  # noqa: E402
from tests.support.scripts import Scripts  # noqa: E402
from tests.support.sealing import seal  # noqa: E402

RECEIVER = pathlib.Path(__file__).with_name("notifier_receiver.py")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
ENDPOINTS = 100  # of the runs that measure CPU
TARGETS = {"healthy_p99_ms": 250, "plain_us_per_delivery": 200, "tls_us_per_delivery": 500, "peak_ratio": 1.2}
DELIVERED = 'carillon_webhook_deliveries_total{outcome="delivered"}'
QUEUED = 'carillon_webhook_events_total{result="queued"}'

# Calls that ended, and their events, as the engine leaves them; in Redis, since a client would take minutes for a million.
# ARGV: prefix, shard, batch, tenant, first ordinal, count, contact record
WRITE = """
local P, shard, batch, tenant, first, count, record = unpack(ARGV)
for ordinal = first, first + count - 1 do
  local bucket = string.format('%d', math.floor(ordinal / 64))
  local n = string.format('%d', ordinal)
  redis.call('HSET', P .. 'batch:' .. batch .. ':state:' .. bucket, n,
    'phase=final a=1 d=1 x=COMPLETED b=1760000001000 s=1760000002000 e=1760000005000 u=3 p=prov_1')
  redis.call('HSET', P .. 'batch:' .. batch .. ':contacts:' .. bucket, n, record)
  redis.call('HSET', P .. 'batch:' .. batch .. ':texts:' .. bucket, n .. ':summary', 'Interested, wants to be called next week.')
  redis.call('XADD', P .. 'events:' .. shard, '*', 'id', 'evt_' .. batch .. '-' .. n .. '-1-call_completed', 'type',
    'call.completed', 'tenant', tenant, 'batch', batch, 'attempt', '1', 'at', '1760000003000', 'seq', n, 'call', n)
end
"""


def cpu_s(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


class Bench:
    """A Redis, and what the producer and the engine leave there."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.redis = RedisServer()
        self._key = os.urandom(32)
        self._key_file = directory / "secrets.key"
        self._key_file.write_text(base64.b64encode(self._key).decode() + "\n")
        self._record = contact_record(15550001000, "crm-7", "Ada")

    def __enter__(self) -> Bench:
        self.redis.start()
        self.db = self.redis.client()
        self.scripts = Scripts(self.db)
        self._write = self.db.register_script(WRITE)
        return self

    def __exit__(self, *error: object) -> None:
        self.redis.stop()

    def batch(self, batch: str, tenant: str, url: str) -> None:
        endpoint = hooks.endpoint_id(tenant, url)
        secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
        hooks.make_endpoint(self.scripts, tenant, url, seal(self._key, f"endpoint/{endpoint}", secret))
        hooks.write_batch(self.scripts, batch, tenant, url, on_event="", on_call_attempt="")
        self.db.hdel(self.scripts.key(f"batch:{batch}"), "on_event", "on_call_attempt")

    def events(self, batch: str, tenant: str, first: int, count: int) -> None:
        for at in range(first, first + count, 2000):
            n = min(2000, first + count - at)
            self._write(args=[self.scripts.prefix, hooks.event_shard(tenant), batch, tenant, at, n, self._record])

    def notifier(self, *args: str) -> Process:
        common = (*self.redis.flags("carillon-notifier"), "--secrets-key-file", str(self._key_file), "--listen", "127.0.0.1:0")
        return Process("carillon-notifier", *common, "--allow-private-webhooks", "127.0.0.0/8", "--log-level", "error", *args)

    @contextlib.contextmanager
    def receiver(self, *args: str) -> Iterator[Process]:
        """With no argument a healthy one, whose requests came() tells."""
        sink = self.directory / f"sink{len(list(self.directory.glob('sink*')))}"
        sink.touch()
        process = Process(sys.executable, str(RECEIVER), "0", *(args if "--silent" in args else (str(sink), *args)))
        process.sink = sink  # type: ignore[attr-defined]
        process.start()
        try:
            yield process
        finally:
            process.stop()


def came(receiver: Process) -> dict[str, float]:
    """When each event came first; asked after the receiver's end."""
    first: dict[str, float] = {}
    for line in receiver.sink.read_text(encoding="ascii").splitlines():  # type: ignore[attr-defined]
        identity, at = line.split(" ")
        first.setdefault(identity, float(at))
    return first


def percentile(values: list[float], percent: int) -> float:
    return sorted(values)[percent * (len(values) - 1) // 100]


def wait_for(process: Process, line: str, count: float, deadline_s: float) -> None:
    end = time.monotonic() + deadline_s
    while metric(process, line) < count:
        assert time.monotonic() < end, f"{line}: {metric(process, line)} of {count} after {deadline_s} s"
        time.sleep(0.05)


# ---- what a delivery costs ----


def cost(directory: pathlib.Path, deliveries: int, scheme: str) -> dict[str, Any]:
    authority = Authority(directory)
    certificate: Certificate = authority.issue("receiver", ",".join(f"DNS:h{n}.bench.test" for n in range(ENDPOINTS)))
    tls = (str(certificate.file), str(certificate.key)) if scheme == "https" else ()
    with Bench(directory) as bench, DnsServer() as dns, bench.receiver(*tls) as receiver:
        for n in range(ENDPOINTS):
            dns.names[f"h{n}.bench.test"] = Name([f"127.0.1.{n + 1}"])
            bench.batch(f"batch_c0_{n}", f"tenant{n}", f"{scheme}://h{n}.bench.test:{receiver.port}/hook")
        each = deliveries // ENDPOINTS
        for first in range(0, each, 10):  # as they would come: of all tenants, in turn
            for n in range(ENDPOINTS):
                bench.events(f"batch_c0_{n}", f"tenant{n}", first, min(10, each - first))
        with bench.notifier("--dns-server", dns.address, "--ca-file", str(authority.file)) as notifier:
            began, at_start = time.monotonic(), {"notifier": cpu_s(notifier.pid), "redis": cpu_s(bench.redis.pid), "receiver": cpu_s(receiver.pid)}
            wait_for(notifier, DELIVERED, each * ENDPOINTS, 600)
            took = time.monotonic() - began
            used = {"notifier": cpu_s(notifier.pid), "redis": cpu_s(bench.redis.pid), "receiver": cpu_s(receiver.pid)}
            reused = metric(notifier, "carillon_webhook_connections_reused_total")
    count = each * ENDPOINTS
    return {
        "us_per_delivery": round(1e6 * (used["notifier"] - at_start["notifier"]) / count, 1),
        "per_s": round(count / took, 1),
        "reused": round(reused / count, 4),
        "cpu_s": {name: round(used[name] - at_start[name], 2) for name in used},
    }


# ---- beside black holes ----


def beside_black_holes(directory: pathlib.Path, seconds: int, pairs: int) -> dict[str, Any]:
    with Bench(directory) as bench, DnsServer() as dns, bench.receiver("--silent") as hole, bench.receiver() as receiver:
        urls = {}
        for n in range(pairs):
            dns.names[f"h{n}.bench.test"] = Name([f"127.0.{1 + n // 200}.{1 + n % 200}"])
            urls[f"well{n}"] = f"http://h{n}.bench.test:{receiver.port}/hook"
            is_dns = n % 2 == 0
            dns.names[f"hole{n}.bench.test"] = Name(is_silent=True) if is_dns else Name([f"127.0.{11 + n // 200}.{1 + n % 200}"])
            urls[f"hole{n}"] = f"http://hole{n}.bench.test:{hole.port}/hook"
        for name, url in urls.items():
            bench.batch(f"batch_c0_{name}", name, url)
        for n in range(pairs):
            bench.events(f"batch_c0_hole{n}", f"hole{n}", 0, 20)
        written: dict[str, float] = {}
        queued = pairs * 20
        with bench.notifier("--dns-server", dns.address) as notifier:
            wait_for(notifier, QUEUED, queued, 60)  # from here on the black holes are at work
            before, redis_before = cpu_s(notifier.pid), cpu_s(bench.redis.pid)
            began = time.perf_counter()
            for i in range(seconds * pairs):
                due = began + i / pairs
                if (ahead := due - time.perf_counter()) > 0:
                    time.sleep(ahead)
                n, ordinal = i % pairs, i // pairs
                # It is written a moment after this instant: what is measured is never too short.
                written[hooks.event_id(f"batch_c0_well{n}", "call.completed", ordinal)] = time.time()
                bench.events(f"batch_c0_well{n}", f"well{n}", ordinal, 1)
                bench.db.publish(bench.scripts.key("wake:events"), "events")
                if ordinal % 5 == 0:
                    bench.events(f"batch_c0_hole{n}", f"hole{n}", 20 + ordinal, 1)
            wait_for(notifier, DELIVERED, len(written), 60)
            used = {"notifier": round(cpu_s(notifier.pid) - before, 2), "redis": round(cpu_s(bench.redis.pid) - redis_before, 2)}
            slow = metric(notifier, "carillon_webhook_slow_in_flight")
            notifier.kill()  # in order it would wait for the black holes
    arrived = came(receiver)
    assert set(arrived) == set(written), f"{len(arrived)} of {len(written)} came"
    in_order = [1000 * (arrived[event] - at) for event, at in written.items()]
    by_second = [round(percentile(in_order[at : at + pairs], 99), 1) for at in range(0, len(in_order), pairs)]
    took = sorted(in_order)
    return {
        "healthy_p50_ms": round(percentile(took, 50), 2),
        "healthy_p99_ms": round(percentile(took, 99), 2),
        "p99_ms_by_second": by_second,
        "healthy_max_ms": round(took[-1], 2),
        "events": len(took),
        "slow_in_flight": slow,
        "cpu_s": used,
    }


# ---- memory ----


def peak_mib(directory: pathlib.Path, events: int) -> float:
    """The notifier's, over that many events for an endpoint where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Bench(directory) as bench:
        bench.batch("batch_c0_dead", "dead", f"http://127.0.0.1:{port}/hook")
        with bench.notifier() as notifier:
            for first in range(0, events, 20000):
                bench.events("batch_c0_dead", "dead", first, min(20000, events - first))
                bench.db.publish(bench.scripts.key("wake:events"), "events")
                wait_for(notifier, QUEUED, first, 600)
                if first >= 200_000:  # what the engine keeps of old calls is not what this is about
                    drop_old(bench, first - 200_000)
            wait_for(notifier, QUEUED, events, 600)
            return notifier.peak_kb() / 1024


def drop_old(bench: Bench, first: int) -> None:
    keys = [f"batch:batch_c0_dead:{what}:{bucket}" for what in ("state", "contacts", "texts") for bucket in range(first // 64, (first + 20000) // 64)]
    bench.db.unlink(*map(bench.scripts.key, keys))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--deliveries", type=int, default=40_000)
    parser.add_argument("--seconds", type=int, default=20, help="of events beside black holes")
    parser.add_argument("--pairs", type=int, default=500, help="healthy endpoints, and as many black holes")
    parser.add_argument("--events", type=int, default=1_000_000, help="for the dead endpoint")
    parser.add_argument("--out", default=str(ROOT / "build/bench/notifier.json"))
    args = parser.parse_args()
    runs = []
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as name:
        directory = pathlib.Path(name)
        for _ in range(args.runs):
            plain, tls = cost(directory, args.deliveries, "http"), cost(directory, args.deliveries, "https")
            holes = beside_black_holes(directory, args.seconds, args.pairs)
            runs.append({
                "healthy_p99_ms": holes["healthy_p99_ms"],
                **{f"plain_{figure}": plain[figure] for figure in ("us_per_delivery", "per_s")},
                **{f"tls_{figure}": tls[figure] for figure in ("us_per_delivery", "per_s")},
                "load": os.getloadavg()[0], "plain": plain, "tls": tls, "holes": holes,
            })  # fmt: skip
            print(json.dumps(runs[-1]), flush=True)
        small, large = peak_mib(directory, args.events // 10), peak_mib(directory, args.events)
    names = ("healthy_p99_ms", "plain_us_per_delivery", "tls_us_per_delivery", "plain_per_s", "tls_per_s")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    result = {
        **{name: statistics.median(run[name] for run in runs) for name in names},
        "peak_mib": round(large, 1), "peak_mib_tenth": round(small, 1), "peak_ratio": round(large / small, 3),
        "events": args.events, "commit": commit, "runs": runs, "targets": TARGETS,
    }  # fmt: skip
    out = pathlib.Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    missed = [name for name, most in TARGETS.items() if result[name] > most]
    print(f"{out}: " + ", ".join(f"{name} {result[name]}" for name in (*names, "peak_mib", "peak_ratio")) + (f"; over target: {missed}" if missed else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
