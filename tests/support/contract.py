# SPDX-License-Identifier: Apache-2.0
"""Holds answers against docs/openapi.yaml, and keeps what of it was seen.

    contract = Contract(Description.read())
    contract.judge("GET", "/api/v1/batch/list?limit=1", answer)   # a fault fails the test
    contract.unseen()   # what is described and no answer has shown

What can be seen is told in one line each:

    createBatch 202                    a status that an operation gives by name
    createBatch 202 application/json   in that form
    listBatches 200 X-Next-Cursor      a header that is not always there
    listBatches ?tag                   an argument, in a request that was answered well
    Batch.timestamps.startedAt         a member
    Batch.timestamps.startedAt null    ... that was null, and one that was not
    BatchState "paused"                a word of a list of words
"""

from __future__ import annotations

import functools
import json
import urllib.parse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.support.openapi import EVENTS, LINES, Description, Node, Operation, Response, parts_told

if TYPE_CHECKING:
    from tests.support.producer_api import Answer

# Headers of HTTP itself, of which the description says nothing, or one thing for all answers.
PLAIN_HEADERS = {"cache-control", "content-type", "content-length", "date", "connection", "transfer-encoding", "keep-alive", "server"}


def is_nullable(schema: Node) -> bool:
    return isinstance(schema.get("type"), list) and "null" in schema["type"]


@functools.cache
def everybodys() -> Contract:
    """The one that every answer is held against which a test of the API gets."""
    return Contract(Description.read())


class Contract:
    def __init__(self, api: Description) -> None:
        self.api = api
        self.seen: set[str] = set()

    # ---- an answer ----

    def judge(self, method: str, target: str, answer: Answer) -> None:
        path, _, query = target.partition("?")
        if path == "/dashboard" or path.startswith("/dashboard/"):
            return  # a page and its own, which are no part of the API
        operation = self.api.operation("GET" if method == "HEAD" else method, path)
        if operation is None:
            self._judge_stray(answer, f"{method} {path}")
            return
        response = operation.answer(answer.status)
        assert response is not None, f"{operation.id} {answer.status} is not described: {answer}"
        where = f"{operation.id} {response.status}"
        self._see(where)
        if answer.status < 400:
            self._see_arguments(operation, query)
        self._judge_headers(where, response, answer)
        if answer.body and method != "HEAD":
            self._judge_body(where, response, answer)

    def _judge_stray(self, answer: Answer, where: str) -> None:
        """What no operation takes is an error of the kind that every route may give."""
        self.judge_value({"$ref": "#/components/schemas/ErrorOther"}, answer.json(), where)

    def _see(self, what: str) -> None:
        self.seen.add(what)

    def _see_arguments(self, operation: Operation, query: str) -> None:
        for name, _ in urllib.parse.parse_qsl(query, keep_blank_values=True):
            assert name in operation.named("query"), f"{operation.id} took ?{name}, which is not described"
            self._see(f"{operation.id} ?{name}")

    def _judge_headers(self, where: str, response: Response, answer: Answer) -> None:
        for name, header in response.headers.items():
            value = answer.headers.get(name)
            assert value is not None or not header.get("required"), f"{where}: {name} is missing: {answer}"
            if value is not None:
                self._see(f"{where} {name}")
                integer = header["schema"].get("type") == "integer"
                faults = self.api.faults(header["schema"], int(value) if integer else value)
                assert not faults, f"{where}: {name}: {faults}"
        stray = answer.headers.keys() - response.headers.keys() - PLAIN_HEADERS
        assert not stray, f"{where}: headers that are not described: {sorted(stray)}"

    def _judge_body(self, where: str, response: Response, answer: Answer) -> None:
        kind = answer.headers["content-type"].split(";")[0]
        assert kind in response.media, f"{where}: {kind} is not described: {answer}"
        self._see(f"{where} {kind}")
        schema, text = response.media[kind]["schema"], answer.body.decode()
        for part, value in [(schema, json.loads(text))] if kind == "application/json" else parts_told(schema, text):
            self.judge_value(part, value, where)

    def judge_value(self, schema: Node, value: Any, where: str) -> None:
        faults = self.api.faults(schema, value)
        assert not faults, f"{where}: {faults}: {json.dumps(value)[:2000]}"
        self._walk(schema, value, where)

    # ---- what a value shows of its schema ----

    def _walk(self, schema: Node, value: Any, name: str) -> None:
        schema, name = self._named(schema, name)
        if "enum" in schema:
            self._see(f"{name} {json.dumps(value)}")
        if is_nullable(schema):
            self._see(f"{name} {'null' if value is None else 'value'}")
        for i, part in enumerate(schema.get("oneOf", [])):
            if self.api.fits(part, value):
                self._see(f"{name} or {i}")
                self._walk(part, value, name)
        if isinstance(value, dict):
            for key in value.keys() & schema.get("properties", {}).keys():
                self._see(f"{name}.{key}")
                self._walk(schema["properties"][key], value[key], f"{name}.{key}")
        if isinstance(value, list):
            for item in value:
                self._walk(schema["items"], item, f"{name}[]")

    def _named(self, schema: Node, name: str) -> tuple[Node, str]:
        while "$ref" in schema:
            name = schema["$ref"].split("/")[-1]
            schema = self.api.at(schema["$ref"])
        return schema, name

    def _showable(self, schema: Node, name: str, known: set[str]) -> Iterator[str]:
        """Everything that _walk() can see of it."""
        schema, name = self._named(schema, name)
        if name in known:
            return
        known.add(name)
        yield from (f"{name} {json.dumps(word)}" for word in schema.get("enum", []))
        if is_nullable(schema):
            yield from (f"{name} null", f"{name} value")
        for i, part in enumerate(schema.get("oneOf", [])):
            if "required" not in part or "$ref" in part:
                yield f"{name} or {i}"
            yield from self._showable(part, f"{name}", known - {name})
        for key, member in schema.get("properties", {}).items():
            yield f"{name}.{key}"
            yield from self._showable(member, f"{name}.{key}", known)
        if "items" in schema:
            yield from self._showable(schema["items"], f"{name}[]", known)

    # ---- the whole ----

    def described(self) -> set[str]:
        """All that answers and webhooks could show."""
        found: set[str] = set()
        known: set[str] = set()
        for operation in self.api.operations:
            found |= {f"{operation.id} ?{name}" for name in operation.named("query")}
            for status, response in operation.responses.items():
                found |= self._described(operation.id, status, response, known)
        for event in self.api.webhooks:
            found |= set(self._showable(event.body_media["application/json"]["schema"], event.id, known))
        return found

    def _described(self, name: str, status: str, response: Response, known: set[str]) -> set[str]:
        found: set[str] = set()
        if status != "default":
            found.add(f"{name} {status}")
            found |= {f"{name} {status} {kind}" for kind in response.media}
            found |= {f"{name} {status} {header}" for header in response.headers}
        for media in response.media.values():
            schema = media["schema"]
            found |= set(self._showable(schema.get(LINES) or schema.get(EVENTS) or schema, f"{name} {status}", known))
        return found

    def unseen(self) -> set[str]:
        return self.described() - self.seen
