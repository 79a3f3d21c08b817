# SPDX-License-Identifier: Apache-2.0
"""What the benches of `make bench` share: a module tests/bench/bench_NAME.py has

    KEYS: tuple[str, ...]                              the figures it gives
    measure(runs: int) -> dict[str, list[float]]       each with one value a run

and ends with `sys.exit(figures.main(KEYS, measure, NAME))`: then `python3 tests/bench/bench_NAME.py [--runs N]` prints its
figures and writes build/bench/NAME.json. run.py runs the modules so, one after the other, and joins what they wrote.

A figure's value is the median of its runs; of a promise that one run can break (WORST) it is the worst run."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build/bench"
RESULTS = OUT / "results.json"
RUNS = 3
WORST: dict[str, Callable[[Sequence[float]], float]] = {
    "pacing_10_max_in_1s": max,
    "pacing_30_max_in_1s": max,
    "jain_min": min,
}

_details: dict[str, Any] = {}


def detail(name: str, value: Any) -> None:
    """Something beside the figures that a reader of the JSON wants to see, such as what went into one of them."""
    _details[name] = value


def settings() -> list[str]:
    """deploy/redis.conf as options of redis-server, but for what tests/support/redis_server.py sets."""
    lines = (ROOT / "deploy/redis.conf").read_text(encoding="utf-8").splitlines()
    words = (line.split() for line in lines if line and not line.startswith("#"))
    return [part for name, *values in words if name not in ("save", "appendonly", "maxmemory-policy") for part in ("--" + name, *values)]


def header() -> dict[str, Any]:
    def output(*command: str) -> str:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    version = [word.removeprefix("v=") for word in output("redis-server", "--version").split() if word.startswith("v=")]
    return {"commit": output("git", "describe", "--always", "--dirty", "--abbrev=12"), "cores": len(os.sched_getaffinity(0)),
            "redis": version[0] if version else "", "load": round(os.getloadavg()[0], 2)}  # fmt: skip


def value_of(key: str, each: Sequence[float]) -> float:
    return round(WORST.get(key, statistics.median)(each), 4)


def show(key: str, each: Sequence[float], note: str = "") -> str:
    runs = " ".join(f"{value:.6g}" for value in each)
    return f"{key:38} {value_of(key, each):>12.6g}   {note:24} {runs}".rstrip()


def write(path: pathlib.Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def add_to_results(figures: Mapping[str, float], each: Mapping[str, Sequence[float]], gone: Sequence[str] = ()) -> None:
    """Further figures into the last results.json: those of a bench that `make bench` does not run. `gone`: what it could not
    give this time."""
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {**header(), "each": {}}
    for key in gone:
        results.pop(key, None)
        results["each"].pop(key, None)
    results.update(figures)
    results["each"].update({key: list(values) for key, values in each.items()})
    write(RESULTS, results)


def main(keys: Sequence[str], measure: Callable[[int], Mapping[str, Sequence[float]]], name: str) -> int:
    parser = argparse.ArgumentParser(prog=f"bench_{name}.py")
    parser.add_argument("--runs", type=int, default=RUNS)
    args = parser.parse_args()
    out = OUT / f"{name}.json"
    out.unlink(missing_ok=True)
    began, head = time.monotonic(), header()
    each = {key: [float(value) for value in values] for key, values in measure(args.runs).items()}
    for key, values in each.items():
        print(show(key, values))
    missing = [key for key in keys if not each.get(key)]
    unknown = [key for key in each if key not in keys]
    assert not unknown, f"figures that KEYS does not name: {unknown}"
    figures = {key: value_of(key, values) for key, values in each.items() if values}
    write(out, {**head, "runs": args.runs, "seconds": round(time.monotonic() - began, 1), **figures, "each": each, "details": _details})
    print(f"{out.relative_to(ROOT)}" + (f": not given: {', '.join(missing)}" if missing else ""))
    return 1 if missing else 0
