from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from model_export.errors import ExportError
from model_export.graph.calibration import calibrate
from model_export.graph.onnx_writer import OPSET, check_graph, export_graph, to_onnx
from model_export.text.composition import compose
from model_export.text.embeddings import embed
from model_export.text.graph import EMBEDDING, IDS, MASK, EncoderGraph
from model_export.text.tokens import tokenize
from model_export.training import ChainzRuleClassifier
from service.manifest import OUTPUTS
from tests.model_export.text.reviews import made_up_reviews


@pytest.fixture(scope="module")
def head(encoder_graph: EncoderGraph) -> bytes:
    texts, labels = made_up_reviews(300, seed=1)
    rows = embed(tokenize(texts, encoder_graph), encoder_graph)
    fitted = ChainzRuleClassifier((8,), max_epochs=5, random_state=0).fit(rows[:200], labels[:200])
    scorer = calibrate(fitted, rows[:200], rows[200:], labels[200:]).scorer
    return export_graph(scorer, EMBEDDING, rows[200:].astype(np.float32))


@pytest.mark.parametrize("rows", [0, 1, 7, 64])
def test_the_whole_answers_as_encoder_and_head_one_after_the_other(
    encoder_graph: EncoderGraph, head: bytes, rows: int
) -> None:
    tokens = tokenize(made_up_reviews(rows, seed=2)[0], encoder_graph).astype(np.int64)
    inputs = {IDS: np.maximum(tokens, 0), MASK: (tokens >= 0).astype(np.int64)}
    [embedding] = onnxruntime.InferenceSession(encoder_graph.graph).run(None, inputs)
    expected = onnxruntime.InferenceSession(head).run(None, {EMBEDDING: embedding})
    found = onnxruntime.InferenceSession(compose(encoder_graph, head)).run(None, inputs)
    for output, got, wanted in zip(OUTPUTS, found, expected, strict=True):
        assert got.shape == wanted.shape, output.name
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6, err_msg=output.name)


def test_the_whole_is_one_standard_graph_that_holds_everything_once(encoder_graph: EncoderGraph, head: bytes) -> None:
    whole = compose(encoder_graph, head)
    model = onnx.load_from_string(whole)
    check_graph(model)
    assert [(imported.domain, imported.version) for imported in model.opset_import] == [("", OPSET)]
    assert [value.name for value in model.graph.input] == [IDS, MASK]
    assert [value.name for value in model.graph.output] == [output.name for output in OUTPUTS]
    for value in model.graph.output:
        assert value.type.tensor_type.shape.dim[0].dim_param == "rows"
    assert sum(EMBEDDING in node.output for node in model.graph.node) == 1
    names = Counter(initializer.name for initializer in model.graph.initializer)
    assert set(names.values()) == {1}
    assert {name.split(".")[0] for name in names} == {"encoder", "head"}
    assert len(whole) < len(encoder_graph.graph) + len(head) + 20_000
    large = Counter(i.raw_data for i in model.graph.initializer if len(i.raw_data) > 256)
    assert set(large.values()) == {1}


class Sum(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class Double(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


def test_a_head_of_another_width_is_refused(encoder_graph: EncoderGraph) -> None:
    head = to_onnx(Double(), {EMBEDDING: torch.ones(3, 5)}, ("rows",), ("y",)).SerializeToString()
    with pytest.raises(ExportError, match=r"embeddings of \[rows, 16\] and the head takes \[rows, 5\]"):
        compose(encoder_graph, head)


def test_a_head_that_takes_more_than_an_embedding_is_refused(encoder_graph: EncoderGraph) -> None:
    inputs = {EMBEDDING: torch.ones(3, 16), "age": torch.ones(3, 16)}
    head = to_onnx(Sum(), inputs, ("rows",), ("y",)).SerializeToString()
    with pytest.raises(ExportError, match="takes embedding alone, not embedding, age"):
        compose(encoder_graph, head)
