#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The main job, end to end: rings 500 telephones that do not exist, through a stand-in platform, and tells by the logs of
those who saw it (the platform's and the webhook receiver's, never Carillon's own counters) whether every promise held.

    make demo            starts everything in a temporary folder, shows live progress, ends with one line
    KEEP=1 make demo     leaves it running afterwards and says how to look around
"""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import zoneinfo

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.processes import program  # noqa: E402
from tests.support.stack import TENANT, Stack, phone_numbers, write_contacts  # noqa: E402
from tests.support.waiting import DeadlinePassed, wait_until  # noqa: E402
from tests.support.witness import Rules, judge  # noqa: E402

CONTACTS = 500
LIMIT = 12
SHORTEST_DELAY_MS = 1000
ATTEMPTS = 3
START_IN_S = 3
CAMPAIGN_DEADLINE_S = 150
SETTLE_DEADLINE_S = 20


def campaign(stack: Stack) -> dict[str, object]:
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
        },
    }


def run_campaign(stack: Stack, numbers: list[str]) -> None:
    contacts = stack.directory / "contacts.csv"
    write_contacts(contacts, numbers)
    body = stack.directory / "campaign.json"
    body.write_text(json.dumps(campaign(stack), indent=2), encoding="utf-8")
    print(f"submitting {len(numbers)} contacts at {LIMIT} calls a second, starting in {START_IN_S} s", flush=True)
    subprocess.run(
        [str(program("carillon")), "submit", str(body), "--contacts", str(contacts), "--watch"],
        env={**os.environ, **stack.environment()},
        timeout=CAMPAIGN_DEADLINE_S,
        check=True,
    )
    wait_until(lambda: stack.delivered("batch.completed"), SETTLE_DEADLINE_S, "the receiver has batch.completed")
    wait_until(
        lambda: len(stack.delivered("call.completed")) >= len(numbers), SETTLE_DEADLINE_S, "the receiver has every call"
    )


def judge_campaign(stack: Stack, numbers: list[str]) -> bool:
    rules = Rules(limit=LIMIT, max_attempts=ATTEMPTS, delays_ms={"": SHORTEST_DELAY_MS})
    report = judge(numbers, stack.carrier_events(), list(stack.deliveries), rules)
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
    numbers = phone_numbers(CONTACTS)
    with Stack(seed=7) as stack:
        try:
            run_campaign(stack, numbers)
        except (subprocess.SubprocessError, DeadlinePassed) as error:
            print(f"demo: did not come to its end: {error}")
            for process in (stack.producer, *stack.workers, stack.notifier):
                process.print_log_tail()
        holds = judge_campaign(stack, numbers)
        if os.environ.get("KEEP") == "1":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
            keep(stack)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
