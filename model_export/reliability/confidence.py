"""Temperature, and the probability that a prediction is right."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, logsumexp
from torch import Tensor, nn

_SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1 before their log-odds are taken."""


def fit_temperature(logits: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Return the T that minimises the log loss of softmax(logits / T) on held-out rows.

    Guo et al., "On Calibration of Modern Neural Networks" (2017). Bounded to [0.05, 20]: on separable rows the
    minimum is at 0.
    """

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(codes)), codes].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def log_odds(probability: Tensor) -> Tensor:
    """Return log(p / (1 − p)), p kept within [1e-6, 1 − 1e-6]."""
    bounded = torch.clamp(probability, _SMALLEST, 1 - _SMALLEST)
    return torch.log(bounded) - torch.log(1 - bounded)


class Confidence(nn.Module):
    """reliability = σ(a + b·log-odds(largest probability) + c·log(typicality)), with b, c ≥ 0.

    A logistic regression of "the label is right" on held-out rows. Its signs are constrained so that less confidence
    or less typicality never raises it; on unshifted rows typicality may earn nothing, and c is then 0.

    Args:
        intercept: a.
        confidence_weight: b.
        typicality_weight: c.

    """

    coefficients: Tensor

    def __init__(self, intercept: float, confidence_weight: float, typicality_weight: float) -> None:
        super().__init__()
        self.register_buffer("coefficients", torch.tensor([intercept, confidence_weight, typicality_weight]).double())

    @classmethod
    def fit(cls, confidence: Tensor, typicality: Tensor, correct: NDArray[np.bool_]) -> Self:
        """Return the regression of `correct` [n] on held-out rows' `log_odds` confidence and typicality [n].

        A weak pull (one pseudo-row) towards σ(log-odds), the temperature-scaled probability itself, keeps it finite
        where every row is right.
        """
        features = torch.stack([torch.ones_like(confidence), confidence, torch.log(typicality)], 1).double().numpy()
        prior = np.array([0.0, 1.0, 0.0])
        signs = np.where(correct, -1.0, 1.0)

        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            scores = signs * (features @ weights)
            distance = weights - prior
            value = logsumexp([np.zeros_like(scores), scores], axis=0).sum() + 0.5 * distance @ distance
            return float(value), features.T @ (signs * expit(scores)) + distance

        fitted = minimize(loss, prior, jac=True, bounds=[(None, None), (0, None), (0, None)], method="L-BFGS-B").x
        return cls(*(float(weight) for weight in fitted))

    @property
    def weights(self) -> tuple[float, float, float]:
        """(a, b, c)."""
        intercept, confidence_weight, typicality_weight = self.coefficients.tolist()
        return intercept, confidence_weight, typicality_weight

    def forward(self, confidence: Tensor, typicality: Tensor) -> Tensor:
        """Return the reliability [N] for log-odds confidence [N] and typicality [N]."""
        intercept, confidence_weight, typicality_weight = self.coefficients.unbind(0)
        return torch.sigmoid(intercept + confidence_weight * confidence + typicality_weight * torch.log(typicality))
