# SPDX-License-Identifier: Apache-2.0
"""The stand-in as retell-sdk sees it: what the vendor's own client sends is taken, what it gets is what its types have, and
what the stand-in signs the vendor's own code believes."""

from __future__ import annotations

from tests.platforms.vendor import Sdk, SdkError
from tests.support.carrier import FROM, TO, Carrier
from tests.support.http_receiver import HttpReceiver
from tests.support.waiting import wait_until


def test_the_sdk_makes_finds_and_reads_a_call(tmp_path):
    with Carrier(tmp_path, "--outcomes", "completed=1", "--ring-ms", "5", "--talk-ms", "5") as carrier:
        sdk = Sdk("retell", carrier.process.url)
        body = {
            "from_number": FROM,
            "to_number": TO,
            "override_agent_id": "agent_1",
            "metadata": {"carillon_token": "batch_c0_x.7.1.mac"},
            "retell_llm_dynamic_variables": {"name": "Ann"},
            "agent_override": {"agent": {"ring_duration_ms": 20000}},
        }
        call = sdk.one("create", body)
        assert (call["call_status"], call["agent_id"], call["direction"]) == ("registered", "agent_1", "outbound")
        wait_until(lambda: "call_analysis" in carrier.call(call["call_id"]), what="analyzed")
        filters = {"metadata": [{"type": "string", "key": "carillon_token", "op": "eq", "value": "batch_c0_x.7.1.mac"}]}
        got, listed, concurrency = sdk.do(
            ("get", call["call_id"]), ("list", {"filter_criteria": filters}), ("concurrency",)
        )
        assert got["call_status"] == "ended" and got["call_analysis"]["call_successful"] is True
        assert [item["call_id"] for item in listed["items"]] == [call["call_id"]]
        assert concurrency["current_concurrency"] == 0


def test_the_sdk_stops_a_call(tmp_path):
    with Carrier(tmp_path, "--ring-ms", "3600000") as carrier:
        sdk = Sdk("retell", carrier.process.url)
        call_id = carrier.place()["call_id"]
        sdk.one("stop", call_id)
        assert carrier.call(call_id)["disconnection_reason"] == "manual_stopped"


def test_the_sdk_reads_each_refusal(tmp_path):
    good = {"from_number": FROM, "to_number": TO}
    with Carrier(tmp_path) as carrier:
        sdk = Sdk("retell", carrier.process.url)
        results = sdk.do(
            ("create", {**good, "to_number": "5550001111"}),
            ("create", {**good, "override_agent_id": "agent_unpaid"}),
            ("create", {**good, "override_agent_id": "agent_unknown"}),
            ("get", "call_of_nobody"),
        )
        assert all(isinstance(result, SdkError) for result in results)
        assert [result.status for result in results] == [400, 402, 422, 422]
        (denied,) = Sdk("retell", carrier.process.url, key="wrong").do(("create", good))
        assert denied.status == 401
    for fault, status in (("throttle", 429), ("error", 500), ("unavailable", 503), ("no_credits", 402)):
        with Carrier(tmp_path, "--fault", f"{fault}=1") as carrier:
            (refused,) = Sdk("retell", carrier.process.url).do(("create", good))
            assert refused.status == status


def test_the_vendor_s_code_believes_what_the_stand_in_signs(tmp_path, receiver: HttpReceiver):
    with Carrier(
        tmp_path, "--outcomes", "completed=1", "--ring-ms", "5", "--talk-ms", "5", webhook_url=receiver.url
    ) as carrier:
        carrier.place(metadata={"text": 'ümläut "quoted"'})
        requests = receiver.wait_for(3)
        sdk = Sdk("retell", carrier.process.url)
        signed = [(request.body.decode(), request.headers["x-retell-signature"]) for request in requests]
        assert sdk.do(*(("verify", body, signature) for body, signature in signed)) == [True] * 3
        assert sdk.do(*(("verify", body + " ", signature) for body, signature in signed)) == [False] * 3
        other = Sdk("retell", carrier.process.url, key="another")
        assert other.do(*(("verify", body, signature) for body, signature in signed)) == [False] * 3
