# SPDX-License-Identifier: Apache-2.0
"""Reads what the programs' --help says, which is what their tables of options and verbs say: for docs/config.md and the
man pages."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess

DAEMONS = ("carillon-producer", "carillon-worker", "carillon-notifier")
TOOL = "carillon"
ASIDE = ("config", "help", "version")  # told in the text around them
SPELLING = re.compile(r"^  --([a-z][a-z0-9-]*)(?:\[=false\]| (\S+))$")
MARK = re.compile(r" \[([^][]*)\]$")
VERB = re.compile(r"^  ([a-z]+(?: [a-z]+)?) .*?  +(\S.*)$")
OWN, COMMON = "Options:", "Options of every verb:"


@dataclasses.dataclass(frozen=True)
class Option:
    name: str
    spelling: str  # of its value: TEXT, NUMBER, a|b; "" for a switch
    meaning: str
    marks: tuple[str, ...]  # "default: 5", "1 to 9", "repeatable", ..., the last first


@dataclasses.dataclass(frozen=True)
class Verb:
    words: str
    subjects: str  # "KIND ID"
    meaning: str
    about: tuple[str, ...]  # further lines
    options: tuple[Option, ...]
    common: tuple[Option, ...]  # of every verb


def help_of(directory: pathlib.Path, *command: str) -> list[str]:
    ended = subprocess.run([str(directory / command[0]), *command[1:], "--help"], capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()


def options_of(lines: list[str]) -> list[Option]:
    found = []
    for line, following in zip(lines, [*lines[1:], ""]):
        match = SPELLING.match(line)
        if not match or match.group(1) in ASIDE:
            continue
        meaning, marks = following.strip(), []
        while mark := MARK.search(meaning):
            marks.append(mark.group(1))
            meaning = meaning[: mark.start()]
        found.append(Option(match.group(1), match.group(2) or "", meaning, tuple(marks)))
    return found


def verb_of(directory: pathlib.Path, words: str, meaning: str) -> Verb:
    lines = help_of(directory, TOOL, *words.split(" "))
    common = lines.index(COMMON)
    own = lines.index(OWN) if OWN in lines else common
    subjects = lines[0].removeprefix(f"usage: {TOOL} {words}").removesuffix("[OPTION]...").strip()
    about = tuple(line for line in lines[3:own] if line)
    return Verb(words, subjects, meaning, about, tuple(options_of(lines[own:common])), tuple(options_of(lines[common:])))


def verbs_of(directory: pathlib.Path) -> list[Verb]:
    found = [match.groups() for line in help_of(directory, TOOL) if (match := VERB.match(line))]
    return [verb_of(directory, words, meaning) for words, meaning in found]
