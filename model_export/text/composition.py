"""Encoder and head as the one graph that is served."""

import onnx
from onnx.compose import add_prefix, merge_models

from model_export.errors import ExportError
from model_export.graph.onnx_writer import check_graph
from model_export.text.graph import EMBEDDING, EncoderGraph

_INNER = "head."


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
    model = merge_models(
        first, second, io_map=[(EMBEDDING, EMBEDDING)], producer_name="chainzrule", producer_version=""
    )
    del model.opset_import[1:]  # the same twice over
    model.graph.name = "main_graph"
    check_graph(model)
    graph: bytes = model.SerializeToString()
    return graph


def _shape(value: onnx.ValueInfoProto) -> str:
    sizes = (dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
    return f"[{', '.join(map(str, sizes))}]"
