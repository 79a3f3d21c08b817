# SPDX-License-Identifier: Apache-2.0
"""`carillon health`: what images without a shell ask a process with."""

from __future__ import annotations

import socket

import pytest

from tests.support.cli import DONE, FAILED, USAGE, Cli
from tests.support.http_receiver import Answer, HttpReceiver, Received


def test_a_process_that_lives_is_told_from_one_that_may_work() -> None:
    asked: list[str] = []

    def answer(request: Received) -> Answer:
        asked.append(request.path)
        return Answer(200) if request.path == "/healthz" else Answer(503, b"redis: down\n")

    with HttpReceiver(answer) as process:
        cli = Cli(url=process.url)
        assert cli("health").status == DONE
        ended = cli("health", "--ready")
        assert ended.status == FAILED and "503: redis: down" in ended.err
        assert cli("health", "--ready", "--json").json() == {"url": process.url, "ok": False, "status": 503}
        assert cli("health", "--json").json() == {"url": process.url, "ok": True, "status": 200}
    assert asked == ["/healthz", "/readyz", "/readyz", "/healthz"]


def test_where_nothing_listens_it_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        ended = Cli(url=f"http://127.0.0.1:{taken.getsockname()[1]}")("health")
    assert ended.status == FAILED and "127.0.0.1" in ended.err


def test_a_process_that_hangs_is_given_up_in_time_for_the_engine_that_asks() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        ended = Cli(url=f"http://127.0.0.1:{silent.getsockname()[1]}")("health")
    assert ended.status == FAILED


@pytest.mark.parametrize("args", [("health", "http://127.0.0.1:1"), ("health", "--url", "127.0.0.1:1")])
def test_what_is_no_address_is_a_fault_of_usage(args: tuple[str, ...]) -> None:
    assert Cli()(*args).status == USAGE
