"""A table's column of texts, embedded."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.errors import DataError
from model_export.own_data.plan import TablePlan
from model_export.text.embeddings import embed
from model_export.text.encoder import load_encoder
from model_export.text.graph import EncoderGraph, export_encoder
from model_export.text.minilm import NAME, minilm_folder
from model_export.text.tokens import Tokens, lengths_of, tokenize_known
from service.inputs import TextInput

_MAX_TOKENS = 128
"""A text of more is cut, or of more than the encoder has positions for."""


class TextColumn(NamedTuple):
    """The texts of a table."""

    name: str
    encoder: EncoderGraph
    tokens: Tokens
    """[N, max_tokens]; none of a missing text"""
    embeddings: NDArray[np.float64]
    """[N, D]; NaN of a missing text"""
    example: str
    """A text of the usual length"""

    @property
    def lengths(self) -> NDArray[np.float64]:
        """Each text's number of tokens [N], NaN where it is missing."""
        lengths = lengths_of(self.tokens).astype(np.float64)
        return np.where(lengths > 0, lengths, np.nan)

    @property
    def input(self) -> TextInput:
        """What a manifest says of the texts."""
        return self.encoder.input(self.example)


def embed_column(plan: TablePlan, folder: Path | None = None, *, progress: bool = False) -> TextColumn | None:
    """Return a table's texts embedded, None where it has none to be learned from.

    Args:
        plan: of the table.
        folder: of an encoder, see `load_encoder`; the usual one unless given.
        progress: draw a progress bar.

    Raises:
        DataError: if no text says anything.
        EncoderError: if the folder does not hold an encoder that can be exported.
        DataNotFoundError: if the encoder's package is not installed.
        VerificationError: if encoder and graph disagree.
    """
    name = next((column.name for column in plan.used if column.kind == "text"), None)
    if name is None:
        return None
    loaded = load_encoder(folder or minilm_folder(), "mean", None if folder else NAME)
    encoder = export_encoder(loaded, min(_MAX_TOKENS, loaded.longest))
    texts = plan.values[name].tolist()
    tokens = tokenize_known(texts, encoder)
    known = lengths_of(tokens) > 0
    if not known.any():
        raise DataError(f"column {name!r} has no text with anything to read: drop it")
    embeddings = np.full((len(texts), encoder.dimensions), np.nan)
    embeddings[known] = embed(tokens[known], encoder, progress=progress)
    by_length = sorted((text for text, is_known in zip(texts, known, strict=True) if is_known), key=len)
    return TextColumn(name, encoder, tokens, embeddings, by_length[len(by_length) // 2])
