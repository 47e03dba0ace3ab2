import numpy as np
import pytest
from scipy.stats import ks_2samp

from model_export.studies import drift, tail_alert
from tests.model_export.studies.made_up_rows import make_rows


def test_the_limits_are_those_of_the_rules() -> None:
    assert tail_alert.limit(6000, 1000) == pytest.approx(0.0289, abs=5e-5)
    assert tail_alert.three_errors(6000, 1000) == pytest.approx(0.0202, abs=5e-5)


@pytest.mark.parametrize("calibration_rows", [77, 101, 500])
def test_the_drawn_tails_are_those_of_fresh_scores(calibration_rows: int) -> None:
    generator = np.random.default_rng(0)
    drawn = tail_alert.draw_tails(generator, calibration_rows, 4000)
    counted = 1 - np.quantile(generator.random((4000, calibration_rows)), 0.99, axis=1)
    assert ks_2samp(drawn, counted).pvalue > 0.001
    expected = 0.01 + 0.98 / (calibration_rows + 1)
    assert drawn.mean() == pytest.approx(expected, abs=4 * drawn.std() / 4000**0.5)


def test_few_calibration_rows_keep_what_three_errors_would_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "CALIBRATION_ROWS", (77,))
    monkeypatch.setattr(drift, "WINDOW_ROWS", (200, 1000))
    for record in tail_alert.false_alarms(np.random.default_rng(1)):
        assert record["low"] <= record["share"] <= record["high"]
        assert record["low"] < 0.001
        assert record["three_errors_share"] > 0.05
        assert record["sets_without_an_alarm"] > 0.9


def test_more_rows_are_needed_for_a_smaller_share_and_never_enough_for_none() -> None:
    generator = np.random.default_rng(2)
    much, little, none = (tail_alert.rows_needed(above, 1000, generator) for above in (0.5, 0.05, 0.01))
    assert much < little < none == float("inf")


def test_a_larger_norm_is_noticed_and_a_smaller_one_is_not() -> None:
    rows = make_rows({"jacobian_norm": 0.0})
    norms = rows.confidences["jacobian_norm"]
    norms[rows.shift == 1] -= 5
    norms[rows.shift == 2] += 5
    larger, smaller, *others = tail_alert.noticing(rows, np.random.default_rng(3))
    assert larger["rows_needed_tail_ratio"] == drift.GRID[0]
    assert larger["rows_needed_tail_ratio_a_tenth"] > drift.GRID[0]
    assert set(smaller.values()) == {float("inf")}
    assert len(others) == 2
