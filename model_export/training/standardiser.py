"""Filling and standardising what clients send, inside the network's graph."""

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CLAMP = 10.0
"""Beyond this many standard deviations a feature counts as this many: a polynomial must not meet 10^30."""


class InputStandardiser(nn.Module, ABC):
    """From what clients send to what a network takes, in units of training standard deviations."""

    mean: Tensor
    deviation: Tensor

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return raw rows x [N, …] standardised, arranged as the network takes them."""

    @abstractmethod
    def gradient(self, gradient: Tensor) -> Tensor:
        """Return a gradient by standardised rows, arranged as the raw rows are; its units stay."""

    @abstractmethod
    def example(self, rows: int) -> Tensor:
        """Return so many raw rows of the right type and shape."""

    def unseen(self, _x: Tensor) -> Tensor | None:
        """Return which rows [N] have a value of which training knows nothing; None where there can be none."""
        return None


class Standardiser(InputStandardiser):
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

    def gradient(self, gradient: Tensor) -> Tensor:
        """Return the gradient [N, n_0] as it is."""
        return gradient

    def example(self, rows: int) -> Tensor:
        """Return rows of zeros."""
        return torch.zeros(rows, len(self.mean))

    def rows(self, standard: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the raw rows [N, n_0] that are so many deviations from the mean."""
        made: NDArray[np.float64] = self.mean.numpy() + self.deviation.numpy() * standard
        return made


class PixelStandardiser(InputStandardiser):
    """s = (x − mean) / deviation per channel, of images [N, height, width, channels] of bytes.

    There is no clamp: a byte cannot be far outside.

    Args:
        mean: [channels], of the training images' values 0 to 255.
        deviation: [channels], likewise, all positive.
        size: height and width of the images.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, size: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.size = size

    @classmethod
    def fit(cls, images: NDArray[np.uint8]) -> Self:
        """Return the standardiser of training images [N, height, width, channels]."""
        counts = [np.bincount(images[..., channel].ravel(), minlength=256) for channel in range(images.shape[3])]
        values, shares = np.arange(256.0), np.array(counts) / counts[0].sum()
        mean = shares @ values
        deviation = np.sqrt((shares * (values - mean[:, None]) ** 2).sum(1))
        deviation[deviation == 0] = 1.0
        return cls(torch.from_numpy(mean), torch.from_numpy(deviation), (images.shape[1], images.shape[2]))

    def forward(self, x: Tensor) -> Tensor:
        """Return images x [N, height, width, channels] standardised, [N, channels, height, width]."""
        return ((x.to(self.mean.dtype) - self.mean) / self.deviation).permute(0, 3, 1, 2)

    def gradient(self, gradient: Tensor) -> Tensor:
        """Return a gradient [N, channels, height, width] as [N, height, width, channels]."""
        return gradient.permute(0, 2, 3, 1)

    def example(self, rows: int) -> Tensor:
        """Return black images."""
        return torch.zeros(rows, *self.size, len(self.mean), dtype=torch.uint8)
