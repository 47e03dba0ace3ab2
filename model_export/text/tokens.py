"""Texts as token numbers, the way that the service makes them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from model_export.text.graph import IDS, MASK, EncoderGraph

Tokens = NDArray[np.int32]
"""[N, max_tokens]: the numbers from the left, special tokens included, −1 beyond the end of a text."""


def tokenize(texts: Sequence[str], tokenizer: bytes, max_tokens: int) -> Tokens:
    """Return the tokens of `texts`, a longer one cut at `max_tokens`, its last special token kept."""
    made = Tokenizer.from_str(tokenizer.decode())
    made.enable_truncation(max_tokens)
    made.no_padding()
    tokens = np.full((len(texts), max_tokens), -1, dtype=np.int32)
    for row, encoding in zip(tokens, made.encode_batch_fast(list(texts)), strict=True):
        row[: len(encoding.ids)] = encoding.ids
    return tokens


class Piece(NamedTuple):
    """Texts of about one length, padded to the longest of them."""

    rows: NDArray[np.int64]
    """which texts they are"""

    ids: NDArray[np.int64]
    """[n, T]"""

    mask: NDArray[np.int64]
    """[n, T], 1 for tokens and 0 for padding"""


def lengths_of(tokens: Tokens) -> NDArray[np.int64]:
    """Return how many tokens each text has, [N]."""
    lengths: NDArray[np.int64] = (tokens >= 0).sum(1, dtype=np.int64)
    return lengths


def pad(tokens: Tokens, rows: NDArray[np.int64], padding: int) -> Piece:
    """Return some of the texts as one piece."""
    chosen = tokens[rows, : lengths_of(tokens[rows]).max(initial=1)].astype(np.int64)
    mask = chosen >= 0
    return Piece(rows, np.where(mask, chosen, padding), mask.astype(np.int64))


def pieces(tokens: Tokens, padding: int, size: int) -> Iterator[Piece]:
    """Yield all texts in pieces of at most `size`, sorted by length so that there is little padding."""
    by_length = np.argsort(lengths_of(tokens), kind="stable")
    for start in range(0, len(tokens), size):
        yield pad(tokens, by_length[start : start + size], padding)


def feeds(piece: Piece) -> dict[str, NDArray[np.int64]]:
    """Return a piece as a graph's inputs by name."""
    return {IDS: piece.ids, MASK: piece.mask}


def tokens_of(texts: Sequence[str], encoder: EncoderGraph) -> Tokens:
    """Return the tokens of `texts` as `encoder` takes them."""
    return tokenize(texts, encoder.tokenizer, encoder.max_tokens)
