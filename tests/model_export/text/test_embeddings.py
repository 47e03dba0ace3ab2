from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from model_export.text import embeddings
from model_export.text.embeddings import embed
from model_export.text.encoder import TextEncoder
from model_export.text.graph import EncoderGraph
from model_export.text.tokens import run_on_tokens, tokenize

TEXTS = ["good", "a very good film", "", "not bad , not very good", "the plot was dull"] * 20


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts were embedded, call by call."""
    calls: list[int] = []
    run: Callable[..., object] = run_on_tokens

    def counting(graph: bytes, tokens: np.ndarray, *others: object, **settings: object) -> object:
        calls.append(len(tokens))
        return run(graph, tokens, *others, **settings)

    monkeypatch.setattr(embeddings, "run_on_tokens", counting)
    return calls


def test_embeddings_are_those_of_torch_in_the_texts_order(encoder: TextEncoder, encoder_graph: EncoderGraph) -> None:
    tokens = tokenize(TEXTS, encoder_graph)
    found = embed(tokens, encoder_graph)
    assert found.dtype == np.float64
    assert found.shape == (100, 16)
    for row in range(5):
        ids = torch.from_numpy(tokens[row][tokens[row] >= 0].astype(np.int64))[None]
        with torch.no_grad():
            np.testing.assert_allclose(encoder.module(ids, torch.ones_like(ids))[0], found[row], atol=1e-6)
    np.testing.assert_allclose(found[:5], found[95:], atol=1e-6)


def test_the_same_texts_are_embedded_once(encoder_graph: EncoderGraph, counted: list[int], tmp_path: Path) -> None:
    first = embed(tokenize(TEXTS, encoder_graph), encoder_graph)
    assert len(list((tmp_path / "cache" / "chainzrule").iterdir())) == 1
    np.testing.assert_array_equal(embed(tokenize(TEXTS, encoder_graph), encoder_graph), first)
    assert counted == [100]


def test_another_text_cut_or_graph_is_embedded_anew(encoder_graph: EncoderGraph, counted: list[int]) -> None:
    embed(tokenize(TEXTS, encoder_graph), encoder_graph)
    embed(tokenize([*TEXTS[1:], "bad"], encoder_graph), encoder_graph)
    shorter = encoder_graph._replace(max_tokens=4)
    embed(tokenize(TEXTS, shorter), shorter)
    other = encoder_graph._replace(graph=encoder_graph.graph + b"\x32\x01x")  # with a doc string
    embed(tokenize(TEXTS, other), other)
    assert counted == [100] * 4
