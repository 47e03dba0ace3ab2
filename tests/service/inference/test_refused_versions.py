"""Versions that a repository refuses: each with its reason, while the others serve."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from service.errors import InvalidModelError, NotReadyError
from service.manifest import MANIFEST_FILE, MODEL_FILE
from service.version_folder import digest
from tests.conftest import Exported
from tests.service.inference.test_repository import add, edit, open_repository, reasons, states


def keep_weights_elsewhere(folder: Path) -> None:
    model = onnx.load(folder / MODEL_FILE)
    onnx.save(model, folder.parent / "big.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    shutil.move(folder.parent / "big.onnx", folder / MODEL_FILE)
    (folder.parent / "weights").unlink()
    edit(folder, files={MODEL_FILE: digest(folder / MODEL_FILE)})


def link_the_graph(folder: Path) -> None:
    (folder / MODEL_FILE).rename(folder.parent / "elsewhere")
    (folder / MODEL_FILE).symlink_to(folder.parent / "elsewhere")


def list_a_file_outside(folder: Path) -> None:
    (folder.parent / "outside").write_text("secret")
    edit(folder, files={MODEL_FILE: digest(folder / MODEL_FILE), "../outside": digest(folder.parent / "outside")})


def add_a_large_file(folder: Path) -> None:
    (folder / "tokenizer.json").write_bytes(bytes(2**20))
    edit(folder, files={name: digest(folder / name) for name in (MODEL_FILE, "tokenizer.json")})


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / MODEL_FILE).write_bytes(b"half a cop"), "has been altered"),
        (lambda folder: (folder / MODEL_FILE).unlink(), "is missing: was the folder copied whole"),
        (lambda folder: (folder / MANIFEST_FILE).unlink(), "it has no manifest"),
        (lambda folder: (folder / MANIFEST_FILE).write_text("{"), "cannot be read"),
        (lambda folder: edit(folder, version=3), "its manifest calls it plant version 3"),
        (add_a_large_file, "more than the 1000000 of max_model_bytes"),
        (keep_weights_elsewhere, "onnxruntime does not load its graph"),
        (link_the_graph, "model.onnx is not a plain file"),
        (list_a_file_outside, "../outside is missing"),
    ],
)
def test_a_version_that_cannot_be_trusted_is_refused_with_its_reason_and_the_others_serve(
    exported: Exported,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], object],
    reason: str,
) -> None:
    add(exported, tmp_path, "plant", 1)
    spoil(add(exported, tmp_path, "plant", 2))
    with caplog.at_level(logging.ERROR):
        repository = open_repository(tmp_path, max_bytes=1_000_000)
    assert states(repository) == [("plant", 1, "READY"), ("plant", 2, "UNAVAILABLE")]
    assert reason in reasons(repository)[2]
    assert reason in vars(caplog.records[-1])["reason"]
    assert repository.get("plant").manifest.version == 1
    with pytest.raises(NotReadyError, match="version 2 of plant is not being served"):
        repository.get("plant", "2")


def test_a_linked_version_or_model_is_listed_with_its_reason_and_not_followed(
    exported: Exported, tmp_path: Path
) -> None:
    elsewhere = add(exported, tmp_path / "elsewhere", "plant", 2)
    add(exported, tmp_path / "elsewhere", "mill", 1)
    root = tmp_path / "root"
    add(exported, root, "plant", 1)
    (root / "plant" / "2").symlink_to(elsewhere)
    (root / "mill").symlink_to(tmp_path / "elsewhere" / "mill")
    repository = open_repository(root)
    assert states(repository) == [("mill", 1, "UNAVAILABLE"), ("plant", 1, "READY"), ("plant", 2, "UNAVAILABLE")]
    assert {found.reason for found in repository.index() if found.state == "UNAVAILABLE"} == {
        "it is a link, and links are not followed"
    }
    with pytest.raises(InvalidModelError, match="links are not followed"):
        repository.load("mill")
    with pytest.raises(NotReadyError):
        repository.get("mill")


def test_a_file_that_cannot_be_read_stops_only_its_own_version(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(exported, tmp_path, "plant", 1)
    add(exported, tmp_path, "plant", 2)

    def refuse(file: Path) -> str:
        if "2" in file.parent.name:
            raise PermissionError(13, "Permission denied", str(file))
        return digest(file)

    with monkeypatch.context() as patched:
        patched.setattr("service.version_folder.digest", refuse)
        repository = open_repository(tmp_path)
        assert repository.versions("plant") == [1]
        assert "its files cannot be read" in reasons(repository)[2]
    repository.refresh()
    assert repository.versions("plant") == [1, 2]  # nothing changed but the luck
