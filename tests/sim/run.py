#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs many seeds of the simulation (tests/sim/main.c) in several processes, each with a Redis of its own, and adds up what they
found. For `make sim`:

    make sim SEEDS=5000 [JOBS=2] [FIRST=1]      make sim SEED=17      make sim SEED=17 TRACE=1

The last line is `sim: seeds=N contacts=N calls=N virtual_hours=N lost=0 dialed_twice=0 ... audit=ok`; exit 1 where a promise was
broken, with the seed to repeat.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
from collections import Counter

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("CARILLON_BUILD", "build/release")
CHUNK = 50  # seeds of one process
FIGURE = re.compile(r" (\w+)=(\d+)(?= |$)")


def command(*options: str) -> list[str]:
    return [str(BUILD / "tests/carillon-sim"), *options, str(BUILD / "tests/clock_decree.so")]


def run_chunk(first: int, seeds: int) -> tuple[Counter[str], str]:
    """What was counted, and what is to be told."""
    done = subprocess.run(
        command("--first", str(first), "--seeds", str(seeds)), capture_output=True, text=True, check=False
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("sim: seeds=")), "")
    found = Counter({name: int(value) for name, value in FIGURE.findall(line)})
    found["audit"] += line.endswith("audit=faults")
    if not line:
        found["crashed"] = 1
        return found, f"{done.stderr}sim: seeds {first} to {first + seeds - 1} ended with {done.returncode}\n"
    return found, done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    chunks = [(at, min(CHUNK, args.first + args.seeds - at)) for at in range(args.first, args.first + args.seeds, CHUNK)]
    total: Counter[str] = Counter()
    order: list[str] = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for found, told in pool.map(lambda chunk: run_chunk(*chunk), chunks):
            sys.stderr.write(told)
            order = order or [name for name in found if name != "audit"]
            total.update(found)
    figures = " ".join(f"{name}={total[name]}" for name in order)
    print(f"sim: {figures} audit={'faults' if total['audit'] else 'ok'}")
    counts = {"seeds", "contacts", "calls", "virtual_hours", "unknown", "allowed"}
    return 1 if any(value for name, value in total.items() if name not in counts) else 0


if __name__ == "__main__":
    sys.exit(main())
