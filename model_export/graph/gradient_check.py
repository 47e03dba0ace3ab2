"""`sensitivity` against finite differences of the probabilities that stand beside it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.graph.boundary import sensed
from model_export.graph.finding import Finding, require
from model_export.graph.stepping import Stepping, step_embeddings, step_pixels, step_table
from model_export.graph.text_parts import TextParts
from service.inference.feeds import Rows
from service.inference.model import Model, Scores
from service.inputs import Feature, ImageInput, Input, TableInput


class _Extent(NamedTuple):
    """How much is compared, and how closely."""

    rows: int
    tolerance: float
    """largest error of an entry, relative to it or to the root mean square of its row's"""


_EXTENTS = {"table": _Extent(64, 1e-2), "text": _Extent(16, 3e-2), "image": _Extent(12, 3e-2)}

_GRADIENTS = {
    "classification": "the gradient of the margin",
    "ordinal": "what the level rises with",
    "regression": "the gradient of the value",
}

_MOST = 0.8
"""Share of entries that must be right. Not all: a step may cross a kink of a piecewise-linear network."""

_SETTLED, _LEAST = 0.1, 0.1
"""Where many steps cross kinks, from one maximum to another say, those count whose half steps say the same to so much
of the tolerance, if they are more than this share."""


def check_gradient(model: Model, rows: Rows, scores: Scores, parts: TextParts | None) -> Iterator[Finding]:
    """Compare `sensitivity` with central differences of the margin, by the probabilities alone.

    Args:
        model: any.
        rows: of its kind.
        scores: its outputs for them.
        parts: of a graph of texts, whose embeddings are stepped where they are alone; None of others.

    Yields:
        How well they agree, or that it could not be checked, and why.

    Raises:
        VerificationError: naming the feature, dimension or channel for which they do not.
    """
    manifest = model.manifest
    boundary, said = sensed(manifest, scores)
    known = ~np.isnan(rows.reshape(len(rows), -1)).any(1)
    extent = _EXTENTS[manifest.input.kind]
    chosen = np.flatnonzero(boundary.clear(said) & known)[: extent.rows]
    if len(chosen) == 0:
        yield Finding(
            "sensitivity could not be checked: every row's probabilities are saturated, or it lacks a value",
            checked=False,
        )
        return
    stepping = _stepping(model, rows[chosen], scores["sensitivity"][chosen], parts)
    unstepped = _unstepped(manifest.input)
    if unstepped:
        yield Finding(
            f"sensitivity could not be checked for {', '.join(unstepped)}: categories, dates and texts have no small "
            "steps",
            checked=False,
        )
    if not stepping.names:
        return
    expected = stepping.at_places(scores["sensitivity"][chosen])
    slopes, unsure = stepping.slopes(boundary.of(chosen))
    units = _fitted_units(expected, slopes, stepping.names) if stepping.units is None else stepping.units
    measured = slopes * units
    error = np.abs(measured - expected) / _scale(expected)
    settled = unsure * units < _SETTLED * extent.tolerance * _scale(measured)
    what = _GRADIENTS[manifest.task]
    for name in dict.fromkeys(stepping.names):
        columns = [other == name for other in stepping.names]
        of_name, free = error[:, columns], stepping.free[:, columns]
        right = (of_name[free] < extent.tolerance).mean() > _MOST
        if not right:
            free &= settled[:, columns]
            right = free.mean() > _LEAST and (of_name[free] < extent.tolerance).mean() > _MOST
        require(right, f"sensitivity is not {what}: for {name} it is off by {np.median(of_name):.1e}")
    yield Finding(f"sensitivity is {what}: finite differences agree to {np.median(error):.1e}")
    if stepping.units is None:
        yield Finding(
            "the unit of sensitivity could not be checked: the graph does not show a training deviation of each "
            "dimension, and one unit of each explains every text",
            checked=False,
        )


def _scale(gradient: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what errors in a gradient [n, C] are relative to: the entry, or the root mean square of its row."""
    usual = np.sqrt(np.mean(gradient**2, axis=1, keepdims=True))
    return np.maximum(np.maximum(np.abs(gradient), usual), 1e-30)


def _stepping(model: Model, rows: Rows, sensitivity: NDArray[np.float32], parts: TextParts | None) -> Stepping:
    match model.manifest.input:
        case TableInput() as table:
            return step_table(model, table, rows, parts)
        case ImageInput() as image:
            return step_pixels(model, image, rows, sensitivity)
    if parts is None:
        raise TypeError("a graph of texts is checked at its embedding: give its parts")
    return step_embeddings(parts, parts.embed(rows))


def _unstepped(taken: Input) -> list[str]:
    """Return the features of a table that are no numbers."""
    if not isinstance(taken, TableInput):
        return []
    return [feature.name for feature in taken.features if not isinstance(feature, Feature)]


def _fitted_units(expected: NDArray[np.float64], slopes: NDArray[np.float64], names: list[str]) -> NDArray[np.float64]:
    """Return for each column [C] the one unit that explains most rows: the median ratio, weighted by the slopes."""
    units = np.ones(len(names))
    for column, name in enumerate(names):
        ratio = expected[:, column] / np.where(slopes[:, column] == 0, np.nan, slopes[:, column])
        order = np.argsort(ratio)
        weights = np.abs(slopes[order, column]).cumsum()
        if weights[-1] > 0:
            units[column] = ratio[order][np.searchsorted(weights, weights[-1] / 2)]
        require(units[column] > 0, f"sensitivity runs against the margin's gradient for {name}")
    return units
