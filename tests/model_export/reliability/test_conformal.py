import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kstest

from model_export.errors import DataError
from model_export.reliability import ConformalScale
from model_export.reliability.conformal import false_alarm_rate


def p_values(scale: ConformalScale, distances: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = scale(torch.from_numpy(distances)).numpy()
    return found


def exact(calibration: NDArray[np.float64], distances: NDArray[np.float64], sides: int) -> NDArray[np.float64]:
    ordered, rows = np.sort(calibration), len(calibration)
    above = 1 + rows - np.searchsorted(ordered, distances, side="left")
    if sides == 1:
        one_sided: NDArray[np.float64] = above / (rows + 1)
        return one_sided
    below = 1 + np.searchsorted(ordered, distances, side="right")
    wanted: NDArray[np.float64] = np.minimum(1, 2 * np.minimum(above, below) / (rows + 1))
    return wanted


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("rows", [20, 154, 2000])
def test_is_the_conformal_p_value_to_a_few_ranks_and_errs_on_the_safe_side(rows: int, sides: int) -> None:
    generator = np.random.default_rng(rows)
    calibration, fresh = generator.gamma(4, size=rows), generator.gamma(4, size=5000)
    scale = ConformalScale.fit(calibration, two_sided=sides == 2)
    found, wanted = p_values(scale, fresh), exact(calibration, fresh, sides)
    assert np.abs(found - wanted).max() < 0.04 + 4 / (rows + 1)
    assert np.abs(found - wanted).mean() < 0.01 + 2 / (rows + 1)
    # A line between sparse ranks may fall below the step in the middle, never in the tails.
    assert (found >= wanted - 1e-9)[wanted <= 8 * sides / (rows + 1)].all()


@pytest.mark.parametrize("two_sided", [True, False])
def test_is_uniform_on_rows_like_the_calibration_rows(two_sided: bool) -> None:
    generator = np.random.default_rng(0)
    scale = ConformalScale.fit(generator.gamma(4, size=20_000), two_sided=two_sided)
    fresh = p_values(scale, generator.gamma(4, size=2000))
    assert kstest(fresh, "uniform").pvalue > 0.01


@pytest.mark.parametrize("two_sided", [True, False])
def test_false_alarms_keep_their_promise_over_many_calibration_sets(two_sided: bool) -> None:
    generator = np.random.default_rng(0)

    def share() -> float:
        scale = ConformalScale.fit(generator.normal(size=200) ** 2, two_sided=two_sided)
        return float((p_values(scale, generator.normal(size=200) ** 2) < 0.05).mean())

    shares = [share() for _ in range(200)]
    # 40,000 draws: the binomial error of 0.05 is 0.0011, and calibration sets of 200 vary by a little more.
    assert np.mean(shares) < 0.055


@pytest.mark.parametrize(
    ("floor", "rate"), [(2 / 21, 0.1), (1 / 21, 0.05), (2 / 40, 0.1), (2 / 41, 0.05), (1 / 100, 0.05), (1 / 101, 0.01)]
)
def test_the_false_alarm_rate_is_the_smallest_that_the_floor_lies_below(floor: float, rate: float) -> None:
    assert false_alarm_rate(floor) == rate
    assert np.float32(floor) < np.float32(rate)


@pytest.mark.parametrize("rows", [20, 100, 154, 1000, 3000, 20_000])
@pytest.mark.parametrize("power", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("two_sided", [True, False])
def test_no_row_that_the_exact_p_value_lets_pass_raises_an_alarm(rows: int, power: float, two_sided: bool) -> None:
    generator = np.random.default_rng(rows)
    calibration, fresh = generator.random(rows) ** power, generator.random(20_000) ** power
    scale = ConformalScale.fit(calibration, two_sided=two_sided)
    rate = false_alarm_rate(scale.smallest)
    alarms = p_values(scale, fresh) <= rate
    assert not (alarms & (exact(calibration, fresh, 1 + two_sided) > rate)).any()
    assert alarms.any()


@pytest.mark.parametrize("rows", [999, 2000, 4999])
@pytest.mark.parametrize("stragglers", [0.5, 1.1, 1.9])
def test_ties_at_the_largest_distance_that_merge_with_rows_just_below_stay_above_the_step(
    rows: int, stragglers: float
) -> None:
    usual = np.random.default_rng(0).uniform(0, 1, rows - 23)
    gap = float(np.subtract(*np.quantile(usual, [0.75, 0.25]))) / 6 / (rows + 1)
    calibration = np.concatenate([usual, np.full(20, 1.5), np.full(3, 1.5 - stragglers * gap)])
    scale = ConformalScale.fit(calibration, two_sided=False)
    largest = np.array([1.5])
    assert p_values(scale, largest) >= exact(calibration, largest, 1)


def test_has_a_floor_and_is_never_nan() -> None:
    calibration = np.random.default_rng(0).uniform(1, 2, size=99)
    far = np.array([0.0, 0.5, 1.5, 3.0, 1e30])
    found = p_values(ConformalScale.fit(calibration), far)
    assert found[[0, 1, 3, 4]].tolist() == pytest.approx([0.02] * 4)
    assert found[2] > 0.8
    one_sided = p_values(ConformalScale.fit(calibration, two_sided=False), far)
    assert one_sided[[0, 1, 3, 4]].tolist() == pytest.approx([1, 1, 0.01, 0.01])


@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.0 + 1e-9]) | st.floats(0, 100), min_size=20, max_size=60), st.booleans()
)
def test_ties_and_duplicates_still_give_a_p_value(distances: list[float], two_sided: bool) -> None:
    scale = ConformalScale.fit(np.array(distances), two_sided=two_sided)
    found = p_values(scale, np.linspace(-1, 101, 300))
    assert np.isfinite(found).all()
    assert found.min() >= scale.smallest - 1e-9
    assert found.max() <= 1 + 1e-9


@pytest.mark.parametrize(
    ("distances", "complaint"),
    [([1.0] * 5, "5 calibration rows are too few"), ([1.0] * 30 + [np.nan], "1 calibration rows have no finite")],
)
def test_what_gives_no_p_value_is_refused(distances: list[float], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        ConformalScale.fit(np.array(distances))
