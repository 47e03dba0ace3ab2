"""The two objectives' error budgets, and how fast they burn."""

from collections.abc import Callable

import pytest

from tests.deploy.rules.scenario import Scenario

pytestmark = pytest.mark.prometheus

PREDICT = {"route": "/v1/models/{name}:predict", "method": "POST"}
INFER = {"route": "/v2/models/{name}/infer", "method": "POST"}
FEEDBACK = {"route": "/v1/models/{name}:feedback", "method": "POST"}


def add_requests(
    scenario: Scenario, per_step: float, *, failed: float = 0.0, slow: float = 0.0, instance: str = "a", **more: str
) -> None:
    """Add requests for predictions, of which shares fail or take longer than 0.25 s; and failing, slow feedback."""
    for route, share, fail, late in ((PREDICT, 0.5, failed, slow), (INFER, 0.5, failed, slow), (FEEDBACK, 1, 1, 1)):
        count, labels = per_step * share, route | {"instance": instance} | more
        requests = "chainzrule_http_requests_total"
        scenario.counter(requests, count * (1 - fail), **labels, status="200")
        scenario.counter(requests, count * fail, **labels, status="503")
        scenario.counter(requests, count, **labels | {"method": "GET"}, status="405")
        scenario.histogram(
            "chainzrule_http_request_duration_seconds",
            {"0.1": 0, "0.25": count * (1 - late), "10.0": count},
            labels,
        )


@pytest.mark.parametrize("window", ["5m", "30m", "1h", "2h", "6h", "1d", "3d"])
def test_shares_are_of_the_fleets_requests_for_predictions(scenario: Scenario, window: str) -> None:
    add_requests(scenario, 90, failed=0.001, slow=0.01, instance="a")
    add_requests(scenario, 10, failed=0.011, slow=0.11, instance="b")
    scenario.assert_value(f"slo:chainzrule_availability_error:ratio{window}", 0.002)
    scenario.assert_value(f"slo:chainzrule_latency_error:ratio{window}", 0.02)


def test_without_requests_there_is_no_share(scenario: Scenario) -> None:
    add_requests(scenario, 0)
    scenario.assert_value('{__name__=~"slo:.+:ratio.+"}', None)


@pytest.mark.parametrize(
    ("failed", "slow", "alerts"),
    [
        (0.0009, 0.009, []),
        (0.0015, 0.0, ["ChainzRuleAvailabilitySlowBurn"]),
        (0.005, 0.0, ["ChainzRuleAvailabilitySlowBurn"]),
        (0.007, 0.0, ["ChainzRuleAvailabilityFastBurn", "ChainzRuleAvailabilitySlowBurn"]),
        (0.02, 0.0, ["ChainzRuleAvailabilityFastBurn", "ChainzRuleAvailabilitySlowBurn"]),
        (0.0, 0.015, ["ChainzRuleLatencySlowBurn"]),
        (0.0, 0.05, ["ChainzRuleLatencySlowBurn"]),
        (0.0, 0.07, ["ChainzRuleLatencyFastBurn", "ChainzRuleLatencySlowBurn"]),
        (0.0, 0.2, ["ChainzRuleLatencyFastBurn", "ChainzRuleLatencySlowBurn"]),
    ],
)
def test_how_fast_a_budget_burns(scenario: Scenario, failed: float, slow: float, alerts: list[str]) -> None:
    add_requests(scenario, 1000, failed=failed, slow=slow)
    scenario.assert_firing(*alerts)


def test_at_low_traffic_a_few_failures_wake_nobody(scenario: Scenario) -> None:
    # Every second request fails, and is slow; in 20 minutes there are 12 of them.
    add_requests(scenario, 0.3, failed=0.5, slow=0.5)
    scenario.assert_firing()


def test_what_is_over_burns_no_more(make_scenario: Callable[..., Scenario]) -> None:
    scenario = make_scenario(minutes=120, step="1m")
    labels = PREDICT | {"instance": "a"}
    scenario.values("chainzrule_http_requests_total", "0+80x25 2100+100x94", **labels, status="200")
    scenario.values("chainzrule_http_requests_total", "0+20x25 500x94", **labels, status="503")
    scenario.assert_firing("ChainzRuleAvailabilityFastBurn", "ChainzRuleAvailabilitySlowBurn")
    # Of the last hour 8 % failed still, but nothing of the last half.
    scenario.assert_firing("ChainzRuleAvailabilitySlowBurn", at="60m")
