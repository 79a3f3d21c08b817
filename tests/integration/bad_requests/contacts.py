# SPDX-License-Identifier: Apache-2.0
"""Chunks of contacts, drafts and starts that are asked for in other ways than they are."""

from __future__ import annotations

from typing import Any

from tests.integration.bad_requests.row import GOOD, Row, get, post

PATH = "/api/v1/batch/<batch>/contacts"


def send(body: Any, query: str = "", content_type: str = "text/csv", **how: Any) -> bytes:
    return post(PATH + query, body, content_type=content_type, **how)


def bad(name: str, sent: bytes, *paths: str) -> Row:
    return Row(f"contacts: {name}", sent, 400, "INVALID_REQUEST", paths)


GOOD_CSV = b"phoneNumber\n+15550100001\n"

ROWS: list[Row] = [
    *(bad(f"chunk {number!r}", send(GOOD_CSV, f"?chunk={number}"), "chunk") for number in ("", "0", "-1", "1.5", "1000001", "x", "1e3", "%201")),
    bad("two chunks", send(GOOD_CSV, "?chunk=1&chunk=2"), "chunk"),
    bad("an unknown argument", send(GOOD_CSV, "?part=1"), "part"),
    bad("no header", send(b""), "header"),
    bad("empty lines only", send(b"\n\n\r\n"), "header"),
    bad("a header without a number", send(b"name,city\nJane,Rome\n"), "phoneNumber"),
    bad("a header with two numbers", send(b"phoneNumber,contact_number\n"), "phoneNumber"),
    bad("a column twice", send(b"phoneNumber,x,x\n"), "x"),
    bad("a header that is no text", send(b"phoneNumber,\xff\n"), "header"),
    bad("a header that is never closed", send(b'phoneNumber,"x\n+15550100001,1\n'), "header"),
    bad("JSON that is none", send(b"{", content_type="application/json"), "body"),
    bad("a text", send(b'"x"', content_type="application/json"), "body"),
    bad("nothing", send(b"", content_type="application/json"), "body"),
    bad("no list", send({}, content_type="application/json"), "contacts"),
    bad("a list that is none", send({"contacts": {"0": 1}}, content_type="application/json"), "contacts"),
    bad("a list that is cut short", send(b'[{"phoneNumber":"+15550100001"}', content_type="application/json"), "contacts[0]"),
    bad("text behind a list", send(b"[] []", content_type="application/json"), "contacts"),
    bad("members behind a list", send(b'[{"phoneNumber":"+15550100001"}],"userId":"acme"', content_type="application/json"), "body"),
    bad("an unknown field", send({"contacts": [], "agentId": "a"}, content_type="application/json"), "agentId"),
    bad("an element that is too large", send(b'[{"name":"' + b"x" * 20_000 + b'"}]', content_type="application/json"), "contacts[0]"),
    Row("contacts: another's userId", send({"contacts": [], "userId": "globex"}, content_type="application/json"), 403, "FORBIDDEN"),
    *(Row(f"contacts: as {kind}", send(GOOD_CSV, content_type=kind), 415, "UNSUPPORTED_MEDIA_TYPE")
      for kind in ("text/plain", "application/xml", "text/csv; charset=latin1", "application/x-ndjson2")),
    Row("contacts: compressed", post(PATH, GOOD_CSV, "Content-Encoding: gzip", content_type="text/csv"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    Row("contacts: by a viewer", send(GOOD_CSV, key="<viewer>"), 403, "FORBIDDEN"),
    Row("contacts: by an operator", send(GOOD_CSV, key="<operator>"), 403, "FORBIDDEN"),
    Row("contacts: without a key", send(GOOD_CSV, key=""), 401, "UNAUTHORIZED"),
    *(Row(f"contacts: of {batch}", post(f"/api/v1/batch/{batch}/contacts", GOOD_CSV, content_type="text/csv"), 404, "BATCH_NOT_FOUND")
      for batch in ("<theirs>", "nothing", "batch_c0_00000000000000000000", "batch_c9_00000000000000000000")),
    *(Row(f"start: of {batch}", post(f"/api/v1/batch/{batch}/start"), 404, "BATCH_NOT_FOUND")
      for batch in ("<theirs>", "nothing", "batch_c0_00000000000000000000")),
    Row("start: an unknown field", post("/api/v1/batch/<batch>/start", {"at": "now"}), 400, "INVALID_REQUEST", ("at",)),
    Row("start: an argument", post("/api/v1/batch/<batch>/start?chunks=3"), 400, "INVALID_REQUEST", ("chunks",)),
    Row("start: by a viewer", post("/api/v1/batch/<batch>/start", key="<viewer>"), 403, "FORBIDDEN"),
    *(Row(f"draft={word!r}", post(f"/api/v1/batch?draft={word}", GOOD), 400, "INVALID_REQUEST", ("draft",)) for word in ("", "1", "TRUE", "yes")),
    *(Row(f"dryRun={word!r}", post(f"/api/v1/batch?dryRun={word}", GOOD), 400, "INVALID_REQUEST", ("dryRun",)) for word in ("", "0", "True")),
    Row("a dry run by a viewer", post("/api/v1/batch?dryRun=true", GOOD, key="<viewer>"), 403, "FORBIDDEN"),
    Row("a dry run of nothing", post("/api/v1/batch?dryRun=true", {}), 400, "INVALID_REQUEST", ("agentId", "contacts")),
    Row("a draft of nothing", post("/api/v1/batch?draft=true", {}), 400, "INVALID_REQUEST", ("agentId",)),
    Row("a draft with a bad contact", post("/api/v1/batch?draft=true", {**GOOD, "contacts": [{}]}), 400, "INVALID_REQUEST",
        ("contacts[0].phoneNumber",)),
    Row("errors: of another's", get("/api/v1/batch/<theirs>/errors"), 404, "BATCH_NOT_FOUND"),
    *(Row(f"errors: {query}", get(f"/api/v1/batch/<batch>/errors?{query}"), 400, "INVALID_REQUEST", (query.split("=")[0],))
      for query in ("limit=0", "limit=1001", "cursor=x", "cursor=302e62617463685f63305f7a", "code=DUPLICATE")),
]  # fmt: skip
