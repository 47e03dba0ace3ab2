import numpy as np
import onnxruntime
import pytest

from model_export.text.graph import EMBEDDING, IDS, MASK, EncoderGraph
from model_export.text.tokens import lengths_of, run_on_tokens, tokenize

TEXTS = ["good", "a very good film", "", "the plot is dull and the film is not very good !" * 3, "bad films"]


def test_tokens_stand_from_the_left_and_nothing_follows_them(encoder_graph: EncoderGraph) -> None:
    tokens = tokenize(TEXTS, encoder_graph)
    assert tokens.dtype == np.int32
    assert tokens.shape == (5, 12)
    assert tokens[0].tolist() == [2, 6, 3] + [-1] * 9
    assert tokens[2].tolist() == [2, 3] + [-1] * 10
    assert tokens[4].tolist() == [2, 7, 5, 18, 3] + [-1] * 7


def test_a_longer_text_is_cut_and_keeps_its_last_special_token(encoder_graph: EncoderGraph) -> None:
    tokens = tokenize(TEXTS, encoder_graph._replace(max_tokens=5))
    assert tokens[3].tolist() == [2, 15, 16, 13, 3]
    assert lengths_of(tokens).tolist() == [3, 5, 2, 5, 5]


def test_what_a_graph_makes_of_many_texts_is_in_their_order(encoder_graph: EncoderGraph) -> None:
    texts = TEXTS * 120
    found = run_on_tokens(encoder_graph.graph, tokenize(texts, encoder_graph), encoder_graph, "reading")
    assert list(found) == [EMBEDDING]
    assert found[EMBEDDING].shape == (600, 16)
    session = onnxruntime.InferenceSession(encoder_graph.graph)
    for row, text in enumerate(TEXTS):
        tokens = tokenize([text], encoder_graph).astype(np.int64)
        ids = tokens[tokens >= 0][None]
        [alone] = session.run(None, {IDS: ids, MASK: np.ones_like(ids)})
        np.testing.assert_allclose(found[EMBEDDING][row::5], alone.repeat(120, axis=0), atol=1e-6)


def test_a_bar_is_drawn_on_request(encoder_graph: EncoderGraph, capsys: pytest.CaptureFixture[str]) -> None:
    tokens = tokenize(TEXTS, encoder_graph)
    run_on_tokens(encoder_graph.graph, tokens, encoder_graph, "reading")
    assert capsys.readouterr().out == ""
    run_on_tokens(encoder_graph.graph, tokens, encoder_graph, "reading", progress=True)
    assert "reading" in capsys.readouterr().out
