# SPDX-License-Identifier: Apache-2.0
"""The man pages: every verb and every option is in them, and they are well formed."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

from tests.support.processes import program, run

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = {"carillon": "carillon.1", **{f"carillon-{name}": f"carillon-{name}.8" for name in ("producer", "worker", "notifier")}}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """As `make man` writes them."""
    out = tmp_path_factory.mktemp("man")
    command = [sys.executable, "deploy/man.py", "--programs", str(program("carillon").parent), "--out", str(out),
               "--version", "1.2-3", "--date", "2026-11-30"]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return out


def read(pages: pathlib.Path, name: str) -> str:
    """As a reader sees it, on lines that are long enough not to be cut."""
    shown = subprocess.run(["mandoc", "-T", "utf8", "-O", "width=1000", str(pages / name)], capture_output=True, text=True, check=True)
    return re.sub(".\b", "", shown.stdout)


@pytest.mark.parametrize("page", PAGES.values())
def test_a_page_is_well_formed(pages: pathlib.Path, page: str) -> None:
    linted = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(pages / page)], capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_what_is_not_well_formed_is_noticed(pages: pathlib.Path, tmp_path: pathlib.Path) -> None:
    torn = tmp_path / "carillon.1"
    torn.write_text((pages / "carillon.1").read_text(encoding="utf-8").replace(".SH OPTIONS", ".SX OPTIONS"), encoding="utf-8")
    assert subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(torn)], capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("process", [name for name in PAGES if name != "carillon"])
def test_every_option_of_a_process_is_in_its_page(pages: pathlib.Path, process: str) -> None:
    shown = read(pages, PAGES[process])
    flags = [word for word in run(process, "--help").stdout.split() if word.startswith("--")]
    assert len(flags) > 10
    for flag in flags:
        assert re.search(rf"^ +{re.escape(flag.split('[')[0])}(?![a-z-])", shown, re.MULTILINE), flag
    for heading in ("NAME", "SYNOPSIS", "OPTIONS", "SIGNALS", "EXIT STATUS", "SEE ALSO"):
        assert re.search(rf"^{heading}$", shown, re.MULTILINE), heading


def test_every_verb_and_every_option_of_the_tool_is_in_its_page(pages: pathlib.Path) -> None:
    shown = read(pages, PAGES["carillon"])
    verbs = re.findall(r"^  ([a-z]+(?: [a-z]+)?) .*?  ", run("carillon", "--help").stdout, re.MULTILINE)
    assert len(verbs) > 40
    for verb in verbs:
        help_text = run("carillon", *verb.split(" "), "--help").stdout
        own = help_text.split("Options of every verb:")[0]
        part = re.split(r"\n(?=   [a-z]|[A-Z])", shown.split(f"\n   {verb}\n")[1])[0]
        assert own.splitlines()[0].removeprefix("usage: ") in part
        for flag in re.findall(r"^  (--[a-z0-9-]+)", own, re.MULTILINE):
            assert re.search(rf"^ +{flag}(?![a-z-])", part, re.MULTILINE), (verb, flag)
    for flag in re.findall(r"^  (--[a-z0-9-]+)", help_text.split("Options of every verb:")[1], re.MULTILINE):
        assert re.search(rf"^ +{flag}(?![a-z-])", shown.split("\nOPTIONS\n")[1], re.MULTILINE), flag
    assert "carillon-producer(8)" in shown and "1.2-3" in shown
