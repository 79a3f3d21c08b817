# SPDX-License-Identifier: Apache-2.0
"""What is no HTTP, or HTTP of which two readers could think two things: request lines, heads, lengths, chunks."""

from __future__ import annotations

import json

from tests.integration.bad_requests.row import CREATE, GOOD, Row, create, get, request, unframed

BODY = json.dumps(GOOD).encode()
HEALTH = "/api/v1/health"
GOOD_GET = b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n"
REFUSED = "INVALID_REQUEST"


def of_request_lines() -> list[Row]:
    def line(text: bytes) -> bytes:
        return text + b"\r\nHost: x\r\nConnection: close\r\n\r\n"

    return [
        Row("HTTP/0.9", b"GET /api/v1/health\r\n", 400),
        Row("no version", line(b"GET /api/v1/health "), 400),
        Row("HTTP/2.0", line(b"GET /api/v1/health HTTP/2.0"), 505),
        Row("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        Row("HTTP/9.9", line(b"GET /api/v1/health HTTP/9.9"), 505),
        Row("a version that is none", line(b"GET /api/v1/health HTTP/x.y"), 400),
        Row("another protocol", line(b"GET /api/v1/health ICAP/1.0"), 400),
        Row("the version in small letters", line(b"GET /api/v1/health http/1.1"), 400),
        Row("two spaces", line(b"GET  /api/v1/health  HTTP/1.1"), 400, REFUSED),
        Row("a space in the path", line(b"GET /api/v1/he alth HTTP/1.1"), 400, REFUSED),
        Row("a tab in the path", line(b"GET /api/v1/he\talth HTTP/1.1"), 400, REFUSED),
        Row("a control character in the path", line(b"GET /api/v1/he\x01alth HTTP/1.1"), 400, REFUSED),
        Row("raw bytes in the path", line(b"GET /api/v1/\xff\xfe HTTP/1.1"), 400, REFUSED),
        Row("no slash", line(b"GET api/v1/health HTTP/1.1"), 404, "ROUTE_NOT_FOUND"),
        Row("a star", line(b"OPTIONS * HTTP/1.1"), 404, "ROUTE_NOT_FOUND"),
        Row("an authority", line(b"CONNECT x:443 HTTP/1.1"), 404, "ROUTE_NOT_FOUND"),
        Row("another scheme", line(b"GET gopher://x/api/v1/health HTTP/1.1"), 404, "ROUTE_NOT_FOUND"),
        Row("a word", b"nonsense\r\n\r\n", ()),
        Row("a path of 100,000 letters", line(b"GET /" + b"a" * 100_000 + b" HTTP/1.1"), 414),
    ]


def of_heads() -> list[Row]:
    def head(*lines: bytes) -> bytes:
        return b"\r\n".join([b"GET /api/v1/health HTTP/1.1", b"Connection: close", *lines, b"", b""])

    return [
        Row("no Host", head(), 400, REFUSED),
        Row("two Hosts", head(b"Host: x", b"Host: y"), 400, REFUSED),
        Row("a header without a colon", head(b"Host: x", b"nonsense"), 400),
        Row("a space before the colon", head(b"Host: x", b"X-A : 1"), 400, REFUSED),
        Row("a tab before the colon", head(b"Host: x", b"X-A\t: 1"), 400, REFUSED),
        Row("a name with a space", head(b"Host: x", b"X A: 1"), 400, REFUSED),
        Row("a name with brackets", head(b"Host: x", b"X[A]: 1"), 400, REFUSED),
        Row("a name of odd bytes", head(b"Host: x", b"X-\xe9: 1"), 400, REFUSED),
        Row("a control character in a value", head(b"Host: x", b"X-A: a\x01b"), 400, REFUSED),
        Row("a delete in a value", head(b"Host: x", b"X-A: a\x7fb"), 400, REFUSED),
        Row("a lone carriage return in a value", head(b"Host: x", b"X-A: a\rX-B: b"), 400, REFUSED),
        Row("two types", head(b"Host: x", b"Content-Type: application/json", b"Content-Type: text/csv"), 400, REFUSED),
        Row("an expectation that is none", get(HEALTH, "Expect: 200-ok"), 417, "EXPECTATION_FAILED"),
        Row("two expectations", get(HEALTH, "Expect: 100-continue", "Expect: 100-continue"), 417, "EXPECTATION_FAILED"),
        Row("a header of 17,000 letters", get(HEALTH, "X-A: " + "a" * 17_000), 431, REFUSED),
        Row("500 headers", get(HEALTH, *(f"X-{i}: {'a' * 30}" for i in range(500))), 431),
        Row("a name of 17,000 letters", get(HEALTH, "a" * 17_000 + ": 1"), 431, REFUSED),
        Row("a header of 100,000 letters", get(HEALTH, "X-A: " + "a" * 100_000), 431),
        Row("10,000 headers", get(HEALTH, *(["X: a"] * 10_000)), 431),
        Row("a cookie of 100,000 letters", get(HEALTH, "Cookie: a=" + "a" * 100_000), 431),
    ]


def of_lengths() -> list[Row]:
    def length(*values: object) -> bytes:
        return unframed(*(f"Content-Length: {value}" for value in values), body=BODY)

    too_long = 32 * 1024 * 1024 + 1
    return [
        Row("no length", unframed(), 400, REFUSED, ("body",)),
        Row("a negative length", length(-1), 400),
        Row("a length with a plus", length(f"+{len(BODY)}"), 400),
        Row("a length in hexadecimal", length(hex(len(BODY))), 400),
        Row("a length with a fraction", length(f"{len(BODY)}.0"), 400),
        Row("a length in words", length("many"), 400),
        Row("an empty length", length(""), 400),
        Row("a list of lengths", length(f"{len(BODY)}, {len(BODY)}"), 400),
        Row("two lengths", length(len(BODY), len(BODY)), 400, REFUSED),
        Row("two lengths that differ", length(5, len(BODY)), 400, REFUSED),
        Row("a length with a space before its colon", unframed(f"Content-Length : {len(BODY)}", body=BODY), 400, REFUSED),
        Row("a length and chunks", unframed("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400, REFUSED),
        Row("a length of 23 digits", length("9" * 23), 413),
        Row("a length beyond 63 bits", length(2**63), 413, "BODY_TOO_LARGE"),
        Row("a length of 63 bits", length(2**63 - 1), 413, "BODY_TOO_LARGE"),
        Row("a length over 64 MiB", length(65 * 1024 * 1024), 413, "BODY_TOO_LARGE"),
        Row("a length over 32 MiB by a client that asks first",
            unframed(f"Content-Length: {too_long}", "Expect: 100-continue"), 413, "BODY_TOO_LARGE"),
        Row("a body where a small one is wanted", create(b"x" * 65_537, path="/api/v1/batch/<batch>/pause"), 413, "BODY_TOO_LARGE"),
        Row("a body where none is wanted", request("GET", HEALTH, "Content-Length: 5", body=b"hello"), 413, "BODY_TOO_LARGE"),
        Row("a body over its limit in chunks", request("POST", "/api/v1/batch/<batch>/pause", "Transfer-Encoding: chunked",
                                                       body=b"10001\r\n" + b"x" * 65_537 + b"\r\n0\r\n\r\n"), 413, "BODY_TOO_LARGE"),
        Row("a body shorter than its length", unframed(f"Content-Length: {len(BODY)}", body=BODY[:20]), (), end=True),
        Row("a length and no body", unframed(f"Content-Length: {len(BODY)}"), (), end=True),
        Row("a small body cut", create(b"{}" * 50, path="/api/v1/batch/<batch>/pause")[:-60], (), end=True),
    ]


def of_chunks() -> list[Row]:
    def chunks(body: bytes, *headers: str) -> bytes:
        return unframed(*(headers or ("Transfer-Encoding: chunked",)), body=body)

    whole = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    coding = "NOT_IMPLEMENTED"
    return [
        Row("compressed chunks", chunks(whole, "Transfer-Encoding: gzip, chunked"), 501, coding),
        Row("no chunks at all", chunks(BODY, "Transfer-Encoding: identity"), 501, coding),
        Row("a coding that nobody knows", chunks(whole, "Transfer-Encoding: xchunked"), 501, coding),
        Row("a coding with a tail", chunks(whole, "Transfer-Encoding: chunked;q=1"), 501, coding),
        Row("an empty coding", chunks(whole, "Transfer-Encoding:"), 501, coding),
        Row("chunks twice", chunks(whole, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400, REFUSED),
        Row("chunks and then another coding", chunks(whole, "Transfer-Encoding: chunked", "Transfer-Encoding: identity"), 400, REFUSED),
        Row("chunks with HTTP/1.0", chunks(whole).replace(b"HTTP/1.1", b"HTTP/1.0", 1), 400, REFUSED),
        Row("a chunk's length in words", chunks(b"zz\r\n" + BODY), 400),
        Row("a negative chunk", chunks(b"-1\r\n" + BODY), 400),
        Row("a chunk's length with 0x", chunks(b"0x10\r\n" + BODY), 400),
        Row("a chunk's length with a plus", chunks(b"+10\r\n" + BODY), 400),
        Row("an empty chunk's length", chunks(b"\r\n" + BODY), 400),
        Row("a chunk beyond 64 bits", chunks(b"f" * 18 + b"\r\n" + BODY), 413),
        Row("a chunk longer than it says", chunks(b"5\r\n%s\r\n0\r\n\r\n" % BODY), 400),
        Row("a chunk cut", chunks(b"%x\r\n%s" % (len(BODY), BODY[:20])), (), end=True),
        Row("no last chunk", chunks(b"%x\r\n%s\r\n" % (len(BODY), BODY)), (), end=True),
        Row("half the last chunk", chunks(b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)), (), end=True),
        Row("no chunks", chunks(b""), (), end=True),
    ]


def of_pipelines() -> list[Row]:
    return [
        Row("a word behind a request", GOOD_GET + b"nonsense\r\n\r\n", (200,)),
        Row("another version behind a request", GOOD_GET + b"GET / HTTP/3.0\r\n\r\n", (200, 505)),
        Row("a head without a colon behind a request", GOOD_GET + b"GET / HTTP/1.1\r\nnonsense\r\n\r\n", (200, 400)),
        Row("a refusal behind two requests", GOOD_GET * 2 + get("/api/v1/nothing"), (200, 200, 404), "ROUTE_NOT_FOUND"),
        Row("a request behind an ambiguous length",
            unframed("Content-Length: 0", "Transfer-Encoding: chunked", body=b"0\r\n\r\n") + GOOD_GET, 400, REFUSED),
        Row("a request in the body of a length that is none",
            request("POST", CREATE, f"Content-Length : {len(GOOD_GET)}", body=GOOD_GET).replace(b"Connection: close\r\n", b""), 400, REFUSED),
        Row("a body behind a request that has none", request("POST", "/api/v1/batch/<theirs>/pause", body=b"5\r\n"), 404,
            "BATCH_NOT_FOUND"),
    ]


ROWS = [*of_request_lines(), *of_heads(), *of_lengths(), *of_chunks(), *of_pipelines()]
