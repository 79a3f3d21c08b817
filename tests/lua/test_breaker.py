# SPDX-License-Identifier: Apache-2.0
"""The breaker of a trunk, by the scripts alone: create requests that come to nothing open it, one call at a time tries the
trunk, and closes it or opens it again for twice as long (docs/decisions/0017-breakers.md)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.auditor import audit_cell
from tests.support.engine import POST_MS, Engine, Slot
from tests.support.redis_server import RedisServer

MINIMUM = 4
SECOND_US = 1_000_000
FORGET_US = 60 * SECOND_US


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer(is_clock_decreed=True) as running:
        yield running


class Trunk:
    """A trunk of two batches, and the worker that dials them when the scripts say so."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        server.clock.stand(1_763_283_600_000_000)
        server.client().flushall()
        self.engine = Engine(server.client())
        self.engine.trunk("main", cps=1000, breaker_minimum=MINIMUM)
        self.engine.trunk("other", cps=1000, breaker_minimum=MINIMUM)
        self.engine.tenant("acme", cps=1000)
        self.batch = self.engine.batch("acme", "main", 60, cps=1000)

    def fields(self, trunk: str = "main") -> dict[str, str]:
        return self.engine.hash(f"trunk:{trunk}")

    @property
    def breaker(self) -> str:
        return self.fields().get("breaker", "closed")

    @property
    def wait_ms(self) -> int:
        """From now on until the trunk may begin a call."""
        return int(self.fields()["breaker_until_ms"]) - self.engine.now_ms()

    def pass_ms(self, by_ms: int) -> None:
        self.server.clock.step(by_ms * 1000)

    def begin(self, most: int = 64) -> list[Slot]:
        """The calls that are handed out now and may begin at their slots."""
        slots = self.engine.claim(calls=most).slots
        if slots:
            self.server.clock.stand(max(slots[-1].slot_us, self.server.clock.now_us))
        answers = self.engine.begin(slots)
        return [slot for slot, answer in zip(slots, answers) if answer[0] == "begun"]

    def dial(self, *verdicts: str) -> list[str]:
        """Begins a call for each verdict, and tells them in one go: what came of the breaker."""
        return [self.tell(slot, verdict) for slot, verdict in zip(self._all(len(verdicts)), verdicts)]

    def _all(self, n: int) -> list[Slot]:
        slots: list[Slot] = []
        while len(slots) < n:
            more = self.begin(n - len(slots))
            assert more, f"only {len(slots)} of {n} calls begin"
            slots += more
        return slots

    def tell(self, slot: Slot, verdict: str) -> str:
        run, now_ms = self.engine.scripts.run, self.engine.now_ms()
        if verdict == "ACCEPTED":
            reply = run("call_accept", *slot.ref, f"p-{slot.ordinal}", now_ms + 60_000, 0)
        elif verdict == "UNKNOWN":
            reply = run("call_recheck", *slot.ref, "doubt", "HTTP 503", now_ms + 2000, 0, 0)
        elif verdict == "REJECTED":
            reply = run("call_finish", *self.engine.finish_args(slot, "final", "INVALID_NUMBER", source="answer", provider_id=""))
        else:
            name, _, hold = verdict.partition("/")
            reply = run("call_abort", "w1", *slot.ref, name, now_ms, int(hold or 0), "refused")
        notes = [[part.decode() for part in row] for row in reply[1:]]
        assert all(note[:2] == ["breaker", "main"] for note in notes) and len(notes) <= 1, notes
        return notes[0][2] if notes else ""

    def open(self) -> None:
        assert self.dial(*["UNKNOWN"] * MINIMUM)[-1] == "opened"
        assert self.breaker == "open"

    def probe(self) -> Slot:
        """Waits until one call may try the trunk, which begins."""
        self.pass_ms(max(0, self.wait_ms))
        slots = self.begin()
        assert len(slots) == 1, slots
        assert self.breaker == "probing"
        return slots[0]


@pytest.fixture
def trunk(server: RedisServer) -> Iterator[Trunk]:
    trunk = Trunk(server)
    yield trunk
    assert audit_cell(trunk.engine) == []


NOT_SENT, OWN_FAULT, LOAD = "NOT_SENT/500", "NOT_SENT", "THROTTLED"


@pytest.mark.parametrize(
    "verdicts",
    [
        ["UNKNOWN"] * 4,
        [NOT_SENT, "UNKNOWN", NOT_SENT, "UNKNOWN"],
        ["UNKNOWN", "ACCEPTED", "UNKNOWN", "ACCEPTED", "UNKNOWN"],  # 3 of 5
        ["UNKNOWN", "REJECTED", "REJECTED", "UNKNOWN"],  # 2 of 4
        ["ACCEPTED"] * 12 + ["UNKNOWN"] * 4,  # what went well before the first bad one does not count
        ["UNKNOWN", *["ACCEPTED"] * 5, *["UNKNOWN"] * 3],  # and what came behind it not for ever
        ["UNKNOWN", LOAD, OWN_FAULT, LOAD, "UNKNOWN", LOAD, "UNKNOWN", "UNKNOWN"],
    ],
)
def test_it_opens_when_half_of_the_latest_requests_came_to_nothing(trunk: Trunk, verdicts: list[str]) -> None:
    *before, last = trunk.dial(*verdicts)
    assert not any(before)
    assert last == "opened"
    assert trunk.breaker == "open" and 5000 <= trunk.wait_ms <= 6250
    assert int(trunk.fields()["breaker_since_ms"]) == trunk.engine.now_ms()
    assert " failed, the last: " in trunk.fields()["breaker_reason"]


@pytest.mark.parametrize(
    "verdicts",
    [
        ["UNKNOWN"] * 3,
        ["UNKNOWN", *["ACCEPTED"] * 3, "UNKNOWN", *["ACCEPTED"] * 3, "UNKNOWN", "ACCEPTED"],
        [OWN_FAULT] * 8,
        [LOAD] * 8,
        ["REJECTED"] * 8,
        ["ACCEPTED"] * 8,
    ],
)
def test_it_stays_closed_as_long_as_most_go_well_or_too_few_are_known(trunk: Trunk, verdicts: list[str]) -> None:
    assert not any(trunk.dial(*verdicts))
    assert trunk.breaker == "closed"


def test_as_long_as_nothing_fails_nothing_is_written(trunk: Trunk) -> None:
    trunk.dial(*["ACCEPTED"] * 5)
    assert not [name for name in trunk.fields() if name.startswith("breaker_") and name != "breaker_minimum"]
    assert "verdicts" not in trunk.fields()


def test_a_minute_after_the_last_failure_the_count_is_forgotten(trunk: Trunk) -> None:
    trunk.dial(*["UNKNOWN"] * 3)
    trunk.server.clock.step(FORGET_US + 1000)
    assert trunk.dial("UNKNOWN") == [""]
    assert trunk.fields()["verdicts"].split()[1:] == ["0", "1"]
    trunk.server.clock.step(FORGET_US + 1000)
    trunk.dial("ACCEPTED")
    assert "verdicts" not in trunk.fields()


def test_a_doubt_that_is_told_again_counts_once(trunk: Trunk) -> None:
    slot = trunk.begin(1)[0]
    for _ in range(MINIMUM + 1):
        assert trunk.tell(slot, "UNKNOWN") == ""
    assert trunk.fields()["verdicts"].split()[1:] == ["0", "1"]
    assert trunk.tell(slot, "ACCEPTED") == ""
    assert trunk.tell(slot, "ACCEPTED") == ""
    assert trunk.fields()["verdicts"].split()[1:] == ["0", "1"], "a dial has one verdict"


def test_an_open_breaker_lets_nothing_begin_and_what_it_did_not_begin_costs_no_attempt(trunk: Trunk) -> None:
    handed_out = trunk.engine.claim(calls=3).slots
    trunk.open()
    assert {answer for answer in trunk.engine.begin(handed_out)} == {("released", "breaker")}
    claim = trunk.engine.claim()
    assert claim.slots == [] and claim.next_ms == int(trunk.fields()["breaker_until_ms"])
    assert trunk.engine.counters(trunk.batch)["attempts"] == MINIMUM


def test_other_trunks_go_on(trunk: Trunk) -> None:
    trunk.open()
    other = trunk.engine.batch("acme", "other", 3, cps=1000)
    assert {slot.batch for slot in trunk.engine.claim().slots} == {other}


def test_one_call_tries_the_trunk_and_no_other_begins_until_its_verdict_is_known(trunk: Trunk) -> None:
    trunk.open()
    probe = trunk.probe()
    assert trunk.fields()["breaker_probe"] == probe.member
    assert trunk.engine.claim("w2").slots == []
    assert trunk.engine.begin([probe])[0][0] == "begun", "the same begin again"
    trunk.pass_ms(POST_MS - 1000)
    assert trunk.engine.claim("w2").slots == []


@pytest.mark.parametrize("verdict", ["ACCEPTED", "REJECTED"])
def test_a_probe_that_is_answered_closes_it(trunk: Trunk, verdict: str) -> None:
    trunk.open()
    probe = trunk.probe()
    assert trunk.tell(probe, verdict) == "closed"
    assert trunk.tell(probe, verdict) == ""
    assert trunk.breaker == "closed" and not any(name.startswith("breaker_") and name != "breaker_minimum" for name in trunk.fields())
    assert len(trunk.begin(2)) == 2
    trunk.open()
    assert trunk.wait_ms <= 6250, "it begins anew with the short wait"


def test_a_probe_that_a_lookup_or_a_callback_finds_closes_it(trunk: Trunk) -> None:
    trunk.open()
    probe = trunk.probe()
    reply = trunk.engine.scripts.run("call_recheck", *probe.ref, "seen", "p-1", trunk.engine.now_ms(), 1000, 0)
    assert reply[1][:3] == [b"breaker", b"main", b"closed"]
    trunk.open()
    probe = trunk.probe()
    reply = trunk.engine.scripts.run("call_finish", *trunk.engine.finish_args(probe, "final", "COMPLETED"))
    assert reply[1][:3] == [b"breaker", b"main", b"closed"]


@pytest.mark.parametrize("verdict", ["UNKNOWN", NOT_SENT])
def test_a_probe_in_vain_opens_it_again_for_twice_as_long_up_to_five_minutes(trunk: Trunk, verdict: str) -> None:
    trunk.open()
    since = trunk.fields()["breaker_since_ms"]
    for wait_ms in (10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000):
        probe = trunk.probe()
        assert trunk.tell(probe, verdict) == "reopened"
        assert trunk.tell(probe, verdict) == ""
        assert trunk.breaker == "open" and wait_ms <= trunk.wait_ms <= wait_ms * 1.25
    assert trunk.fields()["breaker_since_ms"] == since


@pytest.mark.parametrize("verdict", [LOAD, OWN_FAULT])
def test_a_probe_that_tells_nothing_of_the_platform_is_followed_by_another_at_once(trunk: Trunk, verdict: str) -> None:
    trunk.open()
    assert trunk.tell(trunk.probe(), verdict) == ""
    assert trunk.breaker == "open" and trunk.wait_ms <= 0
    assert trunk.tell(trunk.probe(), "ACCEPTED") == "closed"


def test_a_probe_that_was_claimed_and_never_begun_is_followed_by_another(trunk: Trunk) -> None:
    trunk.open()
    trunk.pass_ms(trunk.wait_ms)
    lost = trunk.engine.claim().slots
    assert len(lost) == 1
    assert trunk.engine.claim("w2").slots == []
    trunk.pass_ms(2500)
    assert trunk.engine.begin(lost) == [("released", "lease")]
    assert trunk.tell(trunk.probe(), "ACCEPTED") == "closed"


def test_a_probe_whose_worker_died_is_lost_with_its_deadline_and_its_late_word_counts_no_more(trunk: Trunk) -> None:
    trunk.open()
    lost = trunk.probe()
    trunk.pass_ms(POST_MS + 1)
    probe = trunk.probe()
    assert probe.member != lost.member
    assert trunk.tell(lost, "ACCEPTED") == ""
    assert trunk.breaker == "probing"
    assert trunk.tell(probe, "UNKNOWN") == "reopened"
    assert trunk.wait_ms >= 10_000


def test_what_was_begun_before_it_opened_neither_closes_it_nor_keeps_it_open_longer(trunk: Trunk) -> None:
    early = trunk.begin(3)
    trunk.open()
    wait_ms = trunk.wait_ms
    assert [trunk.tell(slot, verdict) for slot, verdict in zip(early, ["ACCEPTED", "UNKNOWN", NOT_SENT])] == ["", "", ""]
    assert trunk.breaker == "open" and trunk.wait_ms == wait_ms


def test_two_workers_get_one_probe_between_them(trunk: Trunk) -> None:
    trunk.open()
    trunk.pass_ms(trunk.wait_ms)
    slots = [slot for worker in ("w1", "w2") for slot in trunk.engine.claim(worker).slots]
    assert len(slots) == 1


def test_an_operator_who_starts_the_trunk_closes_it_and_a_stopped_one_stays_silent(trunk: Trunk) -> None:
    trunk.open()
    trunk.engine.trunk("main", how="set", state="stopped")
    trunk.pass_ms(trunk.wait_ms)
    assert trunk.engine.claim().slots == []
    trunk.engine.trunk("main", how="set", state="active")
    assert trunk.breaker == "closed"
    assert len(trunk.begin()) > 1


def test_it_can_be_switched_off_also_while_it_is_open(trunk: Trunk) -> None:
    trunk.open()
    trunk.engine.trunk("main", how="set", breaker_percent=0)
    assert trunk.breaker == "closed"
    assert not any(trunk.dial(*["UNKNOWN"] * 8))


def test_a_trunk_with_another_rate_opens_at_that(trunk: Trunk) -> None:
    trunk.engine.trunk("main", how="set", breaker_percent=100)
    assert not any(trunk.dial("UNKNOWN", "ACCEPTED", *["UNKNOWN"] * 3))
    assert "opened" in trunk.dial(*["UNKNOWN"] * 8)


def test_a_refused_account_stops_the_trunk_whatever_its_breaker_says(trunk: Trunk) -> None:
    trunk.open()
    assert trunk.tell(trunk.probe(), "ACCOUNT") == ""
    assert trunk.fields()["state"] == "stopped"
    trunk.engine.trunk("main", how="set", state="active")
    assert trunk.breaker == "closed"


def test_a_clock_that_is_set_back_does_not_keep_it_open(trunk: Trunk) -> None:
    trunk.open()
    trunk.engine.client.hset(trunk.engine.key("trunk:main"), "breaker_until_ms", trunk.engine.now_ms() + 3_600_000)
    assert len(trunk.begin()) == 1
