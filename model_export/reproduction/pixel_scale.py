"""Images as the standardised rows that dense networks take."""

from typing import NamedTuple, Self

import torch
from torch import Tensor

from model_export.reproduction.stack import Part
from model_export.training.images import Images
from model_export.training.standardiser import PixelStandardiser


class PixelScale(NamedTuple):
    """The mean and deviation of each channel over training images, repeated for every pixel: [n_0], of 0 … 1."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def fit(cls, training: Images) -> Self:
        """Return the scale of training images."""
        _, height, width, _ = training.pixels.shape
        fitted = PixelStandardiser.fit(training.pixels)
        mean, deviation = ((of / 255).float().repeat(height * width) for of in (fitted.mean, fitted.deviation))
        return cls(mean, deviation)

    def standardise(self, pixels: Tensor) -> Tensor:
        """Return pixels from 0 to 1 [N, n_0] standardised."""
        return (pixels - self.mean) / self.deviation

    def part(self, images: Images) -> Part:
        """Return images as rows to train and to measure with."""
        return Part(self.standardise(shares(images)), torch.from_numpy(images.labels))


def shares(images: Images) -> Tensor:
    """Return the pixels from 0 to 1, float32 [N, height · width · channels]."""
    return torch.from_numpy(images.pixels).flatten(1).float() / 255
