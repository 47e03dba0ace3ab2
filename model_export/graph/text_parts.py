"""A graph of texts, cut at its embedding: the encoder before it and the head behind it."""

from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx.utils import Extractor

from model_export.graph.finding import Finding, require
from service.inference.feeds import Rows
from service.inference.tokenizer import END
from service.inputs import EncodedText

_TOGETHER = 8
"""Texts of different lengths that are embedded alone and together."""

_SAME = 1e-3
"""Largest difference between the two, relative to the embedding's norm."""

_EACH_BY_ITSELF = {"Add", "Cast", "Clip", "Div", "Identity", "IsNaN", "Max", "Min", "Mul", "Neg", "Sub", "Where"}
_PRODUCTS = {"Gemm", "MatMul"}

STEP = 0.03
"""Of embeddings, in standard deviations of those at hand: larger ones meet more kinks, smaller ones more rounding."""


class Units(NamedTuple):
    """What brings embeddings to the unit of sensitivity."""

    deviations: NDArray[np.float64]
    """[D]: how far one unit is"""
    free: NDArray[np.bool_]
    """[N, D]: whether a dimension moves there, and no clamp holds it"""


class TextParts:
    """What turns tokens into embeddings, and what turns embeddings into probabilities.

    Args:
        model: the whole graph.
        text: what the manifest says of its input, or of the text in it.
        table: the graph's input of other columns, if there are any.

    Raises:
        VerificationError: if the graph cannot be cut at the embedding.
    """

    def __init__(self, model: onnx.ModelProto, text: EncodedText, table: str | None = None) -> None:
        self._text = text
        self._table = table
        produced = {name for node in model.graph.node for name in node.output}
        require(text.embedding in produced, f"the graph has no inner tensor {text.embedding}")
        self._encoder = _session(_part(model, text, [text.ids, text.mask], [text.embedding]))
        taken = [text.embedding] if table is None else [text.embedding, table]
        outputs = [output.name for output in model.graph.output]
        # Every output hangs on the embedding, and the other columns, alone, or there is no such part.
        _part(model, text, taken, outputs)
        self._standardised = _standardised(model.graph, text.embedding)
        shown = [self._standardised] if self._standardised else []
        self._said = next(name for name in ("probabilities", "value") if name in outputs)
        self._head = _session(_part(model, text, taken, [self._said, *shown]))

    def embed(self, rows: Rows) -> NDArray[np.float32]:
        """Return the embeddings [N, D] of texts as tokens [N, max_tokens], each embedded alone and unpadded."""
        return np.concatenate([self._embed(row[None, : max(int(np.sum(row != END)), 1)]) for row in rows])

    def answers(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probabilities [N, K], or values [N, 1], of embeddings [N, D]; of other columns too, [N, F + D]."""
        inputs = {self._text.embedding: rows[:, -self._text.dimensions :]}
        if self._table is not None:
            inputs[self._table] = rows[:, : -self._text.dimensions]
        [found] = self._head.run([self._said], inputs)
        return np.asarray(found, dtype=np.float64).reshape(len(rows), -1)

    def units(self, embeddings: NDArray[np.float32]) -> Units | None:
        """Return how far embeddings [N, D] must go for a unit of sensitivity, None where the graph does not show it.

        It does where every dimension is brought to that unit by itself, before the first product with a matrix.

        Raises:
            VerificationError: if a dimension reaches that product in no text, or turned round.
        """
        if self._standardised is None or self._table is not None:
            return None
        steps = STEP * spread(embeddings)
        higher, lower = ((embeddings + signed).astype(np.float32) for signed in (steps, -steps))
        standard = [
            self._head.run([self._standardised], {self._text.embedding: side})[0].astype(np.float64)
            for side in (higher, lower)
        ]
        slopes = (standard[0] - standard[1]) / (higher.astype(np.float64) - lower)
        largest = slopes.max(0)
        require((largest > 0).all(), "a dimension of the embedding does not reach the head, or reaches it turned round")
        return Units(1 / largest, slopes > 0.99 * largest)

    def check_neighbours(self, rows: Rows) -> Finding:
        """Compare texts embedded alone with the same embedded together, the shorter ones padded.

        Raises:
            VerificationError: if they differ.
        """
        rows = rows[(rows != END).any(1)]
        lengths = (rows != END).sum(1)
        some = rows[np.argsort(lengths, kind="stable")[:: -(-len(rows) // _TOGETHER)]]
        some = np.concatenate([some, rows[[lengths.argmax()]]])
        alone, together = self.embed(some), self._embed(some[:, : lengths.max()])
        apart = (np.linalg.norm(together - alone, axis=1) / np.linalg.norm(alone, axis=1)).max()
        require(
            apart <= _SAME,
            f"a text's embedding depends on padding or on the texts beside it: it moves by {apart:.1e} of its length",
        )
        return Finding(f"a text is embedded alone as it is among others and padded, to {apart:.1e}")

    def _embed(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        mask = rows != END
        ids = np.where(mask, rows, self._text.padding).astype(np.int64)
        [found] = self._encoder.run(None, {self._text.ids: ids, self._text.mask: mask.astype(np.int64)})
        return np.asarray(found, dtype=np.float32)


def spread(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the standard deviation of each dimension [D]; one that never moves takes that of the others.

    Raises:
        VerificationError: if every embedding is the same.
    """
    # In float64: encoders have dimensions of 1e-33, whose squares float32 does not hold.
    deviation = embeddings.astype(np.float64).std(0)
    usual = np.sqrt(np.mean(deviation**2))
    require(usual > 0, "every text has the same embedding")
    moving: NDArray[np.float64] = np.where(deviation > 0, deviation, usual)
    return moving


def _part(model: onnx.ModelProto, text: EncodedText, inputs: list[str], outputs: list[str]) -> onnx.ModelProto:
    """Return the part of `model` that makes `outputs` of `inputs`.

    Raises:
        VerificationError: if it takes anything else.
    """
    extractor = Extractor(model)
    inner = {name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs}
    inner[text.embedding] = onnx.helper.make_tensor_value_info(
        text.embedding, onnx.TensorProto.FLOAT, ["rows", text.dimensions]
    )
    extractor.value_infos = inner | extractor.value_infos
    part = extractor.extract_model(inputs, outputs)
    known = {"", *inputs, *(tensor.name for tensor in part.graph.initializer)}
    known.update(name for node in part.graph.node for name in node.output)
    missing = {name for node in part.graph.node for name in node.input} - known
    require(
        not missing,
        f"{', '.join(inputs)} alone do not make {', '.join(outputs)}: {', '.join(sorted(missing))} is needed besides",
    )
    return part


def _session(part: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _standardised(graph: onnx.GraphProto, embedding: str) -> str | None:
    """Return what enters the first product with a matrix, if each of its dimensions is made of the embedding's alone.

    None where it is the embedding itself, whose unit may then be hidden in the matrix, or where there are several.
    """
    reached, entering = {embedding}, set[str]()
    for node in graph.node:
        taken = reached.intersection(node.input)
        if node.op_type in _EACH_BY_ITSELF and taken:
            reached.update(node.output)
        elif node.op_type in _PRODUCTS:
            entering |= taken
    return entering.pop() if len(entering) == 1 and embedding not in entering else None
