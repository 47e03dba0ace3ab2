"""Blur: out of focus, through frosted glass, of a moving camera, of one that comes nearer."""

from functools import cache

import numpy as np
from scipy import ndimage

from model_export.reproduction.corruptions.pixels import (
    SIDE,
    Bytes,
    Floats,
    pick,
    smear,
    to_bytes,
    zoom_matrix,
)


def defocus_blur(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:  # noqa: ARG001
    """Spread every pixel over a disc with a soft edge."""
    radius, softness = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))[severity - 1]
    kernel = disc(radius, softness)[np.newaxis, :, :, np.newaxis]
    return to_bytes(ndimage.convolve(images.astype(np.float32), kernel, mode="mirror"))


def disc(radius: float, softness: float) -> Floats:
    """Return a disc [5, 5] of a radius up to 1.5 pixels, blurred over 3 × 3 by a deviation, of sum 1."""
    steps = np.arange(-2, 3)
    flat = (steps[:, None] ** 2 + steps**2 <= radius**2).astype(np.float32)
    edge = np.exp(-(np.arange(-1, 2) ** 2) / (2 * softness**2))
    blurred: Floats = ndimage.convolve(flat / flat.sum(), np.outer(edge, edge) / edge.sum() ** 2, mode="constant")
    return blurred


def glass_blur(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:
    """Blur, let every pixel show one a step or none to its left and above, and blur again.

    The paper speaks of pixels that change places; the published program, and so the published set, copies them:
    its exchange of two views of one array goes one way.
    """
    deviation, times = ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))[severity - 1]

    def blurred(pixels: Floats) -> Floats:
        result: Floats = ndimage.gaussian_filter(pixels, (0, deviation, deviation, 0), mode="nearest")
        return result

    pixels = to_bytes(blurred(images.astype(np.float32))).astype(np.float32)
    lines = np.arange(SIDE)
    inside = lines >= 2
    movable = inside[:, None] & inside
    for _ in range(times):
        up, left = generator.integers(0, 2, (2, len(images), SIDE, SIDE)) * movable
        pixels = pick(pixels, lines[:, None] - up, lines - left)
    return to_bytes(blurred(pixels))


def motion_blur(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:
    """Smear each image at an angle of its own, up to 45° from the horizontal."""
    radius, deviation = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))[severity - 1]
    return to_bytes(smear(images.astype(np.float32), radius, deviation, generator.uniform(-45, 45, len(images))))


def zoom_blur(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:  # noqa: ARG001
    """Average each image, taken twice, with itself magnified in steps of 1 %."""
    pixels = images.reshape(len(images), SIDE * SIDE, 3).astype(np.float32)
    return to_bytes((_zooms((1.06, 1.11, 1.16, 1.21, 1.26)[severity - 1]) @ pixels).reshape(images.shape))


@cache
def _zooms(end: float) -> Floats:
    """Return what averages an image's pixels [1024] with those of its magnifications below `end`."""
    factors = np.arange(1, end, 0.01)
    blur = np.eye(SIDE * SIDE, dtype=np.float32)
    for zoom in map(zoom_matrix, factors):
        blur += np.kron(zoom, zoom)
    averaged: Floats = blur / np.float32(len(factors) + 1)
    return averaged
