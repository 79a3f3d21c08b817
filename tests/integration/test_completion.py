# SPDX-License-Identifier: Apache-2.0
"""What `carillon completion` writes completes verbs, options, their values and subjects, asked in the shells themselves."""

from __future__ import annotations

import pathlib
import re
import subprocess
from collections.abc import Callable

import pytest

from tests.support.cli import DONE, USAGE, Cli

Asked = Callable[..., list[str]]
# Where a shell would ask the completion system of its session: only what it would be told is looked at.
ZSH_STUBS = """
compdef() { :; }
_describe() { print -rl -- ${${(@P)4}%%:*} }
_files() { print -rl -- *(N) }
compset() { IPREFIX=${words[CURRENT]%%=*}=; words[CURRENT]=${words[CURRENT]#*=} }
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "zsh", "fish"):
        (folder / shell).write_text(Cli().done("completion", shell).out, encoding="utf-8")
    return {shell: str(folder / shell) for shell in ("bash", "zsh", "fish")}


def said(*command: str, cwd: pathlib.Path | None = None) -> list[str]:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=cwd, check=False)
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    return ended.stdout.splitlines()


def bash_words(script: str, line: str, cwd: pathlib.Path | None) -> list[str]:
    """As readline cuts them: at an = too."""
    words = [part for word in line.split(" ") for part in re.split("(=)", word) if part or "=" not in word]
    words += [""] if line.endswith("=") else []
    ask = f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _carillon; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return [word for word in said("bash", "--norc", "-c", ask, "bash", *words, cwd=cwd) if word]


def zsh_words(script: str, line: str, cwd: pathlib.Path | None) -> list[str]:
    ask = f'{ZSH_STUBS}; source {script}; words=("$@"); CURRENT=$#; _carillon'
    shown = said("zsh", "-f", "-c", ask, "zsh", *line.split(" "), cwd=cwd)
    last = line.split(" ")[-1]
    return [word for word in shown if word.startswith(last.split("=", 1)[1] if last.startswith("--") and "=" in last else last)]


def fish_words(script: str, line: str, cwd: pathlib.Path | None) -> list[str]:
    shown = [word.split("\t")[0] for word in said("fish", "--no-config", "-c", f"source {script}; complete -C'{line}'", cwd=cwd)]
    last = line.split(" ")[-1]
    return [word.split("=", 1)[1] if last.startswith("--") and "=" in last else word for word in shown]


SHELLS = {"bash": bash_words, "zsh": zsh_words, "fish": fish_words}


@pytest.fixture(params=SHELLS)
def ask(request: pytest.FixtureRequest, scripts: dict[str, str]) -> Asked:
    def asked(line: str, cwd: pathlib.Path | None = None) -> list[str]:
        return SHELLS[request.param](scripts[request.param], line, cwd)

    return asked


def test_a_shell_that_is_not_known_is_refused() -> None:
    ended = Cli()("completion", "tcsh")
    assert (ended.status, ended.out) == (USAGE, "") and "bash, zsh and fish" in ended.err


def overview() -> list[str]:
    lines = Cli().done("--help").out.splitlines()
    return [match.group(1).strip() for line in lines if (match := re.match(r"^  ([a-z]+(?: [a-z]+)?) ", line))]


def test_every_verb_is_completed(ask: Asked) -> None:
    verbs = overview()
    assert len(verbs) > 40
    firsts = {verb.split(" ")[0] for verb in verbs}
    assert set(ask("carillon ")) - {"help"} == firsts
    for first in sorted({verb.split(" ")[0] for verb in verbs if " " in verb}):
        assert set(ask(f"carillon {first} ")) == {verb.split(" ")[1] for verb in verbs if verb.startswith(f"{first} ")}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_of_every_verb_is_completed(scripts: dict[str, str], shell: str) -> None:
    for verb in overview() if shell == "bash" else ("submit", "tenant create", "export", "drain"):
        help_text = Cli().done(*verb.split(" "), "--help").out
        flags = set(re.findall(r"^  (--[a-z0-9-]+)", help_text, re.MULTILINE))
        assert len(flags) > 10
        assert set(SHELLS[shell](scripts[shell], f"carillon {verb} --", None)) == flags | {"--help", "--version"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("carillon tr", ["trunk"]),
        ("carillon tenant cr", ["create", "credit"]),
        ("carillon help ten", ["tenant"]),
        ("carillon --js", ["--json"]),
        ("carillon export batch_c0_a --format ", ["csv", "ndjson"]),
        ("carillon export --format c", ["csv"]),
        ("carillon export --format=n", ["ndjson"]),
        ("carillon stop ", ["cell", "tenant", "trunk"]),
        ("carillon start b", ["batch"]),
        ("carillon drain c0 --wait --wai", ["--wait", "--wait-s"]),
        ("carillon completion z", ["zsh"]),
        ("carillon watch ", []),
        ("carillon nonsense ", []),
    ],
)
def test_what_can_stand_there_is_told(ask: Asked, line: str, words: list[str]) -> None:
    assert sorted(ask(line)) == words


def test_a_value_before_the_verb_is_no_verb(ask: Asked) -> None:
    assert ask("carillon --cell c0 --json --url=http://x tenant l") == ["list"]


@pytest.mark.parametrize("line", ("carillon submit ca", "carillon watch b --api-key-file ca", "carillon --config ca"))
def test_files_are_completed_where_one_is_wanted(ask: Asked, tmp_path: pathlib.Path, line: str) -> None:
    (tmp_path / "campaign.json").write_text("{}", encoding="ascii")
    assert ask(line, tmp_path) == ["campaign.json"]


def test_a_session_of_bash_asks_it(scripts: dict[str, str]) -> None:
    assert "complete -F _carillon carillon" in said("bash", "--norc", "-c", f"source {scripts['bash']}; complete -p carillon")


def test_zsh_finds_it_by_its_file(scripts: dict[str, str], tmp_path: pathlib.Path) -> None:
    (tmp_path / "_carillon").write_bytes(pathlib.Path(scripts["zsh"]).read_bytes())
    ask = f"fpath=({tmp_path} $fpath); autoload -U compinit; compinit -u -d {tmp_path}/dump; print $_comps[carillon]; {ZSH_STUBS}"
    ask += "; words=(carillon tru); CURRENT=2; autoload -U _carillon; _carillon"
    shown = said("zsh", "-f", "-c", ask)
    assert shown[0] == "_carillon" and "trunk" in shown


def test_it_needs_neither_redis_nor_a_producer() -> None:
    assert Cli(redis_url="redis://127.0.0.1:1", url="http://127.0.0.1:1")("completion", "bash").status == DONE
