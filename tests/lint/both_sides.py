#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where the pages and the sources know different things: options, verbs, variables of the environment, routes, error
codes, reasons, exit codes, metrics, keys of Redis, scripts, targets of make, and some more.

Looked at: README.md and docs/*.md, but for the changelog and the decisions, which tell of what was. What the programs say of
themselves (docs/config.md), the tables of states and docs/openapi.yaml have checkers of their own; `make docs-check` runs all.

A check is a generator of faults over a Tree, which a test may change before it is looked at (tests/integration/test_docs_lint.py)."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.lint.sides import api, metrics, options, pages, state, targets, words  # noqa: E402
from tests.lint.sides.tree import Tree  # noqa: E402

MODULES = (options, api, words, metrics, state, pages, targets)
CHECKS: dict[str, Callable[[Tree], Iterator[str]]] = {
    name.removeprefix("check_"): check for module in MODULES for name, check in vars(module).items() if name.startswith("check_")
}


def main() -> int:
    faults = [fault for check in CHECKS.values() for fault in check(Tree())]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
