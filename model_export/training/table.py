"""Reading a table and its labels, and refusing what cannot be learned from."""

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from model_export.errors import DataError


def read_table(table: Any) -> NDArray[np.float64]:
    """Return `table` (a data frame, or rows of numbers) as float64 [N, n_0], with NaN for a missing value.

    Raises:
        DataError: if it is not two-dimensional, has no rows, holds a column that is not numeric, or an infinity.
    """
    try:
        frame = pd.DataFrame(table) if np.ndim(table) == 2 else pd.DataFrame()
    except ValueError:
        raise DataError("the rows of the table differ in length: give every row a value for every column") from None
    if frame.empty:
        raise DataError(
            f"the table has shape {np.shape(table)}: give rows and columns, at least one of each; "
            "a single feature is a table of one column, reshape(-1, 1)"
        )
    columns = [_as_numbers(name, column).to_numpy(np.float64, na_value=np.nan) for name, column in frame.items()]
    values = np.column_stack(columns)
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        row, column_index = infinite[0]
        raise DataError(
            f"column {frame.columns[column_index]!r} holds an infinity at row {row} ({len(infinite)} in all): "
            "correct it, or leave the value empty if it is unknown"
        )
    return values


def _as_numbers(name: Any, column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column as numbers if that is what it holds; None among floats makes an object column of them."""
    known = column[column.notna()]
    if known.empty:
        return pd.Series(np.nan, index=column.index)
    if pd.api.types.is_complex_dtype(column):
        raise DataError(f"column {name!r} holds complex numbers: give real and imaginary parts as two columns")
    if pd.api.types.is_numeric_dtype(column):
        return column
    strange = next((value for value in known if isinstance(value, str) or not isinstance(value, Real)), None)
    if strange is not None:
        raise DataError(
            f"column {name!r} is not numeric: it holds {strange!r} among others; drop it, or encode its categories as "
            "numbers"
        )
    return pd.to_numeric(column)


def read_labels(labels: ArrayLike, rows: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the sorted classes and each row's index among them.

    Raises:
        DataError: if the labels are not one a row, one is missing, or there are fewer than two classes.
    """
    values = np.asarray(labels)
    if values.shape != (rows,):
        raise DataError(f"the labels have shape {values.shape}: give one label for each of the {rows} rows")
    missing = np.flatnonzero(pd.isna(values))
    if len(missing):
        raise DataError(f"the label of row {missing[0]} is missing ({len(missing)} in all): drop such rows")
    if values.dtype.kind == "f" and not np.all(values == np.round(values)):
        raise DataError(
            f"the labels are continuous ({values[values != np.round(values)][0]} among them): "
            "a classifier wants classes"
        )
    try:
        classes, codes = np.unique(values, return_inverse=True)
    except TypeError:
        kinds = ", ".join(sorted({type(value).__name__ for value in values}))
        raise DataError(f"the labels are of several types ({kinds}): make them all one") from None
    if len(classes) < 2:
        raise DataError(f"all {rows} rows have the label '{classes[0]}': a classifier needs at least two classes")
    return classes, codes.astype(np.int64)


def split_target(frame: pd.DataFrame, target: str) -> tuple[pd.DataFrame, "pd.Series[Any]"]:
    """Return the features and the label column of `frame`.

    Raises:
        DataError: if there is no such column, or more than one.
    """
    names = [str(name) for name in frame.columns]
    if names.count(target) != 1:
        found = "no column is" if target not in names else f"{names.count(target)} columns are"
        raise DataError(f"{found} called {target!r}; the columns are {', '.join(names)}")
    return frame.drop(columns=target), frame[target]
