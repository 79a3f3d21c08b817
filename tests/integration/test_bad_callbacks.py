# SPDX-License-Identifier: Apache-2.0
"""The table of bad callbacks (tests/integration/bad_requests/callbacks.py): each gets its exact answer from one and the
same worker, changes nothing in Redis, and costs no memory. The true ones still hold afterwards."""

from __future__ import annotations

import collections
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
GROWTH_MAX_KB = 2048


class Scene:
    """Four calls: two that are live, one that has ended and is settled, one whose create request is not answered yet."""

    def __init__(self, fleet: Fleet, platform: Platform) -> None:
        self.fleet, self.platform = fleet, platform
        self.answer_create = threading.Event()
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
        platform.on_create = self._answer_late
        self.early = fleet.batch()
        platform.wait_creates(3)
        wait_until(lambda: fleet.state(self.early).get("phase") == "live", what="the fourth call is begun")
        self.before = self.snapshot()

    def _live_call(self) -> tuple[str, dict[str, Any]]:
        """A call that is over at the platform, of which the worker has not heard."""
        number = len(self.platform.creates)
        batch = self.fleet.batch()
        create = self.platform.wait_creates(number + 1)[number]
        self.fleet.wait_state(batch, phase="live", p=create.call_id)
        return batch, self.platform.end(create.call_id)

    def _answer_late(self, request: Received) -> Answer:
        call = self.platform.place(request)
        return answer_json(201, call, after=self.answer_create)

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
        """Everything but what a worker says of itself, and the proof of the rate, which is gone after two seconds."""
        engine = self.fleet.engine()
        own = {engine.key(name).encode() for name in ("workers", "processes", "cell")}
        client = self.fleet.client
        return {key: client.dump(key) for key in client.scan_iter(count=1000) if key not in own and b":begins:" not in key}

    def assert_unharmed(self) -> None:
        assert self.worker.is_running() and self.worker.pid == self.pid
        assert self.worker.is_ready()
        before, self.before = self.before, self.snapshot()
        assert self.before == before


@pytest.fixture(scope="module")
def scene(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Platform(PLATFORM_KEY) as platform:
        fleet = Fleet(redis_server, tmp_path_factory.mktemp("fleet"))
        # Nothing here is settled by looking: only what is said counts.
        fleet.trunk(platform.url, poll_after_ms=80_000_000)
        try:
            made = Scene(fleet, platform)
            yield made
            made.answer_create.set()
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
    scene.assert_unharmed()


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
    scene.assert_unharmed()


def test_after_all_of_that_the_true_ones_still_hold(scene: Scene) -> None:
    """Last in this file: the live call is settled, and so is the one whose create request was never answered."""
    scene.platform.analyze(scene.ended["call_id"])
    assert scene.say("call_analyzed", scene.platform.calls[scene.ended["call_id"]]) == (200, {"status": "ok"})
    assert scene.fleet.wait_final(scene.live) == {"COMPLETED": 1}
    early = next(call for call in scene.platform.calls.values() if call["metadata"]["carillon_token"].startswith(scene.early + "."))
    assert scene.platform.hang_up(early["call_id"], scene.worker.url) == (200, {"status": "ok"})
    assert scene.fleet.wait_final(scene.early) == {"COMPLETED": 1}
    scene.answer_create.set()
    wait_until(lambda: scene.fleet.attempts(scene.early), what="the log of its dial")
    assert scene.fleet.counters(scene.early)["attempts"] == 1
