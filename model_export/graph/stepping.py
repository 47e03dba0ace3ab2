"""Finite differences of the margin: where each kind of row is stepped, and by how much."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.graph.boundary import Boundary, Value, answers
from model_export.graph.probes import LEVELS
from model_export.graph.text_parts import STEP, TextParts, spread
from service.inference.feeds import Rows
from service.inference.model import Model
from service.inputs import Feature, ImageInput, TableInput

_TABLE_STEP = 0.02
"""In training standard deviations."""

_STEEPEST, _RANDOM = 6, 2
"""Pixels that are stepped in each channel of an image."""


class Slopes(NamedTuple):
    """The margin's gradient [n, C] at some places, as the rows count."""

    values: NDArray[np.float64]
    unsure: NDArray[np.float64]
    """by how much steps and half steps differ: much where the derivative jumps in between"""


class Stepping(NamedTuple):
    """Rows whose coordinates can be stepped one by one, and what the probabilities, or values, are then."""

    probabilities: Callable[[Rows], NDArray[np.float64]]
    rows: Rows
    """[n, …]"""
    places: NDArray[np.int64]
    """[n, C]: which coordinates of each row are stepped, as it is flattened"""
    steps: NDArray[np.float64]
    """[C], as the rows count"""
    units: NDArray[np.float64] | None
    """[C]: how far one unit of sensitivity is, as the rows count; None where nothing says so"""
    free: NDArray[np.bool_]
    """[n, C]: whether the graph lets the coordinate move, and no clamp holds it"""
    names: list[str]
    """[C]: what is stepped, in words; may be the same for several"""

    def slopes(self, boundary: Boundary | Value) -> Slopes:
        """Return the gradient of the margin, or of the value, at the places.

        By central differences, extrapolated by Richardson's rule from steps and half steps: the error is of fourth
        order.
        """
        coarse, fine = (self._slopes(boundary, steps) for steps in (self.steps, self.steps / 2))
        return Slopes((4 * fine - coarse) / 3, np.abs(fine - coarse))

    def at_places(self, gradient: NDArray[Any]) -> NDArray[np.float64]:
        """Return the entries [n, C] of a gradient of the rows' shape at the places."""
        flat = gradient.reshape(len(gradient), -1)
        return np.take_along_axis(flat, self.places, 1).astype(np.float64)

    def _slopes(self, boundary: Boundary | Value, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = []
        index = np.arange(len(self.rows))
        for places, step in zip(self.places.T, steps, strict=True):
            sides = []
            for signed in (step, -step):
                moved = self.rows.reshape(len(self.rows), -1).copy()
                moved[index, places] = (moved[index, places] + signed).astype(moved.dtype)
                margin = boundary.margin(self.probabilities(moved.reshape(self.rows.shape)))
                sides.append((margin, moved[index, places].astype(np.float64)))
            (higher, top), (lower, bottom) = sides
            # The step that was taken in the rows' precision, not the one that was asked for.
            columns.append((higher - lower) / (top - bottom))
        return np.stack(columns, axis=1)


def _scored(model: Model) -> Callable[[Rows], NDArray[np.float64]]:
    return lambda rows: answers(model.score(rows))


def step_table(model: Model, table: TableInput, rows: NDArray[np.float32], parts: TextParts | None = None) -> Stepping:
    """Step every number of rows [n, features]: categories cannot be, and of dates and texts the parts are not seen.

    Args:
        model: any of tables.
        table: what it takes.
        rows: of the table, a text's tokens behind the features.
        parts: of a graph with a text, which is embedded only once.
    """
    scored = _scored(model)
    if parts is not None:
        width = len(table.features)
        embeddings = parts.embed(rows[:, width:])
        rows, scored = np.concatenate([rows[:, :width], embeddings], axis=1), parts.answers
    numbers = {index: feature for index, feature in enumerate(table.features) if isinstance(feature, Feature)}
    deviations = np.array([feature.standard_deviation for feature in numbers.values()])
    places = np.tile(np.array(list(numbers), dtype=np.int64), (len(rows), 1))
    free = np.ones_like(places, dtype=np.bool_)
    names = [feature.name for feature in numbers.values()]
    return Stepping(scored, rows, places, _TABLE_STEP * deviations, deviations, free, names)


def step_embeddings(parts: TextParts, embeddings: NDArray[np.float32]) -> Stepping:
    """Step every dimension of embeddings [n, D]."""
    dimensions = np.arange(embeddings.shape[1])
    units = parts.units(embeddings)
    return Stepping(
        parts.answers,
        embeddings,
        np.tile(dimensions, (len(embeddings), 1)),
        STEP * spread(embeddings),
        None if units is None else units.deviations,
        np.ones_like(embeddings, dtype=np.bool_) if units is None else units.free,
        [f"dimension {dimension} of the embedding" for dimension in dimensions],
    )


def step_pixels(model: Model, image: ImageInput, rows: NDArray[np.uint8], sensitivity: NDArray[np.float32]) -> Stepping:
    """Step pixels of images [n, height, width, channels]: where `sensitivity` is largest, and some others."""
    count = len(image.channels)
    pixels = np.abs(sensitivity).reshape(len(rows), -1, count)
    steepest = np.argsort(-pixels, axis=1)[:, :_STEEPEST]
    others = np.random.default_rng(0).integers(pixels.shape[1], size=(len(rows), _RANDOM, count))
    chosen = np.concatenate([steepest, others], axis=1)
    deviations = np.array([channel.standard_deviation for channel in image.channels])
    places = (chosen * count + np.arange(count)).reshape(len(rows), -1)
    return Stepping(
        _scored(model),
        rows,
        places,
        np.full(chosen.shape[1] * count, float(LEVELS)),
        np.tile(deviations, chosen.shape[1]),
        np.ones_like(places, dtype=np.bool_),
        [f"pixels of channel {channel.name}" for channel in image.channels] * chosen.shape[1],
    )
