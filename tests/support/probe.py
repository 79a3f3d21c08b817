# SPDX-License-Identifier: Apache-2.0
"""The C rules, asked by way of tests/support/domain_probe.c."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from typing import Any, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[2]
NO_TAT = -1  # PACING_NO_TAT


def program() -> pathlib.Path:
    """Built by `make probe`, as by every target that runs tests."""
    return ROOT / os.environ.get("CARILLON_BUILD", "build/release") / "tests" / "domain_probe"


def _ask(verb: str, text: str = "") -> str:
    return subprocess.run(
        [program(), verb], input=text, stdout=subprocess.PIPE, check=True, timeout=60, encoding="utf-8"
    ).stdout


def tables() -> dict[str, Any]:
    """States, transitions and outcomes."""
    return dict(json.loads(_ask("tables")))


def pacing(steps: Sequence[tuple[str, ...]]) -> list[int]:
    """One result for each ("next", tat, slot, interval) and the like."""
    text = "".join(" ".join(str(word) for word in step) + "\n" for step in steps)
    return [int(line) for line in _ask("pacing", text).split()]


Hours = list[tuple[int, int]]


def window_hours(questions: Sequence[tuple[dict[str, Any], int, int, int]]) -> list[tuple[int, Hours] | None]:
    """For each (callingWindow, from ms, until ms, most): up to when the answer is whole, and the open stretches; None where
    the window is refused."""
    text = "".join(f"{first} {end} {most} {json.dumps(window)}\n" for window, first, end, most in questions)
    answers: list[tuple[int, Hours] | None] = []
    for line in _ask("window", text).splitlines():
        if line == "fault":
            answers.append(None)
            continue
        known, *stretches = line.split()
        answers.append((int(known), [(int(a), int(b)) for a, b in (part.split("-") for part in stretches)]))
    return answers
