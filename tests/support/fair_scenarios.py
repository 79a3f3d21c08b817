# SPDX-License-Identifier: Apache-2.0
"""Loads under which some tenant might have more than its share, or less. Each runs a contest for about so many seconds, and
judges those who have work all the time: by tests/lua/test_fair_turns.py in small, by tests/bench/bench_fairness.py in large.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.support.engine import HORIZON_US, Begin, Engine
from tests.support.fairness import PIECE, Contest, writes

Make = Callable[..., Contest]  # from what a DecreedFleet takes
Scenario = Callable[[Make, float], Contest]


HORIZON_S = HORIZON_US / 1e6


def names(count: int, stem: str = "tenant") -> list[str]:
    return [f"{stem}{i}" for i in range(count)]


def batches_of_all_sizes(make: Make, seconds: float) -> Contest:
    """Ten tenants with one batch to ten."""
    contest = make()
    contest.trunk(cps=60)
    for i, tenant in enumerate(names(10)):
        contest.tenant(tenant, batches=i + 1, contacts=int(10 * seconds), cps=30)
    contest.run(seconds)
    contest.judge(names(10), 0.0, seconds)
    return contest


def weights(make: Make, seconds: float, shares: Sequence[int] = (1, 3, 10)) -> Contest:
    """One batch each, whose pace takes its tenant out of the turn after every call."""
    contest = make()
    contest.trunk(cps=7 * sum(shares))
    for share in shares:
        contest.tenant(f"weight{share}", weight=share, batches=1, contacts=int(80 * seconds))
    contest.run(seconds)
    contest.judge([f"weight{share}" for share in shares], 0.0, seconds)
    return contest


def weights_one_to_two(make: Make, seconds: float) -> Contest:
    return weights(make, seconds, (1, 2))


def fast_trunk(make: Make, seconds: float) -> Contest:
    """One so fast that a turn is several calls: two tenants with the same weight, one with twice as much, and one that comes in
    the middle."""
    contest = make()
    contest.trunk(cps=400)
    for tenant, weight in (("one", 1), ("other", 1), ("heavy", 2)):
        contest.tenant(tenant, weight=weight, batches=2, contacts=int(200 * seconds), cps=1000)
    contest.run(seconds / 2)
    contest.tenant("newcomer", batches=1, contacts=int(200 * seconds), cps=1000)
    contest.run(seconds / 2)
    contest.judge(["one", "other", "heavy"], 0.0, seconds / 2)
    contest.judge(["one", "other", "heavy", "newcomer"], seconds / 2 + HORIZON_S, seconds)
    return contest


def newcomer(make: Make, seconds: float) -> Contest:
    """Three tenants, and a fourth that comes in the middle."""
    contest = make()
    contest.trunk(cps=60)
    for tenant in names(3):
        contest.tenant(tenant)
    contest.run(seconds / 2)
    contest.tenant("newcomer")
    contest.run(seconds / 2)
    contest.judge(names(3), 0.0, seconds / 2)
    contest.judge([*names(3), "newcomer"], seconds / 2, seconds)
    return contest


def a_thousand_batches(make: Make, seconds: float, batches: int = 1000) -> Contest:
    """One tenant with thousands of batches, nine with one each."""
    contest = make()
    contest.trunk(cps=60)
    contest.tenant("big", batches=batches, contacts=1)
    for tenant in names(9):
        contest.tenant(tenant, batches=1)
    contest.run(seconds)
    contest.judge(["big", *names(9)], 0.0, seconds)
    return contest


def ten_thousand_batches(make: Make, seconds: float) -> Contest:
    return a_thousand_batches(make, seconds, 10_000)


def idler(make: Make, seconds: float) -> Contest:
    """One of three ends its work early, and after a while has work again."""
    contest = make()
    contest.trunk(cps=60)
    for tenant in names(2):
        contest.tenant(tenant, batches=2, contacts=int(60 * seconds))
    contest.tenant("idler", batches=1, contacts=10)
    contest.run(1.0 + seconds / 2)
    contest.batches("idler", 2)
    contest.run(seconds / 2)
    contest.judge(names(2), 1.0, 1.0 + seconds / 2)
    contest.judge([*names(2), "idler"], 1.0 + seconds / 2, 1.0 + seconds)
    return contest


def changed_weights(make: Make, seconds: float) -> Contest:
    """Of two tenants one is given more weight than the other, and then less. What was claimed before a change begins after it
    as it was claimed: within a horizon."""
    contest = make()
    contest.trunk(cps=100)
    for tenant in names(2):
        contest.tenant(tenant)
    for first, second in ((1, 1), (4, 1), (1, 4)):
        changed_s = contest.now_s
        contest.weigh("tenant0", first)
        contest.weigh("tenant1", second)
        contest.run(HORIZON_S + seconds / 3)
        contest.judge(names(2), changed_s + HORIZON_S, contest.now_s)
    return contest


def single_calls(make: Make, seconds: float) -> Contest:
    """One tenant of twenty submits a batch of one call whenever its last one is over: its flow comes and goes each time."""

    def outcome(begin: Begin) -> tuple[str, str, int | None]:
        if contest.owner(begin) == "single":
            contest.batches("single", 1, contacts=1)
        return "final", "COMPLETED", None

    contest: Contest = make(outcome=outcome)
    contest.trunk(cps=60)
    contest.tenant("single", batches=1, contacts=1)
    for tenant in names(19):
        contest.tenant(tenant, contacts=int(5 * seconds))
    contest.run(seconds)
    contest.judge(["single", *names(19)], 0.0, seconds)
    return contest


def capped_tenants(make: Make, seconds: float) -> Contest:
    """Some are limited to less than their share: what they leave is shared by the others."""
    contest = make()
    contest.trunk(cps=80)
    for tenant in names(4, "capped"):
        contest.tenant(tenant, tenant={"cps": 5})
    for tenant in names(3):
        contest.tenant(tenant, weight=2)
    contest.run(seconds)
    contest.judge(names(4, "capped"), 0.0, seconds)
    contest.judge(names(3), 0.0, seconds)
    return contest


def full_tenants(make: Make, seconds: float) -> Contest:
    """Some are at their concurrency, until that is lifted."""
    contest = make(talk_s=0.4)
    contest.trunk(cps=80)
    for tenant in names(3, "full"):
        contest.tenant(tenant, tenant={"max_concurrent": 2})
    for tenant in names(3):
        contest.tenant(tenant)
    contest.run(seconds / 2)
    for tenant in names(3, "full"):
        contest.engine.tenant(tenant, how="set", max_concurrent="")
    contest.run(seconds / 2)
    contest.judge(names(3, "full"), 0.0, seconds / 2)
    contest.judge(names(3), 0.0, seconds / 2)
    contest.judge([*names(3, "full"), *names(3)], seconds / 2, seconds)
    return contest


def full_batches(make: Make, seconds: float) -> Contest:
    """The same with every batch of theirs at its concurrency."""
    contest = make(talk_s=0.4)
    contest.trunk(cps=80)
    full = [(tenant, batch) for tenant in names(3, "full") for batch in contest.tenant(tenant, batches=2, max_concurrent=1)]
    for tenant in names(3):
        contest.tenant(tenant)
    contest.run(seconds / 2)
    for tenant, batch in full:
        contest.engine.change(batch, tenant, max_concurrent=None)
    contest.run(seconds / 2)
    contest.judge(names(3, "full"), 0.0, seconds / 2)
    contest.judge(names(3), 0.0, seconds / 2)
    contest.judge([*names(3, "full"), *names(3)], seconds / 2, seconds)
    return contest


def full_trunk(make: Make, seconds: float) -> Contest:
    """The trunk is at its concurrency, until that is lifted; some tenants' calls last ten times as long as others'."""
    contest = make()
    contest.fleet.talk_s = lambda begin: 0.5 if contest.owner(begin) == "weight1" else 0.05
    contest.trunk(cps=80, max_concurrent=6)
    for weight in (1, 2, 3):
        contest.tenant(f"weight{weight}", weight=weight)
    contest.run(seconds / 2)
    contest.engine.trunk("main", how="set", max_concurrent="")
    contest.run(seconds / 2)
    contest.judge(["weight1", "weight2", "weight3"], 0.0, seconds / 2)
    contest.judge(["weight1", "weight2", "weight3"], seconds / 2, seconds)
    return contest


def several_trunks(make: Make, seconds: float) -> Contest:
    """Twenty tenants of different weights on one trunk to three of three."""
    contest, chance = make(), random.Random(1)
    on: dict[str, list[str]] = {"east": [], "north": [], "west": []}
    for trunk in on:
        contest.trunk(trunk, cps=200)
    for tenant in names(20):
        weight = chance.choice((1, 1, 2, 3))
        for trunk in chance.sample(sorted(on), chance.randrange(1, 4)):
            on[trunk].append(tenant)
            contest.tenant(tenant, batches=chance.randrange(2, 5), trunk=trunk, weight=weight, contacts=int(50 * seconds))
    contest.run(seconds)
    for trunk, tenants in on.items():
        contest.judge(tenants, 0.0, seconds, trunk)
    return contest


def priorities(make: Make, seconds: float) -> Contest:
    """One tenant calls all of its batches urgent, one has some of every priority, one thinks nothing of its own."""
    contest = make()
    contest.trunk(cps=60)
    contest.tenant("urgent", priority=10)
    contest.tenant("modest", priority=1)
    contest.tenant("mixed", batches=0)
    for priority in (1, 5, 9):
        contest.batches("mixed", 1, priority=priority, cps=10)
    contest.run(seconds)
    contest.judge(["urgent", "modest", "mixed"], 0.0, seconds)
    return contest


def retries(make: Make, seconds: float) -> Contest:
    """Of some tenants hardly a call succeeds."""
    chance = random.Random(1)
    fails = {tenant: i / 5 for i, tenant in enumerate(names(5))}

    def outcome(begin: Begin) -> tuple[str, str, int | None]:
        if begin.attempt < 8 and chance.random() < fails[contest.owner(begin)]:
            return "retry", "BUSY", chance.randrange(200, 2000)
        return "final", "COMPLETED", None

    contest: Contest = make(talk_s=0.05, outcome=outcome)
    contest.trunk(cps=60)
    for tenant in names(5):
        contest.tenant(tenant)
    contest.run(seconds)
    contest.judge(names(5), 0.0, seconds)
    return contest


def stalls(make: Make, seconds: float) -> Contest:
    """Workers stand still now and then, some for longer than a slot may be late; one that claims never begins anything."""
    contest = make(stall=lambda chance: chance.choice((0.0,) * 20 + (0.08, 0.3)))
    contest.trunk(cps=60)
    for tenant in names(3):
        contest.tenant(tenant)
    for _ in range(4):
        contest.engine.claim("dead", calls=8)
        contest.run(seconds / 4)
    contest.judge(names(3), 0.0, seconds)
    return contest


def suppressed_numbers(make: Make, seconds: float) -> Contest:
    """Two tenants on a slow trunk beside one that nobody wants to be called by."""
    contest = make()
    contest.trunk(cps=9)
    dialed = contest.engine.numbers(400)
    contest.engine.client.sadd(contest.engine.key("suppressed"), *dialed)
    contest.tenant("unwanted", batches=1, numbers=dialed)
    for tenant in names(2):
        contest.tenant(tenant)
    contest.run(seconds)
    contest.judge(["unwanted", *names(2)], 0.0, seconds)
    return contest


def used_up_credit(make: Make, seconds: float) -> Contest:
    """The same beside one whose batches are all paused for want of credit as they are about to begin."""
    contest = make()
    contest.trunk(cps=9)
    contest.tenant("broke", batches=200, tenant={"available_s": 0}, contacts=1)
    for tenant in names(2):
        contest.tenant(tenant)
    contest.run(seconds)
    contest.judge(["broke", *names(2)], 0.0, seconds)
    return contest


def crowd(engine: Engine, tenants: int, batches: int) -> None:
    """A trunk at its concurrency, which ten calls hold that go on for an hour, and on it so many tenants with so many waiting
    batches each."""
    engine.trunk("full", cps=1000, max_concurrent=10)
    until_ms = engine.now_ms() + 3_600_000
    engine.client.zadd(engine.key("flying:k/full"), {f"before/{i}/1": until_ms for i in range(10)})
    numbers, pipe = iter(range(19_000_000_000, 19_000_000_000 + tenants * batches)), engine.client.pipeline(transaction=False)
    for tenant in names(tenants, "waiting"):
        engine.tenant(tenant, cps=1000)
        for i in range(batches):
            engine.queue_batch(pipe, f"batch_c0_{tenant}x{i}", tenant, "full", [next(numbers)])
            if len(pipe) >= PIECE:
                pipe.execute()
    pipe.execute()


def beside_a_full_trunk(make: Make, seconds: float, waiting: int = 1000) -> tuple[Contest, int]:
    """Three tenants on a trunk of their own, with `waiting` batches on a full one; and how many writes Redis did meanwhile."""
    contest = make()
    if waiting:
        crowd(contest.engine, 10, waiting // 10)
    contest.trunk(cps=60)
    for tenant in names(3):
        contest.tenant(tenant)
    before = writes(contest.engine.client)
    contest.run(seconds)
    contest.judge(names(3), 0.0, seconds)
    return contest, writes(contest.engine.client) - before


SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (
        batches_of_all_sizes, weights_one_to_two, weights, fast_trunk, newcomer, a_thousand_batches, single_calls, idler, changed_weights,
        capped_tenants, full_tenants, full_batches, full_trunk, several_trunks, priorities, retries, stalls, suppressed_numbers, used_up_credit,
    )  # fmt: skip
}
