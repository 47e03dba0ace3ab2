"""How far beyond its calibration rows a distance lies, where ranks no longer tell."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SHARE = 0.1
"""Of the calibration rows in either tail."""


class TailScale(nn.Module):
    """The two-sided tail probability of a distance, continued beyond the calibration rows by exponential tails.

    Peaks over threshold (Balkema and de Haan, 1974; Pickands, 1975) with shape 0: above the 90 % quantile the excess
    falls off with its mean as scale, and below the 10 % quantile likewise. Unlike a conformal p-value it promises
    nothing, and unlike it it goes on falling: it tells far from very far with few calibration rows.

    Args:
        low: the 10 % quantile, and the mean deficit below it.
        high: the 90 % quantile, and the mean excess above it.
    """

    bounds: Tensor

    def __init__(self, low: tuple[float, float], high: tuple[float, float]) -> None:
        super().__init__()
        self.register_buffer("bounds", torch.tensor([*low, *high], dtype=torch.float64))

    @classmethod
    def fit(cls, distances: NDArray[np.float64]) -> Self:
        """Return the scale of held-out calibration distances [n]."""
        low, high = np.quantile(distances, [SHARE, 1 - SHARE])
        smallest = 1e-3 * max(float(high), 1e-30)
        deficit, excess = low - distances[distances < low], distances[distances > high] - high
        return cls(
            (float(low), max(float(deficit.mean()) if len(deficit) else 0.0, smallest)),
            (float(high), max(float(excess.mean()) if len(excess) else 0.0, smallest)),
        )

    def forward(self, distance: Tensor) -> Tensor:
        """Return the logarithm [N] of the tail probability, at most log(0.2), of distances [N]."""
        low, deficit, high, excess = self.bounds.unbind(0)
        beyond = torch.relu(low - distance) / deficit + torch.relu(distance - high) / excess
        return float(np.log(2 * SHARE)) - beyond
