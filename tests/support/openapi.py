# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml as an object to ask: its operations, what each may be asked and may answer.

    api = Description.read()
    operation = api.operation("POST", "/api/v1/batch")
    operation.answer(202).media["application/json"]   # a schema
    api.faults(schema, instance)                        # [] where it fits
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import warnings
from collections.abc import Iterator
from typing import Any

import yaml

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import jsonschema

PATH = pathlib.Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
METHODS = ("get", "put", "post", "patch", "delete")
ROLES = ("tenant", "viewer", "operator")
LINES = "x-each-line"  # the schema of each line of a text
EVENTS = "x-each-event"  # the schema of {event: data} of each event of a stream

Node = dict[str, Any]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Refuses a key that comes twice, and leaves timestamps text, as JSON has them."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Node:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for i, key in enumerate(keys):
            if key in keys[:i]:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} comes twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(text: str) -> Node:
    return yaml.load(text, _Loader)  # a SafeLoader


@dataclasses.dataclass(frozen=True)
class Response:
    """What one status of an operation may hold. `status`: "200", "2XX", "default"."""

    status: str
    headers: dict[str, Node]
    media: dict[str, Node]  # media type -> media type object


@dataclasses.dataclass(frozen=True)
class Operation:
    id: str
    method: str  # "GET"
    path: str  # "/api/v1/batch/{id}"
    node: Node
    parameters: list[Node]
    roles: list[str]  # that are admitted; none where no key is needed
    body: Node | None  # the request body object
    responses: dict[str, Response]

    @property
    def body_media(self) -> Node:
        return self.body["content"] if self.body else {}

    def named(self, place: str) -> list[str]:
        """The names of its parameters in "path", "query" or "header"."""
        return [parameter["name"] for parameter in self.parameters if parameter["in"] == place]

    def answer(self, status: int) -> Response | None:
        """What is documented for the status by name, or else by "default"."""
        return self.responses.get(str(status)) or self.responses.get("default")


class Description:
    def __init__(self, document: Node) -> None:
        self.document = document
        self.operations = list(self._read("paths"))
        self.webhooks = list(self._read("webhooks"))
        self._by_id = {operation.id: operation for operation in self.operations}

    @classmethod
    @functools.cache
    def read(cls) -> Description:
        return cls(load(PATH.read_text(encoding="utf-8")))

    # ---- its parts ----

    def resolve(self, node: Any) -> Any:
        """What a reference leads to; anything else as it is."""
        while isinstance(node, dict) and "$ref" in node:
            node = self.at(node["$ref"])
        return node

    def at(self, reference: str) -> Any:
        node: Any = self.document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
        return node

    def schema(self, name: str) -> Node:
        return self.document["components"]["schemas"][name]

    def by_id(self, operation_id: str) -> Operation:
        return self._by_id[operation_id]

    def operation(self, method: str, path: str) -> Operation | None:
        """The one that the request goes to. `path` has no query. A path without a variable is tried first."""
        wanted = path.split("/")
        found = [
            operation
            for operation in self.operations
            if operation.method == method and _fits(operation.path.split("/"), wanted)
        ]
        return min(found, key=lambda operation: operation.path.count("{"), default=None)

    def _read(self, part: str) -> Iterator[Operation]:
        for path, item in self.document.get(part, {}).items():
            for method in METHODS:
                if method in item:
                    yield self._operation(method, path, item, item[method])

    def _operation(self, method: str, path: str, item: Node, node: Node) -> Operation:
        security = node.get("security", self.document.get("security", []))
        return Operation(
            id=node.get("operationId", ""),
            method=method.upper(),
            path=path,
            node=node,
            parameters=[self.resolve(parameter) for parameter in (*item.get("parameters", []), *node.get("parameters", []))],
            roles=[role for requirement in security for roles in requirement.values() for role in roles],
            body=self.resolve(node["requestBody"]) if "requestBody" in node else None,
            responses={status: self._response(status, self.resolve(response)) for status, response in node["responses"].items()},
        )

    def _response(self, status: str, node: Node) -> Response:
        headers = {name.lower(): self.resolve(header) for name, header in node.get("headers", {}).items()}
        return Response(status, headers, node.get("content", {}))

    # ---- judging ----

    @functools.cached_property
    def _resolver(self) -> jsonschema.RefResolver:
        return jsonschema.RefResolver("", self.document)

    def faults(self, schema: Node, instance: Any) -> list[str]:
        """What of the instance does not fit."""
        validator = jsonschema.Draft202012Validator(schema, resolver=self._resolver)
        return [f"{'/'.join(map(str, error.absolute_path)) or '(all)'}: {error.message[:300]}" for error in validator.iter_errors(instance)]

    def fits(self, schema: Node, instance: Any) -> bool:
        return jsonschema.Draft202012Validator(schema, resolver=self._resolver).is_valid(instance)


def events_of(text: str) -> list[Node]:
    """{event: data} of each event of a text/event-stream."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line[:1] not in ("", ":"))
        if "data" in fields:
            found.append({fields["event"]: json.loads(fields["data"])})
    return found


def parts_told(schema: Node, text: str) -> list[tuple[Node, Any]]:
    """The JSON values that a text is made of, each with its schema; none where it is text and nothing else."""
    if LINES in schema:
        return [(schema[LINES], json.loads(line)) for line in text.splitlines() if line]
    if EVENTS in schema:
        return [(schema[EVENTS], event) for event in events_of(text)]
    return []


def _fits(pattern: list[str], path: list[str]) -> bool:
    return len(pattern) == len(path) and all(part[:1] == "{" and there or part == there for part, there in zip(pattern, path))


def examples(node: Node) -> dict[str, Any]:
    """Those of a parameter, header or media type object, by name; "" for the only one."""
    if "example" in node:
        return {"": node["example"]}
    return {name: example["value"] for name, example in node.get("examples", {}).items()}
