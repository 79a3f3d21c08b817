# SPDX-License-Identifier: Apache-2.0
"""A worker is ready while its claims are answered: not while Redis merely answers. It lives as long as its loop turns."""

from __future__ import annotations

import json
import signal
import threading
import urllib.error
import urllib.request

from tests.support.exposition import scrape
from tests.support.fleet import Fleet
from tests.support.http_receiver import Received
from tests.support.platform import Platform
from tests.support.processes import Process
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

CLAIM_WORD = "no claim of cell c0 was answered lately"


def readiness(worker: Process) -> list[str]:
    """The reasons why it is not ready; none where it is."""
    try:
        with urllib.request.urlopen(worker.url + "/readyz", timeout=10) as answer:
            assert json.load(answer) == {"status": "ready"}
            return []
    except urllib.error.HTTPError as error:
        assert error.code == 503
        told = json.load(error)
        assert told["status"] == "unavailable" and told["reasons"]
        return told["reasons"]


def lives(worker: Process) -> bool:
    with urllib.request.urlopen(worker.url + "/healthz", timeout=10) as answer:
        return bool(answer.status == 200)


def test_a_worker_whose_claims_fail_is_not_ready_though_redis_answers(fleet: Fleet) -> None:
    worker = fleet.worker()
    trunks = fleet.engine().key("trunks")
    fleet.client.delete(trunks)
    fleet.client.set(trunks, "no sorted set")
    wait_until(lambda: readiness(worker) == [CLAIM_WORD], 30, "its claims fail for long enough")
    assert lives(worker)
    told = scrape(worker.url)
    assert told.value("carillon_redis_ready") == 1 and told.value("carillon_ready") == 0
    assert told.value("carillon_claims_failed_total") > 1 and told.value("carillon_claim_age_seconds") > 10
    assert told.value("carillon_redis_errors_total", kind="other") > 1
    fleet.client.delete(trunks)
    wait_until(lambda: readiness(worker) == [], 15, "its claims are answered again")
    assert scrape(worker.url).value("carillon_claim_age_seconds") < 10


def test_a_worker_whose_redis_stands_still_is_not_ready_and_lives(fleet: Fleet, redis_server: RedisServer) -> None:
    """Its connection is there all the while, and takes what is sent."""
    worker = fleet.worker()
    redis_server.stop_running()
    try:
        reasons = wait_until(lambda: readiness(worker), 30, "it is not ready")
        assert any(reason.startswith("redis: ") or reason == CLAIM_WORD for reason in reasons)
        assert lives(worker)
        wait_until(lambda: CLAIM_WORD in readiness(worker), 30, "and says that its claims are not answered")
        assert scrape(worker.url).value("carillon_redis_errors_total", kind="timeout") >= 1
    finally:
        redis_server.continue_running()
    wait_until(lambda: readiness(worker) == [], 30, "it is ready again")
    assert scrape(worker.url).value("carillon_redis_reconnects_total", connection="commands") >= 1


def test_a_worker_whose_cell_an_operator_stopped_stays_ready(fleet: Fleet) -> None:
    worker = fleet.worker()
    assert fleet.engine().scripts.run("cell_stop", "stop") == 1
    stopped = 'carillon_claim_limits_total{limit="stopped"}'
    seen = fleet.metric(worker, stopped)
    # Longer than an unanswered claim may be old: that many claims of an idle worker.
    wait_until(lambda: fleet.metric(worker, stopped) >= seen + 6, 30, "claims go on")
    assert readiness(worker) == []
    assert fleet.engine().scripts.run("cell_stop", "start") == 1


def test_a_worker_that_drains_is_not_ready_and_lives(fleet: Fleet, platform: Platform) -> None:
    worker = fleet.worker()
    asked, may_answer = threading.Event(), threading.Event()

    def answer_later(_: Received) -> None:
        asked.set()
        may_answer.wait(30)

    platform.on_create = answer_later
    fleet.batch(contacts=1)
    assert asked.wait(10)
    worker.signal(signal.SIGTERM)
    wait_until(lambda: "draining" in readiness(worker), what="it drains")
    assert lives(worker)
    told = scrape(worker.url)
    assert told.value("carillon_draining") == 1 and told.value("carillon_ready") == 0
    assert told.value("carillon_calls_in_hand", phase="sending") == 1
    may_answer.set()
    assert worker.wait() == 0
