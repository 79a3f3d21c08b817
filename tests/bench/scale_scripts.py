# SPDX-License-Identifier: Apache-2.0
"""How long each script takes in a cell as it stands, and how many commands it runs within. Each is given as much at once as
a process ever gives it. Redis tells both itself: INFO commandstats is asked before and behind each run, on a connection of
its own, so that what is taken is the time inside the script, with nobody else at work on that Redis. Beside it stands the
time that Redis's thread was on a core meanwhile, which other programs of a busy machine do not lengthen."""

from __future__ import annotations

import contextlib
import functools
import itertools
import pathlib
import random
import re
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from tests.bench.scale_cell import PART, Cell
from tests.bench.scale_fleet import cpu_ns
from tests.support.engine import Engine, Slot, contact_record, part
from tests.support.redis_server import RedisServer
from tests.support.scripts import LUA, Scripts

ROOT = pathlib.Path(__file__).resolve().parents[2]
STAT = re.compile(rb"cmdstat_([^:]+):calls=(\d+),usec=(\d+)")
LIMITS = (ROOT / "common/base/limits.h").read_text(encoding="utf-8")
AUDIT = (ROOT / "producer/cli/cmd_audit.c").read_text(encoding="utf-8")


def number(text: str, pattern: str) -> int:
    found = re.search(pattern, text)
    assert found, pattern
    return int(found[1])


# How much a process gives a script at once.
CLAIM_CALLS, CLAIM_STEPS, BATCH_WORK, TICK_ITEMS, CHECKS = (
    number(LIMITS, rf"#define LIMIT_{name} (\d+)") for name in ("CLAIM_CALLS", "CLAIM_STEPS", "BATCH_WORK", "TICK_ITEMS", "CHECKS")
)
# Each of another batch, which is the most work.
CALLS, BEGIN_CALLS, ACCEPT_CALLS, FINISH_CALLS = (
    number(LIMITS, rf"#define LIMIT_{name}_WORK (\d+)") // (1 + BATCH_WORK) for name in ("SCRIPT", "BEGIN", "ACCEPT", "FINISH")
)
AUDIT_PIECE, AUDIT_BUCKETS = number(AUDIT, r"#define PIECE (\d+)"), number(AUDIT, r"#define BUCKETS (\d+)")


# How many items of its bound a script is given, by its arguments behind the cell's prefix; 0: it has none.
ITEMS: dict[str, Callable[[Sequence[Any]], int]] = {
    "call_claim": lambda args: int(args[2]),
    "call_begin": lambda args: (len(args) - 3) // 5,
    "call_accept": lambda args: len(args) // 6,
    "call_finish": lambda args: len(args) // 16,
    "call_release": lambda args: (len(args) - 1) // 3,
    "call_abort": lambda args: (len(args) - 1) // 7,
    "call_checks": lambda args: int(args[0]),
    "call_recheck": lambda args: len(args) // 8,
    "worker_tick": lambda args: int(args[1]),
    "batch_ingest": lambda args: int(args[3]),
    "batch_seal": lambda args: len(args) - 2,
    "batch_change": lambda args: len(str(args[4]).split()) + len(str(args[5]).split()),
    "batch_why": lambda args: 700,
    "batch_retries": lambda args: int(args[2]),
    "audit": lambda args: int(args[-1]) * (64 if args[0] == "calls" else 1) if str(args[-1]).isdigit() else 0,
}
BOUND = re.compile(r"^-- Bound .*?(\d+) commands(?:, and (\d+) for each)?", re.MULTILINE)


@functools.cache
def bound_of(script: str) -> tuple[int, int]:
    """The commands that a script may run, and those for each item, as it states at its top."""
    found = BOUND.search((LUA / f"{script}.lua").read_text(encoding="utf-8"))
    assert found, f"{script}.lua states no bound of its commands"
    return int(found[1]), int(found[2] or 0)


def most_commands(script: str, args: Sequence[Any]) -> int:
    each = bound_of(script)
    return each[0] + each[1] * (ITEMS[script](args) if each[1] else 0)


class Probe:
    """Redis's own account of what ran, on a connection of its own."""

    def __init__(self, server: RedisServer) -> None:
        self._pid = server.pid
        self._link = socket.socket(socket.AF_UNIX)
        self._link.connect(str(server.socket))
        self._replies = self._link.makefile("rb")

    def read(self) -> tuple[int, int, int]:
        """Time inside scripts (us), commands run but for scripts and the asking itself, time on a core (ns)."""
        on_core = cpu_ns(self._pid)
        self._link.sendall(b"INFO commandstats\r\n")
        text = self._replies.read(int(self._replies.readline()[1:]) + 2)
        inside, commands = 0, 0
        for name, calls, usec in STAT.findall(text):
            if name == b"evalsha":
                inside = int(usec)
            elif name != b"info":
                commands += int(calls)
        return inside, commands, on_core

    def close(self) -> None:
        self._replies.close()
        self._link.close()


class Samples:
    """One script's runs, or those with one sort of arguments."""

    def __init__(self) -> None:
        self.us: list[int] = []
        self.core_us: list[float] = []
        self.commands: list[int] = []
        self.bounds: list[int] = []  # of the commands

    def told(self) -> dict[str, Any]:
        def at(values: Iterable[float], share: float) -> float:
            ordered = sorted(values)
            return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

        shares = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "most": 1.0}
        return {
            "runs": len(self.us),
            "ms": {name: round(at(self.us, share) / 1000, 3) for name, share in shares.items()},
            "core_ms": {name: round(at(self.core_us, share) / 1000, 3) for name, share in shares.items()},
            "commands": {"p50": int(at(self.commands, 0.5)), "most": max(self.commands), "bound": max(self.bounds)},
            "histogram_us": self.histogram(),
        }

    def histogram(self) -> dict[str, int]:
        """How many runs took at most so long, by powers of two, and longer than half of it."""
        counts: dict[int, int] = defaultdict(int)
        for us in self.us:
            counts[1 << max(0, us - 1).bit_length()] += 1
        return {str(bound): counts[bound] for bound in sorted(counts)}


class TimedScripts(Scripts):
    """Scripts that are timed while `sort` says as what."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(server.client(socket_timeout=60.0))
        self.probe = Probe(server)
        self.samples: dict[str, Samples] = defaultdict(Samples)
        self.sort: str | None = None

    def run(self, name: str, *args: Any) -> Any:
        if self.sort is None:
            return super().run(name, *args)
        self._script(name)
        before = self.probe.read()
        reply = super().run(name, *args)
        on_core = cpu_ns(self.probe._pid)
        after = self.probe.read()
        samples = self.samples[self.sort or name]
        samples.us.append(after[0] - before[0])
        samples.commands.append(after[1] - before[1])
        samples.bounds.append(most_commands(name, args))
        samples.core_us.append((on_core - before[2]) / 1000)
        return reply


    @contextlib.contextmanager
    def timing(self, sort: str = "") -> Iterator[None]:
        """What runs meanwhile is sampled, under its own name where no other is given."""
        self.sort = sort
        try:
            yield
        finally:
            self.sort = None


Refs = list[Slot]


def part_arguments(batch: int, chunk: int) -> list[Any]:
    first = 3_000_000_000 + 2 * PART * batch + PART * chunk
    return part((contact_record(number, "", f"Contact {number:012d}"), "", "") for number in range(first, first + PART))


class Workload:
    """Every script that the fleet runs while calls are made, in a cell that is full of them."""

    def __init__(self, cell: Cell, runs: int, most: int = 1000) -> None:
        """`most`: items at once, where a process gives a script more."""
        self.cell = cell
        self.runs = runs
        self.claims, self.finishes, self.checked, self.ticked = (min(most, n) for n in (CLAIM_CALLS, FINISH_CALLS, CHECKS, TICK_ITEMS))
        self.grouped, self.begins, self.accepts = (min(most, n) for n in (CALLS, BEGIN_CALLS, ACCEPT_CALLS))
        self.pieces, self.buckets = min(most, AUDIT_PIECE), min(most, AUDIT_BUCKETS)
        self.scripts = TimedScripts(cell.server)
        self.engine = Engine(cell.engine.client, scripts=self.scripts)
        self.items: dict[str, list[int]] = defaultdict(list)  # how many calls were finished, script by script
        self.random = random.Random(1)
        self.order = self.random.sample(cell.batches, len(cell.batches))
        self._untouched = iter(self.order)
        self._spare: Refs = []

    def everything(self) -> None:
        for part_of_it in (self.calls, self.given_back, self.checks, self.ticks, self.creation, self.audit, self.control):
            part_of_it()

    def close(self) -> None:
        self.scripts.probe.close()

    def timed(self, name: str, *args: Any, sort: str = "") -> Any:
        with self.scripts.timing(sort):
            return self.scripts.run(name, *args)

    # ---- on the way of a call ----

    def claim(self) -> Refs:
        with self.scripts.timing():
            return self.engine.claim(calls=self.claims, steps=CLAIM_STEPS).slots

    def begin(self, slots: Refs) -> Refs:
        begun: Refs = []
        for first in range(0, len(slots), self.begins):
            group = slots[first : first + self.begins]
            with self.scripts.timing():
                answers = self.engine.begin(group)
            begun += [slot for slot, answer in zip(group, answers) if answer[0] == "begun"]
        return begun

    def accept(self, slots: Refs) -> None:
        check = self.engine.now_ms() + 60_000
        self.timed("call_accept", *(word for i, slot in enumerate(slots) for word in (*slot.ref, f"call_{i:030d}", check, 0)))

    def finish(self, slots: Refs) -> None:
        for first in range(0, len(slots), self.finishes):
            calls = []
            for i, slot in enumerate(slots[first : first + self.finishes]):
                how, outcome, next_in_ms = ("final", "COMPLETED", None) if i % 4 else ("retry", "NO_ANSWER", 3_600_000)
                if i % 8 == 1:
                    how = "ended"
                calls.append(self.engine.finish_args(slot, how, outcome, next_in_ms, summary="s" * 400, recording="r" * 80))
            with self.scripts.timing():
                self.engine.finish_many(calls)
            self.items["call_finish"].append(len(calls))

    def full_group(self, claim: Callable[[], Refs], most: int) -> Refs:
        """As many as go together in a script, of several claims."""
        while len(self._spare) < most and (claimed := claim()):
            self._spare += claimed
        group, self._spare = self._spare[:most], self._spare[most:]
        return group

    def claim_untimed(self) -> Refs:
        return self.engine.claim(calls=self.claims).slots

    def calls(self) -> None:
        for _ in range(self.runs):
            slots = self.full_group(self.claim, self.accepts)
            if slots:
                begun = self.begin(slots)
                self.accept(begun)
                self.finish(begun)

    def given_back(self) -> None:
        for _ in range(self.runs):
            released = self.full_group(self.claim_untimed, self.grouped)
            if released:
                with self.scripts.timing():
                    self.engine.release(released)
            slots = self.full_group(self.claim_untimed, self.grouped)
            if slots:
                begun = [slot for slot, answer in zip(slots, self.engine.begin(slots)) if answer[0] == "begun"]
                due = self.engine.now_ms()
                if begun:
                    self.timed("call_abort", "w1", *(word for slot in begun for word in (*slot.ref, "NOT_SENT", due, 0, "reset")))

    def checks(self) -> None:
        """Each run leases the checks of calls that are live, due at once, and tells of them."""
        while True:
            slots = self.claim_untimed()
            if not slots:
                break
            self.accept_untimed(self.engine.begin(slots) and slots)
            if self.engine.client.zcard(self.engine.key("live")) >= 4 * self.checked:
                break
        for _ in range(self.runs):
            rows = self._due_checks()
            soon = self.engine.now_ms() + 60_000
            told = [word for batch, ordinal, dial, *_ in rows for word in (batch, ordinal, dial, "seen", "call_1", soon, 60_000, soon)]
            if told:
                self.timed("call_recheck", *told)

    def _due_checks(self) -> list[list[bytes]]:
        self.make_due("live", self.checked)
        with self.scripts.timing():
            return self.engine.checks(self.checked)

    def make_due(self, name: str, most: int) -> None:
        """The first of the sorted set are due now."""
        key, client = self.engine.key(name), self.engine.client
        members = client.zrange(key, 0, most - 1)
        if members:
            client.zadd(key, dict.fromkeys(members, 1), xx=True)

    def accept_untimed(self, slots: Refs) -> None:
        check = self.engine.now_ms() + 60_000
        self.scripts.run("call_accept", *(word for i, slot in enumerate(slots) for word in (*slot.ref, f"call_{i}", check, 0)))

    # ---- what time brings about ----

    def tick(self, sort: str) -> None:
        self.timed("worker_tick", "w1", self.ticked, sort=f"worker_tick, {sort}")

    def ticks(self) -> None:
        """With nothing to do, and with as much of each kind as it takes at once."""
        key, client = self.engine.key, self.engine.client
        for _ in range(self.runs):
            self.tick("idle")
        for _ in range(self.runs):
            while client.zcard(key("claimed")) < self.ticked and self.claim_untimed():
                pass
            self.make_due("claimed", self.ticked)
            self.tick("expired claims")
        for _ in range(self.runs):
            if client.zcard(key("ended")) < self.ticked:
                self._end_calls()
            self.make_due("ended", self.ticked)
            self.tick("summaries given up")

    def _end_calls(self) -> None:
        """Hung up, their summaries awaited."""
        for _ in range(2):
            slots = self.claim_untimed()
            begun = [slot for slot, answer in zip(slots, self.engine.begin(slots)) if answer[0] == "begun"] if slots else []
            for first in range(0, len(begun), self.finishes):
                self.engine.finish_many([self.engine.finish_args(slot, "ended") for slot in begun[first : first + self.finishes]])

    # ---- what tenants and operators ask for ----

    def control(self) -> None:
        for batch, tenant in itertools.islice(self._untouched, self.runs):
            for verb in ("pause", "resume"):
                self.timed("batch_control", batch, tenant, verb, "user", sort=f"batch_control, {verb}")
            self.timed("batch_change", batch, tenant, 1, 0, "", "", "set", "cps", 12, "set", "interval_us", 83_750)
            self.timed("batch_why", batch, tenant)
            self.timed("batch_retries", batch, tenant, 60)
            self.timed("chunk_open", batch, tenant, "", "look", 60_000, "producer_1", 60_000, 0)
            self.timed("chunk_close", batch, tenant, "", "", 0, "", "producer_1")
            self.timed("batch_control", batch, tenant, "cancel", "in-flight", sort="batch_control, cancel")
        for _ in range(self.runs):
            self.tick("cut batches")

    def creation(self) -> None:
        for i in range(self.runs):
            batch, tenant = f"batch_c0_9{i:019d}", f"tenant{i % 2}"
            settings = ("cps", 10, "interval_us", 100_500, "priority", 5, "max_attempts", 3, "seen_shards", 1)
            self.timed("batch_create", batch, tenant, "trunk0", 600_000, *settings)
            for chunk in range(2):
                self.timed("batch_ingest", batch, chunk, f"{chunk:064d}", *part_arguments(i, chunk))
            self.timed("batch_seal", batch, 2 * PART, *(f"{tag:032x}" for tag in range(8)))

    # ---- the audit ----

    def audit(self) -> None:
        client, key = self.engine.client, self.engine.key
        for batch, _ in self.order[: self.runs]:
            self.look("batch", batch)
            self.look("calls", batch, self.random.randrange(max(1, self.cell.shape.each // 64 - self.buckets + 1)), self.buckets)
        for _ in range(max(1, self.runs // 4)):
            for i in range(min(4, self.cell.shape.trunks)):
                self.look("trunk", f"trunk{i}", 0, self.pieces)
                self.look("flying", "k", f"trunk{i}", 0, self.pieces)
            for piece in ("claimed", "live", "ended"):
                most = int(client.zcard(key(piece)))
                self.look(piece, self.random.randrange(max(1, most - self.pieces)), self.pieces)
            for i in range(4):
                self.look("tenant", f"tenant{i}", 0, self.pieces)

    def look(self, piece: str, *args: Any) -> None:
        reply = self.timed("audit", piece, *args, sort=f"audit, {piece}")
        assert len(reply) == 2, reply
