# SPDX-License-Identifier: Apache-2.0
"""The skeleton of every process against real Redis servers, fit and unfit. The worker stands for all of them."""

from __future__ import annotations

import json
import pathlib
import urllib.error
import urllib.request
from typing import Any, Iterator

import pytest
import redis

from tests.support.engine import SCHEMA
from tests.support.processes import Process, run
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

USAGE, CONFIGURATION, NO_REDIS = 2, 3, 4


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def key_file(tmp_path: pathlib.Path) -> str:
    path = tmp_path / "key"
    path.write_text("11" * 32 + "\n")
    return str(path)


@pytest.fixture
def options(key_file: str) -> list[str]:
    return ["--listen", "127.0.0.1:0", "--secrets-key-file", key_file]


def get(process: Process, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(process.url + path, timeout=10) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    return status, json.loads(body)


def is_ready(process: Process) -> bool:
    return get(process, "/readyz") == (200, {"status": "ready"})


def refusal(server: RedisServer, *args: str) -> tuple[int, dict[str, Any]]:
    """The exit status of a start that must fail, and its one line of level error."""
    ended = run("carillon-worker", "--redis-url", server.url, *args)
    assert ended.stdout == ""
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    errors = [line for line in lines if line["level"] == "error"]
    assert len(errors) == 1, ended.stderr
    return ended.returncode, errors[0]


def test_a_process_starts_on_a_fit_redis_and_ends_in_order(server, options):
    with Process("carillon-worker", "--redis-url", server.url, *options) as worker:
        wait_until(lambda: is_ready(worker), what="the worker is ready")
        assert get(worker, "/healthz") == (200, {"status": "ok"})
        worker.terminate()
        assert worker.stdout == [f"listening {worker.url}"]
        assert worker.log_events("process.stopped")[0]["status"] == 0


def test_a_replica_is_refused(server, options):
    with RedisServer(args=("--replicaof", "127.0.0.1", "1")) as replica:
        status, line = refusal(replica, *options)
    assert (status, line["event"], line["reason"]) == (NO_REDIS, "redis.unusable", "replica")


def test_a_redis_that_evicts_is_refused(options):
    with RedisServer(maxmemory_policy="allkeys-lru") as server:
        status, line = refusal(server, *options)
    assert (status, line["event"], line["reason"]) == (NO_REDIS, "redis.unusable", "policy")


def test_a_wrong_password_is_refused_and_not_shown(options, tmp_path):
    password = tmp_path / "password"
    password.write_text("wrong-secret\n")
    with RedisServer(args=("--requirepass", "right-secret")) as server:
        status, line = refusal(server, *options, "--redis-password-file", str(password))
        assert (status, line["event"], line["reason"]) == (NO_REDIS, "redis.unusable", "auth")
        assert "secret" not in json.dumps(line)
        status, line = refusal(server, *options)
        assert (status, line["reason"]) == (NO_REDIS, "auth")


def test_an_unreachable_redis_is_given_up_after_a_while(server, options):
    server.terminate()
    status, line = refusal(server, *options)
    assert (status, line["event"], line["reason"]) == (NO_REDIS, "redis.unusable", "unreachable")


def test_a_cell_of_another_schema_is_refused(server, options):
    server.client().hset("carillon:{c1}:cell", "schema", "0")
    status, line = refusal(server, *options, "--cells", "c0,c1")
    assert (status, line["event"], line["cell"]) == (CONFIGURATION, "cell.refused", "c1")


def test_a_cell_that_does_not_open_now_is_tried_again(server, options):
    client = server.client()
    client.set("carillon:{c0}:cell", "not a hash")
    worker = Process("carillon-worker", "--redis-url", server.url, *options)
    try:
        worker.start(wait=False)
        wait_until(lambda: worker.log_events("cell.not_opened"), what="the worker could not open the cell")
        assert worker.is_running() and worker.url == ""
        client.delete("carillon:{c0}:cell")
        worker.wait_ready()
        assert client.hget("carillon:{c0}:cell", "schema") == str(SCHEMA).encode()
    finally:
        worker.stop()


def test_a_full_redis_stops_no_start(options):
    with RedisServer(args=("--maxmemory", "1")) as full:
        with pytest.raises(redis.ResponseError, match="maxmemory"):
            full.client().set("key", "value")
        with Process("carillon-worker", "--redis-url", full.url, *options) as worker:
            assert worker.url


def test_a_user_of_redis_signs_in_with_the_password_of_a_file(options, tmp_path):
    password = tmp_path / "password"
    password.write_text("s3cret\n")
    users = tmp_path / "users.acl"
    users.write_text("user default off\nuser carillon on >s3cret ~carillon:* &carillon:* +@all\n")
    with RedisServer(args=("--aclfile", str(users))) as server:
        signed_in = ["--redis-user", "carillon", "--redis-password-file", str(password)]
        with Process("carillon-worker", "--redis-url", server.url, *options, *signed_in) as worker:
            wait_until(lambda: is_ready(worker), what="the worker is ready")
            assert "s3cret" not in worker.log_text()


def test_a_process_waits_for_a_redis_that_starts_later(server, options):
    server.terminate()
    worker = Process("carillon-worker", "--redis-url", server.url, *options)
    try:
        worker.start(wait=False)
        wait_until(lambda: worker.log_events("redis.down"), what="the worker has met no Redis")
        assert worker.url == ""
        server.start()
        worker.wait_ready()
        wait_until(lambda: is_ready(worker), what="the worker is ready")
    finally:
        worker.stop()


def test_a_process_outlives_redis_and_says_that_it_is_not_ready(server, options):
    with Process("carillon-worker", "--redis-url", server.url, *options) as worker:
        wait_until(lambda: is_ready(worker), what="the worker is ready")
        server.kill()
        wait_until(lambda: not is_ready(worker), what="the worker is not ready")
        status, answer = get(worker, "/readyz")
        assert status == 503 and answer["status"] == "unavailable"
        assert any(reason.startswith("redis: unreachable") for reason in answer["reasons"])
        assert get(worker, "/healthz") == (200, {"status": "ok"})
        server.start()
        wait_until(lambda: is_ready(worker), 20, "the worker is ready again")


def test_a_process_listens_for_the_wakes_of_each_of_its_cells(server, options):
    client = server.client()
    with Process("carillon-worker", "--redis-url", server.url, *options, "--cells", "c0,c7") as worker:
        channels = [b"carillon:{c0}:wake", b"carillon:{c7}:wake"]
        wait_until(lambda: all(n == 1 for _, n in client.pubsub_numsub(*channels)), what="both channels are listened to")
        names = {entry["name"] for entry in client.client_list()}
        assert "carillon-worker" in names
        assert worker.log_events("process.start")[0]["cells"] == "c0,c7"


def test_options_come_from_flags_environment_and_file_in_that_order(server, key_file, tmp_path):
    config = tmp_path / "carillon.conf"
    config.write_text(
        "# of the whole fleet\n"
        f"redis_url = {server.url}\n"
        f"secrets_key_file = {key_file}\n"
        "log_level = error\n"
        "[carillon-producer]\nallow_private_webhooks = 10.0.0.0/8\n"
        "[carillon-worker]\nlisten = 127.0.0.1:0\ncells = c1\n"
    )
    env = {"CARILLON_CELLS": "c2", "CARILLON_LOG_LEVEL": "warn"}
    with Process("carillon-worker", "--config", str(config), "--log-level", "info", env=env) as worker:
        assert worker.log_events("process.start")[0]["cells"] == "c2"


def test_every_fault_of_the_options_is_told_at_once(tmp_path):
    config = tmp_path / "carillon.conf"
    config.write_text("listn = x\ncells = C0\n")
    ended = run("carillon-worker", "--config", str(config), "--drain-timeout-ms", "-1")
    assert ended.returncode == USAGE
    assert [line.split(": ")[1] for line in ended.stderr.splitlines()[:3]] == [
        "--drain-timeout-ms",
        "carillon.conf:1",
        "carillon.conf:2",
    ]
    ended = run("carillon-worker", "--config", str(config))
    assert ended.returncode == CONFIGURATION
