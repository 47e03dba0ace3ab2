"""The Jacobian's signature of a row, and how far it lies from the signatures of the training rows."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model_export.errors import DataError
from model_export.reliability.distances import DegenerateError, HalvesDistance, RelativeDistance

_SMALLEST_SPREAD = 1e-4
"""Smaller spreads of a whitened distance are float32's rounding, and must not be magnified."""


class Signature(nn.Module):
    """How strange a row's derivatives are, from 0: the largest of three departures from the training rows.

    *Which* derivatives moved says where a row lies, while ‖J‖ hardly does. The first layer's derivatives d_1 say
    whether it lies where the training rows do (`HalvesDistance`, either way: shrunken inputs sit unusually close to
    the centre); the last hidden layer's d_{L-1} whether it is like any class (`RelativeDistance`, large alone). A
    departure is the distance from its training median, in units of that of the 90 % quantile or, below the median, of
    the 10 % quantile. All is fixed by training rows, so its rank among calibration rows is a conformal p-value.

    Args:
        first: of the first layer.
        last: of the last hidden layer.
        middle: the three medians [3].
        above: 1 / (90 % quantile − median) [3].
        below: 1 / (10 % quantile − median) [3], 0 where nothing is too small.
    """

    middle: Tensor
    above: Tensor
    below: Tensor

    def __init__(
        self, first: HalvesDistance, last: RelativeDistance, middle: Tensor, above: Tensor, below: Tensor
    ) -> None:
        super().__init__()
        self.first = first
        self.last = last
        self.register_buffer("middle", middle)
        self.register_buffer("above", above)
        self.register_buffer("below", below)

    @classmethod
    def fit(cls, derivatives: Sequence[Tensor], labels: NDArray[np.int64]) -> Self:
        """Return the signature fitted to the training rows' d_1 … d_{L-1} [N, n_l] and the labels [N] they are given.

        Raises:
            DataError: if the derivative is the same in every row, as it is in a linear network.
        """
        try:
            first = HalvesDistance.fit(derivatives[0].numpy())
        except DegenerateError:
            raise DataError(
                "the first layer's derivative is the same in every training row, so it has no signature"
            ) from None
        last = RelativeDistance.fit(derivatives[-1].numpy(), labels)
        distances = torch.cat([first(derivatives[0]), last(derivatives[-1])], 1).numpy()
        low, middle, high = np.quantile(distances, [0.1, 0.5, 0.9], axis=0)
        smallest = _SMALLEST_SPREAD * np.maximum(1, np.abs(middle))
        above, below = 1 / np.maximum(high - middle, smallest), -1 / np.maximum(middle - low, smallest)
        below[2] = 0
        return cls(first, last, torch.from_numpy(middle), torch.from_numpy(above), torch.from_numpy(below))

    def forward(self, derivatives: Sequence[Tensor]) -> Tensor:
        """Return the strangeness [N] of d_1 … d_{L-1} [N, n_l]; above 1 on at most half of the training rows."""
        beyond = torch.cat([self.first(derivatives[0]), self.last(derivatives[-1])], 1) - self.middle
        strangeness: Tensor = torch.maximum(beyond * self.above, beyond * self.below).amax(1)
        return strangeness
