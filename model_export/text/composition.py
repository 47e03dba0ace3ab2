"""Encoder and head as the one graph that is served."""

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx.compose import add_prefix, merge_models

from model_export.errors import ExportError, VerificationError
from model_export.graph.onnx_writer import check_graph
from model_export.text.graph import EMBEDDING, IDS, MASK, EncoderGraph

_INNER = "head."

_SAME = 1e-4
"""Largest difference between an output of the whole and of its parts one after the other, relative to its size."""


def compose(encoder: EncoderGraph, head: bytes) -> bytes:
    """Return the graph of `head` on `encoder`: tokens in, the head's outputs out, the inner tensor called `embedding`.

    Args:
        encoder: as `export_encoder` makes one; its inner names begin with "encoder.".
        head: ONNX with the one input `embedding` FP32 [rows, D], as `export_graph` makes it.

    Raises:
        ExportError: if the head takes anything else, or the whole is not made of standard operators.
    """
    first, second = onnx.load_from_string(encoder.graph), onnx.load_from_string(head)
    [output], inputs = first.graph.output, list(second.graph.input)
    if [value.name for value in inputs] != [EMBEDDING]:
        raise ExportError(f"a head on texts takes {EMBEDDING} alone, not {', '.join(value.name for value in inputs)}")
    [wanted] = inputs
    if wanted.type != output.type:
        raise ExportError(
            f"the encoder makes embeddings of {_shape(output)} and the head takes {_shape(wanted)}: train the head on "
            "embeddings of this encoder"
        )
    add_prefix(second, _INNER, rename_inputs=False, rename_outputs=False, inplace=True)
    return _merged(first, second, EMBEDDING)


def compose_beside(encoder: EncoderGraph, head: bytes) -> bytes:
    """Return the graph of `head` on `encoder` and on other columns: tokens and columns in, the head's outputs out.

    Args:
        encoder: as `compose` takes it.
        head: ONNX with one input FP32 [rows, F + D], F columns and behind them the embedding; the whole has an input of
            this name that is [rows, F].

    Raises:
        ExportError: as `compose` does.
        VerificationError: if the whole answers otherwise than its parts one after the other.
    """
    first, second = onnx.load_from_string(encoder.graph), onnx.load_from_string(head)
    [wanted] = second.graph.input
    tensor, inner = wanted.name, f"{_INNER}{wanted.name}"
    rows, width = wanted.type.tensor_type.shape.dim
    add_prefix(second, _INNER, rename_outputs=False, inplace=True)
    first.graph.node.append(onnx.helper.make_node("Concat", [tensor, EMBEDDING], [inner], axis=1))
    sizes = [rows.dim_param, width.dim_value - encoder.dimensions]
    first.graph.input.append(onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, sizes))
    del first.graph.output[:]
    first.graph.output.append(second.graph.input[0])
    graph = _merged(first, second, inner)
    _check_whole(encoder, head, graph, tensor, width.dim_value - encoder.dimensions)
    return graph


def _merged(first: onnx.ModelProto, second: onnx.ModelProto, inner: str) -> bytes:
    """Return the two as one graph, the first's output being the second's input."""
    model = merge_models(first, second, io_map=[(inner, inner)], producer_name="chainzrule", producer_version="")
    del model.opset_import[1:]  # the same twice over
    model.graph.name = "main_graph"
    check_graph(model)
    graph: bytes = model.SerializeToString()
    return graph


def _check_whole(encoder: EncoderGraph, head: bytes, graph: bytes, tensor: str, columns: int) -> None:
    """Compare the whole with its parts on made-up texts and columns, none, 1 and 7 of them, some values missing."""
    parts, last, whole = (
        onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"]) for made in (encoder.graph, head, graph)
    )
    names = [output.name for output in last.get_outputs()]
    generator = np.random.default_rng(0)
    for rows in (0, 1, 7):
        lengths = generator.integers(1, encoder.max_tokens + 1, (rows, 1))
        mask = (np.arange(encoder.max_tokens) < lengths).astype(np.int64)
        tokens = {IDS: np.where(mask, generator.integers(1, 4, mask.shape), encoder.padding), MASK: mask}
        beside: NDArray[np.float32] = generator.normal(size=(rows, columns)).astype(np.float32)
        beside[generator.random(beside.shape) < 0.2] = np.nan
        [embedding] = parts.run([EMBEDDING], tokens)
        expected = last.run(names, {tensor: np.concatenate([beside, embedding], axis=1)})
        found = whole.run(names, {**tokens, tensor: beside})
        for name, wanted, got in zip(names, expected, found, strict=True):
            if got.shape != wanted.shape or not np.allclose(got, wanted, rtol=_SAME, atol=_SAME):
                raise VerificationError(f"{name} of the whole graph is not that of its parts, on {rows} rows")


def _shape(value: onnx.ValueInfoProto) -> str:
    sizes = (dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
    return f"[{', '.join(map(str, sizes))}]"
