# SPDX-License-Identifier: Apache-2.0
"""Do-not-call numbers that are none, and lists asked for in other ways than they are."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.bad_requests.row import Row, get, request

PATH = "/api/v1/suppressions"


def send(method: str, body: Any, query: str = "", **how: Any) -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return request(method, PATH + query, f"Content-Length: {len(text)}", "Content-Type: application/json", body=text, **how)


def bad(name: str, sent: bytes, *paths: str) -> Row:
    return Row(f"suppressions: {name}", sent, 400, "INVALID_REQUEST", paths)


def of_bodies() -> list[Row]:
    rows = []
    for method in ("PUT", "DELETE"):
        bodies: dict[str, tuple[Any, tuple[str, ...]]] = {
            "nothing": ({}, ("phoneNumbers",)),
            "null": ({"phoneNumbers": None}, ("phoneNumbers",)),
            "a text": ({"phoneNumbers": "+15550001111"}, ("phoneNumbers",)),
            "an object": ({"phoneNumbers": {"0": "+15550001111"}}, ("phoneNumbers",)),
            "no number": ({"phoneNumbers": []}, ("phoneNumbers",)),
            "10001 numbers": ({"phoneNumbers": ["+15550001111"] * 10_001}, ("phoneNumbers",)),
            "numbers as numbers": ({"phoneNumbers": [15550001111, True, None]},
                                   ("phoneNumbers[0]", "phoneNumbers[1]", "phoneNumbers[2]")),
            "numbers in lists": ({"phoneNumbers": [["+15550001111"], {}]}, ("phoneNumbers[0]", "phoneNumbers[1]")),
            "what is no number": ({"phoneNumbers": ["", "+", "15550001111", "+05550001111", "+123456", "+1234567890123456", "+1555000111x",
                                                    "+15550001111;", "*"]}, tuple(f"phoneNumbers[{i}]" for i in range(9))),
            "a good one beside a bad one": ({"phoneNumbers": ["+15550001111", "x"]}, ("phoneNumbers[1]",)),
            "digits of another script": ({"phoneNumbers": ["+\u0661\u0662\u0663\u0664\u0665\u0666\u0667"]}, ("phoneNumbers[0]",)),
            "an unknown field": ({"phoneNumbers": ["+15550001111"], "reason": "asked", "scope": "global"}, ("reason", "scope")),
            "the field of a contact": ({"phoneNumber": "+15550001111"}, ("phoneNumber", "phoneNumbers")),
            "a user that is a number": ({"phoneNumbers": ["+15550001111"], "userId": 5}, ("userId",)),
            "a list": (["+15550001111"], ("body",)),
            "half a body": (b'{"phoneNumbers": ["+15550001111"', ("phoneNumbers[0]",)),
        }  # fmt: skip
        rows += [bad(f"{method} of {name}", send(method, body), *paths) for name, (body, paths) in bodies.items()]
        rows += [
            bad(f"{method} of an empty body", send(method, b""), "body"),
            Row(f"suppressions: {method} of a key twice", send(method, b'{"phoneNumbers":["+15550001111"],"phoneNumbers":[]}'), 400,
                "INVALID_REQUEST", ("phoneNumbers",)),
            Row(f"suppressions: {method} of 600 KiB", send(method, b'{"phoneNumbers":[' + b" " * (600 << 10) + b"]}"), 413,
                "BODY_TOO_LARGE"),
            Row(f"suppressions: {method} of a form", request(method, PATH, "Content-Length: 3", "Content-Type: text/csv", body=b"a,b"), 415,
                "UNSUPPORTED_MEDIA_TYPE"),
            Row(f"suppressions: {method} for somebody else", send(method, {"phoneNumbers": ["+15550001111"], "userId": "globex"}), 403,
                "FORBIDDEN"),
            Row(f"suppressions: {method} with a viewer's key", send(method, {"phoneNumbers": ["+15550001111"]}, key="<viewer>"), 403,
                "FORBIDDEN"),
            Row(f"suppressions: {method} without a key", send(method, {"phoneNumbers": ["+15550001111"]}, key=""), 401, "UNAUTHORIZED"),
        ]  # fmt: skip
    return rows


def of_queries() -> list[Row]:
    good = {"phoneNumbers": ["+15550001111"]}
    rows = [bad(f"limit={value}", get(f"{PATH}?limit={value}"), "limit") for value in ("0", "1001", "-1", "all", "", "1.5")]
    rows += [
        bad(f"cursor={value}", get(f"{PATH}?cursor={value}"), "cursor")
        for value in ("", "x", "6e", "73", "6e2d31", "7831", "6e31" * 20, "31", "733939393939393939393939393939393939393939")
    ]
    rows += [
        bad(f"GET of {value}", get(f"{PATH}?phoneNumber={value}"), "phoneNumber")
        for value in ("", "x", "15550001111", "%2B1", "%2B15550001111%2B", "*")
    ]
    rows += [bad(f"DELETE of {value}", request("DELETE", f"{PATH}?phoneNumber={value}"), "phoneNumber") for value in ("", "x", "%2B1")]
    rows += [
        bad("a number and a page", get(f"{PATH}?phoneNumber=%2B15550001111&limit=5"), "limit"),
        bad("a number twice", get(f"{PATH}?phoneNumber=%2B15550001111&phoneNumber=%2B15550002222"), "phoneNumber"),
        bad("another tenant's", get(f"{PATH}?tenant=globex"), "tenant"),
        bad("a scope", get(f"{PATH}?scope=global"), "scope"),
        bad("PUT of a number in the query", send("PUT", good, "?phoneNumber=%2B15550002222"), "phoneNumber"),
        bad("DELETE of a number in the query and in a body", send("DELETE", good, "?phoneNumber=%2B15550002222"), "phoneNumber"),
        bad("DELETE of everything", request("DELETE", f"{PATH}?all=true"), "all"),
        Row("suppressions: somebody else's", get(f"{PATH}?userId=globex"), 403, "FORBIDDEN"),
        Row("suppressions: POST", send("POST", good), 405, "METHOD_NOT_ALLOWED", allow="GET, HEAD, PUT, DELETE"),
    ]
    return rows


ROWS = [*of_bodies(), *of_queries()]
