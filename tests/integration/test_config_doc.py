# SPDX-License-Identifier: Apache-2.0
"""docs/config.md and what the programs say of themselves."""

from __future__ import annotations

import pytest

from tests.lint import config_doc
from tests.support.processes import run


def test_the_page_of_options_is_what_the_programs_say() -> None:
    assert config_doc.PAGE.read_text(encoding="utf-8") == config_doc.page(), "run `make docs`"


@pytest.mark.parametrize("daemon", config_doc.DAEMONS)
def test_no_option_of_a_program_is_missing_from_the_page(daemon: str) -> None:
    """Counted apart from the way in which the page is made."""
    page = config_doc.PAGE.read_text(encoding="utf-8")
    flags = [word for word in run(daemon, "--help").stdout.split() if word.startswith("--")]
    assert len(flags) > 10
    for flag in flags:
        assert f"`{flag}" in page, flag
