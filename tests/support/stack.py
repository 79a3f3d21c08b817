# SPDX-License-Identifier: Apache-2.0
"""A whole Carillon on this machine: a private Redis, the stand-in carrier, workers, a producer, a notifier, and a receiver
that checks signatures. Used by `make demo` and by tests/e2e.

    with Stack() as stack:
        batch = stack.submit({"agentId": "agent_123", ...}, numbers)
        stack.wait_for_batch(batch)
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from types import TracebackType
from typing import Any

from tests.support.engine import SCHEMA
from tests.support.http_receiver import Answer, HttpReceiver, Received
from tests.support.processes import Process, program, program_with_breakpoints
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.standard_webhooks import verifies
from tests.support.waiting import wait_until
from tests.support.witness import Delivery, read_log

TENANT = "acme"
TRUNK = "main"
CALLER_ID = "+15550001111"
CARRIER_KEY = "key_of_the_stand_in_platform"
LOOPBACK = "127.0.0.0/8"
ACCOUNT_SID = "AC00000000000000000000000000000001"
TWILIO_VARIABLES = tuple(
    part
    for variable in (f"account_sid={ACCOUNT_SID}", "answer_url=https://voice.example/answer", "machine_detection=Enable")
    for part in ("--variable", variable)
)


class CommandFailed(AssertionError):
    """The command line tool ended with another status than 0."""


class Stack:
    """Everything that a campaign needs. start() brings it up in the order in which the parts need each other."""

    def __init__(
        self,
        *,
        workers: int = 2,
        producers: int = 1,
        notifiers: int = 1,
        platform: str = "retell",
        outcomes: str = "completed=70,busy=10,no_answer=15,failed=5",
        ring_ms: int = 50,
        talk_ms: int = 100,
        faults: tuple[str, ...] = (),
        seed: int = 1,
        trunk_cps: int = 100,
        tenant_cps: int = 100,
        poll_after_ms: int = 2000,
        trunk_options: tuple[str, ...] = (),
        tenant_options: tuple[str, ...] = (),
        worker_options: tuple[str, ...] = (),
        redis: RedisServer | None = None,
        log_level: str = "info",
        schema: int = SCHEMA,
    ) -> None:
        """`platform`: whose API the carrier is spoken to by, retell or twilio. `redis`: instead of one with a file to append to
        and the users of deploy/users.acl. `schema`: that the cell speaks, as a fleet of another version left it."""
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="carillon-stack-"))
        self.platform = platform
        self.redis = redis or RedisServer(appendonly=True, users=Users.for_tests())
        self.receiver = HttpReceiver(self._on_webhook)
        self.deliveries: list[Delivery] = []
        self.answer: Any = None  # a function of a Received to an Answer, for tests whose receiver fails
        self.webhook_secret = ""
        self.carrier_log = self.directory / "carrier.jsonl"
        self.receiver_log = self.directory / "receiver.jsonl"
        self._receiver_lock = threading.Lock()
        variables = TWILIO_VARIABLES if platform == "twilio" else ()
        self._trunk_options = (
            *("--cps", str(trunk_cps), "--poll-after-ms", str(poll_after_ms), "--lookup-absent-after-ms", "1000"),
            *variables,
            *trunk_options,
        )
        self._tenant_options = ("--cps", str(tenant_cps), *tenant_options)
        self.secrets_key = self._write("secrets.key", base64.b64encode(os.urandom(32)).decode() + "\n")
        self.carrier_key = self._write("carrier.key", CARRIER_KEY + "\n")
        self.api_key_file = self.directory / "api.key"
        self._log_level = log_level
        self._schema = schema
        self.workers = [self._process("carillon-worker", *worker_options, label=f"worker {i + 1}") for i in range(workers)]
        private = ("--allow-private-webhooks", LOOPBACK)
        self.producers = [self._process("carillon-producer", *private, label=f"producer {i + 1}") for i in range(producers)]
        self.notifiers = [self._process("carillon-notifier", *private, label=f"notifier {i + 1}") for i in range(notifiers)]
        self._carrier_args = self.carrier_args(outcomes, ring_ms, talk_ms, faults, seed)
        self.carrier: Process | None = None
        self.carrier_env: dict[str, str] = {}

    def _process(self, name: str, *args: str, path: str = "", env: dict[str, str] | None = None, label: str = "") -> Process:
        """One that signs in to Redis as the user of its name."""
        common = ("--secrets-key-file", str(self.secrets_key), "--listen", "127.0.0.1:0", "--log-level", self._log_level)
        log = self.directory / f"{label.replace(' ', '_')}.log"
        return Process(path or name, *self.redis_flags(name, label), *common, *args, env=env, label=label, log=log)

    @property
    def producer(self) -> Process:
        return self.producers[0]

    @property
    def notifier(self) -> Process:
        return self.notifiers[0]

    @property
    def everyone(self) -> list[Process]:
        """The processes of Carillon, in the order in which they end."""
        return [*self.producers, *self.workers, *self.notifiers]

    def _write(self, name: str, text: str) -> pathlib.Path:
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def carrier_args(self, outcomes: str, ring_ms: int, talk_ms: int, faults: tuple[str, ...], seed: int) -> list[str]:
        return [
            *("--listen", "127.0.0.1:0", "--seed", str(seed), "--outcomes", outcomes),
            *("--ring-ms", str(ring_ms), "--talk-ms", str(talk_ms), "--api-key-file", str(self.carrier_key)),
            *("--log", str(self.carrier_log), "--account-sid", ACCOUNT_SID),
            *(part for fault in faults for part in ("--fault", fault)),
        ]

    # ---- where the parts find each other ----

    def redis_flags(self, user: str, label: str) -> list[str]:
        """How the process `label` reaches Redis."""
        return self.redis.flags(user)

    @property
    def api_url(self) -> str:
        return self.producer.url

    @property
    def callbacks_url(self) -> str:
        """The one address that the platform calls back; any worker can settle any call."""
        return self.workers[0].url

    @property
    def carrier_url(self) -> str:
        assert self.carrier is not None
        return self.carrier.url

    @property
    def receiver_url(self) -> str:
        return self.receiver.url

    # ---- up and down ----

    def start(self) -> Stack:
        self.redis.start()
        self.redis.client().hset("carillon:{c0}:cell", "schema", self._schema)
        for worker in self.workers:
            worker.start()
        self.start_carrier()
        self.command(
            *("trunk", "create", TRUNK, "--profile", self.platform, "--base-url", self.carrier_url),
            *("--credential-file", str(self.carrier_key), "--secrets-key-file", str(self.secrets_key)),
            *("--caller-id", CALLER_ID, *self._trunk_options),
        )
        self.command("tenant", "create", TENANT, "--trunk", TRUNK, *self._tenant_options)
        self.api_key_file.write_text(self.command("key", "create", "--tenant", TENANT), encoding="utf-8")
        for process in (*self.producers, *self.notifiers):
            process.start()
        self.webhook_secret = self.api("PUT", "/api/v1/webhooks/endpoints", {"url": self.receiver_url})["secret"]
        return self

    def start_carrier(self) -> None:
        webhook = f"{self.callbacks_url}/callbacks/retell"
        log = self.directory / "carrier.log"
        self.carrier = Process("carillon-carrier", *self._carrier_args, "--webhook-url", webhook, env=self.carrier_env, log=log)
        self.carrier.start()

    def stop(self) -> None:
        """Ends every process in order; each must end well."""
        processes = [*self.everyone, *([self.carrier] if self.carrier else [])]
        first_error: BaseException | None = None
        for process in processes:
            try:
                process.stop()
            except AssertionError as error:
                first_error = first_error or error
        denials = self.redis.denials() if self.redis.is_running() else []
        self.receiver.close()
        self.clear_up()
        self.redis.stop()
        if first_error:
            raise first_error
        assert denials == [], "Redis refused what a process needs: deploy/users.acl"

    def clear_up(self) -> None:
        """Removes what everybody wrote. Nobody but Redis is there any more."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Stack:
        try:
            return self.start()
        except BaseException:
            for process in self.everyone:
                process.print_log_tail()
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for process in self.everyone:
                process.print_log_tail()
        self.stop()

    def doomed_worker(self, breakpoint: str) -> Process:
        """One more worker, which is killed or stopped where `breakpoint` says (common/base/breakpoint.h). Its own to end."""
        path, env = str(program_with_breakpoints("carillon-worker")), {"CARILLON_BREAKPOINT": breakpoint}
        return self._process("carillon-worker", path=path, env=env, label=f"worker until {breakpoint}")

    # ---- speaking to it ----

    def environment(self) -> dict[str, str]:
        """What `carillon` needs to find this stack."""
        return {
            **self.redis.environment("carillon-operator"),
            "CARILLON_URL": self.api_url,
            "CARILLON_API_KEY_FILE": str(self.api_key_file),
        }

    def command(self, *args: str, check: bool = True, deadline_s: float = 60.0) -> str:
        """Runs `carillon ...` to its end and gives what it printed."""
        ended = subprocess.run(
            [str(program("carillon")), *args],
            env={**os.environ, **self.environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=deadline_s,
            check=False,
        )
        if check and ended.returncode != 0:
            raise CommandFailed(f"carillon {' '.join(args)}: exit {ended.returncode}\n{ended.stdout}{ended.stderr}")
        return ended.stdout

    def api(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        """A request to the producer with the tenant's key, or another; an error answer raises urllib's HTTPError."""
        request = urllib.request.Request(
            self.api_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": "Bearer " + (key or self.api_key_file.read_text(encoding="utf-8")).strip(),
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    # ---- campaigns ----

    def webhooks(self) -> dict[str, str]:
        return {name: f"{self.receiver_url}/{name}" for name in ("onCallComplete", "onBatchComplete", "onBatchFailed")}

    def submit(self, numbers: list[str], **options: Any) -> str:
        """A batch by the API: its id. Webhooks go to the stack's receiver."""
        body = {
            "agentId": "agent_123",
            "userId": TENANT,
            "contacts": [{"id": f"c{i}", "phoneNumber": number, "name": f"Contact {i}"} for i, number in enumerate(numbers)],
            "options": {"webhooks": self.webhooks(), **options},
        }
        return self.api("POST", "/api/v1/batch", body)["batchId"]

    def status(self, batch: str) -> dict[str, Any]:
        return self.api("GET", f"/api/v1/batch/{batch}/status")

    def wait_for_batch(self, batch: str, deadline_s: float = 60.0, states: tuple[str, ...] = ("completed",)) -> dict[str, Any]:
        """Waits for the batch's state, and, where it completed, for its event."""
        def reached() -> dict[str, Any] | None:
            try:
                seen = self.status(batch)
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise
                return None  # Redis is away
            return seen if seen["status"] in states else None

        status = wait_until(reached, deadline_s, f"{batch} is {states}", poll_s=0.1)
        if status["status"] == "completed":
            wait_until(lambda: self.delivered("batch.completed", batch), 30.0, f"batch.completed of {batch}")
        return status

    def delivered(self, event: str, batch: str | None = None) -> list[Delivery]:
        """Distinct webhooks that were answered 2xx, in the order of their first coming."""
        with self._receiver_lock:
            seen: dict[str, Delivery] = {}
            for delivery in self.deliveries:
                if delivery.body.get("event") == event and (batch is None or delivery.body.get("batchId") == batch) and 200 <= delivery.status < 300:
                    seen.setdefault(delivery.webhook_id, delivery)
            return list(seen.values())

    def batches(self) -> list[str]:
        """The tenant's batches by Redis, oldest first."""
        found = self.redis.client().zrange(f"carillon:{{c0}}:tenant:{TENANT}:batches", 0, -1)
        return [batch.decode() for batch in found]

    def carrier_events(self) -> list[dict[str, Any]]:
        return read_log(self.carrier_log)

    def begin_instants_us(self, batch: str) -> list[int]:
        """When each dial of the batch was begun, in Redis's time: what the rates are promised of."""
        client, instants = self.redis.client(), []
        for key in client.scan_iter(f"carillon:{{c0}}:batch:{batch}:attempts:*"):
            for log in client.hvals(key):
                instants += [int(at) for at in re.findall(rb" b=(\d+)", log)]
        return instants

    def audit(self) -> tuple[bool, str]:
        """Whether every invariant holds, and what the auditor printed."""
        ended = subprocess.run(
            [str(program("carillon")), "audit"],
            env={**os.environ, **self.environment()},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return ended.returncode == 0, ended.stdout + ended.stderr

    # ---- the receiver ----

    def _on_webhook(self, request: Received) -> Answer:
        answer = self.answer(request) if self.answer else Answer(200)
        is_verified = verifies(self.webhook_secret, request.headers, request.body, time.time())
        try:
            body = request.json()
        except ValueError:
            body = {}
        digest = hashlib.sha256(request.body).hexdigest()
        delivery = Delivery(request.headers.get("webhook-id", ""), body, is_verified, answer.status, digest)
        with self._receiver_lock:
            self.deliveries.append(delivery)
            with self.receiver_log.open("a", encoding="utf-8") as log:
                entry = {"t": int(request.at * 1000), "id": delivery.webhook_id, "verified": is_verified,
                         "status": answer.status, "digest": digest, "body": body}
                log.write(json.dumps(entry) + "\n")
        return answer


def write_contacts(path: pathlib.Path, numbers: list[str]) -> None:
    """A contacts file as users have them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["phoneNumber", "id", "name", "company", "plan"])
        for i, number in enumerate(numbers):
            writer.writerow([number, f"lead-{i + 1}", f"Contact {i + 1}", "Example, Inc.", "gold" if i % 3 == 0 else "basic"])


def brief_calls(limit: int) -> dict[str, Any]:
    """The options of a batch that is over within a minute: calls that nobody answers or that are left alone end soon, and
    retries and summaries are soon due. At most `limit` calls begin in a second."""
    return {
        "maxCallsPerSecond": limit,
        "retryStrategy": {"maxAttempts": 3, "noAnswerDelay": 2000, "busyDelay": 2000},
        "summaryWait": 2,
        "ringTimeout": 5,
        "maxCallDuration": 10,
    }


def phone_numbers(count: int, start: int = 15550100000) -> list[str]:
    return [f"+{start + i}" for i in range(count)]
