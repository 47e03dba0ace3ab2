import logging
import shutil
from pathlib import Path

import pytest

from service.errors import ModelNotFoundError
from service.inference.canary import Canary, Trial
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
def test_the_version_on_trial_gets_its_share_and_the_one_before_it_the_rest(root: Path, share: float) -> None:
    answered = versions(Canary({"plant": Trial(10, share)}, open_repository(root)), "plant")
    assert set(answered) <= {9, 10}
    # Five standard deviations of a binomial share.
    assert abs(answered.count(10) / REQUESTS - share) <= 5 * (share * (1 - share) / REQUESTS) ** 0.5


def test_a_request_id_is_answered_by_the_same_version_in_every_process_and_not_alike_for_every_model(
    exported: Exported, root: Path, tmp_path: Path
) -> None:
    shutil.copytree(root / "plant", tmp_path / "plant")
    for version in (1, 2):
        add(exported, tmp_path, "mill", version)
    trials = {"plant": Trial(10, 0.3), "mill": Trial(2, 0.3)}
    here, there = (Canary(trials, open_repository(folder)) for folder in (root, tmp_path))
    first = versions(here, "plant", 500)
    assert first == versions(there, "plant", 500)
    assert [version == 10 for version in first] != [version == 2 for version in versions(there, "mill", 500)]


def test_who_names_a_version_gets_it_and_other_models_are_answered_by_their_newest(root: Path) -> None:
    canary = Canary({"plant": Trial(10, 0.0)}, open_repository(root))
    assert canary.get("plant", "2", "x").manifest.version == 2
    assert canary.get("mill", None, "x").manifest.version == 1
    with pytest.raises(ModelNotFoundError):
        canary.get("nothing", None, "x")


@pytest.mark.parametrize(("share", "described"), [(0.0, 9), (0.99, 9), (1.0, 10)])
def test_metadata_are_the_older_ones_until_the_one_on_trial_has_all(root: Path, share: float, described: int) -> None:
    canary = Canary({"plant": Trial(10, share), "mill": Trial(2, 0.5)}, open_repository(root))
    assert canary.described("plant").manifest.version == described
    assert canary.described("mill").manifest.version == 1


@pytest.mark.parametrize(
    ("tried", "share", "parts"),
    [
        (2, 0.1, [("plant", 2, 1.0)]),  # nothing is older
        (5, 0.1, [("plant", 2, 1.0)]),  # not there, or not yet: what is newer waits
        (9, 0.1, [("plant", 2, 0.9), ("plant", 9, 0.1)]),
        (11, 0.1, [("plant", 10, 1.0)]),
        (1, 0.1, [("plant", 10, 1.0)]),  # neither it nor anything older
    ],
)
def test_where_one_of_the_two_is_not_served_the_other_answers_everything(
    root: Path, tried: int, share: float, parts: list[tuple[str, int, float]]
) -> None:
    canary = Canary({"plant": Trial(tried, share)}, open_repository(root))
    assert list(canary.parts()) == parts
    assert set(versions(canary, "plant", 200)) == {version for _, version, _ in parts}


def test_a_version_on_trial_that_cannot_be_loaded_or_goes_leaves_all_to_the_one_before_it(
    exported: Exported, tmp_path: Path
) -> None:
    for version in (1, 2):
        add(exported, tmp_path, "plant", version)
    folder = add(exported, tmp_path, "plant", 3)
    repository = open_repository(tmp_path)
    canary = Canary({"plant": Trial(3, 0.25)}, repository)
    assert list(canary.parts()) == [("plant", 2, 0.75), ("plant", 3, 0.25)]
    shutil.rmtree(folder)
    repository.refresh()
    assert list(canary.parts()) == [("plant", 2, 1.0)]
    assert set(versions(canary, "plant", 200)) == {2}
    (add(exported, tmp_path, "plant", 3) / "model.onnx").write_bytes(b"half a cop")
    repository.refresh()
    assert list(canary.parts()) == [("plant", 2, 1.0)]


def test_the_log_says_once_who_gets_what_and_which_model_is_not_there(
    exported: Exported, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(exported, tmp_path, "plant", 1)
    repository = open_repository(tmp_path)
    canary = Canary({"plant": Trial(2, 0.1), "palnt": Trial(2, 0.1)}, repository)
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
