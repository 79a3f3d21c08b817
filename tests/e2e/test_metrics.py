# SPDX-License-Identifier: Apache-2.0
"""What the processes of a fleet tell at /metrics is what docs/metrics.md tells, and no label holds what somebody outside can
make up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.exposition import Exposition, page, scrape
from tests.support.stack import TENANT, TRUNK, Stack
from tests.support.waiting import wait_until

NUMBERS = [f"+1555010{i:04d}" for i in range(12)]
OPEN_LABELS = {"trunk": {TRUNK, "other"}, "version": None, "script": None, "le": None}


@pytest.fixture(scope="module")
def fleet() -> Iterator[tuple[Stack, str]]:
    """One that has worked: a campaign is over, and its webhooks are delivered."""
    with Stack(workers=1, outcomes="completed=100") as stack:
        batch = stack.submit(NUMBERS)
        stack.wait_for_batch(batch)
        wait_until(lambda: scrape(stack.notifier.url).value("carillon_webhook_deliveries_total", outcome="delivered") >= 1, 20)
        yield stack, batch


@pytest.fixture(scope="module")
def told(fleet: tuple[Stack, str]) -> dict[str, Exposition]:
    stack, _ = fleet
    urls = {"producer": stack.producer.url, "worker": stack.workers[0].url, "notifier": stack.notifier.url}
    return {process: scrape(url) for process, url in urls.items()}


@pytest.mark.parametrize("process", ("producer", "worker", "notifier"))
def test_every_metric_of_a_process_is_on_the_page_and_every_one_of_the_page_is_there(
    process: str, told: dict[str, Exposition]
) -> None:
    assert told[process].types == {name: row.kind for name, row in page()[process].items()}


@pytest.mark.parametrize("process", ("producer", "worker", "notifier"))
def test_labels_and_their_values_are_those_of_the_page(process: str, told: dict[str, Exposition]) -> None:
    rows = page()[process]
    for sample in told[process].samples:
        row = rows[told[process].family(sample)]
        assert set(sample.labels) - {"le"} == set(row.labels), sample
        for name, value in sample.labels.items():
            known = row.labels.get(name) or OPEN_LABELS.get(name)
            assert not known or value in known, sample
            if name not in OPEN_LABELS and name not in ("outcome", "verdict"):
                assert known, f"the page lists no values of {name}: {sample}"


@pytest.mark.parametrize("process", ("producer", "worker", "notifier"))
def test_every_value_that_the_page_lists_is_there_from_the_start(process: str, told: dict[str, Exposition]) -> None:
    for name, row in page()[process].items():
        for label, values in row.labels.items():
            seen = {s.labels[label] for s in told[process].samples if told[process].family(s) == name}
            assert values <= seen, f"{name}: nothing has {label} {values - seen}"


def test_no_label_holds_a_tenant_a_batch_or_a_number(fleet: tuple[Stack, str], told: dict[str, Exposition]) -> None:
    _, batch = fleet
    for exposition in told.values():
        values = {value for sample in exposition.samples for value in sample.labels.values()}
        assert not values & {TENANT, batch, *NUMBERS, *(number.lstrip("+") for number in NUMBERS)}
        assert len(exposition.samples) < 1500


def test_what_a_campaign_did_is_in_the_sums(fleet: tuple[Stack, str], told: dict[str, Exposition]) -> None:
    stack, batch = fleet
    worker = told["worker"]
    begun = worker.value("carillon_dials_begun_total")
    assert begun >= len(NUMBERS)
    assert worker.value("carillon_begin_late_seconds_count") == begun
    accepted = worker.value("carillon_provider_verdicts_total", trunk=TRUNK, verdict="ACCEPTED")
    assert len(NUMBERS) <= accepted <= begun  # a dial may come to nothing on a busy machine, and its call is dialed again
    assert accepted <= worker.value("carillon_provider_start_seconds_count", trunk=TRUNK) <= begun
    assert worker.value("carillon_claim_calls_sum") == worker.value("carillon_calls_claimed_total") >= begun
    claims = worker.value("carillon_claim_calls_count")
    assert worker.value("carillon_claim_limits_total") == claims > 0
    assert worker.value("carillon_claim_limits_total", limit="other") == 0
    assert worker.value("carillon_redis_script_seconds_count", script="call_claim") >= claims
    assert worker.value("carillon_attempt_outcomes_total") >= len(NUMBERS)
    for process in told.values():
        assert process.value("carillon_ready") == process.value("carillon_redis_ready") == 1
        assert process.value("carillon_redis_errors_total") == process.value("carillon_redis_reconnects_total") == 0
    assert told["producer"].value("carillon_contacts_total") == len(NUMBERS)
    assert told["producer"].value("carillon_api_answer_seconds_count") <= told["producer"].value("carillon_api_answers_total")
    assert told["notifier"].value("carillon_webhook_attempt_seconds_count") >= 1
