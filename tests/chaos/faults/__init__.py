# SPDX-License-Identifier: Apache-2.0
"""The kinds of fault, a module each family. A module's KINDS is all that anybody knows of it."""

from __future__ import annotations

import importlib
import pathlib

from tests.chaos.schedule import Kind


def _registered() -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for path in sorted(pathlib.Path(__file__).parent.glob("[a-z]*.py")):
        kinds: dict[str, Kind] = importlib.import_module(f"{__name__}.{path.stem}").KINDS
        twice = kinds.keys() & found.keys()
        assert not twice, f"{path.name} registers {sorted(twice)} once more"
        found.update(kinds)
    return found


KINDS = _registered()
