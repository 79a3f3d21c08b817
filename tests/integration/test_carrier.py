# SPDX-License-Identifier: Apache-2.0
"""The stand-in voice platform, judged as a client of Retell's documented API would, and by its own log.

What is expected of outcomes and faults is computed here from the definition in tests/carrier/draw.h.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from typing import Any, Iterator

import pytest

from tests.support.carrier import FROM, KEY, OUTCOMES, TO, Carrier, fate, strikes
from tests.support.http_receiver import Answer, HttpReceiver, Received
from tests.support.processes import run
from tests.support.retell import is_signed
from tests.support.waiting import wait_until

REASONS = {
    "completed": {"user_hangup", "agent_hangup"},
    "busy": {"dial_busy"},
    "no_answer": {"dial_no_answer"},
    "failed": {"dial_failed"},
    "voicemail": {"voicemail_reached"},
    "blocked": {"marked_as_spam"},
    "invalid_number": {"invalid_destination"},
}
CONNECTED = {"completed", "voicemail"}


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as server:
        yield server


def events_of(receiver: HttpReceiver, count: int, event: str = "") -> list[Received]:
    return receiver.wait_for(count, where=lambda request: not event or request.json()["event"] == event)


def told(requests: list[Received]) -> list[str]:
    """What was told, in the order of a call's life: requests of their own may overtake each other."""
    life = ["call_started", "call_ended", "call_analyzed"]
    return sorted((request.json()["event"] for request in requests), key=life.index)


# ---- a call's life ----


def test_a_call_is_created_as_documented_and_lives_its_life(tmp_path, receiver):
    with Carrier(
        tmp_path, "--outcomes", "completed=1", "--ring-ms", "40", "--talk-ms", "60", webhook_url=receiver.url + "/hook"
    ) as carrier:
        before_ms = int(time.time() * 1000)
        created = carrier.place(
            token="b.c.1.mac",
            override_agent_id="agent_7",
            metadata={"n": 5},
            retell_llm_dynamic_variables={"name": "Ann"},
        )
        assert created == {
            "call_id": created["call_id"],
            "call_type": "phone_call",
            "agent_id": "agent_7",
            "agent_version": 0,
            "call_status": "registered",
            "metadata": {"carillon_token": "b.c.1.mac", "n": 5},
            "retell_llm_dynamic_variables": {"name": "Ann"},
            "data_storage_setting": "everything",
            "opt_in_signed_url": False,
            "from_number": FROM,
            "to_number": TO,
            "direction": "outbound",
        }
        assert told(events_of(receiver, 3)) == ["call_started", "call_ended", "call_analyzed"]
        (started,) = events_of(receiver, 1, "call_started")
        (ended,) = events_of(receiver, 1, "call_ended")
        (analyzed,) = events_of(receiver, 1, "call_analyzed")
        for request in (started, ended, analyzed):
            assert (request.method, request.path) == ("POST", "/hook")
            assert request.headers["content-type"] == "application/json"
            assert is_signed(request.body, KEY, request.headers["x-retell-signature"])
            assert not is_signed(request.body + b" ", KEY, request.headers["x-retell-signature"])
            assert set(request.json()) == {"event", "call", "event_timestamp"}
            assert request.json()["call"]["metadata"]["carillon_token"] == "b.c.1.mac"
        assert started.json()["call"]["call_status"] == "ongoing"
        over = ended.json()["call"]
        assert over["call_status"] == "ended"
        assert over["disconnection_reason"] in REASONS["completed"]
        assert over["start_timestamp"] - before_ms >= 39
        assert over["duration_ms"] == over["end_timestamp"] - over["start_timestamp"] >= 59
        assert "call_analysis" not in over
        analysis = analyzed.json()["call"]["call_analysis"]
        assert analysis["call_successful"] is True and analysis["in_voicemail"] is False and analysis["call_summary"]
        assert carrier.call(created["call_id"]) == analyzed.json()["call"]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_outcome_ends_with_its_reason(tmp_path, receiver, outcome):
    with Carrier(
        tmp_path, "--outcomes", f"{outcome}=1", "--ring-ms", "20", "--talk-ms", "20", webhook_url=receiver.url
    ) as carrier:
        created = carrier.place()
        expected = (["call_started"] if outcome in CONNECTED else []) + ["call_ended", "call_analyzed"]
        assert told(events_of(receiver, len(expected))) == expected
        analyzed = events_of(receiver, 1, "call_analyzed")[0].json()["call"]
        assert analyzed["disconnection_reason"] in REASONS[outcome]
        assert analyzed["call_status"] == ("ended" if outcome in CONNECTED else "not_connected")
        assert (analyzed["duration_ms"] > 0) == (outcome in CONNECTED)
        assert ("start_timestamp" in analyzed) == (outcome in CONNECTED)
        assert analyzed["call_analysis"]["call_successful"] == (outcome == "completed")
        assert analyzed["call_analysis"].get("in_voicemail", False) == (outcome == "voicemail")
        (line,) = carrier.wait_witness("ended", 1)
        assert (line["outcome"], line["id"], line["to"], line["n"]) == (outcome, created["call_id"], TO, 1)


def test_outcomes_are_a_function_of_seed_number_and_dial(tmp_path):
    weights = {"completed": 40, "busy": 30, "no_answer": 20, "failed": 10}
    flag = ",".join(f"{name}={weight}" for name, weight in weights.items())
    numbers = [f"+1555000{i:04d}" for i in range(12)]
    expected = {(number, dial): fate(7, number, dial, weights) for number in numbers for dial in (1, 2, 3)}
    for order in (numbers, numbers[::-1]):
        directory = tmp_path / order[0].strip("+")
        directory.mkdir()
        with Carrier(directory, "--seed", "7", "--outcomes", flag, "--ring-ms", "1", "--talk-ms", "1") as carrier:
            for _ in range(3):
                for number in order:
                    carrier.place(number)
            ended = carrier.wait_witness("ended", 36)
            assert {(line["to"], line["n"]): line["outcome"] for line in ended} == expected
    assert len(set(expected.values())) == 4


def test_a_ringing_call_is_registered_and_counts(tmp_path):
    with Carrier(tmp_path, "--outcomes", "no_answer=1", "--ring-ms", "600000") as carrier:
        ids = [carrier.place(f"+1555000111{i}")["call_id"] for i in range(3)]
        assert {carrier.call(call_id)["call_status"] for call_id in ids} == {"registered"}
        status, concurrency, _ = carrier.send("GET", "/get-concurrency")
        assert (status, concurrency["current_concurrency"]) == (200, 3)
        assert concurrency["concurrency_limit"] > 3 and concurrency["reserved_inbound_concurrency"] == 0


def test_a_call_can_be_stopped(tmp_path, receiver):
    with Carrier(
        tmp_path, "--outcomes", "completed=1", "--ring-ms", "1", "--talk-ms", "600000", webhook_url=receiver.url
    ) as carrier:
        call_id = carrier.place()["call_id"]
        carrier.wait_call(call_id, "ongoing")
        assert carrier.send("POST", f"/v2/stop-call/{call_id}")[:2] == (204, None)
        ended = events_of(receiver, 1, "call_ended")[0].json()["call"]
        assert (ended["call_status"], ended["disconnection_reason"]) == ("ended", "manual_stopped")
        assert carrier.send("POST", f"/v2/stop-call/{call_id}")[0] == 422
        assert carrier.send("POST", "/v2/stop-call/call_of_nobody")[0] == 422
        assert carrier.send("GET", "/get-concurrency")[1]["current_concurrency"] == 0


# ---- refusals ----


def test_every_route_wants_the_key(tmp_path):
    with Carrier(tmp_path) as carrier:
        for method, path in [
            ("POST", "/v2/create-phone-call"),
            ("GET", "/v2/get-call/x"),
            ("POST", "/v3/list-calls"),
            ("POST", "/v2/stop-call/x"),
            ("GET", "/get-concurrency"),
        ]:
            for headers in ({"Authorization": "Bearer wrong"}, {"Authorization": KEY}, {"Authorization": "Bearer "}):
                status, error, _ = carrier.send(method, path, {} if method == "POST" else None, headers)
                assert (status, error["status"]) == (401, "error"), path
                assert error["message"] == "API key is missing or invalid."
        assert len(carrier.witness("refused")) == 3
        assert carrier.witness("placed") == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"[]", 400),
        ({"to_number": TO}, 400),
        ({"from_number": FROM}, 400),
        ({"from_number": FROM, "to_number": "5550001111"}, 400),
        ({"from_number": FROM, "to_number": 15550001111}, 400),
        ({"from_number": FROM, "to_number": TO, "agent_id": "a"}, 400),
        ({"from_number": FROM, "to_number": TO, "retell_llm_dynamic_variables": {"n": 1}}, 400),
        ({"from_number": FROM, "to_number": TO, "agent_override": {"agent": {"ring_duration_ms": 100}}}, 400),
        ({"from_number": FROM, "to_number": TO, "metadata": {"x": "y" * 60000}}, 400),
        ({"from_number": FROM, "to_number": TO, "metadata": {"x": "y" * 70000}}, 413),
        ({"from_number": FROM, "to_number": TO, "override_agent_id": "agent_unknown"}, 422),
        ({"from_number": FROM, "to_number": TO, "override_agent_id": "agent_unpaid"}, 402),
    ],
)
def test_a_bad_create_request_places_nothing_and_is_on_record(tmp_path, body, status):
    with Carrier(tmp_path) as carrier:
        seen, error, _ = carrier.send("POST", "/v2/create-phone-call", body)
        assert (seen, error["status"]) == (status, "error")
        assert error["message"]
        (create,) = carrier.witness("create")
        (refused,) = carrier.witness("refused")
        assert (create["status"], refused["status"], create["id"]) == (status, status, None)
        assert refused["why"]
        assert carrier.witness("placed") == []
        assert carrier.send("POST", "/v3/list-calls", {})[1]["items"] == []


def test_unknown_things_are_answered_in_the_vendor_s_words(tmp_path):
    with Carrier(tmp_path) as carrier:
        status, error, _ = carrier.send("GET", "/v2/get-call/call_of_nobody")
        assert (status, error["message"]) == (422, "Cannot find requested asset under given api key.")
        assert carrier.send("GET", "/v2/nothing")[0] == 404
        assert carrier.send("GET", "/v2/create-phone-call")[0] == 405
        status, error, _ = carrier.send("POST", "/v2/create-phone-call", b"{}", {"Content-Type": "text/plain"})
        assert (status, error["status"]) == (400, "error")


# ---- lists ----


def test_a_lookup_by_token_finds_every_call_of_it_and_no_other(tmp_path):
    with Carrier(tmp_path, "--ring-ms", "600000") as carrier:
        ids = [carrier.place(f"+1555000000{i}", token)["call_id"] for i, token in enumerate(("a", "b", "a", "ab"))]

        def lookup(value: str, **members: Any) -> Any:
            filters = {"metadata": [{"type": "string", "key": "carillon_token", "op": "eq", "value": value}]}
            status, answer, _ = carrier.send("POST", "/v3/list-calls", {"filter_criteria": filters, **members})
            assert status == 200, answer
            return answer

        assert [call["call_id"] for call in lookup("a")["items"]] == [ids[2], ids[0]]
        assert [call["call_id"] for call in lookup("a", sort_order="ascending")["items"]] == [ids[0], ids[2]]
        assert lookup("zzz") == {"items": [], "has_more": False}
        page = lookup("a", limit=1, include_total=True)
        assert (page["has_more"], page["total"]) == (True, 2)
        second = lookup("a", limit=1, pagination_key=page["pagination_key"])
        assert [call["call_id"] for call in second["items"]] == [ids[0]]
        assert second["has_more"] is False
        assert second["items"][0]["metadata"] == {"carillon_token": "a"}
        assert carrier.send("POST", "/v3/list-calls")[1]["items"][0]["call_id"] == ids[3]
        assert carrier.send("POST", "/v3/list-calls", {"limit": 5000})[0] == 400


# ---- faults ----


def test_throttled_requests_place_nothing_and_say_when_to_come_back(tmp_path):
    with Carrier(tmp_path, "--fault", "throttle=1") as carrier:
        status, error, headers = carrier.create(token="t")
        assert (status, headers["Retry-After"], error["status"]) == (429, "1", "error")
        (create,) = carrier.witness("create")
        assert (create["status"], create["n"], create["request"], create["token"]) == (429, 1, 1, "t")
        assert create["faults"] == ["throttle"]
        assert [(line["why"], line["status"]) for line in carrier.witness("refused")] == [("throttle", 429)]
        assert carrier.witness("placed") == []


def test_an_unavailable_carrier_places_nothing(tmp_path):
    with Carrier(tmp_path, "--fault", "unavailable=1") as carrier:
        assert carrier.create()[0] == 503
        assert carrier.witness("placed") == []
        assert carrier.witness("refused")[0]["why"] == "unavailable"


def test_a_reset_request_is_placed_all_the_same(tmp_path, receiver):
    with Carrier(tmp_path, "--fault", "reset=1", webhook_url=receiver.url) as carrier:
        with pytest.raises(ConnectionResetError):
            carrier.create(token="t")
        ended = events_of(receiver, 1, "call_ended")[0].json()["call"]
        assert ended["metadata"] == {"carillon_token": "t"}
        (create,) = carrier.witness("create")
        (placed,) = carrier.witness("placed")
        assert (create["status"], create["id"]) == (0, placed["id"]) == (0, ended["call_id"])


def test_faults_strike_the_requests_that_the_hash_names(tmp_path):
    numbers = [f"+1555000{i:04d}" for i in range(10)]
    with Carrier(tmp_path, "--seed", "3", "--fault", "throttle=0.4", "--fault", "unavailable=0.2") as carrier:
        seen = {(number, n): carrier.create(number)[0] for n in (1, 2, 3) for number in numbers}
        expected = {
            (number, n): 503
            if strikes("unavailable", 3, number, n, 0.2)
            else 429
            if strikes("throttle", 3, number, n, 0.4)
            else 201
            for number, n in seen
        }
        assert seen == expected
        assert set(expected.values()) == {201, 429, 503}
        # Only what was placed counts as a dial.
        placed = [line["n"] for line in carrier.witness("placed") if line["to"] == numbers[0]]
        assert placed == list(range(1, len(placed) + 1))


def test_an_early_callback_comes_before_the_answer(tmp_path):
    answered = threading.Event()
    overtaken: list[bool] = []

    def on_callback(request: Received) -> Answer:
        if request.json()["event"] == "call_ended":
            overtaken.append(not answered.is_set())
        return Answer()

    with HttpReceiver(on_callback) as receiver:
        with Carrier(tmp_path, "--fault", "callback_early=1", webhook_url=receiver.url) as carrier:
            created = carrier.place()
            answered.set()
            assert created["call_status"] == "registered"
            assert overtaken == [True]
            assert carrier.call(created["call_id"])["call_status"] in ("ended", "not_connected")


def test_an_early_callback_that_fails_does_not_hold_the_answer_for_ever(tmp_path, receiver):
    receiver.answer = Answer(500)
    with Carrier(tmp_path, "--fault", "callback_early=1", webhook_url=receiver.url) as carrier:
        assert carrier.create()[0] == 201
    with Carrier(tmp_path, "--fault", "callback_early=1", "--fault", "callback_never=1") as carrier:
        assert carrier.create()[0] == 201


def test_a_client_that_leaves_before_a_late_answer_hurts_nobody(tmp_path):
    gate = threading.Event()
    with HttpReceiver(Answer(200, after=gate)) as receiver:
        with Carrier(tmp_path, "--fault", "callback_early=1", webhook_url=receiver.url) as carrier:
            with contextlib.closing(socket.create_connection(("127.0.0.1", carrier.process.port))) as client:
                body = json.dumps({"from_number": FROM, "to_number": TO}).encode()
                client.sendall(
                    b"POST /v2/create-phone-call HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    + f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                events_of(receiver, 1, "call_ended")
            gate.set()
            carrier.wait_witness("callback", 2)
            assert carrier.send("GET", "/get-concurrency")[0] == 200


def test_a_doubled_callback_comes_twice_the_same(tmp_path, receiver):
    with Carrier(
        tmp_path, "--outcomes", "busy=1", "--fault", "callback_twice=1", webhook_url=receiver.url
    ) as carrier:
        carrier.place()
        requests = events_of(receiver, 4)
        bodies = [request.body for request in requests]
        assert len(set(bodies)) == 2 and all(bodies.count(body) == 2 for body in bodies)
        lines = carrier.wait_witness("callback", 4)
        assert sorted((line["event"], line["copy"], line["try"]) for line in lines) == [
            ("call_analyzed", 1, 1),
            ("call_analyzed", 2, 1),
            ("call_ended", 1, 1),
            ("call_ended", 2, 1),
        ]


def test_a_call_without_callbacks_is_found_by_asking_only(tmp_path, receiver):
    numbers = [f"+1555000{i:04d}" for i in range(20)]
    silent = next(number for number in numbers if strikes("callback_never", 1, number, 1, 0.5))
    told = next(number for number in numbers if not strikes("callback_never", 1, number, 1, 0.5))
    with Carrier(tmp_path, "--outcomes", "busy=1", "--fault", "callback_never=0.5", webhook_url=receiver.url) as carrier:
        call_id = carrier.place(silent)["call_id"]
        wait_until(lambda: "call_analysis" in carrier.call(call_id), what="analyzed")
        carrier.place(told)
        events_of(receiver, 2)
        assert {request.json()["call"]["to_number"] for request in receiver.snapshot()} == {told}
        assert {line["to"] for line in carrier.witness("callback")} <= {told}


# ---- webhooks ----


def test_a_callback_is_tried_four_times_and_signed_anew_each_time(tmp_path, receiver):
    receiver.answer = Answer(503)
    with Carrier(tmp_path, "--outcomes", "busy=1", webhook_url=receiver.url) as carrier:
        carrier.place()
        ended = events_of(receiver, 4, "call_ended")
        assert len({request.body for request in ended}) == 1
        assert len({request.headers["x-retell-signature"] for request in ended}) == 4
        assert all(is_signed(request.body, KEY, request.headers["x-retell-signature"]) for request in ended)
        lines = [line for line in carrier.wait_witness("callback", 8) if line["event"] == "call_ended"]
        assert [(line["try"], line["status"]) for line in lines] == [(1, 503), (2, 503), (3, 503), (4, 503)]
        assert len(events_of(receiver, 8)) == 8


def test_a_callback_that_was_taken_is_not_repeated(tmp_path):
    def answer(request: Received) -> Answer:
        return Answer(reset=True) if request.index == 0 else Answer(204)

    with HttpReceiver(answer) as receiver:
        with Carrier(tmp_path, "--outcomes", "busy=1", webhook_url=receiver.url) as carrier:
            carrier.place()
            lines = carrier.wait_witness("callback", 3)
        assert sorted((line["event"], line["try"], line["status"]) for line in lines) == [
            ("call_analyzed", 1, 204),
            ("call_ended", 1, 0),
            ("call_ended", 2, 204),
        ]
        assert len(receiver.snapshot()) == 3


def test_a_call_s_own_webhook_takes_the_account_s_place(tmp_path, receiver):
    with HttpReceiver() as own:
        with Carrier(tmp_path, "--outcomes", "busy=1", webhook_url=receiver.url) as carrier:
            carrier.place(agent_override={"agent": {"webhook_url": own.url + "/callbacks/retell/tok"}})
            assert {request.path for request in events_of(own, 2)} == {"/callbacks/retell/tok"}
        assert receiver.snapshot() == []


# ---- the witness ----


def test_the_log_tells_when_a_request_began_and_what_came_of_it(tmp_path):
    with Carrier(tmp_path, "--outcomes", "completed=1", "--ring-ms", "5", "--talk-ms", "5") as carrier:
        body = json.dumps({"from_number": FROM, "to_number": TO, "metadata": {"carillon_token": "t"}}).encode()
        with contextlib.closing(socket.create_connection(("127.0.0.1", carrier.process.port))) as client:
            began_us = time.time_ns() // 1000
            client.sendall(b"POST /v2/create-phone-call HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
            # The carrier has gone round its loop with the first line in hand when it has answered somebody else.
            carrier.place("+15550002222")
            body_us = time.time_ns() // 1000
            client.sendall(f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            assert client.recv(100).startswith(b"HTTP/1.1 201")
        lines = [line for line in carrier.witness() if line["to"] == TO]
        create, placed = lines[:2]
        assert began_us - 1000 <= create["us"] < body_us < placed["us"]
        assert [line["ev"] for line in lines[:2]] == ["create", "placed"]
        assert (create["from"], create["token"], create["n"], create["request"]) == (FROM, "t", 1, 1)
        assert (create["status"], create["faults"], create["id"]) == (201, [], placed["id"])
        ended = [line for line in carrier.wait_witness("ended", 2) if line["to"] == TO][0]
        assert ended["us"] - placed["us"] >= 9000 and ended["talk_ms"] >= 4
        for line in carrier.witness():
            assert line["t"] == line["us"] // 1000
            assert {"t", "us", "ev", "to", "id", "token"} <= set(line)


def test_the_log_is_appended_to(tmp_path):
    for count in (1, 2):
        with Carrier(tmp_path, "--ring-ms", "600000") as carrier:
            carrier.place()
        assert len(carrier.witness("placed")) == count


# ---- the process ----


def test_it_ends_in_order_while_calls_ring_and_callbacks_hang(tmp_path):
    with HttpReceiver(Answer(after=threading.Event())) as receiver:
        with Carrier(tmp_path, "--outcomes", "busy=1", webhook_url=receiver.url) as carrier:
            carrier.place()
            events_of(receiver, 1)
            carrier.process.terminate()


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["--fault", "fire=0.5"], 2, "--fault: expected NAME=RATE"),
        (["--fault", "reset=2"], 2, "--fault: a rate is a number from 0 to 1"),
        (["--fault", "reset"], 2, "--fault: expected NAME=RATE"),
        (["--outcomes", "completed=0"], 2, "--outcomes: all weights are 0"),
        (["--outcomes", "answered=1"], 2, "--outcomes: expected NAME=WEIGHT"),
        (["--seed", "-1"], 2, "seed"),
        (["--webhook"], 2, "webhook"),
        (["--fault", "reset=0.5", "--fault", "reset=0.1"], 3, "twice"),
    ],
)
def test_what_it_cannot_do_it_refuses_at_start(tmp_path, args, status, said):
    key = tmp_path / "key"
    key.write_text(KEY)
    ended = run("carillon-carrier", "--listen", "127.0.0.1:0", "--api-key-file", str(key), *args)
    assert (ended.returncode, ended.stdout) == (status, ""), ended.stderr
    assert said in ended.stderr


def test_it_wants_a_key(tmp_path):
    key = tmp_path / "key"
    key.write_text("\n")
    assert run("carillon-carrier", "--listen", "127.0.0.1:0").returncode == 2
    assert run("carillon-carrier", "--listen", "127.0.0.1:0", "--api-key-file", str(key)).returncode == 3
    missing = run("carillon-carrier", "--listen", "127.0.0.1:0", "--api-key-file", str(tmp_path / "nothing"))
    assert missing.returncode == 1
    assert "nothing" in missing.stderr
