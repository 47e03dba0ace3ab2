"""What all corruptions are made of: pixels as numbers, picked from elsewhere, zoomed and smeared."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SIDE = 32

Bytes = NDArray[np.uint8]
"""Images [N, 32, 32, 3]."""

Floats = NDArray[np.float32]
"""The same, or with 1 channel, from 0 to 255."""

Places = NDArray[np.int64]

_ROUNDING = 1e-3
"""What single precision may take from a sum of pixels, in grey levels, and more."""


def to_bytes(pixels: Floats) -> Bytes:
    """Return pixels as bytes: clipped to 0 … 255 and cut off, not rounded, as the published sets are."""
    return (np.clip(pixels, 0, 255) + np.float32(_ROUNDING)).astype(np.uint8)


def pick(images: Floats, rows: Places, columns: Places) -> Floats:
    """Return, at each place of each image, the pixel at another: [N, 32, 32, C].

    Args:
        images: [N, 32, 32, C].
        rows: of the pixels wanted, 0 … 31, broadcasting to [N, 32, 32].
        columns: likewise.
    """
    first = SIDE * SIDE * np.arange(len(images)).reshape(-1, 1, 1)
    picked: Floats = np.take(images.reshape(-1, images.shape[3]), first + SIDE * rows + columns, axis=0)
    return picked


def interpolate(images: Floats, rows: Floats, columns: Floats, fold: Callable[[Places], Places]) -> Floats:
    """Return images [N, 32, 32, C] sampled between their pixels, bilinearly.

    Args:
        images: [N, 32, 32, C].
        rows: where to sample, [N, 32, 32], in pixels.
        columns: likewise.
        fold: brings an index beyond the edge back within.
    """
    above, left = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    down, right = (rows - above)[..., np.newaxis], (columns - left)[..., np.newaxis]
    top, bottom, first, second = fold(above), fold(above + 1), fold(left), fold(left + 1)
    upper = (1 - right) * pick(images, top, first) + right * pick(images, top, second)
    lower = (1 - right) * pick(images, bottom, first) + right * pick(images, bottom, second)
    sampled: Floats = (1 - down) * upper + down * lower
    return sampled


def mirror(places: Places) -> Places:
    """Return indices folded at the middle of the edge pixels, which are not repeated: 2 1 | 0 1 2."""
    around = places % (2 * SIDE - 2)
    return np.minimum(around, 2 * SIDE - 2 - around)


def reflect(places: Places) -> Places:
    """Return indices folded at the outer border of the edge pixels, which are repeated: 1 0 | 0 1 2."""
    around = places % (2 * SIDE)
    return np.minimum(around, 2 * SIDE - 1 - around)


def zoom_matrix(factor: float) -> Floats:
    """Return Z [32, 32] such that Z X Zᵀ is the centre of an image X [32, 32], magnified bilinearly by `factor`.

    The centre's ⌈32/factor⌉ pixels become so many times `factor`, rounded, their corners staying corners; what is
    then beyond 32 is cut off on both sides.
    """
    kept = int(np.ceil(SIDE / factor))
    size = round(kept * factor)
    where = (np.arange(SIDE) + (size - SIDE) // 2) * (kept - 1) / (size - 1)
    before = np.minimum(np.floor(where).astype(np.int64), kept - 2)
    matrix = np.zeros((SIDE, SIDE), dtype=np.float32)
    lines, start = np.arange(SIDE), (SIDE - kept) // 2
    matrix[lines, start + before] = 1 - (where - before)
    matrix[lines, start + before + 1] = where - before
    return matrix


def smear(images: Floats, radius: int, deviation: float, angles: NDArray[np.float64]) -> Floats:
    """Return images [N, 32, 32, C] blurred one way, as by a camera that starts fast and comes to rest.

    Each pixel is the mean of the 2·radius + 1 pixels on from it at an angle, the k-th with the weight
    exp(−k² / 2σ²), the edge going on as it is: ImageMagick's motion blur.

    Args:
        images: [N, 32, 32, C].
        radius: in pixels.
        deviation: σ in pixels.
        angles: [N], in degrees, from the right downwards.
    """
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2 * deviation**2)).astype(np.float32)
    weights /= weights.sum()
    lines = np.arange(SIDE)
    smeared = np.zeros_like(images)
    for step, weight in zip(steps, weights, strict=True):
        down, right = (
            np.clip(lines + np.ceil(step * part(np.radians(angles)) - 0.5).astype(np.int64)[:, None], 0, SIDE - 1)
            for part in (np.sin, np.cos)
        )
        smeared += weight * pick(images, down[:, :, None], right[:, None, :])
    return smeared
