# SPDX-License-Identifier: Apache-2.0
"""The form of the table's rows, and the recipes of their requests. In a request, <acme>, <viewer>, <operator>, <globex>
stand for API keys, <batch> for the id of a batch of acme's and <theirs> for one of globex's."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

CREATE = "/api/v1/batch"
GOOD = {"agentId": "agent_123", "contacts": [{"phoneNumber": "+15550100001"}]}


@dataclasses.dataclass(frozen=True)
class Row:
    """A request and its exact answer."""

    name: str
    request: bytes
    # Of the answer, or of all answers that the connection brings; () where it ends without one.
    status: int | tuple[int, ...]
    # The error's code in the last answer; "": the answer is libmicrohttpd's own, for what cannot be read as HTTP.
    code: str = ""
    # All paths of its details.fieldErrors.
    paths: tuple[str, ...] = ()
    allow: str = ""
    # The client's side is closed behind the request.
    end: bool = False

    @property
    def statuses(self) -> tuple[int, ...]:
        return self.status if isinstance(self.status, tuple) else (self.status,)


def request(method: str, path: str, *headers: str, body: bytes = b"", key: str = "<acme>", version: str = "HTTP/1.1") -> bytes:
    """A whole request that ends its connection. `headers`: lines, besides Host and Authorization."""
    lines = [f"{method} {path} {version}", "Host: x", "Connection: close"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


def get(path: str, *headers: str, **how: Any) -> bytes:
    return request("GET", path, *headers, **how)


def post(path: str, body: Any = b"", *headers: str, content_type: str = "application/json", **how: Any) -> bytes:
    """`body`: bytes as they are, anything else as JSON."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"Content-Type: {content_type}"] if content_type else []
    return request("POST", path, f"Content-Length: {len(text)}", *lines, *headers, body=text, **how)


def create(body: Any = None, *headers: str, **how: Any) -> bytes:
    return post(how.pop("path", CREATE), GOOD if body is None else body, *headers, **how)


def unframed(*headers: str, body: bytes = b"", path: str = CREATE) -> bytes:
    """A creation whose headers alone say how long it is."""
    return request("POST", path, "Content-Type: application/json", *headers, body=body)


def faulty(name: str, body: Any, *paths: str) -> Row:
    """A creation that is refused for what it says."""
    return Row(name, create(body), 400, "INVALID_REQUEST", paths)


def options(**given: Any) -> dict[str, Any]:
    return {**GOOD, "options": given}


def contact(**given: Any) -> dict[str, Any]:
    return {**GOOD, "contacts": [{"phoneNumber": "+15550100001", **given}]}
