# SPDX-License-Identifier: Apache-2.0
"""What may be broken by nature where Redis lost what it wrote last, whichever way: in the words of docs/failure-model.md,
*It comes back without its last second*."""

from __future__ import annotations

from tests.chaos.judge import RunHistory
from tests.chaos.schedule import Allowance, Strike
from tests.support.history import Break

IS_LOST = "a batch or a chunk of contacts that was accepted in that second"
AGAIN = "the tenant may get it twice, under another `seq` and with what has become known meanwhile"


# The kinds of fault that may lose a tail.
KINDS = frozenset({"redis_lost_tail", "failover_kill", "failover_lagging", "failover_planned", "failover_hang"})


def _is_gone(broken: Break, strike: Strike, history: RunHistory) -> bool:
    """Redis knows nothing of that contact, or takes its batch for a draft: its last chunks and its start went. A breach may be
    of a batch and no contact, and that the tail allows not."""
    of_contact = [each.ledger for each in history.batches if broken.who in each.campaign.numbers]
    return any(ledger.state == "draft" or broken.who not in {entry.number for entry in ledger.entries} for ledger in of_contact)


def _was_written_again(broken: Break, strike: Strike, history: RunHistory) -> bool:
    return broken.why == "it came again with other bytes"


ALLOWED = (
    Allowance("lost", IS_LOST, _is_gone),
    Allowance("undelivered", AGAIN, _was_written_again),
)
