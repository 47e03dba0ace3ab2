"""Texts as token numbers, made, sorted and padded by the service's own code."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from model_export.text.graph import EncoderGraph
from model_export.text.progress import steps
from service.inference.feeds import TextFeed
from service.inference.rows import tokens_or_none
from service.inference.tokenizer import END, TextTokenizer

Tokens = NDArray[np.int32]
"""[N, max_tokens]: the numbers from the left, special tokens included, −1 beyond the end of a text."""


class LabelledTokens(NamedTuple):
    """Texts as tokens with their classes."""

    tokens: Tokens
    labels: NDArray[np.int64]
    """indices of classes, or levels counted from 0, [N]"""


_EXAMPLE = "a text"
_TEXTS_AT_A_TIME = 256
"""Between two moves of the progress bar."""


def tokenize(texts: Sequence[str], encoder: EncoderGraph) -> Tokens:
    """Return the tokens of `texts` as the service would make them for this encoder."""
    return _feed(encoder).tokenizer.encode(texts).rows


def tokenize_known(texts: Sequence[str | None], encoder: EncoderGraph) -> Tokens:
    """Return the same of texts of which some may be missing, as `tokens_or_none` does: a row of −1 alone each."""
    return tokens_or_none(texts, _feed(encoder).tokenizer).rows


def lengths_of(tokens: Tokens) -> NDArray[np.int64]:
    """Return how many tokens each text has, [N]."""
    lengths: NDArray[np.int64] = (tokens != END).sum(1, dtype=np.int64)
    return lengths


def run_on_tokens(
    graph: bytes, tokens: Tokens, encoder: EncoderGraph, words: str, *, progress: bool = False
) -> dict[str, NDArray[Any]]:
    """Return the outputs [N, …] by name that onnxruntime makes of texts as tokens.

    Args:
        graph: the encoder's own, or a whole that begins with it.
        tokens: of any number of texts, at least one.
        encoder: says how they are fed.
        words: what the progress bar is called.
        progress: draw one.
    """
    session, feed = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]), _feed(encoder)
    names = [output.name for output in session.get_outputs()]
    by_length = np.argsort(lengths_of(tokens), kind="stable")
    parts = [by_length[start : start + _TEXTS_AT_A_TIME] for start in range(0, len(tokens), _TEXTS_AT_A_TIME)]
    found = [feed.run(session, names, tokens[rows]) for rows in steps(parts, words, progress=progress)]
    back = np.argsort(by_length)
    return {name: np.concatenate(values)[back] for name, values in zip(names, zip(*found, strict=True), strict=True)}


def _feed(encoder: EncoderGraph) -> TextFeed:
    text = encoder.input(_EXAMPLE)
    return TextFeed(text, TextTokenizer(encoder.tokenizer, text))
