import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from model_export.errors import DataError, DataNotFoundError
from model_export.tasks.cifar10 import CIFAR10, CIFAR10_MLP, CLASSES, FILES, HUB, load_cifar10
from model_export.tasks.data import DATA_VARIABLE, local_files


def picture(shade: int, size: tuple[int, int] = (32, 32)) -> NDArray[np.uint8]:
    return np.random.default_rng(shade).integers(0, 256, (*size, 3)).astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def write(file: Path, pictures: Sequence[bytes], labels: Sequence[int]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": content, "path": f"{row}.png"} for row, content in enumerate(pictures)]
    pq.write_table(pa.table({"img": images, "label": labels}), file)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files of training images and one of test images, as the hub's own are, on a small scale."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    write(tmp_path / "cifar10/train-00001.parquet", [png(picture(2))], [2])
    write(tmp_path / "cifar10/train-00000.parquet", [png(picture(0)), png(picture(1))], [0, 1])
    write(tmp_path / "cifar10/test.parquet", [png(picture(3))], [9])
    return tmp_path / "cifar10"


def test_the_local_files_are_read_in_their_order_without_loss(folder: Path) -> None:
    images = load_cifar10()
    assert images.training.labels.tolist() == [0, 1, 2]
    assert images.test.labels.tolist() == [9]
    for row in range(3):
        np.testing.assert_array_equal(images.training.pixels[row], picture(row))
    assert folder.is_dir()


def test_the_manifest_will_say_how_many_images_are_missing(folder: Path) -> None:
    assert folder.is_dir()
    assert load_cifar10().extent == "3 of 50,000 training and 1 of 10,000 test images"


@pytest.mark.parametrize(
    ("pictures", "labels", "complaint"),
    [
        ([png(picture(0))[:200]], [0], "image 0 cannot be decoded"),
        ([png(picture(0)), b"no picture"], [0, 1], "image 1 cannot be decoded"),
        (
            [png(picture(0, (28, 28)))],
            [0],
            r"image 0 is uint8 of shape \[28, 28, 3\], not uint8 of",
        ),
        ([png(picture(0))], [10], "its 1 images need a label each, a whole number from 0 to 9"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name(
    pictures: list[bytes], labels: list[int], complaint: str, folder: Path
) -> None:
    write(folder / "test.parquet", pictures, labels)
    with pytest.raises(DataError, match=f"test.parquet.*{complaint}"):
        load_cifar10()


def test_a_file_without_the_columns_or_truncated_is_refused_by_name(folder: Path) -> None:
    pq.write_table(pa.table({"picture": [1]}), folder / "test.parquet")
    with pytest.raises(DataError, match=r"test\.parquet cannot be read as images"):
        load_cifar10()
    pq.write_table(pa.table({"img": [1], "label": [1]}), folder / "test.parquet")
    with pytest.raises(DataError, match=r"test\.parquet cannot be read as images"):
        load_cifar10()
    (folder / "test.parquet").write_bytes((folder / "train-00000.parquet").read_bytes()[:-100])
    with pytest.raises(DataError, match=r"test\.parquet cannot be read as images"):
        load_cifar10()


def test_the_hub_serves_where_no_local_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(name: str) -> dict[str, dict[str, Any]]:
        assert name == HUB
        split = {"img": [Image.fromarray(picture(row)) for row in range(4)], "label": [3, 2, 1, 0]}
        return {"train": split, "test": split}

    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    images = load_cifar10()
    assert images.test.labels.tolist() == [3, 2, 1, 0]
    np.testing.assert_array_equal(images.training.pixels[2], picture(2))


def test_data_that_is_nowhere_is_reported_with_both_cures(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_: str) -> None:
        raise ConnectionError("name or service not known")

    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=unreachable))
    cures = r"put cifar10/train\*.parquet and cifar10/test\*.parquet into the folder .*, or let this machine reach"
    with pytest.raises(DataNotFoundError, match=cures):
        load_cifar10()


@pytest.mark.parametrize("task", [CIFAR10, CIFAR10_MLP])
def test_its_networks_fit_into_two_megabytes(task: Any) -> None:
    network = task.training.architecture.build((3, 32, 32), len(CLASSES))
    assert sum(parameter.numel() for parameter in network.parameters()) * 4 < 1.9e6


@pytest.mark.data
@pytest.mark.skipif(not local_files(FILES[0]), reason=f"cifar10/ is not in the folder that {DATA_VARIABLE} names")
def test_the_real_photographs_are_the_known_ones() -> None:
    images = load_cifar10()
    assert len(images.training) > 49_000
    assert len(images.test) > 9_900
    # The published means of the channels, 125.3, 123.0 and 113.9; a few images may be missing.
    np.testing.assert_allclose(images.training.pixels.mean((0, 1, 2)), [125.3, 123.0, 113.9], atol=0.15)
    assert CLASSES[images.training.labels[0]] == "frog"
