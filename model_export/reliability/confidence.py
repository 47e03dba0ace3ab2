"""Temperature, and the probability that a prediction is right."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, logsumexp
from torch import Tensor, nn

from model_export.chainzrule import level_log_likelihoods

SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1 before their log-odds are taken."""

STRANGE = 0.02
"""Tail probability below which a row's signature is strange enough for its confidence to be doubted."""

LOG_STRANGE = float(np.log(STRANGE))


def fit_temperature(logits: NDArray[np.float64], codes: NDArray[np.int64], *, ordinal: bool = False) -> float:
    """Return the T that minimises the log loss of softmax(logits / T) on held-out rows, or of levels σ((f − θ) / T).

    Guo et al., "On Calibration of Modern Neural Networks" (2017). Bounded to [0.05, 20]: on separable rows the
    minimum is at 0.
    """

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled = level_log_likelihoods(torch.from_numpy(scaled)).numpy() if ordinal else log_softmax(scaled, axis=1)
        return float(-scaled[np.arange(len(codes)), codes].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def log_odds(probability: Tensor) -> Tensor:
    """Return log(p / (1 − p)), p kept within [1e-6, 1 − 1e-6]."""
    bounded = torch.clamp(probability, SMALLEST, 1 - SMALLEST)
    return torch.log(bounded) - torch.log(1 - bounded)


class Confidence(nn.Module):
    """reliability = chance + (σ(a + b·log-odds(the label's probability)) − chance)·w, w = min(1, t / 0.02).

    The regression is fitted to "the label is right" on held-out rows, b ≥ 0, so that more confidence never lowers it.
    t is the tail probability of the row's signature: rows stranger than one in fifty are trusted less the stranger
    they are, down to what a guess among the classes is worth. The shape is that of SIRC (Xia and Bouganis,
    "Augmenting softmax information for selective classification with out-of-distribution data", 2022): usual rows
    keep softmax's order, the second signal pulls down what is atypical. Its constants are set beforehand and by
    calibration rows alone.

    Args:
        intercept: a.
        slope: b.
        chance: 1 / K; of numbers, how often the mean of all is near enough.
    """

    coefficients: Tensor

    def __init__(self, intercept: float, slope: float, chance: float) -> None:
        super().__init__()
        self.register_buffer("coefficients", torch.tensor([intercept, slope, chance], dtype=torch.float64))

    @classmethod
    def fit(cls, confidence: Tensor, correct: NDArray[np.bool_], chance: float) -> Self:
        """Return the regression of `correct` [n] on held-out rows' `log_odds` confidence [n], for a guess's `chance`.

        A weak pull (one pseudo-row) towards σ(log-odds), the temperature-scaled probability itself, keeps it finite
        where every row is right.
        """
        features = torch.stack([torch.ones_like(confidence), confidence], 1).double().numpy()
        prior = np.array([0.0, 1.0])
        signs = np.where(correct, -1.0, 1.0)

        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            scores = signs * (features @ weights)
            distance = weights - prior
            value = logsumexp([np.zeros_like(scores), scores], axis=0).sum() + 0.5 * distance @ distance
            return float(value), features.T @ (signs * expit(scores)) + distance

        intercept, slope = minimize(loss, prior, jac=True, bounds=[(None, None), (0, None)], method="L-BFGS-B").x
        return cls(float(intercept), float(slope), chance)

    @property
    def weights(self) -> tuple[float, float, float]:
        """(a, b, chance)."""
        intercept, slope, chance = self.coefficients.tolist()
        return intercept, slope, chance

    def forward(self, confidence: Tensor, log_tail: Tensor) -> Tensor:
        """Return the reliability [N] for log-odds confidence [N] and the log tail probability of the signature [N]."""
        intercept, slope, chance = self.coefficients.unbind(0)
        trust = torch.exp(torch.clamp_max(log_tail - LOG_STRANGE, 0.0))
        return chance + (torch.sigmoid(intercept + slope * confidence) - chance) * trust
