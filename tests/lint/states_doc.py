#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/states.md is what the tables say. Without --write it only looks, and fails where the page is another."""

from __future__ import annotations

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.lint import written_page  # noqa: E402
from tests.support import probe  # noqa: E402

PAGE = ROOT / "docs" / "states.md"

HEAD = """# States

Written by `make docs` from the tables in `common/domain/call_state.c`, `batch_state.c` and `outcome.c`; do not edit. The
scripts in `common/lua` are what changes a state, by the same tables (`common/lua/lib/states.lua`); a test holds the two
together.
"""

CALL = """
## A call

Where a contact is on its way. The API shows `due` and `claimed` as SCHEDULED before any attempt and as the status of the
last attempt later, `live` and `ended` as ONGOING, `final` as the status of its outcome.
"""

BATCH = """
## A batch
"""

OUTCOMES = """
## Outcomes

How an attempt came out, what the API calls it, and what follows while attempts are left: a retry after the delay named,
from the attempt's begin. `voicemailDelay` is final where it is not given; `onUnknown` is a retry like after NO_ANSWER, not
before the attempt's deadline, or an end.
"""


def diagram(machine: dict, starts: list[str]) -> list[str]:
    """A Mermaid picture; the events of the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for source, event, target in machine["transitions"]:
        arrows.setdefault((source, target), []).append(event)
    left = {source for source, _ in arrows}
    ends = [state["name"] for state in machine["states"] if state["name"] not in left]
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {state}" for state in starts]
    lines += [f"    {source} --> {target}: {', '.join(events)}" for (source, target), events in arrows.items()]
    lines += [f"    {state} --> [*]" for state in ends]
    return [*lines, "```", ""]


def words(title: str, rows: list[dict]) -> list[str]:
    return [f"| {title} | |", "|---|---|", *(f"| `{row['name']}` | {row['meaning']} |" for row in rows), ""]


def transitions(machine: dict) -> list[str]:
    rows = (f"| `{source}` | `{event}` | `{target}` |" for source, event, target in machine["transitions"])
    return ["| from | event | to |", "|---|---|---|", *rows, ""]


def describe(machine: dict, starts: list[str]) -> list[str]:
    return [
        *diagram(machine, starts),
        *words("state", machine["states"]),
        *words("event", machine["events"]),
        *transitions(machine),
    ]


def outcomes(rows: list[dict]) -> list[str]:
    lines = ["| outcome | status | counts as | next |", "|---|---|---|---|"]
    for row in rows:
        counts = "succeeded" if row["succeeded"] else "failed, shown apart" if row["apart"] else "failed"
        lines.append(f"| `{row['name']}` | {row['status']} | {counts} | {row['next']} |")
    return lines


def page() -> str:
    tables = probe.tables()
    lines = [HEAD, CALL, *describe(tables["call"], ["due"])]
    lines += [BATCH, *describe(tables["batch"], ["draft", "ingesting"])]
    lines += [OUTCOMES, *outcomes(tables["outcomes"])]
    text = "\n".join(lines) + "\n"
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text


if __name__ == "__main__":
    sys.exit(written_page.run(PAGE, page, "the tables say", __doc__))
