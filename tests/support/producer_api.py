# SPDX-License-Identifier: Apache-2.0
"""A running producer with tenants, trunks and keys of its own, and a client that shows whole answers.

    with Api(redis_server) as api:
        key = api.tenant("acme")
        answer = api.post("/api/v1/batch", body(["+15550001111"]), key=key)
        assert answer.status == 202, answer
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import http.client
import json
import os
import pathlib
import re
import tempfile
from types import TracebackType
from typing import Any, Iterable, Mapping

import redis

from tests.support.contract import everybodys
from tests.support.engine import Engine
from tests.support.processes import Process
from tests.support.redis_server import RedisServer

CELL = "c0"
LOOPBACK = "127.0.0.0/8"
JUDGED_BYTES = 64 << 10  # a longer answer is more of the same
ASKED = re.compile(rb"carillon:{dir}:used|carillon:{\w+}:requests:t/.*|carillon:{\w+}:begins:.*|carillon:{\w+}:processes")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back. `headers` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json()["code"])

    @property
    def field_errors(self) -> dict[str, list[str]]:
        return dict(self.json()["details"]["fieldErrors"])


class Api:
    """One producer on `server`, which must be running; its Redis is emptied at the start. `redis_url`: where the producer
    is to find it, where that is another place. Its tenants have no quota of requests that a
    fast machine could meet, unless `args` give them one. `env`: added to its environment."""

    def __init__(
        self, server: RedisServer, *args: str, redis_url: str | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.server = server
        self.client: redis.Redis = server.client()
        self.client.flushall()
        self.engine = Engine(self.client)
        self.engine.batch_fields = {"agent_id": "agent_123", "user_id": "acme", "timezone": "UTC"}  # as a creation leaves them
        self._fresh = 15560000000
        self._directory = tempfile.TemporaryDirectory(prefix="carillon-api-")
        self.secrets_key = pathlib.Path(self._directory.name) / "secrets.key"
        self.secrets_key.write_text(base64.b64encode(os.urandom(32)).decode(), encoding="ascii")
        self.process = Process(
            "carillon-producer",
            *server.flags("carillon-producer", **({"redis_url": redis_url} if redis_url else {})),
            *("--listen", "127.0.0.1:0", "--secrets-key-file", str(self.secrets_key)),
            *(() if "--max-requests-per-second" in args else ("--max-requests-per-second", "100000")),
            *args,
            env=env,
        )

    # ---- up and down ----

    def __enter__(self) -> Api:
        self.process.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.__exit__(kind, error, trace)
        self._directory.cleanup()

    # ---- who may ask ----

    def trunk(self, name: str = "main", **fields: Any) -> str:
        self.engine.trunk(name, **{"profile": "retell", "caller_ids": '["+15550001111"]', **fields})
        return name

    def tenant(self, name: str, alias: str = "", trunks: Iterable[str] = ("main",), cell: str = CELL, **fields: Any) -> str:
        """Makes the tenant and gives a key of it."""
        self.engine.tenant(name, trunks=json.dumps(list(trunks)), **fields)
        self.client.hset(f"carillon:{{dir}}:tenant:{name}", mapping={"cell": cell, **({"alias": alias} if alias else {})})
        return self.key(name)

    def key(self, tenant: str, role: str = "tenant") -> str:
        key = "crl_" + os.urandom(16).hex()
        name = "key_" + hashlib.sha256(key.encode()).hexdigest()[:16]
        fields = {"role": role, "id": name, "created_ms": 1, **({"tenant": tenant} if tenant else {})}
        self.client.hset(self.key_name(key), mapping=fields)
        return key

    @staticmethod
    def key_name(key: str) -> str:
        return "carillon:{dir}:key:" + hashlib.sha256(key.encode()).hexdigest()

    # ---- asking ----

    def request(
        self,
        method: str,
        path: str,
        payload: bytes | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60.0,
        port: int = 0,
    ) -> Answer:
        """`port`: of another producer than this one."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.process.port, timeout=timeout)
        sent = {**({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
        try:
            connection.request(method, path, payload, sent)
            response = connection.getresponse()
            got = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, got, response.read())
        finally:
            connection.close()
        self.judge(method, path, answer)
        return answer

    def judge(self, method: str, path: str, answer: Answer) -> None:
        """Every answer is as docs/openapi.yaml describes it."""
        if len(answer.body) <= JUDGED_BYTES:
            everybodys().judge(method, path, answer)

    def get(self, path: str, key: str | None = None) -> Answer:
        return self.request("GET", path, key=key)

    def send(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        payload = None if body is None else json.dumps(body).encode()
        return self.request(method, path, payload, key, {"Content-Type": "application/json"} if payload else None)

    def post(self, path: str, body: Any = None, key: str | None = None) -> Answer:
        return self.send("POST", path, body, key)

    def fresh_numbers(self, count: int) -> list[str]:
        """Numbers that no other test has dialed: a number on a call is not dialed again meanwhile."""
        self._fresh += count
        return numbers(count, self._fresh - count)

    def create(self, key: str, contacts: list[Any], **options: Any) -> str:
        """A batch's id; anything but 202 fails."""
        answer = self.post("/api/v1/batch", batch_body(contacts, **options), key)
        assert answer.status == 202, answer
        return str(answer.json()["batchId"])

    def draft(self, key: str, **options: Any) -> str:
        """The id of a batch that is filled later."""
        answer = self.post("/api/v1/batch?draft=true", {"agentId": "agent_1", **({"options": options} if options else {})}, key)
        assert (answer.status, answer.json()["status"]) == (202, "draft"), answer
        return str(answer.json()["batchId"])

    # ---- looking ----

    def snapshot(self) -> dict[bytes, bytes | None]:
        """Everything that lies in Redis, as DUMP shows it, but for what asking changes (when keys were last used, and how much was
        asked), the begins of the last second, which go by themselves, and who is there, which is told again and again."""
        names = (name for name in self.client.scan_iter(count=1000) if not ASKED.fullmatch(name))
        return {name: self.client.dump(name) for name in names}

    def batch(self, batch: str) -> dict[str, str]:
        return self.engine.hash(f"batch:{batch}")

    def contacts(self, batch: str) -> int:
        """How many records the batch's buckets hold."""
        total = 0
        for name in self.client.scan_iter(match=self.engine.key(f"batch:{batch}:contacts:*"), count=1000):
            total += self.client.hlen(name)
        return total


def batch_body(contacts: list[Any], **options: Any) -> dict[str, Any]:
    """A creation's body. Contacts given as text are numbers."""
    listed = [{"phoneNumber": contact} if isinstance(contact, str) else contact for contact in contacts]
    return {"agentId": "agent_123", "contacts": listed, **({"options": options} if options else {})}


def numbers(count: int, start: int = 15550100000) -> list[str]:
    return [f"+{start + i}" for i in range(count)]
