# SPDX-License-Identifier: Apache-2.0
"""Every page at three widths, in light and dark: pictures of it (build/web), and nothing that sticks out of it."""

from __future__ import annotations

import pytest

from tests.support.browser import Browser
from tests.support.stack import TENANT, TRUNK, Stack
from tests.web.pages import OPERATOR_PAGES, TENANT_PAGES, endpoint_of, open_page, some_campaigns

WIDTHS = {390: 844, 1024: 800, 1600: 1000}


@pytest.fixture(scope="module")
def batch(stack: Stack) -> str:
    return some_campaigns(stack)


def look(browser: Browser, name: str, width: int, scheme: str) -> None:
    sticks_out = browser.script("return document.documentElement.scrollWidth - innerWidth")
    assert sticks_out <= 0, f"{name} is {sticks_out} px wider than {width}"
    browser.picture(f"{name}-{width}-{scheme}", is_whole=True)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_tenants_pages_fit(browser: Browser, stack: Stack, tenant_key: str, batch: str, width: int, scheme: str) -> None:
    browser.prefer(scheme)
    browser.resize(width, WIDTHS[width])
    browser.driver.get(f"{stack.api_url}/dashboard/")
    browser.find("#key")
    look(browser, "login", width, scheme)
    browser.sign_in(stack.api_url, tenant_key)
    for page in TENANT_PAGES:
        open_page(browser, page, batch=batch, endpoint=endpoint_of(stack))
        look(browser, page.name, width, scheme)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_operators_pages_fit(browser: Browser, stack: Stack, operator_key: str, batch: str, width: int, scheme: str) -> None:
    browser.prefer(scheme)
    browser.resize(width, WIDTHS[width])
    browser.sign_in(stack.api_url, operator_key)
    for page in OPERATOR_PAGES:
        open_page(browser, page, batch=batch, tenant=TENANT, trunk=TRUNK)
        look(browser, page.name, width, scheme)


def test_the_theme_that_was_chosen_stays(browser: Browser, stack: Stack, tenant_key: str) -> None:
    browser.prefer("light")
    browser.sign_in(stack.api_url, tenant_key)
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = browser.script(ground)
    browser.press("☾ Dark")
    dark = browser.script(ground)
    assert dark != light
    browser.go("/tags")
    assert browser.script(ground) == dark
    browser.press("☀ Light")
    assert browser.script(ground) == light


def test_who_uses_keys_skips_to_the_content(browser: Browser, stack: Stack, tenant_key: str) -> None:
    browser.sign_in(stack.api_url, tenant_key)
    browser.go("/tags")
    browser.script("document.querySelector('.skip').focus()")
    browser.find(".skip:focus").send_keys("\ue007")  # Enter
    assert browser.script("return document.activeElement.id") == "main"
