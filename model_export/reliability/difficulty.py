"""How large a row's error is to be expected, as a function that a graph can hold."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn

from model_export.errors import DataError

_PENALTIES = (30.0, 100.0, 300.0, 1000.0)
"""On the squared weights of standardised derivatives, against a log-likelihood that is a sum over rows."""

_FOLDS = 5

_SURE = 2.0
"""Standard errors that a difficulty must be better than a constant by, on rows that it was not fitted to."""

_MOST_ROWS = 5_000
"""More settle nothing that these do not."""

_SMALLEST_SHARE = 1e-6
"""Derivatives that vary by less than this share of the most varying one's deviation say nothing but rounding."""


class Difficulty(nn.Module):
    """s(x) = exp(clamp(a + w·d)), in the target's unit, with d the last hidden layer's derivatives φ'.

    The scale of a Laplace distribution around the prediction, fitted to the training rows' errors by maximum likelihood
    with a penalty on w (a normalised non-conformity score: Papadopoulos, Gammerman and Vovk, "Normalized nonconformity
    measures for regression conformal prediction", 2008). The penalty is chosen by five-fold cross-validation, and the
    weights are 0 unless they are better there than a constant by two standard errors. Errors of rows that were trained
    on are too small, but which are larger is what is wanted: the width itself is settled by calibration rows.

    ‖∇f‖ and the strangeness of the signature hardly tell large errors from small ones; *which* derivatives moved does,
    as it tells where a row lies. `tests/benchmarks/interval_width.py` compares them.

    Args:
        intercept: a.
        weights: w [n].
        bounds: least and greatest log s among the rows that it was fitted to.
    """

    intercept: Tensor
    weights: Tensor
    bounds: tuple[float, float]

    def __init__(self, intercept: float, weights: NDArray[np.float64], bounds: tuple[float, float]) -> None:
        super().__init__()
        self.register_buffer("intercept", torch.tensor(intercept, dtype=torch.float64))
        self.register_buffer("weights", torch.from_numpy(weights))
        self.bounds = bounds

    @classmethod
    def fit(cls, derivatives: NDArray[np.float64], errors: NDArray[np.float64]) -> Self:
        """Return the difficulty of rows with derivatives [N, n] and errors [N], of any sign, not all 0."""
        order = np.random.default_rng(0).permutation(len(errors))[:_MOST_ROWS]
        sizes = np.abs(errors[order])
        mean, deviation = derivatives.mean(0), derivatives.std(0)
        silent = deviation <= _SMALLEST_SHARE * deviation.max(initial=0.0)
        scale = np.where(silent, 0.0, 1 / np.where(silent, 1.0, deviation))
        standard = (derivatives[order] - mean) * scale
        penalty = _chosen_penalty(standard, sizes)
        level = float(np.log(sizes.mean()))
        if penalty is None:
            return cls(level, np.zeros_like(mean), (level, level))
        intercept, weights = _fit(standard, sizes, penalty)
        logs = intercept + standard @ weights
        weights = weights * scale
        return cls(intercept - float(mean @ weights), weights, (float(logs.min()), float(logs.max())))

    def log(self, derivatives: Tensor) -> Tensor:
        """Return log s [N] of derivatives [N, n]."""
        return torch.clamp(self.intercept + derivatives @ self.weights, *self.bounds)

    def forward(self, derivatives: Tensor) -> Tensor:
        """Return s [N] of derivatives [N, n]."""
        return torch.exp(self.log(derivatives))

    @property
    def constant(self) -> bool:
        """Whether every row is as difficult."""
        return self.bounds[0] == self.bounds[1]


def _chosen_penalty(standard: NDArray[np.float64], sizes: NDArray[np.float64]) -> float | None:
    """Return the penalty that does best on rows left out; None where a constant does as well."""
    fold = np.arange(len(sizes)) % _FOLDS
    if len(sizes) < 2 * _FOLDS:
        return None
    losses = {penalty: np.empty_like(sizes) for penalty in (None, *_PENALTIES)}
    for number in range(_FOLDS):
        left = fold == number
        level = np.log(max(sizes[~left].mean(), np.finfo(np.float64).tiny))
        losses[None][left] = level + sizes[left] * np.exp(-level)
        for penalty in _PENALTIES:
            intercept, weights = _fit(standard[~left], sizes[~left], penalty)
            logs = intercept + standard[left] @ weights
            losses[penalty][left] = logs + sizes[left] * np.exp(-logs)
    best = min(_PENALTIES, key=lambda penalty: float(losses[penalty].mean()))
    gain = losses[None] - losses[best]
    return best if gain.mean() > _SURE * gain.std() / np.sqrt(len(gain)) else None


def _fit(
    standard: NDArray[np.float64], sizes: NDArray[np.float64], penalty: float
) -> tuple[float, NDArray[np.float64]]:
    """Return a and w that minimise Σ (a + w·d + |e| exp(−a − w·d)) + penalty · ‖w‖²."""
    unit = max(float(sizes.mean()), np.finfo(np.float64).tiny)
    sizes = sizes / unit

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = parameters[1:]
        logs = parameters[0] + standard @ weights
        ratios = sizes * np.exp(-np.clip(logs, -30, 30))
        slopes = 1 - ratios
        gradient = np.concatenate([[slopes.sum()], standard.T @ slopes + 2 * penalty * weights])
        return float((logs + ratios).sum() + penalty * weights @ weights), gradient

    found = minimize(loss, np.zeros(1 + standard.shape[1]), jac=True, method="L-BFGS-B").x
    return float(found[0] + np.log(unit)), found[1:]


def conformal_quantile(scores: NDArray[np.float64], coverage: float) -> float:
    """Return the ⌈(n + 1) · coverage⌉-th smallest of n held-out scores: a further one is at most this so often.

    Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World" (2005), chapter 2; Lei et al.,
    "Distribution-free predictive inference for regression" (2018).

    Raises:
        DataError: if there are too few rows for any finite quantile to have that coverage.
    """
    rank = int(np.ceil((len(scores) + 1) * coverage - 1e-9))
    if rank > len(scores):
        raise DataError(
            f"{len(scores)} calibration rows are too few for intervals with a coverage of {coverage:g}: give at least "
            f"{int(np.ceil(coverage / (1 - coverage) - 1e-9))}"
        )
    return float(np.sort(scores)[rank - 1])
