"""CSV as people write it: its delimiter found out, its texts kept as texts, its faults named by row."""

import csv
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from model_export.errors import DataError
from model_export.own_data.dialect import DECIMAL_COMMA, DELIMITERS, MISSING, find_delimiter

_LOOKED_AT = 1 << 20
"""Bytes that the delimiter is found by; a header must be within them."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_CUT = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


class CsvTable(NamedTuple):
    """What is in a CSV file."""

    frame: pd.DataFrame
    """Texts, None where a value is missing"""

    notes: tuple[str, ...]
    """What was taken for granted"""


def read_csv(file: Path, check: Callable[[list[str]], None]) -> CsvTable:
    """Return the table in a CSV file whose first line names the columns.

    Args:
        file: UTF-8, delimited by commas, semicolons, tabs or vertical bars.
        check: refuses names.

    Raises:
        DataError: if it is no such file, has no rows, or a row has more or fewer values than the header.
    """
    with file.open("rb") as stream:
        start = stream.read(_LOOKED_AT)
    if start.startswith(_UTF16):
        raise DataError(f"{file} is in UTF-16: write it in UTF-8, say with iconv -f UTF-16 -t UTF-8")
    if b"\0" in start:
        raise DataError(f"{file} holds zero bytes: it is neither CSV nor Parquet")
    text = start.decode("utf-8-sig", errors="replace")
    if len(start) == _LOOKED_AT:
        text = text[: text.rfind("\n") + 1] or text
    delimiter = find_delimiter(text)
    rows = csv.reader(StringIO(text), delimiter=delimiter)
    names = [name.strip() for name in next(rows, [])]
    if not any(names):
        raise DataError(f"{file} has no header: its first line must name the columns")
    check(names)
    if not any(rows):
        raise DataError(f"{file} has a header and no rows")
    frame = _read(file, names, delimiter)
    notes = []
    if delimiter != ",":
        notes.append(f"read with {DELIMITERS[delimiter]} between the values")
        commas = _read_decimal_commas(frame)
        if commas:
            notes.append(f"read with a comma before decimals: {', '.join(commas)}")
    return CsvTable(frame, tuple(notes))


def _read(file: Path, names: list[str], delimiter: str) -> pd.DataFrame:
    try:
        table = arrow_csv.read_csv(
            file,
            # One thread: only then a faulty row is named.
            arrow_csv.ReadOptions(use_threads=False, column_names=names, skip_rows_after_names=1, block_size=1 << 26),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=list(MISSING), strings_can_be_null=True
            ),
        )
    except pa.ArrowException as error:
        raise _fault(file, error) from error
    frame: pd.DataFrame = table.to_pandas()
    for name in names:
        stripped = frame[name].str.strip()
        frame[name] = stripped.mask(stripped.isin(MISSING))
    return frame


def _fault(file: Path, error: pa.ArrowException) -> DataError:
    """Return what keeps a file from being read, by row or line."""
    with file.open("rb") as stream:
        for line, content in enumerate(stream, 1):
            try:
                content.decode()
            except UnicodeDecodeError as broken:
                byte = content[broken.start]
                return DataError(
                    f"{file} is not UTF-8: line {line} has the byte 0x{byte:02x} at position {broken.start + 1}; "
                    "convert it, say with iconv -f LATIN1 -t UTF-8"
                )
    if cut := _CUT.search(str(error)):
        row, expected, found = map(int, cut.groups())
        return DataError(
            f"row {row - 1} of {file} has {found} values and the header {expected} names: is a value with the "
            "delimiter in it without quotation marks?"
        )
    return DataError(f"{file} cannot be read as CSV: {error}")


def _read_decimal_commas(frame: pd.DataFrame) -> list[str]:
    """Put a point in the place of each decimal comma; return the columns that had some."""
    found = []
    for name in frame.columns:
        known = frame[name].dropna()
        if known.str.contains(",").any() and known.str.fullmatch(DECIMAL_COMMA).all():
            frame[name] = frame[name].str.replace(",", ".")
            found.append(str(name))
    return found
