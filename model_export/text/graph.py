"""An encoder as an ONNX graph, proven to embed as its module does."""

from copy import deepcopy
from typing import NamedTuple

import numpy as np
import onnxruntime
import torch
from onnx.compose import add_prefix

from model_export.errors import EncoderError, VerificationError
from model_export.graph.onnx_writer import to_onnx
from model_export.text.encoder import TextEncoder
from service.inputs import TextInput

IDS, MASK, EMBEDDING = "input_ids", "attention_mask", "embedding"
"""The graph's inputs, INT64 [rows, tokens] both, and its output, FP32 [rows, D]."""

TOLERANCE = 1e-4
"""Largest difference between the module in float64 and its graph, relative to the embedding's largest dimension."""

_INNER = "encoder."
"""Begins every name inside the graph, so that a head can be joined to it."""


class EncoderGraph(NamedTuple):
    """What embeds texts outside torch: a graph, its tokenizer, and how the two go together."""

    graph: bytes
    """ONNX: `input_ids` and `attention_mask` INT64 [rows, tokens], both dynamic, to `embedding` FP32 [rows, D]"""

    tokenizer: bytes
    """The text of its `tokenizer.json`"""

    description: str
    dimensions: int
    padding: int
    max_tokens: int
    """A text of more tokens is cut"""

    def input(self, example: str) -> TextInput:
        """Return what a manifest says of it, `example` being a usual text."""
        return TextInput(
            ids=IDS,
            mask=MASK,
            embedding=EMBEDDING,
            encoder=self.description,
            dimensions=self.dimensions,
            max_tokens=self.max_tokens,
            padding=self.padding,
            example=example,
        )


def export_encoder(encoder: TextEncoder, max_tokens: int) -> EncoderGraph:
    """Return the graph of `encoder`, compared with it on texts of several lengths and batches of several sizes.

    Raises:
        EncoderError: if the encoder has no positions for `max_tokens`.
        ExportError: if the graph needs more than standard operators.
        VerificationError: if graph and module disagree.
    """
    if not 3 <= max_tokens <= encoder.longest:
        raise EncoderError(
            f"texts cannot be cut at {max_tokens} tokens: {encoder.name} has positions for {encoder.longest}, special "
            "tokens included, and needs 3 for a text of one token"
        )
    tokens, mask = (torch.ones(3, 5, dtype=torch.int64) for _ in range(2))
    model = to_onnx(encoder.module, {IDS: tokens, MASK: mask}, ("rows", "tokens"), (EMBEDDING,))
    add_prefix(model, _INNER, rename_inputs=False, rename_outputs=False, inplace=True)
    graph = model.SerializeToString()
    check_encoder(encoder, graph)
    return EncoderGraph(
        graph, encoder.tokenizer, f"{encoder.description}, float32", encoder.dimensions, encoder.padding, max_tokens
    )


def check_encoder(encoder: TextEncoder, graph: bytes, *, seed: int = 0) -> None:
    """Compare `graph` with the module in float64, on random tokens: none, 1, 7 and 64 texts of many lengths.

    Raises:
        VerificationError: if they differ by more than `TOLERANCE`, or an embedding is not finite.
    """
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    module = deepcopy(encoder.module).double().eval()
    vocabulary = encoder.module.config.vocab_size
    generator = np.random.default_rng(seed)
    for rows, most in ((0, 4), (1, 1), (1, encoder.longest), (7, 40), (64, 24)):
        longest = min(most, encoder.longest)
        lengths = generator.integers(1, longest + 1, rows)
        lengths[:1] = longest
        mask = (np.arange(longest) < lengths[:, None]).astype(np.int64)
        ids = np.where(mask, generator.integers(0, vocabulary, mask.shape), encoder.padding)
        # A token in the middle of a text that looks like padding is none.
        ids = np.where(mask & (ids == encoder.padding), (encoder.padding + 1) % vocabulary, ids)
        [found] = session.run([EMBEDDING], {IDS: ids, MASK: mask})
        with torch.no_grad():
            expected = module(torch.from_numpy(ids), torch.from_numpy(mask)).numpy() if rows else np.empty((0,))
        if found.shape != (rows, encoder.dimensions) or not np.isfinite(found).all():
            raise VerificationError(
                f"the graph of {encoder.name} makes of {rows} texts {found.shape} numbers, or some that are not finite"
            )
        apart = np.abs(found - expected).max(1) / np.abs(expected).max(1) if rows else np.zeros(1)
        if apart.max() > TOLERANCE:
            raise VerificationError(
                f"{EMBEDDING} differs between torch and onnxruntime by {apart.max():.2g} on {rows} texts of up to "
                f"{longest} tokens; {TOLERANCE:.0e} is allowed"
            )
