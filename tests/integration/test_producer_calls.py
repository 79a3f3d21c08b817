# SPDX-License-Identifier: Apache-2.0
"""A batch's calls one by one: paged, filtered, and each where it stands."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from tests.support.cli import DONE, FAILED, Cli
from tests.support.engine import Begin, Fleet
from tests.support.producer_api import Api, numbers

FIELDS = {"id", "callSid", "status", "duration", "createdAt", "phoneNumber", "contactName", "contactId", "outcome", "attempts",
          "endedAt", "nextAttemptAt", "recordingUrl"}
OUTCOMES = ("COMPLETED", "NO_ANSWER", "BUSY")


def page(api: Api, key: str, batch: str, query: str = "") -> dict[str, Any]:
    answer = api.get(f"/api/v1/batch/{batch}/calls{query}", key)
    assert answer.status == 200, answer
    return answer.json()


def pages(api: Api, key: str, batch: str, query: str) -> list[list[dict[str, Any]]]:
    """All pages of a list, whose cursors must come to an end."""
    found, cursor = [], ""
    while True:
        said = page(api, key, batch, f"{query}{cursor}")
        found.append(said["calls"])
        if said["nextCursor"] is None:
            return found
        cursor = f"&cursor={said['nextCursor']}"


def places(calls: list[dict[str, Any]]) -> list[int]:
    return [int(call["id"].rpartition("-")[2]) for call in calls]


def by_turns(begin: Begin) -> tuple[str, str, int | None]:
    return ("final", OUTCOMES[begin.ordinal % 3], None)


@pytest.fixture(scope="module")
def finished(api: Api, acme: str) -> str:
    """90 contacts, whose calls ended by turns; every second one has a name and an id."""
    contacts = [{"phoneNumber": number, "name": f"Contact {i}", "id": f"lead-{i}"} if i % 2 else {"phoneNumber": number}
                for i, number in enumerate(api.fresh_numbers(90))]
    batch = api.create(acme, contacts, maxCallsPerSecond=30, retryStrategy={"maxAttempts": 1})
    Fleet(api.engine, outcome=by_turns).run(30.0, until=lambda: api.batch(batch)["state"] == "completed")
    assert api.batch(batch)["state"] == "completed"
    return batch


def test_every_call_is_told_in_the_order_of_the_contacts(api: Api, acme: str, finished: str) -> None:
    said = page(api, acme, finished)
    assert set(said) == {"batchId", "total", "calls", "nextCursor"}
    assert (said["batchId"], said["total"], said["nextCursor"]) == (finished, 90, None)
    assert places(said["calls"]) == list(range(90))
    for i, call in enumerate(said["calls"]):
        assert set(call) == FIELDS
        assert (call["outcome"], call["attempts"], call["callSid"]) == (OUTCOMES[i % 3], 1, "p1")
        assert call["status"] == ("COMPLETED", "MISSED", "MISSED")[i % 3]
        assert (call["contactName"], call["contactId"]) == ((f"Contact {i}", f"lead-{i}") if i % 2 else ("Unknown", None))
        assert call["createdAt"] and call["endedAt"] and call["nextAttemptAt"] is None


@pytest.mark.parametrize("limit", [1, 7, 64, 89, 90, 91])
def test_pages_show_each_call_once(api: Api, acme: str, finished: str, limit: int) -> None:
    found = pages(api, acme, finished, f"?limit={limit}")
    assert [len(calls) for calls in found[:-1]] == [limit] * (len(found) - 1)
    assert places([call for calls in found for call in calls]) == list(range(90))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=COMPLETED", range(0, 90, 3)),
        ("status=MISSED", [i for i in range(90) if i % 3]),
        ("status=ONGOING", []),
        ("outcome=BUSY", range(2, 90, 3)),
        ("outcome=NO_ANSWER&status=MISSED", range(1, 90, 3)),
        ("outcome=BUSY&status=COMPLETED", []),
    ],
)
def test_a_filter_shows_what_fits_and_nothing_else(api: Api, acme: str, finished: str, query: str, expected: Any) -> None:
    assert places(page(api, acme, finished, f"?{query}")["calls"]) == list(expected)
    found = pages(api, acme, finished, f"?limit=4&{query}")
    assert places([call for calls in found for call in calls]) == list(expected)


def test_a_filter_looks_at_ten_thousand_calls_and_says_where_to_go_on(api: Api, acme: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=12_001, start_in_ms=3_600_000)
    said = page(api, acme, batch, "?status=COMPLETED")
    assert said["calls"] == [] and said["nextCursor"] is not None
    assert page(api, acme, batch, f"?status=COMPLETED&cursor={said['nextCursor']}") == {
        "batchId": batch, "total": 12_001, "calls": [], "nextCursor": None
    }
    rest = page(api, acme, batch, f"?status=SCHEDULED&cursor={said['nextCursor']}&limit=1")
    assert places(rest["calls"]) == [10_000]


def test_a_call_that_waits_for_its_retry_says_when(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(2), maxCallsPerSecond=30)
    fleet = Fleet(api.engine, outcome=lambda begin: ("retry", "BUSY", 3_600_000))
    fleet.run(20.0, until=lambda: len(page(api, acme, batch, "?status=MISSED")["calls"]) == 2)
    for call in page(api, acme, batch)["calls"]:
        assert (call["status"], call["outcome"], call["attempts"]) == ("MISSED", "BUSY", 1)
        assert call["nextAttemptAt"] > call["endedAt"]
    api.post(f"/api/v1/batch/{batch}/cancel", key=acme)


def test_calls_on_the_line_have_no_outcome_yet(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(2), maxCallsPerSecond=30)
    fleet = Fleet(api.engine, talk_s=3600)
    fleet.run(20.0, until=lambda: len(page(api, acme, batch, "?status=ONGOING")["calls"]) == 2)
    assert [call["outcome"] for call in page(api, acme, batch)["calls"]] == [None, None]
    api.post(f"/api/v1/batch/{batch}/cancel", key=acme)


def test_contacts_that_a_cancel_ended_are_found_by_that_outcome(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(3))
    assert [call["outcome"] for call in page(api, acme, batch)["calls"]] == [None] * 3
    api.post(f"/api/v1/batch/{batch}/cancel", key=acme)
    assert len(page(api, acme, batch, "?outcome=CANCELLED&status=FAILED")["calls"]) == 3


def test_a_cursor_of_another_batch_is_refused(api: Api, acme: str, finished: str) -> None:
    other = api.create(acme, numbers(2))
    cursor = page(api, acme, finished, "?limit=1")["nextCursor"]
    answer = api.get(f"/api/v1/batch/{other}/calls?cursor={cursor}", acme)
    assert (answer.status, list(answer.field_errors)) == (400, ["cursor"])


def test_a_batch_that_was_never_sealed_has_no_calls(api: Api, acme: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=2, seal=False)
    assert api.get(f"/api/v1/batch/{batch}/calls", acme).code == "BATCH_NOT_FOUND"


# ---- the command line ----


@pytest.fixture
def cli(api: Api, acme: str, tmp_path: pathlib.Path) -> Cli:
    key_file = tmp_path / "api.key"
    key_file.write_text(acme, encoding="ascii")
    return Cli(url=f"http://127.0.0.1:{api.process.port}", api_key_file=key_file)


def test_the_command_line_lists_every_call_of_every_page(api: Api, acme: str, cli: Cli) -> None:
    batch = api.engine.batch("acme", "main", contacts=2_345, start_in_ms=3_600_000)
    lines = cli.done("calls", batch).out.splitlines()
    assert lines[0].split() == ["CALL", "NUMBER", "STATUS", "ATTEMPTS", "SECONDS", "LAST", "BEGIN", "OUTCOME"]
    assert [int(line.split()[0]) for line in lines[1:]] == list(range(2_345))
    assert {line.split()[2] for line in lines[1:]} == {"SCHEDULED"}


def test_the_command_line_filters_and_speaks_json(api: Api, cli: Cli, finished: str) -> None:
    ended = cli("calls", finished, "--outcome", "BUSY", "--json")
    assert ended.status == DONE
    calls = [json.loads(line) for line in ended.out.splitlines()]
    assert places(calls) == list(range(2, 90, 3)) and set(calls[0]) == FIELDS
    assert cli("calls", finished, "--status", "ONGOING", "--json").out == ""
    ended = cli("calls", "batch_c0_00000000000000000000")
    assert ended.status == FAILED and "BATCH_NOT_FOUND" in ended.err
