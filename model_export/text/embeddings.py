"""Embeddings of texts, by the very graph that will be served, kept between runs."""

import os
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_export.text.graph import EMBEDDING, EncoderGraph
from model_export.text.tokens import Tokens, run_on_tokens


def embed(tokens: Tokens, encoder: EncoderGraph, *, progress: bool = False) -> NDArray[np.float64]:
    """Return the embeddings [N, D] of texts, from the cache where the same graph embedded the same tokens before.

    The cache is `chainzrule/` in the folder that XDG_CACHE_HOME names, else in ~/.cache; it may be deleted.

    Args:
        tokens: of the texts, see `tokenize`; tokenizer and cut have their say in them.
        encoder: what embeds them.
        progress: draw a progress bar.
    """
    file = _cache_folder() / f"embeddings-{_digest(tokens, encoder)}.npy"
    if file.exists():
        kept: NDArray[np.float64] = np.load(file).astype(np.float64)
        return kept
    embeddings = run_on_tokens(encoder.graph, tokens, encoder, "embedding", progress=progress)[EMBEDDING]
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    with unfinished.open("wb") as stream:
        np.save(stream, embeddings)
    unfinished.rename(file)
    return embeddings.astype(np.float64)


def _digest(tokens: Tokens, encoder: EncoderGraph) -> str:
    """Return what tells these tokens and this graph from all others."""
    digest = sha256(encoder.graph)
    digest.update(repr(tokens.shape).encode())
    digest.update(np.ascontiguousarray(tokens).tobytes())
    return digest.hexdigest()[:32]


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chainzrule"
