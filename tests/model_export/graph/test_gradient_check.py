import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from model_export.chainzrule import ConvolutionalNetwork, CumulativeHead, Network
from model_export.errors import VerificationError
from model_export.graph.calibration import calibrate_network
from model_export.graph.finding import Finding
from model_export.graph.folder_check import check_folder
from model_export.graph.gradient_check import check_gradient
from model_export.graph.onnx_writer import export_graph
from model_export.graph.probes import made_up_rows
from model_export.graph.version_folder import write_version
from model_export.training.standardiser import PixelStandardiser
from service.inference.model import Model
from service.manifest import MANIFEST_FILE, MODEL_FILE
from tests.conftest import Exported
from tests.onnx_edit import alter, change_output
from tests.service.made_images import image_input
from tests.service.made_texts import DIMENSIONS, make_manifest


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    exported: Exported = request.getfixturevalue(request.param)
    return Path(shutil.copytree(exported.folder, tmp_path / "1"))


@pytest.mark.parametrize(
    ("folder", "complaint"),
    [
        ("exported", "sensitivity is not the gradient of the margin: for temperature it is off by"),
        ("ordinal", "sensitivity is not what the level rises with: for temperature it is off by"),
        ("texts", "sensitivity is not the gradient of the margin: for dimension 0 of the embedding it is off by"),
        ("images", "sensitivity is not the gradient of the margin: for pixels of channel red it is off by"),
    ],
    indirect=["folder"],
)
def test_a_consistent_but_wrong_gradient_is_found(folder: Path, complaint: str) -> None:
    def change(model: onnx.ModelProto) -> None:
        for name in ("sensitivity", "jacobian_norm", "tail_ratio"):
            change_output(model, name, "Mul", 1.1)
        change_output(model, "boundary_distance", "Div", 1.1)

    alter(folder, change)
    with pytest.raises(VerificationError, match=complaint):
        list(check_folder(folder))


@pytest.mark.parametrize(
    ("folder", "size", "complaint"),
    [
        ("exported", 4, "for age it is off by"),
        ("ordinal", 4, "for age it is off by"),
        ("texts", DIMENSIONS, f"for dimension {DIMENSIONS - 1} of the embedding it is off by"),
        ("images", 3, "for pixels of channel blue it is off by"),
    ],
    indirect=["folder"],
)
def test_a_last_entry_of_the_wrong_sign_is_found(folder: Path, size: int, complaint: str) -> None:
    alter(folder, lambda model: change_output(model, "sensitivity", "Mul", [*[1.0] * (size - 1), -1.0]))
    with pytest.raises(VerificationError, match=complaint):
        list(check_folder(folder))


@pytest.mark.parametrize("folder", ["images"], indirect=True)
def test_a_channel_whose_deviation_is_not_the_graphs_is_found(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    manifest["input"]["channels"][1]["standard_deviation"] *= 1.1
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))
    with pytest.raises(VerificationError, match="for pixels of channel green it is off by"):
        list(check_folder(folder))


def hide_deviations(model: onnx.ModelProto) -> None:
    """Let a product with a matrix bring embeddings to their unit, as a graph would that folds it into the weights."""
    [division] = [node for node in model.graph.node if node.op_type == "Div" and node.input[0] == "embedding"]
    [deviations] = [tensor for tensor in model.graph.initializer if tensor.name == division.input[1]]
    matrix = np.diag(1 / onnx.numpy_helper.to_array(deviations))
    model.graph.initializer.append(onnx.numpy_helper.from_array(matrix, "diagonal"))
    division.op_type, division.input[1] = "MatMul", "diagonal"


UNIT = "the unit of sensitivity could not be checked: the graph does not show a training deviation of each dimension"


@pytest.mark.parametrize("folder", ["texts"], indirect=True)
def test_where_a_graph_hides_its_unit_one_for_every_text_is_asked_for(folder: Path, tmp_path: Path) -> None:
    alter(folder, hide_deviations)
    *_, gradient, unit = check_folder(folder)
    assert gradient.checked
    assert unit == Finding(f"{UNIT}, and one unit of each explains every text", checked=False)
    turned = Path(shutil.copytree(folder, tmp_path / "turned"))
    alter(turned, lambda model: change_output(model, "sensitivity", "Mul", [1.0, -1.0, *[1.0] * (DIMENSIONS - 2)]))
    with pytest.raises(VerificationError, match="runs against the margin's gradient for dimension 1"):
        list(check_folder(turned))
    # What is turned round is the order of the dimensions, which no unit explains.
    swapped = Path(shutil.copytree(folder, tmp_path / "swapped"))
    turn = np.eye(DIMENSIONS, dtype=np.float32)[::-1]
    alter(swapped, lambda model: change_output(model, "sensitivity", "MatMul", turn))
    with pytest.raises(VerificationError, match=r"sensitivity is not the gradient|sensitivity runs against"):
        list(check_folder(swapped))


@pytest.mark.parametrize("folder", ["texts"], indirect=True)
def test_a_dimension_that_a_clamp_holds_is_left_out(folder: Path) -> None:
    def clamp(model: onnx.ModelProto) -> None:
        [place] = [
            i for i, node in enumerate(model.graph.node) if node.op_type == "MatMul" and "head.hidden" in node.input
        ]
        product = model.graph.node[place]
        for name, bound in (("least", -1.5), ("most", 1.5)):
            model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(bound, np.float32), name))
        nodes = list(model.graph.node)
        nodes.insert(place, onnx.helper.make_node("Clip", [product.input[0], "least", "most"], ["clamped"]))
        product.input[0] = "clamped"
        del model.graph.node[:]
        model.graph.node.extend(nodes)

    alter(folder, clamp)
    assert all(finding.checked for finding in check_folder(folder))


def test_the_parts_of_a_graph_of_texts_are_asked_for(texts: Exported) -> None:
    model = Model.load(texts.folder, threads=1)
    rows = made_up_rows(texts.folder, model)
    with pytest.raises(TypeError, match="give its parts"):
        list(check_gradient(model, rows, model.score(rows), None))


def test_levels_of_images_pass(tmp_path: Path) -> None:
    torch.manual_seed(0)
    convolutional = ConvolutionalNetwork((1, 6, 8), (4, 6), 3)
    network = Network(convolutional.layers, CumulativeHead(6, 3))
    generator = np.random.default_rng(0)
    images = generator.integers(256, size=(300, 6, 8, 1), dtype=np.uint8)
    standardiser = PixelStandardiser.fit(images)
    with torch.no_grad():
        network.head.weight.normal_()
        network.train()(standardiser(torch.from_numpy(images)).float())
        logits = network.eval()(standardiser(torch.from_numpy(images)).float()).numpy()
    codes = ((logits + generator.logistic(size=(300, 1))) > 0).sum(1)
    calibration = calibrate_network(standardiser, network, images[:150], images[150:], codes[150:], 3)
    image = image_input("L", "refuse", 6, 8)
    [channel] = image.channels
    mean, deviation = standardiser.mean.item(), standardiser.deviation.item()
    fitted = channel.model_copy(update={"mean": mean, "standard_deviation": deviation})
    manifest = make_manifest().model_copy(
        update={
            "name": "shades",
            "task": "ordinal",
            "input": image.model_copy(update={"channels": (fitted,)}),
            "reference": calibration.reference,
        }
    )
    graph = export_graph(calibration.scorer, "image", images[150:])
    folder = write_version(tmp_path, manifest, {MODEL_FILE: graph})
    findings = list(check_folder(folder))
    assert findings[-1].text.startswith("sensitivity is what the level rises with: finite differences agree")
    assert sum(finding.checked for finding in findings) == 6
