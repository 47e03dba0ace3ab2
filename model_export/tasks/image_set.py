"""A public set of labelled images, as its publisher split it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.errors import DataError
from model_export.training.images import Images


@dataclass(frozen=True)
class ImageSet:
    """Training and test images.

    Args:
        training: to train, to stop and to calibrate by.
        test: the publisher's test set, which no choice is made by.
        extent: how much of the data set they are, as the manifest says it.
    """

    training: Images
    test: Images
    extent: str


def gather(
    pictures: Iterable[Any], labels: Iterable[int], shape: tuple[int, int, int], classes: int, source: str
) -> Images:
    """Return pictures, anything that numpy takes for an array of pixels, as images of one size.

    Args:
        pictures: one by one, so that they need not be in memory in another form all at once.
        labels: one a picture.
        shape: height, width and channels that each must have; a grey one may leave its channel out.
        classes: labels run from 0 to one below.
        source: where they are from, for the refusal.

    Raises:
        DataError: naming the source and the picture, if one has another shape or type, or a label is out of range.
    """
    pixels = [_pixels(picture, shape, f"{source}, image {row}") for row, picture in enumerate(pictures)]
    codes = np.asarray(list(labels))
    if codes.shape != (len(pixels),) or codes.dtype.kind not in "iu" or codes.min() < 0 or codes.max() >= classes:
        raise DataError(f"{source}: its {len(pixels)} images need a label each, a whole number from 0 to {classes - 1}")
    return Images(np.stack(pixels), codes.astype(np.int64))


def _pixels(picture: Any, shape: tuple[int, int, int], name: str) -> NDArray[np.uint8]:
    array = np.asarray(picture)
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.shape != shape or array.dtype != np.uint8:
        raise DataError(f"{name} is {array.dtype} of shape {list(array.shape)}, not uint8 of shape {list(shape)}")
    return array
