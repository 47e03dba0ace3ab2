"""Where a version is wrong: which classes it takes for which, and the rows that it is surest of and wrong about."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.report.answers import Answers
from model_export.report.subject import Subject

_SHOWN = 10


class Confusion(NamedTuple):
    """Test rows by true and by predicted class."""

    counts: NDArray[np.int64]
    """[K, K]: true class by predicted class"""

    @property
    def commonest(self) -> list[tuple[int, int, int]]:
        """The commonest mistakes, at most ten, (true class, predicted class, rows), most frequent first."""
        wrong = self.counts * (1 - np.eye(len(self.counts), dtype=np.int64))
        places = np.argsort(-wrong, axis=None, kind="stable")[:_SHOWN].tolist()
        pairs = (divmod(place, len(self.counts)) for place in places)
        return [(true, said, int(wrong[true, said])) for true, said in pairs if wrong[true, said]]


class Surprise(NamedTuple):
    """A row that the version is sure of and wrong about."""

    place: int
    """The row's number in the file"""
    truth: str
    said: str
    score: float
    typicality: float


def confusion(answers: Answers) -> Confusion:
    """Return which classes are taken for which."""
    classes = len(answers.manifest.classes)
    pairs = answers.truth * classes + answers.scores["label"]
    return Confusion(np.bincount(pairs, minlength=classes**2).reshape(classes, classes))


def surprises(answers: Answers, subject: Subject) -> list[Surprise]:
    """Return the wrong rows of the highest scores, the surest first."""
    wrong = np.flatnonzero(~answers.right)
    chosen = wrong[np.argsort(-answers.reliability[wrong], kind="stable")][:_SHOWN]

    def said(row: int) -> tuple[str, str]:
        if answers.manifest.regression:
            return f"{answers.truth[row]:.5g}", f"{answers.scores['value'][row]:.5g}"
        classes = answers.manifest.classes
        return classes[answers.truth[row]], classes[answers.scores["label"][row]]

    return [
        Surprise(
            int(subject.places[row]), *said(row), answers.reliability[row], float(answers.scores["typicality"][row])
        )
        for row in chosen.tolist()
    ]
