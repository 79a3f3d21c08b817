# SPDX-License-Identifier: Apache-2.0
"""A begin that fails in its midst, for a right that its user lacks or for what Redis holds, has begun nothing and counted nothing."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

import pytest
import redis

from tests.lua.model.driver import shard
from tests.support.auditor import audit_cell
from tests.support.engine import Engine, Slot, phone_of
from tests.support.mutations import LONG_WAYS
from tests.support.redis_clock import RedisClock
from tests.support.scripts import Scripts

CALLS = 3
CALLER = "4930123456"
WAYS: dict[str, dict[str, str]] = {"straight": {}, "long": {"call_begin": LONG_WAYS["call_begin"].script()}}


@dataclasses.dataclass(frozen=True)
class Torn:
    """A key of another type, BATCH being the calls' batch, OTHER one that calls the same numbers, and NUMBER each of these."""

    key: str
    caller: str = ""  # of platforms that find a lost call by both numbers
    is_late: bool = False  # the calls may not begin any more, and are to be given back
    is_waited_for: bool = False  # the other batch wants to call the numbers too


TORN = {
    "its attempts": Torn("batch:BATCH:attempts:0"),
    "its attempts, where both numbers find it": Torn("batch:BATCH:attempts:0", CALLER),
    "what was placed to its number": Torn("placed:NUMBER", CALLER),
    "its tenant's events": Torn(f"events:{shard('acme')}"),
    "its retries": Torn("batch:BATCH:retry:0", CALLER, is_late=True),
    "its retries, while another waits for its number": Torn("batch:BATCH:retry:0", is_late=True, is_waited_for=True),
    "the retries of another that waits for its number": Torn("batch:OTHER:retry:0", is_late=True, is_waited_for=True),
}


@dataclasses.dataclass
class Claimed:
    """Calls of a batch that may begin now, by one way or the other."""

    engine: Engine
    batch: str
    slots: list[Slot]

    def counters(self) -> tuple[int, int, int]:
        counters = self.engine.counters(self.batch)
        return counters["claimed"], counters["live"], counters["attempts"]

    def phases(self) -> list[str]:
        return [self.engine.state(slot.batch, slot.ordinal)["phase"] for slot in self.slots]

    def begin_refused(self, torn: Torn, others: Sequence[Slot] = ()) -> None:
        """Each for what Redis holds. The others begin beside them."""
        answers = self.engine.begin([*self.slots, *others], caller=torn.caller)
        assert [answer[0] for answer in answers] == ["refused"] * CALLS + ["begun"] * len(others)
        assert all(answer[1].startswith("WRONGTYPE") for answer in answers[:CALLS])


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


@contextlib.contextmanager
def torn_apart(torn: Torn, claimed: Claimed, other: str = "") -> Iterator[None]:
    """What is torn is mended at the end."""
    client, key = claimed.engine.client, claimed.engine.key
    name = torn.key.replace("BATCH", claimed.batch).replace("OTHER", other)
    names = {key(name.replace("NUMBER", str(phone_of(slot.record)))) for slot in claimed.slots}
    was = {name: client.dump(name) for name in names}
    for name in names:
        client.set(name, "of another type")
    yield
    for name, dump in was.items():
        client.delete(name)
        if dump:
            client.restore(name, 0, dump)


def ring(claimed: Claimed, cell: Engine, clock: RedisClock) -> None:
    """Each call of the batch is claimed, begun and finished, when its claim has lapsed."""
    for _ in range(100):
        clock.step(50_000)
        cell.tick()
        slots = cell.claim().slots
        for slot, answer in zip(slots, claimed.engine.begin(slots) if slots else []):
            if answer[0] == "begun":
                assert cell.finish(slot) == "final"
    assert cell.counters(claimed.batch)["succeeded"] == CALLS
    assert cell.hash(f"batch:{claimed.batch}")["state"] == "completed"


@pytest.mark.parametrize("what", TORN)
def test_a_begin_that_is_refused_for_what_is_torn_has_done_nothing_and_its_call_rings_when_that_is_mended(
    claimed: Claimed, cell: Engine, clock: RedisClock, what: str
) -> None:
    """Half begun, it would wait for what no platform was asked for; half given back, for nobody."""
    torn, other = TORN[what], ""
    if torn.is_waited_for:
        other = cell.batch("acme", "main", [phone_of(slot.record) for slot in claimed.slots], cps=30)
        clock.step(50_000)
        assert cell.claim().limit == "number"
    clock.step(400_000 if torn.is_late else 0)
    cell.tenant("zeta")
    sound = cell.batch("zeta", "main", cps=30)
    beside = cell.claim().slots
    assert [slot.batch for slot in beside] == [sound]
    with torn_apart(torn, claimed, other):
        for _ in range(2):
            claimed.begin_refused(torn, beside)
            assert claimed.phases() == ["claimed"] * CALLS and claimed.counters() == (CALLS, 0, 0)
            assert cell.counters(claimed.batch)["due"] == 0
            assert cell.client.zrange(cell.key("live"), 0, -1) == [beside[0].member.encode()]
            assert cell.counters(sound)["live"] == cell.counters(sound)["attempts"] == 1
    assert audit_cell(cell) == []
    if torn.is_late:
        assert [answer[:2] for answer in claimed.engine.begin(claimed.slots)] == [("released", "late")] * CALLS
        assert audit_cell(cell) == []
    ring(claimed, cell, clock)


@pytest.mark.parametrize("what", [what for what, torn in TORN.items() if not torn.is_late])
def test_a_call_whose_begin_is_refused_for_what_is_torn_can_be_struck(claimed: Claimed, what: str) -> None:
    with torn_apart(TORN[what], claimed):
        claimed.begin_refused(TORN[what])
        for slot in claimed.slots:
            assert claimed.engine.scripts.run("call_strike", "w1", *slot.ref, "begin_refused")[0] == b"struck"
