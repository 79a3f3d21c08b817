# SPDX-License-Identifier: Apache-2.0
"""A page of docs/ that `make docs` writes: the command line of the programs that know what it says."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Callable


def run(path: pathlib.Path, page: Callable[[], str], source: str, about: str | None) -> int:
    """With --write it writes the page; otherwise it only looks, and fails where the page is another than `source` says."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--write", action="store_true")
    is_to_write = parser.parse_args().write
    text = page()
    if is_to_write:
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        print(f"docs/{path.name} is not what {source}: run `make docs`")
        return 1
    return 0
