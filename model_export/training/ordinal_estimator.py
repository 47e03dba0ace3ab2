"""The scikit-learn estimator of levels."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from skorch.dataset import Dataset
from torch import Tensor, nn

from model_export.chainzrule import level_log_likelihoods
from model_export.errors import DataError
from model_export.training.dreg_classifier import DregClassifier
from model_export.training.estimator import ChainzRuleClassifier


class LevelLoss(nn.Module):
    """The mean negative log-likelihood of the true levels."""

    def forward(self, logits: Tensor, levels: Tensor) -> Tensor:
        """Return the loss of f − θ [N, K − 1] for levels [N]."""
        return -torch.gather(level_log_likelihoods(logits), 1, levels.unsqueeze(1)).mean()


class ChainzRuleOrdinalClassifier(ChainzRuleClassifier):
    """A ChainzRule network for classes in order, such as stars: labels are numbers, and rise with the level.

    Its last layer is a `CumulativeHead`, fitted by likelihood. It predicts the median of the distribution over levels,
    which has the smallest expected distance from the true one. Everything else is as in `ChainzRuleClassifier`.
    """

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Train on rows X [N, n_0] and their levels y [N], numbers.

        Raises:
            DataError: as `ChainzRuleClassifier.fit` does, or if the labels are no numbers: text has no order.
        """
        labels = np.asarray(y)
        if labels.dtype.kind not in "biuf":
            raise DataError(
                f"the labels are {labels.dtype}, whose order is not known: give levels as numbers that rise"
            )
        return super().fit(X, y)

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the level probabilities [N, K] of rows X [N, n_0], in rising order."""
        likelihoods: NDArray[np.float32] = level_log_likelihoods(self._checked_logits(X)).exp().numpy()
        return likelihoods

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the median level [N] of rows X [N, n_0]."""
        levels: NDArray[Any] = self.classes_[(self._checked_logits(X) > 0).sum(1).numpy()]
        return levels

    def _make_net(self, features: int, validation: Dataset) -> DregClassifier:
        net = super()._make_net(features, validation)
        net.set_params(module__ordinal=True, criterion=LevelLoss)
        return net
