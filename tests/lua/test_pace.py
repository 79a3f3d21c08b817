# SPDX-License-Identifier: Apache-2.0
"""The pacing arithmetic of the scripts and its mirror in C give the same integer for the same step."""

from __future__ import annotations

import random

import pytest

from tests.support import probe
from tests.support.scripts import Scripts, source

NOW = 1763283600000000
INTERVALS = [1005000, 143572, 83750, 77308, 33500, 1005, 1]
HORIZON = 200000

# Behind pace.lua: answers the steps in ARGV, five values each; "" is no TAT.
ANSWER = """
local function number(text) if text ~= '' then return tonumber(text) end end
local results = {}
for at = 1, #ARGV, 5 do
  local step, a, b, c, d = ARGV[at], number(ARGV[at + 1]), number(ARGV[at + 2]), number(ARGV[at + 3]), number(ARGV[at + 4])
  local result
  if step == 'next' then
    result = pace_next(a, b, c)
  elseif step == 'wake' then
    result = pace_wake(a, b, c)
  elseif step == 'clip' then
    NOW_US = b
    local resource = { tat_us = a, interval_us = d }
    pace_clip(resource, c)
    result = resource.tat_us
  elseif step == 'refund' then
    NOW_US = b
    local resource = { tat_us = a, interval_us = c }
    pace_refund(resource)
    result = resource.tat_us
  end
  results[#results + 1] = result and fmt(result) or ''
end
return results
"""


def lua_pacing(scripts: Scripts, steps: list[tuple[str, ...]]) -> list[int]:
    args: list[str] = []
    for step in steps:
        words = ["" if word == probe.NO_TAT else str(word) for word in step]
        args += words + [""] * (5 - len(words))
    text = source("lib/pace", ANSWER)
    reply = scripts.client.eval(text, 1, scripts.prefix, *args)
    return [int(result) if result else probe.NO_TAT for result in reply]


def random_steps(chance: random.Random, n: int) -> list[tuple[str, ...]]:
    steps: list[tuple] = []
    for _ in range(n):
        interval = chance.choice(INTERVALS)
        edges = [0, 1, -1, interval, -interval, interval + 1, -interval - 1]
        near = NOW + chance.choice([*edges, chance.randint(-5 * 10**6, 5 * 10**6)])
        tat = chance.choice([near, near, near, probe.NO_TAT])
        steps += [
            ("next", tat, NOW, interval),
            ("wake", tat, NOW, interval),
            ("clip", tat, NOW, HORIZON, interval),
            ("refund", tat, NOW, interval),
        ]
    return steps


@pytest.mark.parametrize("seed", range(5))
def test_scripts_and_c_take_the_same_steps(scripts: Scripts, seed: int) -> None:
    steps = random_steps(random.Random(seed), 300)
    assert lua_pacing(scripts, steps) == probe.pacing(steps)


@pytest.mark.parametrize("cps", [1, 2, 3, 7, 12, 13, 30, 97, 100, 999, 1000, 30000])
def test_scripts_and_c_pace_a_rate_alike(scripts: Scripts, cps: int) -> None:
    scripts.run("resource_set", "k", "main", "put", "cps", cps)
    stored = scripts.client.hget(scripts.key("trunk:main"), "interval_us")
    assert int(stored) == probe.pacing([("interval", cps)])[0]
