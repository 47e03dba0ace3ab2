"""The rows of a table for training, for choosing and for testing, in every fold of a repeated cross-validation."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split

from model_export.reproduction.stack import Part
from model_export.training.standardiser import Standardiser

VALIDATION_SHARE = 0.15
"""Of the rows to learn from, to choose settings and the number of epochs by."""

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class Table(NamedTuple):
    """Rows [N, n_0], NaN where a value is missing, and class indices [N]."""

    rows: Floats
    labels: Codes

    def at(self, chosen: Codes) -> "Table":
        """Return the rows of these indices."""
        return Table(self.rows[chosen], self.labels[chosen])


class Fold(NamedTuple):
    """One part of a repeat to test on, the others to learn from; indices into the table."""

    repeat: int
    number: int
    learning: Codes
    """To learn from; `training` and `validation` are its parts"""

    training: Codes
    validation: Codes
    test: Codes


def folds(labels: Codes, repeats: int, fraction: float, parts: int = 10) -> Iterator[Fold]:
    """Yield every fold of stratified cross-validations with seeds 0 to repeats − 1.

    Args:
        labels: class indices [N].
        repeats: how many cross-validations, each with its own shuffle.
        fraction: share of the rows to learn from that is kept, drawn stratified; the test rows stay.
        parts: folds of one cross-validation.
    """
    for repeat in range(repeats):
        splits = StratifiedKFold(parts, shuffle=True, random_state=repeat).split(labels, labels)
        for number, (learning, test) in enumerate(splits):
            seed = parts * repeat + number
            kept = learning
            if fraction < 1:
                kept, _ = train_test_split(learning, train_size=fraction, stratify=labels[learning], random_state=seed)
            training, validation = train_test_split(
                kept, test_size=VALIDATION_SHARE, stratify=labels[kept], random_state=seed
            )
            yield Fold(repeat, number, np.sort(kept), np.sort(training), np.sort(validation), test)


def standardise(table: Table, fitted_on: Codes, *others: Codes) -> list[Part]:
    """Return rows as a network takes them, the first part's own mean and deviation used for all."""
    standardiser = Standardiser.fit(table.rows[fitted_on])
    return [
        Part(standardiser(torch.from_numpy(table.rows[part])).float(), torch.from_numpy(table.labels[part]))
        for part in (fitted_on, *others)
    ]
