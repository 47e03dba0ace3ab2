"""Errors foretold and observed, and outputs that are no numbers."""

from collections.abc import Callable

import pytest

from tests.deploy.rules.scenario import MODEL, Scenario

pytestmark = pytest.mark.prometheus


def add_rows(scenario: Scenario, per_step: float, expected_errors: float, instance: str = "a") -> None:
    """Add rows with that share of expected errors, of a model that expected 0.1 on 900 evaluation rows."""
    scenario.counter("chainzrule_rows_total", per_step, instance=instance, **MODEL)
    scenario.counter("chainzrule_expected_errors_total", per_step * expected_errors, instance=instance, **MODEL)
    scenario.histogram(
        "chainzrule_reliability",
        {"0.5": 0, "1.0": per_step},
        MODEL | {"instance": instance},
        sum_per_step=per_step * (1 - expected_errors),
    )
    scenario.gauge("chainzrule_reference_expected_error_ratio", 0.1, **MODEL, instance=instance)
    scenario.gauge("chainzrule_reference_evaluation_rows", 900, **MODEL, instance=instance)


def add_feedback(
    scenario: Scenario, per_step: float, *, wrong: float, expected: float, band: str = "0.9-1.0", instance: str = "a"
) -> None:
    labels = MODEL | {"band": band, "instance": instance}
    scenario.counter("chainzrule_feedback_rows_total", per_step * wrong, **labels, outcome="wrong")
    scenario.counter("chainzrule_feedback_rows_total", per_step * (1 - wrong), **labels, outcome="confirmed")
    scenario.counter("chainzrule_feedback_expected_errors_total", per_step * expected, **labels)


def test_expected_errors_are_a_share_of_all_rows(scenario: Scenario) -> None:
    add_rows(scenario, 90, 0.1, "a")
    add_rows(scenario, 10, 0.3, "b")
    scenario.assert_value("model:chainzrule_expected_error:ratio5m", 0.12, **MODEL)
    scenario.assert_value("model:chainzrule_expected_error:ratio1h", 0.12, **MODEL)
    scenario.assert_value("model:chainzrule_reliability:mean5m", 0.88, **MODEL)


def test_a_model_without_rows_has_no_share_of_errors(scenario: Scenario) -> None:
    add_rows(scenario, 0, 0.0)
    scenario.assert_value('{__name__=~"model:chainzrule_(expected_error|reliability):.+"}', None)


@pytest.mark.parametrize(
    ("per_step", "expected_errors", "alerts"),
    [
        # 2400 rows in the window: three standard errors are 0.035.
        (20, 0.13, []),
        (20, 0.14, ["ChainzRuleExpectedErrorsHigh"]),
        # 120 rows.
        (1, 0.9, []),
    ],
)
def test_more_errors_expected_than_measured(
    make_scenario: Callable[..., Scenario], per_step: float, expected_errors: float, alerts: list[str]
) -> None:
    scenario = make_scenario(minutes=90)
    add_rows(scenario, per_step, expected_errors)
    scenario.assert_firing(*alerts, at="90m")


def test_the_margin_is_never_below_two_points(scenario: Scenario) -> None:
    add_rows(scenario, 60_000, 0.119)
    scenario.gauge("chainzrule_reference_evaluation_rows", 1_000_000, **MODEL, instance="a")
    scenario.assert_firing()
    add_rows(scenario, 60_000, 0.121)
    scenario.gauge("chainzrule_reference_evaluation_rows", 1_000_000, **MODEL, instance="a")
    scenario.assert_firing("ChainzRuleExpectedErrorsHigh", at="25m")


def test_feedback_by_band_and_in_all(scenario: Scenario) -> None:
    add_feedback(scenario, 30, wrong=0.1, expected=0.05, instance="a")
    add_feedback(scenario, 10, wrong=0.5, expected=0.05, instance="b")
    add_feedback(scenario, 40, wrong=0.4, expected=0.45, band="0.5-0.6")
    high = MODEL | {"band": "0.9-1.0"}
    scenario.assert_value('model_band:chainzrule_feedback_error:ratio1h{band="0.9-1.0"}', 0.2, **high)
    scenario.assert_value('model_band:chainzrule_feedback_expected_error:ratio1h{band="0.9-1.0"}', 0.05, **high)
    scenario.assert_value("model:chainzrule_feedback_error:ratio1h", 0.3, **MODEL)
    scenario.assert_value("model:chainzrule_feedback_expected_error:ratio1h", 0.25, **MODEL)


def test_without_feedback_nothing_is_said_of_it(scenario: Scenario) -> None:
    add_feedback(scenario, 0, wrong=0, expected=0)
    scenario.assert_value('{__name__=~"model(_band)?:chainzrule_feedback_(expected_)?error:.+"}', None)
    scenario.assert_value("model:chainzrule_feedback_rows:increase1h", 0, **MODEL)


@pytest.mark.parametrize(
    ("per_step", "wrong", "alerts"),
    [
        # 2400 rows in the window: three standard errors are 0.018, so the margin of 0.05 decides.
        (20, 0.14, []),
        (20, 0.16, ["ChainzRuleCalibrationGap"]),
        (20, 0.04, ["ChainzRuleCalibrationGap"]),
        # 240 rows: three standard errors are 0.058.
        (2, 0.155, []),
        (2, 0.165, ["ChainzRuleCalibrationGap"]),
        # 120 rows.
        (1, 0.9, []),
    ],
)
def test_observed_errors_that_reliability_did_not_foretell(
    make_scenario: Callable[..., Scenario], per_step: float, wrong: float, alerts: list[str]
) -> None:
    scenario = make_scenario(minutes=90)
    add_feedback(scenario, per_step, wrong=wrong, expected=0.1)
    scenario.assert_firing(*alerts, at="90m")


def test_one_output_that_is_no_number_is_told_of_for_ten_minutes(scenario: Scenario) -> None:
    scenario.values("chainzrule_non_finite_total", "0x9 1x50", **MODEL, instance="a")
    scenario.assert_firing(at="4m")
    scenario.assert_firing("ChainzRuleNonFinite", at="8m")
    scenario.assert_firing(at="20m")
