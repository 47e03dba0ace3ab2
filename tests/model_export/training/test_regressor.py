import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LinearRegression

from model_export.errors import DataError
from model_export.training import ChainzRuleRegressor
from tests.conftest import make_measured

Table = tuple[pd.DataFrame, "pd.Series[float]"]


@pytest.fixture(scope="module")
def table() -> Table:
    return make_measured(600, seed=1)


def small(**settings: object) -> ChainzRuleRegressor:
    return ChainzRuleRegressor((12,), **{"max_epochs": 40, "learning_rate": 0.01, "random_state": 0, **settings})  # type: ignore[arg-type]


def test_learns_a_curve_from_a_raw_table_with_gaps(table: Table) -> None:
    fresh, truth = make_measured(300, seed=2)
    fitted = small().fit(*table)
    straight = LinearRegression().fit(table[0].fillna(table[0].mean()), table[1])
    assert fitted.score(fresh, truth) > straight.score(fresh.fillna(table[0].mean()), truth) + 0.1
    assert fitted.predict(fresh).shape == (300,)
    assert (fitted.training_rows_, fitted.validation_rows_) == (510, 90)


def test_another_unit_of_the_target_gives_the_same_network_in_that_unit(table: Table) -> None:
    features, target = table
    metric, imperial = (small().fit(features, scaled).predict(features) for scaled in (target, 1000 * target - 7))
    np.testing.assert_allclose(1000 * metric - 7, imperial, rtol=1e-3)


def test_a_constant_target_is_predicted(table: Table) -> None:
    np.testing.assert_allclose(small().fit(table[0], np.full(600, 5.0)).predict(table[0]), 5, atol=0.5)


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        (["high"] * 9, "the target is not numeric: it holds 'high'"),
        ([1.0] * 8 + [np.nan], "the target of row 8 is missing or infinite"),
        ([1.0] * 8 + [np.inf], "the target of row 8 is missing or infinite"),
        ([1.0] * 8, "one target for each of the 9 rows"),
        (1.7e9 + np.arange(9), "the target varies by .* around 1.7e"),
    ],
)
def test_what_cannot_be_learned_is_refused(target: list[float], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        small().fit(np.arange(18.0).reshape(9, 2), target)


def test_a_single_row_is_too_few_and_a_column_is_taken_with_a_warning() -> None:
    with pytest.raises(DataError, match="n_samples=1 is too few"):
        small().fit([[1.0, 2.0]], [3.0])
    with pytest.warns(DataConversionWarning, match="column-vector"):
        small(max_epochs=1).fit(np.arange(18.0).reshape(9, 2), np.arange(9.0).reshape(9, 1))
