# SPDX-License-Identifier: Apache-2.0
"""What /metrics of a process says, and what docs/metrics.md says of it."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import urllib.request

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/metrics.md"
PROCESSES = {"Worker": "worker", "Producer": "producer", "Notifier": "notifier"}
PARTS = ("_bucket", "_sum", "_count")
SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


@dataclasses.dataclass(frozen=True)
class Sample:
    name: str
    labels: dict[str, str]
    value: float


@dataclasses.dataclass(frozen=True)
class Exposition:
    types: dict[str, str]
    samples: list[Sample]

    def family(self, sample: Sample) -> str:
        """The name under which the sample's type is told."""
        for part in PARTS:
            whole = sample.name.removesuffix(part)
            if whole != sample.name and self.types.get(whole) == "histogram":
                return whole
        return sample.name

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels, and any others."""
        return sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items())


def parse(text: str) -> Exposition:
    types: dict[str, str] = {}
    samples = []
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} has two types"
            types[name] = kind
        elif not line.startswith("#"):
            found = SAMPLE.match(line)
            assert found, line
            samples.append(Sample(found["name"], dict(LABEL.findall(found["labels"] or "")), float(found["value"])))
    return Exposition(types, samples)


def scrape(url: str) -> Exposition:
    with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4"
        return parse(answer.read().decode())


@dataclasses.dataclass(frozen=True)
class Told:
    """One row of the page. `labels`: the values of each that it lists, or none where it lists none."""

    kind: str
    labels: dict[str, set[str]]


def page() -> dict[str, dict[str, Told]]:
    """The rows of docs/metrics.md: for each of producer, worker and notifier those that it must have."""
    shared: dict[str, Told] = {}
    own: dict[str, dict[str, Told]] = {process: {} for process in PROCESSES.values()}
    into = None
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line[3:]
            into = shared if heading == "Every process" else own[PROCESSES[heading]]
        elif line.startswith("| `carillon_"):
            assert into is not None
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 5, line
            into[cells[0].strip("`")] = Told(cells[1], _labels(cells[2]))
    return {process: {**shared, **rows} for process, rows in own.items()}


def _labels(cell: str) -> dict[str, set[str]]:
    """`a`, `b` or `a`: `x`, `y` (and words between)."""
    if not cell:
        return {}
    if ":" not in cell:
        return {name: set() for name in re.findall(r"`(\w+)`", cell)}
    name, values = cell.split(":", 1)
    return {name.strip("` "): set(re.findall(r"`([\w]+)`", values))}
