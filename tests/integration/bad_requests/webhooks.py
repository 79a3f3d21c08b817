# SPDX-License-Identifier: Apache-2.0
"""Endpoints and deliveries that are none, and what cannot be asked of them."""

from __future__ import annotations

from typing import Any

from tests.integration.bad_requests.row import Row, get, post, request

BASE = "/api/v1/webhooks"
NOBODY = f"{BASE}/endpoints/ep_000000000000000000000000"


def bad(name: str, sent: bytes, *paths: str) -> Row:
    return Row(f"webhooks: {name}", sent, 400, "INVALID_REQUEST", paths)


def patch(body: Any, path: str = NOBODY) -> bytes:
    return post(path, body).replace(b"POST", b"PATCH", 1)


def of_lists() -> list[Row]:
    path = f"{BASE}/deliveries"
    rows = [bad(f"limit={value}", get(f"{path}?limit={value}"), "limit") for value in ("0", "101", "-1", "all", "", "1.5")]
    rows += [bad(f"state={value}", get(f"{path}?state={value}"), "state") for value in ("", "lost", "DEAD", "failed")]
    rows += [bad(f"{name}={value}", get(f"{path}?{name}={value}"), name) for name in ("endpoint", "event") for value in ("", "a.b", "%2F", "x" * 200)]
    rows += [bad(f"cursor={value}", get(f"{path}?cursor={value}"), "cursor") for value in ("", "x", "6", "78", "782079", "6e" * 300)]
    return [
        *rows,
        bad("all at once", get(f"{path}?limit=x&state=x&endpoint=.&cursor=x&event=."), "limit", "state", "endpoint", "cursor", "event"),
        bad("a batch", get(f"{path}?batchId=b"), "batchId"),
        Row("webhooks: nobody's endpoint", get(f"{path}?endpoint=nobody"), 404, "ENDPOINT_NOT_FOUND"),
        Row("webhooks: somebody else's", get(f"{path}?userId=globex"), 403, "FORBIDDEN"),
        Row("webhooks: POST of the list", post(path, {}), 405, "METHOD_NOT_ALLOWED", allow="GET, HEAD"),
    ]


def of_changes() -> list[Row]:
    rows = [
        bad("a status", patch({"status": "gone"}), "status"),
        bad("a status that is a number", patch({"status": 1}), "status"),
        bad("an empty one", patch({"status": ""}), "status"),
        bad("a signature", patch({"signature": "md5"}), "signature"),
        bad("null", patch({"signature": None}), "signature"),
        bad("a secret", patch({"secret": "whsec_x", "status": 5}), "secret", "status"),
        bad("a list", patch([]), "body"),
        *(bad(f"a grace of {grace!r}", post(f"{NOBODY}/secret/rotate", {"graceSeconds": grace}), "graceSeconds")
          for grace in (-1, 604_801, 1.5, "60", None, True, 1e300)),
        *(bad(f"since={since}", post(f"{NOBODY}/recover?since={since}"), "since") for since in ("", "now", "2027-11-16", "2027-11-16T09:00:00", "1")),
        bad("a body of a recovery", post(f"{NOBODY}/recover", {"since": "x"}), "since"),
        bad("a body of a redelivery", post(f"{BASE}/deliveries/evt_x/redeliver", {"force": True}), "force"),
    ]  # fmt: skip
    for method, path, code in (
        ("GET", "", "ENDPOINT"), ("PATCH", "", "ENDPOINT"), ("DELETE", "", "ENDPOINT"), ("POST", "/secret/rotate", "ENDPOINT"), ("POST", "/test", "ENDPOINT"), ("POST", "/recover", "ENDPOINT"),
    ):  # fmt: skip
        for name in ("ep_000000000000000000000000", "a.b", "x" * 300, "%20"):
            sent = post(f"{BASE}/endpoints/{name}{path}", {}).replace(b"POST", method.encode(), 1)
            rows.append(Row(f"webhooks: {method} {path} of {name}", sent, 404, f"{code}_NOT_FOUND"))
    for name in ("evt_nobody", "a.b", "x" * 300, "%20"):
        rows.append(Row(f"webhooks: delivery {name}", get(f"{BASE}/deliveries/{name}"), 404, "DELIVERY_NOT_FOUND"))
        rows.append(Row(f"webhooks: redelivery of {name}", post(f"{BASE}/deliveries/{name}/redeliver"), 404, "DELIVERY_NOT_FOUND"))
    rows.append(Row("webhooks: a viewer's removal", post(NOBODY, key="<viewer>").replace(b"POST", b"DELETE", 1), 403, "FORBIDDEN"))
    rows.append(Row("webhooks: POST of an endpoint", post(NOBODY, {}), 405, "METHOD_NOT_ALLOWED", allow="GET, HEAD, PATCH, DELETE"))
    for path in ("/secret/rotate", "/test", "/recover"):
        rows.append(Row(f"webhooks: a viewer's {path}", post(NOBODY + path, {}, key="<viewer>"), 403, "FORBIDDEN"))
        rows.append(Row(f"webhooks: GET {path}", request("GET", NOBODY + path), 405, "METHOD_NOT_ALLOWED", allow="POST"))
    return rows


ROWS = [*of_lists(), *of_changes()]
