"""What depends on the class, from the last hidden layer on and back again, in few operations.

Constants are multiplied out beforehand: temperature, regression and the differences of the head's rows.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

from model_export.chainzrule import CumulativeHead, walk_back_rows
from model_export.graph.decision import Walk, walk_of_rows
from model_export.graph.scorer import Scorer
from model_export.reliability.confidence import SMALLEST, log_odds

Pull = Callable[[Tensor], Tensor]
"""Walks combinations of the last hidden layer [N, n_{L-1}] back to the input."""


class Verdict(NamedTuple):
    """Everything that depends on the class."""

    label: Tensor
    """[N]"""

    probabilities: Tensor
    """[N, K]"""

    confidence: Tensor
    """a/2 + b/2·log-odds of the label's probability [N], with the regression's a and b: σ(2x) = (1 + tanh x) / 2"""

    walk: Walk
    """Norm, distance and gradient"""

    rarity: Tensor
    """1 / mean ‖J‖ of label and runner-up, [N], or one for all"""

    expected_level: Tensor | None = None


class TwoClasses(nn.Module):
    """One gap between the classes, g = f_1 − f_0, serves for everything.

    softmax is (σ(−g/T), σ(g/T)), the margin |g|, the log-odds of the larger probability |g|/T, and the margin's
    gradient walks back from ± one row. Only for scorers that take the margin's row of J alone.

    Args:
        scorer: whose temperature, regression and mean norm to take.
        head: the last layer, as the hidden layers before it want it.
    """

    weight: Tensor
    bias: Tensor
    coldness: Tensor
    intercept: Tensor
    slope: Tensor
    rarity: Tensor

    def __init__(self, scorer: Scorer, head: nn.Linear) -> None:
        super().__init__()
        intercept, slope, _ = scorer.confidence.weights
        weight, bias, temperature = head.weight.detach(), head.bias.detach(), scorer.temperature
        self.largest = (log_odds(torch.ones_like(temperature)) * temperature).item()
        self.register_buffer("weight", weight - weight.flip(0))
        self.register_buffer("bias", bias - bias.flip(0))
        self.register_buffer("coldness", 1 / temperature)
        self.register_buffer("intercept", torch.full_like(temperature, intercept / 2))
        self.register_buffer("slope", slope / 2 / temperature)
        self.register_buffer("rarity", 1 / scorer.mean_norm[0, 1])

    def forward(self, hidden: Tensor, pull: Pull) -> Verdict:
        """Return the verdict on the last hidden layer [N, n_{L-1}]."""
        gaps = linear(hidden, self.weight, self.bias)  # (−g, g)
        label, margin = gaps.argmax(1), gaps.amax(1)
        gradient = pull(embedding(label, self.weight))
        return Verdict(
            label=label,
            probabilities=torch.sigmoid(gaps * self.coldness),
            confidence=self.intercept + self.slope * margin.clamp_max(self.largest),
            walk=Walk.of(margin, gradient),
            rarity=self.rarity,
        )


class ManyClasses(nn.Module):
    """Any number of classes, and either kind of Jacobian.

    Args:
        scorer: whose temperature, regression and mean norms to take, and how many rows of J.
        head: the last layer, as the hidden layers before it want it.
    """

    weight: Tensor
    bias: Tensor
    head: Tensor
    temperature: Tensor
    difference: Tensor
    margin: Tensor
    place: Tensor
    intercept: Tensor
    slope: Tensor
    rarity: Tensor

    def __init__(self, scorer: Scorer, head: nn.Linear) -> None:
        super().__init__()
        intercept, slope, _ = scorer.confidence.weights
        weight, bias, temperature = head.weight.detach(), head.bias.detach(), scorer.temperature
        difference = torch.tensor([1.0, -1.0], dtype=torch.float64)
        self.jacobian = scorer.jacobian
        self.register_buffer("weight", weight / temperature)
        self.register_buffer("bias", bias / temperature)
        self.register_buffer("head", weight)
        self.register_buffer("temperature", temperature)
        self.register_buffer("difference", difference)
        self.register_buffer("margin", difference * temperature)
        self.register_buffer("place", torch.tensor([len(weight), 1]))
        self.register_buffer("intercept", torch.full_like(temperature, intercept / 2))
        self.register_buffer("slope", torch.full_like(temperature, -slope / 2))
        self.register_buffer("rarity", 1 / scorer.mean_norm.flatten())

    def forward(self, hidden: Tensor, pull: Pull) -> Verdict:
        """Return the verdict on the last hidden layer [N, n_{L-1}]."""
        logits = linear(hidden, self.weight, self.bias)  # over the temperature
        largest, classes = torch.topk(logits, 2, dim=1)
        label = classes[:, 0]
        if self.jacobian == "full":
            gaps = (largest[:, :1] - logits) * self.temperature
            walk = walk_of_rows(walk_back_rows(pull, self.head, len(hidden)), gaps, label, classes[:, 1])
        else:
            cotangent = self.difference @ embedding(classes, self.head)
            walk = Walk.of(largest @ self.margin, pull(cotangent))
        probabilities = torch.softmax(logits, 1)
        odds_against = 1 / probabilities.amax(1).clamp_max(1 - SMALLEST) - 1
        return Verdict(
            label=label,
            probabilities=probabilities,
            confidence=self.intercept + self.slope * torch.log(odds_against),
            walk=walk,
            rarity=torch.gather(self.rarity, 0, classes @ self.place),
        )


class Levels(nn.Module):
    """Levels along one number f, whose gradient is the only one.

    Args:
        scorer: whose temperature, regression and mean norm to take.
        head: the last layer, as the hidden layers before it want it.
    """

    weight: Tensor
    bias: Tensor
    gradient: Tensor
    coldness: Tensor
    intercept: Tensor
    slope: Tensor
    rarity: Tensor

    def __init__(self, scorer: Scorer, head: CumulativeHead) -> None:
        super().__init__()
        intercept, slope, _ = scorer.confidence.weights
        weight, thresholds, temperature = head.weight.detach(), head.thresholds.detach(), scorer.temperature
        # A column for each threshold: one product then has every difference f − θ.
        self.register_buffer("weight", weight.expand(len(thresholds), -1).clone())
        self.register_buffer("bias", -thresholds)
        self.register_buffer("gradient", weight)
        self.register_buffer("coldness", 1 / temperature)
        self.register_buffer("intercept", torch.full_like(temperature, intercept / 2))
        self.register_buffer("slope", torch.full_like(temperature, slope / 2))
        self.register_buffer("rarity", 1 / scorer.mean_norm[0, 0])

    def forward(self, hidden: Tensor, pull: Pull) -> Verdict:
        """Return the verdict on the last hidden layer [N, n_{L-1}]."""
        differences = linear(hidden, self.weight, self.bias)
        label = (differences > 0).sum(1)
        above = torch.sigmoid(differences * self.coldness)
        one = torch.ones_like(above[:, :1])
        probabilities = torch.cat([one, above], 1) - torch.cat([above, one - one], 1)
        certainty = torch.gather(probabilities, 1, label.unsqueeze(1))[:, 0]
        return Verdict(
            label=label,
            probabilities=probabilities,
            confidence=self.intercept + self.slope * log_odds(certainty),
            walk=Walk.of(differences.abs().amin(1), pull(self.gradient.expand(len(hidden), -1))),
            rarity=self.rarity,
            expected_level=above.sum(1),
        )
