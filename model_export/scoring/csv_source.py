"""CSV files: a chunk is a run of bytes that begins and ends with a record."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from model_export.errors import ScoringError
from model_export.own_data.dialect import DELIMITERS, find_delimiter
from model_export.scoring.csv_records import RecordFinder
from model_export.scoring.parquet_source import batch_rows
from model_export.scoring.rejection import content_of
from model_export.scoring.source import Batch, Chunk, Rejected, SourceFile, check_once, check_same
from service.errors import MalformedRequestError, WrongTypeError

_LOOKED_AT = 1 << 20
"""Bytes that the delimiter is found by; a header must be within them."""

_LONGEST_RECORD = 1 << 26
"""Bytes without the end of a record are no longer looked through: a quotation mark must have been left open."""

_MARK = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class _Layout(NamedTuple):
    """How a file is written."""

    delimiter: str
    names: tuple[str, ...]
    start: int
    """where the header ends"""


class CsvSource:
    """CSV files whose first lines name the same columns, in any order.

    Args:
        files: at least one.
        chunk_bytes: the size of a chunk, as nearly as records allow.
        batch_values: about how many values are scored at a time.

    Raises:
        ScoringError: if one cannot be read, or their columns differ.
    """

    kind: Literal["CSV", "Parquet"] = "CSV"

    def __init__(self, files: Sequence[SourceFile], chunk_bytes: int, batch_values: int) -> None:
        self.files = files
        self._chunk_bytes = chunk_bytes
        self._layouts = [_look(file) for file in files]
        names = self._layouts[0].names
        for file, layout in zip(files, self._layouts, strict=True):
            check_once(layout.names, file)
            check_same(names, layout.names, files[0], file)
            if layout.delimiter != self._layouts[0].delimiter:
                raise ScoringError(
                    f"{file.path} has {DELIMITERS[layout.delimiter]} between its values and {files[0].path} has "
                    f"{DELIMITERS[self._layouts[0].delimiter]}: score them each by themselves"
                )
        self.decimal_commas = self._layouts[0].delimiter != ","
        self.schema = pa.schema([(name, pa.string()) for name in names])
        self.batch_rows = batch_rows(batch_values, len(names))
        self.extent = sum(file.size - layout.start for file, layout in zip(files, self._layouts, strict=True))

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks.

        Raises:
            ScoringError: if a quotation mark is never closed.
        """
        number = 0
        for index, (file, layout) in enumerate(zip(self.files, self._layouts, strict=True)):
            finder = RecordFinder(layout.delimiter)
            start, first_row, rest = layout.start, 1, b""
            with file.path.open("rb") as stream:
                stream.seek(start)
                while content := rest + (read := stream.read(self._chunk_bytes)):
                    stop, rows = finder.find(content, last=not read)
                    if not stop and (not read or len(content) > _LONGEST_RECORD):
                        raise ScoringError(
                            f"row {first_row} of {file.path} opens a quotation mark that is never closed: close it, or "
                            "write two in its place"
                        )
                    if rows:
                        yield Chunk(number, index, first_row, rows, start, start + stop, stop)
                        number += 1
                    first_row += rows
                    start += stop
                    rest = content[stop:]

    def read(self, chunk: Chunk) -> Iterator[Batch]:
        """Yield a chunk's rows in order.

        A row that has more or fewer values than the header, or is not UTF-8, is rejected.

        Raises:
            ScoringError: if the file cannot be read, or is no longer what it was.
        """
        file, layout = self.files[chunk.file], self._layouts[chunk.file]
        try:
            with file.path.open("rb") as stream:
                stream.seek(chunk.start)
                content = stream.read(chunk.stop - chunk.start)
            table, ragged = _parse(content, layout)
        except (pa.ArrowException, OSError) as error:
            raise ScoringError(f"{file.path} cannot be read from row {chunk.first_row} on: {error}") from error
        if len(table) + len(ragged) != chunk.rows:
            raise ScoringError(f"{file.path} has changed while it was scored: begin anew, into another folder")
        numbers = np.arange(chunk.first_row, chunk.first_row + chunk.rows)
        rejected = [_ragged(row, chunk.first_row + place - 1, len(layout.names)) for place, row in ragged.items()]
        if ragged:
            numbers = np.delete(numbers, [place - 1 for place in ragged])
        table, numbers, strange = _decode(table.select(self.schema.names), numbers)
        rejected += strange
        if not len(table):
            yield Batch(table, numbers, rejected)
        for start in range(0, len(table), self.batch_rows):
            part = slice(start, start + self.batch_rows)
            yield Batch(table.slice(start, self.batch_rows), numbers[part], rejected if start == 0 else ())


def _look(file: SourceFile) -> _Layout:
    """Return how a file is written, by its beginning."""
    try:
        with file.path.open("rb") as stream:
            start = stream.read(_LOOKED_AT)
    except OSError as error:
        raise ScoringError(f"{file.path} cannot be read: {error.strerror}") from None
    if start.startswith(_UTF16):
        raise ScoringError(f"{file.path} is in UTF-16: write it in UTF-8, say with iconv -f UTF-16 -t UTF-8")
    if b"\0" in start:
        raise ScoringError(f"{file.path} holds zero bytes: it is neither CSV nor Parquet")
    mark = len(_MARK) if start.startswith(_MARK) else 0
    text = start[mark:].decode(errors="replace")
    if len(start) == _LOOKED_AT:
        text = text[: text.rfind("\n") + 1] or text
    delimiter = find_delimiter(text)
    names = tuple(name.strip() for name in next(csv.reader(StringIO(text), delimiter=delimiter), []))
    if not all(names) or not names:
        raise ScoringError(f"the first line of {file.path} must name every column, and does not")
    return _Layout(delimiter, names, mark + RecordFinder(delimiter).first_end(start[mark:]))


def _parse(content: bytes, layout: _Layout) -> tuple[pa.Table, dict[int, arrow_csv.InvalidRow]]:
    """Return the rows as bytes, and those with more or fewer values than the header by their place, from 1."""
    ragged: dict[int, Any] = {}

    def keep(row: Any) -> str:
        ragged[row.number] = row
        return "skip"

    table = arrow_csv.read_csv(
        pa.py_buffer(content),
        # One thread, for only then rows are numbered; others read other chunks.
        arrow_csv.ReadOptions(use_threads=False, column_names=layout.names, block_size=max(len(content), 1)),
        arrow_csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True, invalid_row_handler=keep),
        arrow_csv.ConvertOptions(column_types=dict.fromkeys(layout.names, pa.binary()), strings_can_be_null=False),
    )
    return table, ragged


def _ragged(row: Any, number: int, width: int) -> Rejected:
    error = WrongTypeError(
        f"row {number} has {row.actual_columns} values and the header {width} names: is a value with the delimiter in "
        "it without quotation marks?",
        row=number,
    )
    return Rejected(number, error, row.text)


def _decode(table: pa.Table, numbers: NDArray[np.int64]) -> tuple[pa.Table, NDArray[np.int64], list[Rejected]]:
    """Return rows of bytes as texts, without those that are not UTF-8, which are returned besides."""
    schema = pa.schema([(name, pa.string()) for name in table.column_names])
    try:
        return table.cast(schema), numbers, []
    except pa.ArrowInvalid:
        pass
    faults: dict[int, UnicodeDecodeError] = {}
    for column in table.columns:
        for place, value in enumerate(column.to_pylist()):
            try:
                value.decode()
            except UnicodeDecodeError as error:
                faults.setdefault(place, error)
    kept = np.ones(len(table), np.bool_)
    kept[list(faults)] = False
    rejected = [
        Rejected(
            row := int(numbers[place]),
            MalformedRequestError(f"row {row} is not UTF-8: {error}", row=row),
            content_of({k: v.decode(errors="replace") for k, v in table.slice(place, 1).to_pylist()[0].items()}),
        )
        for place, error in sorted(faults.items())
    ]
    return table.filter(pa.array(kept)).cast(schema), numbers[kept], rejected
