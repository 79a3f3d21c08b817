# SPDX-License-Identifier: Apache-2.0
"""CSV files of every kind through `carillon submit`: what is sent, and what is told of the rest. The producer is a stand-in
that shows what it was sent."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.cli import DONE, FAILED, Cli, Ended
from tests.support.http_receiver import Answer, HttpReceiver

ACCEPTED = Answer(202, b'{"success":true,"batchId":"batch_c0_abc","status":"pending","warnings":[]}')
ANN = {"phoneNumber": "+15550001111", "name": "Ann"}


class Desk:
    """Files to submit, and what arrived of them."""

    def __init__(self, receiver: HttpReceiver, folder: pathlib.Path) -> None:
        self.receiver = receiver
        self.csv = folder / "contacts.csv"
        self.campaign = folder / "campaign.json"
        self.campaign.write_text('{"agentId":"a"}', encoding="ascii")
        key = folder / "api.key"
        key.write_text("crl_key", encoding="ascii")
        self.cli = Cli(url=receiver.url, api_key_file=key)

    def submit(self, csv: bytes) -> Ended:
        self.receiver.clear()
        self.csv.write_bytes(csv)
        return self.cli("submit", self.campaign, "--contacts", self.csv)

    def sent(self) -> Any:
        (request,) = self.receiver.snapshot()
        assert (request.method, request.path) == ("POST", "/api/v1/batch")
        assert request.headers["content-type"] == "application/json"
        body = request.json()
        assert body.pop("agentId") == "a"
        return body.pop("contacts")

    def nothing_sent(self) -> bool:
        return self.receiver.snapshot() == []

    def told(self, ended: Ended) -> list[str]:
        """Its lines on stderr, without the file's path."""
        return [line.replace(f"{self.csv}: ", "") for line in ended.err.splitlines()]


@pytest.fixture(scope="module")
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver(ACCEPTED) as server:
        yield server


@pytest.fixture
def desk(receiver: HttpReceiver, tmp_path: pathlib.Path) -> Desk:
    return Desk(receiver, tmp_path)


# ---- what every spreadsheet writes ----


@pytest.mark.parametrize(
    ("csv", "contacts"),
    [
        (b"phoneNumber,name\n+15550001111,Ann\n", [ANN]),
        (b"phoneNumber,name\r\n+15550001111,Ann\r\n", [ANN]),
        (b"phoneNumber,name\r+15550001111,Ann\r", [ANN]),
        (b"phoneNumber,name\n+15550001111,Ann", [ANN]),
        (b"\xef\xbb\xbfphoneNumber,name\n+15550001111,Ann\n", [ANN]),
        (b'"phoneNumber","name"\n"+15550001111","Ann"\n', [ANN]),
        (b"\n\n phoneNumber , name \n\n +1 (555) 000-1111 ,\tAnn \n\n", [ANN]),
        (b"contact_number,name\n+15550001111,Ann\n", [ANN]),
        (b'name,phoneNumber\n"Ann ""the"" One, Jr.",+15550001111\n', [{**ANN, "name": 'Ann "the" One, Jr.'}]),
        (b'phoneNumber,name\n+15550001111,"Ann\r\nSecond line"\n', [{**ANN, "name": "Ann\r\nSecond line"}]),
        ("phoneNumber,name\n+15550001111,Zoë 🔔\n".encode(), [{**ANN, "name": "Zoë 🔔"}]),
        (
            b"phoneNumber,id,email,company,timezone,plan\n+15550001111,c1,a@b.example,Co,Europe/Rome,gold\n",
            [
                {
                    "phoneNumber": "+15550001111", "id": "c1", "email": "a@b.example", "company": "Co",
                    "timezone": "Europe/Rome", "metadata": {"plan": "gold"},
                }
            ],
        ),
    ],
)  # fmt: skip
def test_what_spreadsheets_write_is_read(desk: Desk, csv: bytes, contacts: list[dict[str, Any]]) -> None:
    ended = desk.submit(csv)
    assert (ended.status, ended.err) == (DONE, ""), ended
    assert ended.out == "batch_c0_abc pending, 1 contact\n"
    assert desk.sent() == contacts


# ---- rows that are left out ----


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (b"", None),
        (b"+15550002222", "row 2: has 1 field where the header has 2 (WRONG_FIELD_COUNT)"),
        (b"+15550002222,Bob,more", "row 2: has 3 fields where the header has 2 (WRONG_FIELD_COUNT)"),
        (b",Bob", "row 2: phoneNumber "),
        (b"555,Bob", "row 2: phoneNumber must be an international number"),
        (b"+15550002222,B\x00b", "row 2: has a NUL byte (NUL_BYTE)"),
        (b"+15550002222,B\xffb", "row 2: is not valid UTF-8 (INVALID_UTF8)"),
        (b'+15550002222,"Bob"by', "row 2: has text behind a closing quote (MISPLACED_QUOTE)"),
        (b"+15550002222," + b"x" * 20000, "row 2: has a field of more than 16,384 bytes (FIELD_TOO_LONG)"),
        (b"+15550002222," + b"x" * 300, "row 2: name "),
        (b"," * 300, "row 2: has more than 256 fields (TOO_MANY_FIELDS)"),
    ],
)
def test_a_row_that_is_no_contact_is_told_by_number_and_the_rest_goes_in(desk: Desk, row: bytes, told: str | None) -> None:
    ended = desk.submit(b"phoneNumber,name\n" + row + b"\n+15550001111,Ann\n")
    assert ended.status == DONE, ended
    assert desk.sent() == [ANN]
    lines = desk.told(ended)
    if told is None:
        assert lines == []
    else:
        assert lines[0].startswith(told) and lines[1:] == ["1 row left out, 1 contact"], lines


def test_a_quote_that_is_never_closed_takes_no_more_than_the_end(desk: Desk) -> None:
    ended = desk.submit(b'phoneNumber,name\n+15550001111,Ann\n+15550002222,"Bob\n')
    assert desk.sent() == [ANN]
    assert desk.told(ended)[0] == "row 3: has a quote that is never closed (OPEN_QUOTE)"


def test_every_fault_of_a_row_is_told_and_the_row_counted_once(desk: Desk) -> None:
    ended = desk.submit(b"phoneNumber,email\n555,nobody\n+15550001111,a@b.example\n")
    lines = desk.told(ended)
    assert [line.split(" must")[0] for line in lines[:2]] == ["row 2: phoneNumber", "row 2: email"]
    assert lines[2:] == ["1 row left out, 1 contact"]


def test_a_long_list_of_faults_is_cut_and_counted(desk: Desk) -> None:
    ended = desk.submit(b"phoneNumber,name\n" + b"x,y\n" * 1000 + b"+15550001111,Ann\n")
    lines = desk.told(ended)
    assert len(lines) == 52 and lines[50:] == ["further faults are not listed", "1000 rows left out, 1 contact"]
    assert desk.sent() == [ANN]


def test_a_number_is_never_told_whole(desk: Desk) -> None:
    ended = desk.submit(b"phoneNumber\n5550001111\n+1555000111122223333\n+15550001111\n")
    assert desk.sent() == [{"phoneNumber": "+15550001111"}]
    assert not re.search(r"5550001111", ended.err.replace("+15550001111:", "")), ended


# ---- files that are no list of contacts ----


@pytest.mark.parametrize(
    ("csv", "told"),
    [
        (b"", "is empty: its first row must name the columns"),
        (b"\xef\xbb\xbf\n\n\r\n", "is empty: its first row must name the columns"),
        (b"phoneNumber,name\n", "holds no contact"),
        (b"phoneNumber\n555\n", "holds no contact"),
        (b"name,phone\nAnn,+15550001111\n", "row 1: phoneNumber is required"),
        (b"phoneNumber,contact_number\n1,2\n", "row 1: phoneNumber must not stand beside contact_number"),
        (b"phoneNumber,x,x\n+15550001111,1,2\n", "row 1: x must not be the name of two columns"),
        (b"phoneNumber,\xff\n+15550001111,1\n", "row 1: is not valid UTF-8"),
        (b'phoneNumber,"x\n+15550001111,1\n', "row 1: has a quote that is never closed"),
        (b"phoneNumber,a\x00\n+15550001111,1\n", "row 1: has a NUL byte"),
    ],
)
def test_a_file_without_contacts_is_refused(desk: Desk, csv: bytes, told: str) -> None:
    ended = desk.submit(csv)
    assert (ended.status, ended.out) == (FAILED, ""), ended
    assert told in ended.err and "ERR_" not in ended.err
    assert desk.nothing_sent()


def test_a_column_without_a_name_is_left_out_with_a_warning(desk: Desk) -> None:
    ended = desk.submit(b"phoneNumber,,name\n+15550001111,x,Ann\n")
    assert ended.status == DONE and desk.sent() == [ANN]
    assert desk.told(ended) == ["warning: column 2 has no name in the header: it is left out"]


def test_100000_contacts_go_in_one_request(desk: Desk) -> None:
    ended = desk.submit(b"phoneNumber\n" + b"".join(b"+1555%07d\n" % i for i in range(100_000)))
    assert (ended.status, ended.out) == (DONE, "batch_c0_abc pending, 100000 contacts\n"), ended
    sent = desk.sent()
    assert len(sent) == 100_000 and sent[-1] == {"phoneNumber": "+15550099999"}


@pytest.fixture
def chunks(receiver: HttpReceiver) -> Iterator[None]:
    """Answers that say how much is there."""
    receiver.answer = Answer(202, b'{"success":true,"batchId":"batch_c0_abc","status":"pending","total":7,"warnings":[]}')
    yield
    receiver.answer = ACCEPTED


@pytest.mark.usefixtures("chunks")
def test_more_than_100000_contacts_go_in_chunks(desk: Desk) -> None:
    header = b"phoneNumber\n"
    rows = b"".join(b"+1555%07d\n" % i for i in range(100_000))
    ended = desk.submit(header + rows + b"+15551000000\n")
    assert (ended.status, ended.out, ended.err) == (DONE, "batch_c0_abc pending, 7 contacts\n", ""), ended
    draft, chunk, start = desk.receiver.snapshot()
    assert (draft.path, chunk.path, start.path) == (
        "/api/v1/batch?draft=true", "/api/v1/batch/batch_c0_abc/contacts?chunk=1", "/api/v1/batch/batch_c0_abc/start",
    )  # fmt: skip
    assert (draft.body, draft.headers["content-type"]) == (b'{"agentId":"a"}', "application/json")
    assert chunk.body == desk.csv.read_bytes() and chunk.headers["content-type"] == "text/csv; charset=utf-8"
    assert draft.headers["idempotency-key"].startswith("carillon-submit-") and start.body == b""


@pytest.mark.usefixtures("chunks")
def test_a_large_file_goes_in_chunks_that_are_files(desk: Desk) -> None:
    row = b'+15550001111,"' + b"x" * 1900 + b"\n" + b"x" * 1900 + b'"\n'
    ended = desk.submit(b"phoneNumber,note\n" + row * 3000)
    assert ended.status == DONE, ended
    chunks = [request.body for request in desk.receiver.snapshot()[1:-1]]
    assert [request.path.rpartition("=")[2] for request in desk.receiver.snapshot()[1:-1]] == ["1", "2", "3"]
    assert all(chunk.startswith(b"phoneNumber,note\n+1555") and len(chunk) <= 4 * 1024 * 1024 + 2 * len(row) for chunk in chunks)
    assert b"".join(chunk.removeprefix(b"phoneNumber,note\n") for chunk in chunks) == row * 3000


@pytest.mark.usefixtures("chunks")
def test_a_producer_that_wants_to_be_asked_later_is(desk: Desk) -> None:
    taken = desk.receiver.answer
    later = {1: Answer(429, b'{"message":"Too fast."}', {"Retry-After": "1"}), 2: Answer(503), 3: Answer(409, b"{}", {"Retry-After": "0"})}
    desk.receiver.answer = lambda request: later.get(request.index, taken)
    ended = desk.submit(b"phoneNumber\n" + b"+15550001111\n" * 100_001)
    assert (ended.status, ended.out) == (DONE, "batch_c0_abc pending, 7 contacts\n"), ended
    assert ended.err.splitlines() == ["carillon: trying again: Too fast.", "carillon: the producer answers again"]
    first, *again = [request for request in desk.receiver.snapshot() if "chunk=1" in request.path]
    assert len(again) == 3 and {request.body for request in again} == {first.body} and again[0].at - first.at >= 1.0


def test_a_producer_that_wants_to_be_asked_much_later_is_not(desk: Desk) -> None:
    desk.receiver.answer = Answer(429, b'{"error":"Too Many Requests","code":"RATE_LIMITED"}', {"Retry-After": "3600"})
    ended = desk.submit(b"phoneNumber\n+15550001111\n")
    desk.receiver.answer = ACCEPTED
    assert (ended.status, ended.out) == (FAILED, "") and "(429 RATE_LIMITED)" in ended.err
    assert len(desk.receiver.snapshot()) == 1


@pytest.mark.usefixtures("chunks")
def test_a_draft_that_cannot_be_started_is_told(desk: Desk) -> None:
    taken = desk.receiver.answer
    broke = Answer(402, b'{"error":"Insufficient credits","code":"INSUFFICIENT_CREDITS"}')
    desk.receiver.answer = lambda request: broke if request.path.endswith("/start") else taken
    ended = desk.submit(b"phoneNumber\n" + b"+15550001111\n" * 100_001)
    assert (ended.status, ended.out) == (FAILED, "") and "(402 INSUFFICIENT_CREDITS)" in ended.err
    assert ended.err.endswith("carillon: batch_c0_abc stays a draft: the same command again starts it\n")


def test_escape_sequences_of_a_file_do_not_reach_the_terminal(desk: Desk) -> None:
    ended = desk.submit(b"phoneNumber,\x1b[2Jx,\x1b[2Jx\n+15550001111,1,2\n")
    assert "\x1b" not in ended.err and "row 1: ?[2Jx must not be the name of two columns" in ended.err


# ---- anything at all ----

CELLS = st.sampled_from([b"+15550001111", b"+15550001112", b"555", b"Ann", b'"', b'""', b",", b"\n", b"\r\n", b"\r",
                         b"\x00", b"\xff", b"\xef\xbb\xbf", b"phoneNumber", b"name", b" ", b"\xc3\xab"])  # fmt: skip
FILES = st.one_of(
    st.binary(max_size=400),
    st.lists(CELLS, max_size=60).map(b"".join),
    st.lists(CELLS, max_size=60).map(lambda cells: b"phoneNumber,name\n" + b"".join(cells)),
)
MANY = settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@MANY
@given(csv=FILES)
def test_no_file_of_contacts_breaks_the_tool(desk: Desk, csv: bytes) -> None:
    ended = desk.submit(csv)
    assert ended.status in (DONE, FAILED), ended
    if ended.status == DONE:
        contacts = desk.sent()
        assert contacts and all(contact["phoneNumber"].startswith("+1555000111") for contact in contacts)
    else:
        assert desk.nothing_sent() and ended.out == "" and ended.err != ""


@MANY
@given(text=st.one_of(st.binary(max_size=200), st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["contacts", "agentId", "options", "\u0000", "é"]), inner, max_size=4), max_leaves=12,
).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_no_campaign_breaks_the_tool(desk: Desk, text: bytes) -> None:
    """What arrives is what was in the file, byte for byte, or nothing."""
    path = desk.campaign.with_name("any.json")
    path.write_bytes(text)
    desk.receiver.clear()
    ended = desk.cli("submit", path)
    assert ended.status in (DONE, FAILED), ended
    if ended.status == DONE:
        assert [request.body for request in desk.receiver.snapshot()] == [text]
        assert isinstance(json.loads(text), dict)
    else:
        assert desk.nothing_sent() and ended.out == "" and ended.err.startswith("carillon: ")


@MANY
@given(body=st.one_of(st.binary(max_size=300), st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["status", "statistics", "total", "processed", "performance", "outcomes", "error", "message",
                         "details", "fieldErrors", "more", "warnings", "path", "batchId", "reason", "startsAt"]),
        inner, max_size=6), max_leaves=20,
).map(lambda value: json.dumps(value).encode())), status=st.sampled_from([200, 202, 400, 409]))  # fmt: skip
def test_no_answer_breaks_the_tool(desk: Desk, body: bytes, status: int) -> None:
    desk.receiver.clear()
    desk.receiver.answer = Answer(status, body)
    try:
        for args in (("pause", "batch_c0_a", "--json"), ("submit", desk.campaign)):
            ended = desk.cli(*args)
            assert ended.status in (DONE, FAILED), ended
    finally:
        desk.receiver.answer = ACCEPTED
