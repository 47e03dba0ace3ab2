"""τ and the share above the reference, by hand, with the reference τ's bucket at 1.2."""

from collections.abc import Callable

import pytest

from tests.deploy.rules.scenario import MODEL, Scenario

pytestmark = pytest.mark.prometheus


def add_rows(scenario: Scenario, per_step: float, above: float, instance: str = "a") -> None:
    """Add rows with mean 1, of which the share `above` lies over 1.2 and all lie under 1.4."""
    buckets = {"1.0": per_step / 2, "1.2": per_step * (1 - above), "1.4": per_step}
    scenario.histogram("chainzrule_tail_ratio", buckets, MODEL | {"instance": instance}, sum_per_step=per_step)
    scenario.counter("chainzrule_rows_total", per_step, instance=instance, **MODEL)
    scenario.gauge("chainzrule_reference_tail_ratio_bound", 1, **MODEL, le="1.2", instance=instance)
    scenario.gauge("chainzrule_reference_calibration_rows", 1000, **MODEL, instance=instance)


@pytest.mark.parametrize("window", ["5m", "1h"])
def test_mean_p99_and_share_above_the_reference(scenario: Scenario, window: str) -> None:
    add_rows(scenario, 100, above=0.02)
    scenario.assert_value(f"model:chainzrule_tail_ratio:mean{window}", 1.0, **MODEL)
    # Half of the topmost bucket's share is above the p99, which therefore lies in its middle.
    scenario.assert_value(f"model:chainzrule_tail_ratio:p99_per_mean{window}", 1.3, **MODEL)
    scenario.assert_value(f"model:chainzrule_tail_ratio:above_reference_ratio{window}", 0.02, **MODEL)


def test_replicas_are_one_distribution(scenario: Scenario) -> None:
    add_rows(scenario, 90, above=0.0, instance="a")
    add_rows(scenario, 10, above=0.2, instance="b")
    scenario.assert_value("model:chainzrule_tail_ratio:p99_per_mean5m", 1.3, **MODEL)
    scenario.assert_value("model:chainzrule_tail_ratio:above_reference_ratio5m", 0.02, **MODEL)


def test_tau_is_hidden_below_two_hundred_rows(scenario: Scenario) -> None:
    add_rows(scenario, 19.9, above=0.02)
    scenario.assert_value("model:chainzrule_tail_ratio:p99_per_mean5m", None)
    scenario.assert_value("model:chainzrule_tail_ratio:mean5m", 1.0, **MODEL)


def test_tau_is_shown_from_two_hundred_rows(scenario: Scenario) -> None:
    add_rows(scenario, 20.1, above=0.02)
    scenario.assert_value("model:chainzrule_tail_ratio:p99_per_mean5m", 1.3, **MODEL)


def test_a_model_without_rows_is_absent(scenario: Scenario) -> None:
    add_rows(scenario, 0, above=0.0)
    scenario.assert_value('{__name__=~"model:chainzrule_tail_ratio:.+"}', None)


@pytest.mark.parametrize(
    ("above", "alerts"),
    # 6000 rows are in the window: the limit is 0.011 + 5 * sqrt(0.011 * (1 / 6000 + 1 / 1000)) = 0.0289.
    [(0.028, []), (0.030, ["ChainzRuleTailRatioHigh"])],
)
def test_the_alert_allows_for_chance(make_scenario: Callable[..., Scenario], above: float, alerts: list[str]) -> None:
    scenario = make_scenario(minutes=90)
    add_rows(scenario, 50, above)
    scenario.assert_firing(*alerts, at="90m")


def test_a_few_rows_far_above_raise_nothing(scenario: Scenario) -> None:
    add_rows(scenario, 3, above=0.5)
    scenario.assert_firing(at="30m")
