#!/usr/bin/env python3
"""Fails on a function longer than a screen can show. Counts lines from the opening to the closing brace in column 1."""

import pathlib
import subprocess
import sys

MOST_LINES = 80


def main() -> int:
    files = subprocess.run(["git", "ls-files", "*.c"], check=True, capture_output=True, text=True).stdout.split()
    failed = 0
    for path in files:
        opened = None
        for number, line in enumerate(pathlib.Path(path).read_text(encoding="utf-8").splitlines(), 1):
            if line == "{":
                opened = number
            elif line == "}" and opened is not None:
                if number - opened > MOST_LINES:
                    print(f"{path}:{opened}: a function of {number - opened} lines (at most {MOST_LINES})")
                    failed = 1
                opened = None
    return failed


if __name__ == "__main__":
    sys.exit(main())
