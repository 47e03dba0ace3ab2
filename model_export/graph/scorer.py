"""Everything a row is answered with, as one module: the thing that is exported."""

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model_export.chainzrule import Network
from model_export.graph.decision import decide, walk_back
from model_export.reliability import Confidence, ConformalScale, Signature, TailScale
from model_export.reliability.confidence import log_odds
from model_export.training.standardiser import InputStandardiser
from service.manifest import JacobianKind

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
    expected_level: Array | None = None
    """of an ordinal network"""

    def present(self) -> dict[str, Array]:
        """Return the outputs that there are, by name."""
        return {name: value for name, value in zip(self._fields, self, strict=True) if value is not None}


def as_arrays(scores: Scores[Tensor]) -> Scores[NDArray[Any]]:
    """Return the scores as numpy has them."""
    return Scores(**{name: output.numpy() for name, output in scores.present().items()})


def raised(strangeness: Tensor, unseen: Tensor | None, least: Tensor) -> Tensor:
    """Return the strangeness [N] of rows, `least` at least where a row has an unseen category.

    Its columns stand at their means then, so that the derivatives alone may find nothing strange.

    Args:
        strangeness: by the signature.
        unseen: which rows have one, [N]; None where there can be none.
        least: beyond every training and calibration row that has none.
    """
    return strangeness if unseen is None else torch.maximum(strangeness, unseen.to(strangeness.dtype) * least)


class Scorer(nn.Module):
    """Raw rows in, `Scores` out.

    Args:
        standardiser: fitted on the training rows.
        network: the trained network.
        jacobian: "full" takes all K rows of J by K walks back; "margin" the one combination label − runner-up.
        temperature: T of the probabilities.
        mean_norm: the mean ‖J‖ over the calibration rows [K, K] by label and runner-up; all alike when "full", or of
            levels.
        signature: how strange the row's derivatives are.
        scale: turns the signature into typicality.
        tail: turns it into a tail probability.
        confidence: turns log-odds and tail probability into reliability.
        unseen: how strange a row with an unseen category is, at least.
    """

    temperature: Tensor
    mean_norm: Tensor
    least_of_unseen: Tensor

    def __init__(
        self,
        standardiser: InputStandardiser,
        network: Network,
        jacobian: JacobianKind,
        temperature: float,
        mean_norm: Tensor,
        signature: Signature,
        scale: ConformalScale,
        tail: TailScale,
        confidence: Confidence,
        unseen: float = 0.0,
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
        self.register_buffer("least_of_unseen", torch.tensor(unseen, dtype=torch.float64))

    def strangeness(self, x: Tensor, fingerprint: Sequence[Tensor]) -> Tensor:
        """Return how strange raw rows x [N, …] of such a fingerprint are, [N]."""
        return raised(self.signature(fingerprint), self.standardiser.unseen(x), self.least_of_unseen)

    def forward(self, x: Tensor) -> Scores[Tensor]:
        """Score raw rows x [N, …], as the standardiser takes them."""
        trace = self.network.trace(self.standardiser(x))
        decision = decide(self.network, trace.logits, self.temperature)
        walk = walk_back(self.network, trace, self.jacobian, decision)
        strangeness = self.strangeness(x, self.network.fingerprint(trace.records))
        return Scores(
            label=decision.label,
            probabilities=decision.probabilities,
            jacobian_norm=walk.norm,
            tail_ratio=walk.norm / self.mean_norm[decision.label, decision.runner_up],
            boundary_distance=walk.boundary_distance,
            typicality=self.scale(strangeness),
            reliability=self.confidence(log_odds(decision.certainty), self.tail(strangeness)),
            sensitivity=self.standardiser.gradient(walk.sensitivity),
            expected_level=decision.expected_level,
        )
