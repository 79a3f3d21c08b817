# SPDX-License-Identifier: Apache-2.0
"""What pages promise of themselves: the index leads everywhere, every threat has its test, every crash point its row."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.lint.sides.tree import Tree, differences, rows, section, words


def check_index(tree: Tree) -> Iterator[str]:
    """docs/README.md leads to every page. That what it leads to is there is checked by tests/lint/docs.py."""
    pages = {path.removeprefix("docs/") for path in tree.paths(r"docs/[\w-]+\.(?:md|yaml)")} - {"README.md"}
    linked = words(r"\]\(([\w-]+\.(?:md|yaml))(?:#[\w-]*)?\)", tree.text("docs/README.md"))
    yield from (f"docs/README.md does not lead to docs/{page}" for page in sorted(pages - linked))


def check_directories(tree: Tree) -> Iterator[str]:
    """docs/architecture.md says what each directory holds. That what it names is there is checked by tests/lint/docs.py."""
    present = {"/".join(path.split("/")[:2]) + "/" for path in tree.paths(r"(?:common|deploy|tests)/[\w-]+/.*")}
    told = words(r"`((?:common|deploy|tests)/[\w-]+/)`", tree.text("docs/architecture.md"))
    yield from (f"docs/architecture.md does not say what {path} holds" for path in sorted(present - told))


def check_threats(tree: Tree) -> Iterator[str]:
    """Each row of what stops a threat names what shows it; that this is there is checked by tests/lint/docs.py."""
    for row in rows(section(tree.text("docs/SECURITY.md"), "## What stops it")):
        if row[0] != "threat" and (len(row) != 3 or not re.search(r"`(?:test_\w+|tests/[\w/.]+)`", row[2])):
            yield f"docs/SECURITY.md: no test shows what stops '{row[0]}'"


def check_crash_points(tree: Tree) -> Iterator[str]:
    """The breakpoints, and the table of a dial's life in docs/architecture.md."""
    points = {f"dial.{name}" for name in words(r'\[DIAL_\w+\] = "(\w+)"', tree.text("worker/dial.c"))}
    for text in tree.sources().values():
        points |= {".".join(names) for names in re.findall(r'breakpoint_reach\("(\w+)", "(\w+)"\)', text)}
    table = rows(section(tree.text("docs/architecture.md"), "## The life of a dial"))
    yield from differences("crash point", points, words(r"`(\w+\.\w+)`", *(row[0] for row in table)), "docs/architecture.md")
