# SPDX-License-Identifier: Apache-2.0
"""What Redis holds is torn: a key of another type, a field that does not parse, a member that is none. Whatever it belongs to is
set aside and told of; the others of its cell are claimed and come to their ends as before."""

from __future__ import annotations

import pytest
import redis

from tests.support.auditor import audit_cell
from tests.support.engine import Engine, Slot
from tests.support.waiting import wait_until

TORN = "its data cannot be read"

# By what is torn: how, "{batch}" being the batch's id. A key alone becomes a string.
OF_A_BATCH = {
    "its hash": ("batch:{batch}",),
    "its contacts": ("batch:{batch}:contacts:0",),
    "its states": ("batch:{batch}:state:0",),
    "its retries": ("batch:{batch}:retry:0",),
    "its calls on their way": ("flying:b/{batch}",),
    "its parked lanes": ("parked:b/{batch}",),
    **{f"its {field}": ("batch:{batch}", field) for field in (
        "interval_us", "cursor", "total", "start_ms", "priority", "due", "claimed", "dials", "tat_us", "expires_ms",
        "max_concurrent")},
}  # fmt: skip
OF_A_FLOW = {
    "its tenant": ("tenant:acme",),
    "its tenant's interval": ("tenant:acme", "interval_us"),
    "its tenant's concurrency": ("tenant:acme", "max_concurrent"),
    "who is dialed": ("dialing:t/acme",),
    "who waits for a number": ("held:t/acme",),
    "its calls on their way": ("flying:t/acme",),
    "its waiting lanes": ("waiting:f/main/acme",),
    "its ready lanes": ("ready:f/main/acme",),
    "where it is parked": ("parked:t/acme",),
}
OF_A_TRUNK = {
    "its hash": ("trunk:main",),
    "its interval": ("trunk:main", "interval_us"),
    "its concurrency": ("trunk:main", "max_concurrent"),
    "its waiting flows": ("waiting:k/main",),
    "its flows in turn": ("turn:k/main",),
    "its flows' times": ("vt:k/main",),
    "its calls on their way": ("flying:k/main",),
}


@pytest.fixture
def cell(engine: Engine) -> Engine:
    engine.trunk("main", cps=1000, max_concurrent=900)
    engine.trunk("other", cps=1000)
    engine.tenant("acme", cps=1000, max_concurrent=900)
    engine.tenant("zeta", cps=1000)
    return engine


def tear(cell: Engine, batch: str, key: str, field: str = "") -> None:
    name = cell.key(key.format(batch=batch))
    if field:
        cell.client.hset(name, field, "torn")
    else:
        cell.client.delete(name)
        cell.client.set(name, "torn")


def batch_of(cell: Engine, tenant: str, trunk: str, n: int = 3, **fields: object) -> str:
    return cell.batch(tenant, trunk, n, cps=1000, max_concurrent=900, on_event="http://127.0.0.1/event", **fields)


def ring(cell: Engine, batch: str, n: int) -> None:
    """So many calls of the batch are claimed, begun and finished, whatever else there is."""
    rung: set[int] = set()

    def all_rung() -> bool:
        slots: list[Slot] = [slot for slot in cell.claim().slots if slot.batch == batch]
        for slot, answer in zip(slots, cell.begin(slots) if slots else []):
            if answer[0] == "begun":
                assert cell.finish(slot) == "final"
                rung.add(slot.ordinal)
        cell.tick()
        return len(rung) == n

    wait_until(all_rung, 20.0, f"{n} calls of {batch} are over")


def told(cell: Engine) -> list[list[str]]:
    """Of one more claim and one more tick."""
    rows = cell.scripts.run("call_claim", "w1", "told", 1, 400, 200_000, 2000, 2000)[5:]
    rows += cell.scripts.run("worker_tick", "w1", 100)[12:]
    return [[word.decode() for word in row] for row in rows if len(row) == 3]


@pytest.mark.parametrize("what", OF_A_BATCH)
def test_a_torn_batch_keeps_no_other_from_being_claimed(cell: Engine, what: str) -> None:
    torn, sound = batch_of(cell, "acme", "main"), batch_of(cell, "acme", "main")
    tear(cell, torn, *OF_A_BATCH[what])
    ring(cell, sound, 3)
    assert cell.counters(sound)["succeeded"] == 3
    assert cell.hash(f"batch:{sound}")["state"] == "completed"


@pytest.mark.parametrize("what", ["its states", "its retries", "its calls on their way", "its interval_us", "its cursor", "its due",
                                  "its expires_ms", "its max_concurrent"])  # fmt: skip
def test_a_torn_batch_is_paused_and_says_so_and_goes_on_when_it_is_mended_and_resumed(cell: Engine, what: str) -> None:
    batch = batch_of(cell, "acme", "main")
    key, *field = OF_A_BATCH[what]
    before = cell.hash(f"batch:{batch}").get(field[0]) if field else None
    if what == "its retries":
        slot = cell.begin_next(batch)
        cell.finish(slot, how="retry", outcome="BUSY", next_in_ms=0)
        kept = cell.client.dump(cell.key(key.format(batch=batch)))
    tear(cell, batch, key, *field)
    rows = told(cell)
    assert [row[:2] for row in rows] == [["poison", batch]], rows
    fields = cell.hash(f"batch:{batch}")
    assert (fields["state"], fields["reason"], fields["refusal"]) == ("paused", "poison", TORN)
    (event,) = [event for event in cell.events() if event["type"] == "batch.paused"]
    assert (event["reason"], event["error"], event["code"]) == ("poison", TORN, "BATCH_REFUSED")
    assert told(cell) == [], "it is told once"
    name = cell.key(key.format(batch=batch))
    if not field:
        cell.client.delete(name)
        if what == "its retries":
            cell.client.restore(name, 0, kept)
    elif before is None:
        cell.client.hdel(name, field[0])
    else:
        cell.client.hset(name, field[0], before)
    assert cell.control(batch, "acme", "resume")[0] in ("pending", "processing")
    ring(cell, batch, 3)


@pytest.mark.parametrize("what", OF_A_FLOW)
def test_a_torn_flow_keeps_no_other_tenant_from_being_called(cell: Engine, what: str) -> None:
    torn = batch_of(cell, "acme", "main")
    sound = batch_of(cell, "zeta", "main")
    tear(cell, torn, *OF_A_FLOW[what])
    ring(cell, sound, 3)
    assert cell.hash(f"batch:{torn}")["state"] != "paused", "a batch is not blamed for what is its tenant's"


@pytest.mark.parametrize("what", OF_A_TRUNK)
def test_a_torn_trunk_keeps_no_other_from_being_served(cell: Engine, what: str) -> None:
    torn = batch_of(cell, "acme", "main")
    sound = batch_of(cell, "acme", "other")
    tear(cell, torn, *OF_A_TRUNK[what])
    ring(cell, sound, 3)
    assert cell.hash(f"batch:{torn}")["state"] != "paused", "a batch is not blamed for what is its trunk's"


@pytest.mark.parametrize("what", ["its tenant's interval", "who is dialed"])
def test_a_flow_goes_on_by_itself_when_it_is_mended(cell: Engine, what: str) -> None:
    batch = batch_of(cell, "acme", "main")
    tear(cell, batch, *OF_A_FLOW[what])
    assert [row[:2] for row in told(cell)] == [["torn", "flow main/acme"]]
    if what == "who is dialed":
        cell.client.delete(cell.key("dialing:t/acme"))
    else:
        cell.tenant("acme", how="set", cps=1000)
    ring(cell, batch, 3)


def test_nothing_of_a_claim_that_met_torn_data_is_written(cell: Engine) -> None:
    sound = batch_of(cell, "acme", "main", priority=9)
    torn = batch_of(cell, "acme", "main")
    tear(cell, torn, "batch:{batch}:state:0")
    before = cell.hash(f"batch:{sound}")
    claim = cell.claim()
    assert (claim.slots, claim.limit, claim.more) == ([], "torn", True)
    assert cell.hash(f"batch:{sound}") == before
    assert not cell.client.exists(*(cell.key(key) for key in ("claimed", "dialing:t/acme", "flying:k/main", "claim:w1")))
    assert len(cell.claim().slots) == 3, "the next has all that the others have"
    cell.client.delete(cell.key(f"batch:{torn}:state:0"))
    assert audit_cell(cell) == []


def test_a_lane_that_is_no_lane_is_passed_over(cell: Engine) -> None:
    batch = batch_of(cell, "acme", "main")
    cell.client.zadd(cell.key("waiting:f/main/acme"), {"no lane": 0})
    cell.client.zadd(cell.key("ready:f/main/acme"), {"neither": 0})
    ring(cell, batch, 3)


@pytest.mark.parametrize("key", ["claimed", "parked"])
def test_what_is_torn_of_the_whole_cell_is_no_batchs_fault(cell: Engine, key: str) -> None:
    batch = batch_of(cell, "acme", "main")
    cell.client.set(cell.key(key), "torn")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        for _ in range(3):
            cell.claim()
            cell.tick()
    assert cell.hash(f"batch:{batch}")["state"] != "paused"


@pytest.mark.parametrize("what", ["hash", "state:0", "attempts:0", "retry:0"])
def test_a_claim_of_a_torn_batch_that_nobody_begins_keeps_no_other_from_coming_back(cell: Engine, what: str) -> None:
    torn, sound = batch_of(cell, "acme", "main"), batch_of(cell, "acme", "main")
    wait_until(lambda: cell.claim() and cell.counters(torn)["claimed"] + cell.counters(sound)["claimed"] == 6, 20.0, "all are claimed")
    for member, _ in cell.client.zscan_iter(cell.key("claimed")):
        cell.client.zadd(cell.key("claimed"), {member: 1})
    tear(cell, torn, "batch:{batch}" if what == "hash" else "batch:{batch}:" + what)
    wait_until(lambda: cell.tick() and cell.counters(sound)["due"] == 3, 10.0, "the sound ones are due again")
    ring(cell, sound, 3)


# What is written to and not looked at before.
UNREAD = {
    "its texts": ("batch:{batch}:texts:0",),
    "its calls on their way": ("flying:b/{batch}",),
    "its trunk's calls on their way": ("flying:k/main",),
    "how many ended in that way": ("batch:{batch}", "outcome:COMPLETED"),
    "what its tenant uses": ("load:t/acme",),
}


def claim_all(cell: Engine, n: int, last: str) -> list[Slot]:
    """All `n` calls that there are, those of the batch `last` behind the others."""
    slots: list[Slot] = []
    wait_until(lambda: slots.extend(cell.claim().slots) or len(slots) == n, what="all are claimed")
    return sorted(slots, key=lambda slot: slot.batch == last)


def begin_all(cell: Engine, n: int, last: str) -> list[Slot]:
    slots = claim_all(cell, n, last)
    assert [answer[0] for answer in cell.begin(slots, late_ms=5000)] == ["begun"] * n
    return slots


@pytest.mark.parametrize("is_accepted", [True, False], ids=["straight", "long"])
@pytest.mark.parametrize("what", UNREAD)
def test_no_end_is_counted_twice_for_what_cannot_be_written_of_another(cell: Engine, what: str, is_accepted: bool) -> None:
    """Ends go to the script together, and each comes again alone where it fails."""
    torn, sound = batch_of(cell, "acme", "main", 2), batch_of(cell, "zeta", "main", 2)
    slots = begin_all(cell, 4, torn)
    for slot in slots:
        assert not is_accepted or cell.accept(slot) == "accepted"
    tear(cell, torn, *UNREAD[what])
    reply = cell.scripts.run("call_finish", *(word for slot in slots for word in cell.finish_args(slot)))
    assert reply[:4] == [b"final"] * 4
    assert {tuple(row[:2]) for row in reply[4:]} == {(b"torn", f"key {(UNREAD[what][0].format(batch=torn))}".encode())}
    assert cell.finish_many([cell.finish_args(slot) for slot in slots]) == ["recorded"] * 4
    for batch in (torn, sound):
        assert {name: cell.counters(batch)[name] for name in ("live", "succeeded", "failed")} == {"live": 0, "succeeded": 2, "failed": 0}
        assert cell.hash(f"batch:{batch}")["state"] == "completed"
    assert not cell.client.exists(*(cell.key(key) for key in ("live", "dialing:t/acme", "dialing:t/zeta", "flying:t/zeta")))


@pytest.mark.parametrize("script", ["release", "abort"])
def test_a_call_that_is_given_back_beside_one_that_cannot_be_written_holds_its_number_no_more(cell: Engine, script: str) -> None:
    torn, sound = batch_of(cell, "acme", "main", 2), batch_of(cell, "zeta", "main", 2)
    slots = begin_all(cell, 4, torn) if script == "abort" else claim_all(cell, 4, torn)
    tear(cell, torn, "flying:t/acme")
    more = ("NOT_SENT", cell.now_ms(), 0, "") if script == "abort" else ()
    reply = cell.scripts.run(f"call_{script}", "w1", *(word for slot in slots for word in (*slot.ref, *more)))
    assert reply[:4] == [b"aborted" if script == "abort" else b"released"] * 4
    assert [row[:2] for row in reply[4:]] == [[b"torn", b"key flying:t/acme"]]
    for tenant in ("acme", "zeta"):
        assert cell.client.hlen(cell.key(f"dialing:t/{tenant}")) == 0
    ring(cell, sound, 2)


def test_no_begin_is_counted_twice_for_what_cannot_be_written_of_another(cell: Engine) -> None:
    torn, sound = batch_of(cell, "acme", "main", [15551230001]), batch_of(cell, "zeta", "main", [15551230002])
    slots = claim_all(cell, 2, torn)
    cell.scripts.run("suppression_change", "acme", "add", 100, 15551230001)
    tear(cell, torn, "load:t/acme")
    answers = {slot.batch: answer[0] for slot, answer in zip(slots, cell.begin(slots, late_ms=5000))}
    assert answers == {torn: "suppressed", sound: "begun"}
    assert cell.counters(sound)["live"] == 1 and cell.counters(torn)["failed"] == 1


@pytest.mark.parametrize("verb", ["cancel", "expire"])
def test_a_torn_batch_that_ends_keeps_no_other_from_ending(cell: Engine, verb: str) -> None:
    torn, sound = batch_of(cell, "acme", "main"), batch_of(cell, "acme", "main")
    for batch in (torn, sound):
        if verb == "cancel":
            cell.finish(cell.begin_next(batch), how="retry", outcome="BUSY", next_in_ms=60_000)
            cell.control(batch, "acme", "cancel")
        else:
            cell.client.hset(cell.key(f"batch:{batch}"), "expires_ms", cell.now_ms() - 1)
            cell.client.zadd(cell.key("expiries"), {batch: 0 if batch == torn else 1})
    cell.client.hset(cell.key(f"batch:{torn}"), "failed", "torn")
    ended = "cancelled" if verb == "cancel" else "completed"
    wait_until(lambda: cell.tick() and cell.hash(f"batch:{sound}")["state"] == ended, 10.0, "the sound one ends")


@pytest.mark.parametrize("what", ["its hash", "its states"])
def test_a_torn_batch_keeps_no_call_of_another_from_being_looked_up(cell: Engine, what: str) -> None:
    torn, sound = batch_of(cell, "acme", "main", 2), batch_of(cell, "zeta", "main", 2)
    slots = begin_all(cell, 4, torn)
    for slot in slots:
        assert cell.accept(slot, check_in_ms=-1000 if slot.batch == torn else 0) == "accepted"
    key, *_ = OF_A_BATCH[what]
    kept = cell.client.dump(cell.key(key.format(batch=torn)))
    tear(cell, torn, key)
    rows = wait_until(lambda: cell.checks(), what="they are due")
    assert sorted((row[0].decode(), int(row[1])) for row in rows if len(row) > 3) == [(sound, 0), (sound, 1)]
    assert sorted(row[:2] for row in rows if len(row) == 3) == [[b"torn", f"live {torn}/{i}/1".encode()] for i in (0, 1)]
    assert cell.checks() == [], "what was set aside is not looked at at once"
    cell.client.restore(cell.key(key.format(batch=torn)), 0, kept, replace=True)
    for slot in slots[2:]:
        cell.client.zadd(cell.key("live"), {slot.member: 1})
    assert [row[0].decode() for row in cell.checks()] == [torn, torn], "it is looked up when it is mended"


def test_what_is_torn_of_the_whole_cell_sets_no_call_on_the_line_aside(cell: Engine) -> None:
    slot = cell.begin_next(batch_of(cell, "acme", "main", 1))
    cell.client.zadd(cell.key("live"), {slot.member: 1})
    tear(cell, slot.batch, "batch:{batch}")
    tear(cell, slot.batch, "claimed")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        cell.checks()
    assert cell.client.zscore(cell.key("live"), slot.member) == 1
