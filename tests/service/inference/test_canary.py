import logging
import shutil
from pathlib import Path

import pytest

from service.errors import ModelNotFoundError
from service.inference.canary import Canary
from tests.conftest import Exported
from tests.service.inference.test_repository import add, open_repository

REQUESTS = 20_000


def versions(canary: Canary, name: str, requests: int = REQUESTS) -> list[int]:
    return [canary.get(name, None, f"1a2b3c4d{number:08x}").manifest.version for number in range(requests)]


@pytest.fixture(scope="module")
def root(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of three versions and of one."""
    root = tmp_path_factory.mktemp("canary")
    for version in (2, 9, 10):
        add(exported, root, "plant", version)
    add(exported, root, "mill", 1)
    return root


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 1.0])
def test_the_newest_gets_its_share_and_the_one_before_it_the_rest(root: Path, share: float) -> None:
    answered = versions(Canary({"plant": share}, open_repository(root)), "plant")
    assert set(answered) <= {9, 10}
    # Five standard deviations of a binomial share.
    assert abs(answered.count(10) / REQUESTS - share) <= 5 * (share * (1 - share) / REQUESTS) ** 0.5


def test_a_request_id_is_answered_by_the_same_version_in_every_process_and_not_alike_for_every_model(
    exported: Exported, root: Path, tmp_path: Path
) -> None:
    shutil.copytree(root / "plant", tmp_path / "plant")
    for version in (1, 2):
        add(exported, tmp_path, "mill", version)
    here, there = (Canary({"plant": 0.3, "mill": 0.3}, open_repository(folder)) for folder in (root, tmp_path))
    first = versions(here, "plant", 500)
    assert first == versions(there, "plant", 500)
    assert [version == 10 for version in first] != [version == 2 for version in versions(there, "mill", 500)]


def test_who_names_a_version_gets_it_and_other_models_are_answered_by_their_newest(root: Path) -> None:
    canary = Canary({"plant": 0.0}, open_repository(root))
    assert canary.get("plant", "2", "x").manifest.version == 2
    assert canary.get("mill", None, "x").manifest.version == 1
    with pytest.raises(ModelNotFoundError):
        canary.get("nothing", None, "x")


@pytest.mark.parametrize(("share", "described"), [(0.0, 9), (0.99, 9), (1.0, 10)])
def test_metadata_are_the_older_ones_until_the_newest_has_all(root: Path, share: float, described: int) -> None:
    canary = Canary({"plant": share, "mill": 0.5}, open_repository(root))
    assert canary.described("plant").manifest.version == described
    assert canary.described("mill").manifest.version == 1


def test_a_model_of_one_version_is_answered_by_it_whatever_the_share(root: Path) -> None:
    canary = Canary({"mill": 0.0}, open_repository(root))
    assert set(versions(canary, "mill", 100)) == {1}
    assert list(canary.parts()) == [("mill", 1, 1.0)]


def test_a_newest_version_that_cannot_be_loaded_gets_nothing(exported: Exported, tmp_path: Path) -> None:
    for version in (1, 2, 3):
        folder = add(exported, tmp_path, "plant", version)
    (folder / "model.onnx").write_bytes(b"half a cop")
    canary = Canary({"plant": 0.25}, open_repository(tmp_path))
    assert list(canary.parts()) == [("plant", 1, 0.75), ("plant", 2, 0.25)]
    assert set(versions(canary, "plant", 200)) == {1, 2}


def test_the_log_says_once_who_gets_what_and_which_model_is_not_there(
    exported: Exported, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(exported, tmp_path, "plant", 1)
    repository = open_repository(tmp_path)
    canary = Canary({"plant": 0.1, "palnt": 0.1}, repository)
    with caplog.at_level(logging.INFO, logger="service.inference.canary"):
        for _ in range(2):
            assert list(canary.parts()) == [("plant", 1, 1.0)]
        assert [(record.levelname, vars(record)["model"]) for record in caplog.records] == [
            ("INFO", "plant"),
            ("WARNING", "palnt"),
        ]
        add(exported, tmp_path, "plant", 2)
        repository.refresh()
        list(canary.parts())
    assert vars(caplog.records[-1])["shares"] == {1: 0.9, 2: 0.1}
