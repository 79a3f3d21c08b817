# SPDX-License-Identifier: Apache-2.0
"""A primary, two replicas and three Sentinels, of which the primary can be cut off together with those who ask the Sentinel
`old_side`: a network in two halves.

    with Stack(redis=SplitSet("--min-replicas-to-write", "1"), workers=1) as stack:
        isolated = stack.further_worker(stack.redis.old_side.url)
        stack.redis.cut()               # `isolated` and the primary on one side, everybody else on the other
        stack.redis.wait_for_promotion()
        stack.redis.mend()              # `isolated` is told of the new primary
"""

from __future__ import annotations

from tests.support.dead_line import DeadLine
from tests.support.named_primary import NamedPrimary
from tests.support.redis_sentinels import AT_ONCE, PROMOTION_DEADLINE_S, SENTINELS, START_DEADLINE_S
from tests.support.redis_sentinels import Sentinel, SentinelSet, role_of
from tests.support.redis_server import RedisServer
from tests.support.redis_tls import free_port
from tests.support.redis_users import Users
from tests.support.waiting import wait_until

DOWN_AFTER_MS = 2500  # a busy machine shall not be taken for a dead one before the test cuts it off


class SplitSet(SentinelSet):
    """The replicas and the Sentinels know the primary by a line to it, and so does who asks them; who asks `old_side` speaks
    to it directly."""

    def __init__(self, *args: str) -> None:
        """`args`: further options of every server."""
        self.users = Users.for_tests()
        port = free_port()
        self.line = DeadLine(port)
        self.old_side = NamedPrimary(port)
        announced = ("--replica-announce-ip", "127.0.0.1", "--replica-announce-port", str(self.line.port))
        replicaof = ("--replicaof", f"127.0.0.1 {self.line.port}")
        self.primary = RedisServer(appendonly=True, users=self.users, port=port, args=(*AT_ONCE, *args, *announced))
        self.replica, self.second = (
            RedisServer(appendonly=True, users=self.users, port=free_port(), args=(*AT_ONCE, *args, *replicaof)) for _ in "12"
        )
        self.isolated = self.primary
        self.sentinels = [Sentinel() for _ in range(SENTINELS)]

    def start(self) -> SplitSet:
        replicas = self.replica, self.second
        for server in (self.primary, *replicas):
            server.start()
        for sentinel in self.sentinels:
            others = tuple(each for each in self.sentinels if each is not sentinel)
            sentinel.configure(self.line.port, tuple(each.port for each in replicas), others, DOWN_AFTER_MS)
            sentinel.start()
        wait_until(lambda: all(each.sees_all(2) for each in self.sentinels), START_DEADLINE_S, "the Sentinels see each other")
        self.wait_for_replication()
        return self

    def stop(self) -> None:
        super().stop()
        self.second.stop()
        self.line.close()
        self.old_side.close()

    def wait_for_replication(self) -> None:
        acknowledged = lambda: self.primary.client().execute_command("WAIT", 2, 500) == 2  # noqa: E731
        wait_until(acknowledged, START_DEADLINE_S, "both replicas have what was written")

    def cut(self) -> None:
        """No Sentinel is in the reach of the old side any more."""
        self.old_side.is_there = False
        self.line.cut()

    def wait_for_promotion(self) -> None:
        """Of one of the replicas, which is what client() speaks to from now on."""
        followers = self.replica, self.second

        def promoted() -> RedisServer | None:
            return next((each for each in followers if role_of(each) == "master"), None)

        self.primary = wait_until(promoted, PROMOTION_DEADLINE_S, "a promotion")
        self.replica, self.second = (each for each in (self.isolated, *followers) if each is not self.primary)

    def mend(self) -> None:
        self.old_side.port_of_primary = self.primary.port
        self.old_side.is_there = True
        self.line.mend()
