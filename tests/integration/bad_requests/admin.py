# SPDX-License-Identifier: Apache-2.0
"""What operators must not say, and what nobody else may ask."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.bad_requests.row import Row, get, request

ADMIN = "/api/v1/admin"
WRONG: dict[str, Any] = {"true": True, "a list": [5], "an object": {"n": 5}}


def send(method: str, path: str, body: Any = b"", key: str = "<operator>") -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"Content-Length: {len(text)}", "Content-Type: application/json"] if text else []
    return request(method, ADMIN + path, *lines, body=text, key=key)


def bad(name: str, sent: bytes, *paths: str) -> Row:
    return Row(f"admin: {name}", sent, 400, "INVALID_REQUEST", paths)


def without(whole: dict[str, Any], member: str) -> dict[str, Any]:
    return {name: value for name, value in whole.items() if name != member}


def of_routes() -> list[Row]:
    """Each of them, by those who are no operators."""
    rows = []
    for method, path in (("GET", "/tenants"), ("POST", "/tenants"), ("GET", "/tenants/acme"), ("PATCH", "/tenants/acme")):
        body = b"{}" if method in ("POST", "PATCH", "PUT") else b""
        for who in ("<acme>", "<viewer>"):
            rows.append(Row(f"admin: {method} {path} by {who}", send(method, path, body, who), 403, "FORBIDDEN"))
        rows.append(Row(f"admin: {method} {path} by nobody", send(method, path, body, ""), 401, "UNAUTHORIZED"))
        rows.append(bad(f"{method} {path} with an unknown argument", send(method, f"{path}?x=1", body), "x"))
        rows.append(bad(f"{method} {path} in a cell that is none", send(method, f"{path}?cell=C%200", body), "cell"))
        rows.append(bad(f"{method} {path} in a cell of another server", send(method, f"{path}?cell=c9", body), "cell"))
    rows.append(Row("admin: a user in the query", get(f"{ADMIN}/tenants?userId=acme", key="<operator>"), 403, "FORBIDDEN"))
    return rows


TENANT = {"id": "t1", "cps": 10, "trunks": ["main"]}


def of_tenants() -> list[Row]:
    rows = [
        bad("a tenant of nothing", send("POST", "/tenants", {}), "id", "cps", "trunks"),
        bad("a tenant that is a list", send("POST", "/tenants", [TENANT]), "body"),
        bad("a tenant cut short", send("POST", "/tenants", b'{"id":'), "id"),
        bad("an empty tenant", send("POST", "/tenants"), "body"),
        bad("a tenant with a typo", send("POST", "/tenants", {**TENANT, "maxconcurrent": 5, "secret": "x"}), "maxconcurrent", "secret"),
        bad("a tenant of no trunks", send("POST", "/tenants", {**TENANT, "trunks": []}), "trunks"),
        bad("a tenant of 65 trunks", send("POST", "/tenants", {**TENANT, "trunks": ["main"] * 65}), "trunks"),
        bad("a tenant of odd trunks", send("POST", "/tenants", {**TENANT, "trunks": ["", 5, "a b", "main"]}), "trunks[0]", "trunks[1]", "trunks[2]"),
        bad("a tenant of trunks that are not there", send("POST", "/tenants", {**TENANT, "trunks": ["main", "third"]}), "trunks[1]"),
        bad("a tenant gets trunks that are not there", send("PATCH", "/tenants/acme", {"trunks": ["third"]}), "trunks[0]"),
        Row("admin: a tenant that is there", send("POST", "/tenants", {**TENANT, "id": "acme"}), 409, "TENANT_EXISTS"),
        Row("admin: a tenant that is not there", send("GET", "/tenants/nobody"), 404, "TENANT_NOT_FOUND"),
        Row("admin: a change of one that is not there", send("PATCH", "/tenants/nobody", {"cps": 5}), 404, "TENANT_NOT_FOUND"),
        Row("admin: a tenant is deleted", send("DELETE", "/tenants/acme"), 405, "METHOD_NOT_ALLOWED", allow="GET, HEAD, PATCH"),
    ]  # fmt: skip
    for member, values in {
        "id": ("", "a/b", "a.b", "x" * 65, "caf\u00e9", None, 5),
        "cps": (0, -1, 1.5, 100_001, 1e300, "5", None),
        "maxConcurrent": (0, -1, 10_000_001, "5"),
        "weight": (0, 1001, 0.5, None),
        "alias": ("", "a\nb", "a\u007fb", "x" * 513, 5),
        "trunks": ("main", None, 5),
    }.items():
        for value in (*values, *(wrong for name, wrong in WRONG.items() if (member, name) != ("trunks", "a list"))):
            rows.append(bad(f"a tenant's {member} is {str(value)[:20]!r} ({type(value).__name__})", send("POST", "/tenants", {**TENANT, member: value}), member))
    for query, path in {"limit=0": "limit", "limit=1001": "limit", "limit=x": "limit", "cursor=": "cursor", "cursor=zz": "cursor",
                        "cursor=" + "61" * 65: "cursor", "cursor=2f": "cursor"}.items():
        rows.append(bad(f"tenants by {query[:20]}", send("GET", f"/tenants?{query}"), path))
    return rows


ROWS: list[Row] = [*of_routes(), *of_tenants()]
