# SPDX-License-Identifier: Apache-2.0
"""Who asks, for what, and by which way: keys, roles, ids, methods, paths, queries."""

from __future__ import annotations

from tests.integration.bad_requests.row import CREATE, GOOD, Row, create, get, options, post, request

LIST = "/api/v1/batch/list"


def of_keys() -> list[Row]:
    headers = {
        "no key": [],
        "an empty header": ["Authorization:"],
        "a scheme alone": ["Authorization: Bearer"],
        "an empty key": ["Authorization: Bearer "],
        "no scheme": ["Authorization: <acme>"],
        "basic": ["Authorization: Basic YWNtZTp4"],
        "another scheme": ["Authorization: Token <acme>"],
        "a scheme glued to its key": ["Authorization: Bearer<acme>"],
        "an unknown key": ["Authorization: Bearer crl_00000000000000000000000000000000"],
        "a key in capitals": ["Authorization: Bearer <ACME>"],
        "a key and a letter": ["Authorization: Bearer <acme>x"],
        "half a key": ["Authorization: Bearer crl_"],
        "two keys in one header": ["Authorization: Bearer <acme>, Bearer <acme>"],
        "two words": ["Authorization: Bearer <acme> <acme>"],
        "a key in quotes": ['Authorization: Bearer "<acme>"'],
        "a key of 5000 letters": ["Authorization: Bearer " + "x" * 5000],
        "a key of odd bytes": ["Authorization: Bearer \xff\xfe\xe9"],
        "a cookie": ["Cookie: key=<acme>"],
        "another header": ["X-API-Key: <acme>"],
    }
    rows = [Row(f"a list with {name}", get(LIST, *lines, key=""), 401, "UNAUTHORIZED") for name, lines in headers.items()]
    rows += [
        Row("a creation without a key", create(key=""), 401, "UNAUTHORIZED"),
        Row("a creation without a key that waits to be asked",
            request("POST", CREATE, "Content-Length: 1000000", "Expect: 100-continue", key=""), 401, "UNAUTHORIZED"),
        Row("a key in the query", get(f"{LIST}?key=<acme>", key=""), 401, "UNAUTHORIZED"),
        Row("two keys", get(LIST, "Authorization: Bearer <acme>"), 400, "INVALID_REQUEST"),
        Row("two keys, one bad", get(LIST, "Authorization: Bearer x"), 400, "INVALID_REQUEST"),
        Row("an operator's key", get(LIST, key="<operator>"), 403, "FORBIDDEN"),
        Row("a creation with an operator's key", create(key="<operator>"), 403, "FORBIDDEN"),
        Row("a creation with a viewer's key", create(key="<viewer>"), 403, "FORBIDDEN"),
        Row("events with an operator's key", get("/api/v1/batch/<batch>/events", key="<operator>"), 403, "FORBIDDEN"),
        Row("events without a key", get("/api/v1/batch/<batch>/events", key=""), 401, "UNAUTHORIZED"),
        Row("events with a limit", get("/api/v1/batch/<batch>/events?limit=10"), 400, "INVALID_REQUEST", ("limit",)),
        Row("events of two users", get("/api/v1/batch/<batch>/events?userId=acme&userId=acme"), 400, "INVALID_REQUEST", ("userId",)),
        Row("somebody else's user in a list", get(f"{LIST}?userId=globex"), 403, "FORBIDDEN"),
        Row("an empty user in a list", get(f"{LIST}?userId="), 403, "FORBIDDEN"),
        Row("a user with a NUL", get(f"{LIST}?userId=acme%00"), 400, "INVALID_REQUEST"),
    ]
    for verb in ("pause", "resume", "cancel"):
        rows.append(Row(f"{verb} with a viewer's key", post(f"/api/v1/batch/<batch>/{verb}", key="<viewer>"), 403, "FORBIDDEN"))
    rows.append(Row("a removal with a viewer's key", request("DELETE", "/api/v1/batch/<batch>", key="<viewer>"), 403, "FORBIDDEN"))
    put = create({"url": "https://crm.example/"}, path="/api/v1/webhooks/endpoints", key="<viewer>").replace(b"POST", b"PUT", 1)
    rows.append(Row("an endpoint with a viewer's key", put, 403, "FORBIDDEN"))
    return rows


def of_ids() -> list[Row]:
    """What is another tenant's and what is not there are told apart by nobody."""
    ids = {
        "somebody else's": "<theirs>",
        "that nobody has": "batch_c0_00000000000000000000",
        "of another cell": "batch_c9_00000000000000000000",
        "of no cell": "batch_",
        "of another kind": "trunk_main",
        "in capitals": "BATCH_C0_1",
        "of 49 letters": "batch_c0_" + "a" * 40,
        "of 5000 letters": "batch_c0_" + "a" * 5000,
        "of a call": "<batch>-0",
        "with a line break": "<batch>%0a",
        "with a colon": "<batch>:calls",
        "with a star": "batch_c0_*",
        "with braces": "%7bc0%7d",
        "that climbs": "..%2f..%2fetc%2fpasswd",
        "with an encoded slash": "x%2f<batch>",
        "with a slash encoded twice": "x%252f<batch>",
        "of dots": "%2e%2e",
        "of other letters": "batch_c0_%e2%84%ab",
        "of a script": "%3Cscript%3E",
        "of a query language": "1%27%20OR%201%3D1",
    }
    rows = []
    for name, batch in ids.items():
        rows.append(Row(f"a batch {name}", get(f"/api/v1/batch/{batch}"), 404, "BATCH_NOT_FOUND"))
        rows.append(Row(f"check-status of a batch {name}", get(f"/api/v1/batch/check-status?batchId={batch}"), 404, "BATCH_NOT_FOUND"))
        rows.append(Row(f"why of a batch {name}", get(f"/api/v1/batch/{batch}/why"), 404, "BATCH_NOT_FOUND"))
        rows.append(Row(f"events of a batch {name}", get(f"/api/v1/batch/{batch}/events"), 404, "BATCH_NOT_FOUND"))
        rows.append(Row(f"calls of a batch {name}", get(f"/api/v1/batch/{batch}/calls"), 404, "BATCH_NOT_FOUND"))
        rows.append(Row(f"an export of a batch {name}", get(f"/api/v1/batch/{batch}/calls/export"), 404, "BATCH_NOT_FOUND"))
        rows.append(Row(f"attempts of a call of a batch {name}", get(f"/api/v1/call/{batch}-7/attempts"), 404, "CALL_NOT_FOUND"))
        rows.append(Row(f"removal of a batch {name}", request("DELETE", f"/api/v1/batch/{batch}"), 404, "BATCH_NOT_FOUND"))
        rows.append(Row(f"cancel of a batch {name}", post(f"/api/v1/batch/{batch}/cancel"), 404, "BATCH_NOT_FOUND"))
    for verb in ("pause", "resume"):
        rows.append(Row(f"{verb} of somebody else's batch", post(f"/api/v1/batch/<theirs>/{verb}"), 404, "BATCH_NOT_FOUND"))
    rows.append(Row("the seed's cancel of somebody else's batch", post("/api/v1/batch/cancel?batchId=<theirs>"), 404, "BATCH_NOT_FOUND"))
    rows.append(Row("somebody else's calls", get("/api/v1/status/batch?batchId=<theirs>"), 404, "BATCH_NOT_FOUND"))
    for name, batch in {"a NUL": "<batch>%00", "an overlong slash": "%c0%af", "bad UTF-8": "%ff", "half an escape": "%2", "no escape": "%zz",
                        "raw bytes": "\xff\xfe"}.items():
        rows.append(Row(f"a batch with {name}", get(f"/api/v1/batch/{batch}"), 400, "INVALID_REQUEST"))
        rows.append(Row(f"check-status with {name}", get(f"/api/v1/batch/check-status?batchId={batch}"), 400, "INVALID_REQUEST"))
    return rows


def of_methods() -> list[Row]:
    allowed = {
        CREATE: "POST",
        LIST: "GET, HEAD",
        "/api/v1/batch/<batch>": "GET, HEAD, DELETE, PATCH",
        "/api/v1/batch/<batch>/status": "GET, HEAD",
        "/api/v1/batch/<batch>/why": "GET, HEAD",
        "/api/v1/batch/<batch>/calls": "GET, HEAD",
        "/api/v1/batch/<batch>/contacts": "POST",
        "/api/v1/batch/<batch>/start": "POST",
        "/api/v1/batch/<batch>/errors": "GET, HEAD",
        "/api/v1/batch/<batch>/events": "GET, HEAD",
        "/api/v1/batch/<batch>/pause": "POST",
        "/api/v1/batch/<batch>/cancel": "POST",
        "/api/v1/batch/<batch>/redial": "POST",
        "/api/v1/batch/<batch>/calls/export": "GET, HEAD",
        "/api/v1/call/<batch>-0/attempts": "GET, HEAD",
        "/api/v1/call/dial": "POST",
        "/api/v1/call/check-status": "GET, HEAD",
        "/api/v1/status/call": "GET, HEAD",
        "/api/v1/reports/tags": "GET, HEAD",
        "/api/v1/webhooks/endpoints": "GET, HEAD, PUT",
        "/api/v1/health": "GET, HEAD",
    }
    rows = []
    for path, allow in allowed.items():
        for method in ("DELETE", "PUT", "POST", "GET", "TRACE", "OPTIONS", "BREW", "get"):
            if method not in allow.split(", "):
                rows.append(Row(f"{method} {path}", request(method, path), 405, "METHOD_NOT_ALLOWED", allow=allow))
    return rows


def of_paths() -> list[Row]:
    paths = ("/", "//", "/api", "/api/v1", "/api/v2/batch", "/API/V1/BATCH", "/api/v1/batch/", "/api/v1//batch", "/api/v1/batches",
             "/api/v1/batch/<batch>/", "/api/v1/batch/<batch>/start/now", "/api/v1/batch/../batch/list", "/api/v1/./health",
             "/api/v1%2fbatch%2flist", "/api/v1/batch;x=1", "/api/v1/health#top", "/favicon.ico", "/.git/config", "/wp-login.php",
             "/" + "a/" * 40, "/api/v1/health%20", "/healthz/x", "/cgi-bin/%2e%2e/%2e%2e/bin/sh")
    rows = [Row(f"the path {path}", get(path), 404, "ROUTE_NOT_FOUND") for path in paths]
    rows += [
        Row("a path of 9000 letters", get("/" + "a" * 9000), 414, "URI_TOO_LONG"),
        Row("a query of 9000 letters", get(f"{LIST}?limit=" + "1" * 9000), 414, "URI_TOO_LONG"),
        Row("a path with a NUL", get("/api/v1/health%00"), 400, "INVALID_REQUEST"),
        Row("a path with bad UTF-8", get("/api/v1/%fe"), 400, "INVALID_REQUEST"),
        Row("a path with half an escape", get("/api/v1/health%"), 400, "INVALID_REQUEST"),
    ]
    return rows


def of_queries() -> list[Row]:
    def bad(name: str, sent: bytes, *paths: str) -> Row:
        return Row(name, sent, 400, "INVALID_REQUEST", paths)

    rows = [
        bad(f"limit={value}", get(f"{LIST}?limit={value}"), "limit")
        for value in ("0", "1001", "-1", "all", "1.0", "1e2", "01x", "", "%20", "+5", "0x10", "99999999999999999999", "5%0a", "%d9%a5")
    ]
    rows += [
        bad(f"check-status with limit={value}", get(f"/api/v1/batch/check-status?batchId=<batch>&limit={value}"), "limit")
        for value in ("0", "1001", "-2", "ALL", "5;6", "")
    ]
    rows += [bad(f"cursor={value}", get(f"{LIST}?cursor={value}"), "cursor") for value in ("", "x", "zz", "31", "2e2e", "00" * 200)]
    calls = "/api/v1/batch/<batch>/calls"
    rows += [bad(f"calls with limit={value}", get(f"{calls}?limit={value}"), "limit") for value in ("0", "1001", "all", "-1", "")]
    rows += [bad(f"calls with status={value}", get(f"{calls}?status={value}"), "status")
             for value in ("", "ongoing", "BUSY", "ONGOING,MISSED", "*")]
    rows += [bad(f"calls with outcome={value}", get(f"{calls}?outcome={value}"), "outcome")
             for value in ("", "busy", "MISSED", "BUSY%20", "NO-ANSWER")]
    rows += [bad(f"calls with cursor={value}", get(f"{calls}?cursor={value}"), "cursor")
             for value in ("", "x", "2d31", "302e61", "302e62617463685f63305f61", "00" * 200)]
    rows += [
        bad("calls with every fault", get(f"{calls}?status=x&outcome=y&limit=z&cursor=w"), "status", "outcome", "limit", "cursor"),
        bad("calls with a name that nobody knows", get(f"{calls}?state=ONGOING"), "state"),
        bad("calls with two statuses", get(f"{calls}?status=MISSED&status=FAILED"), "status"),
        bad("a name in another case", get(f"{LIST}?Limit=5"), "Limit"),
        bad("a name near another", get(f"{LIST}?limits=5"), "limits"),
        bad("a limit twice", get(f"{LIST}?limit=5&limit=5"), "limit"),
        bad("a filter that nobody knows", get(f"{LIST}?tags=x"), "tags"),
        *(bad(f"a list with {value}", get(f"{LIST}?{value}"), value.partition("=")[0])
          for value in ("tag=", "tag=" + "x" * 65, "tag=" + "%C3%A9" * 65, "status=", "status=PENDING", "status=running", "agentId=",
                        "agentId=" + "a" * 129, "from=", "from=today", "from=2027-11-16", "from=2027-11-16T09:00:00", "to=1763283600",
                        "to=2027-02-30T00:00:00Z", "to=1969-12-31T00:00:00Z")),
        *(bad(f"a report with {value}", get(f"/api/v1/reports/tags?{value}"), value.partition("=")[0])
          for value in ("from=x", "to=", "limit=0", "cursor=zz", "tag=x", "status=pending")),
        bad("a list to before it begins", get(f"{LIST}?from=2027-11-16T09:00:00Z&to=2027-11-16T09:00:00Z"), "to"),
        bad("a list with every fault", get(f"{LIST}?tag=&status=x&agentId=&from=x&to=y&limit=0&cursor=z"),
            "tag", "status", "agentId", "from", "to", "limit", "cursor"),
        bad("two names that nobody knows", get(f"{LIST}?a=1&b=2"), "a", "b"),
        bad("a name as a list", get(f"{LIST}?limit[]=5"), "limit[]"),
        bad("an id beside an id", get("/api/v1/batch/<batch>?batchId=<theirs>"), "batchId"),
        bad("an id twice", get("/api/v1/batch/check-status?batchId=<batch>&batchId=<theirs>"), "batchId"),
        bad("no id", get("/api/v1/batch/check-status"), "batchId"),
        bad("an empty id", get("/api/v1/batch/check-status?batchId="), "batchId"),
        bad("no id to cancel", post("/api/v1/batch/cancel"), "batchId"),
        bad("no id of calls", get("/api/v1/status/batch?limit=5"), "batchId"),
        bad("a dry run misspelt", create(path=f"{CREATE}?dryrun=true"), "dryrun"),
        bad("options in the query", create(GOOD, path=f"{CREATE}?priority=5"), "priority"),
        bad("why with an argument", get("/api/v1/batch/<batch>/why?limit=5"), "limit"),
        *(bad(f"an export with format={value}", get(f"{calls}/export?format={value}"), "format")
          for value in ("", "CSV", "xlsx", "csv%20", "json")),
        bad("an export with every fault", get(f"{calls}/export?format=x&status=y&outcome=z"), "format", "status", "outcome"),
        bad("an export with a limit", get(f"{calls}/export?limit=5"), "limit"),
        bad("attempts with an argument", get("/api/v1/call/<batch>-0/attempts?limit=5"), "limit"),
        Row("somebody else's call", get("/api/v1/call/<theirs>-0/attempts"), 404, "CALL_NOT_FOUND"),
        bad("pause with an argument", post("/api/v1/batch/<batch>/pause?force=true"), "force"),
        Row("half an escape in the query", get(f"{LIST}?limit=%5"), 400, "INVALID_REQUEST"),
        Row("a NUL in a name", get(f"{LIST}?lim%00it=5"), 400, "INVALID_REQUEST"),
        Row("an overlong letter", get(f"{LIST}?limit=%c0%b5"), 400, "INVALID_REQUEST"),
        bad("100 arguments", get(f"{LIST}?" + "&".join(f"a{i}=1" for i in range(100))), *(f"a{i}" for i in range(64)), "query"),
    ]
    return rows


def of_idempotency_keys() -> list[Row]:
    bad = {"empty": "", "of quotes alone": '""', "of 256 characters": "x" * 256, "with a letter of another alphabet": "\xe9", "with a tab": "a\tb"}
    rows = [
        Row(f"an idempotency key {name}", create(None, f"Idempotency-Key: {value}"), 400, "INVALID_REQUEST", ("Idempotency-Key",))
        for name, value in bad.items()
    ]
    good = "Idempotency-Key: order-1"
    return [
        *rows,
        Row("a key for a creation that is refused", create({"agentId": "a"}, good), 400, "INVALID_REQUEST", ("contacts",)),
        Row("a key for options that are refused", create(options(priority=11), good), 400, "INVALID_REQUEST", ("options.priority",)),
        Row("a key of nobody's", create(None, good, key=""), 401, "UNAUTHORIZED"),
        Row("a key in a viewer's hand", create(None, good, key="<viewer>"), 403, "FORBIDDEN"),
        Row("a key in an operator's hand", create(None, good, key="<operator>"), 403, "FORBIDDEN"),
    ]


ROWS = [*of_keys(), *of_ids(), *of_methods(), *of_paths(), *of_queries(), *of_idempotency_keys()]
