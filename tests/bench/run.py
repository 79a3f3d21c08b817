#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every figure that Carillon publishes, one bench after the other, each in a process of its own: a table, and
build/bench/results.json.

    make bench [BENCH_ARGS="--runs 1 --only engine,limited"]

The JSON's flat keys are FIGURES' names. A figure that no bench gave is an error at the end. One beyond its bound is marked
in the table and named in the JSON, and is no error: the bounds are those of a quiet machine of two cores."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import figures  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Bench:
    name: str
    runs: int
    seconds_most: int  # then it is killed, and its figures are missing


BENCHES = (
    Bench("ingest", 2, 150),
    Bench("engine", 3, 120),
    Bench("limited", 2, 180),
    Bench("pacing", 1, 150),
    Bench("fairness", 1, 180),
    Bench("scale", 1, 240),
    Bench("http", 2, 90),
)


@dataclasses.dataclass(frozen=True)
class Figure:
    key: str
    least: float | None = None
    most: float | None = None
    most_over: str = ""  # `most` is counted from this figure

    def bound(self, values: dict[str, float]) -> str:
        if self.least is not None:
            return f">= {self.least:g}"
        if self.most is not None:
            return f"<= {self.limit(values):.5g}"
        return ""

    def limit(self, values: dict[str, float]) -> float:
        assert self.most is not None
        return self.most + (values.get(self.most_over, 0.0) if self.most_over else 0.0)

    def holds(self, values: dict[str, float]) -> bool:
        value = values[self.key]
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.limit(values))


FIGURES = (
    Figure("ingest_contacts_per_s"),
    Figure("bytes_per_queued_call_peer_payload", most=200),
    Figure("bytes_per_queued_call_plain", most=120),
    Figure("engine_calls_per_s"),
    Figure("engine_redis_us_per_call", most=35),
    Figure("engine_commands_per_call"),
    Figure("limited_1000_starts_per_s", least=20_000),
    Figure("limited_1000_redis_core"),
    Figure("limited_100x10_starts_per_s", least=20_000),
    Figure("limited_1x1000_starts_per_s", least=20_000),
    Figure("pacing_10_max_in_1s", most=10),
    Figure("pacing_30_max_in_1s", most=30),
    Figure("utilisation_10", least=0.99),
    Figure("utilisation_30", least=0.99),
    Figure("late_300_p99_ms", most=5, most_over="timer_p99_ms"),
    Figure("late_1000_p99_ms", most=20, most_over="timer_p99_ms"),
    Figure("timer_p99_ms"),
    Figure("retry_late_p99_ms", most=10),
    Figure("priority_first_call_p98_ms", most=50),
    Figure("jain_min", least=0.98),
    Figure("hol_write_change_pct", most=5),
    Figure("hol_late_change_ms", most=1),
    Figure("script_p999_ms", most=5),
    Figure("idle_commands_per_s", most=1),
    Figure("fleet50_redis_cpu_ratio", most=1.2),
    Figure("http_calls_per_s", least=1_000),
    Figure("worker_rss_mib", most=64),
)


def run_bench(bench: Bench, runs: int) -> tuple[dict[str, Any], str]:
    """What it wrote, and what is wrong with it."""
    program = ROOT / f"tests/bench/bench_{bench.name}.py"
    if not program.exists():
        return {}, f"{program.relative_to(ROOT)} does not exist"
    out = figures.OUT / f"{bench.name}.json"
    out.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, str(program), "--runs", str(runs)], cwd=ROOT, start_new_session=True)
    try:
        status = process.wait(bench.seconds_most)
        fault = f"bench_{bench.name}.py ended with {status}" if status != 0 else ""
    except subprocess.TimeoutExpired:
        fault = f"bench_{bench.name}.py was killed after {bench.seconds_most} s"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return (json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}), fault


def table(each: dict[str, list[float]], values: dict[str, float], missed: list[str]) -> None:
    print(f"\n{'figure':38} {'value':>12}   {'bound':24} runs")
    for figure in FIGURES:
        if figure.key in values:
            note = figure.bound(values) + ("  MISSED" if figure.key in missed else "")
            print(figures.show(figure.key, each[figure.key], note))
        else:
            print(f"{figure.key:38} {'-':>12}   missing")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, help="of each bench; otherwise as many as it needs")
    parser.add_argument("--only", help="which, with commas between: what the others give is not missed")
    args = parser.parse_args()
    benches = [bench for bench in BENCHES if not args.only or bench.name in args.only.split(",")]
    known = {figure.key for figure in FIGURES}
    began, head = time.monotonic(), figures.header()
    each: dict[str, list[float]] = {}
    details, runs, faults = {}, {}, []
    for bench in benches:
        print(f"---- {bench.name} ----", flush=True)
        wrote, fault = run_bench(bench, args.runs or bench.runs)
        faults += [fault] if fault else []
        given = {key: values for key, values in wrote.get("each", {}).items() if key in known and values}
        faults += [f"bench_{bench.name}.py gives {key} a second time" for key in given if key in each]
        each.update(given)
        details[bench.name], runs[bench.name] = wrote.get("details", {}), wrote.get("runs", 0)
    values = {key: figures.value_of(key, given) for key, given in each.items()}
    missing = [figure.key for figure in FIGURES if figure.key not in values and not args.only]
    missed = [figure.key for figure in FIGURES if figure.key in values and not figure.holds(values)]
    ordered = {figure.key: values[figure.key] for figure in FIGURES if figure.key in values}
    figures.write(figures.RESULTS, {**head, "seconds": round(time.monotonic() - began, 1), "runs": runs, **ordered, "missed": missed,
                                    "missing": missing, "faults": faults, "each": each, "details": details})  # fmt: skip
    table(each, values, missed)
    print(f"\n{figures.RESULTS.relative_to(ROOT)}: commit {head['commit']}, {head['cores']} cores, Redis {head['redis']}, "
          f"{time.monotonic() - began:.0f} s" + (f"; beyond their bounds: {', '.join(missed)}" if missed else ""))  # fmt: skip
    for fault in faults:
        print(f"error: {fault}")
    if missing:
        print(f"error: no bench gave {', '.join(missing)}")
    return 1 if faults or missing else 0


if __name__ == "__main__":
    sys.exit(main())
