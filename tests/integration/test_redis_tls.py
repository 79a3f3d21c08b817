# SPDX-License-Identifier: Apache-2.0
"""The processes and the tool over rediss://. What the connection makes of each certificate is tested in
tests/unit/test_redis_tls.c; here is what an operator sees of it."""

from __future__ import annotations

import json
import pathlib
from typing import Any, Iterator

import pytest

from tests.support.cli import CONFIGURATION, DONE, NO_REDIS, Cli
from tests.support.processes import Process, run
from tests.support.redis_sentinels import NAME, Sentinel
from tests.support.redis_server import RedisServer
from tests.support.redis_tls import Authority, Tls
from tests.support.redis_users import Users
from tests.support.waiting import wait_until

DAEMONS = ("carillon-producer", "carillon-worker", "carillon-notifier")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("tls")
    (made / "secrets.key").write_text("11" * 32 + "\n")
    return made


@pytest.fixture(scope="module")
def authority(directory: pathlib.Path) -> Authority:
    return Authority(directory)


@pytest.fixture(scope="module")
def stranger(directory: pathlib.Path) -> Authority:
    return Authority(directory, "stranger")


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[RedisServer]:
    """It demands a client certificate too."""
    tls = Tls(authority.issue("redis", "IP:127.0.0.1"), authority.file, client=authority.issue("client"))
    with RedisServer(users=Users.for_tests(), tls=tls) as running:
        yield running


def arguments(server: RedisServer, daemon: str, directory: pathlib.Path, **instead: str) -> list[str]:
    own = ("--listen", "127.0.0.1:0", "--secrets-key-file", str(directory / "secrets.key"))
    return [*server.flags(daemon, **instead), *own]


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_process_works_over_tls_and_finds_a_killed_redis_again(server: RedisServer, directory: pathlib.Path, daemon: str) -> None:
    with Process(daemon, *arguments(server, daemon, directory)) as process:
        wait_until(lambda: process.is_ready(), what="it is ready")
        server.kill()
        wait_until(lambda: not process.is_ready(), what="it notices")
        server.start()
        wait_until(lambda: process.is_ready(), 20.0, "it is ready again")
        assert server.denials() == []


def test_the_tool_works_over_tls(server: RedisServer) -> None:
    assert Cli(**server.access("carillon-operator"))("tenant", "list").status == DONE


def test_sentinel_and_the_primary_that_it_names_are_spoken_to_over_tls_each_by_its_own_name(server: RedisServer, authority: Authority) -> None:
    assert server.tls is not None
    client = Cli(**server.access("carillon-operator"))
    sentinel = Sentinel(Tls(authority.issue("sentinel", "DNS:localhost,IP:127.0.0.1"), authority.file, client=authority.issue("watched")))
    try:
        sentinel.configure(server.tls.port)
        sentinel.start()
        url = f"sentinels://localhost:{sentinel.port}/{NAME}"
        wait_until(lambda: client("tenant", "list", "--redis-url", url).status == DONE, 20.0, "the tool works by Sentinel")
        in_the_clear = client("tenant", "list", "--redis-url", url.replace("sentinels://", "sentinel://"))
        assert in_the_clear.status == CONFIGURATION, "certificates are given"
        other = client("tenant", "list", "--redis-url", f"sentinels://localhost:{sentinel.port}/another")
        assert other.status == NO_REDIS and "knows no primary of that name" in other.err
    finally:
        sentinel.stop()


def refused(server: RedisServer, directory: pathlib.Path, **instead: str) -> tuple[int, dict[str, Any], str]:
    """The exit status of a worker that must not start, its one error, and all that it said."""
    ended = run("carillon-worker", *arguments(server, "carillon-worker", directory, **instead))
    assert ended.stdout == ""
    errors = [line for line in map(json.loads, ended.stderr.splitlines()) if line["level"] == "error"]
    assert len(errors) == 1, ended.stderr
    return ended.returncode, errors[0], ended.stderr


def test_a_server_that_is_not_believed_ends_a_start_and_no_password_is_told(
    server: RedisServer, stranger: Authority, directory: pathlib.Path
) -> None:
    status, error, said = refused(server, directory, redis_ca_file=str(stranger.file))
    assert (status, error["event"], error["reason"]) == (NO_REDIS, "redis.unusable", "tls")
    assert "the server's certificate does not prove that it is 127.0.0.1: " in error["detail"]
    assert Users.for_tests().password("carillon-worker") not in said
    status, error, _ = refused(server, directory, redis_url=server.url.replace("127.0.0.1", "localhost"))
    assert (status, error["reason"]) == (NO_REDIS, "tls") and "localhost: hostname mismatch" in error["detail"]


def test_a_server_that_does_not_believe_us_ends_a_start(server: RedisServer, stranger: Authority, directory: pathlib.Path) -> None:
    other = stranger.issue("impostor")
    status, error, _ = refused(server, directory, redis_cert_file=str(other.file), redis_key_file=str(other.key))
    assert (status, error["reason"]) == (NO_REDIS, "tls") and "refuses our client certificate" in error["detail"]


def test_files_that_cannot_be_used_are_a_fault_of_the_configuration(server: RedisServer, directory: pathlib.Path) -> None:
    status, error, _ = refused(server, directory, redis_ca_file="/nowhere/ca.pem")
    assert (status, error["event"]) == (CONFIGURATION, "redis.bad_url") and "CA file" in error["detail"]
    status, error, _ = refused(server, directory, redis_url=f"unix://{server.socket}")
    assert (status, error["event"]) == (CONFIGURATION, "redis.bad_url") and "rediss://" in error["detail"]


def test_the_tool_says_what_is_wrong_with_a_certificate(server: RedisServer, stranger: Authority) -> None:
    access = server.access("carillon-operator")
    ended = Cli(**{**access, "redis_ca_file": str(stranger.file)})("tenant", "list")
    assert ended.status == NO_REDIS and "TLS: the server's certificate does not prove" in ended.err
    without = {name: value for name, value in access.items() if name not in ("redis_cert_file", "redis_key_file")}
    ended = Cli(**without)("tenant", "list")
    assert ended.status == NO_REDIS and "the server demands a client certificate" in ended.err


def test_tls_and_none_mixed_up_are_told_and_nothing_hangs(server: RedisServer, authority: Authority) -> None:
    user = Users.for_tests().options("carillon-operator")
    ended = Cli(redis_url=server.url.replace("rediss:", "redis:"), **user)("tenant", "list")
    assert ended.status == NO_REDIS and "rediss://" in ended.err
    with RedisServer(port=Tls(authority.issue("unused"), authority.file).port) as plain:
        ended = Cli(redis_url=f"rediss://127.0.0.1:{plain.port}", redis_ca_file=authority.file, **user)("tenant", "list")
        assert ended.status == NO_REDIS and "does the server speak TLS?" in ended.err
