#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast, and in how little memory, a producer exports a large batch: build/bench/export.json.

Each form is exported `--runs` times by one client on the same machine, which counts lines. `export_1m_wall_s` is the
median of the slower form (a million rows is the default). The peak is the producer's VmHWM behind the last run: it has
done nothing else."""

from __future__ import annotations

import argparse
import http.client
import json
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import figures  # noqa: E402
from tests.support.finished_batch import finished_batch  # noqa: E402
from tests.support.producer_api import Api  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402


def export(api: Api, key: str, batch: str, form: str) -> tuple[float, int, int]:
    """Seconds, lines, bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", api.process.port, timeout=600)
    began = time.monotonic()
    connection.request("GET", f"/api/v1/batch/{batch}/calls/export?format={form}", headers={"Authorization": f"Bearer {key}"})
    response = connection.getresponse()
    assert response.status == 200, response.read()
    lines = size = 0
    while piece := response.read1(1 << 20):
        lines += piece.count(b"\n")
        size += len(piece)
    connection.close()
    return time.monotonic() - began, lines, size


def measure(rows: int, runs: int) -> dict[str, object]:
    with RedisServer() as server, Api(server) as api:
        api.trunk("main")
        key = api.tenant("acme")
        batch = finished_batch(api, key, rows)
        walls: dict[str, list[float]] = {"csv": [], "ndjson": []}
        sizes = {}
        for form, seconds in walls.items():
            for _ in range(runs):
                wall_s, lines, sizes[form] = export(api, key, batch, form)
                assert lines == rows + (form == "csv"), (form, lines)
                seconds.append(round(wall_s, 2))
        return {
            "rows": rows,
            "runs": runs,
            "export_1m_wall_s": max(statistics.median(seconds) for seconds in walls.values()),
            "wall_s": {form: statistics.median(seconds) for form, seconds in walls.items()},
            "all_wall_s": walls,
            "bytes": sizes,
            "producer_peak_mib": round(api.process.peak_kb() / 1024, 1),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/bench/export.json")
    args = parser.parse_args()
    result = {**figures.header(), **measure(args.rows, args.runs)}
    figures.write(args.out, result)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
