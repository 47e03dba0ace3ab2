import shutil
from pathlib import Path, PurePosixPath

import pytest

from service.errors import InvalidModelError
from service.inference.repository import Repository
from service.manifest import MANIFEST_FILE
from service.verified_copy import copy_verified, main, read_digests
from service.version_folder import digest, read_manifest
from tests.conftest import Exported

PLANT = PurePosixPath("plant/1")


@pytest.fixture
def digests(exported: Exported) -> dict[PurePosixPath, str]:
    return {PLANT: digest(exported.folder / MANIFEST_FILE)}


def test_copies_what_is_listed_and_nothing_else(
    exported: Exported, digests: dict[PurePosixPath, str], tmp_path: Path
) -> None:
    source = shutil.copytree(exported.repository, tmp_path / "source")
    shutil.copytree(source / "plant" / "1", source / "plant" / "2")
    for _ in range(2):  # an init container may run again over what it has left
        copy_verified(source, tmp_path / "target", digests)
        assert [str(path.relative_to(tmp_path / "target")) for path in sorted((tmp_path / "target").glob("*/*"))] == [
            str(PLANT)
        ]
    assert read_manifest(tmp_path / "target" / PLANT).name == "plant"


def test_leaves_no_part_of_a_version_that_is_not_what_was_listed(
    exported: Exported, digests: dict[PurePosixPath, str], tmp_path: Path
) -> None:
    target = tmp_path / "target"
    with pytest.raises(InvalidModelError, match="is not the one whose digest is listed"):
        copy_verified(exported.repository, target, {PLANT: "0" * 64})
    with pytest.raises(InvalidModelError, match="it is not there, and its digest is listed"):
        copy_verified(exported.repository, target, {PurePosixPath("plant/2"): digests[PLANT]})
    source = shutil.copytree(exported.repository, tmp_path / "source")
    (source / PLANT / "model.onnx").write_bytes(b"altered")
    with pytest.raises(InvalidModelError, match=r"model\.onnx has been altered"):
        copy_verified(source, target, digests)
    (source / PLANT / MANIFEST_FILE).unlink()
    with pytest.raises(InvalidModelError, match=r"it has no manifest\.json"):
        copy_verified(source, target, digests)
    assert list(target.glob("*/*")) == []


def test_what_is_being_copied_is_no_version_to_a_service_that_looks(tmp_path: Path) -> None:
    (tmp_path / "plant" / ".1.part").mkdir(parents=True)
    repository = Repository(tmp_path, lambda folder: pytest.fail(f"{folder} was looked into"))
    repository.refresh()
    assert repository.index() == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it lists no version"),
        (f"{'0' * 63}  plant/1/manifest.json", "line 1 is not"),
        (f"{'0' * 64}  plant/1/model.onnx", "line 1 is not"),
        (f"\n{'0' * 64}  ../plant/1/manifest.json", "line 2 is not"),
        (f"{'0' * 64}  ../1/manifest.json", "line 1 is not"),
        (f"{'0' * 64}  plant/1/manifest.json\n" * 2, "line 2 lists plant/1 again"),
    ],
)
def test_refuses_a_list_that_is_not_as_sha256sum_writes_it(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str
) -> None:
    listed = tmp_path / "digests"
    listed.write_text(text)
    assert main([str(exported.repository), str(tmp_path / "target"), str(listed)]) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "target").exists()


def test_takes_both_ways_in_which_sha256sum_writes() -> None:
    zeros = "0" * 64
    assert read_digests(f"{zeros}  a/1/manifest.json\n{zeros} *./b-c/12/manifest.json\n") == {
        PurePosixPath("a/1"): zeros,
        PurePosixPath("b-c/12"): zeros,
    }


def test_says_what_cannot_be_read_or_written_in_a_sentence(
    exported: Exported, digests: dict[PurePosixPath, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "digests"
    assert main([str(exported.repository), str(tmp_path / "target"), str(listed)]) == 1
    assert f"{listed} cannot be used" in capsys.readouterr().err
    listed.write_text(f"{digests[PLANT]}  plant/1/manifest.json\n")
    (tmp_path / "target").write_text("a file")
    assert main([str(exported.repository), str(tmp_path / "target"), str(listed)]) == 1
    assert "target" in capsys.readouterr().err
