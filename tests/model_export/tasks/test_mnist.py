import gzip
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model_export.errors import DataError, DataNotFoundError
from model_export.tasks.data import DATA_VARIABLE, local_file
from model_export.tasks.idx import read_idx
from model_export.tasks.mnist import FILES, HUB, MNIST, load_mnist


def write_idx(file: Path, array: NDArray[Any]) -> Path:
    sizes = np.array(array.shape, ">u4").tobytes()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(bytes((0, 0, 8, array.ndim)) + sizes + array.astype(np.uint8).tobytes()))
    return file


def write_digits(folder: Path, rows: int = 20) -> None:
    generator = np.random.default_rng(0)
    for images, labels in (FILES[:2], FILES[2:]):
        write_idx(folder / images, generator.integers(0, 256, (rows, 28, 28)))
        write_idx(folder / labels, np.arange(rows) % 10)


def test_the_local_files_are_read_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_digits(tmp_path)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    digits = load_mnist()
    assert digits.training.pixels.shape == (20, 28, 28, 1)
    assert digits.test.labels.tolist() == [*range(10), *range(10)]
    assert digits.extent == "20 training and 20 test images"
    expected = read_idx(tmp_path / FILES[0], (28, 28))
    assert np.array_equal(digits.training.pixels[..., 0], expected)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"no gzip", "cannot be unpacked .*: fetch it again"),
        (gzip.compress(bytes(2000))[:15], "cannot be unpacked"),
        (gzip.compress(b"PK\x03\x04" + bytes(100)), "is no idx file of unsigned bytes in 3 dimensions"),
        (gzip.compress(bytes((0, 0, 8, 3, 0, 0, 0, 1))), "is no idx file"),
        (gzip.compress(bytes((0, 0, 8, 3)) + np.array([1, 8, 8], ">u4").tobytes() + bytes(64)), r"\[8, 8\], not \[28"),
        (gzip.compress(bytes((0, 0, 8, 3)) + np.array([2, 28, 28], ">u4").tobytes() + bytes(784)), "784 .* says 1568"),
    ],
)
def test_a_file_that_is_wrong_or_truncated_is_refused_by_name(content: bytes, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=f"train-images-idx3-ubyte.gz.*{complaint}"):
        read_idx(file, (28, 28))


def test_images_and_labels_of_different_number_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_digits(tmp_path)
    write_idx(tmp_path / FILES[1], np.arange(19) % 10)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match=r"train-images.* has 20 images and .*train-labels.* 19 labels"):
        load_mnist()


def test_a_label_that_is_no_digit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_digits(tmp_path)
    write_idx(tmp_path / FILES[1], np.arange(20))
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match=r"train-images.*need a label each, a whole number from 0 to 9"):
        load_mnist()


def test_the_hub_serves_where_no_local_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [Image.fromarray(np.full((28, 28), shade, np.uint8)) for shade in range(4)]
    split = {"image": pictures, "label": [7, 0, 1, 2]}
    asked = []

    def load_dataset(name: str) -> dict[str, dict[str, Any]]:
        asked.append(name)
        return {"train": split, "test": split}

    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    digits = load_mnist()
    assert asked == [HUB]
    assert digits.training.labels.tolist() == [7, 0, 1, 2]
    assert digits.training.pixels[3, 0, 0, 0] == 3


def test_data_that_is_nowhere_is_reported_with_every_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_: str) -> None:
        raise ConnectionError("name or service not known")

    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=unreachable))
    with pytest.raises(DataNotFoundError, match=r"put mnist/train-images.* into the folder .* reach the Hugging Face"):
        load_mnist()
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataNotFoundError, match="pip install datasets"):
        load_mnist()


@pytest.mark.data
@pytest.mark.skipif(local_file(FILES[0]) is None, reason=f"mnist/ is not in the folder that {DATA_VARIABLE} names")
def test_the_real_digits_are_the_known_ones() -> None:
    digits = MNIST.load()
    assert np.bincount(digits.training.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert len(digits.test) == 10_000
    assert digits.training.pixels.mean() == pytest.approx(33.318, abs=0.001)
