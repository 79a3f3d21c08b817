# SPDX-License-Identifier: Apache-2.0
"""Who sees what: operators the fleet, viewers no control, and nobody anything when the session is over."""

from __future__ import annotations

import pytest

from tests.support.browser import Browser
from tests.support.stack import TENANT, TRUNK, Stack
from tests.support.waiting import wait_until


def test_an_operator_sees_why_a_campaign_does_not_dial_and_stops_and_starts(
    browser: Browser, stack: Stack, operator_key: str
) -> None:
    batch = stack.submit([f"+{15557500000 + i}" for i in range(400)], maxCallsPerSecond=5)
    browser.sign_in(stack.api_url, operator_key)
    said = browser.wait_for_text("Cell c0")
    assert "Redis" in said
    wait_until(lambda: len(browser.all("section[aria-label='Cell c0'] tbody tr")) >= 4, 60.0, "every process is listed", poll_s=0.2)
    browser.picture("fleet", is_whole=True)

    browser.follow("Trunks")
    browser.follow(TRUNK)
    browser.press("Stop")
    browser.confirm("Stop")
    browser.wait_for_text("Stopped")

    browser.follow("Why")
    browser.field("Campaign").send_keys(batch)
    browser.press("Ask")
    said = browser.wait_for_text("trunk is stopped")
    assert "Trunk stopped" in said
    browser.find(".why summary").click()
    browser.wait_for_text(f"Tenant {TENANT}", ".why-chain")
    browser.picture("operator-why", is_whole=True)

    browser.go(f"/trunks/{TRUNK}")
    browser.press("Start")
    browser.confirm("Start")
    browser.wait_for_text("Active")
    before = stack.status(batch)["attempts"]
    wait_until(lambda: stack.status(batch)["attempts"] > before, 60.0, "it dials again", poll_s=0.1)
    stack.api("POST", f"/api/v1/batch/{batch}/cancel")


def test_an_operator_changes_limits_and_is_told_by_field_what_is_wrong(browser: Browser, stack: Stack, operator_key: str) -> None:
    browser.sign_in(stack.api_url, operator_key)
    browser.go(f"/tenants/{TENANT}")
    rate = browser.field("Calls a second")
    rate.clear()
    rate.send_keys("77")
    browser.press("Save the changes")
    wait_until(lambda: stack.api("GET", f"/api/v1/admin/tenants/{TENANT}", key=operator_key)["cps"] == 77, 60.0, "it is changed")
    wait_until(lambda: browser.field("Calls a second").get_attribute("value") == "77", 60.0, "and shown")

    rate = browser.field("Calls a second")
    rate.clear()
    rate.send_keys("0")
    browser.press("Save the changes")
    wait_until(lambda: browser.field("Calls a second").get_attribute("aria-invalid") == "true", 60.0, "the field is marked")
    assert [fault for fault in browser.faults() if "400 (Bad Request)" not in fault] == []


def test_a_viewer_sees_no_controls(browser: Browser, stack: Stack, viewer_key: str) -> None:
    batch = stack.submit([f"+{15557600000 + i}" for i in range(400)], maxCallsPerSecond=2)
    browser.sign_in(stack.api_url, viewer_key)
    browser.wait_for_text(batch)
    assert browser.texts("main a.button") == []
    allowed = {"", "calls", "errors", "webhooks", "settings"}
    for tab in sorted(allowed):
        browser.go(f"/batches/{batch}/{tab}".rstrip("/"))
        browser.wait_for_text("● live", ".batch-title")
        names = set(browser.texts("main button"))
        assert names <= {"Export CSV", "Export NDJSON"}, (tab, names)
    browser.go("/webhooks")
    browser.wait_for_text("Active")
    assert browser.all("main button") == []
    stack.api("POST", f"/api/v1/batch/{batch}/cancel")


@pytest.mark.parametrize("path", ["/batches/new", "/fleet", "/nowhere"])
def test_a_page_that_is_not_for_the_key_is_not_shown(browser: Browser, stack: Stack, viewer_key: str, path: str) -> None:
    browser.sign_in(stack.api_url, viewer_key)
    browser.driver.get(f"{stack.api_url}/dashboard{path}")
    browser.wait_for_text("There is no such page.")


def test_a_key_that_is_not_known_opens_nothing(browser: Browser, stack: Stack) -> None:
    browser.driver.get(f"{stack.api_url}/dashboard/")
    browser.url = stack.api_url
    browser.field("API key").send_keys("crl_" + "0" * 64)
    browser.press("Sign in")
    browser.wait_for_text("This key is not known, or is over.")
    assert [fault for fault in browser.faults() if "401 (Unauthorized)" not in fault] == []


def test_a_session_that_is_over_leads_to_the_login(browser: Browser, stack: Stack) -> None:
    key = stack.command("key", "create", "--tenant", TENANT).strip()
    browser.sign_in(stack.api_url, key)
    browser.wait_for_text("Campaigns")
    (told,) = [line.split()[0] for line in stack.command("key", "list", "--tenant", TENANT).splitlines() if line.startswith("key_")][-1:]
    stack.command("key", "revoke", told)
    browser.find("#key")
    assert [fault for fault in browser.faults() if "401 (Unauthorized)" not in fault] == []


def test_signing_out_ends_the_session(browser: Browser, stack: Stack, tenant_key: str) -> None:
    browser.sign_in(stack.api_url, tenant_key)
    assert browser.script("return document.cookie") == "", "no script sees the session"
    browser.sign_out()
    browser.script("localStorage.setItem('carillon.signed-in', 'yes')")
    browser.driver.get(f"{stack.api_url}/dashboard/batches")
    browser.find("#key")
    assert [fault for fault in browser.faults() if "401 (Unauthorized)" not in fault] == []
