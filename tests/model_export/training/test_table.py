import numpy as np
import pandas as pd
import pytest

from model_export.errors import DataError
from model_export.training.table import read_labels, read_table, split_target


def test_every_numeric_kind_is_read_and_gaps_become_nan() -> None:
    frame = pd.DataFrame(
        {
            "float": [1.5, np.nan],
            "integer": [1, 2],
            "boolean": [True, False],
            "nullable": pd.array([3, None], dtype="Int64"),
            "object": pd.Series([2.5, None], dtype=object),
        }
    )
    np.testing.assert_array_equal(read_table(frame), [[1.5, 1, 1, 3, 2.5], [np.nan, 2, 0, np.nan, np.nan]])
    empty = pd.DataFrame({"text": pd.Series([None, pd.NA], dtype="string"), "x": [1, 2]})
    np.testing.assert_array_equal(read_table(empty), [[np.nan, 1], [np.nan, 2]])
    np.testing.assert_array_equal(read_table([[1, None], [2, 3]]), [[1, np.nan], [2, 3]])


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (pd.DataFrame({"age": [1, 2], "city": ["Rome", "Oslo"]}), "column 'city' is not numeric: it holds 'Rome'"),
        (pd.DataFrame({"city": pd.Series(["Rome", None], dtype="string")}), "column 'city' is not numeric"),
        (pd.DataFrame({"city": pd.Series([pd.NA, "Rome"], dtype="string")}), "column 'city' is not numeric"),
        (pd.DataFrame({"when": pd.to_datetime(["2020-01-01"])}), "column 'when' is not numeric"),
        (pd.DataFrame({"phase": [1 + 2j]}), "column 'phase' holds complex numbers"),
        ([[1, 2], [3]], "the rows of the table differ in length"),
        (pd.DataFrame({"size": [1.0, np.inf]}), "column 'size' holds an infinity at row 1"),
        (np.zeros(3), "reshape"),
        (np.zeros((0, 3)), "at least one of each"),
        (pd.DataFrame(), "at least one of each"),
    ],
)
def test_what_cannot_be_learned_from_is_named(table: object, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        read_table(table)


def test_labels_become_sorted_classes_and_codes() -> None:
    classes, codes = read_labels(["b", "a", "b"], 3)
    assert classes.tolist() == ["a", "b"]
    assert codes.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ([1, 1, 1], "all 3 rows have the label"),
        ([1, 0], "one label for each of the 3 rows"),
        ([1.0, np.nan, 0.0], "the label of row 1 is missing"),
        ([0.5, 1.5, 2.0], "the labels are continuous"),
    ],
)
def test_bad_labels_are_refused(labels: list[float], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        read_labels(labels, 3)


def test_labels_of_several_types_are_refused() -> None:
    with pytest.raises(DataError, match=r"of several types \(int, str\)"):
        read_labels(np.array([1, "a", 2], dtype=object), 3)


def test_a_target_that_is_not_there_is_named_beside_the_columns() -> None:
    frame = pd.DataFrame({"x": [1], "y": [2]})
    features, labels = split_target(frame, "y")
    assert (list(features.columns), labels.tolist()) == (["x"], [2])
    with pytest.raises(DataError, match="no column is called 'label'; the columns are x, y"):
        split_target(frame, "label")
    twice = pd.DataFrame([[1, 2]], columns=["y", "y"])
    with pytest.raises(DataError, match="2 columns are called 'y'"):
        split_target(twice, "y")


def test_columns_of_the_same_name_stay_apart() -> None:
    np.testing.assert_array_equal(read_table(pd.DataFrame([[1, 2], [3, 4]], columns=["x", "x"])), [[1, 2], [3, 4]])
