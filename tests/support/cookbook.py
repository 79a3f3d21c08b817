# SPDX-License-Identifier: Apache-2.0
"""The questions of docs/redis-keys.md, and a place where their lines run as a shell of an operator runs them.

    desk = Desk(server, folder)
    desk.ask(questions()[2])   # ["3712"]
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
import stat
import subprocess

from tests.support.keys_page import PAGE
from tests.support.redis_server import RedisServer

QUESTION = re.compile(r"^### (\d+)\. ([^\n]+\?)\n\n```sh\n(.*?)```\n\n```\n(.*?)```\n\n(.+?)\n(?=\n#|\Z)", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"\b(BATCH|ORDINAL|TRUNK|TENANT|NUMBER)\b")
INSPECTOR = "carillon-inspector"


@dataclasses.dataclass(frozen=True)
class Question:
    number: int
    text: str
    line: str
    example: list[str]  # how an answer reads, by the page
    meaning: str


def questions() -> dict[int, Question]:
    text = PAGE.read_text(encoding="utf-8").split("\n## Twenty questions\n")[1].split("\n## ")[0] + "\n"
    found = [
        Question(int(number), title, line.rstrip("\n"), example.removesuffix("\n").split("\n"), meaning)
        for number, title, line, example, meaning in QUESTION.findall(text + "\n#")
    ]
    assert len(found) == len(re.findall("^### ", text, re.MULTILINE)), "a question is not whole"
    return {question.number: question for question in found}


class Desk:
    """A shell whose `redis-cli` reaches the server and signs in, as the inspector where the line names nobody."""

    def __init__(self, server: RedisServer, folder: pathlib.Path) -> None:
        real, path = shutil.which("redis-cli"), folder / "redis-cli"
        assert real is not None and server.url.startswith("unix://"), server.url
        passwords = {user: server.access(user)["redis_password_file"] for user in (INSPECTOR, "carillon-operator")}
        cases = "\n".join(f'{user}) file="{file}" ;;' for user, file in passwords.items())
        socket = server.url.removeprefix("unix://").split("?")[0]
        path.write_text(
            f'#!/bin/sh\nuser={INSPECTOR}\nif [ "$1" = --user ]; then user=$2; shift 2; fi\n'
            f'case "$user" in\n{cases}\n*) exit 9 ;;\nesac\n'
            f'REDISCLI_AUTH=$(cat "$file") exec {real} -s {socket} --user "$user" --no-auth-warning "$@"\n',
            encoding="utf-8",
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        self._environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "LC_ALL": "C"}

    def ask(self, question: Question, **words: str | int) -> list[str]:
        """The answer, line by line. `words`: what stands for the placeholders, batch=.., number=.."""
        given = {name.upper(): str(word) for name, word in words.items()}
        wanted = set(PLACEHOLDER.findall(question.line))
        assert wanted == set(given), f"{question.number}: {wanted}"
        line = PLACEHOLDER.sub(lambda found: given[found.group(1)], question.line)
        ended = subprocess.run(["bash", "-c", line], env=self._environment, capture_output=True, text=True, timeout=60, check=False)
        assert (ended.returncode, ended.stderr) == (0, ""), (line, ended)
        assert not re.search("NOPERM|WRONGTYPE|ERR ", ended.stdout), (line, ended.stdout)
        return ended.stdout.removesuffix("\n").split("\n")
