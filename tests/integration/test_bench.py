# SPDX-License-Identifier: Apache-2.0
"""The benchmarks run, and write what their readers look for; what they measure is not judged here."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_ingestion_benchmark_writes_its_figures(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "ingest.json"
    command = [sys.executable, str(ROOT / "tests/bench/bench_ingest.py"), "--rows", "3000", "--runs", "1", "--chunks", "4", "--out", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert out.exists(), ran.stdout + ran.stderr
    told = json.loads(out.read_text(encoding="utf-8"))
    assert told["rows"] == 3000 and len(told["commit"]) == 40
    for name in ("ingest_1m_wall_s", "producer_peak_mib", "bytes_per_queued_call"):
        assert 0 < told[name] == told["runs"][0][name]
