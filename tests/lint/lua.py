#!/usr/bin/env python3
"""Checks the scripts as Redis will see them: every one expanded by common/lua/embed.py, through luac and luacheck, and each
file of common/lua for the header that tells its contract."""

import importlib.util
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LUA = ROOT / "common" / "lua"
HEADER = ("-- KEYS[1]", "-- Returns", "-- Errors", "-- Bound")


def embed():
    spec = importlib.util.spec_from_file_location("embed", LUA / "embed.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    failed = 0
    expand = embed().source
    with tempfile.TemporaryDirectory() as folder:
        expanded = []
        for path in sorted(LUA.glob("*.lua")):
            text = path.read_text(encoding="utf-8")
            for mark in HEADER:
                if mark not in text:
                    print(f"{path.relative_to(ROOT)}: its header lacks '{mark}'")
                    failed = 1
            target = pathlib.Path(folder) / path.name
            source = expand(path)
            if source.startswith("#!"):
                source = "--" + source
            target.write_text(source, encoding="utf-8")
            expanded.append(str(target))
        for command in (
            ["luac5.1", "-p", *expanded],
            # What a script does not use of its libraries is gone (211), and may be what would have read a table (241, 331).
            ["luacheck", "-q", "--config", str(ROOT / ".luacheckrc"), "--ignore", "211", "241", "331", "--", *expanded],
        ):
            failed |= subprocess.run(command, cwd=folder, check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
