"""Cubics written in their cheapest form, by an exact change of variables.

A cubic c₀ + c₁z + c₂z² + c₃z³ is c₃·u(u² + p) + q in u = z + c₂/3c₃: the shift goes into the layer's own bias, the
scale and the constant into the next layer, and the derivative 3u² + p shares u². Where c₃ is near 0 the shift would run
away and cancel; there the neuron is written as *two* such cubics, u₁ = z + a and u₂ = z − a with weights α + β = c₃,
α − β = g, which is exact too and keeps the layer uniform.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from model_export.chainzrule import ChainzRuleLayer, ChainzRuleNetwork, Polynomial

_LARGEST_SHIFT = 4.0
"""Beyond this shift float32 loses more than a digit to cancellation over standardised inputs."""


class DepressedCubic(nn.Module):
    """φ(u) = u (u² + p) with φ'(u) = 3u² + p, per neuron.

    Args:
        linear: p [n].
    """

    linear: Tensor

    def __init__(self, linear: Tensor) -> None:
        super().__init__()
        self.register_buffer("linear", linear)

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return φ(u) and φ'(u)."""
        square = u * u
        return u * (square + self.linear), 3 * square + self.linear


class DepressedNetwork(NamedTuple):
    """A network equal to the one it was made from, and how the two networks' derivatives are related."""

    network: ChainzRuleNetwork
    mixings: tuple[Tensor, ...]
    """M_1 … M_{L-1}, [n_l, n_e] each, with d_l = e Mᵀ for the depressed layer's derivatives e [N, n_e]."""


class _Rewritten(NamedTuple):
    """One layer's cubics in depressed form; n_e depressed neurons make n original ones."""

    shift: Tensor
    linear: Tensor
    mixing: Tensor
    constant: Tensor


def depress(network: ChainzRuleNetwork, most_doubled: float = 0.1) -> DepressedNetwork | None:
    """Return `network` (float64) with depressed cubics, or None where they are no cubics or it would not pay.

    Args:
        network: what to rewrite.
        most_doubled: the share of a layer's neurons that may be written twice; beyond it the wider matrices cost more
            than the cheaper cubics save (`tests/benchmarks/graph_cost.py`).
    """
    layers = [cast("ChainzRuleLayer", layer) for layer in network.hidden]
    cubics = [layer.activation for layer in layers]
    if not cubics or not all(isinstance(cubic, Polynomial) and cubic.degree == 3 for cubic in cubics):
        return None
    rewritten = [_rewrite(cast("Polynomial", cubic).coefficients.detach()) for cubic in cubics]
    if any(part.mixing.shape[1] > (1 + most_doubled) * part.mixing.shape[0] for part in rewritten):
        return None

    widths = [
        layers[0].linear.in_features,
        *(len(part.shift) for part in rewritten),
        network.head.out_features,
    ]
    result = ChainzRuleNetwork(widths).double()
    result.requires_grad_(False)
    sources = [layer.linear for layer in layers] + [network.head]
    targets = [cast("ChainzRuleLayer", layer).linear for layer in result.hidden] + [result.head]
    incoming: _Rewritten | None = None
    for source, target, outgoing in zip(sources, targets, [*rewritten, None], strict=True):
        weight, bias = source.weight.detach(), source.bias.detach()
        if incoming is not None:
            bias = bias + weight @ incoming.constant
            weight = weight @ incoming.mixing
        if outgoing is not None:
            copies = (outgoing.mixing != 0).to(weight.dtype).T
            weight, bias = copies @ weight, copies @ bias + outgoing.shift
        target.weight.copy_(weight)
        target.bias.copy_(bias)
        incoming = outgoing
    for layer, part in zip(result.hidden, rewritten, strict=True):
        cast("ChainzRuleLayer", layer).activation = DepressedCubic(part.linear)
    return DepressedNetwork(result, tuple(part.mixing for part in rewritten))


def _rewrite(coefficients: Tensor) -> _Rewritten:
    """Return the depressed form of cubics with coefficients [4, n]."""
    c0, c1, c2, c3 = coefficients.double()
    single = (c3.abs() * 3 * _LARGEST_SHIFT >= c2.abs()) & (c3.abs() >= 1e-3 * c1.abs()) & (c3 != 0)
    cubic = torch.where(single, c3, 1.0)
    shift = c2 / (3 * cubic)
    linear = c1 / cubic - 3 * shift**2
    constant = c0 - c3 * (shift**3 + linear * shift)

    # Two cubics: g as small as the shift allows, since g·z³ is what cancels far out.
    gap = torch.maximum(c2.abs() / (3 * _LARGEST_SHIFT), 1e-2 * c1.abs())
    gap = torch.where(gap == 0, 1.0, gap)
    apart = c2 / (3 * gap)
    kappa = (c1 - 3 * apart**2 * c3) / gap
    constant = torch.where(single, constant, c0 - apart**3 * gap - kappa * apart * c3)

    index = torch.arange(len(c0))
    double = index[~single]
    mixing = torch.zeros(len(c0), len(c0) + len(double), dtype=torch.float64)
    mixing[index, index] = torch.where(single, c3, (c3 + gap) / 2)
    mixing[double, len(c0) + torch.arange(len(double))] = ((c3 - gap) / 2)[double]
    return _Rewritten(
        shift=torch.cat([torch.where(single, shift, apart), -apart[double]]),
        linear=torch.cat([torch.where(single, linear, kappa), -kappa[double]]),
        mixing=mixing,
        constant=constant,
    )
