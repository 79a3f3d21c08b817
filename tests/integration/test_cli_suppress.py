# SPDX-License-Identifier: Apache-2.0
"""`carillon suppress add`, `remove`, `list` against a real producer."""

from __future__ import annotations

import json
import pathlib

import pytest

from tests.support.cli import DONE, FAILED, Cli
from tests.support.producer_api import Api, numbers


@pytest.fixture
def cli(api: Api, acme: str, tmp_path: pathlib.Path) -> Cli:
    for key in api.client.scan_iter("carillon:*:suppressed*"):
        api.client.delete(key)
    key_file = tmp_path / "api.key"
    key_file.write_text(acme + "\n", encoding="ascii")
    return Cli(url=api.process.url, api_key_file=key_file)


def held(api: Api, rest: str) -> int:
    return int(api.client.scard(f"carillon:{{c0}}:{rest}"))


def test_numbers_of_a_file_are_put_listed_and_taken_off(api: Api, cli: Cli, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "numbers"
    file.write_bytes(b"+15550002222\r\n\n+1 (555) 000-1111 \n+15550002222")
    ended = cli("suppress", "add", file)
    assert (ended.status, ended.out, ended.err) == (DONE, "2 added, 1 known, 2 on the list\n", "")
    assert cli("suppress", "list").out == "+15550001111\n+15550002222\n"
    assert cli("suppress", "list", "--json").json() == {
        "scope": "tenant", "total": 2, "phoneNumbers": ["+15550001111", "+15550002222"], "nextCursor": None,
    }  # fmt: skip
    ended = cli("suppress", "remove", "-", stdin=b"+15550001111\n+15550003333\n")
    assert (ended.status, ended.out) == (DONE, "1 removed, 1 unknown, 1 on the list\n")
    assert cli("suppress", "add", file, "--json").json() == {"added": 1, "known": 2, "total": 2}
    assert held(api, "suppressed:t/acme") == 2


def test_a_long_file_goes_in_parts_and_a_long_list_comes_in_pages(api: Api, cli: Cli) -> None:
    wanted = numbers(20_001, 15551000000)
    ended = cli("suppress", "add", "-", stdin="\n".join(wanted).encode())
    assert ended.out == "20001 added, 0 known, 20001 on the list\n"
    listed = cli("suppress", "list").out.splitlines()
    assert len(listed) >= len(wanted) and set(listed) == set(wanted)
    pages = [json.loads(line) for line in cli("suppress", "list", "--json").out.splitlines()]
    assert len(pages) > 15 and {number for page in pages for number in page["phoneNumbers"]} == set(wanted)


def test_an_operators_key_is_about_everybodys_list(api: Api, cli: Cli, tmp_path: pathlib.Path) -> None:
    key_file = tmp_path / "operator.key"
    key_file.write_text(api.key("", "operator") + "\n", encoding="ascii")
    assert cli("suppress", "add", "-", "--api-key-file", key_file, stdin=b"+15550001111\n").status == DONE
    assert (held(api, "suppressed"), held(api, "suppressed:t/acme")) == (1, 0)


@pytest.mark.parametrize(("text", "said"), (
    (b"+15550001111\n15550002222\n\nx\n", ["line 2 is not", "line 4 is not"]),
    (b"\n \n", ["holds no number"]),
    (b"", ["holds no number"]),
    (b"+15550001111,Ann\n", ["line 1 is not"]),
    (b"x\n" * 60, ["line 50 is not", "and 10 lines more"]),
))  # fmt: skip
def test_a_file_with_a_line_that_is_no_number_sends_nothing(api: Api, cli: Cli, text: bytes, said: list[str]) -> None:
    ended = cli("suppress", "add", "-", stdin=text)
    assert ended.status == FAILED and ended.out == ""
    assert all(word in ended.err for word in said) and held(api, "suppressed:t/acme") == 0


def test_a_file_that_is_not_there_and_a_key_that_may_only_read(api: Api, cli: Cli, tmp_path: pathlib.Path) -> None:
    ended = cli("suppress", "add", tmp_path / "nothing")
    assert ended.status == FAILED and "No such file" in ended.err
    key_file = tmp_path / "viewer.key"
    key_file.write_text(api.key("acme", "viewer") + "\n", encoding="ascii")
    ended = cli("suppress", "add", "-", "--api-key-file", key_file, stdin=b"+15550001111\n")
    assert ended.status == FAILED and "may only read" in ended.err and held(api, "suppressed:t/acme") == 0
    assert cli("suppress", "list", "--api-key-file", key_file).status == DONE
