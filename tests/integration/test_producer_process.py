# SPDX-License-Identifier: Apache-2.0
"""The producer as a process: its options, its settings read again, its readiness."""

from __future__ import annotations

import pathlib
import signal

import pytest

from tests.support.processes import run
from tests.support.producer_api import Api, batch_body, numbers
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--allow-private-webhooks", "10.0.0.0/33"),
        ("--allow-private-webhooks", "localhost"),
        ("--max-calls-per-second", "0"),
        ("--public-url", "calls.example"),
        ("--public-url", "https://calls.example/"),
    ],
)
def test_a_bad_option_is_named_and_ends_it(option: str, value: str) -> None:
    ended = run("carillon-producer", "--secrets-key-file", "/dev/null", option, value)
    assert ended.returncode == 2
    assert option in ended.stderr


def test_links_begin_with_the_public_address(redis_server: RedisServer) -> None:
    with Api(redis_server, "--public-url", "https://calls.example") as api:
        api.trunk()
        links = api.post("/api/v1/batch", batch_body(numbers(1)), api.tenant("acme")).json()["links"]
        assert links["status"].startswith("https://calls.example/api/v1/batch/batch_c0_")
        assert links["dashboard"].startswith("https://calls.example/dashboard/batches/batch_c0_")


def test_limits_are_read_again_at_sighup(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    settings = tmp_path / "producer.ini"
    settings.write_text("max_calls_per_second = 30\n", encoding="utf-8")
    with Api(redis_server, "--config", str(settings)) as api:
        api.trunk()
        key = api.tenant("acme")
        fast = batch_body(numbers(1), maxCallsPerSecond=40, webhooks={"onCallComplete": "http://10.0.0.1/"})
        refused = api.post("/api/v1/batch", fast, key)
        assert set(refused.field_errors) == {"options.maxCallsPerSecond", "options.webhooks.onCallComplete"}
        settings.write_text("max_calls_per_second = 40\nallow_private_webhooks = 10.0.0.0/8\n", encoding="utf-8")
        api.process.signal(signal.SIGHUP)
        wait_until(lambda: api.post("/api/v1/batch", fast, key).status == 202, 10.0, "the new limits hold")


def test_answers_are_counted_by_class(redis_server: RedisServer) -> None:
    with Api(redis_server) as api:
        api.trunk()
        key = api.tenant("acme")
        api.post("/api/v1/batch", batch_body(numbers(3)), key)
        api.post("/api/v1/batch", {}, key)
        lines = api.get("/metrics").body.decode().splitlines()
        assert 'carillon_api_answers_total{class="2xx"} 1' in lines
        assert 'carillon_api_answers_total{class="4xx"} 1' in lines
        assert "carillon_contacts_total 3" in lines
