# SPDX-License-Identifier: Apache-2.0
"""Sends requests to the scripts, lets the rules answer the same, and compares answers and state. Each request is kept with
its exact arguments, so that it can be sent again at any later time: what a lost reply makes a process do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import redis

from tests.lua.model.picture import ENDED, SECOND_US, Batch, Call, Picture, Resource
from tests.lua.model.rules import CREDIT_LEAST_S, TALK_S, Refused, Result, Rules, Told
from tests.support.auditor import Auditor, load_faults
from tests.support.engine import DOUBT_LEASE_MS, HORIZON_US, LATE_MS, LEASE_MS, POST_MS, Engine, Slot, contact_record, part
from tests.support.redis_clock import RedisClock

START_US = 1_763_283_600_000_000
REPLAY_MS = 60_000
DRAFT_LIFE_MS = 60_000
KEPT = 16
BREAKERS = {"west": 1, "east": 3}  # of how many verdicts at least: one trunk's opens in nearly every sequence
STATE_FIELDS = ("phase", "a", "d", "l", "w", "t", "x", "p", "g", "r")
TICKED = ("reclaimed", "summaries", "cut", "lost", "expired")
COUNTERS = ("total", "due", "claimed", "live", "ended", "succeeded", "failed", "cancelled", "expired", "attempts", "dials")


def shard(tenant: str) -> int:
    value = 5381
    for byte in tenant.encode():
        value = (value * 33 + byte) % 2**32
    return value % 16


class Driver:
    def __init__(self, engine: Engine, clock: RedisClock) -> None:
        self.engine, self.clock = engine, clock
        self.picture = Picture()
        self.rules = Rules(self.picture)
        self.issued: list[tuple[Slot, str]] = []  # every slot that was ever given, and to whom
        self.answers: Counter[str] = Counter()  # how often each script answered what
        self.sent: list[tuple[str, tuple[Any, ...]]] = []
        self.next_claim_ms: int | None = None  # as the last claim said
        self._claims: dict[str, tuple[str, list[Slot], int]] = {}
        self._events: dict[str, list[dict[str, str]]] = {}
        self._last_event: dict[int, bytes] = {}
        engine.client.flushall()
        self.set_clock(START_US)

    def set_clock(self, at_us: int) -> None:
        self.clock.stand(at_us)
        self.picture.now_us = at_us

    def send(self, verb: str, *args: Any) -> Any:
        """Does `verb`, now for the first time, with arguments that repeat() gives again."""
        self.sent = [*self.sent[-KEPT:], (verb, args)]
        return getattr(self, f"_{verb}")(*args)

    def repeat(self, back: int) -> None:
        verb, args = self.sent[-1 - back % len(self.sent)]
        getattr(self, f"_{verb}")(*args)

    def _run(self, name: str, *args: Any) -> Any:
        return self.engine.scripts.run(name, *args)

    def _expect(self, expected: Any, got: Any, what: str) -> None:
        assert got == expected, f"{what} answered {got}, not {expected}"

    def _each(self, name: str, expected: list[tuple[str, ...]], reply: list[Any]) -> None:
        for note in reply[len(expected) :]:
            self.answers[f"{note[0].decode()} {note[2].decode()}"] += 1
        reply = reply[: len(expected)]
        got = [
            tuple(word.decode() for word in row) if isinstance(row, list) else (row.decode(),) for row in reply
        ]
        for wanted, given in zip(expected, got, strict=True):
            self.answers[f"{name} {given[0]}"] += 1
            self._expect(wanted, given if wanted[0] == "begun" else given[:1], name)

    def _or_refused(self, name: str, predict: Any, *args: Any) -> Any:
        """The prediction and the reply; an error on both sides is agreement, and None."""
        try:
            expected = predict()
        except Refused as refused:
            try:
                reply = self._run(name, *args)
            except redis.ResponseError as error:
                assert str(error).startswith(str(refused)), f"{name} refused with {error}, not {refused}"
                self.answers[f"{name} {refused}"] += 1
                return None
            raise AssertionError(f"{name} answered {reply}, where it is to refuse: {refused}") from None
        return expected, self._run(name, *args)

    # ---- configuration ----

    def _resource(self, kind: str, name: str, cps: int | None, most: int | None, is_active: bool) -> None:
        known = self.picture.trunks if kind == "k" else self.picture.tenants
        resource = known.setdefault(name, Resource(kind, name, cps or 1))
        resource.cps, resource.most, resource.is_active = cps or resource.cps, most, is_active
        fields: list[Any] = ["max_concurrent", most or "", "state", "active" if is_active else "stopped"]
        if kind == "k":
            resource.breaker.minimum = BREAKERS[name]
            fields += ["breaker_minimum", BREAKERS[name]]
        if is_active:
            resource.breaker.close()
        self._run("resource_set", kind, name, "put", *fields, *(("cps", cps) if cps else ()))

    def _credit(self, tenant: str, text: str) -> None:
        """Set, added to or made unlimited. Who waits for it is resumed by a tick."""
        answers = self._or_refused(
            "resource_set", lambda: self.rules.change_credit(tenant, text), "t", tenant, "set", "available_s", text
        )
        if answers:
            self._each("resource_set", [answers[0]], [answers[1]])
            are_waiting = any(batch.wants_credit and batch.tenant.name == tenant for batch in self.picture.batches.values())
            assert not are_waiting or tenant in self._funded(), f"{tenant} got credit, and is not listed"

    def _funded(self) -> list[str]:
        """Tenants that got credit, by the tick's list, as far as it reaches by now."""
        return [name.decode() for name in self.engine.client.zrangebyscore(self.engine.key("funded"), "-inf", self.picture.now_ms)]

    def _close(self, seen_ms: int, for_ms: int) -> None:
        self.rules.close(seen_ms, for_ms)
        reply = self._run("cell_close", seen_ms, for_ms)
        self._expect(str(self.picture.closed_until or ""), reply[1].decode(), "the closing")

    def _suppress(self, tenant: str, verb: str, numbers: tuple[int, ...]) -> None:
        expected = self.rules.suppress(tenant, verb, numbers)
        self._expect(expected, self._run("suppression_change", tenant, verb, 100, *numbers), "suppression_change")

    # ---- batches ----

    def _create(self, name: str, tenant: str, trunk: str, start_ms: int | None, is_told_of: bool, fields: dict[str, int],
                period_ms: int) -> None:
        settings: dict[str, Any] = {
            **fields, "interval_us": -(-1_005_000 // fields["cps"]), "seen_shards": 2, "ring_s": 30, "talk_s": TALK_S,
        }
        if start_ms is not None:
            settings["start_ms"] = start_ms
        if is_told_of:
            settings |= {f"on_{what}": "http://127.0.0.1/" for what in ("call_complete", "batch_complete", "batch_failed")}
        batch = Batch(
            "b", name, fields["cps"], fields.get("max_concurrent"), tenant=self.picture.tenants[tenant],
            trunk=self.picture.trunks[trunk], start_ms=start_ms, life_ms=self.picture.now_ms + DRAFT_LIFE_MS,
            max_attempts=fields["max_attempts"], summary_wait_ms=fields["summary_wait_ms"], is_told_of=is_told_of,
            expires_ms=fields.get("expires_ms"), period_ms=period_ms,
        )
        if period_ms:
            batch.publish(self.picture.now_ms)
            settings |= batch.settings_of_window()
        flat = [item for pair in settings.items() for item in pair]
        reply = self._run("batch_create", name, tenant, trunk, DRAFT_LIFE_MS, *flat)
        self._expect(b"exists" if name in self.picture.batches else b"created", reply, "batch_create")
        self.picture.batches.setdefault(name, batch)

    def _ingest(self, batch: str, chunk: int, digest: str, numbers: tuple[int, ...]) -> None:
        args = part((contact_record(number), "", "") for number in numbers)
        answers = self._or_refused(
            "batch_ingest", lambda: self.rules.ingest(batch, chunk, digest, list(numbers)), batch, chunk, digest, *args
        )
        if answers:
            expected, reply = answers
            left_out = [(int(reply[i]), reply[i + 1].decode()) for i in range(2, len(reply), 2)]
            self._expect(expected, [int(reply[0]), int(reply[1]), left_out], "batch_ingest")

    def _seal(self, batch: str, total: int) -> None:
        self._say("batch_seal", lambda: self.rules.seal(batch, total), batch, total)

    def _append(self, batch: str, tenant: str, holder: str, lease_ms: int) -> None:
        predict = lambda: self.rules.append(batch, tenant, holder, lease_ms)  # noqa: E731
        args = (batch, tenant, "", "look", DRAFT_LIFE_MS, holder, lease_ms, 0)
        answers = self._or_refused("chunk_open", predict, *args)
        if answers:
            expected, (_, _, state, total) = answers
            self._expect(expected, (state.decode(), total.decode()), f"chunk_open {holder} {lease_ms}")

    def _end_append(self, batch: str, tenant: str, holder: str) -> None:
        answers = self._or_refused(
            "chunk_close", lambda: self.rules.end_append(batch, tenant, holder), batch, tenant, "", "", 0, "", holder
        )
        if answers:
            self._expect([b"gone"], answers[1], f"chunk_close {holder}")

    def _control(self, batch: str, tenant: str, verb: str, *args: Any) -> None:
        predict = lambda: self.rules.control(batch, tenant, verb, *args)  # noqa: E731
        self._say("batch_control", predict, batch, tenant, verb, *args)

    def _change(self, batch_name: str, tenant: str, revision: int, given: dict[str, Any]) -> None:
        fields = {name: value for name, value in given.items() if name != "period_ms"}
        if "cps" in fields:
            fields["interval_us"] = -(-1_005_000 // fields["cps"])
        if "period_ms" in given:
            as_changed = Batch("b", batch_name, 1, period_ms=given["period_ms"])
            as_changed.publish(self.picture.now_ms)
            fields |= as_changed.settings_of_window()
        flat = [word for name, value in fields.items() for word in (("drop", name, "") if value is None else ("set", name, value))]
        predict = lambda: self.rules.change(batch_name, tenant, revision, given)  # noqa: E731
        answers = self._or_refused("batch_change", predict, batch_name, tenant, revision, 0, "", "", *flat)
        if answers:
            expected, (what, state, number) = answers
            self.answers[f"batch_change {what.decode()}"] += 1
            self._expect(expected, (what.decode(), state.decode(), int(number)), f"batch_change {given}")

    def _say(self, name: str, predict: Any, *args: Any) -> None:
        answers = self._or_refused(name, predict, *args)
        if answers:
            expected, (state, number, *_) = answers
            self._expect(expected, (state.decode(), str(int(number))), f"{name} {args[2:]}")

    # ---- calls ----

    def _claim(self, worker: str, request: str, calls: int, steps: int) -> list[Slot]:
        reply = self._run("call_claim", worker, request, calls, steps, HORIZON_US, LEASE_MS, DOUBT_LEASE_MS)
        self._expect(self.picture.now_us, int(reply[0]), "the claim's now")
        self.next_claim_ms = int(reply[1]) if reply[1] else None
        slots = [Slot(row[0].decode(), int(row[1]), int(row[2]), int(row[3]), int(row[4]), row[5]) for row in reply[5:]]
        if self._is_replay(worker, request):
            known = [slot for slot in self._claims[worker][1] if self._is_claimed(slot, worker)]
            self._expect(known, slots, f"the claim {request} again")
            return slots
        for slot in slots:
            call = self.picture.call(slot.batch, slot.ordinal)
            self.rules.take_slot(slot, worker, contact_record(call.number) if call else b"")
            self.issued.append((slot, worker))
        if slots:
            self._claims[worker] = request, slots, self.picture.now_ms
        assert len(slots) <= calls
        self._see_cursors()
        return slots

    def _is_replay(self, worker: str, request: str) -> bool:
        known = self._claims.get(worker)
        return known is not None and known[0] == request and self.picture.now_ms - known[2] <= REPLAY_MS

    def _is_claimed(self, slot: Slot, worker: str) -> bool:
        call = self.picture.call(slot.batch, slot.ordinal)
        return call is not None and call.phase == "claimed" and call.dial == slot.dial and call.worker == worker

    def _see_cursors(self) -> None:
        """A claim starts batches whose time comes inside its horizon, and passes over contacts whose number is busy."""
        for batch, values, _ in self._look_at_batches():
            if batch.state == "scheduled" and values["state"] == "pending":
                assert batch.start_ms and batch.start_ms * 1000 <= self.picture.now_us + HORIZON_US, "started too early"
                batch.state = "pending"
            for call in batch.calls[: int(values.get("cursor", 0))]:
                if not call.is_passed:
                    holder = self.picture.holder(batch.tenant, call.number)
                    assert holder is not None, f"{call.name} was passed over although its number is free"
                    call.is_passed = True

    def _begin(self, worker: str, slots: tuple[Slot, ...], life_ms: int) -> list[tuple[str, ...]]:
        args = [item for slot in slots for item in (*slot.ref, life_ms, "")]
        expected = [self.rules.begin(slot, worker, life_ms) for slot in slots]
        reply = self._run("call_begin", worker, LATE_MS, POST_MS, *args)
        self._each("call_begin", expected, reply[1:])
        self.answers["call_begin out of credit"] += sum(row[1:] == [b"credits"] for row in reply[1:])
        self.answers["call_begin less credit"] += sum(row[0] == "begun" and row[3:] not in ((), (str(TALK_S),)) for row in expected)
        return expected

    def _release(self, worker: str, slots: tuple[Slot, ...]) -> None:
        args = [item for slot in slots for item in slot.ref]
        expected = [self.rules.release(slot, worker) for slot in slots]
        self._each("call_release", expected, self._run("call_release", worker, *args))

    def _strike(self, worker: str, slots: tuple[Slot, ...]) -> None:
        args = [item for slot in slots for item in (*slot.ref, "unreadable")]
        expected = [self.rules.strike(slot, worker) for slot in slots]
        self._each("call_strike", expected, self._run("call_strike", worker, *args))

    def _reassert(self, worker: str, told: Told) -> None:
        expected = self.rules.reassert(told, worker)
        self._each("cell_reassert", [expected], self._run("cell_reassert", worker, *told.args))
        if expected == ("restored",):
            self.issued.append((told.slot, worker))

    def _accept(self, slots: tuple[Slot, ...], provider_id: str, check_ms: int, queue_ms: int) -> None:
        args = [item for slot in slots for item in (*slot.ref, provider_id, check_ms, queue_ms)]
        expected = [self.rules.accept(slot, provider_id, check_ms, queue_ms) for slot in slots]
        self._each("call_accept", expected, self._run("call_accept", *args))

    def _abort(self, slot: Slot, worker: str, verdict: str, due_ms: int, hold_ms: int) -> None:
        expected = self.rules.abort(slot, worker, verdict, due_ms, hold_ms)
        self._each("call_abort", [expected], self._run("call_abort", worker, *slot.ref, verdict, due_ms, hold_ms, "refused"))

    def _recheck(self, slot: Slot, what: str, provider_id: str, check_ms: int, absent_after_ms: int) -> None:
        expected = self.rules.recheck(slot, what, provider_id, check_ms, absent_after_ms)
        reply = self._run("call_recheck", *slot.ref, what, provider_id, check_ms, absent_after_ms, self.picture.now_ms)
        self._each("call_recheck", [expected], reply)

    def _finish(self, results: tuple[Result, ...]) -> None:
        args = [item for result in results for item in result.args(self.picture.now_ms)]
        expected = [self.rules.finish(result) for result in results]
        self._each("call_finish", expected, self._run("call_finish", *args))

    def _checks(self, calls: int, lease_ms: int) -> None:
        due = [call for call in self.picture.calls() if call.phase == "live" and call.check_ms <= self.picture.now_ms]
        reply = self._run("call_checks", calls, lease_ms)
        leased = [self.picture.call(row[0].decode(), int(row[1])) for row in reply[2:]]
        assert len(leased) == min(calls, len(due)) and set(leased) <= set(due), f"checks of {leased}, due were {due}"
        for call in leased:
            assert call is not None
            call.check_ms = self.picture.now_ms + lease_ms
        following = [call.check_ms for call in self.picture.calls() if call.phase == "live"]
        self._expect(str(min(following)) if following else "", reply[1].decode(), "the next check")

    # ---- the tick: what it did is seen, and judged call by call ----

    def _tick(self, worker: str, items: int) -> None:
        funded = self._funded()
        reply = self._run("worker_tick", worker, items)
        did = {"claimed": 0, "ended": 0, "due": 0}
        expired = 0
        for batch, values, texts in self._look_at_batches():
            if not batch.is_sealed and values.get("state") != batch.state:
                self.rules.remove(batch)
            if not values:
                del self.picture.batches[batch.name]
                continue
            if "expired_ms" in values and not batch.is_expired:
                expired += 1
                self.rules.expire(batch)
            for call in batch.calls:
                self._see_tick(call, texts.get(call.ordinal, {}).get("phase", "due"), did)
            if batch.state in ENDED and not self.engine.client.exists(self.engine.key(f"batch:{batch.name}:chunks")):
                batch.chunks.clear()
            if batch.wants_credit and values["state"] not in ("paused", *ENDED):
                assert batch.tenant.name in funded, f"{batch.name} was resumed although no credit came"
                self.rules.credit_came(batch)
                self.answers["worker_tick resumed"] += 1
            if values["state"] != batch.state:
                self.rules.end_leases(batch)
        counted = [did["claimed"], did["ended"], did["due"], expired]
        self._expect(counted, [int(reply[i]) for i in (4, 5, 6, 8)], "the tick's counts")
        self._see_lost_wakes(int(reply[7]))
        self.answers.update(f"worker_tick {name}" for name, n in zip(TICKED, reply[4:9]) if int(n) > 0)
        if int(reply[3]) == 0:
            self._see_nothing_left(funded)
        self._publish_hours([row[0].decode() for row in reply[9]])

    def _publish_hours(self, wanted: list[str]) -> None:
        """What a worker does when a tick asks it to."""
        for name in wanted:
            batch = self.picture.batches[name]
            assert batch.hours[0][0] <= self.picture.now_ms and not batch.is_cut, f"{name} wants hours too early"
            batch.publish(self.picture.now_ms)
            reply = self._run("batch_hours", name, "window", batch.settings_of_window()["hours"], batch.hours_until_ms)
            self._expect(b"published", reply, "batch_hours")

    def _see_tick(self, call: Call, phase: str, did: dict[str, int]) -> None:
        if phase == call.phase or call.is_cut:
            return
        ways = {("claimed", "due"): self.rules.reclaim, ("ended", "final"): self.rules.give_up_summary,
                ("due", "final"): self.rules.end_cut, ("claimed", "final"): self._reclaim_and_cut}
        assert (call.phase, phase) in ways, f"a tick made {call.name}, which was {call.phase}, {phase}"
        did[call.phase] += 1
        if (call.phase, phase) == ("claimed", "final"):
            did["due"] += 1
        ways[call.phase, phase](call)

    def _reclaim_and_cut(self, call: Call) -> None:
        self.rules.reclaim(call)
        self.rules.end_cut(call)

    def _see_lost_wakes(self, lost: int) -> None:
        """The reconcile finds nothing to do, but where time alone made room: a dial that outlived its hard deadline."""
        is_outlived = any(call.phase == "live" and call.until_ms <= self.picture.now_ms for call in self.picture.calls())
        assert lost == 0 or is_outlived, f"{lost} wakes were lost"

    def _see_nothing_left(self, funded: list[str]) -> None:
        now_ms = self.picture.now_ms
        for batch in self.picture.batches.values():
            is_short = batch.tenant.credit_s is not None and batch.tenant.credit_s < CREDIT_LEAST_S
            assert not (batch.wants_credit and batch.tenant.name in funded) or is_short, f"{batch.name} was not resumed"
        for call in self.picture.calls():
            assert not (call.phase == "claimed" and call.until_ms <= now_ms), f"{call.name} was not taken back"
            is_due = call.batch.expiry_ms is not None and call.batch.expiry_ms <= now_ms and call.batch.is_sealed
            assert not (is_due and call.phase == "due" and not call.batch.is_cut), f"{call.batch.name} has not expired"
            assert not (call.phase == "ended" and call.summary_ms <= now_ms), f"{call.name} is still waited for"

    # ---- the comparison ----

    def _queue_batches(self, pipe: Any, batches: list[Batch]) -> None:
        for batch in batches:
            pipe.hgetall(self.engine.key(f"batch:{batch.name}"))
            pipe.hgetall(self.engine.key(f"batch:{batch.name}:state:0"))

    def _read_batches(self, batches: list[Batch], replies: list[Any]) -> list[tuple[Batch, dict[str, str], dict[int, dict[str, str]]]]:
        """Each with its fields, and the states of its calls."""
        found = []
        for i, batch in enumerate(batches):
            values = {name.decode(): value.decode() for name, value in replies[2 * i].items()}
            texts = {
                int(name): dict(part.split("=", 1) for part in text.decode().split(" ")) for name, text in replies[2 * i + 1].items()
            }
            found.append((batch, values, texts))
        return found

    def _look_at_batches(self) -> list[tuple[Batch, dict[str, str], dict[int, dict[str, str]]]]:
        batches = list(self.picture.batches.values())
        pipe = self.engine.client.pipeline(transaction=False)
        self._queue_batches(pipe, batches)
        return self._read_batches(batches, pipe.execute())

    def verify(self) -> None:
        """The audit, and everything the model knows against what Redis holds."""
        picture, key = self.picture, self.engine.key
        batches = list(picture.batches.values())
        sealed = [batch.name for batch in batches if batch.is_sealed]
        auditor = Auditor(self.engine, picture.tenants, picture.trunks, sealed)
        pipe = self.engine.client.pipeline(transaction=False)
        auditor.queue(pipe)
        shards = sorted({shard(tenant) for tenant in picture.tenants})
        for index in shards:
            pipe.xrange(key(f"events:{index}"), b"(" + self._last_event.get(index, b"0-0"))
        for tenant in picture.tenants:
            pipe.hmget(key(f"tenant:{tenant}"), "available_s", "reserved_s")
        for trunk in picture.trunks:
            pipe.hmget(key(f"trunk:{trunk}"), "breaker_until_ms", "breaker_probe", "verdicts")
        self._queue_batches(pipe, batches)
        before_waiting = len(pipe)
        self._queue_waiting(pipe, batches)
        before_logs = len(pipe)
        self._queue_logs(pipe, batches)
        replies = pipe.execute(raise_on_error=False)
        self._compare_waiting(batches, replies[before_waiting:before_logs])
        self._compare_logs(batches, replies[before_logs:])
        del replies[before_waiting:]
        looks = len(replies) - len(shards) - len(picture.tenants) - len(picture.trunks) - 2 * len(batches)
        faults = auditor.faults(replies[:looks])
        assert not faults, "\n".join(faults)
        self._take_events(shards, replies[looks : looks + len(shards)])
        rest = replies[looks + len(shards) :]
        for tenant, credit in zip(picture.tenants.values(), rest):
            self._compare_credit(tenant, credit)
        rest = rest[len(picture.tenants) :]
        for trunk, fields in zip(picture.trunks.values(), rest):
            got = [field.decode() if field else None for field in fields]
            assert got == trunk.breaker.fields(), f"the breaker of {trunk.name} is {got}, not {trunk.breaker}"
        for batch, values, texts in self._read_batches(batches, rest[len(picture.trunks) :]):
            self._compare_batch(batch, values)
            self._compare_calls(batch, texts)
            self._compare_events(batch)

    def verify_load(self) -> None:
        """What each tenant is counted to use of its quotas."""
        faults = load_faults(self.engine, self.picture.batches)
        assert not faults, "\n".join(faults)

    def _queue_waiting(self, pipe: Any, batches: list[Batch]) -> None:
        key = self.engine.key
        pipe.zrange(key("parked"), 0, -1)
        for trunk in self.picture.trunks:
            pipe.hget(key(f"trunk:{trunk}"), "held")
        for tenant in self.picture.tenants:
            pipe.exists(key(f"parked:t/{tenant}"))
            pipe.zrange(key(f"held:t/{tenant}"), 0, -1)
        for batch in batches:
            pipe.exists(key(f"parked:b/{batch.name}"))
            pipe.zcard(key(f"batch:{batch.name}:retry:0"))
            pipe.hmget(key(f"batch:{batch.name}"), "total", "cursor", "due")

    def _compare_waiting(self, batches: list[Batch], replies: list[Any]) -> None:
        """Everybody who is parked is listed, by which a script knows; and what is due beyond the fresh contacts waits in the
        retries, or for its number: where there is none a script does not look."""
        answers = iter(replies)
        listed = {member.decode() for member in next(answers)}
        parked = {f"k/{trunk}" for trunk in self.picture.trunks if next(answers)}
        may_be, held = set(), []
        for tenant in self.picture.tenants:
            may_be |= {f"t/{tenant}", f"h/{tenant}"}
            parked |= {f"t/{tenant}"} if next(answers) else set()
            waiting = [member.decode().split("/")[2] for member in next(answers)]
            parked |= {f"h/{tenant}"} if waiting else set()
            held += waiting
        for batch in batches:
            parked |= {f"b/{batch.name}"} if next(answers) else set()
            retries, (total, cursor, due) = next(answers), (int(value or 0) for value in next(answers))
            if batch.is_sealed and not batch.is_cut:
                wanted = total - cursor + retries + held.count(batch.name)
                assert due == wanted, f"{batch.name} counts {due} due calls, and has {wanted}"
        assert parked <= listed <= parked | may_be, f"{parked} are parked, listed are {listed}"

    def _logged(self, batches: list[Batch]) -> list[Resource]:
        return [*self.picture.trunks.values(), *self.picture.tenants.values(), *batches]

    def _queue_logs(self, pipe: Any, batches: list[Batch]) -> None:
        for resource in self._logged(batches):
            log = self.engine.key(f"begins:{resource.kind}/{resource.name}")
            pipe.lrange(log, -resource.cps, -1)
            pipe.pttl(log)

    def _compare_logs(self, batches: list[Batch], replies: list[Any]) -> None:
        """Begins that count against a rate are in its log, and stay there for as long as they do."""
        for resource, begins, left_ms in zip(self._logged(batches), replies[::2], replies[1::2]):
            counts = [at_us for at_us in resource.begins_us[-resource.cps :] if at_us > self.picture.now_us - SECOND_US]
            got = [int(at_us) for at_us in begins]
            assert got[len(got) - len(counts) :] == counts, f"{resource.name} logs the begins {got}, not {counts}"
            is_kept = not counts or self.picture.now_us + left_ms * 1000 >= counts[-1] + SECOND_US
            assert is_kept, f"{resource.name} forgets its begins in {left_ms} ms, the last of them at {counts[-1:]}"

    def _compare_credit(self, tenant: Resource, credit: list[bytes | None]) -> None:
        wanted = tenant.credit_s, tenant.reserved_s
        got = None if credit[0] is None else int(credit[0]), int(credit[1] or 0)
        assert got == wanted, f"{tenant.name} has, and reserves, {got} s of credit, not {wanted}"

    def _compare_batch(self, batch: Batch, values: dict[str, str]) -> None:
        assert values.get("state") == batch.state, f"{batch.name} is {values.get('state')}, not {batch.state}"
        assert batch.state != "paused" or values.get("reason") == batch.reason, f"{batch.name} is paused for {values.get('reason')}"
        if not batch.is_sealed and batch.state == "failed":
            return  # half removed
        wanted = self.picture.counters(batch) if batch.is_sealed else {"total": len(batch.calls)}
        got = {name: int(values.get(name, 0)) for name in COUNTERS if name in wanted}
        assert got == wanted, f"{batch.name} counts {got}, not {wanted}"
        outcomes = {name[8:]: int(n) for name, n in values.items() if name.startswith("outcome:") and int(n) != 0}
        assert outcomes == self.picture.outcomes(batch), f"{batch.name} counts {outcomes}"

    def _compare_calls(self, batch: Batch, texts: dict[int, dict[str, str]]) -> None:
        for call in batch.calls:
            wanted, said = call.text(), texts.get(call.ordinal, {})
            got = {name: said[name] for name in STATE_FIELDS if name in said}
            assert got == wanted, f"{call.name} says {got}, not {wanted}"

    def _take_events(self, shards: list[int], replies: list[Any]) -> None:
        for index, entries in zip(shards, replies):
            for at, fields in entries:
                event = {name.decode(): value.decode() for name, value in fields.items()}
                self._last_event[index] = at
                self._events.setdefault(event["batch"], []).append(event)

    def _compare_events(self, batch: Batch) -> None:
        told = self._events.get(batch.name, [])
        ids = [event["id"] for event in told]
        assert sorted(ids) == sorted(batch.events), f"{batch.name} told {ids}, not {batch.events}"
        assert [int(event["seq"]) for event in told] == list(range(1, len(told) + 1)), f"{batch.name} counts its events wrong"
        ends = [event for event in told if event["type"] == "batch.completed"]
        assert not ends or told[-1] is ends[0], f"{batch.name} told of a call after its end"
