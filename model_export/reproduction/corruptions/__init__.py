"""The corruptions of CIFAR-10-C, of images of 32 × 32 pixels, in five severities each.

Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations" (ICLR 2019,
arXiv 1903.12261). The constants are those of its program for 32 × 32 pixels (github.com/hendrycks/robustness,
ImageNet-C/create_c/make_cifar_c.py); the functions are our own, for many images at once, and draw other random
numbers than the published set did.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from model_export.reproduction.corruptions.blur import defocus_blur, glass_blur, motion_blur, zoom_blur
from model_export.reproduction.corruptions.digital import contrast, elastic_transform, jpeg_compression, pixelate
from model_export.reproduction.corruptions.noise import gaussian_noise, impulse_noise, shot_noise
from model_export.reproduction.corruptions.pixels import SIDE, Bytes
from model_export.reproduction.corruptions.weather import (
    FROST_PACKAGE,
    brightness,
    fog,
    frost,
    frost_photographs,
    snow,
)

__all__ = ["CORRUPTIONS", "FROST_PACKAGE", "SEVERITIES", "Corrupted", "at_hand", "corrupt", "corruptions_of"]

CORRUPTIONS: Mapping[str, Callable[[Bytes, int, np.random.Generator], Bytes]] = {
    "gaussian noise": gaussian_noise,
    "shot noise": shot_noise,
    "impulse noise": impulse_noise,
    "defocus blur": defocus_blur,
    "glass blur": glass_blur,
    "motion blur": motion_blur,
    "zoom blur": zoom_blur,
    "snow": snow,
    "frost": frost,
    "fog": fog,
    "brightness": brightness,
    "contrast": contrast,
    "elastic transform": elastic_transform,
    "pixelate": pixelate,
    "jpeg compression": jpeg_compression,
}
"""By name, in the paper's order: each takes bytes [N, 32, 32, 3], a severity 1 … 5 and a generator."""

SEVERITIES = range(1, 6)

_BLOCK = 500
"""So many images at a time stay near the processor."""


class Corrupted(NamedTuple):
    """Images to which one thing was done."""

    corruption: str
    severity: int
    images: Bytes


def at_hand() -> tuple[str, ...]:
    """Return the names of the corruptions that can be made here: frost needs the photographs of `FROST_PACKAGE`."""
    return tuple(name for name in CORRUPTIONS if name != "frost" or frost_photographs())


def corruptions_of(images: Bytes, seed: int) -> Iterator[Corrupted]:
    """Yield the images [N, 32, 32, 3] under every corruption at hand, in five severities, one after another."""
    for name in at_hand():
        for severity in SEVERITIES:
            yield Corrupted(name, severity, corrupt(images, name, severity, seed))


def corrupt(images: Bytes, corruption: str, severity: int, seed: int) -> Bytes:
    """Return images [N, 32, 32, 3] under one corruption; the same seed gives the same bytes.

    Raises:
        ValueError: if the images are not bytes of that shape, or the severity is not 1 … 5.
        DataNotFoundError: if it is frost, and there are no photographs.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (SIDE, SIDE, 3):
        raise ValueError(f"corruptions are of bytes [N, 32, 32, 3], not of {images.dtype} {list(images.shape)}")
    if severity not in SEVERITIES:
        raise ValueError(f"a severity is 1 to 5, not {severity}")
    generator = np.random.default_rng([seed, list(CORRUPTIONS).index(corruption), severity])
    make = CORRUPTIONS[corruption]
    corrupted = np.empty_like(images)
    for start in range(0, len(images), _BLOCK):
        corrupted[start : start + _BLOCK] = make(images[start : start + _BLOCK], severity, generator)
    return corrupted
