"""MNIST: handwritten digits, grey, 28 × 28 pixels.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998).
"""

from model_export.errors import DataError
from model_export.tasks.data import local_file
from model_export.tasks.hub import load_from_hub
from model_export.tasks.idx import read_idx
from model_export.tasks.image_set import ImageSet, gather
from model_export.tasks.image_task import ImageTask
from model_export.training.architecture import Architecture
from model_export.training.augmentation import Augmentation
from model_export.training.image_training import ImageTraining
from model_export.training.schedule import Schedule

CLASSES = tuple("0123456789")
HUB = "ylecun/mnist"
FILES = tuple(
    f"mnist/{part}-{content}-ubyte.gz" for part in ("train", "t10k") for content in ("images-idx3", "labels-idx1")
)

_SHAPE = (28, 28, 1)


def load_mnist() -> ImageSet:
    """Return MNIST.

    Raises:
        DataNotFoundError: if it is neither in the local folder nor to be had from the Hugging Face hub.
        DataError: if a file is not what it should be, naming it.
    """
    files = [file for file in map(local_file, FILES) if file is not None]
    if len(files) == len(FILES):
        parts = []
        for images, labels in (files[:2], files[2:]):
            pixels, digits = read_idx(images, _SHAPE[:2]), read_idx(labels, ())
            if len(pixels) != len(digits):
                raise DataError(
                    f"{images} has {len(pixels)} images and {labels} {len(digits)} labels: fetch them again"
                )
            parts.append(gather(pixels, digits, _SHAPE, len(CLASSES), str(images)))
    else:
        hub = load_from_hub(HUB, ", ".join(FILES))
        parts = [
            gather(hub[split]["image"], hub[split]["label"], _SHAPE, len(CLASSES), f"{HUB}, {split}")
            for split in ("train", "test")
        ]
    training, test = parts
    return ImageSet(training, test, f"{len(training):,} training and {len(test):,} test images")


MNIST = ImageTask(
    name="mnist",
    description="Handwritten digit, white on black, 28 × 28 pixels",
    data="MNIST",
    load=load_mnist,
    classes=CLASSES,
    training=ImageTraining(
        Architecture("convolutional", (8, 16, 32)),
        Augmentation(shift=2, flip=False),
        epochs=8,
        learning_rate=5e-3,
        dreg=Schedule(1e-6),
    ),
    resize="refuse",  # the digits are centred by their mass: a picture scaled by chance is none of them
)
