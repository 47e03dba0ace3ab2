"""A column's values as they are learned from, and those that are not what they should be named by row."""

from collections.abc import Hashable
from datetime import date
from numbers import Real
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_export.errors import DataError
from service.dates import days_of

Kind = Literal["number", "category", "boolean", "date", "text"]
"""What a column can be learned from as."""

KINDS: Final = get_args(Kind)

TRUTHS: Final = frozenset({"true", "false"})

_LONGEST = 60


def values_of(name: str, column: "pd.Series[Any]", kind: Kind) -> NDArray[Any]:
    """Return a column's values [N].

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
        return str(int(float(value)))
    return str(value)


def shown(value: object) -> str:
    """Return a value as a message shows it."""
    words = repr(value) if isinstance(value, str) else str(value)
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def row_of(column: "pd.Series[Any]", label: Hashable) -> int:
    """Return the number, counted from 1, of the row with this label."""
    return int(np.flatnonzero(column.index == label)[0]) + 1


def is_missing(value: object) -> bool:
    """Return whether a value stands for none."""
    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and bool(np.isnan(value)))


def _numbers(name: str, column: "pd.Series[Any]") -> NDArray[np.float64]:
    values: NDArray[np.float64] = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    strange = np.flatnonzero(np.isnan(values) & column.notna().to_numpy())
    if len(strange):
        raise DataError(
            f"column {name!r} holds {shown(column.iloc[strange[0]])} in row {strange[0] + 1}, which is no number "
            f"({len(strange)} such rows): correct it, or leave it empty if it is unknown"
        )
    with np.errstate(over="ignore"):
        infinite = np.flatnonzero(np.isinf(values.astype(np.float32)))
    if len(infinite):
        raise DataError(
            f"column {name!r} holds {shown(column.iloc[infinite[0]])} in row {infinite[0] + 1}, which is infinite or "
            f"too large for a 32-bit float ({len(infinite)} such rows): correct it, or leave it empty if it is unknown"
        )
    return values


def _dates(name: str, column: "pd.Series[Any]") -> NDArray[np.float64]:
    days: dict[Any, float] = {}
    for row, value in enumerate(column, 1):
        if value in days or is_missing(value):
            continue
        try:
            days[value] = days_of(value.isoformat() if isinstance(value, date) else str(value))
        except ValueError as error:
            raise DataError(
                f"column {name!r} holds {shown(value)} in row {row}, which is no day of the calendar as ISO 8601 "
                f"writes it ({error}): correct it, or leave it empty if it is unknown"
            ) from None
    return np.array([np.nan if is_missing(value) else days[value] for value in column], dtype=np.float64)


def _truths(name: str, texts: list[str | None]) -> list[str | None]:
    for row, text in enumerate(texts, 1):
        if text is not None and text.lower() not in TRUTHS:
            raise DataError(
                f"column {name!r} holds {shown(text)} in row {row}, which is neither true nor false: read it as "
                f"categories (type {name}=category)"
            )
    return [None if text is None else text.lower() for text in texts]
