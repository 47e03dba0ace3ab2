"""Which column of a file is what, and its values as clients send them."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from model_export.errors import DataError
from model_export.own_data.columns import plan_column
from model_export.own_data.values import as_text, is_missing
from service.inputs import CategoricalFeature, Column, DateFeature, Feature, TableInput
from service.manifest import Manifest


def find_target(frame: pd.DataFrame, versions: Sequence[Manifest], target: str | None) -> str:
    """Return the column of labels.

    A regression's manifest names it. Of classes it is the column that neither version takes or was trained without, or,
    where there are several, the only one of them that holds classes and nothing else.

    Args:
        frame: the table.
        versions: the models.
        target: what someone says it is, not to be found out.

    Raises:
        DataError: if there is no such column, or more than one.
    """
    names = [str(name) for name in frame.columns]
    tables = [manifest.input for manifest in versions if isinstance(manifest.input, TableInput)]
    named = target or next((version.regression.target for version in versions if version.regression), None)
    if named is not None:
        if named not in names:
            hint = "" if target else "; say with --target which it is"
            raise DataError(f"no column is called {named!r}; the columns are {', '.join(names)}{hint}")
        if any(named in table.names for table in tables):
            raise DataError(f"{named!r} is an input of a version: it cannot be what is predicted")
        return named
    known = {name for table in tables for name in (*table.names, *table.ignored)}
    left = [name for name in names if name not in known]
    if len(left) > 1:
        classes = {name for manifest in versions for name in manifest.classes}
        left = [name for name in left if _holds_only(frame[name], classes)]
    if len(left) != 1:
        raise DataError(
            f"which column is to be predicted is not clear, {', '.join(left) or 'none'} would do: say with --target"
        )
    return left[0]


def find_text(frame: pd.DataFrame) -> str:
    """Return the column of texts in a table without its labels: its only one, or the only one that holds texts.

    Raises:
        DataError: if there is none, or more than one.
    """
    names = [str(name) for name in frame.columns]
    if len(names) > 1:
        names = [name for name in names if plan_column(name, frame[name]).kind == "text"]
    if len(names) != 1:
        raise DataError(
            f"which column holds the texts is not clear, {', '.join(names) or 'none'} would do: keep that column and "
            "the labels alone"
        )
    return names[0]


def instances_of(frame: pd.DataFrame, features: Sequence[Column]) -> list[dict[str, Any]]:
    """Return rows by feature name as JSON has them; what is no such value is left for the service's reader to refuse.

    Args:
        frame: some rows of a file.
        features: that a model takes, all of them columns of the file.
    """
    columns = [_values(frame[feature.name], feature) for feature in features]
    names = [feature.name for feature in features]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(column: "pd.Series[Any]", feature: Column) -> list[Any]:
    match feature:
        case Feature():
            return _numbers(column)
        case CategoricalFeature():
            written: Callable[[Any], str] = as_text
        case DateFeature():
            written = _date
    return [None if is_missing(value) else written(value) for value in column]


def _numbers(column: "pd.Series[Any]") -> list[float | str | None]:
    """Return numbers; texts and dates that are none stay texts, for the reader to refuse."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        numbers = np.full(len(column), np.nan)
    else:
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return [
        float(number) if not np.isnan(number) else None if is_missing(value) else str(value)
        for number, value in zip(numbers, column, strict=True)
    ]


def _date(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _holds_only(column: "pd.Series[Any]", classes: set[str]) -> bool:
    known = column.dropna()
    return not known.empty and {as_text(value) for value in known.unique()} <= classes
