#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where a page names a path of the repository that is not there, or links to a page or a heading that is not.

Looked at: README.md and docs/*.md. Decisions are history: what they name may be gone, their links may not."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PATH = re.compile(r"[A-Za-z0-9_.*/-]+")


def anchors(text: str) -> set[str]:
    """As the forges make them of headings."""
    plain = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading) for heading in HEADING.findall(CODE_BLOCK.sub("", text)))
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in plain}


def check_paths(name: str, text: str, tops: set[str]) -> list[str]:
    faults = []
    for token in CODE.findall(CODE_BLOCK.sub("", text)):
        if "/" not in token or token.split("/")[0] not in tops or not PATH.fullmatch(token):
            continue
        if not (any(ROOT.glob(token.rstrip("/"))) if "*" in token else (ROOT / token).exists()):
            faults.append(f"{name}: `{token}` is not there")
    return faults


def check_links(page: pathlib.Path, text: str) -> list[str]:
    faults = []
    for link in LINK.findall(CODE_BLOCK.sub("", text)):
        target, _, anchor = link.partition("#")
        if "://" in link:
            continue
        path = page if not target else (page.parent / target).resolve()
        if not path.exists():
            faults.append(f"{page.relative_to(ROOT)}: the link to {link} leads nowhere")
        elif anchor and path.suffix == ".md" and anchor not in anchors(path.read_text(encoding="utf-8")):
            faults.append(f"{page.relative_to(ROOT)}: {link}: there is no such heading")
    return faults


def main() -> int:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    tops = {path.split("/")[0] for path in listed if "/" in path}
    faults = []
    for path in listed:
        if path == "README.md" or (path.startswith("docs/") and path.endswith(".md")):
            text = (ROOT / path).read_text(encoding="utf-8")
            faults += check_links(ROOT / path, text)
            if not path.startswith("docs/decisions/"):
                faults += check_paths(path, text, tops)
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
