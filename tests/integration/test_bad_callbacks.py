# SPDX-License-Identifier: Apache-2.0
"""The table of bad callbacks (tests/integration/bad_requests/callbacks.py): each gets its exact answer from one and the
same worker, changes nothing in Redis, and costs no memory. The true ones still hold afterwards."""

from __future__ import annotations

import collections
import contextlib
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.bad_requests.callbacks import ROWS, CallbackRow
from tests.support.fleet import PLATFORM_KEY, Fleet
from tests.support.http_receiver import Answer, Received
from tests.support.platform import Platform, answer_json
from tests.support.processes import FRUGAL
from tests.support.raw_http import RawAnswer, exchange
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

ROUNDS = 3
TALK_S = 14_400  # no call is given up while the table is asked, however long that takes
GROWTH_MAX_KB = 2048
OTHERWISE = re.compile(b":begins:|:claim:|:placed:")


class Scene:
    """Three calls: two that are live, one that has ended and is settled."""

    def __init__(self, fleet: Fleet, platform: Platform) -> None:
        self.fleet, self.platform = fleet, platform
        self.worker = fleet.worker(env=FRUGAL)
        self.pid = self.worker.pid
        self.live, self.ended = self._live_call()
        _, other = self._live_call()
        self.other_token = other["metadata"]["carillon_token"]
        settled, self.done = self._live_call()
        platform.analyze(self.done["call_id"])
        self.done = platform.calls[self.done["call_id"]]
        assert self.say("call_analyzed", self.done) == (200, {"status": "ok"})
        fleet.wait_final(settled)
        wait_until(lambda: not any(at.startswith(b"seen/") for at in fleet.cells_hold("purge")), what="its batch is tidied up")
        self.before, self.told_before = self.snapshot(), self.told()

    def _live_call(self) -> tuple[str, dict[str, Any]]:
        """A call that is over at the platform, of which the worker has not heard."""
        number = len(self.platform.creates)
        batch = self.fleet.batch(talk_s=TALK_S)
        create = self.platform.wait_creates(number + 1)[number]
        self.fleet.wait_state(batch, phase="live", p=create.call_id)
        return batch, self.platform.end(create.call_id)

    @contextlib.contextmanager
    def unanswered_call(self) -> Iterator[tuple[str, str]]:
        """Its batch, and its id at the platform. The create request has its answer at the end."""
        answer_create = threading.Event()

        def answer_late(request: Received) -> Answer:
            return answer_json(201, self.platform.place(request), after=answer_create)

        self.platform.on_create = answer_late
        number = len(self.platform.creates)
        batch = self.fleet.batch()
        try:
            yield batch, self.platform.wait_creates(number + 1)[number].call_id
        finally:
            answer_create.set()

    # ---- what rows are made of ----

    @property
    def now_ms(self) -> int:
        return int(time.time() * 1000)

    def token(self, batch: str, ordinal: int, dial: int) -> str:
        return self.fleet.token(batch, ordinal, dial)

    # ---- asking and looking ----

    def say(self, event: str, call: dict[str, Any]) -> tuple[int, Any]:
        return self.platform.callback(event, call, self.worker.url)

    def ask(self, row: CallbackRow) -> list[RawAnswer]:
        return exchange(self.worker.port, row.make(self), end=row.end)

    def snapshot(self) -> dict[bytes, Any]:
        """Everything but what a worker says of itself, what goes by itself (proofs of rates, and the last claim), and told()."""
        engine = self.fleet.engine()
        own = {engine.key(name).encode() for name in ("workers", "processes", "cell")}
        client = self.fleet.client
        return {key: client.dump(key) for key in client.scan_iter(count=1000) if key not in own and not OTHERWISE.search(key)}

    def told(self) -> dict[bytes, Any]:
        """Of dials that Redis does not know."""
        client = self.fleet.client
        return {key: client.hgetall(key) for key in client.scan_iter(match=self.fleet.engine().key("placed:*"), count=1000)}

    def assert_unharmed(self, *, is_told: bool = False) -> None:
        """`is_told`: more may be known of such dials."""
        assert self.worker.is_running() and self.worker.pid == self.pid
        assert self.worker.is_ready()
        before, self.before = self.before, self.snapshot()
        assert self.before == before
        told_before, self.told_before = self.told_before, self.told()
        assert is_told or self.told_before == told_before


@pytest.fixture(scope="module")
def scene(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Platform(PLATFORM_KEY) as platform:
        fleet = Fleet(redis_server, tmp_path_factory.mktemp("fleet"))
        # Nothing here is settled by looking: only what is said counts.
        fleet.trunk(platform.url, poll_after_ms=80_000_000)
        try:
            yield Scene(fleet, platform)
        finally:
            fleet.close()


def assert_answers(answers: list[RawAnswer], row: CallbackRow) -> None:
    assert [answer.status for answer in answers] == ([] if row.status is None else [row.status]), answers
    if row.word is not None:
        assert answers[0].json() == {"status": row.word}
    if row.status == 405:
        assert answers[0].headers["allow"] == row.allow


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name[:80])
def test_a_bad_callback_gets_its_exact_answer_and_changes_nothing(scene: Scene, row: CallbackRow) -> None:
    assert_answers(scene.ask(row), row)
    scene.assert_unharmed(is_told=row.tells)


def test_the_table_has_every_row_once() -> None:
    assert [name for name, count in collections.Counter(row.name for row in ROWS).items() if count > 1] == []


def test_memory_stays_flat_over_the_whole_table_again_and_again(scene: Scene) -> None:
    def ask_all() -> None:
        for row in ROWS:
            assert_answers(scene.ask(row), row)

    for _ in range(2):
        ask_all()
    before_kb = scene.worker.rss_kb()
    for _ in range(ROUNDS):
        ask_all()
    assert scene.worker.rss_kb() - before_kb < GROWTH_MAX_KB
    scene.assert_unharmed(is_told=True)


def test_after_all_of_that_the_true_ones_still_hold(scene: Scene) -> None:
    """Last in this file: the live call is settled, and so is one whose create request is not answered yet."""
    scene.platform.analyze(scene.ended["call_id"])
    assert scene.say("call_analyzed", scene.platform.calls[scene.ended["call_id"]]) == (200, {"status": "ok"})
    assert scene.fleet.wait_final(scene.live) == {"COMPLETED": 1}
    with scene.unanswered_call() as (early, call_id):
        assert scene.platform.hang_up(call_id, scene.worker.url) == (200, {"status": "ok"})
        assert scene.fleet.wait_final(early) == {"COMPLETED": 1}
    wait_until(lambda: scene.fleet.attempts(early), what="the log of its dial")
    assert scene.fleet.counters(early)["attempts"] == 1
