"""The folder that scores go to: parts, what is set aside, and a journal of what is finished."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from model_export.errors import ScoringError
from model_export.scoring.rejection import SCHEMA
from model_export.scoring.tally import Tally

Format = Literal["parquet", "csv"]

_JOB, _SUMMARY, _JOURNAL, _REJECTED = "_job.json", "_summary.json", "_journal", "_rejected"
_TEMPORARY = ".temporary-"


class OutputFolder:
    """A job's output.

    `part-000000.parquet` and so on hold the rows, one file a chunk, `_rejected/` those that were set aside, `_job.json`
    what the job is, and `_summary.json`, once all is done, what came of it. Names that begin with an underscore are no
    rows to whatever reads the folder as a table.

    A chunk is finished when the journal says so, which is written last. Every file is written under another name and
    takes its own when it is whole and on disk, so what a kill leaves behind is either finished or as if never begun.

    Args:
        path: the folder.
        written: what the parts are.
    """

    def __init__(self, path: Path, written: Format) -> None:
        self.path = path
        self._format = written

    def open(self, job: dict[str, Any]) -> None:
        """Begin a job, or go on with the same one.

        Args:
            job: what it is, as JSON takes it.

        Raises:
            ScoringError: if the folder holds something else, or another job.
        """
        file = self.path / _JOB
        if file.exists():
            if differences := list(_differences(_read(file), job)):
                raise ScoringError(
                    f"{self.path} holds the scores of another job, and none of them was touched. Since it began "
                    f"{'; '.join(differences[:5])}. Score into another folder, or remove this one"
                )
        elif any(self.path.iterdir()):
            raise ScoringError(f"{self.path} is not empty and holds no scoring job: name another folder")
        else:
            _write_json(file, job)
        for left in (*self.path.glob(f"{_TEMPORARY}*"), *self.path.glob(f"_*/{_TEMPORARY}*")):
            left.unlink(missing_ok=True)
        if self.summary is not None:
            self._tidy()  # in case that the kill came in between
            return
        for folder in (_JOURNAL, _REJECTED):
            (self.path / folder).mkdir(exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the folder to this process; the lock goes with it, however it ends.

        Raises:
            ScoringError: if another process scores into it, or it cannot be made.
        """
        made = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except (FileExistsError, NotADirectoryError):
            raise ScoringError(f"{self.path} is a file, or lies in one: name a folder") from None
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise ScoringError(f"another process is scoring into {self.path}: wait for it, or end it") from None
        finally:
            os.close(directory)
            if made and not any(self.path.iterdir()):
                self.path.rmdir()  # refused before anything was written

    @property
    def summary(self) -> dict[str, Any] | None:
        """The summary of a job that is done, else None."""
        file = self.path / _SUMMARY
        return _read(file) if file.exists() else None

    def finished(self) -> set[int]:
        """Return the numbers of the chunks that are finished."""
        return {int(file.stem) for file in (self.path / _JOURNAL).glob("[0-9]*.json")}

    def tallies(self, chunks: int) -> Iterator[Tally]:
        """Yield what was counted of each chunk."""
        for number in range(chunks):
            yield Tally.from_json(_read(self._journal(number, "json")))

    def tail_ratios(self, chunks: int) -> list[NDArray[np.float32]]:
        """Return each chunk's tail ratios in ascending order, on disk."""
        return [np.load(self._journal(number, "npy"), mmap_mode="r") for number in range(chunks)]

    @contextmanager
    def part(self, number: int, schema: pa.Schema) -> Iterator["Part"]:
        """Return what writes a chunk; it is there as a whole once `Part.finish` was called, or not at all.

        Args:
            number: of the chunk.
            schema: of its rows.
        """
        part = Part(self, number, schema, self._format)
        try:
            yield part
        finally:
            part.clean()

    def close(self, summary: dict[str, Any]) -> None:
        """End a job: write its summary, and remove the journal, which nobody needs any more."""
        _write_json(self.path / _SUMMARY, summary)
        self._tidy()

    def _tidy(self) -> None:
        """Remove what a job that is done needs no more."""
        if (self.path / _JOURNAL).exists():
            for file in (self.path / _JOURNAL).iterdir():
                file.unlink()
            (self.path / _JOURNAL).rmdir()
        if (self.path / _REJECTED).exists() and not any((self.path / _REJECTED).iterdir()):
            (self.path / _REJECTED).rmdir()

    def _journal(self, number: int, suffix: str) -> Path:
        return self.path / _JOURNAL / f"{number:06d}.{suffix}"


class _Temporary(NamedTuple):
    """A file under its other name, and what it will be called."""

    path: Path
    file: Path


class Part:
    """Writes one chunk, see `OutputFolder.part`."""

    def __init__(self, folder: OutputFolder, number: int, schema: pa.Schema, written: Format) -> None:
        self._number, self._format = number, written
        self._folder = folder.path
        name = f"part-{number:06d}.{written}"
        self._rows = _temporary(self._folder / name)
        self._rejected = _temporary(self._folder / _REJECTED / name)
        self._journal = [_temporary(self._folder / _JOURNAL / f"{number:06d}.{suffix}") for suffix in ("npy", "json")]
        self._writers: dict[_Temporary, Any] = {}
        self._schema = schema

    def write(self, rows: pa.Table) -> None:
        """Add rows."""
        self._write(self._rows, rows, self._schema)

    def reject(self, rows: pa.Table) -> None:
        """Add rows that were set aside."""
        if len(rows):
            self._write(self._rejected, rows, SCHEMA)

    def finish(self, tally: Tally, tail_ratios: NDArray[np.float32]) -> None:
        """Have the chunk finished: its parts first, then its tail ratios, and its tally at last."""
        written, self._writers = self._writers, {}
        for writer in written.values():
            writer.close()
        for temporary in (self._rows, self._rejected):
            if temporary in written:
                _take_name(temporary)
        ratios, counts = self._journal
        with ratios.path.open("wb") as stream:
            np.save(stream, tail_ratios)
        _take_name(ratios)
        counts.path.write_text(json.dumps(tally.to_json()))
        _take_name(counts)

    def clean(self) -> None:
        """Remove what was not finished."""
        for writer in self._writers.values():
            with suppress(OSError, pa.ArrowException):  # the disk is full: what is written here goes anyway
                writer.close()
        for temporary in (self._rows, self._rejected, *self._journal):
            temporary.path.unlink(missing_ok=True)

    def _write(self, temporary: _Temporary, rows: pa.Table, schema: pa.Schema) -> None:
        if temporary not in self._writers:
            file = str(temporary.path)
            # Scores are hardly ever the same twice: looking for those that are would take twice as long as writing.
            repeated = [field.name for field in schema if not pa.types.is_float32(field.type)]
            self._writers[temporary] = (
                pq.ParquetWriter(file, schema, use_dictionary=repeated)
                if self._format == "parquet"
                else arrow_csv.CSVWriter(file, schema)
            )
        self._writers[temporary].write_table(rows)


def _temporary(file: Path) -> _Temporary:
    """Return the name under which a file is written; two attempts at one chunk never write the same."""
    return _Temporary(file.with_name(f"{_TEMPORARY}{uuid4().hex}"), file)


def _take_name(temporary: _Temporary) -> None:
    with temporary.path.open("rb") as stream:
        os.fsync(stream.fileno())
    temporary.path.replace(temporary.file)


def _write_json(file: Path, content: dict[str, Any]) -> None:
    temporary = _temporary(file)
    temporary.path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    _take_name(temporary)


def _read(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ScoringError(f"{file} cannot be read: {error}") from None
    return content


def _differences(before: dict[str, Any], now: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield in words what differs between two jobs."""
    for name in sorted({*before, *now}):
        there = f"{path}{name}"
        if name not in before:
            yield f"{there} has come"
        elif name not in now:
            yield f"{there} has gone"
        elif isinstance(before[name], dict) and isinstance(now[name], dict):
            yield from _differences(before[name], now[name], f"{there}: ")
        elif before[name] != now[name]:
            yield f"{there} was {before[name]} and is {now[name]}"
