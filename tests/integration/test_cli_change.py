# SPDX-License-Identifier: Apache-2.0
"""`carillon set`, `redial`, `dial`, and `cancel --in-flight`, against a real producer."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.support.cli import FAILED, USAGE, Cli
from tests.support.lines import Switchboard
from tests.support.producer_api import Api
from tests.support.redis_server import RedisServer


class Desk:
    def __init__(self, api: Api, directory: pathlib.Path) -> None:
        self.api = api
        api.trunk("main")
        self.key = api.tenant("acme")
        self.key_file = directory / "api.key"
        self.key_file.write_text(self.key + "\n")
        self.cli = Cli(url=api.process.url, api_key_file=self.key_file)


@pytest.fixture(scope="module")
def desk(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Api(redis_server, "--allow-private-webhooks", "127.0.0.0/8") as api:
        yield Desk(api, tmp_path_factory.mktemp("desk"))


def test_set_changes_what_is_named(desk: Desk) -> None:
    batch = desk.api.create(desk.key, desk.api.fresh_numbers(1), maxConcurrentCalls=3, tags=["old"], scheduledStartTime="2035-01-01T00:00:00Z")
    ended = desk.cli.done("set", batch, "--priority", "9", "--cps", "4", "--max-concurrent", "none", "--tag", "a b", "--tag", "c",
                          "--start", "2035-02-01T00:00:00Z", "--expires", "2035-03-01T00:00:00Z")  # fmt: skip
    assert ended.out == f"{batch} scheduled\n"
    options = desk.api.get(f"/api/v1/batch/{batch}", desk.key).json()["options"]
    assert (options["priority"], options["maxCallsPerSecond"], options["tags"]) == (9, 4, ["a b", "c"])
    assert "maxConcurrentCalls" not in options
    assert (options["scheduledStartTime"], options["expiresAt"]) == ("2035-02-01T00:00:00.000Z", "2035-03-01T00:00:00.000Z")
    assert desk.cli.done("set", batch, "--start", "none", "--json").json()["status"] == "pending"
    refused = desk.cli("set", batch, "--priority", "11", "--cps", "0")
    assert refused.status == FAILED and "priority" in refused.err and "maxCallsPerSecond" in refused.err
    assert desk.cli("set", batch).status == USAGE
    assert desk.cli("set", batch, "--priority", "high").status == USAGE
    desk.cli.done("cancel", batch)


def test_redial_makes_a_batch_of_those_who_ended_so(desk: Desk) -> None:
    batch = desk.api.create(desk.key, desk.api.fresh_numbers(3), maxCallsPerSecond=30)
    for outcome in ("BUSY", "NO_ANSWER", "COMPLETED"):
        desk.api.engine.finish(desk.api.engine.begin_next(batch), outcome=outcome)
    printed = desk.cli.done("redial", batch).out
    again = printed.split()[0]
    assert printed == f"{again} pending, 2 contacts\n" and desk.api.batch(again)["redial_of"] == batch
    desk.cli.done("cancel", again)
    told = desk.cli.done("redial", batch, "--outcome", "BUSY", "--json").json()
    assert told["outcomes"] == {"BUSY": 1}
    desk.cli.done("cancel", told["batchId"])
    none = desk.cli("redial", batch, "--outcome", "SUPPRESSED")
    assert none.status == FAILED and "NOTHING_TO_REDIAL" in none.err


def test_dial_places_one_call(desk: Desk) -> None:
    (to,) = desk.api.fresh_numbers(1)
    call, status = desk.cli.done("dial", to, "--agent", "agent_1", "--contact-id", "c1", "--callback", "http://127.0.0.1:9/x").out.split()
    assert status == "SCHEDULED" and desk.api.batch(call[:-2])["on_call_complete"] == "http://127.0.0.1:9/x"
    again = desk.cli("dial", to, "--agent", "agent_1")
    assert again.status == FAILED and "CALL_IN_PROGRESS" in again.err and call in again.err
    assert desk.cli("dial", to).status == USAGE
    desk.cli.done("cancel", call[:-2])


# ---- what is made, is made once ----


def making(desk: Desk, verb: str) -> list[str]:
    """A command that makes something of one contact."""
    (number,) = desk.api.fresh_numbers(1)
    if verb == "dial":
        return ["dial", number, "--agent", "agent_1"]
    source = desk.api.create(desk.key, [number], maxCallsPerSecond=30)
    desk.api.engine.finish(desk.api.engine.begin_next(source), outcome="BUSY")
    return ["redial", source]


def batches(desk: Desk) -> set[bytes]:
    return {name for name in desk.api.client.scan_iter(match="carillon:{c0}:batch:*", count=1000) if name.count(b":") == 3}


@pytest.mark.parametrize("where", ["request", "before_answer"])
@pytest.mark.parametrize("verb", ["dial", "redial"])
def test_what_is_made_is_made_once_where_the_line_breaks(desk: Desk, verb: str, where: str) -> None:
    command = making(desk, verb)
    before = batches(desk)
    with Switchboard() as board:
        line = board.line("api", lambda: [("127.0.0.1", desk.api.process.port)])
        line.cut_after(1, times=2, where=where)
        ended = Cli(url=line.url, api_key_file=desk.key_file).done(*command)
        assert line.cuts == 2
    assert "trying again" in ended.err and "answers again" in ended.err
    assert len(batches(desk) - before) == 1
    desk.cli.done("cancel", ended.out.split()[0].removesuffix("-0"))


@pytest.mark.parametrize("verb", ["dial", "redial"])
def test_the_same_command_with_the_same_key_makes_nothing_twice(desk: Desk, verb: str) -> None:
    named = [*making(desk, verb), "--idempotency-key", f"monday-{verb}"]
    first = desk.cli.done(*named)
    assert first.err == ""
    again = desk.cli.done(*named)
    assert again.out == first.out and "made before" in again.err
    desk.cli.done("cancel", first.out.split()[0].removesuffix("-0"))


@pytest.mark.parametrize("key", ["", "two words", "k" * 256, "\u00e9"])
def test_a_key_that_no_producer_takes_is_refused_before_it_is_asked(desk: Desk, key: str) -> None:
    assert desk.cli("dial", "+15550009999", "--agent", "agent_1", "--idempotency-key", key).status == USAGE


def test_a_cancel_in_flight_is_asked_for(desk: Desk) -> None:
    batch = desk.api.create(desk.key, desk.api.fresh_numbers(2), maxCallsPerSecond=30)
    desk.api.engine.begin_next(batch)
    assert desk.cli.done("cancel", batch, "--in-flight").out == f"{batch} cancelling\n"
    assert desk.api.batch(batch)["stops_live"] == "1"
