# SPDX-License-Identifier: Apache-2.0
"""One fleet that lives on, schedule after schedule, while everybody's memory is watched: what a process holds at the end
may not be much more than it held once it had seen everything."""

from __future__ import annotations

import dataclasses
import pathlib
import statistics
import threading
import time

from tests.chaos.fleet import Fleet
from tests.chaos.judge import Verdict
from tests.chaos.runs import Run, end_fleet
from tests.chaos.schedule import Kinds, Schedule, World

WORLD = World(redis="plain", platform="retell")
SAMPLE_EVERY_S = 10.0
WARM_S = 600.0  # what memory is held against
WINDOW_S = 120.0  # a figure is the median over so long: restarts and bursts are not growth
MOST_GROWTH = 1.2
MEMBERS = {"worker": "workers", "producer": "producers", "notifier": "notifiers"}


@dataclasses.dataclass(frozen=True)
class Sample:
    """The most that a process of the kind holds; of Redis, what our data take."""

    at_s: float
    kind: str
    rss_kb: int


class Watch(threading.Thread):
    """Samples the memory of every process until it is told to stop."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(daemon=True)
        self.samples: list[Sample] = []
        self._fleet = fleet
        self._start = time.monotonic()
        self._stop_it = threading.Event()

    def run(self) -> None:
        while not self._stop_it.wait(SAMPLE_EVERY_S):
            at_s = time.monotonic() - self._start
            for kind, members in MEMBERS.items():
                held = [kb for process in getattr(self._fleet, members) if (kb := process.rss_if_running_kb())]
                if held:
                    self.samples.append(Sample(at_s, kind, max(held)))

    def look_at_redis(self) -> None:
        """What our data take there, between two schedules. What the process holds besides is its allocator's matter, the
        scripts' (2.6 MB, or less since they were flushed), and that of connections: a fault of lines leaves a hundred and more
        of them open for a while, which take a megabyte."""
        used_kb = self._fleet.redis.client().info("memory")["used_memory_dataset"] // 1024
        self.samples.append(Sample(time.monotonic() - self._start, "redis", used_kb))

    def stop(self) -> None:
        self._stop_it.set()
        self.join()


def held_kb(samples: list[Sample], kind: str, first_s: float, last_s: float) -> int:
    """The median of the kind's samples between the two instants, 0 where there is none."""
    within = [sample.rss_kb for sample in samples if sample.kind == kind and first_s <= sample.at_s <= last_s]
    return round(statistics.median(within)) if within else 0


def judge_memory(samples: list[Sample], seconds: float) -> tuple[str, list[str]]:
    """The line that tells of it, and the kinds that grew too much. A soak that ends before it is warm proves nothing."""
    told, grown = [], []
    for kind in (*MEMBERS, "redis"):
        last = held_kb(samples, kind, seconds - WINDOW_S, seconds)
        if seconds <= WARM_S:
            told.append(f"{kind}_kb={last}")
            continue
        warm = held_kb(samples, kind, WARM_S - WINDOW_S / 2, WARM_S + WINDOW_S / 2)
        told.append(f"{kind}_kb={warm}->{last}")
        if warm == 0 or last > MOST_GROWTH * warm:
            grown.append(kind)
    verdict = "too short to tell" if seconds <= WARM_S else ",".join(grown) or "none"
    return f"memory: minutes={seconds / 60:.0f} {' '.join(told)} grown={verdict}", grown


def soak(minutes: float, first_seed: int, kinds: Kinds, logs: pathlib.Path) -> Verdict:
    """Until the time is over, or a schedule does not hold."""
    total = Verdict(schedules=0)
    schedule = Schedule.from_seed(first_seed, kinds, WORLD)
    fleet = Fleet(schedule)
    watch = Watch(fleet)
    start = time.monotonic()
    try:
        fleet.start()
        watch.start()
        while total.holds() and time.monotonic() - start < minutes * 60:
            print(schedule, flush=True)
            run = Run(fleet, schedule, kinds)
            run.play()
            total.add(run.judge())
            fleet.forget_ended_batches()
            watch.look_at_redis()
            if total.holds():
                schedule = Schedule.from_seed(schedule.seed + 1, kinds, WORLD)
                fleet.turn_to(schedule)
        watch.stop()
        line, grown = judge_memory(watch.samples, time.monotonic() - start)
        print(line, flush=True)
        if grown:
            total.failures.append(f"grew above {MOST_GROWTH} times what they held after {WARM_S:.0f} s: {', '.join(grown)}")
    finally:
        end_fleet(fleet, total, schedule, logs)
    return total
