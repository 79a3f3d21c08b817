#!/usr/bin/env python3
"""Fails on an include that points the wrong way, and on names and calls that the project does not want.

Layers (docs/architecture.md): a process -> daemon -> {http, redis, metrics} -> {conf, loop, json} -> base, and beside that
a process -> provider -> domain -> {json, base}. No process includes another's headers; tests may include anything."""

import pathlib
import re
import subprocess
import sys

ALLOWED = {
    "common/base": set(),
    "common/conf": {"common/base"},
    "common/loop": {"common/base"},
    "common/json": {"common/base"},
    "common/metrics": {"common/base", "common/conf", "common/loop", "common/json"},
    "common/http": {"common/base", "common/conf", "common/loop", "common/json"},
    "common/redis": {"common/base", "common/conf", "common/loop", "common/json"},
    "common/domain": {"common/base", "common/json"},
    "common/provider": {"common/base", "common/json", "common/domain"},
    "common/daemon": {"common/base", "common/conf", "common/loop", "common/json", "common/http", "common/redis", "common/metrics"},
}
COMMON = set(ALLOWED)
PROCESSES = {"producer": {"producer"}, "producer/cli": {"producer/cli", "producer"}, "worker": {"worker"}, "notifier": {"notifier"}}
GENERATED = {"lua_scripts.h", "profiles.h", "version.h", "web_pages.h", "web_dashboard.h", "carillon/v1/contact.pb-c.h"}
# Who may see libraries that a layer exists to hide.
LIBRARIES = {
    r"<hiredis/|<hiredis\.h": {"common/redis"},
    r"<event2/|<event\.h": {"common/loop", "common/redis"},
    r"<curl/": {"common/http"},
    r"<ares\.h": {"common/http"},
    r"<microhttpd\.h": {"common/http"},
    r"<yajl/": {"common/json"},
    r"<openssl/": {"common/base"},
}
BANNED = re.compile(
    r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atoll|gets|system|popen|sscanf|strtol|strtoll|strtoul|strtoull|strtod"
    r"|usleep|nanosleep|sleep|redisCommand|curl_easy_perform|gethostbyname|setenv)\s*\("
)
BAD_NAMES = re.compile(r"(^|/)(utils?|helpers?|misc|common)\.(c|h)$")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
COMMENT = re.compile(r"/\*.*?\*/", re.S)
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')


def directory(path: str) -> str:
    return str(pathlib.PurePosixPath(path).parent)


def may_include(source: str, target: str) -> bool:
    if source.startswith("tests/"):
        return True
    if source in COMMON:
        return target == source or target in ALLOWED[source]
    return target in COMMON or target in PROCESSES.get(source, set())


def blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group(0))


def check(path: str) -> list[str]:
    text = pathlib.Path(path).read_text(encoding="utf-8")
    here = directory(path)
    faults = []
    if BAD_NAMES.search(path):
        faults.append(f"{path}: a name that says nothing")
    if not text.startswith("/* SPDX-License-Identifier: Apache-2.0"):
        faults.append(f"{path}:1: no SPDX line")
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        for library, layers in LIBRARIES.items():
            if re.search(library, line) and here not in layers and not here.startswith("tests/"):
                faults.append(f"{path}:{number}: {match.group(2)} belongs behind {', '.join(sorted(layers))}")
        if match.group(1) == '"' and match.group(2) not in GENERATED:
            target = directory(match.group(2))
            if not pathlib.Path(match.group(2)).exists():
                faults.append(f"{path}:{number}: {match.group(2)} is not named from the root")
            elif not may_include(here, target):
                faults.append(f"{path}:{number}: {here} may not include {target}")
    code = STRING.sub(blank, COMMENT.sub(blank, text))
    if not path.startswith("tests/"):
        for number, line in enumerate(code.splitlines(), 1):
            match = BANNED.search(line)
            if match:
                faults.append(f"{path}:{number}: {match.group(1)}() is not used here")
    return faults


def main() -> int:
    files = subprocess.run(["git", "ls-files", "*.c", "*.h"], check=True, capture_output=True, text=True).stdout.split()
    faults = [fault for path in files for fault in check(path)]
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
