# SPDX-License-Identifier: Apache-2.0
"""A campaign by the dashboard, from a file with bad rows to the attempts of a call."""

from __future__ import annotations

import pathlib
import urllib.parse

import pytest

from tests.support.browser import Browser
from tests.support.stack import Stack
from tests.support.waiting import wait_until

GOOD = 120
BAD_ROWS = ("555-12,bad,Nobody,7", "+15557100000,twice,Once more,1", "+15557109999,short", '+15557109998,quoted,"no end" here,1')


@pytest.fixture
def contacts(tmp_path: pathlib.Path) -> pathlib.Path:
    rows = [f"+{15557100000 + i},c{i},Contact {i},{i}" for i in range(GOOD)]
    path = tmp_path / "contacts.csv"
    path.write_text("\r\n".join(["phoneNumber,id,name,score", *rows, *BAD_ROWS]) + "\r\n", encoding="utf-8")
    return path


def state(browser: Browser) -> str:
    return browser.text(".batch-title .badge")


def batch_of(browser: Browser) -> str:
    wait_until(lambda: browser.path.startswith("/dashboard/batches/batch_"), 60.0, "the campaign's page is shown", poll_s=0.1)
    return urllib.parse.unquote(browser.path.split("/")[3])


def fill_in(browser: Browser, contacts: pathlib.Path, **fields: str) -> None:
    browser.go("/batches/new")
    for label, value in fields.items():
        browser.field(label.replace("_", " ")).send_keys(value)
    browser.driver.find_element("id", "contacts-file").send_keys(str(contacts))
    browser.wait_for_text("The first rows")


def wait_for_state(browser: Browser, *states: str) -> None:
    wait_until(lambda: state(browser) in states, 90.0, f"the campaign is {states}", poll_s=0.1)


def test_bad_rows_are_shown_before_anything_dials_and_the_rest_is_called(
    browser: Browser, stack: Stack, tenant_key: str, contacts: pathlib.Path
) -> None:
    browser.sign_in(stack.api_url, tenant_key)
    before = len(stack.batches())
    fill_in(browser, contacts, Agent="agent_123", Calls_a_second="10", Attempts="1", Tags="spring, browser")
    browser.press("Check it")
    said = browser.wait_for_text(f"{len(BAD_ROWS)} rows would be left out")
    for told in ("555-12", "Invalid number", "Duplicate", "Wrong field count", "Misplaced quote", f"Start calling {GOOD} contacts"):
        assert told in said, told
    rows = browser.texts(".checked tbody td:first-child")
    assert rows == [str(row) for row in range(GOOD + 2, GOOD + 2 + len(BAD_ROWS))]
    assert len(stack.batches()) == before, "nothing was made by a dry run"
    browser.picture("create-checked", is_whole=True)

    browser.press("Start calling")
    batch = batch_of(browser)
    browser.wait_for_text("● live", ".batch-title")
    wait_until(lambda: int(browser.text(".tile .value") or 0) > 0, 60.0, "an outcome is counted without a reload", poll_s=0.1)
    browser.picture("campaign-live", is_whole=True)

    browser.press("Pause")
    browser.confirm("Pause")
    wait_for_state(browser, "Paused")
    assert stack.status(batch)["status"] == "paused"
    browser.wait_for_text("paused", ".why")
    browser.press("Resume")
    browser.confirm("Resume")
    wait_for_state(browser, "Processing")

    browser.press("Cancel")
    browser.confirm("Cancel the campaign")
    wait_for_state(browser, "Cancelled")
    assert stack.status(batch)["status"] == "cancelled"

    browser.follow("Rows not taken")
    told = browser.wait_for_text("555-12")
    assert "3 rows refused, 1 duplicate left out" in told


def test_a_call_tells_its_attempts(browser: Browser, stack: Stack, tenant_key: str) -> None:
    numbers = [f"+{15557200000 + i}" for i in range(30)]
    retries = {"maxAttempts": 2, "noAnswerDelay": 1000, "busyDelay": 1000, "failedDelay": 1000}
    batch = stack.submit(numbers, maxCallsPerSecond=30, retryStrategy=retries, summaryWait=1)
    stack.wait_for_batch(batch, 120.0)
    twice = next(call for call in stack.api("GET", f"/api/v1/batch/{batch}/calls")["calls"] if call["attempts"] == 2)

    browser.sign_in(stack.api_url, tenant_key)
    browser.go(f"/batches/{batch}/calls")
    browser.wait_for_text(twice["phoneNumber"])
    browser.follow(twice["phoneNumber"])
    said = browser.wait_for_text("Dial 2", "dialog[open]")
    assert "attempt 1" in said and "attempt 2" in said and "Another attempt follows." in said
    assert "That is the contact’s outcome." in said or "The call is over" in said
    browser.picture("call-timeline")
    browser.press("✕", inside="dialog[open]")

    browser.script("document.getElementById('calls-outcome').value = 'COMPLETED'")
    browser.script("document.getElementById('calls-outcome').dispatchEvent(new Event('change'))")
    completed = stack.status(batch)["outcomes"]["COMPLETED"]
    browser.wait_for_text(f"{completed} calls")
    wait_until(lambda: set(browser.texts(".window-sizer .window-row:not([hidden]) .c-outcome")) == {"Completed"},
               60.0, "the filter lets only those by", poll_s=0.1)  # fmt: skip


def test_an_ended_campaign_is_called_again(browser: Browser, stack: Stack, tenant_key: str) -> None:
    numbers = [f"+{15557300000 + i}" for i in range(40)]
    batch = stack.submit(numbers, maxCallsPerSecond=30, retryStrategy={"maxAttempts": 1}, summaryWait=1)
    status = stack.wait_for_batch(batch, 120.0)
    assert status["outcomes"]["BUSY"] > 0
    browser.sign_in(stack.api_url, tenant_key)
    browser.go(f"/batches/{batch}")
    browser.press("Call again")
    browser.confirm("Start calling")
    wait_until(lambda: batch_of(browser) != batch, 60.0, "the new campaign is shown")
    again = batch_of(browser)
    assert stack.status(again)["redialOf"] == batch
    assert stack.status(again)["statistics"]["total"] == sum(status["outcomes"][name] for name in ("BUSY", "NO_ANSWER", "FAILED"))


def test_settings_are_changed_before_it_starts(browser: Browser, stack: Stack, tenant_key: str) -> None:
    batch = stack.submit(["+15557400000"], scheduledStartTime="2033-03-01T09:00:00Z")
    browser.sign_in(stack.api_url, tenant_key)
    browser.go(f"/batches/{batch}/settings")
    rate = browser.field("Calls a second")
    rate.clear()
    rate.send_keys("3")
    browser.press("Save the changes")
    wait_until(lambda: stack.status(batch)["maxCallsPerSecond"] == 3, 60.0, "the rate is changed", poll_s=0.1)
    wait_until(lambda: browser.field("Calls a second").get_attribute("value") == "3", 60.0, "and shown")


def test_the_list_of_campaigns_is_filtered_and_turned_page_by_page(browser: Browser, stack: Stack, tenant_key: str) -> None:
    made = [stack.submit([f"+{15557900000 + i}"], scheduledStartTime="2033-03-01T09:00:00Z", tags=["pages"]) for i in range(30)]
    browser.sign_in(stack.api_url, tenant_key)
    browser.field("Tag").send_keys("pages\n")

    def shown() -> list[str]:
        return browser.texts(".batch-name a")

    wait_until(lambda: shown() == made[:4:-1], 60.0, "the newest 25 of the tag are shown", poll_s=0.2)
    browser.press("Older")
    wait_until(lambda: shown() == made[4::-1], 60.0, "then the others", poll_s=0.2)
    browser.press("← Newer")
    wait_until(lambda: shown() == made[:4:-1], 60.0, "and back", poll_s=0.2)
    browser.go("/batches?tag=pages&status=paused")
    browser.wait_for_text("No campaign here.")
