"""Columns of a file as the rows that a model takes: what the service makes of the same values, and refuses of them."""

import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_export.errors import ScoringError
from model_export.own_data.dialect import DECIMAL_COMMA, MISSING
from model_export.scoring.source import Source
from service.errors import ServiceError, WrongTypeError
from service.features import CategoricalFeature, Column, DateFeature, Feature, TextFeature
from service.inference.feeds import Rows
from service.inference.model import Model
from service.inference.rows import count_tokens, faulty_values, text_error, value_error, with_tokens
from service.inputs import TableInput, TextInput
from service.protocol.records import reader_of, value_faults

_DAY = 86_400_000_000
"""Microseconds"""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE)


class Read(NamedTuple):
    """What a model is given of some rows."""

    rows: Rows
    """[N, ...] as `Model.score` takes them, the faulty ones among them"""
    faults: Mapping[int, ServiceError]
    """What is wrong, by place"""
    truncated: NDArray[np.bool_] | None = None
    """[N]: of texts, which were cut"""
    written_numbers: Mapping[str, NDArray[np.float64]] = MappingProxyType({})
    """By column: numbers [N] that stand as text in the files, NaN where they are missing"""


class RowReader(Protocol):
    """Reads the columns of one kind of file for one model."""

    def __call__(self, table: pa.Table, numbers: NDArray[np.int64]) -> Read:
        """Return the rows of a table.

        Args:
            table: [N].
            numbers: each row's number in the file, for messages.
        """


def row_reader(model: Model, source: Source, text_column: str) -> RowReader:
    """Return what reads files for a model.

    Args:
        model: the model.
        source: the files.
        text_column: of a model of texts, which column they are.

    Raises:
        ScoringError: if a column is missing or cannot be what the model takes, or the model takes pictures.
    """
    match model.manifest.input:
        case TableInput() as table:
            return _TableReader(model, table, source)
        case TextInput():
            return _TextReader(model, source.schema, text_column)
        case other:
            raise ScoringError(
                f"{model.manifest.name} takes {other.kind}s, and tables and texts alone are scored in bulk: send them "
                "to the service"
            )


class _Values(NamedTuple):
    """A column as numbers, and the values that are none by place."""

    numbers: NDArray[np.float64]
    wrong: Mapping[int, Any]


class _TableReader:
    """Reads tables."""

    def __init__(self, model: Model, table: TableInput, source: Source) -> None:
        schema = source.schema
        if absent := [name for name in table.names if name not in schema.names]:
            others = [name for name in schema.names if name not in table.names]
            near = get_close_matches(absent[0], others, n=1, cutoff=0.5)
            hint = f": is {near[0]!r} meant for {absent[0]!r}?" if near else f", and have {', '.join(schema.names)}"
            raise ScoringError(f"{source.files[0].path} lacks {', '.join(absent)}{hint}")
        self._table = table
        self._tokenizer = model.tokenizer if table.text is not None else None
        self._written = source.kind == "CSV"
        self._readers = [
            _written_reader(feature, decimal_commas=source.decimal_commas)
            if self._written
            else _typed_reader(feature, schema.field(feature.name).type)
            for feature in table.features
        ]

    def __call__(self, table: pa.Table, numbers: NDArray[np.int64]) -> Read:
        """Return the rows of a table, [N, features] and behind them the tokens of a text where there is one."""
        rows = np.empty((len(table), len(self._readers)), np.float32)
        faults: dict[int, ServiceError] = {}
        written: dict[str, NDArray[np.float64]] = {}
        for column, (feature, read) in enumerate(zip(self._table.features, self._readers, strict=True)):
            values = read(table.column(feature.name).combine_chunks())
            with np.errstate(over="ignore"):
                rows[:, column] = values.numbers
            if self._written and isinstance(feature, Feature):
                written[feature.name] = values.numbers
            for place, value in values.wrong.items():
                if place not in faults:
                    faults[place] = next(value_faults(int(numbers[place]), feature, value))
        tokens = None
        if self._table.text is not None and self._tokenizer is not None:
            texts = self._texts(table.column(self._table.text.name))
            tokens = count_tokens(rows, texts, self._table, self._tokenizer)
        if np.count_nonzero(np.isfinite(rows)) != rows.size:
            for place, column in np.argwhere(faulty_values(rows, self._table)).tolist():
                if place not in faults:
                    faults[place] = value_error(rows[place, column], self._table.features[column], int(numbers[place]))
        if tokens is None:
            return Read(rows, faults, written_numbers=written)
        return Read(with_tokens(rows, tokens), faults, tokens.truncated, written)

    def _texts(self, column: pa.ChunkedArray) -> list[str | None]:
        texts = column.to_pylist()
        return [None if text in MISSING else text for text in texts] if self._written else texts


class _TextReader:
    """Reads a column of texts."""

    def __init__(self, model: Model, schema: pa.Schema, column: str) -> None:
        if column not in schema.names:
            raise ScoringError(
                f"the files have no column {column!r}: say with --text-column which of them holds the texts, "
                f"{', '.join(schema.names)}"
            )
        if not _is_text(kind := schema.field(column).type):
            raise ScoringError(f"column {column!r} holds {kind}, and {model.manifest.name} takes texts")
        self._column = column
        self._tokenizer = model.tokenizer

    def __call__(self, table: pa.Table, numbers: NDArray[np.int64]) -> Read:
        """Return the tokens [N, max_tokens] of a table's texts."""
        texts: list[str | None] = table.column(self._column).to_pylist()
        tokens = self._tokenizer.encode([text or "" for text in texts])
        faults: dict[int, ServiceError] = {}
        for place, (text, known) in enumerate(zip(texts, tokens.known.tolist(), strict=True)):
            row = int(numbers[place])
            if text is None:
                faults[place] = WrongTypeError(f"text of row {row} is null: send a text", row=row, field="text")
            elif error := text_error(text, row, known=known):
                faults[place] = error
        return Read(tokens.rows, faults, tokens.truncated)


def _written_reader(feature: Column, *, decimal_commas: bool) -> Callable[[pa.Array], _Values]:
    """Return what reads a feature's column of texts that stand for values, as in CSV."""
    if isinstance(feature, Feature):
        return partial(_read_written_numbers, decimal_commas=decimal_commas)
    if isinstance(feature, TextFeature):
        return _leave
    return _distinct_reader(feature, missing=MISSING)


def _typed_reader(feature: Column, kind: pa.DataType) -> Callable[[pa.Array], _Values]:
    """Return what reads a feature's column of values of a type.

    Raises:
        ScoringError: if nothing of that type can be the feature.
    """
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    reader: Callable[[pa.Array], _Values] | None = None
    match feature:
        case Feature() if _is_number(inner):
            reader = _read_numbers
        case CategoricalFeature() if _is_text(inner) or _is_number(inner) or pa.types.is_boolean(inner):
            reader = _distinct_reader(feature)
        case DateFeature() if _is_text(inner):
            reader = _distinct_reader(feature)
        case DateFeature() if pa.types.is_date(inner) or pa.types.is_timestamp(inner):
            reader = _read_moments
        case TextFeature() if _is_text(inner):
            reader = _leave
        case _ if pa.types.is_null(inner):
            reader = _read_numbers
    if reader is None:
        wanted = {"number": "numbers", "date": "dates, or texts in ISO 8601"}.get(feature.kind, "texts")
        raise ScoringError(f"column {feature.name!r} holds {kind}, and the model takes {wanted}: write it as such")
    return reader


def _leave(column: pa.Array) -> _Values:
    """Read nothing of texts, whose tokens are counted together."""
    return _Values(np.full(len(column), np.nan), {})


def _read_numbers(column: pa.Array) -> _Values:
    """Read numbers; null and NaN are missing values."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return _Values(numbers, {place: numbers[place].item() for place in np.flatnonzero(np.isinf(numbers)).tolist()})


def _read_written_numbers(column: pa.Array, *, decimal_commas: bool) -> _Values:
    """Read numbers written as text; what is in `MISSING` stands for a missing value."""
    column = pc.if_else(pc.is_in(column, pa.array(MISSING)), None, column)
    try:
        return _read_numbers(column.cast(pa.float64()))
    except pa.ArrowInvalid:
        pass
    texts = column.to_pylist()
    numbers = np.full(len(texts), np.nan)
    wrong: dict[int, Any] = {}
    for place, text in enumerate(texts):
        if text is None or (stripped := text.strip()) in MISSING:
            continue
        if decimal_commas and re.fullmatch(DECIMAL_COMMA, stripped):
            stripped = stripped.replace(",", ".")
        if not _NUMBER.fullmatch(stripped):
            wrong[place] = text
            continue
        numbers[place] = float(stripped)
        if np.isinf(numbers[place]):
            wrong[place] = numbers[place].item()
    return _Values(numbers, wrong)


def _read_moments(column: pa.Array) -> _Values:
    """Read dates and moments as days since 1970; without a zone they are in UTC."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    zone = getattr(column.type, "tz", None)
    microseconds = column.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64())
    return _Values(microseconds.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) / _DAY, {})


def _distinct_reader(feature: Column, missing: Collection[str] = ()) -> Callable[[pa.Array], _Values]:
    """Return what asks the service's own reader about each different value once.

    Args:
        feature: the feature.
        missing: texts that stand for a missing value.
    """
    read_one = reader_of(feature)

    def read(column: pa.Array) -> _Values:
        encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
        values = encoded.dictionary
        if pa.types.is_decimal(values.type):
            values = values.cast(pa.float64(), safe=False)
        meanings, wrong = [], dict[int, Any]()
        for index, value in enumerate(values.to_pylist()):
            unknown = value is None or value != value or (missing and value.strip() in missing)  # noqa: PLR0124 - NaN
            try:
                meanings.append(np.nan if unknown else read_one(value))
            except (ValueError, TypeError, OverflowError):
                meanings.append(np.nan)
                wrong[index] = value
        meanings.append(np.nan)  # what null stands for, at -1
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        faulty = np.flatnonzero(np.isin(codes, list(wrong))) if wrong else np.empty(0, np.int64)
        return _Values(np.array(meanings)[codes], {place: wrong[codes[place]] for place in faulty.tolist()})

    return read


def _is_text(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
