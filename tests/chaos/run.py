#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays seeded schedules of faults to a fleet of real processes and judges what the platform and the receiver saw.

    make chaos SEED=7             one schedule
    make chaos SEEDS=1-20 JOBS=3  several, so many at a time
    make chaos-list               the committed seeds (tests/chaos/seeds.txt)
    make chaos-soak MINUTES=60    one fleet that lives on, schedule after schedule, and its memory
    make chaos SEED=7 PRINT=1     only says what would happen

The last line counts broken promises; exit 1 where one was, with the seed to repeat and the folder of its logs.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
from collections import Counter

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.chaos.faults import KINDS  # noqa: E402
from tests.chaos.judge import Verdict  # noqa: E402
from tests.chaos.runs import run_schedule  # noqa: E402
from tests.chaos.schedule import Schedule  # noqa: E402
from tests.chaos.seeds import read_seeds, write_seeds  # noqa: E402
from tests.chaos.soak import soak  # noqa: E402

LOGS = ROOT / "build" / "chaos"
JOBS = 3
RUN_DEADLINE_S = 900


def tell(verdict: Verdict) -> None:
    for failure in verdict.failures:
        print(f"failed: {failure}")
    for broken in verdict.breaks:
        print(f"broken: {broken}")
    for allowed, times in Counter(map(without_number, verdict.allowed)).items():
        print(f"allowed {times} times: {allowed}")


def without_number(allowed: str) -> str:
    """What was allowed, for whomever: a lost batch has hundreds of contacts."""
    promise, _, why = allowed.split(": ", 2)
    return f"{promise}: {why}"


def run_here(seed: int) -> Verdict:
    schedule = Schedule.from_seed(seed, KINDS)
    print(schedule, flush=True)
    verdict = run_schedule(schedule, KINDS, LOGS / f"seed-{seed}")
    tell(verdict)
    if not verdict.holds():
        print(f"repeat it: make chaos SEED={seed}   its logs: {LOGS / f'seed-{seed}'}")
    return verdict


def run_apart(seed: int) -> tuple[str, Verdict]:
    """In a process of its own: what it printed, and its verdict."""
    result = LOGS / f"result-{os.getpid()}-{seed}.json"
    command = [sys.executable, __file__, "--seed", str(seed), "--result", str(result)]
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, timeout=RUN_DEADLINE_S, check=False)  # fmt: skip
        verdict = Verdict(**json.loads(result.read_text(encoding="utf-8")))
        verdict.counts = Counter(verdict.counts)
        return ended.stdout, verdict
    except subprocess.TimeoutExpired as error:
        return f"seed {seed}: {error}\n{error.output}", Verdict(failures=[f"seed {seed} did not come to its end"])
    except (OSError, ValueError) as error:
        return ended.stdout, Verdict(failures=[f"seed {seed} came to no verdict: {error!r}"])
    finally:
        result.unlink(missing_ok=True)


def run_many(seeds: list[int], jobs: int) -> Verdict:
    total, broken = Verdict(schedules=0), []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for seed, (printed, verdict) in zip(seeds, pool.map(run_apart, seeds)):
            print(printed, end="", flush=True)
            total.add(verdict)
            if not verdict.holds():
                broken.append(seed)
    if broken:
        print(f"these did not hold: {', '.join(map(str, broken))}. Repeat one: make chaos SEED={broken[0]}")
    return total


def tell_soak(minutes: float, first_seed: int) -> int:
    LOGS.mkdir(parents=True, exist_ok=True)
    verdict = soak(minutes, first_seed, KINDS, LOGS / f"soak-{first_seed}")
    tell(verdict)
    if not verdict.holds():
        print(f"repeat it: make chaos-soak SEED={first_seed} MINUTES={minutes:g}   its logs: {LOGS / f'soak-{first_seed}'}")
    print(verdict.line(), flush=True)
    return 0 if verdict.holds() else 1


def seeds_of(text: str) -> list[int]:
    """ "3", "1-20" or "3,5,7-9"."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def main() -> int:
    parser = argparse.ArgumentParser(description="Seeded schedules of faults against a fleet of real processes.")
    parser.add_argument("--seed", type=seeds_of, default=[], help="one, several (3,5) or a range (1-20)")
    parser.add_argument("--list", action="store_true", help="the seeds of tests/chaos/seeds.txt")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="one fleet for so long; --seed: the first schedule's")
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many at a time")
    parser.add_argument("--print", action="store_true", help="only print the schedules")
    parser.add_argument("--write-list", action="store_true", help="write seeds.txt anew, for the kinds that there are")
    parser.add_argument("--result", type=pathlib.Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if given.write_list:
        write_seeds(KINDS)
        return 0
    if given.soak:
        return tell_soak(given.soak, (given.seed or [1])[0])
    seeds = read_seeds() if given.list else given.seed
    if not seeds:
        parser.error("--seed, --list or --soak")
    if given.print:
        for seed in seeds:
            print(Schedule.from_seed(seed, KINDS))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    verdict = run_here(seeds[0]) if len(seeds) == 1 else run_many(seeds, given.jobs)
    if given.result:
        given.result.write_text(json.dumps(vars(verdict)), encoding="utf-8")
    print(verdict.line(), flush=True)
    return 0 if verdict.holds() else 1


if __name__ == "__main__":
    sys.exit(main())
