import json
import os
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Encoding, Tokenizer
from tokenizers.models import BPE, Unigram, WordPiece
from tokenizers.normalizers import NFC
from tokenizers.pre_tokenizers import ByteLevel, Metaspace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer, UnigramTrainer

from service.inference.tokenizer import END, TextTokenizer
from service.inputs import TextInput
from tests.service.made_texts import FIRST, LAST, MAX_TOKENS, PADDING, UNKNOWN, make_manifest, make_tokenizer

FILM = "The film was not very good."


def described(max_tokens: int = MAX_TOKENS, padding: int = PADDING) -> TextInput:
    taken = make_manifest().input
    assert isinstance(taken, TextInput)
    return taken.model_copy(update={"max_tokens": max_tokens, "padding": padding})


@pytest.fixture(scope="module")
def tokenizer() -> TextTokenizer:
    return TextTokenizer(make_tokenizer().to_str().encode(), described())


def ids_of(tokenizer: TextTokenizer, text: str) -> list[int]:
    row = tokenizer.encode([text]).rows[0]
    return [number for number in row.tolist() if number != END]


def test_a_text_is_its_tokens_between_the_special_ones(tokenizer: TextTokenizer) -> None:
    tokens = tokenizer.encode([FILM, "bad"])
    assert tokens.rows.shape == (2, MAX_TOKENS)
    assert tokens.rows.dtype == np.int32
    expected = make_tokenizer().encode(FILM)
    assert tokens.rows[0].tolist() == [*expected.ids[:9], *[END] * (MAX_TOKENS - 9)]
    assert tokens.rows[1, [0, 2, 3]].tolist() == [FIRST, LAST, END]
    assert tokens.truncated.tolist() == [False, False]
    assert tokens.known.tolist() == [True, True]


def test_the_names_of_special_tokens_are_ordinary_text(tokenizer: TextTokenizer) -> None:
    ids = ids_of(tokenizer, "bad [SEP] [PAD]")
    assert ids == ids_of(tokenizer, "bad [ sep ] [ pad ]")
    assert (ids.count(FIRST), ids.count(LAST), ids.count(PADDING)) == (1, 1, 0)


@pytest.mark.parametrize(("words", "cut"), [(MAX_TOKENS - 2, False), (MAX_TOKENS - 1, True), (50_000, True)])
def test_a_text_with_more_tokens_is_cut_and_keeps_its_special_ones(
    tokenizer: TextTokenizer, words: int, cut: bool
) -> None:
    tokens = tokenizer.encode(["bad", "good " * words])
    assert tokens.truncated.tolist() == [False, cut]
    row = tokens.rows[1].tolist()
    good = ids_of(tokenizer, "good")[1]
    assert row == [FIRST, *[good] * (MAX_TOKENS - 2), LAST]


def test_many_texts_are_tokenised_a_few_at_a_time(tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["good", "bad " * 60, "good " * 10_000, "great!", FILM]
    together = tokenizer.encode(texts)
    monkeypatch.setattr("service.inference.tokenizer._CHARACTERS_A_CALL", 400)
    for found, expected in zip(tokenizer.encode(texts), together, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_no_token_stands_for_is_told(tokenizer: TextTokenizer) -> None:
    tokens = tokenizer.encode(["\x00\x01\u200b", "🙂", " \t", "שלום", "سلام"])
    assert tokens.known.tolist() == [False, True, False, True, True]
    assert UNKNOWN in tokens.rows[1].tolist()
    assert UNKNOWN not in [*tokens.rows[3].tolist(), *tokens.rows[4].tolist()]


def word_piece() -> Tokenizer:
    return make_tokenizer()


SENTENCES = [FILM, "it  was   great, they loved it!", "boring: very, very boring", "e\u0301te\u0301 שלום 漢字 🙂"] * 5


def byte_level() -> Tokenizer:
    made = Tokenizer(BPE())
    made.normalizer = NFC()
    made.pre_tokenizer = ByteLevel(add_prefix_space=False)
    made.train_from_iterator(SENTENCES, BpeTrainer(vocab_size=330, initial_alphabet=ByteLevel.alphabet()))
    return made


def unigram() -> Tokenizer:
    made = Tokenizer(Unigram())
    made.pre_tokenizer = Metaspace()
    made.train_from_iterator(SENTENCES, UnigramTrainer(vocab_size=80, unk_token="<unk>", special_tokens=["<unk>"]))
    made.post_processor = TemplateProcessing(single="$A <unk>", pair=None, special_tokens=[("<unk>", 0)])
    return made


def one_word() -> Tokenizer:
    """No pre-tokenizer at all: the whole text is a word."""
    made = Tokenizer(BPE())
    made.train_from_iterator(SENTENCES, BpeTrainer(vocab_size=120))
    return made


PIECES = ["good ", "  ", " ", "x", "aaaa", "bad,", "e", "\u0301", "漢", "\n\n", "!?", "שלום", "🙂", "\x00", "z" * 99]


@pytest.fixture(scope="module", params=[word_piece, byte_level, unigram, one_word])
def pair(request: pytest.FixtureRequest) -> tuple[TextTokenizer, Tokenizer]:
    """A tokenizer as the service has it, and as the library does."""
    make: Callable[[], Tokenizer] = request.param
    plain = make()
    plain.no_padding()
    plain.no_truncation()
    ours = TextTokenizer(plain.to_str().encode(), described(max_tokens=8))
    plain.encode_special_tokens = True
    return ours, plain


@given(parts=st.lists(st.tuples(st.sampled_from(PIECES), st.integers(1, 40)), max_size=8))
def test_a_long_text_is_cut_exactly_where_the_whole_of_it_would_be(
    pair: tuple[TextTokenizer, Tokenizer], parts: list[tuple[str, int]]
) -> None:
    ours, plain = pair
    text = "".join(part * count for part, count in parts)
    whole = plain.encode(text)
    tokens = ours.encode([text])
    assert tokens.truncated.tolist() == [len(whole) > 8]
    plain.enable_truncation(8)
    assert [number for number in tokens.rows[0].tolist() if number != END] == plain.encode(text).ids
    plain.no_truncation()


@pytest.mark.parametrize("unit", ["good bad ", "漢", ".", "word\n"])
def test_of_a_long_text_little_is_looked_at(unit: str) -> None:
    looked: list[int] = []

    class Watched(TextTokenizer):
        def _is_enough(self, encoding: Encoding) -> bool:
            looked.append(len(encoding))
            return super()._is_enough(encoding)

    tokens = Watched(make_tokenizer().to_str().encode(), described()).encode([unit * (10**6 // len(unit))])
    assert tokens.truncated.all()
    assert looked
    assert sum(looked) < 300


def test_tokens_are_made_on_the_thread_that_asks() -> None:
    assert os.environ["TOKENIZERS_PARALLELISM"] == "false"


def with_normalizer(normalizer: dict[str, str]) -> bytes:
    """A tokenizer whose JSON has another normalizer."""
    return json.dumps({**json.loads(make_tokenizer().to_str()), "normalizer": normalizer}).encode()


@pytest.mark.parametrize(
    ("content", "max_tokens", "padding", "why"),
    [
        (b"not json", MAX_TOKENS, PADDING, "it is no tokenizer"),
        (b"{}", MAX_TOKENS, PADDING, "it is no tokenizer"),
        (b'{"version": "1.0", "model": {"type": "Dream"}}', MAX_TOKENS, PADDING, "it is no tokenizer"),
        (make_tokenizer().to_str().encode()[:-100], MAX_TOKENS, PADDING, "it is no tokenizer"),
        # The library does not raise here, it panics, which is no Exception.
        (with_normalizer({"type": "Precompiled", "precompiled_charsmap": "AAAA"}), MAX_TOKENS, PADDING, "no tokenizer"),
        (make_tokenizer().to_str().encode(), MAX_TOKENS, 0, "it pads with 1, and the manifest says 0"),
        (make_tokenizer().to_str().encode(), 2, PADDING, "leave no room for a text in 2 tokens"),
        (
            Tokenizer(WordPiece({"good": 0}, unk_token="[UNK]")).to_str().encode(),
            MAX_TOKENS,
            PADDING,
            "it fails on a text",
        ),
    ],
)
def test_what_is_no_tokenizer_for_the_model_is_refused(content: bytes, max_tokens: int, padding: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        TextTokenizer(content, described(max_tokens, padding))
