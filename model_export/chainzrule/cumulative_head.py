"""The head of an ordinal network."""

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus


class CumulativeHead(nn.Module):
    """Levels behind rising thresholds of one number f: P(level > k) = σ(f − θ_k), k = 0 … K − 2.

    McCullagh, "Regression models for ordinal data" (1980). One f for all thresholds makes the levels' order a property
    of the head, as in CORAL (Cao, Mirjalili and Raschka, 2020): probabilities of neighbours cannot cross, and the only
    Jacobian there is, of f, says which way is up. Its scale is free, since nothing follows f but the thresholds.

    Args:
        features: width of what it takes.
        levels: K, at least 2.
    """

    def __init__(self, features: int, levels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1, bias=False)
        self.lowest = nn.Parameter(torch.tensor([1 - levels / 2]))
        # softplus(0.54) is 1: thresholds start a unit apart, around 0.
        self.steps = nn.Parameter(torch.full((levels - 2,), 0.5413))

    @property
    def weight(self) -> Tensor:
        """The gradient of f by the features, [1, n]."""
        return self.linear.weight

    @property
    def thresholds(self) -> Tensor:
        """θ_0 < … < θ_{K-2}, [K − 1]."""
        return torch.cat([self.lowest, softplus(self.steps)]).cumsum(0)

    def forward(self, features: Tensor) -> Tensor:
        """Return f − θ_k, [N, K − 1], for features [N, n]."""
        difference: Tensor = self.linear(features) - self.thresholds
        return difference

    def __str__(self) -> str:
        return f"cumulative {self.linear.in_features} → {len(self.steps) + 2} levels"


def level_log_likelihoods(logits: Tensor) -> Tensor:
    """Return log P(level = k) [N, K] from f − θ_k [N, K − 1], without cancellation.

    With a > b, σ(a) − σ(b) = σ(a) σ(−b) (1 − exp(b − a)).
    """
    below, above = logsigmoid(-logits), logsigmoid(logits)
    between = above[:, :-1] + below[:, 1:] + torch.log(-torch.expm1(logits[:, 1:] - logits[:, :-1]))
    return torch.cat([below[:, :1], between, above[:, -1:]], 1)
