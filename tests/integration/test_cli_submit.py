# SPDX-License-Identifier: Apache-2.0
"""`carillon submit`, `pause`, `resume`, `cancel` against a real producer."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from tests.support.cli import DONE, FAILED, USAGE, Cli, Ended
from tests.support.engine import Fleet
from tests.support.producer_api import Api

CSV = "phoneNumber,id,name,plan\n+15550001111,c1,Ann,gold\n+15550001112,c2,Bob,basic\n"
CAMPAIGN = {"agentId": "agent_123", "options": {"maxCallsPerSecond": 7, "priority": 8, "tags": ["a", "b"]}}


class Shop:
    """A tenant with its key, its files and the tool."""

    def __init__(self, api: Api, key: str, folder: pathlib.Path) -> None:
        self.api = api
        self.folder = folder
        self.key = key
        self.runs = 0
        self.cli = Cli(url=api.process.url, api_key_file=self.write("api.key", key + "\n"), redis_url=api.server.url)

    def write(self, name: str, content: Any) -> pathlib.Path:
        path = self.folder / name
        text = content if isinstance(content, (str, bytes)) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def submit(self, campaign: Any = None, csv: str | bytes | None = None, *args: str) -> Ended:
        """Each time another run: the same files are not taken for the same submission."""
        self.runs += 1
        files: list[str | pathlib.Path] = [self.write("campaign.json", CAMPAIGN if campaign is None else campaign)]
        files += ["--run", f"{self.folder.name}-{self.runs}"]
        if csv is not None:
            files += ["--contacts", self.write("contacts.csv", csv)]
        return self.cli("submit", *files, *args)

    def batches(self) -> int:
        return len(list(self.api.client.scan_iter(match="carillon:{c0}:batch:*", count=1000)))


@pytest.fixture
def shop(api: Api, acme: str, tmp_path: pathlib.Path) -> Shop:
    return Shop(api, acme, tmp_path)


def batch_of(ended: Ended) -> str:
    assert ended.status == DONE, ended
    return ended.out.split()[0]


# ---- what goes in ----


def test_a_campaign_with_its_own_contacts(shop: Shop) -> None:
    contacts = [{"phoneNumber": "+15550001111", "id": "c1", "metadata": {"n": 1}}, {"phoneNumber": "+15550001112"}]
    ended = shop.submit({**CAMPAIGN, "contacts": contacts})
    batch = batch_of(ended)
    assert (ended.out, ended.err) == (f"{batch} pending, 2 contacts\n", "")
    stored = shop.api.batch(batch)
    assert (stored["total"], stored["cps"], stored["priority"], stored["agent_id"]) == ("2", "7", "8", "agent_123")


def test_a_campaign_with_a_file_of_contacts(shop: Shop) -> None:
    batch = batch_of(shop.submit(None, CSV))
    assert shop.api.batch(batch)["total"] == "2" and shop.api.contacts(batch) == 2
    assert shop.api.batch(batch)["cps"] == "7"


def test_files_may_come_by_standard_input(shop: Shop) -> None:
    csv, campaign = shop.write("contacts.csv", CSV), shop.write("campaign.json", CAMPAIGN)
    by_campaign = shop.cli("submit", "-", "--contacts", csv, stdin=json.dumps(CAMPAIGN).encode())
    by_contacts = shop.cli("submit", "--contacts", "-", campaign, stdin=CSV.encode())
    for ended in (by_campaign, by_contacts):
        assert shop.api.batch(batch_of(ended))["total"] == "2"
    assert shop.cli("submit", "-", "--contacts", "-", stdin=b"{}").status == FAILED


def test_an_answer_in_json(shop: Shop) -> None:
    said = shop.submit(None, CSV + "nonsense\n", "--json").json()
    assert (said["success"], said["status"], said["total"], said["rejectedRows"]) == (True, "pending", 2, 1)
    assert shop.api.batch(said["batchId"])["total"] == "2"
    assert "rejectedRows" not in shop.submit({**CAMPAIGN, "contacts": [{"phoneNumber": "+15550001111"}]}, None, "--json").json()


def test_the_same_command_again_submits_nothing_twice(shop: Shop) -> None:
    campaign, csv = shop.write("campaign.json", {**CAMPAIGN, "options": {"priority": 2}}), shop.write("contacts.csv", CSV)
    command = ("submit", campaign, "--contacts", csv)
    first = shop.cli(*command)
    before = shop.batches()
    again = shop.cli(*command)
    batch = batch_of(first)
    assert (again.status, again.out) == (DONE, first.out)
    assert again.err == (
        f"{batch} was submitted before with the same files: nothing is sent again (--run NAME submits them once more)\n"
    )
    told = shop.cli(*command, "--json").json()
    assert (told["batchId"], told["replayed"]) == (batch, True)
    assert shop.batches() == before
    other = batch_of(shop.cli(*command, "--run", "tuesday"))
    assert other != batch == batch_of(shop.cli(*command)) and batch_of(shop.cli(*command, "--run", "tuesday")) == other
    shop.write("contacts.csv", CSV + "+15550001113,c3,Eve,gold\n")
    assert batch_of(shop.cli(*command)) not in (batch, other)


def test_a_dry_run_says_what_would_become_of_it_and_keeps_nothing(shop: Shop) -> None:
    before = shop.batches()
    ended = shop.submit(None, CSV + "+15550001112,c9,Eve,gold\nnonsense\n", "--dry-run")
    assert ended.status == DONE, ended
    first, second = ended.out.splitlines()
    assert first == "would be taken: 2 to call, 0 on a do-not-call list, 1 twice, 0 bad"
    assert second.startswith("from 20") and second.endswith(" at the earliest")
    path = shop.folder / "contacts.csv"
    assert [line.split(" ")[0:3] for line in ended.err.splitlines()[:1]] == [[f"{path}:", "row", "5:"]]
    assert f"warning: {path}: row 4: phoneNumber" in ended.err
    bad = shop.submit({**CAMPAIGN, "contacts": [{"phoneNumber": "555"}, {"phoneNumber": "+15550001111"}]}, None, "--dry-run")
    assert bad.status == FAILED and bad.out.startswith("would be refused: 1 to call") and "contacts[0].phoneNumber" in bad.err
    assert shop.submit(None, CSV, "--dry-run", "--json").json()["wouldBeTaken"] is True
    assert "priority" in shop.submit({**CAMPAIGN, "options": {"priority": 11}}, CSV, "--dry-run").err
    large = shop.submit(None, "phoneNumber\n" + "+15550001111\n" * 100_001, "--dry-run")
    assert (large.status, large.out) == (FAILED, "") and "--dry-run takes no more" in large.err
    assert shop.batches() == before


# ---- what is refused ----


def test_every_fault_is_told_by_its_path(shop: Shop) -> None:
    before = shop.batches()
    campaign = {
        "contacts": [{"phoneNumber": "+15550001111"}, {"phoneNumber": "555"}],
        "options": {"priority": 11, "maxCallsPerSecnd": 3, "webhooks": {"onCallComplete": "ftp://x"}},
    }
    ended = shop.submit(campaign)
    assert (ended.status, ended.out) == (FAILED, ""), ended
    assert ended.err.startswith("carillon: the producer refuses (400 INVALID_REQUEST): ")
    told = [line.split(": ")[0].strip() for line in ended.err.splitlines()[1:]]
    assert sorted(told) == [
        *("agentId", "contacts[1].phoneNumber", "options.maxCallsPerSecnd", "options.priority"),
        "options.webhooks.onCallComplete",
    ]
    said = shop.submit(campaign, None, "--json")
    assert said.status == FAILED and set(said.json()["details"]["fieldErrors"]) == set(told)
    assert shop.batches() == before


def test_what_the_producer_says_of_a_contact_is_told_by_its_row(shop: Shop) -> None:
    csv = "phoneNumber,id\n\n+15550001111,c1\nnonsense,c2\n+1 555 000 1111,c3\n+15550001113,c1\n"
    ended = shop.submit(None, csv)
    batch_of(ended)
    path = shop.folder / "contacts.csv"
    lines = ended.err.splitlines()
    assert lines[0].startswith(f"{path}: row 4: phoneNumber must be") and lines[0].endswith("(INVALID_NUMBER)")
    assert lines[1] == f"{path}: 1 row left out, 3 contacts"
    assert lines[2].startswith(f"warning: {path}: row 5") and lines[3].startswith(f"warning: {path}: row 6")
    assert len(lines) == 4 and ", 1 contact\n" in ended.out


def test_a_long_list_of_warnings_is_cut(shop: Shop) -> None:
    ended = shop.submit(None, "phoneNumber\n" + "+15550001111\n" * 200)
    batch_of(ended)
    lines = ended.err.splitlines()
    assert len(lines) == 51 and lines[-1] == "and 149 warnings more"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "line 1, byte 0: text ends too early"),
        (b"[]", "expected an object"),
        (b'{"agentId": "a", "agentId": "b"}', "line 1, byte 26, agentId: duplicate key"),
        (b'{\n"agentId": "a",\n\n"agentId": "b"}', "line 4, byte 28, agentId: duplicate key"),
        (b'{"agentId": "a",}', "line 1, byte 15, agentId: expected a key"),
        (b'{"agentId": "\xff"}', ", agentId: invalid UTF-8"),
        (b'{"contacts": [{"phoneNumber": 01}]}', "contacts[0].phoneNumber: "),
        (b'{"options": {"priority": 1e999}}', "options.priority: "),
        (b"{} {}", "text after the value"),
        (b"[" * 100000, "expected an object"),
        (b"\xef\xbb\xbf{}", "byte 1: unexpected character"),
    ],
)
def test_json_with_a_fault_is_told_by_its_byte(shop: Shop, text: bytes, said: str) -> None:
    before = shop.batches()
    ended = shop.submit(text)
    assert (ended.status, ended.out) == (FAILED, ""), ended
    assert ended.err.startswith(f"carillon: {shop.folder / 'campaign.json'}: ") and said in ended.err
    assert shop.batches() == before


def test_files_that_cannot_be_read_are_told(shop: Shop) -> None:
    campaign = shop.write("campaign.json", CAMPAIGN)
    for args in (("/nonexistent",), (campaign, "--contacts", "/nonexistent")):
        ended = shop.cli("submit", *args)
        assert (ended.status, ended.out, ended.err) == (FAILED, "", "carillon: /nonexistent: No such file or directory\n")
    for args in ((shop.folder,), (campaign, "--contacts", shop.folder)):
        ended = shop.cli("submit", *args)
        assert (ended.status, ended.err) == (FAILED, f"carillon: {shop.folder}: Is a directory\n")


def test_contacts_from_two_places_are_refused(shop: Shop) -> None:
    ended = shop.submit({**CAMPAIGN, "contacts": [{"phoneNumber": "+15550001111"}]}, CSV)
    assert (ended.status, ended.out) == (FAILED, "") and "has contacts of its own" in ended.err
    batch_of(shop.submit({**CAMPAIGN, "contacts": []}, CSV))


def test_a_key_that_may_not_is_told(shop: Shop) -> None:
    viewer = Cli(url=shop.api.process.url, api_key_file=shop.write("viewer", shop.api.key("acme", "viewer")))
    nobody = Cli(url=shop.api.process.url, api_key_file=shop.write("nobody", "crl_nobody"))
    campaign = shop.write("campaign.json", {**CAMPAIGN, "contacts": [{"phoneNumber": "+15550001111"}]})
    for cli, status in ((viewer, "(403 FORBIDDEN)"), (nobody, "(401 UNAUTHORIZED)")):
        ended = cli("submit", campaign)
        assert (ended.status, ended.out) == (FAILED, "") and status in ended.err, ended
        assert "crl_" not in ended.err


# ---- control ----


def test_pause_resume_and_cancel(shop: Shop) -> None:
    batch = batch_of(shop.submit(None, CSV))
    for verb, state in (("pause", "paused"), ("resume", "pending"), ("cancel", "cancelled")):
        ended = shop.cli(verb, batch)
        assert (ended.status, ended.out, ended.err) == (DONE, f"{batch} {state}\n", "")
    ended = shop.cli("resume", batch)
    assert (ended.status, ended.out) == (FAILED, "")
    assert "(409 BATCH_STATE)" in ended.err and "  status: cancelled\n  allowedStates: paused\n" in ended.err
    told = shop.cli("resume", batch, "--json")
    assert told.status == FAILED and told.json()["details"]["allowedStates"] == ["paused"]


def test_control_answers_in_json(shop: Shop) -> None:
    batch = batch_of(shop.submit(None, CSV))
    for verb, state in (("pause", "paused"), ("resume", "pending"), ("cancel", "cancelled")):
        said = shop.cli(verb, batch, "--json").json()
        assert (said["batchId"], said["status"]) == (batch, state)


def test_a_batch_that_is_not_there_is_told(shop: Shop) -> None:
    for verb in ("pause", "resume", "cancel", "watch"):
        ended = shop.cli(verb, "batch_c0_none")
        assert (ended.status, ended.out) == (FAILED, "") and "(404 BATCH_NOT_FOUND)" in ended.err, ended
    assert shop.cli("pause", "batch_none").status == USAGE


# ---- watch, on the real thing ----


def test_a_batch_is_watched_to_its_end(shop: Shop) -> None:
    batch = batch_of(shop.submit(None, CSV))
    fleet = Fleet(shop.api.engine)
    fleet.run(20.0, lambda: shop.api.batch(batch)["state"] == "completed")
    ended = shop.cli("watch", batch)
    assert ended.status == DONE, ended
    first, last = ended.out.splitlines()
    assert first.startswith("completed: 2/2 (100%), ") and first.endswith("of 7 calls/s, completed 2")
    assert last.endswith(": 2 contacts, 2 attempts, 100.0% succeeded")
    told = shop.cli("watch", batch, "--json").json()
    assert (told["batchId"], told["status"], told["outcomes"]) == (batch, "completed", {"COMPLETED": 2})
    cancelled = batch_of(shop.submit(None, CSV))
    shop.cli.done("cancel", cancelled)
    assert shop.cli("watch", cancelled).status == FAILED
