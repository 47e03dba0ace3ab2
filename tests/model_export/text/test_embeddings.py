from pathlib import Path

import numpy as np
import pytest
import torch

from model_export.text import embeddings
from model_export.text.embeddings import embed, run_encoder
from model_export.text.encoder import TextEncoder
from model_export.text.graph import EncoderGraph
from model_export.text.tokens import tokenize, tokens_of

TEXTS = ["good", "a very good film", "", "not bad , not very good", "the plot was dull"] * 20


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts were embedded, call by call."""
    calls: list[int] = []

    def run(tokens: np.ndarray, encoder: EncoderGraph, *, progress: bool) -> np.ndarray:
        calls.append(len(tokens))
        return run_encoder(tokens, encoder, progress=progress)

    monkeypatch.setattr(embeddings, "run_encoder", run)
    return calls


def test_embeddings_are_in_the_texts_order(encoder: TextEncoder, encoder_graph: EncoderGraph) -> None:
    found = embed(TEXTS, encoder_graph)
    assert found.dtype == np.float64
    assert found.shape == (100, 16)
    for text, row in zip(TEXTS[:5], found, strict=False):
        ids = torch.tensor([[i for i in tokenize([text], encoder_graph.tokenizer, 12)[0].tolist() if i >= 0]])
        with torch.no_grad():
            np.testing.assert_allclose(encoder.module(ids, torch.ones_like(ids))[0], row, atol=1e-6)
    np.testing.assert_allclose(found[:5], found[95:], atol=1e-6)


def test_the_same_texts_are_embedded_once(encoder_graph: EncoderGraph, counted: list[int], tmp_path: Path) -> None:
    first = embed(TEXTS, encoder_graph)
    assert len(list((tmp_path / "cache" / "chainzrule").iterdir())) == 1
    np.testing.assert_array_equal(embed(TEXTS, encoder_graph), first)
    assert counted == [100]


def test_another_text_cut_or_graph_is_embedded_anew(encoder_graph: EncoderGraph, counted: list[int]) -> None:
    embed(TEXTS, encoder_graph)
    embed([*TEXTS[1:], "bad"], encoder_graph)
    embed(TEXTS, encoder_graph._replace(max_tokens=4))
    embed(TEXTS, encoder_graph._replace(graph=encoder_graph.graph + b"\x32\x01x"))  # a doc string
    assert counted == [100] * 4


def test_a_bar_is_drawn_on_request(encoder_graph: EncoderGraph, capsys: pytest.CaptureFixture[str]) -> None:
    tokens = tokens_of(TEXTS, encoder_graph)
    run_encoder(tokens, encoder_graph)
    assert capsys.readouterr().out == ""
    run_encoder(tokens, encoder_graph, progress=True)
    assert "embedding" in capsys.readouterr().out
