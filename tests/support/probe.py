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
