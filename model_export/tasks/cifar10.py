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
from model_export.tasks.image_task import ImageTask
from model_export.training.architecture import Architecture
from model_export.training.augmentation import Augmentation
from model_export.training.image_training import ImageTraining
from model_export.training.images import Images
from model_export.training.schedule import DEFAULT_LAMBDA, Schedule

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
    files = [local_files(pattern) for pattern in FILES]
    if all(files):
        parts = [_join([_read(file) for file in part]) for part in files]
    else:
        hub = load_from_hub(HUB, " and ".join(FILES))
        parts = [
            gather(hub[split]["img"], hub[split]["label"], _SHAPE, len(CLASSES), f"{HUB}, {split}")
            for split in ("train", "test")
        ]
    training, test = parts
    extent = f"{len(training):,} of {_OFFICIAL[0]:,} training and {len(test):,} of {_OFFICIAL[1]:,} test images"
    return ImageSet(training, test, extent)


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


CIFAR10 = ImageTask(
    name="cifar10",
    description="Kind of thing in a photograph of 32 × 32 pixels, by a convolutional network",
    data="CIFAR-10",
    load=load_cifar10,
    classes=CLASSES,
    training=ImageTraining(
        Architecture("convolutional", (16, 32, 64)),
        Augmentation(shift=4, flip=True),
        epochs=12,
        learning_rate=5e-3,
        dreg=Schedule(1e-6),
    ),
    resize="crop",
)

CIFAR10_MLP = ImageTask(
    name="cifar10-mlp",
    description="Kind of thing in a photograph of 32 × 32 pixels, by dense layers",
    data="CIFAR-10",
    load=load_cifar10,
    classes=CLASSES,
    training=ImageTraining(
        Architecture("dense", (128, 128)),
        Augmentation(shift=2, flip=True),
        epochs=30,
        learning_rate=1e-3,
        dreg=Schedule(DEFAULT_LAMBDA),
        batch_size=128,
    ),
    resize="crop",
)
