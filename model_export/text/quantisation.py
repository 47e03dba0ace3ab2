"""An encoder's weights and its multiplications in 8-bit integers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto
from onnx.helper import make_node
from onnx.numpy_helper import from_array, to_array

from model_export.graph.onnx_writer import check_graph
from model_export.text.graph import EncoderGraph

_ACTIVATION_LEVELS = 127
"""On each side of 0; with 128 added they are unsigned bytes, which runtimes multiply with signed ones fastest."""

_WEIGHT_LEVELS = 63
"""Likewise. Processors without VNNI add two products in 16 bits, which must not overflow: 2 · 255 · 63 < 2^15. With 127
the answers would be wrong there, and there alone."""

_EMBEDDING_LEVELS = 127
_MIDDLE = "encoder.middle"
_AS_NUMBER = "encoder.middle.number"
_LEVEL = "encoder.level"
_TINY = "encoder.tiny"

_SMALLEST = 64
"""A matrix with a side shorter than this is left as it is: there is little to save."""


def quantise(encoder: EncoderGraph) -> EncoderGraph:
    """Return the same encoder with matrix products in 8-bit integers, by standard operators alone.

    Each output of a matrix has a scale of its own, each word of the vocabulary one, and each token's vector one that is
    found when it is multiplied. What a text is answered with therefore does not depend on the texts beside it, nor on
    padding. The usual dynamic quantisation (`DynamicQuantizeLinear`) has one scale for a whole batch: there a
    text's embedding moves with who else is in the batch.

    The embeddings are others than the float encoder's: train the head on them, not on those.

    Args:
        encoder: as `export_encoder` makes one.

    Raises:
        ExportError: if the result is not made of standard operators.
    """
    model = onnx.load_from_string(encoder.graph)
    _Quantisation(model).run()
    check_graph(model)
    description = encoder.description.removesuffix(", float32")
    return encoder._replace(graph=model.SerializeToString(), description=f"{description}, int8")


class _Quantisation:
    """One graph's."""

    def __init__(self, model: ModelProto) -> None:
        self.graph = model.graph
        self.weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self.added: dict[str, TensorProto] = {}
        self.replaced: set[str] = set()
        self.scaled: set[str] = set()
        """activations that have been turned into integers already: query, key and value share theirs"""

    def run(self) -> None:
        """Rewrite the graph in place."""
        self._add(_MIDDLE, np.array(_ACTIVATION_LEVELS + 1, dtype=np.uint8))
        self._add(_AS_NUMBER, np.array(_ACTIVATION_LEVELS + 1, dtype=np.float32))
        self._add(_LEVEL, np.array(1 / _ACTIVATION_LEVELS, dtype=np.float32))
        self._add(_TINY, np.array(np.finfo(np.float32).tiny, dtype=np.float32))
        nodes = [new for node in self.graph.node for new in self._rewritten(node)]
        # Assigning would empty the nodes that are kept before they are copied.
        kept = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
        used = {name for node in kept for name in node.input}
        tensors = [t for t in (*self.graph.initializer, *self.added.values()) if t.name in used]
        tensors = [TensorProto.FromString(tensor.SerializeToString()) for tensor in tensors]
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(kept)
        self.graph.initializer.extend(tensors)

    def _rewritten(self, node: NodeProto) -> Iterator[NodeProto]:
        if node.op_type == "MatMul" and self._is_large(node.input[1]):
            yield from self._product(node)
        elif node.op_type == "Gather" and self._is_large(node.input[0]):
            yield from self._look_up(node)
        else:
            yield node

    def _is_large(self, name: str) -> bool:
        tensor = self.weights.get(name)
        return tensor is not None and len(tensor.dims) == 2 and min(tensor.dims) >= _SMALLEST

    def _product(self, node: NodeProto) -> Iterator[NodeProto]:
        """Yield what multiplies in integers: y = (x/s + 128 − 128) · (W/t) · s · t."""
        (x, weight), [y] = node.input, node.output
        integers, scales = _integers(to_array(self.weights[weight]), _WEIGHT_LEVELS, axis=0)
        self._add(f"{weight}.int8", integers)
        self._add(f"{weight}.scale", scales)
        if x not in self.scaled:
            self.scaled.add(x)
            self._add(f"{x}.last", np.array([-1], dtype=np.int64))
            yield make_node("Abs", [x], [f"{x}.size"])
            yield make_node("ReduceMax", [f"{x}.size", f"{x}.last"], [f"{x}.largest"])
            yield make_node("Mul", [f"{x}.largest", _LEVEL], [f"{x}.step"])
            yield make_node("Max", [f"{x}.step", _TINY], [f"{x}.scale"])
            yield make_node("Div", [x, f"{x}.scale"], [f"{x}.steps"])
            yield make_node("Round", [f"{x}.steps"], [f"{x}.whole"])
            yield make_node("Add", [f"{x}.whole", _AS_NUMBER], [f"{x}.shifted"])
            yield make_node("Cast", [f"{x}.shifted"], [f"{x}.uint8"], to=TensorProto.UINT8)
        yield make_node("MatMulInteger", [f"{x}.uint8", f"{weight}.int8", _MIDDLE], [f"{y}.int32"])
        yield make_node("Cast", [f"{y}.int32"], [f"{y}.number"], to=TensorProto.FLOAT)
        yield make_node("Mul", [f"{y}.number", f"{x}.scale"], [f"{y}.unscaled"])
        yield make_node("Mul", [f"{y}.unscaled", f"{weight}.scale"], [y])

    def _look_up(self, node: NodeProto) -> Iterator[NodeProto]:
        """Yield what looks rows of a table up as integers, and scales them."""
        (table, rows), [y] = node.input, node.output
        integers, scales = _integers(to_array(self.weights[table]), _EMBEDDING_LEVELS, axis=1)
        self._add(f"{table}.int8", integers)
        self._add(f"{table}.scale", scales)
        yield make_node("Gather", [f"{table}.int8", rows], [f"{y}.int8"])
        yield make_node("Cast", [f"{y}.int8"], [f"{y}.number"], to=TensorProto.FLOAT)
        yield make_node("Gather", [f"{table}.scale", rows], [f"{y}.scale"])
        yield make_node("Mul", [f"{y}.number", f"{y}.scale"], [y])

    def _add(self, name: str, values: NDArray[Any]) -> None:
        self.added[name] = from_array(values, name)


def _integers(weight: NDArray[np.float32], levels: int, axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return a matrix in whole steps from −levels to levels, and the step of each of its lines across `axis`."""
    largest = np.abs(weight).max(axis, keepdims=True)
    scales = np.where(largest > 0, largest / levels, 1).astype(np.float32)
    return np.round(weight / scales).astype(np.int8), scales
