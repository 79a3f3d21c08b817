# SPDX-License-Identifier: Apache-2.0
"""`carillon inspect`: what lies in Redis, decoded; no secret of it, and telephone numbers only when asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.cli import DONE, FAILED, USAGE, Cli, Ended
from tests.support.engine import Engine, Slot
from tests.support.producer_api import Api
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.waiting import wait_until

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NUMBER, MASKED = "15559990001", "*******0001"
SEALED = "v1.c2VhbGVkIGNyZWRlbnRpYWw="

Inspect = Callable[..., Any]


@pytest.fixture
def tool(engine: Engine, redis_server: RedisServer) -> Cli:
    engine.trunk("main")
    engine.tenant("acme")
    return Cli(**redis_server.access("carillon-inspector"))


@pytest.fixture
def inspect(tool: Cli) -> Inspect:
    """The decoded answer."""
    return lambda *args: tool.done("inspect", *args, "--json").json()


def begun(engine: Engine, number: str = NUMBER) -> Slot:
    batch = engine.batch("acme", "main", [int(number)])
    slot = engine.begin_next(batch)
    for name in engine.client.keys("*"):
        engine.client.persist(name)  # what would be gone in 2 s stays for as long as the test looks
    return slot


def key(engine: Engine, inspect: Inspect, rest: str, *args: str) -> dict[str, Any]:
    return inspect("key", engine.key(rest), *args)


# ---- a call ----


def test_a_call_is_shown_with_contact_state_attempts_and_texts(engine: Engine, inspect: Inspect) -> None:
    slot = begun(engine)
    engine.accept(slot, "call_9f3")
    engine.finish(slot, how="retry", outcome="BUSY", next_in_ms=60_000, summary="They were busy.", reason="dial_busy")
    told = inspect("call", f"{slot.batch}-0")
    assert (told["callId"], told["batchId"], told["ordinal"]) == (f"{slot.batch}-0", slot.batch, 0)
    assert told["contact"] == {"number": MASKED}
    state = told["state"]
    assert (state["phase"], state["attempts"], state["dials"], state["outcome"]) == ("due", 1, 1, "BUSY")
    assert state["providerCallId"] == "p1" and INSTANT.fullmatch(state["begunAt"]) and INSTANT.fullmatch(state["nextAt"])
    begin, end = told["attempts"]
    assert (begin["dial"], begin["attempt"], begin["worker"]) == (1, 1, "w1") and INSTANT.fullmatch(begin["begunAt"])
    assert (end["outcome"], end["source"], end["then"], end["reason"]) == ("BUSY", "callback", "retry", "dial_busy")
    assert told["texts"] == {"summary": "They were busy.", "reason": "dial_busy"}


def test_a_live_calls_number_is_masked_unless_asked_for(engine: Engine, inspect: Inspect) -> None:
    slot = begun(engine)
    assert inspect("call", f"{slot.batch}-0")["state"]["number"] == MASKED
    told = inspect("call", f"{slot.batch}-0", "--numbers")
    assert told["state"]["number"] == told["contact"]["number"] == NUMBER


def test_a_call_that_was_never_claimed_has_no_state(engine: Engine, inspect: Inspect) -> None:
    batch = engine.batch("acme", "main", 2)
    told = inspect("call", f"{batch}-1")
    assert told["state"] is None and told["texts"] == {} and "attempts" not in told


def test_a_contact_is_shown_whole_with_metadata_inside_and_outside_its_record(api: Api, acme: str) -> None:
    tool = Cli(**api.server.access("carillon-inspector"))
    short, long = api.fresh_numbers(2)
    contact = {"phoneNumber": short, "id": "lead-1", "name": "Jane", "email": "j@example.com", "company": "Acme",
               "timezone": "Europe/Berlin", "metadata": {"plan": "gold", "other": "+15551234567"}}  # fmt: skip
    batch = api.create(acme, [contact, {"phoneNumber": long, "metadata": {"note": "x" * 1000}}])
    told = tool.done("inspect", "call", f"{batch}-0", "--json").json()["contact"]
    assert told == {
        "number": "*******" + short[-4:], "id": "lead-1", "name": "Jane", "email": "j@example.com", "company": "Acme",
        "timezone": "Europe/Berlin", "metadata": {"plan": "gold", "other": "+*******4567"},
    }  # fmt: skip
    told = tool.done("inspect", "call", f"{batch}-1", "--json").json()
    assert told["contact"]["metadataIsInExtra"] is True and told["extra"] == {"note": "x" * 1000}


def test_metadata_whose_columns_its_batch_keeps_is_shown_with_its_contact(engine: Engine, inspect: Inspect) -> None:
    slot = begun(engine)
    contacts, columns = (engine.key(f"batch:{slot.batch}:{what}") for what in ("contacts:0", "columns"))
    engine.client.set(columns, b'{"city":\n,"n":\n')
    engine.client.hset(contacts, "0", engine.client.hget(contacts, "0") + b"\x4a\x09\x01\x04Kyiv\x02\x011")
    for contact in (inspect("call", f"{slot.batch}-0")["contact"], inspect("key", contacts)["items"][0]["value"]):
        assert contact == {"number": MASKED, "metadata": {"city": "Kyiv", "n": 1}}
    engine.client.delete(columns)
    assert inspect("call", f"{slot.batch}-0")["contact"] == {"number": MASKED}


def test_an_operator_is_shown_what_an_inspector_is(engine: Engine, inspect: Inspect, redis_server: RedisServer) -> None:
    slot = begun(engine)
    operator = Cli(**redis_server.access("carillon-operator"))
    for what in (("call", f"{slot.batch}-0"), ("batch", slot.batch), ("key", engine.key(f"batch:{slot.batch}:contacts:0"))):
        assert operator.done("inspect", *what, "--json").json() == inspect(*what), what


# ---- a batch, a worker ----


def test_a_batch_is_shown_with_times_as_times(engine: Engine, inspect: Inspect) -> None:
    batch = engine.batch("acme", "main", 3, tags='["q4"]', agent_id="0123", busy_delay_ms=300000)
    told = inspect("batch", batch)
    assert (told["key"], told["family"], told["more"]) == (engine.key(f"batch:{batch}"), "batch:<batch>", 0)
    fields = told["fields"]
    assert (fields["state"], fields["total"], fields["tags"], fields["agent_id"]) == ("pending", 3, ["q4"], "0123")
    assert fields["busy_delay_ms"] == 300000 and INSTANT.fullmatch(fields["created_ms"])
    assert told["count"] == len(fields)


def test_a_worker_is_shown_with_what_it_has_claimed(engine: Engine, inspect: Inspect) -> None:
    engine.tick("w1")
    batch = engine.batch("acme", "main", 1)
    engine.claim("w1")
    told = inspect("worker", "w1")
    assert (told["workerId"], told["cell"]) == ("w1", "c0") and INSTANT.fullmatch(told["lastSeenAt"])
    (claim,) = told["claimed"]
    assert (claim["batch"], claim["ordinal"], claim["dial"], claim["worker"]) == (batch, 0, 1, "w1")
    assert INSTANT.fullmatch(claim["leaseUntil"])


# ---- any key ----


def test_members_are_split_and_scores_that_are_times_are_times(engine: Engine, inspect: Inspect) -> None:
    slot = begun(engine)
    told = key(engine, inspect, "live")
    assert (told["family"], told["type"], told["count"], told["more"]) == ("live", "zset", 1, 0)
    (item,) = told["items"]
    assert item["member"] == {"batch": slot.batch, "ordinal": 0, "dial": 1} and INSTANT.fullmatch(item["score"])
    (begin,) = key(engine, inspect, "begins:t/acme")["items"]
    assert INSTANT.fullmatch(begin)
    (item,) = key(engine, inspect, "dialing:t/acme")["items"]
    assert item == {"field": MASKED, "value": {"batch": slot.batch, "ordinal": 0, "dial": 1}}
    assert key(engine, inspect, "dialing:t/acme", "--numbers")["items"][0]["field"] == NUMBER


def test_a_bucket_is_decoded_by_its_family(engine: Engine, inspect: Inspect) -> None:
    slot = begun(engine)
    (state,) = key(engine, inspect, f"batch:{slot.batch}:state:0")["items"]
    assert state["field"] == 0 and state["value"]["phase"] == "live"
    (contact,) = key(engine, inspect, f"batch:{slot.batch}:contacts:0")["items"]
    assert contact["value"] == {"number": MASKED}
    (attempts,) = key(engine, inspect, f"batch:{slot.batch}:attempts:0")["items"]
    assert attempts["value"][0]["dial"] == 1


def test_a_held_number_is_masked_and_the_rest_is_told(engine: Engine, inspect: Inspect) -> None:
    begun(engine)
    waiting = engine.batch("acme", "main", [int(NUMBER)])
    wait_until(lambda: engine.claim() and engine.client.zcard(engine.key("held:t/acme")), 10.0, "the number is held")
    (item,) = key(engine, inspect, "held:t/acme")["items"]
    assert item["member"]["number"] == MASKED and INSTANT.fullmatch(item["member"]["since_ms"])
    assert (item["member"]["batch"], item["member"]["ordinal"], item["score"]) == (waiting, 0, 0)


def test_events_come_newest_first(engine: Engine, inspect: Inspect) -> None:
    slot = begun(engine)
    engine.finish(slot)
    shards = [key(engine, inspect, name.decode().split("}:")[1]) for name in engine.client.scan_iter("*events:*")]
    (stream,) = shards
    assert [entry["fields"]["type"] for entry in stream["items"]] == ["batch.completed", "call.completed"]


def test_what_is_more_than_a_hundred_is_counted(engine: Engine, inspect: Inspect) -> None:
    batch = engine.batch("acme", "main", 150, seen_shards=1)
    told = key(engine, inspect, f"batch:{batch}:seen:n:0")
    assert told["count"] == 150 and len(told["items"]) + told["more"] == 150 and len(told["items"]) <= 100
    engine.client.zadd(engine.key("trunks"), {f"t{i}": i for i in range(250)})
    told = key(engine, inspect, "trunks")
    assert (told["count"], len(told["items"]), told["more"]) == (251, 100, 151)


@pytest.mark.parametrize("rest, field", [("trunk:main", "credential"), ("hooks:endpoint:ep1", "secret"),
                                         ("hooks:endpoint:ep1", "previous"), ("unknown:thing", "credential"),
                                         ("unknown:thing", "anything")])  # fmt: skip
def test_a_secret_is_never_shown(engine: Engine, tool: Cli, rest: str, field: str) -> None:
    text = f"1763283600000:{SEALED}" if field == "previous" else SEALED
    engine.client.hset(engine.key(rest), field, text)
    for args in ((), ("--numbers",), ("--json",), ("--json", "--numbers")):
        ended = tool.done("inspect", "key", engine.key(rest), *args)
        assert "(sealed)" in ended.out and SEALED[3:] not in ended.out + ended.err


def test_numbers_in_texts_are_masked_too(engine: Engine, inspect: Inspect) -> None:
    body = {"event": "call.completed", "phoneNumber": f"+{NUMBER}", "summary": f"Call back at +{NUMBER}, or +1 2."}
    engine.client.set(engine.key("hooks:body:evt_1"), json.dumps(body))
    told = key(engine, inspect, "hooks:body:evt_1")["text"]
    assert told["phoneNumber"] == f"+{MASKED}" and told["summary"] == f"Call back at +{MASKED}, or +1 2."
    assert key(engine, inspect, "hooks:body:evt_1", "--numbers")["text"] == body


def test_a_key_of_no_family_is_shown_as_it_is(engine: Engine, inspect: Inspect) -> None:
    engine.client.set(engine.key("strange"), b"\xff\x00")
    told = key(engine, inspect, "strange")
    assert (told["family"], told["type"], told["text"]) == (None, "string", {"hex": "ff00"})
    engine.client.sadd(engine.key("live"), "no_zset")
    assert key(engine, inspect, "live")["family"] is None


def test_a_record_that_does_not_decode_is_shown_as_what_it_is(engine: Engine, inspect: Inspect) -> None:
    batch = engine.batch("acme", "main", 1)
    engine.client.hset(engine.key(f"batch:{batch}:contacts:0"), "0", b"\xff\xfe")
    assert inspect("call", f"{batch}-0")["contact"] == {"hex": "fffe"}
    engine.client.hset(engine.key(f"batch:{batch}:state:0"), "0", "phase=live what j=1")
    assert inspect("call", f"{batch}-0")["state"] == {"phase": "live", "what": "", "j": "1"}


def test_people_get_a_line_for_each_member(engine: Engine, tool: Cli) -> None:
    batch = engine.batch("acme", "main", 1)
    lines = tool.done("inspect", "call", f"{batch}-0").out.splitlines()
    assert lines[0] == "{" and f'  "callId": "{batch}-0",' in lines and '    "number": ' in "\n".join(lines)
    assert json.loads("\n".join(lines))["batchId"] == batch


# ---- what is not there ----


@pytest.mark.parametrize(
    "what, name, said",
    [
        ("call", "nonsense", "'nonsense' is not a call's id"),
        ("call", "batch_c0_a", "'batch_c0_a' is not a call's id"),
        ("batch", "batch_c0_a-1", "'batch_c0_a-1' is not a batch's id"),
        ("worker", "w/1", "'w/1' is not a worker's id"),
        ("key", "somebody:else", "'somebody:else' is not a key of Carillon's"),
        ("key", "carillon:live", "'carillon:live' is not a key of Carillon's"),
        ("key", "carillon:{c0}:", "'carillon:{c0}:' is not a key of Carillon's"),
    ],
)
def test_what_is_no_id_is_refused_at_once(what: str, name: str, said: str) -> None:
    ended = Cli(redis_url="redis://127.0.0.1:1")("inspect", what, name)
    assert (ended.status, ended.out) == (USAGE, "") and ended.err.startswith(f"carillon: {said}"), ended


@pytest.mark.parametrize(
    "what, name",
    [("call", "batch_c0_a-0"), ("batch", "batch_c0_a"), ("worker", "w_gone"), ("key", "carillon:{c0}:batch:batch_c0_a")],
)
def test_what_is_not_there_is_told(tool: Cli, what: str, name: str) -> None:
    ended: Ended = tool("inspect", what, name)
    assert (ended.status, ended.out, ended.err) == (FAILED, "", f"carillon: there is no {what} {name}\n")


def test_inspecting_changes_nothing() -> None:
    """On a Redis of its own: a producer that other tests share says every ten seconds that it is there."""
    with RedisServer(users=Users.for_tests()) as server:
        engine, tool = Engine(server.client()), Cli(**server.access("carillon-inspector"))
        engine.trunk("main")
        engine.tenant("acme")
        slot = begun(engine)
        before = {name: engine.client.dump(name) for name in engine.client.keys("*")}
        for name in before:
            assert tool("inspect", "key", name.decode()).status == DONE
        tool.done("inspect", "call", f"{slot.batch}-0")
        tool.done("inspect", "batch", slot.batch)
        assert {name: engine.client.dump(name) for name in engine.client.keys("*")} == before
