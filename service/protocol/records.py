"""The friendly protocol's instances of a table that holds more than numbers: categories, dates and a text, to rows."""

from collections.abc import Callable, Iterator
from math import nan
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from service.dates import days_of
from service.errors import MalformedRequestError, ServiceError, WrongTypeError, shown
from service.features import UNSEEN
from service.inference.rows import add_texts
from service.inference.tokenizer import TextTokenizer
from service.inputs import CategoricalFeature, Column, DateFeature, Feature, TableInput, TextFeature
from service.protocol.half_characters import half_of
from service.protocol.instances import TableReader, number_faults
from service.protocol.predict_codec import LONGEST_NAME, Asked, kind_of


class RecordReader(TableReader):
    """Reads `{"instances": [...]}` for one model of tables with categories, dates or columns that it does without.

    A category is a text; a whole number or a truth value stands for the text that it is written as. A blank text is a
    missing value, as it is in a file. Columns that training dropped may be there and are not looked at.

    Args:
        table: what the model takes.
        max_rows: most rows in one request.
    """

    _value: ClassVar[Any] = int | float | str | bool | None

    def __init__(self, table: TableInput, max_rows: int) -> None:
        super().__init__(table, max_rows)
        self._readers = [reader_of(feature) for feature in table.features]
        self._features = {feature.name: feature for feature in table.features}

    def _rows(self, values: list[Any]) -> NDArray[np.float32]:
        rows = np.empty((len(values), len(self._readers)), np.float32)
        for column, (read, cells) in enumerate(zip(self._readers, zip(*values, strict=True), strict=True)):
            try:
                rows[:, column] = [read(cell) for cell in cells]
            except (ValueError, TypeError, OverflowError):
                name = self._table.names[column]
                raise next(
                    fault for row, cell in enumerate(cells) for fault in self._value_faults(row, name, cell)
                ) from None
        return rows

    def _value_faults(self, row: int, name: str, value: object) -> Iterator[ServiceError]:
        yield from value_faults(row, self._features[name], value)


class TextRecordReader(RecordReader):
    """The same of a table with a text, which is made tokens.

    Args:
        table: what the model takes.
        text: the text in it.
        tokenizer: the model's.
        max_rows: most rows in one request.
    """

    heavy: ClassVar = True

    def __init__(self, table: TableInput, text: TextFeature, tokenizer: TextTokenizer, max_rows: int) -> None:
        super().__init__(table, max_rows)
        self._column = table.names.index(text.name)
        self._tokenizer = tokenizer

    def _asked(self, rows: NDArray[np.float32], values: list[Any], sensitivity: bool) -> Asked:
        texts = [value[self._column] for value in values]
        whole = add_texts(rows, texts, self._table, self._tokenizer)
        return Asked(whole.rows, sensitivity, whole.truncated)


def value_faults(row: int, feature: Column, value: object) -> Iterator[ServiceError]:
    """Yield what is wrong with a feature's decoded value; whether it may be missing is not looked at."""
    if half := half_of(value):
        yield MalformedRequestError(
            f"{feature.name} of row {row} has {half}, half of a surrogate pair and no character: send both halves, or "
            "neither",
            row=row,
            field=feature.name,
        )
    if isinstance(feature, Feature):
        yield from number_faults(row, feature.name, value)
        return
    try:
        reader_of(feature)(value)
    except (ValueError, TypeError, OverflowError):
        said = shown(value, LONGEST_NAME) if isinstance(value, str) else ""
        what = f"{said!r}, which is no date" if said else kind_of(value)
        wanted = "a date in ISO 8601" if isinstance(feature, DateFeature) else "a text"
        yield WrongTypeError(
            f"{feature.name} of row {row} is {what}: send {wanted}, or null where it is unknown",
            row=row,
            field=feature.name,
        )


def reader_of(feature: Column) -> Callable[[Any], float]:
    """Return what makes a decoded value the number in the tensor; of a wrong one it raises ValueError or TypeError."""
    match feature:
        case CategoricalFeature():
            return _category_reader(feature)
        case DateFeature():
            return _date
        case TextFeature():
            return _text
        case Feature():
            return _number


def _category_reader(feature: CategoricalFeature) -> Callable[[Any], float]:
    codes: dict[Any, float] = {category: float(code) for code, category in enumerate(feature.categories)}
    boolean = feature.boolean

    def read(value: Any) -> float:
        if isinstance(value, str):
            text = value.strip()
            return codes.get(text.lower() if boolean else text, UNSEEN) if text else nan
        if value is None:
            return nan
        return codes.get(_as_text(value), UNSEEN)

    return read


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    raise TypeError("a fraction is no category")


def _date(value: Any) -> float:
    if value is None:
        return nan
    if not isinstance(value, str):
        raise TypeError("no text")
    return days_of(value.strip()) if value.strip() else nan


def _text(value: Any) -> float:
    if not isinstance(value, str | None):
        raise TypeError("no text")
    return nan  # until its tokens are counted


def _number(value: Any) -> float:
    if value is None:
        return nan
    if isinstance(value, bool | str):
        raise TypeError("no number")
    return float(value)
