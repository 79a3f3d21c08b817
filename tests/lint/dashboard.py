#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where a file of the dashboard makes markup of data, runs text as code, styles by an attribute, imports what is not there,
or exports or imports what nobody uses. Its form and its behaviour are looked at in a browser (tests/web)."""

from __future__ import annotations

import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "producer/web/dashboard"
LINE_MOST = 140
BANNED = {
    r"\.(?:inner|outer)HTML\b|insertAdjacentHTML|createContextualFragment|document\.write|DOMParser|setHTML": "markup is never made of data",
    r"\beval\(|new Function\(|setTimeout\(['\"`]": "text is never run as code",
    r"\bstyle: |setAttribute\('style'|<style|\sstyle=": "the policy permits no style but those of files",
    r"<script(?![^>]* src=)|\son\w+=": "the policy permits no script but those of files",
    r"\bvar \w+ =|[^=!]==[^=]": "let, const and === only",
}
IMPORT = re.compile(r"^import \{([^}]*)\} from '\./([\w.]+)';", re.MULTILINE)
LAZY = re.compile(r"import\('\./([\w.]+)'\)")
EXPORT = re.compile(r"^export (?:async )?(?:function|class|const|let) (\w+)", re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|^\s*//.*?$|(?<=[;{,]) // .*?$", re.MULTILINE | re.DOTALL)
# What is called by the names that a route or a tab has.
BY_NAME = {"view", "tabView"}


def names_of(listed: str) -> list[tuple[str, str]]:
    """What is imported, and what it is called here."""
    pairs = [name.split() for name in listed.split(",") if name.strip()]
    return [(pair[0], pair[-1]) for pair in pairs]


def main() -> int:
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.iterdir())}
    texts = {name: COMMENT.sub("", text) for name, text in files.items() if name.endswith((".js", ".html"))}
    exported = {name: set(EXPORT.findall(text)) for name, text in texts.items()}
    imported: set[tuple[str, str]] = set()
    faults = []
    for name, text in texts.items():
        for pattern, why in BANNED.items():
            faults += [f"{name}: {found[0].strip()!r}: {why}" for found in re.finditer(pattern, text)]
        for listed, module in IMPORT.findall(text):
            rest = IMPORT.sub("", text)
            for each, here in names_of(listed):
                imported.add((module, each))
                if each not in exported.get(module, set()):
                    faults.append(f"{name}: {module} exports no {each}")
                if not re.search(rf"\b{re.escape(here)}\b", rest):
                    faults.append(f"{name}: imports {here} and does not use it")
        faults += [f"{name}: there is no {module}" for module in LAZY.findall(text) if module not in files]
    for name, exports in exported.items():
        faults += [f"{name}: nobody imports {each}" for each in sorted(exports - BY_NAME) if (name, each) not in imported]
    for name, text in files.items():
        if not name.endswith((".js", ".css", ".html")):
            continue
        faults += [f"{name}:{i}: longer than {LINE_MOST}" for i, line in enumerate(text.splitlines(), 1) if len(line) > LINE_MOST]
        if "SPDX-License-Identifier: Apache-2.0" not in text:
            faults.append(f"{name}: names no licence")
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
