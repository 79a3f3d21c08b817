# SPDX-License-Identifier: Apache-2.0
"""`make install` and `make uninstall`: what is installed runs with the settings that came with it, and goes again."""

from __future__ import annotations

import base64
import os
import pathlib
import subprocess
import urllib.request

import pytest

from tests.support.processes import ROOT, Process, build_directory
from tests.support.redis_server import RedisServer

PROCESSES = ("carillon-producer", "carillon-worker", "carillon-notifier")


def make(target: str, root: pathlib.Path, *variables: str) -> None:
    """The programs are those that are there: nobody else's are linked anew while tests run them."""
    where = (f"VARIANT={build_directory().name}", f"DESTDIR={root}", "PREFIX=/usr", *variables)
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    old = [part for path in (build_directory() / "bin").iterdir() for part in ("-o", str(path.relative_to(ROOT)))]
    subprocess.run(["make", "-s", *old, target, *where], cwd=ROOT, env=environment, check=True)


def files(root: pathlib.Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    installed = tmp_path_factory.mktemp("root")
    make("install", installed, "STRIP=1")
    return installed


def test_the_programs_are_installed_and_the_platform_of_the_tests_is_not(root: pathlib.Path) -> None:
    programs = {path.name: path for path in (root / "usr/bin").iterdir()}
    assert set(programs) == {"carillon", *PROCESSES}
    for name, path in programs.items():
        built, said = ([str(program), "--version"] for program in (build_directory() / "bin" / name, path))
        assert subprocess.check_output(said) == subprocess.check_output(built)
        assert path.stat().st_mode & 0o7777 == 0o755
        assert b".debug_info" not in path.read_bytes(), f"{name} is not stripped"


def test_beside_them_lie_what_an_operator_reads_and_adapts(root: pathlib.Path) -> None:
    there = files(root)
    wanted = {"etc/carillon/carillon.conf", "usr/share/carillon/carillon.conf", "usr/share/doc/carillon/LICENSE"}
    wanted |= {f"usr/share/carillon/redis/{name}" for name in ("redis.conf", "users.acl", "make-users.sh", "restore-redis.sh")}
    wanted |= {f"usr/share/carillon/profiles/{path.name}" for path in (ROOT / "worker/profiles").glob("*.json")}
    wanted |= {f"usr/share/doc/carillon/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    wanted |= {f"usr/share/man/man8/{name}.8" for name in PROCESSES} | {"usr/share/man/man1/carillon.1"}
    wanted |= {"usr/share/bash-completion/completions/carillon", "usr/share/zsh/site-functions/_carillon"}
    wanted |= {"usr/share/fish/vendor_completions.d/carillon.fish"}
    wanted |= {f"usr/lib/systemd/system/{path.name}" for path in (ROOT / "deploy/systemd").iterdir()}
    assert wanted <= there, wanted - there
    script = root / "usr/share/carillon/redis/make-users.sh"
    subprocess.run([str(script), str(root / "etc/carillon/secrets")], check=True, capture_output=True)
    assert (root / "etc/carillon/secrets/carillon-worker.password").stat().st_size > 0


@pytest.mark.parametrize("name", PROCESSES)
def test_each_process_runs_with_the_settings_that_were_installed(
    name: str, root: pathlib.Path, redis_server: RedisServer, tmp_path: pathlib.Path
) -> None:
    key = tmp_path / "secrets.key"
    key.write_text(base64.b64encode(os.urandom(32)).decode(), encoding="ascii")
    assert redis_server.users
    settings = {
        "CARILLON_CONFIG": str(root / "etc/carillon/carillon.conf"),
        "CARILLON_REDIS_URL": redis_server.url,
        "CARILLON_REDIS_PASSWORD_FILE": str(redis_server.users.password_file(name)),
        "CARILLON_SECRETS_KEY_FILE": str(key),
        "CARILLON_LISTEN": "127.0.0.1:0",
    }
    with Process(str(root / "usr/bin" / name), env=settings) as process:
        with urllib.request.urlopen(process.url + "/healthz", timeout=10) as answer:
            assert answer.status == 200


def test_the_units_name_the_places_of_another_prefix(tmp_path: pathlib.Path) -> None:
    make("install-systemd", tmp_path, "PREFIX=/opt/carillon")
    for unit in (tmp_path / "opt/carillon/lib/systemd/system").glob("carillon-*.service"):
        text = unit.read_text(encoding="utf-8")
        assert "/opt/carillon/" in text
        for place in ("/usr/bin/carillon", "/usr/share/carillon", " /etc/carillon", ":/etc/carillon"):
            assert place not in text, unit.name


def test_what_was_installed_twice_goes_at_once_and_what_is_ones_own_stays(tmp_path: pathlib.Path) -> None:
    make("install", tmp_path)
    make("install", tmp_path)
    make("uninstall", tmp_path)
    assert files(tmp_path) == set()
    assert [path for path in tmp_path.rglob("*carillon*")] == []
    make("install", tmp_path)
    own = {"etc/carillon/carillon.conf": "log_level = debug\n", "etc/carillon/secrets/secrets.key": "a key\n"}
    for name, text in own.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    make("install", tmp_path)
    make("uninstall", tmp_path)
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in files(tmp_path)} == own


@pytest.mark.parametrize("path", ["secrets/secrets.key", "deploy/secrets/users.acl", "platform.key", "carillon-2027-11-01T0300.rdb"])
def test_secrets_and_backups_that_the_pages_put_into_a_clone_are_not_committed(path: str) -> None:
    assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("line", ["/secrets/", "/deploy/*", "/platform.key", "/*.rdb"])
def test_nor_are_they_sent_to_whoever_builds_the_image(line: str) -> None:
    assert line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
