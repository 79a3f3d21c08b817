# SPDX-License-Identifier: Apache-2.0
"""What is looked at: the files of the repository, as text, and how pages are read."""

from __future__ import annotations

import functools
import pathlib
import re
import subprocess
from collections.abc import Iterator, Mapping

ROOT = pathlib.Path(__file__).resolve().parents[3]
CODE_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^|(?<=\n\n))((?:    [^\n]*\n)+)")
CODE = re.compile(r"`([^`]+)`")
# Where a command begins, as far as one can tell.
START = r"(?:^|[|;&(]|\b(?:sudo|exec|watch|timeout(?: --?\S+)* \d+))\s*(?:[A-Z_]+=\S* )*(?:\S*/bin/)?"


class Tree:
    """The text of the files that git knows, some of them as a test has written them."""

    def __init__(self, written: Mapping[str, str] | None = None) -> None:
        self._written = dict(written or {})

    def paths(self, pattern: str) -> list[str]:
        """Of the whole repository, by a regular expression."""
        known = dict.fromkeys([*listed(), *self._written])
        return [path for path in known if re.fullmatch(pattern, path)]

    def text(self, path: str) -> str:
        return self._written[path] if path in self._written else read(path)

    def texts(self, pattern: str) -> dict[str, str]:
        return {path: self.text(path) for path in self.paths(pattern)}

    def pages(self) -> dict[str, str]:
        return self.texts(r"README\.md|docs/(?!CHANGELOG)[\w-]+\.md")

    def sources(self) -> dict[str, str]:
        """What ships, in C."""
        return self.texts(r"(?:common|producer|worker|notifier)/.*\.[ch]")


@functools.cache
def listed() -> tuple[str, ...]:
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for path in found.split("\n") if path and (ROOT / path).is_file())


@functools.cache
def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def differences(kind: str, present: set[str], told: set[str], where: str) -> Iterator[str]:
    yield from (f"the {kind} {name} is there, and {where} does not tell of it" for name in sorted(present - told))
    yield from (f"{where} tells of the {kind} {name}, which is not there" for name in sorted(told - present))


def cells(row: str) -> list[str]:
    """Of a row of a table."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


def rows(text: str) -> list[list[str]]:
    """Of all tables, without the lines between their heads and what follows."""
    return [cells(line) for line in text.split("\n") if line.startswith("| ")]


def words(pattern: str, *texts: str) -> set[str]:
    """What a pattern finds."""
    return {word for text in texts for word in re.findall(pattern, text, re.MULTILINE)}


def section(text: str, heading: str) -> str:
    """What stands under a heading, to the next one of its rank or a higher one."""
    at = text.index(f"\n{heading}\n") + len(heading) + 2
    level = heading.split(" ")[0]
    end = re.search(rf"^#{{1,{len(level)}}} ", text[at:], re.MULTILINE)
    return text[at : at + end.start()] if end else text[at:]


def code_lines(text: str) -> Iterator[str]:
    """What stands as code on a page, a command or a word at a time; continued lines are one."""
    for _, block in CODE_BLOCK.findall(text):
        yield from block.replace("\\\n", " ").split("\n")
    text = CODE_BLOCK.sub("", text)
    for block in INDENTED.findall(text):
        yield from block.replace("\\\n", " ").split("\n")
    for part in re.split(r"\n\n|\n(?=[|#-])", INDENTED.sub("", text)):
        yield from (code.replace("\n", " ") for code in CODE.findall(part))
