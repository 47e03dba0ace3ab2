import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from model_export.reproduction.figures import write_figures
from tests.model_export.reproduction.made_up_records import NETWORKS, cifar10_c, pima, sst5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    drawn = write_figures({"pima": pima(), "sst5": sst5(), "cifar10-c": cifar10_c()}, folder)
    assert [figure.stem for figure in drawn] == [
        "tail_ratio_by_fraction",
        "accuracy_by_fraction",
        "corruption_by_severity",
        "polynomials_sst5",
    ]
    return folder


def words(file: Path) -> list[str]:
    return re.findall(r"<!-- (.*?) -->", file.read_text(encoding="utf-8"))


def test_each_is_written_as_svg_and_as_png(folder: Path) -> None:
    assert len(list(folder.iterdir())) == 8
    for file in folder.glob("*.svg"):
        assert ElementTree.parse(file).getroot().tag.endswith("svg")
        assert file.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_the_axes_and_every_line_are_named(folder: Path) -> None:
    shown = words(folder / "accuracy_by_fraction.svg")
    for word in (*NETWORKS, "svm", "pima", "5 %", "100 %", "share of the training rows", "accuracy, %, mean ± sd"):
        assert word in shown
    assert "cifar10-c" not in shown
    assert "svm" not in words(folder / "tail_ratio_by_fraction.svg")
    assert "severity" in words(folder / "corruption_by_severity.svg")
    assert {"layer 1, before training", "layer 2, after", "φ(z)"} <= set(words(folder / "polynomials_sst5.svg"))


def test_the_same_records_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_figures({"cifar10-c": cifar10_c()}, tmp_path)
    for name in ("corruption_by_severity.svg", "corruption_by_severity.png"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_without_records_nothing_is_drawn(tmp_path: Path) -> None:
    assert write_figures({"pima": pima().query("fraction == 1")}, tmp_path) == []
    assert not list(tmp_path.iterdir())
