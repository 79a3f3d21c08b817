# SPDX-License-Identifier: Apache-2.0
"""The reader of docs/redis-keys.md notices what the page does not tell, and what it tells that is not there; and the
families that `carillon inspect` decodes are those of the page."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable

import pytest

from tests.lint.sides import state
from tests.lint.sides.tree import Tree
from tests.support.engine import Engine
from tests.support.keys_page import PAGE, KeysPage

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH = "batch_c0_00000000000000000001"


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.trunk("main")
    engine.tenant("acme")
    batch = engine.batch("acme", "main", 3)
    assert batch == BATCH
    engine.begin(engine.claim().slots)
    return engine


def faults(engine: Engine) -> list[str]:
    page = KeysPage()
    page.look(engine.client)
    return page.faults


def test_what_the_scripts_leave_stands_on_the_page(cell: Engine) -> None:
    assert faults(cell) == []


PLANTS: dict[str, tuple[Callable[[Engine], object], str]] = {
    "key": (lambda e: e.client.set(e.key("novel"), "1"), "carillon:{c0}:novel: 0 rows"),
    "foreign": (lambda e: e.client.set("somebody", "1"), "somebody: 0 rows"),
    "directory": (lambda e: e.client.sadd("carillon:{dir}:live", "1"), "carillon:{dir}:live: 0 rows"),
    "type": (lambda e: e.client.sadd(e.key("ended"), "1"), "carillon:{c0}:ended: is a set, not a zset"),
    "field": (lambda e: e.client.hset(e.key("trunk:main"), "novel", "1"), "trunk:main: 'novel' stands not under #fields-of-a-trunk"),
    "outcome": (lambda e: e.client.hset(e.key(f"batch:{BATCH}"), "outcome:odd", "1"), "'outcome:odd' stands not under"),
    "member": (lambda e: e.client.zadd(e.key("live"), {"a/b": e.now_ms()}), "live: 'a/b' is no member of"),
    "element": (lambda e: e.client.rpush(e.key("begins:k/main"), "12"), "begins:k/main: '12' is no member of"),
    "value": (lambda e: e.client.hset(e.key("dialing:t/acme"), "15550001111", "x"), "dialing:t/acme: 'x' is no value of"),
    "score": (lambda e: e.client.zadd(e.key("workers"), {"w1": 5}), "workers: 5.0 is no time in ms"),
    "word": (lambda e: e.client.hset(e.key(f"batch:{BATCH}:state:0"), "0", "phase=due novel=1"), "'novel' stands not under #words-of-a-state"),
    "line": (lambda e: e.client.hset(e.key(f"batch:{BATCH}:attempts:0"), "0", "d=1\nnovel=1\n"), "'novel' stands not under #words-of-an-attempt-log"),
    "entry": (lambda e: e.client.xadd(e.key("events:3"), {"novel": "1"}), "events:3: 'novel' stands not under #fields-of-an-event"),
}  # fmt: skip


@pytest.mark.parametrize("plant", PLANTS)
def test_what_is_not_told_is_named(cell: Engine, plant: str) -> None:
    put, said = PLANTS[plant]
    put(cell)
    found = faults(cell)
    assert len(found) == 1 and said in found[0], found


def test_rows_fields_and_words_that_were_never_there_are_named(cell: Engine) -> None:
    page = KeysPage()
    page.look(cell.client)
    unseen = page.unseen()
    assert "carillon:{<cell>}:hooks:dead:<endpoint>" in unseen and "carillon:{<cell>}:live" not in unseen
    assert "reason of #fields-of-a-trunk" in unseen and "cps of #fields-of-a-trunk" not in unseen
    assert "z of #words-of-a-state" in unseen and "b of #words-of-a-state" not in unseen


def test_a_row_that_is_not_whole_is_refused() -> None:
    text = PAGE.read_text(encoding="utf-8").replace("| `live` | zset | `<batch>/", "| `live` | zset | `<novel>/")
    with pytest.raises(AssertionError, match="<novel> is no placeholder"):
        KeysPage(text)
    text = PAGE.read_text(encoding="utf-8").replace("| `worker_tick` | a minute after it was seen |", "| `worker_tick` | |")
    with pytest.raises(AssertionError, match="how long does it live"):
        KeysPage(text)


def test_every_key_that_the_code_can_spell_stands_on_the_page() -> None:
    tree = Tree()
    assert len({*state.keys_in_lua(tree), *state.keys_in_c(tree)}) > 60
    assert list(state.check_keys(tree)) == []


def lua_list(file: str, name: str) -> list[str]:
    (body,) = re.findall(rf"local {name} = {{(.*?)}}", (ROOT / "common/lua/lib" / file).read_text(encoding="utf-8"), re.DOTALL)
    return re.findall(r"'([^']+)'", body)


def lua_keys(file: str, name: str) -> list[str]:
    (body,) = re.findall(rf"local {name} = {{(.*?)}}", (ROOT / "common/lua/lib" / file).read_text(encoding="utf-8"), re.DOTALL)
    return re.findall(r"(\w+) = ", body)


def test_every_word_and_field_that_the_scripts_keep_stands_on_the_page() -> None:
    tables, words = KeysPage().tables, lua_list("call.lua", "CALL_FIELDS")
    assert sorted(words) == sorted(tables["words-of-a-state"]), "and none of them means two things"
    kept = lua_keys("batch.lua", "IS_BATCH_NUMBER")
    assert set(kept) <= set(tables["fields-of-a-batch"])
    kept = lua_list("scheduler.lua", "RESOURCE_FIELDS")
    assert set(kept) <= set(tables["fields-of-a-trunk"] + tables["fields-of-a-tenant"])


def test_inspect_knows_the_words_of_the_page_and_no_others() -> None:
    source, tables = (ROOT / "producer/cli/record_shown.c").read_text(encoding="utf-8"), KeysPage().tables
    for table, heading in (("STATE", "words-of-a-state"), ("ATTEMPT", "words-of-an-attempt-log")):
        (body,) = re.findall(rf"struct shown_word {table}\[\] = {{(.*?)}};", source, re.DOTALL)
        assert sorted(re.findall(r'{"(\w+)", "\w+", SHOWN', body)) == sorted(tables[heading])


def test_inspect_knows_the_families_of_the_page_and_no_others() -> None:
    table = (ROOT / "producer/cli/key_family.c").read_text(encoding="utf-8")
    known = re.findall(r'^    \{(true|false), "([^"]+)", "(\w+)",', table, re.MULTILINE)
    prefixes = {"true": "carillon:{dir}:", "false": "carillon:{<cell>}:"}
    assert {(prefixes[is_dir] + pattern, kind) for is_dir, pattern, kind in known} == {
        (row.name, row.type) for row in KeysPage().rows
    }
    assert len(known) == len(KeysPage().rows)
