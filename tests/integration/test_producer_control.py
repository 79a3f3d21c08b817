# SPDX-License-Identifier: Apache-2.0
"""Pause, resume and cancel, by the API's own routes and the seed's."""

from __future__ import annotations

import datetime

import pytest

from tests.support.engine import Fleet
from tests.support.producer_api import Api, numbers


def begun(fleet: Fleet, batch: str) -> int:
    return len([begin for begin in fleet.begins if begin.batch == batch])


def status(api: Api, batch: str, key: str) -> str:
    return str(api.get(f"/api/v1/batch/{batch}", key).json()["status"])


def test_pause_and_resume_and_what_they_say(api: Api, acme: str) -> None:
    batch = api.create(acme, numbers(3))
    answer = api.post(f"/api/v1/batch/{batch}/pause", key=acme)
    assert answer.status == 200, answer
    said = answer.json()
    assert (said["success"], said["batchId"], said["status"]) == (True, batch, "paused")
    told = api.get(f"/api/v1/batch/{batch}", acme).json()
    assert (told["status"], told["reason"]) == ("paused", "user")
    again = api.post(f"/api/v1/batch/{batch}/pause", key=acme)
    assert (again.status, again.json()["status"]) == (200, "paused")
    answer = api.post(f"/api/v1/batch/{batch}/resume", {"userId": "acme"}, acme)
    assert (answer.status, answer.json()["status"]) == (200, "pending")
    assert status(api, batch, acme) == "pending"


def test_a_scheduled_batch_resumes_as_scheduled(api: Api, acme: str) -> None:
    start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    batch = api.create(acme, numbers(1), scheduledStartTime=start.isoformat())
    assert api.post(f"/api/v1/batch/{batch}/pause", key=acme).json()["status"] == "paused"
    assert api.post(f"/api/v1/batch/{batch}/resume", key=acme).json()["status"] == "scheduled"


@pytest.mark.parametrize("path", ["/api/v1/batch/{id}/cancel", "/api/v1/batch/cancel?batchId={id}"])
def test_cancel_takes_what_waits_off_the_queue(api: Api, acme: str, path: str) -> None:
    batch = api.create(acme, numbers(50))
    answer = api.post(path.format(id=batch), key=acme)
    assert answer.status == 200, answer
    assert answer.json() == {
        "success": True,
        "batchId": batch,
        "status": "cancelled",
        "cancelledJobs": 50,
        "message": "Batch processing cancelled successfully",
    }
    told = api.get(f"/api/v1/batch/{batch}", acme).json()
    assert (told["status"], told["statistics"]["failed"], told["outcomes"]) == ("cancelled", 50, {"CANCELLED": 50})


def test_the_seeds_cancel_says_cancelled_while_calls_come_to_their_end(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(20), maxCallsPerSecond=30)
    fleet = Fleet(api.engine, talk_s=60.0)
    fleet.run(5.0, until=lambda: begun(fleet, batch) >= 3)
    answer = api.post(f"/api/v1/batch/cancel?batchId={batch}", key=acme).json()
    assert answer["status"] == "cancelled"
    assert 0 < answer["cancelledJobs"] <= 17
    assert status(api, batch, acme) == "cancelling"
    own = api.post(f"/api/v1/batch/{batch}/cancel", key=acme).json()
    assert (own["status"], own["cancelledJobs"]) == ("cancelling", 0)


@pytest.mark.parametrize(
    ("verb", "allowed"),
    [
        ("pause", {"scheduled", "pending", "processing"}),
        ("resume", {"paused"}),
    ],
)
def test_an_ended_batch_says_which_states_would_do(api: Api, acme: str, verb: str, allowed: set[str]) -> None:
    batch = api.create(acme, numbers(1))
    api.post(f"/api/v1/batch/{batch}/cancel", key=acme)
    before = api.snapshot()
    answer = api.post(f"/api/v1/batch/{batch}/{verb}", key=acme)
    assert (answer.status, answer.code) == (409, "BATCH_STATE")
    assert answer.json()["details"]["status"] == "cancelled"
    assert set(answer.json()["details"]["allowedStates"]) == allowed
    assert api.snapshot() == before


def test_a_completed_batch_cannot_be_cancelled(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(1), maxCallsPerSecond=30)
    fleet = Fleet(api.engine)
    fleet.run(20.0, until=lambda: status(api, batch, acme) == "completed")
    answer = api.post(f"/api/v1/batch/{batch}/cancel", key=acme)
    assert answer.status == 409, answer
    assert answer.code == "BATCH_STATE"
    assert "processing" in answer.json()["details"]["allowedStates"]


@pytest.mark.parametrize("path", ["/api/v1/batch/{id}/cancel", "/api/v1/batch/cancel?batchId={id}"])
@pytest.mark.parametrize(("trunk", "warned"), (("main", []), ("second", ["NOT_SUPPORTED"])))
def test_a_cancel_of_calls_in_flight_says_how_many_and_whether_they_can_be(
    api: Api, acme: str, path: str, trunk: str, warned: list[str]
) -> None:
    api.engine.trunk("second", how="set", profile="of_another_version")
    batch = api.create(acme, api.fresh_numbers(5), maxCallsPerSecond=30, trunk=trunk)
    api.engine.begin_next(batch)
    api.engine.begin_next(batch)
    said = api.post(path.format(id=batch), {"cancelInFlight": True}, acme).json()
    assert (said["inFlightCalls"], said["cancelledJobs"]) == (2, 3)
    assert [(warning["path"], warning["code"]) for warning in said["warnings"]] == [("cancelInFlight", code) for code in warned]
    assert api.batch(batch)["stops_live"] == "1" and api.client.zscore(api.engine.key("stopping"), batch) == 0
    plain = api.post(path.format(id=batch), {"cancelInFlight": False}, acme).json()
    assert "inFlightCalls" not in plain and "warnings" not in plain


@pytest.mark.parametrize("wrong", ("yes", 1, None, [True]))
def test_in_flight_is_true_or_false(api: Api, acme: str, wrong: object) -> None:
    batch = api.create(acme, numbers(1))
    before = api.snapshot()
    answer = api.post(f"/api/v1/batch/{batch}/cancel", {"cancelInFlight": wrong}, acme)
    assert (answer.status, list(answer.field_errors)) == (400, ["cancelInFlight"])
    assert api.snapshot() == before


@pytest.mark.parametrize("body", [{"cancelInFlight": True}, {"userId": 7}, [], "text"])
def test_a_body_that_means_nothing_is_refused(api: Api, acme: str, body: object) -> None:
    batch = api.create(acme, numbers(1))
    before = api.snapshot()
    answer = api.post(f"/api/v1/batch/{batch}/pause", body, acme)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
    assert api.snapshot() == before


def test_the_seeds_cancel_needs_a_batch_id(api: Api, acme: str) -> None:
    answer = api.post("/api/v1/batch/cancel", key=acme)
    assert answer.status == 400
    assert list(answer.field_errors) == ["batchId"]


def test_a_paused_batch_places_no_call(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(30), maxCallsPerSecond=30)
    fleet = Fleet(api.engine)
    fleet.run(5.0, until=lambda: begun(fleet, batch) >= 3)
    api.post(f"/api/v1/batch/{batch}/pause", key=acme)
    fleet.run(0.5)
    before = begun(fleet, batch)
    fleet.run(0.5)
    assert begun(fleet, batch) == before < 30
    api.post(f"/api/v1/batch/{batch}/resume", key=acme)
    fresh = Fleet(api.engine)  # this fleet hears no wake hint, and may be waiting for another batch's start
    fresh.run(10.0, until=lambda: status(api, batch, acme) == "completed")
    assert status(api, batch, acme) == "completed"
