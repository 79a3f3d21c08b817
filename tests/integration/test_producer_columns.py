# SPDX-License-Identifier: Apache-2.0
"""What the metadata of a batch's contacts has in common is kept once (docs/decisions/0022-columns-once-a-batch.md): nobody who
asks for them sees a difference."""

from __future__ import annotations

import json
import threading
from typing import Any

from tests.support.engine import SCHEMA
from tests.support.producer_api import Api, batch_body
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.waiting import wait_until

COLUMNS_SINCE = 2
CSV = {"Content-Type": "text/csv"}
HEADER = "phoneNumber,name,city,plan"


def rows(phones: list[str], header: str = HEADER) -> bytes:
    """Each cell says what column and row it is of; every third has an empty one."""
    names = header.split(",")[2:]
    lines = [",".join([phone, f"N{i}", *("" if (i + at) % 3 == 0 else f"{name}-{i}" for at, name in enumerate(names))])
             for i, phone in enumerate(phones)]  # fmt: skip
    return "\n".join([header, *lines, ""]).encode()


def cells(i: int, header: str = HEADER) -> dict[str, str]:
    return {name: "" if (i + at) % 3 == 0 else f"{name}-{i}" for at, name in enumerate(header.split(",")[2:])}


def send(api: Api, key: str, batch: str, body: bytes, chunk: int) -> dict[str, Any]:
    answer = api.request("POST", f"/api/v1/batch/{batch}/contacts?chunk={chunk}", body, key, CSV)
    assert answer.status == 200, answer
    return dict(answer.json())


def exported(api: Api, key: str, batch: str) -> dict[str, Any]:
    """Metadata by number."""
    lines = api.get(f"/api/v1/batch/{batch}/calls/export?format=ndjson", key).body.decode().splitlines()
    return {str(row["phoneNumber"]): row["metadata"] for row in map(json.loads, lines)}


def columns(api: Api, batch: str) -> list[str]:
    text = api.client.get(api.engine.key(f"batch:{batch}:columns")) or b""
    assert int(api.batch(batch).get("columns", 0)) == len(text)
    return text.decode().splitlines()


def records(api: Api, batch: str) -> list[bytes]:
    return [record for key in api.client.scan_iter(api.engine.key(f"batch:{batch}:contacts:*")) for record in api.client.hvals(key)]


def start(api: Api, key: str, batch: str) -> None:
    assert api.post(f"/api/v1/batch/{batch}/start", None, key).status == 200


def test_a_chunks_columns_are_kept_once_and_its_contacts_come_back_as_they_were(api: Api, lone: str) -> None:
    batch, phones = api.draft(lone), api.fresh_numbers(600)
    assert send(api, lone, batch, rows(phones), 1)["accepted"] == 600
    assert columns(api, batch) == ['{"city":', ',"plan":']
    assert not any(b"city\"" in record or b"plan\"" in record for record in records(api, batch))
    start(api, lone, batch)
    assert exported(api, lone, batch) == {phone: cells(i) for i, phone in enumerate(phones)}


def test_chunks_with_other_columns_that_come_at_once_do_not_mix_them_up(api: Api, lone: str) -> None:
    batch = api.draft(lone)
    headers = [f"phoneNumber,name,{','.join(f'c{(lane * 3 + at) % 10}' for at in range(5))}" for lane in range(6)]
    phones = [api.fresh_numbers(700) for _ in headers]
    lanes = [threading.Thread(target=send, args=(api, lone, batch, rows(phones[lane], header), lane + 1))
             for lane, header in enumerate(headers)]  # fmt: skip
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    start(api, lone, batch)
    told = exported(api, lone, batch)
    assert len(told) == 700 * len(headers)
    for lane, header in enumerate(headers):
        assert [told[phone] for phone in phones[lane]] == [cells(i, header) for i in range(700)]
    listed = columns(api, batch)
    assert len(listed) == len(set(listed)), "each is there once"
    assert not any(b'":"' in record for record in records(api, batch))


def test_what_no_room_is_for_stays_in_its_record(api: Api, lone: str) -> None:
    contacts = [{"phoneNumber": phone, "metadata": {f"key-{i}": i, "same": "x"}} for i, phone in enumerate(api.fresh_numbers(200))]
    batch = api.create(lone, contacts)
    assert 100 < len(columns(api, batch)) <= 128
    assert any(b"key-199" in record for record in records(api, batch))
    assert exported(api, lone, batch) == {contact["phoneNumber"]: contact["metadata"] for contact in contacts}


def test_json_comes_back_byte_for_byte(api: Api, lone: str) -> None:
    texts = ['{"a": 1.10, "b" : "\\u00fc\\"", "c":[1, {"d": null}]}', '{ "a":1,"b":"x"}', '{"a":{"b":"}"}}', "{}", '{"a":1 }']
    phones = api.fresh_numbers(len(texts))
    listed = ",".join(f'{{"phoneNumber":"{phone}","metadata":{text}}}' for phone, text in zip(phones, texts))
    body = f'{{"agentId":"agent_1","contacts":[{listed}]}}'.encode()
    answer = api.request("POST", "/api/v1/batch", body, lone, {"Content-Type": "application/json"})
    assert answer.status == 202, answer
    batch = answer.json()["batchId"]
    assert columns(api, batch) == ['{"a": ', ', "b" : ', ', "c":', '{ "a":', ',"b":', '{"a":']
    export = api.get(f"/api/v1/batch/{batch}/calls/export?format=ndjson", lone).body.decode().splitlines()
    assert [line.split('"metadata":', 1)[1][:-1] for line in export] == texts


def test_a_few_contacts_are_not_worth_it(api: Api, lone: str) -> None:
    batch = api.create(lone, [{"phoneNumber": phone, "metadata": {"a": "x"}} for phone in api.fresh_numbers(3)])
    assert columns(api, batch) == []
    assert all(record.endswith(b'{"a": "x"}') for record in records(api, batch))


def test_whoever_is_called_again_keeps_all_metadata(api: Api, lone: str) -> None:
    contacts = [{"phoneNumber": phone, "metadata": {"city": f"c{i}", "n": i}} for i, phone in enumerate(api.fresh_numbers(5))]
    batch = api.create(lone, contacts, retryStrategy={"maxAttempts": 1}, maxCallsPerSecond=30)
    for _ in contacts:
        api.engine.finish(api.engine.begin_next(batch), outcome="BUSY")
    again = api.post(f"/api/v1/batch/{batch}/redial", None, lone).json()["batchId"]
    assert columns(api, again) == columns(api, batch) != []
    assert exported(api, lone, again) == {contact["phoneNumber"]: contact["metadata"] for contact in contacts}


def test_as_long_as_older_processes_may_be_there_records_are_as_those_know_them() -> None:
    with RedisServer(users=Users.for_tests()) as server:
        api = Api(server)
        api.client.hset("carillon:{c0}:cell", "schema", COLUMNS_SINCE - 1)
        with api:
            api.trunk("main")
            key = api.tenant("acme")
            batch, phones = api.draft(key), api.fresh_numbers(600)
            first = send(api, key, batch, rows(phones), 1)
            assert columns(api, batch) == [] and any(b'"plan":"plan-1"' in record for record in records(api, batch))
            # The schema is raised while a chunk is written in part: the same bytes again bring it to its end.
            api.client.hset("carillon:{c0}:cell", "schema", SCHEMA)
            api.client.hdel(api.engine.key(f"batch:{batch}:chunks"), "1")
            further = api.fresh_numbers(5)
            wait_until(lambda: len(columns(api, draft_with(api, key))) > 0, 30.0, "the producer heard of the schema")
            assert send(api, key, batch, rows(phones), 1) == first
            send(api, key, batch, rows(further), 2)
            assert len(columns(api, batch)) == 2
            start(api, key, batch)
            told = exported(api, key, batch)
            assert [told[phone] for phone in phones] == [cells(i) for i in range(600)]
            assert [told[phone] for phone in further] == [cells(i) for i in range(5)]
        assert server.denials() == []


def draft_with(api: Api, key: str) -> str:
    """A batch of a few contacts with metadata."""
    body = batch_body([{"phoneNumber": phone, "metadata": {"a": "x"}} for phone in api.fresh_numbers(5)])
    return str(api.post("/api/v1/batch", body, key).json()["batchId"])
