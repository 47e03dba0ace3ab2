from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_export.errors import DataError
from model_export.own_data.columns import plan_column
from model_export.own_data.values import values_of

ROWS = 60


def column(values: Any) -> "pd.Series[Any]":
    return pd.Series([values[row % len(values)] for row in range(ROWS)])


SENTENCES = [f"the {word} thing number {row} came late" for row, word in enumerate(["good", "bad", "old"] * 20)]


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("x", column([1.5, 2.5, None]), "number"),
        ("x", column(["1.5", "-2e3", None]), "number"),
        ("x", column([1, 2]), "number"),
        ("x", column([True, False, None]), "boolean"),
        ("x", column(["True", "false"]), "boolean"),
        ("x", column(["yes", "no", None]), "category"),
        ("zip", column(["00123", "00456", "10000"]), "category"),
        ("x", column(pd.Categorical(["a", "b"])), "category"),
        ("x", column(["2024-01-31", "1999-12-01"]), "date"),
        ("x", column(["2024-01-31T10:00:00Z", "1999-12-01 11:30"]), "date"),
        ("x", pd.Series(pd.date_range("2020-01-01", periods=ROWS)), "date"),
        ("x", column([date(2020, 1, 1), date(2020, 1, 2), None]), "date"),
        ("x", pd.Series(SENTENCES), "text"),
        ("row", pd.Series(range(ROWS)), "identifier"),
        ("row", pd.Series([str(row) for row in range(ROWS)]), "identifier"),
        ("customer_id", pd.Series(range(7, 7 + 3 * ROWS, 3)), "identifier"),
        ("income", pd.Series(range(7, 7 + 3 * ROWS, 3)), "number"),
        ("x", pd.Series([f"user{row}" for row in range(ROWS)]), "identifier"),
        ("x", column(["a"]), "constant"),
        ("x", column([1.0]), "constant"),
        ("x", column([None]), "empty"),
    ],
)
def test_kinds_are_inferred_from_the_values(name: str, values: "pd.Series[Any]", kind: str) -> None:
    plan = plan_column(name, values)
    assert (plan.kind, plan.used) == (kind, kind in {"number", "boolean", "category", "date", "text"})
    assert plan.missing == pytest.approx(values.isna().mean())


def test_a_kind_that_is_said_is_taken() -> None:
    assert plan_column("x", column([1, 2]), "category").kind == "category"
    assert plan_column("row", pd.Series(range(ROWS)), "number").kind == "number"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (column(["1", "2", "3", "4", "5", "abc"]), r"'x' holds numbers, but in row 6 'abc' \(10 such rows\)"),
        (column([1, 2, "c"]), "holds numbers and texts: row 3 has a text, 'c'"),
        (column([2, True]), "holds numbers and truth values"),
        (column([[1], [2]]), r"holds \[1\], a list: take it out"),
        (column(["31.01.2024", "01.02.2024"]), r"looks like dates, such as '31.01.2024', .* ISO 8601 \(2026-01-31\)"),
    ],
)
def test_values_of_several_kinds_are_named_by_row(values: "pd.Series[Any]", words: str) -> None:
    with pytest.raises(DataError, match=words):
        plan_column("x", values)


def test_values_are_what_they_are_learned_from() -> None:
    np.testing.assert_array_equal(values_of("x", pd.Series(["1", None, "2.5"]), "number"), [1, np.nan, 2.5])
    days = values_of("x", pd.Series(["1970-01-02", None, "1970-01-03T12:00"]), "date")
    np.testing.assert_array_equal(days, [1, np.nan, 2.5])
    assert values_of("x", pd.Series([True, False]), "boolean").tolist() == ["true", "false"]
    assert values_of("x", pd.Series(["TRUE", None]), "boolean").tolist() == ["true", None]
    # A missing value makes floats of whole numbers.
    assert values_of("x", pd.Series([3, None, 4.5]), "category").tolist() == ["3", None, "4.5"]
    assert values_of("x", pd.Series([3, "a"], dtype=object), "category").tolist() == ["3", "a"]


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (["1", "inf"], "number", "holds 'inf' in row 2, which is infinite"),
        ([1.0, -np.inf], "number", "holds -inf in row 2, which is infinite"),
        ([1.0, 1e300], "number", "too large for a 32-bit float"),
        (["1", "b", "c"], "number", r"holds 'b' in row 2, which is no number \(2 such rows\)"),
        (["2023-02-28", "2023-02-30"], "date", "holds '2023-02-30' in row 2, which is no day of the calendar"),
        (["2023-02-28", "12023-01-01"], "date", "holds '12023-01-01' in row 2"),
        (["0000-01-01"], "date", "holds '0000-01-01' in row 1"),
        (["true", "maybe"], "boolean", "holds 'maybe' in row 2, which is neither true nor false"),
    ],
)
def test_a_value_that_is_not_of_its_kind_is_named_by_row(values: list[Any], kind: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        values_of("x", pd.Series(values), kind)
