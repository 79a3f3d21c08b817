# SPDX-License-Identifier: Apache-2.0
"""The scripts of this version and of a next one in one cell: what the newer wrote and this one does not know is kept."""

from __future__ import annotations

import pytest
import redis

from tests.support.auditor import audit_cell
from tests.support.engine import Engine, Slot
from tests.support.next_version import script_texts
from tests.support.scripts import Scripts, source


@pytest.fixture(scope="module")
def next_texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return script_texts(tmp_path_factory.mktemp("next"))


@pytest.fixture
def newer(engine: Engine, next_texts: dict[str, str]) -> Engine:
    """Speaks to the cell of `engine`."""
    engine.trunk("main")
    engine.tenant("acme")
    return Engine(engine.client, scripts=Scripts(engine.client, changed=next_texts))


def begin_one(claiming: Engine, beginning: Engine) -> Slot:
    while True:
        slot = claiming.claim_one()
        if beginning.begin([slot])[0][0] == "begun":
            return slot


def test_no_script_of_the_next_version_has_the_sha_of_one_of_this(next_texts: dict[str, str]) -> None:
    assert next_texts
    assert [name for name, text in next_texts.items() if text == source(name)] == []


def test_words_of_a_state_that_are_not_known_are_kept_through_every_step(engine: Engine, newer: Engine) -> None:
    batch = engine.batch("acme", "main")
    slot = begin_one(newer, engine)
    written = newer.state(batch, 0)["next"]
    assert int(written) > 0
    assert engine.finish(slot) != ""
    assert (engine.state(batch, 0)["phase"], engine.state(batch, 0)["next"]) == ("final", written)
    assert audit_cell(engine) == []


def test_fields_of_a_batch_that_are_not_known_are_kept(engine: Engine, newer: Engine) -> None:
    batch = newer.batch("acme", "main", 2)
    for _ in range(2):
        assert engine.finish(begin_one(engine, engine)) != ""
    fields = engine.hash(f"batch:{batch}")
    assert (fields["state"], fields["next"]) == ("completed", "yes")


def test_a_call_passes_from_one_version_to_the_other_at_every_step(engine: Engine, newer: Engine) -> None:
    batch = engine.batch("acme", "main", 4)
    for claiming, beginning, finishing in ((engine, newer, engine), (newer, engine, newer), (engine, engine, newer), (newer, newer, engine)):
        assert finishing.finish(begin_one(claiming, beginning)) != ""
    assert engine.hash(f"batch:{batch}")["state"] == "completed"
    assert audit_cell(engine) == [] and audit_cell(newer) == []


def test_a_process_works_in_a_cell_of_any_schema_between_its_oldest_and_its_newest(engine: Engine) -> None:
    engine.client.hset(engine.key("cell"), "schema", 3)
    for oldest, newest in ((3, 3), (2, 3), (3, 4), (1, 9)):
        assert engine.open("run", schema=newest, oldest=oldest) == b"3"
    for oldest, newest in ((1, 2), (4, 5)):
        with pytest.raises(redis.ResponseError, match=f"ERR_STATE the cell speaks schema 3, this process {oldest} to {newest}"):
            engine.open("run", schema=newest, oldest=oldest)


def test_an_empty_cell_takes_the_newest_schema_of_who_comes_first(engine: Engine) -> None:
    assert engine.open("run", schema=2, oldest=1) == b"2"
