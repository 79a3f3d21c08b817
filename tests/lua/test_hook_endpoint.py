# SPDX-License-Identifier: Apache-2.0
"""hook_endpoint: a tenant's endpoints and their secrets."""

from __future__ import annotations

import pytest
import redis

from tests.support import hooks
from tests.support.scripts import Scripts

URL = "https://crm.example/a"


def create(scripts: Scripts, tenant: str, *triples: tuple[str, str, str], limit: int = 20) -> list[int]:
    return scripts.run("hook_endpoint", "create", tenant, limit, *[part for triple in triples for part in triple])


def rotate(scripts: Scripts, tenant: str, endpoint: str, secret: str, grace_ms: int = 60_000, active: int = 3) -> int:
    return int(scripts.run("hook_endpoint", "rotate", tenant, endpoint, secret, grace_ms, active))


def test_an_endpoint_is_made_once_and_keeps_its_secret(db: redis.Redis, scripts: Scripts) -> None:
    assert create(scripts, "acme", ("https://a.example", "ep_a", "v1.one")) == [1]
    again, other = ("https://a.example", "ep_a", "v1.two"), ("https://b.example", "ep_b", "v1.b")
    assert create(scripts, "acme", again, other) == [0, 1]
    endpoint = db.hgetall(scripts.key("hooks:endpoint:ep_a"))
    assert (endpoint["tenant"], endpoint["origin"], endpoint["secret"], endpoint["status"]) == (
        "acme",
        "https://a.example",
        "v1.one",
        "active",
    )


def test_the_same_origin_named_twice_in_one_call_is_one_endpoint(scripts: Scripts) -> None:
    triple = ("https://a.example", "ep_a", "v1.one")
    assert create(scripts, "acme", triple, triple, limit=1) == [1, 0]


def test_too_many_endpoints_are_refused_and_none_is_made(db: redis.Redis, scripts: Scripts) -> None:
    create(scripts, "acme", ("https://a.example", "ep_a", "v1.a"), limit=2)
    with pytest.raises(redis.ResponseError, match="ERR_TOO_LARGE"):
        create(scripts, "acme", ("https://b.example", "ep_b", "v1.b"), ("https://c.example", "ep_c", "v1.c"), limit=2)
    assert db.exists(scripts.key("hooks:endpoint:ep_b"), scripts.key("hooks:endpoint:ep_c")) == 0
    known = ("https://a.example", "ep_a", "v1.x")
    assert create(scripts, "acme", known, limit=1) == [0], "what exists is never too many"


def test_after_a_rotation_the_secret_before_signs_for_its_grace(db: redis.Redis, scripts: Scripts) -> None:
    endpoint = hooks.make_endpoint(scripts, "acme", URL, "v1.one")
    assert rotate(scripts, "acme", endpoint, "v1.two") == 2
    seconds, micros = db.time()
    known = db.hgetall(scripts.key(f"hooks:endpoint:{endpoint}"))
    until_ms, sealed = known["previous"].split(":")
    assert (known["secret"], sealed) == ("v1.two", "v1.one")
    assert abs(int(until_ms) - (seconds * 1000 + micros // 1000 + 60_000)) < 5000
    assert rotate(scripts, "acme", endpoint, "v1.two") == 2, "the same rotation again changes nothing"
    assert db.hgetall(scripts.key(f"hooks:endpoint:{endpoint}")) == known


def test_no_more_secrets_sign_than_allowed_and_ended_ones_go(db: redis.Redis, scripts: Scripts) -> None:
    endpoint = hooks.make_endpoint(scripts, "acme", URL, "v1.one")
    for n, secret in enumerate(("v1.two", "v1.three", "v1.four"), start=2):
        assert rotate(scripts, "acme", endpoint, secret) == min(n, 3)
    previous = db.hget(scripts.key(f"hooks:endpoint:{endpoint}"), "previous")
    assert [part.split(":")[1] for part in previous.split()] == ["v1.three", "v1.two"]
    db.hset(scripts.key(f"hooks:endpoint:{endpoint}"), "previous", "1:v1.old")
    assert rotate(scripts, "acme", endpoint, "v1.five") == 2
    assert rotate(scripts, "acme", endpoint, "v1.six", grace_ms=0) == 1
    assert db.hget(scripts.key(f"hooks:endpoint:{endpoint}"), "previous") is None


def test_another_tenants_endpoint_cannot_be_rotated(db: redis.Redis, scripts: Scripts) -> None:
    endpoint = hooks.make_endpoint(scripts, "acme", URL, "v1.one")
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        rotate(scripts, "zeta", endpoint, "v1.two")
    with pytest.raises(redis.ResponseError, match="ERR_NOT_FOUND"):
        rotate(scripts, "acme", "ep_none", "v1.two")
    assert db.hget(scripts.key(f"hooks:endpoint:{endpoint}"), "secret") == "v1.one"


def test_the_list_shows_no_secrets(scripts: Scripts) -> None:
    for host in ("b", "a"):
        endpoint = hooks.make_endpoint(scripts, "acme", f"https://{host}.example/x", "v1.hidden")
        rotate(scripts, "acme", endpoint, "v1.hidden2")
    hooks.make_endpoint(scripts, "zeta", URL)
    reply = scripts.run("hook_endpoint", "list", "acme")
    assert [fields[fields.index("origin") + 1] for _, fields in reply] == ["https://a.example", "https://b.example"]
    assert "hidden" not in repr(reply)


@pytest.mark.parametrize("args", [("create", "a/b", 20), ("create", "", 20), ("destroy", "acme"), ()])
def test_a_bad_tenant_or_verb_is_refused(scripts: Scripts, args: tuple[object, ...]) -> None:
    with pytest.raises(redis.ResponseError, match="ERR_INVALID"):
        scripts.run("hook_endpoint", *args)
