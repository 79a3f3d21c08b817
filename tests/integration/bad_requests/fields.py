# SPDX-License-Identifier: Apache-2.0
"""Bodies that say what they must not: wrong types, values out of range, names that nobody knows."""

from __future__ import annotations

from typing import Any

from tests.integration.bad_requests.row import GOOD, Row, contact, create, faulty, options

OTHER_TYPES: dict[str, Any] = {"null": None, "true": True, "a text": "5", "a list": [5], "an object": {"n": 5}}

# Least and most.
INTEGERS = {
    "priority": (1, 10),
    "maxCallsPerSecond": (1, 30),
    "maxConcurrentCalls": (1, 10_000),
    "ringTimeout": (5, 120),
    "maxCallDuration": (10, 14_400),
    "summaryWait": (0, 600),
    "retryStrategy.maxAttempts": (1, 5),
    "retryStrategy.noAnswerDelay": (1000, 604_800_000),
    "retryStrategy.busyDelay": (1000, 604_800_000),
    "retryStrategy.voicemailDelay": (1000, 604_800_000),
    "retryStrategy.failedDelay": (1000, 604_800_000),
}


def with_option(path: str, value: Any) -> dict[str, Any]:
    outer, _, inner = path.partition(".")
    return options(**{outer: {inner: value} if inner else value})


def of_integers() -> list[Row]:
    rows = []
    for path, (least, most) in INTEGERS.items():
        for value in (least - 1, most + 1, least + 0.5, -most, 1e300):
            rows.append(faulty(f"{path} {value}", with_option(path, value), f"options.{path}"))
        rows += [faulty(f"{path} is {kind}", with_option(path, value), f"options.{path}") for kind, value in OTHER_TYPES.items()]
    return rows


def of_texts() -> list[Row]:
    rows = []
    for path in ("scheduledStartTime", "expiresAt", "timezone", "onUnknown", "trunk", "webhooks.onCallComplete", "webhooks.onBatchComplete",
                 "webhooks.onBatchFailed", "webhooks.onCallAttempt", "webhooks.onEvent"):
        for kind, value in (("null", None), ("a number", 5), ("false", False), ("a list", ["x"]), ("an object", {}), ("empty", ""),
                            ("of 5000 letters", "x" * 5000)):
            rows.append(faulty(f"{path} is {kind}", with_option(path, value), f"options.{path}"))
    for path, values in {
        "scheduledStartTime": ("2020-01-01T00:00:00Z", "tomorrow", "2031-02-30T00:00:00Z", "2031-01-01T25:00:00Z", "2031-01-01",
                               "2051-01-01T00:00:00Z", "2031-01-01T00:00:00+25:00", "2031-01-01T00:00:00Z\n", "1893456000000"),
        "expiresAt": ("2020-01-01T00:00:00Z", "soon", "2031-13-01T00:00:00Z", "2051-01-01T00:00:00Z"),
        "timezone": ("New York", "+02:00", "Mars/Olympus", "../../etc/passwd", "Europe/London/", "europe\u2044london", "EUROPE", "UTC\n"),
        "onUnknown": ("again", "RETRY", "retry "),
        "trunk": ("third", "Main", "main/../second", "main\n"),
        "webhooks.onCallComplete": ("ftp://crm.example/", "crm.example", "https://", "https:///x", "https://crm.example:99999/",
                                    "https://u:p@crm.example/", "https://10.1.2.3/", "http://10.1.2.3/", "http://crm.example/",
                                    "https://crm.example/ x", "https://crm.example/\n", "https://[::1]/", "https://169.254.169.254/",
                                    "https://0x7f.1/", "https://2130706433/", "javascript:alert(1)", "file:///etc/passwd"),
    }.items():
        rows += [faulty(f"{path} {value!r}", with_option(path, value), f"options.{path}") for value in values]
    return rows


def of_lists() -> list[Row]:
    rows = []
    for path in ("tags", "callerIds"):
        for kind, value in (("null", None), ("a number", 5), ("a text", "x"), ("an object", {})):
            rows.append(faulty(f"{path} is {kind}", options(**{path: value}), f"options.{path}"))
    rows += [
        faulty("33 tags", options(tags=[f"t{i}" for i in range(33)]), "options.tags"),
        faulty("65 caller ids", options(callerIds=[f"+1555000{i:04d}" for i in range(65)]), "options.callerIds"),
        faulty("an empty tag", options(tags=["ok", ""]), "options.tags[1]"),
        faulty("a tag too long", options(tags=["t" * 65]), "options.tags[0]"),
        faulty("a tag with a line break", options(tags=["a\nb"]), "options.tags[0]"),
        faulty("a tag with an escape sequence", options(tags=["\x1b[31m"]), "options.tags[0]"),
        faulty("tags of other types", options(tags=[2025, None, ["x"], {}]), *(f"options.tags[{i}]" for i in range(4))),
        faulty("caller ids of another account", options(callerIds=["+15550001111", "+15550002222", "+15550003333"]), "options.callerIds[1]", "options.callerIds[2]"),
        faulty("caller ids that are none", options(callerIds=["5550001111", 5, "+1"]), *(f"options.callerIds[{i}]" for i in range(3))),
    ]
    return rows


def of_windows() -> list[Row]:
    """Hours in which nothing may be dialed, or everything at the wrong time."""
    good = {"start": "09:00", "end": "17:00"}

    def row(name: str, window: Any, *members: str) -> Row:
        return faulty(f"a window {name}", options(callingWindow=window), *(f"options.callingWindow{member}" for member in members))

    rows = [row(f"that is {kind}", value, "") for kind, value in OTHER_TYPES.items() if kind != "an object"]
    for member in ("start", "end"):
        for value in ("9:00", "09:60", "25:00", "24:01", "09:00:00", "9am", "", "-1:00", "09.00", " 09:00", "\u0660\u0669:\u0660\u0660", 9, None, [], {}):
            rows.append(row(f"whose {member} is {value!r}", {**good, member: value}, f".{member}"))
    rows += [
        row("of nothing", {}, ".start", ".end"),
        row("without an end", {"start": "09:00"}, ".end"),
        row("that starts at 24:00", {"start": "24:00", "end": "17:00"}, ".start"),
        row("that ends as it starts", {"start": "09:00", "end": "09:00"}, ".end"),
        row("with an unknown member", {**good, "tz": "UTC"}, ".tz"),
        row("on no day", {**good, "days": []}, ".days"),
        row("whose days are a text", {**good, "days": "mon"}, ".days"),
        row("on days that are none", {**good, "days": ["Mon", "monday", 1, None]}, *(f".days[{i}]" for i in range(4))),
        row("in a zone that is none", {**good, "timezone": "EST5"}, ".timezone"),
        row("in the contact's zone, which comes later", {**good, "timezone": "contact"}, ".timezone"),
        row("in a zone of another type", {**good, "timezone": 5}, ".timezone"),
        row("closed on a text", {**good, "closedDates": "2031-12-25"}, ".closedDates"),
        row("closed on days that are none", {**good, "closedDates": ["2031-02-29", "25.12.2031", "2031-12-25T00:00:00Z", 5]},
            *(f".closedDates[{i}]" for i in range(4))),
        row("closed on 367 days", {**good, "closedDates": ["2031-12-25"] * 367}, ".closedDates"),
    ]
    return rows


def of_names() -> list[Row]:
    """Names that come near one that is known: a typo must not place calls."""
    near = ("maxCallPerSecond", "maxcallspersecond", "MaxCallsPerSecond", "max_calls_per_second", "maxCallsPerSecond ", "cps",
            "Priority", "scheduledStarttime", "startTime", "timeZone", "retry", "webhook", "tag", "callerId", "ringtimeout", "",
            "__proto__", "constructor", "priority\u200b", "\u0440riority")
    rows = [faulty(f"the option {name!r}", options(**{name: 1}), f"options.{name}".rstrip(".")) for name in near]
    rows += [
        faulty(f"the option {path} that is none", with_option(path, 2), f"options.{path}")
        for path in ("retryStrategy.attempts", "retryStrategy.maxattempts", "retryStrategy.busy_delay", "webhooks.onCall",
                     "webhooks.oncallcomplete", "webhooks.onBatchCompleted")
    ]
    rows += [
        faulty(f"the field {name!r}", {**GOOD, name: "x"}, name)
        for name in ("callerId", "agentID", "agent_id", "AgentId", "contact", "Contacts", "phoneNumber", "option", "userid", "batchId")
    ]
    rows.append(faulty("ten unknown fields at once", {**GOOD, **{f"x{i}": i for i in range(10)}}, *(f"x{i}" for i in range(10))))
    return rows


def of_the_body() -> list[Row]:
    rows = []
    for kind, value in (("null", None), ("a number", 7), ("true", True), ("a list", []), ("an object", {}), ("empty", ""),
                        ("too long", "a" * 129)):
        rows.append(faulty(f"agentId is {kind}", {**GOOD, "agentId": value}, "agentId"))
    for kind, value in (("null", None), ("a number", 7), ("a list", []), ("an object", {}), ("empty", ""), ("too long", "a" * 129)):
        rows.append(faulty(f"userId is {kind}", {**GOOD, "userId": value}, "userId"))
    for kind, value in (("null", None), ("an object", GOOD["contacts"][0]), ("a text", "+15550100001"), ("a number", 1), ("empty", [])):
        rows.append(faulty(f"contacts is {kind}", {**GOOD, "contacts": value}, "contacts"))
    for kind, value in (("null", None), ("a text", "fast"), ("a list", []), ("a number", 5), ("false", False)):
        rows.append(faulty(f"options is {kind}", {**GOOD, "options": value}, "options"))
    rows += [
        faulty("nothing at all", {}, "agentId", "contacts"),
        faulty("no agent", {"contacts": GOOD["contacts"]}, "agentId"),
        faulty("no contacts", {"agentId": "a"}, "contacts"),
        Row("somebody else's user", create({**GOOD, "userId": "globex"}), 403, "FORBIDDEN"),
        Row("the user in another case", create({**GOOD, "userId": "ACME"}), 403, "FORBIDDEN"),
        Row("somebody else's user in the query", create(path="/api/v1/batch?userId=globex"), 403, "FORBIDDEN"),
    ]
    return rows


def of_contacts() -> list[Row]:
    rows = []
    for kind, value in (("null", None), ("a text", "+15550100001"), ("a number", 1), ("a list", []), ("true", True)):
        rows.append(faulty(f"a contact is {kind}", {**GOOD, "contacts": [value]}, "contacts[0]"))
    numbers = ("", "x", "15550100001", "+12345", "+1234567890123456", "+05550100001", "++15550100001", "+1555010000a", "+1 555 010 0001 ext 5",
               "tel:+15550100001", "\uff0b15550100001", "+\u0661\u0665\u0665\u0665\u0660\u0661\u0660", "+15550100001\n", "sip:a@b.example", "+1,5550100001",
               "+1%205550100001", 15550100001, None, True, [], {})
    rows += [faulty(f"the number {number!r}", contact(phoneNumber=number), "contacts[0].phoneNumber") for number in numbers]
    rows.append(faulty("no number", {**GOOD, "contacts": [{"name": "Jane"}]}, "contacts[0].phoneNumber"))
    for field, most in (("id", 128), ("name", 200), ("email", 254), ("company", 200), ("timezone", 64)):
        for kind, value in (("a number", 7), ("a list", []), ("an object", {}), ("true", True), ("too long", "a" * (most + 1))):
            rows.append(faulty(f"a contact's {field} is {kind}", contact(**{field: value}), f"contacts[0].{field}"))
    rows += [
        faulty("an e-mail address that is none", contact(email="jane at example.com"), "contacts[0].email"),
        faulty("an unknown time zone of a contact", contact(timezone="Mars/Olympus"), "contacts[0].timezone"),
        faulty("metadata that is a list", contact(metadata=[1]), "contacts[0].metadata"),
        faulty("metadata that is a text", contact(metadata="x"), "contacts[0].metadata"),
        faulty("metadata over 4 KiB", contact(metadata={"k": "x" * 5000}), "contacts[0].metadata"),
        faulty("a contact over 16 KiB", contact(note="x" * 20_000), "contacts[0]"),
        faulty("the second of two", {**GOOD, "contacts": [*GOOD["contacts"], {"phoneNumber": "x"}]}, "contacts[1].phoneNumber"),
        faulty("the last of 1000", {**GOOD, "contacts": [{"phoneNumber": f"+1555{i:07d}"} for i in range(999)] + [{}]},
               "contacts[999].phoneNumber"),
        faulty("all that a contact can have wrong", contact(phoneNumber="x", id=1, email="y", timezone="z", metadata=1),
               *(f"contacts[0].{name}" for name in ("phoneNumber", "id", "email", "timezone", "metadata"))),
    ]
    return rows


def of_other_bodies() -> list[Row]:
    """The small bodies: of the control verbs and of the endpoints."""
    rows = []
    for verb in ("pause", "resume", "cancel"):
        path = f"/api/v1/batch/<batch>/{verb}"
        rows += [
            Row(f"{verb} with an unknown field", create({"reason": "x"}, path=path), 400, "INVALID_REQUEST", ("reason",)),
            Row(f"{verb} with a user of another type", create({"userId": 5}, path=path), 400, "INVALID_REQUEST", ("userId",)),
            Row(f"{verb} for somebody else", create({"userId": "globex"}, path=path), 403, "FORBIDDEN"),
            Row(f"{verb} with a list", create([], path=path), 400, "INVALID_REQUEST", ("body",)),
            Row(f"{verb} with half a body", create(b'{"userId":', path=path), 400, "INVALID_REQUEST", ("userId",)),
            Row(f"{verb} with a form", create(b"userId=acme", path=path, content_type="application/x-www-form-urlencoded"), 415,
                "UNSUPPORTED_MEDIA_TYPE"),
        ]
    for name, body, paths in (
        ("without a URL", {}, ("url",)),
        ("with url and origin", {"url": "https://crm.example/", "origin": "https://crm.example"}, ("url",)),
        ("with a URL that is a number", {"url": 5}, ("url",)),
        ("with a URL that leads home", {"url": "https://10.1.2.3/"}, ("url",)),
        ("with an origin that is none", {"origin": "crm"}, ("origin",)),
        ("with an unknown field", {"url": "https://crm.example/", "secrets": "x"}, ("secrets",)),
        ("with a short secret", {"url": "https://crm.example/", "secret": "whsec_AAAA"}, ("secret",)),
        ("with a secret that is null", {"url": "https://crm.example/", "secret": None}, ("secret",)),
        ("with all of it wrong", {"url": "x", "secret": 5, "more": 1, "userId": 7}, ("more", "userId", "url", "secret")),
    ):
        sent = create(body, path="/api/v1/webhooks/endpoints").replace(b"POST", b"PUT", 1)
        rows.append(Row(f"an endpoint {name}", sent, 400, "INVALID_REQUEST", paths))
    return rows


ROWS = [*of_integers(), *of_texts(), *of_lists(), *of_windows(), *of_names(), *of_the_body(), *of_contacts(), *of_other_bodies()]
