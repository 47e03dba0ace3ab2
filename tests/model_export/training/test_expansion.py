from collections.abc import Sequence

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from model_export.graph.onnx_writer import to_onnx
from model_export.training.expansion import MISSING, Expansion, Indicator, Range, TableStandardiser
from model_export.training.standardiser import Standardiser
from service.dates import days_of

NAN = float("nan")


@pytest.fixture
def expansion() -> Expansion:
    """A category of four values, two of them rare, a number held below 10, and a date with times."""
    indicators = [
        Indicator(0, 0, 0, 0.5, "a"),
        Indicator(0, 1, 1, 0.3, "b"),
        Indicator(0, 2, 3, 0.1, "rarer"),
        Indicator(0, MISSING, MISSING, 0.1, "missing"),
    ]
    dates = [Range(2, days_of("2019-01-01"), days_of("2025-01-01"))]
    return Expansion(3, [Range(1, -float("inf"), 10.0)], indicators, dates, [True])


def rows(*values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_categories_become_indicators_and_an_unseen_one_the_training_shares(expansion: Expansion) -> None:
    columns = expansion(rows(*[[code, 0, 19000] for code in (0, 1, 2, 3, NAN, -1)]))[:, 1:5]
    expected: list[list[float]] = [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
        [0.5, 0.3, 0.1, 0.1],
    ]
    np.testing.assert_allclose(columns, expected)


def test_numbers_are_held_within_their_range_and_missing_ones_stay_missing(expansion: Expansion) -> None:
    np.testing.assert_array_equal(expansion(rows([0, -1e9, NAN], [0, 1e9, NAN], [0, NAN, NAN]))[:, 0], [-1e9, 10, NAN])


def test_dates_become_a_trend_and_the_times_of_year_week_and_day(expansion: Expansion) -> None:
    moments = ["2024-01-03", "2024-01-10", "2024-01-08T06:00", "2024-07-03"]
    trend, *waves = expansion(rows(*[[0, 0, days_of(moment)] for moment in moments]))[:, 5:].T
    year, week, day = (
        torch.atan2(sine, cosine) / (2 * np.pi) for sine, cosine in zip(waves[::2], waves[1::2], strict=True)
    )
    assert (trend[1] - trend[0]).item() == 7
    assert week[0].item() == pytest.approx(week[1].item())
    # A Monday is where the week begins, and a Wednesday two sevenths of it later.
    assert week[2].item() == pytest.approx(0, abs=1e-9)
    assert week[0].item() == pytest.approx(2 / 7)
    assert day[0].item() == pytest.approx(0, abs=1e-9)
    assert day[2].item() == pytest.approx(0.25)
    assert abs(abs((year[3] - year[0]).item()) - 0.5) < 0.01
    assert torch.isnan(expansion(rows([0, 0, NAN]))[:, 5:]).all()


def test_float32_and_onnxruntime_make_the_same_of_any_date(expansion: Expansion) -> None:
    days = np.concatenate([np.arange(17800, 20300), np.arange(17800, 20300) + 0.375, [-719162, 2932896, np.nan]])
    given = np.column_stack([np.zeros_like(days), np.zeros_like(days), days])
    exact = expansion(torch.from_numpy(given.astype(np.float32)).double()).numpy()
    model = to_onnx(expansion.float().eval(), {"x": torch.zeros(3, 3)}, ("rows",), ("columns",))
    [found] = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": given.astype(np.float32)})
    np.testing.assert_allclose(found, exact, atol=2e-6)


def test_a_gradient_has_a_number_for_each_feature_and_keeps_its_norm(expansion: Expansion) -> None:
    columns = expansion(rows(*[[code % 4, code, 18000 + 30 * code] for code in range(40)])).numpy()
    standardiser = TableStandardiser(expansion, Standardiser.fit(columns))
    gradient = torch.randn(5, columns.shape[1], dtype=torch.float64)
    by_feature = standardiser.gradient(gradient)
    assert by_feature.shape == (5, 3)
    np.testing.assert_allclose(by_feature[:, 1], gradient[:, 0])
    np.testing.assert_allclose(by_feature[:, 0], gradient[:, 1:5].norm(dim=1))
    np.testing.assert_allclose(by_feature.norm(dim=1), gradient.norm(dim=1))


def test_unseen_categories_are_told_and_made_up_rows_have_some(expansion: Expansion) -> None:
    columns = expansion(rows(*[[code % 4, code, 18000 + 30 * code] for code in range(40)])).numpy()
    standardiser = TableStandardiser(expansion, Standardiser.fit(columns))
    unseen = standardiser.unseen(rows([0, 0, 0], [-1, 0, 0], [NAN, 0, 0]))
    assert unseen is not None
    assert unseen.tolist() == [False, True, False]
    made = standardiser.rows(np.random.default_rng(0).normal(size=(4000, 3)))
    assert set(np.unique(made[:, 0])) == {-1, 0, 1, 2, 3}
    assert 0 < (made[:, 0] == -1).mean() < 0.01
    assert made[:, 2].mean() == pytest.approx(18585, abs=40)
