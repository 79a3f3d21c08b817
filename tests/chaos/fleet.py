# SPDX-License-Identifier: Apache-2.0
"""The fleet that faults strike: three workers, two producers, two notifiers, the carrier, a receiver of webhooks and Redis,
with a line of its own between any two that speak to each other.

    with Fleet(schedule) as fleet:
        fleet.kill("worker 2")
        fleet.lines["callbacks"].reset()

Lines: "redis of worker 1" and so on (plain Redis only), "carrier", "callbacks", "receiver", "api".
"""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import signal
import threading
import time

from redis import Redis, RedisError

from tests.chaos.schedule import NOTIFIERS, PROCESSES, PRODUCERS, WORKERS, Schedule
from tests.support import hooks
from tests.support.lines import Line, Switchboard, Target
from tests.support.processes import Process
from tests.support.redis_clock import RedisClock
from tests.support.redis_sentinels import SentinelSet
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.stack import TENANT, TRUNK, CommandFailed, Stack
from tests.support.waiting import wait_until

POLL_AFTER_MS = 1_000
DRAIN_DEADLINE_S = 60.0  # beyond the drain's own
DRAIN_TIMED_OUT = 1
NO_REDIS = 4  # the status of a process that finds none at its start
START_DEADLINE_S = 60.0
OLD_MS = 20_000  # longer than a call of any schedule lasts
# KEYS[1] the cell's prefix, ARGV[1] how old a call must be. One step, since workers go on meanwhile.
DEADLINES_DUE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, member in ipairs(redis.call('ZRANGE', KEYS[1] .. 'live', 0, -1)) do
  local batch, ordinal = member:match('^([^/]+)/(%d+)/')
  local bucket = string.format('%sbatch:%s:state:%d', KEYS[1], batch, math.floor(ordinal / 64))
  local state = redis.call('HGET', bucket, ordinal)
  local begin, hard = state:match(' b=(%d+)'), state:match(' h=(%d+)')
  if begin and hard and state:find(' p=') and now - begin > tonumber(ARGV[1]) and tonumber(hard) > now then
    redis.call('HSET', bucket, ordinal, (state:gsub(' h=%d+', string.format(' h=%.0f', now))))
    redis.call('ZADD', KEYS[1] .. 'live', 'XX', string.format('%.0f', now), member)
  end
end
"""
OPERATOR_PATIENCE_S = 60.0
RESTART_S = 0.3  # what a supervisor waits before it starts again


def _rates(faults: tuple[str, ...]) -> dict[str, float]:
    """Of --fault options."""
    return {name: float(rate) for name, _, rate in (fault.partition("=") for fault in faults)}


class EndedAlone(AssertionError):
    """A process ended, and it was not us who ended it."""


class Fleet(Stack):
    """As `schedule` wants it. `clocks`: the wall time of each worker, which stands by none of its own; `forgets`: the platform
    has forgotten calls, of which only a deadline can tell; `locks`: who has one strikes that process; `platform_faults`: what
    it plays all the time; `clock_shifts`: whoever sets Redis's clock notes (wall time in us, how far it is off from then on),
    for the judge of rates."""

    redis: RedisServer | SentinelSet  # type: ignore[assignment]

    def __init__(self, schedule: Schedule) -> None:
        self.board = Switchboard()
        self.forgets = self.is_trunk_watched = False
        self.locks = {process: threading.Lock() for process in PROCESSES}
        self.clocks: dict[str, RedisClock] = {}
        self.clock_shifts: list[tuple[int, int]] = []
        self.under_way: set[str] = set()  # what is struck just now
        self.kept_in: pathlib.Path | None = None  # where stop() puts what everybody wrote
        is_plain = schedule.world.redis == "plain"
        redis = RedisServer(appendonly=True, users=Users.for_tests(), is_clock_decreed=True) if is_plain else SentinelSet()
        # Listening before anybody is told where.
        for process in PROCESSES if is_plain else ():
            self.board.line(f"redis of {process}", lambda: [str(redis.socket)])  # type: ignore[union-attr]
        self.board.line("callbacks", lambda: self._ports(self.workers))
        self.board.line("api", lambda: self._ports(self.producers))
        self.board.line("carrier", lambda: self._ports([self.carrier] if self.carrier else []))
        self.board.line("receiver", lambda: [("127.0.0.1", self.receiver.port)])
        platform = schedule.platform
        super().__init__(
            workers=WORKERS,
            producers=PRODUCERS,
            notifiers=NOTIFIERS,
            platform=schedule.world.platform,
            outcomes=platform.outcomes,
            ring_ms=platform.ring_ms,
            talk_ms=platform.talk_ms,
            faults=platform.faults,
            seed=schedule.seed,
            trunk_cps=schedule.trunk_cps,
            tenant_cps=schedule.tenant_cps,
            poll_after_ms=POLL_AFTER_MS,
            worker_options=("--public-url", self.callbacks_url),
            redis=redis,  # type: ignore[arg-type]
        )
        self.platform_faults = _rates(platform.faults)
        self.processes: dict[str, Process] = {process.label: process for process in self.everyone}

    @property
    def lines(self) -> dict[str, Line]:
        return self.board.lines

    @property
    def platform_process(self) -> Process:
        assert self.carrier is not None
        return self.carrier

    @staticmethod
    def _ports(processes: list[Process]) -> list[Target]:
        return [("127.0.0.1", process.port) for process in processes if process.is_running() and process.url]

    def stop(self) -> None:
        try:
            super().stop()
        finally:
            self.board.close()

    def clear_up(self) -> None:
        if self.kept_in:
            self._keep(self.kept_in)
        super().clear_up()

    def _process(self, name: str, *args: str, path: str = "", env: dict[str, str] | None = None, label: str = "") -> Process:
        """The wall time of a worker is what its clock in `clocks` says."""
        if name == "carillon-worker":
            clock = self.clocks[label] = RedisClock(self.directory / f"clock_{label.replace(' ', '_')}")
            env = {**(env or {}), **clock.environment()}
        return super()._process(name, *args, path=path, env=env, label=label)

    # ---- where the parts find each other ----

    def redis_flags(self, user: str, label: str) -> list[str]:
        line = self.lines.get(f"redis of {label}")
        return self.redis.flags(user, redis_url=f"redis://127.0.0.1:{line.port}") if line else self.redis.flags(user)  # type: ignore[call-arg]

    @property
    def api_url(self) -> str:
        return self.lines["api"].url

    @property
    def callbacks_url(self) -> str:
        return self.lines["callbacks"].url

    @property
    def carrier_url(self) -> str:
        return self.lines["carrier"].url

    @property
    def receiver_url(self) -> str:
        return self.lines["receiver"].url

    # ---- who tends it ----

    def command(self, *args: str, check: bool = True, deadline_s: float = 60.0) -> str:
        """As an operator gives it: again, where a fault struck the command."""
        end = time.monotonic() + OPERATOR_PATIENCE_S
        while True:
            try:
                return super().command(*args, check=check, deadline_s=deadline_s)
            except CommandFailed:
                if not self.under_way or time.monotonic() > end:
                    raise
            time.sleep(RESTART_S)

    def start_stopped_trunk(self) -> None:
        """Whoever started it after its account was refused looks at it again: a tail that Redis lost may have held the start."""
        if self.is_trunk_watched and self.redis.client().hget(f"carillon:{{c0}}:trunk:{TRUNK}", "state") == b"stopped":
            self.command("start", "trunk", TRUNK)

    # ---- processes that end and come again ----

    def kill(self, name: str) -> None:
        """SIGKILL."""
        process = self.processes[name]
        process.signal(signal.SIGKILL)
        status = process.wait()
        if status != -signal.SIGKILL:
            raise EndedAlone(f"{name} had ended with {status} before it was killed")

    def terminate(self, name: str) -> None:
        """SIGTERM: it drains, and must end well; or in time, where a fault keeps Redis from it meanwhile."""
        process = self.processes[name]
        process.signal(signal.SIGTERM)
        is_redis_away = self._is_redis_away()
        status = process.wait(DRAIN_DEADLINE_S)
        if status == DRAIN_TIMED_OUT and (is_redis_away or self._is_redis_away()):
            return
        if status != 0:
            raise EndedAlone(f"{name} ended with {status} after SIGTERM")

    def _is_redis_away(self) -> bool:
        return any(target.startswith("redis") for target in self.under_way)

    def start_process(self, name: str) -> None:
        """As a supervisor starts it: again, where it finds no Redis."""
        process, end = self.processes[name], time.monotonic() + START_DEADLINE_S
        while True:
            process.start(wait=False)
            while process.is_running() and not process.url:
                time.sleep(0.01)
                if time.monotonic() > end:
                    raise AssertionError(f"{name} did not get ready within {START_DEADLINE_S} s")
            if process.url:
                return
            status = process.wait()
            if status != NO_REDIS:
                raise EndedAlone(f"{name} ended with {status} instead of getting ready")
            time.sleep(RESTART_S)

    def ended_alone(self) -> list[str]:
        """The processes that do not run. Asked when no fault is under way: all must."""
        carrier = [self.carrier] if self.carrier else []
        return [process.label for process in (*self.everyone, *carrier) if not process.is_running()]

    # ---- waiting made shorter ----

    def make_webhooks_due(self) -> None:
        """Deliveries that failed and wait for their next attempt, the longest of them for hours, have it now; where Redis is
        there."""
        with contextlib.suppress(RedisError):
            self._make_webhooks_due(self.redis.client())

    def _make_webhooks_due(self, client: Redis) -> None:
        key = "carillon:{c0}:hooks:%s"
        endpoint, shard = hooks.endpoint_id(TENANT, self.receiver_url), hooks.event_shard(TENANT)
        queue = key % f"queue:{endpoint}"
        seconds, us = client.time()
        now_ms = seconds * 1000 + us // 1000  # not long ago: what waited for days is given up as too old
        for delivery in client.zrange(queue, 0, -1):
            client.zadd(queue, {delivery: now_ms}, xx=True, lt=True)
        client.hdel(key % f"endpoint:{endpoint}", "open_until_ms", "paused_until_ms")
        for ring in ("ring", "slow"):
            client.zadd(key % f"{ring}:{shard}", {endpoint: now_ms}, xx=True, lt=True)

    def forget_ended_batches(self) -> None:
        """What was kept long enough is removed: batches of 30 days, records of deliveries of an hour."""
        client = self.redis.client()
        for batch in self.batches():
            client.hset(f"carillon:{{c0}}:batch:{batch}", "completed_ms", 1)
            client.zadd("carillon:{c0}:purge", {f"batch/{batch}": 1}, xx=True)
        for key in client.scan_iter("carillon:{c0}:hooks:delivery:*", count=1000):
            client.delete(key)
        client.bgrewriteaof()  # all that ever happened would be read again after each kill
        wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], 60.0, "the file is written anew")

    # ---- one schedule after the other ----

    def turn_to(self, schedule: Schedule) -> None:
        """The limits and the carrier of another one, on the fleet that is there."""
        assert self.carrier is not None
        self.carrier.stop()
        self.deliveries.clear()
        self.carrier_log = self.directory / f"carrier_{schedule.seed}.jsonl"
        platform = schedule.platform
        self.forgets = self.is_trunk_watched = False
        self.platform_faults = _rates(platform.faults)
        self._carrier_args = self.carrier_args(
            platform.outcomes, platform.ring_ms, platform.talk_ms, platform.faults, schedule.seed
        )
        self.start_carrier()
        self.command("trunk", "set", TRUNK, "--cps", str(schedule.trunk_cps))
        self.command("tenant", "set", TENANT, "--cps", str(schedule.tenant_cps))

    def make_deadlines_due(self) -> None:
        """Calls that the platform took OLD_MS ago and more, and of which nothing was heard, come to their hard deadline now."""
        self.redis.client().eval(DEADLINES_DUE, 1, "carillon:{c0}:", OLD_MS)  # type: ignore[no-untyped-call]

    # ---- what remains ----

    def _keep(self, folder: pathlib.Path) -> None:
        """Copies what everybody wrote: logs, and what the carrier and the receiver saw."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.directory, folder, ignore=shutil.ignore_patterns("*.key"))
        servers = {"redis": self.redis} if isinstance(self.redis, RedisServer) else {
            "redis_primary": self.redis.primary, "redis_replica": self.redis.replica}
        for name, server in servers.items():
            if server.log.exists():
                shutil.copy(server.log, folder / f"{name}.log")
            shutil.copytree(server.directory / "appendonlydir", folder / f"{name}_aof", dirs_exist_ok=True)
