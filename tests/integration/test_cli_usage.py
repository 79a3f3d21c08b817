# SPDX-License-Identifier: Apache-2.0
"""What `carillon` says about itself, and how it ends where a command line, a file or a server is not what it should be."""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cli import CONFIGURATION, DONE, FAILED, NO_REDIS, USAGE, Cli, start
from tests.support.http_receiver import Answer, HttpReceiver
from tests.support.processes import program
from tests.support.redis_server import RedisServer

VERBS = [
    "submit", "watch", "pause", "resume", "cancel", "set", "redial", "dial", "tenant create", "tenant set", "tenant list", "tenant show",
    "trunk create", "trunk set", "trunk list", "trunk show", "stop", "start", "key create", "key list", "key revoke",
    "why", "calls", "export", "suppress add", "suppress remove", "suppress list", "webhooks list", "webhooks show", "webhooks deliveries", "webhooks redeliver",
    "webhooks recover", "webhooks test", "webhooks rotate", "webhooks enable", "webhooks disable",
    "inspect call", "inspect batch", "inspect worker", "inspect key", "audit",
    "provider check", "completion", "top",
]  # fmt: skip
BATCH = "batch_c0_a"
NOWHERE = "redis://127.0.0.1:1"


@pytest.fixture
def cli(redis_server: RedisServer) -> Cli:
    redis_server.client().flushall()
    return Cli(redis_url=redis_server.url)


@pytest.fixture
def key_file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "api.key"
    path.write_text("crl_key\n", encoding="ascii")
    return path


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and nobody else gets meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


# ---- help ----


@pytest.mark.parametrize("args", [("--help",), ("-h",), ("help",)])
def test_the_overview_names_every_verb(args: tuple[str, ...]) -> None:
    ended = Cli()(*args)
    assert (ended.status, ended.err) == (DONE, ""), ended
    for verb in VERBS:
        assert f"\n  {verb} " in ended.out


def test_without_a_verb_the_overview_goes_to_stderr() -> None:
    ended = Cli()()
    assert (ended.status, ended.out) == (USAGE, "")
    assert "submit FILE" in ended.err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_help_of_its_own(verb: str) -> None:
    ended = Cli()(*verb.split(), "--help")
    assert (ended.status, ended.err) == (DONE, ""), ended
    assert ended.out.startswith(f"usage: carillon {verb}")
    assert "--json" in ended.out and "CARILLON_REDIS_URL" in ended.out
    assert Cli()("help", *verb.split()).out == ended.out
    assert all(len(line) <= 110 for line in ended.out.splitlines())


def test_a_noun_alone_lists_what_can_be_done_with_it() -> None:
    ended = Cli()("tenant", "--help")
    assert ended.status == DONE and "tenant create ID" in ended.out and "trunk" not in ended.out
    ended = Cli()("tenant")
    assert ended.status == USAGE and "tenant create ID" in ended.err


def test_the_version_is_told() -> None:
    for args in (("--version",), ("-V",), ("watch", "--version")):
        ended = Cli()(*args)
        assert ended.status == DONE and ended.out.startswith("carillon ") and len(ended.out.split()) == 2


# ---- command lines that make no sense ----


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("wacth b", "Did you mean 'carillon watch'?"),
        ("create tenant x", "Did you mean 'carillon tenant create'?"),
        ("frobnicate", "there is no verb 'frobnicate'"),
        ("tenant dance", "there is no verb 'tenant dance'"),
        ("help frobnicate", "there is no verb 'frobnicate'"),
        ("--cps 5 tenant set x", "--cps: is no option of every verb"),
        ("watch", "watch: BATCH is missing"),
        ("stop trunk", "stop: KIND ID is missing"),
        ("watch a b", "watch: 'b' is one too many"),
        ("audit x", "audit: 'x' is one too many"),
        ("watch --nonsense b", "--nonsense: no such option"),
        ("watch b --cell", "--cell: needs a value"),
        ("watch nonsense", "'nonsense' is not a batch's id"),
        ("pause ../x", "'../x' is not a batch's id"),
        ("cancel batch_c0_a/../b", "is not a batch's id"),
        ("audit --cell C0", "--cell: a cell is"),
        ("audit --redis-url http://x", "--redis-url: the URL must begin with redis://, rediss://, unix://, sentinel:// or sentinels://"),
        ("audit --redis-url redis://me:s3cret@host", "user and password do not belong in the URL"),
        ("watch batch_c0_a --url ftp://x", "--url: must begin with http:// or https://"),
        ("watch batch_c0_a --url http://me:s3cret@x", "--url: must name a host"),
        ("watch batch_c0_a", "--api-key-file (or CARILLON_API_KEY_FILE in the environment) is missing"),
        ("submit x --contacts=", "--contacts: must not be empty"),
        ("tenant create acme", "a tenant needs --cps"),
        ("tenant create acme --cps 1", "a tenant needs --trunk"),
        ("tenant create a.b --cps 1 --trunk main", "'a.b' is no id"),
        ("tenant create acme --cps 0 --trunk main", "--cps: '0' is not a whole number from 1 to"),
        ("tenant create acme --cps 1 --trunk a/b", "--trunk: must be an id"),
        ("tenant set acme", "nothing to change"),
        ("trunk create main", "a trunk needs --profile"),
        ("trunk set main", "nothing to change"),
        ("trunk set main --caller-id 555", "--caller-id: must be a number in E.164"),
        ("trunk set main --base-url localhost", "--base-url: must be http://HOST"),
        ("trunk set main --variable x", "--variable: must be NAME=VALUE"),
        ("trunk set main --credential-file /etc/hostname", "--credential-file needs --secrets-key-file"),
        ("trunk show a.b", "'a.b' is no id"),
        ("stop batch x", "'batch' cannot be stopped"),
        ("key create", "either --tenant ID or --operator"),
        ("key create --operator --tenant acme", "either --tenant ID or --operator"),
        ("key create --operator --viewer", "--viewer is for a tenant's key"),
        ("watch batch_c0_a --api-key crl_s3cret", "--api-key: no such option"),
        ("watch batch_c0_a --api-key=crl_s3cret", "--api-key: no such option"),
        ("key revoke crl_s3cret", "a key is called by its id"),
        ("calls", "calls: BATCH is missing"),
        ("calls nonsense", "'nonsense' is not a batch's id"),
        ("calls batch_c0_a --status ringing", "--status: "),
        ("calls batch_c0_a --outcome MISSED", "--outcome: "),
        ("calls batch_c0_a --format csv", "--format: no such option"),
        ("export", "export: BATCH is missing"),
        ("export nonsense", "'nonsense' is not a batch's id"),
        ("export batch_c0_a --format xlsx", "--format: "),
        ("key revoke", "key revoke: ID is missing"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused_before_anything_is_tried(line: str, said: str) -> None:
    ended = Cli(redis_url=NOWHERE)(*line.split(" "))
    assert (ended.status, ended.out) == (USAGE, ""), ended
    assert said in ended.err
    assert "s3cret" not in ended.err


def test_options_may_stand_before_the_verb_and_around_its_subjects(cli: Cli) -> None:
    for line in ("--json tenant list", "tenant list --json", "--cell c0 --json tenant list", "tenant list --json -- "):
        assert cli.done(*line.split()).json() == []
    for line in ("tenant show --json acme", "tenant show acme --json", "--json tenant show -- acme"):
        ended = cli(*line.split())
        assert (ended.status, ended.err) == (FAILED, "carillon: there is no tenant acme in cell c0\n")


def test_terminals_are_safe_from_what_is_shown() -> None:
    ended = Cli()("watch", "b\x1b[2J\u009bx")
    assert "\x1b" not in ended.err and "\u009b" not in ended.err and "'b?[2J?x' is not a batch's id" in ended.err


# ---- the environment and the file ----


def test_a_flag_goes_before_the_environment_and_that_before_the_file(redis_server: RedisServer, tmp_path: pathlib.Path) -> None:
    config = tmp_path / "carillon.conf"
    config.write_text(f"log_level = warn\n[carillon]\nredis_url = {redis_server.url}\n", encoding="utf-8")
    assert Cli()("tenant", "list", "--config", config).status == DONE
    assert Cli(config=config)("tenant", "list").status == DONE
    assert Cli(redis_url=NOWHERE)("tenant", "list", "--config", config).status == NO_REDIS
    assert Cli(redis_url=NOWHERE)("--config", config, "tenant", "list", "--redis-url", redis_server.url).status == DONE


def test_what_to_do_is_never_said_by_the_environment(cli: Cli, redis_server: RedisServer) -> None:
    risky = Cli(redis_url=redis_server.url, cps="5", trunk="main", operator="true", watch="true", tenant="acme")
    assert risky("tenant", "set", "acme").status == USAGE
    assert risky("key", "create").status == USAGE
    assert redis_server.client().dbsize() == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"redis_url": "nonsense"}, "CARILLON_REDIS_URL: the URL must begin with"),
        ({"url": "nonsense"}, "CARILLON_URL: must begin with http://"),
        ({"cell": "c-0"}, "CARILLON_CELL: a cell is"),
        ({"config": "/nonexistent/file"}, "/nonexistent/file: No such file or directory"),
    ],
)
def test_settings_that_make_no_sense_are_faults_of_configuration(settings: dict[str, str], said: str) -> None:
    ended = Cli(**settings)("audit")
    assert (ended.status, ended.out) == (CONFIGURATION, ""), ended
    assert said in ended.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        (b"", "does not hold an API key"),
        (b"crl_a\ncrl_b\n", "does not hold an API key"),
        (b"crl_\xc3\xa9", "does not hold an API key"),
        (b"crl_a b", "does not hold an API key"),
        (b"x" * 10000, "does not hold an API key"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_told(tmp_path: pathlib.Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "api.key"
    if content is not None:
        path.write_bytes(content)
    ended = Cli(api_key_file=path)("watch", BATCH)
    assert (ended.status, ended.out) == (CONFIGURATION, ""), ended
    assert said in ended.err and "crl_" not in ended.err


# ---- Redis ----


@pytest.mark.parametrize("verb", ["audit", "tenant list", "trunk show x", "key create --operator", "stop trunk x", "top"])
def test_a_redis_that_is_away_ends_it_with_4(verb: str) -> None:
    with closed_port() as port:
        ended = Cli(redis_url=f"redis://127.0.0.1:{port}")(*verb.split())
    assert (ended.status, ended.out) == (NO_REDIS, ""), ended
    assert "Connection refused" in ended.err


def test_a_redis_that_says_nothing_is_given_up() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        ended = Cli(redis_url=f"redis://127.0.0.1:{mute.getsockname()[1]}")("audit")
    assert (ended.status, ended.out) == (NO_REDIS, ""), ended


def test_a_replica_and_one_that_evicts_are_not_used(redis_server: RedisServer) -> None:
    with RedisServer(maxmemory_policy="allkeys-lru") as evicting:
        ended = Cli(redis_url=evicting.url)("tenant", "list")
        assert ended.status == NO_REDIS and "noeviction" in ended.err
    with RedisServer(args=("--replicaof", "127.0.0.1", "1")) as replica:
        ended = Cli(redis_url=replica.url)("tenant", "list")
        assert ended.status == NO_REDIS and "not master" in ended.err


def test_redis_is_spoken_to_with_the_password_of_a_file(tmp_path: pathlib.Path) -> None:
    password = tmp_path / "password"
    with RedisServer(args=("--requirepass", "s3cret")) as server:
        cli = Cli(redis_url=server.url, redis_password_file=password)
        ended = cli("tenant", "list")
        assert (ended.status, ended.out) == (CONFIGURATION, ""), ended
        password.write_text("s3cret\n", encoding="ascii")
        assert cli("tenant", "list").status == DONE
        password.write_text("wr0ng\n", encoding="ascii")
        ended = cli("tenant", "list")
        assert ended.status == NO_REDIS and "wr0ng" not in ended.err and "s3cret" not in ended.err
        assert Cli(redis_url=server.url)("tenant", "list").status == NO_REDIS


def test_a_cell_of_another_schema_is_refused(cli: Cli, redis_server: RedisServer) -> None:
    redis_server.client().hset("carillon:{c1}:cell", "schema", "99")
    for verb in ("audit", "tenant list", "stop trunk x"):
        ended = cli(*verb.split(), "--cell", "c1")
        assert (ended.status, ended.out) == (CONFIGURATION, ""), ended
        assert "cell c1 speaks schema 99" in ended.err
    assert redis_server.client().dbsize() == 1


def test_looking_writes_nothing(cli: Cli, redis_server: RedisServer) -> None:
    for verb in ("audit", "tenant list", "trunk list", "key list", "tenant show x", "trunk show x"):
        cli(*verb.split())
    assert redis_server.client().dbsize() == 0


@pytest.mark.parametrize("verb", ["stop cell c7", "start cell c7", "drain c7", "drain c7 --wait", "audit --cell c7"])
def test_a_cell_that_is_not_there_is_told_and_not_called_stopped_or_sound(cli: Cli, redis_server: RedisServer, verb: str) -> None:
    """Or whoever mistypes a cell's name believes that nothing is dialed any more."""
    ended = cli(*verb.split())
    assert (ended.status, ended.out) == (FAILED, ""), ended
    assert f"Redis at {redis_server.url} has no cell c7" in ended.err
    assert redis_server.client().dbsize() == 0


@pytest.mark.parametrize(
    "verb", ["stop trunk x", "start tenant x", "tenant set x --cps 4", "tenant credit x --add 5", "trunk set x --cps 4"]
)
def test_what_changes_nothing_makes_no_cell(cli: Cli, redis_server: RedisServer, verb: str) -> None:
    ended = cli(*verb.split(), "--cell", "c7")
    assert ended.status == FAILED and " x in cell c7" in ended.err, ended
    assert redis_server.client().dbsize() == 0


# ---- the producer ----


@pytest.mark.parametrize("verb", ["watch", "pause", "resume", "cancel", "calls"])
def test_a_producer_that_is_away_ends_it_with_1(key_file: pathlib.Path, verb: str) -> None:
    with closed_port() as port:
        ended = Cli(url=f"http://127.0.0.1:{port}", api_key_file=key_file)(verb, BATCH)
    assert (ended.status, ended.out) == (FAILED, ""), ended
    assert "does not answer" in ended.err and "not known" not in ended.err


def test_an_answer_that_is_lost_is_told_as_unknown(key_file: pathlib.Path) -> None:
    with HttpReceiver(Answer(reset=True)) as receiver:
        ended = Cli(url=receiver.url, api_key_file=key_file)("cancel", BATCH)
        assert (ended.status, ended.out) == (FAILED, ""), ended
        assert "whether it was carried out is not known" in ended.err
        assert len(receiver.snapshot()) == 1  # never sent twice


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>hello</html>"),
        Answer(200, b""),
        Answer(200, b"[]"),
        Answer(204),
        Answer(301, b"", {"Location": "http://127.0.0.1:1/"}),
        Answer(404, b"not here"),
        Answer(502, b"{}"),
    ],
)
def test_a_server_that_is_no_producer_is_noticed(key_file: pathlib.Path, answer: Answer) -> None:
    with HttpReceiver(answer) as receiver:
        ended = Cli(url=receiver.url, api_key_file=key_file)("pause", BATCH)
    assert ended.status == FAILED, ended
    assert f"({answer.status}): is --url a Carillon producer?" in ended.err


def test_the_url_may_have_a_path_and_a_slash_at_its_end(key_file: pathlib.Path) -> None:
    with HttpReceiver(Answer(200, b'{"status":"paused"}')) as receiver:
        Cli(url=receiver.url + "/", api_key_file=key_file).done("pause", BATCH)
        Cli(url=receiver.url + "/behind/proxy", api_key_file=key_file).done("pause", BATCH)
        paths = [request.path for request in receiver.snapshot()]
        assert paths == [f"/api/v1/batch/{BATCH}/pause", f"/behind/proxy/api/v1/batch/{BATCH}/pause"]
        assert receiver.snapshot()[0].headers["authorization"] == "Bearer crl_key"


@pytest.mark.parametrize(
    ("verb", "page"),
    [
        (f"calls {BATCH}", {"calls": [{"id": f"{BATCH}-0"}], "nextCursor": "more"}),
        (f"calls {BATCH} --json", {"calls": [{"id": f"{BATCH}-0"}], "nextCursor": "more"}),
        ("suppress list", {"phoneNumbers": ["+15550001111"], "nextCursor": "more"}),
    ],
)
def test_a_list_ends_where_nobody_reads_it_any_more(key_file: pathlib.Path, verb: str, page: dict[str, Any]) -> None:
    """As in `| head`: the pages here have no end."""
    with HttpReceiver(Answer(200, json.dumps(page).encode())) as receiver:
        started = start(Cli(url=receiver.url, api_key_file=key_file), *verb.split())
        started.stdout.readline()
        started.stdout.close()
        assert started.process.wait(timeout=30) == FAILED
        assert started.stderr.read() == ""


@pytest.mark.parametrize("verb", ["submit - --dry-run", "suppress add -"])
def test_standard_input_may_be_a_socket(key_file: pathlib.Path, verb: str) -> None:
    """As a command that ssh runs has it."""
    answer = {"wouldBeTaken": True, "added": 1, "known": 0, "total": 1}
    with HttpReceiver(Answer(200, json.dumps(answer).encode())) as receiver:
        cli = Cli(url=receiver.url, api_key_file=key_file)
        ours, its = socket.socketpair()
        with ours, its:
            ours.sendall(b'{"agentId":"a","contacts":[]}' if "submit" in verb else b"+15550001111\n")
            ours.shutdown(socket.SHUT_WR)
            ended = subprocess.run(
                [str(program("carillon")), *verb.split()],
                env=cli.environment(), stdin=its, capture_output=True, check=False, timeout=30,
            )  # fmt: skip
        assert ended.returncode == DONE, ended
        assert len(receiver.snapshot()) == 1


def test_what_has_no_file_of_its_own_is_kept_where_tmpdir_says(
    key_file: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has no room in /tmp names another folder."""
    campaign = tmp_path / "campaign.json"
    campaign.write_text('{"agentId":"a"}', encoding="ascii")
    with HttpReceiver(Answer(200, b'{"wouldBeTaken":true}')) as receiver:
        cli = Cli(url=receiver.url, api_key_file=key_file)
        words = ("submit", campaign, "--contacts", "-", "--dry-run")
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        assert cli(*words, stdin=b"phoneNumber\n+15550001111\n").status == DONE
        assert sorted(path.name for path in tmp_path.iterdir()) == ["api.key", "campaign.json"]
        monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
        ended = cli(*words, stdin=b"phoneNumber\n+15550001111\n")
        assert ended.status == FAILED and "standard input: No such file or directory" in ended.err, ended
