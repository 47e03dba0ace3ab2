"""Embeddings of texts, by the very graph that will be served, kept between runs."""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_export.text.graph import EMBEDDING, EncoderGraph
from model_export.text.tokens import Tokens, run_on_tokens


def embed(tokens: Tokens, encoder: EncoderGraph, *, progress: bool = False) -> NDArray[np.float64]:
    """Return the embeddings [N, D] of texts, `kept` between runs where the same graph embeds the same tokens.

    Args:
        tokens: of the texts, see `tokenize`; tokenizer and cut have their say in them.
        encoder: what embeds them.
        progress: draw a progress bar.
    """
    made = kept(
        f"embeddings-{_digest(tokens, encoder)}",
        lambda: run_on_tokens(encoder.graph, tokens, encoder, "embedding", progress=progress)[EMBEDDING],
    )
    return made.astype(np.float64)


def kept(name: str, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the array that the cache keeps by this name, which is to say all that decides it; make it where it lacks.

    The cache is `chainzrule/` in the folder that XDG_CACHE_HOME names, else in ~/.cache; it may be deleted.
    """
    file = _cache_folder() / f"{name}.npy"
    if not file.exists():
        made = make()
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{os.getpid()}")
        with unfinished.open("wb") as stream:
            np.save(stream, made)
        unfinished.rename(file)
    found: NDArray[np.float32] = np.load(file)
    return found


def _digest(tokens: Tokens, encoder: EncoderGraph) -> str:
    """Return what tells these tokens and this graph from all others."""
    digest = sha256(encoder.graph)
    digest.update(repr(tokens.shape).encode())
    digest.update(np.ascontiguousarray(tokens).tobytes())
    return digest.hexdigest()[:32]


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chainzrule"
