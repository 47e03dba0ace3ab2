"""The rules are whole, ask for what the service exposes, and send whoever is paged to a section that is there."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.monitoring.metrics import Metrics
from tests.deploy.exposed import exposed_samples
from tests.service.client import serving

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOK = (ROOT / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8")


def read_rules(file: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((PROMETHEUS / "rules" / file).read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


RECORDS = read_rules("recording.yml")
ALERTS = read_rules("alerts.yml")
EXPRESSIONS = [rule["expr"] for rule in RECORDS + ALERTS]


@pytest.mark.prometheus
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on the PATH")
def test_promtool_finds_nothing_wrong_with_configuration_and_rules() -> None:
    done = subprocess.run(
        ["promtool", "check", "config", str(PROMETHEUS / "prometheus.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rule files found" in done.stdout


def test_rules_ask_only_for_metrics_of_the_service_and_for_records() -> None:
    names = {name for text in EXPRESSIONS for name in re.findall(r"(?<![:\w])chainzrule_\w+", text)}
    assert len(names) > 20
    assert names <= exposed_samples()


def test_rules_ask_only_for_records_that_there_are() -> None:
    records = [rule["record"] for rule in RECORDS]
    assert len(set(records)) == len(records)
    assert {name for text in EXPRESSIONS for name in re.findall(r"\w+:chainzrule_\w+:\w+", text)} <= {*records}


def test_the_objectives_are_of_every_route_that_predicts_and_no_other() -> None:
    patterns = {pattern for text in EXPRESSIONS for pattern in re.findall(r'route=~"([^"]+)"', text)}
    with serving(ROOT / "deploy" / "models") as service:
        labels = [key for key in service.samples() if key.startswith("chainzrule_http_requests_total{method=POST")]
    routes = {re.findall(r"route=([^ ]+),status", key)[0] for key in labels}
    (pattern,) = patterns
    assert {route for route in routes if re.fullmatch(pattern, route)} == {
        "/v1/models/{name}:predict",
        "/v1/models/{name}/versions/{version}:predict",
        "/v2/models/{name}/infer",
        "/v2/models/{name}/versions/{version}/infer",
    }


def test_the_latency_objective_is_the_bound_of_a_bucket() -> None:
    metrics = Metrics()
    metrics.record_request("/", "POST", 200, 0.1)
    bounds = set(re.findall(r'request_duration_seconds_bucket{le="([^"]+)"', metrics.exposition().decode()))
    asked = {bound for text in EXPRESSIONS for bound in re.findall(r'le="([^"]+)"', text)}
    assert asked == {"0.25"}
    assert asked <= bounds


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_waits_says_how_urgent_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    minutes = int(re.fullmatch(r"(\d+)m", alert["for"])[1])  # type: ignore[index]
    assert minutes > 0
    assert minutes <= 5 or alert["labels"]["severity"] == "ticket"
    annotations = alert["annotations"]
    assert annotations.keys() == {"summary", "description", "runbook_url"}
    file, anchor = annotations["runbook_url"].split("#")
    assert (ROOT / file).is_file()
    assert anchor == alert["alert"].lower()


def test_the_runbook_has_a_section_for_every_alert_and_no_other() -> None:
    assert re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE) == [alert["alert"] for alert in ALERTS]


@pytest.mark.parametrize("part", ["Means", "Look", "Do", "False alarm"])
def test_every_section_of_the_runbook_has_its_parts(part: str) -> None:
    sections = re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)[1:]
    assert [section.split("\n")[0] for section in sections if f"\n**{part}**" not in section] == []
