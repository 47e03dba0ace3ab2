"""`chainzrule verify`: a version folder checked against itself, without the network it came from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from model_export.errors import VerificationError
from model_export.graph.onnx_writer import check_graph
from service.inference.model import Model, Scores
from service.manifest import MODEL_FILE, Manifest, read_manifest

_STEP = 0.1
"""Of the finite differences, in training standard deviations; extrapolated, so its error is of fourth order."""


def check_folder(folder: Path) -> Iterator[str]:
    """Check a version folder and yield, for each property that holds, a sentence that says so.

    Its derivatives are checked against finite differences of its own probabilities: a wrong derivative is found even
    where nothing but the folder is left.

    Raises:
        InvalidModelError: if the manifest or a file is not as it should be.
        ExportError: if the graph is not well-formed ONNX of standard operators.
        VerificationError: if its outputs contradict each other.

    """
    manifest = read_manifest(folder)
    yield "the manifest fits the schema and every file has the SHA-256 it states"
    check_graph(onnx.load(folder / MODEL_FILE))
    yield "the graph is standard ONNX, holds its own data and passes the strict checker"
    model = Model.load(folder, threads=1)
    yield f"onnxruntime {onnxruntime.__version__} loads it, inputs and outputs as the manifest says"
    rows = _rows(manifest)
    scores = model.score(rows)
    _check_consistency(manifest, scores)
    yield "labels, probabilities, norms and distances agree with each other"
    _check_batches(model, rows, scores)
    yield "batches of 0, 1, 7 and 256 rows give the same answers"
    error = _check_gradient(model, rows, scores)
    yield f"sensitivity is the gradient of the margin: finite differences agree to {error:.1e}"


def _rows(manifest: Manifest) -> NDArray[np.float32]:
    """Return 256 rows like the training rows, some values missing where the manifest allows."""
    generator = np.random.default_rng(0)
    features = manifest.input.features
    mean = np.array([feature.mean for feature in features])
    deviation = np.array([feature.standard_deviation for feature in features])
    rows = mean + deviation * generator.normal(size=(256, len(features)))
    may_be_missing = np.array([feature.may_be_missing for feature in features])
    rows[(generator.random(rows.shape) < 0.1) & may_be_missing] = np.nan
    return rows.astype(np.float32)


def _require(condition: bool | np.bool_, complaint: str) -> None:
    if not condition:
        raise VerificationError(complaint)


def _check_consistency(manifest: Manifest, scores: Scores) -> None:
    probabilities = scores["probabilities"].astype(np.float64)
    _require(np.allclose(probabilities.sum(1), 1, atol=1e-5), "the probabilities of a row do not add up to 1")
    _require((probabilities.argmax(1) == scores["label"]).mean() > 0.99, "label is not the likeliest class")
    for name in ("typicality", "reliability"):
        within = (scores[name] >= 0) & (scores[name] <= 1 + 1e-6)
        _require(within.all(), f"{name} leaves [0, 1]")
    if manifest.jacobian == "margin":
        norm = np.linalg.norm(scores["sensitivity"], axis=1)
        _require(np.allclose(norm, scores["jacobian_norm"], rtol=1e-4), "jacobian_norm is not that of sensitivity")
        margin = _margin(manifest, probabilities, *_pair(probabilities))
        implied = scores["boundary_distance"] * norm
        _require(np.allclose(margin, implied, rtol=1e-2, atol=1e-3), "boundary_distance is not margin over norm")


def _check_batches(model: Model, rows: NDArray[np.float32], scores: Scores) -> None:
    for size in (0, 1, 7):
        part = model.score(rows[:size])
        for name, values in part.items():
            same = values.shape == scores[name][:size].shape and np.allclose(
                values, scores[name][:size], rtol=1e-4, atol=1e-5
            )
            _require(same, f"{name} of a batch of {size} is not that of the same rows in a larger one")


def _check_gradient(model: Model, rows: NDArray[np.float32], scores: Scores) -> float:
    """Compare `sensitivity` with central differences, Richardson-extrapolated; return the largest relative error."""
    probabilities = scores["probabilities"].astype(np.float64)
    label, runner_up = _pair(probabilities)
    unsaturated = np.take_along_axis(probabilities, runner_up[:, None], 1)[:, 0] > 1e-3
    clear = np.flatnonzero(unsaturated & ~np.isnan(rows).any(1))[:64]
    _require(len(clear) > 0, "every row's probabilities are saturated: the gradient cannot be checked")
    base, pair = rows[clear], (label[clear], runner_up[clear])
    expected = scores["sensitivity"][clear].astype(np.float64)
    gradient = np.zeros_like(expected)
    for column, feature in enumerate(model.manifest.input.features):
        slopes = [_slope(model, base, column, step * feature.standard_deviation, pair) for step in (_STEP, _STEP / 2)]
        gradient[:, column] = (4 * slopes[1] - slopes[0]) / 3 * feature.standard_deviation
    error = np.abs(gradient - expected).max(1) / np.linalg.norm(expected, axis=1)
    _require(error.max() < 1e-2, f"sensitivity is not the gradient of the margin: off by {error.max():.1e}")
    return float(error.max())


def _slope(
    model: Model,
    rows: NDArray[np.float32],
    column: int,
    step: float,
    pair: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.float64]:
    higher, lower = rows.copy(), rows.copy()
    higher[:, column] += np.float32(step)
    lower[:, column] -= np.float32(step)
    rise = [
        _margin(model.manifest, model.score(side)["probabilities"].astype(np.float64), *pair)
        for side in (higher, lower)
    ]
    slope: NDArray[np.float64] = (rise[0] - rise[1]) / (higher[:, column].astype(np.float64) - lower[:, column])
    return slope


def _pair(probabilities: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argsort(-probabilities, axis=1, kind="stable")
    return order[:, 0], order[:, 1]


def _margin(
    manifest: Manifest,
    probabilities: NDArray[np.float64],
    label: NDArray[np.int64],
    runner_up: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return f_label − f_runner-up, recovered from the probabilities and the temperature."""
    logs = manifest.reference.temperature * np.log(np.maximum(probabilities, 1e-30))
    index = np.arange(len(logs))
    margin: NDArray[np.float64] = logs[index, label] - logs[index, runner_up]
    return margin
