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


def namespace() -> list[str]:
    """How a process gets a network of its own here. Where nobody may have one (some containers), it has the machine's, and
    the table is what of it is there."""
    for how in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if subprocess.run([*how, "true"], check=False, capture_output=True).returncode == 0:
            return how
    return ["env", "CARILLON_TEST_OWN_NETWORK=0"]


def connections(notifier: pathlib.Path) -> dict[str, Any]:
    ended = subprocess.run(
        [*namespace(), "/usr/bin/python3", "-m", "tests.support.address_table", str(notifier)],
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
    assert len(found["tried"]) >= (len(CLASSES) - 4 if namespace()[0] == "unshare" else 4), found
    assert found["connected"] == []


def test_without_the_guard_the_same_webhooks_do_connect() -> None:
    """The control: it shows that the test above can fail."""
    found = connections(build_directory() / "tests" / "carillon-notifier-unguarded")
    assert len(found["connected"]) >= (len(CLASSES) - 8 if namespace()[0] == "unshare" else 2), found
