# SPDX-License-Identifier: Apache-2.0
"""Drafts: made without contacts, filled in chunks, started. What is cut short is known, and completed by the same again."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.support.producer_api import Answer, Api, numbers
from tests.support.waiting import wait_until

CSV = {"Content-Type": "text/csv"}
NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


def csv(phones: list[str], header: str = "phoneNumber,name,city") -> bytes:
    return "\n".join([header, *(f"{phone},Contact {i},Town" for i, phone in enumerate(phones)), ""]).encode()


def send(api: Api, key: str, batch: str, body: bytes | Any, chunk: int | None = None, headers: dict[str, str] = CSV) -> Answer:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    query = "" if chunk is None else f"?chunk={chunk}"
    return api.request("POST", f"/api/v1/batch/{batch}/contacts{query}", payload, key, headers)


def start(api: Api, key: str, batch: str) -> Answer:
    return api.post(f"/api/v1/batch/{batch}/start", None, key)


def errors(api: Api, key: str, batch: str) -> list[dict[str, Any]]:
    return list(api.get(f"/api/v1/batch/{batch}/errors", key).json()["errors"])


def status(api: Api, key: str, batch: str) -> dict[str, Any]:
    return dict(api.get(f"/api/v1/batch/{batch}", key).json())


def reasons(api: Api, key: str, batch: str) -> list[str]:
    chain = api.get(f"/api/v1/batch/{batch}/why", key).json()["chain"]
    return [reason["code"] for link in chain if link["level"] == "batch" for reason in link["reasons"]]


def cut_short(api: Api, key: str, batch: str, body: bytes, at: int, chunk: int) -> None:
    """Sends so much of a body, and hangs up."""
    head = [f"POST /api/v1/batch/{batch}/contacts?chunk={chunk} HTTP/1.1", "Host: x", f"Authorization: Bearer {key}",
            "Content-Type: text/csv", f"Content-Length: {len(body)}", "", ""]  # fmt: skip
    with socket.create_connection(("127.0.0.1", api.process.port), timeout=30) as sock:
        sock.sendall("\r\n".join(head).encode() + body[:at])
        wait_until(lambda: api.client.hget(api.engine.key(f"batch:{batch}:chunks"), "open"), 10.0, "the chunk is begun")


# ---- from the draft to the start ----


def test_a_draft_is_filled_in_every_form_and_started(api: Api, lone: str) -> None:
    batch = api.draft(lone, tags=["drafted"])
    seen = status(api, lone, batch)
    assert (seen["status"], seen["statistics"]["total"]) == ("draft", 0)
    assert [entry["batchId"] for entry in api.get("/api/v1/batch/list?status=draft&tag=drafted", lone).json()] == [batch]
    assert reasons(api, lone, batch) == ["BATCH_DRAFT"]
    lines = "\n".join(json.dumps({"phoneNumber": phone}) for phone in numbers(3, 15550200000)).encode()
    for chunk, (body, headers) in enumerate(
        [
            (csv(numbers(3)), CSV),
            (lines, NDJSON),
            ({"contacts": [{"phoneNumber": phone} for phone in numbers(3, 15550300000)]}, JSON),
            ([{"phoneNumber": phone} for phone in numbers(3, 15550400000)], JSON),
        ],
        1,
    ):
        answer = send(api, lone, batch, body, chunk, headers)
        assert answer.status == 200, answer
        assert answer.json() == {"success": True, "batchId": batch, "chunk": chunk, "accepted": 3, "rejected": 0,
                                 "duplicates": 0, "total": 3 * chunk, "warnings": []}  # fmt: skip
    assert api.engine.claim().slots == []
    answer = start(api, lone, batch)
    assert (answer.status, answer.json()["status"], answer.json()["total"]) == (200, "pending", 12)
    assert start(api, lone, batch).json() == answer.json()
    assert status(api, lone, batch)["status"] == "pending"
    assert [entry["batchId"] for entry in api.get("/api/v1/batch/list?tag=drafted", lone).json()] == [batch]
    calls = api.get(f"/api/v1/batch/{batch}/calls", lone).json()["calls"]
    assert [call["phoneNumber"] for call in calls][:3] == numbers(3) and calls[0]["contactName"] == "Contact 0"


def test_a_draft_with_a_start_ahead_is_scheduled_when_it_is_started(api: Api, lone: str) -> None:
    batch = api.draft(lone, scheduledStartTime="2035-01-01T00:00:00Z")
    send(api, lone, batch, csv(numbers(1)), 1)
    assert start(api, lone, batch).json()["status"] == "scheduled"


def test_a_draft_without_contacts_does_not_start(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    answer = start(api, lone, batch)
    assert (answer.status, answer.code) == (409, "BATCH_EMPTY")
    assert answer.json()["details"] == {"status": "draft", "allowedStates": ["draft"]}


def test_a_cancelled_draft_has_ended_and_takes_nothing(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    send(api, lone, batch, csv(numbers(2)), 1)
    assert api.post(f"/api/v1/batch/{batch}/cancel", None, lone).json()["status"] == "cancelled"
    for answer in (send(api, lone, batch, csv(numbers(3)), 2), start(api, lone, batch)):
        assert (answer.status, answer.code, answer.json()["details"]["status"]) == (409, "BATCH_STATE", "cancelled")
    assert send(api, lone, batch, csv(numbers(2)), 1).json()["accepted"] == 2  # what was answered is answered again


def test_a_draft_that_nobody_fills_goes_with_all_that_belongs_to_it(api: Api, lone: str) -> None:
    batch = api.draft(lone, tags=["gone"])
    send(api, lone, batch, csv(["bad", *numbers(1000)]), 1)
    key = api.engine.key("purge")
    before = api.client.zscore(key, f"draft/{batch}")
    send(api, lone, batch, csv(numbers(1, 15550900000)), 2)
    assert api.client.zscore(key, f"draft/{batch}") > before
    api.client.zadd(key, {f"draft/{batch}": 1})
    wait_until(lambda: not api.engine.tick(items=5)["more"], 10.0, "it is purged")
    assert not [name for name in api.client.scan_iter(count=1000) if batch.encode() in name]
    assert api.get("/api/v1/batch/list", lone).json() == [] and api.get(f"/api/v1/batch/{batch}", lone).status == 404
    assert not [name for name in api.client.scan_iter(match="*:tags:*") if api.client.zscore(name, batch)]


# ---- chunks ----


def test_the_same_chunk_again_answers_the_same_and_other_bytes_do_not_pass(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    first = send(api, lone, batch, csv(["bad", *numbers(600)]), 1)
    assert (first.json()["accepted"], first.json()["rejected"]) == (600, 1)
    before = api.snapshot()
    assert send(api, lone, batch, csv(["bad", *numbers(600)]), 1).json() == first.json()
    other = send(api, lone, batch, csv(numbers(601)), 1)
    assert (other.status, other.code, other.json()["details"]) == (409, "CHUNK_CONFLICT", {"chunk": 1})
    assert {name: value for name, value in api.snapshot().items() if b"purge" not in name} == {
        name: value for name, value in before.items() if b"purge" not in name
    }


def test_chunks_without_a_number_get_the_next_one(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    assert send(api, lone, batch, csv(numbers(2)), 7).json()["chunk"] == 7
    assert send(api, lone, batch, csv(numbers(2, 15550300000))).json()["chunk"] == 8


def test_what_was_cut_short_keeps_the_draft_from_its_start_until_it_is_sent_again(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    body = csv(numbers(20000))
    cut_short(api, lone, batch, body, len(body) // 2, chunk=3)
    send(api, lone, batch, csv(numbers(1)), 1)
    answer = start(api, lone, batch)
    assert (answer.status, answer.code, answer.json()["details"]["unfinishedChunks"]) == (409, "CHUNKS_UNFINISHED", [3])
    other = send(api, lone, batch, csv(numbers(20000, 15560000000)), 3)
    assert (other.status, other.code) == (409, "CHUNK_CONFLICT")
    answer = send(api, lone, batch, body, 3)
    assert answer.status == 200 and answer.json()["total"] == 20000, answer
    assert api.contacts(batch) == 20000
    assert start(api, lone, batch).json()["total"] == 20000


def test_a_shorter_body_is_not_what_was_begun(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    body = csv(numbers(5000))
    cut_short(api, lone, batch, body, len(body) - 10, chunk=1)
    wait_until(lambda: api.contacts(batch) >= 4000, 10.0, "its parts are written")
    assert send(api, lone, batch, csv(numbers(300)), 1).code == "CHUNK_CONFLICT"


def test_a_body_that_makes_no_sense_leaves_no_chunk_behind(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    send(api, lone, batch, csv(numbers(1)), 1)
    for body, headers in ((b"name\nJane\n", CSV), (b'{"contacts": [{]}', JSON), (b"", CSV), (b'{"contacts": 1}', JSON)):
        answer = send(api, lone, batch, body, 2, headers)
        assert (answer.status, answer.code) == (400, "INVALID_REQUEST"), answer
    assert start(api, lone, batch).status == 200


@pytest.mark.parametrize("rest", [b'], "bogus": 1}', b"]} and more"])
def test_a_refusal_says_what_was_kept_of_a_body_that_is_written_as_it_comes(api: Api, lone: str, rest: bytes) -> None:
    batch = api.draft(lone)
    listed = json.dumps([{"phoneNumber": phone, "name": "x" * 60} for phone in numbers(60000)]).encode()
    answer = send(api, lone, batch, b'{"contacts": ' + listed[:-1] + rest, 1, JSON)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST"), answer
    assert api.contacts(batch) > 0
    assert "Nothing was kept" not in answer.json()["message"] and "under the same number" in answer.json()["message"]
    assert start(api, lone, batch).json()["details"]["unfinishedChunks"] == [1]
    answer = send(api, lone, batch, listed, 1, JSON)
    assert (answer.status, answer.json()["total"]) == (200, 60000), answer
    assert start(api, lone, batch).status == 200


def test_a_byte_order_mark_costs_no_contact(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    for chunk, text, headers in ((1, "phoneNumber\n+15550700001\n", CSV), (2, '{"phoneNumber": "+15550700002"}\n', NDJSON)):
        answer = send(api, lone, batch, text.encode("utf-8-sig"), chunk, headers)
        assert (answer.status, answer.json()["accepted"], answer.json()["rejected"]) == (200, 1, 0), answer
    line = b'{"phoneNumber": "+15550700003"}\n'
    answer = send(api, lone, batch, line + b"\xef\xbb\xbf" + line, 3, NDJSON)
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (1, 1), answer


def test_warnings_that_are_too_long_to_keep_are_counted_and_the_chunk_is_taken(api: Api, acme: str) -> None:
    batch = api.draft(acme)
    lines = "\n".join(json.dumps({"phoneNumber": phone, "\x01" * 250: 1}) for phone in numbers(25, 15550500000)).encode()
    for _ in range(2):
        answer = send(api, acme, batch, lines, 1, NDJSON)
        assert (answer.status, answer.json()["accepted"]) == (200, 25), answer
        assert answer.json()["warnings"] == [{"code": "MORE", "message": "25 more of these are not listed"}]
    assert start(api, acme, batch).status == 200


# ---- what was not taken ----


def test_each_row_that_was_not_taken_is_told_with_what_stood_there_and_why(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    rows = [
        "phoneNumber,id,email,zip",
        "+15550200001,a,a@example.com,1",
        "12,b,nobody,2",
        "",
        "+15550200001,c,,3",
        "+15550200002,a,,4",
        "+15550200003,d",
        f"+15550200004,{'x' * 300},,5",
        "+15550200005,e,,6",
    ]
    answer = send(api, lone, batch, "\r\n".join(rows).encode(), 4).json()
    assert (answer["accepted"], answer["rejected"], answer["duplicates"], answer["total"]) == (2, 3, 2, 2)
    told = errors(api, lone, batch)
    assert [(error["chunk"], error["row"], error["field"], error["value"], error["code"]) for error in told] == [
        (4, 3, "phoneNumber", "12", "INVALID_NUMBER"),
        (4, 3, "email", "nobody", "INVALID_EMAIL"),
        (4, 7, None, None, "WRONG_FIELD_COUNT"),
        (4, 8, "id", "x" * 200, "WRONG_LENGTH"),
        (4, 5, "phoneNumber", "+15550200001", "DUPLICATE"),
        (4, 6, "id", "a", "DUPLICATE"),
    ]
    assert all(error["message"] for error in told)
    seen = status(api, lone, batch)
    assert (seen["rejected"], seen["duplicates"]) == (3, 2)


def test_rows_of_json_and_lines_are_told_alike(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    lines = b'\n{"phoneNumber": 5}\n\n{"phoneNumber": "+15550200001", "metadata": [1, 2]}\n{]\n' + b"x" * 20000
    assert send(api, lone, batch, lines, 1, NDJSON).json()["rejected"] == 4
    bare = [{"phoneNumber": "+15550200001"}, {"name": "J\u00fcrgen"}, 7]
    assert send(api, lone, batch, bare, 2, JSON).json()["rejected"] == 2
    assert [tuple(error[key] for key in ("chunk", "row", "field", "value", "code")) for error in errors(api, lone, batch)] == [
        (1, 2, "phoneNumber", "5", "WRONG_TYPE"),
        (1, 4, "metadata", "[1,2]", "WRONG_TYPE"),
        (1, 5, None, "{]", "INVALID_JSON"),
        (1, 6, None, None, "ROW_TOO_LONG"),
        (2, 2, "phoneNumber", None, "REQUIRED"),
        (2, 3, None, "7", "WRONG_TYPE"),
    ]


def test_errors_come_page_by_page_and_no_more_than_ten_thousand_are_kept(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    assert send(api, lone, batch, csv([str(i) for i in range(10_050)]), 1).json()["rejected"] == 10_050
    path, rows, pages = f"/api/v1/batch/{batch}/errors", [], 0
    cursor = ""
    while cursor is not None:
        page = api.get(f"{path}?limit=1000{cursor and f'&cursor={cursor}'}", lone).json()
        assert page["rejected"] == 10_050
        rows += [error["row"] for error in page["errors"]]
        cursor, pages = page["nextCursor"], pages + 1
    assert (rows, pages) == (list(range(2, 10_002)), 10)
    assert api.get(path, api.tenant("stranger")).status == 404
    assert api.get(f"{path}?cursor=00", lone).status == 400


# ---- a batch that runs ----


def test_a_running_batch_takes_more_and_an_ended_one_does_not(api: Api, lone: str) -> None:
    batch = api.create(lone, numbers(1))
    answer = send(api, lone, batch, csv([*numbers(3)]), 1)
    assert (answer.status, answer.json()["accepted"], answer.json()["duplicates"], answer.json()["total"]) == (200, 2, 1, 3)
    assert send(api, lone, batch, csv([*numbers(3)]), 1).json() == answer.json()
    assert api.batch(batch)["due"] == "3"
    assert not api.client.exists(api.engine.key(f"batch:{batch}:appending"))
    api.post(f"/api/v1/batch/{batch}/cancel", None, lone)
    refused = send(api, lone, batch, csv(numbers(1, 15550300000)), 2)
    assert (refused.status, refused.code) == (409, "BATCH_STATE")
    assert refused.json()["details"] == {"status": "cancelled",
                                         "allowedStates": ["draft", "scheduled", "pending", "processing", "paused"]}  # fmt: skip


def test_nothing_of_a_body_that_is_cut_goes_into_a_running_batch(api: Api, lone: str) -> None:
    batch = api.create(lone, numbers(1))
    body = csv(numbers(5000, 15550300000))
    head = [f"POST /api/v1/batch/{batch}/contacts?chunk=1 HTTP/1.1", "Host: x", f"Authorization: Bearer {lone}",
            "Content-Type: text/csv", f"Content-Length: {len(body)}", "", ""]  # fmt: skip
    lease = api.engine.key(f"batch:{batch}:appending")
    with socket.create_connection(("127.0.0.1", api.process.port), timeout=30) as sock:
        sock.sendall("\r\n".join(head).encode() + body[:-1])
        wait_until(lambda: api.client.exists(lease), 10.0, "the batch is kept from ending")
    wait_until(lambda: not api.client.exists(lease), 10.0, "and is not any more")
    assert api.batch(batch)["total"] == "1"


# ---- a creation that is only tried ----


def dry_run(api: Api, key: str, body: dict[str, Any]) -> Answer:
    before = api.snapshot()
    answer = api.post("/api/v1/batch?dryRun=true", body, key)
    assert api.snapshot().keys() == before.keys() and api.get("/api/v1/batch/list", key).json() == []
    return answer


def test_a_creation_that_is_tried_says_what_would_happen_and_keeps_nothing(api: Api, lone: str) -> None:
    own, everybodys = numbers(2, 15550700000)
    api.send("PUT", "/api/v1/suppressions", {"phoneNumbers": [own]}, lone)
    api.client.sadd(api.engine.key("suppressed"), everybodys[1:])
    contacts = [{"phoneNumber": number, "id": f"c{number}"} for number in (own, everybodys, *numbers(1000, 15550710000))]
    contacts += [{"phoneNumber": own}, {"phoneNumber": "+15550720000", "id": contacts[5]["id"]}, {"phoneNumber": "7"}, {}]
    options = {"maxCallsPerSecond": 10, "scheduledStartTime": "2035-01-01T08:59:00Z", "timezone": "UTC",
               "callingWindow": {"start": "09:00", "end": "09:01"}}  # fmt: skip
    answer = dry_run(api, lone, {"agentId": "agent_1", "contacts": contacts, "options": options})
    told = answer.json()
    assert answer.status == 200, answer
    assert (told["wouldBeTaken"], told["accepted"], told["rejected"], told["duplicates"], told["suppressed"]) == (
        False, 1002, 2, 2, 2,
    )  # fmt: skip
    assert [error["path"] for error in told["errors"]] == ["contacts[1004].phoneNumber", "contacts[1005].phoneNumber"]
    assert [warning["path"] for warning in told["warnings"]] == ["contacts[1002].phoneNumber", "contacts[1003].id"]
    # 1,000 calls, 100.5 ms apart: 60 s of it in the first minute, the rest on the next day.
    assert (told["earliestStart"], told["earliestEnd"]) == ("2035-01-01T09:00:00.000Z", "2035-01-02T09:00:40.399Z")
    assert told["expiresBefore"] is False
    api.client.srem(api.engine.key("suppressed"), everybodys[1:])


def test_what_would_be_refused_is_refused_when_it_is_tried(api: Api, lone: str) -> None:
    answer = dry_run(api, lone, {"agentId": "agent_1", "contacts": [{}], "options": {"priority": 11}})
    assert (answer.status, list(answer.field_errors)) == (400, ["options.priority"])
    answer = dry_run(api, lone, {"contacts": [{"phoneNumber": "+15550700001"}]})
    assert (answer.status, list(answer.field_errors)) == (400, ["agentId"])


def test_a_draft_is_started_on_credit_for_all_that_it_holds(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    send(api, lone, batch, csv(numbers(3)), 1)
    tenant = api.engine.key(f"tenant:{api.batch(batch)['tenant']}")
    api.client.hset(tenant, "available_s", 359)
    refused = start(api, lone, batch)
    assert (refused.status, refused.code) == (402, "INSUFFICIENT_CREDITS"), refused
    api.client.hset(tenant, "available_s", 360)
    assert start(api, lone, batch).status == 200
