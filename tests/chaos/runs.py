# SPDX-License-Identifier: Apache-2.0
"""One run: a schedule is played to a fleet, quiet is waited for, and what was seen is judged."""

from __future__ import annotations

import pathlib
import shutil
import threading
import time
import traceback

import redis

from tests.chaos.client import Client
from tests.chaos.fleet import Fleet
from tests.chaos.judge import Batch, RunHistory, Verdict, judge_run, no_ledger, read_begins, told_of
from tests.chaos.schedule import Fault, Kinds, Schedule, Strike
from tests.support.ledger import read_ledger

SETTLE_DEADLINE_S = 150.0  # after the last fault; what does not come until then is lost
HURRY_EVERY_S = 2.0
POLL_S = 0.2
ENDED = ("completed", "cancelled", "failed")
KEPT_BATCH = "carillon:{c0}:batch:"


class Run:
    """`play` on a fleet that is up, then `judge`. Instants count from play()."""

    def __init__(self, fleet: Fleet, schedule: Schedule, kinds: Kinds) -> None:
        self.fleet, self.schedule, self.kinds = fleet, schedule, kinds
        self.strikes: list[Strike] = []
        self.failures: list[str] = []
        self.clients: list[Client] = []
        self.unsettled: list[str] = []  # what was waited for in vain
        self.seconds = 0.0
        self._locks = {**{fault.target: threading.Lock() for fault in schedule.faults}, **fleet.locks}
        self._began_us = time.time_ns() // 1000
        self._deliveries_before = len(fleet.deliveries)

    # ---- play ----

    def play(self) -> None:
        start = time.monotonic()
        self.clients = [Client(self.fleet, self.schedule, campaign, start) for campaign in self.schedule.campaigns]
        strikes = [threading.Thread(target=self._strike, args=(fault, start), daemon=True) for fault in self.schedule.faults]
        for thread in (*self.clients, *strikes):
            thread.start()
        for thread in strikes:
            thread.join()
        for line in self.fleet.lines.values():
            line.mend()
        alone = self.fleet.ended_alone()
        if alone:
            self.failures.append(f"ended by themselves: {', '.join(alone)}")
        self._settle()
        self.failures += [client.error for client in self.clients if client.error]
        self.seconds = time.monotonic() - start

    def _strike(self, fault: Fault, start: float) -> None:
        time.sleep(max(0.0, start + fault.at_ms / 1000 - time.monotonic()))
        with self._locks[fault.target]:
            began_us = time.time_ns() // 1000
            self.fleet.under_way.add(fault.target)
            try:
                self.kinds[fault.kind].apply(self.fleet, fault)
            except Exception:
                self.failures.append(f"{fault}: {traceback.format_exc()}")
            self.fleet.under_way.discard(fault.target)
            self.strikes.append(Strike(fault, began_us, time.time_ns() // 1000))

    def _settle(self) -> None:
        """Until every campaign has ended and every event of it is delivered, or the deadline."""
        end = time.monotonic() + SETTLE_DEADLINE_S
        hurry = 0.0
        while time.monotonic() < end:
            try:
                if not any(client.is_alive() for client in self.clients) and all(map(self._is_over, self.clients)):
                    return
                if time.monotonic() > hurry:
                    hurry = time.monotonic() + HURRY_EVERY_S
                    self.fleet.make_webhooks_due()
                    if self.fleet.forgets:
                        self.fleet.make_deadlines_due()
                    self.fleet.start_stopped_trunk()
                    for client in self.clients:
                        client.go_on()
            except redis.RedisError:
                pass  # it is being started, or promoted
            time.sleep(POLL_S)
        self.unsettled = [self._told_of(client) for client in self.clients if client.is_alive() or not self._is_over(client)]

    def _told_of(self, client: Client) -> str:
        """How far a campaign came that did not come to its end."""
        told = f"batch {client.campaign.index + 1} by {client.campaign.way}: "
        if client.is_alive():
            return told + "still being submitted"
        fields = self.fleet.redis.client().hgetall(f"{KEPT_BATCH}{client.batch}")
        kept = {name.decode(): value.decode() for name, value in fields.items()}
        calls = ", ".join(f"{kept.get(name, 0)} {name}" for name in ("total", "due", "claimed", "live", "ended"))
        return f"{told}{kept['state']}: {calls}; {self._taken(client)} of {kept.get('seq', 0)} events taken"

    def _is_over(self, client: Client) -> bool:
        if not client.batch:
            return True  # it was never accepted: that is told apart
        state, seq = self.fleet.redis.client().hmget(f"{KEPT_BATCH}{client.batch}", "state", "seq")
        if state is None or state == b"draft":
            return True  # it, or its start, went with a lost tail: whoever made it was told that it is done
        if state.decode() not in ENDED:
            return False
        return self._taken(client) >= int(seq or 0)

    def _taken(self, client: Client) -> int:
        """How many events of its batch the receiver has taken."""
        return len({each.webhook_id for each in list(self.fleet.deliveries)
                    if each.is_taken and each.body.get("batchId") == client.batch})  # fmt: skip

    # ---- judge ----

    def history(self) -> RunHistory:
        client = self.fleet.redis.client()
        batches = [
            Batch(each.campaign, each.batch, read_ledger(client, each.batch), read_begins(client, each.batch))
            if each.batch
            else no_ledger(each.campaign)
            for each in self.clients
        ]
        carrier = [event for event in self.fleet.carrier_events() if event["us"] >= self._began_us]
        deliveries = list(self.fleet.deliveries)[self._deliveries_before :]
        return RunHistory(self.schedule, batches, carrier, deliveries, self.strikes, self.fleet.clock_shifts)

    def judge(self) -> Verdict:
        history = self.history()
        verdict = judge_run(history, self.kinds)
        verdict.failures += self.failures
        verdict.is_audit_clean, printed = self.fleet.audit()
        if not verdict.is_audit_clean:
            verdict.failures.append(f"carillon audit: {printed}")
        told = ", ".join(f"{count} {what}" for what, count in told_of(history).items())
        print(f"seed {self.schedule.seed}: {self.seconds:.1f} s, {told}", flush=True)
        for each in self.unsettled:
            print(f"not settled within {SETTLE_DEADLINE_S:.0f} s after the last fault: {each}", flush=True)
        return verdict


def run_schedule(schedule: Schedule, kinds: Kinds, logs: pathlib.Path) -> Verdict:
    """A fleet of its own for one schedule. Where it does not hold, what everybody wrote is kept in `logs`."""
    fleet = Fleet(schedule)
    verdict = Verdict()
    try:
        fleet.start()
        run = Run(fleet, schedule, kinds)
        run.play()
        verdict = run.judge()
    except Exception:
        verdict.failures.append(traceback.format_exc())
    finally:
        end_fleet(fleet, verdict, schedule, logs)
    return verdict


def end_fleet(fleet: Fleet, verdict: Verdict, schedule: Schedule, logs: pathlib.Path) -> None:
    """Everybody must end in order, and Redis have refused nobody anything; else `verdict` says so."""
    fleet.kept_in = logs
    try:
        fleet.stop()
    except AssertionError as error:  # a process that ended badly, a sanitizer's report, a refusal of Redis
        verdict.failures.append(str(error))
    if verdict.holds():
        shutil.rmtree(logs, ignore_errors=True)
        return
    (logs / "schedule.txt").write_text(f"{schedule}\n", encoding="utf-8")
    told = [*verdict.failures, *verdict.breaks, *verdict.allowed, verdict.line()]
    (logs / "verdict.txt").write_text("\n".join(told) + "\n", encoding="utf-8")
