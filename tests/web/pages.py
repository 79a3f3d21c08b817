# SPDX-License-Identifier: Apache-2.0
"""The pages of the dashboard, and something to show on them."""

from __future__ import annotations

import dataclasses

from tests.support.browser import Browser
from tests.support.stack import Stack
from tests.support.waiting import wait_until


@dataclasses.dataclass(frozen=True)
class Page:
    name: str
    path: str  # with {batch}, {endpoint}, {tenant}, {trunk}
    says: str  # once it is whole


TENANT_PAGES = (
    Page("campaigns", "/batches", "Processing"),
    Page("new-campaign", "/batches/new", "Each call"),
    Page("campaign", "/batches/{batch}", "Retries by due time"),
    Page("calls", "/batches/{batch}/calls", "Contact 3"),
    Page("rows-not-taken", "/batches/{batch}/errors", "Every row was taken."),
    Page("campaign-webhooks", "/batches/{batch}/webhooks", "Last success"),
    Page("settings", "/batches/{batch}/settings", "Each call"),
    Page("tags", "/tags", "renewals"),
    Page("webhooks", "/webhooks", "Last success"),
    Page("endpoint", "/webhooks/{endpoint}", "Delivered"),
    Page("account", "/account", "Memory of those"),
)
OPERATOR_PAGES = (
    Page("fleet", "/fleet", "Commands a second"),
    Page("tenants", "/tenants", "Active"),
    Page("tenant", "/tenants/{tenant}", "Time zone"),
    Page("trunks", "/trunks", "Well"),
    Page("trunk", "/trunks/{trunk}", "Called from"),
    Page("why", "/why?batch={batch}", "Level by level"),
)


def some_campaigns(stack: Stack) -> str:
    """One that runs for minutes, one that is over, one that waits. Answers the one that runs."""
    stack.submit([f"+{15562000000 + i}" for i in range(30)], maxCallsPerSecond=30, tags=["warm-up"], retryStrategy={"maxAttempts": 1})
    retries = {"maxAttempts": 3, "noAnswerDelay": 30000, "busyDelay": 20000}
    numbers = [f"+{15563000000 + i}" for i in range(3000)]
    batch = stack.submit(numbers, maxCallsPerSecond=5, tags=["renewals", "Q4_2026"], retryStrategy=retries)
    stack.submit(["+15564000000"], scheduledStartTime="2033-03-01T09:00:00Z", tags=["renewals"])
    wait_until(lambda: stack.status(batch)["statistics"]["processed"] > 15, 90.0, "some calls have ended", poll_s=0.2)
    wait_until(lambda: stack.delivered("call.completed", batch), 60.0, "a webhook was delivered")
    return batch


def endpoint_of(stack: Stack) -> str:
    """That of the stack's receiver."""
    return stack.api("GET", "/api/v1/webhooks/endpoints")["endpoints"][0]["id"]


def open_page(browser: Browser, page: Page, **names: str) -> None:
    browser.go(page.path.format(**names))
    browser.wait_for_text(page.says)
