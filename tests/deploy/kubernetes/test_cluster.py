"""What stands around the pods: who may reach them, how many there are, and who watches them."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kubernetes.__main__ import MANIFEST, RULES, rendered
from service.settings import Settings
from tests.deploy.exposed import exposed_samples
from tests.deploy.kubernetes.manifests import (
    KUBERNETES,
    OVERLAYS,
    REQUIRES_KUBECTL,
    ROOT,
    Manifest,
    container_of,
    overlay,
    the,
)
from tests.deploy.prometheus import REQUIRES_PROMETHEUS

ADAPTER = KUBERNETES / "components" / "autoscaling" / "prometheus-adapter.yaml"


@pytest.fixture(scope="module")
def production() -> list[Manifest]:
    return overlay("production")


def labels_of(manifests: list[Manifest]) -> dict[str, str]:
    found: dict[str, str] = the("Deployment", manifests)["spec"]["template"]["metadata"]["labels"]
    return found


@REQUIRES_KUBECTL
@pytest.mark.parametrize("name", OVERLAYS)
def test_every_selector_finds_the_pods_and_every_port_is_the_containers(name: str) -> None:
    manifests = overlay(name)
    selectors = {
        "Service": "selector",
        "Deployment": "selector.matchLabels",
        "NetworkPolicy": "podSelector.matchLabels",
    }
    selectors |= {"PodDisruptionBudget": "selector.matchLabels"} if name == "production" else {}
    for kind, path in selectors.items():
        selector: Any = the(kind, manifests)["spec"]
        for step in path.split("."):
            selector = selector[step]
        assert selector, kind
        assert selector.items() <= labels_of(manifests).items()
    (port,) = container_of(manifests)["ports"]
    assert (port["name"], port["containerPort"]) == ("http", 8080)
    (service_port,) = the("Service", manifests)["spec"]["ports"]
    assert (service_port["name"], service_port["targetPort"]) == ("http", "http")


@REQUIRES_KUBECTL
@pytest.mark.parametrize("name", OVERLAYS)
def test_the_network_admits_prometheus_the_ingress_and_labelled_clients_and_lets_nothing_out(name: str) -> None:
    policy = the("NetworkPolicy", overlay(name))["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert policy["egress"] == []
    (rule,) = policy["ingress"]
    assert [port["port"] for port in rule["ports"]] == ["http"]
    namespace = "kubernetes.io/metadata.name"
    # A label that Kustomize adds to every selector would stand here too, and shut Prometheus out.
    assert rule["from"] == [
        {
            "namespaceSelector": {"matchLabels": {namespace: "monitoring"}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
        },
        {"namespaceSelector": {"matchLabels": {namespace: "ingress-nginx"}}},
        {"podSelector": {"matchLabels": {"chainzrule-client": "true"}}},
    ]


@REQUIRES_KUBECTL
def test_the_autoscaler_and_the_budget_leave_the_deployment_to_its_pods(production: list[Manifest]) -> None:
    scaler, deployment = the("HorizontalPodAutoscaler", production)["spec"], the("Deployment", production)
    target = scaler["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    assert "replicas" not in deployment["spec"], "each apply would set back what the autoscaler has set"
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    assert the("PodDisruptionBudget", production)["spec"]["maxUnavailable"] < scaler["minReplicas"]


@REQUIRES_KUBECTL
def test_it_scales_on_a_metric_that_the_service_exposes_and_the_adapter_is_told_of(production: list[Manifest]) -> None:
    metrics = the("HorizontalPodAutoscaler", production)["spec"]["metrics"]
    (queue,) = (metric["pods"] for metric in metrics if metric["type"] == "Pods")
    (cpu,) = (metric["resource"] for metric in metrics if metric["type"] == "Resource")
    assert cpu["name"] == "cpu"
    name = queue["metric"]["name"]
    assert name in exposed_samples()
    (rule,) = yaml.safe_load(ADAPTER.read_text(encoding="utf-8"))["rules"]["custom"]
    assert rule["seriesQuery"].partition("{")[0] == name
    default = Settings.model_fields["max_batch_rows"].default
    assert queue["target"] == {"type": "AverageValue", "averageValue": str(default)}


@REQUIRES_PROMETHEUS
@pytest.mark.prometheus
def test_the_adapters_query_is_one(tmp_path: Path) -> None:
    (rule,) = yaml.safe_load(ADAPTER.read_text(encoding="utf-8"))["rules"]["custom"]
    query = rule["metricsQuery"]
    matchers = 'namespace="chainzrule",pod=~"chainzrule-.+"'
    for name, value in (
        ("Series", rule["seriesQuery"].partition("{")[0]),
        ("LabelMatchers", matchers),
        ("GroupBy", "pod"),
    ):
        query = query.replace(f"<<.{name}>>", value)
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "adapter", "rules": [{"record": "queue", "expr": query}]}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<" not in query


def test_the_rule_that_is_committed_is_made_of_the_rules_that_compose_loads() -> None:
    assert MANIFEST.read_text(encoding="utf-8") == rendered(), "run: python -m deploy.kubernetes"
    groups = yaml.safe_load(rendered())["spec"]["groups"]
    files = [yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] for path in RULES.glob("*.yml")]
    assert sorted(group["name"] for group in groups) == sorted(group["name"] for file in files for group in file)


@REQUIRES_KUBECTL
def test_prometheus_finds_the_service_as_the_job_that_the_rules_ask_for(production: list[Manifest]) -> None:
    monitor, service = the("ServiceMonitor", production), the("Service", production)
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    jobs = {
        job for path in RULES.glob("*.yml") for job in re.findall(r'job="([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert jobs == {service["metadata"]["labels"][monitor["spec"]["jobLabel"]]}


@REQUIRES_KUBECTL
def test_the_dashboards_are_the_files_that_compose_mounts(production: list[Manifest]) -> None:
    (dashboards,) = (found for found in production if "grafana_dashboard" in found["metadata"].get("labels", {}))
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "deploy/grafana/dashboards").iterdir()}
    assert dashboards["data"] == files
    # What `kubectl apply` keeps of an object in an annotation may not be larger.
    assert sum(map(len, files.values())) < 262_144
