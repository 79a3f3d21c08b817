# SPDX-License-Identifier: Apache-2.0
"""Each script of the fleet runs within the commands that its header states, whatever the size of what it is given."""

from __future__ import annotations

import pytest

from tests.bench.scale_cell import Cell, Shape
from tests.bench.scale_scripts import Workload
from tests.support.redis_server import RedisServer


@pytest.mark.parametrize("most, batches", [(1, 1), (8, 40), (64, 1), (64, 1200)])
def test_scripts_run_within_the_commands_that_they_state(server: RedisServer, most: int, batches: int) -> None:
    server.client().flushall()
    cell = Cell(server, Shape(batches, max(2400, batches * 2), tenants=30, trunks=3))
    cell.fill()
    workload = Workload(cell, 2, most)
    workload.everything()
    workload.close()
    samples = workload.scripts.samples
    assert len(samples) > 20
    beyond = {sort: (commands, bound) for sort, seen in samples.items() for commands, bound in zip(seen.commands, seen.bounds) if commands > bound}
    assert not beyond, beyond
