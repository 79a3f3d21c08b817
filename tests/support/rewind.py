# SPDX-License-Identifier: Apache-2.0
"""A Redis that forgets: everything it held at one moment, put back later. What the loss of its last second looks like to
those who go on.

    before = Moment(client)
    ...                      # the tail that will be lost
    before.come_back()
"""

from __future__ import annotations

import redis


class Moment:
    """All keys as they are now. `client` gives bytes."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._kept = {key: (client.dump(key), max(0, client.pttl(key))) for key in client.scan_iter(count=1000)}

    def come_back(self) -> None:
        self._client.flushdb()
        for key, (value, ttl_ms) in self._kept.items():
            self._client.restore(key, ttl_ms, value)
