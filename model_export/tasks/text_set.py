"""Labelled texts and their splits, from Parquet files or the Hugging Face hub."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from model_export.errors import DataError
from model_export.tasks.data import local_file


class Texts(NamedTuple):
    """Texts and class indices [N], index for index."""

    texts: list[str]
    labels: NDArray[np.int64]

    def __add__(self, other: object) -> "Texts":
        """Return these and the others after them."""
        if not isinstance(other, Texts):
            return NotImplemented
        return Texts(self.texts + other.texts, np.concatenate([self.labels, other.labels]))

    def at(self, rows: NDArray[np.int64]) -> "Texts":
        """Return some of them."""
        return Texts([self.texts[row] for row in rows], self.labels[rows])

    @classmethod
    def read(cls, file: Path, classes: int) -> Self:
        """Return the columns `text` and `label` of a Parquet file.

        Raises:
            DataError: if it is no such file, a text is missing, or a label is none of 0 … classes − 1.
        """
        try:
            frame = pd.read_parquet(file)
        except (ValueError, OSError) as error:
            raise DataError(f"{file} cannot be read as a Parquet file: {error}") from error
        if missing := [name for name in ("text", "label") if name not in frame.columns]:
            raise DataError(
                f"{file} lacks the columns {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}"
            )
        return cls.of(frame["text"].tolist(), frame["label"].tolist(), classes, str(file))

    @classmethod
    def of(cls, texts: Sequence[Any], labels: Sequence[Any], classes: int, where: str) -> Self:
        """Return these texts and labels.

        Raises:
            DataError: if a text is no text, or a label is none of 0 … classes − 1, saying `where` and which row.
        """
        for row, (text, label) in enumerate(zip(texts, labels, strict=True)):
            if not isinstance(text, str):
                raise DataError(f"row {row} of {where} has no text but {text}: drop it")
            if label not in range(classes):
                raise DataError(f"row {row} of {where} has the label {label!r}: labels are 0 to {classes - 1}")
        return cls(list(texts), np.array(labels, dtype=np.int64))


def read_local(files: Mapping[str, str], classes: int) -> dict[str, Texts] | None:
    """Return the parts of a data set from the local folder, or None where one of them is not there.

    Args:
        files: Parquet files in that folder, by part.
        classes: labels run from 0 to one below.

    Raises:
        DataError: if a file holds something else.
    """
    found = {part: local_file(name) for part, name in files.items()}
    local = {part: file for part, file in found.items() if file is not None}
    return {part: Texts.read(file, classes) for part, file in local.items()} if len(local) == len(files) else None


class TextSet(NamedTuple):
    """The texts of a data set as its publisher split them."""

    training: Texts

    validation: Texts
    """Rows to stop training by and to choose by; none where the publisher set none apart"""

    test: Texts

    extent: str
    """How many rows of what, for the manifest"""


class TextSplit(NamedTuple):
    """Texts for the uses that must not share any."""

    training: Texts
    validation: Texts
    calibration: Texts


def split_texts(texts: TextSet, calibration_rows: int, seed: int, validation_share: float) -> TextSplit:
    """Return training, validation and calibration texts, stratified by label; the test texts stay as they are.

    Calibration texts are drawn from the publisher's training and validation texts alike. Of the rest the publisher's
    validation texts stay validation texts; where there are none, a share of the rest becomes them.

    Raises:
        DataError: if there are too few texts.
    """
    everything = texts.training + texts.validation
    own = np.arange(len(everything.texts)) >= len(texts.training.texts)
    try:
        rest, held_out = _part(np.arange(len(own)), everything.labels, calibration_rows, seed)
        if own.any():
            training, validation = rest[~own[rest]], rest[own[rest]]
        else:
            training, validation = _part(rest, everything.labels, validation_share, seed)
    except ValueError as error:
        raise DataError(
            f"{len(own)} texts cannot be split into texts to train on, to stop by and {calibration_rows} to calibrate "
            f"with: {error}"
        ) from error
    return TextSplit(*(everything.at(rows) for rows in (training, validation, held_out)))


def _part(
    rows: NDArray[np.int64], labels: NDArray[np.int64], size: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the most of `rows`, and `size` of them, a number or a share, set apart."""
    kept, apart = train_test_split(rows, test_size=size, stratify=labels[rows], random_state=seed)
    return np.sort(kept), np.sort(apart)
