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

from model_export.errors import DataError
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


def test_stops_by_the_rows_it_is_told_to_and_learns_from_the_others(
    kind: type[TableEstimator], rows: tuple[pd.DataFrame, "pd.Series[Any]"]
) -> None:
    features, targets = rows
    mask = np.arange(300) % 5 == 0
    moved = features.copy()
    moved[mask] = 3 * moved[mask] + 1
    first, again = (quick(kind, max_epochs=1).fit(table, targets, validation_mask=mask) for table in (features, moved))
    assert (first.training_rows_, first.validation_rows_) == (240, 60)
    # After one epoch nothing of a network depends on the rows that it stops by, and all on the others.
    np.testing.assert_array_equal(first.predict(features), again.predict(features))
    other = quick(kind, max_epochs=1).fit(features, targets, validation_mask=~mask)
    assert (first.standardiser_.mean != other.standardiser_.mean).any()
    scores = cross_val_score(quick(kind, max_epochs=2), *rows, cv=2, params={"validation_mask": mask})
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("mask", "complaint"),
    [
        (np.zeros(300, bool), "holds out 0 of 300 rows: some must be left to train on, and some to stop by"),
        (np.ones(300, bool), "holds out 300 of 300 rows"),
        (np.ones(299, bool), r"is bool of shape \(299,\): give True or False for each of the 300 rows"),
        (np.arange(60), r"is int64 of shape \(60,\): give True or False for each of the 300 rows"),
    ],
)
def test_rows_to_stop_by_that_cannot_be_are_refused(
    kind: type[TableEstimator], rows: tuple[pd.DataFrame, "pd.Series[Any]"], mask: Any, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        quick(kind).fit(*rows, validation_mask=mask)


def test_a_class_that_is_only_among_the_rows_to_stop_by_is_named() -> None:
    labels = np.array(["well"] * 50 + ["ill"] * 10)
    with pytest.raises(DataError, match="leaves no row of class 'ill' to train on: hold out other rows"):
        quick(ChainzRuleClassifier).fit(np.arange(60.0)[:, None], labels, validation_mask=labels == "ill")
