"""The usual methods for tables and texts, fitted to the network's training rows and asked of its test rows."""

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from model_export.own_data.plan import TablePlan

_MOST_WORK = 5e7
"""Rows × columns × classes of a baseline, at most: so many take a few seconds on one core."""

_MOST_CATEGORIES = 50
"""Columns that a category becomes, as the network's own."""

_MOST_BINS = 254
"""Categories that gradient boosting tells apart; the rarer share one."""

_MOST_WORDS = 20_000
_STEPS = 500

_ROUNDS = 100
"""Of gradient boosting by default; a round has a tree for each class, or one of two classes or a quantity."""

_MOST_TREES, _MOST_SEARCHES = 1_000, 100_000
"""Trees, and columns searched by them all together, that gradient boosting may take: as long as the work above."""


class Baseline(NamedTuple):
    """A method beside the network, and its predictions or why there are none."""

    name: str
    how: str
    """What it is made of, in words"""
    predicted: NDArray[np.float64] | None
    """Of the test rows: probabilities [n, K] by class, or values [n]"""
    failed: str | None = None


def fit_baselines(plan: TablePlan, test: NDArray[np.int64]) -> Iterator[Baseline]:
    """Yield what a linear model and gradient boosting, fitted to a plan's training rows, make of some test rows.

    Neither is tuned. A method that cannot be fitted says why.

    Args:
        plan: of the table; texts of its columns become words' frequencies for the linear model.
        test: places of the rows to be predicted, [n].
    """
    rounds = _rounds(plan)
    boosted = "Gradient boosting" + (f", {rounds} of its {_ROUNDS} rounds" if rounds < _ROUNDS else "")
    linear = "Ridge regression" if plan.target.task == "regression" else "Logistic regression"
    for name, how, make in ((linear, _LINEAR, _linear), (boosted, _BOOSTED, _boosted)):
        try:
            predicted, more = _fitted(make(plan), plan, test)
        except Exception as error:  # whatever a table makes them fail of, the network is trained, and worth a report
            baseline = Baseline(name, how, None, f"it could not be fitted: {error}".splitlines()[0])
        else:
            baseline = Baseline(name, how + more, predicted)
        yield baseline


def _fitted(method: Any, plan: TablePlan, test: NDArray[np.int64]) -> tuple[NDArray[np.float64], str]:
    """Return what a method makes of the test rows, and what is to be said of its fit."""
    training, said = _training_rows(plan)
    # Threads that wait for each other by spinning take minutes where other work shares the cores.
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
        warnings.simplefilter("always", ConvergenceWarning)
        method.fit(_frame(plan, training), plan.target.codes[training])
        frame = _frame(plan, test)
        predicted = method.predict(frame) if plan.target.task == "regression" else method.predict_proba(frame)
    if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        said += f"; it had not settled after {_STEPS} steps"
    return np.asarray(predicted, dtype=np.float64), said


_LINEAR = (
    "scikit-learn's, C or α = 1: numbers and dates filled by the median, with a column that says so, and standardised; "
    "a column a category; texts as TF-IDF of their words"
)
_BOOSTED = "scikit-learn's HistGradientBoosting with its defaults: categories as such, missing values as they are"


def _training_rows(plan: TablePlan) -> tuple[NDArray[np.int64], str]:
    """Return the rows to fit to, and what to say where not all of them are."""
    training, codes = plan.parts.training, plan.target.codes
    width = sum(
        min(column.distinct, _MOST_CATEGORIES) if column.kind in {"category", "boolean"} else 1 for column in plan.used
    )
    most = int(_MOST_WORK / (width * max(len(plan.target.classes), 1)))
    if len(training) <= most:
        return training, ""
    classes = None if plan.target.task == "regression" else codes[training]
    some, _ = train_test_split(training, train_size=most, stratify=classes, random_state=0)
    return np.sort(some), f"; fitted to {most:,} of the {len(training):,} training rows, for time's sake"


def _frame(plan: TablePlan, part: NDArray[np.int64]) -> pd.DataFrame:
    """Return the rows by place of the column: names may be anything. A missing text has no words."""
    frame = pd.DataFrame({str(place): plan.values[column.name][part] for place, column in enumerate(plan.used)})
    texts = _columns(plan, "text")
    frame[texts] = frame[texts].fillna("")
    return frame


def _columns(plan: TablePlan, *kinds: str) -> list[str]:
    return [str(place) for place, column in enumerate(plan.used) if column.kind in kinds]


def _linear(plan: TablePlan) -> Any:
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    categories = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_MOST_CATEGORIES)
    words = [
        (f"text {column}", TfidfVectorizer(max_features=_MOST_WORDS, min_df=2, sublinear_tf=True), column)
        for column in _columns(plan, "text")
    ]
    columns = ColumnTransformer(
        [
            ("numbers", numbers, _columns(plan, "number", "date")),
            ("categories", categories, _columns(plan, "category", "boolean")),
            *words,
        ]
    )
    linear = Ridge() if plan.target.task == "regression" else LogisticRegression(max_iter=_STEPS)
    return make_pipeline(columns, linear)


def _boosted(plan: TablePlan) -> Any:
    numbers, categories = _columns(plan, "number", "date"), _columns(plan, "category", "boolean")
    if not (numbers or categories):
        raise ValueError("it takes no texts, and there is nothing else")
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=_MOST_BINS,
    )
    columns = ColumnTransformer([("numbers", "passthrough", numbers), ("categories", codes, categories)])
    settings: dict[str, Any] = {
        "categorical_features": list(range(len(numbers), len(numbers) + len(categories))),
        "max_iter": _rounds(plan),
        "random_state": 0,
    }
    if plan.target.task == "regression":
        return make_pipeline(columns, HistGradientBoostingRegressor(**settings))
    return make_pipeline(columns, HistGradientBoostingClassifier(**settings))


def _rounds(plan: TablePlan) -> int:
    """Return how many rounds of gradient boosting there is time for."""
    classes = len(plan.target.classes)
    trees = classes if classes > 2 else 1
    return max(1, min(_ROUNDS, _MOST_TREES // trees, _MOST_SEARCHES // (trees * len(plan.used))))
