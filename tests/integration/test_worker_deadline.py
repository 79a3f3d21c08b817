# SPDX-License-Identifier: Apache-2.0
"""What nobody could learn until its hard deadline is UNKNOWN: an attempt like another, or, where the batch holds, the end."""

from __future__ import annotations

from tests.support.fleet import Fleet
from tests.support.platform import Platform, refuse
from tests.support.waiting import wait_until

UNKNOWN = 'carillon_dial_verdicts_total{verdict="UNKNOWN"}'


def silent(platform: Platform) -> None:
    platform.on_create = platform.place_and_reset
    platform.on_ask = lambda request: refuse(500)


def test_an_unknown_outcome_at_the_deadline_is_followed_by_the_next_attempt(fleet: Fleet, platform: Platform) -> None:
    silent(platform)
    worker = fleet.worker()
    batch = fleet.batch(on_unknown="retry", no_answer_delay_ms=1500)
    first = platform.wait_creates(1)[0]
    wait_until(lambda: fleet.metric(worker, UNKNOWN) == 1)
    fleet.make_deadline_due(batch)
    second = platform.wait_creates(2)[1]
    assert second.at - first.at >= 1.5 - 0.25
    assert second.dial == 2 and fleet.counters(batch)["attempts"] == 2, "an UNKNOWN counts as an attempt"
    platform.hang_up(second.call_id, worker.url)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    platform.assert_each_dial_was_sent_once()


def test_an_unknown_outcome_at_the_deadline_is_held_where_the_batch_says_so(fleet: Fleet, platform: Platform) -> None:
    silent(platform)
    worker = fleet.worker()
    batch = fleet.batch(on_unknown="hold")
    platform.wait_creates(1)
    wait_until(lambda: fleet.metric(worker, UNKNOWN) == 1)
    fleet.make_deadline_due(batch)
    assert fleet.wait_final(batch) == {"UNKNOWN": 1}
    assert platform.count_creates() == 1


def test_the_platform_is_asked_once_more_at_the_deadline(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    batch = fleet.batch(on_unknown="hold")
    create = platform.wait_creates(1)[0]
    fleet.wait_state(batch, p=create.call_id)
    platform.end_untold(create.call_id)
    fleet.make_deadline_due(batch)
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert fleet.metric(worker, "carillon_lookups_total") == 1


def test_a_truth_that_comes_after_the_deadline_settles_the_record_and_sends_no_second_event(
    fleet: Fleet, platform: Platform
) -> None:
    silent(platform)
    worker = fleet.worker()
    batch = fleet.batch(on_unknown="hold")
    create = platform.wait_creates(1)[0]
    wait_until(lambda: fleet.metric(worker, UNKNOWN) == 1)
    fleet.make_deadline_due(batch)
    fleet.wait_final(batch)
    told = fleet.engine().events()
    assert platform.hang_up(create.call_id, worker.url) == (200, {"status": "ok"})
    assert fleet.wait_final(batch) == {"COMPLETED": 1}
    assert fleet.counters(batch)["succeeded"] == 1 and fleet.counters(batch)["failed"] == 0
    assert fleet.engine().events() == told
