# SPDX-License-Identifier: Apache-2.0
"""The units of deploy/systemd as `make install` puts them: systemd understands every line, and finds little to be done to a
process that was taken over."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPOSURE_MOST = 2.0
SERVICES = ("carillon-producer.service", "carillon-worker@8081.service", "carillon-notifier.service", "carillon-redis.service")


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Installed where their programs are there; with an instance of the worker."""
    prefix = tmp_path_factory.mktemp("prefix")
    subprocess.run(["make", "-s", "install", f"PREFIX={prefix}"], cwd=ROOT, check=True)
    folder = prefix / "lib/systemd/system"
    (folder / "carillon-worker@8081.service").symlink_to("carillon-worker@.service")
    return folder


def test_systemd_understands_every_unit(units: pathlib.Path) -> None:
    """It only warns of what it does not know."""
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"}
    command = ["systemd-analyze", "verify", "--man=no", *SERVICES, "carillon.target"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    told = [line for line in ended.stderr.splitlines() if "carillon" in line]
    assert ended.returncode == 0 and told == [], ended.stderr


def test_a_mistake_in_a_unit_is_found(units: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """What the test above would see."""
    text = (units / "carillon-producer.service").read_text(encoding="utf-8")
    (tmp_path / "carillon-producer.service").write_text(text.replace("ProtectHome=", "ProtectHomes="), encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "carillon-producer.service")]
    assert "ProtectHomes" in subprocess.run(command, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_process_that_was_taken_over_could_do_little(service: str, units: pathlib.Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(units / service)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert exposure and float(exposure[1]) <= EXPOSURE_MOST, said


def test_the_services_differ_only_where_they_must() -> None:
    """What hardens one hardens all: the lines that protect are the same, but for the addresses that a process speaks to."""

    def hardening(name: str) -> list[str]:
        text = (ROOT / "deploy/systemd" / name).read_text(encoding="utf-8")
        lines = text[text.index("DynamicUser=") : text.index("[Install]")].splitlines()
        return [line for line in lines if line and not line.startswith(("#", "RestrictAddressFamilies="))]

    names = ("carillon-producer.service", "carillon-worker@.service", "carillon-notifier.service", "carillon-redis.service")
    assert all(hardening(name) == hardening(names[0]) for name in names)
