# SPDX-License-Identifier: Apache-2.0
"""deploy/users.acl, proven by being refused: what each user must not do it cannot, also not by a script of its own; and a
process whose user lacks something says what, and whose. That the users may do all they must, every other test shows."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from typing import Any, Iterator

import pytest
import redis

from tests.support.cli import CONFIGURATION, FAILED, Cli
from tests.support.engine import Engine
from tests.support.processes import Process, run
from tests.support.producer_api import Api, numbers
from tests.support.redis_server import RedisServer
from tests.support.redis_users import MAKE_USERS, Users
from tests.support.waiting import wait_until

DAEMONS = ("carillon-producer", "carillon-worker", "carillon-notifier")
USERS = (*DAEMONS, "carillon-operator", "carillon-inspector")
BATCH = "batch_c0_abcdefghijklmnopqrst"

# Redis itself, other people's keys and channels, other cells.
NOBODY = """
    FLUSHALL
    FLUSHDB
    KEYS *
    CONFIG SET maxmemory-policy allkeys-lru
    CONFIG GET requirepass
    CONFIG REWRITE
    ACL LIST
    ACL SETUSER default on
    ACL LOG
    DEBUG SLEEP 0
    SHUTDOWN NOSAVE
    SAVE
    BGREWRITEAOF
    REPLICAOF NO ONE
    MONITOR
    CLIENT LIST
    CLIENT KILL TYPE normal
    MODULE LIST
    FUNCTION FLUSH
    SCRIPT FLUSH
    SCRIPT KILL
    EVAL return(1) 0
    SWAPDB 0 1
    RENAME other:a other:b
    DUMP carillon:{c0}:live
    SORT carillon:{c0}:live
    MIGRATE 127.0.0.1 1 other:a 0 1
    HGET other:a f
    HSET other:a f v
    ZADD other:a 1 m
    DEL other:a
    HGETALL carillon:{c9}:batch:batch_c9_abcdefghijklmnopqrst
    ZADD carillon:{c9}:claimed 1 m
    PUBLISH other m
    PUBLISH carillon:{c9}:wake m
    SUBSCRIBE other
    PSUBSCRIBE *
"""
REFUSED = {
    # Dials nothing: it cannot claim a call, move one, or say how one ended.
    "carillon-producer": """
        ZADD carillon:{c0}:claimed 1 m
        ZREM carillon:{c0}:claimed m
        ZADD carillon:{c0}:live 1 m
        ZADD carillon:{c0}:ended 1 m
        HSET carillon:{c0}:batch:{BATCH}:state:0 0 phase=final
        HSET carillon:{c0}:batch:{BATCH}:attempts:0 0 d=1
        HSET carillon:{c0}:batch:{BATCH}:texts:0 0:summary lie
        DEL carillon:{c0}:batch:{BATCH}:state:0
        ZADD carillon:{c0}:batch:{BATCH}:retry:0 1 0
        ZADD carillon:{c0}:flying:t/acme 1 m
        DEL carillon:{c0}:begins:t/acme
        HSET carillon:{c0}:dialing:t/acme 15550001111 m
        ZADD carillon:{c0}:workers 1 w
        GET carillon:{c0}:hooks:body:m
        SET carillon:{c0}:hooks:lease:0 me
        ZADD carillon:{c0}:hooks:inflight:0 1 e/m/1/n
        ZREM carillon:{c0}:hooks:inflight:0 e/m/1/n
        DEL carillon:{c0}:hooks:log:e
        ZADD carillon:{c0}:hooks:notifiers 1 n
        XRANGE carillon:{c0}:events:0 - +
        XTRIM carillon:{c0}:events:0 MAXLEN 0
        SADD carillon:{c0}:index:other t
        HSET carillon:{dir}:other f v
        SCAN 0
        SUBSCRIBE carillon:{c0}:secret
    """,
    # Talks to no tenant: neither keys nor webhooks are its matter.
    "carillon-worker": """
        HGETALL carillon:{dir}:key:k
        HSET carillon:{dir}:key:k role operator
        HGET carillon:{dir}:tenant:acme cell
        HKEYS carillon:{dir}:operators
        HGETALL carillon:{c0}:hooks:endpoint:e
        HSET carillon:{c0}:hooks:endpoint:e secret s
        HGETALL carillon:{c0}:hooks:endpoints:t/acme
        ZADD carillon:{c0}:hooks:queue:e 1 m
        GET carillon:{c0}:hooks:body:m
        SET carillon:{c0}:hooks:lease:0 me
        HDEL carillon:{c0}:index:trunks t
        SMEMBERS carillon:{c0}:index:tenants
        SADD carillon:{c0}:suppressed 15550001111
        SREM carillon:{c0}:suppressed:t/acme 15550001111
        XRANGE carillon:{c0}:events:0 - +
        XTRIM carillon:{c0}:events:0 MAXLEN 0
        XREADGROUP GROUP notifier n STREAMS carillon:{c0}:events:0 >
        SCAN 0
    """,
    # Writes no call state, and reads of calls only what lies in their batch.
    "carillon-notifier": """
        HSET carillon:{c0}:batch:{BATCH} state cancelled
        HINCRBY carillon:{c0}:batch:{BATCH} live 1
        HSET carillon:{c0}:batch:{BATCH}:state:0 0 phase=final
        HSET carillon:{c0}:batch:{BATCH}:contacts:0 0 record
        HSET carillon:{c0}:batch:{BATCH}:texts:0 0:summary lie
        DEL carillon:{c0}:batch:{BATCH}
        ZADD carillon:{c0}:batch:{BATCH}:retry:0 1 0
        ZADD carillon:{c0}:claimed 1 m
        ZADD carillon:{c0}:live 1 m
        ZREM carillon:{c0}:live m
        ZADD carillon:{c0}:ended 1 m
        ZADD carillon:{c0}:trunks 1 main
        ZADD carillon:{c0}:waiting:k/main 1 acme
        ZADD carillon:{c0}:purge 1 m
        ZADD carillon:{c0}:flying:t/acme 1 m
        HSET carillon:{c0}:trunk:main state stopped
        HGETALL carillon:{c0}:trunk:main
        HSET carillon:{c0}:tenant:acme cps 1000
        HGETALL carillon:{c0}:tenant:acme
        HGETALL carillon:{c0}:dialing:t/acme
        SISMEMBER carillon:{c0}:suppressed 15550001111
        HGETALL carillon:{dir}:key:k
        HGETALL carillon:{dir}:tenant:acme
        XGROUP DESTROY carillon:{c0}:events:0 notifier
        PUBLISH carillon:{c0}:wake m
        SUBSCRIBE carillon:{c0}:wake
        SCAN 0
    """,
    "carillon-operator": """
        ZADD carillon:{c0}:claimed 1 m
        ZREM carillon:{c0}:live m
        HSET carillon:{c0}:batch:{BATCH} state cancelled
        HSET carillon:{c0}:batch:{BATCH}:state:0 0 phase=final
        DEL carillon:{c0}:batch:{BATCH}
        ZADD carillon:{c0}:flying:t/acme 1 m
        HSET carillon:{c0}:hooks:endpoint:e secret s
        ZADD carillon:{c0}:hooks:queue:e 1 m
        XADD carillon:{c0}:events:0 * type call.completed
        DEL carillon:{c0}:events:0
        PUBLISH carillon:{c0}:wake:events m
    """,
    "carillon-inspector": """
        HSET carillon:{c0}:batch:{BATCH} state cancelled
        HSET carillon:{c0}:trunk:main state stopped
        ZADD carillon:{c0}:claimed 1 m
        SET carillon:{c0}: x
        DEL carillon:{c0}:live
        UNLINK carillon:{c0}:live
        EXPIRE carillon:{c0}:live 1
        XADD carillon:{c0}:events:0 * type call.completed
        XTRIM carillon:{c0}:events:0 MAXLEN 0
        HGETALL carillon:{dir}:key:k
        HGETALL carillon:{dir}:tenant:acme
        SMEMBERS carillon:{dir}:operators
        PUBLISH carillon:{c0}:wake m
        SUBSCRIBE carillon:{c0}:wake
    """,
}


def lines(text: str) -> list[str]:
    return [line.strip().replace("{BATCH}", BATCH) for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Users:
    """As an operator makes them: the default user is off."""
    return Users(tmp_path_factory.mktemp("users"))


@pytest.fixture(scope="module")
def server(users: Users) -> Iterator[RedisServer]:
    with RedisServer(users=users) as running:
        yield running


@pytest.fixture
def as_written(server: RedisServer) -> Iterator[RedisServer]:
    """A server whose users a test may spoil."""
    yield server
    server.client().execute_command("ACL", "LOAD")


def client_of(server: RedisServer, user: str) -> redis.Redis:
    assert server.users is not None
    return server.client(username=user, password=server.users.password(user), decode_responses=True)


@pytest.mark.parametrize("user", USERS)
def test_a_user_is_refused_what_is_not_its_work(server: RedisServer, user: str) -> None:
    admin, client = server.client(), client_of(server, user)
    admin.hset("other:a", "f", "v")
    before = admin.execute_command("DEBUG", "DIGEST")
    permitted = []
    for line in [*lines(NOBODY), *lines(REFUSED[user])]:
        with client.client() as connection:
            try:
                permitted.append((line, connection.execute_command(*line.split(" "))))
            except redis.exceptions.NoPermissionError:
                pass  # anything else than this refusal is a fault of the table
    assert permitted == []
    assert admin.execute_command("DEBUG", "DIGEST") == before


@pytest.mark.parametrize("user", USERS)
def test_a_script_of_its_own_helps_nobody(server: RedisServer, user: str) -> None:
    admin, client = server.client(), client_of(server, user)
    before = admin.execute_command("DEBUG", "DIGEST")
    sha = client.script_load("return redis.call(unpack(ARGV))")
    known = [line for line in lines(NOBODY + REFUSED[user]) if line.split(" ")[0] in ("HGET", "HGETALL", "HSET", "DEL", "ZADD", "ZREM")]
    assert len(known) > 5
    for line in known:
        with pytest.raises(redis.ResponseError, match="The user executing the script can't|ACL failure in script"):
            client.evalsha(sha, 1, "carillon:{c0}:", *line.split(" "))
    assert admin.execute_command("DEBUG", "DIGEST") == before


def test_nobody_gets_in_without_a_password(server: RedisServer) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=str(server.socket)).ping()
    for user in ("default", "redis-admin", *USERS):
        with pytest.raises(redis.ResponseError, match="WRONGPASS"):
            redis.Redis(unix_socket_path=str(server.socket)).execute_command("AUTH", user, "")


def test_what_was_written_outlives_redis_although_nobody_may_sign_in_as_default(users: Users) -> None:
    """A script's writes lie in the file as a transaction, which Redis replays with the default user's rights."""
    with RedisServer(appendonly=True, users=users) as server:
        Engine(server.client()).trunk("main", cps=7)
        server.kill()
        server.start()
        assert server.client().hget("carillon:{c0}:trunk:main", "cps") == b"7"


# ---- a user that lacks something ----

MISSING = [
    ("-role", "ROLE", "'role' command"),
    ("-info", "INFO", "'info' command"),
    ("-script|load", "", "'script|load' command"),
    ("-evalsha", "cell_open in cell c0", "'evalsha' command"),
    ("-hsetnx", "cell_open in cell c0", "can't run this command"),
    ("resetkeys", "cell_open in cell c0", "keys"),
]


@pytest.fixture
def key_file(tmp_path: pathlib.Path) -> str:
    path = tmp_path / "key"
    path.write_text("11" * 32 + "\n")
    return str(path)


def refused_start(server: RedisServer, daemon: str, key_file: str) -> dict[str, Any]:
    """The one error of a start that must fail for a permission."""
    ended = run(daemon, *server.flags(daemon), "--listen", "127.0.0.1:0", "--secrets-key-file", key_file)
    assert (ended.returncode, ended.stdout) == (CONFIGURATION, ""), ended
    errors = [line for line in map(json.loads, ended.stderr.splitlines()) if line["level"] == "error"]
    assert len(errors) == 1, ended.stderr
    assert (errors[0]["event"], errors[0]["reason"]) == ("redis.unusable", "permission")
    return errors[0]


@pytest.mark.parametrize("rule, where, what", MISSING)
@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_missing_permission_ends_a_start_and_is_named(
    as_written: RedisServer, key_file: str, daemon: str, rule: str, where: str, what: str
) -> None:
    as_written.client().execute_command("ACL", "SETUSER", daemon, rule)
    detail = refused_start(as_written, daemon, key_file)["detail"]
    assert detail.startswith(f"the user {daemon} lacks a permission for {where}"), detail
    assert what in detail


@pytest.mark.parametrize("daemon", ("carillon-worker", "carillon-notifier"))
@pytest.mark.parametrize("rule, what", [("resetchannels", "channels"), ("-subscribe", "'subscribe' command")])
def test_a_process_that_may_not_listen_to_its_wakes_does_not_start(
    as_written: RedisServer, key_file: str, daemon: str, rule: str, what: str
) -> None:
    as_written.client().execute_command("ACL", "SETUSER", daemon, rule)
    detail = refused_start(as_written, daemon, key_file)["detail"]
    assert detail.startswith(f"the user {daemon} lacks a permission for SUBSCRIBE") and what in detail


def test_a_permission_taken_away_later_is_told_and_ends_nothing(as_written: RedisServer, key_file: str) -> None:
    args = (*as_written.flags("carillon-worker"), "--listen", "127.0.0.1:0", "--secrets-key-file", key_file)
    with Process("carillon-worker", *args) as worker:
        admin = as_written.client()
        admin.execute_command("ACL", "SETUSER", "carillon-worker", "-role")
        admin.execute_command("CLIENT", "KILL", "USER", "carillon-worker")
        told = wait_until(lambda: [line for line in worker.log_events("redis.down") if line["reason"] == "permission"])
        assert "the user carillon-worker lacks a permission for ROLE" in told[0]["detail"]
        assert worker.is_running()
        admin.execute_command("ACL", "LOAD")
        wait_until(lambda: len(worker.log_events("redis.ready")) >= 2, 20.0, "it works again")


def test_a_script_that_may_not_do_its_work_is_told(as_written: RedisServer, key_file: str) -> None:
    args = (*as_written.flags("carillon-worker"), "--listen", "127.0.0.1:0", "--secrets-key-file", key_file)
    as_written.client().execute_command("ACL", "SETUSER", "carillon-worker", "-zrange")
    with Process("carillon-worker", *args) as worker:
        told = wait_until(lambda: worker.log_events("redis.not_permitted"), 20.0, "the tick's refusal is told")
        assert told[0]["user"] == "carillon-worker" and "script" in told[0]["detail"]


def test_the_tool_tells_what_its_user_lacks(as_written: RedisServer) -> None:
    admin = as_written.client()
    cli = Cli(**as_written.access("carillon-operator"))
    admin.execute_command("ACL", "SETUSER", "carillon-operator", "-smembers")
    ended = cli("tenant", "list")
    assert ended.status == FAILED
    assert "the user carillon-operator lacks a permission" in ended.err and "'smembers' command" in ended.err
    admin.execute_command("ACL", "SETUSER", "carillon-operator", "-role")
    ended = cli("tenant", "list")
    assert ended.status == CONFIGURATION
    assert "the user carillon-operator lacks a permission for ROLE" in ended.err


def without_admin(page: str) -> list[str]:
    """The patterns of carillon-producer as deploy/users.acl says for whom the command line is enough."""
    (user,) = [block for block in page.split("\nuser ") if block.startswith("carillon-producer ")]
    keys = [line.split() for line in user.splitlines() if line.lstrip().startswith(("~", "%"))]
    *others, first, second = keys
    assert first[0].endswith(":trunk:*") and second[0].endswith(":index:trunks"), "the last two lines are those of /api/v1/admin"
    return [*(word for line in others for word in line), *(f"%R{word}" for word in first)]


def test_a_producer_that_need_not_administer_is_denied_it_and_does_all_else(as_written: RedisServer) -> None:
    with Api(as_written) as api:
        api.trunk("main")
        key, operator = api.tenant("acme", max_requests_per_second=1000, available_s=60_000), api.key("", "operator")
        page = (pathlib.Path(__file__).resolve().parents[2] / "deploy" / "users.acl").read_text(encoding="utf-8")
        as_written.client().execute_command("ACL", "SETUSER", "carillon-producer", "resetkeys", *without_admin(page))
        batch = api.create(key, numbers(3), tags=["t"])
        for verb in ("pause", "resume", "cancel"):
            assert api.post(f"/api/v1/batch/{batch}/{verb}", None, key).status == 200
        assert api.send("PATCH", f"/api/v1/batch/{api.create(key, numbers(1))}", {"priority": 9}, key).status == 200
        assert api.get("/api/v1/admin/tenants/acme", operator).status == 200
        before = as_written.client().execute_command("DEBUG", "DIGEST")
        for path, body in (("tenants", {"id": "t", "cps": 5, "trunks": ["main"]}), ("keys", {"role": "operator"}), ("stop", {"tenant": "acme"})):
            assert api.post(f"/api/v1/admin/{path}", body, operator).status == 500
        assert as_written.client().execute_command("DEBUG", "DIGEST") == before
        assert api.process.log_events("redis.not_permitted")
    as_written.client().flushall()


def test_an_inspector_audits_and_changes_nothing(as_written: RedisServer) -> None:
    Engine(as_written.client()).trunk("main")
    Cli(**as_written.access("carillon-operator")).done("tenant", "create", "acme", "--cps", "5", "--trunk", "main")
    inspector = Cli(**as_written.access("carillon-inspector"))
    inspector.done("audit")
    inspector.done("tenant", "list")
    assert inspector("tenant", "set", "acme", "--cps", "9").status == FAILED
    assert as_written.client().hget("carillon:{c0}:tenant:acme", "cps") == b"5"


def test_operator_and_inspector_look_into_keys_of_every_type(server: RedisServer) -> None:
    admin = server.client()
    Engine(admin).trunk("main")
    admin.zadd("carillon:{c0}:workers", {"w1": 1})
    admin.rpush("carillon:{c0}:begins:k/main", 1)
    admin.set("carillon:{c0}:claim:w1", "1 2")
    admin.xadd("carillon:{c0}:events:0", {"id": "evt_1", "type": "call.completed"})
    for user in ("carillon-operator", "carillon-inspector"):
        for name in ("trunk:main", "index:trunks", "workers", "begins:k/main", "claim:w1", "events:0"):
            Cli(**server.access(user)).done("inspect", "key", f"carillon:{{c0}}:{name}", "--json")


# ---- the script that makes them ----


def make_users(*args: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(MAKE_USERS), *map(str, args)], capture_output=True, text=True, check=False)


def test_passwords_are_made_once_and_never_shown(tmp_path: pathlib.Path) -> None:
    directory = tmp_path / "redis"
    (first := make_users(directory)).check_returncode()
    assert directory.stat().st_mode & 0o777 == 0o700
    passwords = {path.name: path.read_text() for path in directory.glob("*.password")}
    assert {name.removesuffix(".password") for name in passwords} == {*USERS, "redis-admin"}
    assert len(set(passwords.values())) == len(passwords)
    page = (directory / "users.acl").read_text()
    (again := make_users(directory)).check_returncode()
    assert (directory / "users.acl").read_text() == page
    for password in passwords.values():
        assert len(password) >= 43 and password not in page + first.stdout + first.stderr + again.stderr
    given = directory / "carillon-worker.password"
    given.write_text("an operator's own\n")
    make_users(directory).check_returncode()
    assert (directory / "users.acl").read_text() != page
    given.write_text("two\nlines\n")
    assert make_users(directory).returncode == 1


def test_a_password_is_its_owners_alone_also_in_a_folder_that_others_may_enter(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    folder.chmod(0o755)
    mask = os.umask(0o022)
    try:
        assert make_users(folder).returncode == 0
    finally:
        os.umask(mask)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.glob("*.password")}
    assert len(modes) > 4 and set(modes.values()) == {0o600}, modes


def test_every_cell_has_its_patterns_and_a_bad_one_is_refused(tmp_path: pathlib.Path) -> None:
    make_users(tmp_path, "eu1", "eu2").check_returncode()
    page = (tmp_path / "users.acl").read_text()
    assert "{c0}" not in page and "batch_c0_" not in page
    for user in page.splitlines()[2:]:
        words = user.split(" ")
        assert len([word for word in words if "{eu1}" in word]) == len([word for word in words if "{eu2}" in word]) > 0
    assert "~carillon:{eu2}:batch:batch_eu2_????????????????????" in page
    (again := make_users(tmp_path)).check_returncode()
    assert "for the cells eu1 eu2" in again.stderr and (tmp_path / "users.acl").read_text() == page, "an upgrade takes no rights away"
    own = "user prometheus on #" + "0" * 64 + " +ping +info\n"
    (tmp_path / "own.acl").write_text(own)
    make_users(tmp_path).check_returncode()
    assert (tmp_path / "users.acl").read_text() == page + own, "nor a user that an operator added"
    assert make_users(tmp_path, "c0", "C1").returncode == 2
    assert make_users().returncode == 2
