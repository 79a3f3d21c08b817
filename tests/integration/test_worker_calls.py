# SPDX-License-Identifier: Apache-2.0
"""carillon-worker places calls and settles them: what platforms answer to a create request, and what follows."""

from __future__ import annotations

import socket
import threading

import pytest

from tests.support.engine import contact_record, id_hash, part
from tests.support.fleet import CALLER_ID, TENANT, Fleet
from tests.support.http_receiver import Answer, Received
from tests.support.platform import Platform, answer_json, refuse
from tests.support.waiting import wait_until


def test_a_call_is_placed_once_and_settled_by_its_callback(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    fleet.wait_state(batch, phase="live", p=create.call_id)
    assert platform.hang_up(create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    state = fleet.state(batch)
    assert (state["a"], state["d"], state["x"], state["u"]) == ("1", "1", "COMPLETED", "2")
    assert platform.count_creates() == 1
    assert [event["type"] for event in fleet.engine().events()] == ["call.completed", "batch.completed"]


def test_the_request_says_what_the_batch_the_trunk_and_the_contact_say(fleet: Fleet, platform: Platform) -> None:
    fleet.worker()
    batch = fleet.batch([4915112345678], agent_id="agent_7", ring_s=20, talk_s=90)
    create = platform.wait_creates(1)[0]
    assert create.body["to_number"] == "+4915112345678"
    assert create.body["from_number"] == CALLER_ID
    assert create.body["override_agent_id"] == "agent_7"
    assert create.body["agent_override"]["agent"] == {"ring_duration_ms": 20_000, "max_call_duration_ms": 90_000}
    assert create.token == fleet.token(batch, 0, 1)
    assert create.body["metadata"]["call_id"] == f"{batch}-0"


def test_the_platform_hangs_up_when_the_tenants_credit_is_used_up(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    fleet.engine().tenant(TENANT, "set", available_s=170)
    batch = fleet.batch(3, talk_s=100)
    creates = platform.wait_creates(2)
    limits = [create.body["agent_override"]["agent"]["max_call_duration_ms"] for create in creates]
    assert sorted(limits) == [70_000, 100_000]
    wait_until(lambda: fleet.engine().hash(f"batch:{batch}")["state"] == "paused", what="it waits for credit")
    fleet.engine().tenant(TENANT, "set", available_s="")
    create = platform.wait_creates(3)[2]
    assert create.body["agent_override"]["agent"]["max_call_duration_ms"] == 100_000
    for create in platform.creates:
        platform.hang_up(create.call_id, worker.url)
    fleet.wait_final(batch)
    assert fleet.engine().hash(f"tenant:{TENANT}")["reserved_s"] == "0"


def test_credit_that_a_call_gives_back_lets_the_next_begin(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    fleet.engine().tenant(TENANT, "set", available_s=100)
    batch = fleet.batch(2, talk_s=100)
    first = platform.wait_creates(1)[0]
    wait_until(lambda: fleet.engine().hash(f"batch:{batch}")["state"] == "paused", what="it waits for credit")
    platform.hang_up(first.call_id, worker.url)
    platform.hang_up(platform.wait_creates(2)[1].call_id, worker.url)
    fleet.wait_final(batch)
    assert fleet.engine().hash(f"tenant:{TENANT}")["available_s"] == "96"


def test_a_contact_keeps_one_of_its_batchs_caller_ids_in_all_its_attempts(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    callers = ["+15550008881", "+15550008882"]
    fleet.batch(2, caller_ids='["+15550008881", "+15550008882"]')
    for create in platform.wait_creates(2):
        assert create.body["from_number"] == callers[create.ordinal]
        platform.hang_up(create.call_id, worker.url, "dial_busy")
    for create in platform.wait_creates(4)[2:]:
        assert create.body["from_number"] == callers[create.ordinal]


def test_an_end_waits_for_its_summary_and_is_told_once(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batch = fleet.batch(summary_wait_ms=30_000)
    create = platform.wait_creates(1)[0]
    platform.end(create.call_id)
    assert platform.callback("call_ended", create.call_id, worker.url)[0] == 200
    fleet.wait_state(batch, phase="ended")
    assert platform.callback("call_ended", create.call_id, worker.url)[0] == 200, "a platform may say it twice"
    assert fleet.engine().events() == []
    assert fleet.cells_hold("flying:k/main") == [], "a call that was hung up holds no concurrency"
    platform.analyze(create.call_id, "She wants it in blue.")
    assert platform.callback("call_analyzed", create.call_id, worker.url)[0] == 200
    fleet.wait_final(batch)
    engine = fleet.engine()
    assert engine.client.hget(engine.key(f"batch:{batch}:texts:0"), "0:summary") == b"She wants it in blue."
    assert [event["type"] for event in engine.events()] == ["call.completed", "batch.completed"]


def test_an_analysis_that_knows_no_outcome_calls_nobody_again(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batch = fleet.batch(summary_wait_ms=30_000)
    create = platform.wait_creates(1)[0]
    platform.end(create.call_id)
    platform.callback("call_ended", create.call_id, worker.url)
    fleet.wait_state(batch, phase="ended")
    platform.change(create.call_id, disconnection_reason="of_a_later_version", call_status="the_same")
    platform.analyze(create.call_id)
    assert platform.callback("call_analyzed", create.call_id, worker.url)[0] == 200
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_summary_that_never_comes_is_given_up(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batch = fleet.batch(summary_wait_ms=100)
    create = platform.wait_creates(1)[0]
    platform.end(create.call_id)
    platform.callback("call_ended", create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


@pytest.mark.parametrize(
    "reason, outcome",
    [("dial_busy", "BUSY"), ("dial_no_answer", "NO_ANSWER"), ("dial_failed", "FAILED")],
)
def test_an_attempt_that_failed_is_followed_by_the_next_until_they_are_spent(
    fleet: Fleet, platform: Platform, reason: str, outcome: str
) -> None:
    worker = fleet.worker()
    batch = fleet.batch(max_attempts=2)
    for attempt in (1, 2):
        create = platform.wait_creates(attempt)[-1]
        assert create.dial == attempt
        platform.hang_up(create.call_id, worker.url, reason)
    assert fleet.wait_final(batch) == {outcome: 1}
    assert fleet.counters(batch)["attempts"] == 2


# ---- a callback and the answer to the create, in any order and number ----


def test_a_callback_that_overtakes_the_answer_settles_the_call(fleet: Fleet, platform: Platform) -> None:
    answer, placed = threading.Event(), threading.Event()

    def late(request):
        call = platform.place(request)
        placed.set()
        return answer_json(201, call, after=answer)

    platform.on_create = late
    worker = fleet.worker()
    batch = fleet.batch()
    assert placed.wait(10)
    assert platform.hang_up("call_1", worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    answer.set()
    wait_until(lambda: fleet.metric(worker, 'carillon_dial_verdicts_total{verdict="ACCEPTED"}') == 1)
    assert fleet.state(batch)["phase"] == "final", "the answer changed what was settled"


def test_a_callback_that_comes_twice_counts_once(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    platform.end(create.call_id, "dial_busy")
    for _ in range(3):
        assert platform.callback("call_ended", create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.counters(batch)["attempts"] == 1
    retried = platform.wait_creates(2)[1]
    assert platform.callback("call_ended", create.call_id, worker.url)[0] == 200, "of the dial before"
    assert fleet.state(batch)["phase"] == "live"
    platform.hang_up(retried.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_a_call_without_callbacks_is_settled_by_a_poll(fleet: Fleet, platform: Platform) -> None:
    fleet.trunk(platform.url, poll_after_ms=500)
    fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    platform.end_untold(create.call_id)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert set(platform.polls) == {create.call_id} and platform.lookups == []
    assert platform.count_creates() == 1


def test_a_call_that_goes_on_is_polled_until_it_ends(fleet: Fleet, platform: Platform) -> None:
    fleet.trunk(platform.url, poll_after_ms=500)
    fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    platform.change(create.call_id, call_status="ongoing")
    wait_until(lambda: len(platform.polls) >= 2, what="two polls")
    assert fleet.state(batch)["phase"] == "live"
    platform.end_untold(create.call_id)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


# ---- refusals ----


def test_a_throttled_request_costs_no_attempt_and_silences_its_trunk(fleet: Fleet, platform: Platform) -> None:
    seen = []

    def throttle(request):
        seen.append(request.at)
        return refuse(429, {"Retry-After": "2"}) if len(seen) == 1 else None

    platform.on_create = throttle
    worker = fleet.worker()
    batch = fleet.batch(3, cps=1)
    for create in platform.wait_creates(4, 15)[1:]:
        assert create.at - seen[0] >= 1.9, "the trunk was not silent for its Retry-After"
        platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 3}
    assert fleet.counters(batch)["attempts"] == 3
    assert platform.creates[0].token not in {create.token for create in platform.creates[1:]}, "a dial number came twice"


def test_a_platform_that_fails_and_asks_for_a_pause_is_left_alone(fleet: Fleet, platform: Platform) -> None:
    """Whatever became of the call that met the failure: more of them would meet it too, and pay an attempt for it."""
    seen: list[float] = []

    def fail(request: Received) -> Answer | None:
        seen.append(request.at)
        return refuse(503, {"Retry-After": "3"}) if len(seen) == 1 else None

    platform.on_create = fail
    fleet.worker()
    fleet.batch(3, cps=5)
    creates = platform.wait_creates(3, 15)
    assert creates[1].at - seen[0] >= 2.9, "the trunk was not silent for its Retry-After"
    assert creates[0].token not in {create.token for create in creates[1:]}
    assert "hold_until_ms" in fleet.engine().hash("trunk:main")


def test_a_retry_after_of_zero_does_not_make_a_hammer(fleet: Fleet, platform: Platform) -> None:
    platform.on_create = lambda request: refuse(429, {"Retry-After": "0"})
    fleet.worker()
    fleet.batch(cps=30)
    first, second = platform.wait_creates(2)
    assert second.at - first.at >= 1.0


def test_a_platform_that_cannot_be_reached_costs_no_attempt(fleet: Fleet, platform: Platform) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        fleet.trunk(f"http://127.0.0.1:{closed.getsockname()[1]}")
        worker = fleet.worker()
        batch = fleet.batch()
        wait_until(lambda: fleet.metric(worker, 'carillon_dial_verdicts_total{verdict="NOT_SENT"}') >= 1)
        fleet.wait_state(batch, phase="due", a="0", g="1")
    fleet.trunk(platform.url)
    create = platform.wait_creates(1)[0]
    assert create.dial > 1, "the dial number was used again"
    platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert fleet.counters(batch)["attempts"] == 1


@pytest.mark.parametrize("status", [401, 402])
def test_an_account_out_of_order_stops_the_trunk_and_no_batch(fleet: Fleet, platform: Platform, status: int) -> None:
    platform.on_create = lambda request: refuse(status)
    worker = fleet.worker()
    batch = fleet.batch(5, cps=5)
    trunk = wait_until(lambda: (t := fleet.engine().hash("trunk:main")).get("state") == "stopped" and t)
    assert trunk["reason"] == "account"
    assert fleet.engine().hash(f"batch:{batch}")["state"] == "processing"
    wait_until(lambda: fleet.counters(batch)["live"] == fleet.counters(batch)["claimed"] == 0)
    assert fleet.counters(batch)["attempts"] == 0 and fleet.counters(batch)["due"] == 5
    refused = platform.count_creates()
    platform.on_create = lambda request: None
    fleet.engine().trunk("main", how="set", state="active")
    for create in platform.wait_creates(refused + 5)[refused:]:
        platform.hang_up(create.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 5}


def test_a_trunk_without_a_caller_id_stops_instead_of_trying_for_ever(fleet: Fleet, platform: Platform) -> None:
    fleet.trunk(platform.url, caller_ids="[]")
    fleet.worker()
    batch = fleet.batch()
    wait_until(lambda: fleet.engine().hash("trunk:main").get("state") == "stopped")
    fleet.wait_state(batch, phase="due", a="0")
    assert platform.count_creates() == 0


def test_a_number_that_the_platform_refuses_is_final(fleet: Fleet, platform: Platform) -> None:
    platform.on_create = lambda request: refuse(422, message="not a number")
    fleet.worker()
    batch = fleet.batch(max_attempts=3)
    assert fleet.wait_final(batch) == {"REJECTED": 1}
    assert platform.count_creates() == 1
    assert fleet.state(batch)["a"] == "1"


def test_a_call_that_the_platform_took_and_then_would_not_place_is_given_back(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    platform.end(create.call_id, "concurrency_limit_reached")
    assert platform.callback("call_ended", create.call_id, worker.url)[0] == 200
    again = platform.wait_creates(2)[1]
    assert again.dial == 2 and fleet.counters(batch)["attempts"] == 1
    platform.hang_up(again.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_an_account_out_of_order_may_show_only_after_the_call_was_taken(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batch = fleet.batch()
    create = platform.wait_creates(1)[0]
    platform.end(create.call_id, "no_valid_payment")
    assert platform.callback("call_ended", create.call_id, worker.url)[0] == 200
    wait_until(lambda: fleet.engine().hash("trunk:main").get("state") == "stopped")
    fleet.wait_state(batch, phase="due", a="0")
    assert [line["trunk"] for line in worker.log_events("trunk.stopped")] == ["main"]


def test_a_trunk_that_cannot_be_read_dials_nothing_until_it_is_put_right(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    live = fleet.batch()
    create = platform.wait_creates(1)[0]
    fleet.wait_state(live, p=create.call_id)
    fleet.trunk(platform.url, credential="v1.nobody_sealed_this")
    wait_until(lambda: platform.hang_up(create.call_id, worker.url) == (503, {"status": "unavailable"}), what="it is noticed")
    batch = fleet.batch()
    wait_until(lambda: worker.log_events("dial.unreadable"))
    assert platform.count_creates() == 1
    fleet.trunk(platform.url)
    wait_until(lambda: platform.hang_up(create.call_id, worker.url) == (200, {"status": "ok"}))
    platform.hang_up(platform.wait_creates(2)[1].call_id, worker.url)
    assert fleet.wait_final(live) == fleet.wait_final(batch) == {"COMPLETED": 1}


# ---- numbers ----


def test_a_number_in_two_batches_is_called_by_one_at_a_time(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batches = [fleet.batch([15551230001]), fleet.batch([15551230001])]
    first = platform.wait_creates(1)[0]
    wait_until(lambda: fleet.cells_hold(f"held:t/{TENANT}"), what="the other call is held")
    assert platform.count_creates() == 1
    ended_at = platform.end(first.call_id)["end_timestamp"]
    assert ended_at and platform.hang_up(first.call_id, worker.url)[0] == 200
    second = platform.wait_creates(2)[1]
    assert second.token.split(".")[0] != first.token.split(".")[0]
    platform.hang_up(second.call_id, worker.url)
    for batch in batches:
        assert fleet.wait_final(batch) == {"COMPLETED": 1}


def test_metadata_that_lies_outside_of_the_record_reaches_the_platform(fleet: Fleet, platform: Platform) -> None:
    fleet.worker()
    engine = fleet.engine()
    batch = fleet.batch(0, seal=False)
    metadata = '{"note": "' + "n" * 600 + '", "level": 3}'
    record = contact_record(15551230002, "c1") + b"\x40\x01"  # metadata_elsewhere
    engine.scripts.run("batch_ingest", batch, 1, "d" * 64, *part([(record, id_hash("c1"), metadata)]))
    engine.seal(batch, 1)
    create = platform.wait_creates(1)[0]
    assert create.body["metadata"]["contact_metadata"] == {"note": "n" * 600, "level": 3}
    assert create.body["metadata"]["contact_id"] == "c1"


def test_metadata_whose_columns_its_batch_keeps_reaches_the_platform_whenever_those_came(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    engine = fleet.engine()
    batch = fleet.batch(0, seal=False, max_concurrent=1)
    values = (b"\x01\x04Kyiv\x02\x012", b"\x01\x04Lviv\x05\x03yes")  # see contact_layout.h
    records = [contact_record(number) + b"\x4a" + bytes([len(value)]) + value for number, value in zip(engine.numbers(2), values)]
    columns = b'{"city":\n,"level":\n'
    engine.scripts.run("batch_ingest", batch, 1, "d" * 64, *part(((record, "", "") for record in records), columns=columns))
    engine.seal(batch, 2)
    first = platform.wait_creates(1)[0]
    assert first.body["metadata"]["contact_metadata"] == {"city": "Kyiv", "level": 2}
    # The other refers to one that came after the worker had read the batch.
    fleet.client.append(engine.key(f"batch:{batch}:columns"), b',"new":\n')
    platform.hang_up(first.call_id, worker.url)
    second = platform.wait_creates(2)[1]
    assert second.body["metadata"]["contact_metadata"] == {"city": "Lviv", "new": "yes"}
