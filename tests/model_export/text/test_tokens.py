import numpy as np

from model_export.text.graph import EncoderGraph
from model_export.text.tokens import feeds, lengths_of, pieces, tokenize, tokens_of

TEXTS = ["good", "a very good film", "", "the plot is dull and the film is not very good !" * 3, "bad films"]


def test_tokens_stand_from_the_left_and_nothing_follows_them(encoder_graph: EncoderGraph) -> None:
    tokens = tokens_of(TEXTS, encoder_graph)
    assert tokens.dtype == np.int32
    assert tokens.shape == (5, 12)
    assert tokens[0].tolist() == [2, 6, 3] + [-1] * 9
    assert tokens[2].tolist() == [2, 3] + [-1] * 10
    assert tokens[4].tolist() == [2, 7, 5, 18, 3] + [-1] * 7


def test_a_longer_text_is_cut_and_keeps_its_last_special_token(encoder_graph: EncoderGraph) -> None:
    tokens = tokenize(TEXTS, encoder_graph.tokenizer, 5)
    assert tokens[3].tolist() == [2, 15, 16, 13, 3]
    assert lengths_of(tokens).tolist() == [3, 5, 2, 5, 5]


def test_pieces_hold_every_text_once_by_length_with_padding_masked(encoder_graph: EncoderGraph) -> None:
    tokens = tokens_of(TEXTS, encoder_graph)
    parts = list(pieces(tokens, padding=0, size=2))
    assert [part.ids.shape for part in parts] == [(2, 3), (2, 6), (1, 12)]
    assert np.concatenate([part.rows for part in parts]).tolist() == [2, 0, 4, 1, 3]
    for part in parts:
        for row, ids, mask in zip(part.rows, *feeds(part).values(), strict=True):
            length = lengths_of(tokens)[row]
            assert ids[:length].tolist() == tokens[row, :length].tolist()
            assert not ids[length:].any()
            assert mask.tolist() == [1] * length + [0] * (len(mask) - length)


def test_no_texts_make_no_pieces(encoder_graph: EncoderGraph) -> None:
    tokens = tokens_of([], encoder_graph)
    assert tokens.shape == (0, 12)
    assert not list(pieces(tokens, padding=0, size=4))
