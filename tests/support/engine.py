# SPDX-License-Identifier: Apache-2.0
"""The engine's scripts spoken to from Python, and a small fleet that works a cell with them: what a worker does, without
the telephone. For tests of the scripts; the real worker is tested in tests/integration and tests/e2e.

    engine = Engine(server.client())
    engine.trunk("main", cps=50)
    engine.tenant("acme", cps=100)
    batch = engine.batch("acme", "main", contacts=100, cps=30)
    fleet = Fleet(engine, workers=3)
    fleet.run(seconds=3)
"""

from __future__ import annotations

import dataclasses
import hashlib
import heapq
import itertools
import pathlib
import random
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import redis

from tests.support.scripts import Scripts
from tests.support.waiting import wait_until

HORIZON_US = 200_000
LEASE_MS = 2_000
DOUBT_LEASE_MS = 35_000
CLOSED_MS = 14_000
LATE_MS = 250
BUSY_MS = 5000  # for so long the machine may have other things to do between a claim and its begin
POST_MS = 30_000
LIFE_MS = 150_000
DRAFT_LIFE_MS = 60_000
CLAIM_CALLS = 64
CLAIM_STEPS = 400
SCHEMA_H = pathlib.Path(__file__).resolve().parents[2] / "common/redis/schema.h"


def newest_schema(header: pathlib.Path) -> int:
    """That a version knows, by its common/redis/schema.h."""
    return int(re.findall(r"#define SCHEMA_NEWEST (\d+)", header.read_text(encoding="utf-8"))[0])


SCHEMA = newest_schema(SCHEMA_H)


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def contact_record(phone: int, contact_id: str = "", name: str = "") -> bytes:
    """A carillon.v1.Contact as protobuf-c packs it: phone = 1, id = 2, name = 3."""
    record = b"\x08" + varint(phone)
    for tag, text in ((0x12, contact_id), (0x1A, name)):
        if text:
            data = text.encode()
            record += bytes([tag]) + varint(len(data)) + data
    return record


def phone_of(record: bytes) -> int:
    """The number of a contact record: field 1, a varint."""
    assert record[0] == 0x08, record[:8]
    value, at = 0, 1
    while True:
        value |= (record[at] & 127) << (7 * (at - 1))
        if record[at] < 128:
            return value
        at += 1


def id_hash(contact_id: str) -> str:
    if not contact_id:
        return ""
    return str(int.from_bytes(hashlib.sha256(contact_id.encode()).digest()[:8], "big") >> 11)


def part(contacts: Iterable[tuple[bytes, str, str]], rejected: int = 0, lines: Iterable[str] = (), row: int = 1,
         columns: bytes = b"") -> list[Any]:  # fmt: skip
    """The arguments of batch_ingest behind the digest: contacts as record, hash of the id, extra metadata; `columns` that
    their records refer to."""
    listed = list(contacts)
    is_short = not any(hashed or extra for _, hashed, extra in listed)
    args = [item for contact in listed for item in (contact[:1] if is_short else contact)]
    return [len(listed), 1 if is_short else 3, f"{row}:{len(listed)}" if listed else "", rejected, columns, *args, *lines]


@dataclasses.dataclass(frozen=True)
class Slot:
    """A claimed call."""

    batch: str
    ordinal: int
    dial: int
    slot_us: int
    attempts: int
    record: bytes
    doubt: int = 0  # first dial that the platform has to be asked for; 0: none

    @property
    def ref(self) -> tuple[str, int, int]:
        return (self.batch, self.ordinal, self.dial)

    @property
    def member(self) -> str:
        return f"{self.batch}/{self.ordinal}/{self.dial}"


@dataclasses.dataclass(frozen=True)
class Claim:
    now_us: int
    next_ms: int | None
    more: bool
    slots: list[Slot]
    limit: str = ""
    lag_ms: int = 0


class Engine:
    """The scripts of one cell, with the arguments that the processes give them."""

    def __init__(self, client: redis.Redis, cell: str = "c0", scripts: Scripts | None = None) -> None:
        self.client = client
        self.cell = cell
        self.scripts = scripts or Scripts(client, cell)
        self.batch_fields: dict[str, Any] = {}  # of every batch that does not say otherwise
        self._requests = itertools.count(1)
        self._numbers = itertools.count(15550000001)
        self._batches = itertools.count(1)

    def key(self, rest: str) -> str:
        return self.scripts.key(rest)

    def hash(self, rest: str) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.client.hgetall(self.key(rest)).items()}

    def now_ms(self) -> int:
        seconds, micros = self.client.time()
        return seconds * 1000 + micros // 1000

    # ---- configuration ----

    def trunk(self, trunk: str, how: str = "put", **fields: Any) -> None:
        self._resource("k", trunk, how, {"cps": 1000, **fields} if how != "set" else fields)

    def tenant(self, tenant: str, how: str = "put", **fields: Any) -> None:
        self._resource("t", tenant, how, {"cps": 1000, **fields} if how != "set" else fields)

    def _resource(self, kind: str, name: str, how: str, fields: dict[str, Any]) -> None:
        flat = [item for pair in fields.items() for item in pair]
        self.scripts.run("resource_set", kind, name, how, *flat)

    # ---- batches ----

    def numbers(self, n: int) -> list[int]:
        return [next(self._numbers) for _ in range(n)]

    def batch(
        self,
        tenant: str,
        trunk: str,
        contacts: int | Iterable[int] = 1,
        *,
        seal: bool = True,
        start_in_ms: int | None = None,
        **fields: Any,
    ) -> str:
        """A batch of `contacts` (how many, or the numbers). Fields: cps, priority, max_concurrent, max_attempts, ..."""
        batch = f"batch_{self.cell}_{next(self._batches):020d}"  # as long as common/base/ident.c makes them
        cps = fields.pop("cps", 10)
        settings: dict[str, Any] = {
            "cps": cps,
            "interval_us": -(-1_005_000 // cps),
            "priority": 5,
            "max_attempts": 3,
            "ring_s": 30,
            "talk_s": 60,
            "summary_wait_ms": 1000,
            "seen_shards": 4,
            "on_call_complete": "http://127.0.0.1/call",
            "on_batch_complete": "http://127.0.0.1/batch",
            **self.batch_fields,
            **fields,
        }
        if start_in_ms is not None:
            settings["start_ms"] = self.now_ms() + start_in_ms
        flat = [item for pair in settings.items() if pair[1] is not None for item in pair]
        self.scripts.run("batch_create", batch, tenant, trunk, DRAFT_LIFE_MS, *flat)
        numbers = self.numbers(contacts) if isinstance(contacts, int) else list(contacts)
        total = 0
        for chunk, start in enumerate(range(0, len(numbers), 500), 1):
            total = self.ingest(batch, chunk, [(number, "") for number in numbers[start : start + 500]])[0]
        if seal:
            self.seal(batch, total)
        return batch

    def queue_batch(
        self, pipe: redis.client.Pipeline, batch: str, tenant: str, trunk: str, numbers: Sequence[int], cps: int = 10, **fields: Any
    ) -> None:
        """Puts the making of a batch of these contacts into a pipeline: for thousands of them."""
        settings = {"cps": cps, "interval_us": -(-1_005_000 // cps), "priority": 5, "max_attempts": 8, "ring_s": 30, "talk_s": 60,
                    "summary_wait_ms": 1000, "seen_shards": 1, **fields}  # fmt: skip
        queue = self.scripts.queue
        queue(pipe, "batch_create", batch, tenant, trunk, DRAFT_LIFE_MS, *(word for pair in settings.items() for word in pair))
        for chunk, first in enumerate(range(0, len(numbers), 500), 1):
            records = [(contact_record(number), "", "") for number in numbers[first : first + 500]]
            queue(pipe, "batch_ingest", batch, chunk, hashlib.sha256(f"{chunk}".encode()).hexdigest(), *part(records))
        queue(pipe, "batch_seal", batch, len(numbers))

    def ingest(self, batch: str, chunk: int | str, contacts: list[tuple[int, str]], digest: str | None = None) -> list[Any]:
        """Total after it, whether it was a repetition, then (index, why) of what was left out."""
        records = [(contact_record(number, contact_id), id_hash(contact_id), "") for number, contact_id in contacts]
        digest = digest or hashlib.sha256(repr(contacts).encode()).hexdigest()
        reply = self.scripts.run("batch_ingest", batch, chunk, digest, *part(records))
        left_out = [(int(reply[i]), reply[i + 1].decode()) for i in range(2, len(reply), 2)]
        return [int(reply[0]), int(reply[1]), left_out]

    def seal(self, batch: str, total: int, *tags: str) -> str:
        return self.scripts.run("batch_seal", batch, total, *(tag.encode().hex() for tag in tags))[0].decode()

    def append(self, batch: str, tenant: str, lease_ms: Any = 60_000, holder: str = "producer") -> str:
        """Takes the lease under which ingest() adds to a sealed batch. Answers the batch's state."""
        return self.scripts.run("chunk_open", batch, tenant, "", "look", DRAFT_LIFE_MS, holder, lease_ms, 0)[2].decode()

    def end_append(self, batch: str, tenant: str, holder: str = "producer") -> str:
        """Gives that lease back. Answers the batch's state."""
        assert self.scripts.run("chunk_close", batch, tenant, "", "", 0, "", holder) == [b"gone"]
        return self.hash(f"batch:{batch}")["state"]

    def control(self, batch: str, tenant: str, verb: str, *args: Any) -> tuple[str, int]:
        state, taken = self.scripts.run("batch_control", batch, tenant, verb, *args)[:2]
        return state.decode(), int(taken)

    def change(
        self, batch: str, tenant: str, revision: int = 1, /, *, is_of_schedule: bool = False, gets: tuple[str, ...] = (),
        loses: tuple[str, ...] = (), **fields: Any,
    ) -> tuple[str, str, int]:
        """Changes settings; None takes one away. cps brings its interval. Answers what came of it, state and revision."""
        if "cps" in fields:
            fields["interval_us"] = -(-1_005_000 // fields["cps"])
        flat = [word for name, value in fields.items() for word in (("drop", name, "") if value is None else ("set", name, value))]
        tags = [" ".join(tag.encode().hex() for tag in tags) for tags in (gets, loses)]
        reply = self.scripts.run("batch_change", batch, tenant, revision, int(is_of_schedule), *tags, *flat)
        return reply[0].decode(), reply[1].decode(), int(reply[2])

    def counters(self, batch: str) -> dict[str, int]:
        values = self.hash(f"batch:{batch}")
        names = ("total", "due", "claimed", "live", "ended", "succeeded", "failed", "attempts", "dials")
        return {name: int(values.get(name, 0)) for name in names}

    def state(self, batch: str, ordinal: int) -> dict[str, str]:
        text = self.client.hget(self.key(f"batch:{batch}:state:{ordinal // 64}"), str(ordinal))
        return dict(part.split("=", 1) for part in text.decode().split(" ")) if text else {}

    # ---- calls ----

    def claim(self, worker: str = "w1", calls: int = CLAIM_CALLS, steps: int = CLAIM_STEPS, request: str | None = None) -> Claim:
        request = request or f"r{next(self._requests)}"
        reply = self.scripts.run("call_claim", worker, request, calls, steps, HORIZON_US, LEASE_MS, DOUBT_LEASE_MS)
        slots = [
            Slot(row[0].decode(), int(row[1]), int(row[2]), int(row[3]), int(row[4]), row[5], int(row[6] or 0))
            for row in reply[5:]
            if len(row) > 3  # what was set aside is told in three words
        ]
        next_ms = int(reply[1]) if reply[1] else None
        return Claim(int(reply[0]), next_ms, reply[2] == 1, slots, reply[3].decode(), int(reply[4]))

    def begin(self, slots: Iterable[Slot], worker: str = "w1", life_ms: int = LIFE_MS, caller: str = "",
              late_ms: int = LATE_MS) -> list[tuple[str, ...]]:  # fmt: skip
        args = [item for slot in slots for item in (*slot.ref, life_ms, caller)]
        reply = self.scripts.run("call_begin", worker, late_ms, POST_MS, *args)
        return [tuple(item.decode() for item in row) for row in reply[1:]]

    def claim_one(self, worker: str = "w1", deadline_s: float = 10.0) -> Slot:
        """The next call, of whatever batch: a lane's pace may ask for a little patience."""
        return wait_until(lambda: self.claim(worker, calls=1).slots, deadline_s, "a call can be claimed")[0]

    def begin_one(self, worker: str = "w1") -> Slot:
        slot = self.claim_one(worker)
        assert self.begin([slot], worker, late_ms=BUSY_MS)[0][0] == "begun"
        return slot

    def begin_next(self, batch: str, worker: str = "w1", deadline_s: float = 10.0, caller: str = "") -> Slot:
        """The batch's next call, claimed and begun, however often that takes. Calls of other batches that come by are
        begun too."""

        def begun() -> list[Slot]:
            slots = self.claim(worker, calls=1).slots
            answers = self.begin(slots, worker, caller=caller) if slots else []
            return [slot for slot, answer in zip(slots, answers) if slot.batch == batch and answer[0] == "begun"]

        return wait_until(begun, deadline_s, f"a call of {batch} is begun")[0]

    def release(self, slots: Iterable[Slot], worker: str = "w1") -> list[str]:
        args = [item for slot in slots for item in slot.ref]
        return [item.decode() for item in self.scripts.run("call_release", worker, *args)]

    def accept(self, slot: Slot, provider_id: str = "p1", check_in_ms: int = 60_000, queue_ms: int = 0) -> str:
        reply = self.scripts.run("call_accept", *slot.ref, provider_id, self.now_ms() + check_in_ms, queue_ms)
        return reply[0].decode()

    def abort(
        self, slot: Slot, verdict: str = "NOT_SENT", due_in_ms: int = 0, hold_ms: int = 0, worker: str = "w1", reason: str = ""
    ) -> str:
        reply = self.scripts.run("call_abort", worker, *slot.ref, verdict, self.now_ms() + due_in_ms, hold_ms, reason)
        return reply[0].decode()

    def finish(
        self,
        slot: Slot,
        how: str = "final",
        outcome: str = "COMPLETED",
        next_in_ms: int | None = None,
        attempts: int | None = None,
        **texts: str,
    ) -> str:
        """`attempts`: what the decision saw; the slot's own count plus the begun one where not given."""
        return self.finish_many([self.finish_args(slot, how, outcome, next_in_ms, attempts, **texts)])[0]

    def finish_args(
        self,
        slot: Slot,
        how: str = "final",
        outcome: str = "COMPLETED",
        next_in_ms: int | None = None,
        attempts: int | None = None,
        **texts: str,
    ) -> list[Any]:
        now = self.now_ms()
        return [
            *slot.ref,
            slot.attempts + 1 if attempts is None else attempts,
            how,
            outcome,
            "" if next_in_ms is None else now + next_in_ms,
            "",
            now,
            texts.get("duration", "1"),
            texts.get("provider_id", "p1"),
            texts.get("success", ""),
            texts.get("reason", "user_hangup"),
            texts.get("recording", ""),
            texts.get("summary", ""),
            texts.get("source", "callback"),
        ]

    def finish_many(self, calls: list[list[Any]]) -> list[str]:
        flat = [item for call in calls for item in call]
        return [item.decode() for item in self.scripts.run("call_finish", *flat)[: len(calls)]]

    def tick(self, worker: str = "w1", items: int = 100) -> dict[str, Any]:
        reply = self.scripts.run("worker_tick", worker, items)
        names = ("reclaimed", "summaries", "cut", "lost", "expired")
        return {
            "next_ms": int(reply[1]) if reply[1] else None,
            "next_check_ms": int(reply[2]) if reply[2] else None,
            "more": reply[3] == 1,
            **dict(zip(names, (int(value) for value in reply[4:9]))),
            "epoch": int(reply[10]),
            "closed_until_ms": int(reply[11]) if reply[11] else None,
        }

    def hours_wanted(self, worker: str = "w1") -> list[tuple[str, ...]]:
        """The batches that a tick hands out to have more of their window published: (batch, window, expiry ms)."""
        return [tuple(item.decode() for item in row) for row in self.scripts.run("worker_tick", worker, 100)[9]]

    def open(self, run_id: str, schema: int = SCHEMA, close_for_ms: int = CLOSED_MS, oldest: int = 0, presence: str = "") -> bytes:
        """A process makes the acquaintance of the cell. `oldest`: of the schemas it knows, where it knows more than one;
        `presence`: who stays."""
        return self.scripts.run("cell_open", oldest or schema, schema, run_id, close_for_ms, presence)

    def close(self, seen_ms: int, close_for_ms: int = CLOSED_MS) -> tuple[int, int | None]:
        """A worker saw Redis's clock step forward after `seen_ms`: epoch, and until when the cell is closed."""
        epoch, until, _ = self.scripts.run("cell_close", seen_ms, close_for_ms)
        return int(epoch), int(until) if until else None

    def doubt(self, slot: Slot, what: str, due_in_ms: int = 0, worker: str = "w1") -> str:
        return self.scripts.run("call_doubt", worker, *slot.ref, what, self.now_ms() + due_in_ms)[0].decode()

    def reassert_args(
        self, slot: Slot, *, dial: int = 0, attempt: int = 0, begin_ago_ms: int = 1000, provider_id: str = "p1",
        caller: str = "",
    ) -> list[Any]:
        """A dial as its worker tells it again; the slot's own dial and attempt where not given."""
        begin_ms = self.now_ms() - begin_ago_ms
        phone = str(phone_of(slot.record))
        facts = [dial or slot.dial, attempt or slot.attempts + 1, begin_ms, begin_ms + LIFE_MS, begin_ms + POST_MS]
        return [slot.batch, slot.ordinal, *facts, phone, provider_id, caller]

    def reassert(self, slots: Iterable[Slot], worker: str = "w1", **facts: Any) -> list[str]:
        args = [item for slot in slots for item in self.reassert_args(slot, **facts)]
        return [item.decode() for item in self.scripts.run("cell_reassert", worker, *args)]

    def checks(self, calls: int = 32, lease_ms: int = 10_000) -> list[list[bytes]]:
        return self.scripts.run("call_checks", calls, lease_ms)[2:]

    def recheck(self, slot: Slot, what: str, provider_id: str = "", check_in_ms: int = 0, absent_after_ms: int = 1000,
                asked_ago_ms: int = 0, hold_ms: int = 0) -> str:  # fmt: skip
        now = self.now_ms()
        wait_ms = hold_ms if what == "doubt" else absent_after_ms
        reply = self.scripts.run(
            "call_recheck", *slot.ref, what, provider_id, now + check_in_ms, wait_ms, now - asked_ago_ms
        )
        return reply[0].decode()

    def events(self, tenant: str | None = None) -> list[dict[str, str]]:
        """Every event of the cell, in the order of their streams."""
        found = []
        for shard in range(16):
            for _, fields in self.client.xrange(self.key(f"events:{shard}")):
                event = {name.decode(): value.decode() for name, value in fields.items()}
                if tenant is None or event["tenant"] == tenant:
                    found.append(event)
        return found


@dataclasses.dataclass
class Begin:
    """One begun call, in Redis time."""

    batch: str
    ordinal: int
    begin_us: int
    slot_us: int
    attempt: int


Stall = Callable[[random.Random], float]


class Fleet:
    """Workers in one thread on one connection: each claims when its timer says so, begins what is due in groups, and ends
    calls after `talk_s`, which a call may have of its own. `stall` gives seconds a worker stands still before it acts, for
    injected stalls."""

    def __init__(
        self,
        engine: Engine,
        workers: int = 3,
        talk_s: float | Callable[[Begin], float] = 0.0,
        stall: Stall | None = None,
        outcome: Callable[[Begin], tuple[str, str, int | None]] = lambda begin: ("final", "COMPLETED", None),
        seed: int = 1,
    ) -> None:
        self.engine = engine
        self.names = [f"w{i + 1}" for i in range(workers)]
        self.talk_s = talk_s
        self.stall = stall
        self.outcome = outcome
        self.random = random.Random(seed)
        self.begins: list[Begin] = []
        self.released: dict[str, int] = defaultdict(int)
        self.turned_away: list[tuple[Slot, str]] = []  # each of those, and why
        self._claim_at = {name: 0.0 for name in self.names}
        self._free_at = {name: 0.0 for name in self.names}
        self._tick_at = 0.0
        self._slots: list[tuple[float, int, str, Slot]] = []
        self._talks: list[tuple[float, int, Slot, Begin]] = []
        self._order = itertools.count()
        self._epoch = time.monotonic()

    def _now(self) -> float:
        return time.monotonic() - self._epoch

    def wake(self) -> None:
        """What a published wake hint does: every worker claims now."""
        self._claim_at = {name: 0.0 for name in self.names}

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> None:
        end = self._now() + seconds
        while self._now() < end and not (until and until()):
            self._turn()

    def _turn(self) -> None:
        now = self._now()
        if now >= self._tick_at:
            self.engine.tick(self.names[0])
            self._tick_at = now + 1.0
        for name in self.names:
            if now >= self._free_at[name]:
                self._work(name, now)
        self._hang_up()
        due = [self._tick_at, *self._claim_at.values()]
        due += [row[0] for row in self._slots[:1]] + [row[0] for row in self._talks[:1]]
        self._rest(max(0.0, min(due) - self._now()))

    def _rest(self, seconds: float) -> None:
        """Nothing is due for so long."""
        time.sleep(min(0.005, seconds))

    def _work(self, name: str, now: float) -> None:
        if now >= self._claim_at[name]:
            self._claim(name)
        due = [row for row in self._slots if row[2] == name and row[0] <= now]
        if due:
            if self.stall:
                pause = self.stall(self.random)
                if pause > 0.0:
                    self._free_at[name] = now + pause
                    return
            self._slots = [row for row in self._slots if not (row[2] == name and row[0] <= now)]
            heapq.heapify(self._slots)
            self._begin(name, [row[3] for row in sorted(due)][:CLAIM_CALLS])

    def _claim(self, name: str) -> None:
        claim = self.engine.claim(name)
        now = self._now()
        for slot in claim.slots:
            heapq.heappush(self._slots, (now + (slot.slot_us - claim.now_us) / 1e6, next(self._order), name, slot))
        if claim.more:
            self._claim_at[name] = now
        elif claim.next_ms is None:
            self._claim_at[name] = now + 0.05
        else:
            ahead = (claim.next_ms * 1000 - claim.now_us) / 1e6
            self._claim_at[name] = now + max(0.0, ahead - 0.1 * (0.5 + self.random.random()))

    def _begin(self, name: str, slots: list[Slot]) -> None:
        answers = self.engine.begin(slots, name)
        for slot, answer in zip(slots, answers):
            if answer[0] != "begun":
                self.released[answer[-1]] += 1
                self.turned_away.append((slot, answer[-1]))
                continue
            begin = Begin(slot.batch, slot.ordinal, int(answer[1]), slot.slot_us, int(answer[2]))
            self.begins.append(begin)
            talk_s = self.talk_s(begin) if callable(self.talk_s) else self.talk_s
            heapq.heappush(self._talks, (self._now() + talk_s, next(self._order), slot, begin))

    def _hang_up(self) -> None:
        calls = []
        while self._talks and self._talks[0][0] <= self._now() and len(calls) < 16:
            _, _, slot, begin = heapq.heappop(self._talks)
            how, outcome, next_in_ms = self.outcome(begin)
            calls.append(self.engine.finish_args(slot, how, outcome, next_in_ms))
        if calls:
            self.engine.finish_many(calls)


def most_in_a_second(instants_us: Iterable[int]) -> int:
    """The most instants in any half-open second [t, t + 1 s)."""
    ordered = sorted(instants_us)
    most, first = 0, 0
    for last, instant in enumerate(ordered):
        while instant - ordered[first] >= 1_000_000:
            first += 1
        most = max(most, last - first + 1)
    return most
