# SPDX-License-Identifier: Apache-2.0
"""Targets of make."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.lint.sides.tree import START, Tree, code_lines, differences, words

# Made by other targets and by tests, and nobody's to type.
INNER = {
    "FORCE", "everything", "generated", "probe", "programs", "mutants", "mutant-programs", "breakpoint-programs", "next-programs",
    "old-programs", "test-unit-valgrind", "fuzzers", "help", "install-programs", "install-data", "install-systemd",
}  # fmt: skip
ONE_BENCH = re.compile(r"bench-\w+")  # those without a line of their own are told of together: bench-NAME


def makefiles(tree: Tree) -> str:
    return "\n".join(tree.texts(r"Makefile|deploy/\w+\.mk").values()).replace("\\\n", " ")


def phony_targets(tree: Tree) -> set[str]:
    text = makefiles(tree)
    found = {name for line in words(r"^\.PHONY: (.*)$", text) for name in line.split()}
    if "$(PUBLISHED)" in found:
        (names,) = re.findall(r"^PUBLISHED := \$\(addprefix bench-,([a-z ]+)\)$", text, re.MULTILINE)
        found = (found - {"$(PUBLISHED)"}) | {f"bench-{name}" for name in names.split()}
        text = text.replace("$(PUBLISHED)", " ".join(f"bench-{name}" for name in names.split()))
    ruled = {name for line in words(r"^([a-zA-Z][\w -]*):(?!=)", text) for name in line.split()}
    return found & ruled


def check_targets(tree: Tree) -> Iterator[str]:
    phony, help_text = phony_targets(tree), makefiles(tree)
    told = words(r"^##   ([a-z][\w-]*)", help_text)
    if "bench-NAME" in help_text:
        told |= {name for name in phony if ONE_BENCH.fullmatch(name)}
    yield from differences("target", phony - INNER, told - INNER, "make help")
    for page, text in tree.pages().items():
        for name in sorted(words(START + r"make (?:-\w+ )*([a-z][\w-]*)", *code_lines(text)) - phony):
            yield f"{page}: there is no target `make {name}`"
