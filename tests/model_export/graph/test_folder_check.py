import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.base import clone

from model_export.errors import ExportError, VerificationError
from model_export.graph.consistency import check_consistency
from model_export.graph.finding import Finding
from model_export.graph.folder_check import check_folder
from model_export.graph.gradient_check import check_gradient
from model_export.training import ChainzRuleClassifier
from service.errors import InvalidModelError, NonFiniteOutputError
from service.inference.model import Model
from service.manifest import MANIFEST_FILE, MODEL_FILE
from service.version_folder import digest, read_manifest
from tests.conftest import PLANT, Exported
from tests.onnx_edit import alter, change_output


@pytest.fixture
def folder(exported: Exported, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported.folder, tmp_path / "1"))


@pytest.mark.parametrize(
    ("kind", "number", "gradient"),
    [
        ("exported", 6, "the gradient of the margin"),
        ("ordinal", 6, "what the level rises with"),
        ("texts", 7, "the gradient of the margin"),
        ("images", 6, "the gradient of the margin"),
    ],
)
def test_a_good_folder_of_each_kind_passes_and_says_what_was_found(
    kind: str, number: int, gradient: str, request: pytest.FixtureRequest
) -> None:
    exported: Exported = request.getfixturevalue(kind)
    findings = list(check_folder(exported.folder))
    assert len(findings) == number
    assert all(finding.checked for finding in findings)
    assert findings[-1].text.startswith(f"sensitivity is {gradient}: finite differences agree to")


def test_every_kind_of_network_and_jacobian_passes(tmp_path: Path) -> None:
    relu = clone(PLANT.estimator).set_params(activation="relu")
    folder = replace(PLANT, estimator=relu).export(tmp_path)
    assert read_manifest(folder).network.activation == "relu"
    assert len(list(check_folder(folder))) == 6
    full = replace(PLANT, jacobian="full").export(tmp_path)
    assert len(list(check_folder(full))) == 6
    for output, factor, complaint in (
        ("jacobian_norm", 0.3, "jacobian_norm is not"),
        ("boundary_distance", 5, "boundary_distance is not"),
        ("tail_ratio", 7, "tail_ratio is not jacobian_norm over its mean"),
    ):
        copy = Path(shutil.copytree(full, tmp_path / output))
        alter(copy, lambda model, output=output, factor=factor: change_output(model, output, "Mul", factor))  # type: ignore[misc]
        with pytest.raises(VerificationError, match=complaint):
            list(check_folder(copy))


def test_a_file_that_is_no_graph_and_a_graph_that_answers_nan_are_refused(folder: Path) -> None:
    # NaN where a value is missing, and nowhere else: the manifest's own example does not show it.
    def change(model: onnx.ModelProto) -> None:
        model.graph.node.append(onnx.helper.make_node("ReduceSum", ["features"], ["total"], keepdims=0))
        model.graph.node[-1].input.append("last axis")
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1]), "last axis"))
        for node in model.graph.node:
            node.output[:] = ["finite" if name == "tail_ratio" else name for name in node.output]
        model.graph.node.append(onnx.helper.make_node("Add", ["finite", "total"], ["tail_ratio"]))

    alter(folder, change)
    with pytest.raises(NonFiniteOutputError, match="tail_ratio that is not finite"):
        list(check_folder(folder))
    before = digest(folder / MODEL_FILE)
    (folder / MODEL_FILE).write_bytes(b"\xff\xff no protobuf")
    manifest = (folder / MANIFEST_FILE).read_text()
    (folder / MANIFEST_FILE).write_text(manifest.replace(before, digest(folder / MODEL_FILE)))
    with pytest.raises(ExportError, match="is not an ONNX model"):
        list(check_folder(folder))


def test_a_graph_with_operators_of_a_vendor_is_refused(folder: Path) -> None:
    alter(folder, lambda model: model.opset_import.append(onnx.helper.make_opsetid("vendor", 1)))
    with pytest.raises(ExportError, match="outside the ONNX standard"):
        list(check_folder(folder))


def test_an_altered_file_is_refused(folder: Path) -> None:
    with (folder / MODEL_FILE).open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(InvalidModelError, match="has been altered"):
        list(check_folder(folder))


def blobs(rows: int, classes: int, apart: float) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, rows)
    centres = apart * generator.normal(size=(classes, 4))
    table = pd.DataFrame(centres[labels] + generator.normal(size=(rows, 4)), columns=list("abcd"))
    return table.assign(grade=[f"class {label}" for label in labels])


def export_blobs(table: pd.DataFrame, repository: Path) -> Path:
    task = replace(
        PLANT,
        load=lambda: table,
        class_names={name: name for name in table["grade"].unique()},
        units=dict.fromkeys("abcd"),
        estimator=ChainzRuleClassifier((16, 16), max_epochs=40, patience=10),
    )
    return task.export(repository)


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_that_are_far_apart_pass(classes: int, tmp_path: Path) -> None:
    folder = export_blobs(blobs(600, classes, 8), tmp_path)
    assert read_manifest(folder).reference.temperature < 0.2
    assert list(check_folder(folder))[-1].text.startswith("sensitivity is the gradient of the margin")


def test_few_calibration_rows_pass_and_what_they_leave_open_is_said(tmp_path: Path) -> None:
    folder = export_blobs(blobs(110, 2, 0.25), tmp_path)
    assert read_manifest(folder).reference.rows == 22
    findings = list(check_folder(folder))
    assert len(findings) == 7
    assert Finding("reliability could be checked for its range alone: no row is sure to be usual", False) in findings


def test_probabilities_that_are_all_saturated_leave_distance_and_gradient_open(folder: Path) -> None:
    manifest = read_manifest(folder)
    probabilities = np.zeros((5, 3), np.float32)
    probabilities[:, 1] = 1
    rows = np.zeros((5, 4), np.float32)
    model = Model.load(folder, threads=1)
    scores = {**model.score(rows), "probabilities": probabilities}
    [open_gradient] = check_gradient(model, rows, scores, None)
    assert open_gradient.text.startswith("sensitivity could not be checked: every row's")
    assert not open_gradient.checked
    scores["label"] = np.ones(5, np.int64)
    scores["tail_ratio"] = scores["jacobian_norm"] / np.float32(manifest.reference.jacobian_norm)
    trusted = 1 / (
        1 + np.exp(-manifest.reference.reliability_weights[0] - 13.8155 * manifest.reference.reliability_weights[1])
    )
    scores["reliability"] = np.full(5, trusted, np.float32)
    scores["typicality"] = np.ones(5, np.float32)
    agreed, *unchecked = check_consistency(manifest, scores)
    assert agreed.checked
    assert unchecked == [
        Finding("boundary_distance could not be checked: every row's probabilities are saturated", checked=False)
    ]
