"""Everything a row of a regression is answered with, as one module."""

from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model_export.chainzrule import Network, Trace
from model_export.graph.scorer import raised
from model_export.reliability import Confidence, ConformalScale, Difficulty, Signature, TailScale
from model_export.training.standardiser import InputStandardiser
from service.manifest import JacobianKind

Array = TypeVar("Array")


class RegressionScores(NamedTuple, Generic[Array]):
    """The outputs of the graph, in its order; what each means stands in `service.manifest.REGRESSION_OUTPUTS`."""

    value: Array
    lower: Array
    upper: Array
    jacobian_norm: Array
    tail_ratio: Array
    typicality: Array
    reliability: Array
    sensitivity: Array

    def present(self) -> dict[str, Array]:
        """Return the outputs by name."""
        return self._asdict()


def as_arrays(scores: RegressionScores[Tensor]) -> RegressionScores[NDArray[Any]]:
    """Return the scores as numpy has them."""
    return RegressionScores(*(output.numpy() for output in scores))


def gradient(network: Network, trace: Trace) -> Tensor:
    """Return the gradient of a network's one output, of the shape of its input."""
    return network.pullback(trace.records, torch.ones_like(trace.logits))


class RegressionScorer(nn.Module):
    """Raw rows in, `RegressionScores` out.

    Args:
        standardiser: fitted on the training rows.
        network: trained; its one output is the target in its own unit.
        mean_norm: the mean ‖∇f‖ over the calibration rows.
        signature: how strange the row's derivatives are.
        scale: turns the signature into typicality.
        tail: turns it into a tail probability.
        difficulty: how large the row's error is to be expected.
        quantile: half the interval's width over the difficulty.
        tolerance: an error up to which a value counts as right.
        confidence: turns log(tolerance / difficulty) and tail probability into reliability.
        unseen: how strange a row with an unseen category is, at least.
    """

    least_of_unseen: Tensor

    jacobian: ClassVar[JacobianKind] = "full"
    """There is one row of it."""

    def __init__(
        self,
        standardiser: InputStandardiser,
        network: Network,
        mean_norm: float,
        signature: Signature,
        scale: ConformalScale,
        tail: TailScale,
        difficulty: Difficulty,
        quantile: float,
        tolerance: float,
        confidence: Confidence,
        unseen: float = 0.0,
    ) -> None:
        super().__init__()
        self.standardiser = standardiser
        self.network = network
        self.mean_norm = mean_norm
        self.signature = signature
        self.scale = scale
        self.tail = tail
        self.difficulty = difficulty
        self.quantile = quantile
        self.tolerance = tolerance
        self.confidence = confidence
        self.register_buffer("least_of_unseen", torch.tensor(unseen, dtype=torch.float64))

    def forward(self, x: Tensor) -> RegressionScores[Tensor]:
        """Score raw rows x [N, …], as the standardiser takes them."""
        trace = self.network.trace(self.standardiser(x))
        derivatives = self.network.fingerprint(trace.records)
        sensitivity = gradient(self.network, trace)
        norm = torch.linalg.vector_norm(sensitivity.flatten(1), dim=1)
        value = trace.logits[:, 0]
        half = self.quantile * self.difficulty(derivatives[1])
        typicality, reliability = self.trust(x, derivatives)
        return RegressionScores(
            value=value,
            lower=value - half,
            upper=value + half,
            jacobian_norm=norm,
            tail_ratio=norm / self.mean_norm,
            typicality=typicality,
            reliability=reliability,
            sensitivity=self.standardiser.gradient(sensitivity),
        )

    def trust(self, x: Tensor, derivatives: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return typicality and reliability, [N] each, of raw rows x [N, …] of such a fingerprint."""
        strangeness = raised(self.signature(derivatives), self.standardiser.unseen(x), self.least_of_unseen)
        ease = self.ease(derivatives)
        return self.scale(strangeness), self.confidence(ease, self.tail(strangeness))

    def ease(self, derivatives: tuple[Tensor, Tensor]) -> Tensor:
        """Return log(tolerance / difficulty) [N]."""
        return torch.log(torch.tensor(self.tolerance, dtype=torch.float64)) - self.difficulty.log(derivatives[1])
