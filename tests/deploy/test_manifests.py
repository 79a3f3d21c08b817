# SPDX-License-Identifier: Apache-2.0
"""deploy/k8s by the schemas of the kinds that it names, and what the manifests must say together; docker-compose.yml by
the tool that Debian has and by the specification that newer ones follow."""

from __future__ import annotations

import copy
import json
import pathlib
import re
import shutil
import subprocess
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "build" / "deploy" / "npm"
K8S = ROOT / "deploy" / "k8s"
PROCESSES = {"carillon-producer": 8080, "carillon-worker": 8081, "carillon-notifier": 8082}
Document = dict[str, Any]


def documents() -> dict[str, Document]:
    """By "file: kind name"."""
    found = {}
    for path in sorted(K8S.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if path.name != "kustomization.yaml":
                found[f"{path.name}: {document['kind']} {document['metadata']['name']}"] = document
    return found


def of_kind(kind: str) -> dict[str, Document]:
    return {document["metadata"]["name"]: document for document in documents().values() if document["kind"] == kind}


def faults_of(given: dict[str, Document], work: pathlib.Path) -> list[str]:
    assert PACKAGES.is_dir(), f"{PACKAGES} is not there: run make test-deploy"
    entries = json.dumps([{"name": name, "document": document} for name, document in given.items()])
    command = ["node", str(ROOT / "tests/deploy/check_manifests.js"), str(PACKAGES), str(work)]
    return subprocess.run(command, input=entries, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture
def work(request: pytest.FixtureRequest) -> pathlib.Path:
    """Below the packages, so that they are found from it."""
    folder = PACKAGES / "work" / re.sub(r"\W", "_", request.node.name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def test_every_manifest_is_what_its_kind_wants(work: pathlib.Path) -> None:
    assert faults_of(documents(), work) == []


@pytest.mark.parametrize("mistake", ["a misspelt name", "a wrong type", "a missing field"])
def test_a_mistake_in_a_manifest_is_found(mistake: str, work: pathlib.Path) -> None:
    """What the test above would see."""
    document = copy.deepcopy(of_kind("Deployment")["carillon-worker"])
    pod = document["spec"]["template"]["spec"]
    if mistake == "a misspelt name":
        pod["terminationGracePeriod"] = pod.pop("terminationGracePeriodSeconds")
    elif mistake == "a wrong type":
        pod["terminationGracePeriodSeconds"] = "45"
    else:
        del document["spec"]["selector"]
    assert faults_of({"worker": document}, work)


def test_everything_that_is_applied_lies_in_the_namespace_and_is_listed() -> None:
    listed = yaml.safe_load((K8S / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    apart = {"kustomization.yaml", "secrets.example.yaml", "autoscale-hpa.yaml", "autoscale-keda.yaml"}
    assert set(listed) == {path.name for path in K8S.glob("*.yaml")} - apart
    for name, document in documents().items():
        assert document["kind"] == "Namespace" or document["metadata"]["namespace"] == "carillon", name


def test_redis_has_the_settings_of_everybody_else() -> None:
    assert of_kind("ConfigMap")["redis"]["data"]["redis.conf"] == (ROOT / "deploy/redis.conf").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PROCESSES)
def test_each_process_is_asked_and_ended_as_it_wants_and_can_write_nothing(name: str) -> None:
    deployment = of_kind("Deployment")[name]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == [name]
    assert container["ports"] == [{"name": "http", "containerPort": PROCESSES[name]}]
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: probe["path"] for kind, probe in probes.items()} == {
        "startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}  # fmt: skip
    config = (ROOT / "docs/config.md").read_text(encoding="utf-8")
    drain = re.search(r"`--drain-timeout-ms` .*? \| `(\d+)` \|", config)
    assert drain and pod["terminationGracePeriodSeconds"] * 1000 > int(drain[1])
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}  # fmt: skip
    assert not pod["automountServiceAccountToken"] and not pod["enableServiceLinks"]
    assert container["resources"]["requests"].keys() == {"cpu", "memory"} and container["resources"]["limits"].keys() == {"memory"}


def test_each_process_is_given_its_own_password_and_no_other() -> None:
    for name, deployment in of_kind("Deployment").items():
        pod = deployment["spec"]["template"]["spec"]
        secret = next(volume["secret"] for volume in pod["volumes"] if "secret" in volume)
        assert {item["key"] for item in secret["items"]} == {"secrets.key", f"{name}.password"}
        mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        conf = of_kind("ConfigMap")["carillon"]["data"]["carillon.conf"]
        assert f"redis_password_file = {mounts['secrets']}/redis.password" in conf
        assert f"secrets_key_file = {mounts['secrets']}/secrets.key" in conf
        assert f"[{name}]\nredis_user = {name}\nlisten = 0.0.0.0:{PROCESSES[name]}\n" in conf


def test_a_drain_of_nodes_leaves_all_but_one_of_each() -> None:
    budgets = of_kind("PodDisruptionBudget")
    assert {name: budget["spec"]["maxUnavailable"] for name, budget in budgets.items()} == dict.fromkeys(PROCESSES, 1)
    for name, budget in budgets.items():
        labels = of_kind("Deployment")[name]["spec"]["template"]["metadata"]["labels"]
        assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_both_autoscalers_go_by_a_metric_that_workers_have() -> None:
    """The manifests of either kind name the same metric and bounds."""
    hpa, keda = of_kind("HorizontalPodAutoscaler")["carillon-worker"]["spec"], of_kind("ScaledObject")["carillon-worker"]["spec"]
    metric = hpa["metrics"][0]["external"]["metric"]["name"]
    assert metric in keda["triggers"][0]["metadata"]["query"]
    assert any(f'"{metric}"' in path.read_text(encoding="utf-8") for path in (ROOT / "worker").glob("*.c"))
    assert (hpa["minReplicas"], hpa["maxReplicas"]) == (keda["minReplicaCount"], keda["maxReplicaCount"])


def test_the_compose_file_is_understood_by_old_tools_and_new(tmp_path: pathlib.Path) -> None:
    for files in ([], ["-f", "docker-compose.yml", "-f", "tests/deploy/compose.test.yml"]):
        command = ["docker-compose", *files, "config"]
        environment = {"PATH": "/usr/bin:/bin", "WITNESS_DIR": str(tmp_path), "HOME": str(tmp_path)}
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0 and "WARNING" not in ended.stderr, ended.stderr
    specification = json.loads((PACKAGES / "node_modules/dclint/schemas/compose.schema.json").read_text(encoding="utf-8"))
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    jsonschema.validate(compose, specification, jsonschema.Draft7Validator)
    compose["services"]["worker"]["read_onyl"] = True
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(compose, specification, jsonschema.Draft7Validator)
