# SPDX-License-Identifier: Apache-2.0
"""Bodies that are not the JSON they say they are: syntax, numbers, encodings, nesting, names twice."""

from __future__ import annotations

import json

from tests.integration.bad_requests.row import GOOD, Row, create, faulty, post

GOOD_TEXT = json.dumps(GOOD).encode()


def in_option(text: bytes) -> bytes:
    return b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001"}],"options":{"priority":%s}}' % text


def in_contact(text: bytes) -> bytes:
    return b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001",%s}]}' % text


def in_agent(text: bytes) -> bytes:
    return b'{"agentId":"%s","contacts":[{"phoneNumber":"+15550100001"}]}' % text


def of_syntax() -> list[Row]:
    bodies = {
        "nothing": (b"", "body"),
        "white space": (b" \r\n\t", "body"),
        "a text": (b'"hello"', "body"),
        "a list": (b"[]", "body"),
        "null": (b"null", "body"),
        "a number": (b"5", "body"),
        "a form": (b"agentId=a&contacts=b", "body"),
        "XML": (b"<?xml version='1.0'?><a/>", "body"),
        "Python": (b"{'agentId': 'a'}", "body"),
        "a comment": (b"{/* a */}", "body"),
        "an open brace": (b"{", "body"),
        "a name without quotes": (b"{agentId: 1}", "body"),
        "text behind it": (GOOD_TEXT + b"x", "body"),
        "a second one behind it": (GOOD_TEXT + GOOD_TEXT, "body"),
        "an open quote behind it": (GOOD_TEXT + b'"', "body"),
        "half a text behind it": (GOOD_TEXT + b'"and more\\', "body"),
        "a NUL behind it": (GOOD_TEXT + b"\0", "body"),
        "a NUL before it": (b"\0" + GOOD_TEXT, "body"),
        "cut within a name": (b'{"agentId', "body"),
        "cut within a value": (b'{"agentId":"a', "agentId"),
        "cut within the contacts": (b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001"}', "contacts[0]"),
        "a comma too many in the list": (b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001"},]}', "contacts[0]"),
        "a comma too many in the object": (b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001"}],}', "contacts"),
        "no comma": (b'{"agentId":"a" "contacts":[]}', "agentId"),
        "no colon": (b'{"agentId" "a"}', "agentId"),
        "a tab in a text": (in_agent(b"a\tb"), "agentId"),
        "a line break in a text": (in_agent(b"a\nb"), "agentId"),
        "an escape that is none": (in_agent(b"\\x41"), "agentId"),
        "an escape cut": (in_agent(b"\\u12"), "agentId"),
        "True": (in_option(b"True"), "options.priority"),
        "undefined": (in_option(b"undefined"), "options.priority"),
    }
    return [faulty(name, body, path) for name, (body, path) in bodies.items()]


def of_numbers() -> list[Row]:
    """As an option, which is read as a number, and in metadata, which is kept byte for byte."""
    rows = []
    for text in (b"01", b"-01", b"00", b"1.", b".5", b"+5", b"1e", b"1e+", b"0x5", b"1_0", b"5f", b"NaN", b"Infinity", b"-Infinity", b"-",
                 b"1e400", b"-1e400", b"1E+999", b"5" * 64, b"5e-", b"\xd9\xa5"):
        rows.append(faulty(f"the number {text.decode()}", in_option(text), "options.priority"))
    for text in (b"-0", b"0", b"1e2", b"1e20", b"12345678901234567890", b"5.5", b"5e-1", b"1e-400"):
        rows.append(faulty(f"the priority {text.decode()}", in_option(text), "options.priority"))
    for text in (b"1e400", b"01", b"NaN", b"5" * 64):
        rows.append(faulty(f"metadata with {text.decode()}", in_contact(b'"metadata":{"n":%s}' % text), "contacts[0].metadata.n"))
    return rows


def of_encodings() -> list[Row]:
    rows = [
        faulty("a byte order mark", b"\xef\xbb\xbf" + GOOD_TEXT, "body"),
        faulty("UTF-16, little end first", json.dumps(GOOD).encode("utf-16-le"), "body"),
        faulty("UTF-16, big end first", json.dumps(GOOD).encode("utf-16-be"), "body"),
        faulty("UTF-16 with its mark", json.dumps(GOOD).encode("utf-16"), "body"),
        faulty("UTF-32", json.dumps(GOOD).encode("utf-32-le"), "body"),
        faulty("UTF-7", b"+AHs-", "body"),
    ]
    for name, text in {
        "Latin-1": b"J\xfcrgen",
        "a stray continuation byte": b"\x80",
        "a sequence cut": b"\xe2\x82",
        "an overlong slash": b"\xc0\xaf",
        "an overlong slash of three bytes": b"\xe0\x80\xaf",
        "an overlong NUL": b"\xc0\x80",
        "a surrogate in UTF-8": b"\xed\xa0\x80",
        "a character beyond Unicode": b"\xf4\x90\x80\x80",
        "bytes of old UTF-8": b"\xf8\x88\x80\x80\x80",
        "bytes that no text has": b"\xff\xfe",
        "a NUL": b"a\0b",
        "an escaped NUL": b"a\\u0000b",
        "a lone high surrogate": b"\\ud800",
        "a lone low surrogate": b"\\udc00",
        "surrogates in the wrong order": b"\\udc00\\ud800",
        "a high surrogate and a letter": b"\\ud800x",
    }.items():
        rows.append(faulty(f"{name} in a value", in_agent(text), "agentId"))
        rows.append(faulty(f"{name} in a contact", in_contact(b'"name":"%s"' % text), "contacts[0].name"))
    rows.append(faulty("bad UTF-8 in a name", b'{"agent\xffId":"a"}', "body"))
    for name, sent in {
        "a form": {"content_type": "application/x-www-form-urlencoded"},
        "CSV": {"content_type": "text/csv"},
        "plain text": {"content_type": "text/plain"},
        "JSON by another name": {"content_type": "application/jsonx"},
        "JSON with a suffix": {"content_type": "application/problem+json"},
        "many parts": {"content_type": "multipart/form-data; boundary=x"},
        "UTF-16": {"content_type": "application/json; charset=utf-16"},
        "Latin-1": {"content_type": 'application/json;charset="iso-8859-1"'},
    }.items():
        rows.append(Row(f"a type of {name}", create(**sent), 415, "UNSUPPORTED_MEDIA_TYPE"))
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, identity", "x"):
        rows.append(Row(f"a coding of {coding}", create(GOOD, f"Content-Encoding: {coding}"), 415, "UNSUPPORTED_MEDIA_TYPE"))
    return rows


def of_nesting() -> list[Row]:
    deep = b'{"a":' * 40 + b"1" + b"}" * 40
    return [
        faulty("nested 100,000 deep", b"[" * 50_000, "body"),
        faulty("objects 20,000 deep", b'{"a":' * 10_000, "a" + ".a" * 31),
        faulty("metadata 40 deep", in_contact(b'"metadata":' + deep), "contacts[0].metadata" + ".a" * 29),
        faulty("options 40 deep", b'{"agentId":"a","options":' + deep + b"}", "options" + ".a" * 31),
        faulty("an unknown field 40 deep", b'{"agentId":"a","x":' + b"[" * 40 + b"]" * 40 + b"}", "x" + "[0]" * 31),
    ]


def of_names_twice() -> list[Row]:
    many = b",".join(b'"k%d":1' % i for i in range(1100))
    return [
        faulty("agentId twice", b'{"agentId":"a","agentId":"b","contacts":[{"phoneNumber":"+15550100001"}]}', "agentId"),
        faulty("agentId twice, once escaped", b'{"agentId":"a","agent\\u0049d":"b","contacts":[]}', "agentId"),
        faulty("contacts twice", b'{"agentId":"a","contacts":[{"phoneNumber":"+15550100001"}],"contacts":[]}', "contacts"),
        faulty("options twice", b'{"options":{},"agentId":"a","options":{"priority":9}}', "options"),
        faulty("an option twice", b'{"agentId":"a","options":{"priority":1,"priority":9}}', "options.priority"),
        faulty("a number twice", in_contact(b'"phoneNumber":"+15550100002"'), "contacts[0].phoneNumber"),
        faulty("metadata's name twice", in_contact(b'"metadata":{"a":1,"a":2}'), "contacts[0].metadata.a"),
        faulty("1,100 names in one object", b'{"agentId":"a","options":{%s}}' % many, "options.k1023"),
        Row("userId twice in a small body", post("/api/v1/batch/<batch>/pause", b'{"userId":"acme","userId":"globex"}'), 400,
            "INVALID_REQUEST", ("userId",)),
    ]


ROWS = [*of_syntax(), *of_numbers(), *of_encodings(), *of_nesting(), *of_names_twice()]
