"""The scikit-learn estimator of numbers."""

from typing import Any, Self, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.model_selection import train_test_split
from skorch.dataset import Dataset
from torch import nn

from model_export.errors import DataError
from model_export.training.dreg_net import DregRegressor
from model_export.training.table import read_target
from model_export.training.table_estimator import TableEstimator


class ChainzRuleRegressor(RegressorMixin, TableEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A ChainzRule network on a raw table, for a number; its settings are those of `TableEstimator`.

    It learns the mean by squared error, of the target in units of its standard deviation, so that λ and the learning
    rate mean the same for every target. Mean and deviation go into the head once it is trained.

    Attributes:
        network_: gives the target in its own unit, [N, 1].
    """

    def fit(self, X: Any, y: ArrayLike, *, validation_mask: ArrayLike | None = None) -> Self:
        """Train on rows X [N, n_0], numeric, NaN where a value is missing, and their targets y [N].

        Args:
            X: the rows.
            y: their targets.
            validation_mask: [N], True for the rows to stop training by, where rows belong together so that some drawn
                at random would tell of the others: whole groups of them, or the newest; None has them drawn.

        Raises:
            DataError: if the table or the target cannot be learned from, naming the column or row and the cure.
        """
        table = self._read(X)
        values = read_target(y, len(table))
        mean, deviation = values.mean(), values.std() or 1.0
        self._train(table, ((values - mean) / deviation).astype(np.float32)[:, None], validation_mask)
        head = cast("nn.Linear", self.network_.head)
        with torch.no_grad():
            head.weight.mul_(deviation)
            head.bias.mul_(deviation)
            head.bias.add_(mean)
        return self

    def predict(self, X: Any) -> NDArray[np.float32]:
        """Return the target [N] expected of rows X [N, n_0]."""
        values: NDArray[np.float32] = self._checked_outputs(X)[:, 0].numpy()
        return values

    def _split(self, targets: NDArray[np.float32], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the indices of training and validation rows."""
        rows = len(targets)
        held_out = int(np.ceil(self.validation_fraction * rows))
        if rows - held_out < 1:
            raise DataError(f"n_samples={rows} is too few to hold out a validation set: give more rows")
        training, validation = train_test_split(np.arange(rows), test_size=held_out, random_state=seed)
        return training, validation

    def _check_targets(self, targets: NDArray[np.float32]) -> None:
        """Any numbers can be learned."""

    def _make_net(self, features: int, validation: Dataset) -> DregRegressor:
        return DregRegressor(**self._settings(features, 1, nn.MSELoss, validation))
