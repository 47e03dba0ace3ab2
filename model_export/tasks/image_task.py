"""A classification task on images, from data to a version folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model_export.errors import DataError
from model_export.export import Data, Labelled, export
from model_export.graph.publication import ModelCard
from model_export.graph.version_folder import free_version, next_version
from model_export.tasks.image_set import ImageSet
from model_export.training.image_training import ImageTraining, TrainedOnImages
from model_export.training.images import Images
from model_export.training.standardiser import PixelStandardiser
from service.inputs import Channel, ImageInput
from service.manifest import JacobianKind, Training


@dataclass(frozen=True, kw_only=True)
class ImageTask(ModelCard):
    """What is particular to one set of images; everything else about training and exporting is the same for all.

    Args:
        load: returns the images.
        classes: what the labels 0, 1, … are called in answers.
        training: the network and how it learns; its settings were chosen without test and calibration images.
        resize: what becomes of a picture of another size, see `ImageInput`.
        calibration_share: of the training images, held out by seed. The test images are the publisher's.
        jacobian: which rows of the Jacobian the graph takes, see `Scorer`.
    """

    load: Callable[[], ImageSet]
    classes: tuple[str, ...]
    training: ImageTraining
    resize: Literal["refuse", "stretch", "crop"]
    calibration_share: float = 0.1
    jacobian: JacobianKind = "margin"

    def export(self, repository: Path, *, version: int | None = None, seed: int = 0, progress: bool = False) -> Path:
        """Train, calibrate, export, verify and write a version; return its folder.

        Args:
            repository: where `<name>/<version>/` goes.
            version: the next free one unless given.
            seed: of the split, the start, the order of the images and what happens to them in training.
            progress: draw a progress bar.

        Raises:
            DataError: if the images cannot be learned from, or training diverges.
            VerificationError: if the graph and the network disagree; nothing is written then.
            ExportError: if the version is there already.
        """
        version = version or next_version(repository, self.name)
        free_version(repository, self.name, version)
        return self.train(seed=seed, progress=progress).export(repository, version=version)

    def train(self, *, seed: int = 0, progress: bool = False) -> "TrainedImageTask":
        """Load the images, set some aside to calibrate with, and train.

        Args:
            seed: of the split, the start, the order of the images and what happens to them in training.
            progress: draw a progress bar.

        Raises:
            DataError: if the images cannot be learned from, or training diverges.
        """
        images = self.load()
        if images.test.pixels.shape[1:] != images.training.pixels.shape[1:]:
            raise DataError(
                f"the test images are {list(images.test.pixels.shape[1:])} and the training images "
                f"{list(images.training.pixels.shape[1:])}: bring them to one size"
            )
        training, held_out = images.training.hold_out(self.calibration_share, seed)
        trained = self.training.fit(training, len(self.classes), seed=seed, progress=progress)
        return TrainedImageTask(self, images, training, held_out, trained, seed)


@dataclass(frozen=True)
class TrainedImageTask:
    """A network fitted to a task's images, and those that were held out.

    Args:
        task: what was learned.
        images: all of them.
        training: those that were learned from.
        held_out: those to calibrate with.
        trained: the network.
        seed: of it all.
    """

    task: ImageTask
    images: ImageSet
    training: Images
    held_out: Images
    trained: TrainedOnImages
    seed: int

    def export(self, repository: Path, *, version: int | None = None) -> Path:
        """Calibrate, export, verify and write a version; return its folder.

        Args:
            repository: where `<name>/<version>/` goes.
            version: the next free one unless given.

        Raises:
            VerificationError: if the graph and the network disagree; nothing is written then.
            ExportError: if the version is there already.
        """
        task, trained = self.task, self.trained
        return export(
            trained.network,
            trained.standardiser,
            Data(*(Labelled(part.pixels, part.labels) for part in (self.training, self.held_out, self.images.test))),
            repository=repository,
            version=version or next_version(repository, task.name),
            card=task,
            classes=task.classes,
            inputs=describe_images(trained.standardiser, task.resize),
            activation=task.training.architecture.activation_in_words,
            training=Training(
                data=f"{task.data}, {self.images.extent}",
                rows=trained.training_rows,
                validation_rows=trained.validation_rows,
                seed=self.seed,
                dreg=str(task.training.dreg),
                epochs=trained.epochs,
            ),
            jacobian=task.jacobian,
        )


def describe_images(standardiser: PixelStandardiser, resize: Literal["refuse", "stretch", "crop"]) -> ImageInput:
    """Return the size and channels of the images that a standardiser was fitted to.

    Args:
        standardiser: fitted to the training images.
        resize: what becomes of a picture of another size, see `ImageInput`.
    """
    height, width = standardiser.size
    mode: Literal["L", "RGB"] = "L" if len(standardiser.mean) == 1 else "RGB"
    units = zip(standardiser.mean.tolist(), standardiser.deviation.tolist(), strict=True)
    return ImageInput(
        height=height,
        width=width,
        mode=mode,
        channels=tuple(
            Channel(name=name, mean=mean, standard_deviation=deviation)
            for name, (mean, deviation) in zip(ImageInput.MODES[mode], units, strict=True)
        ),
        resize=resize,
    )
