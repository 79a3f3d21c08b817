#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where docs/openapi.yaml is no OpenAPI 3.1, says less than a client needs, contradicts itself, or knows other
routes, error codes or words than the sources and docs/api.md.

Needs python3-yaml and python3-jsonschema, as the tests do: run it with /usr/bin/python3."""

from __future__ import annotations

import functools
import json
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support import openapi  # noqa: E402
from tests.support.openapi import Description, Node, Operation, jsonschema  # noqa: E402

STRUCTURE = ROOT / "tests" / "lint" / "openapi_structure.yaml"

# What a schema object may say: the keywords of JSON Schema that this API needs, and one of our own.
KEYWORDS = {
    "$ref", "description", "type", "enum", "const", "default", "examples", "format", "pattern", "minLength", "maxLength", "minimum",
    "maximum", "items", "minItems", "maxItems", "properties", "required", "additionalProperties", "oneOf", openapi.LINES, openapi.EVENTS,
}
# Whose members are the tenant's to name: {schema or property: why additionalProperties may be true}.
OPEN = {"Contact": "unknown members become metadata", "metadata": "the tenant's own"}

TABLE = re.compile(r"static const struct http_route \w+\[\] = \{(.*?)^\};", re.DOTALL | re.MULTILINE)
MACRO = re.compile(r"#define (\w+)\([^)]*\)((?:[^\n]*\\\n)*[^\n]*)")
ROUTE = re.compile(r'\.method = "(\w+)",\s*\.pattern = "([^"]+)"')
ERROR = re.compile(r"\b(?:exchange_error\w*|exchange_too_many|answer_error\w*|reply_error)\((.*?)\);", re.DOTALL)
NAMED_CODE = re.compile(r'#define (\w+) "([A-Z_]+)"')
SPELLED = re.compile(r'"([A-Z]+(?:_[A-Z]+)*)"')
TABLED = re.compile(r'"([A-Z_]+_(?:NOT_FOUND|EXISTS))"')  # codes that stand in tables of resources
READ = {  # what the producer reads of a request
    "query": re.compile(r'\b(?:http_request_query|exchange_flag)\([^;]*?,\s*"(\w+)"'),
    "header": re.compile(r'\bhttp_request_header\([^;]*?,\s*"([\w-]+)"'),
}
# Headers that every client of HTTP knows, and those of the dashboard's page.
OF_HTTP = {"Authorization", "Content-Type", "Content-Encoding", "If-None-Match", "Cookie", "Sec-Fetch-Site", "Accept-Encoding"}
WORDS = {  # schema: where the sources spell its words, and those that no answer shows
    "BatchState": ("common/domain/batch_state.c", r'\[BATCH_STATE_\w+\] = \{"(\w+)"', {"ingesting"}),
    "Outcome": ("common/domain/outcome.c", r'\{OUTCOME_\w+, "(\w+)"', set()),
    "CallStatus": ("common/domain/outcome.c", r'\[CALL_STATUS_\w+\] = "(\w+)"', set()),
    "WhyCode": ("common/domain/why.c", r'ROW\("(\w+)"', {"BATCH_INGESTING"}),
}


# ---- schema objects ----


def schemas_in(node: Any, where: str) -> Iterator[tuple[str, Node]]:
    """Every schema object that is not a part of another one."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "schema":
                yield f"{where}/{key}", value
            elif key not in ("example", "examples"):
                yield from schemas_in(value, f"{where}/{key}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from schemas_in(value, f"{where}/{i}")


def parts_of(schema: Node, where: str) -> Iterator[tuple[str, Node]]:
    """The schema and every one inside it."""
    yield where, schema
    inside = {f"properties/{name}": value for name, value in schema.get("properties", {}).items()}
    inside |= {key: schema[key] for key in ("items", "additionalProperties", openapi.LINES, openapi.EVENTS) if isinstance(schema.get(key), dict)}
    inside |= {f"oneOf/{i}": value for i, value in enumerate(schema.get("oneOf", []))}
    for key, value in inside.items():
        yield from parts_of(value, f"{where}/{key}")


def types_of(schema: Node) -> list[str]:
    kind = schema.get("type", [])
    return kind if isinstance(kind, list) else [kind]


def check_object(where: str, schema: Node) -> Iterator[str]:
    if "object" not in types_of(schema):
        if "properties" in schema:
            yield f"{where}: has properties and is no object"
        return
    extra = schema.get("additionalProperties")
    if extra is None:
        yield f"{where}: does not say additionalProperties"
    if extra is True and where.split("/")[-1] not in OPEN:
        yield f"{where}: may have members that nobody described"
    for name in schema.get("required", []):
        if name not in schema.get("properties", {}):
            yield f"{where}: requires {name}, which it does not describe"


def check_schema(where: str, schema: Node) -> Iterator[str]:
    for keyword in schema.keys() - KEYWORDS:
        yield f"{where}: {keyword} is no keyword that we use"
    if "$ref" in schema and schema.keys() - {"$ref", "description"}:
        yield f"{where}: a reference may have a description beside it, nothing else"
    if "array" in types_of(schema) and "items" not in schema and schema.get("maxItems") != 0:
        yield f"{where}: does not say what its items are"
    yield from check_object(where, schema)
    for value in schema.get("examples", []):
        if not Description({"paths": {}}).fits({key: schema[key] for key in schema if key != "examples"}, value):
            yield f"{where}: its example {value!r} does not fit"


@functools.cache
def meaningless(text: str) -> str:
    """What JSON Schema's own meta-schema has against a schema; the same ones come often."""
    try:
        jsonschema.Draft202012Validator.check_schema(json.loads(text))
    except jsonschema.SchemaError as error:
        return error.message
    return ""


def check_schemas(api: Description) -> Iterator[str]:
    found = [(f"schemas/{name}", schema) for name, schema in api.document["components"]["schemas"].items()]
    found += schemas_in(api.document, "")
    for where, schema in found:
        fault = meaningless(json.dumps(schema, sort_keys=True))
        if fault:
            yield f"{where}: {fault}"
            continue
        for part, inside in parts_of(schema, where):
            yield from check_schema(part, inside)


def check_request_bounds(api: Description) -> Iterator[str]:
    """What a client sends has bounds, numbers and lists alike."""
    for operation in api.operations:
        for media in operation.body_media.values():
            for where, schema in reachable(api, media["schema"], operation.id):
                if "integer" in types_of(schema) and not {"minimum", "maximum"} <= schema.keys():
                    yield f"{where}: a number without bounds"
                if "array" in types_of(schema) and "maxItems" not in schema and "enum" not in schema["items"]:
                    yield f"{where}: a list without a bound"


def reachable(api: Description, schema: Node, where: str) -> Iterator[tuple[str, Node]]:
    for part, inside in parts_of(schema, where):
        if "$ref" in inside:
            yield from reachable(api, api.at(inside["$ref"]), f"{part}({inside['$ref'].split('/')[-1]})")
        else:
            yield part, inside


# ---- references ----


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for key, value in node.items():
            if key not in ("example", "examples"):
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def check_references(document: Node) -> Iterator[str]:
    named = {
        f"#/components/{kind}/{name}"
        for kind, components in document.get("components", {}).items()
        for name in components
        if kind != "securitySchemes"
    }
    used = set(references(document))
    yield from (f"{reference} leads nowhere" for reference in sorted(used - named))
    yield from (f"{reference} is used by nobody" for reference in sorted(named - used))


# ---- operations ----


def check_words(operation: Operation, tags: set[str]) -> Iterator[str]:
    node = operation.node
    if not node.get("summary"):
        yield "has no summary"
    if not node.get("tags") or set(node["tags"]) - tags:
        yield "has no tag, or one that is not described"
    if set(operation.roles) - set(openapi.ROLES):
        yield "names a role that is none"
    if re.findall(r"\{(\w+)\}", operation.path) != operation.named("path"):
        yield "describes other variables than its path has"


def check_answers(operation: Operation) -> Iterator[str]:
    wanted = {"default"} | ({"400", "401", "403", "503"} if operation.roles else set())
    if {"tenant", "viewer"} & set(operation.roles) or "Idempotency-Key" in operation.named("header"):
        wanted.add("429")
    if operation.named("path") or {"batchId", "callId"} & set(operation.named("query")):
        wanted.add("404")
    if operation.body:
        wanted |= {"413", "415"}
    for status in sorted(wanted - operation.responses.keys()):
        yield f"does not describe {status}"
    if not any(status.startswith("2") for status in operation.responses):
        yield "describes no good answer"
    for status, response in operation.responses.items():
        if "x-request-id" not in response.headers:
            yield f"{status}: has no X-Request-Id"
        if status in ("429", "503") and operation.roles and "retry-after" not in response.headers:
            yield f"{status}: has no Retry-After"


def check_operations(api: Description) -> Iterator[str]:
    tags = {tag["name"] for tag in api.document.get("tags", [])}
    ids = [operation.id for operation in (*api.operations, *api.webhooks)]
    yield from (f"{name}: comes twice" for name in sorted({name for name in ids if ids.count(name) > 1}))
    yield from (f"the tag {tag} has no operation" for tag in sorted(tags - {t for o in api.operations for t in o.node.get("tags", [])}))
    for operation in (*api.operations, *api.webhooks):
        yield from (f"{operation.id}: {fault}" for fault in check_words(operation, tags))
    for operation in api.operations:
        yield from (f"{operation.id}: {fault}" for fault in check_answers(operation))


# ---- examples ----


def check_example(api: Description, where: str, holder: Node) -> Iterator[str]:
    schema = holder["schema"]
    values = openapi.examples(holder)
    speaks = any("enum" in part or "const" in part or "examples" in part for _, part in reachable(api, schema, ""))
    if not values and not speaks:
        yield f"{where}: has no example"
    for name, value in values.items():
        yield from (f"{where}: example {name}: {fault}" for fault in api.faults(schema, value))
        for part, told in openapi.parts_told(schema, value) if isinstance(value, str) else []:
            yield from (f"{where}: example {name}: {fault}" for fault in api.faults(part, told))


def check_examples(api: Description) -> Iterator[str]:
    for operation in (*api.operations, *api.webhooks):
        for parameter in operation.parameters:
            yield from check_example(api, f"{operation.id}: {parameter['name']}", parameter)
        for kind, media in operation.body_media.items():
            yield from check_example(api, f"{operation.id}: {kind}", media)
        for status, response in operation.responses.items():
            for holder in (*response.headers.items(), *response.media.items()):
                yield from check_example(api, f"{operation.id}: {status}: {holder[0]}", holder[1])


# ---- the sources ----


@functools.cache
def sources() -> dict[str, str]:
    paths = sorted([*ROOT.glob("producer/*.[ch]"), *ROOT.glob("common/daemon/*.c")])
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


def routes_in(text: str) -> set[tuple[str, str]]:
    """The rows of a source's tables of routes, written out or by a macro of that file."""
    patterns = {name: found for name, body in MACRO.findall(text) if ".method" in body for found in [re.findall(r'\.pattern = "([^"]+)"', body)]}
    routes = set()
    for table in TABLE.findall(text):
        routes |= set(ROUTE.findall(table))
        for name, pattern in patterns.items():
            fixed = pattern[0] if pattern else None
            for method, given in re.findall(rf'\b{name}\("(\w+)",\s*(?:"([^"]+)")?', table):
                routes.add((method, fixed or given))
    return routes


def all_routes() -> set[tuple[str, str]]:
    """The dashboard's own are no part of the API."""
    served = set().union(*(routes_in(text) for text in sources().values()))
    return {(method, path) for method, path in served if path != "/dashboard" and not path.startswith("/dashboard/")}


def check_routes(api: Description) -> Iterator[str]:
    described = {(operation.method, operation.path) for operation in api.operations}
    served = all_routes()
    yield from (f"{method} {path} is served and not described" for method, path in sorted(served - described))
    yield from (f"{method} {path} is described and not served" for method, path in sorted(described - served))


def check_arguments(api: Description) -> Iterator[str]:
    """Every argument that the sources read is described somewhere, and every one that is described is read."""
    text = "\n".join(text for path, text in sources().items() if path.startswith("producer/"))
    for place, pattern in READ.items():
        read = set(pattern.findall(text)) - OF_HTTP
        described = {name for operation in api.operations for name in operation.named(place)} - {"X-Request-Id"}
        yield from (f"the {place}'s {name} is read and not described" for name in sorted(read - described))
        yield from (f"the {place}'s {name} is described, and no source spells it" for name in sorted(described) if f'"{name}"' not in text)


def spelled_errors() -> tuple[set[tuple[str, str]], set[str]]:
    """(status, code) of every error that the producer's sources answer, the status "" where it is a variable; and every
    word in capitals that they spell at all."""
    text = "\n".join(text for path, text in sources().items() if path.startswith("producer/"))
    names = dict(NAMED_CODE.findall(text))
    used = [code for name, code in names.items() if name.startswith("CODE_") and len(re.findall(rf"\b{name}\b", text)) > 1]
    found = {("", code) for code in (*used, *TABLED.findall(text))}
    for arguments in ERROR.findall(text):
        status = re.search(r"\b([45]\d\d)\b", arguments)
        words = [quoted or names.get(name) for quoted, name in re.findall(r'"([A-Z][A-Z_]+)"|\b([A-Z]\w+)\b', arguments)]
        found |= {(status[1] if status else "", word) for word in words[:1] if word}
    return found, set(SPELLED.findall(text))


def described_errors(api: Description) -> set[tuple[str, str]]:
    found = set()
    for operation in api.operations:
        for status, response in operation.responses.items():
            for media in response.media.values():
                for where, schema in reachable(api, media["schema"], ""):
                    if where.endswith("/properties/code") and status[0] in "45d":
                        found |= {(status, code) for code in schema.get("enum", [schema.get("const")])}
    return found


def check_errors(api: Description) -> Iterator[str]:
    (answered, spelled), described = spelled_errors(), described_errors(api)
    codes = {code for _, code in described}
    yield from (f"the error {code} is not described" for code in sorted({code for _, code in answered} - codes))
    yield from (f"the error {code} is described, and no source spells it" for code in sorted(codes - spelled))
    for status, code in sorted(answered):
        if status and code in codes and not {(status, code), ("default", code)} & described:
            yield f"the error {code} is not described with the status {status}"


def check_spellings(api: Description) -> Iterator[str]:
    for name, (path, pattern, hidden) in WORDS.items():
        spelled = set(re.findall(pattern, (ROOT / path).read_text(encoding="utf-8"))) - hidden
        if spelled != set(api.schema(name)["enum"]):
            yield f"schemas/{name}: {path} has other words: {sorted(spelled ^ set(api.schema(name)['enum']))}"


def check_page(api: Description) -> Iterator[str]:
    """docs/api.md names the same paths."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    named = {re.sub(r"\?.*", "", path) for path in re.findall(r"(?<![\w.])/api/v1/[\w/{}-]+", text)}
    described = {operation.path for operation in api.operations if operation.path.startswith("/api/")}
    named -= {path for path in named if any(other.startswith(f"{path}/") for other in described)} - described
    yield from (f"docs/api.md does not name {path}" for path in sorted(described - named - shortened(text)))
    yield from (f"docs/api.md names {path}, which is not described" for path in sorted(named - described))


def shortened(text: str) -> set[str]:
    """Of "`POST /api/v1/batch/{id}/pause`, `/resume`" the second."""
    found = set()
    for first, others in re.findall(r"(/api/v1/[\w/{}-]+)/\w+(?:\?[^`]*)?((?:`, `/\w+)+)`", text):
        found |= {f"{first}/{word}" for word in re.findall(r"/(\w+)", others)}
    return found


def check(document: Node) -> list[str]:
    """All that is wrong; the rest is only looked at where structure, references and schemas are sound."""
    structure = jsonschema.Draft202012Validator(openapi.load(STRUCTURE.read_text(encoding="utf-8")))
    faults = [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in structure.iter_errors(document)]
    faults = faults or list(check_references(document))
    if faults:
        return faults
    api = Description(document)
    faults = list(check_schemas(api))
    if faults:
        return faults
    for judge in (check_request_bounds, check_operations, check_examples, check_routes, check_arguments, check_errors, check_spellings, check_page):
        faults += judge(api)
    return faults


def main() -> int:
    faults = check(openapi.load(openapi.PATH.read_text(encoding="utf-8")))
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
