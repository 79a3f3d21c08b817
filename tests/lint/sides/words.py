# SPDX-License-Identifier: Apache-2.0
"""Words that pages quote from the sources: codes in capitals, events of logs."""

from __future__ import annotations

from collections.abc import Iterator

from tests.lint.sides.tree import Tree, words

CODE = r"[A-Z]+(?:_[A-Z0-9]+)+"
WHERE_CODES_ARE = (
    r"(?:common|producer|worker|notifier|tests|deploy)/.*\.(?:[ch]|lua|py|sh|yaml|yml|json)"
    r"|docs/openapi\.yaml|docker-compose\.yml|Makefile|.*\.mk"
)
EVENT = r"[a-z]+\.[a-z_]+"
# Words that begin like events: a profile's {{call.token}}, a fleet's secrets.key, and the breakpoints (pages.py).
NO_EVENTS = {"call", "secrets", "dial", "settle", "http"}


def check_capitals(tree: Tree) -> Iterator[str]:
    """A code in capitals with an underscore, on any page, is spelled somewhere: no page tells of one that was renamed.
    Variables of the environment are looked at elsewhere (options.py)."""
    known = words(CODE, *tree.texts(WHERE_CODES_ARE).values())
    for page, text in tree.pages().items():
        unknown = words(rf"`({CODE})`", text) - known
        yield from (f"{page}: no source spells {word}" for word in sorted(unknown) if not word.startswith("CARILLON_"))


def check_events(tree: Tree) -> Iterator[str]:
    """An event of a log, or of a webhook, that a page names is one."""
    sources = list(tree.sources().values())
    families = {event.split(".")[0] for event in words(rf'\blog_\w+\(\s*"({EVENT})"', *sources)} - NO_EVENTS
    known = words(rf'"({EVENT})"', *sources) | {path.split("/")[-1] for path in tree.paths(r".*")}
    for page, text in tree.pages().items():
        unknown = words(rf"`({EVENT})`", text) - known
        yield from (f"{page}: nothing says the event {event}" for event in sorted(unknown) if event.split(".")[0] in families)
