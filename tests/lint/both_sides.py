#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where the pages and the sources know different things: options, verbs, variables of the environment, routes, error
codes, reasons, exit codes, metrics, keys of Redis, scripts, targets of make.

Looked at: README.md and docs/*.md, but for the changelog and the decisions, which tell of what was. What the programs say of
themselves (docs/config.md), the tables of states and docs/openapi.yaml have checkers of their own; `make docs-check` runs all.

A check is a generator of faults over a Tree, which a test may change before it is looked at (tests/integration/test_docs_lint.py)."""

from __future__ import annotations

import functools
import importlib.util
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support import openapi  # noqa: E402
from tests.support.keys_page import KeysPage  # noqa: E402

PROGRAMS = ("carillon-producer", "carillon-worker", "carillon-notifier")
CODE_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^|(?<=\n\n))((?:    [^\n]*\n)+)")
CODE = re.compile(r"`([^`]+)`")
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")


class Tree:
    """The text of the files that git knows, some of them as a test has written them."""

    def __init__(self, written: Mapping[str, str] | None = None) -> None:
        self._written = dict(written or {})

    def paths(self, pattern: str) -> list[str]:
        """Of the whole repository, by a regular expression."""
        known = dict.fromkeys([*listed(), *self._written])
        return [path for path in known if re.fullmatch(pattern, path)]

    def text(self, path: str) -> str:
        return self._written[path] if path in self._written else read(path)

    def texts(self, pattern: str) -> dict[str, str]:
        return {path: self.text(path) for path in self.paths(pattern)}

    def pages(self) -> dict[str, str]:
        return self.texts(r"README\.md|docs/(?!CHANGELOG)[\w-]+\.md")

    def sources(self) -> dict[str, str]:
        """What ships, in C."""
        return self.texts(r"(?:common|producer|worker|notifier)/.*\.[ch]")


@functools.cache
def listed() -> tuple[str, ...]:
    found = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for path in found.split("\n") if path and (ROOT / path).is_file())


@functools.cache
def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def differences(kind: str, present: set[str], told: set[str], where: str) -> Iterator[str]:
    yield from (f"the {kind} {name} is there, and {where} does not tell of it" for name in sorted(present - told))
    yield from (f"{where} tells of the {kind} {name}, which is not there" for name in sorted(told - present))


def cells(row: str) -> list[str]:
    """Of a row of a table."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


def section(text: str, heading: str) -> str:
    """What stands under a heading, to the next one of its rank or a higher one."""
    at = text.index(f"\n{heading}\n") + len(heading) + 2
    level = heading.split(" ")[0]
    end = re.search(rf"^#{{1,{len(level)}}} ", text[at:], re.MULTILINE)
    return text[at : at + end.start()] if end else text[at:]


def code_lines(text: str) -> Iterator[str]:
    """What stands as code on a page, a command or a word at a time; continued lines are one."""
    for _, block in CODE_BLOCK.findall(text):
        yield from block.replace("\\\n", " ").split("\n")
    text = CODE_BLOCK.sub("", text)
    for block in INDENTED.findall(text):
        yield from block.replace("\\\n", " ").split("\n")
    for part in re.split(r"\n\n|\n(?=[|#-])", INDENTED.sub("", text)):
        yield from (code.replace("\n", " ") for code in CODE.findall(part))


# ---- options, verbs, the environment ----

NAMED_OPTION = re.compile(r'\.name = "([a-z][a-z0-9-]*)",[\s\\]*\.kind = CONF_')
EVERYWHERE = {"config", "help", "version"}
# What no table of options has: {flag: whose it is}. A flag that follows the name of another's program needs no row.
OTHERS: dict[str, str] = {"aclfile": "redis-server"}
STRANGERS = re.compile(
    r"(?<![\w/-])(redis-server|redis-cli|redis-sentinel|docker|docker-compose|podman|kubectl|systemctl|systemd-\w+|promtool|prometheus|curl|"
    r"git|npm|node|pytest|python3|apt-get|openssl|deploy/[\w/.-]+|tests/[\w/.-]+)(?![\w-])"
)
# Where a command begins, as far as one can tell.
START = r"(?:^|[|;&(]|\b(?:sudo|exec|watch|timeout(?: --?\S+)* \d+))\s*(?:[A-Z_]+=\S* )*(?:\S*/bin/)?"
OURS = re.compile(START + r"(carillon(?:-producer|-worker|-notifier)?)(?= |$)")


def spelled_options(tree: Tree) -> set[str]:
    return {name for text in tree.sources().values() for name in NAMED_OPTION.findall(text)}


def told_options(tree: Tree) -> dict[str, set[str]]:
    """docs/config.md: what a program or a verb takes, "" for what all do, "carillon" for all verbs."""
    told: dict[str, set[str]] = {}
    holder = ""
    for line in tree.text("docs/config.md").split("\n"):
        if line.startswith("## "):
            holder = {"Every process": ""}.get(line[3:], line[3:])
        found = re.match(r"\| `([a-z]+(?: [a-z]+)?)` \| \|", line)
        if found:
            holder = f"carillon {found[1]}"
            told[holder] = set()
        found = re.match(r"\| (?:\| )?`--([a-z0-9-]+)`", line)
        if found:
            told.setdefault(holder, set()).add(found[1])
    return told


def check_options(tree: Tree) -> Iterator[str]:
    told = set().union(*told_options(tree).values())
    text = "\n".join(tree.sources().values())
    yield from (
        f"the option --{name} is there, and docs/config.md does not tell of it" for name in sorted(spelled_options(tree) - told - EVERYWHERE)
    )
    yield from (
        f"docs/config.md tells of the option --{name}, which is not there" for name in sorted(told - EVERYWHERE) if f'"{name}"' not in text
    )


def taken_by(line: str, told: dict[str, set[str]]) -> set[str] | None:
    """The options that may follow the command of the line; None where it is none of ours."""
    found = OURS.search(line)
    if not found:
        return None
    program, rest = found[1], line[found.end() :].split()
    if program != "carillon":
        return told[""] | told[program]
    for n in (2, 1):
        verb = " ".join(["carillon", *rest[:n]])
        if verb in told:
            return told["carillon"] | told[verb]
    # A group of verbs, or the verb is left out: any that some verb takes.
    return set().union(*(names for name, names in told.items() if name.startswith("carillon") and name not in PROGRAMS))


def check_flags(tree: Tree) -> Iterator[str]:
    """What a page writes as an option is one: of the verb or the program before it, or of any of ours where none is named."""
    told = told_options(tree)
    anybody = set().union(*told.values()) | EVERYWHERE | set(OTHERS)
    anybody |= set(re.findall(r"--([a-z][a-z0-9-]*)", tree.text("deploy/install-deps.sh")))
    carrier = set(re.findall(r'\.name = "([a-z][a-z0-9-]*)"', "\n".join(tree.texts(r"tests/carrier/.*\.c").values())))
    for page, text in tree.pages().items():
        for line in code_lines(text):
            for command in re.split(r"\||&&|;|`", line):
                ours = OURS.search(command)
                names = set(FLAG.findall(command[ours.end() :] if ours else command))
                taken = carrier if "carillon-carrier" in command else taken_by(command, told)
                if STRANGERS.search(command) or taken is None:
                    taken = names if STRANGERS.search(command) else anybody
                yield from (f"{page}: there is no option --{name} in `{command.strip()}`" for name in sorted(names - taken - EVERYWHERE))


def spelled_verbs(tree: Tree) -> set[str]:
    verbs = set()
    for text in tree.texts(r"producer/cli/.*\.c").values():
        verbs |= set(re.findall(r'\.words = "([a-z ]+)"', text))
        for macro in re.findall(r"#define (\w+)\(words_", text):
            verbs |= set(re.findall(rf'\b{macro}\("([a-z ]+)"', text))
    return verbs


def check_verbs(tree: Tree) -> Iterator[str]:
    spelled = spelled_verbs(tree)
    told = {name.removeprefix("carillon ") for name in told_options(tree) if name.startswith("carillon ")}
    yield from differences("verb", spelled, told, "docs/config.md")
    groups = {verb.split(" ")[0] for verb in spelled if " " in verb}
    single = spelled - {verb for verb in spelled if " " in verb}
    for page, text in tree.pages().items():
        for line in code_lines(text):
            for first, second in re.findall(START + r"carillon ([a-z]+)(?: ([a-z]+)\b)?", line):
                known = first in single or (first in groups and (not second or f"{first} {second}" in spelled))
                if not known:
                    yield f"{page}: there is no such verb: carillon {first} {second}".rstrip()


def check_environment(tree: Tree) -> Iterator[str]:
    """A variable that a page names is an option's, or one that a source or a test reads; what a program reads besides its
    options is named by a page."""
    pages = "\n".join(tree.pages().values())
    told = set(re.findall(r"\bCARILLON_[A-Z][A-Z_]*\b", pages))
    flags = set().union(*told_options(tree).values()) | {"config"}
    of_options = {f"CARILLON_{name.upper().replace('-', '_')}" for name in flags}
    read_by_programs = {name for text in tree.sources().values() for name in re.findall(r'getenv\("(CARILLON_\w+)"\)', text)}
    others = "\n".join(tree.texts(r"tests/.*\.(?:py|c|h)|deploy/.*|Makefile|docker-compose\.yml").values())
    spelled = read_by_programs | set(re.findall(r"\bCARILLON_[A-Z][A-Z_]*\b", others))
    yield from (f"a page names the variable {name}, which nobody reads" for name in sorted(told - of_options - spelled))
    yield from (
        f"the variable {name} is read, and no page names it" for name in sorted(read_by_programs - told - {"CARILLON_BREAKPOINT"})
    )  # which a build without -DCARILLON_BREAKPOINTS does not know: common/base/breakpoint.h


def check_exit_codes(tree: Tree) -> Iterator[str]:
    (ours,) = re.findall(r"enum cli_exit \{(.*?)\};", tree.text("producer/cli/exit.h"), re.DOTALL)
    (daemons,) = re.findall(r"\{\s*(DAEMON_EXIT_.*?)\}", tree.text("common/daemon/daemon_internal.h"), re.DOTALL)
    spelled = set(re.findall(r"= (\d+)", ours)) | {str(i) for i, _ in enumerate(re.findall(r"DAEMON_EXIT_\w+", daemons))}
    text = tree.text("docs/config.md")
    rows = text[text.index("| exit code |") :].split("\n\n")[0].split("\n")[2:]
    yield from differences("exit code", spelled, {cells(row)[0] for row in rows}, "docs/config.md")


# ---- the API ----


@functools.cache
def openapi_lint() -> Any:
    spec = importlib.util.spec_from_file_location("carillon_lint_openapi_of_both", ROOT / "tests" / "lint" / "openapi.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def described_codes(text: str) -> frozenset[str]:
    return frozenset(code for _, code in openapi_lint().described_errors(openapi.Description(openapi.load(text))))


def served_routes(tree: Tree) -> set[str]:
    """The paths of all programs. What the table of a source does not hold is spelled where it is registered."""
    found = {path for text in tree.sources().values() for _, path in openapi_lint().routes_in(text)}
    found |= {path for text in tree.texts(r"worker/.*\.c").values() for path in re.findall(r'"(/callbacks/[^"]*)"', text)}
    return found


def pattern_of(route: str) -> str:
    parts = re.split(r"(\{\w+(?:\.\.\.)?\})", route)
    return "".join(".*" if part.endswith("...}") else "[^/]+" if part.startswith("{") else re.escape(part) for part in parts)


def check_routes(tree: Tree) -> Iterator[str]:
    """Every path that a page names is served, and every one that is served is named by a page."""
    served = served_routes(tree)
    patterns = [re.compile(pattern_of(route)) for route in served]
    firsts = {route.split("/")[1] for route in served}
    named: dict[str, str] = {}
    for page, text in tree.pages().items():
        for line in code_lines(text):
            for path in re.findall(r"(?<![\w.*>\]}/])(?:<public URL>|https?://(?:127\.0\.0\.1|localhost|\[::1\]|HOST)(?::\w+)?)?(/[a-z][\w/{}<>$.-]*)", line):
                if path.split("/")[1] in firsts:
                    named.setdefault(re.sub(r"<\w+>|\$\w+|\$\{\w+\}", "{x}", path).rstrip(".$"), page)
    for path, page in sorted(named.items()):
        begins = any(route.startswith(path.rstrip("/") + "/") for route in served)
        if not begins and not any(pattern.fullmatch(path) for pattern in patterns):
            yield f"{page}: nothing serves {path}"
    shortened = openapi_lint().shortened(tree.text("docs/api.md"))
    for route in sorted(served - shortened):
        if not any(re.fullmatch(pattern_of(route), path) or path == route for path in named):
            yield f"{route} is served, and no page names it"


def check_errors(tree: Tree) -> Iterator[str]:
    """The table of errors of docs/api.md, and the codes that docs/openapi.yaml describes, which are those of the sources
    (tests/lint/openapi.py)."""
    rows = [cells(line) for line in section(tree.text("docs/api.md"), "## Errors").split("\n") if re.match(r"\| \d{3} ", line)]
    told = {code for row in rows for code in re.findall(r"`([A-Z_]+)`", row[1])}
    yield from differences("error code", set(described_codes(tree.text("docs/openapi.yaml"))), told, "docs/api.md")


def check_reasons(tree: Tree) -> Iterator[str]:
    """What /why answers, and what becomes of webhooks."""
    spelled = set(re.findall(r'^    ROW\("([A-Z_]+)"', tree.text("common/domain/why.c"), re.MULTILINE)) - {"BATCH_INGESTING"}
    rows = [cells(line)[0] for line in section(tree.text("docs/api.md"), "## GET /api/v1/batch/{id}/why").split("\n") if line.startswith("| `")]
    told = {code for row in rows for code in re.findall(r"`([A-Z_]+)`", row)}
    yield from differences("reason", spelled, told, "docs/api.md")
    codes = r'(?:hopeless|failed)\("([a-z_]+)"'
    spelled = set(re.findall(codes, tree.text("notifier/verdict.c")))
    given_up = "\n".join(tree.texts(r"common/lua/hook_[a-z_]+\.lua").values())
    spelled |= {code for call in re.findall(r"(?:settle_dead|give_up|clear_out)\((.*)\)", given_up) for code in re.findall(r"'([a-z_]+)'", call)}
    text = section(tree.text("docs/webhooks.md"), "## What is tried again")
    rows = [cells(line)[1] for line in text.split("\n") if line.startswith("| ")][1:]
    told = {code for cell in (*rows, *re.findall(r"has a `reason`:(.*?)\n\n", text, re.DOTALL)) for code in re.findall(r"`([a-z_]+)`", cell)}
    yield from differences("webhook code", spelled | {"ok"}, told, "docs/webhooks.md")


def check_capitals(tree: Tree) -> Iterator[str]:
    """A code in capitals with an underscore, on any page, is spelled somewhere: no page tells of one that was renamed."""
    known = set()
    for text in tree.texts(r"(?:common|producer|worker|notifier|tests|deploy)/.*\.(?:[ch]|lua|py|sh|yaml|yml|json)|docs/openapi\.yaml|Makefile").values():
        known |= set(re.findall(r"[A-Z]+(?:_[A-Z0-9]+)+", text))
    for page, text in tree.pages().items():
        for word in sorted(set(re.findall(r"`([A-Z]+(?:_[A-Z0-9]+)+)`", text)) - known):
            if not word.startswith("CARILLON_"):
                yield f"{page}: no source spells {word}"


# ---- metrics ----

METRICS_PAGE = "docs/metrics.md"
NO_METRICS = {"carillon_token", "carillon_session"}  # a word of profiles, a cookie


def spelled_metrics(tree: Tree) -> set[str]:
    return {name for text in tree.sources().values() for name in re.findall(r'"(carillon_[a-z0-9_]+)"', text)} - NO_METRICS


# How a source makes one: the kind by the function's name; where it is made so, also its label.
MADE = re.compile(r'\b\w*(counter|gauge|histogram)\((?:[^()";]|\([^()]*\))*?"(carillon_[a-z0-9_]+)"')
LABELED = re.compile(r'"(carillon_[a-z0-9_]+)",\s*(?:"[^"]*"\s*)+,\s*"(\w+)"')


def check_metrics(tree: Tree) -> Iterator[str]:
    """Names on all pages and in what is deployed; on the page of metrics the kind and the labels too."""
    spelled = spelled_metrics(tree)
    shown = spelled | {f"{name}_{part}" for name in spelled for part in ("bucket", "sum", "count")}
    for path, text in {**tree.pages(), **tree.texts(r"deploy/(?:prometheus|grafana)/.*")}.items():
        named = set(re.findall(r"(?<![:\w])carillon_[a-z0-9_]+(?![\w*:])", text)) - NO_METRICS
        yield from (f"{path}: there is no metric {name}" for name in sorted(named - shown))
    if tree.paths(re.escape(METRICS_PAGE)):
        rows = {row[0].strip("`"): row for row in map(cells, tree.text(METRICS_PAGE).split("\n")) if row and row[0].startswith("`carillon_")}
        yield from (f"the metric {name} is there, and {METRICS_PAGE} does not tell of it" for name in sorted(spelled - set(rows)))
        sources = "\n".join(tree.sources().values())
        for kind, name in sorted(set(MADE.findall(sources))):
            if name in rows and rows[name][1] != kind:
                yield f"{METRICS_PAGE}: {name} is a {kind}, not a {rows[name][1]}"
        for name, label in sorted(set(LABELED.findall(sources))):
            if name in rows and f"`{label}`" not in rows[name][2]:
                yield f"{METRICS_PAGE}: {name} has the label {label}"


# ---- keys, scripts ----

LUA_PART = r"(?:'[^']*'|\([^()]*\)|[\w.]+(?:\([^()]*(?:\([^()]*\))?[^()]*\))?)"
LUA_NAME = re.compile(rf"\b(P|key_batch\([^)]*\)|key_tenant\([^)]*\)) \.\. ('[^']*'(?: \.\. {LUA_PART})*)")
LUA_STARTS = {"P": "", "key_batch": "batch:*", "key_tenant": "tenant:*"}
CHANNELS = {"wake", "wake:events"}


def keys_in_lua(tree: Tree) -> Iterator[tuple[str, str]]:
    """(where, name) of every key that a script puts together, with * for what it fills in."""
    for path, text in tree.texts(r"common/lua/.*\.lua").items():
        for start, rest in LUA_NAME.findall(text):
            parts = (part.strip("'") if part.startswith("'") else "*" for part in rest.split(" .. "))
            name = LUA_STARTS[start.split("(")[0]] + "".join(parts)
            yield path, name + "*" if name.endswith(":") else name  # what follows is put behind it elsewhere


def keys_in_c(tree: Tree) -> Iterator[tuple[str, str]]:
    for text in re.findall(r'make\("carillon:\{(?:%s|dir)\}:(.*?)[,)]', tree.text("common/redis/keys.c")):
        yield "common/redis/keys.c", re.sub(r'%s|%u|%c|%" PRIu64', "*", text).replace('"', "")


def is_one_of(name: str, of: str) -> bool:
    """Whether `name` is what `of` says, where * in either stands for one part."""
    return re.fullmatch(re.escape(of).replace(r"\*", "[^:/]+"), name) is not None


def check_keys(tree: Tree) -> Iterator[str]:
    """What the code can spell stands on the page of keys, and each row of it is a family that `carillon inspect` knows.
    That every row is a key that is there at all is shown by tests/e2e/test_redis_keys.py."""
    page = KeysPage(tree.text("docs/redis-keys.md"))
    rows = [re.sub(r"<[a-z0-9_]+>", "*", row.name.split("}:", 1)[1]) for row in page.rows]
    spelled = {(where, name) for where, name in (*keys_in_lua(tree), *keys_in_c(tree)) if name and name not in CHANNELS}
    for where, name in sorted(spelled):
        if not any(is_one_of(row, name) or is_one_of(name, row) for row in rows):
            yield f"the key {name} is spelled by {where}, and docs/redis-keys.md does not tell of it"
    known = re.findall(r'^    \{(true|false), "([^"]+)", "(\w+)",', tree.text("producer/cli/key_family.c"), re.MULTILINE)
    families = {{"true": "carillon:{dir}:", "false": "carillon:{<cell>}:"}[is_dir] + name for is_dir, name, _ in known}
    yield from differences("key", families, {row.name for row in page.rows}, "docs/redis-keys.md")


def check_scripts(tree: Tree) -> Iterator[str]:
    """The table of scripts, and who is said to write a key."""
    scripts = {pathlib.Path(path).stem for path in tree.paths(r"common/lua/[a-z_]+\.lua")}
    told = set(re.findall(r"^\| `([a-z_]+)` \|", tree.text("docs/scripts.md"), re.MULTILINE))
    yield from differences("script", scripts, told, "docs/scripts.md")
    text = tree.text("docs/redis-keys.md")
    for row in (cells(line) for line in text.split("\n") if line.startswith("| `")):
        if len(row) == 6:
            named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", row[4]))
            yield from (f"docs/redis-keys.md: there is no script {name}" for name in sorted(named - scripts))


def check_index(tree: Tree) -> Iterator[str]:
    """docs/README.md leads to every page. That what it leads to is there is checked by tests/lint/docs.py."""
    pages = {path.removeprefix("docs/") for path in tree.paths(r"docs/[\w-]+\.(?:md|yaml)")} - {"README.md"}
    linked = set(re.findall(r"\]\(([\w-]+\.(?:md|yaml))(?:#[\w-]*)?\)", tree.text("docs/README.md")))
    yield from (f"docs/README.md does not lead to docs/{page}" for page in sorted(pages - linked))


# ---- threats, and where a worker may die ----


def check_threats(tree: Tree) -> Iterator[str]:
    """Each row of what stops a threat names what shows it; that this is there is checked by tests/lint/docs.py."""
    text = section(tree.text("docs/SECURITY.md"), "## What stops it")
    for row in (cells(line) for line in text.split("\n") if line.startswith("| ") and not line.startswith("| threat |")):
        if len(row) != 3 or not re.search(r"`(?:test_\w+|tests/[\w/.]+)`", row[2]):
            yield f"docs/SECURITY.md: no test shows what stops '{row[0]}'"



def check_crash_points(tree: Tree) -> Iterator[str]:
    """The breakpoints, and the table of a dial's life in docs/architecture.md."""
    dial = re.findall(r'\[DIAL_\w+\] = "(\w+)"', tree.text("worker/dial.c"))
    points = {f"dial.{name}" for name in dial}
    points |= {".".join(names) for text in tree.sources().values() for names in re.findall(r'breakpoint_reach\("(\w+)", "(\w+)"\)', text)}
    rows = [cells(line)[0] for line in section(tree.text("docs/architecture.md"), "## The life of a dial").split("\n") if line.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`(\w+\.\w+)`", row)}
    yield from differences("crash point", points, told, "docs/architecture.md")


# ---- make ----

# Made by other targets and by tests, and nobody's to type.
INNER = {
    "FORCE", "everything", "generated", "probe", "programs", "mutants", "mutant-programs", "breakpoint-programs", "next-programs",
    "old-programs", "test-unit-valgrind", "fuzzers", "help", "install-programs", "install-data", "install-systemd",
}  # fmt: skip
ONE_OF = {"bench-NAME": r"bench-(?:ingest|engine|limited|pacing|fairness|scale|http)"}


def makefiles(tree: Tree) -> str:
    return "\n".join(tree.texts(r"Makefile|deploy/\w+\.mk").values()).replace("\\\n", " ")


def phony_targets(tree: Tree) -> set[str]:
    text = makefiles(tree)
    found = set(" ".join(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)).split())
    if "$(PUBLISHED)" in found:
        (names,) = re.findall(r"^PUBLISHED := \$\(addprefix bench-,([a-z ]+)\)$", text, re.MULTILINE)
        found = (found - {"$(PUBLISHED)"}) | {f"bench-{name}" for name in names.split()}
        text = text.replace("$(PUBLISHED)", " ".join(f"bench-{name}" for name in names.split()))
    ruled = {name for line in re.findall(r"^([a-zA-Z][\w -]*):(?!=)", text, re.MULTILINE) for name in line.split()}
    return found & ruled


def check_targets(tree: Tree) -> Iterator[str]:
    text = makefiles(tree)
    phony = phony_targets(tree)
    told = set(re.findall(r"^##   ([a-z][\w-]*)", text, re.MULTILINE))
    wanted = {name for name in phony - INNER if not re.fullmatch(r"bench-\w+", name)}
    wanted |= {name for name in told & phony}
    yield from differences("target", wanted, told, "make help")
    single = {name for name in phony if re.fullmatch(r"bench-\w+", name)} - told
    if single and not re.search(r"bench-NAME runs one", text):
        yield f"the target {sorted(single)[0]} is there, and make help does not tell of it"
    for page, words in tree.pages().items():
        for line in code_lines(words):
            for name in re.findall(START + r"make (?:-\w+ )*([a-z][\w-]*)", line):
                if name not in phony:
                    yield f"{page}: there is no target `make {name}`"


CHECKS: tuple[Callable[[Tree], Iterator[str]], ...] = (
    check_options, check_flags, check_verbs, check_environment, check_exit_codes, check_routes, check_errors, check_reasons, check_capitals,
    check_metrics, check_keys, check_scripts, check_index, check_threats, check_crash_points, check_targets,
)  # fmt: skip


def main() -> int:
    faults = [fault for check in CHECKS for fault in check(Tree())]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
