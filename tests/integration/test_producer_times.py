# SPDX-License-Identifier: Apache-2.0
"""callingWindow and expiresAt by the API: what is accepted and held, what is told, what is refused."""

from __future__ import annotations

import datetime
import json

from tests.support.producer_api import Api, batch_body
from tests.support.waiting import wait_until

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def in_days(days: int) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0) + datetime.timedelta(days=days)


def text(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def ms(at: datetime.datetime) -> int:
    return int(at.timestamp() * 1000)


def closed_for_days() -> dict[str, object]:
    """A window that next opens in three days."""
    return {"start": "09:00", "end": "17:00", "days": [DAYS[in_days(3).weekday()]], "timezone": "UTC"}


def test_a_window_and_an_expiry_are_held_told_and_kept(api: Api, acme: str) -> None:
    expires = in_days(20)
    closed = in_days(10).date().isoformat()
    window = {**closed_for_days(), "closedDates": [closed]}
    batch = api.create(acme, api.fresh_numbers(3), callingWindow=window, expiresAt=text(expires))
    held = api.batch(batch)
    opening = ms(in_days(3) + datetime.timedelta(hours=9))
    # The day a week later is closed.
    later = ms(in_days(17) + datetime.timedelta(hours=9))
    assert held["hours"] == f"{opening}-{opening + 8 * 3600000} {later}-{later + 8 * 3600000}"
    assert held["hours_until_ms"] == held["expires_ms"] == str(ms(expires))
    assert api.client.zscore(api.engine.key("waiting:f/main/acme"), f"{batch}/0") == opening
    said = api.get(f"/api/v1/batch/{batch}", acme).json()
    assert said["status"] == "pending"
    assert said["callingWindow"] == window
    assert (said["expiresAt"], said["expiredAt"]) == (text(expires), None)


def test_without_an_expiry_a_batch_lives_for_thirty_days_from_its_start(api: Api, acme: str) -> None:
    start = in_days(5)
    batch = api.create(acme, api.fresh_numbers(1), scheduledStartTime=text(start))
    said = api.get(f"/api/v1/batch/{batch}", acme).json()
    assert (said["expiresAt"], said["callingWindow"]) == (text(start + datetime.timedelta(days=30)), None)
    at_once = api.get(f"/api/v1/batch/{api.create(acme, api.fresh_numbers(1))}", acme).json()
    lived = datetime.datetime.fromisoformat(at_once["expiresAt"]) - datetime.datetime.fromisoformat(at_once["startsAt"])
    assert lived == datetime.timedelta(days=30)


def test_windows_are_read_in_their_own_zone_or_the_batchs(api: Api, acme: str) -> None:
    window = {"start": "09:00", "end": "17:00"}
    batch = api.create(acme, api.fresh_numbers(1), callingWindow=window, timezone="Asia/Tokyo")
    assert json.loads(api.batch(batch)["window"]) == {**window, "days": DAYS, "timezone": "Asia/Tokyo", "closedDates": []}
    own = api.create(acme, api.fresh_numbers(1), callingWindow={**window, "timezone": "Europe/Berlin"}, timezone="Asia/Tokyo")
    assert json.loads(api.batch(own)["window"])["timezone"] == "Europe/Berlin"


def refused(api: Api, key: str, **options: object) -> dict[str, list[str]]:
    before = set(api.client.keys("*batch*"))
    answer = api.post("/api/v1/batch", batch_body(api.fresh_numbers(1), **options), key)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST"), answer
    assert set(api.client.keys("*batch*")) == before, "nothing half-written stays"
    return answer.field_errors


def test_all_faults_of_a_window_and_an_expiry_are_named_by_path(api: Api, acme: str) -> None:
    window = {"start": "24:00", "end": "5pm", "days": ["mon", "funday"], "timezone": "Mars/Base",
              "closedDates": ["2026-02-30", 7], "holidays": []}
    faults = refused(api, acme, callingWindow=window, expiresAt="2020-01-01T00:00:00Z")
    path = "options.callingWindow"
    assert sorted(faults) == sorted([
        f"{path}.start", f"{path}.end", f"{path}.days[1]", f"{path}.timezone", f"{path}.closedDates[0]", f"{path}.closedDates[1]",
        f"{path}.holidays", "options.expiresAt",
    ])
    assert faults["options.expiresAt"] == ["must lie after the batch's start"]


def test_the_contacts_zone_is_refused_until_it_exists(api: Api, acme: str) -> None:
    faults = refused(api, acme, callingWindow={"start": "09:00", "end": "17:00", "timezone": "contact"})
    assert list(faults) == ["options.callingWindow.timezone"]


def test_a_window_that_does_not_open_before_the_expiry_is_refused(api: Api, acme: str) -> None:
    faults = refused(api, acme, callingWindow=closed_for_days(), expiresAt=text(in_days(2)))
    assert list(faults) == ["options.callingWindow"]
    every_day = [in_days(day).date().isoformat() for day in range(-1, 40)]
    faults = refused(api, acme, callingWindow={"start": "09:00", "end": "17:00", "closedDates": every_day})
    assert list(faults) == ["options.callingWindow"]
    assert refused(api, acme, callingWindow={"start": "09:00", "end": "17:00", "days": []}).keys() == {"options.callingWindow.days"}


def test_an_expired_batch_is_complete_and_says_whom_it_never_called(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(4), callingWindow=closed_for_days())
    now = api.engine.now_ms()
    api.client.hset(api.engine.key(f"batch:{batch}"), "expires_ms", now)
    api.client.zadd(api.engine.key("expiries"), {batch: now})
    wait_until(lambda: (api.engine.tick(), api.batch(batch)["state"])[1] == "completed", 5.0, "it expires")
    said = api.get(f"/api/v1/batch/{batch}", acme).json()
    assert (said["status"], said["outcomes"], said["statistics"]["failed"]) == ("completed", {"EXPIRED": 4}, 4)
    assert said["expiredAt"] is not None
    calls = api.get(f"/api/v1/status/batch?batchId={batch}", acme).json()["calls"]
    assert {(call["status"], call["error"]) for call in calls} == {("FAILED", "EXPIRED")}
