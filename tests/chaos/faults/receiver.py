# SPDX-License-Identifier: Apache-2.0
"""The tenant's endpoint fails: it answers errors, answers nothing, hangs up, or is away."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from tests.chaos.faults.process import any_length_ms
from tests.chaos.fleet import Fleet
from tests.chaos.schedule import Args, Fault, Kind, World
from tests.support.http_receiver import Answer, Received

SETTLES_S = 1.0  # what was being sent when it became well has come to its end, and is queued again


def _draw_error(rng: random.Random, world: World) -> Args:
    # Not 410 and not what says for good that the endpoint is not there: that is the tenant's word, and ends its webhooks.
    status = rng.choice((500, 502, 503, 429, 408, 302))
    return {"target": "receiver", "for_ms": any_length_ms(rng, 500, 10_000), "status": status, "percent": rng.choice((30, 100))}


def _answer_errors(fleet: Fleet, fault: Fault) -> None:
    percent, status = int(fault.args["percent"]), int(fault.args["status"])

    def answer(request: Received) -> Answer:
        return Answer(status if request.index % 100 < percent else 200)

    _answers_so(fleet, answer, fault.for_ms)


def _draw_silence(rng: random.Random, world: World) -> Args:
    return {"target": "receiver", "for_ms": any_length_ms(rng, 500, 20_000)}


def _hang(fleet: Fleet, fault: Fault) -> None:
    """Requests that came are taken, but not answered before it goes on: some of their senders have given up by then."""
    is_well = threading.Event()
    try:
        _answers_so(fleet, lambda request: Answer(200, after=is_well), fault.for_ms, is_well)
    finally:
        is_well.set()


def _hang_up(fleet: Fleet, fault: Fault) -> None:
    """What it was sent may have been taken or not: here it was not."""
    _answers_so(fleet, lambda request: Answer(0, reset=True), fault.for_ms)


def _answers_so(
    fleet: Fleet, answer: Callable[[Received], Answer], for_ms: int, is_well: threading.Event | None = None
) -> None:
    fleet.answer = answer
    try:
        time.sleep(for_ms / 1000)
    finally:
        fleet.answer = None
        if is_well:
            is_well.set()
    time.sleep(SETTLES_S)
    fleet.make_webhooks_due()


KINDS = {
    "receiver_error": Kind(weight=3, draw=_draw_error, apply=_answer_errors),
    "receiver_hang": Kind(weight=2, draw=_draw_silence, apply=_hang),
    "receiver_reset": Kind(weight=2, draw=_draw_silence, apply=_hang_up),
}
