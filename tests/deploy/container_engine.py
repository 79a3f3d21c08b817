# SPDX-License-Identifier: Apache-2.0
"""A container engine for tests alone: a dockerd of their own, with its own data, socket and rules, gone afterwards.

    with ContainerEngine() as engine:
        engine.docker("images")

Beside another dockerd it is not started: both would write the same firewall rules. CARILLON_DEPLOY_DOCKER_HOST names one
that may be used instead. No registry is asked: the base image is made from Debian's packages.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
from types import TracebackType

from tests.support.children import start_child
from tests.support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "deploy"  # what is worth keeping from run to run: the base, and layers that did not change
BASE = "carillon-test-base"
REDIS = "carillon-test-redis"
START_DEADLINE_S = 60.0
BUILD_DEADLINE_S = 900.0
DOCKER = "/usr/bin/docker"  # Debian's, which the daemon came with
REDIS_IMAGE = f"""
FROM {BASE}
RUN apt-get update && apt-get install -y --no-install-recommends redis-server && mkdir /data && chown redis /data
WORKDIR /data
USER redis
"""

# The tables that a dockerd writes into, as they are where nobody has.
EMPTY_TABLES = (
    "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n"
    "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n"
)


class NoEngine(AssertionError):
    """Why no container engine can be had here."""


class ContainerEngine:
    """start() brings it up with a Debian base and a Redis as images."""

    def __init__(self) -> None:
        self.host = os.environ.get("CARILLON_DEPLOY_DOCKER_HOST", "")
        self.is_own = not self.host
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="carillon-engine-"))
        self._daemon: subprocess.Popen[bytes] | None = None
        self._rules: dict[str, str] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Of whoever speaks to it."""
        return {**os.environ, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"}

    def docker(self, *args: str, text: str = "", deadline_s: float = 60.0) -> str:
        """A command of docker to its end, with `text` on its stdin: what it printed."""
        ended = subprocess.run(
            [DOCKER, *args], input=text, env=self.environment, capture_output=True, text=True, timeout=deadline_s, check=False
        )
        assert ended.returncode == 0, f"docker {' '.join(args)}: exit {ended.returncode}\n{ended.stdout[-4000:]}{ended.stderr[-4000:]}"
        return ended.stdout

    # ---- up and down ----

    def start(self) -> ContainerEngine:
        if self.is_own:
            self._start_daemon()
            self._remove_leftovers()
        images = self.docker("images", "--format", "{{.Repository}}").split()
        if BASE not in images:
            self._make_base()
        if REDIS not in images:
            self.docker("build", "-t", REDIS, "-", text=REDIS_IMAGE, deadline_s=BUILD_DEADLINE_S)
        return self

    @staticmethod
    def _refuse_beside_others() -> None:
        if os.geteuid() != 0:
            raise NoEngine("a container engine is started by root alone")
        for tool in ("dockerd", "docker-compose", "iptables", "mmdebstrap"):
            if not shutil.which(tool):
                raise NoEngine(f"there is no {tool}: deploy/install-deps.sh --deploy")
        if pathlib.Path("/sys/class/net/docker0").exists() or pathlib.Path("/var/run/docker.sock").exists():
            raise NoEngine("another container engine is here: CARILLON_DEPLOY_DOCKER_HOST says that it may be used")

    def _start_daemon(self) -> None:
        self._refuse_beside_others()
        KEPT.mkdir(parents=True, exist_ok=True)
        self._rules = {tool: subprocess.check_output([f"{tool}-save"], text=True) for tool in ("iptables", "ip6tables")}
        self.host = f"unix://{self._directory}/docker.sock"
        places = ("--data-root", str(KEPT / "engine"), "--exec-root", str(self._directory / "exec"))
        command = ["dockerd", *places, "--pidfile", str(self._directory / "docker.pid"), "-H", self.host]
        log = self._directory / "log"
        with log.open("wb") as file:
            self._daemon = start_child(command, stdout=file, stderr=subprocess.STDOUT)

        def is_up() -> bool:
            assert self._daemon
            if self._daemon.poll() is not None:
                raise NoEngine(f"dockerd does not start here:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")
            asked = subprocess.run([DOCKER, "info"], env=self.environment, capture_output=True, check=False)
            return asked.returncode == 0

        wait_until(is_up, START_DEADLINE_S, "the container engine answers", poll_s=0.1)

    def _remove_leftovers(self) -> None:
        """Of a run that was killed: its containers would be started again."""
        left = self.docker("ps", "-aq").split()
        if left:
            self.docker("rm", "-f", *left)
        self.docker("network", "prune", "-f")
        self.docker("volume", "prune", "-f")

    def _make_base(self) -> None:
        archive = KEPT / "base.tar"
        if not archive.exists():
            making = KEPT / "base.new.tar"
            command = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", "bookworm", str(making)]
            subprocess.run(command, check=True, timeout=BUILD_DEADLINE_S)
            making.rename(archive)
        self.docker("import", "-c", 'CMD ["/bin/sh"]', str(archive), BASE, deadline_s=BUILD_DEADLINE_S)

    def stop(self) -> None:
        if self._daemon:
            self._daemon.send_signal(signal.SIGTERM)
            self._daemon.wait(60.0)
            self._daemon = None
            subprocess.run(["umount", str(self._directory / "exec/netns/default")], check=False, capture_output=True)
            subprocess.run(["ip", "link", "delete", "docker0"], check=False, capture_output=True)
            for tool, rules in self._rules.items():
                subprocess.run([f"{tool}-restore"], input=EMPTY_TABLES + rules, text=True, check=True)
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> ContainerEngine:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
