"""What is to be scored: files, cut into chunks that are read, scored and written each by itself."""

from collections.abc import Iterable, Iterator, Sequence
from glob import glob, has_magic
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_export.errors import ScoringError
from service.errors import ServiceError

_PARQUET = b"PAR1"
_SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip", b"BZh": "bzip2"}


class SourceFile(NamedTuple):
    """A file, and what tells whether it is still the same."""

    path: Path
    name: str
    """as it is called in messages and in what is written, wherever the folder lies"""
    size: int
    changed: int
    """nanoseconds since 1970"""


class Chunk(NamedTuple):
    """A run of rows of one file: what is finished, and resumed, at a time."""

    number: int
    """from 0, in the order of the files and of their rows"""
    file: int
    """index of the file"""
    first_row: int
    """its first row's number in the file, counted from 1; a header is no row"""
    rows: int
    start: int
    """of Parquet the first row group, of CSV the first byte"""
    stop: int
    """behind the last"""
    extent: int
    """what it counts for in the progress, see `Source.extent`"""
    skip: int = 0
    """of Parquet: rows of the row group that are before it"""


class Rejected(NamedTuple):
    """A row that was not scored."""

    row: int
    """its number in the file, counted from 1"""
    error: ServiceError
    content: str
    """the row, as JSON by column; the text itself of a row of CSV that has not as many values as the header"""


class Batch(NamedTuple):
    """Some rows of a chunk."""

    table: pa.Table
    """[N] of the columns of `Source.schema`"""
    numbers: NDArray[np.int64]
    """each row's number in the file, counted from 1"""
    rejected: Sequence[Rejected]
    """rows of the file that are no rows of the table"""


class Source(Protocol):
    """Files of one kind with the same columns."""

    files: Sequence[SourceFile]
    schema: pa.Schema
    """the columns of every file; of CSV all are texts"""
    kind: Literal["CSV", "Parquet"]
    decimal_commas: bool
    """whether a number in a text may have a comma before its decimals"""
    extent: int
    """the sum over all chunks: of Parquet the rows, of CSV the bytes"""

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks, always the same ones for the same files."""

    def read(self, chunk: Chunk) -> Iterator[Batch]:
        """Yield a chunk's rows in order."""


def find_files(inputs: Iterable[str], output: Path) -> list[SourceFile]:
    """Return the files that paths name, in an order that depends on their names alone.

    Args:
        inputs: files, folders and globs (`**` for folders within folders). Of a folder, and all within it, what ends
            in .csv, .tsv, .parquet or .pq is taken, unless it or a folder on the way begins with a dot or underscore.
        output: where the scores go; nothing in there is taken.

    Raises:
        ScoringError: if a path names nothing, or a file cannot be read.
    """
    found: dict[Path, SourceFile] = {}
    for path in inputs:
        root, paths = _expand(path)
        taken = [file for file in paths if not file.resolve().is_relative_to(output.resolve())]
        if not taken:
            raise ScoringError(_nothing(path))
        for file in taken:
            try:
                stat = file.stat()
            except OSError as error:
                raise ScoringError(f"{file} cannot be read: {error.strerror}") from None
            name = str(file.relative_to(root)) if root else str(file)
            found.setdefault(file.resolve(), SourceFile(file, name, stat.st_size, stat.st_mtime_ns))
    files = sorted(found.values(), key=lambda file: file.name)
    if twice := {a.name for a, b in pairwise(files) if a.name == b.name}:
        raise ScoringError(f"two folders both have a {min(twice)}: score the folder above them, or each by itself")
    return files


def are_parquet(files: Sequence[SourceFile]) -> bool:
    """Return whether files are Parquet rather than CSV; their first bytes say, and not their names.

    Raises:
        ScoringError: if one is empty, cannot be read or is packed, or there are some of each.
    """
    kinds: dict[bool, SourceFile] = {}
    for file in files:
        if not file.size:
            raise ScoringError(f"{file.path} is empty: take it out, or write it again")
        try:
            with file.path.open("rb") as stream:
                start = stream.read(4)
        except OSError as error:
            raise ScoringError(f"{file.path} cannot be read: {error.strerror}") from None
        if packed := next((name for magic, name in _PACKED.items() if start.startswith(magic)), None):
            raise ScoringError(f"{file.path} is packed with {packed}: unpack it first")
        kinds.setdefault(start == _PARQUET, file)
    if len(kinds) == 2:
        raise ScoringError(
            f"{kinds[True].path} is Parquet and {kinds[False].path} is CSV: score the ones and the others each by "
            "themselves"
        )
    return True in kinds


def check_same(names: Sequence[str], others: Sequence[str], first: SourceFile, file: SourceFile) -> None:
    """Refuse a file with other columns than the first one, whatever their order.

    Raises:
        ScoringError: naming the columns.
    """
    lacking = [name for name in names if name not in others]
    beyond = [name for name in others if name not in names]
    if lacking or beyond:
        said = [f"lacks {', '.join(lacking)}"] * bool(lacking) + [f"has {', '.join(beyond)} besides"] * bool(beyond)
        raise ScoringError(
            f"{file.path} {' and '.join(said)}, compared with {first.path}: files scored together have the same columns"
        )


def check_once(names: Sequence[str], file: SourceFile) -> None:
    """Refuse columns that cannot be told apart.

    Raises:
        ScoringError: naming the first.
    """
    if twice := [name for name in names if names.count(name) > 1]:
        raise ScoringError(f"{file.path} has the column {twice[0]!r} {names.count(twice[0])} times: rename all but one")


def _expand(path: str) -> tuple[Path | None, list[Path]]:
    """Return the files that a path names, and the folder that they are named by."""
    folder = Path(path)
    if folder.is_dir():
        inside = (
            file
            for file in folder.rglob("*")
            if file.suffix.lower() in _SUFFIXES
            and not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
        )
        return folder, [file for file in inside if file.is_file()]
    if folder.exists():
        return folder.parent, [folder]
    if has_magic(path):
        return None, [Path(found) for found in glob(path, recursive=True) if Path(found).is_file()]  # noqa: PTH207 - may be absolute
    raise ScoringError(f"{path} is not there: name a file, a folder, or a glob in quotation marks")


def _nothing(path: str) -> str:
    if Path(path).is_dir():
        return f"{path} holds no file that ends in {', '.join(_SUFFIXES)}"
    return f"no file matches {path}"
