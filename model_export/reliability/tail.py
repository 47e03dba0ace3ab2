"""How far beyond its calibration rows a distance lies, where ranks no longer tell."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SHARE = 0.1
"""Of the calibration rows in the tail."""


class TailScale(nn.Module):
    """The tail probability of a distance, continued beyond the calibration rows by an exponential tail.

    Peaks over threshold (Balkema and de Haan, 1974; Pickands, 1975) with shape 0: above the 90 % quantile the excess
    falls off with its mean as scale. Unlike a conformal p-value it promises nothing, and unlike it it goes on falling:
    it tells far from very far with few calibration rows.

    Args:
        start: the 90 % quantile.
        excess: the mean excess above it.
    """

    bounds: Tensor

    def __init__(self, start: float, excess: float) -> None:
        super().__init__()
        self.register_buffer("bounds", torch.tensor([start, excess], dtype=torch.float64))

    @classmethod
    def fit(cls, distances: NDArray[np.float64]) -> Self:
        """Return the scale of held-out calibration distances [n]."""
        start = float(np.quantile(distances, 1 - SHARE))
        excess = distances[distances > start] - start
        return cls(start, max(float(excess.mean()) if len(excess) else 0.0, 1e-3 * max(start, 1e-30)))

    def forward(self, distance: Tensor) -> Tensor:
        """Return the logarithm [N] of the tail probability, at most log(0.1), of distances [N]."""
        start, excess = self.bounds.unbind(0)
        return float(np.log(SHARE)) - torch.relu(distance - start) / excess
