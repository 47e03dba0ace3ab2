"""What the outputs of a graph say of each other, each from the others and the manifest's figures."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from model_export.graph.boundary import Boundary, likeliest, shares_above
from model_export.graph.finding import Finding, require
from model_export.graph.regression.consistency import check_regression_consistency
from model_export.graph.trust_check import check_trust, check_typicality
from service.inference.model import Scores
from service.manifest import Manifest

_ROUNDING = 1e-5
"""Of probabilities: what is nearer to a tie than this may fall either way."""


def check_consistency(manifest: Manifest, scores: Scores) -> Iterator[Finding]:
    """Check what `scores`, a graph's outputs for any rows, say of each other.

    Yields:
        That they agree, and what could not be checked on these rows.

    Raises:
        VerificationError: naming the output that contradicts the others.
    """
    if manifest.task == "regression":
        yield from check_regression_consistency(manifest, scores)
        return
    probabilities = scores["probabilities"].astype(np.float64)
    require(np.allclose(probabilities.sum(1), 1, atol=1e-5), "the probabilities of a row do not add up to 1")
    _check_label(manifest, scores, probabilities)
    unchecked = list(_check_distance(manifest, scores, probabilities))
    _check_tail_ratio(manifest, scores, probabilities)
    unchecked += _check_reliability(manifest, scores, probabilities)
    yield Finding(
        "labels, probabilities, norms, distances, typicality and reliability agree with each other and the manifest"
    )
    yield from unchecked


def _check_label(manifest: Manifest, scores: Scores, probabilities: NDArray[np.float64]) -> None:
    label = scores["label"]
    if manifest.task == "ordinal":
        above = shares_above(probabilities)
        fewest, most = ((above > 0.5 + side * _ROUNDING).sum(1) for side in (1, -1))
        require(((label >= fewest) & (label <= most)).all(), "label is not the median level")
        levels = probabilities @ np.arange(probabilities.shape[1])
        require(
            np.allclose(scores["expected_level"], levels, rtol=1e-5, atol=1e-5),
            "expected_level is not the mean of the distribution over levels",
        )
        return
    certainty = probabilities[np.arange(len(label)), label]
    require(np.allclose(certainty, probabilities.max(1), atol=_ROUNDING), "label is not the likeliest class")


def _has_one_row(manifest: Manifest) -> bool:
    """Return whether ‖J‖ is the norm of `sensitivity`, and not of all logits' gradients."""
    return manifest.jacobian == "margin" or manifest.task == "ordinal"


def _check_distance(manifest: Manifest, scores: Scores, probabilities: NDArray[np.float64]) -> Iterator[Finding]:
    boundary = Boundary.nearest(manifest, probabilities)
    norm = scores["jacobian_norm"]
    gradient = np.linalg.norm(scores["sensitivity"].reshape(len(norm), -1), axis=1)
    clear = boundary.clear(probabilities)
    distance = (np.abs(boundary.margin(probabilities)) / np.maximum(gradient, 1e-12))[clear]
    stated = scores["boundary_distance"][clear]
    # Of all rows of J: |J_y − J_r| ≤ √2 |J|, and the runner-up's boundary is not nearer than the nearest.
    one_row = _has_one_row(manifest)
    require(
        np.allclose(norm, gradient, rtol=1e-4) if one_row else (gradient <= 1.4143 * norm + 1e-6).all(),
        "jacobian_norm is not that of sensitivity",
    )
    require(
        np.allclose(stated, distance, rtol=1e-2, atol=1e-3) if one_row else (stated <= 1.01 * distance + 1e-3).all(),
        "boundary_distance is not margin over norm",
    )
    if not clear.any():
        yield Finding("boundary_distance could not be checked: every row's probabilities are saturated", checked=False)


def _check_tail_ratio(manifest: Manifest, scores: Scores, probabilities: NDArray[np.float64]) -> None:
    norm, ratio = scores["jacobian_norm"], scores["tail_ratio"]
    classes = len(manifest.classes)
    if manifest.task == "ordinal" or manifest.jacobian == "full" or classes == 2:
        agrees = np.allclose(ratio, norm / manifest.reference.jacobian_norm, rtol=1e-4)
        require(agrees, "tail_ratio is not jacobian_norm over its mean")
        return
    # Each pair of classes has a mean of its own, which the manifest does not state; it must be one for all its rows.
    label, runner_up = likeliest(probabilities)
    second, third = np.sort(probabilities, axis=1)[:, [-2, -3]].T
    sure = (second > 1.001 * third) & (ratio > 0)
    pair = np.minimum(label, runner_up) * classes + np.maximum(label, runner_up)
    for number in np.unique(pair[sure]):
        means = (norm / np.maximum(ratio, 1e-30))[sure & (pair == number)]
        first, other = (manifest.classes[index] for index in divmod(int(number), classes))
        require(
            np.allclose(means, np.median(means), rtol=1e-3),
            f"tail_ratio is not jacobian_norm over one mean for all rows between {first} and {other}",
        )


def _check_reliability(manifest: Manifest, scores: Scores, probabilities: NDArray[np.float64]) -> Iterator[Finding]:
    check_typicality(manifest.reference, scores)
    certainty = np.clip(probabilities[np.arange(len(probabilities)), scores["label"]], 1e-6, 1 - 1e-6)
    return check_trust(manifest.reference, scores, np.log(certainty / (1 - certainty)))
