"""What one version answers to labelled rows, by the service's own reader and model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.comparison.labelled_rows import LabelledRows
from service.errors import ServiceError
from service.inference.model import Model, Scores
from service.inference.rows import RowLimits
from service.inference.threads import available_cores
from service.inputs import ImageInput
from service.manifest import outputs_of
from service.protocol.predict_codec import Reader
from service.protocol.readers import reader_for
from service.settings import Settings

_ROWS_AT_A_TIME, _IMAGES_AT_A_TIME = 256, 16

_UNUSED = "sensitivity"
"""As large as the rows, and not looked at."""


class Answers(NamedTuple):
    """Outputs by name, [N, …] each, with zeros for the rows that were refused, and why they were."""

    scores: Scores
    refused: dict[int, str]


def load(folder: Path) -> Model:
    """Return a version as the service loads it.

    Raises:
        ServiceError: if it cannot be served.
    """
    return Model.load(folder, threads=available_cores())


def ask(model: Model, rows: LabelledRows) -> Answers:
    """Return what a version answers to every row that it can read."""
    pixels = Settings.model_fields["max_image_pixels"].default
    at_a_time = _IMAGES_AT_A_TIME if isinstance(model.manifest.input, ImageInput) else _ROWS_AT_A_TIME
    reader = reader_for(model, RowLimits(at_a_time, pixels))
    count = len(rows.labels)
    scores: Scores = {}
    refused: dict[int, str] = {}
    for start in range(0, count, at_a_time):
        part = range(start, min(start + at_a_time, count))
        instances = rows.instances(model.manifest, part)
        try:
            _keep(scores, _answer(model, reader, instances), part, count)
        except ServiceError:
            for row, instance in zip(part, instances, strict=True):
                try:
                    _keep(scores, _answer(model, reader, [instance]), [row], count)
                except ServiceError as error:
                    refused[row] = error.message.replace("row 0", rows.places[row], 1)
    for output in outputs_of(model.manifest):
        scores.setdefault(output.name, np.zeros(count, np.float32))  # where every row was refused
    return Answers(scores, refused)


def _answer(model: Model, reader: Reader, instances: list[Any]) -> Scores:
    return model.score(reader.read(json.dumps({"instances": instances}).encode()).rows)


def _keep(scores: Scores, found: Scores, rows: Sequence[int], count: int) -> None:
    for name, values in found.items():
        if name == _UNUSED:
            continue
        kept: NDArray[Any] = scores.setdefault(name, np.zeros((count, *values.shape[1:]), values.dtype))
        kept[rows] = values
