"""Several fleets under one Prometheus, told apart by their namespaces."""

import re

import pytest
import yaml

from tests.deploy.rules.scenario import MODEL, RULES, Scenario
from tests.deploy.rules.test_fleet import add_replica
from tests.deploy.rules.test_objectives import add_requests
from tests.deploy.rules.test_typicality import SHIFTED, STEADY, add_rows

pytestmark = pytest.mark.prometheus


def test_no_rule_adds_up_or_matches_over_namespaces() -> None:
    expressions = [
        rule["expr"]
        for name in ("recording.yml", "alerts.yml")
        for group in yaml.safe_load((RULES / name).read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]
    found = [
        first
        for expression in expressions
        # What aggregates has its labels in front, and these begin with the namespace.
        for first in re.findall(r"\b(?:sum|min|max|avg|count|group)\b *(\w+)? *\(", expression)
        + re.findall(r"\b(?:on|by|without|ignoring)\b *\((\w*)", expression)
    ]
    assert len(found) > 150
    assert set(found) == {"by", "namespace"}


def test_a_fleet_on_trial_that_serves_other_versions_and_files_is_not_at_odds_with_the_other(
    scenario: Scenario,
) -> None:
    scenario.gauge("up", 1, job="chainzrule", instance="a", namespace="production")
    add_replica(scenario, "b", sha256="aa11", namespace="production")
    add_replica(scenario, "c", sha256="bb22", namespace="staging")
    add_replica(scenario, "c", sha256="cc33", namespace="staging", version="2")
    scenario.assert_firing("ChainzRuleVersionMismatch")  # of production alone, where `a` is up and serves nothing
    scenario.assert_text(
        "ChainzRuleVersionMismatch",
        {**MODEL, "namespace": "production", "severity": "ticket"},
        {
            "summary": "Not every replica serves pump version 1",
            "description": "Only 1 of the replicas that are up serve pump version 1, for ten minutes. Bring every "
            "replica's repository to the same content.",
            "runbook_url": "deploy/RUNBOOK.md#chainzruleversionmismatch",
        },
    )


def test_drift_in_one_fleet_is_neither_thinned_by_the_other_nor_taken_for_its(scenario: Scenario) -> None:
    add_rows(scenario, STEADY, 6000, "a", namespace="production")
    add_rows(scenario, SHIFTED, 60, "b", namespace="staging")
    statistic = "model:chainzrule_typicality:ks5m"
    scenario.assert_value(f'{statistic}{{namespace="production"}}', 0.05, **MODEL, namespace="production")
    scenario.assert_value(f'{statistic}{{namespace="staging"}}', 0.4, **MODEL, namespace="staging")
    scenario.assert_firing("ChainzRuleDrift")
    scenario.assert_value('ALERTS{alertname="ChainzRuleDrift",namespace!="staging"}', None)


def test_each_fleet_has_an_error_budget_of_its_own(scenario: Scenario) -> None:
    add_requests(scenario, 9900, instance="a", namespace="production")
    add_requests(scenario, 100, failed=0.02, instance="b", namespace="staging")
    for window in ("5m", "1h", "1d"):
        failed = f"slo:chainzrule_availability_error:ratio{window}"
        scenario.assert_value(f'{failed}{{namespace="production"}}', 0.0, namespace="production")
        scenario.assert_value(f'{failed}{{namespace="staging"}}', 0.02, namespace="staging")
    scenario.assert_firing("ChainzRuleAvailabilityFastBurn", "ChainzRuleAvailabilitySlowBurn")
