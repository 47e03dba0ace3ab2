import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import onnx
import pytest

from model_export.errors import ExportError, VerificationError
from model_export.graph.folder_check import check_folder
from service.errors import InvalidModelError
from service.manifest import MANIFEST_FILE, MODEL_FILE
from tests.conftest import Exported
from tests.onnx_edit import change_output


@pytest.fixture
def folder(exported: Exported, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported.folder, tmp_path / "1"))


def alter(folder: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    """Change the graph and let the manifest agree with it, as a faulty exporter would."""
    model = onnx.load(folder / MODEL_FILE)
    change(model)
    (folder / MODEL_FILE).write_bytes(model.SerializeToString())
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    manifest["files"][MODEL_FILE] = sha256((folder / MODEL_FILE).read_bytes()).hexdigest()
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))


def test_a_good_folder_passes_and_says_what_was_found(folder: Path) -> None:
    findings = list(check_folder(folder))
    assert len(findings) == 6
    assert findings[-1].startswith("sensitivity is the gradient of the margin: finite differences agree to")


@pytest.mark.parametrize(
    ("output", "factor", "complaint"),
    [
        ("sensitivity", 1.1, "jacobian_norm is not that of sensitivity"),
        ("boundary_distance", 1.1, "boundary_distance is not margin over norm"),
        ("reliability", 1.5, r"reliability leaves \[0, 1\]"),
        ("probabilities", 0.9, "do not add up to 1"),
    ],
)
def test_a_graph_whose_outputs_contradict_each_other_is_found(
    folder: Path, output: str, factor: float, complaint: str
) -> None:
    alter(folder, lambda model: change_output(model, output, "Mul", factor))
    with pytest.raises(VerificationError, match=complaint):
        list(check_folder(folder))


def test_a_consistent_but_wrong_gradient_is_found(folder: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        for name, factor in (("sensitivity", 1.1), ("jacobian_norm", 1.1), ("boundary_distance", 1 / 1.1)):
            change_output(model, name, "Mul", factor)

    alter(folder, change)
    with pytest.raises(VerificationError, match="sensitivity is not the gradient of the margin"):
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
