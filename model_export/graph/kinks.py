"""What float32 cannot resolve of networks whose derivative jumps."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_export.chainzrule import MaxPool, Network, Relu
from model_export.graph.scorer import Scorer, Scores, as_arrays
from model_export.training.standardiser import InputStandardiser

_DRAWS = 8

_SEVERAL = 2.0
"""More than one kink may be near, and be passed together by no draw."""


def has_kinks(network: Network) -> bool:
    """Return whether the derivative jumps: where a ReLU's input is 0, or two candidates for a maximum meet."""
    return any(isinstance(module, Relu | MaxPool) for module in network.modules())


def changes_at_kinks(scorer: Scorer, rows: Tensor, amount: float) -> Scores[NDArray[Any]]:
    """Return by how much each output changes, [N] each, where rounding may pass a kink: tried out.

    A row that is nearer to a kink than rounding has one derivative in float64 and may have another in float32; neither
    is wrong.

    Args:
        scorer: float64.
        rows: raw rows [N, …].
        amount: how far standardised values are moved, relative to 1 and to them.
    """
    generator = torch.Generator().manual_seed(0)
    moving = Scorer(
        _Moved(scorer.standardiser, amount, generator),
        scorer.network,
        scorer.jacobian,
        scorer.temperature.item(),
        scorer.mean_norm,
        scorer.signature,
        scorer.scale,
        scorer.tail,
        scorer.confidence,
    )
    exact = as_arrays(scorer(rows)).present()
    changes = {name: np.zeros(len(rows)) for name in exact}
    for _ in range(_DRAWS):
        for name, value in as_arrays(moving(rows)).present().items():
            change = np.abs(value - exact[name]).reshape(len(rows), -1).max(1)
            changes[name] = np.maximum(changes[name], _SEVERAL * change)
    return Scores(**changes)


class _Moved(InputStandardiser):
    """Standardises, and moves every value a little, by another draw each time."""

    def __init__(self, standardiser: InputStandardiser, amount: float, generator: torch.Generator) -> None:
        super().__init__()
        self.standardiser = standardiser
        self.amount = amount
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        standard: Tensor = self.standardiser(x)
        draw = 2 * torch.rand(standard.shape, generator=self.generator, dtype=standard.dtype) - 1
        return standard + self.amount * (1 + standard.abs()) * draw

    def gradient(self, gradient: Tensor) -> Tensor:
        return self.standardiser.gradient(gradient)

    def example(self, rows: int) -> Tensor:
        return self.standardiser.example(rows)
