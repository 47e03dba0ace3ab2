"""Polynomial layers without their constants, which the next layer's bias takes: one operation a layer less."""

from copy import deepcopy
from typing import cast

from torch import Tensor, nn

from model_export.chainzrule import ChainzRuleLayer, ChainzRuleNetwork, Polynomial


class OriginPolynomial(nn.Module):
    """φ_i(z) = Σ_k c[k − 1, i] z^k for neuron i, from k = 1 on, and φ_i'(z) beside it.

    Args:
        coefficients: c [degree, n], for a degree of at least 2.
    """

    coefficients: Tensor

    def __init__(self, coefficients: Tensor) -> None:
        super().__init__()
        self.register_buffer("coefficients", coefficients)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return φ(z) and φ'(z), both [N, n], by one Horner scheme for the two."""
        *lower, last, leading = self.coefficients.unbind(0)
        term = leading * z
        value = term + last
        derivative = term + value
        for coefficient in reversed(lower):
            value = value * z + coefficient
            derivative = derivative * z + value
        return value * z, derivative


def through_origin(network: ChainzRuleNetwork) -> ChainzRuleNetwork:
    """Return an equal network whose polynomials, those of degree 1 apart, have no constant."""
    result = deepcopy(network).requires_grad_(False)
    layers = [cast("ChainzRuleLayer", layer) for layer in result.hidden]
    linears = [*(layer.linear for layer in layers), result.head]
    for layer, following in zip(layers, linears[1:], strict=True):
        if isinstance(layer.activation, Polynomial) and layer.activation.degree > 1:
            coefficients = layer.activation.coefficients
            following.bias.add_(following.weight @ coefficients[0])
            layer.activation = OriginPolynomial(coefficients[1:])
    return result
