# SPDX-License-Identifier: Apache-2.0
"""Those who saw what a campaign did: the carrier, by the log it keeps, and the receiver of its webhooks. What they saw is
judged by tests/support/history.py."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any


def read_log(path: pathlib.Path) -> list[dict[str, Any]]:
    """The lines of a log of one JSON object a line; a last line cut short by a kill is left out."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    entries = []
    for number, line in enumerate(lines):
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            if number != len(lines) - 1:
                raise
    return entries


@dataclasses.dataclass(frozen=True)
class Delivery:
    """A webhook as its receiver saw it. `verified`: its signature held; `status`: what the receiver answered; `digest`: of
    its bytes."""

    webhook_id: str
    body: dict[str, Any]
    verified: bool
    status: int
    digest: str = ""

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status < 300
