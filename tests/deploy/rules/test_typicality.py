"""Drift, by hand: the reference is uniform, from 99 calibration rows, at the boundaries 0.1, 0.5 and 1.0."""

from collections.abc import Callable, Mapping
from math import sqrt

import pytest

from tests.deploy.rules.scenario import MODEL, Scenario

pytestmark = pytest.mark.prometheus

STEADY = {"0.1": 0.10, "0.5": 0.55, "1.0": 1.0}
"""Cumulative shares, of which the middle one strays by 0.05."""

SHIFTED = {"0.1": 0.50, "0.5": 0.90, "1.0": 1.0}
"""Both stray by 0.4."""


def add_rows(
    scenario: Scenario, shares: Mapping[str, float], per_step: float, instance: str = "a", **more: str
) -> None:
    buckets = {bound: share * per_step for bound, share in shares.items()}
    labels = MODEL | {"instance": instance} | more
    scenario.histogram("chainzrule_typicality", buckets, labels)
    scenario.counter("chainzrule_rows_total", per_step, **labels)
    scenario.gauge("chainzrule_reference_calibration_rows", 99, **labels)
    for bound in shares:
        scenario.gauge("chainzrule_reference_typicality", float(bound), **labels, le=bound)


def test_the_statistic_is_the_largest_gap_and_has_its_critical_value(scenario: Scenario) -> None:
    add_rows(scenario, STEADY, 60)
    scenario.assert_value("model:chainzrule_typicality:ks5m", 0.05, **MODEL)
    scenario.assert_value("model:chainzrule_typicality:ks_critical5m", 1.95 * sqrt(1 / 600 + 1 / 99), **MODEL)
    scenario.assert_firing()


def test_replicas_are_added_up_before_they_are_compared(scenario: Scenario) -> None:
    add_rows(scenario, {"0.1": 0.0, "0.5": 0.40, "1.0": 1.0}, 40, "a")
    add_rows(scenario, {"0.1": 0.3, "0.5": 0.85, "1.0": 1.0}, 20, "b")
    # Of all rows 0.1 and 0.55, although each replica by itself strays by more.
    scenario.assert_value("model:chainzrule_typicality:ks5m", 0.05, **MODEL)
    scenario.assert_value("model:chainzrule_typicality:ks_critical5m", 1.95 * sqrt(1 / 600 + 1 / 99), **MODEL)


def test_a_shift_raises_both_alerts(make_scenario: Callable[..., Scenario]) -> None:
    scenario = make_scenario(minutes=60, step="1m")
    add_rows(scenario, SHIFTED, 60)
    scenario.assert_value("model:chainzrule_typicality:ks5m", 0.4, **MODEL, at="50m")
    scenario.assert_value("model:chainzrule_typicality:ks6h", 0.4, **MODEL, at="50m")
    scenario.assert_firing("ChainzRuleDrift", at="20m")
    scenario.assert_firing("ChainzRuleDrift", "ChainzRuleSlowDrift", at="50m")


def test_a_shift_of_few_rows_is_seen_in_the_long_window_alone(make_scenario: Callable[..., Scenario]) -> None:
    scenario = make_scenario(minutes=120, step="1m")
    add_rows(scenario, SHIFTED, 8)
    scenario.assert_firing("ChainzRuleSlowDrift", at="2h")


def test_below_fifty_rows_nothing_is_said(scenario: Scenario) -> None:
    add_rows(scenario, SHIFTED, 4.8)
    scenario.assert_value("model:chainzrule_typicality:ks5m", None)
    scenario.assert_value("model:chainzrule_typicality:ks_critical5m", None)


def test_between_fifty_and_two_hundred_rows_the_statistic_is_there_without_its_alert(scenario: Scenario) -> None:
    add_rows(scenario, SHIFTED, 19)
    scenario.assert_value("model:chainzrule_typicality:ks5m > model:chainzrule_typicality:ks_critical5m", 0.4, **MODEL)
    scenario.assert_firing()


def test_a_model_without_rows_is_absent(scenario: Scenario) -> None:
    add_rows(scenario, STEADY, 0)
    scenario.assert_value('{__name__=~"model:chainzrule_typicality:.+"}', None)
    scenario.assert_firing()


def test_a_shift_that_ends_clears_the_alert(scenario: Scenario) -> None:
    add_rows(scenario, SHIFTED, 60)
    for bound, before, after in (("0.1", 30, 6), ("0.5", 54, 30), ("1.0", 60, 60)):
        values = f"0+{before}x20 {20 * before + after}+{after}x39"
        scenario.values("chainzrule_typicality_bucket", values, **MODEL, le=bound, instance="a")
    scenario.assert_firing("ChainzRuleDrift", at="10m")
    scenario.assert_firing(at="16m")


def test_a_restarted_replica_does_not_look_like_a_shift(scenario: Scenario) -> None:
    add_rows(scenario, STEADY, 60)
    for bound, share in STEADY.items():
        per_step = share * 60
        values = f"0+{per_step}x35 {per_step}+{per_step}x24"
        scenario.values("chainzrule_typicality_bucket", values, **MODEL, le=bound, instance="a")
    scenario.values("chainzrule_typicality_count", "0+60x35 60+60x24", **MODEL, instance="a")
    scenario.values("chainzrule_rows_total", "0+60x35 60+60x24", **MODEL, instance="a")
    scenario.assert_value("model:chainzrule_typicality:ks5m", 0.05, **MODEL)
    scenario.assert_value("model:chainzrule_rows:increase5m", 600, **MODEL)


def test_the_alert_says_how_far_and_what_to_do(scenario: Scenario) -> None:
    add_rows(scenario, SHIFTED, 60)
    scenario.assert_text(
        "ChainzRuleDrift",
        {**MODEL, "severity": "page"},
        {
            "summary": "The rows that pump is sent are not those it knows",
            "description": "The typicality of the last five minutes' rows strays from the calibration rows' by 0.40, "
            "more than chance allows, on pump version 1. Find the feature that changed, and hold back what acts on "
            "these predictions.",
            "runbook_url": "deploy/RUNBOOK.md#chainzruledrift",
        },
    )
