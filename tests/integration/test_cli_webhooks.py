# SPDX-License-Identifier: Apache-2.0
"""`carillon webhooks` against a real producer."""

from __future__ import annotations

import pathlib

import pytest

from tests.support.cli import DONE, FAILED, USAGE, Cli
from tests.support.hooks import Notifying
from tests.support.producer_api import Api, numbers

URL = "https://crm.example/hooks"


@pytest.fixture
def cli(api: Api, acme: str, tmp_path: pathlib.Path) -> Cli:
    key_file = tmp_path / "api.key"
    key_file.write_text(acme + "\n", encoding="ascii")
    return Cli(url=api.process.url, api_key_file=key_file)


@pytest.fixture
def desk(api: Api, acme: str) -> Notifying:
    batch = api.create(acme, numbers(1), scheduledStartTime="2035-01-01T00:00:00Z", webhooks={"onEvent": URL})
    return Notifying(api.engine.scripts, "acme", batch, URL)


def test_an_endpoint_is_listed_shown_disabled_and_enabled(cli: Cli, desk: Notifying) -> None:
    assert desk.endpoint in cli("webhooks", "list").out
    assert [row["id"] for row in cli("webhooks", "list", "--json").json() if row["origin"] == "https://crm.example"] == [desk.endpoint]
    assert cli("webhooks", "show", desk.endpoint, "--json").json()["status"] == "active"
    assert cli("webhooks", "disable", desk.endpoint, "--json").json()["reason"] == "tenant"
    assert "disabled" in cli("webhooks", "show", desk.endpoint).out
    refused = cli("webhooks", "test", desk.endpoint, URL)
    assert refused.status == FAILED and "disabled" in refused.err
    assert cli("webhooks", "enable", desk.endpoint, "--json").json()["status"] == "active"


def test_what_was_given_up_is_listed_and_asked_for_again(cli: Cli, desk: Notifying) -> None:
    first, second = desk.queue(1), desk.queue(2)
    desk.finish_all("dead", "timeout", 0)
    listed = cli("webhooks", "deliveries", desk.endpoint, "--state", "dead", "--json").json()
    assert {row["id"] for row in listed} == {first, second} and {row["lastCode"] for row in listed} == {"timeout"}
    assert first in cli("webhooks", "deliveries", desk.endpoint).out
    assert cli("webhooks", "redeliver", first, "--json").json() == {"success": True, "deliveryId": first}
    assert cli("webhooks", "redeliver", first).status == FAILED
    assert cli("webhooks", "recover", desk.endpoint, "--since", "2020-01-01T00:00:00Z", "--json").json() == {"recovered": 1, "gone": 0}
    assert cli("webhooks", "recover", desk.endpoint, "--since", "yesterday").status != DONE


def test_a_test_is_asked_for_and_a_secret_comes_alone_on_stdout(api: Api, cli: Cli, desk: Notifying) -> None:
    assert cli("webhooks", "test", desk.endpoint, URL, "--json").json()["deliveryId"].startswith("evt_test_")
    ended = cli("webhooks", "rotate", desk.endpoint, "--grace-seconds", "60")
    assert ended.status == DONE and ended.out.startswith("whsec_") and len(ended.out.splitlines()) == 1
    kept = api.engine.hash(f"hooks:endpoint:{desk.endpoint}")
    assert kept["rotated_ms"] and ended.out.strip() not in str(kept) and "previous" in kept


def test_an_endpoint_is_removed_and_what_waited_is_counted(api: Api, acme: str, cli: Cli) -> None:
    url = "https://removed.example/hooks"
    batch = api.create(acme, numbers(1), scheduledStartTime="2035-01-01T00:00:00Z", webhooks={"onEvent": url})
    desk = Notifying(api.engine.scripts, "acme", batch, url)
    desk.queue(1), desk.queue(2)
    assert cli("webhooks", "remove", desk.endpoint, "--json").json() == {"success": True, "id": desk.endpoint, "dropped": 2}
    assert desk.endpoint not in cli("webhooks", "list").out


@pytest.mark.parametrize("verb", ["show", "deliveries", "redeliver", "recover", "rotate", "enable", "disable", "remove"])
def test_what_is_not_there_is_said_to_be_so(cli: Cli, verb: str) -> None:
    ended = cli("webhooks", verb, "nobody")
    assert ended.status == FAILED and ended.out == "" and "no such" in ended.err
    assert cli("webhooks", verb, "a/b").status == USAGE
