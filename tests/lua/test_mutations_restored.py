# SPDX-License-Identifier: Apache-2.0
"""Would the tests notice? Mutations (tests/support/mutations.py) of what keeps people from being rung again when Redis was put
back from a backup."""

from __future__ import annotations

from tests.support.mutations import Cell, Mutation, guards_hold, mutations_are_caught, server  # noqa: F401: the fixture

AGO_MS = 20_000  # so long before the restore the backup was taken
IN_DOUBT = 22  # of a batch of one call a second: 20.2 s, and one
ORDINARY = 6  # 4.2 s, and one
CONTACTS = 40


def backed_up(cell: Cell, contacts: int = CONTACTS) -> None:
    """A cell as the backup has it; `AGO_MS` later it is put back."""
    cell.open("run-1")
    if contacts:
        cell.batch("acme", "main", contacts, cps=1)
    cell.client.zadd(cell.key("workers"), {"w0": cell.now_ms()})
    cell.wait(AGO_MS)


def restored(cell: Cell, run: str = "run-2") -> list[bytes]:
    return list(cell.scripts.run("cell_restored", run, 14_000))


def start(cell: Cell) -> None:
    cell.wait(15_000)
    cell.scripts.run("cell_stop", "start")


def doubts(cell: Cell, count: int) -> int:
    """How many of the next calls are in doubt."""
    found = 0
    for _ in range(count):
        cell.wait(1_050)
        (slot,) = cell.claim("w1", calls=1).slots
        found += slot.doubt > 0
    return found


def all_since_the_backup_is_in_doubt(cell: Cell) -> None:
    backed_up(cell)
    restored(cell)
    start(cell)
    assert doubts(cell, IN_DOUBT + 5) == IN_DOUBT


def nothing_is_dialed_before_it_is_started(cell: Cell) -> None:
    backed_up(cell)
    restored(cell)
    cell.wait(15_000)
    assert cell.claim("w1").slots == []


def a_worker_that_was_quicker_hides_nothing(cell: Cell) -> None:
    backed_up(cell)
    cell.open("run-2")
    cell.client.zadd(cell.key("workers"), {"w1": cell.now_ms()})
    restored(cell)
    start(cell)
    assert doubts(cell, IN_DOUBT + 5) == IN_DOUBT


def said_again_it_changes_nothing(cell: Cell) -> None:
    backed_up(cell)
    told = restored(cell)
    start(cell)
    assert restored(cell) == told
    cell.wait(1_050)
    assert len(cell.claim("w1", calls=1).slots) == 1


def a_second_loss_takes_nothing_away(cell: Cell) -> None:
    backed_up(cell)
    restored(cell)
    start(cell)
    assert doubts(cell, 2) == 2
    cell.open("run-3")
    start(cell)
    assert doubts(cell, IN_DOUBT) == IN_DOUBT - 2


def a_batch_of_afterwards_is_as_any(cell: Cell) -> None:
    backed_up(cell, contacts=0)
    restored(cell)
    start(cell)
    cell.batch("acme", "main", CONTACTS, cps=1)
    cell.open("run-3")
    start(cell)
    assert doubts(cell, ORDINARY + 5) == ORDINARY


MUTATIONS = (
    Mutation("a tail of four seconds after a backup", "call_claim",
             "if (batch.tail_epoch or 0) < tail.restored and created_ms <= tail.restored_ms then", "if false then",
             all_since_the_backup_is_in_doubt),
    Mutation("no doubts on the straight way", "call_claim", "epoch.tail > 0 and (batch.tail", "false and (batch.tail", all_since_the_backup_is_in_doubt),
    Mutation("when the backup was taken is not kept", "cell_restored", "'restored_from_ms', fmt(from_ms)",
             "'restored_from_ms', fmt(NOW_MS)", all_since_the_backup_is_in_doubt),
    Mutation("not closed", "cell_restored", "epoch_close('backup', close_for_ms)\n", "", all_since_the_backup_is_in_doubt),
    Mutation("not stopped", "cell_restored", "redis.call('HSETNX', KEY_CELL, 'stopped_ms', fmt(NOW_MS))\n", "",
             nothing_is_dialed_before_it_is_started),
    Mutation("a quicker worker is believed", "cell_restored", "if known[5] == run_id and epoch_load().tail > 0 then", "if false then",
             a_worker_that_was_quicker_hides_nothing),
    Mutation("said again it stops the cell again", "cell_restored", "elseif known[2] == run_id then", "elseif false then",
             said_again_it_changes_nothing),
    Mutation("a second loss forgets the first", "call_claim", "math.max(batch.tail_cursor or 0, batch.cursor + most)",
             "batch.cursor + most", a_second_loss_takes_nothing_away),
    Mutation("batches of afterwards are asked about", "call_claim", " and created_ms <= tail.restored_ms then", " then",
             a_batch_of_afterwards_is_as_any),
)  # fmt: skip

test_the_scripts_keep_the_promise = guards_hold(MUTATIONS)
test_a_script_that_breaks_it_is_caught = mutations_are_caught(MUTATIONS)
