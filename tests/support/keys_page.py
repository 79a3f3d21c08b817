# SPDX-License-Identifier: Apache-2.0
"""docs/redis-keys.md as a machine reads it, held against what lies in a Redis, both ways.

    page = KeysPage()
    page.look(client)            # as often as a campaign gives reason to
    assert page.faults == []     # everything that was there stands on the page
    assert page.unseen() == []   # everything that stands there was seen
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterator

import redis

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "redis-keys.md"
LINK = re.compile(r"\[(fields|words)\]\(#([a-z0-9-]+)\)")
CODE = re.compile(r"`([^`]+)`")
PLACEHOLDER = re.compile(r"<[a-z0-9_]+>")
ITEMS_READ = 500  # of one key
EARLIEST_MS, LATEST_MS = 1_500_000_000_000, 4_000_000_000_000


@dataclasses.dataclass(frozen=True)
class Row:
    """A family of keys."""

    name: str  # with its prefix: "carillon:{<cell>}:live"
    pattern: re.Pattern[str]
    type: str
    fields: str  # the heading whose table lists its fields, or ""
    member: re.Pattern[str] | None
    words: str  # the heading whose table lists the words of its values, or ""
    value: re.Pattern[str] | None
    is_by_ms: bool

    def __str__(self) -> str:
        return self.name


def _slug(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _tables(text: str) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(slug of the heading above, head, rows) of every table."""
    heading, table = "", []
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            heading = _slug(line.lstrip("# "))
        if line.startswith("|"):
            table.append(_cells(line))
        elif table:
            yield heading, table[0], table[2:]
            table = []


class KeysPage:
    """The page, what was found that it does not tell, and what of it was seen."""

    def __init__(self, text: str | None = None) -> None:
        self.rows: list[Row] = []
        self.tables: dict[str, list[str]] = {}
        self.faults: list[str] = []
        self._placeholders: dict[str, str] = {}
        self._seen: set[str] = set()
        self._seen_names: set[tuple[str, str]] = set()
        self._read(text if text is not None else PAGE.read_text(encoding="utf-8"))

    # ---- reading the page ----

    def _read(self, text: str) -> None:
        tables = list(_tables(text))
        for _, head, rows in tables:
            if head[0] == "placeholder":
                for names, _, matches in rows:
                    patterns = CODE.findall(matches)
                    for i, name in enumerate(CODE.findall(names)):
                        self._placeholders[name] = patterns[i] if len(patterns) > 1 else patterns[0]
        prefix = ""
        for heading, head, rows in tables:
            if head[0] in ("field", "word"):
                self.tables[heading] = [name for row in rows for name in CODE.findall(row[0])]
            elif head[0] == "key":
                prefix = "carillon:{dir}:" if heading == "keys-of-the-directory" else "carillon:{<cell>}:"
                self.rows += [self._row(prefix, row) for row in rows]

    def _row(self, prefix: str, cells: list[str]) -> Row:
        key, type_name, members, values, written_by, lives = cells
        assert written_by and lives, f"{key}: who writes it, how long does it live?"
        (name,) = CODE.findall(key)
        links = {kind: slug for kind, slug in LINK.findall(members + values)}
        leading = re.match(r"`([^`]+)`", members), re.match(r"`([^`]+)`", values)
        return Row(
            name=prefix + name,
            pattern=self._compile(prefix + name),
            type=type_name,
            fields=links.get("fields", ""),
            member=self._compile(leading[0].group(1)) if leading[0] else None,
            words=links.get("words", ""),
            value=self._compile(leading[1].group(1)) if leading[1] and type_name == "hash" else None,
            is_by_ms=values.startswith("ms"),
        )

    def _compile(self, text: str) -> re.Pattern[str]:
        out, at = "", 0
        for found in PLACEHOLDER.finditer(text):
            assert found.group(0) in self._placeholders, f"{text}: {found.group(0)} is no placeholder of the page"
            out += re.escape(text[at : found.start()]) + f"(?:{self._placeholders[found.group(0)]})"
            at = found.end()
        return re.compile(out + re.escape(text[at:]))

    # ---- looking at a Redis ----

    def look(self, client: redis.Redis) -> None:
        """Every key that is there now. What goes away meanwhile is passed over."""
        for raw in client.scan_iter(count=1000):
            self.look_at(client, raw)

    def look_at(self, client: redis.Redis, raw: bytes) -> None:
        name = raw.decode(errors="backslashreplace")
        type_name = client.type(raw).decode()
        if type_name == "none":
            return
        matching = [row for row in self.rows if row.pattern.fullmatch(name)]
        if len(matching) != 1:
            self._fault(f"{name}: {len(matching)} rows of docs/redis-keys.md match ({', '.join(map(str, matching))})")
            return
        (row,) = matching
        if row.type != type_name:
            self._fault(f"{name}: is a {type_name}, not a {row.type}")
            return
        if getattr(self, f"_look_{type_name}")(client, raw, name, row):
            self._seen.add(row.name)

    def _fault(self, text: str) -> None:
        if text not in self.faults and len(self.faults) < 50:
            self.faults.append(text)

    def _check_member(self, name: str, row: Row, member: bytes) -> None:
        text = member.decode(errors="backslashreplace")
        if row.member and not row.member.fullmatch(text):
            self._fault(f"{name}: '{text}' is no member of {row}")

    def _check_named(self, name: str, heading: str, field: str) -> None:
        for listed in self.tables[heading]:
            if self._compile(listed).fullmatch(field):
                self._seen_names.add((heading, listed))
                return
        self._fault(f"{name}: '{field}' stands not under #{heading}")

    def _check_words(self, name: str, row: Row, value: bytes) -> None:
        for line in value.decode(errors="backslashreplace").splitlines():
            for word in line.split(" "):
                self._check_named(name, row.words, word.split("=", 1)[0])

    def _look_hash(self, client: redis.Redis, raw: bytes, name: str, row: Row) -> bool:
        found = client.hscan(raw, count=ITEMS_READ)[1]
        for field, value in found.items():
            if row.fields:
                self._check_named(name, row.fields, field.decode(errors="backslashreplace"))
            else:
                self._check_member(name, row, field)
            if row.words:
                self._check_words(name, row, value)
            elif row.value and not row.value.fullmatch(value.decode(errors="backslashreplace")):
                self._fault(f"{name}: '{value.decode(errors='backslashreplace')}' is no value of {row}")
        return bool(found)

    def _look_zset(self, client: redis.Redis, raw: bytes, name: str, row: Row) -> bool:
        found = client.zrange(raw, 0, ITEMS_READ, withscores=True)
        for member, score in found:
            self._check_member(name, row, member)
            if row.is_by_ms and not EARLIEST_MS < score < LATEST_MS:
                self._fault(f"{name}: {score} is no time in ms")
        return bool(found)

    def _look_set(self, client: redis.Redis, raw: bytes, name: str, row: Row) -> bool:
        found = client.sscan(raw, count=ITEMS_READ)[1]
        for member in found:
            self._check_member(name, row, member)
        return bool(found)

    def _look_list(self, client: redis.Redis, raw: bytes, name: str, row: Row) -> bool:
        found = client.lrange(raw, 0, ITEMS_READ)
        for element in found:
            self._check_member(name, row, element)
        return bool(found)

    def _look_stream(self, client: redis.Redis, raw: bytes, name: str, row: Row) -> bool:
        found = client.xrange(raw, count=ITEMS_READ)
        for _, fields in found:
            for field in fields:
                self._check_named(name, row.fields, field.decode(errors="backslashreplace"))
        return bool(found)

    def _look_string(self, client: redis.Redis, raw: bytes, name: str, row: Row) -> bool:
        value = client.get(raw)
        if value is not None:
            self._check_member(name, row, value)
        return value is not None

    # ---- the other direction ----

    def unseen(self) -> list[str]:
        """Rows, fields and words of the page that no look has met."""
        rows = [row.name for row in self.rows if row.name not in self._seen]
        names = [f"{name} of #{heading}" for heading, listed in self.tables.items() for name in listed
                 if (heading, name) not in self._seen_names]  # fmt: skip
        return rows + names
