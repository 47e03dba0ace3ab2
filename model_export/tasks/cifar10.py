"""CIFAR-10: photographs of 32 × 32 pixels, ten kinds of things.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from model_export.errors import DataError
from model_export.tasks.data import local_files
from model_export.tasks.hub import load_from_hub
from model_export.tasks.image_set import ImageSet, gather
from model_export.training.images import Images

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
HUB = "uoft-cs/cifar10"
FILES = ("cifar10/train*.parquet", "cifar10/test*.parquet")
"""As the hub has them: columns `img`, with a PNG in `bytes`, and `label`."""

_SHAPE = (32, 32, 3)
_OFFICIAL = (50_000, 10_000)


def load_cifar10() -> ImageSet:
    """Return CIFAR-10.

    Raises:
        DataNotFoundError: if it is neither in the local folder nor to be had from the Hugging Face hub.
        DataError: if a file is not what it should be, naming it.
    """
    training, test = map(local_files, FILES)
    if training and test:
        parts = [_join([_read(file) for file in files]) for files in (training, test)]
    else:
        hub = load_from_hub(HUB, " and ".join(FILES))
        parts = [
            gather(hub[split]["img"], hub[split]["label"], _SHAPE, len(CLASSES), f"{HUB}, {split}")
            for split in ("train", "test")
        ]
    counts = zip(parts, _OFFICIAL, ("training", "test"), strict=True)
    present = " and ".join(f"{len(part):,} of {official:,} {use} images" for part, official, use in counts)
    return ImageSet(*parts, f"CIFAR-10 ({present})")


def _read(file: Path) -> Images:
    try:
        table = pq.read_table(file, columns=["img", "label"])
        pictures, labels = table["img"].to_pylist(), table["label"].to_pylist()
        return gather(_decoded(pictures, file), labels, _SHAPE, len(CLASSES), str(file))
    except (pa.ArrowException, KeyError, TypeError) as error:
        raise DataError(f"{file} cannot be read as images (img.bytes) with labels: {error}") from error


def _decoded(pictures: list[dict[str, Any]], file: Path) -> Iterator[NDArray[np.uint8]]:
    for row, picture in enumerate(pictures):
        try:
            with Image.open(BytesIO(picture["bytes"])) as image:
                yield np.asarray(image)
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            raise DataError(f"{file}, image {row} cannot be decoded: {error}") from error


def _join(parts: list[Images]) -> Images:
    return Images(np.concatenate([part.pixels for part in parts]), np.concatenate([part.labels for part in parts]))
