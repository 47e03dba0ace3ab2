"""Kolmogorov–Arnold networks, by the package pykan, as a scikit-learn classifier."""

import io
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import nn

_HIDDEN = 5
_RATE = 1e-2


class KanClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A network with a learnable cubic spline on every edge (Liu et al., 2024), one hidden layer of 5, by Adam.

    Rows are to be complete and standardised: the splines' grids span −1 to 1 at the start and follow the rows.

    Args:
        grid: intervals of a spline.
        steps: of training, each on all rows.
    """

    def __init__(self, grid: int = 3, steps: int = 100) -> None:
        self.grid = grid
        self.steps = steps

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> Self:
        """Train on rows X [N, n_0] and class indices y [N]."""
        self.classes_ = np.unique(y)
        rows, labels = torch.from_numpy(X).float(), torch.from_numpy(y)
        given = {"train_input": rows, "train_label": labels, "test_input": rows, "test_label": labels}
        # It draws a bar, and says what it saves.
        with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
            self.network_ = import_module("kan").KAN(
                width=[X.shape[1], _HIDDEN, len(self.classes_)], grid=self.grid, k=3, seed=0, auto_save=False
            )
            self.network_.fit(given, opt="Adam", steps=self.steps, lr=_RATE, loss_fn=nn.CrossEntropyLoss())
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[Any]:
        """Return the class probabilities [N, K] of rows X [N, n_0]."""
        with torch.no_grad():
            probabilities: NDArray[Any] = torch.softmax(self.network_(torch.from_numpy(X).float()), 1).numpy()
        return probabilities

    def predict(self, X: NDArray[np.float64]) -> NDArray[Any]:
        """Return the likeliest class [N] of rows X [N, n_0]."""
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(1)]
        return labels
