"""Labelled rows as clients would send them, whatever they are read from."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from model_export.comparison.columns import find_target, find_text, instances_of
from model_export.errors import DataError
from model_export.own_data.image_folder import pictures_by_class
from model_export.own_data.table_file import read_file
from model_export.own_data.values import as_text, is_missing
from service.inputs import ImageInput, TableInput, TextInput
from service.manifest import Manifest


class LabelledRows(Protocol):
    """Rows with their labels."""

    @property
    def labels(self) -> Sequence[str | None]:
        """What was to be predicted, as text, [N]; None where nobody knows."""

    @property
    def places(self) -> Sequence[str]:
        """Where each row stands, in words."""

    def instances(self, manifest: Manifest, rows: Sequence[int]) -> list[Any]:
        """Return some rows as `/v1` takes them for a model."""


class TableRows:
    """Rows of a CSV or Parquet file, for models of tables or of texts.

    Args:
        file: the file.
        versions: the models that will be asked.
        target: the column of labels; found out unless given.

    Raises:
        DataError: if the file cannot be read, or lacks a column that a model takes.
    """

    def __init__(self, file: Path, versions: Sequence[Manifest], target: str | None) -> None:
        self._frame = frame = read_file(file).frame
        names = [str(name) for name in frame.columns]
        self.target = find_target(frame, versions, target)
        self._text = ""
        for manifest in versions:
            match manifest.input:
                case TableInput() as table:
                    if lacking := [name for name in table.names if name not in names]:
                        raise DataError(
                            f"{file} lacks {', '.join(lacking)}, which version {manifest.version} of {manifest.name} "
                            "takes: add the columns, empty where a value is unknown"
                        )
                case TextInput():
                    self._text = find_text(frame.drop(columns=self.target))
                case ImageInput():
                    raise DataError(f"{manifest.name} takes pictures: give a folder that holds a folder for each class")
        self.labels = [None if is_missing(label) else as_text(label) for label in frame[self.target]]
        self.places = [f"row {number}" for number in range(1, len(frame) + 1)]

    def instances(self, manifest: Manifest, rows: Sequence[int]) -> list[Any]:
        """Return rows by name, or texts."""
        part: pd.DataFrame = self._frame.iloc[list(rows)]
        if isinstance(manifest.input, TableInput):
            return instances_of(part, manifest.input.features)
        return ["" if is_missing(text) else str(text) for text in part[self._text]]


class PictureRows:
    """PNG and JPEG files in a folder for each class.

    Args:
        folder: holds the folders.

    Raises:
        DataError: if it holds none.
    """

    def __init__(self, folder: Path) -> None:
        found = [(file, name) for name, files in pictures_by_class(folder).items() for file in files]
        if not found:
            raise DataError(f"{folder} holds no folder of PNG or JPEG files, one folder for each class")
        self._files = [file for file, _ in found]
        self.labels = [name for _, name in found]
        self.places = [str(file.relative_to(folder)) for file in self._files]

    def instances(self, manifest: Manifest, rows: Sequence[int]) -> list[Any]:
        """Return the files in base64.

        Raises:
            DataError: if one cannot be read, or the model takes something else.
        """
        if not isinstance(manifest.input, ImageInput):
            raise DataError(f"{manifest.name} takes {manifest.input.kind}s: give a CSV or Parquet file")
        try:
            return [b64encode(self._files[row].read_bytes()).decode() for row in rows]
        except OSError as error:
            raise DataError(f"{error.filename} cannot be read: {error.strerror}") from error


def read_labelled(data: Path, versions: Sequence[Manifest], target: str | None = None) -> TableRows | PictureRows:
    """Return the labelled rows in a file or a folder of pictures.

    Args:
        data: the file or folder.
        versions: the models that will be asked.
        target: the column of labels; found out unless given.

    Raises:
        DataError: if it cannot be read as what the models take.
    """
    if not data.is_dir():
        return TableRows(data, versions, target)
    if target is not None:
        raise DataError(f"{data} is a folder of pictures, whose folders are the labels: it takes no target")
    return PictureRows(data)
