"""Reading a table from a CSV or Parquet file, or saying what keeps it from being read."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from model_export.errors import DataError
from model_export.own_data.csv_file import read_csv
from model_export.own_data.memory import CSV_FACTOR, PARQUET_FACTOR, check_fits

MOST_COLUMNS = 5_000
"""A table of more is almost surely another thing, and a network of dense layers is none for it."""

_PARQUET = b"PAR1"
_INDEX = re.compile(r"__index_level_\d+__")


class FileTable(NamedTuple):
    """What is in a file."""

    frame: pd.DataFrame
    """Texts from CSV, None where a value is missing; what Parquet says otherwise"""

    notes: tuple[str, ...]
    """What was taken for granted on the way, in words"""


def read_file(file: Path) -> FileTable:
    """Return the table in a CSV or Parquet file; which of them, its first bytes say and not its name.

    Raises:
        DataError: if it is not there, empty, too large for the memory, not a table or without rows, or its columns
            have no names or the same one.
    """
    try:
        size = file.stat().st_size
        if not file.is_file():
            raise DataError(f"{file} is not a file")
        with file.open("rb") as stream:
            start = stream.read(len(_PARQUET))
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from error
    if size == 0:
        raise DataError(f"{file} is empty")
    if start == _PARQUET:
        return _read_parquet(file)
    check_fits(file, size, CSV_FACTOR)
    found = read_csv(file, lambda names: check_names(names, str(file)))
    return FileTable(found.frame, found.notes)


def check_names(names: list[str], source: str) -> None:
    """Refuse columns that cannot be told apart or asked for.

    Raises:
        DataError: naming the first at fault.
    """
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"{source} has {len(names)} columns and at most {MOST_COLUMNS} are taken: keep those that matter, or is it "
            "turned on its side?"
        )
    for place, name in enumerate(names, 1):
        if not name.strip():
            raise DataError(f"column {place} of {source} has no name: give it one in the header, or take it out")
        if '"' in name or "\\" in name or not name.isprintable():
            raise DataError(
                f"column {place} of {source} is called {name!r}: clients could not send that name, so rename it "
                "without quotation marks, backslashes and control characters"
            )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(place) for place, name in enumerate(names, 1) if name == twice[0]]
        raise DataError(
            f"{source} has the column {twice[0]!r} {len(places)} times ({', '.join(places)}): rename all but one"
        )


def _read_parquet(file: Path) -> FileTable:
    try:
        contents = pq.ParquetFile(file)
        facts = contents.metadata
        names = [str(name) for name in contents.schema_arrow.names]
        check_names(names, str(file))
        if facts.num_rows == 0:
            raise DataError(f"{file} has {len(names)} columns and no rows")
        # Dictionaries unpack to less than a number each; eight bytes a value is what they are counted for.
        unpacked = sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
        check_fits(file, max(unpacked, 8 * facts.num_rows * len(names)), PARQUET_FACTOR)
        for field in contents.schema_arrow:
            if pa.types.is_nested(field.type) or pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
                raise DataError(
                    f"column {field.name!r} of {file} holds {field.type}, which is no single value: take it out, or "
                    "give its parts as columns"
                )
        # What pandas numbered its rows by is no column of the table.
        frame = contents.read([name for name in names if not _INDEX.fullmatch(name)]).to_pandas(ignore_metadata=True)
    except pa.ArrowException as error:
        raise DataError(f"{file} begins as a Parquet file and cannot be read as one: {error}") from error
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    return FileTable(frame, ())
