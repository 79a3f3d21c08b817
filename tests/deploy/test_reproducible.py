# SPDX-License-Identifier: Apache-2.0
"""The same sources give the same bytes wherever they lie: no program of a release knows where it was built, or when."""

from __future__ import annotations

import re

import pytest

from tests.support.processes import ROOT, program


@pytest.mark.parametrize("name", ("carillon", "carillon-producer", "carillon-worker", "carillon-notifier"))
def test_a_program_does_not_know_where_or_when_it_was_built(name: str) -> None:
    """Not even what a debugger reads of it, from which its build id is made."""
    content = program(name).read_bytes()
    assert b"common/base/buf.c" in content, "it holds no paths at all: the check below shows nothing"
    assert str(ROOT).encode() not in content


def test_no_source_asks_the_compiler_for_the_time() -> None:
    sources = [path for folder in ("common", "producer", "worker", "notifier") for path in (ROOT / folder).rglob("*.[ch]")]
    assert len(sources) > 100
    assert [str(path) for path in sources if re.search(r"__(?:DATE|TIME|TIMESTAMP)__", path.read_text(encoding="utf-8"))] == []
