import numpy as np
import pytest
import torch
from scipy.stats import binom, spearmanr

from model_export.errors import DataError
from model_export.reliability.difficulty import Difficulty, conformal_quantile


def draw(rows: int, seed: int, steepness: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Derivatives, one of them the same in every row; errors; and the scale that they were drawn with."""
    generator = np.random.default_rng(seed)
    derivatives = generator.normal(3, 2, size=(rows, 6))
    derivatives[:, 5] = 1.0
    scale = np.exp(steepness * (derivatives[:, 0] - 3) / 2)
    return derivatives, scale * generator.normal(size=rows), scale


def test_finds_which_rows_are_difficult() -> None:
    derivatives, errors, _ = draw(1000, 0, 0.8)
    difficulty = Difficulty.fit(derivatives, errors)
    assert not difficulty.constant
    fresh, _, scale = draw(500, 1, 0.8)
    found = difficulty(torch.from_numpy(fresh)).numpy()
    assert spearmanr(found, scale).statistic > 0.95
    assert found.max() / found.min() > 5


def test_is_a_constant_where_nothing_tells_rows_apart_and_where_rows_are_few() -> None:
    for seed in range(5):
        derivatives, errors, _ = draw(300, seed, 0.0)
        difficulty = Difficulty.fit(derivatives, errors)
        assert difficulty.constant
        found = difficulty(torch.from_numpy(derivatives)).numpy()
        np.testing.assert_allclose(found, np.abs(errors).mean())
    assert Difficulty.fit(*draw(8, 0, 2.0)[:2]).constant


def test_stays_within_what_it_was_fitted_to_however_far_the_row() -> None:
    derivatives, errors, _ = draw(1000, 0, 0.8)
    difficulty = Difficulty.fit(derivatives, errors)
    fitted = difficulty(torch.from_numpy(derivatives))
    far = difficulty(torch.tensor([[1e30] * 6, [-1e30] * 6], dtype=torch.float64))
    assert far.max() <= fitted.max() * 1.0001
    assert far.min() >= fitted.min() * 0.9999


def test_the_quantile_covers_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    draws = generator.exponential(size=(4000, 60))
    covered = sum(row[-1] <= conformal_quantile(row[:-1], 0.9) for row in draws)
    # With 59 rows the rank is exactly 54, of 60: the coverage is 0.9.
    low, high = binom.interval(0.999, 4000, 0.9)
    assert low <= covered <= high


def test_too_few_rows_for_the_coverage_are_refused_with_how_many_it_takes() -> None:
    assert conformal_quantile(np.arange(9.0), 0.9) == 8
    with pytest.raises(DataError, match=r"8 calibration rows are too few .* at least 9"):
        conformal_quantile(np.arange(8.0), 0.9)
    with pytest.raises(DataError, match="at least 99"):
        conformal_quantile(np.arange(50.0), 0.99)
