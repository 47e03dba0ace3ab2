"""What was answered of late, for the true labels that come in later."""

import re
import secrets
from collections.abc import Sequence
from hashlib import blake2b
from hmac import compare_digest
from itertools import pairwise
from math import isfinite
from typing import Final, NamedTuple

import numpy as np

from service.errors import (
    FeedbackDuplicateError,
    FeedbackExpiredError,
    FeedbackLabelError,
    FeedbackRowError,
    FeedbackUnknownError,
    ServiceError,
    shown,
)
from service.inference.model import Scores
from service.manifest import Manifest
from service.monitoring.metrics import Metrics
from service.monitoring.true_label import LONGEST_REPEATED, TrueLabel, unknown

_ID: Final = re.compile(r"([0-9a-f]{16})-([0-9a-f]{1,16})-([0-9a-f]{8})")


class _Version(NamedTuple):
    name: str
    version: int
    classes: tuple[str, ...]
    tolerance: float
    """of a regression: a value that is off by at most this is right"""


class Feedback:
    """Remembers the last rows that were answered, and counts each whose true label is told.

    Rows are numbered as they are answered, and kept in a ring. An answer's id is this process's own, drawn at its
    start, the number of the answer's first row, and a keyed digest of that number, so that nobody can make up the id of
    another's answer. An id therefore needs no table, and one that is too old is told from one that never was.

    Args:
        rows: rows remembered; none if 0.
        metrics: where feedback is counted.
    """

    def __init__(self, rows: int, metrics: Metrics) -> None:
        self.process = secrets.token_hex(8)
        """in every id that is given out here"""
        self._size = rows
        self._metrics = metrics
        self._key = secrets.token_bytes(32)
        self._next = 0
        self._versions: list[_Version] = []
        self._indices: dict[_Version, int] = {}
        # Of each row: its answer's first row, the model version, what was said, and whether the truth was told.
        self._first = np.zeros(rows, np.int64)
        self._version = np.zeros(rows, np.int32)
        self._label = np.zeros(rows, np.int32)
        self._value = np.zeros(rows, np.float32)
        self._reliability = np.zeros(rows, np.float32)
        self._told = np.zeros(rows, np.bool_)

    @property
    def taken(self) -> bool:
        """Whether any feedback is taken."""
        return self._size > 0

    def remember(self, manifest: Manifest, scores: Scores, starts: Sequence[int]) -> int:
        """Remember the rows of answers of one model version; return the number of the first.

        Args:
            manifest: of the version.
            scores: of all the rows.
            starts: where each answer's rows begin.
        """
        first, reliability = self._next, scores["reliability"]
        said, kept = (scores["label"], self._label) if "label" in scores else (scores["value"], self._value)
        self._next = end = first + len(said)
        if not self.taken:
            return first
        version = _Version(manifest.name, manifest.version, manifest.classes, _tolerance(manifest))
        index = self._indices.get(version)
        if index is None:
            index = self._indices[version] = len(self._versions)
            self._versions.append(version)
        lengths = [stop - start for start, stop in pairwise((*starts, len(said)))]
        firsts = first + np.repeat(starts, lengths)
        begin = max(first, end - self._size)
        while begin < end:  # twice where the ring begins anew
            place = begin % self._size
            count = min(end - begin, self._size - place)
            there, here = slice(place, place + count), slice(begin - first, begin - first + count)
            self._first[there] = firsts[here]
            self._version[there] = index
            kept[there] = said[here]
            self._reliability[there] = reliability[here]
            self._told[there] = False
            begin += count
        return first

    def name(self, number: int) -> str | None:
        """Return the id of the answer whose first row has this number, None where no feedback is taken."""
        return f"{self.process}-{number:x}-{self._signature(number)}" if self.taken else None

    async def judge(self, name: str, version: str | None, told: Sequence[TrueLabel]) -> list[ServiceError | None]:
        """Count each row whose true label is told; return, in the same order, why one was not counted.

        Args:
            name: of the model that the rows are said to be answered by.
            version: of it, None for any.
            told: each is judged by itself.
        """
        return [self._judge(name, version, each) for each in told]

    def _judge(self, name: str, version: str | None, told: TrueLabel) -> ServiceError | None:
        try:
            self._take(name, version, told)
        except ServiceError as refusal:
            return refusal
        return None

    def _take(self, name: str, version: str | None, told: TrueLabel) -> None:
        first = self._first_row(told)
        number = first + told.row
        if number < self._next - self._size:
            raise FeedbackExpiredError(
                f"the row answered by {told.id} is forgotten, since {self._size} others were answered after it: send "
                "feedback sooner, or raise feedback_rows"
            )
        place = number % self._size
        if number >= self._next or self._first[place] != first:
            raise FeedbackRowError(f"the answer {told.id} has no row {told.row}: its rows count from 0")
        of = self._versions[self._version[place]]
        if of.name != name or (version is not None and version != str(of.version)):
            raise FeedbackUnknownError(f"the answer {told.id} is of another model, or another version of it")
        confirmed = self._right(of, place, told)
        if self._told[place]:
            raise FeedbackDuplicateError(f"the true label of row {told.row} of {told.id} was told before")
        recorder = self._metrics.find(of.name, of.version)
        if recorder is None:
            raise FeedbackExpiredError(f"version {of.version} of {name} has gone from the repository since it answered")
        self._told[place] = True
        recorder.record_feedback(float(self._reliability[place]), confirmed=confirmed)

    def _right(self, of: _Version, place: int, told: TrueLabel) -> bool:
        """Return whether what was answered in this place is right."""
        if not of.classes:
            if told.value is None or not isfinite(told.value):
                raise FeedbackLabelError(f"{of.name} predicts a number: tell the true one as value, not a label")
            return bool(abs(float(self._value[place]) - told.value) <= of.tolerance)
        if told.label is None:
            raise FeedbackLabelError(f"{of.name} predicts a class: tell the true one as label, not a value")
        if told.label not in of.classes:
            raise FeedbackLabelError(
                f"{of.name} has no class {shown(told.label, LONGEST_REPEATED)!r}; its classes are "
                f"{', '.join(of.classes)}"
            )
        return bool(of.classes[self._label[place]] == told.label)

    def _first_row(self, told: TrueLabel) -> int:
        parts = _ID.fullmatch(told.id)
        if parts is not None and parts[1] == self.process:
            first = int(parts[2], 16)
            if first < self._next and compare_digest(parts[3], self._signature(first)):
                return first
        raise unknown(told)

    def _signature(self, first: int) -> str:
        return blake2b(first.to_bytes(8), key=self._key, digest_size=4).hexdigest()


def _tolerance(manifest: Manifest) -> float:
    return 0.0 if manifest.regression is None else manifest.regression.tolerance
