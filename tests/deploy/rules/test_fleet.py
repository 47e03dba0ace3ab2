"""Replicas that are gone, behind, or at odds with each other."""

import pytest

from tests.deploy.rules.scenario import MODEL, Scenario

pytestmark = pytest.mark.prometheus


def add_replica(scenario: Scenario, instance: str, sha256: str = "aa11", **served: str) -> None:
    """Add a replica that serves the model, or what `served` names."""
    labels = MODEL | served
    where = {"namespace": served["namespace"]} if "namespace" in served else {}
    scenario.gauge("up", 1, job="chainzrule", instance=instance, **where)
    scenario.gauge("chainzrule_model_ready", 1, **labels, instance=instance)
    scenario.gauge("chainzrule_model_info", 1, **labels, sha256=sha256, instance=instance)


def test_a_fleet_in_order_raises_nothing(scenario: Scenario) -> None:
    add_replica(scenario, "a")
    add_replica(scenario, "b")
    scenario.assert_firing()


def test_a_replica_that_does_not_answer(scenario: Scenario) -> None:
    add_replica(scenario, "a")
    scenario.gauge("up", 0, job="chainzrule", instance="b")
    scenario.assert_firing("ChainzRuleDown")
    scenario.assert_text(
        "ChainzRuleDown",
        {"job": "chainzrule", "instance": "b", "severity": "page"},
        {
            "summary": "b does not answer",
            "description": "Prometheus has not been able to scrape it for a minute. Look whether the container runs "
            "and why its last one ended.",
            "runbook_url": "deploy/RUNBOOK.md#chainzruledown",
        },
    )


def test_no_replica_at_all(scenario: Scenario) -> None:
    scenario.values("up", "1x9 stale", job="chainzrule", instance="a")
    scenario.assert_firing(at="4m")
    scenario.assert_firing("ChainzRuleDown", at="8m")


def test_a_restart_within_a_minute_wakes_nobody(scenario: Scenario) -> None:
    scenario.values("up", "1x9 0 1x50", job="chainzrule", instance="a")
    for at in ("5m", "5m30s", "6m", "7m"):
        scenario.assert_firing(at=at)


def test_a_version_that_is_not_ready(scenario: Scenario) -> None:
    add_replica(scenario, "a")
    scenario.gauge("chainzrule_model_ready", 0, model="pump", version="2", instance="a")
    scenario.assert_firing(at="4m")
    scenario.assert_firing("ChainzRuleModelNotReady", at="6m")


def test_a_version_that_only_one_replica_serves(scenario: Scenario) -> None:
    add_replica(scenario, "a")
    add_replica(scenario, "a", sha256="bb22", version="2")
    add_replica(scenario, "b")
    scenario.assert_firing(at="9m")
    scenario.assert_firing("ChainzRuleVersionMismatch", at="11m")


def test_a_replica_that_is_down_is_not_called_behind(scenario: Scenario) -> None:
    add_replica(scenario, "a")
    scenario.gauge("up", 0, job="chainzrule", instance="b")
    scenario.assert_firing("ChainzRuleDown")


def test_one_version_with_two_digests(scenario: Scenario) -> None:
    add_replica(scenario, "a", sha256="aa11")
    add_replica(scenario, "b", sha256="bb22")
    scenario.assert_firing("ChainzRuleDigestMismatch")


@pytest.mark.parametrize(("restarts", "alerts"), [("0x10 1 2 3x50", []), ("0+1x59", ["ChainzRuleWorkerRestarts"])])
def test_workers_that_keep_ending(scenario: Scenario, restarts: str, alerts: list[str]) -> None:
    scenario.values("chainzrule_worker_restarts_total", restarts, instance="a")
    scenario.assert_firing(*alerts, at="14m")


def test_rows_of_all_replicas_count_and_a_restart_takes_none_away(scenario: Scenario) -> None:
    scenario.values("chainzrule_rows_total", "0+10x35 10+10x24", **MODEL, instance="a")
    scenario.counter("chainzrule_rows_total", 5, **MODEL, instance="b")
    scenario.assert_value("model:chainzrule_rows:increase5m", 150, **MODEL)
