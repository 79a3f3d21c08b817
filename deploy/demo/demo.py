#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The main job, end to end: rings 500 telephones that do not exist, through a stand-in platform, and tells by the logs of
those who saw it (the platform's and the webhook receiver's, never Carillon's own counters) whether every promise held.

    make demo                  starts everything in a temporary folder, shows live progress, ends with one line
    make demo FAULT=worker     the same while something goes wrong in the middle: see FAULTS below
    KEEP=1 make demo           leaves it running afterwards and says how to look around
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import zoneinfo
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.history import Rules, judge  # noqa: E402
from tests.support.ledger import read_ledger  # noqa: E402
from tests.support.processes import program  # noqa: E402
from tests.support.stack import TENANT, Stack, phone_numbers, write_contacts  # noqa: E402
from tests.support.waiting import DeadlinePassed, wait_until  # noqa: E402

CONTACTS = 500
LIMIT = 12
SHORTEST_DELAY_MS = 1000
ATTEMPTS = 3
START_IN_S = 3
CAMPAIGN_DEADLINE_S = 150
FAULT_DEADLINE_S = 210
SETTLE_DEADLINE_S = 20


# ---- what goes wrong ----


def kill_the_worker_that_is_called_back(stack: Stack) -> None:
    stack.workers[0].kill()


def kill_redis(stack: Stack) -> None:
    """SIGKILL: what its append-only file did not have on disk yet is gone, up to a second of it. Then it is started again."""
    stack.redis.kill()
    stack.redis.start()


@dataclasses.dataclass(frozen=True)
class Fault:
    """`carrier`: what the stand-in platform does all the time; `strike`: what happens once, in the middle."""

    about: str
    carrier: tuple[str, ...] = ()
    strike: Callable[[Stack], None] | None = None


FAULTS = {
    "": Fault("nothing goes wrong"),
    "worker": Fault(
        "in the middle the worker that the platform calls back is killed (SIGKILL) and stays dead",
        strike=kill_the_worker_that_is_called_back,
    ),
    "carrier": Fault(
        "the platform answers 429 and 503 to a tenth, resets connections of calls that it has placed, and hangs",
        carrier=("throttle=0.05", "unavailable=0.05", "reset=0.03", "hang=0.02"),
    ),
    "redis": Fault("in the middle Redis is killed (SIGKILL) and started again", strike=kill_redis),
}

# With a fault some calls wait for a lookup or a deadline: short ones keep the demo short.
FAULT_OPTIONS = {"ringTimeout": 5, "maxCallDuration": 60, "summaryWait": 5}


# ---- the campaign ----


def campaign(stack: Stack, more: dict[str, object]) -> dict[str, object]:
    """The complete example of the batch API's documentation, with the shortest delays that it allows."""
    zone = zoneinfo.ZoneInfo("America/New_York")
    start = datetime.datetime.now(zone) + datetime.timedelta(seconds=START_IN_S)
    return {
        "agentId": "agent_123",
        "userId": TENANT,
        "options": {
            "priority": 7,
            "maxCallsPerSecond": LIMIT,
            "scheduledStartTime": start.replace(tzinfo=None).isoformat(timespec="milliseconds"),
            "timezone": "America/New_York",
            "retryStrategy": {
                "maxAttempts": ATTEMPTS,
                "noAnswerDelay": SHORTEST_DELAY_MS,
                "busyDelay": SHORTEST_DELAY_MS,
            },
            "webhooks": {name: url for name, url in stack.webhooks().items() if name != "onBatchFailed"},
            "tags": ["Q4_2025", "lead_qualification", "high_value"],
            **more,
        },
    }


def called(stack: Stack) -> int:
    """Numbers that the platform was asked to call."""
    return len({event.get("to") for event in stack.carrier_events() if event["ev"] == "create"})


def run_campaign(stack: Stack, numbers: list[str], fault: Fault) -> None:
    is_faulty = fault is not FAULTS[""]
    contacts = stack.directory / "contacts.csv"
    write_contacts(contacts, numbers)
    body = stack.directory / "campaign.json"
    body.write_text(json.dumps(campaign(stack, FAULT_OPTIONS if is_faulty else {}), indent=2), encoding="utf-8")
    print(f"submitting {len(numbers)} contacts at {LIMIT} calls a second, starting in {START_IN_S} s", flush=True)
    deadline_s = FAULT_DEADLINE_S if is_faulty else CAMPAIGN_DEADLINE_S
    with subprocess.Popen(
        [str(program("carillon")), "submit", str(body), "--contacts", str(contacts), "--watch"],
        env={**os.environ, **stack.environment()},
    ) as watching:
        try:
            if fault.strike:
                wait_until(lambda: called(stack) >= len(numbers) // 2, deadline_s, "half of them were called", poll_s=0.1)
                fault.strike(stack)
            status = watching.wait(deadline_s)
        finally:
            watching.kill()
    if status != 0:
        raise subprocess.CalledProcessError(status, "carillon submit --watch")
    wait_until(lambda: stack.delivered("batch.completed"), SETTLE_DEADLINE_S, "the receiver has batch.completed")
    wait_until(
        lambda: len(stack.delivered("call.completed")) >= len(numbers), SETTLE_DEADLINE_S, "the receiver has every call"
    )


def judge_campaign(stack: Stack, numbers: list[str], fault: Fault) -> bool:
    rules = Rules(limit=LIMIT, max_attempts=ATTEMPTS, delays_ms={"": SHORTEST_DELAY_MS})
    if fault is not FAULTS[""]:
        rules = dataclasses.replace(rules, utilisation=None)
    ledger = read_ledger(stack.redis.client(), stack.batches()[0])
    report = judge(numbers, stack.carrier_events(), list(stack.deliveries), rules, ledger)
    is_clean, audit = stack.audit()
    if not is_clean:
        print(audit)
    for example in report.examples:
        print(f"broken: {example}")
    print(report.line("demo", "ok" if is_clean else "broken"), flush=True)
    return report.holds() and is_clean


def keep(stack: Stack) -> None:
    print("\nKEEP=1: everything still runs. Look around with")
    for name, value in stack.environment().items():
        print(f"  export {name}={value}")
    print(f"  redis-cli -s {stack.redis.socket} --scan --pattern 'carillon:*' | head")
    print(f"  {program('carillon')} audit")
    print(f"  less {stack.carrier_log}\nCtrl-C ends it.", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})


def main() -> int:
    name = os.environ.get("FAULT", "")
    if name not in FAULTS:
        print(f"demo: FAULT={name} is none of {', '.join(filter(None, FAULTS))}", file=sys.stderr)
        return 2
    fault = FAULTS[name]
    if name:
        print(f"FAULT={name}: {fault.about}")
    numbers = phone_numbers(CONTACTS)
    with Stack(seed=7, faults=fault.carrier) as stack:
        try:
            run_campaign(stack, numbers, fault)
        except (subprocess.SubprocessError, DeadlinePassed) as error:
            print(f"demo: did not come to its end: {error}")
            for process in stack.everyone:
                process.print_log_tail()
        holds = judge_campaign(stack, numbers, fault)
        if os.environ.get("KEEP") == "1":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
            keep(stack)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
