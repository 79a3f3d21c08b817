# SPDX-License-Identifier: Apache-2.0
"""Every dial of a call: its slot, its begin, what came of it, and what followed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.producer_api import Api, numbers


def told(api: Api, key: str, call: str) -> dict[str, Any]:
    answer = api.get(f"/api/v1/call/{call}/attempts", key)
    assert answer.status == 200, answer
    return answer.json()


def test_a_call_that_was_refused_then_busy_then_answered_tells_it_all(api: Api, acme: str) -> None:
    batch = api.create(acme, [{"phoneNumber": api.fresh_numbers(1)[0], "id": "lead-1", "name": "Jane"}], maxCallsPerSecond=30)
    engine = api.engine
    assert engine.abort(engine.begin_next(batch), "THROTTLED") == "aborted"
    slot = engine.begin_next(batch)
    engine.accept(slot, "call_a")
    engine.finish(slot, "retry", "BUSY", 0, reason="dial_busy", provider_id="call_a")
    slot = engine.begin_next(batch)
    assert told(api, acme, f"{batch}-0")["status"] == "ONGOING"
    engine.accept(slot, "call_b")
    engine.finish(slot, "final", "COMPLETED", reason="user_hangup", provider_id="call_b", source="lookup")

    said = told(api, acme, f"{batch}-0")
    assert (said["id"], said["batchId"], said["contactId"], said["contactName"]) == (f"{batch}-0", batch, "lead-1", "Jane")
    assert (said["status"], said["outcome"], said["attempts"]) == ("COMPLETED", "COMPLETED", 2)
    refused, busy, answered = said["dials"]
    for dial in said["dials"]:
        assert set(dial) == {"dial", "attempt", "slotAt", "begunAt", "results"}
        assert dial["slotAt"] <= dial["begunAt"]
    assert [(dial["dial"], dial["attempt"]) for dial in said["dials"]] == [(1, 1), (2, 1), (3, 2)]
    assert [result["then"] for dial in said["dials"] for result in dial["results"]] == ["given_back", "retry", "final"]
    assert refused["results"][0]["verdict"] == "THROTTLED" and refused["results"][0]["outcome"] is None
    result = busy["results"][0]
    assert (result["outcome"], result["source"], result["reason"], result["callSid"]) == ("BUSY", "callback", "dial_busy", "call_a")
    assert result["endedAt"] and result["nextAttemptAt"] and result["verdict"] is None
    result = answered["results"][0]
    assert (result["outcome"], result["source"], result["callSid"]) == ("COMPLETED", "lookup", "call_b")
    assert result["nextAttemptAt"] is None


def test_a_call_that_was_never_dialed_has_no_dials(api: Api, acme: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=70, start_in_ms=3_600_000)
    for ordinal in (0, 63, 64, 69):
        said = told(api, acme, f"{batch}-{ordinal}")
        assert (said["id"], said["status"], said["dials"]) == (f"{batch}-{ordinal}", "SCHEDULED", [])


def test_a_log_without_its_oldest_lines_is_told_from_where_it_begins(api: Api, acme: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=1, start_in_ms=3_600_000)
    log = "d=7 o=NO_ANSWER e=1763283602000 via=deadline then=retry n=0 p= r=\nd=8 a=5 q=1763283600000001 b=1763283600000002 w=w_x\n"
    api.client.hset(api.engine.key(f"batch:{batch}:attempts:0"), "0", log)
    first, second = told(api, acme, f"{batch}-0")["dials"]
    assert (first["dial"], first["attempt"], first["begunAt"]) == (7, None, None)
    assert [result["then"] for result in first["results"]] == ["retry"]
    assert (second["dial"], second["attempt"], second["results"]) == (8, 5, [])
    assert "w_x" not in str((first, second))  # whose worker it was is the operator's matter


def test_a_log_that_makes_no_sense_is_our_fault(api: Api, acme: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=1, start_in_ms=3_600_000)
    api.client.hset(api.engine.key(f"batch:{batch}:attempts:0"), "0", "nonsense")
    assert api.get(f"/api/v1/call/{batch}-0/attempts", acme).code == "INTERNAL"


@pytest.mark.parametrize("suffix", ["-1", "-01", "-", "", "-x", "-99999999999999999999", "-0-0", "-0.1"])
def test_a_call_that_its_batch_does_not_have_is_not_found(api: Api, acme: str, suffix: str) -> None:
    batch = api.engine.batch("acme", "main", contacts=1, start_in_ms=3_600_000)
    answer = api.get(f"/api/v1/call/{batch}{suffix}/attempts", acme)
    assert (answer.status, answer.code) == (404, "CALL_NOT_FOUND")


def test_another_tenants_call_cannot_be_told_from_none_and_a_viewer_may_look(api: Api, acme: str) -> None:
    call = f"{api.create(acme, numbers(1))}-0"
    other = api.tenant("watcher")
    theirs = api.get(f"/api/v1/call/{call}/attempts", other)
    nobodys = api.get("/api/v1/call/batch_c0_00000000000000000000-0/attempts", other)
    assert (theirs.status, theirs.code) == (404, "CALL_NOT_FOUND")
    assert theirs.body == nobodys.body
    assert told(api, api.key("acme", "viewer"), call)["id"] == call
    assert api.get(f"/api/v1/call/{call}/attempts").status == 401
