# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml is sound and whole, and its linter (tests/lint/openapi.py) sees what is not."""

from __future__ import annotations

import copy
import importlib.util
import inspect
import pathlib
from typing import Any, Callable

import pytest

from tests.support import openapi
from tests.support.openapi import Description

PATH = pathlib.Path(__file__).resolve().parents[1] / "lint" / "openapi.py"
TEXT = openapi.PATH.read_text(encoding="utf-8")
LIST = "/api/v1/batch/list"


def linter() -> Any:
    spec = importlib.util.spec_from_file_location("carillon_lint_openapi", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LINTER = linter()
DOCUMENT = openapi.load(TEXT)


def test_the_description_is_sound_and_says_what_the_sources_do() -> None:
    assert LINTER.check(DOCUMENT) == []


def rename(node: dict[str, Any], old: str, new: str) -> None:
    node[new] = node.pop(old)


# What is wrong: who sees it, how it is brought about, and what is said.
BROKEN: dict[str, tuple[str, Callable[[dict[str, Any]], Any], str]] = {
    "an unknown member": ("check", lambda d: d["info"].update(licence="x"), "licence"),
    "no summary": ("check_operations", lambda d: d["paths"][LIST]["get"].pop("summary"), "listBatches: has no summary"),
    "no answer for a bad key": ("check_operations", lambda d: d["paths"][LIST]["get"]["responses"].pop("401"), "listBatches: does not describe 401"),
    "a tag that nobody described": ("check_operations", lambda d: d["paths"][LIST]["get"].update(tags=["Misc"]), "listBatches: has no tag"),
    "the same name twice": ("check_operations", lambda d: d["paths"][LIST]["get"].update(operationId="createBatch"), "createBatch: comes twice"),
    "a route that is not served": ("check_routes", lambda d: rename(d["paths"], LIST, "/api/v1/batches"), "GET /api/v1/batches is described and not served"),
    "a route that is not described": ("check_routes", lambda d: rename(d["paths"], LIST, "/api/v1/batches"), f"GET {LIST} is served and not described"),
    "a method that is not served": ("check_routes", lambda d: rename(d["paths"][LIST], "get", "post"), f"POST {LIST} is described and not served"),
    "an argument that is read": ("check_arguments", lambda d: d["components"]["parameters"]["UserId"].update(name="user"), "the query's userId is read"),
    "an argument that is not read": ("check_arguments", lambda d: d["components"]["parameters"]["UserId"].update(name="usr"), "the query's usr is described"),
    "a reference to nothing": ("check", lambda d: d["components"]["schemas"].pop("Links"), "#/components/schemas/Links leads nowhere"),
    "a component that nobody uses": ("check", lambda d: d["components"]["schemas"].update(Spare={"type": "string"}), "Spare is used by nobody"),
    "an object open to anything": ("check_schemas", lambda d: d["components"]["schemas"]["Links"].pop("additionalProperties"), "Links: does not say additionalProperties"),
    "an object that takes anything": ("check_schemas", lambda d: d["components"]["schemas"]["Links"].update(additionalProperties=True), "Links: may have members"),
    "a misspelt keyword": ("check_schemas", lambda d: rename(d["components"]["schemas"]["BatchId"], "maxLength", "maxLen"), "maxLen is no keyword"),
    "a keyword of no meaning": ("check_schemas", lambda d: d["components"]["schemas"]["BatchId"].update(maxLength="long"), "'long' is not of type"),
    "an example that does not fit": ("check_examples",
        lambda d: d["components"]["responses"]["BatchNotFound"]["content"]["application/json"]["example"].update(code="GONE"), "'BATCH_NOT_FOUND' was expected"),
    "a word that no source has": ("check_spellings", lambda d: d["components"]["schemas"]["BatchState"]["enum"].append("dormant"), "dormant"),
    "an error that no source has": ("check_errors",
        lambda d: d["components"]["schemas"]["ErrorOther"]["properties"]["code"]["enum"].append("TEAPOT"), "TEAPOT is described"),
    "an error that is not described": ("check_errors",
        lambda d: d["components"]["schemas"]["ErrorOther"]["properties"]["code"]["enum"].remove("URI_TOO_LONG"), "URI_TOO_LONG is not described"),
    "a number without a bound": ("check_request_bounds",
        lambda d: d["components"]["schemas"]["BatchOptions"]["properties"]["priority"].pop("maximum"), "a number without bounds"),
    "a required member that is not there": ("check_schemas", lambda d: d["components"]["schemas"]["Links"]["required"].append("help"), "requires help"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_the_linter_sees(name: str) -> None:
    judge, spoil, fault = BROKEN[name]
    document = copy.deepcopy(DOCUMENT)
    spoil(document)
    told = list(getattr(LINTER, judge)(document if judge == "check" else Description(document)))
    assert any(fault in line for line in told), told


def test_all_that_looks_is_asked() -> None:
    judges = {name for name in vars(LINTER) if name.startswith("check_") and next(iter(inspect.signature(getattr(LINTER, name)).parameters)) == "api"}
    source = inspect.getsource(LINTER.check)
    assert judges and [name for name in judges if name not in source] == []


def test_a_key_that_comes_twice_is_seen() -> None:
    with pytest.raises(Exception, match="comes twice"):
        openapi.load(TEXT.replace("  title: Carillon\n", "  title: Carillon\n  title: Other\n", 1))
