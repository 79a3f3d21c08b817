#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where a page names a path of the repository or a test that is not there, or links to a page or a heading that is
not; and where the log has a line of a level that wakes people which docs/operations.md does not explain.

Looked at: README.md and docs/*.md. Decisions are history: what they name may be gone, their links may not."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PATH = re.compile(r"[A-Za-z0-9_.*/-]+")
LOG_LINE = re.compile(r'\blog_(?:error|warn)\(\s*"([^"]+)"')
TEST = re.compile(r"test_\w+")


def anchors(text: str) -> set[str]:
    """As the forges make them of headings."""
    plain = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading) for heading in HEADING.findall(CODE_BLOCK.sub("", text)))
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in plain}


def check_paths(name: str, text: str, tops: set[str]) -> list[str]:
    faults = []
    for token in CODE.findall(CODE_BLOCK.sub("", text)):
        if "/" not in token or token.split("/")[0] not in tops or not PATH.fullmatch(token):
            continue
        if not (any(ROOT.glob(token.rstrip("/"))) if "*" in token else (ROOT / token).exists()):
            faults.append(f"{name}: `{token}` is not there")
    return faults


def check_tests(name: str, text: str, tests: set[str]) -> list[str]:
    named = {token for token in CODE.findall(CODE_BLOCK.sub("", text)) if TEST.fullmatch(token)}
    return [f"{name}: there is no test {test}" for test in sorted(named - tests)]


def tests_of(listed: list[str]) -> set[str]:
    """The names of all tests, in Python and in C."""
    sources = (ROOT / path for path in listed if path.startswith("tests/") and path.endswith((".py", ".c")))
    return {name for path in sources for name in re.findall(r"^(?:def|static void) (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE)}


def check_links(page: pathlib.Path, text: str) -> list[str]:
    faults = []
    for link in LINK.findall(CODE_BLOCK.sub("", text)):
        target, _, anchor = link.partition("#")
        if "://" in link:
            continue
        path = page if not target else (page.parent / target).resolve()
        if not path.exists():
            faults.append(f"{page.relative_to(ROOT)}: the link to {link} leads nowhere")
        elif anchor and path.suffix == ".md" and anchor not in anchors(path.read_text(encoding="utf-8")):
            faults.append(f"{page.relative_to(ROOT)}: {link}: there is no such heading")
    return faults


def check_log_lines(listed: list[str], text: str) -> list[str]:
    """Somebody who is woken by a line of the log finds in the operations page what it means and what to do."""
    sources = [path for path in listed if path.endswith(".c") and not path.startswith("tests/")]
    warned = {event for path in sources for event in LOG_LINE.findall((ROOT / path).read_text("utf-8"))}
    told = set(CODE.findall(text))
    return [f"docs/operations.md: says nothing of the log's line {event}" for event in sorted(warned - told)]


def main() -> int:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    tops = {path.split("/")[0] for path in listed if "/" in path}
    tests, faults = tests_of(listed), []
    for path in listed:
        if path == "README.md" or (path.startswith("docs/") and path.endswith(".md")):
            text = (ROOT / path).read_text(encoding="utf-8")
            faults += check_links(ROOT / path, text)
            if not path.startswith("docs/decisions/"):
                faults += check_paths(path, text, tops) + check_tests(path, text, tests)
    faults += check_log_lines(listed, (ROOT / "docs/operations.md").read_text(encoding="utf-8"))
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
