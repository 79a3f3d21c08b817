# SPDX-License-Identifier: Apache-2.0
"""A primary, its replica and three Sentinels that watch them, for one test. To a Stack it is what a RedisServer is.

    with Stack(redis=SentinelSet()) as stack:
        stack.redis.cut_replication()
        stack.redis.kill_primary()
        stack.redis.wait_for_promotion()
"""

from __future__ import annotations

import contextlib
import pathlib
import secrets
import shutil
import subprocess
import tempfile
import time

import redis

from tests.support.children import start_child
from tests.support.redis_server import RedisServer
from tests.support.redis_tls import Tls, free_port
from tests.support.redis_users import Users
from tests.support.waiting import DeadlinePassed, wait_until

NAME = "mymaster"
SENTINELS = 3
QUORUM = 2
DOWN_AFTER_MS = 1000
AT_ONCE = ("--repl-diskless-sync-delay", "0")  # a primary waits 5 s for further replicas otherwise
START_DEADLINE_S = 20.0
REJOIN_DEADLINE_S = 100.0
PROMOTION_DEADLINE_S = 80.0
# A Sentinel that stood still for two seconds does nothing for thirty, and an election that nobody won is held again after
# twice the failover-timeout. Whoever has waited that long steps in, as an operator would.
OPERATOR_AFTER_S = 40.0


class Sentinel:
    """One redis-sentinel, which knows the replica and the others from the start. With `tls` it speaks nothing else."""

    def __init__(self, tls: Tls | None = None) -> None:
        self.port = tls.port if tls else free_port()
        self._listens = [f"port {self.port}"]
        if tls:
            options = tls.server_options()
            pairs = (f"{name[2:]} {value}" for name, value in zip(options[::2], options[1::2]))
            self._listens = ["port 0", "tls-replication yes", *pairs]
        self.id = secrets.token_hex(20)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="carillon-sentinel-"))
        self._process: subprocess.Popen[bytes] | None = None

    def configure(
        self,
        primary: int,
        replicas: tuple[int, ...] = (),
        others: tuple[Sentinel, ...] = (),
        down_after_ms: int = DOWN_AFTER_MS,
    ) -> None:
        """Their ports."""
        lines = [
            *(*self._listens, "bind 127.0.0.1", f"dir {self.directory}", f"sentinel myid {self.id}"),
            f"sentinel monitor {NAME} 127.0.0.1 {primary} {QUORUM}",
            f"sentinel down-after-milliseconds {NAME} {down_after_ms}",
            f"sentinel failover-timeout {NAME} 4000",
            *(f"sentinel known-replica {NAME} 127.0.0.1 {port}" for port in replicas),
            *(f"sentinel known-sentinel {NAME} 127.0.0.1 {other.port} {other.id}" for other in others),
        ]
        (self.directory / "sentinel.conf").write_text("\n".join(lines) + "\n", encoding="ascii")

    def start(self) -> None:
        with (self.directory / "log").open("ab") as log:
            command = ["redis-server", str(self.directory / "sentinel.conf"), "--sentinel"]
            self._process = start_child(command, stdout=log, stderr=subprocess.STDOUT)

    def sees_all(self, replicas: int = 1) -> bool:
        """Whether it has spoken to the primary, its replicas and the others."""
        try:
            with redis.Redis(host="127.0.0.1", port=self.port, decode_responses=True, socket_timeout=5.0) as client:
                seen = client.sentinel_master(NAME)
                followers = client.sentinel_slaves(NAME)
                is_ready = seen["num-slaves"] == replicas and not any(each["is_disconnected"] for each in followers)
                return is_ready and client.execute_command("SENTINEL", "CKQUORUM", NAME).startswith(f"OK {SENTINELS} usable")
        except (redis.RedisError, OSError):
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def role_of(server: RedisServer) -> str:
    """ "" while it says nothing: it closes every connection when it gets another."""
    try:
        return str(server.client(decode_responses=True).execute_command("ROLE")[0])
    except redis.ConnectionError:
        return ""


class SentinelSet:
    def __init__(self) -> None:
        self.users = Users.for_tests()
        ports = free_port(), free_port()
        replicaof = ("--replicaof", f"127.0.0.1 {ports[0]}")
        self.primary = RedisServer(appendonly=True, users=self.users, port=ports[0], args=AT_ONCE)
        self.replica = RedisServer(appendonly=True, users=self.users, port=ports[1], args=(*AT_ONCE, *replicaof))
        self.sentinels = [Sentinel() for _ in range(SENTINELS)]

    # ---- up and down ----

    def start(self) -> SentinelSet:
        self.primary.start()
        self.replica.start()
        wait_until(lambda: self._has_replicated(self._written()), START_DEADLINE_S, "the replica has its data")
        for sentinel in self.sentinels:
            others = tuple(each for each in self.sentinels if each is not sentinel)
            sentinel.configure(self.primary.port, (self.replica.port,), others)
            sentinel.start()
        wait_until(lambda: all(each.sees_all() for each in self.sentinels), START_DEADLINE_S, "the Sentinels see each other")
        return self

    def _has_replicated(self, offset: int) -> bool:
        """Whether the replica has all that was written up to there. That its link is up says nothing: the primary holds back
        what is written until it has heard of the replica again, for up to a second."""
        seen = self.replica.client().info("replication")
        return seen.get("master_link_status") == "up" and seen["slave_repl_offset"] >= offset

    def _written(self) -> int:
        return self.primary.client().info("replication")["master_repl_offset"]

    def stop(self) -> None:
        for part in (*self.sentinels, self.primary, self.replica):
            part.stop()

    # ---- what goes wrong ----

    def cut_replication(self) -> None:
        """From here on, what is written is the tail that a failover loses; what was written before is not."""
        self.wait_for_replication()
        self.replica.client().replicaof("127.0.0.1", "1")

    def wait_for_replication(self) -> None:
        """Until the replica has what is written now."""
        written = self._written()
        wait_until(lambda: self._has_replicated(written), START_DEADLINE_S, "the replica has what was written")

    def kill_primary(self) -> None:
        """SIGKILL; the replica is what client() speaks to from now on."""
        self.primary.kill()
        self.primary, self.replica = self.replica, self.primary

    def wait_for_promotion(self) -> None:
        started = time.monotonic()

        def promoted() -> bool:
            if time.monotonic() - started > OPERATOR_AFTER_S:
                with contextlib.suppress(redis.RedisError):  # one is under way, or the replica is not known to be well yet
                    self._order_failover()
            return role_of(self.primary) == "master"

        wait_until(promoted, PROMOTION_DEADLINE_S, "a promotion", poll_s=0.2)

    def fail_over(self) -> None:
        """A planned one, which does not wait for the replica: a Sentinel is told to promote it. It is what client() speaks to from
        now on. The old primary is left as it is until the Sentinels make it a replica, some ten seconds later."""
        self._order_failover()
        self.primary, self.replica = self.replica, self.primary
        self.wait_for_promotion()

    def hang_primary(self, least_s: float) -> None:
        """SIGSTOP for at least so long, and until its replica is promoted, which is what client() speaks to from then on.
        When it goes on it takes itself for the primary."""
        hung_at = time.monotonic()
        self.primary.stop_running()
        try:
            self.primary, self.replica = self.replica, self.primary
            self.wait_for_promotion()
            time.sleep(max(0.0, hung_at + least_s - time.monotonic()))
        finally:
            self.replica.continue_running()

    def fail_over_in_order(self) -> None:
        """As docs/operations.md has it: the primary takes no writes meanwhile, so that the replica has them all."""
        self.primary.client().execute_command("CLIENT", "PAUSE", 10_000, "WRITE")
        # A Sentinel's own PUBLISH is held too: after DOWN_AFTER_MS they may take the primary for down, and go ahead.
        is_promoted = lambda: role_of(self.replica) == "master"  # noqa: E731
        wait_until(lambda: is_promoted() or self._has_replicated(self._written()), START_DEADLINE_S, "nothing is missing")
        with contextlib.suppress(redis.ResponseError):  # a failover is under way
            self._order_failover()
        self.primary, self.replica = self.replica, self.primary
        self.wait_for_promotion()

    def _order_failover(self) -> None:
        with redis.Redis(host="127.0.0.1", port=self.sentinels[0].port, socket_timeout=5.0) as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", NAME)

    def rejoin(self) -> None:
        """The server that was the primary is there again, as it was when it was killed; the Sentinels make it a replica, or an
        operator does."""
        if not self.replica.is_running():
            self.replica.start()
        try:
            wait_until(self._is_followed, OPERATOR_AFTER_S)
        except DeadlinePassed:
            self.replica.client().replicaof("127.0.0.1", self.primary.port)
            wait_until(self._is_followed, REJOIN_DEADLINE_S, "the old primary follows the new one")
        wait_until(lambda: all(each.sees_all() for each in self.sentinels), REJOIN_DEADLINE_S, "the Sentinels see both")

    def _is_followed(self) -> bool:
        if role_of(self.replica) != "slave":
            return False
        seen = self.replica.client().info("replication")
        is_its_replica = seen["role"] == "slave" and seen["master_port"] == self.primary.port
        return is_its_replica and seen["master_link_status"] == "up"

    # ---- as a RedisServer has them ----

    @property
    def url(self) -> str:
        return f"sentinel://{','.join(f'127.0.0.1:{each.port}' for each in self.sentinels)}/{NAME}"

    def flags(self, user: str, **instead: str) -> list[str]:
        return self.primary.flags(user, **{"redis_url": self.url, **instead})

    def environment(self, user: str) -> dict[str, str]:
        return {**self.primary.environment(user), "CARILLON_REDIS_URL": self.url}

    def denials(self) -> list[str]:
        return self.primary.denials()

    def is_running(self) -> bool:
        return self.primary.is_running()

    def client(self, **options: object) -> redis.Redis:
        return self.primary.client(**options)
