#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the man pages from what the programs say of themselves: every verb and every option of their tables. Run by
`make man`; what it writes is never committed."""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Iterable

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from deploy.help_text import DAEMONS, TOOL, Option, Verb, help_of, options_of, verbs_of  # noqa: E402

WHAT = {
    "carillon-producer": "the HTTP API of a Carillon fleet",
    "carillon-worker": "places the calls of a Carillon fleet",
    "carillon-notifier": "delivers the webhooks of a Carillon fleet",
    TOOL: "submit and watch campaigns, and run a Carillon fleet",
}
ABOUT = {
    "carillon-producer": "It takes batches of calls in, controls them and tells how they are. Any number of them may run at a time; "
                         "all that they know lies in Redis.",
    "carillon-worker": "It claims calls that are due, asks a voice platform to place them, and settles what became of them, by the "
                       "platform's callbacks and by asking. Any number of them share the work.",
    "carillon-notifier": "It reads the events that the engine wrote, and delivers them, signed, to the tenants' endpoints until they are "
                         "taken or given up. Any number of them share the work.",
    TOOL: "Its verbs submit, watch and control campaigns through a producer, and administer cells, tenants, trunks and keys in Redis.",
}  # fmt: skip
EXITS = (
    ("0", "done"),
    ("1", "failed"),
    ("2", "usage: a flag makes no sense, or something required is missing"),
    ("3", "configuration: the environment, the file or a file that an option names; a cell of another schema; a permission that the "
          "user of Redis lacks"),
    ("4", "Redis cannot be reached at start, or is not fit"),
)  # fmt: skip
SIGNALS = (
    ("SIGTERM, SIGINT", "takes nothing more on, ends what is under way, and exits with 0; a second one ends it at once, with nothing lost"),
    ("SIGHUP", "reads the file of \\-\\-config again: the options that say so, the level of the log among them"),
)


def text(words: str) -> str:
    """A line of text as roff wants it."""
    plain = words.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha").replace("~", "\\(ti").replace("'", "\\(aq")
    return "\\&" + plain if plain.startswith((".", "'")) else plain


def item(head: str, body: Iterable[str]) -> list[str]:
    return [".TP", head, *body]


def option_item(option: Option) -> list[str]:
    value = f" \\fI{text(option.spelling)}\\fR" if option.spelling else "[=false]"
    marks = "; ".join(reversed(option.marks))
    body = [text(option.meaning), *([f"({text(marks)})"] if marks else [])]
    return item(f"\\fB\\-\\-{text(option.name)}\\fR{value}", body)


def options(rows: Iterable[Option]) -> list[str]:
    return [line for row in rows for line in option_item(row)]


def head(name: str, section: int, version: str, date: str) -> list[str]:
    lines = [
        f'.TH {text(name.upper())} {section} "{date}" "Carillon {version}" "Carillon"',
        *(".SH NAME", f"{text(name)} \\- {text(WHAT[name])}"),
    ]  # fmt: skip
    return lines


def foot(name: str) -> list[str]:
    others = [f".BR {text(other)} ({1 if other == TOOL else 8})" for other in (TOOL, *DAEMONS) if other != name]
    return [".SH SEE ALSO", *(f"{other}," for other in others[:-1]), others[-1], ".PP",
            "Every option, and what it means for a fleet: docs/config.md and docs/operations.md of the sources."]  # fmt: skip


def exits() -> list[str]:
    return [".SH EXIT STATUS", *(line for code, meaning in EXITS for line in item(f"\\fB{code}\\fR", [text(meaning)]))]


ENVIRONMENT = [
    *item("\\fBCARILLON_\\fINAME\\fR", ["the option of that name, in upper case and with underscores: \\-\\-redis\\-url is",
                                       "CARILLON_REDIS_URL. A flag goes before the environment, the environment before the file."]),
    *item("\\fBCARILLON_CONFIG\\fR", ["the file of \\-\\-config"]),
]  # fmt: skip
ASIDE = [
    *item("\\fB\\-\\-config\\fR \\fIFILE\\fR", ["an INI file of options, a line each: redis_url = redis://127.0.0.1:6379/0. Lines before",
                                              "the first [group] are for every process, those of [name] for the one of that name."]),
    *item("\\fB\\-\\-help\\fR", ["tell the options, and end"]),
    *item("\\fB\\-\\-version\\fR", ["tell the version, and end"]),
]  # fmt: skip


def daemon_page(directory: pathlib.Path, name: str, version: str, date: str) -> list[str]:
    return [
        *head(name, 8, version, date),
        *(".SH SYNOPSIS", f".B {text(name)}", "[\\fIOPTION\\fR]..."),
        *(".SH DESCRIPTION", text(ABOUT[name]), ".PP", "It logs to stderr, one JSON object a line, and serves \\fI/healthz\\fR,"),
        *("\\fI/readyz\\fR and \\fI/metrics\\fR on its \\-\\-listen address.",),
        *(".SH OPTIONS", *options(options_of(help_of(directory, name))), *ASIDE),
        *(".SH ENVIRONMENT", *ENVIRONMENT),
        *(".SH SIGNALS", *(line for signal, meaning in SIGNALS for line in item(f"\\fB{signal}\\fR", [meaning]))),
        *exits(),
        *foot(name),
    ]


def verb_section(verb: Verb) -> list[str]:
    usage = f"\\fBcarillon {text(verb.words)}\\fR" + (f" \\fI{text(verb.subjects)}\\fR" if verb.subjects else "") + " [\\fIOPTION\\fR]..."
    about = [".PP", *(text(line) for line in verb.about)] if verb.about else []
    meaning = text(verb.meaning[0].upper() + verb.meaning[1:]) + "."
    return [f".SS {text(verb.words)}", usage, ".PP", meaning, *about, *options(verb.options)]


def tool_page(directory: pathlib.Path, version: str, date: str) -> list[str]:
    verbs = verbs_of(directory)
    return [
        *head(TOOL, 1, version, date),
        *(".SH SYNOPSIS", f".B {TOOL}", "\\fIVERB\\fR [\\fIOPTION\\fR]..."),
        *(".SH DESCRIPTION", text(ABOUT[TOOL])),
        *(".SH VERBS", *(line for verb in verbs for line in verb_section(verb))),
        *(".SH OPTIONS", "Of every verb:", *options(verbs[0].common), *ASIDE),
        *(".SH ENVIRONMENT", *ENVIRONMENT),
        *exits(),
        *foot(TOOL),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="the folder of the programs")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder of the pages")
    parser.add_argument("--version", default="")
    parser.add_argument("--date", default="", help="of the version: YYYY-MM-DD")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    pages = {f"{TOOL}.1": tool_page(given.programs, given.version, given.date)}
    pages |= {f"{name}.8": daemon_page(given.programs, name, given.version, given.date) for name in DAEMONS}
    for name, lines in pages.items():
        (given.out / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
