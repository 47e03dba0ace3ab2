"""What the columns of a table hold, found out from their values."""

import re
from datetime import date
from numbers import Real
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from model_export.errors import DataError
from model_export.own_data.values import KINDS, TRUTHS, Kind, is_missing, row_of, shown

Unused = Literal["identifier", "constant", "empty", "dropped", "split"]
"""Why a column is left out."""

Found = tuple[Kind | Unused, str]
"""What a column is, and why, in words."""

MOST_CATEGORIES = 1_000
"""Texts of more different values than so many are names of things, and not kinds of them."""

_FEWEST_ROWS = 20
"""Of fewer rows none can be said to be numbered."""

_MOSTLY = 0.8
"""A share of values that says what the column is meant to be."""

_MOST_UNIQUE = 0.9
_WORDS_OF_TEXT, _UNIQUE_OF_TEXT = 4, 0.3

_IDENTIFIER = re.compile(r"(^|[\s_.-])(id|uuid|guid|key|index|number|no|nr)$|^(id|uuid)[\s_.-]", re.IGNORECASE)
_CAMEL_IDENTIFIER = re.compile(r"[a-z](Id|ID)$")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
_OTHER_DATE = re.compile(r"(\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})|\d{4}/\d{1,2}/\d{1,2})( \d{1,2}:\d{2}(:\d{2})?)?")


class ColumnPlan(NamedTuple):
    """What becomes of a column."""

    name: str
    kind: Kind | Unused
    why: str
    """In words"""
    distinct: int
    missing: float
    """Share of the rows without a value"""
    example: str

    @property
    def used(self) -> bool:
        """Whether the network learns from it."""
        return self.kind in KINDS


def plan_column(name: str, column: "pd.Series[Any]", kind: Kind | None = None) -> ColumnPlan:
    """Return what a column holds.

    Args:
        name: of the column.
        column: its values, None or NaN where they are missing.
        kind: what someone says it is, not to be found out.

    Raises:
        DataError: if its values are of several kinds, or of none that can be learned from, naming the row.
    """
    known = column.dropna()
    _check_single_values(name, known)
    distinct = int(known.nunique())
    found: Found
    if known.empty:
        found = "empty", "no row has a value"
    elif kind is not None:
        found = kind, "as asked"
    elif distinct == 1:
        found = "constant", f"every value is {shown(known.iloc[0])}"
    else:
        found = _infer(name, column, known, distinct)
    example = "" if known.empty else shown(known.iloc[0])
    return ColumnPlan(name, *found, distinct, 1 - len(known) / max(len(column), 1), example)


def _check_single_values(name: str, known: "pd.Series[Any]") -> None:
    if known.dtype != object:
        return
    strange = next((value for value in known if _kind_of(value) is None), None)
    if strange is not None:
        raise DataError(
            f"column {name!r} holds {shown(strange)}, a {type(strange).__name__}: take it out, or give its parts as "
            "columns"
        )


def _infer(name: str, column: "pd.Series[Any]", known: "pd.Series[Any]", distinct: int) -> Found:
    if isinstance(known.dtype, pd.CategoricalDtype):
        return "category", f"{distinct} categories"
    kind = _common_kind(name, column, known)
    if kind == "number":
        return _infer_number(name, pd.to_numeric(known), distinct)
    if kind == "text":
        return _infer_text(name, column, known.astype(str), distinct)
    return ("boolean", "true or false") if kind == "truth value" else ("date", "dates")


def _common_kind(name: str, column: "pd.Series[Any]", known: "pd.Series[Any]") -> str | None:
    """Return what all values are."""
    if pd.api.types.is_bool_dtype(known.dtype):
        return "truth value"
    if pd.api.types.is_datetime64_any_dtype(known.dtype):
        return "date"
    if pd.api.types.is_numeric_dtype(known.dtype):
        return "number"
    kinds = known.map(_kind_of)
    counts = kinds.value_counts()
    if len(counts) > 1:
        rarest = str(counts.index[-1])
        first = kinds.index[(kinds == rarest).to_numpy()][0]
        raise DataError(
            f"column {name!r} holds {' and '.join(sorted(f'{kind}s' for kind in counts.index))}: row "
            f"{row_of(column, first)} has a {rarest}, {shown(known.loc[first])}; make them all one, or read it as "
            f"categories (type {name}=category)"
        )
    return str(counts.index[0])


def _kind_of(value: object) -> str | None:
    kinds = {bool: "truth value", np.bool_: "truth value", str: "text"}
    if type(value) in kinds:
        return kinds[type(value)]
    # Decimal is no Real, and a number all the same.
    if isinstance(value, Real) or type(value).__name__ == "Decimal":
        return "number"
    return "date" if isinstance(value, date) and not is_missing(value) else None


def _infer_number(name: str, known: "pd.Series[Any]", distinct: int) -> Found:
    values = known.to_numpy(np.float64)
    whole = bool(np.all(np.isfinite(values)) and np.all(values == np.round(values)))
    if whole and distinct == len(values) >= _FEWEST_ROWS:
        if np.all(np.diff(np.sort(values)) == 1):
            return "identifier", "numbers the rows"
        if _IDENTIFIER.search(name) or _CAMEL_IDENTIFIER.search(name):
            return "identifier", "a whole number of its own in every row, and its name says so"
    return "number", "whole numbers" if whole else "numbers"


def _infer_text(name: str, column: "pd.Series[Any]", values: "pd.Series[str]", distinct: int) -> Found:
    if set(values.str.lower().unique()) <= TRUTHS:
        return "boolean", "true or false"
    # 007 is no 7: codes are written with zeros in front.
    if not values.str.fullmatch(r"0\d+").any():
        numeric = pd.to_numeric(values, errors="coerce")
        numbers = numeric.notna().to_numpy()
        if numbers.all():
            return _infer_number(name, numeric, distinct)
        if numbers.mean() >= _MOSTLY:
            first = int(np.argmin(numbers))
            raise DataError(
                f"column {name!r} holds numbers, but in row {row_of(column, values.index[first])} "
                f"{shown(values.iloc[first])} ({int((~numbers).sum())} such rows): correct it, leave it empty if it is "
                f"unknown, or read the column as categories (type {name}=category)"
            )
    if values.str.fullmatch(_ISO).mean() >= _MOSTLY:
        return "date", "dates in ISO 8601"
    if values.str.fullmatch(_OTHER_DATE).mean() >= _MOSTLY:
        raise DataError(
            f"column {name!r} holds what looks like dates, such as {shown(values.iloc[0])}, whose day and month cannot "
            "be told apart for certain: write them in ISO 8601 (2026-01-31), drop it, or read it as categories "
            f"(type {name}=category)"
        )
    return _infer_words(values, distinct)


def _infer_words(values: "pd.Series[str]", distinct: int) -> Found:
    unique = distinct / len(values)
    words = values.str.count(r"\s+").mean() + 1
    if words >= _WORDS_OF_TEXT and unique > _UNIQUE_OF_TEXT:
        return "text", f"{words:.0f} words on average"
    if len(values) >= _FEWEST_ROWS and unique > _MOST_UNIQUE:
        return "identifier", f"{distinct} different values in {len(values)} rows"
    if distinct > MOST_CATEGORIES:
        return "identifier", f"{distinct} different values, more than {MOST_CATEGORIES}"
    return "category", f"{distinct} categories"
