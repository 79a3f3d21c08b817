# SPDX-License-Identifier: Apache-2.0
"""A tenant's client that submits a campaign while things break, and sends again what it got no answer to as docs/api.md
says: the same request under the same Idempotency-Key, the same chunk under its number."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import threading
import time
import urllib.error
import urllib.request
from typing import Any

from tests.chaos.fleet import Fleet
from tests.chaos.schedule import Campaign, Schedule
from tests.support.processes import program
from tests.support.stack import TENANT, write_contacts

REQUEST_S = 12.0  # a producer that hangs is given up after that
RETRY_S = 0.5
PATIENCE_S = 120.0
CHUNKS = 3
BETWEEN_CHUNKS_S = 0.3
DRAFTS_MOST = 5
ANEW_S = 3.0  # by then everybody has left a primary that is one no more
AGAIN = frozenset({409, 429, 500, 502, 503})  # of these an answer says: come again. 409: the first is still under way


class GaveUp(AssertionError):
    """What was asked for was not done in time, or refused."""


class Vanished(GaveUp):
    """The batch is not there any more: Redis lost it with its tail. Whoever filled it makes it anew."""


class Client(threading.Thread):
    """Submits one campaign, and pauses and resumes it where it says so. `batch`: its id once it was accepted."""

    def __init__(self, fleet: Fleet, schedule: Schedule, campaign: Campaign, start: float) -> None:
        """`start`: the monotonic time from which the campaign's instants count."""
        super().__init__(daemon=True)
        self.campaign = campaign
        self.batch = ""
        self.error = ""
        self._fleet = fleet
        self._seed = schedule.seed
        self._start = start
        self._api_key = fleet.api_key_file.read_text(encoding="utf-8").strip()

    def run(self) -> None:
        try:
            _sleep_until(self._start + self.campaign.at_ms / 1000)
            self.batch = {"inline": self._inline, "chunks": self._chunks, "tool": self._tool}[self.campaign.way]()
            if self.campaign.pause_ms:
                time.sleep(self.campaign.pause_ms / 1000)
                self._control("pause", ("paused", "completed"))
                time.sleep(self.campaign.paused_ms / 1000)
                self._control("resume", ("processing", "pending", "completed"))
        except Exception as error:  # told by the run, which fails of it
            self.error = f"batch {self.campaign.index + 1} by {self.campaign.way}: {error!r}"

    def go_on(self) -> None:
        """Where it has done all that it does: a batch that is paused all the same was resumed in vain, in a tail that Redis
        lost. Whoever sees that resumes it again."""
        if self.is_alive() or not self.batch or self.error:
            return
        status, answer = self._send("GET", f"/api/v1/batch/{self.batch}/status", None)
        if status == 200 and answer.get("status") == "paused":
            self._send("POST", f"/api/v1/batch/{self.batch}/resume", {})

    # ---- ways to submit ----

    def _options(self) -> dict[str, Any]:
        campaign, url = self.campaign, self._fleet.receiver_url
        webhooks = {"onEvent": f"{url}/onEvent"} if campaign.hears_all else self._fleet.webhooks()
        delays = {"noAnswerDelay": campaign.no_answer_ms, "busyDelay": campaign.busy_ms, "failedDelay": campaign.no_answer_ms}
        return {
            "priority": campaign.priority,
            "maxCallsPerSecond": campaign.cps,
            "retryStrategy": {"maxAttempts": campaign.max_attempts, **delays},
            "ringTimeout": 5,
            "maxCallDuration": 600,  # no call of a run comes to its deadline
            "summaryWait": 2,
            "webhooks": webhooks,
        }

    def _body(self) -> dict[str, Any]:
        return {"agentId": "agent_123", "userId": TENANT, "options": self._options()}

    def _contacts(self) -> list[dict[str, str]]:
        return [{"id": f"c{i}", "phoneNumber": number} for i, number in enumerate(self.campaign.numbers)]

    def _inline(self) -> str:
        body = {**self._body(), "contacts": self._contacts()}
        return str(self._ask("POST", "/api/v1/batch", body, self._key("batch"))["batchId"])

    def _chunks(self) -> str:
        for time_over in range(DRAFTS_MOST):
            with contextlib.suppress(Vanished):
                return self._draft(self._key(f"draft-{time_over}"))
            time.sleep(ANEW_S)
        raise GaveUp(f"{DRAFTS_MOST} drafts vanished")

    def _draft(self, key: str) -> str:
        batch = str(self._ask("POST", "/api/v1/batch?draft=true", self._body(), key)["batchId"])
        contacts = self._contacts()
        size = -(-len(contacts) // CHUNKS)
        for i in range(CHUNKS):
            self._ask("POST", f"/api/v1/batch/{batch}/contacts?chunk={i + 1}", contacts[i * size : (i + 1) * size])
            time.sleep(BETWEEN_CHUNKS_S)
        self._ask("POST", f"/api/v1/batch/{batch}/start")
        return batch

    def _tool(self) -> str:
        folder = self._fleet.directory
        contacts = folder / f"contacts_{self._seed}_{self.campaign.index}.csv"
        write_contacts(contacts, self.campaign.numbers)
        body = folder / f"campaign_{self._seed}_{self.campaign.index}.json"
        body.write_text(json.dumps(self._body()), encoding="utf-8")
        for _ in range(DRAFTS_MOST):
            ended = self._submit(body, contacts)
            if ended.returncode == 0:
                return ended.stdout.split()[0]
        raise GaveUp(f"carillon submit: exit {ended.returncode}: {ended.stderr}")

    def _submit(self, body: pathlib.Path, contacts: pathlib.Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(program("carillon")), "submit", str(body), "--contacts", str(contacts), "--chunk-bytes", "4096",
             "--run", str(self._seed), "--patience-s", str(round(PATIENCE_S))],
            env={**os.environ, **self._fleet.environment()},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False,
        )  # fmt: skip

    def _key(self, what: str) -> str:
        return f"chaos-{self._seed}-{self.campaign.index}-{what}"

    def _control(self, verb: str, wanted: tuple[str, ...]) -> None:
        """A refusal may be the answer to what was done already: then the state is as wanted."""
        end = time.monotonic() + PATIENCE_S
        while True:
            status, answer = self._send("POST", f"/api/v1/batch/{self.batch}/{verb}", {})
            if status == 409:
                status, answer = self._send("GET", f"/api/v1/batch/{self.batch}/status", None)
            if status in (200, 202) and answer.get("status") in wanted or status == 404:
                return  # 404: Redis lost the batch, which the judge will tell
            if time.monotonic() > end:
                raise GaveUp(f"{verb}: {status} {answer}")
            time.sleep(RETRY_S)

    # ---- requests ----

    def _ask(self, method: str, path: str, body: Any = None, key: str = "") -> dict[str, Any]:
        """Sends it until it is answered with 2xx."""
        end = time.monotonic() + PATIENCE_S
        while True:
            status, answer = self._send(method, path, body, key)
            if 200 <= status < 300:
                return answer
            if status and status not in AGAIN or time.monotonic() > end:
                raise (Vanished if status == 404 else GaveUp)(f"{method} {path}: {status} {answer}")
            time.sleep(RETRY_S)

    def _send(self, method: str, path: str, body: Any, key: str = "") -> tuple[int, dict[str, Any]]:
        """The status, 0 for none, and the answer."""
        request = urllib.request.Request(
            self._fleet.api_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._api_key}",
                "Content-Type": "application/json",
                **({"Idempotency-Key": key} if key else {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_S) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                try:
                    return error.code, json.loads(error.read())
                except (OSError, http.client.HTTPException, ValueError):
                    return error.code, {}
        except (OSError, http.client.HTTPException, ValueError) as error:
            return 0, {"error": repr(error)}


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))
