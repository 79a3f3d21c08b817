# SPDX-License-Identifier: Apache-2.0
"""The harness itself: a test tier that cannot see a failure guards nothing."""

from __future__ import annotations

import http.client
import pathlib
import threading

import pytest

from tests.support.http_receiver import Answer, HttpReceiver
from tests.support.processes import Process
from tests.support.retell import is_signed, sign
from tests.support.waiting import DeadlinePassed, wait_until

LISTENS = """#!/usr/bin/python3
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # one that comes before it is waited for is kept
print("starting", file=sys.stderr)
print("listening http://127.0.0.1:4711", flush=True)
signal.sigwait({signal.SIGTERM})
sys.exit(0)
"""


@pytest.fixture
def script(tmp_path: pathlib.Path):
    def write(text: str) -> str:
        path = tmp_path / "program"
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    return write


def post(receiver: HttpReceiver, path: str, body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    try:
        connection.request("POST", path, body, {"X-Case": "Kept"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_process_is_ready_when_it_says_so_and_ends_at_sigterm(script):
    with Process(script(LISTENS)) as process:
        assert process.url == "http://127.0.0.1:4711"
        assert process.port == 4711
        assert process.is_running()
    assert not process.is_running()


def test_a_process_may_be_killed_and_started_again(script):
    with Process(script(LISTENS)) as process:
        first = process.pid
        process.kill()
        process.start()
        assert process.pid != first


def test_a_paused_process_is_stopped_and_goes_on(script):
    def state(pid: int) -> str:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

    with Process(script(LISTENS)) as process:
        with process.paused():
            wait_until(lambda: state(process.pid) == "T", what="stopped")
        wait_until(lambda: state(process.pid) != "T", what="running")


def test_a_process_that_ends_instead_of_getting_ready_fails_the_test(script):
    with pytest.raises(AssertionError, match="ended with 3"):
        Process(script("#!/bin/sh\nexit 3\n")).start()


def test_another_exit_status_than_0_after_sigterm_fails_the_test(script):
    process = Process(script(LISTENS.replace("exit(0)", "exit(7)"))).start()
    with pytest.raises(AssertionError, match="ended with 7"):
        process.stop()


def test_a_sanitizer_report_fails_the_test(script):
    process = Process(script(LISTENS.replace("starting", "x.c:1:2: runtime error: overflow"))).start()
    with pytest.raises(AssertionError, match="runtime error: overflow"):
        process.stop()


def test_the_receiver_records_and_answers_by_request():
    with HttpReceiver(lambda request: Answer(503 if request.index == 0 else 204)) as receiver:
        assert post(receiver, "/a?b=c", b"one") == 503
        assert post(receiver, "/a", b'{"n":2}') == 204
        first, second = receiver.wait_for(2)
        assert (first.method, first.path, first.body, first.headers["x-case"]) == ("POST", "/a?b=c", b"one", "Kept")
        assert second.json() == {"n": 2}
        assert first.at <= second.at
        assert receiver.wait_for(1, where=lambda request: request.path == "/a") == [second]


def test_the_receiver_says_what_it_missed():
    with HttpReceiver() as receiver:
        with pytest.raises(DeadlinePassed, match="0 of 1 requests"):
            receiver.wait_for(1, deadline_s=0.05)


def test_the_receiver_can_reset_and_hold_back():
    with HttpReceiver(Answer(reset=True)) as receiver:
        with pytest.raises(ConnectionResetError):
            post(receiver, "/", b"x")
        gate = threading.Event()
        receiver.answer = Answer(200, after=gate)
        statuses: list[int] = []
        client = threading.Thread(target=lambda: statuses.append(post(receiver, "/", b"x")))
        client.start()
        receiver.wait_for(2)
        assert statuses == []
        gate.set()
        client.join(10)
        assert statuses == [200]


def test_retell_signatures_hold_for_five_minutes_and_this_body():
    signature = sign(b'{"a":1}', "key_1", 1_700_000_000_000)
    # Made with retell-sdk 5.66.1 from the same three values.
    assert signature == "v=1700000000000,d=3accea747fe9dc98c140a4730c1cf76da0f6e0f575612dffd495f295290e6a77"
    assert is_signed(b'{"a":1}', "key_1", signature, 1_700_000_299_000)
    assert not is_signed(b'{"a":1}', "key_1", signature, 1_700_000_301_000)
    assert not is_signed(b'{"a":2}', "key_1", signature, 1_700_000_000_000)
    assert not is_signed(b'{"a":1}', "key_2", signature, 1_700_000_000_000)

