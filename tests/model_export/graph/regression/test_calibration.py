"""What intervals promise, on rows whose law is known."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import binom

from model_export.errors import DataError
from model_export.graph.regression.calibration import Measured, RegressionCalibration, Target, calibrate_regression
from model_export.graph.regression.evaluation import interval_score
from model_export.training import ChainzRuleRegressor

RISKS = (0.1, 0.3)


def draw(rows: int, seed: int) -> Measured:
    """A curve with noise that is ten times as large at one end of the first feature as at the other."""
    generator = np.random.default_rng(seed)
    table = generator.uniform(-1.5, 1.5, size=(rows, 3))
    noise = generator.normal(size=rows) * 0.3 * np.exp(0.8 * table[:, 0])
    return Measured(table, 10 + np.sin(2 * table[:, 1]) + table[:, 2] ** 2 + noise)


@pytest.fixture(scope="module")
def regressor() -> ChainzRuleRegressor:
    training = draw(800, 0)
    return ChainzRuleRegressor((16,), max_epochs=60, learning_rate=0.01, random_state=0).fit(*training)


def calibrated(regressor: ChainzRuleRegressor, rows: int, seed: int, target: Target) -> RegressionCalibration:
    return calibrate_regression(
        regressor.standardiser_, regressor.network_, draw(800, 0), draw(rows, seed), target, RISKS
    )


def answers(calibration: RegressionCalibration, rows: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    with torch.no_grad():
        found = calibration.scorer(torch.from_numpy(rows))
    return {name: output.numpy() for name, output in found.present().items()}


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_intervals_cover_as_often_as_they_say_over_draws_of_calibration_rows(
    regressor: ChainzRuleRegressor, coverage: float
) -> None:
    sets, fresh = 60, 50
    covered = 0
    for seed in range(sets):
        calibration = calibrated(regressor, 199, 1000 + seed, Target("y", coverage=coverage))
        test = draw(fresh, 5000 + seed)
        found = answers(calibration, test.rows)
        covered += int(((found["lower"] <= test.targets) & (test.targets <= found["upper"])).sum())
    # Rows of one set share its quantile, whose coverage is Beta-distributed: the variance is that of both.
    variance = coverage * (1 - coverage) * (1 / (sets * fresh) + 1 / (201 * sets))
    assert abs(covered / (sets * fresh) - coverage) < 3.5 * np.sqrt(variance) + 1 / 200


def test_one_set_of_calibration_rows_covers_within_binomial_bounds(regressor: ChainzRuleRegressor) -> None:
    calibration = calibrated(regressor, 2000, 1, Target("y"))
    test = draw(2000, 2)
    found = answers(calibration, test.rows)
    covered = int(((found["lower"] <= test.targets) & (test.targets <= found["upper"])).sum())
    # Of a coverage that itself strays by √(0.9 · 0.1 / 2000) for these calibration rows.
    low, high = binom.ppf(0.0005, 2000, 0.9 - 0.02), binom.ppf(0.9995, 2000, 0.9 + 0.02)
    assert low <= covered <= high


def test_intervals_are_wide_where_the_noise_is_and_better_than_intervals_of_one_width(
    regressor: ChainzRuleRegressor,
) -> None:
    calibration = calibrated(regressor, 500, 1, Target("y"))
    test = draw(2000, 2)
    found = answers(calibration, test.rows)
    width = found["upper"] - found["lower"]
    low, high = test.rows[:, 0] < -1, test.rows[:, 0] > 1
    assert width[high].mean() > 3 * width[low].mean()
    held_out = draw(500, 1)
    errors = np.abs(answers(calibration, held_out.rows)["value"] - held_out.targets)
    constant = np.quantile(errors, 0.9)
    normalised = interval_score(test.targets, found["lower"], found["upper"], 0.9).mean()
    assert (
        normalised
        < 0.9 * interval_score(test.targets, found["value"] - constant, found["value"] + constant, 0.9).mean()
    )


def test_reliability_is_how_often_a_value_is_within_the_tolerance(regressor: ChainzRuleRegressor) -> None:
    calibration = calibrated(regressor, 1000, 1, Target("y", tolerance=0.4))
    test = draw(4000, 2)
    found = answers(calibration, test.rows)
    right = np.abs(found["value"] - test.targets) <= 0.4
    for part in np.array_split(np.argsort(found["reliability"]), 5):
        assert right[part].mean() == pytest.approx(found["reliability"][part].mean(), abs=0.09)
    assert calibration.regression.tolerance == 0.4
    level = calibration.reference.thresholds.reject
    assert level.score is not None
    assert (~right[found["reliability"] >= level.score]).mean() < level.risk + 0.03


def test_typicality_is_uniform_and_small_far_away(regressor: ChainzRuleRegressor) -> None:
    calibration = calibrated(regressor, 500, 1, Target("y"))
    assert (answers(calibration, draw(2000, 2).rows)["typicality"] <= 0.1).mean() == pytest.approx(0.1, abs=0.05)
    far = answers(calibration, draw(50, 2).rows + 6)
    assert (far["typicality"] < 0.01).all()
    assert far["reliability"] == pytest.approx(calibration.reference.reliability_weights[2], abs=0.02)


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        (Target("y", coverage=1.0), "the coverage is 1.0"),
        (Target("y", tolerance=0.0), "the tolerance is 0.0"),
        (Target("y", coverage=0.99), "199 calibration rows|too few for intervals"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(regressor: ChainzRuleRegressor, target: Target, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        calibrated(regressor, 50, 1, target)


def test_the_interval_score_is_width_and_penalty() -> None:
    score = interval_score(np.array([1.0, 3.0, -1.0]), np.zeros(3), np.full(3, 2.0), 0.9)
    np.testing.assert_allclose(score, [2, 2 + 20, 2 + 20])
