# SPDX-License-Identifier: Apache-2.0
"""Writes what a next version of these sources differs in, for tests of two versions side by side where no other version can
be built from history. `make next-programs` compiles and links it with the objects of this one.

    python3 -m tests.support.next_version --version 7859f6e --out build/gen/next

It says another version and knows one schema more. Each of its scripts has another SHA. It writes fields that this version
does not know into everything that both write: the state of a call (`next`: how often it wrote that), the lines of its
attempts, the batch, the events, a contact's record. None of them means anything.

A text that is not there any more fails: whoever changes the sources says here what to write instead.
"""

from __future__ import annotations

import argparse
import pathlib
import re

from tests.support.scripts import embed

ROOT = pathlib.Path(__file__).resolve().parents[2]
# File, what is replaced (once), by what.
CHANGES = (
    ("common/redis/schema.h", r"(#define SCHEMA_NEWEST) 2\b", r"\1 3"),
    # Every script includes this one.
    ("common/lua/lib/cell.lua", r"\Z", "do local next_version = P; assert(next_version) end\n"),
    ("common/lua/lib/call.lua", r"(local CALL_FIELDS = \{[^}]*[^} ]) \}", r"\1, 'next' }"),
    ("common/lua/lib/call.lua", r"(\n +\.\. \(c\.unknown or ''\))", r" .. (c.next and ' next=' .. c.next or '')\1"),
    ("common/lua/lib/call.lua", r"(local function call_write\(call\)\n)", r"\1  call.next = (tonumber(call.next) or 0) + 1\n"),
    ("common/lua/lib/call.lua", r"\.\. line \.\. '\\n'", r".. line .. ' next=1\\n'"),
    ("common/lua/call_claim.lua", r"(CLAIMED_BY \.\. slot \.\. ' t=' \.\. number \.\. CLAIMED_IN)\n", r"\1 .. ' next=1'\n"),
    ("common/lua/lib/batch.lua", r"(local IS_BATCH_NUMBER = \{\n)", r"\1  next = false,\n"),
    ("common/lua/lib/batch.lua", r"(\n *)(local set, gone = batch_changes)", r"\1batch.next = 'yes'\1\2"),
    ("common/lua/lib/batch.lua", r"'seq', fmt\(batch\.seq\), ", r"'seq', fmt(batch.seq), 'next', 'yes', "),
    # Field 99, a varint.
    ("common/domain/contact_record.c", r"( +)(if \(sink\.rc < 0\)\n)", r'\1if (sink.rc == 0)\n\1    sink.rc = buf_append(record, "\\x98\\x06\\x01", 3);\n\1\2'),
)  # fmt: skip


def changed(text: str, path: str) -> str:
    for name, pattern, replacement in CHANGES:
        if name == path:
            text, count = re.subn(pattern, replacement, text)
            assert count == 1, f"{path} holds {pattern} {count} times"
    return text


def write(path: pathlib.Path, text: str) -> None:
    """Leaves one alone that says so already, so that make does nothing."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def write_scripts(out: pathlib.Path) -> list[pathlib.Path]:
    """The scripts of the next version, with their libraries beside them."""
    for source in sorted((ROOT / "common/lua").rglob("*.lua")):
        path = source.relative_to(ROOT / "common/lua")
        write(out / path, changed(source.read_text(encoding="utf-8"), f"common/lua/{path}"))
    return sorted(out / path.name for path in (ROOT / "common/lua").glob("*.lua"))


def script_texts(out: pathlib.Path) -> dict[str, str]:
    """What its processes load, by the scripts' names."""
    return {path.stem: str(embed().source(path)) for path in write_scripts(out)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", required=True, help="of the sources as they are")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    write(options.out / "version.h", f'#define CARILLON_VERSION "{options.version}-next"\n')
    for path in ("common/redis/schema.h", "common/domain/contact_record.c"):
        write(options.out / path, changed((ROOT / path).read_text(encoding="utf-8"), path))
    write(options.out / "lua_scripts.c", embed().code(script_texts(options.out / "lua")))


if __name__ == "__main__":
    main()
