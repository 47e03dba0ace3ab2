"""How one network is built and trained."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from model_export.chainzrule import ChainzRuleLayer, CumulativeHead, Network, make_activation
from model_export.training.schedule import Schedule


@dataclass(frozen=True)
class Recipe:
    """A dense network and its training: AdamW, clipped gradients, early stopping, as `ChainzRuleClassifier` does it.

    Args:
        hidden_widths: widths of the hidden layers.
        activation: one of `chainzrule.ACTIVATIONS`.
        degree: degree of the polynomials.
        curvature: their starting second-order coefficient, see `Polynomial`.
        shared: whether a layer's neurons share one polynomial.
        spectral: whether weights are divided by their spectral norms.
        ordinal: whether the outputs are levels, behind a `CumulativeHead`.
        learning_rate: of AdamW.
        weight_decay: of AdamW.
        dreg: λ over training.
        batch_size: rows a step.
        max_epochs: the most passes over the training rows.
        patience: epochs without a better validation loss before training stops; the best network is kept.
    """

    hidden_widths: tuple[int, ...] = (64, 64)
    activation: str = "polynomial"
    degree: int = 3
    curvature: float = 0.5
    shared: bool = False
    spectral: bool = False
    ordinal: bool = False
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    dreg: Schedule = Schedule(0.0)  # noqa: RUF009 - it never changes
    batch_size: int = 32
    max_epochs: int = 200
    patience: int = 20

    @property
    def shape(self) -> tuple[object, ...]:
        """What networks that are trained side by side must have in common."""
        return (
            self.hidden_widths,
            self.activation,
            self.degree,
            self.shared,
            self.spectral,
            self.ordinal,
            self.batch_size,
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting, as JSON has it."""
        return {**asdict(self), "dreg": str(self.dreg)}

    def build(self, features: int, classes: int) -> Network:
        """Return a new network, drawn from torch's global generator."""
        widths = (features, *self.hidden_widths)
        layers = [
            ChainzRuleLayer(
                before,
                after,
                make_activation(
                    self.activation, 1 if self.shared else after, degree=self.degree, curvature=self.curvature
                ),
            )
            for before, after in pairwise(widths)
        ]
        network = Network(layers, (CumulativeHead if self.ordinal else nn.Linear)(widths[-1], classes))
        if self.spectral:
            for module in list(network.modules()):
                if isinstance(module, nn.Linear):
                    parametrize.register_parametrization(module, "weight", UnitSpectralNorm())
        return network


class UnitSpectralNorm(nn.Module):
    """W / σ(W), σ the largest singular value: exact, which is affordable for small matrices and has no state."""

    def forward(self, weight: Tensor) -> Tensor:
        """Return W [n, m] divided by its spectral norm."""
        normalised: Tensor = weight / torch.linalg.matrix_norm(weight, 2)
        return normalised
