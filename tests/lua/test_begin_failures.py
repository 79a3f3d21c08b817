# SPDX-License-Identifier: Apache-2.0
"""A begin that fails in its midst, for a right that its user lacks or for what Redis holds, has begun nothing and counted nothing."""

from __future__ import annotations

import dataclasses

import pytest
import redis

from tests.lua.model.driver import shard
from tests.support.auditor import audit_cell
from tests.support.engine import Engine, Slot, phone_of
from tests.support.mutations import LONG_WAYS
from tests.support.redis_clock import RedisClock
from tests.support.scripts import Scripts

CALLS = 3
WAYS: dict[str, dict[str, str]] = {"straight": {}, "long": {"call_begin": LONG_WAYS["call_begin"].script()}}


@dataclasses.dataclass
class Claimed:
    """Calls of a batch that may begin now, by one way or the other."""

    engine: Engine
    batch: str
    slots: list[Slot]

    def counters(self) -> tuple[int, int, int]:
        counters = self.engine.counters(self.batch)
        return counters["claimed"], counters["live"], counters["attempts"]


@pytest.fixture(params=WAYS)
def changed(request: pytest.FixtureRequest) -> dict[str, str]:
    """What makes all calls go that way."""
    return WAYS[request.param]


@pytest.fixture
def claimed(changed: dict[str, str], cell: Engine, clock: RedisClock) -> Claimed:
    batch = cell.batch("acme", "main", CALLS, cps=30, on_event="http://127.0.0.1/all")
    slots: list[Slot] = []
    while len(slots) < CALLS:
        slots += cell.claim().slots
        clock.step(50_000)
    return Claimed(Engine(cell.client, scripts=Scripts(cell.client, changed=changed)), batch, slots)


@pytest.fixture
def lacking(request: pytest.FixtureRequest, changed: dict[str, str], cell: Engine) -> Engine:
    """The engine as a user that lacks the right to a command: `request.param`."""
    cell.client.acl_setuser("lacking", enabled=True, nopass=True, keys=["*"], channels=["*"], reset=True,
                            commands=["+@all", f"-{request.param}"])  # fmt: skip
    settings = {**cell.client.connection_pool.connection_kwargs, "username": "lacking", "password": ""}
    pool = redis.ConnectionPool(connection_class=cell.client.connection_pool.connection_class, **settings)
    client = redis.Redis(connection_pool=pool)
    return Engine(client, scripts=Scripts(client, changed=changed))


@pytest.mark.parametrize("lacking", ("lindex", "rpush", "pexpire", "zadd", "hset", "xadd", "publish"), indirect=True)
def test_a_begin_whose_user_lacks_a_right_counts_no_call_and_once_it_is_given_counts_each_once(
    claimed: Claimed, lacking: Engine
) -> None:
    with pytest.raises(redis.ResponseError, match="can't run this command"):
        lacking.begin(claimed.slots)
    assert claimed.counters() == (CALLS, 0, 0)
    assert [answer[0] for answer in claimed.engine.begin(claimed.slots)] == ["begun"] * CALLS
    assert claimed.counters() == (0, CALLS, CALLS)


@pytest.mark.parametrize("torn", ("batch:BATCH:attempts:0", "placed:NUMBER", f"events:{shard('acme')}"))
def test_a_call_whose_begin_is_refused_for_what_redis_holds_is_nowhere_said_to_be_begun(claimed: Claimed, torn: str) -> None:
    engine, (slot, *_) = claimed.engine, claimed.slots
    key = engine.key(torn.replace("BATCH", claimed.batch).replace("NUMBER", str(phone_of(slot.record))))
    engine.client.delete(key)
    engine.client.set(key, "of another type")
    answers = engine.begin([slot], caller="4930123456" if "placed" in torn else "")
    assert [answer[0] for answer in answers] == ["refused"]
    assert engine.state(slot.batch, slot.ordinal)["phase"] == "claimed"
    assert claimed.counters() == (CALLS, 0, 0)
    assert engine.client.zcard(engine.key("live")) == 0
    assert engine.scripts.run("call_strike", "w1", *slot.ref, "begin_refused")[0] == b"struck"


@pytest.mark.parametrize("whose", ("its own", "another's that waits for its number"))
def test_a_call_whose_begin_fails_half_way_is_as_it_was_and_comes_back_when_what_is_torn_is_mended(
    claimed: Claimed, cell: Engine, clock: RedisClock, whose: str
) -> None:
    numbers = [phone_of(slot.record) for slot in claimed.slots]
    other = cell.batch("acme", "main", numbers, cps=30)
    clock.step(50_000)
    assert cell.claim().limit == "number"
    torn = cell.key(f"batch:{claimed.batch if whose == 'its own' else other}:retry:0")
    assert cell.client.set(torn, "of another type", nx=True)
    clock.step(400_000)
    for _ in range(2):
        answers = claimed.engine.begin(claimed.slots)
        assert [answer[0] for answer in answers] == ["refused"] * CALLS
        assert claimed.counters() == (CALLS, 0, 0) and cell.counters(claimed.batch)["due"] == 0
    cell.client.delete(torn)
    assert [answer[:2] for answer in claimed.engine.begin(claimed.slots)] == [("released", "late")] * CALLS
    assert audit_cell(cell) == []
