"""Reading a table and its labels, and refusing what cannot be learned from."""

import warnings
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.exceptions import DataConversionWarning

from model_export.errors import DataError


def read_table(table: Any) -> NDArray[np.float64]:
    """Return `table` (a data frame, or rows of numbers) as float64 [N, n_0], with NaN for a missing value.

    Raises:
        DataError: if it is not two-dimensional, has no rows, holds a column that is not numeric, or an infinity.
    """
    if issparse(table):
        raise DataError("sparse input is not supported: give a dense table, X.toarray()")
    if hasattr(table, "__array__") and not isinstance(table, pd.DataFrame):
        table = np.asarray(table)
    try:
        frame = pd.DataFrame(table) if np.ndim(table) == 2 else pd.DataFrame()
    except ValueError:
        raise DataError("the rows of the table differ in length: give every row a value for every column") from None
    if frame.empty:
        shape = np.shape(table)
        raise DataError(
            "Reshape your data: give rows and columns, at least one of each; this has "
            f"{shape[0] if shape else 0} sample(s), {shape[1] if len(shape) > 1 else 0} feature(s) (shape={shape}) "
            "while a minimum of 1 is required. A single feature is a table of one column, reshape(-1, 1)"
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
        raise DataError(
            f"column {name!r} holds complex numbers. Complex data not supported: give real and imaginary parts as two "
            "columns"
        )
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
    values = _one_a_row(labels, rows, "label")
    missing = np.flatnonzero(pd.isna(values))
    if len(missing):
        raise DataError(f"the label of row {missing[0]} is missing ({len(missing)} in all): drop such rows")
    if values.dtype.kind == "f" and not np.all(values == np.round(values)):
        raise DataError(
            f"Unknown label type: the labels are continuous ({values[values != np.round(values)][0]} among them), and "
            "a classifier wants classes; for numbers there is ChainzRuleRegressor"
        )
    try:
        classes, codes = np.unique(values, return_inverse=True)
    except TypeError:
        kinds = ", ".join(sorted({type(value).__name__ for value in values}))
        raise DataError(f"the labels are of several types ({kinds}): make them all one") from None
    if len(classes) < 2:
        raise DataError(
            f"all {rows} rows have the label '{classes[0]}': there is one class, and a classifier needs "
            "at least two classes"
        )
    return classes, codes.astype(np.int64)


def read_target(target: ArrayLike, rows: int) -> NDArray[np.float64]:
    """Return the numbers [N] to be predicted.

    Raises:
        DataError: if they are not one a row, one is missing or infinite, or they vary less than float32 can tell.
    """
    given = _one_a_row(target, rows, "target")
    strange = next((value for value in given.tolist() if isinstance(value, str) or not isinstance(value, Real)), None)
    if strange is not None and not pd.isna(strange):
        raise DataError(f"the target is not numeric: it holds {strange!r} among others")
    values = pd.to_numeric(pd.Series(given)).to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise DataError(
            f"the target of row {wrong[0]} is missing or infinite, neither NaN nor inf can be learned ({len(wrong)} in "
            "all): drop such rows"
        )
    if values.min() < values.max() and values.std() < 1e-6 * np.abs(values).max():
        raise DataError(
            f"the target varies by {values.std():.2g} around {values.mean():.7g}, which 32-bit floats cannot tell "
            "apart: subtract a fixed offset from it"
        )
    return values


def read_validation(mask: ArrayLike, rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of the rows to train on and of those that `mask` holds out to stop training by.

    Raises:
        DataError: if it is not True or False for each row, or leaves either without a row.
    """
    held_out = np.asarray(mask)
    if held_out.dtype != np.bool_ or held_out.shape != (rows,):
        raise DataError(
            f"validation_mask is {held_out.dtype} of shape {held_out.shape}: give True or False for each of the {rows} "
            "rows, True for those that training stops by"
        )
    if held_out.all() or not held_out.any():
        raise DataError(
            f"validation_mask holds out {held_out.sum()} of {rows} rows: some must be left to train on, and some to "
            "stop by"
        )
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _one_a_row(target: ArrayLike | None, rows: int, what: str) -> NDArray[Any]:
    """Return labels or targets [N]; a column of them is taken as scikit-learn takes it, with a warning."""
    if target is None:
        raise DataError("an estimator requires y to be passed, but the target y is None")
    values = np.asarray(target)
    if values.shape == (rows, 1):
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected: give y.ravel()",
            DataConversionWarning,
            stacklevel=4,
        )
        values = values[:, 0]
    if values.shape != (rows,):
        raise DataError(f"the {what}s have shape {values.shape}: give one {what} for each of the {rows} rows")
    return values


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
