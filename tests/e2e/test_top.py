# SPDX-License-Identifier: Apache-2.0
"""`carillon top` while a campaign rings: what it tells agrees with the limits, with the batch's own status and with who is there."""

from __future__ import annotations

import re
from typing import Any

from tests.support.cli import DONE, Cli
from tests.support.stack import Stack, phone_numbers
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until

LIMIT = 20
FRAME = re.compile(r"\x1b\[H(.*?)\x1b\[J", re.DOTALL)


def of(shown: dict[str, Any], batch: str) -> dict[str, Any] | None:
    found = [one for one in shown["batches"] if one["id"] == batch]
    return dict(found[0]) if found else None


def test_a_campaign_is_seen_from_its_first_call_to_its_last() -> None:
    with Stack(workers=2, outcomes="completed=100", talk_ms=700, trunk_cps=100) as stack:
        cli = Cli(**stack.redis.access("carillon-operator"))
        batch = stack.submit(phone_numbers(120), maxCallsPerSecond=LIMIT, summaryWait=1)
        seen: list[dict[str, Any]] = []

        def is_over() -> bool:
            shown = cli.done("top", "--json").json()
            told = of(shown, batch)
            if told:
                seen.append({**told, "trunk": shown["trunks"][0], "cell": shown["cells"][0], "workers": shown["workers"]})
            return told is None and stack.status(batch)["status"] == "completed"

        with Terminal(cli, "top", "--interval-ms", "200", columns=80, rows=24) as terminal:
            wait_until(is_over, 60.0, "the campaign is over, and is shown no more")
            terminal.type("q")
            assert terminal.wait() == DONE
            frames = FRAME.findall(terminal.raw())
        assert max(told["startsPerSecond"] for told in seen) > LIMIT // 3
        assert all(told["startsPerSecond"] <= LIMIT and told["trunk"]["startsPerSecond"] <= LIMIT for told in seen)
        done = [told["succeeded"] + told["failed"] for told in seen]
        assert done == sorted(done) and done[-1] > done[0]
        assert all(told["total"] == 120 and told["code"] for told in seen)
        assert max(told["cell"]["live"] for told in seen) >= 5
        present = {worker["id"] for told in seen for worker in told["workers"]}
        assert len(present) == 2 and all(len(told["workers"]) == 2 for told in seen)
        codes = {told["code"] for told in seen}
        shown = [line for frame in frames for line in frame.split("\r\n") if batch.removeprefix("batch_") in line]
        assert any(code in line for code in codes for line in shown), (codes, shown[:3])
