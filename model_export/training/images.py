"""Labelled images, and refusing what cannot be learned from."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from model_export.errors import DataError


@dataclass(frozen=True)
class Images:
    """Images and their classes, index for index.

    Args:
        pixels: uint8 [N, height, width, channels], 1 channel (grey) or 3 (red, green, blue).
        labels: int64 [N], indices of classes.

    Raises:
        DataError: if they have other types or shapes, there are none, or a label is negative.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        pixels, labels = self.pixels, self.labels
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] not in {1, 3} or 0 in pixels.shape:
            raise DataError(
                f"the images are {pixels.dtype} of shape {list(pixels.shape)}: give at least one, as whole numbers "
                "0 to 255 (uint8) [images, height, width, channels] with 1 or 3 channels"
            )
        if labels.dtype != np.int64 or labels.shape != (len(pixels),):
            raise DataError(
                f"the labels are {labels.dtype} of shape {list(labels.shape)}: give the class of each of the "
                f"{len(pixels)} images as an int64"
            )
        if labels.min() < 0:
            raise DataError(f"the label of image {labels.argmin()} is {labels.min()}: classes are counted from 0")

    def __len__(self) -> int:
        return len(self.labels)

    def pick(self, rows: NDArray[np.int64]) -> Self:
        """Return the images of these indices, in their order."""
        return type(self)(self.pixels[rows], self.labels[rows])

    def hold_out(self, share: float, seed: int) -> tuple[Self, Self]:
        """Return the rest, and a share of the images, stratified by class.

        Raises:
            DataError: if a class has too few images to be in both.
        """
        try:
            rest, held_out = train_test_split(
                np.arange(len(self)), test_size=share, stratify=self.labels, random_state=seed
            )
        except ValueError as error:
            raise DataError(f"no {100 * share:g} % of the {len(self)} images can be held out: {error}") from error
        return self.pick(rest), self.pick(held_out)
