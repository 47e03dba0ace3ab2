import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.errors import InvalidModelError
from service.manifest import MANIFEST_FILE, MODEL_FILE, OUTPUTS, Manifest, output_shape
from service.protocol.instances import TableReader
from service.version_folder import read_manifest
from tests.conftest import Exported


@pytest.fixture
def folder(exported: Exported, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported.folder, tmp_path / "1"))


def test_what_the_exporter_writes_is_read(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest.name == "plant"
    assert {output.name: output_shape(output, manifest) for output in OUTPUTS} == {
        "label": (),
        "probabilities": (3,),
        "jacobian_norm": (),
        "tail_ratio": (),
        "boundary_distance": (),
        "typicality": (),
        "reliability": (),
        "sensitivity": (4,),
    }


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((folder / MANIFEST_FILE).read_text())
    change(content)
    (folder / MANIFEST_FILE).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda content: content.update(schema_version=2), "has schema version 2 and this release reads 1"),
        (lambda content: content.pop("schema_version"), "has schema version None and this release reads 1"),
        (lambda content: content.pop("classes"), "does not fit the schema: classes: Field required"),
        (lambda content: content["reference"].pop("thresholds"), r"reference\.thresholds: Field required"),
        (
            lambda content: content["reference"]["thresholds"]["review"].update(score=1.5),
            r"review\.score: Input should be less than or equal to 1",
        ),
        (lambda content: content.update(colour="red"), "colour: Extra inputs are not permitted"),
        (lambda content: content.update(name="../plant"), "name: String should match pattern"),
        (lambda content: content["input"]["features"][0].update(name="age"), "each name may stand once, and age"),
        (
            lambda content: content["input"]["features"][0].update(name='Glucose "fasting"'),
            r"features\.0\.number\.name: .*holds a quotation mark or a backslash: rename the column",
        ),
        (lambda content: content["input"]["features"][0].update(name="a\\b"), "a quotation mark or a backslash"),
        (lambda content: content["input"]["features"][0].update(name="a\nb"), "must hold no control character"),
        (lambda content: content["input"]["features"][0].update(name=""), "must not be blank"),
        (lambda content: content.update(classes=["low", "hi\x00gh"]), r"classes\.1: .*no control character"),
        (lambda content: content.update(classes=["low", " "]), r"classes\.1: .*must not be blank"),
        (lambda content: content.update(classes=["low", "low"]), "each name may stand once, and low"),
        (lambda content: content["input"]["features"].clear(), r"input\.table\.features: Tuple should have at least 1"),
        (lambda content: content["files"].update({"../secret": "0" * 64}), r"\.\./secret is missing"),
        (lambda content: content["files"].update({MODEL_FILE: "0" * 64}), "has been altered"),
        (lambda content: content["files"].clear(), "lists no model.onnx"),
    ],
)
def test_a_manifest_that_is_not_right_is_refused_with_the_reason(
    folder: Path, change: Callable[[dict[str, Any]], object], complaint: str
) -> None:
    edit(folder, change)
    with pytest.raises(InvalidModelError, match=complaint):
        read_manifest(folder)


@given(name=st.text(max_size=12) | st.text(st.sampled_from('a \\"\t\x7f\x85\u2028😀'), min_size=1, max_size=4))
def test_rows_can_be_read_by_every_name_that_a_feature_may_have(exported: Exported, name: str) -> None:
    manifest = read_manifest(exported.folder)
    content = manifest.model_dump()
    content["input"]["features"][0]["name"] = name
    try:
        renamed = Manifest.model_validate(content)
    except ValidationError:
        return
    row = dict.fromkeys(renamed.table.names, 1.5)
    assert (TableReader(renamed.table, 1).read(orjson.dumps({"instances": [row]})).rows == 1.5).all()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_a_manifest_that_is_not_json_or_no_object_is_refused(folder: Path, content: bytes) -> None:
    (folder / MANIFEST_FILE).write_bytes(content)
    with pytest.raises(InvalidModelError, match=r"cannot be read|schema version None"):
        read_manifest(folder)


def test_missing_unlisted_and_linked_files_are_refused(folder: Path) -> None:
    (folder / "notes.txt").touch()
    with pytest.raises(InvalidModelError, match=r"notes\.txt is not in its manifest"):
        read_manifest(folder)
    (folder / "notes.txt").unlink()

    graph = (folder / MODEL_FILE).read_bytes()
    (folder / MODEL_FILE).unlink()
    with pytest.raises(InvalidModelError, match=r"model\.onnx is missing: was the folder copied whole"):
        read_manifest(folder)
    (folder.parent / "elsewhere.onnx").write_bytes(graph)
    (folder / MODEL_FILE).symlink_to(folder.parent / "elsewhere.onnx")
    with pytest.raises(InvalidModelError, match="is not a plain file"):
        read_manifest(folder)

    (folder / MODEL_FILE).unlink()
    (folder / MANIFEST_FILE).unlink()
    with pytest.raises(InvalidModelError, match=r"it has no manifest\.json"):
        read_manifest(folder)


def test_a_manifest_is_immutable_and_holds_no_nan(folder: Path) -> None:
    manifest = read_manifest(folder)
    with pytest.raises(ValidationError, match="frozen"):
        manifest.name = "other"  # type: ignore[misc]
    content = manifest.model_dump()
    content["reference"]["tail_ratio"] = float("nan")
    with pytest.raises(ValidationError, match="finite number"):
        Manifest.model_validate(content)


def test_a_regression_has_no_classes_and_every_other_model_has_two(exported: Exported, regression: Exported) -> None:
    number, grade = read_manifest(regression.folder).model_dump(), read_manifest(exported.folder).model_dump()
    assert "regression" not in grade
    assert Manifest.model_validate(number).predicted.unit == "kg/h"
    for content, changed in (
        (number, {"classes": ("high", "low")}),
        (number, {"regression": None}),
        (grade, {"classes": ("high",)}),
        (grade, {"task": "regression"}),
        (grade, {"regression": number["regression"]}),
    ):
        with pytest.raises(ValidationError, match=r"a regression has no classes|a model of classes has at least two"):
            Manifest.model_validate({**content, **changed})
    with pytest.raises(TypeError, match="plant predicts no number but one of 3 classes"):
        _ = read_manifest(exported.folder).predicted
