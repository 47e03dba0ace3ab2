"""What goes wrong with inputs in production, by severity; the labels stay what they were."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]

MODERATE = 2
"""The severity from which a shift should be noticed."""


class Shift(NamedTuple):
    """Test rows after something happened to them."""

    name: str
    severity: int
    """1 mild, 2 moderate, 3 severe"""
    rows: Floats
    labels: NDArray[np.int64] | None
    """None where the rows are of no known class"""
    own_rows: bool = False
    """Whether the rows come from elsewhere, and not from the test rows, one from each in their order"""


def table_shifts(rows: Floats, labels: NDArray[np.int64], training: Floats, seed: int) -> Iterator[Shift]:
    """Yield noise on all features, features gone missing, and all values rescaled, of raw rows [N, n_0]."""
    generator = np.random.default_rng(seed)
    deviation = np.nanstd(training, axis=0)
    for severity, amount in enumerate((0.5, 1.0, 2.0), start=1):
        yield Shift("noise", severity, rows + amount * deviation * generator.normal(size=rows.shape), labels)
    for severity, share in enumerate((0.1, 0.3, 0.5), start=1):
        missing = generator.random(rows.shape) < share
        yield Shift("dropout", severity, np.where(missing, np.nan, rows), labels)
    for severity, factor in enumerate((0.8, 0.5, 0.25), start=1):
        yield Shift("shrink", severity, factor * rows, labels)
    for severity, factor in enumerate((1.25, 2.0, 4.0), start=1):
        yield Shift("inflate", severity, factor * rows, labels)


def unit_mistakes(
    rows: Floats, labels: NDArray[np.int64], columns: Mapping[str, int], factors: Mapping[str, tuple[str, float]]
) -> Iterator[Shift]:
    """Yield one feature sent in another unit: `factors` maps a feature to that unit and its factor."""
    for feature, (unit, factor) in factors.items():
        mistaken = rows.copy()
        mistaken[:, columns[feature]] *= factor
        yield Shift(f"{feature} in {unit}", MODERATE, mistaken, labels)


def image_shifts(rows: Floats, labels: NDArray[np.int64], side: int, seed: int) -> Iterator[Shift]:
    """Yield corruptions of square grey images [N, side²] with values from 0 to 1."""
    generator = np.random.default_rng(seed)
    images = rows.reshape(-1, side, side)

    def flat(changed: Floats) -> Floats:
        return np.clip(changed, 0, 1).reshape(rows.shape)

    corruptions: dict[str, tuple[Callable[[float], Floats], tuple[float, float, float]]] = {
        "noise": (lambda amount: images + amount * generator.normal(size=images.shape), (0.1, 0.25, 0.5)),
        "blur": (lambda sigma: ndimage.gaussian_filter(images, (0, sigma, sigma)), (0.7, 1.2, 2.0)),
        "contrast": (lambda factor: 0.5 + factor * (images - 0.5), (0.7, 0.45, 0.25)),
        "rotation": (lambda angle: ndimage.rotate(images, angle, axes=(2, 1), reshape=False, order=1), (15, 30, 50)),
        "translation": (lambda pixels: ndimage.shift(images, (0, pixels, pixels), order=1), (1.5, 3, 5)),
        "occlusion": (lambda share: _occlude(images, share), (0.3, 0.45, 0.6)),
    }
    for name, (corrupt, amounts) in corruptions.items():
        for severity, amount in enumerate(amounts, start=1):
            yield Shift(name, severity, flat(corrupt(amount)), labels)


def _occlude(images: Floats, share: float) -> Floats:
    """Grey out a centred square of that share of the side."""
    side = images.shape[1]
    start = round(side * (1 - share) / 2)
    covered = images.copy()
    covered[:, start : side - start, start : side - start] = 0.5
    return covered


def misspell(text: str, share: float, generator: np.random.Generator) -> str:
    """Return `text` with that share of its letters replaced, dropped, doubled or swapped with the next."""
    letters = list(text)
    for index in np.flatnonzero(generator.random(len(letters)) < share):
        if not letters[index].isalpha():
            continue
        match generator.integers(4):
            case 0:
                letters[index] = chr(ord("a") + generator.integers(26))
            case 1:
                letters[index] = ""
            case 2:
                letters[index] *= 2
            case _ if index + 1 < len(letters):
                letters[index], letters[index + 1] = letters[index + 1], letters[index]
    return "".join(letters)
