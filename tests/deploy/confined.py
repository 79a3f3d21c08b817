#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program as systemd would run a unit's, as far as its system calls go: those that SystemCallFilter and
RestrictAddressFamilies do not permit fail as they do there, and there are no new privileges.

    CONFINED_UNIT=carillon-worker@.service CONFINED_PROGRAM=build/release/bin/carillon-worker confined.py --listen ...
"""

from __future__ import annotations

import errno
import os
import pathlib
import re
import socket
import subprocess
import sys

import seccomp

SETTING = re.compile(r"^(SystemCallFilter|RestrictAddressFamilies)=(.*)$", re.MULTILINE)


def members(name: str) -> set[str]:
    """The calls of one word of a filter: a set's, or itself."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], capture_output=True, text=True, check=True)
    words = [line.strip() for line in listed.stdout.splitlines()[1:]]
    return set().union(*(members(word) for word in words if word and not word.startswith("#")))


def permitted(unit: str) -> tuple[set[str], set[int]]:
    """System calls, and families of addresses."""
    calls: set[str] = set()
    families: set[int] = set()
    for setting, value in SETTING.findall(unit):
        if setting == "RestrictAddressFamilies":
            families |= {int(getattr(socket, name)) for name in value.split()}
            continue
        named = set().union(*(members(name) for name in value.lstrip("~").split()))
        calls = calls - named if value.startswith("~") else calls | named
    # What is always permitted there: to begin the program at all.
    return calls | members("@default") | {"execve"}, families


def confine(calls: set[str], families: set[int]) -> None:
    rules = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
    for name in sorted(calls):
        if name == "socket":
            for family in sorted(families):
                rules.add_rule(seccomp.ALLOW, name, seccomp.Arg(0, seccomp.EQ, family))
            continue
        try:
            rules.add_rule(seccomp.ALLOW, name)
        except RuntimeError:
            continue  # of another architecture
    rules.load()


if __name__ == "__main__":
    confine(*permitted(pathlib.Path(os.environ["CONFINED_UNIT"]).read_text(encoding="utf-8")))
    program = os.environ["CONFINED_PROGRAM"]
    os.execv(program, [program, *sys.argv[1:]])
