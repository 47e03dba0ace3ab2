from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.numpy_helper import to_array

from model_export.graph.onnx_writer import OPSET, check_graph
from model_export.text import quantisation
from model_export.text.encoder import load_encoder
from model_export.text.graph import EMBEDDING, IDS, MASK, EncoderGraph, export_encoder
from model_export.text.quantisation import quantise
from tests.model_export.text.tiny_encoder import save_encoder


@pytest.fixture(scope="module")
def quantised(encoder_graph: EncoderGraph) -> EncoderGraph:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantisation, "_SMALLEST", 16)
        return quantise(encoder_graph)


def batch(rows: int, longest: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(rows)
    lengths = generator.integers(2, longest + 1, rows)
    lengths[:1] = longest
    mask = (np.arange(longest) < lengths[:, None]).astype(np.int64)
    return {IDS: generator.integers(4, 20, mask.shape) * mask, MASK: mask}


def embeddings(encoder: EncoderGraph, inputs: dict[str, np.ndarray]) -> np.ndarray:
    return np.asarray(onnxruntime.InferenceSession(encoder.graph).run([EMBEDDING], inputs)[0])


def test_embeddings_stay_near_those_of_the_float_encoder(encoder_graph: EncoderGraph, quantised: EncoderGraph) -> None:
    inputs = batch(64, 20)
    apart = np.linalg.norm(embeddings(quantised, inputs) - embeddings(encoder_graph, inputs), axis=1)
    assert 0 < apart.mean() < 0.1


def test_an_answer_does_not_depend_on_its_batch_or_padding(quantised: EncoderGraph) -> None:
    inputs = batch(16, 20)
    together = embeddings(quantised, inputs)
    for row in range(16):
        length = inputs[MASK][row].sum()
        alone = embeddings(quantised, {name: value[row : row + 1, :length] for name, value in inputs.items()})
        np.testing.assert_allclose(alone[0], together[row], atol=1e-5)


def test_no_texts_give_no_embeddings(quantised: EncoderGraph) -> None:
    nothing = np.empty((0, 6), dtype=np.int64)
    assert embeddings(quantised, {IDS: nothing, MASK: nothing}).shape == (0, 16)


def test_is_standard_and_names_its_precision(encoder_graph: EncoderGraph, quantised: EncoderGraph) -> None:
    model = onnx.load_from_string(quantised.graph)
    check_graph(model)
    assert [(imported.domain, imported.version) for imported in model.opset_import] == [("", OPSET)]
    operators = Counter(node.op_type for node in model.graph.node)
    # Six matrices a layer; query, key and value take the same integers.
    assert (operators["MatMulInteger"], operators["Round"]) == (24, 16)
    assert quantised.description == encoder_graph.description.replace("float32", "int8")


def test_weights_keep_clear_of_what_16_bits_cannot_add(quantised: EncoderGraph) -> None:
    model = onnx.load_from_string(quantised.graph)
    tensors = {tensor.name: to_array(tensor) for tensor in model.graph.initializer}
    products = [
        np.abs(tensors[node.input[1]].astype(int)).max() for node in model.graph.node if node.op_type == "MatMulInteger"
    ]
    assert max(products) == 63


def test_small_matrices_are_left_alone(encoder_graph: EncoderGraph) -> None:
    model = onnx.load_from_string(quantise(encoder_graph).graph)
    assert not any(node.op_type == "MatMulInteger" for node in model.graph.node)


def test_a_matrix_of_zeros_stays_one() -> None:
    integers, scales = quantisation._integers(np.zeros((3, 2), dtype=np.float32), 63, axis=0)
    assert not integers.any()
    assert scales.tolist() == [[1, 1]]


def test_four_times_smaller(tmp_path: Path) -> None:
    made = export_encoder(load_encoder(save_encoder(tmp_path, layers=1, hidden_size=256), "mean"), 12)
    assert len(quantise(made).graph) < 0.35 * len(made.graph)
