# SPDX-License-Identifier: Apache-2.0
"""The fleet of docker-compose.yml in containers, with the stand-in platform of its profile, and a receiver of webhooks on the
machine itself.

    with ComposedFleet(engine, workers=3) as fleet:
        batch = fleet.submit(numbers, maxCallsPerSecond=20)
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import redis

from tests.deploy.container_engine import BASE, BUILD_DEADLINE_S, REDIS, ROOT, ContainerEngine
from tests.support.http_receiver import Answer, HttpReceiver, Received
from tests.support.redis_tls import free_port
from tests.support.standard_webhooks import verifies
from tests.support.waiting import wait_until
from tests.support.witness import Delivery, read_log

FILES = ("-f", "docker-compose.yml", "-f", "tests/deploy/compose.test.yml")
PROFILES = ("--profile", "carrier", "--profile", "tools")
TENANT = "acme"
PROJECT = "carillontest"
UP_DEADLINE_S = 120.0
OUR_PROCESSES = ("producer", "worker", "notifier")


class ComposedFleet:
    """start() builds the images and brings it up; stop() takes all of it away, volumes too."""

    def __init__(self, engine: ContainerEngine, workers: int = 1) -> None:
        self.engine = engine
        self._workers = workers
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="carillon-compose-"))
        self.secrets, self.witness = self.directory / "secrets", self.directory / "witness"
        self.deliveries: list[Delivery] = []
        self._lock = threading.Lock()
        self._receiver = HttpReceiver(self._on_webhook, host="0.0.0.0")
        self._webhook_secret = self._api_key = ""
        self._api_port = free_port()
        self._make_secrets()

    def _make_secrets(self) -> None:
        """As the top of docker-compose.yml says it."""
        subprocess.run([str(ROOT / "deploy/make-users.sh"), str(self.secrets)], check=True, capture_output=True)
        (self.secrets / "secrets.key").write_text(base64.b64encode(os.urandom(32)).decode() + "\n", encoding="ascii")
        (self.secrets / "carrier.key").write_text("key_of_the_stand_in_platform\n", encoding="ascii")
        for path in self.secrets.iterdir():
            path.chmod(0o644)
        self.witness.mkdir(mode=0o777)
        self.witness.chmod(0o777)  # the platform is nobody there

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.engine.environment,
            **{"BASE": BASE, "REDIS_IMAGE": REDIS, "CARILLON_IMAGE": "carillon-test", "CARRIER_IMAGE": "carillon-test-carrier"},
            **{"SECRETS_DIR": str(self.secrets), "WITNESS_DIR": str(self.witness), "VERSION": "test"},
            "API_LISTEN": f"127.0.0.1:{self._api_port}",
        }

    def compose(self, *args: str, deadline_s: float = 60.0) -> str:
        command = ["docker-compose", "-p", PROJECT, *FILES, *PROFILES, *args]
        ended = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=deadline_s, check=False
        )
        assert ended.returncode == 0, f"{' '.join(command)}: exit {ended.returncode}\n{ended.stdout[-4000:]}{ended.stderr[-4000:]}"
        return ended.stdout

    # ---- up and down ----

    def start(self) -> ComposedFleet:
        self.compose("build", "producer", "carrier", deadline_s=BUILD_DEADLINE_S)
        services = ("redis", *OUR_PROCESSES, "carrier")
        self.compose("up", "-d", "--no-build", "--scale", f"worker={self._workers}", *services, deadline_s=UP_DEADLINE_S)
        wait_until(self._are_healthy, UP_DEADLINE_S, "every process says that it lives", poll_s=0.5)
        credential = ("-v", f"{self.secrets}/carrier.key:/credential:ro")
        self.carillon(
            *("trunk", "create", "main", "--profile", "retell", "--base-url", "http://carrier:9000", "--cps", "100"),
            *("--credential-file", "/credential", "--caller-id", "+15550001111", "--poll-after-ms", "1000"),
            *("--lookup-absent-after-ms", "1000"),
            mount=credential,
        )
        self.carillon("tenant", "create", TENANT, "--trunk", "main", "--cps", "100")
        self._api_key = self.carillon("key", "create", "--tenant", TENANT).strip()
        self._webhook_secret = self.api("PUT", "/api/v1/webhooks/endpoints", {"url": self.receiver_url})["secret"]
        return self

    def carillon(self, *args: str, mount: tuple[str, ...] = ()) -> str:
        """The command line tool, in a container as an operator starts it."""
        return self.compose("run", "--rm", "-T", *mount, "carillon", *args)

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "-q", service).split()

    def inspect(self, container: str) -> dict[str, Any]:
        return dict(json.loads(self.engine.docker("inspect", container))[0])

    def _are_healthy(self) -> bool:
        seen = [self.inspect(each) for service in OUR_PROCESSES for each in self.containers(service)]
        return all(each["State"].get("Health", {}).get("Status") == "healthy" for each in seen)

    def stop(self) -> None:
        try:
            self.compose("down", "-v", "-t", "10", deadline_s=UP_DEADLINE_S)
        finally:
            self._receiver.close()
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> ComposedFleet:
        try:
            return self.start()
        except BaseException:
            self.print_logs()
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.print_logs()
        self.stop()

    def print_logs(self) -> None:
        with contextlib.suppress(AssertionError):
            print(self.compose("logs", "--no-color", "--tail", "60"))

    # ---- faults ----

    def pid(self, container: str) -> int:
        return int(self.inspect(container)["State"]["Pid"])

    def kill_process(self, container: str) -> None:
        """As the kernel does it: the engine does not know why, and starts it again."""
        os.kill(self.pid(container), signal.SIGKILL)

    @contextlib.contextmanager
    def partitioned(self, container: str) -> Iterator[None]:
        """Nothing that it sends to Redis arrives, and nobody tells it so."""
        rule = ["OUTPUT", "-p", "tcp", "--dport", "6379", "-j", "DROP"]
        command = ["nsenter", "-t", str(self.pid(container)), "-n", "iptables"]
        subprocess.run([*command, "-A", *rule], check=True)
        try:
            yield
        finally:
            subprocess.run([*command, "-D", *rule], check=True)

    # ---- speaking to it ----

    def address(self, service: str, network: str) -> str:
        networks = self.inspect(self.containers(service)[0])["NetworkSettings"]["Networks"]
        return str(networks[f"{PROJECT}_{network}"]["IPAddress"])

    @property
    def receiver_url(self) -> str:
        """The machine, as containers see it."""
        networks = self.inspect(self.containers("notifier")[0])["NetworkSettings"]["Networks"]
        return f"http://{networks[f'{PROJECT}_outside']['Gateway']}:{self._receiver.port}"

    def redis(self) -> redis.Redis:
        password = (self.secrets / "redis-admin.password").read_text(encoding="ascii")
        return redis.Redis(host=self.address("redis", "redis"), username="redis-admin", password=password)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._api_port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._api_key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def submit(self, numbers: list[str], **options: Any) -> str:
        contacts = [{"id": f"c{i}", "phoneNumber": number} for i, number in enumerate(numbers)]
        webhooks = {name: f"{self.receiver_url}/{name}" for name in ("onCallComplete", "onBatchComplete", "onBatchFailed")}
        body = {"agentId": "agent_123", "contacts": contacts, "options": {"webhooks": webhooks, **options}}
        return str(self.api("POST", "/api/v1/batch", body)["batchId"])

    def status(self, batch: str) -> dict[str, Any]:
        return dict(self.api("GET", f"/api/v1/batch/{batch}/status"))

    def delivered(self, event: str) -> set[str]:
        with self._lock:
            return {each.webhook_id for each in self.deliveries if each.body.get("event") == event}

    def carrier_events(self) -> list[dict[str, Any]]:
        return read_log(self.witness / "carrier.jsonl")

    def _on_webhook(self, request: Received) -> Answer:
        is_verified = verifies(self._webhook_secret, request.headers, request.body, time.time())
        digest = hashlib.sha256(request.body).hexdigest()
        with self._lock:
            identity = request.headers.get("webhook-id", "")
            self.deliveries.append(Delivery(identity, request.json(), is_verified, 200, digest))
        return Answer(200)
