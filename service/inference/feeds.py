"""What a graph is fed with: how rows of each kind become its inputs, and what they cost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from service.errors import InvalidModelError
from service.inference.tokenizer import END, TextTokenizer
from service.inputs import EncodedText, ImageInput, TableInput, TextFeature, TextInput
from service.manifest import TOKENIZER_FILE, Manifest
from service.version_folder import read_file

Rows = NDArray[Any]
"""A request's rows, one array whatever they are, so that they can be counted, put together and cut: tables float32
[N, features], NaN where a value is missing; texts int32 [N, max_tokens], -1 behind a text's end; images uint8
[N, height, width, channels]. A table with a text: float32 [N, features + max_tokens], the text's tokens behind."""

Signature = dict[str, tuple[str, tuple[int | None, ...]]]
"""Datatype and shape of tensors by name, their batch left out; None where a dimension is dynamic."""

_MANY, _MANY_VALUES = 64, 1 << 15
"""Rows of the larger example of tables and images, or two at least with no more values than so many."""

_PIECE_TOKENS = 1024
"""Most tokens in one run of several texts, padding included. An encoder of six layers takes as long for each of 256 as
of 2,048, 12 % longer for each of 4,096 and 25 % of 8,192, which no cache holds, and its memory grows with them."""

_RUN_TOKENS = 16
"""Most tokens of padding in one run: what a run costs besides its tokens, in tokens, by that encoder on one core."""


class Feed(Protocol):
    """How rows of one kind reach a graph."""

    @property
    def signature(self) -> Signature:
        """The inputs that the graph must have."""

    @property
    def examples(self) -> tuple[Rows, Rows]:
        """Few units and many: two batches that must run, and whose time says what a run costs."""

    def units(self, rows: Rows) -> int:
        """Return how much of what a run takes its time for is in `rows`."""

    def run(self, session: onnxruntime.InferenceSession, outputs: Sequence[str], rows: Rows) -> list[NDArray[Any]]:
        """Return the graph's outputs for `rows`, in their order."""


class _ArrayFeed:
    """Rows that are the graph's only input as they are; each costs the same.

    Args:
        tensor: the input's name.
        datatype: its datatype.
        usual: a row to try the graph with, without a batch dimension.
    """

    def __init__(self, tensor: str, datatype: str, usual: Rows) -> None:
        many = max(min(_MANY, _MANY_VALUES // usual.size), 2)
        self.signature: Signature = {tensor: (datatype, usual.shape)}
        self.examples: tuple[Rows, Rows] = usual[None], np.repeat(usual[None], many, axis=0)
        self._tensor = tensor

    def units(self, rows: Rows) -> int:
        """Return the number of rows."""
        return len(rows)

    def run(self, session: onnxruntime.InferenceSession, outputs: Sequence[str], rows: Rows) -> list[NDArray[Any]]:
        """Return the graph's outputs, all rows in one run."""
        found: list[NDArray[Any]] = session.run(outputs, {self._tensor: rows})
        return found


class TextFeed:
    """Texts as their tokens, which is what they cost.

    Args:
        text: what the manifest says of the input.
        tokenizer: makes their rows.

    Raises:
        ValueError: if the tokenizer finds no token in the manifest's example.
    """

    def __init__(self, text: EncodedText, tokenizer: TextTokenizer) -> None:
        self.signature: Signature = {text.ids: ("INT64", (None,)), text.mask: ("INT64", (None,))}
        self.tokenizer = tokenizer
        self._text = text
        self.examples: tuple[Rows, Rows] = self._make_examples()

    def units(self, rows: Rows) -> int:
        """Return the number of tokens."""
        return int(np.count_nonzero(rows != END))

    def run(self, session: onnxruntime.InferenceSession, outputs: Sequence[str], rows: Rows) -> list[NDArray[Any]]:
        """Return the graph's outputs, texts of similar length run together and each of a run padded to its longest."""
        return self._run(session, outputs, rows, {})

    def _run(
        self,
        session: onnxruntime.InferenceSession,
        outputs: Sequence[str],
        tokens: Rows,
        beside: Mapping[str, NDArray[Any]],
    ) -> list[NDArray[Any]]:
        """Return the graph's outputs for texts [N, most tokens] and what it takes of each row besides, [N, ...]."""
        lengths = np.count_nonzero(tokens != END, axis=1)
        order = np.argsort(lengths, kind="stable")
        found = []
        for start, end in _pieces(lengths[order].tolist()):
            rows = order[start:end]
            # A missing text has no tokens, and a graph may take no text of none: padding stands for it.
            piece = tokens[rows, : max(lengths[rows[-1]], 1)]
            mask = piece != END
            ids = np.where(mask, piece, self._text.padding)
            inputs = {self._text.ids: ids.astype(np.int64), self._text.mask: mask.astype(np.int64)}
            found.append(session.run(outputs, inputs | {name: values[rows] for name, values in beside.items()}))
        back = np.argsort(order)
        return [np.concatenate(values)[back] for values in zip(*found, strict=True)]

    def _make_examples(self) -> tuple[Rows, Rows]:
        """Return the manifest's example, a long one cut, and a text as long as one may be, in which tokens are dearest.

        The largest token number and the padding are in it, since a graph must know both.
        """
        encoded = self.tokenizer.encode([self._text.example])
        if not encoded.known.all():
            raise ValueError("it finds no token in the manifest's example")
        usual = encoded.rows[0][encoded.rows[0] != END]
        longest = np.resize(usual, self._text.max_tokens)
        longest[-2:] = self.tokenizer.largest, self._text.padding
        return usual[None, : -(-self._text.max_tokens // 2)], longest[None]


class TableTextFeed(TextFeed):
    """Rows of a table with a text, whose tokens stand behind the other columns and are most of what a row costs.

    They are float32 there, which tells whole numbers apart up to 16 million: more than any tokenizer has.

    Args:
        table: what the manifest says of the input.
        text: the text in it.
        tokenizer: makes its tokens.

    Raises:
        ValueError: as `TextFeed` does.
    """

    def __init__(self, table: TableInput, text: TextFeature, tokenizer: TextTokenizer) -> None:
        super().__init__(text, tokenizer)
        self.signature |= {table.tensor: ("FP32", (len(table.features),))}
        self._table = table
        usual = _usual(table)[None]
        few, many = self.examples
        self.examples = np.append(usual, few.astype(np.float32), 1), np.append(usual, many.astype(np.float32), 1)

    def units(self, rows: Rows) -> int:
        """Return the number of tokens, and one for each row."""
        return super().units(rows[:, len(self._table.features) :]) + len(rows)

    def run(self, session: onnxruntime.InferenceSession, outputs: Sequence[str], rows: Rows) -> list[NDArray[Any]]:
        """Return the graph's outputs, as those of texts alone are made."""
        width = len(self._table.features)
        return self._run(session, outputs, rows[:, width:], {self._table.tensor: rows[:, :width]})


def _pieces(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield where runs of texts of rising lengths start and end: similar ones, of a bounded number of tokens."""
    start = tokens = 0
    for end, length in enumerate(lengths):
        padded = (end + 1 - start) * length
        if end > start and (padded > _PIECE_TOKENS or padded - (tokens + length) > _RUN_TOKENS):
            yield start, end
            start, tokens = end, 0
        tokens += length
    if lengths:
        yield start, len(lengths)


def make_feed(folder: Path, manifest: Manifest) -> Feed:
    """Return what feeds the graph of a version folder.

    Raises:
        InvalidModelError: if a file that it needs is missing or wrong.
    """
    match manifest.input:
        case ImageInput() as image:
            means = np.array([channel.mean for channel in image.channels]).round().clip(0, 255).astype(np.uint8)
            return _ArrayFeed(image.tensor, "UINT8", np.tile(means, (image.height, image.width, 1)))
        case TextInput() as text:
            return _with_tokenizer(folder, manifest, text, lambda tokenizer: TextFeed(text, tokenizer))
        case TableInput() as table:
            beside = table.text
            if beside is None:
                return _ArrayFeed(table.tensor, "FP32", _usual(table))
            return _with_tokenizer(folder, manifest, beside, lambda tokenizer: TableTextFeed(table, beside, tokenizer))


def _with_tokenizer(
    folder: Path, manifest: Manifest, text: EncodedText, make: Callable[[TextTokenizer], TextFeed]
) -> TextFeed:
    """Return the feed that is made of a folder's tokenizer."""
    if TOKENIZER_FILE not in manifest.files:
        raise InvalidModelError(folder, f"its manifest lists no {TOKENIZER_FILE}")
    content = read_file(folder, manifest, TOKENIZER_FILE)
    try:
        return make(TextTokenizer(content, text))
    except ValueError as error:
        raise InvalidModelError(folder, f"{TOKENIZER_FILE} cannot be used: {error}") from error


def _usual(table: TableInput) -> NDArray[np.float32]:
    """Return a usual row [features] of a table."""
    return np.array([feature.usual for feature in table.features], dtype=np.float32)
