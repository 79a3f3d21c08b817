# SPDX-License-Identifier: Apache-2.0
"""API keys in the directory: made, replaced, revoked, read, each at an instant of Redis's clock."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from tests.support.scripts import Scripts

OPERATORS = ""
MOST = 1000


def sha(n: int) -> str:
    return f"{n:064x}"[::-1]


class Directory:
    def __init__(self, db: redis.Redis) -> None:
        self.db = db
        self.scripts = Scripts(db, cell="dir")
        db.hset(self.key("tenant:acme"), mapping={"cell": "c0", "alias": "user_456"})

    def key(self, rest: str) -> str:
        return self.scripts.key(rest)

    def now_ms(self) -> int:
        seconds, micros = self.db.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def create(self, n: int, tenant: str = "acme", role: str = "tenant", label: str = "", life_ms: int = 0, most: int = MOST) -> str:
        return str(self.scripts.run("key_create", sha(n), role, tenant, label, life_ms, most)[0])

    def rotate(self, n: int, old: str, overlap_ms: int, label: str = "", life_ms: int = 0, most: int = MOST) -> list[str]:
        return list(self.scripts.run("key_rotate", sha(n), old, overlap_ms, label, life_ms, most))

    def read(self, n: int) -> Any:
        return self.scripts.run("key_read", sha(n))

    def listed(self, tenant: str = "acme") -> list[list[str]]:
        return list(self.scripts.run("key_list", tenant))

    def end(self, n: int) -> None:
        """As if its time were over."""
        self.db.hset(self.key("key:" + sha(n)), "expires_ms", self.now_ms())

    def names(self) -> set[str]:
        return set(self.db.scan_iter(match=self.key("*"))) - {self.key("tenant:acme")}


@pytest.fixture
def directory(db: redis.Redis) -> Directory:
    return Directory(db)


def refused(directory: Directory, code: str, script: str, *args: Any) -> None:
    before = directory.names()
    with pytest.raises(redis.ResponseError, match=code):
        directory.scripts.run(script, *args)
    assert directory.names() == before


def test_a_key_opens_its_tenant_and_is_called_by_how_its_hash_begins(directory: Directory) -> None:
    assert directory.create(1, label="crm") == "key_" + sha(1)[:16]
    assert directory.read(1) == ["tenant", "-1", "-1", "acme", "c0", "user_456", ""]
    ((key_id, role, tenant, label, created_ms, used_ms, expires_ms, replaced_by),) = directory.listed()
    assert (key_id, role, tenant, label, used_ms, expires_ms, replaced_by) == ("key_" + sha(1)[:16], "tenant", "acme", "crm", "", "", "")
    assert abs(int(created_ms) - directory.now_ms()) < 60_000
    assert directory.create(2, OPERATORS, "operator").startswith("key_")
    assert directory.read(2) == ["operator", "-1", "-1", "", "", "", ""]
    assert directory.read(3) is None


def test_a_key_opens_nothing_once_its_time_or_its_tenant_is_gone(directory: Directory) -> None:
    directory.create(1, life_ms=3_600_000)
    assert 3_500_000 < int(directory.read(1)[1]) <= 3_600_000
    directory.end(1)
    assert directory.read(1) is None
    directory.create(2)
    directory.db.delete(directory.key("tenant:acme"))
    assert directory.read(2) is None


def test_a_replaced_key_opens_until_its_overlap_is_over_and_the_new_one_is_its_like(directory: Directory) -> None:
    old = directory.create(1, role="viewer", label="crm")
    new = directory.rotate(2, old, 86_400_000)
    assert new[1:4] == ["viewer", "acme", "crm"]
    assert directory.read(1)[:1] == directory.read(2)[:1] == ["viewer"]
    assert 86_300_000 < int(directory.read(1)[1]) <= 86_400_000 and directory.read(2)[1] == "-1"
    assert [(key[0], key[7]) for key in directory.listed()] in ([(old, new[0]), (new[0], "")], [(new[0], ""), (old, new[0])])
    directory.end(1)
    assert directory.read(1) is None and directory.read(2)


def test_no_overlap_ends_the_old_key_in_the_same_instant(directory: Directory) -> None:
    new = directory.rotate(2, directory.create(1), 0, label="next")
    assert directory.read(1) is None and directory.read(2)
    assert [key[:4] for key in directory.listed()] == [[new[0], "tenant", "acme", "next"]]


def test_a_rotation_never_makes_a_key_hold_longer(directory: Directory) -> None:
    directory.rotate(2, directory.create(1, life_ms=60_000), 86_400_000)
    assert int(directory.read(1)[1]) <= 60_000


def test_a_key_is_replaced_once_and_not_when_it_is_over(directory: Directory) -> None:
    old = directory.create(1)
    directory.rotate(2, old, 60_000)
    refused(directory, "ERR_STATE it was replaced by key_", "key_rotate", sha(3), old, 60_000, "", 0, MOST)
    directory.end(1)
    refused(directory, "ERR_STATE it is over", "key_rotate", sha(3), old, 60_000, "", 0, MOST)
    refused(directory, "ERR_NOT_FOUND", "key_rotate", sha(3), "key_none", 60_000, "", 0, MOST)


def test_of_a_revoked_key_nothing_stays(directory: Directory) -> None:
    for n, owner, role in ((1, "acme", "tenant"), (2, OPERATORS, "operator")):
        made = directory.create(n, owner, role)
        assert directory.scripts.run("key_used", sha(n)) == 1
        assert directory.scripts.run("key_revoke", made)[0] == made
        assert directory.read(n) is None
        refused(directory, "ERR_NOT_FOUND", "key_revoke", made)
    assert directory.names() == set()


def test_the_last_use_is_noted_once_a_minute_and_of_no_key_that_is_gone(directory: Directory) -> None:
    directory.create(1)
    assert [directory.scripts.run("key_used", sha(n)) for n in (1, 1, 2)] == [1, 0, 0]
    noted = int(directory.listed()[0][5])
    assert abs(noted - directory.now_ms()) < 60_000 and 0 <= int(directory.read(1)[2]) < 60_000
    directory.db.hset(directory.key("used"), sha(1), noted - 60_000)
    assert directory.scripts.run("key_used", sha(1)) == 1
    assert directory.db.hgetall(directory.key("used")).keys() == {sha(1)}


def test_keys_that_are_over_make_room_and_no_owner_has_more_than_its_bound(directory: Directory) -> None:
    for n in (1, 2, 3):
        directory.create(n, most=3)
    refused(directory, "ERR_STATE the owner has 3 keys", "key_create", sha(4), "tenant", "acme", "", 0, 3)
    directory.create(9, OPERATORS, "operator", most=3)
    directory.end(2)
    directory.create(4, most=3)
    assert {key[0] for key in directory.listed()} == {"key_" + sha(n)[:16] for n in (1, 3, 4)}
    assert directory.db.hlen(directory.key("ids")) == 4 and not directory.db.exists(directory.key("key:" + sha(2)))


def test_what_makes_no_sense_is_refused(directory: Directory) -> None:
    directory.create(1)
    for args, code in (
        ((sha(1), "tenant", "acme", "", 0, MOST), "ERR_EXISTS"),
        (("x", "tenant", "acme", "", 0, MOST), "ERR_INVALID"),
        (("A" * 64, "tenant", "acme", "", 0, MOST), "ERR_INVALID"),
        ((sha(2), "root", "acme", "", 0, MOST), "ERR_INVALID"),
        ((sha(2), "operator", "acme", "", 0, MOST), "ERR_INVALID"),
        ((sha(2), "tenant", "", "", 0, MOST), "ERR_INVALID"),
        ((sha(2), "tenant", "a/b", "", 0, MOST), "ERR_INVALID"),
        ((sha(2), "tenant", "acme", "x" * 257, 0, MOST), "ERR_INVALID"),
        ((sha(2), "tenant", "acme", "", -1, MOST), "ERR_INVALID"),
        ((sha(2), "tenant", "nobody", "", 0, MOST), "ERR_NOT_FOUND"),
    ):
        refused(directory, code, "key_create", *args)
    for script, args in (("key_read", ("x",)), ("key_used", ("",)), ("key_list", ("a/b",)), ("key_revoke", ("a:b",)),
                         ("key_rotate", (sha(2), "key_x", -1, "", 0, MOST))):  # fmt: skip
        refused(directory, "ERR_INVALID", script, *args)
