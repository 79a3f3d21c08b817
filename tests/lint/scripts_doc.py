#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/scripts.md is what the contracts at the top of common/lua/*.lua say, and which sources run each. Without --write it
only looks, and fails where the page is another."""

from __future__ import annotations

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.lint import written_page  # noqa: E402

PAGE = ROOT / "docs" / "scripts.md"
LUA = ROOT / "common" / "lua"
SECTION = re.compile(r"^(KEYS\[1\]|ARGV\[[^\]]*\](?: *(?:,|and|to) *ARGV\[[^\]]*\])*|Returns|Errors|Bound|Again)\b *(.*)$")

HEAD = """# Scripts

Written by `make docs` from the contracts at the top of each file of `common/lua`; do not edit.

All that changes state in Redis is one of these scripts, each of which runs alone from its first command to its last. A
process loads them at its start and runs them by their SHA-1 (`EVALSHA`); where Redis has forgotten them it loads them anew.
The whole contract of each, with its arguments and what it answers, stands in its file; what they share lies in
`common/lua/lib/`. What they write is listed key by key in [redis-keys.md](redis-keys.md).

*Reads* is said of a script that changes nothing (`no-writes`), *ends things* of one that Redis runs although its memory is
full (`allow-oom`): what is under way comes to its end then, and nothing new begins. *Errors* are those that it may answer.
*Bound* is what it may cost, *again* what
the same call answers once more: a connection that dies between the two leaves nothing in doubt.
"""

OF_TENANTS = ("tenant_", "resource_", "agent_", "key_", "quota_", "idempotency_", "suppression_")
GROUPS = (
    ("Batches", "batch_", "A batch from its making to its removal."),
    ("Chunks of contacts", "chunk_", "What is sent to a draft or a running batch in pieces."),
    ("Calls", "call_", "The way of a call: claimed, begun, accepted, finished. `worker_tick` and `cell_reassert` move calls too."),
    ("Cells and workers", ("cell_", "worker_", "audit"), "A cell as a whole, and what time alone brings about."),
    ("Webhooks", "hook_", "From an event to its delivery."),
    ("Tenants, trunks, keys, quotas", OF_TENANTS, "Who may do what, and how much of it."),
)  # fmt: skip


def contract(path: pathlib.Path) -> tuple[str, dict[str, str]]:
    """What it does, and the parts of its contract by their names."""
    does: list[str] = []
    parts: dict[str, list[str]] = {}
    at = does
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("#!"):
            continue
        if not line.startswith("--") or line.startswith("-- @"):
            break
        text = line[2:].strip()
        match = SECTION.match(text)
        if match:
            at = parts.setdefault(match[1], [])
            text = match[2]
        if text or at is does:
            at.append(text)
        else:
            at = []  # what follows the contract's parts is about how it is done
    paragraphs = " ".join(text or "\n" for text in does).split("\n")
    return paragraphs[0].strip(), {name: " ".join(lines).strip() for name, lines in parts.items()}


def flags(path: pathlib.Path) -> str:
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    return "reads" if "no-writes" in first else "ends things" if "allow-oom" in first else ""


def runners(name: str, sources: dict[str, str]) -> str:
    word = re.compile(rf"\bLUA_{name.upper()}\b")
    return ", ".join(f"`{path}`" for path, text in sources.items() if word.search(text)) or "tests only"


def escaped(text: str) -> str:
    """As a cell of a table; what is in angle brackets would be taken for a tag."""
    return re.sub(r"(?<!`)(<[^>]*>)", r"`\1`", text.replace("|", "\\|"))


def rows(names: list[str], sources: dict[str, str]) -> list[str]:
    lines = ["| script | | run by | errors | bound | again |", "|---|---|---|---|---|---|"]
    for name in names:
        path = LUA / f"{name}.lua"
        does, parts = contract(path)
        mark = f" *({flags(path)})*" if flags(path) else ""
        told = (parts["Errors"].removesuffix("."), parts["Bound"].removesuffix("."), parts.get("Again", "").removesuffix("."))
        cells = (escaped(does) + mark, runners(name, sources), *map(escaped, told))
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return lines


def page() -> str:
    sources = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for folder in ("common/daemon", "common/redis", "producer", "producer/cli", "worker", "notifier")
        for path in sorted((ROOT / folder).glob("*.c"))
    }
    names = sorted(path.stem for path in LUA.glob("*.lua"))
    lines = [HEAD.rstrip("\n")]
    for title, prefixes, words in GROUPS:
        mine = [name for name in names if name.startswith(prefixes)]
        names = [name for name in names if name not in mine]
        lines += ["", f"## {title}", "", words, "", *rows(mine, sources)]
    if names:
        raise SystemExit(f"tests/lint/scripts_doc.py: GROUPS has no place for {', '.join(names)}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(written_page.run(PAGE, page, "common/lua says", __doc__))
