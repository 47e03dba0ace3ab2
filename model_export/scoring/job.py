"""One scoring job: what it reads, with which model, how, and into which folder."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
import pyarrow as pa

from model_export.errors import ScoringError
from model_export.scoring.columns import Read, row_reader
from model_export.scoring.csv_source import CsvSource
from model_export.scoring.output_folder import Format, OutputFolder, Part
from model_export.scoring.parquet_source import ParquetSource
from model_export.scoring.predictions import PredictionColumns
from model_export.scoring.rejection import content_of, rejected_table
from model_export.scoring.source import Batch, Chunk, Rejected, Source, are_parquet, find_files
from model_export.scoring.tally import Counting
from service import __version__
from service.errors import NonFiniteOutputError, ServiceError
from service.inference.feeds import Rows
from service.inference.model import Model, Scores
from service.inputs import text_of
from service.manifest import MANIFEST_FILE
from service.version_folder import digest, read_manifest

_RUN_ROWS = 1024
"""Rows of one run: of a table more no longer fit in the cache, and fewer cost more runs."""

_BATCH_VALUES, _TEXT_BATCH_VALUES = 1 << 20, 1
"""What is read and written at a time, so that memory does not grow with a chunk; of texts, whose tokens are large and
take long, no more than one run."""

_CHUNK_MEBIBYTES, _TEXT_CHUNK_MEBIBYTES = 16, 1


@dataclass(frozen=True)
class Options:
    """How rows are scored."""

    format: Format = "parquet"
    """of what is written"""
    prefix: str = "chainzrule_"
    """what the added columns' names begin with"""
    detail: bool = False
    """whether to add all signals, see `PredictionColumns`"""
    text_column: str = "text"
    """of a model of texts, the column that they are in"""
    chunk_mebibytes: float | None = None
    """of input that is finished, and resumed, at a time; 16, or 1 of texts, unless given"""


class Job:
    """Scores chunks; each by itself, from any thread, and from any process or machine that sees the same folders.

    Args:
        source: the files.
        folder: where the scores go.
        model: the version folder.
        options: see `Options`.

    Raises:
        ScoringError: if the files and the model do not go together.
        InvalidModelError: if the model cannot be used.
    """

    def __init__(self, source: Source, folder: OutputFolder, model: Path, options: Options) -> None:
        self.source = source
        self.folder = folder
        self.options = options
        self._model_folder = model
        self._model = Model.load(model, threads=1)
        self.manifest = self._model.manifest
        self._read = row_reader(self._model, source, options.text_column)
        self._columns = PredictionColumns(self.manifest, source.schema.names, options.prefix, detail=options.detail)
        nothing = source.schema.empty_table()
        passed = self._passed(nothing, self._read(nothing, np.empty(0, np.int64)))
        self._schema = self._columns.add(passed, self._columns.empty, np.empty(0, np.bool_)).schema

    @classmethod
    def open(cls, inputs: Sequence[str], output: Path, model: Path, options: Options) -> Self:
        """Return the job of scoring some files.

        Args:
            inputs: files, folders and globs.
            output: the folder that the scores go to.
            model: the version folder.
            options: see `Options`.

        Raises:
            ScoringError: if the files cannot be read, differ, or do not go with the model.
            InvalidModelError: if the model cannot be used.
        """
        texts = text_of(read_manifest(model).input) is not None
        mebibytes = options.chunk_mebibytes or (_TEXT_CHUNK_MEBIBYTES if texts else _CHUNK_MEBIBYTES)
        files = find_files(inputs, output)
        kind = ParquetSource if are_parquet(files) else CsvSource
        source = kind(files, int(mebibytes * 2**20), _TEXT_BATCH_VALUES if texts else _BATCH_VALUES)
        if next(source.chunks(), None) is None:
            raise ScoringError(f"{files[0].path} has no rows: there is nothing to score")
        nested = next((field for field in source.schema if pa.types.is_nested(field.type)), None)
        if nested is not None and options.format == "csv":
            raise ScoringError(
                f"column {nested.name!r} holds {nested.type}, which CSV cannot: have Parquet written, or take it out"
            )
        return cls(source, OutputFolder(output, options.format), model, options)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process without the model, which it loads by itself."""
        return type(self), (self.source, self.folder, self._model_folder, self.options)

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a job to be gone on with."""
        return {
            "input": {file.name: {"bytes": file.size, "changed": file.changed} for file in self.source.files},
            "model": {
                "name": self.manifest.name,
                "version": self.manifest.version,
                "sha256": digest(self._model_folder / MANIFEST_FILE),
            },
            "options": asdict(self.options),
            "software": {
                "chainzrule": __version__,
                "onnxruntime": onnxruntime.__version__,
                "pyarrow": pa.__version__,
            },
        }

    def check_unchanged(self) -> None:
        """Refuse to call a job done whose files are no longer those that it began with.

        Raises:
            ScoringError: naming the first.
        """
        for file in self.source.files:
            try:
                stat = file.path.stat()
            except OSError as error:
                raise ScoringError(f"{file.path} cannot be read any more: {error.strerror}") from None
            if (stat.st_size, stat.st_mtime_ns) != (file.size, file.changed):
                raise ScoringError(f"{file.path} has changed while it was scored: score it anew, into another folder")

    def score(self, chunk: Chunk) -> Chunk:
        """Score a chunk, write it whole and return it; if anything is raised, nothing of it is left.

        Raises:
            ScoringError: if it cannot be read.
            OSError: if it cannot be written.
        """
        counting = Counting(self.manifest)
        name = self.source.files[chunk.file].name
        with self.folder.part(chunk.number, self._schema) as part:
            for batch in self.source.read(chunk):
                rejected = [*batch.rejected, *self._score(batch, part, counting)]
                counting.tally.rejected.update(one.error.code for one in rejected)
                part.reject(rejected_table(name, rejected))
            part.finish(*counting.finish())
        return chunk

    def _score(self, batch: Batch, part: Part, counting: Counting) -> list[Rejected]:
        """Write the scores of a batch's rows, and return those that have none."""
        read = self._read(batch.table, batch.numbers)
        kept = np.ones(len(batch.table), np.bool_)
        kept[list(read.faults)] = False
        scores, failed = self._run(read.rows[kept])
        places = np.flatnonzero(kept)
        faults = {**read.faults, **{int(places[place]): error for place, error in failed.items()}}
        kept[list(faults)] = False
        if scores is not None:
            truncated = None if read.truncated is None else read.truncated[kept]
            passed = self._passed(batch.table, read)
            passed = passed.filter(pa.array(kept)) if faults else passed
            part.write(self._columns.add(passed, scores, truncated))
            counting.observe(read.rows[kept], scores, truncated)
        return [
            Rejected(int(batch.numbers[place]), error, content_of(batch.table.slice(place, 1).to_pylist()[0]))
            for place, error in sorted(faults.items())
        ]

    def _run(self, rows: Rows) -> tuple[Scores | None, Mapping[int, ServiceError]]:
        """Return the scores of the rows that have any, and what is wrong with the others by place."""
        pieces: list[Scores] = []
        failed: dict[int, ServiceError] = {}

        def run(start: int, stop: int) -> None:
            try:
                scores = self._model.score(rows[start:stop])
            except NonFiniteOutputError as error:
                if stop - start == 1:
                    failed[start] = error
                    return
                # One row is to blame, and the others have their scores.
                middle = (start + stop) // 2
                run(start, middle)
                run(middle, stop)
            else:
                pieces.append({name: scores[name] for name in self._columns.outputs})

        for start in range(0, len(rows), _RUN_ROWS):
            run(start, min(start + _RUN_ROWS, len(rows)))
        if not pieces:
            return None, failed
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in self._columns.outputs}, failed

    def _passed(self, table: pa.Table, read: Read) -> pa.Table:
        """Return the files' own columns as they are written.

        CSV holds nothing but texts. In Parquet the numbers among them that the model takes are numbers.
        """
        if self.options.format == "csv":
            for index, field in enumerate(table.schema):
                if pa.types.is_dictionary(field.type):
                    column = table.column(index).cast(field.type.value_type)
                    table = table.set_column(index, field.name, column)
            return table
        for name, numbers in read.written_numbers.items():
            table = table.set_column(table.schema.get_field_index(name), name, pa.array(numbers, from_pandas=True))
        return table
