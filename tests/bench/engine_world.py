# SPDX-License-Identifier: Apache-2.0
"""What the engine's benches share: a cell with its tenants and batches written by the real scripts, the shipped worker
with a platform that takes no time (tests/bench/engine/), and a recount of all that it left in Redis.

    with World(Shape(tenants=1000, batches=1, contacts=450, cps=30)) as world:
        window = world.run(warm_s=3, seconds=10)
        counted = world.recount()
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import os
import pathlib
import re
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tests.bench.figures import settings
from tests.support.engine import Engine, contact_record, most_in_a_second, part
from tests.support.processes import Process, build_directory, run
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.sealing import seal
from tests.support.waiting import wait_until

UNLIMITED = 100_000  # calls a second: the most that a trunk, a tenant or a batch can be set to
INGEST_PART, BUCKET, SAMPLE_S = 256, 64, 0.25
PLAIN_METADATA = b'{"city":"City%06d","plan":"Plan%06d"}'


@dataclasses.dataclass(frozen=True)
class Shape:
    tenants: int
    batches: int  # of each tenant
    contacts: int  # of each batch
    cps: int = UNLIMITED  # of each batch


@dataclasses.dataclass(frozen=True)
class Window:
    """What was measured between two samples, in Redis's time."""

    from_us: int
    to_us: int
    finished: int
    redis_core: float  # seconds of its main thread's CPU, a second
    redis_cores: float  # the same of the whole process, with its threads
    worker_core: float
    commands: dict[str, int]  # by name, those inside scripts too
    command_us: dict[str, int]

    @property
    def seconds(self) -> float:
        return (self.to_us - self.from_us) / 1e6


@dataclasses.dataclass(frozen=True)
class Recount:
    begins_us: list[int]
    most_in_a_second: int  # of one batch
    finished: int


def cpu_s(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def record(number: int) -> bytes:
    metadata = PLAIN_METADATA % (number % 1000000, number * 31 % 1000000)
    return contact_record(number, name=f"Contact {number % 10**12:012d}") + b"\x3a" + bytes([len(metadata)]) + metadata


@functools.cache
def ingest_part(first: int, count: int) -> list[Any]:
    """The arguments of a batch_ingest: made once for all shapes and runs."""
    return part([(record(phone(number)), "", "") for number in range(first, first + count)])


def phone(i: int) -> int:
    """Numbers far apart from each other, in no order."""
    return 12_000_000_000 + i * 7919 % 7_999_999_993


class World:
    def __init__(self, shape: Shape, program: str = "carillon-worker-instant") -> None:
        self.shape = shape
        self._directory = tempfile.TemporaryDirectory(prefix="carillon-bench-")
        self.server = RedisServer(args=tuple(settings()), users=Users.for_tests(), appendonly=True)
        self.batches: list[str] = []
        self._program = program
        self._worker: Process | None = None
        self._began: dict[str, float] = {}

    def __enter__(self) -> World:
        self.server.start()
        try:
            self.client = self.server.client(socket_timeout=60.0)
            self.engine = Engine(self.client)
            self._load()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._worker and kind is not None:
            self._worker.print_log_tail()
        self.close()

    def close(self) -> None:
        if self._worker and self._worker.is_running():
            self._worker.kill()
        if self._worker:
            self._worker.stop()
        self.server.stop()
        self._directory.cleanup()

    # ---- what is to be dialed ----

    def _load(self) -> None:
        key = os.urandom(32)
        self._key_file = pathlib.Path(self._directory.name) / "secrets.key"
        self._key_file.write_text(base64.b64encode(key).decode() + "\n")
        self.engine.trunk("main", cps=UNLIMITED, profile="retell", base_url="http://127.0.0.1:9", caller_ids='["+15550009999"]',
                          credential=seal(key, "trunk/main", "key"), poll_after_ms=60_000)  # fmt: skip
        for tenant in range(self.shape.tenants):
            name = f"tenant{tenant:04d}"
            self.engine.tenant(name, cps=UNLIMITED)
            for batch in range(self.shape.batches):
                self._batch(name)

    def _batch(self, tenant: str) -> None:
        first_of_all = len(self.batches) * self.shape.contacts
        batch = f"batch_c0_{len(self.batches):020d}"
        self.batches.append(batch)
        scripts, contacts = self.engine.scripts, self.shape.contacts
        options = {
            "agent_id": "agent_1", "cps": self.shape.cps, "interval_us": -(-1_005_000 // self.shape.cps), "priority": 5,
            "max_attempts": 3, "ring_s": 30, "talk_s": 1800, "summary_wait_ms": 120_000, "seen_shards": contacts // 192 + 1,
            "on_call_complete": "http://127.0.0.1/call", "on_batch_complete": "http://127.0.0.1/batch",
        }  # fmt: skip
        pipe = self.client.pipeline(transaction=False)
        scripts.queue(pipe, "batch_create", batch, tenant, "main", 60_000, *(word for pair in options.items() for word in pair))
        for number, first in enumerate(range(0, contacts, INGEST_PART)):
            arguments = ingest_part(first_of_all + first, min(INGEST_PART, contacts - first))
            scripts.queue(pipe, "batch_ingest", batch, f"0.{number}", f"digest{number}", *arguments)
        scripts.queue(pipe, "batch_seal", batch, contacts)
        state, total = pipe.execute()[-1]
        assert (state, int(total)) == (b"pending", contacts), (batch, state, total)

    # ---- the run ----

    def start_worker(self) -> Process:
        self._worker = Process(
            str(build_directory() / "tests" / self._program), *self.server.flags("carillon-worker"),
            *("--secrets-key-file", str(self._key_file), "--listen", "127.0.0.1:0", "--log-level", "warn"),
        )  # fmt: skip
        return self._worker.start()

    def run(self, warm_s: float, seconds: float) -> Window:
        """Starts a worker, and measures from `warm_s` after the first call's end for `seconds`, or until little is left;
        then the cell is stopped, what is on the line comes to its end, and the worker drains."""
        worker = self.start_worker()
        wait_until(lambda: self._finished() > 0, 30.0, "a call has ended")
        time.sleep(warm_s)
        total = self.shape.tenants * self.shape.batches * self.shape.contacts
        first = self._sample(worker)
        while True:
            time.sleep(SAMPLE_S)
            if self.client.time()[0] * 1e6 - first["us"] >= seconds * 1e6 or self._finished() > total * 0.95:
                break
        last = self._sample(worker)
        self.metrics = self._metrics(worker.url)
        self.worker_peak_mib = worker.peak_kb() / 1024
        self.engine.scripts.run("cell_stop", "stop")
        wait_until(lambda: self._on_the_way() == 0, 30.0, "all that was begun has ended")
        worker.terminate()
        window = self._window(first, last)
        assert window.seconds > min(seconds, 1.0) / 2, f"all was dialed before there was anything to measure: {window}"
        return window

    def _on_the_way(self) -> int:
        return sum(int(self.client.zcard(self.engine.key(name))) for name in ("claimed", "live", "ended"))

    def _finished(self) -> int:
        """By the events: whoever is told of a call is told at its end."""
        pipe = self.client.pipeline(transaction=False)
        for shard in range(16):
            pipe.xlen(self.engine.key(f"events:{shard}"))
        return int(sum(pipe.execute()))

    def _sample(self, worker: Process) -> dict[str, Any]:
        pipe = self.client.pipeline(transaction=False)
        pipe.time()
        for section in ("cpu", "commandstats"):
            pipe.info(section)
        for shard in range(16):
            pipe.xlen(self.engine.key(f"events:{shard}"))
        at, cpu, commands, *events = pipe.execute()
        return {"us": at[0] * 1_000_000 + at[1], "cpu": cpu, "commands": commands, "finished": sum(events), "worker": cpu_s(worker.pid)}

    @staticmethod
    def _window(first: dict[str, Any], last: dict[str, Any]) -> Window:
        def cpu(sample: dict[str, Any], of: str) -> float:
            return float(sample["cpu"][f"used_cpu_user{of}"] + sample["cpu"][f"used_cpu_sys{of}"])

        def difference(field: str) -> dict[str, int]:
            counts = {name.removeprefix("cmdstat_"): int(stats[field]) - int(first["commands"].get(name, {field: 0})[field])
                      for name, stats in last["commands"].items()}  # fmt: skip
            return {name: n for name, n in sorted(counts.items(), key=lambda pair: -pair[1]) if n > 0}

        seconds = (last["us"] - first["us"]) / 1e6
        return Window(
            from_us=first["us"], to_us=last["us"], finished=last["finished"] - first["finished"],
            redis_core=(cpu(last, "_main_thread") - cpu(first, "_main_thread")) / seconds,
            redis_cores=(cpu(last, "") - cpu(first, "")) / seconds, worker_core=(last["worker"] - first["worker"]) / seconds,
            commands=difference("calls"), command_us=difference("usec"),
        )  # fmt: skip

    @staticmethod
    def _metrics(url: str) -> dict[str, float]:
        with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        found = (re.fullmatch(r"(carillon_[^ ]+) ([0-9.e+]+)", line) for line in lines)
        return {match[1]: float(match[2]) for match in found if match and float(match[2]) and "_bucket" not in match[1]}

    # ---- what it left ----

    def _buckets(self, what: str, batches: Iterable[str]) -> Iterator[tuple[str, dict[bytes, bytes]]]:
        count = -(-self.shape.contacts // BUCKET)
        for batch in batches:
            pipe = self.client.pipeline(transaction=False)
            for bucket in range(count):
                pipe.hgetall(self.engine.key(f"batch:{batch}:{what}:{bucket}"))
            for fields in pipe.execute():
                yield batch, fields

    def _contacts(self, batch: str) -> int:
        pipe = self.client.pipeline(transaction=False)
        for bucket in range(-(-self.shape.contacts // BUCKET)):
            pipe.hlen(self.engine.key(f"batch:{batch}:contacts:{bucket}"))
        return int(sum(pipe.execute()))

    def recount(self) -> Recount:
        """Everything counted again from the records, by other means than the scripts': an AssertionError says what does not
        add up."""
        assert self.server.denials() == []
        audit = run("carillon", "audit", *self.server.flags("carillon-inspector"), deadline_s=300.0)
        assert audit.returncode == 0, audit.stdout + audit.stderr
        for batch in self.batches:
            assert self._contacts(batch) == self.shape.contacts, f"{batch} holds {self._contacts(batch)} contacts"
        finals, attempts = self._recount_states()
        begins = self._recount_attempts(finals, attempts)
        self._recount_events(finals)
        told = sum(len(calls) for calls in finals.values())
        settled = self.metrics.get('carillon_attempt_outcomes_total{outcome="COMPLETED"}', 0.0)
        assert settled <= told, f"the worker counted {settled} calls, Redis holds {told}"
        ordered = sorted(instant for instants in begins.values() for instant in instants)
        return Recount(ordered, max(most_in_a_second(instants) for instants in begins.values() if instants), told)

    def _recount_states(self) -> tuple[dict[str, set[int]], Counter[str]]:
        phases: dict[str, Counter[str]] = {batch: Counter() for batch in self.batches}
        finals: dict[str, set[int]] = {batch: set() for batch in self.batches}
        attempts: Counter[str] = Counter()
        for batch, fields in self._buckets("state", self.batches):
            for ordinal, text in fields.items():
                state = dict(word.split(b"=", 1) for word in text.split(b" "))
                phases[batch][state[b"phase"].decode()] += 1
                attempts[batch] += int(state[b"a"])
                if state[b"phase"] == b"final":
                    assert state[b"x"] == b"COMPLETED" and state[b"u"] == b"1" and state[b"p"].startswith(b"call_"), (batch, text)
                    finals[batch].add(int(ordinal))
        for batch in self.batches:
            counters, found = self.engine.counters(batch), phases[batch]
            untouched = self.shape.contacts - sum(found.values())
            wanted = {"total": self.shape.contacts, "due": found["due"] + untouched, "claimed": found["claimed"], "live": found["live"],
                      "ended": found["ended"], "succeeded": found["final"], "failed": 0, "attempts": attempts[batch]}  # fmt: skip
            assert {name: counters[name] for name in wanted} == wanted, (batch, counters, wanted)
            assert found["claimed"] == found["live"] == found["ended"] == 0, f"{batch}: the worker drained and left {found}"
        return finals, attempts

    def _recount_attempts(self, finals: dict[str, set[int]], attempts: Counter[str]) -> dict[str, list[int]]:
        begins: dict[str, list[int]] = {batch: [] for batch in self.batches}
        ends: Counter[str] = Counter()
        given_back: Counter[str] = Counter()  # begun, and not sent: too late
        for batch, fields in self._buckets("attempts", self.batches):
            for text in fields.values():
                begins[batch] += [int(instant) for instant in re.findall(rb" b=(\d+)", text)]
                ends[batch] += text.count(b" o=COMPLETED ")
                given_back[batch] += text.count(b" v=NOT_SENT ")
        for batch in self.batches:
            charged = attempts[batch] + given_back[batch]
            assert len(begins[batch]) == charged, f"{batch}: {len(begins[batch])} begins are logged, {charged} charged"
            assert ends[batch] == len(finals[batch]), f"{batch}: {ends[batch]} ends are logged, {len(finals[batch])} calls are final"
        return begins

    def _recount_events(self, finals: dict[str, set[int]]) -> None:
        told: dict[str, set[int]] = {batch: set() for batch in self.batches}
        seqs: Counter[str] = Counter()
        for shard in range(16):
            for event in self._events(self.engine.key(f"events:{shard}")):
                batch = event[b"batch"].decode()
                seqs[batch] += 1
                assert int(event[b"seq"]) == seqs[batch], f"{batch}: event {event} is its {seqs[batch]}th"
                if event[b"type"] == b"call.completed":
                    assert int(event[b"call"]) not in told[batch], f"{batch}-{event[b'call']!r} is told twice"
                    told[batch].add(int(event[b"call"]))
        for batch in self.batches:
            assert told[batch] == finals[batch], f"{batch}: told and final differ by {told[batch] ^ finals[batch]}"

    def _events(self, stream: str) -> Iterator[dict[bytes, bytes]]:
        last = "-"
        while entries := self.client.xrange(stream, last, "+", count=5000):
            yield from (fields for _, fields in entries)
            last = "(" + entries[-1][0].decode()


def starts_per_s(recount: Recount, window: Window) -> float:
    """Begins reserved inside the window: instants of the attempt log, in Redis's time."""
    return sum(window.from_us <= instant < window.to_us for instant in recount.begins_us) / window.seconds


def describe(world: World, window: Window, recount: Recount) -> dict[str, Any]:
    """For the JSON: where the time went."""
    return {
        "shape": dataclasses.asdict(world.shape), "seconds": round(window.seconds, 2), "finished": window.finished,
        "redis_core": round(window.redis_core, 3), "redis_all_cores": round(window.redis_cores, 3),
        "worker_core": round(window.worker_core, 3), "worker_peak_mib": round(world.worker_peak_mib, 1),
        "begun": len(recount.begins_us), "most_begins_of_a_batch_in_1s": recount.most_in_a_second,
        "commands_per_call": {name: round(n / window.finished, 4) for name, n in window.commands.items() if n / window.finished > 0.001},
        "command_us_per_call": {name: round(n / window.finished, 3) for name, n in window.command_us.items()
                                if n / window.finished > 0.01},
        "worker_metrics": world.metrics,
    }  # fmt: skip
