# SPDX-License-Identifier: Apache-2.0
"""The table of bad requests (tests/integration/bad_requests): each gets its exact answer from one and the same producer,
which stays up, keeps its memory flat, and leaves nothing behind in Redis."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.bad_requests import access, admin, changes, contacts, fields, suppressions, text, webhooks, wire
from tests.integration.bad_requests.row import Row
from tests.support.processes import FRUGAL
from tests.support.producer_api import Api, numbers
from tests.support.raw_http import RawAnswer, exchange
from tests.support.redis_server import RedisServer

ROWS: list[Row] = [*wire.ROWS, *access.ROWS, *text.ROWS, *fields.ROWS, *suppressions.ROWS, *admin.ROWS, *changes.ROWS, *contacts.ROWS,
                   *webhooks.ROWS]  # fmt: skip
ROUNDS = 5
# A leak grows with each round, what malloc keeps for once does not. A hundred bytes for each request of a round.
GROWTH_MAX_KB = 180


class Scene:
    """One producer for all rows, with two tenants who each have a batch."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.pid = api.process.pid
        api.trunk("main")
        api.trunk("second")
        acme, globex = api.tenant("acme", alias="user_456", trunks=("main", "second")), api.tenant("globex")
        self.words = {
            "<acme>": acme,
            "<ACME>": acme.upper(),
            "<viewer>": api.key("acme", "viewer"),
            "<operator>": api.key("", "operator"),
            "<globex>": globex,
            "<batch>": api.create(acme, numbers(1)),
            "<theirs>": api.create(globex, numbers(1)),
        }
        self.before = api.snapshot()

    def ask(self, row: Row) -> list[RawAnswer]:
        request = row.request
        for word, meaning in self.words.items():
            request = request.replace(word.encode(), meaning.encode())
        return exchange(self.api.process.port, request, end=row.end)

    def assert_unharmed(self) -> None:
        assert self.api.process.is_running() and self.api.process.pid == self.pid
        assert self.api.get("/healthz").status == 200
        before, self.before = self.before, self.api.snapshot()  # so that one row's harm is not told of again by the next
        assert self.before == before


@pytest.fixture(scope="module")
def scene(redis_server: RedisServer) -> Iterator[Scene]:
    with Api(redis_server, env=FRUGAL) as api:
        yield Scene(api)


def assert_answers(answers: list[RawAnswer], row: Row) -> None:
    assert tuple(answer.status for answer in answers) == row.statuses, answers
    if not answers or answers[-1].status < 400 or not row.code:
        return
    last = answers[-1]
    body: dict[str, Any] = last.json()
    assert body["code"] == row.code, last
    assert set(body.get("details", {}).get("fieldErrors", {})) == set(row.paths), last
    assert last.headers.get("allow", "") == row.allow, last
    assert last.headers["content-type"] == "application/json" and last.headers["x-request-id"] and body["error"] and body["message"]
    assert ("www-authenticate" in last.headers) == (last.status == 401), last
    assert ("retry-after" in last.headers) == (last.status in (429, 503)), last


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name[:80])
def test_a_bad_request_gets_its_exact_answer_and_harms_nothing(scene: Scene, row: Row) -> None:
    assert_answers(scene.ask(row), row)
    scene.assert_unharmed()


def test_the_table_has_every_row_once() -> None:
    assert len(ROWS) >= 200
    assert [name for name, count in collections.Counter(row.name for row in ROWS).items() if count > 1] == []
    assert [row.name for row in ROWS if row.paths and row.statuses != (400,)] == []


def test_memory_stays_flat_over_the_whole_table_again_and_again(scene: Scene) -> None:
    def ask_all() -> None:
        for row in ROWS:
            assert_answers(scene.ask(row), row)

    ask_all()
    rss_kb = [scene.api.process.rss_kb()]
    for _ in range(ROUNDS):
        ask_all()
        rss_kb.append(scene.api.process.rss_kb())
    assert min(after - before for before, after in zip(rss_kb, rss_kb[1:])) < GROWTH_MAX_KB, rss_kb
    scene.assert_unharmed()


@pytest.mark.parametrize("number", ["5", "5.0", "5e0", "50e-1", "0.5e1", "5.000"])
def test_an_integer_may_be_written_as_json_writes_numbers(scene: Scene, number: str) -> None:
    body = b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001"}],"options":{"priority":%s}}' % number.encode()
    api = scene.api
    answer = api.request("POST", "/api/v1/batch", body, scene.words["<acme>"], {"Content-Type": "application/json"})
    assert answer.status == 202, answer
    assert api.batch(answer.json()["batchId"])["priority"] == "5"
    scene.before = api.snapshot()


