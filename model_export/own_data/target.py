"""What is to be predicted: which task a column of labels makes."""

from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_export.errors import DataError
from model_export.own_data.values import as_text

Task = Literal["binary", "multiclass", "ordinal", "regression"]
TASKS: Final = get_args(Task)

MOST_LEVELS = 10
"""Whole numbers of more different values are measured, not ranked."""

MOST_CLASSES = 200
FEWEST_OF_A_CLASS = 10
"""Rows that a class must have, so that it is in every part of the split."""

IMBALANCED = 0.1
"""A class whose share is below this share of the commonest one's is rare."""


class TargetPlan(NamedTuple):
    """What is to be predicted."""

    name: str
    task: Task
    why: str
    """In words"""
    classes: tuple[str, ...]
    """In the order of the codes, levels in rising order; none of a regression"""
    codes: NDArray[Any]
    """[N]: each row's class as int64; of a regression its value as float64"""

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each class, [K]."""
        return np.bincount(self.codes, minlength=len(self.classes))

    @property
    def imbalanced(self) -> bool:
        """Whether a class is so rare beside the commonest that training would hardly see it."""
        return self.task in {"binary", "multiclass"} and self.counts.min() < IMBALANCED * self.counts.max()


def plan_target(name: str, column: "pd.Series[Any]", task: Task | None, levels: tuple[str, ...] | None) -> TargetPlan:
    """Return what a column of labels, none of them missing, is to be predicted as.

    Args:
        name: of the column.
        column: the labels [N], indexed by their rows counted from 0.
        task: what someone says it is, not to be found out.
        levels: the classes of an ordinal task in rising order; of no use where they are numbers.

    Raises:
        DataError: if nothing can be learned from the labels for such a task.
    """
    texts = column.astype(object).map(as_text)
    numbers = pd.to_numeric(texts, errors="coerce")
    numeric = bool(numbers.notna().all())
    distinct = texts.nunique()
    if distinct == 1:
        raise DataError(f"every row has the {name} {texts.iloc[0]!r}: there is nothing to tell apart")
    found, why = (task, "as asked") if task else _infer(column, numbers, distinct, ranked=levels is not None)
    if found == "regression":
        if not numeric:
            row = int(np.flatnonzero(numbers.isna())[0])
            raise DataError(
                f"a regression wants numbers, and {name} is {texts.iloc[row]!r} in row {column.index[row] + 1}"
            )
        values = numbers.to_numpy(np.float64)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DataError(
                f"{name} is {texts.iloc[row]} in row {column.index[row] + 1}: correct it, or take the row out"
            )
        return TargetPlan(name, found, why, (), values)
    if distinct == len(texts):
        raise DataError(
            f"every row has a {name} of its own, {distinct} in all: is it what is to be predicted, and not a name or a "
            "number of the row? Of numbers ask for the task regression"
        )
    if distinct > MOST_CLASSES:
        raise DataError(f"{name} has {distinct} classes, and at most {MOST_CLASSES} are told apart: put some together")
    if found == "binary" and distinct != 2:
        raise DataError(f"{name} has {distinct} classes: ask for the task multiclass, not binary")
    classes = _classes(name, column, texts, numbers if numeric else None, found, levels)
    codes = texts.map({label: code for code, label in enumerate(classes)}).to_numpy(np.int64)
    plan = TargetPlan(name, found, why, classes, codes)
    rare = int(plan.counts.argmin())
    if plan.counts[rare] < FEWEST_OF_A_CLASS:
        raise DataError(
            f"{name} is {classes[rare]!r} in {plan.counts[rare]} rows, and a class needs {FEWEST_OF_A_CLASS} to be "
            "trained on, calibrated with and tested on: give more such rows, or put it together with another class"
        )
    return plan


def _infer(column: "pd.Series[Any]", numbers: "pd.Series[Any]", distinct: int, *, ranked: bool) -> tuple[Task, str]:
    if ranked or (isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered):
        return "ordinal", f"{distinct} levels in order"
    if distinct == 2:
        return "binary", "2 classes"
    if numbers.isna().any() or column.dtype == bool:
        return "multiclass", f"{distinct} classes"
    values = numbers.to_numpy(np.float64)
    if np.all(values == np.round(values)) and distinct <= MOST_LEVELS:
        return "ordinal", f"{distinct} whole numbers, taken for levels in order"
    return "regression", f"numbers, {distinct} different ones"


def _classes(
    name: str,
    column: "pd.Series[Any]",
    texts: "pd.Series[Any]",
    numbers: "pd.Series[Any] | None",
    task: Task,
    levels: tuple[str, ...] | None,
) -> tuple[str, ...]:
    present = set(texts)
    if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        levels = levels or tuple(as_text(label) for label in column.cat.categories if as_text(label) in present)
    if levels is not None:
        if set(levels) != present or len(set(levels)) != len(levels):
            odd = sorted(present.symmetric_difference(levels)) or list(levels)
            raise DataError(f"the levels of {name} must be each of its values once: see {', '.join(map(repr, odd))}")
        return levels
    if numbers is not None:
        order = dict(zip(texts, numbers, strict=True))
        return tuple(sorted(present, key=lambda text: order[text]))
    if task == "ordinal":
        raise DataError(
            f"the order of {name} is not known, which is {', '.join(sorted(present)[:5])}: give its levels in rising "
            "order"
        )
    return tuple(sorted(present))
