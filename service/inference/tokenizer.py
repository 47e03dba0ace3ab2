"""Texts to tokens, as the `tokenizer.json` beside a graph says."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.inputs import EncodedText

if TYPE_CHECKING:
    import tokenizers

# How many threads an inference may take is a setting; the library would take every core besides.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

END = -1
"""Stands behind the end of a text in its row of tokens."""

_CHARACTERS_A_TOKEN = 8
"""A text of no more for each token that is kept is tokenised at once; of a longer one, first so much."""

_CHARACTERS_A_CALL = 1 << 16
"""What is tokenised together at most: the library takes some 100 bytes a token, and a token may be one character."""

_GROWTH = 4
"""What a beginning that turned out too short is multiplied by: all of them together are a third more than the last."""

_UNSURE_WORDS = 2
"""Words before a cut that the rest might have changed: the one that was cut, and space before it."""


_STRANGE = "\U0010fffd ☃ \u0fd4"
"""Something that few tokenizers know: those without a token for it must fail before they serve."""


class Tokens(NamedTuple):
    """Texts in the form in which the engine takes them."""

    rows: NDArray[np.int32]
    """[N, max_tokens]: each text's token numbers from the left, special ones included, then `END`"""
    truncated: NDArray[np.bool_]
    """[N]: whether the text had more tokens"""
    known: NDArray[np.bool_]
    """[N]: whether there was anything in the text that is a token, be it the one for what is unknown"""


class TextTokenizer:
    """Makes rows of tokens; may be used from any thread, and lets others run meanwhile.

    What special tokens are called is ordinary text to it: "[SEP]" in a client's text separates nothing.

    Args:
        content: of `tokenizer.json`.
        text: what the manifest says of the input.

    Raises:
        ValueError: if the content is no tokenizer, or not one for this input.
    """

    def __init__(self, content: bytes, text: EncodedText) -> None:
        import tokenizers  # noqa: PLC0415 - 3 MB that a service without texts can do without

        with _explained("it is no tokenizer"):
            self._tokenizer = tokenizers.Tokenizer.from_buffer(content)
        padding = self._tokenizer.padding
        if padding is not None and padding["pad_id"] != text.padding:
            raise ValueError(f"it pads with {padding['pad_id']}, and the manifest says {text.padding}")
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._tokenizer.encode_special_tokens = True
        self._max_tokens = text.max_tokens
        self._room = text.max_tokens - self._tokenizer.num_special_tokens_to_add(False)
        if self._room < 1:
            raise ValueError(f"its special tokens leave no room for a text in {text.max_tokens} tokens")
        with _explained("it fails on a text"):
            self.encode([text.example, _STRANGE])

    @property
    def largest(self) -> int:
        """The largest token number that it may answer with."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=0)

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Return the tokens of texts, each cut to what the model takes, its special tokens kept."""
        rows = np.full((len(texts), self._max_tokens), END, dtype=np.int32)
        truncated = np.zeros(len(texts), dtype=np.bool_)
        known = np.zeros(len(texts), dtype=np.bool_)
        for row, encoding in enumerate(self._encode(texts)):
            truncated[row], known[row] = len(encoding) > self._room, len(encoding) > 0
            encoding.truncate(self._room)
            ids = self._tokenizer.post_process(encoding).ids
            rows[row, : len(ids)] = ids
        return Tokens(rows, truncated, known)

    def _encode(self, texts: Sequence[str]) -> "Iterator[tokenizers.Encoding]":
        """Yield each text's tokens without special ones: all, or more than there is room for."""
        longest = _CHARACTERS_A_TOKEN * self._max_tokens
        step = max(_CHARACTERS_A_CALL // longest, 1)
        for start in range(0, len(texts), step):
            some = texts[start : start + step]
            # Only its call for several texts lets other threads run.
            encodings = self._tokenizer.encode_batch(
                [text if len(text) <= longest else "" for text in some], add_special_tokens=False
            )
            for text, encoding in zip(some, encodings, strict=True):
                yield encoding if len(text) <= longest else self._encode_long(text, longest)

    def _encode_long(self, text: str, length: int) -> "tokenizers.Encoding":
        """Return a long text's tokens, of no more of its beginning than surely says which are kept."""
        while True:
            (encoding,) = self._tokenizer.encode_batch([text[:length]], add_special_tokens=False)
            if length >= len(text) or self._is_enough(encoding):
                return encoding
            length *= _GROWTH

    def _is_enough(self, encoding: "tokenizers.Encoding") -> bool:
        """Return whether more tokens than there is room for would be the same, however the text went on."""
        if len(encoding) <= self._room:
            return False
        words = encoding.word_ids
        kept, last = words[self._room], words[-1]
        return kept is not None and last is not None and kept <= last - _UNSURE_WORDS


@contextmanager
def _explained(words: str) -> Iterator[None]:
    """Turn whatever the library fails with into a ValueError that begins with `words`."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # its panics are no Exceptions, and would end whatever loads models
        raise ValueError(f"{words}: {error}") from error
