# SPDX-License-Identifier: Apache-2.0
"""Tenants, trunks and keys by `carillon`, as they lie in Redis and as they are shown."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import re
import subprocess

import pytest
import redis

from tests.support.cli import CONFIGURATION, DONE, FAILED, USAGE, Cli, Ended
from tests.support.processes import program
from tests.support.producer_api import Api
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

CREDENTIAL = "the_credential_of_the_platform"
CALLER_ID = "+15550001111"
KEY_MEMBERS = {"id", "role", "tenant", "label", "createdAt", "lastUsedAt", "expiresAt", "replacedBy"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Admin:
    """The tool on an empty Redis, with files of secrets."""

    def __init__(self, server: RedisServer, folder: pathlib.Path) -> None:
        self.client: redis.Redis = server.client(decode_responses=True)
        self.client.flushall()
        self.credential = self._write(folder / "credential", CREDENTIAL)
        self.secrets_key = self._write(folder / "secrets.key", base64.b64encode(os.urandom(32)).decode())
        self.cli = Cli(**server.access("carillon-operator"), secrets_key_file=self.secrets_key)

    @staticmethod
    def _write(path: pathlib.Path, text: str) -> pathlib.Path:
        path.write_text(text + "\n", encoding="utf-8")
        return path

    def __call__(self, *args: str | pathlib.Path) -> Ended:
        return self.cli(*args)

    def make_trunk(self, name: str, *args: str | pathlib.Path) -> Ended:
        return self.cli(
            *("trunk", "create", name, "--profile", "retell", "--base-url", "http://127.0.0.1:9000", "--cps", "50"),
            *("--credential-file", self.credential, "--caller-id", CALLER_ID, *args),
        )

    def trunk(self, name: str = "main", *args: str | pathlib.Path) -> str:
        ended = self.make_trunk(name, *args)
        assert (ended.status, ended.out) == (DONE, f"trunk {name} created\n"), ended
        return name

    def tenant(self, name: str = "acme", *args: str) -> str:
        ended = self.cli("tenant", "create", name, "--cps", "10", "--trunk", "main", *args)
        assert (ended.status, ended.out) == (DONE, f"tenant {name} created\n"), ended
        return name

    def hash(self, rest: str, cell: str = "c0") -> dict[str, str]:
        return self.client.hgetall(f"carillon:{{{cell}}}:{rest}")


@pytest.fixture
def admin(redis_server: RedisServer, tmp_path: pathlib.Path) -> Admin:
    return Admin(redis_server, tmp_path)


# ---- trunks ----


def test_a_trunk_is_made_changed_and_shown(admin: Admin) -> None:
    admin.trunk("main", "--caller-id", "+1 (555) 000-2222", "--max-concurrent", "7", "--poll-after-ms", "2000")
    stored = admin.hash("trunk:main")
    assert (stored["profile"], stored["base_url"], stored["cps"]) == ("retell", "http://127.0.0.1:9000", "50")
    assert stored["caller_ids"] == '["+15550001111","+15550002222"]'
    assert (stored["max_concurrent"], stored["poll_after_ms"], stored["state"]) == ("7", "2000", "active")
    assert stored["credential"].startswith("v1.")
    changed = admin(
        *("trunk", "set", "main", "--cps", "9", "--max-concurrent", "0", "--lookup-absent-after-ms", "500"),
        *("--breaker-percent", "60", "--breaker-minimum", "10"),
    )
    assert (changed.status, changed.out, changed.err) == (DONE, "trunk main changed\n", "")
    shown = admin("trunk", "show", "main", "--json").json()
    assert INSTANT.fullmatch(shown.pop("createdAt"))
    assert shown == {
        "id": "main", "state": "active", "reason": None, "stoppedAt": None, "profile": "retell",
        "baseUrl": "http://127.0.0.1:9000", "credential": "sealed", "cps": 9, "maxConcurrent": None,
        "callerIds": [CALLER_ID, "+15550002222"], "pollAfterMs": 2000, "lookupAbsentAfterMs": 500,
        "breakerPercent": 60, "breakerMinimum": 10, "breaker": None, "breakerReason": None, "breakerSince": None, "breakerUntil": None,
    }  # fmt: skip
    assert admin("trunk", "list", "--json").json()[0]["id"] == "main"
    assert admin("trunk", "list").out.splitlines()[1].split() == [
        *("main", "active", "retell", "http://127.0.0.1:9000", "9", "-", f"{CALLER_ID},", "+15550002222", "-"),
    ]
    assert re.search(r"^credential +sealed$", admin("trunk", "show", "main").out, re.M)


def test_the_profiles_own_address_stands_in_for_a_base_url(admin: Admin) -> None:
    ended = admin.cli(
        *("trunk", "create", "main", "--profile", "retell", "--cps", "5", "--caller-id", CALLER_ID),
        *("--credential-file", admin.credential),
    )
    assert ended.status == DONE, ended
    assert "base_url" not in admin.hash("trunk:main")
    assert admin("trunk", "set", "main", "--base-url", "http://127.0.0.1:1/x").status == DONE
    assert admin("trunk", "set", "main", "--base-url=").status == DONE
    assert "base_url" not in admin.hash("trunk:main")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--profile", "retel"), "--profile: there is no profile 'retel'; there is: "),
        (("--variable", "sid=1"), "--variable sid: profile retell has no such variable; it has: none"),
        (("--profile", "twilio"), "--variable answer_url: profile twilio needs it: what Twilio fetches"),
        (
            ("--profile", "twilio", "--variable", "account_sid=AC1", "--variable", "answer_url=voice.example"),
            "--variable answer_url: must be like https://*, http://*",
        ),
    ],
)
def test_what_does_not_fit_the_profile_is_refused(admin: Admin, args: tuple[str, ...], said: str) -> None:
    admin.trunk("main")
    before = admin.hash("trunk:main")
    ended = admin("trunk", "set", "main", *args)
    assert (ended.status, ended.out) == (USAGE, "") and said in ended.err, ended
    assert admin.hash("trunk:main") == before


def test_a_trunk_of_twilios_cannot_be_made_without_what_its_profile_needs(admin: Admin) -> None:
    """contract: a trunk cannot be created without what its profile needs, such as Twilio's answer URL."""
    args = ("trunk", "create", "main", "--profile", "twilio", "--cps", "1", "--caller-id", CALLER_ID)
    account, answer = ("--variable", "account_sid=AC1"), ("--variable", "answer_url=https://voice.example/answer")
    for given, missing in (((), ("account_sid", "answer_url")), (account, ("answer_url",)), (answer, ("account_sid",))):
        ended = admin.cli(*args, *given, "--credential-file", admin.credential)
        assert (ended.status, ended.out) == (USAGE, ""), ended
        assert [name for name in ("account_sid", "answer_url") if f"--variable {name}: profile twilio needs it" in ended.err] == list(missing)
        assert admin.client.dbsize() == 0
    assert admin.cli(*args, *account, *answer, "--credential-file", admin.credential).status == DONE
    made = admin.hash("trunk:main")
    assert (made["profile"], made["var:account_sid"]) == ("twilio", "AC1")
    assert made["var:answer_url"] == "https://voice.example/answer"
    assert admin("trunk", "set", "main", "--variable", "answer_url=").status == USAGE, "nor can it lose it"


@pytest.mark.parametrize("content", [None, b"", b"two\nlines\n", b"caf\xc3\xa9", b"a\x00b", b"x" * 5000])
def test_a_credential_that_cannot_be_used_is_refused(admin: Admin, content: bytes | None) -> None:
    admin.credential.unlink()
    if content is not None:
        admin.credential.write_bytes(content)
    ended = admin.make_trunk("main")
    assert (ended.status, ended.out) == (CONFIGURATION, "") and "--credential-file" in ended.err, ended
    assert admin.client.dbsize() == 0


@pytest.mark.parametrize("content", [None, "", "dG9vIHNob3J0", "not base64 at all!"])
def test_a_secrets_key_that_cannot_be_used_is_refused(admin: Admin, content: str | None) -> None:
    admin.secrets_key.unlink()
    if content is not None:
        admin.secrets_key.write_text(content, encoding="ascii")
    ended = admin.make_trunk("main")
    assert (ended.status, ended.out) == (CONFIGURATION, "") and "--secrets-key-file" in ended.err, ended


def test_a_trunk_is_made_once_and_only_changed_where_it_is(admin: Admin) -> None:
    admin.trunk("main")
    ended = admin.make_trunk("main")
    assert (ended.status, ended.out) == (FAILED, "") and "'carillon trunk set main' changes it" in ended.err, ended
    for args in (("set", "other", "--cps", "5"), ("show", "other")):
        ended = admin("trunk", *args)
        assert (ended.status, ended.err) == (FAILED, "carillon: there is no trunk other in cell c0\n")


# ---- tenants ----


def test_a_tenant_is_made_changed_and_shown(admin: Admin) -> None:
    admin.trunk("main")
    admin.trunk("second")
    admin.tenant("acme", "--trunk", "second", "--weight", "3", "--max-concurrent", "500", "--alias", "Acme & Söhne",
                 "--max-requests-per-second", "50")  # fmt: skip
    stored = admin.hash("tenant:acme")
    assert (stored["trunks"], stored["weight"], stored["max_concurrent"]) == ('["main","second"]', "3", "500")
    assert admin.hash("tenant:acme", "dir") == {"cell": "c0", "alias": "Acme & Söhne", "max_requests_per_second": "50"}
    assert admin("tenant", "set", "acme", "--max-requests-per-second", "0", "--max-batches", "5", "--max-queued-contacts", "6", "--max-bytes", "7").status == DONE
    assert admin("tenant", "set", "acme", "--max-bytes", "0").status == DONE
    assert admin.hash("tenant:acme", "dir") == {"cell": "c0", "alias": "Acme & Söhne"}
    assert admin("tenant", "set", "acme", "--cps", "7", "--max-concurrent=0", "--trunk", "second", "--alias=", "--keep-days", "90").status == DONE
    shown = admin("tenant", "show", "acme", "--json").json()
    assert INSTANT.fullmatch(shown.pop("createdAt"))
    assert shown == {
        "id": "acme", "state": "active", "reason": None, "stoppedAt": None, "alias": None, "cps": 7,
        "maxConcurrent": None, "weight": 3, "trunks": ["second"], "keepDays": 90, "credits": None, "reservedCredits": None,
        "maxRequestsPerSecond": None, "maxBatches": 5, "maxQueuedContacts": 6, "maxBytes": None, "timezone": None, "callingWindow": None,
    }  # fmt: skip
    assert admin.hash("tenant:acme", "dir") == {"cell": "c0"}
    admin.tenant("aaa")
    assert [tenant["id"] for tenant in admin("tenant", "list", "--json").json()] == ["aaa", "acme"]
    assert admin("tenant", "list").out.splitlines()[2].split() == ["acme", "active", "7", "-", "3", "-", "second"]


def test_credit_is_given_set_added_to_and_made_unlimited(admin: Admin) -> None:
    admin.trunk("main")
    admin.tenant("acme", "--credits", "600")
    assert admin.hash("tenant:acme")["available_s"] == "600"
    added = admin("tenant", "credit", "acme", "--add", "60")
    assert (added.status, added.out) == (DONE, "tenant acme credited\n")
    assert admin("tenant", "show", "acme", "--json").json()["credits"] == 660
    for added in ("1000000000000", str(10**12 - 659)):
        beyond = admin("tenant", "credit", "acme", "--add", added)
        assert (beyond.status, beyond.out) == (FAILED, "")
        bound = "carillon: tenant acme would have more credit than the most that can be kept, 1000000000000 seconds"
        assert beyond.err.splitlines() == [bound]
    assert admin.hash("tenant:acme")["available_s"] == "660"
    too_many = admin("tenant", "credit", "acme", "--add", "1000000000001")
    assert too_many.status == USAGE and "1000000000000" in too_many.err and "ERR_" not in too_many.err
    assert admin("tenant", "set", "acme", "--credits", "0").status == DONE
    assert admin.hash("tenant:acme")["available_s"] == "0", "none is not the same as no limit"
    assert admin("tenant", "set", "acme", "--no-credit-limit").status == DONE
    assert "available_s" not in admin.hash("tenant:acme")
    refused = admin("tenant", "credit", "acme", "--add", "60")
    assert refused.status == FAILED and "has no limit of credits" in refused.err
    unknown = admin("tenant", "credit", "none", "--add", "60")
    assert unknown.status == FAILED and "there is no tenant none" in unknown.err
    for bad in (("set", "acme", "--credits", "-1"), ("set", "acme", "--credits=1", "--no-credit-limit"), ("credit", "acme"),
                ("credit", "acme", "--add", "0"), ("credit", "a/b", "--add", "1")):  # fmt: skip
        assert admin("tenant", *bad).status == USAGE, bad


def test_a_tenant_needs_trunks_that_exist(admin: Admin) -> None:
    admin.trunk("main")
    ended = admin("tenant", "create", "acme", "--cps", "1", "--trunk", "main", "--trunk", "mian", "--trunk", "x")
    assert (ended.status, ended.out) == (FAILED, ""), ended
    assert "no trunk mian in cell c0" in ended.err and "no trunk x" in ended.err
    assert admin.hash("tenant:acme") == {} and admin.hash("tenant:acme", "dir") == {}


def test_a_tenant_never_moves_to_another_cell(admin: Admin) -> None:
    admin.trunk("main")
    admin.tenant("acme")
    admin.trunk("main", "--cell", "c1")
    ended = admin("tenant", "create", "acme", "--cps", "1", "--trunk", "main", "--cell", "c1")
    assert (ended.status, ended.out) == (FAILED, "") and "lives in another cell" in ended.err, ended
    assert admin.hash("tenant:acme", "dir") == {"cell": "c0"} and admin.hash("tenant:acme", "c1") == {}
    assert admin("tenant", "create", "acme", "--cps", "1", "--trunk", "main").status == FAILED
    assert admin("tenant", "set", "acme", "--cps", "1", "--cell", "c1").status == FAILED


def test_a_creation_that_broke_off_can_be_repeated(admin: Admin) -> None:
    admin.trunk("main")
    admin.client.hset("carillon:{dir}:tenant:acme", "cell", "c0")
    admin.tenant("acme")
    assert admin.hash("tenant:acme")["cps"] == "10"


def test_json_of_odd_characters_is_the_same_text_and_commands_no_terminal(admin: Admin) -> None:
    alias = "S\u00f6hne \x9b2J\x80\x9f\xa0"
    admin.trunk()
    admin.tenant("acme", "--alias", alias)
    out = admin("tenant", "show", "acme", "--json").out
    assert json.loads(out)["alias"] == alias
    assert not re.search("[\x7f-\x9f]", out)


@pytest.mark.parametrize("alias", ["x" * 513, "a\tb", "a\x7fb"])
def test_an_alias_is_a_bounded_text(admin: Admin, alias: str) -> None:
    ended = admin("tenant", "set", "acme", "--alias", alias)
    assert (ended.status, ended.out) == (USAGE, "") and "--alias" in ended.err, ended


def test_a_tenants_zone_and_window_are_set_shown_and_taken_away(admin: Admin) -> None:
    admin.trunk("main")
    admin.tenant("acme", "--timezone", "America/New_York", "--calling-window", '{"start":"09:00","end":"17:30","days":["mon"]}')
    shown = admin("tenant", "show", "acme", "--json").json()
    assert shown["timezone"] == "America/New_York" and shown["callingWindow"] == {"start": "09:00", "end": "17:30", "days": ["mon"]}
    for args, said in (
        (("--timezone", "Mars/Base"), "--timezone: must be an IANA time zone"),
        (("--calling-window", '{"start":"09:00"}'), "--calling-window end: "), (("--calling-window", "nine to five"), "--calling-window: "),
    ):  # fmt: skip
        ended = admin("tenant", "set", "acme", *args)
        assert (ended.status, ended.out) == (USAGE, "") and said in ended.err, ended
    assert admin("tenant", "set", "acme", "--timezone=", "--calling-window=").status == DONE
    shown = admin("tenant", "show", "acme", "--json").json()
    assert (shown["timezone"], shown["callingWindow"]) == (None, None)


def test_a_tenants_agents_are_listed_and_changed(admin: Admin) -> None:
    admin.trunk("main")
    admin.tenant("acme")
    assert admin("tenant", "agents", "acme", "--json").json() == []
    ended = admin("tenant", "agents", "acme", "--add", "agent_2", "--add", "agent 1", "--deactivate", "agent_3", "--json")
    assert ended.json() == [{"id": "agent 1", "active": True}, {"id": "agent_2", "active": True}, {"id": "agent_3", "active": False}]
    assert admin.hash("tenant:acme:agents") == {"agent 1": "active", "agent_2": "active", "agent_3": "inactive"}
    assert admin("tenant", "agents", "acme", "--remove", "agent 1", "--add", "agent_3").out.split() == ["ID", "ACTIVE", "agent_2", "true", "agent_3", "true"]
    ended = admin("tenant", "agents", "nobody", "--add", "x")
    assert (ended.status, ended.err) == (FAILED, "carillon: there is no tenant nobody in cell c0\n")
    assert admin("tenant", "agents", "acme", "--add", "x" * 129).status == USAGE


# ---- stop and start ----


@pytest.mark.parametrize("kind", ["trunk", "tenant"])
def test_stop_and_start(admin: Admin, kind: str) -> None:
    admin.trunk("it")
    admin("tenant", "create", "it", "--cps", "1", "--trunk", "it")
    assert admin("stop", kind, "it").out == f"{kind} it stopped\n"
    shown = admin(kind, "show", "it", "--json").json()
    assert (shown["state"], shown["reason"]) == ("stopped", "operator") and INSTANT.fullmatch(shown["stoppedAt"])
    changed = admin(kind, "set", "it", "--cps", "5")
    assert changed.status == DONE and admin(kind, "show", "it", "--json").json()["state"] == "stopped"
    if kind == "trunk":
        assert "It is stopped: 'carillon start trunk it' starts it." in changed.err
    assert admin("start", kind, "it", "--json").json() == {kind: "it", "done": "started"}
    shown = admin(kind, "show", "it", "--json").json()
    assert (shown["state"], shown["reason"], shown["stoppedAt"]) == ("active", None, None)
    ended = admin("stop", kind, "nobody")
    assert (ended.status, ended.err) == (FAILED, f"carillon: there is no {kind} nobody in cell c0\n")


def test_a_cell_is_stopped_and_started(admin: Admin) -> None:
    """By its own id, whatever --cell says."""
    admin.trunk("main")
    assert admin("key", "create", "--operator", "--cell", "c1").status == DONE  # whoever writes first makes the cell
    for cell in ("c0", "c1"):
        assert admin("stop", "cell", cell).out == f"cell {cell} stopped\n"
        assert int(admin.hash("cell", cell)["stopped_ms"]) > 0
        assert admin("start", "cell", cell, "--json").json() == {"cell": cell, "done": "started"}
        assert "stopped_ms" not in admin.hash("cell", cell)
    ended = admin("stop", "cell", "no/cell")
    assert (ended.status, ended.out) == (USAGE, "") and "'no/cell' is no cell" in ended.err


# ---- keys ----


def test_a_key_stands_alone_on_stdout_and_nowhere_else(admin: Admin) -> None:
    admin.trunk("main")
    admin.tenant("acme")
    ended = admin("key", "create", "--tenant", "acme")
    key = ended.out.removesuffix("\n")
    assert re.fullmatch(r"crl_[0-9a-f]{64}", key), ended
    assert key not in ended.err and re.search(r"^key_\w{16}, of tenant acme \(tenant\)", ended.err)
    everything = "".join(
        str(admin.client.hgetall(name) if admin.client.type(name) == "hash" else admin.client.smembers(name))
        for name in admin.client.scan_iter(match="carillon:{dir}:*")
    )
    assert key not in everything and key.removeprefix("crl_") not in everything


def test_keys_are_listed_and_revoked_by_their_id(admin: Admin) -> None:
    admin.trunk("main")
    admin.tenant("acme")
    admin.tenant("other")
    made = [
        admin("key", "create", "--json", *args).json()
        for args in (("--operator",), ("--tenant", "acme"), ("--tenant", "acme", "--viewer"), ("--tenant", "other"))
    ]
    listed = admin("key", "list", "--json").json()
    assert {(k["id"], k["role"], k["tenant"]) for k in listed} == {(k["id"], k["role"], k["tenant"]) for k in made}
    assert sorted(k["role"] for k in made) == ["operator", "tenant", "tenant", "viewer"]
    assert all(set(k) == KEY_MEMBERS for k in listed)
    assert {k["id"] for k in admin("key", "list", "--tenant", "acme", "--json").json()} == {made[1]["id"], made[2]["id"]}
    assert [k["id"] for k in admin("key", "list", "--operator", "--json").json()] == [made[0]["id"]]
    assert made[3]["id"] in admin("key", "list").out
    for k in made:
        assert admin("key", "revoke", k["id"]).out == f"key {k['id']} revoked\n"
        assert k["id"] not in admin("key", "list").out
    for rest in ("key*", "ids", "used", "operators", "tenant:*:keys"):
        assert list(admin.client.scan_iter(match="carillon:{dir}:" + rest)) == []
    ended = admin("key", "revoke", made[0]["id"])
    assert (ended.status, ended.out) == (FAILED, "") and "there is no key" in ended.err


def test_a_key_has_a_label_and_an_end_and_is_replaced_with_an_overlap(admin: Admin) -> None:
    admin.trunk("main")
    admin.tenant("acme")
    old = admin("key", "create", "--tenant", "acme", "--viewer", "--label", "crm", "--expires-in", "30d", "--json").json()
    assert (old["label"], old["lastUsedAt"], old["replacedBy"]) == ("crm", None, None) and INSTANT.fullmatch(old["expiresAt"])
    ended = admin("key", "rotate", old["id"], "--overlap", "24h", "--label", "crm 2")
    new_id = ended.err.split(",")[0]
    assert (ended.status, re.fullmatch(r"crl_[0-9a-f]{64}\n", ended.out) is not None) == (DONE, True), ended
    listed = {k["id"]: k for k in admin("key", "list", "--tenant", "acme", "--json").json()}
    assert listed[old["id"]]["replacedBy"] == new_id and listed[old["id"]]["expiresAt"] < old["expiresAt"]
    assert {name: listed[new_id][name] for name in ("role", "label", "expiresAt", "replacedBy")} == {
        "role": "viewer", "label": "crm 2", "expiresAt": None, "replacedBy": None}  # fmt: skip
    again = admin("key", "rotate", old["id"])
    assert (again.status, again.out) == (FAILED, "") and "cannot be replaced" in again.err
    at_once = admin("key", "rotate", new_id, "--overlap", "0", "--json").json()
    assert {k["id"] for k in admin("key", "list", "--tenant", "acme", "--json").json()} == {old["id"], at_once["id"]}


@pytest.mark.parametrize(
    "line",
    ["rotate key_x --overlap 1", "rotate key_x --overlap 31d", "rotate key_x --overlap -1h", "create --operator --expires-in 0",
     "create --operator --expires-in 1w", "create --operator --label=", "rotate crl_0011", "rotate a/b", "revoke crl_0011"],
)  # fmt: skip
def test_what_no_key_can_be_given_is_refused_before_redis_is_asked(admin: Admin, line: str) -> None:
    ended = admin("key", *line.split())
    assert (ended.status, ended.out) == (USAGE, "") and ended.err, ended
    assert list(admin.client.scan_iter()) == []


def test_a_key_for_a_tenant_that_is_not_there_is_refused(admin: Admin) -> None:
    ended = admin("key", "create", "--tenant", "acme")
    assert (ended.status, ended.err) == (FAILED, "carillon: there is no tenant acme in cell c0\n")


def test_a_key_opens_the_producer_until_it_is_revoked(admin: Admin, redis_server: RedisServer) -> None:
    with Api(redis_server) as api:
        admin.trunk("main")
        admin.tenant("acme")
        made = admin("key", "create", "--tenant", "acme", "--json").json()
        assert api.get("/api/v1/batch/list", made["key"]).status == 200
        (listed,) = admin("key", "list", "--json").json()
        assert INSTANT.fullmatch(listed["lastUsedAt"]), "the use was noted before the answer came"
        admin.cli.done("key", "revoke", made["id"])
        wait_until(lambda: api.get("/api/v1/batch/list", made["key"]).status == 401, 10, "the key opens nothing")


# ---- audit ----


def test_an_audit_tells_a_broken_invariant_also_as_json(admin: Admin) -> None:
    admin.trunk("main")
    admin.tenant("acme")
    admin.client.zadd("carillon:{c0}:waiting:k/main", {"acme": 1})
    ended = admin("audit")
    assert ended.status == FAILED and ended.out.endswith("audit: broken, 0 batches, 2 faults\n"), ended
    told = admin("audit", "--json")
    assert told.status == FAILED
    assert (told.json()["ok"], told.json()["faultCount"]) == (False, 2)
    assert ended.out.splitlines()[:2] == [f"audit: {fault}" for fault in told.json()["faults"]]


# ---- all of them ----


def test_every_change_can_be_answered_with_json(admin: Admin) -> None:
    assert admin.make_trunk("main", "--json").json() == {"trunk": "main", "done": "created"}
    for line, answer in {
        "trunk set main --cps 5": {"trunk": "main", "done": "changed"},
        "tenant create acme --cps 5 --trunk main": {"tenant": "acme", "done": "created"},
        "tenant set acme --cps 6": {"tenant": "acme", "done": "changed"},
        "stop tenant acme": {"tenant": "acme", "done": "stopped"},
        "start tenant acme": {"tenant": "acme", "done": "started"},
    }.items():
        assert admin.cli.done(*line.split(), "--json").json() == answer
    key = admin("key", "create", "--operator", "--json").json()
    assert admin("key", "revoke", key["id"], "--json").json()["done"] == "revoked"
    audit = admin("audit", "--json").json()
    assert audit == {"cell": "c0", "ok": True, "batches": 0, "faultCount": 0, "faults": [], "notRecounted": 0}


def test_no_secret_is_ever_shown(admin: Admin) -> None:
    """Whatever is asked, and with a file of secrets in every place."""
    admin.trunk("main")
    admin.tenant("acme")
    secret = admin.secrets_key.read_text(encoding="ascii").strip()
    sealed = admin.hash("trunk:main")["credential"]
    for line in (
        "trunk show main", "trunk list", "tenant show acme", "tenant list", "key list", "audit",
        f"trunk set main --credential-file {admin.credential}", f"trunk set main --profile {CREDENTIAL[:3]}",
        f"trunk set main --credential-file {admin.credential} --secrets-key-file {admin.credential}",
    ):  # fmt: skip
        for args in (line.split(), [*line.split(), "--json"]):
            ended = admin(*args)
            for text in (CREDENTIAL, secret, sealed):
                assert text not in ended.out + ended.err, ended


def test_an_answer_that_cannot_be_written_is_a_failure(admin: Admin) -> None:
    admin.trunk("main")
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [str(program("carillon")), "key", "create", "--operator"],
            env=admin.cli.environment(), stdout=full, stderr=subprocess.PIPE, check=False, timeout=30,
        )  # fmt: skip
    assert ended.returncode == FAILED and b"could not be written" in ended.stderr
