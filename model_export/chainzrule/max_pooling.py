"""The largest value of each window."""

from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import conv_transpose2d, pad

from model_export.chainzrule.convolution import over_rows
from model_export.chainzrule.layer import Factors, Layer
from model_export.chainzrule.windows import Windows

_NOTHING = -1e30
"""Stands around the image; smaller than any value, and finite, for 0 times infinity is none."""


class MaxPool(Layer):
    """The maxima over windows of images [N, channels, height, width], and the places that they were taken from.

    The derivative is 1 at the first place of each window that holds its maximum, as autograd has it, and 0 elsewhere.
    Its record is 1 or 0 for each tap of each window, [N, channels, taps, places down, places across].

    Args:
        channels: of the images.
        windows: where they lie.
    """

    kernel: Tensor

    def __init__(self, channels: int, windows: Windows) -> None:
        super().__init__()
        self.channels, self.windows = channels, windows
        height, width = windows.kernel
        count = height * width
        # One kernel a tap, which holds a 1 there.
        one_each = torch.eye(count).reshape(count, 1, height, width)
        self.register_buffer("kernel", one_each.repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maxima, and which tap each is."""
        (top, left), (height, width) = self.windows.padding, self.windows.kernel
        if top or left:
            x = pad(x, (left, left, top, top), value=_NOTHING)
        candidates = [self._seen(x, *tap) for tap in product(range(height), range(width))]
        largest = torch.stack(candidates, 2).amax(2)
        free, chosen = torch.ones_like(largest), []
        for candidate in candidates:
            chosen.append(free * (candidate == largest))
            free = free - chosen[-1]
        return largest, torch.stack(chosen, 2)

    def pullback(self, cotangent: Tensor, record: Tensor) -> Tensor:
        """Return u at the places that the maxima were taken from; where windows overlap, the sum."""
        return over_rows(self._put_back, (cotangent.unsqueeze(-3) * record).flatten(-4, -3))

    def factors(self, _record: Tensor) -> tuple[Factors, ...]:
        """Return nothing: there is nothing to penalise."""
        return ()

    def derivatives(self, _record: Tensor) -> tuple[Tensor, ...]:
        """Return nothing: there is no activation."""
        return ()

    def _seen(self, x: Tensor, down: int, across: int) -> Tensor:
        """Return what one tap of each window sees, [N, channels, places down, places across]."""
        windows = self.windows
        (rows, columns), (step_down, step_across) = windows.places, windows.stride
        top, left = down * windows.dilation[0], across * windows.dilation[1]
        bottom, right = top + step_down * (rows - 1) + 1, left + step_across * (columns - 1) + 1
        return x[:, :, top:bottom:step_down, left:right:step_across]

    def _put_back(self, taps: Tensor) -> Tensor:
        windows = self.windows
        return conv_transpose2d(
            taps, self.kernel, None, windows.stride, windows.padding, windows.rest, self.channels, windows.dilation
        )

    def __str__(self) -> str:
        return f"max pool {self.windows}"
