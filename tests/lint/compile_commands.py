#!/usr/bin/env python3
"""Writes compile_commands.json from what make would run: for clang-tidy and editors."""

import argparse
import json
import pathlib
import re
import subprocess


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=pathlib.Path)
    target: pathlib.Path = parser.parse_args().target
    dry = subprocess.run(["make", "-Bn", "B=build/tidy", "everything"], check=True, capture_output=True, text=True).stdout
    root = str(pathlib.Path.cwd())
    rows = []
    for line in dry.splitlines():
        match = re.search(r"-c (\S+\.c) -o ", line)
        if match and line.startswith(("gcc", "clang", "cc")) and "/gen/" not in match.group(1):
            rows.append({"directory": root, "file": match.group(1), "command": line.replace("gcc ", "clang ", 1)})
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
