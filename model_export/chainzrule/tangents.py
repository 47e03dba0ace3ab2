"""Activations that stay straight where they were not trained."""

import torch
from torch import Tensor, nn

from model_export.chainzrule.activation import Activation

BOUND = 2.0
"""In deviations of a batch-normalised value; of a normal one, 5 % lie beyond.

With 3 the tails of each layer stretch the batch's spread in the next one: a network for CIFAR-10 learned more slowly.
"""


class Tangents(nn.Module):
    """φ within [−bound, bound] and its tangents at the ends beyond: φ(c) + φ'(c) (z − c), with c = clamp(z).

    Cubics of cubics of cubics overflow where an image is unlike any that was trained on: a network of ten layers has
    degree 3^10. With tangents it grows by a factor a layer, is smooth to first order, and its derivative stays φ'(c).

    Args:
        activation: φ, a module returning value and derivative.
        bound: from where on it is straight.
    """

    def __init__(self, activation: Activation, bound: float = BOUND) -> None:
        super().__init__()
        self.activation = activation
        self.bound = bound

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return value and derivative, both of z's shape."""
        within = torch.clamp(z, -self.bound, self.bound)
        value, derivative = self.activation(within)
        return value + derivative * (z - within), derivative
