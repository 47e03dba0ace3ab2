"""What the columns of a table hold, found out from their values."""

import re
from collections.abc import Iterable
from datetime import date
from numbers import Real
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_export.errors import DataError
from service.dates import days_of

Kind = Literal["number", "category", "boolean", "date", "text"]
"""What a column can be learned from as."""

KINDS: Final = get_args(Kind)

Unused = Literal["identifier", "constant", "empty", "dropped", "split"]
"""Why a column is left out."""

MOST_CATEGORIES = 1_000
"""Texts of more different values than so many are names of things, and not kinds of them."""

_FEWEST_ROWS = 20
"""Of fewer rows none can be said to be numbered."""

_MOSTLY = 0.8
"""A share of values that says what the column is meant to be."""

_MOST_UNIQUE = 0.9
_WORDS_OF_TEXT, _UNIQUE_OF_TEXT = 4, 0.3
_IDENTIFIER = re.compile(r"(^|[\s_.-])(id|ids|uuid|guid|key|index|number|no|nr)$|^(id|uuid|guid)([\s_.-]|$)|[a-z](Id|ID)$")
_NAME = re.compile(r"(^|[\s_.-])(id|uuid|guid)$", re.IGNORECASE)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
_OTHER_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})( \d{1,2}:\d{2}(:\d{2})?)?|\d{4}/\d{1,2}/\d{1,2}")
_TRUTH = {"true": "true", "false": "false"}


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
    distinct = int(known.nunique()) if _hashable(known) else len(known)
    found: tuple[Kind | Unused, str]
    if known.empty:
        found = "empty", "no row has a value"
    elif kind is not None:
        found = kind, "as asked"
    elif distinct == 1:
        found = "constant", f"every value is {_shown(known.iloc[0])}"
    else:
        found = _infer(name, column, known, distinct)
    missing = 1 - len(known) / max(len(column), 1)
    example = "" if known.empty else _shown(known.iloc[0])
    return ColumnPlan(name, *found, distinct, missing, example)


def _infer(name: str, column: "pd.Series[Any]", known: "pd.Series[Any]", distinct: int) -> tuple[Kind | Unused, str]:
    if pd.api.types.is_bool_dtype(known.dtype):
        return "boolean", "true or false"
    if pd.api.types.is_datetime64_any_dtype(known.dtype):
        return "date", "dates"
    if pd.api.types.is_numeric_dtype(known.dtype):
        return _infer_number(name, known, distinct)
    if isinstance(known.dtype, pd.CategoricalDtype):
        return "category", f"{distinct} categories"
    kinds = {_kind_of(value) for value in known.unique()} if _hashable(known) else {"value that is no single one"}
    if len(kinds) > 1:
        rarest = min(kinds, key=lambda kind: sum(_kind_of(value) == kind for value in known))
        row = next(row for row, value in enumerate(column, 1) if not _is_missing(value) and _kind_of(value) == rarest)
        raise DataError(
            f"column {name!r} holds {' and '.join(sorted(f'{kind}s' for kind in kinds))}: row {row} has a {rarest}, "
            f"{_shown(column.iloc[row - 1])}; make them all one, or read it as categories (type {name}=category)"
        )
    [only] = kinds
    if only == "truth value":
        return "boolean", "true or false"
    if only == "date":
        return "date", "dates"
    if only == "number":
        return _infer_number(name, pd.to_numeric(known), distinct)
    if only != "text":
        raise DataError(f"column {name!r} holds {_shown(known.iloc[0])}, a {only}: take it out, or give its parts as columns")
    return _infer_text(name, column, known, distinct)


def _infer_number(name: str, known: "pd.Series[Any]", distinct: int) -> tuple[Kind | Unused, str]:
    values = known.to_numpy(np.float64)
    whole = bool(np.all(np.isfinite(values)) and np.all(values == np.round(values)))
    if whole and distinct == len(values) >= _FEWEST_ROWS:
        if np.all(np.diff(np.sort(values)) == 1):
            return "identifier", "numbers the rows"
        if _IDENTIFIER.search(name) or _NAME.search(name):
            return "identifier", "a whole number of its own in every row, and its name says so"
    return "number", "whole numbers" if whole else "numbers"


def _infer_text(name: str, column: "pd.Series[Any]", known: "pd.Series[Any]", distinct: int) -> tuple[Kind | Unused, str]:
    values = known.astype(str)
    lower = set(values.str.lower().unique())
    if lower <= set(_TRUTH):
        return "boolean", "true or false"
    numeric = pd.to_numeric(values, errors="coerce")
    # 007 is no 7: codes are written with zeros in front.
    codes = values.str.fullmatch(r"0\d+").any()
    numbers = numeric.notna()
    if numbers.all() and not codes:
        return _infer_number(name, numeric, distinct)
    if numbers.mean() >= _MOSTLY and not codes:
        row = _row_of(column, numbers.idxmin())
        raise DataError(
            f"column {name!r} holds numbers, but in row {row} {_shown(numbers.index.map(column)[numbers.argmin()])} "
            f"({int((~numbers).sum())} such rows): correct it, leave it empty if it is unknown, or read the column as "
            f"categories (type {name}=category)"
        )
    dates = values.str.fullmatch(_ISO)
    if dates.mean() >= _MOSTLY:
        return "date", "dates in ISO 8601"
    if values.str.fullmatch(_OTHER_DATE).mean() >= _MOSTLY:
        raise DataError(
            f"column {name!r} holds what looks like dates, such as {_shown(values.iloc[0])}, whose day and month cannot "
            f"be told apart for certain: write them in ISO 8601 (2026-01-31), drop it, or read it as categories "
            f"(type {name}=category)"
        )
    unique = distinct / len(values)
    words = values.str.count(r"\s+").mean() + 1
    if words >= _WORDS_OF_TEXT and unique > _UNIQUE_OF_TEXT:
        return "text", f"{words:.0f} words on average"
    if len(values) >= _FEWEST_ROWS and unique > _MOST_UNIQUE:
        return "identifier", f"{distinct} different values in {len(values)} rows"
    if distinct > MOST_CATEGORIES:
        return "identifier", f"{distinct} different values, more than {MOST_CATEGORIES}"
    return "category", f"{distinct} categories"


def values_of(name: str, column: "pd.Series[Any]", kind: Kind) -> NDArray[Any]:
    """Return a column's values as they are learned from.

    Numbers as float64, dates as float64 days since 1970, NaN where they are missing; anything else as texts, None where
    they are missing.

    Raises:
        DataError: naming the row and the value that is none of that kind, infinite, or no day of the calendar.
    """
    match kind:
        case "number":
            return _numbers(name, column)
        case "date":
            return _dates(name, column)
        case _:
            missing = column.isna().to_numpy()
            texts = [None if lacks else as_text(value) for value, lacks in zip(column, missing, strict=True)]
            if kind == "boolean":
                texts = _truths(name, texts)
            return np.array(texts, dtype=object)


def as_text(value: Any) -> str:
    """Return a category as text: whole numbers without decimals, truth values as JSON writes them."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, Real) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _numbers(name: str, column: "pd.Series[Any]") -> NDArray[np.float64]:
    numeric = pd.to_numeric(column.astype("float64") if column.dtype == bool else column, errors="coerce")
    values: NDArray[np.float64] = numeric.to_numpy(np.float64, na_value=np.nan)
    strange = np.flatnonzero(np.isnan(values) & column.notna().to_numpy())
    if len(strange):
        raise DataError(
            f"column {name!r} holds {_shown(column.iloc[strange[0]])} in row {strange[0] + 1}, which is no number "
            f"({len(strange)} such rows): correct it, or leave it empty if it is unknown"
        )
    with np.errstate(over="ignore"):
        infinite = np.flatnonzero(np.isinf(values.astype(np.float32)))
    if len(infinite):
        raise DataError(
            f"column {name!r} holds {_shown(column.iloc[infinite[0]])} in row {infinite[0] + 1}, which is infinite or too "
            f"large for a 32-bit float ({len(infinite)} such rows): correct it, or leave it empty if it is unknown"
        )
    return values


def _dates(name: str, column: "pd.Series[Any]") -> NDArray[np.float64]:
    days: dict[Any, float] = {}
    for value in column.dropna().unique():
        try:
            days[value] = days_of(value.isoformat() if isinstance(value, date) else str(value))
        except ValueError as error:
            row = _row_of(column, column.index[(column == value).to_numpy(bool, na_value=False)][0])
            raise DataError(
                f"column {name!r} holds {_shown(value)} in row {row}, which is no day of the calendar that ISO 8601 can "
                f"write ({error}): correct it, or leave it empty if it is unknown"
            ) from None
    return np.array([np.nan if _is_missing(value) else days[value] for value in column], dtype=np.float64)


def _truths(name: str, texts: list[str | None]) -> list[str | None]:
    for row, text in enumerate(texts, 1):
        if text is not None and text.lower() not in _TRUTH:
            raise DataError(
                f"column {name!r} holds {_shown(text)} in row {row}, which is neither true nor false: read it as "
                f"categories (type {name}=category)"
            )
    return [None if text is None else _TRUTH[text.lower()] for text in texts]


def _kind_of(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "truth value"
    if isinstance(value, Real):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, date):
        return "date"
    # Decimal is no Real, and a number all the same.
    return "number" if type(value).__name__ == "Decimal" else type(value).__name__


def _hashable(values: Iterable[Any]) -> bool:
    return all(getattr(type(value), "__hash__", None) is not None for value in values)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and bool(np.isnan(value)))


def _row_of(column: "pd.Series[Any]", label: Any) -> int:
    """Return a row's number, counted from 1."""
    return int(np.flatnonzero(column.index == label)[0]) + 1


def _shown(value: Any) -> str:
    shown = repr(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"
