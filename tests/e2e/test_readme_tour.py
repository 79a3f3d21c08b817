# SPDX-License-Identifier: Apache-2.0
"""The newcomer's tour in README.md does what it says. Its blocks are run as they stand, one after the other in one shell, on
a network of their own, where the ports that they name are free."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import pathlib
import re
import subprocess

import pytest

from tests.support.processes import ROOT, SANITIZER, build_directory

DEADLINE_S = 180.0
HEADING = "## A tour of five minutes"
# Before the first block: what fails is written down, and the tour goes on, as it would for who pastes it.
PRELUDE = r"""
set -o errtrace -o pipefail
trap 'echo "$? $BASH_COMMAND" >>"$TMPDIR/failed"' ERR
"""
OWN_MACHINE = ("--net", "--pid", "--fork", "--kill-child", "--mount-proc")
LOOPBACK = "import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH22x', b'lo', 0x49))"  # SIOCSIFFLAGS: up


def blocks() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tour = text[text.index(HEADING) : text.index("\n## ", text.index(HEADING) + 1)]
    return re.findall(r"^```sh\n(.*?)^```", tour, re.MULTILINE | re.DOTALL)


def own_machine() -> list[str]:
    """How the tour gets a network and processes of its own, so that its ports are free and nothing outlives it; where nobody
    may have that (some containers), it has the machine's."""
    for how in (["unshare", *OWN_MACHINE], ["unshare", "--map-root-user", *OWN_MACHINE]):
        if subprocess.run([*how, "true"], check=False, capture_output=True).returncode == 0:
            return [*how, "sh", "-c", f'/usr/bin/python3 -c "{LOOPBACK}" && exec "$@"', "sh"]
    return []


@dataclasses.dataclass(frozen=True)
class Tour:
    told: list[str]  # by each block
    complaints: str
    failed: list[str]  # "<status> <command>"
    folder: pathlib.Path

    def log(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def about(self, word: str) -> str:
        """What the block said in which a word stands."""
        (found,) = [told for block, told in zip(blocks(), self.told) if word in block]
        return found


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Tour:
    tmp = tmp_path_factory.mktemp("tour")
    # The tour adds build/release/bin of where it is; another build's programs are put there for it.
    place = tmp / "carillon"
    (place / "build").mkdir(parents=True)
    (place / "build" / "release").symlink_to(build_directory())
    (place / "deploy").symlink_to(ROOT / "deploy")
    text = PRELUDE + "".join(f"{block}\necho; echo '==== end of a block'\n" for block in blocks())
    env = {name: value for name, value in os.environ.items() if not name.startswith("CARILLON_")}
    env |= {"TMPDIR": str(tmp), "LC_ALL": "C.UTF-8"}
    ended = subprocess.run(
        [*own_machine(), "bash", "-c", text], cwd=place, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    print(ended.stdout, ended.stderr)
    (folder,) = tmp.glob("tmp.*")
    failed = (tmp / "failed").read_text(encoding="utf-8").splitlines() if (tmp / "failed").exists() else []
    told = ended.stdout.split("==== end of a block\n")[:-1]
    assert len(told) == len(blocks()) > 5
    return Tour(told, ended.stderr, failed, folder)


def test_no_command_of_the_tour_fails(tour: Tour) -> None:
    """But for the watching that is ended, and that of a batch which does not complete."""
    assert tour.failed == ["124 timeout --foreground 10 carillon watch $BATCH", "1 carillon watch $BATCH"]
    assert not SANITIZER.search(tour.complaints + "".join(path.read_text(encoding="utf-8") for path in tour.folder.glob("*.log")))


def test_the_campaign_of_the_tour_is_paused_explained_and_resumed(tour: Tour) -> None:
    told = tour.about("carillon pause")
    (batch,) = re.findall(r"^(batch_c0_\w+) paused$", told, re.MULTILINE)
    assert re.search(r"^processing: [1-9]\d*/200 ", tour.about("timeout"), re.MULTILINE)
    assert re.search(rf"^{batch} +acme ", told[told.index("STARTS/S") :], re.MULTILINE), "carillon top"
    assert "BATCH_PAUSED" in told and "\nstate\npaused\n" in told
    assert re.search(r"^phase=\w+ a=\d", told, re.MULTILINE) and '"providerCallId": "call_' in told
    assert f"{batch} processing" in told, "resumed"
    answers = [json.loads(line) for line in told.splitlines() if line.startswith('{"batchId"')]
    assert [(answer["batchId"], answer["status"]) for answer in answers] == [(batch, "processing")]


def test_the_campaign_of_the_tour_is_cancelled_and_sound(tour: Tour) -> None:
    told = tour.about("carillon cancel")
    assert re.search(r"^cancelled in ", told, re.MULTILINE)
    assert re.search(r"^audit: ok, 1 batches, 0 faults$", told, re.MULTILINE)
    outcomes = [row["outcome"] for row in csv.DictReader((tour.folder / "results.csv").open(encoding="utf-8"))]
    assert len(outcomes) == 200
    assert {"COMPLETED", "CANCELLED"} <= set(outcomes) and "" not in outcomes


def test_every_webhook_of_the_tour_arrives_and_is_signed(tour: Tour) -> None:
    """The tour waits until none is left: there is no order between events, so the last one's may come before another's."""
    lines = [line.split(" ") for line in tour.log("webhooks.log").splitlines()]
    assert {how for _, how, *_ in lines} == {"signed"}
    events = {(name, event): outcome for name, _, event, outcome in lines}
    kinds = [event for _, event in events]
    assert [kinds.count(kind) for kind in ("batch.started", "batch.paused", "batch.cancelled")] == [1, 1, 1]
    rows = list(csv.DictReader((tour.folder / "results.csv").open(encoding="utf-8")))
    ended = sorted(row["outcome"] for row in rows if row["attempts"] != "0" and row["outcome"] != "CANCELLED")
    told = sorted(outcome for (_, event), outcome in events.items() if event == "call.completed" and outcome != "CANCELLED")
    assert told == ended != []


def test_no_secret_of_the_tour_is_told(tour: Tour) -> None:
    key, secret = tour.log("api.key").strip(), json.loads(tour.log("endpoint.json"))["secret"]
    logs = "".join(path.read_text(encoding="utf-8") for path in tour.folder.glob("*.log"))
    for text in (key, secret, tour.log("platform.key").strip(), tour.log("secrets.key").strip()):
        assert len(text) > 15 and text not in "".join(tour.told) + tour.complaints + logs


def test_the_tour_leaves_nothing_running(tour: Tour) -> None:
    for name in ("producer", "worker", "notifier", "carrier"):
        last = json.loads(tour.log(f"{name}.log").splitlines()[-1])
        assert (last["event"], last["status"]) == ("process.stopped", 0), name
    assert tour.told[-1].count('"event":"process.stopped","status":0') == 3
    assert not (tour.folder / "redis.sock").exists()
