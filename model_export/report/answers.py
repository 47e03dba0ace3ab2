"""What a version answers to the test rows, by the very code that will serve it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.report.subject import Subject
from service.inference.model import Model, Scores
from service.manifest import Manifest

_ROWS_AT_A_TIME = 1024

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Answers(NamedTuple):
    """A version's answers to the test rows and what is true of them."""

    manifest: Manifest
    scores: Scores
    """Every output by name, as it is served"""
    truth: NDArray[Any]
    """Class indices, or values of a regression, [n]"""

    @property
    def right(self) -> Bools:
        """Which answers are right, [n]; of a regression, within its tolerance."""
        if self.manifest.regression is None:
            right: Bools = self.scores["label"] == self.truth
            return right
        return np.abs(self.errors) <= self.manifest.regression.tolerance

    @property
    def predicted(self) -> Floats:
        """Probabilities [n, K] by class, or values [n] of a regression."""
        name = "probabilities" if self.manifest.regression is None else "value"
        return self.scores[name].astype(np.float64)

    @property
    def errors(self) -> Floats:
        """Value − truth of a regression, [n]."""
        errors: Floats = self.scores["value"].astype(np.float64) - self.truth
        return errors

    @property
    def reliability(self) -> Floats:
        """The served score, [n]."""
        return self.scores["reliability"].astype(np.float64)


def ask(model: Model, subject: Subject) -> Answers:
    """Return what a loaded version answers to a subject's rows.

    Raises:
        NonFiniteOutputError: if an answer is not finite.
    """
    rows: Any = subject.rows
    if subject.kind == "texts":
        rows = model.tokenizer.encode(rows.tolist()).rows
    starts = range(0, len(rows), _ROWS_AT_A_TIME)
    parts = [model.score(rows[start : start + _ROWS_AT_A_TIME]) for start in starts]
    scores = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Answers(model.manifest, scores, subject.truth)
