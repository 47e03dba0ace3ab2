"""The regression scorer written for the runtime, from as few operations as will do, as `graph.compact` has others."""

from copy import deepcopy
from math import log
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from model_export.graph.compact import Strangeness, run_layers
from model_export.graph.flipped import flipped
from model_export.graph.origin import through_origin
from model_export.graph.regression.scorer import RegressionScorer, RegressionScores
from model_export.graph.scorer import raised


class CompactRegression(nn.Module):
    """Raw rows in, `RegressionScores` out, as `RegressionScorer` has it.

    Args:
        scorer: what to write anew, float64.
    """

    weight: Tensor
    bias: Tensor
    least_of_unseen: Tensor

    def __init__(self, scorer: RegressionScorer) -> None:
        super().__init__()
        network = flipped(through_origin(scorer.network))
        head = cast("nn.Linear", network.head)
        intercept, slope, self.chance = scorer.confidence.weights
        self.standardiser = scorer.standardiser
        self.hidden = network.hidden
        self.register_buffer("weight", head.weight.detach())
        self.register_buffer("bias", head.bias.detach())
        self.signature = scorer.signature
        self.strangeness = Strangeness(scorer.scale, scorer.tail)
        self.register_buffer("least_of_unseen", scorer.least_of_unseen)
        self.difficulty = scorer.difficulty
        self.log_quantile = log(scorer.quantile)
        self.rarity = 1 / scorer.mean_norm
        # a + b·log(tolerance / s), halved: σ(2x) = (1 + tanh x) / 2.
        self.height = (intercept + slope * log(scorer.tolerance)) / 2
        self.slope = -slope / 2

    def forward(self, x: Tensor) -> RegressionScores[Tensor]:
        """Score raw rows x [N, …], as the standardiser takes them."""
        passed = run_layers(self.hidden, self.standardiser(x))
        hidden = passed.hidden
        value = linear(hidden, self.weight, self.bias)[:, 0]
        sensitivity = passed.pull_back(self.weight.expand(len(hidden), -1))
        norm = torch.linalg.vector_norm(sensitivity.flatten(1), dim=1)
        first, last = passed.fingerprint()
        distance = raised(self.signature((first, last)), self.standardiser.unseen(x), self.least_of_unseen)
        typicality, half_trust = self.strangeness(distance)
        difficulty = self.difficulty.log(last)
        half = torch.exp(difficulty + self.log_quantile)
        certainty = torch.tanh(self.height + self.slope * difficulty) + (1 - 2 * self.chance)
        return RegressionScores(
            value=value,
            lower=value - half,
            upper=value + half,
            jacobian_norm=norm,
            tail_ratio=norm * self.rarity,
            typicality=typicality,
            # chance + (σ − chance)·trust, with 2σ = 1 + tanh.
            reliability=self.chance + certainty * half_trust,
            sensitivity=self.standardiser.gradient(sensitivity),
        )


def compact_regression(scorer: RegressionScorer) -> CompactRegression:
    """Return `scorer` (float64, left as it is) in its cheapest form, in float32, ready to be exported."""
    return deepcopy(CompactRegression(scorer)).float().eval()
