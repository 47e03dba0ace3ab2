from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.errors import DataError
from model_export.training.images import Images
from tests.model_export.gratings import gratings


@pytest.mark.parametrize(
    ("pixels", "complaint"),
    [
        (np.zeros((2, 4, 4, 3), np.float32), "the images are float32 of shape"),
        (np.zeros((2, 4, 4), np.uint8), r"of shape \[2, 4, 4\]: give at least one, as whole numbers 0 to 255"),
        (np.zeros((2, 4, 4, 4), np.uint8), "with 1 or 3 channels"),
        (np.zeros((0, 4, 4, 3), np.uint8), "give at least one"),
    ],
)
def test_what_is_no_image_is_refused(pixels: NDArray[Any], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        Images(pixels, np.zeros(len(pixels), np.int64))


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (np.zeros(3, np.int64), "give the class of each of the 2 images"),
        (np.zeros(2, np.uint8), "the labels are uint8"),
        (np.array([0, -1]), "the label of image 1 is -1"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels: NDArray[Any], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        Images(np.zeros((2, 4, 4, 3), np.uint8), labels)


def test_held_out_images_are_others_with_the_same_mix_of_classes() -> None:
    images = gratings(400, seed=0)
    rest, held_out = images.hold_out(0.25, seed=1)
    assert (len(rest), len(held_out)) == (300, 100)
    assert held_out.labels.mean() == pytest.approx(images.labels.mean(), abs=0.01)
    whole = {image.tobytes() for image in images.pixels}
    parts = [{image.tobytes() for image in part.pixels} for part in (rest, held_out)]
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] == whole
    again, other = images.hold_out(0.25, seed=1)[1], images.hold_out(0.25, seed=2)[1]
    assert np.array_equal(again.pixels, held_out.pixels)
    assert not np.array_equal(other.pixels, held_out.pixels)


def test_too_few_images_to_hold_any_out_are_refused() -> None:
    images = Images(np.zeros((3, 4, 4, 1), np.uint8), np.array([0, 0, 1]))
    with pytest.raises(DataError, match=r"no 10 % of the 3 images can be held out: The least populated class"):
        images.hold_out(0.1, seed=0)
