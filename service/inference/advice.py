"""What a model's levels say of its answers."""

import numpy as np
from numpy.typing import NDArray

from service.manifest import OutOfDistribution, Thresholds

ADVICE = ("reject", "review", "accept")
"""In the order of rising reliability."""


class Adviser:
    """Advises by a model's levels.

    Args:
        thresholds: the levels; one that is null is one that no row can meet.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        levels = (np.inf if level.score is None else level.score for level in (thresholds.review, thresholds.reject))
        # In the scores' own precision, so that a row at a level meets it.
        self._accept, self._review = np.array([*levels], np.float32)
        self._review = min(self._review, self._accept)

    def __call__(self, reliability: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return indices in `ADVICE` [N]: of accept at or above the level `review`, of review at or above `reject`.

        A reliability that is NaN meets no level.
        """
        advice: NDArray[np.int8] = np.add(reliability >= self._review, reliability >= self._accept, dtype=np.int8)
        return advice


def strange(typicality: NDArray[np.float32], level: OutOfDistribution) -> NDArray[np.bool_]:
    """Return for each row [N] whether its typicality is at or below the level for out of distribution, or NaN."""
    usual: NDArray[np.bool_] = typicality > level.typicality
    return ~usual
