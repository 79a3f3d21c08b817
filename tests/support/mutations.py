# SPDX-License-Identifier: Apache-2.0
"""Would the tests notice? Each mutation takes one line of a script away that keeps a promise. The guard of that promise, a
short scenario on a real Redis whose clock stands still, must pass on the scripts as they are and fail on the mutated one.

A mutation whose text is not there any more fails: whoever changes a script says there what keeps the promise now. They stand
in tests/lua/test_mutations_*.py, each with a table and these two tests of it:

    test_the_scripts_keep_the_promise = guards_hold(MUTATIONS)
    test_a_script_that_breaks_it_is_caught = mutations_are_caught(MUTATIONS)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.support.auditor import audit
from tests.support.changes import Change, changed_script
from tests.support.engine import Engine, Slot
from tests.support.redis_clock import RedisClock
from tests.support.redis_server import RedisServer
from tests.support.scripts import Scripts

START_US = 1_763_283_600_000_000
NUMBER = 15551230001


class Cell(Engine):
    """An engine whose time is moved by hand, with one trunk and one tenant."""

    def __init__(self, server: RedisServer, changed: dict[str, str]) -> None:
        client = server.client()
        client.flushall()
        super().__init__(client, scripts=Scripts(client, changed=changed))
        self.clock: RedisClock = server.clock
        self.clock.stand(START_US)
        self.trunk("main")
        self.tenant("acme")

    def fill(self, contacts: int | list[int] = 3, **fields: object) -> str:
        return self.batch("acme", "main", contacts, cps=30, **fields)

    def wait(self, ms: float) -> None:
        self.clock.step(int(ms * 1000))

    def claim_one(self, worker: str = "w1") -> Slot:
        self.wait(50)
        slots = self.claim(worker, calls=1).slots
        assert slots, "nothing is handed out"
        return slots[0]

    def begin_one(self, worker: str = "w1") -> Slot:
        slot = self.claim_one(worker)
        assert self.begin([slot], worker)[0][0] == "begun"
        return slot

    def phase(self, slot: Slot) -> str:
        return self.state(slot.batch, slot.ordinal).get("phase", "due")

    def audit(self) -> None:
        batches = [name.decode() for name in self.client.zrange(self.key("tenant:acme:batches"), 0, -1)]
        assert audit(self, ["acme"], ["main"], batches) == []


Guard = Callable[[Cell], None]

# Of scripts with a straight way for ordinary calls: by what all go the other way.
LONG_WAYS = {"call_begin": Change("call_begin", "    if slot_us and lease and", "    if false and lease and")}


@dataclasses.dataclass(frozen=True)
class Mutation:
    promise: str  # what is broken, in words
    script: str
    old: str
    new: str
    guard: Guard
    is_long: bool = False  # it breaks what the script does with any call, where none goes the straight way of ordinary ones

    def text(self) -> str:
        changes = [Change(self.script, self.old, self.new)]
        return changed_script(self.script, *changes, *([LONG_WAYS[self.script]] if self.is_long else []))


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer(is_clock_decreed=True) as running:
        yield running


def guards_hold(mutations: Sequence[Mutation]) -> Callable[[RedisServer, Guard], None]:
    """A test of every guard on the scripts as they are."""
    guards = {mutation.guard.__name__: mutation.guard for mutation in mutations}

    @pytest.mark.parametrize("guard", guards.values(), ids=guards)
    def test(server: RedisServer, guard: Guard) -> None:
        guard(Cell(server, {}))

    return test


def mutations_are_caught(mutations: Sequence[Mutation]) -> Callable[[RedisServer, Mutation], None]:
    """A test of every mutation: its guard fails."""

    @pytest.mark.parametrize("mutation", mutations, ids=lambda mutation: mutation.promise)
    def test(server: RedisServer, mutation: Mutation) -> None:
        cell = Cell(server, {mutation.script: mutation.text()})
        with pytest.raises(AssertionError):
            mutation.guard(cell)

    return test
