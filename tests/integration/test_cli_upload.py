# SPDX-License-Identifier: Apache-2.0
"""`carillon submit` of files that go in chunks: whatever breaks meanwhile, and wherever, there is one batch with the exact
count at the end."""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.cli import DONE, FAILED, Cli, Ended
from tests.support.lines import Line, Switchboard
from tests.support.processes import program
from tests.support.producer_api import Api
from tests.support.redis_server import RedisServer
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until

ROWS = 10_000
CHUNK = 16_384
ROW = "+1555{0:07d},c{0},\"Name {0}\nof two lines\",gold\n"
HEADER = "phoneNumber,id,name,plan\n"


class Desk:
    """A tenant with its files, and the tool."""

    def __init__(self, api: Api, folder: pathlib.Path) -> None:
        self.api, self.folder = api, folder
        self.key = api.tenant("acme")
        self.key_file = self.write("api.key", self.key + "\n")
        self.campaign = self.write("campaign.json", json.dumps({"agentId": "agent_123", "options": {"priority": 8}}))
        self.cli = self.at(api.process.url)

    def at(self, url: str) -> Cli:
        return Cli(url=url, api_key_file=self.key_file, redis_url=self.api.server.url)

    def write(self, name: str, text: str) -> pathlib.Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8", newline="")
        return path

    def contacts(self, rows: int = ROWS, more: str = "") -> pathlib.Path:
        return self.write("contacts.csv", HEADER + "".join(ROW.format(i) for i in range(rows)) + more)

    def command(self, csv: pathlib.Path, *more: str) -> list[str]:
        return ["submit", str(self.campaign), "--contacts", str(csv), "--chunk-bytes", str(CHUNK), *more]

    def batches(self) -> list[str]:
        names = self.api.client.scan_iter(match="carillon:{c0}:batch:*", count=1000)
        return sorted({name.decode().split(":")[3] for name in names})

    def check_whole(self, batch: str, rows: int = ROWS, state: str = "pending") -> None:
        """One batch, and every contact in it exactly once."""
        assert self.batches() == [batch]
        held = self.api.batch(batch)
        assert (held["state"], held["total"]) == (state, str(rows))
        assert self.api.contacts(batch) == rows

    def begun(self) -> int:
        """How many contacts lie in whatever batch there is."""
        return sum(int(self.api.batch(batch).get("total", 0)) for batch in self.batches())


@pytest.fixture
def desk(redis_server: RedisServer, tmp_path: pathlib.Path) -> Iterator[Desk]:
    with Api(redis_server) as api:
        api.trunk("main")
        yield Desk(api, tmp_path)


def batch_of(ended: Ended, rows: int = ROWS, state: str = "pending") -> str:
    assert ended.status == DONE, ended
    batch = ended.out.split()[0]
    assert ended.out == f"{batch} {state}, {rows} contacts\n", ended
    return batch


class Running:
    """The tool under way."""

    def __init__(self, cli: Cli, command: list[str]) -> None:
        self.process = subprocess.Popen(
            [str(program("carillon")), *command], env=cli.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def end(self) -> Ended:
        out, err = self.process.communicate(timeout=60)
        return Ended((), self.process.returncode, out, err)


def restart(api: Api) -> None:
    """On the same port."""
    address = f"127.0.0.1:{api.process.port}"
    api.process.args = [address if arg == "127.0.0.1:0" else arg for arg in api.process.args]
    api.process.start()


# ---- when all goes well ----


def test_a_file_goes_in_whole_and_again_not_at_all(desk: Desk) -> None:
    command = desk.command(desk.contacts())
    ended = desk.cli(*command)
    batch = batch_of(ended)
    assert ended.err == ""
    desk.check_whole(batch)
    assert desk.api.batch(batch)["priority"] == "8"
    again = desk.cli(*command)
    assert (again.status, again.out) == (DONE, ended.out) and again.err.startswith(f"{batch} was submitted before")
    desk.check_whole(batch)
    told = desk.cli(*command, "--json").json()
    assert (told["batchId"], told["status"], told["total"], told["resumed"]) == (batch, "pending", ROWS, True)


@pytest.mark.parametrize("rows", [100, 2000], ids=["in one request", "in chunks"])
def test_a_draft_dials_nothing_until_it_is_started(desk: Desk, rows: int) -> None:
    command = desk.command(desk.contacts(rows), "--draft")
    batch = batch_of(desk.cli(*command), rows, "draft")
    assert batch_of(desk.cli(*command), rows, "draft") == batch
    desk.check_whole(batch, rows, "draft")
    assert desk.cli.done("start", "batch", batch).out == f"{batch} pending\n"
    desk.check_whole(batch, rows)
    assert desk.cli.done("start", "batch", batch).out == f"{batch} pending\n", "once started, it is started"


def test_a_draft_of_chunks_is_started_by_the_same_command(desk: Desk) -> None:
    command = desk.command(desk.contacts(2000))
    batch = batch_of(desk.cli(*command, "--draft"), 2000, "draft")
    assert batch_of(desk.cli(*command), 2000) == batch
    desk.check_whole(batch, 2000)


def test_a_file_by_standard_input(desk: Desk) -> None:
    text = desk.contacts(3000).read_bytes()
    ended = desk.cli("submit", desk.campaign, "--contacts", "-", "--chunk-bytes", str(CHUNK), stdin=text)
    desk.check_whole(batch_of(ended, 3000), 3000)


def test_rows_that_are_left_out_are_told_by_their_place_in_the_file(desk: Desk) -> None:
    csv = desk.contacts(5000, more="555,bad,Bob,gold\n+15550000007,again,Eve,gold\nx,y\n+15559999999,ok,Zoe,gold\n")
    ended = desk.cli(*desk.command(csv))
    batch_of(ended, 5001)
    lines = [line.removeprefix(f"{csv}: ") for line in ended.err.splitlines()]
    assert lines.pop() == "3 rows left out, 5001 contacts"
    assert sorted(line.split(":")[0] for line in lines) == ["row 5002", "row 5003", "row 5004"]
    lines.sort()
    assert "phoneNumber" in lines[0] and "DUPLICATE" in lines[1] and "+1555" not in ended.err
    told = desk.cli(*desk.command(csv, "--run", "again", "--json")).json()
    assert (told["rejectedRows"], told["duplicateRows"], told["total"]) == (2, 1, 5001)


@pytest.mark.parametrize(
    ("csv", "said"),
    [
        ("", "is empty: its first row must name the columns"),
        ("name\n" + "Ann\n" * 2000, "row 1: phoneNumber is required"),
        ("phoneNumber,name\n" + "\n" * 5000, "holds no contact"),
        ('phoneNumber,"name\n' + "x\n" * 20000, "row 1: has a field of more than 16,384 bytes"),
    ],
    ids=["empty", "without numbers", "without rows", "with an open quote"],
)
def test_a_file_that_is_none_makes_no_batch(desk: Desk, csv: str, said: str) -> None:
    ended = desk.cli(*desk.command(desk.write("contacts.csv", csv), "--draft"))
    assert (ended.status, ended.out) == (FAILED, ""), ended
    assert said in ended.err and "ERR_" not in ended.err
    assert desk.batches() == []


# ---- when something breaks ----


def line_to(desk: Desk, board: Switchboard) -> Line:
    return board.line("api", lambda: [("127.0.0.1", desk.api.process.port)])


@pytest.mark.parametrize("where", ["request", "before_answer"])
def test_a_line_that_breaks_again_and_again(desk: Desk, where: str) -> None:
    command = desk.command(desk.contacts())
    with Switchboard() as board:
        line = line_to(desk, board)
        line.cut_after(10_000, times=4, where=where)
        ended = desk.at(line.url)(*command)
        assert line.cuts == 4
    desk.check_whole(batch_of(ended))
    assert "trying again" in ended.err and "answers again" in ended.err


def test_the_answers_to_draft_and_start_may_get_lost(desk: Desk) -> None:
    command = desk.command(desk.contacts(500))
    with Switchboard() as board:
        line = line_to(desk, board)
        line.cut_after(1, times=2, where="before_answer")
        ended = desk.at(line.url)(*command)
        assert line.cuts == 2
    desk.check_whole(batch_of(ended, 500), 500)


def test_a_producer_that_is_killed_and_started_again(desk: Desk) -> None:
    running = Running(desk.cli, desk.command(desk.contacts()))
    wait_until(lambda: desk.begun() > ROWS // 4, 30.0, "a quarter is there", 0.002)
    desk.api.process.kill()
    restart(desk.api)
    ended = running.end()
    desk.check_whole(batch_of(ended))


@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGINT])
def test_a_tool_that_is_ended_goes_on_when_it_is_called_again(desk: Desk, signo: int) -> None:
    command = desk.command(desk.contacts())
    running = Running(desk.cli, command)
    wait_until(lambda: desk.begun() > ROWS // 4, 30.0, "a quarter is there", 0.002)
    running.process.send_signal(signo)
    ended = running.end()
    assert (ended.status, ended.out) == (-signo, "")
    (batch,) = desk.batches()
    assert desk.api.batch(batch)["state"] == "draft", "what is not complete dials nothing"
    if signo == signal.SIGINT:
        assert ended.err.endswith(f"{batch} is not complete: the same command again goes on from here\n")
    assert batch_of(desk.cli(*command)) == batch
    desk.check_whole(batch)


def test_a_producer_that_stays_away_is_given_up_and_a_later_call_goes_on(desk: Desk) -> None:
    command = desk.command(desk.contacts())
    running = Running(desk.cli, [*command, "--patience-s", "1"])
    wait_until(lambda: desk.begun() > ROWS // 4, 30.0, "a quarter is there", 0.002)
    desk.api.process.kill()
    ended = running.end()
    assert (ended.status, ended.out) == (FAILED, "") and "the same command again goes on from here" in ended.err
    restart(desk.api)
    desk.check_whole(batch_of(desk.cli(*command)))


# ---- on a terminal ----


def test_on_a_terminal_there_is_a_bar(desk: Desk) -> None:
    csv = desk.contacts(5000, more="555,bad,Bob,gold\n")
    with Terminal(desk.cli, *desk.command(csv), columns=90) as terminal:
        assert terminal.wait() == DONE
        lines = terminal.lines()
    assert lines[0].startswith("[########################] 100%  5,001 rows  ") and lines[0].endswith("  1 rejected"), lines
    assert lines[-2].endswith(" pending, 5000 contacts"), lines
    assert "%" not in "".join(lines[1:])

