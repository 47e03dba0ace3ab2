"""What a model's levels say of its answers."""

import numpy as np
from numpy.typing import NDArray

from service.manifest import OutOfDistribution, Thresholds

ADVICE = ("reject", "review", "accept")
"""In the order of rising reliability."""


def advise(reliability: NDArray[np.float32], thresholds: Thresholds) -> list[str]:
    """Return for each row [N] "accept" (at or above the level `review`), "review" (at or above `reject`) or "reject".

    A level that is null is one that no row can meet.
    """
    accept = np.inf if thresholds.review.score is None else thresholds.review.score
    look = np.inf if thresholds.reject.score is None else thresholds.reject.score
    levels = np.array([min(look, accept), accept], dtype=reliability.dtype)
    return [ADVICE[index] for index in levels.searchsorted(reliability, side="right").tolist()]


def strange(typicality: NDArray[np.float32], level: OutOfDistribution) -> NDArray[np.bool_]:
    """Return for each row [N] whether its typicality is at or below the level for out of distribution."""
    return typicality <= level.typicality
