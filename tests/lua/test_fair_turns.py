# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is: tenants share a trunk by their weights, whatever else they do (docs/architecture.md). The real scripts on
a real Redis in decreed time; in each scenario Jain's index of starts divided by weight, over those who have work all the
time, is at least 0.98 in every window of two seconds and over all."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import fair_scenarios
from tests.support.fair_scenarios import HORIZON_S
from tests.support.fairness import Contest
from tests.support.redis_server import RedisServer
from tests.support.scripts import source

SECONDS = 4.0
EVEN = 0.98


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer(is_clock_decreed=True) as running:
        yield running


def even(scenario: fair_scenarios.Scenario, server: RedisServer, seconds: float = SECONDS) -> Contest:
    contest = scenario(functools.partial(Contest, server), seconds)
    assert contest.evenness >= EVEN, (contest.judged, contest.starts(0.0, contest.now_s))
    return contest


def test_tenants_have_the_same_share_whatever_number_of_batches_each_has(server: RedisServer) -> None:
    even(fair_scenarios.batches_of_all_sizes, server)


def test_weights_one_to_two_share_one_to_two(server: RedisServer) -> None:
    starts = even(fair_scenarios.weights_one_to_two, server).starts(0.0, SECONDS)
    assert abs(starts["weight2"] - 2 * starts["weight1"]) <= 2, starts


def test_weights_one_three_and_ten_share_so(server: RedisServer) -> None:
    starts = even(fair_scenarios.weights, server).starts(0.0, SECONDS)
    assert abs(starts["weight3"] - 3 * starts["weight1"]) <= 3, starts
    assert abs(starts["weight10"] - 10 * starts["weight1"]) <= 10, starts


def test_on_a_fast_trunk_where_a_turn_is_several_calls_the_shares_are_the_same(server: RedisServer) -> None:
    contest = even(fair_scenarios.fast_trunk, server)
    begins = [contest.owner(begin) for begin in contest.fleet.begins]
    runs = [len(list(run)) for _, run in itertools.groupby(begins)]
    assert all(run % 8 == 0 for run in runs[:8]), ("turns of the first claims, which hand out a whole horizon", runs[:8])


@pytest.mark.parametrize("others", (1, 2))
@pytest.mark.parametrize("whose", ("batch", "tenant"))
def test_on_a_fast_trunk_a_pace_below_its_share_is_kept_beside_those_who_have_turns_of_several_calls(
    server: RedisServer, whose: str, others: int
) -> None:
    """It comes for one call at a time: turns of others that it had to wait for would cost it every second one."""
    contest, pace, seconds = Contest(server), int(0.9 * 400 / (others + 1)), 1.6
    contest.trunk(cps=400)
    for tenant in fair_scenarios.names(others, "other"):
        contest.tenant(tenant, batches=1, contacts=int(400 * seconds), cps=1000)
    limit: dict[str, Any] = {"cps": pace} if whose == "batch" else {"cps": 1000, "tenant": {"cps": pace}}
    contest.tenant("paced", batches=1, contacts=int(400 * seconds), **limit)
    contest.run(seconds)
    starts = contest.starts(0.0, seconds)
    assert starts["paced"] >= 0.95 * pace * seconds, (pace, starts)
    assert starts.total() >= 0.98 * 400 * seconds, starts


def test_a_turn_is_one_call_where_flows_have_no_more_than_sixteen_a_second(server: RedisServer) -> None:
    contest = fair_scenarios.batches_of_all_sizes(functools.partial(Contest, server), 2.0)
    begins = [contest.owner(begin) for begin in contest.fleet.begins]
    assert all(one != following for one, following in itertools.pairwise(begins)), begins


def test_a_newcomer_has_its_share_within_a_horizon_and_no_more(server: RedisServer) -> None:
    contest = even(fair_scenarios.newcomer, server)
    came_s = SECONDS / 2
    first = contest.starts(came_s + HORIZON_S, came_s + HORIZON_S + 0.8)
    assert abs(first["newcomer"] - first["tenant0"]) <= 1, first


def test_a_thousand_batches_have_no_more_turns_than_one(server: RedisServer) -> None:
    even(fair_scenarios.a_thousand_batches, server)


def test_who_submits_one_call_after_the_other_has_no_more_turns_than_who_submits_them_together(server: RedisServer) -> None:
    even(fair_scenarios.single_calls, server)


def test_idleness_earns_nothing(server: RedisServer) -> None:
    contest = even(fair_scenarios.idler, server)
    again_s = 1.0 + SECONDS / 2
    for after_s in (0.2, 0.5, 1.0):
        starts = contest.starts(again_s, again_s + after_s)
        assert starts["idler"] <= starts["tenant0"] + 1, (after_s, starts)


def test_a_changed_weight_holds_for_every_call_that_is_claimed_from_then_on(server: RedisServer) -> None:
    even(fair_scenarios.changed_weights, server, 6.0)


def test_what_a_tenant_below_its_share_leaves_is_shared_by_the_others(server: RedisServer) -> None:
    starts = even(fair_scenarios.capped_tenants, server).starts(0.0, SECONDS)
    assert starts["capped0"] >= 19, starts
    assert sum(starts.values()) >= 0.98 * 80 * SECONDS, starts


def test_who_was_parked_at_its_concurrency_has_its_share_as_soon_as_that_is_lifted(server: RedisServer) -> None:
    starts = even(fair_scenarios.full_tenants, server).starts(0.0, SECONDS)
    assert sum(starts.values()) >= 0.98 * 80 * SECONDS, starts


def test_whose_batches_were_parked_has_its_share_as_soon_as_their_concurrency_is_lifted(server: RedisServer) -> None:
    starts = even(fair_scenarios.full_batches, server).starts(0.0, SECONDS)
    assert sum(starts.values()) >= 0.98 * 80 * SECONDS, starts


def test_a_full_trunk_goes_by_turns_and_longer_calls_take_no_more_of_them(server: RedisServer) -> None:
    even(fair_scenarios.full_trunk, server, 8.0)


def test_every_trunk_is_shared_for_itself(server: RedisServer) -> None:
    contest = even(fair_scenarios.several_trunks, server)
    for trunk in ("east", "north", "west"):
        assert contest.starts(0.0, SECONDS, trunk).total() >= 0.98 * 200 * SECONDS, trunk


def test_a_slow_trunk_beside_a_fast_one_is_shared_by_weight_among_tenants_of_both(server: RedisServer) -> None:
    """In the millisecond of a slot on the slow one they mostly have some on the other already, a little ahead."""
    contest, seconds = Contest(server), 1.2
    for trunk, cps in (("fast", 1000), ("slow", 150)):
        contest.trunk(trunk, cps=cps)
        for weight in (1, 3):
            contest.tenant(f"weight{weight}", batches=1, trunk=trunk, weight=weight, tenant={"cps": 100_000}, contacts=int(cps * seconds),
                           cps=100_000)  # fmt: skip
    contest.run(seconds)
    for trunk in ("slow", "fast"):
        contest.judge(["weight1", "weight3"], 0.0, seconds, trunk)
    assert contest.evenness >= EVEN, contest.judged


@pytest.mark.parametrize("cps", (5, 60))
def test_a_tenant_at_its_own_rate_has_it_on_every_trunk_of_its(server: RedisServer, cps: int) -> None:
    contest = Contest(server)
    for trunk in ("east", "west"):
        contest.trunk(trunk, cps=500)
        contest.tenant("acme", trunk=trunk, tenant={"cps": cps})
    contest.run(SECONDS)
    each = [contest.starts(0.0, SECONDS, trunk)["acme"] for trunk in ("east", "west")]
    assert min(each) >= 0.4 * cps * SECONDS and sum(each) >= 0.98 * cps * SECONDS, each


def test_priorities_take_nothing_from_other_tenants(server: RedisServer) -> None:
    even(fair_scenarios.priorities, server)


def test_retries_take_their_own_tenants_turns(server: RedisServer) -> None:
    even(fair_scenarios.retries, server)


def test_what_a_stalled_worker_did_not_begin_costs_nobody_a_turn(server: RedisServer) -> None:
    contest = even(fair_scenarios.stalls, server)
    assert contest.fleet.released["late"] > 0


def test_calls_that_must_not_begin_take_their_turns_and_no_others(server: RedisServer) -> None:
    """Given back to a tenant on a slow trunk, every next turn would be its own, as long as it has such calls."""
    for scenario in (fair_scenarios.suppressed_numbers, fair_scenarios.used_up_credit):
        contest = even(scenario, server, 6.0)
        assert len(contest.fleet.begins) >= 0.9 * 9 * 6.0, contest.starts(0.0, 6.0)


def test_a_full_trunk_with_a_thousand_waiting_batches_costs_another_trunk_next_to_nothing(server: RedisServer) -> None:
    alone, alone_writes = fair_scenarios.beside_a_full_trunk(functools.partial(Contest, server), SECONDS, waiting=0)
    beside, beside_writes = fair_scenarios.beside_a_full_trunk(functools.partial(Contest, server), SECONDS)
    assert [begin.begin_us for begin in beside.fleet.begins] == [begin.begin_us for begin in alone.fleet.begins]
    assert beside_writes <= 1.05 * alone_writes, (beside_writes, alone_writes)


# Would they notice? (what is broken, script, its text, what stands there instead, who notices)
BROKEN = (
    ("a start costs nothing", "call_claim", "flow.vt + n * tenant.charge_vt", "flow.vt", fair_scenarios.batches_of_all_sizes),
    ("weights count nothing", "call_claim", "floor(VT_UNIT / tenant.weight)", "VT_UNIT", fair_scenarios.weights_one_to_two),
    ("idleness is saved up", "call_claim", "max(vt, turns.floor(trunk))", "vt", fair_scenarios.idler),
    ("coming back is free", "call_claim", "max(vt, turns.floor(trunk))", "turns.floor(trunk)", fair_scenarios.single_calls),
    ("turns of many slots on a slow trunk", "call_claim", "PER_S = 16, MOST = 8", "PER_S = 1, MOST = 64", fair_scenarios.weights),
    ("turns are given back", "call_begin", "  if not is_own then\n", "  if true then\n", fair_scenarios.used_up_credit),
)


@pytest.mark.parametrize(("script", "old", "new", "scenario"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_script_that_breaks_it_is_noticed(
    server: RedisServer, script: str, old: str, new: str, scenario: fair_scenarios.Scenario
) -> None:
    text = source(script)
    assert text.count(old) == 1, old
    with pytest.raises(AssertionError):
        contest = scenario(functools.partial(Contest, server, {script: text.replace(old, new)}), SECONDS)
        assert contest.evenness >= EVEN
