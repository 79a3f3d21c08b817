# SPDX-License-Identifier: Apache-2.0
"""The dashboard's session: a key becomes a cookie that opens the API to the dashboard's own page, as long as the key does, and
to nobody else's page."""

from __future__ import annotations

import datetime
import hashlib
import http.client
import json
import os
import pathlib
from collections.abc import Iterator

import pytest

from tests.support.processes import Process
from tests.support.producer_api import Answer, Api, batch_body
from tests.support.redis_clock import RedisClock
from tests.support.waiting import wait_until

SESSION = "/dashboard/session"
LIST = "/api/v1/batch/list"
OWN = {"X-Carillon-Dashboard": "1"}
LIFE_S = 12 * 3600
NOBODYS = dict.fromkeys(("tenant", "role", "keyId", "expiresAt"))


def login(api: Api, key: str, port: int = 0, **headers: str) -> Answer:
    return api.request("POST", SESSION, b'{"key": "%s"}' % key.encode(), headers={**OWN, **headers}, port=port)


def cookie_of(answer: Answer) -> str:
    assert answer.status == 204, answer
    return answer.headers["set-cookie"].split(";")[0]


def by(cookie: str, **more: str) -> dict[str, str]:
    return {"Cookie": cookie, **OWN, **more}


def ask(api: Api, cookie: str, path: str = LIST, method: str = "GET", port: int = 0, **more: str) -> Answer:
    return api.request(method, path, headers=by(cookie, **more), port=port)


def payload(contacts: list[str]) -> bytes:
    return json.dumps(batch_body(list(contacts))).encode()


def another(api: Api, secrets_key: pathlib.Path, *args: str, env: dict[str, str] | None = None) -> Process:
    """A producer beside the first."""
    flags = (*api.server.flags("carillon-producer"), *args)
    return Process("carillon-producer", *flags, "--listen", "127.0.0.1:0", "--secrets-key-file", str(secrets_key), env=env)


def key_id(key: str) -> str:
    return "key_" + hashlib.sha256(key.encode()).hexdigest()[:16]


@pytest.fixture(scope="module")
def cookie(api: Api, acme: str) -> str:
    return cookie_of(login(api, acme))


# ---- the way in ----


def test_a_key_becomes_a_cookie_that_no_script_reads_and_no_other_site_sends(api: Api, acme: str) -> None:
    answer = login(api, acme)
    value, *flags = answer.headers["set-cookie"].split("; ")
    assert answer.status == 204 and value.startswith("carillon_session=")
    assert sorted(flags) == ["HttpOnly", f"Max-Age={LIFE_S}", "Path=/", "SameSite=Strict"]
    assert acme not in value and key_id(acme)[4:] not in value


def test_behind_https_the_cookie_never_goes_out_in_the_clear(api: Api, acme: str) -> None:
    with another(api, api.secrets_key, "--public-url", "https://calls.example") as served:
        opened = login(api, acme, port=served.port)
        closed = api.request("DELETE", SESSION, headers=OWN, port=served.port)
        for answer in (opened, closed):
            assert answer.status == 204 and "Secure" in answer.headers["set-cookie"].split("; ")


def test_whose_a_session_is(api: Api, acme: str, cookie: str) -> None:
    told = ask(api, cookie, SESSION).json()
    assert {**told, "expiresAt": ""} == {"tenant": "acme", "role": "tenant", "keyId": key_id(acme), "expiresAt": ""}
    for role, tenant in (("viewer", "acme"), ("operator", None)):
        key = api.key(tenant or "", role)
        told = ask(api, cookie_of(login(api, key)), SESSION).json()
        assert (told["tenant"], told["role"], told["keyId"]) == (tenant, role, key_id(key))


def test_without_a_session_it_is_nobodys_and_no_error(api: Api) -> None:
    """A browser would tell people of a 401, each time the page is opened."""
    for headers in (OWN, {}, by("carillon_session=x"), {"Authorization": "Bearer crl_never_made"}):
        answer = api.request("GET", SESSION, headers=headers)
        assert (answer.status, answer.json()) == (200, NOBODYS)


def test_the_end_that_is_told_is_twelve_hours_ahead(api: Api, acme: str) -> None:
    before = api.engine.now_ms()
    cookie = cookie_of(login(api, acme))
    after = api.engine.now_ms()
    told = datetime.datetime.fromisoformat(ask(api, cookie, SESSION).json()["expiresAt"].replace("Z", "+00:00"))
    assert before - 1 <= told.timestamp() * 1000 - LIFE_S * 1000 <= after + 1


@pytest.mark.parametrize("key", ["crl_never_made", "x", "crl_" + "0" * 64])
def test_an_unknown_key_gets_no_cookie(api: Api, key: str) -> None:
    answer = login(api, key)
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED") and "set-cookie" not in answer.headers


@pytest.mark.parametrize("body", [b"", b"{}", b'{"key": 1}', b'{"key": ""}', b'{"key": "x", "more": 1}', b"[]", b"{"])
def test_what_holds_no_key_is_refused(api: Api, body: bytes) -> None:
    answer = api.request("POST", SESSION, body, headers=OWN)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")


def test_a_form_cannot_log_in(api: Api, acme: str) -> None:
    body = b'{"key": "%s"}' % acme.encode()
    for headers in ({}, {**OWN, "Sec-Fetch-Site": "cross-site"}, {**OWN, "Sec-Fetch-Site": "same-site"}):
        answer = api.request("POST", SESSION, body, headers=headers)
        assert (answer.status, answer.code) == (403, "FORBIDDEN") and "set-cookie" not in answer.headers
    assert login(api, acme, **{"Content-Type": "text/plain"}).status == 415


def test_a_login_is_logged_by_the_keys_id_and_nothing_secret_is(api: Api, acme: str, cookie: str) -> None:
    told = [line for line in api.process.log_events("dashboard.login") if line["tenant"] == "acme"]
    assert {(line["key"], line["role"]) for line in told} >= {(key_id(acme), "tenant")}
    value = cookie.partition("=")[2]
    assert acme not in api.process.log_text() and value not in api.process.log_text()


# ---- what it opens ----


def test_the_cookie_opens_what_the_key_opens(api: Api, acme: str, cookie: str) -> None:
    made = api.request("POST", "/api/v1/batch", payload(["+15557770001"]), headers=by(cookie, **{"Sec-Fetch-Site": "same-origin"}))
    assert made.status == 202, made
    batch = made.json()["batchId"]
    assert made.json()["links"]["dashboard"].endswith(f"/dashboard/batches/{batch}")
    assert ask(api, cookie, f"/api/v1/batch/{batch}").json()["batchId"] == batch
    assert ask(api, cookie, f"/api/v1/batch/{batch}/pause", "POST").json()["status"] == "paused"
    assert api.get(f"/api/v1/batch/{batch}", acme).json()["status"] == "paused"


def test_another_tenants_batch_is_not_there(api: Api, cookie: str) -> None:
    other = api.tenant("globex")
    batch = api.create(other, api.fresh_numbers(1))
    for method, path in (("GET", ""), ("GET", "/calls"), ("GET", "/events"), ("POST", "/cancel")):
        answer = ask(api, cookie, f"/api/v1/batch/{batch}{path}", method)
        assert (answer.status, answer.code) == (404, "BATCH_NOT_FOUND")


def test_a_viewers_cookie_reads_and_cannot_write(api: Api, acme: str) -> None:
    batch = api.create(acme, api.fresh_numbers(1))
    viewer = cookie_of(login(api, api.key("acme", "viewer")))
    assert ask(api, viewer, f"/api/v1/batch/{batch}").status == 200
    answer = ask(api, viewer, f"/api/v1/batch/{batch}/pause", "POST")
    assert (answer.status, answer.code) == (403, "FORBIDDEN")


def test_an_operators_cookie_opens_what_is_the_operators_alone(api: Api) -> None:
    operator = cookie_of(login(api, api.key("", "operator")))
    assert ask(api, operator, "/api/v1/admin/tenants").status == 200
    assert ask(api, operator, LIST).status == 403


def test_every_producer_takes_a_session(api: Api, cookie: str) -> None:
    with another(api, api.secrets_key) as second:
        assert ask(api, cookie, port=second.port).status == 200


def test_a_bearer_token_comes_before_the_cookie(api: Api, cookie: str) -> None:
    assert ask(api, cookie, Authorization="Bearer crl_never_made").status == 401
    other = api.tenant("globex")
    told = ask(api, cookie, SESSION, Authorization=f"Bearer {other}").json()
    assert (told["tenant"], told["expiresAt"]) == ("globex", None)


# ---- what it does not ----


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
def test_a_page_of_another_origin_gets_nothing_by_the_cookie(api: Api, acme: str, cookie: str, site: str) -> None:
    batch = api.create(acme, api.fresh_numbers(1))
    for method, path in (("POST", f"/api/v1/batch/{batch}/cancel"), ("GET", f"/api/v1/batch/{batch}/events")):
        answer = ask(api, cookie, path, method, **{"Sec-Fetch-Site": site})
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert ask(api, cookie, SESSION, **{"Sec-Fetch-Site": site}).json() == NOBODYS
    assert api.get(f"/api/v1/batch/{batch}", acme).json()["status"] != "cancelled"


@pytest.mark.parametrize("mark", [{}, {"X-Carillon-Dashboard": "0"}, {"X-Carillon-Dashboard": ""}, {"X-Requested-With": "1"}])
def test_a_form_or_a_link_gets_nothing_by_the_cookie(api: Api, acme: str, cookie: str, mark: dict[str, str]) -> None:
    batch = api.create(acme, api.fresh_numbers(1))
    for method, path in (("POST", f"/api/v1/batch/{batch}/cancel"), ("GET", LIST)):
        answer = api.request(method, path, headers={"Cookie": cookie, "Sec-Fetch-Site": "same-origin", **mark})
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert api.request("GET", SESSION, headers={"Cookie": cookie, **mark}).json() == NOBODYS
    assert api.get(f"/api/v1/batch/{batch}", acme).json()["status"] != "cancelled"


def test_no_other_origin_is_permitted_to_send_the_header(api: Api, cookie: str) -> None:
    """A browser asks first, and is told nothing that would permit it."""
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET",
             "Access-Control-Request-Headers": "x-carillon-dashboard"}  # fmt: skip
    for path in (LIST, SESSION, "/dashboard/app.js"):
        before, answer = api.request("OPTIONS", path, headers=asked), ask(api, cookie, path, Origin="https://evil.example")
        assert before.status == 405
        assert not [name for told in (before, answer) for name in told.headers if name.startswith("access-control")]


def test_a_cookie_that_was_changed_anywhere_opens_nothing(api: Api, cookie: str) -> None:
    name, _, value = cookie.partition("=")
    assert ask(api, f"{name}={value}").status == 200
    for place in range(0, len(value), 3):
        other = "A" if value[place] != "A" else "B"
        assert ask(api, f"{name}={value[:place]}{other}{value[place + 1:]}").status == 401, place
    for wrong in ("", "v1.", value[:-4], value + "AAAA", "v1." + "A" * 92):
        assert ask(api, f"{name}={wrong}").status == 401, wrong


def test_another_fleets_cookie_opens_nothing(api: Api, acme: str, tmp_path: pathlib.Path) -> None:
    other = tmp_path / "other.key"
    other.write_text(os.urandom(32).hex(), encoding="ascii")
    other.chmod(0o600)
    with another(api, other) as foreign:
        cookie = cookie_of(login(api, acme, port=foreign.port))
        assert ask(api, cookie, port=foreign.port).status == 200
    assert ask(api, cookie).status == 401


@pytest.mark.parametrize("field", ["expires_ms", None])
def test_a_session_ends_with_its_key(api: Api, field: str | None) -> None:
    key = api.key("acme")
    cookie = cookie_of(login(api, key))
    assert ask(api, cookie).status == 200
    if field:
        api.client.hset(api.key_name(key), field, api.engine.now_ms())
    else:
        api.client.delete(api.key_name(key))
    wait_until(lambda: ask(api, cookie).status == 401, what="the session to end with its key")
    assert ask(api, cookie, SESSION).json() == NOBODYS and login(api, key).status == 401


def test_a_stream_ends_with_its_session(api: Api, acme: str, tmp_path: pathlib.Path) -> None:
    batch = api.create(acme, api.fresh_numbers(1))
    clock = RedisClock(tmp_path / "clock")
    with another(api, api.secrets_key, env=clock.environment()) as producer:
        connection = http.client.HTTPConnection("127.0.0.1", producer.port, timeout=60)
        connection.request("GET", f"/api/v1/batch/{batch}/events", headers=by(cookie_of(login(api, acme, port=producer.port))))
        stream = connection.getresponse()
        assert stream.status == 200 and b"retry:" in stream.readline()
        clock.run(shift_us=(LIFE_S + 60) * 1_000_000)
        assert stream.read().endswith(b": the session is over\n\n")
        connection.close()


@pytest.fixture
def later(api: Api, tmp_path: pathlib.Path) -> Iterator[Process]:
    """A producer of the same fleet whose clock is thirteen hours ahead."""
    clock = RedisClock(tmp_path / "clock")
    clock.run(shift_us=(LIFE_S + 3600) * 1_000_000)
    with another(api, api.secrets_key, env=clock.environment()) as process:
        yield process


def test_a_session_is_over_after_twelve_hours(api: Api, acme: str, cookie: str, later: Process) -> None:
    assert ask(api, cookie).status == 200
    assert ask(api, cookie, port=later.port).status == 401
    assert ask(api, cookie_of(login(api, acme, port=later.port)), port=later.port).status == 200


def test_the_way_out_takes_the_cookie_away(api: Api, cookie: str) -> None:
    for headers in (by(cookie), OWN):
        answer = api.request("DELETE", SESSION, headers=headers)
        value, *flags = answer.headers["set-cookie"].split("; ")
        assert (answer.status, value) == (204, "carillon_session=") and "Max-Age=0" in flags and "Path=/" in flags
    refused = api.request("DELETE", SESSION, headers={"Cookie": cookie})
    assert (refused.status, refused.code) == (403, "FORBIDDEN") and "set-cookie" not in refused.headers


def test_what_a_cookie_opened_is_kept_by_no_cache(api: Api, cookie: str) -> None:
    for path in (LIST, SESSION, "/api/v1/tenant"):
        assert ask(api, cookie, path).headers["cache-control"] == "no-store"
