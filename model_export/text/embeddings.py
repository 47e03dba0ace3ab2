"""Embeddings of texts, by the very graph that will be served, kept between runs."""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from model_export.text.graph import EMBEDDING, EncoderGraph
from model_export.text.progress import steps
from model_export.text.tokens import Tokens, feeds, pieces, tokens_of

PIECE = 32
"""Texts at a time: more gain nothing on a CPU."""


def embed(texts: Sequence[str], encoder: EncoderGraph, *, progress: bool = False) -> NDArray[np.float64]:
    """Return the embeddings [N, D] of `texts`, from the cache where the same graph embedded the same tokens before.

    The cache is `chainzrule/` in the folder that XDG_CACHE_HOME names, else in ~/.cache; it may be deleted.

    Args:
        texts: any number of them.
        encoder: what embeds them.
        progress: draw a progress bar.
    """
    tokens = tokens_of(texts, encoder)
    file = _cache_folder() / f"embeddings-{_digest(tokens, encoder)}.npy"
    if file.exists():
        kept: NDArray[np.float64] = np.load(file).astype(np.float64)
        return kept
    embeddings = run_encoder(tokens, encoder, progress=progress)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    with unfinished.open("wb") as stream:
        np.save(stream, embeddings)
    unfinished.rename(file)
    return embeddings.astype(np.float64)


def run_encoder(tokens: Tokens, encoder: EncoderGraph, *, progress: bool = False) -> NDArray[np.float32]:
    """Return the embeddings [N, D] of texts as tokens."""
    session = onnxruntime.InferenceSession(encoder.graph, providers=["CPUExecutionProvider"])
    embeddings = np.zeros((len(tokens), encoder.dimensions), dtype=np.float32)
    parts = list(pieces(tokens, encoder.padding, PIECE))
    for piece in steps(parts, "embedding", progress=progress):
        [embeddings[piece.rows]] = session.run([EMBEDDING], feeds(piece))
    return embeddings


def _digest(tokens: Tokens, encoder: EncoderGraph) -> str:
    """Return what tells these tokens and this graph from all others; texts, tokenizer and cut are in the tokens."""
    digest = sha256(encoder.graph)
    digest.update(repr(tokens.shape).encode())
    digest.update(tokens.tobytes())
    return digest.hexdigest()[:32]


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chainzrule"
