# SPDX-License-Identifier: Apache-2.0
"""The scripts of common/lua on a real Redis, with their includes put in as the build does it (embed.py).

    scripts = Scripts(server.client())
    scripts.run("hook_poll", "notifier_a", 5000)
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import pathlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import redis

LUA = pathlib.Path(__file__).resolve().parents[2] / "common" / "lua"


@functools.cache
def embed() -> ModuleType:
    """common/lua/embed.py."""
    spec = importlib.util.spec_from_file_location("carillon_embed", LUA / "embed.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def source(name: str, more: str = "") -> str:
    """The text that the processes load for script `name`; `more` stands behind it, which a library has no use without."""
    return str(embed().source(LUA / f"{name}.lua", more))


def sha(name: str) -> bytes:
    """How EVALSHA names the script: what to look for on the wire."""
    return hashlib.sha1(source(name).encode()).hexdigest().encode()


class Scripts:
    """Runs scripts of one cell on one client. Arguments may be str, bytes, int or float."""

    def __init__(self, client: redis.Redis, cell: str = "c0", changed: Mapping[str, str] | None = None) -> None:
        """`changed`: other texts to run for the scripts named."""
        self.client = client
        self.prefix = f"carillon:{{{cell}}}:"
        self._changed = dict(changed or {})
        self._loaded: dict[str, Any] = {}

    def key(self, rest: str) -> str:
        """The full name of a key of this cell."""
        return self.prefix + rest

    def run(self, name: str, *args: Any) -> Any:
        """The reply; an error reply raises redis.ResponseError."""
        return self._script(name)(keys=[self.prefix], args=args)

    def queue(self, pipe: redis.client.Pipeline, name: str, *args: Any) -> None:
        """Puts it into a pipeline of the client."""
        pipe.evalsha(self._script(name).sha, 1, self.prefix, *args)

    def _script(self, name: str) -> Any:
        if name not in self._loaded:
            script = self.client.register_script(self._changed.get(name) or source(name))
            self.client.script_load(script.script)
            self._loaded[name] = script
        return self._loaded[name]
