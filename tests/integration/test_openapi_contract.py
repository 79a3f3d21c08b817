# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml against the running producer, both ways: every answer is as it is described, and everything that is
described was seen in an answer, or stands in NOT_SHOWN with the reason."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator
from typing import Callable

import pytest

from tests.integration.contract import batches, events, keeping, progress, refusals
from tests.integration.contract.world import API, OPERATIONS, World
from tests.support.contract import Contract
from tests.support.redis_server import RedisServer
from tests.support.redis_users import Users
from tests.support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What no answer shows here: a pattern, and why.
NOT_SHOWN = {
    r"Error(Busy|OutcomeUnknown)\b.*|(createBatch|redialBatch|dialCall) 503 or [12]|ErrorDialOutcomeUnknown\b.*": "tests/integration/test_producer_outages.py",
    r"ErrorTooManyListeners\b.*|streamBatch (429 or 1|503 or 1)": "tests/integration/test_producer_events.py",
    r"(exportCalls|changeBatch|addContacts) 503 or 1": "tests/integration/test_producer_export.py",
    r"(putSuppressions|deleteSuppressions|putAgents|deleteAgents) 503 or 1": "tests/integration/test_producer_bodies.py",
    r"ErrorIdempotencyInProgress\b.*|(createBatch|putEndpoint|createTenant|createTrunk|createKey|rotateKey|redialBatch|dialCall) 409 (or 0|retry-after)": "tests/integration/test_producer_idempotency.py",
    r'ErrorRateLimited\.details\.quota "requestsAtOnce"': "512 requests under way: tests/integration/test_producer_quota.py",
    r'ErrorRateLimited\.details\.quota "idempotencyKeys"|(createTenant|createTrunk|createKey|rotateKey) 429.*': "a quarter of a million keys: tests/integration/test_producer_idempotency.py",
    r"ErrorTooManySuppressions\b.*|putSuppressions 409.*": "a million numbers: tests/integration/test_suppressions.py",
    r'FleetRedis\.appendOnlyFile "failing"': "a disk that fails: tests/unit/test_redis_view.c",
    r"ErrorTooManyAgents\b.*|putAgents 409.*": "ten thousand agents: tests/integration/test_tenant_policy.py",
    r"ErrorTooManyKeys\b.*|createKey 409.*": "a thousand keys: tests/integration/test_admin_keys.py",
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with RedisServer(users=Users.for_tests()) as server, World(server) as running:
        running.populate()
        yield running


def lose_redis(world: World) -> None:
    """The last step: nothing comes after it."""
    world.server.kill()
    wait_until(lambda: world.get("/readyz").status == 503, what="the producer knows")
    for operation in OPERATIONS.values():
        if operation.roles:
            answer = world.ask(operation, world.asking_key(operation))
            assert (answer.status, answer.code) == (503, "UNAVAILABLE"), operation.id


STEPS = [
    batches.create_batches, batches.try_a_creation, progress.show_states, progress.show_calls, progress.export_calls,
    progress.follow_a_batch, progress.show_dials,
    batches.fill_a_draft, batches.dial_calls, batches.redial_batches, progress.list_batches, progress.explain_batches, keeping.keep_numbers, keeping.keep_endpoints,
    keeping.keep_deliveries,
    batches.change_batches, keeping.administer_tenants, keeping.administer_trunks, keeping.administer_agents,
    keeping.administer_keys, keeping.look_at_the_fleet, keeping.look_at_quotas, keeping.ask_the_service, events.tell_of_everything, refusals.refuse_keys,
    refusals.refuse_arguments, refusals.refuse_ids, refusals.refuse_bodies, refusals.refuse_states, refusals.refuse_rates,
    refusals.refuse_strays, lose_redis,
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_every_answer_is_as_it_is_described(world: World, step: Callable[[World], None]) -> None:
    world.once(step)


def is_excused(what: str) -> bool:
    return any(re.fullmatch(pattern, what) for pattern in NOT_SHOWN)


def test_everything_that_is_described_was_seen(world: World) -> None:
    for step in STEPS:
        world.once(step)
    assert sorted(what for what in world.contract.unseen() if not is_excused(what)) == []


def test_every_excuse_is_about_something_that_is_described() -> None:
    described = Contract(API).described()
    assert [pattern for pattern in NOT_SHOWN if not any(re.fullmatch(pattern, what) for what in described)] == []
    named = {path for reason in NOT_SHOWN.values() for path in re.findall(r"tests/\S+\.py", reason)}
    assert named and [path for path in named if not (ROOT / path).exists()] == []
