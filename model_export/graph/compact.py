"""The scorer written for the runtime: the same outputs from as few operations as will do.

At one row a small network's time goes into the number of operations and not into their arithmetic, so everything that
is constant is multiplied out beforehand. What it must equal is `Scorer`, which says what the outputs mean;
`graph.verification` holds the two together.
"""

from copy import deepcopy
from math import log
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from model_export.chainzrule import CumulativeHead, Layer, Record, pull_back, summary
from model_export.graph.flipped import flipped
from model_export.graph.origin import through_origin
from model_export.graph.scorer import Scorer, Scores, raised
from model_export.graph.verdict import Levels, ManyClasses, TwoClasses, Verdict
from model_export.reliability import ConformalScale, TailScale
from model_export.reliability.confidence import STRANGE
from model_export.reliability.tail import SHARE


class Strangeness(nn.Module):
    """Typicality and half the trust, from the signature's distance s.

    The ramps of `ConformalScale` are one affine map and one clamp, its last level a ramp that is always 1. The trust
    of `Confidence` is exp(min(0, log(0.1/0.02) − (s − start)/excess)), with the bounds of `TailScale`.

    Args:
        scale: of the p-value.
        tail: of the tail probability.
    """

    scales: Tensor
    offsets: Tensor
    steps: Tensor
    slope: Tensor
    height: Tensor

    def __init__(self, scale: ConformalScale, tail: TailScale) -> None:
        super().__init__()
        zero = torch.zeros(1, dtype=torch.float64)
        start, excess = tail.bounds.unbind(0)
        self.register_buffer("scales", torch.cat([scale.scales, zero]).unsqueeze(1))
        self.register_buffer("offsets", torch.cat([-scale.starts * scale.scales, zero + 1]).unsqueeze(1))
        self.register_buffer("steps", torch.cat([scale.steps, scale.last.reshape(1)]))
        self.register_buffer("slope", -1 / excess)
        self.register_buffer("height", start / excess + log(SHARE / STRANGE / 2))

    def forward(self, distance: Tensor) -> tuple[Tensor, Tensor]:
        """Return typicality and half the trust, both [N], of distances [N]."""
        # Rows lie along the second axis: a row of steps times a matrix is what runtimes are quick at.
        ramps = torch.addmm(self.offsets, self.scales, distance.unsqueeze(0)).clamp(0, 1)
        trust = torch.exp((self.height + self.slope * distance).clamp_max(-log(2)))
        return self.steps @ ramps, trust


class Passed(NamedTuple):
    """What the hidden layers leave of rows."""

    hidden: Tensor
    """What the head takes, [N, ...]"""
    layers: list[Layer]
    records: list[Record]
    derivatives: list[Tensor]

    def pull_back(self, gradient: Tensor) -> Tensor:
        """Return a gradient by what the head takes as one by the layers' input."""
        return pull_back(self.layers, self.records, gradient)

    def fingerprint(self) -> tuple[Tensor, Tensor]:
        """Return what a signature takes: the derivatives of the first layer and of the last."""
        return summary(self.derivatives[0]), summary(self.derivatives[-1])


def run_layers(hidden: nn.Module, x: Tensor) -> Passed:
    """Run hidden layers, in their order in a container, on standardised rows x."""
    layers = [cast("Layer", module) for module in hidden.children()]
    records: list[Record] = []
    derivatives: list[Tensor] = []
    for layer in layers:
        x, record = layer(x)
        records.append(record)
        derivatives += layer.derivatives(record)
    return Passed(x, layers, records, derivatives)


class CompactScorer(nn.Module):
    """Raw rows in, `Scores` out, as `Scorer` has it.

    Args:
        scorer: what to write anew, float64.
    """

    least_of_unseen: Tensor

    def __init__(self, scorer: Scorer) -> None:
        super().__init__()
        network = flipped(through_origin(scorer.network))
        self.standardiser = scorer.standardiser
        self.hidden = network.hidden
        self.verdict = _verdict(scorer, network.head)
        self.signature = scorer.signature
        self.strangeness = Strangeness(scorer.scale, scorer.tail)
        self.chance = scorer.confidence.weights[2]
        self.register_buffer("least_of_unseen", scorer.least_of_unseen)

    def forward(self, x: Tensor) -> Scores[Tensor]:
        """Score raw rows x [N, …], as the standardiser takes them."""
        passed = run_layers(self.hidden, self.standardiser(x))
        verdict: Verdict = self.verdict(passed.hidden, passed.pull_back)
        distance = self.signature(passed.fingerprint())
        distance = raised(distance, self.standardiser.unseen(x), self.least_of_unseen)
        typicality, half_trust = self.strangeness(distance)
        certainty = torch.tanh(verdict.confidence)
        if self.chance != 0.5:
            certainty = certainty + (1 - 2 * self.chance)
        return Scores(
            label=verdict.label,
            probabilities=verdict.probabilities,
            jacobian_norm=verdict.walk.norm,
            tail_ratio=verdict.walk.norm * verdict.rarity,
            boundary_distance=verdict.walk.boundary_distance,
            typicality=typicality,
            # chance + (σ − chance)·trust, with 2σ = 1 + tanh.
            reliability=self.chance + certainty * half_trust,
            sensitivity=self.standardiser.gradient(verdict.walk.sensitivity),
            expected_level=verdict.expected_level,
        )


def _verdict(scorer: Scorer, head: nn.Linear | CumulativeHead) -> nn.Module:
    if isinstance(head, CumulativeHead):
        return Levels(scorer, head)
    two = scorer.jacobian == "margin" and head.out_features == 2
    return (TwoClasses if two else ManyClasses)(scorer, head)


def compact(scorer: Scorer) -> CompactScorer:
    """Return `scorer` (float64, left as it is) in its cheapest form, in float32, ready to be exported."""
    return deepcopy(CompactScorer(scorer)).float().eval()
