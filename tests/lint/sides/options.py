# SPDX-License-Identifier: Apache-2.0
"""Options, verbs, variables of the environment, exit codes; and what is deployed sets none that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.lint.sides.tree import START, Tree, code_lines, differences, rows, words

FLAG = r"(?<![\w-])--([a-z][a-z0-9-]*)"
PROGRAMS = ("carillon-producer", "carillon-worker", "carillon-notifier")
NAMED_OPTION = r'\.name = "([a-z][a-z0-9-]*)",[\s\\]*\.kind = CONF_'
EVERYWHERE = {"config", "help", "version"}
# What no table of options has: {flag: whose it is}. A flag that follows the name of another's program needs no row.
OTHERS: dict[str, str] = {"aclfile": "redis-server"}
STRANGERS = re.compile(
    r"(?<![\w/-])(redis-server|redis-cli|redis-sentinel|docker|docker-compose|podman|kubectl|systemctl|systemd-\w+|promtool|prometheus|"
    r"curl|git|npm|node|pytest|python3|apt-get|openssl|deploy/[\w/.-]+|tests/[\w/.-]+)(?![\w-])"
)
OURS = re.compile(START + r"(carillon(?:-producer|-worker|-notifier)?)(?= |$)")


def spelled_options(tree: Tree) -> set[str]:
    return words(NAMED_OPTION, *tree.sources().values())


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
    """Of a row that a macro makes only the name is looked for."""
    told = set().union(*told_options(tree).values()) - EVERYWHERE
    spelled = spelled_options(tree) - EVERYWHERE
    text = "\n".join(tree.sources().values())
    spelled |= {name for name in told if f'"{name}"' in text}
    yield from differences("option", {f"--{name}" for name in spelled}, {f"--{name}" for name in told}, "docs/config.md")


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
    anybody = set().union(*told.values()) | set(OTHERS) | words(FLAG, tree.text("deploy/install-deps.sh"))
    carrier = words(r'\.name = "([a-z][a-z0-9-]*)"', *tree.texts(r"tests/carrier/.*\.c").values())
    for page, text in tree.pages().items():
        for line in code_lines(text):
            for command in re.split(r"\||&&|;|`", line):
                if STRANGERS.search(command):
                    continue
                ours = OURS.search(command)
                names = words(FLAG, command[ours.end() :] if ours else command) - EVERYWHERE
                names -= carrier if "carillon-carrier" in command else taken_by(command, told) or anybody
                yield from (f"{page}: there is no option --{name} in `{command.strip()}`" for name in sorted(names))


def spelled_verbs(tree: Tree) -> set[str]:
    verbs = set()
    for text in tree.texts(r"producer/cli/.*\.c").values():
        verbs |= words(r'\.words = "([a-z ]+)"', text)
        for macro in words(r"#define (\w+)\(words_", text):
            verbs |= words(rf'\b{macro}\("([a-z ]+)"', text)
    return verbs


def check_verbs(tree: Tree) -> Iterator[str]:
    spelled = spelled_verbs(tree)
    told = {name.removeprefix("carillon ") for name in told_options(tree) if name.startswith("carillon ")}
    yield from differences("verb", spelled, told, "docs/config.md")
    groups = {verb.split(" ")[0] for verb in spelled if " " in verb}
    for page, text in tree.pages().items():
        for line in code_lines(text):
            for first, second in re.findall(START + r"carillon ([a-z]+)(?: ([a-z]+)\b)?", line):
                is_known = first in spelled or (first in groups and (not second or f"{first} {second}" in spelled))
                if not is_known:
                    yield f"{page}: there is no such verb: carillon {first} {second}".rstrip()


VARIABLE = r"\b(CARILLON_[A-Z][A-Z_]*)\b"
# Which a build without -DCARILLON_BREAKPOINTS does not know: common/base/breakpoint.h.
OF_TESTS = {"CARILLON_BREAKPOINT"}


def variables_of_options(tree: Tree) -> set[str]:
    names = set().union(*told_options(tree).values()) | {"config"}
    return {f"CARILLON_{name.upper().replace('-', '_')}" for name in names}


def check_environment(tree: Tree) -> Iterator[str]:
    """A variable that a page names is an option's, or one that a source or a test reads; what a program reads besides its
    options is named by a page."""
    told = words(VARIABLE, *tree.pages().values())
    read = words(r'getenv\("(CARILLON_\w+)"\)', *tree.sources().values())
    spelled = read | words(VARIABLE, *tree.texts(r"tests/.*\.(?:py|c|h)|deploy/.*|Makefile|docker-compose\.yml").values())
    unread = told - variables_of_options(tree) - spelled
    yield from (f"a page names the variable {name}, which nobody reads" for name in sorted(unread))
    yield from (f"the variable {name} is read, and no page names it" for name in sorted(read - told - OF_TESTS))


def check_deployed(tree: Tree) -> Iterator[str]:
    """What is deployed sets options that there are."""
    variables = variables_of_options(tree)
    for path, text in tree.texts(r"deploy/config/.*\.conf").items():
        for name in sorted(words(r"^(?:# )?([a-z_]+) = ", text)):
            if f"CARILLON_{name.upper()}" not in variables:
                yield f"{path}: there is no option {name}"
    variables |= words(VARIABLE, *tree.texts(r"deploy/.*\.(?:py|sh)").values())
    for path, text in tree.texts(r"deploy/(?:.*\.(?:service|ya?ml)|Dockerfile.*)|docker-compose[\w.-]*\.yml").items():
        used = words(r"(?<!\$\{)(?<!\$)" + VARIABLE, re.sub(r"^#.*$", "", text, flags=re.MULTILINE))
        yield from (f"{path}: {name} is no option's variable" for name in sorted(used - variables))


def check_compose(tree: Tree) -> Iterator[str]:
    """What may be set from outside for docker-compose.yml stands at its top."""
    text = tree.text("docker-compose.yml")
    head = "\n".join(re.findall(r"^#.*$", text[: text.index("\nversion:")], re.MULTILINE))
    told = words(r"\b([A-Z]+_[A-Z_]+|BASE|VERSION)\b", head)
    yield from differences("variable", words(r"\$\{([A-Z_]+)", text), told, "the top of docker-compose.yml")


def check_exit_codes(tree: Tree) -> Iterator[str]:
    (ours,) = re.findall(r"enum cli_exit \{(.*?)\};", tree.text("producer/cli/exit.h"), re.DOTALL)
    (daemons,) = re.findall(r"\{\s*(DAEMON_EXIT_.*?)\}", tree.text("common/daemon/daemon_internal.h"), re.DOTALL)
    spelled = words(r"= (\d+)", ours) | {str(i) for i, _ in enumerate(re.findall(r"DAEMON_EXIT_\w+", daemons))}
    text = tree.text("docs/config.md")
    table = text[text.index("| exit code |") :].split("\n\n")[0]
    yield from differences("exit code", spelled, {row[0] for row in rows(table)[1:]}, "docs/config.md")
