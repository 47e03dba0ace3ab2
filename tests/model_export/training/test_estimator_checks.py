"""scikit-learn's own checks of estimators, every one of them, and what users do with estimators."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from model_export.training import ChainzRuleClassifier, ChainzRuleOrdinalClassifier, ChainzRuleRegressor
from model_export.training.table_estimator import TableEstimator
from tests.conftest import load_grades, make_measured

KINDS = (ChainzRuleClassifier, ChainzRuleOrdinalClassifier, ChainzRuleRegressor)

_COLUMNS = {
    "check_dtype_object": "a column that is not numeric is refused by name with a DataError, which is a ValueError and "
    "no TypeError"
}
_ORDER = _COLUMNS | {
    "check_classifiers_classes": "labels that are texts are refused, since their order is not known",
    "check_classifiers_train": "the prediction is the median level, not the likeliest",
}


def quick(kind: type[TableEstimator], **settings: Any) -> TableEstimator:
    options: dict[str, Any] = {"max_epochs": 20, "learning_rate": 0.02, "random_state": 0, **settings}
    return kind((8,), **options)


def exceptions(estimator: TableEstimator) -> dict[str, str]:
    return _ORDER if isinstance(estimator, ChainzRuleOrdinalClassifier) else _COLUMNS


@parametrize_with_checks([quick(kind) for kind in KINDS], expected_failed_checks=exceptions)  # type: ignore[untyped-decorator]
@pytest.mark.filterwarnings("default")
def test_passes_scikit_learns_checks(estimator: TableEstimator, check: Any) -> None:
    check(estimator)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> type[TableEstimator]:
    found: type[TableEstimator] = request.param
    return found


@pytest.fixture
def rows(kind: type[TableEstimator]) -> tuple[pd.DataFrame, "pd.Series[Any]"]:
    if kind is ChainzRuleRegressor:
        return make_measured(300, 4)
    grades = load_grades()[:300]
    return grades.drop(columns="stars"), grades["stars"]


def test_works_in_a_pipeline_a_grid_and_cross_validation(
    kind: type[TableEstimator], rows: tuple[pd.DataFrame, "pd.Series[Any]"]
) -> None:
    scores = cross_val_score(make_pipeline(FunctionTransformer(), quick(kind)), *rows, cv=3)
    assert scores.shape == (3,)
    assert scores.mean() > 0.4
    search = GridSearchCV(quick(kind, max_epochs=5), {"dreg": [0.0, 10.0], "hidden_widths": [(4,), (6, 6)]}, cv=2)
    search.fit(*rows)
    assert search.best_params_["dreg"] == 0.0
    assert len(search.predict(rows[0])) == 300


def test_is_copied_and_pickled_whole(kind: type[TableEstimator], rows: tuple[pd.DataFrame, "pd.Series[Any]"]) -> None:
    fitted: Any = quick(kind)
    fitted.fit(*rows)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(rows[0]), fitted.predict(rows[0]))
    copy: Any = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "network_")
