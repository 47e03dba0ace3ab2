import json
import os
import shutil
import threading
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from service.errors import InvalidModelError, ModelNotFoundError, NotReadyError
from service.inference.model import Model
from service.inference.repository import Repository
from service.manifest import MANIFEST_FILE, MODEL_FILE, TOKENIZER_FILE
from service.version_folder import digest
from tests.conftest import Exported

ROW = np.array([[20, 5, 1000, 0]], dtype=np.float32)


def edit(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    manifest.update(changes)
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))


def add(exported: Exported, root: Path, name: str, version: int) -> Path:
    """Copy the model to `<root>/<name>/<version>`, its manifest saying so."""
    folder = Path(shutil.copytree(exported.folder, root / name / str(version)))
    edit(folder, name=name, version=version)
    return folder


def open_repository(root: Path, max_bytes: int | None = None) -> Repository:
    repository = Repository(root, partial(Model.load, threads=1, max_bytes=max_bytes))
    repository.refresh()
    return repository


def states(repository: Repository) -> list[tuple[str, int, str]]:
    return [(found.name, found.version, found.state) for found in repository.index()]


def reasons(repository: Repository) -> dict[int, str]:
    return {found.version: found.reason for found in repository.index()}


def test_holds_every_version_and_serves_the_newest_by_number(exported: Exported, tmp_path: Path) -> None:
    for version in (2, 10, 9):
        add(exported, tmp_path, "plant", version)
    add(exported, tmp_path, "mill", 1)
    repository = open_repository(tmp_path)
    assert repository.ready
    assert repository.versions("plant") == [2, 9, 10]
    assert repository.get("plant").manifest.version == 10
    assert repository.get("plant", "9").manifest.version == 9
    assert [(model.manifest.name, model.manifest.version) for model in repository] == [
        ("mill", 1),
        ("plant", 2),
        ("plant", 9),
        ("plant", 10),
    ]


def test_what_is_not_a_model_is_not_looked_at(exported: Exported, tmp_path: Path) -> None:
    add(exported, tmp_path, "plant", 1)
    (tmp_path / "README.txt").touch()
    for name in (".git/1", "plant/latest", "plant/0", "plant/.2-staging", "plant/-1", "plant/１"):
        (tmp_path / name).mkdir(parents=True)
    assert states(open_repository(tmp_path)) == [("plant", 1, "READY")]


def test_an_empty_folder_is_not_ready(tmp_path: Path) -> None:
    assert not open_repository(tmp_path).ready


def test_follows_what_comes_is_completed_and_goes(exported: Exported, tmp_path: Path) -> None:
    add(exported, tmp_path, "plant", 1)
    repository = open_repository(tmp_path)
    half = add(exported, tmp_path, "plant", 2)
    graph = (half / MODEL_FILE).read_bytes()
    (half / MODEL_FILE).write_bytes(graph[:1000])
    repository.refresh()
    assert repository.versions("plant") == [1]
    (half / MODEL_FILE).write_bytes(graph)
    repository.refresh()
    assert repository.versions("plant") == [1, 2]
    assert reasons(repository) == {1: "", 2: ""}
    shutil.rmtree(half)
    repository.refresh()
    assert states(repository) == [("plant", 1, "READY")]


def test_what_has_not_changed_is_not_loaded_again(exported: Exported, tmp_path: Path) -> None:
    add(exported, tmp_path, "plant", 1)
    repository = open_repository(tmp_path)
    model = repository.get("plant")
    repository.refresh()
    assert repository.get("plant") is model


def test_a_changed_version_that_is_broken_leaves_the_old_one_serving(exported: Exported, tmp_path: Path) -> None:
    folder = add(exported, tmp_path, "plant", 1)
    repository = open_repository(tmp_path)
    model = repository.get("plant")
    (folder / MODEL_FILE).write_bytes(b"broken")
    repository.refresh()
    assert repository.get("plant") is model
    assert states(repository) == [("plant", 1, "READY")]
    assert "has been altered" in reasons(repository)[1]


def test_a_changed_version_whose_tokenizer_is_broken_leaves_the_old_one_serving(
    texts: Exported, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(texts.folder, tmp_path / "reviews" / "1"))
    repository = open_repository(tmp_path)
    model = repository.get("reviews")
    manifest = (folder / MANIFEST_FILE).read_text()
    before = digest(folder / TOKENIZER_FILE)
    (folder / TOKENIZER_FILE).write_bytes(b"{}")
    (folder / MANIFEST_FILE).write_text(manifest.replace(before, digest(folder / TOKENIZER_FILE)))
    repository.refresh()
    assert repository.get("reviews") is model
    assert states(repository) == [("reviews", 1, "READY")]
    assert "tokenizer.json cannot be used: it is no tokenizer" in reasons(repository)[1]


def test_a_repository_that_is_away_for_a_moment_keeps_its_models(exported: Exported, tmp_path: Path) -> None:
    root = tmp_path / "root"
    add(exported, root, "plant", 1)
    repository = open_repository(root)
    root.rename(tmp_path / "away")
    repository.refresh()
    assert repository.versions("plant") == [1]


def test_a_model_folder_that_cannot_be_listed_for_a_moment_keeps_its_versions(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(exported, tmp_path, "plant", 1)
    repository = open_repository(tmp_path)
    scandir = os.scandir

    def refuse(path: str | Path) -> Iterator["os.DirEntry[str]"]:
        if str(path).endswith("plant"):
            raise OSError(116, "Stale file handle")
        return scandir(path)

    with monkeypatch.context() as patched:
        patched.setattr("os.scandir", refuse)
        repository.refresh()
    assert repository.versions("plant") == [1]


def test_a_failure_that_nobody_foresaw_stops_only_its_own_version_and_is_tried_again(
    exported: Exported, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(exported, tmp_path, "plant", 1)
    add(exported, tmp_path, "plant", 2)
    tries: list[Path] = []

    def load(folder: Path) -> Model:
        if folder.name == "1" and not tries:
            tries.append(folder)
            raise MemoryError
        return Model.load(folder, threads=1)

    repository = Repository(tmp_path, load)
    repository.refresh()
    assert repository.versions("plant") == [2]
    assert reasons(repository)[1] == "loading it failed: the service's log has the reason"
    assert "MemoryError" in caplog.text
    repository.refresh()
    assert repository.versions("plant") == [1, 2]


def test_what_is_unloaded_stays_so_whatever_versions_come(exported: Exported, tmp_path: Path) -> None:
    add(exported, tmp_path, "plant", 1)
    repository = open_repository(tmp_path)
    repository.unload("plant")
    add(exported, tmp_path, "plant", 2)
    repository.refresh()
    assert states(repository) == [("plant", 1, "UNAVAILABLE"), ("plant", 2, "UNAVAILABLE")]
    repository.load("plant")
    assert repository.versions("plant") == [1, 2]


def test_unloads_by_request_and_stays_so_until_asked(exported: Exported, tmp_path: Path) -> None:
    add(exported, tmp_path, "plant", 1)
    repository = open_repository(tmp_path)
    repository.unload("plant")
    repository.refresh()
    assert states(repository) == [("plant", 1, "UNAVAILABLE")]
    assert reasons(repository) == {1: "unloaded by request"}
    with pytest.raises(NotReadyError):
        repository.get("plant")
    repository.load("plant")
    assert states(repository) == [("plant", 1, "READY")]
    for change in (repository.load, repository.unload):
        with pytest.raises(ModelNotFoundError):
            change("../plant")


def test_a_load_by_request_that_fails_says_why_and_keeps_the_old_one(exported: Exported, tmp_path: Path) -> None:
    folder = add(exported, tmp_path, "plant", 1)
    repository = open_repository(tmp_path)
    (folder / MANIFEST_FILE).write_text("{}")
    with pytest.raises(InvalidModelError, match="schema version None"):
        repository.load("plant")
    assert repository.get("plant").score(ROW)["label"].shape == (1,)


def test_the_old_model_lives_until_its_last_request_ends_and_no_longer(exported: Exported, tmp_path: Path) -> None:
    add(exported, tmp_path, "plant", 1)
    repository = open_repository(tmp_path)
    in_use = repository.get("plant")
    freed = weakref.ref(in_use)
    repository.load("plant")
    assert repository.get("plant") is not in_use
    assert in_use.score(ROW)["label"].shape == (1,)
    del in_use
    assert freed() is None


def test_requests_meet_a_whole_model_at_every_moment_of_200_reloads(exported: Exported, tmp_path: Path) -> None:
    add(exported, tmp_path, "plant", 1)
    repository = open_repository(tmp_path)
    expected = repository.get("plant").score(ROW)["probabilities"]
    stop, failures, answered = threading.Event(), [], 0

    def ask() -> None:
        nonlocal answered
        while not stop.is_set():
            try:
                found = repository.get("plant").score(ROW)["probabilities"]
                if not np.array_equal(found, expected):
                    failures.append(str(found))
            except Exception as error:
                failures.append(repr(error))
            answered += 1

    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(200):
        repository.load("plant")
    stop.set()
    asking.join()
    assert not failures
    assert answered > 200


@pytest.mark.parametrize(
    ("name", "version", "complaint"),
    [
        ("mill", None, "no model is called 'mill'; models served: plant"),
        ("plant", "2", "plant has no version '2'; versions served: 1"),
        ("plant", "latest", "plant has no version 'latest'"),
        ("plant", "1" * 5000, "plant has no version"),
        ("../plant", None, r"no model is called '\.\./plant'"),
        ("x" * 5000, None, r"no model is called 'x{200}…'"),
    ],
)
def test_an_unknown_model_or_version_names_the_known_ones(
    exported: Exported, tmp_path: Path, name: str, version: str | None, complaint: str
) -> None:
    add(exported, tmp_path, "plant", 1)
    with pytest.raises(ModelNotFoundError, match=complaint):
        open_repository(tmp_path).get(name, version)


def test_knows_a_folder_by_its_files_even_when_sizes_and_times_agree(exported: Exported, tmp_path: Path) -> None:
    folder = add(exported, tmp_path, "plant", 1)
    repository = open_repository(tmp_path)
    model = repository.get("plant")
    graph = folder / MODEL_FILE
    stat = graph.stat()
    replacement = folder.parent / "replacement"
    replacement.write_bytes(graph.read_bytes())
    os.utime(replacement, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    replacement.replace(graph)
    repository.refresh()
    assert repository.get("plant") is not model
