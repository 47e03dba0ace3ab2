"""Polynomial layers without their constants, which the next layer's bias takes: one operation a layer less."""

from copy import deepcopy
from itertools import pairwise

from torch import Tensor, nn

from model_export.chainzrule import ChainzRuleLayer, CumulativeHead, Network, Polynomial


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


def through_origin(network: Network) -> Network:
    """Return an equal network whose dense layers' polynomials, those of degree 1 apart, have no constant.

    The constants of a convolution stay where they are: the zeros around the next one's input would not have them.
    """
    result = deepcopy(network).requires_grad_(False)
    for layer, following in pairwise((*result.layers, result.head)):
        if not isinstance(layer, ChainzRuleLayer) or not isinstance(layer.activation, Polynomial):
            continue
        coefficients = layer.activation.coefficients
        if layer.activation.degree == 1 or not isinstance(following, ChainzRuleLayer | nn.Linear | CumulativeHead):
            continue
        if isinstance(following, CumulativeHead):
            following.lowest.sub_(following.linear.weight @ coefficients[0])
        else:
            linear = following.linear if isinstance(following, ChainzRuleLayer) else following
            linear.bias.add_(linear.weight @ coefficients[0])
        layer.activation = OriginPolynomial(coefficients[1:])
    return result
