"""What a model's levels say of its answers."""

import numpy as np
from numpy.typing import NDArray

from service.manifest import OutOfDistribution, Thresholds

ADVICE = ("reject", "review", "accept")
"""In the order of rising reliability."""


def advise(reliability: NDArray[np.float32], thresholds: Thresholds) -> NDArray[np.int64]:
    """Return indices in `ADVICE` [N]: of accept at or above the level `review`, of review at or above `reject`.

    A level that is null is one that no row can meet, and a reliability that is NaN meets none.
    """
    accept = np.inf if thresholds.review.score is None else thresholds.review.score
    look = np.inf if thresholds.reject.score is None else thresholds.reject.score
    # In the scores' own precision, so that a row at a level meets it.
    accept, look = np.array([accept, look], dtype=reliability.dtype)
    return np.where(reliability >= accept, 2, reliability >= look)


def strange(typicality: NDArray[np.float32], level: OutOfDistribution) -> NDArray[np.bool_]:
    """Return for each row [N] whether its typicality is at or below the level for out of distribution, or NaN."""
    usual: NDArray[np.bool_] = typicality > level.typicality
    return ~usual
