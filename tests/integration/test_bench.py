# SPDX-License-Identifier: Apache-2.0
"""The benchmarks run, and write what their readers look for; what they measure is not judged here."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

from tests.bench import bench_fairness, bench_ingest, bench_pacing

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_ingestion_benchmark_gives_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_ingest, "CONTACTS", 3000)
    bench_ingest.chunks.cache_clear()
    each = bench_ingest.measure(1)
    bench_ingest.chunks.cache_clear()
    assert set(each) == set(bench_ingest.KEYS) and all(len(values) == 1 and values[0] > 0 for values in each.values())
    assert each["bytes_per_queued_call_plain"] < each["bytes_per_queued_call_peer_payload"]


def test_the_notifier_benchmark_writes_its_figures(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "notifier.json"
    few = ("--runs", "1", "--deliveries", "300", "--seconds", "1", "--pairs", "20", "--events", "2000")
    command = [sys.executable, str(ROOT / "tests/bench/bench_notifier.py"), *few, "--out", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert out.exists(), ran.stdout + ran.stderr
    told = json.loads(out.read_text(encoding="utf-8"))
    assert len(told["commit"]) == 40 and told["runs"][0]["holes"]["events"] == 20
    for name in ("healthy_p99_ms", "plain_us_per_delivery", "tls_us_per_delivery", "plain_per_s", "tls_per_s", "peak_mib"):
        assert told[name] > 0


def test_the_recovery_benchmark_writes_its_figures(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "recovery.json"
    command = [sys.executable, str(ROOT / "tests/bench/bench_recovery.py"), "--only", "silent,drain", "--runs", "1", "--out", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert out.exists(), ran.stdout + ran.stderr
    told = json.loads(out.read_text(encoding="utf-8"))
    assert len(told["commit"]) == 40
    for name in ("silent_late_s", "silent_killed_late_s", "drain_s"):
        assert 0 < told[name] == told["runs"][0][name] and name in ran.stdout


def test_the_pacing_benchmark_gives_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    short = {"PACED_S": 1, "LATE_S": 1, "TRIES": 5, "QUEUED_CPS": 10,
             "RETRIED": {"batches": 2, "contacts": 3, "cps": 10, "attempts": 2, "delay_ms": 1000}}  # fmt: skip
    for name, value in short.items():
        monkeypatch.setattr(bench_pacing, name, value)
    found = bench_pacing.run(queued=500)
    assert set(found) == set(bench_pacing.KEYS)
    assert 0 < found["pacing_10_max_in_1s"] <= 10 and 0 < found["pacing_30_max_in_1s"] <= 30
    assert all(0 < found[name] for name in found if name.endswith("_ms"))


def test_the_fairness_benchmark_gives_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: bench_fairness.SCENARIOS[name] for name in ("weights", "idler")}
    short = {"SCENARIO_S": 2.0, "SCENARIOS": few, "WAITING_TENANTS": 2, "WAITING_BATCHES": 50, "WINDOWS": 1, "WINDOW_S": 1}
    for name, value in short.items():
        monkeypatch.setattr(bench_fairness, name, value)
    found = bench_fairness.measure(1)
    assert set(found) == set(bench_fairness.KEYS)
    assert found["jain_min"][0] >= 0.98
