"""What is done to images by programs: contrast, distortion, coarse pixels, compression."""

from io import BytesIO

import numpy as np
from PIL import Image
from scipy import ndimage

from model_export.reproduction.corruptions.pixels import (
    SIDE,
    Bytes,
    interpolate,
    mirror,
    reflect,
    to_bytes,
)


def contrast(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:  # noqa: ARG001
    """Bring all values nearer to the mean of their channel in their image."""
    factor = np.float32((0.75, 0.5, 0.4, 0.3, 0.15)[severity - 1])
    mean = images.mean((1, 2), keepdims=True, dtype=np.float32)
    return to_bytes(factor * (images - mean) + mean)


def elastic_transform(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:
    """Map each image affinely, three of its points moving by chance, then shift every pixel as its neighbourhood."""
    shift, deviation, moved = (
        (0.0, 0.0, 0.08),
        (0.05, 0.2, 0.07),
        (0.08, 0.06, 0.06),
        (0.1, 0.04, 0.05),
        (0.1, 0.03, 0.03),
    )[severity - 1]
    count, lines = len(images), np.arange(SIDE, dtype=np.float32)
    # The points, as (row, column), lie a third of the side from the centre.
    corners = np.array([(26.0, 26.0), (6.0, 26.0), (6.0, 6.0)])
    targets = corners + SIDE * generator.uniform(-moved, moved, (count, 3, 2))
    # Back from where a point went to where it was: [row, column, 1] times this.
    back = np.linalg.solve(np.concatenate([targets, np.ones((count, 3, 1))], 2), corners).astype(np.float32)
    down, right, by = (back[:, row, :, None, None] for row in range(3))
    rows, columns = np.moveaxis(down * lines[:, None] + right * lines + by, 1, 0)
    mapped = interpolate(images.astype(np.float32), rows, columns, mirror)
    noise = generator.uniform(-1, 1, (2 * count, SIDE, SIDE)).astype(np.float32)
    sigma = SIDE * deviation
    smooth = ndimage.gaussian_filter(noise, (0, sigma, sigma), mode="reflect", truncate=3)
    downwards, sideways = np.float32(SIDE * shift) * smooth.reshape(2, count, SIDE, SIDE)
    return to_bytes(interpolate(mapped, lines[:, None] + downwards, lines + sideways, reflect))


def pixelate(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:  # noqa: ARG001
    """Shrink each image, every new pixel the mean of those it covers, and enlarge it again likewise."""
    side = int(SIDE * (0.95, 0.9, 0.85, 0.75, 0.65)[severity - 1])
    box = Image.Resampling.BOX
    return np.stack(
        [np.asarray(Image.fromarray(image).resize((side, side), box).resize((SIDE, SIDE), box)) for image in images]
    )


def jpeg_compression(images: Bytes, severity: int, generator: np.random.Generator) -> Bytes:  # noqa: ARG001
    """Save each image as a JPEG of a low quality."""
    quality = (80, 65, 58, 50, 40)[severity - 1]
    saved = np.empty_like(images)
    for number, image in enumerate(images):
        file = BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        with Image.open(file) as opened:
            saved[number] = np.asarray(opened)
    return saved
