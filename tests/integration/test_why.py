# SPDX-License-Identifier: Apache-2.0
"""What a tenant and an operator read about a batch that is held back: GET /api/v1/batch/{id}/why and `carillon why`."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import pytest

from tests.support.cli import DONE, FAILED, USAGE, Cli
from tests.support.producer_api import Api
from tests.support.waiting import wait_until

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LEVELS = ["cell", "trunk", "tenant", "flow", "batch", "calls"]
CREDENTIAL = "v1.sealed_credential_of_the_trunk"
BASE_URL = "https://platform.example/secret-path"


@pytest.fixture(autouse=True)
def a_worker(api: Api) -> None:
    api.engine.tick()


def why(api: Api, batch: str, key: str) -> dict[str, Any]:
    answer = api.get(f"/api/v1/batch/{batch}/why", key)
    assert answer.status == 200, answer
    return answer.json()


def reasons(told: dict[str, Any], level: str) -> list[dict[str, Any]]:
    (found,) = [link for link in told["chain"] if link["level"] == level]
    return found["reasons"]


def cli(api: Api, folder: pathlib.Path, key: str) -> Cli:
    file = folder / "api.key"
    file.write_text(key + "\n")
    return Cli(url=api.process.url, api_key_file=file)


def test_the_chain_has_every_level_and_the_verdict_its_words(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(3))
    api.post(f"/api/v1/batch/{batch}/pause", key=acme)
    told = why(api, batch, acme)
    assert (told["batchId"], told["status"]) == (batch, "paused") and INSTANT.fullmatch(told["asOf"])
    assert told["verdict"] == {
        "level": "batch",
        "code": "BATCH_PAUSED",
        "message": "It is paused (user) until it is resumed.",
        "until": None,
        "untilEvent": "it is resumed",
    }
    assert [link["level"] for link in told["chain"]] == LEVELS
    assert [link.get("id") for link in told["chain"]] == ["c0", "main", "acme", "main/acme", batch, None]
    (paused,) = reasons(told, "batch")
    assert (paused["holds"], paused["reason"]) == (True, "user")
    counts = {"due": 3, "claimed": 0, "live": 0, "ended": 0, "succeeded": 0, "failed": 0}
    assert told["chain"][-1]["counts"] == counts


def test_an_instant_is_told_in_rfc_3339(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(1), scheduledStartTime="2030-11-16T09:00:00+01:00")
    verdict = why(api, batch, acme)["verdict"]
    assert (verdict["until"], verdict["untilEvent"]) == ("2030-11-16T08:00:00.000Z", None)
    assert verdict["message"] == "Its start is scheduled for 2030-11-16T08:00:00.000Z."


def test_a_batch_that_runs_is_held_by_nothing(api: Api) -> None:
    quiet = api.tenant("quiet", trunks=(api.trunk("quiet"),))
    told = why(api, api.create(quiet, api.fresh_numbers(1)), quiet)
    assert told["verdict"]["code"] == "RUNNING"
    assert all(link["reasons"] == [] for link in told["chain"])


def test_counts_of_a_full_batch_and_of_its_live_calls(api: Api) -> None:
    narrow = api.tenant("narrow", trunks=(api.trunk("narrow"),))
    batch = api.create(narrow, api.fresh_numbers(3), maxConcurrentCalls=1)

    def is_begun() -> bool:
        api.engine.begin(api.engine.claim().slots)
        return api.batch(batch).get("live") == "1"

    wait_until(is_begun, what="a call is begun")
    told = why(api, batch, narrow)
    (full,) = [reason for reason in reasons(told, "batch") if reason["code"] == "BATCH_FULL"]
    assert (full["count"], full["of"], full["untilEvent"]) == (1, 1, "one of its calls ends")
    (live,) = reasons(told, "calls")
    assert (live["code"], live["holds"], live["count"]) == ("CALLS_LIVE", False, 1)
    assert INSTANT.fullmatch(live["nextCheckAt"]) and INSTANT.fullmatch(live["latest"])


def test_a_tenant_learns_no_secret_of_its_trunk_and_no_name_of_others(api: Api) -> None:
    trunk = api.trunk("guarded", credential=CREDENTIAL, base_url=BASE_URL, state="stopped", reason="account")
    lodger = api.tenant("lodger", trunks=(trunk,))
    batch = api.create(lodger, api.fresh_numbers(1))
    api.client.zadd("carillon:{c0}:turn:k/guarded", {"neighbour": 1.0, "lodger": 2.0})
    answer = api.get(f"/api/v1/batch/{batch}/why", lodger)
    assert answer.json()["verdict"]["message"] == "Its trunk is stopped (account) until an operator starts it."
    assert reasons(answer.json(), "flow")[0]["count"] == 1
    for secret in (CREDENTIAL, BASE_URL, "neighbour", "+15550001111"):
        assert secret.encode() not in answer.body


def test_what_is_not_there_and_what_is_anothers_answers_the_same(api: Api, acme: str) -> None:
    other = api.tenant("other")
    theirs = api.create(other, api.fresh_numbers(1))
    unsealed = api.engine.batch("acme", "main", 1, seal=False)
    api.client.hset(f"carillon:{{c0}}:batch:{unsealed}", "state", "ingesting")
    for batch in (theirs, "batch_c0_none", unsealed):
        answer = api.get(f"/api/v1/batch/{batch}/why", acme)
        assert (answer.status, answer.code) == (404, "BATCH_NOT_FOUND"), answer
    assert api.get(f"/api/v1/batch/{theirs}/why").status == 401
    assert api.get(f"/api/v1/batch/{theirs}/why?userId=acme", other).status == 403


def test_a_viewer_may_ask_why(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(1))
    assert why(api, batch, api.key("acme", role="viewer"))["batchId"] == batch


# ---- carillon why ----


def test_the_tool_prints_the_verdict_first_and_then_the_chain(api: Api, acme: str, tmp_path: pathlib.Path) -> None:
    batch = api.create(acme, api.fresh_numbers(2))
    api.post(f"/api/v1/batch/{batch}/pause", key=acme)
    lines = cli(api, tmp_path, acme).done("why", batch).out.splitlines()
    assert lines[0] == "It is paused (user) until it is resumed."
    assert re.fullmatch(rf"{batch} is paused at {INSTANT.pattern}", lines[1])
    assert lines[2:] == [
        "cell    c0",
        "trunk   main",
        "tenant  acme",
        "flow    main/acme",
        f"batch   {batch}",
        ">       BATCH_PAUSED: It is paused (user) until it is resumed.",
        "calls   due 2, claimed 0, live 0, ended 0, succeeded 0, failed 0",
    ]


def test_the_tool_gives_the_answer_as_json(api: Api, acme: str, tmp_path: pathlib.Path) -> None:
    batch = api.create(acme, api.fresh_numbers(1))
    told = cli(api, tmp_path, acme).done("why", batch, "--json").json()
    assert told["batchId"] == batch and [link["level"] for link in told["chain"]] == LEVELS


def test_the_tool_says_what_went_wrong(api: Api, acme: str, tmp_path: pathlib.Path) -> None:
    tool = cli(api, tmp_path, acme)
    missing = tool("why", "batch_c0_none")
    assert missing.status == FAILED and missing.out == "" and "such batch" in missing.err, missing
    refused = tool("why", "batch_c0_none", "--json")
    assert refused.status == FAILED and json.loads(refused.out)["code"] == "BATCH_NOT_FOUND"
    nonsense = tool("why", "nonsense")
    assert (nonsense.status, nonsense.err) == (USAGE, "carillon: 'nonsense' is not a batch's id\n")
    assert tool("why", "--help").status == DONE
