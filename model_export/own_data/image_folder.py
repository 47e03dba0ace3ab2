"""A folder of pictures, a folder for each class, as a task that trains and exports."""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.model_selection import train_test_split

from model_export.errors import DataError
from model_export.own_data.memory import PICTURES_FACTOR, check_fits
from model_export.own_data.splits import TEST_SHARE
from model_export.own_data.target import FEWEST_OF_A_CLASS
from model_export.tasks.image_set import ImageSet
from model_export.tasks.image_task import ImageTask
from model_export.training.architecture import Architecture
from model_export.training.augmentation import Augmentation
from model_export.training.image_training import ImageTraining
from model_export.training.images import Images
from model_export.training.schedule import Schedule
from service.errors import ServiceError
from service.inference.images import Picture
from service.inputs import Channel, ImageInput

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})

_LARGEST, _MULTIPLE = 64, 4
"""Pictures are scaled to at most so many pixels a side, and to what two halvings divide."""

_STAGES = (16, 32, 64)
_STEPS = 2_000
_EPOCHS = (12, 60)


def image_task(folder: Path, name: str, seed: int) -> ImageTask:
    """Return the task of telling apart pictures that lie in a folder for each class.

    Pictures of several sizes are cropped and scaled to one, by the code that the service reads clients' pictures with.

    Args:
        folder: holds folders of PNG and JPEG files; their names are the classes.
        name: of the model.
        seed: of the choice of test pictures.

    Raises:
        DataError: if there are fewer than two classes, a class has too few pictures, one cannot be read, or all take
            more memory than there is.
    """
    files = find_pictures(folder)
    classes = tuple(files)
    pictures = [(file, code) for code, name in enumerate(classes) for file in files[name]]
    taken = _common_form([file for file, _ in pictures])
    size = len(pictures) * taken.height * taken.width * len(taken.channels)
    check_fits(f"{folder}, at {taken.width} × {taken.height} pixels,", size, PICTURES_FACTOR, "fewer pictures")
    pixels = np.stack([_decoded(file, taken) for file, _ in pictures])
    images = Images(pixels, np.array([code for _, code in pictures], dtype=np.int64))
    rest, test = train_test_split(
        np.arange(len(images)), test_size=TEST_SHARE, stratify=images.labels, random_state=seed
    )
    batch = 64 if len(rest) >= 2_000 else 16
    epochs = int(np.clip(_STEPS * batch / len(rest), *_EPOCHS))
    return ImageTask(
        name=name,
        description=f"Which of {', '.join(classes)} a picture is, {taken.width} × {taken.height} pixels",
        data=f"pictures in {folder.name}",
        load=lambda: ImageSet(
            images.pick(rest), images.pick(test), f"{len(images):,} pictures in {len(classes)} folders"
        ),
        classes=classes,
        training=ImageTraining(
            Architecture("convolutional", _STAGES),
            # Left and right may mean different things.
            Augmentation(shift=max(1, min(taken.height, taken.width) // 8), flip=False),
            epochs=epochs,
            learning_rate=5e-3,
            dreg=Schedule(1e-6),
            batch_size=batch,
            validation_share=0.15,
        ),
        resize="crop",
        calibration_share=TEST_SHARE / (1 - TEST_SHARE),
    )


def find_pictures(folder: Path) -> dict[str, list[Path]]:
    """Return the pictures of each class, by the name of its folder.

    Raises:
        DataError: if there are fewer than two classes, or one has too few pictures.
    """
    found = pictures_by_class(folder)
    if len(found) < 2:
        raise DataError(
            f"{folder} holds {len(found)} folders: put the pictures of each class into a folder of its own, called as "
            "the class is"
        )
    for name, files in found.items():
        if len(files) < FEWEST_OF_A_CLASS:
            raise DataError(
                f"{folder / name} holds {len(files)} PNG and JPEG files, and a class needs {FEWEST_OF_A_CLASS} to be "
                "trained on, calibrated with and tested on"
            )
    return found


def pictures_by_class(folder: Path) -> dict[str, list[Path]]:
    """Return the PNG and JPEG files in each folder of a folder, by its name."""
    return {
        inner.name: sorted(file for file in inner.iterdir() if file.suffix.lower() in _SUFFIXES)
        for inner in sorted(folder.iterdir())
        if inner.is_dir() and not inner.name.startswith(".")
    }


def _common_form(files: list[Path]) -> ImageInput:
    """Return the form that all pictures are brought to: grey if all are, and of their middle size at most."""
    sizes, modes = zip(*map(_header, files), strict=True)
    width, height = (float(np.median([size[axis] for size in sizes])) for axis in range(2))
    scale = min(1.0, _LARGEST / max(width, height))
    width, height = (max(_MULTIPLE, _MULTIPLE * round(scale * side / _MULTIPLE)) for side in (width, height))
    mode = "L" if set(modes) <= {"1", "L"} else "RGB"
    channels = tuple(Channel(name=name, mean=0, standard_deviation=1) for name in ImageInput.MODES[mode])
    return ImageInput(height=int(height), width=int(width), mode=mode, channels=channels, resize="crop")


def _header(file: Path) -> tuple[tuple[int, int], str]:
    try:
        with Image.open(file) as picture:
            return picture.size, picture.mode
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} cannot be read as a picture: {error}") from error


def _decoded(file: Path, taken: ImageInput) -> "np.typing.NDArray[np.uint8]":
    try:
        return Picture(file.read_bytes(), taken, 0).decode()
    except ServiceError as error:
        raise DataError(f"{file}: {error.message.replace('the image of row 0 ', 'the picture ', 1)}") from error
