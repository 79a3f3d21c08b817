# SPDX-License-Identifier: Apache-2.0
"""call_claim has a straight way for a lane whose next call is a fresh contact that may begin at once, as most are, and a way for
every lane. Here each claim goes both on the same random state."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.support.changes import Change
from tests.support.engine import Engine, Slot, phone_of
from tests.support.redis_clock import RedisClock
from tests.support.redis_server import RedisServer
from tests.support.scripts import Scripts
from tests.support.ways import Ways

START_US = 1_763_283_600_000_000
LONG_WAY = Change("call_claim", "ordinary_until_ms = lane_ordinary_until_ms(batch)", "ordinary_until_ms = 0")
STEPS = 25
CPS = (100_000, 100_000, 1000, 150, 30, 7, 2)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer(is_clock_decreed=True) as running:
        yield running


class BothWays(Scripts):
    """Whose claims go both."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._ways = Ways(client, "call_claim", LONG_WAY)

    def run(self, name: str, *args: Any) -> Any:
        return self._ways.check(*args) if name == "call_claim" else super().run(name, *args)


class World:
    """Trunks, tenants and batches of all sorts, and what workers do to them."""

    def __init__(self, engine: Engine, clock: RedisClock, seed: int) -> None:
        self.engine, self.clock, self.chance = engine, clock, random.Random(seed)
        self.claimed: list[Slot] = []
        self.begun: list[Slot] = []
        self.answered = 0
        pick = self.chance.choice
        self.trunks = ["east", "west"][: pick((1, 1, 2))]
        for trunk in self.trunks:
            engine.trunk(trunk, cps=pick(CPS), max_concurrent=pick(("", "", 3, 30)))
        self.tenants = ["acme", "beta", "gamma", "delta"][: pick((1, 2, 4))]
        for tenant in self.tenants:
            engine.tenant(tenant, cps=pick(CPS), weight=pick((1, 1, 2, 3)), max_concurrent=pick(("", "", "", 5, 40)))
        for _ in range(pick((2, 6, 12))):
            self.fill()

    def fill(self) -> None:
        pick, now_ms = self.chance.choice, self.clock.now_us // 1000
        fields: dict[str, object] = {"cps": pick(CPS), "priority": pick((5, 5, 5, 1, 9))}
        if self.chance.random() < 0.2:
            fields["max_concurrent"] = pick((1, 4))
        if self.chance.random() < 0.15:
            fields["expires_ms"] = now_ms + pick((150, 3_000, 600_000))
        if self.chance.random() < 0.15:
            shuts_ms = now_ms + pick((50, 2_000, 100_000))
            fields |= {"hours": f"{now_ms}-{shuts_ms} {shuts_ms + 500}-{shuts_ms + 900_000}", "hours_until_ms": shuts_ms + 900_000}
        first = pick((15550000001, 15550000001, 441500000001, 4915100000001, 999000001))
        numbers = [first + self.chance.randrange(pick((30, 10_000))) for _ in range(pick((1, 5, 70, 140)))]
        self.engine.batch(pick(self.tenants), pick(self.trunks), list(dict.fromkeys(numbers)),
                          start_in_ms=pick((None, None, None, 120, 2_000)), **fields)  # fmt: skip

    def take(self, slots: list[Slot]) -> list[Slot]:
        """Some of them, which are no more in the list."""
        self.chance.shuffle(slots)
        some = slots[: self.chance.choice((1, 8, 60))]
        del slots[: len(some)]
        return some

    def claim(self) -> None:
        pick = self.chance.choice
        found = self.engine.claim(pick(("w1", "w2")), calls=pick((64, 64, 20, 1)), steps=pick((400, 130, 130, 25, 3))).slots
        assert all(self.engine.state(*slot.ref[:2])["t"] == str(phone_of(slot.record)) for slot in found)
        self.answered += len(found)
        self.claimed += found

    def begin(self) -> None:
        slots = self.take(self.claimed)
        for worker in ("w1", "w2"):
            answers = self.engine.begin(slots, worker)
            self.begun += [slot for slot, answer in zip(slots, answers) if answer[0] == "begun"]

    def finish(self) -> None:
        for slot in self.take(self.begun):
            if self.chance.random() < 0.6:
                self.engine.finish(slot)
            else:
                self.engine.finish(slot, "retry", "BUSY", self.chance.choice((0, 40, 900)))

    def release(self) -> None:
        self.engine.release(self.take(self.claimed))

    def lose_tail(self) -> None:
        self.engine.open(f"run{self.chance.random()}", close_for_ms=100)

    def wait(self) -> None:
        self.clock.step(self.chance.choice((1, 700, 1_000, 33_000, 180_000, 1_000_000)))

    def step_back(self) -> None:
        self.clock.step(-self.chance.choice((1_000, 400_000)))

    def tick(self) -> None:
        self.engine.tick()

    def live(self) -> None:
        weighted = {self.claim: 10, self.wait: 8, self.begin: 5, self.finish: 4, self.release: 1, self.fill: 1, self.tick: 1,
                    self.lose_tail: 0.2, self.step_back: 0.3}  # fmt: skip
        for step in self.chance.choices(list(weighted), list(weighted.values()), k=STEPS):
            step()
        self.clock.step(1_500_000)
        self.claim()


@pytest.mark.parametrize("seed", range(24))
def test_an_ordinary_calls_straight_way_writes_what_the_long_way_writes(server: RedisServer, seed: int) -> None:
    client = server.client()
    client.flushall()
    server.clock.stand(START_US)
    world = World(Engine(client, scripts=BothWays(client)), server.clock, seed)
    world.live()
    assert world.answered > 0


def retry_later(engine: Engine, batch: str, clock: RedisClock) -> None:
    slot = engine.begin_next(batch)
    engine.finish(slot, "retry", "BUSY", 600_000)


def lose_a_tail(engine: Engine, batch: str, clock: RedisClock) -> None:
    """And claim all that it left in doubt."""
    engine.open("a run", close_for_ms=100)
    for _ in range(10):
        engine.claim()
        clock.step(100_000)
    engine.open("another run", close_for_ms=100)
    for _ in range(100):
        clock.step(100_000)
        engine.claim()
        fields = engine.hash(f"batch:{batch}")
        if int(fields["cursor"]) >= int(fields.get("tail_cursor", 10_000)):
            return
    raise AssertionError(f"not all in doubt is claimed: {fields}")


UNTIL_MS = START_US // 1000 + 600_000


@pytest.mark.parametrize(("fields", "happens"), [
    ({}, None), ({"hours": f"{START_US // 1000 - 5000}-{UNTIL_MS}", "hours_until_ms": UNTIL_MS}, None), ({"expires_ms": UNTIL_MS}, None),
    ({}, retry_later), ({}, lose_a_tail),
], ids=["plain", "hours", "expiry", "a retry waits", "after a lost tail"])  # fmt: skip
def test_fresh_contacts_go_the_straight_way(server: RedisServer, fields: dict[str, object], happens: Any) -> None:
    client = server.client()
    client.flushall()
    server.clock.stand(START_US)
    engine = Engine(client)
    engine.trunk("main", cps=1000)
    engine.tenant("acme", cps=1000)
    batch = engine.batch("acme", "main", 2000, cps=100, **fields)
    if happens:
        happens(engine, batch, server.clock)
    server.clock.step(1_000_000)
    blocked = Change("call_claim", "local function visit_lane(trunk, flow, lane, f_us)\n", "local function visit_lane()\n  fail('long')\n")
    assert len(Engine(client, scripts=Scripts(client, changed={"call_claim": blocked.script()})).claim("w2").slots) > 5
