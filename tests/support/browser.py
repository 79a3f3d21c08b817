# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium on the dashboard, headless, by its own driver (deploy/install-deps.sh --web).

    with Browser() as browser:
        browser.sign_in(stack.api_url, key)
        browser.press("Pause")

What is looked for is waited for. What the page says wrong on its console, and every host that it asks, is kept: faults().
"""

from __future__ import annotations

import json
import pathlib
import tempfile
import urllib.parse
from collections.abc import Callable
from types import TracebackType
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.support.processes import ROOT
from tests.support.waiting import wait_until

DRIVER = "/usr/bin/chromedriver"
PICTURES = ROOT / "build" / "web"
DEADLINE_S = 60.0  # a machine on which much else is going on
SCRIPT_S = 180
FLAGS = (
    *("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--lang=en-GB"),
    *("--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync"),
    "--no-sandbox",  # Chromium run by root wants it; the only pages that it sees are ours
)


class Browser:
    """One browser with nothing remembered. `with` starts and ends it."""

    def __init__(self) -> None:
        self.downloads = pathlib.Path(tempfile.mkdtemp(prefix="carillon-browser-"))
        self._driver: webdriver.Chrome | None = None
        self._hosts: set[str] = set()
        self._console: list[str] = []
        self.url = ""

    # ---- up and down ----

    def start(self) -> Browser:
        options = webdriver.ChromeOptions()
        for flag in FLAGS:
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"download.default_directory": str(self.downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self._driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self._driver.set_script_timeout(SCRIPT_S)
        self.resize(1600, 1000)
        return self

    @property
    def driver(self) -> webdriver.Chrome:
        assert self._driver is not None, "the browser is not running"
        return self._driver

    def __enter__(self) -> Browser:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self.picture("failed")
            print(f"at {self.driver.current_url}\n" + "\n".join(self.faults()))
        self.driver.quit()

    # ---- where it is ----

    def sign_in(self, url: str, key: str) -> None:
        self.url = url
        self.driver.get(f"{url}/dashboard/")
        self.field("API key").send_keys(key.strip())
        self.press("Sign in")
        self.find("nav.frame-nav a")

    def sign_out(self) -> None:
        self.press("Sign out")
        self.find("#key")

    def go(self, path: str) -> None:
        """Loads a page of the dashboard: "/batches"."""
        self.driver.get(f"{self.url}/dashboard{path}")
        self.find("main h1")

    @property
    def path(self) -> str:
        return urllib.parse.urlsplit(self.driver.current_url).path

    def resize(self, width: int, height: int) -> None:
        """The page's own width, which may be smaller than a window can be."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, scheme: str) -> None:
        """light or dark, as a system says it."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    # ---- what is there ----

    def find(self, selector: str) -> WebElement:
        def found() -> list[WebElement]:
            return [one for one in self.driver.find_elements(By.CSS_SELECTOR, selector) if is_shown(one)]

        return wait_until(found, DEADLINE_S, f"{selector} is shown", poll_s=0.05)[0]

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """What all of them say at one instant."""
        return self.script("return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent.trim())", selector)

    def button(self, name: str, inside: str = "body") -> WebElement:
        """The button whose text begins so."""
        return self._named(f"{inside} button, {inside} a.button", name)

    def link(self, name: str) -> WebElement:
        return self._named("a", name)

    def press(self, name: str, inside: str = "body") -> None:
        """Clicks the button of that name, whichever it is: a page that renews itself may have put another in its place."""
        self._click(lambda: self.button(name, inside))

    def follow(self, name: str) -> None:
        self._click(lambda: self.link(name))

    @staticmethod
    def _click(find: Callable[[], WebElement]) -> None:
        def clicked() -> bool:
            try:
                find().click()
                return True
            except StaleElementReferenceException:
                return False

        wait_until(clicked, DEADLINE_S, "what is to be clicked stays for a click")

    def _named(self, selector: str, name: str) -> WebElement:
        def found() -> list[WebElement]:
            return [one for one in self.all(selector) if text_of(one).startswith(name) and is_shown(one) and one.is_enabled()]

        return wait_until(found, DEADLINE_S, f"{selector} {name!r} is shown", poll_s=0.05)[0]

    def field(self, label: str) -> WebElement:
        """What a label is of."""
        def found() -> WebElement | None:
            labels = [one for one in self.all("label") if text_of(one) == label]
            return self.driver.find_element(By.ID, labels[0].get_attribute("for")) if labels else None

        return wait_until(found, DEADLINE_S, f"a field {label!r} is there", poll_s=0.05)

    def text(self, selector: str = "main") -> str:
        try:
            return self.driver.find_element(By.CSS_SELECTOR, selector).text
        except (NoSuchElementException, StaleElementReferenceException):
            return ""

    def wait_for_text(self, text: str, selector: str = "main", deadline_s: float = DEADLINE_S) -> str:
        wait_until(lambda: text in self.text(selector), deadline_s, f"{selector} says {text!r}", poll_s=0.1)
        return self.text(selector)

    def confirm(self, verb: str) -> None:
        """Says yes in the dialog that is open, and waits until it is done."""
        self.press(verb, inside="dialog[open]")
        wait_until(lambda: not self.all("dialog[open]"), DEADLINE_S, f"the dialog closes after {verb!r}", poll_s=0.05)

    def script(self, source: str, *args: Any) -> Any:
        return self.driver.execute_script(source, *args)

    def later(self, source: str, *args: Any) -> Any:
        """The same for a script that calls its last argument when it is done."""
        return self.driver.execute_async_script(source, *args)

    # ---- what is left behind ----

    def picture(self, name: str, is_whole: bool = False) -> pathlib.Path:
        """What is seen, or the whole page, as build/web/NAME.png."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        path = PICTURES / f"{name}.png"
        if is_whole:
            width, height = self.script("return [innerWidth, Math.min(document.documentElement.scrollHeight, 6000)]")
            before = self.script("return innerHeight")
            self.resize(width, max(height, before))
            self.driver.save_screenshot(str(path))
            self.resize(width, before)
        else:
            self.driver.save_screenshot(str(path))
        return path

    def _read_logs(self) -> None:
        for entry in self.driver.get_log("browser"):
            if entry["level"] in ("SEVERE", "WARNING"):
                self._console.append(entry["message"])
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked = urllib.parse.urlsplit(message["params"]["request"]["url"])
                if asked.scheme not in ("data", "blob", "chrome"):
                    self._hosts.add(asked.netloc)

    def faults(self) -> list[str]:
        """What the console said wrong so far, and hosts that were asked and are not ours. They are forgotten then."""
        self._read_logs()
        ours = urllib.parse.urlsplit(self.url).netloc
        faults = [f"console: {message}" for message in self._console] + [f"asked {host}" for host in self._hosts - {ours}]
        self._console, self._hosts = [], set()
        return faults


def is_shown(element: WebElement) -> bool:
    try:
        return element.is_displayed()
    except StaleElementReferenceException:
        return False


def text_of(element: WebElement) -> str:
    try:
        return element.text.strip()
    except StaleElementReferenceException:
        return ""
