"""The scikit-learn estimator of classes."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.model_selection import train_test_split
from skorch.dataset import Dataset
from torch import nn

from model_export.errors import DataError
from model_export.training.dreg_net import DregClassifier
from model_export.training.table import read_labels
from model_export.training.table_estimator import TableEstimator


class ChainzRuleClassifier(ClassifierMixin, TableEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A ChainzRule network on a raw table, for classes; its settings are those of `TableEstimator`.

    The validation rows that stop its training are stratified by class.

    Attributes:
        classes_: [K], sorted.
        network_: gives logits [N, K].
    """

    def fit(self, X: Any, y: ArrayLike, *, validation_mask: ArrayLike | None = None) -> Self:
        """Train on rows X [N, n_0], numeric, NaN where a value is missing, and their labels y [N].

        Args:
            X: the rows.
            y: their labels.
            validation_mask: [N], True for the rows to stop training by, where rows belong together so that some drawn
                at random would tell of the others: whole groups of them, or the newest; None has them drawn.

        Raises:
            DataError: if the table or the labels cannot be learned from, naming the column or row and the cure.
        """
        table = self._read(X)
        self.classes_, codes = self._read_labels(y, len(table))
        self._train(table, codes, validation_mask)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the class probabilities [N, K] of rows X [N, n_0], columns in the order of `classes_`."""
        probabilities: NDArray[np.float32] = torch.softmax(self._checked_outputs(X), 1).numpy()
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class [N] of rows X [N, n_0]."""
        codes = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[codes]
        return labels

    def _read_labels(self, y: ArrayLike, rows: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        return read_labels(y, rows)

    def _split(self, codes: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the indices of training and validation rows, stratified by class."""
        counts = np.bincount(codes)
        rare = int(counts.argmin())
        held_out = int(np.ceil(self.validation_fraction * len(codes)))
        if counts[rare] < 2 or held_out < len(counts) or len(codes) - held_out < len(counts):
            raise DataError(
                f"{len(codes)} rows are too few to hold out a validation set with every class in it (class "
                f"'{self.classes_[rare]}' has {counts[rare]}): give more rows, at least 2 a class"
            )
        split: list[NDArray[np.int64]] = train_test_split(
            np.arange(len(codes)), test_size=held_out, stratify=codes, random_state=seed
        )
        training, validation = split
        return training, validation

    def _check_targets(self, codes: NDArray[np.int64]) -> None:
        lacking = np.flatnonzero(np.bincount(codes, minlength=len(self.classes_)) == 0)
        if len(lacking):
            raise DataError(
                f"validation_mask leaves no row of class '{self.classes_[lacking[0]]}' to train on: hold out other rows"
            )

    def _make_net(self, features: int, validation: Dataset) -> DregClassifier:
        return DregClassifier(**self._settings(features, len(self.classes_), nn.CrossEntropyLoss, validation))
