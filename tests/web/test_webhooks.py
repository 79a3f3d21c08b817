# SPDX-License-Identifier: Apache-2.0
"""A receiver that fails, seen and mended by the dashboard; a producer that goes away, survived by it."""

from __future__ import annotations

from tests.support.browser import Browser
from tests.support.http_receiver import Answer
from tests.support.stack import Stack
from tests.support.waiting import wait_until


def test_a_failing_receiver_is_seen_with_what_it_answered_and_its_deliveries_are_sent_again(
    browser: Browser, stack: Stack, tenant_key: str
) -> None:
    stack.answer = lambda request: Answer(410)
    batch = stack.submit([f"+{15557700000 + i}" for i in range(6)], maxCallsPerSecond=30, retryStrategy={"maxAttempts": 1})
    browser.sign_in(stack.api_url, tenant_key)
    browser.go(f"/batches/{batch}/webhooks")
    browser.wait_for_text("Disabled")
    browser.follow(stack.receiver_url)
    browser.wait_for_text("Gone")
    browser.wait_for_text("Dead")
    browser.press("Attempts")
    said = browser.wait_for_text("HTTP 410", "dialog[open]")
    assert "call.completed" in said
    browser.picture("delivery")
    browser.press("✕", inside="dialog[open]")

    stack.answer = None
    browser.press("Enable")
    browser.confirm("Enable")
    browser.wait_for_text("Active")
    browser.press("Recover")
    browser.confirm("Send it again")
    wait_until(lambda: len(stack.delivered("call.completed", batch)) == 6, 60.0, "what was given up is delivered", poll_s=0.1)
    wait_until(lambda: stack.delivered("batch.completed", batch), 60.0, "all of it")


def test_an_endpoint_that_nobody_wants_any_more_is_removed(browser: Browser, stack: Stack, tenant_key: str) -> None:
    made = stack.api("PUT", "/api/v1/webhooks/endpoints", {"url": "http://127.0.0.1:9/nobody"})
    browser.sign_in(stack.api_url, tenant_key)
    browser.go(f"/webhooks/{made['id']}")
    browser.press("Remove")
    browser.confirm("Remove")
    browser.wait_for_text("http://127.0.0.1:9 is removed.", "#said")
    ids = [endpoint["id"] for endpoint in stack.api("GET", "/api/v1/webhooks/endpoints")["endpoints"]]
    assert ids and made["id"] not in ids


def test_a_page_lives_through_an_absence_of_the_producer(browser: Browser, stack: Stack, tenant_key: str) -> None:
    batch = stack.submit([f"+{15557800000 + i}" for i in range(600)], maxCallsPerSecond=10)
    browser.sign_in(stack.api_url, tenant_key)
    browser.go(f"/batches/{batch}")
    browser.wait_for_text("● live", ".batch-title")
    stack.producer.keep_address()
    stack.producer.terminate()
    browser.wait_for_text("connection lost", ".batch-title")
    stack.producer.start()
    browser.wait_for_text("● live", ".batch-title")
    done = int(browser.text(".tile .value"))
    wait_until(lambda: int(browser.text(".tile .value") or 0) > done, 60.0, "it goes on", poll_s=0.1)
    stack.api("POST", f"/api/v1/batch/{batch}/cancel")
    absent = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "503")
    assert [fault for fault in browser.faults() if not any(reason in fault for reason in absent)] == []
