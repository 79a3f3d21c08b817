# SPDX-License-Identifier: Apache-2.0
"""Schedules of faults: what a seed means, which seeds are committed, and a few short ones played to a fleet."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from tests.chaos.faults import KINDS
from tests.chaos.runs import run_schedule
from tests.chaos.schedule import REST_MS, Schedule, World
from tests.chaos.seeds import FILE, LEAST, LEAST_OF_A_KIND, read_seeds, text_for

RUN = pathlib.Path(__file__).with_name("run.py")
ROOT = RUN.parents[2]


def test_a_seed_means_the_same_schedule_in_every_process_and_whatever_the_order_of_kinds() -> None:
    printed = "".join(f"{Schedule.from_seed(seed, KINDS)}\n" for seed in range(1, 21))
    turned = dict(reversed(KINDS.items()))
    assert "".join(f"{Schedule.from_seed(seed, turned)}\n" for seed in range(1, 21)) == printed
    for hashed in ("1", "2"):
        ended = subprocess.run([sys.executable, str(RUN), "--print", "--seed", "1-20"], capture_output=True, text=True,
                               check=True, env={**os.environ, "PYTHONHASHSEED": hashed})  # fmt: skip
        assert ended.stdout == printed


def test_one_target_has_one_fault_at_a_time() -> None:
    for seed in range(1, 200):
        until: dict[str, int] = {}
        for fault in Schedule.from_seed(seed, KINDS).faults:
            assert fault.at_ms >= until.get(fault.target, 0), f"seed {seed}: {fault}"
            until[fault.target] = fault.at_ms + fault.for_ms + REST_MS


def test_the_committed_seeds_are_many_and_meet_every_kind_of_fault() -> None:
    assert FILE.read_text(encoding="utf-8") == text_for(KINDS), "write it anew: tests/chaos/run.py --write-list"
    schedules = [Schedule.from_seed(seed, KINDS) for seed in read_seeds()]
    assert len(schedules) >= LEAST
    for kind in KINDS:
        assert sum(kind in schedule.kinds for schedule in schedules) >= LEAST_OF_A_KIND, kind


def test_what_a_kind_allows_is_said_in_the_failure_model() -> None:
    page = " ".join((ROOT / "docs" / "failure-model.md").read_text(encoding="utf-8").replace("**", "").split())
    for kind in KINDS.values():
        for allowance in kind.allows:
            assert " ".join(allowance.statement.split()) in page, allowance.statement


# Of kinds after which nothing has to be waited for; whatever other kinds there are, these stay what they are.
SHORT = (
    ("redis_slow", "line_slow", "receiver_error"),
    ("redis_client_kill", "redis_script_flush", "producer_kill", "line_half_open"),
    ("redis_disk_full", "redis_memory_full", "receiver_reset", "notifier_kill"),
    ("worker_clock", "process_drain", "line_resets", "carrier_hang"),
)


@pytest.mark.parametrize("names", SHORT, ids=lambda names: names[0])
def test_a_short_schedule_breaks_no_promise(names: tuple[str, ...], tmp_path: pathlib.Path) -> None:
    schedule = Schedule.from_seed(1, {name: KINDS[name] for name in names}, World("plain", "retell"), is_short=True)
    verdict = run_schedule(schedule, KINDS, tmp_path / "logs")
    assert verdict.holds(), (str(schedule), verdict.failures, verdict.breaks)
