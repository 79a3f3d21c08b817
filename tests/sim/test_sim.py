# SPDX-License-Identifier: Apache-2.0
"""A few seeds of the simulation (`make sim` runs thousands); that a seed decides everything; and that the simulation notices what
is broken: each plant takes away what keeps a promise, in a script or in a worker's rule, and the judge says which promise it was.
"""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

from tests.sim.run import command
from tests.support.changes import Change

SEEDS = 8
SEEDS_MOST = 150  # to find a plant in; the first few mostly do


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*options), capture_output=True, text=True, check=False, timeout=300)


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    line = next((line for line in done.stdout.splitlines() if line.startswith("sim: seeds=")), "")
    assert line, f"ended with {done.returncode}: {done.stderr}"
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}


def test_whole_campaigns_keep_every_promise() -> None:
    done = run("--seeds", str(SEEDS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert figures(done)["calls"] > 0


def test_a_call_in_doubt_waits_until_it_may_be_looked_up() -> None:
    """Of this seed many are in doubt at once; that one is put off again and again the judge counts as an error."""
    done = run("--first", "5040")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_same_seed_gives_the_same_trace() -> None:
    digests = [re.findall(r"digest=(\w+)", run("--digest", "--first", str(first), "--seeds", "3").stdout) for first in (4, 4, 5)]
    assert digests[0] and digests[0] == digests[1] != digests[2]


# Scripts without what keeps a promise, the promise that is broken then, and the seed from which on it is looked for where the
# first few do not come to that.
CHANGES = {
    "the log of begins is not asked": (
        Change("call_begin", "earliest(logs, at_us)\n", "earliest(logs, at_us)\n  if true then return at_us end\n"),
        "over_limit",
        1,
    ),
    "a paused batch goes on with what was claimed": (
        Change("call_begin", "if batch.state ~= 'pending' and batch.state ~= 'processing' then", "if false then"),
        "out_of_hours",
        1,
    ),
    "a full batch goes on": (Change("call_claim", "if room('b', batch) <= 0 then", "if room('b', batch) <= -1000 then"), "over_limit", 1),
    "a call that is known to be an earlier dial's is found again as the retry": (
        Change("call_placed", "local reply = { '' }\nlocal dials", "if true then return { '' } end\nlocal reply = { '' }\nlocal dials"),
        "errors",
        575,
    ),
    "a call that is found when others' were forgotten is taken": (
        Change("cell_reassert", "return NOW_MS - tonumber(begin_ms) <= PLACED_SURE_MS", "return true"),
        "untrue",
        680,
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_script_that_breaks_a_promise_is_found(name: str, tmp_path: pathlib.Path) -> None:
    change, promise, first = CHANGES[name]
    path = tmp_path / "changed.lua"
    path.write_text(change.script(), encoding="utf-8")
    done = run("--stop", "--first", str(first), "--seeds", str(SEEDS_MOST), "--script", f"{change.where}={path}")
    assert done.returncode == 1, done.stdout
    assert figures(done)[promise] > 0, done.stdout + done.stderr


PLANTS = {"early_retry": "too_soon", "endless_retry": "over_attempts"}


@pytest.mark.parametrize("name", PLANTS)
def test_a_worker_that_breaks_a_promise_is_found(name: str) -> None:
    done = run("--stop", "--seeds", str(SEEDS_MOST), "--plant", name)
    assert done.returncode == 1, done.stdout
    assert figures(done)[PLANTS[name]] > 0, done.stdout + done.stderr
