"""Filling and standardising raw features, inside the network's graph."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CLAMP = 10.0
"""Beyond this many standard deviations a feature counts as this many: a polynomial must not meet 10^30."""


class Standardiser(nn.Module):
    """s = clamp((x − mean) / deviation), with the mean in the place of a missing (NaN) value.

    The clamp is there because a cubic grows without bound where it was never trained; it is wide enough never to
    touch a training row. A constant feature has no deviation; 1 stands in for it.

    Args:
        mean: [n_0], of the training rows' known values.
        deviation: [n_0], likewise, all positive.
        clamp: the largest |s|.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, clamp: float = CLAMP) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.clamp = clamp

    @classmethod
    def fit(cls, table: NDArray[np.float64]) -> Self:
        """Return the standardiser of a table [N, n_0] in which NaN marks a missing value."""
        mean, deviation = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
        deviation[np.nanmin(table, axis=0) == np.nanmax(table, axis=0)] = 1.0
        largest = float(np.nanmax(np.abs((table - mean) / deviation)))
        return cls(torch.from_numpy(mean), torch.from_numpy(deviation), max(CLAMP, 1.5 * largest))

    def forward(self, x: Tensor) -> Tensor:
        """Return the standardised rows [N, n_0] of raw rows x [N, n_0]."""
        known = torch.where(torch.isnan(x), self.mean, x)
        return torch.clamp((known - self.mean) / self.deviation, -self.clamp, self.clamp)
