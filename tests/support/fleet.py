# SPDX-License-Identifier: Apache-2.0
"""Real workers on a real Redis, with trunks, tenants and batches as producer and CLI leave them there: what the tests of
carillon-worker share.

    fleet.trunk(platform.url)
    worker = fleet.worker()
    batch = fleet.batch(contacts=3)
    fleet.wait_final(batch)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import pathlib
import re
import urllib.request
from typing import Any, Mapping

from tests.support.engine import Engine
from tests.support.processes import Process, program_with_breakpoints, run
from tests.support.redis_server import RedisServer
from tests.support.sealing import seal
from tests.support.waiting import wait_until

TENANT = "acme"
TRUNK = "main"
PLATFORM_KEY = "key_of_the_platform"
CALLER_ID = "+15550009999"
# What a contact came to, for a batch of short delays.
SHORT = {"no_answer_delay_ms": 1000, "busy_delay_ms": 1000, "failed_delay_ms": 1000, "summary_wait_ms": 1000}


class Fleet:
    """One Redis, which may be shared by tests one after the other, and the workers of one test."""

    def __init__(
        self, server: RedisServer, directory: pathlib.Path, cells: tuple[str, ...] = ("c0",), log_level: str = "debug"
    ) -> None:
        self.redis = server
        self.cells = cells
        self.client = server.client()
        self.client.flushall()
        self.engines = {cell: Engine(self.client, cell) for cell in cells}
        self.workers: list[Process] = []
        self._log_level = log_level
        self._key = os.urandom(32)
        self._key_file = directory / "secrets.key"
        self._key_file.write_text(base64.b64encode(self._key).decode() + "\n")

    def close(self) -> None:
        """Every worker that still runs must drain and end well; then the cells must be sound."""
        faults = []
        for worker in self.workers:
            try:
                if worker.is_running():
                    worker.continue_running()
                    worker.terminate()
            except AssertionError as error:
                faults.append(error)
            worker.print_log_tail()
            worker.stop()
        if faults:
            raise faults[0]
        for cell in self.cells:
            audit = run("carillon", "audit", *self.redis.flags("carillon-inspector"), "--cell", cell)
            assert audit.returncode == 0, audit.stdout + audit.stderr

    # ---- what operators and tenants leave in Redis ----

    def engine(self, cell: str = "") -> Engine:
        return self.engines[cell or self.cells[0]]

    def trunk(
        self, base_url: str, trunk: str = TRUNK, cell: str = "", platform_key: str = PLATFORM_KEY, **fields: Any
    ) -> None:
        """As `carillon trunk create` makes it. A field that is None is left out."""
        settings: dict[str, Any] = {
            "cps": 100,
            "profile": "retell",
            "base_url": base_url,
            "credential": seal(self._key, f"trunk/{trunk}", platform_key),
            "caller_ids": json.dumps([CALLER_ID]),
            "poll_after_ms": 60_000,
            "lookup_absent_after_ms": 500,
            **fields,
        }
        self.engine(cell).trunk(trunk, **{name: value for name, value in settings.items() if value is not None})
        self.engine(cell).tenant(TENANT, how="put", cps=1000)

    def batch(self, contacts: Any = 1, *, cell: str = "", trunk: str = TRUNK, tenant: str = TENANT, **fields: Any) -> str:
        settings = {"agent_id": "agent_1", "cps": 30, "ring_s": 5, "talk_s": 60, **SHORT, **fields}
        return self.engine(cell).batch(tenant, trunk, contacts, **settings)

    def token(self, batch: str, ordinal: int, dial: int) -> str:
        """The token of a dial, made apart from common/domain/token.c."""
        key = hmac.new(self._key, b"carillon token v1", hashlib.sha256).digest()
        text = f"{batch}.{ordinal}.{dial}"
        return f"{text}.{hmac.new(key, text.encode(), hashlib.sha256).digest()[:16].hex()}"

    # ---- workers ----

    def worker(
        self,
        *args: str,
        wait: bool = True,
        breakpoint: str = "",
        redis_url: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Process:
        """`breakpoint`: where it stops or is killed, such as "dial.begun:stop" (common/base/breakpoint.h). `env`: added to
        its environment."""
        process = Process(
            str(program_with_breakpoints("carillon-worker")) if breakpoint else "carillon-worker",
            *self.redis.flags("carillon-worker", **({"redis_url": redis_url} if redis_url else {})),
            *("--secrets-key-file", str(self._key_file), "--listen", "127.0.0.1:0"),
            *("--cells", ",".join(self.cells), "--log-level", self._log_level, *args),
            env={**(env or {}), **({"CARILLON_BREAKPOINT": breakpoint} if breakpoint else {})},
            label=f"worker {len(self.workers) + 1}",
        )
        self.workers.append(process)
        process.start(wait=wait)
        if wait:
            wait_until(lambda: process.is_ready(), what=f"{process.label} is ready")
        return process

    def metric(self, worker: Process, name: str) -> float:
        """A sample of /metrics by its name and labels, 0 where it is not there."""
        with urllib.request.urlopen(worker.url + "/metrics", timeout=5) as answer:
            text = answer.read().decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found.group(1)) if found else 0.0

    # ---- what became of it ----

    def state(self, batch: str, ordinal: int = 0) -> dict[str, str]:
        return self._engine_of(batch).state(batch, ordinal)

    def _engine_of(self, batch: str) -> Engine:
        return self.engines[batch.split("_")[1]]

    def counters(self, batch: str) -> dict[str, int]:
        return self._engine_of(batch).counters(batch)

    def wait_state(self, batch: str, ordinal: int = 0, deadline_s: float = 10.0, **wanted: str) -> dict[str, str]:
        """Waits until the call's state holds all of `wanted`; "" stands for a field that is not there."""

        def holds() -> dict[str, str] | None:
            seen.update(state=self.state(batch, ordinal))
            return seen["state"] if all(seen["state"].get(k, "") == v for k, v in wanted.items()) else None

        seen: dict[str, Any] = {}
        try:
            return wait_until(holds, deadline_s, f"{batch}-{ordinal} is {wanted}")
        except AssertionError as error:
            raise AssertionError(f"{error}; the call's state is {seen['state']}") from None

    def wait_final(self, batch: str, deadline_s: float = 15.0) -> dict[str, int]:
        """Waits until every contact has its last outcome, and gives how many had which."""
        try:
            wait_until(lambda: self._engine_of(batch).hash(f"batch:{batch}").get("state") == "completed", deadline_s)
        except AssertionError:
            raise AssertionError(f"{batch} did not end within {deadline_s} s: {self.counters(batch)}") from None
        values = self._engine_of(batch).hash(f"batch:{batch}")
        return {name[8:]: int(n) for name, n in values.items() if name.startswith("outcome:") and int(n)}

    def attempts(self, batch: str, ordinal: int = 0) -> list[dict[str, str]]:
        """The call's attempt log, a line a fact."""
        engine = self._engine_of(batch)
        text = engine.client.hget(engine.key(f"batch:{batch}:attempts:{ordinal // 64}"), str(ordinal)) or b""
        return [dict(part.split("=", 1) for part in line.split(" ")) for line in text.decode().splitlines()]

    # ---- time that passes by decree ----

    def reopen(self, epoch: int = 2, cell: str = "") -> None:
        """The cell was closed, and that is over now; so is what an old primary might have gone on with."""
        engine = self.engine(cell)
        wait_until(lambda: engine.hash("cell").get("epoch") == str(epoch), what=f"the cell is in epoch {epoch}")
        now_ms = engine.now_ms()
        self.client.hset(engine.key("cell"), "closed_until", now_ms)
        if "tail_ms" in engine.hash("cell"):
            self.client.hset(engine.key("cell"), "tail_ms", now_ms)

    def make_check_due(self, batch: str, ordinal: int = 0) -> None:
        """The live call's next check is now: what waiting for it would bring."""
        engine, state = self._engine_of(batch), self.state(batch, ordinal)
        assert state["phase"] == "live", state
        member = f"{batch}/{ordinal}/{state['d']}"
        # Not by what ZADD says: a score that is this very millisecond already counts as unchanged.
        assert self.client.zscore(engine.key("live"), member) is not None, f"{member} is not live"
        self.client.zadd(engine.key("live"), {member: engine.now_ms()}, xx=True)

    def make_checks_due(self, batch: str) -> None:
        """Those of all live calls of the batch."""
        for member in self.cells_hold("live", batch.split("_")[1]):
            name, ordinal, _ = member.decode().split("/")
            if name == batch:
                self.make_check_due(batch, int(ordinal))

    def make_deadline_due(self, batch: str, ordinal: int = 0) -> None:
        """The live call's hard deadline is now."""
        engine, state = self._engine_of(batch), self.state(batch, ordinal)
        state["h"] = str(engine.now_ms())
        text = " ".join(f"{name}={value}" for name, value in state.items())
        self.client.hset(engine.key(f"batch:{batch}:state:{ordinal // 64}"), str(ordinal), text)
        self.make_check_due(batch, ordinal)

    def cells_hold(self, key: str, cell: str = "") -> list[bytes]:
        """The members of a sorted set of the cell."""
        found = self.client.zrange(self.engine(cell).key(key), 0, -1)
        assert isinstance(found, list)
        return found
