# SPDX-License-Identifier: Apache-2.0
"""Callbacks that must change nothing: forged, stale, for another dial or call, after the end, unreadable, led astray. A
row is made from what the scene of test_bad_callbacks.py has: live calls, calls that ended, and their tokens."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, Protocol

from tests.integration.bad_requests.row import request
from tests.support.fleet import PLATFORM_KEY
from tests.support.retell import WINDOW_MS, sign

PATH = "/callbacks/retell"


class Facts(Protocol):
    """What rows are made of. `ended` and `done`: call objects as Retell sends them, of a live call that is over by now, and
    of one whose end was settled before."""

    ended: dict[str, Any]
    done: dict[str, Any]
    other_token: str
    now_ms: int

    def token(self, batch: str, ordinal: int, dial: int) -> str: ...


@dataclasses.dataclass(frozen=True)
class CallbackRow:
    name: str
    make: Callable[[Facts], bytes]
    status: int | None  # None: the connection ends without an answer
    word: str | None = None  # the answer's {"status": word}; None: not looked at
    allow: str = ""
    end: bool = False
    tells: bool = False  # whose a call is whose dial Redis does not know: that is kept for a while, and changes nothing else


def send(body: bytes, *headers: str, path: str = PATH, method: str = "POST") -> bytes:
    return request(method, path, f"Content-Length: {len(body)}", "Content-Type: application/json", *headers, body=body, key="")


def signed(body: bytes, *headers: str, **how: Any) -> bytes:
    return send(body, f"x-retell-signature: {sign(body, PLATFORM_KEY)}", *headers, **how)


def event(call: Any, name: Any = "call_ended", **more: Any) -> bytes:
    return json.dumps({"event": name, "call": call, **more}).encode()


def with_token(call: dict[str, Any], token: Any) -> dict[str, Any]:
    return {**call, "metadata": {**call["metadata"], "carillon_token": token}}


def true_body(facts: Facts) -> bytes:
    return event(facts.ended)


def of_signatures() -> list[CallbackRow]:
    """A true body with a signature that does not hold."""

    def digest(facts: Facts, algorithm: str = "sha256", key: str = PLATFORM_KEY) -> str:
        return hmac.new(key.encode(), true_body(facts) + str(facts.now_ms).encode(), algorithm).hexdigest()

    def good(facts: Facts) -> str:
        return sign(true_body(facts), PLATFORM_KEY, facts.now_ms)

    signatures: dict[str, Callable[[Facts], str]] = {
        "of an empty text": lambda f: "",
        "of another key": lambda f: sign(true_body(f), "key_of_somebody_else", f.now_ms),
        "of an empty key": lambda f: sign(true_body(f), "", f.now_ms),
        "of the key and a space": lambda f: sign(true_body(f), PLATFORM_KEY + " ", f.now_ms),
        "of another body": lambda f: sign(true_body(f) + b" ", PLATFORM_KEY, f.now_ms),
        "by MD5": lambda f: f"v={f.now_ms},d={digest(f, 'md5')}",
        "by SHA-1": lambda f: f"v={f.now_ms},d={digest(f, 'sha1')}",
        "by SHA-512": lambda f: f"v={f.now_ms},d={digest(f, 'sha512')}",
        "by SHA3": lambda f: f"v={f.now_ms},d={digest(f, 'sha3_256')}",
        "without a key": lambda f: f"v={f.now_ms},d={hashlib.sha256(true_body(f) + str(f.now_ms).encode()).hexdigest()}",
        "of the body without its time": lambda f: f"v={f.now_ms},d={hmac.new(PLATFORM_KEY.encode(), true_body(f), 'sha256').hexdigest()}",
        "of the time before the body": lambda f: f"v={f.now_ms},d=" + hmac.new(
            PLATFORM_KEY.encode(), str(f.now_ms).encode() + true_body(f), "sha256").hexdigest(),
        "in base64": lambda f: f"v={f.now_ms},d={base64.b64encode(bytes.fromhex(digest(f))).decode()}",
        "in capitals": lambda f: good(f).upper(),
        "cut by a digit": lambda f: good(f)[:-1],
        "with a digit more": lambda f: good(f) + "0",
        "with one digit changed": lambda f: good(f)[:-1] + ("0" if good(f)[-1] != "0" else "1"),
        "of zeros": lambda f: f"v={f.now_ms},d={'0' * 64}",
        "without its time": lambda f: f"d={digest(f)}",
        "without its digest": lambda f: f"v={f.now_ms}",
        "with an empty digest": lambda f: f"v={f.now_ms},d=",
        "with an empty time": lambda f: f"v=,d={digest(f)}",
        "in the other order": lambda f: f"d={digest(f)},v={f.now_ms}",
        "of two times": lambda f: f"v=0,v={f.now_ms},d={digest(f)}",
        "of two digests": lambda f: f"v={f.now_ms},d={'0' * 64},d={digest(f)}",
        "twice in one header": lambda f: f"{good(f)}, {good(f)}",
        "of a negative time": lambda f: f"v=-{f.now_ms},d={digest(f)}",
        "of a time with a plus": lambda f: f"v=+{f.now_ms},d={digest(f)}",
        "of a time of 25 digits": lambda f: f"v={'9' * 25},d={digest(f)}",
        "of a time in seconds": lambda f: sign(true_body(f), PLATFORM_KEY, f.now_ms // 1000),
        "of a time in words": lambda f: f"v=now,d={digest(f)}",
        "that is stale": lambda f: sign(true_body(f), PLATFORM_KEY, f.now_ms - WINDOW_MS - 60_000),
        "from the future": lambda f: sign(true_body(f), PLATFORM_KEY, f.now_ms + WINDOW_MS + 60_000),
        "of the year 1970": lambda f: sign(true_body(f), PLATFORM_KEY, 0),
        "of 5000 letters": lambda f: "x" * 5000,
        "of another scheme": lambda f: f"sha256={digest(f)}",
        "that says none": lambda f: "none",
    }
    rows = [
        CallbackRow(f"a signature {name}", lambda f, make=make: send(true_body(f), f"x-retell-signature: {make(f)}"), 401, "signature")
        for name, make in signatures.items()
    ]
    headers = {
        "no signature": [],
        "GitHub's signature": ["X-Hub-Signature-256: sha256=" + "0" * 64],
        "Standard Webhooks' signature": ["webhook-id: a", "webhook-timestamp: 1", "webhook-signature: v1,AAAA"],
        "Twilio's signature": ["X-Twilio-Signature: AAAA"],
        "our key as a bearer": [f"Authorization: Bearer {PLATFORM_KEY}"],
    }
    rows += [CallbackRow(name, lambda f, lines=lines: send(true_body(f), *lines), 401, "signature") for name, lines in headers.items()]
    rows.append(CallbackRow("a signature in the query", lambda f: send(true_body(f), path=f"{PATH}?x-retell-signature={good(f)}"), 401,
                            "signature"))
    rows.append(CallbackRow("a bad signature before a good one",
                            lambda f: send(true_body(f), "x-retell-signature: v=1,d=0", f"x-retell-signature: {good(f)}"), 401, "signature"))
    return rows


def of_tokens() -> list[CallbackRow]:
    """What the platform signed, with a token that is not the call's."""

    def row(name: str, token: Callable[[Facts, list[str]], Any], status: int, word: str, *, tells: bool = False) -> CallbackRow:
        def make(facts: Facts) -> bytes:
            parts = facts.ended["metadata"]["carillon_token"].split(".")
            return signed(event(with_token(facts.ended, token(facts, parts))))

        return CallbackRow(f"a token {name}", make, status, word, tells=tells)

    return [
        row("with another MAC", lambda f, p: ".".join([*p[:3], "0" * 32]), 401, "token"),
        row("with one digit changed", lambda f, p: ".".join(p)[:-1] + ("0" if p[3][-1] != "0" else "1"), 401, "token"),
        row("with a MAC in capitals", lambda f, p: ".".join([*p[:3], p[3].upper()]), 401, "token"),
        row("with half a MAC", lambda f, p: ".".join([*p[:3], p[3][:16]]), 401, "token"),
        row("with a longer MAC", lambda f, p: ".".join(p) + "00", 401, "token"),
        row("without a MAC", lambda f, p: ".".join(p[:3]), 401, "token"),
        row("with an empty MAC", lambda f, p: ".".join([*p[:3], ""]), 401, "token"),
        row("for the next dial", lambda f, p: ".".join([p[0], p[1], "2", p[3]]), 401, "token"),
        row("for the next contact", lambda f, p: ".".join([p[0], "1", p[2], p[3]]), 401, "token"),
        row("with a leading zero", lambda f, p: ".".join([p[0], "00", p[2], p[3]]), 401, "token"),
        row("for another batch", lambda f, p: ".".join([f.other_token.split(".")[0], *p[1:]]), 401, "token"),
        row("with another batch's MAC", lambda f, p: ".".join([*p[:3], f.other_token.split(".")[3]]), 401, "token"),
        row("with a part too many", lambda f, p: ".".join([*p, "x"]), 401, "token"),
        row("with a negative dial", lambda f, p: ".".join([p[0], p[1], "-1", p[3]]), 401, "token"),
        row("with a dial of 20 digits", lambda f, p: ".".join([p[0], p[1], "9" * 20, p[3]]), 401, "token"),
        row("of dots", lambda f, p: "...", 401, "token"),
        row("that is no token", lambda f, p: "hello", 401, "token"),
        row("that climbs", lambda f, p: "../../etc/passwd.0.1." + p[3], 401, "token"),
        row("of 128 letters", lambda f, p: "x" * 128, 401, "token"),
        row("of 129 letters", lambda f, p: "x" * 129, 200, "ignored"),
        row("of 100,000 letters", lambda f, p: "x" * 100_000, 200, "ignored"),
        row("that is empty", lambda f, p: "", 200, "ignored"),
        row("that is null", lambda f, p: None, 200, "ignored"),
        row("that is a number", lambda f, p: 7, 200, "ignored"),
        row("that is a list", lambda f, p: [".".join(p)], 200, "ignored"),
        row("with a space", lambda f, p: ".".join(p) + " ", 200, "ignored"),
        row("with a line break", lambda f, p: ".".join(p) + "\n", 200, "ignored"),
        # True tokens, of dials that are not there.
        row("of a dial that was never begun", lambda f, p: f.token(p[0], 0, 2), 200, "ignored", tells=True),
        row("of the last dial there can be", lambda f, p: f.token(p[0], 0, 999_999_999), 200, "ignored", tells=True),
        row("of dial 0", lambda f, p: f.token(p[0], 0, 0), 401, "token"),
        row("of a contact that the batch lacks", lambda f, p: f.token(p[0], 77, 1), 200, "ignored"),
        row("of a batch that is gone", lambda f, p: f.token("batch_c0_gone", 0, 1), 200, "ignored"),
        row("of a cell that is served elsewhere", lambda f, p: f.token("batch_c7_000001", 0, 1), 404, "cell"),
        row("of no cell", lambda f, p: f.token("batch", 0, 1), 404, "cell"),
    ]


def of_bodies() -> list[CallbackRow]:
    """Signed by the platform's own key, and yet nothing that can be read, or nothing that concerns us."""
    unreadable: dict[str, Callable[[Facts], bytes]] = {
        "nothing": lambda f: b"",
        "white space": lambda f: b" \n",
        "a brace": lambda f: b"{",
        "half of it": lambda f: true_body(f)[: len(true_body(f)) // 2],
        "all but its last byte": lambda f: true_body(f)[:-1],
        "text behind it": lambda f: true_body(f) + b"x",
        "a second one behind it": lambda f: true_body(f) * 2,
        "an open quote behind it": lambda f: true_body(f) + b'"x',
        "a NUL behind it": lambda f: true_body(f) + b"\0",
        "a byte order mark": lambda f: b"\xef\xbb\xbf" + true_body(f),
        "UTF-16": lambda f: true_body(f).decode().encode("utf-16"),
        "a raw NUL": lambda f: b'{"event":"call_ended","call":{"call_id":"a\0b"}}',
        "the event twice": lambda f: b'{"event":"call_ended","event":"call_analyzed","call":{}}',
        "the call twice": lambda f: b'{"event":"call_ended","call":{},"call":{}}',
        "a number out of range": lambda f: b'{"event":"call_ended","call":{"duration_ms":1e400}}',
        "a number with a leading zero": lambda f: b'{"event":"call_ended","call":{"duration_ms":01}}',
        "100,000 brackets": lambda f: b"[" * 100_000,
        "a call nested 200 deep": lambda f: b'{"event":"call_ended","call":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}",
        "a call of two million numbers": lambda f: b'{"event":"call_ended","call":[' + b"0," * 2_000_000 + b"0]}",
        "a call of 2,000 members": lambda f: event({f"k{i}": i for i in range(2000)}),
        "a form": lambda f: b"event=call_ended&call_id=1",
        "XML": lambda f: b"<event>call_ended</event>",
        "no call": lambda f: b'{"event":"call_ended"}',
        "a call that is a list": lambda f: event([]),
        "a call that is a number": lambda f: event(7),
        "a call that is null": lambda f: event(None),
    }
    ignored: dict[str, Callable[[Facts], bytes]] = {
        "bad UTF-8": lambda f: b'{"event":"call_ended","call":{"call_id":"\xff"}}',
        "an overlong letter": lambda f: b'{"event":"call_ended","call":{"call_id":"\xc0\xaf"}}',
        "an escaped NUL": lambda f: b'{"event":"call_ended","call":{"call_id":"a\\u0000b"}}',
        "half a surrogate pair": lambda f: b'{"event":"call_ended","call":{"call_id":"\\ud800"}}',
        "null": lambda f: b"null",
        "a list": lambda f: b"[]",
        "an empty object": lambda f: b"{}",
        "no event": lambda f: json.dumps({"call": f.ended}).encode(),
        "an event that is null": lambda f: event(f.ended, None),
        "an event that is a number": lambda f: event(f.ended, 7),
        "an event in capitals": lambda f: event(f.ended, "CALL_ENDED"),
        "an event of a new kind": lambda f: event(f.ended, "call_transferred"),
        "an event with a star": lambda f: event(f.ended, "call_*"),
        "an empty call": lambda f: event({}),
        "a call without metadata": lambda f: event({k: v for k, v in f.ended.items() if k != "metadata"}),
        "a call whose metadata is null": lambda f: event({**f.ended, "metadata": None}),
        "a call whose metadata is a list": lambda f: event({**f.ended, "metadata": [1]}),
        "a token beside the call": lambda f: event({"call_id": "x"}, metadata=f.ended["metadata"]),
        "a token under another name": lambda f: event({**f.ended, "metadata": {"token": f.ended["metadata"]["carillon_token"]}}),
    }
    rows = [CallbackRow(f"a body that is {name}", lambda f, make=make: signed(make(f)), 400, "unreadable") for name, make in unreadable.items()]
    rows += [CallbackRow(f"a body with {name}", lambda f, make=make: signed(make(f)), 200, "ignored") for name, make in ignored.items()]
    huge = (4 << 20) + 1
    rows += [
        CallbackRow("a compressed body", lambda f: signed(b"\x1f\x8b\x08\0\0\0\0\0", "Content-Encoding: gzip"), 400, "unreadable"),
        CallbackRow("a body over 4 MiB by a client that asks first",
                    lambda f: request("POST", PATH, f"Content-Length: {huge}", "Expect: 100-continue", key=""), 413),
        CallbackRow("a body of 100 MiB", lambda f: request("POST", PATH, f"Content-Length: {100 << 20}", key=""), 413),
        CallbackRow("a body over 4 MiB", lambda f: send(b" " * huge), 413),
        CallbackRow("a body over 4 MiB in chunks",
                    lambda f: request("POST", PATH, "Transfer-Encoding: chunked", body=b"%x\r\n%s\r\n0\r\n\r\n" % (huge, b" " * huge), key=""), 413),
        CallbackRow("a body of 4 MiB without a signature", lambda f: send(event({**f.ended, "x": "y" * (3 << 20)})), 401, "signature"),
        CallbackRow("a body cut", lambda f: signed(true_body(f))[:-10], None, end=True),
        CallbackRow("no body", lambda f: signed(true_body(f))[: -len(true_body(f))], None, end=True),
        CallbackRow("chunks cut", lambda f: request("POST", PATH, "Transfer-Encoding: chunked", body=b"ff\r\n{", key=""), None, end=True),
    ]
    return rows


def of_the_end() -> list[CallbackRow]:
    """What was settled stays so, whatever is said of it afterwards."""
    return [
        CallbackRow("the same end again", lambda f: signed(event(f.done, "call_analyzed")), 200, "ok"),
        CallbackRow("its beginning", lambda f: signed(event({**f.done, "call_status": "ongoing"}, "call_started")), 200, "ok"),
        CallbackRow("its end without a summary", lambda f: signed(event(f.done)), 200, "ok"),
        CallbackRow("its end, forged", lambda f: send(event({**f.done, "disconnection_reason": "dial_busy"})), 401, "signature"),
    ]


def of_ways() -> list[CallbackRow]:
    rows = [
        CallbackRow(f"{method} a callback", lambda f, method=method: signed(true_body(f), method=method), 405, allow="POST")
        for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "post")
    ]
    for path in ("/", "/callbacks", "/callbacks/", "/callback/retell", "/callbacks/nobody", "/callbacks/Retell", "/callbacks/retell/",
                 "/callbacks/retell/a/b", "/callbacks//retell", "/callbacks/retell%2f", "/callbacks/..%2fretell", "/callbacks/%2e%2e/retell",
                 "/callbacks/retell.json", "/callbacks/retell%20", "/callbacks/" + "a" * 5000, "/api/v1/batch"):
        rows.append(CallbackRow(f"the path {path}", lambda f, path=path: signed(true_body(f), path=path), 404))
    for path in ("/callbacks/retell%00", "/callbacks/%ff", "/callbacks/retell%", "/callbacks/retell/%c0%af", "/callbacks/retell?a=%zz"):
        rows.append(CallbackRow(f"the path {path}", lambda f, path=path: signed(true_body(f), path=path), 400))
    form = b"CallSid=CA1&CallStatus=completed"
    rows += [
        CallbackRow("another platform's way, with our token",
                    lambda f: signed(form, path=f"/callbacks/twilio/{f.ended['metadata']['carillon_token']}"), 401, "profile"),
        CallbackRow("another platform's way, with a forged token",
                    lambda f: signed(form, path=f"/callbacks/twilio/{f.ended['metadata']['carillon_token'][:-4]}0000"), 401, "token"),
        CallbackRow("another platform's way, without a token", lambda f: signed(form, path="/callbacks/twilio"), 200, "ignored"),
        CallbackRow("a token in the path that is not the call's",
                    lambda f: signed(event({**f.ended, "metadata": {}}), path=f"{PATH}/{f.other_token}"), 200, "ignored"),
        CallbackRow("a path of 9000 letters", lambda f: signed(true_body(f), path=f"{PATH}/" + "a" * 9000), 414),
        CallbackRow("a header of 17,000 letters", lambda f: signed(true_body(f), "X-A: " + "a" * 17_000), 431),
        CallbackRow("two lengths", lambda f: signed(true_body(f), "Content-Length: 1"), 400),
        CallbackRow("a length and chunks", lambda f: signed(true_body(f), "Transfer-Encoding: chunked"), 400),
        CallbackRow("compressed chunks", lambda f: request("POST", PATH, "Transfer-Encoding: gzip", key=""), 501),
        CallbackRow("an expectation that is none", lambda f: signed(true_body(f), "Expect: x"), 417),
        CallbackRow("a space in the path", lambda f: signed(true_body(f), path="/callbacks/re tell"), 400),
    ]
    return rows


ROWS = [*of_signatures(), *of_tokens(), *of_bodies(), *of_the_end(), *of_ways()]
