# SPDX-License-Identifier: Apache-2.0
"""Sorted sets and hashes as a script sees them (common/lua/lib/store.lua) against plain dictionaries: whatever a script asks of
them, in whatever order, and however much of them it has read by then, it is answered as if each change were made at once; and
what commit() leaves in Redis is what those changes come to.

The programs are the same in every run. CARILLON_MODEL_EXAMPLES=N tries N others.
"""

from __future__ import annotations

import os
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.scripts import source

EXAMPLES = int(os.environ.get("CARILLON_MODEL_EXAMPLES", "0"))
PREFIX = "carillon:{c0}:"
SETS, HASHES = ("one", "two"), ("left", "right")
# A page is read of 4 members, then of 16, of 64, and of 64 again: sets of just as many as that, and of one more or less.
SIZES = (0, 1, 3, 4, 5, 7, 8, 16, 19, 20, 21, 24, 32, 83, 84, 85, 100, 147, 148, 149)
NAMES = tuple(f"m{i:03d}" for i in range(max(SIZES) + 3))
TAKES = (1, 2, 4, 5, 20, 21, 84, 200)
# ARGV: of each step its name, its key, and what it is given, each a word; "-" where there is none.
PROGRAM = """
local reply = {}
local function words(text)
  local found = {}
  for word in text:gmatch('[^,]+') do found[#found + 1] = word end
  return found
end
local function say(value)
  reply[#reply + 1] = value == nil and '-' or tostring(value)
end
local steps = {}
function steps.put(key, name, score) zset.put(key, name, tonumber(score)) end
function steps.drop(key, name) zset.drop(key, name) end
function steps.earlier(key, name, score) zset.put_earlier(key, name, tonumber(score)) end
function steps.score(key, name) say(zset.score(key, name)) end
function steps.look(key, names) zset.look_up(key, words(names)) end
function steps.count(key, least) say(zset.count_above(key, tonumber(least))) end
function steps.head(key)
  local name, score = zset.head(key)
  say(name)
  say(score)
end
function steps.take(key, n)
  for _ = 1, tonumber(n) do
    local name = zset.head(key)
    say(name)
    if name then zset.drop(key, name) end
  end
end
function steps.set(key, name, value) map.put(key, name, value) end
function steps.unset(key, name) map.drop(key, name) end
function steps.get(key, name) say(map.get(key, name)) end
function steps.see(key, names) map.look_up(key, words(names)) end
function steps.commit() commit() end
for i = 1, #ARGV, 4 do
  local name = ARGV[i]
  steps[name](P .. ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
return reply
"""

Step = tuple[str, str, str, str]
FEW = NAMES[:4]
NAME = st.sampled_from(FEW) | st.sampled_from(FEW) | st.sampled_from(NAMES)
SOME = st.lists(NAME, min_size=1, max_size=8).map(",".join)
SCORE = st.integers(0, 12).map(str)
SET, HASH = st.sampled_from(SETS), st.sampled_from(HASHES)


def step(name: str, key: st.SearchStrategy[str], *given: st.SearchStrategy[str]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), key, *given, *[st.just("-")] * (2 - len(given)))


STEP = st.one_of(
    step("put", SET, NAME, SCORE), step("drop", SET, NAME), step("earlier", SET, NAME, SCORE), step("score", SET, NAME),
    step("look", SET, SOME), step("count", SET, SCORE), step("head", SET), step("take", SET, st.sampled_from(TAKES).map(str)),
    step("set", HASH, NAME, SCORE), step("unset", HASH, NAME), step("get", HASH, NAME), step("see", HASH, SOME),
    step("commit", st.just("-")),
)  # fmt: skip
SCORED = st.sampled_from(SIZES).flatmap(lambda n: st.integers(1, 13).map(lambda k: {name: i * k % 13 for i, name in enumerate(NAMES[:n])}))
HELD = st.dictionaries(st.sampled_from(FEW), SCORE)


class Plain:
    """The same, changed at once."""

    def __init__(self, sets: dict[str, dict[str, int]], hashes: dict[str, dict[str, str]]) -> None:
        self.sets = {key: dict(members) for key, members in sets.items()}
        self.hashes = {key: dict(fields) for key, fields in hashes.items()}
        self.said: list[str] = []

    def _head(self, key: str) -> str | None:
        return min(self.sets[key], key=lambda name: (self.sets[key][name], name), default=None)

    def play(self, name: str, key: str, what: str, value: str) -> None:
        members, fields, say = self.sets.get(key, {}), self.hashes.get(key, {}), self.said.append
        if name in ("put", "earlier"):
            if name == "put" or what not in members or int(value) < members[what]:
                members[what] = int(value)
        elif name == "drop":
            members.pop(what, None)
        elif name == "score":
            say(str(members.get(what, "-")))
        elif name == "count":
            say(str(sum(score > int(what) for score in members.values())))
        elif name == "head":
            head = self._head(key)
            self.said += ["-", "-"] if head is None else [head, str(members[head])]
        elif name == "take":
            for _ in range(int(what)):
                head = self._head(key)
                say(head or "-")
                members.pop(head or "", None)
        elif name == "set":
            fields[what] = value
        elif name == "unset":
            fields.pop(what, None)
        elif name == "get":
            say(fields.get(what, "-"))


def fill(db: redis.Redis, plain: Plain) -> None:
    db.flushall()
    for key, members in plain.sets.items():
        if members:
            db.zadd(PREFIX + key, members)
    for key, fields in plain.hashes.items():
        if fields:
            db.hset(PREFIX + key, mapping=fields)


def held(db: redis.Redis) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, str]]]:
    sets = {key: {name: int(score) for name, score in db.zrange(PREFIX + key, 0, -1, withscores=True)} for key in SETS}
    return sets, {key: db.hgetall(PREFIX + key) for key in HASHES}


def test_a_script_sees_its_own_changes_and_commits_what_they_come_to(db: redis.Redis) -> None:
    script = db.register_script(source("lib/store", PROGRAM))
    db.script_load(script.script)

    @settings(
        max_examples=EXAMPLES or 300, derandomize=EXAMPLES == 0, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        sets=st.fixed_dictionaries(dict.fromkeys(SETS, SCORED)), hashes=st.fixed_dictionaries(dict.fromkeys(HASHES, HELD)),
        steps=st.lists(STEP, min_size=1, max_size=40),
    )
    def every_program(sets: dict[str, dict[str, int]], hashes: dict[str, dict[str, str]], steps: list[Step]) -> None:
        plain = Plain(sets, hashes)
        fill(db, plain)
        committed = held(db)
        for one in steps:
            plain.play(*one)
            if one[0] == "commit":
                as_of_now = Plain(plain.sets, plain.hashes)
                committed = as_of_now.sets, as_of_now.hashes
        said = script(keys=[PREFIX], args=[word for one in steps for word in one])
        assert said == plain.said
        assert held(db) == committed, "what no commit() followed was written, or a commit() wrote something else"

    every_program()
