"""Weather: snow, frost, fog, and a bright day."""

from functools import cache
from importlib.metadata import PackageNotFoundError, files

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model_export.errors import DataNotFoundError
from model_export.reproduction.corruptions.pixels import SIDE, Bytes, Floats, smear, to_bytes, zoom_matrix

FROST_PACKAGE = "imagecorruptions"
"""On the package index; the photographs of frosted glass in it are not ours to ship."""

_FROSTS = {f"frost{number}" for number in range(1, 6)}

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def snow(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:
    """Whiten each image, and let flakes fall over it, and again turned upside down."""
    mean, deviation, zoom, least, radius, spread, kept = (
        (0.1, 0.2, 1.0, 0.6, 8, 3.0, 0.95),
        (0.1, 0.2, 1.0, 0.5, 10, 4.0, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4.0, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6.0, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12.0, 0.8),
    )[severity - 1]
    magnify = zoom_matrix(zoom)
    flakes = mean + deviation * generator.standard_normal((len(images), SIDE, SIDE), dtype=np.float32)
    flakes = magnify @ flakes @ magnify.T
    flakes = np.where(flakes < least, 0, np.floor(255 * np.clip(flakes, 0, 1))).astype(np.float32)
    falling = smear(flakes[..., np.newaxis], radius, spread, generator.uniform(-135, -45, len(images)))
    pixels = images.astype(np.float32)
    pale = np.maximum(pixels, 1.5 * (pixels @ _LUMA)[..., np.newaxis] + np.float32(127.5))
    return to_bytes(kept * pixels + (1 - kept) * pale + falling + falling[:, ::-1, ::-1])


def frost(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:
    """Lay a piece of a photograph of frosted glass over each image.

    Raises:
        DataNotFoundError: if the package with the photographs is not installed.
    """
    photographs = frost_photographs()
    if not photographs:
        raise DataNotFoundError(f"frost needs photographs: install the package {FROST_PACKAGE}, which has them")
    kept, laid = ((1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))[severity - 1]
    over = np.empty(images.shape, dtype=np.float32)
    for number, which in enumerate(generator.integers(len(photographs), size=len(images))):
        photograph = photographs[which]
        top, left = (generator.integers(extent - SIDE) for extent in photograph.shape[:2])
        over[number] = photograph[top : top + SIDE, left : left + SIDE]
    return to_bytes(np.float32(kept) * images + np.float32(laid) * over)


@cache
def frost_photographs() -> tuple[Bytes, ...]:
    """Return the first five photographs at a fifth of their size, [height, width, 3]; none if not installed.

    The sixth is left out, as it is from the published set. A fifth by bilinear interpolation is every fifth pixel.
    """
    try:
        packaged = files(FROST_PACKAGE) or []
    except PackageNotFoundError:
        return ()
    names = sorted(file for file in packaged if file.parent.name == "frost" and file.stem in _FROSTS)
    photographs = []
    for name in names:
        with Image.open(str(name.locate())) as photograph:
            photographs.append(np.asarray(photograph.convert("RGB"))[2::5, 2::5].copy())
    return tuple(photographs)


def fog(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:
    """Lay clouds over each image, and darken it so that its brightest value stays."""
    density, decay = ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))[severity - 1]
    brightest = images.max((1, 2, 3), keepdims=True).astype(np.float32)
    fogged = images + np.float32(255 * density) * clouds(len(images), decay, generator)[..., np.newaxis]
    return to_bytes(fogged * brightest / (brightest + np.float32(255 * density)))


def clouds(count: int, decay: float, generator: np.random.Generator) -> Floats:
    """Return so many cloudy skies [count, 32, 32] from 0 to 1, which go on at the opposite edge.

    Midpoints are set to the mean of their four neighbours and a uniform deviation, whose range shrinks by `decay`²
    as the mesh is halved (Fournier, Fussell and Carpenter, 1982: "diamond-square").
    """
    heights: NDArray[np.float64] = np.zeros((count, SIDE, SIDE))
    mesh, roughness = SIDE, 100.0
    while mesh > 1:
        half = mesh // 2
        corners = heights[:, ::mesh, ::mesh]
        below, beside = np.roll(corners, -1, 1), np.roll(corners, -1, 2)

        def near(total: NDArray[np.float64], extent: float = roughness**2) -> NDArray[np.float64]:
            moved: NDArray[np.float64] = total / 4 + generator.uniform(-extent, extent, total.shape)
            return moved

        centres = near(corners + below + beside + np.roll(below, -1, 2))
        heights[:, half::mesh, half::mesh] = centres
        heights[:, half::mesh, ::mesh] = near(corners + below + centres + np.roll(centres, 1, 2))
        heights[:, ::mesh, half::mesh] = near(corners + beside + centres + np.roll(centres, 1, 1))
        mesh, roughness = half, roughness / decay
    heights -= heights.min((1, 2), keepdims=True)
    heights /= heights.max((1, 2), keepdims=True)
    return heights.astype(np.float32)


def brightness(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:  # noqa: ARG001
    """Raise the value of hue, saturation and value (HSV), which is the largest of red, green and blue.

    With hue and saturation given, all three are in proportion to it; black turns grey.
    """
    rise = np.float32(255 * (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1])
    value = images.max(3, keepdims=True).astype(np.float32)
    raised = np.minimum(value + rise, 255)
    return to_bytes(np.where(value == 0, raised, images * (raised / np.maximum(value, 1))))
