"""What in a table looks suspicious: rows that stand twice, and columns that tell too much."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import cross_val_predict
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from model_export.own_data.plan import TablePlan

_TELLS_ALL = 0.99
"""Of a column alone: share of the chance of error that it takes away, above which it is likely to be the answer."""

_ROWS = 5_000
"""Of the training rows are enough for that."""

_FAR = 50.0
"""Standard deviations, of the usual values, beyond which a number is likely to be a slip."""


class Finding(NamedTuple):
    """One thing to look at."""

    kind: str
    """"duplicates", "shared", "leak", "outlier" or "unused" """
    column: str | None
    text: str
    """What it is and what to do, in a sentence"""


def look_for_trouble(plan: TablePlan, rows: NDArray[np.float64]) -> tuple[Finding, ...]:
    """Return what looks suspicious in a table.

    Args:
        plan: of the table.
        rows: [N, F], of all its rows, as clients send them; behind the features a text's tokens.
    """
    return (*_unused(plan), *_duplicates(plan, rows), *_leaks(plan, rows), *_outliers(plan))


def _unused(plan: TablePlan) -> list[Finding]:
    return [
        Finding("unused", column.name, f"{column.name} is {column.kind} and is left out: {column.why}")
        for column in plan.columns
        if column.kind in {"constant", "empty", "identifier"}
    ]


def _duplicates(plan: TablePlan, rows: NDArray[np.float64]) -> list[Finding]:
    keys = pd.util.hash_pandas_object(pd.DataFrame(rows), index=False).to_numpy()
    codes, inverse = np.unique(keys, return_inverse=True)
    twice = len(keys) - len(codes)
    found = []
    if twice:
        found.append(
            Finding(
                "duplicates", None, f"{twice:,} rows repeat the values of another one ({100 * twice / len(keys):.2g} %)"
            )
        )
    training = np.zeros(len(codes), np.bool_)
    training[inverse[plan.parts.training]] = True
    held_out = np.concatenate([plan.parts.calibration, plan.parts.test])
    shared = held_out[training[inverse[held_out]]]
    if len(shared):
        found.append(
            Finding(
                "shared",
                None,
                f"{len(shared):,} of {len(held_out):,} held-out rows stand among the training rows too, row "
                f"{plan.rows[shared[0]]} the first: held-out figures are too good by what such rows make; split by a "
                "group that keeps them together",
            )
        )
    return found


def _leaks(plan: TablePlan, rows: NDArray[np.float64]) -> list[Finding]:
    """Return the columns that tell the target by themselves: an answer filed after the fact, or the target renamed."""
    some = np.random.default_rng(0).permutation(plan.parts.training)[:_ROWS]
    codes = plan.target.codes[some]
    regression = plan.target.task == "regression"
    tree: Any = (DecisionTreeRegressor if regression else DecisionTreeClassifier)(
        max_leaf_nodes=max(64, 2 * len(plan.target.classes)), min_samples_leaf=2, random_state=0
    )
    error = float(np.var(codes)) if regression else 1 - np.bincount(codes).max() / len(codes)
    found = []
    for column, values in zip(plan.used, rows[some, : len(plan.used)].T, strict=True):
        told = cross_val_predict(tree, values[:, None], codes, cv=2 if regression else _folds(codes))
        left = float(np.mean((told - codes) ** 2)) if regression else float(np.mean(told != codes))
        if error > 0 and 1 - left / error >= _TELLS_ALL:
            found.append(
                Finding(
                    "leak",
                    column.name,
                    f"{column.name} alone tells {plan.target.name} ({100 * (1 - left / error):.1f} % of the error is "
                    "gone): is it known when a prediction is asked for? If not, drop it",
                )
            )
    return found


def _folds(codes: NDArray[np.int64]) -> Any:
    """Return two folds; stratified ones where each class has two rows."""
    half = np.arange(len(codes)) % 2 == 0
    order = np.argsort(codes, kind="stable")
    even, odd = order[half], order[~half]
    return [(even, odd), (odd, even)]


def _outliers(plan: TablePlan) -> list[Finding]:
    found = []
    for column in plan.used:
        if column.kind != "number":
            continue
        values = plan.values[column.name]
        low, middle, high = np.nanquantile(values, [0.05, 0.5, 0.95])
        far = np.nanargmax(np.abs(values - middle))
        scales = [(values[far], low, middle, high)]
        if np.nanmin(values) > 0:
            scales.append(tuple(np.log(scales[0])))  # amounts of money are no slips for being in the thousands
        # Of a normal distribution these two quantiles are 3.3 deviations apart.
        if all(abs(value - centre) > _FAR * (top - bottom) / 3.3 > 0 for value, bottom, centre, top in scales):
            found.append(
                Finding(
                    "outlier",
                    column.name,
                    f"{column.name} is {values[far]:g} in row {plan.rows[far]}, and "
                    f"{low:g} to {high:g} in nine of ten: is that its unit?",
                )
            )
    return found
