# SPDX-License-Identifier: Apache-2.0
"""deploy/Dockerfile and docker-compose.yml: the images are built, the fleet comes up as an operator brings it up, and a
campaign comes to its end although a worker is killed and another cut off from Redis; judged by the history checker."""

from __future__ import annotations

import json
import pathlib
import tarfile
from collections.abc import Iterator

import pytest

from tests.deploy.composed_fleet import OUR_PROCESSES, ComposedFleet
from tests.deploy.container_engine import ContainerEngine
from tests.support.history import Rules, judge
from tests.support.ledger import read_ledger
from tests.support.stack import brief_calls, phone_numbers
from tests.support.waiting import wait_until

IMAGE_MOST_BYTES = 48_000_000
LIMIT = 15
RULES = Rules(limit=LIMIT, max_attempts=3, delays_ms={"": 1000}, utilisation=None)
OPTIONS = brief_calls(LIMIT)


@pytest.fixture(scope="module")
def fleet() -> Iterator[ComposedFleet]:
    with ContainerEngine() as engine, ComposedFleet(engine, workers=3) as composed:
        yield composed


def test_the_image_is_small_and_holds_nothing_that_helps_an_intruder(fleet: ComposedFleet, tmp_path: pathlib.Path) -> None:
    seen = json.loads(fleet.engine.docker("image", "inspect", "carillon-test"))[0]
    assert seen["Size"] <= IMAGE_MOST_BYTES
    assert seen["Config"]["User"] == "65532:65532"
    assert seen["Config"]["Labels"]["org.opencontainers.image.version"] == "test"
    archive_file = tmp_path / "image.tar"
    fleet.engine.docker("export", fleet.containers("producer")[0], "-o", str(archive_file))
    with tarfile.open(archive_file) as archive:
        names = [member.name for member in archive if member.isfile()]
        programs = sorted(name for name in names if name.startswith(("bin/", "sbin/", "usr/bin/", "usr/sbin/", "usr/local/")))
    assert programs == [f"usr/bin/{name}" for name in ("carillon", *sorted(f"carillon-{p}" for p in OUR_PROCESSES))]
    # What a scanner reads: which package each library is of.
    assert "var/lib/dpkg/status.d/libssl3" in names and "usr/share/doc/libssl3/copyright" in names


def test_every_process_runs_as_nobody_on_what_it_cannot_write(fleet: ComposedFleet) -> None:
    for service in OUR_PROCESSES:
        for container in fleet.containers(service):
            seen = fleet.inspect(container)
            assert seen["HostConfig"]["ReadonlyRootfs"] and seen["HostConfig"]["CapDrop"] == ["ALL"]
            with open(f"/proc/{fleet.pid(container)}/status", encoding="ascii") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            assert status["Uid"].split() == ["65532"] * 4 and int(status["CapEff"], 16) == 0
            assert status["NoNewPrivs"] == "1"


def test_a_campaign_ends_well_although_a_worker_is_killed_and_another_cut_off(fleet: ComposedFleet) -> None:
    numbers = phone_numbers(400)
    batch = fleet.submit(numbers, **OPTIONS)
    workers = fleet.containers("worker")
    assert len(workers) == 3

    def processed() -> int:
        return int(fleet.status(batch)["statistics"]["processed"])

    wait_until(lambda: processed() >= 40, 60.0, "the campaign is under way", poll_s=0.2)
    before = fleet.inspect(workers[0])["RestartCount"]
    with fleet.partitioned(workers[1]):
        fleet.kill_process(workers[0])
        wait_until(lambda: processed() >= 160, 90.0, "the others go on", poll_s=0.2)
    wait_until(lambda: fleet.inspect(workers[0])["RestartCount"] > before, 30.0, "the killed one is started again")
    wait_until(lambda: fleet.status(batch)["status"] == "completed", 180.0, "the campaign ends", poll_s=0.5)
    wait_until(lambda: len(fleet.delivered("call.completed")) >= len(numbers), 60.0, "every call is told", poll_s=0.2)
    wait_until(lambda: len(fleet.delivered("batch.completed")) == 1, 60.0, "its end is told", poll_s=0.2)
    report = judge(numbers, fleet.carrier_events(), list(fleet.deliveries), RULES, read_ledger(fleet.redis(), batch))
    print(report.line("compose", "?"))
    assert report.keeps_promises(), (report.line("compose", "?"), report.examples)
    workers_said = fleet.compose("logs", "--no-color", "worker")
    assert "redis.down" in workers_said, "nobody was cut off"
    assert fleet.carillon("audit").startswith("audit: ok")
