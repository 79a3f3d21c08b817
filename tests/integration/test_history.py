# SPDX-License-Identifier: Apache-2.0
"""The judge of histories finds one planted breach of each promise, counts it once, and finds nothing in a sound history."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.engine import contact_record, phone_of
from tests.support.history import Rules, judge
from tests.support.ledger import Entry, Ledger
from tests.support.witness import Delivery, read_log

BATCH = "batch_c0_000001"
RULES = Rules(limit=2, max_attempts=3, delays_ms={"": 1000}, utilisation=None)
PROMISES = ("lost", "placed_twice", "overlapping", "too_soon", "over_attempts", "called_again", "dialed_again", "untrue",
            "told_twice", "undelivered", "unsigned", "altered", "miscounted")  # fmt: skip


class History:
    """A campaign of three numbers, as it should be: one completed at once, one busy and then completed, one that nobody
    answered three times. Each plant changes a little of it."""

    def __init__(self) -> None:
        self.carrier: list[dict[str, Any]] = []
        self.deliveries: list[Delivery] = []
        self.entries: dict[str, Entry] = {}
        self.events = 0
        self.numbers = ["+15550000001", "+15550000002", "+15550000003"]
        self.call(0, 1, "completed", 0)
        self.call(1, 1, "busy", 600)
        self.call(2, 1, "no_answer", 1200)
        self.call(1, 2, "completed", 1800)
        self.call(2, 2, "no_answer", 2400)
        self.call(2, 3, "no_answer", 3600)
        for ordinal, (outcome, attempts) in enumerate((("COMPLETED", 1), ("COMPLETED", 2), ("NO_ANSWER", 3))):
            self.final(ordinal, outcome, attempts)
        self.deliver(f"evt_{BATCH}-batch_completed", {"event": "batch.completed", "batchId": BATCH})

    def call(self, ordinal: int, dial: int, outcome: str, at_ms: int, talk_ms: int = 100) -> None:
        """A create that is placed, rings and ends."""
        to, call, token = self.numbers[ordinal], f"call_{ordinal}_{dial}", f"{BATCH}.{ordinal}.{dial}.mac"
        for ev, after_ms, more in (
            ("create", 0, {"status": 201}),
            ("placed", 1, {}),
            ("ended", 1 + talk_ms, {"outcome": outcome}),
        ):
            us = (at_ms + after_ms) * 1000
            self.carrier.append({"ev": ev, "t": us // 1000, "us": us, "to": to, "id": call, "token": token, **more})

    def refused(self, ordinal: int, at_ms: int, status: int) -> None:
        to = self.numbers[ordinal]
        self.carrier.append({"ev": "create", "us": at_ms * 1000, "to": to, "status": status})

    def final(self, ordinal: int, outcome: str, attempts: int) -> None:
        number, call = self.numbers[ordinal], f"call_{ordinal}_{attempts}"
        status = {"COMPLETED": "COMPLETED", "NO_ANSWER": "MISSED", "BUSY": "MISSED"}.get(outcome, "FAILED")
        body = {"event": "call.completed", "batchId": BATCH, "phoneNumber": number, "status": status, "outcome": outcome,
                "attempts": attempts, "providerCallId": call}
        self.entries[number] = Entry(number, "final", outcome, attempts, call)
        self.deliver(f"evt_{BATCH}-{ordinal}-{attempts}-call_completed", body)

    def deliver(self, webhook_id: str, body: dict[str, Any], status: int = 200) -> None:
        self.deliveries.append(Delivery(webhook_id, body, True, status))
        self.events += 1

    def change_final(self, ordinal: int, **members: Any) -> None:
        """What the webhook told of a number; Redis stays as it was."""
        number = self.numbers[ordinal]
        for i, delivery in enumerate(self.deliveries):
            if delivery.body.get("phoneNumber") == number:
                self.deliveries[i] = dataclasses.replace(delivery, body={**delivery.body, **members})

    def ledger(self) -> Ledger:
        return Ledger(BATCH, "completed", self.events, list(self.entries.values()))

    def broken(self) -> dict[str, int]:
        """The promises that are not kept, with how often."""
        report = judge(self.numbers, self.carrier, self.deliveries, RULES, self.ledger())
        found = {promise: getattr(report, promise) for promise in PROMISES if getattr(report, promise)}
        assert len(report.examples) == sum(found.values())
        assert report.keeps_promises() == (not found), report
        return found


def test_a_sound_history_has_no_faults() -> None:
    assert History().broken() == {}


def test_its_figures_are_those_of_the_witnesses() -> None:
    history = History()
    report = judge(history.numbers, history.carrier, history.deliveries, RULES, history.ledger())
    assert report.holds()
    assert report.line("demo", "ok") == (
        "demo: contacts=3 completed=2 missed=1 failed=0 placed=6 max_in_950ms=2 limit=2 utilisation=0.833 lost=0 "
        "overlapping=0 too_soon=0 over_attempts=0 webhooks_delivered=4 webhooks_verified=4 audit=ok"
    )


def never_called(history: History) -> None:
    history.carrier = [event for event in history.carrier if event["to"] != history.numbers[0]]


def never_told(history: History) -> None:
    history.deliveries = [each for each in history.deliveries if each.body.get("phoneNumber") != history.numbers[0]]
    history.events -= 1


def told_but_not_taken(history: History) -> None:
    history.deliveries = [
        dataclasses.replace(each, status=503) if each.body.get("phoneNumber") == history.numbers[0] else each
        for each in history.deliveries
    ]
    history.events -= 1


def not_final_in_redis(history: History) -> None:
    entry = history.entries[history.numbers[2]]
    history.entries[entry.number] = dataclasses.replace(entry, phase="live")


def unknown_to_redis(history: History) -> None:
    del history.entries[history.numbers[0]]


@pytest.mark.parametrize("plant", (never_called, never_told, told_but_not_taken, not_final_in_redis, unknown_to_redis))
def test_a_lost_contact_is_found(plant: Callable[[History], None]) -> None:
    history = History()
    plant(history)
    assert history.broken()["lost"] == 1


def test_a_dial_that_was_placed_twice_is_found() -> None:
    """The token is the same although ids and times differ and everything else is in order."""
    history = History()
    for event in history.carrier:
        if event["id"] == "call_2_2":
            event["token"] = f"{BATCH}.2.1.mac"
    assert history.broken() == {"placed_twice": 1}


def test_two_calls_to_a_number_at_once_are_found() -> None:
    history = History()
    for event in history.carrier:
        if event["id"] == "call_2_1" and event["ev"] == "ended":
            event["us"] = event["us"] + 1_500_000
    assert history.broken() == {"overlapping": 1}


def test_a_call_that_goes_on_while_another_begins_is_found() -> None:
    history = History()
    history.carrier = [e for e in history.carrier if not (e["id"] == "call_2_1" and e["ev"] == "ended")]
    assert history.broken() == {"overlapping": 1}


def test_a_retry_that_comes_too_soon_is_found() -> None:
    history = History()
    for event in history.carrier:
        if event["id"] == "call_2_2":
            event["us"] -= 500_000
    assert history.broken() == {"too_soon": 1}


def test_a_request_that_comes_too_soon_is_found_although_the_carrier_refused_it() -> None:
    history = History()
    history.refused(1, 1000, 429)
    assert history.broken() == {"too_soon": 1}


def test_a_refused_request_that_is_made_again_is_no_retry() -> None:
    history = History()
    history.refused(0, -900, 429)
    history.refused(0, -100, 503)
    assert history.broken() == {}


def test_one_attempt_too_many_is_found() -> None:
    history = History()
    history.call(2, 4, "no_answer", 4800)
    history.change_final(2, attempts=4, providerCallId="call_2_4")
    history.entries[history.numbers[2]] = Entry(history.numbers[2], "final", "NO_ANSWER", 4, "call_2_4")
    assert history.broken() == {"over_attempts": 1}


def test_a_call_after_one_that_was_completed_is_found() -> None:
    history = History()
    history.call(0, 2, "completed", 2000)
    history.change_final(0, attempts=2, providerCallId="call_0_2")
    history.entries[history.numbers[0]] = Entry(history.numbers[0], "final", "COMPLETED", 2, "call_0_2")
    assert history.broken() == {"called_again": 1}


@pytest.mark.parametrize(
    "members",
    (
        {"outcome": "COMPLETED", "status": "COMPLETED"},
        {"outcome": "UNKNOWN", "status": "FAILED"},
        {"attempts": 4},
        {"providerCallId": "call_2_2"},
        {"providerCallId": None},
    ),
    ids=("another_outcome", "unknown", "attempts", "another_call", "no_call"),
)
def test_an_ending_that_is_not_what_the_carrier_says_is_found(members: dict[str, Any]) -> None:
    history = History()
    history.change_final(2, **members)
    assert history.broken() == {"untrue": 1}


def test_an_ending_that_redis_tells_otherwise_is_found() -> None:
    history = History()
    entry = history.entries[history.numbers[1]]
    history.entries[entry.number] = dataclasses.replace(entry, outcome="BUSY")
    assert history.broken() == {"untrue": 1}


def test_an_ending_that_is_told_twice_under_two_ids_is_found() -> None:
    history = History()
    body = next(each.body for each in history.deliveries if each.body.get("phoneNumber") == history.numbers[0])
    history.deliver("evt_another", body)
    assert history.broken() == {"told_twice": 1}


def test_a_webhook_that_comes_again_under_its_id_is_no_fault() -> None:
    history = History()
    history.deliveries += history.deliveries
    assert history.broken() == {}


def test_a_number_that_the_carrier_refused_for_good_ended_as_refused() -> None:
    history = History()
    history.carrier = [event for event in history.carrier if event["to"] != history.numbers[0]]
    history.refused(0, 0, 400)
    history.change_final(0, outcome="REJECTED", status="FAILED", providerCallId=None)
    entry = history.entries[history.numbers[0]]
    history.entries[entry.number] = dataclasses.replace(entry, outcome="REJECTED", provider_id="")
    assert history.broken() == {}
    history.change_final(0, outcome="NO_ANSWER")
    assert history.broken() == {"untrue": 1}


def test_an_event_that_was_never_delivered_is_found() -> None:
    history = History()
    history.deliveries = [each for each in history.deliveries if each.body["event"] != "batch.completed"]
    assert history.broken() == {"undelivered": 1}


def test_a_signature_that_did_not_hold_breaks_a_promise() -> None:
    history = History()
    history.deliveries[0] = dataclasses.replace(history.deliveries[0], verified=False)
    report = judge(history.numbers, history.carrier, history.deliveries, RULES, history.ledger())
    assert (report.webhooks_delivered, report.webhooks_verified) == (4, 3)
    assert history.broken() == {"unsigned": 1}


def test_a_pace_above_the_limit_does_not_hold() -> None:
    history = History()
    history.refused(0, 300, 429)
    report = judge(history.numbers, history.carrier, history.deliveries, RULES, history.ledger())
    assert report.max_in_950ms == 3
    assert not report.holds()


def test_a_limit_that_is_not_used_does_not_hold() -> None:
    history = History()
    report = judge(
        history.numbers, history.carrier, history.deliveries, dataclasses.replace(RULES, utilisation=0.97), history.ledger()
    )
    assert report.keeps_promises() and not report.holds()


def test_the_log_of_a_carrier_that_was_killed_in_a_line_is_read_up_to_it(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log"
    log.write_text(json.dumps({"ev": "create"}) + '\n{"ev": "pla', encoding="utf-8")
    assert read_log(log) == [{"ev": "create"}]
    log.write_text('{"ev": "pla\n' + json.dumps({"ev": "create"}) + "\n", encoding="utf-8")
    with pytest.raises(json.JSONDecodeError):
        read_log(log)


@pytest.mark.parametrize("number", (1234567, 15550100000, 999999999999999))
def test_a_number_is_read_from_the_record_that_redis_keeps(number: int) -> None:
    assert phone_of(contact_record(number, "c1")) == number
