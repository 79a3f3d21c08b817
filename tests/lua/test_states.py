# SPDX-License-Identifier: Apache-2.0
"""The two tellings of the state machines, in Lua where states are written and in C where they are read, are one."""

from __future__ import annotations

import itertools
import json
import re

import redis

from tests.support import probe
from tests.support.scripts import LUA, source


def lua_tables(db: redis.Redis) -> dict[str, list[list[str]]]:
    text = (LUA / "lib" / "states.lua").read_text(encoding="utf-8")
    answer = "\nreturn cjson.encode({call = CALL_TRANSITIONS, batch = BATCH_TRANSITIONS, succeeded = SUCCEEDED})"
    tables = dict(json.loads(db.eval(text + answer, 0)))
    return tables | {machine: [row.split() for row in tables[machine].splitlines()] for machine in ("call", "batch")}


def test_scripts_and_c_permit_the_same_transitions(db: redis.Redis) -> None:
    lua, c = lua_tables(db), probe.tables()
    for machine in ("call", "batch"):
        rows = [tuple(row) for row in lua[machine]]
        assert len(rows) == len(set(rows))
        assert set(rows) == {tuple(row) for row in c[machine]["transitions"]}


def test_a_script_finds_each_transition_and_no_other(db: redis.Redis) -> None:
    ask = (LUA / "lib" / "states.lua").read_text(encoding="utf-8")
    ask += "\nreturn transition_to(ARGV[1] == 'call' and CALL_TRANSITIONS or BATCH_TRANSITIONS, ARGV[2], ARGV[3]) or ''"
    for machine, rows in lua_tables(db).items():
        if machine != "succeeded":
            leads_to = {(state, event): to for state, event, to in rows}
            states, events = {*(row[0] for row in rows), *(row[2] for row in rows)}, {row[1] for row in rows}
            for state, event in itertools.product(states, events):
                assert db.eval(ask, 0, machine, state, event) == leads_to.get((state, event), "")


def test_an_event_has_one_place_to_lead_to(db: redis.Redis) -> None:
    lua = lua_tables(db)
    for machine in ("call", "batch"):
        sources = [(row[0], row[1]) for row in lua[machine]]
        assert len(sources) == len(set(sources))


def test_scripts_and_c_count_the_same_outcomes_as_succeeded(db: redis.Redis) -> None:
    succeeded = {row["name"] for row in probe.tables()["outcomes"] if row["succeeded"]}
    assert set(lua_tables(db)["succeeded"]) == succeeded


def test_a_finish_takes_every_outcome_there_is() -> None:
    table = re.search(r"local OUTCOMES = \{(.*?)\}", source("call_finish"), re.DOTALL)
    assert table is not None
    assert set(re.findall(r"(\w+) = 1", table[1])) == {row["name"] for row in probe.tables()["outcomes"]}
