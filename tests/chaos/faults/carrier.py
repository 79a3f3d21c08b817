# SPDX-License-Identifier: Apache-2.0
"""The platform fails: it refuses, answers wrong or not at all, does not call back, forgets, hangs, dies."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Callable, Iterator

from tests.chaos import tail
from tests.chaos.faults.process import any_length_ms
from tests.chaos.fleet import Fleet
from tests.chaos.judge import RunHistory
from tests.chaos.schedule import Allowance, Args, Fault, Kind, Strike, World
from tests.support.carrier import play_faults
from tests.support.history import Break, Event
from tests.support.stack import TRUNK, CommandFailed
from tests.support.waiting import wait_until

# What the carrier may play for a time (tests/carrier/fault.h), and how often it is drawn.
PLAYED = {
    "throttle": 2,
    "unavailable": 2,
    "error": 3,
    "reset": 3,
    "hang": 2,
    "garbage": 2,
    "slow": 2,
    "concurrency": 1,
    "callback_never": 2,
    "callback_twice": 1,
    "callback_early": 1,
    "summary_late": 1,
    "summary_never": 1,
}
START_DEADLINE_S = 90.0
RETRY_S = 0.5
LOST_ANSWERS = ("error", "reset", "hang", "garbage")


@contextlib.contextmanager
def _playing(fleet: Fleet, **rates: float) -> Iterator[None]:
    """Beside what it plays all the time."""
    play_faults(fleet.platform_process.url, **{**fleet.platform_faults, **rates})
    try:
        yield
    finally:
        play_faults(fleet.platform_process.url, **fleet.platform_faults)


def _draw_played(rng: random.Random, world: World) -> Args:
    (name,) = rng.choices(list(PLAYED), list(PLAYED.values()))
    args: Args = {"target": "carrier", "for_ms": any_length_ms(rng, 1_000, 8_000), "fault": name}
    args["percent"] = rng.choice((20, 50, 100))
    if name in LOST_ANSWERS:
        args["unplaced_percent"] = rng.choice((0, 50, 100))
    return args


def _play(fleet: Fleet, fault: Fault) -> None:
    rates = {str(fault.args["fault"]): int(fault.args["percent"]) / 100}
    if fault.args.get("unplaced_percent"):
        rates["unplaced"] = int(fault.args["unplaced_percent"]) / 100
    with _playing(fleet, **rates):
        time.sleep(fault.for_ms / 1000)


def _draw_forgetting(rng: random.Random, world: World) -> Args:
    return {"target": "carrier", "for_ms": any_length_ms(rng, 300, 3_000), "percent": rng.choice((10, 30))}


def _forget(fleet: Fleet, fault: Fault) -> None:
    fleet.forgets = True
    with _playing(fleet, forget=int(fault.args["percent"]) / 100):
        time.sleep(fault.for_ms / 1000)


def _draw_no_credits(rng: random.Random, world: World) -> Args:
    return {"target": "carrier", "for_ms": any_length_ms(rng, 500, 5_000)}


def _refuse_account(fleet: Fleet, fault: Fault) -> None:
    """The trunk stops, and goes on when an operator says so."""
    with _playing(fleet, no_credits=1):
        time.sleep(fault.for_ms / 1000)
    wait_until(lambda: _starts_trunk(fleet), START_DEADLINE_S, "the trunk is started", poll_s=RETRY_S)
    fleet.is_trunk_watched = True


def _starts_trunk(fleet: Fleet) -> bool:
    try:
        fleet.command("start", "trunk", TRUNK)
    except CommandFailed:
        return False  # Redis is away, or is being replaced
    return True


def _draw_hang(rng: random.Random, world: World) -> Args:
    return {"target": "carrier", "for_ms": any_length_ms(rng, 500, 10_000)}


def _hang(fleet: Fleet, fault: Fault) -> None:
    with fleet.platform_process.paused():
        time.sleep(fault.for_ms / 1000)


def _draw_kill(rng: random.Random, world: World) -> Args:
    return {"target": "carrier", "for_ms": any_length_ms(rng, 100, 5_000)}


def _kill(fleet: Fleet, fault: Fault) -> None:
    """Whoever was on the line hears nothing more, and what it knew of its calls is gone with it."""
    fleet.forgets = True
    fleet.platform_process.kill()
    _end_calls(fleet)
    time.sleep(fault.for_ms / 1000)
    fleet.platform_process.start()


def _end_calls(fleet: Fleet) -> None:
    """Notes in the carrier's log, which it cannot do itself any more, that the calls under way ended with it."""
    open_calls: dict[str, Event] = {}
    for event in fleet.carrier_events():
        if event["ev"] == "placed":
            open_calls[event["id"]] = event
        elif event["ev"] == "ended":
            open_calls.pop(event["id"], None)
    now_us = time.time_ns() // 1000
    with fleet.carrier_log.open("a", encoding="utf-8") as log:
        for call in open_calls.values():
            end = {**call, "t": now_us // 1000, "us": now_us, "ev": "ended", "outcome": "failed", "talk_ms": 0}
            log.write(json.dumps(end) + "\n")


# ---- what that may break ----

KNOWN_TO_NOBODY = "what was rung in the tail is known to nobody"
FORGETS = "forgets a call that it accepted | UNKNOWN at its deadline; then the next attempt"
TELLS_THE_END = frozenset({"call_ended", "call_analyzed", "completed"})


def _was_forgotten(broken: Break, strike: Strike, history: RunHistory) -> bool:
    """By a platform that goes on: its log says so."""
    return any(event["ev"] == "create" and "forget" in event["faults"] for event in _of(broken, history))


def _went_with_it(broken: Break, strike: Strike, history: RunHistory) -> bool:
    """A call that was placed before the platform died, and whose end nobody was told by then."""
    before = [event for event in _of(broken, history) if event["us"] <= strike.ended_us]
    told = {event["id"] for event in before
            if event["ev"] == "callback" and event["event"] in TELLS_THE_END and 200 <= event["status"] < 300}  # fmt: skip
    return any(event["ev"] == "placed" and event["id"] not in told for event in before)


def _is_known_to_nobody(broken: Break, strike: Strike, history: RunHistory) -> bool:
    """Redis lost its tail as well: what was placed before the platform died is known to neither, whether its end was told or
    not."""
    lost_a_tail = any(each.fault.kind in tail.KINDS for each in history.strikes)
    was_placed = any(event["ev"] == "placed" and event["us"] <= strike.ended_us for event in _of(broken, history))
    return lost_a_tail and was_placed


def _of(broken: Break, history: RunHistory) -> Iterator[Event]:
    return (event for event in history.carrier if event.get("to") == broken.who)


def _allow(covers: Callable[[Break, Strike, RunHistory], bool]) -> tuple[Allowance, ...]:
    """Its outcome is lost, and whoever was called may be called again."""
    return tuple(Allowance(promise, FORGETS, covers) for promise in ("lost", "dialed_twice"))


KINDS = {
    "carrier_fault": Kind(weight=8, draw=_draw_played, apply=_play),
    "carrier_forgets": Kind(weight=2, draw=_draw_forgetting, apply=_forget, most=1, allows=_allow(_was_forgotten)),
    "carrier_no_credits": Kind(weight=2, draw=_draw_no_credits, apply=_refuse_account, most=1),
    "carrier_hang": Kind(weight=3, draw=_draw_hang, apply=_hang),
    "carrier_kill": Kind(weight=3, draw=_draw_kill, apply=_kill, most=1,
                         allows=(*_allow(_went_with_it), *(Allowance(promise, KNOWN_TO_NOBODY, _is_known_to_nobody)
                                                           for promise in ("dialed_twice", "over_attempts")))),  # fmt: skip
}
