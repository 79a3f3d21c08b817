# SPDX-License-Identifier: Apache-2.0
"""`carillon provider check`: what is wrong with a profile, where, and what a good one would send. It talks to nobody."""

from __future__ import annotations

import json
import pathlib
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.cli import DONE, FAILED, USAGE, Cli

PROFILES = pathlib.Path(__file__).resolve().parents[2] / "worker" / "profiles"
NOWHERE = "redis://127.0.0.1:1"


@pytest.fixture
def cli() -> Cli:
    return Cli(redis_url=NOWHERE, url="http://127.0.0.1:1")


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.json")), ids=lambda path: path.stem)
def test_every_profile_that_ships_passes(cli: Cli, path: pathlib.Path) -> None:
    ended = cli("provider", "check", path)
    assert (ended.status, ended.err) == (DONE, ""), ended
    assert ended.out.startswith(f"{path}: ok: profile {path.stem}\n")
    answer = cli("provider", "check", path, "--json").json()
    assert (answer["ok"], answer["profile"], answer["faults"]) == (True, path.stem, [])
    described = set(json.loads(path.read_text(encoding="utf-8")))
    assert set(answer["requests"]) == {"start", "poll", "lookup", "cancel"} & described
    for request in answer["requests"].values():
        assert "CREDENTIAL" in request["headers"]["Authorization"]
        assert "CREDENTIAL" not in request["url"] + request.get("body", "")


def test_twilios_requests_are_shown_as_they_would_be_sent(cli: Cli) -> None:
    answer = cli("provider", "check", PROFILES / "twilio.json", "--json").json()
    start = answer["requests"]["start"]
    assert (start["method"], start["url"]) == ("POST", "https://api.twilio.com/2010-04-01/Accounts/AC.../Calls.json")
    assert start["headers"]["Authorization"] == "Basic base64(AC...:CREDENTIAL)"
    form = urllib.parse.parse_qs(start["body"])
    assert form["To"] == ["+15551230042"] and len(form["StatusCallbackEvent"]) == 4
    assert form["MachineDetection"] == ["Enable"]
    assert answer["requests"]["cancel"]["body"] == "Status=canceled"
    assert answer["callback"] == {
        "path": "/callbacks/twilio/{token}",
        "body": "form",
        "signature": "twilio",
        "header": "x-twilio-signature",
    }
    assert answer["lookupSpanMs"] > 0
    text = cli("provider", "check", PROFILES / "twilio.json").out
    for line in (
        "  --variable answer_url=https://...  what Twilio fetches",
        "(by number and time: the platform keeps no token)",
        "    INVALID_NUMBER  13223, 13224, 13226, 21211, 21214, 21217",
        "    CANCELLED       canceled",
        "POST /callbacks/twilio/{token}",
    ):
        assert line in text, line


def test_retells_lookup_is_by_our_token(cli: Cli) -> None:
    answer = cli("provider", "check", PROFILES / "retell.json", "--json").json()
    assert answer["lookupSpanMs"] == 0 and answer["callback"]["path"] == "/callbacks/retell"
    body = json.loads(answer["requests"]["lookup"]["body"])
    assert body["filter_criteria"]["metadata"][0]["value"] in answer["requests"]["start"]["body"]


Change = Callable[[dict[str, Any]], object]
CHANGES: list[tuple[str, Change]] = [
    ("format", lambda p: p.update(format=2)),
    ("pol", lambda p: p.update(pol={})),
    ("call.state.map.queued", lambda p: p["call"]["state"]["map"].update(queued="waiting")),
    ("call.outcomes[2].map.busy", lambda p: p["call"]["outcomes"][2]["map"].update(busy="ENGAGED")),
    ("start.verdicts[0].map.21211", lambda p: p["start"]["verdicts"][0]["map"].update({"21211": "BUSY"})),
    ("start.request.form.Timeout", lambda p: p["start"]["request"]["form"].update(Timeout="{{ring_timeout}}")),
    ("callback.signature.kind", lambda p: p["callback"]["signature"].update(kind="md5")),
    ("lookup.match./to", lambda p: p["lookup"]["match"].update({"/to": 7})),
]


def test_all_faults_are_named_with_their_lines(cli: Cli, tmp_path: pathlib.Path) -> None:
    profile = json.loads((PROFILES / "twilio.json").read_text(encoding="utf-8"))
    for _, change in CHANGES:
        change(profile)
    path = tmp_path / "twilio.json"
    path.write_text(json.dumps(profile, indent=1), encoding="utf-8")
    lines = path.read_text(encoding="utf-8").splitlines()
    ended = cli("provider", "check", path, "--json")
    assert ended.status == FAILED
    answer = ended.json()
    assert answer["ok"] is False and "requests" not in answer
    assert {fault["path"] for fault in answer["faults"]} == {where for where, _ in CHANGES}
    for fault in answer["faults"]:
        name = fault["path"].rsplit(".", 1)[-1].split("[")[0]
        assert f'"{name}"' in lines[fault["line"] - 1], fault
    text = cli("provider", "check", path)
    assert (text.status, text.err) == (FAILED, "")
    said = {f"{path}:{fault['line']}: {fault['path']}: {fault['message']}" for fault in answer["faults"]}
    assert set(text.out.splitlines()) == said


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"", 1, ""),
        (b"{\n \"format\": 1,\n \"format\": 1\n}", 3, "duplicate key"),
        (b"{\n\n \"a\": \xff}", 3, "unexpected character"),
        (b"[]", 1, "must be an object"),
    ],
)
def test_what_is_no_json_object_is_refused(cli: Cli, tmp_path: pathlib.Path, content: bytes, line: int, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    ended = cli("provider", "check", path)
    assert ended.status == FAILED and ended.out.startswith(f"{path}:{line}: "), ended
    assert said in ended.out


def test_a_file_is_named_after_its_profile(cli: Cli, tmp_path: pathlib.Path) -> None:
    text = (PROFILES / "retell.json").read_bytes()
    for name, status in (("retell2.json", FAILED), ("tell.json", FAILED), ("retell.json", DONE), ("profile.txt", DONE)):
        (tmp_path / name).write_bytes(text)
        ended = cli("provider", "check", tmp_path / name)
        assert ended.status == status, ended
        assert ("must be the name of the file" in ended.out) == (status == FAILED)


def test_files_that_cannot_be_read_are_told(cli: Cli, tmp_path: pathlib.Path) -> None:
    (tmp_path / "big.json").write_bytes(b" " * (64 * 1024 + 1))
    for name, said in (("none.json", "No such file"), (".", "directory"), ("big.json", "64 KiB")):
        ended = cli("provider", "check", tmp_path / name)
        assert (ended.status, ended.out) == (FAILED, "") and said in ended.err, ended
    assert cli("provider", "check").status == USAGE
