# SPDX-License-Identifier: Apache-2.0
"""Webhooks lead into no private network, by whatever name or number: on a machine that has an address of every class."""

from __future__ import annotations

import json
import pathlib
import subprocess
from typing import Any

from tests.support.address_table import CLASSES
from tests.support.processes import ROOT, build_directory, program

DEADLINE_S = 150.0


def connections(notifier: pathlib.Path) -> dict[str, Any]:
    ended = subprocess.run(
        ["unshare", "--map-root-user", "--net", "/usr/bin/python3", "-m", "tests.support.address_table", str(notifier)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr[-8000:]}"
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def test_no_webhook_connects_to_an_address_that_is_not_public() -> None:
    found = connections(program("carillon-notifier"))
    assert len(found["tried"]) >= len(CLASSES) - 4, found
    assert found["connected"] == []


def test_without_the_guard_the_same_webhooks_do_connect() -> None:
    """The control: it shows that the test above can fail."""
    found = connections(build_directory() / "tests" / "carillon-notifier-unguarded")
    assert len(found["connected"]) >= len(CLASSES) - 8, found
