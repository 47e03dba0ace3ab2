import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from model_export.errors import VerificationError
from model_export.graph.folder_check import check_folder
from model_export.graph.probes import made_up_rows
from model_export.graph.text_parts import TextParts, spread
from service.inference.model import Model
from service.inputs import TextInput
from service.manifest import MANIFEST_FILE, MODEL_FILE
from tests.conftest import Exported
from tests.onnx_edit import alter, rename


@pytest.fixture
def folder(texts: Exported, tmp_path: Path) -> Path:
    return Path(shutil.copytree(texts.folder, tmp_path / "1"))


def test_head_and_encoder_together_are_the_graph(texts: Exported) -> None:
    model = Model.load(texts.folder, threads=1)
    assert isinstance(model.manifest.input, TextInput)
    parts = TextParts(onnx.load(texts.folder / MODEL_FILE), model.manifest.input)
    rows = made_up_rows(texts.folder, model)
    found = parts.answers(parts.embed(rows))
    np.testing.assert_allclose(found, model.score(rows)["probabilities"], rtol=1e-5, atol=1e-6)


def test_a_graph_that_ignores_its_mask_is_found(folder: Path) -> None:
    def ignore(model: onnx.ModelProto) -> None:
        nodes = list(model.graph.node)
        for node in nodes:
            node.input[:] = ["all ones" if name == "attention_mask" else name for name in node.input]
        del model.graph.node[:]
        model.graph.node.append(onnx.helper.make_node("Equal", ["attention_mask", "attention_mask"], ["same"]))
        model.graph.node.append(onnx.helper.make_node("Cast", ["same"], ["all ones"], to=onnx.TensorProto.INT64))
        model.graph.node.extend(nodes)

    alter(folder, ignore)
    with pytest.raises(VerificationError, match="embedding depends on padding or on the texts beside it"):
        list(check_folder(folder))


def test_an_embedding_that_depends_on_the_other_texts_is_found(folder: Path) -> None:
    def mix(model: onnx.ModelProto) -> None:
        [place] = [index for index, node in enumerate(model.graph.node) if "embedding" in node.output]
        nodes = list(model.graph.node)
        nodes[place].output[:] = ["alone"]
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0]), "over texts"))
        nodes[place + 1 : place + 1] = [
            onnx.helper.make_node("ReduceMean", ["alone", "over texts"], ["of all"]),
            onnx.helper.make_node("Sub", ["alone", "of all"], ["apart"]),
            onnx.helper.make_node("Add", ["alone", "apart"], ["embedding"]),
        ]
        del model.graph.node[:]
        model.graph.node.extend(nodes)

    alter(folder, mix)
    with pytest.raises(VerificationError, match="embedding depends on padding or on the texts beside it"):
        list(check_folder(folder))


def test_an_output_that_looks_past_the_embedding_is_found(folder: Path) -> None:
    def look(model: onnx.ModelProto) -> None:
        rename(model, "typicality", "typicality before")
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1]), "over tokens"))
        model.graph.node.extend(
            [
                onnx.helper.make_node("ReduceMax", ["attention_mask", "over tokens"], ["one"], keepdims=0),
                onnx.helper.make_node("Cast", ["one"], ["1.0"], to=onnx.TensorProto.FLOAT),
                onnx.helper.make_node("Mul", ["typicality before", "1.0"], ["typicality"]),
            ]
        )

    alter(folder, look)
    with pytest.raises(VerificationError, match=r"embedding alone do not make label, .*: attention_mask is needed"):
        list(check_folder(folder))


def test_a_graph_without_the_tensor_that_the_manifest_names_is_found(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    manifest["input"]["embedding"] = "sentence"
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))
    with pytest.raises(VerificationError, match="the graph has no inner tensor sentence"):
        list(check_folder(folder))


def test_a_dimension_that_never_moves_is_stepped_as_the_others_and_a_tiny_one_by_itself() -> None:
    embeddings = np.array([[1, 3, 1e-30], [1, 5, 3e-30]], np.float32)
    np.testing.assert_allclose(spread(embeddings), [3**-0.5, 1, 1e-30], rtol=1e-6)
    with pytest.raises(VerificationError, match="every text has the same embedding"):
        spread(embeddings[:1])
