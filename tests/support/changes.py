# SPDX-License-Identifier: Apache-2.0
"""Sources in which one text stands in the place of another, for tests that what keeps a promise is missed."""

from __future__ import annotations

import dataclasses

from tests.support.scripts import LUA, embed


@dataclasses.dataclass(frozen=True)
class Change:
    """`old` stands once in `where`, a script by its name or a C file by its path."""

    where: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        count = text.count(self.old)
        assert count == 1, f"{self.where} holds {count} times: {self.old!r}"
        return text.replace(self.old, self.new)

    def script(self) -> str:
        """The changed script as processes load it."""
        return changed_script(self.where, self)


def changed_script(name: str, *changes: Change) -> str:
    """The script with all of the changes, as processes load it."""

    def change(text: str) -> str:
        for one in changes:
            text = one.apply(text)
        return text

    return str(embed().source(LUA / f"{name}.lua", change=change))
