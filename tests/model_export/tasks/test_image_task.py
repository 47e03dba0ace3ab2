from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import pytest
import torch

from model_export.errors import DataError, ExportError
from model_export.tasks.image_set import ImageSet
from model_export.tasks.image_task import ImageTask
from model_export.training import Schedule, image_training
from model_export.training.architecture import Architecture
from model_export.training.augmentation import Augmentation
from model_export.training.image_training import ImageTraining
from model_export.training.images import Images
from service.inputs import ImageInput
from service.manifest import MODEL_FILE
from service.version_folder import read_manifest
from tests.model_export.gratings import gratings


def load() -> ImageSet:
    return ImageSet(gratings(900, seed=0), gratings(200, seed=1), "900 training and 200 test images")


GRATINGS = ImageTask(
    name="gratings",
    description="Upright or level stripes",
    data="made up",
    load=load,
    classes=("upright", "level"),
    training=ImageTraining(
        Architecture("convolutional", (4, 8)),
        Augmentation(shift=1, flip=True),
        epochs=3,
        learning_rate=0.02,
        dreg=Schedule(1e-5),
        batch_size=32,
        validation_share=0.1,
    ),
    resize="refuse",
    calibration_share=0.25,
)


class Written(NamedTuple):
    repository: Path
    folder: Path


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    torch.set_num_threads(1)  # what is done for each test comes too late for this
    repository = tmp_path_factory.mktemp("repository")
    return Written(repository, GRATINGS.export(repository, seed=0))


def test_the_manifest_describes_what_was_trained(written: Written) -> None:
    manifest = read_manifest(written.folder)
    assert (manifest.name, manifest.version, manifest.classes) == ("gratings", 1, ("upright", "level"))
    assert manifest.training.data == "made up, 900 training and 200 test images"
    assert (manifest.training.rows, manifest.training.validation_rows, manifest.reference.rows) == (607, 68, 225)
    assert manifest.network.activation == "polynomial of degree 3"
    assert manifest.network.layers[-1] == "linear 8 → 2"
    image = manifest.input
    assert isinstance(image, ImageInput)
    assert (image.height, image.width, image.mode, image.resize) == (8, 8, "RGB", "refuse")
    assert [channel.mean for channel in image.channels] == pytest.approx([100, 120, 140], abs=3)
    assert [channel.standard_deviation for channel in image.channels] == pytest.approx([43] * 3, abs=3)


def test_its_figures_are_those_of_the_graph_on_the_publishers_test_set(written: Written) -> None:
    manifest, test = read_manifest(written.folder), load().test
    session = onnxruntime.InferenceSession((written.folder / MODEL_FILE).read_bytes())
    label, sensitivity = session.run(["label", "sensitivity"], {"image": test.pixels})
    assert manifest.evaluation.rows == 200
    assert manifest.evaluation.accuracy == pytest.approx((label == test.labels).mean())
    assert manifest.evaluation.accuracy > 0.9
    assert sensitivity.shape == test.pixels.shape


def test_dense_layers_on_grey_pixels_are_exported_too(tmp_path: Path) -> None:
    def load_grey() -> ImageSet:
        return ImageSet(gratings(900, seed=0, channels=1), gratings(100, seed=1, channels=1), "")

    training = replace(GRATINGS.training, architecture=Architecture("dense", (16,)))
    manifest = read_manifest(replace(GRATINGS, load=load_grey, training=training).export(tmp_path))
    assert manifest.input.gradient_shape == (8, 8, 1)
    assert manifest.network.layers == ("flatten 1×8×8", "dense 64 → 16", "linear 16 → 2")


def test_a_version_that_is_taken_is_refused_before_the_data_are_read(written: Written) -> None:
    def unread() -> ImageSet:
        raise AssertionError("the data were read")

    with pytest.raises(ExportError, match="export version 2"):
        replace(GRATINGS, load=unread).export(written.repository, version=1)


def test_an_interrupted_training_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(image_training, "dreg_penalty", interrupt)
    with pytest.raises(KeyboardInterrupt):
        GRATINGS.export(tmp_path)
    assert not list(tmp_path.iterdir())


def test_test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    def mixed() -> ImageSet:
        return ImageSet(gratings(100, seed=0), gratings(100, seed=1, size=4), "")

    with pytest.raises(DataError, match=r"test images are \[4, 4, 3\] and the training images \[8, 8, 3\]"):
        replace(GRATINGS, load=mixed).export(tmp_path)


def test_the_calibration_images_are_not_trained_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trained_on: list[Images] = []

    def remember(_self: ImageTraining, images: Images, *_: object, **__: object) -> None:
        trained_on.append(images)
        raise KeyboardInterrupt

    monkeypatch.setattr(ImageTraining, "fit", remember)
    for seed in (0, 0, 1):
        with pytest.raises(KeyboardInterrupt):
            GRATINGS.export(tmp_path, seed=seed)
    first, again, other = trained_on
    assert len(first) == 675
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, other.pixels)
