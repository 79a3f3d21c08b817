# SPDX-License-Identifier: Apache-2.0
"""`carillon watch`: what a person sees on a terminal, what a script reads, and how it ends. The producer is a stand-in that
says what the test wants."""

from __future__ import annotations

import contextlib
import json
import pathlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cli import DONE, FAILED, Cli, start
from tests.support.engine import Fleet
from tests.support.http_receiver import Answer, HttpReceiver, Received
from tests.support.producer_api import Api
from tests.support.redis_server import RedisServer
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until

BATCH = "batch_c0_abc"
MADE = {"success": True, "batchId": BATCH, "status": "pending", "total": 500, "warnings": []}


def status(state: str = "processing", done: int = 330, **more: Any) -> dict[str, Any]:
    return {
        "batchId": BATCH,
        "status": state,
        "statistics": {"total": 500, "processed": done, "succeeded": done * 7 // 10, "failed": done - done * 7 // 10},
        "performance": {"callsPerSecond": 11.94, "estimatedTimeRemaining": 17, "elapsedTime": 48},
        "reason": None,
        "maxCallsPerSecond": 12,
        "attempts": done + 71,
        "ongoing": 3,
        "outcomes": {"COMPLETED": done * 7 // 10, "NO_ANSWER": done - done * 7 // 10},
        **more,
    }


def stream(*said: dict[str, Any], first_id: int = 0, retry_ms: int = 300) -> Answer:
    """An event stream that tells these, and ends without the end of the batch unless one of them is."""
    events = [f"event: status\nid: {first_id + i}\ndata: {json.dumps(one)}\n\n" for i, one in enumerate(said)]
    return Answer(200, f"retry: {retry_ms}\n\n{''.join(events)}".encode(), {"Content-Type": "text/event-stream"})


@contextlib.contextmanager
def producing(redis_server: RedisServer, directory: pathlib.Path) -> Iterator[tuple[Api, str, Cli]]:
    """A real one with a trunk; a tenant's key, and the command line under it."""
    with Api(redis_server) as api:
        api.trunk("main")
        key = api.tenant("acme")
        key_file = directory / "api.key"
        key_file.write_text(key, encoding="ascii")
        yield api, key, Cli(url=api.process.url, api_key_file=key_file)


class Story:
    """A producer that tells one status after the other, each in a stream of its own, and the last one for ever."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = [status()]
        self.looks = 0

    def tell(self, *said: dict[str, Any]) -> None:
        self.said = list(said)
        self.looks = 0

    def answer(self, request: Received) -> Answer:
        if request.method == "POST":
            return Answer(202, json.dumps(MADE).encode())
        assert request.path == f"/api/v1/batch/{BATCH}/events", request
        said = self.said[min(self.looks, len(self.said) - 1)]
        self.looks += 1
        return stream(said, first_id=self.looks)


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def receiver(story: Story) -> Iterator[HttpReceiver]:
    with HttpReceiver(story.answer) as server:
        yield server


@pytest.fixture
def cli(receiver: HttpReceiver, tmp_path: pathlib.Path) -> Cli:
    key = tmp_path / "api.key"
    key.write_text("crl_key", encoding="ascii")
    return Cli(url=receiver.url, api_key_file=key)


# ---- to a file or a pipe ----


def test_lines_tell_every_change_until_the_end(cli: Cli, story: Story) -> None:
    story.tell(status("pending", 0), status(), status(), status("completed", 500, ongoing=0))
    ended = cli("watch", BATCH)
    assert (ended.status, ended.err) == (DONE, ""), ended
    assert ended.out.splitlines() == [
        "pending: 0/500 (0%), 11.9 of 12 calls/s, completed 0, no answer 0, on the line 3, ETA 0:17",
        "processing: 330/500 (66%), 11.9 of 12 calls/s, completed 231, no answer 99, on the line 3, ETA 0:17",
        "completed: 500/500 (100%), 11.9 of 12 calls/s, completed 350, no answer 150",
        "completed in 0:48: 500 contacts, 571 attempts, 70.0% succeeded",
    ]
    assert "\x1b" not in ended.out


def test_json_is_an_object_a_line(cli: Cli, story: Story) -> None:
    said = [status("pending", 0), status(), status("completed", 500)]
    story.tell(*said)
    ended = cli("watch", BATCH, "--json")
    assert ended.status == DONE
    assert [json.loads(line) for line in ended.out.splitlines()] == said


@pytest.mark.parametrize(("state", "reason"), [("cancelled", None), ("failed", "the trunk is gone")])
def test_a_batch_that_did_not_complete_ends_it_with_1(cli: Cli, story: Story, state: str, reason: str | None) -> None:
    story.tell(status(state, 500, reason=reason))
    ended = cli("watch", BATCH)
    assert (ended.status, ended.err) == (FAILED, ""), ended
    assert ended.out.splitlines()[-1].startswith(f"{state} in 0:48: ")
    assert (reason or "") in ended.out
    assert cli("watch", BATCH, "--json").status == FAILED


def test_a_pause_is_no_end(cli: Cli, story: Story) -> None:
    story.tell(status("paused", 5, reason="user"), status("completed", 500))
    ended = cli("watch", BATCH)
    assert ended.status == DONE and ended.out.startswith("paused (user): 5/500 (1%)"), ended


def test_submit_can_watch_what_it_made(cli: Cli, story: Story, tmp_path: pathlib.Path) -> None:
    campaign = tmp_path / "campaign.json"
    campaign.write_text("{}", encoding="ascii")
    story.tell(status(), status("completed", 500))
    ended = cli("submit", campaign, "--watch")
    assert ended.status == DONE, ended
    assert ended.out.startswith(f"{BATCH} pending, 500 contacts\nprocessing: ")
    story.tell(status("cancelled", 500))
    ended = cli("submit", "--watch", campaign, "--json")
    assert ended.status == FAILED
    assert [json.loads(line)["status"] for line in ended.out.splitlines()] == ["pending", "cancelled"]


def test_without_a_reader_it_ends(cli: Cli) -> None:
    running = start(cli, "watch", BATCH, "--json")
    assert running.stdout.readline()
    running.stdout.close()
    assert running.process.wait(30) == FAILED
    assert running.stderr.read() == ""


# ---- when the producer is not there ----


def test_a_producer_that_restarts_is_waited_for(cli: Cli, story: Story, receiver: HttpReceiver) -> None:
    running = start(cli, "watch", BATCH)
    assert running.stdout.readline().startswith("processing: ")
    receiver.answer = Answer(reset=True)
    assert "the producer does not answer: " in running.stderr.readline()
    assert running.stderr.readline() == f"carillon: {BATCH} goes on meanwhile; asking again\n"
    receiver.wait_for(3, where=lambda request: request.index > len(receiver.snapshot()) - 4)
    story.tell(status("completed", 500))
    receiver.answer = story.answer
    assert running.stderr.readline() == "carillon: the producer answers again\n"
    code, out, err = running.end()
    assert (code, err) == (DONE, "")
    assert out.splitlines()[-1].startswith("completed in ")


@pytest.mark.parametrize("code", [503, 500, 429])
def test_a_producer_without_redis_is_waited_for(cli: Cli, story: Story, receiver: HttpReceiver, code: int) -> None:
    body = json.dumps({"error": "Service Unavailable", "code": "UNAVAILABLE", "message": "Redis is away."}).encode()
    answers = [stream(status()), Answer(code, body), Answer(code, body)]
    receiver.answer = lambda request: answers[request.index] if request.index < 3 else story.answer(request)
    story.tell(status("completed", 500))
    ended = cli("watch", BATCH)
    assert ended.status == DONE, ended
    assert ended.err.splitlines() == [
        f"carillon: the producer does not answer: it says {code}: Redis is away.",
        f"carillon: {BATCH} goes on meanwhile; asking again",
        "carillon: the producer answers again",
    ]


def test_a_real_producer_may_be_killed_and_started_again(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    with producing(redis_server, tmp_path) as (api, key, cli):
        batch = api.create(key, ["+15550001111"])
        running = start(cli, "watch", batch)
        assert running.stdout.readline().startswith("pending: 0/1")
        address = f"127.0.0.1:{api.process.port}"
        api.process.kill()
        assert "the producer does not answer" in running.stderr.readline()
        api.process.args[api.process.args.index("127.0.0.1:0")] = address
        api.process.start()
        assert api.post(f"/api/v1/batch/{batch}/cancel", key=key).status == 200
        code, out, _ = running.end()
        assert code == FAILED and out.splitlines()[-1].startswith("cancelled in ")


def test_a_whole_story_may_come_in_one_stream(cli: Cli, receiver: HttpReceiver) -> None:
    receiver.answer = stream(status("pending", 0), *(status(done=i) for i in range(30)), status("completed", 500, ongoing=0))
    ended = cli("watch", BATCH)
    assert (ended.status, ended.err, len(receiver.snapshot())) == (DONE, "", 1), ended
    lines = ended.out.splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == ["pending", *["processing"] * 4, "completed"], lines


def test_a_stream_that_breaks_is_taken_up_where_it_broke(cli: Cli, receiver: HttpReceiver) -> None:
    whole = stream(status(done=1), status(done=2), first_id=7)
    cut = Answer(200, whole.body[: -len(whole.body) // 4], {**whole.headers, "Content-Length": "100000"})
    answers = [stream(status(done=0), first_id=6), cut, stream(status("completed", 500), first_id=9)]
    receiver.answer = lambda request: answers[request.index]
    ended = cli("watch", BATCH)
    assert ended.status == DONE and "the producer answers again" in ended.err, ended
    assert [request.headers.get("last-event-id") for request in receiver.snapshot()] == [None, "6", "7"]


@pytest.mark.parametrize(("code", "name"), [(404, "ROUTE_NOT_FOUND"), (429, "TOO_MANY_LISTENERS"), (503, "BUSY")])
def test_where_there_is_no_stream_it_asks(cli: Cli, receiver: HttpReceiver, code: int, name: str) -> None:
    refusal = Answer(code, json.dumps({"error": "No", "code": name, "message": "No stream."}).encode())
    said = [status("pending", 0), status("completed", 500)]
    asked: list[str] = []

    def answer(request: Received) -> Answer:
        if request.path.endswith("/events"):
            return refusal
        asked.append(request.path)
        return Answer(200, json.dumps(said[len(asked) - 1]).encode())

    receiver.answer = answer
    ended = cli("watch", BATCH)
    assert (ended.status, ended.err, asked) == (DONE, "", [f"/api/v1/batch/{BATCH}"] * 2), ended


@pytest.mark.parametrize("body", [b"event: status\ndata: {}\n\n", b"event: status\ndata: nonsense\n\n"])
def test_a_stream_that_makes_no_sense_ends_it(cli: Cli, receiver: HttpReceiver, body: bytes) -> None:
    receiver.answer = Answer(200, body, {"Content-Type": "text/event-stream"})
    ended = cli("watch", BATCH)
    assert ended.status == FAILED and "makes no sense" in ended.err, ended


def test_a_batch_that_is_not_there_ends_it(cli: Cli, receiver: HttpReceiver) -> None:
    receiver.answer = Answer(404, json.dumps({"error": "Not Found", "code": "BATCH_NOT_FOUND", "message": "No."}).encode())
    ended = cli("watch", BATCH)
    assert (ended.status, ended.out) == (FAILED, "") and "BATCH_NOT_FOUND" in ended.err, ended


def test_a_real_batch_is_followed_by_one_stream_to_its_end(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    with producing(redis_server, tmp_path) as (api, key, cli):
        batch = api.create(key, api.fresh_numbers(20), maxCallsPerSecond=30)
        running = start(cli, "watch", batch, "--json")
        assert json.loads(running.stdout.readline())["status"] == "pending"
        api.post(f"/api/v1/batch/{batch}/pause", key=key)
        assert json.loads(running.stdout.readline())["status"] == "paused"
        api.post(f"/api/v1/batch/{batch}/resume", key=key)
        Fleet(api.engine).run(30.0, until=lambda: api.batch(batch)["state"] == "completed")
        code, out, err = running.end()
        last = json.loads(out.splitlines()[-1])
        assert (code, err, last["status"], last["statistics"]["processed"]) == (DONE, "", "completed", 20)


def test_a_signal_ends_an_open_stream(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    with producing(redis_server, tmp_path) as (api, key, cli):
        batch = api.create(key, ["+15550001111"])
        running = start(cli, "watch", batch)
        assert running.stdout.readline().startswith("pending: 0/1")
        running.process.send_signal(signal.SIGINT)
        code, _, err = running.end()
        assert code == -signal.SIGINT and "is left alone" in err


# ---- signals ----


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_watching_and_leaves_the_batch_alone(cli: Cli, receiver: HttpReceiver, signo: int) -> None:
    running = start(cli, "watch", BATCH)
    assert running.stdout.readline().startswith("processing: ")
    running.process.send_signal(signo)
    code, _, err = running.end()
    assert code == -signo  # a shell shows 128 and the signal
    assert err == (
        f"carillon: {BATCH} is left alone. 'carillon watch {BATCH}' watches it again, "
        f"'carillon cancel {BATCH}' ends it\n"
    )
    assert {request.method for request in receiver.snapshot()} == {"GET"}


def test_a_signal_ends_it_also_while_the_producer_hangs(cli: Cli, receiver: HttpReceiver) -> None:
    never = threading.Event()
    receiver.answer = Answer(after=never)
    running = start(cli, "watch", BATCH)
    receiver.wait_for(1)
    running.process.send_signal(signal.SIGINT)
    code, out, err = running.end()
    assert code == -signal.SIGINT and "is left alone" in err and out == ""


def test_a_signal_during_a_submission_tells_that_its_outcome_is_unknown(
    cli: Cli, receiver: HttpReceiver, tmp_path: pathlib.Path
) -> None:
    campaign = tmp_path / "campaign.json"
    campaign.write_text("{}", encoding="ascii")
    receiver.answer = Answer(after=threading.Event())
    running = start(cli, "submit", str(campaign), "--watch")
    receiver.wait_for(1)
    running.process.send_signal(signal.SIGINT)
    code, out, err = running.end()
    assert (code, out) == (-signal.SIGINT, "")
    assert err == "carillon: interrupted before the answer: the same command again says whether the campaign was taken\n"


# ---- on a terminal ----


def test_the_bar_stands_still_and_moves(cli: Cli, story: Story) -> None:
    story.tell(status(done=50), status(), status("completed", 500, ongoing=0))
    with Terminal(cli, "watch", BATCH, columns=100) as terminal:
        wait_until(lambda: "50/500" in terminal.text(), what="the first look")
        assert terminal.lines() == [
            "processing  [###...........................]   10%  50/500  11.9 of 12 calls/s  ETA 0:17",
            "            completed 35  no answer 15  on the line 3",
        ]
        wait_until(lambda: "330/500" in terminal.text(), what="the second look")
        assert terminal.lines() == [
            "processing  [###################...........]   66%  330/500  11.9 of 12 calls/s  ETA 0:17",
            "            completed 231  no answer 99  on the line 3",
        ]
        assert terminal.wait() == DONE
        assert terminal.lines() == [
            "completed   [##############################]  100%  500/500  11.9 of 12 calls/s",
            "            completed 350  no answer 150",
            "completed in 0:48: 500 contacts, 571 attempts, 70.0% succeeded",
            "",
        ]


@pytest.mark.parametrize("columns", [80, 60, 40, 20, 11, 2, 1])
def test_no_terminal_is_too_narrow(cli: Cli, story: Story, columns: int) -> None:
    story.tell(status(), status(done=400))
    with Terminal(cli, "watch", BATCH, columns=columns) as terminal:
        wait_until(lambda: story.looks > 2, what="some looks")
        lines = terminal.lines()
        assert len(lines) == 2, lines  # nothing wrapped, nothing was left behind
        assert all(len(line) < max(columns, 2) for line in lines)


def test_a_terminal_that_becomes_narrower_keeps_nothing_of_before(cli: Cli, story: Story) -> None:
    story.tell(status(), status(), status())
    with Terminal(cli, "watch", BATCH, columns=100) as terminal:
        wait_until(lambda: "ETA" in terminal.text(), what="the first look")
        before = len(terminal.raw())
        terminal.resize(50)
        wait_until(lambda: "\x1b[J" in terminal.raw()[before:], what="the next look")
        assert "\r\x1b[3A\x1b[J" in terminal.raw()[before:]  # each of the two lines stands on two rows now


def test_interrupting_at_a_terminal(cli: Cli, story: Story) -> None:
    with Terminal(cli, "watch", BATCH, columns=200) as terminal:
        wait_until(lambda: "ETA" in terminal.text(), what="the first look")
        terminal.type("\x03")
        assert terminal.wait() == -signal.SIGINT
        lines = terminal.lines()
        assert lines[0].startswith("processing ") and lines[1].startswith("            completed 231")
        assert lines[2].startswith(f"carillon: {BATCH} is left alone.")


def test_complaints_do_not_tear_the_bar(cli: Cli, story: Story, receiver: HttpReceiver) -> None:
    with Terminal(cli, "watch", BATCH, columns=200) as terminal:
        wait_until(lambda: "ETA" in terminal.text(), what="the first look")
        receiver.answer = Answer(503, b"{}")
        wait_until(lambda: "asking again" in terminal.text(), what="the complaint")
        receiver.answer = story.answer
        wait_until(lambda: "ETA" in terminal.text(), what="it goes on")
        assert [line.split(" ")[0] for line in terminal.lines()] == ["carillon:"] * 3 + ["processing", ""]


def test_a_terminal_that_can_do_nothing_gets_lines(cli: Cli, story: Story) -> None:
    story.tell(status("completed", 500))
    with Terminal(cli, "watch", BATCH, term="dumb") as terminal:
        assert terminal.wait() == DONE
        assert terminal.raw().startswith("completed: 500/500") and "\x1b" not in terminal.raw()


def test_json_on_a_terminal_is_json(cli: Cli, story: Story) -> None:
    story.tell(status("completed", 500))
    with Terminal(cli, "watch", BATCH, "--json", columns=5000) as terminal:
        assert terminal.wait() == DONE
        assert json.loads(terminal.raw()) == status("completed", 500)
