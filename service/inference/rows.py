"""Checking the values of rows before they reach a graph."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.errors import EmptyBatchError, EmptyTextError, NonFiniteValueError, TooManyRowsError, WrongTypeError
from service.features import UNSEEN
from service.inference.tokenizer import END, TextTokenizer, Tokens
from service.inputs import CategoricalFeature, Column, TableInput, TextFeature


class RowLimits(NamedTuple):
    """What may be in one request."""

    rows: int
    pixels: int
    """of all its images together, as their headers say and as the model takes them"""


def check_count(rows: int, limit: int) -> None:
    """Raise EmptyBatchError or TooManyRowsError unless 1 ≤ `rows` ≤ `limit`."""
    if rows == 0:
        raise EmptyBatchError("there are no rows to predict: send at least one")
    if rows > limit:
        raise TooManyRowsError(
            f"{rows} rows are more than the {limit} allowed in one request: send several, or raise max_rows"
        )


def check_values(rows: NDArray[np.float32], table: TableInput) -> None:
    """Check rows [N, features]: finite, or NaN where the model accepts a missing value.

    Raises:
        NonFiniteValueError: naming the first row and feature at fault.
    """
    if np.count_nonzero(np.isfinite(rows)) == rows.size:
        return
    faults = np.argwhere(faulty_values(rows, table))
    if len(faults):
        row, column = faults[0].tolist()
        raise value_error(rows[row, column], table.features[column], row)


def faulty_values(rows: NDArray[np.float32], table: TableInput) -> NDArray[np.bool_]:
    """Return which values of rows [N, features] are infinite, or NaN where the model accepts no missing value."""
    accepted = np.array([feature.may_be_missing for feature in table.features])
    faulty: NDArray[np.bool_] = np.isinf(rows) | (np.isnan(rows) & ~accepted)
    return faulty


def value_error(value: np.float32, feature: Column, row: int) -> NonFiniteValueError:
    """Return what is wrong with a value that `faulty_values` marks."""
    what = (
        f"{feature.name} of row {row} is missing, and this model was trained with its value always known"
        if np.isnan(value)
        else f"{feature.name} of row {row} is infinite, or too large for a 32-bit float"
    )
    wanted = {"number": "a finite number", "text": "a text with something to read"}.get(feature.kind, "a value")
    return NonFiniteValueError(f"{what}: send {wanted}", row=row, field=feature.name)


def check_codes(rows: NDArray[np.float32], table: TableInput) -> None:
    """Check that rows [N, features] of numbers have codes where the model has categories, see `CategoricalFeature`.

    Raises:
        WrongTypeError: naming the first row and feature at fault.
    """
    for column, feature in enumerate(table.features):
        if not isinstance(feature, CategoricalFeature):
            continue
        codes = rows[:, column]
        known = (codes >= UNSEEN) & (codes < len(feature.categories)) & (codes == np.floor(codes))
        faults = np.flatnonzero(~(known | np.isnan(codes)))
        if len(faults):
            row = int(faults[0])
            raise WrongTypeError(
                f"{feature.name} of row {row} is {codes[row]:g}, and its categories are counted from 0 to "
                f"{len(feature.categories) - 1}, -1 for any other: the model's metadata list them",
                row=row,
                field=feature.name,
            )


class TextRows(NamedTuple):
    """Rows of a table with a text, whole."""

    rows: NDArray[np.float32]
    """[N, features + max_tokens]: behind the features the tokens of each row's text, `END` alone of a missing one"""
    truncated: NDArray[np.bool_]
    """[N]: whether the text had more tokens"""


def add_texts(
    rows: NDArray[np.float32], texts: Sequence[str | None], table: TableInput, tokenizer: TextTokenizer
) -> TextRows:
    """Return rows with their texts' tokens, every value checked.

    Args:
        rows: [N, features], the text's own column of any values.
        texts: one a row, see `tokens_or_none`.
        table: what the model takes, with a text.
        tokenizer: the model's.

    Raises:
        NonFiniteValueError: as `check_values` does.
    """
    tokens = count_tokens(rows, texts, table, tokenizer)
    check_values(rows, table)
    return TextRows(with_tokens(rows, tokens), tokens.truncated)


def count_tokens(
    rows: NDArray[np.float32], texts: Sequence[str | None], table: TableInput, tokenizer: TextTokenizer
) -> Tokens:
    """Return texts' tokens; their number goes into the text's own column of rows [N, features], NaN where missing."""
    tokens = tokens_or_none(texts, tokenizer)
    [column] = (index for index, feature in enumerate(table.features) if isinstance(feature, TextFeature))
    rows[:, column] = np.where(tokens.known, np.count_nonzero(tokens.rows != END, axis=1), np.nan)
    return tokens


def with_tokens(rows: NDArray[np.float32], tokens: Tokens) -> NDArray[np.float32]:
    """Return rows [N, features] with the tokens behind them, [N, features + max_tokens]."""
    return np.concatenate([rows, tokens.rows], axis=1, dtype=np.float32)


def tokens_or_none(texts: Sequence[str | None], tokenizer: TextTokenizer) -> Tokens:
    """Return the tokens of texts, some of which may be missing: they have none, not even special ones.

    A text with nothing in it, blank or without a character that is text, is missing like None.
    """
    tokens = tokenizer.encode([text or "" for text in texts])
    known = tokens.known & np.array([text is not None and not text.isspace() for text in texts], np.bool_)
    return Tokens(np.where(known[:, None], tokens.rows, END), tokens.truncated & known, known)


def tokens_of(texts: Sequence[str], tokenizer: TextTokenizer, field: str | None = None) -> Tokens:
    """Return the tokens of texts that all say something.

    Args:
        texts: one a row.
        tokenizer: the model's.
        field: the input's name, for error messages.

    Raises:
        EmptyTextError: naming the first row with nothing in it that the tokenizer knows.
    """
    tokens = tokenizer.encode(texts)
    for row, (text, known) in enumerate(zip(texts, tokens.known.tolist(), strict=True)):
        if error := text_error(text, row, field, known=known):
            raise error
    return tokens


def text_error(text: str, row: int, field: str | None = None, *, known: bool) -> EmptyTextError | None:
    """Return what is wrong with a text, if there is nothing in it to read.

    Args:
        text: the text.
        row: its number, for the message.
        field: the input's name, for the message.
        known: whether its tokenizer found anything in it, see `Tokens`.
    """
    if known and not text.isspace():
        return None
    if text and not text.isspace():
        what = "has no character that is text, only such as control characters"
    else:
        what = "is only whitespace" if text else "is an empty text"
    return EmptyTextError(f"row {row} {what}: send a text with something to read", row=row, field=field)
