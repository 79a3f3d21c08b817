# SPDX-License-Identifier: Apache-2.0
"""GET /openapi.yaml and GET /docs: the description that this build has, for programs and for people."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
from typing import Any

import pytest

from tests.support import openapi
from tests.support.openapi import Description
from tests.support.producer_api import Answer, Api

VOID = {"meta", "br", "hr", "link", "img"}
SILENT = {"script", "iframe", "object", "embed", "form", "img", "link", "base", "video", "audio"}


class Page(html.parser.HTMLParser):
    """What a page holds: its elements in order, anchors, links, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.text += data

    def every(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]


@pytest.fixture(scope="module")
def answer(api: Api) -> Answer:
    return api.get("/docs")


@pytest.fixture(scope="module")
def page(answer: Answer) -> Page:
    return Page(answer.body.decode())


def test_the_description_is_served_as_it_lies_in_the_repository(api: Api) -> None:
    told = api.get("/openapi.yaml")
    assert (told.status, told.headers["content-type"]) == (200, "application/yaml; charset=utf-8")
    is_the_same = told.body == openapi.PATH.read_bytes()
    assert is_the_same, "the producer was built of another one"


def test_the_page_names_every_operation_schema_and_event(page: Page) -> None:
    api, anchors = Description.read(), page.every("id")
    assert len(anchors) == len(set(anchors))
    named = [operation.id for operation in (*api.operations, *api.webhooks)]
    assert set(named) | {f"schema-{name}" for name in api.document["components"]["schemas"]} <= set(anchors)
    assert all(operation.path in page.text for operation in api.operations)


def test_every_link_within_the_page_leads_somewhere(page: Page) -> None:
    anchors = set(page.every("id"))
    inside = [link for link in page.every("href") if link.startswith("#")]
    assert inside and [link for link in inside if link[1:] not in anchors] == []
    outside = {link for link in page.every("href") if not link.startswith("#")}
    assert {link for link in outside if not link.startswith("https://")} == {"/openapi.yaml", "/dashboard/"}


def test_the_page_is_well_formed_and_fetches_nothing(answer: Answer, page: Page) -> None:
    assert page.open == [] and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert [tag for tag, _ in page.elements if tag in SILENT] == []
    assert page.every("src") == page.every("style") == [] and "@import" not in page.text and "url(" not in page.text
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_the_policy_permits_the_pages_own_style_and_nothing_else(answer: Answer) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", answer.body.decode(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    assert answer.headers["content-security-policy"] == policy
    assert "prefers-color-scheme: dark" in style and "@media (min-width:" in style


def test_an_unknown_method_or_a_key_change_nothing(api: Api, acme: str, answer: Answer) -> None:
    assert api.get("/docs", acme).body == answer.body
    assert api.request("POST", "/docs").headers["allow"] == "GET, HEAD"
    assert api.request("HEAD", "/docs").headers["content-length"] == str(len(answer.body))
