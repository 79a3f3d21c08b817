# SPDX-License-Identifier: Apache-2.0
"""A script that has a straight way for the ordinary and a long way for all: what it answers and leaves in Redis by either, from
the same state at the same instant.

    ways = Ways(client, "call_finish", Change("call_finish", "the straight way's question", "false"))
    ways.check(*args)
"""

from __future__ import annotations

from typing import Any

import redis

from tests.support.changes import Change
from tests.support.engine import Engine
from tests.support.scripts import Scripts

READ = {
    "hash": lambda pipe, key: pipe.hgetall(key),
    "zset": lambda pipe, key: pipe.zrange(key, 0, -1, withscores=True),
    "set": lambda pipe, key: pipe.smembers(key),
    "list": lambda pipe, key: pipe.lrange(key, 0, -1),
    "stream": lambda pipe, key: pipe.xrange(key),
    "string": lambda pipe, key: pipe.get(key),
}


def contents(client: redis.Redis) -> dict[bytes, Any]:
    """What each key holds, whatever the order in which it was put there."""
    keys = sorted(client.keys())
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.type(key)
    kinds = pipe.execute()
    for key, kind in zip(keys, kinds):
        READ[kind.decode()](pipe, key)
    return dict(zip(keys, pipe.execute()))


class Ways:
    """`long`: by which its text never goes the straight way; `straight`: what else stands in the text that does."""

    def __init__(self, client: redis.Redis, script: str, long: Change, straight: Change | None = None) -> None:
        self._client, self._script = client, script
        self._long = Scripts(client, changed={script: long.script()})
        self._straight = Scripts(client, changed={script: straight.script()} if straight else {})

    def _keep(self) -> list[tuple[bytes, int, bytes]]:
        keys = self._client.keys()
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.pttl(key)
            pipe.dump(key)
        found = pipe.execute()
        return [(key, max(ttl, 0), dumped) for key, ttl, dumped in zip(keys, found[::2], found[1::2])]

    def _put_back(self, kept: list[tuple[bytes, int, bytes]]) -> None:
        pipe = self._client.pipeline(transaction=False)
        pipe.flushall()
        for key, ttl, dumped in kept:
            pipe.restore(key, ttl, dumped)
        pipe.execute()

    def _go(self, scripts: Scripts, args: tuple[Any, ...]) -> tuple[Any, dict[bytes, Any]]:
        try:
            reply = scripts.run(self._script, *args)
        except redis.ResponseError as error:
            reply = str(error).partition(" script:")[0]
        return reply, contents(self._client)

    def check(self, *args: Any) -> Any:
        """What both answer, having left the same behind."""
        before = self._keep()
        by_long = self._go(self._long, args)
        self._put_back(before)
        straight = self._go(self._straight, args)
        assert straight == by_long
        return straight[0]
