"""torch against onnxruntime over batch sizes, lengths, poolings and architectures."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from transformers import DistilBertConfig, DistilBertModel, MPNetConfig, MPNetModel, RobertaConfig, RobertaModel

from model_export.errors import EncoderError, VerificationError
from model_export.graph.onnx_writer import OPSET, check_graph
from model_export.text.encoder import TextEncoder, load_encoder
from model_export.text.graph import EMBEDDING, IDS, MASK, EncoderGraph, check_encoder, export_encoder
from model_export.text.minilm import NAME, minilm_folder
from model_export.text.pooling import POOLINGS, PoolingName
from tests.model_export.text.tiny_encoder import save_tokenizer
from tests.onnx_edit import change_output


def batch(rows: int, longest: int, vocabulary: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(rows)
    lengths = generator.integers(2, longest + 1, rows)
    lengths[:1] = longest
    mask = (np.arange(longest) < lengths[:, None]).astype(np.int64)
    return {IDS: generator.integers(4, vocabulary, mask.shape) * mask, MASK: mask}


def largest_difference(encoder: TextEncoder, graph: bytes, inputs: dict[str, np.ndarray]) -> float:
    [found] = onnxruntime.InferenceSession(graph).run([EMBEDDING], inputs)
    with torch.no_grad():
        expected = encoder.module(*(torch.from_numpy(value) for value in inputs.values())).numpy()
    assert found.dtype == np.float32
    assert found.shape == expected.shape == (len(inputs[IDS]), encoder.dimensions)
    return float((np.abs(found - expected).max(1) / np.abs(expected).max(1)).max())


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_graph_embeds_as_torch_does(folder: Path, pooling: PoolingName) -> None:
    encoder = load_encoder(folder, pooling)
    graph = export_encoder(encoder, 12).graph
    for rows, longest in ((1, 2), (1, 48), (7, 12), (64, 30)):
        assert largest_difference(encoder, graph, batch(rows, longest, 20)) < 1e-5


def test_the_graph_of_minilm_embeds_as_torch_does() -> None:
    encoder = load_encoder(minilm_folder(), "mean", NAME)
    made = export_encoder(encoder, 128)
    assert (made.dimensions, made.padding, encoder.longest) == (384, 0, 512)
    assert made.description == "all-MiniLM-L6-v2, mean of the last layer, unit length, float32"
    for rows, longest in ((1, 3), (7, 50), (64, 20)):
        assert largest_difference(encoder, made.graph, batch(rows, longest, 30522)) < 2e-5


@pytest.mark.parametrize(
    ("model", "config"), [(RobertaModel, RobertaConfig), (DistilBertModel, DistilBertConfig), (MPNetModel, MPNetConfig)]
)
def test_other_architectures_export_too(tmp_path: Path, model: type, config: type) -> None:
    settings = {"vocab_size": 20, "hidden_size": 8, "num_attention_heads": 2, "max_position_embeddings": 34}
    if config is DistilBertConfig:
        settings |= {"n_layers": 1, "hidden_dim": 16}
    else:
        settings |= {"num_hidden_layers": 1, "intermediate_size": 16}
    model(config(**settings)).save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    encoder = load_encoder(tmp_path, "mean")
    assert export_encoder(encoder, 12).dimensions == 8


def test_padding_changes_no_answer(encoder_graph: EncoderGraph) -> None:
    session = onnxruntime.InferenceSession(encoder_graph.graph)
    inputs = batch(4, 9, 20)
    wide = {name: np.pad(value, ((0, 0), (0, 5))) for name, value in inputs.items()}
    np.testing.assert_allclose(session.run(None, inputs)[0], session.run(None, wide)[0], atol=1e-6)


def test_no_texts_give_no_embeddings(encoder_graph: EncoderGraph) -> None:
    nothing = np.empty((0, 6), dtype=np.int64)
    [found] = onnxruntime.InferenceSession(encoder_graph.graph).run(None, {IDS: nothing, MASK: nothing})
    assert found.shape == (0, encoder_graph.dimensions)


def test_is_standard_dynamic_and_carries_nothing_of_the_exporting_machine(encoder_graph: EncoderGraph) -> None:
    model = onnx.load_from_string(encoder_graph.graph)
    check_graph(model)
    assert [(imported.domain, imported.version) for imported in model.opset_import] == [("", OPSET)]
    assert [value.name for value in model.graph.input] == [IDS, MASK]
    for value in model.graph.input:
        assert value.type.tensor_type.elem_type == onnx.TensorProto.INT64
        assert [d.dim_param for d in value.type.tensor_type.shape.dim] == ["rows", "tokens"]
    [output] = model.graph.output
    assert output.name == EMBEDDING
    assert output.type.tensor_type.shape.dim[0].dim_param == "rows"
    assert output.type.tensor_type.shape.dim[1].dim_value == encoder_graph.dimensions
    assert b"site-packages" not in encoder_graph.graph


def test_exporting_is_deterministic(encoder: TextEncoder, encoder_graph: EncoderGraph) -> None:
    assert export_encoder(encoder, 12).graph == encoder_graph.graph


@pytest.mark.parametrize("max_tokens", [2, 49])
def test_a_cut_that_the_encoder_has_no_positions_for_is_refused(encoder: TextEncoder, max_tokens: int) -> None:
    with pytest.raises(EncoderError, match=f"cut at {max_tokens} tokens: tiny-bert has positions for 48"):
        export_encoder(encoder, max_tokens)


@pytest.mark.parametrize(("operator", "amount", "words"), [("Mul", 1.001, "differs between"), ("Div", 0, "not finite")])
def test_a_graph_that_embeds_otherwise_is_named(
    encoder: TextEncoder, encoder_graph: EncoderGraph, operator: str, amount: float, words: str
) -> None:
    broken = onnx.load_from_string(encoder_graph.graph)
    change_output(broken, EMBEDDING, operator, amount)
    with pytest.raises(VerificationError, match=words):
        check_encoder(encoder, broken.SerializeToString())
