# SPDX-License-Identifier: Apache-2.0
"""The page at /docs, made of docs/openapi.yaml: HTML and CSS, without scripts and without anything from elsewhere."""

from __future__ import annotations

import html
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import markdown

STYLE = pathlib.Path(__file__).with_name("page.css")
METHODS = ("get", "put", "post", "patch", "delete")
LINES = "x-each-line"
EVENTS = "x-each-event"
BOUNDS = (  # keyword, how it is told
    ("minLength", "at least {} characters"), ("maxLength", "at most {} characters"), ("minimum", "from {}"), ("maximum", "to {}"),
    ("minItems", "at least {}"), ("maxItems", "at most {}"), ("pattern", "matches {}"), ("default", "default {}"),
)

Node = dict[str, Any]


def escape(value: object) -> str:
    return html.escape(str(value))


def prose(text: str) -> str:
    return markdown.markdown(text, extensions=["tables", "fenced_code"], output_format="html")


def plain(text: str) -> str:
    """One line of prose, without its paragraph."""
    return prose(text).removeprefix("<p>").removesuffix("</p>")


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())


def code(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"<code>{escape(text)}</code>"


def sample(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f"<pre><code>{escape(text.rstrip())}</code></pre>"


class Page:
    def __init__(self, document: Node) -> None:
        self.document = document
        self.components: Node = document["components"]

    def resolve(self, node: Node) -> Node:
        while "$ref" in node:
            _, _, kind, name = node["$ref"].split("/")
            node = self.components[kind][name]
        return node

    def operations(self, part: str) -> Iterator[tuple[str, str, Node, list[Node]]]:
        """Method, path, operation, parameters."""
        for path, item in self.document.get(part, {}).items():
            for method in METHODS:
                if method in item:
                    parameters = [*item.get("parameters", []), *item[method].get("parameters", [])]
                    yield method, path, item[method], [self.resolve(parameter) for parameter in parameters]

    # ---- schemas ----

    def kind(self, schema: Node) -> str:
        """In a word, with links to what has a name."""
        if "$ref" in schema:
            name = schema["$ref"].split("/")[-1]
            return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
        if "oneOf" in schema and "properties" not in schema:
            return " or ".join(self.kind(part) for part in schema["oneOf"])
        if "const" in schema:
            return code(schema["const"])
        if "enum" in schema:
            return ", ".join(code(value) for value in schema["enum"])
        kinds = schema.get("type", "any")
        words = [self.one_kind(kind, schema) for kind in (kinds if isinstance(kinds, list) else [kinds])]
        return " or ".join(words)

    def one_kind(self, kind: str, schema: Node) -> str:
        if kind == "array" and "items" in schema:
            return f"list of {self.kind(schema['items'])}"
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"object of {self.kind(schema['additionalProperties'])}"
        return escape(schema.get("format", kind)) if kind == "string" else escape(kind)

    def bounds(self, schema: Node) -> str:
        told = [words.format(code(schema[keyword])) for keyword, words in BOUNDS if keyword in schema]
        return f' <span class="kind">{", ".join(told)}</span>' if told else ""

    def rows(self, schema: Node, prefix: str = "") -> Iterator[str]:
        """One for each member; the members of an object without a name of its own follow it."""
        required, members = schema.get("required", []), schema.get("properties", {})
        is_rule = 2 * len(required) > len(members)  # what is less common is marked
        for name, member in members.items():
            must = ""
            if (name in required) != is_rule:
                must = ' <span class="kind">optional</span>' if is_rule else ' <span class="must">required</span>'
            words = plain(member["description"]) if "description" in member else ""
            yield (
                f"<tr><td>{code(prefix + name)}{must}</td><td>{self.kind(member)}{self.bounds(member)}</td><td>{words}</td></tr>"
            )
            yield from self.rows(member, f"{prefix}{name}.")

    def members(self, schema: Node) -> str:
        rows = "".join(self.rows(schema))
        if not rows:
            return f"<p>{self.kind(schema)}{self.bounds(schema)}</p>"
        return f'<div class="scroll"><table><tr><th>member</th><th>type</th><th></th></tr>{rows}</table></div>'

    def schema(self, name: str, schema: Node) -> str:
        words = prose(schema["description"]) if "description" in schema else ""
        return (
            f'<section class="schema" id="schema-{escape(name)}"><h3><a href="#schema-{escape(name)}">{escape(name)}</a></h3>'
            f"{words}{self.members(schema)}</section>"
        )

    # ---- operations ----

    def parameters(self, parameters: list[Node]) -> str:
        if not parameters:
            return ""
        rows = ""
        for parameter in parameters:
            must = ' <span class="must">required</span>' if parameter.get("required") else ""
            rows += (
                f'<tr><td>{code(parameter["name"])}{must}<br><span class="kind">{escape(parameter["in"])}</span></td>'
                f'<td>{self.kind(parameter["schema"])}{self.bounds(parameter["schema"])}</td>'
                f'<td>{plain(parameter.get("description", ""))}</td></tr>'
            )
        return f'<h4>Arguments</h4><div class="scroll"><table><tr><th>name</th><th>type</th><th></th></tr>{rows}</table></div>'

    def content(self, content: Node) -> str:
        told = ""
        for kind, media in content.items():
            schema = media["schema"]
            told += f"<p>{code(kind)}: {self.kind(schema)}"
            told += f", each line {self.kind(schema[LINES])}" if LINES in schema else ""
            for event, data in schema.get(EVENTS, {}).get("properties", {}).items():
                told += f", {code(event)} with {self.kind(data)}"
            told += "</p>"
            if "example" in media:
                told += sample(media["example"])
            for example in media.get("examples", {}).values():
                told += f"<p class=\"kind\">{escape(example['summary'])}</p>" if "summary" in example else ""
                told += sample(example["value"])
        return told

    def body(self, operation: Node) -> str:
        if "requestBody" not in operation:
            return ""
        body = self.resolve(operation["requestBody"])
        optional = "" if body.get("required") else " (optional)"
        words = prose(body["description"]) if "description" in body else ""
        return f'<h4>Body{optional}</h4>{words}{self.content(body["content"])}'

    def answer(self, status: str, response: Node) -> str:
        headers = {name: self.resolve(header) for name, header in response.get("headers", {}).items()}
        told = "".join(
            f"<p>{code(name)}: {plain(header.get('description', ''))}</p>" for name, header in headers.items() if name != "X-Request-Id"
        )
        first, _, others = response["description"].strip().partition("\n\n")
        return (
            f'<details class="answer"><summary><span class="status s{escape(status[0])}">{escape(status)}</span>'
            f'<span>{plain(first)}</span></summary><div class="inside">{prose(others)}{told}'
            f'{self.content(response.get("content", {}))}</div></details>'
        )

    def answers(self, operation: Node) -> str:
        told = "".join(self.answer(status, self.resolve(response)) for status, response in operation["responses"].items())
        return f"<h4>Answers</h4>{told}"

    def roles(self, operation: Node) -> str:
        security = operation.get("security", self.document.get("security", []))
        roles = [role for requirement in security for roles in requirement.values() for role in roles]
        if not security:
            return "wants no key"
        return "key of a " + " or ".join(roles) if roles else "signed"

    def operation(self, method: str, path: str, operation: Node, parameters: list[Node]) -> str:
        name = escape(operation["operationId"])
        kind = method if path.startswith("/") else "event"
        shown = escape(path) if path.startswith("/") else "your URL"
        words = prose(operation["description"]) if "description" in operation else ""
        return (
            f'<section class="operation" id="{name}"><h3><a href="#{name}">{plain(operation["summary"])}</a></h3>'
            f'<div class="line"><span class="method {kind}">{method.upper()}</span><span class="path">{shown}</span>'
            f'<span class="roles">{self.roles(operation)}</span></div>{words}{self.parameters(parameters)}{self.body(operation)}'
            f"{self.answers(operation)}</section>"
        )

    def schemes(self) -> str:
        told = '<h2 id="keys">Keys and signatures</h2>'
        for name, scheme in self.components["securitySchemes"].items():
            where = f"Bearer {name}" if scheme["type"] == "http" else scheme["name"]
            told += f'<h3>{code(where)}</h3>{prose(scheme.get("description", ""))}'
        return told

    # ---- the whole ----

    def groups(self) -> Iterator[tuple[str, str, str, list[tuple[str, str, Node, list[Node]]]]]:
        """Anchor, name, description and operations of each section."""
        for tag in self.document["tags"]:
            found = [entry for entry in self.operations("paths") if tag["name"] in entry[2]["tags"]]
            yield slug(tag["name"]), tag["name"], tag.get("description", ""), found
        words = "What is POSTed to the URLs that a batch names. Delivery is at least once; there is no order between events."
        yield "webhooks", "Webhooks", words, list(self.operations("webhooks"))

    def navigation(self) -> str:
        told = '<h2><a href="#keys">Keys and signatures</a></h2>'
        for anchor, name, _, entries in self.groups():
            links = "".join(f'<li><a href="#{escape(e[2]["operationId"])}">{plain(e[2]["summary"])}</a></li>' for e in entries)
            told += f'<h2><a href="#{anchor}">{escape(name)}</a></h2><ul>{links}</ul>'
        return f'<nav aria-label="Contents">{told}<h2><a href="#schemas">Schemas</a></h2></nav>'

    def main(self) -> str:
        info = self.document["info"]
        told = f'<h1>{escape(info["title"])}</h1><p class="lead">{escape(info["summary"])}</p>{prose(info["description"])}'
        told += '<p>For programs: <a href="/openapi.yaml">openapi.yaml</a>. For people: <a href="/dashboard/">the dashboard</a>.</p>'
        told += self.schemes()
        for anchor, name, words, entries in self.groups():
            told += f'<h2 id="{anchor}">{escape(name)}</h2>{prose(words)}'
            told += "".join(self.operation(*entry) for entry in entries)
        told += '<h2 id="schemas">Schemas</h2>'
        told += "".join(self.schema(name, schema) for name, schema in self.components["schemas"].items())
        return told

    def render(self, style: str) -> str:
        info = self.document["info"]
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{escape(info["title"])} API</title><style>{style}</style></head><body>'
            f'<a class="skip" href="#main">To the text</a>{self.navigation()}<main id="main">{self.main()}</main></body></html>\n'
        )
