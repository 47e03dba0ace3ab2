"""Embeddings of texts by an encoder that stays as it is, for experiments on them."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_export.text.embeddings import kept
from model_export.text.encoder import load_encoder
from model_export.text.graph import EMBEDDING, export_encoder
from model_export.text.minilm import minilm_folder
from model_export.text.pooling import PoolingName
from model_export.text.tokens import run_on_tokens, tokenize

MAX_TOKENS = 128
"""A text of more tokens is cut, as the tasks on texts do it."""


def embed_texts(texts: Sequence[str], pooling: PoolingName = "mean", folder: Path | None = None) -> NDArray[np.float32]:
    """Return the embeddings [N, D] of `texts`, by the graph that a service would run, kept between runs.

    What is kept goes by encoder, pooling and texts, not by graph and tokens: making those takes longer than reading it.

    Args:
        texts: as one would write them.
        pooling: how an encoder's vectors become an embedding, see `POOLINGS`.
        folder: of the encoder, see `load_encoder`; all-MiniLM-L6-v2's unless given.

    Raises:
        DataNotFoundError: if the encoder's package is not at hand.
        EncoderError: if the folder does not hold an encoder that can be exported.
    """
    chosen = folder or minilm_folder()
    digest = sha256("\0".join([_digest(chosen), pooling, str(MAX_TOKENS), *texts]).encode()).hexdigest()[:32]
    return kept(f"texts-{digest}", lambda: _made(texts, pooling, chosen))


def _made(texts: Sequence[str], pooling: PoolingName, folder: Path) -> NDArray[np.float32]:
    encoder = export_encoder(load_encoder(folder, pooling), MAX_TOKENS)
    return run_on_tokens(encoder.graph, tokenize(texts, encoder), encoder, "embedding")[EMBEDDING]


@cache
def _digest(folder: Path) -> str:
    """Return what tells this encoder, its tokenizer included, from all others."""
    digest = sha256()
    for file in sorted(file for file in folder.iterdir() if file.suffix in {".json", ".safetensors", ".bin"}):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
