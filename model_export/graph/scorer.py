"""Everything a row is answered with, as one module: the thing that is exported."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, Self, TypeVar

import torch
from torch import Tensor, nn

from model_export.chainzrule import ChainzRuleNetwork, Trace, hidden_pullback, jacobian_norm, reverse_jacobian
from model_export.reliability import Confidence, ConformalScale, Signature, TailScale
from model_export.reliability.confidence import log_odds
from model_export.training.standardiser import Standardiser
from service.manifest import JacobianKind

_SMALLEST_NORM = 1e-12
"""Divisors are kept above this: where the network is flat the boundary is far, not at infinity."""


Array = TypeVar("Array")


class Scores(NamedTuple, Generic[Array]):
    """The outputs of the graph, in its order; what each means stands in `service.manifest.OUTPUTS`."""

    label: Array
    probabilities: Array
    jacobian_norm: Array
    tail_ratio: Array
    boundary_distance: Array
    typicality: Array
    reliability: Array
    sensitivity: Array


class Walk(NamedTuple):
    """What walking back through the network gives."""

    norm: Tensor
    boundary_distance: Tensor
    sensitivity: Tensor

    @classmethod
    def of(cls, margin: Tensor, sensitivity: Tensor) -> Self:
        """Return what one walk gives, from margin [N] and gradient [N, n_0]."""
        norm = torch.linalg.vector_norm(sensitivity, dim=1)
        return cls(norm, margin / norm.clamp_min(_SMALLEST_NORM), sensitivity)


class Scorer(nn.Module):
    """Raw rows in, `Scores` out.

    Args:
        standardiser: fitted on the training rows.
        network: the trained network.
        jacobian: "full" takes all K rows of J by K walks back; "margin" the one combination label − runner-up.
        temperature: T of the probabilities.
        mean_norm: the mean ‖J‖ over the calibration rows [K, K] by label and runner-up (all alike when "full").
        signature: how strange the row's derivatives are.
        scale: turns the signature into typicality.
        tail: turns it into a tail probability.
        confidence: turns log-odds and tail probability into reliability.
    """

    temperature: Tensor
    mean_norm: Tensor

    def __init__(
        self,
        standardiser: Standardiser,
        network: ChainzRuleNetwork,
        jacobian: JacobianKind,
        temperature: float,
        mean_norm: Tensor,
        signature: Signature,
        scale: ConformalScale,
        tail: TailScale,
        confidence: Confidence,
    ) -> None:
        super().__init__()
        self.standardiser = standardiser
        self.network = network
        self.jacobian = jacobian
        self.register_buffer("temperature", torch.tensor(temperature, dtype=torch.float64))
        self.register_buffer("mean_norm", mean_norm)
        self.signature = signature
        self.scale = scale
        self.tail = tail
        self.confidence = confidence

    def forward(self, x: Tensor) -> Scores[Tensor]:
        """Score raw rows x [N, n_0]; NaN marks a missing value."""
        trace = self.network.trace(self.standardiser(x))
        largest, classes = torch.topk(trace.logits, 2, dim=1)
        label, runner_up = classes.unbind(1)
        margin = largest[:, 0] - largest[:, 1]
        probabilities = torch.softmax(trace.logits / self.temperature, dim=1)
        walk = walk_back(self.network, trace, self.jacobian, label, runner_up, margin)
        distance = self.signature(trace.derivatives)
        return Scores(
            label=label,
            probabilities=probabilities,
            jacobian_norm=walk.norm,
            tail_ratio=walk.norm / self.mean_norm[label, runner_up],
            boundary_distance=walk.boundary_distance,
            typicality=self.scale(distance),
            reliability=self.confidence(log_odds(probabilities.amax(1)), self.tail(distance)),
            sensitivity=walk.sensitivity,
        )


def walk_back(
    network: ChainzRuleNetwork,
    trace: Trace,
    jacobian: JacobianKind,
    label: Tensor,
    runner_up: Tensor,
    margin: Tensor,
) -> Walk:
    """Return ‖J‖, the first-order distance to the nearest other class, and the margin's gradient.

    The distance is min_j (f_y − f_j) / ‖∇(f_y − f_j)‖ over all other classes j when `jacobian` is "full", and over
    the runner-up alone when it is "margin"; there ‖J‖ is the norm of that one row.
    """
    if jacobian == "full":
        gaps = trace.logits.amax(1, keepdim=True) - trace.logits
        return walk_back_fully(network.weights, trace.derivatives, gaps, label, runner_up)
    head = network.head.weight
    return Walk.of(margin, hidden_pullback(network.weights[:-1], trace.derivatives, head[label] - head[runner_up]))


def walk_back_fully(
    weights: Sequence[Tensor], derivatives: Sequence[Tensor], gaps: Tensor, label: Tensor, runner_up: Tensor
) -> Walk:
    """Return the same from all rows of J, for the gaps f_y − f_j [N, K]."""
    rows = reverse_jacobian(weights, derivatives)
    own = _take(rows, label)
    distances = torch.linalg.vector_norm(own.unsqueeze(1) - rows, dim=2).clamp_min(_SMALLEST_NORM)
    others = torch.arange(gaps.shape[1]) != label.unsqueeze(1)
    nearest = torch.where(others, gaps / distances, torch.inf).amin(1)
    return Walk(jacobian_norm(rows), nearest, own - _take(rows, runner_up))


def _take(rows: Tensor, index: Tensor) -> Tensor:
    """Return rows[n, index[n]] of rows [N, K, n_0]."""
    wide = index.reshape(-1, 1, 1).expand(-1, 1, rows.shape[2])
    return torch.gather(rows, 1, wide).squeeze(1)
