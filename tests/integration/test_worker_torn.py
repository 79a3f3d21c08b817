# SPDX-License-Identifier: Apache-2.0
"""A call that nobody can make anything of, because what Redis holds of it is torn, is given up after a few tries, says why, and
holds up nobody else (docs/decisions/0020-poison.md)."""

from __future__ import annotations

from tests.support.engine import contact_record, part
from tests.support.fleet import TRUNK, Fleet
from tests.support.platform import Platform
from tests.support.processes import Process
from tests.support.waiting import wait_until

TORN = 1  # of three contacts


def call_all_but_the_torn(fleet: Fleet, platform: Platform, worker: Process, batch: str) -> None:
    creates = platform.wait_creates(2)
    assert {create.ordinal for create in creates} == {0, 2}
    for create in creates:
        assert platform.hang_up(create.call_id, worker.url)[0] == 200
    assert fleet.wait_final(batch) == {"COMPLETED": 2, "FAILED": 1}
    assert platform.count_creates() == 2
    assert fleet.metric(worker, "carillon_calls_unreadable_total") == 1


def reason(fleet: Fleet, batch: str) -> bytes | None:
    return fleet.client.hget(fleet.engine().key(f"batch:{batch}:texts:0"), f"{TORN}:reason")


def test_a_contact_whose_record_no_worker_can_read_ends_and_the_others_are_called(fleet: Fleet, platform: Platform) -> None:
    batch = fleet.batch(3)
    key = fleet.engine().key(f"batch:{batch}:contacts:0")
    fleet.client.hset(key, str(TORN), fleet.client.hget(key, str(TORN)) + b"\xff\xff")
    worker = fleet.worker()
    call_all_but_the_torn(fleet, platform, worker, batch)
    assert reason(fleet, batch) == b"contact_unreadable"
    assert fleet.state(batch, TORN)["a"] == "0", "nothing was begun"
    assert [line["then"] for line in fleet.attempts(batch, TORN)] == ["final"]


def test_a_contact_whose_metadata_is_gone_ends_and_the_others_are_called(fleet: Fleet, platform: Platform) -> None:
    engine = fleet.engine()
    batch = fleet.batch(1, seal=False)
    metadata_is_elsewhere = b"\x40\x01"
    torn, whole = (contact_record(number) for number in engine.numbers(2))
    engine.scripts.run("batch_ingest", batch, 2, "digest", *part([(torn + metadata_is_elsewhere, "", "{}"), (whole, "", "")]))
    assert engine.client.hdel(engine.key(f"batch:{batch}:extra:0"), str(TORN)) == 1
    engine.seal(batch, 3)
    worker = fleet.worker()
    call_all_but_the_torn(fleet, platform, worker, batch)
    assert reason(fleet, batch) == b"metadata_unreadable"


def test_a_contact_whose_metadata_refers_to_columns_that_are_gone_ends_and_the_others_are_called(
    fleet: Fleet, platform: Platform
) -> None:
    engine = fleet.engine()
    batch = fleet.batch(1, seal=False)
    values = (b"\x4a\x03\x03\x01x", b"\x4a\x03\x01\x01x")
    torn, whole = (contact_record(number) + value for number, value in zip(engine.numbers(2), values))
    columns = b'{"a":\n{"b":\n'
    engine.scripts.run("batch_ingest", batch, 2, "digest", *part([(torn, "", ""), (whole, "", "")], columns=columns))
    engine.client.set(engine.key(f"batch:{batch}:columns"), b'{"a":\n')
    engine.seal(batch, 3)
    worker = fleet.worker()
    call_all_but_the_torn(fleet, platform, worker, batch)
    assert reason(fleet, batch) == b"metadata_unreadable"


def test_calls_whose_begin_fails_each_time_end_and_those_of_other_batches_that_go_with_them_are_called(
    fleet: Fleet, platform: Platform
) -> None:
    batch, other = fleet.batch(2), fleet.batch(5)
    fleet.client.set(fleet.engine().key(f"begins:b/{batch}"), "of another type")
    worker = fleet.worker()
    assert fleet.wait_final(batch) == {"FAILED": 2}
    for create in platform.wait_creates(5):
        assert create.token.startswith(other)
        assert platform.hang_up(create.call_id, worker.url)[0] == 200
    assert fleet.wait_final(other) == {"COMPLETED": 5}
    assert {len(fleet.attempts(batch, ordinal)) for ordinal in range(2)} == {1}
    assert worker.log_events("dial.refused_by_script")[0]["reason"].startswith("WRONGTYPE")


def test_a_torn_batch_and_a_torn_flow_are_told_of_and_the_others_are_called(fleet: Fleet, platform: Platform) -> None:
    engine = fleet.engine()
    engine.tenant("globex", cps=1000)
    torn, sound, waiting = fleet.batch(2), fleet.batch(2), fleet.batch(1, tenant="globex")
    engine.client.hset(engine.key(f"batch:{torn}"), "cursor", "torn")
    engine.client.set(engine.key("dialing:t/globex"), "torn")
    worker = fleet.worker()
    for create in platform.wait_creates(2):
        assert create.token.startswith(sound)
        assert platform.hang_up(create.call_id, worker.url)[0] == 200
    assert fleet.wait_final(sound) == {"COMPLETED": 2}
    (poisoned,) = wait_until(lambda: worker.log_events("batch.poisoned"), what="the batch pauses itself")
    assert poisoned["batch"] == torn and "attempt to" in poisoned["reason"]
    set_aside = wait_until(lambda: worker.log_events("redis.torn"), what="the flow is told of")[0]
    assert set_aside["what"] == f"flow {TRUNK}/globex" and "WRONGTYPE" in set_aside["reason"]
    assert fleet.metric(worker, "carillon_batches_poisoned_total") == 1
    assert fleet.metric(worker, "carillon_torn_total") >= 1
    engine.client.hset(engine.key(f"batch:{torn}"), "cursor", 0)
    engine.client.delete(engine.key("dialing:t/globex"))
    assert platform.wait_creates(3)[2].token.startswith(waiting), "its flow goes on by itself"


def test_calls_of_a_torn_batch_are_told_of_and_those_of_another_are_looked_up(fleet: Fleet, platform: Platform) -> None:
    fleet.trunk(platform.url, poll_after_ms=500)
    torn, other = fleet.batch(), fleet.batch()
    worker = fleet.worker()
    calls = {create.token.split(".")[0]: create.call_id for create in platform.wait_creates(2)}
    for batch in (torn, other):
        fleet.wait_state(batch, p=calls[batch])
    engine = fleet.engine()
    key = engine.key(f"batch:{torn}:state:0")
    kept = fleet.client.dump(key)
    fleet.client.set(key, "of another type")
    engine.client.zadd(engine.key("live"), {f"{torn}/0/1": 1})
    platform.end_untold(calls[other])
    assert fleet.wait_final(other) == {"COMPLETED": 1}
    assert {line["what"] for line in worker.log_events("redis.torn")} == {f"live {torn}/0/1"}
    fleet.client.restore(key, 0, kept, replace=True)
    platform.hang_up(calls[torn], worker.url)
    assert fleet.wait_final(torn) == {"COMPLETED": 1}
