# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus with deploy/prometheus's own configuration and rules, shortened, beside a running fleet: it scrapes every
process, the rules have values, and the alert fires when the workers die."""

from __future__ import annotations

import json
import pathlib
import re
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.children import start_child
from tests.support.stack import Stack
from tests.support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "deploy/prometheus"
OPERATIONS = ROOT / "docs/operations.md"
USER, PASSWORD = "prometheus", "it-only-looks"
NUMBERS = [f"+1555020{i:04d}" for i in range(20)]
JOBS = {"carillon-producer": 1, "carillon-worker": 2, "carillon-notifier": 1, "redis": 1}


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


class Child:
    """A server of Debian's, ended with its test."""

    def __init__(self, log: pathlib.Path, *command: str) -> None:
        self._log = log
        with log.open("ab") as out:
            self._process = start_child(list(command), stdout=out, stderr=out)

    def check(self) -> None:
        assert self._process.poll() is None, self._log.read_text(encoding="utf-8")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Prometheus:
    """deploy/prometheus with seconds in place of minutes: how often it scrapes and evaluates, and how long an alert must hold."""

    def __init__(self, directory: pathlib.Path, targets: dict[str, list[str]]) -> None:
        for name in ("prometheus.yml", "rules.yml", "alerts.yml"):
            text = (CONFIGURATION / name).read_text(encoding="utf-8")
            text = re.sub(r"(_interval: )15s", r"\g<1>1s", text)
            (directory / name).write_text(re.sub(r"(\bfor: )\d+[mh]", r"\g<1>2s", text), encoding="utf-8")
        (directory / "targets").mkdir()
        for name, urls in targets.items():
            (directory / f"targets/{name}.json").write_text(json.dumps([{"targets": urls}]), encoding="utf-8")
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        self._child = Child(
            directory / "prometheus.log", "prometheus", f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/data", f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
        )

    def stop(self) -> None:
        self._child.stop()

    def ask(self, path: str, **query: str) -> Any:
        """What its API answers; nothing while it does not listen yet."""
        self._child.check()
        try:
            with urllib.request.urlopen(f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
                return json.load(answer)["data"]
        except (urllib.error.URLError, ConnectionError):
            return None

    def value(self, expression: str) -> float | None:
        """Of an expression that gives one sample."""
        data = self.ask("query", query=expression)
        return float(data["result"][0]["value"][1]) if data and data["result"] else None

    def up(self) -> dict[str, int]:
        """How many targets of each job answer."""
        found: dict[str, int] = {}
        for target in (self.ask("targets") or {"activeTargets": []})["activeTargets"]:
            found[target["labels"]["job"]] = found.get(target["labels"]["job"], 0) + (target["health"] == "up")
        return found

    def firing(self) -> dict[str, dict[str, str]]:
        """The alerts that fire, with their annotations."""
        alerts = (self.ask("alerts") or {"alerts": []})["alerts"]
        return {each["labels"]["alertname"]: each["annotations"] for each in alerts if each["state"] == "firing"}


def address(url: str) -> str:
    return url.removeprefix("http://")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(workers=2, outcomes="completed=100") as running:
        yield running


@pytest.fixture(scope="module")
def exporter(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What Redis says of itself, asked with the permissions that docs/operations.md tells: its address."""
    at = f"127.0.0.1:{free_port()}"
    client = stack.redis.client(decode_responses=True)
    (rules,) = re.findall(r"`user prometheus on #SHA256-OF-ITS-PASSWORD (.*?)`", OPERATIONS.read_text(encoding="utf-8"))
    client.execute_command("ACL", "SETUSER", USER, "on", f">{PASSWORD}", *rules.split())
    child = Child(
        tmp_path_factory.mktemp("exporter") / "log", "prometheus-redis-exporter", f"--redis.addr={stack.redis.url}",
        f"--redis.user={USER}", f"--redis.password={PASSWORD}",
        f"--web.listen-address={at}",
    )
    yield at
    child.stop()
    assert [entry for entry in client.acl_log() if entry["username"] == USER] == []


@pytest.fixture(scope="module")
def prometheus(stack: Stack, exporter: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    for process in stack.everyone:
        process.keep_address()
    targets = {
        "producer": [address(process.url) for process in stack.producers],
        "worker": [address(process.url) for process in stack.workers],
        "notifier": [address(process.url) for process in stack.notifiers],
        "redis": [exporter],
    }
    running = Prometheus(tmp_path_factory.mktemp("prometheus"), targets)
    yield running
    running.stop()


def test_every_process_of_the_fleet_is_scraped(prometheus: Prometheus) -> None:
    wait_until(lambda: prometheus.up() == JOBS, 60, "every target is up")


def test_what_a_campaign_does_is_in_the_rules(prometheus: Prometheus, stack: Stack) -> None:
    wait_until(lambda: prometheus.up() == JOBS, 60, "every target is up")
    batch = stack.submit(NUMBERS)
    stack.wait_for_batch(batch)
    wait_until(lambda: prometheus.value("sum(carillon_dials_begun_total)") == len(NUMBERS), 20, "all begins are scraped")
    for record in (
        "carillon:dials_begun:rate1m", "sum(carillon:claim_limits:rate5m)", "carillon:begin_late_seconds:p99_5m",
        'carillon:provider_verdicts:share5m{verdict="ACCEPTED"}', 'carillon:redis_script_seconds:p99_5m{script="call_begin"}',
        'carillon:api_answers:rate5m{class="2xx"}',
    ):
        wait_until(lambda expression=record: (prometheus.value(expression) or 0) > 0, 30, f"{record} has a value")
    assert prometheus.value('carillon:provider_verdicts:share5m{verdict="ACCEPTED"}') == 1


def test_what_the_alerts_ask_of_redis_is_there(prometheus: Prometheus) -> None:
    for series in ("redis_memory_used_bytes", "redis_memory_max_bytes", "redis_aof_last_write_status"):
        wait_until(lambda name=series: prometheus.value(name) is not None, 30, f"{series} is there")
    assert prometheus.value("redis_aof_last_write_status") == 1


def test_the_alert_fires_when_the_workers_die_and_ends_when_one_is_back(prometheus: Prometheus, stack: Stack) -> None:
    wait_until(lambda: prometheus.up() == JOBS, 60, "every target is up")
    assert "CarillonWorkersGone" not in prometheus.firing()
    first, second = stack.workers
    first.kill()
    wait_until(lambda: "CarillonProcessDown" in prometheus.firing(), 60, "one of two is missed")
    assert "CarillonWorkersGone" not in prometheus.firing(), "the other still works"
    second.kill()
    told = wait_until(lambda: prometheus.firing().get("CarillonWorkersGone"), 60, "the alert fires")
    assert told["summary"] == "No worker answers" and told["runbook_url"] == "docs/operations.md#carillonworkersgone"
    first.start()
    wait_until(lambda: "CarillonWorkersGone" not in prometheus.firing(), 60, "it ends")
    second.start()
    wait_until(lambda: prometheus.up() == JOBS and "CarillonProcessDown" not in prometheus.firing(), 60, "all is well")
