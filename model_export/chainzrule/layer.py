"""One ChainzRule layer: a linear map, then an activation that hands its derivative out."""

from torch import Tensor, nn

from model_export.chainzrule.activation import Activation


class ChainzRuleLayer(nn.Module):
    """h = φ(W x + b), returned with d = φ'(W x + b), so that its Jacobian diag(d) W costs nothing more.

    Args:
        inputs: width of x.
        outputs: width of h.
        activation: a module returning value and derivative, as `make_activation` makes them.
    """

    def __init__(self, inputs: int, outputs: int, activation: Activation) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.activation = activation

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return h and d, both [N, outputs], for x [N, inputs]."""
        value, derivative = self.activation(self.linear(x))
        return value, derivative
