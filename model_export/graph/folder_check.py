"""`chainzrule verify`: a version folder checked against itself, without the network it came from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from model_export.errors import ExportError, VerificationError
from model_export.graph.onnx_writer import check_graph
from service.inference.model import Model, Scores
from service.manifest import MODEL_FILE, Manifest
from service.version_folder import read_manifest

_SMALLEST_OF_TWO, _SMALLEST = 1e-3, 1e-20
"""The runner-up's probability above which its logarithm says what the margin is, with two classes and with more.

Of two classes it may be a sigmoid, which onnxruntime computes to 6e-8, and no smaller than that. A softmax is right
to a few digits of its own size, until float32 runs out at 1e-38.
"""

_FEWEST_ROWS = 100
"""With so many calibration rows none of the usual half is in the tail of either half, where trust falls below 1."""

_STEP = 0.02
"""Of the finite differences, in training standard deviations; extrapolated, so its error is of fourth order."""


def check_folder(folder: Path) -> Iterator[str]:
    """Check a version folder and yield, for each property that holds or cannot be checked, a sentence that says so.

    Its derivatives are checked against finite differences of its own probabilities: a wrong derivative is found even
    where nothing but the folder is left.

    Raises:
        ServiceError: if the manifest or a file is not as it should be, or an output is not finite.
        ExportError: if the graph is not well-formed ONNX of standard operators.
        VerificationError: if its outputs contradict each other.
    """
    manifest = read_manifest(folder)
    yield "the manifest fits the schema and every file has the SHA-256 it states"
    check_graph(_load(folder))
    yield "the graph is standard ONNX, holds its own data and passes the strict checker"
    model = Model.load(folder, threads=1)
    yield f"onnxruntime {onnxruntime.__version__} loads it, inputs and outputs as the manifest says"
    rows = _rows(manifest)
    scores = model.score(rows)
    unchecked = _check_consistency(manifest, scores)
    yield "labels, probabilities, norms, distances, typicality and reliability agree with each other and the manifest"
    yield from unchecked
    _check_batches(model, rows, scores)
    yield "batches of 0, 1, 7 and 256 rows give the same answers"
    yield _check_gradient(model, rows, scores)


def _load(folder: Path) -> onnx.ModelProto:
    try:
        return onnx.load(folder / MODEL_FILE)
    except DecodeError as error:
        raise ExportError(f"{folder / MODEL_FILE} is not an ONNX model: {error}") from error


def _rows(manifest: Manifest) -> NDArray[np.float32]:
    """Return 256 rows about as far out as the training rows, some values missing where the manifest allows.

    Half of them lie nearer the middle, at any distance: where features hang together, independent ones make rows that
    are unlike any training row unless they are close to it.
    """
    generator = np.random.default_rng(0)
    features = manifest.table.features
    mean, example, deviation = np.array([(f.mean, f.example, f.standard_deviation) for f in features]).T
    standard = generator.normal(size=(256, len(features)))
    nearer = generator.uniform(size=(128, 1))
    rows = np.concatenate([mean + deviation * standard[:128], example + nearer * deviation * standard[128:]])
    rows = generator.permutation(rows)
    may_be_missing = np.array([feature.may_be_missing for feature in features])
    rows[(generator.random(rows.shape) < 0.1) & may_be_missing] = np.nan
    return rows.astype(np.float32)


def _require(condition: bool | np.bool_, complaint: str) -> None:
    if not condition:
        raise VerificationError(complaint)


def _check_consistency(manifest: Manifest, scores: Scores) -> list[str]:
    """Check what the outputs say of each other, each from the others and the manifest's figures.

    Returns:
        What could not be checked on these rows.
    """
    reference = manifest.reference
    probabilities = scores["probabilities"].astype(np.float64)
    largest = probabilities.max(1)
    _require(np.allclose(probabilities.sum(1), 1, atol=1e-5), "the probabilities of a row do not add up to 1")
    _require(
        np.allclose(probabilities[np.arange(len(probabilities)), scores["label"]], largest, atol=1e-5),
        "label is not the likeliest class",
    )
    norm, gradient = scores["jacobian_norm"], np.linalg.norm(scores["sensitivity"], axis=1)
    clear = _unsaturated(probabilities)
    distance = (_margin(manifest, probabilities, *_pair(probabilities)) / np.maximum(gradient, 1e-12))[clear]
    stated = scores["boundary_distance"][clear]
    # Of all rows of J: |J_y − J_r| ≤ √2 |J|, and the runner-up's boundary is not nearer than the nearest.
    one_row = manifest.jacobian == "margin"
    _require(
        np.allclose(norm, gradient, rtol=1e-4) if one_row else (gradient <= 1.4143 * norm + 1e-6).all(),
        "jacobian_norm is not that of sensitivity",
    )
    _require(
        np.allclose(stated, distance, rtol=1e-2, atol=1e-3) if one_row else (stated <= 1.01 * distance + 1e-3).all(),
        "boundary_distance is not margin over norm",
    )
    if not one_row or len(manifest.classes) == 2:
        ratio = norm / reference.jacobian_norm
        _require(np.allclose(scores["tail_ratio"], ratio, rtol=1e-4), "tail_ratio is not jacobian_norm over its mean")
    typicality = scores["typicality"].astype(np.float64)
    within = (typicality >= reference.smallest_typicality - 1e-6) & (typicality <= 1 + 1e-6)
    _require(within.all(), "typicality leaves the range that its calibration rows allow")
    intercept, slope, chance = reference.reliability_weights
    bounded = np.clip(largest, 1e-6, 1 - 1e-6)
    trusted = 1 / (1 + np.exp(-intercept - slope * np.log(bounded / (1 - bounded))))
    reliability = scores["reliability"].astype(np.float64)
    usual = (typicality > 0.5) & (reference.rows >= _FEWEST_ROWS)
    _require(
        np.allclose(reliability[usual], trusted[usual], atol=1e-3)
        and (reliability <= np.maximum(trusted, chance) + 1e-3).all()
        and (reliability >= np.minimum(trusted, chance) - 1e-3).all(),
        "reliability is not what the manifest's weights make of it",
    )
    unchecked = []
    if not clear.any():
        unchecked.append("boundary_distance could not be checked: every row's probabilities are saturated")
    if not usual.any():
        unchecked.append("reliability could be checked for its range alone: no row is sure to be usual")
    return unchecked


def _check_batches(model: Model, rows: NDArray[np.float32], scores: Scores) -> None:
    for size in (0, 1, 7):
        part = model.score(rows[:size])
        for name, values in part.items():
            same = values.shape == scores[name][:size].shape and np.allclose(
                values, scores[name][:size], rtol=1e-4, atol=1e-5
            )
            _require(same, f"{name} of a batch of {size} is not that of the same rows in a larger one")


def _check_gradient(model: Model, rows: NDArray[np.float32], scores: Scores) -> str:
    """Compare `sensitivity` with central differences, Richardson-extrapolated; return what was found."""
    probabilities = scores["probabilities"].astype(np.float64)
    label, runner_up = _pair(probabilities)
    clear = np.flatnonzero(_unsaturated(probabilities) & ~np.isnan(rows).any(1))[:64]
    if len(clear) == 0:
        return "sensitivity could not be checked: every row's probabilities are saturated, or it lacks a value"
    base, pair = rows[clear], (label[clear], runner_up[clear])
    expected = scores["sensitivity"][clear].astype(np.float64)
    coarse, fine = (_gradient(model, base, step, pair) for step in (_STEP, _STEP / 2))
    norm = np.linalg.norm(expected, axis=1, keepdims=True)
    error = np.abs((4 * fine - coarse) / 3 - expected) / norm
    # Not in every row: a step may cross a kink of a piecewise-linear network.
    right = (error < 1e-2).mean(0)
    column = int(right.argmin())
    _require(
        right[column] > 0.8,
        f"sensitivity is not the gradient of the margin: for {model.manifest.table.names[column]} it is off by "
        f"{np.median(error[:, column]):.1e}",
    )
    return f"sensitivity is the gradient of the margin: finite differences agree to {np.median(error):.1e}"


def _gradient(
    model: Model, rows: NDArray[np.float32], step: float, pair: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> NDArray[np.float64]:
    """Return the margin's gradient [N, features] by central differences, per standard deviation."""
    columns = []
    for column, feature in enumerate(model.manifest.table.features):
        higher, lower = rows.copy(), rows.copy()
        higher[:, column] += np.float32(step * feature.standard_deviation)
        lower[:, column] -= np.float32(step * feature.standard_deviation)
        rise = [
            _margin(model.manifest, model.score(side)["probabilities"].astype(np.float64), *pair)
            for side in (higher, lower)
        ]
        # The step that float32 took, not the one that was asked for.
        run = (higher[:, column].astype(np.float64) - lower[:, column]) / feature.standard_deviation
        columns.append((rise[0] - rise[1]) / run)
    return np.stack(columns, axis=1)


def _pair(probabilities: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argsort(-probabilities, axis=1, kind="stable")
    return order[:, 0], order[:, 1]


def _unsaturated(probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each row [N] whether its margin can be recovered from its probabilities [N, K]."""
    smallest = _SMALLEST_OF_TWO if probabilities.shape[1] == 2 else _SMALLEST
    clear: NDArray[np.bool_] = np.sort(probabilities, axis=1)[:, -2] > smallest
    return clear


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
