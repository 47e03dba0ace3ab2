from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_export.errors import DataError
from model_export.own_data.target import plan_target

ROWS = 120


def labels(*values: Any) -> "pd.Series[Any]":
    return pd.Series([values[row % len(values)] for row in range(ROWS)])


@pytest.mark.parametrize(
    ("column", "task", "classes"),
    [
        (labels("yes", "no"), "binary", ("no", "yes")),
        (labels(0, 1), "binary", ("0", "1")),
        (labels(True, False), "binary", ("false", "true")),
        (labels("c", "a", "b"), "multiclass", ("a", "b", "c")),
        (labels("10", "9", "8"), "ordinal", ("8", "9", "10")),
        (labels(5, 3, 4, 1), "ordinal", ("1", "3", "4", "5")),
        (
            pd.Series(pd.Categorical(labels("low", "high", "mid"), ["low", "mid", "high"], ordered=True)),
            "ordinal",
            None,
        ),
        (labels(*range(12)), "regression", ()),
        (labels(1.5, 2.0, 2.5), "regression", ()),
        (pd.Series(np.arange(ROWS) / 7), "regression", ()),
    ],
)
def test_the_task_is_inferred(column: "pd.Series[Any]", task: str, classes: tuple[str, ...] | None) -> None:
    plan = plan_target("y", column, None, None)
    assert (plan.task, plan.classes) == (task, ("low", "mid", "high") if classes is None else classes)
    if plan.classes:
        assert plan.counts.sum() == ROWS
        assert plan.classes[plan.codes[0]] == str(column.iloc[0]).lower()
    else:
        np.testing.assert_array_equal(plan.codes, column.to_numpy(float))


def test_what_is_asked_for_is_taken() -> None:
    assert plan_target("y", labels(1, 2, 3), "multiclass", None).classes == ("1", "2", "3")
    assert plan_target("y", labels(1, 2, 3), "regression", None).codes.dtype == np.float64
    plan = plan_target("y", labels("low", "high", "mid"), None, ("low", "mid", "high"))
    assert (plan.task, plan.codes[:3].tolist()) == ("ordinal", [0, 2, 1])


def test_a_rare_class_is_noticed_beside_the_commonest() -> None:
    column = pd.Series(["no"] * 500 + ["yes"] * 20)
    assert plan_target("y", column, None, None).imbalanced
    assert not plan_target("y", labels("yes", "no"), None, None).imbalanced


@pytest.mark.parametrize(
    ("column", "task", "levels", "words"),
    [
        (labels("a"), None, None, "every row has the y 'a': there is nothing to tell apart"),
        (pd.Series([f"n{row}" for row in range(ROWS)]), None, None, "every row has a y of its own, 120 in all"),
        (pd.Series(range(ROWS)), "multiclass", None, "every row has a y of its own"),
        (pd.Series([f"n{row // 2}" for row in range(600)]), None, None, "y has 300 classes, and at most 200"),
        (pd.Series(["a"] * 100 + ["b"] * 3), None, None, "y is 'b' in 3 rows, and a class needs 10"),
        (labels("a", "b", "c"), "binary", None, "y has 3 classes: ask for the task multiclass"),
        (labels("a", "b"), "regression", None, "a regression wants numbers, and y is 'a' in row 1"),
        (labels(1.0, np.inf, 2.5), None, None, "y is inf in row 2"),
        (labels("a", "b"), "ordinal", None, "the order of y is not known"),
        (labels("a", "b"), "ordinal", ("a", "c"), "must be each of its values once: see 'b', 'c'"),
        (labels("a", "b"), "ordinal", ("a", "b", "a"), "must be each of its values once"),
    ],
)
def test_labels_that_nothing_can_be_learned_from_are_refused(
    column: "pd.Series[Any]", task: Any, levels: tuple[str, ...] | None, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        plan_target("y", column, task, levels)
