# SPDX-License-Identifier: Apache-2.0
"""`carillon` as a person or a script uses it.

    cli = Cli(redis_url=server.url, url=producer.url, api_key_file=path)
    ended = cli("tenant", "list", "--json")
    assert ended.status == 0, ended
    ended.json()
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
from typing import IO, Any

from tests.support.processes import SANITIZER, program

DONE, FAILED, USAGE, CONFIGURATION, NO_REDIS = range(5)
DEADLINE_S = 60.0


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a call of it ended."""

    args: tuple[str, ...]
    status: int
    out: str
    err: str

    def json(self) -> Any:
        """Its one answer."""
        lines = self.out.splitlines()
        assert len(lines) == 1, self
        return json.loads(lines[0])


def clean_environment() -> dict[str, str]:
    """This process's own, without what would speak to the tool."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CARILLON_")}


class Cli:
    """The tool with an environment of its own: `redis_url` becomes CARILLON_REDIS_URL. `build`: the tool of another build."""

    def __init__(self, *, build: pathlib.Path | None = None, **settings: str | pathlib.Path) -> None:
        self.build = build
        self.settings = {f"CARILLON_{name.upper()}": str(value) for name, value in settings.items()}

    def environment(self) -> dict[str, str]:
        return {**clean_environment(), **self.settings}

    def __call__(self, *args: str | pathlib.Path, stdin: bytes | None = None, deadline_s: float = DEADLINE_S) -> Ended:
        words = tuple(str(arg) for arg in args)
        ended = subprocess.run(
            [str(program("carillon", self.build)), *words],
            input=stdin if stdin is not None else b"",
            env=self.environment(),
            capture_output=True,
            timeout=deadline_s,
            check=False,
        )
        err = ended.stderr.decode(errors="replace")
        assert not SANITIZER.search(err), f"carillon {' '.join(words)}: a sanitizer reports\n{err[:8000]}"
        return Ended(words, ended.returncode, ended.stdout.decode(errors="replace"), err)

    def done(self, *args: str | pathlib.Path, stdin: bytes | None = None) -> Ended:
        """The same; anything but 0 fails."""
        ended = self(*args, stdin=stdin)
        assert ended.status == DONE, ended
        return ended


@dataclasses.dataclass
class Started:
    """The tool while it runs."""

    process: subprocess.Popen[str]
    stdout: IO[str]
    stderr: IO[str]

    def end(self) -> tuple[int, str, str]:
        """Its status, and what was not read yet."""
        out, err = self.process.communicate(timeout=30)
        assert not SANITIZER.search(err), err[:8000]
        return self.process.returncode, out, err


def start(cli: Cli, *args: str) -> Started:
    process = subprocess.Popen(
        [str(program("carillon", cli.build)), *args],
        env=cli.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    return Started(process, process.stdout, process.stderr)
