"""The skorch networks that add DREG to the task's loss."""

from typing import Any, Self

from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from torch import Tensor

from model_export.chainzrule import Record, dreg_penalty
from model_export.training.schedule import Schedule


class DregNet(NeuralNet):  # type: ignore[misc]  # skorch ships no types
    """loss = criterion + λ(t) · DREG, with t the share of `max_epochs` gone by.

    The module is a `Network`; its trace travels with the logits, so the penalty costs no second pass.
    """

    def __init__(self, *args: Any, schedule: Schedule, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.schedule = schedule

    def fit_loop(self, *args: Any, **kwargs: Any) -> Self:
        """Train, and remember being interrupted by the user.

        skorch ends quietly on a KeyboardInterrupt, which is also what early stopping raises.
        """
        self.interrupted = False
        try:
            super().fit_loop(*args, **kwargs)
        except KeyboardInterrupt:
            self.interrupted = dict(self.callbacks_)["stop"].misses_ < dict(self.callbacks_)["stop"].patience
        return self

    def infer(self, x: Tensor, **_: Any) -> tuple[Tensor, tuple[Record, ...]]:
        """Return the logits and the records of a batch."""
        trace = self.module_.trace(x)
        return trace.logits, trace.records

    def get_loss(self, y_pred: tuple[Tensor, tuple[Record, ...]], y_true: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the task's loss, and in training DREG on top, so that the validation loss stays the task's own."""
        logits, records = y_pred
        loss: Tensor = super().get_loss(logits, y_true, *args, **kwargs)
        weight = self.schedule((len(self.history) - 1) / max(self.max_epochs - 1, 1)) if kwargs.get("training") else 0.0
        return loss + weight * dreg_penalty(self.module_, records) if weight else loss


class DregClassifier(DregNet, NeuralNetClassifier):  # type: ignore[misc]
    """For classes: targets are their indices [N]."""


class DregRegressor(DregNet, NeuralNetRegressor):  # type: ignore[misc]
    """For numbers: targets are float32 [N, 1]."""
