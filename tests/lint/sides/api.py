# SPDX-License-Identifier: Apache-2.0
"""Routes, error codes, the reasons that /why gives and what becomes of webhooks."""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterator
from typing import Any

from tests.lint.sides.tree import ROOT, Tree, code_lines, differences, rows, section, words
from tests.support import openapi


@functools.cache
def openapi_lint() -> Any:
    spec = importlib.util.spec_from_file_location("carillon_lint_openapi_of_both", ROOT / "tests" / "lint" / "openapi.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def described_codes(text: str) -> frozenset[str]:
    return frozenset(code for _, code in openapi_lint().described_errors(openapi.Description(openapi.load(text))))


def served_routes(tree: Tree) -> set[str]:
    """The paths of all programs. What the table of a source does not hold is spelled where it is registered."""
    found = {path for text in tree.sources().values() for _, path in openapi_lint().routes_in(text)}
    return found | words(r'"(/callbacks/[^"]*)"', *tree.texts(r"worker/.*\.c").values())


def pattern_of(route: str) -> str:
    parts = re.split(r"(\{\w+(?:\.\.\.)?\})", route)
    return "".join(".*" if part.endswith("...}") else "[^/]+" if part.startswith("{") else re.escape(part) for part in parts)


# A path on a page, with or without a place before it.
PATH = r"(?<![\w.*>\]}/])(?:<public URL>|https?://(?:127\.0\.0\.1|localhost|\[::1\]|HOST)(?::\w+)?)?(/[a-z][\w/{}<>$.-]*)"
FILLED_IN = re.compile(r"<\w+>|\$\w+|\$\{\w+\}")


def named_paths(tree: Tree, firsts: set[str]) -> dict[str, str]:
    """{path: a page that names it} of those that begin with a word that some route begins with."""
    named: dict[str, str] = {}
    for page, text in tree.pages().items():
        for path in words(PATH, *code_lines(text)):
            if path.split("/")[1] in firsts:
                named.setdefault(FILLED_IN.sub("{x}", path).rstrip(".$"), page)
    return named


def check_routes(tree: Tree) -> Iterator[str]:
    """Every path that a page names is served, and every one that is served is named by a page."""
    served = served_routes(tree)
    patterns = {route: re.compile(pattern_of(route)) for route in served}
    named = named_paths(tree, {route.split("/")[1] for route in served})
    for path, page in sorted(named.items()):
        is_beginning = any(route.startswith(path.rstrip("/") + "/") for route in served)
        if not is_beginning and not any(pattern.fullmatch(path) for pattern in patterns.values()):
            yield f"{page}: nothing serves {path}"
    for route in sorted(served - openapi_lint().shortened(tree.text("docs/api.md"))):
        if not any(patterns[route].fullmatch(path) or path == route for path in named):
            yield f"{route} is served, and no page names it"


def check_errors(tree: Tree) -> Iterator[str]:
    """The table of errors of docs/api.md, and the codes that docs/openapi.yaml describes, which are those of the sources
    (tests/lint/openapi.py)."""
    table = rows(section(tree.text("docs/api.md"), "## Errors"))
    told = words(r"`([A-Z_]+)`", *(row[1] for row in table if row[0].isdigit()))
    yield from differences("error code", set(described_codes(tree.text("docs/openapi.yaml"))), told, "docs/api.md")


def check_reasons(tree: Tree) -> Iterator[str]:
    """What /why answers. That a batch is being written is told by no answer, since it is not there yet."""
    spelled = words(r'^    ROW\("([A-Z_]+)"', tree.text("common/domain/why.c")) - {"BATCH_INGESTING"}
    table = rows(section(tree.text("docs/api.md"), "## GET /api/v1/batch/{id}/why"))
    yield from differences("reason", spelled, words(r"`([A-Z_]+)`", *(row[0] for row in table)), "docs/api.md")


def check_webhook_codes(tree: Tree) -> Iterator[str]:
    """What becomes of a webhook: codes of attempts, and reasons for which a delivery is given up without one."""
    spelled = words(r'(?:hopeless|failed)\("([a-z_]+)"', tree.text("notifier/verdict.c"))
    calls = words(r"(?:settle_dead|give_up|clear_out)\((.*)\)", *tree.texts(r"common/lua/hook_[a-z_]+\.lua").values())
    spelled |= words(r"'([a-z_]+)'", *calls) | {"ok"}
    text = section(tree.text("docs/webhooks.md"), "## What is tried again")
    reasons = re.findall(r"has a `reason`:(.*?)\n\n", text, re.DOTALL)
    told = words(r"`([a-z_]+)`", *(row[1] for row in rows(text)), *reasons)
    yield from differences("webhook code", spelled, told, "docs/webhooks.md")
