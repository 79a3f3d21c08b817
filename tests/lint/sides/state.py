# SPDX-License-Identifier: Apache-2.0
"""What lies in Redis and what writes it: keys and scripts."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator

from tests.lint.sides.tree import Tree, differences, rows, words
from tests.support.keys_page import KeysPage

LUA_PART = r"(?:'[^']*'|\([^()]*\)|[\w.]+(?:\([^()]*(?:\([^()]*\))?[^()]*\))?)"
LUA_NAME = re.compile(rf"\b(P|key_batch\([^)]*\)|key_tenant\([^)]*\)) \.\. ('[^']*'(?: \.\. {LUA_PART})*)")
LUA_STARTS = {"P": "", "key_batch": "batch:*", "key_tenant": "tenant:*"}
CHANNELS = {"wake", "wake:events"}
ERROR = r"ERR_[A-Z_]+"


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
    told = [re.sub(r"<[a-z0-9_]+>", "*", row.name.split("}:", 1)[1]) for row in page.rows]
    spelled = {(where, name) for where, name in (*keys_in_lua(tree), *keys_in_c(tree)) if name and name not in CHANNELS}
    for where, name in sorted(spelled):
        if not any(is_one_of(row, name) or is_one_of(name, row) for row in told):
            yield f"the key {name} is spelled by {where}, and docs/redis-keys.md does not tell of it"
    known = re.findall(r'^    \{(true|false), "([^"]+)", "(\w+)",', tree.text("producer/cli/key_family.c"), re.MULTILINE)
    families = {{"true": "carillon:{dir}:", "false": "carillon:{<cell>}:"}[is_dir] + name for is_dir, name, _ in known}
    yield from differences("key", families, {row.name for row in page.rows}, "docs/redis-keys.md")


def told_errors(text: str) -> str:
    """The part of a script's contract."""
    found = re.search(r"^-- Errors(.*?)^-- Bound", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def faults_of_errors(tree: Tree, text: str) -> Iterator[str]:
    """What a script raises itself stands in its contract; what stands there is raised by it or by what it includes."""
    code = re.sub(r"^--(?! @include).*$", "", text, flags=re.MULTILINE)
    contract = told_errors(text)
    others = words(r"\bas ([a-z]+_[a-z]+)\b", contract)  # "as batch_ingest"
    told = words(ERROR, contract, *(told_errors(tree.text(f"common/lua/{other}.lua")) for other in others))
    yield from (f"raises {name}, which its contract does not tell of" for name in sorted(words(ERROR, code) - told))
    seen: set[str] = set()
    while included := words(r"^-- @include (?:lib/)?(\w+)\.lua", code) - seen:
        seen |= included
        code += "\n".join(tree.text(f"common/lua/lib/{name}.lua") for name in included)
    yield from (f"its contract tells of {name}, which nothing raises" for name in sorted(words(ERROR, contract) - words(ERROR, code)))


def check_scripts(tree: Tree) -> Iterator[str]:
    """The table of scripts, and who is said to write a key."""
    scripts = {pathlib.Path(path).stem for path in tree.paths(r"common/lua/[a-z_]+\.lua")}
    yield from differences("script", scripts, words(r"^\| `([a-z_]+)` \|", tree.text("docs/scripts.md")), "docs/scripts.md")
    for path, text in tree.texts(r"common/lua/[a-z_]+\.lua").items():
        yield from (f"{path}: {fault}" for fault in faults_of_errors(tree, text))
    writers = (row[4] for row in rows(tree.text("docs/redis-keys.md")) if len(row) == 6)
    for name in sorted(words(r"`([a-z]+(?:_[a-z]+)+)`", *writers) - scripts):
        yield f"docs/redis-keys.md: there is no script {name}"
