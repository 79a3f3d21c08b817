# SPDX-License-Identifier: Apache-2.0
"""The rules of deploy/prometheus by promtool: they are well-formed, each alert fires for what it is about and stays silent when
all is well, each has its section among the runbooks, and no rule or panel asks for a metric that nobody exposes."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.support.exposition import PARTS, page

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
RULE_FILES = ("rules.yml", "alerts.yml")
DASHBOARD = ROOT / "deploy/grafana/carillon.json"
RUNBOOKS = ROOT / "docs/operations.md"
# What is not ours: of Prometheus itself, and of prometheus-redis-exporter.
OTHERS = {"up", "ALERTS", "redis_memory_used_bytes", "redis_memory_max_bytes", "redis_aof_last_write_status"}
SERIES = re.compile(r"\b(?:carillon:[a-z0-9_:]+|carillon_[a-z0-9_]+|redis_[a-z_]+|up|ALERTS)\b(?!\s*=(?!=))")
SEVERITIES = {"critical", "warning", "info"}


def rules(kind: str) -> list[dict[str, Any]]:
    """The rules that have `kind` ("alert" or "record")."""
    found = []
    for name in RULE_FILES:
        for group in yaml.safe_load((PROMETHEUS / name).read_text(encoding="utf-8"))["groups"]:
            found += [rule for rule in group["rules"] if kind in rule]
    return found


ALERTS = {rule["alert"]: rule for rule in rules("alert")}

Series = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Case:
    """Samples a minute apart, as promtool writes them ("0+6x60" rises by 6 a minute, 60 times). `bad`: for an hour it is as the
    alert says, and from some time on it must fire; `well`: what is the nearest to it that is fine."""

    bad: Series
    well: Series


def of(job: str, value: str) -> str:
    return f'up{{job="carillon-{job}",instance="a:1"}}', value


def gone(job: str) -> Case:
    up = f'up{{job="carillon-{job}",instance="%s:1"}}'
    return Case({up % "a": "0x60", up % "b": "0x60"}, {up % "a": "0x60", up % "b": "1x60"})


def histogram(name: str, labels: str, buckets: dict[str, str]) -> Series:
    return {f'{name}_bucket{{{labels}le="{le}"}}': value for le, value in buckets.items()}


def share(name: str, label: str, part: str, whole: str, more: str = "", bad: int = 30, well: int = 0) -> Case:
    """Of a counter with `label`, `part` has `bad` (or `well`) a minute beside 300 of `whole`."""
    other = {f'{name}{{{more}{label}="{whole}"}}': "0+300x60"}
    return Case(
        {f'{name}{{{more}{label}="{part}"}}': f"0+{bad}x60", **other}, {f'{name}{{{more}{label}="{part}"}}': f"0+{well}x60", **other}
    )


def rising(series: str, bad: int = 60, well: int = 0) -> Case:
    return Case({series: f"0+{bad}x60"}, {series: f"0+{well}x60"})


def at(series: str, bad: str, well: str) -> Case:
    return Case({series: f"{bad}x60"}, {series: f"{well}x60"})


LATE = "carillon_begin_late_seconds"
SCRIPT = "carillon_redis_script_seconds"
ANSWER = "carillon_api_answer_seconds"
VERDICTS = "carillon_provider_verdicts_total"
ON_TRUNK = 'instance="a:1",trunk="main",'
CLAIMS = 'carillon_claim_calls_count{instance="a:1"}'
CLAIMS_FAILED = 'carillon_claims_failed_total{instance="a:1"}'
SETTLED = "carillon_callbacks_settled_total"
ACCEPTED = f'{VERDICTS}{{trunk="main",verdict="ACCEPTED"}}'
READY = 'carillon_ready{instance="a:1",job="carillon-worker"}'
DRAINING = 'carillon_draining{instance="a:1",job="carillon-worker"}'

CASES = {
    "CarillonWorkersGone": gone("worker"),
    "CarillonProducersGone": gone("producer"),
    "CarillonNotifiersGone": gone("notifier"),
    "CarillonProcessDown": at('up{job="carillon-worker",instance="a:1"}', "0", "1"),
    "CarillonNotReady": Case({READY: "0x60", DRAINING: "0x60"}, {READY: "0x60", DRAINING: "1x60"}),
    "CarillonRestarts": Case({"carillon_start_time_seconds": "0+300x60"}, {"carillon_start_time_seconds": "0x30 9x30"}),
    "CarillonVersionsMixed": Case(
        {'carillon_info{version="1"}': "1x200", 'carillon_info{version="2"}': "1x200"}, {'carillon_info{version="1"}': "1x200"}
    ),
    "CarillonClaimsFailing": Case(
        {CLAIMS: "0+10x60", CLAIMS_FAILED: "0+60x60"}, {CLAIMS: "0+60x60", CLAIMS_FAILED: "0+10x60"}
    ),
    "CarillonScheduleLag": at("carillon_schedule_lag_seconds", "3", "0.2"),
    "CarillonSlotsLate": Case(
        histogram(LATE, "", {"0.05": "0+90x60", "0.25": "0+100x60", "+Inf": "0+100x60"}),
        histogram(LATE, "", {"0.05": "0+100x60", "0.25": "0+100x60", "+Inf": "0+100x60"}),
    ),
    "CarillonUnknownVerdicts": share(VERDICTS, "verdict", "UNKNOWN", "ACCEPTED", ON_TRUNK, well=3),
    "CarillonUnknownOutcomes": share("carillon_attempt_outcomes_total", "outcome", "UNKNOWN", "COMPLETED", well=3),
    "CarillonBreakerOpen": rising('carillon_trunk_breakers_total{event="opened"}', bad=1),
    "CarillonTrunkAccount": rising(f'{VERDICTS}{{{ON_TRUNK}verdict="ACCOUNT"}}', bad=1),
    "CarillonThrottled": share(VERDICTS, "verdict", "THROTTLED", "ACCEPTED", ON_TRUNK, bad=60, well=10),
    "CarillonCallbacksMissing": Case({SETTLED: "0x60", ACCEPTED: "0+9x60"}, {SETTLED: "0+1x60", ACCEPTED: "0+9x60"}),
    "CarillonCallbacksRefused": rising("carillon_callbacks_refused_total", well=1),
    "CarillonWorkersDie": rising("carillon_claims_reclaimed_total", well=10),
    "CarillonLostWakes": rising("carillon_lost_wakes_total", well=6),
    "CarillonRedisErrors": rising('carillon_redis_errors_total{kind="timeout"}', well=1),
    "CarillonRedisFull": rising('carillon_redis_errors_total{kind="oom"}'),
    "CarillonRedisDisk": at("redis_aof_last_write_status", "0", "1"),
    "CarillonRedisMemory": Case(
        {"redis_memory_used_bytes": "90x60", "redis_memory_max_bytes": "100x60"},
        {"redis_memory_used_bytes": "90x60", "redis_memory_max_bytes": "0x60"},
    ),
    "CarillonRedisSlow": Case(
        histogram(SCRIPT, 'script="call_claim",', {"0.1": "0+90x60", "0.5": "0+100x60", "+Inf": "0+100x60"}),
        histogram(SCRIPT, 'script="call_claim",', {"0.1": "0+100x60", "0.5": "0+100x60", "+Inf": "0+100x60"}),
    ),
    "CarillonRedisClock": rising("carillon_redis_clock_jumps_total", bad=1),
    "CarillonReplicasMissing": at("carillon_redis_replicas_missing", "1", "0"),
    "CarillonApiErrors": share("carillon_api_answers_total", "class", "5xx", "2xx", well=3),
    "CarillonApiSlow": Case(
        histogram(ANSWER, "", {"1": "0+90x60", "2.5": "0+100x60", "+Inf": "0+100x60"}),
        histogram(ANSWER, "", {"1": "0+99x60", "2.5": "0+100x60", "+Inf": "0+100x60"}),
    ),
    "CarillonWebhookStreamAge": at("carillon_webhook_stream_age_seconds", "60", "5"),
    "CarillonWebhookRingLag": at("carillon_webhook_ring_lag_seconds", "60", "5"),
    "CarillonWebhookFailures": rising('carillon_webhook_own_failures_total{cause="local"}', well=1),
    "CarillonEventsLost": rising("carillon_webhook_dropped_total", bad=1),
}


def promtool(*args: str) -> None:
    ended = subprocess.run(["promtool", *args], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_promtool_finds_no_fault_in_rules_and_configurations(tmp_path: pathlib.Path) -> None:
    promtool("check", "rules", *(str(PROMETHEUS / name) for name in RULE_FILES))
    promtool("check", "config", str(PROMETHEUS / "prometheus.yml"), str(PROMETHEUS / "compose.yml"))
    # Debian's Prometheus is built without what finds pods: the rest of that file is looked at with another way to find them.
    text = (PROMETHEUS / "kubernetes.yml").read_text(encoding="utf-8")
    text, found = re.subn(r"kubernetes_sd_configs: .*", "file_sd_configs: [{files: [pods.json]}]", text)
    assert found == 1
    (tmp_path / "kubernetes.yml").write_text(text.replace("[rules.yml, alerts.yml]", "[]"), encoding="utf-8")
    promtool("check", "config", str(tmp_path / "kubernetes.yml"))


def test_in_containers_every_service_is_found_where_it_listens() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    listening = {
        (f"carillon-{name}", name, int(service["environment"]["CARILLON_LISTEN"].rpartition(":")[2]))
        for name, service in services.items()
        if "CARILLON_LISTEN" in service.get("environment", {})
    }
    jobs = yaml.safe_load((PROMETHEUS / "compose.yml").read_text(encoding="utf-8"))["scrape_configs"]
    found = {(job["job_name"], by["names"][0], by["port"]) for job in jobs for by in job["dns_sd_configs"]}
    assert found == listening != set()
    served = services["prometheus"]
    assert set(services["worker"]["networks"]) & set(served["networks"]), "it can reach them"
    assert "./deploy/prometheus:/etc/prometheus:ro" in served["volumes"]


def relabelled(pod: dict[str, str], rules: list[dict[str, Any]]) -> dict[str, str] | None:
    """What Prometheus makes of a pod's labels: the part of its rules that is used here."""
    labels = dict(pod)
    for rule in rules:
        text = rule.get("separator", ";").join(labels.get(name, "") for name in rule["source_labels"])
        if rule.get("action", "replace") == "replace":
            labels[rule["target_label"]] = text
        elif not re.fullmatch(rule["regex"], text):
            return None
    return labels


def pods() -> list[dict[str, str]]:
    """Those of deploy/k8s, as Prometheus hears of them."""
    found = []
    for path in sorted((ROOT / "deploy/k8s").glob("*.yaml")):
        for item in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if item and item["kind"] in ("Deployment", "StatefulSet"):
                made = item["spec"]["template"]["metadata"]
                pod = {"__meta_kubernetes_pod_ip": "10.0.0.1", "__meta_kubernetes_namespace": item["metadata"]["namespace"]}
                for kind, pairs in (("label", made["labels"]), ("annotation", made.get("annotations", {}))):
                    pod |= {f"__meta_kubernetes_pod_{kind}_{re.sub('[^a-zA-Z0-9]', '_', k)}": v for k, v in pairs.items()}
                found.append(pod)
    return found


def test_in_a_cluster_every_pod_is_found_by_its_job() -> None:
    (job,) = yaml.safe_load((PROMETHEUS / "kubernetes.yml").read_text(encoding="utf-8"))["scrape_configs"]
    made = [labels for pod in pods() if (labels := relabelled(pod, job["relabel_configs"]))]
    assert {(labels["job"], labels["__address__"], labels["namespace"]) for labels in made} == {
        ("carillon-producer", "10.0.0.1:8080", "carillon"),
        ("carillon-worker", "10.0.0.1:8081", "carillon"),
        ("carillon-notifier", "10.0.0.1:8082", "carillon"),
    }
    assert len(pods()) > len(made), "Redis's own are not asked"


def test_every_alert_has_a_case() -> None:
    assert set(CASES) == set(ALERTS)


def minutes(duration: str) -> int:
    return int(duration[:-1]) * {"s": 0, "m": 1, "h": 60}[duration[-1]]


def rule_test(alert: str, series: Series, is_firing: bool) -> dict[str, Any]:
    """Fires (or does not) at its end; of a firing one also: not before its time."""
    expression = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    end = 195 if "x200" in "".join(series.values()) else 55
    wanted = [{"eval_time": f"{end}m", "expr": expression, "exp_samples": [{"labels": "{}", "value": 1}] if is_firing else []}]
    hold = minutes(ALERTS[alert]["for"])
    if is_firing and hold > 1:
        wanted.append({"eval_time": f"{hold - 1}m", "expr": expression, "exp_samples": []})
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": wanted,
    }


@pytest.mark.parametrize("alert", CASES)
def test_an_alert_fires_for_what_it_is_about_and_for_nothing_near_it(alert: str, tmp_path: pathlib.Path) -> None:
    case = CASES[alert]
    made = {
        "rule_files": [str(PROMETHEUS / name) for name in RULE_FILES],
        "evaluation_interval": "1m",
        "tests": [rule_test(alert, case.bad, True), rule_test(alert, case.well, False)],
    }
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump(made, width=1000), encoding="utf-8")
    promtool("test", "rules", str(path))


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_is_so_how_grave_it_is_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in SEVERITIES
    told = rule["annotations"]
    assert told["summary"] and not told["summary"].endswith(".") and told["description"].endswith(".")
    assert told["runbook_url"] == f"docs/operations.md#{alert.lower()}"


def test_the_runbooks_are_those_of_the_alerts() -> None:
    text = RUNBOOKS.read_text(encoding="utf-8")
    alerts = text[text.index("\n## Alerts\n") :].split("\n## ")[1]
    assert re.findall(r"^### (\w+)$", alerts, re.MULTILINE) == list(ALERTS)
    sections = re.split(r"^### \w+$", alerts, flags=re.MULTILINE)[1:]
    assert all(len(section.split()) >= 15 for section in sections)


def known_series() -> set[str]:
    exposed = {name for rows in page().values() for name in rows}
    return exposed | {name + part for name in exposed for part in PARTS} | {rule["record"] for rule in rules("record")} | OTHERS


def test_rules_ask_for_nothing_that_nobody_exposes() -> None:
    for rule in rules("alert") + rules("record"):
        asked = set(SERIES.findall(rule["expr"]))
        assert asked and asked <= known_series(), (rule, asked - known_series())


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"] if panel["type"] != "row"]


def test_the_dashboard_asks_for_nothing_that_nobody_exposes(tmp_path: pathlib.Path) -> None:
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    for expression in asked:
        series = set(SERIES.findall(expression))
        assert series and series <= known_series(), (expression, series - known_series())
    as_rules = [{"record": f"panel_{i}", "expr": expression} for i, expression in enumerate(asked)]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": as_rules}]}), encoding="utf-8")
    promtool("check", "rules", str(path))


def test_the_dashboards_panels_lie_beside_each_other() -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in board}) == len(board) and len({panel["title"] for panel in panels()}) > 30
    taken: set[tuple[int, int]] = set()
    for panel in board:
        grid = panel["gridPos"]
        cells = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])}
        assert grid["x"] + grid["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells


def test_a_rule_that_asks_for_another_name_is_found() -> None:
    """What the tests above would see."""
    assert not set(SERIES.findall("sum(rate(carillon_dials_total[1m]))")) <= known_series()
