# SPDX-License-Identifier: Apache-2.0
"""A whole campaign with the system calls that the units of deploy/systemd permit, and no other: what is forbidden there is not
needed."""

from __future__ import annotations

import pathlib
import subprocess

from tests.support.history import Rules, judge
from tests.support.ledger import read_ledger
from tests.support.processes import ROOT, Process, program
from tests.support.stack import Stack, phone_numbers
from tests.support.waiting import wait_until

CONFINED = ROOT / "tests/deploy/confined.py"
UNITS = {
    "carillon-producer": "carillon-producer.service",
    "carillon-worker": "carillon-worker@.service",
    "carillon-notifier": "carillon-notifier.service",
}
RULES = Rules(limit=20, max_attempts=2, delays_ms={"": 1000}, utilisation=None)


def confinement(unit: pathlib.Path, path: pathlib.Path) -> dict[str, str]:
    return {"CONFINED_UNIT": str(unit), "CONFINED_PROGRAM": str(path)}


class ConfinedStack(Stack):
    def _process(self, name: str, *args: str, path: str = "", env: dict[str, str] | None = None, label: str = "") -> Process:
        confined = confinement(ROOT / "deploy/systemd" / UNITS[name], program(name))
        return super()._process(name, *args, path=str(CONFINED), env={**(env or {}), **confined}, label=label)


def test_a_campaign_needs_no_call_that_the_units_forbid() -> None:
    with ConfinedStack(workers=2, faults=("callback_never=0.1",)) as stack:
        for process in stack.everyone:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            assert "Seccomp:\t2\n" in status and "NoNewPrivs:\t1\n" in status, process.label
        numbers = phone_numbers(60)
        batch = stack.submit(
            numbers, maxCallsPerSecond=20, retryStrategy={"maxAttempts": 2, "noAnswerDelay": 1000, "busyDelay": 1000},
            summaryWait=2, ringTimeout=5, maxCallDuration=10,
        )  # fmt: skip
        stack.workers[0].kill()
        stack.workers[0].start()
        stack.wait_for_batch(batch, 120.0)
        wait_until(lambda: len(stack.delivered("call.completed", batch)) >= len(numbers), 60.0, "every call is told")
        ledger = read_ledger(stack.redis.client(), batch)
        report = judge(numbers, stack.carrier_events(), list(stack.deliveries), RULES, ledger)
        assert report.keeps_promises(), (report.line("confined", "?"), report.examples)


def test_a_call_that_a_unit_forbids_fails_here_too(tmp_path: pathlib.Path) -> None:
    """What the test above rests on: without AF_INET nothing listens."""
    text = (ROOT / "deploy/systemd/carillon-producer.service").read_text(encoding="utf-8")
    unit = tmp_path / "producer.service"
    python = pathlib.Path("/usr/bin/python3")
    script = "import socket; socket.socket(socket.AF_INET).bind(('127.0.0.1', 0))"
    for families, is_permitted in (("AF_INET AF_INET6 AF_UNIX", True), ("AF_UNIX", False)):
        unit.write_text(text.replace("RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", f"RestrictAddressFamilies={families}"))
        ended = subprocess.run([str(CONFINED), "-c", script], env=confinement(unit, python), capture_output=True, check=False)
        assert (ended.returncode == 0) == is_permitted, ended.stderr
