# SPDX-License-Identifier: Apache-2.0
"""Metrics, by name, kind and label; alerts and their runbooks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.lint.sides.tree import Tree, differences, rows, section, words

METRICS_PAGE = "docs/metrics.md"
NO_METRICS = {"carillon_token", "carillon_session"}  # a word of profiles, a cookie
# How a source makes one: the kind by the function's name; where it is made so, also its label.
MADE = re.compile(r'\b\w*(counter|gauge|histogram)\((?:[^()";]|\([^()]*\))*?"(carillon_[a-z0-9_]+)"')
LABELED = re.compile(r'"(carillon_[a-z0-9_]+)",\s*(?:"[^"]*"\s*)+,\s*"(\w+)"')


def spelled_metrics(tree: Tree) -> set[str]:
    return words(r'"(carillon_[a-z0-9_]+)"', *tree.sources().values()) - NO_METRICS


def check_metrics(tree: Tree) -> Iterator[str]:
    """By name on all pages, and in what is deployed."""
    spelled = spelled_metrics(tree)
    shown = spelled | {f"{name}_{part}" for name in spelled for part in ("bucket", "sum", "count")} | NO_METRICS
    for path, text in {**tree.pages(), **tree.texts(r"deploy/(?:prometheus|grafana)/.*")}.items():
        named = words(r"(?<![:\w])carillon_[a-z0-9_]+(?![\w*:])", text)
        yield from (f"{path}: there is no metric {name}" for name in sorted(named - shown))


def check_metrics_page(tree: Tree) -> Iterator[str]:
    """Each has its row, with its kind and its labels."""
    told = {row[0].strip("`"): row for row in rows(tree.text(METRICS_PAGE)) if row[0].startswith("`carillon_")}
    yield from (f"the metric {name} is there, and {METRICS_PAGE} does not tell of it" for name in sorted(spelled_metrics(tree) - set(told)))
    sources = "\n".join(tree.sources().values())
    for kind, name in sorted(set(MADE.findall(sources))):
        if name in told and told[name][1] != kind:
            yield f"{METRICS_PAGE}: {name} is a {kind}, not a {told[name][1]}"
    for name, label in sorted(set(LABELED.findall(sources))):
        if name in told and f"`{label}`" not in told[name][2]:
            yield f"{METRICS_PAGE}: {name} has the label {label}"


def check_alerts(tree: Tree) -> Iterator[str]:
    raised = words(r"^ +- alert: (\w+)", *tree.texts(r"deploy/prometheus/.*\.yml").values())
    told = words(r"^### (\w+)$", section(tree.text("docs/operations.md"), "## Alerts"))
    yield from differences("alert", raised, told, "docs/operations.md")
