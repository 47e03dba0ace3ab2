"""A network of ChainzRule layers with a linear head."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, cast

from torch import Tensor, nn

from model_export.chainzrule.activation import make_activation
from model_export.chainzrule.layer import ChainzRuleLayer


class Trace(NamedTuple):
    """What one forward pass leaves behind: enough for every Jacobian of the network."""

    logits: Tensor
    """[N, K]"""

    derivatives: tuple[Tensor, ...]
    """d_1 … d_{L-1}: the derivative of each hidden layer's activation, [N, n_l] each"""


class ChainzRuleNetwork(nn.Module):
    """Layers of widths n_0 → n_1 → … → n_{L-1}, then a linear head to n_L = K logits.

    Args:
        widths: n_0 … n_L, at least an input and an output.
        activation: one of `ACTIVATIONS`.
        degree: degree of a polynomial activation.
        curvature: the starting second-order coefficient of a polynomial activation, see `Polynomial`.

    Raises:
        ValueError: if there are fewer than two widths, one is not positive, or the activation is unknown.
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation: str = "polynomial",
        degree: int = 3,
        curvature: float = 0.5,
    ) -> None:
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths must be an input, hidden and an output width, all positive: got {list(widths)}")
        *hidden, outputs = widths
        self.hidden = nn.ModuleList(
            ChainzRuleLayer(before, after, make_activation(activation, after, degree=degree, curvature=curvature))
            for before, after in pairwise(hidden)
        )
        self.head = nn.Linear(hidden[-1], outputs)

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """W_1 … W_L, each [n_l, n_{l-1}]."""
        layers = (cast("ChainzRuleLayer", layer).linear.weight for layer in self.hidden)
        return (*layers, self.head.weight)

    def trace(self, x: Tensor) -> Trace:
        """Return the logits of x [N, n_0] and the derivatives met on the way."""
        derivatives = []
        for layer in self.hidden:
            x, derivative = layer(x)
            derivatives.append(derivative)
        return Trace(self.head(x), tuple(derivatives))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [N, K] of x [N, n_0]."""
        return self.trace(x).logits
