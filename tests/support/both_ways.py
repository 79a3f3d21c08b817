# SPDX-License-Identifier: Apache-2.0
"""A script that has a straight way for what is usual beside the way for everything: both are run on the same state, and must
answer and write the same.

    engine = Engine(client, scripts=BothWays(client, Change("call_claim", "is_ordinary = ", "is_ordinary = false and ")))
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import redis

from tests.support.changes import Change
from tests.support.scripts import Scripts

Picture = dict[bytes, Any]


def picture(client: redis.Redis) -> Picture:
    """What every key holds, and how long it still lives."""
    keys = sorted(client.keys())
    pipe = client.pipeline()
    for key in keys:
        pipe.type(key)
    types = pipe.execute()
    for key, of_type in zip(keys, types):
        pipe.pttl(key)
        match of_type:
            case b"string":
                pipe.get(key)
            case b"hash":
                pipe.hgetall(key)
            case b"zset":
                pipe.zrange(key, 0, -1, withscores=True)
            case b"list":
                pipe.lrange(key, 0, -1)
            case b"set":
                pipe.smembers(key)
            case _:
                pipe.xrange(key)
    values = pipe.execute()
    return {key: (_life(values[2 * i]), values[2 * i + 1]) for i, key in enumerate(keys)}


def _life(ttl_ms: int) -> int:
    """To be put back with: 0 where it lives for ever."""
    return 0 if ttl_ms < 0 else max(1, ttl_ms)


class Kept:
    """All that the database holds, to be put back."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._keys = client.keys()
        pipe = client.pipeline()
        for key in self._keys:
            pipe.dump(key)
            pipe.pttl(key)
        self._dumps = pipe.execute()

    def put_back(self) -> None:
        pipe = self._client.pipeline()
        pipe.flushdb()
        for i, key in enumerate(self._keys):
            pipe.restore(key, _life(self._dumps[2 * i + 1]), self._dumps[2 * i])
        pipe.execute()


class BothWays(Scripts):
    """Whose script runs changed, so that it goes the long way, and then as it is."""

    def __init__(self, client: redis.Redis, long_way: Change | tuple[str, str]) -> None:
        """`long_way`: the change that forces it, or the script's name and another text for it."""
        super().__init__(client)
        name, text = long_way if isinstance(long_way, tuple) else (long_way.where, long_way.script())
        self._name = name
        self._long = Scripts(client, changed={name: text})
        self.runs: Counter[str] = Counter()  # how often it answered what, an error by its words

    def run(self, name: str, *args: Any) -> Any:
        if name != self._name:
            return super().run(name, *args)
        before = Kept(self.client)
        long_reply = self._answer(self._long, args)
        long_picture = picture(self.client)
        before.put_back()
        reply = self._answer(super(), args)
        assert reply == long_reply, f"{name}{args}: {reply}, the long way {long_reply}"
        found = picture(self.client)
        differing = {key: (found.get(key), long_picture.get(key)) for key in found.keys() | long_picture.keys()
                     if found.get(key) != long_picture.get(key)}  # fmt: skip
        assert not differing, f"{name}{args}: {differing}"
        if isinstance(reply, redis.ResponseError):
            raise reply
        return reply

    def _answer(self, scripts: Any, args: tuple[Any, ...]) -> Any:
        try:
            return scripts.run(self._name, *args)
        except redis.ResponseError as error:
            return str(error)
