import json
import logging
import shutil
from functools import partial
from pathlib import Path

import pytest

from service.errors import ModelNotFoundError
from service.inference.model import Model
from service.inference.repository import Repository
from service.manifest import MANIFEST_FILE, digest
from tests.conftest import Exported


def add(exported: Exported, root: Path, name: str, version: int) -> Path:
    """Copy the model to `<root>/<name>/<version>`, its manifest saying so."""
    folder = Path(shutil.copytree(exported.folder, root / name / str(version)))
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    manifest.update(name=name, version=version)
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))
    return folder


def load(root: Path) -> Repository:
    repository = Repository(root, partial(Model.load, threads=1))
    repository.refresh()
    return repository


def test_holds_every_version_and_serves_the_newest_by_number(exported: Exported, tmp_path: Path) -> None:
    for version in (2, 10, 9):
        add(exported, tmp_path, "plant", version)
    add(exported, tmp_path, "mill", 1)
    repository = load(tmp_path)
    assert repository.ready
    assert repository.versions("plant") == [2, 9, 10]
    assert repository.get("plant").manifest.version == 10
    assert repository.get("plant", "9").manifest.version == 9
    assert sorted((model.manifest.name, model.manifest.version) for model in repository) == [
        ("mill", 1),
        ("plant", 2),
        ("plant", 9),
        ("plant", 10),
    ]


def test_a_broken_version_is_skipped_with_its_reason_and_the_others_serve(
    exported: Exported, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(exported, tmp_path, "plant", 1)
    broken = add(exported, tmp_path, "plant", 2)
    (broken / "model.onnx").write_bytes(b"half a cop")
    misplaced = add(exported, tmp_path, "plant", 3)
    misplaced.rename(tmp_path / "plant" / "4")
    with caplog.at_level(logging.ERROR):
        repository = load(tmp_path)
    assert repository.versions("plant") == [1]
    reasons = [vars(record)["reason"] for record in caplog.records]
    assert "has been altered" in reasons[0]
    assert "calls it plant version 3" in reasons[1]


def test_a_file_that_cannot_be_read_stops_only_its_own_version(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add(exported, tmp_path, "plant", 1)
    add(exported, tmp_path, "plant", 2)

    def refuse(file: Path) -> str:
        if "2" in file.parent.name:
            raise PermissionError(13, "Permission denied", str(file))
        return digest(file)

    monkeypatch.setattr("service.manifest.digest", refuse)
    assert load(tmp_path).versions("plant") == [1]
    assert "its files cannot be read" in vars(caplog.records[-1])["reason"]


def test_what_is_not_a_model_is_not_looked_at(exported: Exported, tmp_path: Path) -> None:
    add(exported, tmp_path, "plant", 1)
    (tmp_path / "README.txt").touch()
    for name in (".git/1", "plant/latest", "plant/0", "plant/.2-staging", "plant/-1", "plant/１"):
        (tmp_path / name).mkdir(parents=True)
    assert [model.manifest.version for model in load(tmp_path)] == [1]


def test_an_empty_folder_is_not_ready(tmp_path: Path) -> None:
    assert not load(tmp_path).ready


@pytest.mark.parametrize(
    ("name", "version", "complaint"),
    [
        ("mill", None, "no model is called 'mill'; models served: plant"),
        ("plant", "2", "plant has no version '2'; versions served: 1"),
        ("plant", "latest", "plant has no version 'latest'"),
        ("plant", "1" * 5000, "plant has no version"),
        ("../plant", None, r"no model is called '\.\./plant'"),
    ],
)
def test_an_unknown_model_or_version_names_the_known_ones(
    exported: Exported, tmp_path: Path, name: str, version: str | None, complaint: str
) -> None:
    add(exported, tmp_path, "plant", 1)
    with pytest.raises(ModelNotFoundError, match=complaint):
        load(tmp_path).get(name, version)
