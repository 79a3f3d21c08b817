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


ROUTES = (
    ("GET", "/tenants"), ("POST", "/tenants"), ("GET", "/tenants/acme"), ("PATCH", "/tenants/acme"),
    ("GET", "/trunks"), ("POST", "/trunks"), ("GET", "/trunks/main"), ("PATCH", "/trunks/main"),
    ("POST", "/stop"), ("POST", "/start"), ("GET", "/agents"), ("PUT", "/agents"), ("DELETE", "/agents"),
    ("GET", "/keys"), ("POST", "/keys"), ("DELETE", "/keys/key_1"), ("POST", "/keys/key_1/rotate"), ("GET", "/providers"),
)  # fmt: skip
OF_NO_CELL = ("/keys", "/providers")


def of_routes() -> list[Row]:
    """Each of them, by those who are no operators."""
    rows = []
    for method, path in ROUTES:
        body = b"{}" if method in ("POST", "PATCH", "PUT") else b""
        for who in ("<acme>", "<viewer>"):
            rows.append(Row(f"admin: {method} {path} by {who}", send(method, path, body, who), 403, "FORBIDDEN"))
        rows.append(Row(f"admin: {method} {path} by nobody", send(method, path, body, ""), 401, "UNAUTHORIZED"))
        rows.append(bad(f"{method} {path} with an unknown argument", send(method, f"{path}?x=1", body), "x"))
        for cell in () if path.startswith(OF_NO_CELL) else ("C%200", "c9", ""):
            rows.append(bad(f"{method} {path} in the cell {cell!r}", send(method, f"{path}?cell={cell}", body), "cell"))
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
        "maxRequestsPerSecond": (0, -1, 100_001, 0.5, "5"),
        "maxBatches": (0, -1, 10**12 + 1, 0.5, "5"),
        "maxQueuedContacts": (0, 0.5),
        "maxBytes": (0, "1MiB"),
        "alias": ("", "a\nb", "a\u007fb", "x" * 513, 5),
        "trunks": ("main", None, 5),
        "timezone": ("", "Mars/Base", "+02:00", "../UTC", 5),
    }.items():
        for value in (*values, *(wrong for name, wrong in WRONG.items() if (member, name) != ("trunks", "a list"))):
            rows.append(bad(f"a tenant's {member} is {str(value)[:20]!r} ({type(value).__name__})", send("POST", "/tenants", {**TENANT, member: value}), member))
    for window, path in (
        ("always", "callingWindow"), ({"start": "09:00"}, "callingWindow.end"), ({"start": "9", "end": "17:00"}, "callingWindow.start"),
        ({"start": "09:00", "end": "17:00", "timezone": "contact"}, "callingWindow.timezone"), ({"start": "09:00", "end": "17:00", "x": 1}, "callingWindow.x"),
    ):  # fmt: skip
        rows.append(bad(f"a tenant's window {window}", send("PATCH", "/tenants/acme", {"callingWindow": window}), path))
    for query, path in {"limit=0": "limit", "limit=1001": "limit", "limit=x": "limit", "cursor=": "cursor", "cursor=zz": "cursor",
                        "cursor=" + "61" * 65: "cursor", "cursor=2f": "cursor"}.items():
        rows.append(bad(f"tenants by {query[:20]}", send("GET", f"/tenants?{query}"), path))
    return rows


TRUNK = {"id": "t1", "profile": "retell", "credential": "c", "callerIds": ["+15550001111"], "cps": 10}


def of_trunks() -> list[Row]:
    rows = [
        bad("a trunk of nothing", send("POST", "/trunks", {}), "id", "profile", "credential", "callerIds", "cps"),
        bad("a trunk with a typo", send("POST", "/trunks", {**TRUNK, "base_url": "x", "callerId": "y"}), "base_url", "callerId"),
        bad("a trunk of no caller ids", send("POST", "/trunks", {**TRUNK, "callerIds": []}), "callerIds"),
        bad("a trunk of 65 caller ids", send("POST", "/trunks", {**TRUNK, "callerIds": ["+15550001111"] * 65}), "callerIds"),
        bad("a trunk of odd caller ids", send("POST", "/trunks", {**TRUNK, "callerIds": ["x", 5, None, "+15550001111"]}), *(f"callerIds[{i}]" for i in range(3))),
        bad("a trunk of another platform's variables", send("POST", "/trunks", {**TRUNK, "variables": {"account_sid": "AC1"}}), "variables.account_sid"),
        bad("a trunk of odd variables", send("POST", "/trunks", {**TRUNK, "variables": {"a b": "x", "sid": 5, "n": ""}}), "variables.a b", "variables.sid", "variables.n"),
        bad("a trunk of 33 variables", send("POST", "/trunks", {**TRUNK, "variables": {f"v{i}": "x" for i in range(33)}}), "variables"),
        bad("a trunk turns to twilio", send("PATCH", "/trunks/main", {"profile": "twilio"}), "variables.account_sid", "variables.answer_url"),
        bad("a trunk is renamed", send("PATCH", "/trunks/main", {"id": "other"}), "id"),
        bad("a trunk is stopped by a change", send("PATCH", "/trunks/main", {"state": "stopped"}), "state"),
        Row("admin: a trunk that is there", send("POST", "/trunks", {**TRUNK, "id": "main"}), 409, "TRUNK_EXISTS"),
        Row("admin: a trunk that is not there", send("GET", "/trunks/nobody"), 404, "TRUNK_NOT_FOUND"),
        Row("admin: a change of a trunk that is not there", send("PATCH", "/trunks/nobody", {"cps": 5}), 404, "TRUNK_NOT_FOUND"),
    ]  # fmt: skip
    for member, values in {
        "id": ("", "a/b", None),
        "profile": ("Retell", "", "../retell", None, 5),
        "baseUrl": ("", "ftp://x", "http://u:p@x", "http://x?y", "http://x/ y", "x" * 2000, 5),
        "credential": ("", "a\nb", "caf\u00e9", "x" * 4097, None, 5),
        "callerIds": ("+15550001111", None, 5),
        "cps": (0, 100_001, "5", None),
        "maxConcurrent": (0, 10_000_001, "5"),
        "pollAfterMs": (99, 86_400_001, "5"),
        "lookupAbsentAfterMs": (99, 86_400_001, "5"),
        "breakerPercent": (-1, 101, 49.5, "50"),
        "breakerMinimum": (0, 1001, "20"),
        "variables": ("x", None, 5, []),
    }.items():
        for value in values:
            rows.append(bad(f"a trunk's {member} is {str(value)[:20]!r} ({type(value).__name__})", send("POST", "/trunks", {**TRUNK, member: value}), member))
    return rows


def of_states() -> list[Row]:
    rows = []
    for verb in ("/stop", "/start"):
        for name, body, paths in (
            ("nothing", {}, ("body",)), ("two things", {"trunk": "main", "tenant": "acme"}, ("body",)), ("all batches", {"batch": "b"}, ("batch",)),
            ("a list", {"trunk": ["main"]}, ("trunk",)), ("an odd id", {"tenant": "a/b"}, ("tenant",)), ("a cell elsewhere", {"cell": "c9"}, ("cell",)),
            ("a cell that is none", {"cell": "C 0"}, ("cell",)), ("no text", {"cell": None}, ("cell",)),
        ):  # fmt: skip
            rows.append(bad(f"{verb} of {name}", send("POST", verb, body), *paths))
        rows.append(Row(f"admin: {verb} of a trunk that is not there", send("POST", verb, {"trunk": "nobody"}), 404, "TRUNK_NOT_FOUND"))
        rows.append(Row(f"admin: {verb} of a tenant that is not there", send("POST", verb, {"tenant": "nobody"}), 404, "TENANT_NOT_FOUND"))
    return rows


def of_agents() -> list[Row]:
    one = [{"id": "a"}]
    return [
        bad("the agents of nobody", send("GET", "/agents"), "tenant"),
        bad("the agents of an odd tenant", send("GET", "/agents?tenant=a%2Fb&limit=0&cursor=zz"), "tenant", "limit", "cursor"),
        bad("agents of nothing", send("PUT", "/agents", {}), "tenant", "agents"),
        bad("no agents", send("PUT", "/agents", {"tenant": "acme", "agents": []}), "agents"),
        bad("501 agents", send("PUT", "/agents", {"tenant": "acme", "agents": one * 501}), "agents"),
        bad("agents by name alone", send("PUT", "/agents", {"tenant": "acme", "agents": ["a"]}), "agents[0]"),
        bad("odd agents", send("PUT", "/agents", {"tenant": "acme", "agents": [{"id": ""}, {"id": "a\nb"}, {"id": "x" * 129}, {"active": True}, {"id": "a", "active": 1}]}),
            "agents[0].id", "agents[1].id", "agents[2].id", "agents[3].id", "agents[4].active"),
        bad("agents with a typo", send("PUT", "/agents", {"tenant": "acme", "agents": [{"id": "a", "activ": False}], "agentIds": []}), "agents[0].activ", "agentIds"),
        bad("agents taken off as objects", send("DELETE", "/agents", {"tenant": "acme", "agentIds": [{"id": "a"}, ""]}), "agentIds[0]", "agentIds[1]"),
        bad("agents taken off by another name", send("DELETE", "/agents", {"tenant": "acme", "agents": one}), "agents", "agentIds"),
        Row("admin: agents of a tenant that is not there", send("PUT", "/agents", {"tenant": "nobody", "agents": one}), 404, "TENANT_NOT_FOUND"),
        Row("admin: agents taken off a tenant that is not there", send("DELETE", "/agents", {"tenant": "nobody", "agentIds": ["a"]}), 404, "TENANT_NOT_FOUND"),
        Row("admin: agents over 512 KiB", send("PUT", "/agents", b" " * (600 << 10)), 413, "BODY_TOO_LARGE"),
    ]  # fmt: skip


def of_keys() -> list[Row]:
    key = {"role": "tenant", "tenant": "acme"}
    return [
        bad("a key of nothing", send("POST", "/keys", {}), "role"),
        bad("a key of no tenant", send("POST", "/keys", {"role": "viewer"}), "tenant"),
        bad("an operator's key of a tenant", send("POST", "/keys", {**key, "role": "operator"}), "tenant"),
        bad("a key of another role", send("POST", "/keys", {**key, "role": "root"}), "role"),
        bad("a key of an odd tenant", send("POST", "/keys", {**key, "tenant": "a/b"}), "tenant"),
        bad("a key of one's own choice", send("POST", "/keys", {**key, "key": "crl_x", "id": "key_1"}), "key", "id"),
        bad("a key with odd texts", send("POST", "/keys", {**key, "label": "a\nb", "expiresInMs": 0}), "label", "expiresInMs"),
        bad("a key for ever and a day", send("POST", "/keys", {**key, "label": "x" * 65, "expiresInMs": 10**15}), "label", "expiresInMs"),
        bad("a replacement with odd numbers", send("POST", "/keys/key_1/rotate", {"overlapMs": -1, "expiresInMs": "1h"}), "overlapMs", "expiresInMs"),
        bad("a replacement for another tenant", send("POST", "/keys/key_1/rotate", {"tenant": "globex"}), "tenant"),
        bad("the keys of an odd tenant", send("GET", "/keys?tenant=a%2Fb"), "tenant"),
        Row("admin: a key of a tenant that is not there", send("POST", "/keys", {**key, "tenant": "nobody"}), 404, "TENANT_NOT_FOUND"),
        Row("admin: a key that is not there", send("DELETE", "/keys/key_0000000000000000"), 404, "KEY_NOT_FOUND"),
        Row("admin: a key that cannot be", send("DELETE", "/keys/a%2Fb"), 404, "KEY_NOT_FOUND"),
    ]  # fmt: skip


ROWS: list[Row] = [*of_routes(), *of_tenants(), *of_trunks(), *of_states(), *of_agents(), *of_keys()]
