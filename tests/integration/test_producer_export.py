# SPDX-License-Identifier: Apache-2.0
"""A batch's calls and contacts as a file: whole, safe to open, and of any length in little memory."""

from __future__ import annotations

import csv
import http.client
import io
import json
import pathlib
import re
import socket
from typing import Any

import pytest

from tests.support.cli import DONE, FAILED, Cli
from tests.support.engine import Begin, Fleet
from tests.support.finished_batch import OUTCOMES, SUMMARY, finished_batch
from tests.support.processes import FRUGAL
from tests.support.producer_api import Answer, Api, numbers
from tests.support.redis_server import RedisServer
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until

FIELDS = ["id", "contactId", "phoneNumber", "name", "email", "company", "timezone", "status", "outcome", "attempts", "startTime",
          "endedAt", "duration", "nextAttemptAt", "callSid", "recordingUrl", "summary"]
OUTCOMES_AND_SUMMARIES = [(name, SUMMARY if name == "COMPLETED" else "") for name in OUTCOMES]
LONG = "x" * 900  # its metadata lies outside of its record
CONTACTS: list[dict[str, Any]] = [
    {"id": "lead-1", "name": "Jane, \"JD\" Doe", "email": "jane@example.com", "company": "=cmd|' /C calc'!A0",
     "timezone": "Europe/Paris", "metadata": {"score": 80, "note": "+1+2", "big": 12345678901234567890}},
    {"name": "Zoë\nline two", "metadata": {"note": LONG, "deep": {"a": [1, None]}, "none": None}},
    {"name": "@SUM(A1)", "metadata": {"phone": "+15551234567", "minus": "-5"}},
    {},
]


def export(api: Api, key: str, batch: str, query: str = "") -> Answer:
    answer = api.get(f"/api/v1/batch/{batch}/calls/export{query}", key)
    assert answer.status == 200, answer
    return answer


def rows_of(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


def lines_of(answer: Answer) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.body.decode().split("\n")[:-1]]


def by_turns(begin: Begin) -> tuple[str, str, int | None]:
    return ("final", ("COMPLETED", "BUSY")[begin.ordinal % 2], None)


@pytest.fixture(scope="module")
def finished(api: Api, acme: str) -> str:
    contacts = [{"phoneNumber": number, **contact} for number, contact in zip(api.fresh_numbers(4), CONTACTS)]
    batch = api.create(acme, contacts, maxCallsPerSecond=30, retryStrategy={"maxAttempts": 1})
    Fleet(api.engine, outcome=by_turns).run(30.0, until=lambda: api.batch(batch)["state"] == "completed")
    api.client.hset(api.engine.key(f"batch:{batch}:texts:0"), mapping={"0:summary": "=They said \"yes\"", "0:recording": "https://r/0"})
    return batch


def test_csv_holds_every_call_and_no_formula(api: Api, acme: str, finished: str) -> None:
    answer = export(api, acme, finished)
    assert answer.headers["content-type"].startswith("text/csv") and answer.headers["transfer-encoding"] == "chunked"
    assert answer.headers["content-disposition"] == f'attachment; filename="{finished}.csv"'
    rows = rows_of(answer)
    assert list(rows[0]) == [*FIELDS, *(f"metadata.{key}" for key in ("score", "note", "big", "deep", "none", "phone", "minus")),
                             "otherMetadata"]
    assert [row["id"] for row in rows] == [f"{finished}-{i}" for i in range(4)]
    assert [row["outcome"] for row in rows] == ["COMPLETED", "BUSY"] * 2
    assert [row["status"] for row in rows] == ["COMPLETED", "MISSED"] * 2
    first, second, third, fourth = rows
    assert (first["contactId"], first["name"], first["email"]) == ("lead-1", 'Jane, "JD" Doe', "jane@example.com")
    assert (first["company"], first["timezone"]) == ("'=cmd|' /C calc'!A0", "Europe/Paris")
    assert (first["metadata.score"], first["metadata.note"], first["metadata.big"]) == ("80", "'+1+2", "12345678901234567890")
    assert (first["summary"], first["recordingUrl"]) == ("'=They said \"yes\"", "https://r/0")
    assert (first["attempts"], first["duration"], first["callSid"]) == ("1", "1", "p1")
    assert (second["name"], second["metadata.note"], second["metadata.none"]) == ("Zoë\nline two", LONG, "")
    assert json.loads(second["metadata.deep"]) == {"a": [1, None]}
    assert (third["name"], third["metadata.phone"], third["metadata.minus"]) == ("'@SUM(A1)", "+15551234567", "-5")
    assert (fourth["name"], fourth["metadata.note"], fourth["otherMetadata"]) == ("", "", "")
    for row in rows:
        assert row["phoneNumber"].startswith("+1556")
        for cell in row.values():
            assert not cell or cell[0] not in "=@\t\r" and (cell[0] not in "+-" or cell[1:].isdigit())


def test_lines_of_json_hold_contacts_as_they_were_given(api: Api, acme: str, finished: str) -> None:
    answer = export(api, acme, finished, "?format=ndjson")
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = lines_of(answer)
    assert [list(line) for line in lines] == [[*FIELDS, "metadata"]] * 4
    for line, contact in zip(lines, CONTACTS):
        assert line["metadata"] == contact.get("metadata")
        assert (line["name"], line["company"], line["contactId"]) == (contact.get("name"), contact.get("company"), contact.get("id"))
    assert b"12345678901234567890" in answer.body
    assert (lines[0]["attempts"], lines[0]["duration"], lines[0]["summary"]) == (1, 1, '=They said "yes"')
    assert lines[1]["summary"] is None


def test_metadata_with_line_ends_stays_on_its_line(api: Api, acme: str) -> None:
    body = b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001","metadata":{\r\n "a" :\n1}}]}'
    answer = api.request("POST", "/api/v1/batch", body, acme, {"Content-Type": "application/json"})
    lines = lines_of(export(api, acme, answer.json()["batchId"], "?format=ndjson"))
    assert [line["metadata"] for line in lines] == [{"a": 1}]


def test_what_has_no_column_is_kept_in_the_last_one(api: Api, acme: str) -> None:
    contacts: list[Any] = [{"phoneNumber": number} for number in numbers(130)]
    contacts[0]["metadata"] = {f"k{i}": i for i in range(70)}
    contacts[129]["metadata"] = {"late": "yes", "k1": "=1"}
    rows = rows_of(export(api, acme, api.create(acme, contacts)))
    assert len([name for name in rows[0] if name.startswith("metadata.")]) == 64
    assert json.loads(rows[0]["otherMetadata"]) == {f"k{i}": i for i in range(64, 70)}
    assert (json.loads(rows[129]["otherMetadata"]), rows[129]["metadata.k1"]) == ({"late": "yes"}, "'=1")


def test_a_filter_exports_what_fits(api: Api, acme: str, finished: str) -> None:
    assert [row["id"][-1] for row in rows_of(export(api, acme, finished, "?outcome=BUSY"))] == ["1", "3"]
    assert [line["id"][-1] for line in lines_of(export(api, acme, finished, "?format=ndjson&status=COMPLETED"))] == ["0", "2"]
    assert export(api, acme, finished, "?format=ndjson&status=ONGOING").body == b""
    assert rows_of(export(api, acme, finished, "?status=ONGOING")) == []


@pytest.mark.parametrize("total", [1, 127, 128, 129, 1000])
def test_every_contact_is_there_once_however_many(api: Api, acme: str, total: int) -> None:
    batch = api.engine.batch("acme", "main", contacts=total, start_in_ms=3_600_000)
    expected = [f"{batch}-{i}" for i in range(total)]
    assert [row["id"] for row in rows_of(export(api, acme, batch))] == expected
    assert [line["id"] for line in lines_of(export(api, acme, batch, "?format=ndjson"))] == expected


def test_a_record_that_makes_no_sense_breaks_the_connection(api: Api, acme: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=300, start_in_ms=3_600_000)
    api.client.hset(api.engine.key(f"batch:{batch}:contacts:4"), "290", b"\xff\xff")
    with pytest.raises(http.client.IncompleteRead):
        export(api, acme, batch)


@pytest.mark.parametrize("query", ["", "?format=ndjson", "?outcome=CANCELLED"])
def test_the_file_of_a_batch_that_is_removed_meanwhile_breaks_off_instead_of_telling_of_nobody(
    api: Api, acme: str, query: str
) -> None:
    batch = api.engine.batch("acme", "main", contacts=300, start_in_ms=3_600_000)
    api.client.delete(api.engine.key(f"batch:{batch}:contacts:4"))  # from its last bucket on
    with pytest.raises(http.client.IncompleteRead):
        export(api, acme, batch, query)


def test_head_tells_without_a_file(api: Api, acme: str, finished: str) -> None:
    answer = api.request("HEAD", f"/api/v1/batch/{finished}/calls/export", key=acme)
    assert (answer.status, answer.body) == (200, b"")


def ask_and_take_nothing(api: Api, key: str, batch: str) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", api.process.port))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.sendall(f"GET /api/v1/batch/{batch}/calls/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
    return peer


def test_twelve_exports_of_a_tenant_and_sixteen_in_all_and_room_again_when_their_clients_leave(api: Api, acme: str) -> None:
    keys = {"acme": acme, "globex": api.tenant("globex")}
    batches = {
        tenant: api.engine.batch(tenant, "main", contacts=[start + i for i in range(60_000)], start_in_ms=3_600_000)
        for tenant, start in (("acme", 15_700_000_000), ("globex", 15_800_000_000))
    }

    def export(tenant: str) -> Answer:
        return api.get(f"/api/v1/batch/{batches[tenant]}/calls/export", keys[tenant])

    peers: list[socket.socket] = []
    try:
        for tenant, most in (("acme", 12), ("globex", 4)):
            assert tenant != "globex" or export(tenant).status == 200  # whatever the other takes
            for _ in range(most):
                peers.append(ask_and_take_nothing(api, keys[tenant], batches[tenant]))
                assert peers[-1].recv(12) == b"HTTP/1.1 200"
            answer = export(tenant)
            assert (answer.status, answer.code) == (503, "BUSY") and answer.headers["retry-after"]
    finally:
        for peer in peers:
            peer.close()
    wait_until(lambda: all(export(tenant).status == 200 for tenant in keys), 30.0, "exports have room again")


def test_a_long_export_takes_little_memory() -> None:
    with RedisServer() as server, Api(server, env=FRUGAL) as api:
        api.trunk("main")
        key = api.tenant("acme")
        contacts = [{"phoneNumber": number, "name": f"Contact {i:012}", "metadata": {"note": "n" * 300}}
                    for i, number in enumerate(numbers(40_000))]
        batch = api.create(key, contacts)
        small = api.engine.batch("acme", "main", contacts=1000, start_in_ms=3_600_000)
        export(api, key, small)
        before_kb = api.process.rss_kb()
        connection = http.client.HTTPConnection("127.0.0.1", api.process.port, timeout=60)
        connection.request("GET", f"/api/v1/batch/{batch}/calls/export", headers={"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        size, most_kb = 0, 0
        while piece := response.read(1 << 20):
            size += len(piece)
            most_kb = max(most_kb, api.process.rss_kb())
        connection.close()
        assert size > 15_000_000
        assert most_kb - before_kb < 4096


def test_fifty_thousand_results_are_whole_and_take_little_memory() -> None:
    with RedisServer() as server, Api(server, env=FRUGAL) as api:
        api.trunk("main")
        key = api.tenant("acme")
        batch = finished_batch(api, key, 50_000)
        export(api, key, api.engine.batch("acme", "main", contacts=1000, start_in_ms=3_600_000))
        before_kb = api.process.peak_kb()
        rows = csv.reader(io.StringIO(export(api, key, batch).body.decode(), newline=""))
        header = next(rows)
        assert header == [*FIELDS, "metadata.city", "metadata.plan", "otherMetadata"]
        place, outcome, summary = (header.index(name) for name in ("id", "outcome", "summary"))
        for i, row in enumerate(rows):
            assert (row[place], row[outcome], row[summary]) == (f"{batch}-{i}", *OUTCOMES_AND_SUMMARIES[i % 4])
        assert i == 49_999
        lines = export(api, key, batch, "?format=ndjson").body.split(b"\n")
        assert len(lines) == 50_001 and json.loads(lines[49_999])["id"] == f"{batch}-49999"
        assert api.process.peak_kb() - before_kb < 6144  # of some 15 MB


# ---- the command line ----


@pytest.fixture
def cli(api: Api, acme: str, tmp_path: pathlib.Path) -> Cli:
    key_file = tmp_path / "api.key"
    key_file.write_text(acme, encoding="ascii")
    return Cli(url=f"http://127.0.0.1:{api.process.port}", api_key_file=key_file)


def test_the_command_line_writes_the_same_file(api: Api, acme: str, cli: Cli, finished: str) -> None:
    for args, query in (((), ""), (("--format", "ndjson"), "?format=ndjson"), (("--json",), "?format=ndjson"),
                        (("--outcome", "BUSY", "--status", "MISSED"), "?outcome=BUSY")):
        ended = cli("export", finished, *args)
        assert (ended.status, ended.err) == (DONE, ""), ended
        assert ended.out.replace("\r\n", "\n") == export(api, acme, finished, query).body.decode().replace("\r\n", "\n")


def test_no_text_of_a_contact_commands_the_terminal_that_an_export_is_shown_on(api: Api, acme: str, cli: Cli) -> None:
    batch = api.create(acme, [{"phoneNumber": api.fresh_numbers(1)[0], "name": "S\u00f6hne\u00a0\x9b2J\x80\u00c2\x9f\x7f\x1b[2J!"}])
    for format_ in ("csv", "ndjson"):
        with Terminal(cli, "export", batch, "--format", format_) as terminal:
            assert terminal.wait() == DONE
            shown = terminal.raw()
        assert "S\u00f6hne\u00a0?2J?\u00c2??" in shown and "2J!" in shown
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", shown)
    assert "\x9b2J" in cli("export", batch).out, "a file has every byte"


def test_the_command_line_says_where_a_file_is_not_whole(api: Api, cli: Cli) -> None:
    batch = api.engine.batch("acme", "main", contacts=300, start_in_ms=3_600_000)
    api.client.hset(api.engine.key(f"batch:{batch}:contacts:4"), "290", b"\xff\xff")
    ended = cli("export", batch)
    assert ended.status == FAILED and "the export is not whole" in ended.err and f"{batch}-0" in ended.out
    ended = cli("export", "batch_c0_00000000000000000000")
    assert (ended.status, ended.out) == (FAILED, "") and "BATCH_NOT_FOUND" in ended.err
