"""Parquet files: a chunk is a few row groups, or a part of a large one, and is read a batch at a time."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model_export.errors import ScoringError
from model_export.scoring.source import Batch, Chunk, SourceFile, check_once, check_same

_READ_BYTES = 1 << 20
"""What is read of a column at a time, so that a row group of any size fits in memory."""


_MOST_PIECES = 4
"""A large row group is cut into so many chunks at most: each but the first has to read what is before it, at a small
part of what scoring costs."""


class _Group(NamedTuple):
    rows: int
    size: int
    """bytes, unpacked"""


class ParquetSource:
    """Parquet files with the same columns of the same types.

    Args:
        files: at least one.
        chunk_bytes: row groups of a file are put together up to this size, unpacked, and a larger one is cut.
        batch_values: about how many values are read at a time.

    Raises:
        ScoringError: if one cannot be read, or their columns differ.
    """

    kind: Literal["CSV", "Parquet"] = "Parquet"
    decimal_commas = False

    def __init__(self, files: Sequence[SourceFile], chunk_bytes: int, batch_values: int) -> None:
        self.files = files
        self._chunk_bytes = chunk_bytes
        self._groups: list[list[_Group]] = []
        for file in files:
            schema, groups = _look(file)
            if file is files[0]:
                self.schema: pa.Schema = schema
            self._check(file, schema)
            self._groups.append(groups)
        self.batch_rows = batch_rows(batch_values, len(self.schema))
        self.extent = sum(group.rows for groups in self._groups for group in groups)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks."""
        number = 0
        for index, groups in enumerate(self._groups):
            first_row, start = 1, 0
            while start < len(groups):
                stop, size = start, 0
                while stop < len(groups) and (stop == start or size + groups[stop].size <= self._chunk_bytes):
                    size += groups[stop].size
                    stop += 1
                rows = sum(group.rows for group in groups[start:stop])
                pieces = min(max(size // self._chunk_bytes, 1), _MOST_PIECES)
                step = max(-(-rows // pieces), 1)
                for skip in range(0, rows, step):
                    count = min(step, rows - skip)
                    yield Chunk(number, index, first_row + skip, count, start, stop, count, skip)
                    number += 1
                first_row += rows
                start = stop

    def read(self, chunk: Chunk) -> Iterator[Batch]:
        """Yield a chunk's rows in order.

        Raises:
            ScoringError: if the file is damaged.
        """
        path = self.files[chunk.file].path
        skip, left, first = chunk.skip, chunk.rows, chunk.first_row
        try:
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=_READ_BYTES) as file:
                groups = range(chunk.start, chunk.stop)
                for batch in file.iter_batches(self.batch_rows, groups, self.schema.names, use_threads=False):
                    rows = batch.slice(skip, left)
                    skip = max(skip - len(batch), 0)
                    if len(rows):
                        table = pa.Table.from_batches([rows]).select(self.schema.names)
                        yield Batch(table, np.arange(first, first + len(rows)), ())
                    first += len(rows)
                    left -= len(rows)
                    if not left:
                        return
        except (pa.ArrowException, OSError) as error:
            raise ScoringError(f"{path} cannot be read: {error}") from error

    def _check(self, file: SourceFile, schema: pa.Schema) -> None:
        check_once(schema.names, file)
        check_same(self.schema.names, schema.names, self.files[0], file)
        for field in self.schema:
            if (other := schema.field(field.name).type) != field.type:
                raise ScoringError(
                    f"{field.name} is {other} in {file.path} and {field.type} in {self.files[0].path}: write both alike"
                )


def batch_rows(values: int, columns: int) -> int:
    """Return how many rows of so many columns have about so many values: a whole number of the model's runs."""
    return min(max(values // max(columns, 1) // 1024, 1), 64) * 1024


def _look(file: SourceFile) -> tuple[pa.Schema, list[_Group]]:
    """Return a file's columns and its row groups."""
    try:
        with pq.ParquetFile(file.path) as contents:
            facts = contents.metadata
            groups = [facts.row_group(index) for index in range(facts.num_row_groups)]
            schema = contents.schema_arrow.remove_metadata()
            # Dictionaries unpack to less than a number each; eight bytes a value is what they are counted for.
            width = 8 * len(schema)
            return schema, [
                _Group(group.num_rows, max(group.total_byte_size, width * group.num_rows)) for group in groups
            ]
    except (pa.ArrowException, OSError) as error:
        raise ScoringError(
            f"{file.path} begins as a Parquet file and cannot be read as one, was it copied whole? {error}"
        ) from error
