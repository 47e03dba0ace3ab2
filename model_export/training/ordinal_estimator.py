"""The scikit-learn estimator of levels."""

from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from skorch.dataset import Dataset
from torch import Tensor, nn

from model_export.chainzrule import level_log_likelihoods
from model_export.errors import DataError
from model_export.training.dreg_net import DregClassifier
from model_export.training.estimator import ChainzRuleClassifier


class LevelLoss(nn.Module):
    """The mean negative log-likelihood of the true levels."""

    def forward(self, logits: Tensor, levels: Tensor) -> Tensor:
        """Return the loss of f − θ [N, K − 1] for levels [N]."""
        return -torch.gather(level_log_likelihoods(logits), 1, levels.unsqueeze(1)).mean()


class ChainzRuleOrdinalClassifier(ChainzRuleClassifier):
    """A ChainzRule network for classes in order, such as stars: labels are numbers, and rise with the level.

    Its last layer is a `CumulativeHead`, fitted by likelihood. It predicts the median of the distribution over levels,
    which has the smallest expected distance from the true one. Everything else is as in `ChainzRuleClassifier`, and
    labels that are no numbers are refused: text has no order.
    """

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the level probabilities [N, K] of rows X [N, n_0], in rising order."""
        likelihoods: NDArray[np.float32] = level_log_likelihoods(self._checked_outputs(X)).exp().numpy()
        return likelihoods

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the median level [N] of rows X [N, n_0]."""
        codes = (self._checked_outputs(X) > 0).sum(1).numpy()
        levels: NDArray[Any] = self.classes_[codes]
        return levels

    def _read_labels(self, y: ArrayLike, rows: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        classes, codes = super()._read_labels(y, rows)
        if classes.dtype.kind not in "biuf" and not all(isinstance(label, Real) for label in classes):
            raise DataError(
                f"Unknown label type: the labels are {classes.dtype}, whose order is not known: give levels as numbers "
                "that rise"
            )
        return classes, codes

    def _make_net(self, features: int, validation: Dataset) -> DregClassifier:
        net = super()._make_net(features, validation)
        net.set_params(module__ordinal=True, criterion=LevelLoss)
        return net
