"""An activation that stops bending far from where it was trained."""

from torch import Tensor, nn

from model_export.chainzrule.activation import Activation


class Bounded(nn.Module):
    """φ within ±limit, and its tangents at ±limit beyond, so that value and derivative are continuous.

    A chain of L cubics grows with the power 3^L of its input: one strange pixel makes a number that no float holds,
    and in a convolutional network an image has a hundred thousand chances of it. Behind a normalisation nearly all
    values lie within a few units, where this is φ itself; beyond, growth is linear.

    Args:
        activation: φ, a module returning value and derivative.
        limit: in units of z, positive.
    """

    def __init__(self, activation: Activation, limit: float) -> None:
        super().__init__()
        self.activation = activation
        self.limit = limit

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return φ(c) + φ'(c)·(z − c) and φ'(c), both of z's shape, with c the nearest to z within ±limit."""
        within = z.clamp(-self.limit, self.limit)
        value, derivative = self.activation(within)
        return value + derivative * (z - within), derivative
