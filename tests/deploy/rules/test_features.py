"""Missing values and values out of range, feature by feature."""

from collections.abc import Callable

import pytest

from tests.deploy.rules.scenario import MODEL, Scenario

pytestmark = pytest.mark.prometheus


def add_rows(
    scenario: Scenario, per_step: float, *, missing: float = 0.0, out_of_range: float = 0.0, instance: str = "a"
) -> None:
    """Add rows in which the share `missing` has no flow and the share `out_of_range` a strange one; 900 references."""
    scenario.counter("chainzrule_rows_total", per_step, instance=instance, **MODEL)
    scenario.gauge("chainzrule_reference_calibration_rows", 900, **MODEL, instance=instance)
    for feature, share in (("flow", 1.0), ("age", 0.0)):
        labels = MODEL | {"feature": feature}
        scenario.counter("chainzrule_feature_missing_total", per_step * missing * share, instance=instance, **labels)
        scenario.counter(
            "chainzrule_feature_out_of_range_total", per_step * out_of_range * share, instance=instance, **labels
        )
        scenario.gauge("chainzrule_reference_missing_ratio", 0.1 * share, **labels, instance=instance)


@pytest.mark.parametrize("window", ["5m", "1h"])
def test_shares_are_per_row_of_all_replicas(scenario: Scenario, window: str) -> None:
    add_rows(scenario, 90, missing=0.1, out_of_range=0.0, instance="a")
    add_rows(scenario, 10, missing=0.6, out_of_range=0.2, instance="b")
    scenario.assert_value(f'model_feature:chainzrule_missing:ratio{window}{{feature="flow"}}', 0.15, **_labels("flow"))
    scenario.assert_value(
        f'model_feature:chainzrule_out_of_range:ratio{window}{{feature="flow"}}', 0.02, **_labels("flow")
    )
    scenario.assert_value(f'model_feature:chainzrule_missing:ratio{window}{{feature="age"}}', 0.0, **_labels("age"))


def test_a_model_without_rows_is_absent(scenario: Scenario) -> None:
    add_rows(scenario, 0)
    scenario.assert_value('{__name__=~"model_feature:.+"}', None)


@pytest.mark.parametrize(
    ("per_step", "missing", "alerts"),
    [
        # 2400 rows in the window: three standard errors are 0.035, so the margin of 0.05 decides.
        (20, 0.14, []),
        (20, 0.17, ["ChainzRuleMissingValues"]),
        # 240 rows: three standard errors are 0.065.
        (2, 0.155, []),
        (2, 0.17, ["ChainzRuleMissingValues"]),
        # 120 rows.
        (1, 0.9, []),
    ],
)
def test_missing_values(
    make_scenario: Callable[..., Scenario], per_step: float, missing: float, alerts: list[str]
) -> None:
    scenario = make_scenario(minutes=90)
    add_rows(scenario, per_step, missing=missing)
    scenario.assert_firing(*alerts, at="90m")


def test_a_unit_mistake_is_named_within_two_minutes(scenario: Scenario) -> None:
    add_rows(scenario, 60)
    scenario.values("chainzrule_feature_out_of_range_total", "0x20 60+60x39", **MODEL, feature="flow", instance="a")
    scenario.assert_firing(at="10m")
    scenario.assert_firing("ChainzRuleOutOfRange", at="12m")
    scenario.assert_text(
        "ChainzRuleOutOfRange",
        {**MODEL, "feature": "flow", "severity": "page"},
        {
            "summary": "flow lies outside what pump was trained on",
            "description": "flow is outside the range of training in 100% of the last five minutes' rows of pump "
            "version 1. Check its unit first, then its source.",
            "runbook_url": "deploy/RUNBOOK.md#chainzruleoutofrange",
        },
    )


@pytest.mark.parametrize(("per_step", "out_of_range"), [(60, 0.04), (19, 1.0)])
def test_few_values_out_of_range_or_few_rows_raise_nothing(
    scenario: Scenario, per_step: float, out_of_range: float
) -> None:
    add_rows(scenario, per_step, out_of_range=out_of_range)
    scenario.assert_firing()


def _labels(feature: str) -> dict[str, str]:
    return MODEL | {"feature": feature}
