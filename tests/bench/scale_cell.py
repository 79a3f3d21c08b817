# SPDX-License-Identifier: Apache-2.0
"""A cell as large as asked for, filled through batch_create, batch_ingest and batch_seal with the parts that a producer
sends, pipelined. Half of the batches, where there are more than a thousand, are one tenant's on a trunk of its own; the
others are dealt round to the other tenants, and these to the other trunks."""

from __future__ import annotations

import dataclasses
import functools
import socket

import redis

from tests.support.engine import Engine, contact_record
from tests.support.redis_server import RedisServer
from tests.support.scripts import sha, source

PART = 250  # contacts in one batch_ingest; a producer sends at most LIMIT_INGEST_PART of them
SEEN_PER_SHARD = 192  # common/lua/lib/seen.lua
REPLIES_AHEAD = 256  # commands sent before the first of their replies is read
LARGE = 1000
SETS = 1250  # of numbers; batches of one tenant that have the same begin with another part of it
FIRST_NUMBER = 2_000_000_000
METADATA = b'{"city":"City000001","plan":"Plan000001"}'  # two variables of 10 characters


@dataclasses.dataclass(frozen=True)
class Shape:
    batches: int
    calls: int  # queued, of all batches together
    tenants: int = 1000
    trunks: int = 10
    batch_cps: int = 10
    resource_cps: int = 1000  # of a tenant and of a trunk

    @property
    def each(self) -> int:
        return self.calls // self.batches

    def tenant_of(self, batch: int) -> int:
        if self.batches <= LARGE:
            return batch % min(self.tenants, self.batches)
        return 0 if batch % 2 == 0 else 1 + batch // 2 % (self.tenants - 1)

    def trunk_of(self, tenant: int) -> int:
        return 0 if tenant == 0 or self.trunks == 1 else 1 + tenant % (self.trunks - 1)


class Pipe:
    """Commands to Redis one behind the other, their replies thrown away but for errors."""

    def __init__(self, server: RedisServer) -> None:
        self._link = socket.socket(socket.AF_UNIX)
        self._link.connect(str(server.socket))
        self._replies = self._link.makefile("rb", 1 << 20)
        self._open = 0

    def send(self, command: bytes) -> None:
        self._link.sendall(command)
        self._open += 1
        if self._open >= REPLIES_AHEAD:
            self.drain(REPLIES_AHEAD // 2)

    def drain(self, left: int = 0) -> None:
        while self._open > left:
            self._skip_reply()
            self._open -= 1

    def _skip_reply(self) -> None:
        line = self._replies.readline()
        if line[:1] == b"-":
            raise redis.ResponseError(line.decode())
        if line[:1] == b"*":
            for _ in range(int(line[1:])):
                self._skip_reply()
        elif line[:1] == b"$":
            self._replies.read(int(line[1:]) + 2)

    def close(self) -> None:
        self.drain()
        self._replies.close()
        self._link.close()


def words(*parts: str | int | bytes) -> bytes:
    """As Redis reads them."""
    raw = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in raw)


def command(*parts: str | int | bytes) -> bytes:
    return b"*%d\r\n" % len(parts) + words(*parts)


@functools.cache
def part_of_contacts(first: int, count: int) -> bytes:
    """The arguments of batch_ingest behind the digest. The same numbers far apart, in no order."""
    numbers = (FIRST_NUMBER + i * 7919 % 7_999_999_993 for i in range(first, first + count))
    metadata = b"\x3a" + bytes([len(METADATA)]) + METADATA
    records = [contact_record(number, "", f"Contact {i:012d}") + metadata for i, number in enumerate(numbers, first)]
    return words(count, 1, f"1:{count}", 0, "", *records)


class Cell:
    """`batches` holds (batch, tenant), in the order of their making."""

    def __init__(self, server: RedisServer, shape: Shape) -> None:
        self.server = server
        self.shape = shape
        self.engine = Engine(server.client(socket_timeout=60.0))
        self.batches: list[tuple[str, str]] = []

    def fill(self) -> None:
        shape, scripts = self.shape, self.engine.scripts
        for name in ("batch_create", "batch_ingest", "batch_seal"):
            scripts.client.script_load(source(name))
        for i in range(shape.trunks):
            self.engine.trunk(f"trunk{i}", cps=shape.resource_cps)
        for i in range(shape.tenants):
            self.engine.tenant(f"tenant{i}", cps=shape.resource_cps)
        pipe = Pipe(self.server)
        for i in range(shape.batches):
            tenant, batch = shape.tenant_of(i), f"batch_c0_{i:020d}"
            self._write(pipe, i, batch, f"tenant{tenant}", f"trunk{shape.trunk_of(tenant)}")
            self.batches.append((batch, f"tenant{tenant}"))
        pipe.close()

    def _write(self, pipe: Pipe, index: int, batch: str, tenant: str, trunk: str) -> None:
        prefix, each, cps = self.engine.key(""), self.shape.each, self.shape.batch_cps
        settings = {"cps": cps, "interval_us": -(-1_005_000 // cps), "priority": 5, "max_attempts": 3, "ring_s": 30, "talk_s": 60,
                    "summary_wait_ms": 120_000, "seen_shards": -(-each // SEEN_PER_SHARD), "on_call_complete": "http://127.0.0.1/call",
                    "on_batch_complete": "http://127.0.0.1/batch", "agent_id": "agent_1"}  # fmt: skip
        flat = [item for pair in settings.items() for item in pair]
        pipe.send(command("EVALSHA", sha("batch_create"), 1, prefix, batch, tenant, trunk, 600_000, *flat))
        parts = [(start, min(PART, each - start)) for start in range(0, each, PART)]
        turn = index // SETS % len(parts)
        for chunk, (start, count) in enumerate(parts[turn:] + parts[:turn], 1):
            contacts = part_of_contacts(index % SETS * each + start, count)
            head = words("EVALSHA", sha("batch_ingest"), 1, prefix, batch, chunk, f"{chunk:064d}")
            pipe.send(b"*%d\r\n" % (7 + 5 + count) + head + contacts)
        pipe.send(command("EVALSHA", sha("batch_seal"), 1, prefix, batch, each))
