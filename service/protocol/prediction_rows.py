"""The JSON of many rows of predictions at once."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from service.features import UNSEEN
from service.inference.advice import ADVICE, Adviser
from service.inference.feeds import Rows
from service.inference.model import Scores
from service.inputs import CategoricalFeature, TableInput, text_of
from service.manifest import EXPECTED_LEVEL, Manifest
from service.regression import Regression

WITH_RESPECT_TO: Final = {"text": "sentence embedding", "image": "pixels"}
"""What the signals are derivatives by, where it is not the numbers that the client sent."""

_BOOLEANS: Final = (b"false", b"true")
_NONE_UNSEEN: Final = b'"unseen":[],'


class _Choice(NamedTuple):
    """A text that depends on the row."""

    by: str
    """what it depends on"""
    texts: tuple[bytes, ...]


class PredictionRows:
    """Writes rows of one model's predictions.

    A row is texts and numbers by turns. The texts are made once; the numbers of all rows are written by orjson in one
    call, in single precision, and put between them: nothing is done in Python for each number, and little for each row.

    Args:
        manifest: the model's.
        sensitivity: whether to write each row's.
    """

    def __init__(self, manifest: Manifest, *, sensitivity: bool) -> None:
        self._manifest = manifest
        self._advise = Adviser(manifest.reference.thresholds)
        self._numbers: list[str] = []
        features = manifest.input.features if isinstance(manifest.input, TableInput) else ()
        self._categorical = {
            column: orjson.dumps(feature.name)
            for column, feature in enumerate(features)
            if isinstance(feature, CategoricalFeature)
        }
        self._texts = self._between(sensitivity)
        self._nested = sensitivity and not isinstance(manifest.input, TableInput)
        constant = [text if isinstance(text, bytes) else b"" for text in self._texts]
        self._blank = list(chain.from_iterable((text, b"") for text in constant))

    def write(
        self, scores: Scores, strange: NDArray[np.bool_], sent: Rows, truncated: NDArray[np.bool_] | None = None
    ) -> list[bytes]:
        """Return the parts of the rows' JSON, for `join`.

        Args:
            scores: of the rows.
            strange: which of them are out of distribution.
            sent: the rows themselves.
            truncated: which of the texts were cut; None of a model without texts.
        """
        rows = len(scores["reliability"])
        parts = self._blank * rows
        choices: dict[str, Sequence[int]] = {
            "advice": self._advise(scores["reliability"]).tolist(),
            "strange": strange.tolist(),
        }
        if "label" in scores:
            choices["label"] = scores["label"].tolist()
        if truncated is not None:
            choices["truncated"] = truncated.tolist()
        stride = len(self._blank)
        for index, text in enumerate(self._texts):
            if isinstance(text, _Choice):
                parts[2 * index :: stride] = [text.texts[choice] for choice in choices[text.by]]
        if self._categorical:
            self._name_unseen(parts, sent)
        matrix = np.concatenate([scores[name].reshape(rows, -1) for name in self._numbers], axis=1)
        numbers = orjson.dumps(matrix.reshape(-1), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
        if self._nested:
            columns = [numbers[index :: matrix.shape[1]] for index in range(matrix.shape[1])]
            columns.append([_nested(gradient) for gradient in scores["sensitivity"]])
            numbers = list(chain.from_iterable(zip(*columns, strict=True)))
        parts[1::2] = numbers
        return parts

    def join(self, parts: list[bytes], start: int, stop: int) -> bytes:
        """Return the JSON of some of the rows whose parts `write` returned, commas between them.

        Args:
            parts: what it returned.
            start: the first of the rows.
            stop: behind the last of them.
        """
        stride = len(self._blank)
        # Each row begins with the end of the one before.
        return b"".join(parts[start * stride : stop * stride])[len(self._end) + 1 :] + self._end

    def _name_unseen(self, parts: list[bytes], sent: NDArray[np.float32]) -> None:
        """Name in each row's list the features whose category training did not have."""
        unseen = sent[:, list(self._categorical)] == UNSEEN
        place = 2 * next(i for i, text in enumerate(self._texts) if isinstance(text, _Choice) and text.by == "strange")
        for row in np.flatnonzero(unseen.any(axis=1)).tolist():
            names = b",".join(
                name for name, marked in zip(self._categorical.values(), unseen[row], strict=True) if marked
            )
            at = place + row * len(self._blank)
            parts[at] = parts[at].replace(_NONE_UNSEEN, b'"unseen":[%b],' % names)

    def _between(self, sensitivity: bool) -> list[bytes | _Choice]:
        """Return the texts, each of which a number follows; note these numbers, and how a row ends."""
        manifest = self._manifest
        features: list[bytes] = []
        with_respect_to = self._end = b""
        if isinstance(manifest.input, TableInput):
            features = [orjson.dumps(name) for name in manifest.input.names] if sensitivity else []
        else:
            with_respect_to = b',"with_respect_to":' + orjson.dumps(WITH_RESPECT_TO[manifest.input.kind])
        if not sensitivity:
            self._end = with_respect_to
        self._end += b"}}}" if features else b"}}"

        texts, before = self._class() if manifest.regression is None else self._value(manifest.regression)
        score = b',"reliability":{"score":'
        if text_of(manifest.input) is not None:
            texts.append(_Choice("truncated", tuple(before + b',"truncated":' + cut + score for cut in _BOOLEANS)))
        else:
            texts.append(before + score)
        signals = (*(() if manifest.regression else (b"boundary_distance",)), b"jacobian_norm", b"tail_ratio")
        texts += [
            _Choice("advice", tuple(b',"advice":"%b","typicality":' % advice.encode() for advice in ADVICE)),
            _Choice(
                "strange",
                tuple(
                    b',"out_of_distribution":%b,%b"%b":'
                    % (said, _NONE_UNSEEN if self._categorical else b"", signals[0])
                    for said in _BOOLEANS
                ),
            ),
            *(b',"%b":' % name for name in signals[1:]),
        ]
        self._numbers += ["reliability", "typicality", *(name.decode() for name in signals)]
        if features:
            texts += [b"%b%b:" % (b"," if index else b',"sensitivity":{', name) for index, name in enumerate(features)]
            self._numbers.append("sensitivity")
        elif sensitivity:
            texts.append(with_respect_to + b',"sensitivity":')
        return texts

    def _class(self) -> tuple[list[bytes | _Choice], bytes]:
        """Return the texts up to the last probability or the expected level, and the one that closes these."""
        classes = [orjson.dumps(name) for name in self._manifest.classes]
        heads = (self._end + b',{"label":' + name + b',"probabilities":{' + classes[0] + b":" for name in classes)
        texts: list[bytes | _Choice] = [_Choice("label", tuple(heads))]
        texts += [b"," + name + b":" for name in classes[1:]]
        self._numbers.append("probabilities")
        if self._manifest.task != "ordinal":
            return texts, b"}"
        levels = (b'},"level":%d,"%b":' % (level, EXPECTED_LEVEL.name.encode()) for level in range(len(classes)))
        texts.append(_Choice("label", tuple(levels)))
        self._numbers.append(EXPECTED_LEVEL.name)
        return texts, b""

    def _value(self, regression: Regression) -> tuple[list[bytes | _Choice], bytes]:
        """Return the texts up to the interval's upper end, and the one that closes it."""
        self._numbers += ["value", "lower", "upper"]
        texts = [self._end + b',{"value":', b',"interval":{"lower":', b',"upper":']
        return [*texts], b',"coverage":' + orjson.dumps(regression.coverage) + b"}"


def _nested(gradient: NDArray[Any]) -> bytes:
    return orjson.dumps(np.ascontiguousarray(gradient), option=orjson.OPT_SERIALIZE_NUMPY)
