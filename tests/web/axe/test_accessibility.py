# SPDX-License-Identifier: Apache-2.0
"""axe-core (npm, by make test-web) finds nothing serious on any page, in light and dark, nor in a dialog."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from tests.support.browser import Browser
from tests.support.processes import ROOT
from tests.support.stack import TENANT, TRUNK, Stack
from tests.web.pages import OPERATOR_PAGES, TENANT_PAGES, endpoint_of, open_page, some_campaigns

AXE = ROOT / "build" / "test-web" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = ("serious", "critical")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """
const [rules, done] = arguments;
axe.run(document, {runOnly: rules, resultTypes: ['violations']}).then((result) => done(result.violations), (error) => done(String(error)));
"""


@pytest.fixture(scope="module")
def axe() -> str:
    assert AXE.is_file(), f"{AXE} is not there: run make test-web"
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def batch(stack: Stack) -> str:
    return some_campaigns(stack)


def serious(browser: Browser, axe: str) -> list[str]:
    browser.script(axe)
    found: Any = browser.later(RUN, RULES)
    assert isinstance(found, list), found
    bad = [one for one in found if one["impact"] in SERIOUS]
    return [f"{one['id']}: {node['html'][:200]} ({node['failureSummary']})" for one in bad for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_tenant_meets_no_obstacle(browser: Browser, stack: Stack, tenant_key: str, batch: str, axe: str, scheme: str) -> None:
    browser.prefer(scheme)
    browser.driver.get(f"{stack.api_url}/dashboard/")
    browser.find("#key")
    assert serious(browser, axe) == [], "login"
    browser.sign_in(stack.api_url, tenant_key)
    for page in TENANT_PAGES:
        open_page(browser, page, batch=batch, endpoint=endpoint_of(stack))
        assert serious(browser, axe) == [], page.name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_operator_meets_no_obstacle(browser: Browser, stack: Stack, operator_key: str, batch: str, axe: str, scheme: str) -> None:
    browser.prefer(scheme)
    browser.sign_in(stack.api_url, operator_key)
    for page in OPERATOR_PAGES:
        open_page(browser, page, batch=batch, tenant=TENANT, trunk=TRUNK)
        assert serious(browser, axe) == [], page.name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out_of_a_dialog(browser: Browser, stack: Stack, tenant_key: str, batch: str, axe: str, scheme: str) -> None:
    browser.prefer(scheme)
    browser.sign_in(stack.api_url, tenant_key)
    browser.go(f"/batches/{batch}")
    browser.press("Cancel")
    browser.wait_for_text("This cannot be undone.", "dialog[open]")
    assert serious(browser, axe) == [], "a question"
    browser.go(f"/batches/{batch}/calls")
    browser.wait_for_text("+15563000000")
    browser.follow("+15563000000")
    browser.wait_for_text("Dial 1", "dialog[open]")
    assert serious(browser, axe) == [], "a call's timeline"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_a_check_says_is_no_obstacle(
    browser: Browser, stack: Stack, tenant_key: str, axe: str, scheme: str, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text("phoneNumber,name\n+15565000000,Ada\n555,Short\n", encoding="utf-8")
    browser.prefer(scheme)
    browser.sign_in(stack.api_url, tenant_key)
    browser.go("/batches/new")
    browser.press("Check it")
    browser.wait_for_text("Choose a file with the contacts.")
    assert serious(browser, axe) == [], "a field at fault"
    browser.driver.find_element("id", "contacts-file").send_keys(str(path))
    browser.field("Agent").send_keys("agent_123")
    browser.wait_for_text("The first rows")
    browser.press("Check it")
    browser.wait_for_text("1 row would be left out")
    assert serious(browser, axe) == [], "a checked file"
