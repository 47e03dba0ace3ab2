"""One version's answers held against the truth, row by row."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.inference.model import Scores
from service.manifest import Manifest

Floats = NDArray[np.float64]


class Judged(NamedTuple):
    """Of each row [N]."""

    right: NDArray[np.bool_]
    """whether the label is the true one; of a number, whether it is within the version's tolerance"""
    brier: Floats
    """squared error of the probabilities (Brier, 1950), 0 to 2; of a number that of the score, 0 to 1"""
    score: Floats
    """the reliability"""
    typicality: Floats
    tail_ratio: Floats

    said: NDArray[np.object_]
    """the label's name, or the number"""
    error: Floats
    """how many levels off, where the classes are levels; the number's absolute error"""
    inside: Floats
    """1 where a number's interval holds the truth, else 0"""
    width: Floats
    """of that interval"""


def judge_classes(scores: Scores, truth: NDArray[np.object_], manifest: Manifest) -> Judged:
    """Return a version's answers to rows of known class; one that it does not know is always answered wrongly.

    Args:
        scores: its outputs.
        truth: the classes' names [N].
        manifest: the version's.
    """
    names = np.array(manifest.classes, dtype=object)
    codes = {name: code for code, name in enumerate(manifest.classes)}
    true = np.array([codes.get(name, -1) for name in truth], dtype=np.int64)
    said = scores["label"]
    known = true >= 0
    probabilities = scores["probabilities"].astype(np.float64)
    # Σ (p − y)² = Σ p² − 2 p_true + 1, where a class that the version lacks had no probability.
    of_truth = np.where(known, probabilities[np.arange(len(true)), np.maximum(true, 0)], 0.0)
    brier = (probabilities**2).sum(1) - 2 * of_truth + 1
    nothing = np.zeros(len(true))
    return _judged(scores, said == true, brier)._replace(
        said=names[said], error=np.abs(said - true).astype(np.float64), inside=nothing, width=nothing
    )


def judge_numbers(scores: Scores, truth: Floats, manifest: Manifest) -> Judged:
    """Return a version's answers to rows of a known number [N]."""
    value, lower, upper = (scores[name].astype(np.float64) for name in ("value", "lower", "upper"))
    error = np.abs(value - truth)
    right = error <= manifest.predicted.tolerance
    brier = (scores["reliability"].astype(np.float64) - right) ** 2
    return _judged(scores, right, brier)._replace(
        said=scores["value"].astype(object),
        error=error,
        inside=((lower <= truth) & (truth <= upper)).astype(np.float64),
        width=upper - lower,
    )


def _judged(scores: Scores, right: NDArray[np.bool_], brier: Floats) -> Judged:
    score, typicality, tail_ratio = (
        scores[name].astype(np.float64) for name in ("reliability", "typicality", "tail_ratio")
    )
    return Judged(right, brier, score, typicality, tail_ratio, np.empty(0, object), *[np.empty(0)] * 3)
