from hashlib import sha256
from pathlib import Path

import pytest

from model_export.errors import ExportError
from model_export.graph.version_folder import free_version, next_version, write_version
from service.manifest import Manifest
from service.version_folder import read_manifest
from tests.conftest import Exported


@pytest.fixture
def manifest(exported: Exported) -> Manifest:
    return read_manifest(exported.folder)


def test_writes_the_files_and_a_manifest_that_lists_them(tmp_path: Path, manifest: Manifest) -> None:
    folder = write_version(tmp_path, manifest, {"model.onnx": b"graph", "tokenizer.json": b"{}"})
    assert folder == tmp_path / "plant" / "1"
    assert read_manifest(folder).files == {
        "model.onnx": sha256(b"graph").hexdigest(),
        "tokenizer.json": sha256(b"{}").hexdigest(),
    }
    assert [path.name for path in folder.parent.iterdir()] == ["1"]
    assert folder.stat().st_mode & 0o777 == 0o755
    assert all(file.stat().st_mode & 0o777 == 0o644 for file in folder.iterdir())


def test_a_version_never_changes(tmp_path: Path, manifest: Manifest) -> None:
    folder = write_version(tmp_path, manifest, {"model.onnx": b"first"})
    with pytest.raises(ExportError, match="a version never changes: export version 2"):
        write_version(tmp_path, manifest, {"model.onnx": b"second"})
    assert (folder / "model.onnx").read_bytes() == b"first"


def test_a_failure_leaves_nothing(tmp_path: Path, manifest: Manifest) -> None:
    with pytest.raises(TypeError):
        write_version(tmp_path, manifest, {"model.onnx": b"graph", "broken": "not bytes"})  # type: ignore[dict-item]
    with pytest.raises(ExportError, match="cannot be written"):
        write_version(tmp_path, manifest, {"model.onnx": b"graph", "no/such/folder": b""})
    assert not list(tmp_path.rglob("*.onnx"))


def test_a_repository_that_cannot_be_made_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="file is not a folder that can be written to"):
        free_version(tmp_path / "file", "plant", 1)


def test_the_next_version_counts_numbers_only(tmp_path: Path) -> None:
    assert next_version(tmp_path, "plant") == 1
    for name in ("2", "10", "notes", ".11-staging"):
        (tmp_path / "plant" / name).mkdir(parents=True)
    assert next_version(tmp_path, "plant") == 11
