# SPDX-License-Identifier: Apache-2.0
"""carillon-notifier, the real binary, in a world of its own: a Redis with what the producer and the engine leave there, and
a receiver that checks signatures by itself."""

from __future__ import annotations

import base64
import os
import pathlib
import re
import urllib.request
from types import TracebackType
from typing import Callable

from tests.support import hooks
from tests.support.engine import contact_record
from tests.support.http_receiver import Answer, HttpReceiver, Received
from tests.support.processes import Process
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.scripts import Scripts
from tests.support.sealing import seal
from tests.support.standard_webhooks import verifies
from tests.support.waiting import wait_until

LOOPBACK = ("--allow-private-webhooks", "127.0.0.0/8")
TENANT = "acme"
LEASE_DEADLINE_S = 15.0  # a dead notifier's shards are free after five ticks
SHARE_DEADLINE_S = 45.0  # a newcomer gets some after ten


class World:
    """A Redis, a receiver, and notifiers on demand."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.redis = RedisServer(appendonly=True, users=Users.for_tests())
        self.receiver = HttpReceiver()
        self.notifiers: list[Process] = []
        self.secrets: dict[str, str] = {}
        self._key = os.urandom(32)
        self._key_file = directory / "secrets.key"
        self._key_file.write_text(base64.b64encode(self._key).decode() + "\n")

    def open(self) -> None:
        self.redis.start()
        self.db = self.redis.client(decode_responses=True)
        self.scripts = Scripts(self.db)
        self.key = self.scripts.key

    def close(self) -> None:
        """Every notifier that still runs must end well."""
        self.receiver.close()
        try:
            for notifier in self.notifiers:
                notifier.print_log_tail()
                notifier.stop()
            assert self.redis.denials() == []
        finally:
            self.redis.stop()

    def __enter__(self) -> World:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- notifiers ----

    def arguments(self, *args: str, redis_url: str | None = None) -> tuple[str, ...]:
        redis = self.redis.flags("carillon-notifier", **({"redis_url": redis_url} if redis_url else {}))
        key_file = ("--secrets-key-file", str(self._key_file))
        return (*redis, *key_file, "--listen", "127.0.0.1:0", "--log-level", "debug", *args)

    def notifier(
        self, args: tuple[str, ...] = LOOPBACK, program: str = "carillon-notifier", redis_url: str | None = None
    ) -> Process:
        label = f"notifier {len(self.notifiers) + 1}"
        process = Process(program, *self.arguments(*args, redis_url=redis_url), label=label)
        self.notifiers.append(process)
        process.start()
        return process

    def holders(self) -> list[str | None]:
        return self.db.mget([self.key(f"hooks:lease:{shard}") for shard in range(16)])

    def wait_for_shards(self, notifiers: int = 1) -> None:
        def shared() -> bool:
            counts = [self.holders().count(holder) for holder in set(self.holders())]
            return None not in self.holders() and len(counts) == notifiers and max(counts) == -(-16 // notifiers)

        wait_until(shared, SHARE_DEADLINE_S, f"16 shards among {notifiers}")

    # ---- what neighbours write ----

    def sealed(self, endpoint: str, secret: str, key: bytes | None = None) -> str:
        return seal(key or self._key, f"endpoint/{endpoint}", secret)

    def endpoint(self, tenant: str = TENANT, url: str | None = None) -> str:
        """The tenant's endpoint at the URL's origin; its secret goes to self.secrets."""
        url = url or self.receiver.url
        endpoint = hooks.endpoint_id(tenant, url)
        secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
        if hooks.make_endpoint(self.scripts, tenant, url, self.sealed(endpoint, secret)) not in self.secrets:
            self.secrets[endpoint] = secret
        return endpoint

    def batch(self, batch: str, tenant: str = TENANT, url: str | None = None) -> None:
        url = url or self.receiver.url + "/hook"
        self.endpoint(tenant, url)
        hooks.write_batch(self.scripts, batch, tenant, url)

    def call_event(self, batch: str, ordinal: int, tenant: str = TENANT, seq: int = 1) -> str:
        """A call that ended COMPLETED, and its event."""
        bucket = ordinal // hooks.BUCKET
        state = "phase=final a=1 d=1 x=COMPLETED b=1760000001000 s=1760000002000 e=1760000005000 u=3 p=prov_1"
        self.db.hset(self.key(f"batch:{batch}:state:{bucket}"), str(ordinal), state)
        record = contact_record(15550001000 + ordinal, f"id-{ordinal}", "Ada")
        self.db.hset(self.key(f"batch:{batch}:contacts:{bucket}"), str(ordinal), record)
        self.db.hset(self.key(f"batch:{batch}:texts:{bucket}"), f"{ordinal}:summary", "Interested.")
        return self.announce(hooks.write_event(self.scripts, tenant, batch, "call.completed", ordinal, seq))

    def announce(self, event: str) -> str:
        self.db.publish(self.key("wake:events"), "events")
        return event

    # ---- what came of it ----

    def delivery(self, event: str) -> dict[str, str]:
        return self.db.hgetall(self.key(f"hooks:delivery:{event}"))

    def wait_for_state(self, event: str, state: str, deadline_s: float = 10.0) -> dict[str, str]:
        return wait_until(
            lambda: (seen := self.delivery(event)).get("state") == state and seen, deadline_s, f"{event} is {state}"
        )

    def log(self, endpoint: str) -> list[tuple[str, str]]:
        return [(entry["attempt"], entry["code"]) for _, entry in self.db.xrange(self.key(f"hooks:log:{endpoint}"))]

    def is_verified(self, request: Received, tenant: str = TENANT, secret: str | None = None) -> bool:
        secret = secret or self.secrets[hooks.endpoint_id(tenant, self.receiver.url)]
        return verifies(secret, request.headers, request.body, request.at)

    def let_time_pass(self, event: str) -> None:
        """Makes the event's claim, or its retry, due now."""
        endpoint, shard = self.delivery(event)["endpoint"], hooks.event_shard(TENANT)
        for member in self.db.zrange(self.key(f"hooks:inflight:{shard}"), 0, -1):
            if f"/{event}/" in member:
                self.db.zadd(self.key(f"hooks:inflight:{shard}"), {member: 1})
        if self.db.zscore(self.key(f"hooks:queue:{endpoint}"), event) is not None:
            self.db.zadd(self.key(f"hooks:queue:{endpoint}"), {event: 1})
            self.db.hdel(self.key(f"hooks:endpoint:{endpoint}"), "open_until_ms", "paused_until_ms", "held_until_ms")
            for ring in ("ring", "slow"):
                self.db.zadd(self.key(f"hooks:{ring}:{shard}"), {endpoint: 1}, xx=True)


def metric(process: Process, line: str) -> float:
    with urllib.request.urlopen(process.url + "/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.M)
    return float(found.group(1)) if found else 0.0


def in_turn(*answers: Answer) -> Callable[[Received], Answer]:
    """One answer after the other, the last for all that follow."""
    return lambda request: answers[min(request.index, len(answers) - 1)]
